//! The grammar of floats, and rounding to a binary format: to nearest, ties to even.

use num_bigint::BigUint;

/// Where exponents in texts saturate: no format reaches so far, however many digits stand before the exponent.
const EXPONENT_LIMIT: i64 = 1 << 40;
/// Hexadecimal digits that are kept exactly; of later ones it only matters whether they are all zero.
const HEX_DIGITS_KEPT: u32 = u128::BITS / 4;
/// A decimal with more digits before the point than this is beyond every format; one with more zeros behind it is zero.
const DECIMAL_MAGNITUDE_MAX: i64 = 5000;
/// Bits of a quotient that are computed at least: more than any mantissa has, so that the remainder only breaks ties.
const QUOTIENT_BITS: u64 = 96;

/// A float as it was written.
pub(super) enum Text<'t> {
    /// `inf` or `infinity`, in any case.
    Infinite {
        /// Below zero.
        negative: bool,
    },
    /// Digits, perhaps with a point and a power of ten.
    Decimal(Decimal<'t>),
    /// `0x`, hexadecimal digits, perhaps with a point and a power of two.
    Hexadecimal(Hexadecimal),
}

/// The parts of a decimal.
pub(super) struct Decimal<'t> {
    pub(super) negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

/// A hexadecimal's value: `mantissa * 2^exponent`.
pub(super) struct Hexadecimal {
    pub(super) negative: bool,
    mantissa: u128,
    /// Something follows the mantissa, which then has all of its bits.
    sticky: bool,
    exponent: i64,
}

/// A binary format: a finite value is `mantissa * 2^exponent`.
pub(super) struct Format {
    /// Bits of the mantissa.
    pub(super) precision: u32,
    /// Exponent of the smallest values, which may have fewer bits.
    pub(super) exponent_min: i32,
    /// Exponent of the largest values.
    pub(super) exponent_max: i32,
}

/// A value in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounded {
    /// The mantissa has all of its bits, or the exponent is the least one.
    Finite {
        /// Zero or more.
        mantissa: u64,
        /// Of two.
        exponent: i32,
    },
    /// Beyond the largest value.
    Infinite,
}

impl<'t> Text<'t> {
    /// A text that is a float and nothing else, but no NaN.
    pub(super) fn parse(text: &'t [u8]) -> Option<Text<'t>> {
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            [b'+', body @ ..] | body => (false, body),
        };
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Some(Text::Infinite { negative });
        }
        if let [b'0', b'x' | b'X', body @ ..] = body {
            return Hexadecimal::parse(negative, body).map(Text::Hexadecimal);
        }
        let (whole, fraction, exponent) = split(body, u8::is_ascii_digit, b'e')?;
        Some(Text::Decimal(Decimal { negative, whole, fraction, exponent }))
    }
}

impl Decimal<'_> {
    /// True if all digits are zero.
    pub(super) fn is_zero(&self) -> bool {
        self.whole.iter().chain(self.fraction).all(|&digit| digit == b'0')
    }

    /// The nearest value of a format.
    pub(super) fn round(&self, format: &Format) -> Rounded {
        let digits: Vec<u8> = self.whole.iter().chain(self.fraction).copied().skip_while(|&d| d == b'0').collect();
        let exponent = self.exponent - self.fraction.len() as i64;
        let magnitude = exponent + digits.len() as i64;
        // Anything but digits was refused before.
        let number = BigUint::parse_bytes(&digits, 10).unwrap_or_default();
        if digits.is_empty() || magnitude < -DECIMAL_MAGNITUDE_MAX {
            return format.round(0, false, 0);
        }
        if magnitude > DECIMAL_MAGNITUDE_MAX {
            return Rounded::Infinite;
        }
        // Small, as the magnitude is and the digits are few enough to be collected.
        let power = BigUint::from(10u8).pow(u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX));
        if exponent >= 0 {
            format.round_ratio(number * power, &BigUint::from(1u8))
        } else {
            format.round_ratio(number, &power)
        }
    }
}

impl Hexadecimal {
    /// What follows `0x`.
    fn parse(negative: bool, body: &[u8]) -> Option<Hexadecimal> {
        let (whole, fraction, mut exponent) = split(body, u8::is_ascii_hexdigit, b'p')?;
        let (mut mantissa, mut kept, mut sticky) = (0u128, 0, false);
        let in_whole = whole.iter().map(|digit| (digit, true));
        for (&digit, in_whole) in in_whole.chain(fraction.iter().map(|digit| (digit, false))) {
            let value = char::from(digit).to_digit(16)?;
            if kept < HEX_DIGITS_KEPT {
                mantissa = (mantissa << 4) | u128::from(value);
                kept += u32::from(mantissa != 0);
                exponent -= if in_whole { 0 } else { 4 };
            } else {
                sticky |= value != 0;
                exponent += if in_whole { 4 } else { 0 };
            }
        }
        Some(Hexadecimal { negative, mantissa, sticky, exponent })
    }

    /// True if all digits are zero.
    pub(super) fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// The nearest value of a format.
    pub(super) fn round(&self, format: &Format) -> Rounded {
        format.round(self.mantissa, self.sticky, self.exponent)
    }
}

impl Format {
    /// The nearest value to `mantissa * 2^exponent`, plus something less than one in the mantissa's last place if
    /// `sticky`. A mantissa with something behind it has more bits than the format.
    pub(super) fn round(&self, mantissa: u128, sticky: bool, exponent: i64) -> Rounded {
        let bits = u128::BITS - mantissa.leading_zeros();
        if bits == 0 {
            return Rounded::Finite { mantissa: 0, exponent: self.exponent_min };
        }
        let mut rounded_exponent =
            (exponent + i64::from(bits) - i64::from(self.precision)).max(i64::from(self.exponent_min));
        let mut rounded = match u32::try_from(rounded_exponent - exponent) {
            Ok(drop) => shift_right(mantissa, sticky, drop),
            // Few bits: they move up, at most to where the format's mantissa begins; or they lie far below the least value.
            Err(_) if rounded_exponent > exponent => 0,
            Err(_) => mantissa << (exponent - rounded_exponent),
        };
        if rounded >> self.precision != 0 {
            rounded >>= 1;
            rounded_exponent += 1;
        }
        match (u64::try_from(rounded), i32::try_from(rounded_exponent)) {
            (Ok(mantissa), Ok(exponent)) if exponent <= self.exponent_max => Rounded::Finite { mantissa, exponent },
            _ => Rounded::Infinite,
        }
    }

    /// The nearest value to a fraction.
    fn round_ratio(&self, number: BigUint, divisor: &BigUint) -> Rounded {
        let shift = (QUOTIENT_BITS + divisor.bits()).saturating_sub(number.bits());
        let number = number << shift;
        let quotient = &number / divisor;
        let inexact = &quotient * divisor != number;
        let dropped = quotient.bits().saturating_sub(u64::from(u128::BITS));
        let sticky = inexact || quotient.trailing_zeros().is_some_and(|zeros| zeros < dropped);
        // 128 bits remain.
        let top = u128::try_from(quotient >> dropped).unwrap_or(u128::MAX);
        self.round(top, sticky, dropped as i64 - shift as i64)
    }
}

/// Drops bits at the end, rounding to nearest, ties to even. `sticky`: something follows the value.
pub(super) fn shift_right(value: u128, sticky: bool, drop: u32) -> u128 {
    let Some(half) = drop.checked_sub(1).map(|bits| 1u128.checked_shl(bits)) else { return value };
    // With more than 128 bits to drop, any value is less than half of what remains.
    let Some(half) = half else { return 0 };
    let kept = value.checked_shr(drop).unwrap_or(0);
    let rest = value & (half | (half - 1));
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    kept + u128::from(up)
}

/// Digits before and after the point and the exponent, if a text is that and nothing else.
fn split(body: &[u8], is_digit: fn(&u8) -> bool, marker: u8) -> Option<(&[u8], &[u8], i64)> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (whole, rest) = body.split_at(digits(body));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits(rest)),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    match rest {
        [] => Some((whole, fraction, 0)),
        [first, rest @ ..] if first.eq_ignore_ascii_case(&marker) => Some((whole, fraction, exponent(rest)?)),
        _ => None,
    }
}

fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| (value * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT));
    Some(if negative { -value } else { value })
}
