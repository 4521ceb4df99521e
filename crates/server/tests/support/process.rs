//! A server under test as a child process: started on a free port with its own directory, and gone with its owner.
//!
//! It knows no command beyond the first `PING`. What is said to the server afterwards is [`crate::wire`]'s matter.

use std::fmt;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// How long a server may take until it answers `PING`. Generous: a loaded machine is no failure.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How often a start is tried again because somebody else took the port between our asking and the server's binding.
const PORT_RETRY_MAX: usize = 5;

/// A running server.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// A shell that outlives a crashed test run just long enough to end the server: its `read` returns when this
    /// process is gone, whichever way it went.
    guardian: Child,
    address: String,
    log: PathBuf,
}

/// A server that ended instead of answering.
pub(crate) struct NotStarted {
    /// How it ended; `None` if it still ran at the deadline.
    pub(crate) status: Option<ExitStatus>,
    /// All that it wrote to its standard output and error.
    pub(crate) output: String,
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "the server ended with {status}: {}", self.output),
            None => write!(f, "the server does not answer: {}", self.output),
        }
    }
}

impl Process {
    /// Starts `program` with a configuration file of `options` in `dir`, where its data goes too.
    pub(crate) fn start(program: &Path, dir: &Path, options: &[&str]) -> Result<Process, NotStarted> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Self::start_once(program, dir, options) {
                Err(e) if attempt < PORT_RETRY_MAX && e.output.contains("ddress already in use") => continue,
                outcome => return outcome,
            }
        }
    }

    fn start_once(program: &Path, dir: &Path, options: &[&str]) -> Result<Process, NotStarted> {
        let port = free_port();
        let config = dir.join(format!("test-{port}.conf"));
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {port}"),
            format!("dir {}", dir.display()),
            "enable-debug-command yes".to_owned(),
            "save \"\"".to_owned(),
        ];
        lines.extend(options.iter().map(|&option| option.to_owned()));
        fs::write(&config, lines.join("\n") + "\n").expect("the test's directory is writable");

        let log = dir.join(format!("test-{port}.log"));
        let out = File::create(&log).expect("the test's directory is writable");
        let err = out.try_clone().expect("a file can be opened twice");
        let child = Command::new(program)
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", program.display()));
        let guardian = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\"; sleep 0.2; rm -rf \"$1\""])
            .arg(child.id().to_string())
            .arg(dir)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut process = Process { child, guardian, address: format!("127.0.0.1:{port}"), log };
        process.wait_for_ping()?;
        Ok(process)
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn wait_for_ping(&mut self) -> Result<(), NotStarted> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked for its state") {
                return Err(NotStarted { status: Some(status), output: self.output() });
            }
            if let Ok(mut wire) = Wire::try_connect(&self.address) {
                // While it loads, a server says -LOADING.
                if wire.try_call(&[b"PING"]).is_ok_and(|reply| !reply.to_string().starts_with("-LOADING")) {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                return Err(NotStarted { status: None, output: self.output() });
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guardian first: it must not shoot at a process id that is no longer ours.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that nobody listens on at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
