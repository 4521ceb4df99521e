//! Two servers side by side, and what it means that they answer alike.

use std::fmt;
use std::thread;
use std::time::Duration;

use crate::streams;
use crate::wire::{Reply, Wire, encode, show_command};

/// How far apart two clocks' readings may be: the servers are asked one after the other, on a machine that may be busy.
const SECONDS_APART_MAX: i64 = 100;

/// How often a number that has yet to settle is asked for, 50 ms apart.
const SETTLE_TRIES: usize = 200;

/// Databases that the grammar uses.
const DATABASE_COUNT: usize = 3;

/// Two replies that should have been one.
pub(crate) struct Difference {
    /// Differences of the same kind are reported once.
    pub(crate) kind: String,
    command: String,
    theirs: String,
    ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  Redis: {}\n  ours:  {}", self.command, cut(&self.theirs), cut(&self.ours))
    }
}

/// How two replies to a command are compared.
enum Rule {
    /// The same bytes.
    Same,
    /// Seconds, of which Redis may tell more: all keys with the same small integer share one object, and with it when it was used.
    Idle,
    /// Integers that tell a time, in units of so many to the second.
    Time(i64),
    /// The same elements in any order.
    SameElements,
    /// The same pairs of elements in any order.
    SamePairs,
    /// As many elements, whichever they are.
    SameShape,
    /// A reply about the server itself: errors must be the same, and what is an error.
    SameErrors,
    /// The same integer, if not now then soon: Redis counts expired keys until it comes across them.
    Settles,
    /// Some key, or none.
    SomeKey,
    /// Some members of the set that is the command's key, as many.
    SomeMembers,
    /// All that an iteration yields, in any order.
    Iteration,
    /// The same, of the members of one key.
    MemberIteration,
    /// So many random ones.
    Sample,
    /// The same but for what [`streams::plain`] takes out.
    Stream,
}

/// The two servers.
pub(crate) struct Pair {
    theirs: Wire,
    ours: Wire,
    protocol: u8,
}

impl Pair {
    pub(crate) fn new(theirs: Wire, ours: Wire, protocol: u8) -> Pair {
        let mut pair = Pair { theirs, ours, protocol };
        pair.start_anew();
        pair
    }

    /// Empties both.
    pub(crate) fn start_anew(&mut self) {
        let protocol = self.protocol.to_string();
        let lines: [&[&[u8]]; 4] = [&[b"RESET"], &[b"HELLO", protocol.as_bytes()], &[b"SELECT", b"0"], &[b"FLUSHALL"]];
        for args in lines {
            self.both(args);
        }
    }

    /// True if both servers have a command.
    pub(crate) fn both_know(&mut self, name: &str) -> bool {
        let (theirs, ours) = self.both(&[b"COMMAND", b"INFO", name.as_bytes()]);
        let knows = |reply: &Reply| matches!(reply, Reply::Array(items) if matches!(items[..], [Reply::Array(_)]));
        knows(&theirs) && knows(&ours)
    }

    /// Sends a command to both and compares what they say.
    pub(crate) fn compare(&mut self, command: &[Vec<u8>]) -> Result<(), Difference> {
        let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        let (theirs, ours) = self.both(&args);
        self.judge(&args, theirs, ours)
    }

    /// Sends commands to both as one transaction, and compares what each is answered.
    pub(crate) fn compare_transaction(&mut self, commands: &[Vec<Vec<u8>>]) -> Result<(), Difference> {
        self.compare(&[b"MULTI".to_vec()])?;
        let mut refused_by_one = Vec::new();
        for command in commands {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let (theirs, ours) = self.both(&args);
            if is_error(&theirs) != is_error(&ours) {
                refused_by_one.push(command);
            } else {
                self.judge(&args, theirs, ours)?;
            }
        }
        match self.both(&[b"EXEC"]) {
            // Only one of them has run the transaction. By itself the command tells whether that is intended.
            _ if !refused_by_one.is_empty() => {
                self.start_anew();
                refused_by_one.into_iter().try_for_each(|command| self.compare(command))?;
            }
            (Reply::Array(theirs), Reply::Array(ours)) if theirs.len() == ours.len() => {
                for (command, (theirs, ours)) in commands.iter().zip(theirs.into_iter().zip(ours)) {
                    let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
                    self.judge(&args, theirs, ours)?;
                }
            }
            (theirs, ours) if theirs == ours => {}
            (theirs, ours) => return Err(difference(&[b"EXEC"], &theirs, &ours)),
        }
        Ok(())
    }

    fn judge(&mut self, args: &[&[u8]], theirs: Reply, ours: Reply) -> Result<(), Difference> {
        if args[0].eq_ignore_ascii_case(b"HELLO") && is_error(&theirs) {
            // Before 7.2 a Redis had taken the name by the time it came to the option that it refuses.
            self.both(&[b"CLIENT", b"SETNAME", b""]);
        }
        if streams::is_newer_refusal(args, &theirs, &ours) {
            // Their stream has another last id now.
            self.start_anew();
            return Ok(());
        }
        if !is_error(&ours) {
            streams::consumers_seen(args).iter().for_each(|command| drop(self.theirs.call(command)));
        }
        if same_numbers(&theirs, &ours) || is_intended(args, &theirs, &ours) {
            return Ok(());
        }
        let alike = match rule(args) {
            Rule::Same => false,
            Rule::Stream => streams::plain(args, &theirs) == streams::plain(args, &ours),
            Rule::Idle => match (&theirs, &ours) {
                (Reply::Integer(a), Reply::Integer(b)) => *b >= 0 && a - b >= -SECONDS_APART_MAX,
                _ => false,
            },
            Rule::Time(per_second) => match (&theirs, &ours) {
                (Reply::Integer(a), Reply::Integer(b)) => {
                    *a >= 0 && *b >= 0 && (a - b).abs() <= SECONDS_APART_MAX * per_second
                }
                _ => false,
            },
            Rule::SameElements => same_numbers(&sorted(theirs.clone()), &sorted(ours.clone())),
            Rule::SamePairs => match (&theirs, &ours) {
                (Reply::Array(a), Reply::Array(b)) | (Reply::Map(a), Reply::Map(b)) => {
                    sorted_pairs(a) == sorted_pairs(b)
                }
                _ => false,
            },
            Rule::SameShape => match (&theirs, &ours) {
                (Reply::Array(a), Reply::Array(b)) => a.len() == b.len(),
                (a, b) => matches!((a, b), (Reply::Bulk(_), Reply::Bulk(_))),
            },
            Rule::SameErrors => !is_error(&theirs) && !is_error(&ours),
            Rule::Settles => (0..SETTLE_TRIES).any(|_| {
                thread::sleep(Duration::from_millis(50));
                let (theirs, ours) = self.both(args);
                theirs == ours
            }),
            Rule::SomeKey => match (&theirs, &ours) {
                (Reply::Bulk(a), Reply::Bulk(b)) => {
                    let (theirs, ours) = self.both(&[b"EXISTS", a, b]);
                    theirs == Reply::Integer(2) && ours == Reply::Integer(2)
                }
                _ => false,
            },
            Rule::SomeMembers => match (members(&theirs), members(&ours)) {
                (Some(a), Some(b)) if a.len() == b.len() => {
                    // Each of the other's: so they come from the same set.
                    let all: Vec<&[u8]> = [b"SMISMEMBER", args[1]].into_iter().chain(a).chain(b).collect();
                    let (theirs, ours) = self.both(&all);
                    let is_whole = |reply: &Reply| matches!(reply, Reply::Array(found) if found.iter().all(|one| *one == Reply::Integer(1)));
                    is_whole(&theirs) && is_whole(&ours)
                }
                _ => false,
            },
            Rule::Iteration if is_error(&theirs) || is_error(&ours) => false,
            Rule::Iteration => {
                let (mut theirs, mut ours) =
                    (rest_of_scan(&mut self.theirs, args, &theirs), rest_of_scan(&mut self.ours, args, &ours));
                theirs.sort();
                ours.sort();
                theirs == ours
            }
            Rule::MemberIteration if is_error(&theirs) || is_error(&ours) => false,
            Rule::MemberIteration => {
                let theirs = members_of_scan(&mut self.theirs, args, &theirs);
                let ours = members_of_scan(&mut self.ours, args, &ours);
                same_numbers(&Reply::Array(theirs), &Reply::Array(ours))
            }
            Rule::Sample => match (&theirs, &ours) {
                (Reply::Array(a), Reply::Array(b)) => a.len() == b.len(),
                (Reply::Bulk(_), Reply::Bulk(_)) => true,
                _ => false,
            },
        };
        if alike { Ok(()) } else { Err(difference(args, &theirs, &ours)) }
    }

    /// Compares everything that both hold.
    pub(crate) fn compare_contents(&mut self) -> Result<(), Difference> {
        let name = self.current_database();
        for index in 0..DATABASE_COUNT {
            self.both(&[b"SELECT", index.to_string().as_bytes()]);
            self.compare(&[b"DBSIZE".to_vec()])?;
            let (theirs, ours) = self.both(&[b"KEYS", b"*"]);
            let keys = sorted(theirs.clone());
            if keys != sorted(ours.clone()) {
                return Err(difference(&[b"KEYS", b"*"], &theirs, &ours));
            }
            let Reply::Array(keys) = keys else { continue };
            for key in keys {
                let Reply::Bulk(key) = key else { continue };
                for command in [
                    ["TYPE"].as_slice(),
                    &["GET"],
                    &["PEXPIRETIME"],
                    &["OBJECT", "ENCODING"],
                    &["STRLEN"],
                    &["SMEMBERS"],
                    &["BITCOUNT"],
                    &["ZRANGE", "<key>", "0", "-1", "WITHSCORES"],
                    &["HLEN"],
                    &["HGETALL"],
                ] {
                    let mut command: Vec<Vec<u8>> = command.iter().map(|word| word.as_bytes().to_vec()).collect();
                    match command.iter_mut().find(|word| **word == b"<key>") {
                        Some(place) => place.clone_from(&key),
                        None => command.push(key.clone()),
                    }
                    self.compare(&command)?;
                }
                self.compare(&[b"LRANGE".to_vec(), key.clone(), b"0".to_vec(), b"-1".to_vec()])?;
                let whole = [b"XINFO".as_slice(), b"STREAM", &key, b"FULL", b"COUNT", b"0"];
                self.compare(&whole.map(<[u8]>::to_vec))?;
            }
        }
        self.both(&[b"SELECT", name.as_bytes()]);
        // A generated HELLO may have changed it.
        let protocol = self.protocol.to_string();
        self.both(&[b"HELLO", protocol.as_bytes()]);
        Ok(())
    }

    /// The database that the reference has selected.
    fn current_database(&mut self) -> String {
        let (Reply::Bulk(info) | Reply::Verbatim(info)) = self.theirs.call(&[b"CLIENT", b"INFO"]) else {
            return "0".to_owned();
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        info.split(' ').find_map(|word| word.strip_prefix("db=")).unwrap_or("0").to_owned()
    }

    /// Both work at the same time.
    fn both(&mut self, args: &[&[u8]]) -> (Reply, Reply) {
        let request = encode(args);
        let mut exchange = || -> std::io::Result<(Reply, Reply)> {
            self.theirs.try_send(&request)?;
            self.ours.try_send(&request)?;
            Ok((self.theirs.try_read()?, self.ours.try_read()?))
        };
        exchange().unwrap_or_else(|e| panic!("no reply to {}: {e}", show_command(args)))
    }
}

/// Replies that differ although both are right: because the reference is older than the release we follow, or because the
/// matter differs.
fn is_intended(args: &[&[u8]], theirs: &Reply, ours: &Reply) -> bool {
    let is = |index: usize, word: &str| args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let shown = (theirs.to_string(), ours.to_string());
    let (theirs_text, ours_text) = (shown.0.as_str(), shown.1.as_str());
    // Redis shares small numbers, but not wherever they came from, and in a transaction its queue has the value too; on disk
    // there are no references to count.
    if is(0, "object") && is(1, "refcount") {
        return matches!(theirs, Reply::Integer(1 | 2 | REFERENCES_OF_SHARED))
            && matches!(ours, Reply::Integer(1 | REFERENCES_OF_SHARED));
    }
    // What INCRBYFLOAT leaves is no `int` to Redis even where it is a whole number. On disk the two are the same bytes.
    if is(0, "object") && is(1, "encoding") && (theirs_text, ours_text) == ("$embstr", "$int") {
        return true;
    }
    // Since 7.2 a small list is one listpack.
    if is(0, "object") && is(1, "encoding") && (theirs_text, ours_text) == ("$quicklist", "$listpack") {
        return true;
    }
    // Since 7.2 a rank has a counterpart of the other sign.
    if is(0, "lpos") && ours_text.starts_with("-ERR value is out of range, value must between") {
        return true;
    }
    // Redis takes an earlier command's number out of range for one of those that it sorts by.
    if (is(0, "sort") || is(0, "sort_ro")) && theirs_text.starts_with("-ERR One or more scores can't be converted") {
        return true;
    }
    // Redis leaves a sorted set as a skiplist behind when it is sorted.
    if is(0, "object") && is(1, "encoding") && (theirs_text, ours_text) == ("$skiplist", "$listpack") {
        return true;
    }
    // Redis compares text up to its first NUL, and what is equal so far may come in any order.
    let has_alpha = args.iter().any(|arg| arg.eq_ignore_ascii_case(b"ALPHA"));
    if (is(0, "sort") || is(0, "sort_ro")) && has_alpha && theirs_text.contains("\\x00") {
        return !is_error(ours);
    }
    // Since 7.2 small sets of strings are listpacks.
    if is(0, "object") && is(1, "encoding") && (theirs_text, ours_text) == ("$hashtable", "$listpack") {
        return true;
    }
    // Since 7.2 all options are read before the password is looked at.
    if is(0, "hello") && theirs_text.starts_with("-WRONGPASS") {
        return ours_text.starts_with("-ERR Syntax error in HELLO option");
    }
    // Before 7.2 a Redis took an id `ms-*` that has no successor for an entry that is too large.
    if is(0, "xadd") && theirs_text == "-ERR Elements are too large to be stored" {
        return ours_text.starts_with("-ERR The ID specified in XADD is equal or smaller");
    }
    // 7.2 looks at what was deleted before it looks at what is there.
    if is(0, "xsetid") && ours_text.ends_with("is smaller than current max_deleted_entry_id") {
        return is_error(theirs);
    }
    // 7.2 has the name of the command in it.
    if theirs_text.starts_with("-ERR Unbalanced XREAD list of streams") {
        return ours_text.starts_with("-ERR Unbalanced 'xread");
    }
    // Since 7.2 these take a command without arguments.
    if is(0, "command") && (is(1, "getkeys") || is(1, "getkeysandflags")) && args.len() == 3 {
        return theirs_text.starts_with("-ERR wrong number of arguments") && is_error(ours);
    }
    // Since 7.2 these take WITHSCORE.
    if (is(0, "zrank") || is(0, "zrevrank")) && args.len() == 4 {
        return theirs_text.starts_with("-ERR wrong number of arguments");
    }
    false
}

/// What `OBJECT REFCOUNT` says of a shared object.
const REFERENCES_OF_SHARED: i64 = 2_147_483_647;

fn rule(args: &[&[u8]]) -> Rule {
    let word =
        |index: usize| args.get(index).map(|arg| String::from_utf8_lossy(arg).to_lowercase()).unwrap_or_default();
    match (word(0).as_str(), word(1).as_str()) {
        ("ttl" | "expiretime", _) => Rule::Time(1),
        ("object", "idletime") => Rule::Idle,
        ("pttl" | "pexpiretime", _) => Rule::Time(1000),
        ("xpending", _) | ("xinfo", "stream" | "consumers") => Rule::Stream,
        ("keys" | "hkeys" | "hvals", _) => Rule::SameElements,
        ("hgetall", _) => Rule::SamePairs,
        ("hrandfield", _) => Rule::SameShape,
        // Of a set any order will do, and so any part of it.
        ("sort" | "sort_ro", _) if args.iter().any(|arg| arg.eq_ignore_ascii_case(b"nosort")) => Rule::SameErrors,
        ("dbsize", _) => Rule::Settles,
        ("randomkey", _) => Rule::SomeKey,
        ("smembers" | "sinter" | "sunion" | "sdiff" | "spop", _) => Rule::SameElements,
        ("srandmember", _) => Rule::SomeMembers,
        ("scan", "0") => Rule::Iteration,
        ("sscan", _) if word(2) == "0" => Rule::Iteration,
        ("sscan", _) => Rule::SameErrors,
        // Pairs: in which order a skiplist has them is the hash's matter.
        ("zscan", _) if word(2) == "0" => Rule::MemberIteration,
        ("zscan", _) => Rule::SameErrors,
        ("zrandmember", _) => Rule::Sample,
        // Places at the same distance, and the order of cells.
        ("geosearch" | "georadius" | "georadius_ro" | "georadiusbymember" | "georadiusbymember_ro", _) => {
            Rule::SameElements
        }
        ("hscan", _) if word(2) == "0" => Rule::Iteration,
        ("hscan", _) => Rule::SameErrors,
        ("scan" | "hello" | "time" | "lastsave" | "info", _) => Rule::SameErrors,
        ("client", "id" | "info" | "list") | ("command", "count" | "list" | "info" | "docs") => Rule::SameErrors,
        // A pattern names options that only one of the two has.
        ("config", "get") if args.iter().any(|arg| arg.iter().any(|byte| b"*?[".contains(byte))) => Rule::SameErrors,
        (name, "help") if ["client", "config", "command", "object"].contains(&name) => Rule::SameErrors,
        _ => Rule::Same,
    }
}

/// True if a command can be part of a transaction: its replies are compared without a look at what both hold then, and it does not change the
/// connection.
pub(crate) fn can_be_queued(command: &[Vec<u8>]) -> bool {
    let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    let alone = [&b"hello"[..], b"auth", b"reset", b"quit", b"select", b"client", b"debug", b"shutdown", b"multi"];
    let looks_later = matches!(
        rule(&args),
        Rule::Settles | Rule::SomeKey | Rule::SomeMembers | Rule::Iteration | Rule::MemberIteration | Rule::Stream
    );
    let name = args.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
    !looks_later && !name.starts_with(b"x") && !alone.contains(&&name[..])
}

/// The members in a reply: one, or several.
fn members(reply: &Reply) -> Option<Vec<&[u8]>> {
    match reply {
        Reply::Bulk(member) => Some(vec![member]),
        Reply::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| match item {
                Reply::Bulk(member) => Some(&member[..]),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// All keys, members, or fields with their values, of an iteration that began with this reply.
fn rest_of_scan(wire: &mut Wire, args: &[&[u8]], first: &Reply) -> Vec<Vec<u8>> {
    let is = |name: &[u8]| args[0].eq_ignore_ascii_case(name);
    let cursor_at = if is(b"SCAN") { 1 } else { 2 };
    let step = if is(b"HSCAN") { 2 } else { 1 };
    let mut found = Vec::new();
    let mut reply = first.clone();
    loop {
        let Reply::Array(parts) = &reply else { panic!("SCAN said {reply}") };
        let [Reply::Bulk(cursor), Reply::Array(keys)] = &parts[..] else { panic!("SCAN said {reply}") };
        found.extend(keys.chunks(step).map(|item| item.iter().map(Reply::to_string).collect::<String>().into_bytes()));
        if cursor == b"0" {
            return found;
        }
        let cursor = cursor.clone();
        let mut next = args.to_vec();
        next[cursor_at] = &cursor;
        reply = wire.call(&next);
    }
}

/// All members of an iteration over one key, each with its score, in order.
fn members_of_scan(wire: &mut Wire, args: &[&[u8]], first: &Reply) -> Vec<Reply> {
    let mut found = Vec::new();
    let mut reply = first.clone();
    loop {
        let Reply::Array(parts) = &reply else { panic!("ZSCAN said {reply}") };
        let [Reply::Bulk(cursor), Reply::Array(members)] = &parts[..] else { panic!("ZSCAN said {reply}") };
        found.extend(members.chunks(2).map(|pair| Reply::Array(pair.to_vec())));
        if cursor == b"0" {
            found.sort_by_key(|pair| match pair {
                Reply::Array(pair) => pair[0].to_string(),
                other => other.to_string(),
            });
            return found;
        }
        let cursor = cursor.clone();
        let mut next = args.to_vec();
        next[2] = &cursor;
        reply = wire.call(&next);
    }
}

/// True for the same replies, numbers with a fraction being the same if they are the same number: before 7.2 a Redis printed
/// doubles with seventeen digits.
fn same_numbers(theirs: &Reply, ours: &Reply) -> bool {
    let float = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    match (theirs, ours) {
        _ if theirs == ours => true,
        (Reply::Bulk(a), Reply::Bulk(b)) => {
            a.iter().any(|byte| b".e".contains(byte)) && float(a).is_some_and(|a| Some(a) == float(b))
        }
        (Reply::Double(a), Reply::Double(b)) => float(a).is_some_and(|a| Some(a) == float(b)),
        (Reply::Array(a), Reply::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(theirs, ours)| same_numbers(theirs, ours))
        }
        _ => false,
    }
}

fn is_error(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(_))
}

fn sorted(reply: Reply) -> Reply {
    match reply {
        Reply::Array(mut items) => {
            items.sort_by_key(Reply::to_string);
            Reply::Array(items)
        }
        Reply::Set(mut items) => {
            items.sort_by_key(Reply::to_string);
            Reply::Set(items)
        }
        other => other,
    }
}

/// The elements of a reply, two and two.
fn sorted_pairs(items: &[Reply]) -> Vec<String> {
    let mut pairs: Vec<String> =
        items.chunks(2).map(|pair| pair.iter().map(Reply::to_string).collect::<Vec<_>>().join(" ")).collect();
    pairs.sort();
    pairs
}

fn difference(args: &[&[u8]], theirs: &Reply, ours: &Reply) -> Difference {
    let (theirs, ours) = (theirs.to_string(), ours.to_string());
    let name = args.first().map(|name| String::from_utf8_lossy(name).to_lowercase()).unwrap_or_default();
    // An error's sentence is a kind of its own; among values the type is kind enough.
    let kind_of = |reply: &str| {
        if reply.starts_with('-') {
            reply.chars().take(40).collect::<String>()
        } else {
            reply.chars().take(1).collect()
        }
    };
    Difference {
        kind: format!("{name} {} {}", kind_of(&theirs), kind_of(&ours)),
        command: show_command(args),
        theirs,
        ours,
    }
}

fn cut(text: &str) -> String {
    const SHOWN_MAX: usize = 500;
    if text.len() <= SHOWN_MAX {
        text.to_owned()
    } else {
        format!("{}... ({} characters)", &text[..SHOWN_MAX], text.len())
    }
}
