//! The stream commands: entries in the order of their ids, and groups of consumers that share them.
//!
//! One file per theme: [`add`] has what changes entries, [`range`] and [`read`] what reads them, [`group`] what makes groups,
//! [`claim`] what becomes of entries that groups have delivered, [`info`] what is told of all that. Here is what
//! they share: how ids are read and how entries are replied. What the commands do to a stream is said in [`data::stream`].

pub(crate) mod add;
pub(crate) mod claim;
pub(crate) mod group;
pub(crate) mod info;
pub(crate) mod range;
pub(crate) mod read;

#[cfg(test)]
mod tests;

use data::stream::{Entry, ID_TEXT_MAX, StreamId};
use resp::{Encoder, Protocol};

use crate::command::Reply;
use crate::error::{Error, Result};

const INVALID_ID: Error = Error::sentence("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: Error = Error::sentence("ERR invalid start ID for the interval");
const INVALID_END: Error = Error::sentence("ERR invalid end ID for the interval");

/// An id that says what it is: no `-` nor `+`.
fn parse_id(text: &[u8]) -> Result<StreamId> {
    StreamId::parse(text, 0).ok_or(INVALID_ID)
}

/// An id, `-` for the least or `+` for the greatest.
fn parse_any_id(text: &[u8], missing_seq: u64) -> Result<StreamId> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => StreamId::parse(text, missing_seq).ok_or(INVALID_ID),
    }
}

/// Where a range begins; after `(` it begins behind.
fn parse_start(text: &[u8]) -> Result<StreamId> {
    match text.strip_prefix(b"(").filter(|rest| !rest.is_empty()) {
        Some(rest) => parse_id(rest)?.next().ok_or(INVALID_START),
        None => parse_any_id(text, 0),
    }
}

/// Where a range ends; after `(` it ends before.
fn parse_end(text: &[u8]) -> Result<StreamId> {
    match text.strip_prefix(b"(").filter(|rest| !rest.is_empty()) {
        Some(rest) => StreamId::parse(rest, u64::MAX).ok_or(INVALID_ID)?.previous().ok_or(INVALID_END),
        None => parse_any_id(text, u64::MAX),
    }
}

/// The refusal of a command whose key or group is not there.
fn no_group(key: &[u8], group: &[u8]) -> Error {
    Error::quoting("NOGROUP No such key '{}' or consumer group '{}'", &[key, group])
}

/// The refusal of a command whose group is not there, where it is known that the key is.
fn no_group_of_key(key: &[u8], group: &[u8]) -> Error {
    Error::quoting("NOGROUP No such consumer group '{}' for key name '{}'", &[group, key])
}

fn write_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(id.text(&mut [0; ID_TEXT_MAX]));
}

/// An entry: its id, and its fields and values in turn.
fn write_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    reply.array(entry.pairs * 2);
    entry.strings().for_each(|string| reply.bulk(string));
}

/// Room for the first elements of a reply, in bytes.
const ELEMENTS_BYTES: usize = 1024;

/// Elements of a reply whose number is known only when the last one is there.
struct Elements {
    bytes: Vec<u8>,
    protocol: Protocol,
    count: usize,
}

impl Elements {
    /// None so far. They are written for the client of a reply.
    fn of(reply: &Reply<'_>) -> Elements {
        Elements { bytes: Vec::new(), protocol: reply.protocol(), count: 0 }
    }

    /// The place for the next one.
    fn next(&mut self) -> Reply<'_> {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(ELEMENTS_BYTES);
        }
        self.count += 1;
        Encoder::new(&mut self.bytes, self.protocol)
    }

    /// Replies all of them as an array.
    fn write(self, reply: &mut Reply<'_>) {
        reply.array(self.count);
        reply.raw(&self.bytes);
    }
}
