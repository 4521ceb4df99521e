//! Who may connect, how, and the threads that serve them.

use super::super::option::{
    INT_MAX, Kind, OptionDef, UINT_MAX, Words, choice, integer, optional, optional_binary, special, text, yes_no,
};

const RUNTIME_MODES: Words = &[("dual", 0), ("single", 1)];
const PROTECTED_ACTIONS: Words = &[("no", 0), ("yes", 1), ("local", 2)];
const PUBSUB_DEFAULTS: Words = &[("allchannels", 0), ("resetchannels", 1)];

/// The most threads one may ask for, of any kind.
const THREADS_MAX: i64 = 1024;

pub(super) const OPTIONS: &[OptionDef] = &[
    special("bind", Kind::Addresses),
    integer("port", 0, 65535, 6379),
    integer("tcp-backlog", 0, INT_MAX, 511).fixed(),
    integer("tcp-keepalive", 0, INT_MAX, 300),
    optional("unixsocket").fixed(),
    special("unixsocketperm", Kind::Octal { max: 0o777, default: 0 }).fixed(),
    integer("timeout", 0, INT_MAX, 0),
    integer("maxclients", 1, UINT_MAX, 10_000),
    yes_no("protected-mode", true),
    optional_binary("requirepass").secret(),
    text("aclfile", "").fixed(),
    choice("acl-pubsub-default", PUBSUB_DEFAULTS, 1),
    choice("enable-protected-configs", PROTECTED_ACTIONS, 0).fixed(),
    choice("enable-debug-command", PROTECTED_ACTIONS, 0).fixed(),
    choice("enable-module-command", PROTECTED_ACTIONS, 0).fixed(),
    integer("admin-port", 0, 65535, 0).fixed(),
    text("admin-bind", "127.0.0.1").fixed(),
    choice("runtime-mode", RUNTIME_MODES, 0).fixed(),
    integer("network-threads", 0, THREADS_MAX, 0).fixed(),
    integer("storage-threads", 0, THREADS_MAX, 0).fixed(),
    integer("reader-threads", 0, THREADS_MAX, 0).fixed(),
    integer("io-threads", 1, 128, 1).fixed(),
];
