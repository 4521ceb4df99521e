//! Places as numbers: geohashes.
//!
//! A geohash halves the globe again and again, in longitude and latitude by turns, and notes in which half the place is. With 26
//! steps for each that makes 52 bits, which a double holds exactly; so it can be a score. The grid ends at the latitudes where
//! the projection of the maps on the web does. Distances are those on a sphere.

/// The greatest longitude, in degrees.
pub(super) const LONGITUDE_MAX: f64 = 180.0;
/// The greatest latitude of the grid, in degrees.
pub(super) const LATITUDE_MAX: f64 = 85.05112878;
/// The poles, where the grid of standard geohashes ends.
const LATITUDE_POLE: f64 = 90.0;
/// Steps of a score.
pub(super) const STEPS_MAX: u32 = 26;
/// Of the sphere, in metres.
pub(super) const EARTH_RADIUS_METRES: f64 = 6372797.560856;

const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
/// The digits of a standard geohash.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of a standard geohash; of the last one no bits are known.
const TEXT_LEN: usize = 11;

/// A place on the globe, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// A cell of the grid with so many steps: longitude in the odd bits, latitude in the even ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) bits: u64,
    pub(super) steps: u32,
}

/// The borders of a cell, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Borders {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Cell {
    /// The cell that a place is in.
    pub(super) fn of(place: Place, steps: u32) -> Cell {
        Cell::within(place, steps, LATITUDE_MAX)
    }

    fn within(place: Place, steps: u32, latitude_max: f64) -> Cell {
        let scale = (1u64 << steps) as f64;
        let part = |value: f64, max: f64| ((value + max) / (2.0 * max) * scale) as u32;
        let bits = interleave(part(place.latitude, latitude_max), part(place.longitude, LONGITUDE_MAX));
        Cell { bits, steps }
    }

    /// Where it is.
    pub(super) fn borders(self) -> Borders {
        let (latitude, longitude) = (u64::from(deinterleave(self.bits)), u64::from(deinterleave(self.bits >> 1)));
        let scale = (1u64 << self.steps) as f64;
        let border = |part: u64, max: f64| -max + part as f64 / scale * (2.0 * max);
        Borders {
            west: border(longitude, LONGITUDE_MAX),
            east: border(longitude + 1, LONGITUDE_MAX),
            south: border(latitude, LATITUDE_MAX),
            north: border(latitude + 1, LATITUDE_MAX),
        }
    }

    /// The cell so many cells farther east and north: one, none, or minus one. Round the globe, in both directions.
    pub(super) fn beside(self, east: i8, north: i8) -> Cell {
        let shift = u64::BITS - 2 * self.steps;
        let (longitudes, latitudes) = (LONGITUDE_BITS >> shift, LATITUDE_BITS >> shift);
        // The bits of the other direction are filled with ones, so that carries run through them.
        let step = |bits: u64, own: u64, other: u64, by: i8| match by {
            0 => bits & own,
            1 => (bits & own).wrapping_add(other + 1) & own,
            _ => ((bits & own) | other).wrapping_sub(other + 1) & own,
        };
        let bits = step(self.bits, longitudes, latitudes, east) | step(self.bits, latitudes, longitudes, north);
        Cell { bits, ..self }
    }

    /// The scores of the places within: the first, and the first that is not.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}

impl Place {
    /// The score that stands for it.
    pub(super) fn score(self) -> f64 {
        Cell::of(self, STEPS_MAX).bits as f64
    }

    /// The middle of the smallest cell that a score stands for.
    pub(super) fn of_score(score: f64) -> Place {
        let Borders { west, east, south, north } = Cell { bits: bits_of(score), steps: STEPS_MAX }.borders();
        Place {
            longitude: ((west + east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((south + north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// Its standard geohash, whose grid reaches to the poles.
    pub(super) fn text(self) -> [u8; TEXT_LEN] {
        let bits = Cell::within(self, STEPS_MAX, LATITUDE_POLE).bits;
        let mut text = [ALPHABET[0]; TEXT_LEN];
        for (at, digit) in text.iter_mut().enumerate().take(TEXT_LEN - 1) {
            let value = (bits >> (2 * STEPS_MAX as usize - 5 * (at + 1))) & 31;
            *digit = ALPHABET[value as usize];
        }
        text
    }

    /// The distance to another place, in metres.
    pub(super) fn distance(self, other: Place) -> f64 {
        let v = ((other.longitude.to_radians_as_c() - self.longitude.to_radians_as_c()) / 2.0).sin();
        if v == 0.0 {
            return self.latitude_distance(other);
        }
        let (latitude, other_latitude) = (self.latitude.to_radians_as_c(), other.latitude.to_radians_as_c());
        let u = ((other_latitude - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS_METRES * a.sqrt().asin()
    }

    /// The distance between the circles of latitude of two places, in metres.
    pub(super) fn latitude_distance(self, other: Place) -> f64 {
        EARTH_RADIUS_METRES * (other.latitude.to_radians_as_c() - self.latitude.to_radians_as_c()).abs()
    }
}

/// Degrees as radians and back, rounded as Redis does it.
pub(super) trait Angle {
    /// From degrees.
    fn to_radians_as_c(self) -> f64;
    /// From radians.
    fn to_degrees_as_c(self) -> f64;
}

const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;

impl Angle for f64 {
    fn to_radians_as_c(self) -> f64 {
        self * RADIANS_PER_DEGREE
    }

    fn to_degrees_as_c(self) -> f64 {
        self / RADIANS_PER_DEGREE
    }
}

/// A score as the bits of a cell. Scores need not come from places: those that no cell has become one as C's conversion on
/// the usual machines does it.
fn bits_of(score: f64) -> u64 {
    match score {
        _ if score < 9_223_372_036_854_775_808.0 => score as i64 as u64,
        _ if score < 18_446_744_073_709_551_616.0 => score as u64,
        _ => 0,
    }
}

/// Two numbers whose bits take turns, the first one's in the even places.
fn interleave(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

fn spread(bits: u32) -> u64 {
    let mut x = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        x = (x | x << shift) & mask;
    }
    x
}

/// The bits in even places.
fn deinterleave(bits: u64) -> u32 {
    let mut x = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        x = (x | x >> shift) & mask;
    }
    x as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scores_and_texts_are_those_that_are_known() {
        let palermo = Place { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(palermo.score(), 3479099956230698.0);
        assert_eq!(&Place::of_score(palermo.score()).text(), b"sqc8b49rny0");
        let catania = Place { longitude: 15.087269, latitude: 37.502669 };
        assert_eq!(catania.score(), 3479447370796909.0);
        let distance = Place::of_score(palermo.score()).distance(Place::of_score(catania.score()));
        assert!((distance - 166274.1516).abs() < 0.0001);
    }

    proptest! {
        #[test]
        fn a_place_is_within_its_cell(longitude in -180.0f64..180.0, latitude in -85.0f64..85.0, steps in 1u32..=26) {
            let cell = Cell::of(Place { longitude, latitude }, steps);
            let Borders { west, east, south, north } = cell.borders();
            prop_assert!(west <= longitude && longitude < east && south <= latitude && latitude < north);
            let score = Place { longitude, latitude }.score();
            let (from, to) = cell.scores();
            prop_assert!(from <= score && score < to);
        }

        #[test]
        fn neighbours_touch(bits in any::<u64>(), steps in 1u32..=26) {
            let cell = Cell { bits: bits & ((1 << (2 * steps)) - 1), steps };
            prop_assert_eq!(cell.beside(1, 0).beside(-1, 0), cell);
            prop_assert_eq!(cell.beside(0, 1).beside(0, -1), cell);
            prop_assert_eq!(cell.beside(1, -1), cell.beside(1, 0).beside(0, -1));
            let (here, east) = (cell.borders(), cell.beside(1, 0).borders());
            prop_assert!((here.east - east.west).abs() < 1e-9 || (east.west + 180.0).abs() < 1e-9);
        }

        #[test]
        fn any_score_stands_for_a_place(score in any::<f64>()) {
            let place = Place::of_score(score);
            prop_assert!(place.longitude.abs() <= LONGITUDE_MAX && place.latitude.abs() <= LATITUDE_MAX);
        }
    }
}
