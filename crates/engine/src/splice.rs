//! What a change of a record takes on disk: where little of a long record changes, the bytes that do, and not the record.
//!
//! A *patch* is a sequence of splices: how many bytes stay as they are, how many behind them go, how many come in their place, and these. The
//! three numbers are LEB128; what is behind the last splice stays. RocksDB keeps patches beside the record, in order, as operands of a merge, and
//! puts them together when the record is read, flushed or compacted with what lies below. A record that is read as it was patched is
//! the record itself: nobody above the engine sees a patch.
//!
//! On disk: changing it needs a new format version.

use rust_rocksdb::MergeOperands;

/// Equal bytes between two that differ, up to which both belong to one splice: another would take as much.
const GAP_MAX: usize = 3;

/// What makes a record of another, if that is at most a half of it.
pub(crate) fn between(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let mut patch = Vec::new();
    if old.len() != new.len() {
        let start = common(old.iter().zip(new));
        let rest = (&old[start..], &new[start..]);
        let end = common(rest.0.iter().rev().zip(rest.1.iter().rev()));
        push(&mut patch, start, rest.0.len() - end, &rest.1[..rest.1.len() - end]);
        return (patch.len() <= new.len() / 2).then_some(patch);
    }
    let mut kept = 0;
    while let Some(start) = differs(&old[kept..], &new[kept..]).map(|at| kept + at) {
        let mut end = start + 1;
        while let Some(next) = (end..old.len().min(end + GAP_MAX)).find(|&at| old[at] != new[at]) {
            end = next + 1;
        }
        push(&mut patch, start - kept, end - start, &new[start..end]);
        if patch.len() > new.len() / 2 {
            return None;
        }
        kept = end;
    }
    Some(patch)
}

/// A record with a patch. None: it is no patch of this record.
fn patched(record: &[u8], mut patch: &[u8]) -> Option<Vec<u8>> {
    let (mut made, mut rest) = (Vec::with_capacity(record.len() + patch.len()), record);
    while !patch.is_empty() {
        let (kept, gone, come) = (take(&mut patch)?, take(&mut patch)?, take(&mut patch)?);
        let (same, behind) = rest.split_at_checked(kept)?;
        let (new, left) = patch.split_at_checked(come)?;
        made.extend_from_slice(same);
        made.extend_from_slice(new);
        (rest, patch) = (behind.get(gone..)?, left);
    }
    made.extend_from_slice(rest);
    Some(made)
}

/// RocksDB's merge of a record with its patches. One that does not fit, which nothing writes, is left out: whoever reads the record judges what
/// it is then, where a merge that fails would stop all writes.
pub(crate) fn merge(_key: &[u8], record: Option<&[u8]>, patches: &MergeOperands) -> Option<Vec<u8>> {
    let record = record.unwrap_or(&[]).to_vec();
    Some(patches.iter().fold(record, |record, patch| patched(&record, patch).unwrap_or(record)))
}

/// Patches are not put together without the record.
pub(crate) fn merge_patches(_key: &[u8], _record: Option<&[u8]>, _patches: &MergeOperands) -> Option<Vec<u8>> {
    None
}

/// Where two strings of one length differ first.
fn differs(a: &[u8], b: &[u8]) -> Option<usize> {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    let word = a_words.iter().zip(b_words).position(|(a, b)| a != b);
    let (from, a, b) = match word {
        Some(word) => (8 * word, &a_words[word][..], &b_words[word][..]),
        None => (8 * a_words.len(), a_rest, b_rest),
    };
    a.iter().zip(b).position(|(a, b)| a != b).map(|at| from + at)
}

fn common<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

fn push(patch: &mut Vec<u8>, kept: usize, gone: usize, new: &[u8]) {
    for mut number in [kept, gone, new.len()] {
        while number >= 0x80 {
            patch.push(number as u8 | 0x80);
            number >>= 7;
        }
        patch.push(number as u8);
    }
    patch.extend_from_slice(new);
}

fn take(patch: &mut &[u8]) -> Option<usize> {
    let (mut number, mut shift) = (0usize, 0u32);
    loop {
        let (&byte, rest) = patch.split_first()?;
        *patch = rest;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            return Some(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durability, Engine, EngineOptions, Family, Pending, RecordValue};

    const KEY: &[u8] = b"record";

    fn open(dir: &tempfile::TempDir) -> Engine {
        let options = EngineOptions { write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
        Engine::open(dir.path(), &options).expect("an engine")
    }

    fn read(engine: &Engine) -> Option<Vec<u8>> {
        engine.view().get(Family::Scores, KEY).expect("a readable disk").map(|value| value.to_vec())
    }

    #[test]
    fn a_patched_record_is_read_as_it_is_and_costs_the_log_little() {
        const ROUNDS: usize = 320;
        let dir = tempfile::tempdir().expect("a directory");
        let mut record = vec![1u8; 2000];
        let engine = open(&dir);
        let mut pending = Pending::new();
        pending.put(Family::Scores, KEY.to_vec(), record.clone());
        engine.commit(&pending, Durability::Process).expect("a commit");
        let before = engine.stats().wal_bytes;
        for round in 0..ROUNDS {
            pending.clear();
            let stored = Some(RecordValue::from(&record[..]));
            // What is taken back has no part in the patch, and of several changes in a batch the last one counts.
            pending.patch(KEY.to_vec(), vec![0; 100], stored.clone());
            pending.undo();
            record[round * 7 % 2000] ^= 64;
            pending.patch(KEY.to_vec(), record.clone(), stored);
            pending.keep();
            record[round * 11 % 2000] ^= 32;
            pending.patch(KEY.to_vec(), record.clone(), None);
            engine.commit(&pending, Durability::Process).expect("a commit");
            assert_eq!(read(&engine).as_ref(), Some(&record));
        }
        let written = (engine.stats().wal_bytes - before) as usize;
        assert!(written < ROUNDS * record.len() / 8, "{written} bytes");
        drop(engine);
        assert_eq!(read(&open(&dir)), Some(record), "from the log");
        assert_eq!(read(&open(&dir)).map(|record| record.len()), Some(2000), "from a file");
    }

    #[test]
    fn golden_patches() {
        let old = [[7; 200], [8; 200]].concat();
        let mut new = old.clone();
        (new[3], new[5], new[300]) = (1, 2, 3);
        let patch = between(&old, &new).expect("a patch");
        assert_eq!(patch, b"\x03\x03\x03\x01\x07\x02\xa6\x02\x01\x01\x03");
        assert_eq!(patched(&old, &patch).as_deref(), Some(&new[..]));
        new.clone_from(&old);
        new.splice(300..300, *b"new");
        let patch = between(&old, &new).expect("a patch");
        assert_eq!(patch, b"\xac\x02\x00\x03new");
        assert_eq!(patched(&old, &patch).as_deref(), Some(&new[..]));
        assert_eq!(
            between(&old[..300], &[&old[..299], &b"xyz"[..]].concat()).as_deref(),
            Some(&b"\xab\x02\x01\x03xyz"[..])
        );
        assert_eq!(between(&old, &old).as_deref(), Some(&b""[..]));
        assert_eq!(between(&old, &[9; 400]), None);
        assert_eq!(between(&old, &[9; 10]), None);
    }

    #[test]
    fn a_record_with_the_patch_to_another_is_the_other() {
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut found = 0;
        for _ in 0..20_000 {
            let old: Vec<u8> = (0..random(300)).map(|_| random(3) as u8).collect();
            let mut new = old.clone();
            for _ in 0..random(6) {
                let at = random(new.len() + 1);
                match random(4) {
                    0 => drop(new.splice(at..at, [9, 9])),
                    1 => drop(new.drain(at..(at + 3).min(old.len()).clamp(at, new.len()))),
                    _ if at < new.len() => new[at] = 9,
                    _ => {}
                }
            }
            if let Some(patch) = between(&old, &new) {
                assert_eq!(patched(&old, &patch), Some(new), "{old:?} {patch:?}");
                found += 1;
            }
        }
        assert!(found > 5_000);
    }

    #[test]
    fn what_is_no_patch_of_a_record_is_refused() {
        for patch in [
            &b"\x05\x00\x00"[..],
            b"\x00\x05\x00",
            b"\x00\x00\x02a",
            b"\x00\x00",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(patched(b"abcd", patch), None, "{patch:?}");
        }
    }
}
