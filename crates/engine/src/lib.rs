//! THE DISK: RocksDB behind a narrow door.
//!
//! This crate opens the database, reads it through [`View`]s, collects writes in a [`Pending`] batch
//! that later reads of the same batch can see, and commits it as one RocksDB write. It is the only
//! crate that names RocksDB. It knows no Redis: what a key or a value means is decided above, in `data`.
//! It has a few threads for reads that wait for the disk; RocksDB's tell it what happens in the background ([`Health`]).
//!
//! ```text
//!   Engine ──view()──▶ View ──through(&Pending)──▶ View that sees the batch's own writes
//!     │  └─snapshot()▶ Snapshot ──view()──▶ View that stays as it is
//!     └──commit(&Pending) : one write batch, one WAL write, one sync where asked for
//! ```

mod block_cache;
mod error;
mod events;
mod families;
mod health;
mod open;
mod options;
mod parallel_reads;
mod pending;
mod record_value;
mod records;
mod recovery;
mod splice;
mod view;

pub use error::{Error, OpenError};
pub use events::{BackgroundError, EventCounts, Health, Severity, Stall};
pub use families::Family;
pub use health::StallSample;
pub use open::{Durability, Engine, EngineSizes, EngineStats, counter_value};
pub use options::{Compression, EngineOptions, Filter};
pub use pending::Pending;
pub use record_value::{RECORD_INLINE_LEN, RecordValue};
pub use records::{KEY_INLINE_LEN, RecordKey, SlotId};
pub use view::{Cursor, Direction, Record, Snapshot, Value, View};
