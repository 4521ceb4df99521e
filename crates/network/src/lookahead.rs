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
    /// What it calls; None: an error.
    pub(crate) command: Option<&'static Command>,
    /// Which argument is its key, if it is a read that memory may answer.
    pub(crate) key_at: Option<usize>,
}

impl Upcoming {
    /// The command whose arguments are the last of the slice's spans.
    pub(crate) fn find(buf: &[u8], slice: &Slice, first: usize, end: usize) -> Upcoming {
        let args = Args::new(buf, &slice.spans[first..]);
        let command = table::resolve(&args).ok();
        let key_at = command.and_then(|command| HotReads::key_at(command, &args));
        Upcoming { first, count: args.len(), end, command, key_at }
    }

    fn key<'b>(&self, buf: &'b [u8], slice: &Slice) -> Option<&'b [u8]> {
        buf.get(slice.spans.get(self.first + self.key_at?)?.range())
    }
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
    loop {
        let first = slice.spans.len();
        match state.parser.next(buf, &limits, &mut slice.spans) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            // The parser tells it again, when what is before it was answered.
            Err(_) if !upcoming.is_empty() => break,
            Err(error) => return Err(error),
        }
        let found = Upcoming::find(buf, slice, first, state.parser.position());
        let is_last = !may_look_ahead || found.key_at.is_none() || found.end >= SLICE_BYTES_MAX;
        upcoming.push(found);
        if is_last || upcoming.len() == LOOK_AHEAD_MAX || !state.parser.is_at_array(buf) {
            break;
        }
    }
    if may_look_ahead && upcoming.len() > 1 {
        let (buf, slice) = (&*buf, &*slice);
        let reads = upcoming.iter().filter_map(|upcoming| {
            let args = Args::new(buf, slice.spans.get(upcoming.first..upcoming.first + upcoming.count)?);
            Some((upcoming.key(buf, slice)?, HotReads::element_of(upcoming.command?, &args)))
        });
        shard.hot.look_ahead(state.session.db, reads);
    }
    Ok(())
}
