//! How many threads, how much may wait, how much is done at once: from the options and the machine.

use std::time::Duration;

use bridge::ChannelLimits;
use engine::{Compression, EngineOptions, Filter};

use crate::config::Config;
use crate::machine::Machine;

/// Part of the machine's memory that the hot tier gets, one in so many.
const HOT_TIER_SHARE: u64 = 64;
/// The most that it gets: room for a million records with values of 64 bytes. Memory is what Redis needs more of, so more than
/// that is asked for by name.
const HOT_TIER_MAX: u64 = 152 << 20;
/// The block cache that is derived follows the data from this on, in bytes, ...
const BLOCK_CACHE_MIN: u64 = 32 << 20;
/// ... up to this part of the machine's memory, one in so many.
const BLOCK_CACHE_SHARE: u64 = 4;

/// Whether the two roles have a runtime each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeMode {
    /// They have: storage cannot hold up the network.
    Dual,
    /// They share the network's threads, for comparison.
    Single,
}

impl RuntimeMode {
    /// The option's word.
    pub fn name(self) -> &'static str {
        match self {
            RuntimeMode::Dual => "dual",
            RuntimeMode::Single => "single",
        }
    }
}

/// The shape of a server. See the module's text.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// One runtime or two.
    pub mode: RuntimeMode,
    /// Threads that serve connections; each is an executor of its own.
    pub network_threads: usize,
    /// Workers that execute and commit.
    pub storage_threads: usize,
    /// Threads of the reader pool.
    pub reader_threads: usize,
    /// Long reads that may wait for one.
    pub reader_queue: usize,
    /// Capacity of the message channel.
    pub channel: ChannelLimits,
    /// The hot tier, in bytes; zero: none.
    pub hot_tier_bytes: u64,
    /// The engine's buffers.
    pub engine: EngineOptions,
    /// How long a stopping server waits for what is in flight.
    pub shutdown_timeout: Duration,
}

impl RuntimeConfig {
    /// The shape that the options ask for; where they leave it open, what suits the machine.
    pub fn derive(config: &Config, machine: &Machine) -> RuntimeConfig {
        let mode = if config.get_enum("runtime-mode") == "single" { RuntimeMode::Single } else { RuntimeMode::Dual };
        let given = |name| usize::try_from(config.get_int(name)).unwrap_or(0);
        let or = |given: usize, derived: usize| if given > 0 { given } else { derived };
        let cores = machine.cores;
        RuntimeConfig {
            mode,
            // A command costs storage about twice what it costs the network, and compactions need a core too.
            network_threads: or(given("network-threads"), (cores / 4).max(1)),
            storage_threads: or(given("storage-threads"), (cores / 2).max(1)),
            reader_threads: or(given("reader-threads"), (cores / 2).max(2)),
            reader_queue: given("reader-queue"),
            hot_tier_bytes: match config.get_bytes("hot-tier-size") {
                1 => (machine.memory_bytes / HOT_TIER_SHARE).min(HOT_TIER_MAX),
                bytes => bytes,
            },
            channel: ChannelLimits { requests: given("storage-queue-requests"), bytes: given("storage-queue-bytes") },
            engine: engine_options(config, machine),
            shutdown_timeout: Duration::from_secs(config.get_int("shutdown-timeout").unsigned_abs()),
        }
    }
}

fn engine_options(config: &Config, machine: &Machine) -> EngineOptions {
    let size = |name| usize::try_from(config.get_bytes(name)).unwrap_or(usize::MAX);
    let count = |name| i32::try_from(config.get_int(name)).unwrap_or(i32::MAX);
    let (block_cache_bytes, block_cache_bytes_max) = match config.get_bytes("block-cache-size") {
        0 => (BLOCK_CACHE_MIN, machine.memory_bytes / BLOCK_CACHE_SHARE),
        bytes => (bytes, bytes),
    };
    EngineOptions {
        block_cache_bytes: usize::try_from(block_cache_bytes).unwrap_or(usize::MAX),
        block_cache_bytes_max: usize::try_from(block_cache_bytes_max).unwrap_or(usize::MAX),
        write_buffer_bytes: size("write-buffer-size"),
        write_buffers_per_flush: count("rocksdb-write-buffers-per-flush"),
        write_buffers_max: count("rocksdb-write-buffers"),
        read_threads: usize::try_from(config.get_int("rocksdb-read-threads")).unwrap_or(0),
        background_jobs: match count("rocksdb-background-jobs") {
            0 => i32::try_from(machine.cores.clamp(2, 16)).unwrap_or(2),
            jobs => jobs,
        },
        log_bytes: config.get_bytes("rocksdb-log-size"),
        log_compression: compression(config, "rocksdb-log-compression"),
        pipelined_write: config.get_bool("rocksdb-pipelined-write"),
        concurrent_memtable_write: config.get_bool("rocksdb-concurrent-memtable-write"),
        compression: compression(config, "rocksdb-compression"),
        bottommost_compression: compression(config, "rocksdb-bottommost-compression"),
        block_bytes: size("rocksdb-block-size"),
        filter: match config.get_enum("rocksdb-filter") {
            "none" => Filter::None,
            "ribbon" => Filter::Ribbon,
            _ => Filter::Bloom,
        },
        filter_bits: f64::from(count("rocksdb-filter-bits")),
        partitioned_index: config.get_bool("rocksdb-partitioned-index"),
        blob_bytes_min: config.get_bytes("rocksdb-blob-min-size"),
        direct_reads: config.get_bool("rocksdb-direct-reads"),
        direct_background_io: config.get_bool("rocksdb-direct-background-io"),
        compaction_nice: count("rocksdb-compaction-nice"),
        compaction_readahead_bytes: size("rocksdb-compaction-readahead"),
        background_bytes_per_second: config.get_bytes("rocksdb-background-rate"),
        delete_bytes_per_second: config.get_bytes("rocksdb-delete-rate"),
    }
}

fn compression(config: &Config, name: &'static str) -> Compression {
    match config.get_enum(name) {
        "none" => Compression::None,
        "zstd" => Compression::Zstd,
        _ => Compression::Lz4,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Startup;

    fn machine(cores: usize) -> Machine {
        Machine { cores, memory_bytes: 16 << 30, os: String::new() }
    }

    #[test]
    fn defaults_follow_the_machine() {
        let config = Config::with_defaults(Path::new("/"));
        let shape = |cores| {
            let config = RuntimeConfig::derive(&config, &machine(cores));
            (config.network_threads, config.storage_threads, config.reader_threads)
        };
        assert_eq!(shape(1), (1, 1, 2));
        assert_eq!(shape(2), (1, 1, 2));
        assert_eq!(shape(4), (1, 2, 2));
        assert_eq!(shape(16), (4, 8, 8));
    }

    #[test]
    fn caches_follow_the_memory_and_the_data() {
        let config = Config::with_defaults(Path::new("/"));
        let sizes = |memory_bytes| {
            let shape = RuntimeConfig::derive(&config, &Machine { memory_bytes, ..machine(2) });
            (shape.hot_tier_bytes, shape.engine.block_cache_bytes, shape.engine.block_cache_bytes_max)
        };
        assert_eq!(sizes(16 << 30), (152 << 20, 32 << 20, 4 << 30));
        assert_eq!(sizes(1 << 30), (16 << 20, 32 << 20, 256 << 20));
    }

    #[test]
    fn a_block_cache_that_was_asked_for_stays_as_it_is() {
        let asked = Config::from_args(["--block-cache-size", "32mb"].into_iter().map(Into::into));
        let Ok(Startup::Serve(config)) = asked else { panic!("no configuration") };
        let engine = RuntimeConfig::derive(&config, &machine(2)).engine;
        assert_eq!((engine.block_cache_bytes, engine.block_cache_bytes_max), (32 << 20, 32 << 20));
    }

    #[test]
    fn the_engine_has_the_same_defaults_as_the_options() {
        let config = Config::with_defaults(Path::new("/"));
        let derived = RuntimeConfig::derive(&config, &machine(2)).engine;
        let default =
            EngineOptions { block_cache_bytes_max: derived.block_cache_bytes_max, ..EngineOptions::default() };
        assert_eq!(format!("{derived:?}"), format!("{default:?}"));
    }
}
