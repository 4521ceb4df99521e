//! `SSCAN`: the members of a set, a few with each call. A cursor is a hash (see [`data::set`]), so it needs no state.

use data::{View, set};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::generic::scan::{Names, Of, ScanFilter, parse_cursor};
use crate::keys::READS;

pub(crate) static COMMANDS: &[Command] = &[Command {
    name: "sscan",
    arity: Arity::AtLeast(3),
    keys: READS,
    group: Group::Set,
    marks: Marks::NONE,
    doc: Doc::new(
        "2.8.0",
        "Lists the members of a set, a few with each call.",
        "O(1) for every call, O(N) for all calls until the cursor is 0 again, where N is the number of members.",
        &[
            Arg::key(),
            Arg::new("cursor", ArgKind::Integer),
            Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
            Arg::new("count", ArgKind::Integer).token("COUNT").optional(),
        ],
    )
    .tips(&["nondeterministic_output"]),
    run: Run::Read(sscan),
}];

fn sscan(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = parse_cursor(args.at(2)?).ok_or(Error::InvalidCursor)?;
    let Some(set) = set::read(view, args.at(1)?)? else {
        // Of an absent key the options are not looked at.
        reply.array(2);
        reply.bulk(b"0");
        reply.array(0);
        return Ok(());
    };
    let filter = ScanFilter::parse(args, Of::Members)?;
    let mut found = Names::default();
    let next = set.scan(view, cursor, filter.count, |member| {
        if filter.pattern.matches(member) {
            found.push(member);
        }
        Ok(true)
    })?;
    reply.array(2);
    reply.bulk(next.unwrap_or(0).to_string().as_bytes());
    found.write(reply);
    Ok(())
}
