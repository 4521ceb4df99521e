//! `LATENCY`: how long commands run. Events (a slow disk, an expiry cycle) are not sampled, so that there is
//! nothing to tell of them; how the running times of commands are distributed is known exactly.

use std::sync::atomic::Ordering;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run, SessionHandler};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::session::{Effect, Host, Session};
use crate::{stats, table};

pub(crate) static COMMANDS: &[Command] = &[
    container("latency", Group::Server, Marks::NONE, "2.8.13", "Groups the commands about latency."),
    about_events(
        "latency|doctor",
        Arity::Exactly(2),
        Doc::new("2.8.13", "Tells what it thinks of the latency.", "O(1)", &[]).tips(OF_EVERY_NODE),
        doctor,
    ),
    about_events(
        "latency|graph",
        Arity::Exactly(3),
        Doc::new("2.8.13", "Draws the latency samples of an event.", "O(1)", &[Arg::new("event", ArgKind::String)])
            .tips(OF_EVERY_NODE),
        graph,
    ),
    Command {
        name: "latency|histogram",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "7.0.0",
            "Tells how the running times of commands are distributed.",
            "O(N) where N is the number of commands told about",
            &[Arg::new("COMMAND", ArgKind::String).optional().multiple()],
        )
        .tips(OF_EVERY_NODE),
        run: Run::Session(histogram),
    },
    about_events(
        "latency|history",
        Arity::Exactly(3),
        Doc::new("2.8.13", "Tells the latency samples of an event.", "O(1)", &[Arg::new("event", ArgKind::String)])
            .tips(OF_EVERY_NODE),
        history,
    ),
    about_events(
        "latency|latest",
        Arity::Exactly(2),
        Doc::new("2.8.13", "Tells the latest latency sample of each event.", "O(1)", &[]).tips(OF_EVERY_NODE),
        latest,
    ),
    about_events(
        "latency|reset",
        Arity::AtLeast(2),
        Doc::new(
            "2.8.13",
            "Forgets latency samples.",
            "O(1)",
            &[Arg::new("event", ArgKind::String).optional().multiple()],
        )
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"]),
        reset,
    ),
    help("latency|help", Group::Server, "2.8.13", list_subcommands),
];

const OF_EVERY_NODE: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

/// A subcommand about events, of which there are none.
const fn about_events(name: &'static str, arity: Arity, doc: Doc, run: SessionHandler) -> Command {
    Command {
        name,
        arity,
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN),
        doc,
        run: Run::Session(run),
    }
}

fn doctor(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.verbatim(
        "txt",
        b"Latency events are not sampled by this server. LATENCY HISTOGRAM, SLOWLOG and the section \
          Catamaran of INFO tell where time goes.\n",
    );
    Ok(Effect::None)
}

fn graph(_: &mut Session, _: &dyn Host, args: &Args<'_>, _: &mut Reply<'_>) -> Result<Effect> {
    Err(Error::quoting("ERR No samples available for event '{}'", &[args.at(2)?]))
}

fn history(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(0);
    Ok(Effect::None)
}

fn latest(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(0);
    Ok(Effect::None)
}

fn reset(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.integer(0);
    Ok(Effect::None)
}

fn histogram(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let asked: Vec<&'static Command> = if args.len() == 2 {
        table::all().to_vec()
    } else {
        // A container means its subcommands.
        let with_subcommands = |command| std::iter::once(command).chain(table::subcommands(command));
        args.from(2).filter_map(table::find_any_case).flat_map(with_subcommands).collect()
    };
    let ran: Vec<_> = asked.into_iter().map(|command| (command, cumulative(command))).collect();
    let ran: Vec<_> = ran.into_iter().filter(|(_, spans)| !spans.is_empty()).collect();
    reply.map(ran.len());
    for (command, spans) in ran {
        reply.bulk(command.name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(spans.last().map_or(0, |&(_, count)| count));
        reply.bulk(b"histogram_usec");
        reply.map(spans.len());
        for (end_us, count) in spans {
            reply.integer(end_us);
            reply.integer(count);
        }
    }
    Ok(Effect::None)
}

/// Ends of spans in which the command ran, in microseconds, with the number of calls up to there.
fn cumulative(command: &'static Command) -> Vec<(i64, i64)> {
    let (mut spans, mut total) = (Vec::new(), 0i64);
    for (span, count) in stats::of(command).spans.iter().enumerate() {
        let count = i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        if count > 0 {
            total = total.saturating_add(count);
            spans.push((i64::try_from(stats::span_end_ns(span) / 1000).unwrap_or(i64::MAX), total));
        }
    }
    spans
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Tell what to think of the latency.",
    "GRAPH <event>",
    "    Draw the samples of an event.",
    "HISTORY <event>",
    "    Tell the samples of an event.",
    "LATEST",
    "    Tell the latest sample of each event.",
    "RESET [<event> ...]",
    "    Forget the samples of some events, or of all.",
    "HISTOGRAM [COMMAND ...]",
    "    Tell how the running times of some commands, or of all, are distributed.",
];
