//! What clients see when something fails: one module for each kind of fault.
//!
//! Faults of the disk come from outside the process. The others are injected with `DEBUG FAILPOINT`, which only builds with
//! the feature `failpoints` have; `make faults` runs all of them. None of these asserts how long something takes: they wait
//! for what has to happen, with a limit that is only reached by a server that hangs.

mod disk;
mod faulty;
mod small_disk;
mod stall;

#[cfg(feature = "failpoints")]
#[path = "../support/process.rs"]
mod process;
#[cfg(feature = "failpoints")]
#[path = "../support/signal.rs"]
mod signal;
#[cfg(feature = "failpoints")]
#[path = "../support/wire.rs"]
mod wire;

#[cfg(feature = "failpoints")]
mod harness;

#[cfg(feature = "failpoints")]
mod clients;
#[cfg(feature = "failpoints")]
mod commits;
#[cfg(feature = "failpoints")]
mod crowd;
#[cfg(feature = "failpoints")]
mod lifecycle;
#[cfg(feature = "failpoints")]
mod panics;
#[cfg(feature = "failpoints")]
mod restart;
#[cfg(feature = "failpoints")]
mod storage;
