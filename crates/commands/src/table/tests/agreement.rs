//! `COMMAND INFO` beside that of a real Redis, field by field.

use resp::{Protocol, Value};

use super::*;
use crate::reference::{Reference, elements, shown as text_of, value_of};

/// The fields of a description, by position.
const FIELDS: [&str; 9] =
    ["name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications"];

/// The field of a command that the reference server does not have at all.
const ABSENT: &str = "absent";

/// Where the description of a command differs on purpose: command, field, and why. The reference server may be a
/// Redis 7.0; the behaviour here is that of 7.2.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("msetnx", "tips", "7.2 took the tips away: the keys have to lie together"),
    ("scan", "tips", "7.2 says how clients of a cluster have to scan"),
    ("randomkey", "tips", "7.2 says how clients of a cluster have to choose"),
    ("client|setname", "tips", "new in 7.2"),
    ("client|setinfo", ABSENT, "new in 7.2"),
    ("client|no-touch", ABSENT, "new in 7.2"),
    ("command|getkeys", "arity", "7.2 takes commands without arguments"),
    ("command|getkeysandflags", "arity", "7.2 takes commands without arguments"),
    ("config|resetstat", "tips", "new in 7.2"),
    ("config|rewrite", "tips", "new in 7.2"),
    ("latency|reset", "tips", "7.2 adds the numbers up"),
    ("zrank", "arity", "7.2 has WITHSCORE"),
    ("zrevrank", "arity", "7.2 has WITHSCORE"),
    ("hexpire", ABSENT, "new in 7.4"),
    ("hpexpire", ABSENT, "new in 7.4"),
    ("hexpireat", ABSENT, "new in 7.4"),
    ("hpexpireat", ABSENT, "new in 7.4"),
    ("httl", ABSENT, "new in 7.4"),
    ("hpttl", ABSENT, "new in 7.4"),
    ("hexpiretime", ABSENT, "new in 7.4"),
    ("hpexpiretime", ABSENT, "new in 7.4"),
    ("hpersist", ABSENT, "new in 7.4"),
    ("hgetdel", ABSENT, "new in 8.0"),
    ("hgetex", ABSENT, "new in 8.0"),
    ("hsetex", ABSENT, "new in 8.0"),
];

/// True if a difference is listed.
fn is_known(command: &str, field: &str) -> bool {
    DIFFERENCES.iter().any(|(c, f, _)| (*c, *f) == (command, field))
}

fn bulk(text: &str) -> Value {
    Value::Bulk(Some(text.as_bytes().to_vec()))
}

/// A description without the notes of key specifications, which are prose.
fn without_notes(value: &Value) -> Value {
    match value {
        Value::Array(Some(elements)) => Value::Array(Some(elements.iter().map(without_notes).collect())),
        Value::Set(elements) => Value::Set(elements.iter().map(without_notes).collect()),
        Value::Map(pairs) => Value::Map(pairs.iter().filter(|(name, _)| *name != bulk("notes")).cloned().collect()),
        other => other.clone(),
    }
}

#[test]
fn command_info_agrees_with_a_reference_server() {
    let Some(mut reference) = Reference::connect() else { return };
    reference.ask(&["hello", "3"]);
    let mut client = LoneClient::new();
    client.session.protocol = Protocol::Resp3;
    let mut wrong = Vec::new();
    for command in all().iter().filter(|command| std::ptr::eq(shown(command), **command)) {
        let words = ["command", "info", command.name];
        let theirs = without_notes(&reference.value(&words));
        let ours = value_of(&client.ask(&words).expect("a session command"));
        let (theirs, ours) = (elements(&elements(&theirs)[0]).to_vec(), elements(&elements(&ours)[0]).to_vec());
        assert_eq!(ours.len(), 10, "{}", command.name);
        if theirs.is_empty() {
            if !is_known(command.name, ABSENT) {
                wrong.push(format!("{}: the reference server does not have it", command.name));
            }
            continue;
        }
        for (index, field) in FIELDS.into_iter().enumerate() {
            let (agrees, known) = (theirs[index] == ours[index], is_known(command.name, field));
            if !agrees && !known {
                let (ours, theirs) = (text_of(&ours[index]), text_of(&theirs[index]));
                wrong.push(format!("{}: {field}: {ours} instead of {theirs}", command.name));
            }
            if agrees && known {
                wrong.push(format!("{}: {field} agrees, but is listed as a difference", command.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
