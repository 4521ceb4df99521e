//! What must still be there after the server went away: orderly, and killed in the middle of its work.
//!
//! The promise is about acknowledged writes. A write that was sent but not answered may be there or not; a group written by
//! one `MSET` is there whole or not at all.
//!
//! `CATAMARAN_TEST_PROGRAM` names another program to test, such as `redis-server`; then the tests test themselves.

#[path = "support/process.rs"]
mod process;
#[path = "support/signal.rs"]
mod signal;
#[path = "support/wire.rs"]
mod wire;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use process::Process;
use wire::{Reply, Wire, encode};

/// Connections that write at once.
const WRITERS: usize = 8;

/// Rounds of four commands in one pipeline.
const ROUNDS_PER_PIPELINE: usize = 8;

/// How long the writers write before the server is ended.
const LOAD: Duration = Duration::from_millis(1000);

/// How many times a server is killed and started again on the same data.
const KILLS: usize = 3;

fn program() -> PathBuf {
    match env::var_os("CATAMARAN_TEST_PROGRAM") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_catamaran")),
    }
}

fn start(dir: &Path) -> Process {
    start_with(dir, "everysec")
}

fn start_with(dir: &Path, appendfsync: &str) -> Process {
    // `appendonly` makes a real Redis durable too, but only this way: else it puts its write off while a sync runs. Ours is
    // durable against a kill in any way.
    let appendfsync = if env::var_os("CATAMARAN_TEST_PROGRAM").is_some() { "always" } else { appendfsync };
    let options = ["appendonly yes", &format!("appendfsync {appendfsync}")];
    Process::start(&program(), dir, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

/// A command as words divided by blanks.
#[track_caller]
fn call(wire: &mut Wire, line: &str) -> String {
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    wire.call(&args).to_string()
}

fn number(wire: &mut Wire, key: &str) -> usize {
    match wire.call(&[b"GET", key.as_bytes()]) {
        Reply::Bulk(text) => String::from_utf8_lossy(&text).parse().unwrap_or_else(|e| panic!("{key}: {e}")),
        Reply::NullBulk => 0,
        other => panic!("GET {key}: {other}"),
    }
}

/// What one writer knows about its writes.
struct Writer {
    name: String,
    /// Rounds whose replies all came.
    acknowledged: usize,
    /// Rounds of which at least a part was sent.
    sent: usize,
}

impl Writer {
    fn new(name: String) -> Writer {
        Writer { name, acknowledged: 0, sent: 0 }
    }

    /// Writes until the server is gone.
    fn run(&mut self, address: &str) {
        let Ok(mut wire) = Wire::try_connect(address) else { return };
        loop {
            let first = self.sent + 1;
            let rounds = first..first + ROUNDS_PER_PIPELINE;
            let request: Vec<u8> = rounds.clone().flat_map(|round| self.round(round)).collect();
            self.sent = rounds.end - 1;
            if wire.try_send(&request).is_err() {
                return;
            }
            for round in rounds {
                // SET, INCR, MSET, APPEND.
                for _ in 0..4 {
                    match wire.try_read() {
                        // An orderly stop may refuse; what it refuses was not acknowledged.
                        Err(_) | Ok(Reply::Error(_)) => return,
                        Ok(_) => {}
                    }
                }
                self.acknowledged = round;
            }
        }
    }

    fn round(&self, round: usize) -> Vec<u8> {
        let (name, n) = (&self.name, round.to_string());
        let [own, count, log] = [format!("{name}:own:{n}"), format!("{name}:count"), format!("{name}:log")];
        let group = ["x", "y", "z"].map(|part| format!("{name}:group:{part}"));
        let line = format!("{n},");
        [
            encode(&[b"SET", own.as_bytes(), n.as_bytes()]),
            encode(&[b"INCR", count.as_bytes()]),
            encode(&[
                b"MSET",
                group[0].as_bytes(),
                n.as_bytes(),
                group[1].as_bytes(),
                n.as_bytes(),
                group[2].as_bytes(),
                n.as_bytes(),
            ]),
            encode(&[b"APPEND", log.as_bytes(), line.as_bytes()]),
        ]
        .concat()
    }

    /// Looks for everything that was acknowledged.
    fn check(&self, wire: &mut Wire) {
        let (name, acknowledged, sent) = (&self.name, self.acknowledged, self.sent);
        let count = number(wire, &format!("{name}:count"));
        let group = ["x", "y", "z"].map(|part| number(wire, &format!("{name}:group:{part}")));
        assert!(group.iter().all(|&part| part == group[0]), "{name}: a torn MSET: {group:?}");
        let log = match wire.call(&[b"GET", format!("{name}:log").as_bytes()]) {
            Reply::Bulk(log) => String::from_utf8_lossy(&log).into_owned(),
            _ => String::new(),
        };
        let lines = log.matches(',').count();
        let expected: String = (1..=lines).map(|round| format!("{round},")).collect();
        assert!(log == expected, "{name}: APPEND lost or repeated something among {lines} lines");
        for (command, there) in [("INCR", count), ("MSET", group[0]), ("APPEND", lines)] {
            assert!(
                (acknowledged..=sent).contains(&there),
                "{name}: {acknowledged} {command} acknowledged, {sent} sent, {there} there"
            );
        }
        // Commands of one connection take effect in order: a later one is not there without the earlier ones.
        assert!(
            lines <= group[0] && group[0] <= count,
            "{name}: out of order: APPEND {lines}, MSET {}, INCR {count}",
            group[0]
        );
        let keys: Vec<String> = (1..=sent).map(|round| format!("{name}:own:{round}")).collect();
        let mut request: Vec<&[u8]> = vec![b"MGET"];
        request.extend(keys.iter().map(String::as_bytes));
        let Reply::Array(values) = wire.call(&request) else { panic!("MGET gave no array") };
        for (round, value) in (1..).zip(values) {
            let expected = if round <= count.max(acknowledged) { format!("${round}") } else { "nil".to_owned() };
            // Of the last round the SET may be there without the INCR that followed it.
            let is_last = round == count + 1 && value.to_string() == format!("${round}");
            assert!(
                value.to_string() == expected || is_last,
                "{name}: SET {round} gives {value}, with {acknowledged} rounds acknowledged and {count} there"
            );
        }
    }
}

/// Lets all writers write, ends the server by a signal in the middle of it, and returns how it ended.
fn load_until(server: Process, writers: &mut [Writer], signal: &str) -> std::process::ExitStatus {
    let address = server.address().to_owned();
    thread::scope(|scope| {
        for writer in writers.iter_mut() {
            scope.spawn(|| writer.run(&address));
        }
        thread::sleep(LOAD);
        server.signal(signal);
        server.wait()
    })
}

/// The number of keys that `DBSIZE` tells must be the number of keys.
#[track_caller]
fn check_dbsize(wire: &mut Wire) {
    let Reply::Array(keys) = wire.call(&[b"KEYS", b"*"]) else { panic!("KEYS gave no array") };
    assert_eq!(call(wire, "DBSIZE"), format!(":{}", keys.len()));
}

#[test]
fn all_is_there_after_an_orderly_restart() {
    let dir = tempdir();
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    let long: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    for i in 0..2000 {
        assert_eq!(call(&mut wire, &format!("SET key:{i} value:{i}")), "+OK");
    }
    assert_eq!(wire.call(&[b"SET", b"long", &long]).to_string(), "+OK");
    assert_eq!(wire.call(&[b"SET", b"\x00\xff\r\n", b""]).to_string(), "+OK");
    assert_eq!(call(&mut wire, "SET expiring v PXAT 9999999999123"), "+OK");
    assert_eq!(call(&mut wire, "DEL key:7 key:8"), ":2");
    assert_eq!(call(&mut wire, "SETRANGE long 1500000 changed"), ":3000000");
    assert_eq!(call(&mut wire, "SELECT 9"), "+OK");
    assert_eq!(call(&mut wire, "SET there yes"), "+OK");
    assert_eq!(call(&mut wire, "SELECT 3"), "+OK");
    assert_eq!(call(&mut wire, "SET flushed v"), "+OK");
    assert_eq!(call(&mut wire, "FLUSHDB"), "+OK");
    assert_eq!(call(&mut wire, "SET swapped v"), "+OK");
    assert_eq!(call(&mut wire, "SWAPDB 3 4"), "+OK");
    server.signal("TERM");
    let status = server.wait();
    assert!(status.success(), "after SIGTERM: {status}");

    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    assert_eq!(call(&mut wire, "DBSIZE"), ":2001");
    for i in (0..2000).filter(|i| ![7, 8].contains(i)) {
        assert_eq!(call(&mut wire, &format!("GET key:{i}")), format!("$value:{i}"));
    }
    assert_eq!(call(&mut wire, "EXISTS key:7 key:8"), ":0");
    assert_eq!(wire.call(&[b"GET", b"\x00\xff\r\n"]).to_string(), "$");
    assert_eq!(call(&mut wire, "PEXPIRETIME expiring"), ":9999999999123");
    let mut expected = long;
    expected[1_500_000..1_500_007].copy_from_slice(b"changed");
    assert!(wire.call(&[b"GET", b"long"]) == Reply::Bulk(expected), "the long value changed");
    check_dbsize(&mut wire);
    for (index, size, key) in [(9, 1, "there"), (3, 0, "swapped"), (4, 1, "swapped"), (3, 0, "flushed")] {
        assert_eq!(call(&mut wire, &format!("SELECT {index}")), "+OK");
        assert_eq!(call(&mut wire, "DBSIZE"), format!(":{size}"));
        assert_eq!(call(&mut wire, &format!("EXISTS {key}")), format!(":{size}"));
    }
}

#[test]
fn kill_under_load_loses_nothing_acknowledged_when_every_write_is_synced() {
    kill_under_load("always");
}

#[test]
fn kill_under_load_loses_nothing_acknowledged_when_writes_are_synced_every_second() {
    kill_under_load("everysec");
}

#[test]
fn kill_under_load_loses_nothing_acknowledged_when_writes_are_never_synced() {
    kill_under_load("no");
}

/// Kills the server several times in the middle of its work, on the same data.
fn kill_under_load(appendfsync: &str) {
    let dir = tempdir();
    let mut writers: Vec<Writer> = Vec::new();
    let mut server = start_with(dir.path(), appendfsync);
    for kill in 1..=KILLS {
        let old = writers.len();
        writers.extend((0..WRITERS).map(|i| Writer::new(format!("kill{kill}:writer{i}"))));
        load_until(server, &mut writers[old..], "KILL");
        assert!(writers[old..].iter().any(|writer| writer.acknowledged > 0), "nothing was written before kill {kill}");
        server = start_with(dir.path(), appendfsync);
        let mut wire = Wire::connect(server.address());
        check_dbsize(&mut wire);
        // What was there before an earlier kill is still there.
        writers.iter().for_each(|writer| writer.check(&mut wire));
    }
}

#[test]
fn sigterm_under_load_loses_nothing_acknowledged() {
    let dir = tempdir();
    let mut writers: Vec<Writer> = (0..WRITERS).map(|i| Writer::new(format!("writer{i}"))).collect();
    let server = start(dir.path());
    let status = load_until(server, &mut writers, "TERM");
    assert!(status.success(), "after SIGTERM under load: {status}");
    assert!(writers.iter().any(|writer| writer.acknowledged > 0), "nothing was written before the signal");
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    writers.iter().for_each(|writer| writer.check(&mut wire));
    check_dbsize(&mut wire);
}

#[test]
fn keys_go_on_expiring_over_a_restart() {
    let dir = tempdir();
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    for i in 0..100 {
        call(&mut wire, &format!("SET short:{i} v PX 300"));
    }
    call(&mut wire, "SET long v EX 100000");
    call(&mut wire, "SET forever v");
    server.signal("KILL");
    server.wait();
    // They expire while nobody is there to see it.
    thread::sleep(Duration::from_millis(400));
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    let deadline = Instant::now() + Duration::from_secs(30);
    while call(&mut wire, "DBSIZE") != ":2" {
        assert!(Instant::now() < deadline, "expired keys stay: DBSIZE is {}", call(&mut wire, "DBSIZE"));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(call(&mut wire, "EXISTS long forever short:1"), ":2");
    let Reply::Integer(left) = wire.call(&[b"TTL", b"long"]) else { panic!("TTL gave no integer") };
    assert!((90_000..=100_000).contains(&left), "TTL {left}");
    assert_eq!(call(&mut wire, "TTL forever"), ":-1");
}

#[test]
fn a_flush_survives_a_kill() {
    let dir = tempdir();
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    let pairs: String = (0..1000).map(|i| format!(" k{i} v")).collect();
    assert_eq!(call(&mut wire, &format!("MSET{pairs}")), "+OK");
    assert_eq!(call(&mut wire, "FLUSHALL"), "+OK");
    assert_eq!(call(&mut wire, "SET after v"), "+OK");
    server.signal("KILL");
    server.wait();
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    assert_eq!(call(&mut wire, "KEYS *"), "[$after]");
    assert_eq!(call(&mut wire, "DBSIZE"), ":1");
    assert_eq!(call(&mut wire, "GET k1"), "nil");
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let dir = tempdir();
    let server = start(dir.path());
    let mut wire = Wire::connect(server.address());
    let info = wire.call(&[b"INFO", b"server"]).to_string();
    if !info.contains("server_name:catamaran") {
        let _ = writeln!(io::stderr(), "SKIPPED a second process on the same directory: only Catamaran refuses it");
        return;
    }
    assert_eq!(call(&mut wire, "SET k v"), "+OK");
    let Err(refused) = Process::start(&program(), dir.path(), &[]) else {
        panic!("a second process serves the same data")
    };
    let status = refused.status.unwrap_or_else(|| panic!("the second process hangs: {}", refused.output));
    assert!(!status.success(), "the second process ended with {status}");
    let output = refused.output.to_lowercase();
    assert!(
        output.contains(&dir.path().display().to_string().to_lowercase())
            && (output.contains("lock") || output.contains("another")),
        "the message names neither directory nor cause: {}",
        refused.output
    );
    assert_eq!(call(&mut wire, "GET k"), "$v");
    assert_eq!(call(&mut wire, "SET k w"), "+OK");
}
