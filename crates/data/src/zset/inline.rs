//! Small sets: entries in a body, searched and changed as bytes.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::packed;

use super::layout;
use super::range::{Part, Selection};

/// The error of a body that is not what [`layout`] draws.
pub(super) fn unreadable() -> Error {
    Error::BadRecord("body of a sorted set".to_owned())
}

/// Members and scores, in order.
pub(super) struct Entries<'a>(packed::Strings<'a>);

pub(super) fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries(packed::strings(bytes))
}

impl<'a> Entries<'a> {
    /// The next entry. What is unreadable ends the entries: it is found by [`collect`].
    fn take(&mut self) -> Option<(f64, &'a [u8])> {
        self.0.next().and_then(layout::decode_entry)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (f64, &'a [u8]);

    fn next(&mut self) -> Option<(f64, &'a [u8])> {
        self.take()
    }
}

/// All entries.
pub(super) fn collect(bytes: &[u8]) -> Result<Vec<(f64, &[u8])>> {
    let mut strings = packed::strings(bytes);
    let entries: Option<Vec<_>> = strings.by_ref().map(layout::decode_entry).collect();
    entries.filter(|_| strings.is_whole()).ok_or_else(unreadable)
}

/// How many entries there are.
pub(super) fn count(bytes: &[u8]) -> u64 {
    packed::strings(bytes).count() as u64
}

/// Rank and score of a member.
pub(super) fn find(bytes: &[u8], member: &[u8]) -> Option<(u64, f64)> {
    let mut entries = entries(bytes).enumerate();
    entries.find(|(_, (_, name))| *name == member).map(|(rank, (score, _))| (rank as u64, score))
}

/// Where an entry lies among the bytes, from its length on.
pub(super) fn span(bytes: &[u8], member: &[u8]) -> Option<(Range<usize>, f64)> {
    let mut strings = packed::strings(bytes);
    let mut start = 0;
    while let Some(string) = strings.next() {
        let end = bytes.len() - strings.rest().len();
        let (score, name) = layout::decode_entry(string)?;
        if name == member {
            return Some((start..end, score));
        }
        start = end;
    }
    None
}

/// Where a new entry belongs.
pub(super) fn place_of(bytes: &[u8], score: f64, member: &[u8]) -> usize {
    let mut strings = packed::strings(bytes);
    let mut start = 0;
    while let Some(string) = strings.next() {
        let is_before = layout::decode_entry(string).is_some_and(|(s, name)| s < score || s == score && name < member);
        if !is_before {
            return start;
        }
        start = bytes.len() - strings.rest().len();
    }
    start
}

/// The indexes of a part among the entries; from the last one backwards where `reverse`, and then counted from there.
pub(super) fn part_of(entries: &[(f64, &[u8])], part: &Part<'_>, reverse: bool) -> Range<usize> {
    let len = entries.len();
    let run = |begins: &dyn Fn(usize) -> bool, goes_on: &dyn Fn(usize) -> bool| {
        let start = (0..len).find(|&at| begins(at)).unwrap_or(len);
        let end = (start..len).find(|&at| !goes_on(at)).unwrap_or(len);
        start..end
    };
    let entry = |at: usize| entries[if reverse { len - 1 - at } else { at }];
    match part {
        Part::Ranks(ranks) => {
            let clip = |rank: u64| usize::try_from(rank).unwrap_or(len).min(len);
            clip(ranks.start)..clip(ranks.end).max(clip(ranks.start))
        }
        Part::Scores(range) if range.is_empty() => 0..0,
        Part::Names(range) if range.is_empty() => 0..0,
        Part::Scores(range) => {
            let (lower, upper) = (|at| range.reaches_down_to(entry(at).0), |at| range.reaches_up_to(entry(at).0));
            if reverse { run(&upper, &lower) } else { run(&lower, &upper) }
        }
        Part::Names(range) => {
            // What a walk cannot reach from either end is not there, whatever lies between.
            let ends = entries.first().zip(entries.last());
            if !ends.is_some_and(|(first, last)| range.reaches_up_to(first.1) && range.reaches_down_to(last.1)) {
                return 0..0;
            }
            let (lower, upper) = (|at| range.reaches_down_to(entry(at).1), |at| range.reaches_up_to(entry(at).1));
            if reverse { run(&upper, &lower) } else { run(&lower, &upper) }
        }
    }
}

/// Visits what is selected.
pub(super) fn select(
    bytes: &[u8],
    selection: &Selection<'_>,
    visit: &mut dyn FnMut(&[u8], f64) -> Result<bool>,
) -> Result<()> {
    let entries = collect(bytes)?;
    let range = part_of(&entries, &selection.part, selection.reverse);
    let clip = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    for at in range.skip(clip(selection.offset)).take(clip(selection.limit)) {
        let (score, member) = entries[if selection.reverse { entries.len() - 1 - at } else { at }];
        if !visit(member, score)? {
            break;
        }
    }
    Ok(())
}
