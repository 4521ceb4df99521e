//! The records of [`Family::Keys`](crate::Family::Keys) that a batch has read or written.
//!
//! Each record has a slot, found by one hash lookup and then named by its [`SlotId`]: whoever has located a key once
//! (to read it ahead) need not look for it again (to write it). Whoever iterates over them in key order sorts what was
//! written for that: hardly anybody does.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::SmallVec;

use crate::record_value::RecordValue;

/// Bytes of a record key that need no allocation of their own.
pub const KEY_INLINE_LEN: usize = 40;
/// Slots whose memory is kept for the next batch.
const SLOTS_KEPT: usize = 4096;

/// The key of a record.
pub type RecordKey = SmallVec<[u8; KEY_INLINE_LEN]>;

/// Names the slot of a record until the batch is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(usize);

/// What the batch knows of a record.
#[derive(Debug)]
pub(crate) enum State {
    Unknown,
    Absent,
    Present(RecordValue),
}

impl From<Option<RecordValue>> for State {
    fn from(value: Option<RecordValue>) -> State {
        value.map_or(State::Absent, State::Present)
    }
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: RecordKey,
    hash: u64,
    pub(crate) state: State,
    /// False for what was only read: such a slot is not written at the commit.
    pub(crate) dirty: bool,
}

/// See the module's text.
#[derive(Default)]
pub(crate) struct Records {
    slots: Vec<Slot>,
    index: HashTable<usize>,
    hasher: foldhash::fast::RandomState,
}

impl Records {
    /// The slot of a record, made if there is none yet.
    pub(crate) fn locate(&mut self, key: &[u8]) -> SlotId {
        let hash = self.hash(key);
        let slots = &mut self.slots;
        let entry = self.index.entry(hash, |&at| *slots[at].key == *key, |&at| slots[at].hash);
        match entry {
            Entry::Occupied(found) => SlotId(*found.get()),
            Entry::Vacant(vacant) => {
                let at = slots.len();
                vacant.insert(at);
                slots.push(Slot { key: RecordKey::from_slice(key), hash, state: State::Unknown, dirty: false });
                SlotId(at)
            }
        }
    }

    /// The slot of a record, if it has one.
    pub(crate) fn find(&self, key: &[u8]) -> Option<SlotId> {
        if self.slots.is_empty() {
            return None;
        }
        self.index.find(self.hash(key), |&at| *self.slots[at].key == *key).map(|&at| SlotId(at))
    }

    pub(crate) fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0]
    }

    pub(crate) fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[id.0]
    }

    pub(crate) fn dirty(&self) -> impl Iterator<Item = SlotId> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.dirty).map(|(at, _)| SlotId(at))
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.slots.shrink_to(SLOTS_KEPT);
        self.index.clear();
        if self.index.capacity() > 2 * SLOTS_KEPT {
            self.index = HashTable::with_capacity(SLOTS_KEPT);
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
