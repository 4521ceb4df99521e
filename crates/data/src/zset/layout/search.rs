//! Searches in the nodes of the index, and in runs of rows in memory: what most of the time of a rank goes into.
//!
//! Strings of different lengths lie one after the other, so a search passes them in order; but it compares no more of most than a word.

use super::{Child, child_at};
use crate::packed;

/// Bytes of a node that a search looks at for one child: a length, a boundary of some more bytes than a place has, its rows.
const GLANCE_LEN: usize = 16;

/// Where in a node the way to a row goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// The child that the row lies in.
    pub child: Child<'a>,
    /// The rows of the children before it.
    pub before: u64,
    /// Where the child behind it begins, if there is one and it was looked at.
    pub end: Option<&'a [u8]>,
}

/// The way in a node to a row, which is given without its tag: to the last child whose boundary is not above.
pub fn way_to_row<'a>(node: &'a [u8], name: &[u8]) -> Option<Turn<'a>> {
    let wanted = head(name, 0, name.len());
    // The child that is looked at, and the one before it: where it lies, and its rows.
    let (mut at, mut chosen, mut before, mut rows) = (1, None, 0u64, 0);
    for _ in 0..*node.first()? {
        let Some(seen) = glance(node, at) else { break };
        // Nearly all boundaries differ in their first eight bytes, as those are the score's.
        if seen.head > wanted || seen.head == wanted && child_at(node, at)?.boundary > name {
            let end = child_at(node, at)?.boundary;
            return Some(Turn { child: child_at(node, chosen?)?, before, end: Some(end) });
        }
        before = before.saturating_add(rows);
        chosen = Some(at);
        (rows, at) = (seen.rows, seen.behind);
    }
    Some(Turn { child: child_at(node, chosen?)?, before, end: None })
}

/// The way in a node to the row that has so many before it. None: the node has no more rows than that.
pub fn way_to_rank(node: &[u8], rank: u64) -> Option<Turn<'_>> {
    let (mut at, mut left) = (1, rank);
    for _ in 0..*node.first()? {
        let seen = glance(node, at)?;
        if left < seen.rows {
            return Some(Turn { child: child_at(node, at)?, before: rank - left, end: None });
        }
        (at, left) = (seen.behind, left - seen.rows);
    }
    None
}

/// What a search needs of a child that it passes.
struct Glance {
    /// See [`head`].
    head: u64,
    rows: u64,
    behind: usize,
}

/// A child as a search sees it: dozens of them are passed for one that is chosen.
#[inline(always)]
fn glance(node: &[u8], at: usize) -> Option<Glance> {
    if let Some(window) = node.get(at..).and_then(<[u8]>::first_chunk::<GLANCE_LEN>)
        && let [short, a, b, c, d, e, f, g, h, ..] = *window
        && usize::from(short) < GLANCE_LEN - 2
    {
        // Most boundaries are short, and their numbers of rows have a byte or two.
        let len = usize::from(short);
        let (first, second) = (window[len + 1], window[len + 2]);
        let head = beginning(u64::from_be_bytes([a, b, c, d, e, f, g, h]), len);
        if first < 0x80 {
            return Some(Glance { head, rows: u64::from(first), behind: at + len + 2 });
        }
        if second < 0x80 {
            let rows = u64::from(first & 0x7f) | u64::from(second) << 7;
            return Some(Glance { head, rows, behind: at + len + 3 });
        }
    }
    look(node, at)
}

/// The same for any child.
#[cold]
fn look(node: &[u8], at: usize) -> Option<Glance> {
    let child = child_at(node, at)?;
    let head = head(child.boundary, 0, child.boundary.len());
    Some(Glance { head, rows: child.rows, behind: child.bytes.end })
}

/// How many rows of such a run lie below one, which is given without its tag.
pub fn run_rows_below(run: &[u8], name: &[u8]) -> u64 {
    let wanted = head(name, 0, name.len());
    let (mut at, mut below) = (0, 0);
    while let Some((len, tag)) = packed::number_at(run, at) {
        let (begin, end) = (tag + 1, tag.saturating_add(len as usize));
        // Few rows have equal scores.
        let word = head(run, begin, end.saturating_sub(begin));
        if word > wanted || word == wanted && run.get(begin..end).is_none_or(|row| row >= name) {
            break;
        }
        below += 1;
        at = end;
    }
    below
}

/// The first eight bytes of a string that lies in others, with zeros behind a shorter one: they order as strings do, as far as they differ.
#[inline]
fn head(bytes: &[u8], begin: usize, len: usize) -> u64 {
    let word = match bytes.get(begin..).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_be_bytes(*word),
        None => {
            let mut word = [0; size_of::<u64>()];
            word.iter_mut().zip(bytes.iter().skip(begin)).for_each(|(to, from)| *to = *from);
            u64::from_be_bytes(word)
        }
    };
    beginning(word, len)
}

/// A word without what comes behind a string of so many bytes.
#[inline]
fn beginning(word: u64, len: usize) -> u64 {
    if len < size_of::<u64>() { word & !(u64::MAX >> (8 * len)) } else { word }
}

#[cfg(test)]
mod tests {
    use super::super::{ROW, children, push_child, push_run_row};
    use super::*;

    #[test]
    fn the_way_to_a_row_and_to_a_rank_is_that_of_a_plain_search() {
        // Long and short ones, some that others begin with, zeros, and numbers of rows of one, two and more bytes.
        let mut names: Vec<Vec<u8>> =
            vec![Vec::new(), b"\0".to_vec(), b"a".to_vec(), b"a\0".to_vec(), b"a\0\0".to_vec()];
        names.extend((0..60u8).map(|n| [&b"abcdefgh"[..usize::from(n % 9)], &[n, 0, n]].concat()));
        names.push(vec![b'x'; 200]);
        names.sort();
        names.dedup();
        let rows = |n: usize| [0, 1, 127, 128, 20_000, 3_000_000][n % 6];
        let mut node = vec![names.len() as u8];
        names.iter().enumerate().for_each(|(n, name)| push_child(&mut node, name, rows(n)));
        let all: Vec<_> = children(&node).collect();
        assert_eq!(all.len(), names.len());
        for name in
            names.iter().flat_map(|name| [name.clone(), [name, &b"\0"[..]].concat(), [name, &b"z"[..]].concat()])
        {
            let at = all.iter().take_while(|child| *child.boundary <= *name).count() - 1;
            let turn = way_to_row(&node, &name).expect("a way");
            assert_eq!(turn.child, all[at], "{name:?}");
            assert_eq!(turn.before, all[..at].iter().map(|child| child.rows).sum::<u64>());
            assert_eq!(turn.end, all.get(at + 1).map(|next| next.boundary));
        }
        let mut before = 0;
        for child in &all {
            for rank in [before, before + child.rows / 2, before + child.rows.saturating_sub(1)] {
                if child.rows > 0 {
                    let turn = way_to_rank(&node, rank).expect("a way");
                    assert_eq!((&turn.child, turn.before), (child, before));
                }
            }
            before += child.rows;
        }
        assert_eq!(way_to_rank(&node, before), None);
        let mut run = Vec::new();
        for (n, name) in names.iter().enumerate() {
            push_run_row(&mut run, &[&[ROW], &name[..]].concat(), if n % 2 == 0 { b"" } else { b"-" });
            let behind = [name, &b"\0"[..]].concat();
            assert_eq!((run_rows_below(&run, name), run_rows_below(&run, &behind)), (n as u64, n as u64 + 1));
        }
    }
}
