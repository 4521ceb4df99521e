//! Payloads of types that Redis 7.0 does not have, put together here.

use super::super::*;
use super::sorted;

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(false);
    writer.length(bytes.len() as u64);
    writer.raw(bytes);
    writer.into_bytes()
}

fn listpack(elements: &[&[u8]]) -> Vec<u8> {
    let mut builder = listpack::Builder::new();
    elements.iter().for_each(|element| builder.push(element));
    string(&builder.finish())
}

fn field(name: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Field {
    Field { name: name.to_vec(), value: value.to_vec(), expire_at_ms }
}

#[test]
fn sets_in_listpacks_are_read() {
    let body = [vec![types::SET_LISTPACK], listpack(&[b"a", b"12", b""])].concat();
    let expected = Object::Set([&b"a"[..], b"12", b""].map(<[u8]>::to_vec).to_vec());
    assert_eq!(read(&body), Ok(expected));
    let twice = [vec![types::SET_LISTPACK], listpack(&[b"a", b"a"])].concat();
    assert_eq!(read(&twice), Err(Error::Format));
}

#[test]
fn hashes_with_expiring_fields_are_read_and_written() {
    let least_ms = 1_700_000_000_000u64;
    let fields =
        vec![field(b"a", b"1", Some(least_ms)), field(b"b", b"2", Some(least_ms + 5)), field(b"c", b"3", None)];
    let hash = Object::Hash(fields);
    let times = [least_ms.to_string(), (least_ms + 5).to_string()];
    let triples = listpack(&[b"a", b"1", times[0].as_bytes(), b"b", b"2", times[1].as_bytes(), b"c", b"3", b"0"]);
    let packed = [&[types::HASH_LISTPACK_EX], &least_ms.to_le_bytes()[..], &triples].concat();
    let plain = [
        &[types::HASH_METADATA][..],
        &least_ms.to_le_bytes(),
        b"\x03\x01\x01a\xc0\x01\x06\x01b\xc0\x02\0\x01c\xc0\x03",
    ]
    .concat();

    let mut limits = Limits { compress: false, ..Limits::default() };
    for (body, entries) in [(&packed, 512), (&plain, 0)] {
        limits.hash_entries = entries;
        assert_eq!(read(body).as_ref(), Ok(&hash));
        let payload = dump(&hash, &limits);
        assert_eq!(&payload[..payload.len() - FOOTER_LEN], &body[..]);
        assert_eq!(payload[body.len()], 12);
    }
    assert_eq!(read(&[vec![types::HASH_LISTPACK_EX_PRE_GA], triples].concat()).map(sorted), Ok(hash));
    let absolute = b"\x16\x01\x80\x00\x01\x86\xa0\x01a\x01x";
    assert_eq!(read(absolute), Ok(Object::Hash(vec![field(b"a", b"x", Some(100_000))])));
    let beyond = b"\x16\x01\x81\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01x";
    assert_eq!(read(beyond), Err(Error::Format), "a time of more than 48 bits");
}

/// A stream of one entry, 1-1, with one group whose consumer has it; `kind` says what else is written.
fn stream_body(kind: u8) -> Vec<u8> {
    let mut writer = Writer::new(false);
    let id = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    writer.byte(kind);
    writer.length(1);
    writer.string(&id);
    writer.raw(&listpack(&[b"1", b"0", b"1", b"name", b"0", b"2", b"0", b"0", b"value", b"4"]));
    [1, 1, 1].into_iter().for_each(|number| writer.length(number));
    if kind != types::STREAM_LISTPACKS {
        [1, 1, 0, 0, 1].into_iter().for_each(|number| writer.length(number));
    }
    writer.length(1);
    writer.string(b"group");
    [1, 1].into_iter().for_each(|number| writer.length(number));
    if kind != types::STREAM_LISTPACKS {
        writer.length(1);
    }
    writer.length(1);
    writer.raw(&id);
    writer.milliseconds(900);
    writer.length(2);
    writer.length(1);
    writer.string(b"consumer");
    writer.milliseconds(1000);
    if kind == types::STREAM_LISTPACKS_3 {
        writer.milliseconds(990);
    }
    writer.length(1);
    writer.raw(&id);
    writer.into_bytes()
}

#[test]
fn streams_of_all_versions_are_read() {
    for (kind, active_at_ms) in
        [(types::STREAM_LISTPACKS, 1000), (types::STREAM_LISTPACKS_2, 1000), (types::STREAM_LISTPACKS_3, 990)]
    {
        let consumer = Consumer { name: b"consumer".to_vec(), seen_at_ms: 1000, active_at_ms: Some(active_at_ms) };
        let pending = Pending { id: (1, 1), consumer: 0, delivered_at_ms: 900, deliveries: 2 };
        let group = Group {
            name: b"group".to_vec(),
            last_id: (1, 1),
            entries_read: Some(1),
            pending: vec![pending],
            consumers: vec![consumer],
        };
        let stream = Stream {
            entries: vec![Entry { id: (1, 1), fields: vec![(b"name".to_vec(), b"value".to_vec())] }],
            last_id: (1, 1),
            first_id: (1, 1),
            max_deleted_id: (0, 0),
            entries_added: 1,
            groups: vec![group],
        };
        assert_eq!(read(&stream_body(kind)), Ok(Object::Stream(stream)), "{kind}");
    }
}

#[test]
fn what_is_pending_for_nobody_or_for_two_is_refused() {
    let body = stream_body(types::STREAM_LISTPACKS_2);
    let end = body.len() - 17;
    let nobody = [&body[..end], b"\0"].concat();
    assert_eq!(read(&nobody), Err(Error::Format));
    let id = &body[end + 1..];
    let twice = [&body[..end], b"\x02", id, id].concat();
    assert_eq!(read(&twice), Err(Error::Format));
}
