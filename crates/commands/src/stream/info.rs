//! `XINFO`: what is told of streams, their groups and consumers.

use data::View;
use data::stream::{self, Direction, Progress, Stream, StreamId};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::keys::KeySpec;
use crate::session::{Effect, Host, Session};
use crate::table;

use super::{Elements, no_group_of_key, write_entry, write_id};

/// Entries, and pending entries of each, that are shown unless the client says.
const SHOWN_DEFAULT: i64 = 10;
/// What stands for a number of entries that is not known.
const UNKNOWN: i64 = -1;

pub(crate) static COMMANDS: &[Command] = &[
    container("xinfo", Group::Stream, Marks::NONE, "5.0.0", "Groups the commands that tell of streams."),
    Command {
        name: "xinfo|stream",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::at(2, &["RO", "access"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Tells what is known of a stream.",
            "O(1)",
            &[Arg::key(), Arg::new("full-block", ArgKind::Block(FULL)).optional()],
        )
        .history(&[
            ("6.0.0", "Added the `FULL` modifier."),
            (
                "7.0.0",
                "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields",
            ),
            ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
        ]),
        run: Run::Read(stream),
    },
    Command {
        name: "xinfo|groups",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::at(2, &["RO", "access"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new("5.0.0", "Lists the consumer groups of a stream.", "O(1)", &[Arg::key()])
            .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")]),
        run: Run::Read(groups),
    },
    Command {
        name: "xinfo|consumers",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::at(2, &["RO", "access"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Lists the consumers of a group.",
            "O(1)",
            &[Arg::key(), Arg::new("group", ArgKind::String)],
        )
        .history(&[("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`.")])
        .tips(&["nondeterministic_output"]),
        run: Run::Read(consumers),
    },
    help("xinfo|help", Group::Stream, "5.0.0", explain),
];

const FULL: &[Arg] = &[Arg::word("full", "FULL"), Arg::new("count", ArgKind::Integer).token("COUNT").optional()];

const HELP: &[&str] = &[
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
];

fn explain(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

fn find(view: &View<'_>, args: &Args<'_>) -> Result<Stream> {
    stream::read(view, args.at(2)?)?.ok_or(Error::NoSuchKey)
}

fn stream(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = find(view, args)?;
    if args.len() == 3 {
        return summary(view, &stream, reply);
    }
    let has_count = args.len() == 6;
    let is_full = args.is(3, "full") && (args.len() == 4 || has_count && args.is(4, "count"));
    if !is_full {
        return Err(table::misused_subcommand(args));
    }
    let count = if has_count { args.integer(5)? } else { SHOWN_DEFAULT };
    let count = match count {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(SHOWN_DEFAULT as usize),
    };
    full(view, &stream, count, reply)
}

/// The fields that both forms of `XINFO STREAM` begin with.
fn write_counts(stream: &Stream, reply: &mut Reply<'_>) {
    let header = &stream.header;
    let mut number = |name: &str, value: u64| {
        reply.bulk(name.as_bytes());
        reply.integer(value as i64);
    };
    number("length", header.length);
    number("radix-tree-keys", header.nodes);
    // There is no tree. This is what Redis has for one key or none, and less than it has for many.
    number("radix-tree-nodes", header.nodes + 1);
    for (name, id) in [("last-generated-id", header.last_id), ("max-deleted-entry-id", header.max_deleted_id)] {
        reply.bulk(name.as_bytes());
        write_id(reply, id);
    }
    reply.bulk(b"entries-added");
    reply.integer(header.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, header.first_id);
}

fn summary(view: &View<'_>, stream: &Stream, reply: &mut Reply<'_>) -> Result<()> {
    let first = some_entries(view, stream, Direction::Forward, 1, reply)?;
    let last = some_entries(view, stream, Direction::Backward, 1, reply)?;
    reply.map(10);
    write_counts(stream, reply);
    reply.bulk(b"groups");
    reply.integer(stream.header.groups as i64);
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.bulk(name.as_bytes());
        if entry.count == 0 { reply.null() } else { reply.raw(&entry.bytes) }
    }
    Ok(())
}

fn full(view: &View<'_>, stream: &Stream, count: usize, reply: &mut Reply<'_>) -> Result<()> {
    let entries = some_entries(view, stream, Direction::Forward, count, reply)?;
    let mut found = Vec::new();
    stream::walk_groups(view, stream, |name, group| {
        found.push((name.to_vec(), group));
        Ok(())
    })?;
    let shown = |pending: u64| usize::try_from(pending).unwrap_or(usize::MAX).min(count);
    let total = found.iter().fold(0usize, |total, (_, group)| {
        // Of each consumer so many may be shown, but together no more than there are.
        let consumers = usize::try_from(group.consumers).unwrap_or(usize::MAX);
        let of_consumers = shown(group.pending).saturating_mul(consumers).min(group.pending as usize);
        total.saturating_add(consumers).saturating_add(shown(group.pending)).saturating_add(of_consumers)
    });
    view.admit_keys(total)?;
    let mut groups = Elements::of(reply);
    for (name, group) in found {
        let mut element = groups.next();
        element.map(7);
        element.bulk(b"name");
        element.bulk(&name);
        element.bulk(b"last-delivered-id");
        write_id(&mut element, group.last_id);
        write_progress(stream, &group, &mut element);
        element.bulk(b"pel-count");
        element.integer(group.pending as i64);
        element.bulk(b"pending");
        pending(view, stream, &group, None, count, &mut element)?;
        element.bulk(b"consumers");
        full_consumers(view, stream, &group, count, &mut element)?;
    }
    reply.map(9);
    write_counts(stream, reply);
    reply.bulk(b"entries");
    entries.write(reply);
    reply.bulk(b"groups");
    groups.write(reply);
    Ok(())
}

fn full_consumers(
    view: &View<'_>,
    stream: &Stream,
    group: &stream::Group,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let mut found = Vec::new();
    stream::walk_consumers(view, stream, group, |name, consumer| {
        found.push((name.to_vec(), consumer));
        Ok(())
    })?;
    reply.array(found.len());
    for (name, consumer) in found {
        view.go_on()?;
        reply.map(5);
        reply.bulk(b"name");
        reply.bulk(&name);
        reply.bulk(b"seen-time");
        reply.integer(consumer.seen_ms as i64);
        reply.bulk(b"active-time");
        reply.integer(consumer.active_ms);
        reply.bulk(b"pel-count");
        reply.integer(consumer.pending as i64);
        reply.bulk(b"pending");
        pending(view, stream, group, Some(&name), count, reply)?;
    }
    Ok(())
}

/// The first pending entries of a group, or of one of its consumers, whose name is left out then.
fn pending(
    view: &View<'_>,
    stream: &Stream,
    group: &stream::Group,
    consumer: Option<&[u8]>,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let mut entries = Elements::of(reply);
    stream::walk_pending(view, stream, group, consumer, (StreamId::MIN, StreamId::MAX), |id, pending| {
        let mut element = entries.next();
        element.array(if consumer.is_some() { 3 } else { 4 });
        write_id(&mut element, id);
        if consumer.is_none() {
            element.bulk(pending.consumer);
        }
        element.integer(pending.delivered_ms as i64);
        element.integer(pending.deliveries as i64);
        Ok(entries.count < count)
    })?;
    entries.write(reply);
    Ok(())
}

/// How far a group has read, as far as that is known.
fn write_progress(stream: &Stream, group: &stream::Group, reply: &mut Reply<'_>) {
    reply.bulk(b"entries-read");
    if group.entries_read != UNKNOWN {
        reply.integer(group.entries_read)
    } else {
        reply.null()
    }
    reply.bulk(b"lag");
    match stream::lag(&stream.header, group) {
        Some(lag) => reply.integer(lag),
        None => reply.null(),
    }
}

fn some_entries(
    view: &View<'_>,
    stream: &Stream,
    direction: Direction,
    count: usize,
    reply: &Reply<'_>,
) -> Result<Elements> {
    let mut entries = Elements::of(reply);
    stream.walk(view, (StreamId::MIN, StreamId::MAX), direction, &mut Progress::default(), |entry| {
        write_entry(&mut entries.next(), &entry);
        Ok(entries.count < count)
    })?;
    Ok(entries)
}

fn groups(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = find(view, args)?;
    let mut groups = Elements::of(reply);
    stream::walk_groups(view, &stream, |name, group| {
        let mut element = groups.next();
        element.map(6);
        element.bulk(b"name");
        element.bulk(name);
        element.bulk(b"consumers");
        element.integer(group.consumers as i64);
        element.bulk(b"pending");
        element.integer(group.pending as i64);
        element.bulk(b"last-delivered-id");
        write_id(&mut element, group.last_id);
        write_progress(&stream, &group, &mut element);
        Ok(())
    })?;
    groups.write(reply);
    Ok(())
}

fn consumers(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = find(view, args)?;
    let name = args.at(3)?;
    let group =
        stream::find_group(view, &stream, name)?.ok_or_else(|| no_group_of_key(args.at(2).unwrap_or(b""), name))?;
    let (mut consumers, now_ms) = (Elements::of(reply), view.now_ms() as i64);
    stream::walk_consumers(view, &stream, &group, |name, consumer| {
        let mut element = consumers.next();
        element.map(4);
        element.bulk(b"name");
        element.bulk(name);
        element.bulk(b"pending");
        element.integer(consumer.pending as i64);
        element.bulk(b"idle");
        element.integer(now_ms.wrapping_sub(consumer.seen_ms as i64).max(0));
        element.bulk(b"inactive");
        element.integer(if consumer.active_ms < 0 { -1 } else { now_ms.wrapping_sub(consumer.active_ms) });
        Ok(())
    })?;
    consumers.write(reply);
    Ok(())
}
