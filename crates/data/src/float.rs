//! Floats as text.

/// The value of a text as Redis's `strtod`-based parser takes it: no NaN, no spaces around it.
pub fn parse(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}
