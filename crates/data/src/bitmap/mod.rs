//! Bitmaps: strings looked at bit by bit.
//!
//! There is no type of that name on disk; [`crate::string`] says how the bytes lie. Everything here costs what it touches:
//! a bit its chunk, a search or a count the chunks that are stored. The arithmetic within bytes is in [`bits`] and
//! [`field`], operations between whole bitmaps are in the module's `combine` part, and changes of several fields
//! at once in its `patch` part. What clients may ask for, and the errors, are not known here.

pub mod bits;
pub mod field;

mod combine;
mod patch;

use std::ops::Range;

use crate::error::Result;
use crate::string::layout::CHUNK_LEN;
use crate::string::{self, Text};
use crate::tx::Tx;
use crate::view::View;
use crate::{Kind, Meta};

use bits::BYTE_BITS;
pub use combine::{Operation, combine};
use field::{FieldType, WINDOW_LEN, Window};
pub use patch::Patch;

const CHUNK_BITS: u64 = CHUNK_LEN as u64 * BYTE_BITS;

/// A bit of a string; what lies behind the end is clear.
pub fn get(view: &View<'_>, text: &Text<'_>, at: u64) -> Result<bool> {
    let byte = at / BYTE_BITS;
    let mut set = false;
    text.copy_range(view, byte..byte + 1, &mut |bytes| {
        set |= bytes.first().is_some_and(|byte| byte & (0x80 >> (at % BYTE_BITS)) != 0);
    })?;
    Ok(set)
}

/// Sets or clears a bit of a key, which becomes long enough for it. Returns what the bit was. `old` is what
/// [`Tx::find_kind`] returned for the key.
pub fn set(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, at: u64, set: bool) -> Result<bool> {
    let byte = at / BYTE_BITS;
    let mut value = 0;
    let mut len = 0;
    if old.is_some() {
        let view = tx.view();
        if let Some(text) = string::find(&view, key)? {
            len = text.len();
            text.copy_range(&view, byte..byte + 1, &mut |bytes| value = bytes.first().copied().unwrap_or(value))?;
        }
    }
    let mask = 0x80 >> (at % BYTE_BITS);
    let was = value & mask != 0;
    if was != set || byte >= len || !old.is_some_and(is_raw) {
        let value = if set { value | mask } else { value & !mask };
        string::overwrite(tx, key, old, byte, &[value])?;
    }
    Ok(was)
}

/// Says whether so many bytes of a string may be looked at here.
fn admit(view: &View<'_>, text: &Text<'_>, bytes: &Range<u64>) -> Result<()> {
    view.admit(bytes.end.saturating_sub(bytes.start))?;
    if text.whole().is_none() { view.admit_parts() } else { Ok(()) }
}

/// How many bits of a range are set. What lies behind the end is clear.
pub fn count(view: &View<'_>, text: &Text<'_>, range: Range<u64>) -> Result<u64> {
    let bytes = bytes_of(&range);
    admit(view, text, &bytes)?;
    let mut chunks = text.chunks(view, bytes)?;
    let mut total = 0;
    while let Some((number, bytes)) = chunks.next()? {
        view.go_on()?;
        total += bits::count_range(bytes, &within(&range, number, bytes).range);
    }
    Ok(total)
}

/// The first bit of a range that is set, or clear. The range ends where the string does, or before.
pub fn find(view: &View<'_>, text: &Text<'_>, range: Range<u64>, set: bool) -> Result<Option<u64>> {
    let bytes = bytes_of(&range);
    admit(view, text, &bytes)?;
    let mut chunks = text.chunks(view, bytes)?;
    // Up to here nothing was found.
    let mut at = range.start;
    while let Some((number, bytes)) = chunks.next()? {
        view.go_on()?;
        let local = within(&range, number, bytes);
        if !set && at < local.start_bit.min(range.end) {
            return Ok(Some(at));
        }
        if let Some(found) = bits::find(bytes, &local.range, set) {
            return Ok(Some(local.start_bit + found));
        }
        at = at.max(local.start_bit + bytes.len() as u64 * BYTE_BITS);
    }
    Ok(Some(at).filter(|&at| !set && at < range.end))
}

/// The field that begins at a bit of a string; an absent string is an empty one.
pub fn get_field(view: &View<'_>, text: Option<&Text<'_>>, field: FieldType, at: u64) -> Result<i64> {
    let mut window = Window::default();
    let mut filled = 0;
    if let Some(text) = text {
        let byte = at / BYTE_BITS;
        text.copy_range(view, byte..byte + WINDOW_LEN as u64, &mut |bytes| {
            window[filled..filled + bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        })?;
    }
    Ok(field.get(&window, (at % BYTE_BITS) as u32))
}

/// True if a change in place leaves the header as it is.
fn is_raw(meta: Meta) -> bool {
    debug_assert_eq!(meta.kind, Kind::String);
    meta.raw || meta.parts.is_some()
}

fn bytes_of(range: &Range<u64>) -> Range<u64> {
    range.start / BYTE_BITS..range.end.div_ceil(BYTE_BITS)
}

/// A range of a string's bits as one chunk sees it.
struct Local {
    /// The chunk's first bit in the string.
    start_bit: u64,
    /// Bits of the chunk; none behind what is stored of it.
    range: Range<u64>,
}

fn within(range: &Range<u64>, number: u32, bytes: &[u8]) -> Local {
    let start_bit = u64::from(number) * CHUNK_BITS;
    let end = bytes.len() as u64 * BYTE_BITS;
    let clip = |at: u64| at.saturating_sub(start_bit).min(end);
    Local { start_bit, range: clip(range.start)..clip(range.end) }
}

#[cfg(test)]
mod tests;
