//! How a hash lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! | form   | header                                   | where the fields are                                              |
//! |--------|------------------------------------------|-------------------------------------------------------------------|
//! | inline | no parts, body: form (1), entries        | in the header, in the order in which they were added               |
//! | parts  | parts, body: form (1), fields (8)        | in `elements`, one record each; their times in `scores`            |
//!
//! The form's bits: 0 TIMES, 1 TABLE. TIMES: fields have, or have had, times of their own. TABLE: Redis would keep the
//! hash in a hash table, and not in a listpack; nothing but `OBJECT ENCODING` goes by it.
//!
//! | record                | key's suffix                  | value                                                     |
//! |-----------------------|-------------------------------|-----------------------------------------------------------|
//! | entry                 | none, it lies in a body       | field and value (packed), with TIMES the time (LEB128; 0: none) |
//! | field in `elements`   | hash (4), field               | tag (1), time (8) if the tag is 1 and not 0, value (rest)  |
//! | time in `scores`      | time (8), field               | empty                                                     |
//!
//! A time is a Unix time in ms; a field is alive through the millisecond that it names. What is packed is drawn in
//! [`crate::packed`]. On disk: changing any of it needs a new format version. Integers are big-endian, but for packed
//! ones.

use std::ops::Range;

use crate::packed;

/// The longest body of an inline hash, in bytes.
pub const INLINE_LEN_MAX: usize = 1 << 10;

/// Where the entries of an inline body begin.
pub const ENTRIES_AT: usize = 1;

const TIMES: u8 = 1;
const TABLE: u8 = 1 << 1;

/// A field's record without a time, and one with it.
const LASTING: u8 = 0;
const EXPIRING: u8 = 1;

/// What a body's first byte says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Entries have room for times, and there may be times in `scores`.
    pub has_times: bool,
    /// Redis would keep the hash in a hash table.
    pub is_table: bool,
}

impl Form {
    /// The byte.
    pub fn encode(self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(self.has_times, TIMES) | flag(self.is_table, TABLE)
    }

    /// What a body's first byte says.
    pub fn decode(body: &[u8]) -> Option<Form> {
        let &byte = body.first().filter(|&&byte| byte & !(TIMES | TABLE) == 0)?;
        Some(Form { has_times: byte & TIMES != 0, is_table: byte & TABLE != 0 })
    }
}

/// A field and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub field: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Unix time in ms after which it is gone.
    pub expire_at_ms: Option<u64>,
}

/// Appends an entry to an inline body of a form. Without room for times, its time is left out.
pub fn push_entry(into: &mut Vec<u8>, form: Form, entry: &Entry<'_>) {
    packed::push(into, entry.field);
    packed::push(into, entry.value);
    if form.has_times {
        packed::push_number(into, entry.expire_at_ms.unwrap_or(0));
    }
}

/// What [`push_entry`] adds to a body, in bytes.
pub fn entry_len(form: Form, entry: &Entry<'_>) -> usize {
    let time = entry.expire_at_ms.unwrap_or(0);
    let time_len = if form.has_times { packed::number_len(time) } else { 0 };
    packed::packed_len(entry.field.len()) + packed::packed_len(entry.value.len()) + time_len
}

/// The entries of an inline body, each with where its bytes lie in the body. Ends early, with [`Entries::is_whole`]
/// false, where the bytes make no sense.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    body: &'a [u8],
    at: usize,
    form: Form,
    broken: bool,
}

/// The entries of an inline body of a form.
pub fn entries(body: &[u8], form: Form) -> Entries<'_> {
    Entries { body, at: ENTRIES_AT.min(body.len()), form, broken: false }
}

impl<'a> Entries<'a> {
    /// False once something was met that is no entry.
    pub fn is_whole(&self) -> bool {
        !self.broken
    }

    fn take(&mut self) -> Option<(Entry<'a>, Range<usize>)> {
        let rest = self.body.get(self.at..)?;
        let mut strings = packed::strings(rest);
        let (field, value) = (strings.next()?, strings.next()?);
        let mut rest = strings.rest();
        let time = if self.form.has_times { packed::take_number(&mut rest)? } else { 0 };
        let start = self.at;
        self.at = self.body.len() - rest.len();
        Some((Entry { field, value, expire_at_ms: Some(time).filter(|&time| time > 0) }, start..self.at))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Entry<'a>, Range<usize>);

    fn next(&mut self) -> Option<(Entry<'a>, Range<usize>)> {
        if self.at == self.body.len() || self.broken {
            return None;
        }
        let taken = self.take();
        self.broken = taken.is_none();
        taken
    }
}

/// The body of the header of a hash in parts.
pub fn encode_count(form: Form, count: u64) -> [u8; 9] {
    let mut body = [form.encode(); 9];
    body[1..].copy_from_slice(&count.to_be_bytes());
    body
}

/// Form and number of fields in the body of the header of a hash in parts.
pub fn decode_count(body: &[u8]) -> Option<(Form, u64)> {
    let count = u64::from_be_bytes(body.get(1..)?.try_into().ok()?);
    Some((Form::decode(body)?, count))
}

/// The value of a field's record.
pub fn encode_value(value: &[u8], expire_at_ms: Option<u64>) -> Vec<u8> {
    let mut record = Vec::with_capacity(1 + 8 + value.len());
    match expire_at_ms {
        None => record.push(LASTING),
        Some(at) => {
            record.push(EXPIRING);
            record.extend_from_slice(&at.to_be_bytes());
        }
    }
    record.extend_from_slice(value);
    record
}

/// Time and value in the value of a field's record.
pub fn decode_value(record: &[u8]) -> Option<(Option<u64>, &[u8])> {
    match record.split_first()? {
        (&LASTING, value) => Some((None, value)),
        (&EXPIRING, rest) => {
            let (at, value) = rest.split_first_chunk::<8>()?;
            Some((Some(u64::from_be_bytes(*at)), value))
        }
        _ => None,
    }
}

/// The suffix of the record in `scores` of a field that expires.
pub fn encode_time(expire_at_ms: u64, field: &[u8]) -> Vec<u8> {
    let mut suffix = Vec::with_capacity(8 + field.len());
    suffix.extend_from_slice(&expire_at_ms.to_be_bytes());
    suffix.extend_from_slice(field);
    suffix
}

/// Time and field in the suffix of a record in `scores`.
pub fn decode_time(suffix: &[u8]) -> Option<(u64, &[u8])> {
    let (at, field) = suffix.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*at), field))
}
