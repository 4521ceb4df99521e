//! The table of all commands: the concatenation of what each group's file defines.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::args::Args;
use crate::command::{Command, Run};
use crate::error::{Error, Result};

/// Longest command name that is looked up; anything longer is unknown.
const NAME_LEN_MAX: usize = 64;
/// How much of a name and of its arguments an unknown-command error repeats, as in Redis.
const ECHO_LEN_MAX: usize = 128;

static TABLE: LazyLock<Vec<&'static Command>> = LazyLock::new(|| {
    let groups = [
        crate::string::read::COMMANDS,
        crate::string::write::COMMANDS,
        crate::string::number::COMMANDS,
        crate::string::lcs::COMMANDS,
        crate::bitmap::COMMANDS,
        crate::generic::keys::COMMANDS,
        crate::generic::expire::COMMANDS,
        crate::generic::scan::COMMANDS,
        crate::generic::object::COMMANDS,
        crate::generic::database::COMMANDS,
        crate::connection::COMMANDS,
        crate::server::COMMANDS,
    ];
    groups.into_iter().flatten().collect()
});

type ByName = HashMap<&'static str, usize, foldhash::fast::RandomState>;
type ByAddress = HashMap<usize, usize, foldhash::fast::RandomState>;

static INDEX: LazyLock<ByName> =
    LazyLock::new(|| TABLE.iter().enumerate().map(|(index, command)| (command.name, index)).collect());
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
    INDEX.get(name).map(|&index| TABLE[index])
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

/// The command that the arguments call, its arity checked.
pub fn resolve(args: &Args<'_>) -> Result<&'static Command> {
    let command = lookup(args)?;
    if !command.arity.admits(args.len()) {
        return Err(Error::WrongArity { name: command.name.to_owned() });
    }
    Ok(command)
}

fn lookup(args: &Args<'_>) -> Result<&'static Command> {
    let name = args.get(0).unwrap_or(&[]);
    let mut lower = [0u8; NAME_LEN_MAX];
    let Some(command) = lower_case(name, &mut lower).and_then(find).filter(|command| !command.name.contains('|'))
    else {
        return Err(unknown(args));
    };
    if !matches!(command.run, Run::Container) {
        return Ok(command);
    }
    let Some(given) = args.get(1) else {
        return Err(Error::WrongArity { name: command.name.to_owned() });
    };
    let mut full = [0u8; NAME_LEN_MAX];
    let prefix = command.name.len() + 1;
    let subcommand = (prefix + given.len() <= NAME_LEN_MAX).then(|| {
        full[..prefix - 1].copy_from_slice(command.name.as_bytes());
        full[prefix - 1] = b'|';
        full[prefix..prefix + given.len()].copy_from_slice(given);
        full[prefix..prefix + given.len()].make_ascii_lowercase();
        std::str::from_utf8(&full[..prefix + given.len()]).ok().and_then(find)
    });
    subcommand.flatten().ok_or_else(|| Error::UnknownSubcommand {
        given: printable(given, ECHO_LEN_MAX),
        container: command.name.to_owned(),
    })
}

fn lower_case<'b>(name: &[u8], buf: &'b mut [u8; NAME_LEN_MAX]) -> Option<&'b str> {
    let lower = buf.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

fn unknown(args: &Args<'_>) -> Error {
    let mut rest = String::new();
    for arg in args.from(1) {
        if rest.len() >= ECHO_LEN_MAX {
            break;
        }
        let room = ECHO_LEN_MAX - rest.len();
        rest.push('\'');
        rest.push_str(&printable(arg, room));
        rest.push_str("' ");
    }
    Error::UnknownCommand { name: printable(args.get(0).unwrap_or(&[]), ECHO_LEN_MAX), args: rest }
}

fn printable(text: &[u8], len_max: usize) -> String {
    String::from_utf8_lossy(&text[..text.len().min(len_max)]).into_owned()
}
