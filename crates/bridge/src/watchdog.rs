//! The watchdog's judgement: which worker is late, hung or dead, and what follows for the circuit. It has no clock and
//! no task of its own: the network runtime calls [`Watchdog::tick`].

use std::time::{Duration, Instant};

use crate::channel::MessageChannel;
use crate::circuit::{CircuitState, Health};
use crate::heartbeat::{Sign, Vitality};

/// How often the watchdog looks.
pub const WATCHDOG_PERIOD: Duration = Duration::from_millis(50);
/// A worker that is silent for longer is late, whatever the deadline of requests.
const LATE_MAX: Duration = Duration::from_millis(500);

/// What the watchdog has found, for the log. Each is told once when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A worker has a request in hand for long.
    Late(usize, Sign),
    /// For longer than requests may wait.
    Hung(usize, Sign),
    /// A worker died, or was not replaced yet.
    Dead(usize, Sign),
    /// A worker works again.
    Recovered(usize, Sign),
    /// The circuit is in a new state.
    Circuit(CircuitState),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    #[default]
    Well,
    Late,
    Dead,
    /// It is late or dead for longer than requests may wait.
    Down,
}

/// See the module's text. Belongs to one task.
#[derive(Debug, Default)]
pub struct Watchdog {
    verdicts: Vec<Verdict>,
    /// Silence before this moment is nobody's fault.
    awake_since: Option<Instant>,
    last_state: Option<CircuitState>,
}

impl Watchdog {
    /// The watchdog itself was not called until now, far beyond its time: the machine slept, or the process was stopped. Then the
    /// workers were too, and their silence counts from now on.
    pub fn forgive(&mut self, now: Instant) {
        self.awake_since = Some(now);
    }

    /// Looks at the workers, sets the circuit and the health, and says what is new. `timeout` is how long a request
    /// may wait (`storage-queue-timeout`).
    pub fn tick<Q, R>(&mut self, channel: &MessageChannel<Q, R>, timeout: Duration, now: Instant) -> Vec<Finding> {
        let awake = self.awake_since.map_or(Duration::MAX, |since| now.saturating_duration_since(since));
        let mut signs = channel.heartbeats().signs(now);
        signs.iter_mut().for_each(|sign| sign.silent = sign.silent.min(awake));
        // Requests wait and nobody takes them: then a worker that rests does not live either.
        let is_starved = channel.oldest_wait(now).min(awake) >= timeout;
        let mut findings = Vec::new();
        self.verdicts.resize(signs.len(), Verdict::default());
        for (worker, sign) in signs.iter().enumerate() {
            let verdict = judge(sign, timeout, is_starved);
            let before = std::mem::replace(&mut self.verdicts[worker], verdict);
            if verdict == before {
                continue;
            }
            findings.push(match (verdict, sign.vitality) {
                (Verdict::Well, _) => Finding::Recovered(worker, *sign),
                (_, Vitality::Dead | Vitality::Absent) => Finding::Dead(worker, *sign),
                (Verdict::Late | Verdict::Dead, _) => Finding::Late(worker, *sign),
                (Verdict::Down, _) => Finding::Hung(worker, *sign),
            });
            if before == Verdict::Well {
                channel.metrics().count_stall();
            }
        }
        let is_down = !signs.is_empty() && self.verdicts.iter().all(|verdict| *verdict == Verdict::Down);
        let is_hung = self.verdicts.contains(&Verdict::Down);
        let health = match self.verdicts.iter().max() {
            _ if is_down => Health::Down,
            None | Some(Verdict::Well) => Health::Well,
            Some(_) => Health::Degraded,
        };
        let circuit = channel.circuit();
        circuit.set_health(health, is_hung);
        match circuit.state() {
            CircuitState::Closed | CircuitState::HalfOpen if is_down => drop(circuit.open()),
            CircuitState::Open if !is_down => drop(circuit.half_open()),
            // Nobody probes, but nothing waits and the workers rest: that is as good.
            CircuitState::HalfOpen if health == Health::Well && channel.depth().0 == 0 => drop(circuit.close()),
            _ => {}
        }
        let state = circuit.state();
        if self.last_state.replace(state).is_some_and(|last| last != state) {
            findings.push(Finding::Circuit(state));
        }
        findings
    }
}

fn judge(sign: &Sign, timeout: Duration, is_starved: bool) -> Verdict {
    match sign.vitality {
        Vitality::Resting if is_starved && sign.silent >= timeout => Verdict::Down,
        Vitality::Resting => Verdict::Well,
        _ if sign.silent >= timeout => Verdict::Down,
        Vitality::Busy if sign.silent >= LATE_MAX.min(timeout / 2) => Verdict::Late,
        Vitality::Busy => Verdict::Well,
        Vitality::Dead | Vitality::Absent => Verdict::Dead,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::channel::ChannelLimits;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn channel(workers: usize) -> MessageChannel<u32, u32> {
        let channel = MessageChannel::new(ChannelLimits { requests: 8, bytes: 1000 }, workers, Arc::default());
        (0..workers).for_each(|worker| channel.heartbeats().rest(worker));
        channel
    }

    #[test]
    fn silence_while_everybody_was_stopped_does_not_count() {
        let (channel, mut dog, start) = (channel(1), Watchdog::default(), Instant::now());
        channel.heartbeats().beat(0, 7, start);
        let awake = start + 10 * TIMEOUT;
        dog.forgive(awake);
        assert_eq!(dog.tick(&channel, TIMEOUT, awake), []);
        // What comes after that does.
        let hung = dog.tick(&channel, TIMEOUT, awake + TIMEOUT);
        assert!(matches!(hung[..], [Finding::Hung(0, _), Finding::Circuit(CircuitState::Open)]), "{hung:?}");
    }

    #[test]
    fn a_silent_worker_is_late_then_hung_and_the_circuit_follows() {
        let (channel, mut dog, start) = (channel(1), Watchdog::default(), Instant::now());
        assert_eq!(dog.tick(&channel, TIMEOUT, start), []);
        channel.heartbeats().beat(0, 7, start);
        assert_eq!(dog.tick(&channel, TIMEOUT, start + LATE_MAX / 2), []);
        let late = dog.tick(&channel, TIMEOUT, start + LATE_MAX + Duration::from_millis(2));
        assert!(matches!(late[..], [Finding::Late(0, Sign { request: 7, .. })]), "{late:?}");
        assert_eq!((channel.circuit().health(), channel.circuit().state()), (Health::Degraded, CircuitState::Closed));
        let hung = dog.tick(&channel, TIMEOUT, start + TIMEOUT + Duration::from_millis(2));
        assert!(matches!(hung[..], [Finding::Hung(0, _), Finding::Circuit(CircuitState::Open)]), "{hung:?}");
        assert!(channel.circuit().health() == Health::Down && channel.circuit().is_hung());
        channel.heartbeats().rest(0);
        let back = dog.tick(&channel, TIMEOUT, start + TIMEOUT);
        assert!(matches!(back[..], [Finding::Recovered(0, _), Finding::Circuit(CircuitState::HalfOpen)]), "{back:?}");
        let closed = dog.tick(&channel, TIMEOUT, start + TIMEOUT);
        assert_eq!(closed, [Finding::Circuit(CircuitState::Closed)]);
        assert_eq!(channel.metrics().stalls.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[test]
    fn one_of_two_workers_does_not_open_the_circuit() {
        let (channel, mut dog, start) = (channel(2), Watchdog::default(), Instant::now());
        channel.heartbeats().beat(0, 7, start);
        dog.tick(&channel, TIMEOUT, start + 2 * TIMEOUT);
        assert_eq!((channel.circuit().health(), channel.circuit().state()), (Health::Degraded, CircuitState::Closed));
        assert!(channel.circuit().is_hung());
    }

    #[test]
    fn a_dead_worker_is_told_at_once_and_opens_only_if_it_stays_dead() {
        let (channel, mut dog, start) = (channel(1), Watchdog::default(), Instant::now());
        channel.heartbeats().die(0);
        let found = dog.tick(&channel, TIMEOUT, start);
        assert!(matches!(found[..], [Finding::Dead(0, Sign { restarts: 1, .. })]), "{found:?}");
        assert_eq!(channel.circuit().state(), CircuitState::Closed);
        dog.tick(&channel, TIMEOUT, start + 2 * TIMEOUT);
        assert_eq!(channel.circuit().state(), CircuitState::Open);
    }
}
