//! When and how often keys were used, for `OBJECT IDLETIME` and `OBJECT FREQ`. In memory only, and approximate: keys
//! share the slots of a table of fixed size, and what was used before the start is not known.
//!
//! As in Redis, one number per slot is either a time or a frequency, by what the eviction policy asks for, and
//! after a change of the policy the numbers are unknown until the next use.
//!
//! | number    | bits 24-31                  | bits 8-23                              | bits 0-7            |
//! |-----------|-----------------------------|----------------------------------------|---------------------|
//! | unknown   | 0                           | 0                                      | 0                   |
//! | time      | never 0: Unix time in seconds, all 32 bits of it | …                 | …                   |
//! | frequency | 0                           | minute of the last change, modulo 2^16 | logarithmic counter |

use std::sync::atomic::{AtomicU32, Ordering};

use crate::keyspace::Settings;
use crate::turn::Turn;

/// The table has two to the power of this many slots, of 4 bytes each. With more keys in use than slots, keys
/// begin to look used when a neighbour was.
const SLOTS_LOG2: u32 = 17;
/// The least number that is a time.
const TIME_MIN: u32 = 1 << 24;
/// What a new key's counter begins with, so that it is not the first to go.
const COUNTER_NEW: u8 = 5;
/// Where the minutes begin in a frequency.
const MINUTES_SHIFT: u32 = 8;

/// See the module's text. Shared by all workers; losing one of two simultaneous changes does no harm.
#[derive(Debug)]
pub(crate) struct Accesses {
    slots: Box<[AtomicU32]>,
    /// When the table was made, in Unix seconds.
    since_s: u32,
}

impl Accesses {
    /// A table that knows nothing yet.
    pub(crate) fn new(now_ms: u64) -> Accesses {
        Accesses { slots: (0..1 << SLOTS_LOG2).map(|_| AtomicU32::new(0)).collect(), since_s: seconds(now_ms) }
    }

    /// Notes that a key is used.
    pub(crate) fn touch(&self, record_key: &[u8], turn: &Turn, settings: &Settings) {
        let slot = self.slot(record_key);
        let before = slot.load(Ordering::Relaxed);
        let after = if settings.is_lfu.load(Ordering::Relaxed) {
            let counter = match counter(before, turn.now_ms(), settings) {
                Some(counter) => grown(counter, turn, settings),
                None => COUNTER_NEW,
            };
            frequency(turn.now_ms(), counter)
        } else {
            seconds(turn.now_ms())
        };
        // Most uses of a busy key change nothing: then its cache line need not move between cores.
        if after != before {
            slot.store(after, Ordering::Relaxed);
        }
    }

    /// Reads what [`Accesses::touch`] will, so that it need not wait for the memory.
    pub(crate) fn peek(&self, record_key: &[u8]) -> u32 {
        self.slot(record_key).load(Ordering::Relaxed)
    }

    /// Notes that a key is about to be made.
    pub(crate) fn begin(&self, record_key: &[u8], turn: &Turn, settings: &Settings) {
        let is_lfu = settings.is_lfu.load(Ordering::Relaxed);
        let number = if is_lfu { frequency(turn.now_ms(), COUNTER_NEW) } else { seconds(turn.now_ms()) };
        self.slot(record_key).store(number, Ordering::Relaxed);
    }

    /// Lets a key look as if it was last used some seconds ago.
    pub(crate) fn set_idle(&self, record_key: &[u8], now_ms: u64, idle_seconds: u64) {
        let last = u64::from(seconds(now_ms)).saturating_sub(idle_seconds);
        let number = u32::try_from(last).unwrap_or(u32::MAX).max(TIME_MIN);
        self.slot(record_key).store(number, Ordering::Relaxed);
    }

    /// Lets a key look as often used as a counter says.
    pub(crate) fn set_frequency(&self, record_key: &[u8], now_ms: u64, counter: u8) {
        self.slot(record_key).store(frequency(now_ms, counter), Ordering::Relaxed);
    }

    /// For how many seconds a key was not used.
    pub(crate) fn idle_seconds(&self, record_key: &[u8], now_ms: u64) -> u64 {
        let number = self.slot(record_key).load(Ordering::Relaxed);
        let last = if number >= TIME_MIN { number } else { self.since_s };
        u64::from(seconds(now_ms).saturating_sub(last))
    }

    /// How often a key was used of late, on a logarithmic scale.
    pub(crate) fn frequency(&self, record_key: &[u8], now_ms: u64, settings: &Settings) -> u8 {
        let number = self.slot(record_key).load(Ordering::Relaxed);
        counter(number, now_ms, settings).unwrap_or(COUNTER_NEW)
    }

    fn slot(&self, record_key: &[u8]) -> &AtomicU32 {
        // The eight bytes before the user key end with its hash: see [`crate::key`]. The product's top bits depend on
        // all of them.
        let prefix = record_key.get(2..10).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let index = prefix.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS_LOG2);
        &self.slots[index as usize]
    }
}

fn seconds(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1000).unwrap_or(u32::MAX)
}

fn minutes(now_ms: u64) -> u16 {
    // Wraps around within weeks; only differences count.
    ((now_ms / 60_000) & u64::from(u16::MAX)) as u16
}

fn frequency(now_ms: u64, counter: u8) -> u32 {
    (u32::from(minutes(now_ms)) << MINUTES_SHIFT) | u32::from(counter)
}

/// The counter in a number, less what it lost by time.
fn counter(number: u32, now_ms: u64, settings: &Settings) -> Option<u8> {
    if number == 0 || number >= TIME_MIN {
        return None;
    }
    let [_, high, low, counter] = number.to_be_bytes();
    let elapsed = minutes(now_ms).wrapping_sub(u16::from_be_bytes([high, low]));
    let decay_minutes = settings.lfu_decay_minutes.load(Ordering::Relaxed);
    let lost = u32::from(elapsed).checked_div(decay_minutes).unwrap_or(0);
    Some(u8::try_from(u32::from(counter).saturating_sub(lost)).unwrap_or(u8::MAX))
}

/// The counter after one more use: the greater it is, the less likely it grows.
fn grown(counter: u8, turn: &Turn, settings: &Settings) -> u8 {
    let base = u64::from(counter.saturating_sub(COUNTER_NEW));
    let odds = base * u64::from(settings.lfu_log_factor.load(Ordering::Relaxed)) + 1;
    if turn.random_below(odds) == 0 { counter.saturating_add(1) } else { counter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{self, SpaceId};

    const START_MS: u64 = 1_700_000_000_000;

    fn record(name: &str) -> engine::RecordKey {
        key::record(SpaceId(1), key::position(7, name.as_bytes()), name.as_bytes())
    }

    #[test]
    fn idle_time_counts_from_the_last_use_or_from_the_start() {
        let (accesses, settings) = (Accesses::new(START_MS), Settings::default());
        let turn = Turn::new(START_MS + 5_000, 1);
        assert_eq!(accesses.idle_seconds(&record("k"), turn.now_ms()), 5);
        accesses.touch(&record("k"), &turn, &settings);
        assert_eq!(accesses.idle_seconds(&record("k"), turn.now_ms() + 2_999), 2);
        assert_eq!(accesses.idle_seconds(&record("other"), turn.now_ms()), 5);
    }

    #[test]
    fn frequency_grows_ever_slower_and_decays_by_the_minute() {
        let (accesses, settings) = (Accesses::new(START_MS), Settings::default());
        settings.is_lfu.store(true, Ordering::Relaxed);
        let turn = Turn::new(START_MS, 1);
        let key = record("k");
        accesses.begin(&key, &turn, &settings);
        assert_eq!(accesses.frequency(&key, START_MS, &settings), COUNTER_NEW);
        let mut after = Vec::new();
        for _ in 0..3 {
            (0..1000).for_each(|_| accesses.touch(&key, &turn, &settings));
            after.push(accesses.frequency(&key, START_MS, &settings));
        }
        assert!(after[0] > COUNTER_NEW + 5 && after[2] > after[0], "{after:?}");
        assert!(after[2] - after[0] < after[0] - COUNTER_NEW, "{after:?}");
        assert_eq!(accesses.frequency(&key, START_MS + 3 * 60_000, &settings), after[2] - 3);
        assert_eq!(accesses.frequency(&key, START_MS + 300 * 60_000, &settings), 0);
        settings.lfu_decay_minutes.store(0, Ordering::Relaxed);
        assert_eq!(accesses.frequency(&key, START_MS + 300 * 60_000, &settings), after[2]);
    }

    #[test]
    fn idle_time_and_frequency_can_be_set() {
        let (accesses, settings) = (Accesses::new(START_MS), Settings::default());
        let key = record("k");
        accesses.set_idle(&key, START_MS, 1000);
        assert_eq!(accesses.idle_seconds(&key, START_MS + 2000), 1002);
        accesses.set_idle(&key, START_MS, u64::MAX);
        assert!(accesses.idle_seconds(&key, START_MS) > 1_000_000_000);
        accesses.set_frequency(&key, START_MS, 100);
        assert_eq!(accesses.frequency(&key, START_MS, &settings), 100);
    }

    #[test]
    fn a_change_of_policy_makes_the_numbers_unknown() {
        let (accesses, settings) = (Accesses::new(START_MS), Settings::default());
        let turn = Turn::new(START_MS + 60_000, 1);
        let key = record("k");
        accesses.touch(&key, &turn, &settings);
        assert_eq!(accesses.frequency(&key, turn.now_ms(), &settings), COUNTER_NEW);
        settings.is_lfu.store(true, Ordering::Relaxed);
        accesses.touch(&key, &turn, &settings);
        assert_eq!(accesses.idle_seconds(&key, turn.now_ms()), 60);
    }
}
