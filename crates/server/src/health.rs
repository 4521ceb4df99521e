//! Whether the server is well: judged from the numbers that both runtimes publish, part by part, and since when.
//!
//! | part              | degraded                                  | failed: not ready                                           |
//! |-------------------|-------------------------------------------|-------------------------------------------------------------|
//! | `network_runtime` |                                           | a thread does not turn; the server starts or stops          |
//! | `storage_runtime` | a worker is held up or dead               | all are; its probe is not polled; the circuit is open       |
//! | `channel`         | requests wait long, but are taken         | requests wait long, and none is taken                       |
//! | `rocksdb`         | holds writes back; refuses writes; silent | a sync has failed: writes are refused until a restart       |
//!
//! Writes that are refused because the disk is full leave the server ready: it serves reads, and every client is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use commands::facts::{Condition, Facts, Health, PartHealth, WorkerFacts};
use parking_lot::Mutex;

/// A runtime whose probe was not polled for so long has failed. A probe runs ten times a second; with the time between
/// two looks this keeps the time to red below a second.
const SILENT_MAX: Duration = Duration::from_millis(500);
/// A network thread that has not turned for so long will not come back.
const DEAD_AFTER: Duration = Duration::from_secs(5);
/// Requests that wait longer than this wait long.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// RocksDB is asked for its state a few times a second; without an answer for so long it is silent.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// What is thought of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    name: &'static str,
    condition: Condition,
    reason: String,
}

/// Judges, and remembers since when. See the module's text.
#[derive(Debug, Default)]
pub struct Watch {
    /// As told last. Held for moments, by nobody who waits.
    last: Mutex<Vec<PartHealth>>,
}

impl Watch {
    /// How the server is, by its numbers. Changes go to the log.
    pub fn look(&self, facts: &Facts) -> Health {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        let mut changed = Vec::new();
        let parts = {
            let mut last = self.last.lock();
            let parts: Vec<PartHealth> = judge(facts)
                .into_iter()
                .map(|verdict| {
                    let before = last.iter().find(|part| part.name == verdict.name);
                    let same = before.filter(|part| part.condition == verdict.condition);
                    if before.is_some() && same.is_none() {
                        changed.push(verdict.clone());
                    }
                    let since_unix_ms = same.map_or(now_ms, |part| part.since_unix_ms);
                    let Verdict { name, condition, reason } = verdict;
                    PartHealth { name, condition, reason, since_unix_ms }
                })
                .collect();
            last.clone_from(&parts);
            parts
        };
        for Verdict { name, condition, reason } in changed {
            match condition {
                Condition::Ok => tracing::info!(part = name, condition = condition.name(), "health has changed"),
                _ => tracing::warn!(part = name, condition = condition.name(), reason, "health has changed"),
            }
        }
        Health { live: Duration::from_millis(facts.network_runtime.silent_ms) < DEAD_AFTER, parts }
    }
}

fn judge(facts: &Facts) -> [Verdict; 4] {
    [network(facts), storage(facts), channel(facts), rocksdb(facts)].map(|(name, found)| match found {
        None => Verdict { name, condition: Condition::Ok, reason: String::new() },
        Some((condition, reason)) => Verdict { name, condition, reason },
    })
}

type Found = Option<(Condition, String)>;

fn network(facts: &Facts) -> (&'static str, Found) {
    let silent_ms = facts.network_runtime.silent_ms;
    let found = match () {
        () if facts.server.shutting_down => Some("the server stops".to_owned()),
        () if Duration::from_millis(silent_ms) > SILENT_MAX => {
            Some(format!("a network thread has not turned for {silent_ms} ms"))
        }
        () => None,
    };
    ("network_runtime", found.map(|reason| (Condition::Failed, reason)))
}

fn storage(facts: &Facts) -> (&'static str, Found) {
    let silent_ms = facts.storage_runtime.silent_ms;
    let (workers, circuit) = (&facts.crossing.supervision.workers, facts.crossing.supervision.circuit);
    // In `runtime-mode single` and under load a worker may also be late because others have its thread: then it is
    // no better for those who wait.
    let held_up: Vec<(usize, &WorkerFacts)> = workers
        .iter()
        .enumerate()
        .filter(|(_, worker)| Duration::from_millis(worker.held_up_ms()) > SILENT_MAX)
        .collect();
    let found = match held_up.first() {
        _ if Duration::from_millis(silent_ms) > SILENT_MAX => {
            Some((Condition::Failed, format!("no task was polled for {silent_ms} ms")))
        }
        _ if circuit == "open" => {
            Some((Condition::Failed, "the circuit is open: requests are refused at once".to_owned()))
        }
        Some(_) if held_up.len() == workers.len() => Some((Condition::Failed, held_up_text(&held_up))),
        Some(_) => Some((Condition::Degraded, held_up_text(&held_up))),
        None if circuit == "half-open" => {
            Some((Condition::Degraded, "the circuit is half open: one request is let in at a time".to_owned()))
        }
        None => None,
    };
    ("storage_runtime", found)
}

fn held_up_text(workers: &[(usize, &WorkerFacts)]) -> String {
    let told = workers.iter().map(|(number, worker)| {
        format!("worker {number} is {} with request {} for {} ms", worker.vitality, worker.request, worker.silent_ms)
    });
    told.collect::<Vec<_>>().join("; ")
}

fn channel(facts: &Facts) -> (&'static str, Found) {
    let crossing = &facts.crossing;
    let (waits_ms, taken_ms) = (crossing.oldest_wait_ms, crossing.last_take_ms);
    let found = match () {
        () if Duration::from_millis(waits_ms) <= WAIT_MAX => None,
        () if Duration::from_millis(taken_ms) <= WAIT_MAX => {
            Some((Condition::Degraded, format!("requests wait for {waits_ms} ms")))
        }
        () => Some((Condition::Failed, format!("requests wait for {waits_ms} ms and none is taken"))),
    };
    ("channel", found)
}

fn rocksdb(facts: &Facts) -> (&'static str, Found) {
    let storage = &facts.storage;
    let found = match &storage.refusal {
        _ if storage.poisoned => Some((
            Condition::Failed,
            "a sync has failed: writes are refused until the server is started anew".to_owned(),
        )),
        Some(refusal) => Some((Condition::Degraded, format!("writes are refused: {refusal}"))),
        None if ["delayed", "stopped"].contains(&storage.engine_stall) => {
            Some((Condition::Degraded, format!("writes are {}: compactions are behind", storage.engine_stall)))
        }
        None if Duration::from_millis(storage.snapshot_age_ms) > ANSWER_MAX => {
            Some((Condition::Degraded, format!("it has not answered for {} ms", storage.snapshot_age_ms)))
        }
        None => None,
    };
    ("rocksdb", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(change: impl FnOnce(&mut Facts)) -> [Condition; 4] {
        let mut facts = Facts::default();
        change(&mut facts);
        judge(&facts).map(|verdict| verdict.condition)
    }

    #[test]
    fn each_part_is_judged_by_its_own_numbers() {
        use Condition::{Degraded, Failed, Ok};
        assert_eq!(conditions(|_| {}), [Ok; 4]);
        assert_eq!(conditions(|facts| facts.network_runtime.silent_ms = 501), [Failed, Ok, Ok, Ok]);
        assert_eq!(conditions(|facts| facts.server.shutting_down = true), [Failed, Ok, Ok, Ok]);
        assert_eq!(conditions(|facts| facts.storage_runtime.silent_ms = 501), [Ok, Failed, Ok, Ok]);
        let workers = |vitalities: &[&'static str], circuit| {
            let worker = |&vitality: &&'static str| WorkerFacts { vitality, silent_ms: 501, ..WorkerFacts::default() };
            conditions(|facts| {
                facts.crossing.supervision.workers = vitalities.iter().map(worker).collect();
                facts.crossing.supervision.circuit = circuit;
            })[1]
        };
        assert_eq!(workers(&["resting", "resting"], "closed"), Ok);
        assert_eq!(workers(&["resting", "busy"], "closed"), Degraded);
        assert_eq!(workers(&["dead", "busy"], "closed"), Failed);
        assert_eq!(workers(&["resting"], "open"), Failed);
        assert_eq!(workers(&["resting"], "half-open"), Degraded);
        let waits = |taken_ms| {
            conditions(|facts| (facts.crossing.oldest_wait_ms, facts.crossing.last_take_ms) = (501, taken_ms))
        };
        assert_eq!(waits(10), [Ok, Ok, Degraded, Ok]);
        assert_eq!(waits(501), [Ok, Ok, Failed, Ok]);
        // Nothing was taken for long, as nothing came.
        assert_eq!(conditions(|facts| facts.crossing.last_take_ms = 100_000), [Ok; 4]);
        assert_eq!(conditions(|facts| facts.storage.engine_stall = "stopped"), [Ok, Ok, Ok, Degraded]);
        assert_eq!(conditions(|facts| facts.storage.refusal = Some("full".to_owned())), [Ok, Ok, Ok, Degraded]);
        assert_eq!(conditions(|facts| facts.storage.snapshot_age_ms = 3001), [Ok, Ok, Ok, Degraded]);
        let poisoned = conditions(|facts| {
            facts.storage.poisoned = true;
            facts.storage.refusal = Some("a sync failed".to_owned());
        });
        assert_eq!(poisoned, [Ok, Ok, Ok, Failed]);
    }

    #[test]
    fn a_condition_keeps_its_time_until_it_changes() {
        let watch = Watch::default();
        let mut facts = Facts::default();
        let well = watch.look(&facts);
        assert!(well.is_ready() && well.live && well.condition() == Condition::Ok);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(watch.look(&facts).parts[1].since_unix_ms, well.parts[1].since_unix_ms);
        facts.storage_runtime.silent_ms = 700;
        let red = watch.look(&facts);
        assert!(!red.is_ready() && red.live);
        assert!(red.parts[1].since_unix_ms > well.parts[1].since_unix_ms);
        assert_eq!(red.parts[0].since_unix_ms, well.parts[0].since_unix_ms);
        facts.storage_runtime.silent_ms = 900;
        assert_eq!(watch.look(&facts).parts[1].since_unix_ms, red.parts[1].since_unix_ms);
        facts.network_runtime.silent_ms = 6000;
        assert!(!watch.look(&facts).live);
    }
}
