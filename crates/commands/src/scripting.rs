//! `FUNCTION` and `SCRIPT`, as far as a server without scripts and functions can answer them: there are none,
//! and deleting them all succeeds.

use data::Tx;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result, one_line};
use crate::session::{Effect, Host, Session};
use crate::table;

pub(crate) static COMMANDS: &[Command] = &[
    container("function", Group::Scripting, Marks::NONE, "7.0.0", "Groups the commands about functions."),
    Command {
        name: "function|flush",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Scripting,
        marks: Marks::NO_SCRIPT.and(Marks::EXCLUSIVE),
        doc: Doc::new(
            "7.0.0",
            "Deletes all functions.",
            "O(N) where N is the number of functions deleted",
            &[Arg::new("flush-type", ArgKind::OneOf(&[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]))
                .optional()],
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        run: Run::Write(flush_functions),
    },
    Command {
        name: "function|list",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Scripting,
        marks: Marks::NO_SCRIPT,
        doc: Doc::new(
            "7.0.0",
            "Describes the libraries of functions.",
            "O(N) where N is the number of functions",
            &[
                Arg::new("library-name-pattern", ArgKind::String).token("LIBRARYNAME").optional(),
                Arg::word("withcode", "WITHCODE").optional(),
            ],
        )
        .tips(&["nondeterministic_output_order"]),
        run: Run::Session(list_functions),
    },
    Command {
        name: "function|stats",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Scripting,
        marks: Marks::NO_SCRIPT.and(Marks::ALLOW_BUSY),
        doc: Doc::new("7.0.0", "Describes the running function, and the engines.", "O(1)", &[]).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        run: Run::Session(function_stats),
    },
    help("function|help", Group::Scripting, "7.0.0", function_help),
    container("script", Group::Scripting, Marks::NONE, "2.6.0", "Groups the commands about scripts."),
    Command {
        name: "script|exists",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Scripting,
        marks: Marks::NO_SCRIPT,
        doc: Doc::new(
            "2.6.0",
            "Tells which scripts the cache holds.",
            "O(N) where N is the number of digests",
            &[Arg::new("sha1", ArgKind::String).multiple()],
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]),
        run: Run::Session(scripts_exist),
    },
    Command {
        name: "script|flush",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Scripting,
        marks: Marks::NO_SCRIPT,
        doc: Doc::new(
            "2.6.0",
            "Empties the cache of scripts.",
            "O(N) with N being the number of scripts in cache",
            &[Arg::new("flush-type", ArgKind::OneOf(&[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]))
                .optional()
                .since("6.2.0")],
        )
        .history(&[("6.2.0", "Takes `ASYNC` and `SYNC`.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(flush_scripts),
    },
    help("script|help", Group::Scripting, "5.0.0", script_help),
];

/// True if what follows the subcommand is nothing, or one of two words. Both mean the same here.
fn is_flush_mode(args: &Args<'_>) -> bool {
    args.len() == 2 || args.len() == 3 && (args.is(2, "sync") || args.is(2, "async"))
}

fn flush_functions(_: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() > 3 {
        return Err(table::misused_subcommand(args));
    }
    if !is_flush_mode(args) {
        return Err(Error::sentence("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    reply.ok();
    Ok(())
}

fn list_functions(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let mut index = 2;
    while let Some(option) = args.get(index) {
        if args.is(index, "withcode") {
            index += 1;
        } else if args.is(index, "libraryname") {
            if args.get(index + 1).is_none() {
                return Err(Error::sentence("ERR library name argument was not given"));
            }
            index += 2;
        } else {
            return Err(Error::quoting("ERR Unknown argument {}", &[&one_line(option)]));
        }
    }
    reply.array(0);
    Ok(Effect::None)
}

fn function_stats(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.map(2);
    reply.bulk(b"running_script");
    reply.null();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(0);
    reply.bulk(b"functions_count");
    reply.integer(0);
    Ok(Effect::None)
}

fn scripts_exist(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(args.len() - 2);
    args.from(2).for_each(|_| reply.integer(0));
    Ok(Effect::None)
}

fn flush_scripts(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if !is_flush_mode(args) {
        return Err(Error::sentence("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    reply.ok();
    Ok(Effect::None)
}

fn function_help(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(
        args,
        reply,
        &[
            "FLUSH [ASYNC|SYNC]",
            "    Delete all functions.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Describe the libraries of functions.",
            "STATS",
            "    Describe the running function, and the engines.",
        ],
    )
}

fn script_help(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(
        args,
        reply,
        &[
            "EXISTS <sha1> [<sha1> ...]",
            "    Tell which scripts the cache holds.",
            "FLUSH [ASYNC|SYNC]",
            "    Empty the cache of scripts.",
        ],
    )
}
