//! The ends of ranges, as clients write them: `(1.5`, `-inf`, `[name`, `+`; indexes from either end.

use std::ops::Range;

use data::zset::{LexBound, LexRange, ScoreRange};

use crate::args::parse_float;
use crate::error::{Error, Result};

/// A range of scores.
pub(super) fn scores(min: &[u8], max: &[u8]) -> Result<ScoreRange> {
    let error = || Error::sentence("ERR min or max is not a float");
    let (min, min_open) = score(min).ok_or_else(error)?;
    let (max, max_open) = score(max).ok_or_else(error)?;
    Ok(ScoreRange { min, max, min_open, max_open })
}

/// A range of names.
pub(super) fn names<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>> {
    let error = || Error::sentence("ERR min or max not valid string range item");
    Ok(LexRange { min: name(min).ok_or_else(error)?, max: name(max).ok_or_else(error)? })
}

/// The ranks between two indexes, both included; negative ones count from the end.
pub(super) fn ranks(start: i64, stop: i64, len: u64) -> Range<u64> {
    let resolve = |index: i64| match u64::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => len.checked_sub(index.unsigned_abs()),
    };
    let end = resolve(stop).map_or(0, |stop| stop.saturating_add(1).min(len));
    let start = resolve(start).unwrap_or(0).min(end);
    start..end
}

fn score(text: &[u8]) -> Option<(f64, bool)> {
    match text.strip_prefix(b"(") {
        Some(rest) => strtod(rest).map(|score| (score, true)),
        None => strtod(text).map(|score| (score, false)),
    }
}

/// What C's `strtod` makes of a text: here, unlike for scores, spaces may precede it, what overflows is infinite, a NUL ends
/// it, and no text at all is 0.
fn strtod(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let text = text.trim_ascii_start();
    let beyond_range = || std::str::from_utf8(text).ok()?.parse().ok().filter(|value: &f64| !value.is_nan());
    parse_float(text).or_else(beyond_range)
}

fn name(text: &[u8]) -> Option<LexBound<'_>> {
    match text.split_first()? {
        (b'-', [] | [0, ..]) => Some(LexBound::Lowest),
        (b'+', [] | [0, ..]) => Some(LexBound::Highest),
        (b'[', name) => Some(LexBound::Closed(name)),
        (b'(', name) => Some(LexBound::Open(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_c_does() {
        for (text, expected) in [
            (&b"1.5"[..], Some((1.5, false))),
            (b"(1.5", Some((1.5, true))),
            (b"-inf", Some((f64::NEG_INFINITY, false))),
            (b"(+inf", Some((f64::INFINITY, true))),
            (b"1e400", Some((f64::INFINITY, false))),
            (b" 1", Some((1.0, false))),
            (b"", Some((0.0, false))),
            (b"(", Some((0.0, true))),
            (b"0x10", Some((16.0, false))),
            (b"1 ", None),
            (b" ", None),
            (b"nan", None),
            (b"x", None),
            (b"[1", None),
        ] {
            assert_eq!(score(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn indexes_count_from_either_end_and_are_clipped() {
        for (start, stop, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 100, 0..5),
            (3, 1, 0..0),
            (5, 10, 0..0),
            (0, -6, 0..0),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            let found = ranks(start, stop, 5);
            assert!(found == expected || found.is_empty() && expected.is_empty(), "{start} {stop}: {found:?}");
        }
    }

    #[test]
    fn names_need_a_mark() {
        assert_eq!(name(b"-"), Some(LexBound::Lowest));
        assert_eq!(name(b"+"), Some(LexBound::Highest));
        assert_eq!(name(b"[a"), Some(LexBound::Closed(b"a")));
        assert_eq!(name(b"("), Some(LexBound::Open(b"")));
        assert!([&b""[..], b"a", b"-a", b"+x"].iter().all(|text| name(text).is_none()));
    }
}
