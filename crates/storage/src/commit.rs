//! One commit, and what is known if it fails.
//!
//! A batch is written as a whole or not at all, but a call that fails or panics does not say which. So the disk is read
//! back, while the latches of the batch's keys are still held, and from what is there follows:
//!
//! - it is there: it is made visible, and is as good as committed;
//! - it is not there: nothing of it ever becomes visible, and its commands may be run again;
//! - that cannot be told, or a sync failed, so that a restart may find more than is there now: its commands are told
//!   so, and reads find what the disk has: the hot tier hides the keys since before the write.
//!
//! Whichever it is, the batch is empty afterwards.

use std::sync::atomic::Ordering;
use std::time::Instant;

use commands::Error;
use data::{Batch, Stored};
use fail::fail_point;

use crate::fence::{Panicked, Stage, fence};
use crate::shared::{Shared, now_ms};

/// Why a batch is not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is not applied, and the same may succeed soon. What to tell if it does not until the deadline.
    Again(Error),
    /// It is not applied.
    NotApplied(Error),
    /// It may be applied or not, now or after a restart.
    Unknown(Error),
}

/// What the write came to.
type Written = Result<data::Result<()>, Panicked>;

/// What follows from it. The parts are independent: a batch whose sync failed may be there and still be uncertain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Judgement {
    /// What to do with memory.
    stored: Stored,
    /// What to tell.
    outcome: Result<(), Failure>,
}

/// Commits a batch with a number of write commands. The caller holds the latches of its keys.
pub(crate) fn commit(shared: &Shared, batch: &mut Batch, write_commands: u64) -> Result<(), Failure> {
    let metrics = shared.metrics();
    let durability = shared.durability();
    let started = Instant::now();
    let written = fence(metrics, || {
        fail_point!("storage-commit");
        let written = batch.write(&shared.engine, &shared.keyspace, durability);
        fail_point!("storage-committed");
        written
    });
    let judgement = judge(written, || read_back(shared, batch));
    if judgement.stored != Stored::Nothing {
        // What may have changed has changed, as far as somebody who watches it can know.
        batch.tell_watchers(&shared.engine, &shared.keyspace, now_ms());
    }
    if judgement.stored == Stored::Whole {
        batch.publish_counts(&shared.keyspace);
        let published = fence(metrics, || {
            fail_point!("storage-publish");
            batch.publish_records(&shared.keyspace);
        });
        if let Err(panicked) = published {
            // The records that are not published stay hidden in the hot tier, and are read from disk.
            tracing::error!(panic = panicked.text, "a committed batch could not be published");
        }
        metrics.count_commit(write_commands, started.elapsed());
        shared.note_commit();
    }
    if let Err(failure) = &judgement.outcome {
        metrics.failed_commits.fetch_add(1, Ordering::Relaxed);
        match failure {
            Failure::Again(error) => tracing::debug!(%error, write_commands, "a commit is tried again"),
            Failure::NotApplied(error) => {
                tracing::error!(%error, write_commands, fate = "not applied", "commit failed")
            }
            Failure::Unknown(error) => tracing::error!(%error, write_commands, fate = "unknown", "commit failed"),
        }
    }
    batch.clear();
    judgement.outcome
}

fn read_back(shared: &Shared, batch: &Batch) -> Stored {
    match fence(shared.metrics(), || batch.stored(&shared.engine)) {
        Ok(Ok(stored)) => stored,
        Ok(Err(error)) => {
            tracing::error!(%error, "the disk could not be read back after a failed commit");
            Stored::Unclear
        }
        Err(panicked) => {
            tracing::error!(panic = panicked.text, "reading the disk back after a failed commit failed");
            Stored::Unclear
        }
    }
}

fn judge(written: Written, read_back: impl FnOnce() -> Stored) -> Judgement {
    let (text, has_panicked) = match written {
        Ok(Ok(())) => return Judgement { stored: Stored::Whole, outcome: Ok(()) },
        Ok(Err(data::Error::Engine(engine::Error::Busy(_)))) => {
            return Judgement { stored: Stored::Nothing, outcome: Err(Failure::Again(Error::Busy)) };
        }
        Ok(Err(error @ data::Error::NotWritten { may_be_there: false, .. })) => {
            return Judgement { stored: Stored::Nothing, outcome: Err(Failure::NotApplied(error.into())) };
        }
        // The log may hold what memory does not: a restart decides.
        Ok(Err(error @ data::Error::NotWritten { .. })) => {
            return Judgement { stored: read_back(), outcome: Err(Failure::Unknown(error.into())) };
        }
        Ok(Err(error)) => (format!("storage failed: {error}"), false),
        Err(panicked) => {
            tracing::error!(panic = panicked.text, stage = Stage::Commit.name(), "a commit panicked");
            ("internal error: the commit failed".to_owned(), true)
        }
    };
    let stored = read_back();
    let outcome = match stored {
        Stored::Whole => Ok(()),
        // What panicked once need not do so again.
        Stored::Nothing if has_panicked => Err(Failure::Again(Error::NotApplied { text })),
        Stored::Nothing => Err(Failure::NotApplied(Error::NotApplied { text })),
        Stored::Unclear => Err(Failure::Unknown(Error::Uncertain { text })),
    };
    Judgement { stored, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANIC: Written = Err(Panicked { text: String::new() });

    fn failed(error: engine::Error) -> Written {
        Ok(Err(error.into()))
    }

    fn is_unknown(judgement: &Judgement) -> bool {
        matches!(judgement.outcome, Err(Failure::Unknown(_)))
    }

    #[test]
    fn a_panic_is_judged_by_what_the_disk_shows() {
        let judged = |stored| judge(PANIC, || stored);
        assert_eq!(judged(Stored::Whole), Judgement { stored: Stored::Whole, outcome: Ok(()) });
        assert!(matches!(judged(Stored::Nothing).outcome, Err(Failure::Again(Error::NotApplied { .. }))));
        assert!(is_unknown(&judged(Stored::Unclear)));
    }

    #[test]
    fn busy_is_certain_and_may_be_tried_again() {
        let judgement = judge(failed(engine::Error::Busy(String::new())), || unreachable!());
        assert_eq!(judgement, Judgement { stored: Stored::Nothing, outcome: Err(Failure::Again(Error::Busy)) });
    }

    #[test]
    fn what_the_disk_refused_is_not_there() {
        for error in
            [engine::Error::Poisoned, engine::Error::Full(String::new()), engine::Error::Unwritable(String::new())]
        {
            let judgement = judge(failed(error), || unreachable!());
            assert!(matches!(judgement.outcome, Err(Failure::NotApplied(Error::Misconf { .. }))));
        }
        let other = judge(failed(engine::Error::Io(String::new())), || Stored::Nothing);
        assert!(matches!(other.outcome, Err(Failure::NotApplied(_))));
    }

    #[test]
    fn after_a_failed_sync_nothing_is_certain_whatever_the_disk_shows() {
        for stored in [Stored::Whole, Stored::Nothing, Stored::Unclear] {
            let judgement = judge(failed(engine::Error::SyncFailed(String::new())), || stored);
            assert!(judgement.stored == stored && is_unknown(&judgement));
        }
    }
}
