//! The write gate: whether a request that may write is begun now.
//!
//! While RocksDB takes no writes, such a request is put off before it is begun: it holds no latch, so that reads go on,
//! also of its keys; its client waits for it, as a connection has one request in flight; and at its deadline it is
//! refused, unexecuted. It waits in the channel, within the channel's limits.
//!
//! While RocksDB slows writes down, it does so in jumps: a commit that comes too early waits for all that those before it
//! have written too fast. Here each request gets a time of its own instead (virtual scheduling, as in ITU-T I.371), such
//! that all together come at the rate that RocksDB asks for, and a commit finds nothing to wait for. Where RocksDB asked for
//! too much, so that writes are stopped again and again, they come at the rate that it has borne from stop to stop, which
//! then grows until it is stopped again or is of no effect. See docs/decisions/003-writes-under-a-stall.md.
//!
//! The gate is a courtesy to clients; what keeps a worker from waiting is that commits never do (`no_slowdown`): one that
//! comes at a bad moment fails as busy, certainly not applied, and is tried again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commands::{Call, Slice};
use engine::{Stall, StallSample};
use parking_lot::Mutex;

use crate::batch_processor::Request;

/// The rate until RocksDB has told its own, in bytes a second: what it begins with itself.
const FIRST_BYTES_PER_SECOND: u64 = 16 << 20;
/// The least rate: what RocksDB goes down to itself.
const BYTES_PER_SECOND_MIN: f64 = 16.0 * 1024.0;
/// Part of the rate at which requests are begun: what they add to the log is only estimated.
const PACE: f64 = 0.9;
/// What a write adds to its request's bytes in the log: headers, counters, the index of expiries.
const WRITE_OVERHEAD_BYTES: u64 = 64;
/// A request whose time is so near is begun at once: timers are no finer.
const NEAR: Duration = Duration::from_millis(1);
/// How long a request is put off at a time while writes are stopped. It is called back as soon as the stall ends; this is
/// for the case that nobody calls.
const HOLD: Duration = Duration::from_millis(500);
/// Stops that are further apart say nothing about what RocksDB bears.
const CYCLE_MAX: Duration = Duration::from_secs(10);
/// By how much the rate that was borne grows in a second.
const GROWTH_PER_SECOND: f64 = 1.15;
/// Once it has grown so many times it is no limit any more.
const GROWTH_MAX: f64 = 4.0;

/// See the module's text. Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct WriteGate {
    pace: Mutex<Pace>,
    is_paced: AtomicBool,
    held: AtomicU64,
}

/// At which rate requests are begun.
#[derive(Debug, Default)]
struct Pace {
    /// What RocksDB asks for while it slows writes down, in bytes a second.
    asked: Option<u64>,
    borne: Option<Borne>,
    /// When the last stop ended, and the bytes in the log by then.
    stop_ended: Option<(Instant, u64)>,
    /// When the next request may be begun.
    next: Option<Instant>,
}

/// What RocksDB has borne from one stop to the next, in bytes a second.
#[derive(Debug)]
struct Borne {
    measured: f64,
    /// The same, as it has grown since.
    rate: f64,
    grown_at: Instant,
}

impl Pace {
    fn bytes_per_second(&self) -> Option<f64> {
        let asked = self.asked.map(|rate| rate as f64 * PACE);
        let borne = self.borne.as_ref().map(|borne| borne.rate);
        let rate = match (asked, borne) {
            (Some(asked), Some(borne)) => asked.min(borne),
            (asked, borne) => asked.or(borne)?,
        };
        Some(rate.max(BYTES_PER_SECOND_MIN))
    }

    /// The time at which a request of a size is begun; None: it would be too late.
    fn schedule(&mut self, bytes: u64, now: Instant, deadline: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second().unwrap_or(FIRST_BYTES_PER_SECOND as f64);
        let at = self.next.unwrap_or(now).max(now);
        if at >= deadline {
            return None;
        }
        self.next = Some(at + Duration::from_secs_f64(bytes as f64 / rate));
        Some(at)
    }

    fn stop_ended(&mut self, now: Instant, log_bytes: u64) {
        if let Some((before, bytes_before)) = self.stop_ended.replace((now, log_bytes)) {
            let took = now - before;
            if took <= CYCLE_MAX && !took.is_zero() {
                let measured = log_bytes.saturating_sub(bytes_before) as f64 / took.as_secs_f64();
                self.borne = Some(Borne { measured, rate: measured * PACE, grown_at: now });
            }
        }
        self.next = None;
    }

    fn grow(&mut self, now: Instant) {
        let Some(borne) = &mut self.borne else { return };
        let elapsed = now.saturating_duration_since(std::mem::replace(&mut borne.grown_at, now));
        // While RocksDB slows writes down, faster is not the way.
        if self.asked.is_none() {
            borne.rate *= GROWTH_PER_SECOND.powf(elapsed.as_secs_f64());
        }
        if borne.rate > borne.measured * GROWTH_MAX {
            self.borne = None;
        }
    }
}

impl WriteGate {
    /// Takes over what RocksDB says of its stall.
    pub(crate) fn note(&self, sample: StallSample) {
        let mut pace = self.pace.lock();
        match sample.stall {
            Stall::Normal => pace.asked = None,
            Stall::Delayed => pace.asked = Some(sample.bytes_per_second),
            Stall::Stopped => {}
        }
        self.publish(&mut pace);
    }

    /// Writes are no longer stopped; so many bytes were written to the log by now.
    pub(crate) fn note_stop_ended(&self, now: Instant, log_bytes: u64) {
        let mut pace = self.pace.lock();
        pace.stop_ended(now, log_bytes);
        self.publish(&mut pace);
    }

    /// Lets the rate grow, if there is one. To be called now and then.
    pub(crate) fn grow(&self, now: Instant) {
        if self.is_paced() {
            let mut pace = self.pace.lock();
            pace.grow(now);
            self.publish(&mut pace);
        }
    }

    fn publish(&self, pace: &mut Pace) {
        let is_paced = pace.bytes_per_second().is_some();
        if !is_paced {
            pace.next = None;
        }
        self.is_paced.store(is_paced, Ordering::Release);
    }

    /// True if writes are to come at a rate.
    pub(crate) fn is_paced(&self) -> bool {
        self.is_paced.load(Ordering::Acquire)
    }

    /// Until when a request is put off; None: it is begun now.
    pub(crate) fn hold(&self, stall: Stall, request: &mut Request, now: Instant) -> Option<Instant> {
        // What has begun and is late runs, and is answered by its commit.
        if stall == Stall::Normal && !self.is_paced() || request.deadline <= now || !writes(&request.payload) {
            return None;
        }
        let until = if stall == Stall::Stopped {
            request.payload.admitted = false;
            Some(now + HOLD)
        } else if request.payload.admitted {
            None
        } else {
            let at = self.pace.lock().schedule(cost_bytes(request), now, request.deadline);
            request.payload.admitted = at.is_some();
            at.map_or(Some(request.deadline), |at| (at > now + NEAR).then_some(at))
        };
        if until.is_some() {
            self.held.fetch_add(1, Ordering::Relaxed);
            request.stalled = true;
        }
        until.map(|at| at.min(request.deadline))
    }

    /// Times that a request was put off.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}

/// True if a request may still write.
fn writes(slice: &Slice) -> bool {
    let left = slice.calls.get(slice.next..).unwrap_or_default();
    left.iter().any(|call| matches!(call, Call::Run { command, .. } if command.is_write()))
}

/// What a request will add to the log, roughly.
fn cost_bytes(request: &Request) -> u64 {
    let slice = &request.payload;
    let writes = slice.calls.iter().filter(|call| matches!(call, Call::Run { command, .. } if command.is_write()));
    request.size_bytes as u64 + writes.count() as u64 * WRITE_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn requests_come_at_the_rate_that_is_asked_for() {
        let (mut pace, now) = (Pace { asked: Some(1_000_000), ..Pace::default() }, Instant::now());
        let times: Vec<Instant> =
            (0..91).map(|_| pace.schedule(10_000, now, now + FAR).expect("a time before the deadline")).collect();
        assert_eq!(times[0], now, "the first one has nobody to wait for");
        assert!(times.is_sorted());
        // 90 requests of 10 kB are 900 kB, a second's worth.
        let took = times[90] - times[0];
        assert!(took >= Duration::from_millis(999) && took <= Duration::from_millis(1001), "{took:?}");
    }

    #[test]
    fn a_request_that_would_come_too_late_takes_no_ones_time() {
        let (mut pace, now) = (Pace { asked: Some(100_000), ..Pace::default() }, Instant::now());
        assert_eq!(pace.schedule(900_000, now, now + FAR), Some(now));
        assert_eq!(pace.schedule(90_000_000, now, now + SECOND), None);
        let at = pace.schedule(9, now, now + FAR).expect("there is time");
        assert!((at - now).abs_diff(10 * SECOND) < Duration::from_millis(1));
    }

    #[test]
    fn after_a_stall_nothing_is_owed() {
        let (gate, now) = (WriteGate::default(), Instant::now());
        gate.note(StallSample { stall: Stall::Delayed, bytes_per_second: 100_000 });
        assert!(gate.is_paced());
        gate.pace.lock().schedule(9_000_000, now, now + FAR);
        gate.note(StallSample::default());
        assert!(!gate.is_paced());
        assert_eq!(gate.pace.lock().schedule(9000, now, now + FAR), Some(now));
    }

    #[test]
    fn what_was_borne_from_stop_to_stop_is_the_rate_and_grows_until_it_is_of_no_effect() {
        let (gate, start) = (WriteGate::default(), Instant::now());
        gate.note_stop_ended(start, 5_000_000);
        assert!(!gate.is_paced(), "one stop says nothing");
        gate.note_stop_ended(start + 2 * SECOND, 9_000_000);
        let rate = || gate.pace.lock().bytes_per_second();
        assert_eq!(rate(), Some(2_000_000.0 * PACE));
        gate.grow(start + 3 * SECOND);
        let grown = rate().expect("still a rate");
        assert!((grown / (2_000_000.0 * PACE) - GROWTH_PER_SECOND).abs() < 0.001, "{grown}");
        gate.grow(start + 20 * SECOND);
        assert!(!gate.is_paced(), "{:?}", rate());
    }

    #[test]
    fn stops_that_are_far_apart_are_no_measure_and_a_slowdown_lets_nothing_grow() {
        let (gate, start) = (WriteGate::default(), Instant::now());
        gate.note_stop_ended(start, 0);
        gate.note_stop_ended(start + 2 * CYCLE_MAX, 1000);
        assert!(!gate.is_paced());
        gate.note_stop_ended(start + 2 * CYCLE_MAX + SECOND, 1_001_000);
        gate.note(StallSample { stall: Stall::Delayed, bytes_per_second: 16_000_000 });
        gate.grow(start + 2 * CYCLE_MAX + 5 * SECOND);
        assert_eq!(gate.pace.lock().bytes_per_second(), Some(1_000_000.0 * PACE), "the lesser of both");
    }
}
