//! Reading sorted sets.

use std::ops::Range;

use engine::{Direction, Family};

use crate::error::Result;
use crate::header::Kind;
use crate::key::Parts;
use crate::members;
use crate::view::View;

use super::layout::{self, Shape};
use super::range::{Part, Selection};
use super::{Form, Scored, Zset, inline, rank};

/// Rows after which a long walk looks whether somebody still waits for it.
const ROWS_BETWEEN_CHECKS: u64 = 1024;
/// Rows that a walk passes over one by one; farther ones are looked up in the index.
const PASSED_OVER_MAX: u64 = 64;
/// Rows that are read run by run, as these are kept in memory. More are walked along, which brings nothing into memory that pushes out
/// others.
const READ_BY_RUNS_MAX: u64 = 256;

/// Receives members and scores one after the other, and says whether there should be more.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&[u8], f64) -> Result<bool>;

/// The same for rows of a large set: the row itself comes first.
pub(super) type VisitRows<'a> = &'a mut dyn FnMut(&[u8], &[u8], f64) -> Result<bool>;

/// The sorted set of a key, counted as a hit or a miss.
pub fn read<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Zset<'v>>> {
    view.read_kind(key, Kind::Zset)?.map(Zset::new).transpose()
}

/// The sorted set of a key, not counted: for commands that change it.
pub fn find<'v>(view: &View<'v>, key: &[u8]) -> Result<Option<Zset<'v>>> {
    view.find(key)?.map(Zset::new).transpose()
}

impl Zset<'_> {
    /// How many members it has.
    pub fn len(&self) -> u64 {
        match self.form {
            Form::Inline => inline::count(self.entries()),
            Form::Large(_, shape) => shape.count,
        }
    }

    /// True if it has none, which no set has that is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub fn score(&self, view: &View<'_>, member: &[u8]) -> Result<Option<f64>> {
        match self.form {
            Form::Inline => Ok(inline::find(self.entries(), member).map(|(_, score)| score)),
            Form::Large(parts, _) => {
                view.admit_parts()?;
                score(view, parts, member)
            }
        }
    }

    /// The rank of a member, and its score.
    pub fn rank(&self, view: &View<'_>, member: &[u8]) -> Result<Option<(u64, f64)>> {
        match self.form {
            Form::Inline => Ok(inline::find(self.entries(), member)),
            Form::Large(parts, shape) => {
                let Some(score) = self.score(view, member)? else { return Ok(None) };
                let rank = rank::count_before(view, parts, &shape, &layout::row(score, member))?;
                Ok(Some((rank, score)))
            }
        }
    }

    /// How many members a part has.
    pub fn count(&self, view: &View<'_>, part: &Part<'_>) -> Result<u64> {
        match self.form {
            Form::Inline => {
                let entries = inline::collect(self.entries())?;
                Ok(inline::part_of(&entries, part, false).len() as u64)
            }
            Form::Large(parts, shape) => {
                view.admit_parts()?;
                let ranks = ranks(view, parts, &shape, part)?;
                Ok(ranks.end - ranks.start)
            }
        }
    }

    /// Visits what is selected.
    pub fn select(&self, view: &View<'_>, selection: &Selection<'_>, visit: Visit<'_>) -> Result<()> {
        match self.form {
            Form::Inline => inline::select(self.entries(), selection, visit),
            Form::Large(parts, shape) => {
                view.admit_parts()?;
                if let Some(ranks) = known_ranks(view, parts, &shape, selection)? {
                    let ranks = selection.of_ranks(ranks, shape.count);
                    let count = ranks.end - ranks.start;
                    view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
                    if count <= READ_BY_RUNS_MAX {
                        return rank::visit(view, parts, &shape, ranks, selection.reverse, visit);
                    }
                }
                select(view, parts, &shape, selection, &mut |_, member, score| visit(member, score))
            }
        }
    }

    /// Visits all members in ascending order.
    pub fn each(&self, view: &View<'_>, visit: Visit<'_>) -> Result<()> {
        self.select(view, &Selection::of(Part::Ranks(0..u64::MAX)), visit)
    }

    /// Visits all members in descending order.
    pub fn each_reversed(&self, view: &View<'_>, visit: Visit<'_>) -> Result<()> {
        self.select(view, &Selection { reverse: true, ..Selection::of(Part::Ranks(0..u64::MAX)) }, visit)
    }

    /// Visits members by hash, from a cursor on, about so many; where Redis would keep a listpack, all of them. Returns where to
    /// go on, None at the end.
    pub fn scan(&self, view: &View<'_>, from: u64, limit: usize, visit: Visit<'_>) -> Result<Option<u64>> {
        let Form::Large(parts, shape) = self.form else { return self.each(view, visit).map(|()| None) };
        if shape.is_listpack {
            return self.each(view, visit).map(|()| None);
        }
        view.admit_parts()?;
        view.admit_keys(limit)?;
        members::walk(view, parts, from, limit, |member, value| {
            visit(member, layout::decode_score(value).ok_or_else(|| parts.unreadable())?)
        })
    }

    /// A member at random, all equally likely.
    pub fn draw(&self, view: &View<'_>) -> Result<Option<Scored>> {
        match self.form {
            Form::Inline => {
                let at = view.turn().random_below(self.len());
                let entry = inline::entries(self.entries()).nth(usize::try_from(at).unwrap_or(0));
                Ok(entry.map(|(score, member)| Scored { member: member.to_vec(), score }))
            }
            Form::Large(parts, shape) => {
                view.admit_parts()?;
                let Some((member, value)) = members::draw(view, parts, shape.count)? else { return Ok(None) };
                let score = layout::decode_score(&value).ok_or_else(|| parts.unreadable())?;
                Ok(Some(Scored { member, score }))
            }
        }
    }
}

/// The ranks of a selection's part, where they cost little: because they are given, or what finds them is in memory; or where they
/// are needed, because only they tell that it is a small part of a large set, and not one for the reader pool.
fn known_ranks(view: &View<'_>, parts: Parts, shape: &Shape, selection: &Selection<'_>) -> Result<Option<Range<u64>>> {
    let most = selection.limit.min(shape.count);
    let is_cheap = match selection.part {
        Part::Ranks(_) => true,
        Part::Scores(_) => view.has_hot(),
        Part::Names(_) => false,
    };
    if !is_cheap && view.admit_keys(usize::try_from(most).unwrap_or(usize::MAX)).is_ok() {
        return Ok(None);
    }
    ranks(view, parts, shape, &selection.part).map(Some)
}

/// The score of a member of a large set.
pub(super) fn score(view: &View<'_>, parts: Parts, member: &[u8]) -> Result<Option<f64>> {
    let suffix = members::suffix(view.keyspace().seed(), member);
    let Some(value) = view.point(parts, &suffix)? else { return Ok(None) };
    layout::decode_score(&value).ok_or_else(|| parts.unreadable()).map(Some)
}

/// The rows of a part of a large set: the first one, and the first one behind. None: it has none.
pub(super) fn rows(
    view: &View<'_>,
    parts: Parts,
    shape: &Shape,
    part: &Part<'_>,
) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let low = layout::row_bound(shape.low).to_vec();
    let end = layout::row_bound(shape.high.saturating_add(1)).to_vec();
    let (from, to) = match part {
        Part::Ranks(_) => (low.clone(), end.clone()),
        Part::Scores(range) if range.is_empty() => return Ok(None),
        Part::Scores(range) => {
            let places = range.places();
            (layout::row_bound(places.start).to_vec(), layout::row_bound(places.end).to_vec())
        }
        Part::Names(range) if range.is_empty() => return Ok(None),
        Part::Names(range) => {
            let place = |direction| -> Result<u64> {
                let mut cursor = view.records(Family::Scores, parts, &low, Some(&end), direction)?;
                let row = cursor.next()?.and_then(|(suffix, _)| layout::decode_place(suffix));
                row.map(|(place, _)| place).ok_or_else(|| parts.unreadable())
            };
            range.rows(place(Direction::Forward)?, place(Direction::Backward)?)
        }
    };
    let (from, to) = (from.max(low), to.min(end));
    Ok((from < to).then_some((from, to)))
}

/// The ranks of a part of a large set, in ascending order.
pub(super) fn ranks(view: &View<'_>, parts: Parts, shape: &Shape, part: &Part<'_>) -> Result<Range<u64>> {
    if let Part::Ranks(ranks) = part {
        let end = ranks.end.min(shape.count);
        return Ok(ranks.start.min(end)..end);
    }
    let Some((from, to)) = rows(view, parts, shape, part)? else { return Ok(0..0) };
    let (start, end) = (rank::count_before(view, parts, shape, &from)?, rank::count_before(view, parts, shape, &to)?);
    Ok(start..end.max(start))
}

/// Visits rows of a large set that are selected: the row itself, member and score.
pub(super) fn select(
    view: &View<'_>,
    parts: Parts,
    shape: &Shape,
    selection: &Selection<'_>,
    visit: VisitRows<'_>,
) -> Result<()> {
    let Selection { part, reverse, offset, limit } = selection;
    let mut walk = Walk { skip: *offset, limit: *limit, seen: 0 };
    let Some((mut from, mut to)) = rows(view, parts, shape, part)? else { return Ok(()) };
    let direction = if *reverse { Direction::Backward } else { Direction::Forward };
    if let Part::Ranks(ranks) = part {
        walk.skip = walk.skip.saturating_add(ranks.start);
        walk.limit = walk.limit.min(ranks.end.saturating_sub(ranks.start).saturating_sub(*offset));
    }
    if walk.skip > PASSED_OVER_MAX {
        // The ranks that are passed over, counted from the front.
        let first = match (part, reverse) {
            (Part::Ranks(_), false) => 0,
            (Part::Ranks(_), true) => shape.count,
            (_, false) => rank::count_before(view, parts, shape, &from)?,
            (_, true) => rank::count_before(view, parts, shape, &to)?,
        };
        let target = match reverse {
            false => first.checked_add(walk.skip).filter(|&rank| rank < shape.count),
            true => first.checked_sub(walk.skip).and_then(|rank| rank.checked_sub(1)),
        };
        let Some(target) = target else { return Ok(()) };
        let (start, skip) = rank::seek(view, parts, shape, target)?;
        if *reverse {
            // The walk goes backward from the row itself, which is found by a short walk forward.
            let mut row = Vec::new();
            let ahead = &mut |suffix: &[u8], _: &[u8], _: f64| {
                row = rank::after(suffix);
                Ok(true)
            };
            Walk { skip, limit: 1, seen: 0 }.go(view, parts, &start, &to, Direction::Forward, ahead)?;
            if row.is_empty() {
                return Err(parts.unreadable());
            }
            (to, walk.skip) = (row.min(to), 0);
        } else {
            (from, walk.skip) = (start, skip);
        }
    }
    walk.go(view, parts, &from, &to, direction, visit)
}

/// A walk along rows.
struct Walk {
    skip: u64,
    limit: u64,
    seen: u64,
}

impl Walk {
    fn go(
        mut self,
        view: &View<'_>,
        parts: Parts,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: VisitRows<'_>,
    ) -> Result<()> {
        if self.limit == 0 || from >= to {
            return Ok(());
        }
        let mut cursor = view.records(Family::Scores, parts, from, Some(to), direction)?;
        let mut bytes = 0;
        while let Some((suffix, value)) = cursor.next()? {
            self.seen += 1;
            if self.seen.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                view.go_on()?;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            bytes += suffix.len() as u64;
            view.admit(bytes)?;
            let (score, member) = layout::decode_row(suffix, value).ok_or_else(|| parts.unreadable())?;
            self.limit -= 1;
            if !visit(suffix, member, score)? || self.limit == 0 {
                break;
            }
        }
        Ok(())
    }
}
