//! Ranges of members: `ZRANGE`, its older forms, and `ZRANGESTORE`.
//!
//! All of them read their options by the same rules. The order in which arguments are looked at is Redis's, because it decides
//! which error a client sees.

use data::zset::{self, Part, Scored, Selection, Zset};
use data::{Kind, Tx, View};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

use super::{Listed, WITH_SCORES, bounds, reading, write_len, write_member};

pub(crate) static COMMANDS: &[Command] = &[
    reading(
        "zrange",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "1.2.0",
            "Lists the members of a range of indexes, scores or names.",
            "O(log(N)+M) for M members listed",
            &[
                Arg::key(),
                Arg::new("start", ArgKind::String),
                Arg::new("stop", ArgKind::String),
                SORT_BY.since("6.2.0"),
                Arg::word("rev", "REV").optional().since("6.2.0"),
                LIMIT.since("6.2.0"),
                WITH_SCORES,
            ],
        )
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")]),
        zrange,
    ),
    Command {
        name: "zrangestore",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::first(&["OW", "update"]), KeySpec::at(2, &["RO", "access"])],
        group: Group::SortedSet,
        marks: Marks::GROWS,
        doc: Doc::new(
            "6.2.0",
            "Stores the members of a range of indexes, scores or names in another key.",
            "O(log(N)+M) for M members stored",
            &[
                Arg::new("dst", ArgKind::Key(0)),
                Arg::new("src", ArgKind::Key(1)),
                Arg::new("min", ArgKind::String),
                Arg::new("max", ArgKind::String),
                SORT_BY,
                Arg::word("rev", "REV").optional(),
                LIMIT,
            ],
        ),
        run: Run::Write(zrangestore),
    },
    reading(
        "zrevrange",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "1.2.0",
            "Lists the members of a range of indexes, from the highest score down.",
            "O(log(N)+M) for M members listed",
            &[Arg::key(), Arg::new("start", ArgKind::Integer), Arg::new("stop", ArgKind::Integer), WITH_SCORES],
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
        zrevrange,
    ),
    reading(
        "zrangebyscore",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "1.0.5",
            "Lists the members with scores in a range.",
            "O(log(N)+M) for M members listed",
            &[
                Arg::key(),
                Arg::new("min", ArgKind::Double),
                Arg::new("max", ArgKind::Double),
                WITH_SCORES.since("2.0.0"),
                LIMIT,
            ],
        )
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
        zrangebyscore,
    ),
    reading(
        "zrevrangebyscore",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "2.2.0",
            "Lists the members with scores in a range, from the highest score down.",
            "O(log(N)+M) for M members listed",
            &[Arg::key(), Arg::new("max", ArgKind::Double), Arg::new("min", ArgKind::Double), WITH_SCORES, LIMIT],
        )
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
        zrevrangebyscore,
    ),
    reading(
        "zrangebylex",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "2.8.9",
            "Lists the members with names in a range.",
            "O(log(N)+M) for M members listed",
            &[Arg::key(), Arg::new("min", ArgKind::String), Arg::new("max", ArgKind::String), LIMIT],
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
        zrangebylex,
    ),
    reading(
        "zrevrangebylex",
        Arity::AtLeast(4),
        Marks::NONE,
        Doc::new(
            "2.8.9",
            "Lists the members with names in a range, from the greatest name down.",
            "O(log(N)+M) for M members listed",
            &[Arg::key(), Arg::new("max", ArgKind::String), Arg::new("min", ArgKind::String), LIMIT],
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
        zrevrangebylex,
    ),
];

const SORT_BY: Arg =
    Arg::new("sortby", ArgKind::OneOf(&[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")])).optional();
const LIMIT: Arg = Arg::new(
    "offset_count",
    ArgKind::Block(&[Arg::new("offset", ArgKind::Integer), Arg::new("count", ArgKind::Integer)]),
)
.token("LIMIT")
.optional();
/// What the ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

/// What a command's name says of its range; None: its options do.
#[derive(Clone, Copy, Debug)]
struct Given {
    by: Option<By>,
    reverse: Option<bool>,
}

/// The ends of a range, as they are given.
#[derive(Clone, Debug)]
enum Ends<'a> {
    Ranks(i64, i64),
    Part(Part<'a>),
}

/// A range that a client asked for.
#[derive(Clone, Debug)]
struct Range<'a> {
    ends: Ends<'a>,
    reverse: bool,
    with_scores: bool,
    offset: u64,
    limit: u64,
}

impl<'a> Range<'a> {
    /// From the arguments, the ends of the range being at an index.
    fn parse(args: &Args<'a>, ends_at: usize, given: Given, stores: bool) -> Result<Range<'a>> {
        let Given { mut by, mut reverse } = given;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut index = ends_at + 2;
        while index < args.len() {
            if !stores && args.is(index, "withscores") {
                with_scores = true;
            } else if args.is(index, "limit") && index + 2 < args.len() {
                (offset, limit) = (args.integer(index + 1)?, args.integer(index + 2)?);
                index += 2;
            } else if reverse.is_none() && args.is(index, "rev") {
                reverse = Some(true);
            } else if by.is_none() && args.is(index, "bylex") {
                by = Some(By::Name);
            } else if by.is_none() && args.is(index, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
            index += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(Error::sentence(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Name {
            return Err(Error::sentence("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (first, second) = (args.at(ends_at)?, args.at(ends_at + 1)?);
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let ends = match by {
            By::Rank => Ends::Ranks(args.integer(ends_at)?, args.integer(ends_at + 1)?),
            By::Score => Ends::Part(Part::Scores(bounds::scores(min, max)?)),
            By::Name => Ends::Part(Part::Names(bounds::names(min, max)?)),
        };
        // A negative offset is passed over for ever, and a negative limit is none.
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(Range { ends, reverse, with_scores, offset, limit })
    }

    fn of(&self, set: &Zset<'_>) -> Selection<'a> {
        let part = match &self.ends {
            Ends::Ranks(start, stop) => Part::Ranks(bounds::ranks(*start, *stop, set.len())),
            Ends::Part(part) => part.clone(),
        };
        let is_ranks = matches!(part, Part::Ranks(_));
        let (offset, limit) = if is_ranks { (0, u64::MAX) } else { (self.offset, self.limit) };
        Selection { part, reverse: self.reverse, offset, limit }
    }
}

const ANY: Given = Given { by: None, reverse: None };

fn zrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, ANY, reply)
}

fn zrevrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, Given { by: Some(By::Rank), reverse: Some(true) }, reply)
}

fn zrangebyscore(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, Given { by: Some(By::Score), reverse: Some(false) }, reply)
}

fn zrevrangebyscore(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, Given { by: Some(By::Score), reverse: Some(true) }, reply)
}

fn zrangebylex(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, Given { by: Some(By::Name), reverse: Some(false) }, reply)
}

fn zrevrangebylex(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_range(view, args, Given { by: Some(By::Name), reverse: Some(true) }, reply)
}

fn write_range(view: &View<'_>, args: &Args<'_>, given: Given, reply: &mut Reply<'_>) -> Result<()> {
    let range = Range::parse(args, 2, given, false)?;
    let Some(set) = zset::read(view, args.at(1)?)? else {
        reply.array(0);
        return Ok(());
    };
    let selection = range.of(&set);
    if let Part::Ranks(ranks) = &selection.part {
        write_len(reply, (ranks.end - ranks.start) as usize, range.with_scores);
        set.select(view, &selection, &mut |member, score| {
            write_member(reply, member, score, range.with_scores);
            Ok(true)
        })?;
        return Ok(());
    }
    let mut listed = Listed::new(reply.protocol(), range.with_scores);
    set.select(view, &selection, &mut |member, score| {
        listed.push(member, score);
        Ok(true)
    })?;
    listed.write(reply);
    Ok(())
}

fn zrangestore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let range = Range::parse(args, 3, ANY, true)?;
    let mut members = Vec::new();
    tx.find_kind(args.at(2)?, Kind::Zset)?;
    let view = tx.view();
    if let Some(set) = zset::read(&view, args.at(2)?)? {
        set.select(&view, &range.of(&set), &mut |member, score| {
            members.push(Scored { member: member.to_vec(), score });
            Ok(true)
        })?;
    }
    if range.reverse {
        members.reverse();
    }
    let key = args.at(1)?;
    let old = tx.find(key)?;
    zset::store(tx, key, old, &members);
    reply.integer(members.len() as i64);
    Ok(())
}
