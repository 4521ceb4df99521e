//! `MEMORY`: what the server's memory is used for, and what a key takes.

use data::View;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::keys::KeySpec;
use crate::session::{Effect, Host, Session};

pub(crate) static COMMANDS: &[Command] = &[
    container("memory", Group::Server, Marks::NONE, "4.0.0", "Groups the commands about memory."),
    Command {
        name: "memory|doctor",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NONE,
        doc: Doc::new("4.0.0", "Tells what it thinks of the memory usage.", "O(1)", &[]).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        run: Run::Session(doctor),
    },
    Command {
        name: "memory|malloc-stats",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NONE,
        doc: Doc::new(
            "4.0.0",
            "Tells the counters of the allocator.",
            "Depends on how much memory is allocated, could be slow",
            &[],
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
        run: Run::Session(malloc_stats),
    },
    Command {
        name: "memory|purge",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NONE,
        doc: Doc::new(
            "4.0.0",
            "Asks the allocator to give memory back.",
            "Depends on how much memory is allocated, could be slow",
            &[],
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        run: Run::Session(purge),
    },
    Command {
        name: "memory|stats",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NONE,
        doc: Doc::new("4.0.0", "Tells what memory is used for.", "O(1)", &[]).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        run: Run::Session(stats),
    },
    Command {
        name: "memory|usage",
        arity: Arity::AtLeast(3),
        keys: &[KeySpec::at(2, &["RO"])],
        group: Group::Server,
        marks: Marks::NONE,
        doc: Doc::new(
            "4.0.0",
            "Estimates what a key and its value take.",
            "O(N) where N is the number of samples.",
            &[Arg::key(), Arg::new("count", ArgKind::Integer).token("SAMPLES").optional()],
        ),
        run: Run::Read(usage),
    },
    help("memory|help", Group::Server, "4.0.0", list_subcommands),
];

/// Resident memory above so many times what is allocated is worth a word.
const FRAGMENTED_ABOVE: f64 = 1.5;

fn doctor(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let memory = host.facts().memory;
    let ratio = memory.rss_bytes as f64 / memory.allocated_bytes.max(1) as f64;
    let text = if ratio > FRAGMENTED_ABOVE {
        format!("The process holds {ratio:.2} times the memory that it uses. MEMORY PURGE may give some back.\n")
    } else {
        "Nothing about the memory usage is worth a word.\n".to_owned()
    };
    reply.verbatim("txt", text.as_bytes());
    Ok(Effect::None)
}

fn malloc_stats(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let memory = host.facts().memory;
    let text = format!(
        "jemalloc\nallocated: {}\nactive: {}\nresident: {}\n",
        memory.allocated_bytes, memory.active_bytes, memory.resident_bytes
    );
    reply.verbatim("txt", text.as_bytes());
    Ok(Effect::None)
}

/// The allocator gives unused pages back by itself after some seconds, so that there is nothing to ask it for.
fn purge(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.ok();
    Ok(Effect::None)
}

enum Value {
    Count(u64),
    Difference(i128),
    Ratio(f64),
}

fn stats(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    use Value::{Count, Difference, Ratio};
    let facts = host.facts();
    let (memory, clients) = (&facts.memory, facts.network.clients_bytes);
    let used = memory.allocated_bytes;
    let peak = memory.peak_bytes.max(used);
    let overhead = (memory.startup_bytes + clients).min(used);
    let keys: u64 = facts.storage.databases.iter().map(|(keys, _)| keys).sum();
    let over = |whole: u64, part: u64| Difference(i128::from(whole) - i128::from(part));
    let ratio = |whole: u64, part: u64| Ratio(if part == 0 { 0.0 } else { whole as f64 / part as f64 });
    let percent = |part: u64, whole: u64| Ratio(if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 });
    let fields = [
        ("peak.allocated", Count(peak)),
        ("total.allocated", Count(used)),
        ("startup.allocated", Count(memory.startup_bytes)),
        ("replication.backlog", Count(0)),
        ("clients.slaves", Count(0)),
        ("clients.normal", Count(clients)),
        ("cluster.links", Count(0)),
        ("aof.buffer", Count(0)),
        ("lua.caches", Count(0)),
        ("functions.caches", Count(0)),
        ("overhead.total", Count(overhead)),
        ("keys.count", Count(keys)),
        ("keys.bytes-per-key", Count(used.saturating_sub(memory.startup_bytes) / keys.max(1))),
        ("dataset.bytes", Count(used - overhead)),
        ("dataset.percentage", percent(used - overhead, used.saturating_sub(memory.startup_bytes))),
        ("peak.percentage", percent(used, peak)),
        ("allocator.allocated", Count(used)),
        ("allocator.active", Count(memory.active_bytes)),
        ("allocator.resident", Count(memory.resident_bytes)),
        ("allocator-fragmentation.ratio", ratio(memory.active_bytes, used)),
        ("allocator-fragmentation.bytes", over(memory.active_bytes, used)),
        ("allocator-rss.ratio", ratio(memory.resident_bytes, memory.active_bytes)),
        ("allocator-rss.bytes", over(memory.resident_bytes, memory.active_bytes)),
        ("rss-overhead.ratio", ratio(memory.rss_bytes, memory.resident_bytes)),
        ("rss-overhead.bytes", over(memory.rss_bytes, memory.resident_bytes)),
        ("fragmentation", ratio(memory.rss_bytes, used)),
        ("fragmentation.bytes", over(memory.rss_bytes, used)),
    ];
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        match value {
            Count(count) => reply.integer(i64::try_from(count).unwrap_or(i64::MAX)),
            Difference(bytes) => reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX)),
            Ratio(ratio) => reply.double(ratio),
        }
    }
    Ok(Effect::None)
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Tell what to think of the memory usage.",
    "MALLOC-STATS",
    "    Tell the counters of the allocator.",
    "PURGE",
    "    Ask the allocator to give memory back.",
    "STATS",
    "    Tell what memory is used for.",
    "USAGE <key> [SAMPLES <count>]",
    "    Estimate what a key and its value take.",
];

/// How many parts of a large value are measured unless the client says so.
const SAMPLES_DEFAULT: u64 = 5;

/// What the key's records take, before compression.
fn usage(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut samples = Some(SAMPLES_DEFAULT);
    let mut index = 3;
    while index < args.len() {
        if !args.is(index, "samples") || index + 1 >= args.len() {
            return Err(Error::Syntax);
        }
        // None at all stands for all.
        let count = u64::try_from(args.integer(index + 1)?).map_err(|_| Error::Syntax)?;
        samples = Some(count).filter(|&count| count > 0);
        index += 2;
    }
    let key = args.at(2)?;
    match view.find(key)? {
        Some(found) => {
            let bytes = data::usage::bytes(view, key, found, samples)?;
            reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        None => reply.null(),
    }
    Ok(())
}
