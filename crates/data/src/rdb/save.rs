//! Values of every type, written in the encoding that Redis 7.0 would choose.

use super::double::{self, Text};
use super::listpack::Builder;
use super::object::{Field, Object};
use super::writer::Writer;
use super::{Limits, intset, quicklist, stream, types};

/// Writes a value, its type first.
pub(super) fn save(writer: &mut Writer, object: &Object, limits: &Limits) {
    match object {
        Object::String(bytes) => {
            writer.byte(types::STRING);
            writer.string(bytes);
        }
        Object::List(elements) => {
            writer.byte(types::LIST_QUICKLIST_2);
            quicklist::write(writer, elements, limits.list_node_size);
        }
        Object::Set(members) => set(writer, members, limits),
        Object::Zset(scored) => zset(writer, scored, limits),
        Object::Hash(fields) if object.has_expiring_fields() => expiring_hash(writer, fields, limits),
        Object::Hash(fields) => hash(writer, fields, limits),
        Object::Stream(stream) => {
            writer.byte(types::STREAM_LISTPACKS_2);
            stream::save(writer, stream, limits);
        }
    }
}

fn set(writer: &mut Writer, members: &[Vec<u8>], limits: &Limits) {
    if members.len() as u64 <= limits.intset_entries
        && let Some(mut integers) =
            members.iter().map(|member| crate::integer::parse(member)).collect::<Option<Vec<_>>>()
    {
        integers.sort_unstable();
        writer.byte(types::SET_INTSET);
        writer.string(&intset::encode(&integers));
        return;
    }
    writer.byte(types::SET);
    writer.length(members.len() as u64);
    members.iter().for_each(|member| writer.string(member));
}

fn zset(writer: &mut Writer, scored: &[(Vec<u8>, f64)], limits: &Limits) {
    let mut sorted: Vec<(&[u8], f64)> = scored.iter().map(|(member, score)| (member.as_slice(), *score)).collect();
    let by_score_and_member = |a: &(&[u8], f64), b: &(&[u8], f64)| {
        // Unlike the total order, this takes both zeros for the same.
        a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.0.cmp(b.0))
    };
    sorted.sort_by(by_score_and_member);
    let is_compact = sorted.len() as u64 <= limits.zset_entries
        && sorted.iter().all(|(member, _)| member.len() as u64 <= limits.zset_value_bytes);
    if !is_compact {
        writer.byte(types::ZSET_2);
        writer.length(sorted.len() as u64);
        // From the greatest score on, as then each goes to the front when Redis reads it.
        for (member, score) in sorted.into_iter().rev() {
            writer.string(member);
            writer.binary_double(score);
        }
        return;
    }
    let mut listpack = Builder::new();
    for (member, score) in sorted {
        listpack.push(member);
        match double::write(score) {
            Text::Integer(integer) => listpack.push_integer(integer),
            Text::Float(text) => listpack.push(text.as_bytes()),
        }
    }
    writer.byte(types::ZSET_LISTPACK);
    writer.string(&listpack.finish());
}

fn is_compact(fields: &[Field], limits: &Limits) -> bool {
    let is_short = |bytes: &[u8]| bytes.len() as u64 <= limits.hash_value_bytes;
    fields.len() as u64 <= limits.hash_entries
        && fields.iter().all(|field| is_short(&field.name) && is_short(&field.value))
}

fn hash(writer: &mut Writer, fields: &[Field], limits: &Limits) {
    if is_compact(fields, limits) {
        let mut listpack = Builder::new();
        for field in fields {
            listpack.push(&field.name);
            listpack.push(&field.value);
        }
        writer.byte(types::HASH_LISTPACK);
        writer.string(&listpack.finish());
        return;
    }
    writer.byte(types::HASH);
    writer.length(fields.len() as u64);
    for field in fields {
        writer.string(&field.name);
        writer.string(&field.value);
    }
}

/// A hash of which fields expire, as Redis 7.4 writes it.
fn expiring_hash(writer: &mut Writer, fields: &[Field], limits: &Limits) {
    let least_ms = fields.iter().filter_map(|field| field.expire_at_ms).min().unwrap_or(0);
    if is_compact(fields, limits) {
        let mut sorted: Vec<&Field> = fields.iter().collect();
        // What expires first comes first, and what does not expire last.
        sorted.sort_by_key(|field| field.expire_at_ms.unwrap_or(u64::MAX));
        let mut listpack = Builder::new();
        for field in sorted {
            listpack.push(&field.name);
            listpack.push(&field.value);
            let expiry = field.expire_at_ms.map_or(0, |at| i64::try_from(at).unwrap_or(i64::MAX));
            listpack.push_integer(expiry);
        }
        writer.byte(types::HASH_LISTPACK_EX);
        writer.milliseconds(least_ms);
        writer.string(&listpack.finish());
        return;
    }
    writer.byte(types::HASH_METADATA);
    writer.milliseconds(least_ms);
    writer.length(fields.len() as u64);
    for field in fields {
        // Relative to the least, plus one, so that 0 says that there is none.
        writer.length(field.expire_at_ms.map_or(0, |at| at - least_ms + 1));
        writer.string(&field.name);
        writer.string(&field.value);
    }
}
