//! Writing the data types: what a command that writes is given.
//!
//! All bookkeeping that a change of a key brings with it (counts, the expiry index, parts that
//! nothing refers to any more) happens in [`Tx::put`] and [`Tx::remove`], and nowhere else.

use std::sync::atomic::Ordering;

use engine::{Engine, Family, Pending, RecordValue, SlotId};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::expiry;
use crate::garbage;
use crate::header::{Kind, Meta};
use crate::hot::derived_key;
use crate::key::{self, Parts, SpaceId};
use crate::keyspace::{Keyspace, database_record};
use crate::turn::Turn;
use crate::view::{View, unreadable};

/// Expired elements of one key that are removed after a read has come across them; more are left to the expirer.
const ELEMENTS_EXPIRED_MAX: usize = 64;

/// Reads and writes of one command, in the worker's open batch.
pub struct Tx<'t> {
    engine: &'t Engine,
    keyspace: &'t Keyspace,
    batch: &'t mut Batch,
    turn: &'t Turn,
    db: u16,
}

impl<'t> Tx<'t> {
    /// Writes to database `db` in an open batch.
    pub fn new(engine: &'t Engine, keyspace: &'t Keyspace, batch: &'t mut Batch, turn: &'t Turn, db: u16) -> Self {
        Tx { engine, keyspace, batch, turn, db }
    }

    /// What the transaction reads: the batch's own writes included.
    pub fn view(&self) -> View<'_> {
        // Whoever writes has latched what it looks at.
        View::new(self.engine.view(), self.keyspace, self.turn, self.db).through(self.batch).latched(true)
    }

    /// Lets `read` look at keys that the command has not latched (`SORT ... BY`): as they are committed now, all of one moment, or
    /// as the batch has written them.
    pub fn read_aside<R>(&self, read: impl FnOnce(&View<'_>) -> R) -> R {
        let snapshot = self.engine.snapshot();
        read(&View::new(snapshot.view(), self.keyspace, self.turn, self.db).through(self.batch))
    }

    /// The same transaction in another database.
    pub fn in_db(&mut self, db: u16) -> Tx<'_> {
        Tx { engine: self.engine, keyspace: self.keyspace, batch: self.batch, turn: self.turn, db }
    }

    /// The number of the database.
    pub fn db(&self) -> u16 {
        self.db
    }

    /// What the turn gives: time and randomness.
    pub fn turn(&self) -> &'t Turn {
        self.turn
    }

    /// The time of the command, in Unix ms.
    pub fn now_ms(&self) -> u64 {
        self.turn.now_ms()
    }

    /// The databases.
    pub fn keyspace(&self) -> &'t Keyspace {
        self.keyspace
    }

    /// The header of a key that is to be changed; one that has expired is removed first, so None means
    /// that nothing is there. A key that is there counts as used. After this the body is at hand: `tx.view().find(key)` costs no read.
    pub fn find(&mut self, user_key: &[u8]) -> Result<Option<Meta>> {
        let slot = self.slot(user_key);
        if self.batch.pending().known(slot).is_none() {
            let record = match self.keyspace.hot().get(self.batch.pending().key(slot)) {
                Some(known) => known,
                None => {
                    let engine = self.engine.view();
                    let stored = engine.get(Family::Keys, self.batch.pending().key(slot))?;
                    stored.as_deref().map(RecordValue::from)
                }
            };
            self.batch.pending_mut().remember(slot, record);
        }
        let pending = self.batch.pending();
        let record_key = pending.key(slot);
        let known = match pending.known(slot).flatten() {
            Some(record) => Some(Meta::decode(record).ok_or_else(|| unreadable(record_key))?.0),
            None => None,
        };
        let (accesses, settings) = (self.keyspace.accesses(), &self.keyspace.settings);
        match known {
            Some(meta) if !meta.is_expired(self.now_ms()) => {
                accesses.touch(record_key, self.turn, settings);
                return Ok(Some(meta));
            }
            expired => {
                accesses.begin(record_key, self.turn, settings);
                if let Some(meta) = expired {
                    let is_first = self.batch.pending().is_kept();
                    self.batch.count_expired();
                    self.remove_record(slot, meta);
                    // Gone is gone, even if the command is refused for what it does not find.
                    if is_first {
                        self.batch.keep();
                    }
                }
            }
        }
        Ok(None)
    }

    /// Like [`Tx::find`], but a key of another kind is an error.
    pub fn find_kind(&mut self, user_key: &[u8], kind: Kind) -> Result<Option<Meta>> {
        match self.find(user_key)? {
            Some(meta) if meta.kind != kind => Err(Error::WrongType),
            found => Ok(found),
        }
    }

    /// Writes a key's header and body. `old` is what [`Tx::find`] returned for it.
    pub fn put(&mut self, user_key: &[u8], old: Option<Meta>, new: Meta, body: &[u8]) {
        let (space, slot) = (self.space(), self.slot(user_key));
        self.index_expiry(slot, old, Some(new));
        let (was, is) = (old.and_then(|meta| meta.expire_at_ms), new.expire_at_ms);
        self.batch.count(space, i64::from(old.is_none()), i64::from(is.is_some()) - i64::from(was.is_some()));
        if let Some(parts) = old.and_then(|meta| meta.parts).filter(|parts| Some(*parts) != new.parts) {
            garbage::add_parts(self.batch.pending_mut(), space, parts);
        }
        if new.kind.is_waited_for() || old.is_some_and(|old| old.kind.is_waited_for()) {
            self.batch.note_ready(self.db, user_key);
        }
        self.batch.put(slot, &new, body);
    }

    /// Counts fields of a hash that are removed because their time has come.
    pub(crate) fn count_expired_fields(&mut self, count: usize) {
        self.batch.count_expired_fields(count);
    }

    /// Removes a key. `old` is what [`Tx::find`] returned for it.
    pub fn remove(&mut self, user_key: &[u8], old: Meta) {
        if old.kind == Kind::Stream {
            // Whoever waits for its groups is told that they are gone.
            self.batch.note_ready(self.db, user_key);
        }
        let slot = self.slot(user_key);
        self.remove_record(slot, old);
    }

    /// Takes a key's header away without touching its parts, which another key is about to own
    /// (`RENAME`, `MOVE` within a space). `old` is what [`Tx::find`] returned for it.
    pub fn detach(&mut self, user_key: &[u8], old: Meta) {
        let slot = self.slot(user_key);
        self.remove_record(slot, Meta { parts: None, ..old });
    }

    /// Changes only the expiry of a key. `old` is what [`Tx::find`] returned for it.
    pub fn set_expiry(&mut self, user_key: &[u8], old: Meta, expire_at_ms: Option<u64>) -> Result<()> {
        let body = match self.view().find(user_key)? {
            Some(found) => found.body().to_vec(),
            None => return Ok(()),
        };
        self.put(user_key, Some(old), Meta { expire_at_ms, ..old }, &body);
        Ok(())
    }

    /// Lets a key look as if it was last used some seconds ago, where the eviction policy asks for that.
    pub fn set_idle_seconds(&self, user_key: &[u8], idle_seconds: u64) {
        if !self.keyspace.settings.is_lfu.load(Ordering::Relaxed) {
            let record_key = self.view().record_key(user_key);
            self.keyspace.accesses().set_idle(&record_key, self.now_ms(), idle_seconds);
        }
    }

    /// Lets a key look as often used as a counter says, where the eviction policy asks for that.
    pub fn set_frequency(&self, user_key: &[u8], counter: u8) {
        if self.keyspace.settings.is_lfu.load(Ordering::Relaxed) {
            let record_key = self.view().record_key(user_key);
            self.keyspace.accesses().set_frequency(&record_key, self.now_ms(), counter);
        }
    }

    /// A place for the parts of a new value of a key.
    pub fn new_parts(&mut self, user_key: &[u8]) -> Parts {
        let version = self.keyspace.take_version(self.batch);
        Parts { version, slot: key::slot(user_key) }
    }

    /// Writes one part of a value.
    pub fn put_part(&mut self, parts: Parts, suffix: &[u8], value: Vec<u8>) {
        self.put_record(Family::Elements, parts, suffix, value);
    }

    /// Removes one part of a value.
    pub fn remove_part(&mut self, parts: Parts, suffix: &[u8]) {
        self.delete_record(Family::Elements, parts, suffix);
    }

    /// Leaves parts of a value to be removed in the background: those from a suffix on, up to before another. Nothing reads or
    /// writes there any more.
    pub(crate) fn sweep_parts(&mut self, parts: Parts, from: &[u8], to: &[u8]) {
        let space = self.space();
        garbage::add_range(
            self.batch.pending_mut(),
            &key::element(space, parts, from),
            &key::element(space, parts, to),
        );
    }

    /// Writes one record of a value, in a family of parts.
    pub(crate) fn put_record(&mut self, family: Family, parts: Parts, suffix: &[u8], value: Vec<u8>) {
        let element = key::element(self.space(), parts, suffix);
        self.batch.pending_mut().put(family, element, value);
    }

    /// Writes one record of a value in `scores` of which little changes; `stored` is how it was read, if not from the open batch.
    pub(crate) fn patch_score(&mut self, parts: Parts, suffix: &[u8], value: Vec<u8>, stored: Option<RecordValue>) {
        let element = key::element(self.space(), parts, suffix);
        self.batch.pending_mut().patch(element, value, stored);
    }

    /// Removes one record of a value, in a family of parts.
    pub(crate) fn delete_record(&mut self, family: Family, parts: Parts, suffix: &[u8]) {
        let element = key::element(self.space(), parts, suffix);
        self.batch.pending_mut().delete(family, element);
    }

    /// Says that what may have been derived from records of a value ([`View::keep_derived`]) is not so any more.
    pub(crate) fn forget_derived(&mut self, parts: Parts, suffix: &[u8]) {
        let key = derived_key(self.space(), parts, suffix);
        self.batch.note_stale(key);
    }

    /// Accepts what the command has written so far, even if it is refused or begins to wait after that.
    pub fn keep(&mut self) {
        self.batch.keep();
    }

    /// Removes a key that a read found expired, or some of its elements, if they still are. The caller holds its latch.
    pub fn expire_if_due(&mut self, space: SpaceId, user_key: &[u8]) -> Result<()> {
        let current = self.space();
        if current != space {
            let count = self.keyspace.database_count();
            let Some(db) = (0..count).find(|&db| self.in_db(db).view().space() == space) else { return Ok(()) };
            return expiry::settle(&mut self.in_db(db), user_key, ELEMENTS_EXPIRED_MAX).map(drop);
        }
        expiry::settle(self, user_key, ELEMENTS_EXPIRED_MAX).map(drop)
    }

    /// Empties the database at a cost that does not depend on its size.
    pub fn flush(&mut self) {
        if self.view().count().keys == 0 {
            return;
        }
        let mut spaces = self.spaces();
        let old = spaces[usize::from(self.db)];
        let new = self.keyspace.take_space(self.batch.pending_mut());
        spaces[usize::from(self.db)] = new;
        self.batch.pending_mut().put(Family::Meta, database_record(self.db), new.0.to_be_bytes().to_vec());
        garbage::add_space(self.batch.pending_mut(), old);
        self.batch.set_spaces(spaces);
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, a: u16, b: u16) {
        if a == b {
            return;
        }
        let mut spaces = self.spaces();
        spaces.swap(usize::from(a), usize::from(b));
        for db in [a, b] {
            let space = spaces[usize::from(db)];
            self.batch.pending_mut().put(Family::Meta, database_record(db), space.0.to_be_bytes().to_vec());
        }
        self.batch.set_spaces(spaces);
    }

    pub(crate) fn pending_mut(&mut self) -> &mut Pending {
        self.batch.pending_mut()
    }

    fn spaces(&mut self) -> Vec<SpaceId> {
        let count = self.keyspace.database_count();
        (0..count).map(|db| self.in_db(db).view().space()).collect()
    }

    fn remove_record(&mut self, slot: SlotId, old: Meta) {
        let space = self.space();
        self.index_expiry(slot, Some(old), None);
        self.batch.count(space, -1, -i64::from(old.expire_at_ms.is_some()));
        if let Some(parts) = old.parts {
            garbage::add_parts(self.batch.pending_mut(), space, parts);
        }
        self.batch.pending_mut().write_slot(slot, None);
    }

    /// Changes what the expiry index has of a key.
    fn index_expiry(&mut self, slot: SlotId, old: Option<Meta>, new: Option<Meta>) {
        let entries = |meta: Option<Meta>| meta.map_or([None; 2], |meta| expiry::entries(&meta));
        let (was, is) = (entries(old), entries(new));
        if was == is {
            return;
        }
        let pending = self.batch.pending_mut();
        for (at, _) in was.iter().flatten().filter(|entry| !is.contains(&Some(**entry))) {
            let entry = key::expiry(pending.key(slot), *at);
            pending.delete(Family::Expires, entry);
        }
        for (at, what) in is.iter().flatten().filter(|entry| !was.contains(&Some(**entry))) {
            let entry = key::expiry(pending.key(slot), *at);
            pending.put(Family::Expires, entry, what.encode().to_vec());
        }
    }

    fn space(&self) -> SpaceId {
        self.batch.space(self.keyspace, self.db)
    }

    fn slot(&mut self, user_key: &[u8]) -> SlotId {
        let space = self.space();
        self.batch.slot(self.keyspace, space, user_key)
    }
}
