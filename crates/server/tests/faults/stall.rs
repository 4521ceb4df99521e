//! Stalls of writes: RocksDB takes none, or slows them down, as its background work is behind.
//!
//! Reads go on, also of what lies on disk; waiting writes hold their clients back, are executed once when the stall ends,
//! and are refused, unexecuted, at their deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::faulty::{Connection, Faulty, soon};

/// Keys that lie in files before the stall.
const COLD_KEYS: usize = 2000;
/// Small memtables, and nothing in memory beside them.
const OPTIONS: [&str; 7] =
    ["--write-buffer-size", "1mb", "--hot-tier-size", "0", "--block-cache-size", "1mb", "--storage-queue-timeout"];

fn start(queue_timeout_ms: &str) -> Faulty {
    let mut options = OPTIONS.to_vec();
    options.push(queue_timeout_ms);
    let mut faulty = Faulty::start(&options);
    let mut c = faulty.connect();
    for n in 0..COLD_KEYS {
        c.check(&format!("SET cold:{n} value:{n}"), "OK");
    }
    faulty.restart_in_order();
    faulty
}

/// Lets flushes hang and writes until RocksDB takes no more.
fn stop_writes(faulty: &Faulty) {
    faulty.fail(&["write .sst hang"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut filler = faulty.connect();
            let value = "f".repeat(100_000);
            let mut n = 0;
            // Its last write waits, and is refused at its deadline or executed.
            while !done.load(Ordering::Relaxed) {
                n += 1;
                filler.call(&format!("SET filler:{n} {value}"));
            }
        });
        let mut c = faulty.connect();
        let stopped = soon(|| c.info("rocksdb_stall") == "stopped");
        done.store(true, Ordering::Relaxed);
        let state = c.info("rocksdb_stall");
        if !stopped {
            faulty.heal();
        }
        assert!(stopped, "writes are {state}, never stopped");
    });
}

/// Reads of what lies in files, by one key and by several, and what needs no storage.
fn check_reads(c: &mut Connection) {
    for n in (0..COLD_KEYS).step_by(7) {
        c.check(&format!("GET cold:{n}"), &format!("value:{n}"));
    }
    c.check("MGET cold:1 cold:2 none", "value:1 value:2 nil");
    c.check("EXISTS cold:3 cold:4", "2");
    c.check("KEYS cold:5", "cold:5");
    c.check("PING", "PONG");
}

#[test]
fn while_writes_are_stopped_reads_go_on_and_writes_are_executed_once_it_ends() {
    const WRITERS: usize = 40;
    let faulty = start("60000");
    thread::scope(|scope| {
        // The filler's own last write waits too.
        let stopping = scope.spawn(|| stop_writes(&faulty));
        let mut c = faulty.connect();
        assert!(soon(|| c.info("rocksdb_stall") == "stopped"));
        let waiting: Vec<_> = (0..WRITERS)
            .map(|n| {
                let mut writer = faulty.connect();
                writer.0.send(&["APPEND", &format!("waited:{n}"), "x"]).expect("a send");
                writer
            })
            .collect();
        let all_wait = soon(|| c.info("channel_requests").parse::<usize>().is_ok_and(|n| n >= WRITERS));
        assert!(all_wait, "{} requests wait", c.info("channel_requests"));
        check_reads(&mut c);
        // The keys of waiting writes can be read too.
        c.check("GET waited:0", "nil");
        assert_eq!(c.info("rocksdb_stall"), "stopped");
        faulty.heal();
        for mut writer in waiting {
            assert_eq!(writer.0.read_reply().expect("a reply").integer(), Some(1), "applied once");
        }
        for n in 0..WRITERS {
            c.check(&format!("GET waited:{n}"), "x");
        }
        stopping.join().expect("no write of the filler fails");
        c.check("SET after 1", "OK");
    });
}

#[test]
fn a_write_that_waits_too_long_is_refused_and_was_not_executed() {
    let faulty = start("700");
    stop_writes(&faulty);
    let mut c = faulty.connect();
    c.check_refused("SET refused 1", "OVERLOADED", &["not executed"]);
    c.check_refused("DEL cold:0", "OVERLOADED", &["not executed"]);
    c.check_refused("FLUSHALL", "OVERLOADED", &["not executed"]);
    check_reads(&mut c);
    faulty.heal();
    c.wait_for("SET after 1", "OK");
    c.check("MGET refused cold:0 after", "nil value:0 1");
    assert_ne!(c.info("rocksdb_stops"), "0");
}

#[test]
fn nothing_is_lost_or_applied_twice_while_stalls_come_and_go() {
    const WRITERS: usize = 8;
    const STALLS: usize = 3;
    let faulty = start("60000");
    let done = AtomicBool::new(false);
    let counts: Vec<usize> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| {
                let (faulty, done) = (&faulty, &done);
                scope.spawn(move || {
                    let mut c = faulty.connect();
                    let filling = "f".repeat(20_000);
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) {
                        c.check(&format!("INCR count:{n}"), &(count + 1).to_string());
                        count += 1;
                        c.check(&format!("SET filling:{n}:{count} {filling}"), "OK");
                    }
                    count
                })
            })
            .collect();
        let mut c = faulty.connect();
        for _ in 0..STALLS {
            faulty.fail(&["write .sst hang"]);
            assert!(soon(|| c.info("rocksdb_stall") == "stopped"));
            check_reads(&mut c);
            // Slowly back to normal: writes are slowed down for a while.
            faulty.fail(&["write .sst delay 2000"]);
            assert!(soon(|| c.info("rocksdb_stall") != "stopped"));
        }
        done.store(true, Ordering::Relaxed);
        faulty.heal();
        writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
    });
    let mut c = faulty.connect();
    for (n, count) in counts.into_iter().enumerate() {
        assert!(count > 0);
        c.check(&format!("GET count:{n}"), &count.to_string());
    }
    assert_ne!(c.info("writes_held"), "0", "no write was held back");
}
