//! Bitmaps: strings seen as bits, and as integers of any width.

use crate::harness::both;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";
const BIT_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const BIT_VALUE: &str = "-ERR bit is not an integer or out of range";
const FIELD_TYPE: &str =
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

#[test]
fn setbit_and_getbit() {
    both(|db| {
        db.check_all(&[
            ("GETBIT k 0", ":0"),
            ("SETBIT k 7 1", ":0"),
            ("GET k", "$\\x01"),
            ("SETBIT k 7 1", ":1"),
            ("SETBIT k 7 0", ":1"),
            ("GET k", "$\\x00"),
            ("SETBIT k 0 1", ":0"),
            ("GET k", "$\\x80"),
            ("SETBIT k 17 1", ":0"),
            ("GET k", "$\\x80\\x00@"),
            ("GETBIT k 17", ":1"),
            ("GETBIT k 16", ":0"),
            ("GETBIT k 100", ":0"),
            ("GETBIT k 4294967295", ":0"),
            ("SETBIT zero 100 0", ":0"),
            ("STRLEN zero", ":13"),
            ("SET n 1", "+OK"),
            ("SETBIT n 6 1", ":0"),
            ("GET n", "$3"),
            ("INCR n", ":4"),
            ("EXPIRE n 100", ":1"),
            ("SETBIT n 7 1", ":0"),
            ("TTL n", ":100"),
        ]);
        db.check_refused(
            &[
                "SETBIT k -1 1",
                "SETBIT k abc 1",
                "SETBIT k 4294967296 1",
                "SETBIT k 9223372036854775807 1",
                "GETBIT k -1",
                "GETBIT k abc",
                "GETBIT k 1.5",
                "GETBIT k 4294967296",
            ],
            BIT_OFFSET,
        );
        db.check_refused(
            &["SETBIT k 0 2", "SETBIT k 0 -1", "SETBIT k 0 abc", "SETBIT k 0 \"\"", "SETBIT k 0 01"],
            BIT_VALUE,
        );
        db.check_arity(&["SETBIT k 0", "SETBIT k 0 1 2", "GETBIT k", "GETBIT k 0 1"]);
    });
}

#[test]
fn the_last_possible_bit() {
    both(|db| {
        db.check_all(&[
            ("SETBIT k 4294967295 1", ":0"),
            ("STRLEN k", ":536870912"),
            ("GETBIT k 4294967295", ":1"),
            ("GETBIT k 4294967294", ":0"),
            ("GETRANGE k -1 -1", "$\\x01"),
            ("DEL k", ":1"),
        ]);
    });
}

#[test]
fn bitcount() {
    both(|db| {
        db.check_all(&[
            ("BITCOUNT k", ":0"),
            ("BITCOUNT k 0 -1", ":0"),
            ("SET k foobar", "+OK"),
            ("BITCOUNT k", ":26"),
            ("BITCOUNT k 0 0", ":4"),
            ("BITCOUNT k 1 1", ":6"),
            ("BITCOUNT k 0 -1", ":26"),
            ("BITCOUNT k 1 1 BYTE", ":6"),
            ("BITCOUNT k 5 30 BIT", ":17"),
            ("BITCOUNT k 5 30 bit", ":17"),
            ("BITCOUNT k 0 0 BIT", ":0"),
            ("BITCOUNT k 1 1 BIT", ":1"),
            ("BITCOUNT k -5 -1 BIT", ":2"),
            ("BITCOUNT k -1000 1000 BIT", ":26"),
            ("BITCOUNT k 3 1", ":0"),
            ("BITCOUNT k -2 -3", ":0"),
            ("BITCOUNT k 100 200", ":0"),
            ("BITCOUNT k -100 -50", ":4"),
            ("SET e \"\"", "+OK"),
            ("BITCOUNT e", ":0"),
            ("BITCOUNT e 0 -1", ":0"),
            ("SET f \"\\xff\\xff\\xff\"", "+OK"),
            ("BITCOUNT f", ":24"),
            ("BITCOUNT f 1 -2", ":8"),
            ("BITCOUNT f 9 14 BIT", ":6"),
            ("BITCOUNT f 7 8 BIT", ":2"),
        ]);
        db.check_refused(&["BITCOUNT k 0", "BITCOUNT k 0 1 HELLO", "BITCOUNT k 0 1 BIT extra"], SYNTAX);
        db.check_refused(&["BITCOUNT k a 1", "BITCOUNT k 0 b", "BITCOUNT k 0 1.5 BIT"], NOT_INTEGER);
        db.check_arity(&["BITCOUNT"]);
    });
}

#[test]
fn bitpos() {
    both(|db| {
        db.check_all(&[
            ("BITPOS k 0", ":0"),
            ("BITPOS k 1", ":-1"),
            ("BITPOS k 0 5", ":0"),
            ("SET k \"\\xff\\xf0\\x00\"", "+OK"),
            ("BITPOS k 0", ":12"),
            ("BITPOS k 1", ":0"),
            ("BITPOS k 1 2", ":-1"),
            ("BITPOS k 0 2", ":16"),
            ("BITPOS k 0 1", ":12"),
            ("BITPOS k 0 1 1", ":12"),
            ("BITPOS k 0 0 0", ":-1"),
            ("BITPOS k 1 1 1", ":8"),
            ("BITPOS k 1 -2 -1", ":8"),
            ("BITPOS k 0 10 -1 BIT", ":12"),
            ("BITPOS k 0 13 14 BIT", ":13"),
            ("BITPOS k 1 10 15 BIT", ":10"),
            ("BITPOS k 1 12 -1 BIT", ":-1"),
            ("BITPOS k 1 1 1 BYTE", ":8"),
            ("BITPOS k 1 3 1", ":-1"),
            ("BITPOS k 1 100", ":-1"),
            ("BITPOS k 0 100", ":-1"),
            ("SET all \"\\xff\\xff\\xff\"", "+OK"),
            // Zeroes follow an open end, but not one that was named.
            ("BITPOS all 0", ":24"),
            ("BITPOS all 0 0", ":24"),
            ("BITPOS all 0 2", ":24"),
            ("BITPOS all 0 3", ":-1"),
            ("BITPOS all 0 0 -1", ":-1"),
            ("BITPOS all 0 0 -1 BIT", ":-1"),
            ("SET none \"\\x00\\x00\"", "+OK"),
            ("BITPOS none 1", ":-1"),
            ("BITPOS none 0", ":0"),
            ("SET e \"\"", "+OK"),
            ("BITPOS e 1", ":-1"),
            ("BITPOS e 0", ":-1"),
        ]);
        db.check_refused(&["BITPOS k 2", "BITPOS k -1"], "-ERR The bit argument must be 1 or 0.");
        db.check_refused(&["BITPOS k 0 0 1 HELLO", "BITPOS k 0 0 1 BIT extra"], SYNTAX);
        db.check_refused(&["BITPOS k a", "BITPOS k 0 a", "BITPOS k 0 0 b"], NOT_INTEGER);
        db.check_arity(&["BITPOS", "BITPOS k"]);
    });
}

#[test]
fn bitop() {
    both(|db| {
        db.check_all(&[
            ("SET a \"\\xff\\x0f\\xaa\"", "+OK"),
            ("SET b \"\\x0f\\xff\"", "+OK"),
            ("BITOP AND d a b", ":3"),
            ("GET d", "$\\x0f\\x0f\\x00"),
            ("BITOP OR d a b", ":3"),
            ("GET d", "$\\xff\\xff\\xaa"),
            ("BITOP XOR d a b", ":3"),
            ("GET d", "$\\xf0\\xf0\\xaa"),
            ("BITOP NOT d a", ":3"),
            ("GET d", "$\\x00\\xf0U"),
            ("BITOP not a a", ":3"),
            ("GET a", "$\\x00\\xf0U"),
            ("BITOP AND d a absent", ":3"),
            ("GET d", "$\\x00\\x00\\x00"),
            ("BITOP OR d absent b", ":2"),
            ("GET d", "$\\x0f\\xff"),
            ("EXPIRE d 100", ":1"),
            ("BITOP OR d b", ":2"),
            ("TTL d", ":-1"),
            // Nothing to combine: the destination goes.
            ("BITOP AND d absent absent2", ":0"),
            ("EXISTS d", ":0"),
            ("SET d x", "+OK"),
            ("BITOP NOT d absent", ":0"),
            ("EXISTS d", ":0"),
            ("SET e \"\"", "+OK"),
            ("BITOP OR d e e", ":0"),
            ("EXISTS d", ":0"),
            ("BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key."),
            ("BITOP FOO d a", SYNTAX),
        ]);
        db.check_arity(&["BITOP", "BITOP AND", "BITOP AND d"]);
    });
}

#[test]
fn bitop_of_long_and_many_strings() {
    both(|db| {
        let long: Vec<u8> = (0..100_000u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut combined = long.clone();
        db.check_bytes(&[b"SET", b"s0", &long], "+OK");
        for i in 1..20usize {
            let part = &long[i..long.len() - i * 4000];
            combined.iter_mut().zip(part).for_each(|(c, p)| *c ^= p);
            db.check_bytes(&[b"SET", format!("s{i}").as_bytes(), part], "+OK");
        }
        let sources: Vec<String> = (0..20).map(|i| format!("s{i}")).collect();
        db.check(&format!("BITOP XOR d {}", sources.join(" ")), ":100000");
        assert!(db.bytes("GET d") == combined, "BITOP XOR of 20 strings differs from the model");
    });
}

#[test]
fn bitfield_get_set_and_incrby() {
    both(|db| {
        db.check_all(&[
            ("BITFIELD k", "[]"),
            ("EXISTS k", ":0"),
            ("BITFIELD k GET u8 0", "[:0]"),
            ("EXISTS k", ":0"),
            ("BITFIELD k SET u8 0 255 GET u8 0 GET i8 0", "[:0 :255 :-1]"),
            ("GET k", "$\\xff"),
            ("BITFIELD k SET u4 #1 5 GET u8 0", "[:15 :245]"),
            ("BITFIELD k INCRBY u8 0 10", "[:255]"),
            ("BITFIELD k INCRBY u8 0 1", "[:0]"),
            ("BITFIELD k INCRBY i8 8 -1 GET u8 8", "[:-1 :255]"),
            ("BITFIELD k INCRBY i5 100 1 GET u4 0", "[:1 :0]"),
            ("STRLEN k", ":14"),
            ("DEL k", ":1"),
            (
                "BITFIELD k SET i64 0 -9223372036854775808 GET i64 0 GET u63 0 GET u63 1",
                "[:0 :-9223372036854775808 :4611686018427387904 :0]",
            ),
            ("BITFIELD k GET u1 0 GET u1 1 GET i1 0", "[:1 :0 :-1]"),
            ("BITFIELD k SET u63 #1 9223372036854775807 GET u63 63", "[:0 :9223372036854775807]"),
            ("DEL k", ":1"),
            ("BITFIELD k set U8 #0 65 SET u8 #1 66 SET u8 #2 67", FIELD_TYPE),
            ("BITFIELD k set u8 #0 65 SET u8 #1 66 SET u8 #2 67", "[:0 :0 :0]"),
            ("GET k", "$ABC"),
            ("EXPIRE k 100", ":1"),
            ("BITFIELD k SET u8 0 66", "[:65]"),
            ("TTL k", ":100"),
            // A read does not lengthen the string, a write of zero does.
            ("BITFIELD k GET u8 1000", "[:0]"),
            ("STRLEN k", ":3"),
            ("BITFIELD k SET u8 #9 0", "[:0]"),
            ("STRLEN k", ":10"),
            // SET takes the value's low bits.
            ("BITFIELD s SET u4 0 31 GET u4 0", "[:0 :15]"),
            ("BITFIELD s SET i4 0 9 GET i4 0", "[:-1 :-7]"),
        ]);
    });
}

#[test]
fn bitfield_overflow() {
    both(|db| {
        db.check_each("BITFIELD k OVERFLOW FAIL SET u8 0 256 SET u8 0 255", "[nil :0]", "[nil :0]");
        db.check_all(&[
            ("BITFIELD k OVERFLOW FAIL INCRBY u8 0 1", "[nil]"),
            ("BITFIELD k GET u8 0", "[:255]"),
            ("BITFIELD k OVERFLOW SAT INCRBY u8 0 10 OVERFLOW WRAP INCRBY u8 0 10", "[:255 :9]"),
            ("BITFIELD k OVERFLOW SAT INCRBY u8 0 -10", "[:0]"),
            ("BITFIELD k OVERFLOW WRAP INCRBY u8 0 -1", "[:255]"),
            ("BITFIELD k SET i8 0 127", "[:-1]"),
            ("BITFIELD k INCRBY i8 0 1", "[:-128]"),
            ("BITFIELD k OVERFLOW SAT INCRBY i8 0 -1", "[:-128]"),
            ("BITFIELD k OVERFLOW sat INCRBY i8 0 1000 INCRBY i8 0 1", "[:127 :127]"),
            ("BITFIELD k OVERFLOW FAIL INCRBY i8 0 1 INCRBY i8 0 -1", "[nil :126]"),
            ("BITFIELD k OVERFLOW SAT SET i8 0 1000 GET i8 0", "[:126 :127]"),
            ("BITFIELD k OVERFLOW SAT SET i8 0 -1000 GET i8 0", "[:127 :-128]"),
            ("BITFIELD m SET i64 0 9223372036854775807", "[:0]"),
            ("BITFIELD m INCRBY i64 0 1", "[:-9223372036854775808]"),
            ("BITFIELD m OVERFLOW SAT INCRBY i64 0 -1", "[:-9223372036854775808]"),
            ("BITFIELD m OVERFLOW FAIL INCRBY i64 0 -1", "[nil]"),
            ("BITFIELD m SET u63 0 9223372036854775807 OVERFLOW WRAP INCRBY u63 0 1", "[:4611686018427387904 :0]"),
            // A failed write leaves no trace, but lengthens the string as Redis does.
            ("BITFIELD fresh OVERFLOW FAIL INCRBY u2 0 5", "[nil]"),
        ]);
    });
}

#[test]
fn bitfield_refuses_bad_arguments() {
    both(|db| {
        db.check_refused(
            &[
                "BITFIELD k GET u64 0",
                "BITFIELD k GET i65 0",
                "BITFIELD k GET u0 0",
                "BITFIELD k GET i0 0",
                "BITFIELD k GET x8 0",
                "BITFIELD k GET 8 0",
                "BITFIELD k GET u 0",
                "BITFIELD k GET u-1 0",
                "BITFIELD k SET ux 0 1",
                "BITFIELD k GET \"\" 0",
            ],
            FIELD_TYPE,
        );
        db.check_refused(
            &[
                "BITFIELD k GET u8 -1",
                "BITFIELD k GET u8 abc",
                "BITFIELD k GET u8 #-1",
                "BITFIELD k GET u8 #",
                "BITFIELD k GET u8 4294967296",
                "BITFIELD k GET u8 #536870912",
            ],
            BIT_OFFSET,
        );
        db.check_refused(
            &[
                "BITFIELD k GET",
                "BITFIELD k GET u8",
                "BITFIELD k SET u8 0",
                "BITFIELD k INCRBY u8 0",
                "BITFIELD k OVERFLOW",
                "BITFIELD k FOO u8 0",
            ],
            SYNTAX,
        );
        db.check_refused(
            &["BITFIELD k SET u8 0 abc", "BITFIELD k INCRBY u8 0 1.5", "BITFIELD k SET i64 0 9223372036854775808"],
            NOT_INTEGER,
        );
        db.check("BITFIELD k OVERFLOW BOGUS SET u8 0 1", "-ERR Invalid OVERFLOW type specified");
        // One bad operation, and none is done.
        db.check("BITFIELD k SET u8 0 1 GET u64 0", FIELD_TYPE);
        db.check("EXISTS k", ":0");
        db.check_arity(&["BITFIELD", "BITFIELD_RO"]);
    });
}

#[test]
fn bitfield_ro() {
    both(|db| {
        db.check_all(&[
            ("SET k AB", "+OK"),
            ("BITFIELD_RO k GET u8 0 GET u8 #1 GET i4 4", "[:65 :66 :1]"),
            ("BITFIELD_RO absent GET u8 0", "[:0]"),
            ("BITFIELD_RO k", "[]"),
            ("BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
            ("BITFIELD_RO k GET u8 0 INCRBY u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
            ("BITFIELD_RO k GET u64 0", FIELD_TYPE),
            ("BITFIELD_RO k GET u8 -1", BIT_OFFSET),
            ("BITFIELD_RO k GET u8", SYNTAX),
            ("GET k", "$AB"),
        ]);
    });
}

#[test]
fn bitmap_commands_refuse_other_types() {
    both(|db| {
        if !db.server.has_or_skip("rpush") {
            return;
        }
        db.check("RPUSH l a", ":1");
        db.check_refused(
            &[
                "SETBIT l 0 1",
                "GETBIT l 0",
                "BITCOUNT l",
                "BITCOUNT l 0 1",
                "BITPOS l 0",
                "BITOP NOT d l",
                "BITOP AND d absent l",
                "BITFIELD l GET u8 0",
                "BITFIELD l SET u8 0 1",
                "BITFIELD_RO l GET u8 0",
            ],
            WRONG_TYPE,
        );
        db.check_all(&[("SET a x", "+OK"), ("BITOP OR l a", ":1"), ("TYPE l", "+string")]);
    });
}

#[test]
fn bits_set_one_by_one_agree_with_a_model() {
    both(|db| {
        let mut model = vec![0u8; 5000];
        let mut place = 1u64;
        for _ in 0..400 {
            place = place.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let bit = (place >> 33) as usize % (model.len() * 8);
            let (byte, mask) = (bit / 8, 0x80 >> (bit % 8));
            let on = place >> 63 == 1;
            let before = model[byte] & mask != 0;
            model[byte] = if on { model[byte] | mask } else { model[byte] & !mask };
            db.check(&format!("SETBIT k {bit} {}", u8::from(on)), &format!(":{}", u8::from(before)));
        }
        let len = db.integer("STRLEN k") as usize;
        assert!(model[len..].iter().all(|&byte| byte == 0));
        assert!(db.bytes("GET k") == model[..len], "the bits differ from the model");
        let ones: u32 = model.iter().map(|byte| byte.count_ones()).sum();
        db.check("BITCOUNT k", &format!(":{ones}"));
        let first = model.iter().position(|&byte| byte != 0).map(|at| at * 8 + model[at].leading_zeros() as usize);
        db.check("BITPOS k 1", &format!(":{}", first.map_or(-1, |at| at as i64)));
    });
}
