//! Sorted sets made of others: unions, intersections, differences.
//!
//! The order in which the sources are gone through is Redis's, the smallest first, because sums of doubles depend on it.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::header::Kind;
use crate::set::Set;
use crate::view::View;

use super::read::Visit;
use super::{Scored, Zset, layout};

/// The score that each member of a plain set has.
const SET_SCORE: f64 = 1.0;

/// What becomes of the scores that a member has in several sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The least one.
    Min,
    /// The greatest one.
    Max,
}

/// Something that has members with scores.
pub enum Source<'v> {
    /// A sorted set.
    Zset(Zset<'v>),
    /// A set, whose members all have the score 1.
    Set(Set<'v>),
}

/// A source, and what its scores are multiplied by. An absent key is a source without members.
pub struct Weighted<'v> {
    /// What the key holds.
    pub source: Option<Source<'v>>,
    /// The factor.
    pub weight: f64,
}

impl<'v> Source<'v> {
    /// What a key holds, counted as a hit or a miss.
    pub fn read(view: &View<'v>, key: &[u8]) -> Result<Option<Source<'v>>> {
        let Some(found) = view.read(key)? else { return Ok(None) };
        match found.meta.kind {
            Kind::Zset => Ok(Some(Source::Zset(Zset::new(found)?))),
            Kind::Set => Ok(Some(Source::Set(Set::new(found)?))),
            _ => Err(Error::WrongType),
        }
    }

    /// How many members it has.
    pub fn len(&self) -> u64 {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn score(&self, view: &View<'_>, member: &[u8]) -> Result<Option<f64>> {
        match self {
            Source::Zset(zset) => zset.score(view, member),
            Source::Set(set) => Ok(set.contains(view, member)?.then_some(SET_SCORE)),
        }
    }

    fn each(&self, view: &View<'_>, visit: Visit<'_>) -> Result<()> {
        match self {
            Source::Zset(zset) => zset.each(view, visit),
            Source::Set(set) => set.visit(view, |member| visit(member, SET_SCORE)),
        }
    }
}

impl Aggregate {
    fn apply(self, score: &mut f64, other: f64) {
        match self {
            // Infinities of both signs have no sum.
            Aggregate::Sum => *score = number_or_zero(*score + other),
            Aggregate::Min if other < *score => *score = other,
            Aggregate::Max if other > *score => *score = other,
            _ => {}
        }
    }
}

/// Members of any of the sources.
pub fn union(view: &View<'_>, mut sources: Vec<Weighted<'_>>, aggregate: Aggregate) -> Result<Vec<Scored>> {
    sources.sort_by_key(Weighted::len);
    let total = sources.iter().map(Weighted::len).fold(0u64, u64::saturating_add);
    admit(view, total)?;
    let mut scores: HashMap<Vec<u8>, f64> = HashMap::new();
    for Weighted { source, weight } in &sources {
        let Some(source) = source else { continue };
        source.each(view, &mut |member, score| {
            let score = number_or_zero(weight * score);
            match scores.get_mut(member) {
                Some(known) => aggregate.apply(known, score),
                None => drop(scores.insert(member.to_vec(), score)),
            }
            Ok(true)
        })?;
    }
    Ok(in_order(scores.into_iter().map(|(member, score)| Scored { member, score }).collect()))
}

/// Members of all of the sources.
pub fn intersection(view: &View<'_>, mut sources: Vec<Weighted<'_>>, aggregate: Aggregate) -> Result<Vec<Scored>> {
    sources.sort_by_key(Weighted::len);
    let mut common = Vec::new();
    each_common(view, &sources, &mut |member, scores| {
        let mut scores = scores.iter().zip(&sources).map(|(score, Weighted { weight, .. })| weight * score);
        let mut result = number_or_zero(scores.next().unwrap_or(0.0));
        scores.for_each(|score| aggregate.apply(&mut result, score));
        common.push(Scored { member: member.to_vec(), score: result });
        true
    })?;
    Ok(in_order(common))
}

/// How many members are in all of the sources; counting ends at the limit.
pub fn intersection_len(view: &View<'_>, mut sources: Vec<Weighted<'_>>, limit: u64) -> Result<u64> {
    sources.sort_by_key(Weighted::len);
    let mut count = 0;
    each_common(view, &sources, &mut |_, _| {
        count += 1;
        count < limit
    })?;
    Ok(count)
}

/// Members of the first source that are in none of the others.
pub fn difference(view: &View<'_>, sources: &[Weighted<'_>]) -> Result<Vec<Scored>> {
    let Some((Weighted { source: Some(first), .. }, others)) = sources.split_first() else { return Ok(Vec::new()) };
    admit(view, first.len())?;
    let mut rest = Vec::new();
    first.each(view, &mut |member, score| {
        for source in others.iter().filter_map(|other| other.source.as_ref()) {
            if source.score(view, member)?.is_some() {
                return Ok(true);
            }
        }
        rest.push(Scored { member: member.to_vec(), score });
        Ok(true)
    })?;
    Ok(in_order(rest))
}

impl Weighted<'_> {
    fn len(&self) -> u64 {
        self.source.as_ref().map_or(0, Source::len)
    }
}

/// Visits the members that all sources have, with their scores in each, until `visit` says stop (by false).
fn each_common(view: &View<'_>, sources: &[Weighted<'_>], visit: &mut dyn FnMut(&[u8], &[f64]) -> bool) -> Result<()> {
    let all: Option<Vec<_>> = sources.iter().map(|weighted| weighted.source.as_ref()).collect();
    let Some((first, others)) = all.as_deref().and_then(<[_]>::split_first) else { return Ok(()) };
    admit(view, first.len())?;
    let mut scores = Vec::with_capacity(sources.len());
    first.each(view, &mut |member, score| {
        scores.clear();
        scores.push(score);
        for other in others {
            let Some(score) = other.score(view, member)? else { return Ok(true) };
            scores.push(score);
        }
        Ok(visit(member, &scores))
    })
}

fn admit(view: &View<'_>, members: u64) -> Result<()> {
    view.admit_keys(usize::try_from(members).unwrap_or(usize::MAX))
}

/// As members are ordered in a sorted set.
pub fn in_order(mut members: Vec<Scored>) -> Vec<Scored> {
    members.sort_unstable_by(|a, b| {
        layout::place(a.score).cmp(&layout::place(b.score)).then_with(|| a.member.cmp(&b.member))
    });
    members
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}
