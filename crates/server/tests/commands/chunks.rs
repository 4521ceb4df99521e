//! Long strings, with offsets around the sizes at which a server that stores them in pieces has its seams.
//!
//! What the server holds is compared with a plain `Vec<u8>` to which the same was done.

use crate::harness::{Db, both, once};
use crate::wire::Reply;

/// Likely lengths of a piece, or multiples of them.
const SEAMS: [usize; 4] = [4 * 1024, 16 * 1024, 64 * 1024, 1024 * 1024];

/// Offsets close to a seam, on both sides.
const AROUND: [isize; 5] = [-2, -1, 0, 1, 2];

/// Bytes which tell where they lie.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| ((i / 256 + i * 31 + seed * 17) % 255 + 1) as u8).collect()
}

/// The whole value must be the model's.
#[track_caller]
fn check_whole(db: &mut Db<'_>, key: &str, model: &[u8]) {
    db.check(&format!("STRLEN {key}"), &format!(":{}", model.len()));
    let value = db.bytes(&format!("GET {key}"));
    if value != model {
        let at = value.iter().zip(model).position(|(a, b)| a != b).unwrap_or(value.len().min(model.len()));
        panic!("{key} ({} bytes) differs from the model ({} bytes) from byte {at} on", value.len(), model.len());
    }
}

fn write_at(model: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if model.len() < offset + bytes.len() {
        model.resize(offset + bytes.len(), 0);
    }
    model[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn near(seam: usize) -> impl Iterator<Item = usize> {
    AROUND.into_iter().map(move |by| seam.saturating_add_signed(by))
}

#[test]
fn values_of_lengths_around_the_seams_come_back_whole() {
    both(|db| {
        for len in SEAMS.into_iter().flat_map(near) {
            let model = pattern(len, len);
            db.check_bytes(&[b"SET", b"k", &model], "+OK");
            check_whole(db, "k", &model);
            let reply = db.call(&format!("GETRANGE k {} -1", len - 3));
            assert_eq!(reply, Reply::Bulk(model[len - 3..].to_vec()));
        }
        db.check("SET k short", "+OK");
        check_whole(db, "k", b"short");
    });
}

#[test]
fn getrange_across_the_seams() {
    both(|db| {
        let model = pattern(3 * 1024 * 1024, 1);
        db.check_bytes(&[b"SET", b"k", &model], "+OK");
        for seam in SEAMS {
            for start in near(seam) {
                for len in [1, 2, 3, seam, seam + 1] {
                    let end = (start + len - 1).min(model.len() - 1);
                    let reply = db.call(&format!("GETRANGE k {start} {end}"));
                    assert!(reply == Reply::Bulk(model[start..=end].to_vec()), "GETRANGE k {start} {end}");
                }
            }
        }
    });
}

#[test]
fn append_grows_a_string_across_the_seams() {
    both(|db| {
        let mut model = Vec::new();
        for (i, len) in [1, 4095, 1, 4096, 8191, 1, 3, 16 * 1024, 40_000, 64 * 1024 - 1, 2, 300_000, 1, 700_000]
            .into_iter()
            .enumerate()
        {
            let part = pattern(len, i);
            model.extend_from_slice(&part);
            db.check_bytes(&[b"APPEND", b"k", &part], &format!(":{}", model.len()));
            check_whole(db, "k", &model);
        }
    });
}

#[test]
fn setrange_within_across_and_beyond_the_seams() {
    both(|db| {
        for seam in SEAMS {
            let key = format!("k{seam}");
            let mut model = pattern(seam / 2, seam);
            db.check_bytes(&[b"SET", key.as_bytes(), &model], "+OK");
            for offset in near(seam) {
                for len in [1, 5, 5000] {
                    let part = pattern(len, offset + len);
                    write_at(&mut model, offset, &part);
                    let reply = db.wire.call(&[b"SETRANGE", key.as_bytes(), offset.to_string().as_bytes(), &part]);
                    assert_eq!(reply, Reply::Integer(model.len() as i64));
                }
            }
            check_whole(db, &key, &model);
        }
    });
}

#[test]
fn setrange_far_beyond_the_end_fills_with_zeroes() {
    both(|db| {
        let mut model = b"start".to_vec();
        db.check("SET k start", "+OK");
        write_at(&mut model, 2_500_000, b"end");
        db.check("SETRANGE k 2500000 end", ":2500003");
        check_whole(db, "k", &model);
        write_at(&mut model, 1_000_000, b"middle");
        db.check("SETRANGE k 1000000 middle", ":2500003");
        check_whole(db, "k", &model);
        db.check("BITCOUNT k", &format!(":{}", model.iter().map(|byte| byte.count_ones()).sum::<u32>()));
    });
}

#[test]
fn setbit_on_both_sides_of_the_seams() {
    both(|db| {
        let mut model = Vec::new();
        for byte in SEAMS.into_iter().flat_map(near) {
            for bit in [0, 7] {
                db.check(&format!("SETBIT k {} 1", byte * 8 + bit), ":0");
                if model.len() <= byte {
                    model.resize(byte + 1, 0);
                }
                model[byte] |= 0x80 >> bit;
            }
        }
        check_whole(db, "k", &model);
        db.check("BITCOUNT k", ":40");
        db.check("BITPOS k 1", &format!(":{}", (4 * 1024 - 2) * 8));
        db.check("BITCOUNT k 16384 65536", ":12");
        db.check("BITPOS k 1 70000", &format!(":{}", (1024 * 1024 - 2) * 8));
    });
}

#[test]
fn bitfield_across_a_seam() {
    both(|db| {
        for seam in SEAMS {
            let offset = seam * 8 - 20;
            db.check(
                &format!("BITFIELD k SET u40 {offset} 1099511627775 GET u40 {offset} INCRBY u40 {offset} 3"),
                "[:0 :1099511627775 :2]",
            );
        }
    });
}

#[test]
fn a_long_string_is_copied_renamed_moved_and_deleted_whole() {
    both(|db| {
        let mut model = pattern(1_500_000, 3);
        db.check_bytes(&[b"SET", b"a", &model], "+OK");
        db.check("COPY a b", ":1");
        db.check("RENAME a c", "+OK");
        check_whole(db, "b", &model);
        check_whole(db, "c", &model);
        // The copy has its own pieces.
        write_at(&mut model, 700_000, b"changed");
        db.check("SETRANGE b 700000 changed", ":1500000");
        check_whole(db, "b", &model);
        assert!(db.bytes("GETRANGE c 700000 700006") != b"changed");
        // A new, shorter value does not show the old one's pieces, not even when it grows again.
        db.check("SET b x", "+OK");
        db.check("SETRANGE b 1000000 y", ":1000001");
        let mut model = b"x".to_vec();
        write_at(&mut model, 1_000_000, b"y");
        check_whole(db, "b", &model);
        db.check("DEL b c", ":2");
        db.check("SETRANGE b 1000000 z", ":1000001");
        db.check("BITCOUNT b", ":5");
    });
}

#[test]
fn ten_megabytes_in_one_value() {
    both(|db| {
        let model = pattern(10 * 1024 * 1024, 9);
        db.check_bytes(&[b"SET", b"big", &model], "+OK");
        check_whole(db, "big", &model);
        db.check_bytes(&[b"APPEND", b"big", &model], ":20971520");
        let twice = [model.as_slice(), &model].concat();
        assert!(db.wire.call(&[b"GETSET", b"big", b"small"]) == Reply::Bulk(twice), "the value changed as it grew");
        db.check("DEL big", ":1");
    });
}

#[test]
fn a_hundred_megabytes_in_one_value() {
    once(|db| {
        let model = pattern(100 * 1024 * 1024, 5);
        db.check_bytes(&[b"SET", b"huge", &model], "+OK");
        check_whole(db, "huge", &model);
        db.check("DEL huge", ":1");
    });
}
