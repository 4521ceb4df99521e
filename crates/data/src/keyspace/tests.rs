//! Directories of other versions.

use engine::{Durability, EngineOptions};

use super::*;

/// What the opening of a directory says that has a format version, and which one it has then.
fn opened(version: u32) -> (bool, Option<Vec<u8>>) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = EngineOptions { write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
    let engine = Engine::open(dir.path(), &options).expect("an engine");
    drop(Keyspace::open(&engine, 1).expect("a keyspace"));
    let mut pending = Pending::new();
    pending.put(Family::Meta, FORMAT.to_vec(), version.to_be_bytes().to_vec());
    engine.commit(&pending, Durability::Process).expect("a commit");
    let is_read = Keyspace::open(&engine, 1).is_ok();
    let found = engine.view().get(Family::Meta, FORMAT).expect("a readable disk");
    (is_read, found.map(|found| found.to_vec()))
}

#[test]
fn the_version_before_is_read_and_is_that_of_today_from_then_on() {
    let today = Some(FORMAT_VERSION.to_be_bytes().to_vec());
    assert_eq!(opened(FORMAT_VERSION_BEFORE), (true, today.clone()));
    assert_eq!(opened(FORMAT_VERSION), (true, today));
}

#[test]
fn other_versions_are_refused_and_stay() {
    for version in [0, FORMAT_VERSION + 1] {
        assert_eq!(opened(version), (false, Some(version.to_be_bytes().to_vec())));
    }
}
