//! The set commands: members added, removed, looked up and moved.
//!
//! Members at random are in [`random`], operations between sets in [`combine`], iteration in [`scan`]. What a set is, is
//! said in [`data::set`].

pub(crate) mod combine;
pub(crate) mod random;
pub(crate) mod scan;

#[cfg(test)]
mod tests;

use data::{Tx, View, set};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::Result;
use crate::keys::{KeySpec, READS};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "sadd",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "insert"])],
        group: Group::Set,
        marks: Marks::GROWS.and(Marks::FAST),
        doc: Doc::new(
            "1.0.0",
            "Adds members to a set, which is created if there is none.",
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            MEMBERS,
        )
        .history(SEVERAL_HISTORY),
        run: Run::Write(sadd),
    },
    Command {
        name: "srem",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Removes members from a set, which goes with its last one.",
            "O(N) where N is the number of members to be removed.",
            MEMBERS,
        )
        .history(SEVERAL_HISTORY),
        run: Run::Write(srem),
    },
    Command {
        name: "smove",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::at(1, &["RW", "access", "delete"]), KeySpec::at(2, &["RW", "insert"])],
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Moves a member from one set to another.",
            "O(1)",
            &[
                Arg::new("source", ArgKind::Key(0)),
                Arg::new("destination", ArgKind::Key(1)),
                Arg::new("member", ArgKind::String),
            ],
        ),
        run: Run::Write(smove),
    },
    Command {
        name: "scard",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Tells how many members a set has.", "O(1)", &[Arg::key()]),
        run: Run::Read(scard),
    },
    Command {
        name: "sismember",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Tells whether a set has a member.",
            "O(1)",
            &[Arg::key(), Arg::new("member", ArgKind::String)],
        ),
        run: Run::Read(sismember),
    },
    Command {
        name: "smismember",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new(
            "6.2.0",
            "Tells of several members whether a set has them.",
            "O(N) where N is the number of elements being checked for membership",
            MEMBERS,
        ),
        run: Run::Read(smismember),
    },
    Command {
        name: "smembers",
        arity: Arity::Exactly(2),
        keys: READS,
        group: Group::Set,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Lists all members of a set.",
            "O(N) where N is the set cardinality.",
            &[Arg::key()],
        )
        .tips(&["nondeterministic_output_order"]),
        run: Run::Read(smembers),
    },
];

const MEMBERS: &[Arg] = &[Arg::key(), Arg::new("member", ArgKind::String).multiple()];
const SEVERAL_HISTORY: &[(&str, &str)] = &[("2.4.0", "Accepts multiple `member` arguments.")];

fn sadd(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let added = set::add(tx, args.at(1)?, args.from(2))?;
    reply.integer(added as i64);
    Ok(())
}

fn srem(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let removed = set::remove(tx, args.at(1)?, args.from(2))?;
    reply.integer(removed as i64);
    Ok(())
}

fn smove(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let moved = set::move_member(tx, args.at(1)?, args.at(2)?, args.at(3)?)?;
    reply.integer(i64::from(moved));
    Ok(())
}

fn scard(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let found = set::read(view, args.at(1)?)?;
    reply.integer(found.map_or(0, |set| set.len() as i64));
    Ok(())
}

fn sismember(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let is_member = match set::read(view, args.at(1)?)? {
        Some(set) => set.contains(view, args.at(2)?)?,
        None => false,
    };
    reply.integer(i64::from(is_member));
    Ok(())
}

fn smismember(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let found = set::read(view, args.at(1)?)?;
    let members = args.from(2);
    view.admit_keys(members.len())?;
    reply.array(members.len());
    for member in members {
        let is_member = match &found {
            Some(set) => set.contains(view, member)?,
            None => false,
        };
        reply.integer(i64::from(is_member));
    }
    Ok(())
}

fn smembers(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(set) = set::read(view, args.at(1)?)? else {
        reply.set(0);
        return Ok(());
    };
    reply.set(usize::try_from(set.len()).unwrap_or(usize::MAX));
    set.visit(view, |member| {
        reply.bulk(member);
        Ok(true)
    })?;
    Ok(())
}
