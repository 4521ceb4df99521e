//! Replies, which are those of Redis to the same commands, and the guarantees that replies do not show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use resp::Protocol;

use crate::testing::{Db, START_MS};

mod model;

/// Runs commands, each with the reply expected, CRLF written as blank. `SET` and `SELECT` belong to other groups: here
/// they are done by hand, and reply nothing.
fn check(db: &mut Db, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["SET", key, value] => db.put(key.as_bytes(), value.as_bytes()),
            ["SELECT", number] => db.selected = number.parse().expect("a number"),
            _ => {
                let (command, reply) = line.split_once(" -> ").expect("a reply");
                assert_eq!(db.reply(command).replace("\r\n", " ").trim_end(), reply, "{command}");
            }
        }
    }
}

#[test]
fn keys_are_counted_and_removed_as_often_as_they_are_named_and_exist() {
    check(
        &mut Db::new(),
        "SET a 1
         SET b 2
         EXISTS a b b nokey -> :3
         TOUCH a a nokey -> :2
         TYPE a -> +string
         TYPE nokey -> +none
         DEL a a nokey -> :1
         UNLINK b b -> :1
         DEL a -> :0
         EXISTS a b -> :0
         DEL -> -ERR wrong number of arguments for 'del' command
         TYPE a b -> -ERR wrong number of arguments for 'type' command",
    );
}

#[test]
fn expiry_is_set_told_and_taken_away() {
    check(
        &mut Db::new(),
        "SET a 1
         TTL nokey -> :-2
         EXPIRETIME nokey -> :-2
         TTL a -> :-1
         PEXPIRETIME a -> :-1
         EXPIRE nokey 100 -> :0
         EXPIRE a 100 -> :1
         TTL a -> :100
         PTTL a -> :100000
         EXPIRETIME a -> :1700000100
         PEXPIRETIME a -> :1700000100000
         PERSIST a -> :1
         PERSIST a -> :0
         PERSIST nokey -> :0
         PEXPIRE a 1499 -> :1
         TTL a -> :1
         PEXPIRE a 1500 -> :1
         TTL a -> :2
         EXPIREAT a 33177117420 -> :1
         PEXPIRETIME a -> :33177117420000
         PEXPIREAT a 33177117420500 -> :1
         EXPIRETIME a -> :33177117421
         PEXPIREAT a 9223372036854775807 -> :1
         EXPIRETIME a -> :9223372036854776
         EXPIRE a abc -> -ERR value is not an integer or out of range",
    );
}

#[test]
fn expiry_beyond_64_bits_is_refused() {
    check(
        &mut Db::new(),
        "SET a 1
         EXPIRE a 9223372036854776 -> -ERR invalid expire time in 'expire' command
         EXPIRE a 9223372036854775 -> -ERR invalid expire time in 'expire' command
         EXPIRE a -9223372036854776 -> -ERR invalid expire time in 'expire' command
         PEXPIRE a 9223372036854775807 -> -ERR invalid expire time in 'pexpire' command
         EXPIREAT a 9223372036854776 -> -ERR invalid expire time in 'expireat' command
         EXPIRE nokey 9223372036854776 -> -ERR invalid expire time in 'expire' command
         EXPIREAT a 9223372036854775 -> :1
         PEXPIREAT a 9223372036854775808 -> -ERR value is not an integer or out of range",
    );
}

#[test]
fn expiry_that_is_past_removes_the_key() {
    let times = ["EXPIRE a 0", "EXPIRE a -1 NX", "EXPIRE a -1 LT", "PEXPIRE a -9223372036854775808"];
    let more = ["EXPIREAT a 1", "PEXPIREAT a 0", "PEXPIREAT a -5", "PEXPIREAT a 1700000000000"];
    let mut db = Db::new();
    for command in times.into_iter().chain(more) {
        db.put(b"a", b"1");
        check(&mut db, &format!("{command} -> :1\nEXISTS a -> :0\nDBSIZE -> :0"));
    }
    check(&mut db, "SET a 1\nEXPIRE a -1 GT -> :0\nEXPIRE a -1 XX -> :0\nEXISTS a -> :1");
}

#[test]
fn conditions_compare_with_the_expiry_that_is_there() {
    check(
        &mut Db::new(),
        "SET a 1
         EXPIRE a 100 XX -> :0
         EXPIRE a 100 GT -> :0
         EXPIRE a 100 LT -> :1
         EXPIRE a 200 NX -> :0
         EXPIRE a 100 GT -> :0
         EXPIRE a 100 LT -> :0
         EXPIRE a 101 xx gt -> :1
         EXPIRE a 50 XX LT -> :1
         TTL a -> :50
         PERSIST a -> :1
         EXPIRE a 100 nx -> :1
         EXPIRE a 100 NX XX -> -ERR NX and XX, GT or LT options at the same time are not compatible
         EXPIRE a 100 NX LT -> -ERR NX and XX, GT or LT options at the same time are not compatible
         EXPIRE a 100 GT LT -> -ERR GT and LT options at the same time are not compatible
         EXPIRE a abc GT LT -> -ERR GT and LT options at the same time are not compatible
         EXPIRE a abc GT bar -> -ERR Unsupported option bar",
    );
}

#[test]
fn a_key_is_gone_after_its_time() {
    let mut db = Db::new();
    check(&mut db, "SET a 1\nPEXPIRE a 10 -> :1");
    db.pass_ms(10);
    check(&mut db, "EXISTS a -> :1\nPTTL a -> :0");
    db.pass_ms(1);
    check(&mut db, "EXISTS a -> :0\nTTL a -> :-2\nRANDOMKEY -> $-1\nKEYS * -> *0\nSCAN 0 -> *2 $1 0 *0");
    check(&mut db, "DBSIZE -> :1\nRENAME a b -> -ERR no such key\nDBSIZE -> :0");
}

#[test]
fn renaming_takes_the_expiry_along_and_replaces_what_is_there() {
    check(
        &mut Db::new(),
        "SET a 1
         SET b 2
         EXPIRE a 100 -> :1
         RENAME a b -> +OK
         EXISTS a -> :0
         TTL b -> :100
         RENAME b b -> +OK
         RENAMENX b b -> :0
         TTL b -> :100
         SET c 3
         RENAMENX b c -> :0
         RENAME c b -> +OK
         TTL b -> :-1
         RENAMENX b d -> :1
         DBSIZE -> :1
         RENAME nokey nokey -> -ERR no such key
         RENAMENX nokey b -> -ERR no such key",
    );
}

#[test]
fn copies_and_moves_name_their_database() {
    check(
        &mut Db::new(),
        "SET a 1
         EXPIRE a 100 -> :1
         COPY a b -> :1
         COPY a b -> :0
         COPY a b REPLACE -> :1
         TTL b -> :100
         COPY nokey b REPLACE -> :0
         COPY a a DB 1 -> :1
         COPY a a DB 2 DB 1 -> :0
         COPY a a replace db 1 -> :1
         COPY a a -> -ERR source and destination objects are the same
         COPY nokey nokey DB 0 -> -ERR source and destination objects are the same
         COPY a b DB 4 -> -ERR DB index is out of range
         COPY a b DB -1 -> -ERR DB index is out of range
         COPY a b DB abc -> -ERR value is not an integer or out of range
         COPY a b DB 3000000000 -> -ERR value is out of range, value must between -2147483648 and 2147483647
         COPY a b DB -> -ERR syntax error
         COPY a b FOO -> -ERR syntax error
         MOVE a 1 -> :0
         MOVE a 3 -> :1
         MOVE a 3 -> :0
         MOVE b 0 -> -ERR source and destination objects are the same
         MOVE b 4 -> -ERR DB index is out of range
         MOVE b abc -> -ERR value is not an integer or out of range
         MOVE b 3000000000 -> -ERR value is out of range, value must between -2147483648 and 2147483647
         DBSIZE -> :1
         SELECT 3
         TTL a -> :100",
    );
}

#[test]
fn databases_are_exchanged_and_emptied() {
    check(
        &mut Db::new(),
        "SET a 1
         SET b 1
         SWAPDB 0 1 -> +OK
         DBSIZE -> :0
         SET c 1
         SELECT 1
         DBSIZE -> :2
         SWAPDB 1 1 -> +OK
         SWAPDB a 1 -> -ERR invalid first DB index
         SWAPDB 1 3000000000 -> -ERR invalid second DB index
         SWAPDB a b -> -ERR invalid first DB index
         SWAPDB 0 4 -> -ERR DB index is out of range
         SWAPDB -1 0 -> -ERR DB index is out of range
         FLUSHDB FOO -> -ERR syntax error
         FLUSHALL SYNC ASYNC -> -ERR syntax error
         FLUSHDB sync -> +OK
         DBSIZE -> :0
         FLUSHDB -> +OK
         SELECT 0
         DBSIZE -> :1
         FLUSHALL ASYNC -> +OK
         DBSIZE -> :0
         KEYS * -> *0",
    );
}

#[test]
fn scan_options_and_cursors_are_read_as_redis_reads_them() {
    check(
        &mut Db::new(),
        "SET one 1
         SCAN 0 COUNT 10 MATCH o* TYPE string -> *2 $1 0 *1 $3 one
         SCAN 0 type STRING -> *2 $1 0 *1 $3 one
         SCAN 0 TYPE list -> *2 $1 0 *0
         SCAN 0 TYPE nosuchtype -> *2 $1 0 *0
         SCAN 0 MATCH x* -> *2 $1 0 *0
         SCAN 0 MATCH x* MATCH o* -> *2 $1 0 *1 $3 one
         SCAN \"\" -> *2 $1 0 *1 $3 one
         SCAN -0 COUNT 9223372036854775807 -> *2 $1 0 *1 $3 one
         SCAN 18446744073709551615 -> *2 $1 0 *0
         SCAN 18446744073709551616 -> -ERR invalid cursor
         SCAN abc COUNT abc -> -ERR invalid cursor
         SCAN - -> -ERR invalid cursor
         SCAN 0 COUNT 0 -> -ERR syntax error
         SCAN 0 COUNT -> -ERR syntax error
         SCAN 0 FOO 1 -> -ERR syntax error
         SCAN 0 COUNT abc FOO -> -ERR value is not an integer or out of range
         KEYS [n-p]? -> *0
         KEYS [n-p]*e -> *1 $3 one
         SET \"\" 1
         DEL one -> :1
         DBSIZE -> :1",
    );
}

#[test]
fn the_empty_key_matches_a_single_star_only() {
    let mut db = Db::new();
    db.put(b"", b"1");
    check(&mut db, "KEYS * -> *1 $0\nKEYS ** -> *0\nSCAN 0 MATCH * -> *2 $1 0 *1 $0\nSCAN 0 MATCH ** -> *2 $1 0 *0");
}

/// The cursor and the keys of a `SCAN` reply.
fn scan(db: &mut Db, cursor: &str, options: &str) -> (String, Vec<String>) {
    let reply = db.reply(&format!("SCAN {cursor}{options}"));
    let words: Vec<&str> = reply.split("\r\n").collect();
    // *2 $len cursor *count, then $len key for each.
    (words[2].to_owned(), words[4..].iter().skip(1).step_by(2).map(|&key| key.to_owned()).collect())
}

#[test]
fn scan_returns_every_key_once_where_nothing_changes() {
    let mut db = Db::new();
    let all: BTreeSet<String> =
        (0..500).map(|n| if n % 2 == 0 { format!("{{t}}{n}") } else { format!("k{n}") }).collect();
    all.iter().for_each(|key| db.put(key.as_bytes(), b"v"));
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let (next, keys) = scan(&mut db, &cursor, " COUNT 7");
        assert!(keys.len() >= 7 || next == "0", "{} keys of 7", keys.len());
        seen.extend(keys);
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), all.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
}

#[test]
fn scan_returns_what_is_there_throughout_whatever_else_changes() {
    let mut db = Db::new();
    let stable: BTreeSet<String> = (0..300).map(|n| format!("stable{n}")).collect();
    stable.iter().for_each(|key| db.put(key.as_bytes(), b"v"));
    (0..300).for_each(|n| db.put(format!("fickle{n}").as_bytes(), b"v"));
    let (mut cursor, mut seen, mut round) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let (next, keys) = scan(&mut db, &cursor, " COUNT 5");
        seen.extend(keys);
        cursor = next;
        if cursor == "0" {
            break;
        }
        for _ in 0..10 {
            let (a, b) = (db.turn.random_below(400), db.turn.random_below(400));
            match db.turn.random_below(3) {
                0 => db.put(format!("fickle{a}").as_bytes(), b"v"),
                1 => drop(db.reply(&format!("DEL fickle{a}"))),
                _ => drop(db.reply(&format!("RENAME fickle{a} fickle{b}"))),
            }
        }
        round += 1;
        if round == 20 {
            db = db.reopen();
        }
    }
    assert!(round > 20, "{round} rounds");
    assert!(stable.is_subset(&seen), "missing: {:?}", stable.difference(&seen));
}

#[test]
fn one_call_of_scan_looks_at_a_bounded_number_of_keys() {
    let mut db = Db::new();
    (0..super::scan::KEYS_PER_CALL_MAX + 10).for_each(|n| db.put(n.to_string().as_bytes(), b"v"));
    let (cursor, keys) = scan(&mut db, "0", " COUNT 1000000000");
    assert_eq!(keys.len(), super::scan::KEYS_PER_CALL_MAX);
    let (cursor, keys) = scan(&mut db, &cursor, " COUNT 1000000000");
    assert_eq!((cursor.as_str(), keys.len()), ("0", 10));
}

/// How often each key was drawn.
fn draws(db: &mut Db, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts.entry(db.reply("RANDOMKEY")).or_default() += 1;
    }
    counts
}

#[test]
fn a_random_key_of_a_small_database_is_any_of_them() {
    let mut db = Db::new();
    assert_eq!(db.reply("RANDOMKEY"), "$-1\r\n");
    db.protocol = Protocol::Resp3;
    assert_eq!(db.reply("RANDOMKEY"), "_\r\n");
    (0..10).for_each(|n| db.put(format!("{{tag}}{n}").as_bytes(), b"v"));
    let counts = draws(&mut db, 1000);
    assert_eq!(counts.len(), 10);
    assert!(counts.values().all(|&count| (50..200).contains(&count)), "{counts:?}");
}

#[test]
fn a_random_key_of_a_large_database_is_one_of_many_even_in_one_slot() {
    for prefix in ["{tag}", ""] {
        let mut db = Db::new();
        (0..1000).for_each(|n| db.put(format!("{prefix}{n}").as_bytes(), b"v"));
        let counts = draws(&mut db, 1000);

        assert!(counts.len() > 500, "{} different keys with prefix '{prefix}'", counts.len());
    }
}

#[test]
fn an_expired_key_is_never_drawn() {
    let mut db = Db::new();
    for n in 0..300 {
        db.put(format!("k{n}").as_bytes(), b"v");
        db.reply(&format!("PEXPIRE k{n} 5"));
    }
    db.put(b"alive", b"v");
    db.pass_ms(6);
    assert_eq!(draws(&mut db, 50), BTreeMap::from([("$5\r\nalive\r\n".to_owned(), 50)]));
    db.reply("DEL alive");
    assert_eq!(draws(&mut db, 3), BTreeMap::from([("$-1\r\n".to_owned(), 3)]));
}

#[test]
fn encodings_and_reference_counts_are_those_that_redis_would_have() {
    let mut db = Db::new();
    db.put(b"text", b"hello");
    db.put(b"embedded", &[b'x'; 44]);
    db.put(b"long", &[b'x'; 45]);
    db.put(b"chunked", &[b'x'; 100_000]);
    check(
        &mut db,
        "SET n 9999
         SET m 10000
         SET negative -1
         OBJECT ENCODING n -> $3 int
         OBJECT ENCODING text -> $6 embstr
         OBJECT ENCODING embedded -> $6 embstr
         OBJECT ENCODING long -> $3 raw
         OBJECT ENCODING chunked -> $3 raw
         OBJECT REFCOUNT n -> :2147483647
         OBJECT REFCOUNT m -> :1
         OBJECT REFCOUNT negative -> :1
         OBJECT REFCOUNT text -> :1
         OBJECT REFCOUNT chunked -> :1
         OBJECT ENCODING nokey -> $-1
         OBJECT REFCOUNT nokey -> $-1
         OBJECT IDLETIME nokey -> $-1
         OBJECT FREQ nokey -> $-1
         OBJECT FOO n -> -ERR unknown subcommand 'FOO'. Try OBJECT HELP.
         OBJECT ENCODING -> -ERR wrong number of arguments for 'object|encoding' command
         OBJECT -> -ERR wrong number of arguments for 'object' command",
    );
}

#[test]
fn idle_time_ends_with_what_uses_a_key_and_not_with_what_looks_at_it() {
    let mut db = Db::new();
    db.put(b"k", b"v");
    db.pass_ms(5000);
    for looking in ["TYPE k", "TTL k", "EXISTS k", "OBJECT ENCODING k", "OBJECT REFCOUNT k", "SCAN 0", "KEYS *"] {
        db.reply(looking);
        assert_eq!(db.reply("OBJECT IDLETIME k"), ":5\r\n", "{looking}");
    }
    for using in ["TOUCH k", "PERSIST k", "RENAME k k", "COPY k copy"] {
        db.reply(using);
        assert_eq!(db.reply("OBJECT IDLETIME k"), ":0\r\n", "{using}");
        db.pass_ms(2000);
    }
    assert_eq!(db.reply("OBJECT IDLETIME copy"), ":2\r\n");
    assert!(db.reply("OBJECT FREQ k").starts_with("-ERR An LFU maxmemory policy is not selected, "));
}

#[test]
fn frequency_is_told_under_an_lfu_policy_only() {
    let mut db = Db::new();
    db.keyspace.settings.is_lfu.store(true, Ordering::Relaxed);
    db.put(b"k", b"v");
    assert_eq!(db.reply("OBJECT FREQ k"), ":5\r\n");
    (0..200).for_each(|_| drop(db.reply("TOUCH k")));
    assert_ne!(db.reply("OBJECT FREQ k"), ":5\r\n");
    assert!(db.reply("OBJECT IDLETIME k").starts_with("-ERR An LFU maxmemory policy is selected, "));
}
