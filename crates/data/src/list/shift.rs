//! Elements that go into or out of the middle of a list: others move up, those of the shorter side.
//!
//! Blocks are rewritten one after the other, towards the side that moves. The one that is written is never ahead of
//! the one that is read, so a list of any size needs the memory of two blocks, beside the batch.

use std::ops::Range;

use engine::Direction;

use crate::error::Result;
use crate::header::Meta;
use crate::key::Parts;
use crate::packed;
use crate::tx::Tx;

use super::block::{live_slots, read_block, remove_blocks, remove_longs};
use super::encoding::entry_len;
use super::layout::{self, BLOCK_LEN, Block, Draft, Element, Extent, INDEX_END, Long, SHORT_LEN_MAX};
use super::write::{Stored, limit, load, outgrown_inline, put_changed, shrunk_inline};
use super::{find, read_long, unreadable_body};

/// Inserts an element before or after the first one that is equal to `pivot`. Returns the new length, or None if there is no
/// such element. `old` is what [`Tx::find_kind`] returned for the key.
pub fn insert(
    tx: &mut Tx<'_>,
    key: &[u8],
    old: Meta,
    pivot: &[u8],
    is_after: bool,
    element: &[u8],
) -> Result<Option<u64>> {
    let limit = limit(tx.keyspace());
    let (found, len) = matches(tx, key, pivot, 1, Direction::Forward)?;
    let position = found.map(|found| found.first + u64::from(is_after));
    match load(tx, key)? {
        Stored::Inline { quicklist, count, packed } => {
            let outgrown = !quicklist && outgrown_inline(limit, &packed, count, element.len() as u64, 1);
            let mut elements: Vec<&[u8]> = packed::strings(&packed).collect();
            if let Some(position) = position {
                elements.insert((position as usize).min(elements.len()), element);
            }
            // Redis makes room before it looks for the pivot.
            if outgrown || position.is_some() {
                put_changed(tx, key, old, quicklist || outgrown, &elements)?;
            }
        }
        Stored::Blocks(parts, mut extent) => {
            let known = extent.entry_bytes.unwrap_or(0);
            let outgrown = !extent.quicklist && limit.outgrown(known + element.len() as u64, len + 1);
            extent.quicklist |= outgrown;
            if let Some(position) = position {
                insert_at(tx, parts, &mut extent, position, element)?;
            }
            if outgrown || position.is_some() {
                tx.put(key, Some(old), old, &extent.encode());
            }
        }
    }
    Ok(position.map(|_| len + 1))
}

/// Removes elements that are equal to one: the first `count`, or the last `-count`, or all if it is 0. Returns how many went. A
/// list whose last element goes is removed. `old` is what [`Tx::find_kind`] returned for the key.
pub fn remove(tx: &mut Tx<'_>, key: &[u8], old: Meta, count: i64, element: &[u8]) -> Result<u64> {
    let direction = if count < 0 { Direction::Backward } else { Direction::Forward };
    let count_max = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    let (Some(found), len) = matches(tx, key, element, count_max, direction)? else { return Ok(0) };
    if found.count == len {
        tx.remove(key, old);
        return Ok(found.count);
    }
    match load(tx, key)? {
        Stored::Inline { quicklist, packed, .. } => {
            let mut position = 0;
            let mut elements: Vec<&[u8]> = packed::strings(&packed).collect();
            elements.retain(|other| {
                let is_within = (found.first..=found.last).contains(&position);
                position += 1;
                !(is_within && *other == element)
            });
            put_changed(tx, key, old, shrunk_inline(limit(tx.keyspace()), quicklist, &elements), &elements)?;
        }
        Stored::Blocks(parts, mut extent) => {
            remove_between(tx, parts, &mut extent, &found, element)?;
            super::trim::settle(tx, parts, &mut extent)?;
            tx.put(key, Some(old), old, &extent.encode());
        }
    }
    Ok(found.count)
}

/// Where elements are that are equal to one.
struct Matches {
    first: u64,
    last: u64,
    count: u64,
}

/// Looks for up to `count_max` equal elements from an end on. Comes with the length of the list.
fn matches(
    tx: &Tx<'_>,
    key: &[u8],
    element: &[u8],
    count_max: u64,
    direction: Direction,
) -> Result<(Option<Matches>, u64)> {
    let view = tx.view();
    let list = find(&view, key)?.ok_or_else(unreadable_body)?;
    let mut matches: Option<Matches> = None;
    list.search(&view, 0..list.len(), direction, element, |position| {
        let matches = matches.get_or_insert(Matches { first: position, last: position, count: 0 });
        matches.first = matches.first.min(position);
        matches.last = matches.last.max(position);
        matches.count += 1;
        matches.count < count_max
    })?;
    Ok((matches, list.len()))
}

fn insert_at(tx: &mut Tx<'_>, parts: Parts, extent: &mut Extent, position: u64, element: &[u8]) -> Result<()> {
    let moves_left = position <= extent.len / 2;
    if extent.head == 0 || extent.tail() == INDEX_END {
        // Nobody pushes so often.
        return Err(parts.unreadable());
    }
    let long = Long { len: element.len() as u64, id: extent.next_long };
    let entry = if element.len() <= SHORT_LEN_MAX { Element::Short(element) } else { Element::Long(long) };
    // In the old indexes: before this one.
    let target = extent.head + position;
    if moves_left {
        // All before the target go one to the left. The rest of the block in which it comes to lie is copied as it is.
        let end = block_end(target - 1).min(extent.tail());
        let mut mover = Mover::new(parts, Direction::Forward, extent.head - 1);
        for number in blocks(&(extent.head..end)) {
            let value = read_owned(tx, parts, number)?;
            for (index, moved) in entries(parts, &value, number, &(extent.head..end))? {
                if index == target {
                    mover.put(tx, entry);
                }
                mover.put(tx, moved);
            }
        }
        if target == end {
            mover.put(tx, entry);
        }
        mover.finish(tx);
        extent.head -= 1;
    } else {
        let start = block_start(target).max(extent.head);
        let mut mover = Mover::new(parts, Direction::Backward, extent.tail() + 1);
        for number in blocks(&(start..extent.tail())).rev() {
            let value = read_owned(tx, parts, number)?;
            for (index, moved) in entries(parts, &value, number, &(start..extent.tail()))?.into_iter().rev() {
                if index + 1 == target {
                    mover.put(tx, entry);
                }
                mover.put(tx, moved);
            }
        }
        if target == start {
            mover.put(tx, entry);
        }
        mover.finish(tx);
    }
    if element.len() > SHORT_LEN_MAX {
        tx.put_part(parts, &layout::long_suffix(long.id), element.to_vec());
        extent.next_long += 1;
    }
    extent.len += 1;
    extent.entry_bytes = extent.entry_bytes.map(|known| known + entry_len(element));
    Ok(())
}

/// Removes all equal elements between the first and the last match.
fn remove_between(tx: &mut Tx<'_>, parts: Parts, extent: &mut Extent, found: &Matches, element: &[u8]) -> Result<()> {
    let gone = extent.head + found.first..extent.head + found.last + 1;
    let moves_left = extent.len - found.first <= found.last + 1;
    let (direction, moved) = match moves_left {
        // What follows the first match moves towards the head.
        true => (Direction::Forward, block_start(gone.start).max(extent.head)..extent.tail()),
        false => (Direction::Backward, extent.head..block_end(gone.end - 1).min(extent.tail())),
    };
    let mut mover = Mover::new(parts, direction, if moves_left { moved.start } else { moved.end });
    let numbers = blocks(&moved);
    let count = numbers.end - numbers.start;
    for nth in 0..count {
        let number = if moves_left { numbers.start + nth } else { numbers.end - 1 - nth };
        let value = read_owned(tx, parts, number)?;
        let mut entries = entries(parts, &value, number, &moved)?;
        if !moves_left {
            entries.reverse();
        }
        for (index, entry) in entries {
            let is_gone = gone.contains(&index) && is_equal(tx, parts, entry, element)?;
            match entry {
                Element::Long(long) if is_gone => remove_longs(tx, parts, &[long]),
                _ if is_gone => {}
                entry => mover.put(tx, entry),
            }
        }
    }
    mover.finish(tx);
    let before = blocks(&extent.indexes());
    extent.head += if moves_left { 0 } else { found.count };
    extent.len -= found.count;
    let after = blocks(&extent.indexes());
    remove_blocks(tx, parts, before.start..after.start);
    remove_blocks(tx, parts, after.end..before.end);
    extent.entry_bytes = extent.entry_bytes.map(|known| known.saturating_sub(found.count * entry_len(element)));
    Ok(())
}

fn is_equal(tx: &Tx<'_>, parts: Parts, entry: Element<'_>, element: &[u8]) -> Result<bool> {
    Ok(match entry {
        Element::Short(bytes) => bytes == element,
        Element::Long(long) if long.len != element.len() as u64 => false,
        Element::Long(long) => *read_long(&tx.view(), parts, long)? == *element,
    })
}

/// The numbers of the blocks of indexes.
fn blocks(indexes: &Range<u64>) -> Range<u64> {
    if indexes.is_empty() {
        return 0..0;
    }
    layout::block_of(indexes.start)..layout::block_of(indexes.end - 1) + 1
}

fn block_start(index: u64) -> u64 {
    layout::block_of(index) * BLOCK_LEN
}

fn block_end(index: u64) -> u64 {
    block_start(index) + BLOCK_LEN
}

fn read_owned(tx: &Tx<'_>, parts: Parts, number: u64) -> Result<Vec<u8>> {
    Ok(read_block(&tx.view(), parts, number)?.to_vec())
}

/// The entries of a block that have indexes of a range, with these.
fn entries<'a>(parts: Parts, value: &'a [u8], number: u64, indexes: &Range<u64>) -> Result<Vec<(u64, Element<'a>)>> {
    let slots = live_slots(indexes, number);
    let first = number * BLOCK_LEN + slots.start;
    let block = Block::decode(value).and_then(|block| block.cut(slots)).ok_or_else(|| parts.unreadable())?;
    let entries = (first..).zip(block.elements());
    entries.map(|(index, entry)| Ok((index, entry.ok_or_else(|| parts.unreadable())?))).collect()
}

/// Writes entries at consecutive indexes, upwards or downwards, a block as soon as it is full.
struct Mover {
    parts: Parts,
    direction: Direction,
    /// Upwards the next index, downwards the one after it.
    next: u64,
    /// Entries of the block that is not full yet, in the order in which they came: where their bytes are, or their marks.
    held: Vec<Held>,
    bytes: Vec<u8>,
}

enum Held {
    Short(Range<usize>),
    Long(Long),
}

impl Mover {
    fn new(parts: Parts, direction: Direction, next: u64) -> Mover {
        Mover { parts, direction, next, held: Vec::with_capacity(BLOCK_LEN as usize), bytes: Vec::new() }
    }

    fn put(&mut self, tx: &mut Tx<'_>, entry: Element<'_>) {
        self.held.push(match entry {
            Element::Short(element) => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(element);
                Held::Short(start..self.bytes.len())
            }
            Element::Long(long) => Held::Long(long),
        });
        match self.direction {
            Direction::Forward => self.next += 1,
            Direction::Backward => self.next -= 1,
        }
        if self.next.is_multiple_of(BLOCK_LEN) {
            self.finish(tx);
        }
    }

    /// Writes the block that is not full.
    fn finish(&mut self, tx: &mut Tx<'_>) {
        if self.held.is_empty() {
            return;
        }
        let first = match self.direction {
            Direction::Forward => self.next - self.held.len() as u64,
            Direction::Backward => self.next,
        };
        if self.direction == Direction::Backward {
            self.held.reverse();
        }
        let mut draft = Draft::new(first);
        draft.reserve(self.bytes.len() + self.held.len());
        for held in &self.held {
            draft.push(match held {
                Held::Short(range) => Element::Short(&self.bytes[range.clone()]),
                Held::Long(long) => Element::Long(*long),
            });
        }
        tx.put_part(self.parts, &layout::block_suffix(layout::block_of(first)), draft.finish());
        self.held.clear();
        self.bytes.clear();
    }
}
