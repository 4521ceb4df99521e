//! `CONFIG`: the options of the server. What options there are is the server's knowledge, asked for through
//! [`Host`].

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::session::{Configuring, Effect, Host, Session};

pub(crate) static COMMANDS: &[Command] = &[
    container("config", Group::Server, Marks::NONE, "2.0.0", "Groups the commands about options."),
    Command {
        name: "config|get",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN),
        doc: Doc::new(
            "2.0.0",
            "Tells the values of options.",
            "O(N) when N is the number of options asked for",
            &[Arg::new("parameter", ArgKind::String).multiple()],
        )
        .history(&[("7.0.0", "Takes several patterns.")]),
        run: Run::Session(get),
    },
    Command {
        name: "config|set",
        arity: Arity::AtLeast(4),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "2.0.0",
            "Changes options while the server runs.",
            "O(N) when N is the number of options given",
            &[Arg::new(
                "data",
                ArgKind::Block(&[Arg::new("parameter", ArgKind::String), Arg::new("value", ArgKind::String)]),
            )
            .multiple()],
        )
        .history(&[("7.0.0", "Takes several options.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(set),
    },
    Command {
        name: "config|resetstat",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new("2.0.0", "Zeroes the counters of INFO.", "O(1)", &[])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(reset_stats),
    },
    Command {
        name: "config|rewrite",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new("2.8.0", "Writes the options as they are to the configuration file.", "O(1)", &[])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(rewrite),
    },
    help("config|help", Group::Server, "5.0.0", list_subcommands),
];

fn get(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    let options = host.config_get(&patterns);
    reply.map(options.len());
    for (name, value) in &options {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(Effect::None)
}

fn set(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let words: Vec<&[u8]> = args.from(2).collect();
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::Syntax);
    }
    let pairs: Vec<_> = pairs.iter().map(|&[name, value]| (name, value)).collect();
    if pairs.iter().any(|(name, _)| host.config_waits(name)) {
        let owned = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        return Ok(Effect::Configure(Configuring::Set(owned)));
    }
    host.config_set(&pairs)?;
    reply.ok();
    Ok(Effect::None)
}

fn reset_stats(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    host.reset_stats();
    reply.ok();
    Ok(Effect::None)
}

fn rewrite(_: &mut Session, _: &dyn Host, _: &Args<'_>, _: &mut Reply<'_>) -> Result<Effect> {
    Ok(Effect::Configure(Configuring::Rewrite))
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Tell the options that match a pattern, and their values.",
    "SET <directive> <value>",
    "    Change an option.",
    "RESETSTAT",
    "    Zero the counters of INFO.",
    "REWRITE",
    "    Write the options as they are to the configuration file.",
];
