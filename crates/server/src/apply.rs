//! From options to the settings that the runtimes read: at the start, and after `CONFIG SET`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bridge::MessageChannel;
use commands::Slice;
use data::{Encodings, Keyspace};
use network::{NetworkSettings, OutputLimit};
use storage::{StorageSettings, SyncPolicy};

use crate::config::Config;
use crate::logging::LogLevel;

/// Everything that options can change while the server runs.
#[derive(Clone)]
pub struct Targets {
    /// The network runtime's.
    pub network: Arc<NetworkSettings>,
    /// The storage runtime's.
    pub storage: Arc<StorageSettings>,
    /// The crossing's.
    pub channel: Arc<MessageChannel<Slice, Slice>>,
    /// The log's.
    pub log_level: LogLevel,
}

/// Brings all settings into agreement with the options.
pub fn apply(config: &Config, targets: &Targets, keyspace: &Keyspace) {
    let unsigned = |name| config.get_int(name).unsigned_abs();
    let network = &targets.network;
    network.maxclients.store(unsigned("maxclients"), Ordering::Relaxed);
    network.idle_timeout_s.store(unsigned("timeout"), Ordering::Relaxed);
    network.tcp_keepalive_s.store(unsigned("tcp-keepalive"), Ordering::Relaxed);
    network.bulk_len_max.store(config.get_bytes("proto-max-bulk-len"), Ordering::Relaxed);
    network.query_buffer_max.store(config.get_bytes("client-query-buffer-limit"), Ordering::Relaxed);
    network.storage_timeout_ms.store(unsigned("storage-queue-timeout"), Ordering::Relaxed);
    // Addresses that were chosen are taken as chosen with care, as in Redis.
    network.protected_mode.store(config.get_bool("protected-mode"), Ordering::Relaxed);
    *network.password.write() = config.get_text("requirepass").to_vec();
    let [normal, ..] = config.output_limits();
    *network.output_limit.write() = OutputLimit {
        hard_bytes: usize::try_from(normal.hard_bytes).unwrap_or(usize::MAX),
        soft_bytes: usize::try_from(normal.soft_bytes).unwrap_or(usize::MAX),
        soft_seconds: u64::try_from(normal.soft_s).unwrap_or(0),
    };

    // Where the runtimes are one, nobody could come while another polls.
    let has_two = config.get_enum("runtime-mode") != "single";
    targets.channel.set_busy_poll(if has_two { unsigned("busy-poll-usec") } else { 0 });

    let storage = &targets.storage;
    let size = |name| usize::try_from(config.get_bytes(name)).unwrap_or(usize::MAX);
    storage.batch_commands.store(size("batch-max-commands"), Ordering::Relaxed);
    let target_us = config.get_int("batch-target-usec").unsigned_abs();
    storage.batch_target_us.store(target_us, Ordering::Relaxed);
    storage.batch_bytes.store(size("batch-max-bytes"), Ordering::Relaxed);
    storage.set_sync_policy(match config.get_enum("appendfsync") {
        "always" => SyncPolicy::Always,
        "no" => SyncPolicy::Never,
        _ => SyncPolicy::EverySecond,
    });

    let values = &keyspace.settings;
    let number = |name| u32::try_from(config.get_int(name)).unwrap_or(0);
    values.string_len_max.store(config.get_bytes("proto-max-bulk-len"), Ordering::Relaxed);
    values.is_lfu.store(config.get_enum("maxmemory-policy").ends_with("-lfu"), Ordering::Relaxed);
    values.lfu_log_factor.store(number("lfu-log-factor"), Ordering::Relaxed);
    values.lfu_decay_minutes.store(number("lfu-decay-time"), Ordering::Relaxed);
    values.compress_dumps.store(config.get_bool("rdbcompression"), Ordering::Relaxed);
    apply_encodings(config, &values.encodings);
    commands::slowlog::set_slower_than_us(config.get_int("slowlog-log-slower-than"));
    commands::slowlog::set_len_max(size("slowlog-max-len"));
    targets.log_level.set(config.get_enum("loglevel"));
}

fn apply_encodings(config: &Config, encodings: &Encodings) {
    let set = |to: &AtomicU64, value: u64| to.store(value, Ordering::Relaxed);
    let number = |name| u64::try_from(config.get_int(name)).unwrap_or(0);
    set(&encodings.hash_max_listpack_entries, number("hash-max-listpack-entries"));
    set(&encodings.hash_max_listpack_value, config.get_bytes("hash-max-listpack-value"));
    encodings.list_max_listpack_size.store(config.get_int("list-max-listpack-size"), Ordering::Relaxed);
    set(&encodings.set_max_intset_entries, number("set-max-intset-entries"));
    set(&encodings.set_max_listpack_entries, number("set-max-listpack-entries"));
    set(&encodings.set_max_listpack_value, number("set-max-listpack-value"));
    set(&encodings.zset_max_listpack_entries, number("zset-max-listpack-entries"));
    set(&encodings.zset_max_listpack_value, config.get_bytes("zset-max-listpack-value"));
    set(&encodings.hll_sparse_max_bytes, config.get_bytes("hll-sparse-max-bytes"));
    set(&encodings.stream_node_max_bytes, config.get_bytes("stream-node-max-bytes"));
    set(&encodings.stream_node_max_entries, number("stream-node-max-entries"));
}
