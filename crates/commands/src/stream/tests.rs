//! Replies of the stream commands beside a recorded Redis; what 7.2 does in another way; and what waits.

use data::stream;
use resp::Protocol;

use super::*;
use crate::args::Args;
use crate::command::Run;
use crate::error::{Nothing, Park};
use crate::table;
use crate::testing::{Db, START_MS, replay, spans};

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

/// Why a command waits, and in which place of its keys it begins.
fn parked(db: &mut Db, line: &str) -> Park {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let (buf, spans) = (words.concat(), spans(&words));
    let args = Args::new(&buf, &spans);
    let mut bytes = Vec::new();
    let mut reply = Encoder::new(&mut bytes, Protocol::Resp2);
    let outcome = match table::resolve(&args).expect("a command").run {
        Run::Read(handler) => handler(&db.view(), &args, &mut reply),
        Run::Write(handler) => {
            let outcome = handler(&mut db.tx(), &args, &mut reply);
            db.batch.undo();
            outcome
        }
        _ => panic!("not a command on data"),
    };
    match outcome {
        Err(Error::Park(park)) => park,
        other => panic!("{line} does not wait: {other:?}, {}", bytes.escape_ascii()),
    }
}

/// Runs a command as one that has waited.
fn run_again(db: &mut Db, line: &str, park: &Park) -> String {
    db.turn.set_memo(Some(park.memo.clone().unwrap_or_default()));
    let reply = db.run(line);
    db.turn.set_memo(None);
    reply
}

#[test]
fn who_waits_for_new_entries_remembers_since_when() {
    let mut db = Db::new();
    db.run("XADD s 5-1 a 1");
    let line = "XREAD BLOCK 100 STREAMS s none s $ $ 7";
    let park = parked(&mut db, line);
    assert_eq!((park.timeout_ms, park.nothing), (Some(100), Nothing::Array));
    db.run("XADD s 6-1 b 2");
    assert_eq!(
        run_again(&mut db, line, &park),
        r"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n6-1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
    );
    assert_eq!(parked(&mut db, "XREAD BLOCK 0 STREAMS s 6-1").timeout_ms, None);
}

#[test]
fn who_waits_for_a_stream_is_not_served_by_another_kind() {
    let mut db = Db::new();
    let park = parked(&mut db, "XREAD BLOCK 0 STREAMS s $");
    db.run("SET s v");
    db.turn.set_memo(park.memo.clone());
    assert_eq!(parked(&mut db, "XREAD BLOCK 0 STREAMS s $"), park);
    db.turn.set_memo(None);
    assert!(db.run("XREAD BLOCK 0 STREAMS s $").starts_with("-WRONGTYPE"));
}

#[test]
fn a_plus_is_the_last_entry() {
    let mut db = Db::new();
    db.run("XADD s 5-0 a 1");
    db.run("XADD s 6-0 b 2");
    db.run("XADD s 7-0 c 3");
    db.run("XDEL s 7-0");
    let entry = r"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n6-0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
    assert_eq!(db.run("XREAD STREAMS s +"), entry);
    db.run("XDEL s 5-0 6-0");
    assert_eq!(db.run("XREAD STREAMS s +"), r"*-1\r\n");
    let park = parked(&mut db, "XREAD BLOCK 0 STREAMS s +");
    db.run("XADD s 8-0 d 4");
    assert!(run_again(&mut db, "XREAD BLOCK 0 STREAMS s +", &park).contains("8-0"));
}

#[test]
fn a_consumer_that_waits_is_there_and_its_group_may_go() {
    let mut db = Db::new();
    db.run("XGROUP CREATE s g $ MKSTREAM");
    let line = "XREADGROUP GROUP g c BLOCK 0 STREAMS s >";
    let park = parked(&mut db, line);
    assert_eq!(db.run("XGROUP CREATECONSUMER s g c"), r":0\r\n");
    db.run("XADD s 1-1 a 1");
    assert!(run_again(&mut db, line, &park).contains("1-1"));
    db.run("XGROUP DESTROY s g");
    let no_group = r"-NOGROUP No such key \'s\' or consumer group \'g\' in XREADGROUP with GROUP option\r\n";
    assert_eq!(run_again(&mut db, line, &park), no_group);
    db.run("DEL s");
    assert_eq!(run_again(&mut db, line, &park), no_group);
    db.run("SET s v");
    assert!(run_again(&mut db, line, &park).starts_with("-WRONGTYPE"));
}

#[test]
fn new_ids_follow_the_clock() {
    let mut db = Db::new();
    assert_eq!(db.run("XADD s * a 1"), format!(r"$15\r\n{START_MS}-0\r\n"));
    assert_eq!(db.run("XADD s * a 1"), format!(r"$15\r\n{START_MS}-1\r\n"));
    db.pass_ms(1);
    assert_eq!(db.run("XADD s * a 1"), format!(r"$15\r\n{}-0\r\n", START_MS + 1));
}

#[test]
fn times_of_consumers() {
    let mut db = Db::new();
    db.protocol = Protocol::Resp3;
    db.run("XADD s 1-1 a 1");
    db.run("XGROUP CREATE s g 0");
    db.run("XREADGROUP GROUP g c STREAMS s >");
    db.pass_ms(70);
    db.run("XREADGROUP GROUP g c STREAMS s >");
    db.pass_ms(30);
    assert_eq!(
        db.run("XINFO CONSUMERS s g"),
        r"*1\r\n%4\r\n$4\r\nname\r\n$1\r\nc\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:30\r\n$8\r\ninactive\r\n:100\r\n"
    );
    let full = db.run("XINFO STREAM s FULL");
    let consumer = format!(
        r"*1\r\n%5\r\n$4\r\nname\r\n$1\r\nc\r\n$9\r\nseen-time\r\n:{}\r\n$11\r\nactive-time\r\n:{START_MS}\r\n$9\r\npel-count\r\n:1\r\n$7\r\npending\r\n*1\r\n*3\r\n$3\r\n1-1\r\n:{START_MS}\r\n:1\r\n",
        START_MS + 70
    );
    assert!(full.ends_with(&consumer), "{full}");
    assert!(full.starts_with(r"%9\r\n$6\r\nlength\r\n:1\r\n"), "{full}");
    assert_eq!(db.run("XPENDING s g IDLE 100 - + 10"), r"*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:100\r\n:1\r\n");
    assert_eq!(db.run("XPENDING s g IDLE 101 - + 10"), r"*0\r\n");
    assert_eq!(db.run("XAUTOCLAIM s g d 101 -"), r"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n");
    db.run("XCLAIM s g d 100 1-1 IDLE 40");
    assert_eq!(db.run("XPENDING s g - + 10"), r"*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nd\r\n:40\r\n:2\r\n");
}

#[test]
fn history_counts_deliveries() {
    let mut db = Db::new();
    db.run("XADD s 1-1 a 1");
    db.run("XGROUP CREATE s g 0");
    db.run("XREADGROUP GROUP g c STREAMS s >");
    db.pass_ms(50);
    db.run("XREADGROUP GROUP g c STREAMS s 0");
    assert_eq!(db.run("XPENDING s g - + 10"), r"*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:0\r\n:2\r\n");
}

#[test]
fn one_stream_twice_gives_its_entries_once() {
    let mut db = Db::new();
    db.run("XADD s 1-1 a 1");
    db.run("XGROUP CREATE s g 0");
    let reply = db.run("XREADGROUP GROUP g c STREAMS s s > >");
    assert_eq!(reply.matches("1-1").count(), 1, "{reply}");
    assert!(db.run("XPENDING s g").starts_with(r"*4\r\n:1\r\n"));
}

#[test]
fn keys_are_found_where_the_handler_finds_them_or_it_refuses() {
    let mut db = Db::new();
    db.run("XGROUP CREATE k streams $ MKSTREAM");
    db.run("XGROUP CREATE k g $ MKSTREAM");
    assert_eq!(db.run("XREADGROUP GROUP g streams STREAMS k >"), r"*-1\r\n");
    assert_eq!(db.run("XREADGROUP COUNT 1 GROUP STREAMS c STREAMS k >"), r"-ERR syntax error\r\n");
    let args: Vec<&[u8]> = vec![b"xread", b"COUNT", b"2", b"streams", b"a", b"b", b"0", b"0"];
    let (buf, spans) = (args.concat(), spans(&args));
    let args = Args::new(&buf, &spans);
    let mut keys = Vec::new();
    table::resolve(&args).expect("a command").visit_keys(&args, |index| keys.push(index));
    assert_eq!(keys, [4, 5]);
}

#[test]
fn a_stream_survives_a_restart() {
    let mut db = Db::new();
    for n in 1..=250 {
        db.run(&format!("XADD s {n} n {n}"));
    }
    db.run("XGROUP CREATE s g 0");
    db.run("XREADGROUP GROUP g c COUNT 3 STREAMS s >");
    let lines = ["XRANGE s - +", "XINFO STREAM s", "XINFO GROUPS s", "XPENDING s g"];
    let before: Vec<String> = lines.iter().map(|line| db.run(line)).collect();
    let mut db = db.reopen();
    assert_eq!(lines.iter().map(|line| db.run(line)).collect::<Vec<_>>(), before);
    assert_eq!(stream::read(&db.view(), b"s").expect("read").expect("a stream").header.nodes, 3);
}
