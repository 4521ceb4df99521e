//! The layout of sorted sets on arbitrary records, scores and members.
//!
//! Decoding must not panic, and what decodes must read back from its own encoding; rows must order as scores and members do.
//! The modules are compiled in here by their paths, as they stand alone and their crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/zset/layout.rs"]
mod layout;
#[path = "../../crates/data/src/packed.rs"]
mod packed;

use layout::Body;

fuzz_target!(|input: (f64, f64, &[u8], &[u8])| {
    let (a, b, one, other) = input;

    match layout::decode_body(one) {
        Some(Body::Large(shape)) => assert_eq!(&layout::encode_shape(&shape)[..], one),
        Some(Body::Inline(entries)) => {
            let mut copy = layout::empty_body();
            let mut strings = packed::strings(entries);
            let mut len = 1;
            for (score, member) in strings.by_ref().map_while(layout::decode_entry) {
                layout::push_entry(&mut copy, score, member);
                len += layout::entry_len(member.len());
            }
            assert_eq!(copy.len(), len);
        }
        None => {}
    }
    let _ = layout::decode_score(one);
    let _ = layout::decode_entry(one);
    let _ = layout::decode_row(one, other);
    let mut node = one[..one.len().min(1)].to_vec();
    for child in layout::children(one) {
        assert!(child.bytes.end <= one.len());
        layout::push_child(&mut node, child.boundary, child.rows);
    }
    let read = layout::children(&node).map(|child| (child.boundary.to_vec(), child.rows));
    assert!(read.eq(layout::children(one).map(|child| (child.boundary.to_vec(), child.rows))));
    if let Some(turn) = layout::way_to_row(one, other) {
        assert!(turn.child.bytes.end <= one.len() && turn.child.boundary <= other);
        assert!(turn.end.is_none_or(|end| end > other));
    }
    if let Some(turn) = layout::way_to_rank(one, u64::from(a.to_bits() as u16)) {
        assert!(turn.before <= u64::from(a.to_bits() as u16) && turn.child.bytes.end <= one.len());
    }
    assert!(layout::run_rows_below(one, other) <= one.len() as u64);

    if a.is_nan() || b.is_nan() {
        return;
    }
    assert_eq!(layout::decode_score(&layout::encode_score(a)).map(f64::to_bits), Some(a.to_bits()));
    let (first, second) = (layout::row(a, one), layout::row(b, other));
    let expected = a.partial_cmp(&b).map(|order| order.then_with(|| one.cmp(other)));
    assert_eq!(Some(first.cmp(&second)), expected);
    let (score, member) = layout::decode_row(&first, layout::row_value(a)).expect("a row");
    assert_eq!((score.to_bits(), member), (a.to_bits(), one));
    assert!(first[..] >= layout::row_bound(layout::place(a))[..]);
    assert!(first[..] < layout::row_bound(layout::place(a) + 1)[..]);
});
