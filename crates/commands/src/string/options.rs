//! The options of `SET` and `GETEX`: when to set, what to reply, and when the key expires.

use crate::args::{Args, parse_integer};
use crate::clock::Clock;
use crate::error::{Error, Result};

/// Whose options are read: either command has some that the other has not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Set,
    Getex,
}

/// On what setting depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Absent,
    Present,
}

/// What is asked for about the key's expiry. An amount is not looked at before it is needed, as errors come in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry<'a> {
    Unsaid,
    Keep,
    Persist,
    Time(Clock, &'a [u8]),
}

/// Options as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options<'a> {
    pub(super) condition: Option<Condition>,
    pub(super) get: bool,
    pub(super) expiry: Expiry<'a>,
}

impl<'a> Options<'a> {
    /// No options.
    pub(super) const NONE: Options<'static> = Options { condition: None, get: false, expiry: Expiry::Unsaid };

    /// Reads the arguments from an index on. Options that exclude each other are a syntax error; the same one may
    /// be repeated, and then the last amount counts.
    pub(super) fn parse(args: &Args<'a>, from: usize, of: Of) -> Result<Options<'a>> {
        let mut options: Options<'a> = Options::NONE;
        let mut index = from;
        while let Some(word) = args.get(index) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if of == Of::Set && is("NX") {
                options.require(Condition::Absent)?;
            } else if of == Of::Set && is("XX") {
                options.require(Condition::Present)?;
            } else if of == Of::Set && is("GET") {
                options.get = true;
            } else if of == Of::Set && is("KEEPTTL") {
                options.expire(Expiry::Keep)?;
            } else if of == Of::Getex && is("PERSIST") {
                options.expire(Expiry::Persist)?;
            } else {
                let clock = Clock::of_word(word).ok_or(Error::Syntax)?;
                index += 1;
                options.expire(Expiry::Time(clock, args.at(index)?))?;
            }
            index += 1;
        }
        Ok(options)
    }

    fn require(&mut self, condition: Condition) -> Result<()> {
        match self.condition {
            Some(other) if other != condition => Err(Error::Syntax),
            _ => {
                self.condition = Some(condition);
                Ok(())
            }
        }
    }

    fn expire(&mut self, expiry: Expiry<'a>) -> Result<()> {
        let agrees = match (self.expiry, expiry) {
            (Expiry::Unsaid, _) => true,
            (Expiry::Time(before, _), Expiry::Time(now, _)) => before == now,
            (before, now) => before == now,
        };
        self.expiry = expiry;
        if agrees { Ok(()) } else { Err(Error::Syntax) }
    }
}

/// The Unix time in ms that an amount of `command` means.
pub(super) fn expire_at_ms(clock: Clock, amount: &[u8], now_ms: u64, command: &'static str) -> Result<u64> {
    let amount = parse_integer(amount).ok_or(Error::NotInteger)?;
    let at_ms = clock.at_ms(amount, now_ms).filter(|_| amount > 0).and_then(|at_ms| u64::try_from(at_ms).ok());
    at_ms.ok_or(Error::InvalidExpire { command })
}
