//! The layout of lists on arbitrary records, and on blocks of arbitrary elements.
//!
//! Decoding must not panic, and what decodes must read back from its own encoding; a cut of a block must have the elements of its
//! slots. The modules are compiled in here by their paths, as they stand alone and their crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/list/layout.rs"]
mod layout;
#[path = "../../crates/data/src/packed.rs"]
mod packed;

use layout::{BLOCK_LEN, Block, Draft, Element, Long, SHORT_LEN_MAX, Shape};

fuzz_target!(|input: (&[u8], Vec<&[u8]>, u64, u64, u64)| {
    let (bytes, elements, first, from, to) = input;

    if let Some(Shape::Blocks(extent)) = layout::decode(bytes) {
        assert_eq!(extent.encode(), bytes);
        assert!(extent.tail() > extent.head);
    }
    if let Some(number) = layout::decode_block_suffix(bytes) {
        assert_eq!(layout::block_suffix(number), bytes);
    }
    if let Some(block) = Block::decode(bytes) {
        let _ = block.get(from);
        if let Some(cut) = block.cut(from..to) {
            let slots = from..to.max(from);
            assert_eq!(cut.elements().count() as u64, slots.end - slots.start);
            for (slot, element) in slots.zip(cut.elements()) {
                assert_eq!(block.get(slot), element);
            }
        }
    }

    let first = first % BLOCK_LEN;
    let count = elements.len().min((BLOCK_LEN - first) as usize);
    let expected: Vec<Element<'_>> = (0..)
        .zip(&elements[..count])
        .map(|(id, bytes)| match bytes.len() {
            0..=SHORT_LEN_MAX => Element::Short(bytes),
            len => Element::Long(Long { len: len as u64, id }),
        })
        .collect();
    let mut draft = Draft::new(first);
    expected.iter().for_each(|element| draft.push(*element));
    let value = draft.finish();
    let block = Block::decode(&value).expect("a block that was just made");
    assert!(block.elements().map(Option::unwrap).eq(expected.iter().copied()));

    // Written anew in two pieces, it is the same.
    let middle = first + from % (count as u64 + 1);
    let end = first + count as u64;
    let mut again = Draft::new(first);
    assert!(again.push_cut(&block, first..middle).is_some());
    assert!(again.push_cut(&block, middle..end).is_some());
    assert_eq!(again.finish(), value);
});
