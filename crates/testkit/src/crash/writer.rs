//! The side that talks to the server: pipelines of writes until the connection breaks, and reading everything back.

use super::ledger::{COUNTERS, DAMAGED, Found, GROUP_KEYS, GROUPS, LOGS, Ledger, REGISTERS, Sequence, Target};
use crate::{Client, Random, Refusal, Value, encode_command};
use std::io;
use std::time::Instant;

/// Most commands of one pipeline.
const PIPELINE_MAX: u64 = 32;
/// Most bytes that follow the number in a value.
const FILLER_BYTES_MAX: u64 = 512;
/// The same for one value in [`LONG_VALUE_EVERY`], which a server may keep in several records.
const LONG_FILLER_BYTES_MAX: u64 = 100_000;
const LONG_VALUE_EVERY: u64 = 256;
const SHARED_COUNTER: &str = "crash:shared";

/// Writes until the server is gone, which is how every round ends.
pub(crate) fn write(ledger: &mut Ledger, mut client: Client, mut random: Random) {
    while write_pipeline(ledger, &mut client, &mut random).is_ok() {}
}

fn write_pipeline(ledger: &mut Ledger, client: &mut Client, random: &mut Random) -> io::Result<()> {
    let mut pipeline = Vec::new();
    let mut writes = Vec::new();
    for _ in 0..=random.below(PIPELINE_MAX) {
        let target = choose(random);
        let number = ledger.send(target);
        encode_write(ledger, target, number, random, &mut pipeline);
        writes.push((target, number));
    }
    client.send_raw(&pipeline)?;
    for (target, number) in writes {
        if is_transaction(target, number) {
            // Those of MULTI and of what is queued.
            for _ in 0..=GROUP_KEYS {
                client.read_reply()?;
            }
        }
        let refusal = match client.read_reply()? {
            Value::Error(text) => Some(Refusal::of(&text)),
            _ => None,
        };
        match refusal {
            None | Some(Refusal::Applied) => ledger.acknowledge(target, number, Instant::now()),
            Some(Refusal::Unknown) => ledger.doubt(target, number),
            Some(Refusal::NotExecuted | Refusal::ByItsRules) => ledger.refuse(target, number),
        }
    }
    Ok(())
}

fn choose(random: &mut Random) -> Target {
    let mut index = |bound: usize| random.below(bound as u64) as usize;
    match index(10) {
        0..4 => Target::Register(index(REGISTERS)),
        4..6 => Target::Group(index(GROUPS)),
        6..8 => Target::Log(index(LOGS)),
        8 => Target::Counter(index(COUNTERS)),
        _ => Target::SharedCounter,
    }
}

/// Groups are set by MSET and by transactions in turn.
fn is_transaction(target: Target, number: Sequence) -> bool {
    matches!(target, Target::Group(_)) && number % 2 == 1
}

/// The number, the length of what follows, and that, so that a piece of a value is told from a whole one.
fn value(number: Sequence, random: &mut Random) -> String {
    let is_long = random.below(LONG_VALUE_EVERY) == 0;
    let length = random.below(if is_long { LONG_FILLER_BYTES_MAX } else { FILLER_BYTES_MAX }) as usize;
    format!("{number}:{length}:{}", "x".repeat(length))
}

fn number_of(value: &str) -> Sequence {
    let whole = || {
        let (number, rest) = value.split_once(':')?;
        let (length, filler) = rest.split_once(':')?;
        let is_whole = length.parse() == Ok(filler.len()) && filler.bytes().all(|byte| byte == b'x');
        number.parse().ok().filter(|_| is_whole)
    };
    whole().unwrap_or(DAMAGED)
}

fn encode_write(ledger: &Ledger, target: Target, number: Sequence, random: &mut Random, out: &mut Vec<u8>) {
    let writer = ledger.writer;
    let value = value(number, random);
    match target {
        Target::Log(index) => {
            let command = if ledger.begins_log(index, number) { "SET" } else { "APPEND" };
            encode_command(&[command, &log_key(writer, index), &format!("{value},")], out);
        }
        Target::Register(index) => encode_command(&["SET", &register_key(writer, index), &value], out),
        Target::Counter(index) => encode_command(&["INCR", &counter_key(writer, index)], out),
        Target::SharedCounter => encode_command(&["INCR", SHARED_COUNTER], out),
        Target::Group(index) => {
            let keys: [String; GROUP_KEYS] = std::array::from_fn(|member| group_key(writer, index, member));
            if is_transaction(target, number) {
                encode_command(&["MULTI"], out);
                keys.iter().for_each(|key| encode_command(&["SET", key, &value], out));
                return encode_command(&["EXEC"], out);
            }
            let mut words = vec!["MSET"];
            for key in &keys {
                words.extend([key.as_str(), value.as_str()]);
            }
            encode_command(&words, out);
        }
    }
}

/// Reads every key of a writer.
pub(crate) fn read_back(ledger: &Ledger, client: &mut Client) -> io::Result<Found> {
    let writer = ledger.writer;
    let mut found = Found::default();
    for index in 0..REGISTERS {
        found.registers.push(read(client, &register_key(writer, index))?.map_or(0, |text| number_of(&text)));
    }
    for index in 0..GROUPS {
        let mut values = [0; GROUP_KEYS];
        for (member, value) in values.iter_mut().enumerate() {
            *value = read(client, &group_key(writer, index, member))?.map_or(0, |text| number_of(&text));
        }
        found.groups.push(values);
    }
    for index in 0..LOGS {
        let text = read(client, &log_key(writer, index))?.unwrap_or_default();
        found.logs.push(text.split_terminator(',').map(number_of).collect());
    }
    for index in 0..COUNTERS {
        found.counters.push(read_counter(client, &counter_key(writer, index))?);
    }
    Ok(found)
}

/// The counter that all writers increment.
pub(crate) fn read_shared_counter(client: &mut Client) -> io::Result<u64> {
    read_counter(client, SHARED_COUNTER)
}

fn read_counter(client: &mut Client, key: &str) -> io::Result<u64> {
    Ok(read(client, key)?.map_or(0, |text| text.parse().unwrap_or(DAMAGED)))
}

fn read(client: &mut Client, key: &str) -> io::Result<Option<String>> {
    match client.command(&["GET", key])? {
        Value::Bulk(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
        reply if reply.is_null() => Ok(None),
        other => Err(io::Error::other(format!("GET {key} was answered with {other:?}"))),
    }
}

fn register_key(writer: u64, index: usize) -> String {
    format!("crash:{writer}:register:{index}")
}

fn group_key(writer: u64, index: usize, member: usize) -> String {
    format!("crash:{writer}:group:{index}:{member}")
}

fn log_key(writer: u64, index: usize) -> String {
    format!("crash:{writer}:log:{index}")
}

fn counter_key(writer: u64, index: usize) -> String {
    format!("crash:{writer}:counter:{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_value_has_its_number_and_a_piece_has_none() {
        let mut random = Random::new(1);
        for number in 1..600 {
            let text = value(number, &mut random);
            assert_eq!(number_of(&text), number);
            assert_eq!(number_of(&text[..text.len() - 1]), DAMAGED);
        }
        assert_eq!(number_of("7"), DAMAGED);
    }
}
