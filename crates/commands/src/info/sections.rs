//! The sections of `INFO` that tell facts: the process, its clients, memory, persistence, traffic.

use crate::facts::{REDIS_VERSION, RuntimeFacts, Spread};
use crate::info::{Text, human};

/// Size that Redis tells for its replication backlog where none was configured.
const REPLICATION_BACKLOG_BYTES: u64 = 1 << 20;
const US_PER_SECOND: u64 = 1_000_000;

pub(super) fn server(text: &mut Text<'_>) {
    let server = &text.facts.server;
    let uptime_seconds = server.now_unix_us.saturating_sub(server.started_unix_us) / US_PER_SECOND;
    text.title("Server");
    text.field("redis_version", REDIS_VERSION);
    text.field("server_name", "catamaran");
    text.field("catamaran_version", &server.version);
    text.field("redis_git_sha1", "00000000");
    text.field("redis_git_dirty", 0);
    text.field("redis_build_id", &server.build_id);
    text.field("redis_mode", "standalone");
    text.field("os", &server.os);
    text.field("arch_bits", usize::BITS);
    text.field("monotonic_clock", "POSIX clock_gettime");
    text.field("multiplexing_api", "epoll");
    text.field("atomicvar_api", "rust-std");
    text.field("gcc_version", "0.0.0");
    text.field("rustc_version", &server.compiler);
    text.field("process_id", server.process_id);
    text.field("process_supervised", if server.supervised.is_empty() { "no" } else { server.supervised });
    text.field("run_id", &server.run_id);
    text.field("tcp_port", server.tcp_port);
    text.field("server_time_usec", server.now_unix_us);
    text.field("uptime_in_seconds", uptime_seconds);
    text.field("uptime_in_days", uptime_seconds / (24 * 3600));
    text.field("hz", server.hz);
    text.field("configured_hz", server.hz);
    // Redis counts 24 bits of seconds.
    text.field("lru_clock", (server.now_unix_us / US_PER_SECOND) & 0x00ff_ffff);
    text.field("executable", &server.executable);
    text.field("config_file", &server.config_file);
    text.field("io_threads_active", u8::from(server.network_threads > 1));
    if server.shutting_down {
        text.field("shutdown_in_milliseconds", 0);
    }
    for (index, (kind, address, port)) in server.listeners.iter().enumerate() {
        let port = if *kind == "unix" { String::new() } else { format!(",port={port}") };
        text.field(&format!("listener{index}"), format!("name={kind},bind={address}{port}"));
    }
}

pub(super) fn clients(text: &mut Text<'_>) {
    let network = &text.facts.network;
    text.title("Clients");
    text.field("connected_clients", network.connected_clients);
    text.field("cluster_connections", 0);
    text.field("maxclients", network.maxclients);
    text.field("client_recent_max_input_buffer", network.client_recent_max_input_buffer);
    text.field("client_recent_max_output_buffer", network.client_recent_max_output_buffer);
    text.field("blocked_clients", network.blocked_clients);
    text.field("tracking_clients", network.tracking_clients);
    text.field("pubsub_clients", network.pubsub_clients);
    text.field("clients_in_timeout_table", network.clients_in_timeout_table);
    text.field("total_blocking_keys", network.total_blocking_keys);
    text.field("total_blocking_keys_on_nokey", network.total_blocking_keys_on_nokey);
}

pub(super) fn memory(text: &mut Text<'_>) {
    let (memory, network) = (&text.facts.memory, &text.facts.network);
    let used = memory.allocated_bytes;
    let peak = memory.peak_bytes.max(used);
    let overhead = (memory.startup_bytes + network.clients_bytes).min(used);
    text.title("Memory");
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", memory.rss_bytes);
    text.bytes("used_memory_peak", peak);
    text.field("used_memory_peak_perc", percent(used, peak));
    text.field("used_memory_overhead", overhead);
    text.field("used_memory_startup", memory.startup_bytes);
    text.field("used_memory_dataset", used - overhead);
    text.field("used_memory_dataset_perc", percent(used - overhead, used.saturating_sub(memory.startup_bytes)));
    text.field("allocator_allocated", used);
    text.field("allocator_active", memory.active_bytes);
    text.field("allocator_resident", memory.resident_bytes);
    text.bytes("total_system_memory", memory.system_bytes);
    text.neutral(&["used_memory_lua", "used_memory_vm_eval"], "0");
    text.field("used_memory_lua_human", human(0));
    text.neutral(&["used_memory_scripts_eval", "number_of_cached_scripts"], "0");
    text.neutral(&["number_of_functions", "number_of_libraries", "used_memory_vm_functions"], "0");
    text.bytes("used_memory_vm_total", 0);
    text.field("used_memory_functions", 0);
    text.bytes("used_memory_scripts", 0);
    text.bytes("maxmemory", memory.maxmemory_bytes);
    text.field("maxmemory_policy", &memory.maxmemory_policy);
    waste(text, "allocator_frag_ratio", "allocator_frag_bytes", memory.active_bytes, used);
    waste(text, "allocator_rss_ratio", "allocator_rss_bytes", memory.resident_bytes, memory.active_bytes);
    waste(text, "rss_overhead_ratio", "rss_overhead_bytes", memory.rss_bytes, memory.resident_bytes);
    waste(text, "mem_fragmentation_ratio", "mem_fragmentation_bytes", memory.rss_bytes, used);
    text.neutral(&["mem_not_counted_for_evict", "mem_replication_backlog"], "0");
    text.neutral(&["mem_total_replication_buffers", "mem_clients_slaves"], "0");
    text.field("mem_clients_normal", network.clients_bytes);
    text.neutral(&["mem_cluster_links", "mem_aof_buffer"], "0");
    text.field("mem_allocator", "jemalloc");
    text.neutral(&["active_defrag_running"], "0");
    text.field("lazyfree_pending_objects", text.facts.storage.unfreed_values);
    text.field("lazyfreed_objects", text.facts.storage.freed_values);
}

/// Adds by how much one number of bytes exceeds another: as a ratio, and in bytes.
fn waste(text: &mut Text<'_>, ratio: &str, bytes: &str, whole: u64, used: u64) {
    text.field(ratio, format_args!("{:.2}", if used == 0 { 0.0 } else { whole as f64 / used as f64 }));
    text.field(bytes, i128::from(whole) - i128::from(used));
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 })
}

/// Checkpoints are told as what clients know as RDB files, and the WAL as the append-only file.
pub(super) fn persistence(text: &mut Text<'_>) {
    let storage = &text.facts.storage;
    let state = |ok: bool| if ok { "ok" } else { "err" };
    text.title("Persistence");
    text.neutral(&["loading", "async_loading"], "0");
    text.neutral(&["current_cow_peak", "current_cow_size", "current_cow_size_age"], "0");
    text.field("current_fork_perc", "0.00");
    text.neutral(&["current_save_keys_processed", "current_save_keys_total"], "0");
    text.field("rdb_changes_since_last_save", storage.changes_since_save);
    text.field("rdb_bgsave_in_progress", u8::from(storage.save_in_progress));
    text.field("rdb_last_save_time", storage.last_save_unix);
    text.field("rdb_last_bgsave_status", state(storage.last_save_ok));
    text.field("rdb_last_bgsave_time_sec", storage.last_save_seconds);
    text.field("rdb_current_bgsave_time_sec", if storage.save_in_progress { 0 } else { -1 });
    text.field("rdb_saves", storage.saves);
    text.neutral(&["rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"], "0");
    text.field("aof_enabled", u8::from(text.facts.aof_enabled));
    text.neutral(&["aof_rewrite_in_progress", "aof_rewrite_scheduled"], "0");
    text.neutral(&["aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec"], "-1");
    text.field("aof_last_bgrewrite_status", "ok");
    text.neutral(&["aof_rewrites", "aof_rewrites_consecutive_failures"], "0");
    text.field("aof_last_write_status", state(storage.refusal.is_none()));
    text.neutral(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"], "0");
    if text.facts.aof_enabled {
        text.field("aof_current_size", storage.engine_wal_bytes);
        text.field("aof_base_size", storage.disk_bytes);
        text.neutral(&["aof_pending_rewrite", "aof_buffer_length"], "0");
        text.neutral(&["aof_pending_bio_fsync", "aof_delayed_fsync"], "0");
    }
}

pub(super) fn stats(text: &mut Text<'_>) {
    let (network, storage) = (&text.facts.network, &text.facts.storage);
    text.title("Stats");
    text.field("total_connections_received", network.total_connections_received);
    text.field("total_commands_processed", network.total_commands_processed);
    text.field("instantaneous_ops_per_sec", network.ops_per_second);
    text.field("total_net_input_bytes", network.input_bytes);
    text.field("total_net_output_bytes", network.output_bytes);
    text.neutral(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], "0");
    text.field("instantaneous_input_kbps", format_args!("{:.2}", network.input_kbps));
    text.field("instantaneous_output_kbps", format_args!("{:.2}", network.output_kbps));
    text.neutral(&["instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"], "0.00");
    text.field("rejected_connections", network.rejected_connections);
    text.neutral(&["sync_full", "sync_partial_ok", "sync_partial_err"], "0");
    text.field("expired_keys", storage.expired_keys);
    text.field("expired_subkeys", storage.expired_fields);
    text.field("expired_stale_perc", "0.00");
    text.neutral(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"], "0");
    text.neutral(&["evicted_keys", "evicted_clients"], "0");
    text.neutral(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"], "0");
    text.field("keyspace_hits", storage.keyspace_hits);
    text.field("keyspace_misses", storage.keyspace_misses);
    text.field("pubsub_channels", network.pubsub_channels);
    text.field("pubsub_patterns", network.pubsub_patterns);
    text.field("pubsubshard_channels", network.pubsubshard_channels);
    text.neutral(&["latest_fork_usec", "total_forks", "migrate_cached_sockets", "slave_expires_tracked_keys"], "0");
    text.neutral(&["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits"], "0");
    text.neutral(&["active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time"], "0");
    text.neutral(&["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"], "0");
    text.field("unexpected_error_replies", 0);
    text.field("total_error_replies", network.total_error_replies);
    text.field("dump_payload_sanitizations", 0);
    text.field("total_reads_processed", network.reads_processed);
    text.field("total_writes_processed", network.writes_processed);
    text.neutral(&["io_threaded_reads_processed", "io_threaded_writes_processed"], "0");
    text.field("client_query_buffer_limit_disconnections", network.query_buffer_limit_disconnections);
    text.field("client_output_buffer_limit_disconnections", network.output_buffer_limit_disconnections);
    text.neutral(&["reply_buffer_shrinks", "reply_buffer_expands"], "0");
    let runtime = &text.facts.network_runtime;
    text.field("eventloop_cycles", runtime.turns);
    text.field("eventloop_duration_sum", runtime.busy_us);
    text.neutral(&["eventloop_duration_cmd_sum"], "0");
    text.field("instantaneous_eventloop_cycles_per_sec", runtime.turns_per_second as u64);
    let busy_us_per_second = runtime.busy_ratio * runtime.threads as f64 * US_PER_SECOND as f64;
    text.field(
        "instantaneous_eventloop_duration_usec",
        (busy_us_per_second / runtime.turns_per_second.max(1.0)) as u64,
    );
    text.field("acl_access_denied_auth", network.auth_failures);
    text.neutral(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"], "0");
}

pub(super) fn replication(text: &mut Text<'_>) {
    let server = &text.facts.server;
    // Without an id of its own the history goes by the process's.
    let id = if server.replication_id.is_empty() { &server.run_id } else { &server.replication_id };
    text.title("Replication");
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", id);
    text.field("master_replid2", "0".repeat(40));
    text.field("master_repl_offset", 0);
    text.field("second_repl_offset", -1);
    text.field("repl_backlog_active", 0);
    text.field("repl_backlog_size", REPLICATION_BACKLOG_BYTES);
    text.neutral(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], "0");
}

/// The time of the whole process is told as the main thread's too: there is no thread that does most of the work.
pub(super) fn cpu(text: &mut Text<'_>) {
    let cpu = &text.facts.cpu;
    text.title("CPU");
    text.field("used_cpu_sys", format_args!("{:.6}", cpu.system));
    text.field("used_cpu_user", format_args!("{:.6}", cpu.user));
    text.neutral(&["used_cpu_sys_children", "used_cpu_user_children"], "0.000000");
    text.field("used_cpu_sys_main_thread", format_args!("{:.6}", cpu.system));
    text.field("used_cpu_user_main_thread", format_args!("{:.6}", cpu.user));
}

pub(super) fn modules(text: &mut Text<'_>) {
    text.title("Modules");
}

pub(super) fn cluster(text: &mut Text<'_>) {
    text.title("Cluster");
    text.field("cluster_enabled", 0);
}

/// What only this server has: the two runtimes, the channel between them, group commit and RocksDB.
pub(super) fn catamaran(text: &mut Text<'_>) {
    let (server, crossing, storage) = (&text.facts.server, &text.facts.crossing, &text.facts.storage);
    let (supervision, network) = (&crossing.supervision, &text.facts.network);
    text.title("Catamaran");
    text.field("runtime_mode", server.runtime_mode);
    text.field("network_threads", server.network_threads);
    text.field("storage_threads", server.storage_threads);
    text.field("channel_requests", crossing.queue_requests);
    text.field("channel_requests_max", crossing.queue_requests_max);
    text.field("channel_bytes", crossing.queue_bytes);
    text.field("channel_bytes_max", crossing.queue_bytes_max);
    text.field("channel_requests_taken", crossing.requests);
    text.field("channel_full", crossing.full);
    for (reason, count) in &crossing.refused {
        text.field(&format!("channel_refused_{reason}"), count);
    }
    text.field("channel_oldest_wait_msec", crossing.oldest_wait_ms);
    spread(text, "channel_wait_usec", &crossing.wait_us);
    text.field("channel_deferred", supervision.deferred);
    text.field("storage_health", supervision.health);
    text.field("storage_health_since_ms", supervision.health_since_ms);
    text.field("circuit_state", supervision.circuit);
    text.field("circuit_state_since_ms", supervision.circuit_since_ms);
    text.field("circuit_opened", supervision.circuit_opened);
    text.field("storage_stalls", supervision.stalls);
    text.field("storage_runtime_restarts", supervision.runtime_restarts);
    text.field("network_thread_restarts", network.thread_restarts);
    text.field("panics_fenced", storage.panics);
    text.field("network_panics_fenced", network.panics_fenced);
    text.field("failed_commits", supervision.failed_commits);
    text.field("batches", storage.batches);
    text.field("batch_commands", storage.batch_commands);
    text.field("commands_per_batch", mean(storage.batch_commands, storage.batches));
    spread(text, "batch_size", &storage.batch_size);
    text.field("batch_limit_commands", storage.batch_limit);
    text.field("batch_command_cost_nsec", storage.command_cost_ns);
    text.field("commits", storage.commits);
    text.field("commit_write_commands", storage.commit_write_commands);
    text.field("write_commands_per_commit", mean(storage.commit_write_commands, storage.commits));
    text.field("commit_usec", storage.commit_us);
    spread(text, "commit_usec", &storage.commit_time_us);
    text.field("syncs", storage.sync_time_us.count);
    spread(text, "sync_usec", &storage.sync_time_us);
    text.field("worker_restarts", storage.worker_restarts);
    text.field("long_reads", storage.long_reads);
    text.field("long_reads_running", storage.long_reads_running);
    text.field("long_reads_waiting", storage.long_reads_waiting);
    text.field("storage_poisoned", u8::from(storage.poisoned));
    text.field("storage_writable", u8::from(storage.refusal.is_none()));
    text.field("storage_refusal", storage.refusal.as_deref().unwrap_or_default());
    runtime(text, "network_runtime", &text.facts.network_runtime);
    runtime(text, "storage_runtime", &text.facts.storage_runtime);
    text.field("log_lines_dropped", text.facts.log_lines_dropped);
    text.field("rocksdb_snapshot_age_msec", storage.snapshot_age_ms);
    text.field("rocksdb_writes", storage.engine_writes);
    text.field("rocksdb_wal_syncs", storage.engine_wal_syncs);
    text.field("rocksdb_wal_bytes", storage.engine_wal_bytes);
    let [sum_us, p99_us, max_us] = storage.commit_sync_us;
    text.field("rocksdb_commit_syncs", storage.commit_syncs);
    text.field("rocksdb_commit_sync_usec", sum_us);
    text.field("rocksdb_commit_sync_usec_p99", p99_us);
    text.field("rocksdb_commit_sync_usec_max", max_us);
    text.field("rocksdb_flush_bytes", storage.engine_flush_bytes);
    text.field("rocksdb_compaction_bytes", storage.engine_compaction_bytes);
    text.field("rocksdb_cache_hits", storage.engine_cache_hits);
    text.field("rocksdb_cache_misses", storage.engine_cache_misses);
    text.field("rocksdb_parallel_reads", storage.engine_parallel_reads);
    text.field("rocksdb_flushes", storage.engine_flushes);
    text.field("rocksdb_compactions", storage.engine_compactions);
    text.field("writes_held", storage.writes_held);
    text.field("rocksdb_stall", storage.engine_stall);
    text.field("rocksdb_stall_msec", storage.engine_stall_ms);
    text.field("rocksdb_stall_usec", storage.engine_stall_us);
    text.field("rocksdb_stalls", storage.engine_stalls);
    text.field("rocksdb_stops", storage.engine_stops);
    text.field("rocksdb_background_errors", storage.engine_background_errors);
    text.field("rocksdb_resumes", storage.engine_resumes);
    text.field("hot_tier_bytes", storage.hot_tier_bytes);
    text.field("hot_tier_bytes_max", storage.hot_tier_bytes_max);
    text.field("hot_tier_records", storage.hot_tier_records);
    text.field("hot_tier_hits", storage.hot_tier_hits);
    text.field("hot_tier_misses", storage.hot_tier_misses);
    text.field("rocksdb_memtable_bytes", storage.memtable_bytes);
    text.field("rocksdb_block_cache_bytes", storage.block_cache_bytes);
    text.field("rocksdb_block_cache_capacity", storage.block_cache_capacity);
    text.field("rocksdb_disk_bytes", storage.disk_bytes);
    text.field("rocksdb_trash_bytes", storage.trash_bytes);
}

/// Adds how values are spread.
fn spread(text: &mut Text<'_>, name: &str, spread: &Spread) {
    text.field(&format!("{name}_mean"), format_args!("{:.2}", spread.mean));
    for (which, value) in [("p50", spread.p50), ("p99", spread.p99), ("p999", spread.p999), ("max", spread.max)] {
        text.field(&format!("{name}_{which}"), format_args!("{value:.2}"));
    }
}

/// Adds how busy a runtime is.
fn runtime(text: &mut Text<'_>, name: &str, runtime: &RuntimeFacts) {
    text.field(&format!("{name}_busy_ratio"), format_args!("{:.3}", runtime.busy_ratio));
    text.field(&format!("{name}_busy_usec"), runtime.busy_us);
    text.field(&format!("{name}_tasks"), runtime.tasks);
    text.field(&format!("{name}_queued_tasks"), runtime.queued_tasks);
    text.field(&format!("{name}_silent_msec"), runtime.silent_ms);
    spread(text, &format!("{name}_poll_delay_usec"), &runtime.poll_delay_us);
}

fn mean(sum: u64, count: u64) -> String {
    format!("{:.2}", if count == 0 { 0.0 } else { sum as f64 / count as f64 })
}
