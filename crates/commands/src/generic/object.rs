//! `OBJECT`: what Redis tells of how a value is kept. Encodings are named as Redis would choose them, since clients
//! and tests go by the names; on disk a value is kept in another way.

use std::sync::atomic::Ordering;

use data::hash::Hash;
use data::list::List;
use data::set::Set;
use data::string::Text;
use data::zset::Zset;
use data::{Found, Kind, View};

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;
use crate::session::{Effect, Host, Session};

/// Redis shares the objects of integers below this, and tells the greatest count that it has as theirs.
const SHARED_INTEGERS: i64 = 10_000;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "object",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Generic,
        marks: Marks::NONE,
        doc: Doc::new("2.2.3", "Groups the commands that tell how a value is kept.", "Depends on the subcommand.", &[]),
        run: Run::Container,
    },
    about_key("object|encoding", ENCODING_DOC, encoding),
    about_key("object|freq", FREQ_DOC, freq),
    about_key("object|idletime", IDLETIME_DOC, idletime),
    about_key("object|refcount", REFCOUNT_DOC, refcount),
    Command {
        name: "object|help",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Generic,
        marks: Marks::LOADING.and(Marks::STALE),
        doc: Doc::new("6.2.0", "Explains the subcommands.", "O(1)", &[]),
        run: Run::Session(help),
    },
];

const ASKED_AFTER: &[KeySpec] = &[KeySpec::at(2, &["RO"])];

const fn about_key(name: &'static str, doc: Doc, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::Exactly(3),
        keys: ASKED_AFTER,
        group: Group::Generic,
        marks: Marks::NONE,
        doc: doc.tips(&["nondeterministic_output"]),
        run: Run::Read(run),
    }
}

const ENCODING_DOC: Doc = Doc::new("2.2.3", "Names the encoding of a key's value.", "O(1)", &[Arg::key()]);
const FREQ_DOC: Doc =
    Doc::new("4.0.0", "Tells how often a key was used of late, on a logarithmic scale.", "O(1)", &[Arg::key()]);
const IDLETIME_DOC: Doc =
    Doc::new("2.2.3", "Tells for about how many seconds a key was not used.", "O(1)", &[Arg::key()]);
const REFCOUNT_DOC: Doc = Doc::new("2.2.3", "Tells how many references a key's value has.", "O(1)", &[Arg::key()]);

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Name the encoding that Redis would choose for the value of <key>.",
    "FREQ <key>",
    "    Tell how often <key> was used of late, on a logarithmic scale. Needs an LFU",
    "    maxmemory policy.",
    "IDLETIME <key>",
    "    Tell for about how many seconds <key> was not used.",
    "REFCOUNT <key>",
    "    Tell how many references the value of <key> has.",
    "HELP",
    "    Print this help.",
];

fn help(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(HELP.len());
    HELP.iter().for_each(|line| reply.simple(line));
    Ok(Effect::None)
}

fn encoding(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match view.peek(args.at(2)?)? {
        Some(found) => reply.bulk(encoding_name(found)?.as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn encoding_name(found: Found<'_>) -> Result<&'static str> {
    Ok(match found.meta.kind {
        Kind::String => Text::new(found)?.encoding(),
        Kind::List => List::new(found)?.encoding(),
        Kind::Set => Set::new(found)?.encoding().name(),
        Kind::Hash => Hash::new(found)?.encoding(),
        Kind::Zset => Zset::new(found)?.encoding(),
        Kind::Stream => "stream",
    })
}

fn refcount(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match view.peek(args.at(2)?)? {
        Some(found) if is_shared(&found) => reply.integer(i64::from(i32::MAX)),
        Some(_) => reply.integer(1),
        None => reply.null(),
    }
    Ok(())
}

fn is_shared(found: &Found<'_>) -> bool {
    let meta = found.meta;
    let integer = data::integer::parse(found.body());
    meta.kind == Kind::String
        && !meta.raw
        && meta.parts.is_none()
        && integer.is_some_and(|value| (0..SHARED_INTEGERS).contains(&value))
}

fn idletime(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(2)?;
    if view.peek(key)?.is_none() {
        reply.null();
        return Ok(());
    }
    if counts_frequency(view) {
        return Err(Error::LfuSelected);
    }
    reply.integer(i64::try_from(view.idle_seconds(key)).unwrap_or(i64::MAX));
    Ok(())
}

fn freq(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(2)?;
    if view.peek(key)?.is_none() {
        reply.null();
        return Ok(());
    }
    if !counts_frequency(view) {
        return Err(Error::LfuNotSelected);
    }
    reply.integer(i64::from(view.frequency(key)));
    Ok(())
}

fn counts_frequency(view: &View<'_>) -> bool {
    view.keyspace().settings.is_lfu.load(Ordering::Relaxed)
}
