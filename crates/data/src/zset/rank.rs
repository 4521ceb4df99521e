//! The counted index: which rank a row has, and which row a rank, in logarithmic time.
//!
//! The rows of a large sorted set are divided into *runs*. Over them lies a tree of *nodes*, in the same family as the rows: a node
//! of level 1 knows where its runs begin and how many rows each has, a node of level 2 the same of nodes of level 1, and so on. So
//! a rank is what lies left of one path from the top down, and a change of a row changes the counts on one path. A node is found by
//! its *boundary*, where its first run begins.
//!
//! ```text
//! level 2   "": ("" 210) ("h" 90) ("m" 150)
//! level 1   "": ("" 50) ("c" 60) ("d2" 40) ("f" 60)     "h": ("h" 40) ("k" 50)     "m": ("m" 80) ("t" 70)
//! rows      a b b1 ...  c1 c3 d    d3 e       f ...          h h2 i      k k5           m1 n      t u ...
//! ```
//!
//! What always holds, and makes it work:
//! - the highest level has one node; its boundary is empty, as is that of the first node of each level;
//! - the first child of a node has the node's boundary, so that every row lies in a run;
//! - a run has at most [`RUN_ROWS_MAX`] rows, a node at most [`CHILDREN_MAX`] children: one more, and it is split in its middle;
//! - a child without rows is removed, unless it is the first one.
//!
//! [`Shape`] in the header has the height; with up to [`RUN_ROWS_MAX`] rows there is no node at all. A boundary is a row or a part of
//! one from its beginning, without the tag.

use engine::{Direction, Family};

use crate::error::Result;
use crate::key::Parts;
use crate::tx::Tx;
use crate::view::View;

use super::layout::{self, HEIGHT_MAX, Shape};

mod node;
mod runs;

use node::{Node, Place};
pub(crate) use runs::{count_before, visit};

/// Rows of a run at most; a split leaves half of them on each side.
pub(super) const RUN_ROWS_MAX: u64 = 64;
/// Rows of a run where many are written in order: room is left for some more.
const RUN_ROWS_BUILT: u64 = 48;
/// Children of a node at most.
pub(super) const CHILDREN_MAX: usize = 96;
/// Children of a node where many are written in order.
const CHILDREN_BUILT: usize = 72;

/// Counts a row that was written. It is the caller who counts it in [`Shape::count`].
pub(crate) fn insert(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, row: &[u8]) -> Result<()> {
    if shape.height == 0 {
        tx.forget_derived(parts, &[]);
        if shape.count + 1 > RUN_ROWS_MAX {
            let mut root = Node::of(Vec::new(), &[(Vec::new(), shape.count + 1)]);
            split_run(tx, parts, &mut root, &[])?;
            shape.height = 1;
            root.put(tx, parts, 1);
        }
        return Ok(());
    }
    let path = Path::to(&tx.view(), parts, shape, row)?;
    tx.forget_derived(parts, &path.begin);
    // What the level above gains: the right half of a node.
    let mut gained: Option<(Vec<u8>, u64)> = None;
    for (level, Step { mut node, child }) in (1u8..).zip(path.steps.into_iter().rev()) {
        let rows = child.rows + 1;
        node.set_rows(&child, rows);
        if level == 1 && rows > RUN_ROWS_MAX {
            split_run(tx, parts, &mut node, row)?;
        }
        if let Some((boundary, rows)) = gained.take() {
            node.divide(row, boundary, rows).ok_or_else(|| parts.unreadable())?;
        }
        if node.len() > CHILDREN_MAX {
            let right = node.split().ok_or_else(|| parts.unreadable())?;
            gained = Some((right.boundary.clone(), right.rows()));
            right.put(tx, parts, level);
        }
        node.put(tx, parts, level);
    }
    if let Some((boundary, rows)) = gained
        && shape.height < HEIGHT_MAX
    {
        shape.height += 1;
        let left = (shape.count + 1).checked_sub(rows).ok_or_else(|| parts.unreadable())?;
        Node::of(Vec::new(), &[(Vec::new(), left), (boundary, rows)]).put(tx, parts, shape.height);
    }
    Ok(())
}

/// No longer counts rows that are removed: `count` of them, all in the run of `row`; see [`run_len`].
pub(crate) fn remove(tx: &mut Tx<'_>, parts: Parts, shape: &Shape, row: &[u8], count: u64) -> Result<()> {
    let path = Path::to(&tx.view(), parts, shape, row)?;
    remove_along(tx, parts, path, row, count)
}

/// The same, with the path to the row.
fn remove_along(tx: &mut Tx<'_>, parts: Parts, path: Path, row: &[u8], count: u64) -> Result<()> {
    tx.forget_derived(parts, &path.begin);
    for (level, Step { mut node, child }) in (1u8..).zip(path.steps.into_iter().rev()) {
        let left = child.rows.checked_sub(count).ok_or_else(|| parts.unreadable())?;
        node.set_rows(&child, left);
        if left == 0 && level == 1 {
            // A run is nothing but an entry here: the next one can begin where it did.
            node.forget_run(row);
        } else if left == 0
            && let Some(boundary) = node.child(row).map(|child| child.boundary.to_vec())
            && boundary != node.boundary
        {
            node.forget(row);
            // Of a node without rows only its first child is left, and of that only its first, all with the same boundary.
            for level in 1..level {
                tx.delete_record(Family::Scores, parts, &layout::index_key(level, &boundary));
            }
        }
        node.put(tx, parts, level);
    }
    // What was put for a node that is forgotten above is deleted after it, as the levels are gone through upwards.
    Ok(())
}

/// Counts a row that was written in the place of another, which is removed.
pub(crate) fn relocate(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, from: &[u8], to: &[u8]) -> Result<()> {
    let path = Path::to(&tx.view(), parts, shape, from)?;
    if path.leads_to(to) {
        tx.forget_derived(parts, &path.begin);
        return Ok(());
    }
    remove_along(tx, parts, path, from, 1)?;
    // As long as the row is neither here nor there, it is not counted.
    let mut without = Shape { count: shape.count - 1, ..*shape };
    insert(tx, parts, &mut without, to)?;
    shape.height = without.height;
    Ok(())
}

/// How many of these rows, in ascending order, lie in the run of the first.
pub(crate) fn run_len(view: &View<'_>, parts: Parts, shape: &Shape, rows: &[Vec<u8>]) -> Result<usize> {
    let Some(first) = rows.first().filter(|_| shape.height > 0) else { return Ok(rows.len()) };
    let path = Path::to(view, parts, shape, first)?;
    Ok(rows.partition_point(|row| path.leads_to(row)).max(1))
}

/// Where the row of a rank is: the suffix from which a walk begins, and how many rows come before it there.
pub(crate) fn seek(view: &View<'_>, parts: Parts, shape: &Shape, rank: u64) -> Result<(Vec<u8>, u64)> {
    let (mut boundary, mut left) = (Vec::new(), rank);
    for level in (1..=shape.height).rev() {
        let node = Node::read(view, parts, level, boundary)?;
        let turn = node.way_to_rank(left).ok_or_else(|| parts.unreadable())?;
        left -= turn.before;
        boundary = turn.child.boundary.to_vec();
    }
    Ok((first_row(shape, &boundary), left))
}

/// Makes the index of rows that are written in ascending order, one after the other.
#[derive(Default)]
pub(crate) struct Builder {
    /// Where each run begins, and its rows.
    runs: Vec<(Vec<u8>, u64)>,
    last: Vec<u8>,
    rows: u64,
}

impl Builder {
    /// Counts the next row.
    pub(crate) fn push(&mut self, row: &[u8]) {
        match self.runs.last_mut().filter(|(_, rows)| *rows < RUN_ROWS_BUILT) {
            Some((_, rows)) => *rows += 1,
            None => {
                let boundary = if self.runs.is_empty() { Vec::new() } else { separator(&self.last, row) };
                self.runs.push((boundary, 1));
            }
        }
        self.rows += 1;
        self.last.clear();
        self.last.extend_from_slice(row);
    }

    /// Writes the index; its height goes into the shape.
    pub(crate) fn finish(self, tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape) {
        shape.height = 0;
        if self.rows <= RUN_ROWS_MAX {
            return;
        }
        let mut below = self.runs;
        while shape.height == 0 || below.len() > 1 {
            shape.height += 1;
            let nodes = below.chunks(CHILDREN_BUILT).map(|children| Node::of(children[0].0.clone(), children));
            let nodes: Vec<Node> = nodes.collect();
            below = nodes.iter().map(|node| (node.boundary.clone(), node.rows())).collect();
            nodes.into_iter().for_each(|node| node.put(tx, parts, shape.height));
        }
    }
}

/// The nodes above a row, from the highest level down, and the run that it lies in.
struct Path {
    steps: Vec<Step>,
    /// The boundary of the run.
    begin: Vec<u8>,
    /// That of the next run, if there is one.
    end: Option<Vec<u8>>,
}

/// A node, and where in it the way goes on.
struct Step {
    node: Node,
    child: Place,
}

impl Path {
    fn to(view: &View<'_>, parts: Parts, shape: &Shape, row: &[u8]) -> Result<Path> {
        let mut path = Path { steps: Vec::with_capacity(usize::from(shape.height)), begin: Vec::new(), end: None };
        for level in (1..=shape.height).rev() {
            let node = Node::read(view, parts, level, std::mem::take(&mut path.begin))?;
            let turn = node.way_to(row).ok_or_else(|| parts.unreadable())?;
            if let Some(end) = turn.end {
                path.end = Some(end.to_vec());
            }
            path.begin = turn.child.boundary.to_vec();
            let child = Place { end: turn.child.bytes.end, rows: turn.child.rows };
            path.steps.push(Step { node, child });
        }
        Ok(path)
    }

    /// True if another row, which is not below, lies in the same run; or one that is below and in it.
    fn leads_to(&self, row: &[u8]) -> bool {
        row[1..] >= self.begin[..] && self.end.as_ref().is_none_or(|end| row[1..] < end[..])
    }
}

/// Divides the run of a row in its middle, in a node of level 1.
fn split_run(tx: &mut Tx<'_>, parts: Parts, node: &mut Node, row: &[u8]) -> Result<()> {
    let run = node.child(row).map(|child| (child.boundary.to_vec(), child.rows));
    let (boundary, rows) = run.ok_or_else(|| parts.unreadable())?;
    let middle = middle(&tx.view(), parts, &boundary, rows / 2)?;
    // A run that ended elsewhere may have begun here before.
    tx.forget_derived(parts, &middle);
    node.divide(row, middle, rows - rows / 2).ok_or_else(|| parts.unreadable())
}

/// The boundary behind the first rows of a run.
fn middle(view: &View<'_>, parts: Parts, boundary: &[u8], kept: u64) -> Result<Vec<u8>> {
    let from = layout::index_key(layout::ROW, boundary);
    let mut cursor = view.records(Family::Scores, parts, &from, Some(&[layout::ROW + 1]), Direction::Forward)?;
    let mut last = Vec::new();
    for _ in 0..kept {
        let Some((key, _)) = cursor.next()? else { return Err(parts.unreadable()) };
        last.clear();
        last.extend_from_slice(key);
    }
    let Some((next, _)) = cursor.next()? else { return Err(parts.unreadable()) };
    Ok(separator(&last, next))
}

/// The suffix of the first row that a run can have. Before the lowest place there are none, though perhaps what remains of
/// them on disk until it is cleaned up.
fn first_row(shape: &Shape, boundary: &[u8]) -> Vec<u8> {
    let low = layout::row_bound(shape.low);
    if *boundary < low[1..] { low.to_vec() } else { layout::index_key(layout::ROW, boundary) }
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
