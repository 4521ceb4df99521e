//! The list commands. What a list is, and what each change does to it, is said in [`data::list`].
//!
//! Pushing is in [`push`], reading in [`read`], changing a list within in [`change`], popping from one or the first of several lists
//! in [`pop`], and moving between lists in [`transfer`]. A command that waits (`BLPOP`...) is the one that does not, and parks
//! where that finds nothing.

pub(crate) mod change;
pub(crate) mod pop;
pub(crate) mod push;
pub(crate) mod read;
pub(crate) mod transfer;

#[cfg(test)]
mod tests;

use data::list::End;

use crate::args::Args;
use crate::command::{Arg, ArgKind};
use crate::error::{Error, Nothing, Park, Result};

const ELEMENT: Arg = Arg::new("element", ArgKind::String);
const LEFT_OR_RIGHT: ArgKind = ArgKind::OneOf(&[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]);
const TIMEOUT: Arg = Arg::new("timeout", ArgKind::Double);
const TIMEOUT_HISTORY: &[(&str, &str)] = &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];

/// `LEFT` or `RIGHT`.
fn end(args: &Args<'_>, index: usize) -> Result<End> {
    if args.is(index, "right") {
        Ok(End::Right)
    } else if args.is(index, "left") {
        Ok(End::Left)
    } else {
        Err(Error::Syntax)
    }
}

/// The way to wait for elements of the keys.
fn park(timeout_ms: Option<u64>, nothing_at_once: Nothing) -> Error {
    Error::Park(Park { timeout_ms, nothing: Nothing::Array, nothing_at_once, memo: None })
}
