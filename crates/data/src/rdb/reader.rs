//! Numbers and strings as they lie in a dump file. Every read checks that the bytes are there.

use std::borrow::Cow;

use super::{Error, Result, lzf};

/// What a payload may grow to in memory, in bytes, however small it is.
const GROWN_BYTES_MIN: usize = 1 << 30;
/// And for each of its bytes.
const GROWN_PER_BYTE: usize = 64;
/// What an element costs in memory beside its bytes.
const ELEMENT_BYTES: usize = 48;

/// A length, or in its place what kind of encoded string follows.
enum Length {
    Plain(u64),
    Encoded(u8),
}

const ENCODED_INT8: u8 = 0;
const ENCODED_INT16: u8 = 1;
const ENCODED_INT32: u8 = 2;
const ENCODED_LZF: u8 = 3;

/// Takes a payload apart.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
    /// Bytes that may yet be allocated.
    budget: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Reader<'b> {
        let budget = GROWN_BYTES_MIN.saturating_add(bytes.len().saturating_mul(GROWN_PER_BYTE));
        Reader { rest: bytes, budget }
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'b [u8]> {
        let len = usize::try_from(len).map_err(|_| Error::Format)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Error::Format)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Format)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Notes that an element of a length goes into memory, and refuses one too much.
    pub(super) fn charge(&mut self, len: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(ELEMENT_BYTES.saturating_add(len)).ok_or(Error::Format)?;
        Ok(())
    }

    /// A length or count.
    pub(super) fn length(&mut self) -> Result<u64> {
        match self.length_or_encoding()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(Error::Format),
        }
    }

    /// The count of things that take so many bytes each at least: never more than there can be.
    pub(super) fn count(&mut self, bytes_min: usize) -> Result<usize> {
        let count = usize::try_from(self.length()?).map_err(|_| Error::Format)?;
        if count > self.rest.len() / bytes_min { Err(Error::Format) } else { Ok(count) }
    }

    fn length_or_encoding(&mut self) -> Result<Length> {
        let first = self.byte()?;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Plain(u64::from(first)),
            (1, _) => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            (3, _) => Length::Encoded(first & 0x3f),
            (_, 0x80) => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
            (_, 0x81) => Length::Plain(u64::from_be_bytes(self.array()?)),
            _ => return Err(Error::Format),
        })
    }

    /// A string, borrowed if it lies there as it is.
    pub(super) fn string(&mut self) -> Result<Cow<'b, [u8]>> {
        let number = |number: i32| Cow::Owned(number.to_string().into_bytes());
        Ok(match self.length_or_encoding()? {
            Length::Plain(len) => Cow::Borrowed(self.take(len)?),
            Length::Encoded(ENCODED_INT8) => number(i32::from(i8::from_le_bytes(self.array()?))),
            Length::Encoded(ENCODED_INT16) => number(i32::from(i16::from_le_bytes(self.array()?))),
            Length::Encoded(ENCODED_INT32) => number(i32::from_le_bytes(self.array()?)),
            Length::Encoded(ENCODED_LZF) => Cow::Owned(self.compressed()?),
            Length::Encoded(_) => return Err(Error::Format),
        })
    }

    fn compressed(&mut self) -> Result<Vec<u8>> {
        let (compressed_len, len) = (self.length()?, self.length()?);
        let compressed = self.take(compressed_len)?;
        let len = usize::try_from(len).map_err(|_| Error::Format)?;
        self.charge(len)?;
        lzf::decompress(compressed, len).ok_or(Error::Format)
    }

    /// A string that becomes an element.
    pub(super) fn element(&mut self) -> Result<Vec<u8>> {
        let string = self.string()?;
        self.charge(string.len())?;
        Ok(string.into_owned())
    }

    /// A time in Unix ms, or a duration.
    pub(super) fn milliseconds(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A double as it lies in memory.
    pub(super) fn binary_double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A double as text, as Redis wrote scores before version 4.
    pub(super) fn ascii_double(&mut self) -> Result<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Ok(f64::NAN),
            len => super::double::parse(self.take(u64::from(len))?).ok_or(Error::Format),
        }
    }
}
