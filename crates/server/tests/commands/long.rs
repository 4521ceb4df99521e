//! Long commands: they hold up nobody, there are only so many of them, and they end with their client.

use crate::harness::{Server, alone_with, both, once, soon};
use crate::wire::{Reply, Wire};

/// Bytes of a string of which two take `LCS` so long that a test can look on.
const LONG_LEN: usize = 50_000;

/// A server on which [`begin`] works.
fn with_long_strings(options: &[&str], test: impl FnOnce(&Server)) {
    // Redis counts the memory that it would need for the command.
    let options = [&["proto-max-bulk-len 64gb"], options].concat();
    alone_with(&options, |server| {
        let server = &server;
        let mut db = server.db(2, 0);
        if !server.is_catamaran_or_skip("long commands beside others") {
            return;
        }
        for (key, byte) in [(&b"a"[..], b'x'), (b"b", b'y')] {
            db.check_bytes(&[b"SET", key, &vec![byte; LONG_LEN]], "+OK");
        }
        test(server);
    });
}

/// A client that waits for a long command.
fn begin(server: &Server) -> Wire {
    let mut wire = server.wire();
    wire.send(b"LCS a b LEN\r\n");
    wire
}

/// Waits until so many long commands run and so many wait.
fn wait_for_load(server: &Server, running: i64, waiting: i64) {
    let mut db = server.db(2, 0);
    let mut last = (0, 0);
    let came = soon(|| {
        last = (db.info_number("long_reads_running"), db.info_number("long_reads_waiting"));
        last == (running, waiting)
    });
    assert!(came, "{last:?} long commands run and wait, never {running} and {waiting}");
}

fn failed_calls(server: &Server) -> String {
    let stats = server.db(2, 0).info("cmdstat_lcs").expect("LCS was called");
    stats.rsplit(',').next().unwrap_or_default().to_owned()
}

#[test]
fn a_client_that_leaves_ends_its_command() {
    with_long_strings(&[], |server| {
        let client = begin(server);
        wait_for_load(server, 1, 0);
        drop(client);
        wait_for_load(server, 0, 0);
        assert_eq!(failed_calls(server), "failed_calls=1", "the command went on to its end");
    });
}

#[test]
fn a_client_that_is_killed_ends_its_command() {
    with_long_strings(&[], |server| {
        let mut client = server.wire();
        let Reply::Integer(id) = client.call(&[b"CLIENT", b"ID"]) else { panic!("no id") };
        client.send(b"LCS a b LEN\r\n");
        wait_for_load(server, 1, 0);
        server.db(2, 0).check(&format!("CLIENT KILL ID {id}"), ":1");
        wait_for_load(server, 0, 0);
        assert_eq!(failed_calls(server), "failed_calls=1", "the command went on to its end");
    });
}

#[test]
fn so_many_run_and_wait_and_the_next_is_refused() {
    with_long_strings(&["reader-threads 1", "reader-queue 1"], |server| {
        let mut clients = vec![begin(server)];
        wait_for_load(server, 1, 0);
        clients.push(begin(server));
        wait_for_load(server, 1, 1);
        let refused = begin(server).read().to_string();
        assert!(refused.starts_with("-OVERLOADED") && refused.contains("not executed"), "{refused}");
        // Others are served.
        server.db(2, 0).check("STRLEN a", &format!(":{LONG_LEN}"));
        drop(clients);
        wait_for_load(server, 0, 0);
    });
}

#[test]
fn a_client_that_has_only_finished_sending_gets_its_answer() {
    once(|db| {
        db.check("MSET a 1 b 2", "+OK");
        let index = db.index;
        let mut wire = db.server.wire();
        wire.send(format!("SELECT {index}\r\nKEYS a\r\nLCS a b\r\n").as_bytes());
        wire.finish_sending();
        assert_eq!(wire.read_to_close(), b"+OK\r\n*1\r\n$1\r\na\r\n$0\r\n\r\n");
    });
}

#[test]
fn reads_of_many_keys_give_what_short_ones_give() {
    both(|db| {
        let names: Vec<String> = (0..3000).map(|i| format!("k{i}")).collect();
        let pairs: Vec<String> = names.iter().map(|name| format!("{name} {name}")).collect();
        db.check(&format!("MSET {}", pairs.join(" ")), "+OK");
        let expected: Vec<String> = names.iter().map(|name| format!("${name}")).collect();
        assert_eq!(db.items(&format!("MGET {}", names.join(" "))), expected);
        for command in ["EXISTS", "TOUCH"] {
            db.check(&format!("{command} {} none", names.join(" ")), ":3000");
        }
        // What the client wrote before in the same pipeline is seen.
        let long = format!("SET k7 new\r\nMGET {}\r\nGET k7\r\n", names.join(" "));
        db.wire.send(long.as_bytes());
        assert_eq!(db.wire.read().to_string(), "+OK");
        let Reply::Array(values) = db.wire.read() else { panic!("no array") };
        assert_eq!((values.len(), values[7].to_string().as_str()), (3000, "$new"));
        assert_eq!(db.wire.read().to_string(), "$new");
    });
}
