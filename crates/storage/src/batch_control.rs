//! How many commands a worker takes at once: as many as it can run in the time that is meant for one turn.
//!
//! Nothing is waited for, so a client alone is served alone. But where much waits, a turn that takes all of it lasts as long as
//! all of it does, and whoever comes meanwhile waits that long. So each worker keeps an estimate of what a command costs it, and takes no more than fit
//! into `batch-target-usec`. Cheap commands come in large batches, dear ones in small, and the estimate follows the load.
//!
//! The time of a commit that syncs is left out: a larger batch makes that cheaper for each of its commands, not dearer.

use std::time::Duration;

/// Commands that a worker always takes, if so many wait, whatever they cost.
const COMMANDS_MIN: usize = 16;
/// The weight of a turn in the estimate, in 1/2^n, if it is a full one.
const FULL_TURN_SHIFT: u32 = 2;
/// What a command costs before the first turn.
const COST_AT_START: Duration = Duration::from_micros(4);

/// One worker's estimate.
#[derive(Debug)]
pub(crate) struct BatchControl {
    /// Of one command.
    cost_ns: u64,
}

impl Default for BatchControl {
    fn default() -> Self {
        BatchControl { cost_ns: nanos(COST_AT_START) }
    }
}

impl BatchControl {
    /// The commands of the next turn, at most, where one is meant to last so long and `commands_max` are allowed.
    pub(crate) fn limit(&self, target: Duration, commands_max: usize) -> usize {
        let fitting = usize::try_from(nanos(target) / self.cost_ns.max(1)).unwrap_or(usize::MAX);
        fitting.max(COMMANDS_MIN).min(commands_max)
    }

    /// Learns from a turn of some commands that took a time. A small turn says less of each command, as what a turn costs by itself is in it.
    pub(crate) fn learn(&mut self, commands: usize, took: Duration) {
        if commands == 0 {
            return;
        }
        let seen = nanos(took) / commands as u64;
        let share = commands.min(COMMANDS_MIN) as u64;
        let weight = (COMMANDS_MIN as u64) << FULL_TURN_SHIFT;
        self.cost_ns = (self.cost_ns * (weight - share) + seen * share) / weight;
    }

    /// The estimate.
    pub(crate) fn cost(&self) -> Duration {
        Duration::from_nanos(self.cost_ns)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(4);
    const MAX: usize = 10_000;

    fn after(turns: &[(usize, u64)]) -> BatchControl {
        let mut control = BatchControl::default();
        turns.iter().for_each(|&(commands, micros)| control.learn(commands, Duration::from_micros(micros)));
        control
    }

    #[test]
    fn dear_commands_come_in_small_batches_and_cheap_ones_in_large() {
        let dear = after(&[(100, 100 * 200); 40]);
        assert!((19..=21).contains(&dear.limit(TARGET, MAX)), "{dear:?}");
        let cheap = after(&[(1000, 1000); 40]);
        assert!((3900..=4100).contains(&cheap.limit(TARGET, MAX)), "{cheap:?}");
        assert_eq!(cheap.limit(TARGET, 100), 100);
    }

    #[test]
    fn there_is_always_some_progress() {
        let slow = after(&[(1, 10_000_000); 500]);
        assert_eq!(slow.limit(TARGET, MAX), COMMANDS_MIN);
        assert_eq!(slow.limit(Duration::ZERO, 3), 3);
    }

    #[test]
    fn the_estimate_follows_the_load_and_one_small_turn_moves_it_little() {
        let mut control = after(&[(1000, 2000); 40]);
        let before = control.limit(TARGET, MAX);
        control.learn(1, Duration::from_micros(50));
        assert!(control.limit(TARGET, MAX) > before / 2);
        (0..20).for_each(|_| control.learn(200, Duration::from_micros(200 * 50)));
        assert!((70..=90).contains(&control.limit(TARGET, MAX)), "{control:?}");
    }
}
