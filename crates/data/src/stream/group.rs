//! Consumer groups and their consumers: who has got how far.

use std::collections::BTreeMap;

use engine::{Direction, Family};

use crate::error::Result;
use crate::key::Parts;
use crate::tx::Tx;
use crate::view::View;

use super::id::StreamId;
use super::layout::{self, Consumer, Group};
use super::{Progress, Stream, lag, pending};

/// Records that are read before they are written, as one cannot write to a batch that one iterates over.
const ROUND_RECORDS_MAX: usize = 1000;
/// The same in bytes.
const ROUND_BYTES_MAX: usize = 1 << 20;

/// A group that a command changes, with those of its consumers that it touches. Written by [`OpenGroup::save`], at the end.
#[derive(Debug)]
pub struct OpenGroup {
    /// The group itself.
    pub group: Group,
    name: Vec<u8>,
    consumers: BTreeMap<Vec<u8>, Consumer>,
}

/// A group by its name.
pub fn find_group(view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<Option<Group>> {
    if stream.header.groups == 0 {
        return Ok(None);
    }
    view.admit_parts()?;
    let record = view.part(stream.parts, &layout::group_suffix(name))?;
    record.map(|record| layout::decode_group(&record).ok_or_else(|| stream.parts.unreadable())).transpose()
}

/// Makes a group, unless there is one of that name. `entries_read` is -1 if that is not known.
pub fn create_group(
    tx: &mut Tx<'_>,
    stream: &mut Stream,
    name: &[u8],
    last_id: StreamId,
    entries_read: i64,
) -> Result<bool> {
    if find_group(&tx.view(), stream, name)?.is_some() {
        return Ok(false);
    }
    let group = Group { number: stream.header.next_group, last_id, entries_read, pending: 0, consumers: 0 };
    tx.put_part(stream.parts, &layout::group_suffix(name), layout::encode_group(&group));
    stream.header.groups += 1;
    stream.header.next_group += 1;
    Ok(true)
}

/// Removes a group with all its consumers and pending entries, at a cost that does not depend on their number. False: there is none.
pub fn destroy_group(tx: &mut Tx<'_>, stream: &mut Stream, name: &[u8]) -> Result<bool> {
    let Some(group) = find_group(&tx.view(), stream, name)? else { return Ok(false) };
    tx.remove_part(stream.parts, &layout::group_suffix(name));
    let (from, to) = layout::group_range(group.number);
    tx.sweep_parts(stream.parts, &from, &to);
    stream.header.groups = stream.header.groups.saturating_sub(1);
    Ok(true)
}

/// Visits the groups, in the order of their names.
pub fn walk_groups(view: &View<'_>, stream: &Stream, mut visit: impl FnMut(&[u8], Group) -> Result<()>) -> Result<()> {
    if stream.header.groups == 0 {
        return Ok(());
    }
    view.admit_parts()?;
    let (mut progress, from, end) = (Progress::default(), layout::group_suffix(&[]), layout::groups_end());
    let mut cursor = view.records(Family::Elements, stream.parts, &from, Some(&end), Direction::Forward)?;
    while let Some((suffix, value)) = cursor.next()? {
        progress.step(view, suffix.len() + value.len())?;
        let (Some(name), Some(group)) = (layout::decode_group_suffix(suffix), layout::decode_group(value)) else {
            return Err(stream.parts.unreadable());
        };
        visit(name, group)?;
    }
    Ok(())
}

/// Visits the consumers of a group, in the order of their names.
pub fn walk_consumers(
    view: &View<'_>,
    stream: &Stream,
    group: &Group,
    mut visit: impl FnMut(&[u8], Consumer) -> Result<()>,
) -> Result<()> {
    if group.consumers == 0 {
        return Ok(());
    }
    view.admit_parts()?;
    let (from, end) = (layout::consumer_suffix(group.number, &[]), layout::consumers_end(group.number));
    let (mut progress, parts) = (Progress::default(), stream.parts);
    let mut cursor = view.records(Family::Elements, parts, &from, Some(&end), Direction::Forward)?;
    while let Some((suffix, value)) = cursor.next()? {
        progress.step(view, suffix.len() + value.len())?;
        let (Some(name), Some(consumer)) = (layout::decode_consumer_suffix(suffix), layout::decode_consumer(value))
        else {
            return Err(parts.unreadable());
        };
        visit(name, consumer)?;
    }
    Ok(())
}

/// Copies all that belongs to a group to the new place of its stream, but for the group's own record.
pub(super) fn move_records(tx: &mut Tx<'_>, from: Parts, to: Parts, number: u64) -> Result<()> {
    let (mut start, end) = layout::group_range(number);
    loop {
        let (mut round, mut bytes) = (Vec::new(), 0);
        {
            let view = tx.view();
            let mut cursor = view.records(Family::Elements, from, &start, Some(&end), Direction::Forward)?;
            while bytes < ROUND_BYTES_MAX
                && let Some((suffix, value)) = cursor.next()?
            {
                bytes += suffix.len() + value.len();
                round.push((suffix.to_vec(), value.to_vec()));
            }
        }
        let Some((last, _)) = round.last() else { return Ok(()) };
        // The least suffix after the last one of this round.
        start = [last, &[0][..]].concat();
        round.into_iter().for_each(|(suffix, value)| tx.put_part(to, &suffix, value));
    }
}

impl OpenGroup {
    /// A group by its name.
    pub fn find(view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<Option<OpenGroup>> {
        let group = find_group(view, stream, name)?;
        Ok(group.map(|group| OpenGroup { group, name: name.to_vec(), consumers: BTreeMap::new() }))
    }

    /// Writes the group and the consumers that were touched.
    pub fn save(self, tx: &mut Tx<'_>, stream: &Stream) {
        for (name, consumer) in &self.consumers {
            let suffix = layout::consumer_suffix(self.group.number, name);
            tx.put_part(stream.parts, &suffix, layout::encode_consumer(consumer));
        }
        tx.put_part(stream.parts, &layout::group_suffix(&self.name), layout::encode_group(&self.group));
    }

    /// A consumer by its name.
    pub fn consumer(&mut self, view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<Option<&mut Consumer>> {
        if !self.consumers.contains_key(name) {
            let suffix = layout::consumer_suffix(self.group.number, name);
            let Some(record) = view.part(stream.parts, &suffix)? else { return Ok(None) };
            let consumer = layout::decode_consumer(&record).ok_or_else(|| stream.parts.unreadable())?;
            self.consumers.insert(name.to_vec(), consumer);
        }
        Ok(self.consumers.get_mut(name))
    }

    /// Makes a consumer, unless there is one of that name.
    pub fn create_consumer(&mut self, view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<bool> {
        if self.consumer(view, stream, name)?.is_some() {
            return Ok(false);
        }
        let consumer = Consumer { seen_ms: view.now_ms(), active_ms: -1, pending: 0 };
        self.consumers.insert(name.to_vec(), consumer);
        self.group.consumers += 1;
        Ok(true)
    }

    /// Notes that a consumer has shown itself. It is made if there is none of that name.
    pub fn see(&mut self, view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<()> {
        if !self.create_consumer(view, stream, name)?
            && let Some(consumer) = self.consumer(view, stream, name)?
        {
            consumer.seen_ms = view.now_ms();
        }
        Ok(())
    }

    /// Notes that a consumer has got an entry.
    pub fn note_active(&mut self, view: &View<'_>, stream: &Stream, name: &[u8]) -> Result<()> {
        if let Some(consumer) = self.consumer(view, stream, name)? {
            consumer.active_ms = view.now_ms() as i64;
        }
        Ok(())
    }

    /// Notes that an entry is delivered, if it is the newest so far.
    pub fn advance(&mut self, stream: &Stream, id: StreamId) {
        lag::advance(&stream.header, &mut self.group, id);
    }

    /// Removes a consumer and forgets what it had pending. Returns how much that was; None: there is no such consumer.
    pub fn delete_consumer(&mut self, tx: &mut Tx<'_>, stream: &Stream, name: &[u8]) -> Result<Option<u64>> {
        let Some(consumer) = self.consumer(&tx.view(), stream, name)? else { return Ok(None) };
        let pending = consumer.pending;
        let number = self.group.number;
        loop {
            let ids = pending::owned_ids(&tx.view(), stream, number, name, ROUND_RECORDS_MAX)?;
            for &id in &ids {
                tx.remove_part(stream.parts, &layout::owned_suffix(number, name, id));
                tx.remove_part(stream.parts, &layout::pending_suffix(number, id));
            }
            if ids.len() < ROUND_RECORDS_MAX {
                break;
            }
        }
        tx.remove_part(stream.parts, &layout::consumer_suffix(number, name));
        self.consumers.remove(name);
        self.group.consumers = self.group.consumers.saturating_sub(1);
        self.group.pending = self.group.pending.saturating_sub(pending);
        Ok(Some(pending))
    }
}
