//! `MULTI`, `EXEC`, `DISCARD`, `WATCH` and `UNWATCH`.
//!
//! What a client queues stays with its [`Session`]; nothing of it crosses before `EXEC`. Then its commands become calls of
//! one slice, behind a [`Call::Transaction`](crate::Call), which a worker runs in one batch. What the client watches is
//! known to whoever commits: see [`data::Watch`].

use data::{View, Watch};
use resp::Span;

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;
use crate::session::{Effect, Host, Session};

/// Bytes of arguments that one transaction queues, at most, whatever `client-query-buffer-limit` allows: their positions have 32 bits.
pub const QUEUE_BYTES_MAX: usize = 1 << 31;

/// What `WATCH` is answered inside `MULTI`.
pub const WATCH_INSIDE_MULTI: Error = Error::sentence("ERR WATCH inside MULTI is not allowed");
/// What a command is answered that cannot be part of a transaction.
pub const NOT_INSIDE_MULTI: Error = Error::sentence("ERR Command not allowed inside a transaction");

const MARKS: Marks = Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ALLOW_BUSY);

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "multi",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Transactions,
        marks: MARKS.and(Marks::FAST).and(Marks::NEVER_QUEUED),
        doc: Doc::new("1.2.0", "Begins a transaction: the commands that follow are queued.", "O(1)", &[]),
        run: Run::Session(multi),
    },
    Command {
        name: "exec",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Transactions,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::SKIP_SLOWLOG).and(Marks::NEVER_QUEUED),
        doc: Doc::new(
            "1.2.0",
            "Runs the queued commands as one, unless a watched key was changed.",
            "Depends on the commands of the transaction",
            &[],
        ),
        run: Run::Session(exec),
    },
    Command {
        name: "discard",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Transactions,
        marks: MARKS.and(Marks::FAST).and(Marks::NEVER_QUEUED),
        doc: Doc::new(
            "2.0.0",
            "Forgets the queued commands, and the watched keys.",
            "O(N) where N is the number of queued commands",
            &[],
        ),
        run: Run::Session(discard),
    },
    Command {
        name: "watch",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RO"])],
        group: Group::Transactions,
        marks: MARKS.and(Marks::FAST).and(Marks::NEVER_QUEUED).and(Marks::SETTLED),
        doc: Doc::new(
            "2.2.0",
            "Lets the next transaction run only if certain keys were not changed by then.",
            "O(1) for every key.",
            &[Arg::key().multiple()],
        ),
        run: Run::Read(watch),
    },
    Command {
        name: "unwatch",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Transactions,
        marks: MARKS.and(Marks::FAST),
        doc: Doc::new("2.2.0", "Forgets the watched keys.", "O(1)", &[]),
        run: Run::Session(unwatch),
    },
];

/// The commands that a client has sent since `MULTI`.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The bytes of their arguments.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    commands: Vec<Queued>,
    /// A command was refused: `EXEC` will be too.
    pub has_failed: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    /// Which command.
    pub command: &'static Command,
    /// Its first argument among those of the queue.
    pub first: u32,
    /// Number of its arguments.
    pub count: u32,
}

impl Queue {
    /// Adds a command.
    pub fn push(&mut self, command: &'static Command, args: &Args<'_>) {
        let first = self.spans.len() as u32;
        for index in 0..args.len() {
            let arg = args.get(index).unwrap_or(&[]);
            self.spans.push(Span { start: self.bytes.len() as u32, len: arg.len() as u32 });
            self.bytes.extend_from_slice(arg);
        }
        self.commands.push(Queued { command, first, count: args.len() as u32 });
    }

    /// The commands, in the order sent.
    pub fn commands(&self) -> &[Queued] {
        &self.commands
    }

    /// The arguments of a command.
    pub fn args(&self, queued: Queued) -> Args<'_> {
        let spans = self.spans.get(queued.first as usize..(queued.first + queued.count) as usize);
        Args::new(&self.bytes, spans.unwrap_or(&[]))
    }

    /// The bytes of all arguments.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, given away.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Where they lie in [`Queue::bytes`].
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What the queue occupies, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<Span>() + self.commands.len() * size_of::<Queued>()
    }
}

/// The reply of `EXEC` if it is refused itself: nothing of the transaction is run.
pub fn aborted(error: &Error) -> Error {
    let text = error.text();
    Error::quoting("EXECABORT Transaction discarded because of: {}", &[text.strip_prefix(b"ERR ").unwrap_or(&text)])
}

/// Ends a transaction that is not run.
pub fn forget(session: &mut Session) {
    session.queue = None;
    session.watch = None;
}

fn multi(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if session.queue.is_some() {
        return Err(Error::sentence("ERR MULTI calls can not be nested"));
    }
    session.queue = Some(Queue::default());
    reply.ok();
    Ok(Effect::None)
}

fn exec(session: &mut Session, _: &dyn Host, _: &Args<'_>, _: &mut Reply<'_>) -> Result<Effect> {
    match &session.queue {
        None => Err(Error::sentence("ERR EXEC without MULTI")),
        Some(queue) if queue.has_failed => {
            forget(session);
            Err(Error::sentence("EXECABORT Transaction discarded because of previous errors."))
        }
        Some(_) => Ok(Effect::Execute),
    }
}

fn discard(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if session.queue.is_none() {
        return Err(Error::sentence("ERR DISCARD without MULTI"));
    }
    forget(session);
    reply.ok();
    Ok(Effect::None)
}

/// Inside `MULTI` it is refused before it crosses: [`WATCH_INSIDE_MULTI`].
fn watch(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let watch = view.turn().take_watch().unwrap_or_else(|| Watch::new(view.keyspace()));
    for index in 1..args.len() {
        watch.add(view, args.at(index)?)?;
    }
    view.turn().set_watch(Some(watch));
    reply.ok();
    Ok(())
}

fn unwatch(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    session.watch = None;
    reply.ok();
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use crate::testing::spans;

    #[test]
    fn a_queue_keeps_what_was_sent() {
        let mut queue = Queue::default();
        for words in [&[&b"SET"[..], b"a", b""], &[&b"GET"[..], b"key"][..]] {
            let (buf, spans) = (words.concat(), spans(words));
            let args = Args::new(&buf, &spans);
            queue.push(table::resolve(&args).expect("a command"), &args);
        }
        let told: Vec<(&str, Vec<&[u8]>)> = queue
            .commands()
            .iter()
            .map(|&queued| {
                let args = queue.args(queued);
                (queued.command.name, (0..args.len()).filter_map(|index| args.get(index)).collect())
            })
            .collect();
        assert_eq!(told, [("set", vec![&b"SET"[..], b"a", b""]), ("get", vec![&b"GET"[..], b"key"])]);
    }

    #[test]
    fn a_refused_exec_says_why_without_the_general_code() {
        let text = |error| aborted(&error).to_string();
        assert_eq!(text(Error::Syntax), "EXECABORT Transaction discarded because of: syntax error");
        assert_eq!(text(Error::NoAuth), format!("EXECABORT Transaction discarded because of: {}", Error::NoAuth));
    }
}
