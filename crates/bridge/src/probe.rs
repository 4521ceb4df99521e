//! How promptly a runtime polls its tasks: measured by a task of its own, not by every task.
//!
//! Ten times a second the probe of a thread asks to be polled again, as any task does that has become ready, and
//! takes the time until it is. That is one turn of the event loop, with everything that was ready before. A thread that
//! does not turn at all is seen from outside, by the age of its last beat.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{RuntimeMetrics, RuntimePart, nanos};

/// How often a runtime is probed.
pub const PROBE_PERIOD: Duration = Duration::from_millis(100);
/// By how much a timer may be late without that the runtime is to blame: timers are counted in ms and rounded up.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// Probes the runtime that it runs on, until it is dropped. `thread` counts the threads of that side.
pub async fn probe(metrics: Arc<RuntimeMetrics>, part: fn(&RuntimeMetrics) -> &RuntimePart, thread: usize) {
    loop {
        part(&metrics).beat(thread, metrics.now_ns());
        let due = Instant::now() + PROBE_PERIOD;
        tokio::time::sleep_until(due).await;
        let woken = Instant::now();
        tokio::task::yield_now().await;
        let late = woken.saturating_duration_since(due).saturating_sub(TIMER_SLACK);
        part(&metrics).poll_delay.record(nanos(late.max(woken.elapsed())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_runtime_that_is_held_up_is_seen_by_its_age_and_then_in_the_delay() {
        let metrics = Arc::new(RuntimeMetrics::new(1));
        let probing = tokio::spawn(probe(metrics.clone(), |metrics| &metrics.network, 0));
        tokio::task::yield_now().await;
        assert!(metrics.network.last_beat_ns() > 0, "the first beat comes at once");
        std::thread::sleep(3 * PROBE_PERIOD);
        let age = metrics.age_of(metrics.network.last_beat_ns());
        assert!(age >= 3 * PROBE_PERIOD, "{age:?}");
        while metrics.network.poll_delay.snapshot().count == 0 {
            tokio::task::yield_now().await;
        }
        // Held up for two periods beyond the one that was due.
        let delay = metrics.network.poll_delay.snapshot().max;
        assert!(delay >= nanos(2 * PROBE_PERIOD - TIMER_SLACK), "{delay} ns");
        assert!(metrics.age_of(metrics.network.last_beat_ns()) < age);
        probing.abort();
    }
}
