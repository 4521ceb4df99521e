//! Commands that only read: by position, or looking for an element.

use data::{Direction, View, list};

use super::ELEMENT;
use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "llen",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::List,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Tells how many elements a list has.", "O(1)", &[Arg::key()]),
        run: Run::Read(llen),
    },
    Command {
        name: "lrange",
        arity: Arity::Exactly(4),
        keys: READS,
        group: Group::List,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Reads the elements of a list between two indexes.",
            "O(N) where N is the number of elements in the range: where it begins does not matter.",
            &[Arg::key(), Arg::new("start", ArgKind::Integer), Arg::new("stop", ArgKind::Integer)],
        ),
        run: Run::Read(lrange),
    },
    Command {
        name: "lindex",
        arity: Arity::Exactly(3),
        keys: READS,
        group: Group::List,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Reads the element of a list at an index.",
            "O(1)",
            &[Arg::key(), Arg::new("index", ArgKind::Integer)],
        ),
        run: Run::Read(lindex),
    },
    Command {
        name: "lpos",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::List,
        marks: Marks::NONE,
        doc: Doc::new(
            "6.0.6",
            "Tells at which indexes of a list an element is.",
            "O(N) where N is the number of elements that are looked at: up to the last match, or MAXLEN.",
            &[
                Arg::key(),
                ELEMENT,
                Arg::new("rank", ArgKind::Integer).token("RANK").optional(),
                Arg::new("num-matches", ArgKind::Integer).token("COUNT").optional(),
                Arg::new("len", ArgKind::Integer).token("MAXLEN").optional(),
            ],
        ),
        run: Run::Read(lpos),
    },
];

fn llen(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let len = list::read(view, args.at(1)?)?.map_or(0, |list| list.len());
    reply.integer(len as i64);
    Ok(())
}

fn lrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let Some(list) = list::read(view, args.at(1)?)? else {
        reply.array(0);
        return Ok(());
    };
    let range = list.range(start, stop);
    reply.array((range.end - range.start) as usize);
    list.walk(view, range, Direction::Forward, |element| {
        reply.bulk(element);
        true
    })?;
    Ok(())
}

fn lindex(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(list) = list::read(view, args.at(1)?)? else {
        reply.null();
        return Ok(());
    };
    match list.position(args.integer(2)?) {
        Some(position) => list.get(view, position, |element| reply.bulk(element))?,
        None => reply.null(),
    }
    Ok(())
}

/// The options of `LPOS`.
struct Search {
    /// Which match is the first one that counts; negative: from the end.
    rank: i64,
    /// How many matches are replied, 0: all. Without it, one, and not in an array.
    count: Option<u64>,
    /// How many elements are looked at, 0: all.
    len_max: u64,
}

impl Search {
    fn parse(args: &Args<'_>) -> Result<Search> {
        const RANK_ZERO: Error = Error::sentence(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        );
        const COUNT_NEGATIVE: Error = Error::sentence("ERR COUNT can't be negative");
        const MAXLEN_NEGATIVE: Error = Error::sentence("ERR MAXLEN can't be negative");
        let mut search = Search { rank: 1, count: None, len_max: 0 };
        let mut index = 3;
        while index < args.len() {
            // A word without its value is as wrong as an unknown one.
            let value = args.at(index + 1)?;
            let positive = || parse_integer(value).and_then(|value| u64::try_from(value).ok());
            if args.is(index, "rank") {
                search.rank = match args.integer(index + 1)? {
                    0 => return Err(RANK_ZERO),
                    i64::MIN => return Err(Error::NotBetween { min: -i64::MAX, max: i64::MAX }),
                    rank => rank,
                };
            } else if args.is(index, "count") {
                search.count = Some(positive().ok_or(COUNT_NEGATIVE)?);
            } else if args.is(index, "maxlen") {
                search.len_max = positive().ok_or(MAXLEN_NEGATIVE)?;
            } else {
                return Err(Error::Syntax);
            }
            index += 2;
        }
        Ok(search)
    }
}

fn lpos(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let search = Search::parse(args)?;
    let Some(list) = list::read(view, args.at(1)?)? else {
        match search.count {
            Some(_) => reply.array(0),
            None => reply.null(),
        }
        return Ok(());
    };
    let looked_at = if search.len_max == 0 { list.len() } else { search.len_max.min(list.len()) };
    let (direction, positions) = match search.rank < 0 {
        false => (Direction::Forward, 0..looked_at),
        true => (Direction::Backward, list.len() - looked_at..list.len()),
    };
    let wanted = match search.count {
        None => 1,
        Some(0) => u64::MAX,
        Some(count) => count,
    };
    let (mut skipped, mut found) = (search.rank.unsigned_abs() - 1, Vec::new());
    list.search(view, positions, direction, args.at(2)?, |position| {
        if skipped > 0 {
            skipped -= 1;
        } else {
            found.push(position);
        }
        (found.len() as u64) < wanted
    })?;
    match (search.count, found.first()) {
        (None, Some(&position)) => reply.integer(position as i64),
        (None, None) => reply.null(),
        (Some(_), _) => {
            reply.array(found.len());
            found.iter().for_each(|&position| reply.integer(position as i64));
        }
    }
    Ok(())
}
