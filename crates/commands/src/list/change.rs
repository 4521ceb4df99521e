//! Commands that change a list elsewhere than at its ends.

use data::{Kind, Tx, list};

use super::ELEMENT;
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "lset",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::List,
        marks: Marks::GROWS,
        doc: Doc::new(
            "1.0.0",
            "Replaces the element of a list at an index.",
            "O(1)",
            &[Arg::key(), Arg::new("index", ArgKind::Integer), ELEMENT],
        ),
        run: Run::Write(lset),
    },
    Command {
        name: "linsert",
        arity: Arity::Exactly(5),
        keys: &[KeySpec::first(&["RW", "insert"])],
        group: Group::List,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.2.0",
            "Puts an element before or behind another one of a list.",
            "O(N) where N is the number of elements up to the other one, and then from there to the nearer end.",
            &[
                Arg::key(),
                Arg::new("where", ArgKind::OneOf(&[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")])),
                Arg::new("pivot", ArgKind::String),
                ELEMENT,
            ],
        ),
        run: Run::Write(linsert),
    },
    Command {
        name: "lrem",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::List,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Removes elements of a list that are equal to one.",
            "O(N) where N is the length of the list.",
            &[Arg::key(), Arg::new("count", ArgKind::Integer), ELEMENT],
        ),
        run: Run::Write(lrem),
    },
    Command {
        name: "ltrim",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::List,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Keeps the elements of a list between two indexes and removes all others.",
            "O(N) where N is the number of elements that go, or of those that stay, whichever is less.",
            &[Arg::key(), Arg::new("start", ArgKind::Integer), Arg::new("stop", ArgKind::Integer)],
        ),
        run: Run::Write(ltrim),
    },
];

fn lset(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::List)?.ok_or(Error::NoSuchKey)?;
    let index = args.integer(2)?;
    let position = list::find(&tx.view(), key)?.and_then(|list| list.position(index));
    list::set(tx, key, old, position.ok_or(Error::OutOfRange)?, args.at(3)?)?;
    reply.ok();
    Ok(())
}

fn linsert(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let is_after = args.is(2, "after");
    if !is_after && !args.is(2, "before") {
        return Err(Error::Syntax);
    }
    let key = args.at(1)?;
    let Some(old) = tx.find_kind(key, Kind::List)? else {
        reply.integer(0);
        return Ok(());
    };
    let len = list::insert(tx, key, old, args.at(3)?, is_after, args.at(4)?)?;
    reply.integer(len.map_or(-1, |len| len as i64));
    Ok(())
}

fn lrem(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = args.integer(2)?;
    let key = args.at(1)?;
    let removed = match tx.find_kind(key, Kind::List)? {
        Some(old) => list::remove(tx, key, old, count, args.at(3)?)?,
        None => 0,
    };
    reply.integer(removed as i64);
    Ok(())
}

fn ltrim(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let key = args.at(1)?;
    if let Some(old) = tx.find_kind(key, Kind::List)? {
        let kept = list::find(&tx.view(), key)?.map_or(0..0, |list| list.range(start, stop));
        list::trim(tx, key, old, kept)?;
    }
    reply.ok();
    Ok(())
}
