//! A sequence of byte strings in one: how small collections, and the parts of larger ones, are written down.
//!
//! Each string has its length before it, as a LEB128 number: one byte below 128, two below 16384. There is no count: the
//! sequence ends where the bytes do. On disk: changing it needs a new format version.

/// Bytes of the longest length that is read.
const LENGTH_BYTES_MAX: usize = 5;

/// Appends one string to a sequence.
pub fn push(into: &mut Vec<u8>, bytes: &[u8]) {
    push_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// What [`push`] adds to a sequence, in bytes.
pub fn packed_len(len: usize) -> usize {
    number_len(len as u64) + len
}

/// What [`push_number`] adds to a sequence, in bytes.
pub fn number_len(number: u64) -> usize {
    let bits = u64::BITS - number.leading_zeros();
    (bits.max(1) as usize).div_ceil(7)
}

/// Appends a LEB128 number.
pub fn push_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// The LEB128 number at a place, and the place behind it.
#[inline]
pub fn number_at(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    // Numbers of rows have two bytes as often as one.
    let second = *bytes.get(at + 1)?;
    if second < 0x80 {
        return Some((u64::from(first & 0x7f) | u64::from(second) << 7, at + 2));
    }
    let mut rest = bytes.get(at..)?;
    let number = take_long_number(&mut rest)?;
    Some((number, bytes.len() - rest.len()))
}

/// Takes a LEB128 number from the front.
#[inline]
pub fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    // Nearly all of them are lengths and counts of one byte.
    match bytes.split_first()? {
        (&byte, rest) if byte < 0x80 => {
            *bytes = rest;
            Some(u64::from(byte))
        }
        _ => take_long_number(bytes),
    }
}

fn take_long_number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0u64, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift).filter(|&part| part >> shift == u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

/// The strings of a sequence, in order. Ends early, with [`Strings::is_whole`] false, where the bytes make no sense.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
    broken: bool,
}

/// The strings of a sequence.
pub fn strings(bytes: &[u8]) -> Strings<'_> {
    Strings { rest: bytes, broken: false }
}

impl<'a> Strings<'a> {
    /// False once something was met that is no sequence.
    pub fn is_whole(&self) -> bool {
        !self.broken
    }

    /// What comes after the strings taken so far.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        let len = usize::try_from(take_number(&mut rest)?).ok()?;
        if self.rest.len() - rest.len() > LENGTH_BYTES_MAX || len > rest.len() {
            return None;
        }
        let (string, rest) = rest.split_at(len);
        self.rest = rest;
        Some(string)
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() || self.broken {
            return None;
        }
        let taken = self.take();
        self.broken = taken.is_none();
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_layout() {
        let mut bytes = Vec::new();
        push(&mut bytes, b"ab");
        push(&mut bytes, b"");
        push(&mut bytes, &[7; 200]);
        assert_eq!(&bytes[..6], b"\x02ab\x00\xc8\x01");
        assert_eq!(bytes.len(), packed_len(2) + packed_len(0) + packed_len(200));
    }

    #[test]
    fn what_is_no_sequence_ends_early_and_says_so() {
        for bytes in [&b"\x03ab"[..], b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
            let mut strings = strings(bytes);
            assert_eq!(strings.by_ref().count(), 0);
            assert!(!strings.is_whole());
        }
    }

    proptest! {
        #[test]
        fn a_sequence_reads_back(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let mut bytes = Vec::new();
            all.iter().for_each(|string| push(&mut bytes, string));
            prop_assert_eq!(bytes.len(), all.iter().map(|string| packed_len(string.len())).sum::<usize>());
            let mut read = strings(&bytes);
            prop_assert_eq!(read.by_ref().map(<[u8]>::to_vec).collect::<Vec<_>>(), all);
            prop_assert!(read.is_whole());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            strings(&bytes).for_each(drop);
        }
    }
}
