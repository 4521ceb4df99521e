//! The header record: what a key holds. Pure functions between bytes and structs.
//!
//! | part    | bytes  | present               | what                                                    |
//! |---------|--------|-----------------------|---------------------------------------------------------|
//! | tag     | 1      | always                | bits 0-3 kind, bit 4 EXPIRES, bit 5 PARTS, bit 6 RAW, bit 7 DUE |
//! | expiry  | 8      | if EXPIRES            | Unix time in ms                                         |
//! | due     | 8      | if DUE                | likewise: when the first of its elements expires        |
//! | version | 8      | if PARTS              | where the parts lie in `elements`                       |
//! | slot    | 2      | if PARTS              | likewise                                                |
//! | body    | rest   | always, may be empty  | the kind's own: a string's value, a collection's counts |
//!
//! On disk: changing any of it needs a new format version. Integers are big-endian.

use crate::key::Parts;

const KIND_MASK: u8 = 0x0f;
const EXPIRES: u8 = 0x10;
const PARTS: u8 = 0x20;
const RAW: u8 = 0x40;
const DUE: u8 = 0x80;

/// The data types. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Strings, bitmaps, HyperLogLogs.
    String = 0,
    /// Lists.
    List = 1,
    /// Sets.
    Set = 2,
    /// Sorted sets, geo indexes.
    Zset = 3,
    /// Hashes.
    Hash = 4,
    /// Streams.
    Stream = 5,
}

impl Kind {
    /// The name that `TYPE` replies.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::Zset => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }

    /// True for the types that clients can wait for elements of (`BLPOP`, `BZPOPMIN`, `XREAD`).
    pub const fn is_waited_for(self) -> bool {
        matches!(self, Kind::List | Kind::Zset | Kind::Stream)
    }

    fn from_tag(tag: u8) -> Option<Kind> {
        Some(match tag & KIND_MASK {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::Zset,
            4 => Kind::Hash,
            5 => Kind::Stream,
            _ => return None,
        })
    }
}

/// The header without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The type.
    pub kind: Kind,
    /// A string that was changed in place: never reported as `embstr` or `int`.
    pub raw: bool,
    /// Unix time in ms after which the key is gone.
    pub expire_at_ms: Option<u64>,
    /// Unix time in ms after which the first of its elements is gone, if elements of it expire.
    pub element_expire_at_ms: Option<u64>,
    /// Where the rest of the value lies, if it is not all in the body.
    pub parts: Option<Parts>,
}

impl Meta {
    /// A plain value of a kind.
    pub const fn new(kind: Kind) -> Meta {
        Meta { kind, raw: false, expire_at_ms: None, element_expire_at_ms: None, parts: None }
    }

    /// True if the key is gone at a time. Like Redis: alive through the millisecond it names.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expire_at_ms.is_some_and(|at| now_ms > at)
    }

    /// The record with this header and a body.
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(1 + 8 + 8 + 10 + body.len());
        self.encode_into(&mut record, body);
        record
    }

    /// Makes `record` the record with this header and a body, whatever it was.
    pub fn encode_into(&self, record: &mut Vec<u8>, body: &[u8]) {
        record.clear();
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        record.push(
            self.kind as u8
                | flag(self.expire_at_ms.is_some(), EXPIRES)
                | flag(self.parts.is_some(), PARTS)
                | flag(self.raw, RAW)
                | flag(self.element_expire_at_ms.is_some(), DUE),
        );
        for at in [self.expire_at_ms, self.element_expire_at_ms].into_iter().flatten() {
            record.extend_from_slice(&at.to_be_bytes());
        }
        if let Some(parts) = self.parts {
            record.extend_from_slice(&parts.version.to_be_bytes());
            record.extend_from_slice(&parts.slot.to_be_bytes());
        }
        record.extend_from_slice(body);
    }

    /// The header of a record, and where its body begins.
    pub fn decode(record: &[u8]) -> Option<(Meta, usize)> {
        let (&tag, mut rest) = record.split_first()?;
        let mut meta = Meta { raw: tag & RAW != 0, ..Meta::new(Kind::from_tag(tag)?) };
        if tag & EXPIRES != 0 {
            let (at, after) = rest.split_first_chunk::<8>()?;
            meta.expire_at_ms = Some(u64::from_be_bytes(*at));
            rest = after;
        }
        if tag & DUE != 0 {
            let (at, after) = rest.split_first_chunk::<8>()?;
            meta.element_expire_at_ms = Some(u64::from_be_bytes(*at));
            rest = after;
        }
        if tag & PARTS != 0 {
            let (version, after) = rest.split_first_chunk::<8>()?;
            let (slot, after) = after.split_first_chunk::<2>()?;
            meta.parts = Some(Parts { version: u64::from_be_bytes(*version), slot: u16::from_be_bytes(*slot) });
            rest = after;
        }
        Some((meta, record.len() - rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_records() {
        assert_eq!(Meta::new(Kind::String).encode(b"v"), b"\x00v");
        let full = Meta {
            kind: Kind::Hash,
            raw: true,
            expire_at_ms: Some(0x0102),
            element_expire_at_ms: None,
            parts: Some(Parts { version: 3, slot: 4 }),
        };
        assert_eq!(full.encode(b"b"), b"\x74\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03\0\x04b");
        assert_eq!(Meta::decode(&full.encode(b"b")), Some((full, 19)));
        let due = Meta { element_expire_at_ms: Some(0x05), ..full };
        assert_eq!(due.encode(b"b"), b"\xf4\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x03\0\x04b");
        assert_eq!(Meta::decode(&due.encode(b"b")), Some((due, 27)));
    }

    #[test]
    fn unknown_kinds_and_short_records_are_refused() {
        for record in [&b""[..], b"\x06", b"\x80", b"\x84\0\0", b"\x10\0\0", b"\x20\0\0\0\0\0\0\0\x01"] {
            assert_eq!(Meta::decode(record), None, "{record:?}");
        }
    }
}
