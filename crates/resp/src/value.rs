//! Replies as owned values, for clients and tests.
//!
//! Not for the server's hot path: every value is copied, and a reply that arrives in pieces is decoded anew with each piece.

use std::fmt;

use memchr::memchr2;

use crate::encode::{Encoder, Protocol};
use crate::number::parse_integer;

/// How deep aggregates may nest, the outermost value included.
pub const NESTING_DEPTH_MAX: usize = 64;

/// The longest line (status, error, number), in bytes without CRLF.
pub const REPLY_LINE_LEN_MAX: usize = 64 * 1024;

/// The longest string, in bytes: the longest that Redis stores by default, and a verbatim string's format.
pub const REPLY_BULK_LEN_MAX: usize = 512 * 1024 * 1024 + 4;

/// The most elements of an aggregate; a map counts its pairs.
pub const REPLY_ELEMENTS_MAX: usize = i32::MAX as usize;

/// No value is shorter than this, so a buffer cannot hold more elements than its length divided by it.
const VALUE_LEN_MIN: usize = 3;

/// One reply.
///
/// Status and error lines are text here: bytes that are not UTF-8 are replaced.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Simple(String),
    /// With its code word.
    Error(String),
    Integer(i64),
    /// `None` is RESP2's `$-1`.
    Bulk(Option<Vec<u8>>),
    /// `None` is RESP2's `*-1`.
    Array(Option<Vec<Value>>),
    /// RESP3's null.
    Null,
    /// The number as it was spelled.
    Double(String),
    Boolean(bool),
    BigNumber(String),
    /// Format (three bytes) and text.
    Verbatim(String, Vec<u8>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// Attributes, and the value that they describe.
    Attribute(Vec<(Value, Value)>, Box<Value>),
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    UnknownType(u8),
    /// CR without LF, LF without CR, or a string that goes on where it should end.
    LineEnd,
    LineTooLong,
    /// A count, integer, double, boolean or big number that is none.
    Number,
    LengthTooLarge,
    NestingTooDeep,
    /// A verbatim string without its three bytes of format and a colon.
    VerbatimFormat,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::UnknownType(kind) => {
                write!(f, "unknown reply type '{}'", kind.escape_ascii())
            }
            DecodeError::LineEnd => f.write_str("reply lacks CRLF where it should end"),
            DecodeError::LineTooLong => f.write_str("reply line is too long"),
            DecodeError::Number => f.write_str("reply holds a malformed number"),
            DecodeError::LengthTooLarge => f.write_str("reply announces too large a length"),
            DecodeError::NestingTooDeep => f.write_str("reply nests too deeply"),
            DecodeError::VerbatimFormat => f.write_str("verbatim string lacks its format"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes the reply at the front of `buf`: the value and its length in bytes, or `None` while it is incomplete.
pub fn decode(buf: &[u8]) -> Result<Option<(Value, usize)>, DecodeError> {
    let mut decoder = Decoder { buf, at: 0 };
    let value = decoder.value(NESTING_DEPTH_MAX)?;
    Ok(value.map(|value| (value, decoder.at)))
}

impl Value {
    /// Writes the value in the encoder's protocol. Attributes are left out of RESP2.
    pub fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Value::Simple(text) => encoder.simple(text),
            Value::Error(text) => encoder.error(text),
            Value::Integer(value) => encoder.integer(*value),
            Value::Bulk(Some(bytes)) => encoder.bulk(bytes),
            Value::Array(Some(elements)) => {
                encoder.array(elements.len());
                encode_all(elements, encoder);
            }
            Value::Bulk(None) | Value::Null => encoder.null(),
            Value::Array(None) => encoder.null_array(),
            Value::Double(text) => encoder.double_text(text.as_bytes()),
            Value::Boolean(value) => encoder.boolean(*value),
            Value::BigNumber(digits) => encoder.big_number(digits),
            Value::Verbatim(format, text) => encoder.verbatim(format, text),
            Value::Map(pairs) => {
                encoder.map(pairs.len());
                encode_pairs(pairs, encoder);
            }
            Value::Set(elements) => {
                encoder.set(elements.len());
                encode_all(elements, encoder);
            }
            Value::Push(elements) => {
                encoder.push(elements.len());
                encode_all(elements, encoder);
            }
            Value::Attribute(pairs, value) => {
                if encoder.protocol() == Protocol::Resp3 {
                    encoder.attribute(pairs.len());
                    encode_pairs(pairs, encoder);
                }
                value.encode(encoder);
            }
        }
    }
}

fn encode_all(values: &[Value], encoder: &mut Encoder<'_>) {
    for value in values {
        value.encode(encoder);
    }
}

fn encode_pairs(pairs: &[(Value, Value)], encoder: &mut Encoder<'_>) {
    for (key, value) in pairs {
        key.encode(encoder);
        value.encode(encoder);
    }
}

/// What every step of decoding gives: `None` where the bytes run out.
type Decoded<T> = Result<Option<T>, DecodeError>;

/// Unwraps a [`Decoded`], leaving the function where the bytes run out.
macro_rules! complete {
    ($decoded:expr) => {
        match $decoded? {
            Some(value) => value,
            None => return Ok(None),
        }
    };
}

struct Decoder<'a> {
    buf: &'a [u8],
    /// First byte not yet decoded.
    at: usize,
}

impl<'a> Decoder<'a> {
    /// The next value, which may nest `depth` deep.
    fn value(&mut self, depth: usize) -> Decoded<Value> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::NestingTooDeep)?;
        let Some(&kind) = self.buf.get(self.at) else {
            return Ok(None);
        };
        if !b"+-:$*_,#(=%~>|".contains(&kind) {
            return Err(DecodeError::UnknownType(kind));
        }
        self.at += 1;
        let line = complete!(self.line());
        let value = match kind {
            b'+' => Value::Simple(text(line)),
            b'-' => Value::Error(text(line)),
            b':' => Value::Integer(parse_integer(line).ok_or(DecodeError::Number)?),
            b'$' if line == b"-1" => Value::Bulk(None),
            b'$' => Value::Bulk(Some(complete!(self.string(line)).to_vec())),
            b'*' if line == b"-1" => Value::Array(None),
            b'*' => Value::Array(Some(complete!(self.elements(line, depth)))),
            b'_' if line.is_empty() => Value::Null,
            b',' => Value::Double(double(line)?),
            b'#' => Value::Boolean(match line {
                b"t" => true,
                b"f" => false,
                _ => return Err(DecodeError::Number),
            }),
            b'(' => Value::BigNumber(big_number(line)?),
            b'=' => verbatim(complete!(self.string(line)))?,
            b'%' => Value::Map(complete!(self.pairs(line, depth))),
            b'~' => Value::Set(complete!(self.elements(line, depth))),
            b'>' => Value::Push(complete!(self.elements(line, depth))),
            b'|' => {
                let pairs = complete!(self.pairs(line, depth));
                Value::Attribute(pairs, Box::new(complete!(self.value(depth))))
            }
            // Only a null with something on its line is left.
            _ => return Err(DecodeError::LineEnd),
        };
        Ok(Some(value))
    }

    /// The rest of the line, without CRLF.
    fn line(&mut self) -> Decoded<&'a [u8]> {
        let rest = &self.buf[self.at..];
        let searched = &rest[..rest.len().min(REPLY_LINE_LEN_MAX + 1)];
        let Some(end) = memchr2(b'\r', b'\n', searched) else {
            return if rest.len() > REPLY_LINE_LEN_MAX { Err(DecodeError::LineTooLong) } else { Ok(None) };
        };
        complete!(self.expect_crlf(self.at + end));
        self.at += end + 2;
        Ok(Some(&rest[..end]))
    }

    /// The string whose length the line told.
    fn string(&mut self, length: &[u8]) -> Decoded<&'a [u8]> {
        let len = count(length, REPLY_BULK_LEN_MAX)?;
        let end = self.at + len;
        complete!(self.expect_crlf(end));
        let string = &self.buf[self.at..end];
        self.at = end + 2;
        Ok(Some(string))
    }

    /// Whether CRLF stands at `at`; as much of it as has arrived must be right.
    fn expect_crlf(&self, at: usize) -> Decoded<()> {
        match self.buf.get(at..).unwrap_or_default() {
            [b'\r', b'\n', ..] => Ok(Some(())),
            [] | [b'\r'] => Ok(None),
            _ => Err(DecodeError::LineEnd),
        }
    }

    fn elements(&mut self, length: &[u8], depth: usize) -> Decoded<Vec<Value>> {
        let len = count(length, REPLY_ELEMENTS_MAX)?;
        let mut elements = Vec::with_capacity(self.plausible(len));
        for _ in 0..len {
            elements.push(complete!(self.value(depth)));
        }
        Ok(Some(elements))
    }

    fn pairs(&mut self, length: &[u8], depth: usize) -> Decoded<Vec<(Value, Value)>> {
        let len = count(length, REPLY_ELEMENTS_MAX)?;
        let mut pairs = Vec::with_capacity(self.plausible(len) / 2);
        for _ in 0..len {
            let key = complete!(self.value(depth));
            pairs.push((key, complete!(self.value(depth))));
        }
        Ok(Some(pairs))
    }

    /// An announced number of elements, cut to what the buffer could hold: memory is not given for a mere promise.
    fn plausible(&self, announced: usize) -> usize {
        announced.min((self.buf.len() - self.at) / VALUE_LEN_MIN)
    }
}

fn count(text: &[u8], max: usize) -> Result<usize, DecodeError> {
    let count = parse_integer(text).and_then(|count| usize::try_from(count).ok()).ok_or(DecodeError::Number)?;
    if count > max { Err(DecodeError::LengthTooLarge) } else { Ok(count) }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

fn double(line: &[u8]) -> Result<String, DecodeError> {
    let text = text(line);
    match text.parse::<f64>() {
        Ok(_) => Ok(text),
        Err(_) => Err(DecodeError::Number),
    }
}

fn big_number(line: &[u8]) -> Result<String, DecodeError> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecodeError::Number);
    }
    Ok(text(line))
}

fn verbatim(string: &[u8]) -> Result<Value, DecodeError> {
    let (format, text) = string.split_at_checked(3).ok_or(DecodeError::VerbatimFormat)?;
    let format = std::str::from_utf8(format).map_err(|_| DecodeError::VerbatimFormat)?;
    let text = text.strip_prefix(b":").ok_or(DecodeError::VerbatimFormat)?;
    Ok(Value::Verbatim(format.to_owned(), text.to_vec()))
}

#[cfg(test)]
mod tests;
