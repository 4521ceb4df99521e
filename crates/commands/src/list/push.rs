//! Commands that push.

use data::list::{self, End};
use data::{Kind, Tx};

use super::ELEMENT;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Doc, Group, Marks, Reply, Run, WriteHandler};
use crate::error::Result;
use crate::keys::KeySpec;

const COMPLEXITY: &str =
    "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.";

pub(crate) static COMMANDS: &[Command] = &[
    pushes(
        "lpush",
        Doc::new("1.0.0", "Puts elements before the first one of a list, one after the other.", COMPLEXITY, ARGS)
            .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
        lpush,
    ),
    pushes(
        "rpush",
        Doc::new("1.0.0", "Puts elements behind the last one of a list, one after the other.", COMPLEXITY, ARGS)
            .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
        rpush,
    ),
    pushes(
        "lpushx",
        Doc::new("2.2.0", "Puts elements before the first one of a list that exists.", COMPLEXITY, ARGS)
            .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
        lpushx,
    ),
    pushes(
        "rpushx",
        Doc::new("2.2.0", "Puts elements behind the last one of a list that exists.", COMPLEXITY, ARGS)
            .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
        rpushx,
    ),
];

const PUSHED: &[KeySpec] = &[KeySpec::first(&["RW", "insert"])];
const ARGS: &[Arg] = &[Arg::key(), ELEMENT.multiple()];

const fn pushes(name: &'static str, doc: Doc, run: WriteHandler) -> Command {
    Command {
        name,
        arity: Arity::AtLeast(3),
        keys: PUSHED,
        group: Group::List,
        marks: Marks::GROWS.and(Marks::FAST),
        doc,
        run: Run::Write(run),
    }
}

fn lpush(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(tx, args, reply, End::Left, false)
}

fn rpush(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(tx, args, reply, End::Right, false)
}

fn lpushx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(tx, args, reply, End::Left, true)
}

fn rpushx(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(tx, args, reply, End::Right, true)
}

fn push(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, end: End, must_exist: bool) -> Result<()> {
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::List)?;
    if must_exist && old.is_none() {
        reply.integer(0);
        return Ok(());
    }
    let len = match args.len() {
        3 => list::push(tx, key, old, end, &[args.at(2)?])?,
        _ => list::push(tx, key, old, end, &args.from(2).collect::<Vec<_>>())?,
    };
    reply.integer(len as i64);
    Ok(())
}
