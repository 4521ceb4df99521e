//! Floats as text: what is taken for one, exactly as `strtod` and `strtold` do, and nothing around it.
//!
//! Scores and the like are [`f64`]. `INCRBYFLOAT` and its kin compute with 64 bits of mantissa, because Redis does so on
//! the machines that it mostly runs on, and clients see the digits: that is [`Extended`]. How replies print an `f64` is
//! the protocol's matter, not this module's.

mod extended;
mod text;

pub use extended::Extended;
use text::{Format, Rounded, Text};

const DOUBLE: Format = Format { precision: 53, exponent_min: -1074, exponent_max: 971 };
const DOUBLE_FRACTION_BITS: u32 = 52;
/// What [`f64`] adds to the exponent of a mantissa taken as a whole number.
const DOUBLE_BIAS: i32 = 1075;

/// The value of a text that is a float and nothing else: decimal, hexadecimal or infinity, but no NaN. What overflows, and
/// what is too small to be told from zero, is no float either.
pub fn parse(text: &[u8]) -> Option<f64> {
    match Text::parse(text)? {
        Text::Infinite { negative } => Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Text::Decimal(decimal) => {
            // The grammar is checked, and the standard library rounds as `strtod` does.
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (value.is_finite() && (value != 0.0 || decimal.is_zero())).then_some(value)
        }
        Text::Hexadecimal(hexadecimal) => match hexadecimal.round(&DOUBLE) {
            Rounded::Finite { mantissa, exponent } if mantissa != 0 || hexadecimal.is_zero() => {
                Some(assemble(hexadecimal.negative, mantissa, exponent))
            }
            _ => None,
        },
    }
}

/// The float of a rounded mantissa and exponent.
fn assemble(negative: bool, mantissa: u64, exponent: i32) -> f64 {
    let hidden = 1u64 << DOUBLE_FRACTION_BITS;
    let biased = if mantissa < hidden { 0 } else { u64::from((exponent + DOUBLE_BIAS).unsigned_abs()) };
    let bits = (u64::from(negative) << 63) | (biased << DOUBLE_FRACTION_BITS) | (mantissa & (hidden - 1));
    f64::from_bits(bits)
}

#[cfg(test)]
mod tests;
