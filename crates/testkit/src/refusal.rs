//! What an error says about the effect of a command.

/// Beginnings of the errors that a command gives by its own rules: it was executed, and this is its result.
const BY_ITS_RULES: &[&[u8]] =
    &[b"ERR value is not an integer or out of range", b"ERR increment or decrement would overflow"];

/// Beginnings of the errors with which a command is refused before it is executed.
const BEFORE_EXECUTION: &[&[u8]] =
    &[b"OVERLOADED", b"MISCONF", b"LOADING", b"BUSY", b"OOM", b"NOAUTH", b"NOPERM", b"READONLY", b"EXECABORT"];

/// What is known about a command that was answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was executed, and its result is this error.
    ByItsRules,
    /// It was not executed, and has no effect.
    NotExecuted,
    /// It was executed, and has its effect; only its reply is lost.
    Applied,
    /// It may have been executed.
    Unknown,
}

impl Refusal {
    /// What an error's text says. Whatever is not known to be without effect is unknown.
    pub fn of(error: &[u8]) -> Refusal {
        let begins = |beginnings: &[&[u8]]| beginnings.iter().any(|beginning| error.starts_with(beginning));
        let says = |words: &[u8]| error.windows(words.len()).any(|part| part == words);
        if begins(BY_ITS_RULES) {
            Refusal::ByItsRules
        } else if says(b"not known whether") {
            // Stands in some of the errors below too.
            Refusal::Unknown
        } else if says(b"was applied, but its reply is lost") {
            Refusal::Applied
        } else if begins(BEFORE_EXECUTION) || says(b"not executed") || says(b"not applied") {
            Refusal::NotExecuted
        } else {
            Refusal::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_without_effect_is_taken_so() {
        for (error, expected) in [
            ("ERR value is not an integer or out of range", Refusal::ByItsRules),
            ("OVERLOADED storage did not take the request within 5 ms; it was not executed", Refusal::NotExecuted),
            ("MISCONF disk full", Refusal::NotExecuted),
            ("UNKNOWN the worker failed; it is not known whether the command was executed", Refusal::Unknown),
            ("ERR storage failed: whatever", Refusal::Unknown),
            ("MISCONF no space. It is not known whether this write will be there then.", Refusal::Unknown),
            ("ERR internal error: the command failed and was not applied", Refusal::NotExecuted),
            ("ERR internal error: the command was applied, but its reply is lost", Refusal::Applied),
        ] {
            assert_eq!(Refusal::of(error.as_bytes()), expected, "{error}");
        }
    }
}
