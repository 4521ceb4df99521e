//! What the commands of a turn will look up, read ahead: the headers of the keys that they write with one multi-get, of those that they only
//! read with another, then the members and fields that they name with a third.

use commands::{Call, Marks, elements};
use data::{SpaceId, WORKER_READ_KEYS_MAX};
use engine::SlotId;
use fail::fail_point;

use super::BatchProcessor;
use super::run::is_for_pool;
use crate::fence::{Stage, fence};
use crate::latch::stripe_of;
use crate::shared::now_ms;

/// A call that will ask for elements of its key.
pub(super) struct Asking {
    /// Its place among the requests that wait, and among their calls.
    request: usize,
    call: usize,
    space: SpaceId,
    slot: SlotId,
}

impl BatchProcessor<'_> {
    /// Fetches the records that the turn's commands will look up. Only latched keys are read: what is remembered of another could change
    /// before it is used.
    pub(super) fn read_ahead(&mut self) {
        let metrics = self.shared.metrics();
        let outcome = fence(metrics, || {
            fail_point!("storage-read-ahead");
            self.latch_and_read()
        });
        // The handlers will read for themselves, and meet the error again.
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "read ahead failed");
                self.batch.clear();
            }
            Err(panicked) => {
                tracing::error!(
                    stage = Stage::ReadAhead.name(),
                    panic = panicked.text,
                    worker = self.worker,
                    "a stage panicked; its work is done without it"
                );
                self.batch.clear();
                self.latched_ahead = false;
            }
        }
    }

    fn latch_and_read(&mut self) -> Result<(), data::Error> {
        self.turn.set_now_ms(now_ms());
        self.ahead.clear();
        self.reads_ahead.clear();
        self.asking.clear();
        let mut all = true;
        for request in 0..self.waiting.len() {
            let first = self.waiting[request].request.payload.next;
            for call in first..self.waiting[request].request.payload.calls.len() {
                all &= self.latch_call(request, call);
            }
        }
        self.latched_ahead = all;
        self.batch.remember_hot(&mut self.ahead, &self.shared.keyspace);
        // With a single one the handler's own lookup is as good.
        if self.ahead.len() > 1 {
            self.shared.engine.read_ahead(&mut self.ahead, self.batch.pending_mut())?;
        }
        self.batch.remember_hot(&mut self.reads_ahead, &self.shared.keyspace);
        if self.reads_ahead.len() > 1 {
            self.shared.engine.read_ahead(&mut self.reads_ahead, self.batch.pending_mut())?;
            self.batch.fill_hot(&self.reads_ahead, &self.shared.keyspace);
        }
        self.read_elements()
    }

    /// Latches the keys of a call, and notes what it will ask for. False: a write has a key whose latch another worker has. A read does
    /// without, and without what would have been read ahead.
    fn latch_call(&mut self, request: usize, call: usize) -> bool {
        let slice = &self.waiting[request].request.payload;
        let Call::Run { command, first, count, db, .. } = slice.calls[call] else { return true };
        let args = slice.args(first, count);
        if command.marks.has(Marks::EXCLUSIVE) {
            return true;
        }
        let (is_write, asks) = (command.is_write(), elements::asked(command, &args).is_some());
        // What goes to the reader pool is read there, of a snapshot.
        if !is_write && !asks && (is_for_pool(command) || args.len() > WORKER_READ_KEYS_MAX) {
            return true;
        }
        let (keyspace, mut all) = (&self.shared.keyspace, true);
        let space = keyspace.space(db);
        command.visit_keys(&args, |index| {
            let Some(key) = args.get(index) else { return };
            let slot = match is_write {
                true => self.batch.prepare(keyspace, space, key),
                false => self.batch.locate(keyspace, space, key),
            };
            let position = data::key::position_in(self.batch.pending().key(slot));
            if !self.held.try_latch(stripe_of(position)) {
                all &= !is_write;
                return;
            }
            if is_write { &mut self.ahead } else { &mut self.reads_ahead }.push(slot);
            if asks {
                self.asking.push(Asking { request, call, space, slot });
            }
        });
        all
    }

    /// Looks up the elements that calls will ask for, of collections whose headers are known by now.
    fn read_elements(&mut self) -> Result<(), data::Error> {
        let shared = self.shared;
        for asking in &self.asking {
            let slice = &self.waiting[asking.request].request.payload;
            let Call::Run { command, first, count, .. } = slice.calls[asking.call] else { continue };
            if let Some(members) = elements::asked(command, &slice.args(first, count)) {
                self.batch.foresee(&shared.keyspace, asking.space, asking.slot, members, !command.is_write());
            }
        }
        self.batch.look_ahead(&shared.engine, &shared.keyspace)
    }
}
