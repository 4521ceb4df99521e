//! Sets in memory, and the rules by which Redis would keep them: while one is small enough for its header, and while the
//! result of an operation is put together.

use std::sync::atomic::Ordering;

use hashbrown::HashSet;

use crate::error::Result;
use crate::integer;
use crate::keyspace::Keyspace;
use crate::packed;

use super::layout::{self, Body, Encoding, INLINE_LEN_MAX};
use super::visit_integers;

/// Redis's own limit to the length of an intset.
const INTSET_LEN_MAX: u64 = 1 << 30;

/// Up to where sets are kept compactly, as the options say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    intset_entries: u64,
    listpack_entries: u64,
    listpack_value: u64,
}

impl Limits {
    pub(super) fn of(keyspace: &Keyspace) -> Limits {
        let encodings = &keyspace.settings.encodings;
        Limits {
            intset_entries: encodings.set_max_intset_entries.load(Ordering::Relaxed).min(INTSET_LEN_MAX),
            listpack_entries: encodings.set_max_listpack_entries.load(Ordering::Relaxed),
            listpack_value: encodings.set_max_listpack_value.load(Ordering::Relaxed),
        }
    }

    /// What a new set is that begins with a member, and is about to get so many.
    pub(super) fn encoding_of_new(&self, first: &[u8], count: u64) -> Encoding {
        if integer::parse(first).is_some() && count <= self.intset_entries {
            Encoding::Intset
        } else if count <= self.listpack_entries {
            Encoding::Listpack
        } else {
            Encoding::Hashtable
        }
    }

    /// What a set is once it is known to get so many members, new ones or not.
    pub(super) fn encoding_before(&self, encoding: Encoding, count: u64) -> Encoding {
        match encoding {
            Encoding::Intset if count > self.intset_entries => Encoding::Hashtable,
            Encoding::Listpack if count > self.listpack_entries => Encoding::Hashtable,
            same => same,
        }
    }

    /// What a set of `len` members is with a new one. `widest` is the length of its longest integer, if it has only those.
    pub(super) fn encoding_with(&self, encoding: Encoding, len: u64, member: &[u8], widest: usize) -> Encoding {
        match encoding {
            Encoding::Intset if integer::parse(member).is_some() => {
                if len < self.intset_entries {
                    Encoding::Intset
                } else {
                    Encoding::Hashtable
                }
            }
            Encoding::Intset | Encoding::Listpack => {
                let longest = member.len().max(widest) as u64;
                if len < self.listpack_entries && longest <= self.listpack_value {
                    Encoding::Listpack
                } else {
                    Encoding::Hashtable
                }
            }
            Encoding::Hashtable => Encoding::Hashtable,
        }
    }
}

/// A set that lies in its header, taken out of it to be changed.
#[derive(Clone, Debug)]
pub(super) enum Inline {
    /// In ascending order.
    Integers(Vec<i64>),
    /// In the order of insertion.
    Strings { count: usize, packed: Vec<u8> },
}

/// What became of a member that was to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It was there.
    Present,
    /// It is there now.
    Added,
    /// It is not there, as the set would no longer fit into a header. With it the set would be this.
    Outgrown(Encoding),
}

impl Inline {
    /// An empty set. None for what never lies in a header.
    pub(super) fn new(encoding: Encoding) -> Option<Inline> {
        match encoding {
            Encoding::Intset => Some(Inline::Integers(Vec::new())),
            Encoding::Listpack => Some(Inline::Strings { count: 0, packed: Vec::new() }),
            Encoding::Hashtable => None,
        }
    }

    /// The set of a header's body, if it lies there.
    pub(super) fn of(body: Body<'_>) -> Option<Inline> {
        match body {
            Body::Integers(integers) => Some(Inline::Integers(integers.iter().collect())),
            Body::Strings { count, packed } => Some(Inline::Strings { count, packed: packed.to_vec() }),
            Body::Parts { .. } => None,
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Inline::Integers(_) => Encoding::Intset,
            Inline::Strings { .. } => Encoding::Listpack,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Inline::Integers(integers) => integers.len(),
            Inline::Strings { count, .. } => *count,
        }
    }

    /// The body of a header with this set. None if the set does not fit.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Inline::Integers(integers) => Some(layout::encode_integers(integers)),
            Inline::Strings { count, packed } => layout::encode_strings(*count, packed),
        }
    }

    /// Visits all members in order, until `visit` says stop (by false).
    pub(super) fn visit(&self, mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        match self {
            Inline::Integers(integers) => visit_integers(integers.iter().copied(), &mut visit),
            Inline::Strings { packed, .. } => {
                for member in packed::strings(packed) {
                    if !visit(member)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// The member at an index.
    pub(super) fn nth(&self, index: u64) -> Option<Vec<u8>> {
        let index = usize::try_from(index).ok()?;
        match self {
            Inline::Integers(integers) => integers.get(index).map(|number| number.to_string().into_bytes()),
            Inline::Strings { packed, .. } => packed::strings(packed).nth(index).map(<[u8]>::to_vec),
        }
    }

    pub(super) fn insert(&mut self, limits: &Limits, member: &[u8]) -> Inserted {
        match self {
            Inline::Integers(integers) => {
                let Some(number) = integer::parse(member) else { return self.insert_first_string(limits, member) };
                let Err(at) = integers.binary_search(&number) else { return Inserted::Present };
                let encoding = limits.encoding_with(Encoding::Intset, integers.len() as u64, member, 0);
                if encoding != Encoding::Intset {
                    return Inserted::Outgrown(encoding);
                }
                integers.insert(at, number);
                if layout::integers_len(integers) > INLINE_LEN_MAX {
                    integers.remove(at);
                    return Inserted::Outgrown(encoding);
                }
                Inserted::Added
            }
            Inline::Strings { count, packed } => {
                if packed::strings(packed).any(|found| found == member) {
                    return Inserted::Present;
                }
                let encoding = limits.encoding_with(Encoding::Listpack, *count as u64, member, 0);
                let fits = packed.len() + packed::packed_len(member.len()) <= INLINE_LEN_MAX;
                if encoding != Encoding::Listpack || !fits {
                    return Inserted::Outgrown(encoding);
                }
                packed::push(packed, member);
                *count += 1;
                Inserted::Added
            }
        }
    }

    /// What is no integer makes strings of those that are.
    fn insert_first_string(&mut self, limits: &Limits, member: &[u8]) -> Inserted {
        let Inline::Integers(integers) = self else { return Inserted::Present };
        let mut text = itoa::Buffer::new();
        let ends = [integers.first(), integers.last()];
        let widest = ends.into_iter().flatten().map(|&number| text.format(number).len()).max().unwrap_or(0);
        let encoding = limits.encoding_with(Encoding::Intset, integers.len() as u64, member, widest);
        let mut packed = Vec::new();
        for &number in integers.iter() {
            packed::push(&mut packed, text.format(number).as_bytes());
        }
        let fits = packed.len() + packed::packed_len(member.len()) <= INLINE_LEN_MAX;
        if encoding != Encoding::Listpack || !fits {
            return Inserted::Outgrown(encoding);
        }
        packed::push(&mut packed, member);
        *self = Inline::Strings { count: integers.len() + 1, packed };
        Inserted::Added
    }

    /// True if the member was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Inline::Integers(integers) => {
                let at = integer::parse(member).and_then(|number| integers.binary_search(&number).ok());
                at.map(|at| integers.remove(at)).is_some()
            }
            Inline::Strings { count, packed } => {
                let mut strings = packed::strings(packed);
                let mut start = 0;
                while let Some(found) = strings.next() {
                    let end = packed.len() - strings.rest().len();
                    if found == member {
                        packed.drain(start..end);
                        *count = count.saturating_sub(1);
                        return true;
                    }
                    start = end;
                }
                false
            }
        }
    }
}

/// Members in no order, that are too many for a header.
type Many = HashSet<Box<[u8]>, foldhash::fast::RandomState>;

/// The result of an operation on sets while it is put together, and what Redis would make of it.
#[derive(Debug)]
pub struct Gathered {
    limits: Limits,
    members: Members,
}

#[derive(Debug)]
pub(super) enum Members {
    Inline(Inline),
    Many(Many, Encoding),
}

impl Gathered {
    /// Nothing yet. Redis begins a result with an encoding, and goes on from there.
    pub(super) fn new(limits: Limits, encoding: Encoding) -> Gathered {
        let members = match Inline::new(encoding) {
            Some(inline) => Members::Inline(inline),
            None => Members::Many(Many::default(), encoding),
        };
        Gathered { limits, members }
    }

    /// How many members.
    pub fn len(&self) -> u64 {
        match &self.members {
            Members::Inline(inline) => inline.len() as u64,
            Members::Many(many, _) => many.len() as u64,
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the member was not there.
    pub(super) fn insert(&mut self, member: &[u8]) -> Result<bool> {
        let outgrown = match &mut self.members {
            Members::Inline(inline) => match inline.insert(&self.limits, member) {
                Inserted::Present => return Ok(false),
                Inserted::Added => return Ok(true),
                Inserted::Outgrown(encoding) => encoding,
            },
            Members::Many(many, encoding) => {
                if many.contains(member) {
                    return Ok(false);
                }
                *encoding = self.limits.encoding_with(*encoding, many.len() as u64, member, 0);
                many.insert(member.into());
                return Ok(true);
            }
        };
        let mut many = Many::default();
        self.visit(|member| {
            many.insert(member.into());
            Ok(true)
        })?;
        many.insert(member.into());
        self.members = Members::Many(many, outgrown);
        Ok(true)
    }

    /// True if the member was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.members {
            Members::Inline(inline) => inline.remove(member),
            Members::Many(many, _) => many.remove(member),
        }
    }

    /// Visits all members, until `visit` says stop (by false).
    pub fn visit(&self, mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        match &self.members {
            Members::Inline(inline) => inline.visit(visit),
            Members::Many(many, Encoding::Intset) => {
                let mut sorted: Vec<i64> = many.iter().filter_map(|member| integer::parse(member)).collect();
                sorted.sort_unstable();
                visit_integers(sorted.into_iter(), &mut visit)
            }
            Members::Many(many, _) => {
                for member in many {
                    if !visit(member)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Makes a set of integers of what turned out to have nothing else, if it is small enough.
    pub(super) fn compact(&mut self) -> Result<()> {
        let is_intset = match &self.members {
            Members::Inline(inline) => inline.encoding() == Encoding::Intset,
            Members::Many(_, encoding) => *encoding == Encoding::Intset,
        };
        if is_intset || self.len() > self.limits.intset_entries {
            return Ok(());
        }
        let (mut compact, mut only_integers) = (Gathered::new(self.limits, Encoding::Intset), true);
        self.visit(|member| {
            only_integers = integer::parse(member).is_some();
            if only_integers {
                compact.insert(member)?;
            }
            Ok(only_integers)
        })?;
        if only_integers {
            *self = compact;
        }
        Ok(())
    }

    pub(super) fn into_members(self) -> Members {
        self.members
    }
}
