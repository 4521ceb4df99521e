//! From elements to registers, and from registers to a cardinality.
//!
//! The hash is MurmurHash2 of 64 bits, the estimate Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog
//! sketches", arXiv:1702.01284): both are Redis's, and so are the numbers that come out.

use super::layout::REGISTERS;

/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = REGISTERS.trailing_zeros();
/// Bits of a hash of which the trailing zeros are counted.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;
const HASH_SEED: u64 = 0xadc8_3b19;
/// 1 / (2 ln 2).
const ALPHA_INFINITE: f64 = 0.721_347_520_444_481_7;

/// How many registers have each value.
pub type Histogram = [u32; 64];

/// The register of an element, and the value that it raises that to.
pub fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let rank = (hash >> INDEX_BITS) | 1 << RANK_BITS;
    ((hash as usize) & (REGISTERS - 1), rank.trailing_zeros() as u8 + 1)
}

fn murmur(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = HASH_SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |last, &byte| last << 8 | u64::from(byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash ^= hash >> R;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> R)
}

/// The cardinality that registers tell of.
pub fn cardinality(histogram: &Histogram) -> u64 {
    let m = REGISTERS as f64;
    let mut z = m * tau((m - f64::from(histogram[RANK_BITS + 1])) / m);
    for &count in histogram[1..=RANK_BITS].iter().rev() {
        z = (z + f64::from(count)) * 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    let estimate = (ALPHA_INFINITE * m * m / z).round();
    // Registers that no element can raise so high give no number; then Redis has what its processor makes of that.
    if estimate < i64::MAX as f64 { estimate as u64 } else { i64::MIN as u64 }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_that_nothing_has_raised_tell_of_nothing() {
        let mut histogram = [0; 64];
        histogram[0] = REGISTERS as u32;
        assert_eq!(cardinality(&histogram), 0);
    }

    #[test]
    fn registers_that_make_no_sense_end_in_a_number_too() {
        for value in [1, 50, 51, 52, 63] {
            let mut histogram = [0; 64];
            histogram[value] = REGISTERS as u32;
            cardinality(&histogram);
        }
    }

    #[test]
    fn the_estimate_is_within_a_few_standard_errors() {
        let mut values = vec![0u8; REGISTERS];
        let mut next_check = 1u64;
        for n in 1..=1_000_000u64 {
            let (index, value) = register_of(&n.to_le_bytes());
            values[index] = values[index].max(value);
            if n == next_check {
                let mut histogram = [0; 64];
                values.iter().for_each(|&value| histogram[usize::from(value)] += 1);
                let error = cardinality(&histogram).abs_diff(n) as f64;
                assert!(error <= 6.0 * 1.04 / 128.0 * n as f64 + 1.0, "{n}: {error}");
                next_check *= 10;
            }
        }
    }
}
