//! What RocksDB and the hot tier say of themselves, published for readers that must wait for nobody.
//!
//! Asking RocksDB takes its locks, which a hung disk may hold. So the storage runtime asks, a few times a second, and
//! publishes the answers; `INFO` and the metrics tell what was published last, and how old that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use data::Keyspace;
use engine::{Engine, EngineSizes, EngineStats};

/// Sizes cost more to ask for than counters, and change more slowly: they are asked for every so many times.
const SIZES_EVERY: u64 = 5;

/// The answers of one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) engine: EngineStats,
    pub(crate) hot_bytes: u64,
    pub(crate) hot_bytes_max: u64,
    pub(crate) hot_records: u64,
    pub(crate) sizes: EngineSizes,
    taken: Instant,
}

impl Snapshot {
    fn ask(engine: &Engine, keyspace: &Keyspace, before: Option<&Snapshot>) -> Snapshot {
        let hot = keyspace.hot().stats();
        Snapshot {
            engine: engine.stats(),
            hot_bytes: hot.bytes,
            hot_bytes_max: hot.bytes_max,
            hot_records: hot.records,
            sizes: before.map_or_else(|| engine.sizes(), |before| before.sizes),
            taken: Instant::now(),
        }
    }

    pub(crate) fn age(&self) -> Duration {
        self.taken.elapsed()
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Published {
    snapshot: ArcSwap<Snapshot>,
    /// How often it was published.
    turn: AtomicU64,
    /// Write calls and syncs by RocksDB's own count, read after each commit by whoever made it: so that they can be
    /// compared with ours at any moment.
    writes: AtomicU64,
    wal_syncs: AtomicU64,
}

impl Published {
    /// Asks for the first time. May block.
    pub(crate) fn new(engine: &Engine, keyspace: &Keyspace) -> Self {
        let first = Snapshot::ask(engine, keyspace, None);
        Published {
            snapshot: ArcSwap::from_pointee(first),
            turn: AtomicU64::new(1),
            writes: AtomicU64::new(first.engine.writes),
            wal_syncs: AtomicU64::new(first.engine.wal_syncs),
        }
    }

    /// Asks again. May block.
    pub(crate) fn publish(&self, engine: &Engine, keyspace: &Keyspace) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let before = self.snapshot.load_full();
        let before = if turn.is_multiple_of(SIZES_EVERY) { None } else { Some(&*before) };
        self.snapshot.store(Arc::new(Snapshot::ask(engine, keyspace, before)));
        self.note_writes(engine);
    }

    /// Follows a commit or a sync.
    pub(crate) fn note_writes(&self, engine: &Engine) {
        let (writes, wal_syncs) = engine.write_counts();
        self.writes.fetch_max(writes, Ordering::Relaxed);
        self.wal_syncs.fetch_max(wal_syncs, Ordering::Relaxed);
    }

    /// What was published last. Waits for nobody.
    pub(crate) fn last(&self) -> Snapshot {
        let mut snapshot = **self.snapshot.load();
        snapshot.engine.writes = self.writes.load(Ordering::Relaxed);
        snapshot.engine.wal_syncs = self.wal_syncs.load(Ordering::Relaxed);
        snapshot
    }
}
