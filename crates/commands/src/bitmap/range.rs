//! `BITCOUNT` and `BITPOS`: ranges of bytes or bits, with indexes from either end.
//!
//! The order in which arguments are looked at is Redis's, because it decides which error a client sees: an absent key is
//! answered before its range is read.

use std::ops::Range;

use data::{View, bitmap, string};

use crate::args::Args;
use crate::command::Reply;
use crate::error::{Error, Result};

use super::BYTE_BITS;

/// What the indexes of a range count.
#[derive(Clone, Copy)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn at(args: &Args<'_>, index: usize) -> Result<Unit> {
        match index {
            _ if index >= args.len() || args.is(index, "byte") => Ok(Unit::Byte),
            _ if args.is(index, "bit") => Ok(Unit::Bit),
            _ => Err(Error::Syntax),
        }
    }

    fn bits(self) -> u64 {
        match self {
            Unit::Byte => BYTE_BITS,
            Unit::Bit => 1,
        }
    }

    /// The bits between two indexes, both included; negative ones count from the end of the string.
    fn range(self, start: i64, end: i64, len: u64) -> Range<u64> {
        let total = len * BYTE_BITS / self.bits();
        let resolve = |index: i64| match u64::try_from(index) {
            Ok(index) => index,
            Err(_) => total.saturating_sub(index.unsigned_abs()),
        };
        let end = resolve(end).saturating_add(1).min(total);
        let start = resolve(start).min(end);
        start * self.bits()..end * self.bits()
    }
}

pub(super) fn bitcount(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(text) = string::read(view, args.at(1)?)? else {
        reply.integer(0);
        return Ok(());
    };
    let range = match args.len() {
        2 => 0..text.len() * BYTE_BITS,
        4 | 5 => {
            let (start, end) = (args.integer(2)?, args.integer(3)?);
            if end < start && start < 0 {
                // Known to be empty, so Redis does not look at the unit.
                0..0
            } else {
                Unit::at(args, 4)?.range(start, end, text.len())
            }
        }
        _ => return Err(Error::Syntax),
    };
    reply.integer(bitmap::count(view, &text, range)? as i64);
    Ok(())
}

pub(super) fn bitpos(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let set = match args.integer(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::BitArgument),
    };
    let Some(text) = string::read(view, args.at(1)?)? else {
        reply.integer(if set { -1 } else { 0 });
        return Ok(());
    };
    let (range, open) = match args.len() {
        3 => (0..text.len() * BYTE_BITS, true),
        4..=6 => {
            let start = args.integer(3)?;
            let unit = Unit::at(args, 5)?;
            let open = args.len() == 4;
            let end = if open { -1 } else { args.integer(4)? };
            (unit.range(start, end, text.len()), open)
        }
        _ => return Err(Error::Syntax),
    };
    let position = match bitmap::find(view, &text, range.clone(), set)? {
        Some(at) => at as i64,
        // Without an end the string goes on with zeros for ever, unless nothing of it was looked at.
        None if !set && open && !range.is_empty() => range.end as i64,
        None => -1,
    };
    reply.integer(position);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_indexes_count_from_the_end_in_the_unit_of_the_range() {
        assert_eq!(Unit::Byte.range(-2, -1, 10), 64..80);
        assert_eq!(Unit::Bit.range(-2, -1, 10), 78..80);
        assert_eq!(Unit::Byte.range(-100, 100, 2), 0..16);
    }

    #[test]
    fn ranges_outside_the_string_are_empty() {
        assert!(Unit::Byte.range(10, 20, 10).is_empty());
        assert!(Unit::Byte.range(5, 4, 10).is_empty());
        assert!(Unit::Bit.range(0, -1, 0).is_empty());
        assert!(Unit::Bit.range(i64::MAX, i64::MAX, 10).is_empty());
        assert_eq!(Unit::Bit.range(i64::MIN, i64::MIN, 10), 0..1, "both ends are clipped to the first bit");
    }
}
