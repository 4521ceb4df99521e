//! What a server that runs one command at a time would do: Redis's strings, in a few lines.

use super::history::{Condition, Operation};
use crate::Value;
use std::rc::Rc;

/// What the keys of a part hold, by their place in it. Shared, as a search keeps many states.
pub(super) type State = Vec<Option<Rc<Vec<u8>>>>;

pub(super) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
pub(super) const OVERFLOW: &str = "ERR increment or decrement would overflow";

/// Runs a command, whose keys are places in the state, and returns its reply in RESP2.
pub(super) fn apply(state: &mut State, operation: &Operation) -> Value {
    match operation {
        Operation::Get(key) => bulk(state[*key].as_ref()),
        Operation::GetDel(key) => bulk(state[*key].take().as_ref()),
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
                (true, _) => bulk(old.as_ref()),
                (false, true) => ok(),
                (false, false) => Value::NullBulk,
            }
        }
        Operation::Incr(key) => match state[*key].as_ref().map_or(Some(0), |text| integer(text)) {
            None => Value::Error(NOT_AN_INTEGER.into()),
            Some(number) => match number.checked_add(1) {
                None => Value::Error(OVERFLOW.into()),
                Some(sum) => {
                    state[*key] = Some(Rc::new(sum.to_string().into_bytes()));
                    Value::Integer(sum)
                }
            },
        },
        Operation::Append(key, value) => {
            let text = Rc::make_mut(state[*key].get_or_insert_default());
            text.extend_from_slice(value);
            Value::Integer(text.len() as i64)
        }
        Operation::MSet(pairs) => {
            for (key, value) in pairs {
                state[*key] = Some(Rc::new(value.clone()));
            }
            ok()
        }
        Operation::MGet(keys) => Value::Array(keys.iter().map(|key| bulk(state[*key].as_ref())).collect()),
    }
}

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

fn bulk(value: Option<&Rc<Vec<u8>>>) -> Value {
    value.map_or(Value::NullBulk, |text| Value::Bulk(text.to_vec()))
}

/// An integer in its one canonical form; Redis takes no other.
fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}
