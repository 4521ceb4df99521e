//! Strings against a model: a vector of bytes.

use std::cell::RefCell;

use engine::{Durability, Engine, EngineOptions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

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
        let options =
            EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
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

/// What is done to a string. Offsets and lengths are mostly near the limits of forms and chunks.
#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>),
    Append(Vec<u8>),
    WriteAt(u64, Vec<u8>),
    Read(u64, u64),
    Commit,
}

fn place() -> impl Strategy<Value = usize> {
    let near = |limit: usize| limit.saturating_sub(3)..limit + 4;
    prop_oneof![0..20usize, near(CHUNK_LEN), near(2 * CHUNK_LEN), near(6 * CHUNK_LEN), 0..7 * CHUNK_LEN]
}

/// Bytes of one kind or of all, with zeros at either end.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let zeros = || prop_oneof![Just(0usize), 0..3usize, 0..2 * CHUNK_LEN];
    (zeros(), place(), zeros(), any::<u8>()).prop_map(|(before, len, after, seed)| {
        let middle = (0..len).map(|n| seed.wrapping_mul((n % 255) as u8).wrapping_add(seed));
        std::iter::repeat_n(0, before).chain(middle).chain(std::iter::repeat_n(0, after)).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => bytes().prop_map(Step::Set),
        2 => prop_oneof![bytes(), prop::collection::vec(any::<u8>(), 0..8)].prop_map(Step::Append),
        4 => (place(), prop_oneof![bytes(), prop::collection::vec(0..2u8, 0..8)])
            .prop_map(|(offset, bytes)| Step::WriteAt(offset as u64, bytes)),
        3 => (place(), place()).prop_map(|(start, len)| Step::Read(start as u64, len as u64)),
        1 => Just(Step::Commit),
    ]
}

fn take(db: &mut Db, model: &mut Vec<u8>, step: Step) {
    match step {
        Step::Set(bytes) => {
            db.set(&bytes);
            *model = bytes;
        }
        Step::Append(bytes) => {
            model.extend_from_slice(&bytes);
            assert_eq!(db.append(&bytes), Ok(model.len() as u64));
        }
        Step::WriteAt(offset, bytes) => {
            let end = offset as usize + bytes.len();
            model.resize(model.len().max(end), 0);
            model[offset as usize..end].copy_from_slice(&bytes);
            assert_eq!(db.write_at(offset, &bytes), Ok(model.len() as u64));
        }
        Step::Read(start, len) => {
            let end = model.len().min((start + len) as usize);
            let expected = &model[end.min(start as usize)..end];
            assert!(db.range(start..start + len) == expected, "range {start} + {len}");
        }
        Step::Commit => db.commit(),
    }
    assert!(db.all() == *model, "the whole string");
}

#[test]
fn any_sequence_of_changes_gives_what_a_vector_of_bytes_gives() {
    let db = RefCell::new(Db::new());
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&prop::collection::vec(step(), 1..16), |steps| {
        let db = &mut *db.borrow_mut();
        let mut model = Vec::new();
        db.set(b"");
        for step in steps {
            take(db, &mut model, step);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

proptest! {
    #[test]
    fn pieces_cover_a_range_in_order_and_stay_within_chunks(start in 0..1u64 << 40, len in 0..1u64 << 20) {
        let mut at = start;
        for piece in layout::pieces(start..start + len) {
            prop_assert_eq!(u64::from(piece.number) * CHUNK_LEN as u64 + piece.within.start as u64, at);
            prop_assert!(piece.within.start < piece.within.end && piece.within.end <= CHUNK_LEN);
            at += piece.within.len() as u64;
        }
        prop_assert_eq!(at, start + len);
    }

    #[test]
    fn lengths_and_chunk_numbers_read_back(len in 0..=layout::CHUNKED_LEN_MAX, number in any::<u32>()) {
        prop_assert_eq!(layout::decode_len(&layout::encode_len(len)), Some(len));
        prop_assert_eq!(layout::decode_chunk(&layout::encode_chunk(number)), Some(number));
    }
}

#[test]
fn damaged_records_are_reported() {
    let mut db = Db::new();
    let long = [b'a'; INLINE_LEN_MAX + 1];
    db.set(&long);
    let mut tx = db.tx();
    let old = tx.find(KEY).expect("find");
    tx.put(KEY, old, old.expect("a string"), b"short");
    assert!(matches!(read(&tx.view(), KEY).map(drop), Err(Error::BadRecord(_))));

    db.set(&long);
    let mut tx = db.tx();
    let parts = tx.find(KEY).expect("find").and_then(|meta| meta.parts).expect("chunks");
    tx.put_part(parts, &layout::encode_chunk(0), vec![b'a'; CHUNK_LEN + 1]);
    let view = tx.view();
    let text = read(&view, KEY).expect("read").expect("a string");
    assert!(matches!(text.to_vec(&view), Err(Error::BadRecord(_))));
    drop(text);
    assert!(matches!(db.write_at(0, b"b"), Err(Error::BadRecord(_))));
}

/// Between a commit and its publication the hot tier is behind, and of two keys that were written together perhaps for one only.
#[test]
fn a_read_without_the_latch_does_not_look_in_the_hot_tier() {
    let mut db = Db::new();
    db.keyspace = db.keyspace.with_hot_tier(1 << 20);
    db.set(b"old");
    db.commit();
    db.set(b"new");
    db.engine.commit(db.batch.pending(), Durability::Process).expect("a commit that is not published yet");
    let body = |latched: bool| {
        let view = View::new(db.engine.view(), &db.keyspace, &db.turn, 0).latched(latched);
        view.find(KEY).expect("find").expect("the key is there").body().to_vec()
    };
    assert_eq!(body(true), b"old", "the hot tier is not behind, so the test shows nothing");
    assert_eq!(body(false), b"new");
}

/// Its parts could be removed by others after its header was read.
#[test]
fn a_value_in_parts_is_read_with_the_latch_or_from_a_snapshot() {
    let mut db = Db::new();
    let long = vec![b'x'; INLINE_LEN_MAX + 1];
    db.set(&long);
    db.commit();
    let read = |view: View<'_>| {
        let found = view.find(KEY)?.expect("the key is there");
        Text::new(found)?.to_vec(&view)
    };
    let live = View::new(db.engine.view(), &db.keyspace, &db.turn, 0).before_pool();
    assert!(matches!(read(live), Err(Error::TooLong)));
    assert_eq!(read(live.latched(true)).expect("a read"), long);
    let snapshot = db.engine.snapshot();
    assert_eq!(read(View::new(snapshot.view(), &db.keyspace, &db.turn, 0)).expect("a read"), long);
}
