//! Replies of the set commands beside a recorded Redis; what is random or differs between releases, by its rules.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use resp::Protocol;

use crate::testing::{Db, replay};

/// The members in the reply to a command, whatever their order.
fn members(db: &mut Db, line: &str) -> BTreeSet<String> {
    let reply = db.reply(line);
    let items: Vec<&str> = reply.split("\r\n").collect();
    items[1..].chunks_exact(2).map(|pair| pair[1].to_owned()).collect()
}

fn fill(db: &mut Db, key: &str, range: std::ops::Range<u32>) {
    for n in range {
        db.reply(&format!("SADD {key} m{n}"));
    }
}

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn small_sets_of_strings_are_listpacks_as_in_redis_7_2() {
    let mut db = Db::new();
    db.reply("SADD s b a c");
    assert_eq!(db.reply("OBJECT ENCODING s"), "$8\r\nlistpack\r\n");
    assert_eq!(db.reply("SMEMBERS s"), "*3\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nc\r\n");
    assert_eq!(db.reply("SSCAN s 5 COUNT 1"), "*2\r\n$1\r\n0\r\n*3\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nc\r\n");
    db.keyspace.settings.encodings.set_max_listpack_entries.store(0, Ordering::Relaxed);
    db.reply("SADD s b");
    assert_eq!(db.reply("OBJECT ENCODING s"), "$9\r\nhashtable\r\n");
    assert_eq!(members(&mut db, "SMEMBERS s").len(), 3);
}

#[test]
fn replies_of_members_are_sets_in_resp3_but_for_random_ones() {
    let mut db = Db::new();
    db.protocol = Protocol::Resp3;
    db.reply("SADD s a");
    for line in ["SMEMBERS s", "SINTER s s", "SUNION s", "SDIFF s none", "SPOP s 0", "SINTER none", "SPOP s 5"] {
        assert!(db.reply(line).starts_with('~'), "{line}");
    }
    db.reply("SADD s a");
    for line in ["SRANDMEMBER s 1", "SRANDMEMBER s -3", "SRANDMEMBER none 3", "SMISMEMBER s a"] {
        assert!(db.reply(line).starts_with('*'), "{line}");
    }
}

#[test]
fn large_sets_do_what_small_ones_do() {
    let mut db = Db::new();
    fill(&mut db, "a", 0..500);
    fill(&mut db, "b", 400..900);
    fill(&mut db, "c", 450..460);
    db.commit();
    let named = |range: std::ops::Range<u32>| range.map(|n| format!("m{n}")).collect::<BTreeSet<_>>();
    assert_eq!(db.reply("SCARD a"), ":500\r\n");
    assert_eq!(db.reply("SMISMEMBER a m0 m499 m500"), "*3\r\n:1\r\n:1\r\n:0\r\n");
    assert_eq!(members(&mut db, "SMEMBERS a"), named(0..500));
    assert_eq!(members(&mut db, "SINTER a b"), named(400..500));
    assert_eq!(members(&mut db, "SINTER a b c"), named(450..460));
    assert_eq!(members(&mut db, "SUNION a b c"), named(0..900));
    assert_eq!(members(&mut db, "SDIFF a b c"), named(0..400));
    assert_eq!(members(&mut db, "SDIFF c a"), named(0..0));
    assert_eq!(db.reply("SINTERCARD 2 a b LIMIT 7"), ":7\r\n");
    assert_eq!(db.reply("SUNIONSTORE d a b"), ":900\r\n");
    assert_eq!(db.reply("SINTERSTORE c a b"), ":100\r\n");
    assert_eq!(db.reply("OBJECT ENCODING c"), "$8\r\nlistpack\r\n");
    assert_eq!(db.reply("SMOVE a b m0"), ":1\r\n");
    assert_eq!(db.reply("SCARD b"), ":501\r\n");
    assert_eq!(db.reply("SREM a m1 m2 m3 none"), ":3\r\n");
    assert_eq!(db.reply("SCARD a"), ":496\r\n");
    let mut db = db.reopen();
    assert_eq!(db.reply("SCARD d"), ":900\r\n");
    assert_eq!(members(&mut db, "SMEMBERS d"), named(0..900));
}

#[test]
fn a_scan_of_a_large_set_returns_every_member_and_filters() {
    let mut db = Db::new();
    fill(&mut db, "s", 0..1000);
    for (options, expected) in [("", 1000), (" COUNT 300", 1000), (" MATCH m*7", 100), (" MATCH none", 0)] {
        let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = db.reply(&format!("SSCAN s {cursor}{options}"));
            let lines: Vec<&str> = reply.split("\r\n").collect();
            cursor = lines[2].to_owned();
            found.extend(lines[4..].chunks_exact(2).map(|pair| pair[1].to_owned()));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found.len(), expected, "{options}");
    }
}

#[test]
fn counts_that_nobody_could_want_are_refused_and_end_at_the_size_of_the_set() {
    let mut db = Db::new();
    db.reply("SADD s 1 2 3");
    assert_eq!(db.reply("SRANDMEMBER s -9223372036854775807"), "-ERR index out of range\r\n");
    assert_eq!(db.reply("SRANDMEMBER s 9223372036854775807"), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
    let reply = db.reply("SRANDMEMBER s -1000");
    assert!(reply.starts_with("*1000\r\n") && ["\n1\r", "\n2\r", "\n3\r"].iter().all(|member| reply.contains(member)));
    assert_eq!(db.reply("SPOP s 9223372036854775807"), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
    assert_eq!(db.reply("EXISTS s"), ":0\r\n");
}

#[test]
fn a_set_that_is_emptied_or_refused_leaves_nothing_behind() {
    let mut db = Db::new();
    fill(&mut db, "s", 0..200);
    db.commit();
    db.reply("SPOP s 200");
    db.commit();
    assert_eq!(db.view().count().keys, 0);
    db.reply("SADD s a");
    db.reply("SMOVE s t a");
    db.commit();
    assert_eq!((db.reply("KEYS *").as_str(), db.view().count().keys), ("*1\r\n$1\r\nt\r\n", 1));
    db.make_list(b"list");
    assert!(db.reply("SMOVE t list a").starts_with("-WRONGTYPE"));
    assert!(db.reply("SUNIONSTORE t t list").starts_with("-WRONGTYPE"));
    assert_eq!(db.reply("SISMEMBER t a"), ":1\r\n");
}
