//! `DUMP` and `RESTORE`: values as payloads in Redis's own format, so that they can be moved between servers.

use data::rdb::{self, Object};
use data::{Tx, View};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "dump",
        arity: Arity::Exactly(2),
        keys: READS,
        group: Group::Generic,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.6.0",
            "Replies a key's value as a payload for RESTORE.",
            "O(N*M) where N is the number of elements of the value and M their average size.",
            &[Arg::key()],
        )
        .tips(&["nondeterministic_output"]),
        run: Run::Read(dump),
    },
    Command {
        name: "restore",
        arity: Arity::AtLeast(4),
        keys: RESTORED,
        group: Group::Generic,
        marks: Marks::GROWS.and(Marks::DANGEROUS),
        doc: Doc::new("2.6.0", "Makes a key of a payload from DUMP.", RESTORE_COST, RESTORE_ARGS)
            .history(RESTORE_HISTORY),
        run: Run::Write(restore),
    },
    Command {
        name: "restore-asking",
        arity: Arity::AtLeast(4),
        keys: RESTORED,
        group: Group::Server,
        marks: Marks::GROWS.and(Marks::DANGEROUS).and(Marks::KEYSPACE).and(Marks::ASKING).and(Marks::SYSTEM),
        doc: Doc::new("3.0.0", "Does what RESTORE does, for servers that move keys.", RESTORE_COST, RESTORE_ARGS)
            .history(RESTORE_HISTORY),
        run: Run::Write(restore),
    },
];

const RESTORED: &[KeySpec] = &[KeySpec::first(&["OW", "update"])];
const RESTORE_COST: &str =
    "O(N*M) where N is the number of elements of the value and M their average size; O(N*M*log(N)) for sorted sets.";
const RESTORE_ARGS: &[Arg] = &[
    Arg::key(),
    Arg::new("ttl", ArgKind::Integer),
    Arg::new("serialized-value", ArgKind::String),
    Arg::word("replace", "REPLACE").optional().since("3.0.0"),
    Arg::word("absttl", "ABSTTL").optional().since("5.0.0"),
    Arg::new("seconds", ArgKind::Integer).token("IDLETIME").optional().since("5.0.0"),
    Arg::new("frequency", ArgKind::Integer).token("FREQ").optional().since("5.0.0"),
];
const RESTORE_HISTORY: &[(&str, &str)] = &[
    ("3.0.0", "Added the `REPLACE` modifier."),
    ("5.0.0", "Added the `ABSTTL` modifier."),
    ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
];

const BUSY_KEY: Error = Error::sentence("BUSYKEY Target key name already exists.");
const NEGATIVE_TTL: Error = Error::sentence("ERR Invalid TTL value, must be >= 0");
const NEGATIVE_IDLE_TIME: Error = Error::sentence("ERR Invalid IDLETIME value, must be >= 0");
const FREQUENCY_OUT_OF_RANGE: Error = Error::sentence("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_FOOTER: Error = Error::sentence("ERR DUMP payload version or checksum are wrong");
const BAD_FORMAT: Error = Error::sentence("ERR Bad data format");

fn dump(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match view.read(args.at(1)?)? {
        Some(found) => reply.bulk(&data::dump::dump(view, found)?),
        None => reply.null(),
    }
    Ok(())
}

/// What stands behind the payload.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Options> {
        let mut options = Options::default();
        let mut index = 4;
        while index < args.len() {
            let has_value = index + 1 < args.len();
            if args.is(index, "replace") {
                options.replace = true;
            } else if args.is(index, "absttl") {
                options.absolute = true;
            } else if args.is(index, "idletime") && has_value && options.frequency.is_none() {
                index += 1;
                let seconds = u64::try_from(args.integer(index)?).map_err(|_| NEGATIVE_IDLE_TIME)?;
                options.idle_seconds = Some(seconds);
            } else if args.is(index, "freq") && has_value && options.idle_seconds.is_none() {
                index += 1;
                let frequency = u8::try_from(args.integer(index)?).map_err(|_| FREQUENCY_OUT_OF_RANGE)?;
                options.frequency = Some(frequency);
            } else {
                return Err(Error::Syntax);
            }
            index += 1;
        }
        Ok(options)
    }
}

fn restore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = Options::parse(args)?;
    let key = args.at(1)?;
    let old = tx.find(key)?;
    if old.is_some() && !options.replace {
        return Err(BUSY_KEY);
    }
    let ttl = args.integer(2)?;
    if ttl < 0 {
        return Err(NEGATIVE_TTL);
    }
    let object = read(args.at(3)?)?;
    match expiry(tx, ttl, options.absolute) {
        Expiry::Past => {
            if let Some(old) = old {
                tx.remove(key, old);
            }
        }
        Expiry::At(at) => {
            data::dump::restore(tx, key, old, object, at)?;
            if let Some(seconds) = options.idle_seconds {
                tx.set_idle_seconds(key, seconds);
            }
            if let Some(frequency) = options.frequency {
                tx.set_frequency(key, frequency);
            }
        }
    }
    reply.ok();
    Ok(())
}

fn read(payload: &[u8]) -> Result<Object> {
    rdb::restore(payload).map_err(|error| match error {
        rdb::Error::Footer => BAD_FOOTER,
        rdb::Error::Format => BAD_FORMAT,
    })
}

/// When a restored key expires.
enum Expiry {
    /// It already has.
    Past,
    At(Option<u64>),
}

fn expiry(tx: &Tx<'_>, ttl: i64, absolute: bool) -> Expiry {
    let now_ms = tx.now_ms().cast_signed();
    match ttl {
        0 => Expiry::At(None),
        at if absolute && at <= now_ms => Expiry::Past,
        at if absolute => Expiry::At(u64::try_from(at).ok()),
        // Redis adds without looking whether it fits, and finds what does not long past.
        ttl => now_ms.checked_add(ttl).map_or(Expiry::Past, |at| Expiry::At(u64::try_from(at).ok())),
    }
}

#[cfg(test)]
mod tests;
