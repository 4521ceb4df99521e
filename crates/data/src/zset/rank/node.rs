//! One node of the counted index: its children as bytes, changed in place.

use engine::{Family, RecordValue, Value};

use crate::error::Result;
use crate::key::Parts;
use crate::packed;
use crate::tx::Tx;
use crate::view::View;
use crate::zset::layout::{self, Child, Children, Turn};

/// A node, read or to be written. Rows are given with their tag, boundaries are without.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins; part of its key.
    pub(super) boundary: Vec<u8>,
    value: Vec<u8>,
    /// As it is on disk, if it was read from there, or from what is known to be there.
    stored: Option<RecordValue>,
}

/// A child, by where its number of rows ends in the node's value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) end: usize,
    pub(super) rows: u64,
}

impl Node {
    /// A node with these children, which are no more than a byte can count.
    pub(super) fn of(boundary: Vec<u8>, children: &[(Vec<u8>, u64)]) -> Node {
        let mut value = vec![children.len() as u8];
        children.iter().for_each(|(boundary, rows)| layout::push_child(&mut value, boundary, *rows));
        Node { boundary, value, stored: None }
    }

    /// The node of a boundary, which has to be there.
    pub(super) fn read(view: &View<'_>, parts: Parts, level: u8, boundary: Vec<u8>) -> Result<Node> {
        let value = view.record_in(Family::Scores, parts, &layout::index_key(level, &boundary))?;
        let value = value.ok_or_else(|| parts.unreadable())?;
        let stored = match &value {
            Value::Batch(_) => None,
            Value::Shared(record) => Some(record.clone()),
            Value::Pinned(bytes) => Some(bytes[..].into()),
        };
        Ok(Node { boundary, value: value.to_vec(), stored })
    }

    pub(super) fn put(self, tx: &mut Tx<'_>, parts: Parts, level: u8) {
        tx.patch_score(parts, &layout::index_key(level, &self.boundary), self.value, self.stored);
    }

    /// The way to a row, which is given with its tag.
    pub(super) fn way_to(&self, row: &[u8]) -> Option<Turn<'_>> {
        // The empty boundary is before every row, and before what is no row at all.
        layout::way_to_row(&self.value, row.get(1..).unwrap_or(&[]))
    }

    /// The way to the row that has so many before it in the node.
    pub(super) fn way_to_rank(&self, rank: u64) -> Option<Turn<'_>> {
        layout::way_to_rank(&self.value, rank)
    }

    pub(super) fn children(&self) -> Children<'_> {
        layout::children(&self.value)
    }

    /// How many children it has.
    pub(super) fn len(&self) -> usize {
        usize::from(self.value[0])
    }

    /// How many rows all of them have.
    pub(super) fn rows(&self) -> u64 {
        self.children().map(|child| child.rows).sum()
    }

    /// The child that a row lies in.
    pub(super) fn child(&self, row: &[u8]) -> Option<Child<'_>> {
        self.way_to(row).map(|turn| turn.child)
    }

    /// Gives the last rows of the child that a row lies in to a new one.
    pub(super) fn divide(&mut self, row: &[u8], boundary: Vec<u8>, rows: u64) -> Option<()> {
        let Child { rows: before, bytes, .. } = self.child(row)?;
        let left = before.checked_sub(rows)?;
        let mut right = Vec::with_capacity(boundary.len() + 8);
        layout::push_child(&mut right, &boundary, rows);
        self.value.splice(bytes.end..bytes.end, right);
        self.set_rows(&Place { end: bytes.end, rows: before }, left);
        self.value[0] += 1;
        Some(())
    }

    /// Removes the child that a row lies in.
    pub(super) fn forget(&mut self, row: &[u8]) {
        let Some(Child { bytes, .. }) = self.child(row) else { return };
        self.value.drain(bytes);
        self.value[0] -= 1;
    }

    /// The same for an empty run, whose rows-to-be belong to the next one if it is the first. The only one stays.
    pub(super) fn forget_run(&mut self, row: &[u8]) {
        let Some(Child { boundary, bytes, .. }) = self.child(row) else { return };
        if *boundary != self.boundary {
            return self.forget(row);
        }
        let Some(next) = self.children().find(|child| child.bytes.start == bytes.end) else { return };
        let mut merged = Vec::new();
        layout::push_child(&mut merged, boundary, next.rows);
        let both = bytes.start..next.bytes.end;
        self.value.splice(both, merged);
        self.value[0] -= 1;
    }

    /// Divides it in its middle: it keeps the left half, what comes back is the right one.
    pub(super) fn split(&mut self) -> Option<Node> {
        let kept = self.len() / 2;
        let Child { boundary, bytes, .. } = self.children().nth(kept)?;
        let boundary = boundary.to_vec();
        let mut value = vec![self.value[0] - kept as u8];
        value.extend_from_slice(&self.value[bytes.start..]);
        self.value.truncate(bytes.start);
        self.value[0] = kept as u8;
        Some(Node { boundary, value, stored: None })
    }

    /// Gives a child another number of rows.
    pub(super) fn set_rows(&mut self, child: &Place, rows: u64) {
        let mut number = Vec::with_capacity(10);
        packed::push_number(&mut number, rows);
        let start = child.end - packed::number_len(child.rows);
        if start + number.len() == child.end {
            self.value[start..child.end].copy_from_slice(&number);
        } else {
            self.value.splice(start..child.end, number);
        }
    }
}
