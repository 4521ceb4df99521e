//! Bitmaps against a model that is a vector of bytes and looks at one bit at a time.

use engine::{Direction, Durability, Engine, EngineOptions, Family};
use proptest::prelude::*;

use super::field::{FieldType, Overflow};
use super::*;
use crate::string::layout::INLINE_LEN_MAX;
use crate::{Batch, Keyspace, Turn};

const KEY: &[u8] = b"bitmap";
/// The bit that makes a string 512 MiB long.
const FAR: u64 = (1 << 32) - 1;

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

    fn put(&mut self, key: &[u8], bytes: &[u8]) {
        let mut tx = self.tx();
        let old = tx.find(key).expect("find");
        string::set(&mut tx, key, old, bytes, None);
    }

    fn bytes(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.read(key, |view, text| text.to_vec(view))
    }

    fn read<T>(&mut self, key: &[u8], read: impl FnOnce(&View<'_>, &Text<'_>) -> Result<T>) -> Option<T> {
        let tx = self.tx();
        let view = tx.view();
        let text = string::find(&view, key).expect("find")?;
        Some(read(&view, &text).expect("read"))
    }

    fn set(&mut self, key: &[u8], at: u64, bit: bool) -> bool {
        let mut tx = self.tx();
        let old = tx.find_kind(key, Kind::String).expect("find");
        set(&mut tx, key, old, at, bit).expect("set")
    }

    fn combine(&mut self, operation: Operation, target: &[u8], sources: &[&[u8]]) -> u64 {
        combine(&mut self.tx(), operation, target, sources.iter().copied()).expect("combine")
    }

    /// Records that the parts of all strings have, deleted strings included.
    fn stored_chunks(&self) -> usize {
        let mut cursor = self.engine.view().scan(Family::Elements, &[], &[0xff; 16], Direction::Forward);
        let mut count = 0;
        while cursor.next().expect("scan").is_some() {
            count += 1;
        }
        count
    }
}

fn bit_of(bytes: &[u8], at: u64) -> bool {
    bytes.get((at / 8) as usize).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

fn set_bit_of(bytes: &mut Vec<u8>, at: u64, set: bool) {
    let byte = (at / 8) as usize;
    if bytes.len() <= byte {
        bytes.resize(byte + 1, 0);
    }
    let mask = 0x80 >> (at % 8);
    bytes[byte] = if set { bytes[byte] | mask } else { bytes[byte] & !mask };
}

/// Strings of few chunks: inline or not, with stretches of zeros and ones, some of them longer than a chunk.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(0u8), 2 => Just(0xff), 2 => any::<u8>()];
    let len = prop_oneof![0usize..40, 1000usize..9000, CHUNK_LEN - 2..CHUNK_LEN + 3, CHUNK_LEN..2 * CHUNK_LEN + 9];
    prop::collection::vec((byte, len), 0..4)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect())
}

fn range_in(len: usize) -> impl Strategy<Value = Range<u64>> {
    let bits = len as u64 * 8;
    (0..=bits, 0..=bits).prop_map(|(a, b)| a.min(b)..a.max(b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn counts_and_searches_agree_with_the_model(
        (bytes, ranges) in any_bytes().prop_flat_map(|bytes| {
            let len = bytes.len();
            (Just(bytes), prop::collection::vec(range_in(len), 4))
        }),
        committed: bool,
    ) {
        let mut db = Db::new();
        db.put(KEY, &bytes);
        if committed {
            db.commit();
        }
        for range in ranges {
            let ones = range.clone().filter(|&at| bit_of(&bytes, at)).count() as u64;
            prop_assert_eq!(db.read(KEY, |view, text| count(view, text, range.clone())), Some(ones));
            for set in [false, true] {
                let first = range.clone().find(|&at| bit_of(&bytes, at) == set);
                prop_assert_eq!(db.read(KEY, |view, text| find(view, text, range.clone(), set)), Some(first));
            }
        }
    }

    #[test]
    fn bits_are_set_and_read_where_the_model_has_them(
        bytes in any_bytes(), changes in prop::collection::vec((0..60_000u64 * 8, any::<bool>()), 1..12)
    ) {
        let mut db = Db::new();
        let mut model = bytes.clone();
        db.put(KEY, &bytes);
        for (at, set) in changes {
            prop_assert_eq!(db.set(KEY, at, set), bit_of(&model, at));
            set_bit_of(&mut model, at, set);
            prop_assert_eq!(db.read(KEY, |view, text| get(view, text, at)), Some(set));
            db.commit();
        }
        prop_assert_eq!(db.bytes(KEY), Some(model));
    }

    #[test]
    fn combinations_agree_with_the_model(
        sources in prop::collection::vec(prop::option::weighted(0.9, any_bytes()), 1..4), committed: bool
    ) {
        let mut db = Db::new();
        let keys: Vec<Vec<u8>> = (0..sources.len()).map(|n| format!("source:{n}").into_bytes()).collect();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        for (key, bytes) in keys.iter().zip(&sources) {
            if let Some(bytes) = bytes {
                db.put(key, bytes);
            }
        }
        if committed {
            db.commit();
        }
        let len = sources.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let byte = |source: &Option<Vec<u8>>, at: usize| source.as_ref().and_then(|s| s.get(at)).copied().unwrap_or(0);
        let all = |at: usize| sources.iter().map(move |source| byte(source, at));
        let expect = |operation: Operation| -> Option<Vec<u8>> {
            let model = (0..len).map(|at| match operation {
                Operation::And => all(at).fold(0xff, |a, b| a & b),
                Operation::Or => all(at).fold(0, |a, b| a | b),
                Operation::Xor => all(at).fold(0, |a, b| a ^ b),
                Operation::Not => !byte(&sources[0], at),
            });
            Some(model.collect()).filter(|_| len > 0)
        };
        for operation in [Operation::And, Operation::Or, Operation::Xor] {
            prop_assert_eq!(db.combine(operation, KEY, &keys), len as u64);
            prop_assert!(db.bytes(KEY) == expect(operation), "{:?}", operation);
        }
        if sources.len() == 1 {
            db.combine(Operation::Not, KEY, &keys);
            prop_assert!(db.bytes(KEY) == expect(Operation::Not));
        }
        let last = keys[keys.len() - 1];
        db.combine(Operation::Or, last, &keys);
        prop_assert!(db.bytes(last) == expect(Operation::Or), "the target is a source");
    }

    #[test]
    fn fields_of_one_patch_agree_with_the_model(
        bytes in any_bytes(),
        fields in prop::collection::vec((1i64..=64, 0..40_000u64 * 8, any::<i64>()), 1..10),
    ) {
        let mut db = Db::new();
        let mut model = bytes.clone();
        db.put(KEY, &bytes);
        let fields: Vec<(FieldType, u64, i64)> =
            fields.into_iter().map(|(bits, at, value)| (FieldType::new(true, bits).expect("a type"), at, value)).collect();
        let end = fields.iter().map(|(field, at, _)| at + u64::from(field.bits())).max().expect("a field");
        if model.len() < end.div_ceil(8) as usize {
            model.resize(end.div_ceil(8) as usize, 0);
        }
        let mut tx = db.tx();
        let old = tx.find_kind(KEY, Kind::String).expect("find");
        let mut patch = Patch::new(&tx, KEY, old, end).expect("a patch");
        for (field, at, value) in fields.iter().copied() {
            let value = field.fit(value.into(), Overflow::Wrap).expect("wrapping never fails");
            patch.set(&tx, field, at, value).expect("a write");
            prop_assert_eq!(patch.get(&tx, field, at).expect("a read"), value);
            for n in 0..u64::from(field.bits()) {
                set_bit_of(&mut model, at + n, value >> (u64::from(field.bits()) - 1 - n) & 1 == 1);
            }
        }
        patch.apply(&mut tx).expect("a write");
        db.commit();
        prop_assert!(db.bytes(KEY).as_ref() == Some(&model));
        for (field, at, _) in fields {
            let bits = (0..u64::from(field.bits())).fold(0u64, |bits, n| bits << 1 | u64::from(bit_of(&model, at + n)));
            let read = db.read(KEY, |view, text| get_field(view, Some(text), field, at)).expect("a string");
            prop_assert_eq!((read as u64) << (64 - field.bits()) >> (64 - field.bits()), bits);
        }
    }
}

#[test]
fn a_far_bit_costs_one_chunk_and_is_found_again() {
    let mut db = Db::new();
    assert!(!db.set(KEY, FAR, true));
    assert!(!db.set(KEY, FAR / 2, true));
    db.commit();
    assert_eq!(db.stored_chunks(), 2);
    let all = 0..FAR + 1;
    assert_eq!(db.read(KEY, |_, text| Ok(text.len())), Some(512 << 20));
    assert_eq!(db.read(KEY, |view, text| count(view, text, all.clone())), Some(2));
    assert_eq!(db.read(KEY, |view, text| find(view, text, all.clone(), true)), Some(Some(FAR / 2)));
    assert_eq!(db.read(KEY, |view, text| find(view, text, FAR / 2..FAR + 1, false)), Some(Some(FAR / 2 + 1)));
    assert_eq!(db.read(KEY, |view, text| find(view, text, FAR..FAR + 1, false)), Some(None));
}

#[test]
fn a_change_in_a_large_bitmap_writes_only_its_chunk() {
    let mut db = Db::new();
    db.put(KEY, &vec![0xff; 20 * CHUNK_LEN]);
    db.commit();
    db.set(KEY, 7 * CHUNK_BITS + 3, false);
    assert!(db.batch.pending().size_bytes() < 2 * CHUNK_LEN, "{}", db.batch.pending().size_bytes());
    db.commit();
    db.set(KEY, 7 * CHUNK_BITS + 3, false);
    assert!(db.batch.is_clean(), "nothing has changed, so nothing is written");
}

#[test]
fn combining_sparse_bitmaps_stores_only_chunks_with_ones() {
    let mut db = Db::new();
    for (key, at) in [(&b"a"[..], 5), (b"a", FAR - 9), (b"b", FAR), (b"b", FAR / 3)] {
        db.set(key, at, true);
    }
    db.commit();
    assert_eq!(db.stored_chunks(), 4);
    for (operation, ones, chunks) in [(Operation::Or, 4, 3), (Operation::Xor, 4, 3), (Operation::And, 0, 0)] {
        let before = db.stored_chunks();
        assert_eq!(db.combine(operation, KEY, &[b"a", b"b"]), 512 << 20);
        db.commit();
        assert_eq!(db.read(KEY, |view, text| count(view, text, 0..FAR + 1)), Some(ones), "{operation:?}");
        assert_eq!(db.stored_chunks() - before, chunks, "{operation:?}");
    }
}

#[test]
fn an_empty_result_removes_the_target_whatever_it_was() {
    let mut db = Db::new();
    db.put(KEY, b"something");
    assert_eq!(db.combine(Operation::Or, KEY, &[b"absent", b"nothing"]), 0);
    assert_eq!(db.bytes(KEY), None);
}

#[test]
fn a_result_is_raw_and_does_not_expire() {
    let mut db = Db::new();
    db.put(b"source", b"123");
    let mut tx = db.tx();
    string::set(&mut tx, KEY, None, b"old", Some(5000));
    db.combine(Operation::Or, KEY, &[b"source"]);
    let facts = db.read(KEY, |_, text| Ok((text.encoding(), text.meta().expire_at_ms)));
    assert_eq!(facts, Some(("raw", None)));
}

#[test]
fn strings_that_grow_out_of_their_header_keep_their_bits() {
    let mut db = Db::new();
    db.set(KEY, 1, true);
    db.set(KEY, INLINE_LEN_MAX as u64 * 8, true);
    assert_eq!(db.read(KEY, |view, text| count(view, text, 0..u64::MAX / 2)), Some(2));
    assert_eq!(db.read(KEY, |_, text| Ok(text.meta().parts.is_some())), Some(true));
}
