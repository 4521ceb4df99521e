//! Running the calls of a request: latches, handler, reply. What panics here is taken back and answered.

use std::time::Instant;

use bridge::Fate;
use commands::{Args, Call, Command, Error, Marks, Park, Run, SlowCall, Store};
use data::{SpaceId, Tx, View};
use fail::fail_point;
use resp::{Encoder, Protocol};

use super::transaction::Transaction;
use super::{BatchProcessor, Mark, Next, Work, log_panic};
use crate::checkpoint::Checkpointing;
use crate::commit::Failure;
use crate::fence::{Stage, fence};
use crate::latch::stripe_of;
use crate::shared::now_ms;

type WriteHandler = fn(&mut Tx<'_>, &Args<'_>, &mut Encoder<'_>) -> Result<(), Error>;

/// One [`Call::Run`].
#[derive(Clone, Copy)]
pub(super) struct Running {
    pub(super) command: &'static Command,
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) db: u16,
    pub(super) protocol: Protocol,
    silent: bool,
}

/// What a call came to.
pub(super) enum Step {
    /// Its reply is in the answer.
    Ran,
    /// It belongs to the reader pool.
    Pool,
    /// It waits until others have written to its keys.
    Park(Park),
    /// The batch failed before it, or with it (`true`).
    Halted(Failure, bool),
}

/// Why a call has no reply.
pub(super) enum Halt {
    /// It is refused or failed on its own account.
    Call(Error),
    /// A commit in its way failed.
    Commit(Failure),
    /// Its own commit failed.
    OwnCommit(Failure),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Call(error)
    }
}

impl BatchProcessor<'_> {
    /// Runs the calls of a request, as far as they run here. It goes to `done`, or further.
    pub(super) fn run_request(&mut self, mut work: Work) {
        self.turn.set_now_ms(now_ms());
        let mut before = Instant::now();
        if self.shared.is_current_crew(self.crew) {
            self.shared.channel.heartbeats().beat(self.worker, work.request.id, before);
        }
        while let Some(&call) = work.request.payload.calls.get(work.request.payload.next) {
            let step = match call {
                Call::Literal { start, len } => {
                    let slice = &mut work.request.payload;
                    let literal = slice.literals.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    slice.answer.extend_from_slice(literal);
                    Step::Ran
                }
                Call::Transaction { calls, replies, watches, protocol, silent } => {
                    self.begin_transaction(&mut work, Transaction { calls, replies, watches, protocol, silent })
                }
                Call::Run { command, first, count, db, protocol, silent } => {
                    let running = Running { command, first, count, db, protocol, silent };
                    match self.run_call(&mut work, running, &mut before) {
                        Step::Park(park) => return self.park(work, running, park),
                        step => step,
                    }
                }
            };
            let step = match (step, self.end_transaction(&work)) {
                (Step::Ran, Err(Halt::OwnCommit(failure))) => Step::Halted(failure, true),
                (step, _) => step,
            };
            match step {
                Step::Ran | Step::Park(_) => {}
                Step::Pool => {
                    self.done.push((work, Next::Pool));
                    return self.commit();
                }
                Step::Halted(failure, has_run) => {
                    work.ran = work.request.payload.next + usize::from(has_run);
                    self.done.push((work, Next::Answer));
                    return self.recover(failure);
                }
            }
            work.request.payload.next += 1;
            if std::mem::take(&mut self.committed_call) {
                work.committed = Mark::of(&work.request.payload);
            }
            // Who is woken runs one call only, so that nobody interrupts somebody who has interrupted.
            let goes_on = work.request.payload.next < work.request.payload.calls.len();
            if self.has_ready() && goes_on && self.transaction_end.is_none() && self.interrupted.is_none() {
                self.interrupted = Some(work);
                return;
            }
        }
        self.done.push((work, Next::Answer));
    }

    fn run_call(&mut self, work: &mut Work, running: Running, before: &mut Instant) -> Step {
        let Running { command, first, count, protocol, .. } = running;
        if is_for_pool(command) && self.transaction_end.is_none() {
            return Step::Pool;
        }
        let mut answer = std::mem::take(&mut work.request.payload.answer);
        let start = answer.len();
        let outcome = match self.refusal(work) {
            Some(error) if command.is_write() => Err(Halt::Call(error)),
            _ => self.run_fenced(work, running, &mut answer),
        };
        if std::mem::take(&mut self.committed_midway) {
            work.committed = Mark { answer_len: start, ..Mark::of(&work.request.payload) };
        }
        let slice = &mut work.request.payload;
        match outcome {
            Ok(()) if command.marks.has(Marks::SETTLED) => slice.watch = self.turn.take_watch(),
            Ok(()) => {}
            Err(Halt::Call(Error::TooLong)) => {
                answer.truncate(start);
                slice.answer = answer;
                return Step::Pool;
            }
            // In a transaction nobody waits: it is as if the time were over.
            Err(Halt::Call(Error::Park(park))) if self.transaction_end.is_some() => {
                answer.truncate(start);
                park.nothing_at_once.write(&mut Encoder::new(&mut answer, protocol));
            }
            Err(Halt::Call(Error::Park(park))) => {
                answer.truncate(start);
                slice.answer = answer;
                return Step::Park(park);
            }
            Err(Halt::Call(error)) => {
                answer.truncate(start);
                commands::stats::count_error(&error.code());
                Encoder::new(&mut answer, protocol).error(error.text());
            }
            Err(Halt::Commit(failure)) => {
                slice.answer = answer;
                return Step::Halted(failure, false);
            }
            Err(Halt::OwnCommit(failure)) => {
                slice.answer = answer;
                return Step::Halted(failure, true);
            }
        }
        let now = Instant::now();
        let busy = now - *before;
        commands::stats::count_call(command, busy, answer.get(start) == Some(&b'-'));
        if commands::slowlog::is_slow(command, busy) {
            slice.slow.push(SlowCall { command, first, count, busy });
        }
        *before = now;
        if running.silent {
            answer.truncate(start);
        }
        slice.answer = answer;
        Step::Ran
    }

    /// Runs a command inside a fence: a panic takes its writes back, and becomes its reply.
    fn run_fenced(&mut self, work: &Work, running: Running, answer: &mut Vec<u8>) -> Result<(), Halt> {
        let shared = self.shared;
        self.stage = Stage::Latch;
        self.turn.set_memo(work.request.payload.memo.clone());
        if running.command.marks.has(Marks::SETTLED) {
            self.turn.set_watch(work.request.payload.watch.clone());
        }
        self.batch.set_notes_ready(shared.channel.parked().count() > 0);
        let outcome = fence(shared.metrics(), || {
            let args = work.request.payload.args(running.first, running.count);
            self.run_command(running.command, &args, running.db, &mut Encoder::new(answer, running.protocol))
        });
        outcome.unwrap_or_else(|panicked| {
            if self.stage == Stage::Kept {
                log_panic(work.request.id, self.stage, Fate::Applied, &panicked.text);
                return Ok(());
            }
            self.batch.undo();
            log_panic(work.request.id, self.stage, Fate::NotApplied, &panicked.text);
            Err(Halt::Call(Error::Panicked))
        })
    }

    fn run_command(
        &mut self,
        command: &'static Command,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Halt> {
        match command.run {
            Run::Read(handler) => {
                if command.marks.has(Marks::SETTLED) && !self.batch.is_clean() {
                    self.commit_midway()?;
                }
                let latched = self.latch_for_read(command, args)?;
                self.stage = Stage::Handler;
                fail_point!("storage-handler");
                let view = View::new(self.shared.engine.view(), &self.shared.keyspace, &self.turn, db);
                let view = view.through(&self.batch).latched(latched);
                let view = if self.transaction_end.is_some() { view } else { view.before_pool() };
                let outcome = handler(&view, args, reply);
                self.stage = Stage::Encode;
                fail_point!("storage-encode");
                self.stage = Stage::Kept;
                self.expire_noted();
                Ok(outcome?)
            }
            Run::Write(handler) if command.marks.has(Marks::EXCLUSIVE) && self.transaction_end.is_none() => {
                self.run_exclusively(handler, args, db, reply)
            }
            Run::Write(handler) => {
                fail_point!("storage-latch");
                if !self.latched_ahead {
                    self.latch_keys(command, args)?;
                }
                self.write_commands += 1;
                Ok(self.run_write(handler, args, db, reply)?)
            }
            // Otherwise on the pool: see `is_for_pool`.
            Run::Admin(handler) => {
                self.stage = Stage::Handler;
                let checkpoints = Checkpointing(self.shared);
                Ok(handler(&Store { keyspace: &self.shared.keyspace, checkpoints: &checkpoints }, args, reply)?)
            }
            // These never cross.
            Run::Session(_) | Run::Container => {
                Err(Error::sentence("ERR this command does not run on a storage worker").into())
            }
        }
    }

    fn run_write(
        &mut self,
        handler: WriteHandler,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Error> {
        let shared = self.shared;
        self.stage = Stage::Handler;
        fail_point!("storage-handler");
        let mut tx = Tx::new(&shared.engine, &shared.keyspace, &mut self.batch, &self.turn, db);
        let outcome = handler(&mut tx, args, reply);
        self.stage = Stage::Encode;
        fail_point!("storage-encode");
        match outcome {
            Ok(()) => {
                self.batch.keep();
                self.stage = Stage::Kept;
            }
            Err(_) => self.batch.undo(),
        }
        outcome
    }

    /// For commands that concern every key: committed alone, with the whole table of latches.
    fn run_exclusively(
        &mut self,
        handler: WriteHandler,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Halt> {
        self.commit_midway()?;
        self.held.latch_all();
        self.write_commands += 1;
        let outcome = self.run_write(handler, args, db, reply);
        self.try_commit().map_err(Halt::OwnCommit)?;
        outcome?;
        self.committed_call = true;
        self.wake_all();
        Ok(())
    }

    /// Latches the keys of a read. With one key it is only tried, as the read would do without; with several it is
    /// waited for, so that a commit of another worker is seen in all of them or in none.
    fn latch_for_read(&mut self, command: &Command, args: &Args<'_>) -> Result<bool, Halt> {
        fail_point!("storage-latch");
        let (seed, held) = (self.shared.keyspace.seed(), &mut self.held);
        let (mut keys, mut all) = (0, true);
        command.visit_keys(args, |index| {
            if let Some(key) = args.get(index) {
                keys += 1;
                all &= held.try_latch(stripe_of(data::key::position(seed, key)));
            }
        });
        // Who may come to wait, or begins to watch, has to know that nobody writes meanwhile.
        let has_to_know = [Marks::BLOCKING, Marks::SETTLED].into_iter().any(|mark| command.marks.has(mark));
        if !all && (keys > 1 || has_to_know) {
            self.latch_keys(command, args)?;
            all = true;
        }
        Ok(all)
    }

    /// Latches the keys of a command that may write, waiting if it must.
    fn latch_keys(&mut self, command: &Command, args: &Args<'_>) -> Result<(), Halt> {
        let seed = self.shared.keyspace.seed();
        self.latch_each(|latch| {
            command.visit_keys(args, |index| {
                if let Some(key) = args.get(index) {
                    latch(stripe_of(data::key::position(seed, key)));
                }
            });
        })
    }

    /// Takes every stripe that is visited, waiting if it must.
    pub(super) fn latch_each(&mut self, visit: impl Fn(&mut dyn FnMut(usize))) -> Result<(), Halt> {
        loop {
            let mut taken_by_others = None;
            let held = &mut self.held;
            visit(&mut |stripe| {
                if taken_by_others.is_none() && !held.try_latch(stripe) {
                    taken_by_others = Some(stripe);
                }
            });
            match taken_by_others {
                None => return Ok(()),
                Some(stripe) => {
                    self.commit_midway()?;
                    self.held.wait_for(stripe);
                }
            }
        }
    }

    /// Commits in the middle of a request, which goes on.
    pub(super) fn commit_midway(&mut self) -> Result<(), Halt> {
        self.try_commit().map_err(Halt::Commit)?;
        self.committed_midway = true;
        Ok(())
    }

    /// Removes what reads found expired, as far as nobody else is at it.
    fn expire_noted(&mut self) {
        let expired: Vec<(SpaceId, Vec<u8>)> = self.turn.take_expired();
        // A commit that cannot be made now would only put the reads off.
        if self.refusing.is_some() || !self.shared.takes_writes() {
            return;
        }
        for (space, key) in expired {
            let position = data::key::position(self.shared.keyspace.seed(), &key);
            if !self.held.try_latch(stripe_of(position)) {
                continue;
            }
            let shared = self.shared;
            let mut tx = Tx::new(&shared.engine, &shared.keyspace, &mut self.batch, &self.turn, 0);
            match tx.expire_if_due(space, &key) {
                Ok(()) => self.batch.keep(),
                Err(error) => {
                    self.batch.undo();
                    tracing::warn!(%error, "an expired key could not be removed");
                }
            }
        }
    }
}

/// True for commands that do not run on a worker.
pub(super) fn is_for_pool(command: &Command) -> bool {
    command.marks.has(Marks::LONG) || matches!(command.run, Run::Admin(_))
}
