//! Payloads that a Redis 7.0 wrote (`record.py` in this folder asked it), and payloads that nobody wrote.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

mod hostile;
mod later;

/// Names, payloads, and what follows them.
fn recorded() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    include_str!("recorded")
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().expect("a name");
            (name, unhex(words.next().expect("a payload")), words.next())
        })
        .collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same value, its unordered parts in one order.
fn sorted(mut object: Object) -> Object {
    match &mut object {
        Object::Set(members) => members.sort(),
        Object::Zset(scored) => scored.sort_by(|a, b| a.0.cmp(&b.0)),
        Object::Hash(fields) => fields.sort_by(|a, b| a.name.cmp(&b.name)),
        Object::Stream(stream) => stream.groups.sort_by(|a, b| a.name.cmp(&b.name)),
        Object::String(_) | Object::List(_) => {}
    }
    object
}

#[test]
fn what_redis_wrote_is_read_and_written_as_redis_wrote_it() {
    let limits = Limits::default();
    let mut exact = 0;
    for (name, payload, also) in recorded() {
        let object = restore(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = dump(&object, &limits);
        if also == Some("exact") {
            assert_eq!(hex(&again), hex(&payload), "{name}");
            exact += 1;
        }
        assert_eq!(sorted(restore(&again).expect(name)), sorted(object), "{name}");
    }
    assert!(exact > 70, "{exact}");
}

#[test]
fn what_old_versions_wrote_is_the_value_that_redis_makes_of_it() {
    let mut compared = 0;
    for (name, payload, now) in recorded() {
        if let Some(now) = now.filter(|_| name.starts_with("old-")) {
            let (object, expected) = (restore(&payload).expect(name), restore(&unhex(now)).expect(name));
            assert_eq!(sorted(object), sorted(expected), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
}

fn recorded_value(wanted: &str) -> Object {
    let (_, payload, _) = recorded().into_iter().find(|(name, ..)| *name == wanted).expect(wanted);
    restore(&payload).expect(wanted)
}

#[test]
fn values_are_what_clients_gave() {
    assert_eq!(recorded_value("string-int8"), Object::String(b"-128".to_vec()));
    assert_eq!(recorded_value("string-overlapping"), Object::String(b"ab".repeat(500)));
    let Object::List(list) = recorded_value("list-kinds") else { panic!("a list") };
    assert_eq!(list[15], b"-9223372036854775808");
    assert_eq!((list.len(), list[20].len(), &list[23][..]), (24, 4095, &b"end"[..]));
    let Object::Zset(mut zset) = recorded_value("zset-compact") else { panic!("a zset") };
    zset.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(zset[1], (b"a".to_vec(), 1.0));
    assert_eq!(zset[4], (b"d".to_vec(), f64::INFINITY));
    let Object::Stream(stream) = recorded_value("stream-groups") else { panic!("a stream") };
    let [group, later] = &stream.groups[..] else { panic!("two groups") };
    assert_eq!((&group.name[..], &later.name[..], later.entries_read), (&b"group"[..], &b"later"[..], None));
    assert_eq!((stream.entries.len(), stream.entries_added, stream.first_id), (15, 20, (5, 6)));
    let names: Vec<&[u8]> = group.consumers.iter().map(|consumer| &consumer.name[..]).collect();
    assert_eq!(names, [&b"alpha"[..], b"beta", b"idle"]);
    let owners: Vec<(u64, usize, u64)> = group.pending.iter().map(|p| (p.id.1, p.consumer, p.deliveries)).collect();
    assert_eq!(owners, [(6, 1, 1), (8, 1, 1), (9, 1, 1), (10, 1, 2), (11, 0, 1), (12, 0, 1)]);
}

#[test]
fn the_footer_is_checked() {
    let payload = dump(&Object::String(b"value".to_vec()), &Limits::default());
    assert_eq!(hex(&payload[..8]), "000576616c75650a");
    for at in 0..payload.len() {
        let mut changed = payload.clone();
        changed[at] ^= 1;
        assert_eq!(restore(&changed), Err(Error::Footer), "{at}");
    }
    for len in 0..payload.len() {
        assert_eq!(restore(&payload[..len]), Err(Error::Footer), "{len}");
    }
    assert_eq!(restore(&signed_body(b"\0\x01v", VERSION_MAX)), Ok(Object::String(b"v".to_vec())));
    assert_eq!(restore(&signed_body(b"\0\x01v", VERSION_MAX + 1)), Err(Error::Footer));
}

/// A body with its footer.
fn signed_body(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    let checksum = CHECKSUM.checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => (-200..200i64).prop_map(|number| number.to_string().into_bytes()),
        1 => (0..3000usize, 1..4u8).prop_map(|(len, period)| (0..len).map(|n| n as u8 % period).collect()),
        1 => prop::sample::select(vec![63, 64, 4095, 4096, 16_383, 16_384]).prop_map(|len| vec![7; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    let special = prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 5e18, -5e18, 0.1]);
    prop_oneof![special, any::<f64>().prop_filter("a score", |score| !score.is_nan()), (-9..9i32).prop_map(f64::from)]
}

fn stream() -> impl Strategy<Value = Stream> {
    let fields = prop::collection::vec((prop::sample::select(vec![&b"a"[..], b"b"]), bytes()), 1..3);
    let id = || (1..400u64, prop_oneof![0..3u64, Just(u64::MAX)]);
    let group = (bytes(), id(), prop::option::of(0..9u64), prop::collection::btree_map(id(), 0..3usize, 0..20));
    let entries = prop::collection::btree_map(id(), fields, 0..250);
    (entries, prop::collection::vec(group, 0..3)).prop_map(|(entries, groups)| {
        let entry = |(id, fields): (_, Vec<(&[u8], _)>)| Entry {
            id,
            fields: fields.into_iter().map(|(name, value)| (name.to_vec(), value)).collect(),
        };
        let entries: Vec<Entry> = entries.into_iter().map(entry).collect();
        let consumer = |n: u64| Consumer { name: vec![n as u8], seen_at_ms: n, active_at_ms: Some(n) };
        let group = |(index, (mut name, last_id, entries_read, pending)): (usize, (Vec<u8>, _, _, _))| {
            name.push(index as u8);
            let pending: std::collections::BTreeMap<StreamId, usize> = pending;
            let pending = pending
                .into_iter()
                .map(|(id, consumer)| Pending { id, consumer, delivered_at_ms: id.0, deliveries: 1 })
                .collect();
            Group { name, last_id, entries_read, pending, consumers: (0..3).map(consumer).collect() }
        };
        Stream {
            last_id: entries.last().map_or((5, 5), |entry| entry.id),
            first_id: entries.first().map_or((0, 0), |entry| entry.id),
            max_deleted_id: (1, 1),
            entries_added: entries.len() as u64 + 3,
            groups: groups.into_iter().enumerate().map(group).collect(),
            entries,
        }
    })
}

fn object() -> impl Strategy<Value = Object> {
    let field = |(name, (value, expire_at_ms))| Field { name, value, expire_at_ms };
    let expiry = prop::option::of(prop_oneof![1..100u64, 1_700_000_000_000..1_700_000_009_000u64]);
    let scored = prop::collection::btree_map(bytes(), score(), 1..150);
    let members = prop_oneof![
        prop::collection::btree_set(bytes(), 1..600),
        prop::collection::btree_set(any::<i32>().prop_map(|n| n.to_string().into_bytes()), 1..600),
    ];
    prop_oneof![
        bytes().prop_map(Object::String),
        prop::collection::vec(bytes(), 1..600).prop_map(Object::List),
        members.prop_map(|members| Object::Set(members.into_iter().collect())),
        scored.prop_map(|scored| Object::Zset(scored.into_iter().collect())),
        prop::collection::btree_map(bytes(), (bytes(), Just(None)), 1..600)
            .prop_map(move |fields| Object::Hash(fields.into_iter().map(field).collect())),
        prop::collection::btree_map(bytes(), (bytes(), expiry), 1..600)
            .prop_map(move |fields| Object::Hash(fields.into_iter().map(field).collect())),
        stream().prop_map(Object::Stream),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (any::<bool>(), -6..9i64, prop::sample::select(vec![0, 3, 512]), prop::sample::select(vec![0, 10, 4096])).prop_map(
        |(compress, list_node_size, entries, bytes)| Limits {
            compress,
            list_node_size,
            hash_entries: entries,
            intset_entries: entries,
            zset_entries: entries,
            stream_node_entries: entries,
            hash_value_bytes: bytes,
            zset_value_bytes: bytes,
            stream_node_bytes: bytes,
        },
    )
}

#[test]
fn any_value_reads_back_under_any_limits() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    let same_zeros = |object: Object| match object {
        // A listpack has one zero only.
        Object::Zset(scored) => Object::Zset(scored.into_iter().map(|(m, score)| (m, score + 0.0)).collect()),
        other => other,
    };
    let outcome = runner.run(&(object(), limits()), |(object, limits)| {
        let again = restore(&dump(&object, &limits)).expect("a value");
        prop_assert_eq!(same_zeros(sorted(again)), same_zeros(sorted(object)));
        Ok(())
    });
    outcome.expect("every value");
}

proptest! {
    #[test]
    fn lzf_reads_back(bytes in bytes(), more in bytes()) {
        let input = [&bytes[..], &more[..], &bytes[..]].concat();
        let mut compressor = lzf::Compressor::default();
        let compressed = compressor.compress(&input);
        if let Some(compressed) = &compressed {
            prop_assert!(compressed.len() + 4 <= input.len());
            prop_assert_eq!(lzf::decompress(compressed, input.len()), Some(input.clone()));
        }
        // What was compressed before makes no difference.
        compressor.compress(&more);
        prop_assert_eq!(compressor.compress(&input), compressed);
    }
}
