//! Scores as text.

/// Greater integers are written as floats.
const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;
/// Digits that a float is written with in scientific notation, sign included.
const SCIENTIFIC_DIGITS_MAX: usize = 18;

/// The value of a text, which may be infinite or no number.
pub(super) fn parse(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.trim_start().parse().ok()
}

/// A score as it stands in a listpack.
pub(super) enum Text {
    Integer(i64),
    Float(String),
}

/// How a score is written, in the shortest form that reads back: that of Redis 7.2.
pub(super) fn write(double: f64) -> Text {
    if double.abs() <= INTEGER_MAX && double.trunc() == double {
        return Text::Integer(double as i64);
    }
    Text::Float(match double {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ => shortest(double),
    })
}

/// The fewest digits that tell a finite value from its neighbours, laid out as `fpconv_dtoa` does.
fn shortest(double: f64) -> String {
    let scientific = format!("{:e}", double.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if double.is_sign_negative() { "-" } else { "" };
    // At most 17.
    let count = digits.len() as i32;
    let shift = exponent - (count - 1);
    let magnitude = exponent.abs();
    if shift >= 0 && magnitude < count + 7 {
        let zeros = "0".repeat(shift as usize);
        return format!("{sign}{digits}{zeros}");
    }
    if shift < 0 && (shift > -7 || magnitude < 4) {
        let whole = count + shift;
        return match usize::try_from(whole) {
            Ok(whole) if whole > 0 => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            _ => format!("{sign}0.{}{digits}", "0".repeat(whole.unsigned_abs() as usize)),
        };
    }
    let kept = digits.len().min(SCIENTIFIC_DIGITS_MAX - sign.len());
    let (first, rest) = digits[..kept].split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{magnitude}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(double: f64) -> String {
        match write(double) {
            Text::Integer(integer) => format!("i{integer}"),
            Text::Float(text) => text,
        }
    }

    #[test]
    fn scores_are_written_as_redis_writes_them() {
        let expected = [
            (1.0, "i1"),
            (-0.0, "i0"),
            (1.5, "1.5"),
            (-0.1, "-0.1"),
            (0.001, "0.001"),
            (1e-7, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (4e18, "i4000000000000000000"),
            (5e18, "5e+18"),
            (1e300, "1e+300"),
            (std::f64::consts::PI, "3.141592653589793"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (double, expected) in expected {
            assert_eq!(text(double), expected);
        }
    }

    #[test]
    fn a_text_reads_back() {
        for double in [1.5, -0.1, 1e-7, 5e18, 1e300, f64::MIN_POSITIVE, f64::MAX, 123_456.789_012_345] {
            assert_eq!(parse(text(double).as_bytes()), Some(double));
        }
    }
}
