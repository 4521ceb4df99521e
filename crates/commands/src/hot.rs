//! Reads that are answered where they arrive: by the network runtime, from memory alone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use data::{Keyspace, Turn, View};
use resp::Encoder;

use crate::args::Args;
use crate::command::{Command, Marks, Run};
use crate::error::{Error, Result};

/// Recently used records, for threads that may not wait.
#[derive(Clone)]
pub struct HotRecords(Arc<Keyspace>);

impl HotRecords {
    /// Those of the databases.
    pub fn new(keyspace: Arc<Keyspace>) -> HotRecords {
        HotRecords(keyspace)
    }

    /// One thread's way to them.
    pub fn reads(&self) -> HotReads {
        HotReads { keyspace: self.0.clone(), turn: Turn::new(0, self.0.seed()) }
    }
}

impl fmt::Debug for HotRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HotRecords")
    }
}

/// Runs point reads without waiting, or not at all. Used by one thread.
pub struct HotReads {
    keyspace: Arc<Keyspace>,
    turn: Turn,
}

impl HotReads {
    /// Runs a command at a time (Unix ms), if it reads one key and that is in the hot tier; None: it has to cross, and what it
    /// has put into the reply is to be taken back. The caller sees to it that the client has nothing under way, so that it sees its own
    /// writes.
    pub fn run(
        &self,
        command: &Command,
        args: &Args<'_>,
        db: u16,
        now_ms: u64,
        reply: &mut Encoder<'_>,
    ) -> Option<Result<()>> {
        let Run::Read(handler) = command.run else { return None };
        if command.marks.has(Marks::LONG) || command.marks.has(Marks::ITERATES) {
            return None;
        }
        let mut keys = 0;
        command.visit_keys(args, |_| keys += 1);
        if keys != 1 {
            return None;
        }
        self.turn.set_now_ms(now_ms);
        let view = View::hot(&self.keyspace, &self.turn, db);
        let outcome = handler(&view, args, reply);
        let (hits, misses) = self.turn.take_reads();
        if matches!(outcome, Err(Error::NotHot)) {
            return None;
        }
        self.keyspace.hits.fetch_add(hits, Ordering::Relaxed);
        self.keyspace.misses.fetch_add(misses, Ordering::Relaxed);
        Some(outcome)
    }
}
