//! Strings: bytes that are read and changed as a whole or in part. Bitmaps and HyperLogLogs are strings too.
//!
//! A short string lies in its key's header. A long one is cut into chunks, so that a change or a read of a part costs what
//! it touches; [`layout`] draws both. Replacing a string makes new chunks, changing it in place keeps them. Which
//! numbers a string may hold is said in [`crate::integer`] and [`crate::float`], not here.

pub mod layout;

mod chunks;
mod write;

use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::{Direction, Family};

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::key::{self, Parts};
use crate::keyspace::Keyspace;
use crate::view::{Found, View};

pub(crate) use chunks::{Chunks, NewChunk, set_chunks};
use layout::{CHUNK_LEN, CHUNKED_LEN_MAX, Piece};
pub use write::{append, set, write_at};
pub(crate) use write::{overwrite, rewrite};

/// Strings up to here are `embstr` for `OBJECT ENCODING`, in bytes.
const EMBEDDED_LEN_MAX: u64 = 44;
/// Reads of up to this many chunks get them one by one; longer ones scan, which passes over absent chunks.
const POINT_READS_MAX: u64 = 4;

static ZEROS: [u8; CHUNK_LEN] = [0; CHUNK_LEN];

/// A string that is there. Nothing of it is copied until it is asked for.
pub struct Text<'v> {
    found: Found<'v>,
    len: u64,
}

/// The string of a key, counted as a hit or a miss.
pub fn read<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Text<'v>>> {
    view.read_kind(key, Kind::String)?.map(Text::new).transpose()
}

/// The string of a key, not counted: for commands that change it.
pub fn find<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Text<'v>>> {
    view.find(key)?.map(|found| Text::new(found.expect(Kind::String)?)).transpose()
}

/// The longest string that the options allow, in bytes.
pub fn len_max(keyspace: &Keyspace) -> u64 {
    keyspace.settings.string_len_max.load(Ordering::Relaxed).min(CHUNKED_LEN_MAX)
}

impl<'v> Text<'v> {
    /// The string in a record of kind [`Kind::String`].
    pub fn new(found: Found<'v>) -> Result<Text<'v>> {
        let len = match found.meta.parts {
            None => found.body().len() as u64,
            Some(parts) => layout::decode_len(found.body()).ok_or_else(|| unreadable(parts))?,
        };
        Ok(Text { found, len })
    }

    /// The header.
    pub fn meta(&self) -> Meta {
        self.found.meta
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it, if it lies in one piece.
    pub fn whole(&self) -> Option<&[u8]> {
        self.found.meta.parts.is_none().then(|| self.found.body())
    }

    /// Visits a range of its bytes in consecutive pieces, without putting them together. What lies behind the end is left
    /// out. `view` is where the string was found.
    pub fn copy_range(&self, view: &View<'_>, range: Range<u64>, visit: &mut impl FnMut(&[u8])) -> Result<()> {
        view.admit(range.end.saturating_sub(range.start))?;
        let end = range.end.min(self.len);
        let range = range.start.min(end)..end;
        let Some(parts) = self.found.meta.parts else {
            // An inline string is as long as its body, and that is in memory.
            visit(&self.found.body()[range.start as usize..range.end as usize]);
            return Ok(());
        };
        view.admit_parts()?;
        let chunk_len = CHUNK_LEN as u64;
        if range.end.div_ceil(chunk_len) - range.start / chunk_len > POINT_READS_MAX {
            return scan_chunks(view, parts, range, visit);
        }
        for piece in layout::pieces(range) {
            let chunk = view.part(parts, &layout::encode_chunk(piece.number))?;
            visit_piece(parts, chunk.as_deref().unwrap_or(&[]), piece.within, visit)?;
        }
        Ok(())
    }

    /// All of it.
    pub fn to_vec(&self, view: &View<'_>) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.copy_range(view, 0..self.len, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.whole() {
            Some(bytes) if !self.found.meta.raw => {
                if crate::integer::parse(bytes).is_some() {
                    "int"
                } else if self.len <= EMBEDDED_LEN_MAX {
                    "embstr"
                } else {
                    "raw"
                }
            }
            _ => "raw",
        }
    }
}

/// Reads many chunks. Those that are absent cost nothing.
fn scan_chunks(view: &View<'_>, parts: Parts, range: Range<u64>, visit: &mut impl FnMut(&[u8])) -> Result<()> {
    let mut pieces = layout::pieces(range);
    let Some(first) = pieces.next() else { return Ok(()) };
    let from = key::element(view.space(), parts, &layout::encode_chunk(first.number));
    let to = key::element_end(view.space(), parts);
    let engine = view.engine()?;
    let mut cursor = engine.scan(Family::Elements, &from, &to, Direction::Forward);
    let mut stored = cursor.next()?;
    for Piece { number, within } in std::iter::once(first).chain(pieces) {
        view.go_on()?;
        match stored {
            Some((key, chunk)) if layout::decode_chunk(key) == Some(number) => {
                visit_piece(parts, chunk, within, visit)?;
                stored = cursor.next()?;
            }
            _ => visit(&ZEROS[within]),
        }
    }
    Ok(())
}

/// Visits a range of a chunk, with the zeros that are left out at its end.
fn visit_piece(parts: Parts, chunk: &[u8], within: Range<usize>, visit: &mut impl FnMut(&[u8])) -> Result<()> {
    if chunk.len() > CHUNK_LEN {
        return Err(unreadable(parts));
    }
    let stored_end = within.end.min(chunk.len());
    let stored_start = within.start.min(stored_end);
    if stored_start < stored_end {
        visit(&chunk[stored_start..stored_end]);
    }
    let zeros = within.len() - (stored_end - stored_start);
    if zeros > 0 {
        visit(&ZEROS[..zeros]);
    }
    Ok(())
}

fn unreadable(parts: Parts) -> Error {
    Error::BadRecord(format!("string of slot {}, version {}", parts.slot, parts.version))
}

#[cfg(test)]
mod tests;
