//! One part of the hot tier: a table of entries, and which of them goes when there are too many.
//!
//! The order of eviction is S3-FIFO's (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023):
//! what is new stands in a small queue and leaves it soon, unless it was asked for again meanwhile; only then, or
//! if it comes back shortly after it was evicted, it gets into the main queue. So a scan passes through the small
//! queue and pushes out nothing that is used. A hit changes a counter in the entry and no queue.
//!
//! Lookups come in batches, and go in two steps, so that the processor waits for the memory of many of them at
//! once: first the [table](super::table) says where each entry should be, by 32 bits of its hash, then the
//! [entries](super::slab) themselves are looked at. Two keys that agree in these bits displace each other.
//!
//! The queues name entries by these bits too, not by their places, which change. Who was removed leaves its name
//! there: it is skipped, or swept out when there are many. If the key comes back before that, the old name may have
//! its turn too early.
//!
//! What this takes: an entry counts with its units and with what it takes in table and queue, and the units follow
//! what is in use, whatever its sizes. Beside the limit there are two chunks of a MiB at most, and four bytes of
//! ghosts for each of the most entries.

use std::collections::VecDeque;

use engine::{RecordKey, RecordValue};
use hashbrown::HashSet;

use super::Known;
use super::slab::{Id, Slab};
use super::table::Table;
use super::unit::{Head, Place, Shows, UNIT_BYTES};

/// The small queue's share of the bytes: one part in so many.
const SMALL_SHARE: u64 = 10;
/// The most that an entry's counter counts: how often it is passed over in the main queue.
const USES_MAX: u8 = 3;
/// Names of removed entries that stay in the queues, at least, before they are swept out.
const STALE_MAX: usize = 1024;

/// What an entry takes beside its memory in the slab: ten bytes in the table, as that is full by four fifths, and four to
/// eight in a queue.
const PLACES_BYTES: u64 = 16;
/// What the shortest entry takes.
pub(super) const ENTRY_BYTES_MIN: u64 = UNIT_BYTES + PLACES_BYTES;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Shard {
    table: Table,
    slab: Slab,
    /// Fragments of entries, and of some that were removed.
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    /// Fragments of entries that were evicted from the small queue, each at its place by hash.
    ghosts: Box<[u32]>,
    small_bytes: u64,
    bytes: u64,
    bytes_max: u64,
}

impl Shard {
    pub(super) fn new(bytes_max: u64) -> Shard {
        let entries_max = usize::try_from(bytes_max / ENTRY_BYTES_MIN).unwrap_or(usize::MAX);
        Shard {
            table: Table::new(entries_max),
            slab: Slab::default(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: vec![0; entries_max.clamp(1, 1 << 20)].into_boxed_slice(),
            small_bytes: 0,
            bytes: 0,
            bytes_max,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Reads of the table what brings it into the processor's cache: the memory of several lookups is then waited for at
    /// once.
    #[inline]
    pub(super) fn warm_table(&self, fragment: u32) -> u32 {
        self.table.warm(fragment)
    }

    /// Where the entry of a key is, if there is one. It may be another key's. Until something changes here.
    #[inline]
    pub(super) fn locate(&self, fragment: u32) -> Id {
        self.table.find(fragment)
    }

    /// Reads of an entry what brings it into the processor's cache, likewise.
    #[inline]
    pub(super) fn warm(&self, id: Id) -> usize {
        if id == Id::default() { 0 } else { self.slab.warm(id) }
    }

    /// What is known of a key that [`Shard::locate`] has said where to look for. Counts as a use.
    #[inline]
    pub(super) fn get(&mut self, id: Id, key: &[u8]) -> Option<Known> {
        if id == Id::default() {
            return None;
        }
        let (unit, rest) = self.slab.find(id, key)?;
        let head = unit.head_mut()?;
        let shows = head.shows;
        if shows == Shows::Nothing {
            return None;
        }
        // Most hits on a busy entry change nothing: its line stays clean.
        if head.uses < USES_MAX {
            head.uses += 1;
        }
        Some((shows == Shows::Record).then(|| unit.record(rest)))
    }

    /// Sets what is known of a key.
    pub(super) fn put(&mut self, fragment: u32, key: &RecordKey, record: Known) {
        let shows = if record.is_some() { Shows::Record } else { Shows::Absent };
        let record = record.unwrap_or_default();
        let id = self.locate(fragment);
        if id == Id::default() {
            self.add(fragment, shows, key, record);
        } else {
            self.change(id, shows, key, record);
        }
        self.shrink();
    }

    /// Lets nobody see an entry until it is set again. It may be another key's: that is only a miss.
    pub(super) fn hide(&mut self, fragment: u32) {
        if let Some(head) = self.find(fragment).and_then(|id| self.slab.head_mut(id)) {
            head.shows = Shows::Nothing;
        }
    }

    /// Removes a key, if it is here.
    pub(super) fn remove(&mut self, fragment: u32, key: &[u8]) {
        let Some(id) = self.find(fragment).filter(|&id| self.slab.has_key(id, key)) else { return };
        self.forget(fragment, id);
        let stale = self.small.len() + self.main.len() - self.len();
        if stale > STALE_MAX && stale > self.len() {
            self.sweep();
        }
    }

    fn find(&self, fragment: u32) -> Option<Id> {
        Some(self.locate(fragment)).filter(|&id| id != Id::default())
    }

    fn add(&mut self, fragment: u32, shows: Shows, key: &[u8], record: RecordValue) {
        let ghost = self.ghost_at(fragment);
        let place = if std::mem::take(&mut self.ghosts[ghost]) == fragment { Place::Main } else { Place::Small };
        let Shard { table, slab, .. } = self;
        let id = slab.insert(Head::new(fragment, place, shows), key, record, |fragment, id| table.set(fragment, id));
        table.insert(fragment, id);
        self.queue(place).push_back(fragment);
        self.count(place, 0, self.weight(id));
    }

    fn change(&mut self, id: Id, shows: Shows, key: &[u8], record: RecordValue) {
        let Some(&before) = self.slab.head(id) else { return };
        let mut head = before;
        head.shows = shows;
        if !self.slab.has_key(id, key) {
            head.uses = 0;
        }
        let weight = self.weight(id);
        let Shard { table, slab, .. } = self;
        let now = slab.replace(id, head, key, record, |fragment, id| table.set(fragment, id));
        if now != id {
            table.set(before.fragment(), now);
        }
        self.count(before.place, weight, self.weight(now));
    }

    /// Evicts until the bytes are within their limit.
    fn shrink(&mut self) {
        while self.bytes > self.bytes_max {
            let from_small = self.small_bytes * SMALL_SHARE > self.bytes_max || self.main.is_empty();
            let place = if from_small { Place::Small } else { Place::Main };
            let Some(fragment) = self.queue(place).pop_front() else { return };
            let Some(id) = self.find(fragment) else { continue };
            let weight = self.weight(id);
            // It may have been removed, and have come again into the other queue.
            let Some(head) = self.slab.head_mut(id).filter(|head| head.place == place) else { continue };
            match (place, head.uses) {
                (Place::Small, 1..) => {
                    (head.place, head.uses) = (Place::Main, 0);
                    self.small_bytes -= weight;
                    self.main.push_back(fragment);
                }
                (Place::Main, 1..) => {
                    head.uses -= 1;
                    self.main.push_back(fragment);
                }
                (_, 0) => {
                    if place == Place::Small {
                        let ghost = self.ghost_at(fragment);
                        self.ghosts[ghost] = fragment;
                    }
                    self.forget(fragment, id);
                }
            }
        }
    }

    /// Takes an entry out of everything but its queue.
    fn forget(&mut self, fragment: u32, id: Id) {
        let weight = self.weight(id);
        if let Some(place) = self.slab.head(id).map(|head| head.place) {
            self.count(place, weight, 0);
        }
        let Shard { table, slab, .. } = self;
        table.remove(fragment);
        slab.remove(id, |fragment, id| table.set(fragment, id));
    }

    /// Takes the names of removed entries out of the queues, and of several of one all but the last.
    fn sweep(&mut self) {
        let mut seen = HashSet::with_capacity(self.len());
        for place in [Place::Small, Place::Main] {
            let mut kept = VecDeque::new();
            for fragment in std::mem::take(self.queue(place)).into_iter().rev() {
                let head = self.find(fragment).and_then(|id| self.slab.head(id));
                if head.is_some_and(|head| head.place == place) && seen.insert(fragment) {
                    kept.push_front(fragment);
                }
            }
            *self.queue(place) = kept;
        }
    }

    fn queue(&mut self, place: Place) -> &mut VecDeque<u32> {
        match place {
            Place::Small => &mut self.small,
            Place::Main => &mut self.main,
        }
    }

    /// What an entry takes, on the heap too.
    fn weight(&self, id: Id) -> u64 {
        PLACES_BYTES + self.slab.weight(id)
    }

    /// Counts that an entry takes something else than before.
    fn count(&mut self, place: Place, before: u64, after: u64) {
        self.bytes = self.bytes - before + after;
        if place == Place::Small {
            self.small_bytes = self.small_bytes - before + after;
        }
    }

    fn ghost_at(&self, fragment: u32) -> usize {
        // Always less than the length: a 32-bit number scaled down by it.
        ((u64::from(fragment) * self.ghosts.len() as u64) >> u32::BITS) as usize
    }
}

#[cfg(test)]
mod tests;
