//! Sets: distinct members, in no order that anybody could rely on.
//!
//! A small set lies in its key's header: integers in ascending order, anything else in the order of insertion, which is how
//! Redis replies them too. A larger one has a record for each member, ordered by hash, so that one member is added, found
//! or removed at the same cost whatever the size, and drawn at random without a walk. [`layout`] draws both.
//!
//! How Redis would keep the set is remembered beside that ([`Encoding`]), as clients can ask for it.

pub mod layout;

mod combine;
mod inline;
mod pools;
mod random;
mod write;

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::integer;
use crate::key::Parts;
use crate::members;
use crate::packed;
use crate::view::{Found, View};

pub use combine::{Sources, difference, intersection, union};
pub use inline::Gathered;
use layout::Body;
pub use layout::Encoding;
pub(crate) use pools::Pools;
pub use write::{Operation, add, move_member, pop, pop_many, remove, replace};

/// A set that is there. Nothing of it is copied until it is asked for.
pub struct Set<'v> {
    found: Found<'v>,
    len: u64,
    encoding: Encoding,
}

/// The set of a key, counted as a hit or a miss.
pub fn read<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Set<'v>>> {
    view.read_kind(key, Kind::Set)?.map(Set::new).transpose()
}

/// The set of a key, not counted: for commands that change it.
fn find<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Set<'v>>> {
    view.find(key)?.map(|found| Set::new(found.expect(Kind::Set)?)).transpose()
}

impl<'v> Set<'v> {
    /// The set in a record of kind [`Kind::Set`].
    pub fn new(found: Found<'v>) -> Result<Set<'v>> {
        let (len, encoding) = match (layout::decode(found.body()), found.meta.parts) {
            (Some(Body::Integers(integers)), None) => (integers.len() as u64, Encoding::Intset),
            (Some(Body::Strings { count, .. }), None) => (count as u64, Encoding::Listpack),
            (Some(Body::Parts { encoding, count }), Some(_)) => (count, encoding),
            _ => return Err(unreadable(found.meta)),
        };
        Ok(Set { found, len, encoding })
    }

    /// The header.
    pub fn meta(&self) -> Meta {
        self.found.meta
    }

    /// How many members it has.
    #[allow(clippy::len_without_is_empty, reason = "a set without members is not there")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How Redis would keep it.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// True if it has a member. `view` is where the set was found.
    pub fn contains(&self, view: &View<'_>, member: &[u8]) -> Result<bool> {
        match self.body()? {
            Body::Integers(integers) => Ok(integer::parse(member).is_some_and(|number| integers.contains(number))),
            Body::Strings { packed, .. } => Ok(packed::strings(packed).any(|found| found == member)),
            Body::Parts { .. } => {
                view.admit_parts()?;
                let parts = self.parts()?;
                Ok(view.point(parts, &members::suffix(view.keyspace().seed(), member))?.is_some())
            }
        }
    }

    /// Visits all members, until `visit` says stop (by false): integers that Redis would keep sorted in ascending order,
    /// a small set of others in the order of insertion. `view` is where the set was found.
    pub fn visit(&self, view: &View<'_>, mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        view.admit_keys(usize::try_from(self.len).unwrap_or(usize::MAX))?;
        let mut seen = 0;
        let mut stopped = false;
        let mut each = |member: &[u8]| {
            seen += 1;
            stopped = !visit(member)?;
            Ok(!stopped)
        };
        match self.body()? {
            Body::Integers(integers) => visit_integers(integers.iter(), &mut each)?,
            Body::Strings { packed, .. } => {
                for member in packed::strings(packed) {
                    if !each(member)? {
                        break;
                    }
                }
            }
            Body::Parts { encoding: Encoding::Intset, .. } => {
                let mut sorted = self.integers_in_parts(view)?;
                sorted.sort_unstable();
                visit_integers(sorted.into_iter(), &mut each)?;
            }
            Body::Parts { .. } => {
                view.admit_parts()?;
                let mut go_on = true;
                members::walk(view, self.parts()?, 0, usize::MAX, |member, _| {
                    // The rest of the members of one hash comes unasked.
                    go_on = go_on && each(member)?;
                    Ok(go_on)
                })?;
            }
        }
        // Whoever has told a client how many members there are must not be given fewer.
        if stopped || seen == self.len { Ok(()) } else { Err(unreadable(self.found.meta)) }
    }

    /// Visits some of the members from a cursor on: about `limit`, or all at once if they lie in the header. Returns the
    /// cursor to go on from; None at the end. A member that is there throughout is visited.
    pub fn scan(
        &self,
        view: &View<'_>,
        cursor: u64,
        limit: usize,
        mut visit: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<Option<u64>> {
        if self.found.meta.parts.is_none() {
            return self.visit(view, visit).map(|()| None);
        }
        view.admit_keys(limit)?;
        view.admit_parts()?;
        members::walk(view, self.parts()?, cursor, limit, |member, _| visit(member))
    }

    fn integers_in_parts(&self, view: &View<'_>) -> Result<Vec<i64>> {
        view.admit_parts()?;
        let parts = self.parts()?;
        let mut integers = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0).min(1 << 16));
        members::walk(view, parts, 0, usize::MAX, |member, _| {
            integers.push(integer::parse(member).ok_or_else(|| parts.unreadable())?);
            Ok(true)
        })?;
        Ok(integers)
    }

    fn body(&self) -> Result<Body<'_>> {
        layout::decode(self.found.body()).ok_or_else(|| unreadable(self.found.meta))
    }

    fn parts(&self) -> Result<Parts> {
        self.found.meta.parts.ok_or_else(|| unreadable(self.found.meta))
    }
}

fn visit_integers(integers: impl Iterator<Item = i64>, visit: &mut impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    let mut text = itoa::Buffer::new();
    for number in integers {
        if !visit(text.format(number).as_bytes())? {
            break;
        }
    }
    Ok(())
}

/// The error of a set that is not what [`layout`] draws, or whose members are not as many as its header says.
fn unreadable(meta: Meta) -> Error {
    match meta.parts {
        Some(parts) => parts.unreadable(),
        None => Error::BadRecord("set in a header".to_owned()),
    }
}

#[cfg(test)]
mod tests;
