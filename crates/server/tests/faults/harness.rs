//! A server whose faults can be chosen, and clients that keep account of what they were told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::wire::{Reply, Wire, encode};

/// Longer than anything takes that happens at all.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// A server under test.
pub(crate) struct Server {
    process: Process,
    // After the process, which lives in it.
    dir: tempfile::TempDir,
}

impl Server {
    /// Starts a server with one storage worker and options.
    pub(crate) fn start(options: &[&str]) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let process = start_in(dir.path(), options);
        Server { process, dir }
    }

    /// Starts another on the same data, after an end of the process that `end` brings about.
    pub(crate) fn restarted(self, options: &[&str], end: impl FnOnce(Process)) -> Server {
        let Server { process, dir } = self;
        end(process);
        let process = start_in(dir.path(), options);
        Server { process, dir }
    }

    pub(crate) fn into_process(self) -> (Process, tempfile::TempDir) {
        (self.process, self.dir)
    }

    pub(crate) fn address(&self) -> &str {
        self.process.address()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(self.process.address())
    }

    /// Sets what happens at a point of failure.
    pub(crate) fn fault(&self, point: &str, actions: &str) {
        // The fault may hit the connection that sets it.
        let reply = self.wire().try_call(&[b"DEBUG", b"FAILPOINT", point.as_bytes(), actions.as_bytes()]);
        if let Ok(reply) = reply {
            assert_eq!(reply.to_string(), "+OK", "{point} {actions}");
        }
    }

    /// A field of `INFO`.
    pub(crate) fn info(&self, field: &str) -> String {
        loop {
            let reply = self.wire().try_call(&[b"INFO", b"everything"]);
            // A connection may be hit by the fault under test.
            let Ok(Reply::Bulk(text)) = reply else { continue };
            let text = String::from_utf8_lossy(&text).into_owned();
            let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            return found.unwrap_or_else(|| panic!("INFO has no {field}")).trim().to_owned();
        }
    }

    pub(crate) fn count(&self, field: &str) -> u64 {
        self.info(field).parse().unwrap_or_else(|e| panic!("{field}: {e}"))
    }

    /// Waits until a field of `INFO` has a value.
    #[track_caller]
    pub(crate) fn wait_for(&self, field: &str, value: &str) {
        eventually(&format!("{field} is {value}"), || self.info(field) == value);
    }

    /// Sockets that the server has open, and all its file descriptors.
    pub(crate) fn descriptors(&self) -> (usize, usize) {
        let folder = format!("/proc/{}/fd", self.process.child.id());
        let entries = fs::read_dir(folder).expect("the server runs").flatten();
        let links: Vec<PathBuf> = entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        let sockets = links.iter().filter(|link| link.to_string_lossy().starts_with("socket:")).count();
        (sockets, links.len())
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.child.id());
        let text = fs::read_to_string(path).expect("the server runs");
        let kb = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kb.and_then(|kb| kb.parse::<u64>().ok()).expect("Linux tells the resident memory") * 1024
    }
}

fn start_in(dir: &Path, options: &[&str]) -> Process {
    let mut all = vec!["storage-threads 1"];
    all.extend(options);
    Process::start(Path::new(env!("CARGO_BIN_EXE_catamaran")), dir, &all).unwrap_or_else(|e| panic!("{e}"))
}

/// A command as words divided by blanks.
#[track_caller]
pub(crate) fn call(wire: &mut Wire, line: &str) -> String {
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    wire.call(&args).to_string()
}

/// Sends a command and does not wait for its reply.
#[track_caller]
pub(crate) fn send(wire: &mut Wire, line: &str) {
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    wire.try_send(&encode(&args)).unwrap_or_else(|e| panic!("{line}: {e}"));
}

/// The reply to what was sent.
#[track_caller]
pub(crate) fn reply(wire: &mut Wire) -> String {
    wire.try_read().unwrap_or_else(|e| panic!("no reply: {e}")).to_string()
}

/// Waits for something that has to happen.
#[track_caller]
pub(crate) fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_MAX;
    while !happens() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A client that counts up one key of its own, and what it was told of it.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    key: String,
    /// Increments that were acknowledged, or said to be applied.
    pub(crate) applied: u64,
    /// Increments of whose fate nothing was heard.
    pub(crate) uncertain: u64,
    /// Error replies, and lost connections.
    pub(crate) errors: Vec<String>,
    pub(crate) lost_connections: usize,
}

impl Counter {
    pub(crate) fn new(name: usize) -> Counter {
        Counter { key: format!("counter:{name}"), ..Counter::default() }
    }

    /// Counts until it is told to stop. A connection that is lost is replaced.
    pub(crate) fn run(&mut self, first: Wire, address: &str, stop: &AtomicBool) {
        let mut wire = Some(first);
        while !stop.load(Ordering::Acquire) {
            if wire.is_none() {
                wire = Wire::try_connect(address).ok();
            }
            let Some(open) = wire.as_mut() else {
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            match open.try_call(&[b"INCR", self.key.as_bytes()]) {
                Ok(Reply::Integer(_)) => self.applied += 1,
                Ok(error) => {
                    let text = error.to_string();
                    if text.contains("the command was applied, but") {
                        self.applied += 1;
                    } else if text.starts_with("-UNKNOWN") {
                        self.uncertain += 1;
                    }
                    self.errors.push(text);
                }
                Err(_) => {
                    self.lost_connections += 1;
                    self.uncertain += 1;
                    wire = None;
                }
            }
        }
    }

    /// What is there has to be what was told.
    #[track_caller]
    pub(crate) fn check(&self, wire: &mut Wire) {
        let there = match wire.call(&[b"GET", self.key.as_bytes()]) {
            Reply::Bulk(text) => String::from_utf8_lossy(&text).parse().expect("a number"),
            Reply::NullBulk => 0,
            other => panic!("GET {}: {other}", self.key),
        };
        let told = self.applied..=self.applied + self.uncertain;
        assert!(told.contains(&there), "{}: {there} there, told of {told:?}; {:?}", self.key, self.errors);
    }
}

/// Lets clients count while something happens, and returns what they were told.
pub(crate) fn counting(server: &Server, clients: usize, happens: impl FnOnce()) -> Vec<Counter> {
    let stop = AtomicBool::new(false);
    let mut counters: Vec<Counter> = (0..clients).map(Counter::new).collect();
    thread::scope(|scope| {
        for counter in &mut counters {
            // The server has taken it in before anything happens.
            let mut wire = server.wire();
            assert_eq!(call(&mut wire, "PING"), "+PONG");
            scope.spawn(|| counter.run(wire, server.address(), &stop));
        }
        // Ends the clients even if `happens` panics; the scope waits for them.
        let _stopping = Stopping(&stop);
        happens();
    });
    counters
}

struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
