//! How much the storage runtime does at once, and how it commits. Set at start; the commit policy may
//! change while the server runs.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// When a commit is made safe against the loss of power (`appendfsync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SyncPolicy {
    /// Before the reply.
    Always = 0,
    /// Within a second.
    EverySecond = 1,
    /// When the operating system likes.
    Never = 2,
}

/// Limits and policies of the storage runtime.
#[derive(Debug)]
pub struct StorageSettings {
    /// Workers that execute and commit.
    pub workers: usize,
    /// Threads of the reader pool.
    pub readers: usize,
    /// Long reads that may wait for a reader; more are refused, unexecuted.
    pub reader_queue: usize,
    /// Commands in one batch, roughly: a batch ends after the request that passes it.
    pub batch_commands: AtomicUsize,
    /// Bytes in one batch, likewise.
    pub batch_bytes: AtomicUsize,
    /// How long a worker's turn is meant to last, syncs left out, in microseconds.
    pub batch_target_us: AtomicU64,
    sync: AtomicU8,
}

impl StorageSettings {
    /// Settings with a number of threads each.
    pub fn new(workers: usize, readers: usize, reader_queue: usize) -> Self {
        StorageSettings {
            workers,
            readers,
            reader_queue,
            batch_commands: AtomicUsize::new(16384),
            batch_bytes: AtomicUsize::new(4 << 20),
            batch_target_us: AtomicU64::new(2000),
            sync: AtomicU8::new(SyncPolicy::EverySecond as u8),
        }
    }

    /// The policy in force.
    pub fn sync_policy(&self) -> SyncPolicy {
        match self.sync.load(Ordering::Relaxed) {
            0 => SyncPolicy::Always,
            1 => SyncPolicy::EverySecond,
            _ => SyncPolicy::Never,
        }
    }

    /// Changes the policy for the batches that follow.
    pub fn set_sync_policy(&self, policy: SyncPolicy) {
        self.sync.store(policy as u8, Ordering::Relaxed);
    }
}
