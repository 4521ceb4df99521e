//! RUNTIME TWO: takes requests from the channel, executes them on the database, commits them in groups.
//! Everything here may block.
//!
//! ```text
//!  channel ─▶ BatchProcessor (one per worker): latch → read → batch ─┐      background: expiry, cleaning, sync
//!     ▲            │ long reads                                      ▼
//!     └─ resume ── reader pool (snapshot)              one commit, then all answers
//! ```
//!
//! It knows no socket and no connection; `network` knows no database. Only `server` sees both.

mod background;
mod batch_control;
mod batch_processor;
mod checkpoint;
mod commit;
mod crew;
mod fence;
mod gate;
mod latch;
mod limits;
mod published;
mod readers;
mod retry;
mod server;
mod shared;
mod watch;

pub use limits::{StorageSettings, SyncPolicy};
pub use server::{StorageParts, StorageServer};
