//! Why an operation on the data did not happen.

use std::fmt;

/// A refusal or failure of an operation on a data type. The sentences that clients see are written
/// in `commands`; the texts here are for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key holds another type.
    WrongType,
    /// The stored value is not a decimal integer of 64 bits.
    NotInteger,
    /// The stored value is not a float.
    NotFloat,
    /// The sum does not fit into 64 bits.
    Overflow,
    /// The sum is not a number or infinite.
    NotFinite,
    /// The string is not a HyperLogLog.
    NotHyperLogLog,
    /// The registers of a HyperLogLog make no sense.
    CorruptHyperLogLog,
    /// The string would be longer than is allowed.
    StringTooLong,
    /// The read is too long for a worker and is run again on the reader pool.
    TooLong,
    /// What the read asks for is not in memory: see [`View::hot`](crate::View::hot).
    NotHot,
    /// Nobody waits for the result any more: see [`crate::Cancel`].
    Cancelled,
    /// A record does not read as its format says: the text names it.
    BadRecord(String),
    /// The disk refused a write, or all writes are refused since it did.
    NotWritten {
        /// What is wrong, in the words of the operating system.
        cause: String,
        /// Until when writes are refused.
        until: &'static str,
        /// The write may be there once the database is reopened. False: it certainly is not.
        may_be_there: bool,
    },
    /// The engine failed.
    Engine(engine::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::WrongType => f.write_str("wrong type"),
            Error::NotInteger => f.write_str("not an integer"),
            Error::NotFloat => f.write_str("not a float"),
            Error::Overflow => f.write_str("overflow"),
            Error::NotFinite => f.write_str("not finite"),
            Error::NotHyperLogLog => f.write_str("not a HyperLogLog"),
            Error::CorruptHyperLogLog => f.write_str("corrupt HyperLogLog"),
            Error::StringTooLong => f.write_str("string too long"),
            Error::TooLong => f.write_str("too long for a worker"),
            Error::NotHot => f.write_str("not in memory"),
            Error::Cancelled => f.write_str("cancelled"),
            Error::BadRecord(text) => write!(f, "unreadable record: {text}"),
            Error::NotWritten { cause, until, .. } => write!(f, "not written ({cause}); refused until {until}"),
            Error::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        let not_written = |until| Error::NotWritten {
            cause: error.cause().to_owned(),
            until,
            may_be_there: matches!(error, engine::Error::SyncFailed(_)),
        };
        match error {
            engine::Error::Full(_) => not_written("there is space again"),
            engine::Error::Unwritable(_) | engine::Error::SyncFailed(_) | engine::Error::Poisoned => {
                not_written("the database is reopened")
            }
            error => Error::Engine(error),
        }
    }
}

/// The result of an operation on the data.
pub type Result<T> = std::result::Result<T, Error>;
