//! How a stream lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! The body of the header record, of which there is one per stream, however long it is:
//!
//! | part          | bytes | what                                                                    |
//! |---------------|-------|-------------------------------------------------------------------------|
//! | form          | 1     | 1: what follows; nothing else so far                                    |
//! | length        | 8     | entries                                                                 |
//! | last id       | 16    | the greatest that was ever given, or what `XSETID` said                 |
//! | first id      | 16    | of the first entry; 0-0 without one                                     |
//! | deleted id    | 16    | the greatest that was taken out by `XDEL`                               |
//! | added         | 8     | entries that were ever added                                            |
//! | groups        | 8     | consumer groups                                                         |
//! | next group    | 8     | the number of the next new one                                          |
//! | swept id      | 16    | entries up to here may still lie there, though they are trimmed         |
//! | nodes         | 8     | nodes, see below                                                        |
//! | tail          | 56    | if there is a node: the last, as its first id (16) and its record       |
//! | head          | 56    | if there are several: the first, likewise                               |
//!
//! Everything else lies in `elements`:
//!
//! | record   | suffix of the key                                     | value                                            |
//! |----------|-------------------------------------------------------|--------------------------------------------------|
//! | entry    | 1, id (16)                                            | pairs (LEB128), then field and value of each, packed |
//! | node     | 2, id of its first entry (16)                         | last id (16), live (4), deleted (4), bytes (8), fields (8) |
//! | group    | 3, name                                               | number (8), last id (16), entries read (8), pending (8), consumers (8) |
//! | consumer | 4, number of the group (8), 1, name                   | seen (8), active (8), pending (8)                |
//! | pending  | 4, number of the group (8), 2, id (16)                | delivered at (8), deliveries (8), name of the consumer |
//! | owned    | 4, number of the group (8), 3, length of the consumer's name (4), name, id (16) | empty                  |
//!
//! An id is its time (8) and its number (8), so records come in the order of ids. Groups have numbers, which are never used
//! again, so that all that belongs to one is a single range of keys. Times are Unix ms; entries read and active are -1
//! where they are not known.
//!
//! A *node* is what Redis puts into one listpack: `~` trims whole nodes. Here it is only an account of so many entries. The
//! last node grows with each new entry, and the first is what trimming begins with, so both are kept in the header; only those
//! between have records.
//!
//! On disk: changing any of it needs a new format version. Integers are big-endian.

use super::id::StreamId;

/// The form of the header's body.
const FORM: u8 = 1;
/// Bytes of an id.
const ID_LEN: usize = 16;
/// Bytes of a node's record.
const NODE_LEN: usize = ID_LEN + 4 + 4 + 8 + 8;
/// Bytes of the header's body without nodes.
const HEADER_LEN: usize = 1 + 4 * ID_LEN + 5 * 8;

const ENTRY: u8 = 1;
const NODE: u8 = 2;
const GROUP: u8 = 3;
const OF_GROUP: u8 = 4;
const CONSUMER: u8 = 1;
const PENDING: u8 = 2;
const OWNED: u8 = 3;

/// What the header says of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Entries.
    pub length: u64,
    /// The greatest id that was ever given, or what `XSETID` said.
    pub last_id: StreamId,
    /// Of the first entry; 0-0 without one.
    pub first_id: StreamId,
    /// The greatest id that was taken out by `XDEL`.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
    /// Consumer groups.
    pub groups: u64,
    /// The number of the next new group.
    pub next_group: u64,
    /// Entries up to here may still lie there, though they are trimmed.
    pub swept_id: StreamId,
    /// Nodes.
    pub nodes: u64,
    /// The last node.
    pub tail: Option<Node>,
    /// The first node, if it is not the last.
    pub head: Option<Node>,
}

/// One node: how Redis would pack so many entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id that its first entry had.
    pub first: StreamId,
    /// The id that its last entry had.
    pub last: StreamId,
    /// Entries that are there.
    pub live: u32,
    /// Entries that were taken out.
    pub deleted: u32,
    /// What it takes as a listpack but for these two counts, in bytes.
    pub bytes: u64,
    /// The hash of the names of its first entry's fields.
    pub fields: u64,
}

/// A consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Under which its records lie.
    pub number: u64,
    /// The last entry that was delivered to one of its consumers.
    pub last_id: StreamId,
    /// Entries that it has read, of all that were ever added; -1: not known.
    pub entries_read: i64,
    /// Entries that are delivered and not acknowledged.
    pub pending: u64,
    /// Consumers.
    pub consumers: u64,
}

/// A consumer of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// When it last tried to read or to claim, in Unix ms.
    pub seen_ms: u64,
    /// When it last got an entry, in Unix ms; -1: never.
    pub active_ms: i64,
    /// Entries that it has and did not acknowledge.
    pub pending: u64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// When it was delivered last, in Unix ms.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Who has it.
    pub consumer: &'a [u8],
}

/// Takes fields of fixed widths from the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn id(&mut self) -> Option<StreamId> {
        Some(StreamId { ms: self.u64()?, seq: self.u64()? })
    }

    /// The node that began with an id.
    fn node(&mut self, first: StreamId) -> Option<Node> {
        Some(Node {
            first,
            last: self.id()?,
            live: self.u32()?,
            deleted: self.u32()?,
            bytes: self.u64()?,
            fields: self.u64()?,
        })
    }

    /// A value, if the bytes end here.
    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

fn push_id(bytes: &mut Vec<u8>, id: StreamId) {
    bytes.extend_from_slice(&id.ms.to_be_bytes());
    bytes.extend_from_slice(&id.seq.to_be_bytes());
}

fn push_node(bytes: &mut Vec<u8>, node: &Node) {
    push_id(bytes, node.last);
    bytes.extend_from_slice(&node.live.to_be_bytes());
    bytes.extend_from_slice(&node.deleted.to_be_bytes());
    bytes.extend_from_slice(&node.bytes.to_be_bytes());
    bytes.extend_from_slice(&node.fields.to_be_bytes());
}

/// The body of a stream's header.
pub fn encode_header(header: &Header) -> Vec<u8> {
    let mut body = Vec::with_capacity(HEADER_LEN + 2 * (ID_LEN + NODE_LEN));
    body.push(FORM);
    body.extend_from_slice(&header.length.to_be_bytes());
    push_id(&mut body, header.last_id);
    push_id(&mut body, header.first_id);
    push_id(&mut body, header.max_deleted_id);
    body.extend_from_slice(&header.entries_added.to_be_bytes());
    body.extend_from_slice(&header.groups.to_be_bytes());
    body.extend_from_slice(&header.next_group.to_be_bytes());
    push_id(&mut body, header.swept_id);
    body.extend_from_slice(&header.nodes.to_be_bytes());
    for node in [&header.tail, &header.head].into_iter().flatten() {
        push_id(&mut body, node.first);
        push_node(&mut body, node);
    }
    body
}

/// What the body of a stream's header says.
pub fn decode_header(body: &[u8]) -> Option<Header> {
    let mut reader = Reader(body.strip_prefix(&[FORM])?);
    let mut header = Header {
        length: reader.u64()?,
        last_id: reader.id()?,
        first_id: reader.id()?,
        max_deleted_id: reader.id()?,
        entries_added: reader.u64()?,
        groups: reader.u64()?,
        next_group: reader.u64()?,
        swept_id: reader.id()?,
        nodes: reader.u64()?,
        tail: None,
        head: None,
    };
    if header.nodes > 0 {
        let first = reader.id()?;
        header.tail = Some(reader.node(first)?);
    }
    if header.nodes > 1 {
        let first = reader.id()?;
        header.head = Some(reader.node(first)?);
    }
    reader.end(header)
}

/// The suffix of an entry's key.
pub fn entry_suffix(id: StreamId) -> Vec<u8> {
    id_suffix(&[ENTRY], id)
}

/// The first suffix after an entry's.
pub fn after_entry(id: StreamId) -> Vec<u8> {
    match id.next() {
        Some(next) => entry_suffix(next),
        None => vec![ENTRY + 1],
    }
}

/// The id in the suffix of an entry's key.
pub fn decode_entry_suffix(suffix: &[u8]) -> Option<StreamId> {
    decode_id(suffix.strip_prefix(&[ENTRY])?)
}

/// The suffix of a node's key.
pub fn node_suffix(first: StreamId) -> Vec<u8> {
    id_suffix(&[NODE], first)
}

/// The first suffix after a node's.
pub fn after_node(first: StreamId) -> Vec<u8> {
    first.next().map_or_else(nodes_end, node_suffix)
}

/// The first suffix after all nodes.
pub fn nodes_end() -> Vec<u8> {
    vec![NODE + 1]
}

/// A node's record.
pub fn encode_node(node: &Node) -> Vec<u8> {
    let mut value = Vec::with_capacity(NODE_LEN);
    push_node(&mut value, node);
    value
}

/// The node of a record.
pub fn decode_node(suffix: &[u8], value: &[u8]) -> Option<Node> {
    let mut reader = Reader(value);
    let node = reader.node(decode_id(suffix.strip_prefix(&[NODE])?)?)?;
    reader.end(node)
}

/// The suffix of a group's key.
pub fn group_suffix(name: &[u8]) -> Vec<u8> {
    [&[GROUP], name].concat()
}

/// The first suffix after all groups.
pub fn groups_end() -> Vec<u8> {
    vec![GROUP + 1]
}

/// The name in the suffix of a group's key.
pub fn decode_group_suffix(suffix: &[u8]) -> Option<&[u8]> {
    suffix.strip_prefix(&[GROUP])
}

/// A group's record.
pub fn encode_group(group: &Group) -> Vec<u8> {
    let mut value = Vec::with_capacity(ID_LEN + 4 * 8);
    value.extend_from_slice(&group.number.to_be_bytes());
    push_id(&mut value, group.last_id);
    value.extend_from_slice(&group.entries_read.to_be_bytes());
    value.extend_from_slice(&group.pending.to_be_bytes());
    value.extend_from_slice(&group.consumers.to_be_bytes());
    value
}

/// The group of a record.
pub fn decode_group(value: &[u8]) -> Option<Group> {
    let mut reader = Reader(value);
    let group = Group {
        number: reader.u64()?,
        last_id: reader.id()?,
        entries_read: reader.array().map(i64::from_be_bytes)?,
        pending: reader.u64()?,
        consumers: reader.u64()?,
    };
    reader.end(group)
}

/// Where everything that belongs to a group begins and ends.
pub fn group_range(number: u64) -> (Vec<u8>, Vec<u8>) {
    let end = match number.checked_add(1) {
        Some(next) => of_group(next, &[]),
        None => vec![OF_GROUP + 1],
    };
    (of_group(number, &[]), end)
}

/// The suffix of a consumer's key.
pub fn consumer_suffix(group: u64, name: &[u8]) -> Vec<u8> {
    of_group(group, &[&[CONSUMER], name])
}

/// The first suffix after all consumers of a group.
pub fn consumers_end(group: u64) -> Vec<u8> {
    of_group(group, &[&[CONSUMER + 1]])
}

/// The name in the suffix of the key of a group's consumer.
pub fn decode_consumer_suffix(suffix: &[u8]) -> Option<&[u8]> {
    let (of, name) = suffix.split_first_chunk::<10>()?;
    (of[0] == OF_GROUP && of[9] == CONSUMER).then_some(name)
}

/// A consumer's record.
pub fn encode_consumer(consumer: &Consumer) -> Vec<u8> {
    let mut value = Vec::with_capacity(3 * 8);
    value.extend_from_slice(&consumer.seen_ms.to_be_bytes());
    value.extend_from_slice(&consumer.active_ms.to_be_bytes());
    value.extend_from_slice(&consumer.pending.to_be_bytes());
    value
}

/// The consumer of a record.
pub fn decode_consumer(value: &[u8]) -> Option<Consumer> {
    let mut reader = Reader(value);
    let consumer =
        Consumer { seen_ms: reader.u64()?, active_ms: reader.array().map(i64::from_be_bytes)?, pending: reader.u64()? };
    reader.end(consumer)
}

/// The suffix of the key of a pending entry.
pub fn pending_suffix(group: u64, id: StreamId) -> Vec<u8> {
    id_suffix(&of_group(group, &[&[PENDING]]), id)
}

/// The first suffix after all pending entries of a group.
pub fn pending_end(group: u64) -> Vec<u8> {
    of_group(group, &[&[PENDING + 1]])
}

/// The suffix of the key that names an entry as a consumer's.
pub fn owned_suffix(group: u64, consumer: &[u8], id: StreamId) -> Vec<u8> {
    id_suffix(&owned_prefix(group, consumer), id)
}

/// The first suffix after all entries of a consumer.
pub fn owned_end(group: u64, consumer: &[u8]) -> Vec<u8> {
    // One byte longer than that of the greatest id.
    let mut suffix = owned_suffix(group, consumer, StreamId::MAX);
    suffix.push(0);
    suffix
}

/// The id at the end of the suffix of a pending entry's key, or of one that names an entry as a consumer's.
pub fn decode_last_id(suffix: &[u8]) -> Option<StreamId> {
    suffix.last_chunk::<ID_LEN>().and_then(|id| decode_id(id))
}

/// A pending entry's record.
pub fn encode_pending(pending: &Pending<'_>) -> Vec<u8> {
    let mut value = Vec::with_capacity(2 * 8 + pending.consumer.len());
    value.extend_from_slice(&pending.delivered_ms.to_be_bytes());
    value.extend_from_slice(&pending.deliveries.to_be_bytes());
    value.extend_from_slice(pending.consumer);
    value
}

/// The pending entry of a record.
pub fn decode_pending(value: &[u8]) -> Option<Pending<'_>> {
    let mut reader = Reader(value);
    let (delivered_ms, deliveries) = (reader.u64()?, reader.u64()?);
    Some(Pending { delivered_ms, deliveries, consumer: reader.0 })
}

fn of_group(number: u64, rest: &[&[u8]]) -> Vec<u8> {
    let mut suffix = Vec::with_capacity(1 + 8 + ID_LEN + 1 + rest.iter().map(|part| part.len()).sum::<usize>());
    suffix.push(OF_GROUP);
    suffix.extend_from_slice(&number.to_be_bytes());
    rest.iter().for_each(|part| suffix.extend_from_slice(part));
    suffix
}

fn owned_prefix(group: u64, consumer: &[u8]) -> Vec<u8> {
    // A name that came in a command is shorter than 4 GiB.
    of_group(group, &[&[OWNED], &(consumer.len() as u32).to_be_bytes(), consumer])
}

fn id_suffix(prefix: &[u8], id: StreamId) -> Vec<u8> {
    let mut suffix = Vec::with_capacity(prefix.len() + ID_LEN);
    suffix.extend_from_slice(prefix);
    push_id(&mut suffix, id);
    suffix
}

fn decode_id(bytes: &[u8]) -> Option<StreamId> {
    let mut reader = Reader(bytes);
    let id = reader.id()?;
    reader.end(id)
}
