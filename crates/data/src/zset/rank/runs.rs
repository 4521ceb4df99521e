//! Runs of rows, read as wholes: so that one is kept in the hot tier as one entry, and ranks and short ranges of a set that is in
//! use need no iterator.
//!
//! In memory a run is its rows in order, as strings of [`crate::packed`], under the run's boundary. A row is there as it is in `scores`, but for
//! its tag, which says whether the score is -0. The index ([`super`]) says which runs a change of a row touches; they are forgotten with the commit.

use std::ops::Range;

use engine::{Direction, Family, Value};

use crate::error::Result;
use crate::key::Parts;
use crate::packed;
use crate::view::View;
use crate::zset::layout::{self, Shape};
use crate::zset::read::Visit;

/// Room for a level and the boundary of a run, of which few are longer: a place, and some of a name where scores are equal.
const BOUNDARY_LEN_EXPECTED: usize = 32;

/// What is looked for in the index.
#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    /// A row, with its tag, or the place where it would be.
    Row(&'a [u8]),
    /// The row of a rank.
    Rank(u64),
}

/// A run, as the index has it.
struct Run {
    /// Level 0, then its boundary: the suffix at which it begins.
    begin: Vec<u8>,
    /// Rows before it.
    before: u64,
    rows: u64,
}

/// How many rows lie before a row, or before the place where it would be.
pub(crate) fn count_before(view: &View<'_>, parts: Parts, shape: &Shape, bound: &[u8]) -> Result<u64> {
    let run = find(view, parts, shape, Target::Row(bound))?;
    let rows = rows(view, parts, shape, &run)?;
    Ok(run.before + layout::run_rows_below(&rows, bound.get(1..).unwrap_or(&[])))
}

/// Visits the rows of these ranks, which are there; from the last one backwards where `reverse`.
pub(crate) fn visit(
    view: &View<'_>,
    parts: Parts,
    shape: &Shape,
    ranks: Range<u64>,
    reverse: bool,
    visit: Visit<'_>,
) -> Result<()> {
    let Range { mut start, mut end } = ranks;
    while start < end {
        let run = find(view, parts, shape, Target::Rank(if reverse { end - 1 } else { start }))?;
        let rows = rows(view, parts, shape, &run)?;
        let (from, to) = (start.max(run.before), end.min(run.before + run.rows));
        let rows = packed::strings(&rows).skip((from - run.before) as usize).take((to - from) as usize);
        let mut left = to - from;
        let mut each = |row: &[u8]| {
            left -= 1;
            let (score, member) = layout::decode_run_row(row).ok_or_else(|| parts.unreadable())?;
            visit(member, score)
        };
        let goes_on = if reverse {
            let rows: Vec<&[u8]> = rows.collect();
            visit_all(rows.into_iter().rev(), &mut each)?
        } else {
            visit_all(rows, &mut each)?
        };
        if !goes_on {
            return Ok(());
        }
        if left > 0 {
            return Err(parts.unreadable());
        }
        (start, end) = if reverse { (start, from) } else { (to, end) };
    }
    Ok(())
}

/// Visits rows until `visit` says stop, by false. Returns the same.
fn visit_all<'r>(rows: impl Iterator<Item = &'r [u8]>, visit: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
    for row in rows {
        if !visit(row)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The run in which something lies.
fn find(view: &View<'_>, parts: Parts, shape: &Shape, target: Target<'_>) -> Result<Run> {
    let mut run = Run { begin: Vec::with_capacity(BOUNDARY_LEN_EXPECTED), before: 0, rows: shape.count };
    run.begin.push(shape.height);
    for level in (0..shape.height).rev() {
        let node = view.piece(Family::Scores, parts, &run.begin)?.ok_or_else(|| parts.unreadable())?;
        let turn = match target {
            Target::Row(row) => layout::way_to_row(&node, row.get(1..).unwrap_or(&[])),
            Target::Rank(rank) => layout::way_to_rank(&node, rank - run.before),
        };
        let turn = turn.ok_or_else(|| parts.unreadable())?;
        run.before += turn.before;
        run.begin.clear();
        run.begin.push(level);
        run.begin.extend_from_slice(turn.child.boundary);
        run.rows = turn.child.rows;
    }
    Ok(run)
}

/// The rows of a run.
fn rows<'v>(view: &View<'v>, parts: Parts, shape: &Shape, run: &Run) -> Result<Value<'v>> {
    let boundary = &run.begin[1..];
    if let Some(kept) = view.derived(parts, boundary)? {
        return Ok(Value::Shared(kept));
    }
    let from = super::first_row(shape, boundary);
    let mut cursor = view.records(Family::Scores, parts, &from, Some(&[layout::ROW + 1]), Direction::Forward)?;
    let mut rows = Vec::new();
    for _ in 0..run.rows {
        let (suffix, value) = cursor.next()?.ok_or_else(|| parts.unreadable())?;
        layout::push_run_row(&mut rows, suffix, value);
    }
    view.keep_derived(parts, boundary, &rows);
    Ok(Value::Shared(rows.as_slice().into()))
}
