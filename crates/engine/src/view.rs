//! Reading: of the live database, of a snapshot, and through the writes of an open batch.
//!
//! A [`View`] has no way to write. It is cheap to copy and lives as long as what it looks at.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::{Bound, Deref};

use rust_rocksdb::{DB, DBPinnableSlice, DBRawIteratorWithThreadMode, ReadOptions, SnapshotWithThreadMode};

use crate::error::Error;
use crate::families::Family;
use crate::open::Engine;
use crate::pending::{Known, OverlayRange, OverlayRecord, Pending};
use crate::record_value::RecordValue;
use crate::records::RecordKey;

/// Records that show whether reads wait, of those that are to be brought near.
const NEAR_PROBE: usize = 4;

/// A state of the database that stays as it is while others write.
pub struct Snapshot<'e> {
    engine: &'e Engine,
    inner: SnapshotWithThreadMode<'e, DB>,
}

impl<'e> Snapshot<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Snapshot { engine, inner: engine.db.snapshot() }
    }

    /// Reads of this state.
    pub fn view(&self) -> View<'_> {
        View { engine: self.engine, snapshot: Some(&self.inner), pending: None }
    }
}

/// A place to read from. See the module's text.
#[derive(Clone, Copy)]
pub struct View<'e> {
    engine: &'e Engine,
    snapshot: Option<&'e SnapshotWithThreadMode<'e, DB>>,
    pending: Option<&'e Pending>,
}

/// The value of a record, wherever it lies; nothing is copied.
pub enum Value<'e> {
    /// Written or read ahead by the open batch.
    Batch(&'e [u8]),
    /// Kept by somebody else.
    Shared(RecordValue),
    /// In a memtable or a block of the cache, which stays pinned meanwhile.
    Pinned(DBPinnableSlice<'e>),
}

impl Deref for Value<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Value::Batch(bytes) => bytes,
            Value::Shared(bytes) => bytes,
            Value::Pinned(slice) => slice,
        }
    }
}

/// Key and value of a record.
pub type Record<'c> = (&'c [u8], &'c [u8]);

/// Which way a [`Cursor`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

impl<'e> View<'e> {
    pub(crate) fn live(engine: &'e Engine) -> Self {
        View { engine, snapshot: None, pending: None }
    }

    /// The same, through the writes of an open batch.
    pub fn through<'p>(self, pending: &'p Pending) -> View<'p>
    where
        'e: 'p,
    {
        View { engine: self.engine, snapshot: self.snapshot, pending: Some(pending) }
    }

    /// True if the view stays the same while others write.
    pub fn is_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// What the open batch knows of a record: None if nothing, Some(None) if it is absent.
    pub fn known(&self, family: Family, key: &[u8]) -> Option<Option<Value<'e>>> {
        match self.pending?.lookup(family, key) {
            Known::Absent => Some(None),
            Known::Present(value) => Some(Some(Value::Batch(value))),
            Known::Nothing => None,
        }
    }

    /// The value of one record.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Value<'e>>, Error> {
        if let Some(known) = self.known(family, key) {
            return Ok(known);
        }
        let handle = self.engine.handle(family);
        let found = match self.snapshot {
            Some(snapshot) => snapshot.get_pinned_cf(handle, key)?,
            None => self.engine.db.get_pinned_cf(handle, key)?,
        };
        Ok(found.map(Value::Pinned))
    }

    /// Has records that lie on the disk read together, before they are read one after the other. (Of the live database: what others have written since
    /// makes no difference to where they lie.) Where reads don't wait it does no more than find that out.
    pub fn bring_near(&self, family: Family, mut keys: Vec<RecordKey>) -> Result<(), Error> {
        keys.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        keys.dedup_by(|a, b| a.as_slice() == b.as_slice());
        let keys: Vec<&[u8]> = keys.iter().map(RecordKey::as_slice).collect();
        let (probe, rest) = keys.split_at(keys.len().min(NEAR_PROBE));
        self.engine.read_many(family, probe)?;
        if self.engine.reads_wait() {
            self.engine.read_many(family, rest)?;
        }
        Ok(())
    }

    /// The records with `from <= key < to`, in the order asked for.
    pub fn scan(&self, family: Family, from: &[u8], to: &[u8], direction: Direction) -> Cursor<'e> {
        self.cursor(family, from, to, direction, ReadOptions::default())
    }

    /// The same for a range of which nothing was removed as a range. It does not look at what was removed so elsewhere, and so does not go
    /// over every such record that lies right before: which a step back to the beginning of the range would.
    pub fn scan_whole(&self, family: Family, from: &[u8], to: &[u8], direction: Direction) -> Cursor<'e> {
        let mut options = ReadOptions::default();
        ignore_range_deletions(&mut options);
        self.cursor(family, from, to, direction, options)
    }

    /// Such a cursor that goes forward, and has no record until it is sought: for several short ways within one range.
    pub fn seeker(&self, family: Family, from: &[u8], to: &[u8]) -> Cursor<'e> {
        let mut options = ReadOptions::default();
        ignore_range_deletions(&mut options);
        self.unsought(family, from, to, Direction::Forward, options)
    }

    /// True if the open batch writes or deletes a record with `from <= key < to`.
    pub fn has_written(&self, family: Family, from: &[u8], to: &[u8]) -> bool {
        from < to && self.pending.is_some_and(|pending| pending.has_between(family, from, to))
    }

    fn cursor(&self, family: Family, from: &[u8], to: &[u8], direction: Direction, options: ReadOptions) -> Cursor<'e> {
        let mut cursor = self.unsought(family, from, to, direction, options);
        match direction {
            Direction::Forward => cursor.seek(from),
            Direction::Backward => {
                cursor.stored.seek_to_last();
                cursor.written = cursor.written_from(from);
            }
        }
        cursor
    }

    fn unsought(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        mut options: ReadOptions,
    ) -> Cursor<'e> {
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        let handle = self.engine.handle(family);
        let stored = match self.snapshot {
            Some(snapshot) => snapshot.raw_iterator_cf_opt(handle, options),
            None => self.engine.db.raw_iterator_cf_opt(handle, options),
        };
        Cursor { stored, pending: self.pending, family, to: to.into(), written: None, direction, last: Source::None }
    }
}

#[allow(deprecated, reason = "it is deprecated as useless to those who remove no ranges")]
fn ignore_range_deletions(options: &mut ReadOptions) {
    options.set_ignore_range_deletions(true);
}

/// The overlay's side of a cursor.
enum Written<'k> {
    Forward(Peekable<OverlayRange<'k>>),
    Backward(Peekable<std::iter::Rev<OverlayRange<'k>>>),
    /// Of a family that is not kept in order: sorted for this cursor, the next one last.
    Sorted(Vec<OverlayRecord<'k>>),
}

impl<'k> Written<'k> {
    fn of_range(range: OverlayRange<'k>, direction: Direction) -> Self {
        match direction {
            Direction::Forward => Written::Forward(range.peekable()),
            Direction::Backward => Written::Backward(range.rev().peekable()),
        }
    }

    fn sorted(mut records: Vec<OverlayRecord<'k>>, direction: Direction) -> Self {
        records.sort_unstable_by(|(a, _), (b, _)| match direction {
            Direction::Forward => b.cmp(a),
            Direction::Backward => a.cmp(b),
        });
        Written::Sorted(records)
    }

    fn peek(&mut self) -> Option<OverlayRecord<'k>> {
        let entry = match self {
            Written::Forward(iter) => iter.peek(),
            Written::Backward(iter) => iter.peek(),
            Written::Sorted(records) => return records.last().copied(),
        };
        entry.map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    fn advance(&mut self) {
        match self {
            Written::Forward(iter) => drop(iter.next()),
            Written::Backward(iter) => drop(iter.next()),
            Written::Sorted(records) => drop(records.pop()),
        }
    }
}

enum Source {
    None,
    Stored,
    Written,
    Both,
}

/// Steps through records, merging what is stored with what the open batch has written.
pub struct Cursor<'k> {
    stored: DBRawIteratorWithThreadMode<'k, DB>,
    pending: Option<&'k Pending>,
    family: Family,
    /// Where it ends.
    to: RecordKey,
    written: Option<Written<'k>>,
    direction: Direction,
    /// Whose record was returned last, and so has to move on first.
    last: Source,
}

impl<'k> Cursor<'k> {
    /// Goes to the first record at or after a key of its range, which is the next one then. The cursor goes forward.
    pub fn seek(&mut self, from: &[u8]) {
        self.stored.seek(from);
        self.written = self.written_from(from);
        self.last = Source::None;
    }

    fn written_from(&self, from: &[u8]) -> Option<Written<'k>> {
        let (pending, to, direction) = (self.pending?, &*self.to, self.direction);
        (from < to).then(|| match self.family {
            Family::Keys => Written::sorted(pending.written_between(from, to), direction),
            family => Written::of_range(pending.range(family, Bound::Included(from), Bound::Excluded(to)), direction),
        })
    }

    /// The next record, or None at the end.
    #[allow(clippy::should_implement_trait, reason = "lends from itself, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        loop {
            self.step();
            let written = self.written.as_mut().and_then(Written::peek);
            let order = match (self.stored.key(), written) {
                (None, None) => {
                    self.stored.status()?;
                    return Ok(None);
                }
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(stored), Some((key, _))) => match self.direction {
                    Direction::Forward => stored.cmp(key),
                    Direction::Backward => key.cmp(stored),
                },
            };
            self.last = match order {
                Ordering::Less => Source::Stored,
                Ordering::Greater => Source::Written,
                Ordering::Equal => Source::Both,
            };
            match (order, written) {
                (Ordering::Less, _) => break,
                (_, Some((key, Some(value)))) => return Ok(Some((key, value))),
                // A record that the batch has deleted.
                _ => {}
            }
        }
        Ok(self.stored.item())
    }

    fn step(&mut self) {
        if matches!(self.last, Source::Written | Source::Both)
            && let Some(written) = &mut self.written
        {
            written.advance();
        }
        if matches!(self.last, Source::Stored | Source::Both) {
            match self.direction {
                Direction::Forward => self.stored.next(),
                Direction::Backward => self.stored.prev(),
            }
        }
        self.last = Source::None;
    }
}
