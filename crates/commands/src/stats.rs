//! Counters per command and per error code, for `INFO commandstats` and `errorstats`.
//!
//! Both runtimes count here; every counter is atomic and read without stopping anybody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::command::Command;
use crate::table;

/// Distinct error codes that are counted one by one; Redis has the same limit against made-up codes.
const ERROR_CODES_MAX: usize = 128;

/// Counters of one command.
#[derive(Debug, Default)]
pub struct CommandCounters {
    /// Times that it ran.
    pub calls: AtomicU64,
    /// Time that it ran, in ns.
    pub busy_ns: AtomicU64,
    /// Refused before it ran.
    pub rejected: AtomicU64,
    /// Ran and replied an error.
    pub failed: AtomicU64,
}

static COUNTERS: LazyLock<Vec<CommandCounters>> =
    LazyLock::new(|| table::all().iter().map(|_| CommandCounters::default()).collect());
static ERRORS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// The counters of a command.
pub fn of(command: &'static Command) -> &'static CommandCounters {
    // Every static command is in the table, so it has an index.
    &COUNTERS[table::index_of(command)]
}

/// Counts a command that ran.
pub fn count_call(command: &'static Command, busy: Duration, failed: bool) {
    let counters = of(command);
    counters.calls.fetch_add(1, Ordering::Relaxed);
    counters.busy_ns.fetch_add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    if failed {
        counters.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts an error reply by its code word.
pub fn count_error(code: &str) {
    let mut errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(count) = errors.get_mut(code) {
        *count += 1;
    } else if errors.len() < ERROR_CODES_MAX {
        errors.insert(code.to_owned(), 1);
    }
}

/// Error replies by code word, in alphabetical order.
pub fn errors() -> Vec<(String, u64)> {
    let errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
    errors.iter().map(|(code, count)| (code.clone(), *count)).collect()
}

/// Zeroes everything.
pub fn reset() {
    for counters in COUNTERS.iter() {
        for counter in [&counters.calls, &counters.busy_ns, &counters.rejected, &counters.failed] {
            counter.store(0, Ordering::Relaxed);
        }
    }
    ERRORS.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
