//! Strings: `GET`, `SET` and all that reads or changes a whole value or a part of it.

use crate::harness::both;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const NOT_FLOAT: &str = "-ERR value is not a valid float";
const SYNTAX: &str = "-ERR syntax error";
const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";

#[test]
fn get_and_set() {
    both(|db| {
        db.check_all(&[
            ("GET k", "nil"),
            ("SET k v", "+OK"),
            ("GET k", "$v"),
            ("SET k w", "+OK"),
            ("get K", "nil"),
            ("gEt k", "$w"),
            ("SET k \"\"", "+OK"),
            ("GET k", "$"),
            ("EXISTS k", ":1"),
        ]);
        db.check_arity(&["GET", "GET a b", "SET", "SET a"]);
    });
}

#[test]
fn set_takes_any_bytes_as_key_and_value() {
    both(|db| {
        let all: Vec<u8> = (0..=255).collect();
        db.check_bytes(&[b"SET", &all, &all], "+OK");
        db.check_bytes(&[b"EXISTS", &all], ":1");
        db.check_bytes(&[b"STRLEN", &all], ":256");
        let reply = db.wire.call(&[b"GET", &all]);
        assert_eq!(reply, crate::wire::Reply::Bulk(all.clone()));
        db.check_bytes(&[b"GET", &all[1..]], "nil");
        // The empty key is a key.
        db.check("SET \"\" empty", "+OK");
        db.check("GET \"\"", "$empty");
        db.check("DEL \"\"", ":1");
    });
}

#[test]
fn keys_that_begin_alike_are_different_keys() {
    both(|db| {
        let keys = [
            "\"\"",
            "\"\\x00\"",
            "\"\\x00\\x00\"",
            "\"\\x00\\xff\"",
            "\"\\xff\"",
            "\"\\xff\\xff\"",
            "a",
            "\"a\\x00\"",
            "\"a\\x01\"",
            "aa",
        ];
        for (i, key) in keys.iter().enumerate() {
            db.check(&format!("SET {key} {i}"), "+OK");
        }
        for (i, key) in keys.iter().enumerate() {
            db.check(&format!("GET {key}"), &format!("${i}"));
        }
        db.check("DBSIZE", ":10");
        for key in keys.iter().step_by(2) {
            db.check(&format!("DEL {key}"), ":1");
        }
        for (i, key) in keys.iter().enumerate() {
            db.check(&format!("GET {key}"), &if i % 2 == 0 { "nil".to_owned() } else { format!("${i}") });
        }
    });
}

#[test]
fn set_nx_and_xx() {
    both(|db| {
        db.check_all(&[
            ("SET k 1 XX", "nil"),
            ("EXISTS k", ":0"),
            ("SET k 1 NX", "+OK"),
            ("SET k 2 NX", "nil"),
            ("GET k", "$1"),
            ("SET k 3 xx", "+OK"),
            ("GET k", "$3"),
            ("SET k 4 NX XX", SYNTAX),
            ("SET k 4 XX NX", SYNTAX),
            ("SET k 4 NX NX", "nil"),
            ("GET k", "$3"),
        ]);
    });
}

#[test]
fn set_get_returns_the_old_value() {
    both(|db| {
        db.check_all(&[
            ("SET k 1 GET", "nil"),
            ("SET k 2 GET", "$1"),
            ("SET k 3 GET XX", "$2"),
            ("SET k 4 NX GET", "$3"),
            ("GET k", "$3"),
            ("SET new 1 NX GET", "nil"),
            ("GET new", "$1"),
            ("SET absent 1 XX GET", "nil"),
            ("EXISTS absent", ":0"),
            ("SET k 5 GET EX 100", "$3"),
            ("TTL k", ":100"),
            ("SET k 6 GET KEEPTTL", "$5"),
            ("TTL k", ":100"),
            ("SET k 7 get get", "$6"),
            ("TTL k", ":-1"),
        ]);
    });
}

#[test]
fn set_with_expiry() {
    both(|db| {
        db.check_all(&[
            ("SET k v EX 100", "+OK"),
            ("TTL k", ":100"),
            ("SET k v PX 200000", "+OK"),
            ("TTL k", ":200"),
            ("SET k v EXAT 9999999999", "+OK"),
            ("EXPIRETIME k", ":9999999999"),
            ("SET k v PXAT 9999999999123", "+OK"),
            ("PEXPIRETIME k", ":9999999999123"),
            ("SET k v KEEPTTL", "+OK"),
            ("PEXPIRETIME k", ":9999999999123"),
            ("SET k v", "+OK"),
            ("TTL k", ":-1"),
            ("SET absent v KEEPTTL", "+OK"),
            ("TTL absent", ":-1"),
            ("SET k v NX EX 10", "nil"),
            ("TTL k", ":-1"),
            // A moment that has passed deletes the key.
            ("SET k v EXAT 1", "+OK"),
            ("EXISTS k", ":0"),
            ("SET k v PXAT 1", "+OK"),
            ("GET k", "nil"),
        ]);
    });
}

#[test]
fn set_refuses_bad_options() {
    both(|db| {
        db.check_refused(
            &[
                "SET k v EX",
                "SET k v PX",
                "SET k v BOGUS",
                "SET k v EX 10 PX 10",
                "SET k v EX 10 KEEPTTL",
                "SET k v KEEPTTL EX 10",
                "SET k v KEEPTTL PERSIST",
                "SET k v PERSIST",
                "SET k v EXAT 10 PXAT 10",
                "SET k v NX 10",
                "SET k v 10",
            ],
            SYNTAX,
        );
        db.check_refused(
            &["SET k v EX abc", "SET k v PX 1.5", "SET k v EX \"\"", "SET k v PX 9223372036854775808"],
            NOT_INTEGER,
        );
        db.check_refused(
            &[
                "SET k v EX 0",
                "SET k v EX -1",
                "SET k v PX 0",
                "SET k v EXAT 0",
                "SET k v PXAT -5",
                "SET k v EX 9223372036854775807",
                "SET k v EX 9223372036854775",
                "SET k v PX 9223372036854775807",
            ],
            "-ERR invalid expire time in 'set' command",
        );
        db.check("EXISTS k", ":0");
    });
}

#[test]
fn setnx_setex_psetex() {
    both(|db| {
        db.check_all(&[
            ("SETNX k 1", ":1"),
            ("SETNX k 2", ":0"),
            ("GET k", "$1"),
            ("SETEX k 100 v", "+OK"),
            ("GET k", "$v"),
            ("TTL k", ":100"),
            ("PSETEX k 100000 w", "+OK"),
            ("GET k", "$w"),
            ("TTL k", ":100"),
            ("SETNX k x", ":0"),
            ("TTL k", ":100"),
            ("SETEX k abc v", NOT_INTEGER),
            ("PSETEX k 1.0 v", NOT_INTEGER),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
            ("SETEX k -10 v", "-ERR invalid expire time in 'setex' command"),
            ("SETEX k 9223372036854775807 v", "-ERR invalid expire time in 'setex' command"),
            ("PSETEX k 0 v", "-ERR invalid expire time in 'psetex' command"),
            ("PSETEX k 9223372036854775807 v", "-ERR invalid expire time in 'psetex' command"),
            ("GET k", "$w"),
        ]);
        db.check_arity(&[
            "SETNX k",
            "SETNX",
            "SETNX k v w",
            "SETEX k 10",
            "SETEX k 10 v w",
            "PSETEX k 10",
            "PSETEX k 10 v w",
        ]);
    });
}

#[test]
fn getset_and_getdel() {
    both(|db| {
        db.check_all(&[
            ("GETSET k 1", "nil"),
            ("GETSET k 2", "$1"),
            ("EXPIRE k 100", ":1"),
            ("GETSET k 3", "$2"),
            ("TTL k", ":-1"),
            ("GETDEL k", "$3"),
            ("GETDEL k", "nil"),
            ("EXISTS k", ":0"),
            ("DBSIZE", ":0"),
        ]);
        db.check_arity(&["GETSET k", "GETSET k v w", "GETDEL", "GETDEL a b"]);
    });
}

#[test]
fn getex() {
    both(|db| {
        db.check_all(&[
            ("GETEX k", "nil"),
            ("GETEX k EX 10", "nil"),
            ("EXISTS k", ":0"),
            ("SET k v", "+OK"),
            ("GETEX k", "$v"),
            ("TTL k", ":-1"),
            ("GETEX k EX 100", "$v"),
            ("TTL k", ":100"),
            ("GETEX k", "$v"),
            ("TTL k", ":100"),
            ("GETEX k PX 200000", "$v"),
            ("TTL k", ":200"),
            ("GETEX k EXAT 9999999999", "$v"),
            ("EXPIRETIME k", ":9999999999"),
            ("GETEX k PXAT 9999999999123", "$v"),
            ("PEXPIRETIME k", ":9999999999123"),
            ("GETEX k PERSIST", "$v"),
            ("TTL k", ":-1"),
            ("GETEX k PERSIST", "$v"),
            ("GETEX k EXAT 1", "$v"),
            ("EXISTS k", ":0"),
        ]);
        db.check("SET k v", "+OK");
        db.check_refused(
            &[
                "GETEX k EX",
                "GETEX k BOGUS",
                "GETEX k PERSIST EX 10",
                "GETEX k EX 10 PERSIST",
                "GETEX k EX 10 PX 10",
                "GETEX k KEEPTTL",
                "GETEX k NX",
                "GETEX k GET",
            ],
            SYNTAX,
        );
        db.check("GETEX k EX abc", NOT_INTEGER);
        db.check_refused(
            &["GETEX k EX 0", "GETEX k PX -1", "GETEX k EX 9223372036854775807", "GETEX k EXAT 0"],
            "-ERR invalid expire time in 'getex' command",
        );
        db.check("TTL k", ":-1");
        db.check_arity(&["GETEX"]);
    });
}

#[test]
fn append_and_strlen() {
    both(|db| {
        db.check_all(&[
            ("STRLEN k", ":0"),
            ("APPEND k abc", ":3"),
            ("APPEND k \"\"", ":3"),
            ("APPEND k \"\\x00\\xff\"", ":5"),
            ("STRLEN k", ":5"),
            ("GET k", "$abc\\x00\\xff"),
            ("APPEND empty \"\"", ":0"),
            ("EXISTS empty", ":1"),
            ("SET n 12", "+OK"),
            ("STRLEN n", ":2"),
            ("APPEND n 3", ":3"),
            ("INCR n", ":124"),
            ("EXPIRE n 100", ":1"),
            ("APPEND n 5", ":4"),
            ("TTL n", ":100"),
        ]);
        db.check_arity(&["APPEND k", "APPEND k v w", "STRLEN", "STRLEN a b"]);
    });
}

#[test]
fn incr_and_decr() {
    both(|db| {
        db.check_all(&[
            ("INCR k", ":1"),
            ("INCR k", ":2"),
            ("DECR k", ":1"),
            ("INCRBY k 41", ":42"),
            ("DECRBY k 50", ":-8"),
            ("INCRBY k -2", ":-10"),
            ("DECRBY k -10", ":0"),
            ("GET k", "$0"),
            ("DECR fresh", ":-1"),
            ("EXPIRE k 100", ":1"),
            ("INCR k", ":1"),
            ("TTL k", ":100"),
            ("INCRBY k abc", NOT_INTEGER),
            ("INCRBY k 1.5", NOT_INTEGER),
            ("INCRBY k \"\"", NOT_INTEGER),
            ("INCRBY k \" 1\"", NOT_INTEGER),
            ("INCRBY k \"1 \"", NOT_INTEGER),
            ("INCRBY k +1", NOT_INTEGER),
            ("INCRBY k 01", NOT_INTEGER),
            ("INCRBY k -0", NOT_INTEGER),
            ("INCRBY k 9223372036854775808", NOT_INTEGER),
            ("DECRBY k abc", NOT_INTEGER),
            ("GET k", "$1"),
        ]);
        db.check_arity(&["INCR", "INCR a b", "DECR", "INCRBY k", "INCRBY k 1 2", "DECRBY k"]);
    });
}

#[test]
fn incr_stops_at_the_ends_of_64_bits() {
    both(|db| {
        db.check_all(&[
            ("SET max 9223372036854775806", "+OK"),
            ("INCR max", ":9223372036854775807"),
            ("INCR max", "-ERR increment or decrement would overflow"),
            ("INCRBY max 1", "-ERR increment or decrement would overflow"),
            ("DECRBY max -1", "-ERR increment or decrement would overflow"),
            ("INCRBY max 9223372036854775807", "-ERR increment or decrement would overflow"),
            ("GET max", "$9223372036854775807"),
            ("SET min -9223372036854775807", "+OK"),
            ("DECR min", ":-9223372036854775808"),
            ("DECR min", "-ERR increment or decrement would overflow"),
            ("INCRBY min -1", "-ERR increment or decrement would overflow"),
            ("GET min", "$-9223372036854775808"),
            // The amount itself has no negative.
            ("DECRBY min -9223372036854775808", "-ERR decrement would overflow"),
            ("INCRBY fresh -9223372036854775808", ":-9223372036854775808"),
        ]);
    });
}

#[test]
fn only_canonical_integers_can_be_incremented() {
    both(|db| {
        for value in [
            "abc",
            "\"\"",
            "1.0",
            "\" 1\"",
            "\"1 \"",
            "+1",
            "01",
            "00",
            "-0",
            "0x10",
            "1e3",
            "9223372036854775808",
            "\"1\\x00\"",
            "--1",
            "-",
        ] {
            db.check(&format!("SET k {value}"), "+OK");
            db.check("INCR k", NOT_INTEGER);
            db.check("DECRBY k 5", NOT_INTEGER);
        }
        for value in ["0", "-1", "10", "-9223372036854775808"] {
            db.check(&format!("SET k {value}"), "+OK");
            db.check("INCRBY k 0", &format!(":{value}"));
        }
    });
}

#[test]
fn incrbyfloat() {
    both(|db| {
        db.check_all(&[
            ("INCRBYFLOAT k 1", "$1"),
            ("INCRBYFLOAT k 0.25", "$1.25"),
            ("GET k", "$1.25"),
            ("INCRBYFLOAT k 1.5", "$2.75"),
            ("INCRBYFLOAT k -3.75", "$-1"),
            ("SET k 10.50", "+OK"),
            ("INCRBYFLOAT k 0.1", "$10.6"),
            ("INCRBYFLOAT k -5", "$5.6"),
            ("SET k 5.0e3", "+OK"),
            ("INCRBYFLOAT k 2.0e2", "$5200"),
            ("SET k 3", "+OK"),
            ("INCRBYFLOAT k 1.1", "$4.1"),
            ("SET k 0", "+OK"),
            ("INCRBYFLOAT k 1e-10", "$0.0000000001"),
            ("SET k 1", "+OK"),
            ("INCRBYFLOAT k -1", "$0"),
            ("SET k 17179869184", "+OK"),
            ("INCRBYFLOAT k 1.5", "$17179869185.5"),
            ("SET k 0.1", "+OK"),
            ("INCRBYFLOAT k 0.2", "$0.3"),
            ("SET k .5", "+OK"),
            ("INCRBYFLOAT k +.5", "$1"),
            ("SET k 0x10", "+OK"),
            ("INCRBYFLOAT k 1", "$17"),
            ("SET k 100", "+OK"),
            ("EXPIRE k 100", ":1"),
            ("INCRBYFLOAT k 1", "$101"),
            ("TTL k", ":100"),
            ("INCR k", ":102"),
            ("INCRBYFLOAT fresh 1e20", "$100000000000000000000"),
            ("SET k 12345678.12345678", "+OK"),
            ("INCRBYFLOAT k 0.00000001", "$12345678.12345679000009113"),
        ]);
        db.check_refused(
            &[
                "INCRBYFLOAT k abc",
                "INCRBYFLOAT k \"\"",
                "INCRBYFLOAT k \" 1\"",
                "INCRBYFLOAT k \"1 \"",
                "INCRBYFLOAT k nan",
                "INCRBYFLOAT k 1.1.1",
                "INCRBYFLOAT k 1e5000",
            ],
            NOT_FLOAT,
        );
        for value in ["abc", "\"\"", "\" 1\"", "\"1 \"", "\"1\\x00\"", "nan", "1,5"] {
            db.check(&format!("SET k {value}"), "+OK");
            db.check("INCRBYFLOAT k 1", NOT_FLOAT);
        }
        db.check("SET k 1", "+OK");
        db.check_refused(
            &["INCRBYFLOAT k inf", "INCRBYFLOAT k -inf", "INCRBYFLOAT k +infinity"],
            "-ERR increment would produce NaN or Infinity",
        );
        db.check("GET k", "$1");
        db.check_arity(&["INCRBYFLOAT k", "INCRBYFLOAT k 1 2"]);
    });
}

#[test]
fn getrange_and_substr() {
    both(|db| {
        db.check("SET k \"Hello World\"", "+OK");
        let table = [
            ("0 3", "$Hell"),
            ("0 -1", "$Hello World"),
            ("-4 -1", "$orld"),
            ("5 3", "$"),
            ("5 5000", "$ World"),
            ("-5000 10000", "$Hello World"),
            ("-5000 -5000", "$H"),
            ("0 -100", "$H"),
            ("11 20", "$"),
            ("10 10", "$d"),
            ("-1 -3", "$"),
            ("0 0", "$H"),
            ("0 9223372036854775807", "$Hello World"),
            ("-9223372036854775808 -1", "$Hello World"),
            ("9223372036854775807 9223372036854775807", "$"),
        ];
        for (range, expected) in table {
            db.check(&format!("GETRANGE k {range}"), expected);
            db.check(&format!("SUBSTR k {range}"), expected);
            db.check(&format!("GETRANGE absent {range}"), "$");
        }
        db.check("SET n 1234", "+OK");
        db.check_all(&[
            ("GETRANGE n 0 2", "$123"),
            ("GETRANGE n 3 -1", "$4"),
            ("SET e \"\"", "+OK"),
            ("GETRANGE e 0 -1", "$"),
        ]);
        db.check_refused(
            &["GETRANGE k a 1", "GETRANGE k 0 b", "GETRANGE k 0 1.5", "SUBSTR k 0 9223372036854775808"],
            NOT_INTEGER,
        );
        db.check_arity(&["GETRANGE k 0", "GETRANGE k 0 1 2", "SUBSTR k 0", "SUBSTR k 0 1 2"]);
    });
}

#[test]
fn setrange() {
    both(|db| {
        db.check_all(&[
            ("SETRANGE k 0 \"\"", ":0"),
            ("EXISTS k", ":0"),
            ("SETRANGE k 3 \"\"", ":0"),
            ("EXISTS k", ":0"),
            ("SETRANGE k 0 foo", ":3"),
            ("SETRANGE k 1 xx", ":3"),
            ("GET k", "$fxx"),
            ("SETRANGE k 5 z", ":6"),
            ("GET k", "$fxx\\x00\\x00z"),
            ("SETRANGE k 2 \"\"", ":6"),
            ("SETRANGE fresh 2 a", ":3"),
            ("GET fresh", "$\\x00\\x00a"),
            ("SET n 1234", "+OK"),
            ("SETRANGE n 1 9", ":4"),
            ("INCR n", ":1935"),
            ("EXPIRE n 100", ":1"),
            ("SETRANGE n 0 2", ":4"),
            ("TTL n", ":100"),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
            ("SETRANGE absent -1 x", "-ERR offset is out of range"),
            ("SETRANGE k abc x", NOT_INTEGER),
            ("SETRANGE k 536870912 x", TOO_LONG),
            ("SETRANGE absent 536870911 xx", TOO_LONG),
            ("SETRANGE k 9223372036854775807 x", TOO_LONG),
            ("SETRANGE k 4294967295 x", TOO_LONG),
            ("EXISTS absent", ":0"),
        ]);
        db.check_arity(&["SETRANGE k 0", "SETRANGE k 0 a b"]);
    });
}

#[test]
fn mget_mset_msetnx() {
    both(|db| {
        db.check_all(&[
            ("MSET a 1 b 2 c 3", "+OK"),
            ("MGET a b c d", "[$1 $2 $3 nil]"),
            ("MGET a a", "[$1 $1]"),
            ("MSET a 1 a 2 a 3", "+OK"),
            ("GET a", "$3"),
            ("EXPIRE a 100", ":1"),
            ("MSET a x", "+OK"),
            ("TTL a", ":-1"),
            ("MSETNX d 4 a 5", ":0"),
            ("MGET a d", "[$x nil]"),
            ("MSETNX d 4 e 5 e 6", ":1"),
            ("MGET d e", "[$4 $6]"),
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
            ("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"),
        ]);
        db.check_arity(&["MGET", "MSET", "MSET a", "MSETNX", "MSETNX a"]);
    });
}

#[test]
fn a_thousand_keys_in_one_mset() {
    both(|db| {
        let pairs: Vec<String> = (0..1000).map(|i| format!("k{i} v{i}")).collect();
        db.check(&format!("MSET {}", pairs.join(" ")), "+OK");
        db.check("DBSIZE", ":1000");
        let keys: Vec<String> = (0..1000).rev().map(|i| format!("k{i}")).collect();
        let values: Vec<String> = (0..1000).rev().map(|i| format!("$v{i}")).collect();
        db.check(&format!("MGET {}", keys.join(" ")), &format!("[{}]", values.join(" ")));
    });
}

#[test]
fn lcs() {
    both(|db| {
        db.check_all(&[
            ("MSET a ohmytext b mynewtext", "+OK"),
            ("LCS a b", "$mytext"),
            ("LCS a b LEN", ":6"),
            ("LCS a absent", "$"),
            ("LCS a absent LEN", ":0"),
            ("LCS absent absent", "$"),
            ("LCS a a", "$ohmytext"),
            ("LCS a b WITHMATCHLEN", "$mytext"),
            ("LCS a b MINMATCHLEN 4", "$mytext"),
            ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b BOGUS", SYNTAX),
            ("LCS a b IDX MINMATCHLEN", SYNTAX),
            ("LCS a b IDX MINMATCHLEN x", NOT_INTEGER),
        ]);
        db.check_arity(&["LCS", "LCS a"]);
        db.check_each(
            "LCS a b IDX",
            "[$matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] $len :6]",
            "%[$matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] $len :6]",
        );
        db.check_each(
            "LCS a b IDX MINMATCHLEN 4",
            "[$matches [[[:4 :7] [:5 :8]]] $len :6]",
            "%[$matches [[[:4 :7] [:5 :8]]] $len :6]",
        );
        db.check_each(
            "LCS a b IDX WITHMATCHLEN MINMATCHLEN -5",
            "[$matches [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] $len :6]",
            "%[$matches [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] $len :6]",
        );
        db.check_each("LCS a b IDX MINMATCHLEN 5", "[$matches [] $len :6]", "%[$matches [] $len :6]");
        db.check_each("LCS a absent IDX", "[$matches [] $len :0]", "%[$matches [] $len :0]");
    });
}

#[test]
fn strings_of_digits_keep_their_exact_bytes() {
    both(|db| {
        for value in
            ["007", "-0", "+5", "1.0", "1e3", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "0"]
        {
            db.check(&format!("SET k {value}"), "+OK");
            db.check("GET k", &format!("${value}"));
            db.check("STRLEN k", &format!(":{}", value.len()));
            db.check("GETRANGE k 0 -1", &format!("${value}"));
        }
    });
}

#[test]
fn string_commands_refuse_other_types() {
    both(|db| {
        if !db.server.has_or_skip("rpush") {
            return;
        }
        db.check("RPUSH l a", ":1");
        db.check_refused(
            &[
                "GET l",
                "GETSET l v",
                "GETDEL l",
                "GETEX l",
                "GETEX l EX 10",
                "SET l v GET",
                "SET l v NX GET",
                "APPEND l v",
                "STRLEN l",
                "INCR l",
                "DECR l",
                "INCRBY l 1",
                "DECRBY l 1",
                "INCRBYFLOAT l 1",
                "GETRANGE l 0 1",
                "SUBSTR l 0 1",
                "SETRANGE l 0 v",
            ],
            WRONG_TYPE,
        );
        db.check_all(&[
            ("LCS l l", "-ERR The specified keys must contain string values"),
            ("LCS absent l", "-ERR The specified keys must contain string values"),
            ("MGET l absent", "[nil nil]"),
            ("SETRANGE l 0 \"\"", WRONG_TYPE),
            ("SETNX l v", ":0"),
            ("MSETNX l v m w", ":0"),
            ("SET l v XX", "+OK"),
            ("TYPE l", "+string"),
            ("RPUSH m a", ":1"),
            ("MSET m v", "+OK"),
            ("GET m", "$v"),
        ]);
    });
}

#[test]
fn a_failed_command_changes_nothing() {
    both(|db| {
        db.check_all(&[
            ("SET k abc EX 100", "+OK"),
            ("INCR k", NOT_INTEGER),
            ("INCRBYFLOAT k 1", NOT_FLOAT),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
            ("SET k new EX 0", "-ERR invalid expire time in 'set' command"),
            ("MSET k new x", "-ERR wrong number of arguments for 'mset' command"),
            ("GETEX k EX 0", "-ERR invalid expire time in 'getex' command"),
            ("GET k", "$abc"),
            ("TTL k", ":100"),
            ("DBSIZE", ":1"),
        ]);
    });
}
