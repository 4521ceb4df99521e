//! What black-box tests and measurements are made of. For development only; nothing the server needs lies here.
//!
//! ```text
//!   ServerProcess   a server binary on a free port and a directory of its own; can be killed and restarted
//!        │
//!      Client       a blocking connection that shows every reply byte
//!        │
//!      Value        a reply, taken apart
//! ```
//!
//! It speaks the protocol on its own instead of through the server's `resp` crate: a test that shares the server's parser
//! would share its mistakes. The binaries beside it are [`latency`](../latency/index.html), which measures under a fixed
//! rate, [`load`](../load/index.html), which puts a server under load over many connections, and
//! [`crash`](../crash/index.html), which kills a server again and again and looks for what it lost.
//!
//! Above these: [`crash`], the rounds of kills and their bookkeeping; [`PowerLoss`], which takes a data directory back to
//! what was synced; [`FaultDisk`], by which a disk is full, broken, slow or hung while the server runs; and
//! [`linearizability`], which records what concurrent clients see and looks for an explanation.

mod client;
pub mod crash;
mod fault_disk;
mod latencies;
pub mod linearizability;
mod options;
mod power_loss;
mod random;
mod refusal;
mod replies;
mod server_process;
mod shim;
mod template;
mod value;
mod zipf;

pub use client::{Client, encode_command};
pub use fault_disk::FaultDisk;
pub use latencies::{Latencies, json_object};
pub use options::Options;
pub use power_loss::{Damage, Keep, PowerLoss};
pub use random::{Random, seed_from_clock};
pub use refusal::Refusal;
pub use replies::{Kind, Replies};
pub use server_process::{ServerProcess, free_port};
pub use shim::compile_shim;
pub use template::{Blanks, Template};
pub use value::Value;
pub use zipf::Zipf;
