//! Every kind of reply in both protocols, byte by byte.

use super::*;

fn written(protocol: Protocol, write: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, protocol));
    out.escape_ascii().to_string()
}

/// Writes one reply.
type Write = fn(&mut Encoder<'_>);

#[test]
fn every_reply_has_its_bytes_in_both_protocols() {
    // The reply, its bytes in RESP2, its bytes in RESP3.
    let cases: &[(Write, &str, &str)] = &[
        (|e| e.ok(), r"+OK\r\n", r"+OK\r\n"),
        (|e| e.simple("QUEUED"), r"+QUEUED\r\n", r"+QUEUED\r\n"),
        (|e| e.error("ERR syntax error"), r"-ERR syntax error\r\n", r"-ERR syntax error\r\n"),
        (|e| e.integer(0), r":0\r\n", r":0\r\n"),
        (|e| e.integer(i64::MIN), r":-9223372036854775808\r\n", r":-9223372036854775808\r\n"),
        (|e| e.integer(i64::MAX), r":9223372036854775807\r\n", r":9223372036854775807\r\n"),
        (|e| e.bulk(b""), r"$0\r\n\r\n", r"$0\r\n\r\n"),
        (|e| e.bulk(b"a\r\n\xff"), r"$4\r\na\r\n\xff\r\n", r"$4\r\na\r\n\xff\r\n"),
        (|e| e.bulk(b"0123456789"), r"$10\r\n0123456789\r\n", r"$10\r\n0123456789\r\n"),
        (|e| e.bulk_integer(-100), r"$4\r\n-100\r\n", r"$4\r\n-100\r\n"),
        (|e| e.null(), r"$-1\r\n", r"_\r\n"),
        (|e| e.null_array(), r"*-1\r\n", r"_\r\n"),
        (|e| e.array(0), r"*0\r\n", r"*0\r\n"),
        (|e| e.array(1_000_000), r"*1000000\r\n", r"*1000000\r\n"),
        (|e| e.map(0), r"*0\r\n", r"%0\r\n"),
        (|e| e.map(5), r"*10\r\n", r"%5\r\n"),
        (|e| e.set(3), r"*3\r\n", r"~3\r\n"),
        (|e| e.push(3), r"*3\r\n", r">3\r\n"),
        (|e| e.double(1.5), r"$3\r\n1.5\r\n", r",1.5\r\n"),
        (|e| e.double(-3.0), r"$2\r\n-3\r\n", r",-3\r\n"),
        (|e| e.double(0.1 + 0.2), r"$19\r\n0.30000000000000004\r\n", r",0.30000000000000004\r\n"),
        (|e| e.double(f64::INFINITY), r"$3\r\ninf\r\n", r",inf\r\n"),
        (|e| e.double(f64::NEG_INFINITY), r"$4\r\n-inf\r\n", r",-inf\r\n"),
        (|e| e.double(f64::NAN), r"$3\r\nnan\r\n", r",nan\r\n"),
        (|e| e.boolean(true), r":1\r\n", r"#t\r\n"),
        (|e| e.boolean(false), r":0\r\n", r"#f\r\n"),
        (|e| e.big_number("12345678901234567890"), r"$20\r\n12345678901234567890\r\n", r"(12345678901234567890\r\n"),
        (|e| e.verbatim("txt", b"a\nb"), r"$3\r\na\nb\r\n", r"=7\r\ntxt:a\nb\r\n"),
    ];
    for (write, resp2, resp3) in cases {
        assert_eq!(written(Protocol::Resp2, write), *resp2);
        assert_eq!(written(Protocol::Resp3, write), *resp3);
    }
    assert_eq!(written(Protocol::Resp3, |e| e.attribute(1)), r"|1\r\n");
}

#[test]
fn lengths_of_every_number_of_digits_are_spelled_out() {
    for len in [0, 9, 10, 19, 99, 100, 999, 1000, 12345, usize::MAX] {
        assert_eq!(written(Protocol::Resp2, |e| e.bulk_header(len)), format!(r"${len}\r\n"));
    }
}

#[test]
fn a_line_cannot_be_broken_by_its_text() {
    assert_eq!(written(Protocol::Resp2, |e| e.error("\r\nERR a\r\nb\n")), r"-  ERR a  b\r\n");
    assert_eq!(written(Protocol::Resp2, |e| e.error(b"ERR \xff\0\r\r\n")), r"-ERR \xff\x00\r\n");
    assert_eq!(written(Protocol::Resp2, |e| e.simple("a\r\nb")), r"+a  b\r\n");
    assert_eq!(written(Protocol::Resp3, |e| e.big_number("1\n2")), r"(1 2\r\n");
}

#[test]
fn a_bulk_string_can_be_written_in_parts() {
    let parts = written(Protocol::Resp2, |e| {
        e.bulk_header(4);
        e.raw(b"ab");
        e.raw(b"cd\r\n");
    });
    assert_eq!(parts, written(Protocol::Resp2, |e| e.bulk(b"abcd")));
}

#[test]
fn what_was_in_the_buffer_stays_and_what_was_written_can_be_taken_back() {
    let mut out = b"before".to_vec();
    let mut encoder = Encoder::new(&mut out, Protocol::Resp2);
    assert!(!encoder.is_empty());
    encoder.ok();
    let mark = encoder.len();
    encoder.double(2.5);
    encoder.truncate(mark);
    encoder.double(0.5);
    assert_eq!(out, b"before+OK\r\n$3\r\n0.5\r\n");
}

#[test]
fn a_protocol_error_quotes_the_very_byte() {
    let quoted = |byte| written(Protocol::Resp2, |e| e.protocol_error(&ProtocolError::ExpectedBulk(byte)));
    assert_eq!(quoted(b'x'), r"-ERR Protocol error: expected \'$\', got \'x\'\r\n");
    assert_eq!(quoted(0xff), r"-ERR Protocol error: expected \'$\', got \'\xff\'\r\n");
    assert_eq!(quoted(b'\r'), r"-ERR Protocol error: expected \'$\', got \' \'\r\n");
    assert_eq!(quoted(b'\n'), r"-ERR Protocol error: expected \'$\', got \' \'\r\n");
}
