//! Options of Redis and Valkey on replication, Redis Cluster, TLS and RDMA: this server is one node that speaks plain
//! RESP. Accepted and remembered like those of [`super::ignored`].

use super::super::check;
use super::super::option::{
    BYTES_MAX, Empty, INT_MAX, Kind, LONG_MAX, MB, OptionDef, Words, checked, choice, integer, memory, optional,
    optional_binary, special, text, yes_no,
};

const NO_REPLICATION: &str = "this server does not replicate";
const NO_CLUSTER: &str = "this server is a single node";
const NO_TLS: &str = "this server does not speak TLS; put a proxy that does in front of it";
const NO_RDMA: &str = "only plain TCP and Unix sockets are served";

const DISKLESS_LOADS: Words = &[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2)];
const PROPAGATION_ERRORS: Words = &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)];
const ENDPOINT_TYPES: Words = &[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)];
const CONFIG_SAVES: Words = &[("sync", 0), ("best-effort", 1)];
const TLS_AUTH: Words = &[("no", 0), ("yes", 1), ("optional", 2)];
const TLS_USERS: Words = &[("CN", 1), ("URI", 2), ("off", 0)];

pub(super) const OPTIONS: &[OptionDef] = &[
    // Replication.
    special("replicaof", Kind::Primary).alias("slaveof").fixed().ignored(NO_REPLICATION),
    optional_binary("masterauth").alias("primaryauth").secret().ignored(NO_REPLICATION),
    optional("masteruser").alias("primaryuser").secret().ignored(NO_REPLICATION),
    yes_no("replica-serve-stale-data", true).alias("slave-serve-stale-data").ignored(NO_REPLICATION),
    yes_no("replica-read-only", true).alias("slave-read-only").ignored(NO_REPLICATION),
    yes_no("replica-lazy-flush", false).alias("slave-lazy-flush").ignored(NO_REPLICATION),
    yes_no("replica-ignore-maxmemory", true).alias("slave-ignore-maxmemory").ignored(NO_REPLICATION),
    yes_no("replica-ignore-disk-write-errors", false).ignored(NO_REPLICATION),
    yes_no("replica-announced", true).ignored(NO_REPLICATION),
    optional("replica-announce-ip").alias("slave-announce-ip").ignored(NO_REPLICATION),
    integer("replica-announce-port", 0, 65535, 0).alias("slave-announce-port").ignored(NO_REPLICATION),
    integer("replica-priority", 0, INT_MAX, 100).alias("slave-priority").ignored(NO_REPLICATION),
    integer("min-replicas-to-write", 0, INT_MAX, 0).alias("min-slaves-to-write").ignored(NO_REPLICATION),
    integer("min-replicas-max-lag", 0, INT_MAX, 10).alias("min-slaves-max-lag").ignored(NO_REPLICATION),
    yes_no("repl-diskless-sync", true).ignored(NO_REPLICATION),
    integer("repl-diskless-sync-delay", 0, INT_MAX, 5).ignored(NO_REPLICATION),
    integer("repl-diskless-sync-max-replicas", 0, INT_MAX, 0).ignored(NO_REPLICATION),
    choice("repl-diskless-load", DISKLESS_LOADS, 0).ignored(NO_REPLICATION),
    yes_no("repl-disable-tcp-nodelay", false).ignored(NO_REPLICATION),
    yes_no("repl-mptcp", false).fixed().ignored(NO_REPLICATION),
    integer("repl-timeout", 1, INT_MAX, 60).ignored(NO_REPLICATION),
    integer("repl-ping-replica-period", 1, INT_MAX, 10).alias("repl-ping-slave-period").ignored(NO_REPLICATION),
    memory("repl-backlog-size", 1, BYTES_MAX, MB).ignored(NO_REPLICATION),
    integer("repl-backlog-ttl", 0, LONG_MAX, 3600).ignored(NO_REPLICATION),
    yes_no("dual-channel-replication-enabled", false).ignored(NO_REPLICATION),
    choice("propagation-error-behavior", PROPAGATION_ERRORS, 0).ignored(NO_REPLICATION),
    // Redis Cluster.
    yes_no("cluster-enabled", false).fixed().ignored(NO_CLUSTER),
    text("cluster-config-file", "nodes.conf").fixed().ignored(NO_CLUSTER),
    integer("cluster-node-timeout", 0, LONG_MAX, 15_000).ignored(NO_CLUSTER),
    integer("cluster-port", 0, 65535, 0).fixed().ignored(NO_CLUSTER),
    integer("cluster-databases", 1, INT_MAX, 1).fixed().ignored(NO_CLUSTER),
    integer("cluster-replica-validity-factor", 0, INT_MAX, 10)
        .alias("cluster-slave-validity-factor")
        .ignored(NO_CLUSTER),
    yes_no("cluster-replica-no-failover", false).alias("cluster-slave-no-failover").ignored(NO_CLUSTER),
    integer("cluster-migration-barrier", 0, INT_MAX, 1).ignored(NO_CLUSTER),
    yes_no("cluster-allow-replica-migration", true).ignored(NO_CLUSTER),
    yes_no("cluster-require-full-coverage", true).ignored(NO_CLUSTER),
    yes_no("cluster-allow-reads-when-down", false).ignored(NO_CLUSTER),
    yes_no("cluster-allow-pubsubshard-when-down", true).ignored(NO_CLUSTER),
    memory("cluster-link-sendbuf-limit", 0, u64::MAX, 0).ignored(NO_CLUSTER),
    optional("cluster-announce-ip").ignored(NO_CLUSTER),
    checked("cluster-announce-client-ipv4", "", Empty::Absent, check::ipv4).ignored(NO_CLUSTER),
    checked("cluster-announce-client-ipv6", "", Empty::Absent, check::ipv6).ignored(NO_CLUSTER),
    integer("cluster-announce-client-port", 0, 65535, 0).ignored(NO_CLUSTER),
    integer("cluster-announce-client-tls-port", 0, 65535, 0).ignored(NO_CLUSTER),
    integer("cluster-announce-port", 0, 65535, 0).ignored(NO_CLUSTER),
    integer("cluster-announce-tls-port", 0, 65535, 0).ignored(NO_CLUSTER),
    integer("cluster-announce-bus-port", 0, 65535, 0).ignored(NO_CLUSTER),
    checked("cluster-announce-hostname", "", Empty::Absent, check::host_name).ignored(NO_CLUSTER),
    checked("cluster-announce-human-nodename", "", Empty::Absent, check::node_name).ignored(NO_CLUSTER),
    choice("cluster-preferred-endpoint-type", ENDPOINT_TYPES, 0).ignored(NO_CLUSTER),
    choice("cluster-config-save-behavior", CONFIG_SAVES, 0).ignored(NO_CLUSTER),
    integer("cluster-manual-failover-timeout", 1, INT_MAX, 5000).ignored(NO_CLUSTER),
    integer("cluster-slot-migration-log-max-len", 0, LONG_MAX, 1000).ignored(NO_CLUSTER),
    integer("slot-migration-max-failover-repl-bytes", -1, LONG_MAX, 0).ignored(NO_CLUSTER),
    yes_no("cluster-slot-stats-enabled", false).ignored(NO_CLUSTER),
    integer("cluster-blacklist-ttl", 0, LONG_MAX, 60).ignored(NO_CLUSTER),
    integer("cluster-ping-interval", 0, LONG_MAX, 0).hidden().ignored(NO_CLUSTER),
    // TLS.
    integer("tls-port", 0, 65535, 0).ignored(NO_TLS),
    optional("tls-cert-file").ignored(NO_TLS),
    optional("tls-key-file").ignored(NO_TLS),
    optional("tls-key-file-pass").secret().ignored(NO_TLS),
    optional("tls-client-cert-file").ignored(NO_TLS),
    optional("tls-client-key-file").ignored(NO_TLS),
    optional("tls-client-key-file-pass").secret().ignored(NO_TLS),
    optional("tls-dh-params-file").ignored(NO_TLS),
    optional("tls-ca-cert-file").ignored(NO_TLS),
    optional("tls-ca-cert-dir").ignored(NO_TLS),
    choice("tls-auth-clients", TLS_AUTH, 1).ignored(NO_TLS),
    choice("tls-auth-clients-user", TLS_USERS, 0).ignored(NO_TLS),
    integer("tls-auto-reload-interval", 0, INT_MAX, 0).ignored(NO_TLS),
    yes_no("tls-replication", false).ignored(NO_TLS),
    yes_no("tls-cluster", false).ignored(NO_TLS),
    optional("tls-protocols").ignored(NO_TLS),
    optional("tls-ciphers").ignored(NO_TLS),
    optional("tls-ciphersuites").ignored(NO_TLS),
    yes_no("tls-prefer-server-ciphers", false).ignored(NO_TLS),
    yes_no("tls-session-caching", true).ignored(NO_TLS),
    integer("tls-session-cache-size", 0, INT_MAX, 20 * 1024).ignored(NO_TLS),
    integer("tls-session-cache-timeout", 0, INT_MAX, 300).ignored(NO_TLS),
    integer("max-new-tls-connections-per-cycle", 1, 1000, 1).ignored(NO_TLS),
    // RDMA.
    optional("rdma-bind").ignored(NO_RDMA),
    integer("rdma-port", 0, 65535, 0).ignored(NO_RDMA),
    integer("rdma-rx-size", 64 * 1024, 16 << 20, 1 << 20).fixed().ignored(NO_RDMA),
    integer("rdma-completion-vector", -1, 1024, -1).fixed().ignored(NO_RDMA),
];
