//! The string commands beside a recorded Redis, and what a record cannot hold: time and encodings.

use data::string;

use crate::testing::{Db, START_MS, replay};

fn expire_at_ms(db: &Db, key: &str) -> Option<u64> {
    string::find(&db.view(), key.as_bytes()).expect("find").expect("a string").meta().expire_at_ms
}

fn encoding(db: &Db, key: &str) -> &'static str {
    string::find(&db.view(), key.as_bytes()).expect("find").expect("a string").encoding()
}

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn expiries_are_set_kept_and_dropped() {
    let mut db = Db::new();
    for (line, expected) in [
        ("SET k v EX 10", Some(START_MS + 10_000)),
        ("SET k v KEEPTTL", Some(START_MS + 10_000)),
        ("APPEND k v", Some(START_MS + 10_000)),
        ("SETRANGE k 1 v", Some(START_MS + 10_000)),
        ("SET k 1 PX 77", Some(START_MS + 77)),
        ("INCR k", Some(START_MS + 77)),
        ("INCRBYFLOAT k 1.5", Some(START_MS + 77)),
        ("SET k v NX", Some(START_MS + 77)),
        ("SET k v", None),
        ("SETEX k 10 v", Some(START_MS + 10_000)),
        ("GETSET k v", None),
        ("PSETEX k 10 v", Some(START_MS + 10)),
        ("MSET k v", None),
        ("SET k v EXAT 99999999999", Some(99_999_999_999_000)),
        ("SET k v PXAT 99999999999", None),
        ("SET k v", None),
        ("GETEX k", None),
        ("GETEX k PX 5", Some(START_MS + 5)),
        ("GETEX k", Some(START_MS + 5)),
        ("GETEX k EX 5", Some(START_MS + 5_000)),
        ("GETEX k EXAT 99999999999", Some(99_999_999_999_000)),
        ("GETEX k PXAT 99999999999999", Some(99_999_999_999_999)),
        ("GETEX k PERSIST", None),
    ] {
        db.run(line);
        if line == "SET k v PXAT 99999999999" {
            // Long past for this clock.
            assert_eq!(db.run("GET k"), "$-1\\r\\n");
        } else {
            assert_eq!(expire_at_ms(&db, "k"), expected, "{line}");
        }
    }
}

#[test]
fn an_expired_string_is_absent_to_every_command() {
    for (line, reply) in [
        ("GET k", "$-1\\r\\n"),
        ("SET k v XX", "$-1\\r\\n"),
        ("SET k v KEEPTTL GET", "$-1\\r\\n"),
        ("SETNX k v", ":1\\r\\n"),
        ("MSETNX k v", ":1\\r\\n"),
        ("INCR k", ":1\\r\\n"),
        ("INCRBYFLOAT k 2", "$1\\r\\n2\\r\\n"),
        ("APPEND k v", ":1\\r\\n"),
        ("SETRANGE k 1 v", ":2\\r\\n"),
        ("GETDEL k", "$-1\\r\\n"),
        ("GETEX k PERSIST", "$-1\\r\\n"),
    ] {
        let mut db = Db::new();
        db.run("SET k 10 PX 5");
        db.turn.set_now_ms(START_MS + 5);
        assert_eq!(db.run("GET k"), "$2\\r\\n10\\r\\n");
        db.turn.set_now_ms(START_MS + 6);
        assert_eq!(db.run(line), reply, "{line}");
        if db.run("GET k") != "$-1\\r\\n" {
            assert_eq!(expire_at_ms(&db, "k"), None, "{line}");
        }
    }
}

#[test]
fn encodings_are_those_that_redis_reports() {
    let mut db = Db::new();
    for (line, expected) in [
        ("SET k 1", "int"),
        ("INCR k", "int"),
        ("APPEND k 1", "raw"),
        ("INCR k", "int"),
        ("SETRANGE k 0 2", "raw"),
        ("GETSET k 12", "int"),
        ("APPEND k \"\"", "raw"),
        ("MSET k abc", "embstr"),
        ("SETRANGE k 0 \"\"", "embstr"),
        ("INCRBYFLOAT j 1.5", "embstr"),
        ("APPEND i 12", "int"),
        ("SETRANGE h 0 12", "raw"),
        ("SET k 01", "embstr"),
        ("SET k 9223372036854775808", "embstr"),
        ("SET k 12345678901234567890123456789012345678901234", "embstr"),
        ("SET k 123456789012345678901234567890123456789012345", "raw"),
    ] {
        db.run(line);
        let key = line.split(' ').nth(1).expect("a key");
        assert_eq!(encoding(&db, key), expected, "{line}");
    }
}

#[test]
fn a_command_that_fails_leaves_no_trace() {
    let mut db = Db::new();
    db.run("SET k v");
    for line in ["GETEX k EX 0", "SET k w GET EX 0", "SET k w NX XX", "MSET k w l", "INCR k", "GETEX k EX 1 PX 1"] {
        assert!(db.run(line).starts_with('-'), "{line}");
    }
    assert_eq!(db.run("GET k"), "$1\\r\\nv\\r\\n");
    assert_eq!(expire_at_ms(&db, "k"), None);
}

#[test]
fn reads_are_counted_as_redis_counts_them() {
    let mut db = Db::new();
    db.run("SET k 1");
    for (line, reads) in [
        ("GET k", (1, 0)),
        ("GET absent", (0, 1)),
        ("MGET k absent", (1, 1)),
        ("STRLEN k", (1, 0)),
        ("GETRANGE absent 0 1", (0, 1)),
        ("LCS k absent", (1, 1)),
        ("GETEX k", (1, 0)),
        ("SET k 1 GET", (1, 0)),
        ("GETSET k 1", (1, 0)),
        ("INCR k", (0, 0)),
        ("APPEND k 1", (0, 0)),
        ("SETNX k 1", (0, 0)),
        ("GETDEL k", (1, 0)),
        ("GETDEL k", (0, 1)),
    ] {
        db.run(line);
        assert_eq!(db.turn.take_reads(), reads, "{line}");
    }
}

#[test]
fn long_strings_are_replied_as_they_were_set() {
    let mut db = Db::new();
    for len in [16_384, 16_385, 100_000] {
        let value: Vec<u8> = (0..len).map(|n| (n % 253) as u8).collect();
        db.run_words(&[b"SET", b"k", &value]);
        let reply = [format!("${len}\r\n").as_bytes(), &value, b"\r\n"].concat();
        assert!(db.run_words(&[b"GET", b"k"]) == reply, "{len} in the batch");
        db.commit();
        assert!(db.run_words(&[b"GET", b"k"]) == reply, "{len} committed");
        let part = [b"$3\r\n", &value[16_380..16_383], b"\r\n"].concat();
        assert!(db.run_words(&[b"GETRANGE", b"k", b"16380", b"16382"]) == part);
        assert_eq!(db.run("INCR k"), "-ERR value is not an integer or out of range\\r\\n");
        assert_eq!(db.run("INCRBYFLOAT k 1"), "-ERR value is not a valid float\\r\\n");
    }
}
