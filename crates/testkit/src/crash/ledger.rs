//! What one writer sent, what was acknowledged, and what may therefore be there after a crash. Pure: no socket, no clock.
//!
//! A writer numbers its writes. A register holds the number of the write that set it last; a group is several keys that are
//! always set together, by MSET or a transaction; a log holds the numbers that were appended since it was last begun anew by SET; a counter
//! is only ever incremented. With one connection per writer the order of its writes is known, so after a crash exactly a
//! prefix of them must be there, and at least the acknowledged ones.

use std::fmt;
use std::time::Instant;

/// Keys of each kind a writer has: few, so that most are rewritten before a crash, and the log holds what is superseded.
pub(crate) const REGISTERS: usize = 64;
pub(crate) const GROUPS: usize = 8;
pub(crate) const GROUP_KEYS: usize = 4;
pub(crate) const COUNTERS: usize = 8;
pub(crate) const LOGS: usize = 2;
/// Lines after which a log is begun anew.
const LOG_LINES_MAX: usize = 300;

/// The number of a write of this writer; zero stands for an absent key.
pub(crate) type Sequence = u64;
/// Stands for a value that is no whole value of this writer's.
pub(crate) const DAMAGED: Sequence = Sequence::MAX;

/// The writes of one register, group or log since the last check.
#[derive(Clone, Debug, Default)]
struct History {
    /// What the last check found.
    settled: Sequence,
    /// In ascending order.
    acknowledged: Vec<(Sequence, Instant)>,
    /// In ascending order, acknowledged or not; without those that were refused.
    sent: Vec<Sequence>,
    /// Sent, and answered with an error that leaves open whether they took effect.
    doubtful: Vec<Sequence>,
}

#[derive(Clone, Debug, Default)]
struct Log {
    history: History,
    /// The writes that begin it anew.
    begun: Vec<Sequence>,
    /// What the last check found.
    settled: Vec<Sequence>,
    lines: usize,
}

#[derive(Clone, Debug, Default)]
struct Counter {
    settled: u64,
    acknowledged: Vec<Instant>,
    sent: u64,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Register(usize),
    Group(usize),
    Log(usize),
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
    logs: Vec<Log>,
    counters: Vec<Counter>,
    /// This writer's share in the counter that all increment.
    shared: Counter,
}

/// What was read back after a restart.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) registers: Vec<Sequence>,
    pub(crate) groups: Vec<[Sequence; GROUP_KEYS]>,
    pub(crate) logs: Vec<Vec<Sequence>>,
    pub(crate) counters: Vec<u64>,
}

impl Ledger {
    pub(crate) fn new(writer: u64) -> Ledger {
        Ledger {
            writer,
            last: 0,
            registers: vec![History::default(); REGISTERS],
            groups: vec![History::default(); GROUPS],
            logs: vec![Log::default(); LOGS],
            counters: vec![Counter::default(); COUNTERS],
            shared: Counter::default(),
        }
    }

    /// Notes that a write is about to be sent, and returns its number.
    pub(crate) fn send(&mut self, target: Target) -> Sequence {
        self.last += 1;
        let number = self.last;
        match target {
            Target::Counter(index) => self.counters[index].sent += 1,
            Target::SharedCounter => self.shared.sent += 1,
            Target::Log(index) => {
                let log = &mut self.logs[index];
                log.lines += 1;
                if log.lines > LOG_LINES_MAX {
                    log.lines = 1;
                    log.begun.push(number);
                }
                log.history.sent.push(number);
            }
            Target::Register(_) | Target::Group(_) => self.history(target).sent.push(number),
        }
        number
    }

    /// Whether a write to a log begins it anew.
    pub(crate) fn begins_log(&self, index: usize, number: Sequence) -> bool {
        self.logs[index].begun.contains(&number)
    }

    /// Notes that the server has acknowledged a write.
    pub(crate) fn acknowledge(&mut self, target: Target, number: Sequence, at: Instant) {
        match target {
            Target::Counter(index) => self.counters[index].acknowledged.push(at),
            Target::SharedCounter => self.shared.acknowledged.push(at),
            _ => self.history(target).acknowledged.push((number, at)),
        }
    }

    /// Notes that the server has refused a write, which therefore must not show.
    pub(crate) fn refuse(&mut self, target: Target, number: Sequence) {
        match target {
            Target::Counter(index) => self.counters[index].sent -= 1,
            Target::SharedCounter => self.shared.sent -= 1,
            _ => self.history(target).sent.retain(|&sent| sent != number),
        }
    }

    /// Notes that the server does not know whether a write took effect.
    pub(crate) fn doubt(&mut self, target: Target, number: Sequence) {
        match target {
            // Between acknowledged and sent anything is right.
            Target::Counter(_) | Target::SharedCounter => {}
            _ => self.history(target).doubtful.push(number),
        }
    }

    fn history(&mut self, target: Target) -> &mut History {
        match target {
            Target::Register(index) => &mut self.registers[index],
            Target::Group(index) => &mut self.groups[index],
            Target::Log(index) => &mut self.logs[index].history,
            Target::Counter(_) | Target::SharedCounter => unreachable!("counters keep no numbers"),
        }
    }

    /// Judges what is there after a crash, and takes it as given from here on.
    pub(crate) fn settle(&mut self, found: &Found) -> Findings {
        let mut findings = Findings::default();
        let of_groups = found.groups.iter().flatten();
        let of_logs = found.logs.iter().filter_map(|lines| lines.last());
        let all = found.registers.iter().chain(of_groups).chain(of_logs).copied();
        let newest = all.filter(|&number| number != DAMAGED).max().unwrap_or(0);
        for (history, &value) in self.registers.iter_mut().zip(&found.registers) {
            history.settle(value, newest, &mut findings);
        }
        for (history, values) in self.groups.iter_mut().zip(&found.groups) {
            findings.torn += u64::from(values.iter().any(|value| value != &values[0]));
            // Of a torn group the oldest key counts: it is the one that may have lost something.
            history.settle(values.iter().copied().min().unwrap_or(0), newest, &mut findings);
        }
        for (log, lines) in self.logs.iter_mut().zip(&found.logs) {
            log.settle(lines, newest, &mut findings);
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
        let share = std::mem::take(share);
        sum.settled += share.settled;
        sum.acknowledged.extend(share.acknowledged);
        sum.sent += share.sent;
    }
    sum.acknowledged.sort_unstable();
    let mut findings = Findings::default();
    sum.settle(found, &mut findings);
    if let Some(first) = ledgers.first_mut() {
        first.shared.settled = found;
    }
    findings
}

impl History {
    fn settle(&mut self, found: Sequence, newest: Sequence, findings: &mut Findings) {
        findings.checked += self.acknowledged.len() as u64;
        let lost = self.acknowledged.iter().filter(|&&(number, _)| number > found);
        for &(_, at) in lost {
            findings.lose(at);
        }
        findings.lost_again += u64::from(found < self.settled);
        findings.invented += u64::from(found != self.settled && !self.sent.contains(&found) && found >= self.settled);
        let due = self.sent.iter().rev().find(|&number| *number <= newest && !self.doubtful.contains(number));
        findings.disordered += u64::from(due.is_some_and(|&due| found < due));
        *self = History { settled: found, ..History::default() };
    }
}

impl Log {
    fn settle(&mut self, found: &[Sequence], newest: Sequence, findings: &mut Findings) {
        let last = found.last().copied().unwrap_or(0);
        let mut expected = std::mem::take(&mut self.settled);
        for number in self.history.sent.iter().filter(|&&number| number <= last) {
            if self.begun.contains(number) {
                expected.clear();
            }
            expected.push(*number);
        }
        // Of what is older than the last check only the last line is known to be there; settle() tells whether it is.
        let is_known = last >= self.history.settled && self.history.doubtful.is_empty();
        findings.torn += u64::from(is_known && expected != found);
        self.history.settle(last, newest, findings);
        *self = Log { history: self.history.clone(), begun: Vec::new(), settled: found.to_vec(), lines: found.len() };
    }
}

impl Counter {
    fn settle(&mut self, found: u64, findings: &mut Findings) {
        let acknowledged = self.acknowledged.len() as u64;
        findings.checked += acknowledged;
        let kept = found.saturating_sub(self.settled).min(acknowledged);
        for &at in &self.acknowledged[kept as usize..] {
            findings.lose(at);
        }
        findings.lost_again += self.settled.saturating_sub(found);
        findings.invented += found.saturating_sub(self.settled + self.sent);
        *self = Counter { settled: found, ..Counter::default() };
    }
}

/// What a check, or all of them together, found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Acknowledged writes that were looked for.
    pub checked: u64,
    /// Of those, the ones that are gone.
    pub lost: u64,
    /// When the first of the lost ones was acknowledged.
    pub oldest_lost: Option<Instant>,
    /// Values that a check had found there, and a later one did not.
    pub lost_again: u64,
    /// Groups whose keys do not have the same value, and logs that lack a line in their middle.
    pub torn: u64,
    /// Values that were never sent, or refused.
    pub invented: u64,
    /// Keys that lack a write though a later one of the same connection is there.
    pub disordered: u64,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.is_whole()
    }

    /// Whether what is there is a state that the server once was in, though it may be an old one.
    pub fn is_whole(&self) -> bool {
        self.lost_again + self.torn + self.invented + self.disordered == 0
    }

    /// Adds another check's.
    pub fn add(&mut self, other: &Findings) {
        self.checked += other.checked;
        self.lost += other.lost;
        self.oldest_lost = [self.oldest_lost, other.oldest_lost].into_iter().flatten().min();
        self.lost_again += other.lost_again;
        self.torn += other.torn;
        self.invented += other.invented;
        self.disordered += other.disordered;
    }

    fn lose(&mut self, at: Instant) {
        self.lost += 1;
        self.oldest_lost = Some(self.oldest_lost.map_or(at, |oldest| oldest.min(at)));
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { checked, lost, lost_again, torn, invented, disordered, .. } = self;
        write!(out, "acknowledged writes checked {checked}, lost {lost}, torn {torn}, ")?;
        write!(out, "lost again {lost_again}, invented {invented}, disordered {disordered}")
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
                ledger.acknowledge(target, number, Instant::now());
            }
        }
        ledger
    }

    fn nothing() -> Found {
        Found {
            registers: vec![0; REGISTERS],
            groups: vec![[0; GROUP_KEYS]; GROUPS],
            logs: vec![Vec::new(); LOGS],
            counters: vec![0; COUNTERS],
        }
    }

    fn found(register: Sequence, group: [Sequence; GROUP_KEYS]) -> Found {
        let mut found = nothing();
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
        assert_eq!(ledger.settle(&found(1, [2; GROUP_KEYS])).lost_again, 1);
    }

    /// A log with so many lines sent, all of which are acknowledged.
    fn logged(lines: usize) -> Ledger {
        let mut ledger = Ledger::new(0);
        for _ in 0..lines {
            let number = ledger.send(Target::Log(0));
            ledger.acknowledge(Target::Log(0), number, Instant::now());
        }
        ledger
    }

    fn log(lines: impl IntoIterator<Item = Sequence>) -> Found {
        Found { logs: vec![lines.into_iter().collect(), Vec::new()], ..nothing() }
    }

    #[test]
    fn a_log_must_hold_every_line_once_and_in_order() {
        assert!(logged(4).settle(&log(1..=4)).is_clean());
        let findings = logged(4).settle(&log(1..=3));
        assert_eq!((findings.lost, findings.torn), (1, 0));
        for damaged in [&[1, 3, 4][..], &[1, 2, 4, 3, 4], &[1, 2, 2, 3, 4], &[4]] {
            assert_eq!(logged(4).settle(&log(damaged.iter().copied())).torn, 1, "{damaged:?}");
        }
    }

    #[test]
    fn a_log_that_is_begun_anew_forgets_its_lines() {
        let longest = LOG_LINES_MAX as Sequence;
        let mut ledger = logged(LOG_LINES_MAX + 2);
        assert!(ledger.begins_log(0, longest + 1));
        assert!(ledger.settle(&log([longest + 1, longest + 2])).is_clean());
        assert_eq!(logged(LOG_LINES_MAX + 2).settle(&log(1..=longest + 2)).torn, 1);
    }

    #[test]
    fn a_doubtful_write_may_show_or_not() {
        for register in [1, 3] {
            let mut ledger = written();
            ledger.doubt(Target::Register(0), 3);
            let number = ledger.send(Target::Group(0));
            ledger.acknowledge(Target::Group(0), number, Instant::now());
            assert!(ledger.settle(&found(register, [4; GROUP_KEYS])).is_clean(), "{register}");
        }
    }

    #[test]
    fn a_damaged_value_is_invented_and_nothing_else() {
        let findings = written().settle(&found(DAMAGED, [2; GROUP_KEYS]));
        assert_eq!(findings, Findings { checked: 2, invented: 1, ..Findings::default() });
    }

    #[test]
    fn the_first_of_the_lost_writes_is_told() {
        let mut ledger = Ledger::new(0);
        let start = Instant::now();
        for index in 0..4 {
            let number = ledger.send(Target::Counter(0));
            ledger.acknowledge(Target::Counter(0), number, start + std::time::Duration::from_secs(index));
        }
        let findings = ledger.settle(&Found { counters: [vec![1], vec![0; COUNTERS - 1]].concat(), ..nothing() });
        assert_eq!(findings.lost, 3);
        assert_eq!(findings.oldest_lost, Some(start + std::time::Duration::from_secs(1)));
    }

    #[test]
    fn the_shared_counter_lies_between_acknowledged_and_sent() {
        let incremented = || {
            let mut ledgers = [Ledger::new(0), Ledger::new(1)];
            for ledger in &mut ledgers {
                let number = ledger.send(Target::SharedCounter);
                ledger.acknowledge(Target::SharedCounter, number, Instant::now());
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
