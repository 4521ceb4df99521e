//! THE TYPES: what keys, strings and collections are on the engine.
//!
//! A command reads through a [`View`] and writes through a [`Tx`]; both belong to a worker's [`Turn`],
//! and what a `Tx` writes lies in the worker's [`Batch`] until that is committed. Each data type has a
//! folder: `mod.rs` says what it means, `layout.rs` which bytes it is. How records look is drawn in
//! the modules [`key`] and [`header`]. This crate knows no command, no protocol and no thread.

pub mod bitmap;
pub mod dump;
pub mod expiry;
pub mod float;
pub mod garbage;
pub mod glob;
pub mod hash;
pub mod header;
pub mod hyperloglog;
pub mod integer;
pub mod key;
pub mod list;
pub mod packed;
pub mod rdb;
pub mod set;
pub mod stream;
pub mod string;
pub mod usage;
pub mod zset;

mod access;
mod batch;
mod copy;
mod error;
mod hot;
mod keyspace;
mod members;
#[cfg(test)]
mod testing;
mod turn;
mod tx;
mod view;
mod watch;

pub use batch::{Batch, Stored};
pub use copy::Value;
pub use engine::Direction;
pub use error::{Error, Result};
pub use header::{Kind, Meta};
pub use hot::{Ahead, HotStats, HotTier};
pub use key::{Parts, SpaceId};
pub use keyspace::{Encodings, FORMAT_VERSION, KeyCount, Keyspace, Settings};
pub use turn::{Cancel, Turn};
pub use tx::Tx;
pub use view::{Found, View, WORKER_READ_KEYS_MAX};
pub use watch::Watch;
