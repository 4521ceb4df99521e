//! Random commands after the lines of [`grammar`], some of them spoiled on purpose.

use crate::grammar::{self, Node};
use crate::random::Random;

/// How many commands in a hundred are spoiled: an argument lost, doubled, exchanged or replaced.
const SPOILED_PERCENT: u64 = 8;

/// How many keys there are. Few, so that commands meet each other's traces.
const KEYS: [&[u8]; 20] = [
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"f",
    b"g",
    b"aa",
    b"a\x00",
    b"\x00\xff",
    b"",
    b"key:1",
    b"key:2",
    b"key:10",
    b"{tag}1",
    b"{tag}2",
    b"with space",
    b"line\r\nbreak",
    b"*?[x]\\",
    b"a-rather-long-key-that-does-not-fit-into-anything-small-0123456789-0123456789-0123456789-0123456789",
];

/// What stands where something else belongs.
const JUNK: [&[u8]; 30] = [
    b"",
    b"abc",
    b"-1",
    b"0",
    b"1.5",
    b"-0",
    b"+1",
    b"01",
    b" 1",
    b"1 ",
    b"1e3",
    b"nan",
    b"inf",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"4294967296",
    b"0x10",
    b"NX",
    b"GET",
    b"BIT",
    b"LEN",
    b"default",
    b"\x00",
    b"\xff\xfe",
    b"a b",
    b"*",
    b"HELP!",
];

const INTEGERS: [&[u8]; 12] = [
    b"0",
    b"1",
    b"-1",
    b"10",
    b"-100",
    b"9999",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775806",
    b"-9223372036854775807",
    b"4611686018427387904",
    b"1000000000000",
];

const FLOATS: [&[u8]; 24] = [
    b"0",
    b"1",
    b"-1",
    b"0.1",
    b"-0.1",
    b"1.5",
    b"3.0e3",
    b"1e-7",
    b"1e17",
    b"-1e20",
    b"0.00001",
    b"123456789.123456789",
    b".5",
    b"5.",
    b"+1.25",
    b"0x1p4",
    b"1e308",
    b"inf",
    b"-inf",
    b"nan",
    b"1e-300",
    b"100.10",
    b"-0",
    b"99999999999999999999",
];

const PATTERNS: [&[u8]; 20] = [
    b"*",
    b"a*",
    b"?",
    b"??",
    b"key:*",
    b"key:[0-9]",
    b"key:[^1]*",
    b"*1",
    b"[a-c]",
    b"[c-a]",
    b"\\*\\?*",
    b"",
    b"*[x]*",
    b"{tag}?",
    b"[",
    b"a\\",
    b"*\\]*",
    b"[^a]",
    b"*\x00*",
    b"line?\n*",
];

const FIELDS: [&[u8]; 24] = [
    b"u1", b"u2", b"u4", b"u7", b"u8", b"u13", b"u16", b"u31", b"u32", b"u63", b"i1", b"i2", b"i5", b"i8", b"i16",
    b"i33", b"i63", b"i64", b"u64", b"i65", b"u0", b"i0", b"U8", b"x8",
];

/// Keys that are mostly sorted sets.
const ZSET_KEYS: [&[u8]; 6] = [b"z:1", b"z:2", b"z:3", b"z:4", b"z:5", b"z:6"];

/// Sorted sets in which all scores are 0: what ranges of names find elsewhere is left open.
const LEX_KEYS: [&[u8]; 2] = [b"lex:1", b"lex:2"];

/// Keys that are mostly geo indexes.
const GEO_KEYS: [&[u8]; 3] = [b"geo:1", b"geo:2", b"geo:3"];

/// Letters of the keys that only LCS uses: its cost is the product of the lengths.
const WORD_KEYS: [&[u8]; 4] = [b"word:1", b"word:2", b"word:3", b"word:absent"];

/// Keys that mostly hold lists: the others change their type too often for lists to grow.
const LIST_KEYS: [&[u8]; 6] = [b"list:1", b"list:2", b"list:3", b"list:4", b"{tag}list", b"list:\x00"];

/// The most elements that one command pushes.
const ELEMENTS_MAX: usize = 80;
/// Keys that only HyperLogLogs use.
const HLL_KEYS: [&[u8]; 4] = [b"hll:1", b"hll:2", b"hll:3", b"hll:absent"];
/// Keys that are streams, most of the time.
const STREAM_KEYS: [&[u8]; 6] = [b"stream:1", b"stream:1", b"stream:2", b"stream:2", b"stream:3", b"stream:absent"];

const GROUPS: [&[u8]; 4] = [b"group", b"group", b"g", b"another group"];
const CONSUMERS: [&[u8]; 4] = [b"alice", b"bob", b"c", b""];
/// Keys that are mostly hashes, so that they have time to grow.
const HASH_KEYS: [&[u8]; 5] = [b"hash:1", b"hash:2", b"hash:3", b"hash:{tag}", b"hash:absent"];

/// Fields of a hash beside those with numbers.
const NAMES: [&[u8]; 10] = [
    b"",
    b"a",
    b"b",
    b"abc",
    b"\x00",
    b"\xff\xfe",
    b"with space",
    b"1",
    b"-7",
    b"a-field-whose-name-is-longer-than-the-64-bytes-that-a-listpack-takes-it-is",
];

/// What a Redis 7.0 has dumped: a string, a list, two sets, a hash, and a stream with a group.
const PAYLOADS: [&[u8]; 6] = [
    b"\x00\xc0\x11\x0a\x00\xe4\x03)E<\xf4+\x1c",
    b"\x12\x01\x02\x12\x12\x00\x00\x00\x04\x00\x81a\x02\x07\x01\x81b\x02\x81a\x02\xff\x0a\x00>\xf1-\x0b\x8d}\xd6\xff",
    b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x000\xf8\x03\x00\x11\x00\x0a\x00:\xf1![\x05\xf1\xd0\x1b",
    b"\x02\x03\xc0\x11\x02m2\x02m1\x0a\x00\x98\xbb\x0d\xca\x9c\x1aB`",
    b"\x10\x14\x14\x00\x00\x00\x04\x00\x82f1\x03\x81v\x02\x82f2\x03\x11\x01\xff\x0a\x00=)\xacP)\xfc\xff\xdc",
    b"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01((\x00\x00\x00\x0f\x00\x02\x01\x00\x01\x01\x01\
      \x81f\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\x02\x01\x00\x01\x01\x01\x81w\x02\x04\x01\xff\x02\x01\x02\x01\x01\
      \x00\x00\x02\x01\x05group\x01\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x0a\x00\xe7\xc5[\xc8S\xf7G\xda",
];

/// And two sorted sets, in a listpack and in a skiplist. They stay apart from what is sorted: `SORT` changes their encoding in Redis.
const ZSET_PAYLOADS: [&[u8]; 2] = [
    b"\x11  \x00\x00\x00\x06\x00\x82m3\x03\x84-inf\x05\x82m1\x03\x01\x01\x82m2\x03\x831.5\x04\xff\x0a\x00M\xd8\xd97\x12\x9aH\xf6",
    b"\x05\x02\x02m2\x00\x00\x00\x00\x00\x00\x00@\x02m1\x00\x00\x00\x00\x00\x00\xf0?\x0a\x00%\xa8K\x9f\x03\x1e\xbf\xd3",
];

/// A source of commands. The same seed gives the same commands.
pub(crate) struct Generator {
    pub(crate) random: Random,
    lines: Vec<(u32, Vec<Node>)>,
    weight_total: u32,
    /// The time of the ids that streams are about at.
    stream_ms: i64,
}

impl Generator {
    pub(crate) fn new(seed: u64, with_other_types: bool) -> Generator {
        let other_types = if with_other_types { grammar::OTHER_TYPES } else { &[] };
        let lines: Vec<_> =
            grammar::COMMANDS.iter().chain(other_types).map(|(weight, line)| (*weight, grammar::parse(line))).collect();
        let weight_total = lines.iter().map(|(weight, _)| weight).sum();
        Generator { random: Random::new(seed), lines, weight_total, stream_ms: 1 }
    }

    /// The next command.
    pub(crate) fn command(&mut self) -> Vec<Vec<u8>> {
        let mut at = self.random.below(self.weight_total as usize) as u32;
        let index = self.lines.iter().position(|(weight, _)| {
            let found = at < *weight;
            at = at.wrapping_sub(*weight);
            found
        });
        let nodes = self.lines[index.unwrap_or_default()].1.clone();
        let mut args = Vec::new();
        self.expand(&nodes, &mut args);
        if self.random.percent(SPOILED_PERCENT) && !keeps_its_scores(&args) {
            self.spoil(&mut args);
        }
        if stops_everybody(&args) {
            args.truncate(2);
        }
        if draws_lots(&args) {
            args.truncate(1);
        }
        if follows_the_clock(&args) {
            args.truncate(3);
        }
        if self.random.percent(10) {
            args[0] = self.change_case(&args[0].clone());
        }
        args
    }

    fn expand(&mut self, nodes: &[Node], args: &mut Vec<Vec<u8>>) {
        for node in nodes {
            match node {
                Node::Word(word) => args.push(word.clone()),
                Node::Value(kind) => self.value(kind, args),
                Node::Choice { alternatives, optional, times_max } => {
                    let least = usize::from(!optional);
                    let times = least + self.random.below(times_max + 1 - least);
                    for _ in 0..times {
                        let chosen = &alternatives[self.random.below(alternatives.len())];
                        self.expand(chosen, args);
                    }
                }
            }
        }
    }

    fn value(&mut self, kind: &str, args: &mut Vec<Vec<u8>>) {
        let random = &mut self.random;
        args.push(match kind {
            "key" => random.pick(&KEYS).to_vec(),
            "hll" => random.pick(&HLL_KEYS).to_vec(),
            "member" => self.member(),
            "members" => {
                let count = 1 + random.below(200);
                return args.extend((0..count).map(|_| self.member()));
            }
            "hash" if random.percent(92) => random.pick(&HASH_KEYS).to_vec(),
            "hash" => random.pick(&KEYS).to_vec(),
            "name" if random.percent(3) => random.pick(&NAMES).to_vec(),
            "name" if random.percent(30) => random.pick(&NAMES[..9]).to_vec(),
            "name" if random.percent(80) => format!("f{}", random.below(12)).into_bytes(),
            "name" => format!("f{}", random.below(700)).into_bytes(),
            "pairs" => return self.pairs(args),
            "count" if random.percent(90) => random.between(-20, 20).to_string().into_bytes(),
            "count" => {
                random.pick(&[b"700".as_slice(), b"9223372036854775807", b"-9223372036854775808", b"x"]).to_vec()
            }
            "word" => random.pick(&WORD_KEYS).to_vec(),
            "stream" if random.percent(96) => random.pick(&STREAM_KEYS).to_vec(),
            "stream" => random.pick(&KEYS).to_vec(),
            "id" => self.id().into_bytes(),
            "bound" => match random.below(6) {
                0 => b"-".to_vec(),
                1 => b"+".to_vec(),
                2 => format!("({}", self.id()).into_bytes(),
                _ => self.id().into_bytes(),
            },
            "trim" => {
                self.trim(args);
                return;
            }
            "streamfield" => random.pick(&[b"f".as_slice(), b"f", b"field", b"another"]).to_vec(),
            "streamgroup" => random.pick(&GROUPS).to_vec(),
            "consumer" => random.pick(&CONSUMERS).to_vec(),
            "text" => self.letters(60),
            "list" if random.percent(90) => random.pick(&LIST_KEYS).to_vec(),
            "list" => random.pick(&KEYS).to_vec(),
            "element" => self.element(),
            "elements" => {
                let count = 1 + random.below(ELEMENTS_MAX);
                return args.extend((0..count).map(|_| self.element()));
            }
            "near" => random.between(-9, 9).to_string().into_bytes(),
            "value" => self.any_value(),
            "junk" => random.pick(&JUNK).to_vec(),
            "payload" => random.pick(&PAYLOADS).to_vec(),
            "zpayload" => random.pick(&ZSET_PAYLOADS).to_vec(),
            "int" if random.percent(50) => random.between(-1000, 1000).to_string().into_bytes(),
            "int" => random.pick(&INTEGERS).to_vec(),
            "float" => self.float(),
            "bit" if random.percent(97) => random.below(2).to_string().into_bytes(),
            "bit" => random.pick(&JUNK).to_vec(),
            "db" if random.percent(95) => random.below(3).to_string().into_bytes(),
            "db" => random.pick(&[b"16".as_slice(), b"-1", b"x", b"99999999999"]).to_vec(),
            "index" => self.index().into_bytes(),
            "offset" => self.offset(70_000).into_bytes(),
            "bitoffset" => self.offset(560_000).into_bytes(),
            "fieldoffset" if random.percent(30) => format!("#{}", random.below(40)).into_bytes(),
            "fieldoffset" => self.offset(300_000).into_bytes(),
            "field" => random.pick(&FIELDS).to_vec(),
            "fieldvalue" if random.percent(60) => random.between(-300, 300).to_string().into_bytes(),
            "fieldvalue" => random.pick(&INTEGERS).to_vec(),
            "pattern" => random.pick(&PATTERNS).to_vec(),
            "seconds" => self.duration(10_000).into_bytes(),
            "millis" => self.duration(10_000_000).into_bytes(),
            "unix" => self.moment(9_000_000_000).into_bytes(),
            "unixms" => self.moment(9_000_000_000_000).into_bytes(),
            // Sorted sets have keys of their own most of the time, so that they grow.
            "zkey" if random.percent(94) => random.pick(&ZSET_KEYS).to_vec(),
            "lexkey" if random.percent(96) => random.pick(&LEX_KEYS).to_vec(),
            "geokey" if random.percent(96) => random.pick(&GEO_KEYS).to_vec(),
            "zkey" | "lexkey" | "geokey" => random.pick(&KEYS).to_vec(),
            "zmember" => self.zset_member(),
            "score" => self.score(),
            "zmany" => {
                args.pop();
                return self.many_members(args);
            }
            "min" | "max" if random.percent(20) => [b"(".as_slice(), &self.score()].concat(),
            "min" => self.bound(b"-inf"),
            "max" => self.bound(b"+inf"),
            "lexmin" => self.name_bound(b"-"),
            "lexmax" => self.name_bound(b"+"),
            "rank" if random.percent(90) => random.between(-150, 150).to_string().into_bytes(),
            "rank" => random.pick(&INTEGERS).to_vec(),
            "smallint" if random.percent(95) => random.between(-2, 30).to_string().into_bytes(),
            "smallint" => random.pick(&JUNK).to_vec(),
            "lon" if random.percent(97) => {
                format!("{}.{}", random.between(-179, 179), random.below(10_000)).into_bytes()
            }
            "lat" if random.percent(97) => format!("{}.{}", random.between(-84, 84), random.below(10_000)).into_bytes(),
            "lon" | "lat" => random.pick(&FLOATS).to_vec(),
            "radius" if random.percent(95) => random.below(6_000).to_string().into_bytes(),
            "radius" => random.pick(&FLOATS).to_vec(),
            "unit" if random.percent(60) => b"km".to_vec(),
            "unit" => random.pick(&[b"m".as_slice(), b"mi", b"FT", b"Km", b"parsec"]).to_vec(),
            "expiry" => {
                let (name, kind) =
                    [("EX", "seconds"), ("PX", "millis"), ("EXAT", "unix"), ("PXAT", "unixms")][random.below(4)];
                args.push(name.as_bytes().to_vec());
                return self.value(kind, args);
            }
            other => panic!("the grammar has no <{other}>"),
        });
    }

    /// One of about two hundred names, and now and then one that is too long for a listpack.
    fn zset_member(&mut self) -> Vec<u8> {
        match self.random.below(40) {
            0 => self.any_value(),
            1 => vec![b'm'; 60 + self.random.below(10)],
            _ => format!("m{}", self.random.below(200)).into_bytes(),
        }
    }

    /// Mostly one of few, so that scores are equal.
    fn score(&mut self) -> Vec<u8> {
        match self.random.below(20) {
            0 => self.float(),
            1 => self.random.pick(&JUNK).to_vec(),
            2..=4 => format!("{}.{}", self.random.between(-50, 50), [5, 25, 75][self.random.below(3)]).into_bytes(),
            _ => self.random.between(-20, 20).to_string().into_bytes(),
        }
    }

    /// So many scores and members that a sorted set outgrows what is small.
    fn many_members(&mut self, args: &mut Vec<Vec<u8>>) {
        for _ in 0..40 + self.random.below(120) {
            args.push(self.random.between(-100, 100).to_string().into_bytes());
            args.push(format!("m{}", self.random.below(400)).into_bytes());
        }
    }

    /// An end of a range of scores, open to infinity every third time.
    fn bound(&mut self, infinity: &[u8]) -> Vec<u8> {
        if self.random.below(3) == 0 { infinity.to_vec() } else { self.score() }
    }

    /// An end of a range of names.
    fn name_bound(&mut self, infinity: &[u8]) -> Vec<u8> {
        match self.random.below(10) {
            0..=2 => infinity.to_vec(),
            3 => self.random.pick(&[b"+".as_slice(), b"-", b"m1", b"", b"["]).to_vec(),
            4..=6 => [b"[".as_slice(), &self.zset_member()].concat(),
            _ => [b"(".as_slice(), &self.zset_member()].concat(),
        }
    }

    /// Many fields at once, so that a hash outgrows what is kept small.
    fn pairs(&mut self, args: &mut Vec<Vec<u8>>) {
        let (first, count) = (self.random.below(600), 1 + self.random.below(80));
        for number in first..first + count {
            args.push(format!("f{number}").into_bytes());
            let value = self.letters(20);
            args.push(value);
        }
    }

    /// Mostly short, sometimes as long as a value in several pieces, often something that counts as a number.
    fn any_value(&mut self) -> Vec<u8> {
        match self.random.below(20) {
            0 => Vec::new(),
            1..=4 => self.random.between(-100, 100).to_string().into_bytes(),
            5 => self.random.pick(&INTEGERS).to_vec(),
            6 => self.float(),
            7 => self.random.pick(&JUNK).to_vec(),
            // Around the length at which Redis changes the encoding.
            8..=10 => {
                let len = 42 + self.random.below(5);
                self.bytes(len)
            }
            11 | 12 => {
                let len = self.random.below(300);
                self.bytes(len)
            }
            13 => {
                let len = 1000 + self.random.below(70_000);
                self.bytes(len)
            }
            14 => {
                let len = 1 + self.random.below(40);
                vec![self.random.pick(&[b"\xff".as_slice(), b"\x00"])[0]; len]
            }
            _ => self.letters(12),
        }
    }

    /// Often the same, so that elements are found again; sometimes around a length at which they are kept elsewhere.
    fn element(&mut self) -> Vec<u8> {
        match self.random.below(20) {
            0..=9 => self.random.between(-3, 12).to_string().into_bytes(),
            10..=14 => self.letters(2),
            15 => self.any_value(),
            16 | 17 => vec![b'x'; 126 + self.random.below(5)],
            18 => vec![b'y'; 1000 + self.random.below(3)],
            _ => self.float(),
        }
    }

    /// Of few that there are: numbers of every width, short strings, and some that are too long for a compact encoding.
    fn member(&mut self) -> Vec<u8> {
        match self.random.below(12) {
            0 => self.any_value(),
            1 => self.random.pick(&INTEGERS).to_vec(),
            2 => self.random.between(-3000, 3000).to_string().into_bytes(),
            3 | 4 => format!("m{}", self.random.below(200)).into_bytes(),
            5 => vec![b'x'; 62 + self.random.below(5)],
            _ => self.random.between(0, 40).to_string().into_bytes(),
        }
    }

    /// The id of an entry. Those of new entries have to grow: what was asked for before says about how far they are.
    fn id(&mut self) -> String {
        self.stream_ms += i64::from(self.random.percent(30));
        let ms = match self.random.below(10) {
            0..=4 => self.stream_ms,
            5..=7 => (self.stream_ms - self.random.between(0, 60)).max(0),
            8 => self.random.between(0, self.stream_ms),
            _ => self.stream_ms + self.random.between(0, 3),
        };
        match self.random.below(40) {
            0 => String::from_utf8_lossy(self.random.pick(&JUNK)).into_owned(),
            1 => "0-0".to_owned(),
            2..=20 => ms.to_string(),
            21..=24 => format!("{ms}-*"),
            _ => format!("{ms}-{}", self.random.below(5)),
        }
    }

    fn trim(&mut self, args: &mut Vec<Vec<u8>>) {
        let is_length = self.random.percent(60);
        args.push(if is_length { b"MAXLEN".to_vec() } else { b"MINID".to_vec() });
        let operator = self.random.pick(&[b"~".as_slice(), b"~", b"=", b""]);
        if !operator.is_empty() {
            args.push(operator.to_vec());
        }
        args.push(match is_length {
            true => self.random.pick(&[b"0".as_slice(), b"1", b"5", b"20", b"50", b"100", b"150"]).to_vec(),
            false => self.id().into_bytes(),
        });
        if operator == b"~" && self.random.percent(40) {
            args.push(b"LIMIT".to_vec());
            args.push(self.random.pick(&[b"0".as_slice(), b"1", b"10", b"100", b"1000"]).to_vec());
        }
    }

    fn letters(&mut self, len_max: usize) -> Vec<u8> {
        let len = self.random.below(len_max + 1);
        (0..len).map(|_| b"abcdeABC "[self.random.below(9)]).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random.next() as u8).collect()
    }

    fn float(&mut self) -> Vec<u8> {
        match self.random.below(3) {
            0 => self.random.pick(&FLOATS).to_vec(),
            1 => format!("{}.{}", self.random.between(-1000, 1000), self.random.below(1_000_000)).into_bytes(),
            _ => format!("{}e{}", self.random.between(-99, 99), self.random.between(-12, 12)).into_bytes(),
        }
    }

    /// A place in a string, from either end.
    fn index(&mut self) -> String {
        match self.random.below(10) {
            0..=5 => self.random.between(-20, 20).to_string(),
            6 | 7 => self.random.between(-80_000, 80_000).to_string(),
            _ => String::from_utf8_lossy(self.random.pick(&INTEGERS)).into_owned(),
        }
    }

    fn offset(&mut self, end: i64) -> String {
        match self.random.below(20) {
            0..=12 => self.random.between(0, 100).to_string(),
            13..=18 => self.random.between(0, end).to_string(),
            _ => String::from_utf8_lossy(self.random.pick(&[
                b"-1".as_slice(),
                b"4294967296",
                b"abc",
                b"9223372036854775807",
                b"",
            ]))
            .into_owned(),
        }
    }

    /// A time to live: so long that it outlives the run, and never the same twice, so that `GT` and `LT` see no tie.
    fn duration(&mut self, unit: i64) -> String {
        match self.random.below(12) {
            0 => "0".to_owned(),
            1 => "-1".to_owned(),
            2 => String::from_utf8_lossy(self.random.pick(&[
                b"abc".as_slice(),
                b"9223372036854775807",
                b"1.5",
                b"-9223372036854775808",
                b"9223372036854775808",
            ]))
            .into_owned(),
            _ => self.random.between(unit, 100 * unit).to_string(),
        }
    }

    /// A moment: long past or far in the future.
    fn moment(&mut self, unit: i64) -> String {
        match self.random.below(12) {
            0 => "1".to_owned(),
            1 => "-5".to_owned(),
            2 => String::from_utf8_lossy(self.random.pick(&[b"abc".as_slice(), b"9223372036854775807", b"0"]))
                .into_owned(),
            // A few values only, so that ties do occur.
            _ => (unit + self.random.between(0, 5) * (unit / 100)).to_string(),
        }
    }

    fn spoil(&mut self, args: &mut Vec<Vec<u8>>) {
        let at = self.random.below(args.len());
        match self.random.below(5) {
            0 if args.len() > 1 => drop(args.remove(at.max(1))),
            1 => args.push(self.random.pick(&JUNK).to_vec()),
            2 => args.insert(at + 1, args[at].clone()),
            3 if args.len() > 2 => {
                let other = 1 + self.random.below(args.len() - 1);
                args.swap(at.max(1), other);
            }
            _ => args[at] = self.random.pick(&JUNK).to_vec(),
        }
    }

    fn change_case(&mut self, word: &[u8]) -> Vec<u8> {
        word.iter().map(|byte| if self.random.percent(50) { byte.to_ascii_lowercase() } else { *byte }).collect()
    }
}

/// True for a command after which the two servers would hold different things: a spoiled `SPOP` of one member.
fn draws_lots(args: &[Vec<u8>]) -> bool {
    args[0].eq_ignore_ascii_case(b"SPOP") && args.len() == 2
}

/// True for what adds to a sorted set whose scores have to stay equal.
fn keeps_its_scores(args: &[Vec<u8>]) -> bool {
    args.get(1).is_some_and(|key| LEX_KEYS.contains(&key.as_slice()))
}

/// True for a new entry of a stream whose id no two servers would choose alike.
fn follows_the_clock(args: &[Vec<u8>]) -> bool {
    args[0].eq_ignore_ascii_case(b"XADD") && args.iter().any(|arg| arg == b"*")
}

/// True for a pause that both servers would keep, for years perhaps, before they answered the next command; and for what
/// would wait for another client.
fn stops_everybody(args: &[Vec<u8>]) -> bool {
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let ms = args.get(2).and_then(|arg| std::str::from_utf8(arg).ok()?.parse::<i64>().ok());
    let timeout = if is(0, "bzmpop") { args.get(1) } else { args.last() };
    // Infinity is refused, but by Redis 7.0 in other words.
    let is_number = |text: &Vec<u8>| text.iter().any(u8::is_ascii_digit) || text.eq_ignore_ascii_case(b"inf");
    let is_long = |timeout: &Vec<u8>| timeout != b"0.01" && is_number(timeout);
    let waits = ["bzpopmin", "bzpopmax", "bzmpop"].iter().any(|name| is(0, name));
    is(0, "client") && is(1, "pause") && ms.is_some_and(|ms| ms > 0) || waits && timeout.is_some_and(is_long)
}
