//! `SAVE` and `BGSAVE`: a consistent copy of the database in a directory of its own.
//!
//! RocksDB's checkpoint links table files instead of copying them, so it takes moments whatever the size. A
//! checkpoint is written under a temporary name and renamed when it is complete; the newest few are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use commands::store::{Checkpoints, SaveError, SaveMode};

use crate::shared::{Shared, now_ms};

const UNFINISHED: &str = ".unfinished";

/// Where checkpoints go, and how the last one went.
#[derive(Debug)]
pub struct CheckpointKeeper {
    /// The directory that holds them (`checkpoint-dir`, under `dir`).
    directory: PathBuf,
    /// How many are kept (`checkpoint-keep`).
    keep: usize,
    running: AtomicBool,
    pub(crate) last_save_unix: AtomicU64,
    /// Checkpoints since the start.
    pub(crate) saves: AtomicU64,
    /// Write commands that had been committed when the last one was taken.
    pub(crate) saved_write_commands: AtomicU64,
    pub(crate) last_ok: AtomicBool,
    /// In seconds; -1: none yet.
    pub(crate) last_seconds: AtomicI64,
}

impl CheckpointKeeper {
    /// Keeps checkpoints in a directory, which is created when it is needed.
    pub fn new(directory: PathBuf, keep: usize) -> Self {
        CheckpointKeeper {
            directory,
            keep: keep.max(1),
            running: AtomicBool::new(false),
            // Redis counts the start as a save: there was nothing unsaved.
            last_save_unix: AtomicU64::new(now_ms() / 1000),
            saves: AtomicU64::new(0),
            saved_write_commands: AtomicU64::new(0),
            last_ok: AtomicBool::new(true),
            last_seconds: AtomicI64::new(-1),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }
}

/// The checkpoints as commands see them.
pub(crate) struct Checkpointing<'s>(pub(crate) &'s Arc<Shared>);

impl Checkpoints for Checkpointing<'_> {
    fn save(&self, mode: SaveMode) -> Result<(), SaveError> {
        if self.0.checkpoints.running.swap(true, Ordering::AcqRel) {
            return Err(SaveError::InProgress);
        }
        match mode {
            SaveMode::Foreground => save(self.0).map_err(SaveError::Failed),
            SaveMode::Background => {
                let shared = self.0.clone();
                self.0.handle().spawn_blocking(move || {
                    if let Err(error) = save(&shared) {
                        tracing::error!(%error, "background checkpoint failed");
                    }
                });
                Ok(())
            }
        }
    }

    fn last_save_unix(&self) -> u64 {
        self.0.checkpoints.last_save_unix.load(Ordering::Relaxed)
    }
}

/// Writes one checkpoint. `running` is set; this clears it.
fn save(shared: &Shared) -> Result<(), String> {
    let keeper = &shared.checkpoints;
    let started = Instant::now();
    let write_commands = shared.metrics().commit_write_commands.load(Ordering::Relaxed);
    let outcome = write(shared, &keeper.directory).and_then(|()| prune(&keeper.directory, keeper.keep));
    keeper.last_ok.store(outcome.is_ok(), Ordering::Relaxed);
    keeper.last_seconds.store(i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
    if outcome.is_ok() {
        keeper.saves.fetch_add(1, Ordering::Relaxed);
        keeper.saved_write_commands.store(write_commands, Ordering::Relaxed);
        keeper.last_save_unix.store(now_ms() / 1000, Ordering::Relaxed);
        tracing::info!(took_ms = started.elapsed().as_millis(), "checkpoint written");
    }
    keeper.running.store(false, Ordering::Release);
    outcome
}

fn write(shared: &Shared, directory: &Path) -> Result<(), String> {
    let told = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    std::fs::create_dir_all(directory).map_err(|error| told(directory, error))?;
    let name = now_ms().to_string();
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(|error| told(&unfinished, error))?;
    }
    shared.engine.checkpoint(&unfinished).map_err(|error| error.to_string())?;
    std::fs::rename(&unfinished, directory.join(name)).map_err(|error| told(&unfinished, error))
}

/// Removes all but the newest `keep` checkpoints, and what crashes have left unfinished.
fn prune(directory: &Path, keep: usize) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut finished = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(told)? {
        let name = entry.map_err(told)?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Ok(time) = name.parse::<u64>() {
            finished.push((time, name.to_owned()));
        } else if name.ends_with(UNFINISHED) {
            std::fs::remove_dir_all(directory.join(name)).map_err(told)?;
        }
    }
    finished.sort_unstable();
    let surplus = finished.len().saturating_sub(keep);
    for (_, name) in &finished[..surplus] {
        std::fs::remove_dir_all(directory.join(name)).map_err(told)?;
    }
    Ok(())
}
