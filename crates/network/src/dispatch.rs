//! From bytes to commands: what is answered here, and what crosses.
//!
//! All complete commands in a connection's buffer become one slice. Session commands are answered on the way; the
//! rest, as soon as there is any, crosses as one request, and the connection waits for its answer.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bridge::{Refusal, Size};
use bytes::{Buf, Bytes};
use commands::{
    Args, Call, Command, Configuring, Effect, Error, Host, Marks, ReplyMode, Run, Slice, slowlog, stats, table,
};
use fail::fail_point;
use resp::{Encoder, Span};

use crate::connection::{Connection, Ending, HeldCommand, State};
use crate::flight::{Flight, Outline};
use crate::lookahead::{Clock, Upcoming, find_commands};
use crate::shard::Shard;

/// Commands in one slice, at most.
const SLICE_COMMANDS_MAX: usize = 1024;
/// Bytes, of commands or of replies, after which a slice is not filled further.
pub(crate) const SLICE_BYTES_MAX: usize = 1 << 20;

/// What to do after a command was looked at.
pub(crate) enum Verdict {
    /// Look at the next.
    Next,
    /// This one has to wait until nothing is in flight.
    HoldForAnswers,
    /// This one has to wait for a time.
    HoldFor(Duration),
    /// Nothing more for now: the client sleeps, or is closed.
    Stop,
    /// This one is the last of its slice.
    Cross,
}

/// Why no further command was taken into a slice.
enum Stop {
    NeedsBytes,
    Full,
    Hold(Option<Duration>),
    Done,
}

impl Connection {
    /// Serves what is in the buffer, until something crosses or nothing complete is left.
    pub(crate) fn process(self: &Rc<Self>, shard: &Rc<Shard>) {
        if !self.state.borrow().may_process() {
            return;
        }
        fail_point!("network-dispatch");
        let mut state = self.state.borrow_mut();
        while state.may_process() && !shard.common.stopping.load(Ordering::Acquire) {
            let mut slice = state.spare.take().unwrap_or_default();
            let stop = match state.held.take() {
                Some(held) => self.take_held(shard, &mut state, &mut slice, held),
                None => self.fill(shard, &mut state, &mut slice),
            };
            if slice.crosses() {
                self.cross(shard, &mut state, slice);
            } else {
                let literals = std::mem::take(&mut slice.literals);
                slice.clear();
                slice.literals = self.send(shard, &mut state, literals);
                state.spare = Some(slice);
            }
            match stop {
                Stop::Full | Stop::Hold(None) => {}
                Stop::Hold(Some(pause)) => self.sleep(shard, &mut state, pause),
                Stop::NeedsBytes => {
                    if state.ended_input {
                        // What is left is a torn command.
                        state.buf.clear();
                    }
                    return;
                }
                Stop::Done => return,
            }
        }
    }

    fn cross(self: &Rc<Self>, shard: &Shard, state: &mut State, mut slice: Slice) {
        let outline = Outline::of(&slice, state.session.protocol);
        if state.outstanding.is_some() {
            shard.common.runtime.refusals.add(Refusal::Outstanding, 1);
            self.send(shard, state, outline.refused(&Error::EarlierOutstanding));
            return;
        }
        if slice.cancel.is_none() {
            slice.cancel = Some(self.record.cancel.clone());
        }
        let size = Size { bytes: slice.size_bytes(), commands: slice.calls.len() };
        let deadline = Instant::now() + shard.common.settings.storage_timeout();
        let request = shard.storage.submit(self.record.id, slice, size, deadline);
        state.flight = Some(Flight { request, deadline, outline });
    }

    /// Fills a slice from the buffer and takes the bytes of its commands out.
    fn fill(self: &Rc<Self>, shard: &Rc<Shard>, state: &mut State, slice: &mut Slice) -> Stop {
        let mut buf = std::mem::take(&mut state.buf);
        let mut upcoming = std::mem::take(&mut state.upcoming);
        let mut held_spans = None;
        let stop = 'slice: loop {
            let len_bytes = state.parser.position().max(slice.literals.len()).max(slice.appended_bytes());
            if slice.calls.len() >= SLICE_COMMANDS_MAX || len_bytes >= SLICE_BYTES_MAX {
                break Stop::Full;
            }
            upcoming.clear();
            if let Err(error) = find_commands(shard, state, slice, &mut buf, &mut upcoming) {
                let start = slice.literals.len();
                Encoder::new(&mut slice.literals, state.session.protocol).protocol_error(&error);
                push_literal(slice, start);
                stats::count_error("ERR");
                tracing::debug!(client = self.record.id, %error, "protocol error");
                state.ending = Ending::AfterFlush;
                break Stop::Done;
            }
            if upcoming.is_empty() {
                break Stop::NeedsBytes;
            }
            self.count_reads(shard, state);
            state.clock = None;
            for command in &upcoming {
                let (is_held, stop) = match self.look_at(shard, state, slice, &buf, command) {
                    Verdict::Next => continue,
                    Verdict::HoldForAnswers => (true, Stop::Hold(None)),
                    Verdict::HoldFor(pause) => (true, Stop::Hold(Some(pause))),
                    Verdict::Stop => (false, Stop::Done),
                    Verdict::Cross => (false, Stop::Full),
                };
                state.parser.rewind(command.end);
                slice.spans.truncate(command.first + command.count);
                held_spans = is_held.then(|| slice.spans.split_off(command.first));
                break 'slice stop;
            }
        };
        state.upcoming = upcoming;
        self.count_reads(shard, state);
        let used = state.parser.position();
        let mut held = None;
        if slice.crosses() || held_spans.is_some() {
            let wire = buf.split_to(used).freeze();
            held = held_spans.map(|spans| HeldCommand { buf: wire.clone(), spans });
            slice.seal(wire);
        } else {
            buf.advance(used);
        }
        state.parser.rebase();
        state.held = held;
        state.buf = buf;
        stop
    }

    /// Looks again at a command that had to wait.
    fn take_held(self: &Rc<Self>, shard: &Rc<Shard>, state: &mut State, slice: &mut Slice, held: HeldCommand) -> Stop {
        slice.spans = held.spans;
        let buf: Bytes = held.buf;
        let command = Upcoming::find(&buf, slice, 0, 0);
        state.clock = None;
        let verdict = self.look_at(shard, state, slice, &buf, &command);
        self.count_reads(shard, state);
        slice.seal(buf.clone());
        match verdict {
            Verdict::Next | Verdict::Cross => Stop::Full,
            Verdict::HoldForAnswers => Stop::Done,
            Verdict::HoldFor(pause) => {
                state.held = Some(HeldCommand { buf, spans: std::mem::take(&mut slice.spans) });
                Stop::Hold(Some(pause))
            }
            Verdict::Stop => Stop::Done,
        }
    }

    /// Decides on a command whose arguments are in the slice's spans.
    fn look_at(
        self: &Rc<Self>,
        shard: &Rc<Shard>,
        state: &mut State,
        slice: &mut Slice,
        buf: &[u8],
        upcoming: &Upcoming,
    ) -> Verdict {
        // Taken out so that the reply can be written to the slice meanwhile.
        let mut spans: Vec<Span> = std::mem::take(&mut state.spans);
        spans.clear();
        spans.extend_from_slice(&slice.spans[upcoming.first..upcoming.first + upcoming.count]);
        let args = Args::new(buf, &spans);
        let verdict = match admit(&args, state, upcoming.command) {
            Err((error, command)) => {
                if let Some(command) = command {
                    stats::of(command).rejected.fetch_add(1, Ordering::Relaxed);
                }
                if table::is_http(&args) {
                    // Somebody's browser was made to send this: none of what follows shall be run.
                    tracing::warn!(client = self.record.id, "closing a client that speaks HTTP");
                    state.ending = Ending::AfterFlush;
                    state.spans = spans;
                    return Verdict::Stop;
                }
                let error = self.refuse_queued(state, command, error);
                self.refuse(state, slice, &error);
                Verdict::Next
            }
            Ok(command) => match shard.common.pause_ms(command, &state.session) {
                Some(pause_ms) => Verdict::HoldFor(Duration::from_millis(pause_ms)),
                None => self
                    .queue(shard, state, slice, command, &args)
                    .unwrap_or_else(|| self.run_or_cross(shard, state, slice, command, &args, upcoming)),
            },
        };
        state.spans = spans;
        verdict
    }

    fn run_or_cross(
        self: &Rc<Self>,
        shard: &Rc<Shard>,
        state: &mut State,
        slice: &mut Slice,
        command: &'static Command,
        args: &Args<'_>,
        upcoming: &Upcoming,
    ) -> Verdict {
        if upcoming.key_at.is_none() {
            // Whoever asks for the counters, or changes the session, finds them as they are.
            self.count_reads(shard, state);
        }
        let waits = slice.crosses();
        let Run::Session(handler) = command.run else {
            // Whoever may wait crosses alone, so that what was asked before is answered meanwhile. Whoever watches does, so that it is
            // known what is watched when the transaction comes.
            let (may_wait, watches) = (command.may_wait(args), command.marks.has(Marks::SETTLED));
            let is_alone = may_wait || watches;
            if is_alone && !slice.calls.is_empty() {
                return Verdict::HoldForAnswers;
            }
            if watches {
                slice.watch.clone_from(&state.session.watch);
            }
            let nothing_under_way = !waits && state.outstanding.is_none();
            if nothing_under_way && upcoming.key_at.is_some() && self.read_hot(shard, state, slice, command, args) {
                return Verdict::Next;
            }
            self.count_reads(shard, state);
            self.note_command(shard, state, command);
            let silent = state.session.reply_mode != ReplyMode::On;
            if state.session.reply_mode == ReplyMode::SkipNext {
                state.session.reply_mode = ReplyMode::On;
            }
            slice.calls.push(Call::Run {
                command,
                first: upcoming.first as u32,
                count: args.len() as u32,
                db: state.session.db,
                protocol: state.session.protocol,
                silent,
            });
            return if is_alone { Verdict::Cross } else { Verdict::Next };
        };
        if command.marks.has(Marks::BARRIER) && waits {
            return Verdict::HoldForAnswers;
        }
        self.note_command(shard, state, command);
        let started = Instant::now();
        if state.session.reply_mode == ReplyMode::SkipNext {
            state.session.reply_mode = ReplyMode::Skipping;
        }
        let start = slice.literals.len();
        // HELLO answers in the protocol that it sets, and tells the encoder so.
        let mut reply = Encoder::new(&mut slice.literals, state.session.protocol);
        let outcome = handler(&mut state.session, &*shard.common, args, &mut reply);
        let effect = outcome.unwrap_or_else(|error| {
            replace_by_error(state, slice, start, &error);
            Effect::None
        });
        self.record.publish(&state.session);
        let silent = self.answered_here(shard, state, slice, command, args, start, started.elapsed());
        match effect {
            Effect::Configure(what) => self.configure(shard, state, slice, what, silent),
            effect => self.carry_out(shard, state, slice, effect, start),
        }
    }

    /// Answers a read of what is in memory without a crossing. False: it has to cross. Nothing of the client's may be under
    /// way, or it would not see its own writes.
    fn read_hot(
        &self,
        shard: &Shard,
        state: &mut State,
        slice: &mut Slice,
        command: &'static Command,
        args: &Args<'_>,
    ) -> bool {
        if !state.tally.is_of(command) {
            self.count_reads(shard, state);
        }
        let clock = *state.clock.get_or_insert_with(|| Clock::read(shard));
        let start = slice.literals.len();
        let mut reply = Encoder::new(&mut slice.literals, state.session.protocol);
        match shard.hot.run(command, args, state.session.db, clock.now_ms, &mut reply) {
            None => {
                slice.literals.truncate(start);
                return false;
            }
            Some(Ok(())) => {}
            Some(Err(error)) => replace_by_error(state, slice, start, &error),
        }
        if state.session.reply_mode == ReplyMode::SkipNext {
            state.session.reply_mode = ReplyMode::Skipping;
        }
        state.tally.add(command, slice.literals.get(start) == Some(&b'-'));
        if slowlog::is_fine() {
            let busy = self.count_reads(shard, state);
            self.note_slow(shard, state, command, args, busy);
        }
        self.reply_here(state, slice, start);
        true
    }

    /// Counts a command whose reply lies in the literals from `start` on; see [`Connection::reply_here`].
    #[allow(clippy::too_many_arguments, reason = "what a command was, and where its answer lies")]
    pub(crate) fn answered_here(
        &self,
        shard: &Shard,
        state: &mut State,
        slice: &mut Slice,
        command: &'static Command,
        args: &Args<'_>,
        start: usize,
        busy: Duration,
    ) -> bool {
        stats::count_call(command, busy, slice.literals.get(start) == Some(&b'-'));
        self.note_slow(shard, state, command, args, busy);
        self.reply_here(state, slice, start)
    }

    /// Makes the reply that lies in the literals from `start` on a call. Returns whether the client does not want to see it.
    fn reply_here(&self, state: &mut State, slice: &mut Slice, start: usize) -> bool {
        let silent = state.session.reply_mode != ReplyMode::On;
        if silent {
            slice.literals.truncate(start);
        }
        if state.session.reply_mode == ReplyMode::Skipping {
            state.session.reply_mode = ReplyMode::On;
        }
        push_literal(slice, start);
        silent
    }

    fn carry_out(
        self: &Rc<Self>,
        shard: &Rc<Shard>,
        state: &mut State,
        slice: &mut Slice,
        effect: Effect,
        start: usize,
    ) -> Verdict {
        match effect {
            Effect::None | Effect::Configure(_) => Verdict::Next,
            Effect::Execute => self.execute(shard, state, slice),
            Effect::Close => {
                state.ending = Ending::AfterFlush;
                Verdict::Stop
            }
            Effect::Shutdown(how) => {
                shard.common.control.shutdown(how);
                Verdict::Stop
            }
            Effect::Sleep(pause) => {
                // What was answered before goes out now, this reply after the sleep.
                let late = slice.literals.split_off(start);
                let early = std::mem::take(&mut slice.literals);
                slice.calls.clear();
                self.send(shard, state, early);
                state.asleep = true;
                let (connection, shard) = (self.clone(), shard.clone());
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(pause).await;
                    connection.fenced(&shard, "dispatch", || {
                        {
                            let mut state = connection.state.borrow_mut();
                            state.asleep = false;
                            connection.send(&shard, &mut state, late);
                        }
                        connection.process(&shard);
                    });
                    connection.record.waker.wake();
                });
                Verdict::Stop
            }
        }
    }

    /// Leaves the commands of this client alone until the configuration is changed. What was answered before goes out
    /// now, the reply then.
    fn configure(
        self: &Rc<Self>,
        shard: &Rc<Shard>,
        state: &mut State,
        slice: &mut Slice,
        what: Configuring,
        silent: bool,
    ) -> Verdict {
        slice.calls.clear();
        self.send(shard, state, std::mem::take(&mut slice.literals));
        state.asleep = true;
        let (connection, shard) = (self.clone(), shard.clone());
        tokio::task::spawn_local(async move {
            let outcome = shard.common.configure(what).await;
            {
                let mut state = connection.state.borrow_mut();
                state.asleep = false;
                let mut reply = Vec::new();
                let mut encoder = Encoder::new(&mut reply, state.session.protocol);
                match outcome {
                    Ok(()) => encoder.ok(),
                    Err(error) => {
                        stats::count_error(&error.code());
                        encoder.error(error.text());
                    }
                }
                if !silent {
                    connection.send(&shard, &mut state, reply);
                }
            }
            connection.process(&shard);
            connection.record.waker.wake();
        });
        Verdict::Stop
    }

    /// Leaves the commands of this client alone for a while.
    fn sleep(self: &Rc<Self>, shard: &Rc<Shard>, state: &mut State, pause: Duration) {
        state.asleep = true;
        let (connection, shard) = (self.clone(), shard.clone());
        tokio::task::spawn_local(async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shard.common.unpaused() => {}
            }
            connection.state.borrow_mut().asleep = false;
            connection.fenced(&shard, "dispatch", || connection.process(&shard));
            connection.record.waker.wake();
        });
    }

    pub(crate) fn refuse(&self, state: &mut State, slice: &mut Slice, error: &Error) {
        stats::count_error(&error.code());
        let start = slice.literals.len();
        Encoder::new(&mut slice.literals, state.session.protocol).error(error.text());
        self.close_reply(state, slice, start);
    }

    /// Records a command that took long, with who sent it.
    pub(crate) fn note_slow(
        &self,
        shard: &Shard,
        state: &State,
        command: &'static Command,
        args: &Args<'_>,
        busy: Duration,
    ) {
        if slowlog::is_slow(command, busy) {
            let at_unix = shard.common.now_us() / 1_000_000;
            slowlog::record(command, args, busy, at_unix, self.record.address(), &state.session.name);
        }
    }

    /// Counts the reads that were answered here since this was done last. Returns how long they took.
    fn count_reads(&self, shard: &Shard, state: &mut State) -> Duration {
        let Some(clock) = state.clock.as_mut().filter(|_| !state.tally.is_empty()) else { return Duration::ZERO };
        let ended = Instant::now();
        let busy = ended - std::mem::replace(&mut clock.at, ended);
        let Some((command, calls)) = state.tally.count(busy) else { return busy };
        shard.hot.count();
        shard.common.metrics.commands.fetch_add(calls, Ordering::Relaxed);
        self.record.commands.fetch_add(calls, Ordering::Relaxed);
        self.record.note_command(table::index_of(command), state.session.db);
        busy
    }

    fn note_command(&self, shard: &Shard, state: &State, command: &'static Command) {
        shard.common.metrics.commands.fetch_add(1, Ordering::Relaxed);
        self.record.commands.fetch_add(1, Ordering::Relaxed);
        self.record.note_command(table::index_of(command), state.session.db);
    }
}

/// Puts an error in the place of what was written since `start`.
pub(crate) fn replace_by_error(state: &State, slice: &mut Slice, start: usize, error: &Error) {
    slice.literals.truncate(start);
    stats::count_error(&error.code());
    Encoder::new(&mut slice.literals, state.session.protocol).error(error.text());
}

/// The command that the arguments call, if this client may run it.
fn admit(
    args: &Args<'_>,
    state: &State,
    resolved: Option<&'static Command>,
) -> Result<&'static Command, (Error, Option<&'static Command>)> {
    let command = match resolved {
        Some(command) => command,
        None => table::resolve(args).map_err(|error| (error, table::lookup(args).ok()))?,
    };
    if !state.session.authenticated && !command.marks.has(Marks::NO_AUTH) {
        return Err((Error::NoAuth, Some(command)));
    }
    if let Some(error) = Connection::unfit(state, command) {
        return Err((error, Some(command)));
    }
    Ok(command)
}

/// Adds the literals from `start` on to the calls, to the last one if that is a literal too.
pub(crate) fn push_literal(slice: &mut Slice, start: usize) {
    let added = slice.literals.len() - start;
    if added == 0 {
        return;
    }
    match slice.calls.last_mut() {
        Some(Call::Literal { len, .. }) => *len += added as u32,
        _ => slice.calls.push(Call::Literal { start: start as u32, len: added as u32 }),
    }
}
