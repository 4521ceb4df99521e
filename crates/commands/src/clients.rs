//! `CLIENT`: what concerns connections as the server knows them: describing, closing, pausing, waking.

use std::fmt::Write;

use resp::Protocol;

use crate::args::Args;
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
use crate::error::{Error, Result};
use crate::facts::ClientFacts;
use crate::session::{ClientFilter, DEFAULT_USER, Effect, Host, Session};
use crate::table;

pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "client|info",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::BARRIER),
        doc: Doc::new("6.2.0", "Describes the connection.", "O(1)", &[]).tips(&["nondeterministic_output"]),
        run: Run::Session(info),
    },
    Command {
        name: "client|list",
        arity: Arity::AtLeast(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "2.4.0",
            "Describes open connections.",
            "O(N) where N is the number of client connections",
            &[
                Arg::new(
                    "client-type",
                    ArgKind::OneOf(&[
                        Arg::word("normal", "normal"),
                        Arg::word("master", "master"),
                        Arg::word("replica", "replica"),
                        Arg::word("pubsub", "pubsub"),
                    ]),
                )
                .token("TYPE")
                .optional()
                .since("5.0.0"),
                Arg::new("client-id", ArgKind::Integer).token("ID").optional().multiple().since("6.2.0"),
            ],
        )
        .history(&[
            ("2.8.12", "Tells the `id`."),
            ("5.0.0", "Takes the filter `TYPE`."),
            ("6.0.0", "Tells the `user`."),
            ("6.2.0", "Tells `argv-mem`, `tot-mem`, `laddr` and `redir`; takes the filter `ID`."),
            ("7.0.0", "Tells `resp`, `multi-mem`, `rbs` and `rbp`."),
            ("7.0.3", "Tells `ssub`."),
        ])
        .tips(&["nondeterministic_output"]),
        run: Run::Session(list),
    },
    Command {
        name: "client|kill",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "2.4.0",
            "Closes connections.",
            "O(N) where N is the number of client connections",
            &[Arg::new(
                "filter",
                ArgKind::OneOf(&[
                    Arg::new("old-format", ArgKind::String).deprecated("2.8.12").display("ip:port"),
                    Arg::new(
                        "new-format",
                        ArgKind::OneOf(&[
                            Arg::new("client-id", ArgKind::Integer).token("ID").optional().since("2.8.12"),
                            Arg::new(
                                "client-type",
                                ArgKind::OneOf(&[
                                    Arg::word("normal", "normal"),
                                    Arg::word("master", "master").since("3.2.0"),
                                    Arg::word("slave", "slave"),
                                    Arg::word("replica", "replica").since("5.0.0"),
                                    Arg::word("pubsub", "pubsub"),
                                ]),
                            )
                            .token("TYPE")
                            .optional()
                            .since("2.8.12"),
                            Arg::new("username", ArgKind::String).token("USER").optional(),
                            Arg::new("addr", ArgKind::String).token("ADDR").optional().display("ip:port"),
                            Arg::new("laddr", ArgKind::String)
                                .token("LADDR")
                                .optional()
                                .since("6.2.0")
                                .display("ip:port"),
                            Arg::new("skipme", ArgKind::OneOf(&[Arg::word("yes", "YES"), Arg::word("no", "NO")]))
                                .token("SKIPME")
                                .optional(),
                        ]),
                    )
                    .multiple(),
                ]),
            )],
        )
        .history(&[
            ("2.8.12", "Takes filters."),
            ("2.8.12", "Takes the filter `ID`."),
            ("3.2.0", "The filter `TYPE` takes `master`."),
            ("5.0.0", "The filter `TYPE` takes `replica`, which means the same as `slave`."),
            ("6.2.0", "Takes the filter `LADDR`."),
        ]),
        run: Run::Session(kill),
    },
    Command {
        name: "client|pause",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "3.0.0",
            "Holds back the commands of all clients, or only their writes, for a while.",
            "O(1)",
            &[
                Arg::new("timeout", ArgKind::Integer),
                Arg::new("mode", ArgKind::OneOf(&[Arg::word("write", "WRITE"), Arg::word("all", "ALL")]))
                    .optional()
                    .since("6.2.0"),
            ],
        )
        .history(&[("6.2.0", "Takes a mode, of which `WRITE` holds back only writes.")]),
        run: Run::Session(pause),
    },
    Command {
        name: "client|unpause",
        arity: Arity::Exactly(2),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new("6.2.0", "Ends a pause.", "O(N) Where N is the number of paused clients", &[]),
        run: Run::Session(unpause),
    },
    Command {
        name: "client|unblock",
        arity: Arity::AtLeast(3),
        keys: &[],
        group: Group::Connection,
        marks: Marks::NO_SCRIPT.and(Marks::ANY_TIME).and(Marks::ADMIN).and(Marks::BARRIER),
        doc: Doc::new(
            "5.0.0",
            "Wakes a client that waits in a blocking command.",
            "O(log N) where N is the number of client connections",
            &[
                Arg::new("client-id", ArgKind::Integer),
                Arg::new(
                    "unblock-type",
                    ArgKind::OneOf(&[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")]),
                )
                .optional(),
            ],
        ),
        run: Run::Session(unblock),
    },
];

fn info(session: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let filter = ClientFilter { ids: Some(vec![session.id]), ..ClientFilter::default() };
    write_lines(session, host.clients(&filter), reply);
    Ok(Effect::None)
}

fn list(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let mut filter = ClientFilter::default();
    if args.len() == 4 && args.is(2, "type") {
        filter.kind = Some(client_type(args.at(3)?)?);
    } else if args.len() > 3 && args.is(2, "id") {
        let mut clients = Vec::new();
        for index in 3..args.len() {
            let id = args.integer(index).map_err(|_| Error::sentence("ERR Invalid client ID"))?;
            // An id that is asked for twice is told twice, in the order asked for.
            let Ok(id) = u64::try_from(id) else { continue };
            clients.extend(host.clients(&ClientFilter { ids: Some(vec![id]), ..ClientFilter::default() }));
        }
        write_lines(session, clients, reply);
        return Ok(Effect::None);
    } else if args.len() != 2 {
        return Err(Error::Syntax);
    }
    write_lines(session, host.clients(&filter), reply);
    Ok(Effect::None)
}

fn write_lines(session: &Session, clients: Vec<ClientFacts>, reply: &mut Reply<'_>) {
    let mut text = String::new();
    for mut client in clients {
        if client.id == session.id {
            refresh(&mut client, session);
        }
        write_line(&mut text, &client);
    }
    reply.verbatim("txt", text.as_bytes());
}

/// Brings up to date what the asking client's own session knows better than the server around it.
fn refresh(client: &mut ClientFacts, session: &Session) {
    client.name = String::from_utf8_lossy(&session.name).into_owned();
    client.library_name = String::from_utf8_lossy(&session.library_name).into_owned();
    client.library_version = String::from_utf8_lossy(&session.library_version).into_owned();
    client.user.clone_from(&session.user);
    client.db = session.db;
    client.resp = if session.protocol == Protocol::Resp3 { 3 } else { 2 };
    client.queued = session.queue.as_ref().map(|queue| queue.commands().len());
    (client.no_evict, client.no_touch) = (session.no_evict, session.no_touch);
}

/// One line of `CLIENT LIST`. Fields and their order are Redis's; monitoring splits it by blanks.
fn write_line(text: &mut String, client: &ClientFacts) {
    let [subscriptions, patterns, shard_subscriptions] = client.subscriptions;
    let queued = client.queued.map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={subscriptions} psub={patterns} \
         ssub={shard_subscriptions} multi={queued} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl=0 \
         oll={} omem={} tot-mem={} events=r cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={}",
        client.id,
        client.address,
        client.local_address,
        client.fd,
        client.name,
        client.age_seconds,
        client.idle_seconds,
        flags(client),
        client.db,
        client.query_buffer_bytes,
        client.query_buffer_free_bytes,
        client.argument_bytes,
        client.queued_bytes,
        client.output_buffer_bytes,
        client.output_buffer_bytes,
        client.output_list_len,
        client.output_list_bytes,
        client.total_bytes,
        shown_command(client.last_command),
        client.user,
        client.resp,
        client.library_name,
        client.library_version,
    );
}

fn flags(client: &ClientFacts) -> String {
    let flags = [
        ('P', client.kind() == "pubsub"),
        ('x', client.queued.is_some()),
        ('b', client.blocked),
        ('c', client.closing),
        ('U', client.unix_socket),
        ('e', client.no_evict),
        ('T', client.no_touch),
    ];
    let set: String = flags.into_iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
    if set.is_empty() { "N".to_owned() } else { set }
}

/// Hidden subcommands go by their container's name.
fn shown_command(name: &'static str) -> &'static str {
    table::find(name).map_or(name, |command| table::shown(command).name)
}

/// The type of client that a word means, as [`ClientFacts::kind`] calls it.
fn client_type(word: &[u8]) -> Result<&'static str> {
    let types = [
        ("normal", "normal"),
        ("slave", "replica"),
        ("replica", "replica"),
        ("pubsub", "pubsub"),
        ("master", "master"),
    ];
    let found = types.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, kind)| kind).ok_or_else(|| Error::quoting("ERR Unknown client type '{}'", &[word]))
}

fn kill(session: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let (filter, spares_itself) = if args.len() == 3 {
        let address = Some(String::from_utf8_lossy(args.at(2)?).into_owned());
        (ClientFilter { address, ..ClientFilter::default() }, false)
    } else {
        parse_filter(args)?
    };
    // The asking client has to get its reply, so it is closed by an effect and not with the others.
    let is_meant = !spares_itself && host.clients(&filter).iter().any(|client| client.id == session.id);
    let killed = host.kill_clients(&ClientFilter { skip: Some(session.id), ..filter }) + usize::from(is_meant);
    if args.len() > 3 {
        reply.integer(i64::try_from(killed).unwrap_or(i64::MAX));
    } else if killed == 0 {
        return Err(Error::NoSuchClient);
    } else {
        reply.ok();
    }
    Ok(if is_meant { Effect::Close } else { Effect::None })
}

/// The filter that the options of `CLIENT KILL` make, and whether the asking client is spared.
fn parse_filter(args: &Args<'_>) -> Result<(ClientFilter, bool)> {
    let (mut filter, mut spares_itself) = (ClientFilter::default(), true);
    for index in (2..args.len()).step_by(2) {
        let value = args.at(index + 1)?;
        let text = || String::from_utf8_lossy(value).into_owned();
        if args.is(index, "id") {
            let id = args.integer(index + 1).ok().and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
            let refusal = Error::sentence("ERR client-id should be greater than 0");
            filter.ids = Some(vec![id.ok_or(refusal)?]);
        } else if args.is(index, "type") {
            filter.kind = Some(client_type(value)?);
        } else if args.is(index, "addr") {
            filter.address = Some(text());
        } else if args.is(index, "laddr") {
            filter.local_address = Some(text());
        } else if args.is(index, "user") {
            if value != DEFAULT_USER.as_bytes() {
                return Err(Error::quoting("ERR No such user '{}'", &[value]));
            }
            filter.user = Some(text());
        } else if args.is(index, "maxage") {
            let age = args.integer(index + 1).ok().and_then(|age| u64::try_from(age).ok()).filter(|&age| age > 0);
            let refusal = Error::sentence("ERR maxage is not an integer or out of range");
            filter.max_age_seconds = Some(age.ok_or(refusal)?);
        } else if args.is(index, "skipme") && args.is(index + 1, "yes") {
            spares_itself = true;
        } else if args.is(index, "skipme") && args.is(index + 1, "no") {
            spares_itself = false;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok((filter, spares_itself))
}

fn pause(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let writes_only = match args.len() {
        3 => false,
        4 if args.is(3, "write") => true,
        4 if args.is(3, "all") => false,
        4 => return Err(Error::sentence("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(table::misused_subcommand(args)),
    };
    let timeout_ms = args.integer(2).map_err(|_| Error::sentence("ERR timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| Error::sentence("ERR timeout is negative"))?;
    let until_ms = (host.now_us() / 1000).checked_add(timeout_ms).filter(|&until| i64::try_from(until).is_ok());
    host.pause_clients(until_ms.ok_or(Error::sentence("ERR timeout is out of range"))?, writes_only);
    reply.ok();
    Ok(Effect::None)
}

fn unpause(_: &mut Session, host: &dyn Host, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    host.unpause_clients();
    reply.ok();
    Ok(Effect::None)
}

fn unblock(_: &mut Session, host: &dyn Host, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<Effect> {
    let with_error = match args.len() {
        3 => false,
        4 if args.is(3, "timeout") => false,
        4 if args.is(3, "error") => true,
        4 => return Err(Error::sentence("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(table::misused_subcommand(args)),
    };
    let id = u64::try_from(args.integer(2)?);
    reply.integer(i64::from(id.is_ok_and(|id| host.unblock_client(id, with_error))));
    Ok(Effect::None)
}
