//! Floating-point numbers as replies spell them.
//!
//! Only replies: what a command stores as text (`INCRBYFLOAT`) follows other rules and is not made here.

use std::io::Write;

/// Whole numbers up to here in magnitude (2^62) are written as integers, without an exponent.
const INTEGER_MAX: f64 = 4_611_686_018_427_387_904.0;

/// Appends `value` as Redis 7.2 writes a double in a reply: `nan`, `inf`, `-inf`; `-0`; a whole number up to 2^62 as an
/// integer; anything else with the digits that read back as the same double, plain while that stays short, else with an exponent
/// (`1e+30`, `1.5e-7`).
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= INTEGER_MAX && value.trunc() == value {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        let mut text = Vec::with_capacity(32);
        let _ = write!(text, "{value:e}");
        out.extend_from_slice(&text);
    }
}
