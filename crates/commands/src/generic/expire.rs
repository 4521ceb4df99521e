//! When keys expire: set, asked, taken away. All of it in milliseconds inside, whatever the unit outside.

use data::{Meta, Tx, View};

use crate::args::Args;
use crate::clock::Clock;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run, WriteHandler};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

pub(crate) static COMMANDS: &[Command] = &[
    setter("expire", EXPIRE_DOC, expire),
    setter("pexpire", PEXPIRE_DOC, pexpire),
    setter("expireat", EXPIREAT_DOC, expireat),
    setter("pexpireat", PEXPIREAT_DOC, pexpireat),
    getter("ttl", TTL_DOC, ttl),
    getter("pttl", PTTL_DOC, pttl),
    getter("expiretime", EXPIRETIME_DOC, expiretime),
    getter("pexpiretime", PEXPIRETIME_DOC, pexpiretime),
    Command {
        name: "persist",
        arity: Arity::Exactly(2),
        keys: UPDATED,
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new("2.2.0", "Lets a key live for ever.", "O(1)", &[Arg::key()]),
        run: Run::Write(persist),
    },
];

const UPDATED: &[KeySpec] = &[KeySpec::first(&["RW", "update"])];

const fn setter(name: &'static str, doc: Doc, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(3),
        keys: UPDATED,
        group: Group::Generic,
        marks: Marks::FAST,
        doc: doc.history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")]),
        run: Run::Write(run),
    }
}

const fn getter(name: &'static str, doc: Doc, run: ReadHandler) -> Command {
    Command {
        name,
        arity: Arity::Exactly(2),
        keys: READS,
        group: Group::Generic,
        marks: Marks::FAST,
        doc,
        run: Run::Read(run),
    }
}

/// Under which circumstances a time is set: that of a key, or that of a field.
pub(crate) const CONDITION: Arg = Arg::new(
    "condition",
    ArgKind::OneOf(&[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")]),
)
.optional();
const KEY_CONDITION: Arg = CONDITION.since("7.0.0");

const EXPIRE_DOC: Doc = Doc::new(
    "1.0.0",
    "Lets a key expire in a number of seconds.",
    "O(1)",
    &[Arg::key(), Arg::new("seconds", ArgKind::Integer), KEY_CONDITION],
);
const PEXPIRE_DOC: Doc = Doc::new(
    "2.6.0",
    "Lets a key expire in a number of milliseconds.",
    "O(1)",
    &[Arg::key(), Arg::new("milliseconds", ArgKind::Integer), KEY_CONDITION],
);
const EXPIREAT_DOC: Doc = Doc::new(
    "1.2.0",
    "Lets a key expire at a Unix time in seconds.",
    "O(1)",
    &[Arg::key(), Arg::new("unix-time-seconds", ArgKind::UnixTime), KEY_CONDITION],
);
const PEXPIREAT_DOC: Doc = Doc::new(
    "2.6.0",
    "Lets a key expire at a Unix time in milliseconds.",
    "O(1)",
    &[Arg::key(), Arg::new("unix-time-milliseconds", ArgKind::UnixTime), KEY_CONDITION],
);
const TTL_DOC: Doc = Doc::new("1.0.0", "Tells in how many seconds a key expires.", "O(1)", &[Arg::key()])
    .history(&[("2.8.0", "Added the -2 reply.")])
    .tips(&["nondeterministic_output"]);
const PTTL_DOC: Doc = Doc::new("2.6.0", "Tells in how many milliseconds a key expires.", "O(1)", &[Arg::key()])
    .history(&[("2.8.0", "Added the -2 reply.")])
    .tips(&["nondeterministic_output"]);
const EXPIRETIME_DOC: Doc =
    Doc::new("7.0.0", "Tells the Unix time in seconds at which a key expires.", "O(1)", &[Arg::key()]);
const PEXPIRETIME_DOC: Doc =
    Doc::new("7.0.0", "Tells the Unix time in milliseconds at which a key expires.", "O(1)", &[Arg::key()]);

fn expire(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiry(tx, args, reply, "expire", Clock::SECONDS)
}

fn pexpire(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiry(tx, args, reply, "pexpire", Clock::MILLISECONDS)
}

fn expireat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiry(tx, args, reply, "expireat", Clock::UNIX_SECONDS)
}

fn pexpireat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiry(tx, args, reply, "pexpireat", Clock::UNIX_MILLISECONDS)
}

fn set_expiry(
    tx: &mut Tx<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    command: &'static str,
    clock: Clock,
) -> Result<()> {
    let condition = Condition::parse(args)?;
    let at_ms = clock.at_ms(args.integer(2)?, tx.now_ms()).ok_or(Error::InvalidExpire { command })?;

    let key = args.at(1)?;
    let done = match tx.find(key)? {
        Some(meta) if condition.allows(meta, at_ms) => {
            match u64::try_from(at_ms).ok().filter(|&at_ms| at_ms > tx.now_ms()) {
                Some(at_ms) => tx.set_expiry(key, meta, Some(at_ms))?,
                None => tx.remove(key, meta),
            }
            true
        }
        _ => false,
    };
    reply.integer(i64::from(done));
    Ok(())
}

/// Under which circumstances an expiry is set. A key without one counts as one that expires never.
#[derive(Clone, Copy, Debug, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: &Args<'_>) -> Result<Condition> {
        let mut condition = Condition::default();
        for (index, word) in args.from(3).enumerate().map(|(index, word)| (index + 3, word)) {
            match () {
                () if args.is(index, "nx") => condition.nx = true,
                () if args.is(index, "xx") => condition.xx = true,
                () if args.is(index, "gt") => condition.gt = true,
                () if args.is(index, "lt") => condition.lt = true,
                () => return Err(Error::quoting("ERR Unsupported option {}", &[word])),
            }
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(Error::NxAndOthers);
        }
        if condition.gt && condition.lt {
            return Err(Error::GtAndLt);
        }
        Ok(condition)
    }

    fn allows(self, meta: Meta, at_ms: i64) -> bool {
        // Times before 1970 are before every expiry that a key can have.
        let at_ms = u64::try_from(at_ms).unwrap_or(0);
        match meta.expire_at_ms {
            Some(current_ms) => !(self.nx || self.gt && at_ms <= current_ms || self.lt && at_ms >= current_ms),
            None => !self.xx && !self.gt,
        }
    }
}

fn ttl(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = view.now_ms();
    reply_expiry(view, args, reply, |at_ms| rounded_seconds(at_ms.saturating_sub(now_ms)))
}

fn pttl(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = view.now_ms();
    reply_expiry(view, args, reply, |at_ms| at_ms.saturating_sub(now_ms))
}

fn expiretime(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_expiry(view, args, reply, rounded_seconds)
}

fn pexpiretime(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_expiry(view, args, reply, |at_ms| at_ms)
}

fn rounded_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}

/// What `show` makes of the expiry; -1 for a key without one, -2 for no key.
fn reply_expiry(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, show: impl FnOnce(u64) -> u64) -> Result<()> {
    let value = match view.peek(args.at(1)?)?.map(|found| found.meta.expire_at_ms) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => i64::try_from(show(at_ms)).unwrap_or(i64::MAX),
    };
    reply.integer(value);
    Ok(())
}

fn persist(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let volatile = tx.find(key)?.filter(|meta| meta.expire_at_ms.is_some());
    if let Some(meta) = volatile {
        tx.set_expiry(key, meta, None)?;
    }
    reply.integer(i64::from(volatile.is_some()));
    Ok(())
}
