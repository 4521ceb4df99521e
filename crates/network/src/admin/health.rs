//! `/healthz`: the state of both runtimes, the channel and RocksDB as JSON; and the reasons, as text, why a check fails.

use std::fmt::Write;

use commands::facts::{Condition, Facts, Health, RuntimeFacts};
use serde_json::{Map, Value, json};

/// One line for each part that is not well.
pub(super) fn reasons(health: &Health) -> String {
    let mut text = String::new();
    for part in health.parts.iter().filter(|part| part.condition != Condition::Ok) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {}: {}", part.name, part.condition.name(), part.reason);
    }
    text
}

/// The page.
pub(super) fn json(health: &Health, facts: &Facts) -> String {
    let mut page = Map::new();
    page.insert("status".to_owned(), health.condition().name().into());
    page.insert("live".to_owned(), health.live.into());
    page.insert("ready".to_owned(), health.is_ready().into());
    page.insert("version".to_owned(), facts.server.version.as_str().into());
    let uptime_us = facts.server.now_unix_us.saturating_sub(facts.server.started_unix_us);
    page.insert("uptime_seconds".to_owned(), (uptime_us / 1_000_000).into());
    for part in &health.parts {
        let mut told = details(part.name, facts);
        told.insert("status".to_owned(), part.condition.name().into());
        told.insert("since_unix_ms".to_owned(), part.since_unix_ms.into());
        if part.condition != Condition::Ok {
            told.insert("reason".to_owned(), part.reason.as_str().into());
        }
        page.insert(part.name.to_owned(), told.into());
    }
    let mut text = Value::from(page).to_string();
    text.push('\n');
    text
}

/// The few numbers that tell most about a part. All of them are in the metrics.
fn details(part: &str, facts: &Facts) -> Map<String, Value> {
    let (crossing, storage) = (&facts.crossing, &facts.storage);
    let told = match part {
        "network_runtime" => runtime(&facts.network_runtime),
        "storage_runtime" => storage_runtime(facts),
        "channel" => json!({
            "requests": crossing.queue_requests,
            "requests_max": crossing.queue_requests_max,
            "bytes": crossing.queue_bytes,
            "bytes_max": crossing.queue_bytes_max,
            "oldest_wait_ms": crossing.oldest_wait_ms,
            "refused": crossing.refused.iter().map(|&(reason, count)| (reason.to_owned(), count.into()))
                .collect::<Map<String, Value>>(),
        }),
        "rocksdb" => json!({
            "stall": storage.engine_stall,
            "writes_refused_because": storage.refusal,
            "background_errors": storage.engine_background_errors,
            "snapshot_age_ms": storage.snapshot_age_ms,
        }),
        _ => Value::Null,
    };
    match told {
        Value::Object(told) => told,
        _ => Map::new(),
    }
}

fn storage_runtime(facts: &Facts) -> Value {
    let (mut told, supervision) = (runtime(&facts.storage_runtime), &facts.crossing.supervision);
    let workers = supervision.workers.iter().map(|worker| {
        json!({
            "state": worker.vitality,
            "silent_ms": worker.silent_ms,
            "request": worker.request,
            "turns": worker.turns,
            "restarts": worker.restarts,
        })
    });
    told["workers"] = workers.collect();
    told["circuit"] = json!({"state": supervision.circuit, "since_unix_ms": supervision.circuit_since_ms});
    told
}

fn runtime(runtime: &RuntimeFacts) -> Value {
    json!({
        "threads": runtime.threads,
        "tasks": runtime.tasks,
        "busy_ratio": runtime.busy_ratio,
        "poll_delay_p99_us": runtime.poll_delay_us.p99,
        "silent_ms": runtime.silent_ms,
    })
}

#[cfg(test)]
mod tests {
    use commands::facts::PartHealth;

    use super::*;

    #[test]
    fn reasons_may_hold_any_character_and_only_those_that_are_not_well_have_one() {
        let part =
            |name, condition, reason: &str| PartHealth { name, condition, reason: reason.to_owned(), since_unix_ms: 7 };
        let parts = vec![part("channel", Condition::Ok, ""), part("rocksdb", Condition::Failed, "a \"quoted\"\nline")];
        let health = Health { live: true, parts };
        let page: Value = serde_json::from_str(&json(&health, &Facts::default())).expect("it is JSON");
        assert_eq!(page["status"], "failed");
        assert_eq!((&page["ready"], &page["live"]), (&json!(false), &json!(true)));
        assert_eq!(page["rocksdb"]["reason"], "a \"quoted\"\nline");
        assert_eq!(page["channel"].get("reason"), None);
        assert_eq!(page["channel"]["since_unix_ms"], 7);
        assert_eq!(reasons(&health), "rocksdb failed: a \"quoted\"\nline\n");
    }
}
