//! Random commands against a model in memory: contents, expiries, counts, within batches, after commits and after
//! the database was opened again.

use std::collections::BTreeMap;

use data::{Kind, Meta, key};
use engine::{Direction, Family};
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["a", "b", "{a}c", "d", "{d}"];
const DATABASES: u16 = 3;

/// What a key holds: a body, and parts in `elements`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    body: Vec<u8>,
    parts: Vec<(Vec<u8>, Vec<u8>)>,
    expire_at_ms: Option<u64>,
}

#[derive(Clone, Debug)]
enum Op {
    /// A new value, of so many parts.
    Put {
        key: usize,
        seed: u8,
        parts: u8,
        ttl_ms: Option<u64>,
    },
    Del(usize),
    Pexpire(usize, i64),
    Persist(usize),
    Rename(usize, usize),
    Renamenx(usize, usize),
    Copy {
        from: usize,
        to: usize,
        db: u16,
        replace: bool,
    },
    Move(usize, u16),
    Select(u16),
    Swap(u16, u16),
    Flushdb,
    Flushall,
    Pass(u64),
    Commit,
    Reopen,
    Collect,
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..NAMES.len();
    let db = || 0..DATABASES;
    prop_oneof![
        6 => (key(), any::<u8>(), 0..5u8, prop::option::of(1..50u64))
            .prop_map(|(key, seed, parts, ttl_ms)| Op::Put { key, seed, parts, ttl_ms }),
        2 => key().prop_map(Op::Del),
        3 => (key(), -2..50i64).prop_map(|(key, ms)| Op::Pexpire(key, ms)),
        1 => key().prop_map(Op::Persist),
        4 => (key(), key()).prop_map(|(from, to)| Op::Rename(from, to)),
        2 => (key(), key()).prop_map(|(from, to)| Op::Renamenx(from, to)),
        4 => (key(), key(), db(), any::<bool>()).prop_map(|(from, to, db, replace)| Op::Copy { from, to, db, replace }),
        3 => (key(), db()).prop_map(|(key, db)| Op::Move(key, db)),
        3 => db().prop_map(Op::Select),
        1 => (db(), db()).prop_map(|(a, b)| Op::Swap(a, b)),
        1 => Just(Op::Flushdb),
        1 => Just(Op::Flushall),
        2 => (1..20u64).prop_map(Op::Pass),
        3 => Just(Op::Commit),
        1 => Just(Op::Reopen),
        2 => Just(Op::Collect),
    ]
}

/// The databases as they should be. Expired keys stay until a command that writes meets them, as on disk.
#[derive(Default)]
struct Model {
    databases: [BTreeMap<usize, Value>; DATABASES as usize],
    selected: usize,
    now_ms: u64,
}

impl Model {
    fn peek(&self, key: usize) -> Option<&Value> {
        self.databases[self.selected].get(&key).filter(|value| value.expire_at_ms.is_none_or(|at| self.now_ms <= at))
    }

    /// True if the key is in a database; removes it there if it has expired.
    fn find(&mut self, db: usize, key: usize) -> bool {
        let now_ms = self.now_ms;
        self.databases[db].retain(|&k, value| k != key || value.expire_at_ms.is_none_or(|at| now_ms <= at));
        self.databases[db].contains_key(&key)
    }

    /// Carries out an operation; the command that does the same, and its reply.
    fn apply(&mut self, op: &Op) -> Option<(String, String)> {
        let here = self.selected;
        let number = |yes: bool| format!(":{}\r\n", i64::from(yes));
        let error = |text: &str| format!("-ERR {text}\r\n");
        let ok = || "+OK\r\n".to_owned();
        Some(match *op {
            Op::Del(key) => {
                let found = self.find(here, key);
                self.databases[here].remove(&key);
                (format!("DEL {}", NAMES[key]), number(found))
            }
            Op::Pexpire(key, ms) => {
                let found = self.find(here, key);
                if ms <= 0 {
                    self.databases[here].remove(&key);
                } else if let Some(value) = self.databases[here].get_mut(&key) {
                    value.expire_at_ms = self.now_ms.checked_add_signed(ms);
                }
                (format!("PEXPIRE {} {ms}", NAMES[key]), number(found))
            }
            Op::Persist(key) => {
                self.find(here, key);
                let taken = self.databases[here].get_mut(&key).and_then(|value| value.expire_at_ms.take());
                (format!("PERSIST {}", NAMES[key]), number(taken.is_some()))
            }
            Op::Rename(from, to) => {
                let found = self.find(here, from);
                if found && from != to {
                    let value = self.databases[here].remove(&from).expect("found");
                    self.databases[here].insert(to, value);
                }
                let reply = if found { ok() } else { error("no such key") };
                (format!("RENAME {} {}", NAMES[from], NAMES[to]), reply)
            }
            Op::Renamenx(from, to) => {
                let found = self.find(here, from);
                let free = found && from != to && !self.find(here, to);
                if free {
                    let value = self.databases[here].remove(&from).expect("found");
                    self.databases[here].insert(to, value);
                }
                let reply = if found { number(free) } else { error("no such key") };
                (format!("RENAMENX {} {}", NAMES[from], NAMES[to]), reply)
            }
            Op::Copy { from, to, db, replace } => {
                let option = if replace { " REPLACE" } else { "" };
                let command = format!("COPY {} {} DB {db}{option}", NAMES[from], NAMES[to]);
                let db = usize::from(db);
                if db == here && from == to {
                    return Some((command, error("source and destination objects are the same")));
                }
                let value = self.peek(from).cloned();
                let copied = value.is_some() && (!self.find(db, to) || replace);
                if let Some(value) = value.filter(|_| copied) {
                    self.databases[db].insert(to, value);
                }
                (command, number(copied))
            }
            Op::Move(key, db) => {
                let command = format!("MOVE {} {db}", NAMES[key]);
                let db = usize::from(db);
                if db == here {
                    return Some((command, error("source and destination objects are the same")));
                }
                let moved = self.find(here, key) && !self.find(db, key);
                if moved {
                    let value = self.databases[here].remove(&key).expect("found");
                    self.databases[db].insert(key, value);
                }
                (command, number(moved))
            }
            Op::Swap(a, b) => {
                self.databases.swap(usize::from(a), usize::from(b));
                (format!("SWAPDB {a} {b}"), ok())
            }
            Op::Flushdb => {
                self.databases[here].clear();
                ("FLUSHDB".to_owned(), ok())
            }
            Op::Flushall => {
                self.databases = Default::default();
                ("FLUSHALL".to_owned(), ok())
            }
            _ => return None,
        })
    }
}

/// Writes a value with its parts.
fn put(db: &mut Db, name: &[u8], value: &Value) {
    let mut tx = db.tx();
    let old = tx.find(name).expect("find");
    let mut meta = Meta { expire_at_ms: value.expire_at_ms, ..Meta::new(Kind::Hash) };
    if !value.parts.is_empty() {
        let parts = tx.new_parts(name);
        value.parts.iter().for_each(|(suffix, part)| tx.put_part(parts, suffix, part.clone()));
        meta.parts = Some(parts);
    }
    tx.put(name, old, meta, &value.body);
    db.batch.keep();
}

/// What a key of the selected database holds.
fn get(db: &Db, name: &[u8]) -> Option<Value> {
    let view = db.view();
    let found = view.find(name).expect("find")?;
    let mut parts = Vec::new();
    if let Some(at) = found.meta.parts {
        let (from, to) = (key::element(view.space(), at, &[]), key::element_end(view.space(), at));
        let mut cursor = view.engine().expect("an engine").scan(Family::Elements, &from, &to, Direction::Forward);
        while let Some((element, part)) = cursor.next().expect("a scan") {
            parts.push((element[from.len()..].to_vec(), part.to_vec()));
        }
    }
    Some(Value { body: found.body().to_vec(), parts, expire_at_ms: found.meta.expire_at_ms })
}

/// Compares counts and contents of every database.
fn compare(db: &mut Db, model: &mut Model) {
    let selected = (db.selected, model.selected);
    for number in 0..DATABASES {
        (db.selected, model.selected) = (number, usize::from(number));
        let expected = &model.databases[model.selected];
        let volatile = expected.values().filter(|value| value.expire_at_ms.is_some()).count();
        let count = db.view().count();
        assert_eq!((count.keys, count.volatile), (expected.len() as u64, volatile as u64), "database {number}");
        for (key, name) in NAMES.iter().enumerate() {
            assert_eq!(get(db, name.as_bytes()).as_ref(), model.peek(key), "{name} in database {number}");
        }
    }
    (db.selected, model.selected) = selected;
}

/// Compares the names that an iteration finds; only what is committed is seen by one.
fn compare_names(db: &mut Db, model: &Model) {
    let mut found = Vec::new();
    db.view()
        .walk(0, usize::MAX, |name, _| {
            found.push(String::from_utf8_lossy(name).into_owned());
            true
        })
        .expect("a walk");
    found.sort();
    let mut expected: Vec<&str> =
        NAMES.iter().enumerate().filter(|(key, _)| model.peek(*key).is_some()).map(|(_, name)| *name).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn commands_do_what_they_do_to_a_map(ops in prop::collection::vec(op(), 1..120)) {
        let mut db = Db::new();
        let mut model = Model { now_ms: START_MS, ..Model::default() };
        for op in &ops {
            match *op {
                Op::Put { key, seed, parts, ttl_ms } => {
                    let value = Value {
                        body: vec![seed],
                        parts: (0..parts).map(|n| (vec![n, seed], vec![seed; 3])).collect(),
                        expire_at_ms: ttl_ms.map(|ms| model.now_ms + ms),
                    };
                    put(&mut db, NAMES[key].as_bytes(), &value);
                    model.databases[model.selected].insert(key, value);
                }
                Op::Select(number) => (db.selected, model.selected) = (number, usize::from(number)),
                Op::Pass(ms) => {
                    db.pass_ms(ms);
                    model.now_ms += ms;
                }
                Op::Commit => {
                    db.commit();
                    compare_names(&mut db, &model);
                }
                Op::Reopen => db = db.reopen(),
                Op::Collect => {
                    db.commit();
                    data::garbage::collect(&db.engine, usize::MAX).expect("a collection");
                }
                _ => {
                    let (command, reply) = model.apply(op).expect("a command");
                    prop_assert_eq!(db.reply(&command), reply, "{}", command);
                }
            }
            compare(&mut db, &mut model);
        }
        // What is left over is what garbage is for: after a flush and a collection nothing is there.
        db.reply("FLUSHALL");
        db.commit();
        data::garbage::collect(&db.engine, usize::MAX).expect("a collection");
        for family in [Family::Keys, Family::Elements, Family::Expires] {
            let view = db.engine.view();
            let mut cursor = view.scan(family, &[0], &[0xff; 16], Direction::Forward);
            prop_assert!(cursor.next().expect("a scan").is_none(), "records are left in {:?}", family);
        }
    }
}
