//! What one client, one request, one queue or the whole process may use.

use super::super::option::{
    BYTES_MAX, INT_MAX, Kind, LONG_MAX, MB, OptionDef, Words, choice, integer, memory, special,
};

const EVICTION_POLICIES: Words = &[
    ("volatile-lru", 0),
    ("volatile-lfu", 1),
    ("volatile-random", 2),
    ("volatile-ttl", 3),
    ("allkeys-lru", 4),
    ("allkeys-lfu", 5),
    ("allkeys-random", 6),
    ("noeviction", 7),
];

pub(super) const OPTIONS: &[OptionDef] = &[
    // The channel between the runtimes, and what is taken from it at once.
    integer("storage-queue-requests", 1, INT_MAX, 16_384).fixed(),
    memory("storage-queue-bytes", MB, BYTES_MAX, 256 * MB).fixed(),
    integer("storage-queue-timeout", 1, INT_MAX, 5000),
    integer("busy-poll-usec", 0, 1000, 50),
    integer("batch-max-commands", 1, INT_MAX, 16384),
    integer("batch-target-usec", 1, INT_MAX, 2000),
    memory("batch-max-bytes", 1024, BYTES_MAX, 4 * MB),
    integer("reader-queue", 1, INT_MAX, 128).fixed(),
    // Clients and requests.
    memory("proto-max-bulk-len", MB, BYTES_MAX, 512 * MB),
    memory("client-query-buffer-limit", MB, BYTES_MAX, 1024 * MB),
    special("client-output-buffer-limit", Kind::OutputLimits),
    special("maxmemory-clients", Kind::MemoryOrPercent { default: 0 }),
    integer("tracking-table-max-keys", 0, LONG_MAX, 1_000_000),
    integer("acllog-max-len", 0, LONG_MAX, 128),
    integer("busy-reply-threshold", 0, LONG_MAX, 5000).alias("lua-time-limit"),
    // Memory, and what goes when there is not enough.
    memory("maxmemory", 0, u64::MAX, 0),
    choice("maxmemory-policy", EVICTION_POLICIES, 7),
    integer("maxmemory-samples", 1, INT_MAX, 5),
    integer("maxmemory-eviction-tenacity", 0, 100, 10),
    integer("lfu-log-factor", 0, INT_MAX, 10),
    integer("lfu-decay-time", 0, INT_MAX, 1),
    // The pace of background work.
    special("hz", Kind::Clamped { max: INT_MAX, low: 1, high: 500, default: 10 }),
    integer("shutdown-timeout", 0, INT_MAX, 10),
];
