//! `catamaran.conf` at the root of the repository says everything, and says it right.

use super::super::option::{Effect, Kind, OptionDef};
use super::super::parse::{Source, parse};
use super::super::value::Value;
use super::super::{Config, table, words};
use super::{start, start_in};

const DOCUMENTED: &str = include_str!("../../../../../catamaran.conf");

/// The line as a setting, whether it is in force or commented out. Examples are indented and are none.
fn setting(line: &str) -> Option<(&'static OptionDef, Value)> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let words = words::split(line.as_bytes())?;
    let (name, args) = words.split_first()?;
    let def = table::find(name).filter(|_| !line.starts_with(' '))?.def();
    let current = Config::with_defaults(std::path::Path::new("/")).values[table::find(name)?.index].clone();
    let source = Source::Startup { save_seen: false };
    Some((def, parse(def, args, &current, source).ok()?))
}

#[test]
fn every_option_that_is_heeded_is_documented_with_its_default() {
    let defaults = Config::with_defaults(std::path::Path::new("/"));
    let settings: Vec<_> = DOCUMENTED.lines().filter_map(setting).collect();
    let missing: Vec<&str> = table::all()
        .iter()
        .zip(&defaults.values)
        .filter(|(def, _)| !matches!(def.effect, Effect::Ignored(_)) && !def.hidden)
        .filter(|(def, default)| !settings.iter().any(|(other, value)| other.name == def.name && value == *default))
        .map(|(def, _)| def.name)
        .collect();
    assert_eq!(missing, [""; 0], "these are not in catamaran.conf with their default");
}

#[test]
fn the_documented_file_sets_every_option_to_its_default() {
    let documented = start(DOCUMENTED);
    let default = start("");
    for (index, def) in table::all().iter().enumerate() {
        assert_eq!(documented.values[index], default.values[index], "{}", def.name);
    }
    assert_eq!(documented.ignored(), []);
}

#[test]
fn the_documented_directory_is_where_the_server_was_started() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().canonicalize().unwrap();
    assert_eq!(start_in(&here, &["-"], DOCUMENTED).unwrap().dir(), here);
    let is_directory = |def: &&&OptionDef| matches!(def.kind, Kind::Directory);
    assert_eq!(table::all().iter().filter(is_directory).count(), 1);
}
