//! Sorted sets: members with scores, in the order of score and name. Geo indexes are sorted sets too.
//!
//! A small set lies in its key's header, in its order. A large one has a record by which a member's score is found, and one in
//! the order of the scores; over the latter lies the counted index of [`rank`], so that ranks and deep offsets cost no walk.
//! [`layout`] draws all of it. Reading is in [`read`], changing in [`write`], sets made of others in [`combine`].

pub mod combine;
pub mod layout;

mod inline;
mod range;
mod rank;
mod read;
mod write;

use std::sync::atomic::Ordering;

use crate::header::Meta;
use crate::key::Parts;
use crate::keyspace::Keyspace;
use crate::view::Found;

use layout::{Body, Shape};

pub use combine::Aggregate;
pub use range::{LexBound, LexRange, Part, ScoreRange, Selection};
pub use read::{find, read};
pub use write::{Editor, End, store};

use crate::error::Result;
use crate::header::Kind;

/// A sorted set that is there.
pub struct Zset<'v> {
    found: Found<'v>,
    form: Form,
}

/// Where the members are.
#[derive(Clone, Copy, Debug)]
enum Form {
    Inline,
    Large(Parts, Shape),
}

/// A member and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The member.
    pub member: Vec<u8>,
    /// Its score.
    pub score: f64,
}

impl<'v> Zset<'v> {
    /// The sorted set in a record; `WRONGTYPE` if it is none.
    pub fn new(found: Found<'v>) -> Result<Zset<'v>> {
        let found = found.expect(Kind::Zset)?;
        let form = form_of(&found.meta, found.body())?;
        Ok(Zset { found, form })
    }

    /// The header.
    pub fn meta(&self) -> Meta {
        self.found.meta
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        if self.is_listpack() { "listpack" } else { "skiplist" }
    }

    /// True if Redis would keep it as a listpack: it is visited as a whole by one `ZSCAN` then.
    pub fn is_listpack(&self) -> bool {
        match self.form {
            Form::Inline => true,
            Form::Large(_, shape) => shape.is_listpack,
        }
    }

    fn entries(&self) -> &[u8] {
        self.found.body().get(1..).unwrap_or(&[])
    }
}

fn form_of(meta: &Meta, body: &[u8]) -> Result<Form> {
    match (layout::decode_body(body), meta.parts) {
        (Some(Body::Inline(_)), None) => Ok(Form::Inline),
        (Some(Body::Large(shape)), Some(parts)) => Ok(Form::Large(parts, shape)),
        (_, Some(parts)) => Err(parts.unreadable()),
        (_, None) => Err(inline::unreadable()),
    }
}

/// Up to where Redis keeps a sorted set as a listpack.
#[derive(Clone, Copy, Debug)]
struct Limits {
    entries: u64,
    member_len: u64,
}

impl Limits {
    fn of(keyspace: &Keyspace) -> Limits {
        let encodings = &keyspace.settings.encodings;
        Limits {
            entries: encodings.zset_max_listpack_entries.load(Ordering::Relaxed),
            member_len: encodings.zset_max_listpack_value.load(Ordering::Relaxed),
        }
    }

    fn admit(&self, count: u64, member_len: usize) -> bool {
        count <= self.entries && member_len as u64 <= self.member_len
    }
}

#[cfg(test)]
mod tests;
