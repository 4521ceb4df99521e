//! Busy polling: who is about to sleep looks for a moment whether what it waits for comes.
//!
//! To be woken costs more than most commands do: with one client, a write spends half of its time on two wake-ups. So a worker that has just served
//! some requests, and a network thread that has some under way, look again and again for `busy-poll-usec` before they sleep; in between
//! they give the processor to whoever else wants it. With many requests at a time nobody polls: then a wake-up serves as many.
//!
//! Whether it is worth it is learned, as in KVM's halt polling: after a few vain attempts it is tried only now and then.

use std::thread;
use std::time::{Duration, Instant};

/// Requests at a time up to which it is done.
pub const POLLED_REQUESTS_MAX: usize = 64;
/// Successes that are remembered, and what an attempt in vain counts of them.
const CREDIT_MAX: u8 = 16;
const COST_OF_FAILURE: u8 = 4;
/// Without credit, one opportunity in so many is taken.
const TRIED_EVERY: u8 = 64;

/// What one thread has learned.
#[derive(Debug)]
pub struct BusyPoll {
    credit: u8,
    left_out: u8,
}

impl Default for BusyPoll {
    fn default() -> Self {
        BusyPoll { credit: CREDIT_MAX / 2, left_out: 0 }
    }
}

impl BusyPoll {
    /// Polls until `is_there` says so (true) or the time has passed (false; at once, where it was in vain before).
    pub fn poll(&mut self, time: Duration, is_there: impl Fn() -> bool) -> bool {
        if time.is_zero() || !self.is_worthwhile() {
            return false;
        }
        let started = Instant::now();
        let came = loop {
            if is_there() {
                break true;
            }
            if started.elapsed() >= time {
                break false;
            }
            thread::yield_now();
        };
        self.learn(came);
        came
    }

    /// True if it should be tried.
    pub(crate) fn is_worthwhile(&mut self) -> bool {
        if self.credit > 0 {
            return true;
        }
        self.left_out = (self.left_out + 1) % TRIED_EVERY;
        self.left_out == 0
    }

    /// Takes note of whether it was in vain.
    pub(crate) fn learn(&mut self, came: bool) {
        self.credit =
            if came { (self.credit + 1).min(CREDIT_MAX) } else { self.credit.saturating_sub(COST_OF_FAILURE) };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const MOMENT: Duration = Duration::from_nanos(1);

    #[test]
    fn it_ends_when_what_is_waited_for_comes_or_the_time_has_passed() {
        let looks = Cell::new(0);
        let third_time = || {
            looks.set(looks.get() + 1);
            looks.get() == 3
        };
        assert!(BusyPoll::default().poll(LONG, third_time));
        assert!(!BusyPoll::default().poll(MOMENT, || false));
        assert!(!BusyPoll::default().poll(Duration::ZERO, || panic!("it is off")));
    }

    #[test]
    fn after_failures_it_is_tried_now_and_then_until_it_succeeds_again() {
        let mut poll = BusyPoll::default();
        while poll.credit > 0 {
            assert!(!poll.poll(MOMENT, || false));
        }
        let tries = Cell::new(0);
        let vain = || {
            tries.set(tries.get() + 1);
            false
        };
        let came = (0..u32::from(TRIED_EVERY) * 3).filter(|_| poll.poll(MOMENT, vain)).count();
        assert_eq!(came, 0);
        assert!((3..10).contains(&tries.get()), "{} tries", tries.get());
        let came = (0..TRIED_EVERY).filter(|_| poll.poll(LONG, || true)).count();
        assert_eq!(came, 1);
        assert!(poll.poll(LONG, || true), "it is worth it again");
    }
}
