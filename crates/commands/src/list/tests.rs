//! Replies of the list commands beside a recorded Redis, and what a recording cannot show.

use data::Turn;
use resp::{Encoder, Protocol};

use crate::args::Args;
use crate::command::Run;
use crate::error::{Error, Nothing, Park};
use crate::hot::HotRecords;
use crate::table;
use crate::testing::{Db, START_MS, replay, spans};

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

/// What a handler returns.
fn outcome(db: &mut Db, line: &str) -> Result<(), Error> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let (buf, spans) = (words.concat(), spans(&words));
    let args = Args::new(&buf, &spans);
    let Run::Write(handler) = table::resolve(&args).expect("a command").run else { panic!("{line} is no write") };
    let mut reply = Vec::new();
    handler(&mut db.tx(), &args, &mut Encoder::new(&mut reply, Protocol::Resp2))
}

#[test]
fn commands_that_find_nothing_wait_for_as_long_as_they_were_told() {
    let mut db = Db::new();
    let parks = |timeout_ms, nothing_at_once| {
        Err(Error::Park(Park { timeout_ms, nothing: Nothing::Array, nothing_at_once, memo: None }))
    };
    for (line, timeout_ms) in [
        ("BLPOP a b 0", None),
        ("BRPOP a 1.5", Some(1500)),
        ("BRPOP a 0.0001", Some(1)),
        ("BLMPOP 2 2 a b LEFT COUNT 3", Some(2000)),
    ] {
        assert_eq!(outcome(&mut db, line), parks(timeout_ms, Nothing::Array), "{line}");
    }
    for (line, timeout_ms) in [("BLMOVE a b LEFT RIGHT 3", Some(3000)), ("BRPOPLPUSH a b 0", None)] {
        assert_eq!(outcome(&mut db, line), parks(timeout_ms, Nothing::Bulk), "{line}");
    }
    // Whatever the destination is: nothing would be moved to it.
    db.run("SET b v");
    assert_eq!(outcome(&mut db, "BLMOVE a b LEFT RIGHT 0"), parks(None, Nothing::Bulk));
    assert_eq!(outcome(&mut db, "BLPOP b 0"), Err(Error::WrongType));
}

#[test]
fn the_last_element_takes_the_key_along_and_its_expiry() {
    for line in
        ["LPOP k", "RPOP k 5", "LREM k 0 a", "LTRIM k 1 1", "LMOVE k other LEFT LEFT", "LMPOP 1 k LEFT", "BLPOP k 0"]
    {
        let mut db = Db::new();
        db.run("RPUSH k a");
        db.run("EXPIRE k 100");
        db.run(line);
        assert_eq!(db.run("EXISTS k"), r":0\r\n", "{line}");
        db.run("RPUSH k b");
        assert_eq!(db.run("TTL k"), r":-1\r\n", "{line}");
    }
}

#[test]
fn an_expired_list_is_an_absent_one() {
    let mut db = Db::new();
    db.run("RPUSH k a b c");
    db.run("PEXPIRE k 10");
    db.pass_ms(11);
    assert_eq!(db.run("LPUSHX k x"), r":0\r\n");
    assert_eq!(db.run("LRANGE k 0 -1"), r"*0\r\n");
    assert_eq!(db.run("RPUSH k x"), r":1\r\n");
    assert_eq!(db.run("LMOVE k k LEFT RIGHT"), r"$1\r\nx\r\n");
}

#[test]
fn small_lists_are_read_from_memory_alone() {
    let mut db = Db::new();
    db.run("RPUSH small a b c");
    let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    db.run(&format!("RPUSH large {}", many.join(" ")));
    db.commit();
    let reads = HotRecords::new(db.keyspace.clone()).reads();
    let ask = |line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (buf, spans) = (words.concat(), spans(&words));
        let args = Args::new(&buf, &spans);
        let command = table::resolve(&args).expect("a command");
        let mut bytes = Vec::new();
        let outcome = reads.run(command, &args, 0, START_MS, &mut Encoder::new(&mut bytes, Protocol::Resp2))?;
        outcome.expect("a reply");
        Some(bytes.escape_ascii().to_string())
    };
    assert_eq!(ask("LINDEX small 1").as_deref(), Some(r"$1\r\nb\r\n"));
    assert_eq!(ask("LRANGE small 0 0").as_deref(), Some(r"*1\r\n$1\r\na\r\n"));
    assert_eq!(ask("LPOS small c").as_deref(), Some(r":2\r\n"));
    assert_eq!(ask("LLEN large").as_deref(), Some(r":1000\r\n"));
    assert_eq!(ask("LINDEX large 5000").as_deref(), Some(r"$-1\r\n"));
    assert_eq!(ask("LINDEX large 500"), None);
}

#[test]
fn large_lists_survive_a_restart_a_rename_and_a_copy() {
    let mut db = Db::new();
    let random = Turn::new(0, 7);
    let mut expected = Vec::new();
    for number in 0..500 {
        let element = format!("{number}-{}", "x".repeat(random.random_below(300) as usize));
        db.run(&format!("RPUSH k {element}"));
        expected.push(element);
    }
    let mut db = db.reopen();
    db.run("COPY k copy");
    db.run("RENAME k renamed");
    db.run("RPUSH renamed last");
    for (index, element) in expected.iter().enumerate() {
        let reply = format!(r"${}\r\n{element}\r\n", element.len());
        assert_eq!(db.run(&format!("LINDEX renamed {index}")), reply);
        assert_eq!(db.run("LPOP copy"), reply);
    }
    assert_eq!(db.run("EXISTS copy k"), r":0\r\n");
    assert_eq!(db.run("LLEN renamed"), r":501\r\n");
}
