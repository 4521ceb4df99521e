//! Walks over all keys: `KEYS` and `SCAN`, with patterns.

use std::collections::{BTreeSet, HashMap};

use crate::harness::{Db, both, once};
use crate::wire::Reply;

const SYNTAX: &str = "-ERR syntax error";
const INVALID_CURSOR: &str = "-ERR invalid cursor";

/// Follows the cursor to its end; how often each key came.
fn scan_all(db: &mut Db<'_>, options: &str) -> HashMap<String, usize> {
    const STEP_MAX: usize = 1_000_000;
    let mut cursor = "0".to_owned();
    let mut seen = HashMap::new();
    for _ in 0..STEP_MAX {
        let Reply::Array(parts) = db.call(&format!("SCAN {cursor} {options}")) else {
            panic!("SCAN {cursor} {options} gave no array")
        };
        let [Reply::Bulk(next), Reply::Array(keys)] = &parts[..] else {
            panic!("SCAN {cursor} {options} gave {parts:?}")
        };
        for key in keys {
            let Reply::Bulk(key) = key else { panic!("a key that is {key}") };
            *seen.entry(String::from_utf8_lossy(key).into_owned()).or_insert(0) += 1;
        }
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            return seen;
        }
        assert!(cursor.parse::<u64>().is_ok(), "clients read a cursor as a number of 64 bits, not as {cursor}");
    }
    panic!("SCAN {options} never came to its end");
}

fn names(range: std::ops::Range<usize>) -> BTreeSet<String> {
    range.map(|i| format!("key:{i}")).collect()
}

fn fill(db: &mut Db<'_>, count: usize) {
    for chunk in names(0..count).into_iter().collect::<Vec<_>>().chunks(1000) {
        let pairs: Vec<String> = chunk.iter().map(|key| format!("{key} v")).collect();
        db.check(&format!("MSET {}", pairs.join(" ")), "+OK");
    }
}

fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items
}

#[test]
fn scan_returns_every_key_exactly_once_when_nothing_changes() {
    both(|db| {
        fill(db, 2500);
        for options in ["", "COUNT 1", "COUNT 7", "COUNT 1000", "COUNT 100000", "COUNT 9223372036854775807"] {
            let seen = scan_all(db, options);
            assert!(seen.values().all(|&times| times == 1), "SCAN {options} returned a key twice");
            assert_eq!(seen.into_keys().collect::<BTreeSet<_>>(), names(0..2500), "SCAN {options}");
        }
    });
}

#[test]
fn scan_of_an_empty_database() {
    both(|db| {
        db.check("SCAN 0", "[$0 []]");
        db.check("SCAN 0 MATCH * COUNT 1000 TYPE string", "[$0 []]");
    });
}

#[test]
fn scan_with_match_and_type() {
    both(|db| {
        fill(db, 1200);
        db.check("MSET other 1 \"key:\" 2 kex:1 3", "+OK");
        let expected: BTreeSet<String> = names(0..1200).into_iter().filter(|key| key.starts_with("key:11")).collect();
        assert_eq!(scan_all(db, "MATCH key:11*").into_keys().collect::<BTreeSet<_>>(), expected);
        assert_eq!(scan_all(db, "match key:11* count 10000").into_keys().collect::<BTreeSet<_>>(), expected);
        assert_eq!(scan_all(db, "MATCH nothing*").len(), 0);
        assert_eq!(scan_all(db, "MATCH *ther").len(), 1);
        assert_eq!(scan_all(db, "TYPE string").len(), 1203);
        assert_eq!(scan_all(db, "TYPE STRING COUNT 5 MATCH ke?:1").len(), 2);
        assert_eq!(scan_all(db, "TYPE list").len(), 0);
        assert_eq!(scan_all(db, "TYPE bogus").len(), 0);
    });
}

#[test]
fn scan_refuses_bad_arguments() {
    both(|db| {
        db.check_refused(&["SCAN x", "SCAN 1x", "SCAN \" 0\"", "SCAN 99999999999999999999"], INVALID_CURSOR);
        db.check_refused(
            &[
                "SCAN 0 BOGUS",
                "SCAN 0 COUNT",
                "SCAN 0 MATCH",
                "SCAN 0 TYPE",
                "SCAN 0 COUNT 0",
                "SCAN 0 COUNT -5",
                "SCAN 0 BOGUS 1",
                "SCAN 0 MATCH a COUNT",
            ],
            SYNTAX,
        );
        db.check_refused(&["SCAN 0 COUNT x", "SCAN 0 COUNT 1.5"], "-ERR value is not an integer or out of range");
        db.check_arity(&["SCAN"]);
    });
}

#[test]
fn scan_accepts_a_cursor_it_never_gave() {
    both(|db| {
        fill(db, 50);
        for cursor in ["1", "12345", "9223372036854775807", "18446744073709551615"] {
            let reply = db.call(&format!("SCAN {cursor}"));
            assert!(matches!(&reply, Reply::Array(parts) if parts.len() == 2), "SCAN {cursor}: {reply}");
        }
    });
}

#[test]
fn scan_returns_all_keys_that_were_there_throughout() {
    once(|db| {
        fill(db, 1000);
        let (server, index) = (db.server, db.index);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut db = server.db(2, index);
                let mut i = 0usize;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    db.call(&format!("SET new:{i} v"));
                    db.call(&format!("DEL new:{}", i.saturating_sub(300)));
                    db.call(&format!("SET key:{} changed", i % 1000));
                    i += 1;
                }
            });
            let seen: Vec<_> = ["COUNT 3", "COUNT 50", ""].into_iter().map(|options| scan_all(db, options)).collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            for seen in seen {
                let missed: Vec<_> = names(0..1000).into_iter().filter(|key| !seen.contains_key(key)).collect();
                assert!(missed.is_empty(), "SCAN missed {missed:?}");
            }
        });
    });
}

#[test]
fn a_scan_whose_keys_are_deleted_behind_it_still_ends() {
    both(|db| {
        fill(db, 600);
        let mut cursor = "0".to_owned();
        let mut seen = BTreeSet::new();
        loop {
            let Reply::Array(parts) = db.call(&format!("SCAN {cursor} COUNT 10")) else { panic!("no array") };
            let [Reply::Bulk(next), Reply::Array(keys)] = &parts[..] else { panic!("{parts:?}") };
            for key in keys {
                let Reply::Bulk(key) = key else { panic!("a key that is {key}") };
                db.check_bytes(&[b"DEL", key], ":1");
                seen.insert(String::from_utf8_lossy(key).into_owned());
            }
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, names(0..600));
        db.check("DBSIZE", ":0");
    });
}

#[test]
fn keys_with_patterns() {
    both(|db| {
        db.check("MSET hello 1 hallo 2 hxllo 3 hllo 4 heello 5 h^llo 6 other 7", "+OK");
        let table: [(&str, &[&str]); 16] = [
            ("*", &["h^llo", "hallo", "heello", "hello", "hllo", "hxllo", "other"]),
            ("h?llo", &["h^llo", "hallo", "hello", "hxllo"]),
            ("h*llo", &["h^llo", "hallo", "heello", "hello", "hllo", "hxllo"]),
            ("h[ae]llo", &["hallo", "hello"]),
            ("h[^e]llo", &["h^llo", "hallo", "hxllo"]),
            ("h[a-b]llo", &["hallo"]),
            ("h[b-a]llo", &["hallo"]),
            ("h[x\\\\^]llo", &["h^llo", "hxllo"]),
            ("hello", &["hello"]),
            ("HELLO", &[]),
            ("*o", &["h^llo", "hallo", "heello", "hello", "hllo", "hxllo"]),
            ("*****", &["h^llo", "hallo", "heello", "hello", "hllo", "hxllo", "other"]),
            ("?????", &["h^llo", "hallo", "hello", "hxllo", "other"]),
            ("*t*r", &["other"]),
            ("h\\\\?llo", &[]),
            ("h[ae", &[]),
        ];
        for (pattern, expected) in table {
            let mut expected: Vec<String> = expected.iter().map(|key| format!("${key}")).collect();
            expected.sort();
            // A pattern in quotes, as the text of a line has it.
            assert_eq!(sorted(db.items(&format!("KEYS \"{pattern}\""))), expected, "KEYS {pattern}");
        }
        db.check("KEYS \"\"", "[]");
        db.check("KEYS nothing*", "[]");
        db.check_arity(&["KEYS", "KEYS a b"]);
    });
}

#[test]
fn keys_with_odd_bytes_in_name_and_pattern() {
    both(|db| {
        for key in ["\"\"", "a*b", "a?b", "a[b", "a]b", "\"a\\\\b\"", "\"\\x00\\xff\"", "\"line\\r\\nbreak\""] {
            db.check(&format!("SET {key} v"), "+OK");
        }
        db.check("KEYS \"a\\\\*b\"", "[$a*b]");
        db.check("KEYS \"a\\\\?b\"", "[$a?b]");
        db.check("KEYS \"a\\\\[b\"", "[$a[b]");
        db.check("KEYS \"a[]]b\"", "[]");
        db.check("KEYS \"a[[]b\"", "[$a[b]");
        db.check("KEYS \"a\\\\\\\\b\"", "[$a\\\\b]");
        db.check("KEYS \"\\x00*\"", "[$\\x00\\xff]");
        db.check("KEYS *\"", "[]");
        db.check("KEYS \"line\\r\\n*\"", "[$line\\r\\nbreak]");
        assert_eq!(db.items("KEYS a?b").len(), 5);
        assert_eq!(db.items("KEYS *").len(), 8);
        assert_eq!(scan_all(db, "").len(), 8);
    });
}

#[test]
fn keys_sees_only_its_database_and_no_expired_key() {
    both(|db| {
        fill(db, 300);
        db.check("SET gone v PX 20", "+OK");
        db.wait_for("EXISTS gone", ":0");
        assert_eq!(db.items("KEYS *").len(), 300);
        assert_eq!(scan_all(db, "").len(), 300);
    });
}

#[test]
fn a_nasty_pattern_does_not_take_forever() {
    both(|db| {
        let key = "a".repeat(60);
        db.check(&format!("SET {key} v"), "+OK");
        db.check(&format!("KEYS {}b", "a*".repeat(30)), "[]");
        db.check(&format!("KEYS {}", "*a".repeat(30)), &format!("[${key}]"));
    });
}
