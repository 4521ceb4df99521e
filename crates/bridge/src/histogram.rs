//! A histogram that every thread may add to without waiting for another, and that is read while it is added to.
//!
//! Buckets are log-linear: every power of two is cut into [`PARTS`] equal parts, so that a bucket is at most an eighth as
//! wide as its lower end, whatever the size of the values. Powers of two are bucket ends, which lets a snapshot be
//! told in coarser buckets without an error. A bucket holds what is above its lower end, up to and including its upper
//! end: the convention of Prometheus.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Parts of a power of two, as a power of two.
const PART_BITS: u32 = 3;
/// Parts that a power of two is cut into.
const PARTS: usize = 1 << PART_BITS;
/// Values above two to this power (18 minutes, counted in ns) are counted in the last bucket.
const VALUE_BITS_MAX: u32 = 40;
/// Buckets of a histogram.
const BUCKETS: usize = PARTS * (VALUE_BITS_MAX - PART_BITS + 1) as usize;
/// Copies of the counters that threads are spread over, so that they seldom write to the same cache line.
const SHARDS: usize = 4;

/// Values that were recorded, by size: nanoseconds, bytes or a number of things.
#[derive(Debug)]
pub struct Histogram {
    shards: Box<[Shard]>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Shard {
    sum: AtomicU64,
    max: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        let shard = |_| Shard {
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        Histogram { shards: (0..SHARDS).map(shard).collect() }
    }
}

impl Histogram {
    /// Adds a value. Costs two uncontended atomic additions; allocates nothing and reads no clock.
    pub fn record(&self, value: u64) {
        let shard = &self.shards[own_shard()];
        shard.buckets[bucket_of(value)].fetch_add(1, Ordering::Relaxed);
        shard.sum.fetch_add(value, Ordering::Relaxed);
        if value > shard.max.load(Ordering::Relaxed) {
            shard.max.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// What was recorded so far. Values that are added meanwhile are in it or not.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut counts = vec![0; BUCKETS];
        let (mut sum, mut max) = (0u64, 0);
        for shard in &self.shards {
            for (count, bucket) in counts.iter_mut().zip(&shard.buckets) {
                *count += bucket.load(Ordering::Relaxed);
            }
            sum = sum.wrapping_add(shard.sum.load(Ordering::Relaxed));
            max = max.max(shard.max.load(Ordering::Relaxed));
        }
        HistogramSnapshot { count: counts.iter().sum(), counts, sum, max }
    }

    /// Forgets everything (`CONFIG RESETSTAT`).
    pub fn reset(&self) {
        for shard in &self.shards {
            shard
                .buckets
                .iter()
                .chain([&shard.sum, &shard.max])
                .for_each(|counter| counter.store(0, Ordering::Relaxed));
        }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default)]
pub struct HistogramSnapshot {
    counts: Vec<u64>,
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The greatest of them, exactly.
    pub max: u64,
}

impl HistogramSnapshot {
    /// The value that a share of all values (0 to 1) does not exceed: the upper end of its bucket, but never more than
    /// the greatest value. At most an eighth above the exact one; zero if there are no values.
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (self.count as f64 * share).ceil().clamp(1.0, self.count.max(1) as f64) as u64;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank {
                return upper_end(bucket).min(self.max);
            }
        }
        self.max
    }

    /// Values up to and including two to a power, exactly. From the last bucket on: all of them.
    pub fn count_up_to_power(&self, power: u32) -> u64 {
        match power {
            VALUE_BITS_MAX.. => self.count,
            _ => self.counts.iter().take(bucket_of(1 << power) + 1).sum(),
        }
    }

    /// The mean; zero if there are no values.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }
}

fn bucket_of(value: u64) -> usize {
    // Buckets include their upper end, so that they are cut below it.
    let value = value.saturating_sub(1);
    if value < PARTS as u64 {
        return value as usize;
    }
    let power = value.ilog2();
    let part = (value >> (power - PART_BITS)) as usize % PARTS;
    (PARTS * (power - PART_BITS + 1) as usize + part).min(BUCKETS - 1)
}

/// The greatest value of a bucket.
fn upper_end(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64 + 1;
    }
    let (octave, part) = (bucket / PARTS - 1, bucket % PARTS);
    ((PARTS + part + 1) as u64) << octave
}

/// The copy of the counters that the calling thread adds to.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    OWN.try_with(|own| *own).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram_of(values: &[u64]) -> HistogramSnapshot {
        let histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram.snapshot()
    }

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        for bucket in 0..BUCKETS - 1 {
            let end = upper_end(bucket);
            assert_eq!((bucket_of(end), bucket_of(end + 1)), (bucket, bucket + 1), "bucket {bucket} ends at {end}");
        }
        assert_eq!((bucket_of(0), bucket_of(1)), (0, 0));
        assert_eq!(upper_end(BUCKETS - 1), 1 << VALUE_BITS_MAX);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_recorded_is_zero_everywhere() {
        let empty = histogram_of(&[]);
        assert_eq!((empty.count, empty.sum, empty.max, empty.quantile(0.99)), (0, 0, 0, 0));
        assert_eq!(HistogramSnapshot::default().quantile(0.5), 0);
        assert_eq!(empty.count_up_to_power(63), 0);
    }

    #[test]
    fn a_reset_histogram_is_like_a_new_one() {
        let histogram = Histogram::default();
        histogram.record(7);
        histogram.reset();
        assert_eq!((histogram.snapshot().count, histogram.snapshot().max), (0, 0));
    }

    #[test]
    fn no_value_is_lost_between_threads() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let histogram = &histogram;
                scope.spawn(move || (0..10_000).for_each(|n| histogram.record(n * thread)));
            }
        });
        let all = histogram.snapshot();
        assert_eq!((all.count, all.max), (80_000, 7 * 9999));
        assert_eq!(all.sum, 28 * 9999 * 10_000 / 2);
    }

    proptest! {
        #[test]
        fn quantiles_are_at_most_an_eighth_above_the_exact_ones(
            mut values in prop::collection::vec(prop_oneof![0..100u64, 0..1_000_000u64, 0..(1u64 << 39)], 1..300),
            share in 0.0..=1.0f64,
        ) {
            let snapshot = histogram_of(&values);
            values.sort_unstable();
            let rank = (values.len() as f64 * share).ceil().max(1.0) as usize;
            let (exact, told) = (values[rank - 1], snapshot.quantile(share));
            prop_assert!(exact <= told, "{told} is below {exact}");
            prop_assert!(told <= exact.max(1) + exact / PARTS as u64, "{told} is too far above {exact}");
        }

        #[test]
        fn counts_at_powers_of_two_are_exact(
            values in prop::collection::vec(prop_oneof![0..100u64, 0..(1u64 << 39)], 0..300),
            power in 0..64u32,
        ) {
            let exact = values.iter().filter(|&&value| value <= 1 << power).count() as u64;
            prop_assert_eq!(histogram_of(&values).count_up_to_power(power), exact);
        }
    }
}
