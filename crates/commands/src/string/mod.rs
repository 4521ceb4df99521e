//! The string commands. What a string is, and how it is changed in part, is said in [`data::string`]; commands about bits
//! have a file of their own.
//!
//! | file      | commands                                                            |
//! |-----------|---------------------------------------------------------------------|
//! | [`read`]  | those that return a string or a part of it, `GETDEL` and `GETEX` too |
//! | [`write`] | those that set, append and overwrite                                |
//! | [`number`]| those that take the string for a number and add to it               |
//! | [`lcs`]   | `LCS`                                                               |
//!
//! What `SET` and `GETEX` have in common, their options, is read in [`options`].

pub(crate) mod lcs;
pub(crate) mod number;
pub(crate) mod read;
pub(crate) mod write;

mod options;

use data::View;
use data::string::Text;

use crate::command::{Arg, ArgKind, Reply};
use crate::error::Result;

/// A string that a command takes.
const VALUE: Arg = Arg::new("value", ArgKind::String);
/// What `KeySpec` says of a key that is read and then written.
const UPDATES: &[&str] = &["RW", "access", "update"];
/// Likewise of a key that is only read.
const READS: &[&str] = &["RO", "access"];

/// Replies a string straight from where it lies.
fn reply_text(reply: &mut Reply<'_>, view: &View<'_>, text: &Text<'_>) -> Result<()> {
    match text.whole() {
        Some(bytes) => reply.bulk(bytes),
        None => return reply_range(reply, view, text, 0, text.len()),
    }
    Ok(())
}

/// Replies `len` bytes of a string, which it has.
fn reply_range(reply: &mut Reply<'_>, view: &View<'_>, text: &Text<'_>, start: u64, len: u64) -> Result<()> {
    reply.bulk_header(usize::try_from(len).unwrap_or(usize::MAX));
    text.copy_range(view, start..start + len, &mut |piece| reply.raw(piece))?;
    reply.raw(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests;
