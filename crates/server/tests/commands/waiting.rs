//! Clients that wait for lists: who is served, with what, in which order, and who is not.

use std::time::{Duration, Instant};

use crate::harness::{Db, alone, both, once, skip};

/// Long enough for a command to have begun to wait, and short enough to be waited for.
const PAUSE: Duration = Duration::from_millis(100);
/// So often it is looked whether a command waits.
const ATTEMPTS_MAX: usize = 300;

/// A second client of the same database.
fn other<'a>(db: &Db<'a>) -> Db<'a> {
    db.server.db(db.protocol, db.index)
}

/// Sends a command that is expected to wait, and returns once it does.
fn send(db: &mut Db<'_>, line: &str) {
    let id = db.wire.call(&[b"CLIENT", b"ID"]).to_string();
    db.wire.send(format!("{line}\r\n").as_bytes());
    let mut observer = db.server.wire();
    for _ in 0..ATTEMPTS_MAX {
        let listed = observer.call(&[b"CLIENT", b"LIST", b"ID", id.trim_start_matches(':').as_bytes()]).to_string();
        if listed.contains(" flags=b") {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{line} does not wait");
}

#[track_caller]
fn expect(db: &mut Db<'_>, expected: &str) {
    assert_eq!(db.wire.read().to_string(), expected);
}

#[test]
fn whoever_waits_is_served_by_the_next_push() {
    both(|db| {
        for (line, push, reply, left) in [
            ("BLPOP a k 0", "RPUSH k 1 2 3", "[$k $1]", "[$2 $3]"),
            ("BRPOP k 0", "RPUSH k 1 2 3", "[$k $3]", "[$1 $2]"),
            ("BLMPOP 0 2 a k LEFT COUNT 2", "LPUSH k 1 2 3", "[$k [$3 $2]]", "[$1]"),
            ("BLMOVE k d LEFT RIGHT 0", "RPUSH k 1 2 3", "$1", "[$2 $3]"),
            ("BRPOPLPUSH k d 0", "RPUSH k 1 2 3", "$3", "[$1 $2]"),
        ] {
            let mut waiter = other(db);
            send(&mut waiter, line);
            db.check(push, ":3");
            expect(&mut waiter, reply);
            db.check("LRANGE k 0 -1", left);
            db.check("FLUSHDB", "+OK");
        }
    });
}

#[test]
fn waiting_ends_with_its_time() {
    both(|db| {
        for line in [
            "BLPOP a b 0.15",
            "BRPOP a 0.15",
            "BLMPOP 0.15 1 a LEFT",
            "BLMOVE a b LEFT LEFT 0.15",
            "BRPOPLPUSH a b 0.15",
        ] {
            let begun = Instant::now();
            db.check_each(line, "nil*", "nil");
            assert!(begun.elapsed() >= Duration::from_millis(150), "{line} came back early");
        }
    });
}

#[test]
fn clients_are_served_in_the_order_in_which_they_came() {
    both(|db| {
        let mut waiters: Vec<Db<'_>> = (0..4).map(|_| other(db)).collect();
        for waiter in &mut waiters {
            send(waiter, "BLPOP k 0");
        }
        db.check("RPUSH k 1 2", ":2");
        db.check("LPUSH k 3", ":1");
        db.check("RPUSH k 4", ":1");
        for (waiter, expected) in waiters.iter_mut().zip(["[$k $1]", "[$k $2]", "[$k $3]", "[$k $4]"]) {
            expect(waiter, expected);
        }
        db.check("EXISTS k", ":0");
    });
}

#[test]
fn the_first_key_with_elements_serves() {
    both(|db| {
        let mut waiter = other(db);
        send(&mut waiter, "BLPOP a b c 0");
        // All at once: then the order of the arguments decides.
        db.wire.send(b"RPUSH c 3\r\n");
        expect(&mut waiter, "[$c $3]");
        expect(db, ":1");
        db.check("RPUSH b 2", ":1");
        db.check("RPUSH a 1", ":1");
        waiter.check("BLPOP c a b 0", "[$a $1]");
        waiter.check("BLPOP c a b 0", "[$b $2]");
    });
}

#[test]
fn other_types_wake_nobody_and_lists_in_their_place_do() {
    both(|db| {
        let mut waiter = other(db);
        send(&mut waiter, "BLPOP k 0");
        db.check("SET k v", "+OK");
        db.check("DEL k", ":1");
        db.check("RPUSH other 1", ":1");
        db.check("RENAME other k", "+OK");
        expect(&mut waiter, "[$k $1]");
        send(&mut waiter, "BLPOP k 0");
        db.check("RPUSH other 2", ":1");
        db.check("SORT other STORE k", ":1");
        expect(&mut waiter, "[$k $2]");
    });
}

#[test]
fn an_element_passes_through_several_that_wait() {
    both(|db| {
        let (mut first, mut second, mut third) = (other(db), other(db), other(db));
        send(&mut third, "BLPOP c 0");
        send(&mut second, "BLMOVE b c LEFT RIGHT 0");
        send(&mut first, "BRPOPLPUSH a b 0");
        db.check("RPUSH a x", ":1");
        expect(&mut first, "$x");
        expect(&mut second, "$x");
        expect(&mut third, "[$c $x]");
        db.check("EXISTS a b c", ":0");
    });
}

#[test]
fn a_destination_of_another_type_is_told_when_there_is_something_to_move() {
    both(|db| {
        db.check("SET d v", "+OK");
        let mut waiter = other(db);
        send(&mut waiter, "BLMOVE k d LEFT LEFT 0");
        db.check("RPUSH k 1", ":1");
        expect(&mut waiter, "-WRONGTYPE Operation against a key holding the wrong kind of value");
        db.check("LRANGE k 0 -1", "[$1]");
    });
}

#[test]
fn a_client_that_has_left_takes_nothing() {
    once(|db| {
        let mut gone = other(db);
        send(&mut gone, "BLPOP k 0");
        let mut stays = other(db);
        send(&mut stays, "BLPOP k 0");
        drop(gone);
        std::thread::sleep(PAUSE);
        db.check("RPUSH k 1", ":1");
        expect(&mut stays, "[$k $1]");
    });
}

#[test]
fn commands_behind_one_that_waits_wait_too() {
    both(|db| {
        let mut waiter = other(db);
        waiter.wire.send(b"BLPOP k 0\r\nPING\r\nLLEN k\r\n");
        std::thread::sleep(PAUSE);
        db.check("RPUSH k 1 2 3", ":3");
        expect(&mut waiter, "[$k $1]");
        expect(&mut waiter, "+PONG");
        expect(&mut waiter, ":2");
    });
}

#[test]
fn keys_that_are_waited_for_are_counted() {
    alone(|server| {
        let mut db = server.db(2, 0);
        if db.info("total_blocking_keys").is_none() {
            return skip("total_blocking_keys: the server lacks it");
        }
        let counts = |db: &mut Db<'_>| {
            ["total_blocking_keys", "total_blocking_keys_on_nokey"].map(|field| db.info_number(field))
        };
        let (mut of_list, mut of_group) = (other(&db), other(&db));
        send(&mut of_list, "BLPOP s 0");
        assert_eq!(counts(&mut db), [1, 0]);
        db.check_all(&[("XADD s 1-1 f v", "$1-1"), ("XGROUP CREATE s g $", "+OK")]);
        send(&mut of_group, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        assert_eq!(counts(&mut db), [1, 1]);
        db.check("DEL s", ":1");
        assert!(of_group.wire.read().to_string().contains("NOGROUP"));
        assert_eq!(counts(&mut db), [1, 0]);
        db.check("RPUSH s 1", ":1");
        expect(&mut of_list, "[$s $1]");
        assert_eq!(counts(&mut db), [0, 0]);
    });
}
