//! The server as session commands see it, and what the network runtime asks of the process around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bridge::{MessageChannel, RuntimeMetrics};
use commands::facts::{ClientFacts, Facts, Health};
use commands::{ClientFilter, Command, Configuring, Error, Host, Result, RuntimeName, Session, Shutdown, Slice};

use tokio::sync::{Mutex, Notify};

use crate::clients::Clients;
use crate::metrics::NetworkMetrics;
use crate::parked::{self, Waiting};
use crate::settings::NetworkSettings;

/// What only the process knows: its configuration, the other runtime's numbers, how to stop. Nothing here may
/// wait.
pub trait Control: Send + Sync {
    /// How many databases there are.
    fn database_count(&self) -> u16;
    /// Fills in everything that is not the network's own.
    fn facts(&self) -> Facts;
    /// How the server is, by its numbers.
    fn health(&self, facts: &Facts) -> Health;
    /// Zeroes counters that are not the network's own.
    fn reset_stats(&self);
    /// Options whose names match.
    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// Sets options, all or none.
    ///
    /// # Errors
    /// With Redis's text.
    fn config_set(&self, pairs: &[(&[u8], &[u8])]) -> Result<()>;
    /// True if setting an option looks at files.
    fn config_waits(&self, name: &[u8]) -> bool;
    /// Changes the configuration where that has to wait for files: the one thing here that may, and not called on a
    /// network thread.
    ///
    /// # Errors
    /// With Redis's text.
    fn configure(&self, what: &Configuring) -> Result<()>;
    /// Turns the removal of expired keys in the background on or off.
    fn set_active_expire(&self, on: bool);
    /// Begins to replace a runtime.
    ///
    /// # Errors
    /// If both are one.
    fn restart_runtime(&self, which: RuntimeName) -> Result<()>;
    /// Begins to stop the server.
    fn shutdown(&self, how: Shutdown);
}

/// `CLIENT PAUSE`.
#[derive(Debug, Default)]
struct Pause {
    /// Unix ms; zero: none.
    until_ms: AtomicU64,
    writes_only: AtomicBool,
    ended: Notify,
}

/// What all network threads share.
pub(crate) struct Common {
    pub(crate) settings: Arc<NetworkSettings>,
    pub(crate) clients: Clients,
    pub(crate) metrics: NetworkMetrics,
    /// Of both runtimes and the channel.
    pub(crate) runtime: Arc<RuntimeMetrics>,
    pub(crate) waiting: Waiting,
    pub(crate) control: Arc<dyn Control>,
    /// Held by who waits for files of the configuration: one thread of a pool is enough for all who ask.
    files: Mutex<()>,
    pause: Pause,
    /// Set when the server stops: no new command is begun.
    pub(crate) stopping: AtomicBool,
    /// Network threads whose clients are all at rest while the server stops.
    pub(crate) threads_at_rest: AtomicUsize,
}

impl Common {
    pub(crate) fn new(
        settings: Arc<NetworkSettings>,
        control: Arc<dyn Control>,
        channel: &MessageChannel<Slice, Slice>,
    ) -> Self {
        Common {
            settings,
            clients: Clients::default(),
            metrics: NetworkMetrics::default(),
            runtime: channel.metrics().clone(),
            waiting: channel.parked().clone(),
            control,
            files: Mutex::new(()),
            pause: Pause::default(),
            stopping: AtomicBool::new(false),
            threads_at_rest: AtomicUsize::new(0),
        }
    }

    /// How the server is, by its numbers.
    pub(crate) fn health(&self, facts: &Facts) -> Health {
        self.control.health(facts)
    }

    /// Changes the configuration on the pool for what blocks, and waits for that as tasks do.
    pub(crate) async fn configure(&self, what: Configuring) -> Result<()> {
        let _turn = self.files.lock().await;
        let control = self.control.clone();
        let done = tokio::task::spawn_blocking(move || control.configure(&what)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "the configuration could not be changed");
            Err(Error::sentence("ERR internal error: the command failed"))
        })
    }

    /// Waits until a pause is ended before its time.
    pub(crate) async fn unpaused(&self) {
        self.pause.ended.notified().await;
    }

    /// How long a command has to wait for the end of a pause, in ms.
    pub(crate) fn pause_ms(&self, command: &Command, session: &Session) -> Option<u64> {
        let until = self.pause.until_ms.load(Ordering::Acquire);
        if until == 0 {
            return None;
        }
        // EXEC is what is queued.
        let queue = session.queue.as_ref().filter(|_| command.name == "exec");
        let mut queued = queue.iter().flat_map(|queue| queue.commands());
        let writes = command.is_write() || queued.any(|queued| queued.command.is_write());
        if self.pause.writes_only.load(Ordering::Relaxed) && !writes {
            return None;
        }
        let now = self.now_us() / 1000;
        (now < until).then(|| until - now)
    }
}

impl Host for Common {
    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn database_count(&self) -> u16 {
        self.control.database_count()
    }

    fn requires_auth(&self) -> bool {
        self.settings.requires_auth()
    }

    fn authenticate(&self, user: &[u8], password: &[u8]) -> bool {
        // Without a password the default user accepts any.
        let is_right = user == b"default" && (!self.requires_auth() || self.settings.password_matches(password));
        if !is_right {
            self.metrics.auth_failures.fetch_add(1, Ordering::Relaxed);
        }
        is_right
    }

    fn facts(&self) -> Facts {
        let maxclients = self.settings.maxclients.load(Ordering::Relaxed);
        let mut facts = self.control.facts();
        facts.network = self.metrics.facts(self.clients.count(), maxclients);
        facts.network.blocked_clients = self.waiting.count() as u64;
        facts.network.total_blocking_keys = self.waiting.topic_count() as u64;
        let on_no_key = self.waiting.topic_count_of(Slice::waits_for_absence);
        facts.network.total_blocking_keys_on_nokey = on_no_key as u64;
        facts.server.shutting_down = self.stopping.load(Ordering::Acquire);
        facts
    }

    fn reset_stats(&self) {
        self.metrics.reset();
        commands::stats::reset();
        self.control.reset_stats();
    }

    fn clients(&self, filter: &ClientFilter) -> Vec<ClientFacts> {
        let mut clients = self.clients.matching(filter);
        clients.iter_mut().for_each(|client| client.blocked = self.waiting.holds(client.id));
        clients
    }

    fn unblock_client(&self, id: u64, with_error: bool) -> bool {
        parked::unblock(&self.waiting, id, with_error)
    }

    fn kill_clients(&self, filter: &ClientFilter) -> usize {
        self.clients.kill(filter)
    }

    fn pause_clients(&self, until_ms: u64, writes_only: bool) {
        self.pause.writes_only.store(writes_only, Ordering::Relaxed);
        self.pause.until_ms.store(until_ms, Ordering::Release);
    }

    fn unpause_clients(&self) {
        self.pause.until_ms.store(0, Ordering::Release);
        self.pause.ended.notify_waiters();
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.control.config_get(patterns)
    }

    fn config_set(&self, pairs: &[(&[u8], &[u8])]) -> Result<()> {
        self.control.config_set(pairs)
    }

    fn config_waits(&self, name: &[u8]) -> bool {
        self.control.config_waits(name)
    }

    fn set_active_expire(&self, on: bool) {
        self.control.set_active_expire(on);
    }

    fn restart_runtime(&self, which: RuntimeName) -> Result<()> {
        self.control.restart_runtime(which)
    }

    fn log(&self, text: &str) {
        tracing::warn!("DEBUG LOG: {text}");
    }
}
