//! Starting and stopping: under load, and with storage that does not come to an end.

use std::thread;
use std::time::Duration;

use crate::harness::{Server, counting, eventually, send};

#[test]
fn starting_and_stopping_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start(&[]);
    for _ in 0..3 {
        let counters = counting(&server, 6, || {
            eventually("there is load", || server.count("total_commands_processed") > 2000);
            server.signal("TERM");
            // Clients go on, and meet refusals and closed connections.
            thread::sleep(Duration::from_millis(300));
        });
        server = server.restarted(&[], |process| {
            let status = process.wait();
            assert!(status.success(), "{status}");
        });
        let mut wire = server.wire();
        counters.iter().for_each(|counter| counter.check(&mut wire));
        assert_eq!(wire.call(&[b"FLUSHALL"]).to_string(), "+OK");
    }
}

#[test]
fn sigterm_with_a_hung_worker_ends_the_process_with_a_failure() {
    let server = Server::start(&["shutdown-timeout 1"]);
    server.fault("storage-worker", "pause");
    let mut wire = server.wire();
    send(&mut wire, "SET key 1");
    server.wait_for("storage_health", "degraded");
    server.signal("TERM");
    let (process, _dir) = server.into_process();
    let status = process.wait();
    assert!(!status.success(), "{status}");
}
