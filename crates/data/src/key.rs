//! How keys lie on disk: the prefix that all families share, and the slot and hash in it.
//!
//! | part    | bytes | why                                                                          |
//! |---------|-------|------------------------------------------------------------------------------|
//! | space   | 4     | which database; a number that `FLUSHDB` replaces and `SWAPDB` exchanges      |
//! | slot    | 2     | Redis Cluster's slot (CRC16 of the key or its hash tag, modulo 16384)        |
//! | hash    | 4     | of the user key, seeded per database: the order that `SCAN` goes by           |
//! | user key| rest  | as the client sent it                                                        |
//!
//! All integers are big-endian. These layouts are on disk: changing one needs a new format version.
//! Slot and hash together are a position of 46 bits, which fits a `SCAN` cursor: so cursors need no
//! state, and a key that is there throughout cannot be skipped, whatever is written meanwhile.

use engine::RecordKey;

use crate::error::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The number of hash slots, as in Redis Cluster.
pub const SLOT_COUNT: u16 = 16384;
/// Bytes before the user key in a record key.
pub const PREFIX_LEN: usize = 10;
/// Bytes before the suffix in the key of a part: space, slot, version.
pub(crate) const ELEMENT_PREFIX_LEN: usize = 14;
/// Bytes of the space, with which every key begins.
const SPACE_LEN: usize = 4;
/// One more than the greatest position.
pub const POSITION_END: u64 = (SLOT_COUNT as u64) << 32;

static SLOT_CRC: crc::Crc<u16, crc::Table<16>> = crc::Crc::<u16, crc::Table<16>>::new(&crc::CRC_16_XMODEM);

/// The number under which a database's records lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId(pub u32);

/// Where a key stands in the order of its database: slot and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// The slot of a user key: of the part between the first `{` and the next `}`, if there is one and
/// it is not empty.
pub fn slot(user_key: &[u8]) -> u16 {
    let tag = user_key.iter().position(|&b| b == b'{').and_then(|open| {
        let rest = &user_key[open + 1..];
        rest.iter().position(|&b| b == b'}').filter(|&len| len > 0).map(|len| &rest[..len])
    });
    SLOT_CRC.checksum(tag.unwrap_or(user_key)) % SLOT_COUNT
}

/// The position of a user key under a database's seed.
pub fn position(seed: u64, user_key: &[u8]) -> Position {
    let hash = xxh3_64_with_seed(user_key, seed) >> 32;
    Position((u64::from(slot(user_key)) << 32) | hash)
}

/// The record key in `keys`.
pub fn record(space: SpaceId, position: Position, user_key: &[u8]) -> RecordKey {
    let mut key = RecordKey::with_capacity(PREFIX_LEN + user_key.len());
    key.extend_from_slice(&prefix(space, position));
    key.extend_from_slice(user_key);
    key
}

/// The position in a record key.
pub fn position_in(record: &RecordKey) -> Position {
    parse_record(record).map_or(Position(0), |(_, position, _)| position)
}

/// True if `record` is the record key of a user key in a space.
pub(crate) fn is_record_of(record: &[u8], space: SpaceId, user_key: &[u8]) -> bool {
    record.len() == PREFIX_LEN + user_key.len()
        && record[PREFIX_LEN..] == *user_key
        && record[..SPACE_LEN] == space.0.to_be_bytes()
}

/// The first possible record key at or after a position.
pub fn record_bound(space: SpaceId, position: u64) -> Vec<u8> {
    if position >= POSITION_END {
        return space_end(space);
    }
    prefix(space, Position(position)).to_vec()
}

/// The first key after everything of a space.
pub fn space_end(space: SpaceId) -> Vec<u8> {
    match space.0.checked_add(1) {
        Some(next) => next.to_be_bytes().to_vec(),
        None => vec![0xff; PREFIX_LEN + 1],
    }
}

/// The first key of a space.
pub fn space_start(space: SpaceId) -> Vec<u8> {
    space.0.to_be_bytes().to_vec()
}

/// Position and user key of a record key in `keys`.
pub fn parse_record(record: &[u8]) -> Option<(SpaceId, Position, &[u8])> {
    let (space, rest) = record.split_first_chunk::<4>()?;
    let (slot, rest) = rest.split_first_chunk::<2>()?;
    let (hash, user_key) = rest.split_first_chunk::<4>()?;
    let position = (u64::from(u16::from_be_bytes(*slot)) << 32) | u64::from(u32::from_be_bytes(*hash));
    Some((SpaceId(u32::from_be_bytes(*space)), Position(position), user_key))
}

/// The key of a part of a large value or collection in `elements` (or `scores`): space, slot,
/// version, and what tells the parts apart.
pub fn element(space: SpaceId, parts: Parts, suffix: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(ELEMENT_PREFIX_LEN + suffix.len());
    key.extend_from_slice(&element_prefix(space, parts));
    key.extend_from_slice(suffix);
    key
}

/// What the keys of all parts of a value begin with.
pub(crate) fn element_prefix(space: SpaceId, parts: Parts) -> [u8; ELEMENT_PREFIX_LEN] {
    let mut prefix = [0; ELEMENT_PREFIX_LEN];
    prefix[..SPACE_LEN].copy_from_slice(&space.0.to_be_bytes());
    prefix[SPACE_LEN..SPACE_LEN + 2].copy_from_slice(&parts.slot.to_be_bytes());
    prefix[SPACE_LEN + 2..].copy_from_slice(&parts.version.to_be_bytes());
    prefix
}

/// What tells a part from others of its value.
pub(crate) fn element_suffix(element: &[u8]) -> &[u8] {
    element.get(ELEMENT_PREFIX_LEN..).unwrap_or(&[])
}

/// The version of the value that a part belongs to.
pub(crate) fn element_version(element: &[u8]) -> Option<u64> {
    element.get(ELEMENT_PREFIX_LEN - 8..ELEMENT_PREFIX_LEN)?.try_into().ok().map(u64::from_be_bytes)
}

/// The first key after every part of a value.
pub fn element_end(space: SpaceId, parts: Parts) -> Vec<u8> {
    element(space, Parts { version: parts.version.saturating_add(1), ..parts }, &[])
}

/// The key in `expires`: space, time in ms, then the rest of the record key. Ordered by time within a
/// database, so that what is due comes first.
pub fn expiry(record: &[u8], expire_at_ms: u64) -> Vec<u8> {
    let (space, rest) = record.split_at(record.len().min(4));
    let mut key = Vec::with_capacity(record.len() + 8);
    key.extend_from_slice(space);
    key.extend_from_slice(&expire_at_ms.to_be_bytes());
    key.extend_from_slice(rest);
    key
}

/// The first key in `expires` that is due after a time.
pub fn expiry_bound(space: SpaceId, after_ms: u64) -> Vec<u8> {
    let mut key = space_start(space);
    key.extend_from_slice(&after_ms.saturating_add(1).to_be_bytes());
    key
}

/// Time and record key of a key in `expires`.
pub fn parse_expiry(key: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (space, rest) = key.split_first_chunk::<4>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*time), [space, rest].concat()))
}

/// Where the parts of a value lie in `elements`: under a version that is never used again, and the
/// slot that the key had when the value was made. Neither changes when the key is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Unique in the whole database.
    pub version: u64,
    /// The slot at creation.
    pub slot: u16,
}

impl Parts {
    /// The error of a record of the value that is not what its type's layout draws.
    pub(crate) fn unreadable(self) -> Error {
        Error::BadRecord(format!("value of slot {}, version {}", self.slot, self.version))
    }
}

fn prefix(space: SpaceId, position: Position) -> [u8; PREFIX_LEN] {
    let mut bytes = [0; PREFIX_LEN];
    bytes[..SPACE_LEN].copy_from_slice(&space.0.to_be_bytes());
    // The top two bytes of a position are always zero: 14 bits of slot and 32 of hash remain.
    bytes[SPACE_LEN..].copy_from_slice(&position.0.to_be_bytes()[2..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        assert_eq!(slot(b"123456789"), 12739);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), SLOT_CRC.checksum(b"foo{}{bar}") % SLOT_COUNT);
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
    }

    #[test]
    fn record_keys_order_by_position_and_read_back() {
        let at = position(7, b"key");
        let record = record(SpaceId(3), at, b"key");
        assert_eq!(parse_record(&record), Some((SpaceId(3), at, &b"key"[..])));
        let record = record.to_vec();
        assert!(record_bound(SpaceId(3), at.0) <= record);
        assert!(record_bound(SpaceId(3), at.0 + 1) > record);
        assert!(record < space_end(SpaceId(3)));
    }

    #[test]
    fn a_record_key_is_told_from_those_of_other_keys_and_spaces() {
        let record = record(SpaceId(3), position(7, b"key"), b"key");
        assert!(is_record_of(&record, SpaceId(3), b"key"));
        assert!(!is_record_of(&record, SpaceId(4), b"key"));
        for other in [&b"kez"[..], b"ke", b"keys", b""] {
            assert!(!is_record_of(&record, SpaceId(3), other));
        }
    }

    #[test]
    fn golden_layouts() {
        assert_eq!(
            record(SpaceId(1), Position(0x3fff_0102_0304), b"k").as_slice(),
            b"\0\0\0\x01\x3f\xff\x01\x02\x03\x04k"
        );
        let parts = Parts { version: 5, slot: 0x0102 };
        assert_eq!(element(SpaceId(1), parts, b"s"), b"\0\0\0\x01\x01\x02\0\0\0\0\0\0\0\x05s");
        assert_eq!(expiry(b"\0\0\0\x01\x3f\xffhashk", 9), b"\0\0\0\x01\0\0\0\0\0\0\0\x09\x3f\xffhashk");
    }

    #[test]
    fn expiry_keys_read_back() {
        let record = record(SpaceId(1), position(0, b"k"), b"k");
        assert_eq!(parse_expiry(&expiry(&record, 77)), Some((77, record.to_vec())));
    }
}
