//! Databases as a whole: counted, emptied, exchanged. None of it depends on how many keys there are.

use data::{Tx, View};

use super::database;
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "dbsize",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::FAST.and(Marks::KEYSPACE),
        doc: Doc::new("1.0.0", "Tells how many keys the selected database has.", "O(1)", &[])
            .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
        run: Run::Read(dbsize),
    },
    Command {
        name: "flushdb",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: FLUSHES,
        doc: Doc::new(
            "1.0.0",
            "Empties the selected database.",
            "O(1); what was there is cleaned up later.",
            FLUSH_ARGS,
        )
        .history(FLUSH_HISTORY)
        .tips(FLUSH_TIPS),
        run: Run::Write(flushdb),
    },
    Command {
        name: "flushall",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: FLUSHES,
        doc: Doc::new(
            "1.0.0",
            "Empties every database.",
            "O(N) where N is the number of databases; what was there is cleaned up later.",
            FLUSH_ARGS,
        )
        .history(FLUSH_HISTORY)
        .tips(FLUSH_TIPS),
        run: Run::Write(flushall),
    },
    Command {
        name: "swapdb",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Server,
        marks: FLUSHES.and(Marks::FAST),
        doc: Doc::new(
            "4.0.0",
            "Exchanges the contents of two databases.",
            "O(1)",
            &[Arg::new("index1", ArgKind::Integer), Arg::new("index2", ArgKind::Integer)],
        ),
        run: Run::Write(swapdb),
    },
];

const FLUSHES: Marks = Marks::EXCLUSIVE.and(Marks::DANGEROUS).and(Marks::KEYSPACE);
const FLUSH_ARGS: &[Arg] = &[Arg::new(
    "flush-type",
    ArgKind::OneOf(&[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")]),
)
.optional()];
const FLUSH_HISTORY: &[(&str, &str)] =
    &[("4.0.0", "Added the `ASYNC` flushing mode modifier."), ("6.2.0", "Added the `SYNC` flushing mode modifier.")];
const FLUSH_TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

fn dbsize(view: &View<'_>, _args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.integer(i64::try_from(view.count().keys).unwrap_or(i64::MAX));
    Ok(())
}

fn flushdb(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    check_flush_type(args)?;
    tx.flush();
    reply.ok();
    Ok(())
}

fn flushall(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    check_flush_type(args)?;
    for db in 0..tx.keyspace().database_count() {
        tx.in_db(db).flush();
    }
    reply.ok();
    Ok(())
}

/// Both types mean the same here: the keys are gone at once, their records later.
fn check_flush_type(args: &Args<'_>) -> Result<()> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "sync") || args.is(1, "async") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

fn swapdb(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let first = args.integer32(1).map_err(|_| Error::InvalidFirstDbIndex)?;
    let second = args.integer32(2).map_err(|_| Error::InvalidSecondDbIndex)?;
    let (first, second) = (database(tx.keyspace(), first)?, database(tx.keyspace(), second)?);
    tx.swap(first, second);
    reply.ok();
    Ok(())
}
