//! Watches whether the disk takes writes: says so in the log, keeps the stall up to date, and takes up writing again once
//! a full disk has space.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Error, Severity, Stall, StallSample};

use crate::background::on_pool;
use crate::shared::Shared;

/// How often the state of the database is looked at, which takes no lock of RocksDB's.
const WATCH_PERIOD: Duration = Duration::from_millis(20);
/// How often RocksDB is asked for its stall, while there is one.
const SAMPLE_PERIOD: Duration = Duration::from_millis(50);
/// How often it is tried to write again after the disk was full.
const RESUME_PERIOD: Duration = Duration::from_secs(1);

/// What was said in the log last.
#[derive(Default)]
struct Told {
    stall: Stall,
    /// Why writes are refused.
    refusal: Option<Error>,
    /// Of the background work, without a refusal.
    soft_error: bool,
}

/// Watches until the task is ended.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut told = Told::default();
    let (mut tried, mut sampled) = (Instant::now(), Instant::now());
    let mut stall = Stall::Normal;
    loop {
        tokio::time::sleep(WATCH_PERIOD).await;
        told.tell(&shared);
        if shared.engine.stall() != Stall::Normal && sampled.elapsed() >= SAMPLE_PERIOD {
            let work = shared.clone();
            on_pool(&shared, move || work.gate.note(work.engine.sample_stall())).await;
            sampled = Instant::now();
        }
        let before = std::mem::replace(&mut stall, shared.engine.stall());
        let now = Instant::now();
        if stall < before {
            if stall == Stall::Normal {
                shared.gate.note(StallSample::default());
            }
            if before == Stall::Stopped {
                shared.gate.note_stop_ended(now, shared.engine.stats().wal_bytes);
            }
        }
        let was_paced = shared.gate.is_paced();
        shared.gate.grow(now);
        if stall < before || was_paced && !shared.gate.is_paced() {
            // Whoever has got a time keeps it, as long as there is a rate.
            let all = !shared.gate.is_paced();
            shared.channel.hasten(|slice| all || !slice.admitted);
        }
        if matches!(told.refusal, Some(Error::Full(_))) && tried.elapsed() >= RESUME_PERIOD {
            let work = shared.clone();
            on_pool(&shared, move || {
                if let Err(error) = work.engine.resume() {
                    tracing::warn!(%error, "writing could not be taken up again");
                }
            })
            .await;
            tried = Instant::now();
        }
    }
}

impl Told {
    /// Says what has changed.
    fn tell(&mut self, shared: &Shared) {
        let health = shared.engine.health();
        if health.stall != self.stall {
            match health.stall {
                Stall::Normal => tracing::info!("writes are no longer held back"),
                stall => tracing::warn!(stall = stall.name(), "RocksDB holds writes back: compactions are behind"),
            }
            self.stall = health.stall;
        }
        let refusal = shared.engine.refusal();
        match (&self.refusal, &refusal) {
            (None, Some(error)) => {
                tracing::error!(%error, "the disk takes no writes: they are refused, reads go on");
            }
            (Some(_), None) => tracing::info!("the disk takes writes again"),
            _ => {}
        }
        self.refusal = refusal;
        let soft = health.error.filter(|error| error.severity == Severity::Soft);
        if let Some(error) = soft.as_ref().filter(|_| !self.soft_error) {
            tracing::warn!(during = error.during, error = error.text, "background work failed; it is tried again");
        }
        self.soft_error = soft.is_some();
    }
}
