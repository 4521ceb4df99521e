//! The geo commands: members of sorted sets that are places on the globe.
//!
//! A place is a score: its geohash of 52 bits, so that places close to each other mostly have scores close to each other. How
//! places become scores is in [`hash`], which scores an area has in [`area`]; [`point`] has the commands about members, [`search`]
//! those about areas.

mod area;
mod hash;
mod point;
mod search;

#[cfg(test)]
mod tests;

use resp::Protocol;

use crate::args::{Args, parse_float};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{Begin, Find, KeySpec, READS};

use hash::{LATITUDE_MAX, LONGITUDE_MAX, Place};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "geoadd",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::Geo,
        marks: Marks::GROWS,
        doc: Doc::new(
            "3.2.0",
            "Adds members with their places on the globe, or moves those that are there.",
            "O(log(N)) for each member",
            &[
                Arg::key(),
                Arg::new("condition", ArgKind::OneOf(&[Arg::word("nx", "NX"), Arg::word("xx", "XX")]))
                    .optional()
                    .since("6.2.0"),
                Arg::word("change", "CH").optional().since("6.2.0"),
                Arg::new("longitude_latitude_member", ArgKind::Block(&[LONGITUDE, LATITUDE, MEMBER])).multiple(),
            ],
        )
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")]),
        run: Run::Write(point::geoadd),
    },
    reading(
        "geodist",
        Arity::AtLeast(4),
        Doc::new(
            "3.2.0",
            "Tells the distance between two members.",
            "O(1)",
            &[Arg::key(), Arg::new("member1", ArgKind::String), Arg::new("member2", ArgKind::String), UNIT.optional()],
        ),
        point::geodist,
    ),
    reading(
        "geohash",
        Arity::AtLeast(2),
        Doc::new(
            "3.2.0",
            "Tells the places of members as geohashes.",
            "O(M) for M members",
            &[Arg::key(), MEMBER.multiple()],
        ),
        point::geohash,
    ),
    reading(
        "geopos",
        Arity::AtLeast(2),
        Doc::new("3.2.0", "Tells the places of members.", "O(M) for M members", &[Arg::key(), MEMBER.multiple()]),
        point::geopos,
    ),
    reading(
        "geosearch",
        Arity::AtLeast(7),
        Doc::new(
            "6.2.0",
            "Lists the members within a circle or a box.",
            SEARCH_COST,
            &[Arg::key(), FROM, BY, ORDER, COUNT, WITH_PLACE, WITH_DISTANCE, WITH_HASH],
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")]),
        search::geosearch,
    ),
    Command {
        name: "geosearchstore",
        arity: Arity::AtLeast(8),
        keys: &[KeySpec::first(&["OW", "update"]), KeySpec::at(2, &["RO", "access"])],
        group: Group::Geo,
        marks: Marks::GROWS,
        doc: Doc::new(
            "6.2.0",
            "Stores the members within a circle or a box in another key.",
            SEARCH_COST,
            &[
                Arg::new("destination", ArgKind::Key(0)),
                Arg::new("source", ArgKind::Key(1)),
                FROM,
                BY,
                ORDER,
                COUNT,
                Arg::word("storedist", "STOREDIST").optional(),
            ],
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")]),
        run: Run::Write(search::geosearchstore),
    },
    Command {
        name: "georadius",
        arity: Arity::AtLeast(6),
        keys: &[KeySpec::first(&["RO", "access"]), stored_after("STORE", 6), stored_after("STOREDIST", 6)],
        group: Group::Geo,
        marks: Marks::GROWS.and(Marks::MOVABLE_KEYS),
        doc: Doc::new(
            "3.2.0",
            "Lists or stores the members within a distance of a place.",
            SEARCH_COST,
            &[
                Arg::key(),
                LONGITUDE,
                LATITUDE,
                RADIUS,
                UNIT,
                WITH_PLACE,
                WITH_DISTANCE,
                WITH_HASH,
                RADIUS_COUNT,
                ORDER,
                STORE,
                STORE_DISTANCES,
            ],
        )
        .history(&[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
        run: Run::Write(search::georadius),
    },
    reading(
        "georadius_ro",
        Arity::AtLeast(6),
        Doc::new(
            "3.2.10",
            "Lists the members within a distance of a place.",
            SEARCH_COST,
            &[Arg::key(), LONGITUDE, LATITUDE, RADIUS, UNIT, WITH_PLACE, WITH_DISTANCE, WITH_HASH, RADIUS_COUNT, ORDER],
        )
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
        search::georadius_ro,
    ),
    Command {
        name: "georadiusbymember",
        arity: Arity::AtLeast(5),
        keys: &[KeySpec::first(&["RO", "access"]), stored_after("STORE", 5), stored_after("STOREDIST", 5)],
        group: Group::Geo,
        marks: Marks::GROWS.and(Marks::MOVABLE_KEYS),
        doc: Doc::new(
            "3.2.0",
            "Lists or stores the members within a distance of a member.",
            SEARCH_COST,
            &[
                Arg::key(),
                MEMBER,
                RADIUS,
                UNIT,
                WITH_PLACE,
                WITH_DISTANCE,
                WITH_HASH,
                COUNT,
                ORDER,
                STORE,
                STORE_DISTANCES,
            ],
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
        run: Run::Write(search::georadiusbymember),
    },
    reading(
        "georadiusbymember_ro",
        Arity::AtLeast(5),
        Doc::new(
            "3.2.10",
            "Lists the members within a distance of a member.",
            SEARCH_COST,
            &[Arg::key(), MEMBER, RADIUS, UNIT, WITH_PLACE, WITH_DISTANCE, WITH_HASH, COUNT, ORDER],
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
        search::georadiusbymember_ro,
    ),
];

const LONGITUDE: Arg = Arg::new("longitude", ArgKind::Double);
const LATITUDE: Arg = Arg::new("latitude", ArgKind::Double);
const RADIUS: Arg = Arg::new("radius", ArgKind::Double);
const MEMBER: Arg = Arg::new("member", ArgKind::String);
const UNIT: Arg = Arg::new(
    "unit",
    ArgKind::OneOf(&[Arg::word("m", "M"), Arg::word("km", "KM"), Arg::word("ft", "FT"), Arg::word("mi", "MI")]),
);
const ORDER: Arg = Arg::new("order", ArgKind::OneOf(&[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")])).optional();
const FROM: Arg = Arg::new(
    "from",
    ArgKind::OneOf(&[
        MEMBER.token("FROMMEMBER"),
        Arg::new("longitude_latitude", ArgKind::Block(&[LONGITUDE, LATITUDE])).token("FROMLONLAT"),
    ]),
);
const BY: Arg = Arg::new(
    "by",
    ArgKind::OneOf(&[
        Arg::new("circle", ArgKind::Block(&[RADIUS.token("BYRADIUS"), UNIT])),
        Arg::new(
            "box",
            ArgKind::Block(&[
                Arg::new("width", ArgKind::Double).token("BYBOX"),
                Arg::new("height", ArgKind::Double),
                UNIT,
            ]),
        ),
    ]),
);
const COUNT: Arg = Arg::new(
    "count",
    ArgKind::Block(&[Arg::new("count", ArgKind::Integer).token("COUNT"), Arg::word("any", "ANY").optional()]),
)
.optional();
/// The same where it is told since when `ANY` is there: of `GEORADIUS` and `GEORADIUS_RO`.
const RADIUS_COUNT: Arg = Arg::new(
    "count",
    ArgKind::Block(&[
        Arg::new("count", ArgKind::Integer).token("COUNT"),
        Arg::word("any", "ANY").optional().since("6.2.0"),
    ]),
)
.optional();
const WITH_PLACE: Arg = Arg::word("withcoord", "WITHCOORD").optional();
const WITH_DISTANCE: Arg = Arg::word("withdist", "WITHDIST").optional();
const WITH_HASH: Arg = Arg::word("withhash", "WITHHASH").optional();
const STORE: Arg = Arg::new("key", ArgKind::Key(1)).token("STORE").optional();
const STORE_DISTANCES: Arg = Arg::new("key", ArgKind::Key(2)).token("STOREDIST").optional();
const SEARCH_COST: &str = "O(N+log(M)) for N members in the cells around the area and M in all";

/// A command that reads one key.
const fn reading(name: &'static str, arity: Arity, doc: Doc, run: ReadHandler) -> Command {
    Command { name, arity, keys: READS, group: Group::Geo, marks: Marks::NONE, doc, run: Run::Read(run) }
}

/// The key behind an option's word, searched from an index.
const fn stored_after(word: &'static str, from: isize) -> KeySpec {
    KeySpec {
        flags: &["OW", "update"],
        begin: Begin::Keyword(word, from),
        find: Find::Range { last: 0, step: 1, limit: 0 },
    }
}

/// A place among the arguments, its longitude at an index.
fn place_at(args: &Args<'_>, index: usize) -> Result<Place> {
    let (longitude, latitude) = (args.float(index)?, args.float(index + 1)?);
    if longitude.abs() > LONGITUDE_MAX || latitude.abs() > LATITUDE_MAX {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(Error::formatted(text));
    }
    Ok(Place { longitude, latitude })
}

/// The metres of a unit.
fn unit_at(args: &Args<'_>, index: usize) -> Result<f64> {
    match () {
        () if args.is(index, "m") => Ok(1.0),
        () if args.is(index, "km") => Ok(1000.0),
        () if args.is(index, "ft") => Ok(0.3048),
        () if args.is(index, "mi") => Ok(1609.34),
        () => Err(Error::sentence("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// A length among the arguments, in the unit that is written behind it.
fn length_at(args: &Args<'_>, index: usize, error: &'static str) -> Result<f64> {
    parse_float(args.at(index)?).ok_or(Error::sentence(error))
}

/// A distance, with four digits behind the point.
fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even();
    reply.bulk(format!("{:.4}", scaled / 10_000.0).as_bytes());
}

/// Longitude and latitude, with all digits that a double has up to the seventeenth behind the point.
fn write_place(reply: &mut Reply<'_>, place: Place) {
    reply.array(2);
    for number in [place.longitude, place.latitude] {
        let text = format!("{number:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        match reply.protocol() {
            Protocol::Resp2 => reply.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                reply.raw(b",");
                reply.raw(text.as_bytes());
                reply.raw(b"\r\n");
            }
        }
    }
}
