//! Listpacks: small sequences in one string, the compact encoding of Redis 7.
//!
//! | part     | bytes | what                                                                            |
//! |----------|-------|---------------------------------------------------------------------------------|
//! | size     | 4     | of the whole, little-endian                                                     |
//! | count    | 2     | of elements, little-endian; 65535: not known                                    |
//! | elements | …     | each its encoding and data, then the length of both, backwards, 7 bits per byte |
//! | end      | 1     | `ff`                                                                            |

use super::entry::{Entry, Visit};
use super::{Error, Result};

const HEADER_LEN: usize = 6;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 0xff;

const STRING_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// The elements of a listpack, each checked when it is reached.
pub(super) struct Listpack<'b> {
    rest: &'b [u8],
    /// As the header has it.
    count: u16,
    seen: usize,
}

/// Visits all elements.
pub(super) fn visit(bytes: &[u8], visit: &mut Visit<'_>) -> Result<()> {
    let mut listpack = Listpack::open(bytes)?;
    while let Some(entry) = listpack.next()? {
        visit(entry)?;
    }
    Ok(())
}

impl<'b> Listpack<'b> {
    pub(super) fn open(bytes: &'b [u8]) -> Result<Listpack<'b>> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Error::Format)?;
        let (size, count) = header.split_at(4);
        let size = u32::from_le_bytes(size.try_into().map_err(|_| Error::Format)?);
        let count = u16::from_le_bytes(count.try_into().map_err(|_| Error::Format)?);
        match rest.split_last() {
            Some((&END, rest)) if size as usize == bytes.len() => Ok(Listpack { rest, count, seen: 0 }),
            _ => Err(Error::Format),
        }
    }

    /// The next element; None after the last one, if there were as many as the header says.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    pub(super) fn next(&mut self) -> Result<Option<Entry<'b>>> {
        if self.rest.is_empty() {
            let is_complete = self.count == COUNT_UNKNOWN || usize::from(self.count) == self.seen;
            return if is_complete { Ok(None) } else { Err(Error::Format) };
        }
        let (entry, after) = decode(self.rest).ok_or(Error::Format)?;
        let (back, back_len) = back_length(self.rest.len() - after.len());
        self.rest = after.strip_prefix(&back[..back_len]).ok_or(Error::Format)?;
        self.seen += 1;
        Ok(Some(entry))
    }

    /// The next element, which has to be there.
    pub(super) fn expect(&mut self) -> Result<Entry<'b>> {
        self.next()?.ok_or(Error::Format)
    }

    /// The next element, which has to be an integer.
    pub(super) fn expect_integer(&mut self) -> Result<i64> {
        self.expect()?.integer().ok_or(Error::Format)
    }
}

/// The element at the beginning, and what follows it.
fn decode(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (len, rest) = match first {
        0..0x80 => return Some((Entry::Integer(i64::from(first)), rest)),
        0x80..0xc0 => (usize::from(first & 0x3f), rest),
        0xc0..0xe0 => {
            let (&low, rest) = rest.split_first()?;
            let value = i64::from(first & 0x1f) << 8 | i64::from(low);
            // 13 bits, of which the first is the sign.
            return Some((Entry::Integer(if value >= 1 << 12 { value - (1 << 13) } else { value }), rest));
        }
        0xe0..0xf0 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(first & 0x0f) << 8 | usize::from(low), rest)
        }
        STRING_32 => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        INT_16 => return integer::<2>(rest),
        INT_24 => return integer::<3>(rest),
        INT_32 => return integer::<4>(rest),
        INT_64 => return integer::<8>(rest),
        _ => return None,
    };
    let (string, rest) = rest.split_at_checked(len)?;
    Some((Entry::Bytes(string), rest))
}

fn integer<const N: usize>(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (integer, rest) = bytes.split_first_chunk::<N>()?;
    Some((Entry::Integer(signed(*integer)), rest))
}

/// The value of a little-endian integer with its sign.
pub(super) fn signed<const N: usize>(bytes: [u8; N]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(&bytes);
    // The sign comes down with the shift.
    i64::from_le_bytes(wide) >> (64 - 8 * N)
}

/// The length of an element, to be read from its end, and how many bytes that takes. The limits are Redis's, which does not
/// use all of the two to five bytes.
fn back_length(len: usize) -> ([u8; 5], usize) {
    let count = match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    let mut bytes = [0; 5];
    for (at, byte) in bytes[..count].iter_mut().enumerate() {
        let group = (len >> (7 * (count - 1 - at))) & 0x7f;
        *byte = group as u8 | if at == 0 { 0 } else { 0x80 };
    }
    (bytes, count)
}

/// Writes a listpack.
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder { bytes: vec![0; HEADER_LEN], count: 0 }
    }

    /// Its size so far, in bytes, its end included.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 1
    }

    /// Elements so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// An element: as an integer if it is one.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(integer) = crate::integer::parse(bytes) {
            return self.push_integer(integer);
        }
        let start = self.bytes.len();
        let len = bytes.len();
        match len {
            0..0x40 => self.bytes.push(len as u8 | 0x80),
            0x40..0x1000 => self.bytes.extend_from_slice(&(len as u16 | 0xe000).to_be_bytes()),
            _ => {
                self.bytes.push(STRING_32);
                // Callers put longer strings elsewhere.
                self.bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.close(start);
    }

    pub(super) fn push_integer(&mut self, integer: i64) {
        let start = self.bytes.len();
        let wide = integer.to_le_bytes();
        match integer {
            0..0x80 => self.bytes.push(wide[0]),
            -0x1000..0x1000 => self.bytes.extend_from_slice(&[wide[1] & 0x1f | 0xc0, wide[0]]),
            -0x8000..0x8000 => self.tagged(INT_16, &wide[..2]),
            -0x80_0000..0x80_0000 => self.tagged(INT_24, &wide[..3]),
            -0x8000_0000..0x8000_0000 => self.tagged(INT_32, &wide[..4]),
            _ => self.tagged(INT_64, &wide),
        }
        self.close(start);
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(bytes);
    }

    fn close(&mut self, start: usize) {
        let (back, back_len) = back_length(self.bytes.len() - start);
        self.bytes.extend_from_slice(&back[..back_len]);
        self.count += 1;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let size = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[..4].copy_from_slice(&size.to_le_bytes());
        self.bytes[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}
