//! Members from either end, which are taken away; `BZPOPMIN` and its kin wait for them.

use data::Tx;
use data::zset::{Editor, End, Scored};
use resp::Protocol;

use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Nothing, Park, Result};
use crate::keys::{Begin, Find, KeySpec};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "zpopmin",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(&["RW", "access", "delete"])],
        group: Group::SortedSet,
        marks: Marks::FAST,
        doc: Doc::new("5.0.0", "Removes the members with the lowest scores, and tells them.", "O(log(N)*M) for M members", &[Arg::key(), Arg::new("count", ArgKind::Integer).optional()]),
        run: Run::Write(zpopmin),
    },
    Command {
        name: "zpopmax",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(&["RW", "access", "delete"])],
        group: Group::SortedSet,
        marks: Marks::FAST,
        doc: Doc::new("5.0.0", "Removes the members with the highest scores, and tells them.", "O(log(N)*M) for M members", &[Arg::key(), Arg::new("count", ArgKind::Integer).optional()]),
        run: Run::Write(zpopmax),
    },
    Command {
        name: "zmpop",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec::counted(1, &["RW", "access", "delete"])],
        group: Group::SortedSet,
        marks: Marks::MOVABLE_KEYS,
        doc: Doc::new("7.0.0", "Removes members from the first of several sorted sets that has any, and tells them.", "O(K)+O(M*log(N)) for K keys and M members", &[Arg::new("numkeys", ArgKind::Integer), Arg::key().multiple(), WHERE, Arg::new("count", ArgKind::Integer).token("COUNT").optional()]),
        run: Run::Write(zmpop),
    },
    Command {
        name: "bzpopmin",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec { flags: &["RW", "access", "delete"], begin: Begin::Index(1), find: Find::Range { last: -2, step: 1, limit: 0 } }],
        group: Group::SortedSet,
        marks: Marks::FAST.and(Marks::NO_SCRIPT).and(Marks::BLOCKING),
        doc: Doc::new("5.0.0", "Removes the member with the lowest score from the first of several sorted sets that has any, or waits for one.", "O(log(N))", &[Arg::key().multiple(), Arg::new("timeout", ArgKind::Double)]).history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")]),
        run: Run::Write(bzpopmin),
    },
    Command {
        name: "bzpopmax",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec { flags: &["RW", "access", "delete"], begin: Begin::Index(1), find: Find::Range { last: -2, step: 1, limit: 0 } }],
        group: Group::SortedSet,
        marks: Marks::FAST.and(Marks::NO_SCRIPT).and(Marks::BLOCKING),
        doc: Doc::new("5.0.0", "Removes the member with the highest score from the first of several sorted sets that has any, or waits for one.", "O(log(N))", &[Arg::key().multiple(), Arg::new("timeout", ArgKind::Double)]).history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")]),
        run: Run::Write(bzpopmax),
    },
    Command {
        name: "bzmpop",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::counted(2, &["RW", "access", "delete"])],
        group: Group::SortedSet,
        marks: Marks::BLOCKING.and(Marks::MOVABLE_KEYS),
        doc: Doc::new("7.0.0", "Removes members from the first of several sorted sets that has any, or waits for one.", "O(K)+O(M*log(N)) for K keys and M members", &[Arg::new("timeout", ArgKind::Double), Arg::new("numkeys", ArgKind::Integer), Arg::key().multiple(), WHERE, Arg::new("count", ArgKind::Integer).token("COUNT").optional()]),
        run: Run::Write(bzmpop),
    },
];

const WHERE: Arg = Arg::new("where", ArgKind::OneOf(&[Arg::word("min", "MIN"), Arg::word("max", "MAX")]));
fn zpopmin(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_one(tx, args, End::Min, reply)
}

fn zpopmax(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_one(tx, args, End::Max, reply)
}

fn pop_one(tx: &mut Tx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = args.get(2).map(|text| at_least(text, 0).ok_or(Error::NotPositive)).transpose()?;
    let mut set = Editor::open(tx, args.at(1)?)?;
    if !set.was_there() || count == Some(0) {
        reply.array(0);
        return Ok(());
    }
    let popped = set.pop(tx, end, count.unwrap_or(1))?;
    set.finish(tx);
    if count.is_some() && reply.protocol() == Protocol::Resp3 {
        write_pairs(reply, &popped);
    } else {
        reply.array(popped.len() * 2);
        popped.iter().for_each(|scored| write_scored(reply, scored));
    }
    Ok(())
}

fn zmpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Several { keys, end, count } = Several::parse(args, 1)?;
    if !pop_first(tx, args.from(2).take(keys), end, count, true, reply)? {
        reply.null_array();
    }
    Ok(())
}

fn bzpopmin(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_or_wait(tx, args, End::Min, reply)
}

fn bzpopmax(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_or_wait(tx, args, End::Max, reply)
}

fn pop_or_wait(tx: &mut Tx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<()> {
    let keys = args.len().saturating_sub(2);
    let timeout_ms = args.timeout_seconds(args.len() - 1)?;
    if pop_first(tx, args.from(1).take(keys), end, 1, false, reply)? { Ok(()) } else { Err(wait(timeout_ms)) }
}

fn bzmpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Several { keys, end, count } = Several::parse(args, 2)?;
    let timeout_ms = args.timeout_seconds(1)?;
    if pop_first(tx, args.from(3).take(keys), end, count, true, reply)? { Ok(()) } else { Err(wait(timeout_ms)) }
}

fn wait(timeout_ms: Option<u64>) -> Error {
    Error::Park(Park { timeout_ms, nothing: Nothing::Array, nothing_at_once: Nothing::Array, memo: None })
}

/// The arguments that `ZMPOP` and `BZMPOP` share.
struct Several {
    keys: usize,
    end: End,
    count: u64,
}

impl Several {
    /// The number of keys is at an index.
    fn parse(args: &Args<'_>, at: usize) -> Result<Several> {
        let keys = at_least(args.at(at)?, 1).ok_or(Error::sentence("ERR numkeys should be greater than 0"))?;
        let keys = usize::try_from(keys).unwrap_or(usize::MAX);
        let end_at = keys.saturating_add(at + 1);
        let end = match () {
            () if args.is(end_at, "min") => End::Min,
            () if args.is(end_at, "max") => End::Max,
            () => return Err(Error::Syntax),
        };
        let mut count = None;
        let mut index = end_at + 1;
        while index < args.len() {
            if count.is_some() || !args.is(index, "count") || index + 1 >= args.len() {
                return Err(Error::Syntax);
            }
            let given = at_least(args.at(index + 1)?, 1);
            count = Some(given.ok_or(Error::sentence("ERR count should be greater than 0"))?);
            index += 2;
        }
        Ok(Several { keys, end, count: count.unwrap_or(1) })
    }
}

/// Pops from the first key that has members; false if none has. The members stand in pairs where the command may pop several.
fn pop_first<'a>(
    tx: &mut Tx<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
    end: End,
    count: u64,
    pairs: bool,
    reply: &mut Reply<'_>,
) -> Result<bool> {
    for key in keys {
        let mut set = Editor::open(tx, key)?;
        if !set.was_there() {
            continue;
        }
        let popped = set.pop(tx, end, count)?;
        set.finish(tx);
        if pairs {
            reply.array(2);
            reply.bulk(key);
            write_pairs(reply, &popped);
        } else {
            reply.array(1 + popped.len() * 2);
            reply.bulk(key);
            popped.iter().for_each(|scored| write_scored(reply, scored));
        }
        return Ok(true);
    }
    Ok(false)
}

fn write_pairs(reply: &mut Reply<'_>, popped: &[Scored]) {
    reply.array(popped.len());
    for scored in popped {
        reply.array(2);
        write_scored(reply, scored);
    }
}

fn write_scored(reply: &mut Reply<'_>, scored: &Scored) {
    reply.bulk(&scored.member);
    reply.double(scored.score);
}

/// A number that is not less than another.
fn at_least(text: &[u8], least: i64) -> Option<u64> {
    parse_integer(text).filter(|&number| number >= least).and_then(|number| u64::try_from(number).ok())
}
