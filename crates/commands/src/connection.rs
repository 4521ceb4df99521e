//! The commands about a client's own connection as such: is it alive, who is it, which database and protocol.

use resp::Protocol;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::facts::REDIS_VERSION;
use crate::session::{DEFAULT_USER, Effect, Host, Session};

/// What is true of the commands that authenticate.
const LOGS_IN: Marks = Marks::NO_SCRIPT
    .and(Marks::ANY_TIME)
    .and(Marks::FAST)
    .and(Marks::NO_AUTH)
    .and(Marks::ALLOW_BUSY)
    .and(Marks::SECRET_ARGS)
    .and(Marks::BARRIER);

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "ping",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Connection,
        marks: Marks::FAST,
        doc: Doc::new(
            "1.0.0",
            "Answers, so that the client knows that the server lives.",
            "O(1)",
            &[Arg::new("message", ArgKind::String).optional()],
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        run: Run::Session(ping),
    },
    Command {
        name: "echo",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::ANY_TIME.and(Marks::FAST),
        doc: Doc::new("1.0.0", "Replies what it is given.", "O(1)", &[Arg::new("message", ArgKind::String)]),
        run: Run::Session(echo),
    },
    Command {
        name: "hello",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Connection,
        marks: LOGS_IN,
        doc: Doc::new(
            "6.0.0",
            "Tells about the server, and chooses the protocol; may authenticate and name the connection.",
            "O(1)",
            &[Arg::new(
                "arguments",
                ArgKind::Block(&[
                    Arg::new("protover", ArgKind::Integer),
                    Arg::new(
                        "auth",
                        ArgKind::Block(&[Arg::new("username", ArgKind::String), Arg::new("password", ArgKind::String)]),
                    )
                    .token("AUTH")
                    .optional(),
                    Arg::new("clientname", ArgKind::String).token("SETNAME").optional(),
                ]),
            )
            .optional()],
        )
        .history(&[("6.2.0", "The protocol version may be left out; then nothing but a description is replied.")]),
        run: Run::Session(hello),
    },
    Command {
        name: "auth",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Connection,
        marks: LOGS_IN,
        doc: Doc::new(
            "1.0.0",
            "Authenticates the connection.",
            "O(N) where N is the number of passwords defined for the user",
            &[Arg::new("username", ArgKind::String).optional().since("6.0.0"), Arg::new("password", ArgKind::String)],
        )
        .history(&[("6.0.0", "Takes the name of a user.")]),
        run: Run::Session(auth),
    },
    Command {
        name: "select",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::ANY_TIME.and(Marks::FAST),
        doc: Doc::new(
            "1.0.0",
            "Selects the database of the connection.",
            "O(1)",
            &[Arg::new("index", ArgKind::Integer)],
        ),
        run: Run::Session(select),
    },
    Command {
        name: "quit",
        arity: Arity::AtLeast(1),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT
            .and(Marks::ANY_TIME)
            .and(Marks::FAST)
            .and(Marks::NO_AUTH)
            .and(Marks::ALLOW_BUSY)
            .and(Marks::NEVER_QUEUED)
            .and(Marks::BARRIER),
        doc: Doc::new("1.0.0", "Closes the connection once all earlier replies are sent.", "O(1)", &[])
            .deprecated("7.2.0", "just closing the connection"),
        run: Run::Session(quit),
    },
    Command {
        name: "reset",
        arity: Arity::Exactly(1),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT
            .and(Marks::ANY_TIME)
            .and(Marks::FAST)
            .and(Marks::NO_AUTH)
            .and(Marks::ALLOW_BUSY)
            .and(Marks::NEVER_QUEUED)
            .and(Marks::BARRIER),
        doc: Doc::new("6.2.0", "Puts the connection into the state of a new one.", "O(1)", &[]),
        run: Run::Session(reset),
    },
];

fn ping(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)?),
        _ => return Err(Error::WrongArity { name: "ping".to_owned() }),
    }
    Ok(Effect::None)
}

fn echo(_: &mut Session, _: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.bulk(args.at(1)?);
    Ok(Effect::None)
}

/// What the options of `HELLO` ask for; nothing is done before all of them are understood.
#[derive(Default)]
struct Greeting<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

fn parse_hello<'a>(args: &Args<'a>) -> Result<Greeting<'a>> {
    let mut greeting = Greeting::default();
    if args.len() < 2 {
        return Ok(greeting);
    }
    greeting.protocol = match args.integer(1).map_err(|_| Error::InvalidProtocolVersion)? {
        2 => Some(Protocol::Resp2),
        3 => Some(Protocol::Resp3),
        _ => return Err(Error::NoProto),
    };
    let mut index = 2;
    while let Some(option) = args.get(index) {
        match (args.get(index + 1), args.get(index + 2)) {
            (Some(user), Some(password)) if args.is(index, "auth") => {
                greeting.credentials = Some((user, password));
                index += 3;
            }
            (Some(name), _) if args.is(index, "setname") => {
                check_name(name)?;
                greeting.name = Some(name);
                index += 2;
            }
            _ => {
                return Err(Error::quoting("ERR Syntax error in HELLO option '{}'", &[option]));
            }
        }
    }
    Ok(greeting)
}

fn hello(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let greeting = parse_hello(args)?;
    if let Some((user, password)) = greeting.credentials {
        log_in(session, host, user, password)?;
    }
    if !session.authenticated {
        return Err(Error::HelloNoAuth);
    }
    if let Some(name) = greeting.name {
        session.name = name.to_vec();
    }
    if let Some(protocol) = greeting.protocol {
        session.protocol = protocol;
        reply.set_protocol(protocol);
    }
    reply.map(7);
    reply.bulk(b"server");
    // Client libraries compare this with the name that they know.
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if session.protocol == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(i64::try_from(session.id).unwrap_or(i64::MAX));
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(Effect::None)
}

fn auth(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (user, password) = match args.len() {
        2 if !host.requires_auth() => return Err(Error::AuthNotConfigured),
        2 => (DEFAULT_USER.as_bytes(), args.at(1)?),
        3 => (args.at(1)?, args.at(2)?),
        _ => return Err(Error::Syntax),
    };
    log_in(session, host, user, password)?;
    reply.ok();
    Ok(Effect::None)
}

fn log_in(session: &mut Session, host: &dyn Host, user: &[u8], password: &[u8]) -> Result<()> {
    if !host.authenticate(user, password) {
        return Err(Error::AuthFailed);
    }
    session.authenticated = true;
    session.user = String::from_utf8_lossy(user).into_owned();
    Ok(())
}

fn select(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let db = u16::try_from(args.integer32(1)?).ok().filter(|&db| db < host.database_count());
    session.db = db.ok_or(Error::DbOutOfRange)?;
    reply.ok();
    Ok(Effect::None)
}

fn quit(_: &mut Session, _: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    reply.ok();
    Ok(Effect::Close)
}

fn reset(session: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    session.reset(!host.requires_auth());
    reply.simple("RESET");
    Ok(Effect::None)
}

/// Fails unless a name can stand in a line of `CLIENT LIST`.
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    if is_printable(name) { Ok(()) } else { Err(Error::ClientName) }
}

/// True if a text can stand in a line of `CLIENT LIST`.
pub(crate) fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}
