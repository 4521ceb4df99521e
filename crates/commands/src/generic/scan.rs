//! Keys that no client named: all of them, some of them, one of them.
//!
//! A `SCAN` cursor is a position (see [`data::key`]): it needs no state, and a key that is there from the first call to
//! the last is returned.

use data::{Meta, View, glob, key};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};

/// How many keys `SCAN` looks at, where `COUNT` does not say.
const SCAN_COUNT: usize = 10;
/// Keys that one call looks at, whatever `COUNT` says: it is a hint, and others wait for the worker.
pub(crate) const KEYS_PER_CALL_MAX: usize = 10_000;
/// A database with no more keys than this is gone through as a whole for a random one, so that all are equally likely.
const SMALL_DATABASE_KEYS: u64 = 128;
/// Neighbours among which a random key is drawn: one alone would be as likely as the gap before it is wide.
const RANDOM_NEIGHBOURS: usize = 16;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "keys",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Generic,
        marks: Marks::LONG.and(Marks::DANGEROUS),
        doc: Doc::new(
            "1.0.0",
            "Lists every key whose name matches a pattern.",
            "O(N) where N is the number of keys in the database; others do not wait for it.",
            &[Arg::new("pattern", ArgKind::Pattern)],
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
        run: Run::Read(keys),
    },
    Command {
        name: "scan",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Generic,
        marks: Marks::TOUCHES_ARBITRARY_KEYS,
        doc: Doc::new(
            "2.8.0",
            "Lists the keys of the database, a few with each call.",
            "O(1) for every call, O(N) for all calls until the cursor is 0 again, where N is the number of keys.",
            &[
                Arg::new("cursor", ArgKind::Integer),
                Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
                Arg::new("count", ArgKind::Integer).token("COUNT").optional(),
                Arg::new("type", ArgKind::String).token("TYPE").optional().since("6.0.0"),
            ],
        )
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"]),
        run: Run::Read(scan),
    },
    Command {
        name: "randomkey",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Generic,
        marks: Marks::TOUCHES_ARBITRARY_KEYS,
        doc: Doc::new("1.0.0", "Picks a key of the database at random.", "O(1)", &[]).tips(&[
            "request_policy:all_shards",
            "response_policy:special",
            "nondeterministic_output",
        ]),
        run: Run::Read(randomkey),
    },
];

fn keys(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let pattern = Pattern(args.at(1)?);
    let mut found = Names::default();
    view.walk(0, usize::MAX, |name, _| {
        if pattern.matches(name) {
            found.push(name);
        }
        true
    })?;
    found.write(reply);
    Ok(())
}

fn scan(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = parse_cursor(args.at(1)?).ok_or(Error::InvalidCursor)?;
    let filter = ScanFilter::parse(args, Of::Keys)?;
    view.admit_keys(filter.count)?;
    let mut found = Names::default();
    let next = view.walk(cursor, filter.count, |name, meta| {
        if filter.matches(name, meta) {
            found.push(name);
        }
        true
    })?;
    reply.array(2);
    reply.bulk(next.unwrap_or(0).to_string().as_bytes());
    found.write(reply);
    Ok(())
}

/// A pattern of keys or members. A single star means every one, even the one with the empty name, which as a pattern it would
/// not match.
pub(crate) struct Pattern<'a>(&'a [u8]);

impl Pattern<'_> {
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.0 == b"*" || glob::matches(self.0, name, false)
    }
}

/// What a command of the `SCAN` family goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Keys,
    Fields,
    Members,
    ScoredMembers,
}

impl Of {
    /// The word that leaves out what the elements have besides their names.
    fn names_only(self) -> Option<&'static str> {
        match self {
            Of::Keys | Of::Members => None,
            // Since Redis 7.4.
            Of::Fields => Some("novalues"),
            // Since Valkey 8.
            Of::ScoredMembers => Some("noscores"),
        }
    }
}

/// The options of `SCAN` and its like.
pub(crate) struct ScanFilter<'a> {
    pub(crate) pattern: Pattern<'a>,
    /// How many keys or elements to look at, within what one call looks at.
    pub(crate) count: usize,
    /// `SCAN` only: the name of a type. One that does not exist is no error: no key has it.
    kind: Option<&'a [u8]>,
    /// Values or scores are left out.
    pub(crate) names_only: bool,
}

impl<'a> ScanFilter<'a> {
    /// Reads the arguments behind the cursor.
    pub(crate) fn parse(args: &Args<'a>, of: Of) -> Result<ScanFilter<'a>> {
        let mut filter = ScanFilter { pattern: Pattern(b"*"), count: SCAN_COUNT, kind: None, names_only: false };
        let mut index = if of == Of::Keys { 2 } else { 3 };
        while index < args.len() {
            if of.names_only().is_some_and(|word| args.is(index, word)) {
                filter.names_only = true;
                index += 1;
                continue;
            }
            // A word without its value is as wrong as an unknown one.
            let value = args.at(index + 1)?;
            if args.is(index, "count") {
                let count = args.integer(index + 1)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                filter.count = usize::try_from(count).unwrap_or(usize::MAX).min(KEYS_PER_CALL_MAX);
            } else if args.is(index, "match") {
                filter.pattern = Pattern(value);
            } else if of == Of::Keys && args.is(index, "type") {
                filter.kind = Some(value);
            } else {
                return Err(Error::Syntax);
            }
            index += 2;
        }
        Ok(filter)
    }

    fn matches(&self, name: &[u8], meta: &Meta) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(meta.kind.name().as_bytes()))
            && self.pattern.matches(name)
    }
}

/// A cursor as C's `strtoul` reads it, which is what Redis does: a sign is allowed, a negative number counts from the end
/// of 64 bits, a NUL ends the text, and no text at all is 0.
pub(crate) fn parse_cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &digit in digits {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { value.wrapping_neg() } else { value })
}

/// Names of keys or elements, encoded as they are found: their number has to be written before them.
#[derive(Default)]
pub(crate) struct Names {
    count: usize,
    encoded: Vec<u8>,
}

impl Names {
    pub(crate) fn push(&mut self, name: &[u8]) {
        self.count += 1;
        // A bulk string is the same in every protocol.
        Reply::new(&mut self.encoded, resp::Protocol::Resp2).bulk(name);
    }

    pub(crate) fn write(self, reply: &mut Reply<'_>) {
        reply.array(self.count);
        reply.raw(&self.encoded);
    }

    /// The same as a set.
    pub(crate) fn write_set(self, reply: &mut Reply<'_>) {
        reply.set(self.count);
        reply.raw(&self.encoded);
    }
}

fn randomkey(view: &View<'_>, _args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match random_name(view)? {
        Some(name) => reply.bulk(&name),
        None => reply.null(),
    }
    Ok(())
}

/// A key drawn at random, None if the database has none (or nothing but expired ones within the bounds of one call).
fn random_name(view: &View<'_>) -> Result<Option<Vec<u8>>> {
    if view.count().keys <= SMALL_DATABASE_KEYS {
        return Ok(draw(view, 0, KEYS_PER_CALL_MAX)?.0);
    }
    let mut from = view.turn().random_below(key::POSITION_END);
    let mut near = draw(view, from, RANDOM_NEIGHBOURS)?.0;
    if near.is_none() {
        near = draw(view, 0, RANDOM_NEIGHBOURS)?.0;
    }
    if let Some(name) = near {
        // Where few slots are in use, nearly all positions lie before the first key of one of them: so the position
        // within the slot is drawn anew.
        from = (u64::from(key::slot(&name)) << u32::BITS) | (view.turn().random_u64() >> u32::BITS);
    }
    for _ in 0..KEYS_PER_CALL_MAX / RANDOM_NEIGHBOURS {
        let (name, next) = draw(view, from, RANDOM_NEIGHBOURS)?;
        if name.is_some() {
            return Ok(name);
        }
        from = next.unwrap_or(0);
    }
    Ok(None)
}

/// One of the keys from a position on, all equally likely among those that were looked at, and where they end.
fn draw(view: &View<'_>, from: u64, limit: usize) -> Result<(Option<Vec<u8>>, Option<u64>)> {
    let (mut drawn, mut seen) = (None, 0);
    let next = view.walk(from, limit, |name, _| {
        seen += 1;
        if view.turn().random_below(seen) == 0 {
            drawn = Some(name.to_vec());
        }
        true
    })?;
    Ok((drawn, next))
}
