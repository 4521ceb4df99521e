//! What a command is: every fact about it, written once.
//!
//! The variant of [`Run`] decides on which runtime a command runs and whether it may write; there is no
//! other list of that. Flags, categories and key positions that clients see are derived from here.

use data::{Tx, View};
use resp::Encoder;

use crate::args::Args;
use crate::error::Result;
use crate::keys::{Begin, KeySpec};
use crate::session::{Effect, Host, Session};
use crate::store::Store;

/// Where a command's reply goes: encoded at once, for the protocol of its client.
pub type Reply<'a> = Encoder<'a>;

/// A command or subcommand.
#[derive(Debug)]
pub struct Command {
    /// Lower case; a subcommand is written `config|get`.
    pub name: &'static str,
    /// How many arguments it takes, its name included.
    pub arity: Arity,
    /// Where its keys are. Empty: it has none.
    pub keys: &'static [KeySpec],
    /// What it belongs to.
    pub group: Group,
    /// Only what cannot be derived from the rest.
    pub marks: Marks,
    /// What `COMMAND DOCS` says.
    pub doc: Doc,
    /// What it does, and where.
    pub run: Run,
}

/// The number of arguments, the command's name included (and the subcommand's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Just so many.
    Exactly(u16),
    /// So many or more.
    AtLeast(u16),
}

impl Arity {
    /// True if a command may have this many arguments.
    pub fn admits(self, count: usize) -> bool {
        match self {
            Arity::Exactly(n) => count == usize::from(n),
            Arity::AtLeast(n) => count >= usize::from(n),
        }
    }

    /// As `COMMAND INFO` tells it: negative where there may be more.
    pub fn signed(self) -> i64 {
        match self {
            Arity::Exactly(n) => i64::from(n),
            Arity::AtLeast(n) => -i64::from(n),
        }
    }
}

/// A command that may not touch data.
pub type SessionHandler = fn(&mut Session, &dyn Host, &Args<'_>, &mut Reply<'_>) -> Result<Effect>;
/// A command that reads data.
pub type ReadHandler = fn(&View<'_>, &Args<'_>, &mut Reply<'_>) -> Result<()>;
/// A command that may write data.
pub type WriteHandler = fn(&mut Tx<'_>, &Args<'_>, &mut Reply<'_>) -> Result<()>;

/// How a command runs.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// On the network runtime, with the client's own state; it may not touch data.
    Session(SessionHandler),
    /// On the storage runtime; cannot write.
    Read(ReadHandler),
    /// On the storage runtime, in a batch with others.
    Write(WriteHandler),
    /// On the storage runtime, off the workers: concerns the database as a whole.
    Admin(fn(&Store<'_>, &Args<'_>, &mut Reply<'_>) -> Result<()>),
    /// Has subcommands only.
    Container,
}

/// What a command belongs to: its `COMMAND DOCS` group, ACL category and file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Redis's group names")]
pub enum Group {
    Generic,
    String,
    Bitmap,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
    Geo,
    HyperLogLog,
    Pubsub,
    Transactions,
    Scripting,
    Connection,
    Server,
}

impl Group {
    /// The name in `COMMAND DOCS`.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Stream => "stream",
            Group::Geo => "geo",
            Group::HyperLogLog => "hyperloglog",
            Group::Pubsub => "pubsub",
            Group::Transactions => "transactions",
            Group::Scripting => "scripting",
            Group::Connection => "connection",
            Group::Server => "server",
        }
    }
}

/// A set of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks(u32);

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);
    /// Constant or logarithmic cost: `@fast`.
    pub const FAST: Marks = Marks(1);
    /// May need more memory or disk: refused when there is none (Redis's `denyoom`).
    pub const GROWS: Marks = Marks(1 << 1);
    /// For administrators: `@admin`, `@dangerous`.
    pub const ADMIN: Marks = Marks(1 << 2);
    /// `@dangerous` without being for administrators only.
    pub const DANGEROUS: Marks = Marks(1 << 3);
    /// Not from a script.
    pub const NO_SCRIPT: Marks = Marks(1 << 4);
    /// Allowed while a data set is loaded.
    pub const LOADING: Marks = Marks(1 << 5);
    /// Allowed on a replica with stale data.
    pub const STALE: Marks = Marks(1 << 6);
    /// May wait for others.
    pub const BLOCKING: Marks = Marks(1 << 7);
    /// Allowed before authentication.
    pub const NO_AUTH: Marks = Marks(1 << 8);
    /// Not shown to `MONITOR`.
    pub const SKIP_MONITOR: Marks = Marks(1 << 9);
    /// Not in the slow log.
    pub const SKIP_SLOWLOG: Marks = Marks(1 << 10);
    /// Allowed while a script runs too long.
    pub const ALLOW_BUSY: Marks = Marks(1 << 11);
    /// Not inside `MULTI`.
    pub const NO_MULTI: Marks = Marks(1 << 12);
    /// Publish and subscribe.
    pub const PUBSUB: Marks = Marks(1 << 13);
    /// Not while loading in the background.
    pub const NO_ASYNC_LOADING: Marks = Marks(1 << 14);
    /// Keys are not required even though there are key specs.
    pub const NO_MANDATORY_KEYS: Marks = Marks(1 << 15);
    /// May reach keys that its arguments do not name.
    pub const TOUCHES_ARBITRARY_KEYS: Marks = Marks(1 << 16);
    /// A write that only keeps what a read has computed: clients are told that it reads (`PFCOUNT`).
    pub const MAY_REPLICATE: Marks = Marks(1 << 17);
    /// Positions of keys depend on arguments.
    pub const MOVABLE_KEYS: Marks = Marks(1 << 18);
    /// `@keyspace` beside the group's category.
    pub const KEYSPACE: Marks = Marks(1 << 19);
    /// Arguments are secrets: not logged.
    pub const SECRET_ARGS: Marks = Marks(1 << 20);
    /// Takes every latch: runs alone among writes (Ours; not a Redis flag).
    pub const EXCLUSIVE: Marks = Marks(1 << 21);
    /// A read of unknown, possibly large cost: runs on the reader pool (ours).
    pub const LONG: Marks = Marks(1 << 22);
    /// A read that sees what is committed and nothing else, with its keys latched (ours).
    pub const SETTLED: Marks = Marks(1 << 23);
    /// A session command that is answered with nothing in flight, after all earlier ones (ours).
    pub const BARRIER: Marks = Marks(1 << 24);
    /// A container whose subcommands are not listed by `COMMAND` (ours).
    pub const HIDDEN_SUBCOMMANDS: Marks = Marks(1 << 25);
    /// `@connection` in the place of the group's category (`COMMAND`, `WAIT`).
    pub const CONNECTION: Marks = Marks(1 << 26);
    /// `@set`, `@sortedset` and `@list` in the place of the group's category (`SORT`).
    pub const COLLECTIONS: Marks = Marks(1 << 27);
    /// `@admin` and `@dangerous` without the flag `admin` (`ROLE`, `LASTSAVE`).
    pub const ADMIN_CATEGORY: Marks = Marks(1 << 28);
    /// Inside `MULTI` it is run at once (ours).
    pub const NEVER_QUEUED: Marks = Marks(1 << 29);
    /// Takes a slot that is being imported, as if after `ASKING` (flag only).
    pub const ASKING: Marks = Marks(1 << 30);
    /// For servers among themselves: `syscmd` in `COMMAND DOCS`.
    pub const SYSTEM: Marks = Marks(1 << 31);

    /// Whatever the state of the data set: while it loads, and on a replica with stale data.
    pub const ANY_TIME: Marks = Marks::LOADING.and(Marks::STALE);

    /// Both sets together.
    pub const fn and(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// True if all of `other` are set.
    pub const fn has(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What `COMMAND DOCS` says of a command.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The Redis version that brought it.
    pub since: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Its cost.
    pub complexity: &'static str,
    /// Its arguments.
    pub args: &'static [Arg],
    /// Since when it is deprecated, and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Changes since: version and what changed.
    pub history: &'static [(&'static str, &'static str)],
    /// Hints for clients (`request_policy:all_shards`...), last but one element of `COMMAND INFO`.
    pub tips: &'static [&'static str],
}

impl Doc {
    /// A description without deprecation, history or tips.
    pub const fn new(
        since: &'static str,
        summary: &'static str,
        complexity: &'static str,
        args: &'static [Arg],
    ) -> Doc {
        Doc { since, summary, complexity, args, deprecated: None, history: &[], tips: &[] }
    }

    /// With its history.
    pub const fn history(self, history: &'static [(&'static str, &'static str)]) -> Doc {
        Doc { history, ..self }
    }

    /// With its tips.
    pub const fn tips(self, tips: &'static [&'static str]) -> Doc {
        Doc { tips, ..self }
    }

    /// As deprecated.
    pub const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Doc {
        Doc { deprecated: Some((since, replaced_by)), ..self }
    }
}

/// An argument in `COMMAND DOCS`.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
    /// The word that announces it.
    pub token: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The word is repeated with it.
    pub multiple_token: bool,
    /// The version that brought it, if later than the command.
    pub since: Option<&'static str>,
    /// The version that deprecated it.
    pub deprecated: Option<&'static str>,
    /// What people are shown for it, where that is not its name.
    pub display: Option<&'static str>,
}

/// What an argument is.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of COMMAND DOCS")]
pub enum ArgKind {
    String,
    Integer,
    Double,
    /// A key, and which of the command's key specs finds it.
    Key(u8),
    Pattern,
    UnixTime,
    PureToken,
    OneOf(&'static [Arg]),
    Block(&'static [Arg]),
}

impl Arg {
    /// A required argument.
    pub const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            token: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            since: None,
            deprecated: None,
            display: None,
        }
    }

    /// A required key, found by the first key spec.
    pub const fn key() -> Arg {
        Arg::new("key", ArgKind::Key(0))
    }

    /// A word that stands for itself, such as `NX`.
    pub const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg { token: Some(token), ..Arg::new(name, ArgKind::PureToken) }
    }

    /// Announced by a word.
    pub const fn token(self, token: &'static str) -> Arg {
        Arg { token: Some(token), ..self }
    }

    /// May be left out.
    pub const fn optional(self) -> Arg {
        Arg { optional: true, ..self }
    }

    /// May be repeated.
    pub const fn multiple(self) -> Arg {
        Arg { multiple: true, ..self }
    }

    /// May be repeated, each time with its word.
    pub const fn multiple_token(self) -> Arg {
        Arg { multiple: true, multiple_token: true, ..self }
    }

    /// Came later than its command.
    pub const fn since(self, version: &'static str) -> Arg {
        Arg { since: Some(version), ..self }
    }

    /// Is deprecated since a version.
    pub const fn deprecated(self, version: &'static str) -> Arg {
        Arg { deprecated: Some(version), ..self }
    }

    /// Is shown under another name.
    pub const fn display(self, text: &'static str) -> Arg {
        Arg { display: Some(text), ..self }
    }
}

impl Command {
    /// The name without its container's.
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// True if it may change data.
    pub fn is_write(&self) -> bool {
        matches!(self.run, Run::Write(_))
    }

    /// True if clients are told that it changes data.
    pub fn tells_of_writes(&self) -> bool {
        self.is_write() && !self.marks.has(Marks::MAY_REPLICATE)
    }

    /// True if clients are told that it reads data.
    pub fn tells_of_reads(&self) -> bool {
        matches!(self.run, Run::Read(_)) && !self.marks.has(Marks::SETTLED)
            || self.is_write() && self.marks.has(Marks::MAY_REPLICATE)
    }

    /// True if it may wait for others when it is called so: a command with a keyword before its keys (`XREAD`) only with `BLOCK`.
    pub fn may_wait(&self, args: &Args<'_>) -> bool {
        self.marks.has(Marks::BLOCKING)
            && self.keys.iter().all(|spec| match spec.begin {
                Begin::Keyword(word, _) => {
                    (1..args.len()).take_while(|&at| !args.is(at, word)).any(|at| args.is(at, "block"))
                }
                _ => true,
            })
    }

    /// True if it runs on the network runtime.
    pub fn is_session(&self) -> bool {
        matches!(self.run, Run::Session(_))
    }
}
