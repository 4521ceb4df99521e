//! What many connections see of each other's writes: each whole, once, and from its reply on.

use crate::harness::{Db, once};

#[test]
fn concurrent_increments_all_count() {
    const THREADS: usize = 8;
    const EACH: usize = 500;
    once(|db| {
        let (server, index) = (db.server, db.index);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut db = server.db(2, index);
                    let mut last = 0;
                    for _ in 0..EACH {
                        let now = db.integer("INCR sum");
                        assert!(now > last, "INCR went from {last} to {now}");
                        last = now;
                        db.integer("INCRBY other -3");
                    }
                });
            }
        });
        db.check("GET sum", &format!("${}", THREADS * EACH));
        db.check("GET other", &format!("$-{}", 3 * THREADS * EACH));
    });
}

#[test]
fn of_many_setnx_one_wins() {
    once(|db| {
        let (server, index) = (db.server, db.index);
        for round in 0..50 {
            let wins: i64 = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|i| scope.spawn(move || server.db(2, index).integer(&format!("SETNX lock{round} {i}"))))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("a client failed"))).sum()
            });
            assert_eq!(wins, 1, "round {round}");
        }
    });
}

#[test]
fn mget_never_sees_half_an_mset() {
    const ROUNDS: usize = 1500;
    once(|db| {
        db.check("MSET a 0 b 0 c 0", "+OK");
        let (server, index) = (db.server, db.index);
        std::thread::scope(|scope| {
            for writer in 0..2 {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    for i in 0..ROUNDS {
                        let value = format!("{writer}-{i}");
                        // The writers name the keys in different orders, so that latches taken in that order would deadlock.
                        let order = if writer == 0 { ["a", "b", "c"] } else { ["c", "b", "a"] };
                        let pairs = order.map(|key| format!("{key} {value}")).join(" ");
                        db.check(&format!("MSET {pairs}"), "+OK");
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(move || {
                    let mut db = server.db(2, index);
                    for _ in 0..ROUNDS {
                        let values = db.items("MGET a c b");
                        assert!(values.iter().all(|value| *value == values[0]), "a torn MSET: {values:?}");
                    }
                });
            }
        });
    });
}

/// What `GET` says after the value has been seen through other commands is the same value.
fn is_seen_everywhere(db: &mut Db<'_>, key: &str, value: &str) -> bool {
    db.call(&format!("GET {key}")).to_string() == format!("${value}")
        && db.call(&format!("MGET {key}")).to_string() == format!("[${value}]")
        && db.call(&format!("GETRANGE {key} 0 -1")).to_string() == format!("${value}")
}

#[test]
fn a_write_is_seen_by_every_other_connection_once_it_is_answered() {
    once(|db| {
        let mut reader = db.server.db(3, db.index);
        for i in 0..300 {
            db.check(&format!("SET k {i}"), "+OK");
            assert!(is_seen_everywhere(&mut reader, "k", &i.to_string()), "SET k {i} was answered, but not seen");
        }
        db.check("DEL k", ":1");
        reader.check("GET k", "nil");
        reader.check("EXISTS k", ":0");
    });
}
