//! HyperLogLogs beside those of Redis: replies beside a recorded one, and every byte of their strings beside a living one.

use std::sync::atomic::Ordering;

use crate::reference::Reference;
use crate::testing::{Db, replay};

/// Gives the same commands to both, and compares every reply.
fn compare(db: &mut Db, reference: &mut Reference, words: &[&str]) {
    let ours: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let (ours, theirs) = (db.run_words(&ours), reference.ask(words));
    assert!(ours == theirs, "{words:?}: {} instead of {}", ours.escape_ascii(), theirs.escape_ascii());
}

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn the_strings_are_those_of_a_reference_server_byte_for_byte() {
    let Some(mut reference) = Reference::connect() else { return };
    let key = format!("catamaran:hll:{}", std::process::id());
    let (merged, other) = (format!("{key}:m"), format!("{key}:o"));
    for sparse_len_max in [0u64, 30, 300, 3000] {
        let mut db = Db::new();
        db.keyspace.settings.encodings.hll_sparse_max_bytes.store(sparse_len_max, Ordering::Relaxed);
        reference.ask(&["config", "set", "hll-sparse-max-bytes", &sparse_len_max.to_string()]);
        for round in 0..300u64 {
            let elements: Vec<String> =
                (0..round % 17).map(|n| format!("{:x}", (round * 1000 + n) * 0x9e37_79b9)).collect();
            let mut words = vec!["pfadd", if round % 3 == 0 { &other } else { &key }];
            words.extend(elements.iter().map(String::as_str));
            compare(&mut db, &mut reference, &words);
            compare(&mut db, &mut reference, &["get", &key]);
            if round % 10 == 9 {
                compare(&mut db, &mut reference, &["pfcount", &key]);
                compare(&mut db, &mut reference, &["pfcount", &key, &other]);
                compare(&mut db, &mut reference, &["pfmerge", &merged, &key, &other]);
                compare(&mut db, &mut reference, &["get", &merged]);
                compare(&mut db, &mut reference, &["pfdebug", "encoding", &merged]);
            }
        }
        compare(&mut db, &mut reference, &["pfdebug", "getreg", &key]);
        compare(&mut db, &mut reference, &["get", &key]);
        for name in [&key, &merged, &other] {
            reference.ask(&["del", name]);
        }
    }
}

#[test]
fn a_string_that_redis_has_written_goes_on_here() {
    let mut db = Db::new();
    db.run(r"SET h HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ");
    assert_eq!(db.run("PFCOUNT h"), r":3\r\n");
    assert_eq!(db.run("PFADD h a b c"), r":0\r\n");
    assert_eq!(db.run("PFADD h d"), r":1\r\n");
    assert_eq!(db.run("PFCOUNT h"), r":4\r\n");
}

#[test]
fn a_count_is_kept_where_it_was_computed_and_changes_nothing_else() {
    let mut db = Db::new();
    db.run("PFADD h a b c");
    db.run("EXPIRE h 100");
    db.commit();
    assert_eq!(db.run("PFCOUNT h"), r":3\r\n");
    assert!(!db.batch.pending().is_clean());
    db.commit();
    assert_eq!((db.run("PFCOUNT h").as_str(), db.run("TTL h").as_str()), (r":3\r\n", r":100\r\n"));
    assert!(db.batch.pending().is_clean());
    assert_eq!(db.run("PFADD h a"), r":0\r\n");
    assert!(db.batch.pending().is_clean());
}

#[test]
fn corrupt_runs_of_any_length_are_refused() {
    let mut db = Db::new();
    let header = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80";
    for (run, times) in [(&b"\x7f\xff"[..], 132_072), (b"\x3f", 300_000)] {
        let bytes = [&header[..], &run.repeat(times), b"\xff"].concat();
        db.run_words(&[b"set", b"h", &bytes]);
        for line in ["PFCOUNT h", "PFCOUNT h h", "PFDEBUG GETREG h", "PFMERGE h", "PFMERGE new h"] {
            assert!(db.run(line).starts_with("-INVALIDOBJ Corrupted HLL object detected"), "{line}");
        }
        db.run("PFADD h a");
    }
}
