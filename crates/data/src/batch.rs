//! The state of an open batch above the engine's: counts, and which space each database is.

use engine::{Durability, Engine, Pending};

use crate::error::Result;
use crate::key::SpaceId;
use crate::keyspace::{Keyspace, keys_counter, volatile_counter};

/// By how much a batch changes the counts of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The space.
    pub space: SpaceId,
    /// Change of the number of keys.
    pub keys: i64,
    /// Change of the number of keys with an expiry.
    pub volatile: i64,
}

/// Everything that one commit will write. Owned by one worker.
#[derive(Default)]
pub struct Batch {
    pending: Pending,
    deltas: Vec<Delta>,
    /// The spaces of all databases, if the batch changes them.
    spaces: Option<Vec<SpaceId>>,
    expired_keys: u64,
    saved: Saved,
}

/// What [`Batch::undo`] restores beside the engine's part.
#[derive(Default)]
struct Saved {
    deltas: Vec<Delta>,
    spaces: Option<Vec<SpaceId>>,
    expired_keys: u64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// The engine's part.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The engine's part, to write to.
    pub fn pending_mut(&mut self) -> &mut Pending {
        &mut self.pending
    }

    /// Changes of the counts so far.
    pub fn deltas(&self) -> &[Delta] {
        &self.deltas
    }

    /// The spaces of all databases, if the batch changes them.
    pub fn spaces(&self) -> Option<&[SpaceId]> {
        self.spaces.as_deref()
    }

    pub(crate) fn set_spaces(&mut self, spaces: Vec<SpaceId>) {
        self.spaces = Some(spaces);
    }

    pub(crate) fn count(&mut self, space: SpaceId, keys: i64, volatile: i64) {
        if keys == 0 && volatile == 0 {
            return;
        }
        match self.deltas.iter_mut().find(|delta| delta.space == space) {
            Some(delta) => {
                delta.keys += keys;
                delta.volatile += volatile;
            }
            None => self.deltas.push(Delta { space, keys, volatile }),
        }
    }

    pub(crate) fn count_expired(&mut self) {
        self.expired_keys += 1;
    }

    /// Notes the record of a key if the hot tier has it. The caller holds the key's latch.
    pub fn remember_hot(&mut self, record_key: &[u8], keyspace: &Keyspace) -> bool {
        if self.pending.knows(record_key) {
            return true;
        }
        let record = keyspace.hot().get(record_key);
        if let Some(record) = &record {
            self.pending.remember(record_key, Some(record));
        }
        record.is_some()
    }

    /// True if there is nothing to commit.
    pub fn is_clean(&self) -> bool {
        self.pending.is_clean()
    }

    /// Accepts a command's writes.
    pub fn keep(&mut self) {
        self.pending.keep();
        if self.saved.deltas != self.deltas {
            self.saved.deltas.clone_from(&self.deltas);
        }
        if self.saved.spaces != self.spaces {
            self.saved.spaces.clone_from(&self.spaces);
        }
        self.saved.expired_keys = self.expired_keys;
    }

    /// Takes back what was written since the last [`Batch::keep`].
    pub fn undo(&mut self) {
        self.pending.undo();
        self.deltas.clone_from(&self.saved.deltas);
        self.spaces.clone_from(&self.saved.spaces);
        self.expired_keys = self.saved.expired_keys;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.deltas.clear();
        self.spaces = None;
        self.expired_keys = 0;
        self.saved = Saved::default();
    }

    /// Commits the batch and makes its counts visible. The batch is empty afterwards, whether that
    /// succeeded or not; on an error nothing of it has become visible.
    pub fn commit(&mut self, engine: &Engine, keyspace: &Keyspace, durability: Durability) -> Result<()> {
        if self.is_clean() {
            self.clear();
            return Ok(());
        }
        for delta in &self.deltas {
            if delta.keys != 0 {
                self.pending.add(keys_counter(delta.space), delta.keys);
            }
            if delta.volatile != 0 {
                self.pending.add(volatile_counter(delta.space), delta.volatile);
            }
        }
        let outcome = engine.commit(&self.pending, durability);
        if outcome.is_ok() {
            keyspace.hot().publish(&self.pending);
            keyspace.publish(self);
            keyspace.expired_keys.fetch_add(self.expired_keys, std::sync::atomic::Ordering::Relaxed);
        }
        self.clear();
        Ok(outcome?)
    }
}
