//! Where the entry of a key is, by 32 bits of its hash.
//!
//! A bucket is one line of the processor's cache, with the fragments and the entries of eight keys: a lookup waits
//! for memory once. A key whose bucket is full lies in the next one that is not; so all buckets before its own are
//! full, from its home on, and a lookup ends at the first that is not. The number of buckets need not be a power of
//! two, so the table grows to what the most entries need, and not to twice as much.

use super::slab::Id;

const BUCKET_SLOTS: usize = 8;
const FIRST_BUCKETS: usize = 32;
/// At most so many parts of `LOAD_PARTS` of the places are used: nine tenths of the lookups then end in the first
/// bucket.
const LOAD_USED: usize = 4;
const LOAD_PARTS: usize = 5;

/// The used places come first. A fragment of zero: the place is free.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Bucket {
    fragments: [u32; BUCKET_SLOTS],
    ids: [Id; BUCKET_SLOTS],
}

impl Bucket {
    #[inline]
    fn place_of(&self, fragment: u32) -> Option<usize> {
        // All of them are compared at once, without a branch for each: the first byte that is not zero tells.
        let equal = u64::from_le_bytes(std::array::from_fn(|n| u8::from(self.fragments[n] == fragment)));
        (equal != 0).then_some((equal.trailing_zeros() / u8::BITS) as usize)
    }

    fn used(&self) -> usize {
        self.place_of(0).unwrap_or(BUCKET_SLOTS)
    }

    fn is_full(&self) -> bool {
        self.fragments[BUCKET_SLOTS - 1] != 0
    }

    /// Frees a place, and closes the gap.
    fn remove(&mut self, place: usize) {
        let last = self.used() - 1;
        (self.fragments[place], self.ids[place]) = (self.fragments[last], self.ids[last]);
        (self.fragments[last], self.ids[last]) = (0, Id::default());
    }
}

/// See the module's text. Fragments are not zero.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Vec<Bucket>,
    buckets_max: usize,
    len: usize,
}

impl Table {
    /// A table that will have no more than so many entries, or hardly more.
    pub(super) fn new(entries_max: usize) -> Table {
        let buckets_max = (entries_max * LOAD_PARTS).div_ceil(LOAD_USED * BUCKET_SLOTS) + 1;
        Table { buckets: vec![Bucket::default(); FIRST_BUCKETS.min(buckets_max)], buckets_max, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reads of the bucket of a fragment what brings it into the processor's cache.
    #[inline]
    pub(super) fn warm(&self, fragment: u32) -> u32 {
        self.buckets[self.home(fragment)].fragments[0]
    }

    /// The entry of a fragment, or none ([`Id::default`]).
    #[inline]
    pub(super) fn find(&self, fragment: u32) -> Id {
        self.place(fragment).map_or(Id::default(), |(bucket, place)| self.buckets[bucket].ids[place])
    }

    /// Adds a fragment that is not there.
    pub(super) fn insert(&mut self, fragment: u32, id: Id) {
        debug_assert_ne!(fragment, 0);
        if (self.len + 1) * LOAD_PARTS > self.buckets.len() * BUCKET_SLOTS * LOAD_USED {
            self.grow();
        }
        self.len += 1;
        self.put(fragment, id);
    }

    /// Changes where the entry of a fragment is that is there.
    pub(super) fn set(&mut self, fragment: u32, id: Id) {
        if let Some((bucket, place)) = self.place(fragment) {
            self.buckets[bucket].ids[place] = id;
        }
    }

    pub(super) fn remove(&mut self, fragment: u32) {
        let Some((bucket, place)) = self.place(fragment) else { return };
        self.len -= 1;
        let mut gap = bucket;
        let was_full = self.buckets[gap].is_full();
        self.buckets[gap].remove(place);
        if !was_full {
            return;
        }
        // What lies further on because this bucket was full comes back, and leaves a gap itself.
        let mut at = gap;
        loop {
            at = self.next(at);
            let (bucket, way) = (self.buckets[at], self.way(gap, at));
            let passed = |&n: &usize| self.way(self.home(bucket.fragments[n]), at) >= way;
            if let Some(place) = (0..bucket.used()).find(passed) {
                self.buckets[at].remove(place);
                let free = self.buckets[gap].used();
                let into = &mut self.buckets[gap];
                (into.fragments[free], into.ids[free]) = (bucket.fragments[place], bucket.ids[place]);
                gap = at;
            }
            if !bucket.is_full() {
                return;
            }
        }
    }

    #[inline]
    fn place(&self, fragment: u32) -> Option<(usize, usize)> {
        let mut at = self.home(fragment);
        loop {
            let bucket = &self.buckets[at];
            if let Some(place) = bucket.place_of(fragment) {
                return Some((at, place));
            }
            if !bucket.is_full() {
                return None;
            }
            at = self.next(at);
        }
    }

    fn put(&mut self, fragment: u32, id: Id) {
        let mut at = self.home(fragment);
        while self.buckets[at].is_full() {
            at = self.next(at);
        }
        let bucket = &mut self.buckets[at];
        let place = bucket.used();
        (bucket.fragments[place], bucket.ids[place]) = (fragment, id);
    }

    fn grow(&mut self) {
        let twice = 2 * self.buckets.len();
        // The most is enough, unless that is what there is.
        let wanted = if self.buckets.len() < self.buckets_max { twice.min(self.buckets_max) } else { twice };
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::default(); wanted]);
        for bucket in old {
            (0..bucket.used()).for_each(|n| self.put(bucket.fragments[n], bucket.ids[n]));
        }
    }

    fn home(&self, fragment: u32) -> usize {
        // Always less than the length: a 32-bit number scaled down by it.
        ((u64::from(fragment) * self.buckets.len() as u64) >> u32::BITS) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() { 0 } else { at + 1 }
    }

    /// How many buckets further another one is.
    fn way(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.buckets.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::hot::slab::Id;

    #[test]
    fn random_changes_agree_with_a_map() {
        for (keys, entries_max) in [(7, 1), (300, 300), (3000, 2500), (20_000, 20)] {
            let (mut table, mut model) = (Table::new(entries_max), HashMap::new());
            let mut state = 1u64;
            for step in 0..100_000u32 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Crowded at both ends, so that chains are long and go round.
                let n = (state >> 33) as u32 % keys + 1;
                let fragment = if n.is_multiple_of(2) { n * 100_000 } else { u32::MAX - n * 100_000 };
                let id = Id::one(step as usize, 0);
                match (state >> 60, model.contains_key(&fragment)) {
                    (0..9, false) => {
                        table.insert(fragment, id);
                        model.insert(fragment, id);
                    }
                    (0..9, true) => {
                        table.set(fragment, id);
                        model.insert(fragment, id);
                    }
                    _ => {
                        table.remove(fragment);
                        model.remove(&fragment);
                    }
                }
                assert_eq!(table.find(fragment), model.get(&fragment).copied().unwrap_or_default());
                assert_eq!(table.len(), model.len());
            }
            assert!(model.iter().all(|(&fragment, &id)| table.find(fragment) == id));
        }
    }

    #[test]
    fn it_grows_to_what_the_most_entries_need_and_not_further() {
        let mut table = Table::new(10_000);
        (1..=10_000u32).for_each(|n| table.insert(n.wrapping_mul(0x9e37_79b9), Id::one(n as usize, 0)));
        assert_eq!(table.buckets.len(), table.buckets_max);
        assert!(table.buckets.len() * size_of::<Bucket>() <= 10_000 * 10 + 128);
        assert!((1..=10_000u32).all(|n| table.find(n.wrapping_mul(0x9e37_79b9)) == Id::one(n as usize, 0)));
    }
}
