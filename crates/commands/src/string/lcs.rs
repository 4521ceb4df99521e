//! `LCS`: the longest common subsequence of two strings, its length, or where it lies in either.
//!
//! There may be several longest ones. Which one is found, and in which pieces it is reported, follows from walking the
//! table of lengths back from its end in one way: on equal bytes diagonally; else to where the length is greater,
//! and on equal lengths along the second string. Clients see it, so it has to be Redis's way.

use data::{View, string};

use super::READS;
use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{Begin, Find, KeySpec};

/// What Redis takes for one entry of its table. Ours needs a bit; refused is what Redis would refuse.
const TABLE_ENTRY_BYTES: u64 = 4;

pub(crate) static COMMANDS: &[Command] = &[Command {
    name: "lcs",
    arity: Arity::AtLeast(3),
    keys: &[KeySpec { flags: READS, begin: Begin::Index(1), find: Find::Range { last: 1, step: 1, limit: 0 } }],
    group: Group::String,
    marks: Marks::LONG,
    doc: Doc::new(
        "7.0.0",
        "Finds the longest common subsequence of two strings.",
        "O(N*M) with N and M being the lengths of the strings.",
        &[
            Arg::new("key1", ArgKind::Key(0)),
            Arg::new("key2", ArgKind::Key(0)),
            Arg::word("len", "LEN").optional(),
            Arg::word("idx", "IDX").optional(),
            Arg::new("min-match-len", ArgKind::Integer).token("MINMATCHLEN").optional(),
            Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
        ],
    ),
    run: Run::Read(lcs),
}];

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    match_len_min: u64,
}

fn lcs(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (one, other) = (view.read(args.at(1)?)?, view.read(args.at(2)?)?);
    let wrong_kind = |_| Error::sentence("ERR The specified keys must contain string values");
    let one = one.map(|found| found.expect(data::Kind::String).map_err(wrong_kind)).transpose()?;
    let other = other.map(|found| found.expect(data::Kind::String).map_err(wrong_kind)).transpose()?;
    let options = parse(args)?;

    let (one, other) = (one.map(string::Text::new).transpose()?, other.map(string::Text::new).transpose()?);
    let len = |text: &Option<string::Text<'_>>| text.as_ref().map_or(0, string::Text::len);
    check_size(len(&one), len(&other), string::len_max(view.keyspace()))?;
    let bytes = |text: &Option<string::Text<'_>>| text.as_ref().map_or(Ok(Vec::new()), |text| text.to_vec(view));
    let (a, b) = (bytes(&one)?, bytes(&other)?);

    let table = Table::new(&a, &b, || Ok(view.go_on()?))?;
    if options.idx {
        reply_matches(reply, &table.matches(&a, &b), table.len, &options);
    } else if options.len {
        reply.integer(table.len as i64);
    } else {
        let matches = table.matches(&a, &b);
        reply.bulk_header(table.len);
        matches.iter().rev().for_each(|found| reply.raw(&a[found.a..found.a + found.len]));
        reply.raw(b"\r\n");
    }
    Ok(())
}

fn parse(args: &Args<'_>) -> Result<Options> {
    let mut options = Options::default();
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "IDX") {
            options.idx = true;
        } else if args.is(index, "LEN") {
            options.len = true;
        } else if args.is(index, "WITHMATCHLEN") {
            options.with_match_len = true;
        } else if args.is(index, "MINMATCHLEN") && index + 1 < args.len() {
            index += 1;
            options.match_len_min = u64::try_from(args.integer(index)?).unwrap_or(0);
        } else {
            return Err(Error::Syntax);
        }
        index += 1;
    }
    if options.idx && options.len { Err(Error::LcsLenAndIdx) } else { Ok(options) }
}

fn check_size(a_len: u64, b_len: u64, bytes_max: u64) -> Result<()> {
    let lens_fit = a_len < u64::from(u32::MAX) - 1 && b_len < u64::from(u32::MAX) - 1;
    if !lens_fit {
        return Err(Error::sentence("ERR String too long for LCS"));
    }
    let bytes = ((a_len + 1) * (b_len + 1)).checked_mul(TABLE_ENTRY_BYTES);
    match bytes {
        Some(bytes) if bytes <= bytes_max => Ok(()),
        Some(_) => Err(Error::sentence("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")),
        None => Err(Error::sentence("ERR Insufficient memory, failed allocating transient memory for LCS")),
    }
}

/// A piece that both strings have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    /// Where it begins in the first string.
    a: usize,
    /// Where it begins in the second one.
    b: usize,
    len: usize,
}

/// Which way leads back through the table of lengths, and the length at its end.
struct Table {
    /// A bit for each byte of the first string and each of the second: set if the length without the former is
    /// smaller than or equal to that without the latter.
    along_b: Vec<u64>,
    len: usize,
}

impl Table {
    /// Asks `go_on` before each row.
    fn new(a: &[u8], b: &[u8], go_on: impl Fn() -> Result<()>) -> Result<Table> {
        let mut along_b = vec![0u64; (a.len() * b.len()).div_ceil(64)];
        // The table's row for the bytes of `a` so far.
        let mut row = vec![0u32; b.len() + 1];
        for (i, &in_a) in a.iter().enumerate() {
            go_on()?;
            let mut diagonal = 0;
            for (j, &in_b) in b.iter().enumerate() {
                let (without_a, without_b) = (row[j + 1], row[j]);
                let bit = i * b.len() + j;
                along_b[bit / 64] |= u64::from(without_a <= without_b) << (bit % 64);
                row[j + 1] = if in_a == in_b { diagonal + 1 } else { without_a.max(without_b) };
                diagonal = without_a;
            }
        }
        Ok(Table { along_b, len: row[b.len()] as usize })
    }

    /// The pieces of one longest common subsequence, the last one first.
    fn matches(&self, a: &[u8], b: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                match matches.last_mut() {
                    Some(last) if last.a == i && last.b == j => {
                        *last = Match { a: i - 1, b: j - 1, len: last.len + 1 };
                    }
                    _ => matches.push(Match { a: i - 1, b: j - 1, len: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else {
                let bit = (i - 1) * b.len() + (j - 1);
                if self.along_b[bit / 64] >> (bit % 64) & 1 == 1 { j -= 1 } else { i -= 1 }
            }
        }
        matches
    }
}

fn reply_matches(reply: &mut Reply<'_>, matches: &[Match], len: usize, options: &Options) {
    let shown = || matches.iter().filter(|found| found.len as u64 >= options.match_len_min);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(shown().count());
    for found in shown() {
        reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [found.a, found.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + found.len - 1) as i64);
        }
        if options.with_match_len {
            reply.integer(found.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(len as i64);
}
