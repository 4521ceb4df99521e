//! Values of every type, read.

use std::collections::HashSet;

use super::entry::Visit;
use super::object::{Field, Object};
use super::reader::Reader;
use super::{Error, Result, intset, listpack, quicklist, stream, types, ziplist, zipmap};

/// Visits the elements of a container.
type Container = fn(&[u8], &mut Visit<'_>) -> Result<()>;

/// The value that begins with its type.
pub(super) fn load(reader: &mut Reader<'_>) -> Result<Object> {
    Ok(match reader.byte()? {
        types::STRING => Object::String(reader.element()?),
        types::LIST => Object::List(not_empty(strings(reader)?)?),
        types::LIST_ZIPLIST => Object::List(not_empty(elements(reader, ziplist::visit)?)?),
        types::LIST_QUICKLIST => Object::List(quicklist(reader)?),
        types::LIST_QUICKLIST_2 => Object::List(quicklist_2(reader)?),
        types::SET => Object::Set(members(strings(reader)?)?),
        types::SET_INTSET => Object::Set(not_empty(integers(reader)?)?),
        types::SET_LISTPACK => Object::Set(members(elements(reader, listpack::visit)?)?),
        types::ZSET => Object::Zset(scored(reader, Reader::ascii_double)?),
        types::ZSET_2 => Object::Zset(scored(reader, Reader::binary_double)?),
        types::ZSET_ZIPLIST => Object::Zset(packed_scored(reader, ziplist::visit)?),
        types::ZSET_LISTPACK => Object::Zset(packed_scored(reader, listpack::visit)?),
        types::HASH => Object::Hash(fields(reader)?),
        types::HASH_ZIPMAP => Object::Hash(packed_fields(reader, zipmap::visit)?),
        types::HASH_ZIPLIST => Object::Hash(packed_fields(reader, ziplist::visit)?),
        types::HASH_LISTPACK => Object::Hash(packed_fields(reader, listpack::visit)?),
        types::HASH_METADATA => Object::Hash(expiring_fields(reader, true)?),
        types::HASH_METADATA_PRE_GA => Object::Hash(expiring_fields(reader, false)?),
        types::HASH_LISTPACK_EX => {
            // The least expiry, which the fields tell as well.
            reader.milliseconds()?;
            Object::Hash(packed_expiring_fields(reader)?)
        }
        types::HASH_LISTPACK_EX_PRE_GA => Object::Hash(packed_expiring_fields(reader)?),
        kind @ (types::STREAM_LISTPACKS | types::STREAM_LISTPACKS_2 | types::STREAM_LISTPACKS_3) => {
            Object::Stream(stream::load(reader, kind)?)
        }
        _ => return Err(Error::Format),
    })
}

fn not_empty<T>(elements: Vec<T>) -> Result<Vec<T>> {
    if elements.is_empty() { Err(Error::Format) } else { Ok(elements) }
}

/// Fails if a name comes twice.
fn check_unique<'e>(names: impl Iterator<Item = &'e [u8]>) -> Result<()> {
    let mut seen = HashSet::with_capacity(names.size_hint().0);
    for name in names {
        if !seen.insert(name) {
            return Err(Error::Format);
        }
    }
    Ok(())
}

fn members(members: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    check_unique(members.iter().map(Vec::as_slice))?;
    not_empty(members)
}

/// The last time that Redis takes for a field's, in Unix ms.
const FIELD_TIME_MAX_MS: u64 = (1 << 48) - 1;

fn hash(fields: Vec<Field>) -> Result<Vec<Field>> {
    check_unique(fields.iter().map(|field| field.name.as_slice()))?;
    if fields.iter().any(|field| field.expire_at_ms.is_some_and(|at| at > FIELD_TIME_MAX_MS)) {
        return Err(Error::Format);
    }
    not_empty(fields)
}

fn zset(scored: Vec<(Vec<u8>, f64)>) -> Result<Vec<(Vec<u8>, f64)>> {
    check_unique(scored.iter().map(|(member, _)| member.as_slice()))?;
    if scored.iter().any(|(_, score)| score.is_nan()) {
        return Err(Error::Format);
    }
    not_empty(scored)
}

/// Strings after their count.
fn strings(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>> {
    let count = reader.count(1)?;
    (0..count).map(|_| reader.element()).collect()
}

/// The elements of one container.
fn elements(reader: &mut Reader<'_>, container: Container) -> Result<Vec<Vec<u8>>> {
    let mut elements = Vec::new();
    let bytes = reader.string()?;
    container(&bytes, &mut |entry| {
        reader.charge(entry.len())?;
        elements.push(entry.to_vec());
        Ok(())
    })?;
    Ok(elements)
}

fn quicklist(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for _ in 0..reader.count(1)? {
        all.append(&mut elements(reader, ziplist::visit)?);
    }
    not_empty(all)
}

fn quicklist_2(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for _ in 0..reader.count(2)? {
        match reader.length()? {
            quicklist::NODE_PLAIN => all.push(reader.element()?),
            quicklist::NODE_PACKED => all.append(&mut elements(reader, listpack::visit)?),
            _ => return Err(Error::Format),
        }
    }
    not_empty(all)
}

fn integers(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>> {
    let integers = intset::decode(&reader.string()?)?;
    let mut members = Vec::with_capacity(integers.len());
    for integer in integers {
        reader.charge(size_of::<i64>())?;
        members.push(integer.to_string().into_bytes());
    }
    Ok(members)
}

type ReadScore<'b> = fn(&mut Reader<'b>) -> Result<f64>;

fn scored<'b>(reader: &mut Reader<'b>, score: ReadScore<'b>) -> Result<Vec<(Vec<u8>, f64)>> {
    let count = reader.count(2)?;
    let scored = (0..count).map(|_| Ok((reader.element()?, score(reader)?))).collect::<Result<_>>()?;
    zset(scored)
}

fn packed_scored(reader: &mut Reader<'_>, container: Container) -> Result<Vec<(Vec<u8>, f64)>> {
    let (mut scored, mut member) = (Vec::new(), None);
    let bytes = reader.string()?;
    container(&bytes, &mut |entry| {
        match member.take() {
            None => {
                reader.charge(entry.len())?;
                member = Some(entry.to_vec());
            }
            Some(member) => scored.push((member, entry.double().ok_or(Error::Format)?)),
        }
        Ok(())
    })?;
    if member.is_some() { Err(Error::Format) } else { zset(scored) }
}

fn fields(reader: &mut Reader<'_>) -> Result<Vec<Field>> {
    let count = reader.count(2)?;
    let field = |_| Ok(Field { name: reader.element()?, value: reader.element()?, expire_at_ms: None });
    hash((0..count).map(field).collect::<Result<_>>()?)
}

fn packed_fields(reader: &mut Reader<'_>, container: Container) -> Result<Vec<Field>> {
    let mut elements = elements(reader, container)?.into_iter();
    let mut fields = Vec::with_capacity(elements.len() / 2);
    while let Some(name) = elements.next() {
        let value = elements.next().ok_or(Error::Format)?;
        fields.push(Field { name, value, expire_at_ms: None });
    }
    hash(fields)
}

/// Fields with their expiry before them, 0 if they have none; `relative` to the least of all, plus one.
fn expiring_fields(reader: &mut Reader<'_>, relative: bool) -> Result<Vec<Field>> {
    let least_ms = if relative { reader.milliseconds()? } else { 0 };
    let count = reader.count(3)?;
    let field = |_| {
        let expiry = Some(reader.length()?).filter(|&expiry| expiry > 0);
        let expire_at_ms = match expiry {
            Some(expiry) if relative => Some(least_ms.checked_add(expiry - 1).ok_or(Error::Format)?),
            other => other,
        };
        Ok(Field { name: reader.element()?, value: reader.element()?, expire_at_ms })
    };
    hash((0..count).map(field).collect::<Result<_>>()?)
}

/// Triples of name, value and expiry, 0 if there is none.
fn packed_expiring_fields(reader: &mut Reader<'_>) -> Result<Vec<Field>> {
    let mut elements = elements(reader, listpack::visit)?.into_iter();
    let mut fields = Vec::with_capacity(elements.len() / 3);
    while let Some(name) = elements.next() {
        let (Some(value), Some(expiry)) = (elements.next(), elements.next()) else { return Err(Error::Format) };
        let expiry =
            crate::integer::parse(&expiry).and_then(|expiry| u64::try_from(expiry).ok()).ok_or(Error::Format)?;
        fields.push(Field { name, value, expire_at_ms: Some(expiry).filter(|&expiry| expiry > 0) });
    }
    hash(fields)
}
