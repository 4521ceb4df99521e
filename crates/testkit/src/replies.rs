//! Tells where replies end in what a connection receives, in pieces as they come, without keeping or taking them apart:
//! under load that would cost more than the server's work does. A test that wants to see a reply uses [`Client`](crate::Client).

use crate::value::{length, malformed};
use std::io;

/// What a reply was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind<'a> {
    /// Something that is neither of the others.
    Value,
    /// Null, or an empty collection: there was nothing.
    Nothing,
    /// An error, and what it says.
    Error(&'a [u8]),
}

/// Where in the stream of replies we are.
#[derive(Debug, Default)]
pub struct Replies {
    /// Elements until the reply is complete; 0 between replies.
    outstanding: usize,
    /// Bytes of a bulk string, with its line end, that are still to come.
    skip: usize,
    /// The beginning of a line whose end is still to come.
    line: Vec<u8>,
    is_nothing: bool,
}

impl Replies {
    /// Before the first.
    pub fn new() -> Replies {
        Replies::default()
    }

    /// Goes on with these bytes, and calls `each` for every reply that they complete.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Kind)) -> io::Result<()> {
        loop {
            if self.skip > 0 {
                let taken = self.skip.min(bytes.len());
                bytes = &bytes[taken..];
                self.skip -= taken;
                if self.skip > 0 {
                    return Ok(());
                }
                self.end_element(&mut each);
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.line.is_empty() {
                self.take_line(line, &mut each)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, &mut each)?;
                whole.clear();
                self.line = whole;
            }
        }
    }

    fn take_line(&mut self, line: &[u8], each: &mut impl FnMut(Kind)) -> io::Result<()> {
        let text = line.strip_suffix(b"\r\n").ok_or_else(|| malformed("line feed without carriage return", line))?;
        let (&kind, rest) = text.split_first().ok_or_else(|| malformed("an empty line", text))?;
        let is_first = self.outstanding == 0;
        if is_first {
            self.outstanding = 1;
            self.is_nothing = matches!(text, b"$-1" | b"*-1" | b"_" | b"*0" | b"~0" | b"%0");
        }
        match kind {
            b'-' if is_first => {
                self.outstanding = 0;
                each(Kind::Error(rest));
            }
            b'$' | b'*' if rest == b"-1" => self.end_element(each),
            b'$' | b'!' | b'=' => self.skip = length(rest)? + 2,
            b'*' | b'~' | b'>' => self.open(length(rest)?, each),
            b'%' => self.open(2 * length(rest)?, each),
            // An attribute stands before a value and is none itself.
            b'|' => self.outstanding += 2 * length(rest)?,
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => self.end_element(each),
            _ => return Err(malformed("unknown type", text)),
        }
        Ok(())
    }

    fn open(&mut self, elements: usize, each: &mut impl FnMut(Kind)) {
        self.outstanding += elements;
        self.end_element(each);
    }

    fn end_element(&mut self, each: &mut impl FnMut(Kind)) {
        self.outstanding -= 1;
        if self.outstanding == 0 {
            each(if self.is_nothing { Kind::Nothing } else { Kind::Value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the stream holds, given in pieces of this size.
    fn kinds(stream: &[u8], piece: usize) -> Vec<String> {
        let (mut replies, mut found) = (Replies::new(), Vec::new());
        for bytes in stream.chunks(piece) {
            replies.read(bytes, |kind| found.push(format!("{kind:?}"))).expect("well-formed replies");
        }
        found
    }

    #[test]
    fn replies_are_counted_wherever_the_stream_is_cut() {
        let stream = b"+OK\r\n$4\r\na\r\nb\r\n$0\r\n\r\n*3\r\n*1\r\n:1\r\n$-1\r\n*-1\r\n$-1\r\n*0\r\n_\r\n%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n_\r\n\
                       |1\r\n+ttl\r\n:3\r\n*1\r\n,1.5\r\n=6\r\ntxt:ab\r\n*2\r\n-ERR inside\r\n:2\r\n-ERR no\r\n:7\r\n";
        let whole = kinds(stream, stream.len());
        let nothing: Vec<bool> = whole.iter().map(|kind| kind == "Nothing").collect();
        assert_eq!(nothing[..8], [false, false, false, false, true, true, true, false]);
        assert_eq!(whole.len(), 13);
        assert_eq!(whole[11], format!("{:?}", Kind::Error(b"ERR no")));
        for piece in 1..40 {
            assert_eq!(kinds(stream, piece), whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for stream in [&b"?\r\n"[..], b"\r\n", b"+OK\n", b"$x\r\n", b"*-2\r\n"] {
            assert!(Replies::new().read(stream, |_| {}).is_err(), "{stream:?}");
        }
    }
}
