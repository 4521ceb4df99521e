//! `BITFIELD` and `BITFIELD_RO`: integers of 1 to 64 bits at any bit of a string.
//!
//! All arguments are read before anything is done, so a command with a mistake in its last operation does nothing.

use data::bitmap::field::{FieldType, Overflow};
use data::bitmap::{self, Patch};
use data::string::{self, Text};
use data::{Keyspace, Kind, Tx, View};

use crate::args::{Args, parse_integer};
use crate::command::Reply;
use crate::error::{Error, Result};

use super::check_bit_offset;

/// What is done with a field.
#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

/// One operation of the command.
struct Step {
    field: FieldType,
    at: u64,
    action: Action,
    overflow: Overflow,
}

impl Step {
    fn is_read(&self) -> bool {
        matches!(self.action, Action::Get)
    }

    /// The first bit behind the field.
    fn end(&self) -> u64 {
        self.at + u64::from(self.field.bits())
    }
}

pub(super) fn bitfield(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let steps = parse(tx.keyspace(), args)?;
    let Some(bits) = steps.iter().filter(|step| !step.is_read()).map(Step::end).max() else {
        return get_all(&tx.view(), args, &steps, reply);
    };
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::String)?;
    let mut patch = Patch::new(tx, key, old, bits)?;
    reply.array(steps.len());
    for step in &steps {
        match apply(tx, &mut patch, step)? {
            Some(value) => reply.integer(value),
            None => reply.null(),
        }
    }
    Ok(patch.apply(tx)?)
}

pub(super) fn bitfield_ro(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let steps = parse(view.keyspace(), args)?;
    if !steps.iter().all(Step::is_read) {
        return Err(Error::BitfieldReadOnly);
    }
    get_all(view, args, &steps, reply)
}

/// Reads fields and changes nothing: not even an absent key is made.
fn get_all(view: &View<'_>, args: &Args<'_>, steps: &[Step], reply: &mut Reply<'_>) -> Result<()> {
    let text: Option<Text<'_>> = string::read(view, args.at(1)?)?;
    reply.array(steps.len());
    for step in steps {
        reply.integer(bitmap::get_field(view, text.as_ref(), step.field, step.at)?);
    }
    Ok(())
}

/// Carries out one step and returns what is replied; None if the value does not fit and was not to be bent.
fn apply(tx: &Tx<'_>, patch: &mut Patch<'_>, step: &Step) -> Result<Option<i64>> {
    let Step { field, at, action, overflow } = *step;
    let was = patch.get(tx, field, at)?;
    let value = match action {
        Action::Get => return Ok(Some(was)),
        Action::Set(value) => field.given(value),
        Action::Increment(by) => i128::from(was) + i128::from(by),
    };
    let Some(is) = field.fit(value, overflow) else { return Ok(None) };
    if is != was {
        patch.set(tx, field, at, is)?;
    }
    Ok(Some(if matches!(action, Action::Set(_)) { was } else { is }))
}

fn parse(keyspace: &Keyspace, args: &Args<'_>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::default();
    let mut index = 2;
    while index < args.len() {
        let has = |count: usize| index + count < args.len();
        if args.is(index, "overflow") && has(1) {
            overflow = parse_overflow(args, index + 1)?;
            index += 2;
            continue;
        }
        let value: Option<fn(i64) -> Action> = if args.is(index, "get") && has(2) {
            None
        } else if args.is(index, "set") && has(3) {
            Some(Action::Set)
        } else if args.is(index, "incrby") && has(3) {
            Some(Action::Increment)
        } else {
            return Err(Error::Syntax);
        };
        let field = parse_type(args.at(index + 1)?)?;
        let at = parse_offset(keyspace, args.at(index + 2)?, field)?;
        let action = match value {
            None => Action::Get,
            Some(action) => action(args.integer(index + 3)?),
        };
        steps.push(Step { field, at, action, overflow });
        index += if value.is_none() { 3 } else { 4 };
    }
    Ok(steps)
}

fn parse_overflow(args: &Args<'_>, index: usize) -> Result<Overflow> {
    let words = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
    let found = words.into_iter().find(|(word, _)| args.is(index, word));
    found.map(|(_, overflow)| overflow).ok_or(Error::BitfieldOverflowType)
}

fn parse_type(text: &[u8]) -> Result<FieldType> {
    let (signed, bits) = match text.split_first() {
        Some((b'i', bits)) => (true, bits),
        Some((b'u', bits)) => (false, bits),
        _ => return Err(Error::BitfieldType),
    };
    parse_integer(bits).and_then(|bits| FieldType::new(signed, bits)).ok_or(Error::BitfieldType)
}

/// The first bit of a field: as a number, or after `#` as a number of fields of its width.
fn parse_offset(keyspace: &Keyspace, text: &[u8], field: FieldType) -> Result<u64> {
    let (digits, unit) = match text.split_first() {
        Some((b'#', digits)) => (digits, i64::from(field.bits())),
        _ => (text, 1),
    };
    let number = parse_integer(digits).ok_or(Error::BitOffset)?;
    // Redis multiplies without looking whether it overflows, and checks what comes out of it.
    check_bit_offset(keyspace, number.wrapping_mul(unit))
}
