//! Members of a large collection, in the order of their hashes: what sets, hashes and sorted sets share.
//!
//! | part   | bytes | why                                                                         |
//! |--------|-------|-----------------------------------------------------------------------------|
//! | hash   | 4     | upper half of XXH3 of the member, seeded per directory: `SCAN` goes by it    |
//! | member | rest  | as the client sent it                                                       |
//!
//! This is the suffix of a record in `elements`; its value is the type's own. The order by hash gives cursors that need no
//! state (a cursor is a hash; members with the same hash come together), and random members without a walk through all
//! of them. On disk: changing it needs a new format version.

use engine::{Direction, Family};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::Result;
use crate::key::Parts;
use crate::view::{PartCursor, View};

/// Bytes of the hash.
const HASH_LEN: usize = 4;
/// Members after which a walk looks whether somebody still waits for it.
const MEMBERS_BETWEEN_CHECKS: usize = 1024;
/// Members that one stretch of hashes has at most, on average, when one of them is drawn; at least half as many.
const STRETCH_MEMBERS: u64 = 16;
/// Members that no such stretch exceeds: with 16 on average, one of 10^14 does.
const STRETCH_MEMBERS_MAX: u64 = 56;
/// The same where several are drawn at once.
const LONG_STRETCH_MEMBERS: u64 = 64;
const LONG_STRETCH_MEMBERS_MAX: u64 = 128;
/// The same where one after the other is drawn and used up.
const WIDE_STRETCH_MEMBERS: u64 = 512;
const WIDE_STRETCH_MEMBERS_MAX: u64 = 704;
/// Stretches that are drawn before it is given up; five are enough on average.
const STRETCHES_DRAWN_MAX: usize = 1000;

/// The suffix of a member's record.
pub fn suffix(seed: u64, member: &[u8]) -> Vec<u8> {
    let mut suffix = Vec::with_capacity(HASH_LEN + member.len());
    suffix.extend_from_slice(&hash(seed, member).to_be_bytes());
    suffix.extend_from_slice(member);
    suffix
}

/// The hash by which a member is ordered.
pub fn hash(seed: u64, member: &[u8]) -> u32 {
    (xxh3_64_with_seed(member, seed) >> 32) as u32
}

/// Hash and member in a suffix.
pub fn parse(suffix: &[u8]) -> Option<(u32, &[u8])> {
    let (hash, member) = suffix.split_first_chunk::<HASH_LEN>()?;
    Some((u32::from_be_bytes(*hash), member))
}

/// Visits members and their values from a hash on, until `visit` says stop (by false) or `limit` of them were seen. Members of
/// one hash always come together. Returns the hash to go on from, None at the end.
pub fn walk(
    view: &View<'_>,
    parts: Parts,
    from: u64,
    limit: usize,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
) -> Result<Option<u64>> {
    let Ok(from) = u32::try_from(from) else { return Ok(None) };
    let mut cursor = view.records(Family::Elements, parts, &from.to_be_bytes(), None, Direction::Forward)?;
    let (mut seen, mut last, mut stopped) = (0, None, false);
    while let Some((suffix, value)) = cursor.next()? {
        let Some((hash, member)) = parse(suffix) else { return Err(parts.unreadable()) };
        if (stopped || seen >= limit) && last != Some(hash) {
            return Ok(Some(u64::from(hash)));
        }
        last = Some(hash);
        seen += 1;
        if seen % MEMBERS_BETWEEN_CHECKS == 0 {
            view.go_on()?;
        }
        stopped |= !visit(member, value)?;
    }
    Ok(None)
}

/// One of `total` members at random, all equally likely, with its value. None if it found none: the collection is
/// empty, or `total` is far from the truth.
pub fn draw(view: &View<'_>, parts: Parts, total: u64) -> Result<Option<Drawn>> {
    Drawing::of(view, parts, total).draw()
}

/// A member that was drawn, and its value.
pub type Drawn = (Vec<u8>, Vec<u8>);

/// Draws members of a collection, each from all of them, whatever was drawn before.
///
/// A stretch of the hashes is drawn, all of the same width, and a place in it; a place beyond its last member is drawn anew. So a
/// member's chance does not depend on how far it is from its neighbours. About five walks over a dozen members, by one iterator, whatever the size.
pub struct Drawing<'d, 'v> {
    view: &'d View<'v>,
    parts: Parts,
    stretches: Stretches,
    cursor: Option<PartCursor<'v>>,
}

impl<'d, 'v> Drawing<'d, 'v> {
    /// Of a collection of `total` members.
    pub fn of(view: &'d View<'v>, parts: Parts, total: u64) -> Drawing<'d, 'v> {
        let stretches = Stretches::of(total, STRETCH_MEMBERS, STRETCH_MEMBERS_MAX);
        Drawing { view, parts, stretches, cursor: None }
    }

    /// One of the members. None as for [`draw`].
    pub fn draw(&mut self) -> Result<Option<Drawn>> {
        let (turn, parts) = (self.view.turn(), self.parts);
        for _ in 0..STRETCHES_DRAWN_MAX {
            let stretch = self.stretches.draw(self.view);
            let mut place = turn.random_below(self.stretches.places);
            let cursor = stretch.begin(self.view, parts, &mut self.cursor)?;
            while let Some((suffix, value)) = cursor.next()? {
                let (hash, member) = parse(suffix).ok_or_else(|| parts.unreadable())?;
                if !stretch.has(hash) {
                    break;
                }
                if place == 0 {
                    return Ok(Some((member.to_vec(), value.to_vec())));
                }
                place -= 1;
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
/// Several of `total` members at random, in random order. Each is as likely as any other, but they are neighbours by their
/// hashes, which nobody outside knows: for members that are used up one by one, at a fraction of what it costs to draw each. More of
/// them where it is known that they will be (`are_used_up`): most of the cost is in where a walk begins. None if it found none, as [`draw`].
pub fn draw_neighbours(view: &View<'_>, parts: Parts, total: u64, are_used_up: bool) -> Result<Vec<Vec<u8>>> {
    let (members, members_max) = match are_used_up {
        true => (WIDE_STRETCH_MEMBERS, WIDE_STRETCH_MEMBERS_MAX),
        false => (LONG_STRETCH_MEMBERS, LONG_STRETCH_MEMBERS_MAX),
    };
    let (turn, stretches) = (view.turn(), Stretches::of(total, members, members_max));
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..STRETCHES_DRAWN_MAX {
        found.clear();
        let stretch = stretches.draw(view);
        let cursor = stretch.begin(view, parts, &mut cursor)?;
        while let Some((suffix, _)) = cursor.next()? {
            let (hash, member) = parse(suffix).ok_or_else(|| parts.unreadable())?;
            if !stretch.has(hash) {
                break;
            }
            found.push(member.to_vec());
        }
        // The more members a stretch has, the likelier it is taken: none is favoured for being among few.
        if turn.random_below(stretches.places) < found.len() as u64 {
            for last in (1..found.len()).rev() {
                found.swap(last, turn.random_below(last as u64 + 1) as usize);
            }
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The hashes, cut into stretches of the same width.
struct Stretches {
    /// Bits of a hash that tell its stretch.
    bits: u32,
    /// Members that a stretch can have.
    places: u64,
}

impl Stretches {
    /// For a collection of `total` members, with at most `members` in each on average, and none with more than `members_max`.
    fn of(total: u64, members: u64, members_max: u64) -> Stretches {
        let bits = (total / members).checked_ilog2().map_or(0, |bits| (bits + 1).min(u32::BITS - 1));
        Stretches { bits, places: if bits == 0 { total.max(1) } else { members_max } }
    }

    /// One of them, all equally likely.
    fn draw(&self, view: &View<'_>) -> Stretch {
        Stretch { number: view.turn().random_below(1 << self.bits) as u32, bits: self.bits }
    }
}

/// The hashes that begin with certain bits.
#[derive(Clone, Copy)]
struct Stretch {
    number: u32,
    bits: u32,
}

impl Stretch {
    fn has(self, hash: u32) -> bool {
        u64::from(hash) >> (u32::BITS - self.bits) == u64::from(self.number)
    }

    /// A cursor at its first member, which is made with the first stretch that is looked at.
    fn begin<'c, 'v>(
        self,
        view: &View<'v>,
        parts: Parts,
        cursor: &'c mut Option<PartCursor<'v>>,
    ) -> Result<&'c mut PartCursor<'v>> {
        // Of no bits there is only number 0.
        let first = (u64::from(self.number) << (u32::BITS - self.bits)) as u32;
        view.seek_records(cursor, parts, (&[], None), &first.to_be_bytes())
    }
}
