//! What can go wrong on the disk, in the kinds that callers treat differently.

use std::fmt;

use rust_rocksdb::ErrorKind;

/// A failure of the storage engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device or the file system refused what was not a write.
    Io(String),
    /// There is no space left: the write did not happen. Writes are refused until there is space again, see
    /// [`crate::Engine::resume`].
    Full(String),
    /// The device or the file system refused a write, which did not happen. RocksDB takes no other until the database
    /// is reopened.
    Unwritable(String),
    /// Data on disk does not read back as it was written.
    Corrupt(String),
    /// RocksDB was busy; the operation was certainly not applied and may be tried again.
    Busy(String),
    /// The sync that belongs to the write failed: it is not visible now, but may be there once the database is reopened.
    SyncFailed(String),
    /// An earlier sync failed. What reached the disk is unknown, so no write is accepted until
    /// the database is reopened.
    Poisoned,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(text) | Error::Full(text) | Error::Unwritable(text) | Error::SyncFailed(text) => {
                write!(f, "I/O error: {text}")
            }
            Error::Corrupt(text) => write!(f, "corruption: {text}"),
            Error::Busy(text) => write!(f, "busy: {text}"),
            Error::Poisoned => write!(f, "a previous sync failed; reopen the database"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the failure of a write means.
    pub(crate) fn of_write(error: rust_rocksdb::Error) -> Error {
        match Error::from(error) {
            Error::Io(text) => refused_write(text),
            other => other,
        }
    }

    /// The operating system's sentence at the end of RocksDB's text, without the names of files.
    pub fn cause(&self) -> &str {
        match self {
            Error::Io(text)
            | Error::Full(text)
            | Error::Unwritable(text)
            | Error::SyncFailed(text)
            | Error::Corrupt(text)
            | Error::Busy(text) => text.rsplit(": ").next().unwrap_or(text),
            Error::Poisoned => "an earlier sync failed",
        }
    }
}

/// RocksDB has no kinds of its own for what stands in the way of a write, so its text decides.
fn refused_write(text: String) -> Error {
    if names_a_sync(&text) {
        // After this nobody knows what the device has; the kernel reports it once and forgets it.
        Error::SyncFailed(text)
    } else if text.contains("No space left on device") {
        Error::Full(text)
    } else {
        Error::Unwritable(text)
    }
}

/// True if RocksDB's text says that a sync failed, of a file or of a directory.
fn names_a_sync(text: &str) -> bool {
    ["While fdatasync", "While fsync", "While sync_file_range"].iter().any(|step| text.contains(step))
}

impl From<rust_rocksdb::Error> for Error {
    fn from(error: rust_rocksdb::Error) -> Self {
        match error.kind() {
            ErrorKind::Corruption => Error::Corrupt(error.into_string()),
            ErrorKind::Busy | ErrorKind::TryAgain | ErrorKind::Incomplete | ErrorKind::TimedOut => {
                Error::Busy(error.into_string())
            }
            _ => Error::Io(error.into_string()),
        }
    }
}

/// Why a database could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process holds the directory's lock.
    Locked(String),
    /// The directory cannot be created, read or written.
    Io(String),
    /// Files are damaged; the text names the file.
    Corrupt(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked(path) => write!(f, "{path} is in use by another process"),
            OpenError::Io(text) => write!(f, "{text}"),
            OpenError::Corrupt(text) => write!(f, "the data is damaged: {text}"),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_is_told_from_a_failed_sync_and_a_full_disk_from_a_broken_one() {
        let full = "IO error: No space left on device: While appending to file: /d/000004.log: No space left on device";
        let broken = "IO error: While appending to file: /sync/000004.log: Input/output error";
        let unsynced = "IO error: While fdatasync: /d/000004.log: Input/output error";
        assert_eq!(refused_write(full.into()), Error::Full(full.into()));
        assert_eq!(refused_write(broken.into()), Error::Unwritable(broken.into()));
        assert_eq!(refused_write(unsynced.into()), Error::SyncFailed(unsynced.into()));
        assert_eq!(Error::Full(full.into()).cause(), "No space left on device");
        assert_eq!(Error::Unwritable(broken.into()).cause(), "Input/output error");
    }

    #[test]
    fn a_full_disk_at_a_sync_counts_as_a_failed_sync() {
        let text = "IO error: No space left on device: While fdatasync: /d/000004.log: No space left on device";
        assert_eq!(refused_write(text.into()), Error::SyncFailed(text.into()));
    }
}
