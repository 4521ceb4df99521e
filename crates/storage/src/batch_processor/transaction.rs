//! Transactions: the calls behind a [`Call::Transaction`](commands::Call) run as one.
//!
//! Before the first of them, all keys of all of them are latched, and those that the client watches. Then they run in one
//! batch, with nothing in between: no commit, no reader pool, nobody who waited for what they write. So others see all
//! of it or nothing, and so does a restart. If a command of it reaches keys that it does not name (`KEYS`, `FLUSHALL`), the
//! worker takes the whole table of latches, and gives it back at once after.

use commands::{Args, Begin, Command, Find, Marks, Watch, transactions};
use data::View;
use resp::{Encoder, Protocol};

use super::run::{Halt, Step};
use super::{BatchProcessor, Mark, Work};
use crate::latch::stripe_of;

/// One [`Call::Transaction`](commands::Call).
#[derive(Clone, Copy)]
pub(super) struct Transaction {
    pub(super) calls: u32,
    pub(super) replies: u32,
    pub(super) watches: bool,
    pub(super) protocol: Protocol,
    pub(super) silent: bool,
}

/// What its calls need.
struct Needs {
    writes: bool,
    /// The whole table of latches.
    all: bool,
}

impl BatchProcessor<'_> {
    /// Begins the transaction that the next call of a request is, or answers that it is not run.
    pub(super) fn begin_transaction(&mut self, work: &mut Work, transaction: Transaction) -> Step {
        let outcome = self.prepare(work, transaction);
        if std::mem::take(&mut self.committed_midway) {
            work.committed = Mark::of(&work.request.payload);
        }
        let slice = &mut work.request.payload;
        let Transaction { calls, replies, protocol, silent, .. } = transaction;
        let mut reply = Encoder::new(&mut slice.answer, protocol);
        let start = reply.len();
        let runs = match outcome {
            Ok(true) => {
                reply.array(replies as usize);
                true
            }
            Ok(false) => {
                reply.null_array();
                slice.aborted = true;
                false
            }
            Err(Halt::Call(error)) => {
                // After a failed commit it may have been run.
                let error = if self.refusing.is_some() { error } else { transactions::aborted(&error) };
                commands::stats::count_error("EXECABORT");
                reply.error(error.text());
                slice.aborted = true;
                false
            }
            Err(Halt::Commit(failure) | Halt::OwnCommit(failure)) => return Step::Halted(failure, false),
        };
        if silent {
            slice.answer.truncate(start);
        }
        let end = slice.next + 1 + calls as usize;
        if runs {
            self.transaction_end = Some(end);
        } else {
            slice.next = end - 1;
        }
        Step::Ran
    }

    /// After each call: if it was the last one of a transaction, that is over.
    pub(super) fn end_transaction(&mut self, work: &Work) -> Result<(), Halt> {
        if self.transaction_end.is_none_or(|end| end > work.request.payload.next + 1) {
            return Ok(());
        }
        self.transaction_end = None;
        if self.held.has_all() {
            self.try_commit().map_err(Halt::OwnCommit)?;
            self.committed_call = true;
            self.wake_all();
        }
        Ok(())
    }

    /// Takes the latches. False: what its client watches was changed.
    fn prepare(&mut self, work: &Work, transaction: Transaction) -> Result<bool, Halt> {
        let slice = &work.request.payload;
        let first = slice.next + 1;
        let mut needs = Needs { writes: false, all: false };
        for (command, args) in slice.runs(first, transaction.calls) {
            needs.writes |= command.is_write();
            needs.all |= reaches_further(command, &args);
        }
        if needs.writes
            && let Some(error) = self.refusal(work)
        {
            return Err(Halt::Call(error));
        }
        let watch = slice.watch.as_ref().filter(|_| transaction.watches);
        // What this worker has not committed is not yet told to those who watch it.
        if needs.all || watch.is_some() && !self.batch.is_clean() {
            self.commit_midway()?;
        }
        if needs.all {
            self.held.latch_all();
        } else {
            self.latch_transaction(work, transaction, watch)?;
        }
        let Some(watch) = watch else { return Ok(true) };
        let view = View::new(self.shared.engine.view(), &self.shared.keyspace, &self.turn, 0).latched(true);
        let has_changed = watch.has_changed(&view).map_err(|error| Halt::Call(error.into()))?;
        if has_changed && needs.all {
            self.release();
        }
        Ok(!has_changed)
    }

    fn latch_transaction(&mut self, work: &Work, transaction: Transaction, watch: Option<&Watch>) -> Result<(), Halt> {
        let slice = &work.request.payload;
        let seed = self.shared.keyspace.seed();
        self.latch_each(|latch| {
            let mut latch = |key: &[u8]| latch(stripe_of(data::key::position(seed, key)));
            for (command, args) in slice.runs(slice.next + 1, transaction.calls) {
                command.visit_keys(&args, |index| args.get(index).into_iter().for_each(&mut latch));
            }
            if let Some(watch) = watch {
                watch.for_each_key(latch);
            }
        })
    }
}

/// True if a command concerns keys that it does not name.
fn reaches_further(command: &Command, args: &Args<'_>) -> bool {
    let marks = [Marks::EXCLUSIVE, Marks::TOUCHES_ARBITRARY_KEYS];
    let is_unclear =
        |spec: &commands::KeySpec| matches!(spec.begin, Begin::Unknown) || matches!(spec.find, Find::Unknown);
    let mut keys = 0;
    command.visit_keys(args, |_| keys += 1);
    let is_about_data = command.is_write() || command.tells_of_reads();
    is_about_data && keys == 0
        || marks.into_iter().any(|mark| command.marks.has(mark))
        || command.keys.iter().any(is_unclear)
}
