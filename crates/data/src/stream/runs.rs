//! Runs of entries in the hot tier, so that a short read of a stream that is in use needs no iterator, and none of storage at all.
//!
//! The ids are cut into *stretches* of equal width, a power of two that comes from how close to each other the stream's entries are. A run has
//! the entries of one stretch, from its beginning on:
//!
//! | part       | bytes | what                                                                              |
//! |------------|-------|-----------------------------------------------------------------------------------|
//! | generation | 8     | the stream's when the run was made                                                 |
//! | through    | 16    | every entry of the stretch up to this id is here                                   |
//! | next       | 16    | the first entry behind that; 0-0 if there was none                                 |
//! | finer      | 1     | the stretch has more entries than fit: those behind are in stretches of so many bits; or 0 |
//! | entries    | rest  | id (16), then the value as it lies in its record, packed                           |
//!
//! Nothing of that is on disk. New entries come behind all others, so they change no run: one that ends with the stream is made longer once it is
//! asked for what came since. What is trimmed is below the header's first id, and passed over. Whoever takes out other entries, or opens the way
//! to ids that were given before, ends the *generation*: a number at random that the hot tier has for the stream. Runs of another are worth
//! nothing, and where there is none, the next read but one makes runs anew.

use engine::{Direction, Value};

use crate::error::Result;
use crate::packed;
use crate::tx::Tx;
use crate::view::{PartCursor, View};

use super::id::StreamId;
use super::layout::{self, Header};
use super::{Entry, Progress, Stream, entry_of};

/// Under what the generation is kept.
const GENERATION: &[u8] = &[0];
/// With what the key of a run begins.
const RUN: u8 = 1;
/// Bytes before the entries.
const HEAD_LEN: usize = 8 + 16 + 16 + 1;
/// Bytes of an entry beside its value.
const ENTRY_HEAD_LEN: usize = 16 + 2;
/// The longest run, in bytes: what the hot tier takes.
const RUN_LEN_MAX: usize = 4 << 10;
/// What runs are to have on average, at most, in bytes; and in entries.
const RUN_LEN: u64 = 3 << 10;
const RUN_ENTRIES: u64 = 64;
/// Entries that one read takes from runs; what follows is read as it lies on disk.
const READ_MAX: usize = 128;
/// Ever finer stretches that are looked into.
const LEVELS_MAX: usize = 4;
/// Runs without an entry that a read passes on its way back, where none says what comes before it.
const EMPTY_MAX: usize = 2;

/// A run: see the module's text.
struct Run<'v> {
    bytes: Value<'v>,
    /// Where its stretch begins.
    start: StreamId,
    through: StreamId,
    next: Option<StreamId>,
    finer: Option<u32>,
}

/// How a read of runs ended.
pub(super) enum Outcome {
    /// Everything was visited that was asked for.
    Done,
    /// This is left.
    Left(StreamId, StreamId),
}

/// Ends the generation of a stream's runs.
pub(super) fn forget(tx: &mut Tx<'_>, stream: &Stream) {
    tx.forget_derived(stream.parts, GENERATION);
}

/// Visits entries between two ids, both included, as far as runs have them or can be made to; `visit` says stop by false.
pub(super) fn read(
    view: &View<'_>,
    stream: &Stream,
    (mut from, mut to): (StreamId, StreamId),
    direction: Direction,
    progress: &mut Progress,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<bool>,
) -> Result<Outcome> {
    let Some(mut runs) = Runs::of(view, stream)? else { return Ok(Outcome::Left(from, to)) };
    to = to.min(stream.header.last_id);
    let (mut visited, mut empty) = (0, 0);
    while from <= to && visited < READ_MAX && empty < EMPTY_MAX {
        let at = if direction == Direction::Forward { from } else { to };
        let Some(run) = runs.at(at)? else { break };
        let mut seen = 0;
        let mut each = |id: StreamId, value: &[u8]| {
            seen += 1;
            progress.step(view, value.len())?;
            visit(entry_of(id, value).ok_or_else(|| stream.parts.unreadable())?)
        };
        let goes_on = match direction {
            Direction::Forward => visit_all(run.entries(from, to), &mut each)?,
            Direction::Backward => {
                let entries: Vec<_> = run.entries(from, to).collect();
                visit_all(entries.into_iter().rev(), &mut each)?
            }
        };
        if !goes_on {
            return Ok(Outcome::Done);
        }
        visited += seen;
        let rest = match direction {
            Direction::Forward => run.next.or_else(|| run.through.next()).map(|next| (next, to)),
            Direction::Backward => {
                empty = if seen == 0 { empty + 1 } else { 0 };
                run.start.previous().map(|before| (from, before))
            }
        };
        let Some(rest) = rest else { return Ok(Outcome::Done) };
        (from, to) = rest;
    }
    Ok(if from <= to { Outcome::Left(from, to) } else { Outcome::Done })
}

/// Visits entries until `visit` says stop, by false. Returns the same.
fn visit_all<'r>(
    entries: impl Iterator<Item = (StreamId, &'r [u8])>,
    visit: &mut dyn FnMut(StreamId, &[u8]) -> Result<bool>,
) -> Result<bool> {
    for (id, value) in entries {
        if !visit(id, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The runs of a stream, for one read.
struct Runs<'r, 'v> {
    view: &'r View<'v>,
    stream: &'r Stream,
    generation: [u8; 8],
    /// Of the widest stretches.
    bits: u32,
    cursor: Option<PartCursor<'v>>,
}

impl<'r, 'v> Runs<'r, 'v> {
    /// None: there are none, nor are any made.
    fn of(view: &'r View<'v>, stream: &'r Stream) -> Result<Option<Self>> {
        let Some(bits) = stretch_bits(&stream.header).filter(|_| view.has_hot()) else { return Ok(None) };
        let Some(generation) = view.derived(stream.parts, GENERATION)? else {
            view.keep_derived(stream.parts, GENERATION, &view.turn().random_u64().to_be_bytes());
            return Ok(None);
        };
        let generation = <[u8; 8]>::try_from(&*generation).map_err(|_| stream.parts.unreadable())?;
        Ok(Some(Runs { view, stream, generation, bits, cursor: None }))
    }

    /// The run in which an id lies, or would lie.
    fn at(&mut self, id: StreamId) -> Result<Option<Run<'v>>> {
        let mut bits = self.bits;
        for _ in 0..LEVELS_MAX {
            let run = match self.kept(bits, id)? {
                Some(run) if run.through >= id || run.finer.is_some() => run,
                older => match self.make(bits, id, older)? {
                    Some(run) => run,
                    None => return Ok(None),
                },
            };
            match run.finer {
                Some(finer) if run.through < id => bits = finer,
                _ => return Ok(Some(run)),
            }
        }
        Ok(None)
    }

    fn kept(&self, bits: u32, id: StreamId) -> Result<Option<Run<'v>>> {
        let Some(bytes) = self.view.derived(self.stream.parts, &key(bits, id))? else { return Ok(None) };
        let run =
            Run::decode(start_of(bits, id), Value::Shared(bytes)).ok_or_else(|| self.stream.parts.unreadable())?;
        Ok(Some(run).filter(|run| run.bytes.starts_with(&self.generation)))
    }

    /// Makes a run from the records of its entries, and of one that has the first of them already. None: it cannot have the id.
    fn make(&mut self, bits: u32, id: StreamId, older: Option<Run<'v>>) -> Result<Option<Run<'v>>> {
        // A thread that may not wait gets no further than this.
        self.view.engine()?;
        let (start, end, parts) = (start_of(bits, id), end_of(bits, id), self.stream.parts);
        let from = older.as_ref().and_then(|run| run.through.next()).unwrap_or(start).max(self.stream.header.first_id);
        // What is not committed yet may never be.
        if self.view.has_written(parts, &layout::entry_suffix(from), &layout::after_entry(StreamId::MAX))? {
            return Ok(None);
        }
        let mut bytes = vec![0; HEAD_LEN];
        older.iter().for_each(|run| bytes.extend_from_slice(&run.bytes[HEAD_LEN..]));
        let (mut through, mut next, mut finer) = (end.min(self.stream.header.last_id), None, None);
        let cursor = self.cursor_at(from)?;
        while let Some((suffix, value)) = cursor.next()? {
            let found = layout::decode_entry_suffix(suffix).ok_or_else(|| parts.unreadable())?;
            if found > end {
                next = Some(found);
                break;
            }
            if bytes.len() + ENTRY_HEAD_LEN + value.len() > RUN_LEN_MAX {
                let Some((last, bits)) = finer_than(bits, &bytes[HEAD_LEN..]) else { return Ok(None) };
                (through, next, finer) = (last, Some(found), Some(bits));
                break;
            }
            push_id(&mut bytes, found);
            packed::push(&mut bytes, value);
        }
        bytes[..HEAD_LEN].copy_from_slice(&head(self.generation, through, next, finer));
        self.view.keep_derived(parts, &key(bits, id), &bytes);
        Ok(Some(Run { bytes: Value::Shared(bytes.as_slice().into()), start, through, next, finer }))
    }

    /// A cursor whose next record is that of the first entry from an id on.
    fn cursor_at(&mut self, from: StreamId) -> Result<&mut PartCursor<'v>> {
        let (first, end) = (layout::entry_suffix(StreamId::MIN), layout::after_entry(StreamId::MAX));
        let (view, parts, at) = (self.view, self.stream.parts, layout::entry_suffix(from));
        view.seek_records(&mut self.cursor, parts, (&first, Some(&end)), &at)
    }
}

impl<'v> Run<'v> {
    fn decode(start: StreamId, bytes: Value<'v>) -> Option<Run<'v>> {
        let mut rest = bytes.get(8..)?;
        let (through, next) = (take_id(&mut rest)?, take_id(&mut rest)?);
        let finer = Some(u32::from(*rest.first()?)).filter(|&bits| bits > 0);
        Some(Run { start, through, next: Some(next).filter(|&next| next > StreamId::MIN), finer, bytes })
    }

    /// Its entries between two ids, both included: ids and values.
    fn entries(&self, from: StreamId, to: StreamId) -> impl Iterator<Item = (StreamId, &[u8])> {
        entries(self.bytes.get(HEAD_LEN..).unwrap_or(&[]))
            .skip_while(move |&(id, _)| id < from)
            .take_while(move |&(id, _)| id <= to)
    }
}

fn entries(mut bytes: &[u8]) -> impl Iterator<Item = (StreamId, &[u8])> {
    std::iter::from_fn(move || {
        let id = take_id(&mut bytes)?;
        let mut strings = packed::strings(bytes);
        let value = strings.next()?;
        bytes = strings.rest();
        Some((id, value))
    })
}

/// The last entry of a run that is full, and the width in bits of stretches that have about so many entries where these are; None
/// if no finer ones would help.
fn finer_than(bits: u32, bytes: &[u8]) -> Option<(StreamId, u32)> {
    let first = entries(bytes).next()?.0;
    let last = entries(bytes).last()?.0;
    let widest = bits.checked_sub(1).filter(|&widest| widest > 0)?;
    let finer = last.number().saturating_sub(first.number()).checked_ilog2().unwrap_or(0);
    Some((last, finer.clamp(1, widest)))
}

/// The width of stretches with as many entries as a run is to have, in bits of their ids; None if the entries are too long for that.
fn stretch_bits(header: &Header) -> Option<u32> {
    let tail = header.tail.as_ref()?;
    let len = tail.bytes / u64::from(tail.live + tail.deleted).max(1) + ENTRY_HEAD_LEN as u64;
    let entries = u128::from((RUN_LEN / len).min(RUN_ENTRIES));
    let gap = header.last_id.number().saturating_sub(header.first_id.number()) / u128::from(header.length.max(1));
    gap.max(1).saturating_mul(entries).checked_ilog2().map(|bits| bits.max(1))
}

fn start_of(bits: u32, id: StreamId) -> StreamId {
    StreamId::of_number(id.number() >> bits << bits)
}

fn end_of(bits: u32, id: StreamId) -> StreamId {
    StreamId::of_number(id.number() | ((1 << bits) - 1))
}

fn key(bits: u32, id: StreamId) -> [u8; 18] {
    let mut key = [RUN; 18];
    // Fewer than 128.
    key[1] = bits as u8;
    key[2..].copy_from_slice(&start_of(bits, id).number().to_be_bytes());
    key
}

fn head(generation: [u8; 8], through: StreamId, next: Option<StreamId>, finer: Option<u32>) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(&generation);
    head[8..24].copy_from_slice(&through.number().to_be_bytes());
    head[24..40].copy_from_slice(&next.unwrap_or(StreamId::MIN).number().to_be_bytes());
    head[40] = finer.unwrap_or(0) as u8;
    head
}

fn push_id(bytes: &mut Vec<u8>, id: StreamId) {
    bytes.extend_from_slice(&id.number().to_be_bytes());
}

fn take_id(bytes: &mut &[u8]) -> Option<StreamId> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    *bytes = rest;
    Some(StreamId::of_number(u128::from_be_bytes(*id)))
}

#[cfg(test)]
mod tests;
