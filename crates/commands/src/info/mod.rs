//! `INFO`: what the server tells of itself, as text. Monitoring reads it, so that names, order and form of the
//! lines are Redis's. Nothing here waits for storage: [`Facts`] are what each runtime last published.

mod counts;
mod sections;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::Result;
use crate::facts::Facts;
use crate::session::{Effect, Host, Session};

pub(crate) static COMMANDS: &[Command] = &[Command {
    name: "info",
    arity: Arity::AtLeast(1),
    keys: &[],
    group: Group::Server,
    marks: Marks::ANY_TIME.and(Marks::DANGEROUS).and(Marks::BARRIER),
    doc: Doc::new(
        "1.0.0",
        "Tells the state and the counters of the server.",
        "O(1)",
        &[Arg::new("section", ArgKind::String).optional().multiple()],
    )
    .history(&[("7.0.0", "Takes several sections.")])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    run: Run::Session(info),
}];

/// A part of the reply.
struct Section {
    name: &'static str,
    /// Told when nothing in particular is asked for.
    by_default: bool,
    write: fn(&mut Text<'_>),
}

const fn section(name: &'static str, by_default: bool, write: fn(&mut Text<'_>)) -> Section {
    Section { name, by_default, write }
}

/// All sections, in the order in which they are told.
static SECTIONS: &[Section] = &[
    section("server", true, sections::server),
    section("clients", true, sections::clients),
    section("memory", true, sections::memory),
    section("persistence", true, sections::persistence),
    section("stats", true, sections::stats),
    section("replication", true, sections::replication),
    section("cpu", true, sections::cpu),
    section("modules", true, sections::modules),
    section("commandstats", false, counts::commands),
    section("errorstats", true, counts::errors),
    section("latencystats", false, counts::latencies),
    section("cluster", true, sections::cluster),
    section("keyspace", true, counts::keyspace),
    section("catamaran", true, sections::catamaran),
];

/// The text of a reply, and what it is made from.
pub(super) struct Text<'a> {
    out: String,
    facts: &'a Facts,
    host: &'a dyn Host,
}

impl Text<'_> {
    /// Begins a section.
    fn title(&mut self, title: &str) {
        if !self.out.is_empty() {
            self.out.push_str("\r\n");
        }
        self.out.push_str("# ");
        self.out.push_str(title);
        self.out.push_str("\r\n");
    }

    /// Adds a line.
    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write;
        // Writing to a string does not fail.
        let _ = write!(self.out, "{name}:{value}\r\n");
    }

    /// Adds lines whose values have no meaning here, and are what Redis says where there is nothing to tell.
    fn neutral(&mut self, names: &[&str], value: &str) {
        for name in names {
            self.field(name, value);
        }
    }

    /// Adds a number of bytes, and a line for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }
}

fn info(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let facts = host.facts();
    let mut text = Text { out: String::new(), facts: &facts, host };
    for section in SECTIONS.iter().filter(|section| is_wanted(section, args)) {
        (section.write)(&mut text);
    }
    reply.verbatim("txt", text.out.as_bytes());
    Ok(Effect::None)
}

fn is_wanted(section: &Section, args: &Args<'_>) -> bool {
    let asked = |index| match () {
        () if args.is(index, "all") || args.is(index, "everything") => true,
        () if args.is(index, "default") => section.by_default,
        () => args.is(index, section.name),
    };
    if args.len() == 1 { section.by_default } else { (1..args.len()).any(asked) }
}

/// A number of bytes for people, in Redis's form.
fn human(bytes: u64) -> String {
    let units = [("B", 0), ("K", 10), ("M", 20), ("G", 30), ("T", 40), ("P", 50)];
    let (unit, shift) = units.into_iter().rev().find(|(_, shift)| bytes >> shift > 0).unwrap_or(("B", 0));
    if shift == 0 {
        return format!("{bytes}B");
    }
    format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people_look_as_in_redis() {
        let shown: Vec<_> = [0, 1023, 1024, 916_256, 25_276_063_744, 1 << 50].map(human).into();
        assert_eq!(shown, ["0B", "1023B", "1.00K", "894.78K", "23.54G", "1.00P"]);
    }
}
