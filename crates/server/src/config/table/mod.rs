//! Every option that Redis 7.2 and Valkey know, and ours: the one place where an option is defined.
//!
//! **To add an option**, write one row in the file of its theme and one paragraph in `catamaran.conf`. Parsing,
//! `CONFIG GET`, `CONFIG SET`, `CONFIG REWRITE` and the check that it is documented follow from the row. Bounds,
//! defaults and spelling are Redis 7.2's wherever Redis has the option; the tests of this module say what a row must be.
//!
//! An option is either heeded by this server or marked with the reason why not ([`Effect::Ignored`]); the files
//! `ignored` and `ignored_cluster` hold whole families of the latter.

mod encoding;
mod ignored;
mod ignored_cluster;
mod limits;
mod logging;
mod network;
mod rocksdb;
mod storage;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::option::OptionDef;

const THEMES: [&[OptionDef]; 8] = [
    network::OPTIONS,
    storage::OPTIONS,
    rocksdb::OPTIONS,
    limits::OPTIONS,
    logging::OPTIONS,
    encoding::OPTIONS,
    ignored::OPTIONS,
    ignored_cluster::OPTIONS,
];

/// One name of an option: its own or its alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    pub text: &'static str,
    /// The option's place in [`all`].
    pub index: usize,
}

/// All options, in the order in which `CONFIG GET *` and `CONFIG REWRITE` list them.
pub fn all() -> &'static [&'static OptionDef] {
    static ALL: OnceLock<Vec<&'static OptionDef>> = OnceLock::new();
    ALL.get_or_init(|| THEMES.into_iter().flatten().collect())
}

/// All names in the order of [`all`], each alias behind its option.
pub fn names() -> impl Iterator<Item = Name> {
    all().iter().enumerate().flat_map(|(index, def)| {
        let own = Name { text: def.name, index };
        [Some(own), def.alias.map(|text| Name { text, index })].into_iter().flatten()
    })
}

/// The name that a user wrote, in whatever case.
pub fn find(written: &[u8]) -> Option<Name> {
    static BY_NAME: OnceLock<HashMap<&'static [u8], Name>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| names().map(|name| (name.text.as_bytes(), name)).collect());
    by_name.get(written.to_ascii_lowercase().as_slice()).copied()
}

impl Name {
    pub fn def(&self) -> &'static OptionDef {
        all()[self.index]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::option::{Change, Effect, Empty, Kind};
    use super::super::parse::{Source, parse};
    use super::super::value::Value;
    use super::super::words;
    use super::*;

    #[test]
    fn names_are_unique_lower_case_and_found_in_any_case() {
        let mut seen = HashSet::new();
        for name in names() {
            assert!(seen.insert(name.text), "{} occurs twice", name.text);
            assert!(name.text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')), "{}", name.text);
            assert_eq!(find(name.text.to_ascii_uppercase().as_bytes()), Some(name));
        }
    }

    #[test]
    fn what_a_default_prints_is_parsed_back_to_it() {
        for def in all() {
            let default = Value::default_of(&def.kind);
            if matches!(def.kind, Kind::Directory | Kind::Primary) {
                continue; // Depends on the machine; has no spelling for "none".
            }
            let printed = default.print(&def.kind);
            let args = if def.takes_several() { words::split(&printed).unwrap() } else { vec![printed] };
            assert_eq!(parse(def, &args, &default, Source::Set), Ok(default), "{}", def.name);
        }
    }

    #[test]
    fn bounds_are_in_order() {
        for def in all() {
            let fine = match def.kind {
                Kind::Integer { min, max, .. } => min < max,
                Kind::Memory { min, max, .. } => min < max,
                Kind::Clamped { max, low, high, .. } => low < high && high <= max,
                _ => true,
            };
            assert!(fine, "{}", def.name);
        }
    }

    #[test]
    fn the_default_of_a_choice_is_one_of_its_words() {
        for def in all() {
            if let Kind::Choice { words, default } | Kind::Flags { words, default } = def.kind {
                assert!(words.iter().any(|(_, code)| *code == default), "{}", def.name);
            }
        }
    }

    #[test]
    fn an_absent_text_has_no_default() {
        for def in all() {
            if let Kind::Text { default, empty: Empty::Absent | Empty::AbsentBinary, .. } = def.kind {
                assert_eq!(default, "", "{}", def.name);
            }
        }
    }

    #[test]
    fn a_live_option_can_be_set_while_running() {
        for def in all() {
            if def.effect == Effect::Live {
                assert_ne!(def.change, Change::AtStart, "{}", def.name);
            }
        }
    }

    #[test]
    fn every_reason_for_ignoring_is_a_clause_that_ends_a_sentence() {
        for def in all() {
            if let Effect::Ignored(why) = def.effect {
                assert!(!why.is_empty() && !why.ends_with('.') && !why.contains('\n'), "{}: {why}", def.name);
            }
        }
    }
}
