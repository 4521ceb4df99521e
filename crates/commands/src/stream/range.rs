//! Commands that read the entries of one stream: `XRANGE`, `XREVRANGE`, `XLEN`.

use data::View;
use data::stream::{self, Direction, Progress, StreamId};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

use super::{Elements, parse_end, parse_start, write_entry};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "xlen",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::Stream,
        marks: Marks::FAST,
        doc: Doc::new("5.0.0", "Counts the entries of a stream.", "O(1)", &[Arg::key()]),
        run: Run::Read(xlen),
    },
    Command {
        name: "xrange",
        arity: Arity::AtLeast(4),
        keys: READS,
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Reads the entries of a stream between two ids.",
            COMPLEXITY,
            &[Arg::key(), Arg::new("start", ArgKind::String), Arg::new("end", ArgKind::String), COUNT],
        )
        .history(HISTORY),
        run: Run::Read(xrange),
    },
    Command {
        name: "xrevrange",
        arity: Arity::AtLeast(4),
        keys: READS,
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Reads the entries of a stream between two ids, the newest first.",
            COMPLEXITY,
            &[Arg::key(), Arg::new("end", ArgKind::String), Arg::new("start", ArgKind::String), COUNT],
        )
        .history(HISTORY),
        run: Run::Read(xrevrange),
    },
];

const COMPLEXITY: &str = "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).";
const HISTORY: &[(&str, &str)] = &[("6.2.0", "Added exclusive ranges.")];
const COUNT: Arg = Arg::new("count", ArgKind::Integer).token("COUNT").optional();

fn xlen(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = stream::read(view, args.at(1)?)?;
    reply.integer(stream.map_or(0, |stream| stream.header.length as i64));
    Ok(())
}

fn xrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    range(view, args, (2, 3), Direction::Forward, reply)
}

fn xrevrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    range(view, args, (3, 2), Direction::Backward, reply)
}

fn range(
    view: &View<'_>,
    args: &Args<'_>,
    (start_at, end_at): (usize, usize),
    direction: Direction,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let start = parse_start(args.at(start_at)?)?;
    let end = parse_end(args.at(end_at)?)?;
    let (mut count, mut index) = (None, 4);
    while index < args.len() {
        if !args.is(index, "count") || index + 1 >= args.len() {
            return Err(Error::Syntax);
        }
        // -1, where COUNT was given, means none as well.
        count = Some(usize::try_from(args.integer(index + 1)?).unwrap_or(0));
        index += 2;
    }
    let Some(stream) = stream::read(view, args.at(1)?)? else {
        reply.array(0);
        return Ok(());
    };
    if count == Some(0) {
        reply.null_array();
        return Ok(());
    }
    let count = count.unwrap_or(usize::MAX);
    if start == StreamId::MIN && end == StreamId::MAX {
        view.admit_keys(count.min(usize::try_from(stream.header.length).unwrap_or(usize::MAX)))?;
    }
    let mut entries = Elements::of(reply);
    stream.read(view, (start, end), direction, &mut Progress::default(), |entry| {
        write_entry(&mut entries.next(), &entry);
        Ok(entries.count < count)
    })?;
    entries.write(reply);
    Ok(())
}
