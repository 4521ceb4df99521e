//! Reads that are answered where they arrive: by the network runtime, from memory alone.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use data::{Ahead, Keyspace, Turn, View};
use resp::Encoder;

use crate::args::Args;
use crate::command::{Command, Marks, Run};
use crate::elements;
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
        HotReads {
            keyspace: self.0.clone(),
            turn: Turn::new(0, self.0.seed()),
            ahead: Ahead::default(),
            reads: Cell::default(),
        }
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
    ahead: Ahead,
    /// Keys found, and keys not found, that were not counted yet.
    reads: Cell<(u64, u64)>,
}

impl HotReads {
    /// Which argument of a command is the key that it reads, if it is one that may be answered here.
    pub fn key_at(command: &Command, args: &Args<'_>) -> Option<usize> {
        let is_unfit = [Marks::LONG, Marks::SETTLED].into_iter().any(|mark| command.marks.has(mark));
        if !matches!(command.run, Run::Read(_)) || is_unfit || command.may_wait(args) {
            return None;
        }
        let (mut keys, mut at) = (0, 0);
        command.visit_keys(args, |index| (keys, at) = (keys + 1, index));
        (keys == 1).then_some(at)
    }

    /// The member or field of its key that such a command is about, if there is one.
    pub fn element_of<'a>(command: &Command, args: &Args<'a>) -> Option<&'a [u8]> {
        let mut asked = elements::asked(command, args)?;
        asked.next().filter(|_| asked.next().is_none())
    }

    /// Looks up the keys of reads of a database that will be run next, in their order, and the elements that they are about: together, so that the
    /// processor waits for the memory of all at once.
    pub fn look_ahead<'k>(&self, db: u16, reads: impl Iterator<Item = (&'k [u8], Option<&'k [u8]>)> + Clone) {
        self.ahead.look_up(&self.keyspace, db, reads);
    }

    /// Runs a command that [`HotReads::key_at`] has found the key of, at a time (Unix ms), if what it reads is in the hot tier; None: it has to
    /// cross, and what it has put into the reply is to be taken back. The caller sees to it that the client has nothing under way, so that it sees its own
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
        self.turn.set_now_ms(now_ms);
        let view = View::hot(&self.keyspace, &self.turn, db).ahead(&self.ahead);
        let outcome = handler(&view, args, reply);
        let (hits, misses) = self.turn.take_reads();
        if matches!(outcome, Err(Error::NotHot)) || !view.is_of_one_time() {
            return None;
        }
        let (hits_before, misses_before) = self.reads.get();
        self.reads.set((hits_before + hits, misses_before + misses));
        Some(outcome)
    }

    /// Counts the reads since the last call as hits and misses.
    pub fn count(&self) {
        let (hits, misses) = self.reads.take();
        for (counter, count) in [(&self.keyspace.hits, hits), (&self.keyspace.misses, misses)] {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use resp::Protocol;

    use super::*;
    use crate::table;
    use crate::testing::{Db, START_MS, spans};

    /// The reply to a command at a time, if it is answered from memory.
    fn reply_at(db: &Db, line: &str, now_ms: u64) -> Option<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (buf, spans) = (words.concat(), spans(&words));
        let args = Args::new(&buf, &spans);
        let command = table::resolve(&args).expect("a command");
        let mut bytes = Vec::new();
        HotReads::key_at(command, &args)?;
        let reads = HotRecords::new(db.keyspace.clone()).reads();
        let outcome = reads.run(command, &args, db.selected, now_ms, &mut Encoder::new(&mut bytes, Protocol::Resp2))?;
        Some(outcome.map_or_else(|error| error.to_string(), |()| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn reply(db: &Db, line: &str) -> Option<String> {
        reply_at(db, line, START_MS)
    }

    #[test]
    fn what_is_committed_is_read_and_what_is_not_is_not_seen() {
        let mut db = Db::new();
        db.run("SET k v");
        assert_eq!(reply(&db, "GET k"), None);
        db.commit();
        assert_eq!(reply(&db, "GET k").as_deref(), Some("$1\r\nv\r\n"));
        db.run("APPEND k w");
        assert_eq!(reply(&db, "STRLEN k").as_deref(), Some(":1\r\n"));
        db.commit();
        assert_eq!(reply(&db, "STRLEN k").as_deref(), Some(":2\r\n"));
        assert_eq!(reply(&db, "TYPE k").as_deref(), Some("+string\r\n"));
    }

    #[test]
    fn what_memory_cannot_say_for_sure_crosses() {
        let mut db = Db::new();
        db.run("SET k v PX 1000");
        db.run("SET other v");
        db.put(b"long", &[b'x'; 100_000]);
        db.run("SET gone v");
        db.commit();
        db.run("DEL gone");
        db.commit();
        for line in
            ["GET absent", "GET gone", "GET long", "MGET k other", "EXISTS k other", "DBSIZE", "KEYS *", "SET k w"]
        {
            assert_eq!(reply(&db, line), None, "{line}");
        }
        assert_eq!(reply_at(&db, "GET k", START_MS + 1000).as_deref(), Some("$1\r\nv\r\n"));
        assert_eq!(reply_at(&db, "GET k", START_MS + 1001), None);
    }

    #[test]
    fn small_hashes_are_read_from_memory_but_not_at_length() {
        let mut db = Db::new();
        db.run("HSET h a 1 b 2");
        db.run("HPEXPIRE h 1000 FIELDS 1 a");
        db.commit();
        assert_eq!(reply(&db, "HGET h a").as_deref(), Some("$1\r\n1\r\n"));
        assert_eq!(reply(&db, "HLEN h").as_deref(), Some(":2\r\n"));
        assert_eq!(reply(&db, "HMGET h b c").as_deref(), Some("*2\r\n$1\r\n2\r\n$-1\r\n"));
        assert!(reply(&db, "HRANDFIELD h -1000").is_some());
        assert_eq!(reply(&db, "HRANDFIELD h -1001"), None);
        // A worker has to remove what has expired.
        assert_eq!(reply_at(&db, "HGET h b", START_MS + 1001), None);
        db.run(&format!("HSET h c {}", "x".repeat(2000)));
        db.commit();
        assert_eq!(reply(&db, "HGET h b").as_deref(), Some("$1\r\n2\r\n"));
        assert_eq!(reply(&db, "HEXISTS h c").as_deref(), Some(":1\r\n"));
        assert_eq!(reply(&db, "HGET h d"), None, "whether it is absent is not known in memory");
        assert_eq!(reply(&db, "HMGET h b c"), None, "two fields may be of different times");
        assert_eq!(reply(&db, "HLEN h").as_deref(), Some(":3\r\n"));
        db.run("HSET h b 3");
        db.commit();
        assert_eq!(reply(&db, "HGET h b").as_deref(), Some("$1\r\n3\r\n"));
        db.run("HDEL h b");
        db.commit();
        assert_eq!(reply(&db, "HGET h b"), None);
    }

    /// A sorted set whose members have their numbers as scores.
    fn ranked(count: u32) -> Db {
        let mut db = Db::new();
        for first in (0..count).step_by(100) {
            let words: Vec<String> = (first..first + 100).map(|n| format!(" {n} m{n}")).collect();
            db.run(&format!("ZADD z{}", words.concat()));
        }
        db.commit();
        db
    }

    /// Reads as a worker with the latch does: what it finds is in memory then.
    fn warm(db: &mut Db, members: &[&str]) {
        let tx = db.tx();
        let view = tx.view();
        let set = data::zset::read(&view, b"z").expect("a read").expect("a sorted set");
        for member in members {
            set.rank(&view, member.as_bytes()).expect("a rank");
        }
    }

    #[test]
    fn ranks_and_short_ranges_are_read_from_memory_until_their_rows_change() {
        let mut db = ranked(5000);
        assert_eq!(reply(&db, "ZRANK z m1000"), None);
        warm(&mut db, &["m1000", "m4000"]);
        assert_eq!(reply(&db, "ZRANK z m1000").as_deref(), Some(":1000\r\n"));
        assert_eq!(reply(&db, "ZREVRANK z m4000").as_deref(), Some(":999\r\n"));
        assert_eq!(reply(&db, "ZRANGE z 1000 1001").as_deref(), Some("*2\r\n$5\r\nm1000\r\n$5\r\nm1001\r\n"));
        assert_eq!(reply(&db, "ZREVRANGE z 999 999").as_deref(), Some("*1\r\n$5\r\nm4000\r\n"));
        assert_eq!(reply(&db, "ZCOUNT z 1000 4000").as_deref(), Some(":3001\r\n"));
        assert_eq!(reply(&db, "ZRANGEBYSCORE z 1000 +inf LIMIT 0 1").as_deref(), None, "the last run is not in memory");
        assert_eq!(reply(&db, "ZRANGE z 0 -1"), None);
        db.run("ZADD z 1000.5 new");
        assert_eq!(reply(&db, "ZRANK z m4000").as_deref(), Some(":4000\r\n"));
        db.commit();
        assert_eq!(reply(&db, "ZRANK z m1000"), None);
        assert_eq!(reply(&db, "ZRANK z m4000").as_deref(), Some(":4001\r\n"));
        warm(&mut db, &["m1000"]);
        assert_eq!(reply(&db, "ZRANK z m1000").as_deref(), Some(":1000\r\n"));
        assert_eq!(reply(&db, "ZRANGE z 1001 1001").as_deref(), Some("*1\r\n$3\r\nnew\r\n"));
    }

    #[test]
    fn a_rank_is_of_one_time_whatever_is_committed_meanwhile() {
        let mut db = ranked(10_000);
        let keyspace = db.keyspace.clone();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let words: [&[u8]; 3] = [b"ZRANK", b"z", b"m5000"];
                let (buf, spans) = (words.concat(), spans(&words));
                let args = Args::new(&buf, &spans);
                let command = table::resolve(&args).expect("a command");
                let (reads, mut answered) = (HotRecords::new(keyspace).reads(), 0);
                while !is_over.load(Ordering::Relaxed) {
                    let mut bytes = Vec::new();
                    let mut encoder = Encoder::new(&mut bytes, Protocol::Resp2);
                    if let Some(outcome) = reads.run(command, &args, 0, START_MS, &mut encoder) {
                        outcome.expect("a rank");
                        assert_eq!(bytes, b":5000\r\n");
                        answered += 1;
                    }
                }
                answered
            });
            // Each commit changes what several records count before the member, but not how many they are.
            for round in 0..2000u32 {
                for score in [4900 + round % 90, 1] {
                    db.run(&format!("ZADD z {score} m1"));
                    db.commit();
                    warm(&mut db, &["m5000"]);
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert!(reader.join().expect("only whole answers") > 0);
        });
    }

    #[test]
    fn other_databases_and_other_kinds_are_told_apart() {
        let mut db = Db::new();
        db.run("SET k v");
        db.make_list(b"list");
        db.commit();
        assert_eq!(reply(&db, "GET list").as_deref(), Some(&*Error::WrongType.to_string()));
        db.selected = 1;
        assert_eq!(reply(&db, "GET k"), None);
        db.run("SWAPDB 0 1");
        db.commit();
        assert_eq!(reply(&db, "GET k").as_deref(), Some("$1\r\nv\r\n"));
        db.run("FLUSHDB");
        db.commit();
        assert_eq!(reply(&db, "GET k"), None);
    }
}
