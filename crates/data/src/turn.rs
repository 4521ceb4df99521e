//! What a worker's turn gives to every command in it: the time, randomness, and a place for notes.
//!
//! Commands take time and randomness from here and never from the machine, so that replaying their
//! batch elsewhere gives the same result.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hot::Stamp;
use crate::key::SpaceId;
use crate::watch::Watch;

/// Keys that one turn may note as expired; the rest is left to the next access or the expirer.
const EXPIRED_NOTES_MAX: usize = 1024;

/// The means to end a long command whose result nobody waits for any more. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends what looks at this, soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One turn of a worker, or one command on the reader pool. Used by one thread.
#[derive(Debug)]
pub struct Turn {
    now_ms: Cell<u64>,
    random: Cell<u64>,
    expired: RefCell<Vec<(SpaceId, Vec<u8>)>>,
    hits: Cell<u64>,
    misses: Cell<u64>,
    /// The command that runs has read a part of a value from memory alone.
    has_read_point: Cell<bool>,
    /// It has read several.
    has_read_pieces: Cell<bool>,
    /// That of the header which it has read from memory alone.
    stamp: Cell<Option<Stamp>>,
    cancel: Option<Cancel>,
    /// What the command that runs has left for itself when it began to wait.
    memo: RefCell<Option<Vec<u8>>>,
    /// What the client of the command that runs watches.
    watch: RefCell<Option<Watch>>,
}

impl Turn {
    /// A turn at a time (Unix ms), with a seed for its randomness.
    pub fn new(now_ms: u64, seed: u64) -> Turn {
        Turn {
            now_ms: Cell::new(now_ms),
            random: Cell::new(seed | 1),
            expired: RefCell::default(),
            hits: Cell::new(0),
            misses: Cell::new(0),
            has_read_point: Cell::new(false),
            has_read_pieces: Cell::new(false),
            stamp: Cell::new(None),
            cancel: None,
            memo: RefCell::default(),
            watch: RefCell::default(),
        }
    }

    /// The same for a command that may be ended early.
    pub fn cancelled_by(self, cancel: Cancel) -> Turn {
        Turn { cancel: Some(cancel), ..self }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// The time of the command that runs, in Unix ms.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Stamps the commands that follow.
    pub fn set_now_ms(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        self.has_read_point.set(false);
        self.has_read_pieces.set(false);
        self.stamp.set(None);
    }

    /// True if the command that runs has called this before.
    pub(crate) fn take_point(&self) -> bool {
        self.has_read_point.replace(true)
    }

    pub(crate) fn note_pieces(&self) {
        self.has_read_pieces.set(true);
    }

    pub(crate) fn has_read_pieces(&self) -> bool {
        self.has_read_pieces.get()
    }

    /// Notes the stamp of a header; the first one counts.
    pub(crate) fn note_stamp(&self, stamp: Stamp) {
        self.stamp.set(self.stamp.get().or(Some(stamp)));
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp.get()
    }

    /// 64 random bits (xorshift64*; not for secrets).
    pub fn random_u64(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A random number below a bound; zero if the bound is zero.
    pub fn random_below(&self, bound: u64) -> u64 {
        ((u128::from(self.random_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// What the command that runs has left for itself when it began to wait; None if it runs for the first time.
    pub fn memo(&self) -> Option<Vec<u8>> {
        self.memo.borrow().clone()
    }

    /// For the command that runs next.
    pub fn set_memo(&self, memo: Option<Vec<u8>>) {
        *self.memo.borrow_mut() = memo;
    }

    /// What the client of the command that runs watches. The command leaves it here as it is then.
    pub fn take_watch(&self) -> Option<Watch> {
        self.watch.take()
    }

    /// For the command that runs next, or by the one that runs.
    pub fn set_watch(&self, watch: Option<Watch>) {
        *self.watch.borrow_mut() = watch;
    }

    pub(crate) fn note_expired(&self, space: SpaceId, user_key: &[u8]) {
        let mut expired = self.expired.borrow_mut();
        if expired.len() < EXPIRED_NOTES_MAX && !expired.iter().any(|(s, k)| *s == space && k == user_key) {
            expired.push((space, user_key.to_vec()));
        }
    }

    pub(crate) fn note_read(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.set(counter.get() + 1);
    }

    /// Keys that reads found expired since the last call. They cannot remove them; the worker does.
    pub fn take_expired(&self) -> Vec<(SpaceId, Vec<u8>)> {
        if self.expired.borrow().is_empty() { Vec::new() } else { self.expired.take() }
    }

    /// Reads that found their key and reads that did not, since the last call.
    pub fn take_reads(&self) -> (u64, u64) {
        (self.hits.take(), self.misses.take())
    }
}
