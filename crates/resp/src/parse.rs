//! Requests: finds complete commands in a connection's read buffer.
//!
//! Nothing is copied: a command is a list of [`Span`]s into the buffer. The parser is resumable: of an incomplete command
//! it remembers the arguments found and how far the open line was searched, so no byte is looked at twice however small
//! the pieces in which it arrives. It does not own the buffer, does not execute, and does not decide when to read more.
//!
//! Faithful to Redis in what it does *not* check: the byte after CR and the two bytes after an argument are skipped
//! unseen, and a NUL hides everything behind it from the search for a line's end.

use std::ops::Range;

use memchr::memchr2;

use crate::error::ProtocolError;
use crate::inline;
use crate::limits::{INLINE_LEN_MAX_FLOOR, Limits, UNAUTHENTICATED_BULK_LEN_MAX, UNAUTHENTICATED_MULTIBULK_LEN_MAX};
use crate::number::{parse_integer, short_line};

/// How much of a buffer is looked at, in bytes: what a [`Span`] can address. A single command that needs more is refused;
/// of several, the later ones are found once the earlier ones were taken off the buffer.
pub const WINDOW_LEN_MAX: usize = u32::MAX as usize;

/// Argument spans for which a parser keeps its memory after the command is complete; beyond it the memory is given back.
pub const PARTIAL_SPANS_KEPT_MAX: usize = 1024;

/// Where an argument lies in the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// Both numbers lie within the window, so neither cast can lose bits.
    pub(crate) fn new(start: usize, len: usize) -> Self {
        debug_assert!(start + len <= WINDOW_LEN_MAX);
        Span { start: start as u32, len: len as u32 }
    }

    /// The offsets into the buffer.
    #[inline]
    pub fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

/// One connection's place in its request stream.
#[derive(Debug, Default)]
pub struct Parser {
    /// End of the last complete command. Moves only in `next` and `rebase`.
    position: usize,
    /// First byte not yet parsed; `position <= cursor`.
    cursor: usize,
    /// Bytes before this one hold no end of the line that begins at `cursor`; meaningless when below `cursor`.
    searched: usize,
    /// Arguments still to come in the command that has begun; 0 between commands.
    remaining: i64,
    /// Length of the argument at `cursor`, once its `$` line was read.
    bulk_len: Option<usize>,
    /// See [`Parser::wanted`].
    wanted: usize,
    /// Arguments found so far of a command that was incomplete when `next` last returned.
    partial: Vec<Span>,
    /// Once set, the frame is lost and every further call answers the same.
    failed: Option<ProtocolError>,
}

/// Where the end of a line was found.
enum LineEnd {
    At(usize),
    Missing,
    TooFar,
}

impl Parser {
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the next complete command in `buf` behind [`position`](Self::position), appends its argument spans, as
    /// offsets into `buf`, to `spans`, and returns their number, which is never 0: empty commands (`*0`, `*-1`, blank
    /// lines) are skipped.
    ///
    /// `None` means that more bytes are needed. Until they come, `buf` may be moved and, after
    /// [`rebase`](Self::rebase), shortened at its front, but what it holds must stay. Quotes in inline commands are
    /// decoded in place, hence `&mut`. After an error the stream is lost, and every further call gives the same error.
    pub fn next(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mark = spans.len();
        let outcome = self.next_command(buf, limits, spans);
        if let Err(error) = outcome {
            spans.truncate(mark);
            self.failed = Some(error);
        }
        outcome
    }

    /// End of the last complete command: so many bytes may be taken off the buffer's front.
    #[inline]
    pub fn position(&self) -> usize {
        self.position
    }

    /// True if what follows the last complete command is one in the form of an array, as far as can be seen: such a command is not changed when it is
    /// found, and may be found again ([`Parser::rewind`]).
    #[inline]
    pub fn is_at_array(&self, buf: &[u8]) -> bool {
        self.position == self.cursor && buf.get(self.cursor) == Some(&b'*')
    }

    /// Goes back to the end of an earlier command in the buffer, behind which all are arrays. They will be found again.
    pub fn rewind(&mut self, position: usize) {
        if position < self.position {
            *self =
                Parser { position, cursor: position, partial: std::mem::take(&mut self.partial), ..Parser::default() };
            self.partial.clear();
        }
    }

    /// To be called when the first [`position`](Self::position) bytes were taken off the buffer: everything shifts along.
    pub fn rebase(&mut self) {
        let taken = self.position;
        if taken == 0 {
            return;
        }
        self.position = 0;
        self.cursor -= taken;
        self.searched = self.searched.saturating_sub(taken);
        // A command's spans are shifted at most once: afterwards its first byte is the buffer's first.
        for span in &mut self.partial {
            *span = Span::new(span.start as usize - taken, span.len as usize);
        }
    }

    /// Bytes known to be missing for the argument that is arriving, as of the last `next`; 0 if none or unknown.
    #[inline]
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    fn next_command(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        self.wanted = 0;
        let arrived = buf.len();
        let window = &mut buf[..arrived.min(WINDOW_LEN_MAX)];
        loop {
            let outcome = if self.remaining > 0 {
                self.arguments(window, limits, spans)?
            } else {
                match window.get(self.cursor) {
                    Some(b'*') => self.multibulk(window, limits, spans)?,
                    Some(_) => self.inline(window, limits, spans)?,
                    None => None,
                }
            };
            match outcome {
                Some(0) => {}
                Some(count) => return Ok(Some(count)),
                // The window slides only when complete commands leave it; one command that fills it will never fit.
                None if self.position == 0 && arrived > WINDOW_LEN_MAX => {
                    return Err(ProtocolError::TooBigCommand);
                }
                None => return Ok(None),
            }
        }
    }

    /// A command that begins with `*`.
    #[inline]
    fn multibulk(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        let Some((count, next)) = (match short_line(buf, self.cursor + 1) {
            Some((count, next)) => Some((Some(count), next)),
            None => self.long_line(buf, limits, ProtocolError::TooBigMultibulkCount)?,
        }) else {
            return Ok(None);
        };
        let count =
            count.filter(|count| *count <= limits.multibulk_len_max).ok_or(ProtocolError::InvalidMultibulkLength)?;
        if count > UNAUTHENTICATED_MULTIBULK_LEN_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        self.cursor = next;
        if count <= 0 {
            self.position = next;
            return Ok(Some(0));
        }
        self.remaining = count;
        self.arguments(buf, limits, spans)
    }

    /// The arguments of a command whose `*` line was read, from wherever the last call stopped.
    #[inline]
    fn arguments(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        if !self.partial.is_empty() {
            return self.resumed_arguments(buf, limits, spans);
        }
        let mark = spans.len();
        if self.collect(buf, limits, spans)? {
            self.position = self.cursor;
            return Ok(Some(spans.len() - mark));
        }
        self.partial.extend_from_slice(&spans[mark..]);
        spans.truncate(mark);
        Ok(None)
    }

    #[cold]
    fn resumed_arguments(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        let mut partial = std::mem::take(&mut self.partial);
        let complete = self.collect(buf, limits, &mut partial)?;
        let outcome = complete.then_some(partial.len());
        if complete {
            self.position = self.cursor;
            spans.extend_from_slice(&partial);
            partial.clear();
            partial.shrink_to(PARTIAL_SPANS_KEPT_MAX);
        }
        self.partial = partial;
        Ok(outcome)
    }

    /// Appends arguments to `found` until the command is complete (true) or the bytes run out (false).
    #[inline]
    fn collect(&mut self, buf: &[u8], limits: &Limits, found: &mut Vec<Span>) -> Result<bool, ProtocolError> {
        while self.remaining > 0 {
            let len = match self.bulk_len {
                Some(len) => len,
                None => match self.bulk_header(buf, limits)? {
                    Some(len) => len,
                    None => return Ok(false),
                },
            };
            let next = self.cursor + len + 2;
            if next > buf.len() {
                self.bulk_len = Some(len);
                self.wanted = next - buf.len();
                return Ok(false);
            }
            found.push(Span::new(self.cursor, len));
            self.cursor = next;
            self.bulk_len = None;
            self.remaining -= 1;
        }
        Ok(true)
    }

    /// Reads the `$` line at the cursor and steps over it: the length of the argument behind it.
    #[inline]
    fn bulk_header(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let short = match buf.get(self.cursor) {
            Some(b'$') => short_line(buf, self.cursor + 1),
            _ => None,
        };
        let Some((len, next)) = (match short {
            Some((len, next)) => Some((Some(len), next)),
            None => self.long_line(buf, limits, ProtocolError::TooBigBulkCount)?,
        }) else {
            return Ok(None);
        };
        // A wrong first byte is told only once the whole line is there.
        if buf[self.cursor] != b'$' {
            return Err(ProtocolError::ExpectedBulk(buf[self.cursor]));
        }
        let len = len
            .and_then(|len| u64::try_from(len).ok())
            .filter(|len| *len <= limits.bulk_len_max)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        if len > UNAUTHENTICATED_BULK_LEN_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        // Told at once, not after the client has sent gigabytes. What is kept is less than the window, and so a usize.
        let before = next - self.position;
        match usize::try_from(len) {
            Ok(len) if len < WINDOW_LEN_MAX && before + len + 2 <= WINDOW_LEN_MAX => {
                self.cursor = next;
                Ok(Some(len))
            }
            _ => Err(ProtocolError::TooBigCommand),
        }
    }

    /// The `*` or `$` line at the cursor, whatever its length: its number, if it is one, and where the next line begins.
    #[cold]
    #[inline(never)]
    fn long_line(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        too_far: ProtocolError,
    ) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
        match self.find_line_end(buf, b'\r', limits) {
            LineEnd::At(end) if end + 1 < buf.len() => {
                // A line that is only CR has no type byte either, and no number.
                let digits = buf.get(self.cursor + 1..end).unwrap_or_default();
                Ok(Some((parse_integer(digits), end + 2)))
            }
            LineEnd::At(_) | LineEnd::Missing => Ok(None),
            LineEnd::TooFar => Err(too_far),
        }
    }

    /// An inline command: a line of words.
    #[inline(never)]
    fn inline(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Option<usize>, ProtocolError> {
        let newline = match self.find_line_end(buf, b'\n', limits) {
            LineEnd::At(newline) => newline,
            LineEnd::Missing => return Ok(None),
            LineEnd::TooFar => return Err(ProtocolError::TooBigInline),
        };
        let end = match buf[self.cursor..newline] {
            [.., b'\r'] => newline - 1,
            _ => newline,
        };
        let count = inline::split(buf, self.cursor, end, spans).ok_or(ProtocolError::UnbalancedQuotes)?;
        self.cursor = newline + 1;
        self.position = self.cursor;
        Ok(Some(count))
    }

    /// Searches the line at the cursor for its end, beginning where the last search stopped.
    ///
    /// A line may be one byte longer than the limit, because Redis compares before it has seen the end. Behind a NUL
    /// nothing is found, so such a line waits until it has grown too long.
    fn find_line_end(&mut self, buf: &[u8], end: u8, limits: &Limits) -> LineEnd {
        let len_max = limits.inline_len_max.max(INLINE_LEN_MAX_FLOOR);
        let from = self.searched.max(self.cursor);
        let to = buf.len().min(self.cursor.saturating_add(len_max).saturating_add(1));
        let unsearched = buf.get(from..to).unwrap_or_default();
        self.searched = match memchr2(end, 0, unsearched) {
            Some(offset) => from + offset,
            None => from.max(to),
        };
        if self.searched < to && buf[self.searched] == end {
            LineEnd::At(self.searched)
        } else if buf.len() - self.cursor > len_max {
            LineEnd::TooFar
        } else {
            LineEnd::Missing
        }
    }
}

#[cfg(test)]
mod tests;
