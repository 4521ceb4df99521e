//! Consumer groups, read and written: each with what its consumers have not acknowledged. Redis writes that twice, once
//! for the group with times and counts, and once for each consumer.

use std::collections::HashSet;

use super::super::object::{Consumer, Group, Pending, Stream, StreamId};
use super::super::reader::Reader;
use super::super::writer::Writer;
use super::super::{Error, Result, types};
use super::load::load_id;
use super::{ID_LEN, decode_id, encode_id};

/// The least bytes of a group: name, ID, and two counts.
const GROUP_BYTES_MIN: usize = 5;
/// The least bytes of what is pending: ID, time, count.
const PENDING_BYTES_MIN: usize = ID_LEN + 9;
/// The least bytes of a consumer: name, time, count.
const CONSUMER_BYTES_MIN: usize = 10;
/// That nothing is known of how many entries a group has read.
const READ_UNKNOWN: u64 = u64::MAX;

/// All groups of a stream, of which the rest is read.
pub(super) fn load(reader: &mut Reader<'_>, kind: u8, stream: &Stream) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for _ in 0..reader.count(GROUP_BYTES_MIN)? {
        groups.push(load_group(reader, kind, stream)?);
    }
    let mut names = HashSet::new();
    if !groups.iter().all(|group| names.insert(&group.name)) {
        return Err(Error::Format);
    }
    Ok(groups)
}

fn load_group(reader: &mut Reader<'_>, kind: u8, stream: &Stream) -> Result<Group> {
    let name = reader.element()?;
    let last_id = load_id(reader)?;
    let entries_read = match kind {
        types::STREAM_LISTPACKS => estimate_read(stream, last_id),
        // Negative for Redis, which takes any of those for unknown.
        _ => Some(reader.length()?).filter(|&read| read.cast_signed() >= 0),
    };
    let mut pending = Vec::new();
    for _ in 0..reader.count(PENDING_BYTES_MIN)? {
        let id = decode_id(reader.array()?);
        reader.charge(0)?;
        let (delivered_at_ms, deliveries) = (reader.milliseconds()?, reader.length()?);
        // Whose it is comes later.
        pending.push(Pending { id, consumer: usize::MAX, delivered_at_ms, deliveries });
    }
    if !pending.is_sorted_by(|a, b| a.id < b.id) {
        return Err(Error::Format);
    }
    let mut consumers = Vec::new();
    for index in 0..reader.count(CONSUMER_BYTES_MIN)? {
        consumers.push(load_consumer(reader, kind, index, &mut pending)?);
    }
    let mut names = HashSet::new();
    let is_unique = consumers.iter().all(|consumer: &Consumer| names.insert(&consumer.name));
    let is_owned = pending.iter().all(|entry| entry.consumer != usize::MAX);
    if !is_unique || !is_owned {
        return Err(Error::Format);
    }
    Ok(Group { name, last_id, entries_read, pending, consumers })
}

fn load_consumer(reader: &mut Reader<'_>, kind: u8, index: usize, pending: &mut [Pending]) -> Result<Consumer> {
    let name = reader.element()?;
    let seen_at_ms = reader.milliseconds()?;
    let active_at_ms = match kind {
        // Negative for Redis if it never was.
        types::STREAM_LISTPACKS_3 => Some(reader.milliseconds()?).filter(|&at| at.cast_signed() >= 0),
        _ => Some(seen_at_ms),
    };
    for _ in 0..reader.count(ID_LEN)? {
        let id = decode_id(reader.array()?);
        let found = pending.binary_search_by(|entry| entry.id.cmp(&id)).map_err(|_| Error::Format)?;
        let entry = &mut pending[found];
        if entry.consumer != usize::MAX {
            return Err(Error::Format);
        }
        entry.consumer = index;
    }
    Ok(Consumer { name, seen_at_ms, active_at_ms })
}

/// How many entries a group has read that has come to an ID, if that can be told: what Redis assumes for streams of
/// versions that did not count.
fn estimate_read(stream: &Stream, id: StreamId) -> Option<u64> {
    let length = stream.entries.len() as u64;
    if stream.entries_added == 0 || id == stream.last_id || (length == 0 && id <= stream.last_id) {
        return Some(stream.entries_added);
    }
    if id > stream.last_id {
        return None;
    }
    let has_gaps = stream.max_deleted_id != (0, 0) && stream.max_deleted_id >= stream.first_id;
    match id.cmp(&stream.first_id) {
        _ if has_gaps => None,
        std::cmp::Ordering::Less => Some(stream.entries_added.saturating_sub(length)),
        std::cmp::Ordering::Equal => Some(stream.entries_added.saturating_sub(length) + 1),
        std::cmp::Ordering::Greater => None,
    }
}

/// Writes all groups, by name as Redis does.
pub(super) fn save(writer: &mut Writer, groups: &[Group]) {
    let mut sorted: Vec<&Group> = groups.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    writer.length(sorted.len() as u64);
    for group in sorted {
        save_group(writer, group);
    }
}

fn save_group(writer: &mut Writer, group: &Group) {
    writer.string(&group.name);
    writer.length(group.last_id.0);
    writer.length(group.last_id.1);
    writer.length(group.entries_read.unwrap_or(READ_UNKNOWN));
    writer.length(group.pending.len() as u64);
    let mut owned: Vec<Vec<StreamId>> = vec![Vec::new(); group.consumers.len()];
    for entry in &group.pending {
        writer.raw(&encode_id(entry.id));
        writer.milliseconds(entry.delivered_at_ms);
        writer.length(entry.deliveries);
        if let Some(owned) = owned.get_mut(entry.consumer) {
            owned.push(entry.id);
        }
    }
    let mut consumers: Vec<(&Consumer, Vec<StreamId>)> = group.consumers.iter().zip(owned).collect();
    consumers.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    writer.length(consumers.len() as u64);
    for (consumer, owned) in consumers {
        writer.string(&consumer.name);
        writer.milliseconds(consumer.seen_at_ms);
        writer.length(owned.len() as u64);
        owned.into_iter().for_each(|id| writer.raw(&encode_id(id)));
    }
}
