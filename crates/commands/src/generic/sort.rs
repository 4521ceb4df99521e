//! `SORT` and `SORT_RO`: the elements of a list, a set or a sorted set in an order that is computed from them, or from other keys.
//!
//! Those other keys are named by patterns, so they are not among the command's keys and nobody has latched them. `SORT` reads them
//! from a snapshot, through the open batch; `SORT_RO` moves to the reader pool for them.

use std::cmp::Ordering;
use std::ops::Range;

use data::hash::Hash;
use data::set::Set;
use data::string::Text;
use data::zset::{Part, Selection, Zset};
use data::{Direction, Found, Kind, Tx, View, list};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{Begin, Find, KeySpec};

/// Elements after which a long sort looks whether somebody still waits for it.
const ELEMENTS_BETWEEN_CHECKS: usize = 256;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "sort",
        arity: Arity::AtLeast(2),
        keys: &[SORTED, LOOKED_UP, STORED],
        group: Group::Generic,
        marks: Marks::GROWS.and(MARKS),
        doc: Doc::new(
            "1.0.0",
            "Sorts the elements of a list, a set or a sorted set, and replies or stores them.",
            COMPLEXITY,
            &[KEY, BY, LIMIT, GET, ORDER, SORTING, Arg::new("destination", ArgKind::Key(2)).token("STORE").optional()],
        ),
        run: Run::Write(sort),
    },
    Command {
        name: "sort_ro",
        arity: Arity::AtLeast(2),
        keys: &[SORTED, LOOKED_UP],
        group: Group::Generic,
        marks: MARKS,
        doc: Doc::new(
            "7.0.0",
            "Sorts the elements of a list, a set or a sorted set, and replies them.",
            COMPLEXITY,
            &[KEY, BY, LIMIT, GET, ORDER, SORTING],
        ),
        run: Run::Read(sort_ro),
    },
];

const MARKS: Marks = Marks::MOVABLE_KEYS.and(Marks::COLLECTIONS).and(Marks::DANGEROUS);
const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).";

const SORTED: KeySpec = KeySpec::first(&["RO", "access"]);
/// Of `BY` and `GET`: their names come from the elements.
const LOOKED_UP: KeySpec = KeySpec { flags: &["RO", "access"], begin: Begin::Unknown, find: Find::Unknown };
const STORED: KeySpec =
    KeySpec { flags: &["OW", "update"], begin: Begin::Unknown, find: Find::Told(destination_index) };

const KEY: Arg = Arg::key();
const BY: Arg = Arg::new("by-pattern", ArgKind::Pattern).token("BY").optional().display("pattern");
const LIMIT: Arg =
    Arg::new("limit", ArgKind::Block(&[Arg::new("offset", ArgKind::Integer), Arg::new("count", ArgKind::Integer)]))
        .token("LIMIT")
        .optional();
const GET: Arg = Arg::new("get-pattern", ArgKind::Pattern).token("GET").optional().multiple_token().display("pattern");
const ORDER: Arg = Arg::new("order", ArgKind::OneOf(&[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")])).optional();
const SORTING: Arg = Arg::word("sorting", "ALPHA").optional();

/// Where the key after the last `STORE` is.
fn destination_index(args: &Args<'_>) -> Option<usize> {
    let (mut index, mut found) = (2, None);
    while index < args.len() {
        if args.is(index, "store") && index + 1 < args.len() {
            found = Some(index + 1);
        }
        let words = [("limit", 3), ("by", 2), ("get", 2), ("store", 2)];
        index += words.iter().find(|(word, _)| args.is(index, word)).map_or(1, |(_, skipped)| *skipped);
    }
    found
}

fn sort(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options::parse(args, true)?;
    let key = args.at(1)?;
    let rows = match options.looks_elsewhere() {
        true => tx.read_aside(|view| rows(view, key, &options))?,
        false => rows(&tx.view(), key, &options)?,
    };
    let Some(destination) = options.store else {
        write(&rows, reply);
        return Ok(());
    };
    let old = tx.find(destination)?;
    if !rows.is_empty() {
        // What is not there is stored as an empty element.
        let elements: Vec<&[u8]> = rows.iter().map(|row| row.as_deref().unwrap_or_default()).collect();
        list::store(tx, destination, old, &elements)?;
    } else if let Some(old) = old {
        tx.remove(destination, old);
    }
    reply.integer(rows.len() as i64);
    Ok(())
}

fn sort_ro(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options::parse(args, false)?;
    if options.looks_elsewhere() {
        // All keys of one moment: not from the hot tier, and from a snapshot.
        view.engine()?;
        view.admit_keys(usize::MAX)?;
    }
    write(&rows(view, args.at(1)?, &options)?, reply);
    Ok(())
}

fn write(rows: &[Option<Vec<u8>>], reply: &mut Reply<'_>) {
    reply.array(rows.len());
    for row in rows {
        match row {
            Some(bytes) => reply.bulk(bytes),
            None => reply.null(),
        }
    }
}

/// What comes with the key.
struct Options<'a> {
    by: Option<Pattern<'a>>,
    /// A pattern without a star was given: the elements stay in their own order.
    is_unsorted: bool,
    get: Vec<Pattern<'a>>,
    offset: i64,
    /// Negative: all.
    count: i64,
    descending: bool,
    alphabetic: bool,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>, may_store: bool) -> Result<Options<'a>> {
        let mut options = Options {
            by: None,
            is_unsorted: false,
            get: Vec::new(),
            offset: 0,
            count: -1,
            descending: false,
            alphabetic: false,
            store: None,
        };
        let mut index = 2;
        while index < args.len() {
            let has = |count: usize| index + count < args.len();
            if args.is(index, "asc") {
                options.descending = false;
            } else if args.is(index, "desc") {
                options.descending = true;
            } else if args.is(index, "alpha") {
                options.alphabetic = true;
            } else if args.is(index, "limit") && has(2) {
                (options.offset, options.count) = (args.integer(index + 1)?, args.integer(index + 2)?);
                index += 2;
            } else if may_store && args.is(index, "store") && has(1) {
                options.store = Some(args.at(index + 1)?);
                index += 1;
            } else if args.is(index, "by") && has(1) {
                let pattern = args.at(index + 1)?;
                options.is_unsorted |= !until_nul(pattern).contains(&b'*');
                options.by = Some(Pattern::parse(pattern));
                index += 1;
            } else if args.is(index, "get") && has(1) {
                options.get.push(Pattern::parse(args.at(index + 1)?));
                index += 1;
            } else {
                return Err(Error::Syntax);
            }
            index += 1;
        }
        Ok(options)
    }

    /// True if keys are read that no argument names.
    fn looks_elsewhere(&self) -> bool {
        let is_key = |pattern: &Pattern<'_>| matches!(pattern, Pattern::Key { .. });
        !self.is_unsorted && self.by.as_ref().is_some_and(is_key) || self.get.iter().any(is_key)
    }

    /// Which of so many elements are wanted.
    fn range(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(usize::MAX).min(len);
        let count = usize::try_from(self.count).unwrap_or(len).min(len - start);
        start..start + count
    }
}

/// What `BY` or `GET` asks for.
enum Pattern<'a> {
    /// The element itself.
    Element,
    /// Nothing: without a star there is no key for each element.
    Constant,
    /// The string, or the field of the hash, whose name has the element in the place of the star.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(pattern: &'a [u8]) -> Pattern<'a> {
        // Redis searches for these up to the first NUL, as C does.
        let text = until_nul(pattern);
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = text.iter().position(|&byte| byte == b'*') else { return Pattern::Constant };
        let (before, rest) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = text[star + 1..].windows(2).position(|pair| pair == b"->");
        match arrow.filter(|&at| text.len() > star + 1 + at + 2) {
            Some(at) => Pattern::Key { before, after: &rest[..at], field: Some(&rest[at + 2..]) },
            None => Pattern::Key { before, after: rest, field: None },
        }
    }

    /// What it asks for, of an element. None if that is not there or of another kind.
    fn look_up(&self, view: &View<'_>, element: &[u8]) -> Result<Option<Vec<u8>>> {
        let Pattern::Key { before, after, field } = self else {
            return Ok(matches!(self, Pattern::Element).then(|| element.to_vec()));
        };
        let key = [before, element, after].concat();
        let Some(found) = view.read(&key)? else { return Ok(None) };
        match (found.meta.kind, field) {
            (Kind::String, None) => Ok(Some(Text::new(found)?.to_vec(view)?)),
            (Kind::Hash, Some(field)) => {
                let hash = Hash::new(found)?;
                let value = hash.get(view, field)?.map(|value| value.to_vec());
                Ok(value)
            }
            _ => Ok(None),
        }
    }
}

/// The bytes before the first NUL.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// What elements are ordered by.
#[derive(Debug)]
enum Weight {
    Number(f64),
    Text(Option<Vec<u8>>),
    /// The element itself.
    Own,
}

/// The elements of a key as they are asked for: sorted, cut, and replaced by what `GET` looks up.
fn rows(view: &View<'_>, key: &[u8], options: &Options<'_>) -> Result<Vec<Option<Vec<u8>>>> {
    let Some(found) = view.read(key)? else { return Ok(Vec::new()) };
    let is_set = found.meta.kind == Kind::Set;
    // What is stored has a defined order.
    let is_forced = options.is_unsorted && is_set && options.store.is_some();
    let elements = if options.is_unsorted && !is_forced {
        let direction = if options.descending && !is_set { Direction::Backward } else { Direction::Forward };
        elements_of(view, found, direction, |len| options.range(len))?
    } else {
        let elements = elements_of(view, found, Direction::Forward, |len| 0..len)?;
        let range = options.range(elements.len());
        let by = options.by.as_ref().filter(|_| !is_forced);
        let mut elements = sorted(view, elements, by, options.alphabetic || is_forced, options)?;
        elements.truncate(range.end);
        elements.drain(..range.start);
        elements
    };
    if options.get.is_empty() {
        return Ok(elements.into_iter().map(Some).collect());
    }
    let mut rows = Vec::with_capacity(elements.len() * options.get.len());
    for (number, element) in elements.iter().enumerate() {
        if number % ELEMENTS_BETWEEN_CHECKS == 0 {
            view.go_on()?;
        }
        for pattern in &options.get {
            rows.push(pattern.look_up(view, element)?);
        }
    }
    Ok(rows)
}

fn sorted(
    view: &View<'_>,
    elements: Vec<Vec<u8>>,
    by: Option<&Pattern<'_>>,
    alphabetic: bool,
    options: &Options<'_>,
) -> Result<Vec<Vec<u8>>> {
    let mut weighed = Vec::with_capacity(elements.len());
    let mut is_wrong = false;
    for (number, element) in elements.into_iter().enumerate() {
        if number % ELEMENTS_BETWEEN_CHECKS == 0 {
            view.go_on()?;
        }
        let weight = match (alphabetic, by) {
            (true, None) => Weight::Own,
            (true, Some(pattern)) => Weight::Text(pattern.look_up(view, &element)?),
            (false, None) => number_of(&element, &mut is_wrong),
            (false, Some(pattern)) => match pattern.look_up(view, &element)? {
                Some(text) => number_of(&text, &mut is_wrong),
                None => Weight::Number(0.0),
            },
        };
        weighed.push((weight, element));
    }
    if is_wrong {
        return Err(Error::sentence("ERR One or more scores can't be converted into double"));
    }
    let stores = options.store.is_some();
    weighed.sort_by(|a, b| {
        let order = compare(a, b, stores);
        if options.descending { order.reverse() } else { order }
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn compare((a, a_element): &(Weight, Vec<u8>), (b, b_element): &(Weight, Vec<u8>), stores: bool) -> Ordering {
    match (a, b) {
        (Weight::Number(a), Weight::Number(b)) => {
            a.partial_cmp(b).unwrap_or(Ordering::Equal).then_with(|| a_element.cmp(b_element))
        }
        (Weight::Text(Some(a)), Weight::Text(Some(b))) => collate(a, b, stores),
        (Weight::Text(a), Weight::Text(b)) => a.is_some().cmp(&b.is_some()),
        _ => collate(a_element, b_element, stores),
    }
}

/// What is stored is compared as bytes. What is replied Redis compares by its locale, as C strings: here by the locale `C`.
fn collate(a: &[u8], b: &[u8], stores: bool) -> Ordering {
    if stores { a.cmp(b) } else { until_nul(a).cmp(until_nul(b)) }
}

/// A number as C's `strtod` reads it: blanks before it are allowed, nothing is 0, and a NUL ends the text.
fn number_of(text: &[u8], is_wrong: &mut bool) -> Weight {
    let text = until_nul(text);
    let number = match text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r')) {
        Some(start) => data::float::parse(&text[start..]),
        None => text.is_empty().then_some(0.0),
    };
    *is_wrong |= number.is_none();
    Weight::Number(number.unwrap_or(0.0))
}

/// Elements of a collection, in its own order or in the reverse of it; which of so many, `range` says.
fn elements_of(
    view: &View<'_>,
    found: Found<'_>,
    direction: Direction,
    range: impl FnOnce(usize) -> Range<usize>,
) -> Result<Vec<Vec<u8>>> {
    let mut elements = Vec::new();
    match found.meta.kind {
        Kind::List => {
            let list = list::List::new(found)?;
            let len = list.len();
            let wanted = range(usize::try_from(len).unwrap_or(usize::MAX));
            let (start, end) = (wanted.start as u64, wanted.end as u64);
            let positions = if direction == Direction::Forward { start..end } else { len - end..len - start };
            list.walk(view, positions, direction, |element| {
                elements.push(element.to_vec());
                true
            })?;
        }
        Kind::Set => {
            let set = Set::new(found)?;
            let wanted = range(usize::try_from(set.len()).unwrap_or(usize::MAX));
            set.visit(view, |member| {
                elements.push(member.to_vec());
                Ok(elements.len() < wanted.end)
            })?;
            elements.truncate(wanted.end);
            elements.drain(..wanted.start.min(elements.len()));
        }
        Kind::Zset => {
            let zset = Zset::new(found)?;
            let wanted = range(usize::try_from(zset.len()).unwrap_or(usize::MAX));
            let ranks = Part::Ranks(wanted.start as u64..wanted.end as u64);
            let reverse = direction == Direction::Backward;
            zset.select(view, &Selection { reverse, ..Selection::of(ranks) }, &mut |member, _| {
                elements.push(member.to_vec());
                Ok(true)
            })?;
        }
        Kind::String | Kind::Hash | Kind::Stream => return Err(Error::WrongType),
    }
    Ok(elements)
}

#[cfg(test)]
mod tests;
