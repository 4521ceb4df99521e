//! Sorted sets against a model: members in a map, and all of them sorted anew for every question.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::{Durability, Engine, EngineOptions, Family};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::{Batch, Keyspace, Turn, Tx, View};

const KEY: &[u8] = b"zset";

/// One database with one open batch.
pub(super) struct Db {
    engine: Engine,
    pub(super) keyspace: Keyspace,
    batch: Batch,
    turn: Turn,
    _dir: tempfile::TempDir,
}

impl Db {
    pub(super) fn new() -> Db {
        let dir = tempfile::tempdir().expect("a directory");
        let options =
            EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, 1).expect("a keyspace");
        Db { engine, keyspace, batch: Batch::new(), turn: Turn::new(1000, 1), _dir: dir }
    }

    pub(super) fn tx(&mut self) -> Tx<'_> {
        Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, 0)
    }

    pub(super) fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    /// Accepts what was written.
    pub(super) fn keep(&mut self) {
        self.batch.keep();
    }

    /// Takes back what was written since.
    pub(super) fn undo(&mut self) {
        self.batch.undo();
    }

    /// What a thread that may not wait sees.
    pub(super) fn hot(&self) -> View<'_> {
        View::hot(&self.keyspace, &self.turn, 0)
    }

    /// Changes the set of the key.
    fn edit<T>(&mut self, change: impl FnOnce(&mut Tx<'_>, &mut Editor<'_>) -> T) -> T {
        let mut tx = self.tx();
        let mut set = Editor::open(&mut tx, KEY).expect("a sorted set");
        let result = change(&mut tx, &mut set);
        set.finish(&mut tx);
        self.batch.keep();
        result
    }

    fn add(&mut self, score: f64, member: &[u8]) {
        self.edit(|tx, set| {
            let old = set.score(tx, member).expect("a score");
            set.set(tx, member, score, old).expect("a change");
        });
    }

    /// Asks the set of the key; None if it is absent.
    fn ask<T>(&mut self, question: impl FnOnce(&View<'_>, &Zset<'_>) -> T) -> Option<T> {
        let tx = self.tx();
        let view = tx.view();
        let set = read(&view, KEY).expect("read")?;
        Some(question(&view, &set))
    }

    fn selected(&mut self, selection: &Selection<'_>) -> Vec<(Vec<u8>, f64)> {
        let mut found = Vec::new();
        self.ask(|view, set| {
            set.select(view, selection, &mut |member, score| {
                found.push((member.to_vec(), score));
                Ok(true)
            })
        })
        .transpose()
        .expect("a selection");
        found
    }

    fn all(&mut self) -> Vec<(Vec<u8>, f64)> {
        self.selected(&Selection::of(Part::Ranks(0..u64::MAX)))
    }

    /// Makes the set large from its first member on.
    fn without_inline() -> Db {
        let db = Db::new();
        db.keyspace.settings.encodings.zset_max_listpack_entries.store(0, Ordering::Relaxed);
        db
    }
}

/// Records that a family has in all.
fn records(db: &mut Db, family: Family) -> usize {
    let parts = db.ask(|_, set| set.meta().parts).flatten();
    let Some(parts) = parts else { return 0 };
    let tx = db.tx();
    let view = tx.view();
    let mut cursor = view.records(family, parts, &[], None, engine::Direction::Forward).expect("a cursor");
    let mut count = 0;
    while cursor.next().expect("a record").is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_small_set_lies_in_its_header_and_a_grown_one_in_parts() {
    let mut db = Db::new();
    for n in 0..40u8 {
        db.add(f64::from(n), &[n; 10]);
    }
    assert_eq!(db.ask(|_, set| (set.meta().parts, set.encoding(), set.len())), Some((None, "listpack", 40)));
    for n in 40..128u8 {
        db.add(f64::from(n), &[n; 10]);
    }
    let (parts, encoding, len) = db.ask(|_, set| (set.meta().parts, set.encoding(), set.len())).expect("a set");
    assert_eq!((parts.is_some(), encoding, len), (true, "listpack", 128));
    db.add(128.0, b"one more");
    assert_eq!(db.ask(|_, set| set.encoding()), Some("skiplist"));
    assert_eq!((records(&mut db, Family::Elements), db.all().len()), (129, 129));
}

#[test]
fn encodings_are_those_of_redis() {
    let mut db = Db::new();
    db.add(1.0, &[b'x'; 64]);
    assert_eq!(db.ask(|_, set| set.encoding()), Some("listpack"));
    db.add(1.0, &[b'x'; 65]);
    assert_eq!(db.ask(|_, set| set.encoding()), Some("skiplist"));
    db.edit(|tx, set| set.remove(tx, &[b'x'; 65])).expect("a removal");
    assert_eq!(db.ask(|_, set| set.encoding()), Some("skiplist"), "there is no way back");
    let mut tx = db.tx();
    let old = tx.find(KEY).expect("find");
    store(&mut tx, KEY, old, &[Scored { member: b"a".to_vec(), score: 1.0 }]);
    assert_eq!(db.ask(|_, set| set.encoding()), Some("listpack"), "but for a set made anew");
    db.edit(|tx, set| set.expect(tx, 129));
    assert_eq!(db.ask(|_, set| set.encoding()), Some("skiplist"));
}

#[test]
fn the_sign_of_zero_is_kept_where_redis_keeps_it() {
    let mut db = Db::new();
    db.add(-0.0, b"a");
    assert_eq!(db.all()[0].1.to_bits(), 0.0f64.to_bits());
    let mut db = Db::without_inline();
    db.add(-0.0, b"a");
    db.add(0.0, b"b");
    let all = db.all();
    assert_eq!((all[0].1.to_bits(), all[1].1.to_bits()), ((-0.0f64).to_bits(), 0.0f64.to_bits()));
    assert_eq!(db.ask(|view, set| set.rank(view, b"b").expect("a rank")), Some(Some((1, 0.0))));
}

#[test]
fn the_last_member_takes_the_key_along() {
    for mut db in [Db::new(), Db::without_inline()] {
        for way in 0..3 {
            db.add(1.0, b"a");
            db.add(2.0, b"b");
            db.edit(|tx, set| match way {
                0 => {
                    assert!(set.remove(tx, b"a").expect("a removal") && set.remove(tx, b"b").expect("a removal"));
                }
                1 => assert_eq!(set.remove_part(tx, &Part::Ranks(0..2)).expect("a removal"), 2),
                _ => assert_eq!(set.pop(tx, End::Max, 5).expect("a pop").len(), 2),
            });
            assert!(db.ask(|_, _| ()).is_none());
            assert_eq!(db.tx().view().count().keys, 0);
        }
    }
}

#[test]
fn removing_everything_writes_no_more_than_a_note() {
    let mut db = Db::without_inline();
    for n in 0..2000u32 {
        db.add(f64::from(n), &n.to_be_bytes());
    }
    db.commit();
    let everything = ScoreRange { min: f64::NEG_INFINITY, max: f64::INFINITY, min_open: false, max_open: false };
    let before = db.batch.pending().size_bytes();
    db.edit(|tx, set| set.remove_part(tx, &Part::Scores(everything))).expect("a removal");
    assert!(db.batch.pending().size_bytes() - before < 500);
    assert!(db.ask(|_, _| ()).is_none());
}

#[test]
fn a_changed_score_writes_few_records() {
    let mut db = Db::without_inline();
    for n in 0..20_000u32 {
        db.add(f64::from(n), &n.to_be_bytes());
    }
    db.commit();
    let before = db.batch.pending().size_bytes();
    db.add(10_000.5, &10_000u32.to_be_bytes());
    let written = db.batch.pending().size_bytes() - before;
    assert!(written < 400, "{written} bytes");
}

/// What a run of random commands does.
#[derive(Clone, Debug)]
enum Step {
    Add(f64, Vec<u8>),
    Remove(Vec<u8>),
    RemoveRanks(Range<u64>),
    RemoveScores(f64, f64),
    Pop(bool, u64),
    Select(bool, u64, u64),
    SelectScores(f64, f64, bool, u64),
    Ranks,
    Commit,
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..20i32).prop_map(f64::from),
        2 => (-1000..1000i32).prop_map(|n| f64::from(n) / 8.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0)],
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(0..600u16).prop_map(|n| n.to_be_bytes().to_vec()), prop::collection::vec(0..2u8, 0..4)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (score(), member()).prop_map(|(score, member)| Step::Add(score, member)),
        8 => member().prop_map(Step::Remove),
        2 => (0..400u64, 0..60u64).prop_map(|(from, len)| Step::RemoveRanks(from..from + len)),
        1 => (score(), score()).prop_map(|(min, max)| Step::RemoveScores(min, max)),
        2 => (any::<bool>(), 0..40u64).prop_map(|(max, count)| Step::Pop(max, count)),
        4 => (any::<bool>(), 0..500u64, 0..50u64).prop_map(|(rev, from, len)| Step::Select(rev, from, len)),
        4 => (score(), score(), any::<bool>(), 0..200u64).prop_map(|(a, b, rev, n)| Step::SelectScores(a, b, rev, n)),
        1 => Just(Step::Ranks),
        2 => Just(Step::Commit),
    ]
}

type Model = BTreeMap<Vec<u8>, f64>;

fn ordered(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut all: Vec<_> = model.iter().map(|(member, score)| (member.clone(), *score)).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    all
}

fn within(min: f64, max: f64) -> ScoreRange {
    ScoreRange { min, max, min_open: false, max_open: true }
}

fn clip(range: &Range<u64>, len: usize) -> Range<usize> {
    let end = (range.end as usize).min(len);
    (range.start as usize).min(end)..end
}

fn run(db: &mut Db, model: &mut Model, step: Step) {
    match step {
        Step::Add(score, member) => {
            db.add(score, &member);
            model.insert(member, score);
        }
        Step::Remove(member) => {
            let was_there = db.edit(|tx, set| set.remove(tx, &member)).expect("a removal");
            assert_eq!(was_there, model.remove(&member).is_some());
        }
        Step::RemoveRanks(ranks) => {
            let all = ordered(model);
            let expected = clip(&ranks, all.len());
            let removed = db.edit(|tx, set| set.remove_part(tx, &Part::Ranks(ranks))).expect("a removal");
            assert_eq!(removed, expected.len() as u64);
            for (member, _) in &all[expected] {
                model.remove(member);
            }
        }
        Step::RemoveScores(min, max) => {
            let len = model.len();
            model.retain(|_, score| !(*score >= min && *score < max));
            let removed = db.edit(|tx, set| set.remove_part(tx, &Part::Scores(within(min, max))));
            assert_eq!(removed.expect("a removal"), (len - model.len()) as u64);
        }
        Step::Pop(max, count) => {
            let mut all = ordered(model);
            if max {
                all.reverse();
            }
            all.truncate(count as usize);
            let end = if max { End::Max } else { End::Min };
            let popped = db.edit(|tx, set| set.pop(tx, end, count)).expect("a pop");
            let popped: Vec<_> = popped.into_iter().map(|scored| (scored.member, scored.score)).collect();
            assert_eq!(popped, all);
            for (member, _) in &all {
                model.remove(member);
            }
        }
        Step::Select(reverse, from, len) => {
            let mut all = ordered(model);
            if reverse {
                all.reverse();
            }
            let expected = all[clip(&(from..from + len), all.len())].to_vec();
            let selection = Selection { reverse, ..Selection::of(Part::Ranks(from..from + len)) };
            assert_eq!(db.selected(&selection), expected);
        }
        Step::SelectScores(min, max, reverse, offset) => {
            let mut all = ordered(model);
            all.retain(|(_, score)| *score >= min && *score < max);
            let count = db.ask(|view, set| set.count(view, &Part::Scores(within(min, max))).expect("a count"));
            assert_eq!(count.unwrap_or(0), all.len() as u64);
            if reverse {
                all.reverse();
            }
            let expected: Vec<_> = all.into_iter().skip(offset as usize).take(10).collect();
            let selection = Selection { part: Part::Scores(within(min, max)), reverse, offset, limit: 10 };
            assert_eq!(db.selected(&selection), expected);
        }
        Step::Ranks => {
            for (rank, (member, score)) in ordered(model).into_iter().enumerate().step_by(7) {
                let found = db.ask(|view, set| set.rank(view, &member).expect("a rank"));
                assert_eq!(found, Some(Some((rank as u64, score))));
            }
        }
        Step::Commit => db.commit(),
    }
}

fn compare_with_model(db: fn() -> Db) {
    let config = Config { cases: 12, ..Config::default() };
    let steps = prop::collection::vec(step(), 100..1500);
    TestRunner::new(config)
        .run(&steps, |steps| {
            let (mut db, mut model) = (db(), Model::new());
            for step in steps {
                run(&mut db, &mut model, step);
            }
            assert_eq!(db.all(), ordered(&model));
            assert_eq!(db.ask(|_, set| set.len()).unwrap_or(0), model.len() as u64);
            Ok(())
        })
        .expect("the set is like its model");
}

#[test]
fn random_changes_have_the_effects_of_the_model() {
    compare_with_model(Db::new);
}

#[test]
fn random_changes_of_a_large_set_have_the_effects_of_the_model() {
    compare_with_model(Db::without_inline);
}

#[test]
fn names_are_found_in_small_and_large_sets_alike() {
    let names: Vec<String> = (0..300).map(|n| format!("{n:03}")).collect();
    for count in [40usize, 300] {
        let mut db = Db::new();
        names[..count].iter().for_each(|name| db.add(0.0, name.as_bytes()));
        let cases = [
            (LexBound::Lowest, LexBound::Highest, 0..count),
            (LexBound::Closed(b"010"), LexBound::Closed(b"019"), 10..20),
            (LexBound::Open(b"010"), LexBound::Open(b"019"), 11..19),
            (LexBound::Closed(b"01"), LexBound::Open(b"02"), 10..20),
            (LexBound::Closed(b"9"), LexBound::Highest, 0..0),
            (LexBound::Lowest, LexBound::Closed(b""), 0..0),
            (LexBound::Highest, LexBound::Lowest, 0..0),
        ];
        for (min, max, expected) in cases {
            let part = Part::Names(LexRange { min, max });
            let expected: Vec<_> = names[expected].iter().map(|name| (name.clone().into_bytes(), 0.0)).collect();
            assert_eq!(db.selected(&Selection::of(part.clone())), expected, "{part:?}");
            let found = db.ask(|view, set| set.count(view, &part).expect("a count"));
            assert_eq!(found, Some(expected.len() as u64), "{part:?}");
            let reversed = db.selected(&Selection { reverse: true, ..Selection::of(part.clone()) });
            assert!(reversed.iter().rev().eq(&expected), "{part:?}");
        }
    }
}

#[test]
fn a_scan_visits_every_member_and_draws_are_members() {
    let mut db = Db::new();
    for n in 0..1000u32 {
        db.add(f64::from(n % 10), &n.to_be_bytes());
    }
    let (mut from, mut seen) = (Some(0), BTreeMap::new());
    while let Some(cursor) = from {
        from = db
            .ask(|view, set| {
                set.scan(view, cursor, 50, &mut |member, score| {
                    seen.insert(member.to_vec(), score);
                    Ok(true)
                })
            })
            .expect("a set")
            .expect("a scan");
    }
    assert_eq!(seen.len(), 1000);
    for _ in 0..50 {
        let drawn = db.ask(|view, set| set.draw(view).expect("a draw").expect("a member")).expect("a set");
        assert_eq!(seen.get(&drawn.member), Some(&drawn.score));
    }
}

#[test]
fn unreadable_bodies_are_errors() {
    let mut db = Db::new();
    for body in [&b""[..], b"\x07", b"\x00\x03ab", b"\x01"] {
        let mut tx = db.tx();
        let old = tx.find(KEY).expect("find");
        tx.put(KEY, old, Meta::new(Kind::Zset), body);
        let view = tx.view();
        let outcome = read(&view, KEY).map(|set| set.map(|set| set.each(&view, &mut |_, _| Ok(true))));
        assert!(!matches!(outcome, Ok(Some(Ok(())))), "{body:?}");
    }
}
