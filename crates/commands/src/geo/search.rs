//! Members within an area: listed with what is asked for, or stored.
//!
//! The order in which arguments are looked at is Redis's, because it decides which error a client sees: the source key comes
//! before all options, and an absent one is found out only after them.

use std::cmp::Ordering;

use data::zset::{self, Part, ScoreRange, Scored, Selection, Zset};
use data::{Tx, View};

use crate::args::Args;
use crate::command::Reply;
use crate::error::{Error, Result};

use super::area::{Area, Shape};
use super::hash::Place;
use super::{length_at, place_at, unit_at, write_distance, write_place};

/// Which command a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `GEORADIUS`, which may store or not.
    Radius { stores: bool },
    /// `GEORADIUSBYMEMBER`, likewise.
    ByMember { stores: bool },
    /// `GEOSEARCH`.
    Search,
    /// `GEOSEARCHSTORE`.
    SearchStore,
}

/// From near to far, or the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

/// Where what is found goes.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    key: &'a [u8],
    /// Distances are the scores, not places.
    distances: bool,
}

/// The options, as far as they were read.
#[derive(Default)]
struct Options<'a> {
    centre: Option<Place>,
    /// A member was named, which may not be known as the key is absent.
    is_from_member: bool,
    shape: Option<Shape>,
    /// Metres of the unit that distances are told in.
    unit: f64,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    any: bool,
    order: Option<Order>,
    count: u64,
    target: Option<Target<'a>>,
    stores_distances: bool,
}

/// A member within the area.
struct Point {
    member: Vec<u8>,
    score: f64,
    place: Place,
    distance: f64,
}

pub(super) fn geosearch(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, Form::Search, reply)
}

pub(super) fn georadius_ro(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, Form::Radius { stores: false }, reply)
}

pub(super) fn georadiusbymember_ro(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, Form::ByMember { stores: false }, reply)
}

pub(super) fn geosearchstore(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list_or_store(tx, args, Form::SearchStore, reply)
}

pub(super) fn georadius(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list_or_store(tx, args, Form::Radius { stores: true }, reply)
}

pub(super) fn georadiusbymember(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list_or_store(tx, args, Form::ByMember { stores: true }, reply)
}

fn list(view: &View<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<()> {
    let (options, points) = search(view, args, form)?;
    options.write(&points, reply);
    Ok(())
}

fn list_or_store(tx: &mut Tx<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<()> {
    let (options, points) = search(&tx.view(), args, form)?;
    let Some(Target { key, distances }) = options.target else {
        options.write(&points, reply);
        return Ok(());
    };
    let scored = points.into_iter().map(|point| Scored {
        member: point.member,
        score: if distances { point.distance / options.unit } else { point.score },
    });
    let members = zset::combine::in_order(scored.collect());
    let old = tx.find(key)?;
    zset::store(tx, key, old, &members);
    reply.integer(members.len() as i64);
    Ok(())
}

/// Reads the arguments and finds the members.
fn search<'a>(view: &View<'_>, args: &Args<'a>, form: Form) -> Result<(Options<'a>, Vec<Point>)> {
    let source_at = if form == Form::SearchStore { 2 } else { 1 };
    let set = zset::read(view, args.at(source_at)?)?;
    let mut options = Options::parse(view, args, form, set.as_ref())?;
    options.check(args, form)?;
    let area = options.centre.zip(options.shape).map(|(centre, shape)| Area { centre, shape });
    let (Some(set), Some(area)) = (set, area) else { return Ok((options, Vec::new())) };
    if options.count > 0 && !options.any && options.order.is_none() {
        // The nearest ones are meant.
        options.order = Some(Order::Ascending);
    }
    let limit = if options.any { options.count } else { 0 };
    let mut points = find(view, &set, &area, limit)?;
    let by_distance = |a: &Point, b: &Point| a.distance.partial_cmp(&b.distance).unwrap_or(Ordering::Equal);
    match options.order {
        Some(Order::Ascending) => points.sort_by(by_distance),
        Some(Order::Descending) => points.sort_by(|a, b| by_distance(b, a)),
        None => {}
    }
    if options.count > 0 {
        points.truncate(usize::try_from(options.count).unwrap_or(usize::MAX));
    }
    Ok((options, points))
}

/// The members within an area, in the order of its cells; no more than `limit`, unless that is 0.
fn find(view: &View<'_>, set: &Zset<'_>, area: &Area, limit: u64) -> Result<Vec<Point>> {
    let is_full = |points: &[Point]| limit > 0 && points.len() as u64 >= limit;
    let mut points = Vec::new();
    for cell in area.cells() {
        if is_full(&points) {
            break;
        }
        let (min, max) = cell.scores();
        let range = ScoreRange { min, max, min_open: false, max_open: true };
        set.select(view, &Selection::of(Part::Scores(range)), &mut |member, score| {
            let place = Place::of_score(score);
            if let Some(distance) = area.distance(place) {
                points.push(Point { member: member.to_vec(), score, place, distance });
            }
            Ok(!is_full(&points))
        })?;
    }
    Ok(points)
}

impl<'a> Options<'a> {
    fn parse(view: &View<'_>, args: &Args<'a>, form: Form, set: Option<&Zset<'_>>) -> Result<Options<'a>> {
        let mut options = Options { unit: 1.0, ..Options::default() };
        let mut index = match form {
            Form::Radius { .. } => {
                options.centre = Some(place_at(args, 2)?);
                options.radius(args, 4)?;
                6
            }
            Form::ByMember { .. } => {
                if let Some(set) = set {
                    options.centre = Some(place_of(view, set, args.at(2)?)?);
                    options.radius(args, 3)?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => {
                options.target = Some(Target { key: args.at(1)?, distances: false });
                3
            }
        };
        while index < args.len() {
            index += options.option(view, args, index, form, set)?;
        }
        if let Some(target) = &mut options.target {
            target.distances |= options.stores_distances;
        }
        Ok(options)
    }

    /// Reads one option and says how many arguments it has, its name included.
    fn option(
        &mut self,
        view: &View<'_>,
        args: &Args<'a>,
        index: usize,
        form: Form,
        set: Option<&Zset<'_>>,
    ) -> Result<usize> {
        let following = args.len() - index - 1;
        let is = |word: &str, needs: usize| following >= needs && args.is(index, word);
        match () {
            () if is("withdist", 0) => self.with_distance = true,
            () if is("withhash", 0) => self.with_hash = true,
            () if is("withcoord", 0) => self.with_place = true,
            () if is("any", 0) => self.any = true,
            () if is("asc", 0) => self.order = Some(Order::Ascending),
            () if is("desc", 0) => self.order = Some(Order::Descending),
            () if is("count", 1) => {
                let count = u64::try_from(args.integer(index + 1)?).ok().filter(|&count| count > 0);
                self.count = count.ok_or(Error::sentence("ERR COUNT must be > 0"))?;
                return Ok(2);
            }
            () => match form {
                Form::Radius { stores: true } | Form::ByMember { stores: true } => {
                    let distances = is("storedist", 1);
                    if !distances && !is("store", 1) {
                        return Err(Error::Syntax);
                    }
                    self.target = Some(Target { key: args.at(index + 1)?, distances });
                    return Ok(2);
                }
                Form::Radius { .. } | Form::ByMember { .. } => return Err(Error::Syntax),
                Form::Search | Form::SearchStore => return self.area_option(view, args, index, form, set),
            },
        }
        Ok(1)
    }

    /// One of the options that say where to look.
    fn area_option(
        &mut self,
        view: &View<'_>,
        args: &Args<'a>,
        index: usize,
        form: Form,
        set: Option<&Zset<'_>>,
    ) -> Result<usize> {
        let following = args.len() - index - 1;
        let is = |word: &str, needs: usize| following >= needs && args.is(index, word);
        let has_place = self.centre.is_some() && !self.is_from_member;
        if is("frommember", 1) && !has_place {
            if let Some(set) = set {
                self.centre = Some(place_of(view, set, args.at(index + 1)?)?);
            }
            self.is_from_member = true;
            return Ok(2);
        }
        if is("fromlonlat", 2) && !self.is_from_member {
            self.centre = Some(place_at(args, index + 1)?);
            return Ok(3);
        }
        if is("byradius", 2) && !matches!(self.shape, Some(Shape::Box { .. })) {
            self.radius(args, index + 1)?;
            return Ok(3);
        }
        if is("bybox", 3) && !matches!(self.shape, Some(Shape::Circle { .. })) {
            let width = length_at(args, index + 1, "ERR need numeric width")?;
            let height = length_at(args, index + 2, "ERR need numeric height")?;
            if width < 0.0 || height < 0.0 {
                return Err(Error::sentence("ERR height or width cannot be negative"));
            }
            self.unit = unit_at(args, index + 3)?;
            self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
            return Ok(4);
        }
        if is("storedist", 0) && form == Form::SearchStore {
            self.stores_distances = true;
            return Ok(1);
        }
        Err(Error::Syntax)
    }

    fn radius(&mut self, args: &Args<'_>, index: usize) -> Result<()> {
        let radius = length_at(args, index, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Error::sentence("ERR radius cannot be negative"));
        }
        self.unit = unit_at(args, index + 1)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(())
    }

    /// Refuses options that do not go together, and searches that lack one.
    fn check(&self, args: &Args<'_>, form: Form) -> Result<()> {
        if self.target.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let what = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(Error::formatted(text));
        }
        if matches!(form, Form::Search | Form::SearchStore) {
            let refused = |template| Err(Error::quoting(template, &[args.at(0)?]));
            if self.centre.is_none() && !self.is_from_member {
                return refused("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}");
            }
            if self.shape.is_none() {
                return refused("ERR exactly one of BYRADIUS and BYBOX can be specified for {}");
            }
        }
        if self.any && self.count == 0 {
            return Err(Error::sentence("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    fn write(&self, points: &[Point], reply: &mut Reply<'_>) {
        let extras = [self.with_distance, self.with_hash, self.with_place].into_iter().filter(|&extra| extra).count();
        reply.array(points.len());
        for point in points {
            if extras > 0 {
                reply.array(1 + extras);
            }
            reply.bulk(&point.member);
            if self.with_distance {
                write_distance(reply, point.distance / self.unit);
            }
            if self.with_hash {
                reply.integer(point.score as i64);
            }
            if self.with_place {
                write_place(reply, point.place);
            }
        }
    }
}

/// The place of a member that has to be there.
fn place_of(view: &View<'_>, set: &Zset<'_>, member: &[u8]) -> Result<Place> {
    let score = set.score(view, member)?;
    score.map(Place::of_score).ok_or(Error::sentence("ERR could not decode requested zset member"))
}
