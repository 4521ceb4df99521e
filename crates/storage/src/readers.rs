//! The reader pool: long reads, on a snapshot, where they hold up nobody; and what concerns the database as
//! a whole. Bounded by `reader-threads` and `reader-queue`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use commands::{Call, Error, Run, SlowCall, Store};
use data::{Turn, View};
use resp::Encoder;

use crate::batch_processor::{Request, fence};
use crate::shared::{Shared, now_ms};

/// Runs the next call of a request on the pool; then the request is answered or goes back to the workers.
/// What the client wrote before is committed.
pub(crate) fn run(shared: &Arc<Shared>, request: Request) {
    let Ok(permit) = shared.reader_permits.clone().try_acquire_owned() else {
        let error = Error::sentence("OVERLOADED too many long commands are waiting; this one was not executed");
        return finish(shared, request, |_, _| Err(error));
    };
    shared.metrics().long_reads.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    shared.handle.clone().spawn_blocking(move || {
        let pool = shared.clone();
        finish(&shared, request, |call, out| run_call(&pool, call, out));
        drop(permit);
    });
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
        if let Err(error) = work(Running { request: &request, call }, &mut Encoder::new(&mut answer, protocol)) {
            answer.truncate(start);
            commands::stats::count_error(&error.code());
            Encoder::new(&mut answer, protocol).error(&error.to_string());
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
            let turn = Turn::new(now_ms(), now_ms() ^ shared.keyspace.seed());
            let view = View::new(snapshot.view(), &shared.keyspace, &turn, db);
            let outcome = fence(shared, || handler(&view, &args, reply));
            let (hits, misses) = turn.take_reads();
            shared.keyspace.hits.fetch_add(hits, Ordering::Relaxed);
            shared.keyspace.misses.fetch_add(misses, Ordering::Relaxed);
            outcome
        }
        Run::Admin(handler) => {
            let checkpoints = crate::checkpoint::Checkpointing(shared);
            let store = Store { keyspace: &shared.keyspace, checkpoints: &checkpoints };
            fence(shared, || handler(&store, &args, reply))
        }
        Run::Write(_) | Run::Session(_) | Run::Container => {
            Err(Error::sentence("ERR this command does not run on the reader pool"))
        }
    }
}
