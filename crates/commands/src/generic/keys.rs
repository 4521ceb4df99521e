//! Keys as wholes: removed, renamed, copied, asked after.

use data::{Meta, Tx, Value, View};

use super::database;
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::KeySpec;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "del",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RM", "delete"])],
        group: Group::Generic,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Removes keys.",
            "O(N) where N is the number of keys, whatever they hold: large values are cleaned up later.",
            KEYS,
        )
        .tips(SUM),
        run: Run::Write(del),
    },
    Command {
        name: "unlink",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RM", "delete"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new(
            "4.0.0",
            "Removes keys and leaves the cleaning up for later, as DEL does too.",
            "O(N) where N is the number of keys, whatever they hold.",
            KEYS,
        )
        .tips(SUM),
        run: Run::Write(del),
    },
    Command {
        name: "exists",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RO"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Counts which of the given keys exist.", "O(N) where N is the number of keys.", KEYS)
            .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
            .tips(SUM),
        run: Run::Read(exists),
    },
    Command {
        name: "touch",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RO"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new(
            "3.2.1",
            "Lets keys look just used, and counts those that exist.",
            "O(N) where N is the number of keys.",
            KEYS,
        )
        .tips(SUM),
        run: Run::Read(touch),
    },
    Command {
        name: "type",
        arity: Arity::Exactly(2),
        keys: &[KeySpec::first(&["RO"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Names the type of a key's value.", "O(1)", &[Arg::key()]),
        run: Run::Read(type_),
    },
    Command {
        name: "rename",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(&["RW", "access", "delete"]), KeySpec::at(2, &["OW", "update"])],
        group: Group::Generic,
        marks: Marks::NONE,
        doc: Doc::new("1.0.0", "Renames a key; one that has the new name already is replaced.", "O(1)", RENAME_ARGS),
        run: Run::Write(rename),
    },
    Command {
        name: "renamenx",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(&["RW", "access", "delete"]), KeySpec::at(2, &["OW", "insert"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new("1.0.0", "Renames a key unless one has the new name already.", "O(1)", RENAME_ARGS).history(&[(
            "3.2.0",
            "The command no longer returns an error when source and destination names are the same.",
        )]),
        run: Run::Write(renamenx),
    },
    Command {
        name: "copy",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::first(&["RO", "access"]), KeySpec::at(2, &["OW", "update"])],
        group: Group::Generic,
        marks: Marks::GROWS,
        doc: Doc::new(
            "6.2.0",
            "Copies a key's value to another key, here or in another database.",
            "O(N) where N is the size of the value.",
            &[
                Arg::new("source", ArgKind::Key(0)),
                Arg::new("destination", ArgKind::Key(1)),
                Arg::new("destination-db", ArgKind::Integer).token("DB").optional(),
                Arg::word("replace", "REPLACE").optional(),
            ],
        ),
        run: Run::Write(copy),
    },
    Command {
        name: "move",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::first(&["RW", "access", "update"])],
        group: Group::Generic,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Moves a key to another database.",
            "O(N) where N is the size of the value.",
            &[Arg::key(), Arg::new("db", ArgKind::Integer)],
        ),
        run: Run::Write(move_),
    },
];

const KEYS: &[Arg] = &[Arg::key().multiple()];
const SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const RENAME_ARGS: &[Arg] = &[Arg::key(), Arg::new("newkey", ArgKind::Key(1))];

fn del(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut removed = 0;
    for key in args.from(1) {
        if let Some(meta) = tx.find(key)? {
            tx.remove(key, meta);
            removed += 1;
        }
    }
    reply.integer(removed);
    Ok(())
}

fn exists(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut found = 0;
    view.visit_each(args.from(1), |key| {
        found += i64::from(view.peek(key)?.is_some());
        Ok::<_, Error>(())
    })?;
    reply.integer(found);
    Ok(())
}

fn touch(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut found = 0;
    view.visit_each(args.from(1), |key| {
        found += i64::from(view.read(key)?.is_some());
        Ok::<_, Error>(())
    })?;
    reply.integer(found);
    Ok(())
}

fn type_(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.simple(view.peek(args.at(1)?)?.map_or("none", |found| found.meta.kind.name()));
    Ok(())
}

fn rename(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (from, to) = (args.at(1)?, args.at(2)?);
    let value = find_value(tx, from)?.ok_or(Error::NoSuchKey)?;
    if from != to {
        let old = tx.find(to)?;
        give_name(tx, from, to, value, old);
    }
    reply.ok();
    Ok(())
}

fn renamenx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (from, to) = (args.at(1)?, args.at(2)?);
    let value = find_value(tx, from)?.ok_or(Error::NoSuchKey)?;
    let free = from != to && tx.find(to)?.is_none();
    if free {
        give_name(tx, from, to, value, None);
    }
    reply.integer(i64::from(free));
    Ok(())
}

/// Puts a value under another name, where `old` is. Its parts stay where they are.
fn give_name(tx: &mut Tx<'_>, from: &[u8], to: &[u8], value: Value, old: Option<Meta>) {
    tx.put(to, old, value.meta, &value.body);
    tx.detach(from, value.meta);
}

/// A value that is to be moved: header and body, whatever it is.
fn find_value(tx: &mut Tx<'_>, key: &[u8]) -> Result<Option<Value>> {
    let Some(meta) = tx.find(key)? else { return Ok(None) };
    let body = tx.view().find(key)?.map(|found| found.body().to_vec());
    Ok(body.map(|body| Value { meta, body }))
}

fn copy(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (from, to) = (args.at(1)?, args.at(2)?);
    let (mut db, mut replace) = (tx.db(), false);
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "replace") {
            replace = true;
        } else if args.is(index, "db") && index + 1 < args.len() {
            index += 1;
            db = database(tx.keyspace(), args.integer32(index)?)?;
        } else {
            return Err(Error::Syntax);
        }
        index += 1;
    }
    if db == tx.db() && from == to {
        return Err(Error::SameObject);
    }
    let value = tx.view().read(from)?.map(|found| Value { meta: found.meta, body: found.body().to_vec() });
    let copied = match value {
        Some(value) => copy_value(tx, &value, db, to, replace)?,
        None => false,
    };
    reply.integer(i64::from(copied));
    Ok(())
}

fn move_(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    let db = database(tx.keyspace(), args.integer32(2)?)?;
    if db == tx.db() {
        return Err(Error::SameObject);
    }
    let moved = match find_value(tx, key)? {
        Some(value) if copy_value(tx, &value, db, key, false)? => {
            tx.remove(key, value.meta);
            true
        }
        _ => false,
    };
    reply.integer(i64::from(moved));
    Ok(())
}

/// Copies a value to a key of a database, unless one is there that may not be replaced.
fn copy_value(tx: &mut Tx<'_>, value: &Value, db: u16, to: &[u8], replace: bool) -> Result<bool> {
    let old = tx.in_db(db).find(to)?;
    if old.is_some() && !replace {
        return Ok(false);
    }
    tx.copy(value, db, to, old)?;
    Ok(true)
}
