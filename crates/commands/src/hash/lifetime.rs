//! `HGETEX` and `HSETEX`: fields read or set, and their times, at once.

use data::Tx;
use data::hash::{Condition, Edit, Lifetime};

use super::expire::time_at;
use super::fields::{self, FIELDS};
use super::{CHANGES, PAIRS, UPDATES};
use crate::args::Args;
use crate::clock::Clock;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};

const SECONDS: Arg = Arg::new("seconds", ArgKind::Integer).token("EX");
const MILLISECONDS: Arg = Arg::new("milliseconds", ArgKind::Integer).token("PX");
const UNIX_SECONDS: Arg = Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT");
const UNIX_MILLISECONDS: Arg = Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT");

const COMPLEXITY: &str = "O(N) with N being the number of fields named.";

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "hgetex",
        arity: Arity::AtLeast(5),
        keys: CHANGES,
        group: Group::Hash,
        marks: Marks::FAST,
        doc: Doc::new(
            "8.0.0",
            "Reads the values of fields and sets or removes the fields' times.",
            COMPLEXITY,
            &[
                Arg::key(),
                Arg::new(
                    "expiration",
                    ArgKind::OneOf(&[
                        SECONDS,
                        MILLISECONDS,
                        UNIX_SECONDS,
                        UNIX_MILLISECONDS,
                        Arg::word("persist", "PERSIST"),
                    ]),
                )
                .optional(),
                FIELDS,
            ],
        ),
        run: Run::Write(hgetex),
    },
    Command {
        name: "hsetex",
        arity: Arity::AtLeast(6),
        keys: UPDATES,
        group: Group::Hash,
        marks: Marks::FAST.and(Marks::GROWS),
        doc: Doc::new(
            "8.0.0",
            "Sets the values of fields and the fields' times.",
            COMPLEXITY,
            &[
                Arg::key(),
                Arg::new("condition", ArgKind::OneOf(&[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")])).optional(),
                Arg::new(
                    "expiration",
                    ArgKind::OneOf(&[
                        SECONDS,
                        MILLISECONDS,
                        UNIX_SECONDS,
                        UNIX_MILLISECONDS,
                        Arg::word("keepttl", "KEEPTTL"),
                    ]),
                )
                .optional(),
                Arg::new("fields", ArgKind::Block(&[Arg::new("numfields", ArgKind::Integer), PAIRS])).token("FIELDS"),
            ],
        ),
        run: Run::Write(hsetex),
    },
];

fn hgetex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = tx.now_ms();
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    let persist = args.is(2, "persist");
    let (at_ms, word_at) = match Clock::of_word(args.at(2)?) {
        Some(clock) => (Some(time_at(args, 3, clock, now_ms, "hgetex")?), 4),
        None => (None, if persist { 3 } else { 2 }),
    };
    let fields = args.from(fields::parse(args, word_at, fields::NUMBER_OF_FIELDS)?);
    reply.array(fields.len());
    for field in fields {
        if !edit.get(field, |value| reply.bulk(value))? {
            reply.null();
        } else if let Some(at_ms) = at_ms {
            edit.expire(field, at_ms, Condition::Always)?;
        } else if persist {
            edit.persist(field)?;
        }
    }
    edit.finish()?;
    Ok(())
}

fn hsetex(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now_ms = tx.now_ms();
    let options = Options::parse(args, now_ms)?;
    let mut edit = Edit::begin(tx, args.at(1)?)?;
    if let Some(wanted) = options.all_exist {
        for field in args.from(options.first).step_by(2) {
            if edit.get(field, |_| {})? != wanted {
                reply.integer(0);
                edit.finish()?;
                return Ok(());
            }
        }
    }
    let mut pairs = args.from(options.first);
    while let (Some(field), Some(value)) = (pairs.next(), pairs.next()) {
        match options.lifetime {
            // Set, and gone at once.
            Lifetime::Until(at_ms) if at_ms <= now_ms => drop(edit.remove(field)?),
            lifetime => drop(edit.set(field, value, lifetime)?),
        }
    }
    edit.finish()?;
    reply.integer(1);
    Ok(())
}

/// The options of `HSETEX`.
struct Options {
    /// All fields have to exist (FXX), or none may (FNX).
    all_exist: Option<bool>,
    lifetime: Lifetime,
    /// Where the first field is.
    first: usize,
}

impl Options {
    /// Errors come in the order of the arguments.
    fn parse(args: &Args<'_>, now_ms: u64) -> Result<Options> {
        let (mut all_exist, mut lifetime) = (None, None);
        let mut index = 2;
        while let Some(word) = args.get(index) {
            if args.is(index, "fields") {
                let first = parse_pairs(args, index)?;
                return Ok(Options { all_exist, lifetime: lifetime.unwrap_or(Lifetime::Endless), first });
            }
            let clock = Clock::of_word(word);
            if (clock.is_some() || args.is(index, "keepttl")) && lifetime.is_some() {
                return Err(Error::sentence(
                    "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                ));
            }
            if let Some(clock) = clock {
                index += 1;
                if index == args.len() {
                    return Err(Error::sentence("ERR missing expire time"));
                }
                lifetime = Some(Lifetime::Until(time_at(args, index, clock, now_ms, "hsetex")?));
            } else if args.is(index, "keepttl") {
                lifetime = Some(Lifetime::Kept);
            } else if args.is(index, "fxx") || args.is(index, "fnx") {
                if all_exist.is_some() {
                    return Err(Error::sentence("ERR Only one of FXX or FNX arguments can be specified"));
                }
                all_exist = Some(args.is(index, "fxx"));
            } else {
                return Err(Error::quoting("ERR unknown argument: {}", &[word]));
            }
            index += 1;
        }
        // There is no list of fields at all.
        Err(wrong_arity())
    }
}

/// The index of the first field after the word `FIELDS`, each with its value.
fn parse_pairs(args: &Args<'_>, word_at: usize) -> Result<usize> {
    if word_at + 3 >= args.len() {
        return Err(wrong_arity());
    }
    let count = args.integer(word_at + 1).ok().filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(Error::sentence("ERR invalid number of fields"))?;
    let first = word_at + 2;
    let given = args.from(first).len();
    if !given.is_multiple_of(2) || usize::try_from(count) != Ok(given / 2) {
        return Err(wrong_arity());
    }
    Ok(first)
}

fn wrong_arity() -> Error {
    Error::WrongArity { name: "hsetex".to_owned() }
}
