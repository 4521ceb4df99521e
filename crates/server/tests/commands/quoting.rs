//! Errors that repeat what the client sent: byte for byte, in one line, and no further than a zero byte.

use crate::harness::{alone_with, both, once};
use crate::wire::show;

/// Bytes that are no text, with all that could end a line, a C string or a quotation.
const ODD: &str = r#""\xff\x80'\"\\a\r\nb\r\n\x00c""#;
/// What an error shows of them.
const SHOWN: &str = r#"\xff\x80'"\\a  b  "#;

#[test]
fn errors_repeat_the_bytes_of_the_client() {
    both(|db| {
        db.check("XADD stream 1-1 f v", "$1-1");
        db.check("XGROUP CREATE stream group 0", "+OK");
        let table = [
            ("~ a ~ b", "-ERR unknown command '~', with args beginning with: 'a' '~' 'b' "),
            ("CONFIG ~", "-ERR unknown subcommand '~'. Try CONFIG HELP."),
            ("oBjEcT ~ k", "-ERR unknown subcommand '~'. Try OBJECT HELP."),
            ("DEBUG ~", "-ERR unknown subcommand or wrong number of arguments for '~'. Try DEBUG HELP."),
            ("CONFIG SET ~ v", "-ERR Unknown option or number of arguments for CONFIG SET - '~'"),
            ("CLIENT LIST TYPE ~", "-ERR Unknown client type '~'"),
            ("CLIENT KILL USER ~", "-ERR No such user '~'"),
            ("ACL CAT ~", "-ERR Unknown category '~'"),
            ("HELLO 2 ~", "-ERR Syntax error in HELLO option '~'"),
            ("LATENCY GRAPH ~", "-ERR No samples available for event '~'"),
            ("PFDEBUG ~ hll", "-ERR Unknown PFDEBUG subcommand '~'"),
            ("FUNCTION LIST ~", "-ERR Unknown argument ~"),
            (
                "XGROUP DESTROY ~ ~",
                "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
            ),
            ("XGROUP SETID stream ~ 0", "-NOGROUP No such consumer group '~' for key name 'stream'"),
            ("XINFO CONSUMERS stream ~", "-NOGROUP No such consumer group '~' for key name 'stream'"),
            ("XPENDING ~ ~", "-NOGROUP No such key '~' or consumer group '~'"),
            ("XCLAIM ~ ~ c 0 1-1", "-NOGROUP No such key '~' or consumer group '~'"),
            ("XAUTOCLAIM ~ ~ c 0 0", "-NOGROUP No such key '~' or consumer group '~'"),
            ("XCLAIM stream group c 0 1-1 ~", "-ERR Unrecognized XCLAIM option '~'"),
            (
                "XREADGROUP GROUP ~ c STREAMS ~ >",
                "-NOGROUP No such key '~' or consumer group '~' in XREADGROUP with GROUP option",
            ),
        ];
        db.check("PFADD hll a", ":1");
        for (line, expected) in table {
            db.check(&line.replace('~', ODD), &expected.replace('~', SHOWN));
        }
        if db.server.since((7, 2)) {
            db.check(&format!("CLIENT SETINFO {ODD} v"), &format!("-ERR Unrecognized option '{SHOWN}'"));
        }
        // At the end of these sentences line ends are left out; of the one with the argument above, not.
        db.check("SET str v", "+OK");
        db.check(&format!("EXPIRE str 1 {ODD}"), r#"-ERR Unsupported option \xff\x80'"\\a  b"#);
        if db.server.has_or_skip("hsetex") {
            db.check(&format!("HSETEX h {ODD} FIELDS 1 f v"), r#"-ERR unknown argument: \xff\x80'"\\a  b"#);
        }
    });
}

#[test]
fn names_and_arguments_are_cut_after_128_bytes() {
    once(|db| {
        let long = [0xe9; 130];
        let cut = show(&long[..128]);
        let arguments = |rest: &str| format!("-ERR unknown command 'x', with args beginning with: {rest}");
        db.check_bytes(&[&long], &format!("-ERR unknown command '{cut}', with args beginning with: "));
        db.check_bytes(&[b"CONFIG", &long], &format!("-ERR unknown subcommand '{cut}'. Try CONFIG HELP."));
        db.check_bytes(&[b"ACL", b"CAT", &long], &format!("-ERR Unknown category '{cut}'"));
        db.check_bytes(&[b"x", &long, b"more"], &arguments(&format!("'{cut}' ")));
        // Quotes and blanks count; an argument that begins before the 128th byte is cut there.
        let (of_100, of_25) = (show(&long[..100]), show(&long[..25]));
        db.check_bytes(&[b"x", &long[..100], &long, b"more"], &arguments(&format!("'{of_100}' '{of_25}' ")));
        db.check_bytes(&[b"x", &long[..125], b"more"], &arguments(&format!("'{}' ", show(&long[..125]))));
        db.check_bytes(&[b"x", &long[..124], b"more"], &arguments(&format!("'{}' 'm' ", show(&long[..124]))));
        // A zero byte ends an argument, but not the list of them.
        db.check_bytes(&[b"x", b"a\0b", b"\0", b"c"], &arguments("'a' '' 'c' "));
        // Others are repeated whole.
        db.check_bytes(&[b"HELLO", b"2", &long], &format!("-ERR Syntax error in HELLO option '{}'", show(&long)));
    });
}

#[test]
fn a_transaction_repeats_them_too() {
    once(|db| {
        db.check("SET str v", "+OK");
        db.check("MULTI", "+OK");
        db.check(&format!("CONFIG {ODD}"), &format!("-ERR unknown subcommand '{SHOWN}'. Try CONFIG HELP."));
        db.check("EXEC", "-EXECABORT Transaction discarded because of previous errors.");
        db.check("MULTI", "+OK");
        db.check(&format!("EXPIRE str 1 {ODD}"), "+QUEUED");
        db.check(&format!("XPENDING k {ODD}"), "+QUEUED");
        let expected = format!(
            r#"[-ERR Unsupported option \xff\x80'"\\a  b -NOGROUP No such key 'k' or consumer group '{SHOWN}']"#
        );
        db.check("EXEC", &expected);
    });
}

#[test]
fn an_error_of_ones_own_and_an_option_keep_every_byte() {
    alone_with(&["enable-debug-command yes"], |server| {
        let mut db = server.db(2, 0);
        // Here a zero byte stays, and so does a line end, as a blank.
        db.check(r#"DEBUG ERROR "FOO \xff\x00'\r\n\\ \r\n""#, r"-FOO \xff\x00'  \\   ");
        db.check(r#"CONFIG SET requirepass "d\xff\xc3\xa9""#, "+OK");
        db.check("CONFIG GET requirepass", r"[$requirepass $d\xff\xc3\xa9]");
    });
}
