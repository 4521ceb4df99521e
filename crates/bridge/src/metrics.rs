//! What is measured of both runtimes and the channel between them: atomic, always on, read without waiting.
//!
//! Nothing here takes a lock, allocates, or reads a clock for each command: requests are measured where they are taken,
//! batches where they are committed, runtimes by a probe.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::histogram::Histogram;

/// Why a command was refused without having been executed, or may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Refusal {
    /// Its deadline passed while it waited.
    Late,
    /// Storage was stopped.
    Down,
    /// Storage was known not to answer, so it was not even asked.
    Open,
    /// An earlier command of its client was still in storage.
    Outstanding,
    /// Its worker did not come back with it until its deadline.
    Abandoned,
    /// Its worker died with it.
    Lost,
    /// The reader pool and its queue were full.
    ReaderQueue,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Refusal; 7] = [
        Refusal::Late,
        Refusal::Down,
        Refusal::Open,
        Refusal::Outstanding,
        Refusal::Abandoned,
        Refusal::Lost,
        Refusal::ReaderQueue,
    ];

    /// The word for it in `INFO` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Late => "late",
            Refusal::Down => "down",
            Refusal::Open => "open",
            Refusal::Outstanding => "outstanding",
            Refusal::Abandoned => "abandoned",
            Refusal::Lost => "lost",
            Refusal::ReaderQueue => "reader_queue",
        }
    }
}

/// Refusals by reason.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; Refusal::ALL.len()]);

impl Refusals {
    /// Counts some.
    pub fn add(&self, reason: Refusal, count: u64) {
        self.0[reason as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn of(&self, reason: Refusal) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.0.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}

/// What happens in the channel.
#[derive(Debug, Default)]
pub struct ChannelMetrics {
    /// Requests taken by workers.
    pub taken: AtomicU64,
    /// How long each of those waited, in ns.
    pub wait: Histogram,
    /// Begun in vain, not applied, and put back to be tried again.
    pub deferred: AtomicU64,
    /// Times that a sender found no room.
    pub full: AtomicU64,
    /// Requests that wait now: published by whoever changed it, so that readers need not lock the channel.
    pub depth_requests: AtomicU64,
    /// Their bytes.
    pub depth_bytes: AtomicU64,
    /// When the oldest of them was handed over, in ns since the metrics were made; zero: none waits.
    pub oldest_ns: AtomicU64,
    /// When a worker took requests last, likewise; zero: none has.
    pub last_take_ns: AtomicU64,
}

/// One side: the threads of the network runtime, or the storage runtime.
#[derive(Debug)]
pub struct RuntimePart {
    /// Time from a task's wake-up to its poll, in ns, as probed.
    pub poll_delay: Histogram,
    /// Per thread, when its probe last ran; zero: not yet.
    beats: Box<[AtomicU64]>,
}

impl RuntimePart {
    fn new(threads: usize) -> Self {
        RuntimePart {
            poll_delay: Histogram::default(),
            beats: (0..threads.max(1)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn beat(&self, thread: usize, now_ns: u64) {
        if let Some(beat) = self.beats.get(thread) {
            beat.store(now_ns, Ordering::Relaxed);
        }
    }

    /// When the thread that has been silent longest was last probed, in ns since the metrics were made; zero: not yet.
    pub fn last_beat_ns(&self) -> u64 {
        self.beats.iter().map(|beat| beat.load(Ordering::Relaxed)).min().unwrap_or(0)
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct RuntimeMetrics {
    origin: Instant,
    /// The channel's part.
    pub channel: ChannelMetrics,
    /// The network threads.
    pub network: RuntimePart,
    /// The storage runtime.
    pub storage: RuntimePart,
    /// Commands that were refused.
    pub refusals: Refusals,
    /// Turns that had something to do.
    pub batches: AtomicU64,
    /// Commands in them.
    pub batch_commands: AtomicU64,
    /// Commands of each turn.
    pub batch_size: Histogram,
    /// How many a worker takes at most now, and what it believes that one costs, in ns: of the worker that had the last turn.
    pub batch_limit: AtomicU64,
    /// See `batch_limit`.
    pub command_cost_ns: AtomicU64,
    /// Batches that were committed.
    pub commits: AtomicU64,
    /// Write commands in those.
    pub commit_write_commands: AtomicU64,
    /// Time in commits, in ns.
    pub commit_ns: AtomicU64,
    /// Time of each commit, in ns; with `appendfsync always` its sync is part of it.
    pub commit_time: Histogram,
    /// Time of each sync of the log that is not part of a commit, in ns.
    pub sync_time: Histogram,
    /// Commands that ran on the reader pool.
    pub long_reads: AtomicU64,
    /// Panics that a fence has kept from spreading.
    pub panics: AtomicU64,
    /// Workers that died and were replaced.
    pub worker_restarts: AtomicU64,
    /// Times that a worker was found late or dead.
    pub stalls: AtomicU64,
    /// Times that the runtime was replaced.
    pub runtime_restarts: AtomicU64,
    /// Commits that failed.
    pub failed_commits: AtomicU64,
}

impl Default for RuntimeMetrics {
    fn default() -> Self {
        RuntimeMetrics::new(1)
    }
}

impl RuntimeMetrics {
    /// Metrics of a server with a number of network threads.
    pub fn new(network_threads: usize) -> Self {
        RuntimeMetrics {
            origin: Instant::now(),
            channel: ChannelMetrics::default(),
            network: RuntimePart::new(network_threads),
            storage: RuntimePart::new(1),
            refusals: Refusals::default(),
            batches: AtomicU64::new(0),
            batch_commands: AtomicU64::new(0),
            batch_limit: AtomicU64::new(0),
            command_cost_ns: AtomicU64::new(0),
            batch_size: Histogram::default(),
            commits: AtomicU64::new(0),
            commit_write_commands: AtomicU64::new(0),
            commit_ns: AtomicU64::new(0),
            commit_time: Histogram::default(),
            sync_time: Histogram::default(),
            long_reads: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            worker_restarts: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            runtime_restarts: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
        }
    }

    /// A moment as it is kept in atomics: ns since the metrics were made, never zero.
    pub fn ns_of(&self, moment: Instant) -> u64 {
        nanos(moment.saturating_duration_since(self.origin)).max(1)
    }

    /// Now, as [`RuntimeMetrics::ns_of`] tells it.
    pub fn now_ns(&self) -> u64 {
        self.ns_of(Instant::now())
    }

    /// How long ago such a moment was. Zero, which stands for none, is no time ago.
    pub fn age_of(&self, moment_ns: u64) -> Duration {
        if moment_ns == 0 { Duration::ZERO } else { Duration::from_nanos(self.now_ns().saturating_sub(moment_ns)) }
    }

    /// How long the oldest request in the channel has waited; zero if none waits.
    pub fn oldest_wait(&self) -> Duration {
        self.age_of(self.channel.oldest_ns.load(Ordering::Relaxed))
    }

    /// Adds one turn of a worker.
    pub fn count_batch(&self, commands: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.batch_commands.fetch_add(commands, Ordering::Relaxed);
        self.batch_size.record(commands);
    }

    /// Adds one committed batch.
    pub fn count_commit(&self, write_commands: u64, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_write_commands.fetch_add(write_commands, Ordering::Relaxed);
        self.commit_ns.fetch_add(nanos(took), Ordering::Relaxed);
        self.commit_time.record(nanos(took));
    }

    pub(crate) fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds one sync that was not part of a commit.
    pub fn count_sync(&self, took: Duration) {
        self.sync_time.record(nanos(took));
    }

    /// Zeroes everything that counts (`CONFIG RESETSTAT`). What tells of now stays.
    pub fn reset(&self) {
        let channel = &self.channel;
        for counter in [
            &channel.taken,
            &channel.deferred,
            &channel.full,
            &self.batches,
            &self.batch_commands,
            &self.commits,
            &self.commit_write_commands,
            &self.commit_ns,
            &self.long_reads,
            &self.panics,
            &self.worker_restarts,
            &self.stalls,
            &self.failed_commits,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.refusals.reset();
        let histograms = [&channel.wait, &self.batch_size, &self.commit_time, &self.sync_time];
        histograms.into_iter().chain([&self.network.poll_delay, &self.storage.poll_delay]).for_each(Histogram::reset);
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_by_their_number_and_counted_apart() {
        let metrics = RuntimeMetrics::default();
        for (number, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            metrics.refusals.add(reason, number as u64 + 1);
        }
        assert_eq!(Refusal::ALL.map(|reason| metrics.refusals.of(reason)), [1, 2, 3, 4, 5, 6, 7]);
        metrics.reset();
        assert_eq!(Refusal::ALL.map(|reason| metrics.refusals.of(reason)), [0; 7]);
    }

    #[test]
    fn a_side_is_as_old_as_its_most_silent_thread() {
        let metrics = RuntimeMetrics::new(2);
        metrics.network.beat(0, 5);
        assert_eq!(metrics.network.last_beat_ns(), 0);
        metrics.network.beat(1, 7);
        assert_eq!(metrics.network.last_beat_ns(), 5);
    }
}
