//! Members that come, go, and get other scores.

use data::Tx;
use data::zset::{Editor, Part};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

use super::bounds;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "zadd",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::SortedSet,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "1.2.0",
            "Adds members to a sorted set, or changes the scores of those that are there.",
            "O(log(N)) for each member",
            &[
                Arg::key(),
                Arg::new("condition", ArgKind::OneOf(&[Arg::word("nx", "NX"), Arg::word("xx", "XX")]))
                    .optional()
                    .since("3.0.2"),
                Arg::new("comparison", ArgKind::OneOf(&[Arg::word("gt", "GT"), Arg::word("lt", "LT")]))
                    .optional()
                    .since("6.2.0"),
                Arg::word("change", "CH").optional().since("3.0.2"),
                Arg::word("increment", "INCR").optional().since("3.0.2"),
                Arg::new(
                    "score_member",
                    ArgKind::Block(&[Arg::new("score", ArgKind::Double), Arg::new("member", ArgKind::String)]),
                )
                .multiple(),
            ],
        )
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ]),
        run: Run::Write(zadd),
    },
    Command {
        name: "zincrby",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "access", "update"])],
        group: Group::SortedSet,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "1.2.0",
            "Adds to the score of a member.",
            "O(log(N))",
            &[Arg::key(), Arg::new("increment", ArgKind::Integer), Arg::new("member", ArgKind::String)],
        ),
        run: Run::Write(zincrby),
    },
    Command {
        name: "zrem",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::SortedSet,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.2.0",
            "Removes members from a sorted set.",
            "O(M*log(N)) for M members",
            &[Arg::key(), Arg::new("member", ArgKind::String).multiple()],
        )
        .history(&[("2.4.0", "Accepts multiple elements.")]),
        run: Run::Write(zrem),
    },
    Command {
        name: "zremrangebyrank",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::SortedSet,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.0.0",
            "Removes the members of a range of indexes.",
            "O(log(N)+M) for M members removed, O(log(N)) if none is left",
            &[Arg::key(), Arg::new("start", ArgKind::Integer), Arg::new("stop", ArgKind::Integer)],
        ),
        run: Run::Write(zremrangebyrank),
    },
    Command {
        name: "zremrangebyscore",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::SortedSet,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.2.0",
            "Removes the members with scores in a range.",
            "O(log(N)+M) for M members removed, O(log(N)) if none is left",
            &[Arg::key(), Arg::new("min", ArgKind::Double), Arg::new("max", ArgKind::Double)],
        ),
        run: Run::Write(zremrangebyscore),
    },
    Command {
        name: "zremrangebylex",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::SortedSet,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.8.9",
            "Removes the members with names in a range.",
            "O(log(N)+M) for M members removed, O(log(N)) if none is left",
            &[Arg::key(), Arg::new("min", ArgKind::String), Arg::new("max", ArgKind::String)],
        ),
        run: Run::Write(zremrangebylex),
    },
];

/// The options of `ZADD`.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    changed: bool,
    incr: bool,
}

/// What became of one member.
enum Outcome {
    Added(f64),
    Updated(f64),
    Unchanged(f64),
    /// The options forbid it.
    Refused,
}

impl Options {
    /// The options, and where they end.
    fn parse(args: &Args<'_>) -> (Options, usize) {
        let (mut options, mut index) = (Options::default(), 2);
        while index < args.len() {
            match () {
                () if args.is(index, "nx") => options.nx = true,
                () if args.is(index, "xx") => options.xx = true,
                () if args.is(index, "gt") => options.gt = true,
                () if args.is(index, "lt") => options.lt = true,
                () if args.is(index, "ch") => options.changed = true,
                () if args.is(index, "incr") => options.incr = true,
                () => break,
            }
            index += 1;
        }
        (options, index)
    }

    fn check(&self, pairs: usize) -> Result<()> {
        let Options { nx, xx, gt, lt, incr, .. } = *self;
        if nx && xx {
            return Err(Error::sentence("ERR XX and NX options at the same time are not compatible"));
        }
        if nx && (gt || lt) || gt && lt {
            return Err(Error::sentence("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if incr && pairs > 1 {
            return Err(Error::sentence("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// Does to one member what they say.
    fn apply(self, tx: &mut Tx<'_>, set: &mut Editor<'_>, score: f64, member: &[u8]) -> Result<Outcome> {
        let old = set.score(tx, member)?;
        let Some(current) = old else {
            if self.xx {
                return Ok(Outcome::Refused);
            }
            set.set(tx, member, score, None)?;
            return Ok(Outcome::Added(score));
        };
        if self.nx {
            return Ok(Outcome::Refused);
        }
        let score = if self.incr { current + score } else { score };
        if score.is_nan() {
            return Err(Error::sentence("ERR resulting score is not a number (NaN)"));
        }
        if self.lt && score >= current || self.gt && score <= current {
            return Ok(Outcome::Refused);
        }
        if score == current {
            return Ok(Outcome::Unchanged(score));
        }
        set.set(tx, member, score, old)?;
        Ok(Outcome::Updated(score))
    }
}

fn zadd(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(tx, args, false, reply)
}

/// To Redis it is a `ZADD` that increments, and what looks like one of its options is one.
fn zincrby(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(tx, args, true, reply)
}

fn add(tx: &mut Tx<'_>, args: &Args<'_>, increments: bool, reply: &mut Reply<'_>) -> Result<()> {
    let (mut options, first) = Options::parse(args);
    options.incr |= increments;
    let rest = args.len() - first;
    if rest == 0 || !rest.is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let pairs = rest / 2;
    options.check(pairs)?;
    let scores = (0..pairs).map(|n| args.float(first + 2 * n)).collect::<Result<Vec<f64>>>()?;
    let members = args.from(first).skip(1).step_by(2);
    write_added(tx, args.at(1)?, options, scores.into_iter().zip(members), reply)
}

fn write_added<'a>(
    tx: &mut Tx<'_>,
    key: &[u8],
    options: Options,
    pairs: impl ExactSizeIterator<Item = (f64, &'a [u8])>,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let mut set = Editor::open(tx, key)?;
    let (mut added, mut updated, mut result) = (0, 0, None);
    if set.was_there() || !options.xx {
        set.expect(tx, pairs.len() as u64);
        for (score, member) in pairs {
            result = match options.apply(tx, &mut set, score, member)? {
                Outcome::Added(score) => {
                    added += 1;
                    Some(score)
                }
                Outcome::Updated(score) => {
                    updated += 1;
                    Some(score)
                }
                Outcome::Unchanged(score) => Some(score),
                Outcome::Refused => None,
            };
        }
    }
    if added + updated > 0 {
        set.finish(tx);
    }
    match result {
        _ if !options.incr => reply.integer(if options.changed { added + updated } else { added }),
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

/// `GEOADD`: the same as `ZADD` with these options and scores.
pub(crate) fn add_scored(
    tx: &mut Tx<'_>,
    key: &[u8],
    (nx, xx, changed): (bool, bool, bool),
    pairs: Vec<(f64, &[u8])>,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let options = Options { nx, xx, changed, ..Options::default() };
    options.check(pairs.len())?;
    write_added(tx, key, options, pairs.into_iter(), reply)
}

fn zrem(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut set = Editor::open(tx, args.at(1)?)?;
    let mut removed = 0;
    for member in args.from(2) {
        removed += i64::from(set.remove(tx, member)?);
    }
    if removed > 0 {
        set.finish(tx);
    }
    reply.integer(removed);
    Ok(())
}

fn zremrangebyrank(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let set = Editor::open(tx, args.at(1)?)?;
    let part = Part::Ranks(bounds::ranks(start, stop, set.len()));
    remove_part(tx, set, &part, reply)
}

fn zremrangebyscore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let part = Part::Scores(bounds::scores(args.at(2)?, args.at(3)?)?);
    let set = Editor::open(tx, args.at(1)?)?;
    remove_part(tx, set, &part, reply)
}

fn zremrangebylex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let part = Part::Names(bounds::names(args.at(2)?, args.at(3)?)?);
    let set = Editor::open(tx, args.at(1)?)?;
    remove_part(tx, set, &part, reply)
}

fn remove_part(tx: &mut Tx<'_>, mut set: Editor<'_>, part: &Part<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let removed = set.remove_part(tx, part)?;
    if removed > 0 {
        set.finish(tx);
    }
    reply.integer(removed as i64);
    Ok(())
}
