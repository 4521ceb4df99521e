//! Strings chunk by chunk, as they are stored: for operations that can do without what is not stored.
//!
//! An inline string is its own first chunk here, so whoever works on chunks need not know of two forms.

use std::ops::Range;

use engine::{Cursor, Direction, Family};

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::key::{self, Parts};
use crate::tx::Tx;
use crate::view::View;

use super::layout::{self, CHUNK_LEN, INLINE_LEN_MAX};
use super::{Text, unreadable};

const _: () = assert!(INLINE_LEN_MAX <= CHUNK_LEN, "an inline string is at most one chunk");

/// A chunk that is to be stored: its number and its bytes, zeros at its end left out or not.
pub(crate) type NewChunk = (u32, Vec<u8>);

/// Steps through the stored chunks of a string, in order. Whatever is not visited is zeros.
pub(crate) struct Chunks<'t>(Source<'t>);

enum Source<'t> {
    Inline(Option<&'t [u8]>),
    Chunked(Parts, Box<Cursor<'t>>),
}

impl Text<'_> {
    /// The stored chunks that a range of bytes touches. `view` is where the string was found.
    pub(crate) fn chunks<'t>(&'t self, view: &View<'t>, range: Range<u64>) -> Result<Chunks<'t>> {
        let Some(parts) = self.meta().parts else {
            let touched = range.start < range.end.min(self.len());
            return Ok(Chunks(Source::Inline(self.whole().filter(|_| touched))));
        };
        let number = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        let (first, end) = (range.start / CHUNK_LEN as u64, range.end.div_ceil(CHUNK_LEN as u64));
        let from = key::element(view.space(), parts, &layout::encode_chunk(number(first)));
        let to = match u32::try_from(end) {
            Ok(end) => key::element(view.space(), parts, &layout::encode_chunk(end)),
            Err(_) => key::element_end(view.space(), parts),
        };
        let cursor = view.engine()?.scan(Family::Elements, &from, &to, Direction::Forward);
        Ok(Chunks(Source::Chunked(parts, Box::new(cursor))))
    }
}

impl Chunks<'_> {
    /// The next chunk's number, and its bytes as far as they are stored.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, &[u8])>> {
        match &mut self.0 {
            Source::Inline(body) => Ok(body.take().map(|body| (0, body))),
            Source::Chunked(parts, cursor) => {
                let Some((key, chunk)) = cursor.next()? else { return Ok(None) };
                match layout::decode_chunk(key) {
                    Some(number) if chunk.len() <= CHUNK_LEN => Ok(Some((number, chunk))),
                    _ => Err(unreadable(*parts)),
                }
            }
        }
    }
}

/// Makes a key a string of a length, whatever it was, from chunks in ascending order; what is between them is zeros. Such
/// a string was put together and not given by a client: it is `raw`, and does not expire. `old` is what [`Tx::find`]
/// returned for the key.
pub(crate) fn set_chunks(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, len: u64, chunks: Vec<NewChunk>) {
    let meta = Meta { raw: true, ..Meta::new(Kind::String) };
    if len <= INLINE_LEN_MAX as u64 {
        let mut body = chunks.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
        body.resize(len as usize, 0);
        tx.put(key, old, meta, &body);
        return;
    }
    let parts = tx.new_parts(key);
    for (number, mut bytes) in chunks {
        bytes.truncate(layout::trim(&bytes).len());
        if !bytes.is_empty() {
            tx.put_part(parts, &layout::encode_chunk(number), bytes);
        }
    }
    tx.put(key, old, Meta { parts: Some(parts), ..meta }, &layout::encode_len(len));
}
