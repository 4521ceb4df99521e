//! A client's own state, what its commands can ask of the server, and what they make it do.
//!
//! [`Session`] is plain data that belongs to one connection. A session command runs on the network
//! runtime: it may change the session, ask the [`Host`], write its reply, and return an [`Effect`] for
//! the connection to carry out. It never waits.

use std::time::Duration;

use data::Watch;
use resp::Protocol;

use crate::error::Result;
use crate::facts::{ClientFacts, Facts};
use crate::transactions::Queue;

/// The user that a client runs as until it says otherwise.
pub const DEFAULT_USER: &str = "default";

/// Whether replies are sent (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// All of them.
    #[default]
    On,
    /// None.
    Off,
    /// Not the next one.
    SkipNext,
    /// Not that of the command that runs, unless it is the one that turns replies on.
    Skipping,
}

/// The state of one client.
#[derive(Clone, Debug)]
pub struct Session {
    /// Unique since the start of the server.
    pub id: u64,
    /// RESP version of the replies.
    pub protocol: Protocol,
    /// The selected database.
    pub db: u16,
    /// True once the client may run commands.
    pub authenticated: bool,
    /// The user it runs as.
    pub user: String,
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub library_name: Vec<u8>,
    /// `CLIENT SETINFO LIB-VER`.
    pub library_version: Vec<u8>,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// `CLIENT NO-EVICT`.
    pub no_evict: bool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: bool,
    /// What was sent since `MULTI`.
    pub queue: Option<Queue>,
    /// What `WATCH` watches.
    pub watch: Option<Watch>,
}

impl Session {
    /// A new client.
    pub fn new(id: u64, authenticated: bool) -> Session {
        Session {
            id,
            protocol: Protocol::Resp2,
            db: 0,
            authenticated,
            user: DEFAULT_USER.to_owned(),
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            queue: None,
            watch: None,
        }
    }

    /// What `RESET` does: everything but the id and the library's name as at the beginning.
    pub fn reset(&mut self, authenticated: bool) {
        let library = (std::mem::take(&mut self.library_name), std::mem::take(&mut self.library_version));
        *self = Session::new(self.id, authenticated);
        (self.library_name, self.library_version) = library;
    }
}

/// What the connection does after the reply of a session command.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Sends the reply and closes.
    Close,
    /// Stops the server: after the reply of an error, or without one.
    Shutdown(Shutdown),
    /// Changes the configuration where that has to wait for files. The reply, or the error, is sent when it is done;
    /// other clients are served meanwhile.
    Configure(Configuring),
    /// Runs what the session has queued, as one.
    Execute,
    /// Goes on with this client only after a while; others are served meanwhile.
    Sleep(Duration),
}

/// A change of the configuration that has to wait for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuring {
    /// Sets options, all or none: names and values.
    Set(Vec<(Vec<u8>, Vec<u8>)>),
    /// Writes the configuration file anew.
    Rewrite,
}

/// How `SHUTDOWN` asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// Write a checkpoint first (`SAVE`).
    pub save: bool,
    /// Do not wait for anybody.
    pub now: bool,
    /// Write no checkpoint even if one is configured (`NOSAVE`).
    pub no_save: bool,
    /// Stop even if the checkpoint fails (`FORCE`).
    pub force: bool,
}

/// One of the two runtimes (`DEBUG RESTART-RUNTIME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum RuntimeName {
    Storage,
    Network,
}

/// Which clients `CLIENT KILL` and `CLIENT LIST` mean. Every filter that is set has to match.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are the filters' names")]
pub struct ClientFilter {
    pub ids: Option<Vec<u64>>,
    pub address: Option<String>,
    pub local_address: Option<String>,
    /// `normal`, `pubsub`, `master` or `replica`.
    pub kind: Option<&'static str>,
    pub user: Option<String>,
    pub max_age_seconds: Option<u64>,
    /// The asking client itself is left out.
    pub skip: Option<u64>,
}

impl ClientFilter {
    /// True if all filters match.
    pub fn matches(&self, client: &ClientFacts) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.address.as_ref().is_none_or(|a| *a == client.address)
            && self.local_address.as_ref().is_none_or(|a| *a == client.local_address)
            && self.kind.is_none_or(|kind| kind == client.kind())
            && self.user.as_ref().is_none_or(|user| *user == client.user)
            && self.max_age_seconds.is_none_or(|age| client.age_seconds >= age)
            && self.skip != Some(client.id)
    }
}

/// What session commands can ask of the server around them. Nothing here waits or touches data.
pub trait Host {
    /// Microseconds since the Unix epoch.
    fn now_us(&self) -> u64;
    /// How many databases there are.
    fn database_count(&self) -> u16;
    /// True if clients have to authenticate.
    fn requires_auth(&self) -> bool;
    /// True if the name and password are right.
    fn authenticate(&self, user: &[u8], password: &[u8]) -> bool;
    /// Everything that `INFO` tells.
    fn facts(&self) -> Facts;
    /// Zeroes the counters of `INFO`.
    fn reset_stats(&self);
    /// The clients that match, oldest first.
    fn clients(&self, filter: &ClientFilter) -> Vec<ClientFacts>;
    /// Closes the clients that match; the number of them.
    fn kill_clients(&self, filter: &ClientFilter) -> usize;
    /// Holds back commands of all clients (only writes, where `writes_only`) until a time in Unix ms.
    fn pause_clients(&self, until_ms: u64, writes_only: bool);
    /// Ends such a pause.
    fn unpause_clients(&self);
    /// Options whose names match, with their values.
    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// Sets options, all or none.
    fn config_set(&self, pairs: &[(&[u8], &[u8])]) -> Result<()>;
    /// True if setting an option looks at files: see [`Effect::Configure`].
    fn config_waits(&self, _name: &[u8]) -> bool {
        false
    }
    /// Turns the removal of expired keys in the background on or off (`DEBUG SET-ACTIVE-EXPIRE`).
    fn set_active_expire(&self, on: bool);
    /// Makes a waiting client go on, as after its timeout or with an error. False: it was not waiting.
    fn unblock_client(&self, _id: u64, _with_error: bool) -> bool {
        false
    }
    /// Takes back a `SHUTDOWN` that waits. False: none does.
    fn abort_shutdown(&self) -> bool {
        false
    }
    /// Begins to replace a runtime.
    fn restart_runtime(&self, which: RuntimeName) -> Result<()>;
    /// Writes a line to the server's log (`DEBUG LOG`).
    fn log(&self, _text: &str) {}
}

#[cfg(test)]
mod tests;
