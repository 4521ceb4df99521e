//! Which members a command means: by rank, by score, or, where all scores are equal, by name.

use std::ops::Range;

use super::layout;

/// Members by score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest score.
    pub min: f64,
    /// The highest one.
    pub max: f64,
    /// The lowest one itself is left out.
    pub min_open: bool,
    /// The highest one itself is left out.
    pub max_open: bool,
}

/// An end of a range of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every name (`-`).
    Lowest,
    /// After every name (`+`).
    Highest,
    /// At this name (`[name`).
    Closed(&'a [u8]),
    /// Next to this name (`(name`).
    Open(&'a [u8]),
}

/// Members by name. Where their scores differ, what is found is what a walk through a small set finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

/// Some of a set's members.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<'a> {
    /// Those of these ranks, from the end that a walk begins at.
    Ranks(Range<u64>),
    /// Those of these scores.
    Scores(ScoreRange),
    /// Those of these names.
    Names(LexRange<'a>),
}

/// What of a set is visited, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection<'a> {
    /// Some of its members.
    pub part: Part<'a>,
    /// From the highest to the lowest.
    pub reverse: bool,
    /// So many of them are passed over.
    pub offset: u64,
    /// No more than so many are visited.
    pub limit: u64,
}

impl<'a> Selection<'a> {
    /// All of a part, in ascending order.
    pub fn of(part: Part<'a>) -> Selection<'a> {
        Selection { part, reverse: false, offset: 0, limit: u64::MAX }
    }

    /// The ranks of what is visited, in ascending order, of a set with `count` members. `ranks` are those of the part: counted from the end
    /// that a walk begins at where they were given so, and from the front otherwise.
    pub(super) fn of_ranks(&self, ranks: Range<u64>, count: u64) -> Range<u64> {
        let Range { start, end } = match (&self.part, self.reverse) {
            (Part::Ranks(_), true) => count.saturating_sub(ranks.end)..count.saturating_sub(ranks.start),
            _ => ranks,
        };
        if self.reverse {
            let end = end.saturating_sub(self.offset).max(start);
            end.saturating_sub(self.limit).max(start)..end
        } else {
            let start = start.saturating_add(self.offset).min(end);
            start..start.saturating_add(self.limit).min(end)
        }
    }
}

impl ScoreRange {
    /// True if no score can be in it.
    pub fn is_empty(&self) -> bool {
        self.min > self.max || self.min == self.max && (self.min_open || self.max_open)
    }

    /// True for scores that are not below it.
    pub fn reaches_down_to(&self, score: f64) -> bool {
        if self.min_open { score > self.min } else { score >= self.min }
    }

    /// True for scores that are not above it.
    pub fn reaches_up_to(&self, score: f64) -> bool {
        if self.max_open { score < self.max } else { score <= self.max }
    }

    /// The places of its scores.
    pub(super) fn places(&self) -> Range<u64> {
        // No score has the last place, so there is always a next one.
        let from = layout::place(self.min) + u64::from(self.min_open);
        let to = layout::place(self.max) + u64::from(!self.max_open);
        from..to
    }
}

impl LexBound<'_> {
    /// Orders two ends that are seen from the same side.
    fn key(&self) -> (u8, &[u8]) {
        match self {
            LexBound::Lowest => (0, &[]),
            LexBound::Closed(name) | LexBound::Open(name) => (1, name),
            LexBound::Highest => (2, &[]),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, LexBound::Open(_))
    }
}

impl LexRange<'_> {
    /// True if no name can be in it.
    pub fn is_empty(&self) -> bool {
        let (min, max) = (self.min.key(), self.max.key());
        min > max || min == max && (self.min.is_open() || self.max.is_open())
    }

    /// True for names that are not below it.
    pub fn reaches_down_to(&self, name: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Closed(min) => name >= min,
            LexBound::Open(min) => name > min,
        }
    }

    /// True for names that are not above it.
    pub fn reaches_up_to(&self, name: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Closed(max) => name <= max,
            LexBound::Open(max) => name < max,
        }
    }

    /// The rows of its names, of which the first of all has one place and the last another.
    pub(super) fn rows(&self, low: u64, high: u64) -> (Vec<u8>, Vec<u8>) {
        let row = |place: u64, name: &[u8], after: bool| {
            let mut row = [&layout::row_bound(place), name].concat();
            row.extend_from_slice(if after { &[0] } else { &[] });
            row
        };
        let from = match self.min {
            LexBound::Lowest => row(low, &[], false),
            LexBound::Closed(name) => row(low, name, false),
            LexBound::Open(name) => row(low, name, true),
            LexBound::Highest => row(high.saturating_add(1), &[], false),
        };
        let to = match self.max {
            LexBound::Lowest => row(low, &[], false),
            LexBound::Closed(name) => row(high, name, true),
            LexBound::Open(name) => row(high, name, false),
            LexBound::Highest => row(high.saturating_add(1), &[], false),
        };
        (from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(min: LexBound<'a>, max: LexBound<'a>) -> LexRange<'a> {
        LexRange { min, max }
    }

    #[test]
    fn what_is_empty_is_known_from_the_ends_alone() {
        use LexBound::{Closed, Highest, Lowest, Open};
        for range in [
            names(Highest, Lowest),
            names(Closed(b"b"), Closed(b"a")),
            names(Open(b"a"), Closed(b"a")),
            names(Highest, Closed(b"z")),
        ] {
            assert!(range.is_empty(), "{range:?}");
        }
        for range in [names(Lowest, Highest), names(Closed(b"a"), Closed(b"a")), names(Open(b"a"), Open(b"b"))] {
            assert!(!range.is_empty(), "{range:?}");
        }
        let scores = |min, max, min_open| ScoreRange { min, max, min_open, max_open: false };
        assert!(scores(2.0, 1.0, false).is_empty() && scores(1.0, 1.0, true).is_empty());
        assert!(!scores(-0.0, 0.0, false).is_empty());
    }

    #[test]
    fn places_are_those_of_the_scores_within() {
        let range = ScoreRange { min: 1.0, max: f64::INFINITY, min_open: true, max_open: false };
        let places = range.places();
        for (score, within) in [(1.0, false), (1.0000000000000002, true), (f64::INFINITY, true), (-1.0, false)] {
            assert_eq!(places.contains(&layout::place(score)), within, "{score}");
            assert_eq!(range.reaches_down_to(score) && range.reaches_up_to(score), within, "{score}");
        }
    }
}
