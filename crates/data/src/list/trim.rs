//! Lists of which a range is kept.
//!
//! What goes costs its blocks, or, where less is kept than goes, what is kept costs its own: it is copied to a new version then,
//! and the old one is left to the background.

use std::ops::Range;

use engine::Direction;

use crate::error::Result;
use crate::header::Meta;
use crate::key::Parts;
use crate::packed;
use crate::tx::Tx;

use super::block::{live_slots, read_block, remove_blocks, remove_longs};
use super::encoding::{entry_len, string_entry_len};
use super::layout::{self, BLOCK_LEN, Block, Element, Extent, Long};
use super::write::{Stored, limit, load, put_changed, shrunk_inline};
use super::{unreadable_body, walk_blocks};

/// Blocks that are removed one by one before it is asked whether copying what is kept costs less.
const REMOVED_BLOCKS_MIN: u64 = 64;
/// Elements that are read before they go, so that it stays known what the others would take in a listpack.
const READ_BEFORE_MAX: u64 = 1024;

/// Keeps the elements at a range of positions and removes all others. A list of which nothing is kept is removed. `old` is what
/// [`Tx::find_kind`] returned for the key.
pub fn trim(tx: &mut Tx<'_>, key: &[u8], old: Meta, kept: Range<u64>) -> Result<()> {
    if kept.is_empty() {
        tx.remove(key, old);
        return Ok(());
    }
    match load(tx, key)? {
        Stored::Inline { quicklist, count, packed } => {
            if kept == (0..count) {
                return Ok(());
            }
            let elements: Vec<&[u8]> = packed::strings(&packed).collect();
            let elements = elements.get(kept.start as usize..kept.end as usize).ok_or_else(unreadable_body)?;
            put_changed(tx, key, old, shrunk_inline(limit(tx.keyspace()), quicklist, elements), elements)
        }
        Stored::Blocks(parts, extent) if kept != (0..extent.len) => {
            let indexes = extent.head + kept.start..extent.head + kept.end;
            let kept_blocks = layout::block_of(indexes.end - 1) - layout::block_of(indexes.start) + 1;
            let all_blocks = layout::block_of(extent.tail() - 1) - layout::block_of(extent.head) + 1;
            let (parts, mut extent) = if all_blocks - kept_blocks > kept_blocks + REMOVED_BLOCKS_MIN {
                copy_kept(tx, key, parts, extent, indexes)?
            } else {
                (parts, remove_others(tx, parts, extent, indexes)?)
            };
            settle(tx, parts, &mut extent)?;
            tx.put(key, Some(old), Meta { parts: Some(parts), ..old }, &extent.encode());
            Ok(())
        }
        Stored::Blocks(..) => Ok(()),
    }
}

/// Makes a list that has shrunk a listpack again, if Redis would. Counts what its elements take, if that is not known and could
/// make the difference.
pub(super) fn settle(tx: &Tx<'_>, parts: Parts, extent: &mut Extent) -> Result<()> {
    let limit = limit(tx.keyspace());
    if !extent.quicklist || extent.len > limit.regained_count_max() {
        return Ok(());
    }
    let entry_bytes = match extent.entry_bytes {
        Some(known) => known,
        None => {
            let mut sum = 0;
            walk_blocks(&tx.view(), parts, extent.indexes(), Direction::Forward, &mut |entry| {
                sum += entry_len_of(entry);
                Ok(true)
            })?;
            sum
        }
    };
    extent.entry_bytes = Some(entry_bytes);
    extent.quicklist = !limit.regained(entry_bytes, extent.len);
    Ok(())
}

pub(super) fn entry_len_of(entry: Element<'_>) -> u64 {
    match entry {
        Element::Short(element) => entry_len(element),
        Element::Long(long) => string_entry_len(long.len),
    }
}

/// Removes what lies outside of the indexes.
fn remove_others(tx: &mut Tx<'_>, parts: Parts, extent: Extent, kept: Range<u64>) -> Result<Extent> {
    let gone = [extent.head..kept.start, kept.end..extent.tail()];
    let count: u64 = gone.iter().map(|range| range.end - range.start).sum();
    let mut entry_bytes = extent.entry_bytes;
    let is_read = extent.next_long > 0 || !extent.quicklist || count <= READ_BEFORE_MAX;
    for range in gone.into_iter().filter(|range| !range.is_empty()) {
        for number in layout::block_of(range.start)..=layout::block_of(range.end - 1) {
            if is_read {
                let (longs, bytes) = look_at(tx, parts, number, live_slots(&range, number))?;
                remove_longs(tx, parts, &longs);
                entry_bytes = entry_bytes.map(|known| known.saturating_sub(bytes));
            }
            if live_slots(&kept, number).is_empty() {
                remove_blocks(tx, parts, number..number + 1);
            }
        }
    }
    if !is_read {
        entry_bytes = None;
    }
    Ok(Extent { head: kept.start, len: kept.end - kept.start, entry_bytes, ..extent })
}

/// The long elements in slots of a block, and what all elements there take as entries of a listpack.
fn look_at(tx: &Tx<'_>, parts: Parts, number: u64, slots: Range<u64>) -> Result<(Vec<Long>, u64)> {
    let view = tx.view();
    let value = read_block(&view, parts, number)?;
    let block = Block::decode(&value).and_then(|block| block.cut(slots)).ok_or_else(|| parts.unreadable())?;
    let (mut longs, mut bytes) = (Vec::new(), 0);
    for entry in block.elements() {
        let entry = entry.ok_or_else(|| parts.unreadable())?;
        bytes += entry_len_of(entry);
        if let Element::Long(long) = entry {
            longs.push(long);
        }
    }
    Ok((longs, bytes))
}

/// Copies what lies within the indexes to a new version.
fn copy_kept(tx: &mut Tx<'_>, key: &[u8], parts: Parts, extent: Extent, kept: Range<u64>) -> Result<(Parts, Extent)> {
    let new_parts = tx.new_parts(key);
    let mut entry_bytes = 0;
    for number in layout::block_of(kept.start)..=layout::block_of(kept.end - 1) {
        let slots = live_slots(&kept, number);
        let (longs, bytes) = look_at(tx, parts, number, slots.clone())?;
        entry_bytes += bytes;
        for long in longs {
            let bytes = super::read_long(&tx.view(), parts, long)?.to_vec();
            tx.put_part(new_parts, &layout::long_suffix(long.id), bytes);
        }
        let value = {
            let view = tx.view();
            let value = read_block(&view, parts, number)?;
            let block = Block::decode(&value).ok_or_else(|| parts.unreadable())?;
            let mut draft = layout::Draft::new(number * BLOCK_LEN + slots.start);
            draft.push_cut(&block, slots).ok_or_else(|| parts.unreadable())?;
            draft.finish()
        };
        tx.put_part(new_parts, &layout::block_suffix(number), value);
    }
    let len = kept.end - kept.start;
    Ok((new_parts, Extent { head: kept.start, len, entry_bytes: Some(entry_bytes), ..extent }))
}
