//! Fail fast: while storage is known to be down, requests are refused at once instead of at their deadlines.
//!
//! ```text
//!   Closed ── every worker is hung or dead ──▶ Open
//!     ▲                                         │ a worker lives again
//!     └── a turn was finished ── HalfOpen ◀─────┘
//!                                 │ hung again: back to Open
//! ```
//!
//! Half open, one request at a time passes as a probe. The watchdog opens and half-opens; the workers close.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CircuitState {
    /// Requests pass.
    Closed = 0,
    /// None does.
    Open = 1,
    /// One at a time does.
    HalfOpen = 2,
}

impl CircuitState {
    /// The word for `INFO`, logs and health pages.
    pub fn name(self) -> &'static str {
        match self {
            CircuitState::Closed => "closed",
            CircuitState::Open => "open",
            CircuitState::HalfOpen => "half-open",
        }
    }
}

/// How storage is, in the watchdog's judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Every worker answers in time.
    #[default]
    Well = 0,
    /// Some worker is late, hung or dead.
    Degraded = 1,
    /// No worker works.
    Down = 2,
}

impl Health {
    /// The word for `INFO`, logs and health pages.
    pub fn name(self) -> &'static str {
        match self {
            Health::Well => "ok",
            Health::Degraded => "degraded",
            Health::Down => "down",
        }
    }
}

/// The state, and since when. Written by few, read by every sender.
#[derive(Debug)]
pub struct Circuit {
    state: AtomicU8,
    health: AtomicU8,
    /// Some worker holds requests beyond their deadlines.
    hung: AtomicBool,
    /// A probe is on its way.
    probing: AtomicBool,
    /// Unix ms of the last change of the state, and of the health.
    state_since_ms: AtomicU64,
    health_since_ms: AtomicU64,
    opened: AtomicU64,
}

impl Default for Circuit {
    fn default() -> Self {
        let now = unix_ms();
        Circuit {
            state: AtomicU8::new(CircuitState::Closed as u8),
            health: AtomicU8::new(Health::Well as u8),
            hung: AtomicBool::new(false),
            probing: AtomicBool::new(false),
            state_since_ms: AtomicU64::new(now),
            health_since_ms: AtomicU64::new(now),
            opened: AtomicU64::new(0),
        }
    }
}

impl Circuit {
    /// What it does now.
    pub fn state(&self) -> CircuitState {
        match self.state.load(Ordering::Acquire) {
            1 => CircuitState::Open,
            2 => CircuitState::HalfOpen,
            _ => CircuitState::Closed,
        }
    }

    /// Since when, in Unix ms.
    pub fn state_since_ms(&self) -> u64 {
        self.state_since_ms.load(Ordering::Relaxed)
    }

    /// How storage was found last.
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            1 => Health::Degraded,
            2 => Health::Down,
            _ => Health::Well,
        }
    }

    /// Since when, in Unix ms.
    pub fn health_since_ms(&self) -> u64 {
        self.health_since_ms.load(Ordering::Relaxed)
    }

    /// True while some worker does not come back with the requests that it has: their senders need not wait.
    pub fn is_hung(&self) -> bool {
        self.hung.load(Ordering::Acquire)
    }

    /// Times that it opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// True if a request may pass.
    pub fn admits(&self) -> bool {
        match self.state() {
            CircuitState::Closed => true,
            CircuitState::Open => false,
            CircuitState::HalfOpen => !self.probing.swap(true, Ordering::AcqRel),
        }
    }

    /// A worker has finished a turn: half open, that is the proof that storage works.
    pub fn note_turn(&self) {
        if self.state.load(Ordering::Relaxed) == CircuitState::HalfOpen as u8 {
            self.change(CircuitState::HalfOpen, CircuitState::Closed);
        }
    }

    pub(crate) fn open(&self) -> bool {
        let changed = self.change(CircuitState::Closed, CircuitState::Open)
            || self.change(CircuitState::HalfOpen, CircuitState::Open);
        self.opened.fetch_add(u64::from(changed), Ordering::Relaxed);
        changed
    }

    pub(crate) fn half_open(&self) -> bool {
        self.probing.store(false, Ordering::Release);
        self.change(CircuitState::Open, CircuitState::HalfOpen)
    }

    pub(crate) fn close(&self) -> bool {
        self.change(CircuitState::HalfOpen, CircuitState::Closed)
    }

    pub(crate) fn set_health(&self, health: Health, hung: bool) {
        if self.health.swap(health as u8, Ordering::AcqRel) != health as u8 {
            self.health_since_ms.store(unix_ms(), Ordering::Relaxed);
        }
        self.hung.store(hung, Ordering::Release);
    }

    fn change(&self, from: CircuitState, to: CircuitState) -> bool {
        let changed = self.state.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if changed {
            self.state_since_ms.store(unix_ms(), Ordering::Relaxed);
        }
        changed
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_open_one_probe_passes_and_a_finished_turn_closes() {
        let circuit = Circuit::default();
        assert!(circuit.admits() && !circuit.half_open());
        assert!(circuit.open() && !circuit.open());
        assert!(!circuit.admits());
        circuit.note_turn();
        assert_eq!(circuit.state(), CircuitState::Open, "a turn that began before proves nothing");
        assert!(circuit.half_open());
        assert!(circuit.admits() && !circuit.admits());
        circuit.note_turn();
        assert!(circuit.admits() && circuit.admits());
        assert_eq!((circuit.state(), circuit.opened()), (CircuitState::Closed, 1));
    }

    #[test]
    fn a_probe_that_hangs_opens_again() {
        let circuit = Circuit::default();
        circuit.open();
        circuit.half_open();
        assert!(circuit.open());
        assert_eq!((circuit.state(), circuit.opened()), (CircuitState::Open, 2));
    }
}
