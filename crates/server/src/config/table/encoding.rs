//! Thresholds between a type's compact and its full encoding in Redis.
//!
//! Our data does not lie in memory that way; but `OBJECT ENCODING` answers by these numbers, and `DUMP` writes by them.

use super::super::option::{BYTES_MAX, INT_MAX, INT_MIN, LONG_MAX, OptionDef, integer, memory, yes_no};

pub(super) const OPTIONS: &[OptionDef] = &[
    integer("hash-max-listpack-entries", 0, LONG_MAX, 512).alias("hash-max-ziplist-entries"),
    memory("hash-max-listpack-value", 0, BYTES_MAX, 64).alias("hash-max-ziplist-value"),
    integer("list-max-listpack-size", INT_MIN, INT_MAX, -2).alias("list-max-ziplist-size"),
    integer("list-compress-depth", 0, INT_MAX, 0),
    integer("set-max-intset-entries", 0, LONG_MAX, 512),
    integer("set-max-listpack-entries", 0, LONG_MAX, 128),
    integer("set-max-listpack-value", 0, LONG_MAX, 64),
    integer("zset-max-listpack-entries", 0, LONG_MAX, 128).alias("zset-max-ziplist-entries"),
    memory("zset-max-listpack-value", 0, BYTES_MAX, 64).alias("zset-max-ziplist-value"),
    memory("hll-sparse-max-bytes", 0, BYTES_MAX, 3000),
    memory("stream-node-max-bytes", 0, BYTES_MAX, 4096),
    integer("stream-node-max-entries", 0, LONG_MAX, 100),
    // What DUMP replies.
    yes_no("rdbcompression", true),
];
