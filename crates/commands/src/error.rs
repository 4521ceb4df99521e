//! Every sentence with which a command is refused. Clients match on these texts: they are Redis's,
//! byte for byte, except for refusals that only this server has.

use std::borrow::Cow;
use std::fmt;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a command was refused or failed. [`text`](Error::text) is the full text of the error reply, with its code;
/// `Display` shows it in logs, where bytes that are no text are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's meaning is its sentence below")]
pub enum Error {
    // Of all commands.
    WrongArity {
        name: String,
    },
    Syntax,
    WrongType,
    NotInteger,
    NotFloat,
    NotPositive,
    NotBetween {
        min: i64,
        max: i64,
    },
    NoAuth,
    NoSuchKey,
    OutOfRange,
    NoScript,
    // Of strings.
    Overflow,
    DecrementOverflow,
    NotFiniteIncrement,
    StringTooLong,
    OffsetOutOfRange,
    InvalidExpire {
        command: &'static str,
    },
    LcsLenAndIdx,
    // Of bitmaps.
    BitOffset,
    BitValue,
    BitArgument,
    BitopNot,
    BitfieldType,
    BitfieldOverflowType,
    BitfieldReadOnly,
    // Of HyperLogLogs.
    NotHyperLogLog,
    CorruptHyperLogLog,
    // Of keys.
    SameObject,
    DbOutOfRange,
    InvalidDbIndex,
    InvalidFirstDbIndex,
    InvalidSecondDbIndex,
    NxAndOthers,
    GtAndLt,
    InvalidCursor,
    LfuSelected,
    LfuNotSelected,
    // Of connections.
    AuthFailed,
    AuthNotConfigured,
    NoProto,
    HelloNoAuth,
    InvalidProtocolVersion,
    ClientName,
    NoSuchClient,
    /// Not an answer: the command waits until somebody writes to one of its keys, and is run again then.
    Park(Park),
    TimeoutNotFloat,
    TimeoutNotInteger,
    TimeoutOutOfRange,
    TimeoutNegative,
    Unblocked,
    /// Not an answer: the read is too long for a worker and is run again on the reader pool.
    TooLong,
    NotHot,
    /// The client left while its command ran.
    Cancelled,
    // Of the server.
    DebugNotAllowed,
    Storage {
        text: String,
    },
    /// Refused by the crossing, not executed.
    Overloaded {
        waited_ms: u64,
    },
    /// The same, while the database took no writes.
    Stalled {
        waited_ms: u64,
    },
    /// Refused because storage is known not to answer, not executed.
    StorageDown,
    /// Refused because an earlier command of the client has not come back, not executed.
    EarlierOutstanding,
    /// Tried until the deadline, and never applied.
    Busy,
    /// A stage of the command panicked, and its writes were taken back.
    Panicked,
    /// Failed without any effect.
    NotApplied {
        text: String,
    },
    /// Its effects are there, but its reply is lost.
    Applied,
    /// Failed in a way that leaves open whether its effects are there.
    Uncertain {
        text: String,
    },
    /// The worker died while it had the request.
    Unknown,
    /// The disk takes no writes. Clients know the code from Redis, where snapshots or the log cannot be written.
    Misconf {
        text: String,
    },
    /// A sentence that only one command has, or that holds values. What it quotes of a request need not be text.
    Sentence(Cow<'static, [u8]>),
}

/// How a command waits that finds nothing (`BLPOP`, `XREAD BLOCK`...). Its keys are those of its key specs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Park {
    /// For how long, in ms, from its first run on; None: for ever.
    pub timeout_ms: Option<u64>,
    /// What it is answered after that.
    pub nothing: Nothing,
    /// What it is answered where it may not wait (in `EXEC`).
    pub nothing_at_once: Nothing,
    /// What it wants to know again when it runs again: see [`data::Turn::memo`].
    pub memo: Option<Vec<u8>>,
}

/// The reply of a command that has waited in vain. In RESP3 both are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// A null array.
    Array,
    /// A null bulk string.
    Bulk,
}

impl Nothing {
    /// Writes the reply.
    pub fn write(self, reply: &mut resp::Encoder<'_>) {
        match self {
            Nothing::Array => reply.null_array(),
            Nothing::Bulk => reply.null(),
        }
    }
}

impl Error {
    /// A sentence that only one command has. It stands beside that command's handler.
    pub const fn sentence(text: &'static str) -> Error {
        Error::Sentence(Cow::Borrowed(text.as_bytes()))
    }

    /// A sentence that was made for this reply.
    pub fn formatted(text: String) -> Error {
        Error::Sentence(Cow::Owned(text.into_bytes()))
    }

    /// A sentence that repeats what the client sent: byte for byte, but only [up to a zero byte](c_text).
    /// Each `{}` of the template stands for one of the words.
    pub fn quoting(template: &str, words: &[&[u8]]) -> Error {
        let mut text = Vec::new();
        let mut words = words.iter();
        for (index, part) in template.split("{}").enumerate() {
            if index > 0 {
                text.extend_from_slice(words.next().copied().map(c_text).unwrap_or_default());
            }
            text.extend_from_slice(part.as_bytes());
        }
        Error::Sentence(Cow::Owned(text))
    }

    /// The full text of the error reply. It may hold CR and LF of the client, which the encoder replaces.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Error::Sentence(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    /// The code word at the beginning, for `INFO errorstats`; as in Redis `ERR` where no short word is there.
    pub fn code(&self) -> String {
        let text = self.text();
        let end = text.iter().take(CODE_LEN_MAX + 1).position(|&byte| byte == b' ');
        end.map_or_else(|| "ERR".to_owned(), |end| String::from_utf8_lossy(&text[..end]).into_owned())
    }
}

/// Bytes of the longest code word that is counted under its own name.
const CODE_LEN_MAX: usize = 30;

/// How much of a name and of arguments Redis repeats in some errors, in bytes.
pub(crate) const ECHO_LEN_MAX: usize = 128;

/// The beginning of what a client sent, as long as some errors repeat it.
pub(crate) fn head(bytes: &[u8], len_max: usize) -> &[u8] {
    &bytes[..bytes.len().min(len_max)]
}

/// Bytes of a client with blanks for CR and LF: the encoder would leave these out at the end of an error.
pub(crate) fn one_line(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect()
}

/// Bytes of a client as far as Redis sees them where it treats them as a C string: up to a zero byte.
pub(crate) fn c_text(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::WrongArity { name } => return write!(f, "ERR wrong number of arguments for '{name}' command"),
            Error::Syntax => "ERR syntax error",
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::NotPositive => "ERR value is out of range, must be positive",
            Error::NotBetween { min, max } => {
                return write!(f, "ERR value is out of range, value must between {min} and {max}");
            }
            Error::NoAuth => "NOAUTH Authentication required.",
            Error::NoSuchKey => "ERR no such key",
            Error::OutOfRange => "ERR index out of range",
            Error::NoScript => "NOSCRIPT No matching script. Please use EVAL.",
            Error::Overflow => "ERR increment or decrement would overflow",
            Error::DecrementOverflow => "ERR decrement would overflow",
            Error::NotFiniteIncrement => "ERR increment would produce NaN or Infinity",
            Error::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Error::OffsetOutOfRange => "ERR offset is out of range",
            Error::InvalidExpire { command } => return write!(f, "ERR invalid expire time in '{command}' command"),
            Error::LcsLenAndIdx => {
                "ERR If you want both the length and indexes, please just use IDX."
            }
            Error::BitOffset => "ERR bit offset is not an integer or out of range",
            Error::BitValue => "ERR bit is not an integer or out of range",
            Error::BitArgument => "ERR The bit argument must be 1 or 0.",
            Error::BitopNot => "ERR BITOP NOT must be called with a single source key.",
            Error::BitfieldType => {
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
            }
            Error::BitfieldOverflowType => "ERR Invalid OVERFLOW type specified",
            Error::BitfieldReadOnly => "ERR BITFIELD_RO only supports the GET subcommand",
            Error::NotHyperLogLog => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            Error::CorruptHyperLogLog => "INVALIDOBJ Corrupted HLL object detected",
            Error::SameObject => "ERR source and destination objects are the same",
            Error::DbOutOfRange => "ERR DB index is out of range",
            Error::InvalidDbIndex => "ERR invalid DB index",
            Error::InvalidFirstDbIndex => "ERR invalid first DB index",
            Error::InvalidSecondDbIndex => "ERR invalid second DB index",
            Error::NxAndOthers => "ERR NX and XX, GT or LT options at the same time are not compatible",
            Error::GtAndLt => "ERR GT and LT options at the same time are not compatible",
            Error::InvalidCursor => "ERR invalid cursor",
            Error::LfuSelected => {
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
            }
            Error::LfuNotSelected => {
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
            }
            Error::AuthFailed => "WRONGPASS invalid username-password pair or user is disabled.",
            Error::AuthNotConfigured => {
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
            }
            Error::NoProto => "NOPROTO unsupported protocol version",
            Error::HelloNoAuth => {
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
            }
            Error::InvalidProtocolVersion => "ERR Protocol version is not an integer or out of range",
            Error::ClientName => "ERR Client names cannot contain spaces, newlines or special characters.",
            Error::NoSuchClient => "ERR No such client",
            Error::DebugNotAllowed => {
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
            }
            Error::Park(_) => "ERR the command would have to wait",
            Error::TimeoutNotFloat => "ERR timeout is not a float or out of range",
            Error::TimeoutNotInteger => "ERR timeout is not an integer or out of range",
            Error::TimeoutOutOfRange => "ERR timeout is out of range",
            Error::Unblocked => "UNBLOCKED client unblocked via CLIENT UNBLOCK",
            Error::TimeoutNegative => "ERR timeout is negative",
            Error::TooLong => "ERR the read is too long for a worker",
            Error::NotHot => "ERR the key is not in memory",
            Error::Cancelled => "ERR the command was ended, as its client has closed the connection",
            Error::Storage { text } => return write!(f, "ERR storage failed: {text}"),
            Error::Stalled { waited_ms } => {
                return write!(
                    f,
                    "OVERLOADED writes were held back for {waited_ms} ms, as compactions are behind; the request was not executed"
                );
            }
            Error::Overloaded { waited_ms } => {
                return write!(f, "OVERLOADED storage did not take the request within {waited_ms} ms; it was not executed");
            }
            Error::StorageDown => "OVERLOADED storage does not answer; the command was not executed",
            Error::EarlierOutstanding => {
                "OVERLOADED an earlier command of this connection is still in storage; this one was not executed"
            }
            Error::Busy => "OVERLOADED storage was busy until the deadline; the command was not executed",
            Error::Panicked => "ERR internal error: the command failed and was not applied",
            Error::NotApplied { text } => return write!(f, "ERR {text}; the command was not applied"),
            Error::Applied => "ERR internal error: the command was applied, but its reply is lost",
            Error::Uncertain { text } => {
                return write!(f, "UNKNOWN {text}; it is not known whether the command was applied");
            }
            Error::Unknown => "UNKNOWN the worker failed; it is not known whether the command was executed",
            Error::Misconf { text } => return write!(f, "MISCONF {text}"),
            Error::Sentence(text) => return f.write_str(&String::from_utf8_lossy(text)),
        })
    }
}

impl std::error::Error for Error {}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Self {
        match error {
            data::Error::WrongType => Error::WrongType,
            data::Error::NotInteger => Error::NotInteger,
            data::Error::NotFloat => Error::NotFloat,
            data::Error::Overflow => Error::Overflow,
            data::Error::NotFinite => Error::NotFiniteIncrement,
            data::Error::NotHyperLogLog => Error::NotHyperLogLog,
            data::Error::CorruptHyperLogLog => Error::CorruptHyperLogLog,
            data::Error::StringTooLong => Error::StringTooLong,
            data::Error::TooLong => Error::TooLong,
            data::Error::NotHot => Error::NotHot,
            data::Error::Cancelled => Error::Cancelled,
            data::Error::NotWritten { cause, until, may_be_there } => {
                let fate = if may_be_there { " It is not known whether this write will be there then." } else { "" };
                let text = format!(
                    "Errors writing to the disk: {cause}. Commands that may modify the data set are refused until {until}.{fate}"
                );
                Error::Misconf { text }
            }
            data::Error::BadRecord(_) | data::Error::Engine(_) => Error::Storage { text: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_words_up_to_a_zero_byte() {
        let text = |template, words: &[&[u8]]| Error::quoting(template, words).text().into_owned();
        assert_eq!(text("ERR '{}' of {}", &[b"\xff{}\0x", b"a\r\n"]), b"ERR '\xff{}' of a\r\n");
        assert_eq!(text("ERR nothing {}", &[]), b"ERR nothing ");
        assert_eq!(text("ERR plain", &[b"a"]), b"ERR plain");
    }

    #[test]
    fn the_code_is_a_short_first_word() {
        let code = |text: &str| Error::formatted(text.to_owned()).code();
        assert_eq!(code("NOGROUP No such key"), "NOGROUP");
        assert_eq!(code(&format!("{} a", "A".repeat(30))), "A".repeat(30));
        assert_eq!(code(&format!("{} a", "A".repeat(31))), "ERR");
        assert_eq!(code("ALONE"), "ERR");
        assert_eq!(Error::WrongType.code(), "WRONGTYPE");
    }
}
