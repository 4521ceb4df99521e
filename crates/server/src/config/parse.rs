//! Turning the arguments of an option into its value, or into Redis's sentence on why they are none.
//!
//! The same function serves the file, the command line and `CONFIG SET`; [`Source`] marks the two places where Redis
//! treats them differently.

use std::path::Path;

use super::events;
use super::number;
use super::option::{Empty, Kind, OptionDef, Words};
use super::value::{OUTPUT_CLASSES, OutputLimit, SavePoint, Value};

/// Where arguments come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The file or the command line, where `save` lines add up. `true` once one was seen, before which the default
    /// save points are dropped.
    Startup { save_seen: bool },
    /// `CONFIG SET`, where the value replaces the old one.
    Set,
}

/// The longest list of addresses that `bind` takes.
const ADDRESSES_MAX: usize = 16;

/// The arguments as a value of the option. `current` is what the option has now: some options only change in part.
/// The error is the sentence for the user; it does not name the option.
pub fn parse(def: &OptionDef, args: &[Vec<u8>], current: &Value, source: Source) -> Result<Value, String> {
    match &def.kind {
        Kind::Flags { words, .. } => flags(words, args),
        Kind::SavePoints => save_points(args, current, source),
        Kind::OutputLimits => output_limits(args, current),
        Kind::OomScores => oom_scores(args),
        Kind::Addresses => addresses(args),
        Kind::Primary => primary(args),
        Kind::Percentiles => percentiles(args),
        single => match args {
            [arg] => parse_one(single, arg, current),
            _ => Err("wrong number of arguments".to_owned()),
        },
    }
}

fn parse_one(kind: &Kind, arg: &[u8], current: &Value) -> Result<Value, String> {
    match *kind {
        Kind::YesNo(_) => match until_zero(arg).to_ascii_lowercase().as_slice() {
            b"yes" => Ok(Value::YesNo(true)),
            b"no" => Ok(Value::YesNo(false)),
            _ => Err("argument must be 'yes' or 'no'".to_owned()),
        },
        Kind::Integer { min, max, .. } => integer(arg, min, max).map(Value::Number),
        Kind::Clamped { max, low, high, .. } => Ok(Value::Number(integer(arg, 0, max)?.clamp(low, high))),
        Kind::Memory { min, max, .. } => memory(arg, min, max),
        Kind::MemoryOrPercent { .. } => memory_or_percent(arg),
        Kind::Octal { max, .. } => octal(arg, max),
        Kind::Text { check, empty, .. } => {
            let text = if empty == Empty::AbsentBinary { arg } else { until_zero(arg) };
            check(text)?;
            Ok(Value::Text(text.into()))
        }
        Kind::Choice { words, .. } => word_code(words, arg).map(Value::Code).ok_or_else(|| list_words(words)),
        Kind::Directory => directory(until_zero(arg), current),
        Kind::Events => events::bits(until_zero(arg))
            .map(Value::Events)
            .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned()),
        // The kinds with several arguments are told apart by `parse` and never get here.
        _ => Err("wrong number of arguments".to_owned()),
    }
}

/// Most of Redis's values are C strings, which end at a zero byte.
fn until_zero(arg: &[u8]) -> &[u8] {
    arg.split(|c| *c == 0).next().unwrap_or(arg)
}

fn integer(arg: &[u8], min: i64, max: i64) -> Result<i64, String> {
    let number = number::integer(arg).ok_or("argument couldn't be parsed into an integer")?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

fn memory(arg: &[u8], min: u64, max: u64) -> Result<Value, String> {
    let bytes = number::memory(until_zero(arg)).ok_or("argument must be a memory value")?;
    if (min..=max).contains(&bytes) {
        Ok(Value::Number(bytes as i64))
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

fn memory_or_percent(arg: &[u8]) -> Result<Value, String> {
    const PERCENT_MAX: i64 = 100;
    let number = match number::memory(until_zero(arg)) {
        // Above 63 bits Redis takes the number for a percentage.
        Some(bytes) => bytes as i64,
        None => number::percent(arg).map(|percent| -percent).ok_or("argument must be a memory or percent value")?,
    };
    if number < -PERCENT_MAX {
        return Err(format!("percentage argument must be less or equal to {PERCENT_MAX}"));
    }
    Ok(Value::Number(number))
}

fn octal(arg: &[u8], max: i64) -> Result<Value, String> {
    let number = number::octal(until_zero(arg)).ok_or("argument couldn't be parsed as an octal number")?;
    if (0..=max).contains(&number) {
        Ok(Value::Number(number))
    } else {
        Err(format!("argument must be between 0 and {max:o} inclusive"))
    }
}

fn word_code(words: Words, arg: &[u8]) -> Option<u32> {
    let arg = until_zero(arg);
    words.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(arg)).map(|(_, code)| *code)
}

fn list_words(words: Words) -> String {
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    format!("argument(s) must be one of the following: {}", all.join(", "))
}

fn flags(words: Words, args: &[Vec<u8>]) -> Result<Value, String> {
    let codes: Option<Vec<u32>> = args.iter().map(|arg| word_code(words, arg)).collect();
    match codes {
        Some(codes) if !codes.is_empty() => {
            let bits = codes.iter().fold(0, |bits, code| bits | code);
            let has = |name: &[u8]| word_code(words, name).is_some_and(|code| bits & code != 0);
            if has(b"save") && has(b"nosave") {
                return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
            }
            Ok(Value::Code(bits))
        }
        _ => Err(list_words(words)),
    }
}

fn save_points(args: &[Vec<u8>], current: &Value, source: Source) -> Result<Value, String> {
    const INVALID: &str = "Invalid save parameters";
    let cleared = matches!(args, [arg] if until_zero(arg).is_empty());
    let args = if cleared { &[] } else { args };
    let mut points = match (current, source) {
        (Value::SavePoints(points), Source::Startup { save_seen: true }) if !cleared => points.clone(),
        _ => Vec::new(),
    };
    let pairs = args.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(INVALID.to_owned());
    }
    for pair in pairs {
        let interval_s = number::decimal(until_zero(&pair[0])).filter(|n| *n >= 1).ok_or(INVALID)?;
        let changes = number::decimal(until_zero(&pair[1])).filter(|n| *n >= 0).ok_or(INVALID)?;
        points.push(SavePoint { interval_s, changes: changes as i32 });
    }
    Ok(Value::SavePoints(points))
}

fn output_limits(args: &[Vec<u8>], current: &Value) -> Result<Value, String> {
    let groups = args.chunks_exact(4);
    if !groups.remainder().is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let mut limits = match current {
        Value::OutputLimits(limits) => *limits,
        _ => return Err("wrong number of arguments".to_owned()),
    };
    for group in groups {
        let class = output_class(until_zero(&group[0]))
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[class] = output_limit(&group[1], &group[2], &group[3])
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(Value::OutputLimits(limits))
}

fn output_class(name: &[u8]) -> Option<usize> {
    let name = if name.eq_ignore_ascii_case(b"replica") { b"slave" } else { name };
    OUTPUT_CLASSES.iter().position(|class| class.as_bytes().eq_ignore_ascii_case(name))
}

fn output_limit(hard: &[u8], soft: &[u8], soft_s: &[u8]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: number::memory(until_zero(hard))?,
        soft_bytes: number::memory(until_zero(soft))?,
        soft_s: number::decimal(until_zero(soft_s)).map(|s| s as i32).filter(|s| *s >= 0)?,
    })
}

fn oom_scores(args: &[Vec<u8>]) -> Result<Value, String> {
    const SCORE_MAX: i64 = 2000;
    let [primary, replica, child] = args else {
        return Err("wrong number of arguments".to_owned());
    };
    let score = |arg: &Vec<u8>| {
        number::decimal(until_zero(arg))
            .filter(|n| (-SCORE_MAX..=SCORE_MAX).contains(n))
            .map(|n| n as i32)
            .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
    };
    Ok(Value::OomScores([score(primary)?, score(replica)?, score(child)?]))
}

fn addresses(args: &[Vec<u8>]) -> Result<Value, String> {
    if args.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".to_owned());
    }
    match args {
        [arg] if arg.is_empty() => Ok(Value::Addresses(Vec::new())),
        _ => Ok(Value::Addresses(args.iter().map(|arg| until_zero(arg).into()).collect())),
    }
}

fn primary(args: &[Vec<u8>]) -> Result<Value, String> {
    let [host, port] = args else {
        return Err("wrong number of arguments".to_owned());
    };
    let (host, port) = (until_zero(host), until_zero(port));
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Primary(None));
    }
    let port = number::decimal(port).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid master port")?;
    Ok(Value::Primary(Some((host.into(), port))))
}

fn percentiles(args: &[Vec<u8>]) -> Result<Value, String> {
    if matches!(args, [arg] if arg.is_empty()) {
        return Ok(Value::Percentiles(Vec::new()));
    }
    let percentile = |arg: &Vec<u8>| match number::real(arg) {
        None => Err("Invalid latency-tracking-info-percentiles parameters"),
        Some(number) if (0.0..=100.0).contains(&number) => Ok(number),
        Some(_) => Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
    };
    let all: Result<Vec<f64>, &str> = args.iter().map(percentile).collect();
    Ok(Value::Percentiles(all?))
}

/// A directory that exists and may be entered, relative to the one before.
fn directory(arg: &[u8], current: &Value) -> Result<Value, String> {
    let base = match current {
        Value::Text(base) => super::path_of(base),
        _ => Path::new(""),
    };
    // The dot asks for permission to enter, as changing into it would.
    let path = base.join(super::path_of(arg));
    path.join(".")
        .metadata()
        .and_then(|_| path.canonicalize())
        .map_or_else(|error| Err(super::error_text(&error)), |path| Ok(Value::Text(super::bytes_of(&path).into())))
}
