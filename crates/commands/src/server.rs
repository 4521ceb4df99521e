//! The commands about the server as a whole: its time and role, checkpoints, stopping it, modules.

use data::View;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::facts::REDIS_VERSION;
use crate::session::{Effect, Host, Session, Shutdown};
use crate::store::{SaveError, SaveMode, Store};

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "time",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::FAST),
        doc: Doc::new("2.6.0", "Tells the time of the server.", "O(1)", &[]).tips(&["nondeterministic_output"]),
        run: Run::Session(time),
    },
    Command {
        name: "lolwut",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::FAST,
        doc: Doc::new(
            "5.0.0",
            "Draws a catamaran and tells the version.",
            "",
            &[Arg::new("version", ArgKind::Integer).token("VERSION").optional()],
        ),
        run: Run::Read(lolwut),
    },
    Command {
        name: "role",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::FAST).and(Marks::ADMIN_CATEGORY),
        doc: Doc::new("2.8.12", "Tells the role of the server in replication.", "O(1)", &[]),
        run: Run::Session(role),
    },
    Command {
        name: "replicaof",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Server,
        marks: REPLICATES,
        doc: Doc::new("5.0.0", "Makes the server a replica of another, or a master again.", "O(1)", &[MASTER]),
        run: Run::Session(replica_of),
    },
    Command {
        name: "slaveof",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Server,
        marks: REPLICATES,
        doc: Doc::new("1.0.0", "The old name of REPLICAOF.", "O(1)", &[MASTER]).deprecated("5.0.0", "`REPLICAOF`"),
        run: Run::Session(replica_of),
    },
    Command {
        name: "save",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ADMIN).and(Marks::NO_MULTI).and(Marks::NO_ASYNC_LOADING),
        doc: Doc::new(
            "1.0.0",
            "Writes a checkpoint and waits for it.",
            "O(N) where N is the total number of keys in all databases",
            &[],
        ),
        run: Run::Admin(save),
    },
    Command {
        name: "bgsave",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ADMIN).and(Marks::NO_ASYNC_LOADING),
        doc: Doc::new(
            "1.0.0",
            "Writes a checkpoint in the background.",
            "O(1)",
            &[Arg::word("schedule", "SCHEDULE").optional().since("3.2.2")],
        )
        .history(&[("3.2.2", "Takes `SCHEDULE`.")]),
        run: Run::Admin(background_save),
    },
    Command {
        name: "lastsave",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::ANY_TIME.and(Marks::FAST).and(Marks::ADMIN_CATEGORY),
        doc: Doc::new("1.0.0", "Tells when the last checkpoint was finished.", "O(1)", &[])
            .tips(&["nondeterministic_output"]),
        run: Run::Admin(last_save),
    },
    Command {
        name: "bgrewriteaof",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ADMIN).and(Marks::NO_ASYNC_LOADING),
        doc: Doc::new("1.0.0", "Has nothing to do here: the log on disk is never rewritten.", "O(1)", &[]),
        run: Run::Admin(rewrite_log),
    },
    Command {
        name: "shutdown",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT
            .and(Marks::ANY_TIME)
            .and(Marks::ADMIN)
            .and(Marks::ALLOW_BUSY)
            .and(Marks::NO_MULTI)
            .and(Marks::BARRIER),
        doc: Doc::new(
            "1.0.0",
            "Stops the server.",
            "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
            &[
                Arg::new("save-selector", ArgKind::OneOf(&[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")]))
                    .optional(),
                Arg::word("now", "NOW").optional().since("7.0.0"),
                Arg::word("force", "FORCE").optional().since("7.0.0"),
                Arg::word("abort", "ABORT").optional().since("7.0.0"),
            ],
        )
        .history(&[("7.0.0", "Takes `NOW`, `FORCE` and `ABORT`.")]),
        run: Run::Session(shutdown),
    },
    container("module", Group::Server, Marks::NONE, "4.0.0", "Groups the commands about modules."),
    Command {
        name: "module|list",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Server,
        marks: Marks::NO_SCRIPT.and(Marks::ADMIN),
        doc: Doc::new(
            "4.0.0",
            "Lists the loaded modules, of which there are none.",
            "O(N) where N is the number of loaded modules.",
            &[],
        )
        .tips(&["nondeterministic_output_order"]),
        run: Run::Session(list_modules),
    },
    help("module|help", Group::Server, "5.0.0", module_help),
];

const REPLICATES: Marks =
    Marks::NO_SCRIPT.and(Marks::STALE).and(Marks::ADMIN).and(Marks::NO_ASYNC_LOADING).and(Marks::BARRIER);
/// Whom to follow.
const MASTER: Arg = Arg::new(
    "args",
    ArgKind::OneOf(&[
        Arg::new("host-port", ArgKind::Block(&[Arg::new("host", ArgKind::String), Arg::new("port", ArgKind::Integer)])),
        Arg::new("no-one", ArgKind::Block(&[Arg::word("no", "NO"), Arg::word("one", "ONE")])),
    ]),
);

fn time(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let now_us = i64::try_from(host.now_us()).unwrap_or(i64::MAX);
    reply.array(2);
    reply.bulk_integer(now_us / 1_000_000);
    reply.bulk_integer(now_us % 1_000_000);
    Ok(Effect::None)
}

const CATAMARAN: &str = r"
              |\
              | \
              |  \
              |   \
              |    \
              |_____\
    ~~        |
   ___________|_________
   \   |_______________|/____
    \_________________/     /     ~~
 ~~~~~~~\___________________/~~~~~~~~~~~

";

fn lolwut(_: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() > 2 && args.is(1, "version") {
        // Every version draws the same, but has to be one.
        args.integer(2)?;
    }
    reply.verbatim("txt", format!("{CATAMARAN}Redis ver. {REDIS_VERSION}\n").as_bytes());
    Ok(())
}

fn role(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
    Ok(Effect::None)
}

fn replica_of(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if !(args.is(1, "no") && args.is(2, "one")) {
        if !args.integer(2).is_ok_and(|port| (0..=i64::from(u16::MAX)).contains(&port)) {
            return Err(Error::sentence("ERR Invalid master port"));
        }
        return Err(Error::sentence("ERR this server cannot be a replica"));
    }
    reply.ok();
    Ok(Effect::None)
}

fn save(store: &Store<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store.checkpoints.save(SaveMode::Foreground).map_err(save_refusal)?;
    reply.ok();
    Ok(())
}

fn background_save(store: &Store<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() > 2 || args.len() == 2 && !args.is(1, "schedule") {
        return Err(Error::Syntax);
    }
    store.checkpoints.save(SaveMode::Background).map_err(save_refusal)?;
    reply.simple("Background saving started");
    Ok(())
}

fn save_refusal(error: SaveError) -> Error {
    match error {
        SaveError::InProgress => Error::sentence("ERR Background save already in progress"),
        SaveError::Failed(text) => Error::Storage { text },
    }
}

fn last_save(store: &Store<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.integer(i64::try_from(store.checkpoints.last_save_unix()).unwrap_or(i64::MAX));
    Ok(())
}

/// Redis's text is kept for those who wait for it. There is nothing to do: RocksDB drops parts of its log as
/// soon as their data is in table files.
fn rewrite_log(_: &Store<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.simple("Background append only file rewriting started");
    Ok(())
}

fn shutdown(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (mut how, mut aborts) = (Shutdown::default(), false);
    for index in 1..args.len() {
        match () {
            () if args.is(index, "nosave") => how.no_save = true,
            () if args.is(index, "save") => how.save = true,
            () if args.is(index, "now") => how.now = true,
            () if args.is(index, "force") => how.force = true,
            () if args.is(index, "abort") => aborts = true,
            () => return Err(Error::Syntax),
        }
    }
    if aborts && how != Shutdown::default() || how.save && how.no_save {
        return Err(Error::Syntax);
    }
    if !aborts {
        return Ok(Effect::Shutdown(how));
    }
    if !host.abort_shutdown() {
        return Err(Error::sentence("ERR No shutdown in progress."));
    }
    reply.ok();
    Ok(Effect::None)
}

fn list_modules(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.array(0);
    Ok(Effect::None)
}

fn module_help(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, &["LIST", "    List the loaded modules."])
}
