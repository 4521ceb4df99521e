//! How a string lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! | form    | header                         | where the bytes are                                        |
//! |---------|--------------------------------|------------------------------------------------------------|
//! | inline  | no parts, body: the bytes      | in the header                                              |
//! | chunked | parts, body: length (8)        | in `elements`, one record per [`CHUNK_LEN`] bytes          |
//!
//! The suffix of a chunk's key is its number (4). Its value is the bytes from `number * CHUNK_LEN` on, without the zeros
//! at its end; a chunk of zeros only may be absent. So a bit set far behind the end costs one small record.
//!
//! On disk: changing any of it needs a new format version. Integers are big-endian.

use std::ops::Range;

/// The longest string that lies in its header, in bytes.
pub const INLINE_LEN_MAX: usize = 16 << 10;
/// Bytes of a string in one chunk.
pub const CHUNK_LEN: usize = 16 << 10;
/// The longest string that has chunk numbers for all of its bytes, whatever the options allow.
pub const CHUNKED_LEN_MAX: u64 = (CHUNK_LEN as u64) << 32;

/// The body of a chunked string's header.
pub fn encode_len(len: u64) -> [u8; 8] {
    len.to_be_bytes()
}

/// The length in the body of a chunked string's header.
pub fn decode_len(body: &[u8]) -> Option<u64> {
    let len = u64::from_be_bytes(body.try_into().ok()?);
    (len <= CHUNKED_LEN_MAX).then_some(len)
}

/// The suffix of a chunk's key.
pub fn encode_chunk(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// The number of the chunk that has a key.
pub fn decode_chunk(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|suffix| u32::from_be_bytes(*suffix))
}

/// A chunk without the zeros at its end.
pub fn trim(chunk: &[u8]) -> &[u8] {
    let len = chunk.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &chunk[..len]
}

/// What of a range of bytes lies in one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The chunk.
    pub number: u32,
    /// Which of its bytes.
    pub within: Range<usize>,
}

/// Splits a range of a string's bytes at the borders of chunks.
pub fn pieces(range: Range<u64>) -> impl Iterator<Item = Piece> {
    let chunk_len = CHUNK_LEN as u64;
    let mut at = range.start;
    std::iter::from_fn(move || {
        let number = u32::try_from(at / chunk_len).ok().filter(|_| at < range.end)?;
        let start = (at % chunk_len) as usize;
        let len = (chunk_len - at % chunk_len).min(range.end - at);
        at += len;
        Some(Piece { number, within: start..start + len as usize })
    })
}
