//! The database: opened, written to, synced, closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fail::fail_point;
use rust_rocksdb::checkpoint::Checkpoint;
use rust_rocksdb::statistics::{Histogram, Ticker};
use rust_rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, MergeOperands, Options, ReadOptions, SstFileManager, WriteBatch,
    WriteOptions,
};

use crate::block_cache::BlockCache;
use crate::error::{Error, OpenError};
use crate::events::{Events, Listener};
use crate::families::{Family, Handles, check_families};
use crate::options::{EngineOptions, database_options, family_options, file_manager};
use crate::parallel_reads::{ParallelReads, Plan, Watch};
use crate::pending::Pending;
use crate::record_value::RecordValue;
use crate::records::SlotId;
use crate::recovery::{losses, open_error};
use crate::splice;
use crate::view::{Snapshot, View};

/// Records that are asked for between two looks at how large they were, and the bytes after which no more are: what is read ahead is in memory
/// twice.
const READ_AHEAD_AT_ONCE: usize = 128;
const READ_AHEAD_BYTES_MAX: usize = 1 << 20;
/// Of two to the power of this many records that could be patched, one is written as a whole.
const PATCHES_LOG2: u32 = 4;
/// The golden ratio of 2^64: multiples of it are spread evenly, whatever the stride.
const PATCHES_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

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
    /// Records that several threads read at once, as they came from the disk.
    pub parallel_reads: u64,
    /// Syncs that were part of a commit (`appendfsync always`).
    pub commit_syncs: u64,
    /// Time of all of those, in microseconds.
    pub commit_sync_micros: u64,
    /// What 99 of 100 of them did not exceed.
    pub commit_sync_micros_p99: u64,
    /// The longest.
    pub commit_sync_micros_max: u64,
}

/// What the engine takes of memory and disk, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineSizes {
    /// Memtables.
    pub memtable_bytes: u64,
    /// What the block cache holds.
    pub block_cache_bytes: u64,
    /// What it may hold at present.
    pub block_cache_capacity: u64,
    /// Live table and blob files.
    pub table_bytes: u64,
    /// Files that wait to be deleted.
    pub trash_bytes: u64,
}

/// An open database.
pub struct Engine {
    pub(crate) db: Arc<DB>,
    /// Kept for its statistics object, which the database shares.
    options: Options,
    files: SstFileManager,
    pub(crate) cache: BlockCache,
    reads: ParallelReads,
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
        let cache = BlockCache::new(settings);
        let events = Arc::new(Events::default());
        let files = file_manager(settings);
        let mut options = database_options(settings, &files);
        options.add_event_listener(Listener { events: events.clone(), compaction_nice: settings.compaction_nice });
        let families: Vec<_> = Family::ALL
            .into_iter()
            .map(|family| {
                let options = family_options(family, settings, cache.shared())?;
                Ok(ColumnFamilyDescriptor::new(family.name(), options))
            })
            .collect::<Result<_, _>>()
            .map_err(|e| open_error(path, e))?;
        let db = DB::open_cf_descriptors(&options, path, families).map_err(|e| open_error(path, e))?;
        check_families(&db)?;
        let db = Arc::new(db);
        let read_of = db.clone();
        let reads = ParallelReads::new(settings.read_threads, move |family, key| {
            let found = read_of.get_pinned_cf(handle_in(&read_of, family), key)?;
            Ok(found.map(|value| RecordValue::from(&*value)))
        });
        let reads = reads.map_err(|e| OpenError::Io(format!("threads for reads: {e}")))?;
        Ok(Engine {
            db,
            options,
            files,
            cache,
            reads,
            path: path.to_owned(),
            patches: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            events,
            losses: losses(path),
        })
    }

    /// The open handle of a family. A search by name, so a batch resolves all of them once instead.
    pub(crate) fn handle(&self, family: Family) -> &ColumnFamily {
        handle_in(&self.db, family)
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

    /// Reads the records of slots into their batch, many at once, until those that were read have [`READ_AHEAD_BYTES_MAX`]. Leaves the slots
    /// in the order of their keys.
    pub fn read_ahead(&self, slots: &mut Vec<SlotId>, pending: &mut Pending) -> Result<(), Error> {
        slots.sort_unstable_by(|&a, &b| pending.key(a).cmp(pending.key(b)));
        slots.dedup();
        let mut bytes = 0;
        for slots in slots.chunks(READ_AHEAD_AT_ONCE) {
            let keys: Vec<&[u8]> = slots.iter().map(|&slot| pending.key(slot).as_slice()).collect();
            let values = self.read_many(Family::Keys, &keys)?;
            bytes += values.iter().flatten().map(|value| value.len()).sum::<usize>();
            slots.iter().zip(values).for_each(|(&slot, value)| pending.remember(slot, value));
            if bytes >= READ_AHEAD_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Reads records of a family, several at once where they lie on the disk. The keys are in ascending order, and all different.
    pub fn read_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<RecordValue>>, Error> {
        let mut values = Vec::with_capacity(keys.len());
        while let Some(rest) = keys.get(values.len()..).filter(|rest| !rest.is_empty()) {
            match self.reads.plan(rest.len()) {
                Plan::Alone(count) => {
                    let watch = Watch::start();
                    self.read_in_one_go(family, &rest[..count], &mut values)?;
                    self.reads.learn(count, &watch);
                }
                Plan::Shared => values.extend(self.reads.share(family, rest)?),
            }
        }
        Ok(values)
    }

    fn read_in_one_go(
        &self,
        family: Family,
        keys: &[&[u8]],
        values: &mut Vec<Option<RecordValue>>,
    ) -> Result<(), Error> {
        let (in_order, options) = (keys.iter().copied(), ReadOptions::default());
        let found = self.db.batched_multi_get_pinned_batch_cf_opt(self.handle(family), in_order, true, &options)?;
        for index in 0..keys.len() {
            values.push(found.get(index).transpose()?.flatten().map(RecordValue::from));
        }
        Ok(())
    }

    /// True while records that are read together wait for the disk.
    pub fn reads_wait(&self) -> bool {
        self.reads.are_slow()
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
            parallel_reads: self.reads.shared(),
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

    /// Asks for the engine's sizes, and gives the block cache the capacity that follows from them.
    pub fn sizes(&self) -> EngineSizes {
        let table_bytes = self.sum("rocksdb.live-sst-files-size") + self.sum("rocksdb.live-blob-file-size");
        EngineSizes {
            memtable_bytes: self.memtable_bytes(),
            block_cache_capacity: self.cache.follow(table_bytes),
            block_cache_bytes: self.cache.bytes(),
            table_bytes,
            trash_bytes: self.files.get_total_trash_size(),
        }
    }

    /// What of files that are not needed any more goes in a second at most; 0: all of it at once.
    pub fn delete_bytes_per_second(&self) -> u64 {
        u64::try_from(self.files.get_delete_rate_bytes_per_second()).unwrap_or(0)
    }

    /// Bytes in memtables.
    pub(crate) fn memtable_bytes(&self) -> u64 {
        self.sum("rocksdb.cur-size-all-mem-tables")
    }

    fn sum(&self, property: &str) -> u64 {
        let of = |family| self.db.property_int_value_cf(self.handle(family), property).ok().flatten().unwrap_or(0);
        Family::ALL.into_iter().map(of).sum()
    }
}

#[allow(clippy::expect_used, reason = "open() has resolved every family, and none is ever dropped")]
fn handle_in(db: &DB, family: Family) -> &ColumnFamily {
    db.cf_handle(family.name()).expect("families were resolved at open")
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

pub(crate) fn add_up(_key: &[u8], existing: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut sum = match existing {
        Some(record) => counter_value(record)?,
        None => 0,
    };
    for operand in operands {
        sum = sum.wrapping_add(counter_value(operand)?);
    }
    Some(sum.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::records::RecordKey;

    #[test]
    fn records_read_at_once_are_those_read_one_after_the_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(dir.path(), &EngineOptions::default()).expect("an engine");
        let mut pending = Pending::new();
        for number in (0..1000u32).step_by(2) {
            pending.put(Family::Elements, number.to_be_bytes().to_vec(), vec![number as u8; 100]);
        }
        engine.commit(&pending, Durability::Process).expect("a commit");
        let keys: Vec<[u8; 4]> = (0..1000u32).map(u32::to_be_bytes).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let expected: Vec<_> = (0..1000u32).map(|number| (number % 2 == 0).then(|| vec![number as u8; 100])).collect();
        let read = || -> Vec<Option<Vec<u8>>> {
            let values = engine.read_many(Family::Elements, &keys).expect("values");
            values.into_iter().map(|value| value.map(|value| value.to_vec())).collect()
        };
        assert_eq!(read(), expected);
        for _ in 0..8 {
            engine.reads.learn_wait(1, Duration::from_millis(1));
        }
        assert!(engine.reads_wait());
        // The first of them is a probe.
        for _ in 0..2 {
            assert_eq!(read(), expected);
        }
        assert!(engine.stats().parallel_reads >= 1000);
    }

    #[test]
    fn what_is_brought_near_is_read_together_only_where_reads_wait() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(dir.path(), &EngineOptions::default()).expect("an engine");
        let snapshot = engine.snapshot();
        let bring_near = || {
            // Each of them twice, and in no order.
            let keys = [500..1000u32, 0..1000, 0..500].into_iter().flatten();
            let keys = keys.map(|number| RecordKey::from_slice(&number.to_be_bytes())).collect();
            snapshot.view().bring_near(Family::Keys, keys).expect("no error");
            engine.stats().parallel_reads
        };
        assert_eq!(bring_near(), 0);
        let slow = || (0..8).for_each(|_| engine.reads.learn_wait(1, Duration::from_millis(1)));
        slow();
        let shared = bring_near();
        assert!((900..=1000).contains(&shared), "{shared}");
        slow();
        assert!(bring_near() > shared);
    }

    /// Whether something becomes true within a minute.
    fn comes(is_true: impl Fn() -> bool) -> bool {
        (0..6_000).any(|_| {
            let it_is = is_true();
            if !it_is {
                std::thread::sleep(Duration::from_millis(10));
            }
            it_is
        })
    }

    #[test]
    fn files_that_wait_to_be_deleted_are_told_and_keep_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        let slow = EngineOptions { delete_bytes_per_second: 1, ..EngineOptions::default() };
        let engine = Engine::open(dir.path(), &slow).expect("an engine");
        let family = engine.handle(Family::Elements);
        for file in 0..6u8 {
            let mut pending = Pending::new();
            (0..100u8).for_each(|number| pending.put(Family::Elements, vec![number, file], vec![number ^ file; 1000]));
            engine.commit(&pending, Durability::Process).expect("a commit");
            engine.db.flush_cf(family).expect("a flush");
        }
        engine.db.compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
        // The first file or log goes at once, and the next so many seconds later that they wait as long as this test may take.
        // RocksDB's own thread looks for what is not needed any more, after the compaction.
        assert!(comes(|| engine.sizes().trash_bytes > 0), "nothing waits to be deleted");
        drop(engine);
        let engine = Engine::open(dir.path(), &EngineOptions::default()).expect("the engine again");
        assert_eq!(engine.delete_bytes_per_second(), 256 << 20);
        let found = engine.read_many(Family::Elements, &[&[3, 3], &[99, 5], &[100, 0]]).expect("values");
        assert_eq!(found.iter().filter(|value| value.is_some()).count(), 2);
        let is_trash = |name: &str| name.ends_with(".trash");
        let left = || {
            std::fs::read_dir(dir.path()).expect("files").filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        };
        assert!(comes(|| !left().any(|name| is_trash(&name))), "what waited was not deleted after the start");
    }
}
