//! Sorted sets. What each command replies to which arguments is compared with a recorded Redis beside the handlers; here is
//! what it takes a server for, and both protocols.

use std::thread;
use std::time::Duration;

use crate::harness::{both, once, soon};
use crate::wire::Reply;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_FLOAT: &str = "-ERR value is not a valid float";
const MIN_OR_MAX: &str = "-ERR min or max is not a float";

/// Members `m0`, `m1`..., each with its number as score.
fn fill(db: &mut crate::harness::Db<'_>, key: &str, count: usize) {
    for first in (0..count).step_by(1000) {
        let pairs: Vec<String> = (first..count.min(first + 1000)).map(|n| format!("{n} m{n}")).collect();
        db.call(&format!("ZADD {key} {}", pairs.join(" ")));
    }
}

#[test]
fn members_and_their_scores() {
    both(|db| {
        db.check_all(&[
            ("ZADD z 1 a 2.5 b 3 c", ":3"),
            ("ZADD z CH 4 a 5 d", ":2"),
            ("ZCARD z", ":4"),
            ("ZREM z d nobody", ":1"),
            ("ZRANK z a", ":2"),
            ("ZREVRANK z a", ":0"),
            ("ZCOUNT z 2.5 (4", ":2"),
            ("ZRANGE z 0 -1", "[$b $c $a]"),
            ("TYPE z", "+zset"),
            ("OBJECT ENCODING z", "$listpack"),
        ]);
        db.check_each("ZSCORE z b", "$2.5", ",2.5");
        db.check_each("ZSCORE z nobody", "nil", "nil");
        db.check_each("ZMSCORE z b nobody", "[$2.5 nil]", "[,2.5 nil]");
        db.check_each("ZINCRBY z 1.5 b", "$4", ",4");
        db.check_each("ZRANGE z 0 0 WITHSCORES", "[$c $3]", "[[$c ,3]]");
        db.check_each("ZADD z XX INCR 1 nobody", "nil", "nil");
        db.check_refused(&["ZADD z x a", "ZADD z nan a", "ZINCRBY z x a", "ZADD z \"\" a"], NOT_FLOAT);
        db.check_refused(&["ZADD z 1 a 2", "ZADD z NX XX 1", "ZRANGE z 0 1 BOGUS"], SYNTAX);
        db.check_refused(&["ZCOUNT z x 1", "ZRANGEBYSCORE z 1 nan", "ZREMRANGEBYSCORE z ( x"], MIN_OR_MAX);
        db.check_arity(&["ZADD z 1", "ZCARD", "ZSCORE z", "ZRANGE z 0", "ZINCRBY z 1", "ZREM z", "ZRANK z"]);
    });
}

#[test]
fn every_command_refuses_another_type() {
    both(|db| {
        db.check("SET s v", "+OK");
        db.check_refused(
            &[
                "ZADD s 1 a",
                "ZINCRBY s 1 a",
                "ZREM s a",
                "ZCARD s",
                "ZSCORE s a",
                "ZMSCORE s a",
                "ZRANK s a",
                "ZREVRANK s a",
                "ZCOUNT s 0 1",
                "ZLEXCOUNT s - +",
                "ZRANGE s 0 -1",
                "ZRANGESTORE d s 0 -1",
                "ZREVRANGE s 0 -1",
                "ZRANGEBYSCORE s 0 1",
                "ZREVRANGEBYSCORE s 0 1",
                "ZRANGEBYLEX s - +",
                "ZREVRANGEBYLEX s + -",
                "ZREMRANGEBYRANK s 0 1",
                "ZREMRANGEBYSCORE s 0 1",
                "ZREMRANGEBYLEX s - +",
                "ZPOPMIN s",
                "ZPOPMAX s",
                "ZMPOP 1 s MIN",
                "BZPOPMIN s 0",
                "BZPOPMAX s 0",
                "BZMPOP 0 1 s MIN",
                "ZRANDMEMBER s",
                "ZSCAN s 0",
                "ZUNION 1 s",
                "ZINTER 1 s",
                "ZDIFF 1 s",
                "ZINTERCARD 1 s",
                "ZUNIONSTORE d 1 s",
                "ZINTERSTORE d 1 s",
                "ZDIFFSTORE d 1 s",
                "GEOADD s 1 1 a",
                "GEODIST s a b",
                "GEOHASH s a",
                "GEOPOS s a",
                "GEOSEARCH s FROMLONLAT 1 1 BYRADIUS 1 km",
                "GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 km",
                "GEORADIUS s 1 1 1 km",
                "GEORADIUS_RO s 1 1 1 km",
                "GEORADIUSBYMEMBER s a 1 km",
                "GEORADIUSBYMEMBER_RO s a 1 km",
            ],
            WRONG_TYPE,
        );
        db.check("ZADD z 1 a", ":1");
        db.check_refused(&["GET z", "INCR z", "APPEND z v", "GETRANGE z 0 1"], WRONG_TYPE);
    });
}

#[test]
fn a_large_set_by_rank_and_score() {
    once(|db| {
        fill(db, "z", 20_000);
        db.check_all(&[
            ("ZCARD z", ":20000"),
            ("OBJECT ENCODING z", "$skiplist"),
            ("ZRANK z m12345", ":12345"),
            ("ZREVRANK z m12345", ":7654"),
            ("ZCOUNT z (100 19000", ":18900"),
            ("ZRANGE z 15000 15001", "[$m15000 $m15001]"),
            ("ZREVRANGE z 15000 15001", "[$m4999 $m4998]"),
            ("ZRANGE z 5 inf BYSCORE LIMIT 15000 2", "[$m15005 $m15006]"),
            ("ZREMRANGEBYRANK z 5000 14999", ":10000"),
            ("ZRANK z m15000", ":5000"),
            ("ZPOPMIN z", "[$m0 $0]"),
            ("ZREMRANGEBYSCORE z 0 4999", ":4999"),
            ("ZRANGE z 0 0", "[$m15000]"),
            ("ZADD z -1 first", ":1"),
            ("ZRANK z m15000", ":1"),
            ("ZREMRANGEBYSCORE z -inf +inf", ":5001"),
            ("EXISTS z", ":0"),
        ]);
    });
}

#[test]
fn long_replies_come_whole() {
    once(|db| {
        fill(db, "z", 5000);
        assert_eq!(db.items("ZRANGE z 0 -1").len(), 5000);
        assert_eq!(db.items("ZRANGE z -inf inf BYSCORE WITHSCORES").len(), 10_000);
        assert_eq!(db.items("ZRANDMEMBER z 3000").len(), 3000);
        assert_eq!(db.items("ZUNION 2 z z").len(), 5000);
        db.check("ZUNIONSTORE copy 2 z z WEIGHTS 1 1", ":5000");
        db.check("ZSCORE copy m4999", "$9998");
        db.check("ZINTERCARD 2 z copy", ":5000");
        db.check("ZDIFFSTORE none 2 z copy", ":0");
        let (mut cursor, mut members) = ("0".to_owned(), 0);
        loop {
            let Reply::Array(parts) = db.call(&format!("ZSCAN z {cursor} COUNT 100")) else { panic!("no array") };
            let [Reply::Bulk(next), Reply::Array(found)] = &parts[..] else { panic!("{parts:?}") };
            members += found.len() / 2;
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
        }
        assert!(members >= 5000, "{members}");
    });
}

#[test]
fn pops_from_either_end() {
    both(|db| {
        db.check("ZADD z 1 a 2 b 3 c 4 d", ":4");
        db.check_each("ZPOPMIN z", "[$a $1]", "[$a ,1]");
        db.check_each("ZPOPMAX z 1", "[$d $4]", "[[$d ,4]]");
        db.check_each("ZMPOP 2 absent z MAX COUNT 5", "[$z [[$c $3] [$b $2]]]", "[$z [[$c ,3] [$b ,2]]]");
        db.check_each("ZMPOP 1 z MIN", "nil*", "nil");
        db.check("ZPOPMIN z", "[]");
        db.check("EXISTS z", ":0");
        db.check("ZADD z 1 a", ":1");
        db.check_each("BZPOPMIN absent z 0", "[$z $a $1]", "[$z $a ,1]");
        db.check_each("BZPOPMIN absent z 0.01", "nil*", "nil");
        db.check_each("BZMPOP 0.01 1 z MIN", "nil*", "nil");
    });
}

#[test]
fn who_waits_for_a_member_gets_it() {
    once(|db| {
        let (server, index) = (db.server, db.index);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| server.db(2, index).call("BZPOPMIN nothing z 20").to_string());
            let both_ends = scope.spawn(|| server.db(2, index).call("BZMPOP 20 1 other MAX COUNT 2").to_string());
            assert!(soon(|| db.text("CLIENT LIST").matches("cmd=bz").count() == 2));
            thread::sleep(Duration::from_millis(50));
            db.check("ZADD z 1 a 2 b", ":2");
            db.check("ZADD other 1 a 2 b 3 c", ":3");
            assert_eq!(waiting.join().expect("a reply"), "[$z $a $1]");
            assert_eq!(both_ends.join().expect("a reply"), "[$other [[$c $3] [$b $2]]]");
        });
        db.check("ZRANGE z 0 -1", "[$b]");
        db.check("ZRANGE other 0 -1", "[$a]");
    });
}

#[test]
fn ranks_with_their_scores() {
    both(|db| {
        if !db.server.since((7, 2)) {
            return;
        }
        db.check("ZADD z 1 a 2.5 b", ":2");
        db.check_each("ZRANK z b WITHSCORE", "[:1 $2.5]", "[:1 ,2.5]");
        db.check_each("ZREVRANK z nobody WITHSCORE", "nil*", "nil");
        db.check_refused(&["ZRANK z b WITHSCORES"], SYNTAX);
    });
}

#[test]
fn stored_sets_replace_what_was_there() {
    both(|db| {
        db.check("ZADD a 1 x 2 y", ":2");
        db.check("ZADD b 10 y 20 z", ":2");
        db.check("SET d v EX 100", "+OK");
        db.check("ZUNIONSTORE d 2 a b WEIGHTS 2 1", ":3");
        db.check_each("ZRANGE d 0 -1 WITHSCORES", "[$x $2 $y $14 $z $20]", "[[$x ,2] [$y ,14] [$z ,20]]");
        db.check("TTL d", ":-1");
        db.check("ZINTERSTORE d 2 a b AGGREGATE MAX", ":1");
        db.check("ZRANGE d 0 -1", "[$y]");
        db.check("ZRANGESTORE d a 5 6", ":0");
        db.check("EXISTS d", ":0");
    });
}

#[test]
fn a_set_survives_renames_copies_and_moves() {
    once(|db| {
        fill(db, "z", 3000);
        db.check("COPY z copy", ":1");
        db.check("RENAME z other", "+OK");
        db.check("ZREMRANGEBYRANK other 0 2998", ":2999");
        db.check("ZRANGE other 0 -1", "[$m2999]");
        db.check("ZRANK copy m1500", ":1500");
        db.check("ZADD copy 1500.5 new", ":1");
        db.check("ZRANK copy new", ":1501");
    });
}

#[test]
fn zscan_noscores() {
    both(|db| {
        // Of Valkey 8; no Redis has it.
        db.check("ZADD z 1 a 2 b", ":2");
        if db.call("ZSCAN z 0 NOSCORES").to_string() == "-ERR syntax error" {
            return crate::harness::skip("ZSCAN NOSCORES: the server lacks it");
        }
        db.check("ZSCAN z 0 NOSCORES", "[$0 [$a $b]]");
        db.check("ZSCAN z 0 noscores MATCH b COUNT 5", "[$0 [$b]]");
        db.check("ZSCAN z 0 NOVALUES", "-ERR syntax error");
    });
}
