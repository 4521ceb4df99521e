//! `SAVE` and `BGSAVE`: a consistent copy of the database in a directory of its own.
//!
//! RocksDB's checkpoint links table files instead of copying them, so it takes moments whatever the size. A
//! checkpoint is written under a temporary name and renamed when it is complete; the newest few are kept. The others are
//! renamed too, and deleted afterwards: files that only they have go no faster than the engine's own (`rocksdb-delete-rate`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commands::store::{Checkpoints, SaveError, SaveMode};

use crate::shared::{Shared, now_ms};

const UNFINISHED: &str = ".unfinished";
/// Of a checkpoint that is to be deleted.
const SURPLUS: &str = ".surplus";

/// Where checkpoints go, and how the last one went.
#[derive(Debug)]
pub struct CheckpointKeeper {
    /// The directory that holds them (`checkpoint-dir`, under `dir`).
    directory: PathBuf,
    /// How many are kept (`checkpoint-keep`).
    keep: usize,
    running: AtomicBool,
    /// Somebody deletes what is surplus.
    is_deleting: AtomicBool,
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
            is_deleting: AtomicBool::new(false),
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
fn save(shared: &Arc<Shared>) -> Result<(), String> {
    let keeper = &shared.checkpoints;
    let started = Instant::now();
    let write_commands = shared.metrics().commit_write_commands.load(Ordering::Relaxed);
    let outcome = write(shared, &keeper.directory).and_then(|()| retire(&keeper.directory, keeper.keep));
    keeper.last_ok.store(outcome.is_ok(), Ordering::Relaxed);
    keeper.last_seconds.store(i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX), Ordering::Relaxed);
    if outcome.is_ok() {
        keeper.saves.fetch_add(1, Ordering::Relaxed);
        keeper.saved_write_commands.store(write_commands, Ordering::Relaxed);
        keeper.last_save_unix.store(now_ms() / 1000, Ordering::Relaxed);
        tracing::info!(took_ms = started.elapsed().as_millis(), "checkpoint written");
        let shared = shared.clone();
        shared.handle().spawn_blocking(move || {
            if let Err(error) = delete_surplus(&shared.checkpoints, shared.engine.delete_bytes_per_second()) {
                tracing::warn!(%error, "a checkpoint that is not kept could not be deleted");
            }
        });
    }
    keeper.running.store(false, Ordering::Release);
    outcome
}

fn write(shared: &Shared, directory: &Path) -> Result<(), String> {
    let told = |what: &Path, error: io::Error| format!("{}: {error}", what.display());
    fs::create_dir_all(directory).map_err(|error| told(directory, error))?;
    let name = now_ms().to_string();
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| told(&unfinished, error))?;
    }
    shared.engine.checkpoint(&unfinished).map_err(|error| error.to_string())?;
    fs::rename(&unfinished, directory.join(name)).map_err(|error| told(&unfinished, error))
}

/// Renames all but the newest `keep` checkpoints, and what crashes have left unfinished: they are surplus. No checkpoint is being written meanwhile.
fn retire(directory: &Path, keep: usize) -> Result<(), String> {
    let told = |error: io::Error| format!("{}: {error}", directory.display());
    let mut finished = Vec::new();
    let mut surplus = Vec::new();
    for entry in fs::read_dir(directory).map_err(told)? {
        let name = entry.map_err(told)?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Ok(time) = name.parse::<u64>() {
            finished.push((time, name.to_owned()));
        } else if name.ends_with(UNFINISHED) {
            surplus.push(name.to_owned());
        }
    }
    finished.sort_unstable();
    finished.truncate(finished.len().saturating_sub(keep));
    surplus.extend(finished.into_iter().map(|(_, name)| name));
    for name in surplus {
        fs::rename(directory.join(&name), directory.join(name + SURPLUS)).map_err(told)?;
    }
    Ok(())
}

/// Deletes what is surplus, so many bytes a second; 0: at once. At most one thread does so.
fn delete_surplus(keeper: &CheckpointKeeper, bytes_per_second: u64) -> Result<(), String> {
    while !surplus(&keeper.directory)?.is_empty() && !keeper.is_deleting.swap(true, Ordering::AcqRel) {
        let outcome = surplus(&keeper.directory)
            .and_then(|paths| paths.iter().try_for_each(|path| delete_directory(path, bytes_per_second)));
        keeper.is_deleting.store(false, Ordering::Release);
        // What has become surplus meanwhile is left to this thread.
        outcome?;
    }
    Ok(())
}

fn surplus(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: io::Error| format!("{}: {error}", directory.display());
    let paths: Vec<_> = fs::read_dir(directory)
        .map_err(told)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, _>>()
        .map_err(told)?;
    Ok(paths.into_iter().filter(|path| path.to_str().is_some_and(|path| path.ends_with(SURPLUS))).collect())
}

/// Deletes the files of a directory, with a pause after each whose blocks are free then, and the directory.
fn delete_directory(directory: &Path, bytes_per_second: u64) -> Result<(), String> {
    let told = |error: io::Error| format!("{}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(told)? {
        let entry = entry.map_err(told)?;
        let metadata = entry.metadata().map_err(told)?;
        if !metadata.is_file() {
            continue;
        }
        fs::remove_file(entry.path()).map_err(told)?;
        let freed = if metadata.nlink() > 1 { 0 } else { metadata.len() };
        if let Some(pause_us) = freed.saturating_mul(1_000_000).checked_div(bytes_per_second) {
            std::thread::sleep(Duration::from_micros(pause_us));
        }
    }
    fs::remove_dir_all(directory).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_but_the_newest_become_surplus_and_go() {
        let place = tempfile::tempdir().expect("a directory");
        let keeper = CheckpointKeeper::new(place.path().to_owned(), 2);
        for name in ["9", "10", "11", "12.unfinished", "notes"] {
            fs::create_dir(place.path().join(name)).expect("created");
            fs::write(place.path().join(name).join("000001.sst"), b"table").expect("written");
        }
        retire(place.path(), keeper.keep).expect("renamed");
        assert_eq!(names(place.path()), ["10", "11", "12.unfinished.surplus", "9.surplus", "notes"]);
        // Another thread is at it, which then finds these too.
        keeper.is_deleting.store(true, Ordering::Relaxed);
        delete_surplus(&keeper, 0).expect("nothing done");
        assert_eq!(names(place.path()).len(), 5);
        keeper.is_deleting.store(false, Ordering::Relaxed);
        delete_surplus(&keeper, 0).expect("deleted");
        assert_eq!(names(place.path()), ["10", "11", "notes"]);
    }

    #[test]
    fn files_that_are_linked_elsewhere_cost_no_pause() {
        let place = tempfile::tempdir().expect("a directory");
        let doomed = place.path().join("1.surplus");
        fs::create_dir(&doomed).expect("created");
        fs::write(place.path().join("live.sst"), [7; 100]).expect("written");
        fs::hard_link(place.path().join("live.sst"), doomed.join("live.sst")).expect("linked");
        fs::write(doomed.join("own.sst"), [7; 100]).expect("written");
        let started = Instant::now();
        delete_directory(&doomed, 2_000).expect("deleted");
        // A pause for one of them takes 50 ms; that for the other is not in it, however slow the machine is.
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert_eq!(names(place.path()), ["live.sst"]);
    }
}
