//! Reading the file: lines, errors with their numbers, and what includes do.

use std::fs;

use super::super::option::Kind;
use super::super::table;
use super::super::value::Value;
use super::{get, start, start_error, start_in, start_with};

#[test]
fn a_line_that_cannot_be_used_is_shown_with_its_number() {
    let expected = format!(
        "\n*** FATAL CONFIG FILE ERROR (Catamaran {}) ***\nReading the configuration file, at line 3\n>>> 'foo bar'\n\
         Bad directive or wrong number of arguments",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(start_error("# a comment\n\n  foo bar\t\r\nport 1"), expected);
}

#[test]
fn every_mistake_has_redis_words() {
    for (line, why) in [
        ("port", "wrong number of arguments"),
        ("port 1 2", "wrong number of arguments"),
        ("port x", "argument couldn't be parsed into an integer"),
        ("port 65536", "argument must be between 0 and 65535 inclusive"),
        ("maxmemory 1x", "argument must be a memory value"),
        ("unixsocketperm 800", "argument couldn't be parsed as an octal number"),
        ("unixsocketperm 1000", "argument must be between 0 and 777 inclusive"),
        ("unixsocketperm -1", "argument must be between 0 and 777 inclusive"),
        ("appendonly maybe", "argument must be 'yes' or 'no'"),
        ("dir \"/tmp", "Unbalanced quotes in configuration line"),
        ("dir /no/such/place", "No such file or directory"),
        ("replicaof host", "wrong number of arguments"),
        ("replicaof host 99999", "Invalid master port"),
        ("appendfilename \"\"", "appendfilename can't be empty"),
        ("save 1", "Invalid save parameters"),
        ("sentinel monitor", "sentinel directive while not in sentinel mode"),
        ("some.option", "Module config specified without value"),
        ("rename-command a", "Bad directive or wrong number of arguments"),
        ("include", "Bad directive or wrong number of arguments"),
        ("appendfsync x", "argument(s) must be one of the following: everysec, always, no"),
        ("bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."),
    ] {
        assert!(start_error(line).ends_with(&format!("at line 1\n>>> '{line}'\n{why}")), "{}", start_error(line));
    }
}

#[test]
fn names_are_read_in_any_case_and_aliases_are_the_same_option() {
    let config = start("PORT 1\nslave-priority 7\nhash-max-ziplist-entries 3\nlua-time-limit 9");
    assert_eq!(get(&config, "port"), "1");
    assert_eq!(get(&config, "replica-priority"), "7");
    assert_eq!(get(&config, "hash-max-listpack-entries"), "3");
    assert_eq!(get(&config, "busy-reply-threshold"), "9");
}

#[test]
fn save_lines_add_up_and_an_empty_one_starts_over() {
    assert_eq!(get(&start(""), "save"), "3600 1 300 100 60 10000");
    assert_eq!(get(&start("save 1 2\nsave 3 4 5 6"), "save"), "1 2 3 4 5 6");
    assert_eq!(get(&start("save 1 2\nsave \"\""), "save"), "");
    assert_eq!(get(&start("save 1 2\nsave \"\"\nsave 3 4"), "save"), "3 4");
}

#[test]
fn options_that_redis_forgot_are_passed_over() {
    start("list-max-ziplist-entries 1\nlist-max-ziplist-value 1\nlua-replicate-commands yes");
    assert!(start_error("lua-replicate-commands").contains("Bad directive"));
}

#[test]
fn lines_for_others_are_handed_on_and_can_be_refused_in_place() {
    let config = start("user alice on >x ~*\n\nrename-command FLUSHALL \"\"");
    assert_eq!(config.users()[0].args.len(), 4);
    assert_eq!(config.renames()[0].args, [b"FLUSHALL".to_vec(), b"".to_vec()]);
    let error = config.renames()[0].error("No such command in rename-command").to_string();
    assert!(
        error.ends_with("at line 3\n>>> 'rename-command FLUSHALL \"\"'\nNo such command in rename-command"),
        "{error}"
    );
}

#[test]
fn includes_take_effect_where_they_stand_and_begin_at_dir() {
    let dir = tempfile::tempdir().unwrap();
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).unwrap();
    fs::write(sub.join("b.conf"), "hz 2\ntimeout 2").unwrap();
    fs::write(sub.join("a.conf"), "hz 1\ntimeout 1\nport 1").unwrap();
    fs::write(sub.join(".hidden.conf"), "foo bar").unwrap();
    let text = "timeout 9\ninclude sub/*.conf\nhz 3\ninclude none*.conf\ndir sub\ninclude a.conf";
    let config = start_in(dir.path(), &["-"], text).unwrap();
    assert_eq!(
        (get(&config, "hz"), get(&config, "timeout"), get(&config, "port")),
        ("1".into(), "1".into(), "1".into())
    );
}

#[test]
fn an_included_file_that_is_missing_or_includes_itself_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("loop.conf"), "include loop.conf").unwrap();
    fs::write(dir.path().join("bad.conf"), "\nfoo").unwrap();
    let error = |text| start_in(dir.path(), &["-"], text).unwrap_err().to_string();
    assert!(error("include loop.conf").ends_with("Files are included more than 32 deep"));
    assert!(error("include missing.conf").starts_with("Fatal error, can't open config file '"));
    assert!(error("port 1\ninclude bad.conf").contains("at line 2\n>>> 'foo'"));
}

#[test]
fn a_log_file_that_cannot_be_written_stops_the_start() {
    let error = start_error("logfile /no/such/place/log");
    assert!(error.ends_with("***\nCan't open the log file: No such file or directory"), "{error}");
}

#[test]
fn what_get_prints_goes_back_through_the_file() {
    let config = start("");
    for (def, name) in table::all().iter().map(|def| (def, def.name)) {
        if matches!(def.kind, Kind::Primary) {
            continue; // "None" has no spelling but "no one".
        }
        let printed = get(&config, name);
        let line = if def.takes_several() && !printed.is_empty() {
            format!("{name} {printed}")
        } else {
            format!("{name} \"{printed}\"")
        };
        assert_eq!(get(&start(&line), name), printed, "{line}");
    }
}

#[test]
fn hz_is_pulled_into_its_range() {
    assert_eq!(get(&start("hz 0"), "hz"), "1");
    assert_eq!(get(&start("hz 1000"), "hz"), "500");
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let mut config = start("requirepass \"a\\x00\\xff\"");
    assert_eq!(config.get_text("requirepass"), b"a\x00\xff");
    config.set(&[(b"masterauth", b"\xfe\x00")], super::Origin::Local).unwrap();
    assert_eq!(config.get_text("masterauth"), b"\xfe\x00");
    assert_eq!(config.value("masterauth"), &Value::Text(b"\xfe\x00"[..].into()));
}

#[test]
fn random_bytes_never_panic() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    let pieces = [
        "save",
        " ",
        "\"",
        "'",
        "\\x",
        "1",
        "-",
        "%",
        "maxmemory",
        "bind",
        "\n",
        "é",
        "client-output-buffer-limit",
        "{",
    ];
    for _ in 0..2000 {
        let text: String = (0..next() % 12).map(|_| pieces[next() % pieces.len()]).collect();
        let _ = start_with(&["-"], &text);
    }
}
