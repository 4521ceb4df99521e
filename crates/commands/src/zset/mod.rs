//! The sorted set commands: what a sorted set is and does is said in [`data::zset`].

pub(crate) mod add;
pub(crate) mod combine;
pub(crate) mod pop;
pub(crate) mod range;
pub(crate) mod read;
pub(crate) mod visit;

mod bounds;

#[cfg(test)]
mod tests;

use data::zset::Scored;
use resp::Protocol;

use crate::command::{Arg, Arity, Command, Doc, Group, Marks, ReadHandler, Reply, Run};
use crate::keys::READS;

const WITH_SCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

/// A command that reads one key.
const fn reading(name: &'static str, arity: Arity, marks: Marks, doc: Doc, run: ReadHandler) -> Command {
    Command { name, arity, keys: READS, group: Group::SortedSet, marks, doc, run: Run::Read(run) }
}

/// Members, perhaps with scores, that are encoded as they are found: their number has to be written before them.
pub(crate) struct Listed {
    encoded: Vec<u8>,
    count: usize,
    protocol: Protocol,
    with_scores: bool,
}

impl Listed {
    /// For a reply in a protocol.
    pub(crate) fn new(protocol: Protocol, with_scores: bool) -> Listed {
        Listed { encoded: Vec::new(), count: 0, protocol, with_scores }
    }

    fn push(&mut self, member: &[u8], score: f64) {
        self.count += 1;
        write_member(&mut Reply::new(&mut self.encoded, self.protocol), member, score, self.with_scores);
    }

    fn write(self, reply: &mut Reply<'_>) {
        write_len(reply, self.count, self.with_scores);
        reply.raw(&self.encoded);
    }
}

/// Begins the reply that lists so many members.
fn write_len(reply: &mut Reply<'_>, count: usize, with_scores: bool) {
    let is_flat = with_scores && reply.protocol() == Protocol::Resp2;
    reply.array(if is_flat { count * 2 } else { count });
}

/// One member of a list; with its score it is a pair of its own in RESP3.
fn write_member(reply: &mut Reply<'_>, member: &[u8], score: f64, with_scores: bool) {
    if with_scores && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(member);
    if with_scores {
        reply.double(score);
    }
}

/// Members that are known already.
fn write_all(reply: &mut Reply<'_>, members: &[Scored], with_scores: bool) {
    write_len(reply, members.len(), with_scores);
    members.iter().for_each(|Scored { member, score }| write_member(reply, member, *score, with_scores));
}
