//! A server whose disk does what a test says.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{Client, FaultDisk, ServerProcess, Value};

const SERVER: &str = env!("CARGO_BIN_EXE_catamaran");
/// How long something that happens "soon" may take before a test gives up on it.
const SOON: Duration = Duration::from_secs(60);

/// See the module's text.
pub(crate) struct Faulty {
    pub(crate) server: ServerProcess,
    pub(crate) disk: FaultDisk,
}

impl Faulty {
    /// A running server on a disk without faults.
    pub(crate) fn start(options: &[&str]) -> Faulty {
        let mut server = ServerProcess::prepare(SERVER, options).expect("a directory");
        let disk = FaultDisk::new(&server.dir()).expect("a C compiler");
        server.set_environment(disk.environment());
        server.restart().unwrap_or_else(|e| panic!("{e}"));
        Faulty { server, disk }
    }

    /// Changes what fails from now on.
    pub(crate) fn fail(&self, rules: &[&str]) {
        self.disk.set(rules).expect("a writable directory");
    }

    pub(crate) fn heal(&self) {
        self.disk.heal().expect("a writable directory");
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection(self.server.client().expect("the server accepts"))
    }

    /// Ends the server in order and starts it on the same data.
    pub(crate) fn restart_in_order(&mut self) {
        let status = self.server.terminate().unwrap_or_else(|e| panic!("{e}"));
        assert!(status.success(), "ended with {status}: {}", self.server.log());
        self.server.restart().unwrap_or_else(|e| panic!("{e}"));
    }
}

/// A connection to which commands are said as lines.
pub(crate) struct Connection(pub(crate) Client);

impl Connection {
    /// The reply to a line of words, as text: an error with its dash, nothing as `nil`.
    #[track_caller]
    pub(crate) fn call(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        shown(&self.0.command(&words).unwrap_or_else(|e| panic!("no reply to {line}: {e}")))
    }

    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(self.call(line), expected, "reply to {line}");
    }

    /// The reply must be an error that begins so and contains all of this.
    #[track_caller]
    pub(crate) fn check_refused(&mut self, line: &str, code: &str, parts: &[&str]) {
        let reply = self.call(line);
        let fits = reply.starts_with(&format!("-{code} ")) && parts.iter().all(|part| reply.contains(part));
        assert!(fits, "reply to {line}: {reply}");
    }

    /// A field of `INFO`.
    #[track_caller]
    pub(crate) fn info(&mut self, field: &str) -> String {
        let info = self.call("INFO everything");
        let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("INFO lacks {field}")).to_owned()
    }

    /// Asks again and again until the reply looks so.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, line: &str, expected: &str) {
        let mut last = String::new();
        let came = soon(|| {
            last = self.call(line);
            last == expected
        });
        assert!(came, "reply to {line} stays {last}, never {expected}");
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        Value::Integer(number) => number.to_string(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        value if value.is_null() => "nil".to_owned(),
        value => String::from_utf8_lossy(value.text().unwrap_or_default()).into_owned(),
    }
}

/// True as soon as the condition is; false if it is not for long.
pub(crate) fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}
