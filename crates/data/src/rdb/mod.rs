//! Values in Redis's own format: what `DUMP` replies and `RESTORE` takes.
//!
//! Between bytes and a neutral [`Object`], nothing else: this module knows neither the engine nor how this server keeps
//! values. It reads every value type that Redis wrote up to version 7.2, and the hashes with expiring fields of 7.4; it writes
//! what Redis 7.0 reads, in the encodings that Redis itself would choose.
//!
//! ```text
//! payload = type (1) · value, as in a dump file · version (2, little-endian) · CRC-64 of all before (8, little-endian)
//! ```
//!
//! A payload comes from a client, so nothing in it is believed: a length is compared with the bytes that are there before
//! anything is allocated for it, what a small payload may grow to is limited, and a container whose counts, lengths or offsets
//! contradict each other is refused, as is one that names a member twice.

mod double;
mod entry;
mod intset;
mod listpack;
mod load;
mod lzf;
mod object;
mod quicklist;
mod reader;
mod save;
mod stream;
mod writer;
mod ziplist;
mod zipmap;

#[cfg(test)]
mod tests;

use std::fmt;

pub use object::{Consumer, Entry, Field, Group, Object, Pending, Stream, StreamId};

use reader::Reader;
use writer::Writer;

/// The version of what is written: that of Redis 7.0.
const VERSION: u16 = 10;
/// The version that has hashes with expiring fields, of Redis 7.4; written only for those.
const VERSION_FIELD_EXPIRY: u16 = 12;
/// The latest version that is read.
const VERSION_MAX: u16 = VERSION_FIELD_EXPIRY;
/// Bytes of version and checksum.
const FOOTER_LEN: usize = 10;

static CHECKSUM: crc::Crc<u64, crc::Table<16>> = crc::Crc::<u64, crc::Table<16>>::new(&crc::CRC_64_REDIS);

/// The types of values. The numbers are Redis's.
mod types {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    /// Scores as text.
    pub(super) const ZSET: u8 = 3;
    pub(super) const HASH: u8 = 4;
    /// Scores as binary doubles.
    pub(super) const ZSET_2: u8 = 5;
    pub(super) const HASH_ZIPMAP: u8 = 9;
    pub(super) const LIST_ZIPLIST: u8 = 10;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const ZSET_ZIPLIST: u8 = 12;
    pub(super) const HASH_ZIPLIST: u8 = 13;
    /// Nodes are ziplists.
    pub(super) const LIST_QUICKLIST: u8 = 14;
    pub(super) const STREAM_LISTPACKS: u8 = 15;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const ZSET_LISTPACK: u8 = 17;
    /// Nodes are listpacks or single elements.
    pub(super) const LIST_QUICKLIST_2: u8 = 18;
    /// With what `XINFO` knows of deleted entries and of what groups have read.
    pub(super) const STREAM_LISTPACKS_2: u8 = 19;
    pub(super) const SET_LISTPACK: u8 = 20;
    /// With the time at which a consumer was last active.
    pub(super) const STREAM_LISTPACKS_3: u8 = 21;
    /// As in the release candidates of Redis 7.4: expiry times are absolute.
    pub(super) const HASH_METADATA_PRE_GA: u8 = 22;
    /// As in the release candidates of Redis 7.4: without the least expiry.
    pub(super) const HASH_LISTPACK_EX_PRE_GA: u8 = 23;
    /// Fields may expire.
    pub(super) const HASH_METADATA: u8 = 24;
    /// The same in a listpack of triples.
    pub(super) const HASH_LISTPACK_EX: u8 = 25;
}

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Its version is unknown, or its checksum is not that of its bytes.
    Footer,
    /// Its bytes are no value.
    Format,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Footer => "version or checksum are wrong",
            Error::Format => "not a value",
        })
    }
}

impl std::error::Error for Error {}

type Result<T> = std::result::Result<T, Error>;

/// Up to where values are written in compact encodings, as the options of Redis have it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `rdbcompression`: longer strings are compressed.
    pub compress: bool,
    /// `hash-max-listpack-entries`.
    pub hash_entries: u64,
    /// `hash-max-listpack-value`.
    pub hash_value_bytes: u64,
    /// `list-max-listpack-size`: positive: elements of a node; -1 to -5: its size, 4 KiB to 64 KiB.
    pub list_node_size: i64,
    /// `set-max-intset-entries`.
    pub intset_entries: u64,
    /// `zset-max-listpack-entries`.
    pub zset_entries: u64,
    /// `zset-max-listpack-value`.
    pub zset_value_bytes: u64,
    /// `stream-node-max-bytes`.
    pub stream_node_bytes: u64,
    /// `stream-node-max-entries`.
    pub stream_node_entries: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            compress: true,
            hash_entries: 512,
            hash_value_bytes: 64,
            list_node_size: -2,
            intset_entries: 512,
            zset_entries: 128,
            zset_value_bytes: 64,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// The payload of a value.
pub fn dump(object: &Object, limits: &Limits) -> Vec<u8> {
    let mut writer = Writer::new(limits.compress);
    let version = if object.has_expiring_fields() { VERSION_FIELD_EXPIRY } else { VERSION };
    save::save(&mut writer, object, limits);
    let mut payload = writer.into_bytes();
    payload.extend_from_slice(&version.to_le_bytes());
    let checksum = CHECKSUM.checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The value of a payload.
pub fn restore(payload: &[u8]) -> Result<Object> {
    read(body(payload)?)
}

/// Type and value of a payload, its footer checked and taken off.
pub fn body(payload: &[u8]) -> Result<&[u8]> {
    let Some(body_len) = payload.len().checked_sub(FOOTER_LEN) else { return Err(Error::Footer) };
    let (checked, checksum) = payload.split_last_chunk::<8>().ok_or(Error::Footer)?;
    let (_, version) = checked.split_last_chunk::<2>().ok_or(Error::Footer)?;
    let is_known = u16::from_le_bytes(*version) <= VERSION_MAX;
    if !is_known || CHECKSUM.checksum(checked) != u64::from_le_bytes(*checksum) {
        return Err(Error::Footer);
    }
    Ok(&payload[..body_len])
}

/// The value of a payload without its footer. Like Redis, it does not mind what follows the value.
pub fn read(body: &[u8]) -> Result<Object> {
    load::load(&mut Reader::new(body))
}
