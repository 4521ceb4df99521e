//! `COMMAND`: the table of commands, told to clients. What a description looks like is in [`describe`].

mod describe;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::write_help;
use crate::error::{Error, Result};
use crate::session::{Effect, Host, Session};
use crate::table;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "command",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new("2.8.13", "Describes every command.", "O(N) where N is the total number of Redis commands", &[])
            .tips(&["nondeterministic_output_order"]),
        run: Run::Session(all),
    },
    Command {
        name: "command|count",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new("2.8.13", "Counts the commands.", "O(1)", &[]),
        run: Run::Session(count),
    },
    Command {
        name: "command|list",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new(
            "7.0.0",
            "Lists the names of commands.",
            "O(N) where N is the number of all commands",
            &[Arg::new(
                "filterby",
                ArgKind::OneOf(&[
                    Arg::new("module-name", ArgKind::String).token("MODULE"),
                    Arg::new("category", ArgKind::String).token("ACLCAT"),
                    Arg::new("pattern", ArgKind::Pattern).token("PATTERN"),
                ]),
            )
            .token("FILTERBY")
            .optional()],
        )
        .tips(&["nondeterministic_output_order"]),
        run: Run::Session(list),
    },
    Command {
        name: "command|info",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new(
            "2.8.13",
            "Describes commands in the way that clients need.",
            "O(N) where N is the number of commands to look up",
            &[Arg::new("command-name", ArgKind::String).optional().multiple()],
        )
        .history(&[("7.0.0", "Without a name describes every command.")])
        .tips(&["nondeterministic_output_order"]),
        run: Run::Session(info),
    },
    Command {
        name: "command|docs",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new(
            "7.0.0",
            "Describes commands in the way that people need.",
            "O(N) where N is the number of commands to look up",
            &[Arg::new("command-name", ArgKind::String).optional().multiple()],
        )
        .tips(&["nondeterministic_output_order"]),
        run: Run::Session(docs),
    },
    Command {
        name: "command|getkeys",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new(
            "2.8.13",
            "Tells which arguments of a command are keys.",
            "O(N) where N is the number of arguments to the command",
            &[Arg::new("command", ArgKind::String), Arg::new("arg", ArgKind::String).optional().multiple()],
        ),
        run: Run::Session(get_keys),
    },
    Command {
        name: "command|getkeysandflags",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new(
            "7.0.0",
            "Tells which arguments of a command are keys, and what it does with each.",
            "O(N) where N is the number of arguments to the command",
            &[Arg::new("command", ArgKind::String), Arg::new("arg", ArgKind::String).optional().multiple()],
        ),
        run: Run::Session(get_keys_and_flags),
    },
    Command {
        name: "command|help",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::CONNECTION),
        doc: Doc::new("5.0.0", "Explains the subcommands.", "O(1)", &[]),
        run: Run::Session(list_subcommands),
    },
];

/// What `COMMAND` lists: everything that is not a subcommand.
fn top_level() -> impl Iterator<Item = &'static Command> {
    table::all().iter().copied().filter(|command| table::container_of(command).is_none())
}

/// The subcommands of a container, unless it hides them.
fn shown_subcommands(command: &'static Command) -> impl Iterator<Item = &'static Command> {
    let shows = !command.marks.has(Marks::HIDDEN_SUBCOMMANDS);
    table::subcommands(command).filter(move |_| shows)
}

fn all(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(top_level().count());
    top_level().for_each(|command| describe::info(command, reply));
    Ok(Effect::None)
}

fn count(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.integer(i64::try_from(top_level().count()).unwrap_or(i64::MAX));
    Ok(Effect::None)
}

/// `FILTERBY` of `COMMAND LIST`.
enum Filter<'a> {
    None,
    /// Nothing comes from a module, whatever its name.
    Module,
    /// None: one that there is not.
    Category(Option<&'static str>),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn admits(&self, command: &Command) -> bool {
        match self {
            Filter::None => true,
            Filter::Module => false,
            Filter::Category(category) => category.is_some_and(|category| command.is_in_category(category)),
            Filter::Pattern(pattern) => crate::glob::matches(pattern, command.name.as_bytes(), true),
        }
    }
}

fn list(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let filter = match args.len() {
        2 => Filter::None,
        5 if !args.is(2, "filterby") => return Err(Error::Syntax),
        5 if args.is(3, "module") => Filter::Module,
        5 if args.is(3, "aclcat") => Filter::Category(crate::flags::category(args.at(4)?)),
        5 if args.is(3, "pattern") => Filter::Pattern(args.at(4)?),
        _ => return Err(Error::Syntax),
    };
    let found: Vec<_> = top_level()
        .flat_map(|command| std::iter::once(command).chain(shown_subcommands(command)))
        .filter(|command| filter.admits(command))
        .collect();
    reply.array(found.len());
    found.iter().for_each(|command| reply.bulk(command.name.as_bytes()));
    Ok(Effect::None)
}

fn info(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if args.len() == 2 {
        return all(session, host, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match find(name) {
            Some(command) => describe::info(command, reply),
            None => reply.null(),
        }
    }
    Ok(Effect::None)
}

fn docs(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let found: Vec<_> = if args.len() == 2 { top_level().collect() } else { args.from(2).filter_map(find).collect() };
    reply.map(found.len());
    for command in found {
        reply.bulk(command.name.as_bytes());
        describe::docs(command, reply);
    }
    Ok(Effect::None)
}

/// The command of a name, unless it is a hidden subcommand.
fn find(name: &[u8]) -> Option<&'static Command> {
    table::find_any_case(name).filter(|&command| std::ptr::eq(table::shown(command), command))
}

fn get_keys(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (call, keys) = keys_of_call(args)?;
    reply.array(keys.len());
    for (index, _) in keys {
        reply.bulk(call.at(index)?);
    }
    Ok(Effect::None)
}

fn get_keys_and_flags(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (call, keys) = keys_of_call(args)?;
    reply.array(keys.len());
    for (index, flags) in keys {
        reply.array(2);
        reply.bulk(call.at(index)?);
        describe::words(flags, reply);
    }
    Ok(Effect::None)
}

type KeyPlaces = Vec<(usize, &'static [&'static str])>;

/// The call among the arguments, where its keys are, and what it does with each.
fn keys_of_call<'a>(args: &Args<'a>) -> Result<(Args<'a>, KeyPlaces)> {
    const NO_KEYS: Error = Error::sentence("ERR The command has no key arguments");
    let call = args.skip(2);
    let command = match table::lookup(&call) {
        Ok(command) => command,
        // A container without a subcommand.
        Err(Error::WrongArity { .. }) => return Err(NO_KEYS),
        Err(_) => return Err(Error::sentence("ERR Invalid command specified")),
    };
    let mut specs = command.keys.iter().filter(|spec| !spec.flags.contains(&"not_key")).peekable();
    if specs.peek().is_none() {
        return Err(NO_KEYS);
    }
    if !command.arity.admits(call.len()) {
        return Err(Error::sentence("ERR Invalid number of arguments specified for command"));
    }
    let (mut keys, mut fits) = (Vec::new(), true);
    for spec in specs {
        fits &= spec.fits(&call);
        spec.visit(&call, &mut |index| keys.push((index, spec.flags)));
    }
    match () {
        () if fits && !keys.is_empty() => Ok((call, keys)),
        () if command.marks.has(Marks::NO_MANDATORY_KEYS) => Ok((call, Vec::new())),
        () => Err(Error::sentence("ERR Invalid arguments specified for command")),
    }
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Describe every command.",
    "COUNT",
    "    Count the commands.",
    "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    List the names of commands.",
    "INFO [<command-name> ...]",
    "    Describe commands, or every command, in the way that clients need.",
    "DOCS [<command-name> ...]",
    "    Describe commands, or every command, in the way that people need.",
    "GETKEYS <full-command>",
    "    Tell which arguments of a command are keys.",
    "GETKEYSANDFLAGS <full-command>",
    "    Tell which arguments of a command are keys, and what it does with each.",
];
