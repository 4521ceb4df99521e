//! What one option is: its name, the kind of value it takes, when it may change, and whether this server heeds it.
//!
//! Only the vocabulary is here, written so that a table row reads as one line. The rows are in [`super::table`], the
//! values in [`super::value`], and turning text into a value in [`super::parse`].

/// One option of the configuration file. Everything the program knows about an option derives from this.
#[derive(Debug)]
pub struct OptionDef {
    /// The name as `CONFIG REWRITE` writes it: lower case.
    pub name: &'static str,
    /// A second name that works everywhere the first does. `CONFIG GET` with a pattern lists both, as in Redis.
    pub alias: Option<&'static str>,
    pub kind: Kind,
    pub change: Change,
    pub effect: Effect,
    /// Hidden options answer to their exact name only, never to a pattern.
    pub hidden: bool,
    /// Secret values are kept out of logs, the slow log and `MONITOR`.
    pub secret: bool,
}

/// What values an option takes, and which it has when nobody says anything.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    YesNo(bool),
    Integer {
        min: i64,
        max: i64,
        default: i64,
    },
    /// An integer of which any value is accepted within the bounds, then pulled into `low..=high`.
    Clamped {
        max: i64,
        low: i64,
        high: i64,
        default: i64,
    },
    /// An amount of bytes, with or without a unit.
    Memory {
        min: u64,
        max: u64,
        default: u64,
    },
    /// An amount of bytes, or a percentage (up to 100) of `maxmemory`, which is kept as a negative number.
    MemoryOrPercent {
        default: i64,
    },
    Octal {
        max: i64,
        default: i64,
    },
    Text {
        default: &'static str,
        check: fn(&[u8]) -> Result<(), &'static str>,
        /// What [`Kind::Text`] does with an empty value when rewriting: an absent one is no line at all.
        empty: Empty,
    },
    /// One of these words. The first word with a code is the one that is printed for it.
    Choice {
        words: Words,
        default: u32,
    },
    /// Any of these words together; codes are bits.
    Flags {
        words: Words,
        default: u32,
    },
    /// The working directory: kept absolute, and it must exist.
    Directory,
    SavePoints,
    OutputLimits,
    OomScores,
    Events,
    Addresses,
    Primary,
    Percentiles,
}

pub type Words = &'static [(&'static str, u32)];

/// Whether an empty text is a value like any other or means "not set".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    Value,
    Absent,
    /// Not set, and the text is binary: a zero byte does not end it.
    AbsentBinary,
}

/// When an option may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Anytime,
    /// In the file or on the command line only.
    AtStart,
    /// By `CONFIG SET` only where `enable-protected-configs` allows it.
    Protected,
    /// Accepted at start, so that an existing file goes on working; `CONFIG SET` to another value says why not.
    Refused(&'static str),
}

/// Whether the server heeds the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Read whenever it matters: a change is felt at once.
    Live,
    /// Read once, while starting.
    AtStart,
    /// Accepted and remembered, but nothing reads it. The sentence says why.
    Ignored(&'static str),
}

impl OptionDef {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, alias: None, kind, change: Change::Anytime, effect: Effect::Live, hidden: false, secret: false }
    }

    pub const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// Neither `CONFIG SET` nor anything else changes it once the server runs.
    pub const fn fixed(mut self) -> Self {
        self.change = Change::AtStart;
        if matches!(self.effect, Effect::Live) {
            self.effect = Effect::AtStart;
        }
        self
    }

    /// Settable while running, heeded at the next start.
    pub const fn at_start(mut self) -> Self {
        self.effect = Effect::AtStart;
        self
    }

    pub const fn protected(mut self) -> Self {
        self.change = Change::Protected;
        self
    }

    pub const fn refused_while_running(mut self, why: &'static str) -> Self {
        self.change = Change::Refused(why);
        self
    }

    pub const fn ignored(mut self, why: &'static str) -> Self {
        self.effect = Effect::Ignored(why);
        self
    }

    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Whether the option takes several arguments; the others take exactly one.
    pub fn takes_several(&self) -> bool {
        matches!(
            self.kind,
            Kind::Flags { .. }
                | Kind::SavePoints
                | Kind::OutputLimits
                | Kind::OomScores
                | Kind::Addresses
                | Kind::Primary
                | Kind::Percentiles
        )
    }
}

/// The largest value of Redis's `int` options.
pub const INT_MAX: i64 = i32::MAX as i64;
/// The smallest value of Redis's `int` options.
pub const INT_MIN: i64 = i32::MIN as i64;
/// The largest value of Redis's `unsigned int` options.
pub const UINT_MAX: i64 = u32::MAX as i64;
/// The largest value of Redis's `long` options, and of most of its byte counts.
pub const LONG_MAX: i64 = i64::MAX;
/// [`LONG_MAX`] as a byte count.
pub const BYTES_MAX: u64 = i64::MAX as u64;
/// One kilobyte, for bounds and defaults.
pub const KB: u64 = 1024;
/// One megabyte, for bounds and defaults.
pub const MB: u64 = 1024 * 1024;

pub const fn yes_no(name: &'static str, default: bool) -> OptionDef {
    OptionDef::new(name, Kind::YesNo(default))
}

pub const fn integer(name: &'static str, min: i64, max: i64, default: i64) -> OptionDef {
    OptionDef::new(name, Kind::Integer { min, max, default })
}

pub const fn memory(name: &'static str, min: u64, max: u64, default: u64) -> OptionDef {
    OptionDef::new(name, Kind::Memory { min, max, default })
}

/// A text that may be empty.
pub const fn text(name: &'static str, default: &'static str) -> OptionDef {
    OptionDef::new(name, Kind::Text { default, check: accept_any, empty: Empty::Value })
}

/// A text that is either given or absent; absent by default.
pub const fn optional(name: &'static str) -> OptionDef {
    OptionDef::new(name, Kind::Text { default: "", check: accept_any, empty: Empty::Absent })
}

/// An optional text that may hold any byte.
pub const fn optional_binary(name: &'static str) -> OptionDef {
    OptionDef::new(name, Kind::Text { default: "", check: accept_any, empty: Empty::AbsentBinary })
}

/// A text with rules of its own.
pub const fn checked(
    name: &'static str,
    default: &'static str,
    empty: Empty,
    check: fn(&[u8]) -> Result<(), &'static str>,
) -> OptionDef {
    OptionDef::new(name, Kind::Text { default, check, empty })
}

pub const fn choice(name: &'static str, words: Words, default: u32) -> OptionDef {
    OptionDef::new(name, Kind::Choice { words, default })
}

pub const fn special(name: &'static str, kind: Kind) -> OptionDef {
    OptionDef::new(name, kind)
}

fn accept_any(_: &[u8]) -> Result<(), &'static str> {
    Ok(())
}
