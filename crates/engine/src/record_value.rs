//! The value of a record in memory: a short one in place, a long one shared.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Bytes that lie in place. With a [`RecordKey`](crate::RecordKey) beside it, such a value fills two lines of the
/// processor's cache: a small string is there with its key, at no further miss and no allocation.
const SHORT_LEN_MAX: usize = 70;

/// The two counts of an [`Arc`].
const ARC_COUNTS_BYTES: usize = 16;

/// Bytes that are cheap to clone: short ones are copied, long ones counted.
#[derive(Clone)]
pub struct RecordValue(Repr);

#[derive(Clone)]
enum Repr {
    Short(Short),
    Long(Arc<[u8]>),
}

#[derive(Clone, Copy)]
struct Short {
    len: u8,
    bytes: [u8; SHORT_LEN_MAX],
}

impl Default for RecordValue {
    fn default() -> RecordValue {
        RecordValue::from(&[][..])
    }
}

impl RecordValue {
    /// Bytes that it takes beside its place.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Short(_) => 0,
            Repr::Long(bytes) => bytes.len() + ARC_COUNTS_BYTES,
        }
    }
}

impl From<&[u8]> for RecordValue {
    fn from(value: &[u8]) -> RecordValue {
        let mut bytes = [0; SHORT_LEN_MAX];
        match (bytes.get_mut(..value.len()), u8::try_from(value.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(value);
                RecordValue(Repr::Short(Short { len, bytes }))
            }
            _ => RecordValue(Repr::Long(value.into())),
        }
    }
}

impl Deref for RecordValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Short(short) => &short.bytes[..usize::from(short.len)],
            Repr::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for RecordValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_come_back() {
        for len in [0, 1, SHORT_LEN_MAX - 1, SHORT_LEN_MAX, SHORT_LEN_MAX + 1, 300, 5000] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let value = RecordValue::from(&bytes[..]);
            assert_eq!(*value, *bytes);
            assert_eq!(*value.clone(), *bytes);
            assert_eq!(value.heap_bytes() >= len, len > SHORT_LEN_MAX || len == 0);
        }
    }

    #[test]
    fn a_value_is_no_longer_than_its_place() {
        assert_eq!(size_of::<Option<RecordValue>>(), SHORT_LEN_MAX + 2);
    }
}
