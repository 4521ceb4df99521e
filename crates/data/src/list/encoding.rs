//! What Redis 7.2 would keep a list in: one listpack, or a quicklist of them. Only `OBJECT ENCODING` asks.
//!
//! A list begins as a listpack and becomes a quicklist when it outgrows `list-max-listpack-size`; when it has shrunk to half of
//! that, it becomes a listpack again. Redis does the latter only where all elements lie in one node of the quicklist. How they
//! are spread over nodes depends on what happened to the list before; here they count as one node if they fit into one.

use crate::packed;

/// Bytes of a listpack without entries.
const LISTPACK_BYTES: u64 = 7;
/// The size of a node, in bytes, that is not exceeded where its entries are limited by number.
const SAFETY_BYTES: u64 = 8192;
/// Sizes of a node, in bytes, for `list-max-listpack-size` from -1 to -5.
const NODE_BYTES: [u64; 5] = [4096, 8192, 16384, 32768, 65536];
/// What Redis adds to the size of an element when it asks whether a node of a quicklist has room for it, in bytes.
const ENTRY_ESTIMATE_BYTES: u64 = 8;
/// What an entry of a listpack has more than the same string in [`packed`], at most, in bytes.
const ENTRY_MORE_BYTES_MAX: u64 = 3;

/// The limit of one listpack: `list-max-listpack-size`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Bytes(u64),
    Count(u64),
}

impl Limit {
    pub(super) fn new(option: i64) -> Limit {
        match usize::try_from(option) {
            Ok(count) => Limit::Count((count as u64).max(1)),
            Err(_) => {
                let level = usize::try_from(option.unsigned_abs() - 1).unwrap_or(usize::MAX);
                Limit::Bytes(NODE_BYTES[level.min(NODE_BYTES.len() - 1)])
            }
        }
    }

    /// True if a listpack with these entries becomes a quicklist when more are added.
    pub(super) fn outgrown(self, entry_bytes: u64, count: u64) -> bool {
        match self {
            Limit::Bytes(max) => LISTPACK_BYTES + entry_bytes > max,
            Limit::Count(max) => LISTPACK_BYTES + entry_bytes > SAFETY_BYTES || count > max,
        }
    }

    /// True if a quicklist that has shrunk to these entries becomes a listpack.
    pub(super) fn regained(self, entry_bytes: u64, count: u64) -> bool {
        match self {
            Limit::Bytes(max) => LISTPACK_BYTES + entry_bytes <= max / 2,
            Limit::Count(max) => LISTPACK_BYTES + entry_bytes <= SAFETY_BYTES && count <= max / 2,
        }
    }

    /// The most elements with which a list can become a listpack again.
    pub(super) fn regained_count_max(self) -> u64 {
        match self {
            // No entry has fewer than two bytes.
            Limit::Bytes(max) => max / 4,
            Limit::Count(max) => max / 2,
        }
    }

    /// True if a list of these elements that was made at once is a listpack: if they fit into one node.
    pub(super) fn holds(self, entry_bytes: u64, count: u64, last: &[u8]) -> bool {
        let estimate = entry_bytes - entry_len(last) + last.len() as u64 + ENTRY_ESTIMATE_BYTES;
        !self.outgrown(entry_bytes, count) && (count == 1 || !self.outgrown(estimate, count))
    }
}

/// What the entries of an inline list take at most, in bytes.
pub(super) fn entry_bytes_max(packed_len: usize, count: u64) -> u64 {
    packed_len as u64 + ENTRY_MORE_BYTES_MAX * count
}

/// What the entries of packed strings take, in bytes.
pub(super) fn entry_bytes(packed: &[u8]) -> u64 {
    packed::strings(packed).map(entry_len).sum()
}

/// What an element takes as an entry of a listpack, in bytes.
pub(super) fn entry_len(element: &[u8]) -> u64 {
    let encoded = match crate::integer::parse(element) {
        Some(0..=127) => 1,
        Some(-4096..=4095) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None => return string_entry_len(element.len() as u64),
    };
    encoded + 1
}

/// What a string that is no integer takes as an entry, in bytes.
pub(super) fn string_entry_len(len: u64) -> u64 {
    let encoded = match len {
        0..64 => 1 + len,
        64..4096 => 2 + len,
        _ => 5 + len,
    };
    encoded
        + match encoded {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_sizes_of_redis() {
        for (element, len) in [("0", 2), ("127", 2), ("128", 3), ("-1", 3), ("-4097", 4), ("8388607", 5), ("x", 3)] {
            assert_eq!(entry_len(element.as_bytes()), len, "{element}");
        }
        assert_eq!(entry_len(b"2147483647"), 6);
        assert_eq!(entry_len(b"2147483648"), 10);
        assert_eq!(entry_len(b"01"), 4);
        assert_eq!(entry_len(&[b'x'; 63]), 65);
        assert_eq!(entry_len(&[b'x'; 64]), 67);
        assert_eq!(entry_len(&[b'x'; 126]), 130);
        assert_eq!(entry_len(&[b'x'; 5000]), 5007);
    }

    #[test]
    fn a_listpack_grows_to_its_limit_and_comes_back_at_half_of_it() {
        let limit = Limit::new(-2);
        assert!(!limit.outgrown(8185, 1) && limit.outgrown(8186, 1));
        assert!(limit.regained(4089, 1) && !limit.regained(4090, 1));
        let limit = Limit::new(4);
        assert!(!limit.outgrown(100, 4) && limit.outgrown(100, 5) && limit.outgrown(8186, 1));
        assert!(limit.regained(100, 2) && !limit.regained(100, 3));
        assert!(matches!(Limit::new(0), Limit::Count(1)));
        assert!(matches!(Limit::new(-100), Limit::Bytes(65536)));
        assert!(matches!(Limit::new(i64::MIN), Limit::Bytes(65536)));
    }
}
