//! The value of an option, its default, and how `CONFIG GET` prints it.
//!
//! Text becomes a value in [`super::parse`]; the lines that `CONFIG REWRITE` writes are made in [`super::rewrite`].

use super::events;
use super::option::{Kind, Words};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    YesNo(bool),
    /// Integers, byte counts (the same 64 bits, read as unsigned) and octal numbers.
    Number(i64),
    Text(Box<[u8]>),
    /// The code of a choice, or the bits of several.
    Code(u32),
    SavePoints(Vec<SavePoint>),
    OutputLimits([OutputLimit; 3]),
    OomScores([i32; 3]),
    /// The bits of [`super::events`].
    Events(u32),
    Addresses(Vec<Box<[u8]>>),
    Primary(Option<(Box<[u8]>, u16)>),
    Percentiles(Vec<f64>),
}

/// One pair of `save`: after so many seconds, if at least so many changes were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    pub interval_s: i64,
    pub changes: i32,
}

/// One class of `client-output-buffer-limit`. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    pub soft_s: i32,
}

/// The classes of `client-output-buffer-limit`, in the order of [`Value::OutputLimits`], as `CONFIG GET` calls them.
pub const OUTPUT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

const SAVE_POINTS: [SavePoint; 3] = [
    SavePoint { interval_s: 3600, changes: 1 },
    SavePoint { interval_s: 300, changes: 100 },
    SavePoint { interval_s: 60, changes: 10_000 },
];

const OUTPUT_LIMITS: [OutputLimit; 3] = [
    OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 },
    OutputLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_s: 60 },
    OutputLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_s: 60 },
];

impl Value {
    /// What an option of this kind is before anybody sets it. A directory starts empty: the loader knows where it is.
    pub fn default_of(kind: &Kind) -> Self {
        match *kind {
            Kind::YesNo(default) => Value::YesNo(default),
            Kind::Integer { default, .. }
            | Kind::Clamped { default, .. }
            | Kind::MemoryOrPercent { default }
            | Kind::Octal { default, .. } => Value::Number(default),
            Kind::Memory { default, .. } => Value::Number(default as i64),
            Kind::Text { default, .. } => Value::Text(default.as_bytes().into()),
            Kind::Choice { default, .. } | Kind::Flags { default, .. } => Value::Code(default),
            Kind::Directory => Value::Text(Box::default()),
            Kind::SavePoints => Value::SavePoints(SAVE_POINTS.to_vec()),
            Kind::OutputLimits => Value::OutputLimits(OUTPUT_LIMITS),
            Kind::OomScores => Value::OomScores([0, 200, 800]),
            Kind::Events => Value::Events(0),
            Kind::Addresses => Value::Addresses(vec![b"*"[..].into(), b"-::*"[..].into()]),
            Kind::Primary => Value::Primary(None),
            Kind::Percentiles => Value::Percentiles(vec![50.0, 99.0, 99.9]),
        }
    }

    /// The value as `CONFIG GET` answers it.
    pub fn print(&self, kind: &Kind) -> Vec<u8> {
        match self {
            Value::YesNo(on) => yes_or_no(*on).into(),
            Value::Number(n) => print_number(*n, kind).into_bytes(),
            Value::Text(text) => text.to_vec(),
            Value::Code(code) => match kind {
                Kind::Choice { words, .. } | Kind::Flags { words, .. } => words_of(words, *code).into_bytes(),
                _ => Vec::new(),
            },
            Value::SavePoints(points) => join(points.iter().map(|p| format!("{} {}", p.interval_s, p.changes))),
            Value::OutputLimits(limits) => join(
                OUTPUT_CLASSES
                    .iter()
                    .zip(limits)
                    .map(|(class, l)| format!("{class} {} {} {}", l.hard_bytes, l.soft_bytes, l.soft_s)),
            ),
            Value::OomScores(scores) => join(scores.iter().map(i32::to_string)),
            Value::Events(bits) => events::letters(*bits).into_bytes(),
            Value::Addresses(addresses) => addresses.join(&b' '),
            Value::Primary(None) => Vec::new(),
            Value::Primary(Some((host, port))) => [host, &b" "[..], port.to_string().as_bytes()].concat(),
            Value::Percentiles(all) => join(all.iter().map(|p| print_percentile(*p))),
        }
    }
}

pub(super) fn yes_or_no(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

fn print_number(n: i64, kind: &Kind) -> String {
    match kind {
        Kind::MemoryOrPercent { .. } if n < 0 => format!("{}%", n.unsigned_abs()),
        Kind::Memory { .. } | Kind::MemoryOrPercent { .. } => (n as u64).to_string(),
        Kind::Octal { .. } => format!("{n:o}"),
        _ => n.to_string(),
    }
}

/// The word for a code; for several bits, their words in the table's order.
pub(super) fn words_of(words: Words, code: u32) -> String {
    if let Some((word, _)) = words.iter().find(|(_, c)| *c == code) {
        return (*word).to_owned();
    }
    let set: Vec<&str> = words.iter().filter(|(_, c)| *c != 0 && code & c == *c).map(|(word, _)| *word).collect();
    set.join(" ")
}

/// Six decimals, without the zeros at their end.
pub(super) fn print_percentile(percentile: f64) -> String {
    let six = format!("{percentile:.6}");
    six.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn join(items: impl Iterator<Item = String>) -> Vec<u8> {
    items.collect::<Vec<_>>().join(" ").into_bytes()
}
