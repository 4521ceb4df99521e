//! How clients say when something expires: after so many seconds or milliseconds, or at a Unix time in either.

/// Milliseconds in a second.
const SECOND_MS: i64 = 1000;

/// How a time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    from_now: bool,
    unit_ms: i64,
}

impl Clock {
    pub(crate) const SECONDS: Clock = Clock { from_now: true, unit_ms: SECOND_MS };
    pub(crate) const MILLISECONDS: Clock = Clock { from_now: true, unit_ms: 1 };
    pub(crate) const UNIX_SECONDS: Clock = Clock { from_now: false, unit_ms: SECOND_MS };
    pub(crate) const UNIX_MILLISECONDS: Clock = Clock { from_now: false, unit_ms: 1 };

    /// The one that an option of `SET`, `GETEX`, `HGETEX` or `HSETEX` names.
    pub(crate) fn of_word(word: &[u8]) -> Option<Clock> {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        Some(match () {
            () if is(b"EX") => Clock::SECONDS,
            () if is(b"PX") => Clock::MILLISECONDS,
            () if is(b"EXAT") => Clock::UNIX_SECONDS,
            () if is(b"PXAT") => Clock::UNIX_MILLISECONDS,
            () => return None,
        })
    }

    /// The Unix time in ms that an amount means, if 63 bits hold it. It may be before 1970.
    pub(crate) fn at_ms(self, amount: i64, now_ms: u64) -> Option<i64> {
        let base_ms = if self.from_now { now_ms } else { 0 };
        amount.checked_mul(self.unit_ms)?.checked_add_unsigned(base_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_counted_from_now_or_from_1970_and_fit_into_63_bits() {
        assert_eq!(Clock::SECONDS.at_ms(2, 5), Some(2005));
        assert_eq!(Clock::UNIX_SECONDS.at_ms(2, 5), Some(2000));
        assert_eq!(Clock::MILLISECONDS.at_ms(-7, 5), Some(-2));
        assert_eq!(Clock::MILLISECONDS.at_ms(i64::MAX, 1), None);
        assert_eq!(Clock::UNIX_MILLISECONDS.at_ms(i64::MAX, 1), Some(i64::MAX));
        assert_eq!(Clock::UNIX_SECONDS.at_ms(i64::MIN, 0), None);
        assert_eq!(Clock::of_word(b"pxAT"), Some(Clock::UNIX_MILLISECONDS));
        assert_eq!(Clock::of_word(b"KEEPTTL"), None);
    }
}
