//! The command line of the binaries here: `--name value` pairs. What they do not know can be handed on to a server.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// Options by name, without their dashes.
#[derive(Debug)]
pub struct Options {
    own: BTreeMap<String, String>,
    rest: Vec<String>,
}

impl Options {
    /// Sorts arguments into those that `names` lists and the rest, which keeps its order.
    /// A name with a trailing `!` is a flag without a value.
    pub fn parse(arguments: impl IntoIterator<Item = String>, names: &[&str]) -> Result<Options, String> {
        let mut options = Options { own: BTreeMap::new(), rest: Vec::new() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                options.rest.push(argument);
                continue;
            };
            if names.iter().any(|known| known.strip_suffix('!') == Some(name)) {
                options.own.insert(name.to_owned(), String::new());
            } else if names.contains(&name) {
                let value = arguments.next().ok_or_else(|| format!("--{name} needs a value"))?;
                options.own.insert(name.to_owned(), value);
            } else {
                options.rest.push(argument);
            }
        }
        Ok(options)
    }

    /// Whether the option was given.
    pub fn has(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// The option's value, or the default.
    pub fn value<T>(&self, name: &str, default: T) -> Result<T, String>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.own.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|error| format!("--{name} {text}: {error}")),
        }
    }

    /// What none of the names covers.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_options_and_those_to_hand_on_are_told_apart() {
        let line = ["--rounds", "3", "--appendfsync", "always", "--verbose"].map(String::from);
        let options = Options::parse(line, &["rounds", "verbose!"]).expect("a valid line");
        assert_eq!(options.value("rounds", 1), Ok(3));
        assert_eq!(options.value("seed", 9), Ok(9));
        assert!(options.has("verbose"));
        assert_eq!(options.rest(), ["--appendfsync", "always"]);
    }

    #[test]
    fn a_value_that_is_missing_or_no_number_is_refused() {
        assert!(Options::parse(["--rounds".to_owned()], &["rounds"]).is_err());
        let options = Options::parse(["--rounds", "x"].map(String::from), &["rounds"]).expect("a valid line");
        assert!(options.value("rounds", 1).is_err());
    }
}
