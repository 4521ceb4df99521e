//! The page of all commands in the documentation: made from the table, and compared with what is checked in.

use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::command::Group;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.md");

const GROUPS: [Group; 15] = [
    Group::Generic,
    Group::String,
    Group::Bitmap,
    Group::List,
    Group::Set,
    Group::SortedSet,
    Group::Hash,
    Group::Stream,
    Group::Geo,
    Group::HyperLogLog,
    Group::Pubsub,
    Group::Transactions,
    Group::Scripting,
    Group::Connection,
    Group::Server,
];

fn page() -> String {
    let mut page = String::from(
        "# Commands\n\nThis page is made from the table of commands; `UPDATE_DOCS=1 cargo test -p commands page` \
         writes it anew. The arity\ncounts the command's name; where it is negative, there may be more arguments.\n",
    );
    let listed = |group: Group| {
        let mut commands: Vec<_> = all()
            .iter()
            .copied()
            .filter(|command| command.group == group && std::ptr::eq(shown(command), *command))
            .collect();
        commands.sort_by_key(|command| command.name);
        commands
    };
    for group in GROUPS {
        let commands = listed(group);
        if commands.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {}\n\n| command | arity | flags | since | |\n|---|---|---|---|---|\n", group.name());
        for command in commands {
            let name = command.name.replace('|', " ").to_uppercase();
            let (flags, doc) = (command.flags().join(" "), &command.doc);
            let _ =
                writeln!(page, "| {name} | {} | {flags} | {} | {} |", command.arity.signed(), doc.since, doc.summary);
        }
    }
    page
}

#[test]
fn the_page_of_commands_is_current() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        if let Some(folder) = Path::new(PAGE).parent() {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(found == page, "docs/commands.md is not current: run UPDATE_DOCS=1 cargo test -p commands page");
}
