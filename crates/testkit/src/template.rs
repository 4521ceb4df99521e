//! A command with blanks that every request fills anew, as in `SET key:{rand:1000000:12} {bytes:64}`.
//!
//! - `{rand:N}` is a random number below N; `{rand:N:W}` has leading zeros to W digits, as `redis-benchmark` writes its keys.
//! - `{zipf:N}` and `{zipf:N:W}` are the same by [`Zipf`]'s distribution: some numbers come often, most seldom.
//! - `{seq}` and `{seq:W}` count from 0 on, one further with each that is filled in.
//! - `{bytes:N}` is a value of N bytes, always the same one.
//! - `{mixed:N}` is one of which the first half is random letters and digits: it compresses about as well as real ones do.
//!
//! Words are separated by spaces; there is no quoting.

use crate::{Random, Zipf};
use std::io::Write;

/// A parsed command.
#[derive(Clone, Debug)]
pub struct Template {
    words: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<u8>),
    Number { source: Source, width: usize },
    Mixed { len: usize },
}

#[derive(Clone, Debug)]
enum Source {
    Uniform(u64),
    Zipf(Zipf),
    Sequence,
}

/// What blanks are filled from: one for each stream of requests.
#[derive(Debug)]
pub struct Blanks {
    random: Random,
    sequence: u64,
    /// A word while its length is not known yet; kept for its capacity.
    word: Vec<u8>,
}

impl Blanks {
    /// Equal seeds fill equally.
    pub fn new(seed: u64) -> Blanks {
        Blanks { random: Random::new(seed), sequence: 0, word: Vec::new() }
    }
}

impl Template {
    /// Reads a template; what is in braces and unknown is an error.
    pub fn parse(text: &str) -> Result<Template, String> {
        let words = text.split_ascii_whitespace().map(parse_word).collect::<Result<Vec<_>, _>>()?;
        if words.is_empty() { Err("the command is empty".to_owned()) } else { Ok(Template { words }) }
    }

    /// Appends one command with its blanks filled.
    pub fn fill(&self, blanks: &mut Blanks, out: &mut Vec<u8>) {
        append(out, format_args!("*{}\r\n", self.words.len()));
        for pieces in &self.words {
            let mut word = std::mem::take(&mut blanks.word);
            word.clear();
            fill_word(pieces, blanks, &mut word);
            append(out, format_args!("${}\r\n", word.len()));
            out.extend_from_slice(&word);
            out.extend_from_slice(b"\r\n");
            blanks.word = word;
        }
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

fn parse_word(word: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        let (blank, behind) = after.split_once('}').ok_or_else(|| format!("{word}: brace without its end"))?;
        pieces.push(Piece::Text(before.as_bytes().to_vec()));
        pieces.push(parse_blank(blank).ok_or_else(|| format!("{word}: unknown blank {{{blank}}}"))?);
        rest = behind;
    }
    pieces.push(Piece::Text(rest.as_bytes().to_vec()));
    Ok(pieces)
}

fn parse_blank(blank: &str) -> Option<Piece> {
    let parts: Vec<&str> = blank.split(':').collect();
    let number = |source, width: Option<&&str>| {
        let width = width.map_or(Some(0), |width| width.parse().ok())?;
        Some(Piece::Number { source, width })
    };
    match parts[..] {
        ["rand", bound, ref width @ ..] if width.len() < 2 => number(Source::Uniform(positive(bound)?), width.first()),
        ["zipf", bound, ref width @ ..] if width.len() < 2 => {
            number(Source::Zipf(Zipf::new(positive(bound)?)), width.first())
        }
        ["seq", ref width @ ..] if width.len() < 2 => number(Source::Sequence, width.first()),
        ["mixed", size] => Some(Piece::Mixed { len: size.parse().ok()? }),
        ["bytes", size] => Some(Piece::Text(vec![b'x'; size.parse().ok()?])),
        _ => None,
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|&number| number > 0)
}

fn fill_word(pieces: &[Piece], blanks: &mut Blanks, word: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => word.extend_from_slice(text),
            Piece::Number { source, width } => {
                let number = match source {
                    Source::Uniform(bound) => blanks.random.below(*bound),
                    Source::Zipf(zipf) => zipf.draw(&mut blanks.random),
                    Source::Sequence => {
                        blanks.sequence += 1;
                        blanks.sequence - 1
                    }
                };
                append(word, format_args!("{number:0width$}"));
            }
            Piece::Mixed { len } => {
                let end = word.len() + len;
                append_random(word, len / 2, &mut blanks.random);
                word.resize(end, b'x');
            }
        }
    }
}

/// Appends letters and digits, ten from each random number.
fn append_random(word: &mut Vec<u8>, len: usize, random: &mut Random) {
    const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    let end = word.len() + len;
    while word.len() < end {
        let number = random.below(1 << 60);
        let letters = (0..10).map(|place| LETTERS[(number >> (6 * place)) as usize % LETTERS.len()]);
        word.extend(letters.take(end - word.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, times: usize) -> String {
        let template = Template::parse(text).expect("a valid template");
        let (mut blanks, mut out) = (Blanks::new(1), Vec::new());
        for _ in 0..times {
            template.fill(&mut blanks, &mut out);
        }
        String::from_utf8(out).expect("what was filled in is text")
    }

    #[test]
    fn blanks_are_filled() {
        let expected = "*3\r\n$3\r\nSET\r\n$9\r\nkey:0000!\r\n$3\r\nxxx\r\n";
        assert_eq!(filled("SET key:{rand:1:4}! {bytes:3}", 1), expected);
        assert_eq!(filled("SET key:{zipf:1:4}! {bytes:3}", 1), expected);
        assert_eq!(filled("DEL {seq}", 2), "*2\r\n$3\r\nDEL\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$1\r\n1\r\n");
        assert_eq!(filled("X{seq:2}", 1), "*1\r\n$3\r\nX00\r\n");
    }

    #[test]
    fn unknown_blanks_are_refused() {
        for text in
            ["", "GET {rand}", "GET {rand:0}", "GET {rand:9:x}", "GET {rand:9:1:1}", "GET {what:1}", "GET {zipf:9"]
        {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mixed_value_is_half_random() {
        let template = Template::parse("SET k {mixed:43}").expect("a valid template");
        let (mut blanks, mut out) = (Blanks::new(1), Vec::new());
        template.fill(&mut blanks, &mut out);
        let value = out[out.len() - 45..].strip_suffix(b"\r\n").expect("the end of a word");
        let (random, fixed) = value.split_at(21);
        assert!(fixed.iter().all(|&byte| byte == b'x'));
        assert!(random.iter().collect::<std::collections::HashSet<_>>().len() > 10);
    }
}
