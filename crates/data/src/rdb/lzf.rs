//! LZF, the compression of strings in dump files.
//!
//! | first byte of a piece | what follows                                                                     |
//! |-----------------------|----------------------------------------------------------------------------------|
//! | `000` count-1 (5)     | so many bytes as they are, 1 to 32                                               |
//! | len-2 (3), high (5)   | one byte: the low half of the distance less one; `len` bytes are repeated, 3 to 8 |
//! | `111` high (5)        | one byte: len-9; then as above: 9 to 264 bytes are repeated                      |
//!
//! The compressor finds the same repetitions as the one in Redis, so that the same string gives the same bytes.

/// Bytes that lie there as they are, in one piece.
const LITERALS_MAX: usize = 1 << 5;
/// How far back a repetition may begin.
const DISTANCE_MAX: usize = 1 << 13;
/// The longest repetition.
const REPEATED_MAX: usize = (1 << 8) + (1 << 3);
/// Bits of the table of places where three bytes were last seen.
const TABLE_BITS: u32 = 16;
/// What compression has to win at least, in bytes.
const GAIN_MIN: usize = 4;
/// After so many equal bytes one by one, it is looked whether the end is near.
const UNCHECKED_BYTES: usize = 16;

/// Compresses strings, one after the other.
#[derive(Default)]
pub(super) struct Compressor {
    /// Where three bytes of some hash were last seen: the place, plus `base`. Empty until it is needed.
    table: Vec<u32>,
    /// What is not above it is of an earlier string, so that the table need not be cleared for every one.
    base: u32,
}

impl Compressor {
    /// The compressed form of a string, if it is at least four bytes shorter.
    pub(super) fn compress(&mut self, input: &[u8]) -> Option<Vec<u8>> {
        let out_max = input.len().checked_sub(GAIN_MIN).filter(|&max| max > 0)?;
        let base = self.begin(u32::try_from(input.len()).ok()?);
        let mut out = Output { bytes: Vec::with_capacity(out_max + 2), literals: 0, max: out_max };
        out.begin_run();
        let end = input.len();
        let mut at = 0;
        while at + 2 < end {
            let slot = &mut self.table[hash(input, at)];
            // Like Redis, never finds what is at the very beginning.
            let from = slot.checked_sub(base).filter(|&from| from > 0).map(|from| from as usize);
            *slot = base + at as u32;
            let is_same = |from: usize| at - from - 1 < DISTANCE_MAX && input[from..from + 3] == input[at..at + 3];
            let Some(from) = from.filter(|&from| is_same(from)) else {
                out.literal(input[at])?;
                at += 1;
                continue;
            };
            let len = repeated_len(input, from, at);
            out.repetition(at - from - 1, len)?;
            at += len;
            if at + 2 >= end {
                break;
            }
            for place in [at - 2, at - 1] {
                self.table[hash(input, place)] = base + place as u32;
            }
        }
        if out.bytes.len() + 3 > out_max {
            return None;
        }
        input[at..].iter().for_each(|&byte| out.last_literal(byte));
        Some(out.finish())
    }

    /// Makes the table ready for a string of a length, and returns its base.
    fn begin(&mut self, len: u32) -> u32 {
        let base = self.base;
        match base.checked_add(len) {
            Some(next) if !self.table.is_empty() => {
                self.base = next;
                base
            }
            _ => {
                self.table.clear();
                self.table.resize(1 << TABLE_BITS, 0);
                self.base = len;
                0
            }
        }
    }
}

/// Which slot the three bytes at a place have.
fn hash(input: &[u8], at: usize) -> usize {
    let bytes = [0, input[at], input[at + 1], input[at + 2]];
    let value = u32::from_be_bytes(bytes);
    let index = (value >> (24 - TABLE_BITS)).wrapping_sub(value.wrapping_mul(5));
    (index & ((1 << TABLE_BITS) - 1)) as usize
}

/// How many bytes at `at` are those at `from`, as far as one repetition goes; at least three. Two more are always left for
/// the end, except where the sixteen bytes that are compared without looking reach it.
fn repeated_len(input: &[u8], from: usize, at: usize) -> usize {
    let len_max = (input.len() - at - 2).min(REPEATED_MAX);
    let mut len = 2;
    if len_max > UNCHECKED_BYTES {
        for _ in 0..UNCHECKED_BYTES {
            len += 1;
            if input[from + len] != input[at + len] {
                return len;
            }
        }
    }
    loop {
        len += 1;
        if len >= len_max || input[from + len] != input[at + len] {
            return len;
        }
    }
}

/// Compressed bytes, of which the last run of literals is not closed: its count is written at its end.
struct Output {
    bytes: Vec<u8>,
    literals: usize,
    max: usize,
}

impl Output {
    fn begin_run(&mut self) {
        self.literals = 0;
        self.bytes.push(0);
    }

    fn close_run(&mut self) {
        if self.literals == 0 {
            self.bytes.pop();
        } else {
            let start = self.bytes.len() - self.literals - 1;
            // At most 31.
            self.bytes[start] = (self.literals - 1) as u8;
        }
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        if self.bytes.len() >= self.max {
            return None;
        }
        self.last_literal(byte);
        Some(())
    }

    fn last_literal(&mut self, byte: u8) {
        self.literals += 1;
        self.bytes.push(byte);
        if self.literals == LITERALS_MAX {
            self.close_run();
            self.begin_run();
        }
    }

    fn repetition(&mut self, distance: usize, len: usize) -> Option<()> {
        let closed_len = self.bytes.len() - usize::from(self.literals == 0);
        if closed_len + 4 >= self.max {
            return None;
        }
        self.close_run();
        let [high, low] = u16::try_from(distance).ok()?.to_be_bytes();
        match len - 2 {
            short @ 0..7 => self.bytes.push(high | (short as u8) << 5),
            long => self.bytes.extend_from_slice(&[high | 7 << 5, u8::try_from(long - 7).ok()?]),
        }
        self.bytes.push(low);
        self.begin_run();
        Some(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.close_run();
        self.bytes
    }
}

/// The string of a compressed form, if that is one and the string has a length.
pub(super) fn decompress(mut input: &[u8], len: usize) -> Option<Vec<u8>> {
    // The greatest growth is from three bytes to the longest repetition.
    if len > input.len().saturating_mul(REPEATED_MAX) {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    while let Some((&control, rest)) = input.split_first() {
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, rest) = rest.split_at_checked(control + 1)?;
            out.extend_from_slice(literals);
            input = rest;
        } else {
            let (mut count, mut rest) = (control >> 5, rest);
            if count == 7 {
                let (&more, after) = rest.split_first()?;
                count += usize::from(more);
                rest = after;
            }
            let (&low, after) = rest.split_first()?;
            let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
            let from = out.len().checked_sub(distance)?;
            // One by one, as a repetition may overlap itself.
            for at in from..from + count + 2 {
                out.push(out[at]);
            }
            input = after;
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}
