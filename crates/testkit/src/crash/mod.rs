//! Rounds of killing a server in the middle of writing and looking for what it lost.
//!
//! Each round: writers send pipelines of SET, INCR, MSET, transactions and APPEND until SIGKILL cuts them off at a random moment; after the
//! restart every key is read, and each writer's [`ledger`] says what may be there. SIGKILL ends the program, not the
//! machine: what reached the operating system stays. So rounds with [`Loss::Process`] find writes that were acknowledged too
//! early, torn batches and a log that is replayed wrongly, but no missing sync; [`Loss::Power`] takes away what was not
//! synced as well.

mod ledger;
mod writer;

pub use ledger::Findings;

use crate::{Keep, PowerLoss, Random, ServerProcess};
use ledger::Ledger;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Shortest time from the first write to the kill.
pub const UPTIME_MIN: Duration = Duration::from_millis(20);

/// What each round takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The process.
    Process,
    /// What was never synced as well: rounds lose all of that and a random part of it in turns.
    Power,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server's program.
    pub server: String,
    /// Options of every start.
    pub options: Vec<String>,
    /// Options that starts add in turns, on the same data; empty for none.
    pub variants: Vec<Vec<String>>,
    /// What each round takes away.
    pub loss: Loss,
    /// How many times the server is killed.
    pub rounds: u64,
    /// Connections that write at once.
    pub writers: u64,
    /// Determines what is written, and when the kill comes.
    pub seed: u64,
    /// Longest time from the first write to the kill, above [`UPTIME_MIN`].
    pub uptime_max: Duration,
}

/// What all rounds found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// The sum of all rounds' findings.
    pub findings: Findings,
    /// How long before its loss the oldest of the lost writes had been acknowledged. Zero if none was lost.
    pub oldest_loss: Duration,
    /// Bytes that losses of power cut off, in files that were kept.
    pub bytes_cut: u64,
    /// Syncs seen; only counted where power is lost.
    pub syncs: u64,
}

/// Runs all rounds. `tell` hears of each round.
pub fn run(plan: &Plan, tell: &mut dyn FnMut(&str)) -> io::Result<Report> {
    let mut random = Random::new(plan.seed);
    let mut server = ServerProcess::prepare(&plan.server, options(plan, 0))?;
    let mut power = match plan.loss {
        Loss::Process => None,
        Loss::Power => Some(PowerLoss::new(&server.dir())?),
    };
    if let Some(power) = &power {
        server.set_environment(power.environment());
    }
    server.restart()?;
    let mut ledgers: Vec<Ledger> = (0..plan.writers).map(Ledger::new).collect();
    let mut report = Report::default();
    for round in 1..=plan.rounds {
        let spread = plan.uptime_max.saturating_sub(UPTIME_MIN).as_millis() as u64;
        let uptime = UPTIME_MIN + Duration::from_millis(random.below(spread.max(1)));
        let seeds: Vec<u64> = ledgers.iter().map(|_| random.next_u64()).collect();
        let killed_at = write_until_killed(&mut server, &mut ledgers, &seeds, uptime)?;
        if let Some(power) = &mut power {
            let keep = if round % 2 == 1 { Keep::Nothing } else { Keep::AnyPart(&mut random) };
            let damage = power.strike(keep)?;
            report.bytes_cut += damage.bytes_cut;
            report.syncs += damage.syncs;
        }
        server.set_options(options(plan, round));
        server.restart()?;
        let findings = check(&server, &mut ledgers)?;
        let age = findings.oldest_lost.map_or(Duration::ZERO, |at| killed_at.saturating_duration_since(at));
        report.oldest_loss = report.oldest_loss.max(age);
        report.findings.add(&findings);
        tell(&format!("round {round}, killed after {} ms: {findings}", uptime.as_millis()));
    }
    Ok(report)
}

fn options(plan: &Plan, round: u64) -> Vec<String> {
    let mut options = plan.options.clone();
    if !plan.variants.is_empty() {
        options.extend(plan.variants[round as usize % plan.variants.len()].iter().cloned());
    }
    options
}

/// Returns when the kill was sent.
fn write_until_killed(
    server: &mut ServerProcess,
    ledgers: &mut [Ledger],
    seeds: &[u64],
    uptime: Duration,
) -> io::Result<Instant> {
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
        let killed_at = Instant::now();
        // The writers end with the server, so it has to be killed before anything here can fail.
        server.kill9()?;
        for writer in writers {
            writer.join().map_err(|_| io::Error::other("a writer panicked"))?;
        }
        if died_by_itself {
            return Err(io::Error::other(format!("the server died by itself; its log:\n{}", server.log())));
        }
        Ok(killed_at)
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
