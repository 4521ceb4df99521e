//! Sets: members, random ones, operations between sets, iteration.

use std::collections::BTreeSet;

use crate::harness::{Db, both, both_with_other, once};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "-ERR value is out of range, must be positive";
const SYNTAX: &str = "-ERR syntax error";

/// What several members look like in a reply that is a set.
fn shown(protocol: u8, members: &str) -> String {
    let members: Vec<String> = members.split_whitespace().map(|member| format!("${member}")).collect();
    format!("{}[{}]", if protocol == 3 { "~" } else { "" }, members.join(" "))
}

/// The members that a line is answered with, whatever their order.
fn sorted(db: &mut Db<'_>, line: &str) -> Vec<String> {
    let mut items = db.items(line);
    items.sort();
    items
}

/// Adds `prefix` and the numbers of a range, many at once.
fn fill(db: &mut Db<'_>, key: &str, prefix: &str, range: std::ops::Range<u32>) {
    let members: Vec<String> = range.map(|n| format!("{prefix}{n}")).collect();
    for some in members.chunks(1000) {
        db.check(&format!("SADD {key} {}", some.join(" ")), &format!(":{}", some.len()));
    }
}

fn named(prefix: &str, range: std::ops::Range<u32>) -> Vec<String> {
    let mut names: Vec<String> = range.map(|n| format!("${prefix}{n}")).collect();
    names.sort();
    names
}

#[test]
fn adding_removing_and_looking_up() {
    both(|db| {
        db.check_all(&[
            ("SADD s 3 1 2", ":3"),
            ("SADD s 1 2 4", ":1"),
            ("SCARD s", ":4"),
            ("SISMEMBER s 1", ":1"),
            ("SISMEMBER s 01", ":0"),
            ("SISMEMBER s a", ":0"),
            ("SMISMEMBER s 1 9 a 4", "[:1 :0 :0 :1]"),
            ("SMISMEMBER none a b", "[:0 :0]"),
            ("TYPE s", "+set"),
            ("SREM s 1 1 9 a", ":1"),
            ("SCARD s", ":3"),
            ("SREM s 2 3 4 5", ":3"),
            ("EXISTS s", ":0"),
            ("SCARD s", ":0"),
            ("SREM s 1", ":0"),
            ("SISMEMBER s 1", ":0"),
            ("SADD odd \"\" \"\\x00\\xff\\r\\n\" \" \"", ":3"),
            ("SISMEMBER odd \"\"", ":1"),
            ("SISMEMBER odd \"\\x00\\xff\\r\\n\"", ":1"),
            ("SISMEMBER odd \"\\x00\"", ":0"),
        ]);
        let empty = shown(db.protocol, "");
        db.check("SMEMBERS none", &empty);
        db.check("SADD n 10 9 -5 123456789012", ":4");
        let all = shown(db.protocol, "-5 9 10 123456789012");
        db.check("SMEMBERS n", &all);
        db.check_arity(&["SADD k", "SADD", "SREM k", "SCARD", "SCARD a b", "SISMEMBER k", "SISMEMBER k a b"]);
        db.check_arity(&["SMISMEMBER k", "SMEMBERS", "SMEMBERS a b"]);
    });
}

#[test]
fn expiry_stays_and_an_expired_set_is_gone() {
    both(|db| {
        db.check_all(&[
            ("SADD s a b", ":2"),
            ("EXPIRE s 1000", ":1"),
            ("SADD s c", ":1"),
            ("SREM s a", ":1"),
            ("TTL s", ":1000"),
            ("PEXPIRE s 20", ":1"),
        ]);
        db.wait_for("EXISTS s", ":0");
        db.check_all(&[("SADD s d", ":1"), ("TTL s", ":-1"), ("SCARD s", ":1")]);
    });
}

#[test]
fn encodings_in_the_words_of_redis() {
    both(|db| {
        fill(db, "n", "", 0..512);
        db.check_all(&[
            ("OBJECT ENCODING n", "$intset"),
            ("SADD n 512", ":1"),
            ("OBJECT ENCODING n", "$hashtable"),
            ("SREM n 512 511 510", ":3"),
            ("OBJECT ENCODING n", "$hashtable"),
            ("SADD big 213244124402402314402033402", ":1"),
        ]);
        let member = "x".repeat(65);
        db.check(&format!("SADD long {member}"), ":1");
        db.check("OBJECT ENCODING long", "$hashtable");
        if !db.server.since((7, 2)) {
            return;
        }
        fill(db, "s", "m", 0..128);
        db.check_all(&[
            ("OBJECT ENCODING s", "$listpack"),
            ("OBJECT ENCODING big", "$listpack"),
            ("SADD s more", ":1"),
            ("OBJECT ENCODING s", "$hashtable"),
            ("SADD o b a c", ":3"),
            ("SREM o a", ":1"),
        ]);
        let in_order = shown(db.protocol, "b c");
        db.check("SMEMBERS o", &in_order);
    });
}

#[test]
fn other_types_are_refused() {
    both(|db| {
        db.check_all(&[("SET t x", "+OK"), ("SADD s 1 2", ":2")]);
        let lines = [
            "SADD t a",
            "SREM t a",
            "SCARD t",
            "SISMEMBER t a",
            "SMISMEMBER t a",
            "SMEMBERS t",
            "SPOP t",
            "SPOP t 1",
            "SRANDMEMBER t",
            "SRANDMEMBER t 1",
            "SMOVE t s a",
            "SMOVE s t 1",
            "SMOVE s t none",
            "SINTER t",
            "SINTER none t",
            "SINTER s t",
            "SUNION s t",
            "SDIFF s t",
            "SDIFF none t",
            "SINTERCARD 2 none t",
            "SINTERSTORE s none t",
            "SUNIONSTORE s t",
            "SDIFFSTORE s t none",
            "SSCAN t 0",
        ];
        db.check_refused(&lines, WRONG_TYPE);
        db.check_refused(&["GET s", "APPEND s x", "INCR s"], WRONG_TYPE);
        db.check_all(&[("SCARD s", ":2"), ("GET t", "$x"), ("SMOVE none t 1", ":0")]);
    });
}

#[test]
fn moving() {
    both(|db| {
        db.check_all(&[
            ("SADD a 1 2 x", ":3"),
            ("SADD b 2", ":1"),
            ("SMOVE a b 1", ":1"),
            ("SMOVE a b 1", ":0"),
            ("SMOVE a b 2", ":1"),
            ("SCARD b", ":2"),
            ("SMOVE a c x", ":1"),
            ("EXISTS a", ":0"),
            ("SISMEMBER c x", ":1"),
            ("SMOVE b b 1", ":1"),
            ("SMOVE b b 9", ":0"),
            ("SCARD b", ":2"),
            ("SMOVE none b 1", ":0"),
        ]);
        db.check_arity(&["SMOVE a b", "SMOVE a b c d"]);
    });
}

#[test]
fn popping_at_random() {
    both(|db| {
        db.check_each("SPOP none", "nil", "nil");
        let empty = shown(db.protocol, "");
        db.check("SPOP none 5", &empty);
        for (prefix, len) in [("", 20), ("m", 20), ("m", 1000)] {
            fill(db, "s", prefix, 0..len);
            let mut popped = BTreeSet::new();
            for line in ["SPOP s 0", "SPOP s 3", "SPOP s 1", "SPOP s 10"] {
                popped.extend(db.items(line));
            }
            assert_eq!(popped.len(), 14);
            popped.insert(format!("${}", db.text("SPOP s")));
            db.check("SCARD s", &format!(":{}", len - 15));
            popped.extend(db.items("SPOP s 9223372036854775807"));
            assert_eq!(popped.into_iter().collect::<Vec<_>>(), named(prefix, 0..len));
            db.check("EXISTS s", ":0");
        }
        // Nearly all: what is left is written anew.
        fill(db, "s", "m", 0..1000);
        let popped: BTreeSet<String> = db.items("SPOP s 990").into_iter().collect();
        let left: BTreeSet<String> = db.items("SMEMBERS s").into_iter().collect();
        assert_eq!((popped.len(), left.len(), popped.is_disjoint(&left)), (990, 10, true));
        db.check_refused(&["SPOP s -1", "SPOP s x", "SPOP s 1.5", "SPOP none -1"], NOT_POSITIVE);
        db.check_refused(&["SPOP s 1 2"], SYNTAX);
        db.check_arity(&["SPOP"]);
    });
}

#[test]
fn members_at_random() {
    both(|db| {
        db.check_each("SRANDMEMBER none", "nil", "nil");
        db.check("SRANDMEMBER none 5", "[]");
        db.check("SRANDMEMBER none -5", "[]");
        for (prefix, len) in [("", 30u32), ("m", 30), ("m", 2000)] {
            fill(db, "s", prefix, 0..len);
            let all: BTreeSet<String> = named(prefix, 0..len).into_iter().collect();
            assert!(all.contains(&format!("${}", db.text("SRANDMEMBER s"))));
            db.check("SRANDMEMBER s 0", "[]");
            for count in [1, 2, 10, len - 1, len, len + 5] {
                let drawn = db.items(&format!("SRANDMEMBER s {count}"));
                let different: BTreeSet<String> = drawn.iter().cloned().collect();
                assert_eq!((drawn.len(), different.len()), (count.min(len) as usize, count.min(len) as usize));
                assert!(different.is_subset(&all));
            }
            for count in [1, 3, 100, len + 5] {
                let drawn = db.items(&format!("SRANDMEMBER s -{count}"));
                assert!(drawn.len() == count as usize && drawn.iter().all(|member| all.contains(member)));
            }
            db.check("SCARD s", &format!(":{len}"));
            db.check("DEL s", ":1");
        }
        db.check("SADD s a", ":1");
        db.check_refused(&["SRANDMEMBER s x", "SRANDMEMBER none x", "SRANDMEMBER s 9223372036854775808"], NOT_INTEGER);
        let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        db.check_refused(&["SRANDMEMBER s -9223372036854775808"], range);
        db.check_refused(&["SRANDMEMBER s 1 2"], SYNTAX);
        db.check_arity(&["SRANDMEMBER"]);
    });
}

#[test]
fn operations_between_small_sets() {
    both(|db| {
        db.check_all(&[("SADD a 1 2 3 4", ":4"), ("SADD b 3 4 5", ":3"), ("SADD c 4 6", ":2")]);
        let protocol = db.protocol;
        for (line, members) in [
            ("SINTER a b", "3 4"),
            ("SINTER a b c", "4"),
            ("SINTER a none", ""),
            ("SINTER a a", "1 2 3 4"),
            ("SUNION a b c", "1 2 3 4 5 6"),
            ("SUNION none c", "4 6"),
            ("SDIFF a b", "1 2"),
            ("SDIFF a b c", "1 2"),
            ("SDIFF a none", "1 2 3 4"),
            ("SDIFF none a", ""),
            ("SDIFF a b a", ""),
        ] {
            db.check(line, &shown(protocol, members));
        }
        db.check_all(&[
            ("SINTERSTORE d a b", ":2"),
            ("OBJECT ENCODING d", "$intset"),
            ("SUNIONSTORE d a b c", ":6"),
            ("SDIFFSTORE d a b", ":2"),
            ("SINTERSTORE a a b", ":2"),
            ("SCARD a", ":2"),
            ("SET t x EX 100", "+OK"),
            ("SUNIONSTORE t b", ":3"),
            ("TYPE t", "+set"),
            ("TTL t", ":-1"),
            ("SINTERSTORE t b none", ":0"),
            ("EXISTS t", ":0"),
            ("SET t x", "+OK"),
            ("SDIFFSTORE t b b", ":0"),
            ("EXISTS t", ":0"),
        ]);
        db.check_arity(&["SINTER", "SUNION", "SDIFF", "SINTERSTORE d", "SUNIONSTORE d", "SDIFFSTORE d"]);
    });
}

#[test]
fn sintercard() {
    both(|db| {
        db.check_all(&[
            ("SADD a 1 2 3 4", ":4"),
            ("SADD b 2 3 4 5", ":4"),
            ("SINTERCARD 2 a b", ":3"),
            ("SINTERCARD 2 a b LIMIT 2", ":2"),
            ("SINTERCARD 2 a b limit 0", ":3"),
            ("SINTERCARD 2 a none", ":0"),
            ("SINTERCARD 1 a LIMIT 9 LIMIT 1", ":1"),
        ]);
        db.check_refused(
            &["SINTERCARD 0 a", "SINTERCARD -1 a", "SINTERCARD x a", "SINTERCARD 9223372036854775808 a"],
            "-ERR numkeys should be greater than 0",
        );
        let too_many = "-ERR Number of keys can't be greater than number of args";
        db.check_refused(&["SINTERCARD 2 a", "SINTERCARD 9223372036854775807 a b"], too_many);
        db.check_refused(&["SINTERCARD 1 a b", "SINTERCARD 1 a LIMIT", "SINTERCARD 1 a LIMIT 1 x"], SYNTAX);
        db.check_refused(&["SINTERCARD 1 a LIMIT -1", "SINTERCARD 1 a LIMIT x"], "-ERR LIMIT can't be negative");
        db.check_arity(&["SINTERCARD", "SINTERCARD 1"]);
    });
}

#[test]
fn operations_between_large_sets() {
    both(|db| {
        fill(db, "a", "m", 0..3000);
        fill(db, "b", "m", 2500..6000);
        fill(db, "c", "m", 2900..2910);
        assert_eq!(sorted(db, "SINTER a b"), named("m", 2500..3000));
        assert_eq!(sorted(db, "SINTER a b c"), named("m", 2900..2910));
        assert_eq!(sorted(db, "SUNION a b c"), named("m", 0..6000));
        assert_eq!(sorted(db, "SDIFF a b c"), named("m", 0..2500));
        assert_eq!(
            sorted(db, "SDIFF a c"),
            [named("m", 0..2900), named("m", 2910..3000)]
                .concat()
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        assert_eq!(sorted(db, "SMEMBERS b"), named("m", 2500..6000));
        db.check_all(&[
            ("SINTERCARD 2 a b", ":500"),
            ("SINTERCARD 2 a b LIMIT 10", ":10"),
            ("SUNIONSTORE d a b", ":6000"),
            ("SCARD d", ":6000"),
            ("SINTERSTORE d a b", ":500"),
            ("SDIFFSTORE a a b", ":2500"),
            ("SCARD a", ":2500"),
            ("SISMEMBER a m2499", ":1"),
            ("SISMEMBER a m2500", ":0"),
        ]);
    });
}

#[test]
fn copies_renames_and_moves_between_databases() {
    both_with_other(|db, other| {
        fill(db, "small", "m", 0..5);
        fill(db, "large", "m", 0..2000);
        db.check_all(&[
            ("COPY large copy", ":1"),
            ("SREM large m0", ":1"),
            ("RENAME large renamed", "+OK"),
            ("SCARD copy", ":2000"),
            ("SCARD renamed", ":1999"),
            ("SISMEMBER copy m0", ":1"),
        ]);
        db.check(&format!("MOVE copy {other}"), ":1");
        db.check(&format!("MOVE small {other}"), ":1");
        db.check("SCARD copy", ":0");
        db.check(&format!("SELECT {other}"), "+OK");
        assert_eq!(sorted(db, "SMEMBERS copy"), named("m", 0..2000));
        assert_eq!(sorted(db, "SMEMBERS small"), named("m", 0..5));
    });
}

/// All members that an iteration returns, with options.
fn scan_all(db: &mut Db<'_>, options: &str) -> (BTreeSet<String>, usize) {
    let (mut cursor, mut found, mut calls) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let crate::wire::Reply::Array(parts) = db.call(&format!("SSCAN s {cursor}{options}")) else {
            panic!("no array")
        };
        let crate::wire::Reply::Array(members) = &parts[1] else { panic!("no members") };
        found.extend(members.iter().map(ToString::to_string));
        calls += 1;
        cursor = parts[0].to_string()[1..].to_owned();
        if cursor == "0" {
            return (found, calls);
        }
    }
}

#[test]
fn iterating() {
    both(|db| {
        db.check("SSCAN none 0", "[$0 []]");
        db.check("SADD s 2 1", ":2");
        db.check("SSCAN s 0", "[$0 [$1 $2]]");
        db.check("SSCAN s 0 MATCH 2", "[$0 [$2]]");
        fill(db, "s", "m", 0..3000);
        let (found, calls) = scan_all(db, "");
        assert!(found.len() == 3002 && calls > 10, "{} members in {calls} calls", found.len());
        assert_eq!(scan_all(db, " COUNT 500").0.len(), 3002);
        assert_eq!(scan_all(db, " MATCH m*99 COUNT 100").0.len(), 30);
        db.check_refused(&["SSCAN s x", "SSCAN none x", "SSCAN s 1.5"], "-ERR invalid cursor");
        db.check_refused(&["SSCAN s 0 COUNT", "SSCAN s 0 COUNT 0", "SSCAN s 0 NOPE", "SSCAN s 0 TYPE set"], SYNTAX);
        db.check_refused(&["SSCAN s 0 COUNT x"], NOT_INTEGER);
        db.check("SSCAN none 0 COUNT x", "[$0 []]");
        db.check_arity(&["SSCAN", "SSCAN s"]);
    });
}

#[test]
fn what_stays_during_an_iteration_is_returned() {
    once(|db| {
        fill(db, "s", "stays", 0..2000);
        let (mut cursor, mut found, mut round) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let crate::wire::Reply::Array(parts) = db.call(&format!("SSCAN s {cursor}")) else { panic!("no array") };
            let crate::wire::Reply::Array(members) = &parts[1] else { panic!("no members") };
            found.extend(members.iter().map(ToString::to_string));
            cursor = parts[0].to_string()[1..].to_owned();
            if cursor == "0" {
                break;
            }
            db.call(&format!("SADD s comes{round} goes{round}"));
            db.call(&format!("SREM s goes{}", round / 2));
            round += 1;
        }
        assert!(named("stays", 0..2000).iter().all(|member| found.contains(member)));
    });
}

#[test]
fn a_large_set_and_what_was_written_before_it_in_a_pipeline() {
    both(|db| {
        fill(db, "s", "m", 0..5000);
        db.wire
            .send(b"SADD s new\r\nSMEMBERS s\r\nSISMEMBER s new\r\nSRANDMEMBER s 3000\r\nSPOP s 4999\r\nSCARD s\r\n");
        assert_eq!(db.wire.read().to_string(), ":1");
        let all = db.wire.read().to_string();
        assert!(all.contains("$new") && all.matches('$').count() == 5001);
        assert_eq!(db.wire.read().to_string(), ":1");
        assert_eq!(db.wire.read().to_string().matches('$').count(), 3000);
        assert_eq!(db.wire.read().to_string().matches('$').count(), 4999);
        assert_eq!(db.wire.read().to_string(), ":2");
    });
}
