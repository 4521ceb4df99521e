//! Histories whose verdict is known. The bad ones are the faults that the checker is there for.

use super::model::State;
use super::{Call, Condition, Operation, Outcome, Verdict, check};
use crate::{Random, Value};
use std::time::Duration;

const CONFIGURATIONS_MAX: u64 = 1_000_000;

fn ms(moment: u64) -> Duration {
    Duration::from_millis(moment)
}

fn call(begun: u64, ended: u64, operation: Operation, reply: Value) -> Call {
    Call { client: 0, operation, begun: ms(begun), outcome: Outcome::Replied { reply, at: ms(ended) } }
}

fn unknown(begun: u64, until: Option<u64>, operation: Operation) -> Call {
    Call { client: 0, operation, begun: ms(begun), outcome: Outcome::Unknown { until: until.map(ms) } }
}

fn set(value: &str) -> Operation {
    Operation::Set { key: 0, value: value.into(), condition: Condition::Always, get: false }
}

fn set_absent(value: &str) -> Operation {
    Operation::Set { key: 0, value: value.into(), condition: Condition::Absent, get: false }
}

fn mset(value: &str) -> Operation {
    Operation::MSet(vec![(0, value.into()), (1, value.into())])
}

fn text(text: &str) -> Value {
    Value::Bulk(text.into())
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

const GET: Operation = Operation::Get(0);
const INCR: Operation = Operation::Incr(0);
const NONE: Value = Value::NullBulk;

#[track_caller]
fn assert_good(history: &[Call]) {
    let verdict = check(history, CONFIGURATIONS_MAX);
    assert!(matches!(verdict, Verdict::Linearizable), "{verdict:?}");
}

#[track_caller]
fn assert_bad(history: &[Call]) {
    let verdict = check(history, CONFIGURATIONS_MAX);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
}

#[test]
fn one_call_after_the_other() {
    assert_good(&[]);
    assert_good(&[
        call(0, 1, GET, NONE),
        call(2, 3, set("a"), ok()),
        call(4, 5, Operation::Append(0, "b".into()), Value::Integer(2)),
        call(6, 7, Operation::GetDel(0), text("ab")),
        call(8, 9, INCR, Value::Integer(1)),
        call(10, 11, set_absent("x"), NONE),
        call(12, 13, GET, text("1")),
    ]);
}

#[test]
fn calls_at_the_same_time_may_take_effect_in_any_order() {
    for (first, second) in [(NONE, "a"), (text("b"), "a"), (text("a"), "b"), (text("a"), "a")] {
        assert_good(&[
            call(0, 10, set("a"), ok()),
            call(0, 10, set("b"), ok()),
            call(1, 5, GET, first),
            call(11, 12, GET, text(second)),
        ]);
    }
}

#[test]
fn a_stale_read() {
    let history = |begun| [call(0, 1, set("a"), ok()), call(2, 3, set("b"), ok()), call(begun, 9, GET, text("a"))];
    assert_bad(&history(4));
    assert_good(&history(2));
}

#[test]
fn a_value_seen_before_and_not_after() {
    assert_bad(&[call(0, 10, set("a"), ok()), call(1, 2, GET, text("a")), call(3, 4, GET, NONE)]);
}

#[test]
fn a_lost_update() {
    let counted = |last| [call(0, 3, INCR, Value::Integer(1)), call(1, 4, INCR, Value::Integer(last))];
    assert_bad(&counted(1));
    assert_good(&counted(2));
    assert_bad(&[
        call(0, 9, Operation::Append(0, "a".into()), Value::Integer(1)),
        call(0, 9, Operation::Append(0, "b".into()), Value::Integer(2)),
        call(10, 11, GET, text("b")),
    ]);
}

#[test]
fn two_winners_of_a_lock() {
    assert_bad(&[call(0, 9, set_absent("a"), ok()), call(0, 9, set_absent("b"), ok())]);
    assert_good(&[call(0, 9, set_absent("a"), ok()), call(0, 9, set_absent("b"), NONE), call(10, 11, GET, text("a"))]);
}

#[test]
fn a_value_taken_twice() {
    let taken = |second| {
        [
            call(0, 1, set("a"), ok()),
            call(2, 9, Operation::GetDel(0), text("a")),
            call(2, 9, Operation::GetDel(0), second),
        ]
    };
    assert_bad(&taken(text("a")));
    assert_good(&taken(NONE));
}

#[test]
fn a_set_that_tells_the_wrong_old_value() {
    let get = Operation::Set { key: 0, value: "b".into(), condition: Condition::Present, get: true };
    let history = |old| [call(0, 1, set("a"), ok()), call(2, 3, get.clone(), old), call(4, 5, GET, text("b"))];
    assert_good(&history(text("a")));
    assert_bad(&history(NONE));
}

#[test]
fn a_torn_mset() {
    let read = |one: Value, other: Value| {
        [call(0, 10, mset("a"), ok()), call(1, 9, Operation::MGet(vec![0, 1]), Value::Array(vec![one, other]))]
    };
    assert_bad(&read(text("a"), NONE));
    assert_good(&read(text("a"), text("a")));
    assert_good(&read(NONE, NONE));
    // Two single reads one after the other show it too.
    assert_bad(&[
        call(0, 10, mset("a"), ok()),
        call(1, 2, Operation::Get(1), text("a")),
        call(3, 4, Operation::Get(0), NONE),
    ]);
}

#[test]
fn keys_that_no_call_joins_are_checked_apart() {
    let one = [call(0, 1, set("a"), ok()), call(2, 3, GET, text("a"))];
    let other = call(2, 3, Operation::Get(7), text("never"));
    let Verdict::Violation(violation) = check(&[&one[..], &[other]].concat(), CONFIGURATIONS_MAX) else {
        panic!("a value that was never set is no violation")
    };
    assert_eq!(violation.keys, [7]);
}

#[test]
fn an_unknown_call_may_take_effect_later_or_never() {
    for reply in [NONE, text("a")] {
        assert_good(&[unknown(0, None, set("a")), call(5, 6, GET, reply)]);
    }
    assert_good(&[unknown(0, None, set("a")), call(1, 2, GET, NONE), call(50, 51, GET, text("a"))]);
    assert_bad(&[unknown(0, None, set("a")), call(1, 2, GET, text("a")), call(50, 51, GET, NONE)]);
    assert_bad(&[unknown(5, None, set("a")), call(1, 2, GET, text("a"))]);
    // Once, not twice.
    assert_bad(&[unknown(0, None, INCR), call(1, 2, INCR, Value::Integer(3))]);
}

#[test]
fn an_unknown_call_takes_no_effect_after_its_server_died() {
    assert_good(&[unknown(0, Some(10), set("a")), call(9, 11, GET, NONE), call(12, 13, GET, NONE)]);
    assert_good(&[unknown(0, Some(10), set("a")), call(9, 11, GET, NONE), call(9, 13, GET, text("a"))]);
    assert_bad(&[unknown(0, Some(10), set("a")), call(11, 12, GET, NONE), call(13, 14, GET, text("a"))]);
    assert_good(&[unknown(0, Some(10), mset("a")), unknown(0, Some(10), mset("b")), call(11, 12, GET, NONE)]);
}

#[test]
fn a_call_that_was_applied_must_show_though_its_reply_is_lost() {
    let applied = Call { outcome: Outcome::Applied { at: ms(10) }, ..call(0, 10, INCR, NONE) };
    assert_good(&[applied.clone(), call(11, 12, GET, text("1"))]);
    assert_bad(&[applied.clone(), call(11, 12, GET, NONE)]);
    assert_bad(&[applied, call(11, 12, GET, text("2"))]);
}

#[test]
fn a_search_that_is_too_long_is_given_up() {
    let history: Vec<Call> = (0..30).map(|_| call(0, 10, INCR, Value::Integer(100))).collect();
    let verdict = check(&history[..1], 0);
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
    let history: Vec<Call> = (1..30).map(|number| call(0, 10, INCR, Value::Integer(number))).collect();
    assert!(matches!(check(&history, 5), Verdict::Undecided));
    assert_good(&history);
}

/// Calls at random moments on a model that runs each at a random moment between begin and end: always right. With one reply
/// exchanged for one that is impossible, never.
#[test]
fn random_histories() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut moments: Vec<(u64, u64, u64)> = (0..60)
            .map(|_| {
                let begun = random.below(1000);
                let effect = begun + random.below(40);
                (effect, begun, effect + random.below(40))
            })
            .collect();
        moments.sort_unstable();
        let mut state = vec![None; 3];
        let mut history = Vec::new();
        for (number, (_, begun, ended)) in moments.into_iter().enumerate() {
            let operation = random_operation(&mut random, number);
            let is_unknown = random.below(10) == 0;
            if is_unknown && random.below(2) == 0 {
                history.push(unknown(begun, Some(ended), operation));
                continue;
            }
            let reply = super::model::apply(&mut state, &operation).to_value();
            history.push(match is_unknown {
                true => unknown(begun, (random.below(2) == 0).then_some(ended), operation),
                false => call(begun, ended, operation, reply),
            });
        }
        assert_good(&history);
        let index = random.below(history.len() as u64) as usize;
        if let Outcome::Replied { reply, .. } = &mut history[index].outcome {
            *reply = text("impossible");
            assert_bad(&history);
        }
    }
}

/// Small histories with replies that may be right or wrong: the search must agree with trying every order.
#[test]
fn small_histories_against_every_order() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..4000 {
        let mut random = Random::new(seed);
        let mut guessed = vec![None; 3];
        let mut history = Vec::new();
        for number in 0..6 {
            let begun = random.below(12);
            let ended = begun + 1 + random.below(8);
            let operation = random_operation(&mut random, number);
            // The reply of some order, which real time may forbid.
            let reply = super::model::apply(&mut guessed, &operation).to_value();
            history.push(match random.below(7) {
                6 => Call { outcome: Outcome::Applied { at: ms(ended) }, ..call(begun, ended, operation, NONE) },
                0 => unknown(begun, Some(ended), operation),
                1 => unknown(begun, None, operation),
                _ => call(begun, ended, operation, reply),
            });
        }
        let expected = some_order_explains(&history, &mut vec![false; history.len()], &vec![None; 3]);
        if expected {
            good += 1;
            assert_good(&history);
        } else {
            bad += 1;
            assert_bad(&history);
        }
    }
    assert!(good > 500 && bad > 500, "{good} good and {bad} bad histories");
}

fn some_order_explains(history: &[Call], done: &mut [bool], state: &State) -> bool {
    let end = |call: &Call| match call.outcome {
        Outcome::Replied { at, .. } | Outcome::Applied { at } => Some(at),
        Outcome::Unknown { until } => until,
    };
    let open: Vec<usize> = (0..history.len()).filter(|&index| !done[index]).collect();
    let is_optional = |index: usize| matches!(history[index].outcome, Outcome::Unknown { .. });
    if open.iter().all(|&index| is_optional(index)) {
        return true;
    }
    let first_end = open.iter().filter_map(|&index| end(&history[index])).min();
    for index in open {
        if first_end.is_some_and(|first| history[index].begun > first) {
            continue;
        }
        let mut after = state.clone();
        let reply = super::model::apply(&mut after, &history[index].operation);
        let agrees = match &history[index].outcome {
            Outcome::Replied { reply: heard, .. } => reply.is(heard),
            Outcome::Applied { .. } | Outcome::Unknown { .. } => true,
        };
        done[index] = true;
        let explained = agrees && some_order_explains(history, done, &after)
            || is_optional(index) && some_order_explains(history, done, state);
        done[index] = false;
        if explained {
            return true;
        }
    }
    false
}

fn random_operation(random: &mut Random, number: usize) -> Operation {
    let key = random.below(3) as usize;
    let value = || number.to_string().into_bytes();
    match random.below(8) {
        0 => Operation::Set { key, value: value(), condition: Condition::Absent, get: false },
        1 => Operation::Set { key, value: value(), condition: Condition::Always, get: true },
        2 => Operation::GetDel(key),
        3 => Operation::Incr(key),
        4 => Operation::Append(key, value()),
        5 => Operation::MSet(vec![(0, value()), (1, value()), (2, value())]),
        6 => Operation::Exchange(vec![(0, value()), (1, value())]),
        _ => Operation::MGet(vec![0, 1, 2]),
    }
}
