//! The id of a stream's entry: a time in ms and a number within it.

use std::fmt;

/// The longest text of an id: two numbers of 64 bits and a dash.
pub const ID_TEXT_MAX: usize = 20 + 1 + 20;
/// Texts above this are no ids, whatever is in them, in bytes.
const TEXT_LEN_MAX: usize = 127;

/// See the module's text. Ordered by time, then number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Unix time in ms, unless the client chose otherwise.
    pub ms: u64,
    /// Tells entries of one time apart.
    pub seq: u64,
}

impl StreamId {
    /// The least id. No entry has it.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// Time and number as one number of the same order.
    pub(super) fn number(self) -> u128 {
        u128::from(self.ms) << u64::BITS | u128::from(self.seq)
    }

    /// The id of such a number.
    pub(super) fn of_number(number: u128) -> StreamId {
        StreamId { ms: (number >> u64::BITS) as u64, seq: number as u64 }
    }

    /// The id that follows; None after the greatest.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before; None before the least.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The id in a text: `ms-seq`, or `ms` alone, which stands for `ms-missing_seq`. Numbers are what C's `strtoull` takes for
    /// them, as in Redis, and a text ends at its first zero byte.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        let (ms, seq) = split(text)?;
        let seq = match seq {
            Some(digits) => number(digits)?,
            None => missing_seq,
        };
        Some(StreamId { ms: number(ms)?, seq })
    }

    /// The time in a text `ms-*`, which leaves the number within it open.
    pub fn parse_open(text: &[u8]) -> Option<u64> {
        match split(text)? {
            (ms, Some(b"*")) => number(ms),
            _ => None,
        }
    }

    /// Its text, in a buffer.
    pub fn text(self, buffer: &mut [u8; ID_TEXT_MAX]) -> &[u8] {
        let at = digits(self.seq, buffer, ID_TEXT_MAX) - 1;
        buffer[at] = b'-';
        let at = digits(self.ms, buffer, at);
        &buffer[at..]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Writes a number so that it ends before an index. Returns where it begins.
fn digits(mut number: u64, buffer: &mut [u8; ID_TEXT_MAX], mut at: usize) -> usize {
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

/// What is before the first dash, and what is behind it.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let text = text.split(|&byte| byte == 0).next()?;
    Some(match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    })
}

fn number(text: &[u8]) -> Option<u64> {
    let is_negative_integer = |text| crate::integer::parse(text).is_some_and(|value| value < 0);
    if is_negative_integer(text) {
        return None;
    }
    let text = &text[text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count()..];
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn what_is_an_id_and_what_is_not() {
        for (text, expected) in [
            (&b"1-2"[..], id(1, 2)),
            (b"7", id(7, 9)),
            (b"0", id(0, 9)),
            (b"18446744073709551615-18446744073709551615", StreamId::MAX),
            (b"007-+5", id(7, 5)),
            (b" 1- -1", id(1, u64::MAX)),
            (b"1-2\0-3", id(1, 2)),
        ] {
            assert_eq!(StreamId::parse(text, 9), Some(expected), "{}", text.escape_ascii());
        }
        for text in [
            &b""[..],
            b"-",
            b"+",
            b"1-",
            b"-1",
            b"1--1",
            b"1-2-3",
            b"x",
            b"1 -2",
            b"1-*",
            b"18446744073709551616",
            b"\0",
        ] {
            assert_eq!(StreamId::parse(text, 9), None, "{}", text.escape_ascii());
        }
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
        assert_eq!(StreamId::parse(&[b'0'; 127], 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse_open(b"12-*"), Some(12));
        assert_eq!(StreamId::parse_open(b"12-3"), None);
        assert_eq!(StreamId::parse_open(b"12"), None);
    }

    #[test]
    fn neighbours() {
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
    }

    #[test]
    fn texts_read_back() {
        for each in [StreamId::MIN, StreamId::MAX, id(1_700_000_000_000, 10)] {
            let mut buffer = [0; ID_TEXT_MAX];
            assert_eq!(each.text(&mut buffer), each.to_string().as_bytes());
            assert_eq!(StreamId::parse(each.text(&mut buffer), 1), Some(each));
        }
    }
}
