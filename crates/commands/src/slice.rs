//! What crosses: a pipeline slice, that is the commands which a client sent in one read, and its answer.
//!
//! The buffer that the client's bytes were read into crosses as it is; arguments are positions in it.
//! Session commands between storage commands are answered before the crossing; their replies travel
//! along as literals, so that the order of replies needs no thought on the other side. The slice comes
//! back as its own answer, so that its buffers serve the client's next one.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use data::{Cancel, Watch};
use resp::{Encoder, Protocol, Span};

use crate::args::Args;
use crate::command::Command;
use crate::error::{Error, Nothing};
use crate::transactions::Queue;

/// Consecutive commands of one client.
#[derive(Debug, Default)]
pub struct Slice {
    /// The bytes that the arguments lie in.
    pub buf: Bytes,
    /// Arguments of all calls.
    pub spans: Vec<Span>,
    /// The commands, in the order sent.
    pub calls: Vec<Call>,
    /// Replies of session commands, already encoded.
    pub literals: Vec<u8>,
    /// The next call to run: everything before it has its reply in `answer`.
    pub next: usize,
    /// The replies so far, encoded, in order.
    pub answer: Vec<u8>,
    /// Calls that took long, for whoever knows the client.
    pub slow: Vec<SlowCall>,
    /// A place among the writes was given to it while they are slowed down.
    pub admitted: bool,
    /// Once its call has waited for others: what that is answered if it has waited in vain.
    pub nothing: Option<Nothing>,
    /// What its call left for itself when it began to wait.
    pub memo: Option<Vec<u8>>,
    /// What its client watches: for `WATCH` and for the transaction in it that minds that.
    pub watch: Option<Watch>,
    /// That transaction was not run.
    pub aborted: bool,
    /// Arguments that lie behind those that came over the wire, until the slice is sealed, and their spans.
    appended: Vec<u8>,
    appended_spans: Vec<Range<usize>>,
    /// Set by the client's connection when it ends. Stays with the slice when it is emptied.
    pub cancel: Option<Cancel>,
}

/// A call that took long.
#[derive(Clone, Copy, Debug)]
pub struct SlowCall {
    /// Which command.
    pub command: &'static Command,
    /// Its first argument in the slice's spans.
    pub first: u32,
    /// Number of its arguments.
    pub count: u32,
    /// How long it ran.
    pub busy: Duration,
}

/// One command of a slice, or a reply that is known already.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// To be run on the storage runtime.
    Run {
        /// Which command.
        command: &'static Command,
        /// Its first argument in the slice's spans.
        first: u32,
        /// Number of its arguments.
        count: u32,
        /// The database that was selected.
        db: u16,
        /// The RESP version of the reply.
        protocol: Protocol,
        /// The reply is not wanted (`CLIENT REPLY`).
        silent: bool,
    },
    /// The calls behind this one are run as one: in one batch, seen by others as a whole or not at all (`EXEC`).
    Transaction {
        /// How many calls.
        calls: u32,
        /// How many replies; these are the elements of one reply.
        replies: u32,
        /// It is only run if what the slice's `watch` has is as it was.
        watches: bool,
        /// The RESP version of the reply.
        protocol: Protocol,
        /// The reply is not wanted (`CLIENT REPLY`).
        silent: bool,
    },
    /// To be copied from the slice's literals.
    Literal {
        /// Its first byte.
        start: u32,
        /// Its length.
        len: u32,
    },
}

impl Slice {
    /// The arguments of a call.
    pub fn args(&self, first: u32, count: u32) -> Args<'_> {
        let spans = self.spans.get(first as usize..first as usize + count as usize).unwrap_or(&[]);
        Args::new(&self.buf, spans)
    }

    /// Takes in the arguments of a transaction, behind what came over the wire. Their spans come behind those that are there.
    pub fn append(&mut self, queue: Queue) {
        let first = self.spans.len();
        let start = self.appended.len() as u32;
        self.spans.extend(queue.spans().iter().map(|span| Span { start: start + span.start, ..*span }));
        self.appended_spans.push(first..self.spans.len());
        match self.appended.is_empty() {
            true => self.appended = queue.into_bytes(),
            false => self.appended.extend_from_slice(queue.bytes()),
        }
    }

    /// Bytes that were appended.
    pub fn appended_bytes(&self) -> usize {
        self.appended.len()
    }

    /// Gives the slice the bytes that came over the wire. All arguments can be read from then on.
    pub fn seal(&mut self, wire: Bytes) {
        if self.appended.is_empty() {
            self.buf = wire;
            return;
        }
        let appended = std::mem::take(&mut self.appended);
        let ranges = std::mem::take(&mut self.appended_spans);
        let is_appended = |first: &u32| ranges.iter().any(|range| range.contains(&(*first as usize)));
        let needs_wire = self.calls.iter().any(|call| matches!(call, Call::Run { first, .. } if !is_appended(first)));
        if !needs_wire {
            // Large arguments are not copied.
            self.buf = appended.into();
            return;
        }
        for range in ranges {
            self.spans[range].iter_mut().for_each(|span| span.start += wire.len() as u32);
        }
        self.buf = [&wire[..], &appended].concat().into();
    }

    /// The commands of the transaction whose calls begin at an index.
    pub fn runs(&self, first: usize, calls: u32) -> impl Iterator<Item = (&'static Command, Args<'_>)> {
        let calls = self.calls.get(first..first + calls as usize).unwrap_or(&[]);
        calls.iter().filter_map(|call| match *call {
            Call::Run { command, first, count, .. } => Some((command, self.args(first, count))),
            _ => None,
        })
    }

    /// True if there is anything in it for storage.
    pub fn crosses(&self) -> bool {
        self.calls.iter().any(|call| !matches!(call, Call::Literal { .. }))
    }

    /// True once the first call has run.
    pub fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// True if a request that waits for keys is also concerned when one of them goes: the groups of a stream go with it.
    pub fn waits_for_absence(&self) -> bool {
        matches!(self.calls.first(), Some(Call::Run { command, .. }) if command.name == "xreadgroup")
    }

    /// Answers every call that has not run with an error; replies that are known stay.
    pub fn refuse_rest(&mut self, error: &Error) {
        let text = error.text();
        let mut rest = self.calls.get(self.next..).unwrap_or(&[]);
        while let [call, behind @ ..] = rest {
            rest = behind;
            match *call {
                Call::Transaction { calls, protocol, silent, .. } => {
                    rest = behind.get(calls as usize..).unwrap_or(&[]);
                    if !silent {
                        Encoder::new(&mut self.answer, protocol).error(&text);
                    }
                }
                Call::Literal { start, len } => {
                    let literal = self.literals.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    self.answer.extend_from_slice(literal);
                }
                Call::Run { silent: true, .. } => {}
                Call::Run { protocol, .. } => Encoder::new(&mut self.answer, protocol).error(&text),
            }
        }
        self.next = self.calls.len();
    }

    /// Answers the call that has waited for others in vain.
    pub fn time_out(&mut self) {
        let nothing = self.nothing.unwrap_or(Nothing::Array);
        if let Some(&Call::Run { protocol, silent: false, command, .. }) = self.calls.get(self.next) {
            nothing.write(&mut Encoder::new(&mut self.answer, protocol));
            crate::stats::count_call(command, Duration::ZERO, false);
        }
        self.next += 1;
    }

    /// Answers the call that has waited for others with an error, as somebody has asked for that (`CLIENT UNBLOCK ... ERROR`).
    pub fn unblock(&mut self) {
        if let Some(&Call::Run { command, .. }) = self.calls.get(self.next) {
            crate::stats::count_call(command, Duration::ZERO, true);
            crate::stats::count_error(&Error::Unblocked.code());
        }
        self.refuse_rest(&Error::Unblocked);
    }

    /// Empties the slice for its next use; what it has allocated is kept.
    pub fn clear(&mut self) {
        self.buf = Bytes::new();
        self.spans.clear();
        self.calls.clear();
        self.literals.clear();
        self.next = 0;
        self.answer.clear();
        self.slow.clear();
        self.admitted = false;
        self.nothing = None;
        self.memo = None;
        self.watch = None;
        self.aborted = false;
        self.appended.clear();
        self.appended_spans.clear();
    }

    /// What the slice occupies in the channel, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.buf.len() + self.literals.len() + self.spans.len() * 8 + self.calls.len() * 32
    }
}
