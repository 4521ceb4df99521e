//! Sorted sets made of others, listed or stored.

use data::zset::combine::{self, Aggregate, Source, Weighted};
use data::zset::{self, Scored};
use data::{Tx, View};

use crate::args::{Args, parse_float, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run, WriteHandler};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

use super::{WITH_SCORES, write_all};

pub(crate) static COMMANDS: &[Command] = &[
    listing(
        "zunion",
        Doc::new(
            "6.2.0",
            "Lists the members of any of several sorted sets.",
            UNION_COST,
            &[COUNT_OF_KEYS, Arg::key().multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
        ),
        zunion,
    ),
    listing(
        "zinter",
        Doc::new(
            "6.2.0",
            "Lists the members that several sorted sets have in common.",
            INTERSECTION_COST,
            &[COUNT_OF_KEYS, Arg::key().multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
        ),
        zinter,
    ),
    listing(
        "zdiff",
        Doc::new(
            "6.2.0",
            "Lists the members of a sorted set that others do not have.",
            DIFFERENCE_COST,
            &[COUNT_OF_KEYS, Arg::key().multiple(), WITH_SCORES],
        ),
        zdiff,
    ),
    listing(
        "zintercard",
        Doc::new(
            "7.0.0",
            "Counts the members that several sorted sets have in common.",
            "O(N*K) for N members in the smallest of K sets",
            &[COUNT_OF_KEYS, Arg::key().multiple(), Arg::new("limit", ArgKind::Integer).token("LIMIT").optional()],
        ),
        zintercard,
    ),
    storing(
        "zunionstore",
        Doc::new(
            "2.0.0",
            "Stores the members of any of several sorted sets in another key.",
            UNION_COST,
            &[DESTINATION, COUNT_OF_KEYS, SOURCES, WEIGHTS, AGGREGATE],
        ),
        zunionstore,
    ),
    storing(
        "zinterstore",
        Doc::new(
            "2.0.0",
            "Stores the members that several sorted sets have in common in another key.",
            INTERSECTION_COST,
            &[DESTINATION, COUNT_OF_KEYS, SOURCES, WEIGHTS, AGGREGATE],
        ),
        zinterstore,
    ),
    storing(
        "zdiffstore",
        Doc::new(
            "6.2.0",
            "Stores the members of a sorted set that others do not have in another key.",
            DIFFERENCE_COST,
            &[DESTINATION, COUNT_OF_KEYS, SOURCES],
        ),
        zdiffstore,
    ),
];

const WEIGHTS: Arg = Arg::new("weight", ArgKind::Integer).token("WEIGHTS").optional().multiple();
const AGGREGATE: Arg =
    Arg::new("aggregate", ArgKind::OneOf(&[Arg::word("sum", "SUM"), Arg::word("min", "MIN"), Arg::word("max", "MAX")]))
        .token("AGGREGATE")
        .optional();
const LISTED_KEYS: &[KeySpec] = &[KeySpec::counted(1, &["RO", "access"])];
const STORED_KEYS: &[KeySpec] = &[KeySpec::first(&["OW", "update"]), KeySpec::counted(2, &["RO", "access"])];
const COUNT_OF_KEYS: Arg = Arg::new("numkeys", ArgKind::Integer);
const DESTINATION: Arg = Arg::new("destination", ArgKind::Key(0));
const SOURCES: Arg = Arg::new("key", ArgKind::Key(1)).multiple();
const UNION_COST: &str = "O(N)+O(M*log(M)) for N members in all and M in the result";
const INTERSECTION_COST: &str = "O(N*K)+O(M*log(M)) for N members in the smallest of K sets and M in the result";
const DIFFERENCE_COST: &str = "O(N*K)+O(M*log(M)) for N members in the first of K sets and M in the result";

/// A command that replies what it makes of several sets.
const fn listing(name: &'static str, doc: Doc, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(3),
        keys: LISTED_KEYS,
        group: Group::SortedSet,
        marks: Marks::MOVABLE_KEYS,
        doc,
        run: Run::Read(run),
    }
}

/// A command that stores what it makes of several sets.
const fn storing(name: &'static str, doc: Doc, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(4),
        keys: STORED_KEYS,
        group: Group::SortedSet,
        marks: Marks::GROWS.and(Marks::MOVABLE_KEYS),
        doc,
        run: Run::Write(run),
    }
}

/// How sorted sets are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
    /// Only counts what is common.
    Count,
}

/// A command of this file: its name, how it combines, whether it stores what comes out.
#[derive(Clone, Copy, Debug)]
struct Form {
    name: &'static str,
    operation: Operation,
    stores: bool,
}

/// What is to be combined, and how.
struct Plan<'v> {
    sources: Vec<Weighted<'v>>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: u64,
}

const ZUNION: Form = Form { name: "zunion", operation: Operation::Union, stores: false };
const ZINTER: Form = Form { name: "zinter", operation: Operation::Intersection, stores: false };
const ZDIFF: Form = Form { name: "zdiff", operation: Operation::Difference, stores: false };
const ZINTERCARD: Form = Form { name: "zintercard", operation: Operation::Count, stores: false };
const ZUNIONSTORE: Form = Form { name: "zunionstore", operation: Operation::Union, stores: true };
const ZINTERSTORE: Form = Form { name: "zinterstore", operation: Operation::Intersection, stores: true };
const ZDIFFSTORE: Form = Form { name: "zdiffstore", operation: Operation::Difference, stores: true };

fn zunion(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, ZUNION, reply)
}

fn zinter(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, ZINTER, reply)
}

fn zdiff(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, ZDIFF, reply)
}

fn zintercard(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let plan = ZINTERCARD.plan(view, args)?;
    let limit = if plan.limit == 0 { u64::MAX } else { plan.limit };
    reply.integer(combine::intersection_len(view, plan.sources, limit)? as i64);
    Ok(())
}

fn zunionstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, ZUNIONSTORE, reply)
}

fn zinterstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, ZINTERSTORE, reply)
}

fn zdiffstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(tx, args, ZDIFFSTORE, reply)
}

fn list(view: &View<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<()> {
    let plan = form.plan(view, args)?;
    let with_scores = plan.with_scores;
    let members = form.combine(view, plan)?;
    write_all(reply, &members, with_scores);
    Ok(())
}

fn store(tx: &mut Tx<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<()> {
    let members = {
        let view = tx.view();
        let plan = form.plan(&view, args)?;
        form.combine(&view, plan)?
    };
    let key = args.at(1)?;
    let old = tx.find(key)?;
    zset::store(tx, key, old, &members);
    reply.integer(members.len() as i64);
    Ok(())
}

impl Form {
    /// Reads the arguments, and what the keys hold. The order is Redis's: a key of the wrong type is refused before an option is.
    fn plan<'v>(&self, view: &View<'v>, args: &Args<'_>) -> Result<Plan<'v>> {
        let count_at = if self.stores { 2 } else { 1 };
        let count = args.integer(count_at)?;
        let first = count_at + 1;
        let count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| {
            Error::formatted(format!("ERR at least 1 input key is needed for '{}' command", self.name))
        })?;
        if count > args.len() - first {
            return Err(Error::Syntax);
        }
        let mut sources = Vec::with_capacity(count);
        for key in args.from(first).take(count) {
            sources.push(Weighted { source: Source::read(view, key)?, weight: 1.0 });
        }
        let mut plan = Plan { sources, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let mut index = first + count;
        while index < args.len() {
            index += self.option(args, index, &mut plan)?;
        }
        Ok(plan)
    }

    /// Reads one option and says how many arguments it has, its name included.
    fn option(&self, args: &Args<'_>, index: usize, plan: &mut Plan<'_>) -> Result<usize> {
        let remaining = args.len() - index;
        let weighs = matches!(self.operation, Operation::Union | Operation::Intersection);
        let counts = self.operation == Operation::Count;
        let keys = plan.sources.len();
        if weighs && remaining > keys && args.is(index, "weights") {
            for (source, text) in plan.sources.iter_mut().zip(args.from(index + 1)) {
                source.weight = parse_float(text).ok_or(Error::sentence("ERR weight value is not a float"))?;
            }
            return Ok(1 + keys);
        }
        if weighs && remaining >= 2 && args.is(index, "aggregate") {
            plan.aggregate = match () {
                () if args.is(index + 1, "sum") => Aggregate::Sum,
                () if args.is(index + 1, "min") => Aggregate::Min,
                () if args.is(index + 1, "max") => Aggregate::Max,
                () => return Err(Error::Syntax),
            };
            return Ok(2);
        }
        if !self.stores && !counts && args.is(index, "withscores") {
            plan.with_scores = true;
            return Ok(1);
        }
        if counts && remaining >= 2 && args.is(index, "limit") {
            let limit = parse_integer(args.at(index + 1)?).and_then(|limit| u64::try_from(limit).ok());
            plan.limit = limit.ok_or(Error::sentence("ERR LIMIT can't be negative"))?;
            return Ok(2);
        }
        Err(Error::Syntax)
    }

    fn combine(&self, view: &View<'_>, plan: Plan<'_>) -> Result<Vec<Scored>> {
        Ok(match self.operation {
            Operation::Union => combine::union(view, plan.sources, plan.aggregate)?,
            Operation::Intersection | Operation::Count => combine::intersection(view, plan.sources, plan.aggregate)?,
            Operation::Difference => combine::difference(view, &plan.sources)?,
        })
    }
}
