//! Errors of the disk: full, read-only, broken at a write, a sync or a read; and data that is damaged.
//!
//! In every case reads go on, writes are refused with `MISCONF`, and nothing that was acknowledged is lost.

use std::fs;
use std::path::PathBuf;

use testkit::ServerProcess;

use crate::faulty::{Connection, Faulty, soon};

/// Reads, and what needs no storage, go on.
#[track_caller]
fn check_others_go_on(c: &mut Connection) {
    c.check("GET kept", "1");
    c.check("MGET kept none", "1 nil");
    c.check("EXISTS kept", "1");
    c.check("KEYS kept", "kept");
    c.check("PING", "PONG");
}

/// Nothing that may modify the data set is executed.
#[track_caller]
fn check_writes_refused(c: &mut Connection, cause: &str) {
    for line in ["SET new 2", "INCR kept", "DEL kept", "FLUSHALL", "EXPIRE kept 100", "MSET a 1 b 2"] {
        c.check_refused(line, "MISCONF", &[cause]);
    }
    assert_eq!(c.info("aof_last_write_status"), "err");
    assert_eq!(c.info("storage_writable"), "0");
}

#[test]
fn a_full_disk_refuses_writes_and_takes_them_again_once_there_is_space() {
    let mut faulty = Faulty::start(&[]);
    let mut c = faulty.connect();
    c.check("SET kept 1", "OK");
    faulty.fail(&["write * fail ENOSPC", "create * fail ENOSPC"]);
    c.check_refused("SET kept lost", "MISCONF", &["No space left on device", "until there is space again"]);
    check_writes_refused(&mut c, "No space left on device");
    check_others_go_on(&mut c);
    faulty.heal();
    c.wait_for("SET after 1", "OK");
    assert_eq!(c.info("storage_writable"), "1");
    assert_eq!(c.info("aof_last_write_status"), "ok");
    c.check("INCR kept", "2");
    faulty.server.kill9().expect("a kill");
    faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
    faulty.connect().check("MGET kept after new a", "2 1 nil nil");
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_write_tears_nothing() {
    for full_for_long in [false, true] {
        let mut faulty = Faulty::start(&["--appendfsync", "no"]);
        let mut c = faulty.connect();
        c.check("SET kept 1", "OK");
        // Space for some writes and a part of another one.
        faulty.fail(&["write .log limit 10000"]);
        let mut acknowledged = 0;
        let refused = loop {
            let (n, value) = (acknowledged + 1, "v".repeat(100));
            let reply = c.call(&format!("MSET a {n}{value} b {n}{value}"));
            if reply != "OK" {
                break reply;
            }
            acknowledged = n;
        };
        assert!(refused.starts_with("-MISCONF") && acknowledged > 0, "{refused} after {acknowledged}");
        check_others_go_on(&mut c);
        if !full_for_long {
            faulty.heal();
            c.wait_for("SET after 1", "OK");
        }
        faulty.server.kill9().expect("a kill");
        faulty.heal();
        faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
        let mut c = faulty.connect();
        let expected = format!("{acknowledged}{}", "v".repeat(100));
        c.check("MGET a b kept", &format!("{expected} {expected} 1"));
        c.check("GET after", if full_for_long { "nil" } else { "1" });
    }
}

#[test]
fn a_disk_that_is_full_for_flushes_only_resumes_too() {
    let faulty = Faulty::start(&["--write-buffer-size", "1mb", "--appendfsync", "no"]);
    let mut c = faulty.connect();
    c.check("SET kept 1", "OK");
    faulty.fail(&["write .sst fail ENOSPC"]);
    let value = "v".repeat(10_000);
    let mut n = 0;
    let refused = soon(|| {
        n += 1;
        c.call(&format!("SET key:{n} {value}")).starts_with("-MISCONF")
    });
    assert!(refused, "{n} writes of 10 kB, and none was refused");
    check_others_go_on(&mut c);
    c.check(&format!("STRLEN key:{}", n - 1), "10000");
    faulty.heal();
    c.wait_for("SET after 1", "OK");
    assert_ne!(c.info("rocksdb_resumes"), "0");
}

#[test]
fn a_read_only_file_system_refuses_writes_until_the_database_is_reopened() {
    refuses_until_reopened("EROFS", "Read-only file system");
}

#[test]
fn a_disk_that_fails_at_a_write_refuses_writes_until_the_database_is_reopened() {
    refuses_until_reopened("EIO", "Input/output error");
}

fn refuses_until_reopened(errno: &str, cause: &str) {
    let mut faulty = Faulty::start(&[]);
    let mut c = faulty.connect();
    c.check("SET kept 1", "OK");
    faulty.fail(&[&format!("write .log fail {errno}")]);
    c.check_refused("SET kept lost", "MISCONF", &[cause, "until the database is reopened"]);
    check_writes_refused(&mut c, cause);
    check_others_go_on(&mut c);
    faulty.heal();
    // RocksDB has given its log up.
    check_writes_refused(&mut c, cause);
    faulty.server.kill9().expect("a kill");
    faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
    let mut c = faulty.connect();
    c.check("MGET kept new", "1 nil");
    c.check("SET kept 2", "OK");
}

#[test]
fn after_a_failed_sync_no_write_is_accepted_until_the_database_is_reopened() {
    let mut faulty = Faulty::start(&["--appendfsync", "always"]);
    let mut c = faulty.connect();
    c.check("SET kept 1", "OK");
    faulty.fail(&["sync .log fail EIO"]);
    c.check_refused("SET uncertain 1", "MISCONF", &["Input/output error", "not known whether this write"]);
    // A sync that succeeds now would prove nothing: the kernel reports an error once.
    faulty.heal();
    c.check_refused("SET new 1", "MISCONF", &["an earlier sync failed", "until the database is reopened"]);
    check_writes_refused(&mut c, "an earlier sync failed");
    check_others_go_on(&mut c);
    assert_eq!(c.info("storage_poisoned"), "1");
    faulty.server.kill9().expect("a kill");
    faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
    let mut c = faulty.connect();
    c.check("MGET kept new", "1 nil");
    c.check("SET kept 2", "OK");
    assert_eq!(c.info("storage_poisoned"), "0");
}

#[test]
fn a_failed_sync_of_each_second_refuses_writes_too() {
    let faulty = Faulty::start(&["--appendfsync", "everysec"]);
    let mut c = faulty.connect();
    c.check("SET kept 1", "OK");
    faulty.fail(&["sync .log fail EIO"]);
    let refused = soon(|| c.call("SET other 1").starts_with("-MISCONF"));
    assert!(refused, "writes go on though the log cannot be synced");
    faulty.heal();
    check_writes_refused(&mut c, "an earlier sync failed");
    check_others_go_on(&mut c);
}

#[test]
fn a_read_that_fails_is_an_error_of_its_command_only() {
    let mut faulty = Faulty::start(&["--hot-tier-size", "0", "--block-cache-size", "1mb"]);
    let mut c = faulty.connect();
    let value = "v".repeat(1000);
    for n in 0..5000 {
        c.check(&format!("SET key:{n} {value}"), "OK");
    }
    // After a restart all of it lies in files.
    faulty.restart_in_order();
    let mut c = faulty.connect();
    faulty.fail(&["read .sst fail EIO"]);
    let mut other = faulty.connect();
    let mut failed = 0;
    for n in 0..5000 {
        match c.call(&format!("GET key:{n}")) {
            reply if reply == value => {}
            reply => {
                assert!(reply.starts_with("-ERR storage failed") && reply.contains("Input/output error"), "{reply}");
                failed += 1;
            }
        }
    }
    assert!(failed > 0, "every read was served from memory");
    other.check("PING", "PONG");
    assert_eq!(other.info("storage_writable"), "1");
    faulty.heal();
    for n in [0, 1, 2500, 4999] {
        c.check(&format!("GET key:{n}"), &value);
    }
    c.check("SET key:1 2", "OK");
}

/// Files of the database whose names begin or end so.
fn database_files(server: &ServerProcess, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(server.dir().join("catamaran.db")).expect("a database");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> =
        paths.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().contains(part))).collect();
    found.sort();
    found
}

/// A server that was ended in order, with data in its files.
fn ended_with_data() -> Faulty {
    let mut faulty = Faulty::start(&["--hot-tier-size", "0"]);
    let mut c = faulty.connect();
    for n in 0..2000 {
        c.check(&format!("SET key:{n} value:{n}"), "OK");
    }
    faulty.restart_in_order();
    faulty.server.terminate().expect("an end");
    faulty
}

#[test]
fn damaged_data_is_refused_at_the_start_with_the_name_of_the_file() {
    for part in ["MANIFEST", ".sst", "CURRENT"] {
        let mut faulty = ended_with_data();
        let files = database_files(&faulty.server, part);
        let file = files.last().unwrap_or_else(|| panic!("no {part}"));
        // The end of a table file is where reading it begins.
        let mut bytes = fs::read(file).expect("a file");
        let at = bytes.len().saturating_sub(if part == "MANIFEST" { bytes.len() / 2 } else { 8 });
        bytes[at..].iter_mut().take(4).for_each(|byte| *byte ^= 0x5a);
        fs::write(file, bytes).expect("a writable file");
        let refused = faulty.server.restart().expect_err("a damaged database was opened").to_string();
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(refused.contains(&name) && refused.contains("ended while it started"), "{part}: {refused}");
    }
}

#[test]
fn a_missing_file_is_refused_at_the_start_with_its_name() {
    let mut faulty = ended_with_data();
    let file = database_files(&faulty.server, ".sst").pop().expect("a table file");
    fs::remove_file(&file).expect("a file");
    let refused = faulty.server.restart().expect_err("an incomplete database was opened").to_string();
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(refused.contains(&name), "{refused}");
}

#[test]
fn damage_that_is_met_by_a_read_is_an_error_of_its_command_that_names_the_file() {
    let mut faulty = ended_with_data();
    let file = database_files(&faulty.server, ".sst")
        .into_iter()
        .max_by_key(|path| fs::metadata(path).map(|m| m.len()).unwrap_or(0))
        .expect("a table file");
    let mut bytes = fs::read(&file).expect("a file");
    // The first block of records.
    bytes[100..200].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&file, bytes).expect("a writable file");
    faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
    let mut c = faulty.connect();
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let (mut served, mut failed) = (0, 0);
    for n in 0..2000 {
        let reply = c.call(&format!("GET key:{n}"));
        if reply == format!("value:{n}") {
            served += 1;
        } else {
            assert!(reply.starts_with("-ERR storage failed: corruption") && reply.contains(&name), "{reply}");
            failed += 1;
        }
    }
    assert!(served > 0 && failed > 0, "{served} served, {failed} failed");
}

#[test]
fn a_log_that_is_damaged_in_its_middle_is_named_in_the_servers_log() {
    let mut faulty = Faulty::start(&["--appendfsync", "always"]);
    let mut c = faulty.connect();
    for n in 0..1000 {
        c.check(&format!("SET key:{n} value:{n}"), "OK");
    }
    faulty.server.kill9().expect("a kill");
    let file = database_files(&faulty.server, ".log").pop().expect("a write-ahead log");
    let mut bytes = fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x5a;
    fs::write(&file, bytes).expect("a writable file");
    faulty.server.restart().unwrap_or_else(|e| panic!("{e}"));
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let log = faulty.server.log();
    assert!(log.lines().any(|line| line.contains(&name) && line.contains("damaged")), "{name} is not named in {log}");
    let mut c = faulty.connect();
    c.check("GET key:0", "value:0");
    c.check("GET key:999", "nil");
}
