//! Black-box tests of the commands, over TCP: one module for each group of commands, and the wire itself.
//!
//! They expect what Redis 7.2 replies, byte for byte, and are themselves checked by running them against a real one:
//!
//! - by default, against the `catamaran` binary of this build;
//! - `CATAMARAN_TEST_PROGRAM=redis-server`: against another program that takes a configuration file as its argument;
//! - `CATAMARAN_TEST_SERVER=host:port`: against a server that runs already. Its databases are emptied. Tests that need a
//!   server of their own with options of their own say that they are skipped.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/wire.rs"]
mod wire;
#[path = "../support/words.rs"]
mod words;

mod harness;

mod atomicity;
mod bitmap;
mod chunks;
mod collections;
mod config;
mod connection;
mod dump;
mod expire;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod long;
mod pipeline;
mod protocol;
mod quoting;
mod scan;
mod server;
mod set;
mod sort;
mod stream;
mod string;
mod transactions;
mod waiting;
mod zset;
