//! Replies of `SORT` beside a recorded Redis, and what only we have to see to.

use resp::Span;

use super::*;
use crate::table;
use crate::testing::{Db, replay, spans};

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn the_destination_is_found_among_the_options() {
    let index = |line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (buf, spans): (Vec<u8>, Vec<Span>) = (words.concat(), spans(&words));
        destination_index(&Args::new(&buf, &spans))
    };
    assert_eq!(index("sort k"), None);
    assert_eq!(index("sort k store d"), Some(3));
    assert_eq!(index("sort k STORE d alpha Store e"), Some(6));
    assert_eq!(index("sort k by store get store limit store 1"), None);
    assert_eq!(index("sort k store"), None);
    let command = table::find("sort").expect("a command");
    assert_eq!(command.legacy_keys(), (1, 1, 1));
    let words: Vec<&[u8]> = vec![b"sort", b"k", b"desc", b"store", b"d"];
    let (buf, spans) = (words.concat(), spans(&words));
    let mut keys = Vec::new();
    command.visit_keys(&Args::new(&buf, &spans), |index| keys.push(index));
    assert_eq!(keys, [1, 4]);
}

#[test]
fn other_keys_are_seen_as_the_batch_has_written_them() {
    let mut db = Db::new();
    db.run("RPUSH k a b");
    db.run("MSET w_a 1 w_b 2");
    db.commit();
    db.run("SET w_a 3");
    assert_eq!(db.run("SORT k BY w_* GET # GET w_*"), r"*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n3\r\n");
    db.run("DEL w_b");
    assert_eq!(db.run("SORT k BY w_* GET w_*"), r"*2\r\n$-1\r\n$1\r\n3\r\n");
}

#[test]
fn sets_and_sorted_sets_are_replies_of_redis_too() {
    replay(include_str!("tests/collections-7.0.15.txt"));
}

#[test]
fn long_elements_and_large_lists_are_sorted_and_stored() {
    let mut db = Db::new();
    let numbers: Vec<String> = (0..1000u32).map(|n| (n * 7919 % 1000).to_string()).collect();
    db.run(&format!("RPUSH k {}", numbers.join(" ")));
    assert_eq!(db.run("SORT k STORE d"), r":1000\r\n");
    assert_eq!(db.run("LRANGE d 0 2"), r"*3\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n");
    assert_eq!(db.run("LINDEX d -1"), r"$3\r\n999\r\n");
    assert_eq!(db.run("OBJECT ENCODING d"), r"$8\r\nlistpack\r\n");
    assert_eq!(db.run("SORT k BY nosort DESC LIMIT 998 5"), format!(r"*2\r\n$3\r\n919\r\n$1\r\n{}\r\n", numbers[0]));
}
