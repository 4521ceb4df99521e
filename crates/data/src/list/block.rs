//! Blocks of a list as records: read, written where elements were pushed or replaced, and removed.

use std::ops::Range;

use engine::Value;

use crate::error::Result;
use crate::key::Parts;
use crate::tx::Tx;
use crate::view::View;

use super::layout::{self, BLOCK_LEN, Block, Draft, Element, Extent, Long, SHORT_LEN_MAX};

/// A block that has to be there.
pub(super) fn read_block<'a>(view: &View<'a>, parts: Parts, number: u64) -> Result<Value<'a>> {
    view.part(parts, &layout::block_suffix(number))?.ok_or_else(|| parts.unreadable())
}

/// The slots of a block that have indexes of a range.
pub(super) fn live_slots(indexes: &Range<u64>, number: u64) -> Range<u64> {
    let start = number * BLOCK_LEN;
    let from = indexes.start.clamp(start, start + BLOCK_LEN) - start;
    from..(indexes.end.clamp(start, start + BLOCK_LEN) - start).max(from)
}

/// Writes elements at consecutive indexes. What else the blocks have of the indexes in `extent` stays; `extent` is the list as it
/// was, but for the ids of long elements, which are taken from it.
pub(super) fn write_run<'a>(
    tx: &mut Tx<'_>,
    parts: Parts,
    extent: &mut Extent,
    indexes: Range<u64>,
    mut elements: impl Iterator<Item = &'a [u8]>,
) -> Result<()> {
    let mut at = indexes.start;
    while at < indexes.end {
        let number = layout::block_of(at);
        let new = live_slots(&(at..indexes.end), number);
        let live = live_slots(&extent.indexes(), number);
        let before = live.start.min(new.start)..live.end.min(new.start);
        let after = live.start.max(new.end)..live.end.max(new.end);
        let mut longs: Vec<(u64, &[u8])> = Vec::new();
        let draft = {
            let view = tx.view();
            let kept = match before.is_empty() && after.is_empty() {
                true => None,
                false => Some(read_block(&view, parts, number)?),
            };
            let kept =
                kept.as_deref().map(|value| Block::decode(value).ok_or_else(|| parts.unreadable())).transpose()?;
            let first = if before.is_empty() { new.start } else { before.start };
            let mut draft = Draft::new(first);
            if let Some(block) = &kept {
                draft.reserve(block.packed_len() + usize::from(SHORT_ROOM));
                draft.push_cut(block, before).ok_or_else(|| parts.unreadable())?;
            }
            for element in elements.by_ref().take((new.end - new.start) as usize) {
                if element.len() <= SHORT_LEN_MAX {
                    draft.push(Element::Short(element));
                } else {
                    draft.push(Element::Long(Long { len: element.len() as u64, id: extent.next_long }));
                    longs.push((extent.next_long, element));
                    extent.next_long += 1;
                }
            }
            if let Some(block) = &kept {
                draft.push_cut(block, after).ok_or_else(|| parts.unreadable())?;
            }
            draft
        };
        tx.put_part(parts, &layout::block_suffix(number), draft.finish());
        for (id, element) in longs {
            tx.put_part(parts, &layout::long_suffix(id), element.to_vec());
        }
        at += new.end - new.start;
    }
    Ok(())
}

/// Room for the elements of a small push, in bytes.
const SHORT_ROOM: u8 = 64;

/// Removes long elements.
pub(super) fn remove_longs(tx: &mut Tx<'_>, parts: Parts, longs: &[Long]) {
    for long in longs {
        tx.remove_part(parts, &layout::long_suffix(long.id));
    }
}

/// Removes blocks by their numbers.
pub(super) fn remove_blocks(tx: &mut Tx<'_>, parts: Parts, numbers: Range<u64>) {
    for number in numbers {
        tx.remove_part(parts, &layout::block_suffix(number));
    }
}
