//! Records that a thread which may not wait will ask for next, looked up together.
//!
//! A lookup waits for memory twice: for the table's line, and for the entry's. One after the other, most of a point read is that
//! waiting. So the keys of a whole pipeline are looked up in steps, each for all of them, and the processor waits for the memory of many
//! at once (as in Valkey's batched prefetching, and Chen et al., "Improving hash join performance through prefetching", ICDE 2004).
//!
//! What was found is used only as long as it is what a lookup at the time of use would find: until a commit that changes the key begins, which
//! its [`Stamp`] tells, or its database gets another space.
//!
//! Workers do the same for elements that the commands of a batch will ask for. What the tier does not know is read from RocksDB, in one go. They
//! hold the latches of the keys until the batch ends, so that nothing of it changes but by the batch itself, which knows that.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::atomic::Ordering;

use engine::{Engine, Family, RecordKey, RecordValue};
use parking_lot::MutexGuard;

use super::shard::Shard;
use super::slab::Id;
use super::{HotTier, Known, SHARD_COUNT, Stamp, element_of, part_key};
use crate::error::Result;
use crate::header::Meta;
use crate::key::{self, Parts, SpaceId};
use crate::keyspace::Keyspace;
use crate::members;

/// Elements whose memory is kept for the next batch.
const ELEMENTS_KEPT: usize = 1024;
/// Elements that a command may leave out before the others count as not looked up.
const WINDOW: usize = 8;

/// See the module's text. Used by one thread; kept for its allocation.
#[derive(Debug, Default)]
pub struct Ahead {
    asked: RefCell<Vec<Asked>>,
    /// Elements of those values, to be asked for too.
    parts: RefCell<Vec<Asked>>,
    /// The first that was not taken yet.
    next: Cell<usize>,
}

/// What was found of a record, as of a stamp.
pub(crate) struct Foreseen {
    pub(crate) stamp: Stamp,
    pub(crate) known: Known,
}

#[derive(Debug)]
struct Asked {
    key: RecordKey,
    shard: usize,
    fragment: u32,
    id: Id,
    stamp: Stamp,
    known: Option<Known>,
    /// That it is absent is worth keeping: a read asks for it, and not a write that will make it.
    is_read: bool,
}

impl Ahead {
    /// Looks up the keys that reads of a database will ask for next, in their order, each with the member or field of it that it is about. What
    /// was looked up before is forgotten.
    pub fn look_up<'k>(
        &self,
        keyspace: &Keyspace,
        db: u16,
        reads: impl Iterator<Item = (&'k [u8], Option<&'k [u8]>)> + Clone,
    ) {
        let (hot, space, seed) = (keyspace.hot(), keyspace.space(db), keyspace.seed());
        let mut asked = self.asked.borrow_mut();
        asked.clear();
        self.next.set(0);
        asked.extend(reads.clone().map(|(user_key, _)| {
            let key = key::record(space, key::position(seed, user_key), user_key);
            let (shard, fragment) = hot.hash(&key);
            Asked { shard, fragment, id: Id::default(), stamp: hot.stamp(&key), known: None, is_read: true, key }
        }));
        hot.look_up_all(&mut asked, false);
        black_box(asked.iter().fold(0, |sum, asked| sum ^ keyspace.accesses().peek(&asked.key)));
        // What is found of elements is not kept, as they may change without their header. But their memory is at hand then.
        let mut parts = self.parts.borrow_mut();
        parts.clear();
        let read = asked.iter().zip(reads);
        parts.extend(read.filter_map(|(asked, (_, element))| {
            let (header, _) = Meta::decode(asked.known.as_ref()?.as_ref()?)?;
            asked_element(hot, space, header.parts?, &members::suffix(seed, element?), true)
        }));
        hot.warm_all(&mut parts);
    }

    /// The record key of a user key, and what was found there, if anything is known of it.
    pub(crate) fn take(&self, space: SpaceId, user_key: &[u8]) -> Option<(RecordKey, Foreseen)> {
        let mut asked = self.asked.borrow_mut();
        let from = self.next.get();
        let at = asked.get(from..)?.iter().position(|asked| key::is_record_of(&asked.key, space, user_key))?;
        self.next.set(from + at + 1);
        let Asked { key, stamp, known, .. } = asked.get_mut(from + at)?;
        let known = known.take()?;
        Some((std::mem::take(key), Foreseen { stamp: *stamp, known }))
    }

    /// Notes an element that a worker's batch will ask for, in a read or in a write.
    pub(crate) fn add_element(&self, hot: &HotTier, space: SpaceId, parts: Parts, suffix: &[u8], is_read: bool) {
        self.asked.borrow_mut().extend(asked_element(hot, space, parts, suffix, is_read));
    }

    /// How many elements are noted.
    pub(crate) fn len(&self) -> usize {
        self.asked.borrow().len()
    }

    /// Looks up the elements that were noted, whose keys' latches the caller holds.
    pub(crate) fn look_up_elements(&self, hot: &HotTier, engine: &Engine) -> Result<()> {
        let mut asked = self.asked.borrow_mut();
        hot.look_up_all(&mut asked, true);
        let mut unknown: Vec<&mut Asked> = asked.iter_mut().filter(|asked| asked.known.is_none()).collect();
        hot.misses.fetch_add(unknown.len() as u64, Ordering::Relaxed);
        unknown.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        unknown.dedup_by(|a, b| a.key == b.key);
        let keys: Vec<&[u8]> = unknown.iter().map(|asked| element_of(&asked.key)).collect();
        let found = if keys.is_empty() { Vec::new() } else { engine.read_many(Family::Elements, &keys)? };
        for (asked, found) in unknown.into_iter().zip(found) {
            if asked.is_read || found.is_some() {
                hot.fill(&asked.key, found.as_deref());
            }
            asked.known = Some(found);
        }
        Ok(())
    }

    /// What was found of an element, by the key of its part. Elements are taken in the order in which they were noted, or left out.
    pub(crate) fn take_element(&self, part_key: &RecordKey) -> Option<Option<RecordValue>> {
        let mut asked = self.asked.borrow_mut();
        let from = self.next.get();
        let at = asked.get(from..)?.iter().take(WINDOW).position(|asked| asked.key == *part_key)?;
        self.next.set(from + at + 1);
        asked.get_mut(from + at)?.known.take()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut asked = self.asked.borrow_mut();
        asked.clear();
        asked.shrink_to(ELEMENTS_KEPT);
        self.next.set(0);
    }
}

fn asked_element(hot: &HotTier, space: SpaceId, parts: Parts, suffix: &[u8], is_read: bool) -> Option<Asked> {
    let key = part_key(Family::Elements, space, parts, suffix)?;
    let (shard, fragment) = hot.hash(&key);
    Some(Asked { key, shard, fragment, id: Id::default(), stamp: Stamp::default(), known: None, is_read })
}

/// The shards that were locked for a lookup.
type Shards<'h> = [Option<MutexGuard<'h, Shard>>; SHARD_COUNT];

impl HotTier {
    /// Looks records up, with one lock of each shard. A shard that is locked just now is left out rather than waited for, unless `waits`.
    fn look_up_all(&self, asked: &mut [Asked], waits: bool) {
        let Some(mut shards) = self.locate_all(asked, waits) else { return };
        let mut hits = 0;
        for asked in asked {
            if let Some(shard) = &mut shards[asked.shard] {
                asked.known = shard.get(asked.id, &asked.key);
                hits += u64::from(asked.known.is_some());
            }
        }
        drop(shards);
        self.hits.fetch_add(hits, Ordering::Relaxed);
    }

    /// Brings the memory into the processor's cache that lookups of records will need.
    fn warm_all(&self, asked: &mut [Asked]) {
        self.locate_all(asked, false);
    }

    /// The first steps of a lookup: where entries are, and their memory.
    fn locate_all(&self, asked: &mut [Asked], waits: bool) -> Option<Shards<'_>> {
        if self.shards.is_empty() || asked.is_empty() {
            return None;
        }
        let mut is_wanted = [false; SHARD_COUNT];
        asked.iter().for_each(|asked| is_wanted[asked.shard] = true);
        // Whoever waits takes them in this order, and those who hold one wait for no other.
        let shards: Shards<'_> = std::array::from_fn(|at| match is_wanted[at] {
            true if waits => Some(self.shards[at].lock()),
            true => self.shards[at].try_lock(),
            false => None,
        });
        let warm = |asked: &Asked| shards[asked.shard].as_ref().map_or(0, |shard| shard.warm_table(asked.fragment));
        black_box(asked.iter().fold(0, |sum, asked| sum ^ warm(asked)));
        for asked in &mut *asked {
            if let Some(shard) = &shards[asked.shard] {
                asked.id = shard.locate(asked.fragment);
            }
        }
        let warm = |asked: &Asked| shards[asked.shard].as_ref().map_or(0, |shard| shard.warm(asked.id));
        black_box(asked.iter().map(warm).sum::<usize>());
        Some(shards)
    }
}
