//! RUNTIME ONE: accepts connections, reads and parses commands, answers what concerns only the client, and
//! sends the rest across. Nothing here may block.
//!
//! ```text
//!  NetworkServer ─ accept ─▶ Shard (one per thread)
//!                              ├─ Connection: read → dispatch ─▶ slice ─▶ StorageClient ─▶ ...
//!                              └─ completions: answer ─▶ write to the socket
//!                admin (HTTP): health and metrics
//! ```
//!
//! It cannot name the database: this crate depends on the words (`commands`), the wire (`resp`) and the crossing
//! (`bridge`), not on `engine`, `data` or `storage`.

mod admin;
mod clients;
mod connection;
mod dispatch;
mod fence;
mod flight;
mod host;
mod lookahead;
mod metrics;
mod output;
mod parked;
mod server;
mod settings;
mod shard;
mod stream;
mod transaction;
mod watchdog;

pub use host::Control;
pub use server::{Listener, NetworkServer};
pub use settings::{NetworkSettings, OutputLimit};
