//! The client's own connection: greetings, names, protocols, passwords, and the list of all clients.

use crate::harness::{Db, Server, alone, alone_with, both, both_with_other, once, soon};
use crate::wire::{Reply, show};

const SYNTAX: &str = "-ERR syntax error";
const BAD_NAME: &str = "-ERR Client names cannot contain spaces, newlines or special characters.";
const WRONG_PASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.";
const NO_AUTH: &str = "-NOAUTH Authentication required.";

/// The value of `field=value` in a line of `CLIENT LIST`.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name}= in {line}"))
}

#[test]
fn ping_and_echo() {
    both(|db| {
        db.check_all(&[
            ("PING", "+PONG"),
            ("ping hello", "$hello"),
            ("PING \"\"", "$"),
            ("ECHO \"a b\\r\\n\"", "$a b\\r\\n"),
            ("ECHO \"\"", "$"),
        ]);
        db.check_arity(&["PING a b", "ECHO", "ECHO a b"]);
    });
}

#[test]
fn hello_switches_the_protocol_and_introduces_the_server() {
    once(|db| {
        let two = db.call("HELLO");
        assert!(matches!(two, Reply::Array(_)), "HELLO: {two}");
        let three = db.call("HELLO 3");
        let Reply::Map(items) = &three else { panic!("HELLO 3: {three}") };
        let names: Vec<String> = items.iter().step_by(2).map(Reply::to_string).collect();
        assert_eq!(names, ["$server", "$version", "$proto", "$id", "$mode", "$role", "$modules"]);
        assert_eq!(items[1].to_string(), "$redis");
        assert_eq!(items[5].to_string(), ":3");
        assert_eq!(items[9].to_string(), "$standalone");
        assert_eq!(items[11].to_string(), "$master");
        assert_eq!(items[13].to_string(), "[]");
        db.check("CLIENT ID", &items[7].to_string());
        let kept = db.call("HELLO");
        assert!(matches!(kept, Reply::Map(_)), "HELLO without a version keeps it: {kept}");
        let two = db.call("HELLO 2");
        assert!(matches!(two, Reply::Array(_)), "HELLO 2: {two}");
    });
}

#[test]
fn hello_with_options() {
    both(|db| {
        let proto = db.protocol;
        db.call(&format!("HELLO {proto} SETNAME me"));
        db.check("CLIENT GETNAME", "$me");
        // Without a password for the default user, any is right.
        db.call(&format!("HELLO {proto} AUTH default anything SETNAME again"));
        db.check("CLIENT GETNAME", "$again");
        db.check_refused(&["HELLO 1", "HELLO 4", "HELLO -1", "HELLO 0"], "-NOPROTO unsupported protocol version");
        db.check_refused(
            &["HELLO abc", "HELLO 3.0", "HELLO \"\""],
            "-ERR Protocol version is not an integer or out of range",
        );
        db.check_all(&[
            ("HELLO 3 BOGUS", "-ERR Syntax error in HELLO option 'BOGUS'"),
            ("HELLO 3 AUTH user", "-ERR Syntax error in HELLO option 'AUTH'"),
            ("HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"),
            ("HELLO 3 SETNAME \"a b\"", BAD_NAME),
            ("HELLO 3 AUTH nobody secret", WRONG_PASS),
            ("CLIENT GETNAME", "$again"),
        ]);
        // A refused HELLO leaves the protocol as it was.
        db.check_each("CONFIG GET nothing-at-all", "[]", "%[]");
    });
}

#[test]
fn client_names() {
    both(|db| {
        db.check_all(&[
            ("CLIENT GETNAME", "nil"),
            ("CLIENT SETNAME worker-1", "+OK"),
            ("CLIENT GETNAME", "$worker-1"),
            ("CLIENT SETNAME \"\"", "+OK"),
            ("CLIENT GETNAME", "nil"),
            ("CLIENT SETNAME x", "+OK"),
            ("CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command"),
            ("CLIENT GETNAME x", "-ERR wrong number of arguments for 'client|getname' command"),
        ]);
        db.check_refused(
            &[
                "CLIENT SETNAME \"a b\"",
                "CLIENT SETNAME \"a\\n\"",
                "CLIENT SETNAME \"\\x00\"",
                "CLIENT SETNAME \"\\xe4\"",
            ],
            BAD_NAME,
        );
        db.check("CLIENT GETNAME", "$x");
    });
}

#[test]
fn client_setinfo() {
    both(|db| {
        if !db.server.since((7, 2)) {
            return crate::harness::skip("CLIENT SETINFO: Redis has it since 7.2");
        }
        db.check_all(&[
            ("CLIENT SETINFO LIB-NAME my-client", "+OK"),
            ("CLIENT SETINFO lib-ver 1.2.3", "+OK"),
            ("CLIENT SETINFO LIB-NAME \"a b\"", "-ERR LIB-NAME cannot contain spaces, newlines or special characters."),
            ("CLIENT SETINFO LIB-VER \"a\\nb\"", "-ERR LIB-VER cannot contain spaces, newlines or special characters."),
            ("CLIENT SETINFO BOGUS x", "-ERR Unrecognized option 'BOGUS'"),
        ]);
        let line = db.text("CLIENT INFO");
        assert_eq!((field(&line, "lib-name"), field(&line, "lib-ver")), ("my-client", "1.2.3"));
    });
}

#[test]
fn client_id_info_and_list() {
    alone(|server| {
        for protocol in [2, 3] {
            let mut one = server.db(protocol, 0);
            let mut two = server.db(2, 5);
            let (first, second) = (one.integer("CLIENT ID"), two.integer("CLIENT ID"));
            assert!(second > first, "ids grow: {first}, {second}");
            one.check("CLIENT SETNAME one", "+OK");
            let info = one.text("CLIENT INFO");
            assert_eq!(field(&info, "id"), first.to_string());
            assert_eq!(field(&info, "name"), "one");
            assert_eq!(field(&info, "db"), "0");
            assert_eq!(field(&info, "user"), "default");
            assert_eq!(field(&info, "cmd"), "client|info");
            assert_eq!(field(&info, "resp"), protocol.to_string());
            assert_eq!(field(&info, "multi"), "-1");
            assert!(info.ends_with('\n') && info.lines().count() == 1, "{info}");
            let expected = [
                "id",
                "addr",
                "laddr",
                "fd",
                "name",
                "age",
                "idle",
                "flags",
                "db",
                "sub",
                "psub",
                "ssub",
                "multi",
                "qbuf",
                "qbuf-free",
                "argv-mem",
                "multi-mem",
                "rbs",
                "rbp",
                "obl",
                "oll",
                "omem",
                "tot-mem",
                "events",
                "cmd",
                "user",
                "redir",
                "resp",
            ];
            let names: Vec<&str> =
                info.split_ascii_whitespace().filter_map(|word| Some(word.split_once('=')?.0)).collect();
            assert_eq!(names[..expected.len()], expected);
            let list = one.text("CLIENT LIST");
            let line = list
                .lines()
                .find(|line| field(line, "id") == second.to_string())
                .unwrap_or_else(|| panic!("{second} is missing in {list}"));
            assert_eq!((field(line, "db"), field(line, "cmd")), ("5", "client|id"));
            assert_eq!(one.text(&format!("CLIENT LIST ID {second} {first} 999999")).lines().count(), 2);
            assert_eq!(one.text(&format!("CLIENT LIST ID {second}")).lines().count(), 1);
            assert!(one.text("CLIENT LIST TYPE normal").lines().count() >= 2);
            assert_eq!(one.text("CLIENT LIST TYPE pubsub"), "");
            one.check_all(&[
                ("CLIENT LIST TYPE bogus", "-ERR Unknown client type 'bogus'"),
                ("CLIENT LIST ID x", "-ERR Invalid client ID"),
                ("CLIENT LIST BOGUS", SYNTAX),
                ("CLIENT LIST TYPE", SYNTAX),
                ("CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command"),
                ("CLIENT", "-ERR wrong number of arguments for 'client' command"),
            ]);
        }
    });
}

#[test]
fn client_kill() {
    alone(|server| {
        let mut db = server.db(2, 0);
        let mut by_id = server.db(2, 0);
        let id = by_id.integer("CLIENT ID");
        db.check(&format!("CLIENT KILL ID {id}"), ":1");
        assert_eq!(show(&by_id.wire.read_to_close()), "");
        db.check(&format!("CLIENT KILL ID {id}"), ":0");

        let mut by_address = server.db(2, 0);
        let line = by_address.text("CLIENT INFO");
        db.check(&format!("CLIENT KILL {}", field(&line, "addr")), "+OK");
        assert_eq!(show(&by_address.wire.read_to_close()), "");
        db.check(&format!("CLIENT KILL {}", field(&line, "addr")), "-ERR No such client");

        let mut others: Vec<Db<'_>> = (0..3).map(|_| server.db(2, 0)).collect();
        others.iter_mut().for_each(|other| other.check("PING", "+PONG"));
        // Whoever has left before may still be there for a moment.
        assert!(soon(|| db.text("CLIENT LIST").lines().count() == 1 + others.len()));
        let line = db.text("CLIENT INFO");
        db.check(&format!("CLIENT KILL LADDR {} TYPE normal USER default", field(&line, "laddr")), ":3");
        for other in &mut others {
            assert_eq!(show(&other.wire.read_to_close()), "");
        }
        db.check_all(&[
            ("CLIENT KILL ID x", "-ERR client-id should be greater than 0"),
            ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
            ("CLIENT KILL TYPE bogus", "-ERR Unknown client type 'bogus'"),
            ("CLIENT KILL USER nobody", "-ERR No such user 'nobody'"),
            ("CLIENT KILL SKIPME maybe", SYNTAX),
            ("CLIENT KILL BOGUS 1", SYNTAX),
            ("CLIENT KILL ID 1 TYPE", SYNTAX),
            ("CLIENT KILL 1.2.3.4:5", "-ERR No such client"),
            ("CLIENT KILL ADDR 1.2.3.4:5", ":0"),
            ("CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command"),
        ]);
        // Oneself is spared unless one insists; then the reply comes first.
        let id = db.integer("CLIENT ID");
        db.check(&format!("CLIENT KILL ID {id}"), ":0");
        db.check(&format!("CLIENT KILL ID {id} SKIPME no"), ":1");
        assert_eq!(show(&db.wire.read_to_close()), "");
    });
}

#[test]
fn client_reply() {
    both(|db| {
        let sent = b"CLIENT REPLY OFF\r\nSET k 1\r\nPING\r\nNOSUCH\r\nCLIENT REPLY ON\r\nGET k\r\n";
        db.wire.send(sent);
        db.wire.expect_bytes(b"+OK\r\n$1\r\n1\r\n");
        db.wire.send(
            b"CLIENT REPLY SKIP\r\nINCR k\r\nGET k\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nGET k\r\nPING\r\n",
        );
        db.wire.expect_bytes(b"$1\r\n2\r\n+PONG\r\n");
        db.check("CLIENT REPLY BOGUS", SYNTAX);
        db.check("CLIENT REPLY ON", "+OK");
    });
}

#[test]
fn client_pause_holds_commands_back() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check_all(&[
            ("CLIENT PAUSE abc", "-ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE -1", "-ERR timeout is negative"),
            ("CLIENT PAUSE 10 BOGUS", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
            ("CLIENT UNPAUSE", "+OK"),
            ("SET k 1", "+OK"),
            // Writes alone: reads go on.
            ("CLIENT PAUSE 600000 WRITE", "+OK"),
        ]);
        let mut writer = server.db(2, 0);
        writer.wire.send(b"SET k 2\r\n");
        let mut reader = server.db(2, 0);
        for _ in 0..20 {
            reader.check("GET k", "$1");
        }
        db.check("CLIENT UNPAUSE", "+OK");
        assert_eq!(writer.wire.read().to_string(), "+OK");
        reader.check("GET k", "$2");
        // All: a read waits too, until the pause ends by itself.
        db.check("CLIENT PAUSE 200", "+OK");
        reader.check("GET k", "$2");
        // So does a whole pipeline of reads, and what follows them.
        db.check("CLIENT PAUSE 200", "+OK");
        reader.wire.send(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\nSET k \"3 4\"\r\nGET k\r\n");
        let replies: Vec<String> = (0..4).map(|_| reader.wire.read().to_string()).collect();
        assert_eq!(replies, ["$2", "nil", "+OK", "$3 4"]);
        // It is counted when it was answered.
        db.check_all(&[("SET k 5", "+OK"), ("CONFIG RESETSTAT", "+OK"), ("CLIENT PAUSE 200", "+OK")]);
        reader.check("GET k", "$5");
        let stats = db.call("INFO commandstats").to_string();
        assert!(stats.contains("cmdstat_get:calls=1,"), "{stats}");
        // What is read after a pause is read at the time after it.
        db.check("SET short 1 PX 100", "+OK");
        reader.check("GET short", "$1");
        reader.check("GET short", "$1");
        db.check("CLIENT PAUSE 300", "+OK");
        reader.check("GET short", "nil");
    });
}

#[test]
fn a_pipeline_of_reads_is_answered_in_order_whatever_is_between_them() {
    both_with_other(|db, other| {
        let (there, back) = (format!("SELECT {other}"), format!("SELECT {}", db.index));
        db.check_all(&[("SET a 1", "+OK"), (&there, "+OK"), ("SET a one", "+OK"), (&back, "+OK")]);
        let lines = [
            ("GET a", "$1"),
            ("GET missing", "nil"),
            ("STRLEN a", ":1"),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
            ("GET a", "$1"),
            ("NOSUCH a", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' "),
            ("HGET a f", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            (&there, "+OK"),
            ("GET a", "$one"),
            ("EXISTS missing", ":0"),
            (&back, "+OK"),
            ("GET a", "$1"),
            ("SET missing x", "+OK"),
            ("GET missing", "$x"),
            ("DEL missing", ":1"),
            ("GET missing", "nil"),
            ("MULTI", "+OK"),
            ("GET a", "+QUEUED"),
            ("GET missing", "+QUEUED"),
            ("EXEC", "[$1 nil]"),
            ("GET a", "$1"),
            ("TYPE missing", "+none"),
        ];
        let array = |line: &str| {
            let words: Vec<String> = line.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            format!("*{}\r\n{}", words.len(), words.concat())
        };
        // Again, as the second time more of it is in memory; and with lines among the arrays.
        for every in [usize::MAX, usize::MAX, 1, 3] {
            let pipeline: String = lines
                .iter()
                .enumerate()
                .map(|(at, (line, _))| if at % every == every - 1 { format!("{line}\r\n") } else { array(line) })
                .collect();
            db.wire.send(pipeline.as_bytes());
            for (line, reply) in lines {
                assert_eq!(db.wire.read().to_string(), reply, "{line}");
            }
        }
    });
}

#[test]
fn client_switches() {
    both(|db| {
        db.check_all(&[
            ("CLIENT NO-EVICT on", "+OK"),
            ("CLIENT NO-EVICT OFF", "+OK"),
            ("CLIENT NO-EVICT maybe", SYNTAX),
        ]);
        if db.server.since((7, 2)) {
            db.check_all(&[
                ("CLIENT NO-TOUCH on", "+OK"),
                ("CLIENT NO-TOUCH off", "+OK"),
                ("CLIENT NO-TOUCH maybe", SYNTAX),
            ]);
        }
        db.check_all(&[
            ("CLIENT UNBLOCK 999999", ":0"),
            ("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"),
            ("CLIENT GETREDIR", ":-1"),
        ]);
        assert!(db.items("CLIENT HELP").iter().any(|line| line.starts_with("+KILL")));
    });
}

#[test]
fn quit_answers_and_closes() {
    both(|db| {
        db.wire.send(b"PING\r\nQUIT\r\nPING\r\n");
        assert_eq!(show(&db.wire.read_to_close()), "+PONG\\r\\n+OK\\r\\n");
    });
}

#[test]
fn reset_makes_the_connection_as_new() {
    both(|db| {
        db.check("SET k v", "+OK");
        db.check("CLIENT SETNAME me", "+OK");
        db.check("RESET", "+RESET");
        db.check("CLIENT GETNAME", "nil");
        let line = db.text("CLIENT INFO");
        assert_eq!((field(&line, "db"), field(&line, "resp")), ("0", "2"));
        // Back to RESP2, whatever it was.
        assert!(matches!(db.call("HELLO"), Reply::Array(_)));
        db.check_arity(&["RESET x"]);
    });
}

#[test]
fn auth_without_a_password_configured() {
    both(|db| {
        db.check_all(&[
            ("AUTH secret", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"),
            ("AUTH default secret", "+OK"),
            ("AUTH nobody secret", WRONG_PASS),
            ("AUTH a b c", SYNTAX),
        ]);
        db.check_arity(&["AUTH"]);
    });
}

#[test]
fn auth_with_a_password() {
    alone_with(&["requirepass s3cret"], |server: Server| {
        let mut db = Db { server: &server, protocol: 2, index: 0, wire: server.wire() };
        // Redis 7.2 names the argument that 7.0 forgot.
        let arguments = if server.since((7, 2)) { "<proto> AUTH" } else { "AUTH" };
        let hello = format!(
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO {arguments} <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
        );
        db.check("HELLO 3", &hello);
        db.check_all(&[
            ("GET k", NO_AUTH),
            ("PING", NO_AUTH),
            ("CONFIG GET *", NO_AUTH),
            ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: "),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
            ("AUTH wrong", WRONG_PASS),
            ("AUTH default wrong", WRONG_PASS),
            ("AUTH nobody s3cret", WRONG_PASS),
            ("HELLO 3 AUTH default wrong", WRONG_PASS),
            ("GET k", NO_AUTH),
            ("AUTH s3cret", "+OK"),
            ("SET k v", "+OK"),
            // A wrong password does not take away what was granted.
            ("AUTH wrong", WRONG_PASS),
            ("GET k", "$v"),
            ("RESET", "+RESET"),
            ("GET k", NO_AUTH),
            ("AUTH default s3cret", "+OK"),
            ("GET k", "$v"),
            ("CONFIG SET requirepass \"\"", "+OK"),
        ]);
        let mut fresh = Db { server: &server, protocol: 2, index: 0, wire: server.wire() };
        fresh.check("GET k", "$v");
        db.check("CONFIG SET requirepass other", "+OK");
        fresh.check("GET k", "$v");
        let mut fresh = Db { server: &server, protocol: 3, index: 0, wire: server.wire() };
        fresh.check("GET k", NO_AUTH);
        assert!(matches!(fresh.call("HELLO 3 AUTH default other"), Reply::Map(_)));
        fresh.check("GET k", "$v");
        let mut quitter = server.wire();
        quitter.send(b"QUIT\r\n");
        assert_eq!(show(&quitter.read_to_close()), "+OK\\r\\n");
    });
}

#[test]
fn too_many_clients_are_turned_away() {
    alone_with(&["maxclients 5"], |server| {
        let mut open: Vec<_> = (0..5).map(|_| server.wire()).collect();
        // A connection counts from its acceptance: make sure of that.
        for wire in &mut open {
            assert_eq!(wire.call(&[b"PING"]).to_string(), "+PONG");
        }
        assert!(soon(|| show(&server.wire().read_to_close()) == "-ERR max number of clients reached\\r\\n"));
        drop(open);
        assert!(soon(|| server.wire().try_call(&[b"PING"]).is_ok_and(|reply| reply.to_string() == "+PONG")));
    });
}
