//! What a server that runs one command at a time would do: Redis's strings, in a few lines.

use super::history::{Condition, Operation};
use crate::Value;
use std::rc::Rc;

/// What the keys of a part hold, by their place in it. Shared, as a search keeps many states.
pub(super) type State = Vec<Option<Rc<Vec<u8>>>>;

pub(super) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
pub(super) const OVERFLOW: &str = "ERR increment or decrement would overflow";

/// A reply, in which values are shared with the state.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Done,
    Text(Option<Rc<Vec<u8>>>),
    Texts(Vec<Option<Rc<Vec<u8>>>>),
    Integer(i64),
    Error(&'static str),
}

/// Runs a command, whose keys are places in the state, and returns its reply.
pub(super) fn apply(state: &mut State, operation: &Operation) -> Reply {
    match operation {
        Operation::Get(key) => Reply::Text(state[*key].clone()),
        Operation::GetDel(key) => Reply::Text(state[*key].take()),
        Operation::Set { key, value, condition, get } => {
            let old = state[*key].clone();
            let sets = match condition {
                Condition::Always => true,
                Condition::Absent => old.is_none(),
                Condition::Present => old.is_some(),
            };
            if sets {
                state[*key] = Some(Rc::new(value.clone()));
            }
            match (get, sets) {
                (true, _) => Reply::Text(old),
                (false, true) => Reply::Done,
                (false, false) => Reply::Text(None),
            }
        }
        Operation::Incr(key) => match state[*key].as_ref().map_or(Some(0), |text| integer(text)) {
            None => Reply::Error(NOT_AN_INTEGER),
            Some(number) => match number.checked_add(1) {
                None => Reply::Error(OVERFLOW),
                Some(sum) => {
                    state[*key] = Some(Rc::new(sum.to_string().into_bytes()));
                    Reply::Integer(sum)
                }
            },
        },
        Operation::Append(key, value) => {
            let text = Rc::make_mut(state[*key].get_or_insert_default());
            text.extend_from_slice(value);
            Reply::Integer(text.len() as i64)
        }
        Operation::MSet(pairs) => {
            for (key, value) in pairs {
                state[*key] = Some(Rc::new(value.clone()));
            }
            Reply::Done
        }
        Operation::Exchange(pairs) => {
            let exchange = |(key, value): &(usize, Vec<u8>)| state[*key].replace(Rc::new(value.clone()));
            Reply::Texts(pairs.iter().map(exchange).collect())
        }
        Operation::MGet(keys) => Reply::Texts(keys.iter().map(|key| state[*key].clone()).collect()),
    }
}

impl Reply {
    /// Whether this is what a client heard, in RESP2.
    pub(super) fn is(&self, heard: &Value) -> bool {
        match (self, heard) {
            (Reply::Done, Value::Simple(text)) => text == b"OK",
            (Reply::Text(value), heard) => is_text(value, heard),
            (Reply::Texts(values), Value::Array(heard)) => {
                values.len() == heard.len() && values.iter().zip(heard).all(|(value, heard)| is_text(value, heard))
            }
            (Reply::Integer(number), Value::Integer(heard)) => number == heard,
            (Reply::Error(text), Value::Error(heard)) => text.as_bytes() == heard,
            _ => false,
        }
    }

    /// As a client hears it.
    #[cfg(test)]
    pub(super) fn to_value(&self) -> Value {
        let text =
            |value: &Option<Rc<Vec<u8>>>| value.as_ref().map_or(Value::NullBulk, |text| Value::Bulk(text.to_vec()));
        match self {
            Reply::Done => Value::Simple(b"OK".to_vec()),
            Reply::Text(value) => text(value),
            Reply::Texts(values) => Value::Array(values.iter().map(text).collect()),
            Reply::Integer(number) => Value::Integer(*number),
            Reply::Error(error) => Value::Error(error.as_bytes().to_vec()),
        }
    }
}

fn is_text(value: &Option<Rc<Vec<u8>>>, heard: &Value) -> bool {
    match (value, heard) {
        (None, Value::NullBulk) => true,
        (Some(text), Value::Bulk(heard)) => **text == *heard,
        _ => false,
    }
}

/// An integer in its one canonical form; Redis takes no other.
fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}
