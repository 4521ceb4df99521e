//! Ziplists: what Redis had before listpacks. Only read.
//!
//! | part     | bytes | what                                                                       |
//! |----------|-------|----------------------------------------------------------------------------|
//! | size     | 4     | of the whole, little-endian                                                |
//! | tail     | 4     | where the last element begins, little-endian                               |
//! | count    | 2     | of elements, little-endian; 65535: not known                               |
//! | elements | …     | each the length of the one before it (1, or `fe` and 4), encoding and data |
//! | end      | 1     | `ff`                                                                       |

use super::entry::{Entry, Visit};
use super::listpack::signed;
use super::{Error, Result};

const HEADER_LEN: usize = 10;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 0xff;
/// Announces a length of four bytes.
const LONG_LENGTH: u8 = 0xfe;

/// Visits all elements.
pub(super) fn visit(bytes: &[u8], visit: &mut Visit<'_>) -> Result<()> {
    let (header, mut rest) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Error::Format)?;
    let [s0, s1, s2, s3, t0, t1, t2, t3, c0, c1] = *header;
    let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
    let tail = u32::from_le_bytes([t0, t1, t2, t3]) as usize;
    let count = u16::from_le_bytes([c0, c1]);
    if size != bytes.len() {
        return Err(Error::Format);
    }
    let (mut seen, mut before_len, mut last) = (0, 0, HEADER_LEN);
    loop {
        if rest == [END] {
            break;
        }
        last = size - rest.len();
        let (before, after) = length_before(rest).ok_or(Error::Format)?;
        let (entry, after) = decode(after).ok_or(Error::Format)?;
        if before != before_len {
            return Err(Error::Format);
        }
        before_len = rest.len() - after.len();
        rest = after;
        seen += 1;
        visit(entry)?;
    }
    let is_complete = count == COUNT_UNKNOWN || usize::from(count) == seen;
    if is_complete && tail == last { Ok(()) } else { Err(Error::Format) }
}

fn length_before(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&LONG_LENGTH, rest) => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            Some((u32::from_le_bytes(*len) as usize, rest))
        }
        (&END, _) => None,
        (&len, rest) => Some((usize::from(len), rest)),
    }
}

/// The element at the beginning, and what follows it.
fn decode(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (len, rest) = match first {
        0..0x40 => (usize::from(first), rest),
        0x40..0x80 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(first & 0x3f) << 8 | usize::from(low), rest)
        }
        0x80 => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_be_bytes(*len) as usize, rest)
        }
        0xc0 => return integer::<2>(rest),
        0xd0 => return integer::<4>(rest),
        0xe0 => return integer::<8>(rest),
        0xf0 => return integer::<3>(rest),
        0xfe => return integer::<1>(rest),
        0xf1..=0xfd => return Some((Entry::Integer(i64::from(first & 0x0f) - 1), rest)),
        _ => return None,
    };
    let (string, rest) = rest.split_at_checked(len)?;
    Some((Entry::Bytes(string), rest))
}

fn integer<const N: usize>(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (integer, rest) = bytes.split_first_chunk::<N>()?;
    Some((Entry::Integer(signed(*integer)), rest))
}
