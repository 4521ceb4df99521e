//! Records that lie on the disk, read at once instead of one after the other.
//!
//! RocksDB's multi-get waits for one block after the other unless it is built with io_uring and coroutines, and a disk does in that way a third of the
//! reads, or less, that it could do. So where reads turn out to wait, a few threads share them.
//!
//! Where they don't, as blocks lie in one of the caches, handing them over would cost more than they do. What tells the two apart is the time
//! that one thread takes for a key when it reads alone: always, while that is short, and now and then while it is long. (While reads are shared, the time of
//! each is also that of waiting for a processor.)

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

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

/// See the module's text.
pub(crate) struct ParallelReads {
    pool: Option<ThreadPool>,
    /// Average time of a key, as far as one thread read alone, in nanoseconds.
    cost_ns: AtomicU64,
    /// How often reads were slow and could have been shared.
    times: AtomicU32,
}

impl ParallelReads {
    /// Starts so many threads. None: whoever reads does so alone.
    pub(crate) fn new(threads: usize) -> Result<ParallelReads, ThreadPoolBuildError> {
        let named = |number| format!("cold-read-{number}");
        let pool = (threads > 0).then(|| ThreadPoolBuilder::new().num_threads(threads).thread_name(named).build());
        Ok(ParallelReads { pool: pool.transpose()?, cost_ns: AtomicU64::new(0), times: AtomicU32::new(0) })
    }

    /// True while reads wait for the disk.
    pub(crate) fn are_slow(&self) -> bool {
        self.cost_ns.load(Ordering::Relaxed) > SLOW.as_nanos() as u64
    }

    /// Reads what belongs to keys, in their order. `read` reads some of them, and may be called by several threads.
    pub(crate) fn read<V: Send, E: Send>(
        &self,
        keys: &[&[u8]],
        read: impl Fn(&[&[u8]]) -> Result<Vec<V>, E> + Sync,
    ) -> Result<Vec<V>, E> {
        let mut values = Vec::with_capacity(keys.len());
        while let Some(rest) = keys.get(values.len()..).filter(|rest| !rest.is_empty()) {
            let mut piece = PIECE;
            if let Some(pool) = self.pool.as_ref().filter(|_| rest.len() > 1 && self.are_slow()) {
                if self.times.fetch_add(1, Ordering::Relaxed).is_multiple_of(PROBE_PERIOD) {
                    piece = PROBE;
                } else {
                    values.extend(share(pool, rest, &read)?);
                    break;
                }
            }
            let piece = &rest[..rest.len().min(piece)];
            let started = Instant::now();
            values.extend(read(piece)?);
            self.learn(piece.len(), started.elapsed());
        }
        Ok(values)
    }

    /// Learns from a piece that one thread has read alone. Workers may do so at once, and one then be overheard.
    fn learn(&self, keys: usize, took: Duration) {
        let seen = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / keys.max(1) as u64;
        let cost = self.cost_ns.load(Ordering::Relaxed);
        let cost = cost - (cost >> WEIGHT_SHIFT) + (seen.min(SEEN_MAX_NS) >> WEIGHT_SHIFT);
        self.cost_ns.store(cost, Ordering::Relaxed);
    }
}

/// The calling thread reads the first part, those of the pool the others.
fn share<V: Send, E: Send>(
    pool: &ThreadPool,
    keys: &[&[u8]],
    read: &(impl Fn(&[&[u8]]) -> Result<Vec<V>, E> + Sync),
) -> Result<Vec<V>, E> {
    let part = keys.len().div_ceil(pool.current_num_threads() + 1);
    let mut parts: Vec<_> = keys.chunks(part).map(|keys| (keys, Ok(Vec::new()))).collect();
    pool.in_place_scope(|scope| {
        let mut parts = parts.iter_mut();
        let own = parts.next();
        for (keys, values) in parts {
            scope.spawn(move |_| *values = read(keys));
        }
        if let Some((keys, values)) = own {
            *values = read(keys);
        }
    });
    let mut all = Vec::with_capacity(keys.len());
    for (_, values) in parts {
        all.extend(values?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    fn keys() -> Vec<[u8; 2]> {
        (0..1000u16).map(u16::to_be_bytes).collect()
    }

    /// Reads of a disk that takes a while for each key. The threads that read are noted.
    fn read_all(reads: &ParallelReads, pause: Duration) -> HashSet<thread::ThreadId> {
        let threads = Mutex::new(HashSet::new());
        let keys = keys();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let values = reads.read(&keys, |keys| {
            threads.lock().expect("no panic").insert(thread::current().id());
            thread::sleep(pause * keys.len() as u32);
            Ok::<_, ()>(keys.iter().map(|key| key.to_vec()).collect())
        });
        assert_eq!(values, Ok(keys.iter().map(|key| key.to_vec()).collect()));
        threads.into_inner().expect("no panic")
    }

    #[test]
    fn slow_reads_are_shared_and_fast_ones_are_not() {
        let reads = ParallelReads::new(3).expect("threads");
        let alone = HashSet::from([thread::current().id()]);
        assert_eq!(read_all(&reads, Duration::ZERO), alone);
        assert!(!reads.are_slow());
        assert_eq!(read_all(&reads, SLOW * 4).len(), 4);
        assert!(reads.are_slow());
        // That the disk has become fast shows in the probes.
        (0..40 * PROBE_PERIOD).for_each(|_| drop(read_all(&reads, Duration::ZERO)));
        assert!(!reads.are_slow());
        assert_eq!(read_all(&reads, Duration::ZERO), alone);
    }

    #[test]
    fn without_threads_nothing_is_shared() {
        let reads = ParallelReads::new(0).expect("none");
        assert_eq!(read_all(&reads, SLOW * 2), HashSet::from([thread::current().id()]));
    }

    #[test]
    fn an_error_of_any_part_is_the_outcome() {
        let reads = ParallelReads::new(3).expect("threads");
        read_all(&reads, SLOW * 4);
        let keys = keys();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let last = keys.last().copied();
        let outcome =
            reads.read(&keys, |part| if part.last().copied() == last { Err("bad") } else { Ok(vec![(); part.len()]) });
        assert_eq!(outcome, Err("bad"));
    }
}
