//! The search for an order of calls. See the module above for the algorithm.

use super::history::{Call, Key, Operation, Outcome};
use super::model::{State, apply};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

/// How many calls before the first contradiction a message shows.
const SHOWN_BEFORE: usize = 12;

/// What a check found.
#[derive(Debug)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Violation(Box<Violation>),
    /// The search was given up after so many configurations as it was allowed.
    Undecided,
}

/// Where the longest order that could be found ends.
#[derive(Debug)]
pub struct Violation {
    /// The keys of the part that contradicts itself.
    pub keys: Vec<Key>,
    /// The last calls of that order.
    pub before: Vec<Call>,
    /// What the keys hold after them.
    pub state: Vec<Option<Vec<u8>>>,
    /// The call that had to take effect next, at the latest, and could not have given its reply.
    pub stuck: Call,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "no order of the calls explains keys {:?}. The longest that does ends with", self.keys)?;
        self.before.iter().try_for_each(|call| writeln!(out, "  {call}"))?;
        writeln!(out, "after which they hold")?;
        for (key, value) in self.keys.iter().zip(&self.state) {
            let text = value.as_ref().map_or_else(|| "nothing".to_owned(), |text| text.escape_ascii().to_string());
            writeln!(out, "  {key}: {text}")?;
        }
        writeln!(out, "and then this would have had to come:\n  {}", self.stuck)
    }
}

/// Checks a history that begins with no key there. Gives up after so many configurations.
pub fn check(history: &[Call], configurations_max: u64) -> Verdict {
    let mut left = configurations_max;
    for part in parts(history) {
        match Search::new(&part).run(&mut left) {
            Verdict::Linearizable => {}
            other => return other,
        }
    }
    Verdict::Linearizable
}

/// Calls on keys that hang together.
struct Part<'a> {
    keys: Vec<Key>,
    /// In the order of their begins; reads of unknown outcome are left out, as they say nothing.
    calls: Vec<&'a Call>,
    /// The same, with places in `keys` instead of keys.
    operations: Vec<Operation>,
}

/// Divides a history so that no call touches keys of two parts.
fn parts(history: &[Call]) -> Vec<Part<'_>> {
    let mut leaders: BTreeMap<Key, Key> = BTreeMap::new();
    fn leader(leaders: &BTreeMap<Key, Key>, mut key: Key) -> Key {
        while leaders[&key] != key {
            key = leaders[&key];
        }
        key
    }
    for call in history {
        let keys = call.operation.keys();
        for &key in &keys {
            leaders.entry(key).or_insert(key);
            let (one, other) = (leader(&leaders, keys[0]), leader(&leaders, key));
            leaders.insert(one.max(other), one.min(other));
        }
    }
    let mut parts: BTreeMap<Key, Part<'_>> = BTreeMap::new();
    for &key in leaders.keys() {
        let part = parts.entry(leader(&leaders, key)).or_insert_with(|| Part {
            keys: Vec::new(),
            calls: Vec::new(),
            operations: Vec::new(),
        });
        part.keys.push(key);
    }
    for call in history {
        let says_nothing = call.operation.is_read() && matches!(call.outcome, Outcome::Unknown { .. });
        if let (Some(key), false) = (call.operation.keys().first(), says_nothing)
            && let Some(part) = parts.get_mut(&leader(&leaders, *key))
        {
            part.calls.push(call);
        }
    }
    let mut parts: Vec<Part<'_>> = parts.into_values().collect();
    for part in &mut parts {
        part.calls.sort_by_key(|call| call.begun);
        let place = |key: &Key| part.keys.binary_search(key).unwrap_or(0);
        part.operations = part.calls.iter().map(|call| with_places(&call.operation, place)).collect();
    }
    parts
}

fn with_places(operation: &Operation, place: impl Fn(&Key) -> usize) -> Operation {
    match operation.clone() {
        Operation::Get(key) => Operation::Get(place(&key)),
        Operation::GetDel(key) => Operation::GetDel(place(&key)),
        Operation::Incr(key) => Operation::Incr(place(&key)),
        Operation::Append(key, value) => Operation::Append(place(&key), value),
        Operation::Set { key, value, condition, get } => Operation::Set { key: place(&key), value, condition, get },
        Operation::MSet(pairs) => Operation::MSet(pairs.into_iter().map(|(key, value)| (place(&key), value)).collect()),
        Operation::Exchange(pairs) => {
            Operation::Exchange(pairs.into_iter().map(|(key, value)| (place(&key), value)).collect())
        }
        Operation::MGet(keys) => Operation::MGet(keys.iter().map(place).collect()),
    }
}

/// An entry of the list of begins and ends. The list is linked by entry numbers; 0 is its head.
#[derive(Clone, Copy)]
struct Entry {
    call: usize,
    is_end: bool,
    previous: usize,
    next: usize,
}

const HEAD: usize = 0;

/// Which calls are done, in little space, and what the keys hold then. Calls that have an end are done up to a first one,
/// and beyond it only as far as others were under way at the same time.
#[derive(PartialEq, Eq, Hash)]
struct Configuration {
    first_open: usize,
    beyond: Vec<usize>,
    /// Done calls without an end, which would hold the first open one back for ever.
    endless: Vec<usize>,
    state: State,
}

/// A choice that can be taken back.
struct Choice {
    call: usize,
    before: State,
    /// An unknown call that was decided never to take effect.
    is_dropped: bool,
}

struct Search<'a> {
    part: &'a Part<'a>,
    entries: Vec<Entry>,
    begin_of: Vec<usize>,
    end_of: Vec<Option<usize>>,
    /// The calls without an end.
    endless: Vec<usize>,
    done: Vec<bool>,
    done_with_end: usize,
    first_open: usize,
    seen: HashSet<Configuration>,
    state: State,
    choices: Vec<Choice>,
    /// Calls that must take effect and are not done.
    required: usize,
    longest: Option<(Vec<(usize, bool)>, usize)>,
}

impl<'a> Search<'a> {
    fn new(part: &'a Part<'a>) -> Search<'a> {
        let count = part.calls.len();
        let mut moments: Vec<(Duration, bool, usize)> = Vec::new();
        for (index, call) in part.calls.iter().enumerate() {
            moments.push((call.begun, false, index));
            match call.outcome {
                Outcome::Replied { at, .. } | Outcome::Applied { at } | Outcome::Unknown { until: Some(at) } => {
                    moments.push((at, true, index))
                }
                Outcome::Unknown { until: None } => {}
            }
        }
        // At the same moment begins come first: then the calls overlap, which excludes less.
        moments.sort_unstable();
        let last = moments.len();
        let mut entries = vec![Entry { call: usize::MAX, is_end: false, previous: HEAD, next: usize::from(last > 0) }];
        let (mut begin_of, mut end_of) = (vec![HEAD; count], vec![None; count]);
        for (number, &(_, is_end, call)) in (1..).zip(&moments) {
            entries.push(Entry {
                call,
                is_end,
                previous: number - 1,
                next: if number == last { HEAD } else { number + 1 },
            });
            if is_end {
                end_of[call] = Some(number);
            } else {
                begin_of[call] = number;
            }
        }
        let must_take_effect = |call: &&&Call| !matches!(call.outcome, Outcome::Unknown { .. });
        let mut search = Search {
            part,
            entries,
            begin_of,
            endless: (0..count).filter(|&call| end_of[call].is_none()).collect(),
            end_of,
            done: vec![false; count],
            done_with_end: 0,
            first_open: 0,
            seen: HashSet::new(),
            state: vec![None; part.keys.len()],
            choices: Vec::new(),
            required: part.calls.iter().filter(must_take_effect).count(),
            longest: None,
        };
        search.advance();
        search
    }

    fn run(mut self, left: &mut u64) -> Verdict {
        let mut at = self.entries[HEAD].next;
        while self.required > 0 {
            // While a call that must take effect is open, its end is in the list, and stops the walk.
            let Entry { call, is_end, next, .. } = self.entries[at];
            let state = if is_end { self.without_effect(call) } else { self.with_effect(call) };
            if state.is_some_and(|state| self.choose(call, is_end, state)) {
                if *left == 0 {
                    return Verdict::Undecided;
                }
                *left -= 1;
                at = self.entries[HEAD].next;
            } else if !is_end {
                at = next;
            } else {
                self.note_longest(call);
                match self.take_back() {
                    Some(next) => at = next,
                    None => return self.violation(),
                }
            }
        }
        Verdict::Linearizable
    }

    /// What the keys hold after a call, if its reply agrees.
    fn with_effect(&self, call: usize) -> Option<State> {
        let mut state = self.state.clone();
        let reply = apply(&mut state, &self.part.operations[call]);
        match &self.part.calls[call].outcome {
            Outcome::Replied { reply: heard, .. } if !reply.is(heard) => None,
            _ => Some(state),
        }
    }

    /// At its last moment, an unknown call may be decided to have had no effect.
    fn without_effect(&self, call: usize) -> Option<State> {
        matches!(self.part.calls[call].outcome, Outcome::Unknown { .. }).then(|| self.state.clone())
    }

    /// Takes a call as done, unless that leads where the search has been.
    fn choose(&mut self, call: usize, is_dropped: bool, state: State) -> bool {
        let before = std::mem::replace(&mut self.state, state);
        self.mark(call);
        if !self.seen.insert(self.configuration()) {
            self.unmark(call);
            self.state = before;
            return false;
        }
        self.unlink(self.begin_of[call]);
        if let Some(end) = self.end_of[call] {
            self.unlink(end);
        }
        self.choices.push(Choice { call, before, is_dropped });
        true
    }

    /// Takes back choices up to one that leaves something else to try, and returns where to go on.
    fn take_back(&mut self) -> Option<usize> {
        loop {
            let Choice { call, before, is_dropped } = self.choices.pop()?;
            self.state = before;
            if let Some(end) = self.end_of[call] {
                self.link(end);
            }
            self.link(self.begin_of[call]);
            self.unmark(call);
            // Dropping a call comes last: all that could go before was tried by then.
            if !is_dropped {
                return Some(self.entries[self.begin_of[call]].next);
            }
        }
    }

    fn mark(&mut self, call: usize) {
        self.done[call] = true;
        self.required -= usize::from(self.is_required(call));
        self.done_with_end += usize::from(self.end_of[call].is_some());
        self.advance();
    }

    fn unmark(&mut self, call: usize) {
        self.done[call] = false;
        self.required += usize::from(self.is_required(call));
        if self.end_of[call].is_some() {
            self.done_with_end -= 1;
            self.first_open = self.first_open.min(call);
        }
    }

    fn is_required(&self, call: usize) -> bool {
        !matches!(self.part.calls[call].outcome, Outcome::Unknown { .. })
    }

    fn advance(&mut self) {
        let is_past = |search: &Self, call: usize| search.done[call] || search.end_of[call].is_none();
        while self.first_open < self.done.len() && is_past(self, self.first_open) {
            self.first_open += 1;
        }
    }

    fn configuration(&self) -> Configuration {
        let endless_before = self.endless.partition_point(|&call| call < self.first_open);
        let beyond_count = self.done_with_end - (self.first_open - endless_before);
        let beyond = (self.first_open..self.done.len())
            .filter(|&call| self.done[call] && self.end_of[call].is_some())
            .take(beyond_count)
            .collect();
        let endless = self.endless.iter().copied().filter(|&call| self.done[call]).collect();
        Configuration { first_open: self.first_open, beyond, endless, state: self.state.clone() }
    }

    fn unlink(&mut self, number: usize) {
        let Entry { previous, next, .. } = self.entries[number];
        self.entries[previous].next = next;
        if next != HEAD {
            self.entries[next].previous = previous;
        }
    }

    fn link(&mut self, number: usize) {
        let Entry { previous, next, .. } = self.entries[number];
        self.entries[previous].next = number;
        if next != HEAD {
            self.entries[next].previous = number;
        }
    }

    fn note_longest(&mut self, stuck: usize) {
        if self.longest.as_ref().is_none_or(|(order, _)| self.choices.len() > order.len()) {
            let order = self.choices.iter().map(|choice| (choice.call, choice.is_dropped)).collect();
            self.longest = Some((order, stuck));
        }
    }

    fn violation(&self) -> Verdict {
        let (order, stuck) = self.longest.clone().unwrap_or_default();
        let order: Vec<usize> = order.into_iter().filter(|(_, is_dropped)| !is_dropped).map(|(call, _)| call).collect();
        let mut state: State = vec![None; self.part.keys.len()];
        for &call in &order {
            apply(&mut state, &self.part.operations[call]);
        }
        let shown = &order[order.len().saturating_sub(SHOWN_BEFORE)..];
        Verdict::Violation(Box::new(Violation {
            keys: self.part.keys.clone(),
            before: shown.iter().map(|&call| self.part.calls[call].clone()).collect(),
            state: state.into_iter().map(|value| value.map(|text| text.to_vec())).collect(),
            stuck: self.part.calls[stuck].clone(),
        }))
    }
}
