//! Zipmaps: what Redis kept small hashes in before version 2.6. Only read.
//!
//! | part   | bytes | what                                                                                    |
//! |--------|-------|-----------------------------------------------------------------------------------------|
//! | count  | 1     | of fields; 254 and above: not known                                                     |
//! | fields | …     | each: length (1, or `fe` and 4), name, length, unused (1), value, so many unused bytes  |
//! | end    | 1     | `ff`                                                                                    |

use super::entry::{Entry, Visit};
use super::{Error, Result};

const END: u8 = 0xff;
/// Announces a length of four bytes; as a count, it says that the count is not known.
const LONG_LENGTH: u8 = 0xfe;

/// Visits all names and values in turn.
pub(super) fn visit(bytes: &[u8], visit: &mut Visit<'_>) -> Result<()> {
    let (&count, mut rest) = bytes.split_first().ok_or(Error::Format)?;
    let mut seen = 0;
    while rest != [END] {
        let (name, after) = length(rest).and_then(|(len, rest)| rest.split_at_checked(len)).ok_or(Error::Format)?;
        let (value, after) = value(after).ok_or(Error::Format)?;
        visit(Entry::Bytes(name))?;
        visit(Entry::Bytes(value))?;
        rest = after;
        seen += 1;
    }
    if count >= LONG_LENGTH || usize::from(count) == seen { Ok(()) } else { Err(Error::Format) }
}

fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = length(bytes)?;
    let (&unused, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(len)?;
    let (_, rest) = rest.split_at_checked(usize::from(unused))?;
    Some((value, rest))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&LONG_LENGTH, rest) => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            Some((u32::from_le_bytes(*len) as usize, rest))
        }
        (&END, _) => None,
        (&len, rest) => Some((usize::from(len), rest)),
    }
}
