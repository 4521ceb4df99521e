//! Streams, written: entries are put into nodes as Redis does when they are added one after the other.

use super::super::Limits;
use super::super::listpack::Builder;
use super::super::object::{Entry, Stream, StreamId};
use super::super::writer::Writer;
use super::{SAME_FIELDS, encode_id, groups};

/// The greatest size of a node, whatever the options say, in bytes.
const NODE_BYTES_MAX: u64 = 1 << 30;

/// Writes a stream, without its type.
pub(in super::super) fn save(writer: &mut Writer, stream: &Stream, limits: &Limits) {
    let nodes = nodes(&stream.entries, limits);
    writer.length(nodes.len() as u64);
    for node in nodes {
        writer.string(&encode_id(node[0].id));
        writer.string(&pack(node));
    }
    writer.length(stream.entries.len() as u64);
    for id in [stream.last_id, stream.first_id, stream.max_deleted_id] {
        writer.length(id.0);
        writer.length(id.1);
    }
    writer.length(stream.entries_added);
    groups::save(writer, &stream.groups);
}

/// The entries of each node. None is empty.
fn nodes<'e>(entries: &'e [Entry], limits: &Limits) -> Vec<&'e [Entry]> {
    let bytes_max = match limits.stream_node_bytes {
        0 => NODE_BYTES_MAX,
        bytes => bytes.min(NODE_BYTES_MAX),
    };
    let (mut nodes, mut start, mut node) = (Vec::new(), 0, None::<Builder>);
    for (at, entry) in entries.iter().enumerate() {
        let len: usize = entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let is_full = node.as_ref().is_some_and(|node| {
            let count = (at - start) as u64;
            (node.size() + len + count_growth(count)) as u64 >= bytes_max
                || (limits.stream_node_entries != 0 && count >= limits.stream_node_entries)
        });
        if is_full {
            nodes.push(&entries[start..at]);
            (start, node) = (at, None);
        }
        let first = &entries[start];
        push_entry(node.get_or_insert_with(|| master(first, 0)), first, entry);
    }
    if start < entries.len() {
        nodes.push(&entries[start..]);
    }
    nodes
}

/// By how many bytes a count in the master is longer than the zero that stands there until the node is written.
fn count_growth(count: u64) -> usize {
    match count {
        0..0x80 => 0,
        0x80..0x1000 => 1,
        0x1000..0x8000 => 2,
        _ => 3,
    }
}

/// The listpack of a node's entries.
fn pack(entries: &[Entry]) -> Vec<u8> {
    let first = &entries[0];
    let mut node = master(first, entries.len());
    entries.iter().for_each(|entry| push_entry(&mut node, first, entry));
    node.finish()
}

fn master(first: &Entry, count: usize) -> Builder {
    let mut node = Builder::new();
    node.push_integer(count as i64);
    node.push_integer(0);
    node.push_integer(first.fields.len() as i64);
    first.fields.iter().for_each(|(name, _)| node.push(name));
    node.push_integer(0);
    node
}

fn push_entry(node: &mut Builder, first: &Entry, entry: &Entry) {
    let names = |entry: &'_ Entry| entry.fields.len();
    let is_same = names(first) == names(entry) && first.fields.iter().zip(&entry.fields).all(|(a, b)| a.0 == b.0);
    let before = node.count();
    node.push_integer(if is_same { SAME_FIELDS } else { 0 });
    let (ms, sequence) = less(entry.id, first.id);
    node.push_integer(ms);
    node.push_integer(sequence);
    if !is_same {
        node.push_integer(names(entry) as i64);
    }
    for (name, value) in &entry.fields {
        if !is_same {
            node.push(name);
        }
        node.push(value);
    }
    node.push_integer((node.count() - before) as i64);
}

/// The differences of two IDs. That of the sequences may be negative.
fn less(id: StreamId, from: StreamId) -> (i64, i64) {
    (id.0.wrapping_sub(from.0).cast_signed(), id.1.wrapping_sub(from.1).cast_signed())
}
