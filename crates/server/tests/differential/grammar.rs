//! The commands that are generated, each as a line of a small grammar, with its weight.
//!
//! `<name>` is a random value of that kind (see [`crate::generator`]); `(a|b)` one of the alternatives; `[a|b]` one of them
//! or nothing; a `*` after either repeats it up to three times.
//!
//! Two things keep both servers comparable. No expiry ends while a run lasts: times are far away or long gone. And no number
//! that could become an offset makes a string of hundreds of megabytes.

pub(crate) const COMMANDS: &[(u32, &str)] = &[
    // Strings.
    (40, "SET <key> <value>"),
    (25, "SET <key> <value> [NX|XX|GET|KEEPTTL|<expiry>]*"),
    (20, "GET <key>"),
    (10, "APPEND <key> <value>"),
    (10, "STRLEN <key>"),
    (10, "(INCR|DECR) <key>"),
    (10, "(INCRBY|DECRBY) <key> <int>"),
    (12, "INCRBYFLOAT <key> <float>"),
    (6, "SET <key> <int>"),
    (6, "SET <key> <float>"),
    (5, "GETDEL <key>"),
    (8, "GETEX <key> [PERSIST|<expiry>]*"),
    (12, "(GETRANGE|SUBSTR) <key> <index> <index>"),
    (5, "GETSET <key> <value>"),
    (5, "SETNX <key> <value>"),
    (5, "SETEX <key> <seconds> <value>"),
    (5, "PSETEX <key> <millis> <value>"),
    (10, "SETRANGE <key> <offset> <value>"),
    (8, "MGET <key> [<key>]*"),
    (8, "MSET <key> <value> [<key> <value>]*"),
    (5, "MSETNX <key> <value> [<key> <value>]*"),
    (6, "LCS <word> <word> [LEN|IDX|WITHMATCHLEN|MINMATCHLEN <int>]*"),
    (3, "SET <word> <text>"),
    // Bitmaps.
    (12, "SETBIT <key> <bitoffset> <bit>"),
    (8, "GETBIT <key> <bitoffset>"),
    (10, "BITCOUNT <key> [<index> <index> [BYTE|BIT]]"),
    (10, "BITPOS <key> <bit> [<index> [<index> [BYTE|BIT]]]"),
    (10, "BITOP (AND|OR|XOR|NOT) <key> <key> [<key>]*"),
    (4, "BITOP NOT <key> <key>"),
    (
        12,
        "BITFIELD <key> [GET <field> <fieldoffset>|SET <field> <fieldoffset> <fieldvalue>|INCRBY <field> <fieldoffset> <fieldvalue>|OVERFLOW (WRAP|SAT|FAIL)]*",
    ),
    (4, "BITFIELD_RO <key> [GET <field> <fieldoffset>]*"),
    // Sorted sets.
    (16, "ZADD <zkey> <score> <zmember> [<score> <zmember>]*"),
    (14, "ZADD <zkey> [NX|XX|GT|LT|CH|INCR]* <score> <zmember>"),
    (3, "ZADD <zkey> [NX|XX|GT|LT|CH]* <score> <zmember> <score> <zmember> <score> <zmember>"),
    (8, "ZADD <zkey> <zmany>"),
    (6, "ZINCRBY <zkey> <score> <zmember>"),
    (8, "ZREM <zkey> <zmember> [<zmember>]*"),
    (4, "ZCARD <zkey>"),
    (8, "ZSCORE <zkey> <zmember>"),
    (5, "ZMSCORE <zkey> <zmember> [<zmember>]*"),
    (10, "(ZRANK|ZREVRANK) <zkey> <zmember>"),
    (8, "ZCOUNT <zkey> <min> <max>"),
    (5, "ZLEXCOUNT <lexkey> <lexmin> <lexmax>"),
    (8, "ZADD <lexkey> 0 <zmember> [0 <zmember>]*"),
    (12, "(ZRANGE|ZREVRANGE) <zkey> <rank> <rank> [WITHSCORES]"),
    (10, "(ZRANGEBYSCORE|ZREVRANGEBYSCORE) <zkey> <min> <max> [WITHSCORES] [LIMIT <smallint> <smallint>]"),
    (6, "(ZRANGEBYLEX|ZREVRANGEBYLEX) <lexkey> <lexmin> <lexmax> [LIMIT <smallint> <smallint>]"),
    (10, "ZRANGE <zkey> <min> <max> BYSCORE [REV|WITHSCORES|LIMIT <smallint> <smallint>]*"),
    (5, "ZRANGE <lexkey> <lexmin> <lexmax> BYLEX [REV|LIMIT <smallint> <smallint>]*"),
    (3, "ZRANGE <zkey> <rank> <rank> [REV|BYSCORE|BYLEX|WITHSCORES|LIMIT <smallint> <smallint>]*"),
    (6, "ZRANGESTORE <zkey> <zkey> <rank> <rank> [REV]"),
    (4, "ZRANGESTORE <zkey> <zkey> <min> <max> BYSCORE [REV|LIMIT <smallint> <smallint>]*"),
    (5, "ZREMRANGEBYRANK <zkey> <rank> <rank>"),
    (4, "ZREMRANGEBYSCORE <zkey> <min> <max>"),
    (3, "ZREMRANGEBYLEX <lexkey> <lexmin> <lexmax>"),
    (8, "(ZPOPMIN|ZPOPMAX) <zkey> [<smallint>]"),
    (5, "ZMPOP 2 <zkey> <zkey> (MIN|MAX) [COUNT <smallint>]"),
    (2, "(BZPOPMIN|BZPOPMAX) <zkey> <zkey> 0.01"),
    (2, "BZMPOP 0.01 2 <zkey> <zkey> (MIN|MAX) [COUNT <smallint>]"),
    (4, "ZRANDMEMBER <zkey> [<smallint>]"),
    (3, "ZSCAN <zkey> 0 [MATCH <pattern>|COUNT (1|5|100)]*"),
    (8, "(ZUNION|ZINTER) 2 <zkey> <zkey> [WEIGHTS <score> <score>|AGGREGATE (SUM|MIN|MAX)|WITHSCORES]*"),
    (5, "(ZUNIONSTORE|ZINTERSTORE) <zkey> 2 <zkey> <zkey> [WEIGHTS <score> <score>|AGGREGATE (SUM|MIN|MAX)]*"),
    (3, "ZDIFF 3 <zkey> <zkey> <zkey> [WITHSCORES]"),
    (3, "ZDIFFSTORE <zkey> 2 <zkey> <zkey>"),
    (3, "ZINTERCARD 2 <zkey> <zkey> [LIMIT <smallint>]"),
    // Geo.
    (10, "GEOADD <geokey> [NX|XX|CH]* <lon> <lat> <zmember> [<lon> <lat> <zmember>]*"),
    (4, "GEODIST <geokey> <zmember> <zmember> [<unit>]"),
    (4, "(GEOHASH|GEOPOS) <geokey> <zmember> [<zmember>]*"),
    (
        6,
        "GEORADIUS <geokey> <lon> <lat> <radius> <unit> [WITHDIST|WITHCOORD|WITHHASH|ASC|DESC|COUNT <smallint> [ANY]]*",
    ),
    (4, "GEORADIUSBYMEMBER <geokey> <zmember> <radius> <unit> [WITHDIST|WITHHASH|ASC|DESC|COUNT <smallint>]*"),
    (
        6,
        "GEOSEARCH <geokey> (FROMLONLAT <lon> <lat>|FROMMEMBER <zmember>) (BYRADIUS <radius> <unit>|BYBOX <radius> <radius> <unit>) [WITHDIST|WITHCOORD|WITHHASH|ASC|DESC|COUNT <smallint> [ANY]]*",
    ),
    (
        3,
        "GEOSEARCHSTORE <geokey> <geokey> FROMLONLAT <lon> <lat> (BYRADIUS <radius> <unit>|BYBOX <radius> <radius> <unit>) [ASC|DESC|STOREDIST|COUNT <smallint>]*",
    ),
    (2, "GEORADIUS <geokey> <lon> <lat> <radius> <unit> (STORE|STOREDIST) <geokey>"),
    // Lists.
    (20, "(LPUSH|RPUSH) <list> <element> [<element>]*"),
    (8, "(LPUSH|RPUSH) <list> <elements>"),
    (6, "(LPUSHX|RPUSHX) <list> <element> [<element>]"),
    (16, "(LPOP|RPOP) <list> [<near>|<int>]"),
    (6, "LLEN <list>"),
    (12, "LRANGE <list> <index> <index>"),
    (10, "LINDEX <list> <index>"),
    (10, "LSET <list> <index> <element>"),
    (14, "LINSERT <list> (BEFORE|AFTER) <element> <element>"),
    (14, "LREM <list> (0|<near>|<int>) <element>"),
    (5, "LTRIM <list> <near> -1"),
    (5, "LTRIM <list> 0 <near>"),
    (1, "LTRIM <list> <index> <index>"),
    (12, "LPOS <list> <element> [RANK <near>|COUNT <near>|MAXLEN <near>|COUNT 0]*"),
    (12, "LMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT)"),
    (6, "RPOPLPUSH <list> <list>"),
    (5, "LMPOP 1 <list> (LEFT|RIGHT) [COUNT <near>]"),
    (5, "LMPOP 3 <list> <list> <list> (LEFT|RIGHT) [COUNT <near>]"),
    (1, "LMPOP <junk> <list> (LEFT|RIGHT|<junk>) [COUNT <junk>]"),
    // Sorting. Numbers are not stored: a Redis refuses them after any command that met a number out of range.
    (6, "(SORT|SORT_RO) <list> [ASC|DESC|LIMIT <near> <near>|GET key:*|GET #|GET <pattern>]*"),
    (5, "(SORT|SORT_RO) <list> ALPHA [ASC|DESC|LIMIT <near> <near>|GET key:*|GET #]*"),
    (4, "(SORT|SORT_RO) <list> BY (nosort|key:*|*) [ASC|DESC|LIMIT <near> <near>|GET #]*"),
    (4, "SORT <list> ALPHA STORE <list> [ASC|DESC|LIMIT <near> <near>|GET key:*|GET #]*"),
    (2, "SORT <list> BY nosort STORE <list> [ASC|DESC|LIMIT <near> <near>|GET key:*|GET #]*"),
    // Sets. Few members, so that sets meet; what is random in them is replied whole, or counted.
    (25, "SADD <key> <member> [<member>]*"),
    (6, "SADD <key> <members>"),
    (12, "SREM <key> <member> [<member>]*"),
    (6, "SCARD <key>"),
    (8, "SISMEMBER <key> <member>"),
    (6, "SMISMEMBER <key> <member> [<member>]*"),
    (8, "SMEMBERS <key>"),
    (8, "SMOVE <key> <key> <member>"),
    (2, "SPOP <key> 9999"),
    (3, "SPOP <key> (0|-1|<junk>)"),
    (5, "SRANDMEMBER <key> [0|1|3|40|-1|-30|9223372036854775807|-9223372036854775808|abc]"),
    (10, "(SINTER|SUNION|SDIFF) <key> [<key>]*"),
    (10, "(SINTERSTORE|SUNIONSTORE|SDIFFSTORE) <key> <key> [<key>]*"),
    (6, "SINTERCARD (1|2|2|3|<junk>) <key> <key> [<key>] [LIMIT (0|1|3|-1|<junk>)]*"),
    (5, "SSCAN <key> 0 [MATCH (<pattern>|1*|m*)|COUNT (1|5|1000)]*"),
    (1, "SSCAN <key> <junk> [<junk>]*"),
    // HyperLogLogs, mostly with keys of their own: few strings are one by chance.
    (10, "PFADD <hll> <member> [<member>]*"),
    (3, "PFADD <hll> <members>"),
    (1, "PFADD <key> [<member>]"),
    (6, "PFCOUNT <hll> [<hll>]*"),
    (1, "PFCOUNT <key> [<hll>]"),
    (4, "PFMERGE <hll> [<hll>]*"),
    (1, "PFMERGE <key> <key>"),
    (4, "(GET|STRLEN|EXISTS) <hll>"),
    (2, "PFDEBUG (ENCODING|DECODE|TODENSE|GETREG|<junk>) <hll>"),
    (1, "(DEL|PERSIST|OBJECT ENCODING) <hll>"),
    (1, "RENAME <hll> <hll>"),
    (1, "COPY <hll> <key> REPLACE"),
    // Hashes.
    (20, "HSET <hash> <name> <value> [<name> <value>]*"),
    (4, "HMSET <hash> <name> <value> [<name> <value>]*"),
    (3, "HSET <hash> <pairs>"),
    (6, "HSET <hash> <name> <int>"),
    (4, "HSET <hash> <name> <float>"),
    (6, "HSETNX <hash> <name> <value>"),
    (14, "HGET <hash> <name>"),
    (6, "HMGET <hash> <name> [<name>]*"),
    (10, "HDEL <hash> <name> [<name>]*"),
    (10, "(HLEN|HGETALL|HKEYS|HVALS) <hash>"),
    (8, "(HEXISTS|HSTRLEN) <hash> <name>"),
    (8, "HINCRBY <hash> <name> <int>"),
    (8, "HINCRBYFLOAT <hash> <name> <float>"),
    (6, "HRANDFIELD <hash> [<count> [WITHVALUES]]"),
    (6, "HSCAN <hash> 0 [MATCH <pattern>|COUNT (1|5|100)|TYPE hash]*"),
    (2, "HSCAN <hash> <junk> [<junk>]"),
    (3, "(DEL|UNLINK|TYPE|PERSIST|TTL|EXISTS) <hash>"),
    (3, "(RENAME|RENAMENX|COPY) <hash> <hash>"),
    (2, "EXPIRE <hash> <seconds>"),
    (4, "OBJECT ENCODING <hash>"),
    // Streams. Ids are chosen, as no two clocks agree; what follows the clock lies in streams of its own.
    (30, "XADD <stream> <id> <streamfield> <value> [<streamfield> <value>]"),
    (20, "XADD <stream> [NOMKSTREAM|NOMKSTREAM] <trim> <id> <streamfield> <value>"),
    (3, "XADD <key> <id> <streamfield> <value>"),
    (10, "XDEL <stream> <id> [<id>]*"),
    (10, "XTRIM <stream> <trim>"),
    (3, "XTRIM <stream> [MAXLEN|MINID] [~|=|LIMIT] <int> [LIMIT <int>]"),
    (4, "XSETID <stream> <id> [ENTRIESADDED <int>|MAXDELETEDID <id>]*"),
    (6, "XLEN <stream>"),
    (14, "XRANGE <stream> <bound> <bound> [COUNT (1|2|5|<int>)]"),
    (10, "XREVRANGE <stream> <bound> <bound> [COUNT (1|2|5|<int>)]"),
    (10, "XREAD [COUNT (1|2|<int>)] STREAMS <stream> (<id>|$)"),
    (6, "XREAD [COUNT 2] STREAMS <stream> <stream> <id> <id>"),
    (8, "XGROUP CREATE <stream> <streamgroup> (<id>|$|0) [MKSTREAM|ENTRIESREAD <int>]*"),
    (3, "XGROUP SETID <stream> <streamgroup> (<id>|$|0|-|+) [ENTRIESREAD <int>]"),
    (2, "XGROUP DESTROY <stream> <streamgroup>"),
    (4, "XGROUP (CREATECONSUMER|DELCONSUMER) <stream> <streamgroup> <consumer>"),
    (1, "XGROUP (CREATE|SETID|DESTROY|DELCONSUMER|<junk>) <key> <junk> [<junk>]"),
    (20, "XREADGROUP GROUP <streamgroup> <consumer> [COUNT (1|2|<int>)] [NOACK] STREAMS <stream> >"),
    (8, "XREADGROUP GROUP <streamgroup> <consumer> [COUNT (1|2)] STREAMS <stream> (0|<id>)"),
    (4, "XREADGROUP GROUP <streamgroup> <consumer> STREAMS <stream> <stream> (>|<id>) (>|<id>)"),
    (12, "XACK <stream> <streamgroup> <id> [<id>]*"),
    (8, "XPENDING <stream> <streamgroup>"),
    (8, "XPENDING <stream> <streamgroup> [IDLE 99999999|IDLE 0] <bound> <bound> (1|5|100|<int>) [<consumer>]"),
    (
        10,
        "XCLAIM <stream> <streamgroup> <consumer> (0|99999999) <id> [<id>]* [FORCE|JUSTID|IDLE 5|TIME 5|RETRYCOUNT <int>|LASTID <id>]*",
    ),
    (8, "XAUTOCLAIM <stream> <streamgroup> <consumer> (0|99999999) <bound> [COUNT (1|2|5)|JUSTID]*"),
    (8, "XINFO STREAM <stream> [FULL|FULL COUNT (0|1|<int>)|<junk>]"),
    (8, "XINFO (GROUPS <stream>|CONSUMERS <stream> <streamgroup>)"),
    (1, "XINFO <junk> <stream>"),
    // Payloads.
    (3, "RESTORE <key> (0|0|5000|-1|<junk>) <payload> [REPLACE|ABSTTL|IDLETIME (0|10|-1|<junk>)|FREQ (0|256|<junk>)]*"),
    (3, "RESTORE (<list>|<hash>|<stream>) 0 <payload> REPLACE"),
    (2, "RESTORE <zkey> (0|9000000) <zpayload> [REPLACE]"),
    (1, "RESTORE <key> 0 <junk> [REPLACE]"),
    // Keys.
    (6, "(DEL|UNLINK) <key> [<key>]*"),
    (8, "(EXISTS|TOUCH) <key> [<key>]*"),
    (5, "TYPE <key>"),
    (8, "EXPIRE <key> <seconds> [NX|XX|GT|LT]*"),
    (8, "PEXPIRE <key> <millis> [NX|XX|GT|LT]*"),
    (8, "EXPIREAT <key> <unix> [NX|XX|GT|LT]*"),
    (8, "PEXPIREAT <key> <unixms> [NX|XX|GT|LT]*"),
    (12, "(TTL|PTTL|EXPIRETIME|PEXPIRETIME) <key>"),
    (5, "PERSIST <key>"),
    (6, "(RENAME|RENAMENX) <key> <key>"),
    (8, "COPY <key> <key> [REPLACE|DB <db>]*"),
    (6, "MOVE <key> <db>"),
    (3, "RANDOMKEY"),
    (5, "KEYS <pattern>"),
    (5, "SCAN 0 [MATCH <pattern>|COUNT (1|5|100)|TYPE (string|list|STRING|bogus)]*"),
    (2, "SCAN <junk>"),
    (8, "OBJECT (ENCODING|REFCOUNT|IDLETIME|FREQ) <key>"),
    (6, "DBSIZE"),
    (8, "SELECT <db>"),
    (3, "SWAPDB <db> <db>"),
    (1, "FLUSHDB [ASYNC|SYNC]"),
    (1, "FLUSHALL [ASYNC|SYNC]"),
    // Connections.
    (3, "PING [<value>]"),
    (3, "ECHO <value>"),
    (2, "CLIENT SETNAME (<value>|name|\"\"|a-b)"),
    (2, "CLIENT GETNAME"),
    (1, "CLIENT (NO-EVICT|GETREDIR|UNPAUSE|UNBLOCK|ID|INFO) [on|off|<int>]"),
    (1, "CLIENT KILL (ID|TYPE|USER|SKIPME|LADDR) <junk>"),
    (1, "CLIENT LIST (ID|TYPE) <junk>"),
    (1, "CLIENT PAUSE (abc|-1|1.5|0x10) [<junk>]"),
    (1, "CLIENT <junk>"),
    (1, "HELLO <junk>"),
    (1, "HELLO 3 (SETNAME <value>|AUTH <junk> <junk>|<junk>|AUTH <junk>)"),
    (1, "AUTH <junk> [<junk>]"),
    // The server.
    (
        2,
        "COMMAND GETKEYS (SET <key> <value>|MSET <key> <value> <key> <value>|BITOP AND <key> <key>|OBJECT ENCODING <key>|PING x|DEL <key> <key>|<junk> <key>|COPY <key> <key>|BITFIELD <key> GET u8 0|LCS <key> <key>|RENAME <key> <key>|GET|GETEX <key>|SWAPDB 0 1)",
    ),
    (1, "COMMAND (COUNT|LIST|INFO|DOCS|GETKEYS|GETKEYSANDFLAGS|<junk>) <junk>"),
    (1, "COMMAND LIST FILTERBY (PATTERN|ACLCAT|MODULE|<junk>) <junk>"),
    (
        2,
        "CONFIG GET (appendfsync|timeout|maxmemory|maxmemory-policy|proto-max-bulk-len|nothing|hash-max-ziplist-entries|HZ)",
    ),
    (2, "CONFIG SET (timeout|maxmemory-samples|maxmemory-policy|appendfsync|bogus|databases) <junk>"),
    (1, "CONFIG <junk>"),
    (1, "TIME [<junk>]"),
    (1, "LASTSAVE [<junk>]"),
    (1, "OBJECT <junk> [<key>]"),
    (1, "<junk> [<value>]*"),
    (1, "INFO <junk>"),
];

/// Makes keys of another type, for servers that have lists: so that commands meet the wrong type.
pub(crate) const OTHER_TYPES: &[(u32, &str)] = &[(8, "RPUSH <key> <value>")];

/// One node of a parsed line.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Word(Vec<u8>),
    /// A value by the name of its kind.
    Value(String),
    /// One of several sequences, or nothing where optional; repeated up to so many times.
    Choice {
        alternatives: Vec<Vec<Node>>,
        optional: bool,
        times_max: usize,
    },
}

/// How often a `*` may repeat.
const REPEAT_MAX: usize = 3;

/// Parses a line of the grammar.
pub(crate) fn parse(line: &str) -> Vec<Node> {
    let mut rest = line;
    let mut alternatives = parse_alternatives(&mut rest, line);
    assert!(rest.is_empty() && alternatives.len() == 1, "a bracket too many in {line}");
    alternatives.remove(0)
}

/// Sequences divided by `|`, up to a closing bracket or the end.
fn parse_alternatives(rest: &mut &str, line: &str) -> Vec<Vec<Node>> {
    let mut alternatives = vec![Vec::new()];
    loop {
        *rest = rest.trim_start_matches(' ');
        let Some(first) = rest.chars().next() else { return alternatives };
        match first {
            ')' | ']' => return alternatives,
            '|' => {
                *rest = &rest[1..];
                alternatives.push(Vec::new());
            }
            _ => {
                let node = parse_node(first, rest, line);
                alternatives.last_mut().expect("there is always one").push(node);
            }
        }
    }
}

fn parse_node(first: char, rest: &mut &str, line: &str) -> Node {
    match first {
        '(' | '[' => {
            *rest = &rest[1..];
            let alternatives = parse_alternatives(rest, line);
            let close = if first == '(' { ')' } else { ']' };
            *rest = rest.strip_prefix(close).unwrap_or_else(|| panic!("no {close} in {line}"));
            let times_max = match rest.strip_prefix('*') {
                Some(after) => {
                    *rest = after;
                    REPEAT_MAX
                }
                None => 1,
            };
            Node::Choice { alternatives, optional: first == '[', times_max }
        }
        '<' => {
            let end = rest.find('>').unwrap_or_else(|| panic!("no > in {line}"));
            let name = rest[1..end].to_owned();
            *rest = &rest[end + 1..];
            Node::Value(name)
        }
        _ => {
            let end = rest.find([' ', '|', ')', ']']).unwrap_or(rest.len());
            let word = crate::words::split(&rest[..end]).remove(0);
            *rest = &rest[end..];
            Node::Word(word)
        }
    }
}
