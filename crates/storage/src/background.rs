//! What storage does on its own: expiry, cleaning up, the sync of each second. Each is a task that runs its
//! blocking part on the pool, so that no worker waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use data::{Batch, Turn, Tx};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::commit;
use crate::latch::{Held, Owner, stripe_of};
use crate::shared::{Shared, now_ms};

/// How often due keys are looked for. Redis's promise is a second; ten times a second costs one seek each.
const EXPIRE_PERIOD: Duration = Duration::from_millis(100);
/// Keys, and elements of keys, removed in one batch of the expirer.
const EXPIRE_BATCH_MAX: usize = 512;
/// How often what was deleted is cleaned up, when there was nothing to do.
const COLLECT_PERIOD: Duration = Duration::from_millis(250);
/// Deleted values cleaned up in one step.
const COLLECT_STEP_MAX: usize = 64;
/// Pause between steps while there is more, so that cleaning up leaves the disk to others.
const COLLECT_PAUSE: Duration = Duration::from_millis(5);
/// How often what `INFO` tells of RocksDB is published.
const PUBLISH_PERIOD: Duration = Duration::from_millis(200);
/// `appendfsync everysec`.
const SYNC_PERIOD: Duration = Duration::from_secs(1);

/// Starts all of them on a runtime.
pub(crate) fn start(shared: &Arc<Shared>, handle: &Handle) -> Vec<JoinHandle<()>> {
    vec![
        handle.spawn(expire(shared.clone())),
        handle.spawn(collect(shared.clone())),
        handle.spawn(sync(shared.clone())),
        handle.spawn(publish(shared.clone())),
        handle.spawn(bridge::probe(shared.channel.metrics().clone(), |metrics| &metrics.storage, 0)),
        handle.spawn(crate::watch::watch(shared.clone())),
    ]
}

/// Removes keys, and elements of keys, at their time.
async fn expire(shared: Arc<Shared>) {
    let owner = shared.next_owner();
    loop {
        tokio::time::sleep(EXPIRE_PERIOD).await;
        if !shared.active_expire.load(Ordering::Relaxed) || !shared.takes_writes() {
            continue;
        }
        let work = shared.clone();
        on_pool(&shared, move || {
            for db in 0..work.keyspace.database_count() {
                if work.keyspace.count(db).keys > 0 {
                    while expire_step(&work, owner, db) {}
                }
            }
        })
        .await;
    }
}

/// Removes some of what is due in one database. Returns true if there is more that can be removed at once.
fn expire_step(shared: &Shared, owner: Owner, db: u16) -> bool {
    let now = now_ms();
    let due = match data::expiry::due(&shared.engine, &shared.keyspace, db, now, EXPIRE_BATCH_MAX) {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(%error, "the expiry index could not be read");
            return false;
        }
    };
    let mut held = Held::new(&shared.latches, owner);
    let mut batch = Batch::new();
    let turn = Turn::new(now, now);
    let mut skipped = 0;
    let mut left = EXPIRE_BATCH_MAX;
    for key in &due {
        if left == 0 {
            break;
        }
        // A worker that has the key will see for itself that it has expired.
        if !held.try_latch(stripe_of(data::key::position(shared.keyspace.seed(), key))) {
            skipped += 1;
            continue;
        }
        let mut tx = Tx::new(&shared.engine, &shared.keyspace, &mut batch, &turn, db);
        match data::expiry::settle(&mut tx, key, left) {
            Ok(elements) => {
                batch.keep();
                left = left.saturating_sub(elements.max(1));
            }
            Err(error) => {
                batch.undo();
                tracing::error!(%error, "a key could not be expired");
                skipped += 1;
            }
        }
    }
    if !batch.is_clean() && commit::commit(shared, &mut batch, 0).is_err() {
        // It is told in the log already, and tried again.
        return false;
    }
    skipped == 0 && left == 0
}

/// Removes what deleted and replaced values have left behind.
async fn collect(shared: Arc<Shared>) {
    loop {
        if !shared.takes_writes() {
            tokio::time::sleep(COLLECT_PERIOD).await;
            continue;
        }
        let work = shared.clone();
        let more = on_pool(&shared, move || match data::garbage::collect(&work.engine, COLLECT_STEP_MAX) {
            Ok(done) => {
                work.keyspace.freed_values.fetch_add(done.large_values as u64, Ordering::Relaxed);
                work.keyspace.unfreed_values.fetch_sub(done.values as i64, Ordering::Relaxed);
                done.notes == COLLECT_STEP_MAX
            }
            Err(error) => {
                tracing::warn!(%error, "cleaning up failed; it is tried again");
                false
            }
        })
        .await;
        tokio::time::sleep(if more == Some(true) { COLLECT_PAUSE } else { COLLECT_PERIOD }).await;
    }
}

/// Syncs the WAL each second, where there is something to sync and the policy says so.
async fn sync(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(SYNC_PERIOD).await;
        if shared.settings.sync_policy() == crate::limits::SyncPolicy::EverySecond {
            let work = shared.clone();
            on_pool(&shared, move || work.sync_if_needed()).await;
        }
    }
}

/// Publishes what RocksDB says of itself.
async fn publish(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(PUBLISH_PERIOD).await;
        let work = shared.clone();
        on_pool(&shared, move || work.published.publish(&work.engine, &work.keyspace)).await;
    }
}

/// Runs blocking work on the pool. None if it panicked.
pub(crate) async fn on_pool<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match shared.handle().spawn_blocking(work).await {
        Ok(value) => Some(value),
        Err(error) => {
            if error.is_panic() {
                tracing::error!("background work panicked; it is tried again");
            }
            None
        }
    }
}
