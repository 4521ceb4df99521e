//! What holds for every command, and that clients are told of commands what Redis tells them.

mod agreement;
mod page;

use std::collections::HashSet;

use super::*;
use crate::command::{Arg, ArgKind, Arity};
use crate::keys::{Begin, Find};
use crate::lone_host::LoneClient;

fn arity_count(arity: Arity) -> usize {
    usize::from(match arity {
        Arity::Exactly(count) | Arity::AtLeast(count) => count,
    })
}

/// Calls `visit` with every argument of a list, the parts of others included.
fn visit_args(args: &'static [Arg], visit: &mut impl FnMut(&'static Arg)) {
    for arg in args {
        visit(arg);
        if let ArgKind::OneOf(parts) | ArgKind::Block(parts) = arg.kind {
            visit_args(parts, visit);
        }
    }
}

#[test]
fn names_are_unique_and_lower_case_and_can_be_looked_up() {
    let mut seen = HashSet::new();
    for command in all() {
        let name = command.name;
        assert!(seen.insert(name), "{name} is there twice");
        assert!(name.len() <= NAME_LEN_MAX, "{name} is too long to be looked up");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b"-_|".contains(&b)), "{name}");
        let found = find_any_case(name.to_uppercase().as_bytes()).map(|found| found.name);
        assert_eq!(found, Some(name));
        assert_eq!(all()[index_of(command)].name, name);
    }
}

#[test]
fn a_container_has_subcommands_and_a_subcommand_has_a_container_of_its_group() {
    for command in all().iter().copied() {
        if matches!(command.run, Run::Container) {
            assert!(subcommands(command).next().is_some(), "{} has no subcommands", command.name);
            let help = format!("{}|help", command.name);
            assert!(find(&help).is_some(), "{help} is missing");
        }
        if command.name.contains('|') {
            let container = container_of(command).expect("a container");
            assert_eq!(container.group, command.group, "{}", command.name);
        }
    }
}

#[test]
fn keys_lie_within_the_arity() {
    for command in all() {
        let count = arity_count(command.arity);
        for spec in command.keys {
            let Begin::Index(begin) = spec.begin else { continue };
            let needed = match spec.find {
                Find::Counted { count_at, .. } => begin + count_at,
                // A range up to the last argument may have nothing in it (`PFMERGE`).
                Find::Range { last: -1, .. } => begin - 1,
                _ => begin,
            };
            assert!(needed < count, "{}: argument {needed} may be missing", command.name);
        }
    }
}

#[test]
fn a_write_has_keys_or_runs_alone() {
    for command in all().iter().filter(|command| command.is_write()) {
        let has_keys = !command.keys.is_empty();
        assert!(has_keys || command.marks.has(Marks::EXCLUSIVE), "{} has neither", command.name);
    }
}

#[test]
fn a_command_that_runs_on_the_network_runtime_has_no_keys() {
    for command in all().iter().filter(|command| command.is_session()) {
        assert!(command.keys.is_empty(), "{}", command.name);
    }
}

#[test]
fn marks_that_mean_nothing_for_a_command_are_not_set() {
    for command in all() {
        let is_session = command.is_session();
        assert!(!command.marks.has(Marks::BARRIER) || is_session, "{}: only a session command waits", command.name);
        assert!(!command.marks.has(Marks::EXCLUSIVE) || command.is_write(), "{}: only a write", command.name);
        let is_container = matches!(command.run, Run::Container);
        assert!(!command.marks.has(Marks::HIDDEN_SUBCOMMANDS) || is_container, "{}", command.name);
    }
}

#[test]
fn key_arguments_in_the_documentation_name_a_key_spec_that_is_there() {
    for command in all() {
        visit_args(command.doc.args, &mut |arg| {
            if let ArgKind::Key(index) = arg.kind {
                assert!(usize::from(index) < command.keys.len(), "{}: {}", command.name, arg.name);
            }
        });
    }
}

#[test]
fn documentation_is_complete() {
    let is_version = |text: &str| {
        text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty() && part.parse::<u32>().is_ok())
    };
    for command in all() {
        let (name, doc) = (command.name, &command.doc);
        assert!(is_version(doc.since), "{name}: since {:?}", doc.since);
        assert!(doc.summary.ends_with('.') && doc.summary.starts_with(|c: char| c.is_uppercase()), "{name}");
        // Redis says nothing of the cost of a drawing.
        assert!(!doc.complexity.is_empty() || name == "lolwut", "{name} has no complexity");
        assert!(doc.history.iter().all(|(since, change)| is_version(since) && !change.is_empty()), "{name}");
        assert!(doc.tips.iter().all(|tip| !tip.is_empty() && !tip.contains(char::is_uppercase)), "{name}");
        assert!(doc.deprecated.is_none_or(|(since, by)| is_version(since) && !by.is_empty()), "{name}");
        visit_args(doc.args, &mut |arg| {
            assert!(!arg.name.is_empty(), "{name} has an argument without a name");
            let is_word = matches!(arg.kind, ArgKind::PureToken);
            assert!(!is_word || arg.token.is_some(), "{name}: {} has no token", arg.name);
            assert!(arg.since.is_none_or(is_version), "{name}: {}", arg.name);
        });
    }
}

#[test]
fn flags_and_categories_follow_from_how_a_command_runs_and_its_marks() {
    let expected = [
        ("get", "readonly fast", "read string fast"),
        ("set", "write denyoom", "write string slow"),
        ("client|kill", "admin noscript loading stale", "admin slow dangerous connection"),
        ("client", "", "slow"),
        ("command", "loading stale", "slow connection"),
        ("info", "loading stale", "slow dangerous"),
        ("role", "noscript loading stale fast", "admin fast dangerous"),
        ("function|flush", "write noscript", "write slow scripting"),
    ];
    for (name, flags, categories) in expected {
        let command = find(name).expect("a command");
        assert_eq!(command.flags().join(" "), flags, "{name}");
        assert_eq!(command.categories().collect::<Vec<_>>().join(" "), categories, "{name}");
    }
}

#[test]
fn what_cannot_be_called_is_refused_in_the_words_of_redis() {
    let mut client = LoneClient::new();
    let expected = [
        ("nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' \r\n"),
        ("config|get maxmemory", "-ERR unknown command 'config|get', with args beginning with: 'maxmemory' \r\n"),
        ("config", "-ERR wrong number of arguments for 'config' command\r\n"),
        ("config get", "-ERR wrong number of arguments for 'config|get' command\r\n"),
        ("config Foo", "-ERR unknown subcommand 'Foo'. Try CONFIG HELP.\r\n"),
        ("command foo", "-ERR unknown subcommand 'foo'. Try COMMAND HELP.\r\n"),
        ("debug", "-ERR wrong number of arguments for 'debug' command\r\n"),
        ("debug Foo", "-ERR unknown subcommand or wrong number of arguments for 'Foo'. Try DEBUG HELP.\r\n"),
        ("debug sleep", "-ERR unknown subcommand or wrong number of arguments for 'sleep'. Try DEBUG HELP.\r\n"),
        ("ping a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
    ];
    for (line, reply) in expected {
        assert_eq!(client.say(line), reply, "{line}");
    }
}
