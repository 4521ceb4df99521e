//! Commands that return fields and values.

use data::hash::{self, Hash};
use data::{View, hash::FieldValue};

use super::{ASKED, FIELD, READS};
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run};
use crate::error::{Error, Result};
use crate::generic::scan::{Names, Of, ScanFilter, parse_cursor};

/// Bytes that `HRANDFIELD` replies at most: a negative count asks for as many fields as it says, whether or not the
/// hash has them.
const RANDOM_REPLY_BYTES_MAX: usize = 512 << 20;

const OF_ONE_FIELD: &[Arg] = &[Arg::key(), FIELD];
const KEY_ONLY: &[Arg] = &[Arg::key()];
const OF_ALL_COMPLEXITY: &str = "O(N) with N being the number of fields.";

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "hget",
        arity: Arity::Exactly(3),
        keys: READS,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new("2.0.0", "Reads the value of a field.", "O(1)", OF_ONE_FIELD),
        run: Run::Read(hget),
    },
    Command {
        name: "hmget",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new(
            "2.0.0",
            "Reads the values of several fields.",
            "O(N) with N being the number of fields asked for.",
            &[Arg::key(), FIELD.multiple()],
        ),
        run: Run::Read(hmget),
    },
    Command {
        name: "hlen",
        arity: Arity::Exactly(2),
        keys: ASKED,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new("2.0.0", "Counts the fields of a hash.", "O(1)", &[Arg::key()]),
        run: Run::Read(hlen),
    },
    Command {
        name: "hexists",
        arity: Arity::Exactly(3),
        keys: ASKED,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new("2.0.0", "Tells whether a hash has a field.", "O(1)", OF_ONE_FIELD),
        run: Run::Read(hexists),
    },
    Command {
        name: "hstrlen",
        arity: Arity::Exactly(3),
        keys: ASKED,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new("3.2.0", "Counts the bytes of the value of a field.", "O(1)", OF_ONE_FIELD),
        run: Run::Read(hstrlen),
    },
    of_all("hgetall", "Reads all fields and their values.", hgetall),
    of_all("hkeys", "Reads the names of all fields.", hkeys),
    of_all("hvals", "Reads the values of all fields.", hvals),
    Command {
        name: "hrandfield",
        arity: Arity::AtLeast(2),
        keys: READS,
        group: Group::Hash,
        marks: Marks::NONE,
        doc: Doc::new(
            "6.2.0",
            "Picks fields at random, all equally likely.",
            "O(N) with N being the number of fields asked for; the size of the hash does not matter.",
            &[
                Arg::key(),
                Arg::new(
                    "options",
                    ArgKind::Block(&[
                        Arg::new("count", ArgKind::Integer),
                        Arg::word("withvalues", "WITHVALUES").optional(),
                    ]),
                )
                .optional(),
            ],
        )
        .tips(&["nondeterministic_output"]),
        run: Run::Read(hrandfield),
    },
    Command {
        name: "hscan",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::Hash,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.8.0",
            "Lists the fields of a hash, a few with each call.",
            "O(1) for every call, O(N) for all calls until the cursor is 0 again, where N is the number of fields.",
            &[
                Arg::key(),
                Arg::new("cursor", ArgKind::Integer),
                Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
                Arg::new("count", ArgKind::Integer).token("COUNT").optional(),
                Arg::word("novalues", "NOVALUES").optional().since("7.4.0"),
            ],
        )
        .tips(&["nondeterministic_output"]),
        run: Run::Read(hscan),
    },
];

const fn of_all(name: &'static str, summary: &'static str, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::Exactly(2),
        keys: READS,
        group: Group::Hash,
        marks: Marks::NONE,
        doc: Doc::new("2.0.0", summary, OF_ALL_COMPLEXITY, KEY_ONLY).tips(&["nondeterministic_output_order"]),
        run: Run::Read(run),
    }
}

fn hget(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let hash = hash::read(view, args.at(1)?)?;
    reply_field(view, hash.as_ref(), args.at(2)?, reply)
}

fn hmget(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let hash = hash::read(view, args.at(1)?)?;
    let fields = args.from(2);
    view.admit_keys(fields.len())?;
    reply.array(fields.len());
    for field in fields {
        view.go_on()?;
        reply_field(view, hash.as_ref(), field, reply)?;
    }
    Ok(())
}

/// Replies the value of a field, or null.
fn reply_field(view: &View<'_>, hash: Option<&Hash<'_>>, field: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    match value_of(view, hash, field)? {
        Some(value) => reply.bulk(&value),
        None => reply.null(),
    }
    Ok(())
}

fn value_of<'h>(view: &View<'h>, hash: Option<&'h Hash<'h>>, field: &[u8]) -> Result<Option<FieldValue<'h>>> {
    match hash {
        Some(hash) => Ok(hash.get(view, field)?),
        None => Ok(None),
    }
}

fn hlen(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let len = match hash::read(view, args.at(1)?)? {
        Some(hash) => hash.len(view)?,
        None => 0,
    };
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn hexists(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let hash = hash::read(view, args.at(1)?)?;
    reply.integer(i64::from(value_of(view, hash.as_ref(), args.at(2)?)?.is_some()));
    Ok(())
}

fn hstrlen(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let hash = hash::read(view, args.at(1)?)?;
    let len = value_of(view, hash.as_ref(), args.at(2)?)?.map_or(0, |value| value.len());
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn hgetall(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_all(view, args, reply, Reply::map, |reply, field, value| {
        reply.bulk(field);
        reply.bulk(value);
    })
}

fn hkeys(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_all(view, args, reply, Reply::array, |reply, field, _| reply.bulk(field))
}

fn hvals(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_all(view, args, reply, Reply::array, |reply, _, value| reply.bulk(value))
}

/// Replies something of every field, straight from where it lies.
fn reply_all<'r>(
    view: &View<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'r>,
    begin: fn(&mut Reply<'r>, usize),
    write: fn(&mut Reply<'r>, &[u8], &[u8]),
) -> Result<()> {
    let Some(hash) = hash::read(view, args.at(1)?)? else {
        begin(reply, 0);
        return Ok(());
    };
    let mut left = hash.len(view)?;
    begin(reply, usize::try_from(left).unwrap_or(usize::MAX));
    hash.walk(view, |field, value| {
        write(reply, field, value);
        // More than it has been counted is as wrong as less, and is told by not being zero.
        left = left.wrapping_sub(1);
        Ok(())
    })?;
    if left == 0 { Ok(()) } else { Err(Error::Storage { text: "a hash has not the fields that it counts".to_owned() }) }
}

fn hscan(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = parse_cursor(args.at(2)?).ok_or(Error::InvalidCursor)?;
    let mut found = Names::default();
    let mut next = 0;
    if let Some(hash) = hash::read(view, args.at(1)?)? {
        let filter = ScanFilter::parse(args, Of::Fields)?;
        next = hash.scan(view, cursor, filter.count, |field, value| {
            if filter.pattern.matches(field) {
                found.push(field);
                if !filter.names_only {
                    found.push(value);
                }
            }
            Ok(())
        })?;
    }
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    found.write(reply);
    Ok(())
}

fn hrandfield(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() == 2 {
        let drawn = match hash::read(view, args.at(1)?)? {
            Some(hash) => hash.random(view)?,
            None => None,
        };
        match drawn {
            Some((field, _)) => reply.bulk(&field),
            None => reply.null(),
        }
        return Ok(());
    }
    let count = args.integer(2)?;
    if count == i64::MIN {
        return Err(Error::NotBetween { min: -i64::MAX, max: i64::MAX });
    }
    let with_values = args.len() > 3;
    if args.len() > 4 || with_values && !args.is(3, "withvalues") {
        return Err(Error::Syntax);
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(OUT_OF_RANGE);
    }
    let mut drawn = Drawn { count: 0, encoded: Vec::new(), with_values, protocol: reply.protocol() };
    if let Some(hash) = hash::read(view, args.at(1)?)? {
        let visit = |field: &[u8], value: &[u8]| drawn.push(field, value);
        match u64::try_from(count) {
            Ok(count) => hash.random_distinct(view, count, visit)?,
            Err(_) => hash.random_many(view, count.unsigned_abs(), visit)?,
        }
    }
    drawn.write(reply)
}

const OUT_OF_RANGE: Error = Error::sentence("ERR value is out of range");

/// Fields at random, encoded as they are drawn: their number has to be written before them.
struct Drawn {
    count: usize,
    encoded: Vec<u8>,
    with_values: bool,
    protocol: resp::Protocol,
}

impl Drawn {
    fn push(&mut self, field: &[u8], value: &[u8]) -> data::Result<()> {
        if self.is_too_long() {
            return Ok(());
        }
        self.count += 1;
        let mut reply = Reply::new(&mut self.encoded, self.protocol);
        if self.with_values && self.protocol == resp::Protocol::Resp3 {
            reply.array(2);
        }
        reply.bulk(field);
        if self.with_values {
            reply.bulk(value);
        }
        Ok(())
    }

    fn is_too_long(&self) -> bool {
        self.encoded.len() > RANDOM_REPLY_BYTES_MAX
    }

    fn write(self, reply: &mut Reply<'_>) -> Result<()> {
        if self.is_too_long() {
            return Err(OUT_OF_RANGE);
        }
        let is_flat = self.with_values && self.protocol == resp::Protocol::Resp2;
        reply.array(if is_flat { self.count * 2 } else { self.count });
        reply.raw(&self.encoded);
        Ok(())
    }
}
