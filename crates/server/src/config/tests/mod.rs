//! The configuration as a whole: what a user types and what comes of it. The pieces are tested where they are defined.

mod command_line;
mod documentation;
mod file;
mod redis_answers;
mod rewriting;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::{Config, ConfigError, Origin, SetError, Startup};

/// Starts in the root directory with these arguments and this on standard input.
fn start_with(args: &[&str], stdin: &str) -> Result<Config, ConfigError> {
    start_in(Path::new("/"), args, stdin)
}

fn start_in(dir: &Path, args: &[&str], stdin: &str) -> Result<Config, ConfigError> {
    let args = args.iter().map(|arg| OsString::from_vec(arg.as_bytes().to_vec()));
    match Config::from_args_in(args, dir, &mut stdin.as_bytes())? {
        Startup::Serve(config) => Ok(*config),
        Startup::PrintAndExit(text) => panic!("printed instead of serving: {text}"),
    }
}

/// Starts with this text as the whole configuration.
fn start(text: &str) -> Config {
    start_with(&["-"], text).unwrap()
}

fn start_error(text: &str) -> String {
    start_with(&["-"], text).unwrap_err().to_string()
}

fn get(config: &Config, name: &str) -> String {
    let found = config.matching(&[name.as_bytes()], |_, _| false);
    let (_, value) = found.into_iter().next().unwrap_or_else(|| panic!("no option {name}"));
    String::from_utf8(value).unwrap()
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, SetError> {
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set(&pairs, Origin::Remote)
}

#[test]
fn one_bad_value_leaves_all_options_as_they_were() {
    let mut config = start("");
    let refused = set(&mut config, &[("timeout", "7"), ("maxmemory", "lots")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value"
    );
    assert_eq!(get(&config, "timeout"), "0");
}

#[test]
fn only_options_with_another_value_are_reported_as_changed() {
    let mut config = start("");
    assert_eq!(
        set(&mut config, &[("timeout", "7"), ("hz", "10"), ("slave-priority", "5")]),
        Ok(vec!["timeout", "replica-priority"])
    );
    assert_eq!(set(&mut config, &[("timeout", "7")]), Ok(vec![]));
}

#[test]
fn protected_options_follow_who_asks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let pair: (&[u8], &[u8]) = (b"dir", path.to_str().unwrap().as_bytes());
    for (allowed, origin, fine) in [
        ("no", Origin::Local, false),
        ("local", Origin::Local, true),
        ("local", Origin::Remote, false),
        ("yes", Origin::Remote, true),
    ] {
        let mut config = start(&format!("enable-protected-configs {allowed}"));
        assert_eq!(config.set(&[pair], origin).is_ok(), fine, "{allowed} {origin:?}");
        assert_eq!(config.dir() == path, fine);
    }
}

#[test]
fn a_directory_that_is_missing_or_no_directory_is_refused_in_the_words_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let mut config = start_in(dir.path(), &["-"], "enable-protected-configs yes").unwrap();
    for (path, why) in [("missing", "No such file or directory"), ("file", "Not a directory")] {
        let expected = format!("CONFIG SET failed (possibly related to argument 'dir') - {why}");
        assert_eq!(set(&mut config, &[("dir", path)]).unwrap_err().to_string(), expected);
    }
}

#[test]
fn defragmentation_is_accepted_from_a_file_but_not_turned_on_later() {
    assert_eq!(get(&start("activedefrag yes"), "activedefrag"), "yes");
    let mut config = start("");
    assert_eq!(set(&mut config, &[("activedefrag", "no")]), Ok(vec![]));
    let refused = set(&mut config, &[("activedefrag", "yes")]).unwrap_err().to_string();
    assert!(refused.contains("Active defragmentation cannot be enabled"), "{refused}");
    assert_eq!(get(&config, "activedefrag"), "no");
}

#[test]
fn a_pattern_lists_aliases_but_not_hidden_options() {
    let config = start("");
    let starts_with = |pattern: &[u8], name: &[u8]| name.starts_with(&pattern[..pattern.len() - 1]);
    let names = |patterns: &[&str]| -> Vec<String> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|p| p.as_bytes()).collect();
        config.matching(&patterns, starts_with).into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
    };
    assert_eq!(names(&["replica-p*", "slave-p*"]), ["replica-priority", "slave-priority"]);
    assert_eq!(names(&["watchdog*"]), [""; 0]);
    assert_eq!(names(&["Watchdog-Period", "watchdog-period", "nosuch"]), ["Watchdog-Period"]);
    assert_eq!(names(&["timeout", "time*", "TIMEOUT"]), ["timeout"]);
}

#[test]
fn only_options_that_differ_from_their_default_are_reported_as_ignored() {
    assert_eq!(start("daemonize no\nrdbcompression yes\nmaxmemory 1gb").ignored(), []);
    let ignored = start("daemonize yes\nloadmodule /x.so\nsearch.threads 4\nslaveof h 1").ignored();
    let names: Vec<&str> = ignored.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["daemonize", "replicaof", "loadmodule", "options of modules"]);
}

#[test]
fn options_are_read_in_their_own_types() {
    let config = start(
        "port 7000\nmaxmemory 1gb\nmaxmemory-clients 5%\nappendfsync ALWAYS\nprotected-mode no\nunixsocket s.sock\n\
         notify-keyspace-events Kx\nbind 127.0.0.1 -::1\nclient-output-buffer-limit replica 1mb 1kb 9",
    );
    assert_eq!(config.get_int("port"), 7000);
    assert_eq!(config.get_bytes("maxmemory"), 1 << 30);
    assert_eq!(config.get_int("maxmemory-clients"), -5);
    assert_eq!(config.get_enum("appendfsync"), "always");
    assert!(!config.get_bool("protected-mode"));
    assert_eq!(config.get_path("unixsocket").as_deref(), Some(Path::new("/s.sock")));
    assert_eq!(config.get_path("pidfile"), None);
    assert_eq!(config.notify_events(), super::events::KEYSPACE | super::events::EXPIRED);
    assert_eq!(config.bind_addresses(), ["127.0.0.1", "-::1"]);
    assert_eq!(config.output_limits()[1].hard_bytes, 1 << 20);
    assert_eq!(config.output_limits()[2].hard_bytes, 32 << 20);
    assert_eq!(config.save_points().len(), 3);
    assert_eq!(config.latency_percentiles(), [50.0, 99.0, 99.9]);
}

#[test]
fn secrets_are_known_by_every_name_they_have() {
    assert!(super::is_secret(b"RequirePass") && super::is_secret(b"primaryauth"));
    assert!(!super::is_secret(b"port") && !super::is_secret(b"nosuch"));
}
