//! The writes of a batch before its commit, in a form that later reads of the batch can see.
//!
//! RocksDB's indexed write batch would do this too, at a call across the language border and a skip
//! list insertion per write; and it keeps every version of a key that is written several times. Here
//! a key that fifty clients increment becomes one put. Nothing in this file touches the disk.
//!
//! Every change is journalled until [`Pending::keep`], so that a command that fails half-way (or
//! panics) is taken back with [`Pending::undo`] without disturbing its neighbours in the batch.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::families::Family;
use crate::record_value::RecordValue;
use crate::records::{RecordKey, Records, SlotId, State};

/// What RocksDB's batch has for a record beside its key and value, at most as long as these are short: a tag, the family, two lengths.
const RECORD_HEAD_BYTES: usize = 8;

type Overlay = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// Part of an overlay, in key order.
pub(crate) type OverlayRange<'a> = std::collections::btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>;
/// A record as an overlay has it; None: deleted.
pub(crate) type OverlayRecord<'a> = (&'a [u8], Option<&'a [u8]>);

enum Undo {
    Record(SlotId, State, bool),
    Ordered(Family, Vec<u8>, Option<Option<Vec<u8>>>),
    Merge,
}

/// The overlay of one batch. Owned by one worker; see the module's text.
#[derive(Default)]
pub struct Pending {
    /// [`Family::Keys`].
    records: Records,
    /// Families that commands iterate over: ordered, so that they merge with an iterator.
    meta: Overlay,
    elements: Overlay,
    scores: Overlay,
    expires: Overlay,
    /// Additions to counters in [`Family::Meta`].
    merges: Vec<(Vec<u8>, i64)>,
    /// Records of [`Family::Scores`] as they are on disk, of which the batch may change little.
    bases: Vec<(Vec<u8>, RecordValue)>,
    journal: Vec<Undo>,
    dirty_count: usize,
    size_bytes: usize,
}

/// What an overlay knows of a record.
pub(crate) enum Known<'a> {
    Nothing,
    Absent,
    Present(&'a [u8]),
}

impl Pending {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a record.
    pub fn put(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) {
        self.write(family, key, Some(value));
    }

    /// Sets a record of [`Family::Scores`] of which little changes, as a rule; `base` is what is on disk, where the batch had nothing of it yet.
    /// What the commit writes of it then may be no more than what differs.
    pub fn patch(&mut self, key: Vec<u8>, value: Vec<u8>, base: Option<RecordValue>) {
        if let Some(base) = base {
            // What is on disk stays there until the commit: an undo has nothing to take back.
            self.bases.push((key.clone(), base));
        }
        self.put(Family::Scores, key, value);
    }

    /// Removes a record.
    pub fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.write(family, key, None);
    }

    /// Adds to a counter of [`Family::Meta`] (see [`crate::counter_value`]).
    pub fn add(&mut self, key: Vec<u8>, delta: i64) {
        self.size_bytes += key.len() + 8;
        self.merges.push((key, delta));
        self.journal.push(Undo::Merge);
    }

    /// The slot of a record of [`Family::Keys`], whether the batch knows the record or not.
    pub fn locate(&mut self, key: &[u8]) -> SlotId {
        self.records.locate(key)
    }

    /// The slot of a record of [`Family::Keys`], if it has been located before.
    pub fn located(&self, key: &[u8]) -> Option<SlotId> {
        self.records.find(key)
    }

    /// The key of a slot's record.
    pub fn key(&self, slot: SlotId) -> &RecordKey {
        &self.records.slot(slot).key
    }

    /// What the batch knows of a slot's record, read or written: None if nothing, Some(None) if it is absent.
    pub fn known(&self, slot: SlotId) -> Option<Option<&[u8]>> {
        match &self.records.slot(slot).state {
            State::Unknown => None,
            State::Absent => Some(None),
            State::Present(value) => Some(Some(value)),
        }
    }

    /// Notes what a read found, unless the batch knows better.
    pub fn remember(&mut self, slot: SlotId, value: Option<RecordValue>) {
        let slot = self.records.slot_mut(slot);
        if matches!(slot.state, State::Unknown) {
            slot.state = value.into();
        }
    }

    /// Sets the record of a slot, or removes it.
    pub fn write_slot(&mut self, slot: SlotId, value: Option<RecordValue>) {
        let id = slot;
        let slot = self.records.slot_mut(slot);
        self.size_bytes += slot.key.len() + value.as_ref().map_or(0, |value| value.len());
        self.dirty_count += 1;
        let before = std::mem::replace(&mut slot.state, value.into());
        let was_dirty = std::mem::replace(&mut slot.dirty, true);
        self.journal.push(Undo::Record(id, before, was_dirty));
    }

    /// True if there is nothing to commit.
    pub fn is_clean(&self) -> bool {
        self.dirty_count == 0 && self.merges.is_empty()
    }

    /// Bytes that were written to the batch: at least what the commit writes, much more where records were written again and again.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// What the commit writes, in bytes.
    pub(crate) fn dirty_bytes(&self) -> usize {
        let mut bytes = self.merges.iter().map(|(key, _)| RECORD_HEAD_BYTES + key.len() + size_of::<i64>()).sum();
        self.for_each_dirty(|_, key, value| bytes += RECORD_HEAD_BYTES + key.len() + value.map_or(0, <[u8]>::len));
        bytes
    }

    /// Accepts everything written since the last call: it can no longer be undone.
    pub fn keep(&mut self) {
        self.journal.clear();
    }

    /// True if there is nothing that [`Pending::undo`] would take back.
    pub fn is_kept(&self) -> bool {
        self.journal.is_empty()
    }

    /// Takes back everything written since the last [`Pending::keep`].
    pub fn undo(&mut self) {
        while let Some(step) = self.journal.pop() {
            match step {
                Undo::Merge => drop(self.merges.pop()),
                Undo::Record(id, state, dirty) => {
                    self.dirty_count -= 1;
                    let slot = self.records.slot_mut(id);
                    (slot.state, slot.dirty) = (state, dirty);
                }
                Undo::Ordered(family, key, before) => {
                    self.dirty_count -= 1;
                    let overlay = self.overlay_mut(family);
                    match before {
                        Some(value) => drop(overlay.insert(key, value)),
                        None => drop(overlay.remove(&key)),
                    }
                }
            }
        }
    }

    /// Forgets everything, committed or not.
    pub fn clear(&mut self) {
        self.records.clear();
        for family in [Family::Meta, Family::Elements, Family::Scores, Family::Expires] {
            self.overlay_mut(family).clear();
        }
        self.merges.clear();
        self.bases.clear();
        self.journal.clear();
        self.dirty_count = 0;
        self.size_bytes = 0;
    }

    fn write(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        if family == Family::Keys {
            let slot = self.locate(&key);
            return self.write_slot(slot, value.as_deref().map(RecordValue::from));
        }
        self.size_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.dirty_count += 1;
        let before = self.overlay_mut(family).insert(key.clone(), value);
        self.journal.push(Undo::Ordered(family, key, before));
    }

    fn overlay_mut(&mut self, family: Family) -> &mut Overlay {
        match family {
            Family::Meta | Family::Keys => &mut self.meta,
            Family::Elements => &mut self.elements,
            Family::Scores => &mut self.scores,
            Family::Expires => &mut self.expires,
        }
    }

    fn overlay(&self, family: Family) -> &Overlay {
        match family {
            Family::Meta | Family::Keys => &self.meta,
            Family::Elements => &self.elements,
            Family::Scores => &self.scores,
            Family::Expires => &self.expires,
        }
    }

    pub(crate) fn lookup(&self, family: Family, key: &[u8]) -> Known<'_> {
        let value = match family {
            Family::Keys => self.located(key).and_then(|slot| self.known(slot)),
            _ => self.overlay(family).get(key).map(Option::as_deref),
        };
        match value {
            None => Known::Nothing,
            Some(None) => Known::Absent,
            Some(Some(value)) => Known::Present(value),
        }
    }

    /// The overlay's records of an iterable family within bounds, in key order.
    pub(crate) fn range(
        &self,
        family: Family,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> std::collections::btree_map::Range<'_, Vec<u8>, Option<Vec<u8>>> {
        self.overlay(family).range::<[u8], _>((from, to))
    }

    /// True if there are such records.
    pub(crate) fn has_between(&self, family: Family, from: &[u8], to: &[u8]) -> bool {
        match family {
            Family::Keys => !self.written_between(from, to).is_empty(),
            _ => self.range(family, Bound::Included(from), Bound::Excluded(to)).next().is_some(),
        }
    }

    /// The records of [`Family::Keys`] with `from <= key < to` that the commit writes, in no order.
    pub(crate) fn written_between(&self, from: &[u8], to: &[u8]) -> Vec<OverlayRecord<'_>> {
        let records =
            self.written_slots().map(|slot| (self.key(slot).as_slice(), self.value(slot).map(|value| &**value)));
        records.filter(|(key, _)| from <= *key && *key < to).collect()
    }

    /// Visits everything that the commit writes, but for the counters.
    pub fn for_each_dirty(&self, mut visit: impl FnMut(Family, &[u8], Option<&[u8]>)) {
        // In key order: each insertion into the memtable then finds most of its path in the cache, as it is that of the
        // one before.
        let mut slots: Vec<_> = self.written_slots().collect();
        slots.sort_unstable_by(|&a, &b| self.key(a).cmp(self.key(b)));
        for slot in slots {
            visit(Family::Keys, self.key(slot), self.value(slot).map(|value| &**value));
        }
        for family in [Family::Meta, Family::Elements, Family::Scores, Family::Expires] {
            for (key, value) in self.overlay(family) {
                visit(family, key, value.as_deref());
            }
        }
    }

    /// The slots of [`Family::Keys`] that the commit writes, in no order.
    pub fn written_slots(&self) -> impl Iterator<Item = SlotId> {
        self.records.dirty()
    }

    /// What the batch has read or written in a slot; None: nothing, or that the record is absent.
    pub fn value(&self, slot: SlotId) -> Option<&RecordValue> {
        match &self.records.slot(slot).state {
            State::Present(value) => Some(value),
            State::Absent | State::Unknown => None,
        }
    }

    /// The records of an iterable family that the commit writes, in key order; None: deleted.
    pub fn written(&self, family: Family) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.overlay(family).iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The records that [`Pending::patch`] was told of, as they are on disk, in the order of their keys.
    pub(crate) fn bases(&self) -> Vec<(&[u8], &[u8])> {
        let mut bases: Vec<(&[u8], &[u8])> = self.bases.iter().map(|(key, base)| (&key[..], &**base)).collect();
        bases.sort_unstable_by_key(|(key, _)| *key);
        bases
    }

    pub(crate) fn merges(&self) -> &[(Vec<u8>, i64)] {
        &self.merges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(pending: &'a Pending, family: Family, key: &[u8]) -> Option<Option<&'a [u8]>> {
        match pending.lookup(family, key) {
            Known::Nothing => None,
            Known::Absent => Some(None),
            Known::Present(value) => Some(Some(value)),
        }
    }

    #[test]
    fn undo_restores_what_the_batch_knew_before_the_command() {
        let mut pending = Pending::new();
        let read = pending.locate(b"read");
        pending.remember(read, Some(b"old"[..].into()));
        pending.put(Family::Keys, b"kept".to_vec(), b"1".to_vec());
        pending.keep();
        pending.put(Family::Keys, b"kept".to_vec(), b"2".to_vec());
        pending.delete(Family::Keys, b"read".to_vec());
        pending.put(Family::Elements, b"e".to_vec(), b"x".to_vec());
        pending.add(b"count".to_vec(), 1);
        pending.undo();
        assert_eq!(value(&pending, Family::Keys, b"kept"), Some(Some(&b"1"[..])));
        assert_eq!(value(&pending, Family::Keys, b"read"), Some(Some(&b"old"[..])));
        assert_eq!(value(&pending, Family::Elements, b"e"), None);
        assert!(pending.merges().is_empty());
        assert!(!pending.is_clean());
    }

    #[test]
    fn a_slot_is_found_again_by_its_key_and_forgets_a_write_that_is_undone() {
        let mut pending = Pending::new();
        let slot = pending.locate(b"k");
        assert_eq!((pending.located(b"k"), pending.located(b"other")), (Some(slot), None));
        assert_eq!((pending.known(slot), pending.key(slot).as_slice()), (None, &b"k"[..]));
        pending.write_slot(slot, Some(b"v"[..].into()));
        assert_eq!(pending.known(slot), Some(Some(&b"v"[..])));
        pending.undo();
        assert_eq!((pending.known(slot), pending.is_clean()), (None, true));
        assert!(pending.written_between(b"", b"z").is_empty());
    }

    #[test]
    fn what_was_only_read_is_not_written() {
        let mut pending = Pending::new();
        for (key, found) in [(b"k", Some(b"v"[..].into())), (b"a", None)] {
            let slot = pending.locate(key);
            pending.remember(slot, found);
        }
        assert!(pending.is_clean());
        let mut writes = 0;
        pending.for_each_dirty(|_, _, _| writes += 1);
        assert_eq!(writes, 0);
    }

    #[test]
    fn a_read_ahead_never_replaces_a_write() {
        let mut pending = Pending::new();
        pending.put(Family::Keys, b"k".to_vec(), b"new".to_vec());
        let slot = pending.locate(b"k");
        pending.remember(slot, Some(b"old"[..].into()));
        assert_eq!(value(&pending, Family::Keys, b"k"), Some(Some(&b"new"[..])));
    }

    #[test]
    fn a_key_written_twice_is_committed_once() {
        let mut pending = Pending::new();
        for text in ["1", "2", "3"] {
            pending.put(Family::Keys, b"k".to_vec(), text.into());
        }
        let mut seen = Vec::new();
        pending.for_each_dirty(|_, _, value| seen.push(value.map(<[u8]>::to_vec)));
        assert_eq!(seen, vec![Some(b"3".to_vec())]);
    }
}
