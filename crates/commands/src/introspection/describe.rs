//! How a command looks in the replies of `COMMAND INFO` and `COMMAND DOCS`.
//!
//! Shapes and field names are Redis's, field by field in its order: client libraries read them.

use crate::command::{Arg, ArgKind, Command, Marks, Reply};
use crate::introspection::shown_subcommands;
use crate::keys::{Begin, Find, KeySpec};

/// An element of `COMMAND INFO`.
pub(super) fn info(command: &'static Command, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(command.arity.signed());
    words(&command.flags(), reply);
    let (first, last, step) = command.legacy_keys();
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    let categories: Vec<_> = command.categories().collect();
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(&format!("@{category}")));
    reply.set(command.doc.tips.len());
    command.doc.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| key_spec(spec, reply));
    match shown_subcommands(command).count() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    shown_subcommands(command).for_each(|subcommand| info(subcommand, reply));
}

/// A set of flags.
pub(super) fn words(words: &[&str], reply: &mut Reply<'_>) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word));
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    words(spec.flags, reply);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => {
            rule("index", 1, reply);
            number("index", signed(index), reply);
        }
        Begin::Keyword(keyword, from) => {
            rule("keyword", 2, reply);
            text("keyword", keyword, reply);
            number("startfrom", from as i64, reply);
        }
        Begin::Unknown => rule("unknown", 0, reply),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            rule("range", 3, reply);
            number("lastkey", last as i64, reply);
            number("keystep", signed(step), reply);
            number("limit", signed(limit), reply);
        }
        Find::Counted { count_at, first, step } => {
            rule("keynum", 3, reply);
            number("keynumidx", signed(count_at), reply);
            number("firstkey", signed(first), reply);
            number("keystep", signed(step), reply);
        }
        Find::Unknown | Find::Told(_) => rule("unknown", 0, reply),
    }
}

/// The type of a rule and the head of its fields.
fn rule(kind: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    text("type", kind, reply);
    reply.bulk(b"spec");
    reply.map(fields);
}

fn text(name: &str, value: &str, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn number(name: &str, value: i64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The description in `COMMAND DOCS`.
pub(super) fn docs(command: &'static Command, reply: &mut Reply<'_>) {
    let doc = &command.doc;
    let subcommands = shown_subcommands(command).count();
    let is_system = command.marks.has(Marks::SYSTEM);
    let optional = [
        !doc.complexity.is_empty(),
        is_system,
        doc.deprecated.is_some(),
        doc.deprecated.is_some(),
        doc.deprecated.is_some(),
        !doc.history.is_empty(),
        !doc.args.is_empty(),
        subcommands > 0,
    ];
    reply.map(3 + optional.iter().filter(|there| **there).count());
    text("summary", doc.summary, reply);
    text("since", doc.since, reply);
    text("group", command.group.name(), reply);
    if !doc.complexity.is_empty() {
        text("complexity", doc.complexity, reply);
    }
    if is_system {
        reply.bulk(b"doc_flags");
        words(&["syscmd"], reply);
    }
    if let Some((since, replaced_by)) = doc.deprecated {
        reply.bulk(b"doc_flags");
        words(&["deprecated"], reply);
        text("deprecated_since", since, reply);
        text("replaced_by", replaced_by, reply);
    }
    if !doc.history.is_empty() {
        reply.bulk(b"history");
        reply.set(doc.history.len());
        for (since, change) in doc.history {
            reply.array(2);
            reply.bulk(since.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !doc.args.is_empty() {
        reply.bulk(b"arguments");
        arguments(doc.args, reply);
    }
    if subcommands > 0 {
        reply.bulk(b"subcommands");
        reply.map(subcommands);
        for subcommand in shown_subcommands(command) {
            reply.bulk(subcommand.name.as_bytes());
            docs(subcommand, reply);
        }
    }
}

fn arguments(args: &[Arg], reply: &mut Reply<'_>) {
    reply.array(args.len());
    args.iter().for_each(|arg| argument(arg, reply));
}

fn argument(arg: &Arg, reply: &mut Reply<'_>) {
    let (kind, key_spec_index, parts) = match arg.kind {
        ArgKind::String => ("string", None, None),
        ArgKind::Integer => ("integer", None, None),
        ArgKind::Double => ("double", None, None),
        ArgKind::Key(index) => ("key", Some(index), None),
        ArgKind::Pattern => ("pattern", None, None),
        ArgKind::UnixTime => ("unix-time", None, None),
        ArgKind::PureToken => ("pure-token", None, None),
        ArgKind::OneOf(parts) => ("oneof", None, Some(parts)),
        ArgKind::Block(parts) => ("block", None, Some(parts)),
    };
    let flags: Vec<_> =
        [("optional", arg.optional), ("multiple", arg.multiple), ("multiple_token", arg.multiple_token)]
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| name)
            .collect();
    let optional = [
        key_spec_index.is_some(),
        arg.token.is_some(),
        arg.since.is_some(),
        arg.deprecated.is_some(),
        !flags.is_empty(),
    ];
    // One more than the name and the type: what is displayed, or the parts.
    reply.map(3 + optional.iter().filter(|there| **there).count());
    text("name", arg.name, reply);
    text("type", kind, reply);
    if parts.is_none() {
        text("display_text", arg.display.unwrap_or(arg.name), reply);
    }
    if let Some(index) = key_spec_index {
        number("key_spec_index", i64::from(index), reply);
    }
    if let Some(token) = arg.token {
        text("token", token, reply);
    }
    if let Some(since) = arg.since {
        text("since", since, reply);
    }
    if let Some(since) = arg.deprecated {
        text("deprecated_since", since, reply);
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        words(&flags, reply);
    }
    if let Some(parts) = parts {
        reply.bulk(b"arguments");
        arguments(parts, reply);
    }
}
