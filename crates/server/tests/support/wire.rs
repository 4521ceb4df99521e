//! One connection at the level of bytes, and replies in a notation that shows their RESP type.
//!
//! A client library would hide what these tests are about: whether a null is `$-1` or `*-1`, a number `:1` or `$1`, and
//! what comes after a protocol error. [`Reply`] keeps all of that: two replies are equal exactly if their bytes are.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any reply of a healthy server takes, even on a loaded machine.
const REPLY_DEADLINE: Duration = Duration::from_secs(120);

/// One reply.
///
/// Its `Display` is the notation that the tests compare with: the type's RESP character before the value (`+OK`,
/// `-ERR ...`, `:1`, `$bulk`, `,3.14`, `#t`, `=txt:...`, `(123`), `[...]` for arrays, `%[...]`, `~[...]`, `>[...]`,
/// `|[...]` for maps, sets, pushes and attributes, `nil` for `$-1` and `_`, `nil*` for `*-1`. Bytes that are not printable
/// ASCII appear as `\r`, `\n` or `\xff`, and a backslash as two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `$-1`.
    NullBulk,
    /// `*-1`.
    NullArray,
    /// `_`.
    Null,
    Array(Vec<Reply>),
    /// Keys and values in turn.
    Map(Vec<Reply>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    /// An attribute's keys and values in turn, and the reply that it belongs to.
    Attribute(Vec<Reply>, Box<Reply>),
    Double(Vec<u8>),
    Boolean(bool),
    BigNumber(Vec<u8>),
    Verbatim(Vec<u8>),
}

/// A connection that says and hears exactly what it is told.
pub(crate) struct Wire {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects, or fails the test.
    pub(crate) fn connect(address: &str) -> Wire {
        Self::try_connect(address).unwrap_or_else(|e| panic!("cannot connect to {address}: {e}"))
    }

    /// Connects.
    pub(crate) fn try_connect(address: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_DEADLINE))?;
        Ok(Wire { stream: BufReader::with_capacity(64 * 1024, stream) })
    }

    /// Writes bytes as they are.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a command and reads one reply.
    pub(crate) fn try_call(&mut self, args: &[&[u8]]) -> io::Result<Reply> {
        self.try_send(&encode(args))?;
        self.try_read()
    }

    /// Sends a command and reads one reply, or fails the test.
    #[track_caller]
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Reply {
        self.try_call(args).unwrap_or_else(|e| panic!("no reply to {}: {e}", show_command(args)))
    }

    /// Reads one reply.
    pub(crate) fn try_read(&mut self) -> io::Result<Reply> {
        let line = self.read_line()?;
        let (kind, rest) = line.split_first().ok_or_else(|| malformed("an empty line"))?;
        Ok(match kind {
            b'+' => Reply::Simple(rest.to_vec()),
            b'-' => Reply::Error(rest.to_vec()),
            b':' => Reply::Integer(number(rest)?),
            b',' => Reply::Double(rest.to_vec()),
            b'(' => Reply::BigNumber(rest.to_vec()),
            b'#' if rest == b"t" => Reply::Boolean(true),
            b'#' if rest == b"f" => Reply::Boolean(false),
            b'_' if rest.is_empty() => Reply::Null,
            b'$' if rest == b"-1" => Reply::NullBulk,
            b'*' if rest == b"-1" => Reply::NullArray,
            b'$' => Reply::Bulk(self.read_bytes(length(rest)?)?),
            b'=' => Reply::Verbatim(self.read_bytes(length(rest)?)?),
            b'*' => Reply::Array(self.read_many(length(rest)?)?),
            b'%' => Reply::Map(self.read_many(2 * length(rest)?)?),
            b'~' => Reply::Set(self.read_many(length(rest)?)?),
            b'>' => Reply::Push(self.read_many(length(rest)?)?),
            b'|' => Reply::Attribute(self.read_many(2 * length(rest)?)?, Box::new(self.try_read()?)),
            _ => return Err(malformed(&show(&line))),
        })
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(line.to_vec()),
            None if line.is_empty() => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed")),
            None => Err(malformed(&show(&line))),
        }
    }

    fn read_bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes)?;
        if !bytes.ends_with(b"\r\n") {
            return Err(malformed("a bulk string that is not ended by \\r\\n"));
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn read_many(&mut self, count: usize) -> io::Result<Vec<Reply>> {
        (0..count).map(|_| self.try_read()).collect()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(text) => write!(f, "+{}", show(text)),
            Reply::Error(text) => write!(f, "-{}", show(text)),
            Reply::Integer(value) => write!(f, ":{value}"),
            Reply::Bulk(bytes) => write!(f, "${}", show(bytes)),
            Reply::NullBulk | Reply::Null => f.write_str("nil"),
            Reply::NullArray => f.write_str("nil*"),
            Reply::Array(items) => write_items(f, "", items),
            Reply::Map(items) => write_items(f, "%", items),
            Reply::Set(items) => write_items(f, "~", items),
            Reply::Push(items) => write_items(f, ">", items),
            Reply::Attribute(items, reply) => {
                write_items(f, "|", items)?;
                write!(f, " {reply}")
            }
            Reply::Double(text) => write!(f, ",{}", show(text)),
            Reply::Boolean(value) => f.write_str(if *value { "#t" } else { "#f" }),
            Reply::BigNumber(text) => write!(f, "({}", show(text)),
            Reply::Verbatim(text) => write!(f, "={}", show(text)),
        }
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, mark: &str, items: &[Reply]) -> fmt::Result {
    write!(f, "{mark}[")?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { " " })?;
    }
    f.write_str("]")
}

/// A command as the array of bulk strings that clients send.
pub(crate) fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Bytes in the notation of [`Reply`].
pub(crate) fn show(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// A command for a message, long arguments cut.
pub(crate) fn show_command(args: &[&[u8]]) -> String {
    const SHOWN_MAX: usize = 200;
    let words = args.iter().map(|arg| match arg.len() {
        0..=SHOWN_MAX => show(arg),
        len => format!("{}... ({len} bytes)", show(&arg[..SHOWN_MAX])),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A number in its one canonical form, so that equal replies mean equal bytes.
fn number(text: &[u8]) -> io::Result<i64> {
    let value: Option<i64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    value.filter(|value| value.to_string().as_bytes() == text).ok_or_else(|| malformed(&show(text)))
}

fn length(text: &[u8]) -> io::Result<usize> {
    usize::try_from(number(text)?).map_err(|_| malformed(&show(text)))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {what}"))
}
