//! What the workers, the reader pool and the background tasks have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bridge::{MessageChannel, RuntimeMetrics};
use commands::Slice;
use data::Keyspace;
use engine::{Durability, Engine, Stall};
use parking_lot::RwLock;
use tokio::runtime::Handle;

use crate::batch_processor::durability;
use crate::checkpoint::CheckpointKeeper;
use crate::gate::WriteGate;
use crate::latch::{Latches, Owner};
use crate::limits::StorageSettings;
use crate::published::Published;
use crate::readers::ReaderPool;

/// See the module's text.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) keyspace: Arc<Keyspace>,
    pub(crate) latches: Latches,
    pub(crate) settings: Arc<StorageSettings>,
    pub(crate) channel: Arc<MessageChannel<Slice, Slice>>,
    pub(crate) checkpoints: CheckpointKeeper,
    /// Where long commands run.
    pub(crate) readers: ReaderPool,
    /// Whether writes are begun.
    pub(crate) gate: WriteGate,
    /// Where blocking work off the workers goes. Another after a restart of the runtime.
    handle: RwLock<Handle>,
    /// The crew whose signs of life count.
    crew: AtomicU64,
    /// Users of the latches so far.
    owners: AtomicU32,
    /// Set by each commit, cleared by each sync.
    unsynced: AtomicBool,
    /// What `INFO` tells of RocksDB.
    pub(crate) published: Published,
    /// Removal of expired keys in the background (`DEBUG SET-ACTIVE-EXPIRE`).
    pub(crate) active_expire: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        engine: Arc<Engine>,
        keyspace: Arc<Keyspace>,
        settings: Arc<StorageSettings>,
        channel: Arc<MessageChannel<Slice, Slice>>,
        checkpoints: CheckpointKeeper,
        handle: Handle,
    ) -> Self {
        let readers = ReaderPool::new(settings.readers, settings.reader_queue);
        let published = Published::new(&engine, &keyspace);
        Shared {
            engine,
            keyspace,
            latches: Latches::default(),
            settings,
            channel,
            checkpoints,
            readers,
            gate: WriteGate::default(),
            handle: RwLock::new(handle),
            crew: AtomicU64::new(0),
            owners: AtomicU32::new(0),
            unsynced: AtomicBool::new(false),
            published,
            active_expire: AtomicBool::new(true),
        }
    }

    /// Where blocking work off the workers goes.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.read().clone()
    }

    pub(crate) fn set_handle(&self, handle: Handle) {
        *self.handle.write() = handle;
    }

    /// A user of the latches that no other is.
    pub(crate) fn next_owner(&self) -> Owner {
        Owner::new(self.owners.fetch_add(1, Ordering::Relaxed))
    }

    /// A new crew takes over.
    pub(crate) fn next_crew(&self) -> u64 {
        self.crew.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// False for a crew that was replaced.
    pub(crate) fn is_current_crew(&self, crew: u64) -> bool {
        self.crew.load(Ordering::Acquire) == crew
    }

    pub(crate) fn metrics(&self) -> &RuntimeMetrics {
        self.channel.metrics()
    }

    pub(crate) fn durability(&self) -> Durability {
        durability(self.settings.sync_policy())
    }

    /// False while clients' writes have to wait, or are refused: then whatever else would write waits too.
    pub(crate) fn takes_writes(&self) -> bool {
        self.engine.stall() == Stall::Normal && self.engine.refusal().is_none()
    }

    pub(crate) fn note_commit(&self) {
        self.unsynced.store(true, Ordering::Release);
        self.published.note_writes(&self.engine);
    }

    /// Syncs what was committed since the last sync.
    pub(crate) fn sync_if_needed(&self) {
        // While the disk takes no writes there is no point in it; afterwards this is still to be done.
        if self.engine.refusal().is_some() || !self.unsynced.swap(false, Ordering::AcqRel) {
            return;
        }
        let started = Instant::now();
        match self.engine.sync() {
            Ok(()) => self.metrics().count_sync(started.elapsed()),
            Err(error) => {
                self.unsynced.store(true, Ordering::Release);
                if !self.engine.is_poisoned() {
                    tracing::warn!(%error, "the log could not be synced; it is tried again");
                } else if !matches!(error, engine::Error::Poisoned) {
                    tracing::error!(%error, "the log could not be synced; writes are refused until the database is reopened");
                }
            }
        }
        self.published.note_writes(&self.engine);
    }
}

/// The time that commands are stamped with, in Unix ms.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
