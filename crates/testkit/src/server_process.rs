//! A server as its users meet it: a binary, a port, a directory. It can be killed and started again on the same data.
//!
//! Only the child that was started here is ever signalled, by its process id, and it never outlives its owner.

use crate::{Client, Random, Value, seed_from_clock};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take until it answers `PING`, recovery included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at whether it has started or ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// How much of the log an error quotes.
const LOG_TAIL_BYTES: usize = 2000;

/// Below the ports that systems give to outgoing connections: a client that tries to reach a server while it is down must
/// not be given the server's own port, which would connect it to itself and keep the server from coming back.
const PORTS: Range<u16> = 12_000..32_000;
const PORT_ATTEMPTS_MAX: usize = 100;

/// A port of the loopback interface that nobody listens on at this moment.
pub fn free_port() -> io::Result<u16> {
    let mut random = Random::new(seed_from_clock() ^ u64::from(std::process::id()) << 32);
    let mut last = io::Error::other("no port was tried");
    for _ in 0..PORT_ATTEMPTS_MAX {
        let port = PORTS.start + random.below(PORTS.len() as u64) as u16;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A running server, or one that has been stopped and can be started again.
#[derive(Debug)]
pub struct ServerProcess {
    binary: OsString,
    options: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    port: u16,
    /// Holds the data directory and the log; removed with this value.
    home: TempDir,
    /// `None` once it was killed or has been seen to end.
    child: Option<Child>,
}

impl ServerProcess {
    /// Starts `binary` with `options` added to its port and directory, and waits until it answers.
    pub fn start<S: Into<OsString>>(
        binary: impl Into<OsString>,
        options: impl IntoIterator<Item = S>,
    ) -> io::Result<ServerProcess> {
        let mut server = ServerProcess::prepare(binary, options)?;
        server.restart()?;
        Ok(server)
    }

    /// Makes its directory and chooses its port, and leaves the start to [`ServerProcess::restart`].
    pub fn prepare<S: Into<OsString>>(
        binary: impl Into<OsString>,
        options: impl IntoIterator<Item = S>,
    ) -> io::Result<ServerProcess> {
        let server = ServerProcess {
            binary: binary.into(),
            options: options.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            port: free_port()?,
            home: tempfile::Builder::new().prefix("catamaran-test-").tempdir()?,
            child: None,
        };
        fs::create_dir(server.dir())?;
        Ok(server)
    }

    /// Variables that its next starts add to the environment.
    pub fn set_environment(&mut self, environment: Vec<(OsString, OsString)>) {
        self.environment = environment;
    }

    /// The options of its next starts, in place of those before.
    pub fn set_options<S: Into<OsString>>(&mut self, options: impl IntoIterator<Item = S>) {
        self.options = options.into_iter().map(Into::into).collect();
    }

    /// Starts it again on the same port and data; kills it first where it still runs.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill9()?;
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        self.child = Some(self.spawn(log)?);
        self.wait_until_ready()
    }

    /// Kills it on the spot, as a crash of the program would.
    pub fn kill9(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM) and returns how it did.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        let child = self.child.as_mut().ok_or_else(|| io::Error::other("the server does not run"))?;
        if child.try_wait()?.is_none() {
            kill_process(Pid::from_child(child), Signal::TERM)?;
        }
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(self.failure("does not end"));
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Whether it runs at this moment.
    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && matches!(self.exit_status(), Ok(None))
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The port on the loopback interface; the same across restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory.
    pub fn dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A new connection.
    pub fn client(&self) -> io::Result<Client> {
        Client::connect(("127.0.0.1", self.port))
    }

    /// Everything it has printed, over all its starts.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The file its output goes to.
    pub fn log_path(&self) -> PathBuf {
        self.home.path().join("server.log")
    }

    fn spawn(&self, log: File) -> io::Result<Child> {
        let mut command = Command::new(&self.binary);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(self.dir());
        command.args(&self.options).current_dir(self.dir());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        command.spawn().map_err(|error| {
            let binary = Path::new(&self.binary).display().to_string();
            io::Error::new(error.kind(), format!("cannot start {binary}: {error}"))
        })
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.exit_status()? {
                return Err(self.failure(&format!("ended while it started ({status})")));
            }
            if self.answers() {
                return Ok(());
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(self.failure("does not answer"))
    }

    /// Whether it serves: a refusal for want of a password counts, one because data is still being loaded does not.
    fn answers(&self) -> bool {
        match self.client().and_then(|mut client| client.command(&["PING"])) {
            Ok(Value::Error(text)) => !text.starts_with(b"LOADING"),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    /// How it ended, if it was started and has ended by itself.
    fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.as_mut().map_or(Ok(None), Child::try_wait)
    }

    fn failure(&self, what: &str) -> io::Error {
        let log = self.log();
        let mut start = log.len().saturating_sub(LOG_TAIL_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        io::Error::other(format!("the server {what}; its log ends:\n{}", &log[start..]))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A failure cannot be reported from here, and the child may be gone already.
        let _ = self.kill9();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_reported_with_its_output() {
        let error = ServerProcess::start("sh", ["-c", "true"]).map(|_| ()).expect_err("sh is no server");
        assert!(error.to_string().contains("ended while it started"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = ServerProcess::start("/nonexistent/server", [""; 0]).map(|_| ()).expect_err("no such program");
        assert!(error.to_string().contains("/nonexistent/server"), "{error}");
    }
}
