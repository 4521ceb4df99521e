//! The reader pool: commands of large cost, on a snapshot, where they hold up nobody; and what concerns the database as
//! a whole. Bounded by `reader-threads` and `reader-queue`.
//!
//! The threads are the pool's own, apart from those for background work, so that no number of long commands can keep
//! expiry or the sync of each second from running. They give way to others: see [`READER_NICENESS`].

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use bridge::{Fate, Refusal};
use commands::{Call, Cancel, Error, Run, SlowCall, Store};
use data::{Turn, View};
use fail::fail_point;
use parking_lot::{Condvar, Mutex};
use resp::Encoder;

use crate::batch_processor::{Request, log_panic};
use crate::fence::{Stage, fence};
use crate::shared::{Shared, now_ms};

/// How much less of the processor a reader gets than others that want it at the same time (`nice`). With two cores and
/// a few long commands, short ones would else wait for a whole slice of the scheduler's.
const READER_NICENESS: i32 = 10;

/// How often a stop looks whether the pool is idle.
const IDLE_CHECK_PERIOD: Duration = Duration::from_millis(1);

/// What waits for a thread, and what runs.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// The means to end those that run, by number.
    running: Vec<(u64, Option<Cancel>)>,
    last_number: u64,
    closed: bool,
}

/// The pool. Its threads are started by [`start`] and end after [`ReaderPool::close`].
pub(crate) struct ReaderPool {
    queue: Mutex<Queue>,
    /// Wakes one thread.
    arrived: Condvar,
    threads: usize,
    waiting_max: usize,
}

impl ReaderPool {
    /// A pool of so many threads, for which so many commands may wait.
    pub(crate) fn new(threads: usize, waiting_max: usize) -> Self {
        ReaderPool { queue: Mutex::default(), arrived: Condvar::new(), threads: threads.max(1), waiting_max }
    }

    /// Commands that run, and that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.running.len(), queue.waiting.len())
    }

    /// Takes a request in, or gives it back if too many wait.
    fn submit(&self, request: Request) -> Option<Request> {
        let gone;
        {
            let mut queue = self.queue.lock();
            let idle = self.threads.saturating_sub(queue.running.len());
            let is_full = |queue: &Queue| queue.waiting.len() >= self.waiting_max + idle;
            gone = if is_full(&queue) { queue.take_gone() } else { Vec::new() };
            if queue.closed || is_full(&queue) {
                return Some(request);
            }
            queue.waiting.push_back(request);
        }
        // Nobody waits for the answers.
        drop(gone);
        self.arrived.notify_one();
        None
    }

    /// The next request, counted as running under a number; None once the pool is closed.
    fn next(&self) -> Option<(u64, Request)> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(request) = queue.waiting.pop_front() {
                queue.last_number += 1;
                let number = queue.last_number;
                queue.running.push((number, request.payload.cancel.clone()));
                return Some((number, request));
            }
            if queue.closed {
                return None;
            }
            self.arrived.wait(&mut queue);
        }
    }

    fn ended(&self, number: u64) {
        self.queue.lock().running.retain(|(running, _)| *running != number);
    }

    /// Waits until nothing runs, or for a while.
    pub(crate) fn wait_until_idle(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while self.load().0 > 0 && Instant::now() < deadline {
            thread::sleep(IDLE_CHECK_PERIOD);
        }
    }

    /// Lets nothing more in, and ends what waits and runs.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            queue.running.iter().filter_map(|(_, cancel)| cancel.as_ref()).for_each(Cancel::cancel);
            std::mem::take(&mut queue.waiting)
        };
        // Answered by their reply slots.
        drop(waiting);
        self.arrived.notify_all();
    }
}

impl Queue {
    /// Takes out the requests of clients that have gone.
    fn take_gone(&mut self) -> Vec<Request> {
        let (gone, waiting): (VecDeque<_>, _) = std::mem::take(&mut self.waiting).into_iter().partition(is_gone);
        self.waiting = waiting;
        gone.into()
    }
}

fn is_gone(request: &Request) -> bool {
    request.payload.cancel.as_ref().is_some_and(Cancel::is_cancelled)
}

/// Starts the threads of the pool.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    for number in 0..shared.readers.threads {
        let shared = shared.clone();
        thread::Builder::new().name(format!("reader-{number}")).spawn(move || serve(&shared))?;
    }
    Ok(())
}

fn serve(shared: &Arc<Shared>) {
    // On Linux this is about the calling thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, READER_NICENESS) {
        tracing::warn!(%error, "a reader keeps the priority of other threads");
    }
    while let Some((number, request)) = shared.readers.next() {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            finish(shared, request, |running, out| {
                if is_gone(running.request) {
                    Err(data::Error::Cancelled.into())
                } else {
                    run_call(shared, running, out)
                }
            });
        }));
        if outcome.is_err() {
            // Its reply slot has answered.
            tracing::error!("a long command panicked outside of its handler");
        }
        shared.readers.ended(number);
    }
}

/// Runs the next call of a request on the pool; then the request is answered or goes back to the workers.
/// What the client wrote before is committed.
pub(crate) fn run(shared: &Arc<Shared>, request: Request) {
    match shared.readers.submit(request) {
        None => {
            shared.metrics().long_reads.fetch_add(1, Ordering::Relaxed);
        }
        Some(request) => {
            shared.metrics().refusals.add(Refusal::ReaderQueue, 1);
            let error = Error::sentence("OVERLOADED too many long commands are waiting; this one was not executed");
            finish(shared, request, |_, _| Err(error));
        }
    }
}

/// A call with its slice, for the work of [`finish`].
struct Running<'r> {
    request: &'r Request,
    call: Call,
}

fn finish(
    shared: &Arc<Shared>,
    mut request: Request,
    work: impl FnOnce(Running<'_>, &mut Encoder<'_>) -> Result<(), Error>,
) {
    let mut answer = std::mem::take(&mut request.payload.answer);
    if let Some(&call @ Call::Run { command, first, count, protocol, silent, .. }) =
        request.payload.calls.get(request.payload.next)
    {
        let (start, begun) = (answer.len(), Instant::now());
        let outcome = work(Running { request: &request, call }, &mut Encoder::new(&mut answer, protocol));
        if let Err(Error::Park(_)) = outcome {
            // What it was sent here for is gone meanwhile. Only a worker can let it wait.
            answer.truncate(start);
            request.payload.answer = answer;
            return shared.channel.resume(request);
        }
        if let Err(error) = outcome {
            answer.truncate(start);
            commands::stats::count_error(&error.code());
            Encoder::new(&mut answer, protocol).error(error.text());
        }
        let busy = begun.elapsed();
        commands::stats::count_call(command, busy, answer.get(start) == Some(&b'-'));
        if commands::slowlog::is_slow(command, busy) {
            request.payload.slow.push(SlowCall { command, first, count, busy });
        }
        if silent {
            answer.truncate(start);
        }
    }
    request.payload.answer = answer;
    request.payload.next += 1;
    if request.payload.next < request.payload.calls.len() {
        shared.channel.resume(request);
    } else {
        request.reply.answer(Ok(request.payload));
    }
}

fn run_call(shared: &Arc<Shared>, running: Running<'_>, reply: &mut Encoder<'_>) -> Result<(), Error> {
    let Call::Run { command, first, count, db, .. } = running.call else { return Ok(()) };
    let args = running.request.payload.args(first, count);
    match command.run {
        Run::Read(handler) => {
            let snapshot = shared.engine.snapshot();
            let mut turn = Turn::new(now_ms(), now_ms() ^ shared.keyspace.seed());
            if let Some(cancel) = &running.request.payload.cancel {
                turn = turn.cancelled_by(cancel.clone());
            }
            let view = View::new(snapshot.view(), &shared.keyspace, &turn, db);
            let outcome = fenced(shared, running.request, || handler(&view, &args, reply));
            let (hits, misses) = turn.take_reads();
            shared.keyspace.hits.fetch_add(hits, Ordering::Relaxed);
            shared.keyspace.misses.fetch_add(misses, Ordering::Relaxed);
            outcome
        }
        Run::Admin(handler) => {
            let checkpoints = crate::checkpoint::Checkpointing(shared);
            let store = Store { keyspace: &shared.keyspace, checkpoints: &checkpoints };
            fenced(shared, running.request, || handler(&store, &args, reply))
        }
        Run::Write(_) | Run::Session(_) | Run::Container => {
            Err(Error::sentence("ERR this command does not run on the reader pool"))
        }
    }
}

/// A handler that panics here has written nothing.
fn fenced(shared: &Shared, request: &Request, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let outcome = fence(shared.metrics(), || {
        fail_point!("storage-reader");
        work()
    });
    outcome.unwrap_or_else(|panicked| {
        log_panic(request.id, Stage::Handler, Fate::NotApplied, &panicked.text);
        Err(Error::Panicked)
    })
}
