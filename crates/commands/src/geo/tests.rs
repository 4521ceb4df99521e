//! Replies of the geo commands beside a recorded Redis, and searches beside a walk through all members.

use crate::testing::{Db, replay};

use super::area::{Area, Shape};
use super::hash::Place;

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

/// Numbers that look random, below a bound.
fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % bound
}

#[test]
fn a_search_finds_what_a_walk_finds() {
    let (mut db, mut state) = (Db::new(), 88_172_645_463_325_252);
    let mut places = Vec::new();
    for n in 0..2000 {
        let longitude = random(&mut state, 3_000_000) as f64 / 1e4 - 150.0;
        let latitude = random(&mut state, 1_200_000) as f64 / 1e4 - 60.0;
        db.run(&format!("GEOADD g {longitude} {latitude} m{n}"));
        places.push((format!("m{n}"), Place::of_score(Place { longitude, latitude }.score())));
    }
    for round in 0..200 {
        let centre = places[random(&mut state, 2000) as usize].1;
        let reach = 1 + random(&mut state, 2_000_000);
        let (shape, by) = if round % 2 == 0 {
            (Shape::Circle { radius: reach as f64 }, format!("BYRADIUS {reach} m"))
        } else {
            let (width, height) = (reach as f64, (reach / 2) as f64);
            (Shape::Box { width, height }, format!("BYBOX {width} {height} m"))
        };
        let area = Area { centre, shape };
        let expected: Vec<_> =
            places.iter().filter(|(_, place)| area.distance(*place).is_some()).map(|(name, _)| name.clone()).collect();
        let reply = db.run(&format!("GEOSEARCH g FROMLONLAT {} {} {by}", centre.longitude, centre.latitude));
        let mut found: Vec<_> = reply.split("\\r\\n").filter(|line| line.starts_with('m')).map(str::to_owned).collect();
        found.sort_by_key(|name| name[1..].parse::<u32>().expect("a number"));
        assert_eq!(found, expected, "{area:?}");
    }
}

#[test]
fn an_area_of_any_kind_is_searched_without_a_panic() {
    let mut db = Db::new();
    db.run("GEOADD g 0 0 a 179.99 85 b -179.99 -85 c");
    for place in ["0 0", "180 85.05112878", "-180 -85.05112878", "179.99 -0.0001", "13 89"] {
        for by in [
            "BYRADIUS 0 m",
            "BYRADIUS 1e300 km",
            "BYRADIUS inf m",
            "BYBOX inf inf m",
            "BYBOX 0 1e9 km",
            "BYRADIUS 5e-324 m",
        ] {
            db.run(&format!("GEOSEARCH g FROMLONLAT {place} {by} ASC WITHDIST WITHCOORD WITHHASH"));
        }
    }
}
