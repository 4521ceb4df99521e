//! How a set lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! | form        | header    | body                                                                                      |
//! |-------------|-----------|-------------------------------------------------------------------------------------------|
//! | 1 integers  | no parts  | form (1), then the members in ascending order, 2 bytes each                                |
//! | 2 integers  | no parts  | the same with 4 bytes each                                                                 |
//! | 3 integers  | no parts  | the same with 8 bytes each                                                                 |
//! | 4 strings   | no parts  | form (1), count (2), then the members in the order of insertion, as in `packed`            |
//! | 5 parts     | parts     | form (1), encoding (1), count (8)                                                          |
//!
//! A set in parts has one record per member in `elements`, with the suffix of `members` and an empty value. Integers are
//! in two's complement. On disk: changing any of it needs a new format version. All numbers are big-endian.

/// Bytes of members that lie in a header; a larger set lies in parts. So a change rewrites no more than this.
pub const INLINE_LEN_MAX: usize = 1 << 10;

const FORM_STRINGS: u8 = 4;
const FORM_PARTS: u8 = 5;
/// The forms of integers, and the bytes of one.
const WIDTHS: [(u8, usize); 3] = [(1, 2), (2, 4), (3, 8)];
/// Bytes of the body of a set in parts.
const PARTS_LEN: usize = 1 + 1 + 8;

/// How Redis would keep the set: it goes by numbers and lengths of members, and never back to a more compact one. The
/// numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    /// Few integers.
    Intset = 0,
    /// Few short strings.
    Listpack = 1,
    /// Anything.
    Hashtable = 2,
}

impl Encoding {
    /// What `OBJECT ENCODING` says.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Intset => "intset",
            Encoding::Listpack => "listpack",
            Encoding::Hashtable => "hashtable",
        }
    }

    fn from_tag(tag: u8) -> Option<Encoding> {
        [Encoding::Intset, Encoding::Listpack, Encoding::Hashtable].into_iter().find(|&encoding| encoding as u8 == tag)
    }
}

/// The body of a set's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// All members, in ascending order.
    Integers(Integers<'a>),
    /// All members, in the order of insertion.
    Strings {
        /// How many.
        count: usize,
        /// The members, one after the other.
        packed: &'a [u8],
    },
    /// The members are elsewhere.
    Parts {
        /// How Redis would keep them.
        encoding: Encoding,
        /// How many.
        count: u64,
    },
}

/// Integers in ascending order, all of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integers<'a> {
    width: usize,
    bytes: &'a [u8],
}

impl<'a> Integers<'a> {
    /// How many.
    #[allow(clippy::len_without_is_empty, reason = "a set without members is not there")]
    pub fn len(self) -> usize {
        self.bytes.len() / self.width
    }

    /// The one at an index.
    pub fn get(self, index: usize) -> Option<i64> {
        self.bytes.chunks_exact(self.width).nth(index).map(read)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = i64> + use<'a> {
        self.bytes.chunks_exact(self.width).map(read)
    }

    /// True if a number is among them.
    pub fn contains(self, number: i64) -> bool {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle) {
                Some(found) if found == number => return true,
                Some(found) if found < number => from = middle + 1,
                _ => to = middle,
            }
        }
        false
    }
}

/// A number of 2, 4 or 8 bytes.
fn read(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|&first| first & 0x80 != 0);
    bytes.iter().fold(if is_negative { -1 } else { 0 }, |number, &byte| (number << 8) | i64::from(byte))
}

/// The body of a header.
pub fn decode(body: &[u8]) -> Option<Body<'_>> {
    let (&form, rest) = body.split_first()?;
    if let Some((_, width)) = WIDTHS.into_iter().find(|(of, _)| *of == form) {
        return rest.len().is_multiple_of(width).then_some(Body::Integers(Integers { width, bytes: rest }));
    }
    match form {
        FORM_STRINGS => {
            let (count, packed) = rest.split_first_chunk::<2>()?;
            Some(Body::Strings { count: usize::from(u16::from_be_bytes(*count)), packed })
        }
        FORM_PARTS => {
            let (&tag, count) = rest.split_first()?;
            let count = u64::from_be_bytes(count.try_into().ok()?);
            Some(Body::Parts { encoding: Encoding::from_tag(tag)?, count })
        }
        _ => None,
    }
}

/// What [`encode_integers`] takes for the members of a sorted list, in bytes.
pub fn integers_len(sorted: &[i64]) -> usize {
    sorted.len() * narrowest(sorted).1
}

/// The body of a set of integers, which are in ascending order.
pub fn encode_integers(sorted: &[i64]) -> Vec<u8> {
    let (form, width) = narrowest(sorted);
    let mut body = Vec::with_capacity(1 + sorted.len() * width);
    body.push(form);
    for number in sorted {
        body.extend_from_slice(&number.to_be_bytes()[8 - width..]);
    }
    body
}

/// The form with the least width that holds the first and the last of a sorted list, and so all between.
fn narrowest(sorted: &[i64]) -> (u8, usize) {
    let ends = [sorted.first(), sorted.last()];
    let holds = |width: usize| {
        let unused = 64 - 8 * width as u32;
        ends.iter().flatten().all(|&&number| (number << unused) >> unused == number)
    };
    WIDTHS.into_iter().find(|(_, width)| holds(*width)).unwrap_or(WIDTHS[2])
}

/// The body of a set of so many strings, which are packed. None if there are too many.
pub fn encode_strings(count: usize, packed: &[u8]) -> Option<Vec<u8>> {
    let count = u16::try_from(count).ok()?;
    let mut body = Vec::with_capacity(3 + packed.len());
    body.push(FORM_STRINGS);
    body.extend_from_slice(&count.to_be_bytes());
    body.extend_from_slice(packed);
    Some(body)
}

/// The body of a set in parts.
pub fn encode_parts(encoding: Encoding, count: u64) -> [u8; PARTS_LEN] {
    let mut body = [FORM_PARTS; PARTS_LEN];
    body[1] = encoding as u8;
    body[2..].copy_from_slice(&count.to_be_bytes());
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_layouts() {
        assert_eq!(encode_integers(&[-2, 1, 0x1234]), b"\x01\xff\xfe\x00\x01\x12\x34");
        assert_eq!(encode_integers(&[-32_769, 1]), b"\x02\xff\xff\x7f\xff\0\0\0\x01");
        assert_eq!(encode_integers(&[1 << 31]), b"\x03\0\0\0\0\x80\0\0\0");
        assert_eq!(encode_strings(2, b"\x01a\x00").as_deref(), Some(&b"\x04\0\x02\x01a\x00"[..]));
        assert_eq!(encode_parts(Encoding::Listpack, 0x0102), *b"\x05\x01\0\0\0\0\0\0\x01\x02");
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for body in
            [&b""[..], b"\x00", b"\x06", b"\x01a", b"\x02abc", b"\x04\0", b"\x05\x03\0\0\0\0\0\0\0\0", b"\x05\0"]
        {
            assert_eq!(decode(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_read_back(numbers in prop::collection::btree_set(prop_oneof![any::<i64>(), -40_000i64..40_000], 0..60)) {
            let sorted: Vec<i64> = numbers.iter().copied().collect();
            let body = encode_integers(&sorted);
            prop_assert_eq!(body.len(), 1 + integers_len(&sorted));
            let Some(Body::Integers(read)) = decode(&body) else { panic!("not integers") };
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), sorted);
            prop_assert_eq!(read.len(), numbers.len());
            for number in numbers.iter().flat_map(|&n| [n, n.wrapping_add(1)]) {
                prop_assert_eq!(read.contains(number), numbers.contains(&number));
            }
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(Body::Integers(integers)) = decode(&body) {
                integers.contains(0);
                prop_assert_eq!(integers.iter().count(), integers.len());
            }
        }
    }
}
