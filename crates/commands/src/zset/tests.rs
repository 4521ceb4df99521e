//! Replies of the sorted set commands beside a recorded Redis, and what a transcript cannot show.

use std::collections::HashSet;

use crate::error::{Error, Nothing, Park};
use crate::testing::{Db, replay};

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

/// A set of members `0`, `1`..., each with its number as score.
fn fill(db: &mut Db, key: &str, count: usize) {
    for first in (0..count).step_by(500) {
        let pairs: Vec<String> = (first..count.min(first + 500)).map(|n| format!("{n} {n}")).collect();
        db.run(&format!("ZADD {key} {}", pairs.join(" ")));
        db.commit();
    }
}

/// The bulk strings of a reply.
fn strings(reply: &str) -> Vec<String> {
    let mut lines = reply.split("\\r\\n");
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('$') {
            found.extend(lines.next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn ranks_with_scores() {
    let mut db = Db::new();
    db.run("ZADD z 1 a 2.5 b");
    assert_eq!(db.run("ZRANK z b WITHSCORE"), r"*2\r\n:1\r\n$3\r\n2.5\r\n");
    assert_eq!(db.run("ZREVRANK z b withscore"), r"*2\r\n:0\r\n$3\r\n2.5\r\n");
    assert_eq!(db.run("ZRANK z c WITHSCORE"), r"*-1\r\n");
    assert_eq!(db.run("ZRANK absent c WITHSCORE"), r"*-1\r\n");
    assert_eq!(db.run("ZRANK z b WITHSCORES"), r"-ERR syntax error\r\n");
    assert_eq!(db.reply("ZRANK z b WITHSCORE x"), "-ERR wrong number of arguments for 'zrank' command\r\n");
}

#[test]
fn a_large_set_answers_as_a_small_one_does() {
    let mut db = Db::new();
    fill(&mut db, "z", 5000);
    assert_eq!(db.run("ZCARD z"), r":5000\r\n");
    assert_eq!(db.run("ZRANK z 4321"), r":4321\r\n");
    assert_eq!(db.run("ZREVRANK z 4321"), r":678\r\n");
    assert_eq!(db.run("ZCOUNT z (100 4000"), r":3900\r\n");
    assert_eq!(db.run("ZRANGE z 4998 -1"), r"*2\r\n$4\r\n4998\r\n$4\r\n4999\r\n");
    assert_eq!(db.run("ZRANGE z 2500 2501 REV"), r"*2\r\n$4\r\n2499\r\n$4\r\n2498\r\n");
    assert_eq!(db.run("ZRANGE z 10 inf BYSCORE LIMIT 3000 2"), r"*2\r\n$4\r\n3010\r\n$4\r\n3011\r\n");
    assert_eq!(db.run("ZRANGE z 4000 -inf BYSCORE REV LIMIT 3000 2"), r"*2\r\n$4\r\n1000\r\n$3\r\n999\r\n");
    assert_eq!(db.run("ZRANGE z 10 inf BYSCORE LIMIT 4990 2"), r"*0\r\n");
    assert_eq!(db.run("ZREMRANGEBYRANK z 1000 3999"), r":3000\r\n");
    assert_eq!(db.run("ZRANK z 4321"), r":1321\r\n");
    assert_eq!(db.run("ZPOPMAX z"), r"*2\r\n$4\r\n4999\r\n$4\r\n4999\r\n");
    assert_eq!(db.run("ZREMRANGEBYSCORE z -inf inf"), r":1999\r\n");
    assert_eq!(db.run("EXISTS z"), r":0\r\n");
}

#[test]
fn a_scan_of_a_large_set_finds_all_of_it() {
    let mut db = Db::new();
    fill(&mut db, "z", 1000);
    let (mut cursor, mut seen) = ("0".to_owned(), HashSet::new());
    loop {
        let reply = strings(&db.run(&format!("ZSCAN z {cursor} COUNT 30")));
        cursor.clone_from(&reply[0]);
        for pair in reply[1..].chunks(2) {
            assert_eq!(pair[0], pair[1]);
            seen.insert(pair[0].clone());
        }
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
}

#[test]
fn random_members_are_different_where_asked_for() {
    let mut db = Db::new();
    for (key, count) in [("small", 20), ("large", 1000)] {
        fill(&mut db, key, count);
        for wanted in [1, 5, count / 2, count - 1, count, count + 10] {
            let members = strings(&db.run(&format!("ZRANDMEMBER {key} {wanted}")));
            assert_eq!(members.len(), wanted.min(count), "{key} {wanted}");
            assert_eq!(members.iter().collect::<HashSet<_>>().len(), members.len(), "{key} {wanted}");
        }
        let members = strings(&db.run(&format!("ZRANDMEMBER {key} -{}", count * 2)));
        assert_eq!(members.len(), count * 2);
        assert_eq!(strings(&db.run(&format!("ZRANDMEMBER {key} -5 WITHSCORES"))).len(), 10);
    }
}

#[test]
fn draws_are_fair() {
    let mut db = Db::new();
    for (key, count) in [("small", 10), ("large", 200)] {
        fill(&mut db, key, count);
        let mut drawn = vec![0u32; count];
        let draws = 200 * count;
        for member in strings(&db.run(&format!("ZRANDMEMBER {key} -{draws}"))) {
            drawn[member.parse::<usize>().expect("a number")] += 1;
        }
        assert!(drawn.iter().all(|&times| (120..=290).contains(&times)), "{key}: {drawn:?}");
    }
}

#[test]
fn what_finds_nothing_waits() {
    let mut db = Db::new();
    let wait = |timeout_ms| {
        Error::Park(Park { timeout_ms, nothing: Nothing::Array, nothing_at_once: Nothing::Array, memo: None })
            .to_string()
    };
    for line in ["BZPOPMIN a b 1.5", "BZPOPMAX a 0", "BZMPOP 0.5 2 a b MAX COUNT 3"] {
        assert_eq!(db.run(line), format!(r"-{}\r\n", wait(None)), "{line}");
    }
}

#[test]
fn a_refused_change_leaves_no_trace() {
    let mut db = Db::new();
    db.run("ZADD z inf a");
    assert_eq!(db.run("ZINCRBY z -inf a"), r"-ERR resulting score is not a number (NaN)\r\n");
    assert_eq!(db.run("ZADD z INCR -inf a"), r"-ERR resulting score is not a number (NaN)\r\n");
    assert_eq!(db.run("ZSCORE z a"), r"$3\r\ninf\r\n");
    assert_eq!(db.run("ZADD new 1 a x b"), r"-ERR value is not a valid float\r\n");
    assert_eq!(db.run("EXISTS new"), r":0\r\n");
}

#[test]
fn expiry_stays_with_a_changed_set_and_goes_with_a_stored_one() {
    let mut db = Db::new();
    db.run("ZADD z 1 a");
    db.run("PEXPIRE z 5000");
    db.run("ZADD z 2 b");
    assert_eq!(db.run("PTTL z"), r":5000\r\n");
    db.run("ZUNIONSTORE z 1 z");
    assert_eq!(db.run("PTTL z"), r":-1\r\n");
}

#[test]
fn sets_that_outgrow_a_listpack_by_their_options() {
    let mut db = Db::new();
    fill(&mut db, "z", 128);
    assert_eq!(db.run("OBJECT ENCODING z"), r"$8\r\nlistpack\r\n");
    db.run("ZRANGESTORE more z 0 -1");
    assert_eq!(db.run("OBJECT ENCODING more"), r"$8\r\nlistpack\r\n");
    db.run("ZADD z 1 another");
    assert_eq!(db.run("OBJECT ENCODING z"), r"$8\r\nskiplist\r\n");
    db.run("ZREM z another");
    assert_eq!(db.run("OBJECT ENCODING z"), r"$8\r\nskiplist\r\n");
    db.run("ZUNIONSTORE z 1 z");
    assert_eq!(db.run("OBJECT ENCODING z"), r"$8\r\nlistpack\r\n");
}
