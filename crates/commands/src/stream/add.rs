//! Commands that add entries and take them out: `XADD`, `XTRIM`, `XDEL`, `XSETID`.

use std::sync::atomic::Ordering;

use data::stream::{self, Bound, NewId, Stream, StreamId, Trim};
use data::{Keyspace, Tx};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

use super::{parse_id, write_id};

/// Nodes that are trimmed at most where the client set no limit.
const TRIMMED_NODES_MAX: u64 = 100;
/// Entries that are trimmed at most where nodes have no greatest number of entries.
const TRIMMED_DEFAULT: u64 = 10_000;
/// Entries that are trimmed at most where the client set no limit, however large nodes are.
const TRIMMED_MAX: u64 = 1_000_000;
/// The longest entry, in bytes.
const ENTRY_LEN_MAX: usize = 1 << 30;

const MAXLEN_AND_MINID: Error =
    Error::sentence("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const MAXLEN_NEGATIVE: Error = Error::sentence("ERR The MAXLEN argument must be >= 0.");
const LIMIT_NEGATIVE: Error = Error::sentence("ERR The LIMIT argument must be >= 0.");
const LIMIT_ALONE: Error =
    Error::sentence("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_EXACT: Error = Error::sentence("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NO_STRATEGY: Error = Error::sentence("ERR syntax error, XTRIM must be called with a trimming strategy");
const ID_ZERO: Error = Error::sentence("ERR The ID specified in XADD must be greater than 0-0");
const ID_NOT_GREATER: Error =
    Error::sentence("ERR The ID specified in XADD is equal or smaller than the target stream top item");
const EXHAUSTED: Error = Error::sentence("ERR The stream has exhausted the last possible ID, unable to add more items");
const TOO_LARGE: Error = Error::sentence("ERR Elements are too large to be stored");
const ADDED_NEGATIVE: Error = Error::sentence("ERR entries_added must be positive");
const BELOW_GIVEN_DELETED: Error =
    Error::sentence("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
const BELOW_DELETED: Error =
    Error::sentence("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
const BELOW_LAST: Error = Error::sentence("ERR The ID specified in XSETID is smaller than the target stream top item");
const ADDED_BELOW_LENGTH: Error =
    Error::sentence("ERR The entries_added specified in XSETID is smaller than the target stream length");

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "xadd",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::Stream,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "5.0.0",
            "Adds an entry to a stream, which is created where there is none.",
            "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
            &[
                Arg::key(),
                Arg::word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
                TRIM.optional(),
                Arg::new("id-selector", ArgKind::OneOf(&[Arg::word("auto-id", "*"), Arg::new("id", ArgKind::String)])),
                Arg::new(
                    "data",
                    ArgKind::Block(&[Arg::new("field", ArgKind::String), Arg::new("value", ArgKind::String)]),
                )
                .multiple(),
            ],
        )
        .history(&[
            ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ])
        .tips(&["nondeterministic_output"]),
        run: Run::Write(xadd),
    },
    Command {
        name: "xtrim",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Takes the oldest entries out of a stream.",
            "O(N), with N being the number of evicted entries.",
            &[Arg::key(), TRIM],
        )
        .history(&[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")])
        .tips(&["nondeterministic_output"]),
        run: Run::Write(xtrim),
    },
    Command {
        name: "xdel",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::Stream,
        marks: Marks::FAST,
        doc: Doc::new(
            "5.0.0",
            "Takes entries out of a stream and counts those that were there.",
            "O(1) for each single item to delete in the stream, regardless of the stream size.",
            &[Arg::key(), Arg::new("ID", ArgKind::String).multiple()],
        ),
        run: Run::Write(xdel),
    },
    Command {
        name: "xsetid",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::Stream,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "5.0.0",
            "Sets the last id of a stream, and what it knows of its past.",
            "O(1)",
            &[
                Arg::key(),
                Arg::new("last-id", ArgKind::String),
                Arg::new("entries-added", ArgKind::Integer).token("ENTRIESADDED").optional().since("7.0.0"),
                Arg::new("max-deleted-id", ArgKind::String).token("MAXDELETEDID").optional().since("7.0.0"),
            ],
        )
        .history(&[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")]),
        run: Run::Write(xsetid),
    },
];

const TRIM: Arg = Arg::new(
    "trim",
    ArgKind::Block(&[
        Arg::new(
            "strategy",
            ArgKind::OneOf(&[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")]),
        ),
        Arg::new("operator", ArgKind::OneOf(&[Arg::word("equal", "="), Arg::word("approximately", "~")])).optional(),
        Arg::new("threshold", ArgKind::String),
        Arg::new("count", ArgKind::Integer).token("LIMIT").optional().since("6.2.0"),
    ]),
);

/// The options of `XADD` and `XTRIM`.
struct Options {
    trim: Option<Trim>,
    creates: bool,
    new_id: NewId,
    /// The first argument after the options and the id.
    rest_at: usize,
}

/// Reads options from the second argument on, and for `XADD` the id that ends them.
fn parse(keyspace: &Keyspace, args: &Args<'_>, is_add: bool) -> Result<Options> {
    let mut options = Options { trim: None, creates: true, new_id: NewId::Auto, rest_at: args.len() };
    let (mut limit, mut index) = (None, 2);
    while index < args.len() {
        let has_more = index + 1 < args.len();
        if is_add && args.at(index)? == b"*" {
            options.rest_at = index + 1;
            break;
        } else if has_more && (args.is(index, "maxlen") || args.is(index, "minid")) {
            if options.trim.is_some() {
                return Err(MAXLEN_AND_MINID);
            }
            let operator = args.at(index + 1)?;
            let has_operator = index + 2 < args.len() && matches!(operator, b"~" | b"=");
            let approximate = has_operator && operator == b"~";
            let bound_at = index + 1 + usize::from(has_operator);
            let to = if args.is(index, "maxlen") {
                Bound::Length(u64::try_from(args.integer(bound_at)?).map_err(|_| MAXLEN_NEGATIVE)?)
            } else {
                Bound::Id(parse_id(args.at(bound_at)?)?)
            };
            options.trim = Some(Trim { to, approximate, limit: 0 });
            index = bound_at;
        } else if has_more && args.is(index, "limit") {
            limit = Some(u64::try_from(args.integer(index + 1)?).map_err(|_| LIMIT_NEGATIVE)?);
            index += 1;
        } else if is_add && args.is(index, "nomkstream") {
            options.creates = false;
        } else if is_add {
            let text = args.at(index)?;
            options.new_id = match StreamId::parse_open(text) {
                Some(ms) => NewId::At(ms),
                None => NewId::Exactly(parse_id(text)?),
            };
            options.rest_at = index + 1;
            break;
        } else {
            return Err(Error::Syntax);
        }
        index += 1;
    }
    if limit.is_some_and(|limit| limit > 0) && options.trim.is_none() {
        return Err(LIMIT_ALONE);
    }
    if !is_add && options.trim.is_none() {
        return Err(NO_STRATEGY);
    }
    match &mut options.trim {
        Some(trim) if trim.approximate => trim.limit = limit.unwrap_or_else(|| limit_default(keyspace)),
        _ if limit.is_some() => return Err(LIMIT_EXACT),
        _ => {}
    }
    Ok(options)
}

/// How many entries `~` trims at most unless the client says.
fn limit_default(keyspace: &Keyspace) -> u64 {
    let node_entries = keyspace.settings.encodings.stream_node_max_entries.load(Ordering::Relaxed);
    match node_entries.saturating_mul(TRIMMED_NODES_MAX) {
        0 => TRIMMED_DEFAULT,
        limit => limit.min(TRIMMED_MAX),
    }
}

fn xadd(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = parse(tx.keyspace(), args, true)?;
    let fields: Vec<&[u8]> = args.from(options.rest_at).collect();
    if fields.is_empty() || fields.len() % 2 != 0 {
        return Err(Error::WrongArity { name: "xadd".to_owned() });
    }
    if options.new_id == NewId::Exactly(StreamId::MIN) {
        return Err(ID_ZERO);
    }
    let key = args.at(1)?;
    let mut stream = match stream::find(tx, key)? {
        Some(stream) => stream,
        None if options.creates => Stream::new(tx, key),
        None => {
            reply.null();
            return Ok(());
        }
    };
    if stream.header.last_id == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = stream::next_id(&stream, options.new_id, tx.now_ms()).ok_or(ID_NOT_GREATER)?;
    if fields.iter().map(|string| string.len()).sum::<usize>() > ENTRY_LEN_MAX {
        return Err(TOO_LARGE);
    }
    stream::add(tx, &mut stream, id, &fields);
    if let Some(trim) = &options.trim {
        stream::trim(tx, &mut stream, trim)?;
    }
    stream.save(tx, key);
    write_id(reply, id);
    Ok(())
}

fn xtrim(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = parse(tx.keyspace(), args, false)?;
    let key = args.at(1)?;
    let trimmed = match (stream::find(tx, key)?, &options.trim) {
        (Some(mut stream), Some(trim)) => {
            let before = stream.header.clone();
            let trimmed = stream::trim(tx, &mut stream, trim)?;
            if stream.header != before {
                stream.save(tx, key);
            }
            trimmed
        }
        _ => 0,
    };
    reply.integer(trimmed as i64);
    Ok(())
}

fn xdel(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let Some(mut stream) = stream::find(tx, key)? else {
        reply.integer(0);
        return Ok(());
    };
    let ids = args.from(2).map(parse_id).collect::<Result<Vec<_>>>()?;
    let deleted = stream::delete(tx, &mut stream, &ids)?;
    if deleted > 0 {
        stream.save(tx, key);
    }
    reply.integer(deleted as i64);
    Ok(())
}

fn xsetid(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let id = parse_id(args.at(2)?)?;
    let (mut added, mut max_deleted, mut index) = (None, StreamId::MIN, 3);
    while index < args.len() {
        let has_more = index + 1 < args.len();
        if has_more && args.is(index, "entriesadded") {
            added = Some(u64::try_from(args.integer(index + 1)?).map_err(|_| ADDED_NEGATIVE)?);
        } else if has_more && args.is(index, "maxdeletedid") {
            max_deleted = parse_id(args.at(index + 1)?)?;
            if id < max_deleted {
                return Err(BELOW_GIVEN_DELETED);
            }
        } else {
            return Err(Error::Syntax);
        }
        index += 2;
    }
    let key = args.at(1)?;
    let mut stream = stream::find(tx, key)?.ok_or(Error::NoSuchKey)?;
    if id < stream.header.max_deleted_id {
        return Err(BELOW_DELETED);
    }
    if let Some(last) = stream.last_entry_id(&tx.view())? {
        if id < last {
            return Err(BELOW_LAST);
        }
        if added.is_some_and(|added| added < stream.header.length) {
            return Err(ADDED_BELOW_LENGTH);
        }
    }
    stream::set_last_id(tx, key, &mut stream, id)?;
    stream.header.entries_added = added.unwrap_or(stream.header.entries_added);
    if max_deleted != StreamId::MIN {
        stream.header.max_deleted_id = max_deleted;
    }
    stream.save(tx, key);
    reply.ok();
    Ok(())
}
