//! The configuration: what the file, the command line and `CONFIG SET` say, in `redis.conf` syntax.
//!
//! ```text
//!  option ── what an option can be        table/* ── every option, defined once
//!      \                                   /
//!       value, parse ── text to value and back          words, number, events, check ── the pieces of text
//!                 \
//!   startup ── command line ──▶ load ── file, include ──▶ Config ──▶ get · set · rewrite
//! ```
//!
//! A [`Config`] is data: it parses, checks, remembers and rewrites its file, but it opens no socket and starts no
//! thread. Whoever calls [`Config::set`] carries out what the changed options mean; where that fails, it puts back the
//! clone that it kept, and answers [`SetError::failed`].
//!
//! Options are read by name. A name that is not in the table, or that is read as another kind than it has, is a mistake
//! in the program and panics; so read a component's options where it is built and where a change reaches it, not
//! between.

mod check;
mod error;
pub mod events;
mod get;
mod load;
mod number;
mod option;
mod parse;
mod rewrite;
mod set;
mod startup;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod words;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use error::{ConfigError, RewriteError, SetError};
pub use load::Directive;
pub use option::{Effect, OptionDef};
pub use set::Origin;
pub use startup::Startup;
pub use value::{OutputLimit, SavePoint, Value};

use option::Kind;

/// The current value of every option, and where they came from.
#[derive(Debug, Clone)]
pub struct Config {
    /// By place in the table.
    values: Vec<Value>,
    /// The file named on the command line, absolute. `CONFIG REWRITE` writes it.
    file: Option<PathBuf>,
    /// `user` lines, for the access control list to read.
    users: Vec<Directive>,
    /// `rename-command` lines, for the command table to apply.
    renames: Vec<Directive>,
    /// What was found at start that is no option of the table and is not heeded, with the reason.
    foreign: Vec<(&'static str, &'static str)>,
}

impl Config {
    /// All defaults, working in `dir`, which must be absolute.
    pub fn with_defaults(dir: &Path) -> Self {
        let values = table::all().iter().map(|def| default_in(def, dir)).collect();
        Self { values, file: None, users: Vec::new(), renames: Vec::new(), foreign: Vec::new() }
    }

    pub fn get_bool(&self, name: &'static str) -> bool {
        match self.value(name) {
            Value::YesNo(on) => *on,
            other => wrong_kind(name, other),
        }
    }

    /// An integer or octal number. `maxmemory-clients` is negative where it is a percentage.
    pub fn get_int(&self, name: &'static str) -> i64 {
        match self.value(name) {
            Value::Number(number) => *number,
            other => wrong_kind(name, other),
        }
    }

    pub fn get_bytes(&self, name: &'static str) -> u64 {
        self.get_int(name) as u64
    }

    /// The bytes of a text; empty where it is absent.
    pub fn get_text(&self, name: &'static str) -> &[u8] {
        match self.value(name) {
            Value::Text(text) => text,
            other => wrong_kind(name, other),
        }
    }

    /// A text for people to read. Secrets may be binary: see [`Config::get_text`].
    pub fn get_str(&self, name: &'static str) -> Cow<'_, str> {
        String::from_utf8_lossy(self.get_text(name))
    }

    /// A file or directory, absolute: relative ones begin at `dir`. `None` where the option is empty.
    pub fn get_path(&self, name: &'static str) -> Option<PathBuf> {
        let text = self.get_text(name);
        if text.is_empty() { None } else { Some(self.dir().join(path_of(text))) }
    }

    /// The word of a choice, as the table spells it.
    pub fn get_enum(&self, name: &'static str) -> &'static str {
        let (Value::Code(code), Kind::Choice { words, .. }) = (self.value(name), find(name).def().kind) else {
            wrong_kind(name, self.value(name))
        };
        // The code was taken from these words, so one of them has it.
        words.iter().find(|(_, c)| c == code).map_or("", |(word, _)| word)
    }

    /// The addresses of `bind`. A dash in front means that the address may be missing on this machine.
    pub fn bind_addresses(&self) -> Vec<String> {
        match self.value("bind") {
            Value::Addresses(all) => all.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect(),
            other => wrong_kind("bind", other),
        }
    }

    pub fn save_points(&self) -> &[SavePoint] {
        match self.value("save") {
            Value::SavePoints(points) => points,
            other => wrong_kind("save", other),
        }
    }

    /// The output buffer limits of normal, replica and pub/sub clients.
    pub fn output_limits(&self) -> [OutputLimit; 3] {
        match self.value("client-output-buffer-limit") {
            Value::OutputLimits(limits) => *limits,
            other => wrong_kind("client-output-buffer-limit", other),
        }
    }

    /// The bits of [`events`] that `notify-keyspace-events` turns on.
    pub fn notify_events(&self) -> u32 {
        match self.value("notify-keyspace-events") {
            Value::Events(bits) => *bits,
            other => wrong_kind("notify-keyspace-events", other),
        }
    }

    pub fn latency_percentiles(&self) -> &[f64] {
        match self.value("latency-tracking-info-percentiles") {
            Value::Percentiles(all) => all,
            other => wrong_kind("latency-tracking-info-percentiles", other),
        }
    }

    /// The working directory, absolute.
    pub fn dir(&self) -> &Path {
        path_of(self.get_text("dir"))
    }

    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// True if every option has the same value in both.
    pub fn agrees_with(&self, other: &Config) -> bool {
        self.values == other.values
    }

    /// The `user` lines of the file, in order.
    pub fn users(&self) -> &[Directive] {
        &self.users
    }

    /// The `rename-command` lines of the file, in order: old name, new name (empty to remove the command).
    pub fn renames(&self) -> &[Directive] {
        &self.renames
    }

    /// What was set but is not heeded, with the reason, for the log at start. Options at their default are not listed.
    pub fn ignored(&self) -> Vec<(&'static str, &'static str)> {
        let options = table::all().iter().zip(&self.values).filter_map(|(def, value)| match def.effect {
            Effect::Ignored(why) if *value != Value::default_of(&def.kind) => Some((def.name, why)),
            _ => None,
        });
        options.chain(self.foreign.iter().copied()).collect()
    }

    fn value(&self, name: &'static str) -> &Value {
        &self.values[find(name).index]
    }
}

/// Whether the value of an option must not be shown in logs. Unknown names are not secret.
pub fn is_secret(name: &[u8]) -> bool {
    table::find(name).is_some_and(|name| name.def().secret)
}

/// Whether setting an option looks at files, which may take a while.
pub fn looks_at_files(name: &[u8]) -> bool {
    table::find(name).is_some_and(|name| matches!(name.def().kind, Kind::Directory))
}

fn default_in(def: &OptionDef, dir: &Path) -> Value {
    match def.kind {
        Kind::Directory => Value::Text(bytes_of(dir).into()),
        ref kind => Value::default_of(kind),
    }
}

fn find(name: &'static str) -> table::Name {
    match table::find(name.as_bytes()) {
        Some(name) => name,
        None => panic!("no option is called {name}"),
    }
}

fn wrong_kind(name: &str, value: &Value) -> ! {
    panic!("option {name} is read as another kind than it has: {value:?}")
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The operating system's sentence on an error, as C programs print it.
fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
