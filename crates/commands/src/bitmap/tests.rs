//! Replies of the bitmap commands beside a recorded Redis, and random commands beside a living one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use data::{Turn, string};
use resp::Protocol;

use crate::table;
use crate::testing::{Db, replay};

/// Where a Redis listens that may be emptied, as host:port.
const REFERENCE: &str = "CATAMARAN_REFERENCE";

fn encoding(db: &Db, key: &[u8]) -> Option<&'static str> {
    string::find(&db.view(), key).expect("find").map(|text| text.encoding())
}

#[test]
fn replies_are_those_of_redis() {
    replay(include_str!("tests/redis-7.0.15.txt"));
}

#[test]
fn a_read_makes_no_key_and_a_failed_field_does() {
    let mut db = Db::new();
    for command in ["BITFIELD k GET u8 0", "GETBIT k 1", "BITFIELD_RO k GET u8 100", "BITCOUNT k", "BITPOS k 1"] {
        db.run(command);
        assert_eq!(encoding(&db, b"k"), None, "{command}");
    }
    assert_eq!(db.run("BITFIELD k OVERFLOW FAIL SET u8 12 999"), r"*1\r\n$-1\r\n");
    assert_eq!(db.run("GET k"), r"$3\r\n\x00\x00\x00\r\n");
}

#[test]
fn a_field_may_end_behind_the_longest_string() {
    let mut db = Db::new();
    assert_eq!(db.run("BITFIELD k SET i64 4294967295 -1 GET i64 4294967295"), r"*2\r\n:0\r\n:-1\r\n");
    assert_eq!(db.run("BITCOUNT k"), r":64\r\n");
    assert_eq!(db.run("STRLEN k"), r":536870920\r\n");
}

#[test]
fn offsets_end_where_the_options_end_strings() {
    let mut db = Db::new();
    db.keyspace.settings.string_len_max.store(1 << 20, Ordering::Relaxed);
    assert_eq!(db.run("SETBIT k 8388607 1"), r":0\r\n");
    let refused = r"-ERR bit offset is not an integer or out of range\r\n";
    assert_eq!(db.run("SETBIT k 8388608 1"), refused);
    assert_eq!(db.run("BITFIELD k GET u8 #1048576"), refused);
}

#[test]
fn changed_strings_are_raw_even_if_no_bit_is() {
    for command in ["SETBIT n 0 0", "BITFIELD n OVERFLOW FAIL SET u8 0 999", "BITFIELD n SET u8 0 49", "BITOP OR n n"] {
        let mut db = Db::new();
        db.run("SET n 123");
        assert_eq!(encoding(&db, b"n"), Some("int"));
        db.run(command);
        assert_eq!(encoding(&db, b"n"), Some("raw"), "{command}");
    }
}

#[test]
fn expiries_stay_with_changed_bits_and_go_with_a_result() {
    let mut db = Db::new();
    let expires =
        |db: &Db| string::find(&db.view(), b"k").expect("find").is_some_and(|t| t.meta().expire_at_ms.is_some());
    for (command, expected) in [
        ("SET k v EX 10", true),
        ("SETBIT k 1000 1", true),
        ("BITFIELD k INCRBY u8 0 1", true),
        ("SETBIT k 1000000 1", true),
        ("BITOP NOT k k", false),
    ] {
        db.run(command);
        assert_eq!(expires(&db), expected, "{command}");
    }
}

#[test]
fn keys_of_bitop_are_its_target_and_its_sources() {
    let command = table::find("bitop").expect("a command");
    assert_eq!(command.legacy_keys(), (2, -1, 1));
}

/// A Redis, to be asked the same.
struct Reference {
    socket: BufReader<TcpStream>,
}

impl Reference {
    fn connect() -> Reference {
        let address = std::env::var(REFERENCE).unwrap_or_else(|_| panic!("{REFERENCE} names no server"));
        Reference { socket: BufReader::new(TcpStream::connect(address).expect("a connection")) }
    }

    fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.socket.get_mut().write_all(&request).expect("a write");
        let mut reply = Vec::new();
        self.read(&mut reply);
        reply
    }

    fn read(&mut self, reply: &mut Vec<u8>) {
        let start = reply.len();
        self.socket.read_until(b'\n', reply).expect("a reply");
        let line = std::str::from_utf8(&reply[start..]).expect("text").trim_end().to_owned();
        let count = || line[1..].parse::<i64>().expect("a number");
        match line.as_bytes()[0] {
            b'*' => (0..count()).for_each(|_| self.read(reply)),
            b'%' => (0..2 * count()).for_each(|_| self.read(reply)),
            b'$' if count() >= 0 => {
                let start = reply.len();
                reply.resize(start + count() as usize + 2, 0);
                self.socket.read_exact(&mut reply[start..]).expect("a bulk string");
            }
            _ => {}
        }
    }
}

/// Random commands, most of them sensible.
struct Commands(Turn);

impl Commands {
    fn below(&self, bound: u64) -> u64 {
        self.0.random_below(bound)
    }

    fn one_of<'w>(&self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len() as u64) as usize]
    }

    fn key(&self) -> String {
        if self.below(40) == 0 { "list".to_owned() } else { format!("k{}", self.below(6)) }
    }

    /// An offset in bits: near the borders of bytes and chunks, or far away.
    fn offset(&self) -> String {
        let near = |at: u64| (at + self.below(130)).saturating_sub(65);
        match self.below(30) {
            0 => self.one_of(&["-1", "x", "", "01", "9223372036854775807", "4294967296", "4294967295"]).to_owned(),
            1 => near(self.below(600_000)).to_string(),
            2..8 => near(16_384 * 8 * (1 + self.below(4))).to_string(),
            _ => self.below(300).to_string(),
        }
    }

    fn index(&self) -> String {
        let sign = if self.below(2) == 0 { "-" } else { "" };
        match self.below(30) {
            0 => self.one_of(&["x", "-0", "9223372036854775807", "-9223372036854775808"]).to_owned(),
            1..6 => format!("{sign}{}", self.below(80_000)),
            6..9 => format!("{sign}{}", self.below(640_000)),
            _ => format!("{sign}{}", self.below(50)),
        }
    }

    fn value(&self) -> String {
        let value = self.0.random_u64() as i64;
        match self.below(8) {
            0 => value.to_string(),
            1 => self.one_of(&["9223372036854775807", "-9223372036854775808", "0", "-1"]).to_owned(),
            2 if self.below(10) == 0 => "x".to_owned(),
            _ => (value >> self.below(64)).to_string(),
        }
    }

    fn field(&self, words: &mut Vec<String>) {
        let operation = self.one_of(&["GET", "set", "INCRBY", "INCRBY", "OVERFLOW"]);
        words.push(operation.to_owned());
        if operation == "OVERFLOW" {
            let kinds: &[&str] = if self.below(30) == 0 { &["nonsense"] } else { &["WRAP", "sat", "FAIL"] };
            words.push(self.one_of(kinds).to_owned());
            return;
        }
        let bits = if self.below(40) == 0 { 63 + self.below(4) } else { 1 + self.below(63) };
        words.push(format!("{}{bits}", self.one_of(&["i", "u"])));
        words.push(match self.below(3) {
            0 => format!("#{}", self.below(400)),
            _ => self.offset(),
        });
        if operation != "GET" {
            words.push(self.value());
        }
    }

    fn next(&self) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        match self.below(20) {
            0..3 => words.extend(["SETBIT".to_owned(), self.key(), self.offset(), self.below(2).to_string()]),
            3..5 => words.extend(["GETBIT".to_owned(), self.key(), self.offset()]),
            5..8 => {
                words.extend(["BITCOUNT".to_owned(), self.key()]);
                words.extend((0..self.one_of(&["0", "2", "2", "1"]).parse().unwrap_or(0)).map(|_| self.index()));
            }
            8..13 => {
                words.extend(["BITPOS".to_owned(), self.key(), self.below(2).to_string()]);
                words.extend((0..self.below(3)).map(|_| self.index()));
            }
            13..15 => {
                words.extend(["BITOP".to_owned(), self.one_of(&["AND", "or", "XOR", "NOT"]).to_owned()]);
                words.extend((0..2 + self.below(3)).map(|_| self.key()));
            }
            15..17 => {
                words.extend(["BITFIELD_RO".to_owned(), self.key()]);
                (0..self.below(3)).for_each(|_| words.extend(["GET".to_owned(), "u9".to_owned(), self.offset()]));
            }
            _ => {
                words.extend(["BITFIELD".to_owned(), self.key()]);
                (0..1 + self.below(4)).for_each(|_| self.field(&mut words));
            }
        }
        if words[0].starts_with("BITCOUNT") && words.len() == 4 || words[0] == "BITPOS" && words.len() == 5 {
            match self.below(20) {
                0 => words.push("nonsense".to_owned()),
                1..10 => words.push(self.one_of(&["BIT", "bit", "BYTE"]).to_owned()),
                _ => {}
            }
        }
        words.into_iter().map(String::into_bytes).collect()
    }

    /// A string whose bits are mostly alike.
    fn string(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.below(4) {
            let len = if self.below(3) == 0 { self.below(40_000) } else { self.below(40) };
            let byte = if self.below(2) == 0 { 0xff } else { self.0.random_u64() as u8 };
            bytes.resize(bytes.len() + len as usize, byte);
        }
        bytes
    }
}

#[test]
#[ignore = "asks a Redis, at the address in CATAMARAN_REFERENCE, which it empties"]
fn random_commands_are_answered_as_by_a_redis() {
    const ROUNDS: u64 = 60;
    const COMMANDS_PER_ROUND: usize = 500;
    let mut reference = Reference::connect();
    for round in 0..ROUNDS {
        let commands = Commands(Turn::new(0, round + 1));
        let mut db = Db::new();
        let version: &[u8] = if round % 2 == 0 { b"2" } else { b"3" };
        db.protocol = if round % 2 == 0 { Protocol::Resp2 } else { Protocol::Resp3 };
        reference.run(&[b"HELLO", version]);
        reference.run(&[b"FLUSHALL"]);
        reference.run(&[b"RPUSH", b"list", b"element"]);
        db.make_list(b"list");
        for _ in 0..COMMANDS_PER_ROUND {
            if commands.below(15) == 0 {
                let (key, bytes) = (format!("k{}", commands.below(6)), commands.string());
                db.run_words(&[b"SET", key.as_bytes(), &bytes]);
                reference.run(&[b"SET", key.as_bytes(), &bytes]);
            }
            let words = commands.next();
            // What reaches to the end of the longest string takes a second on a server in memory.
            if words[0] != b"GETBIT" && words.iter().any(|word| word.starts_with(b"42949")) {
                continue;
            }
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let shown: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            assert_eq!(
                String::from_utf8_lossy(&db.run_words(&words)),
                String::from_utf8_lossy(&reference.run(&words)),
                "round {round}: {}",
                shown.join(" ")
            );
            if commands.below(4) == 0 {
                db.commit();
            }
            if commands.below(10) == 0 {
                same_string(&mut db, &mut reference, format!("k{}", commands.below(6)).as_bytes(), &shown.join(" "));
            }
        }
    }
}

fn same_string(db: &mut Db, reference: &mut Reference, key: &[u8], after: &str) {
    let get: &[&[u8]] = &[b"GET", key];
    assert!(db.run_words(get) == reference.run(get), "{} differs after {after}", key.escape_ascii());
    if let Some(encoding) = encoding(db, key) {
        let theirs = reference.run(&[b"OBJECT", b"ENCODING", key]);
        let theirs = String::from_utf8_lossy(&theirs);
        assert!(theirs.contains(encoding), "{} is {theirs} after {after}", key.escape_ascii());
    }
}
