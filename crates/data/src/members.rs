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
use crate::turn::Turn;
use crate::view::View;

/// Bytes of the hash.
const HASH_LEN: usize = 4;
/// Members after which a walk looks whether somebody still waits for it.
const MEMBERS_BETWEEN_CHECKS: usize = 1024;
/// Members that one stretch of hashes has at most, on average, when one of them is drawn; at least half as many.
const STRETCH_MEMBERS: u64 = 64;
/// Members that no such stretch exceeds: with 64 on average, one of 10^12 does.
const STRETCH_MEMBERS_MAX: u64 = 128;

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
///
/// A stretch of the hashes is drawn, all of the same width, and a place in it; a place beyond its last member is drawn anew. So a
/// member's chance does not depend on how far it is from its neighbours. About three short walks, whatever the size.
pub fn draw(view: &View<'_>, parts: Parts, total: u64) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let turn: &Turn = view.turn();
    let bits = (total / STRETCH_MEMBERS).checked_ilog2().map_or(0, |bits| (bits + 1).min(u32::BITS - 1));
    let places = if bits == 0 { total.max(1) } else { STRETCH_MEMBERS_MAX };
    for _ in 0..1000 {
        let stretch = turn.random_below(1 << bits) << (u32::BITS - bits);
        let end = stretch + (1 << (u32::BITS - bits));
        let (mut place, mut drawn) = (turn.random_below(places), None);
        let bound = u32::try_from(end).ok().map(u32::to_be_bytes);
        let from = u32::try_from(stretch).unwrap_or(u32::MAX).to_be_bytes();
        let mut cursor =
            view.records(Family::Elements, parts, &from, bound.as_ref().map(|b| &b[..]), Direction::Forward)?;
        while let Some((suffix, value)) = cursor.next()? {
            if place == 0 {
                let Some((_, member)) = parse(suffix) else { return Err(parts.unreadable()) };
                drawn = Some((member.to_vec(), value.to_vec()));
                break;
            }
            place -= 1;
        }
        if drawn.is_some() {
            return Ok(drawn);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
