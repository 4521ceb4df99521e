//! Either runtime is replaced while the other goes on.

use crate::harness::{Server, call, counting, eventually, reply, send};

#[test]
fn the_storage_runtime_is_replaced_under_load_and_no_client_notices() {
    let server = Server::start(&["storage-threads 2"]);
    let counters = counting(&server, 6, || {
        for round in 1..=3 {
            assert_eq!(call(&mut server.wire(), "DEBUG RESTART-RUNTIME storage"), "+OK");
            server.wait_for("storage_runtime_restarts", &round.to_string());
        }
    });
    let mut wire = server.wire();
    for counter in &counters {
        assert_eq!((&counter.errors, counter.lost_connections), (&Vec::new(), 0));
        counter.check(&mut wire);
    }
    // What storage does on its own has been replaced too.
    assert_eq!(call(&mut wire, "SET key 1 PX 1"), "+OK");
    eventually("the expirer is there", || call(&mut wire, "DBSIZE") == format!(":{}", counters.len()));
}

#[test]
fn a_hung_storage_runtime_is_replaced_by_one_that_works() {
    let server = Server::start(&["storage-queue-timeout 400"]);
    let mut hung = server.wire();
    server.fault("storage-worker", "1*pause");
    send(&mut hung, "SET hung 1");
    server.wait_for("circuit_state", "open");
    assert!(reply(&mut hung).starts_with("-UNKNOWN"));
    assert_eq!(call(&mut server.wire(), "DEBUG RESTART-RUNTIME storage"), "+OK");
    server.wait_for("circuit_state", "closed");
    let mut wire = server.wire();
    eventually("storage answers", || call(&mut wire, "SET key 1") == "+OK");
    // The old worker comes back, finishes what it had, and ends.
    server.fault("storage-worker", "off");
    eventually("its command is carried out", || call(&mut hung, "GET hung") == "$1");
    server.signal("TERM");
    let (process, _dir) = server.into_process();
    let status = process.wait();
    assert!(status.success(), "{status}");
}

#[test]
fn the_network_runtime_is_replaced_and_storage_goes_on() {
    let server = Server::start(&["network-threads 2"]);
    let mut before = server.wire();
    assert_eq!(call(&mut before, "SET key 1"), "+OK");
    let batches = server.count("batches");
    assert_eq!(call(&mut before, "DEBUG RESTART-RUNTIME network"), "+OK");
    assert!(before.try_read().is_err(), "connections end with their threads");
    eventually("clients are accepted again", || server.count("network_thread_restarts") == 2);
    assert_eq!(call(&mut server.wire(), "INCR key"), ":2");
    assert!(server.count("batches") > batches, "the storage runtime is the same");
    eventually("the old clients are gone", || server.count("connected_clients") == 1);
}

#[test]
fn one_runtime_cannot_be_replaced_alone_where_there_is_only_one() {
    let server = Server::start(&["runtime-mode single"]);
    let refused = "-ERR with runtime-mode single the runtimes are one";
    assert_eq!(call(&mut server.wire(), "DEBUG RESTART-RUNTIME storage"), refused);
    assert_eq!(call(&mut server.wire(), "DEBUG RESTART-RUNTIME both"), "-ERR the runtimes are 'storage' and 'network'");
}
