//! The side that talks to the server: pipelines of writes until the connection breaks, and reading everything back.

use crate::ledger::{COUNTERS, Found, GROUP_KEYS, GROUPS, Ledger, REGISTERS, Sequence, Target};
use std::io;
use testkit::{Client, Random, Value, encode_command};

/// Most commands of one pipeline.
const PIPELINE_MAX: u64 = 32;
/// Most bytes that follow the number in a value.
const FILLER_BYTES_MAX: u64 = 512;
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
        encode_write(ledger.writer, target, number, random, &mut pipeline);
        writes.push((target, number));
    }
    client.send_raw(&pipeline)?;
    for (target, number) in writes {
        if client.read_reply()?.is_error() {
            ledger.refuse(target, number);
        } else {
            ledger.acknowledge(target, number);
        }
    }
    Ok(())
}

fn choose(random: &mut Random) -> Target {
    let mut index = |bound: usize| random.below(bound as u64) as usize;
    match index(8) {
        0..4 => Target::Register(index(REGISTERS)),
        4..6 => Target::Group(index(GROUPS)),
        6 => Target::Counter(index(COUNTERS)),
        _ => Target::SharedCounter,
    }
}

fn encode_write(writer: u64, target: Target, number: Sequence, random: &mut Random, out: &mut Vec<u8>) {
    let filler = "x".repeat(random.below(FILLER_BYTES_MAX) as usize);
    let value = format!("{number}:{filler}");
    match target {
        Target::Register(index) => encode_command(&["SET", &register_key(writer, index), &value], out),
        Target::Counter(index) => encode_command(&["INCR", &counter_key(writer, index)], out),
        Target::SharedCounter => encode_command(&["INCR", SHARED_COUNTER], out),
        Target::Group(index) => {
            let keys: [String; GROUP_KEYS] = std::array::from_fn(|member| group_key(writer, index, member));
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
        found.registers.push(read_number(client, &register_key(writer, index))?);
    }
    for index in 0..GROUPS {
        let mut values = [0; GROUP_KEYS];
        for (member, value) in values.iter_mut().enumerate() {
            *value = read_number(client, &group_key(writer, index, member))?;
        }
        found.groups.push(values);
    }
    for index in 0..COUNTERS {
        found.counters.push(read_number(client, &counter_key(writer, index))?);
    }
    Ok(found)
}

/// The counter that all writers increment.
pub(crate) fn read_shared_counter(client: &mut Client) -> io::Result<u64> {
    read_number(client, SHARED_COUNTER)
}

/// The number a value begins with; zero where there is no value.
fn read_number(client: &mut Client, key: &str) -> io::Result<u64> {
    let reply = client.command(&["GET", key])?;
    if reply.is_null() {
        return Ok(0);
    }
    let text = match &reply {
        Value::Bulk(text) => String::from_utf8_lossy(text),
        other => return Err(io::Error::other(format!("GET {key} was answered with {other:?}"))),
    };
    let digits = text.split(':').next().unwrap_or_default();
    digits.parse().map_err(|_| io::Error::other(format!("{key} holds {text:?}, which was never written")))
}

fn register_key(writer: u64, index: usize) -> String {
    format!("crash:{writer}:register:{index}")
}

fn group_key(writer: u64, index: usize, member: usize) -> String {
    format!("crash:{writer}:group:{index}:{member}")
}

fn counter_key(writer: u64, index: usize) -> String {
    format!("crash:{writer}:counter:{index}")
}
