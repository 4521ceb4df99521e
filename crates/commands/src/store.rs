//! What commands about the database as a whole are given: `SAVE`, `BGSAVE`, `LASTSAVE`.

use data::Keyspace;

/// How a checkpoint is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveMode {
    /// The client waits for it.
    Foreground,
    /// The client goes on.
    Background,
}

/// Why no checkpoint was begun or finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveError {
    /// One is being written.
    InProgress,
    /// It failed.
    Failed(String),
}

/// Carries out what [`Store`] offers; implemented by the storage runtime.
pub trait Checkpoints {
    /// Writes a checkpoint, or begins to.
    fn save(&self, mode: SaveMode) -> Result<(), SaveError>;
    /// When the last one was finished, in Unix seconds.
    fn last_save_unix(&self) -> u64;
}

/// The database as a whole.
pub struct Store<'s> {
    /// The databases.
    pub keyspace: &'s Keyspace,
    /// Checkpoints of them.
    pub checkpoints: &'s dyn Checkpoints,
}
