//! The wire: bytes to values and back, in RESP2 and RESP3.
//!
//! ```text
//!   socket bytes ──▶ Parser ──▶ argument spans        (server, hot path)
//!   replies      ──▶ Encoder ──▶ bytes to send        (server, hot path)
//!   reply bytes  ──▶ decode ──▶ Value                 (clients and tests)
//! ```
//!
//! The crate knows no socket, no runtime and no command: it is handed buffers and fills buffers. What a client may send,
//! how it is refused and in which words is Redis's behaviour, byte for byte; [`Limits`] names every bound.

#![forbid(unsafe_code)]

mod double;
mod encode;
mod error;
mod inline;
mod limits;
mod number;
mod parse;
mod value;

pub use double::format_double;
pub use encode::{Encoder, Protocol};
pub use error::ProtocolError;
pub use limits::{
    BULK_LEN_MAX_DEFAULT, INLINE_LEN_MAX_DEFAULT, INLINE_LEN_MAX_FLOOR, Limits, MULTIBULK_LEN_MAX_DEFAULT,
    UNAUTHENTICATED_BULK_LEN_MAX, UNAUTHENTICATED_MULTIBULK_LEN_MAX,
};
pub use parse::{PARTIAL_SPANS_KEPT_MAX, Parser, Span, WINDOW_LEN_MAX};
pub use value::{
    DecodeError, NESTING_DEPTH_MAX, REPLY_BULK_LEN_MAX, REPLY_ELEMENTS_MAX, REPLY_LINE_LEN_MAX, Value, decode,
};
