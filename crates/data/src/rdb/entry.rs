//! An element of a listpack or a ziplist: both keep integers as such.

/// An element as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'b> {
    Bytes(&'b [u8]),
    Integer(i64),
}

/// Is given the elements of a container, one after the other.
pub(super) type Visit<'v> = dyn FnMut(Entry<'_>) -> super::Result<()> + 'v;

impl Entry<'_> {
    /// The bytes that a client gave.
    pub(super) fn to_vec(self) -> Vec<u8> {
        match self {
            Entry::Bytes(bytes) => bytes.to_vec(),
            Entry::Integer(integer) => integer.to_string().into_bytes(),
        }
    }

    /// The integer, if it is one.
    pub(super) fn integer(self) -> Option<i64> {
        match self {
            Entry::Bytes(bytes) => crate::integer::parse(bytes),
            Entry::Integer(integer) => Some(integer),
        }
    }

    /// The score, if it is one.
    pub(super) fn double(self) -> Option<f64> {
        match self {
            Entry::Bytes(bytes) => super::double::parse(bytes),
            Entry::Integer(integer) => Some(integer as f64),
        }
    }

    /// About how many bytes it has.
    pub(super) fn len(self) -> usize {
        match self {
            Entry::Bytes(bytes) => bytes.len(),
            Entry::Integer(_) => size_of::<i64>(),
        }
    }
}
