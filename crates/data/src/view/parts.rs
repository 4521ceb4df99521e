//! Parts of values, read one by one: through the open batch, the hot tier and RocksDB; or, by a thread that may not wait, from the
//! hot tier alone.

use engine::{Family, RecordValue, Value};

use super::View;
use crate::error::{Error, Result};
use crate::hot::{derived_key, element_of, part_key};
use crate::key::{self, Parts};

impl<'v> View<'v> {
    /// One record of a value in a family of parts.
    pub(crate) fn record_in(&self, family: Family, parts: Parts, suffix: &[u8]) -> Result<Option<Value<'v>>> {
        let engine = self.engine()?;
        let Some(hot_key) = part_key(family, self.space(), parts, suffix) else {
            return Ok(engine.get(family, &key::element(self.space(), parts, suffix))?);
        };
        let element = element_of(&hot_key);
        let foreseen = self.batch.and_then(|batch| batch.foreseen(&hot_key));
        if let Some(known) = engine.known(family, element) {
            return Ok(known);
        }
        if !self.may_keep() {
            return Ok(engine.get(family, element)?);
        }
        if let Some(known) = foreseen {
            return Ok(known.map(Value::Shared));
        }
        let hot = self.keyspace.hot();
        if let Some(known) = hot.get(&hot_key) {
            return Ok(known.map(Value::Shared));
        }
        let stored = engine.get(family, element)?;
        // That it is absent is kept for reads alone: a write is about to make it.
        if stored.is_some() || self.has_pool {
            hot.fill(&hot_key, stored.as_deref());
        }
        Ok(stored)
    }

    /// One part of a value that says the same whatever header it is read with: a field, a member's score; not a block whose
    /// meaning depends on counts. So a thread that may not wait can read it too: one for each command, as two may be of
    /// different times.
    pub fn point(&self, parts: Parts, suffix: &[u8]) -> Result<Option<Value<'v>>> {
        if self.engine.is_some() {
            return self.record_in(Family::Elements, parts, suffix);
        }
        if self.turn.take_point() {
            return Err(Error::NotHot);
        }
        self.hot_part(Family::Elements, parts, suffix)
    }

    /// One of several records of a value that mean something only together, and are never changed but with its header. So a
    /// thread that may not wait can read them too, if it asks at the end whether they were of one time ([`View::is_of_one_time`]).
    pub(crate) fn piece(&self, family: Family, parts: Parts, suffix: &[u8]) -> Result<Option<Value<'v>>> {
        if self.engine.is_some() {
            return self.record_in(family, parts, suffix);
        }
        self.turn.note_pieces();
        self.hot_part(family, parts, suffix)
    }

    /// What [`View::keep_derived`] has kept; None: it is to be put together anew. On a thread that may not wait it is such a piece too.
    pub(crate) fn derived(&self, parts: Parts, suffix: &[u8]) -> Result<Option<RecordValue>> {
        let key = derived_key(self.space(), parts, suffix);
        let hot = self.keyspace.hot();
        if self.engine.is_none() {
            self.turn.note_pieces();
            return hot.find(&key).ok_or(Error::NotHot);
        }
        let is_stale = || self.batch.is_some_and(|batch| batch.is_stale(&key));
        Ok(if self.may_keep() && !is_stale() { hot.get(&key).flatten() } else { None })
    }

    /// Keeps what was put together from records of a value, where that is allowed. Whoever changes one of these records says so
    /// ([`Tx::forget_derived`](crate::Tx)).
    pub(crate) fn keep_derived(&self, parts: Parts, suffix: &[u8], bytes: &[u8]) {
        let key = derived_key(self.space(), parts, suffix);
        if self.may_keep() && !self.batch.is_some_and(|batch| batch.is_stale(&key)) {
            self.keyspace.hot().fill(&key, Some(bytes));
        }
    }

    /// True if what is read often is found in memory.
    pub(crate) fn has_hot(&self) -> bool {
        self.engine.is_none() || self.may_keep()
    }

    /// False if the command has read pieces of a value from memory alone, and they may be of different times.
    pub fn is_of_one_time(&self) -> bool {
        let is_current = || self.turn.stamp().is_some_and(|stamp| self.keyspace.hot().is_current(stamp));
        !self.turn.has_read_pieces() || is_current()
    }

    /// True for a worker with the key's latch: see the module [`crate::hot`].
    fn may_keep(&self) -> bool {
        self.has_latch && self.engine.is_some_and(|engine| !engine.is_snapshot())
    }

    /// A part of a value, if what it is, or that it is absent, is in memory.
    fn hot_part(&self, family: Family, parts: Parts, suffix: &[u8]) -> Result<Option<Value<'v>>> {
        let key = part_key(family, self.space(), parts, suffix).ok_or(Error::NotHot)?;
        let found = self.keyspace.hot().find(&key);
        Ok(found.ok_or(Error::NotHot)?.map(Value::Shared))
    }
}
