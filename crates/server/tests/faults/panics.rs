//! A panic in each stage of a request: at most one client notices, and nothing is left behind.

use crate::harness::{Counter, Server, call, counting, eventually};
use crate::wire::Wire;

/// Clients that go on meanwhile.
const CLIENTS: usize = 4;

/// What clients were told: errors and lost connections of all of them.
fn told(counters: &[Counter]) -> (Vec<&String>, usize) {
    (counters.iter().flat_map(|c| &c.errors).collect(), counters.iter().map(|c| c.lost_connections).sum())
}

fn fenced(server: &Server) -> u64 {
    server.count("panics_fenced") + server.count("network_panics_fenced")
}

#[test]
fn a_panic_in_a_handler_is_answered_and_taken_back() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    assert_eq!(call(&mut wire, "SET key old"), "+OK");
    server.fault("storage-encode", "1*panic");
    let failed = "-ERR internal error: the command failed and was not applied";
    assert_eq!(call(&mut wire, "SET key new"), failed);
    assert_eq!(call(&mut wire, "GET key"), "$old");
    server.fault("storage-reader", "1*panic");
    assert_eq!(call(&mut wire, "KEYS *"), failed);
    assert_eq!(call(&mut wire, "KEYS *"), "[$key]");
    server.fault("storage-handler", "1*panic");
    assert_eq!(call(&mut wire, "FLUSHALL"), failed);
    assert_eq!(call(&mut wire, "DBSIZE"), ":1");
}

#[test]
fn a_panic_in_any_stage_of_storage_is_one_clients_error_at_most() {
    let server = Server::start(&[]);
    let not_applied = Some("-ERR internal error: the command failed and was not applied");
    let applied = Some("-ERR internal error: the command was applied, but its reply is lost");
    for (point, expected) in [
        ("storage-latch", not_applied),
        ("storage-read-ahead", None),
        ("storage-handler", not_applied),
        ("storage-encode", not_applied),
        ("storage-commit", None),
        ("storage-committed", None),
        ("storage-publish", None),
        ("storage-completion", applied),
    ] {
        assert_eq!(call(&mut server.wire(), "FLUSHALL"), "+OK");
        let before = fenced(&server);
        let counters = counting(&server, CLIENTS, || {
            server.fault(point, "1*panic");
            eventually(point, || fenced(&server) == before + 1);
        });
        let (errors, lost) = told(&counters);
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!((errors, lost), (expected.iter().collect(), 0), "{point}");
        counters.iter().for_each(|counter| counter.check(&mut server.wire()));
    }
}

#[test]
fn a_panic_in_any_stage_of_the_network_is_one_clients_lost_connection_at_most() {
    let server = Server::start(&[]);
    for (point, lost_max) in
        [("network-accept", 0), ("network-dispatch", 1), ("network-completion", 1), ("network-pump", 0)]
    {
        assert_eq!(call(&mut server.wire(), "FLUSHALL"), "+OK");
        let before = fenced(&server);
        let counters = counting(&server, CLIENTS, || {
            server.fault(point, "1*panic");
            eventually(point, || {
                // Accepting needs somebody who knocks.
                drop(Wire::try_connect(server.address()));
                fenced(&server) == before + 1
            });
        });
        let (errors, lost) = told(&counters);
        assert_eq!(errors, Vec::<&String>::new(), "{point}");
        assert!(lost <= lost_max, "{point}: {lost} connections lost");
        counters.iter().for_each(|counter| counter.check(&mut server.wire()));
    }
}

#[test]
fn a_network_thread_that_dies_is_replaced() {
    let server = Server::start(&["network-threads 2"]);
    assert_eq!(call(&mut server.wire(), "SET key 1"), "+OK");
    server.fault("network-thread", "1*panic");
    eventually("the thread dies of the next client, and another takes its place", || {
        drop(Wire::try_connect(server.address()));
        server.count("network_thread_restarts") == 1
    });
    for _ in 0..4 {
        assert_eq!(call(&mut server.wire(), "GET key"), "$1");
    }
}

#[test]
fn memory_and_descriptors_return_to_where_they_were() {
    /// What each panic leaves behind at least, if it leaves anything.
    const VALUE_BYTES: usize = 256 << 10;
    const ROUNDS: usize = 100;
    /// What memory may differ by for other reasons.
    const TOLERANCE_BYTES: u64 = 64 << 20;
    // What the database keeps in memory of its own accord is small beside that.
    let server = Server::start(&["hot-tier-size 0", "write-buffer-size 4mb", "block-cache-size 8mb"]);
    let value = vec![b'v'; VALUE_BYTES];
    let points = ["storage-latch", "storage-handler", "storage-encode", "storage-commit", "storage-completion"];
    let points = points.iter().chain(&["network-dispatch", "network-completion", "network-accept"]);
    let mut keeper = server.wire();
    let mut round = |point: &str| {
        let mut wire = server.wire();
        // Set by a connection that is not looked at again until the fault has struck.
        keeper.try_call(&[b"DEBUG", b"FAILPOINT", point.as_bytes(), b"1*panic"]).expect("set");
        let outcome = wire.try_call(&[b"SET", b"key", &value]);
        keeper.try_call(&[b"DEBUG", b"FAILPOINT", point.as_bytes(), b"off"]).unwrap_or_else(|_| {
            keeper = server.wire();
            keeper.call(&[b"DEBUG", b"FAILPOINT", point.as_bytes(), b"off"])
        });
        drop(outcome);
    };
    // Some times before, so that what is made on first use is there.
    for _ in 0..ROUNDS / 5 {
        points.clone().for_each(|point| round(point));
    }
    eventually("clients are gone", || server.count("connected_clients") == 2);
    let (sockets, descriptors) = server.descriptors();
    let resident = server.resident_bytes();
    for _ in 0..ROUNDS {
        points.clone().for_each(|point| round(point));
    }
    eventually("sockets are closed", || server.descriptors().0 <= sockets);
    // Files of the database come and go.
    let after = server.descriptors().1;
    assert!(after <= descriptors + 16, "{descriptors} descriptors before, {after} after");
    let grown = server.resident_bytes().saturating_sub(resident);
    assert!(grown < TOLERANCE_BYTES, "memory has grown by {grown} bytes");
}
