//! What tells one run of the server from another.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// 40 random hexadecimal digits, as Redis names its runs and replication histories. Not a secret.
pub fn random_hex() -> String {
    let mut digits = String::with_capacity(48);
    while digits.len() < 40 {
        // Each state is keyed by the operating system's randomness.
        digits.push_str(&format!("{:016x}", RandomState::new().hash_one(digits.len())));
    }
    digits.truncate(40);
    digits
}

/// Microseconds since the Unix epoch.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
