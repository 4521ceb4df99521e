//! Options of Redis and Valkey on snapshots, the append-only file, the process and its memory, which have no object
//! here. Accepted and remembered, so that an existing file and existing tools go on working.

use super::super::check;
use super::super::option::{
    BYTES_MAX, Empty, INT_MAX, INT_MIN, Kind, LONG_MAX, MB, OptionDef, UINT_MAX, Words, checked, choice, integer,
    memory, optional, special, text, yes_no,
};

const NO_DUMP_FILE: &str = "data lies in RocksDB, so no dump file is written or loaded";
const NO_APPEND_FILE: &str = "RocksDB's write-ahead log takes the place of the append-only file";
const SUPERVISED: &str = "run it under a supervisor";
const NO_SIGNAL_CHOICE: &str = "a signal always ends the server in order, and what was acknowledged is on disk";
const NO_TITLE: &str = "the process keeps the title it was started with";
const NO_PINNING: &str = "threads are placed by the operating system; use taskset or cgroups";
const NO_SYSLOG: &str = "log to standard output and let the supervisor forward it";
const NO_DEFRAG: &str = "values do not lie in this process's heap, so there is nothing to defragment";
const OS_MATTER: &str = "this is left to the operating system and the supervisor";
const OWN_THREADS: &str = "network-threads and storage-threads say how work is spread";
const NO_HASH_TABLE: &str = "keys do not lie in a hash table";
const NO_CRASH_REPORT: &str = "a panic is caught and logged with its backtrace";
const NO_TEST_HOOK: &str = "it is a hook for Redis's own tests";
const NO_COMMAND_LOG: &str = "only slow commands are logged";
const NOT_YET_KNOWN: &str = "nothing in this server depends on it";
const NO_DEFRAG_AT_RUN_TIME: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled with \
     a modified Jemalloc like the one shipped by default with the Redis source distribution";

const SUPERVISORS: Words = &[("upstart", 0), ("systemd", 1), ("auto", 2), ("no", 3)];
const SYSLOG_FACILITIES: Words = &[
    ("user", 0),
    ("local0", 1),
    ("local1", 2),
    ("local2", 3),
    ("local3", 4),
    ("local4", 5),
    ("local5", 6),
    ("local6", 7),
    ("local7", 8),
];
/// `yes` and `relative` are the same; `yes` is what is printed.
const OOM_MODES: Words = &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)];
const SANITIZE_MODES: Words = &[("no", 0), ("yes", 1), ("clients", 2)];
const SIGNAL_FLAGS: Words = &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];
const TIMESTAMP_FORMATS: Words = &[("legacy", 0), ("iso8601", 1), ("milliseconds", 2)];
const VERSION_CHECKS: Words = &[("strict", 0), ("relaxed", 1)];

pub(super) const OPTIONS: &[OptionDef] = &[
    // The process.
    yes_no("daemonize", false).fixed().ignored(SUPERVISED),
    choice("supervised", SUPERVISORS, 3).fixed().ignored(SUPERVISED),
    yes_no("set-proc-title", true).fixed().ignored(NO_TITLE),
    checked("proc-title-template", "{title} {listen-addr} {server-mode}", Empty::Value, check::title_template)
        .ignored(NO_TITLE),
    yes_no("always-show-logo", false).fixed().ignored("there is no logo"),
    special("shutdown-on-sigint", Kind::Flags { words: SIGNAL_FLAGS, default: 0 }).ignored(NO_SIGNAL_CHOICE),
    special("shutdown-on-sigterm", Kind::Flags { words: SIGNAL_FLAGS, default: 0 }).ignored(NO_SIGNAL_CHOICE),
    optional("server_cpulist").alias("server-cpulist").fixed().ignored(NO_PINNING),
    optional("bio_cpulist").alias("bio-cpulist").fixed().ignored(NO_PINNING),
    optional("aof_rewrite_cpulist").alias("aof-rewrite-cpulist").fixed().ignored(NO_PINNING),
    optional("bgsave_cpulist").alias("bgsave-cpulist").fixed().ignored(NO_PINNING),
    choice("oom-score-adj", OOM_MODES, 0).ignored(OS_MATTER),
    special("oom-score-adj-values", Kind::OomScores).ignored(OS_MATTER),
    yes_no("disable-thp", true).fixed().ignored(OS_MATTER),
    text("ignore-warnings", "").ignored("no warning stops this server from starting"),
    text("locale-collate", "").ignored("texts are compared byte by byte"),
    // The log.
    yes_no("syslog-enabled", false).fixed().ignored(NO_SYSLOG),
    text("syslog-ident", "redis").fixed().ignored(NO_SYSLOG),
    choice("syslog-facility", SYSLOG_FACILITIES, 1).fixed().ignored(NO_SYSLOG),
    choice("log-timestamp-format", TIMESTAMP_FORMATS, 0).ignored("timestamps follow from log-format"),
    yes_no("hide-user-data-from-log", true).ignored("keys and values are never logged"),
    yes_no("crash-log-enabled", true).ignored(NO_CRASH_REPORT),
    yes_no("crash-memcheck-enabled", true).ignored(NO_CRASH_REPORT),
    yes_no("use-exit-on-panic", false).hidden().ignored(NO_CRASH_REPORT),
    integer("watchdog-period", 0, INT_MAX, 0).hidden().ignored("stalls are measured all the time"),
    integer("commandlog-request-larger-than", -1, LONG_MAX, 1 << 20).ignored(NO_COMMAND_LOG),
    integer("commandlog-large-request-max-len", 0, LONG_MAX, 128).ignored(NO_COMMAND_LOG),
    integer("commandlog-reply-larger-than", -1, LONG_MAX, 1 << 20).ignored(NO_COMMAND_LOG),
    integer("commandlog-large-reply-max-len", 0, LONG_MAX, 128).ignored(NO_COMMAND_LOG),
    // Snapshots.
    checked("dbfilename", "dump.rdb", Empty::Value, check::dump_file_name).protected().ignored(NO_DUMP_FILE),
    yes_no("rdbchecksum", true).fixed().ignored(NO_DUMP_FILE),
    yes_no("rdb-save-incremental-fsync", true).ignored(NO_DUMP_FILE),
    yes_no("rdb-del-sync-files", false).ignored(NO_DUMP_FILE),
    choice("rdb-version-check", VERSION_CHECKS, 0).ignored(NO_DUMP_FILE),
    yes_no("stop-writes-on-bgsave-error", true).ignored("writes are refused as soon as one cannot reach the disk"),
    choice("sanitize-dump-payload", SANITIZE_MODES, 0).ignored("what RESTORE is given is always checked"),
    integer("rdb-key-save-delay", INT_MIN, INT_MAX, 0).hidden().ignored(NO_TEST_HOOK),
    integer("key-load-delay", INT_MIN, INT_MAX, 0).hidden().ignored(NO_TEST_HOOK),
    integer("loading-process-events-interval-bytes", 1024, INT_MAX, 2 << 20).hidden().ignored(NO_DUMP_FILE),
    // The append-only file.
    checked("appendfilename", "appendonly.aof", Empty::Value, check::append_file_name).fixed().ignored(NO_APPEND_FILE),
    checked("appenddirname", "appendonlydir", Empty::Value, check::append_directory_name)
        .fixed()
        .ignored(NO_APPEND_FILE),
    yes_no("no-appendfsync-on-rewrite", false).ignored(NO_APPEND_FILE),
    integer("auto-aof-rewrite-percentage", 0, INT_MAX, 100).ignored(NO_APPEND_FILE),
    memory("auto-aof-rewrite-min-size", 0, BYTES_MAX, 64 * MB).ignored(NO_APPEND_FILE),
    yes_no("aof-load-truncated", true).ignored(NO_APPEND_FILE),
    yes_no("aof-use-rdb-preamble", true).ignored(NO_APPEND_FILE),
    yes_no("aof-timestamp-enabled", false).ignored(NO_APPEND_FILE),
    yes_no("aof-rewrite-incremental-fsync", true).ignored(NO_APPEND_FILE),
    yes_no("aof-disable-auto-gc", false).hidden().ignored(NO_APPEND_FILE),
    // Memory.
    yes_no("activedefrag", false).refused_while_running(NO_DEFRAG_AT_RUN_TIME).ignored(NO_DEFRAG),
    memory("active-defrag-ignore-bytes", 1, BYTES_MAX, 100 * MB).ignored(NO_DEFRAG),
    integer("active-defrag-threshold-lower", 0, 1000, 10).ignored(NO_DEFRAG),
    integer("active-defrag-threshold-upper", 0, 1000, 100).ignored(NO_DEFRAG),
    integer("active-defrag-cycle-min", 1, 99, 1).ignored(NO_DEFRAG),
    integer("active-defrag-cycle-max", 1, 99, 25).ignored(NO_DEFRAG),
    integer("active-defrag-cycle-us", 0, 100_000, 500).ignored(NO_DEFRAG),
    integer("active-defrag-max-scan-fields", 1, LONG_MAX, 1000).ignored(NO_DEFRAG),
    yes_no("jemalloc-bg-thread", true).ignored("the allocator's own threads are always on"),
    yes_no("activerehashing", true).ignored(NO_HASH_TABLE),
    text("hash-seed", "").fixed().ignored(NO_HASH_TABLE),
    yes_no("dynamic-hz", true).ignored("background work is paced by what there is to do"),
    // Threads and sockets.
    yes_no("io-threads-do-reads", false).fixed().ignored(OWN_THREADS),
    integer("events-per-io-thread", 0, INT_MAX, 2).ignored(OWN_THREADS),
    integer("prefetch-batch-max-size", 0, 128, 16).ignored(OWN_THREADS),
    integer("max-new-connections-per-cycle", 1, 1000, 10).ignored("connections are accepted as they come"),
    integer("socket-mark-id", 0, UINT_MAX, 0).fixed().ignored(OS_MATTER),
    optional("unixsocketgroup").fixed().ignored(OS_MATTER),
    optional("bind-source-addr").ignored("this server opens no connections"),
    yes_no("mptcp", false).fixed().ignored("only plain TCP and Unix sockets are served"),
    // Valkey's particularities and hooks for tests.
    yes_no("extended-redis-compatibility", false).ignored("this server reports Redis's version by itself"),
    text("availability-zone", "").ignored(NOT_YET_KNOWN),
    yes_no("import-mode", false).ignored(NOT_YET_KNOWN),
    yes_no("enable-debug-assert", false).fixed().hidden().ignored(NO_TEST_HOOK),
    text("debug-context", "").hidden().ignored(NO_TEST_HOOK),
    optional("req-res-logfile").fixed().hidden().ignored(NO_TEST_HOOK),
    integer("client-default-resp", 2, 3, 2).fixed().hidden().ignored(NO_TEST_HOOK),
];
