//! Hashes: fields with values, each of which may have a time of its own at which it is gone.
//!
//! A small hash lies in its key's header, in the order in which its fields were added; a large one has a record for
//! each field. [`layout`] draws both, and a hash goes from the one to the other once. Expiry of fields is exact: a
//! field is gone for every read after its time, whether or not it was removed. Removing is done by whoever writes next,
//! and by the expirer, which finds the hash by the time in its header ([`crate::Meta::element_expire_at_ms`]); a hash
//! whose last field goes is removed with it.

pub mod layout;

mod edit;
mod random;

use std::ops::Deref;
use std::sync::atomic::Ordering;

use engine::{Direction, Family};

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::members;
use crate::turn::Turn;
use crate::tx::Tx;
use crate::view::{Found, View};

pub use edit::{Condition, Edit, Expired, Lifetime, Persisted};
use layout::{Entry, Form};

/// A hash that is there. Nothing of it is copied until it is asked for.
pub struct Hash<'v> {
    found: Found<'v>,
    form: Form,
    place: Place,
}

/// Where its fields are.
#[derive(Clone, Copy, Debug)]
enum Place {
    Inline,
    /// And how many records there are: those of fields included that have expired and were not removed yet.
    Parts(Parts, u64),
}

/// The value of a field, wherever it lies.
pub struct FieldValue<'v> {
    bytes: Bytes<'v>,
    /// Unix time in ms after which the field is gone.
    pub expire_at_ms: Option<u64>,
}

enum Bytes<'v> {
    Inline(&'v [u8]),
    /// A record, and where the value begins in it.
    Part(engine::Value<'v>, usize),
}

impl Deref for FieldValue<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Inline(bytes) => bytes,
            Bytes::Part(record, at) => record.get(*at..).unwrap_or(&[]),
        }
    }
}

/// The hash of a key, counted as a hit or a miss.
pub fn read<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Hash<'v>>> {
    let Some(found) = view.read_kind(key, Kind::Hash)? else { return Ok(None) };
    if has_expired(found.meta.element_expire_at_ms, view.turn()) {
        view.note_due(key)?;
    }
    Hash::new(found).map(Some)
}

/// Removes fields that have expired, at most `limit` of them, and the key if none is left. `meta` is what [`Tx::find`]
/// returned for it. Returns how many it removed.
pub(crate) fn expire_fields(tx: &mut Tx<'_>, key: &[u8], meta: Meta, limit: usize) -> Result<usize> {
    let mut edit = Edit::open(tx, key, Some(meta))?;
    let removed = edit.purge(limit)?;
    edit.finish()?;
    Ok(removed)
}

impl<'v> Hash<'v> {
    /// The hash in a record of kind [`Kind::Hash`].
    pub fn new(found: Found<'v>) -> Result<Hash<'v>> {
        let (form, place) = decode_body(&found.meta, found.body())?;
        Ok(Hash { found, form, place })
    }

    /// The header.
    pub fn meta(&self) -> Meta {
        self.found.meta
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.form {
            Form { is_table: true, .. } => "hashtable",
            Form { has_times: true, .. } => "listpackex",
            Form { .. } => "listpack",
        }
    }

    /// How many fields it has. Costs one step, and one more for each field that has expired and was not removed yet.
    pub fn len(&self, view: &View<'_>) -> Result<u64> {
        match self.place {
            Place::Inline => self.inline_entries(view).try_fold(0, |count, entry| entry.map(|_| count + 1)),
            Place::Parts(parts, count) => {
                if !has_expired(self.found.meta.element_expire_at_ms, view.turn()) {
                    return Ok(count);
                }
                view.admit_parts()?;
                let mut expired = 0;
                let bound = view.now_ms().to_be_bytes();
                let mut times = view.records(Family::Scores, parts, &[], Some(&bound), Direction::Forward)?;
                while times.next()?.is_some() {
                    expired += 1;
                    view.admit_keys(expired)?;
                    view.go_on()?;
                }
                count.checked_sub(expired as u64).ok_or_else(|| parts.unreadable())
            }
        }
    }

    /// The value of a field. `view` is where the hash was found.
    pub fn get<'h>(&'h self, view: &View<'h>, field: &[u8]) -> Result<Option<FieldValue<'h>>> {
        match self.place {
            Place::Inline => {
                for entry in self.inline_entries(view) {
                    let Entry { field: name, value, expire_at_ms } = entry?;
                    if name == field {
                        return Ok(Some(FieldValue { bytes: Bytes::Inline(value), expire_at_ms }));
                    }
                }
                Ok(None)
            }
            Place::Parts(parts, _) => {
                view.admit_parts()?;
                let suffix = members::suffix(view.keyspace().seed(), field);
                let Some(record) = view.point(parts, &suffix)? else { return Ok(None) };
                view.admit(record.len() as u64)?;
                let (expire_at_ms, value) = layout::decode_value(&record).ok_or_else(|| parts.unreadable())?;
                let at = record.len() - value.len();
                let is_alive = !has_expired(expire_at_ms, view.turn());
                Ok(is_alive.then(|| FieldValue { bytes: Bytes::Part(record, at), expire_at_ms }))
            }
        }
    }

    /// Visits all fields and their values. `view` is where the hash was found.
    pub fn walk(&self, view: &View<'_>, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        self.walk_entries(view, |entry| visit(entry.field, entry.value))
    }

    /// The same, with the times of the fields.
    pub fn walk_entries(&self, view: &View<'_>, mut visit: impl FnMut(&Entry<'_>) -> Result<()>) -> Result<()> {
        match self.place {
            Place::Inline => self.inline_entries(view).try_for_each(|entry| visit(&entry?)),
            Place::Parts(parts, count) => {
                view.admit_parts()?;
                view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
                walk_parts(view, parts, 0, usize::MAX, &mut visit).map(drop)
            }
        }
    }

    /// Visits some fields from a cursor on, about `limit` of them, or all fields of a small hash. Returns the cursor to
    /// go on from, 0 at the end. A field that is there from the first call to the last is visited.
    pub fn scan(
        &self,
        view: &View<'_>,
        cursor: u64,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<u64> {
        match self.place {
            Place::Inline => self.walk(view, visit).map(|()| 0),
            Place::Parts(parts, _) => {
                view.admit_parts()?;
                view.admit_keys(limit)?;
                let next =
                    walk_parts(view, parts, cursor, limit, &mut |entry: &Entry<'_>| visit(entry.field, entry.value))?;
                Ok(next.unwrap_or(0))
            }
        }
    }

    /// The entries of an inline hash that have not expired.
    fn inline_entries<'h>(&'h self, view: &View<'h>) -> impl Iterator<Item = Result<Entry<'h>>> + use<'h, 'v> {
        let turn = view.turn();
        let mut entries = layout::entries(self.found.body(), self.form);
        let mut is_told = false;
        std::iter::from_fn(move || {
            loop {
                match entries.next() {
                    Some((entry, _)) if has_expired(entry.expire_at_ms, turn) => {}
                    Some((entry, _)) => return Some(Ok(entry)),
                    None if entries.is_whole() || is_told => return None,
                    None => {
                        is_told = true;
                        return Some(Err(unreadable()));
                    }
                }
            }
        })
    }
}

/// Visits fields of a hash in parts that have not expired, from a hash on.
fn walk_parts(
    view: &View<'_>,
    parts: Parts,
    from: u64,
    limit: usize,
    visit: &mut impl FnMut(&Entry<'_>) -> Result<()>,
) -> Result<Option<u64>> {
    let mut bytes = 0;
    members::walk(view, parts, from, limit, |field, record| {
        let (expire_at_ms, value) = layout::decode_value(record).ok_or_else(|| parts.unreadable())?;
        bytes += (field.len() + value.len()) as u64;
        view.admit(bytes)?;
        if !has_expired(expire_at_ms, view.turn()) {
            visit(&Entry { field, value, expire_at_ms })?;
        }
        Ok(true)
    })
}

/// Form and place of the fields of a hash with this header.
fn decode_body(meta: &Meta, body: &[u8]) -> Result<(Form, Place)> {
    match meta.parts {
        None => Form::decode(body).map(|form| (form, Place::Inline)).ok_or_else(unreadable),
        Some(parts) => {
            let (form, count) = layout::decode_count(body).ok_or_else(|| parts.unreadable())?;
            Ok((form, Place::Parts(parts, count)))
        }
    }
}

/// True if what has this time is gone. Like a key: alive through the millisecond that it names.
fn has_expired(expire_at_ms: Option<u64>, turn: &Turn) -> bool {
    expire_at_ms.is_some_and(|at| turn.now_ms() > at)
}

/// The limits beyond which Redis keeps a hash in a hash table: fields, and bytes of a field or value.
fn listpack_max(tx: &Tx<'_>) -> (u64, u64) {
    let encodings = &tx.keyspace().settings.encodings;
    let load = |limit: &std::sync::atomic::AtomicU64| limit.load(Ordering::Relaxed);
    (load(&encodings.hash_max_listpack_entries), load(&encodings.hash_max_listpack_value))
}

fn unreadable() -> Error {
    Error::BadRecord("a small hash".to_owned())
}

#[cfg(test)]
mod tests;
