//! The layout of hashes on arbitrary bodies, records and suffixes.
//!
//! Decoding must not panic, and what decodes must read back from its own encoding; entries must cover the body that
//! they were read from, in order. The modules are compiled in here by their paths, as they stand alone and their crate
//! would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/hash/layout.rs"]
mod layout;
#[path = "../../crates/data/src/packed.rs"]
mod packed;

use layout::{ENTRIES_AT, Form, INLINE_LEN_MAX};

fuzz_target!(|bytes: &[u8]| {
    if let Some((form, count)) = layout::decode_count(bytes) {
        assert_eq!(layout::encode_count(form, count), bytes);
    }
    if let Some((expire_at_ms, value)) = layout::decode_value(bytes) {
        assert_eq!(layout::encode_value(value, expire_at_ms), bytes);
    }
    if let Some((expire_at_ms, field)) = layout::decode_time(bytes) {
        assert_eq!(layout::encode_time(expire_at_ms, field), bytes);
    }

    let Some(form) = Form::decode(bytes) else { return };
    let mut entries = layout::entries(bytes, form);
    let (mut at, mut again) = (ENTRIES_AT, vec![form.encode()]);
    for (entry, range) in entries.by_ref() {
        assert_eq!(range.start, at);
        assert!(range.end > at && range.end <= bytes.len());
        at = range.end;
        let before = again.len();
        layout::push_entry(&mut again, form, &entry);
        assert_eq!(again.len() - before, layout::entry_len(form, &entry));
    }
    assert_eq!(entries.is_whole(), at == bytes.len());

    // Numbers may have been written longer than needed, but what was read is what was meant.
    let all = |body| layout::entries(body, form).map(|(entry, _)| entry);
    assert!(all(bytes).eq(all(&again)));
    if entries.is_whole() && bytes.len() <= INLINE_LEN_MAX {
        assert!(again.len() <= bytes.len());
    }
});
