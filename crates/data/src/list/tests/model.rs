//! Random operations on a list and on a deque.

use std::collections::VecDeque;

use proptest::test_runner::{Config, TestRunner};

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Push(End, Vec<Vec<u8>>),
    Pop(End, u64),
    Set(u64, Vec<u8>),
    /// Pivot, whether behind it, element.
    Insert(Vec<u8>, bool, Vec<u8>),
    Remove(i64, Vec<u8>),
    /// How many go at either end.
    Trim(u64, u64),
    Rotate(End, End),
    Range(u64, u64),
    Search(Vec<u8>),
    Commit,
}

/// Few short elements, so that there are equal ones, and some long ones.
fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..30u32).prop_map(|n| n.to_string().into_bytes()),
        3 => (0..5u8, 100..140usize).prop_map(|(n, len)| vec![n; len]),
        1 => (0..3u8, 1000..1010usize).prop_map(|(n, len)| vec![n; len]),
        1 => Just(Vec::new()),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (end(), prop::collection::vec(element(), 1..4)).prop_map(|(end, elements)| Op::Push(end, elements)),
        3 => (end(), prop::collection::vec(element(), 20..150)).prop_map(|(end, elements)| Op::Push(end, elements)),
        5 => (end(), 1..4u64).prop_map(|(end, count)| Op::Pop(end, count)),
        1 => (end(), 1..100u64).prop_map(|(end, count)| Op::Pop(end, count)),
        4 => (any::<u64>(), element()).prop_map(|(at, element)| Op::Set(at, element)),
        6 => (element(), any::<bool>(), element()).prop_map(|(pivot, after, element)| Op::Insert(pivot, after, element)),
        6 => (-5..6i64, element()).prop_map(|(count, element)| Op::Remove(count, element)),
        1 => (0..150u64, 0..150u64).prop_map(|(left, right)| Op::Trim(left, right)),
        2 => (0..5u64, 0..5u64).prop_map(|(left, right)| Op::Trim(left, right)),
        2 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        3 => (any::<u64>(), any::<u64>()).prop_map(|(start, end)| Op::Range(start, end)),
        2 => element().prop_map(Op::Search),
        3 => Just(Op::Commit),
    ]
}

type Model = VecDeque<Vec<u8>>;

fn take(model: &mut Model, end: End) -> Option<Vec<u8>> {
    if end == End::Left { model.pop_front() } else { model.pop_back() }
}

fn add(model: &mut Model, end: End, element: Vec<u8>) {
    if end == End::Left { model.push_front(element) } else { model.push_back(element) }
}

/// Removes as `LREM` does; returns how many.
fn remove_from(model: &mut Model, count: i64, element: &[u8]) -> u64 {
    let mut places: Vec<usize> = (0..model.len()).filter(|&at| model[at] == element).collect();
    if count < 0 {
        places.reverse();
    }
    if count != 0 {
        places.truncate(count.unsigned_abs() as usize);
    }
    places.sort_unstable();
    places.iter().rev().for_each(|&at| drop(model.remove(at)));
    places.len() as u64
}

fn apply(db: &mut Db, model: &mut Model, op: &Op) {
    let len = model.len() as u64;
    match op.clone() {
        Op::Push(end, elements) => {
            assert_eq!(db.push(end, &elements), len + elements.len() as u64);
            elements.into_iter().for_each(|element| add(model, end, element));
        }
        Op::Pop(end, count) => {
            let expected: Vec<Vec<u8>> = (0..count).filter_map(|_| take(model, end)).collect();
            assert_eq!(db.pop(end, count), expected);
        }
        Op::Set(at, element) if len > 0 => {
            db.change(|tx, old| set(tx, KEY, old, at % len, &element));
            model[(at % len) as usize] = element;
        }
        Op::Insert(pivot, is_after, element) => {
            let at = model.iter().position(|other| *other == pivot);
            let expected = at.map(|_| len + 1);
            let got = db.change(|tx, old| insert(tx, KEY, old, &pivot, is_after, &element));
            assert_eq!(got.flatten(), expected);
            if let Some(at) = at {
                model.insert(at + usize::from(is_after), element);
            }
        }
        Op::Remove(count, element) => {
            let got = db.change(|tx, old| remove(tx, KEY, old, count, &element));
            assert_eq!(got.unwrap_or(0), remove_from(model, count, &element));
        }
        Op::Trim(left, right) => {
            let kept = left.min(len)..(len - right.min(len)).max(left.min(len));
            db.change(|tx, old| trim(tx, KEY, old, kept.clone()));
            model.truncate(kept.end as usize);
            drop(model.drain(..kept.start as usize));
        }
        Op::Rotate(from, to) => {
            let mut moved = None;
            db.change(|tx, old| rotate(tx, KEY, old, from, to, |element| moved = Some(element.to_vec())));
            let expected = take(model, from);
            expected.clone().into_iter().for_each(|element| add(model, to, element));
            assert_eq!(moved, expected);
        }
        Op::Range(start, end) if len > 0 => {
            let (start, end) = ((start % len).min(end % len), (start % len).max(end % len) + 1);
            let mut expected: Vec<Vec<u8>> = model.range(start as usize..end as usize).cloned().collect();
            assert_eq!(db.range(start..end, Direction::Forward), expected);
            expected.reverse();
            assert_eq!(db.range(start..end, Direction::Backward), expected);
            db.read(|view, list| {
                let mut got = Vec::new();
                list.expect("a list").get(view, start, |element| got = element.to_vec()).expect("an element");
                assert_eq!(got, model[start as usize]);
            });
        }
        Op::Search(element) if len > 0 => {
            for direction in [Direction::Forward, Direction::Backward] {
                let mut found = Vec::new();
                db.read(|view, list| {
                    let searched = list.expect("a list").search(view, 0..len, direction, &element, |position| {
                        found.push(position as usize);
                        true
                    });
                    searched.expect("a search");
                });
                let mut expected: Vec<usize> = (0..model.len()).filter(|&at| model[at] == element).collect();
                if direction == Direction::Backward {
                    expected.reverse();
                }
                assert_eq!(found, expected);
            }
        }
        Op::Set(..) | Op::Range(..) | Op::Search(_) => {}
        Op::Commit => db.commit(),
    }
}

/// What the header knows of the elements, and that no record is there in vain.
fn check_state(db: &mut Db, model: &Model) {
    let (entry_bytes, longs, blocks) = db.read(|_, list| match list.map(|list| list.shape) {
        Some(Shape::Blocks(extent)) => {
            let blocks = layout::block_of(extent.tail() - 1) - layout::block_of(extent.head) + 1;
            let longs = model.iter().filter(|element| element.len() > SHORT_LEN_MAX).count();
            (extent.entry_bytes, longs, blocks as usize)
        }
        _ => (None, 0, 0),
    });
    if let Some(entry_bytes) = entry_bytes {
        assert_eq!(entry_bytes, model.iter().map(|element| encoding::entry_len(element)).sum::<u64>());
    }
    // Replaced versions are garbage that is collected elsewhere.
    assert!(db.record_count() >= longs + blocks);
    let parts = db.read(|_, list| list.and_then(|list| list.meta().parts));
    if let Some(parts) = parts {
        let tx = db.tx();
        let view = tx.view();
        let mut cursor = view.records(Family::Elements, parts, &[], None, Direction::Forward).expect("records");
        let mut count = 0;
        while cursor.next().expect("a record").is_some() {
            count += 1;
        }
        assert_eq!(count, longs + blocks);
    }
}

#[test]
fn random_operations_agree_with_a_model() {
    let mut runner = TestRunner::new(Config { cases: 150, ..Config::default() });
    let ops = prop::collection::vec(op(), 1..120);
    let outcome = runner.run(&ops, |ops| {
        let (mut db, mut model) = (Db::new(), Model::new());
        for op in &ops {
            apply(&mut db, &mut model, op);
            check_state(&mut db, &model);
        }
        prop_assert_eq!(db.all(), Vec::from(model));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
