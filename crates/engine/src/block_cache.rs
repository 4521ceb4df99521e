//! The block cache, whose capacity follows the data on the disk.
//!
//! A block that is not here is read from the operating system's page cache, where it lies compressed and is nobody's resident
//! memory. So the cache need not hold the data: what has to fit are indexes and filters, about a thirtieth of the table files,
//! and the blocks that are asked for again and again. A sixteenth of the files is both.

use std::sync::atomic::{AtomicU64, Ordering};

use rust_rocksdb::{Cache, HyperClockCacheOptions};

use crate::options::EngineOptions;

/// The share of the live files' bytes: one part in so many.
const SHARE_OF_FILES: u64 = 16;

/// One shard. The cache has no locks that more of them would spread, and each gets its part of the capacity: as many as suit the most that
/// it may become would be too small for a filter while it is small.
const SHARD_BITS: i32 = 0;

/// See the module's text. Shared by all families.
pub(crate) struct BlockCache {
    cache: Cache,
    capacity: AtomicU64,
    bytes_min: u64,
    bytes_max: u64,
}

impl BlockCache {
    /// An empty cache. It is made for the most that it may become, as its table of entries, which is memory only where it is used,
    /// does not grow beyond what it was made for.
    pub(crate) fn new(settings: &EngineOptions) -> BlockCache {
        let (bytes_min, bytes_max) = (settings.block_cache_bytes as u64, settings.block_cache_bytes_max as u64);
        let bytes_max = bytes_max.max(bytes_min);
        let mut options = HyperClockCacheOptions::new(to_usize(bytes_max), 0);
        options.set_num_shard_bits(SHARD_BITS);
        let cache = Cache::new_hyper_clock_cache_opts(&options);
        let cache = BlockCache { cache, capacity: AtomicU64::new(bytes_max), bytes_min, bytes_max };
        cache.follow(0);
        cache
    }

    pub(crate) fn shared(&self) -> &Cache {
        &self.cache
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.get_usage() as u64
    }

    /// Takes the capacity that suits files of this size, and returns it. What is too much then goes with the next block that comes.
    pub(crate) fn follow(&self, file_bytes: u64) -> u64 {
        let capacity = (file_bytes / SHARE_OF_FILES).clamp(self.bytes_min, self.bytes_max);
        if self.capacity.swap(capacity, Ordering::Relaxed) != capacity {
            self.cache.clone().set_capacity(to_usize(capacity));
        }
        capacity
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::Family;
    use crate::{Compression, Engine};

    const MB: usize = 1 << 20;
    const VALUE: [u8; 1024] = [7; 1024];

    fn engine(path: &std::path::Path, block_cache_bytes: usize, block_cache_bytes_max: usize) -> Engine {
        let bottommost_compression = Compression::None;
        let options = EngineOptions {
            block_cache_bytes,
            block_cache_bytes_max,
            bottommost_compression,
            ..EngineOptions::default()
        };
        Engine::open(path, &options).expect("a database")
    }

    /// Sixteen MiB in a file.
    fn fill(engine: &Engine) {
        let keys = engine.handle(Family::Keys);
        for number in 0..16_384_u32 {
            engine.db.put_cf(keys, number.to_be_bytes(), VALUE).expect("a write");
        }
        engine.db.flush_cf(keys).expect("a flush");
    }

    fn read(engine: &Engine, numbers: std::ops::Range<u32>) {
        for number in numbers {
            engine.db.get_cf(engine.handle(Family::Keys), number.to_be_bytes()).expect("a read").expect("a value");
        }
    }

    #[test]
    fn a_smaller_capacity_is_obeyed_and_a_larger_one_is_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = engine(dir.path(), MB, 64 * MB);
        fill(&engine);
        read(&engine, 0..16_384);
        assert!(engine.cache.bytes() <= 2 * MB as u64, "{}", engine.cache.bytes());
        assert_eq!(engine.cache.follow(512 * MB as u64), 32 * MB as u64);
        read(&engine, 0..16_384);
        assert!(engine.cache.bytes() >= 16 * MB as u64, "{}", engine.cache.bytes());
        assert_eq!(engine.cache.follow(0), MB as u64);
        engine.db.flush_cf(engine.handle(Family::Keys)).expect("a flush");
        fill(&engine);
        read(&engine, 0..16_384);
        assert!(engine.cache.bytes() <= 2 * MB as u64, "{}", engine.cache.bytes());
    }

    #[test]
    fn the_capacity_stays_within_its_bounds() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = engine(dir.path(), 4 * MB, 8 * MB);
        let capacities =
            [0, 96, 2000].map(|file_megabytes| engine.cache.follow(file_megabytes * MB as u64) / MB as u64);
        assert_eq!(capacities, [4, 6, 8]);
        assert_eq!(engine.sizes().block_cache_capacity, 4 * MB as u64);
    }
}
