//! What nothing refers to any more, and how it goes.
//!
//! Replacing or deleting a large value, or flushing a database, leaves its parts where they are and
//! notes them here, in the same batch: that costs the client nothing. A background task takes the
//! notes one by one and removes what they name. A note is removed only after what it names is gone, so
//! a crash between the two repeats the removal, which does no harm.
//!
//! | note             | key in `meta`                                                  | value                    |
//! |------------------|----------------------------------------------------------------|--------------------------|
//! | parts of a value | `garbage|parts|`, space (4), slot (2), version (8)             | empty                    |
//! | some of them     | `garbage|range|`, the key in `elements` with which they begin  | the first key after them |
//! | a whole space    | `garbage|space|`, space (4)                                    | empty                    |
//!
//! Some of the parts of a value that is still there may only be left here if their keys are never used again.

use engine::{Direction, Durability, Engine, Family, Pending};

use crate::error::{Error, Result};
use crate::key::{self, Parts, SpaceId};

const PARTS: &[u8] = b"garbage|parts|";
const RANGE: &[u8] = b"garbage|range|";
const SPACE: &[u8] = b"garbage|space|";
const ALL_FROM: &[u8] = b"garbage|";
const ALL_TO: &[u8] = b"garbage}";

/// Parts removed one by one in one step; a value with more is removed as a range. Range tombstones
/// are cheap to write and dear to read past, so small values must not leave one each.
const POINT_DELETES_MAX: usize = 256;
/// Parts beyond which `UNLINK` leaves a value to the background in Redis (`LAZYFREE_THRESHOLD`).
const LAZY_FREE_PARTS: usize = 64;

pub(crate) fn add_parts(pending: &mut Pending, space: SpaceId, parts: Parts) {
    pending.put(Family::Meta, [PARTS, &key::element(space, parts, &[])].concat(), Vec::new());
}

/// `from` and `to` are keys in `elements`.
pub(crate) fn add_range(pending: &mut Pending, from: &[u8], to: &[u8]) {
    pending.put(Family::Meta, [RANGE, from].concat(), to.to_vec());
}

pub(crate) fn add_space(pending: &mut Pending, space: SpaceId) {
    pending.put(Family::Meta, [SPACE, &space.0.to_be_bytes()[..]].concat(), Vec::new());
}

/// Values that are noted in the database.
pub(crate) fn values(view: &engine::View<'_>) -> Result<i64> {
    let mut count = 0;
    let mut cursor = view.scan(Family::Meta, ALL_FROM, ALL_TO, Direction::Forward);
    while let Some((note, _)) = cursor.next()? {
        count += i64::from(note.starts_with(PARTS));
    }
    Ok(count)
}

/// Values that a batch notes.
pub(crate) fn values_noted(pending: &Pending) -> i64 {
    let notes = pending.written(Family::Meta).filter(|(key, value)| value.is_some() && key.starts_with(PARTS));
    notes.count() as i64
}

/// What [`collect`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Notes that were taken: fewer than the limit means that nothing is left.
    pub notes: usize,
    /// How many of them were of whole values.
    pub values: usize,
    /// And how many of these had so many parts that Redis too would have freed them in the background.
    pub large_values: usize,
}

/// Takes up to `limit` notes and removes what they name. Needs no latch, as nothing refers to what is removed.
pub fn collect(engine: &Engine, limit: usize) -> Result<Collected> {
    let view = engine.view();
    let mut notes = Vec::new();
    {
        let mut cursor = view.scan(Family::Meta, ALL_FROM, ALL_TO, Direction::Forward);
        while notes.len() < limit {
            let Some((note, value)) = cursor.next()? else { break };
            notes.push((note.to_vec(), value.to_vec()));
        }
    }
    let mut pending = Pending::new();
    let mut collected = Collected { notes: notes.len(), ..Collected::default() };
    for (note, value) in &notes {
        if let Some(space) = note.strip_prefix(SPACE) {
            let bytes = space.try_into().map_err(|_| unreadable(note))?;
            remove_space(engine, SpaceId(u32::from_be_bytes(bytes)), &mut pending)?;
        } else if let Some(element) = note.strip_prefix(PARTS) {
            let parts = remove_parts(engine, element, &mut pending).ok_or_else(|| unreadable(note))??;
            collected.values += 1;
            collected.large_values += usize::from(parts > LAZY_FREE_PARTS);
        } else if let Some(from) = note.strip_prefix(RANGE) {
            remove_range(engine, Family::Elements, (from, value), &mut pending)?;
        } else {
            return Err(unreadable(note));
        }
        pending.delete(Family::Meta, note.clone());
    }
    engine.commit(&pending, Durability::Process)?;
    Ok(collected)
}

fn unreadable(note: &[u8]) -> Error {
    Error::BadRecord(format!("meta {}", String::from_utf8_lossy(note)))
}

fn remove_space(engine: &Engine, space: SpaceId, pending: &mut Pending) -> Result<()> {
    let (from, to) = (key::space_start(space), key::space_end(space));
    for family in [Family::Keys, Family::Elements, Family::Scores, Family::Expires] {
        engine.remove_range(family, &from, &to)?;
    }
    pending.delete(Family::Meta, crate::keyspace::keys_counter(space));
    pending.delete(Family::Meta, crate::keyspace::volatile_counter(space));
    Ok(())
}

fn remove_parts(engine: &Engine, element: &[u8], pending: &mut Pending) -> Option<Result<usize>> {
    let (space, rest) = element.split_first_chunk::<4>()?;
    let (slot, rest) = rest.split_first_chunk::<2>()?;
    let version = u64::from_be_bytes(rest.try_into().ok()?);
    let parts = Parts { version, slot: u16::from_be_bytes(*slot) };
    let to = key::element_end(SpaceId(u32::from_be_bytes(*space)), parts);
    let families = [Family::Elements, Family::Scores];
    Some(
        families
            .into_iter()
            .try_fold(0, |count, family| Ok(count + remove_range(engine, family, (element, &to), pending)?)),
    )
}

/// Removes a few records one by one in the batch, and many at once, as a range. Returns how many, or at least how many.
fn remove_range(engine: &Engine, family: Family, (from, to): (&[u8], &[u8]), pending: &mut Pending) -> Result<usize> {
    let view = engine.view();
    let mut found = Vec::new();
    {
        let mut cursor = view.scan(family, from, to, Direction::Forward);
        while let Some((key, _)) = cursor.next()? {
            if found.len() == POINT_DELETES_MAX {
                engine.remove_range(family, from, to)?;
                return Ok(found.len() + 1);
            }
            found.push(key.to_vec());
        }
    }
    let count = found.len();
    found.into_iter().for_each(|key| pending.delete(family, key));
    Ok(count)
}
