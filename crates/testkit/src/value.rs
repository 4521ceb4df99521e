//! A reply taken apart, in RESP2 or RESP3. Not an encoder, and not tolerant: what is malformed is an error.

use std::io;

/// One reply. Texts stay bytes, for that is what a server sends; numbers other than integers stay texts, so that a
/// test sees how they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`, and RESP3's `!`
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// RESP2's `$-1`
    NullBulk,
    /// RESP2's `*-1`
    NullArray,
    /// RESP3's `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// RESP3's `%`, in the order sent
    Map(Vec<(Value, Value)>),
    /// RESP3's `~`, in the order sent
    Set(Vec<Value>),
    /// RESP3's `>`
    Push(Vec<Value>),
    /// RESP3's `,`
    Double(Vec<u8>),
    /// RESP3's `#`
    Boolean(bool),
    /// RESP3's `(`
    BigNumber(Vec<u8>),
    /// RESP3's `=`, with its three-letter format and colon
    Verbatim(Vec<u8>),
}

impl Value {
    /// Takes apart exactly one complete reply. RESP3 attributes before a value are passed over.
    pub fn parse(raw: &[u8]) -> io::Result<Value> {
        let mut cursor = Cursor { rest: raw };
        let value = cursor.value()?;
        if cursor.rest.is_empty() { Ok(value) } else { Err(malformed("bytes after the reply", cursor.rest)) }
    }

    /// The text of a simple string, a bulk string, an error or a number that is sent as text.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text)
            | Value::Error(text)
            | Value::Bulk(text)
            | Value::Double(text)
            | Value::BigNumber(text)
            | Value::Verbatim(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, also where it came as a string, as counters do that are read with `GET`.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Simple(text) | Value::Bulk(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// Whether the server refused.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    /// Whether the server said that there is nothing, in whichever protocol.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn value(&mut self) -> io::Result<Value> {
        let line = self.line()?;
        let (&kind, text) = line.split_first().ok_or_else(|| malformed("an empty line", line))?;
        Ok(match kind {
            b'+' => Value::Simple(text.to_vec()),
            b'-' => Value::Error(text.to_vec()),
            b':' => Value::Integer(number(text)?),
            b',' => Value::Double(text.to_vec()),
            b'(' => Value::BigNumber(text.to_vec()),
            b'_' => Value::Null,
            b'#' => Value::Boolean(match text {
                b"t" => true,
                b"f" => false,
                _ => return Err(malformed("boolean", line)),
            }),
            b'$' if text == b"-1" => Value::NullBulk,
            b'*' if text == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(self.counted(text)?),
            b'!' => Value::Error(self.counted(text)?),
            b'=' => Value::Verbatim(self.counted(text)?),
            b'*' => Value::Array(self.values(text)?),
            b'~' => Value::Set(self.values(text)?),
            b'>' => Value::Push(self.values(text)?),
            b'%' => Value::Map(self.pairs(text)?),
            b'|' => {
                self.pairs(text)?;
                self.value()?
            }
            _ => return Err(malformed("unknown type", line)),
        })
    }

    fn values(&mut self, count: &[u8]) -> io::Result<Vec<Value>> {
        (0..length(count)?).map(|_| self.value()).collect()
    }

    fn pairs(&mut self, count: &[u8]) -> io::Result<Vec<(Value, Value)>> {
        (0..length(count)?).map(|_| Ok((self.value()?, self.value()?))).collect()
    }

    fn counted(&mut self, count: &[u8]) -> io::Result<Vec<u8>> {
        let size = length(count)?;
        match self.rest.get(size..size + 2) {
            Some(b"\r\n") => {
                let text = self.rest[..size].to_vec();
                self.rest = &self.rest[size + 2..];
                Ok(text)
            }
            _ => Err(malformed("string without its end", self.rest)),
        }
    }

    fn line(&mut self) -> io::Result<&'a [u8]> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n");
        let end = end.ok_or_else(|| malformed("line without its end", self.rest))?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        Ok(line)
    }
}

/// How many bytes or elements follow.
pub(crate) fn length(text: &[u8]) -> io::Result<usize> {
    usize::try_from(number(text)?).map_err(|_| malformed("negative length", text))
}

fn number(text: &[u8]) -> io::Result<i64> {
    let parsed = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok());
    parsed.ok_or_else(|| malformed("number", text))
}

pub(crate) fn malformed(what: &str, seen: &[u8]) -> io::Error {
    let start = &seen[..seen.len().min(80)];
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("malformed reply: {what}: {:?}", start.escape_ascii().to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_replies_of_both_protocols_are_taken_apart() {
        let raw = b"*4\r\n%1\r\n+k\r\n$2\r\nab\r\n~1\r\n:7\r\n*-1\r\n_\r\n";
        let expected = Value::Array(vec![
            Value::Map(vec![(Value::Simple(b"k".to_vec()), Value::Bulk(b"ab".to_vec()))]),
            Value::Set(vec![Value::Integer(7)]),
            Value::NullArray,
            Value::Null,
        ]);
        assert_eq!(Value::parse(raw).expect("well-formed"), expected);
    }

    #[test]
    fn an_attribute_is_passed_over() {
        let raw = b"|1\r\n+ttl\r\n:9\r\n#t\r\n";
        assert_eq!(Value::parse(raw).expect("well-formed"), Value::Boolean(true));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_an_error() {
        for raw in
            [&b"$3\r\nab\r\n"[..], b"*2\r\n:1\r\n", b"+OK", b":1\r\n:2\r\n", b":x\r\n", b"?\r\n", b"$-7\r\n", b"#x\r\n"]
        {
            assert!(Value::parse(raw).is_err(), "{:?}", raw.escape_ascii().to_string());
        }
    }
}
