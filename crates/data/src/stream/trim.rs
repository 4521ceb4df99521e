//! Taking entries out: single ones, and the oldest.

use engine::{Direction, Family};

use crate::error::Result;
use crate::tx::Tx;
use crate::view::View;

use super::id::StreamId;
use super::layout::{self, Node};
use super::{Progress, Stream, runs};

/// Entries that one command deletes one by one; more are left to the background, so that the batch stays small.
const DELETES_MAX: u64 = 4096;

/// What a trimmed stream keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So many of the newest.
    Length(u64),
    /// Those from an id on.
    Id(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    /// To what.
    pub to: Bound,
    /// Only whole nodes are taken out (`~`).
    pub approximate: bool,
    /// Nodes are taken out as long as there are no more entries in them than this; 0: all that there are.
    pub limit: u64,
}

/// The nodes that go, from the first one on.
#[derive(Default)]
struct Whole {
    /// Nodes.
    nodes: u64,
    /// Live entries in them.
    entries: u64,
    /// The greatest id that was in them.
    last: StreamId,
    /// Those of them that have records, unless there are too many entries to delete them one by one.
    records: Vec<StreamId>,
    /// The first node that stays. None: all go.
    next: Option<Node>,
}

/// Takes out the oldest entries. Returns how many.
pub fn trim(tx: &mut Tx<'_>, stream: &mut Stream, trim: &Trim) -> Result<u64> {
    if is_within(stream, trim) {
        return Ok(0);
    }
    let whole = whole_nodes(&tx.view(), stream, trim)?;
    let (mut removed, mut first_left) = (whole.entries, None);
    if whole.nodes > 0 {
        first_left = remove_nodes(tx, stream, &whole)?;
    }
    if let Some(node) = whole.next
        && !trim.approximate
    {
        let (oldest, left) = remove_oldest(tx, stream, node, trim.to)?;
        removed += oldest;
        first_left = left.or(first_left);
    }
    match (first_left, whole.next) {
        _ if removed == 0 => {}
        (Some(id), _) if stream.header.length > 0 => stream.header.first_id = id,
        (_, next) => update_first_id(&tx.view(), stream, next.map_or(StreamId::MAX, |node| node.first))?,
    }
    Ok(removed)
}

/// Takes out single entries. Returns how many were there.
pub fn delete(tx: &mut Tx<'_>, stream: &mut Stream, ids: &[StreamId]) -> Result<u64> {
    let (first_id, mut removed) = (stream.header.first_id, 0);
    for &id in ids {
        if !stream.has(&tx.view(), id)? {
            continue;
        }
        tx.remove_part(stream.parts, &layout::entry_suffix(id));
        remove_from_node(tx, stream, id)?;
        stream.header.length = stream.header.length.saturating_sub(1);
        stream.header.max_deleted_id = stream.header.max_deleted_id.max(id);
        removed += 1;
    }
    if removed > 0 {
        runs::forget(tx, stream);
    }
    if removed > 0 && (stream.header.length == 0 || ids.contains(&first_id)) {
        update_first_id(&tx.view(), stream, first_id)?;
    }
    Ok(removed)
}

/// True if there is nothing to trim, as far as the header tells: a new entry of a stream that is trimmed each time costs
/// no read.
fn is_within(stream: &Stream, trim: &Trim) -> bool {
    let header = &stream.header;
    let Some(first) = header.head.or(header.tail) else { return true };
    let is_below = match trim.to {
        Bound::Length(max) => header.length <= max,
        Bound::Id(id) => id <= header.first_id,
    };
    !trim.takes(&first, header.length, 0) && (trim.approximate || is_below)
}

impl Trim {
    /// True if a node goes as a whole, which is the first of a stream of so many entries, where so many have gone before.
    fn takes(&self, node: &Node, length: u64, gone: u64) -> bool {
        let entries = u64::from(node.live);
        let fits = self.limit == 0 || gone + entries <= self.limit;
        fits && match self.to {
            Bound::Length(max) => length > max && length.saturating_sub(entries) >= max,
            Bound::Id(id) => node.last < id,
        }
    }
}

/// Which nodes go as a whole.
fn whole_nodes(view: &View<'_>, stream: &Stream, trim: &Trim) -> Result<Whole> {
    let (header, mut whole) = (&stream.header, Whole::default());
    let mut take = |node: &Node, is_record: bool| {
        if !trim.takes(node, header.length.saturating_sub(whole.entries), whole.entries) {
            whole.next = Some(*node);
            return false;
        }
        whole.nodes += 1;
        whole.entries += u64::from(node.live);
        whole.last = node.last;
        if is_record && whole.entries <= DELETES_MAX {
            whole.records.push(node.first);
        }
        true
    };
    if let Some(head) = &header.head {
        if !take(head, false) {
            return Ok(whole);
        }
        let (from, end) = (layout::after_node(head.first), layout::nodes_end());
        let mut cursor = view.records(Family::Elements, stream.parts, &from, Some(&end), Direction::Forward)?;
        while let Some((suffix, value)) = cursor.next()? {
            let node = layout::decode_node(suffix, value).ok_or_else(|| stream.parts.unreadable())?;
            if !take(&node, true) {
                return Ok(whole);
            }
        }
    }
    if let Some(tail) = &header.tail {
        take(tail, false);
    }
    Ok(whole)
}

/// Takes out nodes with their entries. Returns the first entry that is left, if it came across it.
fn remove_nodes(tx: &mut Tx<'_>, stream: &mut Stream, whole: &Whole) -> Result<Option<StreamId>> {
    let (parts, first, mut first_left) = (stream.parts, stream.header.first_id, None);
    if whole.entries > DELETES_MAX {
        tx.sweep_parts(parts, &layout::entry_suffix(first), &layout::after_entry(whole.last));
        if let Some(head) = stream.header.head {
            tx.sweep_parts(parts, &layout::node_suffix(head.first), &layout::after_node(whole.last));
        }
        stream.header.swept_id = stream.header.swept_id.max(whole.last);
    } else {
        let (entries, left) = oldest(&tx.view(), stream, (first, whole.last), u64::MAX)?;
        first_left = left;
        entries.into_iter().for_each(|id| tx.remove_part(parts, &layout::entry_suffix(id)));
        whole.records.iter().for_each(|&first| tx.remove_part(parts, &layout::node_suffix(first)));
    }
    let header = &mut stream.header;
    header.length = header.length.saturating_sub(whole.entries);
    header.nodes = header.nodes.saturating_sub(whole.nodes);
    match whole.next {
        None => (header.nodes, header.tail, header.head) = (0, None, None),
        Some(_) if header.nodes <= 1 => header.head = None,
        Some(next) => begin_with(tx, stream, next),
    }
    Ok(first_left)
}

/// Takes the oldest entries out of the first node, which stays. Returns how many, and the first that is left, if it came across
/// it.
fn remove_oldest(tx: &mut Tx<'_>, stream: &mut Stream, mut node: Node, to: Bound) -> Result<(u64, Option<StreamId>)> {
    let (end, count) = match to {
        Bound::Length(max) => (node.last, stream.header.length.saturating_sub(max)),
        Bound::Id(id) => (id.previous().unwrap_or(StreamId::MIN).min(node.last), u64::MAX),
    };
    if count == 0 {
        return Ok((0, None));
    }
    let (ids, left) = oldest(&tx.view(), stream, (node.first, end), count)?;
    if ids.is_empty() {
        return Ok((0, left));
    }
    let removed = ids.len() as u64;
    ids.into_iter().for_each(|id| tx.remove_part(stream.parts, &layout::entry_suffix(id)));
    node.delete(removed as u32);
    put_node(tx, stream, node);
    stream.header.length = stream.header.length.saturating_sub(removed);
    Ok((removed, left))
}

/// Notes that an entry is gone from its node. A node is gone with its last live entry.
fn remove_from_node(tx: &mut Tx<'_>, stream: &mut Stream, id: StreamId) -> Result<()> {
    let mut node = node_of(&tx.view(), stream, id)?;
    node.delete(1);
    if node.live > 0 {
        put_node(tx, stream, node);
        return Ok(());
    }
    let parts = stream.parts;
    stream.header.nodes = stream.header.nodes.saturating_sub(1);
    let (is_tail, is_head) = (is_same(stream.header.tail, &node), is_same(stream.header.head, &node));
    match (stream.header.nodes, is_tail, is_head) {
        (0, ..) => stream.header.tail = None,
        (1, true, _) => stream.header.tail = stream.header.head.take(),
        (1, false, _) => stream.header.head = None,
        // The one before it is the last now, and may grow again.
        (_, true, _) => {
            let before = node_record(&tx.view(), stream, Direction::Backward)?;
            tx.remove_part(parts, &layout::node_suffix(before.first));
            stream.header.tail = Some(before);
        }
        (_, _, true) => {
            let next = node_record(&tx.view(), stream, Direction::Forward)?;
            begin_with(tx, stream, next);
        }
        _ => tx.remove_part(parts, &layout::node_suffix(node.first)),
    }
    Ok(())
}

/// Makes a node that is neither the first nor the last the first.
fn begin_with(tx: &mut Tx<'_>, stream: &mut Stream, node: Node) {
    tx.remove_part(stream.parts, &layout::node_suffix(node.first));
    stream.header.head = Some(node);
}

fn is_same(node: Option<Node>, other: &Node) -> bool {
    node.is_some_and(|node| node.first == other.first)
}

/// The node of an entry that is there.
fn node_of(view: &View<'_>, stream: &Stream, id: StreamId) -> Result<Node> {
    let header = &stream.header;
    let at_end = header.tail.filter(|tail| id >= tail.first).or(header.head.filter(|head| id <= head.last));
    if let Some(node) = at_end {
        return Ok(node);
    }
    let (from, to) = (layout::node_suffix(StreamId::MIN), layout::after_node(id));
    record_between(view, stream, (&from, &to), Direction::Backward)
}

/// The first or last of the nodes between the first and the last one.
fn node_record(view: &View<'_>, stream: &Stream, direction: Direction) -> Result<Node> {
    let from = stream.header.head.map_or(StreamId::MIN, |head| head.first);
    record_between(view, stream, (&layout::after_node(from), &layout::nodes_end()), direction)
}

fn record_between(view: &View<'_>, stream: &Stream, (from, to): (&[u8], &[u8]), direction: Direction) -> Result<Node> {
    let mut cursor = view.records(Family::Elements, stream.parts, from, Some(to), direction)?;
    let node = cursor.next()?.and_then(|(suffix, value)| layout::decode_node(suffix, value));
    node.ok_or_else(|| stream.parts.unreadable())
}

fn put_node(tx: &mut Tx<'_>, stream: &mut Stream, node: Node) {
    let header = &mut stream.header;
    match (&mut header.tail, &mut header.head) {
        (Some(tail), _) if tail.first == node.first => *tail = node,
        (_, Some(head)) if head.first == node.first => *head = node,
        _ => tx.put_part(stream.parts, &layout::node_suffix(node.first), layout::encode_node(&node)),
    }
}

/// The ids of the first entries of a range, so many of them at most, and the id of the entry that follows them.
fn oldest(
    view: &View<'_>,
    stream: &Stream,
    (from, to): (StreamId, StreamId),
    count: u64,
) -> Result<(Vec<StreamId>, Option<StreamId>)> {
    let (mut ids, mut next) = (Vec::new(), None);
    stream.walk(view, (from, StreamId::MAX), Direction::Forward, &mut Progress::default(), |entry| {
        if entry.id <= to && (ids.len() as u64) < count {
            ids.push(entry.id);
        } else {
            next = Some(entry.id);
        }
        Ok(next.is_none())
    })?;
    Ok((ids, next))
}

/// Finds the first entry anew, which is not below an id.
fn update_first_id(view: &View<'_>, stream: &mut Stream, from: StreamId) -> Result<()> {
    stream.header.first_id = if stream.header.length == 0 {
        StreamId::MIN
    } else {
        stream.first_entry_id(view, from)?.ok_or_else(|| stream.parts.unreadable())?
    };
    Ok(())
}
