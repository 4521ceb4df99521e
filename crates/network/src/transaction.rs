//! Transactions, from the connection's side: commands are queued in the client's session, and cross together with `EXEC`.
//!
//! Commands about the connection itself (`SELECT`, `PING`...) are run here when the transaction crosses, and their replies travel along. If
//! then a worker finds that a watched key was changed, what they have changed of the session is put back.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use commands::transactions::{self, NOT_INSIDE_MULTI, QUEUE_BYTES_MAX, Queue, WATCH_INSIDE_MULTI};
use commands::{Args, Call, Command, Effect, Error, Group, Marks, ReplyMode, Run, Slice};
use resp::Encoder;

use crate::connection::{Connection, Ending, State};
use crate::dispatch::{Verdict, push_literal, replace_by_error};
use crate::shard::Shard;

impl Connection {
    /// Queues a command, or refuses it, if the client has begun a transaction. None: it is to be run at once.
    pub(crate) fn queue(
        &self,
        shard: &Shard,
        state: &mut State,
        slice: &mut Slice,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Option<Verdict> {
        state.session.queue.as_ref()?;
        if command.marks.has(Marks::NEVER_QUEUED) {
            if command.group == Group::Transactions && !command.is_session() {
                self.refuse(state, slice, &WATCH_INSIDE_MULTI);
                return Some(Verdict::Next);
            }
            return None;
        }
        let queue = state.session.queue.as_mut()?;
        queue.push(command, args);
        let size_bytes = queue.size_bytes();
        self.record.publish_queue(Some(queue));
        let query_buffer_max = shard.common.settings.query_buffer_max.load(Ordering::Relaxed);
        if size_bytes as u64 > query_buffer_max || size_bytes > QUEUE_BYTES_MAX {
            shard.common.metrics.query_buffer_disconnections.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                client = self.record.id,
                size_bytes,
                "closing a client: query buffer limit, by its transaction"
            );
            state.ending = Ending::Now;
            return Some(Verdict::Stop);
        }
        let start = slice.literals.len();
        Encoder::new(&mut slice.literals, state.session.protocol).simple("QUEUED");
        self.close_reply(state, slice, start);
        Some(Verdict::Next)
    }

    /// Notes that a command was refused before it could be queued; where it is `EXEC` itself, that is the end of the transaction. The error to reply.
    pub(crate) fn refuse_queued(&self, state: &mut State, command: Option<&'static Command>, error: Error) -> Error {
        if command.is_some_and(|command| command.name == "exec") {
            transactions::forget(&mut state.session);
            self.record.publish_queue(None);
            return transactions::aborted(&error);
        }
        if let Some(queue) = &mut state.session.queue {
            queue.has_failed = true;
        }
        error
    }

    /// The error of a command that cannot be part of the transaction that the client has begun.
    pub(crate) fn unfit(state: &State, command: &Command) -> Option<Error> {
        (state.session.queue.is_some() && command.marks.has(Marks::NO_MULTI)).then_some(NOT_INSIDE_MULTI)
    }

    /// Puts what the client has queued into the slice, as one.
    pub(crate) fn execute(self: &Rc<Self>, shard: &Rc<Shard>, state: &mut State, slice: &mut Slice) -> Verdict {
        let Some(queue) = state.session.queue.take() else { return Verdict::Next };
        let watch = state.session.watch.take();
        let commands = queue.commands();
        shard.common.metrics.commands.fetch_add(commands.len() as u64, Ordering::Relaxed);
        let (protocol, silent) = (state.session.protocol, state.session.reply_mode != ReplyMode::On);
        let start = slice.literals.len();
        if watch.as_ref().is_some_and(|watch| watch.is_changed()) {
            Encoder::new(&mut slice.literals, protocol).null_array();
            self.close_reply(state, slice, start);
            return Verdict::Next;
        }
        let (calls_at, watches) = (slice.calls.len(), watch.is_some());
        let crosses = watches || commands.iter().any(|queued| !queued.command.is_session());
        if crosses {
            let replies = commands.len() as u32;
            slice.calls.push(Call::Transaction { calls: 0, replies, watches, protocol, silent });
            slice.watch = watch;
        } else if !silent {
            Encoder::new(&mut slice.literals, protocol).array(commands.len());
            push_literal(slice, start);
        }
        let before = watches.then(|| Box::new(state.session.clone()));
        let has_changed_session = self.take_queue(shard, state, slice, queue);
        let count = (slice.calls.len() - calls_at).saturating_sub(1) as u32;
        if let Some(Call::Transaction { calls, .. }) = slice.calls.get_mut(calls_at) {
            *calls = count;
        }
        if has_changed_session && watches {
            // What follows has to wait until it is clear what the session is.
            state.before_transaction = before;
            return Verdict::Cross;
        }
        if state.ending == Ending::Open { Verdict::Next } else { Verdict::Stop }
    }

    /// Makes calls of what is queued. True if some of it was run here.
    fn take_queue(self: &Rc<Self>, shard: &Rc<Shard>, state: &mut State, slice: &mut Slice, queue: Queue) -> bool {
        let mut ran_here = false;
        let needs_args = queue.commands().iter().any(|queued| !queued.command.is_session());
        let base = slice.spans.len() as u32;
        for &queued in queue.commands() {
            let command = queued.command;
            if let Run::Session(handler) = command.run {
                ran_here = true;
                let (args, started, start) = (queue.args(queued), Instant::now(), slice.literals.len());
                let mut reply = Encoder::new(&mut slice.literals, state.session.protocol);
                let outcome = match handler(&mut state.session, &*shard.common, &args, &mut reply) {
                    // Files are not waited for in the middle of a transaction.
                    Ok(Effect::Configure(_)) => Err(NOT_INSIDE_MULTI),
                    outcome => outcome,
                };
                match outcome {
                    Ok(Effect::Close) => state.ending = Ending::AfterFlush,
                    Ok(_) => {}
                    Err(error) => replace_by_error(state, slice, start, &error),
                }
                self.record.publish(&state.session);
                self.answered_here(shard, state, slice, command, &args, start, started.elapsed());
            } else {
                let silent = state.session.reply_mode != ReplyMode::On;
                slice.calls.push(Call::Run {
                    command,
                    first: base + queued.first,
                    count: queued.count,
                    db: state.session.db,
                    protocol: state.session.protocol,
                    silent,
                });
            }
        }
        if needs_args {
            slice.append(queue);
        }
        ran_here
    }

    /// The transaction that was in flight was not run: the session is as before it.
    pub(crate) fn take_back_transaction(&self, state: &mut State) {
        if let Some(before) = state.before_transaction.take() {
            state.session = *before;
            self.record.publish(&state.session);
        }
    }

    /// Makes the reply that lies in the literals from `start` on a call, if the client wants to see it.
    pub(crate) fn close_reply(&self, state: &mut State, slice: &mut Slice, start: usize) {
        if state.session.reply_mode != ReplyMode::On {
            slice.literals.truncate(start);
        }
        if state.session.reply_mode != ReplyMode::Off {
            state.session.reply_mode = ReplyMode::On;
        }
        push_literal(slice, start);
    }
}
