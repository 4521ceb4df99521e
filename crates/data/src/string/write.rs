//! Changing strings: replaced as a whole, or in place.

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::tx::Tx;

use super::layout::{self, CHUNK_LEN, CHUNKED_LEN_MAX, INLINE_LEN_MAX};
use super::{Text, find, len_max, unreadable};

/// Makes a key a string, whatever it was. `old` is what [`Tx::find`] returned for it.
pub fn set(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, bytes: &[u8], expire_at_ms: Option<u64>) {
    put_whole(tx, key, old, Meta { expire_at_ms, ..Meta::new(Kind::String) }, bytes);
}

/// Replaces all bytes of a string, or makes one, as if it had been changed in place: it is `raw`, and expires when it did.
/// `old` is what [`Tx::find_kind`] returned for the key.
pub(crate) fn rewrite(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, bytes: &[u8]) {
    let meta = old.unwrap_or(Meta::new(Kind::String));
    put_whole(tx, key, old, Meta { raw: true, parts: None, ..meta }, bytes);
}

fn put_whole(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, new: Meta, bytes: &[u8]) {
    if bytes.len() <= INLINE_LEN_MAX {
        tx.put(key, old, new, bytes);
        return;
    }
    let parts = tx.new_parts(key);
    put_new_chunks(tx, parts, bytes);
    tx.put(key, old, Meta { parts: Some(parts), ..new }, &layout::encode_len(bytes.len() as u64));
}

/// Writes over a string from an offset on, which may lie behind its end: what is between becomes zeros. Returns the new
/// length. `old` is what [`Tx::find_kind`] returned for the key; an absent string is an empty one. Expiry stays.
pub fn write_at(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, offset: u64, bytes: &[u8]) -> Result<u64> {
    let end = offset.checked_add(bytes.len() as u64).filter(|&end| end <= len_max(tx.keyspace()));
    end.ok_or(Error::StringTooLong)?;
    overwrite(tx, key, old, offset, bytes)
}

/// Like [`write_at`], but only the format limits the length: a bit field may begin within the longest string that the
/// options allow and end behind it.
pub(crate) fn overwrite(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, offset: u64, bytes: &[u8]) -> Result<u64> {
    let end = offset.checked_add(bytes.len() as u64).filter(|&end| end <= CHUNKED_LEN_MAX);
    let end = end.ok_or(Error::StringTooLong)?;
    let meta = Meta { raw: true, ..old.unwrap_or(Meta::new(Kind::String)) };
    let (parts, len) = match load(tx, key)? {
        Stored::Inline(mut body) => {
            let len_after = end.max(body.len() as u64);
            if len_after <= INLINE_LEN_MAX as u64 {
                patch(&mut body, offset as usize, bytes);
                tx.put(key, old, meta, &body);
                return Ok(len_after);
            }
            let parts = tx.new_parts(key);
            put_new_chunks(tx, parts, &body);
            (parts, body.len() as u64)
        }
        Stored::Chunked(parts, len) => (parts, len),
    };
    let len_after = end.max(len);
    let meta = Meta { parts: Some(parts), ..meta };
    patch_chunks(tx, parts, offset, bytes)?;
    if len_after != len || old != Some(meta) {
        tx.put(key, old, meta, &layout::encode_len(len_after));
    }
    Ok(len_after)
}

/// Adds bytes at the end. Returns the new length. `old` is what [`Tx::find_kind`] returned for the key.
pub fn append(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, bytes: &[u8]) -> Result<u64> {
    let len = find(&tx.view(), key)?.as_ref().map_or(0, Text::len);
    if old.is_none() {
        set(tx, key, None, bytes, None);
        return Ok(bytes.len() as u64);
    }
    write_at(tx, key, old, len, bytes)
}

/// A string as it is before a change.
enum Stored {
    /// All of it; nothing, if the key is absent.
    Inline(Vec<u8>),
    /// Where it is, and its length.
    Chunked(Parts, u64),
}

fn load(tx: &Tx<'_>, key: &[u8]) -> Result<Stored> {
    let view = tx.view();
    let Some(text) = find(&view, key)? else { return Ok(Stored::Inline(Vec::new())) };
    Ok(match text.meta().parts {
        Some(parts) => Stored::Chunked(parts, text.len()),
        None => Stored::Inline(text.to_vec(&view)?),
    })
}

/// Writes the chunks of a value whose parts have none yet.
fn put_new_chunks(tx: &mut Tx<'_>, parts: Parts, bytes: &[u8]) {
    for (number, chunk) in (0u32..).zip(bytes.chunks(CHUNK_LEN)) {
        let chunk = layout::trim(chunk);
        if !chunk.is_empty() {
            tx.put_part(parts, &layout::encode_chunk(number), chunk.to_vec());
        }
    }
}

/// Writes over chunks; only those that the bytes touch are read and rewritten.
fn patch_chunks(tx: &mut Tx<'_>, parts: Parts, offset: u64, bytes: &[u8]) -> Result<()> {
    let mut rest = bytes;
    for piece in layout::pieces(offset..offset + bytes.len() as u64) {
        let (new, after) = rest.split_at(piece.within.len());
        rest = after;
        let suffix = layout::encode_chunk(piece.number);
        let whole = piece.within == (0..CHUNK_LEN);
        // A chunk that is written over as a whole need not be read, unless it might have to be removed.
        let stored =
            if whole && new.last() != Some(&0) { None } else { tx.view().part(parts, &suffix)?.map(|c| c.to_vec()) };
        let was_there = stored.is_some();
        let mut chunk = stored.filter(|_| !whole).unwrap_or_default();
        if chunk.len() > CHUNK_LEN {
            return Err(unreadable(parts));
        }
        patch(&mut chunk, piece.within.start, new);
        chunk.truncate(layout::trim(&chunk).len());
        if !chunk.is_empty() {
            tx.put_part(parts, &suffix, chunk);
        } else if was_there {
            tx.remove_part(parts, &suffix);
        }
    }
    Ok(())
}

/// Writes over bytes from an offset on, with zeros before it where there is nothing.
fn patch(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(new);
}
