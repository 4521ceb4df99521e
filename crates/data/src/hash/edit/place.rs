//! Where an edit finds and puts fields: in the body of a small hash, in the records of a large one. A hash that
//! outgrows its header moves here.

use std::ops::Range;

use engine::{Direction, Family};

use crate::error::Result;
use crate::key::Parts;
use crate::members;

use super::super::layout::{self, ENTRIES_AT, Entry, INLINE_LEN_MAX};
use super::super::{has_expired, listpack_max};
use super::{Edit, State};

/// A field that has a place, even if it has expired.
pub(super) struct Located {
    pub(super) expire_at_ms: Option<u64>,
    pub(super) is_alive: bool,
    /// Of an inline hash: where its entry is.
    range: Range<usize>,
}

impl Edit<'_, '_> {
    /// Looks for a field, and calls `visit` with its value and whether it has not expired.
    pub(super) fn locate(&self, field: &[u8], visit: impl FnOnce(&[u8], bool)) -> Result<Option<Located>> {
        let turn = self.tx.turn();
        match &self.state {
            State::Inline(body, _) => {
                let found = layout::entries(body, self.form).find(|(entry, _)| entry.field == field);
                Ok(found.map(|(Entry { value, expire_at_ms, .. }, range)| {
                    let is_alive = !has_expired(expire_at_ms, turn);
                    visit(value, is_alive);
                    Located { expire_at_ms, is_alive, range }
                }))
            }
            State::Parts(parts, _) => {
                let view = self.tx.view();
                let Some(record) = view.part(*parts, &self.suffix(field))? else { return Ok(None) };
                let (expire_at_ms, value) = layout::decode_value(&record).ok_or_else(|| parts.unreadable())?;
                let is_alive = !has_expired(expire_at_ms, turn);
                visit(value, is_alive);
                Ok(Some(Located { expire_at_ms, is_alive, range: 0..0 }))
            }
        }
    }

    /// Writes a field where it was, or behind all others.
    pub(super) fn write(&mut self, entry: &Entry<'_>, located: Option<Located>) -> Result<()> {
        let is_counted = located.is_some();
        let was = located.as_ref().and_then(|located| located.expire_at_ms);
        if entry.expire_at_ms.is_some() && !self.form.has_times {
            self.make_room_for_times();
            let range = self.locate(entry.field, |_, _| {})?;
            return self.write(entry, range);
        }
        if let State::Inline(body, _) = &self.state {
            let freed = located.as_ref().map_or(0, |located| located.range.len());
            if body.len() - freed + layout::entry_len(self.form, entry) > INLINE_LEN_MAX {
                self.move_to_parts()?;
            }
        }
        match &mut self.state {
            State::Inline(body, count) => {
                let end = body.len();
                layout::push_entry(body, self.form, entry);
                if let Some(Located { range, .. }) = located {
                    let bytes = body.split_off(end);
                    drop(body.splice(range, bytes));
                }
                *count += u64::from(!is_counted);
                self.is_changed = true;
            }
            State::Parts(parts, count) => {
                let parts = *parts;
                *count += u64::from(!is_counted);
                self.is_changed |= !is_counted;
                self.put_field(parts, entry, was);
            }
        }
        self.note_time(was, entry.expire_at_ms);
        Ok(())
    }

    /// Takes a field out.
    pub(super) fn delete(&mut self, field: &[u8], located: Located) {
        match &mut self.state {
            State::Inline(body, _) => drop(body.drain(located.range)),
            State::Parts(parts, _) => {
                let parts = *parts;
                let suffix = self.suffix(field);
                self.tx.remove_part(parts, &suffix);
                if let Some(at) = located.expire_at_ms {
                    self.tx.delete_record(Family::Scores, parts, &layout::encode_time(at, field));
                }
            }
        }
        self.note_removed(located.expire_at_ms);
    }

    pub(super) fn note_removed(&mut self, was: Option<u64>) {
        let (State::Inline(_, count) | State::Parts(_, count)) = &mut self.state;
        *count = count.saturating_sub(1);
        self.is_changed = true;
        self.note_time(was, None);
    }

    /// Keeps the first time of all fields up to date, when one changes.
    pub(super) fn note_time(&mut self, was: Option<u64>, is: Option<u64>) {
        if was == is {
            return;
        }
        let due = &mut self.meta.element_expire_at_ms;
        if was.is_some() && was == *due {
            self.is_due_stale = true;
            self.is_changed = true;
        }
        if let Some(at) = is
            && due.is_none_or(|due| at < due)
        {
            *due = Some(at);
            self.is_changed = true;
        }
    }

    /// The first time of all fields.
    pub(super) fn first_time(&self) -> Result<Option<u64>> {
        match &self.state {
            State::Inline(body, _) => {
                Ok(layout::entries(body, self.form).filter_map(|(entry, _)| entry.expire_at_ms).min())
            }
            State::Parts(parts, _) => {
                // Nothing is before the time that was the first, but for what was deleted.
                let from = self.meta.element_expire_at_ms.unwrap_or(0).to_be_bytes();
                let view = self.tx.view();
                let mut times = view.records(Family::Scores, *parts, &from, None, Direction::Forward)?;
                match times.next()? {
                    Some((suffix, _)) => Ok(Some(layout::decode_time(suffix).ok_or_else(|| parts.unreadable())?.0)),
                    None => Ok(None),
                }
            }
        }
    }

    /// Makes the form one whose entries have times.
    pub(super) fn make_room_for_times(&mut self) {
        let before = self.form;
        self.form.has_times = true;
        self.is_changed = true;
        if let State::Inline(body, _) = &mut self.state {
            let mut roomy = Vec::with_capacity(INLINE_LEN_MAX);
            roomy.push(self.form.encode());
            layout::entries(body, before).for_each(|(entry, _)| layout::push_entry(&mut roomy, self.form, &entry));
            *body = roomy;
        }
    }

    /// Notes whether Redis would keep the hash in a hash table, after a field was set.
    pub(super) fn note_encoding(&mut self, field: &[u8], value: &[u8]) {
        if self.form.is_table {
            return;
        }
        let (entries_max, value_max) = listpack_max(self.tx);
        if self.count() <= entries_max && field.len() as u64 <= value_max && value.len() as u64 <= value_max {
            return;
        }
        self.form.is_table = true;
        self.is_changed = true;
        if let State::Inline(body, _) = &mut self.state {
            body[..ENTRIES_AT].copy_from_slice(&[self.form.encode()]);
        }
    }

    /// Gives each field a record of its own.
    pub(super) fn move_to_parts(&mut self) -> Result<()> {
        let parts = self.tx.new_parts(self.key);
        let (body, count) = match std::mem::replace(&mut self.state, State::Parts(parts, 0)) {
            State::Inline(body, count) => (body, count),
            State::Parts(..) => return Err(parts.unreadable()),
        };
        self.meta.parts = Some(parts);
        self.is_changed = true;
        self.state = State::Parts(parts, count);
        for (entry, _) in layout::entries(&body, self.form) {
            self.put_field(parts, &entry, None);
        }
        Ok(())
    }

    /// Writes the records of a field that had this time before.
    pub(super) fn put_field(&mut self, parts: Parts, entry: &Entry<'_>, was: Option<u64>) {
        let suffix = self.suffix(entry.field);
        self.tx.put_part(parts, &suffix, layout::encode_value(entry.value, entry.expire_at_ms));
        if was == entry.expire_at_ms {
            return;
        }
        if let Some(at) = was {
            self.tx.delete_record(Family::Scores, parts, &layout::encode_time(at, entry.field));
        }
        if let Some(at) = entry.expire_at_ms {
            self.tx.put_record(Family::Scores, parts, &layout::encode_time(at, entry.field), Vec::new());
        }
    }

    pub(super) fn suffix(&self, field: &[u8]) -> Vec<u8> {
        members::suffix(self.tx.keyspace().seed(), field)
    }
}
