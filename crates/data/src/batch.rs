//! The state of an open batch above the engine's: counts, and which space each database is.

use std::sync::atomic::Ordering;

use engine::{Durability, Engine, Family, Pending, RecordKey, RecordValue, SlotId};
use hashbrown::HashSet;

use crate::error::Result;
use crate::garbage;
use crate::header::{Kind, Meta};
use crate::hot::{Ahead, Lookups};
use crate::key::{self, SpaceId};
use crate::keyspace::{Keyspace, is_database_record, keys_counter, volatile_counter};
use crate::members;

/// The room for a record that is kept from batch to batch, in bytes.
const RECORD_KEPT_BYTES: usize = 64 << 10;
/// How many prepared keys a command may leave out before the others count as not prepared.
const PREPARED_WINDOW: usize = 4;

/// Elements that are looked up ahead, at most: what was found stays in the processor's cache until it is asked for.
const ELEMENTS_AHEAD_MAX: usize = 1024;

/// By how much a batch changes the counts of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The space.
    pub space: SpaceId,
    /// Change of the number of keys.
    pub keys: i64,
    /// Change of the number of keys with an expiry.
    pub volatile: i64,
}

/// Everything that one commit will write. Owned by one worker.
#[derive(Default)]
pub struct Batch {
    pending: Pending,
    deltas: Vec<Delta>,
    /// The spaces of all databases, if the batch changes them.
    spaces: Option<Vec<SpaceId>>,
    expired: Expired,
    /// Up to where it reserves versions of values, if it does.
    reserved_version: Option<u64>,
    /// Keys that the commands of the turn will ask for, in the order in which they will.
    prepared: Vec<SlotId>,
    /// The first of them that was not asked for yet.
    prepared_next: usize,
    /// Elements that they will ask for, likewise.
    elements: Ahead,
    /// The key that was asked for last: commands ask for one key several times.
    last: Option<SlotId>,
    /// Where a record is put together; kept for its allocation.
    record: Vec<u8>,
    lookups: Lookups,
    /// What the hot tier has that was derived from records which the batch changes. Undoing a command leaves it: that costs a read and
    /// does no harm.
    stale: HashSet<RecordKey, foldhash::fast::RandomState>,
    /// Keys whose lists, sorted sets or streams were written to since the last [`Batch::take_ready`].
    ready: Vec<(u16, Vec<u8>)>,
    /// Somebody waits for keys, so that it is worth noting them.
    notes_ready: bool,
    saved: Saved,
}

/// What [`Batch::undo`] restores beside the engine's part.
#[derive(Default)]
struct Saved {
    deltas: Vec<Delta>,
    spaces: Option<Vec<SpaceId>>,
    expired: Expired,
    reserved_version: Option<u64>,
}

/// What a batch removes because its time has come.
#[derive(Clone, Copy, Debug, Default)]
struct Expired {
    keys: u64,
    /// Fields of hashes.
    fields: u64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// The engine's part.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The engine's part, to write to.
    pub fn pending_mut(&mut self) -> &mut Pending {
        &mut self.pending
    }

    /// Changes of the counts so far.
    pub fn deltas(&self) -> &[Delta] {
        &self.deltas
    }

    /// The spaces of all databases, if the batch changes them.
    pub fn spaces(&self) -> Option<&[SpaceId]> {
        self.spaces.as_deref()
    }

    /// The space of a database, as the batch has it.
    pub(crate) fn space(&self, keyspace: &Keyspace, db: u16) -> SpaceId {
        match &self.spaces {
            Some(spaces) => spaces[usize::from(db)],
            None => keyspace.space(db),
        }
    }

    pub(crate) fn set_spaces(&mut self, spaces: Vec<SpaceId>) {
        self.spaces = Some(spaces);
    }

    pub(crate) fn count(&mut self, space: SpaceId, keys: i64, volatile: i64) {
        if keys == 0 && volatile == 0 {
            return;
        }
        match self.deltas.iter_mut().find(|delta| delta.space == space) {
            Some(delta) => {
                delta.keys += keys;
                delta.volatile += volatile;
            }
            None => self.deltas.push(Delta { space, keys, volatile }),
        }
    }

    /// Notes from now on, or no longer, which keys might have what clients wait for.
    pub fn set_notes_ready(&mut self, notes_ready: bool) {
        self.notes_ready = notes_ready;
    }

    pub(crate) fn note_ready(&mut self, db: u16, user_key: &[u8]) {
        if self.notes_ready && !self.ready.iter().any(|(of, key)| *of == db && key == user_key) {
            self.ready.push((db, user_key.to_vec()));
        }
    }

    /// The keys that were noted since the last call, and their databases, in the order in which they were written.
    pub fn take_ready(&mut self) -> Vec<(u16, Vec<u8>)> {
        std::mem::take(&mut self.ready)
    }

    /// Notes that something derived is not what it was.
    pub(crate) fn note_stale(&mut self, derived_key: RecordKey) {
        self.stale.insert(derived_key);
    }

    /// True for what was derived from records as they are no more.
    pub(crate) fn is_stale(&self, derived_key: &RecordKey) -> bool {
        !self.stale.is_empty() && self.stale.contains(derived_key)
    }

    pub(crate) fn reserved_version(&self) -> Option<u64> {
        self.reserved_version
    }

    pub(crate) fn set_reserved_version(&mut self, version: u64) {
        self.reserved_version = Some(version);
    }

    pub(crate) fn count_expired(&mut self) {
        self.expired.keys += 1;
    }

    pub(crate) fn count_expired_fields(&mut self, count: usize) {
        self.expired.fields += count as u64;
    }

    /// Locates a key ahead of the command that will ask for it. Commands ask in the same order.
    pub fn prepare(&mut self, keyspace: &Keyspace, space: SpaceId, user_key: &[u8]) -> SlotId {
        let record_key = key::record(space, key::position(keyspace.seed(), user_key), user_key);
        let slot = self.pending.locate(&record_key);
        self.prepared.push(slot);
        slot
    }

    /// Notes the records that the hot tier has, and takes their slots out of the list, as well as those that the batch knows.
    /// The caller holds the latches of all.
    pub fn remember_hot(&mut self, slots: &mut Vec<SlotId>, keyspace: &Keyspace) {
        slots.retain(|&slot| self.pending.known(slot).is_none());
        keyspace.hot().remember(slots, &mut self.pending, &mut self.lookups);
    }

    /// Takes what was read of slots into the hot tier. The caller has held their latches since before.
    pub fn fill_hot(&self, slots: &[SlotId], keyspace: &Keyspace) {
        for &slot in slots {
            if let Some(known) = self.pending.known(slot) {
                keyspace.hot().fill(self.pending.key(slot), known);
            }
        }
    }

    /// Locates a key that the batch may read. Its latch is held.
    pub fn locate(&mut self, keyspace: &Keyspace, space: SpaceId, user_key: &[u8]) -> SlotId {
        self.pending.locate(&key::record(space, key::position(keyspace.seed(), user_key), user_key))
    }

    /// Notes members or fields that a command of the turn will ask for, of a collection whose header is known and has its latch held. Commands
    /// ask in the same order.
    pub fn foresee<'m>(
        &self,
        keyspace: &Keyspace,
        space: SpaceId,
        slot: SlotId,
        members: impl Iterator<Item = &'m [u8]>,
        is_read: bool,
    ) {
        let header = self.pending.known(slot).flatten().and_then(Meta::decode);
        let Some((Meta { kind: Kind::Hash | Kind::Set | Kind::Zset, parts: Some(parts), .. }, _)) = header else {
            return;
        };
        for member in members.take(ELEMENTS_AHEAD_MAX.saturating_sub(self.elements.len())) {
            let suffix = members::suffix(keyspace.seed(), member);
            self.elements.add_element(keyspace.hot(), space, parts, &suffix, is_read);
        }
    }

    /// Looks up what was foreseen, all of it together.
    pub fn look_ahead(&self, engine: &Engine, keyspace: &Keyspace) -> Result<()> {
        // With a single one the command's own lookup is as good.
        if self.elements.len() < 2 {
            self.elements.clear();
            return Ok(());
        }
        self.elements.look_up_elements(keyspace.hot(), engine)
    }

    /// What was found ahead of an element.
    pub(crate) fn foreseen(&self, part_key: &RecordKey) -> Option<Option<RecordValue>> {
        self.elements.take_element(part_key)
    }

    /// The slot of a key that a command of the turn asks for.
    pub(crate) fn slot(&mut self, keyspace: &Keyspace, space: SpaceId, user_key: &[u8]) -> SlotId {
        if let Some(slot) = self.last.filter(|&slot| self.is_of(slot, space, user_key)) {
            return slot;
        }
        let ahead = self.prepared.get(self.prepared_next..).unwrap_or(&[]).iter().take(PREPARED_WINDOW);
        let found = ahead.copied().enumerate().find(|&(_, slot)| self.is_of(slot, space, user_key));
        let slot = match found {
            Some((skipped, slot)) => {
                self.prepared_next += skipped + 1;
                slot
            }
            None => self.pending.locate(&key::record(space, key::position(keyspace.seed(), user_key), user_key)),
        };
        self.last = Some(slot);
        slot
    }

    /// The slot of the key that was asked for last, if it is this one.
    pub(crate) fn slot_asked_last(&self, space: SpaceId, user_key: &[u8]) -> Option<SlotId> {
        self.last.filter(|&slot| self.is_of(slot, space, user_key))
    }

    fn is_of(&self, slot: SlotId, space: SpaceId, user_key: &[u8]) -> bool {
        key::is_record_of(self.pending.key(slot), space, user_key)
    }

    /// Writes header and body of the record of a slot.
    pub(crate) fn put(&mut self, slot: SlotId, meta: &Meta, body: &[u8]) {
        meta.encode_into(&mut self.record, body);
        self.pending.write_slot(slot, Some(self.record.as_slice().into()));
    }

    /// True if there is nothing to commit.
    pub fn is_clean(&self) -> bool {
        self.pending.is_clean()
    }

    /// Accepts a command's writes.
    pub fn keep(&mut self) {
        self.pending.keep();
        if self.saved.deltas != self.deltas {
            self.saved.deltas.clone_from(&self.deltas);
        }
        if self.saved.spaces != self.spaces {
            self.saved.spaces.clone_from(&self.spaces);
        }
        self.saved.expired = self.expired;
        self.saved.reserved_version = self.reserved_version;
    }

    /// Takes back what was written since the last [`Batch::keep`].
    pub fn undo(&mut self) {
        self.pending.undo();
        self.ready.clear();
        self.deltas.clone_from(&self.saved.deltas);
        self.spaces.clone_from(&self.saved.spaces);
        self.expired = self.saved.expired;
        self.reserved_version = self.saved.reserved_version;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.deltas.clear();
        self.spaces = None;
        self.expired = Expired::default();
        self.reserved_version = None;
        self.prepared.clear();
        self.prepared_next = 0;
        self.elements.clear();
        self.last = None;
        self.ready.clear();
        self.stale.clear();
        if self.record.capacity() > RECORD_KEPT_BYTES {
            self.record = Vec::new();
        }
        self.saved.deltas.clear();
        self.saved.spaces = None;
        self.saved.expired = Expired::default();
        self.saved.reserved_version = None;
    }

    /// Commits the batch and makes it visible. The batch is empty afterwards, whether that succeeded or not; on an
    /// error nothing of it has become visible.
    pub fn commit(&mut self, engine: &Engine, keyspace: &Keyspace, durability: Durability) -> Result<()> {
        let outcome = self.write(engine, keyspace, durability);
        if outcome.is_ok() {
            self.publish(engine, keyspace);
        }
        self.clear();
        outcome
    }

    /// Writes the batch to disk. From here on the hot tier hides its records, until they are published. The batch stays as it is, so that the caller can look what became of
    /// it ([`Batch::stored`]), and then calls [`Batch::publish`] or drops it with [`Batch::clear`].
    pub fn write(&mut self, engine: &Engine, keyspace: &Keyspace, durability: Durability) -> Result<()> {
        keyspace.hot().withdraw(&self.pending, self.stale.iter(), &mut self.lookups);
        if self.is_clean() {
            return Ok(());
        }
        for delta in &self.deltas {
            if delta.keys != 0 {
                self.pending.add(keys_counter(delta.space), delta.keys);
            }
            if delta.volatile != 0 {
                self.pending.add(volatile_counter(delta.space), delta.volatile);
            }
        }
        Ok(engine.commit(&self.pending, durability)?)
    }

    /// Makes a batch that is on disk visible: to those who watch its keys, then counts, spaces, and the hot tier. The caller still holds the latches of
    /// its keys. For who watches, nothing has expired.
    pub fn publish(&self, engine: &Engine, keyspace: &Keyspace) {
        self.tell_watchers(engine, keyspace, 0);
        self.publish_counts(keyspace);
        self.publish_records(keyspace);
    }

    /// The first part of [`Batch::publish`]: who watches a key that it has written is told.
    pub fn tell_watchers(&self, engine: &Engine, keyspace: &Keyspace, now_ms: u64) {
        keyspace.watches().tell(self, engine, keyspace, now_ms);
    }

    /// True if the databases that the batch flushes have at least half of all keys.
    fn empties_most(&self, keyspace: &Keyspace) -> bool {
        let Some(spaces) = &self.spaces else { return false };
        let (mut flushed, mut kept) = (0, 0);
        for db in 0..keyspace.database_count() {
            let is_kept = spaces.contains(&keyspace.space(db));
            *(if is_kept { &mut kept } else { &mut flushed }) += keyspace.count(db).keys;
        }
        flushed > 0 && flushed >= kept
    }

    /// The second part of [`Batch::publish`]: counts and spaces.
    pub fn publish_counts(&self, keyspace: &Keyspace) {
        let is_emptied = self.empties_most(keyspace);
        keyspace.publish(self);
        if is_emptied {
            keyspace.hot().clear();
        }
        keyspace.expired_keys.fetch_add(self.expired.keys, Ordering::Relaxed);
        keyspace.expired_fields.fetch_add(self.expired.fields, Ordering::Relaxed);
        let noted = garbage::values_noted(&self.pending);
        if noted > 0 {
            keyspace.unfreed_values.fetch_add(noted, Ordering::Relaxed);
        }
    }

    /// The last part of [`Batch::publish`]: the hot tier. Records that it does not come to stay hidden there, and are read from disk.
    pub fn publish_records(&self, keyspace: &Keyspace) {
        keyspace.hot().publish(&self.pending, &self.lookups);
    }

    /// Looks on disk what became of a batch whose commit failed. The caller still holds the latches of its keys, so
    /// that nobody else has changed them.
    ///
    /// A RocksDB batch is there as a whole or not at all, so one record that differs is proof that it is not. If
    /// everything is equal, the state is the one that the batch leads to, whoever wrote it. Parts of values prove
    /// nothing where they differ: those that a later command of the batch has replaced may be cleaned up already.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn stored(&self, engine: &Engine) -> Result<Stored> {
        let view = engine.view();
        let (mut compared, mut differs, mut parts_differ) = (0, false, false);
        let mut failure = None;
        self.pending.for_each_dirty(|family, key, value| {
            let is_latched = match family {
                Family::Keys | Family::Expires => true,
                // Only commands that have the whole table of latches change these.
                Family::Meta => self.spaces.is_some() && is_database_record(key),
                Family::Elements | Family::Scores => false,
            };
            if failure.is_some() || differs || family == Family::Meta && !is_latched {
                return;
            }
            match view.get(family, key) {
                Err(error) => failure = Some(error),
                Ok(found) => {
                    compared += 1;
                    let is_equal = found.as_deref() == value;
                    differs |= is_latched && !is_equal;
                    parts_differ |= !is_latched && !is_equal;
                }
            }
        });
        match failure {
            Some(error) => Err(error.into()),
            None if differs => Ok(Stored::Nothing),
            None if parts_differ || compared == 0 => Ok(Stored::Unclear),
            None => Ok(Stored::Whole),
        }
    }
}

/// What of a batch is on disk: see [`Batch::stored`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// All of it.
    Whole,
    /// None of it.
    Nothing,
    /// The records do not tell.
    Unclear,
}

#[cfg(test)]
mod tests;
