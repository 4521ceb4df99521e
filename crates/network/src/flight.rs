//! What a connection has in flight, as far as it matters if storage does not answer it: which replies the client
//! waits for, and until when.

use std::time::Instant;

use commands::{Call, Error, Slice};
use resp::{Encoder, Protocol};

/// One slice in flight.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The id of its request.
    pub(crate) request: u64,
    /// Until when storage has to take it.
    pub(crate) deadline: Instant,
    pub(crate) outline: Outline,
}

/// The replies of a slice without those that only storage knows.
#[derive(Debug)]
pub(crate) struct Outline {
    shape: Shape,
    protocol: Protocol,
}

#[derive(Debug)]
enum Shape {
    /// Replies of storage alone, by number: needs no allocation.
    Asked(usize),
    /// Others between them.
    Mixed(Vec<Part>),
}

#[derive(Debug)]
enum Part {
    /// Replies that are known, encoded. Kept, as several may lie in one literal.
    Known(Vec<u8>),
    /// Replies of storage, by number.
    Asked(usize),
}

impl Outline {
    /// Of a slice whose calls have not run.
    pub(crate) fn of(slice: &Slice, protocol: Protocol) -> Outline {
        let is_plain = |call: &Call| matches!(call, Call::Run { .. });
        if slice.literals.is_empty() && slice.calls.iter().all(is_plain) {
            let asked = slice.calls.iter().filter(|call| matches!(call, Call::Run { silent: false, .. })).count();
            return Outline { shape: Shape::Asked(asked), protocol };
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = &*slice.calls;
        while let [call, behind @ ..] = rest {
            rest = behind;
            match *call {
                Call::Transaction { calls, silent, .. } => {
                    rest = behind.get(calls as usize..).unwrap_or(&[]);
                    if !silent {
                        push_asked(&mut parts);
                    }
                }
                Call::Literal { start, len } => {
                    let literal = slice.literals.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    parts.push(Part::Known(literal.to_vec()));
                }
                Call::Run { silent: true, .. } => {}
                Call::Run { .. } => push_asked(&mut parts),
            }
        }
        Outline { shape: Shape::Mixed(parts), protocol }
    }

    /// The replies, with an error for each that storage owes.
    pub(crate) fn refused(&self, error: &Error) -> Vec<u8> {
        let text = error.text();
        let mut answer = Vec::new();
        let errors = |answer: &mut Vec<u8>, count| {
            (0..count).for_each(|_| Encoder::new(answer, self.protocol).error(&text));
        };
        match &self.shape {
            Shape::Asked(count) => errors(&mut answer, *count),
            Shape::Mixed(parts) => {
                for part in parts {
                    match part {
                        Part::Known(literal) => answer.extend_from_slice(literal),
                        Part::Asked(count) => errors(&mut answer, *count),
                    }
                }
            }
        }
        answer
    }
}

fn push_asked(parts: &mut Vec<Part>) {
    match parts.last_mut() {
        Some(Part::Asked(count)) => *count += 1,
        _ => parts.push(Part::Asked(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_gets_one_reply_known_ones_included() {
        let command = commands::table::all().iter().find(|command| command.name == "get").expect("there is GET");
        let run = |silent| Call::Run { command, first: 0, count: 2, db: 0, protocol: Protocol::Resp2, silent };
        let mut slice = Slice::default();
        slice.literals = b"+PONG\r\n+PONG\r\n".to_vec();
        slice.calls = vec![run(false), run(true), run(false), Call::Literal { start: 0, len: 14 }, run(false)];
        let answer = Outline::of(&slice, Protocol::Resp2).refused(&Error::Syntax);
        let error = "-ERR syntax error\r\n";
        assert_eq!(String::from_utf8_lossy(&answer), format!("{error}{error}+PONG\r\n+PONG\r\n{error}"));
        // A transaction is one command, with one reply.
        let protocol = Protocol::Resp2;
        let transaction = Call::Transaction { calls: 2, replies: 2, watches: false, protocol, silent: false };
        slice.clear();
        slice.calls = vec![run(false), transaction, run(false), run(false), run(false)];
        let answer = Outline::of(&slice, protocol).refused(&Error::Syntax);
        assert_eq!(String::from_utf8_lossy(&answer), error.repeat(3));
    }
}
