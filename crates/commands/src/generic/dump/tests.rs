//! Payloads through the commands: what is refused and in which order, and that what was dumped comes back.

use std::sync::atomic::Ordering;

use data::rdb::{self, Limits, Object};

use crate::testing::{Db, START_MS};

const BAR: &str = r"\x00\x03bar\x0a\x00\xe6\xbe\x49\x60\xee\x66\xfd\x17";

#[test]
fn a_string_is_dumped_as_redis_does_and_restored() {
    let mut db = Db::new();
    assert_eq!(db.run("DUMP k"), r"$-1\r\n");
    db.run("SET k bar");
    assert_eq!(db.run("DUMP k"), r"$15\r\n\x00\x03bar\n\x00\xe6\xbeI`\xeef\xfd\x17\r\n");
    assert_eq!(db.run(&format!("RESTORE k 0 {BAR}")), r"-BUSYKEY Target key name already exists.\r\n");
    assert_eq!(db.run(&format!("RESTORE other 50 {BAR}")), r"+OK\r\n");
    assert_eq!((db.run("GET other"), db.run("PTTL other")), (r"$3\r\nbar\r\n".to_owned(), r":50\r\n".to_owned()));
}

#[test]
fn a_time_in_the_past_removes_what_was_there() {
    let mut db = Db::new();
    db.run("SET k v");
    assert_eq!(db.run(&format!("RESTORE k {START_MS} {BAR} ABSTTL REPLACE")), r"+OK\r\n");
    assert_eq!(db.run("EXISTS k"), r":0\r\n");
    assert_eq!(db.run(&format!("RESTORE k {} {BAR} ABSTTL", START_MS + 1)), r"+OK\r\n");
    assert_eq!(db.run("PTTL k"), r":1\r\n");
    assert_eq!(db.run(&format!("RESTORE k {} {BAR} REPLACE", i64::MAX)), r"+OK\r\n");
    assert_eq!(db.run("EXISTS k"), r":0\r\n");
}

#[test]
fn a_long_string_comes_back_before_and_after_it_is_committed() {
    let mut db = Db::new();
    let value: Vec<u8> = (0..100_000u32).map(|n| (n * n % 251) as u8).collect();
    let payload = rdb::dump(&Object::String(value.clone()), &Limits::default());
    for _ in 0..2 {
        assert_eq!(db.run_words(&[b"RESTORE", b"k", b"0", &payload, b"REPLACE"]), b"+OK\r\n");
        for _ in 0..2 {
            let dumped = db.run_words(&[b"DUMP", b"k"]);
            assert!(dumped.ends_with(&[&payload[..], b"\r\n"].concat()));
            db.commit();
        }
    }
    db.keyspace.settings.string_len_max.store(1000, Ordering::Relaxed);
    let reply = db.run_words(&[b"RESTORE", b"new", b"0", &payload]);
    assert!(reply.starts_with(b"-ERR string exceeds maximum allowed size"), "{}", reply.escape_ascii());
}

/// Commands that make a value, under the name `k`, and one that shows it.
const VALUES: &[(&[&str], &str)] = &[
    (&["RPUSH k a 12 -7 b"], "LRANGE k 0 -1"),
    (&["SADD k 3 1 2"], "SMEMBERS k"),
    (&["SADD k a b 1"], "SMEMBERS k"),
    (&["HSET k a 1 b 2", "HPEXPIRE k 1000000 FIELDS 1 b"], "HMGET k b a"),
    (&["HSET k a 1 b 2", "HPEXPIRE k 1000000 FIELDS 1 b"], "HPEXPIRETIME k FIELDS 2 a b"),
    (
        &["XADD k 1-1 a 1 b 2", "XADD k 1-2 a 1", "XGROUP CREATE k g 0", "XREADGROUP GROUP g c STREAMS k >"],
        "XRANGE k - +",
    ),
    (&["XADD k 1-1 a 1", "XGROUP CREATE k g 0", "XREADGROUP GROUP g c STREAMS k >"], "XPENDING k g - + 10"),
    (&["ZADD k 1 a 1.5 b -inf c inf d"], "ZRANGE k 0 -1 WITHSCORES"),
];

#[test]
fn collections_come_back() {
    let mut db = Db::new();
    for (make, show) in VALUES {
        make.iter().for_each(|line| drop(db.run(line)));
        let shown = db.run(show);
        for _ in 0..2 {
            let reply = db.run_words(&[b"DUMP", b"k"]);
            let start = reply.windows(2).position(|end| end == b"\r\n").expect("a length") + 2;
            let payload = reply[start..reply.len() - 2].to_vec();
            assert_eq!(db.run_words(&[b"RESTORE", b"k", b"100", &payload, b"REPLACE"]), b"+OK\r\n");
            assert_eq!((db.run(show), db.run("PTTL k")), (shown.clone(), r":100\r\n".to_owned()));
            db.commit();
        }
        db.run("DEL k");
    }
}
