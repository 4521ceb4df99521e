//! The write gate: whether a request that may write is begun now.
//!
//! While RocksDB takes no writes, such a request is put off before it is begun: it holds no latch, so that reads go on,
//! also of its keys; its client waits for it, as a connection has one request in flight; and at its deadline it is
//! refused, unexecuted. It waits in the channel, within the channel's limits.
//!
//! While RocksDB slows writes down, it does so in jumps: a commit that comes too early waits for all that those before it
//! have written too fast. Here each request gets a time of its own instead, so that all together come at just the rate that
//! RocksDB asks for (virtual scheduling, as in ITU-T I.371), and a commit finds nothing to wait for. See
//! docs/decisions/003-writes-under-a-stall.md.
//!
//! The gate is a courtesy to clients; what keeps a worker from waiting is that commits never do (`no_slowdown`): one that
//! comes at a bad moment fails as busy, certainly not applied, and is tried again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commands::{Call, Slice};
use engine::{Stall, StallSample};
use parking_lot::Mutex;

use crate::batch_processor::Request;

/// The rate until RocksDB has told its own, in bytes a second: what it begins with itself.
const FIRST_BYTES_PER_SECOND: u64 = 16 << 20;
/// Part of RocksDB's rate at which requests are begun, in percent: its records are a little longer than ours.
const PACE_PERCENT: u64 = 90;
/// What a write adds to its request's bytes in the log: headers, counters, the index of expiries.
const WRITE_OVERHEAD_BYTES: u64 = 64;
/// A request whose time is so near is begun at once: timers are no finer.
const NEAR: Duration = Duration::from_millis(1);
/// How long a request is put off at a time while writes are stopped. It is called back as soon as the stall ends; this is
/// for the case that nobody calls.
const HOLD: Duration = Duration::from_millis(500);

/// See the module's text. Shared by all workers.
#[derive(Debug)]
pub(crate) struct WriteGate {
    bytes_per_second: AtomicU64,
    /// When the next request may be begun.
    next: Mutex<Option<Instant>>,
    held: AtomicU64,
}

impl Default for WriteGate {
    fn default() -> Self {
        WriteGate {
            bytes_per_second: AtomicU64::new(FIRST_BYTES_PER_SECOND),
            next: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }
}

impl WriteGate {
    /// Takes over what RocksDB says of its stall.
    pub(crate) fn note(&self, sample: StallSample) {
        match sample.stall {
            Stall::Normal => {
                self.bytes_per_second.store(FIRST_BYTES_PER_SECOND, Ordering::Relaxed);
                *self.next.lock() = None;
            }
            Stall::Delayed => self.bytes_per_second.store(sample.bytes_per_second.max(1), Ordering::Relaxed),
            Stall::Stopped => {}
        }
    }

    /// Until when a request is put off; None: it is begun now.
    pub(crate) fn hold(&self, stall: Stall, request: &mut Request, now: Instant) -> Option<Instant> {
        // What has begun and is late runs, and is answered by its commit.
        if stall == Stall::Normal || request.deadline <= now || !writes(&request.payload) {
            return None;
        }
        let until = match stall {
            Stall::Stopped => Some(now + HOLD),
            _ if request.payload.admitted => None,
            _ => {
                let at = self.schedule(cost_bytes(request), now, request.deadline);
                request.payload.admitted = at.is_some();
                at.map_or(Some(request.deadline), |at| (at > now + NEAR).then_some(at))
            }
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

    /// The time at which a request of a size is begun; None: it would be too late.
    fn schedule(&self, bytes: u64, now: Instant, deadline: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second.load(Ordering::Relaxed) * PACE_PERCENT / 100;
        let mut next = self.next.lock();
        let at = next.unwrap_or(now).max(now);
        if at >= deadline {
            return None;
        }
        let takes_ns = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
        *next = Some(at + Duration::from_nanos(u64::try_from(takes_ns).unwrap_or(u64::MAX)));
        Some(at)
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

    #[test]
    fn requests_come_at_the_rate_that_is_asked_for() {
        let (gate, now) = (WriteGate::default(), Instant::now());
        gate.note(StallSample { stall: Stall::Delayed, bytes_per_second: 1_000_000 });
        let times: Vec<Instant> =
            (0..91).map(|_| gate.schedule(10_000, now, now + FAR).expect("a time before the deadline")).collect();
        assert_eq!(times[0], now, "the first one has nobody to wait for");
        assert!(times.is_sorted());
        // 90 requests of 10 kB are 900 kB, a second's worth.
        let took = times[90] - times[0];
        assert!(took >= Duration::from_millis(999) && took <= Duration::from_millis(1001), "{took:?}");
    }

    #[test]
    fn a_request_that_would_come_too_late_takes_no_ones_time() {
        let (gate, now) = (WriteGate::default(), Instant::now());
        gate.note(StallSample { stall: Stall::Delayed, bytes_per_second: 1000 });
        assert_eq!(gate.schedule(9000, now, now + FAR), Some(now));
        let soon = now + Duration::from_secs(1);
        assert_eq!(gate.schedule(900_000, now, soon), None);
        let at = gate.schedule(9, now, now + FAR).expect("there is time");
        assert_eq!(at - now, Duration::from_secs(10));
    }

    #[test]
    fn after_a_stall_nothing_is_owed() {
        let (gate, now) = (WriteGate::default(), Instant::now());
        gate.note(StallSample { stall: Stall::Delayed, bytes_per_second: 1000 });
        gate.schedule(9000, now, now + FAR);
        gate.note(StallSample::default());
        assert_eq!(gate.schedule(9000, now, now + FAR), Some(now));
    }
}
