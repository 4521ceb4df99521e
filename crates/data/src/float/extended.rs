//! Floats with 64 bits of mantissa: the x87's, which C calls `long double` there.
//!
//! Rust has no such type, and a double would show other digits: 3 and 1.1 make 4.1 here, not 4.0999999999999996447.

use num_bigint::BigUint;

use super::text::{Format, Rounded, Text, shift_right};

const FORMAT: Format = Format { precision: 64, exponent_min: -16445, exponent_max: 16320 };
/// The longest text that is taken for such a float.
const TEXT_LEN_MAX: usize = 5119;
/// Digits printed behind the point at most.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 100_000_000_000_000_000;
/// Room for what shifting the smaller summand loses: one bit of headroom, 64 of mantissa, the rest here.
const GUARD_BITS: u32 = 62;

/// A float: finite or infinite, but no NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    size: Rounded,
}

impl Extended {
    /// Nothing.
    pub const ZERO: Extended = Extended::finite(false, 0, FORMAT.exponent_min);

    const fn finite(negative: bool, mantissa: u64, exponent: i32) -> Extended {
        Extended { negative, size: Rounded::Finite { mantissa, exponent } }
    }

    /// The value nearest to a text that is a float and nothing else; see [`super::parse`] for what that is.
    pub fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, size, is_zero) = match Text::parse(text)? {
            Text::Infinite { negative } => return Some(Extended { negative, size: Rounded::Infinite }),
            Text::Decimal(decimal) => (decimal.negative, decimal.round(&FORMAT), decimal.is_zero()),
            Text::Hexadecimal(hexadecimal) => (hexadecimal.negative, hexadecimal.round(&FORMAT), hexadecimal.is_zero()),
        };
        match size {
            Rounded::Finite { mantissa, .. } if mantissa != 0 || is_zero => Some(Extended { negative, size }),
            _ => None,
        }
    }

    /// True unless it is infinite.
    pub fn is_finite(&self) -> bool {
        self.size != Rounded::Infinite
    }

    /// The nearest value to the sum, if it is finite.
    pub fn checked_add(self, other: Extended) -> Option<Extended> {
        let parts = |value: Extended| match value.size {
            Rounded::Finite { mantissa, exponent } => Some((exponent, mantissa, value.negative)),
            Rounded::Infinite => None,
        };
        let (one, other) = (parts(self)?, parts(other)?);
        // The exponent decides first: it is only not the least one where the mantissa has all of its bits.
        let ((exponent, large, negative), (small_exponent, small, small_negative)) =
            if (one.0, one.1) >= (other.0, other.1) { (one, other) } else { (other, one) };
        let (large, small) = (u128::from(large) << GUARD_BITS, u128::from(small) << GUARD_BITS);
        let shift = exponent.abs_diff(small_exponent);
        let shifted = small.checked_shr(shift).unwrap_or(0);
        let lost = shifted.checked_shl(shift).unwrap_or(0) != small;
        let sum = if negative == small_negative { large + shifted } else { large - shifted - u128::from(lost) };
        let size = FORMAT.round(sum, lost, i64::from(exponent) - i64::from(GUARD_BITS));
        Some(Extended { negative, size }).filter(Extended::is_finite)
    }

    /// The value in plain digits, with up to 17 of them behind the point and no zeros at the end.
    pub fn to_text(&self) -> String {
        let (mantissa, exponent) = match self.size {
            Rounded::Finite { mantissa, exponent } => (mantissa, exponent),
            Rounded::Infinite => return if self.negative { "-inf" } else { "inf" }.to_owned(),
        };
        let mut text = if exponent >= 0 {
            (BigUint::from(mantissa) << exponent.unsigned_abs()).to_string()
        } else {
            let scaled = shift_right(u128::from(mantissa) * FRACTION_SCALE, false, exponent.unsigned_abs());
            let (whole, fraction) = (scaled / FRACTION_SCALE, scaled % FRACTION_SCALE);
            let digits = format!("{whole}.{fraction:0FRACTION_DIGITS$}");
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        if self.negative && text != "0" {
            text.insert(0, '-');
        }
        text
    }
}
