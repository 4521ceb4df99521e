//! The HyperLogLog commands. What one is, and that its bytes are Redis's, is said in [`data::hyperloglog`].

#[cfg(test)]
mod tests;

use data::hyperloglog::{self, Encoding, HyperLogLog};
use data::{Kind, Tx};

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::keys::{Begin, Find, KeySpec};
use crate::store::Store;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "pfadd",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::first(&["RW", "insert"])],
        group: Group::HyperLogLog,
        marks: Marks::GROWS.and(Marks::FAST),
        doc: Doc::new(
            "2.8.9",
            "Lets a HyperLogLog see elements; it is created if there is none.",
            "O(1) to add every element.",
            &[Arg::key(), Arg::new("element", ArgKind::String).optional().multiple()],
        ),
        run: Run::Write(pfadd),
    },
    Command {
        name: "pfcount",
        arity: Arity::AtLeast(2),
        keys: &[KeySpec::all(1, &["RW", "access"])],
        group: Group::HyperLogLog,
        marks: Marks::MAY_REPLICATE,
        doc: Doc::new(
            "2.8.9",
            "Tells how many different elements one or more HyperLogLogs have seen together.",
            "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.",
            &[Arg::key().multiple()],
        ),
        run: Run::Write(pfcount),
    },
    Command {
        name: "pfmerge",
        arity: Arity::AtLeast(2),
        keys: &[
            KeySpec::at(1, &["RW", "access", "insert"]),
            KeySpec {
                flags: &["RO", "access"],
                begin: Begin::Index(2),
                find: Find::Range { last: -1, step: 1, limit: 0 },
            },
        ],
        group: Group::HyperLogLog,
        marks: Marks::GROWS,
        doc: Doc::new(
            "2.8.9",
            "Makes a HyperLogLog one that has seen what several have.",
            "O(N) to merge N HyperLogLogs, but with high constant times.",
            &[Arg::new("destkey", ArgKind::Key(0)), Arg::new("sourcekey", ArgKind::Key(1)).optional().multiple()],
        ),
        run: Run::Write(pfmerge),
    },
    Command {
        name: "pfdebug",
        arity: Arity::Exactly(3),
        keys: &[KeySpec::at(2, &["RW", "access"])],
        group: Group::HyperLogLog,
        marks: Marks::GROWS.and(Marks::ADMIN),
        doc: Doc::new(
            "2.8.9",
            "Shows how a HyperLogLog is written, for tests of servers.",
            "N/A",
            &[Arg::new("subcommand", ArgKind::String), Arg::key()],
        ),
        run: Run::Write(pfdebug),
    },
    Command {
        name: "pfselftest",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::HyperLogLog,
        marks: Marks::ADMIN,
        doc: Doc::new("2.8.9", "Checks that HyperLogLogs count as they should.", "N/A", &[]),
        run: Run::Admin(pfselftest),
    },
];

fn pfadd(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let changed = hyperloglog::add(tx, args.at(1)?, args.from(2))?;
    reply.integer(i64::from(changed));
    Ok(())
}

fn pfcount(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = match args.len() {
        2 => hyperloglog::count(tx, args.at(1)?)?,
        _ => hyperloglog::count_together(&tx.view(), args.from(1))?,
    };
    reply.integer(count as i64);
    Ok(())
}

fn pfmerge(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hyperloglog::merge(tx, args.at(1)?, args.from(2))?;
    reply.ok();
    Ok(())
}

fn pfdebug(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.at(2)?;
    let old = tx.find_kind(key, Kind::String)?;
    let found = hyperloglog::find(&tx.view(), key)?;
    let mut found = found.ok_or(Error::sentence("ERR The specified key does not exist"))?;
    if args.is(1, "getreg") {
        // In Redis the registers are dense from here on.
        if found.become_dense()? {
            hyperloglog::put(tx, key, old, &found);
        }
        let values = found.values()?;
        reply.array(values.len());
        values.iter().for_each(|&value| reply.integer(i64::from(value)));
    } else if args.is(1, "decode") {
        if found.encoding() != Encoding::Sparse {
            return Err(Error::sentence("ERR HLL encoding is not sparse"));
        }
        reply.bulk(hyperloglog::layout::describe(found.bytes()).as_bytes());
    } else if args.is(1, "encoding") {
        reply.simple(match found.encoding() {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        });
    } else if args.is(1, "todense") {
        let changed = found.become_dense()?;
        if changed {
            hyperloglog::put(tx, key, old, &found);
        }
        reply.integer(i64::from(changed));
    } else {
        return Err(Error::quoting("ERR Unknown PFDEBUG subcommand '{}'", &[args.at(1)?]));
    }
    Ok(())
}

/// Elements that the self-test lets a HyperLogLog see; about a second.
const SELFTEST_ELEMENTS: u64 = 10_000_000;
/// The standard error of an estimate, relative to the number.
const STANDARD_ERROR: f64 = 1.04 / 128.0;

/// Sees elements, sparse and dense, and compares the estimates with the truth and with each other.
fn pfselftest(store: &Store<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sparse_len_max =
        store.keyspace.settings.encodings.hll_sparse_max_bytes.load(std::sync::atomic::Ordering::Relaxed);
    let mut grown = HyperLogLog::new(sparse_len_max);
    let mut dense = grown.clone();
    dense.become_dense()?;
    let mut checkpoint = 1;
    for n in 1..=SELFTEST_ELEMENTS {
        let element = (n ^ store.keyspace.seed()).to_le_bytes();
        dense.add(&element)?;
        grown.add(&element)?;
        if n < checkpoint {
            continue;
        }
        checkpoint *= 10;
        let count = dense.count()?;
        if n < sparse_len_max / 2 && grown.encoding() != Encoding::Sparse {
            return Err(Error::sentence("ERR TESTFAILED sparse encoding not used"));
        }
        if grown.count()? != count || grown.values()? != dense.values()? {
            return Err(Error::sentence("ERR TESTFAILED dense/sparse disagree"));
        }
        let error = count.abs_diff(n);
        let error_max = if n == 10 { 1 } else { (STANDARD_ERROR * 6.0 * n as f64).ceil() as u64 };
        if error > error_max {
            let text = format!("ERR TESTFAILED Too big error. card:{n} abserr:{error}");
            return Err(Error::formatted(text));
        }
    }
    reply.ok();
    Ok(())
}
