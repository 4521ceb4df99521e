//! Lists: pushed, popped, read by index, changed within.

use crate::harness::{Db, both, once};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "-ERR value is out of range, must be positive";
const OUT_OF_RANGE: &str = "-ERR index out of range";
const SYNTAX: &str = "-ERR syntax error";

/// Elements of a list that lies in blocks, with long ones in between.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| if n % 10 == 7 { format!("{n}:{}", "x".repeat(150 + n)) } else { n.to_string() }).collect()
}

fn push_many(db: &mut Db<'_>, key: &str, elements: &[String]) {
    for chunk in elements.chunks(200) {
        db.call(&format!("RPUSH {key} {}", chunk.join(" ")));
    }
    db.check(&format!("LLEN {key}"), &format!(":{}", elements.len()));
}

fn shown(elements: &[String]) -> String {
    format!("[{}]", elements.iter().map(|element| format!("${element}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn push_and_pop_at_both_ends() {
    both(|db| {
        db.check_all(&[
            ("LPUSH k a b c", ":3"),
            ("RPUSH k d", ":4"),
            ("LRANGE k 0 -1", "[$c $b $a $d]"),
            ("LPUSHX k z", ":5"),
            ("RPUSHX k y x", ":7"),
            ("LPUSHX absent z", ":0"),
            ("RPUSHX absent z", ":0"),
            ("EXISTS absent", ":0"),
            ("LPOP k", "$z"),
            ("RPOP k", "$x"),
            ("LPOP k 2", "[$c $b]"),
            ("RPOP k 100", "[$y $d $a]"),
            ("EXISTS k", ":0"),
            ("LPUSH k \"\"", ":1"),
            ("LPOP k 0", "[]"),
            ("LPOP k", "$"),
            ("TYPE k", "+none"),
        ]);
        db.check("LPOP k", "nil");
        db.check_each("LPOP k 1", "nil*", "nil");
        db.check_each("RPOP k 0", "nil*", "nil");
        db.check_refused(
            &["LPOP k -1", "RPOP k -5", "LPOP k x", "RPOP k 1.5", "LPOP k 9223372036854775808"],
            NOT_POSITIVE,
        );
        db.check_arity(&[
            "LPUSH k",
            "RPUSH k",
            "LPUSHX k",
            "RPUSHX k",
            "LPOP",
            "LPOP k 1 2",
            "RPOP k 1 2",
            "LLEN",
            "LLEN a b",
        ]);
    });
}

#[test]
fn reading_by_index() {
    both(|db| {
        db.check("RPUSH k a b c d e", ":5");
        db.check_all(&[
            ("LLEN k", ":5"),
            ("LLEN absent", ":0"),
            ("LINDEX k 0", "$a"),
            ("LINDEX k -1", "$e"),
            ("LINDEX k -5", "$a"),
            ("LRANGE k 1 3", "[$b $c $d]"),
            ("LRANGE k -2 -1", "[$d $e]"),
            ("LRANGE k -100 100", "[$a $b $c $d $e]"),
            ("LRANGE k 3 1", "[]"),
            ("LRANGE k 5 10", "[]"),
            ("LRANGE absent 0 -1", "[]"),
        ]);
        for line in ["LINDEX k 5", "LINDEX k -6", "LINDEX absent 0", "LINDEX absent x"] {
            db.check(line, "nil");
        }
        db.check_refused(&["LINDEX k x", "LRANGE k x 1", "LRANGE absent 0 y"], NOT_INTEGER);
        db.check_arity(&["LINDEX k", "LRANGE k 0", "LRANGE k 0 1 2"]);
    });
}

#[test]
fn a_large_list_is_read_at_every_place() {
    both(|db| {
        let elements = many(700);
        push_many(db, "k", &elements);
        for (index, element) in elements.iter().enumerate().step_by(13) {
            db.check(&format!("LINDEX k {index}"), &format!("${element}"));
            db.check(&format!("LINDEX k -{}", elements.len() - index), &format!("${element}"));
        }
        for (start, stop) in [(0, 699), (0, 99), (31, 32), (300, 420), (695, 699)] {
            db.check(&format!("LRANGE k {start} {stop}"), &shown(&elements[start..=stop]));
        }
        let mut reversed = elements.clone();
        reversed.reverse();
        db.check("RPOP k 350", &shown(&reversed[..350]));
        db.check("LPOP k 349", &shown(&elements[..349]));
        db.check("LRANGE k 0 -1", &shown(&elements[349..350]));
        db.check("LPOP k 5", &shown(&elements[349..350]));
        db.check("EXISTS k", ":0");
    });
}

#[test]
fn lset() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k a b c", ":3"),
            ("LSET k 1 x", "+OK"),
            ("LSET k -1 z", "+OK"),
            ("LRANGE k 0 -1", "[$a $x $z]"),
            ("LSET absent 0 x", "-ERR no such key"),
            ("LSET absent y x", "-ERR no such key"),
            ("LSET k y x", NOT_INTEGER),
        ]);
        db.check_refused(&["LSET k 3 x", "LSET k -4 x"], OUT_OF_RANGE);
        db.check_arity(&["LSET k 0", "LSET k 0 a b"]);

        let mut elements = many(300);
        push_many(db, "big", &elements);
        let long = "y".repeat(5000);
        for (index, element) in [(0, "first"), (7, "short"), (8, long.as_str()), (17, long.as_str()), (299, "last")] {
            db.check(&format!("LSET big {index} {element}"), "+OK");
            elements[index] = element.to_owned();
        }
        db.check("LRANGE big 0 -1", &shown(&elements));
    });
}

#[test]
fn linsert_and_lrem() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k a b c", ":3"),
            ("LINSERT k BEFORE a 1", ":4"),
            ("LINSERT k after c 2", ":5"),
            ("LINSERT k BEFORE x 3", ":-1"),
            ("LINSERT absent BEFORE x 3", ":0"),
            ("LINSERT k AROUND a 3", SYNTAX),
            ("LRANGE k 0 -1", "[$1 $a $b $c $2]"),
            ("DEL k", ":1"),
            ("RPUSH k a b a c a d a", ":7"),
            ("LREM k 1 a", ":1"),
            ("LREM k -1 a", ":1"),
            ("LRANGE k 0 -1", "[$b $a $c $a $d]"),
            ("LREM k 0 a", ":2"),
            ("LREM k 0 x", ":0"),
            ("LREM absent 0 x", ":0"),
            ("LREM k x a", NOT_INTEGER),
            ("LREM k -9223372036854775808 b", ":1"),
            ("LRANGE k 0 -1", "[$c $d]"),
        ]);
        db.check_arity(&["LINSERT k BEFORE a", "LREM k 0", "LREM k 0 a b"]);

        let mut elements = many(500);
        push_many(db, "big", &elements);
        for (place, at) in [("BEFORE", 3), ("AFTER", 3), ("BEFORE", 480), ("AFTER", 490), ("AFTER", 255), ("BEFORE", 0)]
        {
            let new = format!("new {at} {place} {}", "z".repeat(at));
            db.check(
                &format!("LINSERT big {place} \"{}\" \"{new}\"", elements[at]),
                &format!(":{}", elements.len() + 1),
            );
            elements.insert(if place == "AFTER" { at + 1 } else { at }, new);
        }
        assert_eq!(db.call("LRANGE big 0 -1").to_string(), shown(&elements));
        for at in [490, 250, 7, 0, 300] {
            let gone = elements.remove(at);
            db.check(&format!("LREM big 0 \"{gone}\""), ":1");
        }
        assert_eq!(db.call("LRANGE big 0 -1").to_string(), shown(&elements));
    });
}

#[test]
fn removing_many_equal_elements() {
    both(|db| {
        let all: Vec<String> = (0..600).map(|n| (n % 3).to_string()).collect();
        push_many(db, "k", &all);
        db.check("LREM k 50 1", ":50");
        db.check("LREM k -50 1", ":50");
        db.check("LREM k 0 2", ":200");
        db.check("LLEN k", ":300");
        db.check("LPOS k 1", ":51");
        db.check("LPOS k 1 RANK -1", ":249");
        db.check("LREM k 0 1", ":100");
        db.check("LREM k 0 0", ":200");
        db.check("EXISTS k", ":0");
    });
}

#[test]
fn ltrim() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k a b c d e f", ":6"),
            ("LTRIM k 1 -2", "+OK"),
            ("LRANGE k 0 -1", "[$b $c $d $e]"),
            ("LTRIM k -2 100", "+OK"),
            ("LRANGE k 0 -1", "[$d $e]"),
            ("LTRIM k 5 10", "+OK"),
            ("EXISTS k", ":0"),
            ("LTRIM absent 0 1", "+OK"),
            ("LTRIM absent x 1", NOT_INTEGER),
        ]);
        db.check_arity(&["LTRIM k 0", "LTRIM k 0 1 2"]);
        let elements = many(900);
        push_many(db, "big", &elements);
        db.check("LTRIM big 10 -11", "+OK");
        db.check("LTRIM big 100 799", "+OK");
        assert_eq!(db.call("LRANGE big 0 -1").to_string(), shown(&elements[110..810]));
        db.check("LTRIM big -20 -6", "+OK");
        db.check("LRANGE big 0 -1", &shown(&elements[790..805]));
        db.check("RPUSH big end", ":16");
        db.check("LPUSH big start", ":17");
        db.check("LINDEX big 0", "$start");
        db.check("LINDEX big -1", "$end");
    });
}

#[test]
fn a_capped_list_keeps_the_newest() {
    once(|db| {
        for number in 0..500 {
            db.call(&format!("LPUSH log {number}"));
            db.check("LTRIM log 0 99", "+OK");
        }
        let newest: Vec<String> = (400..500).rev().map(|number: i32| number.to_string()).collect();
        db.check("LRANGE log 0 -1", &shown(&newest));
    });
}

#[test]
fn lpos() {
    both(|db| {
        db.check_all(&[
            ("RPUSH k a b c d b a b", ":7"),
            ("LPOS k b", ":1"),
            ("LPOS k b RANK 2", ":4"),
            ("LPOS k b RANK -1", ":6"),
            ("LPOS k b COUNT 0", "[:1 :4 :6]"),
            ("LPOS k b COUNT 2 RANK -1", "[:6 :4]"),
            ("LPOS k b COUNT 0 RANK 2", "[:4 :6]"),
            ("LPOS k b COUNT 0 MAXLEN 5", "[:1 :4]"),
            ("LPOS k b COUNT 0 MAXLEN 3 RANK -1", "[:6 :4]"),
            ("LPOS k x COUNT 1", "[]"),
            ("LPOS absent x COUNT 1", "[]"),
            ("LPOS k b COUNT -1", "-ERR COUNT can't be negative"),
            ("LPOS k b MAXLEN -1", "-ERR MAXLEN can't be negative"),
            (
                "LPOS k b RANK 0",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
            ),
            ("LPOS k b RANK x", NOT_INTEGER),
        ]);
        for line in ["LPOS k x", "LPOS absent x", "LPOS k b RANK 4", "LPOS k b MAXLEN 1"] {
            db.check(line, "nil");
        }
        if db.server.since((7, 2)) {
            db.check(
                "LPOS k b RANK -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            );
        }
        db.check_refused(&["LPOS k b RANK", "LPOS k b FOO 1", "LPOS k b COUNT 1 RANK"], SYNTAX);
        db.check_arity(&["LPOS k"]);
    });
}

#[test]
fn moving_between_lists() {
    both(|db| {
        db.check_all(&[
            ("RPUSH a 1 2 3", ":3"),
            ("LMOVE a b LEFT RIGHT", "$1"),
            ("LMOVE a b right left", "$3"),
            ("LRANGE b 0 -1", "[$3 $1]"),
            ("RPOPLPUSH a b", "$2"),
            ("EXISTS a", ":0"),
            ("LMOVE b b LEFT RIGHT", "$2"),
            ("LMOVE b b LEFT LEFT", "$3"),
            ("RPOPLPUSH b b", "$2"),
            ("LRANGE b 0 -1", "[$2 $3 $1]"),
            ("SET s v", "+OK"),
            ("LMOVE b s LEFT LEFT", WRONG_TYPE),
            ("LMOVE s b LEFT LEFT", WRONG_TYPE),
            ("RPOPLPUSH b s", WRONG_TYPE),
            ("LRANGE b 0 -1", "[$2 $3 $1]"),
            ("RPUSH one x", ":1"),
            ("EXPIRE one 100", ":1"),
            ("RPOPLPUSH one one", "$x"),
            ("TTL one", ":100"),
            ("LMOVE one other LEFT LEFT", "$x"),
            ("TTL other", ":-1"),
        ]);
        for line in ["LMOVE absent b LEFT LEFT", "LMOVE absent s LEFT LEFT", "RPOPLPUSH absent b"] {
            db.check(line, "nil");
        }
        db.check_refused(&["LMOVE b a UP LEFT", "LMOVE b a LEFT DOWN", "LMOVE absent a UP LEFT"], SYNTAX);
        db.check_arity(&["LMOVE a b LEFT", "RPOPLPUSH a"]);
    });
}

#[test]
fn popping_from_the_first_of_several() {
    both(|db| {
        db.check_all(&[
            ("RPUSH b 1 2 3 4 5", ":5"),
            ("LMPOP 2 a b LEFT", "[$b [$1]]"),
            ("LMPOP 2 a b RIGHT COUNT 2", "[$b [$5 $4]]"),
            ("BLMPOP 0 2 a b LEFT", "[$b [$2]]"),
            ("LMPOP 1 b LEFT COUNT 100", "[$b [$3]]"),
            ("EXISTS b", ":0"),
            ("RPUSH b 1 2 3 4 5", ":5"),
            ("RPUSH c 6", ":1"),
            ("BLPOP a c b 0", "[$c $6]"),
            ("BRPOP a c b 0", "[$b $5]"),
            ("BLMOVE b a LEFT RIGHT 0", "$1"),
            ("BRPOPLPUSH b a 0", "$4"),
            ("LRANGE a 0 -1", "[$4 $1]"),
            ("SET s v", "+OK"),
            ("LMPOP 2 absent s LEFT", WRONG_TYPE),
            ("BLPOP absent s a 0", WRONG_TYPE),
        ]);
        db.check_each("LMPOP 2 x y LEFT", "nil*", "nil");
        db.check_refused(
            &["LMPOP 0 a LEFT", "LMPOP x a LEFT", "LMPOP -1 a LEFT"],
            "-ERR numkeys should be greater than 0",
        );
        db.check_refused(&["LMPOP 1 a LEFT COUNT 0", "LMPOP 1 a LEFT COUNT x"], "-ERR count should be greater than 0");
        db.check_refused(
            &[
                "LMPOP 2 a LEFT",
                "LMPOP 1 a UP",
                "LMPOP 1 a LEFT COUNT",
                "LMPOP 1 a LEFT COUNT 1 COUNT 1",
                "LMPOP 9223372036854775807 a LEFT",
            ],
            SYNTAX,
        );
        db.check_refused(
            &["BLPOP a x", "BRPOP a x", "BLMOVE a b LEFT LEFT x", "BRPOPLPUSH a b x", "BLMPOP x 1 a LEFT"],
            "-ERR timeout is not a float or out of range",
        );
        db.check_refused(
            &["BLPOP a -1", "BRPOP a -0.1", "BLMOVE a b LEFT LEFT -1", "BRPOPLPUSH a b -1", "BLMPOP -1 1 a LEFT"],
            "-ERR timeout is negative",
        );
        db.check_arity(&["LMPOP 1 a", "BLPOP a", "BRPOP a", "BLMOVE a b LEFT LEFT", "BRPOPLPUSH a b", "BLMPOP 0 1 a"]);
    });
}

#[test]
fn list_commands_refuse_other_types() {
    both(|db| {
        db.check("SET s v", "+OK");
        db.check_refused(
            &[
                "LPUSH s a",
                "RPUSH s a",
                "LPUSHX s a",
                "RPUSHX s a",
                "LPOP s",
                "RPOP s 1",
                "LPOP s 0",
                "LLEN s",
                "LRANGE s 0 -1",
                "LINDEX s 0",
                "LINDEX s x",
                "LSET s 0 a",
                "LSET s x a",
                "LINSERT s BEFORE a b",
                "LREM s 0 a",
                "LTRIM s 0 1",
                "LPOS s a",
                "RPOPLPUSH s a",
                "BLMOVE s a LEFT LEFT 0",
            ],
            WRONG_TYPE,
        );
        db.check("GET s", "$v");
    });
}

#[test]
fn encodings_follow_the_size() {
    both(|db| {
        if !db.server.since((7, 2)) {
            return;
        }
        db.check("RPUSH k a b c", ":3");
        db.check("OBJECT ENCODING k", "$listpack");
        db.check(&format!("RPUSH k {}", "x".repeat(9000)), ":4");
        db.check("OBJECT ENCODING k", "$quicklist");
        db.check("LPOP k", "$a");
        db.check("OBJECT ENCODING k", "$quicklist");
        db.check("LTRIM k 0 1", "+OK");
        db.check("OBJECT ENCODING k", "$listpack");
        db.check(&format!("RPUSH many {}", "abcdefgh ".repeat(1100)), ":1100");
        db.check("OBJECT ENCODING many", "$quicklist");
        db.check("LTRIM many 0 99", "+OK");
        db.check("OBJECT ENCODING many", "$listpack");
    });
}

#[test]
fn expiry_stays_with_a_list_that_changes() {
    both(|db| {
        db.check("RPUSH k a b c d", ":4");
        db.check("EXPIRE k 100", ":1");
        for line in [
            "RPUSH k e",
            "LPOP k",
            "LSET k 0 x",
            "LINSERT k BEFORE x y",
            "LREM k 0 y",
            "LTRIM k 0 2",
            "LMOVE k k LEFT RIGHT",
            &format!("RPUSH k {}", "x ".repeat(1000)),
            "LTRIM k 0 2",
        ] {
            db.call(line);
            db.check("TTL k", ":100");
        }
    });
}

#[test]
fn pipelined_commands_on_one_list_see_each_other() {
    once(|db| {
        let mut request = Vec::new();
        for number in 0..400 {
            request.extend_from_slice(format!("RPUSH k {number}\r\nLINDEX k -1\r\n").as_bytes());
        }
        request.extend_from_slice(b"LPOP k\r\nRPOP k\r\nLLEN k\r\n");
        db.wire.send(&request);
        for number in 0..400 {
            assert_eq!(db.wire.read().to_string(), format!(":{}", number + 1));
            assert_eq!(db.wire.read().to_string(), format!("${number}"));
        }
        for expected in ["$0", "$399", ":398"] {
            assert_eq!(db.wire.read().to_string(), expected);
        }
    });
}
