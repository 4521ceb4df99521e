//! Changing a hash: any number of changes of fields, then one header.
//!
//! An [`Edit`] reads the header once, changes the body (of a small hash) or the records of the fields it is told of (of
//! a large one), and writes the header when it is finished, where that has changed. The key goes with its last field.

mod place;

use engine::{Direction, Family};

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::tx::Tx;

use super::layout::{self, Entry, Form, INLINE_LEN_MAX};
use super::{Place, decode_body, has_expired, unreadable};

/// Expired fields of a large hash that one command removes before it begins; others are left to the expirer.
const PURGED_MAX: usize = 64;

/// What becomes of a field's time when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It has none afterwards.
    Endless,
    /// It stays.
    Kept,
    /// It is this one.
    Until(u64),
}

/// Under which circumstances a field's time is set. A field without one counts as one that expires never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Any.
    #[default]
    Always,
    /// It has none (NX).
    Absent,
    /// It has one (XX).
    Present,
    /// It becomes a later one (GT).
    Later,
    /// It becomes an earlier one (LT).
    Earlier,
}

/// What came of setting a field's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// There is no such field.
    NoField,
    /// The condition was not met.
    NotMet,
    /// The time is set.
    Set,
    /// The time has passed, so the field is gone.
    Deleted,
}

/// What came of taking a field's time away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persisted {
    /// There is no such field.
    NoField,
    /// It has no time.
    NoTime,
    /// It had one.
    Done,
}

/// Changes of one hash in one command. Nothing is seen of them before [`Edit::finish`].
pub struct Edit<'e, 't> {
    tx: &'e mut Tx<'t>,
    key: &'e [u8],
    /// What [`Tx::find`] has found.
    old: Option<Meta>,
    meta: Meta,
    form: Form,
    state: State,
    /// The header has to be written.
    is_changed: bool,
    /// The time in `meta` was that of a field that has it no longer, so the first one has to be looked for.
    is_due_stale: bool,
}

enum State {
    /// The body, and the number of its entries, those included that have expired.
    Inline(Vec<u8>, u64),
    /// The records, and their number.
    Parts(Parts, u64),
}

impl<'e, 't> Edit<'e, 't> {
    /// Begins to change the hash of a key, which may be absent. A key of another kind is an error.
    pub fn begin(tx: &'e mut Tx<'t>, key: &'e [u8]) -> Result<Edit<'e, 't>> {
        let old = tx.find_kind(key, Kind::Hash)?;
        let mut edit = Edit::open(tx, key, old)?;
        if has_expired(edit.meta.element_expire_at_ms, edit.tx.turn()) {
            edit.purge(PURGED_MAX)?;
            if edit.count() == 0
                && let Some(old) = edit.old.take()
            {
                // Gone is gone: what is added now is a new hash, which does not expire when the old one would have.
                edit.tx.remove(key, old);
                return Edit::open(edit.tx, key, None);
            }
        }
        Ok(edit)
    }

    /// Likewise, whatever has expired. `old` is what [`Tx::find`] returned for the key.
    pub(super) fn open(tx: &'e mut Tx<'t>, key: &'e [u8], old: Option<Meta>) -> Result<Edit<'e, 't>> {
        let form = Form::default();
        let mut edit = Edit {
            tx,
            key,
            old,
            meta: old.unwrap_or(Meta::new(Kind::Hash)),
            form,
            state: State::Inline(vec![form.encode()], 0),
            is_changed: false,
            is_due_stale: false,
        };
        if let Some(meta) = old {
            (edit.form, edit.state) = edit.load(&meta)?;
        }
        Ok(edit)
    }

    fn load(&self, meta: &Meta) -> Result<(Form, State)> {
        let view = self.tx.view();
        let found = view.find(self.key)?.ok_or_else(unreadable)?;
        let (form, place) = decode_body(meta, found.body())?;
        let state = match place {
            Place::Parts(parts, count) => State::Parts(parts, count),
            Place::Inline => {
                let mut entries = layout::entries(found.body(), form);
                let count = entries.by_ref().count() as u64;
                if !entries.is_whole() {
                    return Err(unreadable());
                }
                let mut body = Vec::with_capacity(INLINE_LEN_MAX);
                body.extend_from_slice(found.body());
                State::Inline(body, count)
            }
        };
        Ok((form, state))
    }

    /// True if the key holds no hash yet.
    pub fn is_new(&self) -> bool {
        self.old.is_none()
    }

    /// Calls `visit` with the value of a field. Returns false if there is none.
    pub fn get(&self, field: &[u8], visit: impl FnOnce(&[u8])) -> Result<bool> {
        let mut visit = Some(visit);
        let located = self.locate(field, |value, is_alive| {
            if let Some(visit) = visit.take().filter(|_| is_alive) {
                visit(value);
            }
        })?;
        Ok(located.is_some_and(|located| located.is_alive))
    }

    /// Sets the value of a field. Returns true if there was none. A time has to be in the future.
    pub fn set(&mut self, field: &[u8], value: &[u8], lifetime: Lifetime) -> Result<bool> {
        let located = self.locate(field, |_, _| {})?;
        let alive = located.as_ref().filter(|located| located.is_alive);
        let expire_at_ms = match lifetime {
            Lifetime::Endless => None,
            Lifetime::Kept => alive.and_then(|located| located.expire_at_ms),
            Lifetime::Until(at) => Some(at),
        };
        let is_added = alive.is_none();
        self.write(&Entry { field, value, expire_at_ms }, located)?;
        self.note_encoding(field, value);
        Ok(is_added)
    }

    /// Removes a field. Returns false if there was none.
    pub fn remove(&mut self, field: &[u8]) -> Result<bool> {
        self.take(field, |_| {})
    }

    /// Removes a field and calls `visit` with its value. Returns false if there was none.
    pub fn take(&mut self, field: &[u8], visit: impl FnOnce(&[u8])) -> Result<bool> {
        let mut visit = Some(visit);
        let located = self.locate(field, |value, is_alive| {
            if let Some(visit) = visit.take().filter(|_| is_alive) {
                visit(value);
            }
        })?;
        let Some(located) = located else { return Ok(false) };
        let is_alive = located.is_alive;
        self.delete(field, located);
        Ok(is_alive)
    }

    /// Sets the time of a field under a condition.
    pub fn expire(&mut self, field: &[u8], at_ms: u64, condition: Condition) -> Result<Expired> {
        let mut copy = Vec::new();
        let located = self.locate(field, |value, _| copy.extend_from_slice(value))?;
        let Some(located) = located.filter(|located| located.is_alive) else { return Ok(Expired::NoField) };
        let is_met = match (condition, located.expire_at_ms) {
            (Condition::Always, _) | (Condition::Absent | Condition::Earlier, None) => true,
            (Condition::Absent, Some(_)) | (Condition::Present | Condition::Later, None) => false,
            (Condition::Present, Some(_)) => true,
            (Condition::Later, Some(current)) => at_ms > current,
            (Condition::Earlier, Some(current)) => at_ms < current,
        };
        if !is_met {
            return Ok(Expired::NotMet);
        }
        if at_ms <= self.tx.now_ms() {
            self.delete(field, located);
            return Ok(Expired::Deleted);
        }
        self.write(&Entry { field, value: &copy, expire_at_ms: Some(at_ms) }, Some(located))?;
        Ok(Expired::Set)
    }

    /// Takes the time of a field away.
    pub fn persist(&mut self, field: &[u8]) -> Result<Persisted> {
        let mut copy = Vec::new();
        let located = self.locate(field, |value, _| copy.extend_from_slice(value))?;
        let Some(located) = located.filter(|located| located.is_alive) else { return Ok(Persisted::NoField) };
        if located.expire_at_ms.is_none() {
            return Ok(Persisted::NoTime);
        }
        self.write(&Entry { field, value: &copy, expire_at_ms: None }, Some(located))?;
        Ok(Persisted::Done)
    }

    /// Removes fields that have expired, at most `limit` of a large hash. Returns how many.
    pub(super) fn purge(&mut self, limit: usize) -> Result<usize> {
        let removed = self.remove_due(limit)?;
        self.tx.count_expired_fields(removed);
        Ok(removed)
    }

    fn remove_due(&mut self, limit: usize) -> Result<usize> {
        // If nothing is due after all, the header must say so.
        (self.is_due_stale, self.is_changed) = (true, true);
        match &mut self.state {
            State::Inline(body, count) => {
                let mut kept = Vec::with_capacity(INLINE_LEN_MAX);
                kept.push(self.form.encode());
                let mut kept_count = 0;
                for (entry, range) in layout::entries(body, self.form) {
                    if !has_expired(entry.expire_at_ms, self.tx.turn()) {
                        kept.extend_from_slice(&body[range]);
                        kept_count += 1;
                    }
                }
                let removed = *count - kept_count;
                (*body, *count) = (kept, kept_count);
                Ok(removed as usize)
            }
            State::Parts(parts, _) => {
                let parts = *parts;
                let due = self.due(parts, limit)?;
                for (at, field) in &due {
                    self.tx.delete_record(Family::Scores, parts, &layout::encode_time(*at, field));
                    let suffix = self.suffix(field);
                    self.tx.remove_part(parts, &suffix);
                    self.note_removed(Some(*at));
                }
                Ok(due.len())
            }
        }
    }

    /// Up to `limit` fields of a large hash that have expired, with their times.
    fn due(&self, parts: Parts, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        let (view, mut due) = (self.tx.view(), Vec::new());
        let bound = self.tx.now_ms().to_be_bytes();
        let mut times = view.records(Family::Scores, parts, &[], Some(&bound), Direction::Forward)?;
        while due.len() < limit {
            let Some((suffix, _)) = times.next()? else { break };
            let (at, field) = layout::decode_time(suffix).ok_or_else(|| parts.unreadable())?;
            due.push((at, field.to_vec()));
        }
        Ok(due)
    }

    /// Writes the header, if it has to be, or removes the key with its last field.
    pub fn finish(mut self) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        if self.count() == 0 {
            if let Some(old) = self.old {
                self.tx.remove(self.key, old);
            }
            return Ok(());
        }
        if std::mem::take(&mut self.is_due_stale) {
            self.meta.element_expire_at_ms = self.first_time()?;
        }
        match &self.state {
            State::Inline(body, _) => self.tx.put(self.key, self.old, self.meta, body),
            State::Parts(_, count) => {
                let body = layout::encode_count(self.form, *count);
                self.tx.put(self.key, self.old, self.meta, &body);
            }
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        match self.state {
            State::Inline(_, count) | State::Parts(_, count) => count,
        }
    }
}
