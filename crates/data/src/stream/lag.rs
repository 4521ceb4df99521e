//! How far a group has read, of all entries that were ever added: an account that deleted entries can make uncertain.
//!
//! A counter of the entries that were added and one of those that were read tell the lag, unless entries between were deleted
//! one by one. Then some places in the stream can still be told: its first entry, what is before it, and its last id.

use super::id::StreamId;
use super::layout::{Group, Header};

/// What stands for a number that is not known.
const UNKNOWN: i64 = -1;

/// How many entries a group has yet to be given; None if that is not known.
pub fn lag(header: &Header, group: &Group) -> Option<i64> {
    let added = header.entries_added as i64;
    if added == 0 {
        return Some(0);
    }
    if group.entries_read != UNKNOWN && !has_deleted(header, group.last_id) {
        return Some(added.wrapping_sub(group.entries_read));
    }
    Some(entries_before(header, group.last_id)).filter(|&read| read != UNKNOWN).map(|read| added.wrapping_sub(read))
}

/// Notes that an entry is delivered to a group, if it is the newest so far.
pub(super) fn advance(header: &Header, group: &mut Group, id: StreamId) {
    if id <= group.last_id {
        return;
    }
    if group.entries_read != UNKNOWN && !has_deleted(header, id) {
        group.entries_read = group.entries_read.wrapping_add(1);
    } else if header.entries_added > 0 {
        group.entries_read = entries_before(header, id);
    }
    group.last_id = id;
}

/// True if an entry was deleted somewhere behind an id, while others before it stay.
fn has_deleted(header: &Header, from: StreamId) -> bool {
    header.length > 0
        && header.max_deleted_id != StreamId::MIN
        && header.first_id <= header.max_deleted_id
        && from <= header.max_deleted_id
}

/// How many entries were added up to an id, this one included; -1 if that is not known.
fn entries_before(header: &Header, id: StreamId) -> i64 {
    let (added, length) = (header.entries_added as i64, header.length as i64);
    if added == 0 || header.length == 0 && id <= header.last_id || id == header.last_id {
        return added;
    }
    if id > header.last_id {
        return UNKNOWN;
    }
    if header.max_deleted_id == StreamId::MIN || header.max_deleted_id < header.first_id {
        if id < header.first_id {
            return added.wrapping_sub(length);
        }
        if id == header.first_id {
            return added.wrapping_sub(length).wrapping_add(1);
        }
    }
    UNKNOWN
}
