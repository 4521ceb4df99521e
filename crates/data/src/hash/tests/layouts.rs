//! The bytes of hashes, and that no bytes make their readers panic.

use proptest::prelude::*;

use super::super::layout::*;
use super::*;

const PLAIN: Form = Form { has_times: false, is_table: false };
const TIMED: Form = Form { has_times: true, is_table: false };

fn entry<'a>(field: &'a [u8], value: &'a [u8], expire_at_ms: Option<u64>) -> Entry<'a> {
    Entry { field, value, expire_at_ms }
}

#[test]
fn golden_bodies() {
    let mut body = vec![PLAIN.encode()];
    push_entry(&mut body, PLAIN, &entry(b"field", b"v", None));
    push_entry(&mut body, PLAIN, &entry(b"", b"", None));
    assert_eq!(body, b"\x00\x05field\x01v\x00\x00");
    let mut body = vec![Form { has_times: true, is_table: true }.encode()];
    push_entry(&mut body, TIMED, &entry(b"a", b"1", Some(300)));
    push_entry(&mut body, TIMED, &entry(b"b", b"2", None));
    assert_eq!(body, b"\x03\x01a\x011\xac\x02\x01b\x012\x00");
    assert_eq!(encode_count(Form { has_times: false, is_table: true }, 0x0102), *b"\x02\0\0\0\0\0\0\x01\x02");
}

#[test]
fn golden_records() {
    assert_eq!(encode_value(b"value", None), b"\x00value");
    assert_eq!(encode_value(b"value", Some(0x0304)), b"\x01\0\0\0\0\0\0\x03\x04value");
    assert_eq!(encode_time(0x0304, b"field"), b"\0\0\0\0\0\0\x03\x04field");
}

#[test]
fn what_no_hash_writes_is_refused() {
    for body in [&b""[..], b"\x04", b"\xff"] {
        assert_eq!(Form::decode(body), None);
    }
    for body in [&b""[..], b"\0", b"\0\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0\0\0", b"\x04\0\0\0\0\0\0\0\0"] {
        assert_eq!(decode_count(body), None);
    }
    for record in [&b""[..], b"\x02value", b"\x01\0\0\0"] {
        assert_eq!(decode_value(record), None);
    }
    assert_eq!(decode_time(b"\0\0\0\0\0\0\0"), None);
    for (body, form) in
        [(&b"\0\x05abc"[..], PLAIN), (b"\0\x01a", PLAIN), (b"\x01\x01a\x01b", TIMED), (b"\x01\x01a\x01b\x80", TIMED)]
    {
        let mut entries = entries(body, form);
        assert_eq!(entries.by_ref().count(), 0);
        assert!(!entries.is_whole());
    }
}

#[test]
fn damaged_headers_and_records_are_reported() {
    let mut db = Db::new();
    for (body, parts) in [(&b""[..], None), (b"\x07", None), (b"\0\x05ab", None)] {
        let mut tx = db.tx();
        let old = tx.find(KEY).expect("find");
        tx.put(KEY, old, Meta { parts, ..Meta::new(Kind::Hash) }, body);
        let view = tx.view();
        let outcome = read(&view, KEY).and_then(|hash| hash.map_or(Ok(0), |hash| hash.len(&view)));
        assert!(matches!(outcome, Err(Error::BadRecord(_))));
        assert!(Edit::begin(&mut tx, KEY).is_err());
    }
    let mut tx = db.tx();
    let old = tx.find(KEY).expect("find");
    let parts = tx.new_parts(KEY);
    tx.put(KEY, old, Meta { parts: Some(parts), ..Meta::new(Kind::Hash) }, &encode_count(PLAIN, 1));
    let suffix = members::suffix(tx.keyspace().seed(), b"a");
    tx.put_part(parts, &suffix, b"\x05".to_vec());
    let view = tx.view();
    let hash = read(&view, KEY).expect("read").expect("a hash");
    assert!(hash.get(&view, b"a").is_err());
    assert!(hash.walk(&view, |_, _| Ok(())).is_err());
    drop(hash);
    assert!(Edit::begin(&mut tx, KEY).expect("an edit").remove(b"a").is_err());
}

fn any_entry() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Option<u64>)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    (bytes(), bytes(), prop::option::of(1..=u64::MAX))
}

proptest! {
    #[test]
    fn entries_read_back(all in prop::collection::vec(any_entry(), 0..10), timed in any::<bool>()) {
        let form = if timed { TIMED } else { PLAIN };
        let mut body = vec![form.encode()];
        let mut len = body.len();
        for (field, value, time) in &all {
            let entry = entry(field, value, time.filter(|_| timed));
            push_entry(&mut body, form, &entry);
            len += entry_len(form, &entry);
        }
        prop_assert_eq!(body.len(), len);
        let mut read = entries(&body, form);
        let mut end = ENTRIES_AT;
        for ((field, value, time), (entry, range)) in all.iter().zip(read.by_ref()) {
            prop_assert_eq!((entry.field, entry.value), (&field[..], &value[..]));
            prop_assert_eq!(entry.expire_at_ms, time.filter(|_| timed));
            prop_assert_eq!(range.start, end);
            end = range.end;
        }
        prop_assert_eq!((read.next(), read.is_whole(), end), (None, true, body.len()));
    }

    #[test]
    fn records_read_back(field in prop::collection::vec(any::<u8>(), 0..50), time in prop::option::of(any::<u64>()), count in any::<u64>()) {
        let (value, suffix) = (encode_value(&field, time), encode_time(count, &field));
        prop_assert_eq!(decode_value(&value), Some((time, &field[..])));
        prop_assert_eq!(decode_time(&suffix), Some((count, &field[..])));
        prop_assert_eq!(decode_count(&encode_count(TIMED, count)), Some((TIMED, count)));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for form in [PLAIN, TIMED] {
            entries(&bytes, form).for_each(drop);
        }
        let _ = (Form::decode(&bytes), decode_count(&bytes), decode_value(&bytes), decode_time(&bytes));
    }
}
