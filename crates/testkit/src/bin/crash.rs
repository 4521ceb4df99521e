//! Kills a server in the middle of writing, starts it again on the same data, and looks for what it lost; again and again.
//!
//! ```text
//!   crash --server target/release/catamaran --rounds 50 --modes everysec
//!   crash --server redis-server --plain --modes always --power-rounds 0 --appendonly yes
//! ```
//!
//! Options that are not its own go to the server. For each `appendfsync` mode it kills the process `--rounds` times, then
//! simulates `--power-rounds` losses of power; see [`testkit::crash`]. Starts take turns with the server's defaults, a tiny
//! hot tier, and that with small write buffers and more storage threads, so that kills meet flushes and compactions too;
//! `--plain` leaves that out. A seed repeats what is written and for how long, not how threads take turns.
//!
//! Ends with status 1 if anything is wrong, or if nothing could be checked.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use testkit::crash::{Loss, Plan, Report, UPTIME_MIN, run};
use testkit::{Options, seed_from_clock};

const USAGE: &str = "crash --server PATH [--rounds N] [--power-rounds N] [--modes always,everysec,no] [--writers N] [--seed N] \
                     [--uptime-max-ms MS] [--plain] [--verbose] [options for the server]";

const VARIANTS: [&[&str]; 3] = [
    &[],
    &["--hot-tier-size", "64kb"],
    &["--hot-tier-size", "64kb", "--write-buffer-size", "1mb", "--storage-threads", "3"],
];

/// Longest time from the first write to a loss of power with `everysec`: long enough for several of its syncs.
const EVERYSEC_UPTIME_MAX: Duration = Duration::from_secs(5);

/// With `everysec`, the oldest write that a loss of power may take: the second between two syncs, and as long again for
/// the sync itself on a busy disk. Redis too promises no more than two.
const EVERYSEC_LOSS_MAX: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match execute() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs everything; whether the server kept every promise.
fn execute() -> io::Result<bool> {
    let command_line = CommandLine::parse().map_err(|error| io::Error::other(format!("{error}\nusage: {USAGE}")))?;
    let mut is_right = true;
    for mode in &command_line.modes {
        for (loss, rounds) in [(Loss::Process, command_line.rounds), (Loss::Power, command_line.power_rounds)] {
            if rounds > 0 {
                is_right &= execute_mode(&command_line, mode, loss, rounds)?;
            }
        }
    }
    Ok(is_right)
}

fn execute_mode(command_line: &CommandLine, mode: &str, loss: Loss, rounds: u64) -> io::Result<bool> {
    let mut plan = Plan { loss, rounds, ..command_line.plan.clone() };
    plan.options.extend(["--appendfsync".to_owned(), mode.to_owned()]);
    if mode == "everysec" && loss == Loss::Power {
        plan.uptime_max = plan.uptime_max.max(EVERYSEC_UPTIME_MAX);
    }
    let what = if loss == Loss::Power { "loss of power" } else { "kill -9" };
    println!("appendfsync {mode}, {what}: {rounds} rounds, seed {}", plan.seed);
    let begun = Instant::now();
    let mut told = Vec::new();
    let report = run(&plan, &mut |line| {
        if command_line.is_verbose {
            println!("  {line}");
        }
        told.push(line.to_owned());
    })?;
    println!("  {}, in {} s", report.findings, begun.elapsed().as_secs());
    if loss == Loss::Power {
        let Report { oldest_loss, bytes_cut, syncs, .. } = report;
        println!(
            "  syncs {syncs}, bytes cut off files {bytes_cut}, oldest lost write {} ms old",
            oldest_loss.as_millis()
        );
    }
    let verdict = judge(mode, loss, &report);
    if let Err(wrong) = &verdict {
        println!("  WRONG: {wrong}; seed {}; the rounds:", plan.seed);
        told.iter().for_each(|line| println!("    {line}"));
    }
    Ok(verdict.is_ok())
}

/// Whether a mode kept its promise.
fn judge(mode: &str, loss: Loss, report: &Report) -> Result<(), String> {
    let findings = &report.findings;
    if findings.checked == 0 {
        return Err("no write was acknowledged, so nothing was checked".to_owned());
    }
    if !findings.is_whole() {
        return Err("what is there is no state that the server was ever in".to_owned());
    }
    match (loss, mode) {
        (Loss::Power, "no") => Ok(()),
        (Loss::Power, "everysec") if report.oldest_loss <= EVERYSEC_LOSS_MAX => Ok(()),
        (Loss::Power, "everysec") => Err(format!("a lost write was older than {} s", EVERYSEC_LOSS_MAX.as_secs())),
        _ if findings.lost > 0 => Err("acknowledged writes are lost".to_owned()),
        _ => Ok(()),
    }
}

struct CommandLine {
    /// Without the mode's part.
    plan: Plan,
    modes: Vec<String>,
    rounds: u64,
    power_rounds: u64,
    is_verbose: bool,
}

impl CommandLine {
    fn parse() -> Result<CommandLine, String> {
        let names =
            ["server", "rounds", "power-rounds", "modes", "writers", "seed", "uptime-max-ms", "plain!", "verbose!"];
        let options = Options::parse(std::env::args().skip(1), &names)?;
        let rounds: u64 = options.value("rounds", 10)?;
        let variants = VARIANTS.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect();
        let plan = Plan {
            server: options.value("server", String::new())?,
            options: options.rest().to_vec(),
            variants: if options.has("plain") { Vec::new() } else { variants },
            loss: Loss::Process,
            rounds: 0,
            writers: options.value("writers", 8)?,
            seed: options.value("seed", seed_from_clock())?,
            uptime_max: Duration::from_millis(options.value("uptime-max-ms", 1500)?),
        };
        if plan.server.is_empty() {
            return Err("--server is missing".to_owned());
        }
        if plan.uptime_max <= UPTIME_MIN {
            return Err(format!("--uptime-max-ms must be above {}", UPTIME_MIN.as_millis()));
        }
        let modes: String = options.value("modes", "always,everysec,no".to_owned())?;
        let modes: Vec<String> = modes.split(',').map(str::to_owned).collect();
        if let Some(unknown) = modes.iter().find(|mode| !["always", "everysec", "no"].contains(&mode.as_str())) {
            return Err(format!("--modes: there is no appendfsync {unknown}"));
        }
        let power_rounds = options.value("power-rounds", rounds.div_ceil(4))?;
        Ok(CommandLine { plan, modes, rounds, power_rounds, is_verbose: options.has("verbose") })
    }
}
