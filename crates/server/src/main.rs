//! `catamaran [file] [--option value ...]`: reads the options, assembles the server, serves.

use std::process::ExitCode;

use server::{Config, Machine, RuntimeManager, ServerFactory, Startup, logging};

/// One allocator for the whole process, RocksDB included: it fragments others.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Read by the allocator as it starts. Memtables and the hot tier are walked at random, so most steps miss the processor's
/// address cache unless pages are huge. What was freed goes back to the system after seconds, from a thread of the allocator's own:
/// otherwise only whoever allocates there next would do it, which may be never.
#[allow(unsafe_code)]
// SAFETY: jemalloc looks for a symbol of this name and of type `const char *`: a nullable pointer to a string that ends with zero.
#[unsafe(no_mangle)]
pub static malloc_conf: Option<&'static u8> = Some(&b"thp:always,background_thread:true,dirty_decay_ms:2000\0"[0]);

fn main() -> ExitCode {
    let config = match Config::from_args(std::env::args_os().skip(1)) {
        Ok(Startup::Serve(config)) => *config,
        Ok(Startup::PrintAndExit(text)) => {
            println!("{}", text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    // Ignoring these would leave open what the file means to close.
    let unsupported = config.renames().first().map(|line| line.error("rename-command is not supported"));
    let unsupported =
        unsupported.or(config.users().first().map(|line| line.error("access control lists are not supported")));
    if let Some(error) = unsupported {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let log = match logging::start(&config) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("Can't open the log file: {error}");
            return ExitCode::FAILURE;
        }
    };
    let pidfile = config.get_path("pidfile");
    let outcome = serve(config, &log, pidfile.as_deref());
    if let Some(path) = pidfile {
        // It is a convenience for others; that it stays behind harms nobody.
        drop(std::fs::remove_file(path));
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            tracing::error!("{text}");
            eprintln!("catamaran: {text}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, log: &logging::Log, pidfile: Option<&std::path::Path>) -> Result<(), String> {
    let machine = Machine::observe();
    tracing::info!(
        "Catamaran {} PID: {} mode: {} port: {} cores: {}",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        config.get_enum("runtime-mode"),
        config.get_int("port"),
        machine.cores,
    );
    for (name, why) in config.ignored() {
        tracing::warn!("option '{name}' is ignored: {why}");
    }
    let wanted = config.get_int("maxclients").unsigned_abs();
    let room = Machine::room_for_clients(wanted);
    if room < wanted {
        tracing::warn!("the limit of open files leaves room for {room} clients, not for {wanted} (maxclients)");
    }
    if let Some(path) = pidfile
        && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
    {
        tracing::warn!(%error, "the pid file {} could not be written", path.display());
    }
    let assembled = ServerFactory::new(config, machine, log).assemble()?;
    tracing::info!("Server initialized");
    RuntimeManager::serve(assembled)
}
