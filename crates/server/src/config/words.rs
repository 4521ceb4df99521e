//! Splitting a line into words and quoting a word, by the rules of `redis.conf` (and of `redis-cli`).
//!
//! Double quotes know escapes, single quotes only `\'`, and a closing quote must end its word.

use super::number::is_blank;

/// The words of a line; `None` where a quote is not closed or something follows a closing one.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = skip_blanks(line);
    while !rest.is_empty() {
        let (word, behind) = next_word(rest)?;
        words.push(word);
        rest = skip_blanks(behind);
    }
    Some(words)
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|c| !is_blank(*c)).unwrap_or(line.len());
    &line[start..]
}

/// Reads one word, which may have quoted parts; only the end of a quoted part is checked, as quotes may also begin
/// within a word.
fn next_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            // A vertical tab or form feed separates words but does not end one: so does Redis read it.
            [b' ' | b'\n' | b'\r' | b'\t', behind @ ..] => return Some((word, behind)),
            [b'"', behind @ ..] => {
                return Some((word_in_double_quotes(word, behind)?, after_quote(behind, b'"')?));
            }
            [b'\'', behind @ ..] => {
                return Some((word_in_single_quotes(word, behind)?, after_quote(behind, b'\'')?));
            }
            [c, behind @ ..] => {
                word.push(*c);
                rest = behind;
            }
        }
    }
}

fn word_in_double_quotes(mut word: Vec<u8>, mut rest: &[u8]) -> Option<Vec<u8>> {
    loop {
        match rest {
            [b'\\', b'x', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(nibble(*high) << 4 | nibble(*low));
                rest = behind;
            }
            [b'\\', c, behind @ ..] => {
                word.push(unescape(*c));
                rest = behind;
            }
            [b'"', ..] => return Some(word),
            [c, behind @ ..] => {
                word.push(*c);
                rest = behind;
            }
            [] => return None,
        }
    }
}

fn word_in_single_quotes(mut word: Vec<u8>, mut rest: &[u8]) -> Option<Vec<u8>> {
    loop {
        match rest {
            [b'\\', b'\'', behind @ ..] => {
                word.push(b'\'');
                rest = behind;
            }
            [b'\'', ..] => return Some(word),
            [c, behind @ ..] => {
                word.push(*c);
                rest = behind;
            }
            [] => return None,
        }
    }
}

/// What follows the quote that closes a quoted part, if that is the end of the line or a blank.
fn after_quote(mut rest: &[u8], quote: u8) -> Option<&[u8]> {
    loop {
        match rest {
            [b'\\', escaped, behind @ ..] if quote == b'"' || *escaped == quote => rest = behind,
            [c, behind @ ..] if *c == quote => {
                return behind.first().is_none_or(|c| is_blank(*c)).then_some(behind);
            }
            [_, behind @ ..] => rest = behind,
            [] => return None,
        }
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn unescape(c: u8) -> u8 {
    match c {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// A word in double quotes, such that [`split`] gives it back.
pub fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(word.len() + 2);
    quoted.push(b'"');
    for c in word {
        match c {
            b'\\' | b'"' => quoted.extend([b'\\', *c]),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            0x07 => quoted.extend(b"\\a"),
            0x08 => quoted.extend(b"\\b"),
            b' '..=b'~' => quoted.push(*c),
            _ => quoted.extend(format!("\\x{c:02x}").bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Option<Vec<String>> {
        Some(split(line.as_bytes())?.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect())
    }

    #[test]
    fn words_are_split_at_blanks_outside_quotes() {
        for (line, words) in [
            ("", vec![]),
            (" save  900\t1 ", vec!["save", "900", "1"]),
            (r#"dir "/a b" '' """#, vec!["dir", "/a b", "", ""]),
            (r#"x "\x41\n\"\\" 'it\'s \n'"#, vec!["x", "A\n\"\\", "it's \\n"]),
            (r#"pre"quoted" x"#, vec!["prequoted", "x"]),
            (r#""\x4g""#, vec!["x4g"]),
        ] {
            assert_eq!(texts(line), Some(words.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn an_open_quote_or_a_word_glued_to_a_closed_one_is_refused() {
        for line in [r#"a "b"#, "a 'b", r#"a "b"c"#, "a 'b'c", r#"a "b\""#] {
            assert_eq!(texts(line), None, "{line}");
        }
    }

    #[test]
    fn every_byte_survives_quoting() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(split(&quote(&all)), Some(vec![all]));
    }
}
