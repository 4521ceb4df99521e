//! What the process looks at a few times a second, so that whoever asks need not: how busy its runtimes are, its memory,
//! its CPU time. Runs on the main thread, which has nothing else to do; asking reads what was seen last.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bridge::{HistogramSnapshot, RuntimePart};
use commands::facts::{CpuFacts, MemoryFacts, RuntimeFacts, Spread};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::machine;

/// How often is looked.
pub const OBSERVE_PERIOD: Duration = Duration::from_millis(100);
/// Looks that rates are told over: a second.
const WINDOW: usize = 10;
/// A runtime whose most silent thread was not seen for so long is taken to be busy, as it cannot say so itself.
const SILENT_MAX: Duration = Duration::from_secs(1);

/// The runtimes' handles, by side. In `runtime-mode single` storage has none of its own.
#[derive(Default)]
struct Runtimes {
    network: Vec<Handle>,
    storage: Vec<Handle>,
}

/// Totals of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    threads: u64,
    busy: Duration,
    turns: u64,
}

impl Totals {
    fn of(handles: &[Handle]) -> Totals {
        let mut totals = Totals::default();
        for metrics in handles.iter().map(Handle::metrics) {
            for worker in 0..metrics.num_workers() {
                totals.threads += 1;
                totals.busy += metrics.worker_total_busy_duration(worker);
                totals.turns += metrics.worker_park_count(worker);
            }
        }
        totals
    }
}

/// What was seen last.
#[derive(Clone, Debug, Default)]
struct Seen {
    memory: MemoryFacts,
    cpu: CpuFacts,
    /// Per side: the share of the window that its threads were busy, and turns a second.
    rates: [(f64, f64); 2],
}

/// See the module's text.
#[derive(Default)]
pub struct Observer {
    runtimes: ArcSwap<Runtimes>,
    seen: ArcSwap<Seen>,
    window: Mutex<VecDeque<(Instant, [Totals; 2])>>,
}

impl Observer {
    /// Tells which runtimes there are.
    pub fn set_runtimes(&self, network: Vec<Handle>, storage: Vec<Handle>) {
        self.runtimes.store(Arc::new(Runtimes { network, storage }));
    }

    /// Looks once. Reads files of `/proc`.
    pub fn observe(&self) {
        let now = Instant::now();
        let runtimes = self.runtimes.load();
        let totals = [Totals::of(&runtimes.network), Totals::of(&runtimes.storage)];
        let mut seen = Seen { memory: machine::memory(), cpu: machine::cpu(), ..Seen::default() };
        {
            let mut window = self.window.lock();
            if let Some((then, before)) = window.front() {
                for (side, rates) in seen.rates.iter_mut().enumerate() {
                    *rates = rates_between(&before[side], &totals[side], now - *then);
                }
            }
            window.push_back((now, totals));
            while window.len() > WINDOW {
                window.pop_front();
            }
        }
        let before = self.seen.load();
        seen.memory.peak_bytes = before.memory.peak_bytes.max(seen.memory.allocated_bytes);
        seen.memory.startup_bytes = match before.memory.startup_bytes {
            0 => seen.memory.allocated_bytes,
            bytes => bytes,
        };
        self.seen.store(Arc::new(seen));
    }

    /// Memory of the process.
    pub fn memory(&self) -> MemoryFacts {
        self.seen.load().memory.clone()
    }

    /// CPU time of the process.
    pub fn cpu(&self) -> CpuFacts {
        self.seen.load().cpu.clone()
    }

    /// The network threads.
    pub fn network(&self, part: &RuntimePart, silent: Duration) -> RuntimeFacts {
        runtime_facts(&self.runtimes.load().network, self.seen.load().rates[0], part, silent)
    }

    /// The storage runtime.
    pub fn storage(&self, part: &RuntimePart, silent: Duration) -> RuntimeFacts {
        runtime_facts(&self.runtimes.load().storage, self.seen.load().rates[1], part, silent)
    }
}

/// The share of a time that threads were busy, and turns a second.
fn rates_between(before: &Totals, after: &Totals, time: Duration) -> (f64, f64) {
    let seconds = time.as_secs_f64().max(1e-6);
    let busy = after.busy.saturating_sub(before.busy).as_secs_f64();
    // A thread tells its time when it has nothing to do, so that a long turn comes in one piece.
    let ratio = (busy / seconds / after.threads.max(1) as f64).min(1.0);
    (ratio, after.turns.saturating_sub(before.turns) as f64 / seconds)
}

fn runtime_facts(handles: &[Handle], rates: (f64, f64), part: &RuntimePart, silent: Duration) -> RuntimeFacts {
    let totals = Totals::of(handles);
    let sum = |number: fn(&Handle) -> usize| handles.iter().map(|handle| number(handle) as u64).sum();
    RuntimeFacts {
        threads: totals.threads,
        tasks: sum(|handle| handle.metrics().num_alive_tasks()),
        queued_tasks: sum(|handle| handle.metrics().global_queue_depth()),
        busy_ratio: if silent > SILENT_MAX { 1.0 } else { rates.0 },
        busy_us: u64::try_from(totals.busy.as_micros()).unwrap_or(u64::MAX),
        turns: totals.turns,
        turns_per_second: rates.1,
        poll_delay_us: times_us(&part.poll_delay.snapshot()),
        silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How numbers of things are spread.
pub fn numbers(snapshot: &HistogramSnapshot) -> Spread {
    spread(snapshot, 1.0)
}

/// How times are spread that were recorded in ns, in microseconds.
pub fn times_us(snapshot: &HistogramSnapshot) -> Spread {
    spread(snapshot, 1000.0)
}

fn spread(snapshot: &HistogramSnapshot, unit: f64) -> Spread {
    let quantile = |share| snapshot.quantile(share) as f64 / unit;
    Spread {
        count: snapshot.count,
        mean: snapshot.mean() / unit,
        p50: quantile(0.5),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: snapshot.max as f64 / unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shares_of_all_threads_and_never_above_one() {
        let totals = |busy_ms, turns| Totals { threads: 2, busy: Duration::from_millis(busy_ms), turns };
        let second = Duration::from_secs(1);
        assert_eq!(rates_between(&totals(100, 5), &totals(1100, 25), second), (0.5, 20.0));
        assert_eq!(rates_between(&totals(0, 0), &totals(60_000, 1), second).0, 1.0);
        // A runtime that was started anew counts from zero.
        assert_eq!(rates_between(&totals(500, 9), &totals(0, 0), second), (0.0, 0.0));
    }

    #[test]
    fn a_busy_runtime_is_seen_to_be_busy_and_its_tasks_are_counted() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.expect("a runtime can be built");
        let observer = Observer::default();
        observer.set_runtimes(Vec::new(), vec![runtime.handle().clone()]);
        let waits = runtime.spawn(std::future::pending::<()>());
        runtime.block_on(async {
            let works = tokio::spawn(async { std::thread::sleep(Duration::from_millis(20)) });
            works.await.expect("it does not panic");
        });
        observer.observe();
        let part = bridge::RuntimeMetrics::default();
        // The worker tells when it has nothing to do, a moment after the task has ended.
        let facts = (0..10_000).map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            observer.storage(&part.storage, Duration::ZERO)
        });
        let seen = facts.into_iter().find(|facts| (facts.threads, facts.tasks) == (1, 1) && facts.busy_us >= 20_000);
        assert!(seen.is_some(), "{:?}", observer.storage(&part.storage, Duration::ZERO));
        assert_eq!(observer.storage(&part.storage, Duration::from_secs(5)).busy_ratio, 1.0);
        assert!(observer.memory().allocated_bytes > 0);
        waits.abort();
    }
}
