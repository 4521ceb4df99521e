//! What a part of the tier keeps, in how much memory.

use super::*;

const CAPACITY: u64 = 100 * ENTRY_BYTES_MIN;
/// What an entry of two units takes.
const ENTRY_BYTES_TWO: u64 = UNIT_BYTES + ENTRY_BYTES_MIN;

fn key(n: u32) -> RecordKey {
    RecordKey::from_slice(&n.to_be_bytes())
}

fn fragment(n: u32) -> u32 {
    n.wrapping_mul(0x9e37_79b9).wrapping_add(1)
}

fn put(shard: &mut Shard, n: u32, record: &[u8]) {
    shard.put(fragment(n), &key(n), Some(record.into()));
}

fn get(shard: &mut Shard, n: u32) -> Option<Vec<u8>> {
    let id = shard.locate(fragment(n));
    shard.get(id, &key(n)).flatten().map(|record| record.to_vec())
}

#[test]
fn a_record_is_set_replaced_and_removed() {
    let mut shard = Shard::new(CAPACITY);
    put(&mut shard, 1, b"a");
    put(&mut shard, 1, &[7; 300]);
    put(&mut shard, 2, b"b");
    assert_eq!(get(&mut shard, 1), Some(vec![7; 300]));
    shard.remove(fragment(1), &key(1));
    assert_eq!((get(&mut shard, 1), get(&mut shard, 2)), (None, Some(b"b".to_vec())));
    assert_eq!((shard.len(), shard.bytes()), (1, ENTRY_BYTES_MIN));
}

#[test]
fn what_is_known_to_be_absent_is_told_until_it_is_set_or_hidden() {
    let mut shard = Shard::new(CAPACITY);
    shard.put(fragment(1), &key(1), None);
    let id = shard.locate(fragment(1));
    assert_eq!(shard.get(id, &key(1)).map(|known| known.is_none()), Some(true));
    shard.hide(fragment(1));
    assert!(shard.get(id, &key(1)).is_none());
    put(&mut shard, 1, b"a");
    assert_eq!(get(&mut shard, 1), Some(b"a".to_vec()));
}

#[test]
fn keys_that_agree_in_the_hash_displace_each_other_and_are_never_taken_for_each_other() {
    let mut shard = Shard::new(CAPACITY);
    shard.put(5, &key(1), Some(b"a"[..].into()));
    let id = shard.locate(5);
    assert!(shard.get(id, &key(2)).is_none());
    shard.remove(5, &key(2));
    assert!(shard.get(id, &key(1)).is_some());
    shard.put(5, &key(2), Some(b"b"[..].into()));
    assert!(shard.get(id, &key(1)).is_none());
    assert_eq!(shard.get(id, &key(2)).flatten().map(|record| record.to_vec()), Some(b"b".to_vec()));
    assert_eq!(shard.len(), 1);
}

#[test]
fn a_scan_does_not_push_out_what_is_used() {
    let mut shard = Shard::new(CAPACITY);
    for n in 0..50 {
        put(&mut shard, n, b"used");
        get(&mut shard, n);
    }
    // Two passes: in the first the used ones get into the main queue.
    for n in 1000..11_000 {
        put(&mut shard, n, b"scanned");
        if n % 100 == 0 {
            (0..50).for_each(|n| drop(get(&mut shard, n)));
        }
    }
    let kept = (0..50).filter(|&n| get(&mut shard, n).is_some()).count();
    assert_eq!(kept, 50);
    assert!(shard.bytes() <= CAPACITY);
}

#[test]
fn what_comes_back_soon_after_its_eviction_stays() {
    let mut shard = Shard::new(CAPACITY);
    put(&mut shard, 7, b"back");
    (100..300).for_each(|n| put(&mut shard, n, b"x"));
    assert_eq!(get(&mut shard, 7), None);
    put(&mut shard, 7, b"back");
    (300..350).for_each(|n| put(&mut shard, n, b"x"));
    assert_eq!(get(&mut shard, 7), Some(b"back".to_vec()));
}

#[test]
fn memory_is_bounded_when_keys_come_and_go_without_an_eviction() {
    let mut shard = Shard::new(CAPACITY);
    for n in 0..100_000 {
        put(&mut shard, n, b"x");
        shard.remove(fragment(n), &key(n));
    }
    assert_eq!((shard.len(), shard.bytes()), (0, 0));
    assert!(shard.small.len() + shard.main.len() <= 2 * STALE_MAX);
    assert!(shard.slab.units() <= 512);
}

/// Keys of several lengths, two of each fragment.
fn model_key(n: u32) -> RecordKey {
    RecordKey::from_vec([&n.to_be_bytes()[..], &vec![n as u8; [0, 12, 46, 130][n as usize / 2 % 4]]].concat())
}

/// What a key may be found to hold: nothing is told of what is not there.
#[derive(Debug, PartialEq)]
enum Model {
    Hidden,
    Known(Option<Vec<u8>>),
}

#[test]
fn random_changes_agree_with_a_map_that_forgets_nothing() {
    let mut shard = Shard::new(CAPACITY);
    let mut model = std::collections::HashMap::new();
    let mut state = 1u64;
    for step in 0..400_000u32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let n = (state >> 33) as u32 % 300;
        let (fragment, key) = (fragment(n / 2), model_key(n));
        match state >> 60 {
            0..4 => {
                let record = (step % 7 > 0).then(|| vec![step as u8; (step % 200) as usize]);
                shard.put(fragment, &key, record.as_deref().map(RecordValue::from));
                model.insert(n, Model::Known(record));
            }
            4 => {
                shard.remove(fragment, &key);
                model.remove(&n);
            }
            5 => {
                // It hides the other one of this fragment as well, which nobody misses.
                shard.hide(fragment);
                model.insert(n, Model::Hidden);
            }
            _ => {
                let id = shard.locate(fragment);
                if let Some(found) = shard.get(id, &key) {
                    assert_eq!(model.get(&n), Some(&Model::Known(found.map(|record| record.to_vec()))));
                }
            }
        }
        assert!(shard.bytes() <= CAPACITY);
        if step % 1000 == 0 {
            check(&shard);
        }
    }
    check(&shard);
}

/// Every entry is found, counted, and stands in its queue.
fn check(shard: &Shard) {
    let entries = shard.slab.check();
    assert_eq!(entries.len(), shard.len());
    assert_eq!(entries.iter().map(|&id| shard.weight(id)).sum::<u64>(), shard.bytes());
    let heads: Vec<_> = entries.iter().map(|&id| (id, *shard.slab.head(id).expect("an entry"))).collect();
    let small = heads.iter().filter(|(_, head)| head.place == Place::Small);
    assert_eq!(small.map(|&(id, _)| shard.weight(id)).sum::<u64>(), shard.small_bytes);
    for (id, head) in heads {
        assert_eq!(shard.locate(head.fragment()), id);
        let queue = if head.place == Place::Small { &shard.small } else { &shard.main };
        assert!(queue.contains(&head.fragment()));
    }
}

#[test]
fn a_record_may_grow_and_shrink_and_stays_hidden_until_it_is_set() {
    let mut shard = Shard::new(CAPACITY);
    put(&mut shard, 2, b"other");
    for len in [10, 60, 300, 10, 300, 60, 0, 60] {
        put(&mut shard, 1, &vec![len as u8; len]);
        assert_eq!(get(&mut shard, 1), Some(vec![len as u8; len]));
        let other = ENTRY_BYTES_MIN;
        let long = (len == 300) as u64 * 316;
        let two = if len == 60 { ENTRY_BYTES_TWO } else { ENTRY_BYTES_MIN };
        assert_eq!((shard.len(), shard.bytes()), (2, other + two + long));
        shard.hide(fragment(1));
        put(&mut shard, 3, &vec![3; len]);
        assert_eq!((get(&mut shard, 1), get(&mut shard, 3)), (None, Some(vec![3; len])));
        shard.remove(fragment(3), &key(3));
        check(&shard);
    }
}

#[test]
fn bytes_and_memory_are_bounded_as_the_load_changes_from_short_to_long_and_back() {
    const BYTES_MAX: u64 = 8 << 20;
    const CHUNK_BYTES: u64 = 1 << 20;
    let mut shard = Shard::new(BYTES_MAX);
    let mut n = 0;
    for round in 0..3 {
        for len in [10, 60, 10, 300, 60, 3000, 10] {
            for step in 0..150_000u32 {
                n += 1;
                // Some are used, and stay for long; in the last round lengths are mixed.
                let len = if round == 2 && step % 3 == 0 { 10 } else { len };
                put(&mut shard, n, &vec![1; len]);
                if step % 3 == 0 {
                    get(&mut shard, n - step % 1000);
                }
                assert!(shard.bytes() <= BYTES_MAX);
            }
            let units = shard.slab.units() as u64 * UNIT_BYTES;
            let entries = shard.slab.check();
            let used: u64 = entries.iter().map(|&id| shard.slab.weight(id)).sum();
            let heap = used - entries.iter().map(|&id| shard.slab.weight(id).min(2 * UNIT_BYTES)).sum::<u64>();
            assert!(units + heap <= BYTES_MAX + 2 * CHUNK_BYTES, "{len}: {units} and {heap}");
            assert!(shard.bytes() > BYTES_MAX * 9 / 10);
        }
        check_bytes(&shard);
    }
}

/// As [`check`], without the queues, which would take long.
fn check_bytes(shard: &Shard) {
    let entries = shard.slab.check();
    assert_eq!(entries.len(), shard.len());
    assert_eq!(entries.iter().map(|&id| shard.weight(id)).sum::<u64>(), shard.bytes());
    assert!(shard.small.len() + shard.main.len() <= 2 * shard.len() + STALE_MAX);
}
