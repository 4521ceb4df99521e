//! Commits that fail: what is told is what is there, in memory and on disk.

use crate::harness::{Server, call, counting, eventually, reply};
use crate::process::Process;
use crate::wire::encode;

fn killed(process: Process) {
    process.signal("KILL");
    process.wait();
}

#[test]
fn a_panic_while_committing_is_known_to_be_applied_or_is_run_again() {
    for point in ["storage-commit", "storage-committed", "storage-publish"] {
        let server = Server::start(&[]);
        let counters = counting(&server, 4, || {
            server.fault(point, "5*panic");
            eventually("the panics are fenced", || server.count("panics_fenced") >= 5);
        });
        let mut wire = server.wire();
        for counter in &counters {
            assert_eq!((&counter.errors, counter.lost_connections), (&Vec::new(), 0), "{point}");
            counter.check(&mut wire);
        }
        assert_eq!(call(&mut wire, "DBSIZE"), ":4", "{point}");
        let server = server.restarted(&[], killed);
        let mut wire = server.wire();
        counters.iter().for_each(|counter| counter.check(&mut wire));
        assert_eq!(call(&mut wire, "DBSIZE"), ":4", "{point}");
    }
}

#[test]
fn a_commit_that_always_panics_is_refused_at_the_deadline_and_nothing_of_it_is_seen() {
    let server = Server::start(&["storage-queue-timeout 300"]);
    let mut wire = server.wire();
    assert_eq!(call(&mut wire, "SET key old"), "+OK");
    server.fault("storage-commit", "panic");
    wire.try_send(&[encode(&[b"SET", b"key", b"new"]), encode(&[b"GET", b"key"])].concat()).expect("sent");
    assert_eq!(reply(&mut wire), "-ERR internal error: the commit failed; the command was not applied");
    assert_eq!(reply(&mut wire), "$old");
    server.fault("storage-commit", "off");
    assert_eq!(call(&mut wire, "GETSET key new"), "$old");
    assert_eq!(call(&mut wire, "GET key"), "$new");
    assert!(server.count("failed_commits") >= 1);
}

#[test]
fn a_busy_database_is_tried_again_until_the_deadline() {
    let server = Server::start(&["storage-queue-timeout 1000"]);
    let mut wire = server.wire();
    server.fault("engine-write", "3*return(busy)");
    assert_eq!(call(&mut wire, "INCR key"), ":1");
    assert_eq!(server.count("channel_deferred"), 3);
    server.fault("engine-write", "return(busy)");
    let busy = "-OVERLOADED storage was busy until the deadline; the command was not executed";
    assert_eq!(call(&mut wire, "INCR key"), busy);
    // Reads go on meanwhile.
    assert_eq!(call(&mut wire, "GET key"), "$1");
    server.fault("engine-write", "off");
    assert_eq!(call(&mut wire, "INCR key"), ":2");
}

#[test]
fn a_commit_that_fails_is_refused_to_all_of_its_batch_and_seen_by_nobody() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    assert_eq!(call(&mut wire, "SET key old"), "+OK");
    server.fault("engine-write", "1*return(io)");
    let pipeline = [encode(&[b"SET", b"key", b"new"]), encode(&[b"GET", b"key"]), encode(&[b"SET", b"other", b"1"])];
    wire.try_send(&pipeline.concat()).expect("sent");
    let failed = "-ERR storage failed: I/O error: injected: Input/output error; the command was not applied";
    assert_eq!([reply(&mut wire), reply(&mut wire), reply(&mut wire)], [failed, "$old", failed]);
    assert_eq!(call(&mut wire, "DBSIZE"), ":1");
    assert_eq!(call(&mut wire, "SET key new"), "+OK");
    assert_eq!(call(&mut wire, "GET key"), "$new");
}

#[test]
fn after_a_failed_sync_no_write_is_accepted_until_a_restart() {
    let server = Server::start(&["appendfsync always"]);
    let mut wire = server.wire();
    assert_eq!(call(&mut wire, "SET key old"), "+OK");
    server.fault("engine-write", "1*return(sync)");
    let told = call(&mut wire, "SET key new");
    assert!(told.starts_with("-MISCONF ") && told.contains("not known"), "{told}");
    let told = call(&mut wire, "SET key newer");
    assert!(told.starts_with("-MISCONF ") && !told.contains("not known"), "{told}");
    assert_eq!(call(&mut wire, "GET key"), "$old");
    assert_eq!(call(&mut wire, "PING"), "+PONG");
    let server = server.restarted(&[], killed);
    assert_eq!(call(&mut server.wire(), "SET key new"), "+OK");
}

#[test]
fn a_failed_sync_in_the_background_is_noticed() {
    let server = Server::start(&["appendfsync everysec"]);
    let mut wire = server.wire();
    server.fault("engine-sync", "return");
    assert_eq!(call(&mut wire, "SET key 1"), "+OK");
    eventually("writes are refused", || call(&mut wire, "SET other 1").starts_with("-MISCONF "));
    assert_eq!(call(&mut wire, "GET key"), "$1");
}
