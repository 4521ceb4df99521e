//! Many commands at once, on one connection and on many: order, and replies that nobody reads yet.

use std::io::Write;
use std::thread;
use std::time::Duration;

use redis::Commands;

use crate::harness::{both, once};
use crate::wire::{Reply, encode};

#[test]
fn ten_thousand_commands_in_one_write_are_answered_in_order() {
    both(|db| {
        let mut request = Vec::new();
        for i in 0..10_000 {
            request.extend(match i % 4 {
                0 => encode(&[b"INCR", b"n"]),
                1 => encode(&[b"ECHO", i.to_string().as_bytes()]),
                2 => encode(&[b"SET", b"last", i.to_string().as_bytes()]),
                _ => encode(&[b"GET", b"last"]),
            });
        }
        let mut writer = db.wire.writer();
        thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&request));
            for i in 0..10_000 {
                let expected = match i % 4 {
                    0 => format!(":{}", i / 4 + 1),
                    1 => format!("${i}"),
                    2 => "+OK".to_owned(),
                    _ => format!("${}", i - 1),
                };
                assert_eq!(db.wire.read().to_string(), expected, "reply {i}");
            }
        });
    });
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    once(|db| {
        let value = vec![b'v'; 10_000];
        db.check_bytes(&[b"SET", b"k", &value], "+OK");
        let mut request = Vec::new();
        for i in 0..5000 {
            request.extend(encode(&[b"GET", b"k"]));
            request.extend(encode(&[b"ECHO", i.to_string().as_bytes()]));
        }
        let mut writer = db.wire.writer();
        // 50 MB of replies, more than any socket holds, before the first is read.
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&request));
            thread::sleep(Duration::from_millis(500));
            for i in 0..5000 {
                assert!(db.wire.read() == Reply::Bulk(value.clone()), "reply {i}");
                assert_eq!(db.wire.read(), Reply::Bulk(i.to_string().into_bytes()));
            }
        });
    });
}

#[test]
fn a_client_that_never_reads_does_not_stop_the_others() {
    once(|db| {
        db.check_bytes(&[b"SET", b"k", &vec![b'v'; 100_000]], "+OK");
        let mut silent = db.server.db(2, db.index);
        let request = encode(&[b"GET", b"k"]).repeat(300);
        silent.wire.send(&request);
        for i in 0..200 {
            db.check(&format!("SET other{i} v"), "+OK");
            db.check(&format!("GET other{i}"), "$v");
        }
    });
}

#[test]
fn a_pipeline_larger_than_any_buffer_is_served_to_its_end() {
    once(|db| {
        for (count, len) in [(2, 1 << 20), (100, 60_000), (2000, 10_000)] {
            let value = vec![b'v'; len];
            let request: Vec<u8> = (0..count).flat_map(|_| encode(&[b"SET", b"large", &value])).collect();
            let mut writer = db.wire.writer();
            thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&request));
                for n in 0..count {
                    assert_eq!(db.wire.read().to_string(), "+OK", "reply {n} of {count} times {len} bytes");
                }
            });
        }
    });
}

#[test]
fn errors_within_a_pipeline_stop_nothing() {
    both(|db| {
        db.wire.send(b"SET k abc\r\nINCR k\r\nGET k\r\nNOSUCH\r\nGET\r\nSET k 1\r\nINCR k\r\n");
        let replies: Vec<String> = (0..7).map(|_| db.wire.read().to_string()).collect();
        assert_eq!(
            replies,
            [
                "+OK",
                "-ERR value is not an integer or out of range",
                "$abc",
                "-ERR unknown command 'NOSUCH', with args beginning with: ",
                "-ERR wrong number of arguments for 'get' command",
                "+OK",
                ":2",
            ]
        );
    });
}

#[test]
fn session_commands_within_a_pipeline_keep_their_place() {
    once(|db| {
        let index = db.index;
        let request = format!(
            "SET k 1\r\nPING a\r\nINCR k\r\nHELLO 3\r\nGET absent\r\nPING b\r\nCLIENT SETNAME me\r\nGET k\r\nHELLO 2\r\nGET absent\r\nSELECT {index}\r\nINCR k\r\nCLIENT GETNAME\r\n"
        );
        db.wire.send(request.as_bytes());
        let replies: Vec<Reply> = (0..13).map(|_| db.wire.read()).collect();
        let shown: Vec<String> = replies.iter().map(Reply::to_string).collect();
        assert_eq!(shown[..3], ["+OK", "$a", ":2"]);
        assert!(matches!(replies[3], Reply::Map(_)), "HELLO 3: {}", shown[3]);
        assert_eq!(replies[4], Reply::Null);
        assert_eq!(shown[5..8], ["$b", "+OK", "$2"]);
        assert!(matches!(replies[8], Reply::Array(_)), "HELLO 2: {}", shown[8]);
        assert_eq!(replies[9], Reply::NullBulk);
        assert_eq!(shown[10..], ["+OK", ":3", "$me"]);
    });
}

#[test]
fn a_database_selected_in_a_pipeline_holds_from_there_on() {
    crate::harness::both_with_other(|db, other| {
        let index = db.index;
        let line = format!("SET k here\r\nSELECT {other}\r\nSET k there\r\nGET k\r\nSELECT {index}\r\nGET k\r\n");
        db.wire.send(line.as_bytes());
        let replies: Vec<String> = (0..6).map(|_| db.wire.read().to_string()).collect();
        assert_eq!(replies, ["+OK", "+OK", "+OK", "$there", "+OK", "$here"]);
    });
}

#[test]
fn pipelines_of_many_connections_each_stay_in_order() {
    const CONNECTIONS: usize = 16;
    const EACH: usize = 2000;
    once(|db| {
        let (server, index) = (db.server, db.index);
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    let key = format!("own{connection}");
                    let mut request = Vec::new();
                    for i in 0..EACH {
                        request.extend(encode(&[b"SET", key.as_bytes(), i.to_string().as_bytes()]));
                        request.extend(encode(&[b"GET", key.as_bytes()]));
                        request.extend(encode(&[b"INCR", b"shared"]));
                    }
                    let mut writer = db.wire.writer();
                    let sender = thread::spawn(move || writer.write_all(&request));
                    let mut last = 0;
                    for i in 0..EACH {
                        assert_eq!(db.wire.read().to_string(), "+OK");
                        assert_eq!(
                            db.wire.read().to_string(),
                            format!("${i}"),
                            "a connection must read its own last write"
                        );
                        let Reply::Integer(now) = db.wire.read() else { panic!("INCR gave no integer") };
                        assert!(now > last, "INCR went from {last} to {now} on one connection");
                        last = now;
                    }
                    assert!(sender.join().is_ok_and(|sent| sent.is_ok()));
                });
            }
        });
        db.check("GET shared", &format!("${}", CONNECTIONS * EACH));
    });
}

#[test]
fn nobody_sees_a_later_write_of_a_pipeline_without_the_earlier_one() {
    const ROUNDS: usize = 400;
    once(|db| {
        db.check("MSET first 0 second 0", "+OK");
        let (server, index) = (db.server, db.index);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut db = server.db(2, index);
                for i in 1..=ROUNDS {
                    let value = i.to_string();
                    let request =
                        [encode(&[b"SET", b"first", value.as_bytes()]), encode(&[b"SET", b"second", value.as_bytes()])]
                            .concat();
                    db.wire.send(&request);
                    assert_eq!(db.wire.read().to_string(), "+OK");
                    assert_eq!(db.wire.read().to_string(), "+OK");
                }
            });
            let mut db = server.db(2, index);
            loop {
                // Asked in this order, the second may be old, but never ahead of the first.
                let second: usize = db.text("GET second").parse().unwrap_or_default();
                let first: usize = db.text("GET first").parse().unwrap_or_default();
                assert!(second <= first, "second is {second}, first only {first}");
                if second == ROUNDS {
                    break;
                }
            }
        });
    });
}

#[test]
fn the_redis_crate_works_with_types_and_pipelines() {
    both(|db| {
        let client = db.server.client(db.protocol, db.index);
        let mut connection = client.get_connection().unwrap_or_else(|e| panic!("the redis crate cannot connect: {e}"));
        let run = |connection: &mut redis::Connection| -> redis::RedisResult<()> {
            let _: () = connection.set("k", 41)?;
            let incremented: i64 = connection.incr("k", 1)?;
            assert_eq!(incremented, 42);
            let value: Option<i64> = connection.get("k")?;
            assert_eq!(value, Some(42));
            let absent: Option<String> = connection.get("absent")?;
            assert_eq!(absent, None);
            let (first, second, values): (bool, i64, Vec<Option<String>>) =
                redis::pipe().set_nx("k", 1).incr("k", 8).mget(&["k", "absent"]).query(connection)?;
            assert_eq!((first, second, values), (false, 50, vec![Some("50".to_owned()), None]));
            let binary: Vec<u8> = (0..=255).collect();
            let _: () = connection.set(&binary, &binary)?;
            let back: Vec<u8> = connection.get(&binary)?;
            assert_eq!(back, binary);
            let keys: std::collections::HashSet<Vec<u8>> = connection.scan()?.collect::<redis::RedisResult<_>>()?;
            assert_eq!(keys, [b"k".to_vec(), binary].into());
            let options: std::collections::HashMap<String, String> =
                redis::cmd("CONFIG").arg("GET").arg("appendfsync").query(connection)?;
            assert_eq!(options.len(), 1);
            let info: redis::InfoDict = redis::cmd("INFO").query(connection)?;
            assert!(info.get::<String>("redis_version").is_some());
            Ok(())
        };
        run(&mut connection).unwrap_or_else(|e| panic!("the redis crate failed: {e}"));
        let error = redis::cmd("INCR").arg("k").arg("x").query::<i64>(&mut connection);
        assert!(error.is_err_and(|e| e.to_string().contains("wrong number of arguments for 'incr' command")));
        let error = connection
            .get::<_, i64>("absent-or-text")
            .and(connection.set::<_, _, ()>("t", "x"))
            .and(connection.incr::<_, _, i64>("t", 1));
        assert!(error.is_err());
    });
}
