//! What a batch finds on disk after a commit that did not return.

use engine::EngineOptions;

use super::*;
use crate::error::Error;
use crate::hot::Ahead;
use crate::string;
use crate::turn::Turn;
use crate::tx::Tx;
use crate::view::View;

struct Db {
    engine: Engine,
    keyspace: Keyspace,
    turn: Turn,
    _dir: tempfile::TempDir,
}

impl Db {
    fn new() -> Db {
        let dir = tempfile::tempdir().expect("a directory");
        let options =
            EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, 2).expect("a keyspace");
        Db { engine, keyspace, turn: Turn::new(1000, 1), _dir: dir }
    }

    fn batch(&self, write: impl FnOnce(&mut Tx<'_>)) -> Batch {
        let mut batch = Batch::new();
        write(&mut Tx::new(&self.engine, &self.keyspace, &mut batch, &self.turn, 0));
        batch.keep();
        batch
    }

    fn committed(&self, write: impl FnOnce(&mut Tx<'_>)) {
        self.batch(write).commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    fn stored(&self, batch: &Batch) -> Stored {
        batch.stored(&self.engine).expect("a readable disk")
    }
}

fn set(tx: &mut Tx<'_>, key: &[u8], value: &[u8]) {
    let old = tx.find(key).expect("a readable key");
    string::set(tx, key, old, value, None);
}

#[test]
fn a_batch_is_there_once_it_is_written_and_not_before() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"old", b"1"));
    let mut batch = db.batch(|tx| {
        set(tx, b"old", b"2");
        set(tx, b"new", b"2");
    });
    assert_eq!(db.stored(&batch), Stored::Nothing);
    batch.write(&db.engine, &db.keyspace, Durability::Process).expect("a write");
    assert_eq!(db.stored(&batch), Stored::Whole);
    assert_eq!(db.keyspace.count(0).keys, 1, "not visible yet");
    batch.publish(&db.engine, &db.keyspace);
    assert_eq!(db.keyspace.count(0).keys, 2);
}

#[test]
fn a_batch_that_removes_is_found_by_what_is_absent() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"k", b"1"));
    let mut batch = db.batch(|tx| {
        let old = tx.find(b"k").expect("a readable key").expect("a key");
        tx.remove(b"k", old);
    });
    assert_eq!(db.stored(&batch), Stored::Nothing);
    batch.write(&db.engine, &db.keyspace, Durability::Process).expect("a write");
    assert_eq!(db.stored(&batch), Stored::Whole);
}

#[test]
fn a_batch_that_changes_nothing_counts_as_there() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"k", b"same"));
    let batch = db.batch(|tx| set(tx, b"k", b"same"));
    assert_eq!(db.stored(&batch), Stored::Whole);
}

#[test]
fn parts_that_differ_prove_nothing() {
    let db = Db::new();
    let mut batch = Batch::new();
    batch.pending_mut().put(Family::Elements, b"part".to_vec(), b"new".to_vec());
    assert_eq!(db.stored(&batch), Stored::Unclear);
    batch.write(&db.engine, &db.keyspace, Durability::Process).expect("a write");
    assert_eq!(db.stored(&batch), Stored::Whole);
    assert_eq!(db.stored(&Batch::new()), Stored::Unclear);
}

#[test]
fn a_batch_that_is_written_is_seen_in_the_hot_tier_when_it_is_published_and_not_before() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"k", b"1"));
    let turn = Turn::new(0, 1);
    let body = || View::hot(&db.keyspace, &turn, 0).find(b"k").map(|found| found.expect("a key").body().to_vec());
    assert_eq!(body(), Ok(b"1".to_vec()));
    let mut batch = db.batch(|tx| set(tx, b"k", b"2"));
    assert_eq!(body(), Ok(b"1".to_vec()));
    batch.write(&db.engine, &db.keyspace, Durability::Process).expect("a write");
    assert_eq!(body(), Err(Error::NotHot));
    batch.publish(&db.engine, &db.keyspace);
    assert_eq!(body(), Ok(b"2".to_vec()));
}

#[test]
fn what_was_looked_up_ahead_is_forgotten_when_a_commit_changes_it_or_its_database_is_flushed() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"k", b"1"));
    db.committed(|tx| set(tx, b"other", b"1"));
    let (turn, ahead) = (Turn::new(0, 1), Ahead::default());
    let view = View::hot(&db.keyspace, &turn, 0).ahead(&ahead);
    let body = |key: &[u8]| view.find(key).map(|found| found.map(|found| found.body().to_vec()));
    let look =
        || ahead.look_up(&db.keyspace, 0, [&b"k"[..], b"unknown", b"other", b"k"].map(|key| (key, None)).into_iter());
    look();
    for _ in 0..2 {
        assert_eq!(body(b"k"), Ok(Some(b"1".to_vec())));
        assert_eq!(body(b"unknown"), Err(Error::NotHot));
    }
    look();
    let mut batch = db.batch(|tx| set(tx, b"k", b"2"));
    assert_eq!(body(b"k"), Ok(Some(b"1".to_vec())));
    batch.write(&db.engine, &db.keyspace, Durability::Process).expect("a write");
    assert_eq!(body(b"k"), Err(Error::NotHot), "it was looked up twice, and is being changed");
    batch.publish(&db.engine, &db.keyspace);
    assert_eq!(body(b"k"), Ok(Some(b"2".to_vec())));
    assert_eq!(body(b"other"), Ok(Some(b"1".to_vec())));
    look();
    db.committed(|tx| tx.flush());
    assert_eq!(body(b"k"), Err(Error::NotHot));
}

#[test]
fn a_key_that_a_worker_has_found_absent_is_known_to_be_until_it_is_made() {
    let db = Db::new();
    let turn = Turn::new(0, 1);
    let hot = || View::hot(&db.keyspace, &turn, 0).find(b"k").map(|found| found.is_some());
    let live = View::new(db.engine.view(), &db.keyspace, &turn, 0);
    assert!(live.find(b"k").expect("a read").is_none());
    assert_eq!(hot(), Err(Error::NotHot), "it was read without the latch");
    assert!(live.latched(true).find(b"k").expect("a read").is_none());
    assert_eq!(hot(), Ok(false));
    db.committed(|tx| set(tx, b"k", b"1"));
    assert_eq!(hot(), Ok(true));
    db.committed(|tx| {
        let old = tx.find(b"k").expect("a readable key").expect("a key");
        tx.remove(b"k", old);
    });
    assert_eq!(hot(), Err(Error::NotHot));
}

/// A set with so many members, in parts, that is on disk.
fn committed_set(db: &Db, key: &[u8], members: u32) {
    db.committed(|tx| {
        let members: Vec<String> = (0..members).map(|n| format!("m{n}")).collect();
        crate::set::add(tx, key, members.iter().map(String::as_bytes)).expect("a set");
    });
}

#[test]
fn elements_that_were_foreseen_are_those_of_the_disk_until_the_batch_changes_them() {
    let db = Db::new();
    committed_set(&db, b"s", 300);
    let mut batch = Batch::new();
    let space = db.keyspace.space(0);
    // In memory, absent, asked for twice, of another value, left out by the commands.
    let foreseen = [&b"m1"[..], b"none", b"m2", b"m2", b"unasked", b"gone", b"new"];
    // Once from memory, and once from RocksDB alone.
    for keyspace in [&db.keyspace, &Keyspace::open(&db.engine, 1).expect("a keyspace").with_hot_tier(0)] {
        let slot = batch.locate(keyspace, space, b"s");
        let header = db.engine.view().get(Family::Keys, batch.pending().key(slot)).expect("a read");
        batch.pending_mut().remember(slot, header.as_deref().map(RecordValue::from));
        batch.foresee(keyspace, space, slot, foreseen.into_iter(), false);
        batch.look_ahead(&db.engine, keyspace).expect("a lookup");
        let turn = Turn::new(0, 1);
        let mut tx = Tx::new(&db.engine, keyspace, &mut batch, &turn, 0);
        let mut adds = |member: &[u8]| crate::set::add(&mut tx, b"s", std::iter::once(member)).expect("an addition");
        assert_eq!([&b"m1"[..], b"none", b"none", b"m2", b"m2"].map(&mut adds), [0, 1, 0, 0, 0]);
        assert_eq!(crate::set::remove(&mut tx, b"s", [&b"m2"[..], b"gone"].into_iter()), Ok(1));
        assert_eq!(crate::set::add(&mut tx, b"s", [&b"new"[..], b"m2", b"m5"].into_iter()), Ok(2));
        batch.clear();
        assert_eq!(batch.elements.len(), 0);
    }
}

#[test]
fn when_most_keys_are_flushed_the_hot_tier_makes_room_and_otherwise_keeps_what_it_has() {
    let db = Db::new();
    let records = || db.keyspace.hot().stats().records;
    db.committed(|tx| (0..10u8).for_each(|n| set(tx, &[n], b"1")));
    db.committed(|tx| set(&mut tx.in_db(1), b"other", b"1"));
    assert_eq!(records(), 11);
    db.committed(|tx| tx.in_db(1).flush());
    assert_eq!(records(), 11);
    db.committed(|tx| set(&mut tx.in_db(1), b"other", b"1"));
    db.committed(|tx| {
        set(&mut tx.in_db(1), b"other", b"2");
        tx.flush();
    });
    assert_eq!(records(), 1, "what the batch has written besides");
    let turn = Turn::new(0, 1);
    assert!(View::hot(&db.keyspace, &turn, 1).find(b"other").expect("in memory").is_some());
    assert_eq!(View::hot(&db.keyspace, &turn, 0).find(&[1]).map(|found| found.is_some()), Err(Error::NotHot));
}

#[test]
fn a_member_that_a_read_has_found_absent_is_known_to_be_until_it_is_added() {
    let db = Db::new();
    committed_set(&db, b"s", 300);
    let turn = Turn::new(0, 1);
    let has = || {
        turn.set_now_ms(1);
        let view = View::hot(&db.keyspace, &turn, 0);
        crate::set::read(&view, b"s").and_then(|set| set.expect("a set").contains(&view, b"none"))
    };
    let look = |is_read| {
        let mut batch = Batch::new();
        let slot = batch.locate(&db.keyspace, db.keyspace.space(0), b"s");
        batch.remember_hot(&mut vec![slot], &db.keyspace);
        batch.foresee(&db.keyspace, db.keyspace.space(0), slot, [&b"none"[..], b"m1"].into_iter(), is_read);
        batch.look_ahead(&db.engine, &db.keyspace).expect("a lookup");
    };
    look(false);
    assert_eq!(has(), Err(Error::NotHot), "a write makes it, or does not find it again");
    look(true);
    assert_eq!(has(), Ok(false));
    db.committed(|tx| assert_eq!(crate::set::add(tx, b"s", std::iter::once(&b"none"[..])), Ok(1)));
    assert_eq!(has(), Ok(true));
    db.committed(|tx| assert_eq!(crate::set::remove(tx, b"s", std::iter::once(&b"none"[..])), Ok(1)));
    assert_eq!(has(), Err(Error::NotHot));
}

#[test]
fn of_what_is_no_collection_in_parts_nothing_is_foreseen() {
    let db = Db::new();
    db.committed(|tx| set(tx, b"k", b"1"));
    committed_set(&db, b"small", 3);
    let mut batch = Batch::new();
    let space = db.keyspace.space(0);
    for key in [&b"k"[..], b"small", b"absent"] {
        let slot = batch.locate(&db.keyspace, space, key);
        batch.remember_hot(&mut vec![slot], &db.keyspace);
        batch.foresee(&db.keyspace, space, slot, [&b"m1"[..], b"m2"].into_iter(), false);
    }
    assert_eq!(batch.elements.len(), 0);
    batch.look_ahead(&db.engine, &db.keyspace).expect("nothing to look up");
}
