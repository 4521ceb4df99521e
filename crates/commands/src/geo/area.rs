//! Areas around a place, and the cells of the grid that cover them.

use super::hash::{Angle, Borders, Cell, EARTH_RADIUS_METRES, Place, STEPS_MAX};

/// Half of the length of the equator in the projection of the grid, in metres.
const MERCATOR_MAX_METRES: f64 = 20037726.37;
/// Beyond these latitudes the cells become so narrow that coarser ones are taken.
const COARSER_BEYOND: [f64; 2] = [66.0, 80.0];

/// A shape with its measures, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A shape around a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) centre: Place,
    pub(super) shape: Shape,
}

impl Area {
    /// The distance of a place from the centre, if it is within the area.
    pub(super) fn distance(&self, place: Place) -> Option<f64> {
        match self.shape {
            Shape::Circle { radius } => Some(self.centre.distance(place)).filter(|&distance| distance <= radius),
            Shape::Box { width, height } => {
                if place.latitude_distance(self.centre) > height / 2.0 {
                    return None;
                }
                let beside = Place { longitude: self.centre.longitude, latitude: place.latitude };
                if place.distance(beside) > width / 2.0 {
                    return None;
                }
                Some(self.centre.distance(place))
            }
        }
    }

    /// The cells that cover it, each once, in the order in which Redis goes through them.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut cell = Cell::of(self.centre, self.steps());
        if cell.steps > 1 && !is_covered(cell, bounds) {
            cell = Cell::of(self.centre, cell.steps - 1);
        }
        let own = cell.borders();
        let is_useless = |east: i8, north: i8| {
            cell.steps >= 2
                && (north < 0 && own.south < bounds.south
                    || north > 0 && own.north > bounds.north
                    || east < 0 && own.west < bounds.west
                    || east > 0 && own.east > bounds.east)
        };
        let directions = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cells: Vec<Cell> = Vec::with_capacity(directions.len());
        for (east, north) in directions {
            let beside = cell.beside(east, north);
            // Of huge cells there are so few that they are neighbours on both sides.
            if !is_useless(east, north) && !cells.contains(&beside) {
                cells.push(beside);
            }
        }
        cells
    }

    /// How fine the grid may be so that nine cells cover the area.
    fn steps(&self) -> u32 {
        let mut range = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt(),
        };
        if range == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = 1u32;
        // Ends for the smallest of doubles too, after some thousand rounds.
        while range < MERCATOR_MAX_METRES {
            range *= 2.0;
            steps += 1;
        }
        let coarser = COARSER_BEYOND.iter().filter(|&&latitude| self.centre.latitude.abs() > latitude).count() as u32;
        steps.saturating_sub(2 + coarser).clamp(1, STEPS_MAX)
    }

    /// The box of degrees around it.
    fn bounds(&self) -> Borders {
        let (width, height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Place { longitude, latitude } = self.centre;
        let north = (height / EARTH_RADIUS_METRES).to_degrees_as_c();
        // The farther from the equator, the more degrees there are in a metre.
        let towards_pole = if latitude < 0.0 { latitude - north } else { latitude + north };
        let east = (width / EARTH_RADIUS_METRES / towards_pole.to_radians_as_c().cos()).to_degrees_as_c();
        Borders { west: longitude - east, east: longitude + east, south: latitude - north, north: latitude + north }
    }
}

/// True if a cell and its neighbours reach as far as these bounds.
fn is_covered(cell: Cell, bounds: Borders) -> bool {
    cell.beside(0, 1).borders().north >= bounds.north
        && cell.beside(0, -1).borders().south <= bounds.south
        && cell.beside(1, 0).borders().east >= bounds.east
        && cell.beside(-1, 0).borders().west <= bounds.west
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        (-180.0f64..180.0, -85.0f64..85.0).prop_map(|(longitude, latitude)| Place { longitude, latitude })
    }

    proptest! {
        /// Up to where Redis itself finds everything: not across the ends of the grid, and not near the poles.
        #[test]
        fn what_is_within_an_area_is_within_its_cells(
            longitude in -100.0f64..100.0,
            latitude in -60.0f64..60.0,
            reach in 0.0f64..6.3,
            angle in 0.0f64..std::f64::consts::TAU,
            part in 0.0f64..1.0,
            is_box in any::<bool>(),
        ) {
            let centre = Place { longitude, latitude };
            let radius = 10f64.powf(reach).min(1_000_000.0);
            let shape = if is_box {
                Shape::Box { width: radius, height: radius }
            } else {
                Shape::Circle { radius }
            };
            let degrees = radius / 111_000.0 * part;
            let other = Place {
                longitude: longitude + degrees * angle.cos(),
                latitude: (latitude + degrees * angle.sin()).clamp(-85.0, 85.0),
            };
            let area = Area { centre, shape };
            let seen = Place::of_score(other.score());
            if area.distance(seen).is_some() {
                let score = other.score();
                let holds = |cell: &Cell| (cell.scores().0..cell.scores().1).contains(&score);
                prop_assert!(area.cells().iter().any(holds), "{area:?} {other:?}");
            }
        }

        #[test]
        fn no_area_has_more_than_nine_cells(centre in place(), radius in 0.0f64..1e9) {
            let cells = Area { centre, shape: Shape::Circle { radius } }.cells();
            prop_assert!((1..=9).contains(&cells.len()));
        }
    }
}
