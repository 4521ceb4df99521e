//! Elements taken off an end.
//!
//! What is popped of a block stays in it until nothing of the block is left: then it goes. So a pop reads one block and writes the
//! header.

use std::ops::Range;

use crate::error::Result;
use crate::header::Meta;
use crate::key::Parts;
use crate::packed;
use crate::tx::Tx;

use super::block::{live_slots, read_block, remove_longs};
use super::encoding::{entry_len, string_entry_len};
use super::layout::{self, Block, Element, Extent, INLINE_HEAD_LEN, Long};
use super::trim::settle;
use super::write::{Stored, limit, load, push, shrunk_inline};
use super::{End, find, read_long, unreadable_body};

/// A list that is emptied and has more elements leaves its blocks to the background.
const EMPTIED_AT_ONCE_MAX: u64 = 1024;

/// Takes up to `count` elements off an end and visits them, from the end on. A list whose last element goes is removed. `old` is
/// what [`Tx::find_kind`] returned for the key.
pub fn pop(tx: &mut Tx<'_>, key: &[u8], old: Meta, end: End, count: u64, mut visit: impl FnMut(&[u8])) -> Result<()> {
    match load(tx, key)? {
        Stored::Inline { quicklist, count: len, packed } => {
            let elements: Vec<&[u8]> = packed::strings(&packed).collect();
            if elements.len() as u64 != len {
                return Err(unreadable_body());
            }
            let count = count.min(len) as usize;
            let kept = match end {
                End::Left => {
                    elements[..count].iter().for_each(|element| visit(element));
                    &elements[count..]
                }
                End::Right => {
                    elements[elements.len() - count..].iter().rev().for_each(|element| visit(element));
                    &elements[..elements.len() - count]
                }
            };
            if kept.is_empty() {
                tx.remove(key, old);
                return Ok(());
            }
            let kept_bytes: usize = kept.iter().map(|element| packed::packed_len(element.len())).sum();
            let packed = if end == End::Left { &packed[packed.len() - kept_bytes..] } else { &packed[..kept_bytes] };
            let quicklist = shrunk_inline(limit(tx.keyspace()), quicklist, kept);
            let mut body = Vec::with_capacity(INLINE_HEAD_LEN + packed.len());
            layout::begin_inline(&mut body, quicklist, kept.len() as u16);
            body.extend_from_slice(packed);
            tx.put(key, Some(old), old, &body);
        }
        Stored::Blocks(parts, mut extent) => {
            let count = count.min(extent.len);
            let popped = match end {
                End::Left => extent.head..extent.head + count,
                End::Right => extent.tail() - count..extent.tail(),
            };
            let is_all = count == extent.len;
            let leaves_blocks = is_all && count > EMPTIED_AT_ONCE_MAX;
            take(tx, parts, &mut extent, popped, end, leaves_blocks, visit)?;
            match (is_all, leaves_blocks) {
                (true, true) => tx.remove(key, old),
                // Nothing of the parts is left, so there is nothing to note as garbage.
                (true, false) => tx.detach(key, old),
                (false, _) => {
                    settle(tx, parts, &mut extent)?;
                    tx.put(key, Some(old), old, &extent.encode());
                }
            }
        }
    }
    Ok(())
}

/// Moves the element at an end of a list to an end of the same list, and visits it. `old` is what [`Tx::find_kind`] returned for
/// the key.
pub fn rotate(tx: &mut Tx<'_>, key: &[u8], old: Meta, from: End, to: End, mut visit: impl FnMut(&[u8])) -> Result<()> {
    let mut moved = Vec::new();
    let body = {
        let view = tx.view();
        let list = find(&view, key)?.ok_or_else(unreadable_body)?;
        let position = if from == End::Left { 0 } else { list.len() - 1 };
        list.get(&view, position, |element| moved.extend_from_slice(element))?;
        (from == to || list.len() == 1).then(|| list.found.body().to_vec())
    };
    match body {
        // It stays where it is, but the list counts as written to.
        Some(body) => tx.put(key, Some(old), old, &body),
        None => {
            pop(tx, key, old, from, 1, |_| {})?;
            push(tx, key, Some(old), to, &[&moved])?;
        }
    }
    visit(&moved);
    Ok(())
}

/// Takes the elements of indexes at an end out of a list in blocks, and visits them, from the end on.
pub(super) fn take(
    tx: &mut Tx<'_>,
    parts: Parts,
    extent: &mut Extent,
    indexes: Range<u64>,
    end: End,
    leaves_records: bool,
    mut visit: impl FnMut(&[u8]),
) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    let (first, last) = (layout::block_of(indexes.start), layout::block_of(indexes.end - 1));
    let left = match end {
        End::Left => indexes.end..extent.tail(),
        End::Right => extent.head..indexes.start,
    };
    let mut bytes = 0;
    for nth in 0..=last - first {
        let number = if end == End::Left { first + nth } else { last - nth };
        let longs = {
            let view = tx.view();
            let value = read_block(&view, parts, number)?;
            let slots = live_slots(&indexes, number);
            let block = Block::decode(&value).and_then(|block| block.cut(slots)).ok_or_else(|| parts.unreadable())?;
            let mut longs: Vec<Long> = Vec::new();
            let mut each = |element: Option<Element<'_>>| -> Result<()> {
                match element.ok_or_else(|| parts.unreadable())? {
                    Element::Short(element) => {
                        bytes += entry_len(element);
                        visit(element);
                    }
                    Element::Long(long) => {
                        bytes += string_entry_len(long.len);
                        visit(&read_long(&view, parts, long)?);
                        longs.push(long);
                    }
                }
                Ok(())
            };
            match end {
                End::Left => block.elements().try_for_each(&mut each)?,
                End::Right => block.elements().collect::<Vec<_>>().into_iter().rev().try_for_each(&mut each)?,
            }
            longs
        };
        if leaves_records {
            continue;
        }
        remove_longs(tx, parts, &longs);
        if live_slots(&left, number).is_empty() {
            tx.remove_part(parts, &layout::block_suffix(number));
        }
    }
    (extent.head, extent.len) = (left.start, left.end - left.start);
    extent.entry_bytes = extent.entry_bytes.map(|known| known.saturating_sub(bytes));
    Ok(())
}
