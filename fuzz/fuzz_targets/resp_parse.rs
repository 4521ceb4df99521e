//! The request parser on arbitrary bytes in arbitrary pieces.
//!
//! It must not panic, must give the same commands and the same error however the bytes are cut, must keep every span
//! within the command's own bytes, and must let nothing pass that the limits forbid.

#![no_main]

use libfuzzer_sys::fuzz_target;
use resp::{
    INLINE_LEN_MAX_FLOOR, Limits, Parser, ProtocolError, UNAUTHENTICATED_BULK_LEN_MAX,
    UNAUTHENTICATED_MULTIBULK_LEN_MAX,
};

/// Commands, and the error that ended the stream, if one did.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Bytes at the input's front that choose limits and cuts.
const CHOICES_LEN: usize = 8;

fuzz_target!(|input: &[u8]| {
    let Some((choices, stream)) = input.split_at_checked(CHOICES_LEN) else {
        return;
    };
    // Small limits, so that small inputs reach them.
    let limits = Limits {
        bulk_len_max: if choices[0] & 1 == 0 { u64::from(choices[1]) } else { u64::MAX },
        multibulk_len_max: if choices[0] & 2 == 0 { i64::from(choices[2]) } else { i64::from(i32::MAX) },
        inline_len_max: if choices[0] & 4 == 0 { usize::from(choices[3]) } else { 64 * 1024 },
        authenticated: choices[0] & 8 == 0,
    };
    let whole = parse(&mut std::iter::once(stream), &limits);
    for arguments in &whole.0 {
        check_limits(arguments, stream, &limits);
    }
    assert_eq!(whole, parse(&mut stream.chunks(1), &limits), "byte by byte");
    assert_eq!(whole, parse(&mut Cuts { stream, lengths: &choices[4..], turn: 0 }, &limits), "cut");
});

/// Cuts a stream into pieces of the given lengths, over and over.
struct Cuts<'a> {
    stream: &'a [u8],
    lengths: &'a [u8],
    turn: usize,
}

impl<'a> Iterator for Cuts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.stream.is_empty() {
            return None;
        }
        let length = usize::from(self.lengths[self.turn % self.lengths.len()]).max(1);
        self.turn += 1;
        let (piece, rest) = self.stream.split_at(length.min(self.stream.len()));
        self.stream = rest;
        Some(piece)
    }
}

/// Feeds the pieces as a connection does. On every second piece the complete commands stay in the buffer.
fn parse(pieces: &mut dyn Iterator<Item = &[u8]>, limits: &Limits) -> Outcome {
    let mut parser = Parser::new();
    let mut buf = Vec::new();
    let mut spans = Vec::new();
    let mut commands = Vec::new();
    for (turn, piece) in pieces.enumerate() {
        buf.extend_from_slice(piece);
        loop {
            spans.clear();
            let before = parser.position();
            let count = match parser.next(&mut buf, limits, &mut spans) {
                Ok(Some(count)) => count,
                Ok(None) => break,
                Err(error) => return (commands, Some(error)),
            };
            assert_eq!(count, spans.len());
            assert_ne!(count, 0);
            let mut end = before;
            for span in &spans {
                assert!(end <= span.range().start, "arguments lie in order and do not overlap");
                end = span.range().end;
            }
            assert!(end <= parser.position() && parser.position() <= buf.len());
            commands.push(spans.iter().map(|span| buf[span.range()].to_vec()).collect());
        }
        if parser.wanted() > 0 {
            assert!(spans.is_empty());
        }
        if turn % 2 == 0 {
            buf.drain(..parser.position());
            parser.rebase();
        }
    }
    (commands, None)
}

/// What a command's arguments tell about the limits they passed. Which form a command had is known only where the stream
/// lacks what the other form cannot do without.
fn check_limits(arguments: &[Vec<u8>], stream: &[u8], limits: &Limits) {
    let longest = arguments.iter().map(Vec::len).max().unwrap_or_default();
    if !stream.contains(&b'*') {
        let bytes: usize = arguments.iter().map(Vec::len).sum();
        assert!(bytes <= limits.inline_len_max.max(INLINE_LEN_MAX_FLOOR), "an inline command within its line");
    } else if !stream.contains(&b'\n') {
        assert!(arguments.len() as i64 <= limits.multibulk_len_max);
        assert!(longest as u64 <= limits.bulk_len_max);
        assert!(limits.authenticated || arguments.len() as i64 <= UNAUTHENTICATED_MULTIBULK_LEN_MAX);
        assert!(limits.authenticated || longest as u64 <= UNAUTHENTICATED_BULK_LEN_MAX);
    }
}
