//! Members and their places.

use data::zset;
use data::{Tx, View};

use crate::args::Args;
use crate::command::Reply;
use crate::error::{Error, Result};
use crate::zset::add::add_scored;
use crate::zset::read::each_score;

use super::hash::Place;
use super::{place_at, unit_at, write_distance, write_place};

/// Arguments of one member.
const PER_MEMBER: usize = 3;

pub(super) fn geoadd(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (mut nx, mut xx, mut changed) = (false, false, false);
    let mut first = 2;
    while first < args.len() {
        match () {
            () if args.is(first, "nx") => nx = true,
            () if args.is(first, "xx") => xx = true,
            () if args.is(first, "ch") => changed = true,
            () => break,
        }
        first += 1;
    }
    let rest = args.len() - first;
    if rest == 0 || !rest.is_multiple_of(PER_MEMBER) || nx && xx {
        return Err(Error::Syntax);
    }
    let mut pairs = Vec::with_capacity(rest / PER_MEMBER);
    for index in (first..args.len()).step_by(PER_MEMBER) {
        pairs.push((place_at(args, index)?.score(), args.at(index + 2)?));
    }
    add_scored(tx, args.at(1)?, (nx, xx, changed), pairs, reply)
}

pub(super) fn geodist(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let metres = match args.len() {
        4 => 1.0,
        5 => unit_at(args, 4)?,
        _ => return Err(Error::Syntax),
    };
    let places = match zset::read(view, args.at(1)?)? {
        Some(set) => set.score(view, args.at(2)?)?.zip(set.score(view, args.at(3)?)?),
        None => None,
    };
    match places {
        Some((one, other)) => write_distance(reply, Place::of_score(one).distance(Place::of_score(other)) / metres),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn geohash(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    each_score(view, args, reply, |reply, score| match score.map(Place::of_score) {
        Some(place) => reply.bulk(&place.text()),
        None => reply.null(),
    })
}

pub(super) fn geopos(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    each_score(view, args, reply, |reply, score| match score.map(Place::of_score) {
        Some(place) => write_place(reply, place),
        None => reply.null_array(),
    })
}
