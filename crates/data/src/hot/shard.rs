//! One part of the hot tier: a table of entries, and which of them goes when there are too many.
//!
//! The order of eviction is S3-FIFO's (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): what is
//! new stands in a small queue and leaves it soon, unless it was asked for again meanwhile; only then, or if it comes
//! back shortly after it was evicted, it gets into the main queue. So a scan passes through the small queue and pushes out
//! nothing that is used. A hit changes a counter in the entry and no queue.
//!
//! An entry with a short key and a short record is two lines of the processor's cache, side by side. Lookups come in
//! batches, and go in two steps, so that the processor waits for the memory of many of them at once: first the table says where
//! each entry should be, by 32 bits of its hash, then the entries themselves are looked at. Two keys that agree in
//! these bits displace each other.

use std::collections::VecDeque;

use engine::{RecordKey, RecordValue};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

/// Entries are allocated in chunks, so that a growing tier is never copied: of this many, the first; each of twice as many as the one before, so
/// that most of a large tier lies in pieces that the operating system can give huge pages to; up to a size of which an unused part is little.
const FIRST_CHUNK_ENTRIES: usize = 256;
/// Chunks of which each is larger than the one before. All that follow are as large as the next one would be: 8192 entries, a MiB.
const GROWING_CHUNKS: usize = 5;
const CHUNK_ENTRIES: usize = FIRST_CHUNK_ENTRIES << GROWING_CHUNKS;
const GROWING_ENTRIES: usize = FIRST_CHUNK_ENTRIES * ((1 << GROWING_CHUNKS) - 1);
/// The small queue's share of the bytes: one part in so many.
const SMALL_SHARE: u64 = 10;
/// The most that an entry's counter counts: how often it is passed over in the main queue.
const USES_MAX: u8 = 3;
/// Removed entries that stay in the queues, at least, before they are swept out.
const DEAD_MAX: usize = 1024;

/// What an entry takes, with its places in table and queue, beside what key and record have on the heap.
pub(super) const ENTRY_BYTES: u64 = 144;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In no queue.
    Free,
    Small,
    Main,
    /// Removed, but still in a queue.
    Dead,
}

#[derive(Debug)]
#[repr(align(128))]
struct Entry {
    key: RecordKey,
    record: RecordValue,
    fragment: u32,
    uses: u8,
    place: Place,
    shows: Shows,
}

/// What an entry tells of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Nothing: it is being changed, and not to be seen before it is set again.
    Nothing,
    Record,
    /// There is no record of it.
    Absent,
}

impl Entry {
    fn set(&mut self, record: Option<RecordValue>) {
        self.shows = if record.is_some() { Shows::Record } else { Shows::Absent };
        self.record = record.unwrap_or_default();
    }

    fn weight(&self) -> u64 {
        ENTRY_BYTES + if self.key.spilled() { self.key.len() as u64 } else { 0 } + self.record.heap_bytes() as u64
    }
}

/// Where an entry should be. Zero is no entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Id(u32);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Shard {
    /// Fragment of the hash, and entry.
    table: HashTable<(u32, Id)>,
    chunks: Vec<Vec<Entry>>,
    free: Vec<Id>,
    small: VecDeque<Id>,
    main: VecDeque<Id>,
    /// Fragments of entries that were evicted from the small queue, each at its place by hash.
    ghosts: Box<[u32]>,
    dead: usize,
    small_bytes: u64,
    bytes: u64,
    bytes_max: u64,
}

impl Shard {
    pub(super) fn new(bytes_max: u64) -> Shard {
        let ghosts = usize::try_from(bytes_max / ENTRY_BYTES).unwrap_or(usize::MAX).clamp(1, 1 << 20);
        Shard {
            table: HashTable::new(),
            chunks: Vec::new(),
            free: Vec::new(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: vec![0; ghosts].into_boxed_slice(),
            dead: 0,
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

    /// Where the entry of a key is, if there is one. It may be another key's.
    pub(super) fn locate(&self, fragment: u32) -> Id {
        self.table.find(spread(fragment), |&(of, _)| of == fragment).map_or(Id::default(), |&(_, id)| id)
    }

    /// Reads of an entry what brings it into the processor's cache: the memory of several is then waited for at once.
    pub(super) fn warm(&self, id: Id) -> usize {
        if id == Id::default() {
            return 0;
        }
        let entry = self.entry(id);
        entry.key.len() + entry.record.len()
    }

    /// What is known of a key that [`Shard::locate`] has said where to look for. Counts as a use.
    pub(super) fn get(&mut self, id: Id, key: &[u8]) -> Option<Option<&RecordValue>> {
        if id == Id::default() {
            return None;
        }
        let entry = self.entry_mut(id);
        if entry.shows == Shows::Nothing || *entry.key != *key {
            return None;
        }
        // Most hits on a busy entry change nothing: its line stays clean.
        if entry.uses < USES_MAX {
            entry.uses += 1;
        }
        Some((entry.shows == Shows::Record).then_some(&entry.record))
    }

    /// Sets what is known of a key.
    pub(super) fn put(&mut self, fragment: u32, key: &RecordKey, record: Option<RecordValue>) {
        let id = self.locate(fragment);
        if id == Id::default() {
            return self.add(fragment, key, record);
        }
        let entry = self.entry_mut(id);
        let before = entry.weight();
        if entry.key != *key {
            entry.key = key.clone();
            entry.uses = 0;
        }
        entry.set(record);
        let (after, is_small) = (entry.weight(), entry.place == Place::Small);
        self.bytes = self.bytes - before + after;
        if is_small {
            self.small_bytes = self.small_bytes - before + after;
        }
        self.shrink();
    }

    /// Lets nobody see an entry until it is set again. It may be another key's: that is only a miss.
    pub(super) fn hide(&mut self, fragment: u32) {
        let id = self.locate(fragment);
        if id != Id::default() {
            self.entry_mut(id).shows = Shows::Nothing;
        }
    }

    /// Removes a key, if it is here.
    pub(super) fn remove(&mut self, fragment: u32, key: &[u8]) {
        let id = self.locate(fragment);
        if id == Id::default() || *self.entry(id).key != *key {
            return;
        }
        self.forget(id, Place::Dead);
        self.dead += 1;
        if self.dead > DEAD_MAX && self.dead > self.table.len() {
            self.sweep();
        }
    }

    fn add(&mut self, fragment: u32, key: &RecordKey, record: Option<RecordValue>) {
        let id = self.free.pop().unwrap_or_else(|| self.grow());
        let ghost = self.ghost_at(fragment);
        let place = if std::mem::take(&mut self.ghosts[ghost]) == fragment { Place::Main } else { Place::Small };
        let entry = self.entry_mut(id);
        entry.key = key.clone();
        entry.set(record);
        (entry.fragment, entry.uses, entry.place) = (fragment, 0, place);
        let weight = entry.weight();
        self.bytes += weight;
        if place == Place::Small {
            self.small_bytes += weight;
            self.small.push_back(id);
        } else {
            self.main.push_back(id);
        }
        self.table.insert_unique(spread(fragment), (fragment, id), |&(of, _)| spread(of));
        self.shrink();
    }

    /// Evicts until the bytes are within their limit.
    fn shrink(&mut self) {
        while self.bytes > self.bytes_max {
            let from_small = self.small_bytes * SMALL_SHARE > self.bytes_max || self.main.is_empty();
            let queue = if from_small { &mut self.small } else { &mut self.main };
            let Some(id) = queue.pop_front() else { return };
            let entry = self.entry_mut(id);
            match entry.place {
                Place::Dead | Place::Free => {
                    self.dead -= 1;
                    self.release(id);
                }
                Place::Small if entry.uses > 0 => {
                    (entry.place, entry.uses) = (Place::Main, 0);
                    self.small_bytes -= self.entry(id).weight();
                    self.main.push_back(id);
                }
                Place::Main if entry.uses > 0 => {
                    entry.uses -= 1;
                    self.main.push_back(id);
                }
                place => {
                    let fragment = entry.fragment;
                    if place == Place::Small {
                        let ghost = self.ghost_at(fragment);
                        self.ghosts[ghost] = fragment;
                    }
                    self.forget(id, Place::Free);
                    self.release(id);
                }
            }
        }
    }

    /// Takes an entry out of table and count, and drops what it has on the heap.
    fn forget(&mut self, id: Id, place: Place) {
        let entry = self.entry_mut(id);
        let (weight, fragment, was_small) = (entry.weight(), entry.fragment, entry.place == Place::Small);
        (entry.key, entry.record, entry.place) = (RecordKey::new(), RecordValue::default(), place);
        self.bytes -= weight;
        if was_small {
            self.small_bytes -= weight;
        }
        let found = self.table.entry(spread(fragment), |&(of, _)| of == fragment, |&(of, _)| spread(of));
        if let TableEntry::Occupied(found) = found {
            found.remove();
        }
    }

    /// Takes removed entries out of the queues.
    fn sweep(&mut self) {
        for is_small in [true, false] {
            let mut queue = std::mem::take(if is_small { &mut self.small } else { &mut self.main });
            queue.retain(|&id| {
                let is_dead = self.entry(id).place == Place::Dead;
                if is_dead {
                    self.release(id);
                }
                !is_dead
            });
            *(if is_small { &mut self.small } else { &mut self.main }) = queue;
        }
        self.dead = 0;
    }

    fn release(&mut self, id: Id) {
        self.entry_mut(id).place = Place::Free;
        self.free.push(id);
    }

    /// Makes one more entry.
    fn grow(&mut self) -> Id {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == chunk.capacity()) {
            self.chunks.push(Vec::with_capacity(FIRST_CHUNK_ENTRIES << self.chunks.len().min(GROWING_CHUNKS)));
        }
        let at = self.chunks.len() - 1;
        let blank = Entry {
            key: RecordKey::new(),
            record: RecordValue::default(),
            fragment: 0,
            uses: 0,
            place: Place::Free,
            shows: Shows::Nothing,
        };
        self.chunks[at].push(blank);
        Id((chunk_start(at) + self.chunks[at].len()) as u32)
    }

    fn ghost_at(&self, fragment: u32) -> usize {
        // Always less than the length: a 32-bit number scaled down by it.
        ((u64::from(fragment) * self.ghosts.len() as u64) >> u32::BITS) as usize
    }

    fn entry(&self, Id(id): Id) -> &Entry {
        let (chunk, at) = place_of(id);
        &self.chunks[chunk][at]
    }

    fn entry_mut(&mut self, Id(id): Id) -> &mut Entry {
        let (chunk, at) = place_of(id);
        &mut self.chunks[chunk][at]
    }
}

/// Entries in the chunks before one.
fn chunk_start(chunk: usize) -> usize {
    let growing = chunk.min(GROWING_CHUNKS);
    FIRST_CHUNK_ENTRIES * ((1 << growing) - 1) + (chunk - growing) * CHUNK_ENTRIES
}

/// The chunk of an entry, and where it lies in it.
fn place_of(id: u32) -> (usize, usize) {
    let at = id as usize - 1;
    match at.checked_sub(GROWING_ENTRIES) {
        Some(at) => (GROWING_CHUNKS + at / CHUNK_ENTRIES, at % CHUNK_ENTRIES),
        None => {
            let chunk = (at / FIRST_CHUNK_ENTRIES + 1).ilog2() as usize;
            (chunk, at - chunk_start(chunk))
        }
    }
}

/// The table wants the hash's entropy in its lowest and its highest bits.
fn spread(fragment: u32) -> u64 {
    u64::from(fragment).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u64 = 100 * ENTRY_BYTES;

    fn key(n: u32) -> RecordKey {
        RecordKey::from_slice(&n.to_be_bytes())
    }

    fn fragment(n: u32) -> u32 {
        n.wrapping_mul(0x9e37_79b9).wrapping_add(1)
    }

    fn put(shard: &mut Shard, n: u32, record: &[u8]) {
        shard.put(fragment(n), &key(n), Some(record.into()));
    }

    fn get(shard: &mut Shard, n: u32) -> Option<Vec<u8>> {
        let id = shard.locate(fragment(n));
        shard.get(id, &key(n)).flatten().map(|record| record.to_vec())
    }

    #[test]
    fn a_record_is_set_replaced_and_removed() {
        let mut shard = Shard::new(CAPACITY);
        put(&mut shard, 1, b"a");
        put(&mut shard, 1, &[7; 300]);
        put(&mut shard, 2, b"b");
        assert_eq!(get(&mut shard, 1), Some(vec![7; 300]));
        shard.remove(fragment(1), &key(1));
        assert_eq!((get(&mut shard, 1), get(&mut shard, 2)), (None, Some(b"b".to_vec())));
        assert_eq!((shard.len(), shard.bytes()), (1, ENTRY_BYTES));
    }

    #[test]
    fn what_is_known_to_be_absent_is_told_until_it_is_set_or_hidden() {
        let mut shard = Shard::new(CAPACITY);
        shard.put(fragment(1), &key(1), None);
        let id = shard.locate(fragment(1));
        assert_eq!(shard.get(id, &key(1)).map(|known| known.is_none()), Some(true));
        shard.hide(fragment(1));
        assert!(shard.get(id, &key(1)).is_none());
        put(&mut shard, 1, b"a");
        assert_eq!(get(&mut shard, 1), Some(b"a".to_vec()));
    }

    #[test]
    fn keys_that_agree_in_the_hash_displace_each_other_and_are_never_taken_for_each_other() {
        let mut shard = Shard::new(CAPACITY);
        shard.put(5, &key(1), Some(b"a"[..].into()));
        let id = shard.locate(5);
        assert!(shard.get(id, &key(2)).is_none());
        shard.remove(5, &key(2));
        assert!(shard.get(id, &key(1)).is_some());
        shard.put(5, &key(2), Some(b"b"[..].into()));
        assert!(shard.get(id, &key(1)).is_none());
        assert_eq!(shard.get(id, &key(2)).flatten().map(|record| record.to_vec()), Some(b"b".to_vec()));
        assert_eq!(shard.len(), 1);
    }

    #[test]
    fn a_scan_does_not_push_out_what_is_used() {
        let mut shard = Shard::new(CAPACITY);
        for n in 0..50 {
            put(&mut shard, n, b"used");
            get(&mut shard, n);
        }
        // Two passes: in the first the used ones get into the main queue.
        for n in 1000..11_000 {
            put(&mut shard, n, b"scanned");
            if n % 100 == 0 {
                (0..50).for_each(|n| drop(get(&mut shard, n)));
            }
        }
        let kept = (0..50).filter(|&n| get(&mut shard, n).is_some()).count();
        assert_eq!(kept, 50);
        assert!(shard.bytes() <= CAPACITY);
    }

    #[test]
    fn what_comes_back_soon_after_its_eviction_stays() {
        let mut shard = Shard::new(CAPACITY);
        put(&mut shard, 7, b"back");
        (100..300).for_each(|n| put(&mut shard, n, b"x"));
        assert_eq!(get(&mut shard, 7), None);
        put(&mut shard, 7, b"back");
        (300..350).for_each(|n| put(&mut shard, n, b"x"));
        assert_eq!(get(&mut shard, 7), Some(b"back".to_vec()));
    }

    #[test]
    fn memory_is_bounded_when_keys_come_and_go_without_an_eviction() {
        let mut shard = Shard::new(CAPACITY);
        for n in 0..100_000 {
            put(&mut shard, n, b"x");
            shard.remove(fragment(n), &key(n));
        }
        assert_eq!((shard.len(), shard.bytes()), (0, 0));
        let made: usize = shard.chunks.iter().map(Vec::len).sum();
        assert!(made <= 2 * DEAD_MAX + 1, "{made} entries");
    }

    #[test]
    fn random_changes_agree_with_a_map_that_forgets_nothing() {
        let mut shard = Shard::new(CAPACITY);
        let mut model = std::collections::HashMap::new();
        let mut state = 1u64;
        for step in 0..200_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let n = (state >> 33) as u32 % 300;
            match state >> 60 {
                0..4 => {
                    let record = vec![step as u8; (step % 200) as usize];
                    put(&mut shard, n, &record);
                    model.insert(n, record);
                }
                4..6 => {
                    shard.remove(fragment(n), &key(n));
                    model.remove(&n);
                }
                _ => {
                    if let Some(found) = get(&mut shard, n) {
                        assert_eq!(Some(&found), model.get(&n));
                    }
                }
            }
            assert!(shard.bytes() <= CAPACITY);
        }
        let all: u64 = shard
            .chunks
            .iter()
            .flatten()
            .filter(|e| e.place != Place::Free && e.place != Place::Dead)
            .map(Entry::weight)
            .sum();
        assert_eq!(all, shard.bytes());
    }

    #[test]
    fn every_entry_has_a_place_of_its_own_in_the_chunks_as_they_grow() {
        let (mut chunk, mut at) = (0, 0);
        for id in 1..=(GROWING_ENTRIES + 3 * CHUNK_ENTRIES) as u32 {
            assert_eq!(place_of(id), (chunk, at), "{id}");
            assert_eq!(chunk_start(chunk) + at + 1, id as usize);
            at += 1;
            if at == FIRST_CHUNK_ENTRIES << chunk.min(GROWING_CHUNKS) {
                (chunk, at) = (chunk + 1, 0);
            }
        }
        assert_eq!((chunk, at), (GROWING_CHUNKS + 3, 0));
    }

    #[test]
    fn an_entry_is_two_lines_of_the_processors_cache() {
        assert_eq!(size_of::<Entry>(), 128);
    }
}
