//! Hashes beside a model: a map of fields.

mod layouts;

use std::collections::BTreeMap;

use super::*;
use crate::testing::{Db, START_MS};
use crate::{Meta, SpaceId, expiry, garbage, key};

const KEY: &[u8] = b"hash";

/// Values with the times of their fields.
type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn edit<T>(db: &mut Db, change: impl FnOnce(&mut Edit<'_, '_>) -> T) -> T {
    let mut tx = db.tx();
    let mut edit = Edit::begin(&mut tx, KEY).expect("an edit");
    let changed = change(&mut edit);
    edit.finish().expect("a header");
    db.batch.keep();
    changed
}

fn set(db: &mut Db, field: &str, value: &[u8]) -> bool {
    edit(db, |edit| edit.set(field.as_bytes(), value, Lifetime::Endless).expect("set"))
}

fn expire_at(db: &mut Db, field: &str, at_ms: u64) -> Expired {
    edit(db, |edit| edit.expire(field.as_bytes(), at_ms, Condition::Always).expect("expire"))
}

fn meta(db: &Db) -> Option<Meta> {
    db.view().find(KEY).expect("find").map(|found| found.meta)
}

/// Everything that reads see.
fn contents(db: &Db) -> Fields {
    let view = db.view();
    let mut fields = Fields::new();
    let Some(hash) = read(&view, KEY).expect("read") else { return fields };
    let add = |entry: &Entry<'_>| {
        let before = fields.insert(entry.field.to_vec(), (entry.value.to_vec(), entry.expire_at_ms));
        assert_eq!(before, None, "a field came twice");
        Ok(())
    };
    hash.walk_entries(&view, add).expect("a walk");
    assert_eq!(hash.len(&view).expect("a length"), fields.len() as u64);
    fields
}

/// The names of the fields in the order of a walk.
fn order(db: &Db) -> Vec<String> {
    let view = db.view();
    let mut names = Vec::new();
    let hash = read(&view, KEY).expect("read").expect("a hash");
    hash.walk(&view, |field, _| {
        names.push(String::from_utf8_lossy(field).into_owned());
        Ok(())
    })
    .expect("a walk");
    names
}

fn encoding(db: &Db) -> &'static str {
    read(&db.view(), KEY).expect("read").expect("a hash").encoding()
}

/// The records of a family, as committed.
fn records(db: &Db, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
    let view = db.engine.view();
    let (from, to) = (key::space_start(SpaceId(0)), key::space_end(SpaceId(u32::MAX)));
    let mut cursor = view.scan(family, &from, &to, Direction::Forward);
    let mut records = Vec::new();
    while let Some((key, value)) = cursor.next().expect("a scan") {
        records.push((key.to_vec(), value.to_vec()));
    }
    records
}

#[test]
fn a_small_hash_keeps_the_order_in_which_fields_were_added() {
    let mut db = Db::new();
    for field in ["b", "a", "c"] {
        assert!(set(&mut db, field, b"1"));
    }
    assert!(!set(&mut db, "a", b"a longer value"));
    assert_eq!(order(&db), ["b", "a", "c"]);
    assert!(edit(&mut db, |edit| edit.remove(b"b").expect("remove")));
    assert!(set(&mut db, "b", b""));
    expire_at(&mut db, "a", START_MS + 1000);
    assert_eq!(order(&db), ["a", "c", "b"]);
    assert_eq!(meta(&db).expect("a hash").parts, None);
}

#[test]
fn a_large_hash_has_a_record_for_each_field_and_writes_what_changes() {
    let mut db = Db::new();
    edit(&mut db, |edit| {
        for number in 0..1000 {
            assert!(edit.set(format!("field:{number}").as_bytes(), b"value", Lifetime::Endless).expect("set"));
        }
    });
    db.commit();
    assert_eq!((records(&db, Family::Elements).len(), records(&db, Family::Scores).len()), (1000, 0));

    assert!(set(&mut db, "another", b"value"));
    let mut written = 0;
    db.batch.pending().for_each_dirty(|_, _, _| written += 1);
    assert_eq!(written, 2, "a header and a field");
    db.commit();
    assert!(!set(&mut db, "another", b"changed"));
    written = 0;
    db.batch.pending().for_each_dirty(|_, _, _| written += 1);
    assert_eq!(written, 1, "a field");
}

#[test]
fn a_hash_becomes_large_by_a_longer_value_in_the_place_of_another() {
    let mut db = Db::new();
    set(&mut db, "a", b"1");
    set(&mut db, "b", b"2");
    assert!(!set(&mut db, "a", &[b'x'; 2000]));
    assert!(meta(&db).is_some_and(|meta| meta.parts.is_some()));
    db.commit();
    let expected = [(b"a".to_vec(), (vec![b'x'; 2000], None)), (b"b".to_vec(), (b"2".to_vec(), None))];
    assert_eq!(contents(&db), Fields::from(expected));
}

#[test]
fn a_large_hash_is_deleted_by_its_header_alone() {
    let mut db = Db::new();
    edit(&mut db, |edit| {
        for number in 0..1000u64 {
            let lifetime = if number % 2 == 0 { Lifetime::Endless } else { Lifetime::Until(START_MS + 1000 + number) };
            edit.set(format!("field:{number}").as_bytes(), b"value", lifetime).expect("set");
        }
    });
    db.commit();
    let mut tx = db.tx();
    let old = tx.find(KEY).expect("find").expect("a hash");
    tx.remove(KEY, old);
    let mut written = 0;
    db.batch.pending().for_each_dirty(|_, _, _| written += 1);
    assert_eq!(written, 3, "the header, the entry of the expiry index, a note for the garbage");
    db.commit();
    garbage::collect(&db.engine, usize::MAX).expect("a collection");
    for family in [Family::Keys, Family::Elements, Family::Scores, Family::Expires] {
        assert_eq!(records(&db, family), [], "{family:?}");
    }
}

#[test]
fn the_last_field_takes_the_key_along() {
    for large in [false, true] {
        let mut db = Db::new();
        let value = vec![b'x'; if large { INLINE_VALUE_MAX + 1 } else { 1 }];
        set(&mut db, "a", &value);
        set(&mut db, "b", &value);
        assert_eq!(meta(&db).is_some_and(|meta| meta.parts.is_some()), large);
        assert!(edit(&mut db, |edit| edit.remove(b"a").expect("remove")));
        assert!(!edit(&mut db, |edit| edit.remove(b"a").expect("remove")));
        assert!(meta(&db).is_some());
        assert!(edit(&mut db, |edit| edit.remove(b"b").expect("remove")));
        assert_eq!(meta(&db), None);
        assert_eq!(db.view().count().keys, 0);
    }
}

/// A value that makes no hash large by itself.
const INLINE_VALUE_MAX: usize = layout::INLINE_LEN_MAX - 10;

#[test]
fn expired_fields_are_seen_by_nothing_and_removed_by_the_next_change() {
    for large in [false, true] {
        let mut db = Db::new();
        let value = vec![b'x'; if large { 2000 } else { 1 }];
        for field in ["a", "b", "c"] {
            set(&mut db, field, &value);
        }
        assert_eq!(expire_at(&mut db, "a", START_MS + 10), Expired::Set);
        assert_eq!(expire_at(&mut db, "b", START_MS + 20), Expired::Set);
        db.commit();
        assert_eq!(meta(&db).and_then(|meta| meta.element_expire_at_ms), Some(START_MS + 10));

        db.pass_ms(10);
        assert_eq!(contents(&db).len(), 3, "alive through the millisecond that it names");
        db.pass_ms(1);
        assert_eq!(contents(&db).into_keys().collect::<Vec<_>>(), [b"b".to_vec(), b"c".to_vec()]);
        {
            let view = db.view();
            let hash = read(&view, KEY).expect("read").expect("a hash");
            assert!(hash.get(&view, b"a").expect("get").is_none());
            assert!(hash.random(&view).expect("random").is_some_and(|(field, _)| field != b"a"));
            let mut seen = 0;
            hash.scan(&view, 0, 10, |_, _| {
                seen += 1;
                Ok(())
            })
            .expect("a scan");
            assert_eq!(seen, 2);
        }
        // It is new again, and has no time.
        assert!(set(&mut db, "a", b"new"));
        assert_eq!(meta(&db).and_then(|meta| meta.element_expire_at_ms), Some(START_MS + 20));
        db.commit();
        let scores = records(&db, Family::Scores);
        assert_eq!(scores.len(), usize::from(large));
        assert_eq!(contents(&db)[&b"a"[..]], (b"new".to_vec(), None));
    }
}

#[test]
fn a_hash_whose_last_field_has_expired_begins_anew() {
    for large in [false, true] {
        let mut db = Db::new();
        set(&mut db, "a", &vec![b'x'; if large { 2000 } else { 1 }]);
        expire_at(&mut db, "a", START_MS + 10);
        let mut tx = db.tx();
        let old = tx.find(KEY).expect("find").expect("a hash");
        tx.set_expiry(KEY, old, Some(START_MS + 1_000_000)).expect("an expiry");
        db.commit();
        db.pass_ms(11);
        assert!(set(&mut db, "b", b"1"));
        let meta = meta(&db).expect("a hash");
        assert_eq!((meta.expire_at_ms, meta.element_expire_at_ms, meta.parts), (None, None, None));
        assert_eq!(encoding(&db), "listpack");
        assert_eq!((db.view().count().keys, db.view().count().volatile), (1, 0));
    }
}

#[test]
fn the_expirer_finds_fields_and_goes_on_where_it_stopped() {
    let mut db = Db::new();
    edit(&mut db, |edit| {
        for number in 0..300u64 {
            edit.set(format!("field:{number}").as_bytes(), &[b'x'; 10], Lifetime::Until(START_MS + number + 1))
                .expect("set");
        }
    });
    db.commit();
    let due = |db: &Db| expiry::due(&db.engine, &db.keyspace, 0, db.turn.now_ms(), 10).expect("the index");
    assert!(due(&db).is_empty());
    db.pass_ms(250);
    let mut removed = Vec::new();
    while due(&db) == [KEY] {
        let mut tx = db.tx();
        removed.push(expiry::settle(&mut tx, KEY, 100).expect("expiry"));
        db.commit();
    }
    assert_eq!(removed, [100, 100, 49]);
    assert_eq!(contents(&db).len(), 51);
    assert_eq!(records(&db, Family::Expires).len(), 1);

    db.pass_ms(100);
    assert_eq!(due(&db), [KEY]);
    expiry::settle(&mut db.tx(), KEY, 100).expect("expiry");
    db.commit();
    for family in [Family::Keys, Family::Elements, Family::Scores, Family::Expires] {
        assert_eq!(records(&db, family), [], "{family:?}");
    }
    assert_eq!(db.keyspace.count(0).keys, 0);
}

#[test]
fn the_times_of_a_key_and_its_fields_are_kept_apart_even_where_they_are_the_same() {
    let mut db = Db::new();
    set(&mut db, "a", b"1");
    set(&mut db, "b", b"1");
    expire_at(&mut db, "a", START_MS + 10);
    let set_expiry = |db: &mut Db, at| {
        let mut tx = db.tx();
        let old = tx.find(KEY).expect("find").expect("a hash");
        tx.set_expiry(KEY, old, at).expect("an expiry");
        db.commit();
    };
    let values = |db: &Db| records(db, Family::Expires).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    set_expiry(&mut db, Some(START_MS + 10));
    assert_eq!(values(&db), [b""]);
    set_expiry(&mut db, None);
    assert_eq!(values(&db), [b"\x01"]);
    set_expiry(&mut db, Some(START_MS + 20));
    assert_eq!(values(&db), [&b"\x01"[..], b""]);
    set_expiry(&mut db, Some(START_MS + 10));
    edit(&mut db, |edit| edit.persist(b"a").expect("persist"));
    db.commit();
    assert_eq!(values(&db), [b""]);
    set_expiry(&mut db, None);
    assert!(values(&db).is_empty());
}

#[test]
fn a_copy_and_a_renamed_hash_keep_the_times_of_their_fields() {
    for large in [false, true] {
        let mut db = Db::new();
        set(&mut db, "a", &vec![b'x'; if large { 2000 } else { 1 }]);
        set(&mut db, "b", b"1");
        expire_at(&mut db, "a", START_MS + 10);
        let before = contents(&db);
        let mut tx = db.tx();
        let value = {
            let view = tx.view();
            let found = view.find(KEY).expect("find").expect("a hash");
            crate::Value { meta: found.meta, body: found.body().to_vec() }
        };
        tx.copy(&value, 0, b"copy", None).expect("a copy");
        tx.detach(KEY, value.meta);
        tx.put(b"renamed", None, value.meta, &value.body);
        db.commit();
        assert_eq!(records(&db, Family::Expires).len(), 2);
        for name in [&b"copy"[..], b"renamed"] {
            let view = db.view();
            let hash = read(&view, name).expect("read").expect("a hash");
            let (_, time) = &before[&b"a"[..]];
            assert_eq!(hash.get(&view, b"a").expect("get").expect("a field").expire_at_ms, *time);
        }
        db.pass_ms(11);
        for name in expiry::due(&db.engine, &db.keyspace, 0, db.turn.now_ms(), 10).expect("the index") {
            expiry::settle(&mut db.tx(), &name, 10).expect("expiry");
        }
        db.commit();
        assert_eq!(records(&db, Family::Elements).len(), if large { 2 } else { 0 });
        assert_eq!((records(&db, Family::Expires).len(), records(&db, Family::Scores).len()), (0, 0));
    }
}

#[test]
fn encodings_are_those_that_redis_would_choose() {
    let mut db = Db::new();
    set(&mut db, "a", &[b'x'; 64]);
    assert_eq!(encoding(&db), "listpack");
    for number in 0..511 {
        set(&mut db, &number.to_string(), b"1");
    }
    assert_eq!(encoding(&db), "listpack");
    assert!(meta(&db).is_some_and(|meta| meta.parts.is_some()), "too many bytes for a header");
    set(&mut db, "one too many", b"1");
    assert_eq!(encoding(&db), "hashtable");
    edit(&mut db, |edit| edit.remove(b"a").expect("remove"));
    assert_eq!(encoding(&db), "hashtable", "there is no way back");

    let mut db = Db::new();
    set(&mut db, &"f".repeat(65), b"1");
    assert_eq!(encoding(&db), "hashtable");
    assert!(meta(&db).is_some_and(|meta| meta.parts.is_none()));
    let mut db = Db::new();
    set(&mut db, "a", &[b'x'; 65]);
    assert_eq!(encoding(&db), "hashtable");

    let mut db = Db::new();
    set(&mut db, "a", b"1");
    expire_at(&mut db, "a", START_MS + 10);
    assert_eq!(encoding(&db), "listpackex");
    edit(&mut db, |edit| edit.persist(b"a").expect("persist"));
    assert_eq!(encoding(&db), "listpackex");
    set(&mut db, "b", &[b'x'; 65]);
    assert_eq!(encoding(&db), "hashtable");
}

#[test]
fn fields_are_drawn_equally_often_and_different_ones_are_different() {
    for count in [1usize, 3, 10, 40, 200, 400] {
        let mut db = Db::new();
        edit(&mut db, |edit| {
            for number in 0..count {
                let value = vec![b'x'; if count > 10 { 50 } else { 5 }];
                edit.set(number.to_string().as_bytes(), &value, Lifetime::Endless).expect("set");
            }
        });
        db.commit();
        let view = db.view();
        let hash = read(&view, KEY).expect("read").expect("a hash");
        for wanted in [1, count / 4 + 1, count.saturating_sub(1).max(1)] {
            let mut times = vec![0u64; count];
            let rounds = 60 * count / wanted + 1;
            for _ in 0..rounds {
                let mut seen = Vec::new();
                let visit = |field: &[u8], _: &[u8]| {
                    seen.push(String::from_utf8_lossy(field).parse::<usize>().expect("a number"));
                    Ok(())
                };
                hash.random_distinct(&view, wanted as u64, visit).expect("a draw");
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), wanted);
                seen.into_iter().for_each(|number| times[number] += 1);
            }
            // About 60 each, with a deviation of 8.
            let (least, most) = (times.iter().min(), times.iter().max());
            assert!(least >= Some(&20) && most <= Some(&120), "{wanted} of {count}: {least:?} to {most:?}");
        }
        let mut drawn = 0;
        hash.random_many(&view, 500, |_, _| {
            drawn += 1;
            Ok(())
        })
        .expect("draws");
        assert_eq!(drawn, 500);
        let mut all = 0;
        hash.random_distinct(&view, u64::MAX, |_, _| {
            all += 1;
            Ok(())
        })
        .expect("all");
        assert_eq!(all, count);
    }
}

#[test]
fn a_draw_finds_the_few_fields_that_have_not_expired() {
    let mut db = Db::new();
    edit(&mut db, |edit| {
        for number in 0..2000 {
            let lifetime = if number == 7 { Lifetime::Endless } else { Lifetime::Until(START_MS + 10) };
            edit.set(format!("{number}").as_bytes(), b"value", lifetime).expect("set");
        }
    });
    db.commit();
    db.pass_ms(11);
    let view = db.view();
    let hash = read(&view, KEY).expect("read").expect("a hash");
    assert_eq!(hash.len(&view).expect("a length"), 1);
    assert_eq!(hash.random(&view).expect("random"), Some((b"7".to_vec(), b"value".to_vec())));
}

#[test]
fn random_changes_lead_to_what_a_map_would_be() {
    for seed in 1..=12 {
        Model::new(seed).run(600);
    }
}

/// A hash and the map that it should be.
struct Model {
    db: Db,
    fields: Fields,
    random: crate::Turn,
    seed: u64,
}

impl Model {
    fn new(seed: u64) -> Model {
        Model { db: Db::new(), fields: Fields::new(), random: crate::Turn::new(0, seed * 7919), seed }
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.random_below(bound)
    }

    fn run(&mut self, steps: usize) {
        // Some stay small, others become large.
        let (names, len_max) = [(6, 20), (12, 300), (60, 100), (300, 30)][(self.seed % 4) as usize];
        for step in 0..steps {
            let field = format!("f{}", self.below(names)).into_bytes();
            let value = vec![b'v'; self.below(len_max) as usize];
            self.change(&field, value);
            self.db.batch.keep();
            match self.below(10) {
                0..3 => self.db.commit(),
                3 => self.db.pass_ms(self.below(40)),
                4 => {
                    let limit = 1 + self.below(20) as usize;
                    expiry::settle(&mut self.db.tx(), KEY, limit).expect("expiry");
                }
                _ => {}
            }
            self.check(step);
        }
    }

    fn change(&mut self, field: &[u8], value: Vec<u8>) {
        let now = self.db.turn.now_ms();
        self.fields.retain(|_, (_, at)| at.is_none_or(|at| at >= now));
        let at = now + 1 + self.below(100);
        let before = self.fields.get(field).cloned();
        match self.below(10) {
            0..4 => {
                let lifetime = [Lifetime::Endless, Lifetime::Kept, Lifetime::Until(at)][self.below(3) as usize];
                let added = edit(&mut self.db, |edit| edit.set(field, &value, lifetime).expect("set"));
                assert_eq!(added, before.is_none());
                let time = match lifetime {
                    Lifetime::Endless => None,
                    Lifetime::Kept => before.and_then(|(_, time)| time),
                    Lifetime::Until(at) => Some(at),
                };
                self.fields.insert(field.to_vec(), (value, time));
            }
            4..6 => {
                let removed = edit(&mut self.db, |edit| edit.remove(field).expect("remove"));
                assert_eq!(removed, self.fields.remove(field).is_some());
            }
            6 => {
                let done = edit(&mut self.db, |edit| edit.persist(field).expect("persist"));
                let expected = match before {
                    None => Persisted::NoField,
                    Some((_, None)) => Persisted::NoTime,
                    Some((_, Some(_))) => Persisted::Done,
                };
                assert_eq!(done, expected);
                self.fields.entry(field.to_vec()).and_modify(|(_, time)| *time = None);
            }
            _ => self.expire(field, if self.below(8) == 0 { now } else { at }, before.map(|(_, time)| time)),
        }
    }

    fn expire(&mut self, field: &[u8], at: u64, before: Option<Option<u64>>) {
        use Condition::{Absent, Always, Earlier, Later, Present};
        let condition = [Always, Always, Absent, Present, Later, Earlier][self.below(6) as usize];
        let done = edit(&mut self.db, |edit| edit.expire(field, at, condition).expect("expire"));
        let is_met = |before: Option<u64>| match condition {
            Always => true,
            Absent => before.is_none(),
            Present => before.is_some(),
            Later => before.is_some_and(|before| at > before),
            Earlier => before.is_none_or(|before| at < before),
        };
        let expected = match before {
            None => Expired::NoField,
            Some(before) if !is_met(before) => Expired::NotMet,
            Some(_) if at <= self.db.turn.now_ms() => Expired::Deleted,
            Some(_) => Expired::Set,
        };
        assert_eq!(done, expected);
        match done {
            Expired::Set => drop(self.fields.entry(field.to_vec()).and_modify(|(_, time)| *time = Some(at))),
            Expired::Deleted => drop(self.fields.remove(field)),
            Expired::NoField | Expired::NotMet => {}
        }
    }

    fn check(&mut self, step: usize) {
        let now = self.db.turn.now_ms();
        self.fields.retain(|_, (_, at)| at.is_none_or(|at| at >= now));
        let case = format!("seed {}, step {step}", self.seed);
        assert_eq!(contents(&self.db), self.fields, "{case}");
        let view = self.db.view();
        let Some(hash) = read(&view, KEY).expect("read") else { return };
        for (field, (value, time)) in &self.fields {
            let got = hash.get(&view, field).expect("get").expect("a field");
            assert_eq!((&*got, got.expire_at_ms), (&value[..], *time), "{case}");
        }
        assert!(hash.get(&view, b"absent").expect("get").is_none());
        let due = hash.meta().element_expire_at_ms;
        if due.is_none_or(|due| due >= now) {
            let first = self.fields.values().filter_map(|(_, time)| *time).min();
            assert_eq!(due, first, "{case}");
            assert!(!self.fields.is_empty(), "{case}: an empty hash is there");
        }
        let (mut seen, mut cursor) = (Vec::new(), 0);
        loop {
            cursor = hash
                .scan(&view, cursor, 1 + step % 50, |field, _| {
                    seen.push(field.to_vec());
                    Ok(())
                })
                .expect("a scan");
            if cursor == 0 {
                break;
            }
        }
        seen.sort();
        assert_eq!(seen, self.fields.keys().cloned().collect::<Vec<_>>(), "{case}");
    }
}
