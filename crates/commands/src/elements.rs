//! Which members or fields of a collection a command will look up: so that those of many commands are looked up together.

use crate::args::Args;
use crate::command::Command;

/// The members or fields of the command's first key that it is going to ask for, in that order. A guess: it may ask for others too,
/// or be refused.
pub fn asked<'a>(command: &Command, args: &Args<'a>) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
    let (first, step) = match command.name {
        "sadd" | "srem" | "smismember" | "hmget" | "hdel" | "zmscore" | "zrem" => (2, 1),
        "hset" | "hmset" => (2, 2),
        "sismember" | "hget" | "hexists" | "hstrlen" | "hsetnx" | "hincrby" | "hincrbyfloat" | "zscore" => {
            (2, usize::MAX)
        }
        "zincrby" => (3, usize::MAX),
        // Without options, that is.
        "zadd" if args.len().is_multiple_of(2) => (3, 2),
        _ => return None,
    };
    Some(args.from(first).step_by(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use crate::testing::spans;

    fn asked_by(line: &str) -> Option<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (buf, spans) = (words.concat(), spans(&words));
        let args = Args::new(&buf, &spans);
        let elements = asked(table::resolve(&args).expect("a command"), &args)?;
        Some(elements.map(|element| String::from_utf8_lossy(element).into_owned()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn commands_ask_for_the_elements_that_they_name() {
        for (line, expected) in [
            ("SADD s a b c", "a b c"),
            ("HMGET h a b", "a b"),
            ("HSET h a 1 b 2", "a b"),
            ("HSETNX h a 1", "a"),
            ("HGET h a", "a"),
            ("HINCRBYFLOAT h a 1", "a"),
            ("ZINCRBY z 1 a", "a"),
            ("ZADD z 1 a 2 b", "a b"),
            ("ZSCORE z a", "a"),
        ] {
            assert_eq!(asked_by(line).as_deref(), Some(expected), "{line}");
        }
        for line in ["ZADD z NX 1 a", "HGETALL h", "SPOP s", "GET k"] {
            assert_eq!(asked_by(line), None, "{line}");
        }
    }
}
