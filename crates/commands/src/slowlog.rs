//! The slow log: what took longest lately, for `SLOWLOG`. Both runtimes record here what they ran.
//!
//! It lies in memory, is bounded, and is gone after a restart. A command below the limit costs one load.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::args::Args;
use crate::command::{Command, Marks};

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
    let mut log = lock();
    let id = log.next_id;
    log.next_id += 1;
    log.entries.push_front(Entry { id, ..entry });
    log.entries.truncate(len_max);
}

/// The newest entries, at most so many.
pub fn newest(count: usize) -> Vec<Entry> {
    lock().entries.iter().take(count).cloned().collect()
}

/// Number of entries.
pub fn len() -> usize {
    lock().entries.len()
}

/// Forgets all entries; ids go on counting.
pub fn reset() {
    lock().entries.clear();
}

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
