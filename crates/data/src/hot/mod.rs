//! The hot tier: recently used headers and small values in memory, so that most lookups need no RocksDB.
//!
//! It holds records of `keys` under their record keys, and those of `elements` and of the index in `scores` under theirs behind a byte
//! that no record key begins with ([`part_key`]), as they are committed. That it never disagrees with the disk
//! rests on two rules: a record is hidden from before the commit that changes it until after ([`HotTier::withdraw`], [`HotTier::publish`]),
//! while its latch is held; and what a read has found is taken in only by a worker that holds the key's latch since
//! before it read. Anybody may look: a lock is held for the time of a copy. Snapshots do not look here. A flushed or swapped database needs nothing: record keys begin with
//! the space, which no other database will have.
//!
//! What was put together from several records can be kept too ([`derived_key`]). The batch that changes one of them says so, and it is
//! removed where records are hidden.
//!
//! Somebody without the latch who reads several records of a value may meet a commit half-way. A [`Stamp`] tells: it is taken
//! before the header is read, and is no longer current once a commit that changes the header has begun.

mod ahead;
mod shard;
mod slab;
mod table;
mod unit;

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use engine::{Family, KEY_INLINE_LEN, Pending, RecordKey, RecordValue, SlotId};
use parking_lot::Mutex;

use crate::key::{self, Parts, SpaceId};

pub use ahead::Ahead;
pub(crate) use ahead::Foreseen;
use shard::Shard;
use slab::Id;

/// What is known of a record: its bytes, or that it is absent.
pub(crate) type Known = Option<RecordValue>;

/// Longest record that is kept; longer ones would push out many others.
const RECORD_LEN_MAX: usize = 4 << 10;
/// Parts of the tier, each with a lock of its own. A batch locks each part once, so that more of them make its lookups slower.
const SHARD_COUNT: usize = 16;
/// Lookups of parts whose memory is kept for the next batch.
const PARTS_KEPT: usize = 4096;
/// Counters of commits: records share them by hash, so that with more of them fewer reads are disturbed by strangers.
const STAMP_COUNT: usize = 1024;
/// What the keys of parts begin with here. No record key of `keys` begins so, as those begin with a space, and spaces are counted
/// from one.
const ELEMENT_TAG: u8 = u8::MAX;
const INDEX_TAG: u8 = u8::MAX - 1;
const DERIVED_TAG: u8 = u8::MAX - 2;

/// See the module's text. Shared by all workers.
#[derive(Debug)]
pub struct HotTier {
    /// Empty: the tier is off.
    shards: Box<[Mutex<Shard>]>,
    hasher: foldhash::fast::RandomState,
    /// How many commits have changed a header, of those that fall upon one place.
    stamps: Box<[AtomicU32]>,
    bytes_max: u64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Lookups of a batch: kept for its allocation.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    records: Vec<Lookup>,
    parts: Vec<PartLookup>,
}

/// A part that changes, or goes.
#[derive(Debug)]
struct PartLookup {
    shard: usize,
    fragment: u32,
    key: RecordKey,
    /// Which of [`written_parts`] it is; None: it goes.
    written: Option<usize>,
    is_here: bool,
}

/// The state of a header's record, as far as commits are counted. See the module's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    place: usize,
    commits: u32,
}

#[derive(Debug)]
struct Lookup {
    shard: usize,
    fragment: u32,
    slot: SlotId,
    id: Id,
}

/// Under what a part of a value is kept; None: such records are not.
pub(crate) fn part_key(family: Family, space: SpaceId, parts: Parts, suffix: &[u8]) -> Option<RecordKey> {
    Some(tagged(part_tag(family, suffix)?, &key::element_prefix(space, parts), suffix))
}

/// Under what is kept that was put together from records of a value.
pub(crate) fn derived_key(space: SpaceId, parts: Parts, suffix: &[u8]) -> RecordKey {
    tagged(DERIVED_TAG, &key::element_prefix(space, parts), suffix)
}

/// The key in its family of a part that is kept under another.
pub(crate) fn element_of(part_key: &RecordKey) -> &[u8] {
    part_key.get(1..).unwrap_or(&[])
}

/// What tells the parts of a family here, if they are kept. Of `scores` that is the index of sorted sets, whose suffixes begin with a level:
/// rows, and the times of fields, begin with 0.
fn part_tag(family: Family, suffix: &[u8]) -> Option<u8> {
    match family {
        Family::Elements => Some(ELEMENT_TAG),
        Family::Scores if suffix.first().is_some_and(|&level| level > 0) => Some(INDEX_TAG),
        _ => None,
    }
}

fn tagged(tag: u8, prefix: &[u8], suffix: &[u8]) -> RecordKey {
    let begin = 1 + prefix.len();
    let len = begin + suffix.len();
    let mut short = [0; KEY_INLINE_LEN];
    if let Some(bytes) = short.get_mut(..len) {
        bytes[0] = tag;
        bytes[1..begin].copy_from_slice(prefix);
        bytes[begin..].copy_from_slice(suffix);
        return RecordKey::from_buf_and_len(short, len);
    }
    let mut key = RecordKey::with_capacity(len);
    key.push(tag);
    key.extend_from_slice(prefix);
    key.extend_from_slice(suffix);
    key
}

/// The parts that a batch has written, as far as such are kept: with what tells them here, their keys, and values. No value: it is gone, or
/// too long to be kept.
fn written_parts(pending: &Pending) -> impl Iterator<Item = (u8, &[u8], Option<&[u8]>)> {
    [Family::Elements, Family::Scores].into_iter().flat_map(|family| {
        pending.written(family).filter_map(move |(element, value)| {
            let tag = part_tag(family, key::element_suffix(element))?;
            Some((tag, element, value.filter(|value| value.len() <= RECORD_LEN_MAX)))
        })
    })
}

impl HotTier {
    /// A tier of a size in bytes (`hot-tier-size`); zero turns it off.
    pub fn new(size_bytes: u64) -> HotTier {
        let shards = if size_bytes == 0 { 0 } else { SHARD_COUNT };
        let shards = (0..shards).map(|_| Mutex::new(Shard::new(size_bytes / SHARD_COUNT as u64))).collect();
        HotTier {
            shards,
            hasher: foldhash::fast::RandomState::default(),
            stamps: (0..STAMP_COUNT).map(|_| AtomicU32::new(0)).collect(),
            bytes_max: size_bytes,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// What is committed of a record, if that is here.
    pub(crate) fn get(&self, record_key: &[u8]) -> Option<Known> {
        let found = self.find(record_key);
        if found.is_none() && !self.shards.is_empty() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Like [`HotTier::get`], but a miss is not counted.
    pub(crate) fn find(&self, record_key: &[u8]) -> Option<Known> {
        let (shard, fragment) = self.hash(record_key);
        let found = {
            let mut shard = self.shards.get(shard)?.lock();
            let id = shard.locate(fragment);
            shard.get(id, record_key)
        }?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// To be taken before the header of a value is read, of which more is then read without its latch.
    pub(crate) fn stamp(&self, record_key: &[u8]) -> Stamp {
        let place = self.stamp_place(record_key);
        Stamp { place, commits: self.stamps[place].load(Ordering::Acquire) }
    }

    /// True if no commit that changes the header has begun since.
    pub(crate) fn is_current(&self, stamp: Stamp) -> bool {
        self.stamps[stamp.place].load(Ordering::Acquire) == stamp.commits
    }

    /// Notes the records of slots of which something is known here, and takes those slots out of the list. The caller holds the latches of all.
    pub(crate) fn remember(&self, slots: &mut Vec<SlotId>, pending: &mut Pending, lookups: &mut Lookups) {
        if self.shards.is_empty() {
            return;
        }
        let lookups = &mut lookups.records;
        let asked = slots.len();
        lookups.clear();
        lookups.extend(slots.drain(..).map(|slot| self.lookup(pending.key(slot), slot)));
        lookups.sort_unstable_by_key(|lookup| lookup.shard);
        for part in lookups.chunk_by_mut(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for lookup in &mut *part {
                lookup.id = shard.locate(lookup.fragment);
            }
            for lookup in part {
                match shard.get(lookup.id, pending.key(lookup.slot)) {
                    Some(known) => pending.remember(lookup.slot, known),
                    None => slots.push(lookup.slot),
                }
            }
        }
        self.hits.fetch_add((asked - slots.len()) as u64, Ordering::Relaxed);
        self.misses.fetch_add(slots.len() as u64, Ordering::Relaxed);
    }

    /// Takes in what a read has found. The caller holds the key's latch since before it read.
    pub(crate) fn fill(&self, record_key: &RecordKey, record: Option<&[u8]>) {
        let (shard, fragment) = self.hash(record_key);
        if let Some(shard) = self.shards.get(shard)
            && record.is_none_or(|record| record.len() <= RECORD_LEN_MAX)
        {
            shard.lock().put(fragment, record_key, record.map(RecordValue::from));
        }
    }

    /// Before a commit: hides the records that it changes, so that nobody sees some of them new and then others old, and removes those
    /// that go, and what was derived from others (`stale`). The caller holds the latches of their keys. If the commit fails, they stay hidden.
    pub(crate) fn withdraw<'k>(
        &self,
        pending: &Pending,
        stale: impl Iterator<Item = &'k RecordKey>,
        lookups: &mut Lookups,
    ) {
        let Lookups { records: lookups, parts } = lookups;
        lookups.clear();
        parts.clear();
        parts.shrink_to(PARTS_KEPT);
        if self.shards.is_empty() {
            return;
        }
        // Headers first, and their stamps before their parts: who sees a new part finds that the stamp is not current.
        lookups.extend(pending.written_slots().map(|slot| self.lookup(pending.key(slot), slot)));
        lookups.sort_unstable_by_key(|lookup| lookup.shard);
        for part in lookups.chunk_by(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for lookup in part {
                shard.hide(lookup.fragment);
            }
        }
        for lookup in &*lookups {
            self.stamps[self.stamp_place(pending.key(lookup.slot))].fetch_add(1, Ordering::AcqRel);
        }
        let written = written_parts(pending).enumerate();
        parts.extend(
            written.map(|(at, (tag, element, value))| self.part_lookup(tagged(tag, element, &[]), value.map(|_| at))),
        );
        parts.extend(stale.map(|key| self.part_lookup(key.clone(), None)));
        parts.sort_unstable_by_key(|part| part.shard);
        for part in parts.chunk_by_mut(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            // Which of them are here is looked up first, so that the processor waits for the memory of all at once.
            part.iter_mut().for_each(|lookup| lookup.is_here = shard.locate(lookup.fragment) != Id::default());
            for part in part.iter().filter(|part| part.is_here) {
                match part.written {
                    Some(_) => shard.hide(part.fragment),
                    None => shard.remove(part.fragment, &part.key),
                }
            }
        }
    }

    /// After the commit: shows the records of the batch as they are now. `lookups` is as [`HotTier::withdraw`] left it, and the caller still
    /// holds the latches.
    pub(crate) fn publish(&self, pending: &Pending, lookups: &Lookups) {
        if self.shards.is_empty() {
            return;
        }
        // Headers last: who finds a new one finds no old part.
        let values: Vec<Option<&[u8]>> = written_parts(pending).map(|(_, _, value)| value).collect();
        for part in lookups.parts.chunk_by(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for part in part {
                if let Some(value) = part.written.and_then(|at| *values.get(at)?) {
                    shard.put(part.fragment, &part.key, Some(value.into()));
                }
            }
        }
        let lookups = &lookups.records;
        for part in lookups.chunk_by(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for lookup in part {
                let key = pending.key(lookup.slot);
                match pending.value(lookup.slot) {
                    Some(record) if record.len() <= RECORD_LEN_MAX => {
                        shard.put(lookup.fragment, key, Some(record.clone()));
                    }
                    _ => shard.remove(lookup.fragment, key),
                }
            }
        }
    }

    /// Forgets everything, as most of it is of no use any more. What a commit has hidden stays unseen: it is not here.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let empty = Shard::new(self.bytes_max / SHARD_COUNT as u64);
            // It is taken apart when others may look again.
            let old = std::mem::replace(&mut *shard.lock(), empty);
            drop(old);
        }
    }

    /// Lookups that it answered, and those that went on to RocksDB. Waits for nobody.
    pub fn lookups(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Bytes, records, hits and misses.
    pub fn stats(&self) -> HotStats {
        let (hits, misses) = self.lookups();
        let mut stats = HotStats { bytes_max: self.bytes_max, hits, misses, ..HotStats::default() };
        for shard in &self.shards {
            let shard = shard.lock();
            stats.bytes += shard.bytes();
            stats.records += shard.len() as u64;
        }
        stats
    }

    fn part_lookup(&self, key: RecordKey, written: Option<usize>) -> PartLookup {
        let (shard, fragment) = self.hash(&key);
        PartLookup { shard, fragment, key, written, is_here: false }
    }

    fn stamp_place(&self, record_key: &[u8]) -> usize {
        // Other bits than those of the shard and the fragment.
        (self.hash_whole(record_key) >> 16) as usize % STAMP_COUNT
    }

    fn lookup(&self, key: &[u8], slot: SlotId) -> Lookup {
        let (shard, fragment) = self.hash(key);
        Lookup { shard, fragment, slot, id: Id::default() }
    }

    /// The shard of a key, and the bits of its hash that tell it from others there: not zero.
    fn hash(&self, key: &[u8]) -> (usize, u32) {
        let hash = self.hash_whole(key);
        ((hash % SHARD_COUNT as u64) as usize, ((hash >> u32::BITS) as u32).max(1))
    }

    fn hash_whole(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

/// Numbers of the tier for `INFO`.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the fields are those of INFO")]
pub struct HotStats {
    pub bytes: u64,
    pub bytes_max: u64,
    pub records: u64,
    pub hits: u64,
    pub misses: u64,
}

#[cfg(test)]
mod tests;
