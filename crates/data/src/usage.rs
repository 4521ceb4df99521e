//! What a key takes on disk before compression, estimated: for `MEMORY USAGE`. A large value is not walked through; some of its
//! records are measured, and the rest are taken for as long as those.

use engine::{Direction, Family};

use crate::error::Result;
use crate::hash::Hash;
use crate::header::Kind;
use crate::key::{self, Parts};
use crate::list::{self, List};
use crate::packed;
use crate::set::Set;
use crate::stream::Stream;
use crate::string::Text;
use crate::view::{Found, View};
use crate::zset::Zset;

/// Bytes of a record beside its key and value: what RocksDB adds to each.
const RECORD_OVERHEAD_BYTES: u64 = 32;
/// Bytes of a part's key before its suffix.
const PART_PREFIX_BYTES: u64 = 14;
/// Records after which a long walk looks whether somebody still waits for it.
const RECORDS_BETWEEN_CHECKS: u64 = 1024;

/// Bytes of all records of a key, measured by so many of a value's parts; None: by all of them.
pub fn bytes(view: &View<'_>, user_key: &[u8], found: Found<'_>, samples: Option<u64>) -> Result<u64> {
    let header = found.meta.encode(found.body()).len() + key::PREFIX_LEN + user_key.len();
    let header = header as u64 + RECORD_OVERHEAD_BYTES;
    let Some(parts) = found.meta.parts else { return Ok(header) };
    view.admit_parts()?;
    match found.meta.kind {
        // What of it is absent because it is zeros counts too, as it does in Redis.
        Kind::String => return Ok(header + Text::new(found)?.len()),
        Kind::List => return Ok(header + list_bytes(view, &List::new(found)?, samples)?),
        _ => {}
    }
    view.admit_keys(samples.map_or(usize::MAX, |samples| usize::try_from(samples).unwrap_or(usize::MAX)))?;
    let elements = measure(view, Family::Elements, parts, samples)?;
    let scores = measure(view, Family::Scores, parts, samples)?;
    let records = if elements.is_complete && scores.is_complete { 0 } else { records(view, found)? };
    Ok(header + elements.estimate(records) + scores.estimate(records))
}

/// A list has many elements in one record, and long ones in a record each: so its elements are measured.
fn list_bytes(view: &View<'_>, list: &List<'_>, samples: Option<u64>) -> Result<u64> {
    let count = samples.map_or(list.len(), |samples| samples.min(list.len()));
    let mut bytes = 0;
    list.walk(view, 0..count, Direction::Forward, |element| {
        bytes += packed::packed_len(element.len()) as u64;
        true
    })?;
    let blocks = list.len().div_ceil(list::layout::BLOCK_LEN);
    let sampled = Measured { count, bytes, is_complete: count == list.len() };
    Ok(sampled.estimate(list.len()) + blocks * (PART_PREFIX_BYTES + RECORD_OVERHEAD_BYTES))
}

/// About how many records of each family a large collection has.
fn records(view: &View<'_>, found: Found<'_>) -> Result<u64> {
    Ok(match found.meta.kind {
        Kind::Set => Set::new(found)?.len(),
        Kind::Zset => Zset::new(found)?.len(),
        Kind::Hash => Hash::new(found)?.len(view)?,
        // What groups have pending is mostly less than the entries.
        Kind::Stream => Stream::decode(&found)?.header.length,
        Kind::String | Kind::List => 0,
    })
}

/// Records of one family that were looked at.
struct Measured {
    count: u64,
    bytes: u64,
    /// There are no others.
    is_complete: bool,
}

impl Measured {
    fn estimate(&self, records: u64) -> u64 {
        if self.is_complete {
            return self.bytes;
        }
        let estimated = u128::from(self.bytes) * u128::from(records.max(self.count)) / u128::from(self.count.max(1));
        u64::try_from(estimated).unwrap_or(u64::MAX)
    }
}

fn measure(view: &View<'_>, family: Family, parts: Parts, samples: Option<u64>) -> Result<Measured> {
    let mut measured = Measured { count: 0, bytes: 0, is_complete: false };
    let mut cursor = view.records(family, parts, &[], None, Direction::Forward)?;
    while samples.is_none_or(|samples| measured.count < samples) {
        let Some((suffix, value)) = cursor.next()? else {
            measured.is_complete = true;
            break;
        };
        measured.count += 1;
        measured.bytes += PART_PREFIX_BYTES + (suffix.len() + value.len()) as u64 + RECORD_OVERHEAD_BYTES;
        if measured.count.is_multiple_of(RECORDS_BETWEEN_CHECKS) {
            view.go_on()?;
        }
    }
    Ok(measured)
}
