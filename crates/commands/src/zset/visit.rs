//! Members without a range: a few with each call of `ZSCAN`, or some at random.

use std::collections::HashSet;

use data::View;
use data::zset::{self, Scored, Zset};
use resp::Protocol;

use crate::args::{Args, parse_integer};
use crate::command::{Arg, ArgKind, Arity, Command, Doc, Marks, Reply};
use crate::error::{Error, Result};
use crate::generic::scan::{Of, ScanFilter, parse_cursor};

use super::{WITH_SCORES, reading, write_all, write_len, write_member};

/// A sample that is one part in so many of a set, or less, is drawn; for a larger one the whole set is gone through.
const DRAWN_PART: u64 = 3;
/// How often a member that was drawn before is drawn anew, for each that is wanted: far more than chance would have it.
const DRAWS_PER_MEMBER_MAX: u64 = 100;
/// Members that are drawn with repetition from a copy of the set, if there are more of them than the set has; a greater set
/// is not copied.
const COPIED_MEMBERS_MAX: u64 = 1 << 20;

pub(crate) static COMMANDS: &[Command] = &[
    reading(
        "zscan",
        Arity::AtLeast(3),
        Marks::NONE,
        Doc::new(
            "2.8.0",
            "Lists the members of a sorted set and their scores, a few with each call.",
            "O(1) for every call, O(N) for all calls until the cursor is 0 again",
            &[
                Arg::key(),
                Arg::new("cursor", ArgKind::Integer),
                Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
                Arg::new("count", ArgKind::Integer).token("COUNT").optional(),
                Arg::word("noscores", "NOSCORES").optional().since("8.0.0"),
            ],
        )
        .tips(&["nondeterministic_output"]),
        zscan,
    ),
    reading(
        "zrandmember",
        Arity::AtLeast(2),
        Marks::NONE,
        Doc::new(
            "6.2.0",
            "Tells members of a sorted set at random.",
            "O(M) for M members",
            &[
                Arg::key(),
                Arg::new("options", ArgKind::Block(&[Arg::new("count", ArgKind::Integer), WITH_SCORES])).optional(),
            ],
        )
        .tips(&["nondeterministic_output"]),
        zrandmember,
    ),
];

fn zscan(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = parse_cursor(args.at(2)?).ok_or(Error::InvalidCursor)?;
    let mut found = Vec::new();
    let (mut count, mut next) = (0, None);
    if let Some(set) = zset::read(view, args.at(1)?)? {
        let filter = ScanFilter::parse(args, Of::ScoredMembers)?;
        let is_listpack = set.is_listpack();
        let mut encoder = Reply::new(&mut found, Protocol::Resp2);
        next = set.scan(view, cursor, filter.count, &mut |member, score| {
            if !filter.pattern.matches(member) {
                return Ok(true);
            }
            count += 1;
            encoder.bulk(member);
            if !filter.names_only {
                count += 1;
                // Redis prints the scores of a skiplist with all of their digits here, and only here.
                if is_listpack { encoder.double(score) } else { encoder.bulk(general17(score).as_bytes()) }
            }
            Ok(true)
        })?;
    }
    reply.array(2);
    reply.bulk(next.unwrap_or(0).to_string().as_bytes());
    reply.array(count);
    reply.raw(&found);
    Ok(())
}

/// A score as C's `%.17g` prints it.
fn general17(score: f64) -> String {
    if score.is_infinite() {
        return if score > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{score:.16e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..17).contains(&exponent) {
        let plain = format!("{score:.*}", (16 - exponent).unsigned_abs() as usize);
        return trim_zeros(&plain).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.unsigned_abs())
}

/// Without the zeros that end a fraction.
fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn zrandmember(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len() == 2 {
        let drawn = match zset::read(view, args.at(1)?)? {
            Some(set) => set.draw(view)?,
            None => None,
        };
        match drawn {
            Some(Scored { member, .. }) => reply.bulk(&member),
            None => reply.null(),
        }
        return Ok(());
    }
    let between = Error::NotBetween { min: -i64::MAX, max: i64::MAX };
    let count = parse_integer(args.at(2)?).ok_or(Error::NotInteger)?;
    if count == i64::MIN {
        return Err(between);
    }
    let with_scores = args.is(3, "withscores");
    if args.len() > 4 || args.len() == 4 && !with_scores {
        return Err(Error::Syntax);
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::sentence("ERR value is out of range"));
    }
    match zset::read(view, args.at(1)?)? {
        Some(set) if count > 0 => write_sample(view, &set, count.unsigned_abs(), with_scores, reply),
        Some(set) if count < 0 => write_draws(view, &set, count.unsigned_abs(), with_scores, reply),
        _ => {
            reply.array(0);
            Ok(())
        }
    }
}

/// Different members.
fn write_sample(view: &View<'_>, set: &Zset<'_>, count: u64, with_scores: bool, reply: &mut Reply<'_>) -> Result<()> {
    let len = set.len();
    let mut wanted = count.min(len);
    view.admit_keys(usize::try_from(wanted).unwrap_or(usize::MAX))?;
    if wanted == len {
        write_len(reply, wanted as usize, with_scores);
        return Ok(set.each_reversed(view, &mut |member, score| {
            write_member(reply, member, score, with_scores);
            Ok(true)
        })?);
    }
    if wanted <= len / DRAWN_PART {
        let (mut drawn, mut known) = (Vec::new(), HashSet::new());
        for _ in 0..wanted.saturating_mul(DRAWS_PER_MEMBER_MAX) {
            if drawn.len() as u64 == wanted {
                break;
            }
            let Some(scored) = set.draw(view)? else { break };
            if known.insert(scored.member.clone()) {
                drawn.push(scored);
            }
        }
        write_all(reply, &drawn, with_scores);
        return Ok(());
    }
    // Each member is taken with the chance that the rest of the sample has among the rest of the set.
    let (mut left, mut sample) = (len, Vec::with_capacity(wanted as usize));
    view.admit_keys(usize::try_from(len).unwrap_or(usize::MAX))?;
    set.each(view, &mut |member, score| {
        if view.turn().random_below(left) < wanted {
            sample.push(Scored { member: member.to_vec(), score });
            wanted -= 1;
        }
        left = left.saturating_sub(1);
        Ok(wanted > 0)
    })?;
    write_all(reply, &sample, with_scores);
    Ok(())
}

/// Members that may come again.
fn write_draws(view: &View<'_>, set: &Zset<'_>, count: u64, with_scores: bool, reply: &mut Reply<'_>) -> Result<()> {
    let len = set.len();
    view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut copy = Vec::new();
    if count >= len && len <= COPIED_MEMBERS_MAX {
        set.each(view, &mut |member, score| {
            copy.push(Scored { member: member.to_vec(), score });
            Ok(true)
        })?;
    }
    write_len(reply, usize::try_from(count).unwrap_or(usize::MAX), with_scores);
    for _ in 0..count {
        view.go_on()?;
        let drawn = match copy.len() as u64 {
            0 => set.draw(view)?,
            len => copy.get(view.turn().random_below(len) as usize).cloned(),
        };
        let Scored { member, score } = drawn.unwrap_or(Scored { member: Vec::new(), score: 0.0 });
        write_member(reply, &member, score, with_scores);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_scan_have_all_of_their_digits() {
        for (score, text) in [
            (0.1, "0.10000000000000001"),
            (3.0, "3"),
            (-0.0, "-0"),
            (1e17, "1e+17"),
            (12345678901234567.0, "12345678901234568"),
            (1.5e-9, "1.5e-09"),
            (0.0001, "0.0001"),
            (1e300, "1.0000000000000001e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (100.0, "100"),
        ] {
            assert_eq!(general17(score), text);
        }
    }
}
