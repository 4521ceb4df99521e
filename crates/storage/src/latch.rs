//! Who may change which keys now: latches, striped by key.
//!
//! A worker latches the keys that a command may change before it reads them, and keeps the latches until its
//! batch is committed. It only ever *tries*: if a stripe is taken, it first commits and gives back all that it
//! holds, and then waits holding nothing. So there is no deadlock, and no order of locking to keep.
//!
//! Commands that concern every key take the whole table: no batch is open while they run.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// Stripes of the table, of four bytes each. Two workers that hold some 300 latches each for a batch meet by chance, which makes one of them commit before its
/// time: with 2^14 stripes five times in every batch, with so many once in ten.
const STRIPE_COUNT: usize = 1 << 20;
const FREE: u32 = 0;

/// Which worker holds a stripe. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(u32);

impl Owner {
    /// The n-th user of the table.
    pub fn new(number: u32) -> Owner {
        // Wraps around after billions of users; zero means free.
        Owner(number.wrapping_add(1).max(1))
    }

    /// The number.
    pub fn number(self) -> u64 {
        u64::from(self.0)
    }
}

#[derive(Debug, Default)]
struct Gate {
    /// Batches that are open.
    open: u32,
    /// Somebody has, or waits for, the whole table; no batch is opened meanwhile.
    exclusive: bool,
    /// Threads that wait for any of it.
    waiters: u32,
}

/// The table. Shared by all workers.
#[derive(Debug)]
pub struct Latches {
    stripes: Box<[AtomicU32]>,
    gate: Mutex<Gate>,
    changed: Condvar,
}

impl Default for Latches {
    fn default() -> Self {
        Latches {
            stripes: (0..STRIPE_COUNT).map(|_| AtomicU32::new(FREE)).collect(),
            gate: Mutex::default(),
            changed: Condvar::new(),
        }
    }
}

impl Latches {
    fn wait_while(&self, gate: &mut MutexGuard<'_, Gate>, mut is_taken: impl FnMut(&Gate) -> bool) {
        gate.waiters += 1;
        while is_taken(gate) {
            self.changed.wait(gate);
        }
        gate.waiters -= 1;
    }
}

/// The stripe of a key, from its position.
pub fn stripe_of(position: data::key::Position) -> usize {
    // The position's low half is a hash already.
    (position.0 as usize) % STRIPE_COUNT
}

/// The latches of one worker, for one batch at a time.
#[derive(Debug)]
pub struct Held<'l> {
    latches: &'l Latches,
    owner: Owner,
    stripes: Vec<usize>,
    open: bool,
    /// The whole table.
    all: bool,
}

impl<'l> Held<'l> {
    /// Holds nothing yet.
    pub fn new(latches: &'l Latches, owner: Owner) -> Self {
        Held { latches, owner, stripes: Vec::new(), open: false, all: false }
    }

    /// Takes a stripe unless somebody else has it.
    pub fn try_latch(&mut self, stripe: usize) -> bool {
        if self.all {
            return true;
        }
        self.open_batch();
        let owner = self.owner.0;
        match self.latches.stripes[stripe].compare_exchange(FREE, owner, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                self.stripes.push(stripe);
                true
            }
            Err(current) => current == owner,
        }
    }

    /// Gives everything back: the batch is committed or given up.
    pub fn release(&mut self) {
        for stripe in self.stripes.drain(..) {
            self.latches.stripes[stripe].store(FREE, Ordering::Release);
        }
        if self.open || self.all {
            let mut gate = self.latches.gate.lock();
            gate.open -= u32::from(self.open);
            gate.exclusive &= !self.all;
            (self.open, self.all) = (false, false);
            if gate.waiters > 0 {
                self.latches.changed.notify_all();
            }
        }
    }

    /// Waits until a stripe is free. The caller holds nothing; the stripe may be gone again when this returns.
    pub fn wait_for(&mut self, stripe: usize) {
        debug_assert!(self.stripes.is_empty() && !self.open, "waits while it holds something");
        let mut gate = self.latches.gate.lock();
        self.latches.wait_while(&mut gate, |_| self.latches.stripes[stripe].load(Ordering::Acquire) != FREE);
    }

    /// Takes the whole table: no other batch is open anywhere until [`Held::release`]. The caller holds nothing.
    pub fn latch_all(&mut self) {
        debug_assert!(self.stripes.is_empty() && !self.open, "waits while it holds something");
        let mut gate = self.latches.gate.lock();
        self.latches.wait_while(&mut gate, |gate| gate.exclusive);
        gate.exclusive = true;
        self.all = true;
        self.latches.wait_while(&mut gate, |gate| gate.open > 0);
    }

    /// True while it has the whole table.
    pub fn has_all(&self) -> bool {
        self.all
    }

    fn open_batch(&mut self) {
        if self.open {
            return;
        }
        let mut gate = self.latches.gate.lock();
        self.latches.wait_while(&mut gate, |gate| gate.exclusive);
        gate.open += 1;
        self.open = true;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    #[test]
    fn a_stripe_has_one_owner_at_a_time_and_its_owner_may_take_it_again() {
        let latches = Latches::default();
        let (mut a, mut b) = (Held::new(&latches, Owner::new(0)), Held::new(&latches, Owner::new(1)));
        assert!(a.try_latch(5) && a.try_latch(5));
        assert!(!b.try_latch(5));
        a.release();
        assert!(b.try_latch(5));
    }

    #[test]
    fn increments_under_a_latch_are_never_lost() {
        let latches = Arc::new(Latches::default());
        let counter = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (latches, counter) = (latches.clone(), counter.clone());
                thread::spawn(move || {
                    let mut held = Held::new(&latches, Owner::new(n));
                    for _ in 0..1000 {
                        while !held.try_latch(1) {
                            held.release();
                            held.wait_for(1);
                        }
                        let seen = counter.load(Ordering::Relaxed);
                        thread::yield_now();
                        counter.store(seen + 1, Ordering::Relaxed);
                        held.release();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        assert_eq!(counter.load(Ordering::Relaxed), 4000);
    }

    #[test]
    fn no_batch_is_open_while_the_whole_table_is_taken() {
        let latches = Arc::new(Latches::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (latches, inside) = (latches.clone(), inside.clone());
                thread::spawn(move || {
                    let mut held = Held::new(&latches, Owner::new(n));
                    for round in 0..500 {
                        if round % 50 == 0 {
                            held.latch_all();
                            assert_eq!(inside.load(Ordering::SeqCst), 0);
                            assert!(held.try_latch(n as usize) && held.has_all());
                            held.release();
                        } else if held.try_latch(n as usize) {
                            inside.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            held.release();
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no thread panics");
        }
    }
}
