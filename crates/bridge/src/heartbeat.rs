//! Signs of life: what each storage worker does, told by itself, read by the watchdog without waiting.
//!
//! A worker *beats* when it takes up a request, *rests* while nothing waits, and is marked dead by whoever finds it so.
//! All of it is a few relaxed stores on a cache line of the worker's own.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Vitality {
    /// It was not started yet, or was stopped.
    Absent = 0,
    /// It waits for requests.
    Resting = 1,
    /// It has requests in hand.
    Busy = 2,
    /// It died and is not replaced yet.
    Dead = 3,
}

impl Vitality {
    /// The word for logs and health pages.
    pub fn name(self) -> &'static str {
        match self {
            Vitality::Absent => "absent",
            Vitality::Resting => "resting",
            Vitality::Busy => "busy",
            Vitality::Dead => "dead",
        }
    }

    fn of(number: u8) -> Vitality {
        match number {
            1 => Vitality::Resting,
            2 => Vitality::Busy,
            3 => Vitality::Dead,
            _ => Vitality::Absent,
        }
    }
}

/// One worker's signs. A cache line of its own, as a busy worker writes it for each request.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Pulse {
    vitality: AtomicU8,
    /// When it beat last, in ms since the table was made.
    beat_ms: AtomicU64,
    /// The request that it took up then.
    request: AtomicU64,
    turns: AtomicU64,
    restarts: AtomicU64,
}

/// A worker's signs at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What it does.
    pub vitality: Vitality,
    /// How long ago it told so.
    pub silent: Duration,
    /// The request in hand, where it is busy; else the last one.
    pub request: u64,
    /// Turns that it has finished.
    pub turns: u64,
    /// Times that it was replaced.
    pub restarts: u64,
}

/// The signs of all workers.
#[derive(Debug)]
pub struct Heartbeats {
    pulses: Box<[Pulse]>,
    since: Instant,
}

impl Heartbeats {
    /// A table for a number of workers, none of which is there yet.
    pub fn new(workers: usize) -> Self {
        Heartbeats { pulses: (0..workers).map(|_| Pulse::default()).collect(), since: Instant::now() }
    }

    /// The worker takes up a request.
    pub fn beat(&self, worker: usize, request: u64, now: Instant) {
        let Some(pulse) = self.pulses.get(worker) else { return };
        pulse.request.store(request, Ordering::Relaxed);
        self.tell(pulse, Vitality::Busy, now);
    }

    /// The worker has finished a turn and waits for the next.
    pub fn rest(&self, worker: usize) {
        let Some(pulse) = self.pulses.get(worker) else { return };
        if pulse.vitality.load(Ordering::Relaxed) == Vitality::Busy as u8 {
            pulse.turns.fetch_add(1, Ordering::Relaxed);
        }
        self.tell(pulse, Vitality::Resting, Instant::now());
    }

    /// The worker has died.
    pub fn die(&self, worker: usize) {
        let Some(pulse) = self.pulses.get(worker) else { return };
        pulse.restarts.fetch_add(1, Ordering::Relaxed);
        self.tell(pulse, Vitality::Dead, Instant::now());
    }

    /// The worker was stopped, or its runtime is replaced.
    pub fn leave(&self, worker: usize) {
        if let Some(pulse) = self.pulses.get(worker) {
            self.tell(pulse, Vitality::Absent, Instant::now());
        }
    }

    fn tell(&self, pulse: &Pulse, vitality: Vitality, now: Instant) {
        let ms = now.saturating_duration_since(self.since).as_millis();
        pulse.beat_ms.store(u64::try_from(ms).unwrap_or(u64::MAX), Ordering::Relaxed);
        // After the time, so that whoever sees the state does not see an older time.
        pulse.vitality.store(vitality as u8, Ordering::Release);
    }

    /// The signs of each worker.
    pub fn signs(&self, now: Instant) -> Vec<Sign> {
        self.pulses.iter().map(|pulse| self.sign(pulse, now)).collect()
    }

    fn sign(&self, pulse: &Pulse, now: Instant) -> Sign {
        let vitality = Vitality::of(pulse.vitality.load(Ordering::Acquire));
        let beat = self.since + Duration::from_millis(pulse.beat_ms.load(Ordering::Relaxed));
        Sign {
            vitality,
            silent: now.saturating_duration_since(beat),
            request: pulse.request.load(Ordering::Relaxed),
            turns: pulse.turns.load(Ordering::Relaxed),
            restarts: pulse.restarts.load(Ordering::Relaxed),
        }
    }

    /// Times that any worker was replaced.
    pub fn restarts(&self) -> u64 {
        self.pulses.iter().map(|pulse| pulse.restarts.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_tells_what_it_does_and_for_how_long() {
        let beats = Heartbeats::new(2);
        let start = Instant::now();
        beats.beat(1, 77, start);
        let signs = beats.signs(start + Duration::from_secs(3));
        assert_eq!(signs[0].vitality, Vitality::Absent);
        assert_eq!((signs[1].vitality, signs[1].request), (Vitality::Busy, 77));
        assert!(signs[1].silent >= Duration::from_secs(3));
        beats.rest(1);
        beats.rest(1);
        assert_eq!(beats.signs(start)[1].turns, 1);
        beats.die(1);
        assert_eq!((beats.signs(start)[1].vitality, beats.restarts()), (Vitality::Dead, 1));
    }

    #[test]
    fn a_worker_that_is_not_in_the_table_is_ignored() {
        let beats = Heartbeats::new(0);
        beats.beat(5, 1, Instant::now());
        beats.rest(5);
        assert!(beats.signs(Instant::now()).is_empty());
    }
}
