//! Payloads that were made to do harm. Nothing here may panic, take long or need much memory.

use proptest::prelude::*;

use super::super::*;
use super::{object, recorded};

/// Reads, whatever comes of it; but if it is a value, it has to be one that can be written and read again.
fn survive(body: &[u8]) {
    if let Ok(object) = read(body) {
        let again = dump(&object, &Limits::default());
        assert!(restore(&again).is_ok(), "{object:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_without_a_panic(kind in 0..28u8, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&[&[kind], &bytes[..]].concat());
    }

    /// Bytes of every container, within a string of the right length: so the readers of containers get them.
    #[test]
    fn any_container_is_read_without_a_panic(kind in 9..26u8, bytes in prop::collection::vec(any::<u8>(), 0..63)) {
        survive(&[&[kind, bytes.len() as u8], &bytes[..]].concat());
        survive(&[&[kind, 1, bytes.len() as u8], &bytes[..]].concat());
        survive(&[&[kind, 1, 2, bytes.len() as u8], &bytes[..]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_byte_does_no_harm(object in object(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut limits = Limits::default();
        for compress in [true, false] {
            limits.compress = compress;
            let mut payload = dump(&object, &limits);
            payload.truncate(payload.len() - FOOTER_LEN);
            let at = at.index(payload.len());
            payload[at] = byte;
            survive(&payload);
        }
    }
}

#[test]
fn recorded_payloads_survive_every_changed_byte_and_every_end() {
    for (name, payload, _) in recorded() {
        let body = body(&payload).expect(name);
        let step = 1 + body.len() / 300;
        for at in (0..body.len()).step_by(step) {
            survive(&body[..at]);
            for bits in [1, 0x80, 0xff] {
                let mut changed = body.to_vec();
                changed[at] ^= bits;
                survive(&changed);
            }
        }
    }
}

/// The reader refuses this, and in no time.
fn refused(body: &[u8]) {
    assert_eq!(read(body), Err(Error::Format), "{body:02x?}");
}

#[test]
fn counts_and_lengths_beyond_the_payload_are_refused() {
    for kind in [1, 2, 3, 4, 5, 14, 15, 18, 19, 21] {
        refused(&[kind, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        refused(&[kind, 0x80, 0x7f, 0xff, 0xff, 0xff]);
        refused(&[kind]);
    }
    // A string of nearly all bytes there can be, raw and compressed.
    refused(&[0, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 1]);
    refused(&[0, 0xc3, 3, 0x80, 0xff, 0xff, 0xff, 0xff, 0, b'a', 0]);
    refused(&[0, 0xc3, 3, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, b'a', 0]);
}

#[test]
fn a_small_payload_does_not_grow_without_a_limit() {
    // Repetitions of nothing but zeros: 264 bytes for three, so that 48 MiB would become more than 4 GiB.
    let mut compressed = vec![0, 0];
    for _ in 0..(16 << 20) {
        compressed.extend_from_slice(&[0xe0, 0xff, 0]);
    }
    let len = 1 + 264 * (16u64 << 20);
    let mut body = vec![0, 0xc3, 0x80];
    body.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
    body.push(0x81);
    body.extend_from_slice(&len.to_be_bytes());
    body.extend_from_slice(&compressed);
    refused(&body);
}

#[test]
fn names_that_come_twice_and_scores_that_are_no_number_are_refused() {
    refused(b"\x02\x02\x01a\x01a");
    refused(b"\x04\x02\x01a\x01v\x01a\x01v");
    refused(b"\x03\x02\x01a\x011\x01a\x012");
    refused(b"\x03\x01\x01a\xfd");
    refused(b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f");
    refused(b"\x03\x01\x01a\x03nan");
}

#[test]
fn empty_collections_are_refused() {
    for body in [&b"\x01\0"[..], b"\x02\0", b"\x03\0", b"\x04\0", b"\x05\0", b"\x0e\0", b"\x12\0"] {
        refused(body);
    }
    let listpack = b"\x07\x07\0\0\0\0\0\xff";
    for kind in [16, 17, 20] {
        refused(&[&[kind], &listpack[..]].concat());
    }
    refused(&[&[18, 1, 2], &listpack[..]].concat());
    refused(b"\x0b\x08\x02\0\0\0\0\0\0\0");
}
