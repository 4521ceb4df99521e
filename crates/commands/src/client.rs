//! `CLIENT`: what a connection says and asks about itself. What concerns other connections too is in
//! [`clients`](crate::clients).

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::connection::{check_name, is_printable};
use crate::container::{container, help, write_help};
use crate::error::{Error, Result};
use crate::session::{ClientFilter, Effect, Host, ReplyMode, Session};

pub(crate) static COMMANDS: &[Command] = &[
    container("client", Group::Connection, Marks::NONE, "2.4.0", "Groups the commands about connections."),
    Command {
        name: "client|id",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("5.0.0", "Tells the id of the connection.", "O(1)", &[]),
        run: Run::Session(id),
    },
    Command {
        name: "client|getname",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("2.6.9", "Tells the name of the connection.", "O(1)", &[]),
        run: Run::Session(get_name),
    },
    Command {
        name: "client|setname",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("2.6.9", "Names the connection.", "O(1)", &[Arg::new("connection-name", ArgKind::String)])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(set_name),
    },
    Command {
        name: "client|setinfo",
        arity: Arity::Exactly(4),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new(
            "7.2.0",
            "Notes which client library the connection uses.",
            "O(1)",
            &[Arg::new(
                "attr",
                ArgKind::OneOf(&[
                    Arg::new("libname", ArgKind::String).token("lib-name"),
                    Arg::new("libver", ArgKind::String).token("lib-ver"),
                ]),
            )],
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        run: Run::Session(set_info),
    },
    Command {
        name: "client|reply",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::BARRIER),
        doc: Doc::new(
            "3.2.0",
            "Turns the replies of the connection on or off.",
            "O(1)",
            &[Arg::new(
                "action",
                ArgKind::OneOf(&[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")]),
            )],
        ),
        run: Run::Session(set_reply),
    },
    Command {
        name: "client|no-evict",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN),
        doc: Doc::new(
            "7.0.0",
            "Protects the connection from being closed to save memory.",
            "O(1)",
            &[Arg::new("enabled", ArgKind::OneOf(&[Arg::word("on", "ON"), Arg::word("off", "OFF")]))],
        ),
        run: Run::Session(set_no_evict),
    },
    Command {
        name: "client|no-touch",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new(
            "7.2.0",
            "Lets the commands of the connection leave access times as they are.",
            "O(1)",
            &[Arg::new("enabled", ArgKind::OneOf(&[Arg::word("on", "ON"), Arg::word("off", "OFF")]))],
        ),
        run: Run::Session(set_no_touch),
    },
    Command {
        name: "client|tracking",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::BARRIER),
        doc: Doc::new(
            "6.0.0",
            "Turns invalidation messages for cached keys on or off.",
            "O(1). Some options may introduce additional complexity.",
            &[
                Arg::new("status", ArgKind::OneOf(&[Arg::word("on", "ON"), Arg::word("off", "OFF")])),
                Arg::new("client-id", ArgKind::Integer).token("REDIRECT").optional(),
                Arg::new("prefix", ArgKind::String).token("PREFIX").optional().multiple_token(),
                Arg::word("BCAST", "BCAST").optional(),
                Arg::word("OPTIN", "OPTIN").optional(),
                Arg::word("OPTOUT", "OPTOUT").optional(),
                Arg::word("NOLOOP", "NOLOOP").optional(),
            ],
        ),
        run: Run::Session(set_tracking),
    },
    Command {
        name: "client|trackinginfo",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("6.2.0", "Tells how the connection tracks keys.", "O(1)", &[]),
        run: Run::Session(tracking_info),
    },
    Command {
        name: "client|getredir",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new("6.0.0", "Tells which connection receives the invalidation messages.", "O(1)", &[]),
        run: Run::Session(get_redirection),
    },
    Command {
        name: "client|caching",
        arity: Arity::Exactly(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME),
        doc: Doc::new(
            "6.0.0",
            "Says whether the keys of the next command are tracked.",
            "O(1)",
            &[Arg::new("mode", ArgKind::OneOf(&[Arg::word("yes", "YES"), Arg::word("no", "NO")]))],
        ),
        run: Run::Session(set_caching),
    },
    help("client|help", Group::Connection, "5.0.0", list_subcommands),
];

fn id(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.integer(i64::try_from(session.id).unwrap_or(i64::MAX));
    Ok(Effect::None)
}

fn get_name(session: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if session.name.is_empty() {
        reply.null()
    } else {
        reply.bulk(&session.name)
    }
    Ok(Effect::None)
}

fn set_name(session: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let name = args.at(2)?;
    check_name(name)?;
    session.name = name.to_vec();
    reply.ok();
    Ok(Effect::None)
}

fn set_info(session: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (option, value) = (args.at(2)?, args.at(3)?);
    let place = match () {
        () if args.is(2, "lib-name") => &mut session.library_name,
        () if args.is(2, "lib-ver") => &mut session.library_version,
        () => return Err(Error::quoting("ERR Unrecognized option '{}'", &[option])),
    };
    if !is_printable(value) {
        return Err(Error::quoting("ERR {} cannot contain spaces, newlines or special characters.", &[option]));
    }
    *place = value.to_vec();
    reply.ok();
    Ok(Effect::None)
}

fn set_reply(session: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    if args.is(2, "on") {
        session.reply_mode = ReplyMode::On;
        reply.ok();
    } else if args.is(2, "off") {
        session.reply_mode = ReplyMode::Off;
    } else if args.is(2, "skip") {
        if session.reply_mode != ReplyMode::Off {
            session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(Error::Syntax);
    }
    Ok(Effect::None)
}

fn set_no_evict(session: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    session.no_evict = on_or_off(args, 2)?;
    reply.ok();
    Ok(Effect::None)
}

fn set_no_touch(session: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    session.no_touch = on_or_off(args, 2)?;
    reply.ok();
    Ok(Effect::None)
}

fn on_or_off(args: &Args<'_>, index: usize) -> Result<bool> {
    match () {
        () if args.is(index, "on") => Ok(true),
        () if args.is(index, "off") => Ok(false),
        () => Err(Error::Syntax),
    }
}

/// No connection can turn tracking on, so that none is ever told of a key that changed. A client that asks gets
/// an error before it relies on messages that never come.
fn set_tracking(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    check_tracking_options(host, args)?;
    if on_or_off(args, 2)? {
        return Err(Error::sentence("ERR CLIENT TRACKING is not available on this server"));
    }
    reply.ok();
    Ok(Effect::None)
}

fn check_tracking_options(host: &dyn Host, args: &Args<'_>) -> Result<()> {
    let mut index = 3;
    while index < args.len() {
        let has_value = index + 1 < args.len();
        if args.is(index, "redirect") && has_value {
            let id = u64::try_from(args.integer(index + 1)?).unwrap_or(0);
            if host.clients(&ClientFilter { ids: Some(vec![id]), ..ClientFilter::default() }).is_empty() {
                return Err(Error::sentence("ERR The client ID you want redirect to does not exist"));
            }
            index += 2;
        } else if args.is(index, "prefix") && has_value {
            index += 2;
        } else if ["bcast", "optin", "optout", "noloop"].iter().any(|word| args.is(index, word)) {
            index += 1;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(())
}

fn tracking_info(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(Effect::None)
}

fn get_redirection(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.integer(-1);
    Ok(Effect::None)
}

fn set_caching(_: &mut Session, _: &dyn Host, _: &Args<'_>, _: &mut Reply<'_>) -> Result<Effect> {
    Err(Error::sentence(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    ))
}

fn list_subcommands(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    write_help(args, reply, HELP)
}

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Say whether the keys of the next command are tracked.",
    "GETREDIR",
    "    Tell which client receives the invalidation messages of this one.",
    "GETNAME",
    "    Tell the name of this connection.",
    "ID",
    "    Tell the id of this connection.",
    "INFO",
    "    Describe this connection.",
    "KILL <ip:port>",
    "    Close the connection from an address.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Close the connections that all options match:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      The address of the client.",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      The address that the client connected to.",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      The type of the client.",
    "    * USER <username>",
    "      The user that the client runs as.",
    "    * ID <id>",
    "      The id of the client.",
    "    * MAXAGE <seconds>",
    "      Connected for at least so long.",
    "    * SKIPME (YES|NO)",
    "      Spare this connection (default: yes).",
    "LIST [options ...]",
    "    Describe open connections. Options are:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Only those of a type.",
    "    * ID <id> [<id> ...]",
    "      Only those with these ids.",
    "NO-EVICT (ON|OFF)",
    "    Protect this connection from being closed to save memory.",
    "NO-TOUCH (ON|OFF)",
    "    Leave the access times of keys as they are.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Hold back all commands, or only writes, for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Turn the replies to this connection on or off, or leave out the next one.",
    "SETINFO <option> <value>",
    "    Note a fact about the client library. Options are:",
    "    * LIB-NAME: its name.",
    "    * LIB-VER: its version.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Turn invalidation messages for cached keys on or off.",
    "TRACKINGINFO",
    "    Tell how this connection tracks keys.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Wake a client that waits in a blocking command.",
    "UNPAUSE",
    "    End a pause.",
];
