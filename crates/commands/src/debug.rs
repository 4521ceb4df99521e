//! `DEBUG`: hooks for tests of servers and clients. Its subcommands are hidden: clients know one command.
//!
//! What only makes sense for values in memory is accepted and does nothing, so that a test that sets the scene
//! with it goes on.

use std::time::Duration;

use resp::Protocol;

use crate::args::{Args, parse_float, parse_integer};
use crate::command::{Arity, Command, Doc, Group, Marks, Reply, Run, SessionHandler};
use crate::container::{container, write_help};
use crate::error::{Error, Result, one_line};
use crate::session::{ClientFilter, Effect, Host, RuntimeName, Session};
use crate::table;

const MARKS: Marks = Marks::ADMIN.and(Marks::NO_SCRIPT).and(Marks::ANY_TIME);

pub(crate) static COMMANDS: &[Command] = &[
    container(
        "debug",
        Group::Server,
        MARKS.and(Marks::HIDDEN_SUBCOMMANDS),
        "1.0.0",
        "Groups hooks for tests of servers and clients.",
    ),
    hook("debug|help", Arity::Exactly(2), "Explains the subcommands.", list_subcommands),
    hook("debug|change-repl-id", Arity::Exactly(2), "Does nothing here.", accept),
    hook("debug|error", Arity::Exactly(3), "Replies an error.", error),
    #[cfg(feature = "failpoints")]
    hook("debug|failpoint", Arity::Exactly(4), "Sets what happens at a point of failure.", failpoint),
    hook("debug|loadaof", Arity::Exactly(2), "Does nothing here: the data is on disk.", accept),
    hook("debug|log", Arity::Exactly(3), "Writes a line to the log.", log),
    hook("debug|pause-cron", Arity::Exactly(3), "Does nothing here.", accept),
    hook("debug|protocol", Arity::Exactly(3), "Replies a value of a type.", protocol),
    hook("debug|quicklist-packed-threshold", Arity::Exactly(3), "Checks a size.", packed_threshold),
    hook("debug|reload", Arity::AtLeast(2), "Does nothing here: the data is on disk.", reload),
    hook("debug|replicate", Arity::Exactly(3), "Does nothing here: there are no replicas.", accept),
    hook("debug|replybuffer", Arity::Exactly(4), "Does nothing here.", reply_buffer),
    hook("debug|restart-runtime", Arity::Exactly(3), "Replaces one of the runtimes while the other goes on.", restart),
    hook("debug|set-active-expire", Arity::Exactly(3), "Turns the removal of expired keys on or off.", active_expire),
    hook("debug|set-disable-deny-scripts", Arity::Exactly(3), "Does nothing here.", accept),
    hook("debug|set-skip-checksum-validation", Arity::Exactly(3), "Does nothing here.", accept),
    hook("debug|sleep", Arity::Exactly(3), "Replies after some seconds.", sleep),
];

const fn hook(name: &'static str, arity: Arity, summary: &'static str, handler: SessionHandler) -> Command {
    let doc = Doc::new("1.0.0", summary, "O(1)", &[]);
    let marks = MARKS.and(Marks::BARRIER);
    Command { name, arity, keys: &[], group: Group::Server, marks, doc, run: Run::Session(handler) }
}

/// Fails unless the options let this client debug.
fn check_allowed(session: &Session, host: &dyn Host) -> Result<()> {
    let options = host.config_get(&[b"enable-debug-command"]);
    let is_allowed = match options.first().map(|(_, value)| value.as_slice()) {
        Some(b"yes") => true,
        Some(b"local") => is_local(session, host),
        _ => false,
    };
    if is_allowed { Ok(()) } else { Err(Error::DebugNotAllowed) }
}

fn is_local(session: &Session, host: &dyn Host) -> bool {
    let filter = ClientFilter { ids: Some(vec![session.id]), ..ClientFilter::default() };
    let loopback = |address: &str| address.parse::<std::net::SocketAddr>().is_ok_and(|a| a.ip().is_loopback());
    host.clients(&filter).iter().any(|client| client.unix_socket || loopback(&client.address))
}

fn accept(session: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    reply.ok();
    Ok(Effect::None)
}

fn error(session: &mut Session, host: &dyn Host, args: &Args<'_>, _: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    Err(Error::Sentence(one_line(args.at(2)?).into()))
}

fn log(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    host.log(&format!("DEBUG LOG: {}", String::from_utf8_lossy(args.at(2)?)));
    reply.ok();
    Ok(Effect::None)
}

fn packed_threshold(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    /// Beyond this Redis's lists cannot hold an element.
    const THRESHOLD_MAX_BYTES: u64 = 4 << 30;
    check_allowed(session, host)?;
    if memory_size(args.at(2)?).is_none_or(|bytes| bytes > THRESHOLD_MAX_BYTES) {
        return Err(Error::sentence("ERR argument must be a memory value bigger than 1 and smaller than 4gb"));
    }
    reply.ok();
    Ok(Effect::None)
}

/// A number of bytes with or without a unit, as in a configuration file.
fn memory_size(text: &[u8]) -> Option<u64> {
    let units: [(&str, u64); 7] = [
        ("kb", 1 << 10),
        ("mb", 1 << 20),
        ("gb", 1 << 30),
        ("k", 1000),
        ("m", 1_000_000),
        ("g", 1_000_000_000),
        ("b", 1),
    ];
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = units
        .iter()
        .find_map(|(name, bytes)| Some((lower.strip_suffix(name.as_bytes())?, *bytes)))
        .unwrap_or((&lower, 1));
    u64::try_from(parse_integer(digits)?).ok()?.checked_mul(unit)
}

/// A restart finds what was acknowledged on disk, and this client has nothing in flight: so there is nothing to
/// save, and the data that would be loaded is the data that is there.
fn reload(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    let known = |index| ["merge", "noflush", "nosave"].iter().any(|word| args.is(index, word));
    if !(2..args.len()).all(known) {
        return Err(Error::sentence("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."));
    }
    reply.ok();
    Ok(Effect::None)
}

fn reply_buffer(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    if args.is(2, "peak-reset-time") {
        if !args.is(3, "never") && !args.is(3, "reset") {
            args.integer(3)?;
        }
    } else if !args.is(2, "resizing") {
        return Err(table::misused_subcommand(args));
    }
    reply.ok();
    Ok(Effect::None)
}

fn active_expire(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    host.set_active_expire(args.integer(2) != Ok(0));
    reply.ok();
    Ok(Effect::None)
}

/// Clients lose their connections if the network runtime is replaced; what is in flight in storage is finished.
fn restart(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    let which = match args.at(2)?.to_ascii_lowercase().as_slice() {
        b"storage" => RuntimeName::Storage,
        b"network" => RuntimeName::Network,
        _ => return Err(Error::sentence("ERR the runtimes are 'storage' and 'network'")),
    };
    host.restart_runtime(which)?;
    reply.ok();
    Ok(Effect::None)
}

/// The actions are those of the `fail` crate: `panic`, `sleep(ms)`, `pause`, `return(what)`, `off`, with a number of times
/// or a probability before them.
#[cfg(feature = "failpoints")]
fn failpoint(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    let text = |index| -> Result<String> { Ok(String::from_utf8_lossy(args.at(index)?).into_owned()) };
    fail::cfg(text(2)?, &text(3)?).map_err(|error| Error::formatted(format!("ERR {error}")))?;
    reply.ok();
    Ok(Effect::None)
}

fn sleep(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    reply.ok();
    // What is no length of time is none.
    let seconds = parse_float(args.at(2)?).unwrap_or(0.0);
    Ok(Effect::Sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

fn protocol(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    let is_resp3 = reply.protocol() == Protocol::Resp3;
    match args.at(2)?.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3141.0 / 1000.0),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.integer(n);
                reply.boolean(n == 1);
            }
        }
        b"attrib" => {
            if is_resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if !is_resp3 => return Err(Error::sentence("ERR RESP2 is not supported by this command")),
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Error::sentence(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Effect::None)
}

fn list_subcommands(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_allowed(session, host)?;
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "CHANGE-REPL-ID",
    "    Accepted; does nothing.",
    "ERROR <string>",
    "    Reply an error.",
    #[cfg(feature = "failpoints")]
    "FAILPOINT <name> <actions>",
    #[cfg(feature = "failpoints")]
    "    Set what happens at a point of failure.",
    "LOADAOF",
    "    Accepted; does nothing: the data is on disk.",
    "LOG <message>",
    "    Write a line to the server's log.",
    "PAUSE-CRON <0|1>",
    "    Accepted; does nothing.",
    "PROTOCOL <type>",
    "    Reply a value of a type: string, integer, double, bignum, null, array, set,",
    "    map, attrib, push, verbatim, true, false.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted; does nothing.",
    "RELOAD [option ...]",
    "    Accepted; does nothing: the data is on disk.",
    "REPLICATE <string>",
    "    Accepted; does nothing.",
    "REPLYBUFFER (PEAK-RESET-TIME <time>|RESIZING <0|1>)",
    "    Accepted; does nothing.",
    "RESTART-RUNTIME <storage|network>",
    "    Replace a runtime while the other goes on. With the network's, all connections end.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Turn the removal of expired keys in the background off or on.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Accepted; does nothing.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Accepted; does nothing.",
    "SLEEP <seconds>",
    "    Reply after some seconds. Other clients do not wait.",
];
