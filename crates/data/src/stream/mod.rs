//! Streams: entries in the order of their ids, and groups of consumers that share them.
//!
//! An entry is one record, and so is what a group knows of an entry that it has delivered; [`layout`] draws all of them. What all
//! of a stream's commands need is in its header: so adding an entry writes two records and reads none. Other than the
//! other collections a stream may be empty, and stays.
//!
//! Functions that change a stream change its header in memory; [`Stream::save`] writes it, once, at the end.

pub mod id;
pub mod layout;

mod add;
mod group;
mod lag;
mod node;
mod pending;
mod runs;
mod trim;

use engine::Family;

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::packed::{self, Strings};
use crate::tx::Tx;
use crate::view::{Found, View};

use runs::Outcome;

pub use engine::Direction;

pub use add::{NewId, add, next_id, set_last_id};
pub use group::{OpenGroup, create_group, destroy_group, find_group, walk_consumers, walk_groups};
pub use id::{ID_TEXT_MAX, StreamId};
pub use lag::lag;
pub use layout::{Consumer, Group, Header, Pending};
pub use pending::{Delivery, find_delivery, walk_pending};
pub use trim::{Bound, Trim, delete, trim};

/// Entries after which a long read looks whether somebody still waits for it.
const ENTRIES_BETWEEN_CHECKS: usize = 1024;

/// A stream that is there, or is about to be.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What is in the header.
    pub header: Header,
    parts: Parts,
    meta: Meta,
    /// What is written already.
    old: Option<Meta>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Its fields with their values.
    pub pairs: usize,
    strings: Strings<'a>,
}

/// What a command has read so far, for [`View::admit`]: entries, and bytes of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    count: usize,
    bytes: u64,
}

/// The stream of a key, counted as a hit or a miss.
pub fn read(view: &View<'_>, key: &[u8]) -> Result<Option<Stream>> {
    view.read_kind(key, Kind::Stream)?.map(|found| Stream::decode(&found)).transpose()
}

/// The stream of a key that is to be changed.
pub fn find(tx: &mut Tx<'_>, key: &[u8]) -> Result<Option<Stream>> {
    if tx.find_kind(key, Kind::Stream)?.is_none() {
        return Ok(None);
    }
    let view = tx.view();
    view.find(key)?.map(|found| Stream::decode(&found)).transpose()
}

impl Stream {
    /// An empty stream for a key where nothing is.
    pub fn new(tx: &mut Tx<'_>, key: &[u8]) -> Stream {
        let parts = tx.new_parts(key);
        let meta = Meta { parts: Some(parts), ..Meta::new(Kind::Stream) };
        Stream { header: Header::default(), parts, meta, old: None }
    }

    /// The stream in a record of kind [`Kind::Stream`].
    pub fn decode(found: &Found<'_>) -> Result<Stream> {
        let unreadable = || Error::BadRecord("the header of a stream".to_owned());
        let parts = found.meta.parts.ok_or_else(unreadable)?;
        let header = layout::decode_header(found.body()).ok_or_else(|| parts.unreadable())?;
        Ok(Stream { header, parts, meta: found.meta, old: Some(found.meta) })
    }

    /// Writes the header. Whoever waits for the stream's entries will look again.
    pub fn save(&mut self, tx: &mut Tx<'_>, key: &[u8]) {
        tx.put(key, self.old, self.meta, &layout::encode_header(&self.header));
        self.old = Some(self.meta);
    }

    /// Visits the entries between two ids, both included, in the order asked for, until `visit` says stop (by false).
    pub fn walk(
        &self,
        view: &View<'_>,
        (from, to): (StreamId, StreamId),
        direction: Direction,
        progress: &mut Progress,
        mut visit: impl FnMut(Entry<'_>) -> Result<bool>,
    ) -> Result<()> {
        let Some(from) = self.beginning(view, from, to)? else { return Ok(()) };
        let (from, to) = (layout::entry_suffix(from), layout::after_entry(to));
        let mut cursor = view.records(Family::Elements, self.parts, &from, Some(&to), direction)?;
        while let Some((suffix, value)) = cursor.next()? {
            progress.step(view, value.len())?;
            let entry = decode_entry(suffix, value).ok_or_else(|| self.parts.unreadable())?;
            if !visit(entry)? {
                break;
            }
        }
        Ok(())
    }

    /// Where entries between two ids begin; None: there are none. Below the first entry there may be trimmed ones.
    fn beginning(&self, view: &View<'_>, from: StreamId, to: StreamId) -> Result<Option<StreamId>> {
        let from = from.max(self.header.first_id);
        if self.header.length == 0 || from > to {
            return Ok(None);
        }
        view.admit_parts()?;
        Ok(Some(from))
    }

    /// The same for a read that is likely to be short, or near others: it goes through [`runs`] first.
    pub fn read(
        &self,
        view: &View<'_>,
        (from, to): (StreamId, StreamId),
        direction: Direction,
        progress: &mut Progress,
        mut visit: impl FnMut(Entry<'_>) -> Result<bool>,
    ) -> Result<()> {
        let Some(from) = self.beginning(view, from, to)? else { return Ok(()) };
        match runs::read(view, self, (from, to), direction, progress, &mut visit)? {
            Outcome::Done => Ok(()),
            Outcome::Left(from, to) => self.walk(view, (from, to), direction, progress, visit),
        }
    }

    /// True if an entry is there. If so, `visit` is shown it.
    pub fn get(
        &self,
        view: &View<'_>,
        id: StreamId,
        progress: &mut Progress,
        visit: &mut dyn FnMut(Entry<'_>),
    ) -> Result<bool> {
        if !self.may_have(id) {
            return Ok(false);
        }
        view.admit_parts()?;
        let suffix = layout::entry_suffix(id);
        let Some(value) = view.part(self.parts, &suffix)? else { return Ok(false) };
        progress.step(view, value.len())?;
        visit(decode_entry(&suffix, &value).ok_or_else(|| self.parts.unreadable())?);
        Ok(true)
    }

    /// True if an entry is there.
    pub fn has(&self, view: &View<'_>, id: StreamId) -> Result<bool> {
        self.get(view, id, &mut Progress::default(), &mut |_| {})
    }

    /// The id of the last entry.
    pub fn last_entry_id(&self, view: &View<'_>) -> Result<Option<StreamId>> {
        let mut last = None;
        let all = (StreamId::MIN, StreamId::MAX);
        self.read(view, all, Direction::Backward, &mut Progress::default(), |entry| {
            last = Some(entry.id);
            Ok(false)
        })?;
        Ok(last)
    }

    /// The id of the first entry from an id on.
    fn first_entry_id(&self, view: &View<'_>, from: StreamId) -> Result<Option<StreamId>> {
        let (from, end) = (layout::entry_suffix(from), layout::after_entry(StreamId::MAX));
        let mut cursor = view.records(Family::Elements, self.parts, &from, Some(&end), Direction::Forward)?;
        match cursor.next()? {
            Some((suffix, _)) => Ok(Some(layout::decode_entry_suffix(suffix).ok_or_else(|| self.parts.unreadable())?)),
            None => Ok(None),
        }
    }

    /// False if an entry is certainly not there: what is below the first one may lie there though it is trimmed.
    fn may_have(&self, id: StreamId) -> bool {
        self.header.length > 0 && id >= self.header.first_id && id <= self.header.last_id
    }
}

impl<'a> Entry<'a> {
    /// Its fields and values in turn.
    pub fn strings(&self) -> Strings<'a> {
        self.strings.clone()
    }
}

impl Progress {
    fn step(&mut self, view: &View<'_>, bytes: usize) -> Result<()> {
        self.count += 1;
        self.bytes += bytes as u64;
        view.admit_keys(self.count)?;
        view.admit(self.bytes)?;
        if self.count.is_multiple_of(ENTRIES_BETWEEN_CHECKS) { view.go_on() } else { Ok(()) }
    }
}

fn decode_entry<'a>(suffix: &[u8], value: &'a [u8]) -> Option<Entry<'a>> {
    entry_of(layout::decode_entry_suffix(suffix)?, value)
}

fn entry_of(id: StreamId, mut value: &[u8]) -> Option<Entry<'_>> {
    let pairs = usize::try_from(packed::take_number(&mut value)?).ok()?;
    Some(Entry { id, pairs, strings: packed::strings(value) })
}

#[cfg(test)]
mod tests;
