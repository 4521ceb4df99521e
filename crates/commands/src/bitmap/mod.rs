//! The bitmap commands: strings seen as rows of bits.
//!
//! Single bits and operations between whole bitmaps are here; counting and searching in a range is in [`range`], integers
//! within a bitmap are in [`field`]. What all of them do to the bytes is said in [`data::bitmap`].

mod field;
mod range;

#[cfg(test)]
mod tests;

use data::bitmap::{self, Operation};
use data::{Keyspace, Kind, Tx, View, string};

use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{Begin, Find, KeySpec, READS};

/// Bits in a byte, as offsets of bits have it.
const BYTE_BITS: u64 = bitmap::bits::BYTE_BITS;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "setbit",
        arity: Arity::Exactly(4),
        keys: &[KeySpec::first(&["RW", "access", "update"])],
        group: Group::Bitmap,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.2.0",
            "Sets or clears one bit of a string, which is created or lengthened where it does not reach so far.",
            "O(1)",
            &[Arg::key(), Arg::new("offset", ArgKind::Integer), Arg::new("value", ArgKind::Integer)],
        ),
        run: Run::Write(setbit),
    },
    Command {
        name: "getbit",
        arity: Arity::Exactly(3),
        keys: READS,
        group: Group::Bitmap,
        marks: Marks::FAST,
        doc: Doc::new(
            "2.2.0",
            "Reads one bit of a string.",
            "O(1)",
            &[Arg::key(), Arg::new("offset", ArgKind::Integer)],
        ),
        run: Run::Read(getbit),
    },
    Command {
        name: "bitop",
        arity: Arity::AtLeast(4),
        keys: &[
            KeySpec::at(2, &["OW", "update"]),
            KeySpec {
                flags: &["RO", "access"],
                begin: Begin::Index(3),
                find: Find::Range { last: -1, step: 1, limit: 0 },
            },
        ],
        group: Group::Bitmap,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.6.0",
            "Combines the bits of several strings and stores what comes out.",
            "O(N)",
            &[
                Arg::new(
                    "operation",
                    ArgKind::OneOf(&[
                        Arg::word("and", "AND"),
                        Arg::word("or", "OR"),
                        Arg::word("xor", "XOR"),
                        Arg::word("not", "NOT"),
                    ]),
                ),
                Arg::new("destkey", ArgKind::Key(0)),
                Arg::new("key", ArgKind::Key(1)).multiple(),
            ],
        ),
        run: Run::Write(bitop),
    },
    Command {
        name: "bitcount",
        arity: Arity::AtLeast(2),
        keys: READS,
        group: Group::Bitmap,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.6.0",
            "Counts the bits that are set in a string or in a part of it.",
            "O(N)",
            &[
                Arg::key(),
                Arg::new(
                    "range",
                    ArgKind::Block(&[Arg::new("start", ArgKind::Integer), Arg::new("end", ArgKind::Integer), UNIT]),
                )
                .optional(),
            ],
        )
        .history(UNIT_HISTORY),
        run: Run::Read(range::bitcount),
    },
    Command {
        name: "bitpos",
        arity: Arity::AtLeast(3),
        keys: READS,
        group: Group::Bitmap,
        marks: Marks::NONE,
        doc: Doc::new(
            "2.8.7",
            "Finds the first bit of a string, or of a part of it, that is set or clear.",
            "O(N)",
            &[
                Arg::key(),
                Arg::new("bit", ArgKind::Integer),
                Arg::new("range", ArgKind::Block(&[Arg::new("start", ArgKind::Integer), END_AND_UNIT])).optional(),
            ],
        )
        .history(UNIT_HISTORY),
        run: Run::Read(range::bitpos),
    },
    Command {
        name: "bitfield",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(&["RW", "access", "update", "variable_flags"])],
        group: Group::Bitmap,
        marks: Marks::GROWS,
        doc: Doc::new(
            "3.2.0",
            "Reads, writes and increments integers of any width at any bit of a string.",
            "O(1) for each subcommand specified",
            &[Arg::key(), Arg::new("operation", ArgKind::OneOf(&[GET_BLOCK, FIELD_WRITE])).optional().multiple()],
        ),
        run: Run::Write(field::bitfield),
    },
    Command {
        name: "bitfield_ro",
        arity: Arity::AtLeast(2),
        keys: READS,
        group: Group::Bitmap,
        marks: Marks::FAST,
        doc: Doc::new(
            "6.0.0",
            "Reads integers of any width at any bit of a string.",
            "O(1) for each subcommand specified",
            &[Arg::key(), GET_BLOCK.optional().multiple_token()],
        ),
        run: Run::Read(field::bitfield_ro),
    },
];

const UNIT: Arg =
    Arg::new("unit", ArgKind::OneOf(&[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")])).optional().since("7.0.0");
const UNIT_HISTORY: &[(&str, &str)] = &[("7.0.0", "Added the `BYTE|BIT` option.")];
const END_AND_UNIT: Arg =
    Arg::new("end-unit-block", ArgKind::Block(&[Arg::new("end", ArgKind::Integer), UNIT])).optional();

const ENCODING: Arg = Arg::new("encoding", ArgKind::String);
const OFFSET: Arg = Arg::new("offset", ArgKind::Integer);
const GET_BLOCK: Arg = Arg::new("get-block", ArgKind::Block(&[ENCODING, OFFSET])).token("GET");
const FIELD_WRITE: Arg = Arg::new("write", ArgKind::Block(&[OVERFLOW_BLOCK, WRITE_OPERATION]));
const OVERFLOW_BLOCK: Arg = Arg::new(
    "overflow-block",
    ArgKind::OneOf(&[Arg::word("wrap", "WRAP"), Arg::word("sat", "SAT"), Arg::word("fail", "FAIL")]),
)
.token("OVERFLOW")
.optional();
const WRITE_OPERATION: Arg = Arg::new(
    "write-operation",
    ArgKind::OneOf(&[
        Arg::new("set-block", ArgKind::Block(&[ENCODING, OFFSET, Arg::new("value", ArgKind::Integer)])).token("SET"),
        Arg::new("incrby-block", ArgKind::Block(&[ENCODING, OFFSET, Arg::new("increment", ArgKind::Integer)]))
            .token("INCRBY"),
    ]),
);

fn setbit(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let at = bit_offset(tx.keyspace(), args.at(2)?)?;
    let set = match parse_integer(args.at(3)?) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Error::BitValue),
    };
    let key = args.at(1)?;
    let old = tx.find_kind(key, Kind::String)?;
    let was = bitmap::set(tx, key, old, at, set)?;
    reply.integer(i64::from(was));
    Ok(())
}

fn getbit(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let at = bit_offset(view.keyspace(), args.at(2)?)?;
    let set = match string::read(view, args.at(1)?)? {
        Some(text) => bitmap::get(view, &text, at)?,
        None => false,
    };
    reply.integer(i64::from(set));
    Ok(())
}

fn bitop(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let operations = [("and", Operation::And), ("or", Operation::Or), ("xor", Operation::Xor), ("not", Operation::Not)];
    let found = operations.into_iter().find(|(word, _)| args.is(1, word));
    let (_, operation) = found.ok_or(Error::Syntax)?;
    let sources = args.from(3);
    if operation == Operation::Not && sources.len() != 1 {
        return Err(Error::BitopNot);
    }
    let len = bitmap::combine(tx, operation, args.at(2)?, sources)?;
    reply.integer(len as i64);
    Ok(())
}

/// An offset in bits, within the longest string that the options allow.
fn bit_offset(keyspace: &Keyspace, text: &[u8]) -> Result<u64> {
    let offset = parse_integer(text).ok_or(Error::BitOffset)?;
    check_bit_offset(keyspace, offset)
}

fn check_bit_offset(keyspace: &Keyspace, offset: i64) -> Result<u64> {
    let offset = u64::try_from(offset).map_err(|_| Error::BitOffset)?;
    if offset / BYTE_BITS < string::len_max(keyspace) { Ok(offset) } else { Err(Error::BitOffset) }
}
