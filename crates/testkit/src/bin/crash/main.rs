//! Kills a server in the middle of writing, starts it again on the same data, and looks for what it lost; again and again.
//!
//! ```text
//!   crash --server target/release/catamaran --rounds 50 --appendfsync everysec
//!   crash --server redis-server --appendonly yes --appendfsync always
//! ```
//!
//! Options that are not its own go to the server. Each round: writers send pipelines of SET, INCR and MSET until SIGKILL cuts
//! them off at a random moment; after the restart every key is read, and each writer's [`ledger`](crate::ledger) says what may
//! be there. SIGKILL ends the program, not the machine: what reached the operating system stays. So this finds writes that
//! were acknowledged too early, torn batches and a log that is replayed wrongly, but no missing sync.
//!
//! Ends with status 1 if anything is wrong, or if nothing could be checked.

mod ledger;
mod writer;

use ledger::{Findings, Ledger};
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use testkit::{Options, Random, ServerProcess};

const USAGE: &str = "crash --server PATH [--rounds N] [--writers N] [--seed N] [--uptime-max-ms MS] [--verbose] \
                     [options for the server]";

/// Shortest time from the first write to the kill.
const UPTIME_MIN_MS: u64 = 20;

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("crash: {error}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash: {error}");
            ExitCode::from(2)
        }
    }
}

struct Plan {
    server: String,
    server_options: Vec<String>,
    rounds: u64,
    writers: u64,
    seed: u64,
    uptime_max_ms: u64,
    verbose: bool,
}

impl Plan {
    fn from_arguments() -> Result<Plan, String> {
        let names = ["server", "rounds", "writers", "seed", "uptime-max-ms", "verbose!"];
        let options = Options::parse(std::env::args().skip(1), &names)?;
        let plan = Plan {
            server: options.value("server", String::new())?,
            server_options: options.rest().to_vec(),
            rounds: options.value("rounds", 10)?,
            writers: options.value("writers", 8)?,
            seed: options.value("seed", 1)?,
            uptime_max_ms: options.value("uptime-max-ms", 1500)?,
            verbose: options.has("verbose"),
        };
        if plan.server.is_empty() {
            return Err("--server is missing".to_owned());
        }
        if plan.uptime_max_ms <= UPTIME_MIN_MS {
            return Err(format!("--uptime-max-ms must be above {UPTIME_MIN_MS}"));
        }
        Ok(plan)
    }
}

/// Runs all rounds; whether the server kept every promise.
fn run(plan: &Plan) -> io::Result<bool> {
    let mut random = Random::new(plan.seed);
    let mut server = ServerProcess::start(&plan.server, &plan.server_options)?;
    let mut ledgers: Vec<Ledger> = (0..plan.writers).map(Ledger::new).collect();
    let mut total = Findings::default();
    for round in 1..=plan.rounds {
        let uptime_ms = UPTIME_MIN_MS + random.below(plan.uptime_max_ms - UPTIME_MIN_MS);
        let seeds: Vec<u64> = ledgers.iter().map(|_| random.next_u64()).collect();
        write_until_killed(&mut server, &mut ledgers, &seeds, Duration::from_millis(uptime_ms))?;
        server.restart()?;
        let findings = check(&server, &mut ledgers)?;
        if plan.verbose || !findings.is_clean() {
            println!("round {round}, killed after {uptime_ms} ms: {findings}");
        }
        total.add(&findings);
    }
    println!("rounds {}, {total}", plan.rounds);
    if total.checked == 0 {
        println!("no write was acknowledged, so nothing was checked");
    }
    Ok(total.is_clean() && total.checked > 0)
}

fn write_until_killed(
    server: &mut ServerProcess,
    ledgers: &mut [Ledger],
    seeds: &[u64],
    uptime: Duration,
) -> io::Result<()> {
    let clients = ledgers.iter().map(|_| server.client()).collect::<io::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        let writers: Vec<_> = ledgers
            .iter_mut()
            .zip(clients)
            .zip(seeds)
            .map(|((ledger, client), &seed)| scope.spawn(move || writer::write(ledger, client, Random::new(seed))))
            .collect();
        thread::sleep(uptime);
        let died_by_itself = !server.is_running();
        // The writers end with the server, so it has to be killed before anything here can fail.
        server.kill9()?;
        for writer in writers {
            writer.join().map_err(|_| io::Error::other("a writer panicked"))?;
        }
        if died_by_itself {
            return Err(io::Error::other(format!("the server died by itself; its log:\n{}", server.log())));
        }
        Ok(())
    })
}

/// Compares what is there with what each writer sent, and takes it as the ground for the next round.
fn check(server: &ServerProcess, ledgers: &mut [Ledger]) -> io::Result<Findings> {
    let mut client = server.client()?;
    let mut findings = Findings::default();
    for ledger in ledgers.iter_mut() {
        let found = writer::read_back(ledger, &mut client)?;
        findings.add(&ledger.settle(&found));
    }
    let shared = writer::read_shared_counter(&mut client)?;
    findings.add(&ledger::settle_shared(ledgers, shared));
    Ok(findings)
}
