//! A unit of the memory of entries: a line of the processor's cache.
//!
//! What is short lies in it, 54 bytes of record and key together, and in a second one, 63 more. The record is
//! first, so that a lookup copies it out as an array, whatever its length.

use std::sync::Arc;

use engine::{RECORD_INLINE_LEN, RecordValue};
use smallvec::SmallVec;

pub(super) const UNIT_BYTES: u64 = 64;
const FIRST_LEN: usize = 54;
const SECOND_LEN: usize = 63;
/// Bytes of the key of a long record that need no allocation.
const LONG_KEY_INLINE_LEN: usize = 32;
/// The two counts of what is shared.
const ARC_COUNTS_BYTES: usize = 16;

/// The queue that an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Small,
    Main,
}

/// What an entry tells of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Nothing: it is being changed, and not to be seen before it is set again.
    Nothing,
    Record,
    /// There is no record of it.
    Absent,
}

/// What an entry has beside key and record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// As bytes, which need no place at a multiple of four.
    fragment: [u8; 4],
    pub(super) uses: u8,
    pub(super) place: Place,
    pub(super) shows: Shows,
}

impl Head {
    pub(super) fn new(fragment: u32, place: Place, shows: Shows) -> Head {
        Head { fragment: fragment.to_ne_bytes(), uses: 0, place, shows }
    }

    pub(super) fn fragment(&self) -> u32 {
        u32::from_ne_bytes(self.fragment)
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) enum Unit {
    /// At which place among the free units whose neighbour is in use, if its own is.
    Free { at: u32 },
    /// Record and key; what does not fit follows in the second unit.
    Short { head: Head, record_len: u8, key_len: u8, bytes: [u8; FIRST_LEN] },
    /// The second unit of an entry.
    Second { bytes: [u8; SECOND_LEN] },
    /// What does not fit into two.
    Long { head: Head, key: SmallVec<[u8; LONG_KEY_INLINE_LEN]>, record: Arc<[u8]> },
}

pub(super) const FREE: Unit = Unit::Free { at: 0 };

/// True if an entry needs two units.
pub(super) fn needs_two(record: &[u8], key: &[u8]) -> bool {
    is_short(record, key) && record.len() + key.len() > FIRST_LEN
}

fn is_short(record: &[u8], key: &[u8]) -> bool {
    record.len() <= RECORD_INLINE_LEN && record.len() + key.len() <= FIRST_LEN + SECOND_LEN
}

impl Unit {
    /// The units of an entry: two, if it [needs](needs_two) them.
    pub(super) fn of(head: Head, key: &[u8], record: RecordValue) -> (Unit, Option<Unit>) {
        if !is_short(&record, key) {
            return (Unit::Long { head, key: SmallVec::from_slice(key), record: record.into_shared() }, None);
        }
        let (mut bytes, mut rest) = ([0; FIRST_LEN], [0; SECOND_LEN]);
        write(&mut bytes, &mut rest, 0, &record);
        write(&mut bytes, &mut rest, record.len(), key);
        let second = needs_two(&record, key).then_some(Unit::Second { bytes: rest });
        // Both lengths are at most that of two units.
        (Unit::Short { head, record_len: record.len() as u8, key_len: key.len() as u8, bytes }, second)
    }

    pub(super) fn head(&self) -> Option<&Head> {
        match self {
            Unit::Short { head, .. } | Unit::Long { head, .. } => Some(head),
            Unit::Free { .. } | Unit::Second { .. } => None,
        }
    }

    pub(super) fn head_mut(&mut self) -> Option<&mut Head> {
        match self {
            Unit::Short { head, .. } | Unit::Long { head, .. } => Some(head),
            Unit::Free { .. } | Unit::Second { .. } => None,
        }
    }

    /// The bytes of a second unit; of another, none.
    pub(super) fn rest(&self) -> &[u8] {
        if let Unit::Second { bytes } = self { bytes } else { &[] }
    }

    /// The record of an entry. `rest`: the bytes of its second unit, if it has one.
    #[inline]
    pub(super) fn record(&self, rest: &[u8]) -> RecordValue {
        match self {
            Unit::Short { record_len, bytes, .. } => {
                let mut record = [0; RECORD_INLINE_LEN];
                record[..FIRST_LEN].copy_from_slice(bytes);
                if let Some(rest) = rest.first_chunk::<{ RECORD_INLINE_LEN - FIRST_LEN }>() {
                    record[FIRST_LEN..].copy_from_slice(rest);
                }
                RecordValue::from_buf_and_len(record, *record_len)
            }
            Unit::Long { record, .. } => RecordValue::from(Arc::clone(record)),
            Unit::Free { .. } | Unit::Second { .. } => RecordValue::default(),
        }
    }

    /// True if the entry is this key's. `rest` is as for [`Unit::record`].
    #[inline]
    pub(super) fn is_of(&self, rest: &[u8], key: &[u8]) -> bool {
        match self {
            Unit::Short { record_len, key_len, bytes, .. } => {
                if key.len() != usize::from(*key_len) {
                    return false;
                }
                let begin = usize::from(*record_len);
                let (here, there) = key.split_at(FIRST_LEN.saturating_sub(begin).min(key.len()));
                let at = begin.saturating_sub(FIRST_LEN);
                (here.is_empty() || bytes[begin..begin + here.len()] == *here)
                    && (there.is_empty() || rest.get(at..at + there.len()) == Some(there))
            }
            Unit::Long { key: long, .. } => **long == *key,
            Unit::Free { .. } | Unit::Second { .. } => false,
        }
    }

    /// What of it lies elsewhere.
    pub(super) fn heap_bytes(&self) -> usize {
        let Unit::Long { key, record, .. } = self else { return 0 };
        record.len() + ARC_COUNTS_BYTES + if key.spilled() { key.len() } else { 0 }
    }
}

/// Writes bytes to where they belong in two units.
fn write(first: &mut [u8; FIRST_LEN], second: &mut [u8; SECOND_LEN], at: usize, bytes: &[u8]) {
    let (here, there) = bytes.split_at(FIRST_LEN.saturating_sub(at).min(bytes.len()));
    if !here.is_empty() {
        first[at..at + here.len()].copy_from_slice(here);
    }
    if !there.is_empty() {
        let at = at.saturating_sub(FIRST_LEN);
        second[at..at + there.len()].copy_from_slice(there);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_line_of_the_processors_cache() {
        assert_eq!(size_of::<Unit>() as u64, UNIT_BYTES);
    }

    #[test]
    fn key_and_record_of_any_lengths_come_back() {
        let head = Head::new(7, Place::Main, Shows::Record);
        for key_len in 0..140 {
            let key: Vec<u8> = (0..key_len).map(|n| n as u8).collect();
            for record_len in 0..140 {
                let record: Vec<u8> = (0..record_len).map(|n| !n as u8).collect();
                let (first, second) = Unit::of(head, &key, record[..].into());
                assert_eq!(second.is_some(), needs_two(&record, &key));
                let is_long = record_len > RECORD_INLINE_LEN || record_len + key_len > FIRST_LEN + SECOND_LEN;
                assert_eq!(first.heap_bytes() > 0, is_long);
                assert_eq!(second.is_some(), !is_long && record_len + key_len > FIRST_LEN);
                let rest = second.as_ref().map_or(&[][..], Unit::rest);
                assert_eq!(*first.record(rest), *record);
                assert!(first.is_of(rest, &key) && !first.is_of(rest, &[&key[..], b"x"].concat()));
                for other in (0..key_len).map(|n| [&key[..n], &[!key[n]], &key[n + 1..]].concat()) {
                    assert!(!first.is_of(rest, &other));
                }
                assert_eq!(first.head().map(Head::fragment), Some(7));
            }
        }
    }
}
