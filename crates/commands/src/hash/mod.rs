//! The hash commands. What a hash is, and how it is changed, is said in [`data::hash`].
//!
//! | file         | commands                                                                       |
//! |--------------|--------------------------------------------------------------------------------|
//! | [`read`]     | those that return fields and values, all, some, or at random                   |
//! | [`write`]    | those that set and remove fields                                               |
//! | [`number`]   | those that take a value for a number and add to it                             |
//! | [`expire`]   | those that set, tell and take away the times of fields                         |
//! | [`lifetime`] | those that read or set fields and their times at once: `HGETEX`, `HSETEX`      |
//!
//! How those about times name their fields (`FIELDS 2 a b`) is read in [`fields`].

pub(crate) mod expire;
pub(crate) mod lifetime;
pub(crate) mod number;
pub(crate) mod read;
pub(crate) mod write;

mod fields;

use crate::command::{Arg, ArgKind};
use crate::keys::{KeySpec, READS};

const FIELD: Arg = Arg::new("field", ArgKind::String);
const VALUE: Arg = Arg::new("value", ArgKind::String);
const PAIRS: Arg = Arg::new("data", ArgKind::Block(&[FIELD, VALUE])).multiple();

/// A key of which something is told.
const ASKED: &[KeySpec] = &[KeySpec::first(&["RO"])];
/// A key that is written.
const UPDATES: &[KeySpec] = &[KeySpec::first(&["RW", "update"])];
/// A key that is read and then written.
const CHANGES: &[KeySpec] = &[KeySpec::first(&["RW", "access", "update"])];

#[cfg(test)]
mod tests;
