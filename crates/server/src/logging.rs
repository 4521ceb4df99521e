//! The log: `tracing`, as text or JSON, to the standard output or `logfile`, at Redis's levels.
//!
//! A thread of its own writes the lines out, so that whoever has something to say does not wait for the disk or pipe that
//! takes them. Lines that do not fit its queue are dropped and counted. Panics are lines of the log too.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::OpenOptions;
use std::panic::PanicHookInfo;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::config::Config;

/// Lines that may wait to be written; what comes beyond is dropped.
const LINES_MAX: usize = 16_384;

/// Changes the level while the server runs.
#[derive(Clone)]
pub struct LogLevel(Arc<dyn Fn(LevelFilter) + Send + Sync>);

impl LogLevel {
    /// Sets the level by Redis's word for it.
    pub fn set(&self, word: &str) {
        (self.0)(level_of(word));
    }
}

/// Counts the lines that were dropped.
#[derive(Clone)]
pub struct LostLines(ErrorCounter);

impl LostLines {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.dropped_lines() as u64
    }
}

/// The log of the process.
pub struct Log {
    /// Its level.
    pub level: LogLevel,
    /// What it could not take.
    pub lost_lines: LostLines,
    /// Writes out what waits when it is dropped.
    _writer: WorkerGuard,
}

/// Starts logging as the options say. Ends, with what waits written out, when the log is dropped.
///
/// # Errors
/// If the log file cannot be opened.
pub fn start(config: &Config) -> std::io::Result<Log> {
    let (filter, handle) = reload::Layer::new(level_of(config.get_enum("loglevel")));
    let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).thread_name("log");
    let (lines, writer) = match config.get_path("logfile") {
        Some(path) => queue.finish(OpenOptions::new().create(true).append(true).open(path)?),
        None => queue.finish(std::io::stdout()),
    };
    let lost_lines = LostLines(lines.error_counter());
    let layer = fmt::layer().with_writer(lines).with_target(false);
    let layer =
        if config.get_enum("log-format") == "json" { layer.json().boxed() } else { layer.with_ansi(false).boxed() };
    // Fails only if logging was started before, as in tests: then that one stays.
    if tracing_subscriber::registry().with(filter).with(layer).try_init().is_err() {
        tracing::debug!("logging was started before");
    }
    std::panic::set_hook(Box::new(tell_panic));
    let level = LogLevel(Arc::new(move |level| {
        if handle.modify(|current| *current = level).is_err() {
            tracing::warn!("the log level could not be changed");
        }
    }));
    Ok(Log { level, lost_lines, _writer: writer })
}

/// Writes a panic to the log, like any other line, instead of to the standard error, which may block.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload_as_str().unwrap_or("no text");
    // Captured only where RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(thread = thread.name().unwrap_or_default(), location, panic = text, backtrace, "a thread panicked");
}

fn level_of(word: &str) -> LevelFilter {
    match word {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "notice" => LevelFilter::INFO,
        "warning" => LevelFilter::WARN,
        _ => LevelFilter::OFF,
    }
}
