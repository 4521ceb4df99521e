//! Commands that take the value of a field for a number and add to it.

use data::Tx;
use data::float::Extended;
use data::hash::{Edit, Lifetime};

use super::{CHANGES, FIELD};
use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "hincrby",
        arity: Arity::Exactly(4),
        keys: CHANGES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "2.0.0",
            "Adds a number to the integer in a field; an absent one counts as 0.",
            "O(1)",
            &[Arg::key(), FIELD, Arg::new("increment", ArgKind::Integer)],
        ),
        run: Run::Write(hincrby),
    },
    Command {
        name: "hincrbyfloat",
        arity: Arity::Exactly(4),
        keys: CHANGES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "2.6.0",
            "Adds a number to the float in a field; an absent one counts as 0.",
            "O(1)",
            &[Arg::key(), FIELD, Arg::new("increment", ArgKind::Double)],
        ),
        run: Run::Write(hincrbyfloat),
    },
];

fn hincrby(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (field, delta) = (args.at(2)?, args.integer(3)?);
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let mut value = Some(0);
    edit.get(field, |bytes| value = parse_integer(bytes))?;
    let value = value.ok_or(Error::sentence("ERR hash value is not an integer"))?;
    let sum = value.checked_add(delta).ok_or(Error::Overflow)?;
    edit.set(field, itoa::Buffer::new().format(sum).as_bytes(), Lifetime::Kept)?;
    edit.finish()?;
    reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let field = args.at(2)?;
    let delta = Extended::parse(args.at(3)?).ok_or(Error::NotFloat)?;
    if !delta.is_finite() {
        return Err(Error::sentence("ERR value is NaN or Infinity"));
    }
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let mut value = Some(Extended::ZERO);
    edit.get(field, |bytes| value = Extended::parse(bytes))?;
    let value = value.ok_or(Error::sentence("ERR hash value is not a float"))?;
    let sum = value.checked_add(delta).ok_or(Error::NotFiniteIncrement)?.to_text();
    edit.set(field, sum.as_bytes(), Lifetime::Kept)?;
    edit.finish()?;
    reply.bulk(sum.as_bytes());
    Ok(())
}
