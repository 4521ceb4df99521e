//! What an opening found damaged: told with the name of the file, whether it was survived or not.

use std::path::Path;

use crate::error::{Error, OpenError};

/// RocksDB's log of this opening, in the database's directory. The one before is set aside under another name.
const INFO_LOG: &str = "LOG";
/// How RocksDB tells there that it read a write-ahead log up to a damaged record, and nothing behind it.
const DROPPING: &str = ": dropping ";

/// What was found lost while the write-ahead log was read, a sentence for each file.
///
/// A log is read up to its first record that is torn or damaged, so that what is there is the state of one moment. That
/// is right after a loss of power, and hides damage: RocksDB says it in its own log only.
pub(crate) fn losses(path: &Path) -> Vec<String> {
    let log = std::fs::read(path.join(INFO_LOG)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    log.lines().filter_map(loss).collect()
}

fn loss(line: &str) -> Option<String> {
    let (before, after) = line.split_once(DROPPING)?;
    // Behind the time and the number of the thread.
    let file = before.rsplit(' ').next()?;
    Some(format!("{file} is damaged or torn, and nothing behind that was read: {after}"))
}

/// Why the database could not be opened, with the name of what is to be looked at.
pub(crate) fn open_error(path: &Path, error: rust_rocksdb::Error) -> OpenError {
    let text: &str = error.as_ref();
    // RocksDB has no kind of its own for a held lock; its text names the LOCK file.
    if text.contains("LOCK") || text.contains("lock hold by current process") {
        return OpenError::Locked(path.display().to_string());
    }
    let directory = path.display().to_string();
    let named = |text: String| if text.contains(&directory) { text } else { format!("{directory}: {text}") };
    match Error::from(error) {
        Error::Corrupt(text) => OpenError::Corrupt(named(text)),
        other => OpenError::Io(named(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_tail_is_told_with_its_file() {
        let line = "2026/01/02-03:04:05.678901 4711 [WARN] [/db_impl_open.cc:1180] /data/catamaran.db/000012.log: dropping 87 bytes; \
                    Corruption: checksum mismatch";
        let told = loss(line).expect("a loss");
        assert!(told.starts_with("/data/catamaran.db/000012.log is damaged") && told.ends_with("checksum mismatch"));
        assert_eq!(loss("2026/01/02-03:04:05.678901 4711 [WARN] something else"), None);
    }
}
