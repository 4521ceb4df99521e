//! What a sorted set says of its members without listing them.

use data::View;
use data::zset::{self, Part};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

use super::{bounds, reading};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "zcard",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::SortedSet,
        marks: Marks::FAST,
        doc: Doc::new("1.2.0", "Counts the members of a sorted set.", "O(1)", &[Arg::key()]),
        run: Run::Read(zcard),
    },
    reading(
        "zscore",
        Arity::Exactly(3),
        Marks::FAST,
        Doc::new("1.2.0", "Tells the score of a member.", "O(1)", &[Arg::key(), Arg::new("member", ArgKind::String)]),
        zscore,
    ),
    reading(
        "zmscore",
        Arity::AtLeast(3),
        Marks::FAST,
        Doc::new(
            "6.2.0",
            "Tells the scores of several members.",
            "O(M) for M members",
            &[Arg::key(), Arg::new("member", ArgKind::String).multiple()],
        ),
        zmscore,
    ),
    reading(
        "zrank",
        Arity::AtLeast(3),
        Marks::FAST,
        Doc::new(
            "2.0.0",
            "Tells how many members have a lower score than one, or the same and a lesser name.",
            "O(log(N))",
            &[Arg::key(), Arg::new("member", ArgKind::String), Arg::word("withscore", "WITHSCORE").optional()],
        )
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")]),
        zrank,
    ),
    reading(
        "zrevrank",
        Arity::AtLeast(3),
        Marks::FAST,
        Doc::new(
            "2.0.0",
            "Tells how many members have a higher score than one, or the same and a greater name.",
            "O(log(N))",
            &[Arg::key(), Arg::new("member", ArgKind::String), Arg::word("withscore", "WITHSCORE").optional()],
        )
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")]),
        zrevrank,
    ),
    reading(
        "zcount",
        Arity::Exactly(4),
        Marks::FAST,
        Doc::new(
            "2.0.0",
            "Counts the members with scores in a range.",
            "O(log(N))",
            &[Arg::key(), Arg::new("min", ArgKind::Double), Arg::new("max", ArgKind::Double)],
        ),
        zcount,
    ),
    reading(
        "zlexcount",
        Arity::Exactly(4),
        Marks::FAST,
        Doc::new(
            "2.8.9",
            "Counts the members with names in a range.",
            "O(log(N))",
            &[Arg::key(), Arg::new("min", ArgKind::String), Arg::new("max", ArgKind::String)],
        ),
        zlexcount,
    ),
];

fn zcard(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let len = zset::read(view, args.at(1)?)?.map_or(0, |set| set.len());
    reply.integer(len as i64);
    Ok(())
}

fn zscore(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let score = match zset::read(view, args.at(1)?)? {
        Some(set) => set.score(view, args.at(2)?)?,
        None => None,
    };
    write_score(reply, score);
    Ok(())
}

fn zmscore(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    each_score(view, args, reply, write_score)
}

/// Replies something for each of the members that are named, whether it is there or not.
pub(crate) fn each_score(
    view: &View<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    mut write: impl FnMut(&mut Reply<'_>, Option<f64>),
) -> Result<()> {
    let set = zset::read(view, args.at(1)?)?;
    let members = args.from(2);
    view.admit_keys(members.len())?;
    reply.array(members.len());
    for member in members {
        let score = match &set {
            Some(set) => set.score(view, member)?,
            None => None,
        };
        write(reply, score);
    }
    Ok(())
}

fn write_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zrank(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_rank(view, args, false, reply)
}

fn zrevrank(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_rank(view, args, true, reply)
}

fn write_rank(view: &View<'_>, args: &Args<'_>, reverse: bool, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() > 4 {
        let name = if reverse { "zrevrank" } else { "zrank" };
        return Err(Error::WrongArity { name: name.to_owned() });
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "withscore") {
        return Err(Error::Syntax);
    }
    let found = match zset::read(view, args.at(1)?)? {
        Some(set) => set.rank(view, args.at(2)?)?.map(|(rank, score)| {
            let rank = if reverse { set.len().saturating_sub(rank + 1) } else { rank };
            (rank, score)
        }),
        None => None,
    };
    match found {
        Some((rank, score)) if with_score => {
            reply.array(2);
            reply.integer(rank as i64);
            reply.double(score);
        }
        Some((rank, _)) => reply.integer(rank as i64),
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    Ok(())
}

fn zcount(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let part = Part::Scores(bounds::scores(args.at(2)?, args.at(3)?)?);
    write_count(view, args, &part, reply)
}

fn zlexcount(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let part = Part::Names(bounds::names(args.at(2)?, args.at(3)?)?);
    write_count(view, args, &part, reply)
}

fn write_count(view: &View<'_>, args: &Args<'_>, part: &Part<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = match zset::read(view, args.at(1)?)? {
        Some(set) => set.count(view, part)?,
        None => 0,
    };
    reply.integer(count as i64);
    Ok(())
}
