//! Where entries lie, and that memory follows what is in use.

use std::collections::{HashMap, HashSet};

use super::super::unit::{Place, Shows};
use super::*;

impl Slab {
    /// How many units there are.
    pub(in crate::hot) fn units(&self) -> usize {
        2 * self.chunks.iter().map(Vec::len).sum::<usize>()
    }

    /// Where entries are. Checks what is said to be free.
    pub(in crate::hot) fn check(&self) -> Vec<Id> {
        let mut entries = Vec::new();
        let free_pairs: HashSet<u32> = self.pairs.iter().copied().collect();
        assert_eq!(free_pairs.len(), self.pairs.len());
        let mut free = 2 * self.pairs.len();
        for (chunk, pairs) in self.chunks.iter().enumerate() {
            for (at, Pair(units)) in pairs.iter().enumerate() {
                let pair = chunk_start(chunk) + at;
                match units {
                    [Unit::Free { .. }, Unit::Free { .. }] => assert!(free_pairs.contains(&(pair as u32))),
                    [_, Unit::Second { .. }] => entries.push(Id::two(pair)),
                    _ => entries.extend((0..2).map(|side| Id::one(pair, side)).filter(|id| match units[id.side()] {
                        Unit::Free { at } => {
                            assert_eq!(self.singles[at as usize], *id);
                            free += 1;
                            false
                        }
                        _ => true,
                    })),
                }
            }
        }
        let used: usize = entries.iter().map(|id| if id.is_two() { 2 } else { 1 }).sum();
        assert_eq!(used + free, self.units());
        assert_eq!(free, 2 * self.pairs.len() + self.singles.len());
        entries
    }
}

fn record(n: u32, len: usize) -> RecordValue {
    RecordValue::from(&vec![n as u8; len][..])
}

/// Entries that the slab must know, and where they are.
#[derive(Default)]
struct Entries {
    slab: Slab,
    known: HashMap<u32, (Id, usize)>,
}

impl Entries {
    fn insert(&mut self, n: u32, len: usize) {
        let Entries { slab, known } = self;
        let moved = |n, id| moved(known, n, id);
        let id = slab.insert(Head::new(n, Place::Main, Shows::Record), &n.to_be_bytes(), record(n, len), moved);
        known.insert(n, (id, len));
    }

    fn replace(&mut self, n: u32, len: usize) {
        let Entries { slab, known } = self;
        let Some(&(id, _)) = known.get(&n) else { return };
        let moved = |n, id| moved(known, n, id);
        let head = Head::new(n, Place::Main, Shows::Record);
        let id = slab.replace(id, head, &n.to_be_bytes(), record(n, len), moved);
        known.insert(n, (id, len));
    }

    fn remove(&mut self, n: u32) {
        let Some((id, _)) = self.known.remove(&n) else { return };
        let Entries { slab, known } = self;
        slab.remove(id, |n, id| moved(known, n, id));
    }

    fn check(&mut self) {
        assert_eq!(self.slab.check().len(), self.known.len());
        for (&n, &(id, len)) in &self.known {
            let found = self.slab.find(id, &n.to_be_bytes());
            assert_eq!(found.map(|(unit, rest)| unit.record(rest).to_vec()), Some(vec![n as u8; len]));
        }
    }
}

fn moved(known: &mut HashMap<u32, (Id, usize)>, n: u32, id: Id) {
    known.entry(n).and_modify(|known| known.0 = id);
}

#[test]
fn entries_are_found_wherever_they_move_as_others_come_change_and_go() {
    let mut entries = Entries::default();
    let mut state = 1u64;
    for step in 0..100_000u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // It grows, gets less, and grows again.
        let (n, grows) = ((state >> 33) as u32 % 8000, step / 25_000 % 2 == 0);
        let len = [0, 10, 60, 300][(state >> 20) as usize % 4];
        match (entries.known.contains_key(&n), (state >> 60 < 10) == grows) {
            (false, true) => entries.insert(n, len),
            (false, false) => {}
            (true, true) => entries.replace(n, len),
            (true, false) => entries.remove(n),
        }
        if step % 5000 == 0 {
            entries.check();
        }
    }
    entries.check();
}

#[test]
fn no_unit_stays_unused_because_of_its_neighbour() {
    let mut entries = Entries::default();
    (0..1000).for_each(|n| entries.insert(n, 10));
    (0..1000).filter(|n: &u32| n.is_multiple_of(2)).for_each(|n| entries.remove(n));
    (2000..2250).for_each(|n| entries.insert(n, 60));
    assert_eq!(entries.slab.units(), 1000);
    entries.check();
}

#[test]
fn memory_that_is_not_used_is_given_back() {
    let mut entries = Entries::default();
    (0..100_000).for_each(|n| entries.insert(n, 10));
    let most = entries.slab.units();
    // Every tenth stays: they are all over the memory.
    (0..100_000).filter(|n| n % 10 != 0).for_each(|n| entries.remove(n));
    assert!(most >= 100_000 && entries.slab.units() <= 10_000 + 2 * 2 * CHUNK_PAIRS, "{}", entries.slab.units());
    entries.check();
    (0..100_000).for_each(|n| entries.remove(n));
    assert!(entries.slab.units() <= 2 * FIRST_CHUNK_PAIRS);
    entries.check();
}

#[test]
fn every_pair_has_a_place_of_its_own_in_the_chunks_as_they_grow() {
    let (mut chunk, mut at) = (0, 0);
    for pair in 0..GROWING_PAIRS + 3 * CHUNK_PAIRS {
        assert_eq!(place_of(pair), (chunk, at), "{pair}");
        assert_eq!(chunk_start(chunk) + at, pair);
        assert_eq!((Id::one(pair, 1).pair(), Id::one(pair, 1).side(), Id::two(pair).pair()), (pair, 1, pair));
        at += 1;
        if at == chunk_pairs(chunk) {
            (chunk, at) = (chunk + 1, 0);
        }
    }
    assert_eq!((chunk, at), (GROWING_CHUNKS + 3, 0));
}
