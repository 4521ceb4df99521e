//! The storage runtime's side as a whole: started, asked for its numbers, stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bridge::MessageChannel;
use commands::Slice;
use commands::facts::StorageFacts;
use data::Keyspace;
use engine::Engine;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::background;
use crate::checkpoint::CheckpointKeeper;
use crate::crew::Crew;
use crate::limits::StorageSettings;
use crate::shared::Shared;

/// How long a crew that is replaced has to finish its turns before the next one starts beside it.
const HANDOVER: Duration = Duration::from_millis(500);
/// What the database has at least for its last sync, however long the workers took.
const CLOSE_MIN: Duration = Duration::from_secs(2);
/// How long a stop waits for long commands, which it has cancelled.
const READERS_STOP_LIMIT: Duration = Duration::from_secs(1);

/// Takes requests from the channel and answers them, on the runtime that it is started on.
pub struct StorageServer {
    shared: Arc<Shared>,
    /// None once it was stopped.
    crew: Mutex<Option<Crew>>,
    /// Crews that were replaced while some of their workers hung.
    left_behind: Mutex<Vec<Crew>>,
    background: Mutex<Vec<JoinHandle<()>>>,
}

/// What a [`StorageServer`] serves, and where.
pub struct StorageParts {
    /// The open database.
    pub engine: Arc<Engine>,
    /// Its state.
    pub keyspace: Arc<Keyspace>,
    /// Limits and policies.
    pub settings: Arc<StorageSettings>,
    /// Where requests come from.
    pub channel: Arc<MessageChannel<Slice, Slice>>,
    /// Where checkpoints go.
    pub checkpoint_directory: PathBuf,
    /// How many are kept.
    pub checkpoint_keep: usize,
    /// The runtimes that the workers run on, in turn, and the pool's first.
    pub handles: Vec<Handle>,
}

impl StorageServer {
    /// Starts workers and background tasks.
    pub fn start(parts: StorageParts) -> StorageServer {
        let checkpoints = CheckpointKeeper::new(parts.checkpoint_directory, parts.checkpoint_keep);
        let shared = Arc::new(Shared::new(
            parts.engine,
            parts.keyspace,
            parts.settings,
            parts.channel,
            checkpoints,
            parts.handles[0].clone(),
        ));
        if let Err(error) = crate::readers::start(&shared) {
            tracing::error!(%error, "the reader pool has fewer threads than were asked for");
        }
        let crew = Crew::start(&shared, &parts.handles);
        let background = background::start(&shared, &parts.handles[0]);
        StorageServer {
            shared,
            crew: Mutex::new(Some(crew)),
            left_behind: Mutex::default(),
            background: Mutex::new(background),
        }
    }

    /// Puts new workers and background tasks on other runtimes in the place of the old ones. A worker that hangs is
    /// left behind: it ends when it comes back.
    pub async fn restart(&self, handles: &[Handle]) {
        let Some(first) = handles.first() else { return };
        self.background.lock().drain(..).for_each(|task| task.abort());
        let old = self.crew.lock().take();
        if let Some(mut old) = old {
            old.dismiss();
            if !old.gone(HANDOVER).await {
                tracing::warn!("a storage worker does not come back; it is left behind");
                self.left_behind.lock().push(old);
            }
        }
        self.shared.set_handle(first.clone());
        *self.crew.lock() = Some(Crew::start(&self.shared, handles));
        *self.background.lock() = background::start(&self.shared, first);
    }

    /// Finishes what waits in the channel, which is closed, then syncs and closes the database.
    ///
    /// # Errors
    /// With a sentence for the log, if the workers or the database do not come to an end within a time.
    pub async fn stop(&self, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        let crew = self.crew.lock().take();
        let mut crews = std::mem::take(&mut *self.left_behind.lock());
        crews.extend(crew);
        let mut workers_ended = true;
        for crew in &mut crews {
            workers_ended &= crew.gone(deadline.saturating_duration_since(Instant::now())).await;
        }
        self.shared.readers.close();
        self.background.lock().drain(..).for_each(|task| task.abort());
        if !workers_ended {
            return Err("a storage worker does not come to an end".to_owned());
        }
        let shared = self.shared.clone();
        let closing = self.shared.handle().spawn_blocking(move || {
            shared.readers.wait_until_idle(READERS_STOP_LIMIT);
            shared.sync_if_needed();
            shared.engine.quiesce();
        });
        let left = deadline.saturating_duration_since(Instant::now()).max(CLOSE_MIN);
        match tokio::time::timeout(left, closing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the database could not be closed in order: {error}")),
            Err(_) => Err("the database does not come to an end".to_owned()),
        }
    }

    /// Numbers for `INFO`: live where a counter of ours tells them, and else as last published. Waits for nobody.
    pub fn facts(&self) -> StorageFacts {
        let shared = &self.shared;
        let (keyspace, metrics, checkpoints) = (&shared.keyspace, shared.metrics(), &shared.checkpoints);
        let count = |db| {
            let count = keyspace.count(db);
            (count.keys, count.volatile)
        };
        let (readers_running, readers_waiting) = shared.readers.load();
        let published = shared.published.last();
        let engine = published.engine;
        let (hot_hits, hot_misses) = keyspace.hot().lookups();
        let (health, events) = (shared.engine.health(), shared.engine.event_counts());
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        StorageFacts {
            databases: (0..keyspace.database_count()).map(count).collect(),
            expired_keys: load(&keyspace.expired_keys),
            expired_fields: load(&keyspace.expired_fields),
            freed_values: load(&keyspace.freed_values),
            unfreed_values: u64::try_from(keyspace.unfreed_values.load(Ordering::Relaxed)).unwrap_or(0),
            keyspace_hits: load(&keyspace.hits),
            keyspace_misses: load(&keyspace.misses),
            batches: load(&metrics.batches),
            batch_commands: load(&metrics.batch_commands),
            batch_limit: load(&metrics.batch_limit),
            command_cost_ns: load(&metrics.command_cost_ns),
            commits: load(&metrics.commits),
            commit_write_commands: load(&metrics.commit_write_commands),
            commit_us: load(&metrics.commit_ns) / 1000,
            commit_syncs: engine.commit_syncs,
            commit_sync_us: [engine.commit_sync_micros, engine.commit_sync_micros_p99, engine.commit_sync_micros_max],
            panics: load(&metrics.panics),
            worker_restarts: load(&metrics.worker_restarts),
            long_reads: load(&metrics.long_reads),
            engine_writes: engine.writes,
            engine_wal_syncs: engine.wal_syncs,
            engine_wal_bytes: engine.wal_bytes,
            engine_flush_bytes: engine.flush_bytes,
            engine_compaction_bytes: engine.compaction_bytes,
            engine_cache_hits: engine.cache_hits,
            engine_cache_misses: engine.cache_misses,
            engine_parallel_reads: engine.parallel_reads,
            engine_stall_us: events.stall_micros,
            writes_held: shared.gate.held(),
            engine_stall: health.stall.name(),
            engine_stall_ms: u64::try_from(health.stall_since.elapsed().as_millis()).unwrap_or(u64::MAX),
            engine_stalls: events.stalls,
            engine_stops: events.stops,
            engine_flushes: events.flushes,
            engine_compactions: events.compactions,
            engine_background_errors: events.background_errors,
            engine_resumes: events.resumes,
            refusal: shared.engine.refusal().map(|error| error.cause().to_owned()),
            hot_tier_bytes: published.hot_bytes,
            hot_tier_bytes_max: published.hot_bytes_max,
            hot_tier_records: published.hot_records,
            hot_tier_hits: hot_hits,
            hot_tier_misses: hot_misses,
            memtable_bytes: published.sizes.memtable_bytes,
            block_cache_bytes: published.sizes.block_cache_bytes,
            block_cache_capacity: published.sizes.block_cache_capacity,
            disk_bytes: published.sizes.table_bytes,
            trash_bytes: published.sizes.trash_bytes,
            snapshot_age_ms: u64::try_from(published.age().as_millis()).unwrap_or(u64::MAX),
            changes_since_save: changes_since(
                load(&checkpoints.saved_write_commands),
                load(&metrics.commit_write_commands),
            ),
            saves: load(&checkpoints.saves),
            long_reads_running: readers_running as u64,
            long_reads_waiting: readers_waiting as u64,
            last_save_unix: load(&checkpoints.last_save_unix),
            last_save_ok: checkpoints.last_ok.load(Ordering::Relaxed),
            save_in_progress: checkpoints.is_running(),
            last_save_seconds: checkpoints.last_seconds.load(Ordering::Relaxed),
            poisoned: shared.engine.is_poisoned(),
            ..StorageFacts::default()
        }
    }

    /// The databases, for their settings and counters.
    pub fn keyspace(&self) -> &Keyspace {
        &self.shared.keyspace
    }

    /// Zeroes the counters (`CONFIG RESETSTAT`), except what the last checkpoint is compared with.
    pub fn reset_stats(&self) {
        let (metrics, checkpoints) = (self.shared.metrics(), &self.shared.checkpoints);
        let write_commands = metrics.commit_write_commands.load(Ordering::Relaxed);
        checkpoints.saved_write_commands.fetch_sub(write_commands, Ordering::Relaxed);
        metrics.reset();
        self.shared.keyspace.reset_stats();
    }

    /// Turns the removal of expired keys in the background on or off.
    pub fn set_active_expire(&self, on: bool) {
        self.shared.active_expire.store(on, Ordering::Relaxed);
    }

    /// Writes a checkpoint now, for `SHUTDOWN SAVE`.
    ///
    /// # Errors
    /// With a text for the log.
    pub fn save(&self) -> Result<(), String> {
        use commands::store::{Checkpoints, SaveError, SaveMode};
        crate::checkpoint::Checkpointing(&self.shared).save(SaveMode::Foreground).map_err(|error| match error {
            SaveError::InProgress => "a checkpoint is being written".to_owned(),
            SaveError::Failed(text) => text,
        })
    }
}

/// Both counters were lessened by the same when counters were zeroed, so that their difference stays, modulo 2^64.
fn changes_since(saved: u64, now: u64) -> u64 {
    u64::try_from(now.wrapping_sub(saved).cast_signed()).unwrap_or(0)
}
