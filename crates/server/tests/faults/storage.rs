//! Storage that is slow, full, or does not answer at all, while the network runtime goes on.

use crate::harness::{Server, call, counting, eventually, reply, send};
use crate::wire::encode;

/// A worker that stops where this is set stands for a disk that hangs.
const WORKER: &str = "storage-worker";

#[test]
fn slow_storage_holds_nobody_up_but_who_asks_it() {
    let server = Server::start(&[]);
    server.fault("storage-handler", "sleep(2)");
    let counters = counting(&server, 8, || {
        let mut wire = server.wire();
        for _ in 0..50 {
            assert_eq!(call(&mut wire, "PING"), "+PONG");
        }
        eventually("some commands are through", || server.count("channel_requests_taken") > 100);
    });
    server.fault("storage-handler", "off");
    let mut wire = server.wire();
    for counter in &counters {
        assert_eq!((&counter.errors, counter.lost_connections), (&Vec::new(), 0));
        counter.check(&mut wire);
    }
}

#[test]
fn hung_storage_is_refused_at_deadlines_and_recovers_by_itself() {
    let server = Server::start(&["storage-queue-timeout 400"]);
    let [mut first, mut second] = [server.wire(), server.wire()];
    assert_eq!(call(&mut first, "SET key old"), "+OK");
    server.fault(WORKER, "pause");
    send(&mut first, "SET key new");

    // While it hangs, everything that needs no storage is answered.
    let mut other = server.wire();
    assert_eq!(call(&mut other, "PING"), "+PONG");
    assert!(call(&mut other, "CLIENT LIST").contains("cmd=set"));
    assert!(call(&mut other, "INFO").contains("redis_version"));

    // The worker has the first; the second is not taken by anybody.
    assert_eq!(reply(&mut first), "-UNKNOWN the worker failed; it is not known whether the command was executed");
    let refused = call(&mut second, "SET queued 1");
    assert!(refused.starts_with("-OVERLOADED storage d"), "{refused}");

    // From now on it is known to be down: nobody waits.
    server.wait_for("circuit_state", "open");
    assert_eq!(server.info("storage_health"), "down");
    let down = "-OVERLOADED storage does not answer; the command was not executed";
    assert_eq!(call(&mut second, "SET refused 1"), down);
    other.try_send(&[encode(&[b"PING"]), encode(&[b"GET", b"absent"]), encode(&[b"PING"])].concat()).expect("sent");
    assert_eq!([reply(&mut other), reply(&mut other), reply(&mut other)], ["+PONG", down, "+PONG"]);
    // What is in memory is still read, but for who has something under way: it would overtake that.
    assert_eq!(call(&mut other, "GET key"), "$old");
    let outstanding =
        "-OVERLOADED an earlier command of this connection is still in storage; this one was not executed";
    assert_eq!(call(&mut first, "GET key"), outstanding);
    assert_eq!(call(&mut first, "PING"), "+PONG");

    server.fault(WORKER, "off");
    server.wait_for("circuit_state", "closed");
    server.wait_for("storage_health", "ok");
    // What the worker had is carried out after all, and nothing that was refused.
    eventually("the client's commands reach storage again", || call(&mut first, "GET key") == "$new");
    assert_eq!(call(&mut second, "MGET queued refused"), "[nil nil]");
    assert!(server.count("channel_refused_abandoned") >= 1 && server.count("channel_refused_open") >= 2);
    assert!(server.count("storage_stalls") >= 1 && server.count("circuit_opened") >= 1);
}

#[test]
fn hung_storage_is_noticed_long_before_anybody_is_refused() {
    let server = Server::start(&["storage-queue-timeout 60000"]);
    server.fault(WORKER, "pause");
    let mut wire = server.wire();
    send(&mut wire, "SET key 1");
    server.wait_for("storage_health", "degraded");
    assert_eq!(server.info("circuit_state"), "closed");
    server.fault(WORKER, "off");
    assert_eq!(reply(&mut wire), "+OK");
    server.wait_for("storage_health", "ok");
}

#[test]
fn a_full_channel_refuses_what_finds_no_room_and_loses_nothing() {
    let server = Server::start(&["storage-queue-timeout 400", "storage-queue-requests 2"]);
    server.fault(WORKER, "pause");
    let mut wires: Vec<_> = (0..12).map(|_| server.wire()).collect();
    for (n, wire) in wires.iter_mut().enumerate() {
        send(wire, &format!("SET key:{n} 1"));
    }
    let replies: Vec<String> = wires.iter_mut().map(reply).collect();
    let unknown = replies.iter().filter(|reply| reply.starts_with("-UNKNOWN")).count();
    let refused = replies.iter().filter(|reply| reply.starts_with("-OVERLOADED")).count();
    assert!(unknown >= 1 && refused >= 1 && unknown + refused == replies.len(), "{replies:?}");
    server.fault(WORKER, "off");
    server.wait_for("circuit_state", "closed");
    for (n, (wire, told)) in wires.iter_mut().zip(&replies).enumerate() {
        let expected = if told.starts_with("-UNKNOWN") { "$1" } else { "nil" };
        eventually("each key is as was told", || call(wire, &format!("GET key:{n}")) == expected);
    }
    assert!(server.count("channel_full") >= 1);
}

#[test]
fn a_dead_worker_is_replaced_and_its_requests_are_run_by_the_next() {
    let server = Server::start(&[]);
    let counters = counting(&server, 6, || {
        server.fault(WORKER, "3*panic");
        server.wait_for("worker_restarts", "3");
    });
    let mut wire = server.wire();
    for counter in &counters {
        assert_eq!((&counter.errors, counter.lost_connections), (&Vec::new(), 0));
        counter.check(&mut wire);
    }
    server.wait_for("storage_health", "ok");
}
