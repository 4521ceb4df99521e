//! `DUMP` and `RESTORE`, also from and to a real Redis.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::collections::{make, samples, show};
use crate::harness::{both, once, shared, skip};
use crate::process::Process;
use crate::wire::{Reply, Wire};

const BUSY: &str = "-BUSYKEY Target key name already exists.";
const SYNTAX: &str = "-ERR syntax error";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const FOOTER: &str = "-ERR DUMP payload version or checksum are wrong";
const FORMAT: &str = "-ERR Bad data format";

/// What Redis 7.0 dumps of the string `bar`.
const BAR: &str = r"\x00\x03bar\x0a\x00\xe6\xbe\x49\x60\xee\x66\xfd\x17";
/// Of the integer 12.
const TWELVE: &str = r"\x00\xc0\x0c\x0a\x00\x3c\x2a\xf8\x51\x5c\x04\xbc\xd5";

/// `RESTORE k` with a payload.
fn restore(payload: &str, rest: &str) -> String {
    format!("RESTORE k 0 \"{payload}\" {rest}")
}

#[test]
fn strings_are_dumped_and_restored() {
    both(|db| {
        db.check("DUMP k", "nil");
        db.check("SET k bar EX 100", "+OK");
        if !db.server.since((7, 2)) || db.server.is_catamaran_or_skip("payloads of version 10") {
            db.check("DUMP k", r"$\x00\x03bar\n\x00\xe6\xbeI`\xeef\xfd\x17");
        }
        db.check("DEL k", ":1");
        db.check(&restore(BAR, ""), "+OK");
        db.check_all(&[("GET k", "$bar"), ("TTL k", ":-1")]);
        db.check(&restore(TWELVE, "REPLACE"), "+OK");
        db.check_all(&[("GET k", "$12"), ("OBJECT ENCODING k", "$int"), ("INCR k", ":13")]);
        db.check("DEL k", ":1");
        db.check(&restore(BAR, "").replace("RESTORE", "RESTORE-ASKING"), "+OK");
        db.check("GET k", "$bar");
        db.check_arity(&["DUMP", "DUMP a b", "RESTORE a 0", "RESTORE", "RESTORE-ASKING a 0"]);
    });
}

#[test]
fn errors_come_in_the_order_of_redis() {
    both(|db| {
        db.check("SET k v", "+OK");
        // Options, then the key, then the time, then the payload.
        db.check_refused(&["RESTORE k x y other", "RESTORE k x y FREQ", "RESTORE k x y IDLETIME"], SYNTAX);
        db.check_refused(&["RESTORE k x y IDLETIME 1 FREQ 1", "RESTORE k x y FREQ 1 IDLETIME 1"], SYNTAX);
        db.check_refused(&["RESTORE k x y IDLETIME a", "RESTORE k x y FREQ 1.5 other"], NOT_INTEGER);
        db.check("RESTORE k x y IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0");
        let frequency = "-ERR Invalid FREQ value, must be >= 0 and <= 255";
        db.check_refused(&["RESTORE k x y FREQ -1", "RESTORE k x y FREQ 256 other"], frequency);
        db.check_refused(&["RESTORE k x y", "RESTORE k -1 y ABSTTL FREQ 255"], BUSY);
        db.check_refused(&["RESTORE k x y REPLACE", "RESTORE absent 1.5 y"], NOT_INTEGER);
        db.check_refused(
            &["RESTORE absent -1 y", "RESTORE k -9223372036854775808 y replace"],
            "-ERR Invalid TTL value, must be >= 0",
        );
        db.check_refused(
            &["RESTORE absent 0 y", "RESTORE absent 0 \"\"", "RESTORE k 0 0123456789abcdef REPLACE"],
            FOOTER,
        );
        db.check(&restore(&BAR.replace("bar", "baz"), "REPLACE"), FOOTER);
        // Version 10 made 255.
        db.check(&restore(r"\x00\x03bar\xff\x00\xe6\xbe\x49\x60\xee\x66\xfd\x17", "REPLACE"), FOOTER);
        db.check_all(&[("GET k", "$v"), ("EXISTS absent", ":0")]);
    });
}

#[test]
fn what_is_no_value_is_refused() {
    both(|db| {
        let payloads = [
            // No type, a module's type, and an empty list.
            r"\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda",
            r"\x06\x00\x0a\x00\xf4\x64\xf3\x80\xb3\x64\x0e\x8d",
            r"\x01\x00\x0a\x00\x5b\xf8\x25\xcc\x6c\x17\x43\x56",
            // A set with the same member twice.
            r"\x02\x02\x01\x61\x01\x61\x0a\x00\x57\xbe\x76\x2f\xc2\xd6\x52\x3a",
        ];
        db.check("SET k v", "+OK");
        for payload in payloads {
            db.check(&restore(payload, "REPLACE"), FORMAT);
        }
        db.check("GET k", "$v");
        // What follows a value is not looked at.
        db.check(&restore(r"\x00\x03barjunk\x0a\x00\x52\xdd\xae\x5f\xf9\x6e\x87\x85", "REPLACE"), "+OK");
        db.check("GET k", "$bar");
    });
}

#[test]
fn restored_keys_expire() {
    both(|db| {
        let with_ttl = |ttl: &str, rest: &str| restore(BAR, rest).replace("k 0", &format!("k {ttl}"));
        db.check(&with_ttl("5000", ""), "+OK");
        let ttl = db.integer("PTTL k");
        assert!((1..=5000).contains(&ttl), "{ttl}");
        db.check(&with_ttl("2569591501", "REPLACE"), "+OK");
        assert!(db.integer("PTTL k") > 2_569_500_000);
        db.check(&with_ttl("9999999999123", "ABSTTL REPLACE"), "+OK");
        db.check("PEXPIRETIME k", ":9999999999123");
        db.check(&with_ttl("0", "ABSTTL replace"), "+OK");
        db.check("TTL k", ":-1");
        // In the past: what was there goes.
        db.check(&with_ttl("1", "ABSTTL"), BUSY);
        db.check(&with_ttl("1", "ABSTTL REPLACE"), "+OK");
        db.check("EXISTS k", ":0");
        db.check(&with_ttl("1", "ABSTTL REPLACE"), "+OK");
        db.check("DBSIZE", ":0");
        // A sum that does not fit is past as well.
        db.check(&with_ttl("9223372036854775807", ""), "+OK");
        db.check("EXISTS k", ":0");
    });
}

#[test]
fn idle_time_and_frequency_are_restored() {
    crate::harness::alone(|server| {
        let mut db = server.db(2, 0);
        db.check("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
        db.check(&restore(BAR, "IDLETIME 1000"), "+OK");
        let idle = db.integer("OBJECT IDLETIME k");
        assert!((1000..1100).contains(&idle), "{idle}");
        db.check("GET k", "$bar");
        assert!(db.integer("OBJECT IDLETIME k") < 100);
        db.check("CONFIG SET maxmemory-policy allkeys-lfu", "+OK");
        db.check(&restore(BAR, "REPLACE FREQ 100"), "+OK");
        db.check("OBJECT FREQ k", ":100");
        db.check("CONFIG SET maxmemory-policy noeviction", "+OK");
        db.check(&restore(BAR, "REPLACE FREQ 100"), "+OK");
        assert!(db.integer("OBJECT IDLETIME k") < 100);
    });
}

#[test]
fn compression_follows_the_option() {
    crate::harness::alone(|server| {
        let mut db = server.db(2, 0);
        db.check(&format!("SET k {}", "a".repeat(1000)), "+OK");
        let compressed = db.bytes("DUMP k");
        assert!(compressed.len() < 60, "{}", compressed.len());
        db.check("CONFIG SET rdbcompression no", "+OK");
        let plain = db.bytes("DUMP k");
        db.check("CONFIG SET rdbcompression yes", "+OK");
        assert!(plain.len() > 1000);
        for payload in [compressed, plain] {
            db.check("DEL k", ":1");
            db.check_bytes(&[b"RESTORE", b"k", b"0", &payload], "+OK");
            db.check("STRLEN k", ":1000");
        }
    });
}

#[test]
fn every_value_is_restored_as_it_was_dumped() {
    both(|db| {
        for sample in samples() {
            if !make(&mut db.wire, &sample, "k") {
                db.call("DEL k");
                continue;
            }
            let (before, payload) = (show(&mut db.wire, sample.kind, "k"), db.bytes("DUMP k"));
            db.check("PEXPIRE k 1000000", ":1");
            let encoding = db.text("OBJECT ENCODING k");
            db.check_bytes(&[b"RESTORE", b"k", b"0", &payload], BUSY);
            db.check_bytes(&[b"RESTORE", b"k", b"0", &payload, b"REPLACE"], "+OK");
            assert_eq!(show(&mut db.wire, sample.kind, "k"), before, "{}", sample.name);
            assert_eq!(db.text("OBJECT ENCODING k"), encoding, "{}", sample.name);
            db.check("TTL k", ":-1");
            db.check_bytes(&[b"RESTORE", b"other", b"100000", &payload], "+OK");
            assert!(db.integer("TTL other") > 90);
            assert_eq!(show(&mut db.wire, sample.kind, "other"), before, "{}", sample.name);
            db.check("DEL k other", ":2");
            db.check("DBSIZE", ":0");
        }
    });
}

#[test]
fn damaged_payloads_do_no_harm() {
    once(|db| {
        for sample in samples() {
            if !make(&mut db.wire, &sample, "k") {
                db.call("DEL k");
                continue;
            }
            let payload = db.bytes("DUMP k");
            for at in (0..payload.len()).step_by(1 + payload.len() / 40) {
                let mut damaged = payload.clone();
                damaged[at] ^= 0x55;
                db.check_bytes(&[b"RESTORE", b"other", b"0", &damaged], FOOTER);
            }
            db.check("DEL k", ":1");
        }
        db.check("DBSIZE", ":0");
    });
}

/// A real Redis beside the server that is tested; None where there is none.
fn reference() -> Option<(Process, tempfile::TempDir)> {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        skip("it needs a redis-server to exchange values with");
        return None;
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    // What is written for it has to pass the strictest check it has.
    let process = Process::start(Path::new("redis-server"), dir.path(), &["sanitize-dump-payload yes"]);
    Some((process.unwrap_or_else(|e| panic!("{e}")), dir))
}

fn payload_of(wire: &mut Wire, key: &str) -> Vec<u8> {
    match wire.call(&[b"DUMP", key.as_bytes()]) {
        Reply::Bulk(payload) => payload,
        other => panic!("DUMP replied {other}"),
    }
}

#[test]
fn values_go_to_a_redis_and_come_back() {
    let Some((process, _dir)) = reference() else { return };
    let mut theirs = Wire::connect(process.address());
    once(|db| {
        let mut ours = shared().db(2, db.index).wire;
        for sample in samples() {
            if !make(&mut ours, &sample, "k") {
                ours.call(&[b"DEL", b"k"]);
                continue;
            }
            assert!(make(&mut theirs, &sample, "made"), "{}", sample.name);
            let payload = payload_of(&mut ours, "k");
            if sample.is_exact {
                assert_eq!(payload, payload_of(&mut theirs, "made"), "{}", sample.name);
            }
            let reply = theirs.call(&[b"RESTORE", b"moved", b"0", &payload]).to_string();
            assert_eq!(reply, "+OK", "{} to Redis", sample.name);
            let shown = show(&mut ours, sample.kind, "k");
            assert_eq!(show(&mut theirs, sample.kind, "moved"), shown, "{} in Redis", sample.name);
            for from in ["moved", "made"] {
                let payload = payload_of(&mut theirs, from);
                let reply = ours.call(&[b"RESTORE", b"back", b"0", &payload, b"REPLACE"]).to_string();
                assert_eq!(reply, "+OK", "{} from Redis", sample.name);
                assert_eq!(show(&mut ours, sample.kind, "back"), shown, "{} back from Redis", sample.name);
            }
            theirs.call(&[b"FLUSHALL"]);
            ours.call(&[b"FLUSHDB"]);
        }
    });
}
