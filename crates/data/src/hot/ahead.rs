//! Records that a thread which may not wait will ask for next, looked up together.
//!
//! A lookup waits for memory twice: for the table's line, and for the entry's. One after the other, most of a point read is that
//! waiting. So the keys of a whole pipeline are looked up in steps, each for all of them, and the processor waits for the memory of many
//! at once (as in Valkey's batched prefetching, and Chen et al., "Improving hash join performance through prefetching", ICDE 2004).
//!
//! What was found is used only as long as it is what a lookup at the time of use would find: until a commit that changes the key begins, which
//! its [`Stamp`] tells, or its database gets another space.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::atomic::Ordering;

use engine::RecordKey;

use super::shard::Id;
use super::{HotTier, Known, SHARD_COUNT, Stamp};
use crate::key::{self, SpaceId};
use crate::keyspace::Keyspace;

/// See the module's text. Used by one thread; kept for its allocation.
#[derive(Debug, Default)]
pub struct Ahead {
    asked: RefCell<Vec<Asked>>,
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
}

impl Ahead {
    /// Looks up the keys that reads of a database will ask for next, in their order. What was looked up before is forgotten.
    pub fn look_up<'k>(&self, keyspace: &Keyspace, db: u16, user_keys: impl Iterator<Item = &'k [u8]>) {
        let (hot, space, seed) = (keyspace.hot(), keyspace.space(db), keyspace.seed());
        let mut asked = self.asked.borrow_mut();
        asked.clear();
        self.next.set(0);
        asked.extend(user_keys.map(|user_key| {
            let key = key::record(space, key::position(seed, user_key), user_key);
            let (shard, fragment) = hot.hash(&key);
            Asked { shard, fragment, id: Id::default(), stamp: hot.stamp(&key), known: None, key }
        }));
        hot.look_up_all(&mut asked);
        black_box(asked.iter().fold(0, |sum, asked| sum ^ keyspace.accesses().peek(&asked.key)));
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
}

impl HotTier {
    /// Looks records up, with one lock of each shard. A shard that is locked just now is left out rather than waited for.
    fn look_up_all(&self, asked: &mut [Asked]) {
        if self.shards.is_empty() {
            return;
        }
        let mut is_wanted = [false; SHARD_COUNT];
        asked.iter().for_each(|asked| is_wanted[asked.shard] = true);
        let mut shards: [_; SHARD_COUNT] =
            std::array::from_fn(|at| if is_wanted[at] { self.shards[at].try_lock() } else { None });
        for asked in &mut *asked {
            if let Some(shard) = &shards[asked.shard] {
                asked.id = shard.locate(asked.fragment);
            }
        }
        let warm = |asked: &Asked| shards[asked.shard].as_ref().map_or(0, |shard| shard.warm(asked.id));
        black_box(asked.iter().map(warm).sum::<usize>());
        let mut hits = 0;
        for asked in &mut *asked {
            if let Some(shard) = &mut shards[asked.shard] {
                asked.known = shard.get(asked.id, &asked.key).map(|known| known.cloned());
                hits += u64::from(asked.known.is_some());
            }
        }
        drop(shards);
        self.hits.fetch_add(hits, Ordering::Relaxed);
    }
}
