//! Commands that pop: from one list, or from the first of several that has something.

use data::list::{self, End};
use data::{Kind, Meta, Tx};

use super::{LEFT_OR_RIGHT, TIMEOUT, TIMEOUT_HISTORY, end, park};
use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run, WriteHandler};
use crate::error::{Error, Nothing, Result};
use crate::keys::{Begin, Find, KeySpec};

pub(crate) static COMMANDS: &[Command] = &[
    pops("lpop", Doc::new("1.0.0", "Takes the first elements out of a list.", POP_COMPLEXITY, POP_ARGS), lpop),
    pops("rpop", Doc::new("1.0.0", "Takes the last elements out of a list.", POP_COMPLEXITY, POP_ARGS), rpop),
    Command {
        name: "lmpop",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec::counted(1, POPS)],
        group: Group::List,
        marks: Marks::MOVABLE_KEYS,
        doc: Doc::new(
            "7.0.0",
            "Takes elements out of the first of several lists that has any.",
            MPOP_COMPLEXITY,
            &[NUMKEYS, KEYS, WHERE, COUNT],
        ),
        run: Run::Write(lmpop),
    },
    waits("blpop", "Takes the first element out of a list, and waits for one if there is none.", blpop),
    waits("brpop", "Takes the last element out of a list, and waits for one if there is none.", brpop),
    Command {
        name: "blmpop",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::counted(2, POPS)],
        group: Group::List,
        marks: Marks::BLOCKING.and(Marks::MOVABLE_KEYS),
        doc: Doc::new(
            "7.0.0",
            "Takes elements out of the first of several lists that has any, and waits for one if none has.",
            MPOP_COMPLEXITY,
            &[TIMEOUT, NUMKEYS, KEYS, WHERE, COUNT],
        ),
        run: Run::Write(blmpop),
    },
];

const POPS: &[&str] = &["RW", "access", "delete"];
const POPPED: &[KeySpec] = &[KeySpec::first(POPS)];
const POP_COMPLEXITY: &str = "O(N) where N is the number of elements returned";
const POP_ARGS: &[Arg] = &[Arg::key(), Arg::new("count", ArgKind::Integer).optional().since("6.2.0")];
const MPOP_COMPLEXITY: &str = "O(N+M) where N is the number of provided keys and M is the number of elements returned.";
const NUMKEYS: Arg = Arg::new("numkeys", ArgKind::Integer);
const KEYS: Arg = Arg::key().multiple();
const WHERE: Arg = Arg::new("where", LEFT_OR_RIGHT);
const COUNT: Arg = Arg::new("count", ArgKind::Integer).token("COUNT").optional();

const fn pops(name: &'static str, doc: Doc, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(2),
        keys: POPPED,
        group: Group::List,
        marks: Marks::FAST,
        doc: doc.history(&[("6.2.0", "Added the `count` argument.")]),
        run: Run::Write(run),
    }
}

const fn waits(name: &'static str, summary: &'static str, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(3),
        keys: &[KeySpec { flags: POPS, begin: Begin::Index(1), find: Find::Range { last: -2, step: 1, limit: 0 } }],
        group: Group::List,
        marks: Marks::BLOCKING.and(Marks::NO_SCRIPT),
        doc: Doc::new("2.0.0", summary, "O(N) where N is the number of provided keys.", &[KEYS, TIMEOUT])
            .history(TIMEOUT_HISTORY),
        run: Run::Write(run),
    }
}

fn lpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(tx, args, reply, End::Left)
}

fn rpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(tx, args, reply, End::Right)
}

fn pop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, end: End) -> Result<()> {
    if args.len() > 3 {
        let name = if end == End::Left { "lpop" } else { "rpop" };
        return Err(Error::WrongArity { name: name.to_owned() });
    }
    let count = match args.len() {
        // Redis has this one sentence for whatever is no count.
        3 => Some(parse_integer(args.at(2)?).and_then(|count| u64::try_from(count).ok()).ok_or(Error::NotPositive)?),
        _ => None,
    };
    let key = args.at(1)?;
    match (tx.find_kind(key, Kind::List)?, count) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.null_array(),
        (Some(_), Some(0)) => reply.array(0),
        (Some(old), Some(count)) => pop_array(tx, key, old, end, count, reply)?,
        (Some(old), None) => list::pop(tx, key, old, end, 1, |element| reply.bulk(element))?,
    }
    Ok(())
}

/// Pops up to `count` elements into an array.
fn pop_array(tx: &mut Tx<'_>, key: &[u8], old: Meta, end: End, count: u64, reply: &mut Reply<'_>) -> Result<()> {
    let len = list::find(&tx.view(), key)?.map_or(0, |list| list.len());
    reply.array(count.min(len) as usize);
    list::pop(tx, key, old, end, count, |element| reply.bulk(element))?;
    Ok(())
}

/// What `LMPOP` and `BLMPOP` are asked for.
struct Multiple {
    /// Where the keys begin among the arguments, and how many they are.
    keys_at: usize,
    key_count: usize,
    end: End,
    count: u64,
}

impl Multiple {
    /// Reads the arguments from the number of keys on.
    fn parse(args: &Args<'_>, at: usize) -> Result<Multiple> {
        const NO_KEYS: Error = Error::sentence("ERR numkeys should be greater than 0");
        const NO_COUNT: Error = Error::sentence("ERR count should be greater than 0");
        let positive = |index: usize, error: Error| {
            let number = parse_integer(args.at(index)?).and_then(|number| u64::try_from(number).ok());
            number.filter(|&number| number > 0).ok_or(error)
        };
        let key_count = usize::try_from(positive(at, NO_KEYS)?).unwrap_or(usize::MAX);
        let end_at = key_count.saturating_add(at + 1);
        let mut multiple = Multiple { keys_at: at + 1, key_count, end: end(args, end_at)?, count: 1 };
        let mut index = end_at + 1;
        if index < args.len() {
            if !args.is(index, "count") || index + 1 == args.len() {
                return Err(Error::Syntax);
            }
            multiple.count = positive(index + 1, NO_COUNT)?;
            index += 2;
        }
        if index < args.len() { Err(Error::Syntax) } else { Ok(multiple) }
    }

    /// Pops from the first list that is there. False if none is.
    fn pop(&self, tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<bool> {
        for key in args.from(self.keys_at).take(self.key_count) {
            if let Some(old) = tx.find_kind(key, Kind::List)? {
                reply.array(2);
                reply.bulk(key);
                pop_array(tx, key, old, self.end, self.count, reply)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn lmpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let multiple = Multiple::parse(args, 1)?;
    if !multiple.pop(tx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

fn blmpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let multiple = Multiple::parse(args, 2)?;
    let timeout_ms = args.timeout_seconds(1)?;
    if multiple.pop(tx, args, reply)? { Ok(()) } else { Err(park(timeout_ms, Nothing::Array)) }
}

fn blpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_first(tx, args, reply, End::Left)
}

fn brpop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop_first(tx, args, reply, End::Right)
}

fn pop_first(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, end: End) -> Result<()> {
    let last = args.len() - 1;
    let timeout_ms = args.timeout_seconds(last)?;
    for key in args.from(1).take(last - 1) {
        if let Some(old) = tx.find_kind(key, Kind::List)? {
            reply.array(2);
            reply.bulk(key);
            list::pop(tx, key, old, end, 1, |element| reply.bulk(element))?;
            return Ok(());
        }
    }
    Err(park(timeout_ms, Nothing::Array))
}
