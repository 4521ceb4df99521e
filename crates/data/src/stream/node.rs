//! How Redis would divide a stream into nodes: an account, as nothing is stored that way.
//!
//! Redis packs so many entries, or so many bytes of them, into one listpack, and trims whole listpacks where a client said `~`. Clients
//! see that by what is left, so the sizes are reckoned as a listpack has them: each string and number with its length before
//! and behind it, the names of fields only once where they are those of the node's first entry.

use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use crate::keyspace::Encodings;

use super::id::StreamId;
use super::layout::Node;

/// Bytes of an empty listpack: its header, and its end.
const LISTPACK_BYTES: u64 = 7;
/// The longest listpack, in bytes.
const LISTPACK_BYTES_MAX: u64 = 1 << 30;
/// Strings above this length are no integers.
const INTEGER_TEXT_MAX: usize = 20;

/// When a node is full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    bytes_max: u64,
    entries_max: u64,
}

impl Limits {
    /// What the options say.
    pub fn of(encodings: &Encodings) -> Limits {
        let bytes_max = encodings.stream_node_max_bytes.load(Ordering::Relaxed);
        let entries_max = encodings.stream_node_max_entries.load(Ordering::Relaxed);
        Limits {
            bytes_max: if bytes_max == 0 { LISTPACK_BYTES_MAX } else { bytes_max.min(LISTPACK_BYTES_MAX) },
            // The counts have 32 bits.
            entries_max: if entries_max == 0 { u64::from(u32::MAX) } else { entries_max.min(u64::from(u32::MAX)) },
        }
    }
}

impl Node {
    /// A node that begins with an entry.
    pub fn begin(id: StreamId, fields: &[&[u8]]) -> Node {
        let names = fields.iter().step_by(2);
        let bytes = LISTPACK_BYTES
            + integer_len((fields.len() / 2) as i64)
            + names.map(|name| string_len(name)).sum::<u64>()
            + integer_len(0);
        let mut node = Node { first: id, last: id, live: 0, deleted: 0, bytes, fields: hash(fields) };
        node.push(id, fields);
        node
    }

    /// True if an entry has no room in it.
    pub fn is_full(&self, fields: &[&[u8]], limits: &Limits) -> bool {
        let added: u64 = fields.iter().map(|string| string.len() as u64).sum();
        let bytes = self.bytes + integer_len(i64::from(self.live)) + integer_len(i64::from(self.deleted));
        bytes + added >= limits.bytes_max || u64::from(self.live) + u64::from(self.deleted) >= limits.entries_max
    }

    /// Takes in an entry behind its last one.
    pub fn push(&mut self, id: StreamId, fields: &[&[u8]]) {
        let pairs = (fields.len() / 2) as i64;
        let strings = |of: &[&[u8]], from: usize, step: usize| -> u64 {
            of.iter().skip(from).step_by(step).map(|string| string_len(string)).sum()
        };
        let (numbers, strings) = if hash(fields) == self.fields {
            (integer_len(pairs + 3), strings(fields, 1, 2))
        } else {
            (integer_len(pairs) + integer_len(2 * pairs + 4), strings(fields, 0, 1))
        };
        let flags = integer_len(0);
        // Differences that do not fit wrap, as they do in Redis.
        let ms = integer_len(id.ms.wrapping_sub(self.first.ms) as i64);
        let seq = integer_len(id.seq.wrapping_sub(self.first.seq) as i64);
        self.bytes += flags + ms + seq + numbers + strings;
        self.live += 1;
        self.last = id;
    }

    /// Takes out so many of its entries.
    pub fn delete(&mut self, count: u32) {
        self.live = self.live.saturating_sub(count);
        self.deleted = self.deleted.saturating_add(count);
    }
}

/// Tells apart which names the fields of an entry have.
fn hash(fields: &[&[u8]]) -> u64 {
    if let [name, _] = fields {
        return xxh3_64(name);
    }
    let mut names = Vec::with_capacity(fields.iter().step_by(2).map(|name| name.len() + 8).sum());
    for name in fields.iter().step_by(2) {
        names.extend_from_slice(&(name.len() as u64).to_be_bytes());
        names.extend_from_slice(name);
    }
    xxh3_64(&names)
}

/// What a string takes in a listpack, which writes those that look like integers as such.
fn string_len(string: &[u8]) -> u64 {
    if string.len() <= INTEGER_TEXT_MAX
        && let Some(value) = crate::integer::parse(string)
    {
        return integer_len(value);
    }
    let len = string.len() as u64;
    with_length_behind(
        len + match len {
            0..64 => 1,
            64..4096 => 2,
            _ => 5,
        },
    )
}

/// What an integer takes in a listpack.
fn integer_len(value: i64) -> u64 {
    with_length_behind(match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    })
}

fn with_length_behind(len: u64) -> u64 {
    len + match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn sizes_are_those_of_a_listpack() {
        for (value, len) in [(0, 2), (127, 2), (128, 3), (-1, 3), (4095, 3), (4096, 4), (40_000, 5), (1 << 40, 10)] {
            assert_eq!(integer_len(value), len, "{value}");
        }
        for (len, expected) in [(0, 2), (63, 65), (64, 67), (126, 130), (200, 204), (4096, 4103)] {
            assert_eq!(string_len(&vec![b'x'; len]), expected, "{len}");
        }
        assert_eq!(string_len(b"12"), 2);
        assert_eq!(string_len(b"012"), 5);
    }

    #[test]
    fn names_of_fields_count_once() {
        let first: [&[u8]; 2] = [b"item", b"1"];
        let mut node = Node::begin(id(5, 0), &first);
        // Header and end, one field, its name, the end of the names; flags, two differences, the value, its length.
        assert_eq!(node.bytes, 7 + 2 + 6 + 2 + 2 + 2 + 2 + 2 + 2);
        let before = node.bytes;
        node.push(id(5, 1), &first);
        assert_eq!(node.bytes - before, 10);
        let before = node.bytes;
        node.push(id(5, 2), &[b"other", b"1"]);
        assert_eq!(node.bytes - before, 2 + 2 + 2 + 2 + 7 + 2 + 2);
        assert_eq!((node.live, node.deleted, node.last), (3, 0, id(5, 2)));
    }

    #[test]
    fn a_node_is_full_of_bytes_or_of_entries() {
        let fields: [&[u8]; 2] = [b"f", b"v"];
        let limits = |bytes_max, entries_max| Limits { bytes_max, entries_max };
        let mut node = Node::begin(id(1, 0), &fields);
        assert!(!node.is_full(&fields, &limits(4096, 2)));
        node.push(id(2, 0), &fields);
        assert!(node.is_full(&fields, &limits(4096, 2)));
        node.delete(1);
        assert!(node.is_full(&fields, &limits(4096, 2)), "those taken out count");
        let bytes = node.bytes + 4;
        assert!(node.is_full(&fields, &limits(bytes + 2, 100)));
        assert!(!node.is_full(&fields, &limits(bytes + 3, 100)));
    }
}
