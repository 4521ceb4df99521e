//! Floating-point numbers as replies spell them.
//!
//! Only replies: what a command stores as text (`INCRBYFLOAT`) follows other rules and is not made here.

mod grisu;

/// Whole numbers up to here in magnitude (2^62) are written as integers, without an exponent.
const INTEGER_MAX: f64 = 4_611_686_018_427_387_904.0;

/// Digits behind the point up to which a number is always written plainly.
const FRACTION_DIGITS_MAX: i32 = 6;

/// Beyond that only numbers of 0.001 and more and below 10000 are.
const PLAIN_MAGNITUDE_MAX: i32 = 3;

/// Zeros that a whole number above 2^62 may end in without getting an exponent.
const TRAILING_ZEROS_MAX: i32 = 7;

/// Appends `value` as Redis 7.2 writes a double in a reply.
///
/// - `nan`, `inf`, `-inf`, `0`, `-0`;
/// - a whole number up to 2^62 in magnitude as an integer: `3`, `1000000000000000000`;
/// - anything else with digits that read back as the same double, nearly always the fewest: plain where that stays short
///   (`3.14`, `0.000001`), otherwise with an exponent (`1e+30`, `1.5e-7`, `1.23456789e-4`).
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 {
        return out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    }
    if value.abs() <= INTEGER_MAX && value.trunc() == value {
        return out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let decimal = grisu::decimal(value.abs());
    lay_out(decimal.digits(), decimal.exponent, out);
}

/// Writes `digits × 10^exponent`, plain or with an exponent, by the lengths at which Redis changes from one to the other.
fn lay_out(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    let len = digits.len() as i32;
    // Of the first digit: what the number would have in scientific notation.
    let leading = exponent + len - 1;
    if (0..=TRAILING_ZEROS_MAX).contains(&exponent) {
        out.extend_from_slice(digits);
        zeros(exponent, out);
    } else if exponent < 0 && (exponent >= -FRACTION_DIGITS_MAX || leading.abs() <= PLAIN_MAGNITUDE_MAX) {
        if leading >= 0 {
            let (whole, fraction) = digits.split_at(leading as usize + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            zeros(-leading - 1, out);
            out.extend_from_slice(digits);
        }
    } else {
        let (first, others) = digits.split_at(1);
        out.extend_from_slice(first);
        if !others.is_empty() {
            out.push(b'.');
            out.extend_from_slice(others);
        }
        out.extend_from_slice(if leading < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(leading.unsigned_abs()).as_bytes());
    }
}

fn zeros(count: i32, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b'0', count.max(0) as usize));
}

#[cfg(test)]
mod tests;
