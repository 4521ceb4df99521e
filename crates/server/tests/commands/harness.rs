//! Where a test gets its server, its database and its connection from.
//!
//! One server serves all tests of the binary at once. What keeps them apart is the database: each test borrows one of the
//! sixteen, empty, and gives it back. A test that touches what all databases share (counters, options, other clients) asks
//! for a server [`alone`] instead.

use std::env;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;
use crate::wire::{Reply, Wire, show, show_command};
use crate::words::split;

/// How many databases a server has unless configured otherwise.
pub(crate) const DATABASE_COUNT: usize = 16;

/// How long something that happens "soon" may take before a test gives up on it.
const SOON: Duration = Duration::from_secs(30);

/// Both versions of the protocol.
pub(crate) const PROTOCOLS: [u8; 2] = [2, 3];

/// A server to test: ours, or one that was there before.
pub(crate) struct Server {
    address: String,
    version: (u32, u32),
    is_catamaran: bool,
    /// Ends with the server's last use; `None` if somebody else runs it.
    pub(crate) process: Option<Process>,
    pub(crate) dir: Option<TempDir>,
}

impl Server {
    fn spawn(options: &[&str]) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let process = Process::start(&program(), dir.path(), options).unwrap_or_else(|e| panic!("{e}"));
        Self::at(process.address().to_owned(), Some(process), Some(dir))
    }

    fn at(address: String, process: Option<Process>, dir: Option<TempDir>) -> Server {
        let info = match Wire::connect(&address).call(&[b"INFO", b"server"]) {
            Reply::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
            // A server under a password tells nobody; it is of the same release as the others.
            _ => return Server { address, process, dir, ..Self::of_shared_release() },
        };
        let is_catamaran = info_field(&info, "server_name") == Some("catamaran");
        let version = info_field(&info, "redis_version").and_then(|text| {
            let mut numbers = text.split('.').map_while(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        });
        Server { address, version: version.unwrap_or((7, 2)), is_catamaran, process, dir }
    }

    /// What [`shared`] is, without being it.
    fn of_shared_release() -> Server {
        let shared = shared();
        Server {
            address: String::new(),
            version: shared.version,
            is_catamaran: shared.is_catamaran,
            process: None,
            dir: None,
        }
    }

    /// A new connection, as bare as it comes.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(&self.address)
    }

    /// A new connection to a database, with a protocol.
    pub(crate) fn db(&self, protocol: u8, index: usize) -> Db<'_> {
        let mut wire = self.wire();
        if protocol == 3 {
            wire.call(&[b"HELLO", b"3"]);
        }
        if index > 0 {
            assert_eq!(wire.call(&[b"SELECT", index.to_string().as_bytes()]).to_string(), "+OK");
        }
        Db { server: self, protocol, index, wire }
    }

    /// A client of the `redis` crate.
    pub(crate) fn client(&self, protocol: u8, index: usize) -> redis::Client {
        let url = format!("redis://{}/{index}?protocol=resp{protocol}", self.address);
        redis::Client::open(url).expect("the address makes a valid URL")
    }

    /// True if the server follows Redis's release of that number, where releases differ.
    pub(crate) fn since(&self, version: (u32, u32)) -> bool {
        self.version >= version
    }

    /// True if the server is ours; else says that the test (or this part of it) is skipped.
    pub(crate) fn is_catamaran_or_skip(&self, what: &str) -> bool {
        if !self.is_catamaran {
            skip(&format!("{what}: only Catamaran has this"));
        }
        self.is_catamaran
    }

    /// True if the server has the command; else says that the test (or this part of it) is skipped.
    pub(crate) fn has_or_skip(&self, command: &str) -> bool {
        let known = self.wire().call(&[b"COMMAND", b"INFO", command.as_bytes()]);
        let missing = matches!(&known, Reply::Array(items) if matches!(items[..], [Reply::NullArray | Reply::NullBulk | Reply::Null]));
        if missing {
            skip(&format!("what needs {command}: the server lacks it"));
        }
        !missing
    }
}

/// A connection to a database that is the test's own.
pub(crate) struct Db<'a> {
    pub(crate) server: &'a Server,
    pub(crate) protocol: u8,
    pub(crate) index: usize,
    pub(crate) wire: Wire,
}

impl Db<'_> {
    /// Sends a line as [`split`] reads it; the reply must look so, in the notation of [`Reply`].
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, expected: &str) {
        let reply = self.call(line).to_string();
        assert_eq!(reply, expected, "reply to {line} (RESP{})", self.protocol);
    }

    /// Like [`check`](Self::check), where the versions of the protocol differ.
    #[track_caller]
    pub(crate) fn check_each(&mut self, line: &str, resp2: &str, resp3: &str) {
        self.check(line, if self.protocol == 3 { resp3 } else { resp2 });
    }

    /// Several lines at once: `command => reply`, one each.
    #[track_caller]
    pub(crate) fn check_all(&mut self, table: &[(&str, &str)]) {
        for (line, expected) in table {
            self.check(line, expected);
        }
    }

    /// Every line must be refused with the same error.
    #[track_caller]
    pub(crate) fn check_refused(&mut self, lines: &[&str], error: &str) {
        for line in lines {
            self.check(line, error);
        }
    }

    /// Each of these words, sent alone or with the arguments that follow it, has too few or too many arguments.
    #[track_caller]
    pub(crate) fn check_arity(&mut self, lines: &[&str]) {
        for line in lines {
            let name = line.split(' ').next().unwrap_or_default().to_lowercase();
            self.check(line, &format!("-ERR wrong number of arguments for '{name}' command"));
        }
    }

    /// Sends a line; the reply as it is.
    #[track_caller]
    pub(crate) fn call(&mut self, line: &str) -> Reply {
        let words = split(line);
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.wire.call(&args)
    }

    /// Sends bytes as arguments; the reply must look so.
    #[track_caller]
    pub(crate) fn check_bytes(&mut self, args: &[&[u8]], expected: &str) {
        assert_eq!(
            self.wire.call(args).to_string(),
            expected,
            "reply to {} (RESP{})",
            show_command(args),
            self.protocol
        );
    }

    /// The integer that a line is answered with.
    #[track_caller]
    pub(crate) fn integer(&mut self, line: &str) -> i64 {
        match self.call(line) {
            Reply::Integer(value) => value,
            other => panic!("not an integer in reply to {line}: {other}"),
        }
    }

    /// The bytes of the bulk string that a line is answered with.
    #[track_caller]
    pub(crate) fn bytes(&mut self, line: &str) -> Vec<u8> {
        match self.call(line) {
            Reply::Bulk(bytes) => bytes,
            // The text of INFO, CLIENT LIST and the like in RESP3: four bytes of format come first.
            Reply::Verbatim(bytes) => bytes[4..].to_vec(),
            other => panic!("not a string in reply to {line}: {other}"),
        }
    }

    /// The text that a line is answered with.
    #[track_caller]
    pub(crate) fn text(&mut self, line: &str) -> String {
        String::from_utf8_lossy(&self.bytes(line)).into_owned()
    }

    /// The elements, as text, of the array, set or map that a line is answered with.
    #[track_caller]
    pub(crate) fn items(&mut self, line: &str) -> Vec<String> {
        match self.call(line) {
            Reply::Array(items) | Reply::Set(items) | Reply::Map(items) => items.iter().map(Reply::to_string).collect(),
            other => panic!("not several elements in reply to {line}: {other}"),
        }
    }

    /// One field of `INFO`.
    #[track_caller]
    pub(crate) fn info(&mut self, field: &str) -> Option<String> {
        let text = self.text("INFO everything");
        info_field(&text, field).map(str::to_owned)
    }

    /// One field of `INFO` that is a number.
    #[track_caller]
    pub(crate) fn info_number(&mut self, field: &str) -> i64 {
        let text = self.info(field).unwrap_or_else(|| panic!("INFO lacks {field}"));
        text.parse().unwrap_or_else(|e| panic!("INFO has {field}:{text}: {e}"))
    }

    /// Asks again and again until the reply looks so. It says nothing about how soon: only that it comes.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, line: &str, expected: &str) {
        let mut last = String::new();
        let came = soon(|| {
            last = self.call(line).to_string();
            last == expected
        });
        assert!(came, "reply to {line} stays {last}, never {expected}");
    }
}

/// Bytes in and out, for the tests of the protocol.
impl Wire {
    /// Writes bytes as they are, or fails the test.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap_or_else(|e| panic!("cannot send: {e}"));
    }

    /// Reads one reply, or fails the test.
    #[track_caller]
    pub(crate) fn read(&mut self) -> Reply {
        self.try_read().unwrap_or_else(|e| panic!("no reply: {e}"))
    }

    /// The next bytes must be these.
    #[track_caller]
    pub(crate) fn expect_bytes(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        if let Err(e) = self.stream.read_exact(&mut bytes) {
            panic!("expected {}, got {e} after {}", show(expected), show(&bytes));
        }
        assert_eq!(show(&bytes), show(expected));
    }

    /// Everything until the server closes the connection.
    #[track_caller]
    pub(crate) fn read_to_close(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            // A server that closes with our bytes still unread makes the kernel send a reset.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => bytes,
            Err(e) => panic!("the connection was not closed, after {}: {e}", show(&bytes)),
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// A second handle, to write from another thread while this one reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("a socket can be cloned")
    }
}

/// Runs a test once for each version of the protocol, each time in an empty database.
pub(crate) fn both(test: impl Fn(&mut Db<'_>)) {
    for protocol in PROTOCOLS {
        let lease = lease(1);
        let mut db = shared().db(protocol, lease.indexes[0]);
        db.check("FLUSHDB", "+OK");
        test(&mut db);
    }
}

/// Like [`both`], with a second empty database, whose number the test gets.
pub(crate) fn both_with_other(test: impl Fn(&mut Db<'_>, usize)) {
    for protocol in PROTOCOLS {
        let lease = lease(2);
        let other = lease.indexes[1];
        shared().db(protocol, other).check("FLUSHDB", "+OK");
        let mut db = shared().db(protocol, lease.indexes[0]);
        db.check("FLUSHDB", "+OK");
        test(&mut db, other);
    }
}

/// Runs a test once, with RESP2, in an empty database; more connections come from `db.server`.
pub(crate) fn once(test: impl FnOnce(&mut Db<'_>)) {
    let lease = lease(1);
    let mut db = shared().db(2, lease.indexes[0]);
    db.check("FLUSHDB", "+OK");
    test(&mut db);
}

/// Runs a test on an empty server that nobody else uses meanwhile.
pub(crate) fn alone(test: impl FnOnce(&Server)) {
    if env::var_os("CATAMARAN_TEST_SERVER").is_none() {
        return test(&Server::spawn(&[]));
    }
    let _all = lease(DATABASE_COUNT);
    shared().db(2, 0).check("FLUSHALL", "+OK");
    test(shared());
}

/// Runs a test on a server of its own, started with these lines of configuration.
pub(crate) fn alone_with(options: &[&str], test: impl FnOnce(Server)) {
    if env::var_os("CATAMARAN_TEST_SERVER").is_some() {
        return skip("it needs a server that it can start with its own options");
    }
    test(Server::spawn(options));
}

/// Says on the real standard error, not the one that the test runner swallows, that the current test is skipped.
pub(crate) fn skip(why: &str) {
    let thread = thread::current();
    let _ = writeln!(io::stderr(), "SKIPPED {}: {why}", thread.name().unwrap_or("a test"));
}

/// True as soon as the condition is; false if it is not for long.
pub(crate) fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// The value of a line `field:value`.
pub(crate) fn info_field<'a>(info: &'a str, field: &str) -> Option<&'a str> {
    let start = info.find(&format!("\n{field}:"))? + field.len() + 2;
    info[start..].split("\r\n").next()
}

fn program() -> PathBuf {
    match env::var_os("CATAMARAN_TEST_PROGRAM") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_BIN_EXE_catamaran")).to_owned(),
    }
}

/// The server that tests share.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| match env::var("CATAMARAN_TEST_SERVER") {
        Ok(address) => Server::at(address, None, None),
        Err(_) => Server::spawn(&[]),
    })
}

/// Some databases of the shared server, until dropped.
struct Lease {
    indexes: Vec<usize>,
}

static TAKEN: Mutex<[bool; DATABASE_COUNT]> = Mutex::new([false; DATABASE_COUNT]);
static GIVEN_BACK: Condvar = Condvar::new();

/// Waits until so many databases are free, and takes them at once, so that no two tests wait for each other.
fn lease(count: usize) -> Lease {
    let mut taken = lock_taken();
    loop {
        let free: Vec<usize> = (0..DATABASE_COUNT).filter(|&index| !taken[index]).take(count).collect();
        if free.len() == count {
            free.iter().for_each(|&index| taken[index] = true);
            return Lease { indexes: free };
        }
        taken = GIVEN_BACK.wait(taken).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut taken = lock_taken();
        self.indexes.iter().for_each(|&index| taken[index] = false);
        GIVEN_BACK.notify_all();
    }
}

/// A test that failed while it held a lease does not fail the others.
fn lock_taken() -> MutexGuard<'static, [bool; DATABASE_COUNT]> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}
