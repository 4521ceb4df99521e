//! Adding entries, and setting what a stream thinks its last id was.

use crate::error::Result;
use crate::packed;
use crate::tx::Tx;

use super::id::StreamId;
use super::layout::{self, Group, Node};
use super::node::Limits;
use super::{Stream, group, runs};

/// Which id a new entry gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The time of the command, or what follows the last id.
    Auto,
    /// The next one of a time.
    At(u64),
    /// Just this.
    Exactly(StreamId),
}

/// The id of a new entry; None if it would not be greater than all that there were.
pub fn next_id(stream: &Stream, new_id: NewId, now_ms: u64) -> Option<StreamId> {
    let last = stream.header.last_id;
    let id = match new_id {
        NewId::Auto if now_ms > last.ms => StreamId { ms: now_ms, seq: 0 },
        NewId::Auto => last.next()?,
        NewId::At(ms) if ms == last.ms => StreamId { ms, seq: last.seq.checked_add(1)? },
        NewId::At(ms) => StreamId { ms, seq: 0 },
        NewId::Exactly(id) => id,
    };
    (id > last).then_some(id)
}

/// Adds an entry: fields and values in turn. Its id is greater than all before.
pub fn add(tx: &mut Tx<'_>, stream: &mut Stream, id: StreamId, fields: &[&[u8]]) {
    let limits = Limits::of(&tx.keyspace().settings.encodings);
    let len: usize = fields.iter().map(|string| packed::packed_len(string.len())).sum();
    let mut value = Vec::with_capacity(len + 2);
    packed::push_number(&mut value, (fields.len() / 2) as u64);
    fields.iter().for_each(|string| packed::push(&mut value, string));
    tx.put_part(stream.parts, &layout::entry_suffix(id), value);

    let header = &mut stream.header;
    match &mut header.tail {
        Some(tail) if !tail.is_full(fields, &limits) => tail.push(id, fields),
        tail => {
            match tail.replace(Node::begin(id, fields)) {
                Some(full) if header.head.is_none() => header.head = Some(full),
                Some(full) => {
                    tx.put_part(stream.parts, &layout::node_suffix(full.first), layout::encode_node(&full));
                }
                None => {}
            }
            header.nodes += 1;
        }
    }
    header.length += 1;
    header.entries_added = header.entries_added.wrapping_add(1);
    header.last_id = id;
    if header.length == 1 {
        header.first_id = id;
    }
}

/// Sets the last id. No entry has a greater one.
///
/// If that opens the way to ids whose entries were trimmed and not yet swept away, the stream moves to a new place: it has no
/// entries then.
pub fn set_last_id(tx: &mut Tx<'_>, key: &[u8], stream: &mut Stream, id: StreamId) -> Result<()> {
    runs::forget(tx, stream);
    if id < stream.header.swept_id && stream.header.length == 0 {
        let new = tx.new_parts(key);
        let mut groups: Vec<(Vec<u8>, Group)> = Vec::new();
        group::walk_groups(&tx.view(), stream, |name, group| {
            groups.push((name.to_vec(), group));
            Ok(())
        })?;
        for (name, group) in groups {
            group::move_records(tx, stream.parts, new, group.number)?;
            tx.put_part(new, &layout::group_suffix(&name), layout::encode_group(&group));
        }
        stream.parts = new;
        stream.meta.parts = Some(new);
        stream.header.swept_id = StreamId::MIN;
        // Nodes without a live entry.
        (stream.header.nodes, stream.header.tail, stream.header.head) = (0, None, None);
    }
    stream.header.last_id = id;
    Ok(())
}
