//! Numbers of which few are drawn often and most seldom, as keys are asked for in practice: Zipf's distribution.
//!
//! Rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
//! distributions", 1996): no table and no sum over all ranks, so that ten million keys cost no more than ten.

use crate::Random;

/// How skewed: the exponent that YCSB made usual. Of a million keys the first hundredth then gets two thirds of the draws.
const EXPONENT: f64 = 0.99;
/// Spreads neighbouring ranks over the whole range. A prime, so that it has no factor in common with a smaller bound.
const SPREAD: u64 = 0xffff_ffff_ffff_ffc5;

/// The distribution of numbers below a bound.
#[derive(Clone, Debug)]
pub struct Zipf {
    bound: u64,
    integral_first: f64,
    integral_last: f64,
    /// Draws this close above a rank are accepted without computing further.
    shortcut: f64,
}

impl Zipf {
    /// Numbers below `bound`, which must not be zero.
    pub fn new(bound: u64) -> Zipf {
        Zipf {
            bound,
            integral_first: integral(1.5) - 1.0,
            integral_last: integral(bound as f64 + 0.5),
            shortcut: 2.0 - integral_inverse(integral(2.5) - density(2.0)),
        }
    }

    /// A number below the bound. The popular ones are not neighbours, but lie anywhere.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let spread = u128::from(self.rank(random) - 1) * u128::from(SPREAD);
        (spread % u128::from(self.bound)) as u64
    }

    /// A rank, from 1 on, of which the first is the most frequent.
    fn rank(&self, random: &mut Random) -> u64 {
        loop {
            // 53 bits are what a double holds.
            let fraction = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            let area = self.integral_last + fraction * (self.integral_first - self.integral_last);
            let point = integral_inverse(area);
            let rank = ((point + 0.5) as u64).clamp(1, self.bound);
            let nearest = rank as f64;
            if nearest - point <= self.shortcut || area >= integral(nearest + 0.5) - density(nearest) {
                return rank;
            }
        }
    }
}

fn density(x: f64) -> f64 {
    (-EXPONENT * x.ln()).exp()
}

/// The antiderivative of the density that is zero at 1.
fn integral(x: f64) -> f64 {
    let log = x.ln();
    let scaled = (1.0 - EXPONENT) * log;
    // expm1(s) / s, which a series replaces near zero.
    let factor = if scaled.abs() > 1e-8 { scaled.exp_m1() / scaled } else { 1.0 + scaled / 2.0 };
    factor * log
}

fn integral_inverse(area: f64) -> f64 {
    let scaled = (area * (1.0 - EXPONENT)).max(-1.0);
    let factor = if scaled.abs() > 1e-8 { scaled.ln_1p() / scaled } else { 1.0 - scaled / 2.0 };
    (factor * area).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// How often each rank of few was drawn.
    fn frequencies(bound: u64, draws: usize) -> Vec<f64> {
        let zipf = Zipf::new(bound);
        let mut random = Random::new(1);
        let mut counts = vec![0_u32; bound as usize];
        for _ in 0..draws {
            counts[zipf.rank(&mut random) as usize - 1] += 1;
        }
        counts.iter().map(|&count| f64::from(count) / draws as f64).collect()
    }

    #[test]
    fn ranks_are_as_frequent_as_the_distribution_says() {
        for bound in [1, 2, 10, 1000] {
            let sum: f64 = (1..=bound).map(|rank| density(rank as f64)).sum();
            let frequencies = frequencies(bound, 200_000);
            for (rank, frequency) in (1..).zip(frequencies).take(20) {
                let expected = density(f64::from(rank)) / sum;
                assert!((frequency - expected).abs() < 0.004, "{rank} of {bound}: {frequency} instead of {expected}");
            }
        }
    }

    #[test]
    fn every_rank_has_a_number_of_its_own() {
        for bound in [1_u64, 6, 1000, 65_536, 99_999] {
            let spread = |rank: u64| (u128::from(rank) * u128::from(SPREAD) % u128::from(bound)) as u64;
            let numbers: BTreeSet<u64> = (0..bound).map(spread).collect();
            assert_eq!(numbers.len() as u64, bound);
        }
    }

    #[test]
    fn numbers_stay_below_the_bound_however_large() {
        let mut random = Random::new(3);
        for bound in [1, 3, 10_000_000, u64::MAX] {
            let zipf = Zipf::new(bound);
            assert!((0..1000).all(|_| zipf.draw(&mut random) < bound));
        }
    }
}
