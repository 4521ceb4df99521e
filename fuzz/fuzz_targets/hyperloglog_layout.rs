//! The bytes of HyperLogLogs, arbitrary ones too: clients can write what they like into a string.
//!
//! Nothing must panic. A register that is raised must be as high as it was raised to, and no other be changed, whenever the
//! runs make sense. The module is compiled in here by its path, as it stands alone and its crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/hyperloglog/layout.rs"]
mod layout;

use layout::{Encoding, HEADER_LEN, REGISTERS, RUN_VALUE_MAX, Raised};

/// What a sparse one may grow to, as with the default options.
const LEN_MAX: u64 = 3000;

fn values(bytes: &[u8]) -> Option<Vec<u8>> {
    let dense = layout::to_dense(bytes)?;
    assert_eq!(layout::encoding(&dense), Some(Encoding::Dense));
    Some((0..REGISTERS).map(|index| layout::dense_register(&dense[HEADER_LEN..], index)).collect())
}

fuzz_target!(|input: (Vec<(u16, u8)>, &[u8])| {
    let (raises, runs) = input;
    layout::encoding(runs);
    for start in [layout::empty(), [&layout::empty()[..HEADER_LEN], runs].concat()] {
        let mut bytes = start;
        assert_eq!(layout::encoding(&bytes), Some(Encoding::Sparse));
        layout::describe(&bytes);
        let mut model = values(&bytes);
        for &(index, value) in &raises {
            let (index, value) = (usize::from(index) % REGISTERS, value % RUN_VALUE_MAX + 1);
            let raised = layout::raise(&mut bytes, index, value, LEN_MAX);
            if let Some(model) = &mut model {
                assert_eq!(raised == Raised::No, model[index] >= value);
                assert_ne!(raised, Raised::Corrupt);
                if raised == Raised::Yes {
                    model[index] = value;
                }
            }
        }
        if model.is_some() {
            assert_eq!(values(&bytes), model);
        }
    }
});
