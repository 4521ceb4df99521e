//! Entries that a group has delivered and that were not acknowledged: to whom, when, and how often.
//!
//! Each has a record under its group, and one under its consumer, which only names it. Both are written here, with the
//! counts that go with them, and nowhere else.

use engine::{Direction, Family};

use crate::error::Result;
use crate::tx::Tx;
use crate::view::View;

use super::group::OpenGroup;
use super::id::StreamId;
use super::layout::{self, Group, Pending};
use super::{Progress, Stream};

/// What is known of an entry that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it was delivered last, in Unix ms.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Who has it.
    pub consumer: Vec<u8>,
}

impl From<Pending<'_>> for Delivery {
    fn from(pending: Pending<'_>) -> Delivery {
        let Pending { delivered_ms, deliveries, consumer } = pending;
        Delivery { delivered_ms, deliveries, consumer: consumer.to_vec() }
    }
}

/// What a group knows of an entry that is pending.
pub fn find_delivery(view: &View<'_>, stream: &Stream, group: &Group, id: StreamId) -> Result<Option<Delivery>> {
    let Some(record) = view.part(stream.parts, &layout::pending_suffix(group.number, id))? else { return Ok(None) };
    Ok(Some(layout::decode_pending(&record).ok_or_else(|| stream.parts.unreadable())?.into()))
}

/// Visits the pending entries of a group, or those of one of its consumers, between two ids, both included, until `visit` says
/// stop (by false).
pub fn walk_pending(
    view: &View<'_>,
    stream: &Stream,
    group: &Group,
    consumer: Option<&[u8]>,
    (from, to): (StreamId, StreamId),
    mut visit: impl FnMut(StreamId, Pending<'_>) -> Result<bool>,
) -> Result<()> {
    if group.pending == 0 || from > to {
        return Ok(());
    }
    view.admit_parts()?;
    let (parts, number) = (stream.parts, group.number);
    let unreadable = || parts.unreadable();
    let (from, end) = match consumer {
        Some(name) => (layout::owned_suffix(number, name, from), layout::owned_end(number, name)),
        None => (layout::pending_suffix(number, from), layout::pending_end(number)),
    };
    let mut progress = Progress::default();
    let mut cursor = view.records(Family::Elements, parts, &from, Some(&end), Direction::Forward)?;
    while let Some((suffix, value)) = cursor.next()? {
        progress.step(view, suffix.len() + value.len())?;
        let id = layout::decode_last_id(suffix).ok_or_else(unreadable)?;
        if id > to {
            break;
        }
        let goes_on = if consumer.is_some() {
            let record = view.part(parts, &layout::pending_suffix(number, id))?.ok_or_else(unreadable)?;
            visit(id, layout::decode_pending(&record).ok_or_else(unreadable)?)?
        } else {
            visit(id, layout::decode_pending(value).ok_or_else(unreadable)?)?
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// The id of the last pending entry of a group.
pub(super) fn last_pending(view: &View<'_>, stream: &Stream, group: &Group) -> Result<Option<StreamId>> {
    let (from, end) = (layout::pending_suffix(group.number, StreamId::MIN), layout::pending_end(group.number));
    let mut cursor = view.records(Family::Elements, stream.parts, &from, Some(&end), Direction::Backward)?;
    match cursor.next()? {
        Some((suffix, _)) => Ok(Some(layout::decode_last_id(suffix).ok_or_else(|| stream.parts.unreadable())?)),
        None => Ok(None),
    }
}

/// The ids of the first entries that a consumer has, so many of them at most.
pub(super) fn owned_ids(
    view: &View<'_>,
    stream: &Stream,
    group: u64,
    consumer: &[u8],
    count: usize,
) -> Result<Vec<StreamId>> {
    let from = layout::owned_suffix(group, consumer, StreamId::MIN);
    let end = layout::owned_end(group, consumer);
    let mut cursor = view.records(Family::Elements, stream.parts, &from, Some(&end), Direction::Forward)?;
    let mut ids = Vec::new();
    while ids.len() < count
        && let Some((suffix, _)) = cursor.next()?
    {
        ids.push(layout::decode_last_id(suffix).ok_or_else(|| stream.parts.unreadable())?);
    }
    Ok(ids)
}

impl Group {
    /// The ids of the first and the last pending entry.
    pub fn pending_bounds(&self, view: &View<'_>, stream: &Stream) -> Result<Option<(StreamId, StreamId)>> {
        let mut first = None;
        walk_pending(view, stream, self, None, (StreamId::MIN, StreamId::MAX), |id, _| {
            first = Some(id);
            Ok(false)
        })?;
        Ok(match first {
            Some(first) => Some((first, last_pending(view, stream, self)?.unwrap_or(first))),
            None => None,
        })
    }
}

impl OpenGroup {
    /// Delivers entries to a consumer that is there, in ascending order. Those that somebody has already change hands.
    pub fn deliver(&mut self, tx: &mut Tx<'_>, stream: &Stream, consumer: &[u8], ids: &[StreamId]) -> Result<()> {
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(()) };
        let mut held = Vec::new();
        walk_pending(&tx.view(), stream, &self.group, None, (first, last), |id, pending| {
            held.push((id, pending.consumer.to_vec()));
            Ok(true)
        })?;
        let delivered_ms = tx.now_ms();
        let mut held = held.into_iter().peekable();
        for &id in ids {
            while held.next_if(|(other, _)| *other < id).is_some() {}
            let owner = held.next_if(|(other, _)| *other == id).map(|(_, owner)| owner);
            let delivery = Delivery { delivered_ms, deliveries: 1, consumer: consumer.to_vec() };
            self.set(tx, stream, id, owner.as_deref(), Some(&delivery))?;
        }
        self.note_active(&tx.view(), stream, consumer)
    }

    /// Forgets a pending entry. False: it is not pending.
    pub fn acknowledge(&mut self, tx: &mut Tx<'_>, stream: &Stream, id: StreamId) -> Result<bool> {
        let Some(delivery) = find_delivery(&tx.view(), stream, &self.group, id)? else { return Ok(false) };
        self.set(tx, stream, id, Some(&delivery.consumer), None)?;
        Ok(true)
    }

    /// Writes what is known of a pending entry, or that it is none any more. `owner` is who has it so far. Both consumers
    /// are there.
    pub fn set(
        &mut self,
        tx: &mut Tx<'_>,
        stream: &Stream,
        id: StreamId,
        owner: Option<&[u8]>,
        new: Option<&Delivery>,
    ) -> Result<()> {
        let (number, parts) = (self.group.number, stream.parts);
        let new_owner = new.map(|delivery| delivery.consumer.as_slice());
        if owner != new_owner {
            if let Some(name) = owner {
                tx.remove_part(parts, &layout::owned_suffix(number, name, id));
                if let Some(consumer) = self.consumer(&tx.view(), stream, name)? {
                    consumer.pending = consumer.pending.saturating_sub(1);
                }
                self.group.pending = self.group.pending.saturating_sub(1);
            }
            if let Some(name) = new_owner {
                tx.put_part(parts, &layout::owned_suffix(number, name, id), Vec::new());
                if let Some(consumer) = self.consumer(&tx.view(), stream, name)? {
                    consumer.pending += 1;
                }
                self.group.pending += 1;
            }
        }
        let suffix = layout::pending_suffix(number, id);
        match new {
            Some(Delivery { delivered_ms, deliveries, consumer }) => {
                let pending = Pending { delivered_ms: *delivered_ms, deliveries: *deliveries, consumer };
                tx.put_part(parts, &suffix, layout::encode_pending(&pending));
            }
            None => tx.remove_part(parts, &suffix),
        }
        Ok(())
    }
}
