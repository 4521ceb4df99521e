//! Streams against a model: lists of ids, divided into nodes as Redis divides them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use engine::{Durability, Engine, EngineOptions};
use proptest::prelude::*;

use super::layout::Node;
use super::*;
use crate::{Batch, Keyspace, Turn};

const KEY: &[u8] = b"stream";
const ALL: (StreamId, StreamId) = (StreamId::MIN, StreamId::MAX);

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

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

    fn with_node_entries(entries: u64) -> Db {
        let db = Db::new();
        db.keyspace.settings.encodings.stream_node_max_entries.store(entries, Ordering::Relaxed);
        db
    }

    fn tx(&mut self) -> Tx<'_> {
        Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, 0)
    }

    fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
        crate::garbage::collect(&self.engine, usize::MAX).expect("a collection");
    }

    /// Changes the stream, which is made if it is not there.
    fn change<T>(&mut self, change: impl FnOnce(&mut Tx<'_>, &mut Stream) -> T) -> T {
        let mut tx = self.tx();
        let mut stream = match find(&mut tx, KEY).expect("find") {
            Some(stream) => stream,
            None => Stream::new(&mut tx, KEY),
        };
        let result = change(&mut tx, &mut stream);
        stream.save(&mut tx, KEY);
        tx.keep();
        result
    }

    fn add(&mut self, ids: impl IntoIterator<Item = StreamId>) {
        self.change(|tx, stream| ids.into_iter().for_each(|id| add(tx, stream, id, &[b"f", b"v"])));
    }

    fn stream(&mut self) -> Stream {
        find(&mut self.tx(), KEY).expect("find").expect("a stream")
    }

    fn ids(&mut self, range: (StreamId, StreamId), direction: Direction) -> Vec<StreamId> {
        let stream = self.stream();
        let tx = self.tx();
        let mut ids = Vec::new();
        stream
            .walk(&tx.view(), range, direction, &mut Progress::default(), |entry| {
                assert_eq!((entry.pairs, entry.strings().count()), (1, 2));
                ids.push(entry.id);
                Ok(true)
            })
            .expect("a walk");
        ids
    }

    /// Records of the stream with a first byte.
    fn records(&mut self, tag: u8) -> usize {
        let stream = self.stream();
        let tx = self.tx();
        let view = tx.view();
        let bound = |tag: u8| crate::key::element(view.space(), stream.parts, &[tag]);
        let engine = view.engine().expect("an engine");
        let mut cursor = engine.scan(Family::Elements, &bound(tag), &bound(tag + 1), Direction::Forward);
        let mut count = 0;
        while cursor.next().expect("a record").is_some() {
            count += 1;
        }
        count
    }
}

#[test]
fn golden_layouts() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let node = |ms| Node { first: id(ms, 0), last: id(ms, 9), live: 2, deleted: 1, bytes: 40, fields: 0xabcd };
    let header = Header {
        length: 3,
        last_id: id(5, 6),
        first_id: id(1, 2),
        max_deleted_id: id(3, 4),
        entries_added: 7,
        groups: 1,
        next_group: 2,
        swept_id: id(0, 8),
        nodes: 1,
        tail: Some(node(1)),
        head: None,
    };
    let node_hex = "0000000000000001000000000000000000000000000000010000000000000009000000020000000100000000000000280\
                    00000000000abcd";
    let body = layout::encode_header(&header);
    assert_eq!(
        hex(&body),
        format!(
            "01{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{node_hex}",
            3, 5, 6, 1, 2, 3, 4, 7, 1, 2, 0, 8, 1
        )
    );
    assert_eq!(layout::decode_header(&body), Some(header.clone()));
    let two = Header { nodes: 5, head: Some(node(0)), ..header };
    assert_eq!(layout::decode_header(&layout::encode_header(&two)), Some(two));

    assert_eq!(hex(&layout::entry_suffix(id(1, 2))), "0100000000000000010000000000000002");
    assert_eq!(hex(&layout::node_suffix(id(1, 2))), "0200000000000000010000000000000002");
    assert_eq!(hex(&layout::encode_node(&node(1))), node_hex[32..]);
    assert_eq!(layout::group_suffix(b"g"), b"\x03g");
    let group = Group { number: 1, last_id: id(2, 3), entries_read: -1, pending: 4, consumers: 5 };
    assert_eq!(
        hex(&layout::encode_group(&group)),
        "000000000000000100000000000000020000000000000003ffffffffffffffff00000000000000040000000000000005"
    );
    assert_eq!(hex(&layout::consumer_suffix(1, b"c")), "0400000000000000010163");
    let consumer = Consumer { seen_ms: 1, active_ms: -1, pending: 2 };
    assert_eq!(hex(&layout::encode_consumer(&consumer)), "0000000000000001ffffffffffffffff0000000000000002");
    assert_eq!(hex(&layout::pending_suffix(1, id(2, 3))), "0400000000000000010200000000000000020000000000000003");
    let pending = Pending { delivered_ms: 1, deliveries: 2, consumer: b"c" };
    assert_eq!(hex(&layout::encode_pending(&pending)), "0000000000000001000000000000000263");
    assert_eq!(
        hex(&layout::owned_suffix(1, b"c", id(2, 3))),
        "04000000000000000103000000016300000000000000020000000000000003"
    );
    let mut db = Db::new();
    db.change(|tx, stream| add(tx, stream, id(1, 1), &[b"field", b"value"]));
    let stream = db.stream();
    let value = db.tx().view().part(stream.parts, &layout::entry_suffix(id(1, 1))).expect("get").map(|v| v.to_vec());
    assert_eq!(value.as_deref(), Some(&b"\x01\x05field\x05value"[..]));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), form: bool) {
        let bytes = if form { [&[1], &bytes[..]].concat() } else { bytes };
        if let Some(header) = layout::decode_header(&bytes) {
            prop_assert_eq!(layout::encode_header(&header), bytes.clone());
        }
        layout::decode_node(&bytes, &bytes);
        layout::decode_group(&bytes);
        layout::decode_consumer(&bytes);
        layout::decode_pending(&bytes);
        layout::decode_consumer_suffix(&bytes);
        layout::decode_group_suffix(&bytes);
        layout::decode_last_id(&bytes);
        if let Some(entry) = decode_entry(&layout::entry_suffix(id(1, 2)), &bytes) {
            entry.strings().for_each(drop);
        }
    }
}

/// What a stream should be.
#[derive(Default)]
struct Model {
    nodes: Vec<ModelNode>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
}

struct ModelNode {
    last: StreamId,
    live: Vec<StreamId>,
    deleted: usize,
}

impl Model {
    fn ids(&self) -> Vec<StreamId> {
        self.nodes.iter().flat_map(|node| node.live.iter().copied()).collect()
    }

    fn len(&self) -> u64 {
        self.nodes.iter().map(|node| node.live.len() as u64).sum()
    }

    fn add(&mut self, id: StreamId, node_entries: usize) {
        match self.nodes.last_mut() {
            Some(node) if node.live.len() + node.deleted < node_entries => {
                node.live.push(id);
                node.last = id;
            }
            _ => self.nodes.push(ModelNode { last: id, live: vec![id], deleted: 0 }),
        }
        self.last_id = id;
        self.added += 1;
    }

    fn delete(&mut self, id: StreamId) -> bool {
        let Some(at) = self.nodes.iter().position(|node| node.live.contains(&id)) else { return false };
        let node = &mut self.nodes[at];
        node.live.retain(|other| *other != id);
        node.deleted += 1;
        if node.live.is_empty() {
            self.nodes.remove(at);
        }
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    fn trim(&mut self, trim: &Trim) -> u64 {
        let mut removed = 0;
        while let Some(node) = self.nodes.first() {
            let (len, entries) = (self.len(), node.live.len() as u64);
            if matches!(trim.to, Bound::Length(max) if len <= max) || trim.limit > 0 && removed + entries > trim.limit {
                break;
            }
            let goes = match trim.to {
                Bound::Length(max) => len - entries >= max,
                Bound::Id(id) => node.last < id,
            };
            if goes {
                removed += entries;
                self.nodes.remove(0);
                continue;
            }
            if !trim.approximate {
                let count = match trim.to {
                    Bound::Length(max) => (len - max) as usize,
                    Bound::Id(id) => node.live.iter().take_while(|other| **other < id).count(),
                };
                self.nodes[0].live.drain(..count);
                self.nodes[0].deleted += count;
                removed += count as u64;
            }
            break;
        }
        removed
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64, u64),
    Delete(Vec<usize>),
    Trim { length: bool, at: u64, approximate: bool, limit: u64 },
    SetId(u64),
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3u64, 1..4u64).prop_map(|(ms, count)| Step::Add(ms, count)),
        3 => prop::collection::vec(0..60usize, 1..6).prop_map(Step::Delete),
        3 => (any::<bool>(), 0..40u64, any::<bool>(), prop_oneof![Just(0u64), 1..12u64])
            .prop_map(|(length, at, approximate, limit)| Step::Trim { length, at, approximate, limit }),
        1 => (0..4u64).prop_map(Step::SetId),
        1 => Just(Step::Commit),
    ];
    prop::collection::vec(step, 1..60)
}

fn run_steps(steps: Vec<Step>, node_entries: usize) {
    let mut db = Db::with_node_entries(node_entries as u64);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Add(ms, count) => {
                for _ in 0..count {
                    let new = if ms == 0 { model.last_id.next().expect("an id") } else { id(model.last_id.ms + ms, 0) };
                    db.add([new]);
                    model.add(new, node_entries);
                }
            }
            Step::Delete(places) => {
                let ids = model.ids();
                // Some are not there.
                let ids: Vec<_> = places.iter().map(|&at| ids.get(at).copied().unwrap_or(id(at as u64, 77))).collect();
                let expected = ids.iter().filter(|id| model.delete(**id)).count() as u64;
                assert_eq!(db.change(|tx, stream| delete(tx, stream, &ids)), Ok(expected));
            }
            Step::Trim { length, at, approximate, limit } => {
                let to = match length {
                    true => Bound::Length(at),
                    false => Bound::Id(model.ids().get(at as usize).copied().unwrap_or(id(at, 1))),
                };
                let how = Trim { to, approximate, limit: if approximate { limit } else { 0 } };
                let expected = model.trim(&how);
                assert_eq!(db.change(|tx, stream| trim(tx, stream, &how)), Ok(expected), "{how:?}");
            }
            Step::SetId(more) => {
                let new = id(model.last_id.ms + more, model.last_id.seq);
                db.change(|tx, stream| set_last_id(tx, KEY, stream, new)).expect("set");
                model.last_id = new;
            }
            Step::Commit => db.commit(),
        }
        if model.added == 0 {
            continue;
        }
        let (expected, header) = (model.ids(), db.stream().header);
        assert_eq!(db.ids(ALL, Direction::Forward), expected);
        assert_eq!(header.length, expected.len() as u64);
        assert_eq!(header.first_id, expected.first().copied().unwrap_or_default());
        assert_eq!((header.last_id, header.max_deleted_id), (model.last_id, model.max_deleted_id));
        assert_eq!((header.nodes, header.entries_added), (model.nodes.len() as u64, model.added));
        let ends = [header.head.or(header.tail), header.tail].map(|node| node.map(|n| (n.last, n.live, n.deleted)));
        let ours = |node: &ModelNode| (node.last, node.live.len() as u32, node.deleted as u32);
        assert_eq!(ends, [model.nodes.first().map(ours), model.nodes.last().map(ours)]);
        assert_eq!(db.records(2), model.nodes.len().saturating_sub(2), "nodes between have records");
        if let (Some(&from), Some(&to)) = (expected.get(expected.len() / 3), expected.get(expected.len() / 2)) {
            let mut part = expected[expected.len() / 3..=expected.len() / 2].to_vec();
            part.reverse();
            assert_eq!(db.ids((from, to), Direction::Backward), part);
        }
    }
}

#[test]
fn entries_are_those_of_the_model() {
    let mut runner = proptest::test_runner::TestRunner::new(proptest::test_runner::Config::with_cases(60));
    runner
        .run(&(steps(), 1..6usize), |(steps, node_entries)| {
            run_steps(steps, node_entries);
            Ok(())
        })
        .expect("the model is right");
}

#[test]
fn what_many_entries_leave_is_swept_away_in_the_background() {
    let mut db = Db::new();
    db.add((1..=10_000).map(|ms| id(ms, 0)));
    db.commit();
    assert_eq!((db.records(1), db.records(2)), (10_000, 98));
    let how = Trim { to: Bound::Length(150), approximate: false, limit: 0 };
    assert_eq!(db.change(|tx, stream| trim(tx, stream, &how)), Ok(9850));
    assert_eq!(db.ids(ALL, Direction::Forward).len(), 150);
    assert_eq!(db.stream().header.first_id, id(9851, 0));
    assert!(!db.stream().has(&db.tx().view(), id(5, 0)).expect("has"), "it still lies there");
    db.commit();
    assert_eq!((db.records(1), db.records(2)), (150, 0));
    assert_eq!(db.ids(ALL, Direction::Forward).len(), 150);
}

#[test]
fn ids_may_be_given_again_after_their_entries_were_swept() {
    let mut db = Db::new();
    db.add((1..=5000).map(|ms| id(ms, 0)));
    db.change(|tx, stream| create_group(tx, stream, b"g", id(2, 0), -1)).expect("a group");
    db.change(|tx, stream| {
        let mut group = OpenGroup::find(&tx.view(), stream, b"g").expect("find").expect("a group");
        group.see(&tx.view(), stream, b"c").expect("a consumer");
        group.deliver(tx, stream, b"c", &[id(3, 0), id(4, 0)]).expect("a delivery");
        group.save(tx, stream);
    });
    let how = Trim { to: Bound::Length(0), approximate: false, limit: 0 };
    assert_eq!(db.change(|tx, stream| trim(tx, stream, &how)), Ok(5000));
    db.change(|tx, stream| set_last_id(tx, KEY, stream, StreamId::MIN)).expect("set");
    db.add([id(3, 0), id(3, 1)]);
    db.commit();
    assert_eq!(db.ids(ALL, Direction::Forward), [id(3, 0), id(3, 1)]);
    db.commit();
    assert_eq!(db.ids(ALL, Direction::Forward), [id(3, 0), id(3, 1)]);
    let stream = db.stream();
    let tx = db.tx();
    let group = find_group(&tx.view(), &stream, b"g").expect("find").expect("a group");
    assert_eq!((group.pending, group.consumers), (2, 1));
    let delivery = find_delivery(&tx.view(), &stream, &group, id(4, 0)).expect("find").expect("a delivery");
    assert_eq!(delivery.consumer, b"c");
}

#[test]
fn a_new_entry_writes_two_records_and_a_full_node_one_more() {
    let mut db = Db::with_node_entries(2);
    let written = |db: &mut Db, ms| {
        db.commit();
        db.add([id(ms, 0)]);
        let mut count = 0;
        db.batch.pending().for_each_dirty(|family, _, _| count += usize::from(family != Family::Meta));
        count
    };
    // The first full node is kept in the header.
    assert_eq!((1..=6).map(|ms| written(&mut db, ms)).collect::<Vec<_>>(), [2, 2, 2, 2, 3, 2]);
}

/// What one pending entry is in the model: its owner, and how often it was delivered.
type ModelPending = BTreeMap<StreamId, (u8, u64)>;

#[derive(Clone, Debug)]
enum GroupStep {
    Deliver(u8, u64, u64),
    Acknowledge(u64),
    Claim(u8, u64),
    DeleteConsumer(u8),
    Commit,
}

fn check_group(db: &mut Db, consumers: &[u8], model: &ModelPending) {
    let stream = db.stream();
    let tx = db.tx();
    let view = tx.view();
    let group = find_group(&view, &stream, b"g").expect("find").expect("a group");
    assert_eq!((group.pending, group.consumers), (model.len() as u64, consumers.len() as u64));
    let list = |consumer: Option<&[u8]>| {
        let mut found = Vec::new();
        walk_pending(&view, &stream, &group, consumer, ALL, |id, pending| {
            found.push((id, (pending.consumer[0], pending.deliveries)));
            Ok(true)
        })
        .expect("a walk");
        found
    };
    assert_eq!(list(None), model.iter().map(|(id, of)| (*id, *of)).collect::<Vec<_>>());
    let mut names = Vec::new();
    walk_consumers(&view, &stream, &group, |name, consumer| {
        let own: Vec<_> = model.iter().filter(|(_, of)| of.0 == name[0]).map(|(id, of)| (*id, *of)).collect();
        assert_eq!(list(Some(name)), own);
        assert_eq!(consumer.pending, own.len() as u64);
        names.push(name[0]);
        Ok(())
    })
    .expect("a walk");
    assert_eq!(names, consumers);
}

fn run_group_steps(steps: Vec<GroupStep>) {
    let mut db = Db::new();
    let (mut model, mut consumers) = (ModelPending::new(), Vec::<u8>::new());
    db.add([id(1, 0)]);
    db.change(|tx, stream| create_group(tx, stream, b"g", StreamId::MIN, -1)).expect("a group");
    for step in steps {
        if let GroupStep::Deliver(who, ..) | GroupStep::Claim(who, _) = step
            && !consumers.contains(&who)
        {
            consumers.push(who);
            consumers.sort_unstable();
        }
        db.change(|tx, stream| {
            let mut group = OpenGroup::find(&tx.view(), stream, b"g").expect("find").expect("a group");
            match step {
                GroupStep::Deliver(who, from, count) => {
                    let ids: Vec<_> = (from..from + count).map(|ms| id(ms, 0)).collect();
                    group.see(&tx.view(), stream, &[who]).expect("a consumer");
                    group.deliver(tx, stream, &[who], &ids).expect("a delivery");
                    model.extend(ids.iter().map(|id| (*id, (who, 1))));
                }
                GroupStep::Acknowledge(ms) => {
                    let was = model.remove(&id(ms, 0)).is_some();
                    assert_eq!(group.acknowledge(tx, stream, id(ms, 0)), Ok(was));
                }
                GroupStep::Claim(who, ms) => {
                    group.see(&tx.view(), stream, &[who]).expect("a consumer");
                    let found = find_delivery(&tx.view(), stream, &group.group, id(ms, 0)).expect("find");
                    if let Some(delivery) = found {
                        let deliveries = delivery.deliveries + 1;
                        let new = Delivery { deliveries, consumer: vec![who], ..delivery.clone() };
                        group.set(tx, stream, id(ms, 0), Some(&delivery.consumer), Some(&new)).expect("set");
                        model.insert(id(ms, 0), (who, deliveries));
                    }
                }
                GroupStep::DeleteConsumer(who) => {
                    let own = model.values().filter(|of| of.0 == who).count() as u64;
                    let expected = consumers.contains(&who).then_some(own);
                    assert_eq!(group.delete_consumer(tx, stream, &[who]), Ok(expected));
                    consumers.retain(|name| *name != who);
                    model.retain(|_, of| of.0 != who);
                }
                GroupStep::Commit => {}
            }
            group.save(tx, stream);
        });
        if matches!(step, GroupStep::Commit) {
            db.commit();
        }
        check_group(&mut db, &consumers, &model);
    }
    db.change(|tx, stream| destroy_group(tx, stream, b"g")).expect("a group");
    db.commit();
    assert_eq!((db.records(3), db.records(4), db.stream().header.groups), (0, 0, 0));
}

#[test]
fn pending_entries_are_those_of_the_model() {
    let step = prop_oneof![
        4 => (0..4u8, 0..20u64, 1..8u64).prop_map(|(who, from, count)| GroupStep::Deliver(who, from, count)),
        3 => (0..30u64).prop_map(GroupStep::Acknowledge),
        3 => (0..4u8, 0..30u64).prop_map(|(who, ms)| GroupStep::Claim(who, ms)),
        1 => (0..4u8).prop_map(GroupStep::DeleteConsumer),
        1 => Just(GroupStep::Commit),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(proptest::test_runner::Config::with_cases(40));
    runner
        .run(&prop::collection::vec(step, 1..40), |steps| {
            run_group_steps(steps);
            Ok(())
        })
        .expect("the model is right");
}

#[test]
fn new_ids_follow_the_clock_and_the_last_id() {
    let mut db = Db::new();
    db.add([id(5, 5)]);
    let mut stream = db.stream();
    assert_eq!(next_id(&stream, NewId::Auto, 9), Some(id(9, 0)));
    assert_eq!(next_id(&stream, NewId::Auto, 5), Some(id(5, 6)));
    assert_eq!(next_id(&stream, NewId::Auto, 1), Some(id(5, 6)));
    assert_eq!(next_id(&stream, NewId::At(5), 1), Some(id(5, 6)));
    assert_eq!(next_id(&stream, NewId::At(6), 1), Some(id(6, 0)));
    assert_eq!(next_id(&stream, NewId::At(4), 1), None);
    assert_eq!(next_id(&stream, NewId::Exactly(id(5, 5)), 1), None);
    stream.header.last_id = id(7, u64::MAX);
    assert_eq!(next_id(&stream, NewId::Auto, 7), Some(id(8, 0)));
    assert_eq!(next_id(&stream, NewId::At(7), 7), None);
    stream.header.last_id = StreamId::MAX;
    assert_eq!(next_id(&stream, NewId::Auto, 7), None);
}
