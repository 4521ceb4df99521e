//! The memory of entries: units of a line of the processor's cache, two of which make a pair.
//!
//! An entry with a short key and a short record has one unit, and lies in it as a whole; one that needs more has
//! both units of a pair. A long record, or key, lies elsewhere, and one unit says where.
//!
//! Entries can be moved: who is told the fragment of one, and where it is now, can find it again. So no unit stays
//! unused because of its neighbour: when a pair is wanted and there are only single units, an entry moves from the
//! side of one of them to another. There are never more units than were in use at a time, and one chunk; and the
//! last chunk is given back, when so many others are unused that what is in it can move there. So the memory
//! follows what is in use, whatever the sizes of what comes and goes: it is larger by no more than two chunks.

use std::mem;

use engine::RecordValue;

use super::unit::{self, FREE, Head, UNIT_BYTES, Unit};

/// Pairs are allocated in chunks, so that growing memory is never copied: of this many, the first; each of twice as many
/// as the one before, so that most of a large tier lies in pieces that the operating system can give huge pages to; up to
/// a size of which an unused part is little.
const FIRST_CHUNK_PAIRS: usize = 256;
/// Chunks of which each is larger than the one before. All that follow are as large as the next one would be: 8192 pairs,
/// a MiB.
const GROWING_CHUNKS: usize = 5;
const CHUNK_PAIRS: usize = FIRST_CHUNK_PAIRS << GROWING_CHUNKS;
const GROWING_PAIRS: usize = FIRST_CHUNK_PAIRS * ((1 << GROWING_CHUNKS) - 1);

/// Where an entry is. Zero: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Id(u32);

impl Id {
    /// Set for an entry of two units.
    const TWO: u32 = 1 << 31;

    pub(super) fn one(pair: usize, side: usize) -> Id {
        Id((pair as u32 + 1) << 1 | side as u32)
    }

    fn two(pair: usize) -> Id {
        Id(Id::one(pair, 0).0 | Id::TWO)
    }

    fn is_two(self) -> bool {
        self.0 & Id::TWO != 0
    }

    fn pair(self) -> usize {
        ((self.0 & !Id::TWO) >> 1) as usize - 1
    }

    fn side(self) -> usize {
        (self.0 & 1) as usize
    }
}

#[derive(Debug)]
#[repr(align(128))]
struct Pair([Unit; 2]);

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Slab {
    chunks: Vec<Vec<Pair>>,
    /// Pairs of which both units are free.
    pairs: Vec<u32>,
    /// Units that are free beside one that is not.
    singles: Vec<Id>,
}

impl Slab {
    /// Adds an entry. Of each that moves, `moved` is told its fragment, and where it is now.
    pub(super) fn insert(&mut self, head: Head, key: &[u8], record: RecordValue, moved: impl FnMut(u32, Id)) -> Id {
        let needs_two = unit::needs_two(&record, key);
        let id = if needs_two { Id::two(self.take_pair(moved)) } else { self.take_single() };
        self.write(id, head, key, record);
        id
    }

    /// Changes an entry, and says where it is now.
    pub(super) fn replace(
        &mut self,
        id: Id,
        head: Head,
        key: &[u8],
        record: RecordValue,
        moved: impl FnMut(u32, Id),
    ) -> Id {
        if unit::needs_two(&record, key) == id.is_two() {
            self.write(id, head, key, record);
            return id;
        }
        self.release(id);
        self.insert(head, key, record, moved)
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, id: Id, moved: impl FnMut(u32, Id)) {
        self.release(id);
        self.trim(moved);
    }

    /// Reads of an entry what brings it into the processor's cache.
    #[inline]
    pub(super) fn warm(&self, id: Id) -> usize {
        let Pair(units) = self.pair(id.pair());
        let touch = |side: usize| usize::from(matches!(units[side], Unit::Short { .. }));
        touch(id.side()) + if id.is_two() { touch(1) } else { 0 }
    }

    pub(super) fn head(&self, id: Id) -> Option<&Head> {
        self.pair(id.pair()).0[id.side()].head()
    }

    pub(super) fn head_mut(&mut self, id: Id) -> Option<&mut Head> {
        self.pair_mut(id.pair()).0[id.side()].head_mut()
    }

    pub(super) fn has_key(&self, id: Id, key: &[u8]) -> bool {
        let Pair(units) = self.pair(id.pair());
        units[id.side()].is_of(if id.is_two() { units[1].rest() } else { &[] }, key)
    }

    /// An entry, and the bytes of its second unit, if its key is this one.
    #[inline]
    pub(super) fn find(&mut self, id: Id, key: &[u8]) -> Option<(&mut Unit, &[u8])> {
        let Pair([first, second]) = self.pair_mut(id.pair());
        // The neighbour of one unit is not looked at: it is another line of the cache.
        let (unit, rest) = match (id.is_two(), id.side()) {
            (true, _) => (first, second.rest()),
            (false, 0) => (first, &[][..]),
            (false, _) => (second, &[][..]),
        };
        unit.is_of(rest, key).then_some((unit, rest))
    }

    /// The bytes of an entry here and on the heap.
    pub(super) fn weight(&self, id: Id) -> u64 {
        let Pair(units) = self.pair(id.pair());
        if id.is_two() { 2 * UNIT_BYTES } else { UNIT_BYTES + units[id.side()].heap_bytes() as u64 }
    }

    fn write(&mut self, id: Id, head: Head, key: &[u8], record: RecordValue) {
        let (first, second) = Unit::of(head, key, record);
        let Pair(units) = self.pair_mut(id.pair());
        units[id.side()] = first;
        if let Some(second) = second {
            units[1] = second;
        }
    }

    fn release(&mut self, id: Id) {
        let Pair(units) = self.pair_mut(id.pair());
        if id.is_two() {
            *units = [FREE, FREE];
            self.pairs.push(id.pair() as u32);
            return;
        }
        units[id.side()] = FREE;
        let Unit::Free { at } = units[1 - id.side()] else { return self.add_single(id) };
        self.singles.swap_remove(at as usize);
        if let Some(&moved) = self.singles.get(at as usize) {
            self.pair_mut(moved.pair()).0[moved.side()] = Unit::Free { at };
        }
        self.pairs.push(id.pair() as u32);
    }

    fn add_single(&mut self, id: Id) {
        let at = self.singles.len() as u32;
        self.pair_mut(id.pair()).0[id.side()] = Unit::Free { at };
        self.singles.push(id);
    }

    /// A free unit.
    fn take_single(&mut self) -> Id {
        if let Some(id) = self.singles.pop() {
            return id;
        }
        let pair = self.pairs.pop().map_or_else(|| self.grow(), |pair| pair as usize);
        self.add_single(Id::one(pair, 1));
        Id::one(pair, 0)
    }

    /// A pair of free units.
    fn take_pair(&mut self, mut moved: impl FnMut(u32, Id)) -> usize {
        if let Some(pair) = self.pairs.pop() {
            return pair as usize;
        }
        let Some([.., into, free]) = self.singles.last_chunk::<2>().copied() else { return self.grow() };
        self.singles.truncate(self.singles.len() - 2);
        let neighbour = mem::replace(&mut self.pair_mut(free.pair()).0[1 - free.side()], FREE);
        if let Some(head) = neighbour.head() {
            moved(head.fragment(), into);
        }
        self.pair_mut(into.pair()).0[into.side()] = neighbour;
        free.pair()
    }

    /// Makes one more pair.
    fn grow(&mut self) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == chunk.capacity()) {
            self.chunks.push(Vec::with_capacity(chunk_pairs(self.chunks.len())));
        }
        let at = self.chunks.len() - 1;
        self.chunks[at].push(Pair([FREE, FREE]));
        chunk_start(at) + self.chunks[at].len() - 1
    }

    /// Gives the last chunk back, if what is in it has room in others, and a quarter of a chunk is left for what comes.
    fn trim(&mut self, mut moved: impl FnMut(u32, Id)) {
        let Some(at) = self.chunks.len().checked_sub(1) else { return };
        let free = 2 * self.pairs.len() + self.singles.len();
        let (start, units) = (chunk_start(at), 2 * chunk_pairs(at));
        if free < units + units / 4 {
            return;
        }
        let chunk = self.chunks.pop().unwrap_or_default();
        self.pairs.retain(|&pair| (pair as usize) < start);
        let singles = mem::take(&mut self.singles);
        singles.into_iter().filter(|id| id.pair() < start).for_each(|id| self.add_single(id));
        for Pair([first, second]) in chunk {
            if let Unit::Second { .. } = second {
                let pair = self.take_pair(&mut moved);
                if let Some(head) = first.head() {
                    moved(head.fragment(), Id::two(pair));
                }
                self.pair_mut(pair).0 = [first, second];
                continue;
            }
            for unit in [first, second] {
                if let Some(head) = unit.head() {
                    let id = self.take_single();
                    moved(head.fragment(), id);
                    self.pair_mut(id.pair()).0[id.side()] = unit;
                }
            }
        }
    }

    #[inline]
    fn pair(&self, pair: usize) -> &Pair {
        let (chunk, at) = place_of(pair);
        &self.chunks[chunk][at]
    }

    #[inline]
    fn pair_mut(&mut self, pair: usize) -> &mut Pair {
        let (chunk, at) = place_of(pair);
        &mut self.chunks[chunk][at]
    }
}

fn chunk_pairs(chunk: usize) -> usize {
    FIRST_CHUNK_PAIRS << chunk.min(GROWING_CHUNKS)
}

/// Pairs in the chunks before one.
fn chunk_start(chunk: usize) -> usize {
    let growing = chunk.min(GROWING_CHUNKS);
    FIRST_CHUNK_PAIRS * ((1 << growing) - 1) + (chunk - growing) * CHUNK_PAIRS
}

/// The chunk of a pair, and where it lies in it.
fn place_of(pair: usize) -> (usize, usize) {
    match pair.checked_sub(GROWING_PAIRS) {
        Some(at) => (GROWING_CHUNKS + at / CHUNK_PAIRS, at % CHUNK_PAIRS),
        None => {
            let chunk = (pair / FIRST_CHUNK_PAIRS + 1).ilog2() as usize;
            (chunk, pair - chunk_start(chunk))
        }
    }
}

#[cfg(test)]
mod tests;
