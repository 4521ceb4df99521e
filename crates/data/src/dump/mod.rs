//! Values as payloads: between how this server keeps them and the [`Object`]s of Redis's format.
//!
//! A payload is put together in memory, value and bytes: it goes to a client in one reply, as Redis sends it.

mod hash;
mod list;
mod set;
mod stream;
mod zset;

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::keyspace::Settings;
use crate::rdb::{self, Limits, Object};
use crate::string::{self, Text};
use crate::tx::Tx;
use crate::view::{Found, View};

/// The payload of a value. `view` is where it was found.
pub fn dump(view: &View<'_>, found: Found<'_>) -> Result<Vec<u8>> {
    let object = object(view, found)?;
    Ok(rdb::dump(&object, &limits(&view.keyspace().settings)))
}

/// All that a value has.
fn object(view: &View<'_>, found: Found<'_>) -> Result<Object> {
    match found.meta.kind {
        Kind::String => Ok(Object::String(Text::new(found)?.to_vec(view)?)),
        Kind::List => Ok(Object::List(list::elements(view, found)?)),
        Kind::Set => Ok(Object::Set(set::members(view, found)?)),
        Kind::Zset => Ok(Object::Zset(zset::scored(view, found)?)),
        Kind::Hash => Ok(Object::Hash(hash::fields(view, found)?)),
        Kind::Stream => Ok(Object::Stream(stream::parts(view, &found)?)),
    }
}

/// Makes a key what a payload says, whatever it was. `old` is what [`Tx::find`] returned for it.
pub fn restore(
    tx: &mut Tx<'_>,
    key: &[u8],
    old: Option<Meta>,
    object: Object,
    expire_at_ms: Option<u64>,
) -> Result<()> {
    if let Object::String(bytes) = &object
        && bytes.len() as u64 > string::len_max(tx.keyspace())
    {
        return Err(Error::StringTooLong);
    }
    if let Some(old) = old {
        tx.remove(key, old);
    }
    match object {
        Object::String(bytes) => string::set(tx, key, None, &bytes, None),
        Object::List(elements) => list::build(tx, key, &elements)?,
        Object::Set(members) => set::build(tx, key, &members)?,
        Object::Zset(scored) => zset::build(tx, key, scored),
        Object::Hash(fields) => hash::build(tx, key, &fields)?,
        Object::Stream(parts) => stream::build(tx, key, &parts)?,
    }
    if expire_at_ms.is_some()
        && let Some(meta) = tx.find(key)?
    {
        tx.set_expiry(key, meta, expire_at_ms)?;
    }
    Ok(())
}

fn limits(settings: &Settings) -> Limits {
    let encodings = &settings.encodings;
    Limits {
        compress: settings.compress_dumps.load(Ordering::Relaxed),
        hash_entries: encodings.hash_max_listpack_entries.load(Ordering::Relaxed),
        hash_value_bytes: encodings.hash_max_listpack_value.load(Ordering::Relaxed),
        list_node_size: encodings.list_max_listpack_size.load(Ordering::Relaxed),
        intset_entries: encodings.set_max_intset_entries.load(Ordering::Relaxed),
        zset_entries: encodings.zset_max_listpack_entries.load(Ordering::Relaxed),
        zset_value_bytes: encodings.zset_max_listpack_value.load(Ordering::Relaxed),
        stream_node_bytes: encodings.stream_node_max_bytes.load(Ordering::Relaxed),
        stream_node_entries: encodings.stream_node_max_entries.load(Ordering::Relaxed),
    }
}
