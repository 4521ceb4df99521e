//! How many threads, how much may wait, how much is done at once: from the options and the machine.

use std::time::Duration;

use bridge::ChannelLimits;
use engine::EngineOptions;

use crate::config::Config;
use crate::machine::Machine;

/// Part of the machine's memory that the hot tier gets, one in so many.
const HOT_TIER_SHARE: u64 = 32;
/// Least block cache that is derived, in bytes.
const BLOCK_CACHE_MIN: u64 = 64 << 20;

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
        let block_cache = match config.get_bytes("block-cache-size") {
            0 => (machine.memory_bytes / 4).max(BLOCK_CACHE_MIN),
            bytes => bytes,
        };
        RuntimeConfig {
            mode,
            // A command costs storage about twice what it costs the network, and compactions need a core too.
            network_threads: or(given("network-threads"), (cores / 4).max(1)),
            storage_threads: or(given("storage-threads"), (cores / 2).max(1)),
            reader_threads: or(given("reader-threads"), (cores / 2).max(2)),
            reader_queue: given("reader-queue"),
            hot_tier_bytes: match config.get_bytes("hot-tier-size") {
                1 => machine.memory_bytes / HOT_TIER_SHARE,
                bytes => bytes,
            },
            channel: ChannelLimits { requests: given("storage-queue-requests"), bytes: given("storage-queue-bytes") },
            engine: EngineOptions {
                block_cache_bytes: usize::try_from(block_cache).unwrap_or(usize::MAX),
                write_buffer_bytes: given("write-buffer-size"),
                background_jobs: i32::try_from(cores.clamp(2, 16)).unwrap_or(2),
            },
            shutdown_timeout: Duration::from_secs(config.get_int("shutdown-timeout").unsigned_abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

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
        assert_eq!(RuntimeConfig::derive(&config, &machine(2)).engine.block_cache_bytes, 4 << 30);
    }
}
