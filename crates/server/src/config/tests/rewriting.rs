//! `CONFIG REWRITE`, on files as users have them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::{RewriteError, table};
use super::{get, set, start, start_in};

const BEFORE: &str = include_str!("rewrite-before.conf");
const AFTER: &str = include_str!("rewrite-after.conf");
const USERS: &[&str] = &["alice on nopass ~* &* +@all", "default on nopass ~* &* +@all"];

fn users() -> Vec<Vec<u8>> {
    USERS.iter().map(|user| user.as_bytes().to_vec()).collect()
}

#[test]
fn comments_and_order_stay_and_only_what_changed_changes() {
    let mut config = start(BEFORE);
    set(
        &mut config,
        &[
            ("maxmemory", "100mb"),
            ("timeout", "0"),
            ("save", "900 1"),
            ("requirepass", "a \"b\"\n"),
            ("notify-keyspace-events", "KEA"),
            ("client-output-buffer-limit", "pubsub 1gb 1000 7"),
            ("maxmemory-clients", "5%"),
            ("slave-priority", "10"),
            ("masterauth", ""),
            ("shutdown-on-sigint", "now force"),
        ],
    )
    .unwrap();
    let rewritten = String::from_utf8(config.rewritten(BEFORE.as_bytes(), &users())).unwrap();
    assert_eq!(rewritten, AFTER);
}

#[test]
fn rewriting_twice_changes_nothing_more() {
    let config = start(AFTER);
    assert_eq!(String::from_utf8(config.rewritten(AFTER.as_bytes(), &users())).unwrap(), AFTER);
}

#[test]
fn the_rewritten_file_says_what_the_server_had() {
    let config = start(AFTER);
    let again = start(&String::from_utf8(config.rewritten(b"", &[])).unwrap());
    for name in table::names() {
        assert_eq!(get(&config, name.text), get(&again, name.text), "{}", name.text);
    }
}

#[test]
fn users_in_an_acl_file_leave_the_configuration() {
    let config = start("aclfile /x");
    let rewritten = String::from_utf8(config.rewritten(b"user a on\naclfile /x\n", &users())).unwrap();
    assert!(!rewritten.contains("user"), "{rewritten}");
}

#[test]
fn without_a_file_there_is_nothing_to_rewrite() {
    let refused = start("").rewrite(&[]).unwrap_err();
    assert!(matches!(refused, RewriteError::NoFile));
    assert_eq!(refused.to_string(), "The server is running without a config file");
}

#[test]
fn the_file_is_replaced_with_its_mode_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.conf");
    fs::write(&path, "port 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut config = start_in(dir.path(), &["c.conf"], "").unwrap();
    set(&mut config, &[("timeout", "5")]).unwrap();
    config.rewrite(&[]).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\ntimeout 5\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_vanished_is_written_anew_and_a_directory_that_did_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).unwrap();
    fs::write(sub.join("c.conf"), "port 1\n").unwrap();
    let config = start_in(dir.path(), &["sub/c.conf"], "").unwrap();
    fs::remove_file(sub.join("c.conf")).unwrap();
    config.rewrite(&[]).unwrap();
    assert!(fs::read_to_string(sub.join("c.conf")).unwrap().contains("port 1\n"));
    fs::remove_dir_all(&sub).unwrap();
    let refused = config.rewrite(&[]).unwrap_err();
    assert_eq!(refused.to_string(), "Rewriting config file: No such file or directory");
}
