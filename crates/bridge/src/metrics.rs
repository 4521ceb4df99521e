//! Counters of the crossing and of the storage workers: atomic, always on, read without waiting.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What happened in the channel.
#[derive(Debug, Default)]
pub struct ChannelMetrics {
    /// Requests taken by workers.
    pub taken: AtomicU64,
    /// Time that those waited, in ns.
    pub waited_ns: AtomicU64,
    /// Refused at their deadline, unexecuted.
    pub refused_late: AtomicU64,
    /// Refused because storage was stopped.
    pub refused_down: AtomicU64,
    /// Times that a sender found no room.
    pub full: AtomicU64,
}

/// What the workers did.
#[derive(Debug, Default)]
pub struct RuntimeMetrics {
    /// The channel's part.
    pub channel: ChannelMetrics,
    /// Turns that had something to do.
    pub batches: AtomicU64,
    /// Commands in them.
    pub batch_commands: AtomicU64,
    /// Batches that were committed.
    pub commits: AtomicU64,
    /// Write commands in those.
    pub commit_write_commands: AtomicU64,
    /// Time in commits, in ns.
    pub commit_ns: AtomicU64,
    /// Commands that ran on the reader pool.
    pub long_reads: AtomicU64,
    /// Handlers that panicked.
    pub panics: AtomicU64,
}

impl RuntimeMetrics {
    /// Adds one committed batch.
    pub fn count_commit(&self, write_commands: u64, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_write_commands.fetch_add(write_commands, Ordering::Relaxed);
        self.commit_ns.fetch_add(nanos(took), Ordering::Relaxed);
    }

    /// Zeroes everything (`CONFIG RESETSTAT`).
    pub fn reset(&self) {
        let channel = &self.channel;
        for counter in [
            &channel.taken,
            &channel.waited_ns,
            &channel.refused_late,
            &channel.refused_down,
            &channel.full,
            &self.batches,
            &self.batch_commands,
            &self.commits,
            &self.commit_write_commands,
            &self.commit_ns,
            &self.long_reads,
            &self.panics,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
