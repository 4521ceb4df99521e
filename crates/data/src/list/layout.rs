//! How a list lies in records. Pure functions between bytes and structs; meaning is in the module above.
//!
//! | form   | header body                                                                     | where the elements are      |
//! |--------|---------------------------------------------------------------------------------|-----------------------------|
//! | inline | form (1), count (2), the elements, packed                                       | in the header               |
//! | blocks | form (1), head (8), length (8), entry bytes (8), next long id (8); with parts    | in `elements`               |
//!
//! The form byte has bit 0 QUICKLIST (what `OBJECT ENCODING` says) and bit 1 BLOCKS. *Entry bytes* is what the elements would
//! take as entries of Redis's listpack; all ones: not known. The elements of a list in blocks have consecutive indexes from `head`
//! on, around the middle of the 64 bits. Their records:
//!
//! | record | suffix                        | value                                                                         |
//! |--------|-------------------------------|-------------------------------------------------------------------------------|
//! | block  | 0 (1), index / 32 (8)         | first slot (1), bit 7: a mask (4) follows; the elements from that slot on, packed |
//! | long   | 1 (1), id (8)                 | the bytes of one element                                                      |
//!
//! A block has the elements with the indexes of its number, up to 32 of them. Only those between head and tail count: what was
//! popped stays until the block is written anew or goes as a whole, so a pop writes the header alone. A set bit of the mask
//! (bit *n* for slot *n*) says that the slot's element is longer than [`SHORT_LEN_MAX`]: in its place stands a mark, its length and the id
//! of its own record, as two LEB128 numbers. Ids are never used twice in a list, so marks move without what they stand for.
//!
//! On disk: changing any of it needs a new format version. Integers are big-endian.

use std::ops::Range;

use crate::packed;

/// The longest body of a list that lies in its header, in bytes.
pub const INLINE_LEN_MAX: usize = 1024;
/// The longest element that lies in a block, in bytes: so a block stays below about 4 KiB.
pub const SHORT_LEN_MAX: usize = 128;
/// Elements of a block.
pub const BLOCK_LEN: u64 = 32;
/// The index of the first element that a list ever has.
pub const INDEX_START: u64 = 1 << 63;
/// Indexes are below this, so that the end of the last block is still a number.
pub const INDEX_END: u64 = u64::MAX - BLOCK_LEN;

/// Bytes of an inline body before the elements.
pub const INLINE_HEAD_LEN: usize = 3;
const BLOCKS_BODY_LEN: usize = 33;
const ENTRY_BYTES_UNKNOWN: u64 = u64::MAX;

const QUICKLIST: u8 = 1;
const BLOCKS: u8 = 1 << 1;

const BLOCK_TAG: u8 = 0;
const LONG_TAG: u8 = 1;
const MASKED: u8 = 0x80;
const SLOT_MASK: u8 = (BLOCK_LEN - 1) as u8;
const MASK_LEN: usize = 4;

/// What a header body says of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The elements follow in the body, from [`INLINE_HEAD_LEN`] on.
    Inline {
        /// What `OBJECT ENCODING` says.
        quicklist: bool,
        /// How many elements.
        count: u16,
    },
    /// The elements are in blocks.
    Blocks(Extent),
}

/// A list in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// What `OBJECT ENCODING` says.
    pub quicklist: bool,
    /// The index of the first element.
    pub head: u64,
    /// How many elements.
    pub len: u64,
    /// What they would take as entries of a listpack, if that is known.
    pub entry_bytes: Option<u64>,
    /// The id of the next long element.
    pub next_long: u64,
}

impl Extent {
    /// The index after the last element's.
    pub fn tail(&self) -> u64 {
        self.head + self.len
    }

    /// The indexes of all elements.
    pub fn indexes(&self) -> Range<u64> {
        self.head..self.tail()
    }

    /// The header body.
    pub fn encode(&self) -> [u8; BLOCKS_BODY_LEN] {
        let mut body = [0; BLOCKS_BODY_LEN];
        body[0] = BLOCKS | if self.quicklist { QUICKLIST } else { 0 };
        let numbers = [self.head, self.len, self.entry_bytes.unwrap_or(ENTRY_BYTES_UNKNOWN), self.next_long];
        for (bytes, number) in body[1..].chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        body
    }
}

/// Begins the body of an inline list; its elements are pushed behind.
pub fn begin_inline(body: &mut Vec<u8>, quicklist: bool, count: u16) {
    body.push(if quicklist { QUICKLIST } else { 0 });
    body.extend_from_slice(&count.to_be_bytes());
}

/// Reads a header body.
pub fn decode(body: &[u8]) -> Option<Shape> {
    let &form = body.first()?;
    let quicklist = form & QUICKLIST != 0;
    match form & !QUICKLIST {
        0 => {
            let count = u16::from_be_bytes(*body.get(1..)?.first_chunk::<2>()?);
            (count > 0 && body.len() <= INLINE_LEN_MAX).then_some(Shape::Inline { quicklist, count })
        }
        BLOCKS if body.len() == BLOCKS_BODY_LEN => {
            let number = |at: usize| body.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
            let entry_bytes = Some(number(17)?).filter(|&bytes| bytes != ENTRY_BYTES_UNKNOWN);
            let extent = Extent { quicklist, head: number(1)?, len: number(9)?, entry_bytes, next_long: number(25)? };
            let fits = extent.head.checked_add(extent.len).is_some_and(|tail| tail <= INDEX_END);
            (fits && extent.len > 0).then_some(Shape::Blocks(extent))
        }
        _ => None,
    }
}

/// The block of an index.
pub fn block_of(index: u64) -> u64 {
    index / BLOCK_LEN
}

/// The suffix of a block.
pub fn block_suffix(number: u64) -> [u8; 9] {
    tagged(BLOCK_TAG, number)
}

/// The number of the block with a suffix.
pub fn decode_block_suffix(suffix: &[u8]) -> Option<u64> {
    let (&tag, number) = suffix.split_first()?;
    (tag == BLOCK_TAG).then(|| number.try_into().ok().map(u64::from_be_bytes))?
}

/// The suffix of a long element.
pub fn long_suffix(id: u64) -> [u8; 9] {
    tagged(LONG_TAG, id)
}

fn tagged(tag: u8, number: u64) -> [u8; 9] {
    let mut suffix = [tag; 9];
    suffix[1..].copy_from_slice(&number.to_be_bytes());
    suffix
}

/// An element that has its own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Long {
    /// Its length in bytes.
    pub len: u64,
    /// Which record.
    pub id: u64,
}

/// What a block has for an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// The element.
    Short(&'a [u8]),
    /// Where it is.
    Long(Long),
}

/// A block that was read, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The slot of its first element.
    first: u8,
    mask: u32,
    packed: &'a [u8],
}

impl<'a> Block<'a> {
    /// The value of a block's record.
    pub fn decode(value: &'a [u8]) -> Option<Block<'a>> {
        let (&lead, rest) = value.split_first()?;
        let first = lead & SLOT_MASK;
        match lead & !SLOT_MASK {
            0 => Some(Block { first, mask: 0, packed: rest }),
            MASKED => {
                let (mask, packed) = rest.split_first_chunk::<MASK_LEN>()?;
                Some(Block { first, mask: u32::from_be_bytes(*mask), packed })
            }
            _ => None,
        }
    }

    /// Bytes of its elements, packed.
    pub fn packed_len(&self) -> usize {
        self.packed.len()
    }

    /// The part of a block with the slots of a range. None if the block does not have them all.
    pub fn cut(&self, slots: Range<u64>) -> Option<Block<'a>> {
        let mut strings = packed::strings(self.packed);
        let skipped =
            slots.start.checked_sub(u64::from(self.first)).filter(|_| slots.start.max(slots.end) <= BLOCK_LEN)?;
        for _ in 0..skipped {
            strings.next()?;
        }
        let from = strings.rest();
        for _ in slots.clone() {
            strings.next()?;
        }
        let packed = &from[..from.len() - strings.rest().len()];
        Some(Block { first: slots.start as u8, mask: self.mask, packed })
    }

    /// The element of a slot.
    pub fn get(&self, slot: u64) -> Option<Element<'a>> {
        let skipped = slot.checked_sub(u64::from(self.first))?;
        self.elements().nth(usize::try_from(skipped).ok()?)?
    }

    /// The elements, in order. None for one whose mark makes no sense, and the end where the bytes make none.
    pub fn elements(&self) -> impl Iterator<Item = Option<Element<'a>>> + use<'a> {
        let mask = self.mask;
        (self.first..BLOCK_LEN as u8).zip(packed::strings(self.packed)).map(move |(slot, string)| {
            if mask & 1 << slot == 0 { Some(Element::Short(string)) } else { decode_mark(string).map(Element::Long) }
        })
    }
}

fn decode_mark(mut mark: &[u8]) -> Option<Long> {
    let len = packed::take_number(&mut mark)?;
    let id = packed::take_number(&mut mark)?;
    mark.is_empty().then_some(Long { len, id })
}

/// A block that is put together.
#[derive(Debug)]
pub struct Draft {
    value: Vec<u8>,
    mask: u32,
    /// The slot of the next element.
    next: u64,
}

impl Draft {
    /// A block whose first element has an index.
    pub fn new(first_index: u64) -> Draft {
        let slot = first_index % BLOCK_LEN;
        Draft { value: vec![slot as u8], mask: 0, next: slot }
    }

    /// Makes room for more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.value.reserve(bytes);
    }

    /// The next element.
    pub fn push(&mut self, element: Element<'_>) {
        debug_assert!(self.next < BLOCK_LEN, "a block has 32 slots");
        match element {
            Element::Short(bytes) => packed::push(&mut self.value, bytes),
            Element::Long(Long { len, id }) => {
                let mut mark = Vec::new();
                packed::push_number(&mut mark, len);
                packed::push_number(&mut mark, id);
                packed::push(&mut self.value, &mark);
                self.mask |= 1 << self.next;
            }
        }
        self.next += 1;
    }

    /// The elements of slots of a block that was there before; the first of them is the next slot.
    pub fn push_cut(&mut self, block: &Block<'_>, slots: Range<u64>) -> Option<()> {
        if slots.is_empty() {
            return Some(());
        }
        debug_assert_eq!(self.next, slots.start, "elements keep their slots");
        self.value.extend_from_slice(block.cut(slots.clone())?.packed);
        self.mask |= slots.clone().map(|slot| block.mask & 1 << slot).sum::<u32>();
        self.next = slots.end;
        Some(())
    }

    /// The value of the record.
    pub fn finish(mut self) -> Vec<u8> {
        if self.mask != 0 {
            self.value[0] |= MASKED;
            self.value.splice(1..1, self.mask.to_be_bytes());
        }
        self.value
    }
}
