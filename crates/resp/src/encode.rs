//! Replies: appends values to an output buffer in the protocol that the client speaks.
//!
//! Each method writes one value, or the header of an aggregate whose elements the caller writes next. Where RESP2 lacks a
//! type, the method writes what Redis sends a RESP2 client in its place. Error texts are not made here.

use memchr::memchr2;

use crate::double::format_double;
use crate::error::ProtocolError;

/// The protocol version, as chosen with `HELLO`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Resp2,
    Resp3,
}

/// Type byte, the longest i64 and CRLF.
const LINE_LEN_MAX: usize = 1 + 20 + 2;

/// Appends replies to a buffer; what the buffer already holds stays.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Encoder<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Encoder { out, protocol }
    }

    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Goes on in another protocol: `HELLO` answers in the one that it chooses.
    #[inline]
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Bytes in the buffer, including those that were there before this encoder.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back everything behind the first `len` bytes, as [`len`](Self::len) counted them earlier.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status line. CR and LF become blanks, because they would end it.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.line_text(text.as_bytes());
    }

    /// An error, with its code word first; it may quote bytes that are no text. CR and LF vanish at the end and become
    /// blanks elsewhere.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.out.push(b'-');
        let mut text = text.as_ref();
        while let [rest @ .., b'\r' | b'\n'] = text {
            text = rest;
        }
        self.line_text(text);
    }

    /// The reply that precedes closing a connection whose requests cannot be followed.
    pub fn protocol_error(&mut self, error: &ProtocolError) {
        self.raw(b"-ERR ");
        self.raw(error.text().as_bytes());
        if let ProtocolError::ExpectedBulk(got) = error {
            let shown = if matches!(got, b'\r' | b'\n') { b' ' } else { *got };
            self.raw(&[shown, b'\'']);
        }
        self.raw(b"\r\n");
    }

    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.number_line(b':', value);
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(LINE_LEN_MAX + bytes.len() + 2);
        self.bulk_header(bytes.len());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// A number as a bulk string, as `INCRBYFLOAT`-like replies and `CONFIG GET` have it.
    #[inline]
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Begins a bulk string of `len` bytes. The caller appends them, and CRLF, with [`raw`](Self::raw).
    #[inline]
    pub fn bulk_header(&mut self, len: usize) {
        self.count_line(b'$', len);
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The absent value: of RESP2's two nulls the string one.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The absent value where an array was due: RESP2 tells it apart, RESP3 does not.
    #[inline]
    pub fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    #[inline]
    pub fn array(&mut self, len: usize) {
        self.count_line(b'*', len);
    }

    /// A map; in RESP2 an array in which keys and values alternate.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.count_line(b'*', pairs * 2),
            Protocol::Resp3 => self.count_line(b'%', pairs),
        }
    }

    /// A set; in RESP2 an array.
    #[inline]
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// An out-of-band message; in RESP2 an array.
    #[inline]
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// Attributes of the value that follows. RESP2 has nothing for them: the caller leaves them out there.
    #[inline]
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert_eq!(self.protocol, Protocol::Resp3, "RESP2 has no attributes");
        self.count_line(b'|', pairs);
    }

    /// A floating-point number; in RESP2 its text as a bulk string. See [`format_double`].
    pub fn double(&mut self, value: f64) {
        match self.protocol {
            Protocol::Resp2 => {
                // The length's own length depends on the text: written behind it, then moved before it.
                let start = self.out.len();
                format_double(value, self.out);
                let len = self.out.len() - start;
                self.bulk_header(len);
                self.out[start..].rotate_left(len);
                self.raw(b"\r\n");
            }
            Protocol::Resp3 => {
                self.out.push(b',');
                format_double(value, self.out);
                self.raw(b"\r\n");
            }
        }
    }

    /// A floating-point number that is text already.
    pub(crate) fn double_text(&mut self, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.line_text(text);
            }
        }
    }

    /// A truth value; in RESP2 the integer 1 or 0.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// An integer of any size, given as its decimal digits; in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b'(');
                self.line_text(digits.as_bytes());
            }
        }
    }

    /// Text with its format, which is three bytes such as `txt`; in RESP2 a bulk string without the format.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3, "a verbatim string's format has three bytes");
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.out.reserve(LINE_LEN_MAX + format.len() + 1 + text.len() + 2);
                self.count_line(b'=', format.len() + 1 + text.len());
                self.raw(format.as_bytes());
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    #[inline]
    fn aggregate(&mut self, resp3_type: u8, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.count_line(b'*', len),
            Protocol::Resp3 => self.count_line(resp3_type, len),
        }
    }

    #[inline]
    fn count_line(&mut self, kind: u8, count: usize) {
        // Most lengths are short, and pieces of fixed size are appended without a call.
        if count < 10 {
            self.raw(&[kind, b'0' + count as u8, b'\r', b'\n']);
        } else if count < 100 {
            let (tens, ones) = ((count / 10) as u8, (count % 10) as u8);
            self.raw(&[kind, b'0' + tens, b'0' + ones, b'\r', b'\n']);
        } else {
            self.digits_line(kind, itoa::Buffer::new().format(count).as_bytes());
        }
    }

    #[inline]
    fn number_line(&mut self, kind: u8, value: i64) {
        self.digits_line(kind, itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    fn digits_line(&mut self, kind: u8, digits: &[u8]) {
        self.out.reserve(LINE_LEN_MAX);
        self.out.push(kind);
        self.raw(digits);
        self.raw(b"\r\n");
    }

    /// Text that must stay within its line, and the line's end.
    #[inline]
    fn line_text(&mut self, text: &[u8]) {
        let start = self.out.len();
        self.raw(text);
        if memchr2(b'\r', b'\n', text).is_some() {
            for byte in &mut self.out[start..] {
                if matches!(byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
        self.raw(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
