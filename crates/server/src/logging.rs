//! The log: `tracing`, as text or JSON, to the standard output or `logfile`, at Redis's levels.

use std::fs::OpenOptions;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::config::Config;

/// Changes the level while the server runs.
#[derive(Clone)]
pub struct LogLevel(Arc<dyn Fn(LevelFilter) + Send + Sync>);

impl LogLevel {
    /// Sets the level by Redis's word for it.
    pub fn set(&self, word: &str) {
        (self.0)(level_of(word));
    }
}

/// Starts logging as the options say.
///
/// # Errors
/// If the log file cannot be opened.
pub fn start(config: &Config) -> std::io::Result<LogLevel> {
    let (filter, handle) = reload::Layer::new(level_of(config.get_enum("loglevel")));
    let writer = match config.get_path("logfile") {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            fmt::writer::BoxMakeWriter::new(Arc::new(file))
        }
        None => fmt::writer::BoxMakeWriter::new(std::io::stdout),
    };
    let layer = fmt::layer().with_writer(writer).with_target(false);
    let layer =
        if config.get_enum("log-format") == "json" { layer.json().boxed() } else { layer.with_ansi(false).boxed() };
    // Fails only if logging was started before, as in tests: then that one stays.
    if tracing_subscriber::registry().with(filter).with(layer).try_init().is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(LogLevel(Arc::new(move |level| {
        if handle.modify(|current| *current = level).is_err() {
            tracing::warn!("the log level could not be changed");
        }
    })))
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
