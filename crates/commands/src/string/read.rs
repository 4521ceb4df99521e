//! Commands that return a string or a part of it; `GETDEL` and `GETEX`, which do something to the key besides.

use data::{Kind, Tx, View, string};

use super::options::{Expiry, Of, Options, expire_at_ms};
use super::{READS, UPDATES, reply_range, reply_text};
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::Result;
use crate::keys::KeySpec;

const RANGE_ARGS: &[Arg] = &[Arg::key(), Arg::new("start", ArgKind::Integer), Arg::new("end", ArgKind::Integer)];
const RANGE_COMPLEXITY: &str = "O(N) with N being the length of the part; of a long string only that part is read.";

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(READS)],
        group: Group::String,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Reads the string at a key.", "O(1)", &[Arg::key()]),
        run: Run::Read(get),
    },
    Command {
        name: "getdel",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RW", "access", "delete"])],
        group: Group::String,
        marks: Marks::FAST,
        doc: Doc::new("6.2.0", "Reads the string at a key and deletes the key.", "O(1)", &[Arg::key()]),
        run: Run::Write(getdel),
    },
    Command {
        name: "getex",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: Marks::FAST,
        doc: Doc::new(
            "6.2.0",
            "Reads the string at a key and sets or removes the key's expiry.",
            "O(1)",
            &[
                Arg::key(),
                Arg::new(
                    "expiration",
                    ArgKind::OneOf(&[
                        Arg::new("seconds", ArgKind::Integer).token("EX"),
                        Arg::new("milliseconds", ArgKind::Integer).token("PX"),
                        Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT"),
                        Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT"),
                        Arg::word("persist", "PERSIST"),
                    ]),
                )
                .optional(),
            ],
        ),
        run: Run::Write(getex),
    },
    Command {
        name: "mget",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, READS)],
        group: Group::String,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Reads the strings at several keys at one moment.",
            "O(N) with N being the number of keys.",
            &[Arg::key().multiple()],
        )
        .tips(&["request_policy:multi_shard"]),
        run: Run::Read(mget),
    },
    Command {
        name: "strlen",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::String,
        marks: Marks::FAST,
        doc: Doc::new("2.2.0", "Counts the bytes of the string at a key.", "O(1)", &[Arg::key()]),
        run: Run::Read(strlen),
    },
    Command {
        name: "getrange",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(READS)],
        group: Group::String,
        marks: Marks::NONE,
        doc: Doc::new("2.4.0", "Reads a part of the string at a key.", RANGE_COMPLEXITY, RANGE_ARGS),
        run: Run::Read(getrange),
    },
    Command {
        name: "substr",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(READS)],
        group: Group::String,
        marks: Marks::NONE,
        doc: Doc::new("1.0.0", "Reads a part of the string at a key.", RANGE_COMPLEXITY, RANGE_ARGS)
            .deprecated("2.0.0", "`GETRANGE`"),
        run: Run::Read(getrange),
    },
];

fn get(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_string(view, args.at(1)?, reply)
}

/// Replies the string of a key, or null. Counted as a read.
pub(super) fn reply_string(view: &View<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    match string::read(view, key)? {
        Some(text) => reply_text(reply, view, &text)?,
        None => reply.null(),
    }
    Ok(())
}

fn getdel(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let old = tx.find(key)?;
    reply_string(&tx.view(), key, reply)?;
    if let Some(old) = old {
        tx.remove(key, old);
    }
    Ok(())
}

fn getex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options::parse(args, 2, Of::Getex)?;
    let key = args.at(1)?;
    let old = tx.find(key)?;
    reply_string(&tx.view(), key, reply)?;
    // Of an absent key not even a nonsensical time is an error.
    let Some(old) = old else { return Ok(()) };
    match options.expiry {
        Expiry::Time(clock, amount) => {
            let at = expire_at_ms(clock, amount, tx.now_ms(), "getex")?;
            if at <= tx.now_ms() {
                tx.remove(key, old);
            } else {
                tx.set_expiry(key, old, Some(at))?;
            }
        }
        Expiry::Persist if old.expire_at_ms.is_some() => tx.set_expiry(key, old, None)?,
        Expiry::Persist | Expiry::Keep | Expiry::Unsaid => {}
    }
    Ok(())
}

fn mget(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let keys = args.from(1);
    // Before anything is replied.
    view.admit_keys(keys.len())?;
    reply.array(keys.len());
    view.visit_each(keys, |key| {
        match view.read(key)? {
            Some(found) if found.meta.kind == Kind::String => reply_text(reply, view, &string::Text::new(found)?)?,
            _ => reply.null(),
        }
        Ok(())
    })
}

fn strlen(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let len = string::read(view, args.at(1)?)?.map_or(0, |text| text.len());
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn getrange(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, end) = (args.integer(2)?, args.integer(3)?);
    let Some(text) = string::read(view, args.at(1)?)? else {
        reply.bulk(b"");
        return Ok(());
    };
    match range(start, end, text.len()) {
        Some((start, len)) => reply_range(reply, view, &text, start, len)?,
        None => reply.bulk(b""),
    }
    Ok(())
}

/// First byte and number of bytes of a range whose ends are included and, if negative, count from the end. An end before
/// the beginning means the first byte, unless both ends are negative and in the wrong order.
fn range(start: i64, end: i64, len: u64) -> Option<(u64, u64)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let absolute = |index: i64| match u64::try_from(index) {
        Ok(index) => index,
        Err(_) => len.saturating_sub(index.unsigned_abs()),
    };
    let (start, end) = (absolute(start), absolute(end).min(len.checked_sub(1)?));
    (start <= end).then(|| (start, end - start + 1))
}
