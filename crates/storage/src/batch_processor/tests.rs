//! What a turn leaves behind when something in it panics: other requests, the data, the latches, the signs of life.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use bridge::{Answer, ChannelLimits, MessageChannel, Size, StorageClient, TakeLimits, Vitality};
use bytes::Bytes;
use commands::{Args, Command, Marks, Run, table};
use data::{Keyspace, Tx};
use engine::{Engine, EngineOptions};
use resp::{Encoder, Protocol, Span};

use commands::Call;

use super::*;
use crate::checkpoint::CheckpointKeeper;
use crate::limits::StorageSettings;

/// Storage without a runtime of its own, and a client of it.
struct Bench {
    shared: Arc<Shared>,
    client: StorageClient<Slice, Slice>,
    runtime: tokio::runtime::Runtime,
    requests: Vec<Request>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let dir = tempfile::tempdir().expect("a directory");
        let options =
            EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
        let engine = Arc::new(Engine::open(dir.path(), &options).expect("an engine"));
        let keyspace = Keyspace::open(&engine, 2).expect("a keyspace");
        let limits = ChannelLimits { requests: 100, bytes: 1 << 20 };
        let channel = Arc::new(MessageChannel::new(limits, 1, Arc::default()));
        let shared = Arc::new(Shared::new(
            engine,
            Arc::new(keyspace),
            Arc::new(StorageSettings::new(1, 1, 1)),
            channel.clone(),
            CheckpointKeeper::new(PathBuf::new(), 1),
            runtime.handle().clone(),
        ));
        shared.next_crew();
        Bench { shared, client: StorageClient::new(channel), runtime, requests: Vec::new(), _dir: dir }
    }

    fn processor(shared: &Arc<Shared>) -> BatchProcessor<'_> {
        BatchProcessor::new(shared, 0, 1, shared.next_owner())
    }

    /// Puts a pipeline of commands on its way.
    fn send(&mut self, token: u64, commands: &[(&'static Command, &[&str])]) {
        let mut slice = Slice::default();
        let mut buf = Vec::new();
        for (command, args) in commands {
            let first = u32::try_from(slice.spans.len()).expect("few spans");
            for arg in *args {
                slice.spans.push(Span { start: buf.len() as u32, len: arg.len() as u32 });
                buf.extend_from_slice(arg.as_bytes());
            }
            let count = u32::try_from(args.len()).expect("few arguments");
            slice.calls.push(Call::Run { command, first, count, db: 0, protocol: Protocol::Resp2, silent: false });
        }
        slice.buf = Bytes::from(buf);
        self.client.submit(token, slice, Size { bytes: 1, commands: 1 }, Instant::now() + Duration::from_secs(60));
    }

    /// Takes what waits, as a worker does.
    fn take(&mut self) {
        let limits = TakeLimits { commands: 100, short_commands: 100, bytes: 1 << 20, workers: 1 };
        self.runtime.block_on(async {
            let no_timer = async |_| std::future::pending().await;
            tokio::select! {
                biased;
                () = self.client.pump(|| {}, |_| (), no_timer) => {}
                taken = self.shared.channel.take(&limits, Slice::has_begun, &mut self.requests) => {
                    taken.expect("an open channel");
                }
            }
        });
    }

    /// One turn with all that was sent.
    fn turn(&mut self, processor: &mut BatchProcessor<'_>) {
        self.take();
        processor.turn(&mut self.requests);
    }

    /// Answers, in the order of their tokens.
    fn answers(&self) -> Vec<(u64, String)> {
        let mut found: Vec<Answer<Slice>> = Vec::new();
        self.runtime.block_on(self.client.answers(&mut found));
        let told = |answer: Answer<Slice>| match answer.response {
            Ok(slice) => (answer.token, String::from_utf8_lossy(&slice.answer).replace("\r\n", " ")),
            Err(refused) => (answer.token, format!("{refused:?}")),
        };
        let mut told: Vec<_> = found.into_iter().map(told).collect();
        told.sort();
        told
    }
}

fn command(name: &str) -> &'static Command {
    table::all().iter().copied().find(|command| command.name == name).expect("a command")
}

/// SET with another handler.
fn set_that(handler: fn(&mut Tx<'_>, &Args<'_>, &mut Encoder<'_>) -> commands::Result<()>) -> &'static Command {
    Box::leak(Box::new(Command { run: Run::Write(handler), ..*command("set") }))
}

fn panics(tx: &mut Tx<'_>, args: &Args<'_>, reply: &mut Encoder<'_>) -> commands::Result<()> {
    let Run::Write(set) = command("set").run else { unreachable!() };
    set(tx, args, reply)?;
    panic!("after the write");
}

#[test]
fn reads_are_read_ahead_unless_they_are_for_the_reader_pool() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let names: Vec<String> = (0..=data::WORKER_READ_KEYS_MAX).map(|n| format!("k{n}")).collect();
    let many: Vec<&str> = ["MGET"].into_iter().chain(names.iter().map(String::as_str)).collect();
    bench.send(1, &[(command("get"), &["GET", "a"])]);
    bench.send(2, &[(command("get"), &["GET", "b"])]);
    bench.send(3, &[(command("mget"), &many)]);
    bench.send(4, &[(command("keys"), &["KEYS", "*"])]);
    bench.turn(&mut processor);
    assert_eq!(processor.reads_ahead.len(), 2);
    // And once, as they are in the hot tier now.
    bench.send(5, &[(command("get"), &["GET", "a"]), (command("get"), &["GET", "b"])]);
    bench.turn(&mut processor);
    assert_eq!(processor.reads_ahead.len(), 0);
}

#[test]
fn a_panic_takes_its_own_writes_back_and_nothing_else() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let (set, get) = (command("set"), command("get"));
    bench.send(1, &[(set, &["SET", "a", "1"])]);
    bench.send(2, &[(set, &["SET", "b", "1"]), (set_that(panics), &["SET", "a", "2"]), (get, &["GET", "a"])]);
    bench.send(3, &[(set, &["SET", "c", "1"]), (get, &["GET", "b"])]);
    bench.turn(&mut processor);
    let failed = "-ERR internal error: the command failed and was not applied";
    assert_eq!(
        bench.answers(),
        [(1, "+OK ".to_owned()), (2, format!("+OK {failed} $1 1 ")), (3, "+OK $1 1 ".to_owned())]
    );
    assert_eq!(shared.keyspace.count(0).keys, 3);
    assert_eq!(shared.metrics().panics.load(Ordering::Relaxed), 1);
    assert_eq!(shared.channel.heartbeats().signs(Instant::now())[0].vitality, Vitality::Resting);
}

#[test]
fn a_panic_in_an_exclusive_command_leaves_the_table_open() {
    fn panics(tx: &mut Tx<'_>, _: &Args<'_>, _: &mut Encoder<'_>) -> commands::Result<()> {
        tx.flush();
        panic!("after the flush");
    }
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let flush = Command { run: Run::Write(panics), ..*command("flushall") };
    assert!(flush.marks.has(Marks::EXCLUSIVE));
    let (set, dbsize) = (command("set"), command("dbsize"));
    bench.send(1, &[(set, &["SET", "a", "1"]), (Box::leak(Box::new(flush)), &["FLUSHALL"]), (dbsize, &["DBSIZE"])]);
    bench.turn(&mut processor);
    let failed = "-ERR internal error: the command failed and was not applied";
    assert_eq!(bench.answers(), [(1, format!("+OK {failed} :1 "))]);
}

#[test]
fn a_worker_that_dies_gives_its_requests_and_latches_to_the_next() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let set = command("set");
    bench.send(1, &[(set, &["SET", "a", "1"])]);
    bench.send(2, &[(set, &["SET", "b", "1"])]);
    bench.take();
    let died = catch_unwind(AssertUnwindSafe(|| {
        let mut processor = Bench::processor(&shared);
        processor.waiting.extend(bench.requests.drain(..).map(Work::new));
        let first = processor.waiting.pop_front().expect("a request");
        // One has run and lies in the open batch, one waits.
        processor.run_request(first);
        assert!(!processor.batch.is_clean());
        panic!("outside of all fences");
    }));
    assert!(died.is_err());
    assert_eq!((shared.keyspace.count(0).keys, shared.channel.depth().0), (0, 2));
    let mut processor = Bench::processor(&shared);
    bench.turn(&mut processor);
    assert_eq!(bench.answers(), [(1, "+OK ".to_owned()), (2, "+OK ".to_owned())]);
    assert_eq!(shared.keyspace.count(0).keys, 2);
}

#[test]
fn what_a_failed_batch_would_have_written_is_seen_by_nobody() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let (set, get) = (command("set"), command("get"));
    bench.send(1, &[(set, &["SET", "a", "0"])]);
    bench.turn(&mut processor);
    bench.answers();
    bench.send(2, &[(set, &["SET", "a", "1"]), (get, &["GET", "a"])]);
    bench.send(3, &[(get, &["GET", "a"])]);
    bench.take();
    for request in bench.requests.drain(..) {
        processor.run_request(Work::new(request));
    }
    // What `try_commit` does with a batch that is not there.
    processor.batch.clear();
    processor.held.release();
    processor.recover(Failure::NotApplied(Error::NotApplied { text: "storage failed: EIO".to_owned() }));
    let refused = "-ERR storage failed: EIO; the command was not applied";
    assert_eq!(bench.answers(), [(2, format!("{refused} $1 0 ")), (3, "$1 0 ".to_owned())]);
}

#[test]
fn a_busy_batch_is_put_off_and_applied_once() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let incr = command("incr");
    bench.send(1, &[(incr, &["INCR", "n"]), (incr, &["INCR", "n"])]);
    bench.take();
    let request = bench.requests.pop().expect("a request");
    processor.run_request(Work::new(request));
    processor.batch.clear();
    processor.held.release();
    processor.recover(Failure::Again(Error::Busy));
    assert_eq!(shared.channel.depth().0, 1);
    bench.turn(&mut processor);
    assert_eq!(bench.answers(), [(1, ":1 :2 ".to_owned())]);
    assert_eq!(shared.metrics().channel.deferred.load(Ordering::Relaxed), 1);
}

#[test]
fn what_is_committed_midway_is_not_run_again() {
    let mut bench = Bench::new();
    let shared = bench.shared.clone();
    let mut processor = Bench::processor(&shared);
    let (incr, watch) = (command("incr"), command("watch"));
    // WATCH sees only what is committed, so the batch is committed before it.
    bench.send(1, &[(incr, &["INCR", "n"]), (watch, &["WATCH", "n"]), (incr, &["INCR", "n"])]);
    bench.take();
    let request = bench.requests.pop().expect("a request");
    processor.run_request(Work::new(request));
    processor.batch.clear();
    processor.held.release();
    processor.recover(Failure::Unknown(Error::Uncertain { text: "the sync failed".to_owned() }));
    let refused = "-UNKNOWN the sync failed; it is not known whether the command was applied";
    assert_eq!(bench.answers(), [(1, format!(":1 +OK {refused} "))]);
}
