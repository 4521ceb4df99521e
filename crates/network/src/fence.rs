//! Fences of the network runtime: what panics for one connection closes that connection, and the thread's own tasks
//! begin anew.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use crate::metrics::NetworkMetrics;

/// Pause before a task that panicked begins anew, so that one that always does so does not use its thread up.
const TASK_PAUSE: Duration = Duration::from_millis(10);

/// Runs something for one client (zero: none yet). False: it panicked, which is counted and told in the log.
pub(crate) fn fence(metrics: &NetworkMetrics, stage: &'static str, client: u64, work: impl FnOnce()) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    if let Err(panic) = &outcome {
        metrics.panics.fetch_add(1, Ordering::Relaxed);
        let panic = text_of(&**panic);
        tracing::error!(client, stage, panic, "a stage of the network runtime panicked; its client is closed");
    }
    outcome.is_ok()
}

/// Waits for something for one client. False: it panicked.
pub(crate) async fn fence_task(
    metrics: &NetworkMetrics,
    stage: &'static str,
    client: u64,
    work: impl Future<Output = ()>,
) -> bool {
    match caught(work).await {
        Ok(()) => true,
        Err(panic) => {
            metrics.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(client, stage, panic, "a stage of the network runtime panicked; its client is closed");
            false
        }
    }
}

/// Runs a task that a thread cannot do without: after a panic it begins anew.
pub(crate) async fn keep_running<F: Future<Output = ()>>(
    metrics: &NetworkMetrics,
    task: &'static str,
    make: impl Fn() -> F,
) {
    while let Err(panic) = caught(make()).await {
        metrics.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!(task, panic, "a task of the network runtime panicked; it begins anew");
        tokio::time::sleep(TASK_PAUSE).await;
    }
}

async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(text_of(&*panic))),
    })
    .await
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_task_begins_anew_until_it_ends_by_itself() {
        let (metrics, rounds) = (NetworkMetrics::default(), Cell::new(0));
        keep_running(&metrics, "test", async || {
            rounds.set(rounds.get() + 1);
            tokio::task::yield_now().await;
            assert!(rounds.get() >= 3, "not yet");
        })
        .await;
        assert_eq!((rounds.get(), metrics.panics.load(Ordering::Relaxed)), (3, 2));
        assert!(!fence_task(&metrics, "test", 1, async { panic!("once") }).await);
        assert!(fence(&metrics, "test", 1, || {}) && !fence(&metrics, "test", 1, || panic!("once")));
        assert_eq!(metrics.panics.load(Ordering::Relaxed), 4);
    }
}
