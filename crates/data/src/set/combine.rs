//! Union, intersection and difference: of what is read once, each member by itself or all in memory.
//!
//! Which way a difference is computed is Redis's choice: it decides what the result is kept as.

use crate::error::Result;
use crate::view::View;

use super::inline::{Gathered, Limits};
use super::layout::Encoding;
use super::{Set, read};

/// The sets that an operation is about, by their keys.
pub struct Sources<'v, 'k> {
    sets: Vec<(&'k [u8], Option<Set<'v>>)>,
}

impl<'v, 'k> Sources<'v, 'k> {
    /// Reads the headers, each counted as a hit or a miss. An absent key is an empty set; one of another kind is an error.
    pub fn read(view: &View<'v>, keys: impl Iterator<Item = &'k [u8]>) -> Result<Sources<'v, 'k>> {
        let sets = keys.map(|key| Ok((key, read(view, key)?))).collect::<Result<_>>()?;
        Ok(Sources { sets })
    }

    fn present(&self) -> impl Iterator<Item = &Set<'v>> {
        self.sets.iter().filter_map(|(_, set)| set.as_ref())
    }

    fn len_total(&self) -> u64 {
        self.present().fold(0, |total, set| total.saturating_add(set.len()))
    }

    /// Says whether an operation of so many steps may go on here.
    fn admit(&self, view: &View<'_>, steps: u64) -> Result<()> {
        view.admit_keys(usize::try_from(steps).unwrap_or(usize::MAX))?;
        if self.present().any(|set| set.meta().parts.is_some()) { view.admit_parts() } else { Ok(()) }
    }

    /// The set that an intersection goes through, and those that it looks into, the smallest first. None if one is empty.
    fn by_size(&self) -> Option<(&Set<'v>, Vec<&Set<'v>>)> {
        let mut sets = Vec::with_capacity(self.sets.len());
        for (key, set) in &self.sets {
            let set = set.as_ref()?;
            if !sets.iter().any(|(known, _)| known == key) {
                sets.push((*key, set));
            }
        }
        sets.sort_by_key(|(_, set)| set.len());
        let mut sets = sets.into_iter().map(|(_, set)| set);
        Some((sets.next()?, sets.collect()))
    }
}

/// Visits the members that all sets have, until `visit` says stop (by false): in the order of the smallest.
pub fn intersection(
    view: &View<'_>,
    sources: &Sources<'_, '_>,
    mut visit: impl FnMut(&[u8]) -> Result<bool>,
) -> Result<()> {
    let Some((smallest, others)) = sources.by_size() else { return Ok(()) };
    sources.admit(view, smallest.len().saturating_mul(1 + others.len() as u64))?;
    smallest.visit(view, |member| {
        for other in &others {
            if !other.contains(view, member)? {
                return Ok(true);
            }
        }
        visit(member)
    })
}

/// The intersection, as it is to be stored.
pub(super) fn gather_intersection(view: &View<'_>, sources: &Sources<'_, '_>) -> Result<Gathered> {
    let is_intset = sources.by_size().is_some_and(|(smallest, _)| smallest.encoding() == Encoding::Intset);
    let first = if is_intset { Encoding::Intset } else { Encoding::Listpack };
    let mut result = Gathered::new(Limits::of(view.keyspace()), first);
    intersection(view, sources, |member| {
        result.insert(member)?;
        Ok(true)
    })?;
    result.compact()?;
    Ok(result)
}

/// The members that any of the sets has.
pub fn union(view: &View<'_>, sources: &Sources<'_, '_>) -> Result<Gathered> {
    sources.admit(view, sources.len_total())?;
    let mut result = Gathered::new(Limits::of(view.keyspace()), Encoding::Intset);
    for set in sources.present() {
        set.visit(view, |member| {
            result.insert(member)?;
            Ok(true)
        })?;
    }
    Ok(result)
}

/// The members that the first set has and none of the others.
pub fn difference(view: &View<'_>, sources: &Sources<'_, '_>) -> Result<Gathered> {
    let mut result = Gathered::new(Limits::of(view.keyspace()), Encoding::Intset);
    let Some(((key, Some(first)), others)) = sources.sets.split_first() else { return Ok(result) };
    if others.iter().any(|(other, _)| other == key) {
        return Ok(result);
    }
    let mut others: Vec<&Set<'_>> = others.iter().filter_map(|(_, set)| set.as_ref()).collect();
    let looking_up = first.len().saturating_mul(1 + others.len() as u64);
    if looking_up / 2 > sources.len_total() {
        sources.admit(view, sources.len_total())?;
        subtract(view, first, &others, &mut result)?;
        return Ok(result);
    }
    sources.admit(view, looking_up)?;
    // In the largest a member is most likely to be found.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    first.visit(view, |member| {
        for other in &others {
            if other.contains(view, member)? {
                return Ok(true);
            }
        }
        result.insert(member)?;
        Ok(true)
    })?;
    Ok(result)
}

/// Takes all of the first set, and then away what the others have.
fn subtract(view: &View<'_>, first: &Set<'_>, others: &[&Set<'_>], result: &mut Gathered) -> Result<()> {
    first.visit(view, |member| {
        result.insert(member)?;
        Ok(true)
    })?;
    for other in others {
        other.visit(view, |member| {
            result.remove(member);
            Ok(!result.is_empty())
        })?;
        if result.is_empty() {
            break;
        }
    }
    Ok(())
}
