//! The layout of streams on arbitrary records, and the texts of ids.
//!
//! Decoding must not panic, and what decodes must read back from its own encoding; keys must come in the order of the ids in
//! them. The modules are compiled in here by their paths, as they stand alone and their crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/stream/id.rs"]
mod id;
#[path = "../../crates/data/src/integer.rs"]
mod integer;
#[path = "../../crates/data/src/stream/layout.rs"]
#[allow(dead_code, reason = "bounds of ranges are not read back")]
mod layout;

use id::{ID_TEXT_MAX, StreamId};

fuzz_target!(|input: (u64, u64, u64, &[u8], &[u8])| {
    let (ms, seq, number, name, bytes) = input;
    let id = StreamId { ms, seq };

    if let Some(header) = layout::decode_header(bytes) {
        assert_eq!(layout::encode_header(&header), bytes);
    }
    if let Some(group) = layout::decode_group(bytes) {
        assert_eq!(layout::encode_group(&group), bytes);
    }
    if let Some(consumer) = layout::decode_consumer(bytes) {
        assert_eq!(layout::encode_consumer(&consumer), bytes);
    }
    if let Some(pending) = layout::decode_pending(bytes) {
        assert_eq!(layout::encode_pending(&pending), bytes);
    }
    if let Some(node) = layout::decode_node(&layout::node_suffix(id), bytes) {
        assert_eq!((node.first, layout::encode_node(&node)), (id, bytes.to_vec()));
    }
    layout::decode_node(name, bytes);
    layout::decode_entry_suffix(bytes);
    layout::decode_group_suffix(bytes);
    layout::decode_consumer_suffix(bytes);
    layout::decode_last_id(bytes);

    assert_eq!(layout::decode_entry_suffix(&layout::entry_suffix(id)), Some(id));
    assert_eq!(layout::decode_group_suffix(&layout::group_suffix(name)), Some(name));
    assert_eq!(layout::decode_consumer_suffix(&layout::consumer_suffix(number, name)), Some(name));
    assert_eq!(layout::decode_last_id(&layout::pending_suffix(number, id)), Some(id));
    assert_eq!(layout::decode_last_id(&layout::owned_suffix(number, name, id)), Some(id));
    assert!(layout::entry_suffix(id) < layout::after_entry(id));
    if let Some(next) = id.next() {
        assert!(layout::pending_suffix(number, id) < layout::pending_suffix(number, next));
        assert_eq!(next.previous(), Some(id));
    }

    let mut buffer = [0; ID_TEXT_MAX];
    assert_eq!(StreamId::parse(id.text(&mut buffer), 0), Some(id));
    StreamId::parse(bytes, seq);
    StreamId::parse_open(bytes);
});
