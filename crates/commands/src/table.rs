//! The table of all commands: the concatenation of what each group's file defines.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::args::Args;
use crate::command::{Command, Marks, Run};
use crate::error::{ECHO_LEN_MAX, Error, Result, c_text, head};

/// Longest command name that is looked up; anything longer is unknown.
const NAME_LEN_MAX: usize = 64;

static TABLE: LazyLock<Vec<&'static Command>> = LazyLock::new(|| {
    let groups = [
        crate::string::read::COMMANDS,
        crate::string::write::COMMANDS,
        crate::string::number::COMMANDS,
        crate::string::lcs::COMMANDS,
        crate::bitmap::COMMANDS,
        crate::list::push::COMMANDS,
        crate::list::pop::COMMANDS,
        crate::list::read::COMMANDS,
        crate::list::change::COMMANDS,
        crate::list::transfer::COMMANDS,
        crate::zset::add::COMMANDS,
        crate::zset::read::COMMANDS,
        crate::zset::range::COMMANDS,
        crate::zset::visit::COMMANDS,
        crate::zset::pop::COMMANDS,
        crate::zset::combine::COMMANDS,
        crate::geo::COMMANDS,
        crate::set::COMMANDS,
        crate::set::random::COMMANDS,
        crate::set::combine::COMMANDS,
        crate::set::scan::COMMANDS,
        crate::hyperloglog::COMMANDS,
        crate::hash::read::COMMANDS,
        crate::hash::write::COMMANDS,
        crate::hash::number::COMMANDS,
        crate::hash::expire::COMMANDS,
        crate::hash::lifetime::COMMANDS,
        crate::stream::add::COMMANDS,
        crate::stream::range::COMMANDS,
        crate::stream::read::COMMANDS,
        crate::stream::group::COMMANDS,
        crate::stream::claim::COMMANDS,
        crate::stream::info::COMMANDS,
        crate::generic::keys::COMMANDS,
        crate::generic::expire::COMMANDS,
        crate::generic::dump::COMMANDS,
        crate::generic::scan::COMMANDS,
        crate::generic::sort::COMMANDS,
        crate::generic::object::COMMANDS,
        crate::generic::database::COMMANDS,
        crate::transactions::COMMANDS,
        crate::connection::COMMANDS,
        crate::client::COMMANDS,
        crate::clients::COMMANDS,
        crate::scripting::COMMANDS,
        crate::introspection::COMMANDS,
        crate::config::COMMANDS,
        crate::info::COMMANDS,
        crate::memory::COMMANDS,
        crate::latency::COMMANDS,
        crate::slowlog::COMMANDS,
        crate::acl::COMMANDS,
        crate::server::COMMANDS,
        crate::debug::COMMANDS,
    ];
    groups.into_iter().flatten().collect()
});

/// What a name stands for.
struct Entry {
    index: usize,
    has_subcommands: bool,
}

type ByName = HashMap<&'static str, Entry, foldhash::fast::RandomState>;
type ByAddress = HashMap<usize, usize, foldhash::fast::RandomState>;

static INDEX: LazyLock<ByName> = LazyLock::new(|| {
    let entry = |(index, command): (usize, &&'static Command)| {
        (command.name, Entry { index, has_subcommands: subcommands(command).next().is_some() })
    };
    TABLE.iter().enumerate().map(entry).collect()
});
/// Every command is a static, so its address names it: cheaper than its name where only counters are wanted.
static INDEX_BY_ADDRESS: LazyLock<ByAddress> =
    LazyLock::new(|| TABLE.iter().enumerate().map(|(index, command)| (address_of(command), index)).collect());

fn address_of(command: &'static Command) -> usize {
    std::ptr::from_ref(command) as usize
}

/// Every command and subcommand.
pub fn all() -> &'static [&'static Command] {
    &TABLE
}

/// The command or subcommand (`config|get`) of a name in lower case.
pub fn find(name: &str) -> Option<&'static Command> {
    INDEX.get(name).map(|entry| TABLE[entry.index])
}

/// The command or subcommand of a name in any case; what `COMMAND INFO` looks up.
pub fn find_any_case(name: &[u8]) -> Option<&'static Command> {
    find(lower_case(name, &mut [0u8; NAME_LEN_MAX])?)
}

/// The place of a command in [`all`].
pub fn index_of(command: &'static Command) -> usize {
    INDEX_BY_ADDRESS.get(&address_of(command)).copied().unwrap_or(0)
}

/// The subcommands of a container.
pub fn subcommands(container: &'static Command) -> impl Iterator<Item = &'static Command> {
    all()
        .iter()
        .copied()
        .filter(|command| command.name.strip_prefix(container.name).is_some_and(|rest| rest.starts_with('|')))
}

/// The container of a subcommand.
pub fn container_of(subcommand: &'static Command) -> Option<&'static Command> {
    subcommand.name.split_once('|').and_then(|(container, _)| find(container))
}

/// The command under whose name a command is shown: its container, if that hides its subcommands.
pub fn shown(command: &'static Command) -> &'static Command {
    container_of(command).filter(|container| container.marks.has(Marks::HIDDEN_SUBCOMMANDS)).unwrap_or(command)
}

/// True if the arguments begin an HTTP request or are one of its header lines, as Redis recognises them.
pub fn is_http(args: &Args<'_>) -> bool {
    args.is(0, "post") || args.is(0, "host:")
}

/// The command that the arguments call, its arity checked.
pub fn resolve(args: &Args<'_>) -> Result<&'static Command> {
    let command = lookup(args)?;
    if command.arity.admits(args.len()) {
        return Ok(command);
    }
    match container_of(command) {
        Some(container) if container.marks.has(Marks::HIDDEN_SUBCOMMANDS) => Err(misused_subcommand(args)),
        _ => Err(Error::WrongArity { name: command.name.to_owned() }),
    }
}

/// The command that the arguments call, whatever their number.
pub fn lookup(args: &Args<'_>) -> Result<&'static Command> {
    let name = args.get(0).unwrap_or(&[]);
    let mut lower = [0u8; NAME_LEN_MAX];
    let entry = lower_case(name, &mut lower).and_then(|name| INDEX.get(name));
    let Some((entry, command)) =
        entry.map(|entry| (entry, TABLE[entry.index])).filter(|(_, command)| !command.name.contains('|'))
    else {
        return Err(unknown(args));
    };
    let is_container = matches!(command.run, Run::Container);
    let Some(given) = args.get(1).filter(|_| entry.has_subcommands) else {
        return if is_container { Err(Error::WrongArity { name: command.name.to_owned() }) } else { Ok(command) };
    };
    subcommand(command, given).ok_or_else(|| {
        if command.marks.has(Marks::HIDDEN_SUBCOMMANDS) {
            misused_subcommand(args)
        } else {
            refused_subcommand("ERR unknown subcommand '{}'. Try {} HELP.", args)
        }
    })
}

/// The refusal of a subcommand that is there but was given too many arguments, or is hidden and unknown.
pub(crate) fn misused_subcommand(args: &Args<'_>) -> Error {
    refused_subcommand("ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.", args)
}

/// The sentence with the subcommand and its container in it.
fn refused_subcommand(template: &str, args: &Args<'_>) -> Error {
    let (container, given) = (args.get(0).unwrap_or(&[]), args.get(1).unwrap_or(&[]));
    Error::quoting(template, &[head(given, ECHO_LEN_MAX), &container.to_ascii_uppercase()])
}

fn subcommand(container: &Command, given: &[u8]) -> Option<&'static Command> {
    let mut full = [0u8; NAME_LEN_MAX];
    let prefix = container.name.len() + 1;
    let name = full.get_mut(..prefix + given.len())?;
    name[..prefix - 1].copy_from_slice(container.name.as_bytes());
    name[prefix - 1] = b'|';
    name[prefix..].copy_from_slice(given);
    name[prefix..].make_ascii_lowercase();
    std::str::from_utf8(name).ok().and_then(find)
}

fn lower_case<'b>(name: &[u8], buf: &'b mut [u8; NAME_LEN_MAX]) -> Option<&'b str> {
    let lower = buf.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

fn unknown(args: &Args<'_>) -> Error {
    let mut rest = Vec::new();
    for arg in args.from(1) {
        if rest.len() >= ECHO_LEN_MAX {
            break;
        }
        let room = ECHO_LEN_MAX - rest.len();
        rest.push(b'\'');
        rest.extend_from_slice(c_text(head(arg, room)));
        rest.extend_from_slice(b"' ");
    }
    let name = head(args.get(0).unwrap_or(&[]), ECHO_LEN_MAX);
    Error::quoting("ERR unknown command '{}', with args beginning with: {}", &[name, &rest])
}

#[cfg(test)]
mod tests;
