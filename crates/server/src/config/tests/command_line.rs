//! The forms of the command line that redis-server 7 takes.

use super::super::{Config, Startup};
use super::{get, start_in, start_with};

fn text_for(arg: &str) -> Option<String> {
    match Config::from_args([arg.into()].into_iter()) {
        Ok(Startup::PrintAndExit(text)) => Some(text),
        _ => None,
    }
}

#[test]
fn version_and_help_are_printed_in_both_spellings() {
    assert!(text_for("-v").is_some_and(|text| text.starts_with("Catamaran server v=")));
    assert_eq!(text_for("-v"), text_for("--version"));
    assert!(text_for("-h").is_some_and(|text| text.starts_with("Usage: catamaran ")));
    assert_eq!(text_for("-h"), text_for("--help"));
}

#[test]
fn no_arguments_mean_all_defaults_and_no_file() {
    let config = start_with(&[], "port 1").unwrap();
    assert_eq!(get(&config, "port"), "6379");
    assert_eq!(config.file(), None);
}

#[test]
fn an_option_takes_all_words_up_to_the_next_option() {
    let config =
        start_with(&["--port", "7000", "--bind", "127.0.0.1", "::1", "--SAVE", "900 1", "--timeout 5"], "").unwrap();
    assert_eq!(get(&config, "port"), "7000");
    assert_eq!(get(&config, "bind"), "127.0.0.1 ::1");
    assert_eq!(get(&config, "save"), "900 1");
    assert_eq!(get(&config, "timeout"), "5");
}

#[test]
fn save_may_be_empty_or_have_no_value_at_all() {
    for args in [&["--save", ""][..], &["--save"], &["--save", "--port", "1"], &["--save "]] {
        assert_eq!(get(&start_with(args, "").unwrap(), "save"), "", "{args:?}");
    }
    assert_eq!(get(&start_with(&["--save", "1", "2", "--save", "3", "4"], "").unwrap(), "save"), "1 2 3 4");
}

#[test]
fn a_value_may_begin_with_dashes() {
    let config =
        start_with(&["--requirepass", "--secret", "--ignore-warnings", "-", "--hz", "5", "-"], "port 1").unwrap();
    assert_eq!(get(&config, "requirepass"), "--secret");
    assert_eq!(get(&config, "ignore-warnings"), "-");
    assert_eq!(get(&config, "port"), "1", "a dash at the end asks for standard input");
}

#[test]
fn options_win_over_standard_input_which_wins_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.conf"), "port 1\ntimeout 1\nhz 1\n").unwrap();
    let config = start_in(dir.path(), &["./x/../a.conf", "--hz", "3", "-"], "timeout 2\nhz 2").unwrap_err();
    assert!(config.to_string().contains("x/../a.conf': No such file or directory"), "{config}");
    let config = start_in(dir.path(), &["a.conf", "--hz", "3", "-"], "timeout 2\nhz 2").unwrap();
    assert_eq!(
        (get(&config, "port"), get(&config, "timeout"), get(&config, "hz")),
        ("1".into(), "2".into(), "3".into())
    );
    assert_eq!(config.file(), Some(dir.path().join("a.conf").as_path()));
}

#[test]
fn an_option_without_its_value_is_refused_with_its_line() {
    for (args, line, number, why) in [
        (&["--port"][..], "port", 2, "wrong number of arguments"),
        (&["--port", "--bind"], "port \"--bind\"", 2, "argument couldn't be parsed into an integer"),
        (&["--hz", "5", "--nosuch", "1"], "nosuch \"1\"", 3, "Bad directive or wrong number of arguments"),
        (&["--sentinel"], "sentinel", 2, "sentinel directive while not in sentinel mode"),
    ] {
        let error = start_with(args, "").unwrap_err().to_string();
        assert!(error.ends_with(&format!("at line {number}\n>>> '{line}'\n{why}")), "{error}");
    }
}
