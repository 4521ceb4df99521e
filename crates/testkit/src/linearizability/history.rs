//! Calls: what a client asked, when, and what it heard.

use crate::{Refusal, Value};
use std::fmt;
use std::time::Duration;

/// Keys are numbers here; [`Operation::words`] gives them names.
pub type Key = usize;

/// When a SET sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// Where the key is absent.
    Absent,
    /// Where the key is there.
    Present,
}

/// A command of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `GET key`
    Get(Key),
    /// `SET key value [NX | XX] [GET]`
    Set {
        /// What is set.
        key: Key,
        /// To what.
        value: Vec<u8>,
        /// `NX` or `XX`.
        condition: Condition,
        /// Whether the old value is asked for.
        get: bool,
    },
    /// `GETDEL key`
    GetDel(Key),
    /// `INCR key`
    Incr(Key),
    /// `APPEND key value`
    Append(Key, Vec<u8>),
    /// `MSET key value ...`
    MSet(Vec<(Key, Vec<u8>)>),
    /// `MGET key ...`
    MGet(Vec<Key>),
    /// A transaction of a `SET key value GET` for each.
    Exchange(Vec<(Key, Vec<u8>)>),
}

/// What became of a call. Times count from the begin of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Replied {
        /// With this.
        reply: Value,
        /// At this moment.
        at: Duration,
    },
    /// It has taken effect by this moment, but what it replied is not known.
    Applied {
        /// When the client heard so.
        at: Duration,
    },
    /// It may have taken effect, at the latest at this moment (`None`: any time later), or not at all.
    Unknown {
        /// When at the latest.
        until: Option<Duration>,
    },
}

/// One command of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who called; only for messages.
    pub client: usize,
    /// What.
    pub operation: Operation,
    /// Since when it may have taken effect.
    pub begun: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

impl Operation {
    /// The keys that it touches.
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Operation::Get(key) | Operation::GetDel(key) | Operation::Incr(key) | Operation::Append(key, _) => {
                vec![*key]
            }
            Operation::Set { key, .. } => vec![*key],
            Operation::MSet(pairs) | Operation::Exchange(pairs) => pairs.iter().map(|(key, _)| *key).collect(),
            Operation::MGet(keys) => keys.clone(),
        }
    }

    /// Whether it never changes anything.
    pub fn is_read(&self) -> bool {
        matches!(self, Operation::Get(_) | Operation::MGet(_))
    }

    /// The command as it is sent.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let name = |key: &Key| format!("linearizable:{key}").into_bytes();
        let word = |text: &str| text.as_bytes().to_vec();
        match self {
            Operation::Get(key) => vec![word("GET"), name(key)],
            Operation::GetDel(key) => vec![word("GETDEL"), name(key)],
            Operation::Incr(key) => vec![word("INCR"), name(key)],
            Operation::Append(key, value) => vec![word("APPEND"), name(key), value.clone()],
            Operation::Set { key, value, condition, get } => {
                let mut words = vec![word("SET"), name(key), value.clone()];
                match condition {
                    Condition::Always => {}
                    Condition::Absent => words.push(word("NX")),
                    Condition::Present => words.push(word("XX")),
                }
                words.extend(get.then(|| word("GET")));
                words
            }
            Operation::MSet(pairs) => {
                let pairs = pairs.iter().flat_map(|(key, value)| [name(key), value.clone()]);
                std::iter::once(word("MSET")).chain(pairs).collect()
            }
            Operation::MGet(keys) => std::iter::once(word("MGET")).chain(keys.iter().map(name)).collect(),
            // For people: it is sent as several.
            Operation::Exchange(_) => self.commands().into_iter().flatten().collect(),
        }
    }

    /// The commands that are sent: one, but for a transaction. The reply is the last one's.
    pub fn commands(&self) -> Vec<Vec<Vec<u8>>> {
        let Operation::Exchange(pairs) = self else { return vec![self.words()] };
        let sets = pairs.iter().map(|(key, value)| {
            Operation::Set { key: *key, value: value.clone(), condition: Condition::Always, get: true }.words()
        });
        let alone = |word: &str| std::iter::once(vec![word.as_bytes().to_vec()]);
        alone("MULTI").chain(sets).chain(alone("EXEC")).collect()
    }

    /// What is left of a transaction if some of its commands were not applied, with the reply to that. None: it is not known what was.
    pub fn without_refused(self, reply: Value) -> Option<(Operation, Value)> {
        let (Operation::Exchange(pairs), Value::Array(replies)) = (&self, &reply) else { return Some((self, reply)) };
        let refusals = replies.iter().map(|reply| match reply {
            Value::Error(text) => Some(Refusal::of(text)),
            _ => None,
        });
        let mut left = (Vec::new(), Vec::new());
        for ((pair, reply), refusal) in pairs.iter().zip(replies).zip(refusals) {
            match refusal {
                None => {
                    left.0.push(pair.clone());
                    left.1.push(reply.clone());
                }
                Some(Refusal::NotExecuted) => {}
                Some(_) => return None,
            }
        }
        Some((Operation::Exchange(left.0), Value::Array(left.1)))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.operation.words();
        let words: Vec<String> = words.iter().map(|word| shown(word)).collect();
        write!(out, "{:>11.6}", self.begun.as_secs_f64())?;
        match &self.outcome {
            Outcome::Replied { reply, at } => {
                write!(out, "..{:.6} client {}: {} -> ", at.as_secs_f64(), self.client, words.join(" "))?;
                show_reply(reply, out)
            }
            Outcome::Applied { at } => {
                write!(out, "..{:.6} client {}: {} -> applied", at.as_secs_f64(), self.client, words.join(" "))
            }
            Outcome::Unknown { until } => {
                let until = until.map_or_else(String::new, |at| format!("{:.6}", at.as_secs_f64()));
                write!(out, "..{until} client {}: {} -> unknown", self.client, words.join(" "))
            }
        }
    }
}

fn show_reply(reply: &Value, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        Value::Array(items) => {
            out.write_str("[")?;
            for item in items {
                show_reply(item, out)?;
                out.write_str(" ")?;
            }
            out.write_str("]")
        }
        Value::Integer(number) => write!(out, "{number}"),
        reply => out.write_str(&reply.text().map_or_else(|| "nil".to_owned(), shown)),
    }
}

/// Bytes for a message, long ones cut.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 60;
    if bytes.len() <= SHOWN_MAX {
        bytes.escape_ascii().to_string()
    } else {
        format!("{}... ({} bytes)", bytes[..SHOWN_MAX].escape_ascii(), bytes.len())
    }
}
