//! Hashes: fields of small and of large ones, numbers in them, walks, random fields, and fields with times of their
//! own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{Db, alone, both, once, soon};
use crate::wire::Reply;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

/// Fields of a hash that no server keeps in one piece.
const LARGE: usize = 1500;

/// Sizes of hashes on both sides of where servers change how they keep them.
const SIZES: [usize; 5] = [1, 20, 200, 600, LARGE];

fn fill(db: &mut Db<'_>, key: &str, count: usize) {
    db.call(&format!("DEL {key}"));
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        let pairs: Vec<String> = chunk.iter().map(|n| format!("field:{n} value:{n}")).collect();
        db.check(&format!("HSET {key} {}", pairs.join(" ")), &format!(":{}", chunk.len()));
    }
}

fn names(count: usize) -> BTreeSet<String> {
    (0..count).map(|n| format!("$field:{n}")).collect()
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[test]
fn hset_hget_hdel() {
    both(|db| {
        db.check_all(&[
            ("HSET h a 1", ":1"),
            ("HSET h a 2 b 3 c 4", ":2"),
            ("HSET h d 1 d 2", ":1"),
            ("HGET h d", "$2"),
            ("HGET h nothing", "nil"),
            ("HGET absent a", "nil"),
            ("HMGET h a nothing b a", "[$2 nil $3 $2]"),
            ("HMGET absent a b", "[nil nil]"),
            ("HMSET h a 5 e 6", "+OK"),
            ("HLEN h", ":5"),
            ("HLEN absent", ":0"),
            ("HEXISTS h a", ":1"),
            ("HEXISTS h nothing", ":0"),
            ("HEXISTS absent a", ":0"),
            ("HSTRLEN h a", ":1"),
            ("HSTRLEN h nothing", ":0"),
            ("HSTRLEN absent a", ":0"),
            ("HSETNX h a 9", ":0"),
            ("HSETNX h f 9", ":1"),
            ("HSETNX fresh a 1", ":1"),
            ("HGET h a", "$5"),
            ("HDEL h a nothing a b", ":2"),
            ("HDEL absent a", ":0"),
            ("HDEL h c d e f", ":4"),
            ("EXISTS h", ":0"),
            ("TYPE fresh", "+hash"),
            ("HDEL fresh a", ":1"),
            ("TYPE fresh", "+none"),
        ]);
        db.check_arity(&[
            "HSET h a",
            "HSET h a 1 b",
            "HMSET h a",
            "HMSET h a 1 b",
            "HSETNX h a",
            "HSETNX h a 1 2",
            "HGET h",
            "HGET h a b",
            "HMGET h",
            "HDEL h",
            "HLEN",
            "HLEN h a",
            "HEXISTS h",
            "HSTRLEN h",
            "HGETALL",
            "HGETALL h a",
            "HKEYS",
            "HVALS h a",
        ]);
    });
}

#[test]
fn whole_hashes() {
    both(|db| {
        db.check("HGETALL absent", if db.protocol == 3 { "%[]" } else { "[]" });
        db.check_all(&[("HKEYS absent", "[]"), ("HVALS absent", "[]"), ("HSET h b 1 a 2 c 3 a 4", ":3")]);
        db.check_each("HGETALL h", "[$b $1 $a $4 $c $3]", "%[$b $1 $a $4 $c $3]");
        db.check_all(&[("HKEYS h", "[$b $a $c]"), ("HVALS h", "[$1 $4 $3]")]);
        for count in SIZES {
            fill(db, "h", count);
            db.check("HLEN h", &format!(":{count}"));
            assert_eq!(db.items("HKEYS h").into_iter().collect::<BTreeSet<_>>(), names(count));
            let all = db.items("HGETALL h");
            assert_eq!(all.len(), 2 * count);
            for pair in all.chunks(2) {
                assert_eq!(pair[0].replace("field", "value"), pair[1]);
            }
            assert_eq!(db.items("HVALS h").into_iter().collect::<BTreeSet<_>>().len(), count);
            for field in [0, count / 2, count - 1] {
                db.check(&format!("HGET h field:{field}"), &format!("$value:{field}"));
                db.check(&format!("HDEL h field:{field} field:{field}"), ":1");
                db.check(&format!("HGET h field:{field}"), "nil");
                db.check(&format!("HSET h field:{field} value:{field}"), ":1");
            }
        }
    });
}

#[test]
fn any_bytes_are_fields_and_values() {
    both(|db| {
        let long = vec![b'x'; 300_000];
        let odd: [&[u8]; 6] = [b"", b"\0", b"\r\n", b"\xff\x00\xfe", b"a b", &long];
        for (number, field) in odd.iter().enumerate() {
            let value = odd[(number + 1) % odd.len()];
            db.check_bytes(&[b"HSET", b"h", field, value], ":1");
        }
        for (number, field) in odd.iter().enumerate() {
            let value = odd[(number + 1) % odd.len()];
            assert_eq!(db.wire.call(&[b"HGET", b"h", field]), Reply::Bulk(value.to_vec()));
            db.check_bytes(&[b"HSTRLEN", b"h", field], &format!(":{}", value.len()));
        }
        db.check("HLEN h", ":6");
    });
}

#[test]
fn numbers() {
    both(|db| {
        db.check_all(&[
            ("HINCRBY h i 5", ":5"),
            ("HINCRBY h i -7", ":-2"),
            ("HSET h max 9223372036854775807 text abc spaced \" 1\"", ":3"),
            ("HINCRBY h max 1", "-ERR increment or decrement would overflow"),
            ("HINCRBY h max -1", ":9223372036854775806"),
            ("HINCRBY h text 1", "-ERR hash value is not an integer"),
            ("HINCRBY h spaced 1", "-ERR hash value is not an integer"),
            ("HINCRBY h i 1.5", NOT_INTEGER),
            ("HINCRBY h i 9223372036854775808", NOT_INTEGER),
            ("HINCRBYFLOAT h f 1.5", "$1.5"),
            ("HINCRBYFLOAT h f 1.1", "$2.6"),
            ("HINCRBYFLOAT h f 5.0e3", "$5002.60000000000000009"),
            ("HINCRBYFLOAT h i 0.5", "$-1.5"),
            ("HINCRBYFLOAT h text 1", "-ERR hash value is not a float"),
            ("HINCRBYFLOAT h spaced 1", "-ERR hash value is not a float"),
            ("HINCRBYFLOAT h f abc", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
            ("HINCRBYFLOAT h f nan", "-ERR value is not a valid float"),
            ("HINCRBY fresh i 3", ":3"),
            ("HGET fresh i", "$3"),
        ]);
        db.check_arity(&["HINCRBY h i", "HINCRBYFLOAT h f", "HINCRBY h i 1 2"]);
    });
}

#[test]
fn other_types_are_refused_and_hashes_by_others() {
    both(|db| {
        db.check("SET s v", "+OK");
        db.check_refused(
            &[
                "HSET s a 1",
                "HMSET s a 1",
                "HSETNX s a 1",
                "HGET s a",
                "HMGET s a",
                "HGETALL s",
                "HKEYS s",
                "HVALS s",
                "HLEN s",
                "HEXISTS s a",
                "HSTRLEN s a",
                "HDEL s a",
                "HINCRBY s a 1",
                "HINCRBYFLOAT s a 1",
                "HRANDFIELD s",
                "HRANDFIELD s 1",
                "HSCAN s 0",
            ],
            WRONG_TYPE,
        );
        db.check("HSET h a 1", ":1");
        db.check_refused(&["GET h", "INCR h", "APPEND h x", "STRLEN h", "GETRANGE h 0 1", "SETBIT h 1 1"], WRONG_TYPE);
        db.check_all(&[("SET h now-a-string", "+OK"), ("HGET h a", WRONG_TYPE), ("GET h", "$now-a-string")]);
    });
}

#[test]
fn keys_that_are_hashes_are_moved_copied_and_timed() {
    both(|db| {
        for count in [3, LARGE] {
            fill(db, "h", count);
            db.check("EXPIRE h 1000", ":1");
            db.check("HSET h more 1", ":1");
            db.check("TTL h", ":1000");
            db.check_all(&[
                ("COPY h copy REPLACE", ":1"),
                ("RENAME h renamed", "+OK"),
                ("HSET copy only-here 1", ":1"),
            ]);
            db.check("HLEN renamed", &format!(":{}", count + 1));
            db.check("HLEN copy", &format!(":{}", count + 2));
            db.check_all(&[("DEL copy", ":1"), ("HLEN copy", ":0")]);
            db.check("HGET renamed field:1", "$value:1");
            db.check("UNLINK renamed", ":1");
            db.check("HGET renamed field:1", "nil");
            fill(db, "renamed", 2);
            db.check("HLEN renamed", ":2");
            db.check("DEL renamed", ":1");
        }
    });
}

#[test]
fn encodings() {
    both(|db| {
        let long = "x".repeat(65);
        db.check("HSET h a 1", ":1");
        db.check("OBJECT ENCODING h", if db.server.since((7, 0)) { "$listpack" } else { "$ziplist" });
        db.check(&format!("HSET h a {long}"), ":0");
        db.check_all(&[("OBJECT ENCODING h", "$hashtable"), ("HSET h a 1", ":0"), ("OBJECT ENCODING h", "$hashtable")]);
        db.check(&format!("HSET field {long} 1"), ":1");
        db.check("OBJECT ENCODING field", "$hashtable");
        db.check("HSET number a 1", ":1");
        db.check(&format!("HSET number a {}", "1".repeat(64)), ":0");
        db.check("OBJECT ENCODING number", "$listpack");
        db.check(
            "HINCRBYFLOAT float a 1e100",
            "$9999999999999999999669353532207342619498699019828496079271391541752018669482644324418977840117055488",
        );
        db.check("OBJECT ENCODING float", "$hashtable");
    });
}

#[test]
fn encodings_go_by_the_options() {
    alone(|server| {
        let mut db = server.db(2, 0);
        // On a server that others use too they may be anything.
        db.check("CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64", "+OK");
        fill(&mut db, "h", 512);
        db.check_all(&[
            ("OBJECT ENCODING h", "$listpack"),
            ("HSET h one-more 1", ":1"),
            ("OBJECT ENCODING h", "$hashtable"),
            ("CONFIG SET hash-max-listpack-entries 2 hash-max-listpack-value 10", "+OK"),
            ("HSET few a 1 b 2", ":2"),
            ("OBJECT ENCODING few", "$listpack"),
            ("HSET few c 1", ":1"),
            ("OBJECT ENCODING few", "$hashtable"),
            ("HSET short a 12345678901", ":1"),
            ("OBJECT ENCODING short", "$hashtable"),
            ("CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64", "+OK"),
        ]);
    });
}

/// Follows the cursor to its end; how often each field came, and its value.
fn scan_all(db: &mut Db<'_>, key: &str, options: &str) -> BTreeMap<String, (String, usize)> {
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeMap::new());
    for _ in 0..100_000 {
        let Reply::Array(parts) = db.call(&format!("HSCAN {key} {cursor} {options}")) else { panic!("no array") };
        let [Reply::Bulk(next), Reply::Array(pairs)] = &parts[..] else { panic!("HSCAN gave {parts:?}") };
        for pair in pairs.chunks(2) {
            let entry = seen.entry(pair[0].to_string()).or_insert((pair[1].to_string(), 0));
            entry.1 += 1;
        }
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            return seen;
        }
    }
    panic!("HSCAN {options} never came to its end");
}

#[test]
fn hscan_returns_every_field_with_its_value() {
    both(|db| {
        for count in SIZES {
            fill(db, "h", count);
            for options in ["", "COUNT 1", "COUNT 100", "COUNT 1000000", "MATCH *"] {
                let seen = scan_all(db, "h", options);
                assert_eq!(seen.keys().cloned().collect::<BTreeSet<_>>(), names(count), "{options}");
                assert!(seen.iter().all(|(field, (value, _))| field.replace("field", "value") == *value));
            }
            let ending = (0..count).filter(|n| n % 10 == 7).count();
            assert_eq!(scan_all(db, "h", "MATCH *7").len(), ending);
            assert_eq!(scan_all(db, "h", "MATCH nothing*").len(), 0);
        }
        db.check_all(&[
            ("HSCAN absent 0", "[$0 []]"),
            ("HSCAN absent 0 BOGUS", "[$0 []]"),
            ("HSCAN absent x", "-ERR invalid cursor"),
            ("HSCAN h x", "-ERR invalid cursor"),
            ("HSCAN h 0 COUNT x", NOT_INTEGER),
        ]);
        db.check_refused(
            &["HSCAN h 0 BOGUS", "HSCAN h 0 COUNT", "HSCAN h 0 COUNT 0", "HSCAN h 0 MATCH", "HSCAN h 0 TYPE hash"],
            SYNTAX,
        );
        db.check_arity(&["HSCAN", "HSCAN h"]);
    });
}

#[test]
fn hscan_misses_nothing_that_is_there_throughout() {
    once(|db| {
        fill(db, "h", LARGE);
        let (mut cursor, mut seen, mut round) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let Reply::Array(parts) = db.call(&format!("HSCAN h {cursor} COUNT 7")) else { panic!("no array") };
            let [Reply::Bulk(next), Reply::Array(pairs)] = &parts[..] else { panic!("HSCAN gave {parts:?}") };
            seen.extend(pairs.chunks(2).map(|pair| pair[0].to_string()));
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
            db.check(&format!("HSET h new:{round} 1 newer:{round} 1"), ":2");
            db.call(&format!("HDEL h field:{} new:{}", 2 * (round % 700) + 1, round / 2));
            round += 1;
        }
        let missed: Vec<_> = (0..LARGE).step_by(2).filter(|n| !seen.contains(&format!("$field:{n}"))).collect();
        assert!(missed.is_empty(), "HSCAN missed {missed:?}");
    });
}

#[test]
fn hscan_novalues() {
    both(|db| {
        // Before 7.4 there was no such option.
        db.check("HSET h a 1 b 2", ":2");
        if db.call("HSCAN h 0 NOVALUES").to_string() == SYNTAX {
            return crate::harness::skip("HSCAN NOVALUES: the server lacks it");
        }
        db.check("HSCAN h 0 NOVALUES", "[$0 [$a $b]]");
        db.check("HSCAN h 0 novalues MATCH b COUNT 5", "[$0 [$b]]");
    });
}

#[test]
fn hrandfield() {
    both(|db| {
        db.check_all(&[
            ("HRANDFIELD absent", "nil"),
            ("HRANDFIELD absent 3", "[]"),
            ("HRANDFIELD absent -3 WITHVALUES", "[]"),
            ("HSET one f v", ":1"),
            ("HRANDFIELD one", "$f"),
            ("HRANDFIELD one 3", "[$f]"),
            ("HRANDFIELD one -3", "[$f $f $f]"),
            ("HRANDFIELD one 0", "[]"),
        ]);
        db.check_each("HRANDFIELD one 2 WITHVALUES", "[$f $v]", "[[$f $v]]");
        db.check_each("HRANDFIELD one -2 withvalues", "[$f $v $f $v]", "[[$f $v] [$f $v]]");
        for count in SIZES {
            fill(db, "h", count);
            let all = names(count);
            assert!(all.contains(&db.call("HRANDFIELD h").to_string()));
            for wanted in [1, count / 5 + 1, count - 1, count, count + 10] {
                let drawn = db.items(&format!("HRANDFIELD h {wanted}"));
                assert_eq!(drawn.len(), wanted.min(count));
                let different: BTreeSet<String> = drawn.into_iter().collect();
                assert_eq!(different.len(), wanted.min(count), "a field came twice");
                assert!(different.is_subset(&all));
                let repeated = db.items(&format!("HRANDFIELD h -{}", wanted + 1));
                assert_eq!(repeated.len(), wanted + 1);
                assert!(repeated.iter().all(|field| all.contains(field)));
            }
        }
        db.check_all(&[
            ("HRANDFIELD h x", NOT_INTEGER),
            ("HRANDFIELD h 1 BOGUS", SYNTAX),
            ("HRANDFIELD h 1 WITHVALUES x", SYNTAX),
            ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"),
            ("HRANDFIELD h 9223372036854775807 WITHVALUES", "-ERR value is out of range"),
            (
                "HRANDFIELD h -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
        ]);
        db.check_arity(&["HRANDFIELD"]);
    });
}

#[test]
fn hrandfield_is_fair() {
    once(|db| {
        for count in [10, 100, 1000] {
            fill(db, "h", count);
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..count.div_ceil(5) {
                for field in db.items("HRANDFIELD h -500") {
                    *times.entry(field).or_default() += 1;
                }
            }
            // About a hundred each.
            assert_eq!(times.len(), count, "some were never drawn");
            let (least, most) = (times.values().min(), times.values().max());
            assert!(least > Some(&10) && most < Some(&300), "{least:?} to {most:?} of {count}");
        }
    });
}

#[test]
fn many_clients_count_in_one_hash() {
    once(|db| {
        let (server, index) = (db.server, db.index);
        std::thread::scope(|scope| {
            for client in 0..4 {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    for round in 0..300 {
                        db.call("HINCRBY h total 1");
                        db.call(&format!("HSET h field:{client}:{round} 1"));
                    }
                });
            }
        });
        db.check_all(&[("HGET h total", "$1200"), ("HLEN h", ":1201")]);
    });
}

/// True if the server has fields with times; else says that the test is skipped.
fn has_times(db: &Db<'_>) -> bool {
    db.server.has_or_skip("HEXPIRE")
}

#[test]
fn times_of_fields() {
    both(|db| {
        if !has_times(db) {
            return;
        }
        for count in [5, LARGE] {
            fill(db, "h", count);
            let before = now_ms();
            db.check_all(&[
                ("HTTL h FIELDS 2 field:1 nothing", "[:-1 :-2]"),
                ("HEXPIRE h 1000 FIELDS 2 field:1 nothing", "[:1 :-2]"),
                ("HTTL h FIELDS 2 field:1 field:2", "[:1000 :-1]"),
                ("HPEXPIREAT h 9999999999123 FIELDS 1 field:2", "[:1]"),
                ("HPEXPIRETIME h FIELDS 1 field:2", "[:9999999999123]"),
                ("HEXPIRETIME h FIELDS 1 field:2", "[:10000000000]"),
                ("HEXPIRE h 1 GT FIELDS 1 field:2", "[:0]"),
                ("HEXPIRE h 1 NX FIELDS 1 field:2", "[:0]"),
                ("HEXPIRE h 1 XX FIELDS 1 field:3", "[:0]"),
                ("HEXPIREAT h 9999999999 LT FIELDS 1 field:2", "[:1]"),
                ("HPERSIST h FIELDS 3 field:2 field:3 nothing", "[:1 :-1 :-2]"),
                ("HEXPIRE h 0 FIELDS 1 field:4", "[:2]"),
                ("HEXISTS h field:4", ":0"),
                ("HSET h field:1 x", ":0"),
                ("HTTL h FIELDS 1 field:1", "[:-1]"),
                ("HPEXPIRE h 100000 FIELDS 1 field:0", "[:1]"),
            ]);
            let Reply::Array(times) = db.call("HPEXPIRETIME h FIELDS 1 field:0") else { panic!("no array") };
            let Reply::Integer(at) = times[0] else { panic!("no time") };
            assert!((before + 100_000..=now_ms() + 100_000).contains(&at));
        }
        db.check_arity(&["HEXPIRE h 1 FIELDS 1", "HTTL h FIELDS 1", "HPERSIST h FIELDS 1", "HPEXPIREAT h 1 FIELDS 1"]);
        db.check_all(&[
            ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h x FIELDS 1 a", NOT_INTEGER),
            ("HTTL h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments"),
            ("HTTL h a b c", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
        ]);
    });
}

#[test]
fn fields_expire_by_themselves_and_the_hash_with_the_last() {
    both(|db| {
        if !has_times(db) {
            return;
        }
        for count in [3, LARGE] {
            fill(db, "h", count);
            db.check("HPEXPIRE h 200 FIELDS 2 field:0 field:1", "[:1 :1]");
            db.check("HLEN h", &format!(":{count}"));
            db.wait_for("HLEN h", &format!(":{}", count - 2));
            db.check_all(&[("HMGET h field:0 field:1 field:2", "[nil nil $value:2]"), ("HEXISTS h field:0", ":0")]);
            assert_eq!(db.items("HKEYS h").len(), count - 2);
            assert_eq!(scan_all(db, "h", "COUNT 50").len(), count - 2);
            db.check("HSET h field:0 again", ":1");
            let fields: Vec<String> = db.items("HKEYS h").iter().map(|field| field[1..].to_owned()).collect();
            db.call(&format!("HPEXPIRE h 100 FIELDS {} {}", fields.len(), fields.join(" ")));
            // Nobody looks at the hash itself.
            db.wait_for("DBSIZE", ":0");
            db.check("EXISTS h", ":0");
        }
    });
}

#[test]
fn fields_expire_within_a_second_though_nobody_looks() {
    once(|db| {
        if !has_times(db) {
            return;
        }
        fill(db, "h", 3);
        db.check("HPEXPIRE h 100 FIELDS 3 field:0 field:1 field:2", "[:1 :1 :1]");
        let start = std::time::Instant::now();
        assert!(soon(|| db.integer("DBSIZE") == 0));
        assert!(start.elapsed().as_millis() < 1500, "it took {:?}", start.elapsed());
    });
}

#[test]
fn hsetex_hgetex_hgetdel() {
    both(|db| {
        if !["HSETEX", "HGETEX", "HGETDEL"].iter().all(|command| db.server.has_or_skip(command)) {
            return;
        }
        db.check_all(&[
            ("HSETEX h EX 1000 FIELDS 2 a 1 b 2", ":1"),
            ("HTTL h FIELDS 2 a b", "[:1000 :1000]"),
            ("HSETEX h FNX FIELDS 2 c 3 a 4", ":0"),
            ("HSETEX h FXX FIELDS 2 c 3 a 4", ":0"),
            ("HSETEX h FXX KEEPTTL FIELDS 1 a 4", ":1"),
            ("HTTL h FIELDS 1 a", "[:1000]"),
            ("HSETEX h FIELDS 1 a 5", ":1"),
            ("HTTL h FIELDS 1 a", "[:-1]"),
            ("HGETEX h EX 500 FIELDS 2 a nothing", "[$5 nil]"),
            ("HTTL h FIELDS 1 a", "[:500]"),
            ("HGETEX h PERSIST FIELDS 1 a", "[$5]"),
            ("HTTL h FIELDS 1 a", "[:-1]"),
            ("HGETEX h FIELDS 1 b", "[$2]"),
            ("HGETDEL h FIELDS 2 a nothing", "[$5 nil]"),
            ("HGETDEL h FIELDS 1 b", "[$2]"),
            ("EXISTS h", ":0"),
            ("HGETDEL h FIELDS 1 b", "[nil]"),
        ]);
        db.check("SET s v", "+OK");
        db.check_refused(&["HSETEX s FIELDS 1 a 1", "HGETEX s FIELDS 1 a", "HGETDEL s FIELDS 1 a"], WRONG_TYPE);
        db.check_arity(&["HSETEX h FIELDS 1 a", "HGETEX h FIELDS 1", "HGETDEL h FIELDS 1"]);
    });
}

#[test]
fn fields_that_expired_and_hashes_that_were_freed_are_counted() {
    alone(|server| {
        let mut db = server.db(2, 0);
        if !has_times(&db) || db.info("expired_subkeys").is_none() {
            return;
        }
        let before = ["expired_subkeys", "lazyfreed_objects"].map(|field| db.info_number(field));
        for (key, count) in [("small", 5), ("large", LARGE)] {
            fill(&mut db, key, count);
            db.check(&format!("HPEXPIRE {key} 1 FIELDS 2 field:1 field:2"), "[:1 :1]");
            db.wait_for(&format!("HLEN {key}"), &format!(":{}", count - 2));
        }
        assert!(soon(|| db.info_number("expired_subkeys") - before[0] == 4));
        db.check("UNLINK small large", ":2");
        // What is kept in one record leaves nothing to be freed later.
        assert!(soon(|| db.info_number("lazyfreed_objects") - before[1] == 1));
        assert!(soon(|| db.info_number("lazyfree_pending_objects") == 0));
        db.check("CONFIG RESETSTAT", "+OK");
        assert_eq!(["expired_subkeys", "lazyfreed_objects"].map(|field| db.info_number(field)), [0, 0]);
    });
}
