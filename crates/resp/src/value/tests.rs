//! Replies read back as values, whole and in pieces.

use proptest::prelude::*;

use super::*;

fn encoded(value: &Value, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out, protocol));
    out
}

fn bulk(bytes: &[u8]) -> Value {
    Value::Bulk(Some(bytes.to_vec()))
}

/// One value of each type, and its bytes in RESP3 and RESP2.
fn golden() -> Vec<(Value, &'static [u8], &'static [u8])> {
    use Value::*;
    vec![
        (Simple("OK".into()), b"+OK\r\n", b"+OK\r\n"),
        (Error("ERR no".into()), b"-ERR no\r\n", b"-ERR no\r\n"),
        (Integer(-42), b":-42\r\n", b":-42\r\n"),
        (bulk(b"a\r\nb\0"), b"$5\r\na\r\nb\0\r\n", b"$5\r\na\r\nb\0\r\n"),
        (bulk(b""), b"$0\r\n\r\n", b"$0\r\n\r\n"),
        (Array(Some(vec![Integer(1), bulk(b"x")])), b"*2\r\n:1\r\n$1\r\nx\r\n", b"*2\r\n:1\r\n$1\r\nx\r\n"),
        (Array(Some(vec![])), b"*0\r\n", b"*0\r\n"),
        (Null, b"_\r\n", b"$-1\r\n"),
        (Double("1.5".into()), b",1.5\r\n", b"$3\r\n1.5\r\n"),
        (Double("-inf".into()), b",-inf\r\n", b"$4\r\n-inf\r\n"),
        (Boolean(true), b"#t\r\n", b":1\r\n"),
        (Boolean(false), b"#f\r\n", b":0\r\n"),
        (
            BigNumber("-123456789012345678901".into()),
            b"(-123456789012345678901\r\n",
            b"$22\r\n-123456789012345678901\r\n",
        ),
        (Verbatim("txt".into(), b"hi".to_vec()), b"=6\r\ntxt:hi\r\n", b"$2\r\nhi\r\n"),
        (Map(vec![(bulk(b"k"), Integer(1))]), b"%1\r\n$1\r\nk\r\n:1\r\n", b"*2\r\n$1\r\nk\r\n:1\r\n"),
        (Set(vec![bulk(b"m")]), b"~1\r\n$1\r\nm\r\n", b"*1\r\n$1\r\nm\r\n"),
        (Push(vec![bulk(b"message")]), b">1\r\n$7\r\nmessage\r\n", b"*1\r\n$7\r\nmessage\r\n"),
        (
            Attribute(vec![(Simple("ttl".into()), Integer(9))], Box::new(bulk(b"v"))),
            b"|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n",
            b"$1\r\nv\r\n",
        ),
    ]
}

#[test]
fn every_type_has_its_bytes_in_both_protocols() {
    for (value, resp3, resp2) in golden() {
        assert_eq!(encoded(&value, Protocol::Resp3), resp3, "{value:?}");
        assert_eq!(encoded(&value, Protocol::Resp2), resp2, "{value:?}");
        assert_eq!(decode(resp3), Ok(Some((value, resp3.len()))));
    }
}

#[test]
fn nulls_of_resp2_are_told_apart() {
    assert_eq!(decode(b"$-1\r\n"), Ok(Some((Value::Bulk(None), 5))));
    assert_eq!(decode(b"*-1\r\n"), Ok(Some((Value::Array(None), 5))));
    assert_eq!(encoded(&Value::Bulk(None), Protocol::Resp2), b"$-1\r\n");
    assert_eq!(encoded(&Value::Array(None), Protocol::Resp2), b"*-1\r\n");
    assert_eq!(encoded(&Value::Array(None), Protocol::Resp3), b"_\r\n");
}

#[test]
fn a_reply_is_incomplete_until_its_last_byte() {
    for (_, resp3, _) in golden() {
        for len in 0..resp3.len() {
            assert_eq!(decode(&resp3[..len]), Ok(None), "{:?}", resp3[..len].escape_ascii().to_string());
        }
        let followed = [resp3, b"+next\r\n"].concat();
        assert_eq!(decode(&followed).map(|found| found.map(|(_, len)| len)), Ok(Some(resp3.len())));
    }
}

#[test]
fn what_is_no_reply_is_refused() {
    let long_line = [b"+".as_slice(), &b"x".repeat(REPLY_LINE_LEN_MAX + 1)].concat();
    let deep = b"*1\r\n".repeat(NESTING_DEPTH_MAX + 1);
    let attributes = b"|0\r\n".repeat(NESTING_DEPTH_MAX + 1);
    let cases: &[(&[u8], DecodeError)] = &[
        (b"?1\r\n", DecodeError::UnknownType(b'?')),
        (b"\r\n", DecodeError::UnknownType(b'\r')),
        (b"+a\nb\r\n", DecodeError::LineEnd),
        (b"+a\rb\r\n", DecodeError::LineEnd),
        (b"$1\r\nab\r\n", DecodeError::LineEnd),
        (b"_x\r\n", DecodeError::LineEnd),
        (&long_line, DecodeError::LineTooLong),
        (b":\r\n", DecodeError::Number),
        (b":01\r\n", DecodeError::Number),
        (b":9223372036854775808\r\n", DecodeError::Number),
        (b"$-2\r\n", DecodeError::Number),
        (b"*x\r\n", DecodeError::Number),
        (b"%-1\r\n", DecodeError::Number),
        (b"#y\r\n", DecodeError::Number),
        (b",one\r\n", DecodeError::Number),
        (b"(1.5\r\n", DecodeError::Number),
        (b"(-\r\n", DecodeError::Number),
        (b"$536870917\r\n", DecodeError::LengthTooLarge),
        (b"*2147483648\r\n", DecodeError::LengthTooLarge),
        (&deep, DecodeError::NestingTooDeep),
        (&attributes, DecodeError::NestingTooDeep),
        (b"=3\r\ntxt\r\n", DecodeError::VerbatimFormat),
        (b"=2\r\ntx\r\n", DecodeError::VerbatimFormat),
        (b"=4\r\n\xff\xff\xff:\r\n", DecodeError::VerbatimFormat),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(bytes), Err(*expected), "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn the_deepest_and_the_longest_that_is_allowed_is_decoded() {
    let deep = [b"*1\r\n".repeat(NESTING_DEPTH_MAX - 1), b":1\r\n".to_vec()].concat();
    assert_eq!(decode(&deep).map(|found| found.map(|(_, len)| len)), Ok(Some(deep.len())));
    let line = [b"+".as_slice(), &b"x".repeat(REPLY_LINE_LEN_MAX), b"\r\n"].concat();
    assert_eq!(decode(&line).map(|found| found.map(|(_, len)| len)), Ok(Some(line.len())));
}

#[test]
fn an_announced_length_alone_costs_no_memory() {
    assert_eq!(decode(b"*2147483647\r\n"), Ok(None));
    assert_eq!(decode(b"%2147483647\r\n:1\r\n"), Ok(None));
    assert_eq!(decode(b"$536870912\r\n"), Ok(None));
}

/// Any value whose RESP3 bytes read back as the very same value: RESP2's own nulls are left out.
fn any_value() -> impl Strategy<Value = Value> {
    let line = "[^\r\n]{0,12}";
    let leaf = prop_oneof![
        line.prop_map(Value::Simple),
        "ERR [a-z ]{0,12}".prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bulk(Some(bytes))),
        Just(Value::Null),
        any::<f64>().prop_map(|double| {
            let mut out = Vec::new();
            crate::format_double(double, &mut out);
            Value::Double(String::from_utf8_lossy(&out).into_owned())
        }),
        any::<bool>().prop_map(Value::Boolean),
        "-?[0-9]{1,30}".prop_map(Value::BigNumber),
        ("[a-z]{3}", any::<Vec<u8>>()).prop_map(|(format, text)| Value::Verbatim(format, text)),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..6);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            list.clone().prop_map(|elements| Value::Array(Some(elements))),
            list.clone().prop_map(Value::Set),
            list.prop_map(Value::Push),
            pairs.clone().prop_map(Value::Map),
            (pairs, inner).prop_map(|(pairs, value)| Value::Attribute(pairs, Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_reads_back_from_its_resp3_bytes(value in any_value()) {
        let bytes = encoded(&value, Protocol::Resp3);
        prop_assert_eq!(decode(&bytes), Ok(Some((value, bytes.len()))));
    }

    #[test]
    fn any_value_is_one_whole_reply_in_resp2(value in any_value()) {
        let bytes = encoded(&value, Protocol::Resp2);
        let len = decode(&bytes).map(|found| found.map(|(_, len)| len));
        prop_assert_eq!(len, Ok(Some(bytes.len())));
    }
}
