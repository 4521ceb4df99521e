//! A database with one open batch, for the tests of the types.

use engine::{Durability, Engine, EngineOptions};

use crate::{Batch, Keyspace, Turn, Tx, View};

/// When every test begins, in Unix ms.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// See the module's text.
pub(crate) struct Db {
    pub(crate) engine: Engine,
    pub(crate) keyspace: Keyspace,
    pub(crate) batch: Batch,
    /// Its time stands still unless a test changes it.
    pub(crate) turn: Turn,
    _dir: tempfile::TempDir,
}

impl Db {
    pub(crate) fn new() -> Db {
        let dir = tempfile::tempdir().expect("a directory");
        let options =
            EngineOptions { block_cache_bytes: 1 << 20, write_buffer_bytes: 4 << 20, ..EngineOptions::default() };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, 2).expect("a keyspace");
        Db { engine, keyspace, batch: Batch::new(), turn: Turn::new(START_MS, 1), _dir: dir }
    }

    /// Writes of the first database, in the open batch.
    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx::new(&self.engine, &self.keyspace, &mut self.batch, &self.turn, 0)
    }

    /// What the first database holds, the open batch included.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(self.engine.view(), &self.keyspace, &self.turn, 0).through(&self.batch)
    }

    pub(crate) fn commit(&mut self) {
        self.batch.commit(&self.engine, &self.keyspace, Durability::Process).expect("a commit");
    }

    /// Lets time pass.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.turn.set_now_ms(self.turn.now_ms() + ms);
    }
}
