//! The hot tier: recently used headers and small values in memory, so that most lookups need no RocksDB.
//!
//! It holds records of `keys` under their record keys, and those of `elements` under theirs behind a byte that no record key
//! begins with ([`element_key`]), as they are committed. That it never disagrees with the disk
//! rests on two rules: a record is hidden from before the commit that changes it until after ([`HotTier::withdraw`], [`HotTier::publish`]),
//! while its latch is held; and what a read has found is taken in only by a worker that holds the key's latch since
//! before it read. Anybody may look: a lock is held for the time of a copy. Snapshots do not look here. A flushed or swapped database needs nothing: record keys begin with
//! the space, which no other database will have.

mod shard;

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Family, Pending, RecordKey, RecordValue, SlotId};
use parking_lot::Mutex;

use shard::{Id, Shard};

/// Longest record that is kept; longer ones would push out many others.
const RECORD_LEN_MAX: usize = 4 << 10;
/// Parts of the tier, each with a lock of its own. A batch locks each part once, so that more of them make its lookups slower.
const SHARD_COUNT: usize = 16;

/// See the module's text. Shared by all workers.
#[derive(Debug)]
pub struct HotTier {
    /// Empty: the tier is off.
    shards: Box<[Mutex<Shard>]>,
    hasher: foldhash::fast::RandomState,
    bytes_max: u64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Lookups of a batch: kept for its allocation.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    records: Vec<Lookup>,
    /// Of what the batch has written to `elements`, in key order.
    elements: Vec<(usize, u32)>,
}

#[derive(Debug)]
struct Lookup {
    shard: usize,
    fragment: u32,
    slot: SlotId,
    id: Id,
}

/// Under what a record of `elements` is kept: its key behind a byte with which no record key of `keys` begins, as those begin with
/// a space, and spaces are counted from one.
pub(crate) fn element_key(element: &[u8]) -> RecordKey {
    let mut key = RecordKey::with_capacity(1 + element.len());
    key.push(u8::MAX);
    key.extend_from_slice(element);
    key
}

impl HotTier {
    /// A tier of a size in bytes (`hot-tier-size`); zero turns it off.
    pub fn new(size_bytes: u64) -> HotTier {
        let shards = if size_bytes == 0 { 0 } else { SHARD_COUNT };
        let shards = (0..shards).map(|_| Mutex::new(Shard::new(size_bytes / SHARD_COUNT as u64))).collect();
        HotTier {
            shards,
            hasher: foldhash::fast::RandomState::default(),
            bytes_max: size_bytes,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The committed record of a key, if it is here. Absence says nothing.
    pub(crate) fn get(&self, record_key: &[u8]) -> Option<RecordValue> {
        let found = self.find(record_key);
        if found.is_none() && !self.shards.is_empty() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Like [`HotTier::get`], but a miss is not counted.
    pub(crate) fn find(&self, record_key: &[u8]) -> Option<RecordValue> {
        let (shard, fragment) = self.hash(record_key);
        let found = {
            let mut shard = self.shards.get(shard)?.lock();
            let id = shard.locate(fragment);
            shard.get(id, record_key).cloned()
        }?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Notes the records of slots that are here, and takes those slots out of the list. The caller holds the latches of all.
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
                    Some(record) => pending.remember(lookup.slot, Some(record.clone())),
                    None => slots.push(lookup.slot),
                }
            }
        }
        self.hits.fetch_add((asked - slots.len()) as u64, Ordering::Relaxed);
        self.misses.fetch_add(slots.len() as u64, Ordering::Relaxed);
    }

    /// Takes in what a read has found. The caller holds the key's latch since before it read.
    pub(crate) fn fill(&self, record_key: &RecordKey, record: &[u8]) {
        let (shard, fragment) = self.hash(record_key);
        if let Some(shard) = self.shards.get(shard)
            && record.len() <= RECORD_LEN_MAX
        {
            shard.lock().put(fragment, record_key, record.into());
        }
    }

    /// Before a commit: hides the records that it changes, so that nobody sees some of them new and then others old. The caller
    /// holds the latches of their keys. If the commit fails, they stay hidden.
    pub(crate) fn withdraw(&self, pending: &Pending, lookups: &mut Lookups) {
        let Lookups { records: lookups, elements } = lookups;
        lookups.clear();
        elements.clear();
        if self.shards.is_empty() {
            return;
        }
        for (element, _) in pending.written(Family::Elements) {
            let (shard, fragment) = self.hash(&element_key(element));
            self.shards[shard].lock().hide(fragment);
            elements.push((shard, fragment));
        }
        lookups.extend(pending.written_slots().map(|slot| self.lookup(pending.key(slot), slot)));
        lookups.sort_unstable_by_key(|lookup| lookup.shard);
        for part in lookups.chunk_by(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for lookup in part {
                shard.hide(lookup.fragment);
            }
        }
    }

    /// After the commit: shows the records of the batch as they are now. `lookups` is as [`HotTier::withdraw`] left it, and the caller still
    /// holds the latches.
    pub(crate) fn publish(&self, pending: &Pending, lookups: &Lookups) {
        let Lookups { records: lookups, elements } = lookups;
        for ((element, value), &(shard, fragment)) in pending.written(Family::Elements).zip(elements) {
            let (key, mut shard) = (element_key(element), self.shards[shard].lock());
            match value {
                Some(value) if value.len() <= RECORD_LEN_MAX => shard.put(fragment, &key, value.into()),
                _ => shard.remove(fragment, &key),
            }
        }
        for part in lookups.chunk_by(|a, b| a.shard == b.shard) {
            let mut shard = self.shards[part[0].shard].lock();
            for lookup in part {
                let key = pending.key(lookup.slot);
                match pending.value(lookup.slot) {
                    Some(record) if record.len() <= RECORD_LEN_MAX => shard.put(lookup.fragment, key, record.clone()),
                    _ => shard.remove(lookup.fragment, key),
                }
            }
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

    fn lookup(&self, key: &[u8], slot: SlotId) -> Lookup {
        let (shard, fragment) = self.hash(key);
        Lookup { shard, fragment, slot, id: Id::default() }
    }

    /// The shard of a key, and the bits of its hash that tell it from others there.
    fn hash(&self, key: &[u8]) -> (usize, u32) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        ((hash % SHARD_COUNT as u64) as usize, (hash >> u32::BITS) as u32)
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
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> RecordKey {
        RecordKey::from_slice(bytes)
    }

    fn commit(tier: &HotTier, pending: &Pending) {
        let mut lookups = Lookups::default();
        tier.withdraw(pending, &mut lookups);
        tier.publish(pending, &lookups);
    }

    #[test]
    fn during_a_commit_neither_the_old_nor_the_new_record_is_seen() {
        let tier = HotTier::new(1 << 20);
        (0..100u32).for_each(|n| tier.fill(&key(&n.to_be_bytes()), b"old"));
        let mut pending = Pending::new();
        (0..50u32).for_each(|n| pending.put(Family::Keys, n.to_be_bytes().to_vec(), b"new".to_vec()));
        let seen = |n: u32| tier.get(&n.to_be_bytes()).map(|record| record.to_vec());
        let mut lookups = Lookups::default();
        tier.withdraw(&pending, &mut lookups);
        assert!((0..50).all(|n| seen(n).is_none()));
        assert!((50..100).all(|n| seen(n).as_deref() == Some(b"old")));
        tier.publish(&pending, &lookups);
        assert!((0..50).all(|n| seen(n).as_deref() == Some(b"new")));
    }

    #[test]
    fn a_commit_replaces_and_removes_what_was_kept() {
        let tier = HotTier::new(1 << 20);
        tier.fill(&key(b"k"), b"old");
        tier.fill(&key(b"gone"), b"old");
        let mut pending = Pending::new();
        pending.put(Family::Keys, b"k".to_vec(), b"new".to_vec());
        pending.delete(Family::Keys, b"gone".to_vec());
        let read = pending.locate(b"read");
        pending.remember(read, Some(b"only"[..].into()));
        commit(&tier, &pending);
        assert_eq!(tier.get(b"k").as_deref(), Some(&b"new"[..]));
        assert_eq!(tier.get(b"gone").as_deref(), None);
        assert_eq!(tier.get(b"read").as_deref(), None);
    }

    #[test]
    fn elements_follow_their_commits_and_are_not_taken_for_records_of_keys() {
        let tier = HotTier::new(1 << 20);
        tier.fill(&element_key(b"e"), b"old");
        tier.fill(&element_key(b"gone"), b"old");
        tier.fill(&key(b"e"), b"a key");
        let mut pending = Pending::new();
        pending.put(Family::Elements, b"e".to_vec(), b"new".to_vec());
        pending.put(Family::Elements, b"first".to_vec(), b"1".to_vec());
        pending.delete(Family::Elements, b"gone".to_vec());
        let mut lookups = Lookups::default();
        tier.withdraw(&pending, &mut lookups);
        assert_eq!(tier.get(&element_key(b"e")).as_deref(), None);
        tier.publish(&pending, &lookups);
        assert_eq!(tier.get(&element_key(b"e")).as_deref(), Some(&b"new"[..]));
        assert_eq!(tier.get(&element_key(b"first")).as_deref(), Some(&b"1"[..]));
        assert_eq!(tier.get(&element_key(b"gone")).as_deref(), None);
        assert_eq!(tier.get(b"e").as_deref(), Some(&b"a key"[..]));
    }

    #[test]
    fn slots_that_are_here_are_noted_and_the_others_left() {
        let tier = HotTier::new(1 << 20);
        let mut pending = Pending::new();
        let slots: Vec<_> = (0..100u32).map(|n| pending.locate(&n.to_be_bytes())).collect();
        (0..100u32).filter(|n| n % 3 == 0).for_each(|n| tier.fill(&key(&n.to_be_bytes()), &[n as u8]));
        let mut left = slots.clone();
        tier.remember(&mut left, &mut pending, &mut Lookups::default());
        for (n, &slot) in slots.iter().enumerate() {
            let here = n % 3 == 0;
            assert_eq!(pending.known(slot), here.then_some(Some(&[n as u8][..])));
            assert_eq!(left.contains(&slot), !here);
        }
        assert_eq!(tier.lookups(), (34, 66));
    }

    #[test]
    fn a_record_that_has_grown_too_long_does_not_stay_as_it_was() {
        let tier = HotTier::new(1 << 20);
        tier.fill(&key(b"k"), b"old");
        let mut pending = Pending::new();
        pending.put(Family::Keys, b"k".to_vec(), vec![0; RECORD_LEN_MAX + 1]);
        commit(&tier, &pending);
        assert_eq!(tier.get(b"k").as_deref(), None);
    }

    #[test]
    fn it_stays_within_its_size_and_off_means_off() {
        let tier = HotTier::new(100_000);
        (0..10_000u32).for_each(|n| tier.fill(&key(&n.to_be_bytes()), &[0; 100]));
        assert!(tier.stats().bytes <= 100_000 && tier.stats().records > 100);
        let off = HotTier::new(0);
        off.fill(&key(b"k"), b"v");
        assert_eq!(off.get(b"k").as_deref(), None);
    }
}
