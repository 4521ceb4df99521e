//! Reading the data types: what a command that only reads is given.
//!
//! A [`View`] knows the databases, the time, and an engine view (live, of a snapshot, or through the
//! writes of the open batch). It cannot write; that is what makes a command a read.

use engine::{Direction, Family, RecordKey, SlotId, Value};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::hot::{Ahead, Foreseen};
use crate::key::{self, Parts, Position, SpaceId};
use crate::keyspace::{KeyCount, Keyspace};
use crate::turn::Turn;

mod parts;

/// Bytes of one value that a worker reads; longer reads go to the reader pool. About a tenth of a millisecond.
const WORKER_READ_BYTES_MAX: u64 = 256 << 10;

/// Keys that one read of a worker looks at; longer ones go to the reader pool. About a millisecond.
pub const WORKER_READ_KEYS_MAX: usize = 1000;
/// Keys after which a long read looks whether somebody still waits for it.
const KEYS_BETWEEN_CHECKS: usize = 1024;
/// Keys of a long read that are brought near at once: enough for all the threads that read, and few enough that their blocks, about a MiB,
/// are still in a cache when their turn comes.
const KEYS_BROUGHT_NEAR: usize = 256;

/// A place to read keys from.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// None: only what is in memory can be read.
    engine: Option<engine::View<'v>>,
    keyspace: &'v Keyspace,
    batch: Option<&'v Batch>,
    turn: &'v Turn,
    db: u16,
    /// A long read is to be refused with [`Error::TooLong`], as the reader pool can take it.
    has_pool: bool,
    /// The worker holds the latches of the command's keys.
    has_latch: bool,
    /// Of a thread that may not wait: what it has looked up ahead.
    ahead: Option<&'v Ahead>,
}

/// Where a key's record is looked for.
struct Located {
    key: RecordKey,
    /// If the open batch has located it.
    slot: Option<SlotId>,
    /// If it was looked up ahead.
    foreseen: Option<Foreseen>,
}

/// A key that is there: its header and the bytes of its record.
pub struct Found<'v> {
    /// The header.
    pub meta: Meta,
    record: Value<'v>,
    body_at: usize,
}

impl Found<'_> {
    /// The kind's own part of the record.
    pub fn body(&self) -> &[u8] {
        &self.record[self.body_at..]
    }

    /// Fails with `WRONGTYPE` unless the key is of a kind.
    pub fn expect(self, kind: Kind) -> Result<Self> {
        if self.meta.kind == kind { Ok(self) } else { Err(Error::WrongType) }
    }
}

impl<'v> View<'v> {
    /// Reads of database `db`, of what `engine` shows.
    pub fn new(engine: engine::View<'v>, keyspace: &'v Keyspace, turn: &'v Turn, db: u16) -> Self {
        View { engine: Some(engine), keyspace, batch: None, turn, db, has_pool: false, has_latch: false, ahead: None }
    }

    /// Reads of what the hot tier has, for a thread that may not wait: whatever else is asked for is refused with
    /// [`Error::NotHot`], and so is every key that has expired, as a worker has to remove it. Sees what is committed.
    pub fn hot(keyspace: &'v Keyspace, turn: &'v Turn, db: u16) -> Self {
        View { engine: None, keyspace, batch: None, turn, db, has_pool: false, has_latch: false, ahead: None }
    }

    /// The same, where some keys were looked up ahead.
    pub fn ahead(self, ahead: &'v Ahead) -> Self {
        View { ahead: Some(ahead), ..self }
    }

    /// The same, through an open batch.
    pub fn through<'b>(self, batch: &'b Batch) -> View<'b>
    where
        'v: 'b,
    {
        View { engine: self.engine.map(|engine| engine.through(batch.pending())), batch: Some(batch), ..self }
    }

    /// The same for a read that may move to the reader pool: see [`View::admit`].
    pub fn before_pool(self) -> Self {
        View { has_pool: true, ..self }
    }

    /// The same for a worker that holds the latches of the keys: it may look in the hot tier, and keep there what it finds.
    pub fn latched(self, has_latch: bool) -> Self {
        View { has_latch, ..self }
    }

    /// Says whether a read of so many bytes may go on here. On a worker, where it would hold up others, a long one
    /// may not: it is run again on the reader pool.
    pub fn admit(&self, bytes: u64) -> Result<()> {
        if self.has_pool && bytes > WORKER_READ_BYTES_MAX { Err(Error::TooLong) } else { Ok(()) }
    }

    /// Says whether a value that lies in parts may be read here. Without the latch of its key others could remove the parts
    /// after its header was read, so it is read from a snapshot then, on the reader pool.
    pub fn admit_parts(&self) -> Result<()> {
        if self.has_pool && !self.has_latch { Err(Error::TooLong) } else { Ok(()) }
    }

    /// The same for a read of so many keys or elements. Even if all are in memory, a thread that may not wait does not go through many.
    pub fn admit_keys(&self, count: usize) -> Result<()> {
        match self.engine {
            _ if count <= WORKER_READ_KEYS_MAX => Ok(()),
            None => Err(Error::NotHot),
            Some(_) if self.has_pool => Err(Error::TooLong),
            Some(_) => Ok(()),
        }
    }

    /// Goes through the keys that a command names, however many: on a worker only if they are few, and on the reader pool those that lie on
    /// the disk are read together.
    pub fn visit_each<'k, E: From<Error>>(
        &self,
        mut keys: impl ExactSizeIterator<Item = &'k [u8]> + Clone,
        mut visit: impl FnMut(&'k [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.admit_keys(keys.len())?;
        while keys.len() > 0 {
            self.go_on()?;
            self.bring_near(keys.clone().take(KEYS_BROUGHT_NEAR))?;
            keys.by_ref().take(KEYS_BROUGHT_NEAR).try_for_each(&mut visit)?;
        }
        Ok(())
    }

    /// A worker has read ahead what it could, and a thread that may not wait reads no disk.
    fn bring_near<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Result<()> {
        match self.engine {
            Some(engine) if engine.is_snapshot() => {
                Ok(engine.bring_near(Family::Keys, keys.map(|key| self.record_key(key)).collect())?)
            }
            _ => Ok(()),
        }
    }

    /// Fails if nobody waits for the result any more. Long reads ask now and then.
    pub fn go_on(&self) -> Result<()> {
        if self.turn.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Another database.
    pub fn in_db(self, db: u16) -> Self {
        View { db, ..self }
    }

    /// The number of the database.
    pub fn db(&self) -> u16 {
        self.db
    }

    /// What the turn gives: time and randomness.
    pub fn turn(&self) -> &'v Turn {
        self.turn
    }

    /// The time of the command, in Unix ms.
    pub fn now_ms(&self) -> u64 {
        self.turn.now_ms()
    }

    /// The databases.
    pub fn keyspace(&self) -> &'v Keyspace {
        self.keyspace
    }

    /// True if this is a snapshot on the reader pool, where a long read holds up nobody.
    pub fn is_snapshot(&self) -> bool {
        self.engine.is_some_and(|engine| engine.is_snapshot())
    }

    /// The engine's view, for the modules of the data types. Fails with [`Error::NotHot`] if there is none.
    pub fn engine(&self) -> Result<engine::View<'v>> {
        self.engine.ok_or(Error::NotHot)
    }

    /// The space of the database, as the open batch has it.
    pub fn space(&self) -> SpaceId {
        match self.batch {
            Some(batch) => batch.space(self.keyspace, self.db),
            None => self.keyspace.space(self.db),
        }
    }

    /// Where a key stands.
    pub fn position(&self, user_key: &[u8]) -> Position {
        key::position(self.keyspace.seed(), user_key)
    }

    /// The record key of a user key.
    pub fn record_key(&self, user_key: &[u8]) -> RecordKey {
        key::record(self.space(), self.position(user_key), user_key)
    }

    fn locate(&self, user_key: &[u8]) -> Located {
        let asked_last = self.batch.and_then(|batch| Some((batch, batch.slot_asked_last(self.space(), user_key)?)));
        if let Some((batch, slot)) = asked_last {
            return Located { key: batch.pending().key(slot).clone(), slot: Some(slot), foreseen: None };
        }
        if let Some((key, foreseen)) = self.ahead.and_then(|ahead| ahead.take(self.space(), user_key)) {
            return Located { key, slot: None, foreseen: Some(foreseen) };
        }
        let key = self.record_key(user_key);
        let slot = self.batch.and_then(|batch| batch.pending().located(&key));
        Located { key, slot, foreseen: None }
    }

    /// Keys of the database, those of the open batch included.
    pub fn count(&self) -> KeyCount {
        let space = self.space();
        let count = if self.keyspace.space(self.db) == space {
            self.keyspace.count(self.db)
        } else {
            (0..self.keyspace.database_count())
                .find(|&db| self.keyspace.space(db) == space)
                .map_or(KeyCount::default(), |db| self.keyspace.count(db))
        };
        let delta = self.batch.and_then(|batch| batch.deltas().iter().find(|d| d.space == space));
        match delta {
            None => count,
            Some(delta) => KeyCount {
                keys: count.keys.saturating_add_signed(delta.keys),
                volatile: count.volatile.saturating_add_signed(delta.volatile),
            },
        }
    }

    /// The key, unless it is absent or expired. Does not count as an access.
    pub fn find(&self, user_key: &[u8]) -> Result<Option<Found<'v>>> {
        self.find_at(&mut self.locate(user_key), user_key)
    }

    /// Like [`View::find`], counted as a hit or a miss in `INFO`. The key counts as used.
    pub fn read(&self, user_key: &[u8]) -> Result<Option<Found<'v>>> {
        let mut located = self.locate(user_key);
        let found = self.find_at(&mut located, user_key)?;
        self.turn.note_read(found.is_some());
        if found.is_some() {
            self.keyspace.accesses().touch(&located.key, self.turn, &self.keyspace.settings);
        }
        Ok(found)
    }

    /// Like [`View::read`], but the key does not count as used: for commands that only look at what surrounds a value.
    pub fn peek(&self, user_key: &[u8]) -> Result<Option<Found<'v>>> {
        let found = self.find(user_key)?;
        self.turn.note_read(found.is_some());
        Ok(found)
    }

    /// For how many seconds a key was not used, as far as is known.
    pub fn idle_seconds(&self, user_key: &[u8]) -> u64 {
        self.keyspace.accesses().idle_seconds(&self.record_key(user_key), self.now_ms())
    }

    /// How often a key was used of late, on the logarithmic scale of the LFU policies.
    pub fn frequency(&self, user_key: &[u8]) -> u8 {
        let record_key = self.record_key(user_key);
        self.keyspace.accesses().frequency(&record_key, self.now_ms(), &self.keyspace.settings)
    }

    /// Like [`View::read`], but a key of another kind is an error.
    pub fn read_kind(&self, user_key: &[u8], kind: Kind) -> Result<Option<Found<'v>>> {
        self.read(user_key)?.map(|found| found.expect(kind)).transpose()
    }

    fn find_at(&self, located: &mut Located, user_key: &[u8]) -> Result<Option<Found<'v>>> {
        let Some(record) = self.record(located)? else { return Ok(None) };
        let Some((meta, body_at)) = Meta::decode(&record) else { return Err(unreadable(&located.key)) };
        if meta.is_expired(self.now_ms()) {
            self.engine()?;
            self.turn.note_expired(self.space(), user_key);
            return Ok(None);
        }
        Ok(Some(Found { meta, record, body_at }))
    }

    fn record(&self, located: &mut Located) -> Result<Option<Value<'v>>> {
        let Some(engine) = self.engine else { return self.hot_record(located) };
        let Located { key, slot, .. } = located;
        let known = slot.and_then(|slot| self.batch?.pending().known(slot));
        if let Some(known) = known {
            return Ok(known.map(Value::Batch));
        }
        // Whoever has the latch may be between its commit and its publication. What it writes is hidden then, but a read that
        // comes so close to it may as well ask the disk.
        if engine.is_snapshot() || !self.has_latch {
            return Ok(engine.get(Family::Keys, key)?);
        }
        let hot = self.keyspace.hot();
        if let Some(known) = hot.get(key) {
            return Ok(known.map(Value::Shared));
        }
        let stored = engine.get(Family::Keys, key)?;
        hot.fill(key, stored.as_deref());
        Ok(stored)
    }

    fn hot_record(&self, located: &mut Located) -> Result<Option<Value<'v>>> {
        let hot = self.keyspace.hot();
        if let Some(foreseen) = located.foreseen.take()
            && hot.is_current(foreseen.stamp)
        {
            self.turn.note_stamp(foreseen.stamp);
            return Ok(foreseen.known.map(Value::Shared));
        }
        self.turn.note_stamp(hot.stamp(&located.key));
        // A miss is the worker's to count, who is asked next.
        Ok(hot.find(&located.key).ok_or(Error::NotHot)?.map(Value::Shared))
    }

    /// Notes that elements of a key have expired, so that the worker removes them. A thread that may not wait leaves the read
    /// to a worker.
    pub(crate) fn note_due(&self, user_key: &[u8]) -> Result<()> {
        self.engine()?;
        self.turn.note_expired(self.space(), user_key);
        Ok(())
    }

    /// One part of a value.
    pub fn part(&self, parts: Parts, suffix: &[u8]) -> Result<Option<Value<'v>>> {
        self.record_in(Family::Elements, parts, suffix)
    }

    /// Records of a value in a family of parts, from a suffix on, up to before another (or all that follow), in the order asked
    /// for; there is nothing among them that was left to be swept away ([`Tx::sweep_parts`](crate::Tx)). Read from a worker without the key's latch, they may belong to another time than the header: see
    /// [`View::admit_parts`].
    pub(crate) fn records(
        &self,
        family: Family,
        parts: Parts,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<PartCursor<'v>> {
        let space = self.space();
        let from = key::element(space, parts, from);
        let to = to.map_or_else(|| key::element_end(space, parts), |to| key::element(space, parts, to));
        let inner = self.engine()?.scan_whole(family, &from, &to, direction);
        Ok(PartCursor { prefix: key::element_prefix(space, parts), inner })
    }

    /// The same of elements, forwards, for several short ways between two suffixes: the cursor, which is made if there is none yet, goes to the
    /// first record at or after a third one, and ends where it ends.
    pub(crate) fn seek_records<'c>(
        &self,
        cursor: &'c mut Option<PartCursor<'v>>,
        parts: Parts,
        (from, to): (&[u8], Option<&[u8]>),
        at: &[u8],
    ) -> Result<&'c mut PartCursor<'v>> {
        let made = match cursor.take() {
            Some(cursor) => cursor,
            None => {
                let space = self.space();
                let from = key::element(space, parts, from);
                let to = to.map_or_else(|| key::element_end(space, parts), |to| key::element(space, parts, to));
                let inner = self.engine()?.seeker(Family::Elements, &from, &to);
                PartCursor { prefix: key::element_prefix(space, parts), inner }
            }
        };
        let cursor = cursor.insert(made);
        cursor.seek(at);
        Ok(cursor)
    }

    /// True if the open batch has written elements of a value from a suffix on, up to before another.
    pub(crate) fn has_written(&self, parts: Parts, from: &[u8], to: &[u8]) -> Result<bool> {
        let space = self.space();
        let (from, to) = (key::element(space, parts, from), key::element(space, parts, to));
        Ok(self.engine()?.has_written(Family::Elements, &from, &to))
    }

    /// Visits the keys from a position on, expired ones left out, until `visit` says stop (by false)
    /// or `limit` keys were looked at. Keys of one position always come together. Returns the position
    /// to go on from, None at the end.
    pub fn walk(&self, from: u64, limit: usize, mut visit: impl FnMut(&[u8], &Meta) -> bool) -> Result<Option<u64>> {
        let space = self.space();
        let (from, to) = (key::record_bound(space, from), key::space_end(space));
        let mut cursor = self.engine()?.scan(Family::Keys, &from, &to, Direction::Forward);
        let (mut seen, mut last, mut stopped) = (0, None, false);
        while let Some((record_key, record)) = cursor.next()? {
            let (Some((_, position, user_key)), Some((meta, _))) =
                (key::parse_record(record_key), Meta::decode(record))
            else {
                return Err(unreadable(record_key));
            };
            if (stopped || seen >= limit) && last != Some(position) {
                return Ok(Some(position.0));
            }
            last = Some(position);
            seen += 1;
            if seen % KEYS_BETWEEN_CHECKS == 0 {
                self.go_on()?;
            }
            if meta.is_expired(self.now_ms()) {
                self.turn.note_expired(space, user_key);
            } else if !visit(user_key, &meta) {
                stopped = true;
            }
        }
        Ok(None)
    }
}

/// Steps through records of one value. See [`View::records`].
pub(crate) struct PartCursor<'v> {
    /// What the keys of all records of the value begin with.
    prefix: [u8; key::ELEMENT_PREFIX_LEN],
    inner: engine::Cursor<'v>,
}

impl PartCursor<'_> {
    /// Goes to the first record at or after a suffix, which is the next one then. Only forwards.
    pub(crate) fn seek(&mut self, suffix: &[u8]) {
        let key: RecordKey = self.prefix.iter().chain(suffix).copied().collect();
        self.inner.seek(&key);
    }

    /// Suffix and value of the next record, or None at the end.
    #[allow(clippy::should_implement_trait, reason = "lends from itself, which Iterator cannot")]
    pub(crate) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        Ok(self.inner.next()?.map(|(element, value)| (key::element_suffix(element), value)))
    }
}

/// The error of a record that is not what [`crate::header`] draws.
pub(crate) fn unreadable(record_key: &[u8]) -> Error {
    Error::BadRecord(format!("keys {record_key:02x?}"))
}
