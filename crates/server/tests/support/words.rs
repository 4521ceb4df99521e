//! Commands written as one line of text, as one would type them.

/// Splits at blanks. `"..."` knows `\xHH`, `\n`, `\r`, `\t`, `\"` and `\\`.
pub(crate) fn split(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted, line),
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// The word up to the closing quote, and what follows it.
fn unquote<'a>(quoted: &'a str, line: &str) -> (Vec<u8>, &'a str) {
    let mut word = Vec::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (word, &quoted[at + 1..]),
            '\\' => {
                let (at, escaped) = chars.next().unwrap_or_else(|| panic!("a lone backslash ends {line}"));
                match escaped {
                    'n' => word.push(b'\n'),
                    'r' => word.push(b'\r'),
                    't' => word.push(b'\t'),
                    'x' => {
                        let digits =
                            quoted.get(at + 1..at + 3).unwrap_or_else(|| panic!("two digits after \\x in {line}"));
                        word.push(
                            u8::from_str_radix(digits, 16).unwrap_or_else(|e| panic!("\\x{digits} in {line}: {e}")),
                        );
                        chars.nth(1);
                    }
                    other => word.extend(other.to_string().bytes()),
                }
            }
            other => word.extend(other.to_string().bytes()),
        }
    }
    panic!("no closing quote in {line}")
}
