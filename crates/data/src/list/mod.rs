//! Lists: elements in the order of their pushes, read by position from either end.
//!
//! A small list lies in its key's header. A large one is cut into blocks of 32 elements by index; [`layout`] draws both. Indexes
//! go on at both ends, so pushing writes one block, popping only the header, and the block of any position is computed. [`encoding`]
//! knows in what Redis would keep the list.

pub mod layout;

mod block;
mod encoding;
mod pop;
mod shift;
mod trim;
mod write;

use std::ops::Range;

use engine::{Direction, Family, Value};

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::packed;
use crate::view::{Found, View};

use block::{live_slots, read_block};
use layout::{Block, Element, Extent, INLINE_HEAD_LEN, Long, Shape};
pub use pop::{pop, rotate};
pub use shift::{insert, remove};
pub use trim::trim;
pub use write::{push, set, store};

/// Reads of up to this many blocks get them one by one; longer ones scan.
const POINT_READS_MAX: u64 = 5;
/// Blocks after which a long read looks whether somebody still waits for it.
const BLOCKS_BETWEEN_CHECKS: u64 = 32;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its first element.
    Left,
    /// Its last element.
    Right,
}

/// A list that is there. Nothing of it is copied until it is asked for.
pub struct List<'v> {
    found: Found<'v>,
    shape: Shape,
}

/// The list of a key, counted as a hit or a miss.
pub fn read<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<List<'v>>> {
    view.read_kind(key, Kind::List)?.map(List::new).transpose()
}

/// The list of a key, not counted: for commands that change it.
pub fn find<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<List<'v>>> {
    view.find(key)?.map(|found| List::new(found.expect(Kind::List)?)).transpose()
}

impl<'v> List<'v> {
    /// The list in a record of kind [`Kind::List`].
    pub fn new(found: Found<'v>) -> Result<List<'v>> {
        let shape = layout::decode(found.body()).ok_or_else(unreadable_body)?;
        match (shape, found.meta.parts) {
            (Shape::Inline { .. }, None) | (Shape::Blocks(_), Some(_)) => Ok(List { found, shape }),
            _ => Err(unreadable_body()),
        }
    }

    /// The header.
    pub fn meta(&self) -> Meta {
        self.found.meta
    }

    /// How many elements it has.
    #[allow(clippy::len_without_is_empty, reason = "a list without elements is not there")]
    pub fn len(&self) -> u64 {
        match self.shape {
            Shape::Inline { count, .. } => u64::from(count),
            Shape::Blocks(extent) => extent.len,
        }
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        let (Shape::Inline { quicklist, .. } | Shape::Blocks(Extent { quicklist, .. })) = self.shape;
        if quicklist { "quicklist" } else { "listpack" }
    }

    /// The position that an index of a command means: negative ones count from the end. None where there is no element.
    pub fn position(&self, index: i64) -> Option<u64> {
        match u64::try_from(index) {
            Ok(position) => Some(position).filter(|&position| position < self.len()),
            Err(_) => self.len().checked_sub(index.unsigned_abs()),
        }
    }

    /// The positions between two indexes of a command, both included. Empty where there are none.
    pub fn range(&self, start: i64, stop: i64) -> Range<u64> {
        let len = self.len();
        let from_end = |index: i64| len.checked_sub(index.unsigned_abs());
        let start = u64::try_from(start).unwrap_or_else(|_| from_end(start).unwrap_or(0));
        let end = match u64::try_from(stop) {
            Ok(stop) => stop.saturating_add(1).min(len),
            Err(_) => from_end(stop).map_or(0, |stop| stop + 1),
        };
        if start < end { start..end } else { 0..0 }
    }

    /// Visits the element at a position that is there.
    pub fn get(&self, view: &View<'_>, position: u64, visit: impl FnOnce(&[u8])) -> Result<()> {
        let (extent, parts) = match (self.shape, self.found.meta.parts) {
            (Shape::Blocks(extent), Some(parts)) => (extent, parts),
            _ => {
                let element = usize::try_from(position).ok().and_then(|nth| self.inline().nth(nth));
                visit(element.ok_or_else(unreadable_body)?);
                return Ok(());
            }
        };
        view.admit_parts()?;
        let index = extent.head + position;
        let value = read_block(view, parts, layout::block_of(index))?;
        let element = Block::decode(&value).and_then(|block| block.get(index % layout::BLOCK_LEN));
        match element.ok_or_else(|| parts.unreadable())? {
            Element::Short(bytes) => visit(bytes),
            Element::Long(long) => {
                view.admit(long.len)?;
                visit(&read_long(view, parts, long)?);
            }
        }
        Ok(())
    }

    /// Visits the elements at a range of positions, from the first to the last, or the other way, until `visit` says stop (by
    /// false).
    pub fn walk(
        &self,
        view: &View<'_>,
        positions: Range<u64>,
        direction: Direction,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        self.admit(view, positions.end - positions.start)?;
        self.walk_entries(view, positions, direction, |entry| match entry {
            Element::Short(bytes) => Ok(visit(bytes)),
            Element::Long(long) => Ok(visit(&self.read_long(view, long)?)),
        })
    }

    /// Visits the positions of elements that are equal to one, in a range of positions, in the order asked for, until `visit` says
    /// stop (by false).
    pub fn search(
        &self,
        view: &View<'_>,
        positions: Range<u64>,
        direction: Direction,
        element: &[u8],
        mut visit: impl FnMut(u64) -> bool,
    ) -> Result<()> {
        self.admit(view, positions.end - positions.start)?;
        let (start, end, mut seen) = (positions.start, positions.end, 0);
        self.walk_entries(view, positions, direction, |entry| {
            let position = if direction == Direction::Forward { start + seen } else { end - 1 - seen };
            seen += 1;
            let equal = match entry {
                Element::Short(bytes) => bytes == element,
                Element::Long(long) => long.len == element.len() as u64 && *self.read_long(view, long)? == *element,
            };
            Ok(!equal || visit(position))
        })
    }

    /// Says whether so many of the elements may be read here.
    fn admit(&self, view: &View<'_>, count: u64) -> Result<()> {
        let Shape::Blocks(extent) = self.shape else { return Ok(()) };
        view.admit_parts()?;
        view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
        let mean = extent.entry_bytes.unwrap_or(0) / extent.len;
        view.admit(mean.saturating_mul(count))
    }

    fn walk_entries(
        &self,
        view: &View<'_>,
        positions: Range<u64>,
        direction: Direction,
        mut visit: impl FnMut(Element<'_>) -> Result<bool>,
    ) -> Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        match (self.shape, self.found.meta.parts) {
            (Shape::Blocks(extent), Some(parts)) => {
                let indexes = extent.head + positions.start..extent.head + positions.end;
                walk_blocks(view, parts, indexes, direction, &mut visit)
            }
            _ => {
                let count = positions.end - positions.start;
                let mut elements: Vec<&[u8]> =
                    self.inline().skip(positions.start as usize).take(count as usize).collect();
                if elements.len() as u64 != count {
                    return Err(unreadable_body());
                }
                if direction == Direction::Backward {
                    elements.reverse();
                }
                for element in elements {
                    if !visit(Element::Short(element))? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// The elements of an inline list.
    fn inline(&self) -> packed::Strings<'_> {
        packed::strings(&self.found.body()[INLINE_HEAD_LEN..])
    }

    fn read_long<'a>(&self, view: &View<'a>, long: Long) -> Result<Value<'a>> {
        read_long(view, self.found.meta.parts.ok_or_else(unreadable_body)?, long)
    }
}

/// Visits the entries of a range of indexes, in the order asked for, until `visit` says stop (by false).
fn walk_blocks(
    view: &View<'_>,
    parts: Parts,
    indexes: Range<u64>,
    direction: Direction,
    visit: &mut impl FnMut(Element<'_>) -> Result<bool>,
) -> Result<()> {
    let (first, last) = (layout::block_of(indexes.start), layout::block_of(indexes.end - 1));
    let count = last - first + 1;
    let number = |nth: u64| if direction == Direction::Forward { first + nth } else { last - nth };
    if count <= POINT_READS_MAX {
        for nth in 0..count {
            let value = read_block(view, parts, number(nth))?;
            if !visit_block(parts, &value, live_slots(&indexes, number(nth)), direction, visit)? {
                break;
            }
        }
        return Ok(());
    }
    let (from, to) = (layout::block_suffix(first), layout::block_suffix(last + 1));
    let mut cursor = view.records(Family::Elements, parts, &from, Some(&to), direction)?;
    for nth in 0..count {
        if nth % BLOCKS_BETWEEN_CHECKS == 0 {
            view.go_on()?;
        }
        let found = cursor.next()?.filter(|(suffix, _)| layout::decode_block_suffix(suffix) == Some(number(nth)));
        let (_, value) = found.ok_or_else(|| parts.unreadable())?;
        if !visit_block(parts, value, live_slots(&indexes, number(nth)), direction, visit)? {
            break;
        }
    }
    Ok(())
}

/// Visits the entries of slots of a block. False if `visit` said stop.
fn visit_block(
    parts: Parts,
    value: &[u8],
    slots: Range<u64>,
    direction: Direction,
    visit: &mut impl FnMut(Element<'_>) -> Result<bool>,
) -> Result<bool> {
    let block = Block::decode(value).and_then(|block| block.cut(slots)).ok_or_else(|| parts.unreadable())?;
    match direction {
        Direction::Forward => {
            for entry in block.elements() {
                if !visit(entry.ok_or_else(|| parts.unreadable())?)? {
                    return Ok(false);
                }
            }
        }
        Direction::Backward => {
            let entries: Vec<_> = block.elements().collect();
            for entry in entries.into_iter().rev() {
                if !visit(entry.ok_or_else(|| parts.unreadable())?)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

fn read_long<'a>(view: &View<'a>, parts: Parts, long: Long) -> Result<Value<'a>> {
    let value = view.part(parts, &layout::long_suffix(long.id))?.ok_or_else(|| parts.unreadable())?;
    if value.len() as u64 == long.len { Ok(value) } else { Err(parts.unreadable()) }
}

fn unreadable_body() -> Error {
    Error::BadRecord("the header of a list".to_owned())
}

#[cfg(test)]
mod tests;
