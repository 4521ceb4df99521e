//! The numbers that `INFO`, `CLIENT LIST` and the health pages tell, as plain data.
//!
//! Either runtime publishes its part; whoever formats them waits for nobody, so that `INFO` answers even
//! while storage does not.

/// The Redis version whose behaviour this server has. Clients switch features on it.
pub const REDIS_VERSION: &str = "7.2.4";

/// A client as `CLIENT LIST` shows it.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are those of CLIENT LIST")]
pub struct ClientFacts {
    pub id: u64,
    pub address: String,
    pub local_address: String,
    pub fd: i32,
    pub name: String,
    pub age_seconds: u64,
    pub idle_seconds: u64,
    pub db: u16,
    pub user: String,
    pub library_name: String,
    pub library_version: String,
    pub resp: u8,
    pub unix_socket: bool,
    pub no_evict: bool,
    pub no_touch: bool,
    pub query_buffer_bytes: usize,
    pub output_buffer_bytes: usize,
    pub last_command: &'static str,
    pub network_bytes_in: u64,
    pub network_bytes_out: u64,
    pub commands: u64,
    /// Channels, patterns and shard channels that it is subscribed to.
    pub subscriptions: [usize; 3],
    /// Commands queued by `MULTI`; None outside of one.
    pub queued: Option<usize>,
    /// What they occupy, in bytes.
    pub queued_bytes: usize,
    /// It waits for others (`BLPOP`...).
    pub blocked: bool,
    /// It is closed as soon as its replies are sent.
    pub closing: bool,
    /// Room left in the query buffer.
    pub query_buffer_free_bytes: usize,
    /// Of the command that is being read.
    pub argument_bytes: usize,
    /// Replies that wait to be written, beyond the output buffer.
    pub output_list_len: usize,
    /// Their bytes.
    pub output_list_bytes: usize,
    /// Everything that the client occupies.
    pub total_bytes: usize,
}

impl ClientFacts {
    /// What `CLIENT LIST TYPE` calls it.
    pub fn kind(&self) -> &'static str {
        if self.subscriptions == [0; 3] { "normal" } else { "pubsub" }
    }
}

/// The process and its build.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are those of INFO's server section")]
pub struct ServerFacts {
    pub version: String,
    pub run_id: String,
    pub tcp_port: u16,
    pub executable: String,
    pub config_file: String,
    pub runtime_mode: &'static str,
    pub network_threads: usize,
    pub storage_threads: usize,
    pub started_unix_us: u64,
    pub now_unix_us: u64,
    pub hz: u64,
    pub shutting_down: bool,
    /// System, release and machine, as `uname` tells them.
    pub os: String,
    pub process_id: u32,
    pub build_id: String,
    /// The version of the compiler.
    pub compiler: String,
    /// `no`, `systemd` or `upstart`.
    pub supervised: &'static str,
    /// Kind (`tcp`, `tls`, `unix`), address and port of each listener.
    pub listeners: Vec<(&'static str, String, u16)>,
    /// 40 hexadecimal digits that change when the history of the data set does.
    pub replication_id: String,
}

/// Connections and traffic, counted by the network runtime since the start or `CONFIG RESETSTAT`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are those of INFO's clients and stats sections")]
pub struct NetworkFacts {
    pub connected_clients: u64,
    pub maxclients: u64,
    pub blocked_clients: u64,
    pub client_recent_max_input_buffer: u64,
    pub client_recent_max_output_buffer: u64,
    pub total_connections_received: u64,
    pub rejected_connections: u64,
    pub total_commands_processed: u64,
    pub ops_per_second: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    pub input_kbps: f64,
    pub output_kbps: f64,
    pub total_error_replies: u64,
    pub reads_processed: u64,
    pub writes_processed: u64,
    pub query_buffer_limit_disconnections: u64,
    pub output_buffer_limit_disconnections: u64,
    pub clients_in_timeout_table: u64,
    pub tracking_clients: u64,
    pub total_blocking_keys: u64,
    /// Those for which somebody waits whom it concerns too if the key goes.
    pub total_blocking_keys_on_nokey: u64,
    pub pubsub_clients: u64,
    pub pubsub_channels: u64,
    pub pubsub_patterns: u64,
    pub pubsubshard_channels: u64,
    /// Memory of all clients.
    pub clients_bytes: u64,
    /// Failed authentications.
    pub auth_failures: u64,
    /// Panics that took only their client with them.
    pub panics_fenced: u64,
    /// Network threads that were started again.
    pub thread_restarts: u64,
}

/// How values are spread: times in microseconds, or numbers of things.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// Values since the start or `CONFIG RESETSTAT`.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The value that half of them do not exceed.
    pub p50: f64,
    /// The value that 99 of 100 do not exceed.
    pub p99: f64,
    /// The value that 999 of 1000 do not exceed.
    pub p999: f64,
    /// The greatest.
    pub max: f64,
}

/// One of the two runtimes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeFacts {
    /// Threads that poll its tasks.
    pub threads: u64,
    /// Tasks that are not finished.
    pub tasks: u64,
    /// Tasks that wait in its common queue.
    pub queued_tasks: u64,
    /// Share of the last second that its threads were busy, 0 to 1.
    pub busy_ratio: f64,
    /// Time that its threads were busy, in microseconds.
    pub busy_us: u64,
    /// Times that a thread had nothing to do and waited: turns of its event loop.
    pub turns: u64,
    /// Turns a second, lately.
    pub turns_per_second: f64,
    /// Time from a task's wake-up to its poll, in microseconds.
    pub poll_delay_us: Spread,
    /// Since when its most silent thread was not seen, in ms. A probe runs ten times a second.
    pub silent_ms: u64,
}

/// The crossing.
#[derive(Clone, Debug, Default)]
pub struct CrossingFacts {
    /// Requests waiting now.
    pub queue_requests: u64,
    /// Bytes of them.
    pub queue_bytes: u64,
    /// Requests taken by storage so far.
    pub requests: u64,
    /// Refused requests and long commands, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// Times that a sender found the channel full.
    pub full: u64,
    /// Waiting times in the queue, in microseconds.
    pub wait_us: Spread,
    /// How long the oldest that waits has waited, in ms.
    pub oldest_wait_ms: u64,
    /// How long ago storage took something, in ms.
    pub last_take_ms: u64,
    /// Most requests that may wait.
    pub queue_requests_max: u64,
    /// Most bytes that may wait.
    pub queue_bytes_max: u64,
    /// What the network runtime knows of the storage workers.
    pub supervision: SupervisionFacts,
}

/// What a storage worker told of itself last.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerFacts {
    /// `resting`, `busy`, `dead` or `absent`.
    pub vitality: &'static str,
    /// How long ago it told so, in ms.
    pub silent_ms: u64,
    /// The request in hand, where it is busy; else the last one.
    pub request: u64,
    /// Turns that it has finished.
    pub turns: u64,
    /// Times that it was replaced.
    pub restarts: u64,
}

impl WorkerFacts {
    /// How long it has had the same request in hand, or has been dead, in ms; zero if it rests.
    pub fn held_up_ms(&self) -> u64 {
        if self.vitality == "resting" { 0 } else { self.silent_ms }
    }
}

/// How storage is, seen from the network runtime.
#[derive(Clone, Debug, Default)]
pub struct SupervisionFacts {
    /// `ok`, `degraded` or `down`.
    pub health: &'static str,
    /// Since when, in Unix ms.
    pub health_since_ms: u64,
    /// `closed`, `open` or `half-open`.
    pub circuit: &'static str,
    /// Since when, in Unix ms.
    pub circuit_since_ms: u64,
    /// Times that the circuit opened.
    pub circuit_opened: u64,
    /// Times that a worker was found late or dead.
    pub stalls: u64,
    /// Times that the storage runtime was replaced.
    pub runtime_restarts: u64,
    /// Begun in vain and put off.
    pub deferred: u64,
    /// Commits that failed.
    pub failed_commits: u64,
    /// The storage workers.
    pub workers: Vec<WorkerFacts>,
}

/// The storage runtime's side, as last published by it.
#[derive(Clone, Debug, Default)]
pub struct StorageFacts {
    /// Per database: keys, and keys with an expiry.
    pub databases: Vec<(u64, u64)>,
    /// Keys that expired.
    pub expired_keys: u64,
    /// Fields of hashes that expired.
    pub expired_fields: u64,
    /// Values of many parts that were freed in the background.
    pub freed_values: u64,
    /// Those that still wait for it.
    pub unfreed_values: u64,
    /// Reads that found their key.
    pub keyspace_hits: u64,
    /// Reads that did not.
    pub keyspace_misses: u64,
    /// Turns of the workers.
    pub batches: u64,
    /// Commands in them.
    pub batch_commands: u64,
    /// Commands that a worker takes at most now.
    pub batch_limit: u64,
    /// What a worker believes that one costs it, in ns.
    pub command_cost_ns: u64,
    /// Batches that had something to write.
    pub commits: u64,
    /// Write commands in those.
    pub commit_write_commands: u64,
    /// Time in commits, in microseconds.
    pub commit_us: u64,
    /// Commands of each turn.
    pub batch_size: Spread,
    /// Time of each commit, in microseconds.
    pub commit_time_us: Spread,
    /// Time of each sync that is not part of a commit, in microseconds.
    pub sync_time_us: Spread,
    /// Syncs that are part of a commit, by RocksDB's own count.
    pub commit_syncs: u64,
    /// Their time, in microseconds: all of it, what 99 of 100 did not exceed, and the longest.
    pub commit_sync_us: [u64; 3],
    /// Handlers that panicked.
    pub panics: u64,
    /// Workers that died and were replaced.
    pub worker_restarts: u64,
    /// Age of what RocksDB and the hot tier said last, in ms.
    pub snapshot_age_ms: u64,
    /// Commands that ran on the reader pool.
    pub long_reads: u64,
    /// Write calls by RocksDB's own count.
    pub engine_writes: u64,
    /// WAL syncs by RocksDB's own count.
    pub engine_wal_syncs: u64,
    /// Bytes in the WAL by RocksDB's own count.
    pub engine_wal_bytes: u64,
    /// Bytes flushed.
    pub engine_flush_bytes: u64,
    /// Bytes compacted.
    pub engine_compaction_bytes: u64,
    /// Block cache hits.
    pub engine_cache_hits: u64,
    /// Block cache misses.
    pub engine_cache_misses: u64,
    /// Records that several threads read at once, as they came from the disk.
    pub engine_parallel_reads: u64,
    /// Time that writes were held back by RocksDB, in microseconds.
    pub engine_stall_us: u64,
    /// Times that a request was put off as writes were held back.
    pub writes_held: u64,
    /// How far RocksDB holds writes back now: `normal`, `delayed` or `stopped`.
    pub engine_stall: &'static str,
    /// For how long that has been so, in ms.
    pub engine_stall_ms: u64,
    /// Times that writes began to be held back.
    pub engine_stalls: u64,
    /// Times that they were stopped.
    pub engine_stops: u64,
    /// Memtables flushed.
    pub engine_flushes: u64,
    /// Compactions.
    pub engine_compactions: u64,
    /// Errors of RocksDB's background work.
    pub engine_background_errors: u64,
    /// Times that such an error was overcome.
    pub engine_resumes: u64,
    /// Why writes are refused; None: they are not.
    pub refusal: Option<String>,
    /// Bytes in the hot tier.
    pub hot_tier_bytes: u64,
    /// Most bytes there.
    pub hot_tier_bytes_max: u64,
    /// Records there.
    pub hot_tier_records: u64,
    /// Lookups that it answered.
    pub hot_tier_hits: u64,
    /// Lookups that went on to RocksDB.
    pub hot_tier_misses: u64,
    /// Memtables.
    pub memtable_bytes: u64,
    /// Block cache.
    pub block_cache_bytes: u64,
    /// What it may hold at present: it follows the files, unless `block-cache-size` is given.
    pub block_cache_capacity: u64,
    /// Live table and blob files.
    pub disk_bytes: u64,
    /// Files that wait to be deleted, at a rate that leaves the disk to others.
    pub trash_bytes: u64,
    /// Unix time of the last checkpoint.
    pub last_save_unix: u64,
    /// True if the last checkpoint succeeded.
    pub last_save_ok: bool,
    /// True while a checkpoint is written.
    pub save_in_progress: bool,
    /// Duration of the last checkpoint in seconds; -1: none yet.
    pub last_save_seconds: i64,
    /// True after a failed sync.
    pub poisoned: bool,
    /// Write commands since the last checkpoint.
    pub changes_since_save: u64,
    /// Checkpoints since the start.
    pub saves: u64,
    /// Threads of the reader pool that are busy.
    pub long_reads_running: u64,
    /// Commands that wait for one.
    pub long_reads_waiting: u64,
}

/// How a part of the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Condition {
    /// Well.
    #[default]
    Ok = 0,
    /// It works, but not as it should.
    Degraded = 1,
    /// It does not work.
    Failed = 2,
}

impl Condition {
    /// The word for it on the health pages and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Ok => "ok",
            Condition::Degraded => "degraded",
            Condition::Failed => "failed",
        }
    }
}

/// The state of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHealth {
    /// `network_runtime`, `storage_runtime`, `channel` or `rocksdb`.
    pub name: &'static str,
    /// How it is.
    pub condition: Condition,
    /// Why it is so; empty where all is well.
    pub reason: String,
    /// Since when it is so, in Unix ms.
    pub since_unix_ms: u64,
}

/// The state of the server.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// The network threads turn: the process need not be killed.
    pub live: bool,
    /// Its parts.
    pub parts: Vec<PartHealth>,
}

impl Health {
    /// The worst condition of all parts.
    pub fn condition(&self) -> Condition {
        self.parts.iter().map(|part| part.condition).max().unwrap_or_default()
    }

    /// Commands are served.
    pub fn is_ready(&self) -> bool {
        self.live && self.condition() < Condition::Failed
    }
}

/// Memory of the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryFacts {
    /// Allocated by the program, RocksDB included.
    pub allocated_bytes: u64,
    /// In pages with live allocations.
    pub active_bytes: u64,
    /// Held resident by the allocator.
    pub resident_bytes: u64,
    /// Resident set size as the operating system counts it.
    pub rss_bytes: u64,
    /// The greatest `allocated_bytes` seen.
    pub peak_bytes: u64,
    /// Memory of the machine.
    pub system_bytes: u64,
    /// `maxmemory`.
    pub maxmemory_bytes: u64,
    /// `maxmemory-policy`.
    pub maxmemory_policy: String,
    /// `allocated_bytes` once the server had started.
    pub startup_bytes: u64,
}

/// CPU time of the process in seconds.
#[derive(Clone, Debug, Default)]
pub struct CpuFacts {
    /// In the kernel.
    pub system: f64,
    /// In the program.
    pub user: f64,
}

/// Everything together.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field's type says it")]
pub struct Facts {
    pub server: ServerFacts,
    pub network: NetworkFacts,
    pub crossing: CrossingFacts,
    pub network_runtime: RuntimeFacts,
    pub storage_runtime: RuntimeFacts,
    /// Lines of the log that were dropped because its file or terminal did not take them in time.
    pub log_lines_dropped: u64,
    pub storage: StorageFacts,
    pub memory: MemoryFacts,
    pub cpu: CpuFacts,
    /// `appendfsync` is on at all: what `aof_enabled` says.
    pub aof_enabled: bool,
}
