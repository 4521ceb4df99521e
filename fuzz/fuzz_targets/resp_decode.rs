//! The reply decoder on arbitrary bytes.
//!
//! It must not panic; a reply must be incomplete at every shorter length and unaffected by what follows it; and what was
//! decoded must read back from its own encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use resp::{Encoder, Protocol, REPLY_LINE_LEN_MAX, Value, decode};

fuzz_target!(|input: &[u8]| {
    let Ok(Some((value, len))) = decode(input) else {
        return;
    };
    assert!(len <= input.len());
    assert_eq!(decode(&input[..len]), Ok(Some((value.clone(), len))));
    for shorter in [len - 1, len / 2, 0] {
        assert_eq!(decode(&input[..shorter]), Ok(None));
    }

    // Encoding may change the value once (RESP2's nulls, bytes that are not UTF-8, blanks around a line), then no more.
    let bytes = encoded(&value, Protocol::Resp3);
    if bytes.len() > REPLY_LINE_LEN_MAX {
        // What replaces a byte that is not UTF-8 is longer, so a line may have outgrown its limit.
        return;
    }
    let again = whole(&bytes);
    assert_eq!(encoded(&again, Protocol::Resp3), bytes);
    whole(&encoded(&value, Protocol::Resp2));
});

fn encoded(value: &Value, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out, protocol));
    out
}

/// Decodes bytes that must be exactly one reply.
fn whole(bytes: &[u8]) -> Value {
    match decode(bytes) {
        Ok(Some((value, len))) if len == bytes.len() => value,
        other => panic!("not one whole reply: {other:?}"),
    }
}
