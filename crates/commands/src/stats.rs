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

/// Upper end of the first span of running times that are counted together, in ns; each further span ends at
/// twice the one before. They are the ends of Redis's spans, so that `LATENCY HISTOGRAM` tells the same numbers.
const FIRST_SPAN_END_NS: u64 = 1032;
/// Spans of running times. The last one holds everything from half a second on.
pub const SPANS: usize = 21;

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
    /// Times that it ran, by how long it took.
    pub spans: [AtomicU64; SPANS],
}

/// Where a span of running times ends, in ns.
pub fn span_end_ns(span: usize) -> u64 {
    (FIRST_SPAN_END_NS << span) - 1
}

fn span_of(busy_ns: u64) -> usize {
    let doublings = (busy_ns / FIRST_SPAN_END_NS).checked_ilog2().map_or(0, |log| log as usize + 1);
    doublings.min(SPANS - 1)
}

static COUNTERS: LazyLock<Vec<CommandCounters>> =
    LazyLock::new(|| table::all().iter().map(|_| CommandCounters::default()).collect());
static ERROR_COUNT: AtomicU64 = AtomicU64::new(0);
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
    let busy_ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
    counters.busy_ns.fetch_add(busy_ns, Ordering::Relaxed);
    counters.spans[span_of(busy_ns)].fetch_add(1, Ordering::Relaxed);
    if failed {
        counters.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls of one command, one after the other, gathered by one thread so that they are counted and timed together.
#[derive(Debug, Default)]
pub struct Tally {
    command: Option<&'static Command>,
    calls: u32,
    failed: u32,
}

impl Tally {
    /// True if a call of this command can be added without counting what was gathered.
    pub fn is_of(&self, command: &'static Command) -> bool {
        self.command.is_none_or(|gathered| std::ptr::eq(gathered, command))
    }

    /// True if nothing was gathered.
    pub fn is_empty(&self) -> bool {
        self.command.is_none()
    }

    /// Adds a call of a command, for which there is room ([`Tally::is_of`]).
    pub fn add(&mut self, command: &'static Command, failed: bool) {
        self.command = Some(command);
        self.calls += 1;
        self.failed += u32::from(failed);
    }

    /// Counts what was gathered, and took so long in all: the command, and how often.
    pub fn count(&mut self, busy: Duration) -> Option<(&'static Command, u64)> {
        let Tally { command, calls, failed } = std::mem::take(self);
        let (command, each) = (command?, busy.checked_div(calls)?);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let counters = of(command);
        counters.calls.fetch_add(u64::from(calls), Ordering::Relaxed);
        counters.busy_ns.fetch_add(nanos(busy), Ordering::Relaxed);
        counters.spans[span_of(nanos(each))].fetch_add(u64::from(calls), Ordering::Relaxed);
        if failed > 0 {
            counters.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        }
        Some((command, u64::from(calls)))
    }
}

/// Counts an error reply by its code word.
pub fn count_error(code: &str) {
    ERROR_COUNT.fetch_add(1, Ordering::Relaxed);
    let mut errors = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(count) = errors.get_mut(code) {
        *count += 1;
    } else if errors.len() < ERROR_CODES_MAX {
        errors.insert(code.to_owned(), 1);
    }
}

/// Error replies, whatever their code. Waits for nobody.
pub fn error_count() -> u64 {
    ERROR_COUNT.load(Ordering::Relaxed)
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
        counters.spans.iter().for_each(|span| span.store(0, Ordering::Relaxed));
    }
    ERROR_COUNT.store(0, Ordering::Relaxed);
    ERRORS.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tallied_is_counted_once() {
        let get = table::find("get").expect("a command");
        let mget = table::find("mget").expect("a command");
        let before = of(get).calls.load(Ordering::Relaxed);
        let mut tally = Tally::default();
        assert!(tally.is_of(get) && tally.is_of(mget));
        (0..3).for_each(|_| tally.add(get, false));
        assert!(tally.is_of(get) && !tally.is_of(mget));
        let counted = tally.count(Duration::from_micros(6));
        assert_eq!(counted.map(|(command, calls)| (command.name, calls)), Some(("get", 3)));
        assert!(tally.is_empty() && tally.count(Duration::ZERO).is_none() && tally.is_of(mget));
        assert!(of(get).calls.load(Ordering::Relaxed) >= before + 3);
    }

    #[test]
    fn a_running_time_lies_at_or_below_the_end_of_its_span_and_above_the_one_before() {
        for busy_ns in [0, 1, 1031, 1032, 2063, 2064, 33_023, 33_024, 500_000_000] {
            let span = span_of(busy_ns);
            assert!(busy_ns <= span_end_ns(span), "{busy_ns} ns is beyond span {span}");
            assert!(span == 0 || busy_ns > span_end_ns(span - 1), "{busy_ns} ns is below span {span}");
        }
        assert_eq!(span_of(u64::MAX), SPANS - 1);
    }
}
