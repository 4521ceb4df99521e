//! Integers as the protocol spells them.
//!
//! Redis accepts exactly one spelling per number: no sign but `-`, no leading zeros, no blanks. Number arguments of
//! commands are not read here.

use crate::limits::INLINE_LEN_MAX_FLOOR;

/// Reads a whole line as an integer; `None` if any byte of it is not part of the one accepted spelling.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Accumulated below zero, because i64::MIN has no positive counterpart.
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The most digits [`short_line`] reads itself; longer numbers take the thorough path.
const SHORT_DIGITS_MAX: usize = 9;

// With its type byte, such a line is within every limit on lines.
const _: () = assert!(SHORT_DIGITS_MAX < INLINE_LEN_MAX_FLOOR);

/// The usual case of a `*` or `$` line without searching for its end: a few digits, CR and one more byte, all in `buf`.
///
/// Gives the number and the offset of what follows the line. `None` decides nothing: the line may be incomplete, longer,
/// negative or wrong.
#[inline]
pub(crate) fn short_line(buf: &[u8], digits_at: usize) -> Option<(i64, usize)> {
    let line = buf.get(digits_at..)?;
    let first = line.first()?.wrapping_sub(b'0');
    if first > 9 {
        return None;
    }
    let mut value = i64::from(first);
    let mut len = 1;
    loop {
        match *line.get(len)? {
            b'\r' => break,
            digit @ b'0'..=b'9' if first != 0 && len < SHORT_DIGITS_MAX => {
                value = value * 10 + i64::from(digit - b'0');
                len += 1;
            }
            _ => return None,
        }
    }
    // The byte after CR is skipped unseen, as Redis does, but it must have arrived.
    (line.len() > len + 1).then_some((value, digits_at + len + 2))
}
