//! `SORT` and `SORT_RO`.

use crate::harness::both;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_NUMBERS: &str = "-ERR One or more scores can't be converted into double";

#[test]
fn by_numbers_and_by_letters() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k 3 1 20 -5 1.5", ":5"),
            ("SORT k", "[$-5 $1 $1.5 $3 $20]"),
            ("SORT k DESC", "[$20 $3 $1.5 $1 $-5]"),
            ("SORT k ALPHA", "[$-5 $1 $1.5 $20 $3]"),
            ("SORT k LIMIT 1 2", "[$1 $1.5]"),
            ("SORT k LIMIT 0 -1", "[$-5 $1 $1.5 $3 $20]"),
            ("SORT k LIMIT 10 1", "[]"),
            ("SORT k DESC LIMIT 0 2 ASC", "[$-5 $1]"),
            ("SORT_RO k DESC LIMIT 0 2", "[$20 $3]"),
            ("SORT absent", "[]"),
            ("SORT k LIMIT a 1", "-ERR value is not an integer or out of range"),
            ("RPUSH words b a", ":2"),
            ("SORT words", NOT_NUMBERS),
            ("SORT words ALPHA", "[$a $b]"),
            ("SET s v", "+OK"),
            ("SORT s", WRONG_TYPE),
            ("SORT_RO s", WRONG_TYPE),
        ]);
        db.check_refused(
            &["SORT k FOO", "SORT k LIMIT 1", "SORT k BY", "SORT k GET", "SORT k STORE", "SORT_RO k STORE d"],
            SYNTAX,
        );
        db.check_arity(&["SORT", "SORT_RO"]);
    });
}

#[test]
fn by_other_keys() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k 1 2 3 4", ":4"),
            ("MSET w_1 30 w_2 20 w_3 10", "+OK"),
            ("SORT k BY w_*", "[$4 $3 $2 $1]"),
            ("SORT k BY w_* DESC LIMIT 0 2", "[$1 $2]"),
            ("SORT_RO k BY w_*", "[$4 $3 $2 $1]"),
            ("SORT k BY nosort", "[$1 $2 $3 $4]"),
            ("SORT k BY nosort DESC LIMIT 1 2", "[$3 $2]"),
        ]);
        for name in ["SORT", "SORT_RO"] {
            db.check(&format!("{name} k GET # GET w_*"), "[$1 $30 $2 $20 $3 $10 $4 nil]");
            db.check(&format!("{name} k LIMIT 0 1 GET constant"), "[nil]");
        }
        db.check("SET w_1 x", "+OK");
        db.check("SORT k BY w_*", NOT_NUMBERS);
        db.check("SORT k BY w_* ALPHA", "[$4 $3 $2 $1]");
    });
}

#[test]
fn stored() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k 3 1 2", ":3"),
            ("SORT k STORE d", ":3"),
            ("LRANGE d 0 -1", "[$1 $2 $3]"),
            ("SET w_1 x", "+OK"),
            ("SORT k GET w_* STORE d", ":3"),
            ("LRANGE d 0 -1", "[$x $ $]"),
            ("EXPIRE d 100", ":1"),
            ("SORT k DESC STORE d", ":3"),
            ("TTL d", ":-1"),
            ("SORT k LIMIT 0 0 STORE d", ":0"),
            ("EXISTS d", ":0"),
            ("SET d x", "+OK"),
            ("SORT absent STORE d", ":0"),
            ("EXISTS d", ":0"),
            ("SORT k STORE k", ":3"),
            ("LRANGE k 0 -1", "[$1 $2 $3]"),
            ("COMMAND GETKEYS SORT k BY w_* STORE d", "[$k $d]"),
        ]);
    });
}

#[test]
fn many_elements() {
    both(|db| {
        let numbers: Vec<String> = (0..3000u32).map(|n| (n * 7919 % 3001).to_string()).collect();
        for chunk in numbers.chunks(500) {
            db.call(&format!("RPUSH k {}", chunk.join(" ")));
        }
        let mut expected: Vec<u32> = numbers.iter().map(|number| number.parse().expect("a number")).collect();
        expected.sort_unstable();
        let shown = format!("[{}]", expected.iter().map(|n| format!("${n}")).collect::<Vec<_>>().join(" "));
        assert_eq!(db.call("SORT k").to_string(), shown);
        assert_eq!(db.call("SORT_RO k").to_string(), shown);
        db.check("SORT k STORE d", ":3000");
        assert_eq!(db.call("LRANGE d 0 -1").to_string(), shown);
    });
}
