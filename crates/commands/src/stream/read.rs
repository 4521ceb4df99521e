//! `XREAD` and `XREADGROUP`: entries behind given ids, of several streams, waited for if the client says so.
//!
//! A command that waits is run again when one of its streams is written to. `$` and `+` stand for ids of the moment when
//! it was run first; those are what it remembers meanwhile. `XREADGROUP` finds out by itself how far its group is.

use data::stream::{self, Direction, OpenGroup, Progress, Stream, StreamId};
use data::{Error as DataError, Tx, View};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Nothing, Park, Result};
use crate::keys::{Begin, Find, KeySpec};

use super::{Elements, parse_id, write_entry, write_id};

const GROUP_IN_XREAD: Error =
    Error::sentence("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
const NOACK_IN_XREAD: Error =
    Error::sentence("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
const GROUP_MISSING: Error = Error::sentence("ERR Missing GROUP option for XREADGROUP");
const DOLLAR_IN_XREADGROUP: Error = Error::sentence(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
);
const NEW_IN_XREAD: Error = Error::sentence(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);

/// The first argument among which `XREADGROUP` looks for its keys.
const STREAMS_FROM: usize = 4;
/// Bytes of an id that is remembered.
const MEMO_ID_LEN: usize = 16;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "xread",
        arity: Arity::AtLeast(4),
        keys: &[KeySpec {
            flags: &["RO", "access"],
            begin: Begin::Keyword("STREAMS", 1),
            find: Find::Range { last: -1, step: 1, limit: 2 },
        }],
        group: Group::Stream,
        marks: Marks::BLOCKING.and(Marks::MOVABLE_KEYS),
        doc: Doc::new(
            "5.0.0",
            "Reads the entries of streams that are newer than the given ids. Can wait for them.",
            "For each stream mentioned: O(N) with N being the number of elements being returned.",
            &[COUNT, BLOCK, STREAMS],
        ),
        run: Run::Read(xread),
    },
    Command {
        name: "xreadgroup",
        arity: Arity::AtLeast(7),
        keys: &[KeySpec {
            flags: &["RO", "access"],
            begin: Begin::Keyword("STREAMS", STREAMS_FROM as isize),
            find: Find::Range { last: -1, step: 1, limit: 2 },
        }],
        group: Group::Stream,
        marks: Marks::BLOCKING.and(Marks::MOVABLE_KEYS),
        doc: Doc::new(
            "5.0.0",
            "Gives a consumer of a group new entries of streams, or those again that it has pending. Can wait for new ones.",
            "For each stream mentioned: O(M) with M being the number of elements returned.",
            &[
                Arg::new(
                    "group-block",
                    ArgKind::Block(&[Arg::new("group", ArgKind::String), Arg::new("consumer", ArgKind::String)]),
                )
                .token("GROUP"),
                COUNT,
                BLOCK,
                Arg::word("noack", "NOACK").optional(),
                STREAMS,
            ],
        ),
        run: Run::Write(xreadgroup),
    },
];

const COUNT: Arg = Arg::new("count", ArgKind::Integer).token("COUNT").optional();
const BLOCK: Arg = Arg::new("milliseconds", ArgKind::Integer).token("BLOCK").optional();
const STREAMS: Arg =
    Arg::new("streams", ArgKind::Block(&[Arg::key().multiple(), Arg::new("ID", ArgKind::String).multiple()]))
        .token("STREAMS");

/// The arguments of both commands.
struct Request<'a> {
    /// Entries of each stream at most.
    count: usize,
    /// None: does not wait. Some(None): for ever.
    block: Option<Option<u64>>,
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    acknowledges: bool,
    keys: Vec<&'a [u8]>,
    ids: Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn parse(args: &Args<'a>, is_group: bool) -> Result<Request<'a>> {
        let mut request = Request {
            count: usize::MAX,
            block: None,
            group: None,
            acknowledges: true,
            keys: Vec::new(),
            ids: Vec::new(),
        };
        let (mut index, mut streams_at) = (1, None);
        while index < args.len() && streams_at.is_none() {
            let more = args.len() - 1 - index;
            if args.is(index, "block") && more > 0 {
                request.block = Some(args.timeout_ms(index + 1)?);
                index += 1;
            } else if args.is(index, "count") && more > 0 {
                let count = usize::try_from(args.integer(index + 1)?).unwrap_or(0);
                request.count = if count == 0 { usize::MAX } else { count };
                index += 1;
            } else if args.is(index, "streams") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(unbalanced(is_group));
                }
                streams_at = Some(index + 1);
            } else if args.is(index, "group") && more >= 2 {
                if !is_group {
                    return Err(GROUP_IN_XREAD);
                }
                request.group = Some((args.at(index + 1)?, args.at(index + 2)?));
                index += 2;
            } else if args.is(index, "noack") {
                if !is_group {
                    return Err(NOACK_IN_XREAD);
                }
                request.acknowledges = false;
            } else {
                return Err(Error::Syntax);
            }
            index += 1;
        }
        let streams_at = streams_at.ok_or(Error::Syntax)?;
        if is_group {
            request.group.ok_or(GROUP_MISSING)?;
            // A group or consumer may have the name STREAMS, and then other keys than these are latched.
            if (STREAMS_FROM..args.len()).find(|&index| args.is(index, "streams")) != Some(streams_at - 1) {
                return Err(Error::Syntax);
            }
        }
        let count = (args.len() - streams_at) / 2;
        request.keys = args.from(streams_at).take(count).collect();
        request.ids = args.from(streams_at + count).collect();
        Ok(request)
    }

    /// What becomes of the command if it found nothing: it waits, or is answered so.
    fn nothing(&self, memo: Option<Vec<u8>>, reply: &mut Reply<'_>) -> Result<()> {
        match self.block {
            Some(timeout_ms) => {
                Err(Error::Park(Park { timeout_ms, nothing: Nothing::Array, nothing_at_once: Nothing::Array, memo }))
            }
            None => {
                reply.null_array();
                Ok(())
            }
        }
    }
}

fn unbalanced(is_group: bool) -> Error {
    let (name, symbol) = if is_group { ("xreadgroup", '>') } else { ("xread", '$') };
    let text =
        format!("ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified.");
    Error::formatted(text)
}

/// Streams of a reply: each with its key before it.
struct Served {
    streams: Elements,
    is_map: bool,
}

impl Served {
    fn of(reply: &Reply<'_>) -> Served {
        Served { streams: Elements::of(reply), is_map: reply.protocol() == resp::Protocol::Resp3 }
    }

    fn push(&mut self, key: &[u8], entries: Elements) {
        let is_map = self.is_map;
        let mut stream = self.streams.next();
        if !is_map {
            stream.array(2);
        }
        stream.bulk(key);
        entries.write(&mut stream);
    }

    fn write(self, reply: &mut Reply<'_>) {
        if self.is_map {
            reply.map(self.streams.count)
        } else {
            reply.array(self.streams.count)
        }
        reply.raw(&self.streams.bytes);
    }
}

fn xread(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let request = Request::parse(args, false)?;
    let memo = view.turn().memo();
    let mut behind = Vec::with_capacity(request.keys.len());
    for (index, (key, text)) in request.keys.iter().zip(&request.ids).enumerate() {
        let stream = match stream::read(view, key) {
            // Who waits for a stream goes on waiting while something else has its place.
            Err(DataError::WrongType) if memo.is_some() => None,
            found => found?,
        };
        let remembered = memo.as_deref().and_then(|memo| remembered_id(memo, index));
        let id = match (remembered, *text) {
            (Some(id), _) => id,
            (None, b"$") => stream.as_ref().map_or(StreamId::MIN, |stream| stream.header.last_id),
            (None, b"+") => before_last(view, stream.as_ref())?,
            (None, b">") => return Err(NEW_IN_XREAD),
            (None, text) => parse_id(text)?,
        };
        behind.push((stream, id));
    }
    let (mut served, mut progress) = (Served::of(reply), Progress::default());
    for (key, (stream, id)) in request.keys.iter().zip(&behind) {
        let Some(stream) = stream else { continue };
        let entries = entries_behind(view, stream, *id, request.count, &mut progress, reply, &mut |_| {})?;
        if entries.count > 0 {
            served.push(key, entries);
        }
    }
    if served.streams.count > 0 {
        served.write(reply);
        return Ok(());
    }
    request.nothing(Some(memo_of(behind.iter().map(|(_, id)| *id))), reply)
}

/// The id before that of the last entry, so that the entry itself is behind it.
fn before_last(view: &View<'_>, stream: Option<&Stream>) -> Result<StreamId> {
    let Some(stream) = stream else { return Ok(StreamId::MIN) };
    let last = stream.last_entry_id(view)?;
    Ok(last.map_or(stream.header.last_id, |last| last.previous().unwrap_or(StreamId::MIN)))
}

fn memo_of(ids: impl Iterator<Item = StreamId>) -> Vec<u8> {
    ids.flat_map(|id| [id.ms.to_be_bytes(), id.seq.to_be_bytes()]).flatten().collect()
}

fn remembered_id(memo: &[u8], index: usize) -> Option<StreamId> {
    let bytes = memo.get(index * MEMO_ID_LEN..(index + 1) * MEMO_ID_LEN)?;
    let (ms, seq) = bytes.split_first_chunk::<8>()?;
    Some(StreamId { ms: u64::from_be_bytes(*ms), seq: u64::from_be_bytes(seq.try_into().ok()?) })
}

/// The first entries behind an id, for the client of a reply.
fn entries_behind(
    view: &View<'_>,
    stream: &Stream,
    id: StreamId,
    count: usize,
    progress: &mut Progress,
    reply: &Reply<'_>,
    visit: &mut dyn FnMut(StreamId),
) -> Result<Elements> {
    let mut entries = Elements::of(reply);
    // What the header tells costs nothing: most of those who ask again and again find nothing new.
    if id < stream.header.last_id
        && let Some(start) = id.next()
    {
        stream.read(view, (start, StreamId::MAX), Direction::Forward, progress, |entry| {
            write_entry(&mut entries.next(), &entry);
            visit(entry.id);
            Ok(entries.count < count)
        })?;
    }
    Ok(entries)
}

/// What one stream of `XREADGROUP` is asked for.
enum Wanted {
    /// What no consumer of the group was given (`>`).
    New,
    /// What this one has pending behind an id.
    PendingBehind(StreamId),
}

fn xreadgroup(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let request = Request::parse(args, true)?;
    let (group_name, consumer) = request.group.ok_or(GROUP_MISSING)?;
    let mut wanted = Vec::with_capacity(request.keys.len());
    for (key, text) in request.keys.iter().zip(&request.ids) {
        let stream = stream::find(tx, key)?;
        let group = match &stream {
            Some(stream) => OpenGroup::find(&tx.view(), stream, group_name)?,
            None => None,
        };
        let (Some(stream), Some(group)) = (stream, group) else { return Err(no_group(key, group_name)) };
        let of_stream = match *text {
            b"$" => return Err(DOLLAR_IN_XREADGROUP),
            b">" => Wanted::New,
            text => match parse_id(text)? {
                // Redis takes this id for a mark that stands for `>`.
                StreamId::MAX => Wanted::New,
                id => Wanted::PendingBehind(id),
            },
        };
        wanted.push((stream, group, of_stream));
    }
    let mut served = Served::of(reply);
    for (index, (stream, mut group, of_stream)) in wanted.into_iter().enumerate() {
        let key = request.keys[index];
        if request.keys[..index].contains(&key)
            && let Some(again) = OpenGroup::find(&tx.view(), &stream, group_name)?
        {
            // It was given entries a moment ago.
            group = again;
        }
        group.see(&tx.view(), &stream, consumer)?;
        match of_stream {
            Wanted::New => {
                let entries = deliver(tx, &stream, &mut group, consumer, &request, reply)?;
                if entries.count > 0 {
                    served.push(key, entries);
                }
            }
            Wanted::PendingBehind(id) => {
                served.push(key, deliver_again(tx, &stream, &mut group, (consumer, id), request.count, reply)?);
            }
        }
        group.save(tx, &stream);
    }
    if served.streams.count > 0 {
        served.write(reply);
        return Ok(());
    }
    // The consumer was there, whether it waits or not.
    tx.keep();
    request.nothing(None, reply)
}

fn no_group(key: &[u8], group: &[u8]) -> Error {
    let template = "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option";
    Error::quoting(template, &[key, group])
}

/// Gives a consumer what nobody of its group was given.
fn deliver(
    tx: &mut Tx<'_>,
    stream: &Stream,
    group: &mut OpenGroup,
    consumer: &[u8],
    request: &Request<'_>,
    reply: &Reply<'_>,
) -> Result<Elements> {
    let (mut ids, last_id) = (Vec::new(), group.group.last_id);
    let entries = {
        let (view, mut progress) = (tx.view(), Progress::default());
        entries_behind(&view, stream, last_id, request.count, &mut progress, reply, &mut |id| {
            group.advance(stream, id);
            ids.push(id);
        })?
    };
    if request.acknowledges {
        group.deliver(tx, stream, consumer, &ids)?;
    }
    Ok(entries)
}

/// Gives a consumer once more what it has pending. What is no longer in the stream is there without fields.
fn deliver_again(
    tx: &mut Tx<'_>,
    stream: &Stream,
    group: &mut OpenGroup,
    (consumer, behind): (&[u8], StreamId),
    count: usize,
    reply: &Reply<'_>,
) -> Result<Elements> {
    let mut pending = Vec::new();
    let start = behind.next().unwrap_or(StreamId::MAX);
    stream::walk_pending(&tx.view(), stream, &group.group, Some(consumer), (start, StreamId::MAX), |id, delivery| {
        pending.push((id, stream::Delivery::from(delivery)));
        Ok(pending.len() < count)
    })?;
    let (mut entries, mut progress, now_ms) = (Elements::of(reply), Progress::default(), tx.now_ms());
    for (id, mut delivery) in pending {
        let mut element = entries.next();
        let is_there = stream.get(&tx.view(), id, &mut progress, &mut |entry| write_entry(&mut element, &entry))?;
        if is_there {
            delivery.delivered_ms = now_ms;
            delivery.deliveries = delivery.deliveries.wrapping_add(1);
            group.set(tx, stream, id, Some(consumer), Some(&delivery))?;
        } else {
            element.array(2);
            write_id(&mut element, id);
            element.null_array();
        }
    }
    Ok(entries)
}
