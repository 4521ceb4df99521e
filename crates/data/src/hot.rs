//! The hot tier: recently used headers and small values in memory, so that most lookups need no RocksDB.
//!
//! It holds records of `keys` under their record keys, as they are committed. That it never disagrees with the disk
//! rests on two rules: a record changes here only in [`HotTier::publish`], right after the commit and before the
//! latches are given back; and what a read has found is taken in only by a worker that holds the key's latch since
//! before it read. Snapshots do not look here. A flushed or swapped database needs nothing: record keys begin with
//! the space, which no other database will have.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Pending, RecordKey, RecordValue};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Longest record that is kept; longer ones would push out many others.
const RECORD_LEN_MAX: usize = 4 << 10;
/// What an entry costs: key and record, as far as they lie in place, their place in the queue and in the table.
const ENTRY_BYTES: u64 = 176;

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<RecordKey, RecordValue> for ByBytes {
    fn weight(&self, key: &RecordKey, record: &RecordValue) -> u64 {
        ENTRY_BYTES + if key.spilled() { key.len() as u64 } else { 0 } + record.heap_bytes() as u64
    }
}

/// See the module's text. Shared by all workers.
#[derive(Debug)]
pub struct HotTier {
    /// None: the tier is off.
    records: Option<Cache<RecordKey, RecordValue, ByBytes>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl HotTier {
    /// A tier of a size in bytes (`hot-tier-size`); zero turns it off.
    pub fn new(size_bytes: u64) -> HotTier {
        let entries = usize::try_from(size_bytes / ENTRY_BYTES).unwrap_or(usize::MAX);
        let records = (size_bytes > 0).then(|| Cache::with_weighter(entries, size_bytes, ByBytes));
        HotTier { records, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The committed record of a key, if it is here. Absence says nothing.
    pub(crate) fn get(&self, record_key: &[u8]) -> Option<RecordValue> {
        let found = self.records.as_ref()?.get(record_key);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Takes in what a read has found. The caller holds the key's latch since before it read.
    pub(crate) fn fill(&self, record_key: &RecordKey, record: &[u8]) {
        if let Some(records) = &self.records
            && record.len() <= RECORD_LEN_MAX
        {
            records.insert(record_key.clone(), record.into());
        }
    }

    /// Follows a batch that was just committed. The caller still holds the latches of its keys.
    pub(crate) fn publish(&self, pending: &Pending) {
        let Some(records) = &self.records else { return };
        for (key, record) in pending.written_records() {
            match record {
                Some(record) if record.len() <= RECORD_LEN_MAX => records.insert(key.clone(), record.clone()),
                _ => drop(records.remove(key.as_slice())),
            }
        }
    }

    /// Lookups that it answered, and those that went on to RocksDB. Waits for nobody.
    pub fn lookups(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Bytes, records, hits and misses.
    pub fn stats(&self) -> HotStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HotStats {
            bytes: self.records.as_ref().map_or(0, Cache::weight),
            bytes_max: self.records.as_ref().map_or(0, Cache::capacity),
            records: self.records.as_ref().map_or(0, |records| records.len() as u64),
            hits: load(&self.hits),
            misses: load(&self.misses),
        }
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
    use engine::Family;

    use super::*;

    fn key(bytes: &[u8]) -> RecordKey {
        RecordKey::from_slice(bytes)
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
        tier.publish(&pending);
        assert_eq!(tier.get(b"k").as_deref(), Some(&b"new"[..]));
        assert_eq!(tier.get(b"gone").as_deref(), None);
        assert_eq!(tier.get(b"read").as_deref(), None);
    }

    #[test]
    fn a_record_that_has_grown_too_long_does_not_stay_as_it_was() {
        let tier = HotTier::new(1 << 20);
        tier.fill(&key(b"k"), b"old");
        let mut pending = Pending::new();
        pending.put(Family::Keys, b"k".to_vec(), vec![0; RECORD_LEN_MAX + 1]);
        tier.publish(&pending);
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
