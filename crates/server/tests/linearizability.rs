//! Concurrent clients on few keys, the server killed and restarted in between: what they saw must have an explanation by a
//! server that runs one command at a time.
//!
//! `CATAMARAN_SEED` repeats what is called, but not how threads take turns. `CATAMARAN_LINEARIZABILITY_SECONDS` is how long each test
//! calls; `make linearizability` sets it higher.

use std::env;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::linearizability::{Call, Disturbance, Operation, Outcome, Plan, Recording, Verdict, check, record};
use testkit::{FaultDisk, ServerProcess, Value, seed_from_clock};

const SECONDS_DEFAULT: f64 = 2.0;
/// The server is killed about this often.
const KILL_INTERVAL: Duration = Duration::from_millis(700);
/// Configurations of the search before it is given up; right histories need about one per call.
const CONFIGURATIONS_MAX: u64 = 5_000_000;
/// Runs, at most, until one of them can be decided.
const RUNS_MAX: usize = 4;

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

fn plan(options: &[&str]) -> Plan {
    let duration = Duration::from_secs_f64(number("CATAMARAN_LINEARIZABILITY_SECONDS").unwrap_or(SECONDS_DEFAULT));
    Plan {
        server: env!("CARGO_BIN_EXE_catamaran").to_owned(),
        options: options.iter().map(|word| (*word).to_owned()).collect(),
        preparations: Vec::new(),
        clients: 8,
        groups: 3,
        keys_per_group: 3,
        long_value_every: 50,
        kills: (duration.as_secs_f64() / KILL_INTERVAL.as_secs_f64()) as u32,
        duration,
        rest: Duration::from_millis(1),
        seed: number("CATAMARAN_SEED").unwrap_or_else(seed_from_clock),
    }
}

fn run(name: &str, plan: &Plan) -> Recording {
    let decided = (0..RUNS_MAX).find_map(|_| run_once(name, plan, &()));
    decided.unwrap_or_else(|| panic!("{name}: the search is too long, in each of {RUNS_MAX} runs"))
}

/// Disturbed anew for each run, until one can be decided: many calls without an answer leave too many orders to search.
fn run_disturbed<D: Disturbance>(name: &str, plan: impl Fn() -> Plan, disturbance: impl Fn() -> D) -> Recording {
    let decided = (0..RUNS_MAX).find_map(|_| run_once(name, &plan(), &disturbance()));
    decided.unwrap_or_else(|| panic!("{name}: the search is too long, in each of {RUNS_MAX} runs"))
}

/// None if the search for an order that explains the run is too long.
fn run_once(name: &str, plan: &Plan, disturbance: &dyn Disturbance) -> Option<Recording> {
    let recording =
        record(plan, disturbance).unwrap_or_else(|error| panic!("{name}, CATAMARAN_SEED={}: {error}", plan.seed));
    let is_unknown = |call: &&Call| matches!(call.outcome, Outcome::Unknown { .. });
    let (calls, refused) = (recording.history.len(), recording.refused);
    let unknown = recording.history.iter().filter(is_unknown).count();
    let seed = plan.seed;
    let told = format!("{name}: {calls} calls, {unknown} of them unanswered, {refused} refused, {} kills", plan.kills);
    let _ = writeln!(io::stderr(), "{told}, CATAMARAN_SEED={seed}");
    assert!(calls > 100, "{told}: too few to say anything");
    match check(&recording.history, CONFIGURATIONS_MAX) {
        Verdict::Linearizable => {}
        Verdict::Violation(violation) => panic!("{told}, CATAMARAN_SEED={seed}: {violation}"),
        Verdict::Undecided => {
            let _ = writeln!(io::stderr(), "{told}, CATAMARAN_SEED={seed}: the search is too long");
            return None;
        }
    }
    Some(recording)
}

#[test]
fn dual_runtimes() {
    run("dual", &plan(&["--runtime-mode", "dual"]));
}

#[test]
fn dual_runtimes_with_several_storage_threads_and_a_tiny_hot_tier() {
    run(
        "dual, 4 storage threads, 64 kB hot tier, every write synced",
        &plan(&["--storage-threads", "4", "--hot-tier-size", "64kb", "--appendfsync", "always"]),
    );
}

#[test]
fn dual_runtimes_with_several_threads_on_both_sides_and_no_hot_tier() {
    let options = ["--storage-threads", "3", "--network-threads", "3", "--hot-tier-size", "0"];
    run("dual, 3 and 3 threads, no hot tier", &plan(&options));
}

#[test]
fn a_single_runtime() {
    run("single", &plan(&["--runtime-mode", "single"]));
}

#[test]
fn a_single_runtime_with_several_threads_and_a_tiny_hot_tier() {
    let options =
        ["--runtime-mode", "single", "--network-threads", "3", "--storage-threads", "3", "--hot-tier-size", "64kb"];
    run("single, 3 threads, 64 kB hot tier", &plan(&options));
}

/// Long values are kept in parts, which a read must not mix.
#[test]
fn long_values() {
    let options = ["--storage-threads", "4", "--hot-tier-size", "64kb"];
    let plan = Plan { clients: 4, long_value_every: 4, keys_per_group: 1, ..plan(&options) };
    run("dual, 4 storage threads, long values", &plan);
}

/// A disk that hangs for a while now and then, longer than requests may wait for storage.
#[derive(Default)]
struct HangingDisk(OnceLock<FaultDisk>);

impl Disturbance for HangingDisk {
    fn prepare(&self, server: &mut ServerProcess) -> io::Result<()> {
        let disk = FaultDisk::new(&server.dir())?;
        server.set_environment(disk.environment());
        let _ = self.0.set(disk);
        Ok(())
    }

    fn disturb(&self, is_over: &AtomicBool) {
        let disk = self.0.get().expect("the disk was made before the start");
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
            disk.set(&["write .log hang", "sync .log hang"]).expect("a writable directory");
            thread::sleep(Duration::from_millis(250));
            disk.heal().expect("a writable directory");
        }
    }
}

#[test]
fn a_disk_that_hangs_now_and_then() {
    let options = ["--storage-threads", "3", "--hot-tier-size", "64kb", "--storage-queue-timeout", "100"];
    run_disturbed("dual, 3 storage threads, a disk that hangs", || plan(&options), HangingDisk::default);
}

/// Panics in and around handlers and commits, workers that die, and a pause between a commit and its publication.
#[cfg(feature = "failpoints")]
#[test]
fn panics_and_dead_workers() {
    let points = [
        ("storage-handler", "0.3%panic"),
        ("storage-encode", "0.3%panic"),
        ("storage-commit", "0.3%panic"),
        ("storage-committed", "0.3%panic"),
        ("storage-publish", "0.3%panic->10%sleep(2)"),
        ("storage-worker", "0.2%panic"),
        ("engine-write", "0.3%return(busy)"),
    ];
    let arm = |(point, actions)| ["DEBUG", "FAILPOINT", point, actions].map(str::to_owned).to_vec();
    let options = ["--enable-debug-command", "yes", "--storage-threads", "3", "--hot-tier-size", "64kb"];
    let plan = Plan { preparations: points.map(arm).to_vec(), ..plan(&options) };
    run("dual, 3 storage threads, injected panics", &plan);
}

/// Without this the tests above could be blind: one stale reply among thousands has to be found.
#[test]
fn one_stale_read_is_found() {
    let plan = Plan { kills: 1, duration: Duration::from_secs(1), ..plan(&[]) };
    let mut history = run("dual, before a reply is falsified", &plan).history;
    let last = history.len() - 1;
    let Operation::Get(key) = history[last].operation else { panic!("the last call is no GET") };
    // No value is set twice, so what was read first and has changed since cannot be there at the end.
    let (Outcome::Replied { reply: newest, .. }, stale) = (&history[last].outcome, first_read(&history, key)) else {
        panic!("the last GET has no reply")
    };
    assert_ne!(*newest, stale, "the key never changed");
    if let Outcome::Replied { reply, .. } = &mut history[last].outcome {
        *reply = stale;
    }
    let verdict = check(&history, CONFIGURATIONS_MAX);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
}

fn first_read(history: &[Call], key: usize) -> Value {
    let reads = history.iter().filter(|call| call.operation == Operation::Get(key));
    let mut values = reads.filter_map(|call| match &call.outcome {
        Outcome::Replied { reply: Value::Bulk(text), at } => Some((at, Value::Bulk(text.clone()))),
        _ => None,
    });
    let first = values.by_ref().min_by_key(|(at, _)| **at);
    first.expect("somebody has read the key").1
}
