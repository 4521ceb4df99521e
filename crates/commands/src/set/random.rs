//! `SPOP` and `SRANDMEMBER`: members at random, all equally likely.

use data::{Tx, View, packed, set};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{KeySpec, READS};

/// Members that `SRANDMEMBER` replies where it may repeat them. Redis has no limit there, and ends when its memory does.
const REPEATED_MAX: u64 = 1 << 24;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "spop",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(&["RW", "access", "delete"])],
        group: Group::Set,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Removes one or more members of a set at random, and replies them.",
            "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
            &[Arg::key(), Arg::new("count", ArgKind::Integer).optional().since("3.2.0")],
        )
        .history(&[("3.2.0", "Added the `count` argument.")])
        .tips(&["nondeterministic_output"]),
        run: Run::Write(spop),
    },
    Command {
        name: "srandmember",
        arity: Arity::AtLeast(2),
        keys: READS,
        group: Group::Set,
        marks: Marks::NONE,
        doc: Doc::new(
            "1.0.0",
            "Replies one or more members of a set at random.",
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
            &[Arg::key(), Arg::new("count", ArgKind::Integer).optional().since("2.6.0")],
        )
        .history(&[("2.6.0", "Added the optional `count` argument.")])
        .tips(&["nondeterministic_output"]),
        run: Run::Read(srandmember),
    },
];

fn spop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    match args.len() {
        2 => match set::pop(tx, key)? {
            Some(member) => reply.bulk(&member),
            None => reply.null(),
        },
        3 => {
            let count = args.integer(2).ok().and_then(|count| u64::try_from(count).ok()).ok_or(Error::NotPositive)?;
            let (count, popped) = set::pop_many(tx, key, count)?;
            reply.set(usize::try_from(count).unwrap_or(usize::MAX));
            packed::strings(&popped).for_each(|member| reply.bulk(member));
        }
        _ => return Err(Error::Syntax),
    }
    Ok(())
}

fn srandmember(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(1)?;
    match args.len() {
        2 => match set::read(view, key)? {
            Some(set) => reply.bulk(&set.draw(view)?),
            None => reply.null(),
        },
        3 => {
            let count = args.integer(2)?;
            if count == i64::MIN {
                return Err(Error::NotBetween { min: -i64::MAX, max: i64::MAX });
            }
            let found = set::read(view, key)?;
            let Some(set) = found.filter(|_| count != 0) else {
                reply.array(0);
                return Ok(());
            };
            let wanted = count.unsigned_abs();
            if count > 0 {
                let wanted = wanted.min(set.len());
                reply.array(usize::try_from(wanted).unwrap_or(usize::MAX));
                set.sample(view, wanted, |member| reply.bulk(member))?;
            } else if wanted > REPEATED_MAX {
                return Err(Error::OutOfRange);
            } else {
                reply.array(usize::try_from(wanted).unwrap_or(usize::MAX));
                set.draw_each(view, wanted, |member| reply.bulk(member))?;
            }
        }
        _ => return Err(Error::Syntax),
    }
    Ok(())
}
