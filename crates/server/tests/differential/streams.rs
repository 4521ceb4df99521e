//! What replies about streams have in common although clocks and releases differ.

use crate::wire::Reply;

/// Fields that the releases do not share, or whose values are the server's own.
const FIELDS_APART: [&[u8]; 5] = [b"active-time", b"inactive", b"seen-time", b"idle", b"radix-tree-nodes"];

/// Numbers above this are times in ms.
const TIME_MIN: i64 = 1_000_000_000_000;

/// A reply without the fields that differ, and with zeros for times.
pub(crate) fn plain(args: &[&[u8]], reply: &Reply) -> Reply {
    let is_pending = args[0].eq_ignore_ascii_case(b"XPENDING");
    match reply {
        Reply::Map(items) => Reply::Map(plain_items(args, items)),
        // How long an entry is pending is the third of four.
        Reply::Array(items) if is_pending && matches!(items[..], [_, _, Reply::Integer(_), _]) => {
            Reply::Array(vec![items[0].clone(), items[1].clone(), Reply::Integer(0), items[3].clone()])
        }
        Reply::Array(items) => Reply::Array(plain_items(args, items)),
        Reply::Integer(TIME_MIN..) => Reply::Integer(0),
        other => other.clone(),
    }
}

fn plain_items(args: &[&[u8]], items: &[Reply]) -> Vec<Reply> {
    let is_apart = |item: &Reply| matches!(item, Reply::Bulk(name) if FIELDS_APART.contains(&name.as_slice()));
    let mut plain_items = Vec::new();
    let mut rest = items.iter();
    while let Some(item) = rest.next() {
        if is_apart(item) && matches!(rest.as_slice().first(), Some(Reply::Integer(_))) {
            rest.next();
        } else {
            plain_items.push(plain(args, item));
        }
    }
    plain_items
}

/// True for a last id that only 7.2 refuses, as something greater was deleted.
pub(crate) fn is_newer_refusal(args: &[&[u8]], theirs: &Reply, ours: &Reply) -> bool {
    args[0].eq_ignore_ascii_case(b"XSETID")
        && theirs.to_string() == "+OK"
        && ours.to_string().ends_with("is smaller than current max_deleted_entry_id")
}

/// Commands that make the consumers of a command that 7.2 notes even if they are given nothing.
pub(crate) fn consumers_seen<'a>(args: &[&'a [u8]]) -> Vec<[&'a [u8]; 5]> {
    let create = |key, group, consumer| [b"XGROUP".as_slice(), b"CREATECONSUMER", key, group, consumer];
    let place = |word: &str| args.iter().position(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    if args[0].eq_ignore_ascii_case(b"XCLAIM") || args[0].eq_ignore_ascii_case(b"XAUTOCLAIM") {
        return vec![create(args[1], args[2], args[3])];
    }
    match (place("GROUP"), place("STREAMS")) {
        (Some(group), Some(streams)) if args[0].eq_ignore_ascii_case(b"XREADGROUP") => {
            let keys = &args[streams + 1..];
            keys[..keys.len() / 2].iter().map(|key| create(key, args[group + 1], args[group + 2])).collect()
        }
        _ => Vec::new(),
    }
}
