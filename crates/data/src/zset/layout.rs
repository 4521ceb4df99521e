//! How a sorted set lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! | form   | header                                        | where the members are                          |
//! |--------|-----------------------------------------------|------------------------------------------------|
//! | inline | no parts, body: 0, then entries               | in the header, in their order                  |
//! | large  | parts, body: 1 or 2, then the shape (below)   | in `elements` by hash, in `scores` in order    |
//!
//! An entry is a string of [`crate::packed`]: the place (8) and the member. The *place* of a score is 64 bits that order as
//! scores do; -0 has that of 0. An inline set is a `listpack` to Redis, and so is a large one whose body begins with 1.
//!
//! | shape  | bytes | what                                                                          |
//! |--------|-------|-------------------------------------------------------------------------------|
//! | count  | 8     | members                                                                       |
//! | height | 1     | levels of the counted index                                                   |
//! | low    | 8     | a place that no member's is below: a walk from the front begins here           |
//! | high   | 8     | a place that no member's is above                                             |
//!
//! | family     | suffix                              | value                                          |
//! |------------|-------------------------------------|------------------------------------------------|
//! | `elements` | hash (4), member: [`crate::members`]| score (8), a double's bits                     |
//! | `scores`   | 0, place (8), member: a *row*       | empty, or `-` if the score is -0               |
//! | `scores`   | level (1), boundary: a *node*       | how many children (1), then the children       |
//!
//! A child of a node is its boundary, a string of [`crate::packed`], and how many rows it has, as LEB128. What nodes are for is
//! said in the module `rank`.
//!
//! On disk: changing any of it needs a new format version. Integers are big-endian.

use std::ops::Range;

use crate::packed;

// By its path, as the fuzz targets have this file by its own.
#[path = "layout/search.rs"]
mod search;

pub use search::{Turn, run_rows_below, way_to_rank, way_to_row};

/// The longest body of a set that lies in its header, in bytes.
pub const INLINE_LEN_MAX: usize = 1024;
/// The tag of rows in `scores`; those of the index are above it.
pub const ROW: u8 = 0;
/// Levels that an index has at most: with dozens of children each, far more than any has.
pub const HEIGHT_MAX: u8 = 32;

const INLINE: u8 = 0;
const LISTPACK: u8 = 1;
const SKIPLIST: u8 = 2;
const SHAPE_LEN: usize = 25;
const PLACE_LEN: usize = 8;
/// The value of a row whose score is -0, which has the place of 0.
const NEGATIVE_ZERO: &[u8] = b"-";
const SIGN: u64 = 1 << 63;
/// The tag of such a row in memory.
const ROW_OF_NEGATIVE_ZERO: u8 = 1;

/// What the header of a large set knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Redis would keep it as a listpack.
    pub is_listpack: bool,
    /// Members.
    pub count: u64,
    /// Levels of the index.
    pub height: u8,
    /// No member's place is below.
    pub low: u64,
    /// No member's place is above.
    pub high: u64,
}

/// The body of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// The entries themselves.
    Inline(&'a [u8]),
    /// Where they are is said by the header's parts.
    Large(Shape),
}

/// The body of an inline set without entries.
pub fn empty_body() -> Vec<u8> {
    vec![INLINE]
}

/// The body of a large set's header.
pub fn encode_shape(shape: &Shape) -> [u8; 1 + SHAPE_LEN] {
    let mut body = [0; 1 + SHAPE_LEN];
    body[0] = if shape.is_listpack { LISTPACK } else { SKIPLIST };
    body[1..9].copy_from_slice(&shape.count.to_be_bytes());
    body[9] = shape.height;
    body[10..18].copy_from_slice(&shape.low.to_be_bytes());
    body[18..26].copy_from_slice(&shape.high.to_be_bytes());
    body
}

/// What a header's body says.
pub fn decode_body(body: &[u8]) -> Option<Body<'_>> {
    let (&form, rest) = body.split_first()?;
    if form == INLINE {
        return Some(Body::Inline(rest));
    }
    if form > SKIPLIST {
        return None;
    }
    let (count, rest) = rest.split_first_chunk::<8>()?;
    let (&height, rest) = rest.split_first()?;
    let (low, high) = rest.split_first_chunk::<PLACE_LEN>()?;
    let shape = Shape {
        is_listpack: form == LISTPACK,
        count: u64::from_be_bytes(*count),
        height,
        low: u64::from_be_bytes(*low),
        high: u64::from_be_bytes(high.try_into().ok()?),
    };
    (height <= HEIGHT_MAX).then_some(Body::Large(shape))
}

/// The place of a score: 64 bits that order as scores do.
pub fn place(score: f64) -> u64 {
    // Adding 0 makes 0 of -0.
    let bits = (score + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The score that has a place.
pub fn score_at(place: u64) -> f64 {
    f64::from_bits(if place & SIGN == 0 { !place } else { place & !SIGN })
}

/// The value of a member's record in `elements`.
pub fn encode_score(score: f64) -> [u8; 8] {
    score.to_bits().to_be_bytes()
}

/// The score in it.
pub fn decode_score(value: &[u8]) -> Option<f64> {
    Some(f64::from_bits(u64::from_be_bytes(value.try_into().ok()?)))
}

/// The suffix of a member's record in `scores`.
pub fn row(score: f64, member: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + PLACE_LEN + member.len());
    row.push(ROW);
    row.extend_from_slice(&place(score).to_be_bytes());
    row.extend_from_slice(member);
    row
}

/// The value of that record.
pub fn row_value(score: f64) -> &'static [u8] {
    if score == 0.0 && score.is_sign_negative() { NEGATIVE_ZERO } else { &[] }
}

/// The first suffix that a row with a place can have.
pub fn row_bound(place: u64) -> [u8; 1 + PLACE_LEN] {
    let mut bound = [ROW; 1 + PLACE_LEN];
    bound[1..].copy_from_slice(&place.to_be_bytes());
    bound
}

/// Score and member of a row.
pub fn decode_row<'a>(suffix: &'a [u8], value: &[u8]) -> Option<(f64, &'a [u8])> {
    let (place, member) = decode_place(suffix)?;
    Some((if value == NEGATIVE_ZERO { -0.0 } else { score_at(place) }, member))
}

/// Place and member of a row.
pub fn decode_place(suffix: &[u8]) -> Option<(u64, &[u8])> {
    let (&tag, rest) = suffix.split_first()?;
    let (place, member) = rest.split_first_chunk::<PLACE_LEN>()?;
    (tag == ROW).then_some((u64::from_be_bytes(*place), member))
}

/// The suffix of an index record.
pub fn index_key(level: u8, boundary: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + boundary.len());
    key.push(level);
    key.extend_from_slice(boundary);
    key
}

/// A child of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// Where it begins.
    pub boundary: &'a [u8],
    /// How many rows it has.
    pub rows: u64,
    /// Where it lies in the node's value.
    pub bytes: Range<usize>,
}

/// The children of a node, in order. Ends early where the bytes make no sense.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    value: &'a [u8],
    at: usize,
    left: u8,
}

/// The children in the value of a node.
pub fn children(value: &[u8]) -> Children<'_> {
    Children { value, at: 1, left: value.first().copied().unwrap_or(0) }
}

/// Appends a child to the value of a node; its number of children is not touched.
pub fn push_child(into: &mut Vec<u8>, boundary: &[u8], rows: u64) {
    packed::push(into, boundary);
    packed::push_number(into, rows);
}

impl<'a> Iterator for Children<'a> {
    type Item = Child<'a>;

    #[inline]
    fn next(&mut self) -> Option<Child<'a>> {
        self.left = self.left.checked_sub(1)?;
        let child = child_at(self.value, self.at)?;
        self.at = child.bytes.end;
        Some(child)
    }
}

#[inline]
fn child_at(node: &[u8], at: usize) -> Option<Child<'_>> {
    let (len, begin) = packed::number_at(node, at)?;
    let end = begin.checked_add(usize::try_from(len).ok()?)?;
    let boundary = node.get(begin..end)?;
    let (rows, behind) = packed::number_at(node, end)?;
    Some(Child { boundary, rows, bytes: at..behind })
}

/// Appends a row, as `scores` has it, to a run in memory (see `rank::runs`).
pub fn push_run_row(into: &mut Vec<u8>, suffix: &[u8], value: &[u8]) {
    packed::push_number(into, suffix.len() as u64);
    into.push(if value == NEGATIVE_ZERO { ROW_OF_NEGATIVE_ZERO } else { ROW });
    into.extend_from_slice(suffix.get(1..).unwrap_or(&[]));
}

/// Score and member of a string in such a run.
pub fn decode_run_row(string: &[u8]) -> Option<(f64, &[u8])> {
    let (&tag, rest) = string.split_first()?;
    let (place, member) = rest.split_first_chunk::<PLACE_LEN>()?;
    let score = if tag == ROW { score_at(u64::from_be_bytes(*place)) } else { -0.0 };
    Some((score, member))
}

/// Appends an entry to the body of an inline set.
pub fn push_entry(into: &mut Vec<u8>, score: f64, member: &[u8]) {
    packed::push_number(into, (PLACE_LEN + member.len()) as u64);
    into.extend_from_slice(&place(score).to_be_bytes());
    into.extend_from_slice(member);
}

/// What [`push_entry`] adds, in bytes.
pub fn entry_len(member_len: usize) -> usize {
    packed::packed_len(PLACE_LEN + member_len)
}

/// Score and member of a string among an inline set's entries.
pub fn decode_entry(string: &[u8]) -> Option<(f64, &[u8])> {
    let (place, member) = string.split_first_chunk::<PLACE_LEN>()?;
    Some((score_at(u64::from_be_bytes(*place)), member))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_layouts() {
        let mut body = empty_body();
        push_entry(&mut body, 1.0, b"ab");
        push_entry(&mut body, -1.0, b"");
        assert_eq!(body, b"\x00\x0a\xbf\xf0\0\0\0\0\0\0ab\x08\x40\x0f\xff\xff\xff\xff\xff\xff");
        let shape = Shape { is_listpack: false, count: 0x0102, height: 3, low: 5, high: 6 };
        let expected = b"\x02\0\0\0\0\0\0\x01\x02\x03\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06";
        assert_eq!(encode_shape(&shape), *expected);
        assert_eq!(encode_shape(&Shape { is_listpack: true, ..shape })[0], 1);
        assert_eq!(encode_score(1.5), [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(row(1.5, b"m"), b"\0\xbf\xf8\0\0\0\0\0\0m");
        assert_eq!((row_value(0.0), row_value(-0.0), row_value(-1.0)), (&b""[..], &b"-"[..], &b""[..]));
        assert_eq!(row(-0.0, b"m"), row(0.0, b"m"));
        assert_eq!(index_key(1, b"b"), b"\x01b");
        let mut run = Vec::new();
        push_run_row(&mut run, &row(-0.0, b"m"), row_value(-0.0));
        push_run_row(&mut run, &row(1.5, b"n"), row_value(1.5));
        let rows: Vec<_> = packed::strings(&run).map(|row| decode_run_row(row).expect("a row")).collect();
        assert_eq!(rows, [(0.0, &b"m"[..]), (1.5, b"n")]);
        assert!(rows[0].0.is_sign_negative());
        let mut node = vec![2];
        push_child(&mut node, b"", 5);
        push_child(&mut node, b"ab", 200);
        assert_eq!(node, b"\x02\x00\x05\x02ab\xc8\x01");
        let read: Vec<_> = children(&node).map(|child| (child.boundary, child.rows, child.bytes)).collect();
        assert_eq!(read, [(&b""[..], 5, 1..3), (&b"ab"[..], 200, 3..8)]);
    }

    #[test]
    fn a_body_of_no_known_form_is_refused() {
        for body in [&b""[..], b"\x03", b"\x01", b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(decode_body(body), None, "{body:?}");
        }
    }

    #[test]
    fn places_order_as_scores_do() {
        let scores =
            [f64::NEG_INFINITY, f64::MIN, -1.5, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300, f64::MAX, f64::INFINITY];
        for pair in scores.windows(2) {
            assert!(place(pair[0]) < place(pair[1]), "{pair:?}");
        }
        assert!(scores.iter().all(|&score| score_at(place(score)) == score));
        assert_eq!(place(-0.0), place(0.0));
        assert!(place(f64::INFINITY) < u64::MAX && place(f64::NEG_INFINITY) > 0);
    }

    proptest! {
        #[test]
        fn rows_order_as_score_and_member_do(a in any::<(f64, Vec<u8>)>(), b in any::<(f64, Vec<u8>)>()) {
            prop_assume!(!a.0.is_nan() && !b.0.is_nan());
            let expected = a.0.partial_cmp(&b.0).map(|order| order.then_with(|| a.1.cmp(&b.1)));
            prop_assert_eq!(Some(row(a.0, &a.1).cmp(&row(b.0, &b.1))), expected);
            let row = row(a.0, &a.1);
            let (score, member) = decode_row(&row, row_value(a.0)).expect("a row");
            prop_assert_eq!((score.to_bits(), member), (a.0.to_bits(), &a.1[..]));
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(Body::Large(shape)) = decode_body(&bytes) {
                prop_assert_eq!(&encode_shape(&shape)[..], &bytes[..]);
            }
            decode_row(&bytes, &bytes);
            decode_score(&bytes);
            decode_entry(&bytes);
            decode_run_row(&bytes);
            children(&bytes).for_each(drop);
            let (bytes, name) = bytes.split_at(bytes.len() / 2);
            way_to_row(bytes, name);
            way_to_rank(bytes, name.len() as u64);
            run_rows_below(bytes, name);
        }
    }
}
