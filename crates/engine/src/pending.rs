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

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

use crate::families::Family;

type Overlay = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// Part of an overlay, in key order.
pub(crate) type OverlayRange<'a> = std::collections::btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>;
/// A record as an overlay has it; None: deleted.
pub(crate) type OverlayRecord<'a> = (&'a [u8], Option<&'a [u8]>);

/// A record of [`Family::Keys`] as the batch knows it.
#[derive(Clone, Debug)]
struct Slot {
    /// None: the key is absent.
    value: Option<Vec<u8>>,
    /// False for what was only read ahead: such a slot is not written at the commit.
    dirty: bool,
}

enum Undo {
    Key(Vec<u8>, Option<Slot>),
    Ordered(Family, Vec<u8>, Option<Option<Vec<u8>>>),
    Merge,
}

/// The overlay of one batch. Owned by one worker; see the module's text.
#[derive(Default)]
pub struct Pending {
    /// Point-read family: hashed, as nothing iterates over it inside a batch.
    keys: HashMap<Vec<u8>, Slot, foldhash::fast::RandomState>,
    /// Families that commands iterate over: ordered, so that they merge with an iterator.
    meta: Overlay,
    elements: Overlay,
    scores: Overlay,
    expires: Overlay,
    /// Additions to counters in [`Family::Meta`].
    merges: Vec<(Vec<u8>, i64)>,
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

    /// Notes what a read ahead of the batch found, unless the batch knows better.
    pub fn remember(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let EntryRef::Vacant(vacant) = self.keys.entry_ref(key) {
            vacant.insert(Slot { value: value.map(<[u8]>::to_vec), dirty: false });
        }
    }

    /// True if the batch already knows the record of [`Family::Keys`], read or written.
    pub fn knows(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// True if there is nothing to commit.
    pub fn is_clean(&self) -> bool {
        self.dirty_count == 0 && self.merges.is_empty()
    }

    /// An estimate of what the commit writes, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
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
                Undo::Key(key, before) => {
                    self.dirty_count -= 1;
                    match before {
                        Some(slot) => drop(self.keys.insert(key, slot)),
                        None => drop(self.keys.remove(&key)),
                    }
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
        self.keys.clear();
        for family in [Family::Meta, Family::Elements, Family::Scores, Family::Expires] {
            self.overlay_mut(family).clear();
        }
        self.merges.clear();
        self.journal.clear();
        self.dirty_count = 0;
        self.size_bytes = 0;
    }

    fn write(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.size_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.dirty_count += 1;
        if family == Family::Keys {
            let before = self.keys.insert(key.clone(), Slot { value, dirty: true });
            self.journal.push(Undo::Key(key, before));
        } else {
            let before = self.overlay_mut(family).insert(key.clone(), value);
            self.journal.push(Undo::Ordered(family, key, before));
        }
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
            Family::Keys => self.keys.get(key).map(|slot| &slot.value),
            _ => self.overlay(family).get(key),
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

    /// True if [`Family::Keys`] has uncommitted writes, which an iterator would not see.
    pub fn hides_keys(&self) -> bool {
        self.keys.values().any(|slot| slot.dirty)
    }

    /// Visits everything that the commit writes, but for the counters.
    pub fn for_each_dirty(&self, mut visit: impl FnMut(Family, &[u8], Option<&[u8]>)) {
        // In key order: each insertion into the memtable then finds most of its path in the cache, as it is that of the
        // one before.
        let mut keys: Vec<_> = self.keys.iter().filter(|(_, slot)| slot.dirty).collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        for (key, slot) in keys {
            visit(Family::Keys, key, slot.value.as_deref());
        }
        for family in [Family::Meta, Family::Elements, Family::Scores, Family::Expires] {
            for (key, value) in self.overlay(family) {
                visit(family, key, value.as_deref());
            }
        }
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
        pending.remember(b"read", Some(b"old"));
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
    fn what_was_only_read_is_not_written() {
        let mut pending = Pending::new();
        pending.remember(b"k", Some(b"v"));
        pending.remember(b"absent", None);
        assert!(pending.is_clean());
        let mut writes = 0;
        pending.for_each_dirty(|_, _, _| writes += 1);
        assert_eq!(writes, 0);
    }

    #[test]
    fn a_read_ahead_never_replaces_a_write() {
        let mut pending = Pending::new();
        pending.put(Family::Keys, b"k".to_vec(), b"new".to_vec());
        pending.remember(b"k", Some(b"old"));
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
