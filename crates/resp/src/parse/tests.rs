//! The parser beside tables of what Redis answers, whole, byte by byte and in pieces.

use proptest::prelude::*;

use super::*;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// What became of a stream: its commands, and whether it was still good at the end.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    commands: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
}

/// Feeds a parser piece by piece, as a connection does: complete commands leave the buffer before the next piece comes.
fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let mut parser = Parser::new();
    let mut buf = Vec::new();
    let mut outcome = Outcome { commands: Vec::new(), error: None };
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let mut spans = vec![Span { start: 7, len: 7 }];
            match parser.next(&mut buf, limits, &mut spans) {
                Ok(None) => {
                    assert_eq!(spans.len(), 1, "an incomplete command leaves no spans");
                    break;
                }
                Ok(Some(count)) => {
                    assert_eq!(count, spans.len() - 1);
                    outcome.commands.push(spans[1..].iter().map(|span| buf[span.range()].to_vec()).collect());
                }
                Err(error) => {
                    assert_eq!(spans.len(), 1, "a broken command leaves no spans");
                    assert_eq!(parser.next(&mut buf, limits, &mut spans), Err(error), "errors stay");
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        buf.drain(..parser.position());
        parser.rebase();
        assert_eq!(parser.position(), 0);
    }
    outcome
}

/// The outcome of a stream, which must not depend on the pieces in which it arrives.
fn parse(stream: &[u8], limits: &Limits) -> Outcome {
    let whole = parse_pieces([stream], limits);
    assert_eq!(whole, parse_pieces(stream.chunks(1), limits), "byte by byte");
    assert_eq!(whole, parse_pieces(stream.chunks(7), limits), "in sevens");
    whole
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}

/// Asserts that after `stream` a parser is still waiting, having found `commands` complete ones.
fn assert_waits(stream: &[u8], commands: usize) {
    let outcome = parse(stream, &Limits::default());
    assert_eq!((outcome.commands.len(), outcome.error), (commands, None), "{}", shown(stream));
}

fn assert_refused(stream: &[u8], limits: &Limits, expected: ProtocolError) {
    let outcome = parse(stream, limits);
    assert_eq!((outcome.commands.len(), outcome.error), (0, Some(expected)), "{}", shown(stream));
}

#[test]
fn malformed_lengths_are_refused_as_redis_refuses_them() {
    use ProtocolError::*;
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"*\r\n", InvalidMultibulkLength),
        (b"*-0\r\n", InvalidMultibulkLength),
        (b"*-\r\n", InvalidMultibulkLength),
        (b"*+1\r\n", InvalidMultibulkLength),
        (b"*01\r\n", InvalidMultibulkLength),
        (b"*00\r\n", InvalidMultibulkLength),
        (b"* 1\r\n", InvalidMultibulkLength),
        (b"*1 \r\n", InvalidMultibulkLength),
        (b"*x\r\n", InvalidMultibulkLength),
        (b"*1x\r\n", InvalidMultibulkLength),
        (b"*2147483648\r\n", InvalidMultibulkLength),
        (b"*9223372036854775808\r\n", InvalidMultibulkLength),
        (b"*-9223372036854775809\r\n", InvalidMultibulkLength),
        (b"*99999999999999999999\r\n", InvalidMultibulkLength),
        (b"*1\r\n$\r\n", InvalidBulkLength),
        (b"*1\r\n$-1\r\n", InvalidBulkLength),
        (b"*1\r\n$01\r\n", InvalidBulkLength),
        (b"*1\r\n$+1\r\n", InvalidBulkLength),
        (b"*1\r\n$ 1\r\n", InvalidBulkLength),
        (b"*1\r\n$abc\r\n", InvalidBulkLength),
        (b"*1\r\n$536870913\r\n", InvalidBulkLength),
        (b"*1\r\n$99999999999999999999\r\n", InvalidBulkLength),
        (b"*2\r\n$4\r\nPING\r\n$-1\r\n", InvalidBulkLength),
        (b"*1\r\nx\r\n", ExpectedBulk(b'x')),
        (b"*1\r\n:1\r\n", ExpectedBulk(b':')),
        (b"*1\r\n\xff1\r\n", ExpectedBulk(0xff)),
        (b"*1\r\n\r\n", ExpectedBulk(b'\r')),
        (b"*1\r\n\n\r\n", ExpectedBulk(b'\n')),
        (b"*2\r\n$4\r\nPING\r\n*1\r\n", ExpectedBulk(b'*')),
    ];
    for (stream, expected) in cases {
        assert_refused(stream, &Limits::default(), *expected);
    }
}

#[test]
fn errors_are_worded_as_redis_words_them() {
    use ProtocolError::*;
    let cases = [
        (InvalidMultibulkLength, "Protocol error: invalid multibulk length"),
        (UnauthenticatedMultibulkLength, "Protocol error: unauthenticated multibulk length"),
        (TooBigMultibulkCount, "Protocol error: too big mbulk count string"),
        (InvalidBulkLength, "Protocol error: invalid bulk length"),
        (UnauthenticatedBulkLength, "Protocol error: unauthenticated bulk length"),
        (TooBigBulkCount, "Protocol error: too big bulk count string"),
        (ExpectedBulk(b'x'), "Protocol error: expected '$', got 'x'"),
        (TooBigInline, "Protocol error: too big inline request"),
        (UnbalancedQuotes, "Protocol error: unbalanced quotes in request"),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_redis_waits_on_is_waited_on() {
    let cases: &[&[u8]] = &[
        b"",
        b"*",
        b"*1",
        b"*1\r",
        b"*x",
        b"*x\r",
        b"*2147483647\r\n",
        b"*1\r\nx",
        b"*1\r\nx\r",
        b"*1\r\n$536870912\r\n",
        b"*1\r\n$4\r\nPING",
        b"*1\r\n$4\r\nPING\r",
        // Without CR no line ends.
        b"*1\n$4\nPING\n",
        // A NUL hides the line's end.
        b"*1\0\r\n*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$4\0\r\nPING\r\n",
        b"*1\r\n\0\r\n",
        b"PING\0\r\nPING\r\n",
        b"\0\r\n",
        b"PING",
        b"PING\r",
        b"ECHO \"abc",
    ];
    for stream in cases {
        assert_waits(stream, 0);
    }
}

#[test]
fn empty_commands_are_skipped() {
    for empty in
        ["*0\r\n", "*-1\r\n", "*-5\r\n", "*-9223372036854775808\r\n", "\r\n\r\n\n", "   \r\n", "\r\r\n", "\x0b\t\n"]
    {
        let outcome = parse(&[empty.as_bytes(), PING].concat(), &Limits::default());
        assert_eq!(outcome, Outcome { commands: vec![vec![b"PING".to_vec()]], error: None }, "{empty:?}");
    }
}

#[test]
fn a_skipped_command_may_be_taken_off_the_buffer() {
    let mut parser = Parser::new();
    let mut spans = Vec::new();
    assert_eq!(parser.next(&mut b"*0\r\n\r\n*1".to_vec(), &Limits::default(), &mut spans), Ok(None));
    assert_eq!(parser.position(), 6);
}

#[test]
fn bytes_that_redis_skips_unseen_are_skipped_unseen() {
    for stream in [b"*1\rX$4\rYPINGZZ".as_slice(), b"*1\r\n$4\r\nPINGXX", b"*1\r\r$4\r\rPING\r\r"] {
        let outcome = parse(&[stream, PING].concat(), &Limits::default());
        assert_eq!(outcome.commands, [[b"PING"], [b"PING"]], "{}", shown(stream));
        assert_eq!(outcome.error, None);
    }
}

#[test]
fn commands_before_a_broken_one_are_still_found() {
    for (broken, expected) in [
        (b"*x\r\n".as_slice(), ProtocolError::InvalidMultibulkLength),
        (b"*1\r\nx\r\n", ProtocolError::ExpectedBulk(b'x')),
        (b"ECHO a \"\r\n", ProtocolError::UnbalancedQuotes),
    ] {
        let outcome = parse(&[PING, broken, PING].concat(), &Limits::default());
        assert_eq!(outcome, Outcome { commands: vec![vec![b"PING".to_vec()]], error: Some(expected) });
    }
}

#[test]
fn inline_arguments_are_split_and_unquoted_as_redis_does() {
    let cases: &[(&[u8], &[&[u8]])] = &[
        (b"PING\n", &[b"PING"]),
        (b"PING\r\n", &[b"PING"]),
        (b"PING\r\r\n", &[b"PING"]),
        (b"  SET\tk  v \r\n", &[b"SET", b"k", b"v"]),
        (b"ECHO \"a\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n", &[b"ECHO", b"aA\n\r\t\x08\x07q\\\""]),
        (b"ECHO 'a\\'b\\n\"'\r\n", &[b"ECHO", b"a'b\\n\""]),
        (b"ECHO a\"b c\"\r\n", &[b"ECHO", b"ab c"]),
        (b"ECHO \"\" ''\r\n", &[b"ECHO", b"", b""]),
        (b"ECHO \"\\x4\" \"\\xzz\" \"\\xfF\"\r\n", &[b"ECHO", b"x4", b"xzz", b"\xff"]),
        (b"ECHO \"\\x00\"\r\n", &[b"ECHO", b"\0"]),
        (b"ECHO a\\nb\r\n", &[b"ECHO", b"a\\nb"]),
        (b"ECHO a\x0bb\r\n", &[b"ECHO", b"a\x0bb"]),
        (b"\x0b\x0cECHO\t\x0ba\x0c\r\n", &[b"ECHO", b"a\x0c"]),
        (b"ECHO \"a\"\x0b\r\n", &[b"ECHO", b"a"]),
        (b"ECHO \xff\xfe\r\n", &[b"ECHO", b"\xff\xfe"]),
        (b"ECHO \"a\rb\" a\rb\r\n", &[b"ECHO", b"a\rb", b"a", b"b"]),
        (b"$4\r\n", &[b"$4"]),
    ];
    for (stream, expected) in cases {
        let outcome = parse(stream, &Limits::default());
        assert_eq!(
            (outcome.commands, outcome.error),
            (vec![expected.iter().map(|a| a.to_vec()).collect()], None),
            "{}",
            shown(stream)
        );
    }
}

#[test]
fn unbalanced_quotes_are_refused() {
    for stream in ["a\"b\"c", "\"abc", "'abc", "\"a\"b", "\"a\"\"b\"", "'a'b", "\"a\\", "\"", "'\\'"] {
        assert_refused(format!("ECHO {stream}\r\n").as_bytes(), &Limits::default(), ProtocolError::UnbalancedQuotes);
    }
}

#[test]
fn a_line_may_grow_to_its_limit_and_no_further() {
    const LIMIT: usize = 100;
    let limits = Limits { inline_len_max: LIMIT, ..Limits::default() };
    let ones = |len: usize| b"1".repeat(len);
    for (before, too_big, invalid) in [
        ("*", ProtocolError::TooBigMultibulkCount, ProtocolError::InvalidMultibulkLength),
        ("*1\r\n$", ProtocolError::TooBigBulkCount, ProtocolError::InvalidBulkLength),
        ("*1\r\nx", ProtocolError::TooBigBulkCount, ProtocolError::ExpectedBulk(b'x')),
    ] {
        let longest = [before.as_bytes(), &ones(LIMIT - 1)].concat();
        assert_eq!(parse(&longest, &limits).error, None);
        assert_refused(&[longest.as_slice(), b"1"].concat(), &limits, too_big);
        assert_refused(&[longest.as_slice(), b"1\r\n"].concat(), &limits, too_big);
        assert_refused(&[longest.as_slice(), b"\r\n"].concat(), &limits, invalid);
    }
    assert_eq!(parse(&ones(LIMIT), &limits).error, None);
    assert_eq!(parse(&[ones(LIMIT), b"\n".to_vec()].concat(), &limits).commands, [[ones(LIMIT)]]);
    assert_refused(&ones(LIMIT + 1), &limits, ProtocolError::TooBigInline);
    assert_refused(&[ones(LIMIT + 1), b"\n".to_vec()].concat(), &limits, ProtocolError::TooBigInline);
}

#[test]
fn a_tiny_limit_on_lines_spares_short_numbers() {
    let limits = Limits { inline_len_max: 0, multibulk_len_max: 3, ..Limits::default() };
    assert_eq!(parse(PING, &limits).commands, [[b"PING"]]);
    assert_refused(b"*123456789\r\n", &limits, ProtocolError::InvalidMultibulkLength);
    assert_refused(&b"x".repeat(INLINE_LEN_MAX_FLOOR + 1), &limits, ProtocolError::TooBigInline);
}

#[test]
fn a_line_behind_a_nul_waits_until_it_is_too_long() {
    let limits = Limits { inline_len_max: 100, ..Limits::default() };
    for (start, too_big) in [
        (b"*1\0\r\n".as_slice(), ProtocolError::TooBigMultibulkCount),
        (b"*1\r\n$1\0\r\n", ProtocolError::TooBigBulkCount),
        (b"a\0\r\n", ProtocolError::TooBigInline),
    ] {
        let line_at = start.iter().rposition(|byte| b"*$a".contains(byte)).unwrap_or_default();
        let filled = [start, &b"\r\n".repeat(100)].concat();
        assert_eq!(parse(&filled[..line_at + 100], &limits).error, None);
        assert_refused(&filled[..line_at + 101], &limits, too_big);
    }
}

#[test]
fn before_authentication_the_limits_are_tighter() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    assert_eq!(parse(b"*10\r\n", &limits).error, None);
    assert_refused(b"*11\r\n", &limits, ProtocolError::UnauthenticatedMultibulkLength);
    assert_refused(b"*2147483648\r\n", &limits, ProtocolError::InvalidMultibulkLength);
    assert_eq!(parse(b"*1\r\n$16384\r\n", &limits).error, None);
    assert_refused(b"*1\r\n$16385\r\n", &limits, ProtocolError::UnauthenticatedBulkLength);
    assert_refused(b"*1\r\n$536870913\r\n", &limits, ProtocolError::InvalidBulkLength);
    assert_eq!(parse(b"PING a a a a a a a a a a a a\r\n", &limits).commands[0].len(), 13);
}

#[test]
fn limits_may_widen_between_two_commands() {
    let mut buf = b"AUTH pw\r\n*11\r\n".to_vec();
    let mut parser = Parser::new();
    let mut spans = Vec::new();
    let before = Limits { authenticated: false, ..Limits::default() };
    assert_eq!(parser.next(&mut buf, &before, &mut spans), Ok(Some(2)));
    assert_eq!(parser.next(&mut buf, &Limits::default(), &mut spans), Ok(None));
}

#[test]
fn configured_limits_hold() {
    let limits = Limits { bulk_len_max: 5, multibulk_len_max: 2, ..Limits::default() };
    assert_eq!(parse(b"*2\r\n$5\r\nabcde\r\n$0\r\n\r\n", &limits).commands.len(), 1);
    assert_refused(b"*1\r\n$6\r\n", &limits, ProtocolError::InvalidBulkLength);
    assert_refused(b"*3\r\n", &limits, ProtocolError::InvalidMultibulkLength);
}

#[test]
fn an_argument_beyond_what_a_span_can_address_is_refused_at_once() {
    let limits = Limits { bulk_len_max: i64::MAX as u64, ..Limits::default() };
    assert_eq!(parse(b"*1\r\n$4294967200\r\n", &limits).error, None);
    assert_refused(b"*1\r\n$4294967290\r\n", &limits, ProtocolError::TooBigCommand);
    assert_refused(b"*1\r\n$9223372036854775807\r\n", &limits, ProtocolError::TooBigCommand);
}

#[test]
fn the_bytes_an_argument_lacks_are_known() {
    let mut parser = Parser::new();
    let mut spans = Vec::new();
    let mut feed = |stream: &[u8]| {
        let outcome = parser.next(&mut stream.to_vec(), &Limits::default(), &mut spans);
        (outcome, parser.wanted())
    };
    assert_eq!(feed(b"*2\r\n$100"), (Ok(None), 0));
    assert_eq!(feed(b"*2\r\n$1000\r\n"), (Ok(None), 1002));
    assert_eq!(feed(b"*2\r\n$1000\r\nabc"), (Ok(None), 999));
    let first = [b"*2\r\n$1000\r\n".as_slice(), &b"x".repeat(1000), b"\r\n"].concat();
    assert_eq!(feed(&first), (Ok(None), 0));
    assert_eq!(feed(&[first.as_slice(), b"$1\r\n"].concat()), (Ok(None), 3));
    assert_eq!(feed(&[first.as_slice(), b"$1\r\na\r\n"].concat()), (Ok(Some(2)), 0));
}

/// A client's way of sending a command.
fn multibulk(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// `stream` cut at the given places, which are taken modulo its length.
fn cut<'a>(stream: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (stream.len() + 1)).collect();
    places.push(stream.len());
    places.sort_unstable();
    let starts = [0].into_iter().chain(places.iter().copied());
    starts.zip(&places).map(|(start, end)| &stream[start..*end]).collect()
}

#[test]
fn a_command_of_very_many_arguments_is_found_whole() {
    let arguments: Vec<Vec<u8>> = (0..100_000).map(|n: u32| n.to_string().into_bytes()).collect();
    let stream = [PING, &multibulk(&arguments), PING].concat();
    let outcome = parse_pieces(stream.chunks(16 * 1024), &Limits::default());
    assert_eq!(outcome.commands, [vec![b"PING".to_vec()], arguments, vec![b"PING".to_vec()]]);
}

#[test]
fn after_going_back_the_same_commands_are_found_again() {
    let mut buf = [PING, &multibulk(&[b"GET".to_vec(), b"k".to_vec()]), PING, b"*2\r\n$3\r\nGE"].concat();
    let (mut parser, mut spans) = (Parser::new(), Vec::new());
    let mut ends = Vec::new();
    while parser.next(&mut buf, &Limits::default(), &mut spans).expect("no error").is_some() {
        ends.push(parser.position());
    }
    assert!(!parser.is_at_array(&buf), "it stands within a command");
    parser.rewind(ends[0]);
    assert!(parser.is_at_array(&buf));
    let mut again = Vec::new();
    let mut found = Vec::new();
    while parser.next(&mut buf, &Limits::default(), &mut again).expect("no error").is_some() {
        found.push(parser.position());
    }
    assert_eq!((&found[..], &again[..]), (&ends[1..], &spans[1..]));
    buf.extend_from_slice(b"T\r\n$1\r\nk\r\n");
    assert_eq!(parser.next(&mut buf, &Limits::default(), &mut again), Ok(Some(2)));
}

proptest! {
    #[test]
    fn commands_survive_encoding_and_any_cuts(
        commands in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..14), 0..8),
        places in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let stream: Vec<u8> = commands.iter().flat_map(|command| multibulk(command)).collect();
        let outcome = parse_pieces(cut(&stream, &places), &Limits::default());
        prop_assert_eq!(outcome, Outcome { commands, error: None });
    }

    #[test]
    fn what_looks_like_protocol_fares_the_same_however_it_is_cut(
        stream in "([*$\r\n\"'0-9a ]|\r\n|\\*[0-3]\r\n|\\$[0-3]\r\n|\0){0,60}",
        places in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let limits = Limits { inline_len_max: 24, ..Limits::default() };
        let whole = parse(stream.as_bytes(), &limits);
        prop_assert_eq!(whole, parse_pieces(cut(stream.as_bytes(), &places), &limits));
    }
}
