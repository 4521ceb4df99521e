//! Lists that are made, grow at their ends, or have an element replaced.

use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::keyspace::Keyspace;
use crate::packed::{self, packed_len};
use crate::tx::Tx;

use super::block::{read_block, remove_longs, write_run};
use super::encoding::{self, Limit, entry_len, string_entry_len};
use super::layout::{self, BLOCK_LEN, Block, Draft, Element, Extent, INDEX_END, INDEX_START, INLINE_HEAD_LEN, Long};
use super::layout::{INLINE_LEN_MAX, SHORT_LEN_MAX, Shape};
use super::{End, find, unreadable_body};

/// A list as it is before a change.
pub(super) enum Stored {
    /// What `OBJECT ENCODING` says is a quicklist, and the elements, packed, with their number.
    Inline {
        quicklist: bool,
        count: u64,
        packed: Vec<u8>,
    },
    Blocks(Parts, Extent),
}

/// Reads a list that [`Tx::find_kind`] found.
pub(super) fn load(tx: &Tx<'_>, key: &[u8]) -> Result<Stored> {
    let view = tx.view();
    let list = find(&view, key)?.ok_or_else(unreadable_body)?;
    match (list.shape, list.meta().parts) {
        (Shape::Blocks(extent), Some(parts)) => Ok(Stored::Blocks(parts, extent)),
        (Shape::Inline { quicklist, count }, _) => {
            let packed = list.found.body()[INLINE_HEAD_LEN..].to_vec();
            Ok(Stored::Inline { quicklist, count: u64::from(count), packed })
        }
        _ => Err(unreadable_body()),
    }
}

/// What the options say of the size of a listpack.
pub(super) fn limit(keyspace: &Keyspace) -> Limit {
    Limit::new(keyspace.settings.encodings.list_max_listpack_size.load(Ordering::Relaxed))
}

/// Adds elements at an end, one after the other. Returns the new length. `old` is what [`Tx::find_kind`] returned for the key; an
/// absent list is an empty one. Expiry stays.
pub fn push(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, end: End, elements: &[&[u8]]) -> Result<u64> {
    let limit = limit(tx.keyspace());
    let (added, bytes) = (elements.len() as u64, elements.iter().map(|element| element.len() as u64).sum::<u64>());
    let stored = match old {
        Some(_) => load(tx, key)?,
        None => Stored::Inline { quicklist: false, count: 0, packed: Vec::new() },
    };
    let meta = old.unwrap_or(Meta::new(Kind::List));
    match stored {
        Stored::Inline { quicklist, count, packed } => {
            let quicklist = quicklist || outgrown_inline(limit, &packed, count, bytes, added);
            let len = packed.len() + elements.iter().map(|element| packed_len(element.len())).sum::<usize>();
            if INLINE_HEAD_LEN + len > INLINE_LEN_MAX {
                let before: Vec<&[u8]> = packed::strings(&packed).collect();
                let all: Vec<&[u8]> = match end {
                    End::Left => elements.iter().rev().chain(&before).copied().collect(),
                    End::Right => before.iter().chain(elements).copied().collect(),
                };
                return put_blocks(tx, key, old, meta, quicklist, &all);
            }
            let mut body = Vec::with_capacity(INLINE_HEAD_LEN + len);
            // An inline list has no more elements than bytes.
            layout::begin_inline(&mut body, quicklist, (count + added) as u16);
            match end {
                End::Left => {
                    elements.iter().rev().for_each(|element| packed::push(&mut body, element));
                    body.extend_from_slice(&packed);
                }
                End::Right => {
                    body.extend_from_slice(&packed);
                    elements.iter().for_each(|element| packed::push(&mut body, element));
                }
            }
            tx.put(key, old, meta, &body);
            Ok(count + added)
        }
        Stored::Blocks(parts, mut extent) => {
            let known = extent.entry_bytes.unwrap_or(0);
            extent.quicklist = extent.quicklist || limit.outgrown(known + bytes, extent.len + added);
            let indexes = new_indexes(&extent, end, added)?;
            match end {
                End::Left => write_run(tx, parts, &mut extent, indexes.clone(), elements.iter().rev().copied())?,
                End::Right => write_run(tx, parts, &mut extent, indexes.clone(), elements.iter().copied())?,
            }
            extent.head = extent.head.min(indexes.start);
            extent.len += added;
            extent.entry_bytes =
                extent.entry_bytes.map(|known| known + elements.iter().map(|element| entry_len(element)).sum::<u64>());
            tx.put(key, old, meta, &extent.encode());
            Ok(extent.len)
        }
    }
}

/// The indexes of so many elements at an end.
fn new_indexes(extent: &Extent, end: End, added: u64) -> Result<Range<u64>> {
    let indexes = match end {
        End::Left => extent.head.checked_sub(added).map(|start| start..extent.head),
        End::Right => extent.tail().checked_add(added).map(|end| extent.tail()..end),
    };
    // Nobody pushes so often.
    indexes.filter(|indexes| indexes.end <= INDEX_END).ok_or_else(unreadable_body)
}

/// True if an inline list becomes a quicklist when elements are added.
pub(super) fn outgrown_inline(limit: Limit, packed: &[u8], count: u64, bytes: u64, added: u64) -> bool {
    let at_most = encoding::entry_bytes_max(packed.len(), count);
    limit.outgrown(at_most + bytes, count + added)
        && limit.outgrown(encoding::entry_bytes(packed) + bytes, count + added)
}

/// Replaces the element at a position that is there. `old` is what [`Tx::find_kind`] returned for the key.
pub fn set(tx: &mut Tx<'_>, key: &[u8], old: Meta, position: u64, element: &[u8]) -> Result<()> {
    let limit = limit(tx.keyspace());
    match load(tx, key)? {
        Stored::Inline { quicklist, count, packed } => {
            let quicklist = quicklist || outgrown_inline(limit, &packed, count, element.len() as u64, 1);
            let mut elements: Vec<&[u8]> = packed::strings(&packed).collect();
            let nth = usize::try_from(position).ok().and_then(|nth| elements.get_mut(nth));
            *nth.ok_or_else(unreadable_body)? = element;
            put_changed(tx, key, old, shrunk_inline(limit, quicklist, &elements), &elements)
        }
        Stored::Blocks(parts, mut extent) => {
            let known = extent.entry_bytes.unwrap_or(0);
            extent.quicklist = extent.quicklist || limit.outgrown(known + element.len() as u64, extent.len + 1);
            let index = extent.head + position;
            let before = replace(tx, parts, &mut extent, index, element)?;
            extent.entry_bytes = extent.entry_bytes.map(|known| (known + entry_len(element)).saturating_sub(before));
            super::trim::settle(tx, parts, &mut extent)?;
            tx.put(key, Some(old), old, &extent.encode());
            Ok(())
        }
    }
}

/// Replaces the element of an index. Returns what the old one took as an entry of a listpack.
fn replace(tx: &mut Tx<'_>, parts: Parts, extent: &mut Extent, index: u64, element: &[u8]) -> Result<u64> {
    let (number, slot) = (layout::block_of(index), index % BLOCK_LEN);
    let live = super::live_slots(&extent.indexes(), number);
    let (value, old_long, before) = {
        let view = tx.view();
        let value = read_block(&view, parts, number)?;
        let block = Block::decode(&value).ok_or_else(|| parts.unreadable())?;
        let (old_long, before) = match block.get(slot).ok_or_else(|| parts.unreadable())? {
            Element::Short(bytes) => (None, entry_len(bytes)),
            Element::Long(long) => (Some(long), string_entry_len(long.len)),
        };
        let mut draft = Draft::new(live.start);
        draft.reserve(block.packed_len() + SHORT_LEN_MAX);
        draft.push_cut(&block, live.start..slot).ok_or_else(|| parts.unreadable())?;
        draft.push(match element.len() <= SHORT_LEN_MAX {
            true => Element::Short(element),
            false => Element::Long(Long { len: element.len() as u64, id: extent.next_long }),
        });
        draft.push_cut(&block, slot + 1..live.end).ok_or_else(|| parts.unreadable())?;
        (draft.finish(), old_long, before)
    };
    tx.put_part(parts, &layout::block_suffix(number), value);
    remove_longs(tx, parts, old_long.as_slice());
    if element.len() > SHORT_LEN_MAX {
        tx.put_part(parts, &layout::long_suffix(extent.next_long), element.to_vec());
        extent.next_long += 1;
    }
    Ok(before)
}

/// Makes a key a list of these elements, at least one, whatever it was. `old` is what [`Tx::find`] returned for it. It has no
/// expiry then.
pub fn store(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, elements: &[&[u8]]) -> Result<()> {
    let bytes = elements.iter().map(|element| entry_len(element)).sum();
    let last = elements.last().ok_or_else(unreadable_body)?;
    let quicklist = !limit(tx.keyspace()).holds(bytes, elements.len() as u64, last);
    let body_len = elements.iter().fold(INLINE_HEAD_LEN, |len, element| len.saturating_add(packed_len(element.len())));
    if body_len <= INLINE_LEN_MAX {
        put_inline(tx, key, old, Meta::new(Kind::List), quicklist, elements);
    } else {
        put_blocks(tx, key, old, Meta::new(Kind::List), quicklist, elements)?;
    }
    Ok(())
}

/// Writes an inline list after a change, in blocks if it no longer fits.
pub(super) fn put_changed(tx: &mut Tx<'_>, key: &[u8], old: Meta, quicklist: bool, elements: &[&[u8]]) -> Result<()> {
    if elements.is_empty() {
        tx.remove(key, old);
        return Ok(());
    }
    let body_len: usize = INLINE_HEAD_LEN + elements.iter().map(|element| packed_len(element.len())).sum::<usize>();
    if body_len <= INLINE_LEN_MAX {
        put_inline(tx, key, Some(old), old, quicklist, elements);
        return Ok(());
    }
    put_blocks(tx, key, Some(old), old, quicklist, elements).map(drop)
}

/// True if an inline list remains a quicklist after it has shrunk.
pub(super) fn shrunk_inline(limit: Limit, quicklist: bool, elements: &[&[u8]]) -> bool {
    quicklist && !limit.regained(elements.iter().map(|element| entry_len(element)).sum(), elements.len() as u64)
}

fn put_inline(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, meta: Meta, quicklist: bool, elements: &[&[u8]]) {
    let mut body = Vec::with_capacity(INLINE_LEN_MAX);
    // An inline list has no more elements than bytes.
    layout::begin_inline(&mut body, quicklist, elements.len() as u16);
    elements.iter().for_each(|element| packed::push(&mut body, element));
    tx.put(key, old, meta, &body);
}

/// Writes a list in blocks, under a new version. Returns its length.
fn put_blocks(
    tx: &mut Tx<'_>,
    key: &[u8],
    old: Option<Meta>,
    meta: Meta,
    quicklist: bool,
    elements: &[&[u8]],
) -> Result<u64> {
    let len = elements.len() as u64;
    let parts = tx.new_parts(key);
    let entry_bytes = Some(elements.iter().map(|element| entry_len(element)).sum());
    let mut extent = Extent { quicklist, head: INDEX_START, len: 0, entry_bytes, next_long: 0 };
    write_run(tx, parts, &mut extent, INDEX_START..INDEX_START + len, elements.iter().copied())?;
    extent.len = len;
    tx.put(key, old, Meta { parts: Some(parts), ..meta }, &extent.encode());
    Ok(len)
}
