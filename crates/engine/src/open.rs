//! The database: opened, written to, synced, closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fail::fail_point;
use rust_rocksdb::checkpoint::Checkpoint;
use rust_rocksdb::statistics::{Histogram, StatsLevel, Ticker};
use rust_rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, LogLevel,
    MergeOperands, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::error::{Error, OpenError};
use crate::events::{Events, Listener};
use crate::families::{Family, Handles, check_families};
use crate::pending::Pending;
use crate::record_value::RecordValue;
use crate::records::SlotId;
use crate::recovery::{losses, open_error};
use crate::splice;
use crate::view::{Snapshot, View};

/// Memtables that one flush merges into one file. The active one alone is written to, so it can be small enough to stay in
/// the processor's cache (an insertion then costs half) while the files, and so the work of compactions, stay as large.
const MEMTABLES_PER_FLUSH: i32 = 4;
/// Memtables of a family in memory, before writes wait for a flush.
const MEMTABLES_MAX: i32 = 12;
/// Files of level 0 that start a compaction, slow writes down, and stop them.
const LEVEL0_FILES: [i32; 3] = [8, 24, 40];
/// The log's size, in write buffers, at which families that hold old parts of it are flushed. It bounds the replay at a start.
const LOG_WRITE_BUFFERS: u64 = 32;

/// Of two to the power of this many records that could be patched, one is written as a whole.
const PATCHES_LOG2: u32 = 4;
/// The golden ratio of 2^64: multiples of it are spread evenly, whatever the stride.
const PATCHES_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Sizes of the engine's buffers.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Block cache, in bytes: data blocks, indexes and filters.
    pub block_cache_bytes: usize,
    /// One memtable, in bytes.
    pub write_buffer_bytes: usize,
    /// Threads for flushes and compactions.
    pub background_jobs: i32,
}

/// Whether a commit is on the device when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Handed to the operating system: survives the death of the process.
    Process,
    /// Synced: survives the loss of power.
    Device,
}

/// Counters of RocksDB's own, for comparison with ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineStats {
    /// Write calls that reached the WAL.
    pub writes: u64,
    /// WAL syncs.
    pub wal_syncs: u64,
    /// Bytes written to the WAL.
    pub wal_bytes: u64,
    /// Bytes flushed from memtables.
    pub flush_bytes: u64,
    /// Bytes written by compactions.
    pub compaction_bytes: u64,
    /// Block cache hits.
    pub cache_hits: u64,
    /// Block cache misses.
    pub cache_misses: u64,
    /// Syncs that were part of a commit (`appendfsync always`).
    pub commit_syncs: u64,
    /// Time of all of those, in microseconds.
    pub commit_sync_micros: u64,
    /// What 99 of 100 of them did not exceed.
    pub commit_sync_micros_p99: u64,
    /// The longest.
    pub commit_sync_micros_max: u64,
}

/// An open database.
pub struct Engine {
    pub(crate) db: DB,
    /// Kept for its statistics object, which the database shares.
    options: Options,
    cache: Cache,
    path: PathBuf,
    /// Changes with each record that could be patched: an even distribution, with no pattern of a few records' length.
    patches: AtomicU64,
    /// Set when a sync failed: see [`Error::Poisoned`].
    poisoned: AtomicBool,
    pub(crate) events: Arc<Events>,
    losses: Vec<String>,
}

impl Engine {
    /// Opens the database in a directory, creating both where they do not exist.
    pub fn open(path: &Path, settings: &EngineOptions) -> Result<Engine, OpenError> {
        create_durably(path).map_err(|e| OpenError::Io(format!("{}: {e}", path.display())))?;
        let cache = Cache::new_hyper_clock_cache(settings.block_cache_bytes, 0);
        let events = Arc::new(Events::default());
        let mut options = database_options(settings);
        options.add_event_listener(Listener(events.clone()));
        let families: Vec<_> = Family::ALL
            .into_iter()
            .map(|family| Ok(ColumnFamilyDescriptor::new(family.name(), family_options(family, settings, &cache)?)))
            .collect::<Result<_, _>>()
            .map_err(|e| open_error(path, e))?;
        let db = DB::open_cf_descriptors(&options, path, families).map_err(|e| open_error(path, e))?;
        check_families(&db)?;
        Ok(Engine {
            db,
            options,
            cache,
            path: path.to_owned(),
            patches: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            events,
            losses: losses(path),
        })
    }

    /// The open handle of a family. A search by name, so a batch resolves all of them once instead.
    #[allow(clippy::expect_used, reason = "open() has resolved every family, and none is ever dropped")]
    pub(crate) fn handle(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("families were resolved at open")
    }

    fn handles(&self) -> Handles<'_> {
        Handles::new(Family::ALL.map(|family| self.handle(family)))
    }

    /// Reads of the live database: each read sees what is committed at that moment.
    pub fn view(&self) -> View<'_> {
        View::live(self)
    }

    /// Reads of the database as it is now.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(self)
    }

    /// Reads the records of slots in one go into their batch. Leaves the slots in the order of their keys.
    pub fn read_ahead(&self, slots: &mut Vec<SlotId>, pending: &mut Pending) -> Result<(), Error> {
        slots.sort_unstable_by(|&a, &b| pending.key(a).cmp(pending.key(b)));
        slots.dedup();
        let keys: Vec<&[u8]> = slots.iter().map(|&slot| pending.key(slot).as_slice()).collect();
        let values = self.read_many(Family::Keys, &keys)?;
        slots.iter().zip(values).for_each(|(&slot, value)| pending.remember(slot, value));
        Ok(())
    }

    /// Reads records of a family in one go. The keys are in ascending order, and all different.
    pub fn read_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<RecordValue>>, Error> {
        let options = ReadOptions::default();
        let found =
            self.db.batched_multi_get_pinned_batch_cf_opt(self.handle(family), keys.iter().copied(), true, &options)?;
        let values = (0..keys.len()).map(|index| found.get(index).transpose());
        values.map(|value| Ok(value?.flatten().map(RecordValue::from))).collect()
    }

    /// Writes a batch: all of it or nothing, with one write to the WAL. Never waits for the end of a stall: then it is
    /// [`Error::Busy`], and nothing was written.
    pub fn commit(&self, pending: &Pending, durability: Durability) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Device);
        options.set_no_slowdown(true);
        self.commit_with(pending, &options)
    }

    /// The same before anybody is served: it waits for the end of a stall (a database that was killed again and again comes back with
    /// much to compact), and is on the device when it returns.
    pub fn commit_patiently(&self, pending: &Pending) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.commit_with(pending, &options)
    }

    fn commit_with(&self, pending: &Pending, options: &WriteOptions) -> Result<(), Error> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::Poisoned);
        }
        if pending.is_clean() {
            return Ok(());
        }
        fail_point!("engine-write", |kind| Err(self.injected(kind.as_deref())));
        let handles = self.handles();
        let mut batch = WriteBatch::with_capacity_bytes(pending.dirty_bytes() + 64);
        let bases = pending.bases();
        let mut bases = &bases[..];
        pending.for_each_dirty(|family, key, value| match value {
            Some(value) => match self.patch_of(&mut bases, family, key, value) {
                Some(patch) => batch.merge_cf(handles.of(family), key, patch),
                None => batch.put_cf(handles.of(family), key, value),
            },
            None => batch.delete_cf(handles.of(family), key),
        });
        for (key, delta) in pending.merges() {
            batch.merge_cf(handles.of(Family::Meta), key, delta.to_be_bytes());
        }
        self.db.write_opt(&batch, options).map_err(|error| self.write_failed(error))
    }

    /// What to write of a record instead of all of it. `bases` are those of the keys that come: those of the ones before are taken away.
    fn patch_of(&self, bases: &mut &[(&[u8], &[u8])], family: Family, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        if family != Family::Scores || bases.is_empty() {
            return None;
        }
        let passed = bases.iter().take_while(|(of, _)| *of < key).count();
        *bases = &bases[passed..];
        let (_, base) = bases.first().filter(|(of, _)| *of == key)?;
        // A record is written as a whole now and then, so that few patches are to be put together where it is read.
        let turn = self.patches.fetch_add(PATCHES_STEP, Ordering::Relaxed);
        if turn.leading_zeros() >= PATCHES_LOG2 { None } else { splice::between(base, value) }
    }

    /// Syncs everything committed so far to the device.
    pub fn sync(&self) -> Result<(), Error> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::Poisoned);
        }
        fail_point!("engine-sync", |_| Err(self.injected(Some("sync"))));
        self.db.flush_wal(true).map_err(|error| self.sync_failed(error))
    }

    /// The failure that a test asked for: `busy`, `sync`, or else that of a write.
    #[cfg(feature = "failpoints")]
    fn injected(&self, kind: Option<&str>) -> Error {
        let text = "injected: Input/output error".to_owned();
        match kind {
            Some("busy") => Error::Busy(text),
            Some("sync") => {
                self.poison();
                Error::SyncFailed(text)
            }
            _ => Error::Io(text),
        }
    }

    /// Refuses all writes from now on: see [`Error::Poisoned`].
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Removes every record with `from <= key < to`, at a cost that does not depend on their number.
    /// For ranges that nothing refers to any more.
    pub fn remove_range(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), Error> {
        let handle = self.handle(family);
        let failed = |error| self.write_failed(error);
        self.db.delete_file_in_range_cf(handle, from, to).map_err(failed)?;
        let mut options = WriteOptions::default();
        options.set_no_slowdown(true);
        self.db.delete_range_cf_opt(handle, from, to, &options).map_err(failed)
    }

    /// Writes a consistent copy of the database to a directory that does not exist yet. Files are
    /// linked where the file system allows it.
    pub fn checkpoint(&self, path: &Path) -> Result<(), Error> {
        Ok(Checkpoint::new(&self.db)?.create_checkpoint(path)?)
    }

    /// Lets RocksDB finish or give up its background work before the close.
    pub fn quiesce(&self) {
        self.db.cancel_all_background_work(true);
    }

    /// What the opening found lost: for each damaged or torn log a sentence that names it.
    pub fn losses(&self) -> &[String] {
        &self.losses
    }

    /// True after a failed sync.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counters of RocksDB's own.
    pub fn stats(&self) -> EngineStats {
        let ticker = |which| self.options.get_ticker_count(which);
        let syncs = self.options.get_histogram_data(Histogram::WalFileSyncMicros);
        EngineStats {
            writes: ticker(Ticker::WriteWithWal),
            wal_syncs: ticker(Ticker::WalFileSynced),
            wal_bytes: ticker(Ticker::WalFileBytes),
            flush_bytes: ticker(Ticker::FlushWriteBytes),
            compaction_bytes: ticker(Ticker::CompactWriteBytes),
            cache_hits: ticker(Ticker::BlockCacheHit),
            cache_misses: ticker(Ticker::BlockCacheMiss),
            commit_syncs: syncs.count(),
            commit_sync_micros: syncs.sum(),
            commit_sync_micros_p99: syncs.p99() as u64,
            commit_sync_micros_max: syncs.max() as u64,
        }
    }

    /// Write calls that reached the WAL, and WAL syncs: the two of [`Engine::stats`] that are read after each commit.
    pub fn write_counts(&self) -> (u64, u64) {
        (self.options.get_ticker_count(Ticker::WriteWithWal), self.options.get_ticker_count(Ticker::WalFileSynced))
    }

    /// Bytes in memtables, and in the block cache.
    pub fn memory_bytes(&self) -> (u64, u64) {
        (self.sum("rocksdb.cur-size-all-mem-tables"), self.cache.get_usage() as u64)
    }

    /// Bytes of live table files.
    pub fn disk_bytes(&self) -> u64 {
        self.sum("rocksdb.total-sst-files-size")
    }

    fn sum(&self, property: &str) -> u64 {
        let of = |family| self.db.property_int_value_cf(self.handle(family), property).ok().flatten().unwrap_or(0);
        Family::ALL.into_iter().map(of).sum()
    }
}

/// Creates a directory whose entry is on the device too. RocksDB syncs what is in its directory, not the way to it, so a loss
/// of power could take a fresh database away as a whole, with all that was synced in it.
fn create_durably(path: &Path) -> std::io::Result<()> {
    let made: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    std::fs::create_dir_all(path)?;
    // The last one may be there from a start that was cut short before its sync.
    let unsure = made.into_iter().chain([path]);
    for parent in unsure.filter_map(Path::parent) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The value of a counter that [`Pending::add`] added to.
pub fn counter_value(record: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(record.try_into().ok()?))
}

fn add_up(_key: &[u8], existing: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut sum = match existing {
        Some(record) => counter_value(record)?,
        None => 0,
    };
    for operand in operands {
        sum = sum.wrapping_add(counter_value(operand)?);
    }
    Some(sum.to_be_bytes().to_vec())
}

fn database_options(settings: &EngineOptions) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(settings.background_jobs);
    // A torn last record is what a crash leaves; anything else is damage and must be seen.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_total_wal_size(LOG_WRITE_BUFFERS * settings.write_buffer_bytes as u64);
    // Spread the write-back of table files, so that it does not come as one burst.
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(5);
    options.set_max_log_file_size(16 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_max_open_files(-1);
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptDetailedTimers);
    options
}

/// Options with which an insertion into a memtable begins its search where the last one of the same database ended, and goes only as far up
/// as it must: batches come in the order of their keys.
fn near_the_last_insertion() -> Result<Options, rust_rocksdb::Error> {
    // By the first bytes of keys, which tell databases apart.
    Options::default().get_options_from_string("memtable_insert_with_hint_prefix_extractor=rocksdb.FixedPrefix.4")
}

fn family_options(family: Family, settings: &EngineOptions, cache: &Cache) -> Result<Options, rust_rocksdb::Error> {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(8 << 10);
    table.set_bloom_filter(10.0, false);
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    table.set_optimize_filters_for_memory(true);

    let mut options = near_the_last_insertion()?;
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(settings.write_buffer_bytes);
    options.set_min_write_buffer_number_to_merge(MEMTABLES_PER_FLUSH);
    options.set_max_write_buffer_number(MEMTABLES_MAX);
    let [compact, slow, stop] = LEVEL0_FILES;
    options.set_level_zero_file_num_compaction_trigger(compact);
    options.set_level_zero_slowdown_writes_trigger(slow);
    options.set_level_zero_stop_writes_trigger(stop);
    options.set_level_compaction_dynamic_level_bytes(true);
    // What lies in the upper two levels is soon written again: compressing it costs more than it saves.
    options.set_compression_per_level(&[DBCompressionType::None, DBCompressionType::None, DBCompressionType::Lz4]);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    if matches!(family, Family::Keys | Family::Elements) {
        // A write looks its key or member up first, and most often does not find it.
        options.set_memtable_whole_key_filtering(true);
        options.set_memtable_prefix_bloom_ratio(0.05);
    }
    if family == Family::Meta {
        options.set_merge_operator_associative("counter", add_up);
    }
    if family == Family::Scores {
        options.set_merge_operator("splice", splice::merge, splice::merge_patches);
    }
    Ok(options)
}
