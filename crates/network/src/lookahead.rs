//! The commands of a pipeline that are read from memory, found and looked up before the first of them runs.

use std::time::Instant;

use commands::{Args, Command, Host, HotReads, Slice, table};
use resp::{Limits, ProtocolError};

use crate::connection::State;
use crate::dispatch::SLICE_BYTES_MAX;
use crate::shard::Shard;

/// Commands that are found before the first of them runs, at most. What is looked up for them has to stay in the nearest cache of the processor.
const LOOK_AHEAD_MAX: usize = 32;

/// A command that was found in the buffer and not looked at yet.
#[derive(Debug)]
pub(crate) struct Upcoming {
    /// Where its arguments begin in the slice's spans, and how many there are.
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Where it ends in the buffer.
    pub(crate) end: usize,
    /// What it calls; None: that is to be found out, or is an error.
    pub(crate) command: Option<&'static Command>,
}

/// The time, read once for several commands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) at: Instant,
    /// Unix time.
    pub(crate) now_ms: u64,
}

impl Clock {
    pub(crate) fn read(shard: &Shard) -> Clock {
        Clock { at: Instant::now(), now_ms: shard.common.now_us() / 1000 }
    }
}

/// Finds the next complete command in the buffer, if there is one; and as long as it is a read that memory may answer, those behind it. The
/// keys of several are looked up together.
pub(crate) fn find_commands(
    shard: &Shard,
    state: &mut State,
    slice: &mut Slice,
    buf: &mut [u8],
    upcoming: &mut Vec<Upcoming>,
) -> Result<(), ProtocolError> {
    let bulk_len_max = shard.common.settings.bulk_len_max.load(std::sync::atomic::Ordering::Relaxed);
    let nothing_under_way = !slice.crosses() && state.outstanding.is_none();
    let may_look_ahead = nothing_under_way && state.session.authenticated && state.session.queue.is_none();
    let limits = Limits { bulk_len_max, authenticated: state.session.authenticated, ..Limits::default() };
    let mut reads = 0;
    loop {
        let first = slice.spans.len();
        let count = match state.parser.next(buf, &limits, &mut slice.spans) {
            Ok(Some(count)) => count,
            Ok(None) => break,
            // The parser tells it again, when what is before it was answered.
            Err(_) if !upcoming.is_empty() => break,
            Err(error) => return Err(error),
        };
        let args = Args::new(buf, &slice.spans[first..]);
        let command = table::resolve(&args).ok();
        let is_read = may_look_ahead && command.is_some_and(|command| HotReads::key_of(command, &args).is_some());
        upcoming.push(Upcoming { first, count, end: state.parser.position(), command });
        reads += usize::from(is_read);
        let is_far = upcoming.len() == LOOK_AHEAD_MAX || state.parser.position() >= SLICE_BYTES_MAX;
        if !is_read || is_far || !state.parser.is_at_array(buf) {
            break;
        }
    }
    if reads > 1 {
        let keys = upcoming.iter().filter_map(|upcoming| {
            let args = Args::new(buf, &slice.spans[upcoming.first..upcoming.first + upcoming.count]);
            HotReads::key_of(upcoming.command?, &args)
        });
        shard.hot.look_ahead(state.session.db, keys);
    }
    Ok(())
}
