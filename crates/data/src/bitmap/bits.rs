//! Counting and finding bits in bytes: pure, a machine word at a time.
//!
//! Bits are numbered as `SETBIT` numbers them: bit 0 is the most significant bit of the first byte. Where the bytes come
//! from, and what lies between them, is the business of the module above.

use std::ops::Range;

/// Bits in a byte, as offsets of bits have it.
pub const BYTE_BITS: u64 = 8;

const WORD_LEN: usize = size_of::<u64>();

/// How many bits are set.
pub fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<WORD_LEN>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many of the bits in a range are set. The range lies within the bytes.
pub fn count_range(bytes: &[u8], range: &Range<u64>) -> u64 {
    let Some(span) = Span::of(range) else { return 0 };
    let whole = &bytes[span.bytes];
    let outside = |byte: Option<&u8>, mask: u8| byte.map_or(0, |byte| u64::from((byte & mask).count_ones()));
    count(whole) - outside(whole.first(), span.before) - outside(whole.last(), span.after)
}

/// The first bit of a range that is set, or clear. The range lies within the bytes.
pub fn find(bytes: &[u8], range: &Range<u64>, set: bool) -> Option<u64> {
    let span = Span::of(range)?;
    let start = span.bytes.start as u64 * BYTE_BITS;
    let (first, rest) = bytes[span.bytes].split_first()?;
    // Whatever is looked for is a one below.
    let flip = if set { 0 } else { u8::MAX };
    let head = (first ^ flip) & !span.before;
    let found = match head {
        0 => BYTE_BITS + first_one(rest, flip)?,
        _ => u64::from(head.leading_zeros()),
    };
    Some(start + found).filter(|&at| at < range.end)
}

fn first_one(bytes: &[u8], flip: u8) -> Option<u64> {
    let (words, rest) = bytes.as_chunks::<WORD_LEN>();
    let wide = u64::from_be_bytes([flip; WORD_LEN]);
    if let Some(index) = words.iter().position(|word| u64::from_be_bytes(*word) != wide) {
        let word = u64::from_be_bytes(words[index]) ^ wide;
        return Some((index * WORD_LEN) as u64 * BYTE_BITS + u64::from(word.leading_zeros()));
    }
    let index = rest.iter().position(|&byte| byte != flip)?;
    let at = words.len() * WORD_LEN + index;
    Some(at as u64 * BYTE_BITS + u64::from((rest[index] ^ flip).leading_zeros()))
}

/// The bytes that a range of bits touches.
struct Span {
    bytes: Range<usize>,
    /// Bits of the first byte that lie before the range.
    before: u8,
    /// Bits of the last byte that lie after it.
    after: u8,
}

impl Span {
    /// None if the range is empty.
    fn of(range: &Range<u64>) -> Option<Span> {
        if range.is_empty() {
            return None;
        }
        let last = range.end - 1;
        Some(Span {
            bytes: (range.start / BYTE_BITS) as usize..(last / BYTE_BITS) as usize + 1,
            before: !(u8::MAX >> (range.start % BYTE_BITS)),
            after: (u8::MAX >> 1) >> (last % BYTE_BITS),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(bytes: &[u8]) -> Vec<bool> {
        (0..bytes.len() * 8).map(|at| bytes[at / 8] & (0x80 >> (at % 8)) != 0).collect()
    }

    /// Bytes that are mostly alike, so that words of zeros and ones occur, and a range in them.
    fn bytes_and_range() -> impl Strategy<Value = (Vec<u8>, Range<u64>)> {
        let byte = prop_oneof![8 => Just(0u8), 8 => Just(0xff), 1 => any::<u8>()];
        let runs = prop::collection::vec((byte, 1usize..40), 0..8);
        let bytes = runs.prop_map(|runs| {
            runs.into_iter().flat_map(|(byte, count)| std::iter::repeat_n(byte, count)).collect::<Vec<u8>>()
        });
        bytes.prop_flat_map(|bytes| {
            let bits = bytes.len() as u64 * 8;
            (Just(bytes), 0..=bits, 0..=bits).prop_map(|(bytes, from, to)| (bytes, from..to))
        })
    }

    proptest! {
        #[test]
        fn counts_are_those_of_bits_looked_at_one_by_one((bytes, range) in bytes_and_range()) {
            let model = naive(&bytes);
            prop_assert_eq!(count(&bytes), model.iter().filter(|bit| **bit).count() as u64);
            let inside = range.clone().filter(|&at| model[at as usize]).count() as u64;
            prop_assert_eq!(count_range(&bytes, &range), inside);
        }

        #[test]
        fn the_first_bit_is_that_of_a_search_one_by_one((bytes, range) in bytes_and_range(), set: bool) {
            let model = naive(&bytes);
            let first = range.clone().find(|&at| model[at as usize] == set);
            prop_assert_eq!(find(&bytes, &range, set), first);
        }
    }

    #[test]
    fn a_search_stops_at_the_end_of_its_range() {
        assert_eq!(find(&[0x00, 0x10], &(0..11), true), None);
        assert_eq!(find(&[0x00, 0x10], &(0..12), true), Some(11));
        assert_eq!(find(&[0xff, 0xff], &(3..16), false), None);
        assert_eq!(find(&[], &(0..0), false), None);
    }
}
