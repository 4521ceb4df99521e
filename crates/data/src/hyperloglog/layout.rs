//! The bytes of a HyperLogLog: Redis's own, so that its strings can be carried from one server to the other. Pure functions.
//!
//! | part      | bytes | what                                                                                    |
//! |-----------|-------|-----------------------------------------------------------------------------------------|
//! | magic     | 4     | `HYLL`                                                                                  |
//! | encoding  | 1     | 0 dense, 1 sparse                                                                       |
//! | unused    | 3     | zeros                                                                                   |
//! | count     | 8     | the cardinality as last computed, little-endian; its highest bit: no longer known       |
//! | registers | rest  | dense: 6 bits each, from the lowest bit of the first byte on; sparse: runs of registers |
//!
//! | run   | bytes               | what                                                       |
//! |-------|---------------------|------------------------------------------------------------|
//! | zero  | `00xxxxxx`          | x + 1 registers that are zero (1 to 64)                    |
//! | xzero | `01xxxxxx yyyyyyyy` | 256 x + y + 1 registers that are zero (1 to 16384)         |
//! | value | `1vvvvvxx`          | x + 1 registers (1 to 4) with the value v + 1 (1 to 32)    |
//!
//! These bytes are what clients see with `GET`: nothing of it can be changed.

/// How many registers there are.
pub const REGISTERS: usize = 1 << 14;
/// Bytes before the registers.
pub const HEADER_LEN: usize = 16;
/// Bytes of a dense HyperLogLog.
pub const DENSE_LEN: usize = HEADER_LEN + REGISTERS * REGISTER_BITS / 8;
/// The greatest value that a run of the sparse encoding can have.
pub const RUN_VALUE_MAX: u8 = 32;

const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
/// In the last byte of the count.
const STALE: u8 = 0x80;
const REGISTER_BITS: usize = 6;
const REGISTER_MASK: u16 = 0x3f;

const VALUE_BIT: u8 = 0x80;
const XZERO_BIT: u8 = 0x40;
const VALUE_LEN_MAX: usize = 4;
const ZERO_LEN_MAX: usize = 64;

/// How the registers are written. The numbers are in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    /// Each by itself.
    Dense = 0,
    /// In runs of equal ones.
    Sparse = 1,
}

/// The encoding in a header, if these bytes look like a HyperLogLog at all. The runs of a sparse one are not looked at.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    let header = bytes.first_chunk::<HEADER_LEN>().filter(|header| header.starts_with(MAGIC))?;
    match header[ENCODING_AT] {
        0 if bytes.len() == DENSE_LEN => Some(Encoding::Dense),
        1 => Some(Encoding::Sparse),
        _ => None,
    }
}

/// A HyperLogLog that has seen nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = Encoding::Sparse as u8;
    push_zeros(&mut bytes, REGISTERS, true);
    bytes
}

/// The cardinality in a header, if it is still known.
pub fn cached_count(bytes: &[u8]) -> Option<u64> {
    let count = bytes.get(COUNT_AT..HEADER_LEN)?;
    let count = u64::from_le_bytes(count.try_into().ok()?);
    (count >> 56 < u64::from(STALE)).then_some(count)
}

/// Writes a cardinality into a header.
pub fn cache_count(bytes: &mut [u8], count: u64) {
    if let Some(cached) = bytes.get_mut(COUNT_AT..HEADER_LEN) {
        cached.copy_from_slice(&count.to_le_bytes());
    }
}

/// Marks the cardinality in a header as no longer known.
pub fn forget_count(bytes: &mut [u8]) {
    if let Some(last) = bytes.get_mut(HEADER_LEN - 1) {
        *last |= STALE;
    }
}

/// A register of a dense HyperLogLog; `registers` is what follows its header.
pub fn dense_register(registers: &[u8], index: usize) -> u8 {
    let (byte, shift) = (index * REGISTER_BITS / 8, index * REGISTER_BITS % 8);
    let at = |byte: usize| u16::from(registers.get(byte).copied().unwrap_or(0));
    (((at(byte) | at(byte + 1) << 8) >> shift) & REGISTER_MASK) as u8
}

/// Sets a register of a dense HyperLogLog; `registers` is what follows its header.
pub fn set_dense_register(registers: &mut [u8], index: usize, value: u8) {
    let (byte, shift) = (index * REGISTER_BITS / 8, index * REGISTER_BITS % 8);
    let (mask, value) = (REGISTER_MASK << shift, (u16::from(value) & REGISTER_MASK) << shift);
    for (at, (mask, value)) in (byte..).zip(mask.to_le_bytes().into_iter().zip(value.to_le_bytes())) {
        // The last register ends with the last byte.
        if let Some(found) = registers.get_mut(at) {
            *found = *found & !mask | value;
        }
    }
}

/// A run of equal registers in the sparse encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The value of its registers.
    pub value: u8,
    /// How many registers.
    pub len: usize,
    /// Its bytes.
    pub size: usize,
}

/// The first run of some bytes. None at their end, and where a run lacks its second byte.
pub fn first_run(bytes: &[u8]) -> Option<Run> {
    let (&first, rest) = bytes.split_first()?;
    let low = usize::from(first & 0x3f);
    Some(if first & VALUE_BIT != 0 {
        Run { value: (first >> 2 & 0x1f) + 1, len: usize::from(first & 0x3) + 1, size: 1 }
    } else if first & XZERO_BIT != 0 {
        Run { value: 0, len: (low << 8 | usize::from(*rest.first()?)) + 1, size: 2 }
    } else {
        Run { value: 0, len: low + 1, size: 1 }
    })
}

/// Visits the runs of a sparse HyperLogLog with the index of each one's first register; `runs` is what follows its header.
/// False if they are not [`REGISTERS`] registers.
pub fn for_each_run(runs: &[u8], mut visit: impl FnMut(usize, Run)) -> bool {
    let (mut rest, mut index) = (runs, 0);
    while let Some(run) = first_run(rest) {
        if index + run.len > REGISTERS {
            return false;
        }
        visit(index, run);
        index += run.len;
        rest = &rest[run.size..];
    }
    rest.is_empty() && index == REGISTERS
}

/// The same registers in the dense encoding, with the same header. None if they make no sense.
pub fn to_dense(sparse: &[u8]) -> Option<Vec<u8>> {
    let (header, runs) = sparse.split_at_checked(HEADER_LEN)?;
    let mut dense = vec![0; DENSE_LEN];
    let (dense_header, registers) = dense.split_at_mut(HEADER_LEN);
    dense_header.copy_from_slice(header);
    dense_header[ENCODING_AT] = Encoding::Dense as u8;
    let is_whole = for_each_run(runs, |index, run| {
        if run.value > 0 {
            (index..index + run.len).for_each(|index| set_dense_register(registers, index, run.value));
        }
    });
    is_whole.then_some(dense)
}

/// What raising one register makes of a sparse HyperLogLog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// Nothing: it is that high already.
    No,
    /// It is raised.
    Yes,
    /// It would be longer than is allowed; nothing is changed.
    TooLong,
    /// The runs end before the register.
    Corrupt,
}

/// Raises a register of a sparse HyperLogLog to a value of at most [`RUN_VALUE_MAX`], unless that makes it longer than
/// `len_max` bytes.
pub fn raise(bytes: &mut Vec<u8>, index: usize, value: u8, len_max: u64) -> Raised {
    let Some(found) = find_run(bytes, index) else { return Raised::Corrupt };
    let Found { before, at, first, run } = found;
    if run.value >= value {
        return Raised::No;
    }
    // The run in up to three: what is before the register, the register, what is behind it.
    let mut split = Vec::with_capacity(5);
    let (left, right) = (index - first, first + run.len - 1 - index);
    push_run(&mut split, run.value, left);
    push_run(&mut split, value, 1);
    push_run(&mut split, run.value, right);
    if split.len() > run.size && (bytes.len() + split.len() - run.size) as u64 > len_max {
        return Raised::TooLong;
    }
    bytes.splice(at..at + run.size, split);
    join_values(bytes, before);
    Raised::Yes
}

/// Where a register is.
struct Found {
    /// Where the run before its own begins, or its own if that is the first.
    before: usize,
    at: usize,
    /// The index of the first register of the run.
    first: usize,
    run: Run,
}

fn find_run(bytes: &[u8], index: usize) -> Option<Found> {
    let (mut before, mut at, mut first) = (HEADER_LEN, HEADER_LEN, 0);
    loop {
        let run = first_run(bytes.get(at..)?)?;
        if index < first + run.len {
            return Some(Found { before, at, first, run });
        }
        before = at;
        at += run.size;
        first += run.len;
    }
}

/// Joins equal neighbours among the first runs from a place on, as far as one run can hold them.
fn join_values(bytes: &mut Vec<u8>, from: usize) {
    /// Runs that are looked at: one before the change, up to three of it, one behind it.
    const RUNS: usize = 5;
    let mut at = from;
    for _ in 0..RUNS {
        let Some(run) = bytes.get(at..).and_then(first_run) else { return };
        let next = bytes.get(at + run.size..).and_then(first_run);
        match next {
            Some(next) if run.value > 0 && next.value == run.value && run.len + next.len <= VALUE_LEN_MAX => {
                bytes[at + 1] = value_run(run.value, run.len + next.len);
                bytes.remove(at);
            }
            _ => at += run.size,
        }
    }
}

/// Appends a run of up to so many registers; none for none.
fn push_run(bytes: &mut Vec<u8>, value: u8, len: usize) {
    match (value, len) {
        (_, 0) => {}
        (0, len) => push_zeros(bytes, len, len > ZERO_LEN_MAX),
        (value, len) => bytes.push(value_run(value, len)),
    }
}

fn push_zeros(bytes: &mut Vec<u8>, len: usize, is_long: bool) {
    let less_one = len - 1;
    if is_long {
        bytes.push(XZERO_BIT | (less_one >> 8) as u8);
    }
    bytes.push((less_one & 0xff) as u8);
}

fn value_run(value: u8, len: usize) -> u8 {
    VALUE_BIT | (value - 1) << 2 | (len - 1) as u8
}

/// The runs of a sparse HyperLogLog in words, as `PFDEBUG DECODE` has them.
pub fn describe(sparse: &[u8]) -> String {
    let mut words = Vec::new();
    let mut rest = sparse.get(HEADER_LEN..).unwrap_or(&[]);
    while let Some(run) = first_run(rest) {
        words.push(match (run.value, run.size) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (value, _) => format!("v:{value},{}", run.len),
        });
        rest = &rest[run.size..];
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registers(bytes: &[u8]) -> Vec<u8> {
        let dense = match encoding(bytes) {
            Some(Encoding::Sparse) => to_dense(bytes).expect("whole runs"),
            _ => bytes.to_vec(),
        };
        (0..REGISTERS).map(|index| dense_register(&dense[HEADER_LEN..], index)).collect()
    }

    #[test]
    fn golden_layouts() {
        assert_eq!(empty(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
        let mut bytes = empty();
        assert_eq!(raise(&mut bytes, 100, 3, 3000), Raised::Yes);
        assert_eq!(raise(&mut bytes, 101, 3, 3000), Raised::Yes);
        assert_eq!(&bytes[HEADER_LEN..], b"\x40\x63\x89\x7f\x99");
        assert_eq!(describe(&bytes), "Z:100 v:3,2 Z:16282");
        assert_eq!(raise(&mut bytes, 20, 32, 3000), Raised::Yes);
        assert_eq!(describe(&bytes), "z:20 v:32,1 Z:79 v:3,2 Z:16282");
        let mut dense = [0; 3];
        (0..4).for_each(|index| set_dense_register(&mut dense, index, 1 + index as u8));
        // 6 bits each, from the lowest bit on: 1, 2, 3, 4.
        assert_eq!(dense, [0x81, 0x30, 0x10]);
    }

    #[test]
    fn the_count_is_known_until_it_is_forgotten() {
        let mut bytes = empty();
        assert_eq!(cached_count(&bytes), Some(0));
        cache_count(&mut bytes, 0x0102);
        assert_eq!(&bytes[8..16], b"\x02\x01\0\0\0\0\0\0");
        assert_eq!(cached_count(&bytes), Some(0x0102));
        forget_count(&mut bytes);
        assert_eq!(cached_count(&bytes), None);
    }

    #[test]
    fn what_is_no_hyperloglog_is_told() {
        let mut dense = to_dense(&empty()).expect("a dense one");
        assert_eq!(encoding(&dense), Some(Encoding::Dense));
        dense.push(0);
        assert_eq!(encoding(&dense), None);
        for bytes in [&b""[..], b"HYLL\x01\0\0\0", b"HYLX\x01\0\0\0\0\0\0\0\0\0\0\0", b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0"]
        {
            assert_eq!(encoding(bytes), None);
        }
        let mut short = empty();
        short[HEADER_LEN] = 0x7e;
        assert_eq!(to_dense(&short), None);
        let mut long = empty();
        long.push(0);
        assert_eq!(to_dense(&long), None);
        assert_eq!(raise(&mut empty()[..HEADER_LEN].to_vec(), 0, 1, 3000), Raised::Corrupt);
    }

    #[test]
    fn no_more_bytes_are_taken_than_are_allowed() {
        let mut bytes = empty();
        let before = bytes.clone();
        assert_eq!(raise(&mut bytes, 100, 3, 20), Raised::TooLong);
        assert_eq!(bytes, before);
        assert_eq!(raise(&mut bytes, 100, 3, 21), Raised::Yes);
    }

    proptest! {
        #[test]
        fn both_encodings_hold_the_same_registers(
            raises in prop::collection::vec((0..REGISTERS, 1..=RUN_VALUE_MAX), 0..200),
            near in prop::collection::vec((0..40usize, 1..4u8), 0..200),
        ) {
            let mut bytes = empty();
            let mut model = vec![0; REGISTERS];
            for (index, value) in raises.into_iter().chain(near) {
                let expected = if value > model[index] { Raised::Yes } else { Raised::No };
                prop_assert_eq!(raise(&mut bytes, index, value, u64::MAX), expected);
                model[index] = model[index].max(value);
            }
            prop_assert_eq!(registers(&bytes), model);
        }

        #[test]
        fn any_bytes_are_read_and_changed_without_a_panic(
            runs in prop::collection::vec(any::<u8>(), 0..60),
            index in 0..REGISTERS,
            value in 1..=RUN_VALUE_MAX,
        ) {
            let mut bytes = [&empty()[..HEADER_LEN], &runs].concat();
            to_dense(&bytes);
            describe(&bytes);
            raise(&mut bytes, index, value, 3000);
        }
    }
}
