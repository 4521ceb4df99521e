//! A database for the tests of commands: handlers run in this thread, without sockets, workers and latches.
//!
//! [`replay`] compares with what a real Redis replied. A transcript has lines `> command` and `< reply`, the reply as
//! escaped bytes; `! resp3` and `! resp2` change the protocol, `! flush` begins anew, `! list KEY` makes a key of another kind, `#` is a comment. The script
//! `record.py` in this module's folder asks a server and writes the replies into a transcript of commands.

use std::ops::Range;
use std::sync::Arc;

use data::{Batch, Keyspace, Turn, Tx, View, list, string};
use engine::{Durability, Engine, EngineOptions};
use resp::{Encoder, Protocol, Span};
use tempfile::TempDir;

use crate::args::Args;
use crate::command::Run;
use crate::error::Result;
use crate::table;

/// When every test begins, in Unix ms.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// How many databases there are.
const DATABASES: u16 = 4;

/// A database, its one worker, and its one client.
pub(crate) struct Db {
    pub(crate) engine: Engine,
    pub(crate) keyspace: Arc<Keyspace>,
    pub(crate) batch: Batch,
    /// Gives time and randomness; the time stands still unless a test changes it.
    pub(crate) turn: Turn,
    /// What `SELECT` chose.
    pub(crate) selected: u16,
    pub(crate) protocol: Protocol,
    dir: TempDir,
}

impl Db {
    pub(crate) fn new() -> Db {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (engine, keyspace) = open(&dir);
        let turn = Turn::new(START_MS, 1);
        Db { engine, keyspace, batch: Batch::new(), turn, selected: 0, protocol: Protocol::Resp2, dir }
    }

    /// Commits, closes and opens again.
    pub(crate) fn reopen(self) -> Db {
        let mut before = self;
        before.commit();
        let Db { engine, keyspace, turn, selected, protocol, dir, .. } = before;
        drop((engine, keyspace));
        let (engine, keyspace) = open(&dir);
        Db { engine, keyspace, batch: Batch::new(), turn, selected, protocol, dir }
    }

    /// Commits the open batch.
    pub(crate) fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    /// Lets time pass.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.turn.set_now_ms(self.turn.now_ms() + ms);
    }

    /// Writes of the selected database, in the open batch.
    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, self.selected)
    }

    /// What the selected database holds, the open batch included.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(self.engine.view(), &self.keyspace, &self.turn, self.selected).through(&self.batch)
    }

    /// Makes a key a string.
    pub(crate) fn put(&mut self, key: &[u8], bytes: &[u8]) {
        let mut tx = self.tx();
        let old = tx.find(key).expect("find");
        string::set(&mut tx, key, old, bytes, None);
        self.batch.keep();
    }

    /// The reply to a command whose arguments have no blanks. `""` is the empty argument.
    pub(crate) fn reply(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> =
            line.split(' ').map(|word| if word == "\"\"" { &b""[..] } else { word.as_bytes() }).collect();
        String::from_utf8_lossy(&self.run_words(&words)).into_owned()
    }

    /// Runs a command, its words separated by blanks or in double quotes. The reply comes back as escaped bytes.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let words = words(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.run_words(&words).escape_ascii().to_string()
    }

    /// Makes a key a list of one element: for commands that refuse it.
    pub(crate) fn make_list(&mut self, key: &[u8]) {
        let mut tx = self.tx();
        let old = tx.find(key).expect("find");
        list::store(&mut tx, key, old, &[b"element"]).expect("a list");
        self.batch.keep();
    }

    /// Runs a command and returns its reply as it goes over the wire.
    pub(crate) fn run_words(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut reply = Vec::new();
        if let Err(error) = self.dispatch(words, &mut reply) {
            reply.clear();
            Encoder::new(&mut reply, self.protocol).error(error.text());
        }
        reply
    }

    fn dispatch(&mut self, words: &[&[u8]], reply: &mut Vec<u8>) -> Result<()> {
        let (buf, spans) = (words.concat(), spans(words));
        let args = Args::new(&buf, &spans);
        let mut reply = Encoder::new(reply, self.protocol);
        let command = table::resolve(&args)?;
        match command.run {
            Run::Read(handler) => handler(&self.view(), &args, &mut reply),
            Run::Write(handler) => {
                let outcome = handler(&mut self.tx(), &args, &mut reply);
                match outcome {
                    Ok(()) => self.batch.keep(),
                    Err(_) => self.batch.undo(),
                }
                outcome
            }
            Run::Session(_) | Run::Admin(_) | Run::Container => panic!("not a command on data"),
        }
    }
}

fn open(dir: &TempDir) -> (Engine, Arc<Keyspace>) {
    let options = EngineOptions {
        block_cache_bytes: 1 << 20,
        write_buffer_bytes: 1 << 20,
        background_jobs: 1,
        ..EngineOptions::default()
    };
    let engine = Engine::open(dir.path(), &options).expect("an engine");
    let keyspace = Keyspace::open(&engine, DATABASES).expect("a keyspace");
    (engine, Arc::new(keyspace))
}

/// Where words lie that are put together.
pub(crate) fn spans(words: &[&[u8]]) -> Vec<Span> {
    let mut end = 0;
    let ranges = words.iter().map(|word| {
        end += word.len();
        end - word.len()..end
    });
    ranges.map(|Range { start, end }| Span { start: start as u32, len: (end - start) as u32 }).collect()
}

/// Runs the commands of a transcript and compares every reply, before and after a commit of each.
pub(crate) fn replay(transcript: &str) {
    let mut db = Db::new();
    let mut reply = None;
    let mut compared = 0;
    for (number, line) in (1..).zip(transcript.lines()) {
        match line.split_once(' ') {
            Some((">", command)) => {
                reply = Some((command, db.run(command)));
                if number % 2 == 0 {
                    db.commit();
                }
            }
            Some(("<", expected)) => {
                let (command, got) = reply.take().expect("a reply follows its command");
                assert_eq!(got, expected, "line {number}: {command}");
                compared += 1;
            }
            Some(("!", "resp2")) => db.protocol = Protocol::Resp2,
            Some(("!", "resp3")) => db.protocol = Protocol::Resp3,
            Some(("!", list)) if list.starts_with("list ") => db.make_list(&list.as_bytes()[5..]),
            Some(("!", "flush")) => db = Db { protocol: db.protocol, ..Db::new() },
            _ => assert!(line.is_empty() || line.starts_with('#'), "line {number}: {line}"),
        }
    }
    assert!(compared > 0, "the transcript has no replies");
}

/// The words of a command line: as `redis-cli` splits them, as far as tests need it.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(unescape(word));
        rest = after.trim_start();
    }
    words
}

/// Turns `\xHH` into bytes.
fn unescape(word: &str) -> Vec<u8> {
    let mut parts = word.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}
