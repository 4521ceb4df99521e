//! `/metrics`: everything that is measured, in families. `docs/operations.md` explains each of them.

use std::sync::atomic::{AtomicU64, Ordering};

use bridge::{HistogramSnapshot, RuntimeMetrics};
use commands::facts::{Facts, Health, RuntimeFacts};
use commands::{stats, table};

use crate::admin::text_format::{Kind, Page};

/// Histograms of times are kept in ns and told in seconds.
const NS_PER_SECOND: f64 = 1e9;
/// Ends of their buckets, as powers of two of ns: a microsecond to 34 seconds.
const TIME_POWERS: std::ops::RangeInclusive<u32> = 10..=35;
/// Ends of the buckets of batch sizes, as powers of two.
const SIZE_POWERS: std::ops::RangeInclusive<u32> = 0..=14;

/// The page.
pub(super) fn page(facts: &Facts, metrics: &RuntimeMetrics, health: &Health) -> String {
    let mut page = Page::default();
    process(&mut page, facts, health);
    clients(&mut page, facts);
    commands(&mut page, facts);
    runtimes(&mut page, facts, metrics);
    channel(&mut page, facts, metrics);
    workers(&mut page, facts);
    commits(&mut page, facts, metrics);
    rocksdb(&mut page, facts);
    data(&mut page, facts);
    page.text
}

fn process(page: &mut Page, facts: &Facts, health: &Health) {
    let (server, memory) = (&facts.server, &facts.memory);
    let labels = vec![("version", server.version.clone()), ("runtime_mode", server.runtime_mode.to_owned())];
    page.family("catamaran_build_info", Kind::Gauge, "Always 1; its labels tell the build.", [(labels, 1)]);
    page.gauge("catamaran_live", "1 while the network threads turn.", u8::from(health.live));
    page.gauge("catamaran_ready", "1 while commands are served.", u8::from(health.is_ready()));
    page.family(
        "catamaran_condition",
        Kind::Gauge,
        "State of a part: 0 ok, 1 degraded, 2 failed.",
        health.parts.iter().map(|part| (vec![("part", part.name.to_owned())], part.condition as u8)),
    );
    page.gauge(
        "process_start_time_seconds",
        "When the process was started, in Unix time.",
        server.started_unix_us as f64 / 1e6,
    );
    page.counter("process_cpu_seconds_total", "CPU time of the process.", facts.cpu.user + facts.cpu.system);
    page.gauge("process_resident_memory_bytes", "Resident memory of the process.", memory.rss_bytes);
    page.counter("catamaran_log_lines_dropped_total", "Lines of the log that were dropped.", facts.log_lines_dropped);
}

fn clients(page: &mut Page, facts: &Facts) {
    let network = &facts.network;
    page.gauge("catamaran_clients", "Connected clients.", network.connected_clients);
    page.gauge("catamaran_clients_max", "Clients that may be connected (maxclients).", network.maxclients);
    page.gauge("catamaran_clients_blocked", "Clients that wait for others (BLPOP...).", network.blocked_clients);
    page.gauge("catamaran_clients_bytes", "Memory of all clients' buffers.", network.clients_bytes);
    page.counter("catamaran_connections_total", "Connections accepted.", network.total_connections_received);
    page.counter("catamaran_connections_rejected_total", "Connections refused.", network.rejected_connections);
    page.family(
        "catamaran_clients_closed_total",
        Kind::Counter,
        "Clients closed because a buffer of theirs passed its limit.",
        [("query", network.query_buffer_limit_disconnections), ("output", network.output_buffer_limit_disconnections)]
            .map(|(buffer, count)| (vec![("buffer", buffer.to_owned())], count)),
    );
    page.counter("catamaran_auth_failures_total", "Failed authentications.", network.auth_failures);
    page.counter("catamaran_network_input_bytes_total", "Bytes read from clients.", network.input_bytes);
    page.counter("catamaran_network_output_bytes_total", "Bytes written to clients.", network.output_bytes);
    page.counter("catamaran_network_reads_total", "Reads from sockets.", network.reads_processed);
    page.counter("catamaran_network_writes_total", "Writes to sockets.", network.writes_processed);
}

fn commands(page: &mut Page, facts: &Facts) {
    let network = &facts.network;
    page.counter("catamaran_commands_total", "Commands received.", network.total_commands_processed);
    page.counter("catamaran_error_replies_total", "Replies that were errors.", network.total_error_replies);
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let used = || {
        let all = table::all().iter().map(|command| (command.name, stats::of(command)));
        all.filter(|(_, counters)| load(&counters.calls) + load(&counters.rejected) > 0)
            .map(|(name, counters)| (vec![("command", name.to_owned())], counters))
    };
    page.family(
        "catamaran_command_calls_total",
        Kind::Counter,
        "Times that a command ran.",
        used().map(|(labels, counters)| (labels, load(&counters.calls))),
    );
    page.family(
        "catamaran_command_seconds_total",
        Kind::Counter,
        "Time that a command ran, without waiting.",
        used().map(|(labels, counters)| (labels, load(&counters.busy_ns) as f64 / NS_PER_SECOND)),
    );
    page.family(
        "catamaran_command_failures_total",
        Kind::Counter,
        "Times that a command ran and replied an error.",
        used().map(|(labels, counters)| (labels, load(&counters.failed))),
    );
    page.family(
        "catamaran_command_rejections_total",
        Kind::Counter,
        "Times that a command was refused before it ran.",
        used().map(|(labels, counters)| (labels, load(&counters.rejected))),
    );
}

fn runtimes(page: &mut Page, facts: &Facts, metrics: &RuntimeMetrics) {
    let sides = [("network", &facts.network_runtime), ("storage", &facts.storage_runtime)];
    let mut add = |name, kind, help, value: fn(&RuntimeFacts) -> f64| {
        page.family(name, kind, help, sides.map(|(side, facts)| (vec![("runtime", side.to_owned())], value(facts))));
    };
    add("catamaran_runtime_threads", Kind::Gauge, "Threads that poll its tasks.", |facts| facts.threads as f64);
    add("catamaran_runtime_tasks", Kind::Gauge, "Tasks that are not finished.", |facts| facts.tasks as f64);
    add("catamaran_runtime_queued_tasks", Kind::Gauge, "Tasks in its common queue.", |facts| facts.queued_tasks as f64);
    add("catamaran_runtime_busy_ratio", Kind::Gauge, "Share of the last second that its threads were busy.", |facts| {
        facts.busy_ratio
    });
    add("catamaran_runtime_busy_seconds_total", Kind::Counter, "Time that its threads were busy.", |facts| {
        facts.busy_us as f64 / 1e6
    });
    add("catamaran_runtime_turns_total", Kind::Counter, "Times that a thread had nothing to do.", |facts| {
        facts.turns as f64
    });
    add("catamaran_runtime_silent_seconds", Kind::Gauge, "Since when its most silent thread was not seen.", |facts| {
        facts.silent_ms as f64 / 1000.0
    });
    let restarts =
        [("network", facts.network.thread_restarts), ("storage", facts.crossing.supervision.runtime_restarts)];
    page.family(
        "catamaran_runtime_restarts_total",
        Kind::Counter,
        "Network threads that were replaced; times that the storage runtime was.",
        restarts.map(|(side, count)| (vec![("runtime", side.to_owned())], count)),
    );
    page.counter(
        "catamaran_network_panics_total",
        "Panics on network threads that took one client with them at most.",
        facts.network.panics_fenced,
    );
    page.histograms(
        "catamaran_runtime_poll_delay_seconds",
        "Time from a task's wake-up to its poll, as probed ten times a second.",
        NS_PER_SECOND,
        TIME_POWERS,
        &[
            (Some(("runtime", "network")), metrics.network.poll_delay.snapshot()),
            (Some(("runtime", "storage")), metrics.storage.poll_delay.snapshot()),
        ],
    );
}

fn channel(page: &mut Page, facts: &Facts, metrics: &RuntimeMetrics) {
    let crossing = &facts.crossing;
    page.gauge("catamaran_channel_requests", "Requests that wait.", crossing.queue_requests);
    page.gauge("catamaran_channel_requests_max", "Requests that may wait.", crossing.queue_requests_max);
    page.gauge("catamaran_channel_bytes", "Bytes that wait.", crossing.queue_bytes);
    page.gauge("catamaran_channel_bytes_max", "Bytes that may wait.", crossing.queue_bytes_max);
    page.gauge(
        "catamaran_channel_oldest_wait_seconds",
        "How long the oldest request that waits has waited.",
        crossing.oldest_wait_ms as f64 / 1000.0,
    );
    page.counter("catamaran_channel_taken_total", "Requests taken by storage.", crossing.requests);
    page.counter("catamaran_channel_full_total", "Times that a sender found no room.", crossing.full);
    page.family(
        "catamaran_refusals_total",
        Kind::Counter,
        "Requests that were refused, by reason.",
        crossing.refused.iter().map(|&(reason, count)| (vec![("reason", reason.to_owned())], count)),
    );
    times(page, "catamaran_channel_wait_seconds", "Time that requests waited.", metrics.channel.wait.snapshot());
}

/// The storage workers, as they tell the network runtime of themselves.
fn workers(page: &mut Page, facts: &Facts) {
    let supervision = &facts.crossing.supervision;
    let all = || supervision.workers.iter().enumerate().map(|(n, worker)| (vec![("worker", n.to_string())], worker));
    page.family(
        "catamaran_worker_held_up_seconds",
        Kind::Gauge,
        "How long a worker has had the same request in hand, or has been dead; 0 if it rests.",
        all().map(|(labels, worker)| (labels, worker.held_up_ms() as f64 / 1000.0)),
    );
    page.family(
        "catamaran_worker_turns_total",
        Kind::Counter,
        "Turns that a worker has finished.",
        all().map(|(labels, worker)| (labels, worker.turns)),
    );
    page.counter("catamaran_worker_stalls_total", "Times that a worker was found late or dead.", supervision.stalls);
    let circuit = match supervision.circuit {
        "half-open" => 1,
        "open" => 2,
        _ => 0,
    };
    page.gauge(
        "catamaran_circuit",
        "Whether requests are let in: 0 closed (all), 1 half open, 2 open (none).",
        circuit,
    );
    page.counter("catamaran_circuit_opened_total", "Times that it opened.", supervision.circuit_opened);
    page.counter("catamaran_deferred_total", "Requests begun in vain and tried again.", supervision.deferred);
    page.counter("catamaran_commit_failures_total", "Commits that failed.", supervision.failed_commits);
}

fn commits(page: &mut Page, facts: &Facts, metrics: &RuntimeMetrics) {
    let storage = &facts.storage;
    page.histograms(
        "catamaran_batch_commands",
        "Commands of each turn of a storage worker.",
        1.0,
        SIZE_POWERS,
        &[(None, metrics.batch_size.snapshot())],
    );
    page.gauge(
        "catamaran_batch_limit_commands",
        "Commands that a worker takes at once at most, now.",
        storage.batch_limit,
    );
    page.gauge(
        "catamaran_command_cost_nanoseconds",
        "What a worker believes that a command costs it.",
        storage.command_cost_ns,
    );
    page.counter("catamaran_commits_total", "Batches written to RocksDB.", storage.commits);
    page.counter("catamaran_commit_write_commands_total", "Write commands in those.", storage.commit_write_commands);
    times(page, "catamaran_commit_seconds", "Time of each commit.", metrics.commit_time.snapshot());
    times(
        page,
        "catamaran_sync_seconds",
        "Time of each sync of the log that is not part of a commit.",
        metrics.sync_time.snapshot(),
    );
    page.counter("catamaran_commit_syncs_total", "Syncs that were part of a commit.", storage.commit_syncs);
    let [sync_us, ..] = storage.commit_sync_us;
    page.counter("catamaran_commit_sync_seconds_total", "Time of those.", sync_us as f64 / 1e6);
    page.counter("catamaran_long_reads_total", "Commands that ran on the reader pool.", storage.long_reads);
    page.gauge("catamaran_long_reads_running", "Commands that run or wait there.", storage.long_reads_running);
    page.counter("catamaran_handler_panics_total", "Commands that panicked.", storage.panics);
    page.counter("catamaran_worker_restarts_total", "Storage workers that were replaced.", storage.worker_restarts);
}

fn rocksdb(page: &mut Page, facts: &Facts) {
    let storage = &facts.storage;
    page.gauge("catamaran_writes_refused", "1 while the disk takes no writes.", u8::from(storage.refusal.is_some()));
    page.gauge("catamaran_poisoned", "1 after a failed sync, until a restart.", u8::from(storage.poisoned));
    let stall = match storage.engine_stall {
        "delayed" => 1,
        "stopped" => 2,
        _ => 0,
    };
    page.gauge("catamaran_rocksdb_stall", "Whether RocksDB holds writes back: 0 no, 1 delayed, 2 stopped.", stall);
    page.counter("catamaran_rocksdb_stalls_total", "Times that it began to.", storage.engine_stalls);
    page.counter("catamaran_rocksdb_stops_total", "Times that it stopped writes.", storage.engine_stops);
    let stalled = storage.engine_stall_us as f64 / 1e6;
    page.counter("catamaran_rocksdb_stall_seconds_total", "Time that writes were held back.", stalled);
    let errors = storage.engine_background_errors;
    page.counter("catamaran_rocksdb_background_errors_total", "Errors of its background work.", errors);
    page.counter("catamaran_rocksdb_resumes_total", "Times that such an error was overcome.", storage.engine_resumes);
    page.counter("catamaran_rocksdb_writes_total", "Write calls, by RocksDB's count.", storage.engine_writes);
    page.counter("catamaran_rocksdb_wal_syncs_total", "Syncs of its log.", storage.engine_wal_syncs);
    page.counter("catamaran_rocksdb_wal_bytes_total", "Bytes written to its log.", storage.engine_wal_bytes);
    page.counter("catamaran_rocksdb_flushes_total", "Memtables flushed.", storage.engine_flushes);
    page.counter("catamaran_rocksdb_flush_bytes_total", "Bytes flushed.", storage.engine_flush_bytes);
    page.counter("catamaran_rocksdb_compactions_total", "Compactions.", storage.engine_compactions);
    page.counter("catamaran_rocksdb_compaction_bytes_total", "Bytes compacted.", storage.engine_compaction_bytes);
    page.counter("catamaran_rocksdb_block_cache_hits_total", "Block cache hits.", storage.engine_cache_hits);
    page.counter("catamaran_rocksdb_block_cache_misses_total", "Block cache misses.", storage.engine_cache_misses);
    let parallel = storage.engine_parallel_reads;
    page.counter("catamaran_rocksdb_parallel_reads_total", "Records that several threads read at once.", parallel);
    page.gauge("catamaran_rocksdb_memtable_bytes", "Memory of memtables.", storage.memtable_bytes);
    page.gauge("catamaran_rocksdb_block_cache_bytes", "Memory of the block cache.", storage.block_cache_bytes);
    page.gauge(
        "catamaran_rocksdb_block_cache_bytes_max",
        "Capacity of the block cache at present.",
        storage.block_cache_capacity,
    );
    page.gauge("catamaran_rocksdb_table_bytes", "Bytes of table files on disk.", storage.disk_bytes);
    page.gauge("catamaran_rocksdb_trash_bytes", "Bytes of files that wait to be deleted.", storage.trash_bytes);
    page.gauge(
        "catamaran_rocksdb_snapshot_age_seconds",
        "Age of what RocksDB told last.",
        storage.snapshot_age_ms as f64 / 1000.0,
    );
}

fn data(page: &mut Page, facts: &Facts) {
    let storage = &facts.storage;
    let databases = || {
        let all = storage.databases.iter().enumerate();
        all.filter(|(db, (keys, _))| *db == 0 || *keys > 0).map(|(db, counts)| (vec![("db", db.to_string())], counts))
    };
    page.family("catamaran_keys", Kind::Gauge, "Keys.", databases().map(|(labels, counts)| (labels, counts.0)));
    page.family(
        "catamaran_keys_expiring",
        Kind::Gauge,
        "Keys with an expiry.",
        databases().map(|(labels, counts)| (labels, counts.1)),
    );
    page.counter("catamaran_keys_expired_total", "Keys that expired.", storage.expired_keys);
    page.counter("catamaran_keyspace_hits_total", "Reads that found their key.", storage.keyspace_hits);
    page.counter("catamaran_keyspace_misses_total", "Reads that did not.", storage.keyspace_misses);
    page.gauge("catamaran_hot_tier_bytes", "Memory of the hot tier.", storage.hot_tier_bytes);
    page.gauge("catamaran_hot_tier_bytes_max", "Its limit.", storage.hot_tier_bytes_max);
    page.gauge("catamaran_hot_tier_records", "Records in it.", storage.hot_tier_records);
    page.counter("catamaran_hot_tier_hits_total", "Lookups that it answered.", storage.hot_tier_hits);
    page.counter("catamaran_hot_tier_misses_total", "Lookups that went on to RocksDB.", storage.hot_tier_misses);
    page.counter("catamaran_checkpoints_total", "Checkpoints written.", storage.saves);
    page.gauge("catamaran_checkpoint_running", "1 while one is written.", u8::from(storage.save_in_progress));
    page.gauge("catamaran_checkpoint_ok", "1 if the last one succeeded.", u8::from(storage.last_save_ok));
    page.gauge("catamaran_checkpoint_time_seconds", "When it was written, in Unix time.", storage.last_save_unix);
    page.gauge("catamaran_checkpoint_changes", "Write commands since.", storage.changes_since_save);
}

fn times(page: &mut Page, name: &str, help: &str, snapshot: HistogramSnapshot) {
    page.histograms(name, help, NS_PER_SECOND, TIME_POWERS, &[(None, snapshot)]);
}
