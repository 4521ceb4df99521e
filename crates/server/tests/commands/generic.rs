//! Keys of any type: delete, rename, copy, move, and what is known about them.

use std::collections::HashSet;

use crate::harness::{DATABASE_COUNT, alone, alone_with, both, both_with_other, once};

const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";
const NO_SUCH_KEY: &str = "-ERR no such key";
const OUT_OF_RANGE: &str = "-ERR DB index is out of range";

#[test]
fn del_unlink_exists_touch() {
    both(|db| {
        for delete in ["DEL", "UNLINK"] {
            db.check_all(&[("MSET a 1 b 2 c 3", "+OK"), ("EXISTS a b x a", ":3"), ("TOUCH a x b b", ":3")]);
            db.check(&format!("{delete} a x b a"), ":2");
            db.check_all(&[("EXISTS a", ":0"), ("EXISTS a b c", ":1"), ("DBSIZE", ":1")]);
            db.check(&format!("{delete} c"), ":1");
            db.check(&format!("{delete} c"), ":0");
        }
        db.check_arity(&["DEL", "UNLINK", "EXISTS", "TOUCH"]);
    });
}

#[test]
fn del_of_thousands_of_keys() {
    both(|db| {
        let keys: Vec<String> = (0..5000).map(|i| format!("key:{i}")).collect();
        let pairs: Vec<String> = keys.iter().map(|key| format!("{key} v")).collect();
        db.check(&format!("MSET {}", pairs.join(" ")), "+OK");
        db.check(&format!("EXISTS {}", keys.join(" ")), ":5000");
        db.check(&format!("DEL {} absent", keys.join(" ")), ":5000");
        db.check("DBSIZE", ":0");
    });
}

#[test]
fn type_of_keys() {
    both(|db| {
        db.check_all(&[
            ("TYPE k", "+none"),
            ("SET k v", "+OK"),
            ("TYPE k", "+string"),
            ("SETBIT bits 0 1", ":0"),
            ("TYPE bits", "+string"),
        ]);
        db.check_arity(&["TYPE", "TYPE a b"]);
    });
}

#[test]
fn rename_and_renamenx() {
    both(|db| {
        db.check_all(&[
            ("RENAME a b", NO_SUCH_KEY),
            ("RENAMENX a b", NO_SUCH_KEY),
            ("RENAME a a", NO_SUCH_KEY),
            ("SET a 1 EX 100", "+OK"),
            ("RENAME a b", "+OK"),
            ("MGET a b", "[nil $1]"),
            ("TTL b", ":100"),
            ("SET c 3", "+OK"),
            ("RENAME c b", "+OK"),
            ("GET b", "$3"),
            ("TTL b", ":-1"),
            ("RENAME b b", "+OK"),
            ("GET b", "$3"),
            ("RENAMENX b b", ":0"),
            ("SET d 4", "+OK"),
            ("RENAMENX b d", ":0"),
            ("MGET b d", "[$3 $4]"),
            ("RENAMENX b e", ":1"),
            ("MGET b e", "[nil $3]"),
            ("DBSIZE", ":2"),
            ("PEXPIREAT e 9999999999123", ":1"),
            ("RENAMENX e f", ":1"),
            ("PEXPIRETIME f", ":9999999999123"),
        ]);
        db.check_arity(&["RENAME", "RENAME a", "RENAME a b c", "RENAMENX a", "RENAMENX a b c"]);
    });
}

#[test]
fn copy() {
    both_with_other(|db, other| {
        db.check_all(&[
            ("COPY a b", ":0"),
            ("SET a 1 EX 100", "+OK"),
            ("COPY a b", ":1"),
            ("GET b", "$1"),
            ("TTL b", ":100"),
            ("SET a 2", "+OK"),
            ("GET b", "$1"),
            ("COPY a b", ":0"),
            ("GET b", "$1"),
            ("COPY a b REPLACE", ":1"),
            ("GET b", "$2"),
            ("TTL b", ":-1"),
            ("COPY a a", "-ERR source and destination objects are the same"),
            ("COPY a a REPLACE", "-ERR source and destination objects are the same"),
            ("COPY a b DB", SYNTAX),
            ("COPY a b BOGUS", SYNTAX),
            ("COPY a b DB x", NOT_INTEGER),
            ("COPY a b DB 1000000", OUT_OF_RANGE),
            ("COPY a b DB -1", OUT_OF_RANGE),
        ]);
        db.check(&format!("COPY a a DB {}", db.index), "-ERR source and destination objects are the same");
        db.check(&format!("COPY a a DB {other}"), ":1");
        db.check(&format!("COPY b a DB {other}"), ":0");
        db.check(&format!("COPY b a DB {other} replace"), ":1");
        db.check(&format!("COPY absent a DB {other} REPLACE"), ":0");
        db.check("DBSIZE", ":2");
        db.check(&format!("SELECT {other}"), "+OK");
        db.check_all(&[("GET a", "$2"), ("DBSIZE", ":1")]);
        db.check_arity(&["COPY", "COPY a"]);
    });
}

#[test]
fn move_between_databases() {
    both_with_other(|db, other| {
        db.check(&format!("MOVE a {other}"), ":0");
        db.check("SET a 1 EX 100", "+OK");
        db.check("SET b 2", "+OK");
        db.check(&format!("MOVE a {other}"), ":1");
        db.check("EXISTS a", ":0");
        db.check("DBSIZE", ":1");
        db.check("SET a other", "+OK");
        db.check(&format!("MOVE a {other}"), ":0");
        db.check("GET a", "$other");
        db.check(&format!("MOVE a {}", db.index), "-ERR source and destination objects are the same");
        db.check("MOVE a x", NOT_INTEGER);
        db.check("MOVE a 1000000", OUT_OF_RANGE);
        db.check("MOVE a -1", OUT_OF_RANGE);
        db.check(&format!("SELECT {other}"), "+OK");
        db.check_all(&[("GET a", "$1"), ("TTL a", ":100"), ("DBSIZE", ":1")]);
        db.check_arity(&["MOVE", "MOVE a", "MOVE a 1 2"]);
    });
}

#[test]
fn select_and_its_errors() {
    both_with_other(|db, other| {
        db.check("SET k here", "+OK");
        db.check(&format!("SELECT {other}"), "+OK");
        db.check("GET k", "nil");
        db.check_refused(&["SELECT 16", "SELECT -1", "SELECT 2147483647"], OUT_OF_RANGE);
        db.check_refused(&["SELECT x", "SELECT 1.5", "SELECT \"\"", "SELECT 99999999999999999999"], NOT_INTEGER);
        // Not an int of 32 bits.
        db.check("SELECT 4294967296", "-ERR value is out of range, value must between -2147483648 and 2147483647");
        db.check("GET k", "nil");
        db.check(&format!("SELECT {}", db.index), "+OK");
        db.check("GET k", "$here");
        db.check_arity(&["SELECT", "SELECT 1 2"]);
    });
}

#[test]
fn swapdb() {
    both_with_other(|db, other| {
        let index = db.index;
        db.check("MSET k here only 1", "+OK");
        let mut there = db.server.db(2, other);
        there.check("SET k there EX 100", "+OK");
        db.check(&format!("SWAPDB {index} {other}"), "+OK");
        // Connections see it at once, with no SELECT.
        db.check_all(&[("GET k", "$there"), ("TTL k", ":100"), ("DBSIZE", ":1"), ("EXISTS only", ":0")]);
        there.check_all(&[("GET k", "$here"), ("TTL k", ":-1"), ("DBSIZE", ":2")]);
        db.check("SET k new", "+OK");
        db.check(&format!("SWAPDB {other} {index}"), "+OK");
        db.check("GET k", "$here");
        there.check("GET k", "$new");
        db.check(&format!("SWAPDB {index} {index}"), "+OK");
        db.check("GET k", "$here");
        db.check_all(&[
            ("SWAPDB x 1", "-ERR invalid first DB index"),
            ("SWAPDB 1 x", "-ERR invalid second DB index"),
            ("SWAPDB 1000 1", OUT_OF_RANGE),
            ("SWAPDB 0 -1", OUT_OF_RANGE),
        ]);
        db.check_arity(&["SWAPDB", "SWAPDB 1", "SWAPDB 1 2 3"]);
    });
}

#[test]
fn flushdb_empties_one_database() {
    both_with_other(|db, other| {
        let mut there = db.server.db(2, other);
        for how in ["", " ASYNC", " SYNC", " sync"] {
            there.check("SET k v", "+OK");
            db.check("MSET a 1 b 2", "+OK");
            db.check("EXPIRE a 100", ":1");
            db.check(&format!("FLUSHDB{how}"), "+OK");
            db.check_all(&[
                ("DBSIZE", ":0"),
                ("GET a", "nil"),
                ("TTL a", ":-2"),
                ("KEYS *", "[]"),
                ("RANDOMKEY", "nil"),
            ]);
            there.check("DBSIZE", ":1");
        }
        db.check("SET a 1", "+OK");
        db.check("TTL a", ":-1");
        db.check_refused(&["FLUSHDB BOGUS", "FLUSHDB ASYNC SYNC", "FLUSHALL BOGUS", "FLUSHALL SYNC ASYNC"], SYNTAX);
        db.check("DBSIZE", ":1");
    });
}

#[test]
fn flushall_empties_all_sixteen_databases() {
    alone(|server| {
        let mut dbs: Vec<_> = (0..DATABASE_COUNT).map(|index| server.db(2, index)).collect();
        for (index, db) in dbs.iter_mut().enumerate() {
            db.check("GET k", "nil");
            db.check(&format!("SET k {index}"), "+OK");
        }
        for (index, db) in dbs.iter_mut().enumerate() {
            db.check("GET k", &format!("${index}"));
            db.check("DBSIZE", ":1");
        }
        dbs[3].check("FLUSHALL", "+OK");
        for db in &mut dbs {
            db.check_all(&[("DBSIZE", ":0"), ("GET k", "nil"), ("SET k again", "+OK")]);
        }
        dbs[0].check("FLUSHALL ASYNC", "+OK");
        assert!(dbs.iter_mut().all(|db| db.integer("DBSIZE") == 0));
    });
}

#[test]
fn more_databases_when_configured() {
    alone_with(&["databases 20"], |server| {
        let mut db = server.db(2, 19);
        db.check_all(&[
            ("SET k v", "+OK"),
            ("SELECT 20", OUT_OF_RANGE),
            ("COPY k k DB 18", ":1"),
            ("SELECT 18", "+OK"),
            ("GET k", "$v"),
        ]);
    });
}

#[test]
fn dbsize_is_exact() {
    both(|db| {
        db.check_all(&[
            ("DBSIZE", ":0"),
            ("MSET a 1 b 2 a 3", "+OK"),
            ("DBSIZE", ":2"),
            ("SET a 4", "+OK"),
            ("DBSIZE", ":2"),
            ("GETDEL a", "$4"),
            ("DBSIZE", ":1"),
            ("SETNX b 1", ":0"),
            ("DBSIZE", ":1"),
            ("COPY b c", ":1"),
            ("RENAME c b", "+OK"),
            ("DBSIZE", ":1"),
            ("EXPIRE b -1", ":1"),
            ("DBSIZE", ":0"),
            ("APPEND d x", ":1"),
            ("SETBIT e 0 1", ":0"),
            ("BITFIELD f SET u8 0 1", "[:0]"),
            ("BITOP NOT g e", ":1"),
            ("INCR h", ":1"),
            ("DBSIZE", ":5"),
            ("DEL d d d e", ":2"),
            ("DBSIZE", ":3"),
        ]);
        db.check_arity(&["DBSIZE x"]);
    });
}

#[test]
fn randomkey_gives_every_key_in_the_end() {
    both(|db| {
        db.check("RANDOMKEY", "nil");
        db.check("MSET a 1 b 2 c 3", "+OK");
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            seen.insert(db.text("RANDOMKEY"));
        }
        let expected: HashSet<String> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(seen, expected);
        db.check_arity(&["RANDOMKEY x"]);
    });
}

#[test]
fn object() {
    both(|db| {
        db.check_all(&[
            ("OBJECT ENCODING k", "nil"),
            ("OBJECT REFCOUNT k", "nil"),
            ("OBJECT IDLETIME k", "nil"),
            ("SET k 12345678", "+OK"),
            ("OBJECT ENCODING k", "$int"),
            ("OBJECT REFCOUNT k", ":1"),
            ("OBJECT IDLETIME k", ":0"),
            ("OBJECT FREQ k", "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."),
            ("SET k short", "+OK"),
            ("OBJECT ENCODING k", "$embstr"),
            ("SET k aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee", "+OK"),
            ("OBJECT ENCODING k", "$embstr"),
            ("SET k aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeee", "+OK"),
            ("OBJECT ENCODING k", "$raw"),
            ("SET k 9223372036854775807", "+OK"),
            ("OBJECT ENCODING k", "$int"),
            ("SET k 9223372036854775808", "+OK"),
            ("OBJECT ENCODING k", "$embstr"),
            ("SET k 007", "+OK"),
            ("OBJECT ENCODING k", "$embstr"),
            ("SET k a", "+OK"),
            ("APPEND k b", ":2"),
            ("OBJECT ENCODING k", "$raw"),
            ("OBJECT", "-ERR wrong number of arguments for 'object' command"),
            ("OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command"),
            ("OBJECT ENCODING a b", "-ERR wrong number of arguments for 'object|encoding' command"),
            ("OBJECT BOGUS k", "-ERR unknown subcommand 'BOGUS'. Try OBJECT HELP."),
        ]);
        assert!(db.items("OBJECT HELP").iter().any(|line| line.starts_with("+ENCODING")));
    });
}

#[test]
fn keys_in_all_databases_are_apart() {
    once(|db| {
        let server = db.server;
        db.check("SET only-here 1", "+OK");
        for index in (0..DATABASE_COUNT).filter(|&index| index != db.index) {
            server.db(2, index).check("EXISTS only-here", ":0");
        }
    });
}

#[test]
fn renames_and_swaps_from_many_connections_lose_no_key() {
    once(|db| {
        db.check("MSET a 1 b 2", "+OK");
        let (server, index) = (db.server, db.index);
        std::thread::scope(|scope| {
            for (from, to) in [("a", "x"), ("x", "a"), ("b", "x"), ("x", "b")] {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    for _ in 0..500 {
                        let reply = db.call(&format!("RENAMENX {from} {to}")).to_string();
                        assert!([":0", ":1", NO_SUCH_KEY].contains(&reply.as_str()), "RENAMENX {from} {to}: {reply}");
                    }
                });
            }
        });
        db.check("DBSIZE", ":2");
        let mut values: Vec<String> = db.items("MGET a b x").into_iter().filter(|value| value != "nil").collect();
        values.sort();
        assert_eq!(values, ["$1", "$2"]);
    });
}
