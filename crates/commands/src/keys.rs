//! Where a command's keys are among its arguments: Redis's key specifications, and their evaluation.
//!
//! From these derive the latches that a worker takes, the reads ahead of a batch, `COMMAND GETKEYS`,
//! and the legacy first, last and step of `COMMAND INFO`.

use crate::args::Args;
use crate::command::{Command, Marks};

/// One group of keys.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What the command does with them, in the words of `COMMAND INFO`: `RO` or `RW` or `OW` or `RM`,
    /// then `access`, `update`, `insert`, `delete`, `not_key`, `incomplete`, `variable_flags`.
    pub flags: &'static [&'static str],
    /// Where they begin.
    pub begin: Begin,
    /// Which arguments from there on are keys.
    pub find: Find,
}

/// Where keys begin.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At an index.
    Index(usize),
    /// After a word, searched from an index (backward from the end where negative).
    Keyword(&'static str, isize),
    /// Nowhere that a rule could say.
    Unknown,
}

/// Which arguments are keys.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// From the beginning to `last` (relative to the beginning; -1: the last argument), each `step`th;
    /// with a limit above 1 only the first so-manieth part of the rest.
    Range {
        /// Index of the last key, relative to the first; negative counts from the end.
        last: isize,
        /// Distance between keys.
        step: usize,
        /// 0 or 1: all; 2: the first half, and so on.
        limit: usize,
    },
    /// A number of keys, then the keys.
    Counted {
        /// Index of the number, relative to the beginning.
        count_at: usize,
        /// Index of the first key, relative to the beginning.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
    /// Only the command itself knows.
    Unknown,
    /// Likewise, but it tells us: one key, if it finds it.
    Told(fn(&Args<'_>) -> Option<usize>),
}

/// The first argument is a key that is read.
pub(crate) const READS: &[KeySpec] = &[KeySpec::first(&["RO", "access"])];

impl KeySpec {
    /// One key, the first argument.
    pub const fn first(flags: &'static [&'static str]) -> KeySpec {
        KeySpec::at(1, flags)
    }

    /// One key at an index.
    pub const fn at(index: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { flags, begin: Begin::Index(index), find: Find::Range { last: 0, step: 1, limit: 0 } }
    }

    /// All arguments from the first on, each `step`th.
    pub const fn all(step: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { flags, begin: Begin::Index(1), find: Find::Range { last: -1, step, limit: 0 } }
    }

    /// A number at an index, and that many keys after it.
    pub const fn counted(index: usize, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { flags, begin: Begin::Index(index), find: Find::Counted { count_at: 0, first: 1, step: 1 } }
    }

    /// Calls `visit` with the index of each key. Arguments that make no sense (a count beyond the end)
    /// give what there is: the handler refuses them later.
    pub fn visit(&self, args: &Args<'_>, visit: &mut impl FnMut(usize)) {
        if let Find::Told(find) = self.find {
            return find(args).into_iter().for_each(visit);
        }
        let end = args.len();
        let Some(begin) = self.begin_index(args) else { return };
        match self.find {
            Find::Range { last, step, limit } => {
                let last = match usize::try_from(last) {
                    Ok(last) => begin + last,
                    Err(_) => {
                        let all = end.saturating_sub(last.unsigned_abs());
                        if limit > 1 { begin + (end.saturating_sub(begin) / limit).saturating_sub(1) } else { all }
                    }
                };
                let mut index = begin;
                while index <= last && index < end {
                    visit(index);
                    index += step.max(1);
                }
            }
            Find::Counted { count_at, first, step } => {
                let count = args.get(begin + count_at).and_then(|text| std::str::from_utf8(text).ok());
                let count: usize = count.and_then(|text| text.parse().ok()).unwrap_or(0);
                for n in 0..count {
                    let index = begin + first + n * step;
                    if index >= end {
                        break;
                    }
                    visit(index);
                }
            }
            Find::Unknown | Find::Told(_) => {}
        }
    }

    /// False if a count of keys is none, or exceeds the arguments.
    pub fn fits(&self, args: &Args<'_>) -> bool {
        let Find::Counted { count_at, first, step } = self.find else { return true };
        let Some(begin) = self.begin_index(args) else { return true };
        let count = args.integer(begin + count_at).ok().and_then(|count| usize::try_from(count).ok());
        count.is_some_and(|count| {
            let last = count.saturating_sub(1).saturating_mul(step).saturating_add(begin + first);
            count == 0 || last < args.len()
        })
    }

    fn begin_index(&self, args: &Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(index) => (index < args.len()).then_some(index),
            Begin::Keyword(word, from) => {
                let matches = |&index: &usize| args.is(index, word);
                let found = match usize::try_from(from) {
                    Ok(from) => (from..args.len()).find(matches),
                    Err(_) => {
                        let from = args.len().saturating_sub(from.unsigned_abs());
                        (1..=from).rev().find(matches)
                    }
                };
                found.map(|index| index + 1).filter(|&index| index < args.len())
            }
            Begin::Unknown => None,
        }
    }
}

impl Command {
    /// Calls `visit` with the index of each key argument.
    pub fn visit_keys(&self, args: &Args<'_>, mut visit: impl FnMut(usize)) {
        for spec in self.keys {
            spec.visit(args, &mut visit);
        }
    }

    /// First, last and step of the keys as old clients know them; zeros where a rule cannot say.
    pub fn legacy_keys(&self) -> (i64, i64, i64) {
        let ranges = || {
            self.keys.iter().filter_map(|spec| match (spec.begin, spec.find) {
                (Begin::Index(first), Find::Range { last, step, limit: 0 | 1 }) => Some((first, last, step)),
                _ => None,
            })
        };
        if self.keys.is_empty() || self.marks.has(Marks::MOVABLE_KEYS) && ranges().count() == 0 {
            return (0, 0, 0);
        }
        let Some((first, mut last, step)) = ranges().next() else { return (0, 0, 0) };
        let mut end = if last >= 0 { first as isize + last } else { last };
        for (next_first, next_last, next_step) in ranges().skip(1) {
            if end >= 0 && next_step == step && next_first as isize == end + 1 {
                last = next_last;
                end = if last >= 0 { next_first as isize + last } else { last };
            } else {
                break;
            }
        }
        (first as i64, end as i64, step as i64)
    }
}
