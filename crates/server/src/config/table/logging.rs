//! What the server writes about itself, and what it measures.

use super::super::option::{Kind, LONG_MAX, OptionDef, Words, choice, integer, optional, special, text, yes_no};

const LEVELS: Words = &[("debug", 0), ("verbose", 1), ("notice", 2), ("warning", 3), ("nothing", 4)];
/// Valkey's option of this name knows other formats (`legacy`, `logfmt`); these two are ours.
const FORMATS: Words = &[("text", 0), ("json", 1)];

pub(super) const OPTIONS: &[OptionDef] = &[
    choice("loglevel", LEVELS, 2),
    text("logfile", "").fixed(),
    choice("log-format", FORMATS, 0).fixed(),
    optional("pidfile").fixed(),
    integer("slowlog-log-slower-than", -1, LONG_MAX, 10_000).alias("commandlog-execution-slower-than"),
    integer("slowlog-max-len", 0, LONG_MAX, 128).alias("commandlog-slow-execution-max-len"),
    integer("latency-monitor-threshold", 0, LONG_MAX, 0),
    yes_no("latency-tracking", true),
    special("latency-tracking-info-percentiles", Kind::Percentiles),
    special("notify-keyspace-events", Kind::Events),
];
