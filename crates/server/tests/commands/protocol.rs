//! The wire itself: what bytes go in, what bytes come out, and after which the connection is closed.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::harness::{alone_with, both, once};
use crate::wire::{Reply, encode, show};

/// Sends bytes, then half-closes; all that the server says until it closes in turn.
fn exchange(server: &crate::harness::Server, input: &[u8]) -> String {
    let mut wire = server.wire();
    wire.send(input);
    wire.finish_sending();
    show(&wire.read_to_close())
}

/// Sends bytes and leaves the connection open; the server must say this and close by itself.
#[track_caller]
fn check_closed(server: &crate::harness::Server, input: &[u8], expected: &str) {
    let mut wire = server.wire();
    // The server may close before it has read everything.
    let _ = wire.try_send(input);
    assert_eq!(show(&wire.read_to_close()), expected, "after {}", show(&input[..input.len().min(200)]));
}

#[test]
fn well_formed_requests() {
    once(|db| {
        let table: [(&[u8], &str); 24] = [
            (b"*1\r\n$4\r\nPING\r\n", "+PONG\\r\\n"),
            (b"*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n", "$2\\r\\nhi\\r\\n"),
            (b"*1\r\n$4\r\nping\r\n*1\r\n$4\r\nPiNg\r\n", "+PONG\\r\\n+PONG\\r\\n"),
            (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "$0\\r\\n\\r\\n"),
            (b"*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n", "$4\\r\\na\\r\\nb\\r\\n"),
            (b"*2\r\n$4\r\nECHO\r\n$2\r\n\x00\xff\r\n", "$2\\r\\n\\x00\\xff\\r\\n"),
            // Empty requests have no reply.
            (b"\r\n", ""),
            (b"\n\n\n", ""),
            (b"*0\r\n", ""),
            (b"*-1\r\n", ""),
            (b"*-100\r\n*0\r\n\r\nPING\r\n", "+PONG\\r\\n"),
            (b"   \r\nPING\r\n", "+PONG\\r\\n"),
            // The end of an argument is counted, not looked at.
            (b"*1\r\n$4\r\nPINGxxPING\r\n", "+PONG\\r\\n+PONG\\r\\n"),
            (b"*1\r\n$0\r\n\r\n", "-ERR unknown command '', with args beginning with: \\r\\n"),
            // Inline commands.
            (b"PING\r\n", "+PONG\\r\\n"),
            (b"PING\n", "+PONG\\r\\n"),
            (b"  PING   hello  \r\n", "$5\\r\\nhello\\r\\n"),
            (b"ECHO \"a b\\x41\\r\\n\\t\\\"\\\\\"\r\n", "$9\\r\\na bA\\r\\n\\x09\"\\\\\\r\\n"),
            (b"ECHO 'it\\'s \\n'\r\n", "$7\\r\\nit's \\\\n\\r\\n"),
            (b"ECHO \"\"\r\n", "$0\\r\\n\\r\\n"),
            (b"ECHO \"\\a\\b\\q\"\r\n", "$3\\r\\n\\x07\\x08q\\r\\n"),
            (b"ECHO \"\\xzz\"\r\n", "$3\\r\\nxzz\\r\\n"),
            (b"PING\r\n*1\r\n$4\r\nPING\r\nPING x\r\n", "+PONG\\r\\n+PONG\\r\\n$1\\r\\nx\\r\\n"),
            (b"ECHO a\tb\r\n", "-ERR wrong number of arguments for 'echo' command\\r\\n"),
        ];
        for (input, expected) in table {
            assert_eq!(exchange(db.server, input), expected, "after {}", show(input));
        }
    });
}

#[test]
fn malformed_requests_are_answered_with_an_error_and_closed() {
    once(|db| {
        let table: [(&[u8], &str); 21] = [
            (b"*abc\r\n", "invalid multibulk length"),
            (b"*\r\n", "invalid multibulk length"),
            (b"*1x\r\n", "invalid multibulk length"),
            (b"* 1\r\n", "invalid multibulk length"),
            (b"*2147483648\r\n", "invalid multibulk length"),
            (b"*99999999999999999999\r\n", "invalid multibulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n*1\r\n", "expected '$', got '*'"),
            (b"*2\r\n$4\r\nPING\r\nfoo\r\n", "expected '$', got 'f'"),
            (b"*1\r\n\r\n", "expected '$', got '\\r'"),
            (b"*1\r\n$\r\n", "invalid bulk length"),
            (b"*1\r\n$abc\r\n", "invalid bulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$4x\r\n", "invalid bulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
            (b"*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
            (b"SET \"abc\r\n", "unbalanced quotes in request"),
            (b"SET 'abc\r\n", "unbalanced quotes in request"),
            (b"SET \"a\"b\r\n", "unbalanced quotes in request"),
            (b"SET 'a'b\r\n", "unbalanced quotes in request"),
            (b"\"\r\n", "unbalanced quotes in request"),
        ];
        for (input, sentence) in table {
            // In RESP, a CR within an error would end it: Redis replaces it by a blank.
            let sentence = sentence.replace("\\r", " ");
            check_closed(db.server, input, &format!("-ERR Protocol error: {sentence}\\r\\n"));
            // What came before it is answered first; what comes after it, never.
            let surrounded = [b"PING\r\n".as_slice(), input, b"PING\r\n"].concat();
            check_closed(db.server, &surrounded, &format!("+PONG\\r\\n-ERR Protocol error: {sentence}\\r\\n"));
        }
        db.check("PING", "+PONG");
    });
}

#[test]
fn endless_lines_are_cut_off() {
    once(|db| {
        // One more than 64 KiB, so that nothing is left unread when the server closes.
        let long = |start: &str| format!("{start}{}", "1".repeat(64 * 1024 + 1 - start.len())).into_bytes();
        for (start, sentence) in [
            ("", "too big inline request"),
            ("*", "too big mbulk count string"),
            ("*1\r\n$", "too big bulk count string"),
        ] {
            let input = if start.len() > 1 { long("*1\r\n$1111") } else { long(start) };
            let extra = if start.len() > 1 { b"11111".as_slice() } else { b"" };
            check_closed(
                db.server,
                &[input, extra.to_vec()].concat(),
                &format!("-ERR Protocol error: {sentence}\\r\\n"),
            );
        }
    });
}

#[test]
fn a_long_but_complete_inline_command_is_served() {
    once(|db| {
        let word = "x".repeat(60_000);
        assert_eq!(exchange(db.server, format!("ECHO {word}\r\n").as_bytes()), format!("$60000\\r\\n{word}\\r\\n"));
    });
}

#[test]
fn an_incomplete_request_is_dropped_when_the_client_leaves() {
    once(|db| {
        for input in [
            b"PIN".as_slice(),
            b"*",
            b"*2\r\n$3\r\nDEL\r\n",
            b"*2\r\n$3\r\nDEL\r\n$8\r\nsurvi",
            b"*2\r\n$3\r\nDEL\r\n$8\r\nsurvivor",
            b"*2\r\n$3\r\nDEL\r\n$8\r\nsurvivor\r",
        ] {
            db.check("SET survivor v", "+OK");
            assert_eq!(exchange(db.server, input), "", "after {}", show(input));
            db.check("GET survivor", "$v");
        }
    });
}

#[test]
fn requests_may_arrive_in_pieces_cut_anywhere() {
    once(|db| {
        let select = format!("SELECT {}\r\n", db.index).into_bytes();
        let set = encode(&[b"SET", b"key", b"a\r\nb"]);
        let request = [select.as_slice(), &set, b"GET key\r\n", &encode(&[b"GET", b"key"])].concat();
        let expected = b"+OK\r\n+OK\r\n$4\r\na\r\nb\r\n$4\r\na\r\nb\r\n";
        for cut in 1..request.len() {
            let mut wire = db.server.wire();
            wire.send(&request[..cut]);
            // Long enough that the server usually sees two reads; the result does not depend on it.
            thread::sleep(Duration::from_millis(2));
            wire.send(&request[cut..]);
            wire.expect_bytes(expected);
        }
        let mut wire = db.server.wire();
        for byte in &request {
            wire.send(&[*byte]);
        }
        wire.expect_bytes(expected);
    });
}

#[test]
fn unknown_commands_and_wrong_arity() {
    both(|db| {
        db.check_all(&[
            ("FOO", "-ERR unknown command 'FOO', with args beginning with: "),
            ("FOO bar \"b z\"", "-ERR unknown command 'FOO', with args beginning with: 'bar' 'b z' "),
            ("\"foo\\r\\nbar\" \"x\\r\\ny\"", "-ERR unknown command 'foo  bar', with args beginning with: 'x  y' "),
            ("\"GET \" k", "-ERR unknown command 'GET ', with args beginning with: 'k' "),
            ("getk", "-ERR unknown command 'getk', with args beginning with: "),
            ("gEt", "-ERR wrong number of arguments for 'get' command"),
            ("config", "-ERR wrong number of arguments for 'config' command"),
            ("CONFIG BOGUS", "-ERR unknown subcommand 'BOGUS'. Try CONFIG HELP."),
            ("client bogus x", "-ERR unknown subcommand 'bogus'. Try CLIENT HELP."),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
            ("PING", "+PONG"),
        ]);
        // What is repeated of a long request is cut after 128 bytes.
        let long = "x".repeat(300);
        db.check(
            &format!("{long} {long}"),
            &format!("-ERR unknown command '{}', with args beginning with: ", "x".repeat(128))
                .replace("with: ", &format!("with: '{}' ", "x".repeat(128))),
        );
        db.check(
            &format!("FOO {} {} {} {}", "a".repeat(50), "b".repeat(50), "c".repeat(50), "d".repeat(50)),
            &format!(
                "-ERR unknown command 'FOO', with args beginning with: '{}' '{}' '{}' ",
                "a".repeat(50),
                "b".repeat(50),
                "c".repeat(22)
            ),
        );
    });
}

#[test]
fn the_types_of_resp3_and_their_stand_ins_in_resp2() {
    both(|db| {
        db.check("DEBUG PROTOCOL STRING", "$Hello World");
        db.check("DEBUG PROTOCOL INTEGER", ":12345");
        db.check_each("DEBUG PROTOCOL DOUBLE", "$3.141", ",3.141");
        db.check("DEBUG PROTOCOL NULL", "nil");
        db.check("DEBUG PROTOCOL ARRAY", "[:0 :1 :2]");
        db.check_each("DEBUG PROTOCOL SET", "[:0 :1 :2]", "~[:0 :1 :2]");
        db.check_each("DEBUG PROTOCOL MAP", "[:0 :0 :1 :1 :2 :0]", "%[:0 #f :1 #t :2 #f]");
        db.check_each(
            "DEBUG PROTOCOL BIGNUM",
            "$1234567999999999999999999999999999999",
            "(1234567999999999999999999999999999999",
        );
        db.check_each("DEBUG PROTOCOL TRUE", ":1", "#t");
        db.check_each("DEBUG PROTOCOL FALSE", ":0", "#f");
        db.check_each("DEBUG PROTOCOL VERBATIM", "$This is a verbatim\\nstring", "=txt:This is a verbatim\\nstring");
    });
}

#[test]
fn nulls_differ_by_protocol() {
    once(|db| {
        db.wire.send(b"GET absent\r\nMGET absent\r\nHELLO 3\r\n");
        db.wire.expect_bytes(b"$-1\r\n*1\r\n$-1\r\n");
        assert!(matches!(db.wire.read(), Reply::Map(_)));
        db.wire.send(b"GET absent\r\nMGET absent\r\nSET absent x XX\r\n");
        db.wire.expect_bytes(b"_\r\n*1\r\n_\r\n_\r\n");
    });
}

#[test]
fn a_client_that_sends_garbage_harms_nobody_else() {
    once(|db| {
        let mut noise = 12345u64;
        for _ in 0..200 {
            let mut wire = db.server.wire();
            let mut bytes = Vec::new();
            for _ in 0..300 {
                noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                bytes.push((noise >> 56) as u8);
            }
            // An HTTP request is garbage too, but Redis knows it and hangs up.
            let _ = wire.try_send(&bytes);
        }
        db.check("PING", "+PONG");
    });
}

#[test]
fn http_requests_are_hung_up_on() {
    once(|db| {
        for request in ["POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let mut wire = db.server.wire();
            wire.send(request.as_bytes());
            let said = show(&wire.read_to_close());
            assert!(!said.contains("+PONG"), "after {request}: {said}");
        }
    });
}

#[test]
fn limits_before_authentication() {
    alone_with(&["requirepass secret"], |server| {
        check_closed(&server, b"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\\r\\n");
        check_closed(
            &server,
            b"*2\r\n$4\r\nECHO\r\n$16385\r\n",
            "-ERR Protocol error: unauthenticated bulk length\\r\\n",
        );
        // The same is allowed once the password was given, even within one write.
        let mut wire = server.wire();
        let mut request = encode(&[b"AUTH", b"secret"]);
        let big = vec![b'x'; 20_000];
        request.extend(encode(&[b"ECHO", &big]));
        request.extend(encode(&[b"DEL", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"10", b"11"]));
        wire.send(&request);
        assert_eq!(wire.read().to_string(), "+OK");
        assert_eq!(wire.read(), Reply::Bulk(big));
        assert_eq!(wire.read().to_string(), ":0");
    });
}

#[test]
fn proto_max_bulk_len_can_be_changed() {
    alone_with(&["proto-max-bulk-len 2mb"], |server| {
        check_closed(&server, b"*2\r\n$4\r\nECHO\r\n$2097153\r\n", "-ERR Protocol error: invalid bulk length\\r\\n");
        let mut db = server.db(2, 0);
        let text = vec![b'x'; 2 * 1024 * 1024];
        db.check_bytes(&[b"SET", b"k", &text], "+OK");
        db.check("APPEND k x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        db.check("SETRANGE k 2097152 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        db.check("SETBIT k 16777216 1", "-ERR bit offset is not an integer or out of range");
        db.check("STRLEN k", ":2097152");
        db.check("CONFIG SET proto-max-bulk-len 3mb", "+OK");
        db.check("APPEND k x", ":2097153");
    });
}

#[test]
fn many_small_connections_come_and_go() {
    once(|db| {
        for _ in 0..500 {
            let mut wire = db.server.wire();
            assert_eq!(wire.call(&[b"PING"]).to_string(), "+PONG");
        }
        let mut open: Vec<_> = (0..300).map(|_| db.server.wire()).collect();
        for wire in &mut open {
            wire.writer().write_all(b"PING\r\n").unwrap_or_else(|e| panic!("cannot send: {e}"));
        }
        for wire in &mut open {
            assert_eq!(wire.read().to_string(), "+PONG");
        }
    });
}
