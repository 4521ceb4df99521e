//! The layout of strings on arbitrary records and ranges.
//!
//! Decoding must not panic, and what decodes must read back from its own encoding; a range's pieces must cover it in order;
//! a trimmed chunk filled up with zeros must be the chunk. The module is compiled in here by its path, as it stands alone
//! and its crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/string/layout.rs"]
mod layout;

use layout::{CHUNK_LEN, CHUNKED_LEN_MAX, INLINE_LEN_MAX};

/// Pieces that are looked at; a range of many terabytes has more than anyone would wait for.
const PIECES_MAX: usize = 64;

fuzz_target!(|input: (u64, u64, &[u8])| {
    let (start, len, bytes) = input;

    if let Some(len) = layout::decode_len(bytes) {
        assert!(len <= CHUNKED_LEN_MAX);
        assert_eq!(layout::encode_len(len), bytes);
    }
    if let Some(number) = layout::decode_chunk(bytes) {
        assert!(bytes.ends_with(&layout::encode_chunk(number)));
    }

    let chunk = &bytes[..bytes.len().min(CHUNK_LEN)];
    let trimmed = layout::trim(chunk);
    assert_ne!(trimmed.last(), Some(&0));
    assert!(chunk.starts_with(trimmed) && chunk[trimmed.len()..].iter().all(|&byte| byte == 0));

    let end = start.saturating_add(len);
    let mut at = start;
    for piece in layout::pieces(start..end).take(PIECES_MAX) {
        assert_eq!(u64::from(piece.number) * CHUNK_LEN as u64 + piece.within.start as u64, at);
        assert!(piece.within.start < piece.within.end && piece.within.end <= CHUNK_LEN);
        at += piece.within.len() as u64;
        assert!(at <= end);
    }
    if start < end && start < CHUNKED_LEN_MAX {
        assert!(at > start);
    }
    if end <= INLINE_LEN_MAX as u64 {
        assert_eq!(at, end.max(start));
    }
});
