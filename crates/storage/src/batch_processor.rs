//! Group commit: all requests that wait together become one RocksDB write.
//!
//! A [`BatchProcessor`] is what a worker is made of. A turn takes the requests that were waiting, runs their
//! commands in order into one open batch, commits it, and only then answers. It never waits for requests
//! to arrive, and while it holds latches it waits for nothing but the disk.
//!
//! If a commit fails, nobody has been answered yet: every request of the batch goes back to where it stood at its last
//! commit. Then it is either tried again from there, or run once more with its writes refused, so that its reads do
//! not tell of writes that never were.

mod ahead;
mod run;
#[cfg(test)]
mod tests;
mod transaction;
mod wait;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bridge::{Fate, Place, Refusal, Refused, ReplySlot, StorageRequest, StorageResponse, answer_all};
use commands::{Error, Slice};
use data::{Batch, Turn};
use engine::{Durability, SlotId, Stall};
use fail::fail_point;

use crate::batch_control::BatchControl;
use crate::commit::{self, Failure};
use crate::crew::let_go_of_woken;
use crate::fence::{Stage, fence};
use crate::latch::{Held, Owner};
use crate::limits::SyncPolicy;
use crate::retry;
use crate::shared::{Shared, now_ms};
use ahead::Asking;
use wait::Ready;

/// A request for storage.
pub type Request = StorageRequest<Slice, Slice>;

/// Times that a request is begun anew because its worker died under it, though not by its doing. Beyond that it is
/// refused.
const ATTEMPTS_MAX_BY_DEATH: u32 = 8;

/// How far a request had got at a moment: what came after can be taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    next: usize,
    answer_len: usize,
    slow_len: usize,
}

impl Mark {
    fn of(slice: &Slice) -> Mark {
        Mark { next: slice.next, answer_len: slice.answer.len(), slow_len: slice.slow.len() }
    }
}

/// The part of `batch-target-usec` that a turn of short requests may take. Their senders do nothing until they are answered: if one turn took
/// all that wait, the clients and the network runtime would stand still while it lasts, and storage while they go on.
const SHORT_TURN_PART: u32 = 8;

/// A request in hand.
struct Work {
    request: Request,
    /// Where it stood at the last commit: the effects of what came before are there.
    committed: Mark,
    /// Once its batch has failed: the calls from here on had not run.
    ran: usize,
}

impl Work {
    fn new(request: Request) -> Work {
        let committed = Mark::of(&request.payload);
        Work { request, committed, ran: 0 }
    }

    /// Takes back what is not committed.
    fn rewind(&mut self) {
        let slice = &mut self.request.payload;
        self.ran = self.ran.max(slice.next);
        slice.next = self.committed.next;
        slice.answer.truncate(self.committed.answer_len);
        slice.slow.truncate(self.committed.slow_len);
    }
}

/// Where a request goes after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// All its calls have run.
    Answer,
    /// Its next call runs on the reader pool.
    Pool,
}

/// Executes requests and commits them together. Belongs to one worker.
pub(crate) struct BatchProcessor<'s> {
    shared: &'s Arc<Shared>,
    /// The worker's number, and which crew it belongs to.
    worker: usize,
    crew: u64,
    held: Held<'s>,
    batch: Batch,
    turn: Turn,
    /// Requests of the turn that were not begun yet.
    waiting: VecDeque<Work>,
    /// Requests that wait for the commit.
    done: Vec<(Work, Next)>,
    /// The calls of the transaction that runs end here; its keys are latched, or all of them.
    transaction_end: Option<usize>,
    /// A request that has written what others wait for: it goes on after them.
    interrupted: Option<Work>,
    /// Keys that were written and that others may wait for.
    ready: VecDeque<Ready>,
    /// Requests that wait for others since they ran in the open batch.
    parked: Vec<Place>,
    /// How far the call that runs has got.
    stage: Stage,
    /// The effects of the calls before the one that runs are committed.
    committed_midway: bool,
    /// Those of the one that runs are too.
    committed_call: bool,
    /// While the requests of a failed batch run again: what became of their writes.
    refusing: Option<Failure>,
    write_commands: u64,
    /// Records to read ahead, for writes and for reads, and calls that will ask for elements; kept for their allocations.
    ahead: Vec<SlotId>,
    reads_ahead: Vec<SlotId>,
    asking: Vec<Asking>,
    control: BatchControl,
    /// The part of the turn that went into commits which sync.
    sync_time: Duration,
    /// Every key that the turn's writes will ask for is latched.
    latched_ahead: bool,
    answers: Vec<(ReplySlot<Slice>, StorageResponse<Slice>)>,
}

impl<'s> BatchProcessor<'s> {
    /// A processor for a worker of a crew, with a number for its latches that nobody else has.
    pub(crate) fn new(shared: &'s Arc<Shared>, worker: usize, crew: u64, owner: Owner) -> Self {
        BatchProcessor {
            shared,
            worker,
            crew,
            held: Held::new(&shared.latches, owner),
            batch: Batch::new(),
            turn: Turn::new(now_ms(), owner.number() ^ shared.keyspace.seed()),
            waiting: VecDeque::new(),
            done: Vec::new(),
            transaction_end: None,
            interrupted: None,
            ready: VecDeque::new(),
            parked: Vec::new(),
            stage: Stage::Latch,
            committed_midway: false,
            committed_call: false,
            refusing: None,
            write_commands: 0,
            ahead: Vec::new(),
            reads_ahead: Vec::new(),
            asking: Vec::new(),
            control: BatchControl::default(),
            sync_time: Duration::ZERO,
            latched_ahead: false,
            answers: Vec::new(),
        }
    }

    /// Runs and answers what was waiting. Empties `requests`.
    pub(crate) fn turn(&mut self, requests: &mut Vec<Request>) {
        let started = Instant::now();
        self.sync_time = Duration::ZERO;
        self.take_in(requests);
        self.beat();
        fail_point!("storage-worker");
        self.read_ahead();
        let mut commands = 0;
        while let Some(work) = self.next_work() {
            let slice = &work.request.payload;
            commands += (slice.calls.len() - slice.next) as u64;
            self.run_request(work);
            if self.batch.pending().size_bytes() >= self.shared.settings.batch_bytes.load(Ordering::Relaxed) {
                self.commit();
            }
        }
        self.shared.metrics().count_batch(commands);
        self.commit();
        self.control.learn(commands as usize, started.elapsed().saturating_sub(self.sync_time));
        self.tell_limit();
        if self.shared.is_current_crew(self.crew) {
            self.shared.channel.heartbeats().rest(self.worker);
            self.shared.channel.circuit().note_turn();
        }
    }

    /// How many commands the next turn may take.
    pub(crate) fn commands_max(&self) -> usize {
        self.commands_within(self.target())
    }

    /// The same for a turn of short requests: see [`SHORT_TURN_PART`]. Where commits sync, all that wait share one; where reads wait for
    /// the disk, they wait together.
    pub(crate) fn short_commands_max(&self) -> usize {
        let syncs = self.shared.settings.sync_policy() == SyncPolicy::Always;
        let part = if syncs || self.shared.engine.reads_wait() { 1 } else { SHORT_TURN_PART };
        self.commands_within(self.target() / part)
    }

    fn target(&self) -> Duration {
        Duration::from_micros(self.shared.settings.batch_target_us.load(Ordering::Relaxed))
    }

    fn commands_within(&self, target: Duration) -> usize {
        self.control.limit(target, self.shared.settings.batch_commands.load(Ordering::Relaxed))
    }

    fn tell_limit(&self) {
        let metrics = self.shared.metrics();
        metrics.batch_limit.store(self.commands_max() as u64, Ordering::Relaxed);
        let cost_ns = u64::try_from(self.control.cost().as_nanos()).unwrap_or(u64::MAX);
        metrics.command_cost_ns.store(cost_ns, Ordering::Relaxed);
    }

    /// What runs next: who has waited for what was just written, then who wrote it, then the others.
    fn next_work(&mut self) -> Option<Work> {
        self.next_woken().or_else(|| self.interrupted.take()).or_else(|| self.waiting.pop_front())
    }

    /// Takes requests in hand, but for those whose writes have to wait.
    fn take_in(&mut self, requests: &mut Vec<Request>) {
        let shared = self.shared;
        let stall = shared.engine.stall();
        if stall == Stall::Normal && !shared.gate.is_paced() {
            return self.waiting.extend(requests.drain(..).map(Work::new));
        }
        let now = Instant::now();
        for mut request in requests.drain(..) {
            match shared.gate.hold(stall, &mut request, now) {
                Some(until) if shared.channel.may_defer(&request) || request.payload.has_begun() => {
                    shared.channel.defer(request, until);
                }
                Some(_) => {
                    shared.metrics().refusals.add(Refusal::Late, 1);
                    request.refuse_late(now);
                }
                None => self.waiting.push_back(Work::new(request)),
            }
        }
        // Somebody has to watch the time of what was put off, however long the turn takes.
        let_go_of_woken();
    }

    /// Tells the watchdog which request is in hand. A worker that was given up tells nothing: its number belongs to
    /// another.
    fn beat(&self) {
        if let Some(work) = self.waiting.front()
            && self.shared.is_current_crew(self.crew)
        {
            self.shared.channel.heartbeats().beat(self.worker, work.request.id, Instant::now());
        }
    }

    /// Commits, and answers everything that was waiting for it.
    fn commit(&mut self) {
        if let Err(failure) = self.try_commit() {
            self.recover(failure);
        }
    }

    /// Commits, gives all latches back, and answers what was done. After a failure nothing is held or pending, and
    /// what was done still is in `done`.
    fn try_commit(&mut self) -> Result<(), Failure> {
        let write_commands = std::mem::take(&mut self.write_commands);
        let outcome = if self.batch.is_clean() {
            self.batch.clear();
            Ok(())
        } else {
            let started = Instant::now();
            let outcome = commit::commit(self.shared, &mut self.batch, write_commands);
            if self.shared.settings.sync_policy() == SyncPolicy::Always {
                self.sync_time += started.elapsed();
            }
            outcome
        };
        self.release();
        let (hits, misses) = self.turn.take_reads();
        self.shared.keyspace.hits.fetch_add(hits, Ordering::Relaxed);
        self.shared.keyspace.misses.fetch_add(misses, Ordering::Relaxed);
        outcome?;
        self.parked.clear();
        if let Some(work) = &mut self.interrupted {
            work.committed = Mark::of(&work.request.payload);
        }
        self.answer_done();
        Ok(())
    }

    fn answer_done(&mut self) {
        for (work, next) in self.done.drain(..) {
            let (id, request) = (work.request.id, work.request);
            if next == Next::Pool {
                crate::readers::run(self.shared, request);
                continue;
            }
            let completion = fence(self.shared.metrics(), || fail_point!("storage-completion"));
            self.answers.push(match completion {
                Ok(()) => (request.reply, Ok(request.payload)),
                Err(panicked) => {
                    log_panic(id, Stage::Completion, Fate::Applied, &panicked.text);
                    (request.reply, Err(Refused::Failed(Fate::Applied)))
                }
            });
        }
        answer_all(&mut self.answers);
    }

    fn release(&mut self) {
        self.held.release();
        self.latched_ahead = false;
    }

    /// After a failed commit: every request of the batch goes back to where it stood at its last commit. What may be
    /// tried again is put off; the rest runs once more with its writes refused.
    fn recover(&mut self, failure: Failure) {
        let mut refused = Vec::new();
        self.ready.clear();
        self.transaction_end = None;
        self.unpark();
        let interrupted = self.interrupted.take();
        let begun = std::mem::take(&mut self.done).into_iter().map(|(work, _)| work).chain(interrupted);
        for mut work in begun {
            work.rewind();
            work.request.attempts += 1;
            let (deadline, attempts) = (work.request.deadline, work.request.attempts);
            let again = matches!(failure, Failure::Again(_))
                .then(|| retry::OF_REQUESTS.next_try(Instant::now(), deadline, attempts, self.turn.random_u64()));
            match again.flatten() {
                Some(at) => self.shared.channel.defer(work.request, at),
                None => refused.push(work),
            }
        }
        self.refusing = Some(failure);
        for work in refused {
            tracing::warn!(
                request = work.request.id,
                attempts = work.request.attempts,
                "the writes of a request are refused, as their commit failed"
            );
            self.run_request(work);
        }
        // Nothing was written, so this cannot fail.
        if self.try_commit().is_err() {
            tracing::error!("a commit without writes failed");
        }
        self.refusing = None;
        let_go_of_woken();
    }

    /// What a write is answered that is not to be run, or whose batch has failed.
    fn refusal(&self, work: &Work) -> Option<Error> {
        let Some(failure) = self.refusing.as_ref() else {
            // What the disk is known to refuse is not begun.
            return self.shared.engine.refusal().map(|error| data::Error::from(error).into());
        };
        let has_run = work.request.payload.next < work.ran;
        Some(match failure {
            Failure::Unknown(_) if !has_run => {
                Error::NotApplied { text: "the commit of an earlier command failed".to_owned() }
            }
            Failure::Again(error) | Failure::NotApplied(error) | Failure::Unknown(error) => error.clone(),
        })
    }
}

impl Drop for BatchProcessor<'_> {
    /// What a worker that dies leaves behind. Its batch was not written: a commit is fenced. So its requests may be
    /// run again by its successor.
    fn drop(&mut self) {
        self.batch.clear();
        self.held.release();
        self.unpark();
        let done = std::mem::take(&mut self.done).into_iter().map(|(work, _)| work);
        let left = done.chain(self.interrupted.take()).chain(std::mem::take(&mut self.waiting));
        let left: Vec<Work> = left.collect();
        for mut work in left.into_iter().rev() {
            work.rewind();
            work.request.attempts += 1;
            if work.request.attempts > ATTEMPTS_MAX_BY_DEATH && !work.request.payload.has_begun() {
                work.request.reply.answer(Err(Refused::Failed(Fate::NotApplied)));
            } else {
                self.shared.channel.resume(work.request);
            }
        }
    }
}

/// One line for each panic of a request.
pub(crate) fn log_panic(request: u64, stage: Stage, fate: Fate, text: &str) {
    tracing::error!(request, stage = stage.name(), fate = fate.name(), panic = text, "a stage of a request panicked");
}

/// The durability of a commit under a policy.
pub(crate) fn durability(policy: SyncPolicy) -> Durability {
    match policy {
        SyncPolicy::Always => Durability::Device,
        SyncPolicy::EverySecond | SyncPolicy::Never => Durability::Process,
    }
}
