//! Several fields of one bitmap read and written by one command: each chunk is read once and written once.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::string::layout::{self, CHUNK_LEN};
use crate::string::{self, Text};
use crate::tx::Tx;

use super::bits::BYTE_BITS;
use super::field::{FieldType, Window};

/// Changes of a string that are written together, by [`Patch::apply`].
pub struct Patch<'p> {
    key: &'p [u8],
    old: Option<Meta>,
    /// Length before the change.
    len: u64,
    /// Length after it.
    len_after: u64,
    pages: BTreeMap<u32, Page>,
}

/// A chunk as the patch has it, up to the length that the string will have.
struct Page {
    bytes: Vec<u8>,
    dirty: bool,
}

impl<'p> Patch<'p> {
    /// Changes of a key that will hold a string with so many bits at least. `old` is what [`Tx::find_kind`] returned for
    /// it.
    pub fn new(tx: &Tx<'_>, key: &'p [u8], old: Option<Meta>, bits: u64) -> Result<Patch<'p>> {
        let view = tx.view();
        let text = match old {
            Some(_) => string::find(&view, key)?,
            None => None,
        };
        let len = text.as_ref().map_or(0, Text::len);
        Ok(Patch { key, old, len, len_after: len.max(bits.div_ceil(BYTE_BITS)), pages: BTreeMap::new() })
    }

    /// A field as the changes so far have left it. What lies behind the end is zero.
    pub fn get(&mut self, tx: &Tx<'_>, field: FieldType, at: u64) -> Result<i64> {
        Ok(field.get(&self.window(tx, field, at)?, (at % BYTE_BITS) as u32))
    }

    /// Changes a field that lies within the length given to [`Patch::new`].
    pub fn set(&mut self, tx: &Tx<'_>, field: FieldType, at: u64, value: i64) -> Result<()> {
        let bit = (at % BYTE_BITS) as u32;
        let mut window = self.window(tx, field, at)?;
        field.set(&mut window, bit, value);
        let mut rest = &window[..field.touched_len(bit)];
        let byte = at / BYTE_BITS;
        for piece in layout::pieces(byte..byte + rest.len() as u64) {
            let (new, after) = rest.split_at(piece.within.len());
            rest = after;
            let page = self.page(tx, piece.number)?;
            page.bytes[piece.within].copy_from_slice(new);
            page.dirty = true;
        }
        Ok(())
    }

    /// Writes what has changed. Even if nothing has, the string is as long as was asked for, and one that was changed
    /// in place for `OBJECT ENCODING`.
    pub fn apply(self, tx: &mut Tx<'_>) -> Result<()> {
        let grows = self.len_after > self.len;
        if grows {
            string::overwrite(tx, self.key, self.old, self.len_after - 1, &[0])?;
        } else if !self.old.is_some_and(super::is_raw) {
            string::overwrite(tx, self.key, self.old, 0, &[])?;
        }
        for (number, page) in self.pages.into_iter().filter(|(_, page)| page.dirty) {
            // The write before may have changed the header.
            let old = tx.find_kind(self.key, Kind::String)?;
            string::overwrite(tx, self.key, old, u64::from(number) * CHUNK_LEN as u64, &page.bytes)?;
        }
        Ok(())
    }

    fn window(&mut self, tx: &Tx<'_>, field: FieldType, at: u64) -> Result<Window> {
        let mut window = Window::default();
        let mut rest = &mut window[..field.touched_len((at % BYTE_BITS) as u32)];
        let byte = at / BYTE_BITS;
        for piece in layout::pieces(byte..byte + rest.len() as u64) {
            let (here, after) = rest.split_at_mut(piece.within.len());
            rest = after;
            let bytes = &self.page(tx, piece.number)?.bytes;
            let there = bytes.get(piece.within.start.min(bytes.len())..piece.within.end.min(bytes.len()));
            let there = there.unwrap_or(&[]);
            here[..there.len()].copy_from_slice(there);
        }
        Ok(window)
    }

    fn page(&mut self, tx: &Tx<'_>, number: u32) -> Result<&mut Page> {
        use std::collections::btree_map::Entry;
        match self.pages.entry(number) {
            Entry::Occupied(page) => Ok(page.into_mut()),
            Entry::Vacant(vacant) => {
                let start = u64::from(number) * CHUNK_LEN as u64;
                let len = self.len_after.saturating_sub(start).min(CHUNK_LEN as u64) as usize;
                let mut bytes = Vec::with_capacity(len);
                if self.len > start {
                    let view = tx.view();
                    if let Some(text) = string::find(&view, self.key)? {
                        text.copy_range(&view, start..start + len as u64, &mut |piece| bytes.extend_from_slice(piece))?;
                    }
                }
                bytes.resize(len, 0);
                Ok(vacant.insert(Page { bytes, dirty: false }))
            }
        }
    }
}
