//! Numbers and strings as Redis writes them into a dump file.

use super::lzf::Compressor;

/// Longer texts are no integer of 32 bits.
const INTEGER_LEN_MAX: usize = 11;
/// Longer strings are compressed.
const UNCOMPRESSED_LEN_MAX: usize = 20;

const ENCODED_INT8: u8 = 0xc0;
const ENCODED_INT16: u8 = 0xc1;
const ENCODED_INT32: u8 = 0xc2;
const ENCODED_LZF: u8 = 0xc3;

/// Puts a payload together.
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// None: nothing is compressed.
    compressor: Option<Compressor>,
}

impl Writer {
    pub(super) fn new(compress: bool) -> Writer {
        Writer { bytes: Vec::new(), compressor: compress.then(Compressor::default) }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A length or count, in as few bytes as it takes.
    pub(super) fn length(&mut self, length: u64) {
        match length {
            0..0x40 => self.byte(length as u8),
            0x40..0x4000 => self.raw(&(length as u16 | 0x4000).to_be_bytes()),
            _ => match u32::try_from(length) {
                Ok(length) => {
                    self.byte(0x80);
                    self.raw(&length.to_be_bytes());
                }
                Err(_) => {
                    self.byte(0x81);
                    self.raw(&length.to_be_bytes());
                }
            },
        }
    }

    /// A string: as an integer if it is one of 32 bits, compressed if that makes it shorter, or as it is.
    pub(super) fn string(&mut self, bytes: &[u8]) {
        if bytes.len() <= INTEGER_LEN_MAX
            && let Some(number) = crate::integer::parse(bytes).and_then(|number| i32::try_from(number).ok())
        {
            return self.integer(number);
        }
        if bytes.len() > UNCOMPRESSED_LEN_MAX && self.compressed(bytes) {
            return;
        }
        self.length(bytes.len() as u64);
        self.raw(bytes);
    }

    fn integer(&mut self, number: i32) {
        if let Ok(number) = i8::try_from(number) {
            self.byte(ENCODED_INT8);
            self.raw(&number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.byte(ENCODED_INT16);
            self.raw(&number.to_le_bytes());
        } else {
            self.byte(ENCODED_INT32);
            self.raw(&number.to_le_bytes());
        }
    }

    /// Writes a string compressed, unless that is no gain.
    fn compressed(&mut self, bytes: &[u8]) -> bool {
        let compressor = self.compressor.as_mut();
        let Some(compressed) = compressor.and_then(|compressor| compressor.compress(bytes)) else { return false };
        self.byte(ENCODED_LZF);
        self.length(compressed.len() as u64);
        self.length(bytes.len() as u64);
        self.raw(&compressed);
        true
    }

    /// A time in Unix ms.
    pub(super) fn milliseconds(&mut self, ms: u64) {
        self.raw(&ms.to_le_bytes());
    }

    /// A double as it lies in memory.
    pub(super) fn binary_double(&mut self, double: f64) {
        self.raw(&double.to_le_bytes());
    }
}
