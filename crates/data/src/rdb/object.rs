//! What a value is, however it is encoded.

/// A value of any of Redis's types.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// Bytes.
    String(Vec<u8>),
    /// Elements, from head to tail.
    List(Vec<Vec<u8>>),
    /// Members, each once, in no particular order.
    Set(Vec<Vec<u8>>),
    /// Members and scores, each member once, in no particular order. No score is NaN.
    Zset(Vec<(Vec<u8>, f64)>),
    /// Fields, each once, in no particular order.
    Hash(Vec<Field>),
    /// Entries and consumer groups.
    Stream(Stream),
}

/// A field of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires, in Unix ms.
    pub expire_at_ms: Option<u64>,
}

/// The ID of a stream's entry: milliseconds and sequence number.
pub type StreamId = (u64, u64);

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Entries, by ascending ID.
    pub entries: Vec<Entry>,
    /// The greatest ID that was ever given. No entry has a greater one.
    pub last_id: StreamId,
    /// The ID of the first entry. (0, 0) if there is none.
    pub first_id: StreamId,
    /// The greatest ID that was deleted.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// Consumer groups, each name once.
    pub groups: Vec<Group>,
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its ID.
    pub id: StreamId,
    /// Names and values, in the order in which they were given.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// The last ID that was delivered.
    pub last_id: StreamId,
    /// How many entries it has read, if that is known.
    pub entries_read: Option<u64>,
    /// Entries delivered and not acknowledged, by ascending ID.
    pub pending: Vec<Pending>,
    /// Consumers, each name once.
    pub consumers: Vec<Consumer>,
}

/// An entry that waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its ID.
    pub id: StreamId,
    /// Whose it is: an index of the group's consumers.
    pub consumer: usize,
    /// When it was last delivered, in Unix ms.
    pub delivered_at_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it last asked for entries, in Unix ms.
    pub seen_at_ms: u64,
    /// When it last got some, in Unix ms, if ever.
    pub active_at_ms: Option<u64>,
}

impl Object {
    /// True for a hash of which a field expires.
    pub fn has_expiring_fields(&self) -> bool {
        matches!(self, Object::Hash(fields) if fields.iter().any(|field| field.expire_at_ms.is_some()))
    }
}
