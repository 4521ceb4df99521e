//! Keys that clients watch (`WATCH`), and whether one of them was changed since.
//!
//! Whoever commits a batch holds the latches of the keys in it, and tells here what it has written before it gives them back.
//! Whoever begins to watch a key, or asks whether it was changed, holds its latch too. So nothing in between is missed, and as
//! long as nobody watches anything, a commit pays for one load.
//!
//! A key is watched by its name and by the version of the parts of its value: a write to one field of a large hash
//! leaves the key's record as it is. Names are those of numbered databases, so that `SWAPDB` and `FLUSHDB` can be told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use engine::{Engine, Family};
use parking_lot::Mutex;

use crate::batch::Batch;
use crate::error::Result;
use crate::header::Meta;
use crate::key;
use crate::keyspace::Keyspace;
use crate::view::View;

/// All that is watched. Shared by all workers.
#[derive(Debug, Default)]
pub struct Watches {
    /// Keys in the table, each as often as it is watched.
    count: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By [`name`].
    keys: HashMap<Vec<u8>, Vec<Watcher>>,
    /// By the version of their parts.
    parts: HashMap<u64, Vec<Arc<AtomicBool>>>,
}

/// One client's interest in one key.
#[derive(Debug)]
struct Watcher {
    changed: Arc<AtomicBool>,
    /// The key was there when the client began to watch it.
    was_there: bool,
}

/// What one client watches, until it is dropped. Copies are the same.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Watching>);

#[derive(Debug)]
struct Watching {
    watches: Arc<Watches>,
    changed: Arc<AtomicBool>,
    keys: Mutex<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    db: u16,
    key: Vec<u8>,
    was_there: bool,
    version: Option<u64>,
}

/// A key of a database, as the table has it.
fn name(db: u16, user_key: &[u8]) -> Vec<u8> {
    [&db.to_be_bytes()[..], user_key].concat()
}

impl Watch {
    /// Watches nothing yet.
    pub fn new(keyspace: &Keyspace) -> Watch {
        let watches = keyspace.watches().clone();
        Watch(Arc::new(Watching { watches, changed: Arc::default(), keys: Mutex::default() }))
    }

    /// Watches a key as well. The caller holds its latch, and the view shows what is committed.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub fn add(&self, view: &View<'_>, user_key: &[u8]) -> Result<()> {
        let Watching { watches, changed, keys } = &*self.0;
        let db = view.db();
        let mut keys = keys.lock();
        // What was changed already stays so.
        if self.is_changed() || keys.iter().any(|watched| watched.db == db && watched.key == user_key) {
            return Ok(());
        }
        let found = view.find(user_key)?;
        let version = found.as_ref().and_then(|found| found.meta.parts).map(|parts| parts.version);
        let was_there = found.is_some();
        {
            let mut table = watches.table.lock();
            let watcher = Watcher { changed: changed.clone(), was_there };
            table.keys.entry(name(db, user_key)).or_default().push(watcher);
            if let Some(version) = version {
                table.parts.entry(version).or_default().push(changed.clone());
            }
        }
        watches.count.fetch_add(1, Ordering::Release);
        keys.push(Watched { db, key: user_key.to_vec(), was_there, version });
        Ok(())
    }

    /// True if a key is known to have been changed.
    pub fn is_changed(&self) -> bool {
        self.0.changed.load(Ordering::Acquire)
    }

    /// True if a key was changed, or has expired since. The caller holds the latches of all keys, and the view, of any database, shows what is
    /// committed.
    ///
    /// # Errors
    /// If a key cannot be read.
    pub fn has_changed(&self, view: &View<'_>) -> Result<bool> {
        if self.is_changed() {
            return Ok(true);
        }
        for watched in self.0.keys.lock().iter().filter(|watched| watched.was_there) {
            if view.in_db(watched.db).find(&watched.key)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Visits the keys, to latch them.
    pub fn for_each_key(&self, mut visit: impl FnMut(&[u8])) {
        self.0.keys.lock().iter().for_each(|watched| visit(&watched.key));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let keys = self.keys.get_mut();
        let mut table = self.watches.table.lock();
        let is_other = |changed: &Arc<AtomicBool>| !Arc::ptr_eq(changed, &self.changed);
        for watched in keys.iter() {
            let name = name(watched.db, &watched.key);
            if let Some(watchers) = table.keys.get_mut(&name) {
                watchers.retain(|watcher| is_other(&watcher.changed));
                if watchers.is_empty() {
                    table.keys.remove(&name);
                }
            }
            if let Some(version) = watched.version
                && let Some(flags) = table.parts.get_mut(&version)
            {
                flags.retain(is_other);
                if flags.is_empty() {
                    table.parts.remove(&version);
                }
            }
        }
        self.watches.count.fetch_sub(keys.len(), Ordering::Release);
    }
}

impl Watches {
    /// Tells those who watch what a batch has written. It is on disk, its latches are still held, and the databases are what they were before.
    pub(crate) fn tell(&self, batch: &Batch, engine: &Engine, keyspace: &Keyspace, now_ms: u64) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let table = self.table.lock();
        let pending = batch.pending();
        for slot in pending.written_slots() {
            let Some((space, _, user_key)) = key::parse_record(pending.key(slot)) else { continue };
            let is_removed = pending.value(slot).is_none();
            for db in (0..keyspace.database_count()).filter(|&db| batch.space(keyspace, db) == space) {
                let watchers = table.keys.get(&name(db, user_key)).into_iter().flatten();
                // Gone is what has expired before somebody came to watch it: no change.
                watchers.filter(|watcher| watcher.was_there || !is_removed).for_each(Watcher::tell);
            }
        }
        for family in [Family::Elements, Family::Scores] {
            let mut told = None;
            for (element, _) in pending.written(family) {
                let version = key::element_version(element);
                if version != told {
                    told = version;
                    let flags = version.and_then(|version| table.parts.get(&version)).into_iter().flatten();
                    flags.for_each(|changed| changed.store(true, Ordering::Release));
                }
            }
        }
        let mut open = Vec::new();
        for (db, &space) in (0..).zip(batch.spaces().unwrap_or(&[])) {
            if space != keyspace.space(db) {
                open.extend(table.tell_database(db).map(|(user_key, changed)| (space, user_key, changed)));
            }
        }
        // Whoever drops a watch takes the lock too, and may not wait for a disk.
        drop(table);
        for (space, user_key, changed) in open {
            let record_key = key::record(space, key::position(keyspace.seed(), &user_key), &user_key);
            // What cannot be read may have changed; what has expired is not there.
            let is_there = engine.view().get(Family::Keys, &record_key).map_or(true, |found| {
                found.is_some_and(|record| Meta::decode(&record).is_none_or(|(meta, _)| !meta.is_expired(now_ms)))
            });
            if is_there {
                changed.store(true, Ordering::Release);
            }
        }
    }
}

impl Watcher {
    fn tell(&self) {
        self.changed.store(true, Ordering::Release);
    }
}

impl Table {
    /// A database is another one now (`FLUSHDB`, `SWAPDB`): for those whose key was there it has changed. The others come back, with
    /// their keys: for them it has if the key is there now.
    fn tell_database(&self, db: u16) -> impl Iterator<Item = (Vec<u8>, Arc<AtomicBool>)> {
        let of_database = self.keys.iter().filter_map(move |(name, watchers)| {
            let (of, user_key) = name.split_first_chunk::<2>()?;
            (*of == db.to_be_bytes()).then_some((user_key, watchers))
        });
        of_database.flat_map(|(user_key, watchers)| {
            watchers.iter().filter(|watcher| watcher.was_there).for_each(Watcher::tell);
            let others = watchers.iter().filter(|watcher| !watcher.was_there);
            others.map(|watcher| (user_key.to_vec(), watcher.changed.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Db;
    use crate::{hash, string};

    fn watch(db: &Db, keys: &[&[u8]]) -> Watch {
        let watch = Watch::new(&db.keyspace);
        for key in keys {
            watch.add(&db.view(), key).expect("a key to watch");
        }
        watch
    }

    fn set(db: &mut Db, key: &[u8]) {
        let mut tx = db.tx();
        let old = tx.find(key).expect("find");
        string::set(&mut tx, key, old, b"v", None);
        db.commit();
    }

    fn remove(db: &mut Db, key: &[u8]) {
        let mut tx = db.tx();
        let old = tx.find(key).expect("find").expect("a key");
        tx.remove(key, old);
        db.commit();
    }

    #[test]
    fn a_write_is_told_to_those_who_watch_its_key_and_to_no_others() {
        let mut db = Db::new();
        set(&mut db, b"a");
        let (one, two, other) = (watch(&db, &[b"a", b"x"]), watch(&db, &[b"a"]), watch(&db, &[b"b"]));
        set(&mut db, b"a");
        assert!(one.is_changed() && two.is_changed() && !other.is_changed());
        set(&mut db, b"b");
        assert!(other.is_changed());
    }

    #[test]
    fn a_write_to_a_part_of_a_value_is_told() {
        let mut db = Db::new();
        let fields: Vec<String> = (0..2000).map(|n| format!("field:{n}")).collect();
        let write = |db: &mut Db, fields: &[String]| {
            let mut tx = db.tx();
            let mut edit = hash::Edit::begin(&mut tx, b"h").expect("an edit");
            for field in fields {
                edit.set(field.as_bytes(), b"v", hash::Lifetime::Endless).expect("set");
            }
            edit.finish().expect("a hash");
            db.commit();
        };
        write(&mut db, &fields);
        let watched = watch(&db, &[b"h"]);
        write(&mut db, &fields[7..8]);
        assert!(watched.is_changed());
    }

    #[test]
    fn what_was_not_there_is_not_changed_when_it_goes() {
        let mut db = Db::new();
        set(&mut db, b"a");
        let (there, absent) = (watch(&db, &[b"a"]), watch(&db, &[b"b"]));
        remove(&mut db, b"a");
        assert!(there.is_changed() && !absent.is_changed());
        set(&mut db, b"b");
        assert!(absent.is_changed());
    }

    #[test]
    fn a_flush_concerns_what_was_there_and_an_exchange_what_is_there_then() {
        let mut db = Db::new();
        set(&mut db, b"a");
        let (there, absent) = (watch(&db, &[b"a"]), watch(&db, &[b"b"]));
        let in_other = Watch::new(&db.keyspace);
        in_other.add(&db.view().in_db(1), b"a").expect("a key to watch");
        db.tx().swap(0, 1);
        db.commit();
        assert!(there.is_changed() && in_other.is_changed() && !absent.is_changed());
        let there = Watch::new(&db.keyspace);
        there.add(&db.view().in_db(1), b"a").expect("a key to watch");
        db.tx().in_db(1).flush();
        db.commit();
        assert!(there.is_changed() && !absent.is_changed());
    }

    #[test]
    fn a_key_that_has_expired_since_has_changed() {
        let mut db = Db::new();
        let now = db.turn.now_ms();
        string::set(&mut db.tx(), b"k", None, b"v", Some(now + 10));
        db.commit();
        let watched = watch(&db, &[b"k"]);
        assert!(!watched.has_changed(&db.view()).expect("a look"));
        db.turn.set_now_ms(now + 11);
        assert!(watched.has_changed(&db.view()).expect("a look") && !watched.is_changed());
        // Whoever comes after that watches a key that is not there.
        let late = watch(&db, &[b"k"]);
        assert!(db.tx().find(b"k").expect("find").is_none());
        db.commit();
        assert!(!late.has_changed(&db.view()).expect("a look"));
    }

    #[test]
    fn nothing_is_left_of_those_who_have_gone() {
        let mut db = Db::new();
        set(&mut db, b"a");
        let watched = watch(&db, &[b"a", b"a", b"b"]);
        let watches = db.keyspace.watches().clone();
        assert_eq!(watches.count.load(Ordering::Relaxed), 2);
        drop((watched.clone(), watched));
        let table = watches.table.lock();
        assert!(table.keys.is_empty() && table.parts.is_empty() && watches.count.load(Ordering::Relaxed) == 0);
    }
}
