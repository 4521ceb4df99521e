//! Changing sorted sets.
//!
//! An [`Editor`] is opened for a key, changes members, and writes the header once, when it is finished: a set that has lost its
//! last member vanishes then. A small set becomes a large one when it outgrows its header or Redis's listpack, and stays one.

use engine::Family;

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::members;
use crate::tx::Tx;

use super::layout::{self, INLINE_LEN_MAX, Shape};
use super::range::{Part, Selection};
use super::{Form, Limits, Scored, form_of, inline, rank, read};

/// Members that are collected before they are removed: one cannot remove while one walks.
const ROUND_MEMBERS_MAX: u64 = 1024;

/// Which members are taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Those with the lowest scores.
    Min,
    /// Those with the highest scores.
    Max,
}

/// A sorted set that is being changed. See the module's text.
pub struct Editor<'k> {
    key: &'k [u8],
    old: Option<Meta>,
    members: Members,
}

enum Members {
    /// A whole body.
    Inline(Vec<u8>),
    Large(Parts, Shape),
}

impl<'k> Editor<'k> {
    /// Begins to change the sorted set of a key; there may be none yet.
    pub fn open(tx: &mut Tx<'_>, key: &'k [u8]) -> Result<Editor<'k>> {
        let old = tx.find_kind(key, Kind::Zset)?;
        let members = match tx.view().find(key)? {
            Some(found) => match form_of(&found.meta, found.body())? {
                Form::Inline => Members::Inline(found.body().to_vec()),
                Form::Large(parts, shape) => Members::Large(parts, shape),
            },
            None => Members::Inline(layout::empty_body()),
        };
        Ok(Editor { key, old, members })
    }

    /// True if the key was there when it was opened.
    pub fn was_there(&self) -> bool {
        self.old.is_some()
    }

    /// How many members there are.
    pub fn len(&self) -> u64 {
        match &self.members {
            Members::Inline(body) => inline::count(&body[1..]),
            Members::Large(_, shape) => shape.count,
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub fn score(&self, tx: &Tx<'_>, member: &[u8]) -> Result<Option<f64>> {
        match &self.members {
            Members::Inline(body) => Ok(inline::find(&body[1..], member).map(|(_, score)| score)),
            Members::Large(parts, _) => read::score(&tx.view(), *parts, member),
        }
    }

    /// Says that so many members are about to be set: Redis leaves the listpack before it adds the first of too many.
    pub fn expect(&mut self, tx: &mut Tx<'_>, count: u64) {
        if count > Limits::of(tx.keyspace()).entries {
            self.leave_listpack(tx);
        }
    }

    /// Gives a member a score. `old` is what [`Editor::score`] returned for it.
    pub fn set(&mut self, tx: &mut Tx<'_>, member: &[u8], score: f64, old: Option<f64>) -> Result<()> {
        if old.is_none() && !Limits::of(tx.keyspace()).admit(self.len() + 1, member.len()) {
            self.leave_listpack(tx);
        }
        if let Members::Inline(body) = &mut self.members {
            if old.is_some()
                && let Some((range, _)) = inline::span(&body[1..], member)
            {
                body.drain(1 + range.start..1 + range.end);
            }
            if body.len() + layout::entry_len(member.len()) <= INLINE_LEN_MAX {
                let at = 1 + inline::place_of(&body[1..], score, member);
                let mut entry = Vec::with_capacity(layout::entry_len(member.len()));
                layout::push_entry(&mut entry, score, member);
                body.splice(at..at, entry);
                return Ok(());
            }
            // The old entry, if there was one, stays behind.
            self.enlarge(tx, true);
            return self.set_large(tx, member, score, None);
        }
        self.set_large(tx, member, score, old)
    }

    fn set_large(&mut self, tx: &mut Tx<'_>, member: &[u8], score: f64, old: Option<f64>) -> Result<()> {
        let Members::Large(parts, shape) = &mut self.members else { return Ok(()) };
        let parts = *parts;
        // A listpack has whole numbers as integers, which know no -0.
        let score = if shape.is_listpack { score + 0.0 } else { score };
        let place = layout::place(score);
        (shape.low, shape.high) =
            if shape.count == 0 { (place, place) } else { (shape.low.min(place), shape.high.max(place)) };
        let suffix = members::suffix(tx.keyspace().seed(), member);
        tx.put_part(parts, &suffix, layout::encode_score(score).to_vec());
        let row = layout::row(score, member);
        let old_row = old.map(|old| layout::row(old, member));
        match &old_row {
            Some(old_row) if *old_row != row => tx.delete_record(Family::Scores, parts, old_row),
            _ => {}
        }
        tx.put_record(Family::Scores, parts, &row, layout::row_value(score).to_vec());
        match old_row {
            Some(old_row) => rank::relocate(tx, parts, shape, &old_row, &row),
            None => {
                rank::insert(tx, parts, shape, &row)?;
                shape.count += 1;
                Ok(())
            }
        }
    }

    /// Removes a member; false if it is not there.
    pub fn remove(&mut self, tx: &mut Tx<'_>, member: &[u8]) -> Result<bool> {
        match &mut self.members {
            Members::Inline(body) => {
                let found = inline::span(&body[1..], member);
                if let Some((range, _)) = &found {
                    body.drain(1 + range.start..1 + range.end);
                }
                Ok(found.is_some())
            }
            Members::Large(parts, shape) => {
                let Some(score) = read::score(&tx.view(), *parts, member)? else { return Ok(false) };
                remove_rows(tx, *parts, shape, &[layout::row(score, member)])?;
                Ok(true)
            }
        }
    }

    /// Removes the members of a part, and says how many they were.
    pub fn remove_part(&mut self, tx: &mut Tx<'_>, part: &Part<'_>) -> Result<u64> {
        match &mut self.members {
            Members::Inline(body) => {
                let entries = inline::collect(&body[1..])?;
                let range = inline::part_of(&entries, part, false);
                let count = range.len() as u64;
                let mut kept = layout::empty_body();
                for (at, (score, member)) in entries.iter().enumerate() {
                    if !range.contains(&at) {
                        layout::push_entry(&mut kept, *score, member);
                    }
                }
                *body = kept;
                Ok(count)
            }
            Members::Large(parts, shape) => {
                let ranks = read::ranks(&tx.view(), *parts, shape, part)?;
                let count = ranks.end - ranks.start;
                if count == shape.count {
                    // The parts vanish with the header, at a cost that does not depend on them.
                    self.members = Members::Inline(layout::empty_body());
                    return Ok(count);
                }
                let mut left = count;
                while left > 0 {
                    let round = ranks.start..ranks.start + left.min(ROUND_MEMBERS_MAX);
                    let taken = take(tx, *parts, shape, Selection::of(Part::Ranks(round)))?;
                    left = left.saturating_sub(taken.len() as u64);
                }
                Ok(count)
            }
        }
    }

    /// Removes up to so many members from one end, and returns them in the order in which they were there.
    pub fn pop(&mut self, tx: &mut Tx<'_>, end: End, count: u64) -> Result<Vec<Scored>> {
        let selection = Selection { part: Part::Ranks(0..count), reverse: end == End::Max, offset: 0, limit: u64::MAX };
        match &mut self.members {
            Members::Inline(body) => {
                let mut popped = Vec::new();
                inline::select(&body[1..], &selection, &mut |member, score| {
                    popped.push(Scored { member: member.to_vec(), score });
                    Ok(true)
                })?;
                let len: usize = popped.iter().map(|scored| layout::entry_len(scored.member.len())).sum();
                match end {
                    End::Min => drop(body.drain(1..1 + len)),
                    End::Max => body.truncate(body.len() - len),
                }
                Ok(popped)
            }
            Members::Large(parts, shape) => {
                let mut popped = Vec::new();
                if count >= shape.count {
                    read::select(&tx.view(), *parts, shape, &selection, &mut |_, member, score| {
                        popped.push(Scored { member: member.to_vec(), score });
                        Ok(true)
                    })?;
                    self.members = Members::Inline(layout::empty_body());
                    return Ok(popped);
                }
                while (popped.len() as u64) < count {
                    let round = (count - popped.len() as u64).min(ROUND_MEMBERS_MAX);
                    let part = Part::Ranks(0..round);
                    popped.append(&mut take(tx, *parts, shape, Selection { part, ..selection.clone() })?);
                }
                Ok(popped)
            }
        }
    }

    /// Writes the header, or removes the key if no member is left.
    pub fn finish(self, tx: &mut Tx<'_>) {
        let meta = self.old.unwrap_or(Meta::new(Kind::Zset));
        match (self.members, self.old) {
            (Members::Inline(body), _) if body.len() > 1 => {
                tx.put(self.key, self.old, Meta { parts: None, ..meta }, &body);
            }
            (Members::Large(parts, shape), _) if shape.count > 0 => {
                let meta = Meta { parts: Some(parts), ..meta };
                tx.put(self.key, self.old, meta, &layout::encode_shape(&shape));
            }
            (_, Some(old)) => tx.remove(self.key, old),
            (_, None) => {}
        }
    }

    /// Does what Redis does when a listpack becomes too large for its options.
    fn leave_listpack(&mut self, tx: &mut Tx<'_>) {
        match &mut self.members {
            Members::Inline(_) => self.enlarge(tx, false),
            Members::Large(_, shape) => shape.is_listpack = false,
        }
    }

    fn enlarge(&mut self, tx: &mut Tx<'_>, is_listpack: bool) {
        let Members::Inline(body) = &self.members else { return };
        let (parts, mut shape) = new_large(tx, self.key, inline::entries(&body[1..]));
        shape.is_listpack = is_listpack;
        self.members = Members::Large(parts, shape);
    }
}

/// Makes a key a sorted set of these members, whatever it was; without members it is removed. They are in order, and no
/// member is there twice. `old` is what [`Tx::find`] returned for the key.
pub fn store(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, members: &[Scored]) {
    if members.is_empty() {
        if let Some(old) = old {
            tx.remove(key, old);
        }
        return;
    }
    let member_len = members.iter().map(|scored| scored.member.len()).max().unwrap_or(0);
    let is_listpack = Limits::of(tx.keyspace()).admit(members.len() as u64, member_len);
    let inline_len: usize = 1 + members.iter().map(|scored| layout::entry_len(scored.member.len())).sum::<usize>();
    let meta = Meta::new(Kind::Zset);
    if is_listpack && inline_len <= INLINE_LEN_MAX {
        let mut body = layout::empty_body();
        members.iter().for_each(|scored| layout::push_entry(&mut body, scored.score, &scored.member));
        tx.put(key, old, meta, &body);
        return;
    }
    let signed = |score: f64| if is_listpack { score + 0.0 } else { score };
    let entries = members.iter().map(|scored| (signed(scored.score), &scored.member[..]));
    let (parts, mut shape) = new_large(tx, key, entries);
    shape.is_listpack = is_listpack;
    tx.put(key, old, Meta { parts: Some(parts), ..meta }, &layout::encode_shape(&shape));
}

/// Writes the records of a new large set, in order.
fn new_large<'a>(tx: &mut Tx<'_>, key: &[u8], entries: impl Iterator<Item = (f64, &'a [u8])>) -> (Parts, Shape) {
    let parts = tx.new_parts(key);
    let mut shape = Shape { is_listpack: false, count: 0, height: 0, low: 0, high: 0 };
    let mut index = rank::Builder::default();
    for (score, member) in entries {
        let row = layout::row(score, member);
        index.push(&row);
        tx.put_part(parts, &members::suffix(tx.keyspace().seed(), member), layout::encode_score(score).to_vec());
        tx.put_record(Family::Scores, parts, &row, layout::row_value(score).to_vec());
        let place = layout::place(score);
        shape.low = if shape.count == 0 { place } else { shape.low };
        shape.high = place;
        shape.count += 1;
    }
    index.finish(tx, parts, &mut shape);
    (parts, shape)
}

/// Removes what is selected of a large set, and returns it.
fn take(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, selection: Selection<'_>) -> Result<Vec<Scored>> {
    let (mut taken, mut rows) = (Vec::new(), Vec::new());
    read::select(&tx.view(), parts, shape, &selection, &mut |row, member, score| {
        rows.push(row.to_vec());
        taken.push(Scored { member: member.to_vec(), score });
        Ok(true)
    })?;
    if rows.is_empty() {
        return Err(parts.unreadable());
    }
    if selection.reverse {
        rows.reverse();
    }
    remove_rows(tx, parts, shape, &rows)?;
    if let Part::Ranks(ranks) = &selection.part
        && ranks.start == 0
        && shape.count > 0
    {
        // What is left lies beyond what was taken: walks need not begin farther out.
        let place = |row: Option<&Vec<u8>>| row.and_then(|row| layout::decode_place(row)).map(|(place, _)| place);
        if selection.reverse {
            shape.high = place(rows.first()).unwrap_or(shape.high);
        } else {
            shape.low = place(rows.last()).unwrap_or(shape.low);
        }
    }
    Ok(taken)
}

/// Removes rows, in ascending order, and their members.
fn remove_rows(tx: &mut Tx<'_>, parts: Parts, shape: &mut Shape, rows: &[Vec<u8>]) -> Result<()> {
    for row in rows {
        let (_, member) = layout::decode_place(row).ok_or_else(|| parts.unreadable())?;
        tx.remove_part(parts, &members::suffix(tx.keyspace().seed(), member));
        tx.delete_record(Family::Scores, parts, row);
    }
    let mut rest = rows;
    while !rest.is_empty() {
        let len = if rest.len() == 1 { 1 } else { rank::run_len(&tx.view(), parts, shape, rest)? };
        rank::remove(tx, parts, shape, &rest[0], len as u64)?;
        rest = &rest[len..];
    }
    shape.count = shape.count.saturating_sub(rows.len() as u64);
    Ok(())
}
