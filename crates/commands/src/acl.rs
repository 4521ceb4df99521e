//! `ACL`: what can be told without rules of access: the categories of commands, and who the client is.

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{ECHO_LEN_MAX, Error, Result, head};
use crate::flags::{self, CATEGORIES};
use crate::session::{Effect, Host, Session};
use crate::table;

pub(crate) static COMMANDS: &[Command] = &[
    container("acl", Group::Server, Marks::NONE, "6.0.0", "Groups the commands about access rules."),
    Command {
        name: "acl|cat",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new(
            "6.0.0",
            "Lists the categories of commands, or the commands of a category.",
            "O(1) since the categories and commands are a fixed set.",
            &[Arg::new("category", ArgKind::String).optional()],
        ),
        run: Run::Session(cat),
    },
    Command {
        name: "acl|whoami",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("6.0.0", "Tells the user of the connection.", "O(1)", &[]),
        run: Run::Session(whoami),
    },
    help("acl|help", Group::Server, "6.0.0", list_subcommands),
];

fn whoami(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.bulk(session.user.as_bytes());
    Ok(Effect::None)
}

fn cat(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let Some(given) = args.get(2) else {
        reply.array(CATEGORIES.len());
        CATEGORIES.iter().for_each(|category| reply.bulk(category.as_bytes()));
        return Ok(Effect::None);
    };
    if args.len() > 3 {
        return Err(table::misused_subcommand(args));
    }
    let Some(category) = flags::category(given) else {
        return Err(Error::quoting("ERR Unknown category '{}'", &[head(given, ECHO_LEN_MAX)]));
    };
    let shown = table::all().iter().filter(|command| std::ptr::eq(table::shown(command), **command));
    let found: Vec<_> = shown.filter(|command| command.is_in_category(category)).collect();
    reply.array(found.len());
    found.iter().for_each(|command| reply.bulk(command.name.as_bytes()));
    Ok(Effect::None)
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "CAT [<category>]",
    "    List the categories of commands, or the commands of a category.",
    "WHOAMI",
    "    Tell the user of this connection.",
];
