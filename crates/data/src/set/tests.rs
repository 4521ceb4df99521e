//! Sets against a model: a sorted set of byte strings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use engine::{Durability, Engine, EngineOptions};

use super::layout::INLINE_LEN_MAX;
use super::*;
use crate::{Batch, Keyspace, Turn, Tx};

type Model = BTreeSet<Vec<u8>>;

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

    fn view(&self) -> View<'_> {
        View::new(self.engine.view(), &self.keyspace, &self.turn, 0).through(&self.batch)
    }

    fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    fn limit(&self, intset: u64, listpack: u64, value: u64) {
        let encodings = &self.keyspace.settings.encodings;
        encodings.set_max_intset_entries.store(intset, Ordering::Relaxed);
        encodings.set_max_listpack_entries.store(listpack, Ordering::Relaxed);
        encodings.set_max_listpack_value.store(value, Ordering::Relaxed);
    }

    fn add(&mut self, key: &[u8], members: &[&[u8]]) -> u64 {
        add(&mut self.tx(), key, members.iter().copied()).expect("add")
    }

    fn remove(&mut self, key: &[u8], members: &[&[u8]]) -> u64 {
        remove(&mut self.tx(), key, members.iter().copied()).expect("remove")
    }

    fn encoding(&self, key: &[u8]) -> Option<&'static str> {
        read(&self.view(), key).expect("read").map(|set| set.encoding().name())
    }

    fn has_parts(&self, key: &[u8]) -> bool {
        read(&self.view(), key).expect("read").is_some_and(|set| set.meta().parts.is_some())
    }

    /// The members in the order in which they are replied.
    fn members(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let view = self.view();
        let mut members = Vec::new();
        if let Some(set) = read(&view, key).expect("read") {
            let collect = |member: &[u8]| {
                members.push(member.to_vec());
                Ok(true)
            };
            set.visit(&view, collect).expect("visit");
            assert_eq!(members.len() as u64, set.len());
        }
        members
    }

    fn shown(&self, key: &[u8]) -> String {
        let members = self.members(key);
        members.iter().map(|member| String::from_utf8_lossy(member).into_owned()).collect::<Vec<_>>().join(" ")
    }
}

fn number(n: u64) -> Vec<u8> {
    n.to_string().into_bytes()
}

#[test]
fn small_sets_keep_the_order_in_which_redis_replies_them() {
    let mut db = Db::new();
    db.add(b"n", &[b"10", b"-5", b"7"]);
    db.add(b"n", &[b"100000", b"0"]);
    assert_eq!((db.shown(b"n").as_str(), db.encoding(b"n")), ("-5 0 7 10 100000", Some("intset")));
    db.add(b"n", &[b"b", b"a", b"3"]);
    assert_eq!((db.shown(b"n").as_str(), db.encoding(b"n")), ("-5 0 7 10 100000 b a 3", Some("listpack")));
    db.remove(b"n", &[b"0", b"b", b"100000"]);
    assert_eq!((db.shown(b"n").as_str(), db.encoding(b"n")), ("-5 7 10 a 3", Some("listpack")));
    assert!(!db.has_parts(b"n"));
}

#[test]
fn encodings_follow_the_thresholds_and_never_go_back() {
    let mut db = Db::new();
    db.limit(4, 3, 5);
    db.add(b"n", &[b"1", b"2", b"3", b"4"]);
    assert_eq!(db.encoding(b"n"), Some("intset"));
    db.add(b"n", &[b"5"]);
    assert_eq!((db.encoding(b"n"), db.has_parts(b"n")), (Some("hashtable"), true));
    db.remove(b"n", &[b"2", b"3", b"4", b"5"]);
    assert_eq!((db.encoding(b"n"), db.shown(b"n").as_str()), (Some("hashtable"), "1"));

    // Three integers and a string are more than a listpack takes.
    db.add(b"m", &[b"1", b"2", b"3"]);
    db.add(b"m", &[b"a"]);
    assert_eq!(db.encoding(b"m"), Some("hashtable"));
    db.add(b"l", &[b"1", b"2"]);
    db.add(b"l", &[b"a"]);
    assert_eq!(db.encoding(b"l"), Some("listpack"));
    db.add(b"l", &[b"b"]);
    assert_eq!(db.encoding(b"l"), Some("hashtable"));
    db.add(b"long", &[b"abcdef"]);
    assert_eq!(db.encoding(b"long"), Some("hashtable"));
    // An integer that is too long for a listpack.
    db.add(b"wide", &[b"123456"]);
    db.add(b"wide", &[b"a"]);
    assert_eq!(db.encoding(b"wide"), Some("hashtable"));
    // What is announced counts before it is known to be new.
    db.add(b"k", &[b"1", b"1", b"1", b"1", b"1"]);
    assert_eq!((db.encoding(b"k"), db.shown(b"k").as_str()), (Some("hashtable"), "1"));
    db.add(b"j", &[b"a"]);
    db.add(b"j", &[b"a", b"a", b"a", b"a"]);
    assert_eq!(db.encoding(b"j"), Some("hashtable"));
}

#[test]
fn a_set_that_outgrows_its_header_is_still_what_redis_would_make_of_it() {
    let mut db = Db::new();
    for n in 0..512 {
        db.add(b"narrow", &[&number(n)]);
        db.add(b"wide", &[&number(u64::MAX / 2 - 512 + n)]);
    }
    assert!(!db.has_parts(b"narrow") && db.has_parts(b"wide"));
    assert_eq!((db.encoding(b"narrow"), db.encoding(b"wide")), (Some("intset"), Some("intset")));
    let expected: Vec<Vec<u8>> = (0..512).map(|n| number(u64::MAX / 2 - 512 + n)).collect();
    assert_eq!(db.members(b"wide"), expected, "ascending all the same");
    db.add(b"narrow", &[b"512"]);
    db.add(b"wide", &[b"1"]);
    assert_eq!((db.encoding(b"narrow"), db.encoding(b"wide")), (Some("hashtable"), Some("hashtable")));

    let member = [b'x'; 60];
    for n in 0..INLINE_LEN_MAX as u64 / 60 + 2 {
        db.add(b"strings", &[&[&member[..], &number(n)].concat()]);
    }
    assert_eq!((db.encoding(b"strings"), db.has_parts(b"strings")), (Some("listpack"), true));
}

#[test]
fn a_member_that_is_there_writes_nothing_and_one_that_is_not_two_records() {
    let mut db = Db::new();
    let members: Vec<Vec<u8>> = (0..2000).map(number).collect();
    db.add(b"s", &members.iter().map(Vec::as_slice).collect::<Vec<_>>());
    db.commit();
    assert_eq!(db.add(b"s", &[b"77"]), 0);
    assert!(db.batch.pending().is_clean());
    assert_eq!(db.add(b"s", &[b"new"]), 1);
    let mut records = 0;
    db.batch.pending().for_each_dirty(|_, _, _| records += 1);
    assert_eq!(records, 2);
}

#[test]
fn expiries_stay_with_changed_sets_and_go_with_results() {
    let mut db = Db::new();
    db.add(b"a", &[b"1", b"2"]);
    let expire = |db: &mut Db, key: &[u8]| {
        let mut tx = db.tx();
        let old = tx.find(key).expect("find").expect("a set");
        tx.set_expiry(key, old, Some(5000)).expect("an expiry");
    };
    let expires = |db: &Db, key: &[u8]| read(&db.view(), key).expect("read").and_then(|set| set.meta().expire_at_ms);
    expire(&mut db, b"a");
    db.add(b"a", &[b"x"]);
    db.limit(0, 0, 0);
    db.add(b"a", &[b"y"]);
    db.remove(b"a", &[b"x"]);
    pop_many(&mut db.tx(), b"a", 2).expect("pop");
    assert_eq!((expires(&db, b"a"), db.members(b"a").len()), (Some(5000), 1));
    db.add(b"b", &[b"z"]);
    replace(&mut db.tx(), b"a", [&b"b"[..]].into_iter(), Operation::Union).expect("union");
    assert_eq!((expires(&db, b"a"), db.shown(b"a").as_str()), (None, "z"));
}

#[test]
fn results_are_kept_as_redis_would_keep_them() {
    let mut db = Db::new();
    let store = |db: &mut Db, operation, keys: &[&'static [u8]]| {
        let len = replace(&mut db.tx(), b"result", keys.iter().copied(), operation).expect("a result");
        (len, db.encoding(b"result"), db.shown(b"result"))
    };
    db.add(b"n", &[b"3", b"1", b"2"]);
    db.add(b"mixed", &[b"2", b"b", b"1"]);
    let got = store(&mut db, Operation::Union, &[b"n", b"mixed"]);
    assert_eq!(got, (4, Some("listpack"), "1 2 3 b".to_owned()));
    let got = store(&mut db, Operation::Intersection, &[b"mixed", b"n"]);
    assert_eq!(got, (2, Some("intset"), "1 2".to_owned()), "what has integers only becomes an intset again");
    let got = store(&mut db, Operation::Difference, &[b"mixed", b"n"]);
    assert_eq!(got, (1, Some("listpack"), "b".to_owned()));
    db.limit(512, 128, 1);
    db.add(b"big", &[b"long", b"1", b"2"]);
    assert_eq!(db.encoding(b"big"), Some("hashtable"));
    let got = store(&mut db, Operation::Intersection, &[b"big", b"n", b"big"]);
    assert_eq!(got, (2, Some("intset"), "1 2".to_owned()));
    assert_eq!(store(&mut db, Operation::Difference, &[b"big", b"mixed"]).1, Some("hashtable"));
    assert_eq!(store(&mut db, Operation::Difference, &[b"n", b"n"]), (0, None, String::new()));
}

#[test]
fn what_is_popped_is_gone_and_a_small_remainder_is_compact_again() {
    let mut db = Db::new();
    let members: Vec<Vec<u8>> = (0..5000).map(|n| [b"m", &number(n)[..]].concat()).collect();
    let all: Model = members.iter().cloned().collect();
    for count in [1, 10, 1000, 4000, 4990, 4999, 5000, 6000] {
        db.add(b"s", &members.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (popped, sequence) = pop_many(&mut db.tx(), b"s", count).expect("pop");
        let popped_members: Model = packed::strings(&sequence).map(<[u8]>::to_vec).collect();
        let left: Model = db.members(b"s").into_iter().collect();
        assert_eq!((popped, popped_members.len() as u64), (count.min(5000), count.min(5000)));
        assert!(popped_members.is_disjoint(&left));
        assert_eq!(popped_members.union(&left).cloned().collect::<Model>(), all);
        if (4990..5000).contains(&count) {
            assert_eq!((db.encoding(b"s"), db.has_parts(b"s")), (Some("listpack"), false));
        }
        db.remove(b"s", &left.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(db.encoding(b"s"), None);
    }
}

/// Chi-square of how often each of `kinds` was drawn.
fn chi_square(counts: &BTreeMap<Vec<u8>, u64>, kinds: usize) -> f64 {
    let total: u64 = counts.values().sum();
    let expected = total as f64 / kinds as f64;
    let seen: f64 = counts.values().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
    seen + (kinds - counts.len()) as f64 * expected
}

#[test]
fn members_are_drawn_fairly_in_every_form() {
    // 0.001 of fair draws exceed these.
    for (len, mixed, chi_square_max) in [(10u64, false, 27.9), (10, true, 27.9), (300, true, 381.5)] {
        let mut db = Db::new();
        db.limit(512, 12, 64);
        for n in 0..len {
            db.add(b"s", &[&number(n)]);
        }
        if mixed {
            db.add(b"s", &[b"x"]);
            db.remove(b"s", &[b"x"]);
        }
        db.commit();
        let view = db.view();
        let set = read(&view, b"s").expect("read").expect("a set");
        let mut each: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut sampled = each.clone();
        let mut repeated = each.clone();
        for _ in 0..len * 30 {
            *each.entry(set.draw(&view).expect("draw")).or_default() += 1;
            set.sample(&view, 3, |member| *sampled.entry(member.to_vec()).or_default() += 1).expect("sample");
            set.draw_each(&view, 3, |member| *repeated.entry(member.to_vec()).or_default() += 1).expect("draws");
        }
        for counts in [each, sampled, repeated] {
            let chi_square = chi_square(&counts, len as usize);
            assert!(chi_square < chi_square_max, "{len} members, mixed {mixed}: {chi_square}");
        }
    }
}

#[test]
fn members_are_popped_fairly_whatever_was_added_and_removed_meanwhile() {
    const LEN: u64 = 200;
    let mut db = Db::new();
    db.limit(0, 0, 0);
    let mut first: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut later = first.clone();
    let members: Vec<Vec<u8>> = (0..LEN).map(number).collect();
    for round in 0..LEN * 20 {
        db.add(b"s", &members.iter().map(Vec::as_slice).collect::<Vec<_>>());
        *first.entry(pop(&mut db.tx(), b"s").expect("pop").expect("a member")).or_default() += 1;
        pop_many(&mut db.tx(), b"s", 1 + round % 3).expect("pop");
        *later.entry(pop(&mut db.tx(), b"s").expect("pop").expect("a member")).or_default() += 1;
        if round % 100 == 0 {
            db.commit();
        }
    }
    for counts in [first, later] {
        // 0.001 of fair draws exceed this.
        let chi_square = chi_square(&counts, LEN as usize);
        assert!(chi_square < 268.0, "{chi_square}");
    }
}

#[test]
fn a_sample_has_no_member_twice_and_all_if_there_are_no_more() {
    let mut db = Db::new();
    for n in 0..1000 {
        db.add(b"s", &[&number(n)]);
    }
    let view = db.view();
    let set = read(&view, b"s").expect("read").expect("a set");
    for count in [1, 2, 15, 16, 500, 999, 1000] {
        let mut sampled = Vec::new();
        set.sample(&view, count, |member| sampled.push(member.to_vec())).expect("sample");
        let different: Model = sampled.iter().cloned().collect();
        assert_eq!((sampled.len() as u64, different.len() as u64), (count, count));
    }
}

#[test]
fn an_iteration_returns_what_is_there_throughout() {
    let mut db = Db::new();
    for n in 0..3000 {
        db.add(b"s", &[&[b"stays", &number(n)[..]].concat(), &[b"goes", &number(n)[..]].concat()]);
    }
    let (mut cursor, mut seen, mut calls) = (0, Model::new(), 0u64);
    loop {
        let next = {
            let view = db.view();
            let set = read(&view, b"s").expect("read").expect("a set");
            let collect = |member: &[u8]| {
                seen.insert(member.to_vec());
                Ok(true)
            };
            set.scan(&view, cursor, 100, collect).expect("scan")
        };
        db.remove(b"s", &[&[b"goes", &number(calls)[..]].concat()]);
        db.add(b"s", &[&[b"comes", &number(calls)[..]].concat()]);
        calls += 1;
        match next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert!(calls > 50);
    assert_eq!(seen.iter().filter(|member| member.starts_with(b"stays")).count(), 3000);
}

#[test]
fn damaged_records_are_reported() {
    let mut db = Db::new();
    let write = |db: &mut Db, meta: Meta, body: &[u8]| {
        let mut tx = db.tx();
        let old = tx.find(b"s").expect("find");
        tx.put(b"s", old, meta, body);
    };
    let is_bad = |outcome: Result<bool>| matches!(outcome, Err(Error::BadRecord(_)));
    write(&mut db, Meta::new(Kind::Set), b"\x09");
    assert!(is_bad(read(&db.view(), b"s").map(|_| true)));
    write(&mut db, Meta::new(Kind::Set), &layout::encode_parts(Encoding::Hashtable, 1));
    assert!(is_bad(read(&db.view(), b"s").map(|_| true)));
    write(&mut db, Meta::new(Kind::Set), &layout::encode_strings(3, b"\x01a").expect("a body"));
    let visit = |db: &Db| {
        let view = db.view();
        let set = read(&view, b"s").expect("read").expect("a set");
        set.visit(&view, |_| Ok(true)).map(|()| true)
    };
    assert!(is_bad(visit(&db)));
    let parts = db.tx().new_parts(b"s");
    let meta = Meta { parts: Some(parts), ..Meta::new(Kind::Set) };
    write(&mut db, meta, &layout::encode_parts(Encoding::Hashtable, 5));
    assert!(is_bad(visit(&db)));
    let view = db.view();
    let set = read(&view, b"s").expect("read").expect("a set");
    assert!(is_bad(set.draw(&view).map(|_| true)));
}

/// Any byte string, mostly a number, of few that there are.
fn any_member(turn: &Turn) -> Vec<u8> {
    let n = turn.random_below(40);
    match turn.random_below(8) {
        0 => vec![b'm'; n as usize * 3],
        1 => format!("s{n}").into_bytes(),
        2 => (n as i64 * -100_000).to_string().into_bytes(),
        3 => (u64::MAX - n).to_string().into_bytes(),
        _ => number(n),
    }
}

#[test]
fn any_sequence_of_changes_gives_what_a_model_gives() {
    let keys: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
    let mut db = Db::new();
    let random = Turn::new(0, 20);
    let mut models: BTreeMap<&[u8], Model> = keys.iter().map(|&key| (key, Model::new())).collect();
    for step in 0..6000 {
        if step % 500 == 0 {
            let limits = [(512, 128, 64), (4, 4, 4), (16, 30, 20), (0, 0, 0)];
            let (intset, listpack, value) = limits[random.random_below(4) as usize];
            db.limit(intset, listpack, value);
        }
        let pick = || keys[random.random_below(4) as usize];
        let (key, other, target) = (pick(), pick(), pick());
        let members: Vec<Vec<u8>> = (0..1 + random.random_below(4)).map(|_| any_member(&random)).collect();
        let given: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
        let model = models.get_mut(key).expect("a model");
        match random.random_below(10) {
            0..=2 => {
                let new = members.iter().cloned().collect::<Model>().difference(model).count() as u64;
                assert_eq!(db.add(key, &given), new);
                model.extend(members.iter().cloned());
            }
            3 | 4 => {
                let gone = members.iter().filter(|member| model.remove(*member)).count() as u64;
                assert_eq!(db.remove(key, &given), gone);
            }
            5 => {
                let was_there = model.contains(&members[0]);
                assert_eq!(move_member(&mut db.tx(), key, other, &members[0]), Ok(was_there));
                if was_there {
                    models.get_mut(key).expect("a model").remove(&members[0]);
                    models.get_mut(other).expect("a model").insert(members[0].clone());
                }
            }
            6 => {
                let popped = pop(&mut db.tx(), key).expect("pop");
                assert_eq!(popped.is_none(), model.is_empty());
                assert!(popped.is_none_or(|member| model.remove(&member)));
            }
            7 => {
                let count = random.random_below(1 + model.len() as u64);
                let (popped, sequence) = pop_many(&mut db.tx(), key, count).expect("pop");
                assert_eq!(popped, count);
                assert!(packed::strings(&sequence).all(|member| model.remove(member)));
            }
            8 => {
                let (a, b) = (models[key].clone(), models[other].clone());
                let (operation, expected): (_, Model) = match random.random_below(3) {
                    0 => (Operation::Union, a.union(&b).cloned().collect()),
                    1 => (Operation::Intersection, a.intersection(&b).cloned().collect()),
                    _ => (Operation::Difference, a.difference(&b).cloned().collect()),
                };
                let len = replace(&mut db.tx(), target, [key, other].into_iter(), operation);
                assert_eq!(len, Ok(expected.len() as u64));
                models.insert(target, expected);
            }
            _ => db.commit(),
        }
        let model = &models[target];
        assert_eq!(db.members(target).into_iter().collect::<Model>(), *model, "step {step}");
        let view = db.view();
        if let Some(set) = read(&view, target).expect("read") {
            for member in &given {
                assert_eq!(set.contains(&view, member), Ok(model.contains(*member)));
            }
            assert!(model.contains(&set.draw(&view).expect("draw")));
        } else {
            assert!(model.is_empty());
        }
    }
}
