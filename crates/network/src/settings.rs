//! Options that the network runtime reads, as atomics: `CONFIG SET` takes effect with the next command.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

/// Replies that a client may leave unread (`client-output-buffer-limit normal`). Zero: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once.
    pub hard_bytes: usize,
    /// Bytes above which it is closed after a while.
    pub soft_bytes: usize,
    /// That while.
    pub soft_seconds: u64,
}

/// The options. Defaults are Redis's.
#[derive(Debug)]
pub struct NetworkSettings {
    /// `maxclients`.
    pub maxclients: AtomicU64,
    /// `timeout`, in seconds; zero: none.
    pub idle_timeout_s: AtomicU64,
    /// `tcp-keepalive`, in seconds; zero: none.
    pub tcp_keepalive_s: AtomicU64,
    /// `proto-max-bulk-len`.
    pub bulk_len_max: AtomicU64,
    /// `client-query-buffer-limit`.
    pub query_buffer_max: AtomicU64,
    /// `storage-queue-timeout`, in ms.
    pub storage_timeout_ms: AtomicU64,
    /// `protected-mode`.
    pub protected_mode: AtomicBool,
    /// `requirepass`; empty: none.
    pub password: RwLock<Vec<u8>>,
    /// `client-output-buffer-limit normal`.
    pub output_limit: RwLock<OutputLimit>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        NetworkSettings {
            maxclients: AtomicU64::new(10_000),
            idle_timeout_s: AtomicU64::new(0),
            tcp_keepalive_s: AtomicU64::new(300),
            bulk_len_max: AtomicU64::new(512 << 20),
            query_buffer_max: AtomicU64::new(1 << 30),
            storage_timeout_ms: AtomicU64::new(5000),
            protected_mode: AtomicBool::new(true),
            password: RwLock::default(),
            output_limit: RwLock::default(),
        }
    }
}

impl NetworkSettings {
    pub(crate) fn storage_timeout(&self) -> Duration {
        Duration::from_millis(self.storage_timeout_ms.load(Ordering::Relaxed))
    }

    /// True if clients have to give a password.
    pub fn requires_auth(&self) -> bool {
        !self.password.read().is_empty()
    }

    /// Compares a password in time that does not depend on where it differs.
    pub fn password_matches(&self, given: &[u8]) -> bool {
        let password = self.password.read();
        let differing = password.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
        password.len() == given.len() && differing == 0
    }
}
