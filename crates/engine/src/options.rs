//! How RocksDB is set up. docs/rocksdb.md has the measurement behind each default.

use rust_rocksdb::statistics::StatsLevel;
use rust_rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options, SstFileManager,
};

use crate::families::Family;
use crate::open::add_up;
use crate::splice;

/// Files of level 0 that start a compaction, slow writes down, and stop them.
const LEVEL0_FILES: [i32; 3] = [8, 24, 40];
/// The log's size, in write buffers, at which families that hold old parts of it are flushed, unless the options say another. It
/// bounds the replay at a start.
const LOG_WRITE_BUFFERS: u64 = 32;
/// How often the rate of the background's writes is dealt out, in microseconds, and how often compactions come before flushes, once
/// in so many times.
const RATE_REFILL_US: i64 = 100_000;
const RATE_FAIRNESS: i32 = 10;

/// Table files and logs are written back as so much of them has been written, not in one burst when they are synced: reads of clients would
/// wait behind that.
const WRITE_BACK_BYTES: u64 = 256 << 10;

/// Where values lie in files of their own: compactions copy the live ones out of the oldest part of these files, so large, and go out
/// of their way once so much of that part is garbage.
const BLOB_GC_AGE: f64 = 0.5;
const BLOB_GC_GARBAGE: f64 = 0.5;

/// How blocks, values in files of their own, and the log are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    fn of_rocksdb(self) -> DBCompressionType {
        match self {
            Compression::None => DBCompressionType::None,
            Compression::Lz4 => DBCompressionType::Lz4,
            Compression::Zstd => DBCompressionType::Zstd,
        }
    }
}

/// What tells that a key is not in a table file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Nothing: the block is read.
    None,
    /// A Bloom filter.
    Bloom,
    /// A Ribbon filter: a third smaller, and several times dearer to build.
    Ribbon,
}

/// Sizes of the engine's buffers, and what of RocksDB's options may be chosen. Sizes are in bytes; zero is "RocksDB's own" or "off".
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The least that the block cache may hold: data blocks, indexes and filters.
    pub block_cache_bytes: usize,
    /// The most, which it gets as the data grows. No more than the least: its size is fixed.
    pub block_cache_bytes_max: usize,
    /// One memtable.
    pub write_buffer_bytes: usize,
    /// Memtables that one flush merges into one file. The active one alone is written to, so it can be small enough to stay in
    /// the processor's cache (an insertion then costs half) while the files, and so the work of compactions, stay as large.
    pub write_buffers_per_flush: i32,
    /// Memtables of a family in memory, before writes wait for a flush.
    pub write_buffers_max: i32,
    /// Threads that read records at once where they lie on the disk, besides the one that asks for them.
    pub read_threads: usize,
    /// Threads for flushes and compactions.
    pub background_jobs: i32,
    /// The log's size at which families that hold old parts of it are flushed; 0 derives it from the write buffers.
    pub log_bytes: u64,
    /// Of the log.
    pub log_compression: Compression,
    /// The next group of writes begins with the log while the one before still goes into the memtables.
    pub pipelined_write: bool,
    /// Several threads insert into one memtable at once.
    pub concurrent_memtable_write: bool,
    /// Of the levels below the upper two, which are soon written again: compressing them costs more than it saves.
    pub compression: Compression,
    /// Of the lowest level, where nearly all data lies.
    pub bottommost_compression: Compression,
    /// Uncompressed bytes of one block.
    pub block_bytes: usize,
    /// Of table files.
    pub filter: Filter,
    /// What a Bloom filter takes for each key; a Ribbon filter errs as rarely with less.
    pub filter_bits: f64,
    /// Indexes and filters of a file come in parts, which are read one by one.
    pub partitioned_index: bool,
    /// Values from this length on lie in files of their own; 0: none do.
    pub blob_bytes_min: u64,
    /// Reads go past the operating system's page cache.
    pub direct_reads: bool,
    /// The same for what flushes and compactions read and write.
    pub direct_background_io: bool,
    /// How much of the processor compactions leave to others that want it at the same time: the `nice` value of their threads.
    pub compaction_nice: i32,
    /// What compactions read at once.
    pub compaction_readahead_bytes: usize,
    /// What flushes and compactions write in a second at most; 0: as fast as they can.
    pub background_bytes_per_second: u64,
    /// What of files that are not needed any more goes in a second at most; 0: all of it at once.
    pub delete_bytes_per_second: u64,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            block_cache_bytes: 32 << 20,
            block_cache_bytes_max: 0,
            write_buffer_bytes: 8 << 20,
            write_buffers_per_flush: 4,
            write_buffers_max: 12,
            read_threads: 16,
            background_jobs: 2,
            log_bytes: 0,
            log_compression: Compression::None,
            pipelined_write: false,
            concurrent_memtable_write: true,
            compression: Compression::Lz4,
            bottommost_compression: Compression::Lz4,
            block_bytes: 4 << 10,
            filter: Filter::Bloom,
            filter_bits: 10.0,
            partitioned_index: false,
            blob_bytes_min: 0,
            direct_reads: false,
            direct_background_io: false,
            compaction_nice: 5,
            compaction_readahead_bytes: 256 << 10,
            background_bytes_per_second: 0,
            delete_bytes_per_second: 256 << 20,
        }
    }
}

pub(crate) fn database_options(settings: &EngineOptions, files: &SstFileManager) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(settings.background_jobs);
    // A torn last record is what a crash leaves; anything else is damage and must be seen.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_total_wal_size(match settings.log_bytes {
        0 => LOG_WRITE_BUFFERS * settings.write_buffer_bytes as u64,
        bytes => bytes,
    });
    options.set_wal_compression_type(settings.log_compression.of_rocksdb());
    options.set_enable_pipelined_write(settings.pipelined_write);
    options.set_allow_concurrent_memtable_write(settings.concurrent_memtable_write);
    options.set_use_direct_reads(settings.direct_reads);
    options.set_use_direct_io_for_flush_and_compaction(settings.direct_background_io);
    options.set_compaction_readahead_size(settings.compaction_readahead_bytes);
    if settings.background_bytes_per_second > 0 {
        let rate = i64::try_from(settings.background_bytes_per_second).unwrap_or(i64::MAX);
        options.set_ratelimiter(rate, RATE_REFILL_US, RATE_FAIRNESS);
    }
    options.set_sst_file_manager(files);
    options.set_bytes_per_sync(WRITE_BACK_BYTES);
    options.set_wal_bytes_per_sync(WRITE_BACK_BYTES);
    options.set_keep_log_file_num(5);
    options.set_max_log_file_size(16 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_max_open_files(-1);
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptDetailedTimers);
    options
}

/// Who deletes files: a file system that tells the disk which blocks are free (mount option `discard`) keeps reads waiting for as long as that
/// takes, and a compaction leaves a dozen of files behind at once. Where a quarter of all is waiting to be deleted, RocksDB waits no longer.
pub(crate) fn file_manager(settings: &EngineOptions) -> SstFileManager {
    let files = SstFileManager::new();
    files.set_delete_rate_bytes_per_second(i64::try_from(settings.delete_bytes_per_second).unwrap_or(i64::MAX));
    files
}

/// Options with which an insertion into a memtable begins its search where the last one of the same database ended, and goes only as far up
/// as it must: batches come in the order of their keys.
fn near_the_last_insertion() -> Result<Options, rust_rocksdb::Error> {
    // By the first bytes of keys, which tell databases apart.
    Options::default().get_options_from_string("memtable_insert_with_hint_prefix_extractor=rocksdb.FixedPrefix.4")
}

pub(crate) fn family_options(
    family: Family,
    settings: &EngineOptions,
    cache: &Cache,
) -> Result<Options, rust_rocksdb::Error> {
    let mut options = near_the_last_insertion()?;
    options.set_block_based_table_factory(&table_options(settings, cache));
    options.set_write_buffer_size(settings.write_buffer_bytes);
    options.set_min_write_buffer_number_to_merge(settings.write_buffers_per_flush);
    options.set_max_write_buffer_number(settings.write_buffers_max);
    let [compact, slow, stop] = LEVEL0_FILES;
    options.set_level_zero_file_num_compaction_trigger(compact);
    options.set_level_zero_slowdown_writes_trigger(slow);
    options.set_level_zero_stop_writes_trigger(stop);
    options.set_level_compaction_dynamic_level_bytes(true);
    let below = settings.compression.of_rocksdb();
    options.set_compression_per_level(&[DBCompressionType::None, DBCompressionType::None, below]);
    options.set_bottommost_compression_type(settings.bottommost_compression.of_rocksdb());
    if settings.blob_bytes_min > 0 {
        options.set_enable_blob_files(true);
        options.set_min_blob_size(settings.blob_bytes_min);
        options.set_blob_compression_type(settings.bottommost_compression.of_rocksdb());
        options.set_enable_blob_gc(true);
        options.set_blob_gc_age_cutoff(BLOB_GC_AGE);
        options.set_blob_gc_force_threshold(BLOB_GC_GARBAGE);
        options.set_blob_cache(cache);
    }
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

fn table_options(settings: &EngineOptions, cache: &Cache) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(settings.block_bytes);
    match settings.filter {
        Filter::None => (),
        Filter::Bloom => table.set_bloom_filter(settings.filter_bits, false),
        Filter::Ribbon => table.set_ribbon_filter(settings.filter_bits),
    }
    if settings.partitioned_index {
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(settings.filter != Filter::None);
        table.set_pin_top_level_index_and_filter(true);
    }
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    table.set_optimize_filters_for_memory(true);
    table
}
