//! What a batch finds on disk after a commit that did not return.

use engine::EngineOptions;

use super::*;
use crate::error::Error;
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
