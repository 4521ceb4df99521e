//! Streams: entries, their ranges and ends, consumer groups, and who waits for them.

use std::io::BufRead;
use std::time::Duration;

use crate::harness::{Db, both, once};
use crate::wire::Reply;

const SYNTAX: &str = "-ERR syntax error";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const INVALID_ID: &str = "-ERR Invalid stream ID specified as stream command argument";
const NOT_GREATER: &str = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";

/// Adds entries `1-0` to `n-0`, each with its number.
fn fill(db: &mut Db<'_>, key: &str, count: usize) {
    for n in 1..=count {
        db.check(&format!("XADD {key} {n} n {n}"), &format!("${n}-0"));
    }
}

/// True if a reply comes soon.
fn has_input(db: &mut Db<'_>) -> bool {
    let timeout = |db: &Db<'_>, ms| {
        db.wire.stream.get_ref().set_read_timeout(Some(Duration::from_millis(ms))).expect("a timeout can be set");
    };
    timeout(db, 20);
    let has_some = db.wire.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
    timeout(db, 60_000);
    has_some
}

/// The value of a field in a reply of `XINFO`.
fn field(reply: &Reply, name: &str) -> Reply {
    let (Reply::Array(items) | Reply::Map(items)) = reply else { panic!("not fields: {reply}") };
    let at = items.iter().step_by(2).position(|item| item.to_string() == format!("${name}"));
    items[2 * at.unwrap_or_else(|| panic!("{name} is missing in {reply}")) + 1].clone()
}

/// One field of a stream's only group.
fn of_group(db: &mut Db<'_>, name: &str) -> String {
    let Reply::Array(groups) = db.call("XINFO GROUPS s") else { panic!("no groups") };
    field(&groups[0], name).to_string()
}

#[test]
fn ids_grow() {
    both(|db| {
        db.check_all(&[
            ("XADD s 5-1 a 1", "$5-1"),
            ("XADD s 5-* b 2", "$5-2"),
            ("XADD s 6-* c 3", "$6-0"),
            ("XADD s 7 d 4", "$7-0"),
            ("XLEN s", ":4"),
            ("XADD zero 0-* a 1", "$0-1"),
            ("XADD end 18446744073709551615-18446744073709551615 a 1", "$18446744073709551615-18446744073709551615"),
            ("XADD end * a 1", "-ERR The stream has exhausted the last possible ID, unable to add more items"),
            ("XADD s 0-0 a 1", "-ERR The ID specified in XADD must be greater than 0-0"),
            ("XADD s NOMKSTREAM 8 a 1", "$8-0"),
            ("XADD none NOMKSTREAM * a 1", "nil"),
            ("EXISTS none", ":0"),
        ]);
        db.check_refused(&["XADD s 8 a 1", "XADD s 7-9 a 1", "XADD s 3-* a 1"], NOT_GREATER);
        db.check_refused(&["XADD s x a 1", "XADD s - a 1", "XADD s 9- a 1", "XADD s 9-9-9 a 1"], INVALID_ID);
        db.check_arity(&["XADD s * a", "XADD s 9 a 1 b", "XLEN", "XRANGE s -"]);
        let (first, second) = (db.text("XADD t * a 1"), db.text("XADD t * a 1"));
        let parse = |text: &str| {
            let (ms, seq) = text.split_once('-').expect("a dash");
            (ms.parse::<u64>().expect("a number"), seq.parse::<u64>().expect("a number"))
        };
        assert!(parse(&first) < parse(&second), "{first} {second}");
    });
}

#[test]
fn ranges() {
    both(|db| {
        fill(db, "s", 5);
        db.check_all(&[
            ("XRANGE s 2 3", "[[$2-0 [$n $2]] [$3-0 [$n $3]]]"),
            ("XRANGE s (2 (4", "[[$3-0 [$n $3]] [$4-0 [$n $4]]]"),
            ("XREVRANGE s 3 2", "[[$3-0 [$n $3]] [$2-0 [$n $2]]]"),
            ("XRANGE s - + COUNT 1", "[[$1-0 [$n $1]]]"),
            ("XREVRANGE s + - COUNT 1", "[[$5-0 [$n $5]]]"),
            ("XRANGE s 4 2", "[]"),
            ("XRANGE none - +", "[]"),
            ("XRANGE s - (0-0", "-ERR invalid end ID for the interval"),
            ("XRANGE s - + COUNT x", "-ERR value is not an integer or out of range"),
            ("XRANGE s - + LIMIT 1", SYNTAX),
        ]);
        db.check_each("XRANGE s - + COUNT 0", "nil*", "nil");
        db.check_refused(&["XRANGE s x +", "XRANGE s (- +", "XREVRANGE s (+ -"], INVALID_ID);
    });
}

#[test]
fn long_ranges_are_whole() {
    once(|db| {
        const COUNT: usize = 5000;
        for n in 1..=COUNT {
            db.wire.send(format!("XADD s {n} n {n}\r\n").as_bytes());
        }
        (1..=COUNT).for_each(|n| assert_eq!(db.wire.read().to_string(), format!("${n}-0")));
        let all: Vec<String> = (1..=COUNT).map(|n| format!("[${n}-0 [$n ${n}]]")).collect();
        assert_eq!(db.items("XRANGE s - +"), all);
        let mut reversed = db.items("XREVRANGE s + -");
        reversed.reverse();
        assert_eq!(reversed, all);
        db.check("XREAD STREAMS s 0", &format!("[[$s [{}]]]", all.join(" ")));
        db.check("XTRIM s MAXLEN 10", &format!(":{}", COUNT - 10));
        assert_eq!(db.items("XRANGE s - +"), all[COUNT - 10..]);
        db.check("XDEL s 4995 4991", ":2");
        db.check("XLEN s", ":8");
    });
}

#[test]
fn deleting_and_trimming() {
    both(|db| {
        fill(db, "s", 10);
        db.check_all(&[
            ("XDEL s 1 3 3 77", ":2"),
            ("XDEL none 1", ":0"),
            ("XDEL s 4 x", INVALID_ID),
            ("XLEN s", ":8"),
            ("XTRIM s MAXLEN 6", ":2"),
            ("XTRIM s MINID 7", ":2"),
            ("XRANGE s - + COUNT 2", "[[$7-0 [$n $7]] [$8-0 [$n $8]]]"),
            ("XTRIM s MAXLEN ~ 2", ":0"),
            ("XADD s MAXLEN = 2 11 a b", "$11-0"),
            ("XLEN s", ":2"),
            ("XADD s MAXLEN 0 12 a b", "$12-0"),
            ("XLEN s", ":0"),
            ("TYPE s", "+stream"),
            ("XADD s 12 a b", NOT_GREATER),
            ("XTRIM s", "-ERR wrong number of arguments for 'xtrim' command"),
            ("XTRIM s BOGUS 1", SYNTAX),
            ("XTRIM s MAXLEN 1 LIMIT 5", "-ERR syntax error, LIMIT cannot be used without the special ~ option"),
            ("XTRIM s LIMIT 0 LIMIT 0", "-ERR syntax error, XTRIM must be called with a trimming strategy"),
            ("XTRIM s MAXLEN -1", "-ERR The MAXLEN argument must be >= 0."),
        ]);
    });
}

#[test]
fn the_last_id_can_be_set() {
    both(|db| {
        fill(db, "s", 3);
        db.check_all(&[
            ("XSETID s 2", "-ERR The ID specified in XSETID is smaller than the target stream top item"),
            (
                "XSETID s 9 ENTRIESADDED 2",
                "-ERR The entries_added specified in XSETID is smaller than the target stream length",
            ),
            ("XSETID s 9 ENTRIESADDED 20 MAXDELETEDID 2-2", "+OK"),
            ("XADD s 9 a 1", NOT_GREATER),
            ("XADD s 9-* a 1", "$9-1"),
            ("XSETID none 1", "-ERR no such key"),
        ]);
    });
    once(|db| {
        db.check("XADD s MAXLEN 0 200-5 a 1", "$200-5");
        db.check("XSETID s 0-0", "+OK");
        db.check("XADD s 1-1 a 1", "$1-1");
        if db.server.since((7, 2)) {
            db.check("XDEL s 1-1", ":1");
            let refused = "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
            db.check("XSETID s 1-0", refused);
        }
    });
}

#[test]
fn reading_several_streams() {
    both(|db| {
        db.check_all(&[("XADD s 1 a 1", "$1-0"), ("XADD t 5 b 2", "$5-0"), ("XADD t 6 c 3", "$6-0")]);
        db.check_each(
            "XREAD COUNT 1 STREAMS s t none 0 5 0",
            "[[$s [[$1-0 [$a $1]]]] [$t [[$6-0 [$c $3]]]]]",
            "%[$s [[$1-0 [$a $1]]] $t [[$6-0 [$c $3]]]]",
        );
        db.check_each("XREAD STREAMS s t $ 9", "nil*", "nil");
        db.check_refused(&["XREAD STREAMS s x", "XREAD STREAMS s -"], INVALID_ID);
        db.check_refused(&["XREAD COUNT 1 BLOCK 1", "XREAD BOGUS 1 2"], SYNTAX);
        if db.server.since((7, 2)) {
            let refused =
                "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.";
            db.check("XREAD STREAMS s t 0", refused);
        }
        if db.server.since((7, 4)) || db.server.is_catamaran_or_skip("XREAD with +") {
            db.check_each("XREAD STREAMS t none + +", "[[$t [[$6-0 [$c $3]]]]]", "%[$t [[$6-0 [$c $3]]]]");
        }
    });
}

#[test]
fn a_group_shares_its_entries() {
    both(|db| {
        db.check("XGROUP CREATE s g $ MKSTREAM", "+OK");
        fill(db, "s", 3);
        db.check_each(
            "XREADGROUP GROUP g alice COUNT 1 STREAMS s >",
            "[[$s [[$1-0 [$n $1]]]]]",
            "%[$s [[$1-0 [$n $1]]]]",
        );
        db.check_each(
            "XREADGROUP GROUP g bob STREAMS s >",
            "[[$s [[$2-0 [$n $2]] [$3-0 [$n $3]]]]]",
            "%[$s [[$2-0 [$n $2]] [$3-0 [$n $3]]]]",
        );
        db.check_each("XREADGROUP GROUP g bob STREAMS s >", "nil*", "nil");
        db.check_all(&[
            ("XPENDING s g", "[:3 $1-0 $3-0 [[$alice $1] [$bob $2]]]"),
            ("XACK s g 2 2 9", ":1"),
            ("XDEL s 3", ":1"),
        ]);
        db.check_each("XREADGROUP GROUP g bob STREAMS s 0", "[[$s [[$3-0 nil*]]]]", "%[$s [[$3-0 nil]]]");
        db.check_all(&[
            ("XCLAIM s g bob 0 1 3 77", "[[$1-0 [$n $1]]]"),
            ("XPENDING s g", "[:1 $1-0 $1-0 [[$bob $1]]]"),
            ("XPENDING s g - + 10 alice", "[]"),
            ("XCLAIM s g carol 100000 1", "[]"),
            ("XAUTOCLAIM s g alice 0 - JUSTID", "[$0-0 [$1-0] []]"),
            ("XGROUP DELCONSUMER s g alice", ":1"),
            ("XGROUP DESTROY s g", ":1"),
            ("XGROUP DESTROY s g", ":0"),
            ("XPENDING s g", "-NOGROUP No such key 's' or consumer group 'g'"),
            ("XACK s g 1", ":0"),
        ]);
    });
}

#[test]
fn entries_that_are_gone_are_not_claimed() {
    both(|db| {
        fill(db, "s", 4);
        db.check("XGROUP CREATE s g 0", "+OK");
        db.call("XREADGROUP GROUP g c STREAMS s >");
        db.check("XDEL s 1 2", ":2");
        db.check_all(&[
            ("XAUTOCLAIM s g d 0 - COUNT 1", "[$2-0 [] [$1-0]]"),
            ("XAUTOCLAIM s g d 0 2 COUNT 2", "[$4-0 [[$3-0 [$n $3]]] [$2-0]]"),
            ("XAUTOCLAIM s g d 0 4 COUNT 1", "[$0-0 [[$4-0 [$n $4]]] []]"),
            ("XPENDING s g", "[:2 $3-0 $4-0 [[$d $2]]]"),
            ("XAUTOCLAIM s g d 0 - COUNT 0", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM s none d 0 -", "-NOGROUP No such key 's' or consumer group 'none'"),
        ]);
        db.check("XCLAIM s g d 0 3 RETRYCOUNT 7 TIME 0 JUSTID", "[$3-0]");
        let Reply::Array(pending) = db.call("XPENDING s g 3 3 1") else { panic!("no entries") };
        let Reply::Array(entry) = &pending[0] else { panic!("no entry") };
        assert_eq!(entry[3], Reply::Integer(7));
        assert!(matches!(entry[2], Reply::Integer(ms) if ms > 1_000_000_000_000), "{}", entry[2]);
    });
}

#[test]
fn lags_are_told_where_they_are_known() {
    once(|db| {
        fill(db, "s", 5);
        db.check("XGROUP CREATE s g 0", "+OK");
        let read = |db: &mut Db<'_>| (of_group(db, "entries-read"), of_group(db, "lag"));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(read(db), pair("nil", ":5"));
        db.call("XREADGROUP GROUP g c COUNT 2 STREAMS s >");
        assert_eq!(read(db), pair(":2", ":3"));
        db.check("XDEL s 4", ":1");
        assert_eq!(read(db), pair(":2", "nil"));
        db.call("XREADGROUP GROUP g c STREAMS s >");
        assert_eq!(read(db), pair(":5", ":0"));
        db.check("XADD s 6 a 1", "$6-0");
        assert_eq!(read(db), pair(":5", ":1"));
        db.check("XGROUP SETID s g 0 ENTRIESREAD 3", "+OK");
        assert_eq!(of_group(db, "entries-read"), ":3");
    });
}

#[test]
fn what_a_stream_tells_of_itself() {
    both(|db| {
        fill(db, "s", 3);
        db.check("XGROUP CREATE s g 0", "+OK");
        db.call("XREADGROUP GROUP g c COUNT 2 STREAMS s >");
        db.check("XDEL s 1", ":1");
        let info = db.call("XINFO STREAM s");
        for (name, value) in [
            ("length", ":2"),
            ("radix-tree-keys", ":1"),
            ("last-generated-id", "$3-0"),
            ("max-deleted-entry-id", "$1-0"),
            ("entries-added", ":3"),
            ("recorded-first-entry-id", "$2-0"),
            ("groups", ":1"),
            ("first-entry", "[$2-0 [$n $2]]"),
            ("last-entry", "[$3-0 [$n $3]]"),
        ] {
            assert_eq!(field(&info, name).to_string(), value, "{name}");
        }
        let info = db.call("XINFO STREAM s FULL COUNT 1");
        assert_eq!(field(&info, "entries").to_string(), "[[$2-0 [$n $2]]]");
        let Reply::Array(groups) = field(&info, "groups") else { panic!("no groups") };
        assert_eq!(field(&groups[0], "pel-count").to_string(), ":2");
        let Reply::Array(consumers) = field(&groups[0], "consumers") else { panic!("no consumers") };
        assert_eq!(field(&consumers[0], "name").to_string(), "$c");
        assert_eq!(field(&consumers[0], "pel-count").to_string(), ":2");
        let Reply::Array(pending) = field(&consumers[0], "pending") else { panic!("nothing pending") };
        assert_eq!(pending.len(), 1);
        if db.server.since((7, 2)) {
            assert!(matches!(field(&consumers[0], "active-time"), Reply::Integer(ms) if ms > 1_000_000_000_000));
            let Reply::Array(consumers) = db.call("XINFO CONSUMERS s g") else { panic!("no consumers") };
            assert!(matches!(field(&consumers[0], "inactive"), Reply::Integer(0..60_000)));
        }
        db.check_all(&[
            ("XINFO STREAM none", "-ERR no such key"),
            ("XINFO CONSUMERS s none", "-NOGROUP No such consumer group 'none' for key name 's'"),
            ("XINFO STREAM s FULL COUNT x", "-ERR value is not an integer or out of range"),
            (
                "XINFO STREAM s BOGUS",
                "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
            ),
        ]);
        assert_eq!(db.items("XGROUP HELP").len(), 17);
        assert_eq!(db.items("XINFO HELP").len(), 9);
    });
}

#[test]
fn a_consumer_is_seen_whether_it_gets_something_or_not() {
    once(|db| {
        if !db.server.since((7, 2)) {
            return;
        }
        db.check("XGROUP CREATE s g $ MKSTREAM", "+OK");
        db.check("XREADGROUP GROUP g c STREAMS s >", "nil*");
        let consumer = |db: &mut Db<'_>| {
            let Reply::Array(consumers) = db.call("XINFO CONSUMERS s g") else { panic!("no consumers") };
            consumers[0].clone()
        };
        assert_eq!(field(&consumer(db), "inactive").to_string(), ":-1");
        db.check("XADD s 1 a 1", "$1-0");
        db.call("XREADGROUP GROUP g c STREAMS s >");
        assert!(matches!(field(&consumer(db), "inactive"), Reply::Integer(0..60_000)));
        db.check("XCLAIM s g other 0 9", "[]");
        assert_eq!(of_group(db, "consumers"), ":2");
    });
}

#[test]
fn nodes_are_trimmed_as_redis_trims_them() {
    crate::harness::alone(|server| {
        let mut db = server.db(2, 0);
        db.check("CONFIG SET stream-node-max-entries 10", "+OK");
        fill(&mut db, "s", 100);
        db.check("XADD s MAXLEN ~ 55 LIMIT 30 101 a 1", "$101-0");
        db.check("XLEN s", ":71");
        db.check("XADD s MAXLEN ~ 55 LIMIT 30 102 a 1", "$102-0");
        db.check("XLEN s", ":62");
        db.check("XTRIM s MINID ~ 45", ":0");
        db.check("XTRIM s MINID ~ 61", ":20");
        db.check("XLEN s", ":42");
        let keys = field(&db.call("XINFO STREAM s"), "radix-tree-keys").to_string();
        assert_eq!(keys, ":5");
        db.check("CONFIG SET stream-node-max-entries 100", "+OK");
        // Long entries fill a node before a hundred are in it.
        for n in 1..=100 {
            db.check(&format!("XADD long {n} field {}", "x".repeat(150)), &format!("${n}-0"));
        }
        let keys = field(&db.call("XINFO STREAM long"), "radix-tree-keys").to_string();
        assert_eq!(keys, ":4");
        db.check("XTRIM long MAXLEN ~ 50", ":50");
    });
}

#[test]
fn a_reader_waits_for_what_is_new() {
    both(|db| {
        let mut reader = db.server.db(db.protocol, db.index);
        reader.wire.send(b"XREAD BLOCK 20000 STREAMS s t $ $\r\n");
        // It may come before the reader waits, and is no longer new then; the next one is.
        let mut reply = None;
        for n in 1..1000 {
            db.check(&format!("XADD t {n} a 1"), &format!("${n}-0"));
            if has_input(&mut reader) {
                reply = Some(reader.wire.read().to_string());
                break;
            }
        }
        let reply = reply.expect("a reply");
        assert!(reply.contains("$t [[$") && reply.contains("-0 [$a $1]]"), "{reply}");
        db.check_each("XREAD BLOCK 20 STREAMS t $", "nil*", "nil");
    });
}

#[test]
fn every_command_refuses_other_kinds() {
    both(|db| {
        db.check("SET k v", "+OK");
        db.check_refused(
            &[
                "XADD k * a 1",
                "XLEN k",
                "XRANGE k - +",
                "XREVRANGE k + -",
                "XDEL k 1",
                "XTRIM k MAXLEN 1",
                "XSETID k 1",
                "XREAD STREAMS k 0",
                "XREADGROUP GROUP g c STREAMS k >",
                "XGROUP CREATE k g 0 MKSTREAM",
                "XGROUP SETID k g 0",
                "XGROUP DESTROY k g",
                "XGROUP CREATECONSUMER k g c",
                "XGROUP DELCONSUMER k g c",
                "XACK k g 1",
                "XPENDING k g",
                "XCLAIM k g c 0 1",
                "XAUTOCLAIM k g c 0 0",
                "XINFO STREAM k",
                "XINFO GROUPS k",
                "XINFO CONSUMERS k g",
            ],
            WRONG_TYPE,
        );
    });
}

#[test]
fn streams_are_copied_renamed_and_kept_over_expiry() {
    both(|db| {
        fill(db, "s", 3);
        db.check("XGROUP CREATE s g 0", "+OK");
        db.call("XREADGROUP GROUP g c STREAMS s >");
        db.check_all(&[
            ("COPY s copy", ":1"),
            ("XDEL s 1 2 3", ":3"),
            ("XACK s g 1 2 3", ":3"),
            ("XPENDING copy g", "[:3 $1-0 $3-0 [[$c $3]]]"),
            ("XLEN copy", ":3"),
            ("RENAME copy other", "+OK"),
            ("XRANGE other 3 3", "[[$3-0 [$n $3]]]"),
            ("EXPIRE other 100", ":1"),
            ("XADD other 4 a 1", "$4-0"),
            ("TTL other", ":100"),
            ("OBJECT ENCODING other", "$stream"),
        ]);
    });
}
