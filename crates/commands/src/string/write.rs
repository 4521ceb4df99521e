//! Commands that set strings, and those that append and overwrite.

use data::{Kind, Meta, Tx, string};

use super::options::{Condition, Expiry, Of, Options, expire_at_ms};
use super::read::reply_string;
use super::{UPDATES, VALUE};
use crate::args::Args;
use crate::clock::Clock;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

const OVERWRITES: &[&str] = &["OW", "update"];
const INSERTS: &[&str] = &["OW", "insert"];
const PAIRS: &[Arg] = &[Arg::new("data", ArgKind::Block(&[Arg::key(), VALUE])).multiple()];
const PAIRS_COMPLEXITY: &str = "O(N) with N being the number of keys.";

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "set",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RW", "access", "update", "variable_flags"])],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new("1.0.0", "Makes a key hold a string, whatever it held before.", "O(1)", SET_ARGS).history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ]),
        run: Run::Write(set),
    },
    Command {
        name: "setnx",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(INSERTS)],
        group: Group::String,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new("1.0.0", "Makes a key hold a string unless it exists.", "O(1)", &[Arg::key(), VALUE])
            .deprecated("2.6.12", "`SET` with the `NX` argument"),
        run: Run::Write(setnx),
    },
    Command {
        name: "setex",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(OVERWRITES)],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.0.0",
            "Makes a key hold a string for a number of seconds.",
            "O(1)",
            &[Arg::key(), Arg::new("seconds", ArgKind::Integer), VALUE],
        )
        .deprecated("2.6.12", "`SET` with the `EX` argument"),
        run: Run::Write(setex),
    },
    Command {
        name: "psetex",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(OVERWRITES)],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.6.0",
            "Makes a key hold a string for a number of milliseconds.",
            "O(1)",
            &[Arg::key(), Arg::new("milliseconds", ArgKind::Integer), VALUE],
        )
        .deprecated("2.6.12", "`SET` with the `PX` argument"),
        run: Run::Write(psetex),
    },
    Command {
        name: "getset",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(UPDATES)],
        group: Group::String,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new("1.0.0", "Makes a key hold a string and returns the one before.", "O(1)", &[Arg::key(), VALUE])
            .deprecated("6.2.0", "`SET` with the `!GET` argument"),
        run: Run::Write(getset),
    },
    Command {
        name: "mset",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::all(2, OVERWRITES)],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new("1.0.1", "Makes several keys hold strings, all at one moment.", PAIRS_COMPLEXITY, PAIRS)
            .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
        run: Run::Write(mset),
    },
    Command {
        name: "msetnx",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::all(2, INSERTS)],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new("1.0.1", "Makes several keys hold strings unless one of them exists.", PAIRS_COMPLEXITY, PAIRS),
        run: Run::Write(msetnx),
    },
    Command {
        name: "append",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(&["RW", "insert"])],
        group: Group::String,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "2.0.0",
            "Adds bytes at the end of the string at a key, which is created if needed.",
            "O(N) with N being the length of the argument; of a long string only the end is rewritten.",
            &[Arg::key(), VALUE],
        ),
        run: Run::Write(append),
    },
    Command {
        name: "setrange",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::String,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.2.0",
            "Writes over the string at a key from an offset on; the key is created if needed.",
            "O(N) with N being the length of the argument; of a long string only the part touched is rewritten.",
            &[Arg::key(), Arg::new("offset", ArgKind::Integer), VALUE],
        ),
        run: Run::Write(setrange),
    },
];

const SET_ARGS: &[Arg] = &[
    Arg::key(),
    VALUE,
    Arg::new("condition", ArgKind::OneOf(&[Arg::word("nx", "NX"), Arg::word("xx", "XX")])).optional().since("2.6.12"),
    Arg::word("get", "GET").optional().since("6.2.0"),
    Arg::new(
        "expiration",
        ArgKind::OneOf(&[
            Arg::new("seconds", ArgKind::Integer).token("EX").since("2.6.12"),
            Arg::new("milliseconds", ArgKind::Integer).token("PX").since("2.6.12"),
            Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT").since("6.2.0"),
            Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT").since("6.2.0"),
            Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
        ]),
    )
    .optional(),
];

fn set(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options::parse(args, 3, Of::Set)?;
    let done = set_with(tx, args.at(1)?, args.at(2)?, &options, "set", reply)?;
    match (options.get, done) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

fn setnx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options { condition: Some(Condition::Absent), ..Options::NONE };
    let done = set_with(tx, args.at(1)?, args.at(2)?, &options, "setnx", reply)?;
    reply.integer(i64::from(done));
    Ok(())
}

fn setex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options { expiry: Expiry::Time(Clock::SECONDS, args.at(2)?), ..Options::NONE };
    set_with(tx, args.at(1)?, args.at(3)?, &options, "setex", reply)?;
    reply.ok();
    Ok(())
}

fn psetex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options { expiry: Expiry::Time(Clock::MILLISECONDS, args.at(2)?), ..Options::NONE };
    set_with(tx, args.at(1)?, args.at(3)?, &options, "psetex", reply)?;
    reply.ok();
    Ok(())
}

fn getset(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options { get: true, ..Options::NONE };
    set_with(tx, args.at(1)?, args.at(2)?, &options, "getset", reply).map(drop)
}

/// What all commands that set one key come down to. Replies the string before, if that is among the options. Returns
/// whether the key was set.
fn set_with(
    tx: &mut Tx<'_>,
    key: &[u8],
    value: &[u8],
    options: &Options<'_>,
    command: &'static str,
    reply: &mut Reply<'_>,
) -> Result<bool> {
    let now_ms = tx.now_ms();
    let expire_at_ms = match options.expiry {
        Expiry::Time(clock, amount) => Some(expire_at_ms(clock, amount, now_ms, command)?),
        Expiry::Unsaid | Expiry::Keep | Expiry::Persist => None,
    };
    let old = tx.find(key)?;
    if options.get {
        reply_string(&tx.view(), key, reply)?;
    }
    match options.condition {
        Some(Condition::Absent) if old.is_some() => return Ok(false),
        Some(Condition::Present) if old.is_none() => return Ok(false),
        _ => {}
    }
    match expire_at_ms {
        // A time that has passed: the key is gone as soon as it is there.
        Some(at) if at <= now_ms => old.into_iter().for_each(|old| tx.remove(key, old)),
        None if options.expiry == Expiry::Keep => set_keeping_expiry(tx, key, old, value),
        at => string::set(tx, key, old, value, at),
    }
    Ok(true)
}

/// Sets a key whose expiry stays.
pub(super) fn set_keeping_expiry(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, value: &[u8]) {
    string::set(tx, key, old, value, old.and_then(|old| old.expire_at_ms));
}

fn mset(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    check_pairs(args, "mset")?;
    set_pairs(tx, args)?;
    reply.ok();
    Ok(())
}

fn msetnx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    check_pairs(args, "msetnx")?;
    for key in args.from(1).step_by(2) {
        if tx.find(key)?.is_some() {
            reply.integer(0);
            return Ok(());
        }
    }
    set_pairs(tx, args)?;
    reply.integer(1);
    Ok(())
}

fn check_pairs(args: &Args<'_>, command: &str) -> Result<()> {
    if args.len().is_multiple_of(2) { Err(Error::WrongArity { name: command.to_owned() }) } else { Ok(()) }
}

fn set_pairs(tx: &mut Tx<'_>, args: &Args<'_>) -> Result<()> {
    for (key, value) in args.from(1).step_by(2).zip(args.from(2).step_by(2)) {
        // Looked up one by one, as a key may come twice.
        let old = tx.find(key)?;
        string::set(tx, key, old, value, None);
    }
    Ok(())
}

fn append(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::String)?;
    let len = string::append(tx, key, old, args.at(2)?)?;
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn setrange(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (key, value) = (args.at(1)?, args.at(3)?);
    let offset = u64::try_from(args.integer(2)?).map_err(|_| Error::OffsetOutOfRange)?;
    let old = tx.find_kind(key, Kind::String)?;
    let len = if value.is_empty() {
        // Writing nothing changes nothing, wherever it would be written.
        string::find(&tx.view(), key)?.map_or(0, |text| text.len())
    } else {
        string::write_at(tx, key, old, offset, value)?
    };
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}
