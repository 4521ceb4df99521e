//! Commands that only have subcommands, and the `HELP` that each of them has.

use crate::args::Args;
use crate::command::{Arity, Command, Doc, Group, Marks, Reply, Run, SessionHandler};
use crate::error::Result;
use crate::session::Effect;

/// A command that only has subcommands.
pub(crate) const fn container(
    name: &'static str,
    group: Group,
    marks: Marks,
    since: &'static str,
    summary: &'static str,
) -> Command {
    let doc = Doc::new(since, summary, "Depends on subcommand.", &[]);
    Command { name, arity: Arity::AtLeast(2), keys: &[], group, marks, doc, run: Run::Container }
}

/// A subcommand that lists its siblings.
pub(crate) const fn help(name: &'static str, group: Group, since: &'static str, handler: SessionHandler) -> Command {
    Command {
        name,
        arity: Arity::Exactly(2),
        keys: &[],
        group,
        marks: Marks::ANY_TIME,
        doc: Doc::new(since, "Explains the subcommands.", "O(1)", &[]),
        run: Run::Session(handler),
    }
}

/// Replies what a container's `HELP` replies: a line on the form, the given lines, and those on `HELP` itself.
pub(crate) fn write_help(args: &Args<'_>, reply: &mut Reply<'_>, lines: &[&str]) -> Result<Effect> {
    let name = String::from_utf8_lossy(args.at(0)?).to_uppercase();
    reply.array(lines.len() + 3);
    reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
    Ok(Effect::None)
}
