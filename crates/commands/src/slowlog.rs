//! `SLOWLOG`, and the log itself: what took longest lately. Both runtimes record here what they ran.
//!
//! It lies in memory, is bounded, and is gone after a restart. A command below the limit costs one load.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::session::{Effect, Host, Session};

/// Entries that `SLOWLOG GET` tells unless it is asked for another number.
const TOLD_BY_DEFAULT: i64 = 10;
/// Arguments kept of one command; the last one says how many more there were.
const ARGS_MAX: usize = 32;
/// Bytes kept of one argument; the end says how many more there were.
const ARG_LEN_MAX: usize = 128;

/// `slowlog-log-slower-than`, in microseconds. Negative: nothing is recorded; 0: everything.
static SLOWER_THAN_US: AtomicI64 = AtomicI64::new(10_000);
/// `slowlog-max-len`: how many entries are kept.
static LEN_MAX: AtomicUsize = AtomicUsize::new(128);
static LOG: Mutex<Log> = Mutex::new(Log { next_id: 0, entries: VecDeque::new() });

#[derive(Debug)]
struct Log {
    next_id: u64,
    /// The newest first.
    entries: VecDeque<Entry>,
}

impl Log {
    fn push(&mut self, entry: Entry, len_max: usize) {
        self.entries.push_front(Entry { id: self.next_id, ..entry });
        self.next_id += 1;
        self.entries.truncate(len_max);
    }
}

pub(crate) static COMMANDS: &[Command] = &[
    container("slowlog", Group::Server, Marks::NONE, "2.2.12", "Groups the commands about the slow log."),
    Command {
        name: "slowlog|get",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "2.2.12",
            "Tells the newest entries of the slow log.",
            "O(N) where N is the number of entries returned",
            &[Arg::new("count", ArgKind::Integer).optional()],
        )
        .history(&[("4.0.0", "Tells the client's address and name.")])
        .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
        run: Run::Session(get),
    },
    Command {
        name: "slowlog|len",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new("2.2.12", "Counts the entries of the slow log.", "O(1)", &[]).tips(&[
            "request_policy:all_nodes",
            "response_policy:agg_sum",
            "nondeterministic_output",
        ]),
        run: Run::Session(count),
    },
    Command {
        name: "slowlog|reset",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new("2.2.12", "Empties the slow log.", "O(N) where N is the number of entries in the slowlog", &[])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(forget),
    },
    help("slowlog|help", Group::Server, "6.2.0", list_subcommands),
];

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts up from 0 since the start.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub at_unix: u64,
    /// How long it ran, in microseconds, without waiting.
    pub busy_us: u64,
    /// The command and its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Address of the client.
    pub client_address: String,
    /// `CLIENT SETNAME` of the client.
    pub client_name: Vec<u8>,
}

/// Sets `slowlog-log-slower-than`.
pub fn set_slower_than_us(limit_us: i64) {
    SLOWER_THAN_US.store(limit_us, Ordering::Relaxed);
}

/// Sets `slowlog-max-len`. A shorter log takes effect with the next entry.
pub fn set_len_max(len_max: usize) {
    LEN_MAX.store(len_max, Ordering::Relaxed);
}

/// True if commands that take less than a millisecond may belong in the log, so that each has to be timed.
pub fn is_fine() -> bool {
    (0..1000).contains(&SLOWER_THAN_US.load(Ordering::Relaxed))
}

/// True if a command that took so long belongs in the log: the check that callers make before they
/// gather what [`record`] wants.
pub fn is_slow(command: &Command, busy: Duration) -> bool {
    let limit_us = SLOWER_THAN_US.load(Ordering::Relaxed);
    u128::try_from(limit_us).is_ok_and(|limit_us| busy.as_micros() >= limit_us)
        && !command.marks.has(Marks::SKIP_SLOWLOG)
}

/// Records a command if it was slow.
pub fn record(
    command: &Command,
    args: &Args<'_>,
    busy: Duration,
    at_unix: u64,
    client_address: &str,
    client_name: &[u8],
) {
    if !is_slow(command, busy) {
        return;
    }
    let entry = Entry {
        id: 0,
        at_unix,
        busy_us: u64::try_from(busy.as_micros()).unwrap_or(u64::MAX),
        args: shorten(command, args),
        client_address: client_address.to_owned(),
        client_name: client_name.to_vec(),
    };
    let len_max = LEN_MAX.load(Ordering::Relaxed);
    lock().push(entry, len_max);
}

/// The newest entries, at most so many.
pub fn newest(count: usize) -> Vec<Entry> {
    lock().entries.iter().take(count).cloned().collect()
}

fn get(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let count = match args.len() {
        2 => TOLD_BY_DEFAULT,
        3 => args.integer(2).unwrap_or(i64::MIN),
        _ => return Err(crate::table::misused_subcommand(args)),
    };
    let count = match count {
        -1 => usize::MAX,
        count => {
            usize::try_from(count).map_err(|_| Error::sentence("ERR count should be greater than or equal to -1"))?
        }
    };
    let entries = newest(count);
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(signed(entry.id));
        reply.integer(signed(entry.at_unix));
        reply.integer(signed(entry.busy_us));
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.client_address.as_bytes());
        reply.bulk(&entry.client_name);
    }
    Ok(Effect::None)
}

fn count(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.integer(i64::try_from(lock().entries.len()).unwrap_or(i64::MAX));
    Ok(Effect::None)
}

fn forget(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    // Ids go on counting.
    lock().entries.clear();
    reply.ok();
    Ok(Effect::None)
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "GET [<count>]",
    "    Tell the newest <count> entries (default: 10, -1 means all). Each has",
    "    an id, a Unix time, the running time in microseconds, the arguments,",
    "    the address of the client and its name.",
    "LEN",
    "    Count the entries.",
    "RESET",
    "    Empty the slow log.",
];

fn lock() -> std::sync::MutexGuard<'static, Log> {
    // The log is whole between any two statements, so a panic elsewhere does not spoil it.
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shorten(command: &Command, args: &Args<'_>) -> Vec<Vec<u8>> {
    if command.marks.has(Marks::SECRET_ARGS) {
        let names = 1 + usize::from(command.name.contains('|'));
        let secrets = args.len().saturating_sub(names);
        let names = args.from(0).take(names).map(<[u8]>::to_vec);
        return names.chain((0..secrets).map(|_| b"(redacted)".to_vec())).take(ARGS_MAX).collect();
    }
    let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut list: Vec<Vec<u8>> = args.from(0).take(shown).map(shorten_arg).collect();
    if shown < args.len() {
        list.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    list
}

fn shorten_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_LEN_MAX {
        return arg.to_vec();
    }
    let rest = format!("... ({} more bytes)", arg.len() - ARG_LEN_MAX);
    [&arg[..ARG_LEN_MAX], rest.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use resp::Span;

    use super::*;
    use crate::table;

    fn shortened(name: &str, words: &[String]) -> Vec<String> {
        let (mut buf, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span { start: buf.len() as u32, len: word.len() as u32 });
            buf.extend_from_slice(word.as_bytes());
        }
        let command = table::find(name).expect("a command");
        let kept = shorten(command, &Args::new(&buf, &spans));
        kept.into_iter().map(|arg| String::from_utf8(arg).expect("text")).collect()
    }

    #[test]
    fn the_log_keeps_the_newest_entries_and_counts_their_ids_on() {
        let mut log = Log { next_id: 0, entries: VecDeque::new() };
        let entry = Entry {
            id: 0,
            at_unix: 1,
            busy_us: 2,
            args: Vec::new(),
            client_address: String::new(),
            client_name: Vec::new(),
        };
        for len_max in [2, 2, 2, 1, 0, 5] {
            log.push(entry.clone(), len_max);
        }
        assert_eq!(log.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [5]);
        log.push(entry, 5);
        assert_eq!(log.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [6, 5]);
    }

    #[test]
    fn long_arguments_and_many_arguments_are_shortened_as_in_redis() {
        let words: Vec<String> = (0..34).map(|n| format!("w{n}")).collect();
        let kept = shortened("mset", &words);
        assert_eq!((kept.len(), kept[30].as_str(), kept[31].as_str()), (32, "w30", "... (3 more arguments)"));
        assert_eq!(shortened("mset", &words[..32]).len(), 32);
        let kept = shortened("set", &["set".to_owned(), "x".repeat(128), "x".repeat(130)]);
        assert_eq!((kept[1].len(), &kept[2][128..]), (128, "... (2 more bytes)"));
    }

    #[test]
    fn secrets_are_not_kept() {
        let kept = shortened("auth", &["auth".to_owned(), "user".to_owned(), "secret".to_owned()]);
        assert_eq!(kept, ["auth", "(redacted)", "(redacted)"]);
    }

    #[test]
    fn a_command_as_slow_as_the_limit_is_slow() {
        let command = table::find("get").expect("a command");
        // What the options say at first.
        assert!(is_slow(command, Duration::from_micros(10_000)));
        assert!(!is_slow(command, Duration::from_micros(9_999)));
    }
}
