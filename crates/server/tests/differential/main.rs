//! The same random commands to a real Redis and to the server under test, every reply compared byte for byte.
//!
//! - `CATAMARAN_DIFF_COUNT`: how many commands per test (default 20 000).
//! - `CATAMARAN_DIFF_SEED`: which ones; printed at the start of each run, so that a failure can be repeated.
//! - `CATAMARAN_DIFF_CHECK_EVERY`: after how many commands the whole contents are compared (default 500): fewer show sooner which
//!   command was it.
//! - `CATAMARAN_TEST_PROGRAM`: what to test instead of the `catamaran` of this build. With `redis-server`, the generator and
//!   the comparison test themselves.
//!
//! The reference is the `redis-server` on the path; without one, the tests say that they are skipped. It may be a release
//! older than the one we follow: [`compare::is_intended`] has the replies that differ on purpose.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/wire.rs"]
mod wire;
#[path = "../support/words.rs"]
mod words;

mod compare;
mod generator;
mod grammar;
mod random;
mod streams;

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use compare::{Pair, can_be_queued};
use generator::Generator;
use process::Process;
use wire::{Wire, show_command};

/// Commands per test unless the environment says otherwise.
const COUNT_DEFAULT: usize = 20_000;

/// After how many commands the whole contents of both servers are compared.
const CONTENT_CHECK_EVERY: u64 = 500;

/// So many commands in a hundred begin a transaction with up to so many others.
const TRANSACTION_PERCENT: u64 = 4;
const TRANSACTION_COMMANDS_MAX: usize = 8;

/// How many of the commands before a difference are shown.
const HISTORY_LEN: usize = 12;

/// After so many different differences a test ends early.
const DIFFERENCE_MAX: usize = 40;

#[test]
fn random_commands_are_answered_alike_in_resp2() {
    compare_random_commands(2);
}

#[test]
fn random_commands_are_answered_alike_in_resp3() {
    compare_random_commands(3);
}

fn compare_random_commands(protocol: u8) {
    if !has_redis_server() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED random commands in RESP{protocol}: there is no redis-server on the path"
        );
        return;
    }
    let count = env_number("CATAMARAN_DIFF_COUNT").unwrap_or(COUNT_DEFAULT as u64) as usize;
    let check_every = env_number("CATAMARAN_DIFF_CHECK_EVERY").unwrap_or(CONTENT_CHECK_EVERY) as usize;
    let seed = env_number("CATAMARAN_DIFF_SEED").unwrap_or_else(seed_from_clock);
    let _ = writeln!(std::io::stderr(), "{count} random commands in RESP{protocol}, CATAMARAN_DIFF_SEED={seed}");

    let dirs = [tempdir(), tempdir()];
    let theirs = Process::start(Path::new("redis-server"), dirs[0].path(), &[]).unwrap_or_else(|e| panic!("{e}"));
    let ours = Process::start(&program(), dirs[1].path(), &[]).unwrap_or_else(|e| panic!("{e}"));
    let mut pair = Pair::new(Wire::connect(theirs.address()), Wire::connect(ours.address()), protocol);

    let mut generator = Generator::new(seed, pair.both_know("RPUSH"));
    let mut history = VecDeque::new();
    let mut differences: BTreeMap<String, String> = BTreeMap::new();
    for done in 1..=count {
        let command = generator.command();
        let mut outcome = if generator.random.percent(TRANSACTION_PERCENT) {
            let more = (0..generator.random.below(TRANSACTION_COMMANDS_MAX)).map(|_| generator.command());
            let commands: Vec<_> = [command].into_iter().chain(more).filter(|command| can_be_queued(command)).collect();
            history.push_back(commands.iter().map(|command| show(command)).collect::<Vec<_>>().join(" / "));
            pair.compare_transaction(&commands)
        } else {
            history.push_back(show(&command));
            pair.compare(&command)
        };
        if outcome.is_ok() && (done % check_every == 0 || done == count) {
            outcome = pair.compare_contents();
        }
        if let Err(difference) = outcome {
            let before = history.iter().rev().take(HISTORY_LEN).rev().cloned().collect::<Vec<_>>().join("\n    ");
            let text = format!("after {done} commands: {difference}\n  the last commands were\n    {before}");
            differences.entry(difference.kind).or_insert(text);
            if differences.len() >= DIFFERENCE_MAX {
                break;
            }
            // What follows is compared from a common state again.
            pair.start_anew();
            history.clear();
        }
    }
    assert!(
        differences.is_empty(),
        "{} kinds of differences with CATAMARAN_DIFF_SEED={seed}:\n\n{}",
        differences.len(),
        differences.into_values().collect::<Vec<_>>().join("\n\n")
    );
}

fn show(command: &[Vec<u8>]) -> String {
    let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    show_command(&args)
}

fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn has_redis_server() -> bool {
    let asked = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn program() -> PathBuf {
    match env::var_os("CATAMARAN_TEST_PROGRAM") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_catamaran")),
    }
}

fn env_number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

fn seed_from_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros() as u64)
}
