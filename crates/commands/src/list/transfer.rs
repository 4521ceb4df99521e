//! Commands that move an element from one list to another, or from one end of a list to the other.

use data::list::{self, End};
use data::{Kind, Tx};

use super::{LEFT_OR_RIGHT, TIMEOUT, TIMEOUT_HISTORY, end, park};
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run, WriteHandler};
use crate::error::{Nothing, Result};
use crate::keys::KeySpec;

pub(crate) static COMMANDS: &[Command] = &[
    moves(
        "lmove",
        Arity::Exactly(5),
        Marks::GROWS,
        Doc::new(
            "6.2.0",
            "Moves an element from an end of a list to an end of a list.",
            "O(1)",
            &[SOURCE, DESTINATION, WHEREFROM, WHERETO],
        ),
        lmove,
    ),
    moves(
        "rpoplpush",
        Arity::Exactly(3),
        Marks::GROWS,
        Doc::new(
            "1.2.0",
            "Moves the last element of a list before the first one of a list.",
            "O(1)",
            &[SOURCE, DESTINATION],
        )
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
        rpoplpush,
    ),
    moves(
        "blmove",
        Arity::Exactly(6),
        WAITS,
        Doc::new(
            "6.2.0",
            "Moves an element like LMOVE, and waits for one if there is none.",
            "O(1)",
            &[SOURCE, DESTINATION, WHEREFROM, WHERETO, TIMEOUT],
        ),
        blmove,
    ),
    moves(
        "brpoplpush",
        Arity::Exactly(4),
        WAITS,
        Doc::new(
            "2.2.0",
            "Moves an element like RPOPLPUSH, and waits for one if there is none.",
            "O(1)",
            &[SOURCE, DESTINATION, TIMEOUT],
        )
        .history(TIMEOUT_HISTORY)
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
        brpoplpush,
    ),
];

const WAITS: Marks = Marks::GROWS.and(Marks::NO_SCRIPT).and(Marks::BLOCKING);
const MOVED: &[KeySpec] = &[KeySpec::at(1, &["RW", "access", "delete"]), KeySpec::at(2, &["RW", "insert"])];
const SOURCE: Arg = Arg::new("source", ArgKind::Key(0));
const DESTINATION: Arg = Arg::new("destination", ArgKind::Key(1));
const WHEREFROM: Arg = Arg::new("wherefrom", LEFT_OR_RIGHT);
const WHERETO: Arg = Arg::new("whereto", LEFT_OR_RIGHT);

const fn moves(name: &'static str, arity: Arity, marks: Marks, doc: Doc, run: WriteHandler) -> Command {
    Command { name, arity, keys: MOVED, group: Group::List, marks, doc, run: Run::Write(run) }
}

fn lmove(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (from, to) = (end(args, 3)?, end(args, 4)?);
    if !transfer(tx, args, from, to, reply)? {
        reply.null();
    }
    Ok(())
}

fn rpoplpush(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if !transfer(tx, args, End::Right, End::Left, reply)? {
        reply.null();
    }
    Ok(())
}

fn blmove(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (from, to) = (end(args, 3)?, end(args, 4)?);
    let timeout_ms = args.timeout_seconds(5)?;
    if transfer(tx, args, from, to, reply)? { Ok(()) } else { Err(park(timeout_ms, Nothing::Bulk)) }
}

fn brpoplpush(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let timeout_ms = args.timeout_seconds(3)?;
    if transfer(tx, args, End::Right, End::Left, reply)? { Ok(()) } else { Err(park(timeout_ms, Nothing::Bulk)) }
}

/// Moves an element, and replies it. False if there is none, whatever the destination is.
fn transfer(tx: &mut Tx<'_>, args: &Args<'_>, from: End, to: End, reply: &mut Reply<'_>) -> Result<bool> {
    let (source, destination) = (args.at(1)?, args.at(2)?);
    let Some(old) = tx.find_kind(source, Kind::List)? else { return Ok(false) };
    if source == destination {
        list::rotate(tx, source, old, from, to, |element| reply.bulk(element))?;
        return Ok(true);
    }
    // Before anything is taken: it may be of another kind.
    let target = tx.find_kind(destination, Kind::List)?;
    let mut moved = Vec::new();
    list::pop(tx, source, old, from, 1, |element| moved.extend_from_slice(element))?;
    list::push(tx, destination, target, to, &[&moved])?;
    reply.bulk(&moved);
    Ok(true)
}
