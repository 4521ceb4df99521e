//! What the tier shows before, during and after commits.

use super::*;

fn element_key(element: &[u8]) -> RecordKey {
    tagged(ELEMENT_TAG, element, &[])
}

fn key(bytes: &[u8]) -> RecordKey {
    RecordKey::from_slice(bytes)
}

fn commit(tier: &HotTier, pending: &Pending) {
    let mut lookups = Lookups::default();
    tier.withdraw(pending, std::iter::empty(), &mut lookups);
    tier.publish(pending, &lookups);
}

#[test]
fn during_a_commit_neither_the_old_nor_the_new_record_is_seen() {
    let tier = HotTier::new(1 << 20);
    (0..100u32).for_each(|n| tier.fill(&key(&n.to_be_bytes()), Some(b"old")));
    let mut pending = Pending::new();
    // Of all sizes that an entry may have.
    let new = |n: u32| b"new".repeat(n as usize);
    (0..50u32).for_each(|n| pending.put(Family::Keys, n.to_be_bytes().to_vec(), new(n)));
    let seen = |n: u32| tier.get(&n.to_be_bytes()).flatten().map(|record| record.to_vec());
    let mut lookups = Lookups::default();
    tier.withdraw(&pending, std::iter::empty(), &mut lookups);
    assert!((0..50).all(|n| seen(n).is_none()));
    assert!((50..100).all(|n| seen(n).as_deref() == Some(b"old")));
    tier.publish(&pending, &lookups);
    assert!((0..50).all(|n| seen(n) == Some(new(n))));
}

#[test]
fn a_commit_replaces_and_removes_what_was_kept() {
    let tier = HotTier::new(1 << 20);
    tier.fill(&key(b"k"), Some(b"old"));
    tier.fill(&key(b"gone"), Some(b"old"));
    let mut pending = Pending::new();
    pending.put(Family::Keys, b"k".to_vec(), b"new".to_vec());
    pending.delete(Family::Keys, b"gone".to_vec());
    let read = pending.locate(b"read");
    pending.remember(read, Some(b"only"[..].into()));
    commit(&tier, &pending);
    assert_eq!(tier.get(b"k").flatten().as_deref(), Some(&b"new"[..]));
    assert_eq!(tier.get(b"gone").flatten().as_deref(), None);
    assert_eq!(tier.get(b"read").flatten().as_deref(), None);
}

#[test]
fn elements_follow_their_commits_and_are_not_taken_for_records_of_keys() {
    let tier = HotTier::new(1 << 20);
    tier.fill(&element_key(b"e"), Some(b"old"));
    tier.fill(&element_key(b"gone"), Some(b"old"));
    tier.fill(&key(b"e"), Some(b"a key"));
    let mut pending = Pending::new();
    pending.put(Family::Elements, b"e".to_vec(), b"new".to_vec());
    pending.put(Family::Elements, b"first".to_vec(), b"1".to_vec());
    pending.delete(Family::Elements, b"gone".to_vec());
    let mut lookups = Lookups::default();
    tier.withdraw(&pending, std::iter::empty(), &mut lookups);
    assert_eq!(tier.get(&element_key(b"e")).flatten().as_deref(), None);
    tier.publish(&pending, &lookups);
    assert_eq!(tier.get(&element_key(b"e")).flatten().as_deref(), Some(&b"new"[..]));
    assert_eq!(tier.get(&element_key(b"first")).flatten().as_deref(), Some(&b"1"[..]));
    assert_eq!(tier.get(&element_key(b"gone")).flatten().as_deref(), None);
    assert_eq!(tier.get(b"e").flatten().as_deref(), Some(&b"a key"[..]));
}

#[test]
fn of_scores_only_the_index_is_kept() {
    let (space, parts) = (SpaceId(1), Parts { version: 2, slot: 3 });
    let index = part_key(Family::Scores, space, parts, &[1, 9]).expect("a key");
    assert_eq!(element_of(&index), key::element(space, parts, &[1, 9]));
    assert_ne!(Some(&index), part_key(Family::Elements, space, parts, &[1, 9]).as_ref());
    assert_eq!(part_key(Family::Scores, space, parts, &[0, 9]), None);
    let tier = HotTier::new(1 << 20);
    let mut pending = Pending::new();
    pending.put(Family::Scores, key::element(space, parts, &[1, 9]), b"a node".to_vec());
    pending.put(Family::Scores, key::element(space, parts, &[0, 9]), b"a row".to_vec());
    commit(&tier, &pending);
    assert_eq!(tier.get(&index).flatten().as_deref(), Some(&b"a node"[..]));
    assert_eq!(tier.stats().records, 1);
}

#[test]
fn what_was_derived_goes_before_what_it_was_derived_from_changes() {
    let tier = HotTier::new(1 << 20);
    let keys = [b"a", b"b"].map(|suffix| derived_key(SpaceId(1), Parts { version: 2, slot: 3 }, suffix));
    keys.iter().for_each(|key| tier.fill(key, Some(b"rows")));
    let (pending, mut lookups) = (Pending::new(), Lookups::default());
    tier.withdraw(&pending, keys[..1].iter(), &mut lookups);
    assert_eq!(tier.get(&keys[0]).flatten().as_deref(), None);
    assert_eq!(tier.get(&keys[1]).flatten().as_deref(), Some(&b"rows"[..]));
    tier.publish(&pending, &lookups);
    assert_eq!(tier.get(&keys[0]).flatten().as_deref(), None);
}

#[test]
fn a_stamp_tells_of_every_commit_that_has_begun() {
    let tier = HotTier::new(1 << 20);
    let mut pending = Pending::new();
    pending.put(Family::Keys, b"k".to_vec(), b"1".to_vec());
    let read = pending.locate(b"read");
    pending.remember(read, Some(b"1"[..].into()));
    let (stamp, of_read, mut lookups) = (tier.stamp(b"k"), tier.stamp(b"read"), Lookups::default());
    assert!(tier.is_current(stamp));
    tier.withdraw(&pending, std::iter::empty(), &mut lookups);
    assert!(!tier.is_current(stamp));
    let stamp = tier.stamp(b"k");
    tier.publish(&pending, &lookups);
    assert!(tier.is_current(stamp));
    assert!(tier.is_current(of_read) || tier.stamp(b"k").place == of_read.place);
}

#[test]
fn slots_that_are_here_are_noted_and_the_others_left() {
    let tier = HotTier::new(1 << 20);
    let mut pending = Pending::new();
    let slots: Vec<_> = (0..100u32).map(|n| pending.locate(&n.to_be_bytes())).collect();
    (0..100u32).filter(|n| n % 3 == 0).for_each(|n| tier.fill(&key(&n.to_be_bytes()), Some(&[n as u8])));
    let mut left = slots.clone();
    tier.remember(&mut left, &mut pending, &mut Lookups::default());
    for (n, &slot) in slots.iter().enumerate() {
        let here = n % 3 == 0;
        assert_eq!(pending.known(slot), here.then_some(Some(&[n as u8][..])));
        assert_eq!(left.contains(&slot), !here);
    }
    assert_eq!(tier.lookups(), (34, 66));
}

#[test]
fn a_record_that_has_grown_too_long_does_not_stay_as_it_was() {
    let tier = HotTier::new(1 << 20);
    tier.fill(&key(b"k"), Some(b"old"));
    let mut pending = Pending::new();
    pending.put(Family::Keys, b"k".to_vec(), vec![0; RECORD_LEN_MAX + 1]);
    commit(&tier, &pending);
    assert_eq!(tier.get(b"k").flatten().as_deref(), None);
}

#[test]
fn it_stays_within_its_size_and_off_means_off() {
    let tier = HotTier::new(100_000);
    (0..10_000u32).for_each(|n| tier.fill(&key(&n.to_be_bytes()), Some(&[0; 100])));
    assert!(tier.stats().bytes <= 100_000 && tier.stats().records > 100);
    let off = HotTier::new(0);
    off.fill(&key(b"k"), Some(b"v"));
    assert_eq!(off.get(b"k").flatten().as_deref(), None);
}
