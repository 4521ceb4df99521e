//! THE WORDS: every command, defined once: its name, arity, keys, flags, documentation and handler.
//!
//! One file per group; each has a `COMMANDS` slice, and [`table::all`] is their concatenation. Dispatch,
//! arity checks, `COMMAND`, latches and statistics derive from that table and from nothing else. The
//! variant of [`Run`] decides where a command runs. This crate has no runtime, no socket and no disk.

pub mod elements;
pub mod facts;
pub mod slowlog;
pub mod stats;
pub mod store;
pub mod table;
pub mod transactions;

mod acl;
mod args;
mod bitmap;
mod client;
mod clients;
mod clock;
mod command;
mod config;
mod connection;
mod container;
mod debug;
mod error;
mod flags;
mod generic;
mod geo;
mod hash;
mod hot;
mod hyperloglog;
mod info;
mod introspection;
mod keys;
mod latency;
mod list;
#[cfg(test)]
mod lone_host;
mod memory;
#[cfg(test)]
mod reference;
mod scripting;
mod server;
mod session;
mod set;
mod slice;
mod stream;
mod string;
#[cfg(test)]
mod testing;
mod zset;

pub use args::{Args, parse_float, parse_integer};
pub use command::{Arg, ArgKind, Arity, Command, Doc, Group, Marks, Reply, Run};
pub use data::{Cancel, Watch, glob};
pub use error::{Error, Nothing, Park, Result};
pub use hot::{HotReads, HotRecords};
pub use keys::{Begin, Find, KeySpec};
pub use session::{ClientFilter, Configuring, Effect, Host, ReplyMode, RuntimeName, Session, Shutdown};
pub use slice::{Call, Slice, SlowCall};
pub use store::Store;
