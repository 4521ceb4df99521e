//! What one writer sent, what was acknowledged, and what may therefore be there after a crash. Pure: no socket, no clock.
//!
//! A writer numbers its writes. A register holds the number of the write that set it last; a group is several keys that are
//! always set together, by MSET; a counter is only ever incremented. With one connection per writer the order of its writes
//! is known, so after a crash exactly a prefix of them must be there, and at least the acknowledged ones.

use std::fmt;

/// Keys of each kind a writer has: few, so that most are rewritten before a crash, and the log holds what is superseded.
pub(crate) const REGISTERS: usize = 64;
pub(crate) const GROUPS: usize = 8;
pub(crate) const GROUP_KEYS: usize = 4;
pub(crate) const COUNTERS: usize = 8;

/// The number of a write of this writer; zero stands for an absent key.
pub(crate) type Sequence = u64;

/// The writes of one register or group since the last check.
#[derive(Clone, Debug, Default)]
struct History {
    /// What the last check found.
    settled: Sequence,
    acknowledged: Sequence,
    /// In ascending order, acknowledged or not; without those that were refused.
    sent: Vec<Sequence>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    settled: u64,
    acknowledged: u64,
    sent: u64,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Register(usize),
    Group(usize),
    Counter(usize),
    SharedCounter,
}

/// Everything that one writer knows.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) writer: u64,
    last: Sequence,
    registers: Vec<History>,
    groups: Vec<History>,
    counters: Vec<Counter>,
    /// This writer's share in the counter that all increment.
    shared: Counter,
}

/// What was read back after a restart.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) registers: Vec<Sequence>,
    pub(crate) groups: Vec<[Sequence; GROUP_KEYS]>,
    pub(crate) counters: Vec<u64>,
}

impl Ledger {
    pub(crate) fn new(writer: u64) -> Ledger {
        Ledger {
            writer,
            last: 0,
            registers: vec![History::default(); REGISTERS],
            groups: vec![History::default(); GROUPS],
            counters: vec![Counter::default(); COUNTERS],
            shared: Counter::default(),
        }
    }

    /// Notes that a write is about to be sent, and returns its number.
    pub(crate) fn send(&mut self, target: Target) -> Sequence {
        self.last += 1;
        let number = self.last;
        match target {
            Target::Register(index) => self.registers[index].sent.push(number),
            Target::Group(index) => self.groups[index].sent.push(number),
            Target::Counter(index) => self.counters[index].sent += 1,
            Target::SharedCounter => self.shared.sent += 1,
        }
        number
    }

    /// Notes that the server has acknowledged a write.
    pub(crate) fn acknowledge(&mut self, target: Target, number: Sequence) {
        match target {
            Target::Register(index) => self.registers[index].acknowledged = number,
            Target::Group(index) => self.groups[index].acknowledged = number,
            Target::Counter(index) => self.counters[index].acknowledged += 1,
            Target::SharedCounter => self.shared.acknowledged += 1,
        }
    }

    /// Notes that the server has refused a write, which therefore must not show.
    pub(crate) fn refuse(&mut self, target: Target, number: Sequence) {
        match target {
            Target::Register(index) => self.registers[index].sent.retain(|&sent| sent != number),
            Target::Group(index) => self.groups[index].sent.retain(|&sent| sent != number),
            Target::Counter(index) => self.counters[index].sent -= 1,
            Target::SharedCounter => self.shared.sent -= 1,
        }
    }

    /// Judges what is there after a crash, and takes it as given from here on.
    pub(crate) fn settle(&mut self, found: &Found) -> Findings {
        let mut findings = Findings::default();
        let in_groups = found.groups.iter().flatten();
        let newest = found.registers.iter().chain(in_groups).copied().max().unwrap_or(0);
        for (history, &value) in self.registers.iter_mut().zip(&found.registers) {
            history.settle(value, newest, &mut findings);
        }
        for (history, values) in self.groups.iter_mut().zip(&found.groups) {
            findings.torn += u64::from(values.iter().any(|value| value != &values[0]));
            // Of a torn group the oldest key counts: it is the one that may have lost something.
            history.settle(values.iter().copied().min().unwrap_or(0), newest, &mut findings);
        }
        for (counter, &value) in self.counters.iter_mut().zip(&found.counters) {
            counter.settle(value, &mut findings);
        }
        findings
    }
}

/// Judges the counter that all writers increment; none of them knows its value alone.
pub(crate) fn settle_shared(ledgers: &mut [Ledger], found: u64) -> Findings {
    let mut sum = Counter::default();
    for share in ledgers.iter_mut().map(|ledger| &mut ledger.shared) {
        sum.settled += share.settled;
        sum.acknowledged += share.acknowledged;
        sum.sent += share.sent;
        *share = Counter::default();
    }
    let mut findings = Findings::default();
    sum.settle(found, &mut findings);
    if let Some(first) = ledgers.first_mut() {
        first.shared.settled = found;
    }
    findings
}

impl History {
    fn settle(&mut self, found: Sequence, newest: Sequence, findings: &mut Findings) {
        let acknowledged = self.sent.iter().filter(|&&number| number <= self.acknowledged);
        findings.checked += acknowledged.clone().count() as u64;
        let expected = self.sent.iter().copied().filter(|&number| number <= newest).max().unwrap_or(self.settled);
        if found < self.acknowledged.max(self.settled) {
            // What earlier rounds had found counts as one more write.
            findings.lost += acknowledged.filter(|&&number| number > found).count().max(1) as u64;
        } else if found != self.settled && !self.sent.contains(&found) {
            findings.invented += 1;
        } else if found != expected {
            findings.disordered += 1;
        }
        *self = History { settled: found, acknowledged: found, sent: Vec::new() };
    }
}

impl Counter {
    fn settle(&mut self, found: u64, findings: &mut Findings) {
        findings.checked += self.acknowledged;
        findings.lost += (self.settled + self.acknowledged).saturating_sub(found);
        findings.invented += found.saturating_sub(self.settled + self.sent);
        *self = Counter { settled: found, acknowledged: 0, sent: 0 };
    }
}

/// What a check, or all of them together, found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Acknowledged writes that were looked for.
    pub(crate) checked: u64,
    /// Of those, the ones that are gone.
    pub(crate) lost: u64,
    /// Groups whose keys do not have the same value.
    pub(crate) torn: u64,
    /// Values that were never sent, or refused.
    pub(crate) invented: u64,
    /// Keys that lack a write though a later one of the same connection is there.
    pub(crate) disordered: u64,
}

impl Findings {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.torn + self.invented + self.disordered == 0
    }

    pub(crate) fn add(&mut self, other: &Findings) {
        self.checked += other.checked;
        self.lost += other.lost;
        self.torn += other.torn;
        self.invented += other.invented;
        self.disordered += other.disordered;
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { checked, lost, torn, invented, disordered } = self;
        write!(out, "acknowledged writes checked {checked}, lost {lost}, torn {torn}, ")?;
        write!(out, "invented {invented}, disordered {disordered}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ledger with three writes: register 0 twice and group 0 once; all but the last are acknowledged.
    fn written() -> Ledger {
        let mut ledger = Ledger::new(0);
        let targets = [Target::Register(0), Target::Group(0), Target::Register(0)];
        for target in targets {
            let number = ledger.send(target);
            if number < 3 {
                ledger.acknowledge(target, number);
            }
        }
        ledger
    }

    fn found(register: Sequence, group: [Sequence; GROUP_KEYS]) -> Found {
        let mut found =
            Found { registers: vec![0; REGISTERS], groups: vec![[0; GROUP_KEYS]; GROUPS], counters: vec![0; COUNTERS] };
        found.registers[0] = register;
        found.groups[0] = group;
        found
    }

    #[test]
    fn any_prefix_with_all_acknowledged_writes_is_right() {
        for register in [1, 3] {
            let findings = written().settle(&found(register, [2; GROUP_KEYS]));
            assert_eq!(findings, Findings { checked: 2, ..Findings::default() });
        }
    }

    #[test]
    fn an_acknowledged_write_that_is_gone_is_lost() {
        assert_eq!(written().settle(&found(0, [2; GROUP_KEYS])).lost, 1);
        assert_eq!(written().settle(&found(1, [0; GROUP_KEYS])).lost, 1);
    }

    #[test]
    fn a_group_with_two_values_is_torn() {
        let findings = written().settle(&found(3, [2, 2, 0, 2]));
        assert_eq!((findings.torn, findings.lost), (1, 1));
    }

    #[test]
    fn a_value_that_was_never_sent_is_invented() {
        assert_eq!(written().settle(&found(9, [2; GROUP_KEYS])).invented, 1);
    }

    #[test]
    fn a_refused_write_must_not_show() {
        let mut ledger = written();
        ledger.refuse(Target::Register(0), 3);
        assert_eq!(ledger.settle(&found(3, [2; GROUP_KEYS])).invented, 1);
    }

    #[test]
    fn a_gap_before_a_later_write_is_disorder() {
        let mut ledger = Ledger::new(0);
        ledger.send(Target::Register(0));
        ledger.send(Target::Group(0));
        assert_eq!(ledger.settle(&found(0, [2; GROUP_KEYS])).disordered, 1);
    }

    #[test]
    fn what_a_check_found_must_stay() {
        let mut ledger = written();
        ledger.settle(&found(3, [2; GROUP_KEYS]));
        assert!(ledger.settle(&found(3, [2; GROUP_KEYS])).is_clean());
        assert_eq!(ledger.settle(&found(1, [2; GROUP_KEYS])).lost, 1);
    }

    #[test]
    fn the_shared_counter_lies_between_acknowledged_and_sent() {
        let incremented = || {
            let mut ledgers = [Ledger::new(0), Ledger::new(1)];
            for ledger in &mut ledgers {
                let number = ledger.send(Target::SharedCounter);
                ledger.acknowledge(Target::SharedCounter, number);
                ledger.send(Target::SharedCounter);
            }
            ledgers
        };
        for value in 2..=4 {
            let mut ledgers = incremented();
            assert!(settle_shared(&mut ledgers, value).is_clean());
            assert!(settle_shared(&mut ledgers, value).is_clean());
        }
        assert_eq!(settle_shared(&mut incremented(), 1).lost, 1);
        assert_eq!(settle_shared(&mut incremented(), 5).invented, 1);
    }
}
