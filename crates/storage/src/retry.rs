//! When something is tried again: exponential back-off with jitter, within a deadline.
//!
//! Requests are retried only if they were certainly not applied: RocksDB was busy, asked to try again, or would have
//! had to wait. Everything else is answered. Workers that died are replaced by the same rule, without a deadline.

use std::time::{Duration, Instant};

/// A rule of growing pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The first pause, at most.
    pub(crate) min: Duration,
    /// Every pause, at most.
    pub(crate) max: Duration,
}

/// For requests: the first tries come as fast as RocksDB may recover, the later ones leave it in peace.
pub(crate) const OF_REQUESTS: Backoff = Backoff { min: Duration::from_millis(2), max: Duration::from_millis(200) };
/// For workers: one that dies again and again must not use the machine up.
pub(crate) const OF_WORKERS: Backoff = Backoff { min: Duration::from_millis(10), max: Duration::from_secs(5) };

impl Backoff {
    /// The pause after a number of failed attempts, at least one. Doubles with each; its second half is random, so that
    /// those who failed together do not come back together.
    pub(crate) fn pause(&self, attempts: u32, random: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        let ceiling = self.min.saturating_mul(1 << doublings).min(self.max);
        let half = ceiling / 2;
        let jitter_ns = (u128::from(random) * half.as_nanos()) >> 64;
        half + Duration::from_nanos(u64::try_from(jitter_ns).unwrap_or(u64::MAX))
    }

    /// When to try again; None: not before the deadline.
    pub(crate) fn next_try(&self, now: Instant, deadline: Instant, attempts: u32, random: u64) -> Option<Instant> {
        let at = now + self.pause(attempts, random);
        (at < deadline).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_half_random() {
        let rule = Backoff { min: Duration::from_millis(2), max: Duration::from_millis(10) };
        let range = |attempts| {
            let (least, most) = (rule.pause(attempts, 0), rule.pause(attempts, u64::MAX));
            (least.as_micros(), most.as_micros())
        };
        assert_eq!(range(1), (1000, 1999));
        assert_eq!(range(2), (2000, 3999));
        assert_eq!(range(3), (4000, 7999));
        assert_eq!(range(4), (5000, 9999));
        assert_eq!(range(u32::MAX), (5000, 9999));
    }

    #[test]
    fn nothing_is_tried_after_its_deadline() {
        let now = Instant::now();
        let deadline = now + Duration::from_millis(50);
        let at = OF_REQUESTS.next_try(now, deadline, 1, 0).expect("there is time");
        assert!(at > now && at < deadline);
        assert_eq!(OF_REQUESTS.next_try(now, deadline, 20, 0), None);
        assert_eq!(OF_REQUESTS.next_try(now, now, 1, 0), None);
    }
}
