//! A database for the tests of commands: handlers run in this thread, without sockets, workers and latches.
//!
//! [`replay`] compares with what a real Redis replied. A transcript has lines `> command` and `< reply`, the reply as
//! escaped bytes; `! resp3` and `! resp2` change the protocol, `! flush` begins anew, `! list KEY` makes a key of another kind, `#` is a comment. The script
//! `record.py` in this module's folder asks a server and writes the replies into a transcript of commands.

use data::{Batch, Keyspace, Kind, Meta, Turn, Tx, View};
use engine::{Durability, Engine, EngineOptions};
use resp::{Encoder, Protocol, Span};

use crate::args::Args;
use crate::command::{Marks, Run};
use crate::error::{Error, Result};
use crate::table;

/// What the clock says at first, in Unix ms.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

const DATABASES: u16 = 4;

/// A database in a directory that goes with it.
pub(crate) struct Db {
    pub(crate) engine: Engine,
    pub(crate) keyspace: Keyspace,
    pub(crate) turn: Turn,
    pub(crate) protocol: Protocol,
    /// What `SELECT` would have chosen.
    pub(crate) selected: u16,
    batch: Batch,
    dir: tempfile::TempDir,
}

impl Db {
    /// An empty database.
    pub(crate) fn new() -> Db {
        Db::open(tempfile::tempdir().expect("a directory"))
    }

    /// The same database, committed, closed and opened again.
    pub(crate) fn reopen(mut self) -> Db {
        self.commit();
        let Db { engine, keyspace, turn, protocol, selected, dir, .. } = self;
        drop((engine, keyspace));
        Db { turn, protocol, selected, ..Db::open(dir) }
    }

    fn open(dir: tempfile::TempDir) -> Db {
        let options = EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, background_jobs: 2 };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, DATABASES).expect("a keyspace");
        let turn = Turn::new(START_MS, 1);
        Db { engine, keyspace, turn, protocol: Protocol::Resp2, selected: 0, batch: Batch::new(), dir }
    }

    /// Lets time pass.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.turn.set_now_ms(self.turn.now_ms() + ms);
    }

    /// Runs a command, its words separated by blanks or in double quotes. The reply comes back as escaped bytes.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let words = words(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.run_words(&words).escape_ascii().to_string()
    }

    /// Runs a command. The reply comes back as it would be sent.
    pub(crate) fn run_words(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let buf = words.concat();
        let mut start = 0;
        let spans: Vec<Span> = words
            .iter()
            .map(|word| {
                let span = Span { start, len: word.len() as u32 };
                start += span.len;
                span
            })
            .collect();
        let mut out = Vec::new();
        let outcome = self.call(&Args::new(&buf, &spans), &mut out);
        match outcome {
            Ok(()) => self.batch.keep(),
            Err(error) => {
                self.batch.undo();
                out.clear();
                Encoder::new(&mut out, self.protocol).error(&error.to_string());
            }
        }
        out
    }

    /// Commits what the commands so far have written.
    pub(crate) fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    /// What the commands so far have written is seen through this.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(self.engine.view(), &self.keyspace, &self.turn, self.selected).through(&self.batch)
    }

    /// Writes without a command, in the open batch.
    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> T) -> T {
        let result = work(&mut Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, self.selected));
        self.batch.keep();
        result
    }

    /// Makes a key a list as far as others can tell: for commands that refuse it.
    fn make_list(&mut self, key: &[u8]) {
        self.write(|tx| {
            let old = tx.find(key).expect("find");
            tx.put(key, old, Meta::new(Kind::List), &[]);
        });
    }

    fn call(&mut self, args: &Args<'_>, out: &mut Vec<u8>) -> Result<()> {
        let command = table::resolve(args)?;
        let mut reply = Encoder::new(out, self.protocol);
        // As the workers do.
        if [Marks::ITERATES, Marks::LONG, Marks::EXCLUSIVE].iter().any(|&mark| command.marks.has(mark)) {
            self.commit();
        }
        match command.run {
            Run::Read(run) => run(&self.view(), args, &mut reply),
            Run::Write(run) => {
                let mut tx = Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, self.selected);
                run(&mut tx, args, &mut reply)
            }
            Run::Session(_) | Run::Admin(_) | Run::Container => Err(Error::sentence("ERR not a command on data")),
        }
    }
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
