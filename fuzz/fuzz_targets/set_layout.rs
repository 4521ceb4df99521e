//! The layout of sets on arbitrary bodies and members.
//!
//! Decoding must not panic; what decodes must read back from its own encoding, and integers that are in order must be found
//! among themselves. The module is compiled in here by its path, as it stands alone and its crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/set/layout.rs"]
mod layout;

use layout::Body;

fuzz_target!(|input: (Vec<i64>, &[u8])| {
    let (mut sorted, bytes) = input;

    match layout::decode(bytes) {
        Some(Body::Integers(integers)) => {
            let all: Vec<i64> = integers.iter().collect();
            assert_eq!(all.len(), integers.len());
            if all.is_sorted() {
                assert!(all.iter().all(|&number| integers.contains(number)));
                // The same numbers may have been written wider than they have to be.
                assert!(layout::encode_integers(&all).len() <= bytes.len());
            }
        }
        Some(Body::Strings { count, packed }) => {
            assert_eq!(layout::encode_strings(count, packed).as_deref(), Some(bytes));
        }
        Some(Body::Parts { encoding, count }) => assert_eq!(layout::encode_parts(encoding, count), bytes),
        None => {}
    }

    sorted.sort_unstable();
    sorted.dedup();
    let body = layout::encode_integers(&sorted);
    assert_eq!(body.len(), 1 + layout::integers_len(&sorted));
    let Some(Body::Integers(integers)) = layout::decode(&body) else { panic!("not integers") };
    assert!(integers.iter().eq(sorted.iter().copied()));
    assert!(sorted.iter().enumerate().all(|(index, &number)| integers.get(index) == Some(number)));
});
