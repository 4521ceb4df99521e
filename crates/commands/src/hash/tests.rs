//! Replies of the hash commands beside a recorded Redis; those about the times of fields, which that one lacks, beside
//! what later ones say.

use resp::Protocol;

use crate::testing::{Db, START_MS, replay};

const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position\\r\\n";
const NUMBER: &str = "-ERR Number of fields must be a positive integer\\r\\n";
const PARAMETER: &str = "-ERR Parameter `numFields` should be greater than 0\\r\\n";
const MISMATCH: &str = "-ERR The `numfields` parameter must match the number of arguments\\r\\n";
const NEGATIVE: &str = "-ERR invalid expire time, must be >= 0\\r\\n";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\\r\\n";

/// Runs commands and compares their replies.
fn check(db: &mut Db, table: &[(&str, &str)]) {
    for (line, expected) in table {
        assert_eq!(db.run(line), *expected, "{line}");
    }
}

/// The same with the open batch committed before each.
fn check_committed(db: &mut Db, table: &[(&str, &str)]) {
    for entry in table {
        db.commit();
        check(db, &[*entry]);
    }
}

fn with_hash() -> Db {
    let mut db = Db::new();
    db.run("HSET h a 1 b 2 c 3");
    db
}

/// A hash in parts, with the same fields among others.
fn with_large_hash() -> Db {
    let mut db = with_hash();
    for number in 0..200 {
        db.run(&format!("HSET h filler:{number} {number}"));
    }
    db.commit();
    db
}

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn times_are_set_told_and_taken_away() {
    for mut db in [with_hash(), with_large_hash()] {
        check_committed(
            &mut db,
            &[
                ("HTTL h FIELDS 2 a nothing", "*2\\r\\n:-1\\r\\n:-2\\r\\n"),
                ("HEXPIRE h 10 FIELDS 3 a nothing b", "*3\\r\\n:1\\r\\n:-2\\r\\n:1\\r\\n"),
                ("HTTL h FIELDS 3 a b c", "*3\\r\\n:10\\r\\n:10\\r\\n:-1\\r\\n"),
                ("HPTTL h FIELDS 1 a", "*1\\r\\n:10000\\r\\n"),
                ("HEXPIRETIME h fields 1 a", "*1\\r\\n:1700000010\\r\\n"),
                ("HPEXPIRETIME h FIELDS 1 a", "*1\\r\\n:1700000010000\\r\\n"),
                ("HPEXPIRE h 1 FIELDS 1 c", "*1\\r\\n:1\\r\\n"),
                ("HTTL h FIELDS 1 c", "*1\\r\\n:1\\r\\n"),
                ("HEXPIRETIME h FIELDS 1 c", "*1\\r\\n:1700000001\\r\\n"),
                ("HEXPIREAT h 1700000020 FIELDS 1 c", "*1\\r\\n:1\\r\\n"),
                ("HPEXPIREAT h 1700000030000 FIELDS 1 b", "*1\\r\\n:1\\r\\n"),
                ("HPERSIST h FIELDS 3 a a nothing", "*3\\r\\n:1\\r\\n:-1\\r\\n:-2\\r\\n"),
                ("HPTTL h FIELDS 3 a b c", "*3\\r\\n:-1\\r\\n:30000\\r\\n:20000\\r\\n"),
                ("HTTL nokey FIELDS 1 a", "*1\\r\\n:-2\\r\\n"),
                ("HPERSIST nokey FIELDS 1 a", "*1\\r\\n:-2\\r\\n"),
                ("HEXPIRE nokey 10 FIELDS 2 a b", "*2\\r\\n:-2\\r\\n:-2\\r\\n"),
                ("EXISTS nokey", ":0\\r\\n"),
            ],
        );
    }
}

#[test]
fn conditions_hold_times_back() {
    for mut db in [with_hash(), with_large_hash()] {
        check_committed(
            &mut db,
            &[
                ("HEXPIRE h 10 XX FIELDS 1 a", "*1\\r\\n:0\\r\\n"),
                ("HEXPIRE h 10 GT FIELDS 1 a", "*1\\r\\n:0\\r\\n"),
                ("HEXPIRE h 10 LT FIELDS 1 a", "*1\\r\\n:1\\r\\n"),
                ("HEXPIRE h 20 NX FIELDS 2 a b", "*2\\r\\n:0\\r\\n:1\\r\\n"),
                ("HEXPIRE h 10 gt FIELDS 1 a", "*1\\r\\n:0\\r\\n"),
                ("HEXPIRE h 11 GT FIELDS 1 a", "*1\\r\\n:1\\r\\n"),
                ("HEXPIRE h 11 LT FIELDS 1 a", "*1\\r\\n:0\\r\\n"),
                ("HEXPIRE h 5 lt FIELDS 1 a", "*1\\r\\n:1\\r\\n"),
                ("HEXPIRE h 30 XX FIELDS 2 a c", "*2\\r\\n:1\\r\\n:0\\r\\n"),
                ("HTTL h FIELDS 3 a b c", "*3\\r\\n:30\\r\\n:20\\r\\n:-1\\r\\n"),
                // A time that has passed removes the field, where the condition lets it.
                ("HEXPIREAT h 1 GT FIELDS 1 a", "*1\\r\\n:0\\r\\n"),
                ("HEXPIREAT h 1 LT FIELDS 1 a", "*1\\r\\n:2\\r\\n"),
                ("HEXPIRE h 0 FIELDS 2 b a", "*2\\r\\n:2\\r\\n:-2\\r\\n"),
                ("HMGET h a b c", "*3\\r\\n$-1\\r\\n$-1\\r\\n$1\\r\\n3\\r\\n"),
            ],
        );
    }
}

#[test]
fn a_hash_goes_with_its_last_field_whatever_removes_it() {
    for line in [
        "HPEXPIREAT h 1 FIELDS 3 a b c",
        "HEXPIRE h 0 FIELDS 3 a b c",
        "HGETDEL h FIELDS 3 a b c",
        "HGETEX h PXAT 1 FIELDS 3 a b c",
        "HSETEX h EXAT 1 FIELDS 3 a 1 b 2 c 3",
        "HDEL h a b c",
    ] {
        let mut db = with_hash();
        db.run(line);
        assert_eq!(db.run("EXISTS h"), ":0\\r\\n", "{line}");
        assert_eq!(db.run("DBSIZE"), ":0\\r\\n", "{line}");
    }
}

#[test]
fn bad_arguments_about_times_are_refused_in_the_order_of_redis() {
    let mut db = with_hash();
    db.run("SET s v");
    check(
        &mut db,
        &[
            ("HEXPIRE s x FIELDS 1 a", WRONG_TYPE),
            ("HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range\\r\\n"),
            ("HEXPIRE h -1 FIELDS 1 a", NEGATIVE),
            ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in \\'hexpire\\' command\\r\\n"),
            ("HPEXPIRE h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in \\'hpexpire\\' command\\r\\n"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in \\'hpexpireat\\' command\\r\\n"),
            ("HEXPIREAT h 70368744178 FIELDS 1 a", "-ERR invalid expire time in \\'hexpireat\\' command\\r\\n"),
            ("HEXPIRE h 10 BOGUS 1 a", NO_FIELDS),
            ("HEXPIRE h 10 NX XX FIELDS 1 a", NO_FIELDS),
            ("HEXPIRE h 10 1 a FIELDS", NO_FIELDS),
            ("HEXPIRE h 10 FIELDS 0 a", PARAMETER),
            ("HEXPIRE h 10 FIELDS -1 a", PARAMETER),
            ("HEXPIRE h 10 FIELDS x a", PARAMETER),
            ("HEXPIRE h 10 FIELDS 2 a", MISMATCH),
            ("HEXPIRE h 10 FIELDS 1 a b", MISMATCH),
            ("HEXPIRE h 10 NX FIELDS 1", MISMATCH),
            ("HEXPIRE nokey x FIELDS 1 a", "-ERR value is not an integer or out of range\\r\\n"),
            ("HEXPIRE h 10 FIELDS 1", "-ERR wrong number of arguments for \\'hexpire\\' command\\r\\n"),
            ("HTTL s FIELDS 1 a", WRONG_TYPE),
            ("HTTL h BOGUS 1 a", NO_FIELDS),
            ("HTTL h FIELDS 0 a", NUMBER),
            ("HTTL h FIELDS 9223372036854775808 a", NUMBER),
            ("HTTL h FIELDS 2 a", MISMATCH),
            ("HTTL nokey FIELDS 2 a", MISMATCH),
            ("HTTL h FIELDS 1", "-ERR wrong number of arguments for \\'httl\\' command\\r\\n"),
            ("HPERSIST s FIELDS 1 a", WRONG_TYPE),
            ("HPERSIST h FIELDS x a", NUMBER),
            ("HPERSIST h FIELDS 3 a b", MISMATCH),
            ("HGETDEL s FIELDS 1 a", WRONG_TYPE),
            ("HGETDEL h FIELD 1 a", NO_FIELDS),
            ("HGETDEL h FIELDS 0 a", NUMBER),
            ("HGETDEL h FIELDS 2 a", MISMATCH),
            ("HGETEX s EX x FIELDS 1 a", WRONG_TYPE),
            ("HGETEX h EX x FIELDS 1 a", "-ERR value is not an integer or out of range\\r\\n"),
            ("HGETEX h EX -1 FIELDS 1 a", NEGATIVE),
            ("HGETEX h EX 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in \\'hgetex\\' command\\r\\n"),
            ("HGETEX h BOGUS 1 a", NO_FIELDS),
            ("HGETEX h PERSIST EX 1 FIELDS 1 a", NO_FIELDS),
            ("HGETEX h EX 1 FIELDS", NUMBER_MISSING),
            ("HGETEX h PERSIST FIELDS 0 a", NUMBER),
            ("HGETEX h PERSIST FIELDS 2 a", MISMATCH),
        ],
    );
    assert_eq!(
        db.run("HGETALL h"),
        "*6\\r\\n$1\\r\\na\\r\\n$1\\r\\n1\\r\\n$1\\r\\nb\\r\\n$1\\r\\n2\\r\\n$1\\r\\nc\\r\\n$1\\r\\n3\\r\\n"
    );
}

/// A number of fields that is not there at all.
const NUMBER_MISSING: &str = NUMBER;

#[test]
fn hsetex_sets_all_fields_or_none() {
    for mut db in [with_hash(), with_large_hash()] {
        check_committed(
            &mut db,
            &[
                ("HSETEX h EX 10 FIELDS 2 a x d y", ":1\\r\\n"),
                ("HTTL h FIELDS 3 a d b", "*3\\r\\n:10\\r\\n:10\\r\\n:-1\\r\\n"),
                ("HSETEX h FNX FIELDS 2 e 1 a 1", ":0\\r\\n"),
                ("HEXISTS h e", ":0\\r\\n"),
                ("HSETEX h FXX PX 5000 FIELDS 2 a z nothing 1", ":0\\r\\n"),
                ("HSETEX h fxx px 5000 fields 1 a z", ":1\\r\\n"),
                ("HPTTL h FIELDS 1 a", "*1\\r\\n:5000\\r\\n"),
                ("HSETEX h KEEPTTL FIELDS 2 a kept b 2", ":1\\r\\n"),
                ("HPTTL h FIELDS 2 a b", "*2\\r\\n:5000\\r\\n:-1\\r\\n"),
                ("HSETEX h FIELDS 1 a plain", ":1\\r\\n"),
                ("HPTTL h FIELDS 1 a", "*1\\r\\n:-1\\r\\n"),
                ("HSETEX h PXAT 1700000009000 FNX FIELDS 1 f 1", ":1\\r\\n"),
                ("HPEXPIRETIME h FIELDS 1 f", "*1\\r\\n:1700000009000\\r\\n"),
                ("HSETEX h EXAT 1 FIELDS 1 f 2", ":1\\r\\n"),
                ("HEXISTS h f", ":0\\r\\n"),
                ("HSETEX fresh FXX FIELDS 1 a 1", ":0\\r\\n"),
                ("EXISTS fresh", ":0\\r\\n"),
                ("HSETEX fresh FNX FIELDS 1 a 1", ":1\\r\\n"),
                ("HGET fresh a", "$1\\r\\n1\\r\\n"),
            ],
        );
    }
}

#[test]
fn bad_options_of_hsetex_are_refused() {
    let mut db = with_hash();
    db.run("SET s v");
    let only_one = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified\\r\\n";
    let condition = "-ERR Only one of FXX or FNX arguments can be specified\\r\\n";
    let arity = "-ERR wrong number of arguments for \\'hsetex\\' command\\r\\n";
    let number = "-ERR invalid number of fields\\r\\n";
    check(
        &mut db,
        &[
            ("HSETEX s EX x FIELDS 1 a 1", "-ERR value is not an integer or out of range\\r\\n"),
            ("HSETEX s FIELDS 1 a 1", WRONG_TYPE),
            ("HSETEX h EX 1 PX 1 FIELDS 1 a 1", only_one),
            ("HSETEX h KEEPTTL EX 1 FIELDS 1 a 1", only_one),
            ("HSETEX h EX 1 KEEPTTL FIELDS 1 a 1", only_one),
            ("HSETEX h FNX FXX FIELDS 1 a 1", condition),
            ("HSETEX h FNX FNX FIELDS 1 a 1", condition),
            ("HSETEX h EX -1 FIELDS 1 a 1", NEGATIVE),
            ("HSETEX h PX 70368744177664 FIELDS 1 a 1", "-ERR invalid expire time in \\'hsetex\\' command\\r\\n"),
            ("HSETEX h NX FIELDS 1 a 1", "-ERR unknown argument: NX\\r\\n"),
            ("HSETEX h 1 2 3 EX", "-ERR unknown argument: 1\\r\\n"),
            ("HSETEX h FNX KEEPTTL PERSIST x", "-ERR unknown argument: PERSIST\\r\\n"),
            ("HSETEX h FIELDS 0 a 1", number),
            ("HSETEX h FIELDS x a 1", number),
            ("HSETEX h FIELDS 2147483648 a 1", number),
            ("HSETEX h FIELDS 2 a 1", arity),
            ("HSETEX h FIELDS 1 a 1 b", arity),
            ("HSETEX h FIELDS 1 a 1 b 2", arity),
            ("HSETEX h FNX EX 10 FIELDS", arity),
            ("HSETEX h FNX KEEPTTL FIELDS 1", arity),
            ("HSETEX h EX 1 FIELDS 1 a", arity),
            ("HSETEX h FNX KEEPTTL EX 1", only_one),
            ("HSETEX h FNX FIELDS 1", arity),
        ],
    );
}

#[test]
fn hgetex_and_hgetdel_read_and_change() {
    for mut db in [with_hash(), with_large_hash()] {
        check_committed(
            &mut db,
            &[
                ("HGETEX h FIELDS 2 a nothing", "*2\\r\\n$1\\r\\n1\\r\\n$-1\\r\\n"),
                ("HGETEX h EX 10 FIELDS 2 a nothing", "*2\\r\\n$1\\r\\n1\\r\\n$-1\\r\\n"),
                ("HTTL h FIELDS 1 a", "*1\\r\\n:10\\r\\n"),
                ("HGETEX h FIELDS 1 a", "*1\\r\\n$1\\r\\n1\\r\\n"),
                ("HTTL h FIELDS 1 a", "*1\\r\\n:10\\r\\n"),
                ("HGETEX h PERSIST FIELDS 2 a b", "*2\\r\\n$1\\r\\n1\\r\\n$1\\r\\n2\\r\\n"),
                ("HTTL h FIELDS 1 a", "*1\\r\\n:-1\\r\\n"),
                ("HGETEX h PXAT 1 FIELDS 1 a", "*1\\r\\n$1\\r\\n1\\r\\n"),
                ("HEXISTS h a", ":0\\r\\n"),
                ("HGETDEL h FIELDS 3 b nothing b", "*3\\r\\n$1\\r\\n2\\r\\n$-1\\r\\n$-1\\r\\n"),
                ("HEXISTS h b", ":0\\r\\n"),
                ("HGETDEL nokey FIELDS 1 a", "*1\\r\\n$-1\\r\\n"),
                ("HGETEX nokey EX 10 FIELDS 1 a", "*1\\r\\n$-1\\r\\n"),
                ("EXISTS nokey", ":0\\r\\n"),
            ],
        );
    }
}

#[test]
fn setting_a_value_takes_the_time_away_and_adding_to_it_does_not() {
    for mut db in [with_hash(), with_large_hash()] {
        db.run("HEXPIRE h 10 FIELDS 3 a b c");
        check_committed(
            &mut db,
            &[
                ("HSET h a 5", ":0\\r\\n"),
                ("HINCRBY h b 1", ":3\\r\\n"),
                ("HINCRBYFLOAT h c 0.5", "$3\\r\\n3.5\\r\\n"),
                ("HSETNX h c 1", ":0\\r\\n"),
                ("HTTL h FIELDS 3 a b c", "*3\\r\\n:-1\\r\\n:10\\r\\n:10\\r\\n"),
            ],
        );
    }
}

#[test]
fn expired_fields_are_there_for_no_command() {
    for mut db in [with_hash(), with_large_hash()] {
        let before: usize = db.run("HLEN h")[1..].trim_end_matches("\\r\\n").parse().expect("a number");
        db.run("HPEXPIRE h 100 FIELDS 2 a b");
        db.commit();
        db.pass_ms(101);
        let after = format!(":{}\\r\\n", before - 2);
        check(
            &mut db,
            &[
                ("HLEN h", &after),
                ("HMGET h a b c", "*3\\r\\n$-1\\r\\n$-1\\r\\n$1\\r\\n3\\r\\n"),
                ("HEXISTS h a", ":0\\r\\n"),
                ("HSTRLEN h a", ":0\\r\\n"),
                ("HTTL h FIELDS 1 a", "*1\\r\\n:-2\\r\\n"),
                ("HDEL h a", ":0\\r\\n"),
                ("HPERSIST h FIELDS 1 b", "*1\\r\\n:-2\\r\\n"),
                ("HSETNX h a again", ":1\\r\\n"),
                ("HINCRBY h b 1", ":1\\r\\n"),
                ("HTTL h FIELDS 2 a b", "*2\\r\\n:-1\\r\\n:-1\\r\\n"),
            ],
        );
        assert_eq!(db.run("HLEN h"), format!(":{before}\\r\\n"));
    }
}

#[test]
fn a_copy_and_a_renamed_hash_expire_their_fields_too() {
    let mut db = with_hash();
    db.run("HPEXPIRE h 100 FIELDS 1 a");
    check(&mut db, &[("COPY h copy", ":1\\r\\n"), ("RENAME h renamed", "+OK\\r\\n")]);
    db.commit();
    db.pass_ms(101);
    check(&mut db, &[("HLEN copy", ":2\\r\\n"), ("HLEN renamed", ":2\\r\\n"), ("HEXISTS copy a", ":0\\r\\n")]);
}

#[test]
fn a_large_hash_is_walked_in_steps_and_a_small_one_at_once() {
    let mut db = with_large_hash();
    let (mut cursor, mut seen, mut steps) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let reply = db.reply(&format!("HSCAN h {cursor} COUNT 20 NOVALUES"));
        let mut lines = reply.split("\r\n").skip(2);
        cursor = lines.next().expect("a cursor").to_owned();
        seen.extend(lines.filter(|line| !line.is_empty() && !line.starts_with(['*', '$'])).map(str::to_owned));
        steps += 1;
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), steps), (203, 11));
    let mut db = with_hash();
    check(
        &mut db,
        &[
            (
                "HSCAN h 0 COUNT 1 NOVALUES",
                "*2\\r\\n$1\\r\\n0\\r\\n*3\\r\\n$1\\r\\na\\r\\n$1\\r\\nb\\r\\n$1\\r\\nc\\r\\n",
            ),
            ("HSCAN h 0 novalues MATCH b", "*2\\r\\n$1\\r\\n0\\r\\n*1\\r\\n$1\\r\\nb\\r\\n"),
            ("HSCAN h 7 NOVALUES MATCH b", "*2\\r\\n$1\\r\\n0\\r\\n*1\\r\\n$1\\r\\nb\\r\\n"),
        ],
    );
}

#[test]
fn random_fields_of_a_large_hash_are_as_many_as_asked_for() {
    let mut db = with_large_hash();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        db.protocol = protocol;
        let pairs = if protocol == Protocol::Resp3 { 1 } else { 2 };
        for (count, expected) in [(1, 1), (50, 50), (150, 150), (203, 203), (1000, 203), (-1, 1), (-500, 500)] {
            let reply = db.reply(&format!("HRANDFIELD h {count}"));
            assert!(reply.starts_with(&format!("*{expected}\r\n")), "{count}: {reply}");
            let reply = db.reply(&format!("HRANDFIELD h {count} WITHVALUES"));
            assert!(reply.starts_with(&format!("*{}\r\n", expected * pairs)), "{count}: {reply}");
        }
    }
}

#[test]
fn encodings_are_those_of_redis() {
    let mut db = with_hash();
    let check = |db: &mut Db, expected: &str| {
        assert_eq!(db.run("OBJECT ENCODING h"), format!("${}\\r\\n{expected}\\r\\n", expected.len()));
    };
    check(&mut db, "listpack");
    db.run("HEXPIRE h 10 FIELDS 1 a");
    check(&mut db, "listpackex");
    db.run(&format!("HSET h long {}", "x".repeat(65)));
    check(&mut db, "hashtable");
    let mut db = with_large_hash();
    check(&mut db, "listpack");
    db.keyspace.settings.encodings.hash_max_listpack_entries.store(100, std::sync::atomic::Ordering::Relaxed);
    check(&mut db, "listpack");
    db.run("HSET h a 1");
    check(&mut db, "hashtable");
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    for db in [with_hash(), with_large_hash()] {
        let mut db = db;
        db.run("HPEXPIRE h 500 FIELDS 1 a");
        let before = [db.run("HGETALL h"), db.run("HPEXPIRETIME h FIELDS 2 a b"), db.run("OBJECT ENCODING h")];
        let mut db = db.reopen();
        assert_eq!(db.turn.now_ms(), START_MS);
        let after = [db.run("HGETALL h"), db.run("HPEXPIRETIME h FIELDS 2 a b"), db.run("OBJECT ENCODING h")];
        assert_eq!(before, after);
        db.pass_ms(501);
        assert_eq!(db.run("HEXISTS h a"), ":0\\r\\n");
    }
}
