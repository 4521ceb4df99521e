//! HyperLogLogs: what they count, and that their strings are Redis's.

use crate::harness::{Db, alone, both};

const NOT_HLL: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// Lets a HyperLogLog see so many elements.
fn see(db: &mut Db<'_>, key: &str, range: std::ops::Range<u32>) {
    let elements: Vec<String> = range.map(|n| format!("element:{n}")).collect();
    for some in elements.chunks(500) {
        db.call(&format!("PFADD {key} {}", some.join(" ")));
    }
}

fn check_about(db: &mut Db<'_>, line: &str, expected: i64) {
    let count = db.integer(line);
    assert!((count - expected).abs() * 20 < expected, "{line}: {count}, not about {expected}");
}

#[test]
fn seeing_and_counting() {
    both(|db| {
        db.check_all(&[
            ("PFADD h", ":1"),
            ("PFADD h", ":0"),
            ("PFCOUNT h", ":0"),
            ("PFADD h a b c", ":1"),
            ("PFADD h a b c", ":0"),
            ("PFCOUNT h", ":3"),
            ("PFADD h \"\"", ":1"),
            ("PFCOUNT h", ":4"),
            ("PFCOUNT none", ":0"),
            ("PFCOUNT none none", ":0"),
            ("PFADD i c d", ":1"),
            ("PFCOUNT h i", ":5"),
            ("PFCOUNT h i none", ":5"),
            ("PFMERGE m h i", "+OK"),
            ("PFCOUNT m", ":5"),
            ("PFMERGE new", "+OK"),
            ("PFCOUNT new", ":0"),
            ("TYPE h", "+string"),
            ("OBJECT ENCODING h", "$raw"),
            ("EXPIRE h 100", ":1"),
            ("PFADD h e", ":1"),
            ("PFMERGE h i", "+OK"),
            ("PFCOUNT h", ":6"),
            ("TTL h", ":100"),
        ]);
        db.check_arity(&["PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG", "PFDEBUG ENCODING", "PFSELFTEST x"]);
    });
}

#[test]
fn strings_are_those_of_redis() {
    both(|db| {
        db.check_all(&[
            ("PFADD h", ":1"),
            ("GET h", "$HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\\xff"),
            ("PFCOUNT h", ":0"),
            ("GET h", "$HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x7f\\xff"),
            ("PFADD h a b c", ":1"),
            ("PFDEBUG DECODE h", "$Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"),
            ("GETRANGE h 15 15", "$\\x80"),
            ("PFCOUNT h", ":3"),
            ("GETRANGE h 8 15", "$\\x03\\x00\\x00\\x00\\x00\\x00\\x00\\x00"),
            ("PFADD h a", ":0"),
            ("GETRANGE h 15 15", "$\\x00"),
            ("PFADD h x y z", ":1"),
            ("GETRANGE h 15 15", "$\\x80"),
        ]);
        // A copy of the string is as good.
        let bytes = db.bytes("GET h");
        db.check_bytes(&[b"SET", b"copy", &bytes], "+OK");
        db.check("PFCOUNT copy", ":6");
    });
}

#[test]
fn a_large_one_is_dense_and_counts_to_within_a_few_percent() {
    both(|db| {
        see(db, "h", 0..500);
        db.check("PFDEBUG ENCODING h", "+sparse");
        check_about(db, "PFCOUNT h", 500);
        see(db, "h", 0..20_000);
        db.check_all(&[("PFDEBUG ENCODING h", "+dense"), ("STRLEN h", ":12304"), ("PFDEBUG TODENSE h", ":0")]);
        check_about(db, "PFCOUNT h", 20_000);
        see(db, "i", 15_000..30_000);
        check_about(db, "PFCOUNT h i", 30_000);
        db.check("PFMERGE m h i", "+OK");
        let together = db.integer("PFCOUNT h i");
        db.check("PFCOUNT m", &format!(":{together}"));
        db.check("PFADD small a", ":1");
        db.check_all(&[("PFMERGE small h", "+OK"), ("PFDEBUG ENCODING small", "+dense")]);
    });
}

#[test]
fn what_is_no_hyperloglog_is_refused() {
    both(|db| {
        db.check_all(&[("SET s x", "+OK"), ("SADD set a", ":1"), ("PFADD h a b c", ":1"), ("APPEND h hello", ":32")]);
        let lines =
            ["PFADD s a", "PFCOUNT s", "PFCOUNT none s", "PFMERGE s none", "PFMERGE new s", "PFDEBUG ENCODING s"];
        db.check_refused(&lines, NOT_HLL);
        db.check_refused(&["PFADD set a", "PFCOUNT set", "PFCOUNT none set", "PFMERGE new set"], WRONG_TYPE);
        db.check_refused(&["PFCOUNT h", "PFCOUNT h none", "PFMERGE new h", "PFDEBUG GETREG h"], CORRUPT);
        db.check_all(&[("EXISTS new", ":0"), ("SETRANGE h 4 x", ":32")]);
        db.check_refused(&["PFCOUNT h"], NOT_HLL);
        db.check("PFDEBUG ENCODING none", "-ERR The specified key does not exist");
        db.check("PFADD h2 a", ":1");
        db.check("PFDEBUG NOSUCH h2", "-ERR Unknown PFDEBUG subcommand 'NOSUCH'");
        assert_eq!(db.items("PFDEBUG GETREG h2").len(), 16_384);
        db.check("PFDEBUG DECODE h2", "-ERR HLL encoding is not sparse");
    });
}

#[test]
fn the_threshold_of_the_options_and_the_self_test() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check_all(&[
            ("CONFIG SET hll-sparse-max-bytes 30", "+OK"),
            ("PFADD h a b c", ":1"),
            ("PFDEBUG ENCODING h", "+sparse"),
            ("PFADD h d", ":1"),
            ("PFDEBUG ENCODING h", "+sparse"),
            ("PFADD h e", ":1"),
            ("PFDEBUG ENCODING h", "+dense"),
            ("PFCOUNT h", ":5"),
            ("CONFIG SET hll-sparse-max-bytes 3000", "+OK"),
            ("PFSELFTEST", "+OK"),
        ]);
    });
}
