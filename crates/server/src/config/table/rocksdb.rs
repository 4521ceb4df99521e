//! RocksDB's options, as far as somebody may want to change them. docs/rocksdb.md has what each was measured to give.

use super::super::option::{BYTES_MAX, INT_MAX, KB, MB, OptionDef, Words, choice, integer, memory, yes_no};

const COMPRESSIONS: Words = &[("none", 0), ("lz4", 1), ("zstd", 2)];
const LOG_COMPRESSIONS: Words = &[("none", 0), ("zstd", 2)];
const FILTERS: Words = &[("none", 0), ("bloom", 1), ("ribbon", 2)];

pub(super) const OPTIONS: &[OptionDef] = &[
    memory("block-cache-size", 0, BYTES_MAX, 0).fixed(),
    memory("write-buffer-size", MB, BYTES_MAX, 8 * MB).fixed(),
    integer("rocksdb-write-buffers-per-flush", 1, 64, 4).fixed(),
    integer("rocksdb-write-buffers", 2, 256, 12).fixed(),
    yes_no("rocksdb-pipelined-write", false).fixed(),
    yes_no("rocksdb-concurrent-memtable-write", true).fixed(),
    memory("rocksdb-log-size", 0, BYTES_MAX, 0).fixed(),
    choice("rocksdb-log-compression", LOG_COMPRESSIONS, 0).fixed(),
    choice("rocksdb-compression", COMPRESSIONS, 1).fixed(),
    choice("rocksdb-bottommost-compression", COMPRESSIONS, 1).fixed(),
    memory("rocksdb-block-size", KB, 16 * MB, 4 * KB).fixed(),
    choice("rocksdb-filter", FILTERS, 1).fixed(),
    integer("rocksdb-filter-bits", 1, 64, 10).fixed(),
    yes_no("rocksdb-partitioned-index", false).fixed(),
    memory("rocksdb-blob-min-size", 0, BYTES_MAX, 0).fixed(),
    yes_no("rocksdb-direct-reads", false).fixed(),
    yes_no("rocksdb-direct-background-io", false).fixed(),
    memory("rocksdb-compaction-readahead", 0, 1024 * MB, 256 * KB).fixed(),
    integer("rocksdb-compaction-nice", 0, 19, 5).fixed(),
    memory("rocksdb-background-rate", 0, BYTES_MAX, 0).fixed(),
    memory("rocksdb-delete-rate", 0, BYTES_MAX, 256 * MB).fixed(),
    integer("rocksdb-read-threads", 0, 256, 16).fixed(),
    integer("rocksdb-background-jobs", 0, INT_MAX, 0).fixed(),
];
