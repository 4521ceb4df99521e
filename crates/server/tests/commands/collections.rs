//! Keys that hold collections, small and large, for the commands that do not care what a key holds.

use std::collections::HashSet;

use crate::harness::{Db, both, both_with_other, once};
use crate::wire::{Reply, Wire};
use crate::words::split;

/// A value of some type, and how it is made under the name that stands for `{}`.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) make: Vec<String>,
    /// Every server that makes it dumps it as the same bytes.
    pub(crate) is_exact: bool,
}

/// Commands with so many words made of numbers behind them, not too many at once.
fn filled(command: &str, count: usize, words: impl Fn(usize) -> String) -> Vec<String> {
    let numbers: Vec<usize> = (0..count).collect();
    let line = |chunk: &[usize]| format!("{command} {}", chunk.iter().map(|&n| words(n)).collect::<Vec<_>>().join(" "));
    numbers.chunks(500).map(line).collect()
}

/// Every type in every form that Redis or this server has for it.
pub(crate) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, kind, is_exact, make| samples.push(Sample { name, kind, make, is_exact });
    let one = |line: &str| vec![line.to_owned()];
    let long = "x".repeat(100);
    let fill = |words: &str| words.replace('L', &long);
    add("string", "string", true, one("SET {} value"));
    add("integer", "string", true, one("SET {} -12345"));
    add("long string", "string", true, vec![format!("SET {{}} {}", "abc".repeat(20_000))]);
    add("small list", "list", true, one("RPUSH {} a 17 -1 \"\" 128 70000 9223372036854775807 1.5"));
    add("long list", "list", true, filled("RPUSH {}", 3000, |n| format!("element:{n}")));
    add("list of long elements", "list", true, filled("RPUSH {}", 40, |n| format!("{n}{}", "y".repeat(1000 + n))));
    add("intset", "set", true, one("SADD {} 1 -5 70000 9223372036854775807"));
    add("small set", "set", false, one("SADD {} a b c 12"));
    add("large set", "set", false, filled("SADD {}", 2000, |n| format!("member:{n}")));
    add("set of integers", "set", false, filled("SADD {}", 1000, |n| n.to_string()));
    add("small hash", "hash", true, one("HSET {} field value 12 -7 \"\" empty"));
    add("hash of long values", "hash", false, one(&fill("HSET {} a L b L c d")));
    add("large hash", "hash", false, filled("HSET {}", 2000, |n| format!("field:{n} {n}")));
    add("small zset", "zset", true, one("ZADD {} 1 a 1.5 b -inf c inf d 1 aa 1000000000000 e"));
    add("zset of long members", "zset", true, one(&fill("ZADD {} 1 aL 2 b -0.5 c 0 L")));
    add("large zset", "zset", true, filled("ZADD {}", 2000, |n| format!("{}.25 member:{n}", n % 700)));
    add("small stream", "stream", true, one("XADD {} 1-1 field value n 12"));
    add("large stream", "stream", true, (1..1500).map(|n| format!("XADD {{}} {n}-{} f {n} g v", n % 3)).collect());
    let mut groups: Vec<String> = (1..40).map(|n| format!("XADD {{}} 7-{n} f {n}")).collect();
    groups.extend(
        [
            "XGROUP CREATE {} idle 7-3",
            "XGROUP CREATE {} busy 0",
            "XREADGROUP GROUP busy beta COUNT 5 STREAMS {} >",
            "XREADGROUP GROUP busy alpha COUNT 4 STREAMS {} >",
            "XGROUP CREATECONSUMER {} busy nobody",
            "XACK {} busy 7-2",
            "XDEL {} 7-4",
        ]
        .map(str::to_owned),
    );
    add("stream with groups", "stream", false, groups);
    add("emptied stream", "stream", true, ["XADD {} 5-5 f v", "XDEL {} 5-5"].map(str::to_owned).to_vec());
    samples
}

/// Sends a line in which `{}` stands for the key.
fn call(wire: &mut Wire, line: &str, key: &str) -> Reply {
    let words = split(&line.replace("{}", key));
    wire.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Makes a sample, if the server has all it takes.
pub(crate) fn make(wire: &mut Wire, sample: &Sample, key: &str) -> bool {
    for line in &sample.make {
        if let Reply::Error(error) = call(wire, line, key) {
            let text = String::from_utf8_lossy(&error).into_owned();
            assert!(text.starts_with("ERR unknown command"), "{}: {line}: {text}", sample.name);
            return false;
        }
    }
    true
}

fn items(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(items) | Reply::Map(items) | Reply::Set(items) => items,
        other => panic!("{other} is no collection"),
    }
}

fn texts(items: &[Reply]) -> Vec<String> {
    items.iter().map(Reply::to_string).collect()
}

/// All that clients can see of a value, but for what depends on the time.
pub(crate) fn show(wire: &mut Wire, kind: &str, key: &str) -> String {
    let mut ask = |line: &str| call(wire, line, key);
    let kind_reply = ask("TYPE {}").to_string();
    assert_eq!(kind_reply, format!("+{kind}"));
    match kind {
        "string" => ask("GET {}").to_string(),
        "list" => ask("LRANGE {} 0 -1").to_string(),
        "set" => {
            let mut members = texts(&items(ask("SMEMBERS {}")));
            members.sort();
            format!("{} {members:?}", ask("SCARD {}"))
        }
        "hash" => {
            let all = texts(&items(ask("HGETALL {}")));
            let mut pairs: Vec<&[String]> = all.chunks(2).collect();
            pairs.sort();
            format!("{} {pairs:?}", ask("HLEN {}"))
        }
        "zset" => format!("{} {}", ask("ZCARD {}"), ask("ZRANGE {} 0 -1 WITHSCORES")),
        "stream" => {
            let entries = format!("{} {}", ask("XLEN {}"), ask("XRANGE {} - +"));
            let groups = ask("XINFO GROUPS {}").to_string();
            let mut pending = Vec::new();
            if groups.contains("busy") {
                // Each is id, consumer, idle time, deliveries.
                for entry in items(ask("XPENDING {} busy - + 100")) {
                    let mut entry = texts(&items(entry));
                    entry.remove(2);
                    pending.push(entry);
                }
                pending.push(vec![ask("XPENDING {} busy").to_string()]);
            }
            let known: Vec<String> = texts(&items(ask("XINFO STREAM {}")))
                .chunks(2)
                .filter(|pair| !pair[0].contains("radix") && !pair[0].contains("entry"))
                .map(|pair| pair.join(" "))
                .collect();
            format!("{entries} {groups} {pending:?} {known:?}")
        }
        other => panic!("{other} is no type"),
    }
}

/// Runs a test on every sample that the server can make, made as `key`.
fn each(db: &mut Db<'_>, key: &str, mut test: impl FnMut(&mut Db<'_>, &Sample)) {
    for sample in samples() {
        if make(&mut db.wire, &sample, key) {
            test(db, &sample);
        }
        db.call(&format!("DEL {key}"));
    }
}

#[test]
fn copies_of_collections_are_equal_and_independent() {
    both(|db| {
        each(db, "k", |db, sample| {
            let before = show(&mut db.wire, sample.kind, "k");
            let encoding = db.text("OBJECT ENCODING k");
            db.check("COPY k copy", ":1");
            db.check("COPY k copy", ":0");
            db.check("PEXPIRE k 1000000", ":1");
            db.check("COPY k copy REPLACE", ":1");
            assert!(db.integer("PTTL copy") > 0, "{}", sample.name);
            db.check("DEL k", ":1");
            assert_eq!(show(&mut db.wire, sample.kind, "copy"), before, "{}", sample.name);
            assert_eq!(db.text("OBJECT ENCODING copy"), encoding, "{}", sample.name);
            db.check("DEL copy", ":1");
            db.check("DBSIZE", ":0");
        });
    });
}

#[test]
fn collections_are_renamed_over_other_collections() {
    both(|db| {
        each(db, "k", |db, sample| {
            let before = show(&mut db.wire, sample.kind, "k");
            db.check("SET other 1 EX 100", "+OK");
            db.check("RENAMENX k other", ":0");
            db.check("RENAME k other", "+OK");
            db.check_all(&[("EXISTS k", ":0"), ("TTL other", ":-1"), ("DBSIZE", ":1")]);
            assert_eq!(show(&mut db.wire, sample.kind, "other"), before, "{}", sample.name);
            db.check("RENAMENX other k", ":1");
            assert_eq!(show(&mut db.wire, sample.kind, "k"), before, "{}", sample.name);
            db.check("SET k string", "+OK");
            db.check("GET k", "$string");
        });
    });
}

#[test]
fn collections_move_between_databases() {
    both_with_other(|db, other| {
        let home = db.index;
        each(db, "k", |db, sample| {
            let before = show(&mut db.wire, sample.kind, "k");
            db.check("PEXPIRE k 1000000", ":1");
            db.check(&format!("MOVE k {other}"), ":1");
            db.check("EXISTS k", ":0");
            db.check(&format!("SELECT {other}"), "+OK");
            assert!(db.integer("PTTL k") > 0, "{}", sample.name);
            assert_eq!(show(&mut db.wire, sample.kind, "k"), before, "{}", sample.name);
            db.check(&format!("MOVE k {home}"), ":1");
            db.check("DBSIZE", ":0");
            db.check(&format!("SELECT {home}"), "+OK");
            assert_eq!(show(&mut db.wire, sample.kind, "k"), before, "{}", sample.name);
        });
    });
}

#[test]
fn collections_expire_as_wholes() {
    once(|db| {
        each(db, "k", |db, sample| {
            let before = show(&mut db.wire, sample.kind, "k");
            db.check("PEXPIRE k 1000000", ":1");
            db.check("PERSIST k", ":1");
            assert_eq!(show(&mut db.wire, sample.kind, "k"), before, "{}", sample.name);
            db.check("PEXPIRE k 1", ":1");
            db.wait_for("TYPE k", "+none");
            db.check("SET k 1", "+OK");
        });
    });
}

/// The keys that a line is answered with.
fn keys(db: &mut Db<'_>, line: &str) -> HashSet<String> {
    db.items(line).into_iter().map(|key| key[1..].to_owned()).collect()
}

#[test]
fn scan_and_keys_know_the_types() {
    once(|db| {
        let mut expected = HashSet::new();
        for (at, sample) in samples().iter().enumerate() {
            let key = format!("{}:{at}", sample.kind);
            if make(&mut db.wire, sample, &key) {
                expected.insert(key);
            } else {
                db.call(&format!("DEL {key}"));
            }
        }
        assert_eq!(keys(db, "KEYS *"), expected);
        for kind in ["string", "list", "set", "zset", "hash", "stream"] {
            let of_kind: HashSet<String> =
                expected.iter().filter(|key| key.starts_with(&format!("{kind}:"))).cloned().collect();
            assert_eq!(keys(db, &format!("KEYS {kind}:*")), of_kind);
            let (mut found, mut cursor) = (HashSet::new(), "0".to_owned());
            loop {
                let Reply::Array(reply) = db.call(&format!("SCAN {cursor} TYPE {kind} COUNT 5")) else {
                    panic!("no array")
                };
                let [Reply::Bulk(next), Reply::Array(keys)] = &reply[..] else { panic!("no cursor with keys") };
                found.extend(keys.iter().map(|key| key.to_string()[1..].to_owned()));
                cursor = String::from_utf8_lossy(next).into_owned();
                if cursor == "0" {
                    break;
                }
            }
            assert_eq!(found, of_kind, "{kind}");
        }
    });
}

#[test]
fn what_is_known_about_collections() {
    once(|db| {
        each(db, "k", |db, sample| {
            let small = db.integer("MEMORY USAGE k");
            let all = db.integer("MEMORY USAGE k SAMPLES 0");
            assert!(small > 10 && all > 10, "{}: {small} {all}", sample.name);
            let ratio = small as f64 / all as f64;
            assert!((0.2..5.0).contains(&ratio), "{}: {small} of {all}", sample.name);
            if sample.name.starts_with("large") {
                assert!(all > 10_000, "{}: {all}", sample.name);
            }
            if sample.kind != "string" {
                db.check("OBJECT REFCOUNT k", ":1");
            }
            assert!(db.integer("OBJECT IDLETIME k") < 100);
        });
        db.check("MEMORY USAGE absent", "nil");
        db.check("SET k v", "+OK");
        db.check_refused(
            &["MEMORY USAGE k SAMPLES", "MEMORY USAGE k SAMPLES -1", "MEMORY USAGE k x 1"],
            "-ERR syntax error",
        );
        db.check("MEMORY USAGE k SAMPLES x", "-ERR value is not an integer or out of range");
    });
}
