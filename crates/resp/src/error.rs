//! What a client did wrong on the wire, in Redis's words.
//!
//! After any of these the stream has lost its frame: the connection gets the sentence and is closed. Errors of commands
//! are not here; those leave the frame intact.

use std::fmt;

/// Why the request stream cannot be followed any further.
///
/// `Display` is the sentence without the leading `-ERR `. [`Encoder::protocol_error`](crate::Encoder::protocol_error)
/// writes the whole reply, and is exact even where the offending byte is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    InvalidMultibulkLength,
    UnauthenticatedMultibulkLength,
    TooBigMultibulkCount,
    InvalidBulkLength,
    UnauthenticatedBulkLength,
    TooBigBulkCount,
    /// A `$` line was due, and this byte came instead.
    ExpectedBulk(u8),
    TooBigInline,
    UnbalancedQuotes,
    /// One command of 4 GiB or more, which [`Span`](crate::Span) cannot address.
    TooBigCommand,
}

impl ProtocolError {
    /// The sentence, up to the byte which [`ExpectedBulk`](Self::ExpectedBulk) quotes.
    pub(crate) fn text(&self) -> &'static str {
        match self {
            ProtocolError::InvalidMultibulkLength => "Protocol error: invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "Protocol error: unauthenticated multibulk length",
            ProtocolError::TooBigMultibulkCount => "Protocol error: too big mbulk count string",
            ProtocolError::InvalidBulkLength => "Protocol error: invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "Protocol error: unauthenticated bulk length",
            ProtocolError::TooBigBulkCount => "Protocol error: too big bulk count string",
            ProtocolError::ExpectedBulk(_) => "Protocol error: expected '$', got '",
            ProtocolError::TooBigInline => "Protocol error: too big inline request",
            ProtocolError::UnbalancedQuotes => "Protocol error: unbalanced quotes in request",
            ProtocolError::TooBigCommand => "Protocol error: too big command",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        match self {
            ProtocolError::ExpectedBulk(got) => write!(f, "{}'", char::from(*got)),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ProtocolError {}
