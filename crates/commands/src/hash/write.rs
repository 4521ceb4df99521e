//! Commands that set and remove fields.

use data::Tx;
use data::hash::{Edit, Lifetime};

use super::fields::{self, FIELDS};
use super::{FIELD, PAIRS, UPDATES, VALUE};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "hset",
        arity: Arity::AtLeast(4),
        keys: UPDATES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "2.0.0",
            "Sets the values of fields; those that are new are added.",
            "O(N) with N being the number of fields set.",
            &[Arg::key(), PAIRS],
        )
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")]),
        run: Run::Write(hset),
    },
    Command {
        name: "hmset",
        arity: Arity::AtLeast(4),
        keys: UPDATES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "2.0.0",
            "Sets the values of several fields.",
            "O(N) with N being the number of fields set.",
            &[Arg::key(), PAIRS],
        )
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
        run: Run::Write(hmset),
    },
    Command {
        name: "hsetnx",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "insert"])],
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new("2.0.0", "Sets the value of a field unless it exists.", "O(1)", &[Arg::key(), FIELD, VALUE]),
        run: Run::Write(hsetnx),
    },
    Command {
        name: "hdel",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new(
            "2.0.0",
            "Removes fields; the hash goes with its last one.",
            "O(N) with N being the number of fields to be removed.",
            &[Arg::key(), FIELD.multiple()],
        )
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")]),
        run: Run::Write(hdel),
    },
    Command {
        name: "hgetdel",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::first(&["RW", "access", "delete"])],
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new(
            "8.0.0",
            "Reads the values of fields and removes the fields.",
            "O(N) with N being the number of fields.",
            &[Arg::key(), FIELDS],
        ),
        run: Run::Write(hgetdel),
    },
];

fn hset(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let added = set_pairs(tx, args, "hset")?;
    reply.integer(added);
    Ok(())
}

fn hmset(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_pairs(tx, args, "hmset")?;
    reply.ok();
    Ok(())
}

/// Sets all fields that the arguments name. Returns how many of them are new.
fn set_pairs(tx: &mut Tx<'_>, args: &Args<'_>, command: &str) -> Result<i64> {
    if args.len() % 2 == 1 {
        return Err(Error::WrongArity { name: command.to_owned() });
    }
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let mut added = 0;
    let mut pairs = args.from(2);
    while let (Some(field), Some(value)) = (pairs.next(), pairs.next()) {
        added += i64::from(edit.set(field, value, Lifetime::Endless)?);
    }
    edit.finish()?;
    Ok(added)
}

fn hsetnx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let field = args.at(2)?;
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let is_there = edit.get(field, |_| {})?;
    if !is_there {
        edit.set(field, args.at(3)?, Lifetime::Endless)?;
    }
    edit.finish()?;
    reply.integer(i64::from(!is_there));
    Ok(())
}

fn hdel(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let mut removed = 0;
    for field in args.from(2) {
        removed += i64::from(edit.remove(field)?);
    }
    edit.finish()?;
    reply.integer(removed);
    Ok(())
}

fn hgetdel(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let fields = args.from(fields::parse(args, 2, fields::NUMBER_OF_FIELDS)?);
    reply.array(fields.len());
    for field in fields {
        if !edit.take(field, |value| reply.bulk(value))? {
            reply.null();
        }
    }
    edit.finish()?;
    Ok(())
}
