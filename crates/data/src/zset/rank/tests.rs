//! The counted index against a sorted vector of rows.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::error::Error;
use crate::zset::tests::Db;

/// An index over rows that are nothing but rows.
struct Indexed {
    db: Db,
    parts: Parts,
    shape: Shape,
    model: BTreeSet<Vec<u8>>,
}

impl Indexed {
    fn new() -> Indexed {
        let mut db = Db::new();
        let parts = db.tx().new_parts(b"key");
        let shape = Shape { is_listpack: false, count: 0, height: 0, low: 0, high: u64::MAX - 1 };
        Indexed { db, parts, shape, model: BTreeSet::new() }
    }

    /// An index that was built over rows in order.
    fn built(rows: impl Iterator<Item = Vec<u8>>) -> Indexed {
        let mut indexed = Indexed::new();
        let mut tx = indexed.db.tx();
        let mut builder = Builder::default();
        for row in rows {
            builder.push(&row);
            tx.put_record(Family::Scores, indexed.parts, &row, Vec::new());
            indexed.shape.count += 1;
            indexed.model.insert(row);
        }
        builder.finish(&mut tx, indexed.parts, &mut indexed.shape);
        indexed
    }

    fn insert(&mut self, row: Vec<u8>) {
        if !self.model.insert(row.clone()) {
            return;
        }
        let mut tx = self.db.tx();
        tx.put_record(Family::Scores, self.parts, &row, Vec::new());
        insert(&mut tx, self.parts, &mut self.shape, &row).expect("an insertion");
        self.shape.count += 1;
    }

    /// Removes so many rows from the first one that is not below another.
    fn remove_from(&mut self, row: &[u8], count: usize) {
        let rows: Vec<_> = self.model.range(row.to_vec()..).take(count).cloned().collect();
        let mut tx = self.db.tx();
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let len = run_len(&tx.view(), self.parts, &self.shape, rest).expect("a length");
            for row in &rest[..len] {
                tx.delete_record(Family::Scores, self.parts, row);
            }
            remove(&mut tx, self.parts, &self.shape, &rest[0], len as u64).expect("a removal");
            rest = &rest[len..];
        }
        self.shape.count -= rows.len() as u64;
        for row in &rows {
            self.model.remove(row);
        }
    }

    fn relocate(&mut self, from: &[u8], to: Vec<u8>) {
        let Some(from) = self.model.range(from.to_vec()..).next().cloned() else { return };
        if self.model.contains(&to) {
            return;
        }
        let mut tx = self.db.tx();
        tx.delete_record(Family::Scores, self.parts, &from);
        tx.put_record(Family::Scores, self.parts, &to, Vec::new());
        relocate(&mut tx, self.parts, &mut self.shape, &from, &to).expect("a relocation");
        self.model.remove(&from);
        self.model.insert(to);
    }

    /// The same in a command that fails: nothing of it stays.
    fn undone(&mut self, change: impl FnOnce(&mut Indexed)) {
        self.db.keep();
        let (shape, model) = (self.shape, self.model.clone());
        change(self);
        self.db.undo();
        (self.shape, self.model) = (shape, model);
    }

    /// That ranks and rows are right if only what is in memory is asked, which is what is committed. Returns how many of so many
    /// ranks were found there.
    fn check_hot(&mut self) -> (usize, usize) {
        self.db.commit();
        let view = self.db.hot();
        let (mut found, mut asked) = (0, 0);
        for (rank, row) in self.model.iter().enumerate().step_by(1 + self.model.len() / 50) {
            asked += 1;
            match count_before(&view, self.parts, &self.shape, row) {
                Ok(before) => assert_eq!(before, rank as u64),
                Err(Error::NotHot) => continue,
                Err(error) => panic!("{error}"),
            }
            found += 1;
            let ranks = rank as u64..(rank as u64 + 3).min(self.shape.count);
            let mut rows = Vec::new();
            let outcome = visit(&view, self.parts, &self.shape, ranks, true, &mut |member, score| {
                rows.push(layout::row(score, member));
                Ok(true)
            });
            if !matches!(outcome, Err(Error::NotHot)) {
                outcome.expect("a visit");
                let expected: Vec<_> = self.model.iter().skip(rank).take(3).rev().cloned().collect();
                assert_eq!(rows, expected);
            }
        }
        (found, asked)
    }

    /// Everything that always holds, and that every rank is found both ways.
    fn check(&mut self) {
        let tx = self.db.tx();
        let view = tx.view();
        let all: Vec<_> = self.model.iter().collect();
        assert_eq!(self.shape.count, all.len() as u64);
        // The nodes of a level as the level above should have them: their boundaries and rows.
        let mut below: Vec<(Vec<u8>, u64)> = Vec::new();
        for level in 1..=self.shape.height {
            let mut nodes: Vec<Node> = Vec::new();
            let mut cursor = view
                .records(Family::Scores, self.parts, &[level], Some(&[level + 1]), Direction::Forward)
                .expect("a scan");
            while let Some((key, _)) = cursor.next().expect("a record") {
                nodes.push(Node::read(&view, self.parts, level, key[1..].to_vec()).expect("a node"));
            }
            let children: Vec<(Vec<u8>, u64)> =
                nodes.iter().flat_map(Node::children).map(|child| (child.boundary.to_vec(), child.rows)).collect();
            if level == 1 {
                let ends = children.iter().skip(1).map(|(boundary, _)| Some(boundary)).chain([None]);
                for ((boundary, rows), end) in children.iter().zip(ends) {
                    let within = |row: &&&Vec<u8>| row[1..] >= boundary[..] && end.is_none_or(|end| row[1..] < end[..]);
                    assert_eq!(*rows, all.iter().filter(within).count() as u64, "rows of the run {boundary:?}");
                    assert!(*rows <= RUN_ROWS_MAX);
                }
            } else {
                assert_eq!(children, below, "children at level {level}");
            }
            assert_eq!(nodes[0].boundary, b"", "the first boundary of level {level}");
            for node in &nodes {
                assert!((1..=CHILDREN_MAX).contains(&node.len()));
                assert_eq!(node.len(), node.children().count());
                assert_eq!(node.children().next().map(|child| child.boundary), Some(&node.boundary[..]));
            }
            below = nodes.iter().map(|node| (node.boundary.clone(), node.rows())).collect();
        }
        assert!(self.shape.height == 0 && all.len() as u64 <= RUN_ROWS_MAX || below.len() == 1);
        for (rank, row) in all.iter().enumerate().step_by(1 + all.len() / 50) {
            let before = count_before(&view, self.parts, &self.shape, row).expect("a rank");
            assert_eq!(before, rank as u64);
            let (from, skip) = seek(&view, self.parts, &self.shape, rank as u64).expect("a place");
            let mut cursor =
                view.records(Family::Scores, self.parts, &from, Some(&[1]), Direction::Forward).expect("a scan");
            for _ in 0..skip {
                cursor.next().expect("a record");
            }
            assert_eq!(cursor.next().expect("a record").map(|(row, _)| row), Some(&row[..]));
        }
        let end = count_before(&view, self.parts, &self.shape, &layout::row_bound(u64::MAX)).expect("a rank");
        assert_eq!(end, all.len() as u64);
    }
}

fn numbered(number: u32) -> Vec<u8> {
    layout::row(f64::from(number / 50), &number.to_be_bytes())
}

#[test]
fn rows_that_come_in_order_are_split_into_runs() {
    let mut indexed = Indexed::new();
    for number in 0..20_000 {
        indexed.insert(numbered(number));
    }
    assert_eq!(indexed.shape.height, 2);
    indexed.check();
    for number in (20_000..30_000).rev() {
        indexed.insert(numbered(number));
    }
    indexed.check();
}

#[test]
fn a_built_index_is_one_that_can_be_changed() {
    for count in [0, 1, 64, 65, 48 * 72, 48 * 72 + 1, 20_000] {
        let mut indexed = Indexed::built((0..count).map(|number| numbered(2 * number)));
        indexed.check();
        for number in 0..500 {
            indexed.insert(numbered(2 * (number * 37 % 20_000) + 1));
        }
        indexed.check();
    }
}

#[test]
fn a_queue_leaves_nothing_behind() {
    let mut indexed = Indexed::new();
    for number in 0..40_000 {
        indexed.insert(numbered(number));
        if number >= 300 {
            indexed.remove_from(&[], 1);
        }
        if number % 1000 == 0 {
            indexed.db.commit();
        }
    }
    indexed.check();
    let tx = indexed.db.tx();
    let view = tx.view();
    let mut cursor = view.records(Family::Scores, indexed.parts, &[1], None, Direction::Forward).expect("a scan");
    let mut runs = 0;
    while cursor.next().expect("a record").is_some() {
        runs += 1;
    }
    assert!(runs < 20, "{runs} records of the index for 300 rows");
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u8),
    Remove(u32, usize),
    Relocate(u32, u32),
    Fail(Box<Step>),
    Commit,
    Check,
}

impl Step {
    fn run(self, indexed: &mut Indexed) {
        match self {
            Step::Insert(number, count) => {
                (0..u32::from(count)).for_each(|n| indexed.insert(numbered(number + 7 * n)));
            }
            Step::Remove(number, count) => indexed.remove_from(&numbered(number), count),
            Step::Relocate(from, to) => indexed.relocate(&numbered(from), numbered(to)),
            Step::Fail(step) => indexed.undone(|indexed| step.run(indexed)),
            Step::Commit => drop(indexed.check_hot()),
            Step::Check => indexed.check(),
        }
    }
}

#[test]
fn runs_in_use_are_found_in_memory_until_they_are_changed() {
    let mut indexed = Indexed::built((0..20_000).map(|number| numbered(2 * number)));
    assert_eq!(indexed.check_hot().0, 0, "no run was read yet");
    indexed.check();
    let (found, asked) = indexed.check_hot();
    assert_eq!(found, asked);
    indexed.undone(|indexed| indexed.insert(numbered(801)));
    indexed.insert(numbered(10_001));
    let (found, asked) = indexed.check_hot();
    assert!((asked - 2..asked).contains(&found), "{found} of {asked}");
    indexed.check();
    assert_eq!(indexed.check_hot(), (asked, asked));
}

#[test]
fn random_changes_keep_every_count_right() {
    let change = prop_oneof![
        12 => (0..100_000u32, 1..200u8).prop_map(|(number, count)| Step::Insert(number, count)),
        4 => (0..100_000u32, 1..20usize).prop_map(|(number, count)| Step::Remove(number, count)),
        2 => (0..100_000u32, 50..1500usize).prop_map(|(number, count)| Step::Remove(number, count)),
        4 => (0..100_000u32, 0..100_000u32).prop_map(|(from, to)| Step::Relocate(from, to)),
    ];
    let step = prop_oneof![
        20 => change.clone(),
        1 => change.prop_map(|change| Step::Fail(Box::new(change))),
        1 => Just(Step::Commit),
        1 => Just(Step::Check),
    ];
    let config = Config { cases: 20, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step, 1..300), |steps| {
            let mut indexed = Indexed::new();
            steps.into_iter().for_each(|step| step.run(&mut indexed));
            indexed.check();
            indexed.check_hot();
            Ok(())
        })
        .expect("every count is right");
}
