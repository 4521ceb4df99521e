//! The commands on keys whatever they hold, and on databases as a whole. What a value is made of is the business of the
//! other groups: here it is moved, copied, timed and looked at from outside.

pub(crate) mod database;
pub(crate) mod dump;
pub(crate) mod expire;
pub(crate) mod keys;
pub(crate) mod object;
pub(crate) mod scan;
pub(crate) mod sort;

#[cfg(test)]
mod tests;

use data::Keyspace;

use crate::error::{Error, Result};

/// The database of a number that a client gave.
fn database(keyspace: &Keyspace, number: i32) -> Result<u16> {
    u16::try_from(number).ok().filter(|&db| db < keyspace.database_count()).ok_or(Error::DbOutOfRange)
}
