//! What a kill takes, and what a loss of power takes, round after round on the same data. `make crash` runs many more.
//!
//! `CATAMARAN_SEED` repeats what is written and for how long, but not how threads take turns.

use std::env;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use testkit::crash::{Loss, Plan, Report, run};
use testkit::{Client, Keep, PowerLoss, ServerProcess, seed_from_clock};

const SERVER: &str = env!("CARGO_BIN_EXE_catamaran");
const ROUNDS: u64 = 10;
const UPTIME_MAX: Duration = Duration::from_millis(400);
/// How long a sync of each second may take to come before the test calls it missing.
const PATIENCE: Duration = Duration::from_secs(60);

fn crash(appendfsync: &str, loss: Loss, rounds: u64) -> Report {
    let seed = env::var("CATAMARAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(seed_from_clock);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let plan = Plan {
        server: SERVER.to_owned(),
        options: words(&["--appendfsync", appendfsync]),
        variants: vec![
            Vec::new(),
            words(&["--hot-tier-size", "64kb"]),
            words(&["--hot-tier-size", "64kb", "--write-buffer-size", "1mb", "--storage-threads", "3"]),
        ],
        loss,
        rounds,
        writers: 6,
        seed,
        uptime_max: UPTIME_MAX,
    };
    let mut lines = Vec::new();
    let report = run(&plan, &mut |line| lines.push(line.to_owned())).unwrap_or_else(|error| panic!("{error}"));
    let findings = &report.findings;
    let _ = writeln!(
        io::stderr(),
        "appendfsync {appendfsync}, {loss:?}: {rounds} rounds, CATAMARAN_SEED={seed}: {findings}"
    );
    let rounds = lines.join("\n");
    assert!(findings.checked > 0, "nothing was acknowledged:\n{rounds}");
    assert!(findings.is_whole(), "a state that never was, CATAMARAN_SEED={seed}:\n{rounds}");
    if loss == Loss::Process || appendfsync == "always" {
        assert!(findings.is_clean(), "acknowledged writes are lost, CATAMARAN_SEED={seed}:\n{rounds}");
    }
    report
}

#[test]
fn kills_lose_nothing_when_every_write_is_synced() {
    crash("always", Loss::Process, ROUNDS);
}

#[test]
fn kills_lose_nothing_when_writes_are_synced_every_second() {
    crash("everysec", Loss::Process, ROUNDS);
}

#[test]
fn kills_lose_nothing_when_writes_are_never_synced() {
    crash("no", Loss::Process, ROUNDS);
}

#[test]
fn losses_of_power_lose_nothing_when_every_write_is_synced() {
    let report = crash("always", Loss::Power, ROUNDS);
    assert!(report.syncs > 0, "the shim has seen no sync");
}

/// Without this the test above could be blind.
#[test]
fn losses_of_power_lose_writes_that_were_never_synced() {
    let report = crash("no", Loss::Power, 4);
    assert!(report.findings.lost > 0, "the simulated loss of power loses nothing");
}

#[test]
fn a_loss_of_power_leaves_what_a_sync_of_each_second_has_covered() {
    let mut server = ServerProcess::prepare(SERVER, ["--appendfsync", "everysec"]).expect("a temporary directory");
    let mut power = PowerLoss::new(&server.dir()).expect("a C compiler");
    server.set_environment(power.environment());
    server.restart().expect("the server starts");
    let mut client = server.client().expect("the server accepts");
    assert!(!client.command(&["SET", "before", "1"]).expect("an answer").is_error());
    // One sync may have begun before the write; the one after it covers it.
    write_until_sync(&mut client, &power);
    write_until_sync(&mut client, &power);
    server.kill9().expect("the server can be killed");
    power.strike(Keep::Nothing).expect("the directory can be rebuilt");
    server.restart().expect("the server starts on what is left");
    let mut client = server.client().expect("the server accepts");
    let reply = client.command(&["GET", "before"]).expect("an answer");
    assert_eq!(reply.text(), Some(&b"1"[..]), "{reply:?}");
}

/// Syncs only come while there is something to sync.
fn write_until_sync(client: &mut Client, power: &PowerLoss) {
    let seen = power.syncs().expect("a readable journal");
    let deadline = Instant::now() + PATIENCE;
    while power.syncs().expect("a readable journal") == seen {
        assert!(Instant::now() < deadline, "nothing is synced");
        assert!(!client.command(&["SET", "after", "1"]).expect("an answer").is_error());
        std::thread::sleep(Duration::from_millis(10));
    }
}
