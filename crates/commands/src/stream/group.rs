//! `XGROUP`: makes, changes and removes consumer groups and their consumers.

use data::Tx;
use data::stream::{self, OpenGroup, Stream, StreamId};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::keys::KeySpec;
use crate::session::{Effect, Host, Session};
use crate::table;

use super::{no_group_of_key, parse_any_id, parse_id};

/// What stands for a number of entries that is not known.
const UNKNOWN: i64 = -1;

const KEY_MISSING: Error = Error::sentence(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);
const GROUP_EXISTS: Error = Error::sentence("BUSYGROUP Consumer Group name already exists");
const ENTRIES_READ: Error = Error::sentence("ERR value for ENTRIESREAD must be positive or -1");

pub(crate) static COMMANDS: &[Command] = &[
    container(
        "xgroup",
        Group::Stream,
        Marks::NONE,
        "5.0.0",
        "Groups the commands that make and remove consumer groups.",
    ),
    Command {
        name: "xgroup|create",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::at(2, &["RW", "insert"])],
        group: Group::Stream,
        marks: Marks::GROWS,
        doc: Doc::new(
            "5.0.0",
            "Makes a consumer group.",
            "O(1)",
            &[Arg::key(), GROUP, ID, Arg::word("mkstream", "MKSTREAM").optional(), READ],
        )
        .history(&[("7.0.0", "Added the `entries_read` named argument.")]),
        run: Run::Write(create),
    },
    Command {
        name: "xgroup|setid",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::at(2, &["RW", "update"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new("5.0.0", "Sets the last id that a group was given.", "O(1)", &[Arg::key(), GROUP, ID, READ])
            .history(&[("7.0.0", "Added the optional `entries_read` argument.")]),
        run: Run::Write(set_id),
    },
    Command {
        name: "xgroup|destroy",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::at(2, &["RW", "delete"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new("5.0.0", "Removes a consumer group with all that it has pending.", "O(1)", &[Arg::key(), GROUP]),
        run: Run::Write(destroy),
    },
    Command {
        name: "xgroup|createconsumer",
        arity: Arity::Exactly(5),
        keys: &[KeySpec::at(2, &["RW", "insert"])],
        group: Group::Stream,
        marks: Marks::GROWS,
        doc: Doc::new("6.2.0", "Makes a consumer in a group.", "O(1)", &[Arg::key(), GROUP, CONSUMER]),
        run: Run::Write(create_consumer),
    },
    Command {
        name: "xgroup|delconsumer",
        arity: Arity::Exactly(5),
        keys: &[KeySpec::at(2, &["RW", "delete"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Removes a consumer of a group and forgets what it has pending.",
            "O(N) where N is the number of entries that the consumer has pending.",
            &[Arg::key(), GROUP, CONSUMER],
        ),
        run: Run::Write(delete_consumer),
    },
    help("xgroup|help", Group::Stream, "5.0.0", explain),
];

const GROUP: Arg = Arg::new("group", ArgKind::String);
const CONSUMER: Arg = Arg::new("consumer", ArgKind::String);
const ID: Arg = Arg::new("id-selector", ArgKind::OneOf(&[Arg::new("id", ArgKind::String), Arg::word("new-id", "$")]));
const READ: Arg = Arg::new("entries-read", ArgKind::Integer).token("ENTRIESREAD").optional();

const HELP: &[&str] = &[
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
];

fn explain(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

/// The options behind the id: whether a stream is made, and how many entries the group has read.
fn parse_options(args: &Args<'_>, is_create: bool) -> Result<(bool, i64)> {
    let (mut makes_stream, mut entries_read, mut index) = (false, UNKNOWN, 5);
    while index < args.len() {
        if is_create && args.is(index, "mkstream") {
            makes_stream = true;
            index += 1;
        } else if args.is(index, "entriesread") && index + 1 < args.len() {
            entries_read = args.integer(index + 1)?;
            if entries_read < UNKNOWN {
                return Err(ENTRIES_READ);
            }
            index += 2;
        } else {
            return Err(table::misused_subcommand(args));
        }
    }
    Ok((makes_stream, entries_read))
}

/// The stream of a command that needs one, and its group.
fn stream_and_group(tx: &mut Tx<'_>, args: &Args<'_>) -> Result<(Stream, OpenGroup)> {
    let (key, name) = (args.at(2)?, args.at(3)?);
    let stream = stream::find(tx, key)?.ok_or(KEY_MISSING)?;
    let group = OpenGroup::find(&tx.view(), &stream, name)?.ok_or_else(|| no_group_of_key(key, name))?;
    Ok((stream, group))
}

fn create(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (makes_stream, entries_read) = parse_options(args, true)?;
    let key = args.at(2)?;
    let found = stream::find(tx, key)?;
    if found.is_none() && !makes_stream {
        return Err(KEY_MISSING);
    }
    // More options than there are.
    if args.len() > 8 {
        return Err(table::misused_subcommand(args));
    }
    let last_id = match args.at(4)? {
        b"$" => found.as_ref().map_or(StreamId::MIN, |stream| stream.header.last_id),
        text => parse_id(text)?,
    };
    let mut stream = match found {
        Some(stream) => stream,
        None => Stream::new(tx, key),
    };
    if !stream::create_group(tx, &mut stream, args.at(3)?, last_id, entries_read)? {
        return Err(GROUP_EXISTS);
    }
    stream.save(tx, key);
    reply.ok();
    Ok(())
}

fn set_id(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (_, entries_read) = parse_options(args, false)?;
    let (stream, mut group) = stream_and_group(tx, args)?;
    if args.len() > 7 {
        return Err(table::misused_subcommand(args));
    }
    group.group.last_id = match args.at(4)? {
        b"$" => stream.header.last_id,
        text => parse_any_id(text, 0)?,
    };
    group.group.entries_read = entries_read;
    group.save(tx, &stream);
    reply.ok();
    Ok(())
}

fn destroy(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(2)?;
    let mut stream = stream::find(tx, key)?.ok_or(KEY_MISSING)?;
    let destroyed = stream::destroy_group(tx, &mut stream, args.at(3)?)?;
    if destroyed {
        stream.save(tx, key);
    }
    reply.integer(i64::from(destroyed));
    Ok(())
}

fn create_consumer(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (stream, mut group) = stream_and_group(tx, args)?;
    let created = group.create_consumer(&tx.view(), &stream, args.at(4)?)?;
    if created {
        group.save(tx, &stream);
    }
    reply.integer(i64::from(created));
    Ok(())
}

fn delete_consumer(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (stream, mut group) = stream_and_group(tx, args)?;
    let pending = group.delete_consumer(tx, &stream, args.at(4)?)?;
    if pending.is_some() {
        group.save(tx, &stream);
    }
    reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}
