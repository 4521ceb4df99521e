//! Time to live: set, asked, removed, and what happens when it is over.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{alone, both, both_with_other, once, soon};

const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[test]
fn ttl_family() {
    both(|db| {
        for (command, forever, absent) in
            [("TTL", ":-1", ":-2"), ("PTTL", ":-1", ":-2"), ("EXPIRETIME", ":-1", ":-2"), ("PEXPIRETIME", ":-1", ":-2")]
        {
            db.check("SET k v", "+OK");
            db.check(&format!("{command} k"), forever);
            db.check(&format!("{command} absent"), absent);
            db.check_arity(&[command, &format!("{command} a b")]);
        }
        let before = now_ms();
        db.check("EXPIRE k 1000", ":1");
        let after = now_ms();
        db.check("TTL k", ":1000");
        let pttl = db.integer("PTTL k");
        assert!((900_000..=1_000_000).contains(&pttl), "PTTL {pttl}");
        let at = db.integer("PEXPIRETIME k");
        assert!(
            (before + 999_000..=after + 1_001_000).contains(&at),
            "PEXPIRETIME {at}, asked between {before} and {after}"
        );
        db.check("PEXPIREAT k 9999999999499", ":1");
        db.check("EXPIRETIME k", ":9999999999");
        db.check("PEXPIRETIME k", ":9999999999499");
    });
}

#[test]
fn expire_pexpire_expireat_pexpireat() {
    both(|db| {
        db.check("SET k v", "+OK");
        db.check_all(&[
            ("EXPIRE absent 100", ":0"),
            ("EXPIREAT absent 1", ":0"),
            ("EXPIRE k 100", ":1"),
            ("TTL k", ":100"),
            ("PEXPIRE k 200000", ":1"),
            ("TTL k", ":200"),
            ("EXPIREAT k 9999999999", ":1"),
            ("EXPIRETIME k", ":9999999999"),
            ("PEXPIREAT k 9999999999123", ":1"),
            ("PEXPIRETIME k", ":9999999999123"),
            ("GET k", "$v"),
        ]);
        for command in ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"] {
            let lower = command.to_lowercase();
            for bad in ["abc", "1.5", "\"\"", "9223372036854775808", "\" 1\""] {
                db.check(&format!("{command} k {bad}"), NOT_INTEGER);
            }
            let invalid = format!("-ERR invalid expire time in '{lower}' command");
            if !command.starts_with('P') {
                db.check(&format!("{command} k 9223372036854775807"), &invalid);
                db.check(&format!("{command} k -9223372036854775807"), &invalid);
            }
            if command == "PEXPIRE" {
                db.check("PEXPIRE k 9223372036854775807", &invalid);
            }
            db.check(&format!("{command} k 1 BOGUS"), "-ERR Unsupported option BOGUS");
            db.check_arity(&[command, &format!("{command} k")]);
        }
        db.check("PEXPIRETIME k", ":9999999999123");
    });
}

#[test]
fn an_expiry_in_the_past_deletes_the_key() {
    both(|db| {
        for line in [
            "EXPIRE k -1",
            "EXPIRE k 0",
            "PEXPIRE k -1000",
            "EXPIREAT k 1",
            "PEXPIREAT k 1000",
            "EXPIREAT k 0",
            "PEXPIREAT k -1",
        ] {
            db.check("SET k v", "+OK");
            db.check(line, ":1");
            db.check_all(&[("EXISTS k", ":0"), ("GET k", "nil"), ("TTL k", ":-2"), ("DBSIZE", ":0"), (line, ":0")]);
        }
    });
}

#[test]
fn nx_xx_gt_lt() {
    both(|db| {
        db.check_all(&[
            ("SET k v", "+OK"),
            ("EXPIRE k 100 XX", ":0"),
            ("TTL k", ":-1"),
            // No expiry counts as infinite.
            ("EXPIRE k 100 GT", ":0"),
            ("TTL k", ":-1"),
            ("EXPIRE k 100 NX", ":1"),
            ("TTL k", ":100"),
            ("EXPIRE k 200 NX", ":0"),
            ("TTL k", ":100"),
            ("EXPIRE k 200 xx", ":1"),
            ("TTL k", ":200"),
            ("EXPIRE k 150 GT", ":0"),
            ("EXPIRE k 300 GT", ":1"),
            ("TTL k", ":300"),
            ("EXPIRE k 400 LT", ":0"),
            ("EXPIRE k 250 lt", ":1"),
            ("TTL k", ":250"),
            ("EXPIRE k 500 XX GT", ":1"),
            ("EXPIRE k 600 XX LT", ":0"),
            ("TTL k", ":500"),
            ("PERSIST k", ":1"),
            ("EXPIRE k 100 LT", ":1"),
            ("TTL k", ":100"),
            ("PERSIST k", ":1"),
            ("EXPIRE k 100 LT XX", ":0"),
            ("TTL k", ":-1"),
            ("EXPIRE absent 100 NX", ":0"),
            // A refused change in the past deletes nothing.
            ("EXPIRE k -1 XX", ":0"),
            ("EXISTS k", ":1"),
            ("PEXPIREAT k 9999999999123 NX", ":1"),
            ("PEXPIREAT k 9999999999123 GT", ":0"),
            ("PEXPIREAT k 9999999999123 LT", ":0"),
            ("PEXPIREAT k 9999999999122 LT", ":1"),
            ("EXPIREAT k 9999999999 LT", ":1"),
            ("PEXPIRE k 1000 GT", ":0"),
            ("EXPIRE k -1 LT", ":1"),
            ("EXISTS k", ":0"),
        ]);
        db.check("SET k v", "+OK");
        let nx_and_others = "-ERR NX and XX, GT or LT options at the same time are not compatible";
        db.check_refused(
            &["EXPIRE k 10 NX XX", "EXPIRE k 10 GT NX", "PEXPIRE k 10 NX LT", "EXPIREAT k 10 XX NX"],
            nx_and_others,
        );
        db.check("PEXPIREAT k 10 GT LT", "-ERR GT and LT options at the same time are not compatible");
        db.check("EXPIRE k 10 NX NX AB", "-ERR Unsupported option AB");
        db.check("EXISTS k", ":1");
    });
}

#[test]
fn persist() {
    both(|db| {
        db.check_all(&[
            ("PERSIST k", ":0"),
            ("SET k v", "+OK"),
            ("PERSIST k", ":0"),
            ("EXPIRE k 100", ":1"),
            ("PERSIST k", ":1"),
            ("TTL k", ":-1"),
            ("PERSIST k", ":0"),
        ]);
        db.check_arity(&["PERSIST", "PERSIST a b"]);
    });
}

#[test]
fn what_keeps_and_what_drops_the_expiry() {
    both(|db| {
        let keeping = [
            "APPEND k 1",
            "INCR k",
            "DECRBY k 2",
            "INCRBYFLOAT k 1",
            "SETRANGE k 0 1",
            "SETBIT k 1 0",
            "GETEX k",
            "SET k 1 KEEPTTL",
            "SETNX k 2",
            "BITFIELD k SET u8 0 49",
            "TOUCH k",
        ];
        for line in keeping {
            db.check("SET k 5 EX 100", "+OK");
            db.call(line);
            db.check("TTL k", ":100");
        }
        for line in [
            "SET k 1",
            "GETSET k 1",
            "MSET k 1",
            "PERSIST k",
            "GETEX k PERSIST",
            "BITOP OR k s",
            "COPY s k REPLACE",
            "RENAME s k",
        ] {
            db.check("SET k 5 EX 100", "+OK");
            db.check("SET s 5", "+OK");
            db.call(line);
            db.check("TTL k", ":-1");
        }
    });
}

#[test]
fn an_expired_key_is_gone_for_every_command() {
    both_with_other(|db, other| {
        let keys: Vec<String> = (0..20).map(|i| format!("k{i}")).collect();
        for key in &keys {
            db.check(&format!("SET {key} 5 PX 30"), "+OK");
        }
        db.wait_for("EXISTS k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19", ":0");
        db.check_all(&[
            ("GET k0", "nil"),
            ("MGET k0 k1", "[nil nil]"),
            ("TYPE k0", "+none"),
            ("TTL k0", ":-2"),
            ("PERSIST k0", ":0"),
            ("EXPIRE k0 100", ":0"),
            ("DEL k1", ":0"),
            ("RENAME k2 x", "-ERR no such key"),
            ("COPY k2 x", ":0"),
            ("OBJECT ENCODING k2", "nil"),
            ("TOUCH k2", ":0"),
            ("STRLEN k2", ":0"),
            ("GETDEL k2", "nil"),
            ("SET k3 v XX", "nil"),
            ("SET k3 v NX GET", "nil"),
            ("GET k3", "$v"),
            ("TTL k3", ":-1"),
            ("APPEND k4 x", ":1"),
            ("INCR k5", ":1"),
            ("SETRANGE k6 1 x", ":2"),
            ("GET k6", "$\\x00x"),
            ("SETNX k7 v", ":1"),
            ("MSETNX k8 v", ":1"),
            ("GETSET k9 v", "nil"),
            ("SETBIT k10 7 1", ":0"),
            ("GET k10", "$\\x01"),
            ("BITCOUNT k11", ":0"),
            ("KEYS k1*", "[$k10]"),
        ]);
        db.check(&format!("MOVE k12 {other}"), ":0");
        db.check("DBSIZE", ":8");
    });
}

#[test]
fn expired_keys_vanish_without_being_asked_for() {
    alone(|server| {
        let mut db = server.db(2, 0);
        let before = db.info_number("expired_keys");
        for i in 0..500 {
            db.check(&format!("SET gone{i} v PX 100"), "+OK");
        }
        db.check("MSET stays 1 too 2", "+OK");
        db.check("EXPIRE too 1000", ":1");
        // Neither DBSIZE nor INFO touches a key.
        db.wait_for("DBSIZE", ":2");
        assert_eq!(db.info_number("expired_keys") - before, 500);
        let keyspace = db.info("db0").unwrap_or_default();
        assert!(keyspace.starts_with("keys=2,expires=1,"), "db0:{keyspace}");
    });
}

#[test]
fn a_key_that_expires_on_access_counts_once() {
    alone(|server| {
        let mut db = server.db(2, 0);
        let before = db.info_number("expired_keys");
        db.check("SET k v PX 50", "+OK");
        db.wait_for("GET k", "nil");
        for _ in 0..5 {
            db.check("GET k", "nil");
        }
        assert!(soon(|| db.info_number("expired_keys") == before + 1));
        db.wait_for("DBSIZE", ":0");
        assert_eq!(db.info_number("expired_keys"), before + 1);
    });
}

#[test]
fn a_key_set_again_does_not_vanish_with_its_old_expiry() {
    once(|db| {
        for i in 0..50 {
            db.check(&format!("SET k{i} old PX 100"), "+OK");
        }
        for i in 0..50 {
            // Some before they expire, some perhaps after: either way the new value stays.
            db.check(&format!("SET k{i} new"), "+OK");
        }
        db.check("SET last v PX 200", "+OK");
        db.wait_for("EXISTS last", ":0");
        db.wait_for("DBSIZE", ":50");
        for i in 0..50 {
            db.check(&format!("GET k{i}"), "$new");
        }
    });
}

#[test]
fn an_expiry_that_was_moved_counts_alone() {
    once(|db| {
        db.check_all(&[
            ("SET later v PX 100", "+OK"),
            ("PEXPIRE later 100000", ":1"),
            ("SET never v PX 100", "+OK"),
            ("PERSIST never", ":1"),
            ("SET renamed v PX 100000", "+OK"),
            ("RENAME renamed other", "+OK"),
            ("PEXPIRE other 100", ":1"),
            ("SET probe v PX 300", "+OK"),
        ]);
        db.wait_for("EXISTS probe", ":0");
        db.check_all(&[("EXISTS later never other", ":2"), ("DBSIZE", ":2")]);
    });
}

#[test]
fn with_active_expiry_off_keys_still_expire_for_their_readers() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
        db.check("SET k v PX 50", "+OK");
        db.check("SET probe v PX 50", "+OK");
        db.wait_for("EXISTS probe", ":0");
        db.check("GET k", "nil");
        db.check("DEBUG SET-ACTIVE-EXPIRE 1", "+OK");
        db.wait_for("DBSIZE", ":0");
    });
}
