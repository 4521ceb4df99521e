//! Commands that set, tell and take away the times of fields. All of it in milliseconds inside, whatever the unit
//! outside.

use data::hash::{self, Condition, Edit, Expired, Persisted};
use data::{Tx, View};

use super::fields::{self, FIELDS};
use super::{READS, UPDATES};
use crate::args::Args;
use crate::clock::Clock;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run, WriteHandler};
use crate::error::{Error, Result};
use crate::generic::expire::CONDITION;

/// The last time that a field can have, in Unix ms: Redis keeps 46 bits.
const TIME_MAX_MS: u64 = (1 << 46) - 1;
const SECOND_MS: u64 = 1000;

/// Replies for a field, in the place of a time or of what came of a change.
const NO_FIELD: i64 = -2;
const NO_TIME: i64 = -1;

pub(crate) static COMMANDS: &[Command] = &[
    setter("hexpire", HEXPIRE_DOC, hexpire),
    setter("hpexpire", HPEXPIRE_DOC, hpexpire),
    setter("hexpireat", HEXPIREAT_DOC, hexpireat),
    setter("hpexpireat", HPEXPIREAT_DOC, hpexpireat),
    getter("httl", HTTL_DOC, httl),
    getter("hpttl", HPTTL_DOC, hpttl),
    getter("hexpiretime", HEXPIRETIME_DOC, hexpiretime),
    getter("hpexpiretime", HPEXPIRETIME_DOC, hpexpiretime),
    Command {
        name: "hpersist",
        arity: Arity::AtLeast(5),
        keys: UPDATES,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new("7.4.0", "Lets fields live as long as their hash.", COMPLEXITY, &[Arg::key(), FIELDS]),
        run: Run::Write(hpersist),
    },
];

const COMPLEXITY: &str = "O(N) with N being the number of fields named.";

const fn setter(name: &'static str, doc: Doc, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(6),
        keys: UPDATES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc,
        run: Run::Write(run),
    }
}

const fn getter(name: &'static str, doc: Doc, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(5),
        keys: READS,
        group: Group::Hash,
        marks: Marks::FAST,
        doc,
        run: Run::Read(run),
    }
}

const HEXPIRE_DOC: Doc = Doc::new(
    "7.4.0",
    "Lets fields expire in a number of seconds.",
    COMPLEXITY,
    &[Arg::key(), Arg::new("seconds", ArgKind::Integer), CONDITION, FIELDS],
);
const HPEXPIRE_DOC: Doc = Doc::new(
    "7.4.0",
    "Lets fields expire in a number of milliseconds.",
    COMPLEXITY,
    &[Arg::key(), Arg::new("milliseconds", ArgKind::Integer), CONDITION, FIELDS],
);
const HEXPIREAT_DOC: Doc = Doc::new(
    "7.4.0",
    "Lets fields expire at a Unix time in seconds.",
    COMPLEXITY,
    &[Arg::key(), Arg::new("unix-time-seconds", ArgKind::UnixTime), CONDITION, FIELDS],
);
const HPEXPIREAT_DOC: Doc = Doc::new(
    "7.4.0",
    "Lets fields expire at a Unix time in milliseconds.",
    COMPLEXITY,
    &[Arg::key(), Arg::new("unix-time-milliseconds", ArgKind::UnixTime), CONDITION, FIELDS],
);
const HTTL_DOC: Doc = Doc::new("7.4.0", "Tells in how many seconds fields expire.", COMPLEXITY, &[Arg::key(), FIELDS])
    .tips(&["nondeterministic_output"]);
const HPTTL_DOC: Doc =
    Doc::new("7.4.0", "Tells in how many milliseconds fields expire.", COMPLEXITY, &[Arg::key(), FIELDS])
        .tips(&["nondeterministic_output"]);
const HEXPIRETIME_DOC: Doc =
    Doc::new("7.4.0", "Tells the Unix time in seconds at which fields expire.", COMPLEXITY, &[Arg::key(), FIELDS]);
const HPEXPIRETIME_DOC: Doc =
    Doc::new("7.4.0", "Tells the Unix time in milliseconds at which fields expire.", COMPLEXITY, &[Arg::key(), FIELDS]);

fn hexpire(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_times(tx, args, reply, Clock::SECONDS, "hexpire")
}

fn hpexpire(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_times(tx, args, reply, Clock::MILLISECONDS, "hpexpire")
}

fn hexpireat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_times(tx, args, reply, Clock::UNIX_SECONDS, "hexpireat")
}

fn hpexpireat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_times(tx, args, reply, Clock::UNIX_MILLISECONDS, "hpexpireat")
}

/// The Unix time in ms that an argument of `command` means.
pub(super) fn time_at(args: &Args<'_>, index: usize, clock: Clock, now_ms: u64, command: &'static str) -> Result<u64> {
    let amount = args.integer(index)?;
    if amount < 0 {
        return Err(Error::sentence("ERR invalid expire time, must be >= 0"));
    }
    let at_ms = clock.at_ms(amount, now_ms).and_then(|at_ms| u64::try_from(at_ms).ok());
    at_ms.filter(|&at_ms| at_ms <= TIME_MAX_MS).ok_or(Error::InvalidExpire { command })
}

fn set_times(
    tx: &mut Tx<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    clock: Clock,
    command: &'static str,
) -> Result<()> {
    let now_ms = tx.now_ms();
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let at_ms = time_at(args, 2, clock, now_ms, command)?;
    let conditions =
        [("nx", Condition::Absent), ("xx", Condition::Present), ("gt", Condition::Later), ("lt", Condition::Earlier)];
    let condition = conditions.into_iter().find(|(word, _)| args.is(3, word)).map(|(_, condition)| condition);
    let word_at = if condition.is_some() { 4 } else { 3 };
    let fields = args.from(fields::parse(args, word_at, fields::PARAMETER_NUM_FIELDS)?);
    reply.array(fields.len());
    for field in fields {
        reply.integer(match edit.expire(field, at_ms, condition.unwrap_or_default())? {
            Expired::NoField => NO_FIELD,
            Expired::NotMet => 0,
            Expired::Set => 1,
            Expired::Deleted => 2,
        });
    }
    edit.finish()?;
    Ok(())
}

fn hpersist(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let fields = args.from(fields::parse(args, 2, fields::NUMBER_OF_FIELDS)?);
    reply.array(fields.len());
    for field in fields {
        reply.integer(match edit.persist(field)? {
            Persisted::NoField => NO_FIELD,
            Persisted::NoTime => NO_TIME,
            Persisted::Done => 1,
        });
    }
    edit.finish()?;
    Ok(())
}

fn httl(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = view.now_ms();
    reply_times(view, args, reply, |at_ms| whole_seconds(at_ms.saturating_sub(now_ms)))
}

fn hpttl(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = view.now_ms();
    reply_times(view, args, reply, |at_ms| at_ms.saturating_sub(now_ms))
}

fn hexpiretime(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_times(view, args, reply, whole_seconds)
}

fn hpexpiretime(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_times(view, args, reply, |at_ms| at_ms)
}

/// Unlike the seconds of a key, those of a field are rounded up.
fn whole_seconds(ms: u64) -> u64 {
    ms.div_ceil(SECOND_MS)
}

/// What `show` makes of the time of each field.
fn reply_times(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, show: impl Fn(u64) -> u64) -> Result<()> {
    let hash = hash::read(view, args.at(1)?)?;
    let fields = args.from(fields::parse(args, 2, fields::NUMBER_OF_FIELDS)?);
    view.admit_keys(fields.len())?;
    reply.array(fields.len());
    for field in fields {
        view.go_on()?;
        let value = match &hash {
            Some(hash) => hash.get(view, field)?,
            None => None,
        };
        reply.integer(match value.map(|value| value.expire_at_ms) {
            None => NO_FIELD,
            Some(None) => NO_TIME,
            Some(Some(at_ms)) => i64::try_from(show(at_ms)).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}
