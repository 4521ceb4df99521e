//! One client: its socket, its buffers, its session, and at most one slice in flight.
//!
//! Two tasks of the same thread work on a connection: its own, which reads from the socket, and the thread's
//! completion task, which brings answers and writes them to the socket itself, so that an answer costs no
//! wake-up of its own. They share the connection by reference; neither holds a borrow while it waits.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bridge::{Fate, Refusal, Refused, StorageResponse};
use bytes::{Bytes, BytesMut};
use commands::stats::Tally;
use commands::{Call, Error, Session, Slice};
use resp::{Parser, Span};

use crate::clients::ClientRecord;
use crate::fence::fence;
use crate::flight::Flight;
use crate::lookahead::{Clock, Upcoming};
use crate::output::{Output, Written};
use crate::parked;
use crate::settings::OutputLimit;
use crate::shard::Shard;
use crate::stream::{ReadHalf, WriteHalf};

/// Bytes asked of the socket at once, at least.
const READ_MIN: usize = 16 << 10;
/// Bytes that are read on while a slice is in flight; what comes beyond stays in the socket, and TCP holds
/// the client back.
const READ_AHEAD_MAX: usize = 1 << 20;
/// Unsent replies at which the client's next commands wait. Generous, as some clients send a whole pipeline before
/// they read the first reply: below this they are served as Redis would.
const OUTPUT_HIGH_WATER: usize = 64 << 20;
/// Replies that a client may leave unread before it has authenticated, as in Redis.
const UNAUTHENTICATED_OUTPUT_MAX: usize = 1024;
/// How long the answer to a client that sends no more may take. It may have left, or only closed its side: then it
/// still gets what is ready by then. (Redis closes such a connection at once.)
const HALF_CLOSED_GRACE: Duration = Duration::from_millis(500);
/// An idle connection gives back a read buffer that has grown beyond this.
const IDLE_BUFFER_MAX: usize = 64 << 10;

/// How far a connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It goes on.
    Open,
    /// What is queued is still sent.
    AfterFlush,
    /// Nothing is sent any more.
    Now,
}

/// A command that was read but has to wait: for the answer of what is in flight, or the end of a pause.
#[derive(Debug)]
pub(crate) struct HeldCommand {
    pub(crate) buf: Bytes,
    pub(crate) spans: Vec<Span>,
}

/// The part of a connection that changes.
pub(crate) struct State {
    pub(crate) buf: BytesMut,
    pub(crate) parser: Parser,
    pub(crate) session: Session,
    pub(crate) held: Option<HeldCommand>,
    pub(crate) flight: Option<Flight>,
    /// A request that was given up at its deadline while a worker had it. Until it comes back, nothing else of this
    /// client may reach storage, as it could overtake it.
    pub(crate) outstanding: Option<u64>,
    /// The session before the transaction in flight, where that minds what is watched and changes the session.
    pub(crate) before_transaction: Option<Box<Session>>,
    /// The last slice, for its allocations.
    pub(crate) spare: Option<Slice>,
    pub(crate) output: Output,
    pub(crate) ending: Ending,
    /// The client has sent its last byte.
    pub(crate) ended_input: bool,
    /// Waits for a timer (`DEBUG SLEEP`, `CLIENT PAUSE`); commands are not looked at meanwhile.
    pub(crate) asleep: bool,
    /// The task does not wait for the socket, as enough is buffered: whoever makes room wakes it.
    reading_held: bool,
    /// Buffers of the dispatcher's, kept for their allocations.
    pub(crate) spans: Vec<Span>,
    pub(crate) upcoming: Vec<Upcoming>,
    /// In a run of reads that are answered here: when those began that are not counted yet.
    pub(crate) clock: Option<Clock>,
    /// Those reads, as far as they are not counted yet.
    pub(crate) tally: Tally,
}

/// See the module's text.
pub(crate) struct Connection {
    pub(crate) record: Arc<ClientRecord>,
    pub(crate) socket: WriteHalf,
    pub(crate) state: RefCell<State>,
}

impl Connection {
    pub(crate) fn new(record: Arc<ClientRecord>, socket: WriteHalf, authenticated: bool) -> Self {
        let state = State {
            buf: BytesMut::new(),
            parser: Parser::new(),
            session: Session::new(record.id, authenticated),
            held: None,
            flight: None,
            outstanding: None,
            before_transaction: None,
            spare: None,
            output: Output::default(),
            ending: Ending::Open,
            ended_input: false,
            asleep: false,
            reading_held: false,
            spans: Vec::new(),
            upcoming: Vec::new(),
            clock: None,
            tally: Tally::default(),
        };
        Connection { record, socket, state: RefCell::new(state) }
    }

    /// Serves the client until its end.
    pub(crate) async fn serve(self: Rc<Self>, shard: Rc<Shard>, mut read: ReadHalf) {
        loop {
            let flushing = !self.state.borrow().output.is_empty();
            tokio::select! {
                go_on = poll_fn(|cx| self.poll_input(cx, &shard, &mut read, flushing)) => {
                    if !go_on {
                        return;
                    }
                }
                writable = self.socket.writable(), if flushing => {
                    if writable.is_err() {
                        return;
                    }
                    self.flush(&shard);
                    // The socket may take more at once, but it is others' turn.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Reads and serves until the connection ends (false), or has output that nobody waits to send yet (true).
    fn poll_input(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        shard: &Rc<Shard>,
        read: &mut ReadHalf,
        flushing: bool,
    ) -> Poll<bool> {
        self.record.waker.register(cx.waker());
        if self.record.is_killed() {
            return Poll::Ready(false);
        }
        self.process(shard);
        loop {
            {
                let mut state = self.state.borrow_mut();
                if state.is_over() {
                    return Poll::Ready(false);
                }
                if !flushing && !state.output.is_empty() {
                    return Poll::Ready(true);
                }
                state.reading_held = !state.may_read();
                if state.reading_held {
                    return Poll::Pending;
                }
                let wanted = state.parser.wanted().max(READ_MIN);
                let room = state.buf.capacity() - state.buf.len();
                if room < READ_MIN / 4 || room < state.parser.wanted() {
                    state.buf.reserve(wanted);
                }
                match read.poll_read(cx, &mut state.buf) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(0)) => {
                        state.ended_input = true;
                        if state.flight.is_some() {
                            self.cancel_after_grace(shard);
                        }
                    }
                    Poll::Ready(Ok(n)) => self.note_input(shard, &mut state, n),
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                }
            }
            self.process(shard);
        }
    }

    /// Lets long commands of a client that sends no more end before their time.
    /// One that waits for others waits no longer.
    fn cancel_after_grace(&self, shard: &Shard) {
        let (record, waiting) = (self.record.clone(), shard.common.waiting.clone());
        tokio::task::spawn_local(async move {
            parked::leave(&waiting, record.id);
            tokio::time::sleep(HALF_CLOSED_GRACE).await;
            record.cancel.cancel();
            // It may have begun to wait meanwhile.
            parked::leave(&waiting, record.id);
        });
    }

    fn note_input(&self, shard: &Shard, state: &mut State, bytes: usize) {
        let metrics = &shard.common.metrics;
        metrics.reads.fetch_add(1, Ordering::Relaxed);
        metrics.input_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.record.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.record.touch();
        let buffered = state.buf.len();
        self.record.query_buffer_bytes.store(buffered, Ordering::Relaxed);
        metrics.input_buffer_peak.fetch_max(buffered as u64, Ordering::Relaxed);
        if buffered as u64 > shard.common.settings.query_buffer_max.load(Ordering::Relaxed) {
            metrics.query_buffer_disconnections.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(client = self.record.id, buffered, "closing a client: query buffer limit");
            state.ending = Ending::Now;
        }
    }

    /// Takes the answer to the slice in flight.
    pub(crate) fn complete(self: &Rc<Self>, shard: &Rc<Shard>, request: u64, response: StorageResponse<Slice>) {
        {
            let mut state = self.state.borrow_mut();
            if state.outstanding == Some(request) {
                // The client has been told already that nobody knows.
                state.outstanding = None;
                return;
            }
            let Some(flight) = state.flight.take_if(|flight| flight.request == request) else { return };
            match response {
                Ok(mut slice) => {
                    for slow in std::mem::take(&mut slice.slow) {
                        let args = slice.args(slow.first, slow.count);
                        self.note_slow(shard, &state, slow.command, &args, slow.busy);
                    }
                    if let [Call::Run { .. }] = &slice.calls[..]
                        && slice.watch.is_some()
                    {
                        state.session.watch = slice.watch.take();
                    }
                    if slice.aborted {
                        self.take_back_transaction(&mut state);
                    }
                    state.before_transaction = None;
                    let answer = std::mem::take(&mut slice.answer);
                    slice.clear();
                    slice.answer = self.send(shard, &mut state, answer);
                    state.spare = Some(slice);
                }
                Err(refused) => {
                    self.take_back_transaction(&mut state);
                    if refused == Refused::Lost {
                        shard.common.runtime.refusals.add(Refusal::Lost, 1);
                    }
                    self.send(shard, &mut state, flight.outline.refused(&refusal(refused)));
                }
            }
        }
        self.go_on(shard);
    }

    /// Does something for the client. If it panics, the client is closed.
    pub(crate) fn fenced(&self, shard: &Shard, stage: &'static str, work: impl FnOnce()) {
        if !fence(&shard.common.metrics, stage, self.record.id, work) {
            self.record.kill();
        }
    }

    /// Gives up what is in flight if its deadline has passed: a worker has it and does not come back.
    pub(crate) fn abandon(self: &Rc<Self>, shard: &Rc<Shard>, before: Instant) {
        {
            let mut state = self.state.borrow_mut();
            if shard.common.waiting.holds(self.record.id) {
                return;
            }
            let Some(flight) = state.flight.take_if(|flight| flight.deadline <= before) else { return };
            state.outstanding = Some(flight.request);
            shard.common.runtime.refusals.add(Refusal::Abandoned, 1);
            tracing::warn!(
                request = flight.request,
                client = self.record.id,
                fate = Fate::Unknown.name(),
                "a request is given up: its storage worker does not come back with it"
            );
            self.send(shard, &mut state, flight.outline.refused(&Error::Unknown));
        }
        self.go_on(shard);
    }

    /// After an answer: serves what the client has sent meanwhile.
    fn go_on(self: &Rc<Self>, shard: &Rc<Shard>) {
        {
            let state = self.state.borrow();
            // Its own task looks after the rest: output that the socket did not take, or the end.
            if !state.output.is_empty() || state.is_over() || state.buf.is_empty() && state.ended_input {
                self.record.waker.wake();
            }
        }
        self.process(shard);
        self.resume_reading();
    }

    /// Wakes the connection's task if it stopped reading and there is room again.
    pub(crate) fn resume_reading(&self) {
        let state = self.state.borrow();
        if state.reading_held && state.may_read() {
            self.record.waker.wake();
        }
    }

    /// Sends replies, or queues them. Gives the buffer back, empty.
    pub(crate) fn send(&self, shard: &Shard, state: &mut State, reply: Vec<u8>) -> Vec<u8> {
        let mut written = Written::default();
        let spare = match state.output.send(&self.socket, reply, &mut written) {
            Ok(spare) => spare,
            Err(error) => {
                self.fail(state, &error);
                Vec::new()
            }
        };
        self.note_output(shard, state, written);
        if !state.output.is_empty() {
            let limit = match state.session.authenticated {
                true => *shard.common.settings.output_limit.read(),
                false => OutputLimit { hard_bytes: UNAUTHENTICATED_OUTPUT_MAX, ..OutputLimit::default() },
            };
            if state.output.is_over(limit, Instant::now()) {
                self.close_over_limit(shard, state);
            }
        }
        spare
    }

    fn flush(&self, shard: &Shard) {
        let mut state = self.state.borrow_mut();
        let mut written = Written::default();
        if let Err(error) = state.output.flush(&self.socket, &mut written) {
            self.fail(&mut state, &error);
        }
        self.note_output(shard, &state, written);
    }

    fn fail(&self, state: &mut State, error: &io::Error) {
        tracing::debug!(client = self.record.id, %error, "closing a client that cannot be written to");
        state.ending = Ending::Now;
        self.record.waker.wake();
    }

    fn note_output(&self, shard: &Shard, state: &State, written: Written) {
        let metrics = &shard.common.metrics;
        metrics.output_bytes.fetch_add(written.bytes, Ordering::Relaxed);
        metrics.writes.fetch_add(written.calls, Ordering::Relaxed);
        self.record.bytes_out.fetch_add(written.bytes, Ordering::Relaxed);
        let queued = state.output.len_bytes();
        self.record.output_buffer_bytes.store(queued, Ordering::Relaxed);
        metrics.output_buffer_peak.fetch_max(queued as u64, Ordering::Relaxed);
    }

    fn close_over_limit(&self, shard: &Shard, state: &mut State) {
        shard.common.metrics.output_buffer_disconnections.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            client = self.record.id,
            queued = state.output.len_bytes(),
            "closing a client: output buffer limit"
        );
        state.ending = Ending::Now;
        self.record.waker.wake();
    }

    /// Called about once a second: enforces limits in time, and tells what the connection occupies, in bytes.
    pub(crate) fn check(&self, shard: &Shard, now: Instant) -> u64 {
        let settings = &shard.common.settings;
        let mut state = self.state.borrow_mut();
        let timeout_s = settings.idle_timeout_s.load(Ordering::Relaxed);
        if timeout_s > 0 && state.flight.is_none() && !state.asleep && self.record.idle_ms() > timeout_s * 1000 {
            tracing::debug!(client = self.record.id, "closing an idle client");
            state.ending = Ending::Now;
            self.record.waker.wake();
        }
        if !state.output.is_empty() && state.output.is_over(*settings.output_limit.read(), now) {
            self.close_over_limit(shard, &mut state);
        }
        if state.buf.is_empty() && state.buf.capacity() > IDLE_BUFFER_MAX && self.record.idle_ms() > 2000 {
            state.buf = BytesMut::new();
        }
        (size_of::<Self>() + size_of::<ClientRecord>() + state.buf.capacity() + state.output.len_bytes()) as u64
    }

    /// True if the client waits for nothing, so that a stopping server may close it.
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = self.state.borrow();
        state.flight.is_none() && state.output.is_empty()
    }
}

impl State {
    /// True if the connection is to be closed now.
    fn is_over(&self) -> bool {
        match self.ending {
            Ending::Now => true,
            Ending::AfterFlush => self.flight.is_none() && self.output.is_empty(),
            Ending::Open => {
                self.ended_input
                    && self.flight.is_none()
                    && self.held.is_none()
                    && !self.asleep
                    && self.output.is_empty()
            }
        }
    }

    fn may_read(&self) -> bool {
        let crowded = self.output.len_bytes() >= OUTPUT_HIGH_WATER;
        let busy = self.flight.is_some() || self.asleep || self.held.is_some() || crowded;
        self.ending == Ending::Open && !self.ended_input && !(busy && self.buf.len() >= READ_AHEAD_MAX)
    }

    /// True if the next command may be looked at.
    pub(crate) fn may_process(&self) -> bool {
        self.flight.is_none()
            && !self.asleep
            && self.ending == Ending::Open
            && self.output.len_bytes() < OUTPUT_HIGH_WATER
            && (self.held.is_some() || !self.buf.is_empty())
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn refusal(refused: Refused) -> Error {
    match refused {
        Refused::Late { waited } => Error::Overloaded { waited_ms: ms(waited) },
        Refused::Stalled { waited } => Error::Stalled { waited_ms: ms(waited) },
        Refused::Down => Error::sentence("OVERLOADED storage is stopped; the command was not executed"),
        Refused::Open => Error::StorageDown,
        Refused::Failed(Fate::NotApplied) => Error::Panicked,
        Refused::Failed(Fate::Applied) => Error::Applied,
        Refused::Failed(Fate::Unknown) | Refused::Lost => Error::Unknown,
    }
}
