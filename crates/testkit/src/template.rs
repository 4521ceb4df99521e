//! A command with blanks that every request fills anew, as in `SET key:{rand:1000000:12} {bytes:64}`.
//!
//! - `{rand:N}` is a random number below N; `{rand:N:W}` has leading zeros to W digits, as `redis-benchmark` writes its keys.
//! - `{bytes:N}` is a value of N bytes.
//!
//! Words are separated by spaces; there is no quoting.

use crate::{Random, encode_command};

/// A parsed command.
#[derive(Clone, Debug)]
pub struct Template {
    words: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Number { bound: u64, width: usize },
}

impl Template {
    /// Reads a template; what is in braces and unknown is an error.
    pub fn parse(text: &str) -> Result<Template, String> {
        let words = text.split_ascii_whitespace().map(parse_word).collect::<Result<Vec<_>, _>>()?;
        if words.is_empty() { Err("the command is empty".to_owned()) } else { Ok(Template { words }) }
    }

    /// Appends one command with its blanks filled.
    pub fn fill(&self, random: &mut Random, out: &mut Vec<u8>) {
        let words: Vec<String> = self.words.iter().map(|pieces| fill_word(pieces, random)).collect();
        encode_command(&words, out);
    }
}

fn parse_word(word: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        let (blank, behind) = after.split_once('}').ok_or_else(|| format!("{word}: brace without its end"))?;
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(parse_blank(blank).ok_or_else(|| format!("{word}: unknown blank {{{blank}}}"))?);
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn parse_blank(blank: &str) -> Option<Piece> {
    let parts: Vec<&str> = blank.split(':').collect();
    match parts[..] {
        ["rand", bound] => Some(Piece::Number { bound: positive(bound)?, width: 0 }),
        ["rand", bound, width] => Some(Piece::Number { bound: positive(bound)?, width: width.parse().ok()? }),
        ["bytes", size] => Some(Piece::Text("x".repeat(size.parse().ok()?))),
        _ => None,
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|&number| number > 0)
}

fn fill_word(pieces: &[Piece], random: &mut Random) -> String {
    let mut word = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => word.push_str(text),
            Piece::Number { bound, width } => word.push_str(&format!("{:0width$}", random.below(*bound))),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled() {
        let template = Template::parse("SET key:{rand:1:4}! {bytes:3}").expect("a valid template");
        let mut out = Vec::new();
        template.fill(&mut Random::new(1), &mut out);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$9\r\nkey:0000!\r\n$3\r\nxxx\r\n");
    }

    #[test]
    fn unknown_blanks_are_refused() {
        for text in ["", "GET {rand}", "GET {rand:0}", "GET {what:1}", "GET {rand:9"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
