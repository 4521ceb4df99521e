//! The house rules that a compiler does not check: which crate may know which, no orphan files, module
//! documentation, file lengths that only shrink.

#![allow(clippy::unwrap_used, reason = "a check that cannot read the repository has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates each may depend on. A new edge is a change of the architecture.
const EDGES: &[(&str, &[&str])] = &[
    ("resp", &[]),
    ("engine", &[]),
    ("data", &["engine"]),
    ("commands", &["data", "resp"]),
    ("bridge", &[]),
    ("network", &["bridge", "commands", "resp"]),
    ("storage", &["bridge", "commands", "data", "engine", "resp"]),
    ("server", &["bridge", "commands", "data", "engine", "network", "storage"]),
    ("testkit", &[]),
    ("examples", &[]),
    ("xtask", &[]),
];

/// Crates that have no runtime: tested without clock, thread or socket.
const WITHOUT_TOKIO: &[&str] = &["resp", "engine", "data", "commands"];

/// Lines that a source file may have, its tests included.
const FILE_LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn packages() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::from([
        ("examples".to_owned(), root().join("examples/rust")),
        ("xtask".to_owned(), root().join("xtask")),
    ]);
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        found.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), path);
    }
    found
}

fn dependencies(package: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest.get("dependencies").and_then(|d| d.as_table()).map(|d| d.keys().cloned().collect()).unwrap_or_default()
}

fn sources(package: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![package.join("src"), package.join("tests")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn crates_depend_on_each_other_only_as_drawn() {
    let packages = packages();
    let names: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let drawn: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, drawn, "the crates are not those of the table");
    for (name, allowed) in EDGES {
        let ours: Vec<String> = dependencies(&packages[*name])
            .into_iter()
            .filter(|dependency| names.contains(dependency.as_str()))
            .collect();
        for dependency in &ours {
            assert!(allowed.contains(&dependency.as_str()), "{name} may not depend on {dependency}");
        }
    }
}

#[test]
fn only_the_engine_names_rocksdb() {
    for (name, path) in packages() {
        let rocksdb = dependencies(&path).into_iter().find(|dependency| dependency.contains("rocksdb"));
        assert_eq!(rocksdb.is_some(), name == "engine", "{name}: {rocksdb:?}");
    }
}

#[test]
fn the_network_cannot_name_the_database() {
    let network = dependencies(&packages()["network"]);
    for forbidden in ["engine", "data", "storage"] {
        assert!(!network.contains(forbidden), "network depends on {forbidden}");
    }
}

#[test]
fn crates_without_a_runtime_stay_so() {
    for name in WITHOUT_TOKIO {
        let tokio = dependencies(&packages()[*name]).into_iter().find(|dependency| dependency.starts_with("tokio"));
        assert_eq!(tokio, None, "{name} has no runtime");
    }
}

#[test]
fn every_module_says_what_it_is() {
    for path in packages().values().flat_map(|package| sources(package)) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with its documentation", path.display());
    }
}

#[test]
fn no_file_is_an_orphan() {
    let all: Vec<PathBuf> = packages().values().flat_map(|package| sources(package)).collect();
    for path in &all {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        let in_root_folder = folder.ends_with("src") || folder.ends_with("tests") || folder.ends_with("bin");
        if ["lib", "main"].contains(&stem) || in_root_folder && !folder.ends_with("src") {
            continue;
        }
        // `mod.rs` is declared beside its folder, any other file inside the folder or in the file of the folder's name.
        let (name, homes) = if stem == "mod" {
            (folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap())
        } else {
            (stem, folder)
        };
        let mut candidates: Vec<PathBuf> = ["lib.rs", "main.rs", "mod.rs"].iter().map(|f| homes.join(f)).collect();
        candidates.push(homes.with_extension("rs"));
        if path.components().any(|part| part.as_os_str() == "tests") {
            // What several test programs share is declared by path, in any of them.
            candidates.extend(all.iter().cloned());
        }
        let declared = candidates.iter().filter_map(|file| fs::read_to_string(file).ok()).any(|text| {
            text.lines().any(|line| {
                let line = line.trim_end();
                line.ends_with(&format!("mod {name};")) || line.ends_with(&format!("mod {name} {{"))
            })
        });
        assert!(declared, "{} is in no module tree", path.display());
    }
}

#[test]
fn files_are_one_room_each() {
    for path in packages().values().flat_map(|package| sources(package)) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
    }
}
