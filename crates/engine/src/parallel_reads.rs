//! Records that lie on the disk, read at once instead of one after the other.
//!
//! RocksDB's multi-get waits for one block after the other unless it is built with io_uring and coroutines, and a disk does in that way a third of the
//! reads, or less, that it could do. So where reads turn out to wait, a few threads share them.
//!
//! Where they don't, as blocks lie in one of the caches, handing them over would cost more than they do. What tells the two apart is the time
//! that one thread takes for a key when it reads alone: always, while that is short, and now and then while it is long. (While reads are shared, the time of
//! each is also that of waiting for a processor.) It counts only where the thread has gone to sleep meanwhile: one whose processor was given
//! to others takes as long, but more threads would make that worse.
//!
//! The threads sleep until they are wanted, and don't look around for work as those of a pool for computations do: these reads are about waiting, and
//! the processor belongs to others meanwhile. docs/decisions/007-reads-that-wait-for-the-disk.md has what that was measured to be worth.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use parking_lot::{Condvar, Mutex};

use crate::error::Error;
use crate::families::Family;
use crate::record_value::RecordValue;
use crate::records::RecordKey;

/// A read that takes longer, on average, has waited for the disk: one from the page cache takes a third of it, one from a disk of any kind three
/// times as long.
const SLOW: Duration = Duration::from_micros(20);
/// What one piece may count for each of its keys: that the thread was interrupted once proves nothing.
const SEEN_MAX_NS: u64 = 2 * SLOW.as_nanos() as u64;
/// The weight of a piece in the average: 1/2^n.
const WEIGHT_SHIFT: u32 = 2;
/// Keys that one thread reads in one go, and how many of them where it is to find out whether reads are still slow.
const PIECE: usize = 64;
const PROBE: usize = 4;
/// Once in so many times that reads could be shared, this is found out.
const PROBE_PERIOD: u32 = 32;

/// What a read of one record finds.
type Found = Result<Option<RecordValue>, Error>;
type Read = dyn Fn(Family, &[u8]) -> Found + Send + Sync;

/// How to read keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// So many of them, in one go, and then [`ParallelReads::learn`] from that.
    Alone(usize),
    /// With [`ParallelReads::share`].
    Shared,
}

/// What a thread does for a while.
pub(crate) struct Watch {
    started: Instant,
    sleeps: Option<i64>,
}

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch { started: Instant::now(), sleeps: sleeps() }
    }

    /// How long it has taken, if it has slept in between, and else nothing.
    fn waited(&self) -> Duration {
        let took = self.started.elapsed();
        // Whoever was quick has not waited for long. Where the system does not tell, time is all there is.
        if took < SLOW || self.sleeps.is_some() && self.sleeps == sleeps() { Duration::ZERO } else { took }
    }
}

/// How often this thread has gone to sleep.
fn sleeps() -> Option<i64> {
    Some(getrusage(UsageWho::RUSAGE_THREAD).ok()?.voluntary_context_switches())
}

/// See the module's text. The threads end with it.
pub(crate) struct ParallelReads {
    pool: Arc<Pool>,
    threads: Vec<JoinHandle<()>>,
    /// Average time of a key, as far as one thread read alone and waited, in nanoseconds.
    cost_ns: AtomicU64,
    /// How often reads were slow and could have been shared.
    times: AtomicU32,
    /// Keys that were read by [`ParallelReads::share`].
    shared: AtomicU64,
}

struct Pool {
    read: Box<Read>,
    queue: Mutex<Queue>,
    /// A job has come, or the end.
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    /// One entry for each thread that a job could use; no more than there are threads, for each worker that waits.
    jobs: VecDeque<Arc<Job>>,
    is_closed: bool,
}

/// Reads that are shared. Whoever takes part takes the next key that nobody has taken.
struct Job {
    family: Family,
    keys: Vec<RecordKey>,
    next: AtomicUsize,
    progress: Mutex<Progress>,
    all_found: Condvar,
}

struct Progress {
    /// For each key.
    found: Vec<Option<Found>>,
    /// How many are not found yet.
    left: usize,
}

impl ParallelReads {
    /// Starts so many threads, which read with a function. None: whoever reads does so alone.
    pub(crate) fn new(
        threads: usize,
        read: impl Fn(Family, &[u8]) -> Found + Send + Sync + 'static,
    ) -> io::Result<ParallelReads> {
        let pool = Arc::new(Pool { read: Box::new(read), queue: Mutex::default(), arrived: Condvar::new() });
        let mut reads = ParallelReads {
            pool,
            threads: Vec::new(),
            cost_ns: AtomicU64::new(0),
            times: AtomicU32::new(0),
            shared: AtomicU64::new(0),
        };
        for number in 0..threads {
            let pool = reads.pool.clone();
            let thread = thread::Builder::new().name(format!("cold-read-{number}")).spawn(move || pool.serve())?;
            reads.threads.push(thread);
        }
        Ok(reads)
    }

    /// True while reads wait for the disk.
    pub(crate) fn are_slow(&self) -> bool {
        self.cost_ns.load(Ordering::Relaxed) > SLOW.as_nanos() as u64
    }

    /// How many keys were read by several threads.
    pub(crate) fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    /// How to read so many keys.
    pub(crate) fn plan(&self, keys: usize) -> Plan {
        if keys < 2 || self.threads.is_empty() || !self.are_slow() {
            return Plan::Alone(keys.min(PIECE));
        }
        let is_probed = self.times.fetch_add(1, Ordering::Relaxed).is_multiple_of(PROBE_PERIOD);
        if is_probed { Plan::Alone(keys.min(PROBE)) } else { Plan::Shared }
    }

    /// Learns from keys that one thread has read alone.
    pub(crate) fn learn(&self, keys: usize, watch: &Watch) {
        self.learn_wait(keys, watch.waited());
    }

    /// Workers may do so at once, and one then be overheard.
    pub(crate) fn learn_wait(&self, keys: usize, waited: Duration) {
        let seen = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX) / keys.max(1) as u64;
        let cost = self.cost_ns.load(Ordering::Relaxed);
        let cost = cost - (cost >> WEIGHT_SHIFT) + (seen.min(SEEN_MAX_NS) >> WEIGHT_SHIFT);
        self.cost_ns.store(cost, Ordering::Relaxed);
    }

    /// Reads the records of keys, in their order, by this thread and by as many others as are free.
    pub(crate) fn share(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<RecordValue>>, Error> {
        let job = Arc::new(Job {
            family,
            keys: keys.iter().map(|key| RecordKey::from_slice(key)).collect(),
            next: AtomicUsize::new(0),
            progress: Mutex::new(Progress { found: vec![None; keys.len()], left: keys.len() }),
            all_found: Condvar::new(),
        });
        self.shared.fetch_add(keys.len() as u64, Ordering::Relaxed);
        let helpers = self.threads.len().min(keys.len().saturating_sub(1));
        self.pool.queue.lock().jobs.extend((0..helpers).map(|_| job.clone()));
        for _ in 0..helpers {
            self.pool.arrived.notify_one();
        }
        job.take_part(&*self.pool.read);
        // There is nothing left for those who have not come yet. They may be long, if the disk keeps them at what others asked for.
        self.pool.queue.lock().jobs.retain(|other| !Arc::ptr_eq(other, &job));
        job.wait()
    }
}

impl Drop for ParallelReads {
    fn drop(&mut self) {
        self.pool.queue.lock().is_closed = true;
        self.pool.arrived.notify_all();
        // They have the database in hand, which is to be closed when this returns.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Pool {
    fn serve(&self) {
        while let Some(job) = self.next() {
            job.take_part(&*self.read);
        }
    }

    fn next(&self) -> Option<Arc<Job>> {
        let mut queue = self.queue.lock();
        loop {
            match queue.jobs.pop_front() {
                Some(job) => return Some(job),
                None if queue.is_closed => return None,
                None => self.arrived.wait(&mut queue),
            }
        }
    }
}

impl Job {
    fn take_part(&self, read: &Read) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(key) = self.keys.get(at) else { return };
            // Whoever waits would wait for ever.
            let found = catch_unwind(AssertUnwindSafe(|| read(self.family, key)));
            let found = found.unwrap_or_else(|_| Err(Error::Io("a read panicked".to_owned())));
            let mut progress = self.progress.lock();
            progress.found[at] = Some(found);
            progress.left -= 1;
            if progress.left == 0 {
                self.all_found.notify_one();
            }
        }
    }

    fn wait(&self) -> Result<Vec<Option<RecordValue>>, Error> {
        let mut progress = self.progress.lock();
        self.all_found.wait_while(&mut progress, |progress| progress.left > 0);
        progress.found.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const FAMILY: Family = Family::Keys;

    fn value_of(key: &[u8]) -> Found {
        match key.first() {
            Some(b'a') => Ok(None),
            Some(b'e') => Err(Error::Busy("bad".to_owned())),
            Some(b'p') => panic!("a panic that is meant"),
            _ => Ok(Some(RecordValue::from(key))),
        }
    }

    #[test]
    fn slow_reads_are_shared_and_fast_ones_are_not() {
        let reads = ParallelReads::new(3, |_, key| value_of(key)).expect("threads");
        assert_eq!(reads.plan(1000), Plan::Alone(PIECE));
        assert_eq!(reads.plan(3), Plan::Alone(3));
        reads.learn_wait(10, 10 * SLOW / 2);
        // One interruption proves nothing.
        reads.learn_wait(10, Duration::from_secs(1));
        assert!(!reads.are_slow());
        (0..4).for_each(|_| reads.learn_wait(10, 10 * SLOW * 4));
        assert!(reads.are_slow());
        let plans: Vec<Plan> = (0..2 * PROBE_PERIOD).map(|_| reads.plan(1000)).collect();
        assert_eq!(plans.iter().filter(|plan| **plan == Plan::Alone(PROBE)).count(), 2);
        assert_eq!(plans.iter().filter(|plan| **plan == Plan::Shared).count(), plans.len() - 2);
        assert_eq!(reads.plan(1), Plan::Alone(1));
        (0..4).for_each(|_| reads.learn_wait(PROBE, Duration::from_micros(8)));
        assert_eq!(reads.plan(1000), Plan::Alone(PIECE));
    }

    #[test]
    fn only_who_sleeps_has_waited() {
        let is_over = |watch: &Watch| watch.started.elapsed() > 4 * SLOW;
        // The thread may be kept by something else now and then, but not each time.
        let busy = (0..100).filter(|_| {
            let watch = Watch::start();
            while !is_over(&watch) {}
            watch.waited().is_zero()
        });
        assert!(busy.count() > 50);
        let watch = Watch::start();
        thread::sleep(4 * SLOW);
        assert!(watch.waited() >= 4 * SLOW);
    }

    #[test]
    fn without_threads_nothing_is_shared() {
        let reads = ParallelReads::new(0, |_, key| value_of(key)).expect("none");
        (0..9).for_each(|_| reads.learn_wait(1, SLOW * 2));
        assert_eq!(reads.plan(1000), Plan::Alone(PIECE));
    }

    #[test]
    fn several_threads_read_and_the_order_stays() {
        let threads: Arc<Mutex<HashSet<thread::ThreadId>>> = Arc::default();
        let seen = threads.clone();
        let reads = ParallelReads::new(3, move |_, key| {
            seen.lock().insert(thread::current().id());
            thread::sleep(Duration::from_micros(300));
            value_of(key)
        });
        let reads = reads.expect("threads");
        let keys: Vec<String> = (0..100).map(|number| format!("{}{number}", ["a", "b"][number % 2])).collect();
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        // Several jobs at once, as of several workers.
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let found = reads.share(FAMILY, &keys).expect("no error");
                    let expected: Vec<_> = keys.iter().map(|key| (key[0] == b'b').then_some(*key)).collect();
                    assert_eq!(found.iter().map(|value| value.as_deref()).collect::<Vec<_>>(), expected);
                });
            }
        });
        assert!(threads.lock().len() > 4, "nobody but the callers has read");
    }

    #[test]
    fn an_error_or_a_panic_of_any_read_is_the_outcome() {
        let reads = ParallelReads::new(2, |_, key| value_of(key)).expect("threads");
        for (keys, expected) in [(["b", "c", "e"], "busy: bad"), (["b", "p", "c"], "I/O error: a read panicked")] {
            let outcome = reads.share(FAMILY, &keys.map(str::as_bytes));
            assert_eq!(outcome.map(|_| ()).map_err(|error| error.to_string()), Err(expected.to_owned()));
        }
        assert!(reads.share(FAMILY, &[b"b", b"c"]).is_ok());
    }
}
