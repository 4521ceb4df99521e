//! The arguments of one command: slices of the buffer that the client sent.

use resp::Span;

use crate::error::{Error, Result};

/// The arguments, the command's name first (of a subcommand too: its container's name is number 0).
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments within a buffer.
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buf, spans }
    }

    /// How many, the name included.
    #[allow(clippy::len_without_is_empty, reason = "a command has at least its name")]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The argument at an index.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        self.buf.get(span.start as usize..span.start as usize + span.len as usize)
    }

    /// The argument at an index that the arity guarantees; a missing one is a syntax error.
    pub fn at(&self, index: usize) -> Result<&'a [u8]> {
        self.get(index).ok_or(Error::Syntax)
    }

    /// All arguments from an index on.
    pub fn from(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let buf = self.buf;
        let spans = self.spans.get(index..).unwrap_or(&[]);
        spans.iter().map(move |s| buf.get(s.start as usize..s.start as usize + s.len as usize).unwrap_or(&[]))
    }

    /// The arguments without the first ones: a command among the arguments of another (`COMMAND GETKEYS`).
    pub fn skip(&self, count: usize) -> Args<'a> {
        Args { buf: self.buf, spans: self.spans.get(count..).unwrap_or(&[]) }
    }

    /// True if the argument is a word, whatever its case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The argument as an integer of 64 bits, strictly in Redis's form.
    pub fn integer(&self, index: usize) -> Result<i64> {
        parse_integer(self.at(index)?).ok_or(Error::NotInteger)
    }

    /// The argument as an integer of 32 bits: what Redis takes for the number of a database.
    pub fn integer32(&self, index: usize) -> Result<i32> {
        let out_of_range = Error::NotBetween { min: i64::from(i32::MIN), max: i64::from(i32::MAX) };
        i32::try_from(self.integer(index)?).map_err(|_| out_of_range)
    }

    /// The argument as the timeout of a command that waits, in seconds with a fraction; comes back in ms, rounded up. None: for
    /// ever (0).
    pub fn timeout_seconds(&self, index: usize) -> Result<Option<u64>> {
        let seconds = parse_float(self.at(index)?).ok_or(Error::TimeoutNotFloat)?;
        let ms = (seconds * 1000.0).ceil();
        if ms > i64::MAX as f64 {
            return Err(Error::TimeoutOutOfRange);
        }
        timeout(ms as i64)
    }

    /// The same, in whole ms.
    pub fn timeout_ms(&self, index: usize) -> Result<Option<u64>> {
        timeout(parse_integer(self.at(index)?).ok_or(Error::TimeoutNotInteger)?)
    }

    /// The argument as a float: finite or infinite, not NaN.
    pub fn float(&self, index: usize) -> Result<f64> {
        parse_float(self.at(index)?).ok_or(Error::NotFloat)
    }
}

fn timeout(ms: i64) -> Result<Option<u64>> {
    let ms = u64::try_from(ms).map_err(|_| Error::TimeoutNegative)?;
    // Redis adds the time of day, and what does not fit then is refused.
    if ms > i64::MAX as u64 - (1 << 42) {
        return Err(Error::TimeoutOutOfRange);
    }
    Ok(Some(ms).filter(|&ms| ms > 0))
}

/// An integer in the one form that Redis accepts: no plus sign, no leading zeros, no spaces.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    data::integer::parse(text)
}

/// A float as Redis's `strtod`-based parser accepts it: no surrounding spaces, no NaN; `inf` and hexadecimal
/// allowed.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    data::float::parse(text)
}
