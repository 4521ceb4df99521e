//! Lists against a model: a deque of byte strings. The bytes on disk, and what operations cost.

mod model;

use engine::{Durability, Engine, EngineOptions};
use proptest::prelude::*;

use super::layout::{BLOCK_LEN, Draft, INDEX_START, INLINE_LEN_MAX, SHORT_LEN_MAX};
use super::*;
use crate::key;
use crate::{Batch, Keyspace, Turn, Tx};

const KEY: &[u8] = b"list";

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

    /// Changes the list, if it is there.
    fn change<T>(&mut self, change: impl FnOnce(&mut Tx<'_>, Meta) -> Result<T>) -> Option<T> {
        let mut tx = self.tx();
        let old = tx.find_kind(KEY, Kind::List).expect("find")?;
        let outcome = change(&mut tx, old).expect("a change");
        self.batch.keep();
        Some(outcome)
    }

    fn push(&mut self, end: End, elements: &[Vec<u8>]) -> u64 {
        let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
        let mut tx = self.tx();
        let old = tx.find_kind(KEY, Kind::List).expect("find");
        let len = push(&mut tx, KEY, old, end, &elements).expect("a push");
        self.batch.keep();
        len
    }

    fn pop(&mut self, end: End, count: u64) -> Vec<Vec<u8>> {
        let mut popped = Vec::new();
        self.change(|tx, old| pop(tx, KEY, old, end, count, |element| popped.push(element.to_vec())));
        popped
    }

    fn read<T>(&mut self, read: impl FnOnce(&View<'_>, Option<List<'_>>) -> T) -> T {
        let tx = self.tx();
        let view = tx.view();
        let list = super::read(&view, KEY).expect("a list");
        read(&view, list)
    }

    fn range(&mut self, positions: Range<u64>, direction: Direction) -> Vec<Vec<u8>> {
        self.read(|view, list| {
            let mut elements = Vec::new();
            if let Some(list) = list {
                let walked = list.walk(view, positions, direction, |element| {
                    elements.push(element.to_vec());
                    true
                });
                walked.expect("a walk");
            }
            elements
        })
    }

    fn all(&mut self) -> Vec<Vec<u8>> {
        let len = self.read(|_, list| list.map_or(0, |list| list.len()));
        self.range(0..len, Direction::Forward)
    }

    fn encoding(&mut self) -> &'static str {
        self.read(|_, list| list.expect("a list").encoding())
    }

    /// Records of lists in `elements`, of whatever version.
    fn record_count(&mut self) -> usize {
        let tx = self.tx();
        let view = tx.view();
        let (from, to) = (key::space_start(view.space()), key::space_end(view.space()));
        let mut cursor = view.engine().expect("an engine").scan(Family::Elements, &from, &to, Direction::Forward);
        let mut count = 0;
        while cursor.next().expect("a scan").is_some() {
            count += 1;
        }
        count
    }
}

fn numbered(numbers: Range<u64>) -> Vec<Vec<u8>> {
    numbers.map(|number| format!("element {number}").into_bytes()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_layouts() {
    let mut body = Vec::new();
    layout::begin_inline(&mut body, true, 2);
    packed::push(&mut body, b"ab");
    packed::push(&mut body, b"");
    assert_eq!(hex(&body), "01000202616200");
    let extent =
        Extent { quicklist: false, head: INDEX_START - 1, len: 0x0102, entry_bytes: Some(0x0304), next_long: 5 };
    assert_eq!(hex(&extent.encode()), "027fffffffffffffff000000000000010200000000000003040000000000000005");
    let extent = Extent { entry_bytes: None, quicklist: true, ..extent };
    assert_eq!(hex(&extent.encode()), "037fffffffffffffff0000000000000102ffffffffffffffff0000000000000005");
    assert_eq!(hex(&layout::block_suffix(layout::block_of(INDEX_START))), "000400000000000000");
    assert_eq!(hex(&layout::long_suffix(7)), "010000000000000007");

    let mut draft = Draft::new(INDEX_START + 30);
    draft.push(Element::Short(b"a"));
    assert_eq!(hex(&draft.finish()), "1e0161");
    let mut draft = Draft::new(INDEX_START + 1);
    draft.push(Element::Short(b"a"));
    draft.push(Element::Long(Long { len: 300, id: 7 }));
    assert_eq!(hex(&draft.finish()), "8100000004016103ac0207");
}

#[test]
fn bodies_that_make_no_sense_are_refused() {
    let extent = Extent { quicklist: false, head: INDEX_START, len: 1, entry_bytes: None, next_long: 0 };
    assert_eq!(layout::decode(&extent.encode()), Some(Shape::Blocks(extent)));
    for bad in [
        Extent { len: 0, ..extent },
        Extent { head: u64::MAX, ..extent },
        Extent { head: u64::MAX - BLOCK_LEN, ..extent },
    ] {
        assert_eq!(layout::decode(&bad.encode()), None, "{bad:?}");
    }
    for body in [&b""[..], b"\x00", b"\x00\x00\x00", b"\x04\x00\x01\x00", &extent.encode()[..32]] {
        assert_eq!(layout::decode(body), None, "{body:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), from in 0..40u64, to in 0..40u64) {
        let _ = layout::decode(&bytes);
        let _ = layout::decode_block_suffix(&bytes);
        if let Some(block) = Block::decode(&bytes) {
            block.elements().for_each(drop);
            let _ = block.get(from);
            if let Some(cut) = block.cut(from..to) {
                cut.elements().for_each(drop);
            }
        }
    }
}

#[test]
fn indexes_of_commands_mean_positions_from_either_end() {
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..10));
    db.read(|_, list| {
        let list = list.expect("a list");
        for (index, position) in
            [(0, Some(0)), (9, Some(9)), (10, None), (-1, Some(9)), (-10, Some(0)), (-11, None), (i64::MIN, None)]
        {
            assert_eq!(list.position(index), position, "{index}");
        }
        for (start, stop, range) in [
            (0, -1, 0..10),
            (-100, 100, 0..10),
            (2, 2, 2..3),
            (-3, -2, 7..9),
            (5, 4, 0..0),
            (10, 20, 0..0),
            (0, -11, 0..0),
            (-11, -10, 0..1),
            (i64::MIN, i64::MAX, 0..10),
            (i64::MAX, i64::MIN, 0..0),
        ] {
            assert_eq!(list.range(start, stop), range, "{start} {stop}");
        }
    });
}

#[test]
fn a_list_reads_back_at_every_length_around_the_limits() {
    for end in [End::Left, End::Right] {
        let mut db = Db::new();
        let mut expected = Vec::new();
        for number in 0..300 {
            let element = format!("{number:0>10}").into_bytes();
            assert_eq!(db.push(end, std::slice::from_ref(&element)), number + 1);
            if end == End::Left {
                expected.insert(0, element)
            } else {
                expected.push(element)
            }
            assert!(db.all() == expected, "{} elements", expected.len());
            if number % 7 == 0 {
                db.commit();
            }
        }
    }
}

#[test]
fn a_push_writes_one_block_and_a_pop_the_header() {
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..10_000));
    db.commit();
    let writes = |db: &Db| {
        let mut writes = 0;
        db.batch.pending().for_each_dirty(|_, _, _| writes += 1);
        writes
    };
    for number in 0..32 {
        db.push(End::Left, &numbered(number..number + 1));
    }
    assert_eq!(writes(&db), 2, "32 pushes write one block and the header");
    db.commit();
    assert_eq!(db.pop(End::Right, 5).len(), 5);
    assert_eq!(writes(&db), 1, "a pop writes the header");
    db.commit();
    assert_eq!(db.pop(End::Left, 64).len(), 64);
    assert_eq!(writes(&db), 3, "and removes the blocks of which nothing is left");
}

#[test]
fn a_list_that_is_emptied_leaves_no_record() {
    for (end, longs) in [(End::Left, false), (End::Right, false), (End::Left, true), (End::Right, true)] {
        let mut db = Db::new();
        let elements: Vec<Vec<u8>> =
            (0..200).map(|n| vec![b'x'; if longs && n % 3 == 0 { SHORT_LEN_MAX + 1 } else { 20 }]).collect();
        db.push(End::Right, &elements);
        db.commit();
        for _ in 0..20 {
            assert_eq!(db.pop(end, 10).len(), 10);
            db.commit();
        }
        assert_eq!(db.record_count(), 0);
        assert!(db.read(|_, list| list.is_none()));
        let view = db.engine.view();
        let garbage = view.scan(Family::Meta, b"garbage|", b"garbage}", Direction::Forward).next().map(|r| r.is_some());
        assert_eq!(garbage, Ok(false), "nothing is left to be cleaned up");
    }
}

#[test]
fn trimming_costs_the_lesser_part() {
    let dirty = |db: &Db| {
        let mut writes = 0;
        db.batch.pending().for_each_dirty(|_, _, _| writes += 1);
        writes
    };
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..100_000));
    db.commit();
    db.change(|tx, old| trim(tx, KEY, old, 50_000..50_100));
    assert!(dirty(&db) < 20, "100 elements are copied: {}", dirty(&db));
    assert!(db.all() == numbered(50_000..50_100));
    db.commit();

    let mut db = Db::new();
    db.push(End::Right, &numbered(0..10_000));
    db.commit();
    db.change(|tx, old| trim(tx, KEY, old, 0..9_990));
    assert_eq!(dirty(&db), 1, "ten elements at the end cost the header");
    assert!(db.all() == numbered(0..9_990));
}

#[test]
fn inserting_and_removing_moves_the_shorter_side() {
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..3200));
    db.commit();
    for (near, pivot) in [(100, "element 100"), (3100, "element 3100")] {
        db.change(|tx, old| insert(tx, KEY, old, pivot.as_bytes(), false, b"new"));
        let mut writes = 0;
        db.batch.pending().for_each_dirty(|_, _, _| writes += 1);
        assert!(writes <= 7, "{writes} records for an element near {near}");
        assert_eq!(db.change(|tx, old| remove(tx, KEY, old, 0, b"new")), Some(1));
        db.commit();
    }
    assert!(db.all() == numbered(0..3200));
}

#[test]
fn encodings_change_as_in_redis() {
    let mut db = Db::new();
    db.push(End::Right, &[vec![b'x'; 8185]]);
    assert_eq!(db.encoding(), "listpack");
    db.push(End::Right, &[b"y".to_vec()]);
    assert_eq!(db.encoding(), "quicklist");
    db.pop(End::Left, 1);
    assert_eq!(db.encoding(), "listpack");
    db.pop(End::Left, 1);
    db.push(End::Right, &[vec![b'x'; 8186]]);
    assert_eq!(db.encoding(), "quicklist");
    db.change(|tx, old| set(tx, KEY, old, 0, b"small"));
    assert_eq!(db.encoding(), "listpack");
    // Room is made for an element before its place is known.
    db.change(|tx, old| insert(tx, KEY, old, b"absent", false, &[b'x'; 9000]));
    assert_eq!((db.encoding(), db.all().len()), ("quicklist", 1));

    let mut db = Db::new();
    db.keyspace.settings.encodings.list_max_listpack_size.store(4, std::sync::atomic::Ordering::Relaxed);
    db.push(End::Right, &numbered(0..4));
    assert_eq!(db.encoding(), "listpack");
    db.push(End::Right, &numbered(4..5));
    assert_eq!(db.encoding(), "quicklist");
    db.pop(End::Left, 2);
    assert_eq!(db.encoding(), "quicklist");
    db.pop(End::Left, 1);
    assert_eq!(db.encoding(), "listpack");
}

#[test]
fn a_trimmed_list_counts_again_what_it_takes() {
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..20_000));
    assert_eq!(db.encoding(), "quicklist");
    // Too many go to be read; what stays is too much for a listpack.
    db.change(|tx, old| trim(tx, KEY, old, 0..12_000));
    db.change(|tx, old| trim(tx, KEY, old, 0..10_000));
    assert_eq!(db.encoding(), "quicklist");
    db.change(|tx, old| trim(tx, KEY, old, 0..6_000));
    assert_eq!(db.pop(End::Right, 4_000).len(), 4_000);
    assert_eq!(db.encoding(), "quicklist");
    assert_eq!(db.pop(End::Right, 1_600).len(), 1_600);
    assert_eq!(db.encoding(), "quicklist");
    db.change(|tx, old| trim(tx, KEY, old, 100..200));
    assert_eq!(db.encoding(), "listpack");
    assert!(db.all() == numbered(100..200));
}

#[test]
fn a_stored_list_replaces_what_was_there() {
    let mut db = Db::new();
    db.push(End::Right, &numbered(0..1000));
    for (elements, encoding) in [(1..3, "listpack"), (1..1000, "quicklist"), (1..200, "listpack")] {
        let elements = numbered(elements);
        let slices: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
        let mut tx = db.tx();
        let old = tx.find(KEY).expect("find");
        store(&mut tx, KEY, old, &slices).expect("a store");
        db.batch.keep();
        assert!(db.all() == elements);
        assert_eq!(db.encoding(), encoding);
    }
}

#[test]
fn the_longest_inline_body_is_kept_to() {
    let mut db = Db::new();
    let len = INLINE_LEN_MAX - INLINE_HEAD_LEN - 2;
    db.push(End::Right, &[vec![b'x'; len]]);
    assert_eq!(db.record_count(), 0);
    db.push(End::Right, &[Vec::new()]);
    assert_eq!(db.record_count(), 2, "a block and a long element");
    assert_eq!(db.all(), [vec![b'x'; len], Vec::new()]);
}
