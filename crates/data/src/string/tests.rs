//! Strings against a model: a vector of bytes.

use engine::{Durability, Engine, EngineOptions};

use super::layout::{self, CHUNK_LEN, INLINE_LEN_MAX, Piece};
use super::*;
use crate::{Batch, Error, Keyspace, Turn, Tx};

const KEY: &[u8] = b"text";

/// One database with one open batch.
struct Db {
    engine: Engine,
    keyspace: Keyspace,
    batch: Batch,
    turn: Turn,
    _dir: tempfile::TempDir,
}

impl Db {
    fn new() -> Db {
        let dir = tempfile::tempdir().expect("a directory");
        let options = EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, background_jobs: 2 };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, 1).expect("a keyspace");
        Db { engine, keyspace, batch: Batch::new(), turn: Turn::new(1000, 1), _dir: dir }
    }

    fn tx(&mut self) -> Tx<'_> {
        Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, 0)
    }

    fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    fn set(&mut self, bytes: &[u8]) {
        let mut tx = self.tx();
        let old = tx.find(KEY).expect("find");
        set(&mut tx, KEY, old, bytes, None);
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<u64> {
        let mut tx = self.tx();
        let old = tx.find_kind(KEY, Kind::String)?;
        write_at(&mut tx, KEY, old, offset, bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let mut tx = self.tx();
        let old = tx.find_kind(KEY, Kind::String)?;
        append(&mut tx, KEY, old, bytes)
    }

    fn range(&mut self, range: Range<u64>) -> Vec<u8> {
        let tx = self.tx();
        let view = tx.view();
        let mut bytes = Vec::new();
        if let Some(text) = read(&view, KEY).expect("read") {
            text.copy_range(&view, range, &mut |piece| bytes.extend_from_slice(piece)).expect("copy");
        }
        bytes
    }

    fn all(&mut self) -> Vec<u8> {
        self.range(0..u64::MAX)
    }

    fn encoding(&mut self) -> &'static str {
        let tx = self.tx();
        read(&tx.view(), KEY).expect("read").expect("a string").encoding()
    }
}

#[test]
fn golden_layouts() {
    assert_eq!(layout::encode_len(0x0102), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(layout::encode_chunk(0x0102), [0, 0, 1, 2]);
    assert_eq!(layout::trim(b"a\0b\0\0"), b"a\0b");
    assert_eq!(layout::trim(b"\0\0"), b"");
    assert_eq!(layout::decode_len(b"\0\0\0\0\0\0\0"), None);
    assert_eq!(layout::decode_len(&u64::MAX.to_be_bytes()), None);
}

#[test]
fn ranges_are_split_at_the_borders_of_chunks() {
    let chunk_len = CHUNK_LEN as u64;
    let pieces: Vec<Piece> = layout::pieces(chunk_len - 1..2 * chunk_len + 3).collect();
    let expected = [(0, CHUNK_LEN - 1..CHUNK_LEN), (1, 0..CHUNK_LEN), (2, 0..3)];
    assert_eq!(pieces, expected.map(|(number, within)| Piece { number, within }));
    assert_eq!(layout::pieces(5..5).count(), 0);
}

#[test]
fn a_string_reads_back_at_every_length_around_the_limits() {
    let mut db = Db::new();
    for base in [0, INLINE_LEN_MAX, 2 * CHUNK_LEN, 6 * CHUNK_LEN] {
        for len in [base.saturating_sub(1), base, base + 1] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            db.set(&bytes);
            assert!(db.all() == bytes, "{len} in the batch");
            db.commit();
            assert!(db.all() == bytes, "{len} committed");
        }
    }
}

#[test]
fn a_byte_far_behind_the_end_costs_one_chunk() {
    let mut db = Db::new();
    let before = db.batch.pending().size_bytes();
    assert_eq!(db.write_at(500 << 20, b"x"), Ok((500 << 20) + 1));
    assert!(db.batch.pending().size_bytes() - before < 2 * CHUNK_LEN);
    assert_eq!(db.range((500 << 20) - 2..u64::MAX), b"\0\0x");
    assert_eq!(db.range(100..103), b"\0\0\0");
}

#[test]
fn the_length_limit_is_that_of_the_options() {
    let mut db = Db::new();
    db.keyspace.settings.string_len_max.store(10, Ordering::Relaxed);
    assert_eq!(db.write_at(8, b"abc"), Err(Error::StringTooLong));
    assert_eq!(db.write_at(u64::MAX, b"abc"), Err(Error::StringTooLong));
    assert_eq!(db.write_at(7, b"abc"), Ok(10));
    assert_eq!(db.append(b"d"), Err(Error::StringTooLong));
    assert_eq!(db.append(b""), Ok(10));
    db.keyspace.settings.string_len_max.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(db.write_at(layout::CHUNKED_LEN_MAX, b"a"), Err(Error::StringTooLong));
    assert_eq!(db.write_at(layout::CHUNKED_LEN_MAX - 1, b"a"), Ok(layout::CHUNKED_LEN_MAX));
    assert_eq!(db.range(layout::CHUNKED_LEN_MAX - 2..u64::MAX), b"\0a");
}

#[test]
fn a_string_changed_in_place_is_raw_until_it_is_replaced() {
    let mut db = Db::new();
    db.set(b"12");
    assert_eq!(db.encoding(), "int");
    db.append(b"3").expect("append");
    assert_eq!(db.encoding(), "raw");
    db.set(&[b'a'; 44]);
    assert_eq!(db.encoding(), "embstr");
    db.set(&[b'a'; 45]);
    assert_eq!(db.encoding(), "raw");
}

#[test]
fn writing_in_place_keeps_the_chunks_and_replacing_does_not() {
    let mut db = Db::new();
    let parts = |db: &mut Db| db.tx().find(KEY).expect("find").and_then(|meta| meta.parts);
    db.set(&[b'a'; INLINE_LEN_MAX + 1]);
    let first = parts(&mut db);
    assert!(first.is_some());
    db.write_at(0, b"b").expect("write");
    assert_eq!(parts(&mut db), first);
    db.set(&[b'a'; INLINE_LEN_MAX + 1]);
    assert_ne!(parts(&mut db), first);
    db.set(b"short");
    assert_eq!(parts(&mut db), None);
}
