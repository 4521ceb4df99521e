//! Streams as payloads.

use engine::Direction;

use crate::error::{Error, Result};
use crate::rdb::{self, Consumer, Entry, Pending};
use crate::stream::{self, Delivery, OpenGroup, Progress, Stream, StreamId};
use crate::tx::Tx;
use crate::view::{Found, View};

const ALL: (StreamId, StreamId) = (StreamId::MIN, StreamId::MAX);

pub(super) fn parts(view: &View<'_>, found: &Found<'_>) -> Result<rdb::Stream> {
    let stream = Stream::decode(found)?;
    let header = &stream.header;
    let mut entries = Vec::new();
    stream.walk(view, ALL, Direction::Forward, &mut Progress::default(), |entry| {
        let (mut fields, mut strings) = (Vec::with_capacity(entry.pairs.min(1024)), entry.strings());
        while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
            fields.push((name.to_vec(), value.to_vec()));
        }
        entries.push(Entry { id: pair(entry.id), fields });
        Ok(true)
    })?;
    let mut found = Vec::new();
    stream::walk_groups(view, &stream, |name, group| {
        found.push((name.to_vec(), group));
        Ok(())
    })?;
    let groups = found.into_iter().map(|(name, group)| group_parts(view, &stream, name, &group));
    Ok(rdb::Stream {
        entries,
        last_id: pair(header.last_id),
        first_id: pair(header.first_id),
        max_deleted_id: pair(header.max_deleted_id),
        entries_added: header.entries_added,
        groups: groups.collect::<Result<_>>()?,
    })
}

fn group_parts(view: &View<'_>, stream: &Stream, name: Vec<u8>, group: &stream::Group) -> Result<rdb::Group> {
    let mut consumers = Vec::new();
    stream::walk_consumers(view, stream, group, |name, consumer| {
        let active_at_ms = u64::try_from(consumer.active_ms).ok();
        consumers.push(Consumer { name: name.to_vec(), seen_at_ms: consumer.seen_ms, active_at_ms });
        Ok(())
    })?;
    let mut pending = Vec::new();
    stream::walk_pending(view, stream, group, None, ALL, |id, of| {
        // They come in the order of their names.
        let found = consumers.binary_search_by(|consumer| consumer.name.as_slice().cmp(of.consumer));
        let consumer = found.map_err(|_| Error::BadRecord("a pending entry of nobody".to_owned()))?;
        pending.push(Pending { id: pair(id), consumer, delivered_at_ms: of.delivered_ms, deliveries: of.deliveries });
        Ok(true)
    })?;
    let entries_read = u64::try_from(group.entries_read).ok();
    Ok(rdb::Group { name, last_id: pair(group.last_id), entries_read, pending, consumers })
}

pub(super) fn build(tx: &mut Tx<'_>, key: &[u8], parts: &rdb::Stream) -> Result<()> {
    let mut stream = Stream::new(tx, key);
    for entry in &parts.entries {
        let fields: Vec<&[u8]> = entry.fields.iter().flat_map(|(name, value)| [&name[..], &value[..]]).collect();
        stream::add(tx, &mut stream, id(entry.id), &fields);
    }
    stream.header.last_id = id(parts.last_id);
    stream.header.max_deleted_id = id(parts.max_deleted_id);
    stream.header.entries_added = parts.entries_added;
    for group in &parts.groups {
        build_group(tx, &mut stream, group)?;
    }
    stream.save(tx, key);
    Ok(())
}

fn build_group(tx: &mut Tx<'_>, stream: &mut Stream, parts: &rdb::Group) -> Result<()> {
    let entries_read = parts.entries_read.and_then(|read| i64::try_from(read).ok()).unwrap_or(-1);
    stream::create_group(tx, stream, &parts.name, id(parts.last_id), entries_read)?;
    let Some(mut group) = OpenGroup::find(&tx.view(), stream, &parts.name)? else { return Ok(()) };
    for consumer in &parts.consumers {
        group.create_consumer(&tx.view(), stream, &consumer.name)?;
        if let Some(made) = group.consumer(&tx.view(), stream, &consumer.name)? {
            made.seen_ms = consumer.seen_at_ms;
            made.active_ms = consumer.active_at_ms.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
        }
    }
    for pending in &parts.pending {
        let Some(consumer) = parts.consumers.get(pending.consumer) else { continue };
        let delivery = Delivery {
            delivered_ms: pending.delivered_at_ms,
            deliveries: pending.deliveries,
            consumer: consumer.name.clone(),
        };
        group.set(tx, stream, id(pending.id), None, Some(&delivery))?;
    }
    group.save(tx, stream);
    Ok(())
}

fn pair(id: StreamId) -> rdb::StreamId {
    (id.ms, id.seq)
}

fn id((ms, seq): rdb::StreamId) -> StreamId {
    StreamId { ms, seq }
}
