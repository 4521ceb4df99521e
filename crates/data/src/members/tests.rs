//! Walks that miss nothing, and draws that prefer nothing.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::testing::Db;

/// Members with their values, as records of one collection; hashes as they come.
fn filled(count: u32) -> (Db, Parts) {
    let mut db = Db::new();
    let mut tx = db.tx();
    let parts = tx.new_parts(b"collection");
    for number in 0..count {
        let member = number.to_string();
        let suffix = suffix(tx.keyspace().seed(), member.as_bytes());
        tx.put_part(parts, &suffix, member.repeat(2).into_bytes());
    }
    db.commit();
    (db, parts)
}

/// The same with hashes that the test chooses.
fn forged(members: &[(u32, &str)]) -> (Db, Parts) {
    let mut db = Db::new();
    let mut tx = db.tx();
    let parts = tx.new_parts(b"collection");
    for (hash, member) in members {
        tx.put_part(parts, &[&hash.to_be_bytes(), member.as_bytes()].concat(), Vec::new());
    }
    db.commit();
    (db, parts)
}

/// The members of one step of a walk, and where it goes on.
fn step(db: &Db, parts: Parts, from: u64, limit: usize) -> (Vec<String>, Option<u64>) {
    let mut seen = Vec::new();
    let next = walk(&db.view(), parts, from, limit, |member, _| {
        seen.push(String::from_utf8(member.to_vec()).expect("text"));
        Ok(true)
    });
    (seen, next.expect("a walk"))
}

#[test]
fn golden_suffix() {
    assert_eq!(suffix(7, b"member").len(), HASH_LEN + 6);
    assert_eq!(parse(&suffix(7, b"member")), Some((hash(7, b"member"), &b"member"[..])));
    assert_eq!(parse(b"\x01\x02\x03\x04m"), Some((0x0102_0304, &b"m"[..])));
    assert_eq!(parse(b"\0\0\0"), None);
    assert_eq!(suffix(0, b""), b"\x2d\x06\x80\x05");
}

#[test]
fn a_walk_in_steps_of_any_size_sees_every_member_once_with_its_value() {
    let (db, parts) = filled(2500);
    for limit in [1, 2, 10, 999, usize::MAX] {
        let (mut seen, mut from) = (BTreeMap::new(), Some(0));
        while let Some(hash) = from {
            from = walk(&db.view(), parts, hash, limit, |member, value| {
                let before = seen.insert(member.to_vec(), value.to_vec());
                assert_eq!(before, None, "{member:?} came twice");
                Ok(true)
            })
            .expect("a walk");
        }
        assert_eq!(seen.len(), 2500, "steps of {limit}");
        assert!(seen.iter().all(|(member, value)| *value == member.repeat(2)));
    }
}

#[test]
fn members_of_one_hash_come_together_whatever_the_limit_is() {
    let (db, parts) = forged(&[(1, "a"), (5, "b"), (5, "c"), (5, "d"), (u32::MAX, "e"), (u32::MAX, "f")]);
    assert_eq!(step(&db, parts, 0, 1), (vec!["a".to_owned()], Some(5)));
    assert_eq!(step(&db, parts, 0, 2).0, ["a", "b", "c", "d"]);
    assert_eq!(
        step(&db, parts, 5, 1),
        (vec!["b".to_owned(), "c".to_owned(), "d".to_owned()], Some(u64::from(u32::MAX)))
    );
    assert_eq!(step(&db, parts, u64::from(u32::MAX), 1), (vec!["e".to_owned(), "f".to_owned()], None));
    assert_eq!(step(&db, parts, 2, 1).0, ["b", "c", "d"]);
    for beyond in [1 << u32::BITS, u64::MAX] {
        assert_eq!(step(&db, parts, beyond, 10), (Vec::new(), None));
    }
}

#[test]
fn a_walk_stops_where_it_is_told_to_but_not_within_a_hash() {
    let (db, parts) = forged(&[(1, "a"), (5, "b"), (5, "c"), (7, "d")]);
    let mut seen = 0;
    let next = walk(&db.view(), parts, 0, usize::MAX, |member, _| {
        seen += 1;
        Ok(member != b"b")
    });
    assert_eq!((next.expect("a walk"), seen), (Some(7), 3));
}

#[test]
fn what_is_there_throughout_is_seen_while_others_come_and_go() {
    let (mut db, parts) = filled(1000);
    let seed = db.keyspace.seed();
    let (mut seen, mut from, mut round) = (HashMap::new(), Some(0), 0u32);
    while let Some(hash) = from {
        from = walk(&db.view(), parts, hash, 7, |member, _| {
            *seen.entry(member.to_vec()).or_insert(0) += 1;
            Ok(true)
        })
        .expect("a walk");
        // Odd members go, new ones come; the latter are not committed yet.
        let mut tx = db.tx();
        for number in 0..5 {
            tx.remove_part(parts, &suffix(seed, (2 * (5 * round + number) + 1).to_string().as_bytes()));
            tx.put_part(parts, &suffix(seed, format!("new:{round}:{number}").as_bytes()), Vec::new());
        }
        round += 1;
    }
    for number in (0..1000).step_by(2) {
        assert_eq!(seen.get(number.to_string().as_bytes()), Some(&1), "{number}");
    }
}

#[test]
fn other_values_are_not_walked_into() {
    let (mut db, parts) = forged(&[(1, "a"), (u32::MAX, "b")]);
    let neighbour = Parts { version: parts.version + 1, ..parts };
    db.tx().put_part(neighbour, b"\0\0\0\0x", Vec::new());
    assert_eq!(step(&db, parts, 0, 10), (vec!["a".to_owned(), "b".to_owned()], None));
    assert_eq!(step(&db, neighbour, 0, 10).0, ["x"]);
}

#[test]
fn a_record_without_a_hash_is_reported() {
    let (mut db, parts) = forged(&[]);
    db.tx().put_part(parts, b"\x01\x02", Vec::new());
    assert!(walk(&db.view(), parts, 0, 10, |_, _| Ok(true)).is_err());
    assert!(draw(&db.view(), parts, 1).is_err());
}

#[test]
fn every_member_is_drawn_equally_often() {
    // Around the sizes at which the stretches become narrower, and far beyond.
    for count in [1, 2, 5, 63, 64, 127, 128, 200, 1000, 5000] {
        let (db, parts) = filled(count);
        let view = db.view();
        let per_member = 40;
        let mut times = vec![0i64; count as usize];
        for _ in 0..per_member * count {
            let (member, value) = draw(&view, parts, u64::from(count)).expect("a draw").expect("a member");
            assert_eq!(value, member.repeat(2));
            let member: usize = String::from_utf8(member).expect("text").parse().expect("a number");
            times[member] += 1;
        }
        // Chi-square: about one per degree of freedom, with a deviation of the square root of twice as many.
        let expected = i64::from(per_member);
        let sum: f64 = times.iter().map(|&times| ((times - expected).pow(2)) as f64 / expected as f64).sum();
        let degrees = f64::from(count) - 1.0;
        assert!((sum - degrees).abs() <= 6.0 * (2.0 * degrees).sqrt(), "{count} members: {sum}");
    }
}

#[test]
fn of_neighbours_every_member_is_equally_often_the_first() {
    for are_used_up in [false, true] {
        let count = 700u32;
        let (db, parts) = filled(count);
        let view = db.view();
        let per_member = 8;
        let mut times = vec![0i64; count as usize];
        for _ in 0..per_member * count {
            let members = draw_neighbours(&view, parts, u64::from(count), are_used_up).expect("a draw");
            let first = members.last().expect("a member").clone();
            times[String::from_utf8(first).expect("text").parse::<usize>().expect("a number")] += 1;
        }
        let expected = i64::from(per_member);
        let sum: f64 = times.iter().map(|&times| ((times - expected).pow(2)) as f64 / expected as f64).sum();
        let degrees = f64::from(count) - 1.0;
        assert!((sum - degrees).abs() <= 6.0 * (2.0 * degrees).sqrt(), "used up: {are_used_up}: {sum}");
    }
}

#[test]
fn uneven_hashes_make_no_member_more_likely() {
    // One stands alone before a wide gap, the others close together: by the gap alone it would be drawn nearly always.
    let crowd: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let mut members: Vec<(u32, &str)> = (0u32..).zip(crowd.iter().map(String::as_str)).collect();
    members.push((u32::MAX - 5, "alone"));
    let (db, parts) = forged(&members);
    let drawn = (0..2000).filter(|_| {
        let (member, _) = draw(&db.view(), parts, 10).expect("a draw").expect("a member");
        member == b"alone"
    });
    let alone = drawn.count();
    assert!((120..280).contains(&alone), "{alone} of 2000");
}

#[test]
fn nothing_is_drawn_from_nothing() {
    let (db, parts) = forged(&[]);
    for total in [0, 1, 1000, u64::MAX] {
        assert_eq!(draw(&db.view(), parts, total).expect("a draw"), None);
    }
}
