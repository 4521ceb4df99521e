//! Streams: nodes of entries that are listpacks, then what the stream remembers, then its consumer groups.
//!
//! A node is named by the ID of its first entry, and its listpack begins with that entry's field names, which the others
//! need not repeat if they have the same.
//!
//! | part of a node | elements                                                                                    |
//! |----------------|---------------------------------------------------------------------------------------------|
//! | master         | entries, deleted ones, number of names, names, 0                                            |
//! | an entry       | flags, ms and sequence less those of the node, then values, or their number and all pairs; at the end how many elements it has |

mod groups;
mod load;
mod save;

pub(super) use load::load;
pub(super) use save::save;

use super::object::StreamId;

/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry has the names of the master.
const SAME_FIELDS: i64 = 2;
/// Bytes of an ID.
const ID_LEN: usize = 16;

/// An ID as it orders nodes: big-endian.
fn encode_id(id: StreamId) -> [u8; ID_LEN] {
    let mut bytes = [0; ID_LEN];
    bytes[..8].copy_from_slice(&id.0.to_be_bytes());
    bytes[8..].copy_from_slice(&id.1.to_be_bytes());
    bytes
}

fn decode_id(bytes: [u8; ID_LEN]) -> StreamId {
    let id = u128::from_be_bytes(bytes);
    ((id >> 64) as u64, id as u64)
}
