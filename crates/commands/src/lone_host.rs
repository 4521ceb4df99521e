//! A host for tests of session commands: a server with one client, nothing in it, and nothing around it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use resp::{Encoder, Span};

use crate::args::Args;
use crate::command::Run;
use crate::error::Error;
use crate::facts::{ClientFacts, Facts};
use crate::session::{ClientFilter, Configuring, Effect, Host, RuntimeName, Session};
use crate::{Result, glob, table};

/// What the host was asked to do, and the options that it has.
#[derive(Default)]
pub(crate) struct LoneHost {
    pub(crate) options: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(crate) password: Option<&'static str>,
    pub(crate) facts: Facts,
    pub(crate) done: RefCell<Vec<String>>,
}

impl LoneHost {
    fn note(&self, what: String) {
        self.done.borrow_mut().push(what);
    }
}

impl Host for LoneHost {
    fn now_us(&self) -> u64 {
        1_700_000_000_123_456
    }

    fn database_count(&self) -> u16 {
        16
    }

    fn requires_auth(&self) -> bool {
        self.password.is_some()
    }

    fn authenticate(&self, user: &[u8], password: &[u8]) -> bool {
        user == b"default" && self.password.is_none_or(|right| right.as_bytes() == password)
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn reset_stats(&self) {
        self.note("reset stats".to_owned());
    }

    fn clients(&self, filter: &ClientFilter) -> Vec<ClientFacts> {
        let only = ClientFacts {
            id: 7,
            address: "127.0.0.1:40000".to_owned(),
            local_address: "127.0.0.1:6379".to_owned(),
            last_command: "client|list",
            user: "default".to_owned(),
            resp: 2,
            ..ClientFacts::default()
        };
        [only].into_iter().filter(|client| filter.matches(client)).collect()
    }

    fn kill_clients(&self, filter: &ClientFilter) -> usize {
        self.clients(filter).len()
    }

    fn pause_clients(&self, until_ms: u64, writes_only: bool) {
        self.note(format!("pause until {until_ms}, writes only: {writes_only}"));
    }

    fn unpause_clients(&self) {
        self.note("unpause".to_owned());
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let matches = |name: &[u8]| patterns.iter().any(|pattern| glob::matches(pattern, name, true));
        let options = self.options.borrow();
        options.iter().filter(|(name, _)| matches(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn config_set(&self, pairs: &[(&[u8], &[u8])]) -> Result<()> {
        self.options.borrow_mut().extend(pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())));
        Ok(())
    }

    fn restart_runtime(&self, which: RuntimeName) -> Result<()> {
        self.note(format!("restart {which:?}"));
        Ok(())
    }

    fn set_active_expire(&self, on: bool) {
        self.note(format!("active expire: {on}"));
    }

    fn log(&self, text: &str) {
        self.note(format!("log: {text}"));
    }
}

impl LoneHost {
    /// What a server does that was started without a file.
    fn configure(&self, what: &Configuring) -> Result<()> {
        match what {
            Configuring::Rewrite => Err(Error::sentence("ERR The server is running without a config file")),
            Configuring::Set(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
                self.config_set(&pairs)
            }
        }
    }
}

/// The client of a [`LoneHost`].
pub(crate) struct LoneClient {
    pub(crate) session: Session,
    pub(crate) host: LoneHost,
    /// What the last command asked the connection to do.
    pub(crate) effect: Effect,
}

impl LoneClient {
    pub(crate) fn new() -> LoneClient {
        LoneClient::of(LoneHost::default())
    }

    pub(crate) fn of(host: LoneHost) -> LoneClient {
        let session = Session::new(7, !host.requires_auth());
        LoneClient { session, host, effect: Effect::None }
    }

    /// The reply to a command; None if it does not run on the network runtime.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Option<Vec<u8>> {
        let (mut buf, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span { start: buf.len() as u32, len: word.len() as u32 });
            buf.extend_from_slice(word.as_bytes());
        }
        let args = Args::new(&buf, &spans);
        let mut out = Vec::new();
        let mut reply = Encoder::new(&mut out, self.session.protocol);
        self.effect = Effect::None;
        let outcome = match table::resolve(&args) {
            Ok(command) => match command.run {
                Run::Session(handler) => handler(&mut self.session, &self.host, &args, &mut reply),
                _ => return None,
            },
            Err(error) => Err(error),
        };
        match outcome {
            Ok(Effect::Configure(what)) => match self.host.configure(&what) {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error.text()),
            },
            Ok(effect) => self.effect = effect,
            Err(error) => {
                out.clear();
                Encoder::new(&mut out, self.session.protocol).error(error.text());
            }
        }
        Some(out)
    }

    /// The reply to a line of words without blanks, as text.
    pub(crate) fn say(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        self.ask(&words).map_or_else(String::new, |reply| String::from_utf8_lossy(&reply).into_owned())
    }
}
