//! What can go wrong on the disk, in the four kinds that callers treat differently.

use std::fmt;

use rust_rocksdb::ErrorKind;

/// A failure of the storage engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device or the file system refused: the operation's effect is not on disk.
    Io(String),
    /// Data on disk does not read back as it was written.
    Corrupt(String),
    /// RocksDB was busy; the operation was certainly not applied and may be tried again.
    Busy(String),
    /// An earlier sync failed. What reached the disk is unknown, so no write is accepted until
    /// the database is reopened.
    Poisoned,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(text) => write!(f, "I/O error: {text}"),
            Error::Corrupt(text) => write!(f, "corruption: {text}"),
            Error::Busy(text) => write!(f, "busy: {text}"),
            Error::Poisoned => write!(f, "a previous sync failed; reopen the database"),
        }
    }
}

impl std::error::Error for Error {}

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
