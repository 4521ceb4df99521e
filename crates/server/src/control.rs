//! What session commands reach of the process: its configuration, its numbers, its end.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bridge::{MessageChannel, Refusal, RuntimePart, Sign};
use commands::facts::{CrossingFacts, Facts, Health, ServerFacts, StorageFacts, SupervisionFacts, WorkerFacts};
use commands::{Configuring, Error, Result, RuntimeName, Shutdown, Slice};
use network::Control;
use parking_lot::Mutex;
use storage::StorageServer;
use tokio::sync::mpsc;

use crate::apply::{Targets, apply};
use crate::config::{Config, Origin, is_secret, looks_at_files};
use crate::health::Watch;
use crate::logging::LostLines;
use crate::observer::{Observer, numbers, times_us};
use crate::runtime_config::{RuntimeConfig, RuntimeMode};

/// See the module's text.
pub struct ServerControl {
    config: Mutex<Config>,
    targets: Targets,
    runtime: RuntimeConfig,
    channel: Arc<MessageChannel<Slice, Slice>>,
    /// Set once storage has started, before the first client is accepted.
    storage: OnceLock<Arc<StorageServer>>,
    shutdown: mpsc::Sender<Shutdown>,
    restarts: mpsc::Sender<RuntimeName>,
    /// What does not change.
    server: ServerFacts,
    observer: Observer,
    lost_lines: LostLines,
    watch: Watch,
}

impl ServerControl {
    pub(crate) fn new(
        config: Config,
        targets: Targets,
        runtime: RuntimeConfig,
        channel: Arc<MessageChannel<Slice, Slice>>,
        (shutdown, restarts): (mpsc::Sender<Shutdown>, mpsc::Sender<RuntimeName>),
        server: ServerFacts,
        lost_lines: LostLines,
    ) -> Self {
        ServerControl {
            config: Mutex::new(config),
            targets,
            runtime,
            channel,
            storage: OnceLock::new(),
            shutdown,
            restarts,
            server,
            observer: Observer::default(),
            lost_lines,
            watch: Watch::default(),
        }
    }

    /// Tells which storage to ask for numbers.
    pub(crate) fn set_storage(&self, storage: Arc<StorageServer>) {
        apply(&self.config.lock(), &self.targets, storage.keyspace());
        if self.storage.set(storage).is_err() {
            tracing::error!("storage was started twice");
        }
    }

    /// What is looked at from time to time.
    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    fn crossing(&self) -> CrossingFacts {
        let metrics = self.channel.metrics();
        let channel = &metrics.channel;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CrossingFacts {
            queue_requests: load(&channel.depth_requests),
            queue_bytes: load(&channel.depth_bytes),
            queue_requests_max: self.runtime.channel.requests as u64,
            queue_bytes_max: self.runtime.channel.bytes as u64,
            requests: load(&channel.taken),
            refused: Refusal::ALL.map(|reason| (reason.name(), metrics.refusals.of(reason))).into(),
            full: load(&channel.full),
            wait_us: times_us(&channel.wait.snapshot()),
            oldest_wait_ms: ms(metrics.oldest_wait()),
            last_take_ms: ms(metrics.age_of(load(&channel.last_take_ns))),
            supervision: self.supervision(),
        }
    }

    fn storage_facts(&self) -> StorageFacts {
        let metrics = self.channel.metrics();
        StorageFacts {
            batch_size: numbers(&metrics.batch_size.snapshot()),
            commit_time_us: times_us(&metrics.commit_time.snapshot()),
            sync_time_us: times_us(&metrics.sync_time.snapshot()),
            ..self.storage.get().map(|storage| storage.facts()).unwrap_or_default()
        }
    }

    fn supervision(&self) -> SupervisionFacts {
        let (circuit, metrics) = (self.channel.circuit(), self.channel.metrics());
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SupervisionFacts {
            health: circuit.health().name(),
            health_since_ms: circuit.health_since_ms(),
            circuit: circuit.state().name(),
            circuit_since_ms: circuit.state_since_ms(),
            circuit_opened: circuit.opened(),
            stalls: load(&metrics.stalls),
            runtime_restarts: load(&metrics.runtime_restarts),
            deferred: load(&metrics.channel.deferred),
            failed_commits: load(&metrics.failed_commits),
            workers: self.channel.heartbeats().signs(Instant::now()).into_iter().map(worker_facts).collect(),
        }
    }
}

impl Control for ServerControl {
    fn database_count(&self) -> u16 {
        self.storage.get().map_or(1, |storage| storage.keyspace().database_count())
    }

    fn facts(&self) -> Facts {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut memory = self.observer.memory();
        let (hz, aof_enabled);
        {
            // Held for moments: network threads ask for options too.
            let config = self.config.lock();
            memory.maxmemory_bytes = config.get_bytes("maxmemory");
            config.get_enum("maxmemory-policy").clone_into(&mut memory.maxmemory_policy);
            hz = config.get_int("hz").unsigned_abs();
            aof_enabled = config.get_bool("appendonly");
        }
        let metrics = self.channel.metrics();
        let silent = |part: &RuntimePart| metrics.age_of(part.last_beat_ns());
        Facts {
            server: ServerFacts {
                now_unix_us: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
                hz,
                ..self.server.clone()
            },
            crossing: self.crossing(),
            network_runtime: self.observer.network(&metrics.network, silent(&metrics.network)),
            storage_runtime: self.observer.storage(&metrics.storage, silent(&metrics.storage)),
            storage: self.storage_facts(),
            memory,
            cpu: self.observer.cpu(),
            log_lines_dropped: self.lost_lines.count(),
            aof_enabled,
            ..Facts::default()
        }
    }

    fn health(&self, facts: &Facts) -> Health {
        self.watch.look(facts)
    }

    fn reset_stats(&self) {
        if let Some(storage) = self.storage.get() {
            storage.reset_stats();
        }
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.config.lock().matching(patterns, |pattern, name| data::glob::matches(pattern, name, true))
    }

    fn config_set(&self, pairs: &[(&[u8], &[u8])]) -> Result<()> {
        let (config, changed) = loop {
            // Looked at without the lock, as values may name directories; then nobody may have changed it meanwhile.
            let before = self.config.lock().clone();
            let mut after = before.clone();
            let changed =
                after.set(pairs, Origin::Remote).map_err(|error| Error::quoting("ERR {}", &[&error.text()]))?;
            let mut config = self.config.lock();
            if config.agrees_with(&before) {
                *config = after;
                break (config, changed);
            }
        };
        for name in changed {
            let value = if is_secret(name.as_bytes()) { "(secret)".to_owned() } else { value_of(&config, name) };
            tracing::info!("option {name} is now '{value}'");
        }
        if let Some(storage) = self.storage.get() {
            apply(&config, &self.targets, storage.keyspace());
        }
        Ok(())
    }

    fn config_waits(&self, name: &[u8]) -> bool {
        looks_at_files(name)
    }

    fn configure(&self, what: &Configuring) -> Result<()> {
        match what {
            Configuring::Set(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
                self.config_set(&pairs)
            }
            Configuring::Rewrite => {
                let config = self.config.lock().clone();
                config.rewrite(&[]).map_err(|error| Error::formatted(format!("ERR {error}")))
            }
        }
    }

    fn set_active_expire(&self, on: bool) {
        if let Some(storage) = self.storage.get() {
            storage.set_active_expire(on);
        }
    }

    fn restart_runtime(&self, which: RuntimeName) -> Result<()> {
        if self.runtime.mode == RuntimeMode::Single {
            return Err(Error::sentence("ERR with runtime-mode single the runtimes are one"));
        }
        self.restarts.try_send(which).map_err(|_| Error::sentence("ERR a restart is under way already"))
    }

    fn shutdown(&self, how: Shutdown) {
        // Full means that the server is stopping already.
        if self.shutdown.try_send(how).is_err() {
            tracing::debug!("a shutdown is under way");
        }
    }
}

fn worker_facts(sign: Sign) -> WorkerFacts {
    WorkerFacts {
        vitality: sign.vitality.name(),
        silent_ms: ms(sign.silent),
        request: sign.request,
        turns: sign.turns,
        restarts: sign.restarts,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An option as `CONFIG GET` shows it.
fn value_of(config: &Config, name: &str) -> String {
    let found = config.matching(&[name.as_bytes()], |pattern, name| pattern == name);
    found.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
