//! The value of a record in memory: a short one in place, a long one shared.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Bytes of a value that lie in place: a small string is copied at no further miss and no allocation.
pub const RECORD_INLINE_LEN: usize = 70;

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
    bytes: [u8; RECORD_INLINE_LEN],
}

impl Default for RecordValue {
    fn default() -> RecordValue {
        RecordValue::from(&[][..])
    }
}

impl RecordValue {
    /// A short value: the first `len` of some bytes, which are copied as a whole. That is faster than as many as it has.
    pub fn from_buf_and_len(bytes: [u8; RECORD_INLINE_LEN], len: u8) -> RecordValue {
        RecordValue(Repr::Short(Short { len: len.min(RECORD_INLINE_LEN as u8), bytes }))
    }

    /// Its bytes to be shared: those of a long one are shared already.
    pub fn into_shared(self) -> Arc<[u8]> {
        match self.0 {
            Repr::Short(_) => Arc::from(&*self),
            Repr::Long(bytes) => bytes,
        }
    }

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
        let mut bytes = [0; RECORD_INLINE_LEN];
        match (bytes.get_mut(..value.len()), u8::try_from(value.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(value);
                RecordValue(Repr::Short(Short { len, bytes }))
            }
            _ => RecordValue(Repr::Long(value.into())),
        }
    }
}

impl From<Arc<[u8]>> for RecordValue {
    fn from(bytes: Arc<[u8]>) -> RecordValue {
        RecordValue(Repr::Long(bytes))
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
        for len in [0, 1, RECORD_INLINE_LEN - 1, RECORD_INLINE_LEN, RECORD_INLINE_LEN + 1, 300, 5000] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let value = RecordValue::from(&bytes[..]);
            assert_eq!(*value, *bytes);
            assert_eq!(*value.clone(), *bytes);
            assert_eq!(*RecordValue::from(value.clone().into_shared()), *bytes);
            assert_eq!(value.heap_bytes() >= len, len > RECORD_INLINE_LEN || len == 0);
        }
    }

    #[test]
    fn a_short_value_is_the_first_bytes_of_a_buffer() {
        let bytes: [u8; RECORD_INLINE_LEN] = std::array::from_fn(|n| n as u8);
        assert_eq!(*RecordValue::from_buf_and_len(bytes, 3), [0, 1, 2]);
        assert_eq!(*RecordValue::from_buf_and_len(bytes, u8::MAX), bytes);
    }

    #[test]
    fn a_value_is_no_longer_than_its_place() {
        assert_eq!(size_of::<Option<RecordValue>>(), RECORD_INLINE_LEN + 2);
    }
}
