//! The column families: one RocksDB, one WAL, so that a batch across them is atomic.
//!
//! The names are on disk: changing one means a new format version.

use rust_rocksdb::{ColumnFamily, DB};

use crate::error::OpenError;

/// A column family. What its records look like is the business of the crate above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Family {
    /// Facts about the database itself: format version, counters, what is to be cleaned up.
    Meta = 0,
    /// User key to header; a small value lies in its header.
    Keys = 1,
    /// The parts of large values and of collections.
    Elements = 2,
    /// Members of sorted sets, by score.
    Scores = 3,
    /// Expiry times, in time order.
    Expires = 4,
}

/// Number of families.
pub(crate) const FAMILY_COUNT: usize = 5;

impl Family {
    /// Every family, in the order of its number.
    pub const ALL: [Family; FAMILY_COUNT] =
        [Family::Meta, Family::Keys, Family::Elements, Family::Scores, Family::Expires];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Meta => "default",
            Family::Keys => "keys",
            Family::Elements => "elements",
            Family::Scores => "scores",
            Family::Expires => "expires",
        }
    }
}

/// The open handles, resolved once for a batch.
#[derive(Clone, Copy)]
pub(crate) struct Handles<'e>([&'e ColumnFamily; FAMILY_COUNT]);

impl<'e> Handles<'e> {
    /// From handles in the order of [`Family::ALL`].
    pub(crate) fn new(handles: [&'e ColumnFamily; FAMILY_COUNT]) -> Self {
        Handles(handles)
    }

    pub(crate) fn of(&self, family: Family) -> &'e ColumnFamily {
        self.0[family as usize]
    }
}

/// Fails unless every family is there.
pub(crate) fn check_families(db: &DB) -> Result<(), OpenError> {
    match Family::ALL.iter().find(|family| db.cf_handle(family.name()).is_none()) {
        None => Ok(()),
        Some(family) => Err(OpenError::Corrupt(format!("column family {} is missing", family.name()))),
    }
}
