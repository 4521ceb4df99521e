//! Transactions: what is queued and what is not, what `EXEC` replies, and what makes it refuse or abort.

use std::time::Duration;

use crate::harness::{Db, alone, both, both_with_other, once};
use crate::wire::Reply;

const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";
const NOT_ALLOWED: &str = "-ERR Command not allowed inside a transaction";

/// A second client of the same database.
fn other<'a>(db: &Db<'a>) -> Db<'a> {
    db.server.db(db.protocol, db.index)
}

/// Queues lines in a transaction, and runs it.
#[track_caller]
fn run(db: &mut Db<'_>, lines: &[&str], expected: &str) {
    db.check("MULTI", "+OK");
    for line in lines {
        db.check(line, "+QUEUED");
    }
    db.check("EXEC", expected);
}

#[test]
fn what_is_queued_runs_as_one_and_is_answered_as_one() {
    both(|db| {
        let mut reader = other(db);
        db.check("MULTI", "+OK");
        db.check_all(&[("SET a 1", "+QUEUED"), ("incr a", "+QUEUED"), ("GET a", "+QUEUED"), ("DEL a b", "+QUEUED")]);
        reader.check("GET a", "nil");
        db.check("EXEC", "[+OK :2 $2 :1]");
        run(db, &[], "[]");
        db.check_all(&[("EXEC", "-ERR EXEC without MULTI"), ("DISCARD", "-ERR DISCARD without MULTI")]);
        db.check_arity(&["MULTI a", "DISCARD a", "WATCH", "UNWATCH a"]);
    });
}

#[test]
fn a_command_that_fails_does_not_stop_the_others() {
    both(|db| {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        run(
            db,
            &["SET s v", "LPUSH s a", "INCR s", "APPEND s w"],
            &format!("[+OK {wrong} -ERR value is not an integer or out of range :2]"),
        );
        db.check("GET s", "$vw");
    });
}

#[test]
fn a_command_that_cannot_be_queued_ends_the_transaction() {
    both(|db| {
        for (line, error) in [
            ("SET a", "-ERR wrong number of arguments for 'set' command"),
            ("NONSENSE a", "-ERR unknown command 'NONSENSE', with args beginning with: 'a' "),
            ("CONFIG NONSENSE", "-ERR unknown subcommand 'NONSENSE'. Try CONFIG HELP."),
            ("SAVE", NOT_ALLOWED),
            ("SHUTDOWN a b", NOT_ALLOWED),
        ] {
            db.check("MULTI", "+OK");
            db.check("SET a 1", "+QUEUED");
            db.check(line, error);
            db.check_all(&[("SET a 2", "+QUEUED"), ("EXEC", ABORTED), ("EXISTS a", ":0")]);
        }
        // EXEC itself, wrong as it is, ends it too.
        let why = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
        db.check_all(&[("MULTI", "+OK"), ("EXEC a", why), ("EXEC", "-ERR EXEC without MULTI"), ("EXEC a", why)]);
    });
}

#[test]
fn some_commands_are_run_at_once() {
    both(|db| {
        db.check("MULTI", "+OK");
        db.check("MULTI", "-ERR MULTI calls can not be nested");
        db.check("WATCH a", "-ERR WATCH inside MULTI is not allowed");
        db.check_all(&[("PING", "+QUEUED"), ("EXEC", "[+PONG]")]);
        db.check_all(&[("MULTI", "+OK"), ("SET a 1", "+QUEUED"), ("DISCARD", "+OK"), ("EXISTS a", ":0")]);
        db.check("EXEC", "-ERR EXEC without MULTI");
    });
    once(|db| {
        let index = db.index;
        db.check_all(&[("MULTI", "+OK"), ("SET a 1", "+QUEUED"), ("RESET", "+RESET")]);
        db.check("EXEC", "-ERR EXEC without MULTI");
        db.check(&format!("SELECT {index}"), "+OK");
        db.check("EXISTS a", ":0");
        db.check_all(&[("MULTI", "+OK"), ("QUIT", "+OK")]);
        assert!(db.wire.read_to_close().is_empty());
    });
}

#[test]
fn commands_about_the_connection_take_effect_where_they_stand() {
    both_with_other(|db, second| {
        let first = db.index;
        let (to, back) = (format!("SELECT {second}"), format!("SELECT {first}"));
        run(
            db,
            &["SET k 1", &to, "GET k", "SET k 2", "ECHO hi", &back, "GET k", "SELECT 4000"],
            "[+OK +OK nil +OK $hi +OK $1 -ERR DB index is out of range]",
        );
        run(db, &[&to], "[+OK]");
        db.check("GET k", "$2");
        db.check_all(&[("MULTI", "+OK"), ("CLIENT SETNAME me", "+QUEUED"), ("CLIENT GETNAME", "+QUEUED")]);
        db.check("EXEC", "[+OK $me]");
    });
}

#[test]
fn the_reply_follows_a_change_of_protocol() {
    once(|db| {
        db.check("SADD s a", ":1");
        db.check_all(&[("MULTI", "+OK"), ("SMEMBERS s", "+QUEUED"), ("HELLO 3", "+QUEUED"), ("SMEMBERS s", "+QUEUED")]);
        let Reply::Array(items) = db.call("EXEC") else { panic!("no array") };
        assert_eq!((items[0].to_string(), items[2].to_string()), ("[$a]".to_owned(), "~[$a]".to_owned()));
        assert!(matches!(items[1], Reply::Map(_)));
    });
}

#[test]
fn nobody_waits_in_a_transaction() {
    both(|db| {
        let many = if db.protocol == 3 { "nil" } else { "nil*" };
        run(
            db,
            &[
                "BLPOP a 0",
                "BLMOVE a b LEFT LEFT 0",
                "BRPOPLPUSH a b 0",
                "BLMPOP 0 1 a LEFT",
                "BZPOPMIN z 0",
                "BZMPOP 0 1 z MIN",
                "XREAD BLOCK 0 STREAMS s $",
                "RPUSH a 1 2",
                "BLPOP a 0",
            ],
            &format!("[{many} nil nil {many} {many} {many} {many} :2 [$a $1]]"),
        );
        db.check("LRANGE a 0 -1", "[$2]");
    });
}

#[test]
fn those_who_wait_are_served_after_the_whole_transaction() {
    both(|db| {
        let mut waiter = other(db);
        let id = waiter.integer("CLIENT ID");
        waiter.wire.send(b"BLPOP k 0\r\n");
        let listed = format!("CLIENT LIST ID {id}");
        while !db.text(&listed).contains(" flags=b") {
            std::thread::sleep(Duration::from_millis(10));
        }
        run(db, &["RPUSH k 1", "DEL k", "LPUSH k 2 3"], "[:1 :1 :2]");
        assert_eq!(waiter.wire.read().to_string(), "[$k $3]");
        db.check("LRANGE k 0 -1", "[$2]");
        // Nor does anybody see what is of another type by then.
        waiter.wire.send(b"BLPOP k1 0\r\n");
        while !db.text(&listed).contains(" flags=b") {
            std::thread::sleep(Duration::from_millis(10));
        }
        run(db, &["RPUSH k1 1", "DEL k1", "SET k1 v"], "[:1 :1 +OK]");
        db.check_all(&[("DEL k1", ":1"), ("RPUSH k1 2", ":1")]);
        assert_eq!(waiter.wire.read().to_string(), "[$k1 $2]");
        // The same if a command of it fails after the push.
        waiter.wire.send(b"BLPOP k2 0\r\n");
        while !db.text(&listed).contains(" flags=b") {
            std::thread::sleep(Duration::from_millis(10));
        }
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        run(db, &["RPUSH k2 1", "INCR k2"], &format!("[:1 {wrong}]"));
        assert_eq!(waiter.wire.read().to_string(), "[$k2 $1]");
    });
}

#[test]
fn a_transaction_runs_unless_a_watched_key_was_changed() {
    both(|db| {
        let aborted = if db.protocol == 3 { "nil" } else { "nil*" };
        let mut writer = other(db);
        db.check_all(&[("SET a 1", "+OK"), ("WATCH a b", "+OK")]);
        run(db, &["GET a"], "[$1]");
        // What was watched is forgotten.
        writer.check("SET a 2", "+OK");
        run(db, &["GET a"], "[$2]");
        for change in
            ["SET a 2", "APPEND a x", "DEL a", "SET b 1", "EXPIRE b 100", "RENAME b c", "FLUSHDB", "LPUSH b 1"]
        {
            db.check_all(&[("SET a 2", "+OK"), ("DEL b", ":0"), ("WATCH a", "+OK"), ("WATCH b", "+OK")]);
            if ["EXPIRE b 100", "RENAME b c"].contains(&change) {
                db.check_all(&[("UNWATCH", "+OK"), ("SET b 1", "+OK"), ("WATCH a b", "+OK")]);
            }
            writer.call(change);
            run(db, &["SET done 1"], aborted);
            db.check_all(&[("EXISTS done", ":0"), ("FLUSHDB", "+OK")]);
        }
        for no_change in ["GET a", "DEL b", "SETNX a 1", "EXPIRE b 100", "SET other 1", "LPUSHX b 1"] {
            db.check_all(&[("SET a 2", "+OK"), ("WATCH a b", "+OK")]);
            writer.call(no_change);
            run(db, &["GET a"], "[$2]");
        }
    });
}

#[test]
fn ones_own_writes_count_and_forgetting_helps() {
    both(|db| {
        let aborted = if db.protocol == 3 { "nil" } else { "nil*" };
        db.check_all(&[("WATCH a", "+OK"), ("SET a 1", "+OK")]);
        run(db, &["GET a"], aborted);
        for forgets in ["UNWATCH", "MULTI\r\nDISCARD"] {
            db.check_all(&[("WATCH a", "+OK"), ("SET a 1", "+OK")]);
            for line in forgets.split("\r\n") {
                db.check(line, "+OK");
            }
            run(db, &["GET a"], "[$1]");
        }
        // Queued, it comes too late.
        db.check_all(&[("WATCH a", "+OK"), ("SET a 1", "+OK")]);
        run(db, &["UNWATCH"], aborted);
        run(db, &["UNWATCH"], "[+OK]");
    });
}

#[test]
fn a_change_of_one_field_of_something_large_counts() {
    both(|db| {
        let aborted = if db.protocol == 3 { "nil" } else { "nil*" };
        let members: String = (0..3000).map(|n| format!(" m{n} {n}")).collect();
        db.call(&format!("HSET h{members}"));
        let mut writer = other(db);
        db.check("WATCH h", "+OK");
        writer.check("HSET h m7 other", ":0");
        run(db, &["HGET h m7"], aborted);
        db.check("WATCH h", "+OK");
        writer.check("HSETNX h m7 other", ":0");
        run(db, &["HGET h m7"], "[$other]");
        db.check("SETRANGE s 100000 x", ":100001");
        db.check("WATCH s", "+OK");
        writer.check("SETRANGE s 5 y", ":100001");
        run(db, &["STRLEN s"], aborted);
    });
}

#[test]
fn what_expires_has_changed_and_what_had_expired_has_not() {
    both(|db| {
        let aborted = if db.protocol == 3 { "nil" } else { "nil*" };
        db.check_all(&[("SET a 1 PX 30", "+OK"), ("WATCH a", "+OK")]);
        std::thread::sleep(Duration::from_millis(60));
        run(db, &["PING"], aborted);
        db.check("SET b 1 PX 20", "+OK");
        std::thread::sleep(Duration::from_millis(40));
        db.check_all(&[("WATCH b", "+OK"), ("DEL b", ":0")]);
        run(db, &["PING"], "[+PONG]");
    });
}

#[test]
fn databases_that_are_exchanged_or_emptied_count_where_a_key_is_concerned() {
    alone(|server| {
        let (mut db, mut writer) = (server.db(2, 0), server.db(2, 0));
        db.check_all(&[("SET a 1", "+OK"), ("WATCH a", "+OK")]);
        writer.check("SWAPDB 0 1", "+OK");
        run(&mut db, &["PING"], "nil*");
        // Now it is in the other one.
        db.check("WATCH a", "+OK");
        writer.check("SWAPDB 0 1", "+OK");
        run(&mut db, &["PING"], "nil*");
        db.check("WATCH nothing", "+OK");
        writer.check_all(&[("SWAPDB 0 1", "+OK"), ("FLUSHALL", "+OK")]);
        run(&mut db, &["PING"], "[+PONG]");
        db.check_all(&[("SET a 1", "+OK"), ("WATCH a", "+OK")]);
        writer.check("FLUSHALL", "+OK");
        run(&mut db, &["PING"], "nil*");
    });
}

#[test]
fn commands_about_all_keys_see_and_change_what_the_transaction_has_written() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check_all(&[("SET old 1", "+OK")]);
        run(
            &mut db,
            &[
                "SET a 1",
                "KEYS *",
                "DBSIZE",
                "FLUSHALL",
                "DBSIZE",
                "KEYS *",
                "SET b 2",
                "RANDOMKEY",
                "SCAN 0",
                "SWAPDB 0 1",
                "DBSIZE",
                "GET b",
                "SELECT 1",
                "GET b",
                "DBSIZE",
                "LASTSAVE",
            ],
            // In any order.
            &db_reply(&mut server.db(2, 5)),
        );
        db.check_all(&[("GET b", "$2"), ("DBSIZE", ":1"), ("SELECT 0", "+OK"), ("DBSIZE", ":0")]);
    });
}

/// What the transaction of [`commands_about_all_keys_see_and_change_what_the_transaction_has_written`] replies: two keys come in the order
/// of the server, and it knows when it saved last.
fn db_reply(scratch: &mut Db<'_>) -> String {
    scratch.check_all(&[("SELECT 0", "+OK"), ("SET a 1", "+OK")]);
    let both = scratch.call("KEYS *").to_string();
    scratch.check("DEL a", ":1");
    let saved = scratch.call("LASTSAVE").to_string();
    format!("[+OK {both} :2 +OK :0 [] +OK $b [$0 [$b]] +OK :0 nil +OK $2 :1 {saved}]")
}

#[test]
fn transactions_of_one_pipeline_are_answered_in_order() {
    both(|db| {
        let mut bytes = Vec::new();
        for n in 0..50 {
            bytes.extend_from_slice(
                format!("PING {n}\r\nMULTI\r\nSET k{n} {n}\r\nINCR k{n}\r\nEXEC\r\nGET k{n}\r\n").as_bytes(),
            );
        }
        db.wire.send(&bytes);
        for n in 0..50 {
            let got: Vec<String> = (0..6).map(|_| db.wire.read().to_string()).collect();
            let after = n + 1;
            assert_eq!(
                got,
                [
                    format!("${n}"),
                    "+OK".into(),
                    "+QUEUED".into(),
                    "+QUEUED".into(),
                    format!("[+OK :{after}]"),
                    format!("${after}")
                ]
            );
        }
        // Watching too, whatever came before it.
        db.wire.send(b"SET a 1\r\nWATCH a\r\nMULTI\r\nGET a\r\nEXEC\r\nWATCH a\r\nSET a 2\r\nMULTI\r\nSELECT 99\r\nEXEC\r\nPING\r\n");
        let aborted = if db.protocol == 3 { "nil" } else { "nil*" };
        let got: Vec<String> = (0..11).map(|_| db.wire.read().to_string()).collect();
        assert_eq!(got, ["+OK", "+OK", "+OK", "+QUEUED", "[$1]", "+OK", "+OK", "+OK", "+QUEUED", aborted, "+PONG"]);
    });
}

#[test]
fn replies_that_are_not_wanted_are_not_sent() {
    both(|db| {
        db.wire.send(b"CLIENT REPLY OFF\r\nMULTI\r\nSET a 1\r\nGET a\r\nEXEC\r\nCLIENT REPLY ON\r\nGET a\r\n");
        assert_eq!(db.wire.read().to_string(), "+OK");
        assert_eq!(db.wire.read().to_string(), "$1");
    });
}

#[test]
fn client_list_tells_of_transactions() {
    once(|db| {
        let mut observer = other(db);
        let id = db.integer("CLIENT ID");
        let line = format!("CLIENT LIST ID {id}");
        assert!(observer.text(&line).contains(" multi=-1 "));
        db.check_all(&[("MULTI", "+OK"), ("PING", "+QUEUED"), ("PING", "+QUEUED")]);
        let text = observer.text(&line);
        assert!(text.contains(" multi=2 ") && text.contains(" flags=x "), "{text}");
        db.check("DISCARD", "+OK");
        assert!(observer.text(&line).contains(" multi=-1 "));
    });
}

#[test]
fn concurrent_transactions_are_seen_as_a_whole() {
    once(|db| {
        let (server, index) = (db.server, db.index);
        let rounds = 300;
        run(db, &["MSET x 0 y 0", "HSET h f 0 g 0"], "[+OK :2]");
        std::thread::scope(|scope| {
            for writer in 0..3 {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    for round in 0..rounds {
                        let value = format!("{writer}:{round}");
                        let lines =
                            [format!("SET x {value}"), format!("SET y {value}"), format!("HSET h f {value} g {value}")];
                        run(&mut db, &lines.each_ref().map(String::as_str), "[+OK +OK :0]");
                    }
                });
            }
            scope.spawn(move || {
                let mut db = server.db(2, index);
                for _ in 0..rounds {
                    let Reply::Array(items) = db.call("MGET x y") else { panic!("no array") };
                    assert_eq!(items[0].to_string(), items[1].to_string());
                    db.check_all(&[
                        ("MULTI", "+OK"),
                        ("GET x", "+QUEUED"),
                        ("HMGET h f g", "+QUEUED"),
                        ("GET y", "+QUEUED"),
                    ]);
                    let Reply::Array(items) = db.call("EXEC") else { panic!("no array") };
                    let value = items[0].to_string();
                    assert_eq!(items[2].to_string(), value);
                    assert_eq!(items[1].to_string(), format!("[{value} {value}]"));
                }
            });
        });
    });
}

#[test]
fn increments_by_watching_are_never_lost() {
    once(|db| {
        let (server, index) = (db.server, db.index);
        let (clients, each) = (4, 100);
        std::thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    let mut done = 0;
                    while done < each {
                        db.check("WATCH n", "+OK");
                        let seen = match db.call("GET n") {
                            Reply::Bulk(bytes) => String::from_utf8_lossy(&bytes).parse().unwrap_or(0),
                            _ => 0,
                        };
                        db.check("MULTI", "+OK");
                        db.check(&format!("SET n {}", seen + 1), "+QUEUED");
                        done += i32::from(db.call("EXEC").to_string() == "[+OK]");
                    }
                });
            }
        });
        db.check("GET n", &format!("${}", clients * each));
    });
}

#[test]
fn an_exchange_of_databases_brings_nothing_that_has_expired() {
    alone(|server| {
        let (mut here, mut there) = (server.db(2, 0), server.db(2, 1));
        here.check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
        for expired_before in ["GET other", "SET k here PX 1"] {
            here.check_all(&[("FLUSHALL", "+OK"), ("SET probe v PX 1", "+OK")]);
            here.call(expired_before);
            there.check("SET k there PX 1", "+OK");
            here.wait_for("EXISTS probe", ":0");
            std::thread::sleep(Duration::from_millis(5));
            here.check_all(&[("WATCH k", "+OK"), ("SWAPDB 0 1", "+OK")]);
            run(&mut here, &["PING"], "[+PONG]");
            there.check("SET k lives", "+OK");
            here.check_all(&[("WATCH k", "+OK"), ("SWAPDB 0 1", "+OK")]);
            run(&mut here, &["PING"], "nil*");
        }
        here.check("DEBUG SET-ACTIVE-EXPIRE 1", "+OK");
    });
}
