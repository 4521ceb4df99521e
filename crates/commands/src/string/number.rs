//! Commands that take a string for a number and add to it.

use data::float::Extended;
use data::{Kind, Tx, string};

use super::UPDATES;
use super::write::set_keeping_expiry;
use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

const MARKS: Marks = Marks::FAST.and(Marks::GROWS);

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "incr",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: MARKS,
        doc: Doc::new("1.0.0", "Adds one to the integer at a key; an absent one counts as 0.", "O(1)", &[Arg::key()]),
        run: Run::Write(incr),
    },
    Command {
        name: "decr",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: MARKS,
        doc: Doc::new(
            "1.0.0",
            "Subtracts one from the integer at a key; an absent one counts as 0.",
            "O(1)",
            &[Arg::key()],
        ),
        run: Run::Write(decr),
    },
    Command {
        name: "incrby",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: MARKS,
        doc: Doc::new(
            "1.0.0",
            "Adds a number to the integer at a key; an absent one counts as 0.",
            "O(1)",
            &[Arg::key(), Arg::new("increment", ArgKind::Integer)],
        ),
        run: Run::Write(incrby),
    },
    Command {
        name: "decrby",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: MARKS,
        doc: Doc::new(
            "1.0.0",
            "Subtracts a number from the integer at a key; an absent one counts as 0.",
            "O(1)",
            &[Arg::key(), Arg::new("decrement", ArgKind::Integer)],
        ),
        run: Run::Write(decrby),
    },
    Command {
        name: "incrbyfloat",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: MARKS,
        doc: Doc::new(
            "2.6.0",
            "Adds a number to the float at a key; an absent one counts as 0.",
            "O(1)",
            &[Arg::key(), Arg::new("increment", ArgKind::Double)],
        ),
        run: Run::Write(incrbyfloat),
    },
];

fn incr(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(tx, args.at(1)?, 1, reply)
}

fn decr(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(tx, args.at(1)?, -1, reply)
}

fn incrby(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(tx, args.at(1)?, args.integer(2)?, reply)
}

fn decrby(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let delta = args.integer(2)?.checked_neg().ok_or(Error::DecrementOverflow)?;
    add(tx, args.at(1)?, delta, reply)
}

fn add(tx: &mut Tx<'_>, key: &[u8], delta: i64, reply: &mut Reply<'_>) -> Result<()> {
    let old = tx.find_kind(key, Kind::String)?;
    let value = match string::find(&tx.view(), key)? {
        // A string in chunks is longer than any number.
        Some(text) => text.whole().and_then(parse_integer).ok_or(Error::NotInteger)?,
        None => 0,
    };
    let sum = value.checked_add(delta).ok_or(Error::Overflow)?;
    set_keeping_expiry(tx, key, old, itoa::Buffer::new().format(sum).as_bytes());
    reply.integer(sum);
    Ok(())
}

fn incrbyfloat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::String)?;
    let value = match string::find(&tx.view(), key)? {
        Some(text) => text.whole().and_then(Extended::parse).ok_or(Error::NotFloat)?,
        None => Extended::ZERO,
    };
    let delta = Extended::parse(args.at(2)?).ok_or(Error::NotFloat)?;
    let sum = value.checked_add(delta).ok_or(Error::NotFiniteIncrement)?.to_text();
    set_keeping_expiry(tx, key, old, sum.as_bytes());
    reply.bulk(sum.as_bytes());
    Ok(())
}
