//! Splitting a line that a person typed into arguments.
//!
//! The rules are those of Redis's inline commands: blanks separate, `"..."` knows the escapes `\n \r \t \b \a \xHH`, `'...'`
//! knows only `\'`, and a closing quote must be followed by a blank or the end. Finding the line is the parser's matter.

use crate::parse::Span;

/// Splits `buf[start..end]`, decoding quotes in place, and appends one span per argument; returns their number.
/// `None` means that the quotes do not balance; `spans` may then hold some arguments already.
///
/// Decoding never lengthens an argument, so each is written over its own source text.
pub(crate) fn split(buf: &mut [u8], start: usize, end: usize, spans: &mut Vec<Span>) -> Option<usize> {
    let mut count = 0;
    let mut at = start;
    loop {
        while at < end && is_blank(buf[at]) {
            at += 1;
        }
        if at >= end {
            return Some(count);
        }
        let (span, next) = argument(&mut buf[..end], at)?;
        spans.push(span);
        count += 1;
        at = next;
    }
}

/// Decodes the argument that starts at `start` and gives its span and where to go on.
fn argument(line: &mut [u8], start: usize) -> Option<(Span, usize)> {
    let mut read = start;
    let mut write = start;
    let mut quote = None;
    while let Some(&byte) = line.get(read) {
        let (decoded, taken) = match (quote, byte) {
            // Fewer bytes end an unquoted argument than separate arguments: vertical tab and form feed belong to it.
            (None, b' ' | b'\n' | b'\r' | b'\t') => {
                return Some((Span::new(start, write - start), read + 1));
            }
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                read += 1;
                continue;
            }
            (Some(open), close) if open == close => {
                let ended = line.get(read + 1).is_none_or(|&after| is_blank(after));
                return ended.then(|| (Span::new(start, write - start), read + 1));
            }
            (Some(b'"'), b'\\') => escape(&line[read..]),
            (Some(b'\''), b'\\') if line.get(read + 1) == Some(&b'\'') => (b'\'', 2),
            _ => (byte, 1),
        };
        line[write] = decoded;
        write += 1;
        read += taken;
    }
    // The line is over; inside quotes that is one quote too few.
    quote.is_none().then(|| (Span::new(start, write - start), read))
}

/// The byte that an escape within double quotes stands for, and the escape's length. `text` begins with the backslash.
fn escape(text: &[u8]) -> (u8, usize) {
    match text {
        [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (hex_value(*high) << 4 | hex_value(*low), 4)
        }
        [_, b'n', ..] => (b'\n', 2),
        [_, b'r', ..] => (b'\r', 2),
        [_, b't', ..] => (b'\t', 2),
        [_, b'b', ..] => (0x08, 2),
        [_, b'a', ..] => (0x07, 2),
        [_, other, ..] => (*other, 2),
        // A backslash at the line's end stands for itself; the missing quote is found next.
        _ => (b'\\', 1),
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// C's `isspace` in the C locale.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}
