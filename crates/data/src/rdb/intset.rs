//! Intsets: sets of integers in one string.
//!
//! | part    | bytes       | what                                          |
//! |---------|-------------|-----------------------------------------------|
//! | width   | 4           | of each integer: 2, 4 or 8, little-endian     |
//! | count   | 4           | little-endian                                 |
//! | members | count*width | ascending, little-endian                      |

use super::listpack::signed;
use super::{Error, Result};

const HEADER_LEN: usize = 8;

/// The members, ascending.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<i64>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Error::Format)?;
    let [w0, w1, w2, w3, c0, c1, c2, c3] = *header;
    let count = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
    let members = match u32::from_le_bytes([w0, w1, w2, w3]) {
        2 => integers::<2>(rest),
        4 => integers::<4>(rest),
        8 => integers::<8>(rest),
        _ => None,
    };
    members.filter(|members| members.len() == count && members.is_sorted_by(|a, b| a < b)).ok_or(Error::Format)
}

fn integers<const N: usize>(bytes: &[u8]) -> Option<Vec<i64>> {
    let (integers, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| integers.iter().map(|&integer| signed(integer)).collect())
}

/// The intset of members, which are in ascending order.
pub(super) fn encode(members: &[i64]) -> Vec<u8> {
    let fits = |min: i64, max: i64| members.iter().all(|member| (min..=max).contains(member));
    let width = if fits(i64::from(i16::MIN), i64::from(i16::MAX)) {
        2
    } else if fits(i64::from(i32::MIN), i64::from(i32::MAX)) {
        4
    } else {
        8
    };
    let mut bytes = Vec::with_capacity(HEADER_LEN + members.len() * width);
    bytes.extend_from_slice(&(width as u32).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(members.len()).unwrap_or(u32::MAX).to_le_bytes());
    for member in members {
        bytes.extend_from_slice(&member.to_le_bytes()[..width]);
    }
    bytes
}
