//! What becomes of entries that a group has delivered: `XACK`, `XPENDING`, `XCLAIM`, `XAUTOCLAIM`.

use data::stream::{self, Delivery, OpenGroup, Progress, Stream, StreamId};
use data::{Tx, View};

use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

use super::{Elements, no_group, parse_end, parse_id, parse_start, write_entry, write_id};

/// Entries that `XAUTOCLAIM` looks at for each that it may claim.
const ATTEMPTS_FACTOR: i64 = 10;
/// Entries that `XAUTOCLAIM` claims unless the client says.
const AUTOCLAIM_COUNT: i64 = 100;
/// The greatest number of entries that `XAUTOCLAIM` takes, as in Redis, which has to find room for their ids.
const AUTOCLAIM_COUNT_MAX: i64 = i64::MAX / 16;
/// Pending entries that are read before they are changed, as one cannot write to a batch that one iterates over.
const ROUND_MAX: usize = 1000;

const MIN_IDLE_XCLAIM: Error = Error::sentence("ERR Invalid min-idle-time argument for XCLAIM");
const MIN_IDLE_XAUTOCLAIM: Error = Error::sentence("ERR Invalid min-idle-time argument for XAUTOCLAIM");
const INVALID_IDLE: Error = Error::sentence("ERR Invalid IDLE option argument for XCLAIM");
const INVALID_TIME: Error = Error::sentence("ERR Invalid TIME option argument for XCLAIM");
const INVALID_RETRYCOUNT: Error = Error::sentence("ERR Invalid RETRYCOUNT option argument for XCLAIM");
const COUNT_NOT_POSITIVE: Error = Error::sentence("ERR COUNT must be > 0");

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "xack",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::Stream,
        marks: Marks::FAST,
        doc: Doc::new(
            "5.0.0",
            "Takes entries off what a group has pending and counts those that were.",
            "O(1) for each message ID processed.",
            &[Arg::key(), GROUP, Arg::new("ID", ArgKind::String).multiple()],
        ),
        run: Run::Write(xack),
    },
    Command {
        name: "xpending",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::Stream,
        marks: Marks::NONE,
        doc: Doc::new(
            "5.0.0",
            "Tells what a group has pending: a summary, or the entries of a range.",
            "O(N) with N being the number of elements returned, or looked at if IDLE is used.",
            &[Arg::key(), GROUP, Arg::new("filters", ArgKind::Block(FILTERS)).optional()],
        )
        .history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
        .tips(&["nondeterministic_output"]),
        run: Run::Read(xpending),
    },
    Command {
        name: "xclaim",
        arity: Arity::AtLeast(6),
        keys: &[KeySpec::first(&["RW", "update"])],
        group: Group::Stream,
        marks: Marks::FAST,
        doc: Doc::new(
            "5.0.0",
            "Gives pending entries to another consumer of their group.",
            "O(log N) with N being the number of messages in the PEL of the consumer group.",
            &[
                Arg::key(),
                GROUP,
                CONSUMER,
                Arg::new("min-idle-time", ArgKind::String),
                Arg::new("ID", ArgKind::String).multiple(),
                Arg::new("ms", ArgKind::Integer).token("IDLE").optional(),
                Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("TIME").optional(),
                Arg::new("count", ArgKind::Integer).token("RETRYCOUNT").optional(),
                Arg::word("force", "FORCE").optional(),
                Arg::word("justid", "JUSTID").optional(),
                Arg::new("lastid", ArgKind::String).token("LASTID").optional(),
            ],
        )
        .tips(&["nondeterministic_output"]),
        run: Run::Write(xclaim),
    },
    Command {
        name: "xautoclaim",
        arity: Arity::AtLeast(6),
        keys: &[KeySpec::first(&["RW", "delete"])],
        group: Group::Stream,
        marks: Marks::FAST,
        doc: Doc::new(
            "6.2.0",
            "Gives the entries that were pending for long to another consumer of their group.",
            "O(1) if COUNT is small.",
            &[
                Arg::key(),
                GROUP,
                CONSUMER,
                Arg::new("min-idle-time", ArgKind::String),
                Arg::new("start", ArgKind::String),
                Arg::new("count", ArgKind::Integer).token("COUNT").optional(),
                Arg::word("justid", "JUSTID").optional(),
            ],
        )
        .history(&[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command cleared from the PEL",
        )])
        .tips(&["nondeterministic_output"]),
        run: Run::Write(xautoclaim),
    },
];

const GROUP: Arg = Arg::new("group", ArgKind::String);
const CONSUMER: Arg = Arg::new("consumer", ArgKind::String);
const FILTERS: &[Arg] = &[
    Arg::new("min-idle-time", ArgKind::Integer).token("IDLE").optional().since("6.2.0"),
    Arg::new("start", ArgKind::String),
    Arg::new("end", ArgKind::String),
    Arg::new("count", ArgKind::Integer),
    CONSUMER.optional(),
];

fn xack(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = stream::find(tx, args.at(1)?)?;
    let group = match &stream {
        Some(stream) => OpenGroup::find(&tx.view(), stream, args.at(2)?)?,
        None => None,
    };
    let (Some(stream), Some(mut group)) = (stream, group) else {
        reply.integer(0);
        return Ok(());
    };
    let ids = args.from(3).map(parse_id).collect::<Result<Vec<_>>>()?;
    let mut acknowledged = 0;
    for id in ids {
        acknowledged += i64::from(group.acknowledge(tx, &stream, id)?);
    }
    if acknowledged > 0 {
        group.save(tx, &stream);
    }
    reply.integer(acknowledged);
    Ok(())
}

/// Which pending entries `XPENDING` lists.
struct Filter<'a> {
    min_idle_ms: i64,
    range: (StreamId, StreamId),
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// None: a summary is asked for.
    fn parse(args: &Args<'a>) -> Result<Option<Filter<'a>>> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(Error::Syntax);
        }
        let (mut min_idle_ms, mut at) = (0, 3);
        if args.is(3, "idle") {
            min_idle_ms = args.integer(4)?;
            if args.len() < 8 {
                return Err(Error::Syntax);
            }
            at = 5;
        }
        let count = usize::try_from(args.integer(at + 2)?).unwrap_or(0);
        let range = (parse_start(args.at(at)?)?, parse_end(args.at(at + 1)?)?);
        Ok(Some(Filter { min_idle_ms, range, count, consumer: args.get(at + 3) }))
    }
}

fn xpending(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let filter = Filter::parse(args)?;
    let (key, name) = (args.at(1)?, args.at(2)?);
    let stream = stream::read(view, key)?.ok_or_else(|| no_group(key, name))?;
    let group = stream::find_group(view, &stream, name)?.ok_or_else(|| no_group(key, name))?;
    match filter {
        Some(filter) => list_pending(view, &stream, &group, &filter, reply),
        None => summarise_pending(view, &stream, &group, reply),
    }
}

fn summarise_pending(view: &View<'_>, stream: &Stream, group: &stream::Group, reply: &mut Reply<'_>) -> Result<()> {
    let bounds = group.pending_bounds(view, stream)?;
    let mut consumers = Elements::of(reply);
    if bounds.is_some() {
        stream::walk_consumers(view, stream, group, |name, consumer| {
            if consumer.pending > 0 {
                let mut element = consumers.next();
                element.array(2);
                element.bulk(name);
                element.bulk_integer(consumer.pending as i64);
            }
            Ok(())
        })?;
    }
    reply.array(4);
    reply.integer(group.pending as i64);
    match bounds {
        Some((first, last)) => {
            write_id(reply, first);
            write_id(reply, last);
            consumers.write(reply);
        }
        None => {
            reply.null();
            reply.null();
            reply.null_array();
        }
    }
    Ok(())
}

fn list_pending(
    view: &View<'_>,
    stream: &Stream,
    group: &stream::Group,
    filter: &Filter<'_>,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let mut entries = Elements::of(reply);
    if filter.count > 0 {
        stream::walk_pending(view, stream, group, filter.consumer, filter.range, |id, pending| {
            let idle_ms = idle_ms(view.now_ms(), pending.delivered_ms);
            if filter.min_idle_ms != 0 && idle_ms < filter.min_idle_ms {
                return Ok(true);
            }
            let mut element = entries.next();
            element.array(4);
            write_id(&mut element, id);
            element.bulk(pending.consumer);
            element.integer(idle_ms.max(0));
            element.integer(pending.deliveries as i64);
            Ok(entries.count < filter.count)
        })?;
    }
    entries.write(reply);
    Ok(())
}

fn idle_ms(now_ms: u64, delivered_ms: u64) -> i64 {
    (now_ms as i64).wrapping_sub(delivered_ms as i64)
}

/// The stream and the group of a command that needs both.
fn stream_and_group(tx: &mut Tx<'_>, args: &Args<'_>) -> Result<(Stream, OpenGroup)> {
    let (key, name) = (args.at(1)?, args.at(2)?);
    let stream = stream::find(tx, key)?.ok_or_else(|| no_group(key, name))?;
    let group = OpenGroup::find(&tx.view(), &stream, name)?.ok_or_else(|| no_group(key, name))?;
    Ok((stream, group))
}

/// What claiming does to an entry.
struct Claim<'a> {
    consumer: &'a [u8],
    min_idle_ms: i64,
    /// When it was delivered, as is said of it from then on.
    delivered_ms: u64,
    /// How often it was delivered; None: once more, unless only ids are asked for.
    deliveries: Option<u64>,
    /// It is claimed even if nobody has it.
    force: bool,
    just_id: bool,
}

/// What came of claiming an entry.
enum Claimed {
    Yes,
    /// It is not pending, or not for long enough.
    No,
    /// It is no longer in the stream, and was pending.
    Deleted,
}

impl Claim<'_> {
    /// Gives an entry to the consumer, which is there.
    fn run(
        &self,
        tx: &mut Tx<'_>,
        (stream, group): (&Stream, &mut OpenGroup),
        id: StreamId,
        delivery: Option<Delivery>,
        claimed: &mut Elements,
    ) -> Result<Claimed> {
        let mut element = None;
        let is_there = stream.get(&tx.view(), id, &mut Progress::default(), &mut |entry| {
            if !self.just_id {
                let mut one = Elements { bytes: Vec::new(), protocol: claimed.protocol, count: 0 };
                write_entry(&mut one.next(), &entry);
                element = Some(one.bytes);
            }
        })?;
        let owner = delivery.as_ref().map(|delivery| delivery.consumer.as_slice());
        if !is_there {
            if owner.is_none() {
                return Ok(Claimed::No);
            }
            group.set(tx, stream, id, owner, None)?;
            return Ok(Claimed::Deleted);
        }
        let deliveries = match &delivery {
            Some(delivery) => {
                let idle_ms = idle_ms(tx.now_ms(), delivery.delivered_ms);
                if self.min_idle_ms > 0 && idle_ms < self.min_idle_ms {
                    return Ok(Claimed::No);
                }
                delivery.deliveries
            }
            None if self.force => 1,
            None => return Ok(Claimed::No),
        };
        let once_more = deliveries.wrapping_add(u64::from(!self.just_id));
        let new = Delivery {
            delivered_ms: self.delivered_ms,
            deliveries: self.deliveries.unwrap_or(once_more),
            consumer: self.consumer.to_vec(),
        };
        group.set(tx, stream, id, owner, Some(&new))?;
        group.note_active(&tx.view(), stream, self.consumer)?;
        let mut place = claimed.next();
        match element {
            Some(bytes) => place.raw(&bytes),
            None => write_id(&mut place, id),
        }
        Ok(Claimed::Yes)
    }
}

fn xclaim(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (stream, mut group) = stream_and_group(tx, args)?;
    let min_idle_ms = parse_integer(args.at(4)?).ok_or(MIN_IDLE_XCLAIM)?;
    let ids: Vec<StreamId> = args.from(5).map_while(|text| parse_id(text).ok()).collect();
    let now_ms = tx.now_ms();
    let mut claim = Claim {
        consumer: args.at(3)?,
        min_idle_ms,
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        just_id: false,
    };
    let (mut last_id, mut index) = (StreamId::MIN, 5 + ids.len());
    while index < args.len() {
        let value = args.get(index + 1);
        let integer = |refusal: Error| value.and_then(parse_integer).ok_or(refusal);
        if args.is(index, "force") {
            claim.force = true;
        } else if args.is(index, "justid") {
            claim.just_id = true;
        } else if args.is(index, "idle") && value.is_some() {
            let idle_ms = integer(INVALID_IDLE)?;
            claim.delivered_ms = past((now_ms as i64).wrapping_sub(idle_ms), now_ms);
            index += 1;
        } else if args.is(index, "time") && value.is_some() {
            claim.delivered_ms = past(integer(INVALID_TIME)?, now_ms);
            index += 1;
        } else if args.is(index, "retrycount") && value.is_some() {
            claim.deliveries = u64::try_from(integer(INVALID_RETRYCOUNT)?).ok();
            index += 1;
        } else if args.is(index, "lastid") && value.is_some() {
            last_id = parse_id(args.at(index + 1)?)?;
            index += 1;
        } else {
            return Err(Error::quoting("ERR Unrecognized XCLAIM option '{}'", &[args.at(index)?]));
        }
        index += 1;
    }
    group.group.last_id = group.group.last_id.max(last_id);
    group.see(&tx.view(), &stream, claim.consumer)?;
    let mut claimed = Elements::of(reply);
    for id in ids {
        let delivery = stream::find_delivery(&tx.view(), &stream, &group.group, id)?;
        claim.run(tx, (&stream, &mut group), id, delivery, &mut claimed)?;
    }
    group.save(tx, &stream);
    claimed.write(reply);
    Ok(())
}

/// A time that is not in the future, nor before all times: clients reckon with clocks of their own.
fn past(ms: i64, now_ms: u64) -> u64 {
    u64::try_from(ms).ok().filter(|&ms| ms <= now_ms).unwrap_or(now_ms)
}

fn xautoclaim(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let min_idle_ms = parse_integer(args.at(4)?).ok_or(MIN_IDLE_XAUTOCLAIM)?;
    let start = parse_start(args.at(5)?)?;
    let (mut count, mut just_id, mut index) = (AUTOCLAIM_COUNT, false, 6);
    while index < args.len() {
        if args.is(index, "count") && index + 1 < args.len() {
            let given = parse_integer(args.at(index + 1)?);
            count = given.filter(|count| (1..=AUTOCLAIM_COUNT_MAX).contains(count)).ok_or(COUNT_NOT_POSITIVE)?;
            index += 1;
        } else if args.is(index, "justid") {
            just_id = true;
        } else {
            return Err(Error::Syntax);
        }
        index += 1;
    }
    let (stream, mut group) = stream_and_group(tx, args)?;
    let delivered_ms = tx.now_ms();
    let consumer = args.at(3)?;
    let claim = Claim { consumer, min_idle_ms, delivered_ms, deliveries: None, force: false, just_id };
    group.see(&tx.view(), &stream, consumer)?;
    let (mut claimed, mut deleted) = (Elements::of(reply), Elements::of(reply));
    let mut attempts = count.saturating_mul(ATTEMPTS_FACTOR);
    let mut next = Some(start);
    while let Some(from) = next {
        let limit = usize::try_from(attempts).unwrap_or(ROUND_MAX).saturating_add(1).min(ROUND_MAX);
        let (round, after) = pending_round(&tx.view(), &stream, &group.group, from, limit)?;
        next = after;
        for (id, delivery) in round {
            if attempts == 0 || count == 0 {
                next = Some(id);
                break;
            }
            attempts -= 1;
            match claim.run(tx, (&stream, &mut group), id, Some(delivery), &mut claimed)? {
                Claimed::Yes => count -= 1,
                Claimed::No => {}
                Claimed::Deleted => {
                    write_id(&mut deleted.next(), id);
                    count -= 1;
                }
            }
        }
        if attempts == 0 || count == 0 {
            break;
        }
    }
    // A round may have ended just before one that is pending.
    let next = match next {
        Some(from) => pending_round(&tx.view(), &stream, &group.group, from, 1)?.0.first().map(|(id, _)| *id),
        None => None,
    };
    group.save(tx, &stream);
    reply.array(3);
    write_id(reply, next.unwrap_or(StreamId::MIN));
    claimed.write(reply);
    deleted.write(reply);
    Ok(())
}

/// The first pending entries from an id on, and from where there may be more.
#[allow(clippy::type_complexity, reason = "it has one caller")]
fn pending_round(
    view: &View<'_>,
    stream: &Stream,
    group: &stream::Group,
    from: StreamId,
    limit: usize,
) -> Result<(Vec<(StreamId, Delivery)>, Option<StreamId>)> {
    let mut round = Vec::new();
    stream::walk_pending(view, stream, group, None, (from, StreamId::MAX), |id, pending| {
        round.push((id, pending.into()));
        Ok(round.len() < limit)
    })?;
    let is_full = round.len() == limit;
    let next = round.last().filter(|_| is_full).and_then(|(id, _): &(StreamId, Delivery)| id.next());
    Ok((round, next))
}
