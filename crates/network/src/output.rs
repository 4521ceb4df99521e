//! Replies on their way to a client: written at once where the socket takes them, queued where it does not.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use crate::settings::OutputLimit;
use crate::stream::WriteHalf;

/// Bytes that are written to a socket in one turn of the thread. A large reply to a client that reads as fast as it is
/// written to would else keep the thread's other clients waiting: this takes about a tenth of a millisecond.
const TURN_BYTES_MAX: usize = 256 << 10;

/// Replies that the socket has not taken yet, in order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first that are written.
    written: usize,
    bytes: usize,
    /// Since when the soft limit is passed.
    over_since: Option<Instant>,
}

/// What a write came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Written {
    /// Bytes that the socket took.
    pub(crate) bytes: u64,
    /// Calls that it needed.
    pub(crate) calls: u64,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a reply, or queues what the socket does not take of it. The buffer comes back, empty, if it was
    /// not needed.
    pub(crate) fn send(
        &mut self,
        socket: &WriteHalf,
        mut reply: Vec<u8>,
        written: &mut Written,
    ) -> io::Result<Vec<u8>> {
        if reply.is_empty() {
            return Ok(reply);
        }
        let mut sent = 0;
        if self.queue.is_empty() {
            while sent < reply.len().min(TURN_BYTES_MAX) {
                match socket.try_write(&reply[sent..reply.len().min(TURN_BYTES_MAX)]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => {
                        sent += n;
                        written.bytes += n as u64;
                        written.calls += 1;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if sent == reply.len() {
            reply.clear();
            return Ok(reply);
        }
        if self.queue.is_empty() {
            self.written = sent;
        }
        self.bytes += reply.len() - sent;
        self.queue.push_back(reply);
        Ok(Vec::new())
    }

    /// Writes what is queued, as far as the socket takes it and the turn goes.
    pub(crate) fn flush(&mut self, socket: &WriteHalf, written: &mut Written) -> io::Result<()> {
        let mut left = TURN_BYTES_MAX;
        while let Some(first) = self.queue.front().filter(|_| left > 0) {
            let end = first.len().min(self.written + left);
            match socket.try_write(&first[self.written..end]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    written.bytes += n as u64;
                    written.calls += 1;
                    left -= n;
                    self.bytes -= n;
                    self.written += n;
                    if self.written == first.len() {
                        self.queue.pop_front();
                        self.written = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// True if the client leaves more unread than it may.
    pub(crate) fn is_over(&mut self, limit: OutputLimit, now: Instant) -> bool {
        if limit.hard_bytes > 0 && self.bytes >= limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || self.bytes < limit.soft_bytes {
            self.over_since = None;
            return false;
        }
        let since = *self.over_since.get_or_insert(now);
        (now - since).as_secs() >= limit.soft_seconds
    }
}
