//! The watchdog's task: looks after storage from the network runtime, which goes on whatever storage does.
//!
//! It refuses requests that nobody takes before their deadlines, opens and closes the circuit, and writes what it finds
//! to the log, each line with the request in question. What to make of the signs is decided in [`bridge::Watchdog`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge::{CircuitState, Finding, MessageChannel, Refusal, Sign, WATCHDOG_PERIOD, Watchdog};
use commands::{Error, Slice};

use crate::host::Common;

/// A watchdog that is so late was not the only one who did not run.
const AWAY_MIN: Duration = Duration::from_secs(1);

/// Looks, until it is aborted.
pub(crate) async fn watch(common: Arc<Common>, channel: Arc<MessageChannel<Slice, Slice>>) {
    let mut watchdog = Watchdog::default();
    let mut looked = Instant::now();
    loop {
        tokio::time::sleep(WATCHDOG_PERIOD).await;
        let now = Instant::now();
        let away = now.saturating_duration_since(std::mem::replace(&mut looked, now));
        if away >= AWAY_MIN {
            tracing::warn!(away_ms = ms(away), "the process was stopped, or had no processor");
            watchdog.forgive(now);
        }
        refuse_late(&channel, now);
        for finding in watchdog.tick(&channel, common.settings.storage_timeout(), now) {
            log(finding);
        }
    }
}

fn refuse_late(channel: &MessageChannel<Slice, Slice>, now: Instant) {
    for mut request in channel.take_late(now) {
        let waited = now.saturating_duration_since(request.submitted);
        channel.metrics().refusals.add(Refusal::Late, 1);
        tracing::debug!(request = request.id, waited_ms = ms(waited), "a request is refused: nobody took it in time");
        if request.payload.has_begun() {
            request.payload.refuse_rest(&Error::Overloaded { waited_ms: ms(waited) });
            request.reply.answer(Ok(request.payload));
        } else {
            request.refuse_late(now);
        }
    }
}

fn log(finding: Finding) {
    match finding {
        Finding::Late(worker, sign) => {
            let (request, silent_ms, doing) = told(&sign);
            tracing::warn!(worker, request, silent_ms, doing, "a storage worker is late");
        }
        Finding::Hung(worker, sign) => {
            let (request, silent_ms, doing) = told(&sign);
            tracing::error!(worker, request, silent_ms, doing, "a storage worker hangs");
        }
        Finding::Dead(worker, sign) => {
            let (request, silent_ms, doing) = told(&sign);
            tracing::error!(worker, request, silent_ms, doing, restarts = sign.restarts, "a storage worker is dead");
        }
        Finding::Recovered(worker, sign) => {
            let (request, _, doing) = told(&sign);
            tracing::warn!(worker, request, doing, "a storage worker works again");
        }
        Finding::Circuit(state @ CircuitState::Closed) => {
            tracing::warn!(circuit = state.name(), "storage answers: requests are let in again");
        }
        Finding::Circuit(state @ CircuitState::HalfOpen) => {
            tracing::warn!(circuit = state.name(), "storage may answer again: one request is let in at a time");
        }
        Finding::Circuit(state @ CircuitState::Open) => {
            tracing::error!(circuit = state.name(), "storage does not answer: requests are refused at once");
        }
    }
}

fn told(sign: &Sign) -> (u64, u64, &'static str) {
    (sign.request, ms(sign.silent), sign.vitality.name())
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
