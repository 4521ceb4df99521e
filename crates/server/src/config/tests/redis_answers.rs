//! Our answers beside those of a real Redis 7.0.15, which `record_redis.py` wrote down.

use super::super::set::Pair;
use super::super::{Config, Origin, SetError, words};
use super::start;

const RECORDED: &str = include_str!("redis-7.0.15.txt");

/// Requests whose outcome differs on purpose.
const OUTCOMES_THAT_DIFFER: &[&str] = &[
    // Redis 7.2 knows this level, 7.0 does not.
    "loglevel nothing",
    "loglevel loud",
    // Redis enlarges a small backlog; here there is none, and what was set is what is shown.
    "repl-backlog-size 1",
    "repl-backlog-size 1024",
    "repl-backlog-size 1b",
    "repl-backlog-size 1k",
    "repl-backlog-size 1kb",
];

struct Answer {
    args: Vec<Vec<u8>>,
    reply: String,
    after: Option<Vec<u8>>,
}

fn answers() -> impl Iterator<Item = Answer> {
    RECORDED.lines().filter(|line| !line.starts_with("default\t")).map(|line| {
        let parts: Vec<Vec<Vec<u8>>> = line.split('\t').map(|part| words::split(part.as_bytes()).unwrap()).collect();
        Answer {
            args: parts[0].clone(),
            reply: String::from_utf8(parts[1][0].clone()).unwrap(),
            after: parts[2].first().cloned(),
        }
    })
}

fn reply(config: &mut Config, args: &[Vec<u8>]) -> String {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let outcome = pairs(&args).and_then(|pairs| config.set(&pairs, Origin::Local));
    match outcome {
        Ok(_) => "+OK".to_owned(),
        Err(error) => format!("-ERR {error}"),
    }
}

fn value(config: &Config, name: &[u8]) -> Option<Vec<u8>> {
    config.matching(&[name], |_, _| false).pop().map(|(_, value)| value)
}

#[test]
fn every_option_of_redis_is_known_and_has_its_default() {
    let config = start("");
    let mut seen = 0;
    for line in RECORDED.lines().filter(|line| line.starts_with("default\t")) {
        let words = words::split(line.as_bytes()).unwrap();
        let shown = |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
        let name = String::from_utf8_lossy(&words[1]);
        assert_eq!(shown(value(&config, &words[1]).as_deref()), shown(Some(&words[2])), "{name}");
        seen += 1;
    }
    assert!(seen > 180, "only {seen} options were recorded");
}

#[test]
fn config_set_answers_as_redis_does() {
    let fresh = start("");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for answer in answers() {
        let mut config = fresh.clone();
        let shown: Vec<_> = answer.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
        let ours = reply(&mut config, &answer.args);
        let after = answer.after.is_some().then(|| value(&config, &answer.args[0])).flatten();
        let same = ours == answer.reply && after == answer.after;
        if same == OUTCOMES_THAT_DIFFER.contains(&shown.join(" ").as_str()) {
            let lossy =
                |value: &Option<Vec<u8>>| value.as_deref().map(String::from_utf8_lossy).map(|text| text.into_owned());
            wrong.push(format!(
                "{shown:?}\n  redis {} {:?}\n  we    {ours} {:?}",
                answer.reply,
                lossy(&answer.after),
                lossy(&after)
            ));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{} of {seen} are not as expected:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 500, "only {seen} answers were recorded");
}

/// The pairs of a `CONFIG SET`, where each name must have a value.
fn pairs<'a>(args: &[&'a [u8]]) -> Result<Vec<Pair<'a>>, SetError> {
    let chunks = args.chunks_exact(2);
    if !chunks.remainder().is_empty() {
        return Err(SetError::Syntax);
    }
    Ok(chunks.map(|pair| (pair[0], pair[1])).collect())
}
