//! `SINTER`, `SUNION`, `SDIFF`, their forms that store, and `SINTERCARD`.

use data::set::{self, Gathered, Operation, Sources};
use data::{Tx, View};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run, WriteHandler};
use crate::error::{Error, Result};
use crate::generic::scan::Names;
use crate::keys::{Begin, Find, KeySpec};

pub(crate) static COMMANDS: &[Command] = &[
    reading("sinter", "Replies the members that all of several sets have.", INTERSECTION_COST, sinter),
    storing(
        "sinterstore",
        "Stores the members that all of several sets have.",
        INTERSECTION_COST,
        &[KeySpec::at(1, &["RW", "update"]), SOURCES],
        sinterstore,
    ),
    Command {
        name: "sintercard",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::counted(1, &["RO", "access"])],
        group: Group::Set,
        marks: Marks::MOVABLE_KEYS,
        doc: Doc::new(
            "7.0.0",
            "Tells how many members all of several sets have.",
            INTERSECTION_COST,
            &[
                Arg::new("numkeys", ArgKind::Integer),
                Arg::key().multiple(),
                Arg::new("limit", ArgKind::Integer).token("LIMIT").optional(),
            ],
        ),
        run: Run::Read(sintercard),
    },
    reading("sunion", "Replies the members that any of several sets has.", TOTAL_COST, sunion),
    storing(
        "sunionstore",
        "Stores the members that any of several sets has.",
        TOTAL_COST,
        &[KeySpec::at(1, &["OW", "update"]), SOURCES],
        sunionstore,
    ),
    reading("sdiff", "Replies the members of a set that none of several others has.", TOTAL_COST, sdiff),
    storing(
        "sdiffstore",
        "Stores the members of a set that none of several others has.",
        TOTAL_COST,
        &[KeySpec::at(1, &["OW", "update"]), SOURCES],
        sdiffstore,
    ),
];

const INTERSECTION_COST: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";
const TOTAL_COST: &str = "O(N) where N is the total number of elements in all given sets.";
const SOURCES: KeySpec =
    KeySpec { flags: &["RO", "access"], begin: Begin::Index(2), find: Find::Range { last: -1, step: 1, limit: 0 } };

const ALL_KEYS: &[KeySpec] = &[KeySpec::all(1, &["RO", "access"])];
const KEYS: &[Arg] = &[Arg::key().multiple()];
const DESTINATION_AND_KEYS: &[Arg] =
    &[Arg::new("destination", ArgKind::Key(0)), Arg::new("key", ArgKind::Key(1)).multiple()];

const fn reading(name: &'static str, summary: &'static str, cost: &'static str, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(2),
        keys: ALL_KEYS,
        group: Group::Set,
        marks: Marks::NONE,
        doc: Doc::new("1.0.0", summary, cost, KEYS).tips(&["nondeterministic_output_order"]),
        run: Run::Read(run),
    }
}

const fn storing(
    name: &'static str,
    summary: &'static str,
    cost: &'static str,
    keys: &'static [KeySpec],
    run: WriteHandler,
) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(3),
        keys,
        group: Group::Set,
        marks: Marks::GROWS,
        doc: Doc::new("1.0.0", summary, cost, DESTINATION_AND_KEYS),
        run: Run::Write(run),
    }
}

fn sinter(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sources = Sources::read(view, args.from(1))?;
    let mut found = Names::default();
    set::intersection(view, &sources, |member| {
        found.push(member);
        Ok(true)
    })?;
    found.write_set(reply);
    Ok(())
}

fn sintercard(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = args.integer(1).ok().and_then(|count| usize::try_from(count).ok()).filter(|&count| count > 0);
    let count = count.ok_or(Error::sentence("ERR numkeys should be greater than 0"))?;
    if count > args.len() - 2 {
        return Err(Error::sentence("ERR Number of keys can't be greater than number of args"));
    }
    let limit = limit(args, 2 + count)?;
    let sources = Sources::read(view, args.from(2).take(count))?;
    let mut found = 0;
    set::intersection(view, &sources, |_| {
        found += 1;
        Ok(limit == 0 || found < limit)
    })?;
    reply.integer(found as i64);
    Ok(())
}

/// The option behind the keys; 0 without one. The last of several counts.
fn limit(args: &Args<'_>, from: usize) -> Result<u64> {
    let (mut limit, mut index) = (0, from);
    while index < args.len() {
        if !args.is(index, "limit") {
            return Err(Error::Syntax);
        }
        args.at(index + 1)?;
        let given = args.integer(index + 1).ok().and_then(|limit| u64::try_from(limit).ok());
        limit = given.ok_or(Error::sentence("ERR LIMIT can't be negative"))?;
        index += 2;
    }
    Ok(limit)
}

fn sunion(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sources = Sources::read(view, args.from(1))?;
    write_set(reply, &set::union(view, &sources)?)
}

fn sdiff(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sources = Sources::read(view, args.from(1))?;
    write_set(reply, &set::difference(view, &sources)?)
}

fn write_set(reply: &mut Reply<'_>, result: &Gathered) -> Result<()> {
    reply.set(usize::try_from(result.len()).unwrap_or(usize::MAX));
    result.visit(|member| {
        reply.bulk(member);
        Ok(true)
    })?;
    Ok(())
}

fn sinterstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, reply, Operation::Intersection)
}

fn sunionstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, reply, Operation::Union)
}

fn sdiffstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, reply, Operation::Difference)
}

fn store(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Result<()> {
    let len = set::replace(tx, args.at(1)?, args.from(2), operation)?;
    reply.integer(len as i64);
    Ok(())
}
