//! The workers of the storage runtime as one crew: started together, each replaced when it dies, stopped together.
//!
//! A worker that panics outside of all fences is replaced after a pause that grows with each death and is forgotten
//! once a worker has lived for a while. Its latches and its batch are gone with it; the requests that it had go back
//! to the channel (see [`BatchProcessor`]'s drop).
//!
//! A crew can be replaced as a whole, on other runtimes. A worker of the old one that hangs keeps its latches until it
//! comes back, finishes its turn, and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bridge::{BusyPoll, POLLED_REQUESTS_MAX, TakeLimits};
use commands::Slice;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::batch_processor::BatchProcessor;
use crate::fence::text_of;
use crate::retry;
use crate::shared::Shared;

/// A worker that has lived for this long has not died of how it was started.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(30);

/// How often it is looked whether a crew is gone.
const GONE_PERIOD: Duration = Duration::from_millis(5);

/// See the module's text.
pub(crate) struct Crew {
    /// The tasks that keep the workers; those that have ended are taken out.
    keepers: Vec<JoinHandle<()>>,
    /// The workers that are there.
    living: Arc<AtomicUsize>,
    /// True: its workers end after their turn.
    dismissed: watch::Sender<bool>,
}

impl Crew {
    /// Starts the workers, on the runtimes in turn. From now on the signs of life are theirs.
    pub(crate) fn start(shared: &Arc<Shared>, handles: &[Handle]) -> Crew {
        let crew = shared.next_crew();
        let dismissed = watch::Sender::new(false);
        let living: Arc<AtomicUsize> = Arc::default();
        let workers = handles.iter().cycle().take(if handles.is_empty() { 0 } else { shared.settings.workers });
        let keepers = workers
            .enumerate()
            .map(|(worker, handle)| {
                let place = Place {
                    shared: shared.clone(),
                    worker,
                    crew,
                    dismissed: dismissed.subscribe(),
                    living: living.clone(),
                };
                handle.spawn(keep(place, handle.clone()))
            })
            .collect();
        Crew { keepers, living, dismissed }
    }

    /// Asks the workers to end after their turns, whatever waits in the channel.
    pub(crate) fn dismiss(&self) {
        self.dismissed.send_replace(true);
    }

    /// Waits for the workers to end. False: some have not, within the time.
    pub(crate) async fn gone(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        // Their tasks may have been dropped with their runtime, where one that hangs cannot tell its end but by itself.
        while self.living.load(Ordering::Acquire) > 0 || !self.keepers.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(GONE_PERIOD).await;
        }
        self.keepers.clear();
        true
    }
}

/// Counts a worker for as long as it lives.
struct Living(Arc<AtomicUsize>);

impl Living {
    fn new(count: &Arc<AtomicUsize>) -> Living {
        count.fetch_add(1, Ordering::AcqRel);
        Living(count.clone())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where a worker works.
#[derive(Clone)]
struct Place {
    shared: Arc<Shared>,
    worker: usize,
    crew: u64,
    dismissed: watch::Receiver<bool>,
    living: Arc<AtomicUsize>,
}

/// Runs a worker, and another in its place should it die.
async fn keep(place: Place, handle: Handle) {
    let heartbeats = place.shared.channel.heartbeats();
    let mut deaths = 0;
    loop {
        let started = Instant::now();
        let Err(end) = handle.spawn(work(place.clone())).await else { break };
        if !end.is_panic() {
            break;
        }
        if started.elapsed() >= LIFE_THAT_COUNTS {
            deaths = 0;
        }
        deaths += 1;
        let pause = retry::OF_WORKERS.pause(deaths, u64::from(started.elapsed().subsec_nanos()) << 34);
        let text = text_of(&*end.into_panic());
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::error!(worker = place.worker, deaths, pause_ms, panic = text, "a storage worker died; it is replaced");
        place.shared.metrics().worker_restarts.fetch_add(1, Ordering::Relaxed);
        if place.shared.is_current_crew(place.crew) {
            heartbeats.die(place.worker);
        }
        tokio::time::sleep(pause).await;
    }
    if place.shared.is_current_crew(place.crew) {
        heartbeats.leave(place.worker);
    }
}

async fn work(place: Place) {
    let Place { shared, worker, crew, mut dismissed, living } = place;
    let _living = Living::new(&living);
    let owner = shared.next_owner();
    let mut processor = BatchProcessor::new(&shared, worker, crew, owner);
    let mut requests = Vec::new();
    let mut busy_poll = BusyPoll::default();
    if shared.is_current_crew(crew) {
        shared.channel.heartbeats().rest(worker);
    }
    loop {
        let limits = TakeLimits {
            commands: processor.commands_max(),
            short_commands: processor.short_commands_max(),
            bytes: shared.settings.batch_bytes.load(Ordering::Relaxed),
            workers: shared.settings.workers,
        };
        let taken = tokio::select! {
            biased;
            _ = dismissed.wait_for(|is_dismissed| *is_dismissed) => return,
            taken = shared.channel.take(&limits, Slice::has_begun, &mut requests) => taken,
        };
        let Ok(passed_on) = taken else { return };
        if passed_on {
            let_go_of_woken();
        }
        let may_poll = requests.len() <= POLLED_REQUESTS_MAX;
        processor.turn(&mut requests);
        if may_poll {
            shared.channel.poll_busily(&mut busy_poll);
        }
        give_way().await;
    }
}

/// Lets the other tasks of the runtime run, after each turn.
///
/// In `runtime-mode single` they are the connections, and [`tokio::task::yield_now`] looks after their sockets. Where the runtime has threads to
/// choose from, that would not do: it leaves a task with its thread until the thread has nothing else to run, and what it runs next may be
/// the turn of another worker, which hangs with the disk. A task that has woken itself can be taken by any thread.
async fn give_way() {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return tokio::task::yield_now().await;
    }
    let mut is_over = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Lets another thread take up the worker that this one has just woken.
///
/// tokio puts whom a task wakes into a slot of its thread, from which nobody steals, so that worker would wait for the turn of the one
/// that has woken it, which may hang with the disk. Whoever is woken next takes its place and moves it to where others steal: an empty task.
pub(crate) fn let_go_of_woken() {
    if let Ok(handle) = Handle::try_current()
        && handle.runtime_flavor() == RuntimeFlavor::MultiThread
        && handle.metrics().num_workers() > 1
    {
        handle.spawn(async {});
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::Notify;

    use super::*;

    const TRIES: usize = 200;
    const PATIENCE: Duration = Duration::from_secs(20);

    fn two_threads() -> Runtime {
        Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
    }

    #[test]
    fn who_gives_way_goes_on_elsewhere_while_its_thread_hangs() {
        let runtime = two_threads();
        for _ in 0..TRIES {
            let (release, hangs) = mpsc::channel::<()>();
            let (went_on, goes_on) = mpsc::channel();
            runtime.spawn(async move {
                // Into the queue of this thread, which takes it up next.
                tokio::spawn(async move { hangs.recv().is_err() });
                give_way().await;
                went_on.send(()).expect("somebody waits for it");
            });
            let outcome = goes_on.recv_timeout(PATIENCE);
            drop(release);
            assert!(outcome.is_ok(), "it waits for the task that hangs");
        }
    }
    #[test]
    fn who_is_woken_goes_on_elsewhere_while_the_thread_that_woke_it_hangs() {
        let runtime = two_threads();
        for _ in 0..TRIES {
            let (release, hangs) = mpsc::channel::<()>();
            let (went_on, goes_on) = mpsc::channel();
            let arrived = Arc::new(Notify::new());
            let (waits, waiting) = mpsc::channel();
            let waiter = arrived.clone();
            runtime.spawn(async move {
                let mut notified = std::pin::pin!(waiter.notified());
                notified.as_mut().enable();
                waits.send(()).expect("somebody waits for it");
                notified.await;
                went_on.send(()).expect("somebody waits for it");
            });
            waiting.recv_timeout(PATIENCE).expect("it waits");
            runtime.spawn(async move {
                arrived.notify_one();
                let_go_of_woken();
                hangs.recv().is_err()
            });
            let outcome = goes_on.recv_timeout(PATIENCE);
            drop(release);
            assert!(outcome.is_ok(), "it waits for the task that hangs");
        }
    }
}
