//! The counted index: which rank a row has, and which row a rank, in logarithmic time.
//!
//! Over the rows of a large sorted set lie *levels* of records, in the same family as the rows. A record of level 1 stands for a
//! run of rows, one of level 2 for a run of records of level 1, and so on; its key is the *boundary* at which its run begins, its
//! value how many children and how many rows the run has. So a rank is what lies left of one path from the top down, and a
//! change of a row changes the counts of one path.
//!
//! ```text
//! level 2   ""(300 rows) ............................... "m"(150) ........
//! level 1   ""(100)     "c"(110)        "h"(90)          "m"(80)   "t"(70)
//! rows      a b b1 ...  c1 c3 d ...     h h2 i ...       m1 n ...  t u ...
//! ```
//!
//! What always holds, and makes it work:
//! - the first record of each level has the empty boundary, so that every row is within a run;
//! - a boundary of a level is one of the level below too, so that runs nest;
//! - a run has at most [`CHILDREN_MAX`] children: one more, and it is split in its middle;
//! - a run without rows is removed, unless it is the first of the run above and that is not empty.
//!
//! [`Shape`] in the header has the height and how many records the highest level has; with up to [`CHILDREN_MAX`] rows there
//! is no level at all. A boundary is a row or a part of one from its beginning, without the tag.

use engine::{Direction, Family};

use crate::error::{Error, Result};
use crate::key::Parts;
use crate::tx::Tx;
use crate::view::{PartCursor, View};

use super::layout::{self, HEIGHT_MAX, Shape};

/// Children of a run at most; a split leaves half of them on each side.
pub(crate) const CHILDREN_MAX: u64 = 128;
/// Children of a run where many are written in order: room is left for some more.
const CHILDREN_BUILT: usize = 96;

/// One record of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    boundary: Vec<u8>,
    children: u64,
    rows: u64,
}

/// Counts a row that was written. It is the caller who counts it in [`Shape::count`].
pub(crate) fn insert(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, row: &[u8]) -> Result<()> {
    // How many children the level above has gained.
    let mut gained = 1;
    for level in 1..=shape.height {
        let mut run = find(&tx.view(), parts, level, row)?;
        run.rows += 1;
        run.children += gained;
        gained = 0;
        if run.children > CHILDREN_MAX {
            let right = split(&tx.view(), parts, level, &mut run)?;
            put(tx, parts, level, &right);
            gained = 1;
        }
        put(tx, parts, level, &run);
    }
    shape.top += gained as u32;
    if u64::from(shape.top) <= CHILDREN_MAX || shape.height >= HEIGHT_MAX {
        return Ok(());
    }
    let rows = if shape.height == 0 { u64::from(shape.top) } else { shape.count + 1 };
    let mut left = Run { boundary: Vec::new(), children: u64::from(shape.top), rows };
    let right = split(&tx.view(), parts, shape.height + 1, &mut left)?;
    shape.height += 1;
    shape.top = 2;
    put(tx, parts, shape.height, &left);
    put(tx, parts, shape.height, &right);
    Ok(())
}

/// No longer counts rows that are removed: `count` of them, all in the run of `row`; see [`run_len`].
pub(crate) fn remove(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, row: &[u8], count: u64) -> Result<()> {
    let view = tx.view();
    let mut path: Vec<Run> = (1..=shape.height).map(|level| find(&view, parts, level, row)).collect::<Result<_>>()?;
    let mut lost = count;
    for at in 0..path.len() {
        let level = at as u8 + 1;
        let above = path.get(at + 1).map(|run| run.boundary.clone());
        let run = &mut path[at];
        run.children = run.children.checked_sub(lost).ok_or_else(|| parts.unreadable())?;
        run.rows = run.rows.checked_sub(count).ok_or_else(|| parts.unreadable())?;
        let is_first = run.boundary.is_empty() || above.is_some_and(|boundary| boundary == run.boundary);
        lost = u64::from(run.rows == 0 && !is_first);
        if lost == 0 {
            put(tx, parts, level, run);
        } else {
            // Below it only first runs are left, which have the same boundary.
            for level in 1..=level {
                tx.delete_record(Family::Scores, parts, &layout::index_key(level, &run.boundary));
            }
        }
    }
    shape.top = u32::try_from(lost).ok().and_then(|lost| shape.top.checked_sub(lost)).ok_or_else(|| parts.unreadable())?;
    Ok(())
}

/// Counts a row that was written in the place of another, which is removed.
pub(crate) fn relocate(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, from: &[u8], to: &[u8]) -> Result<()> {
    if shape.height == 0 {
        return Ok(());
    }
    let view = tx.view();
    let (old, new) = (find(&view, parts, 1, from)?, find(&view, parts, 1, to)?);
    if old.boundary == new.boundary {
        return Ok(());
    }
    remove(tx, parts, shape, from, 1)?;
    // As long as the row is neither here nor there, it is not counted.
    let mut without = Shape { count: shape.count - 1, ..*shape };
    insert(tx, parts, &mut without, to)?;
    *shape = Shape { count: shape.count, ..without };
    Ok(())
}

/// How many of these rows, in ascending order, lie in the run of the first.
pub(crate) fn run_len(view: &View<'_>, parts: Parts, shape: &Shape, rows: &[Vec<u8>]) -> Result<usize> {
    let Some(first) = rows.first().filter(|_| shape.height > 0) else { return Ok(rows.len()) };
    let from = after(&at_level(1, first));
    let mut cursor = view.records(Family::Scores, parts, &from, Some(&[2]), Direction::Forward)?;
    Ok(match cursor.next()? {
        Some((next, _)) => rows.partition_point(|row| row[1..] < next[1..]).max(1),
        None => rows.len(),
    })
}

/// How many rows lie before a row, or before the place where it would be.
pub(crate) fn count_before(view: &View<'_>, parts: Parts, shape: &Shape, bound: &[u8]) -> Result<u64> {
    let (mut boundary, mut before) = (Vec::new(), 0u64);
    for level in (1..=shape.height).rev() {
        let (from, to) = (layout::index_key(level, &boundary), after(&at_level(level, bound)));
        let mut cursor = view.records(Family::Scores, parts, &from, Some(&to), Direction::Forward)?;
        let mut last = None;
        while let Some((key, rows)) = next_run(&mut cursor, parts, level)? {
            before += last.unwrap_or(0);
            last = Some(rows);
            boundary.clear();
            boundary.extend_from_slice(&key[1..]);
        }
        last.ok_or_else(|| parts.unreadable())?;
    }
    let from = first_row(shape, &boundary);
    let mut cursor = view.records(Family::Scores, parts, &from, Some(bound), Direction::Forward)?;
    while cursor.next()?.is_some() {
        before += 1;
    }
    Ok(before)
}

/// Where the row of a rank is: the suffix from which a walk begins, and how many rows come before it there.
pub(crate) fn seek(view: &View<'_>, parts: Parts, shape: &Shape, rank: u64) -> Result<(Vec<u8>, u64)> {
    let (mut boundary, mut left) = (Vec::new(), rank);
    for level in (1..=shape.height).rev() {
        let from = layout::index_key(level, &boundary);
        let mut cursor = view.records(Family::Scores, parts, &from, Some(&[level + 1]), Direction::Forward)?;
        loop {
            let Some((key, rows)) = next_run(&mut cursor, parts, level)? else { return Err(parts.unreadable()) };
            if left < rows {
                boundary.clear();
                boundary.extend_from_slice(&key[1..]);
                break;
            }
            left -= rows;
        }
    }
    Ok((first_row(shape, &boundary), left))
}

/// Makes the index of rows that are written in ascending order, one after the other.
#[derive(Default)]
pub(crate) struct Builder {
    runs: Vec<Run>,
    last: Vec<u8>,
    rows: u64,
}

impl Builder {
    /// Counts the next row.
    pub(crate) fn push(&mut self, row: &[u8]) {
        let is_full = self.runs.last().is_none_or(|run| run.children as usize >= CHILDREN_BUILT);
        if is_full {
            let boundary = if self.runs.is_empty() { Vec::new() } else { separator(&self.last, row) };
            self.runs.push(Run { boundary, children: 0, rows: 0 });
        }
        if let Some(run) = self.runs.last_mut() {
            run.children += 1;
            run.rows += 1;
        }
        self.rows += 1;
        self.last.clear();
        self.last.extend_from_slice(row);
    }

    /// Writes the index; height and top go into the shape.
    pub(crate) fn finish(self, tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape) {
        (shape.height, shape.top) = (0, self.rows as u32);
        if self.rows <= CHILDREN_MAX {
            return;
        }
        let mut runs = self.runs;
        loop {
            shape.height += 1;
            shape.top = runs.len() as u32;
            runs.iter().for_each(|run| put(tx, parts, shape.height, run));
            if runs.len() as u64 <= CHILDREN_MAX {
                return;
            }
            let above = runs.chunks(CHILDREN_BUILT).map(|children| Run {
                boundary: children[0].boundary.clone(),
                children: children.len() as u64,
                rows: children.iter().map(|run| run.rows).sum(),
            });
            runs = above.collect();
        }
    }
}

/// The run of a level that a row lies in.
fn find(view: &View<'_>, parts: Parts, level: u8, row: &[u8]) -> Result<Run> {
    let to = after(&at_level(level, row));
    let mut cursor = view.records(Family::Scores, parts, &[level], Some(&to), Direction::Backward)?;
    let Some((key, value)) = cursor.next()? else { return Err(parts.unreadable()) };
    let (children, rows) = layout::decode_counts(level, value).ok_or_else(|| parts.unreadable())?;
    Ok(Run { boundary: key[1..].to_vec(), children, rows })
}

/// Divides a run in its middle: it keeps the left half, what comes back is the right one.
fn split(view: &View<'_>, parts: Parts, level: u8, run: &mut Run) -> Result<Run> {
    let kept = run.children / 2;
    let from = layout::index_key(level - 1, &run.boundary);
    let mut cursor = view.records(Family::Scores, parts, &from, Some(&[level]), Direction::Forward)?;
    let (mut rows, mut last) = (0, Vec::new());
    for _ in 0..kept {
        let Some((key, value)) = cursor.next()? else { return Err(parts.unreadable()) };
        rows += match level {
            1 => 1,
            _ => layout::decode_counts(level - 1, value).ok_or_else(|| parts.unreadable())?.1,
        };
        last.clear();
        last.extend_from_slice(key);
    }
    let Some((key, _)) = cursor.next()? else { return Err(parts.unreadable()) };
    let boundary = if level == 1 { separator(&last, key) } else { key[1..].to_vec() };
    let rest = run.rows.checked_sub(rows).ok_or_else(|| parts.unreadable())?;
    let right = Run { boundary, children: run.children - kept, rows: rest };
    (run.children, run.rows) = (kept, rows);
    Ok(right)
}

fn put(tx: &mut Tx<'_>, parts: Parts, level: u8, run: &Run) {
    let value = layout::encode_counts(level, run.children, run.rows);
    tx.put_record(Family::Scores, parts, &layout::index_key(level, &run.boundary), value);
}

/// Key and rows of the next record of a level.
fn next_run<'c>(cursor: &'c mut PartCursor<'_>, parts: Parts, level: u8) -> Result<Option<(&'c [u8], u64)>> {
    let Some((key, value)) = cursor.next()? else { return Ok(None) };
    let unreadable: Error = parts.unreadable();
    let (_, rows) = layout::decode_counts(level, value).ok_or(unreadable)?;
    Ok(Some((key, rows)))
}

/// The suffix of the first row that a run can have. Before the lowest place there are none, though perhaps what remains of
/// them on disk until it is cleaned up.
fn first_row(shape: &Shape, boundary: &[u8]) -> Vec<u8> {
    let low = layout::row_bound(shape.low);
    if *boundary < low[1..] { low.to_vec() } else { layout::index_key(layout::ROW, boundary) }
}

/// A row as the boundary of a level.
fn at_level(level: u8, row: &[u8]) -> Vec<u8> {
    layout::index_key(level, &row[1..])
}

/// The first suffix after another.
pub(super) fn after(suffix: &[u8]) -> Vec<u8> {
    [suffix, &[0]].concat()
}

/// The shortest boundary that is above one row and not above the next.
fn separator(row: &[u8], next: &[u8]) -> Vec<u8> {
    let common = row.iter().zip(next).take_while(|(a, b)| a == b).count();
    next[1..next.len().min(common + 1)].to_vec()
}

#[cfg(test)]
mod tests;
