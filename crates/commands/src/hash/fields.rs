//! `FIELDS number field [field ...]`: how the commands about the times of fields name them.

use crate::args::Args;
use crate::command::{Arg, ArgKind};
use crate::error::{Error, Result};

use super::FIELD;

/// The argument in `COMMAND DOCS`.
pub(super) const FIELDS: Arg =
    Arg::new("fields", ArgKind::Block(&[Arg::new("numfields", ArgKind::Integer), FIELD.multiple()])).token("FIELDS");

pub(super) const NUMBER_OF_FIELDS: Error = Error::sentence("ERR Number of fields must be a positive integer");
pub(super) const PARAMETER_NUM_FIELDS: Error = Error::sentence("ERR Parameter `numFields` should be greater than 0");

/// The index of the first field, where the word `FIELDS` has to be at an index. They are all arguments from there on.
/// `invalid` refuses what is no number of fields.
pub(super) fn parse(args: &Args<'_>, word_at: usize, invalid: Error) -> Result<usize> {
    if !args.is(word_at, "fields") {
        return Err(Error::sentence("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.integer(word_at + 1).ok().filter(|&count| count > 0).ok_or(invalid)?;
    let first = word_at + 2;
    if usize::try_from(count) != Ok(args.from(first).len()) {
        return Err(Error::sentence("ERR The `numfields` parameter must match the number of arguments"));
    }
    Ok(first)
}
