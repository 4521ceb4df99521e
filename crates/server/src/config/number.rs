//! Numbers as configuration text spells them.
//!
//! Each function accepts exactly what Redis's own accepts, oddities included: a client that sets `"0x10"` must get the
//! same answer from both. None of them knows an option or its bounds.

/// A decimal integer without plus sign, leading zeros or blanks.
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if plain { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// Bytes with an optional unit: `k` is a thousand, `kb` is 1024, and so on to `gb`. No digits at all mean zero; a
/// number too large for 64 bits becomes the largest, and multiplying it wraps around.
pub fn memory(text: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 127;
    let split = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let number = digits.iter().fold(0u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(number.wrapping_mul(factor))
}

/// `n%`, with `n` not negative.
pub fn percent(text: &[u8]) -> Option<i64> {
    text.strip_suffix(b"%").and_then(integer).filter(|n| *n >= 0)
}

/// An octal number the way C reads one: blanks and a sign may lead, nothing may follow. Empty is zero.
pub fn octal(text: &[u8]) -> Option<i64> {
    lenient(text, 8).filter(|read| !read.overflow).map(|read| read.number)
}

/// A decimal number the way C reads one: blanks and a sign may lead, nothing may follow. Empty is zero, and what does
/// not fit becomes the largest number of its sign.
pub fn decimal(text: &[u8]) -> Option<i64> {
    lenient(text, 10).map(|read| read.number)
}

struct Lenient {
    number: i64,
    overflow: bool,
}

fn lenient(text: &[u8], radix: i64) -> Option<Lenient> {
    if text.is_empty() {
        return Some(Lenient { number: 0, overflow: false });
    }
    let start = text.iter().position(|c| !is_blank(*c))?;
    let (negative, digits) = match &text[start..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut read = Lenient { number: 0, overflow: false };
    for c in digits {
        let digit = i64::from(c.checked_sub(b'0')?);
        if digit >= radix {
            return None;
        }
        let next = read.number.checked_mul(radix);
        let next = next.and_then(|n| if negative { n.checked_sub(digit) } else { n.checked_add(digit) });
        read.overflow |= next.is_none();
        read.number = next.unwrap_or(if negative { i64::MIN } else { i64::MAX });
    }
    Some(read)
}

/// What C's `isspace` calls a blank.
pub fn is_blank(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// A finite or infinite floating-point number that fills the whole text.
pub fn real(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|number: &f64| !number.is_nan())
}

/// A byte count as `CONFIG REWRITE` writes it: in the largest unit that divides it.
pub fn print_memory(bytes: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    match UNITS.iter().find(|(unit, _)| bytes != 0 && bytes % unit == 0) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        for (text, number) in
            [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(integer(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "x"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn memory_units_are_decimal_without_b_and_binary_with_it() {
        for (text, bytes) in
            [("1", 1), ("1b", 1), ("2k", 2000), ("2KB", 2048), ("3m", 3_000_000), ("1Gb", 1 << 30), ("", 0), ("gb", 0)]
        {
            assert_eq!(memory(text.as_bytes()), Some(bytes), "{text}");
        }
        for text in ["-1", "1.5mb", "1tb", "1 mb", "mbb"] {
            assert_eq!(memory(text.as_bytes()), None, "{text}");
        }
        assert_eq!(memory(&[b'9'; 127]), Some(u64::MAX));
        assert_eq!(memory(&[b'9'; 128]), None);
    }

    #[test]
    fn octal_and_decimal_read_as_c_does() {
        assert_eq!(octal(b"700"), Some(0o700));
        assert_eq!(octal(b" -7"), Some(-7));
        assert_eq!(octal(b"8"), None);
        assert_eq!(octal(b"7777777777777777777777777"), None);
        assert_eq!(decimal(b""), Some(0));
        assert_eq!(decimal(b"\t+12"), Some(12));
        assert_eq!(decimal(b"99999999999999999999"), Some(i64::MAX));
        for text in ["-", "+", " ", "1x", "1 "] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn memory_is_printed_in_the_largest_unit_that_divides_it() {
        for (bytes, text) in [(0, "0"), (1023, "1023"), (1024, "1kb"), (3 << 20, "3mb"), (1 << 31, "2gb")] {
            assert_eq!(print_memory(bytes), text);
        }
    }
}
