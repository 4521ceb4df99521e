//! Streams, read.

use super::super::listpack::Listpack;
use super::super::object::{Entry, Stream, StreamId};
use super::super::reader::Reader;
use super::super::{Error, Result, types};
use super::{DELETED, SAME_FIELDS, decode_id, groups};

/// The least bytes of a node: its ID with a length, and its listpack's.
const NODE_BYTES_MIN: usize = 18;

/// A stream of one of the three versions that there are.
pub(in super::super) fn load(reader: &mut Reader<'_>, kind: u8) -> Result<Stream> {
    let mut stream = Stream::default();
    for _ in 0..reader.count(NODE_BYTES_MIN)? {
        let id: [u8; 16] = reader.string()?.as_ref().try_into().map_err(|_| Error::Format)?;
        let bytes = reader.string()?;
        load_node(reader, decode_id(id), &bytes, &mut stream.entries)?;
    }
    let length = reader.length()?;
    stream.last_id = load_id(reader)?;
    let is_last = stream.entries.last().is_none_or(|entry| entry.id <= stream.last_id);
    let is_first = stream.entries.first().is_none_or(|entry| entry.id > (0, 0));
    let is_ascending = stream.entries.is_sorted_by(|a, b| a.id < b.id);
    if length != stream.entries.len() as u64 || !is_first || !is_last || !is_ascending {
        return Err(Error::Format);
    }
    stream.entries_added = length;
    if kind != types::STREAM_LISTPACKS {
        stream.first_id = load_id(reader)?;
        stream.max_deleted_id = load_id(reader)?;
        stream.entries_added = reader.length()?;
        if stream.entries_added < length {
            return Err(Error::Format);
        }
    }
    stream.first_id = stream.entries.first().map_or(stream.first_id, |entry| entry.id);
    stream.groups = groups::load(reader, kind, &stream)?;
    Ok(stream)
}

/// An ID as two numbers.
pub(super) fn load_id(reader: &mut Reader<'_>) -> Result<StreamId> {
    Ok((reader.length()?, reader.length()?))
}

fn load_node(reader: &mut Reader<'_>, id: StreamId, bytes: &[u8], entries: &mut Vec<Entry>) -> Result<()> {
    let mut listpack = Listpack::open(bytes)?;
    let (live, deleted) = (count(&mut listpack)?, count(&mut listpack)?);
    let names_count = count(&mut listpack)?;
    let mut names = Vec::new();
    for _ in 0..names_count {
        names.push(element(reader, &mut listpack)?);
    }
    if listpack.expect_integer()? != 0 {
        return Err(Error::Format);
    }
    let total = live.checked_add(deleted).ok_or(Error::Format)?;
    let mut live_seen = 0;
    for _ in 0..total {
        let (entry, is_deleted) = load_entry(reader, &mut listpack, id, &names)?;
        if !is_deleted {
            live_seen += 1;
            entries.push(entry);
        }
    }
    if live_seen != live || listpack.next()?.is_some() { Err(Error::Format) } else { Ok(()) }
}

fn load_entry(
    reader: &mut Reader<'_>,
    listpack: &mut Listpack<'_>,
    node: StreamId,
    names: &[Vec<u8>],
) -> Result<(Entry, bool)> {
    let flags = listpack.expect_integer()?;
    let (ms, sequence) = (difference(listpack)?, difference(listpack)?);
    // Flags, both differences, and the values; with other names, those and their number too.
    let mut expected = 3;
    let mut fields = Vec::new();
    reader.charge(0)?;
    if flags & SAME_FIELDS != 0 {
        for name in names {
            reader.charge(name.len())?;
            fields.push((name.clone(), element(reader, listpack)?));
        }
        expected += names.len();
    } else {
        let pairs = count(listpack)?;
        for _ in 0..pairs {
            fields.push((element(reader, listpack)?, element(reader, listpack)?));
        }
        expected += 1 + 2 * fields.len();
    }
    if fields.is_empty() || listpack.expect_integer()? != i64::try_from(expected).map_err(|_| Error::Format)? {
        return Err(Error::Format);
    }
    // Redis adds without looking, and a sequence may be below that of its node if the milliseconds are above.
    let id = (node.0.wrapping_add(ms), node.1.wrapping_add(sequence));
    Ok((Entry { id, fields }, flags & DELETED != 0))
}

fn element(reader: &mut Reader<'_>, listpack: &mut Listpack<'_>) -> Result<Vec<u8>> {
    let entry = listpack.expect()?;
    reader.charge(entry.len())?;
    Ok(entry.to_vec())
}

fn count(listpack: &mut Listpack<'_>) -> Result<u64> {
    u64::try_from(listpack.expect_integer()?).map_err(|_| Error::Format)
}

/// A difference of unsigned numbers, which wraps around.
fn difference(listpack: &mut Listpack<'_>) -> Result<u64> {
    Ok(listpack.expect_integer()?.cast_unsigned())
}
