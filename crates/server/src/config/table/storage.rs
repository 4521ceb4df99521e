//! Where the data lies, and when it is durable.

use super::super::option::{
    BYTES_MAX, INT_MAX, Kind, OptionDef, Words, choice, integer, memory, special, text, yes_no,
};

const SYNC_MODES: Words = &[("everysec", 0), ("always", 1), ("no", 2)];

pub(super) const OPTIONS: &[OptionDef] = &[
    special("dir", Kind::Directory).protected().at_start(),
    integer("databases", 1, INT_MAX, 16).fixed(),
    choice("appendfsync", SYNC_MODES, 0),
    yes_no("appendonly", false),
    special("save", Kind::SavePoints),
    text("checkpoint-dir", "checkpoints").protected(),
    integer("checkpoint-keep", 1, INT_MAX, 1),
    memory("hot-tier-size", 0, BYTES_MAX, 1).fixed(),
    integer("active-expire-effort", 1, 10, 1),
    yes_no("lazyfree-lazy-eviction", false),
    yes_no("lazyfree-lazy-expire", false),
    yes_no("lazyfree-lazy-server-del", false),
    yes_no("lazyfree-lazy-user-del", false),
    yes_no("lazyfree-lazy-user-flush", false),
];
