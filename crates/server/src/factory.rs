//! Assembles a server from its options: opens the database, builds the channel and both sides of it. Starts no
//! thread: that is the [`RuntimeManager`](crate::runtime_manager::RuntimeManager)'s.

use std::path::PathBuf;
use std::sync::Arc;

use bridge::{MessageChannel, RuntimeMetrics};
use commands::facts::ServerFacts;
use commands::{HotRecords, RuntimeName, Shutdown, Slice};
use data::Keyspace;
use engine::Engine;
use network::{NetworkServer, NetworkSettings};
use storage::{StorageParts, StorageServer, StorageSettings};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::apply::Targets;
use crate::config::Config;
use crate::control::ServerControl;
use crate::identity;
use crate::listen::{self, Bound};
use crate::logging::{Log, LogLevel, LostLines};
use crate::machine::Machine;
use crate::runtime_config::RuntimeConfig;

/// The database's directory under `dir`.
const DATABASE_DIRECTORY: &str = "catamaran.db";

/// Builds servers. See the module's text.
pub struct ServerFactory {
    config: Config,
    machine: Machine,
    log_level: LogLevel,
    lost_lines: LostLines,
}

/// A server that is assembled but not started.
pub struct Assembled {
    /// The shape that it was built for.
    pub runtime: RuntimeConfig,
    /// The network's side.
    pub network: Arc<NetworkServer>,
    /// What session commands reach.
    pub control: Arc<ServerControl>,
    /// The crossing.
    pub channel: Arc<MessageChannel<Slice, Slice>>,
    /// The sockets.
    pub bound: Bound,
    /// What clients ask of the process.
    pub requests: Requests,
    storage: StorageRecipe,
}

/// What clients ask of the process around both runtimes.
pub struct Requests {
    /// `SHUTDOWN`.
    pub shutdown: mpsc::Receiver<Shutdown>,
    /// `DEBUG RESTART-RUNTIME`.
    pub restart: mpsc::Receiver<RuntimeName>,
}

struct StorageRecipe {
    engine: Arc<Engine>,
    keyspace: Arc<Keyspace>,
    settings: Arc<StorageSettings>,
    checkpoint_directory: PathBuf,
    checkpoint_keep: usize,
}

impl ServerFactory {
    /// A factory for a configuration.
    pub fn new(config: Config, machine: Machine, log: &Log) -> Self {
        ServerFactory { config, machine, log_level: log.level.clone(), lost_lines: log.lost_lines.clone() }
    }

    /// Opens the database and binds the sockets.
    ///
    /// # Errors
    /// With a sentence for the log: another process has the directory, a port is taken, the data is damaged.
    pub fn assemble(self) -> Result<Assembled, String> {
        let runtime = RuntimeConfig::derive(&self.config, &self.machine);
        let path = self.config.dir().join(DATABASE_DIRECTORY);
        let engine = Engine::open(&path, &runtime.engine).map_err(|error| error.to_string())?;
        for loss in engine.losses() {
            tracing::warn!("{loss}");
        }
        let engine = Arc::new(engine);
        let databases = u16::try_from(self.config.get_int("databases")).unwrap_or(u16::MAX);
        let keyspace = Keyspace::open(&engine, databases)
            .map_err(|error| format!("the database in {} cannot be used: {error}", path.display()))?
            .with_hot_tier(runtime.hot_tier_bytes);
        let keyspace = Arc::new(keyspace);
        let bound = listen::bind(&self.config)?;

        let metrics = Arc::new(RuntimeMetrics::new(runtime.network_threads));
        let channel = Arc::new(MessageChannel::new(runtime.channel, runtime.storage_threads, metrics));
        let settings =
            Arc::new(StorageSettings::new(runtime.storage_threads, runtime.reader_threads, runtime.reader_queue));
        let network_settings = Arc::new(NetworkSettings::default());
        let targets = Targets {
            network: network_settings.clone(),
            storage: settings.clone(),
            channel: channel.clone(),
            log_level: self.log_level,
        };
        let storage = StorageRecipe {
            engine,
            keyspace: keyspace.clone(),
            settings,
            checkpoint_directory: self.config.dir().join(&*self.config.get_str("checkpoint-dir")),
            checkpoint_keep: usize::try_from(self.config.get_int("checkpoint-keep")).unwrap_or(1),
        };
        let (shutdown, shutdown_requests) = mpsc::channel(1);
        let (restarts, restart_requests) = mpsc::channel(1);
        let requests = Requests { shutdown: shutdown_requests, restart: restart_requests };
        let facts = server_facts(&self.config, &self.machine, &runtime, &bound);
        let control = ServerControl::new(
            self.config,
            targets,
            runtime.clone(),
            channel.clone(),
            (shutdown, restarts),
            facts,
            self.lost_lines,
        );
        let control = Arc::new(control);
        let hot = HotRecords::new(keyspace);
        let network =
            NetworkServer::new(runtime.network_threads, network_settings, control.clone(), channel.clone(), hot);
        Ok(Assembled { runtime, network: Arc::new(network), control, channel, bound, requests, storage })
    }
}

impl Assembled {
    /// Starts the storage side on its runtimes, and tells the control about it.
    pub fn start_storage(self, handles: Vec<Handle>) -> (Started, Requests) {
        let storage = Arc::new(StorageServer::start(StorageParts {
            engine: self.storage.engine,
            keyspace: self.storage.keyspace,
            settings: self.storage.settings,
            channel: self.channel.clone(),
            checkpoint_directory: self.storage.checkpoint_directory,
            checkpoint_keep: self.storage.checkpoint_keep,
            handles,
        }));
        self.control.set_storage(storage.clone());
        let started = Started {
            runtime: self.runtime,
            network: self.network,
            control: self.control,
            channel: self.channel,
            bound: self.bound,
            storage,
        };
        (started, self.requests)
    }
}

/// A server whose storage runs.
pub struct Started {
    /// The shape that it was built for.
    pub runtime: RuntimeConfig,
    /// The network's side.
    pub network: Arc<NetworkServer>,
    /// What session commands reach.
    pub control: Arc<ServerControl>,
    /// The crossing.
    pub channel: Arc<MessageChannel<Slice, Slice>>,
    /// The sockets.
    pub bound: Bound,
    /// The storage's side.
    pub storage: Arc<StorageServer>,
}

fn server_facts(config: &Config, machine: &Machine, runtime: &RuntimeConfig, bound: &Bound) -> ServerFacts {
    let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    ServerFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: identity::random_hex(),
        replication_id: identity::random_hex(),
        tcp_port: u16::try_from(config.get_int("port")).unwrap_or(0),
        executable,
        config_file: config.file().map(|path| path.display().to_string()).unwrap_or_default(),
        runtime_mode: runtime.mode.name(),
        network_threads: runtime.network_threads,
        storage_threads: runtime.storage_threads,
        started_unix_us: identity::now_us(),
        os: machine.os.clone(),
        process_id: std::process::id(),
        supervised: "no",
        listeners: bound.facts.clone(),
        ..ServerFacts::default()
    }
}
