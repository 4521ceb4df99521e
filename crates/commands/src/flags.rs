//! What clients and access rules are told of a command's nature: its flags and its categories, derived from
//! how it runs, its group and its marks. Nothing here is written down twice.

use crate::command::{Command, Group, Marks, Run};
use crate::error::c_text;

/// Every category, in Redis's order.
pub(crate) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// The category that a client names, in any case.
pub(crate) fn category(given: &[u8]) -> Option<&'static str> {
    CATEGORIES.into_iter().find(|name| name.as_bytes().eq_ignore_ascii_case(c_text(given)))
}

impl Command {
    /// The flags of `COMMAND INFO`, in Redis's order.
    pub fn flags(&self) -> Vec<&'static str> {
        let marked = |marks| self.marks.has(marks);
        let flags = [
            ("write", self.tells_of_writes()),
            ("readonly", self.tells_of_reads()),
            ("denyoom", marked(Marks::GROWS)),
            ("admin", marked(Marks::ADMIN)),
            ("pubsub", marked(Marks::PUBSUB)),
            ("noscript", marked(Marks::NO_SCRIPT)),
            ("blocking", marked(Marks::BLOCKING)),
            ("loading", marked(Marks::LOADING)),
            ("stale", marked(Marks::STALE)),
            ("skip_monitor", marked(Marks::SKIP_MONITOR)),
            ("skip_slowlog", marked(Marks::SKIP_SLOWLOG)),
            ("asking", marked(Marks::ASKING)),
            ("fast", marked(Marks::FAST)),
            ("no_auth", marked(Marks::NO_AUTH)),
            ("no_mandatory_keys", marked(Marks::NO_MANDATORY_KEYS)),
            ("no_async_loading", marked(Marks::NO_ASYNC_LOADING)),
            ("no_multi", marked(Marks::NO_MULTI)),
            ("movablekeys", marked(Marks::MOVABLE_KEYS)),
            ("allow_busy", marked(Marks::ALLOW_BUSY)),
        ];
        flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
    }

    /// True if the command belongs to an access category.
    pub fn is_in_category(&self, category: &str) -> bool {
        let marked = |marks| self.marks.has(marks);
        match category {
            "read" => self.tells_of_reads() && self.group != Group::Scripting,
            "write" => self.tells_of_writes(),
            "pubsub" => marked(Marks::PUBSUB),
            "admin" => marked(Marks::ADMIN) || marked(Marks::ADMIN_CATEGORY),
            "fast" => marked(Marks::FAST),
            "slow" => !marked(Marks::FAST),
            "blocking" => marked(Marks::BLOCKING),
            "dangerous" => marked(Marks::ADMIN) || marked(Marks::ADMIN_CATEGORY) || marked(Marks::DANGEROUS),
            "keyspace" if marked(Marks::KEYSPACE) => true,
            "connection" if marked(Marks::CONNECTION) => true,
            "set" | "sortedset" | "list" if marked(Marks::COLLECTIONS) => true,
            _ => self.group_category() == Some(category),
        }
    }

    /// The access categories, in Redis's order.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> {
        CATEGORIES.into_iter().filter(|category| self.is_in_category(category))
    }

    /// The category that comes with the group. A container has none: its subcommands do.
    fn group_category(&self) -> Option<&'static str> {
        if matches!(self.run, Run::Container) || self.marks.has(Marks::CONNECTION) || self.marks.has(Marks::COLLECTIONS)
        {
            return None;
        }
        match self.group {
            Group::Generic => Some("keyspace"),
            Group::String => Some("string"),
            Group::Bitmap => Some("bitmap"),
            Group::List => Some("list"),
            Group::Set => Some("set"),
            Group::SortedSet => Some("sortedset"),
            Group::Hash => Some("hash"),
            Group::Stream => Some("stream"),
            Group::Geo => Some("geo"),
            Group::HyperLogLog => Some("hyperloglog"),
            Group::Transactions => Some("transaction"),
            Group::Scripting => Some("scripting"),
            Group::Connection => Some("connection"),
            Group::Pubsub | Group::Server => None,
        }
    }
}
