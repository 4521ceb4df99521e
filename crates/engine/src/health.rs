//! Whether the database can be written to: stalls, errors, and what becomes of them.
//!
//! | state                    | writes                        | ends                                              |
//! |--------------------------|-------------------------------|---------------------------------------------------|
//! | [`Stall::Delayed`]       | too early: `Busy`             | when compactions have caught up                   |
//! | [`Stall::Stopped`]       | `Busy`, certainly not applied | when a flush or a compaction has made room        |
//! | [`Severity::Soft`]       | go on                         | by itself                                         |
//! | [`Severity::Hard`]       | `Full`                        | by [`Engine::resume`], once there is space again  |
//! | [`Severity::Fatal`]      | `Unwritable`                  | when the database is reopened                     |
//! | a failed sync            | `SyncFailed`, then `Poisoned` | when the database is reopened                     |
//!
//! Reads go on in all of them. The severities are RocksDB's; with the checks that are on (`paranoid_checks`), any error of
//! a write but a full disk is fatal to it.
//!
//! [`Severity::Soft`]: crate::Severity::Soft
//! [`Severity::Hard`]: crate::Severity::Hard
//! [`Severity::Fatal`]: crate::Severity::Fatal

use rust_rocksdb::properties;

use crate::error::Error;
use crate::events::{EventCounts, Health, Stall};
use crate::open::Engine;

/// Free space, beside that for the memtables, without which writing is not taken up again, in bytes.
const RESUME_MARGIN_BYTES: u64 = 1 << 20;

/// RocksDB's text for a file that it does not touch any more since a write to it failed.
const WRITER_FAILED_BEFORE: &str = "previous error";

/// What RocksDB says of a stall when it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StallSample {
    /// How far writes are held back.
    pub stall: Stall,
    /// The rate to which they are slowed down, in bytes a second; zero: they are not.
    pub bytes_per_second: u64,
}

impl Engine {
    /// Whether writes are held back, as last told. One load.
    pub fn stall(&self) -> Stall {
        self.events.stall()
    }

    /// Why writes are refused at present, if they are. One load if they are not.
    pub fn refusal(&self) -> Option<Error> {
        if self.is_poisoned() {
            return Some(Error::Poisoned);
        }
        self.events.refusal()
    }

    /// The state of the database. Waits for nobody.
    pub fn health(&self) -> Health {
        self.events.health()
    }

    /// Events since the database was opened.
    pub fn event_counts(&self) -> EventCounts {
        self.events.counts()
    }

    /// Asks RocksDB for the stall, which its events may have told in the wrong order. Takes the database's mutex.
    pub fn sample_stall(&self) -> StallSample {
        let ask = |property| self.db.property_int_value(property).ok().flatten().unwrap_or(0);
        let bytes_per_second = ask(properties::ACTUAL_DELAYED_WRITE_RATE);
        let stall = match ask(properties::IS_WRITE_STOPPED) {
            0 if bytes_per_second == 0 => Stall::Normal,
            0 => Stall::Delayed,
            _ => Stall::Stopped,
        };
        self.events.correct_stall(stall);
        StallSample { stall, bytes_per_second }
    }

    /// Takes up writing after the disk was full, if there is space again: what lies in memtables is written to files. May
    /// take a while. True if writes are accepted now.
    ///
    /// # Errors
    /// If RocksDB could not, or cannot at all before it is reopened.
    pub fn resume(&self) -> Result<bool, Error> {
        match self.refusal() {
            None => return Ok(true),
            Some(Error::Full(_)) => {}
            Some(refusal) => return Err(refusal),
        }
        // A try that runs out of space again does no good, and makes files that have to be removed.
        let memtable_bytes = self.memtable_bytes();
        if self.free_bytes()? < memtable_bytes + RESUME_MARGIN_BYTES {
            return Ok(false);
        }
        self.db.resume().map_err(|error| self.write_failed(error))?;
        self.events.clear_error();
        Ok(true)
    }

    /// Free space where the database lies, in bytes.
    ///
    /// # Errors
    /// If the file system does not tell.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let stat = rustix::fs::statvfs(self.path()).map_err(|error| Error::Io(error.to_string()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// What a failed sync means, for this database too.
    pub(crate) fn sync_failed(&self, error: rust_rocksdb::Error) -> Error {
        let text: &str = error.as_ref();
        // The log could not be written to before, so nothing was synced, and the error of that write says what follows:
        // after a full disk everything is written to files, and those are synced.
        let follows_failed_write = text.contains(WRITER_FAILED_BEFORE) || self.events.refuses_writes();
        match self.write_failed(error) {
            error @ (Error::Full(_) | Error::SyncFailed(_)) => error,
            error if follows_failed_write => error,
            error => {
                self.poison();
                error
            }
        }
    }

    /// What a failed write means, for this database too.
    pub(crate) fn write_failed(&self, error: rust_rocksdb::Error) -> Error {
        let error = Error::of_write(error);
        match &error {
            Error::SyncFailed(_) => self.poison(),
            Error::Full(text) => self.events.note_full(text),
            _ => {}
        }
        error
    }
}
