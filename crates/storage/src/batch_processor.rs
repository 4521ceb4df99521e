//! Group commit: all requests that wait together become one RocksDB write.
//!
//! A [`BatchProcessor`] is what a worker is made of. A turn takes the requests that were waiting, runs their
//! commands in order into one open batch, commits it, and only then answers. It never waits for requests
//! to arrive, and never waits at all while it holds a latch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bridge::{ReplySlot, StorageRequest, StorageResponse, answer_all};
use commands::{Args, Call, Command, Error, Marks, Run, Slice, SlowCall};
use data::{Batch, SpaceId, Turn, Tx, View};
use engine::{Durability, SlotId};
use resp::{Encoder, Protocol};

use crate::latch::{Held, Owner, stripe_of};
use crate::limits::SyncPolicy;
use crate::shared::{Shared, now_ms};

/// A request for storage.
pub type Request = StorageRequest<Slice, Slice>;

/// Writes of one batch whose replies have to be replaced if the commit fails: which finished or running request,
/// and which bytes of its answer.
struct WriteReply {
    request: usize,
    start: usize,
    end: usize,
    protocol: Protocol,
}

/// Where a request goes after its turn.
enum Next {
    /// All its calls have run.
    Answer,
    /// Its next call runs on the reader pool.
    Pool,
}

/// Executes requests and commits them together. Belongs to one worker.
pub(crate) struct BatchProcessor<'s> {
    shared: &'s Arc<Shared>,
    held: Held<'s>,
    batch: Batch,
    turn: Turn,
    /// Requests that wait for the commit.
    done: Vec<(Request, Next)>,
    write_replies: Vec<WriteReply>,
    /// Replies of the running request whose commit failed in the middle of it, and what they become.
    failed_midway: Option<(Vec<WriteReply>, String)>,
    write_commands: u64,
    /// Records to read ahead; kept for its allocation.
    ahead: Vec<SlotId>,
    /// Every key that the turn's writes will ask for is latched.
    latched_ahead: bool,
    answers: Vec<(ReplySlot<Slice>, StorageResponse<Slice>)>,
}

impl<'s> BatchProcessor<'s> {
    pub(crate) fn new(shared: &'s Arc<Shared>, worker: u32) -> Self {
        BatchProcessor {
            shared,
            held: Held::new(&shared.latches, Owner::new(worker)),
            batch: Batch::new(),
            turn: Turn::new(now_ms(), u64::from(worker) ^ shared.keyspace.seed()),
            done: Vec::new(),
            write_replies: Vec::new(),
            failed_midway: None,
            write_commands: 0,
            ahead: Vec::new(),
            latched_ahead: false,
            answers: Vec::new(),
        }
    }

    /// Runs and answers what was waiting. Empties `requests`.
    pub(crate) fn turn(&mut self, requests: &mut Vec<Request>) {
        self.read_ahead(requests);
        let mut commands = 0;
        for request in requests.drain(..) {
            commands += (request.payload.calls.len() - request.payload.next) as u64;
            self.run_request(request);
            if self.batch.pending().size_bytes() >= self.shared.settings.batch_bytes.load(Ordering::Relaxed) {
                self.commit();
            }
        }
        self.shared.metrics().count_batch(commands);
        self.commit();
    }

    /// Fetches the records that the turn's writes will look up with one multi-get. Only latched keys are
    /// read: what is remembered of another could change before it is used.
    fn read_ahead(&mut self, requests: &[Request]) {
        self.turn.set_now_ms(now_ms());
        self.ahead.clear();
        let mut all = true;
        for request in requests {
            let slice = &request.payload;
            for call in &slice.calls[slice.next..] {
                let Call::Run { command, first, count, db, .. } = *call else { continue };
                if !command.is_write() || command.marks.has(Marks::EXCLUSIVE) {
                    continue;
                }
                let args = slice.args(first, count);
                let keyspace = &self.shared.keyspace;
                let space = keyspace.space(db);
                command.visit_keys(&args, |index| {
                    let Some(key) = args.get(index) else { return };
                    let slot = self.batch.prepare(keyspace, space, key);
                    let position = data::key::position_in(self.batch.pending().key(slot));
                    if !self.held.try_latch(stripe_of(position)) {
                        all = false;
                    } else {
                        self.ahead.push(slot);
                    }
                });
            }
        }
        self.latched_ahead = all;
        self.batch.remember_hot(&mut self.ahead, &self.shared.keyspace);
        // With a single one the handler's own lookup is as good.
        if self.ahead.len() > 1
            && let Err(error) = self.shared.engine.read_ahead(&mut self.ahead, self.batch.pending_mut())
        {
            // The handlers will read for themselves and meet the error again.
            tracing::warn!(%error, "read ahead failed");
            self.batch.clear();
        }
    }

    fn run_request(&mut self, mut request: Request) {
        self.turn.set_now_ms(now_ms());
        let mut before = Instant::now();
        while let Some(&call) = request.payload.calls.get(request.payload.next) {
            match call {
                Call::Literal { start, len } => {
                    let slice = &mut request.payload;
                    let literal = slice.literals.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    slice.answer.extend_from_slice(literal);
                }
                Call::Run { command, first, count, db, protocol, silent } => {
                    if is_for_pool(command) {
                        self.done.push((request, Next::Pool));
                        return self.commit();
                    }
                    let slice = &mut request.payload;
                    let mut answer = std::mem::take(&mut slice.answer);
                    let mut start = answer.len();
                    let args = slice.args(first, count);
                    let outcome = self.run_command(command, &args, db, &mut Encoder::new(&mut answer, protocol));
                    match outcome {
                        Ok(()) => {}
                        Err(Error::TooLong) => {
                            answer.truncate(start);
                            request.payload.answer = answer;
                            self.done.push((request, Next::Pool));
                            return self.commit();
                        }
                        Err(error) => {
                            answer.truncate(start);
                            commands::stats::count_error(&error.code());
                            Encoder::new(&mut answer, protocol).error(&error.to_string());
                        }
                    }
                    if let Some((replies, text)) = self.failed_midway.take() {
                        let len = answer.len();
                        replace(&mut answer, replies, &text);
                        start = start + answer.len() - len;
                    }
                    let now = Instant::now();
                    commands::stats::count_call(command, now - before, answer.get(start) == Some(&b'-'));
                    if commands::slowlog::is_slow(command, now - before) {
                        request.payload.slow.push(SlowCall { command, first, count, busy: now - before });
                    }
                    before = now;
                    if silent {
                        answer.truncate(start);
                    } else if command.is_write() {
                        let request = self.done.len();
                        self.write_replies.push(WriteReply { request, start, end: answer.len(), protocol });
                    }
                    request.payload.answer = answer;
                }
            }
            request.payload.next += 1;
        }
        self.done.push((request, Next::Answer));
    }

    fn run_command(
        &mut self,
        command: &'static Command,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Error> {
        match command.run {
            Run::Read(handler) => {
                if command.marks.has(Marks::ITERATES) && !self.batch.is_clean() {
                    self.commit_midway();
                }
                let latched = self.latch_for_read(command, args);
                let view = View::new(self.shared.engine.view(), &self.shared.keyspace, &self.turn, db);
                let view = view.through(&self.batch).before_pool().latched(latched);
                let outcome = self.fenced(|| handler(&view, args, reply));
                self.expire_noted();
                outcome
            }
            Run::Write(handler) if command.marks.has(Marks::EXCLUSIVE) => {
                self.commit_midway();
                self.run_exclusively(handler, args, db, reply)
            }
            Run::Write(handler) => {
                if !self.latched_ahead {
                    self.latch_keys(command, args);
                }
                self.write_commands += 1;
                self.run_write(handler, args, db, reply)
            }
            // Session commands never cross, and the rest runs on the pool.
            Run::Session(_) | Run::Admin(_) | Run::Container => {
                Err(Error::sentence("ERR this command does not run on a storage worker"))
            }
        }
    }

    fn run_write(
        &mut self,
        handler: fn(&mut Tx<'_>, &Args<'_>, &mut Encoder<'_>) -> Result<(), Error>,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Error> {
        let shared = self.shared;
        let outcome = {
            let mut tx = Tx::new(&shared.engine, &shared.keyspace, &mut self.batch, &self.turn, db);
            fence(shared, || handler(&mut tx, args, reply))
        };
        match outcome {
            Ok(()) => self.batch.keep(),
            Err(_) => self.batch.undo(),
        }
        outcome
    }

    /// For commands that concern every key. The open batch is committed; nothing is held.
    fn run_exclusively(
        &mut self,
        handler: fn(&mut Tx<'_>, &Args<'_>, &mut Encoder<'_>) -> Result<(), Error>,
        args: &Args<'_>,
        db: u16,
        reply: &mut Encoder<'_>,
    ) -> Result<(), Error> {
        let shared = self.shared;
        let (batch, turn) = (&mut self.batch, &self.turn);
        let started = Instant::now();
        let outcome = self.held.exclusively(|| {
            let outcome = {
                let mut tx = Tx::new(&shared.engine, &shared.keyspace, batch, turn, db);
                fence(shared, || handler(&mut tx, args, reply))
            };
            match outcome {
                Ok(()) => {
                    let wrote = !batch.is_clean();
                    batch.commit(&shared.engine, &shared.keyspace, shared.durability()).map_err(Error::from)?;
                    Ok(wrote)
                }
                Err(error) => {
                    batch.clear();
                    Err(error)
                }
            }
        })?;
        if outcome {
            self.shared.metrics().count_commit(1, started.elapsed());
            self.shared.note_commit();
        }
        Ok(())
    }

    /// Latches the keys of a read. With one key it is only tried, as the read would do without; with several it is
    /// waited for, so that a commit of another worker is seen in all of them or in none.
    fn latch_for_read(&mut self, command: &Command, args: &Args<'_>) -> bool {
        let (seed, held) = (self.shared.keyspace.seed(), &mut self.held);
        let (mut keys, mut all) = (0, true);
        command.visit_keys(args, |index| {
            if let Some(key) = args.get(index) {
                keys += 1;
                all &= held.try_latch(stripe_of(data::key::position(seed, key)));
            }
        });
        if !all && keys > 1 {
            self.latch_keys(command, args);
            all = true;
        }
        all
    }

    /// Latches the keys of a command that may write, waiting if it must.
    fn latch_keys(&mut self, command: &Command, args: &Args<'_>) {
        loop {
            let mut taken_by_others = None;
            let seed = self.shared.keyspace.seed();
            let held = &mut self.held;
            command.visit_keys(args, |index| {
                if let Some(key) = args.get(index)
                    && taken_by_others.is_none()
                {
                    let stripe = stripe_of(data::key::position(seed, key));
                    if !held.try_latch(stripe) {
                        taken_by_others = Some(stripe);
                    }
                }
            });
            match taken_by_others {
                None => return,
                Some(stripe) => {
                    self.commit_midway();
                    self.held.wait_for(stripe);
                }
            }
        }
    }

    /// Removes what reads found expired, as far as nobody else is at it.
    fn expire_noted(&mut self) {
        let expired: Vec<(SpaceId, Vec<u8>)> = self.turn.take_expired();
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

    fn fenced(&self, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        fence(self.shared, work)
    }

    /// Commits in the middle of a request, whose replies so far stay unanswered.
    fn commit_midway(&mut self) {
        if let Some(error) = self.commit_batch() {
            // The running request is not in `done` yet: its replies have the index it will get.
            let running = self.done.len();
            let own = self.write_replies.extract_if(.., |reply| reply.request == running).collect();
            self.failed_midway = Some((own, error.to_string()));
            self.replace_replies(&error);
        }
        self.write_replies.clear();
        self.release();
    }

    /// Commits, and answers everything that was waiting for it.
    fn commit(&mut self) {
        if let Some(error) = self.commit_batch() {
            self.replace_replies(&error);
        }
        self.write_replies.clear();
        self.release();
        let (hits, misses) = self.turn.take_reads();
        self.shared.keyspace.hits.fetch_add(hits, Ordering::Relaxed);
        self.shared.keyspace.misses.fetch_add(misses, Ordering::Relaxed);
        for (request, next) in self.done.drain(..) {
            match next {
                Next::Answer => self.answers.push((request.reply, Ok(request.payload))),
                Next::Pool => crate::readers::run(self.shared, request),
            }
        }
        answer_all(&mut self.answers);
    }

    fn release(&mut self) {
        self.held.release();
        self.latched_ahead = false;
    }

    fn commit_batch(&mut self) -> Option<Error> {
        let write_commands = std::mem::take(&mut self.write_commands);
        if self.batch.is_clean() {
            self.batch.clear();
            return None;
        }
        let started = Instant::now();
        let outcome = self.batch.commit(&self.shared.engine, &self.shared.keyspace, self.shared.durability());
        match outcome {
            Ok(()) => {
                self.shared.metrics().count_commit(write_commands, started.elapsed());
                self.shared.note_commit();
                None
            }
            Err(error) => {
                tracing::error!(%error, "commit failed");
                Some(Error::from(error))
            }
        }
    }

    /// After a failed commit: no write of the batch happened, and none may be acknowledged.
    fn replace_replies(&mut self, error: &Error) {
        let text = error.to_string();
        let mut replies = std::mem::take(&mut self.write_replies);
        for (index, (request, _)) in self.done.iter_mut().enumerate() {
            let own: Vec<WriteReply> = replies.extract_if(.., |reply| reply.request == index).collect();
            replace(&mut request.payload.answer, own, &text);
        }
    }
}

/// Puts an error in the place of replies, which are in the order of the answer.
fn replace(answer: &mut Vec<u8>, replies: Vec<WriteReply>, text: &str) {
    for reply in replies.into_iter().rev() {
        let mut error = Vec::new();
        Encoder::new(&mut error, reply.protocol).error(text);
        if reply.end <= answer.len() {
            answer.splice(reply.start..reply.end, error);
        }
    }
}

/// True for commands that do not run on a worker.
fn is_for_pool(command: &Command) -> bool {
    command.marks.has(Marks::LONG) || matches!(command.run, Run::Admin(_))
}

/// Keeps a panic of a handler from reaching anything but its own request.
pub(crate) fn fence(shared: &Shared, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        shared.metrics().panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!("a command handler panicked; its writes are taken back");
        Err(Error::sentence("ERR internal error: the command failed and was not applied"))
    })
}

/// The durability of a commit under a policy.
pub(crate) fn durability(policy: SyncPolicy) -> Durability {
    match policy {
        SyncPolicy::Always => Durability::Device,
        SyncPolicy::EverySecond | SyncPolicy::Never => Durability::Process,
    }
}
