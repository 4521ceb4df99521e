//! `CONFIG`: options read, changed and written back.

use std::fs;

use crate::harness::{alone, alone_with, both};

#[test]
fn config_get() {
    both(|db| {
        db.check_each("CONFIG GET appendfsync", "[$appendfsync $everysec]", "%[$appendfsync $everysec]");
        // A name without a pattern comes back as it was asked for.
        db.check_each("CONFIG GET APPENDFSYNC", "[$APPENDFSYNC $everysec]", "%[$APPENDFSYNC $everysec]");
        db.check_each("CONFIG GET nothing*", "[]", "%[]");
        db.check_each("CONFIG GET databases", "[$databases $16]", "%[$databases $16]");
        // Several patterns, each option once.
        let items = db.items("CONFIG GET proto-max-* databases proto-max-bulk-len");
        let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
        items.sort_unstable();
        assert_eq!(items, ["$16", "$536870912", "$databases", "$proto-max-bulk-len"]);
        let all = db.items("CONFIG GET *");
        assert!(all.len() > 100, "CONFIG GET * gives only {} options", all.len() / 2);
        for name in [
            "maxmemory",
            "maxclients",
            "timeout",
            "requirepass",
            "hz",
            "maxmemory-policy",
            "notify-keyspace-events",
            "dir",
            "port",
            "bind",
            "save",
            "appendonly",
            "list-max-listpack-size",
        ] {
            assert!(all.contains(&format!("${name}")), "CONFIG GET * lacks {name}");
        }
        assert!(db.items("CONFIG HELP").iter().any(|line| line.starts_with("+SET")));
        db.check("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command");
        db.check("CONFIG RESETSTAT x", "-ERR wrong number of arguments for 'config|resetstat' command");
    });
}

#[test]
fn config_set() {
    alone(|server| {
        for protocol in [2, 3] {
            let mut db = server.db(protocol, 0);
            let mut check_set = |name: &str, given: &str, shown: &str| {
                let before = db.items(&format!("CONFIG GET {name}"))[1][1..].to_owned();
                db.check(&format!("CONFIG SET {name} {given}"), "+OK");
                db.check_each(
                    &format!("CONFIG GET {name}"),
                    &format!("[${name} ${shown}]"),
                    &format!("%[${name} ${shown}]"),
                );
                db.check(&format!("CONFIG SET {name} \"{before}\""), "+OK");
            };
            check_set("maxmemory", "100mb", "104857600");
            check_set("MAXMEMORY".to_lowercase().as_str(), "1000", "1000");
            check_set("maxmemory", "1k", "1000");
            check_set("maxmemory", "1kb", "1024");
            check_set("maxmemory-policy", "allkeys-lru", "allkeys-lru");
            check_set("timeout", "1000", "1000");
            check_set("appendfsync", "always", "always");
            check_set("appendfsync", "NO", "no");
            check_set("hz", "20", "20");
            check_set("slowlog-log-slower-than", "-1", "-1");
            check_set("notify-keyspace-events", "KEA", "AKE");
            check_set("notify-keyspace-events", "\"\"", "");
            check_set("set-max-intset-entries", "100", "100");
            check_set("hash-max-listpack-entries", "100", "100");
            check_set("list-max-listpack-size", "-3", "-3");
            check_set("save", "\"900 1 300 10\"", "900 1 300 10");
            check_set("save", "\"\"", "");
            check_set("lazyfree-lazy-user-del", "yes", "yes");
            check_set(
                "client-output-buffer-limit",
                "\"normal 0 0 0 pubsub 33554432 8388608 60\"",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            );
        }
    });
}

#[test]
fn config_set_of_old_names_sets_the_new_ones() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("CONFIG SET hash-max-ziplist-entries 77", "+OK");
        db.check("CONFIG GET hash-max-listpack-entries", "[$hash-max-listpack-entries $77]");
        db.check("CONFIG GET hash-max-ziplist-entries", "[$hash-max-ziplist-entries $77]");
        db.check("CONFIG SET hash-max-ziplist-entries 128", "+OK");
    });
}

#[test]
fn config_set_is_all_or_nothing() {
    alone(|server| {
        let mut db = server.db(2, 0);
        let timeout = db.items("CONFIG GET timeout");
        db.check("CONFIG SET timeout 123 maxmemory-samples 7", "+OK");
        db.check("CONFIG GET timeout", "[$timeout $123]");
        db.check("CONFIG GET maxmemory-samples", "[$maxmemory-samples $7]");
        db.check("CONFIG SET timeout 456 maxmemory-samples abc", "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument couldn't be parsed into an integer");
        db.check(
            "CONFIG SET timeout 456 bogus 1",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'bogus'",
        );
        db.check("CONFIG GET timeout", "[$timeout $123]");
        db.check(&format!("CONFIG SET timeout {} maxmemory-samples 5", &timeout[1][1..]), "+OK");
    });
}

#[test]
fn config_set_refuses_bad_values() {
    alone(|server| {
        let mut db = server.db(2, 0);
        let failed =
            |name: &str, why: &str| format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
        db.check("CONFIG SET bogus 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'bogus'");
        db.check("CONFIG SET timeout", "-ERR wrong number of arguments for 'config|set' command");
        db.check("CONFIG SET timeout 1 hz", "-ERR syntax error");
        db.check("CONFIG SET timeout 1 timeout 2", &failed("timeout", "duplicate parameter"));
        db.check("CONFIG SET timeout abc", &failed("timeout", "argument couldn't be parsed into an integer"));
        db.check("CONFIG SET timeout -1", &failed("timeout", "argument must be between 0 and 2147483647 inclusive"));
        db.check("CONFIG SET maxmemory abc", &failed("maxmemory", "argument must be a memory value"));
        db.check(
            "CONFIG SET appendfsync maybe",
            &failed("appendfsync", "argument(s) must be one of the following: everysec, always, no"),
        );
        db.check(
            "CONFIG SET lazyfree-lazy-user-del maybe",
            &failed("lazyfree-lazy-user-del", "argument must be 'yes' or 'no'"),
        );
        db.check("CONFIG SET databases 20", &failed("databases", "can't set immutable config"));
        db.check(
            "CONFIG SET notify-keyspace-events Z",
            &failed("notify-keyspace-events", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        );
        db.check("CONFIG SET save \"900 x\"", &failed("save", "Invalid save parameters"));
        db.check("CONFIG SET timeout 0", "+OK");
    });
}

#[test]
fn config_rewrite_keeps_what_was_changed() {
    alone_with(&["timeout 17", "# a remark", "maxmemory-samples 3"], |server| {
        let mut db = server.db(2, 0);
        db.check("CONFIG GET timeout", "[$timeout $17]");
        db.check("CONFIG SET timeout 18 slowlog-max-len 99 maxmemory 100mb", "+OK");
        db.check("CONFIG REWRITE", "+OK");
        let path = db.info("config_file").unwrap_or_default();
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        for line in ["timeout 18", "slowlog-max-len 99", "maxmemory 100mb", "# a remark", "maxmemory-samples 3"] {
            assert!(text.lines().any(|l| l == line), "{line:?} is not in the rewritten file:\n{text}");
        }
        assert!(!text.contains("timeout 17"), "{text}");
    });
}

#[test]
fn options_from_the_file_are_in_force() {
    alone_with(&["appendfsync always", "maxmemory 1gb", "hz 15", "databases 4"], |server| {
        let mut db = server.db(2, 3);
        db.check("CONFIG GET appendfsync", "[$appendfsync $always]");
        db.check("CONFIG GET maxmemory", "[$maxmemory $1073741824]");
        db.check("CONFIG GET hz", "[$hz $15]");
        db.check("SELECT 4", "-ERR DB index is out of range");
        db.check("SET k v", "+OK");
        db.check("GET k", "$v");
    });
}
