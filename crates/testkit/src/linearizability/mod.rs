//! Whether what concurrent clients saw could have come from one server that runs one command at a time.
//!
//! ```text
//!   record()   concurrent clients on few keys, kills and restarts in between ─▶ a history of calls
//!   check()    is there an order of the calls that agrees with real time and with the model? ─▶ a verdict
//! ```
//!
//! A call takes effect at one moment between its begin and its reply. [`check`] looks for such moments by the algorithm of
//! Wing and Gong with Lowe's memoisation, as Porcupine does it: it walks through the begins and ends of calls in order of time,
//! tries to let each call that may be next take effect, and never enters the same configuration (which calls are done, what the
//! keys hold) twice. Keys that no call touches together are checked one by one, as linearizability is local.
//!
//! A call that was never answered, or whose error leaves its effect open, may take effect at any time after its begin, until the
//! server that had it died, or not at all. One that was refused unexecuted is no part of the history.

mod checker;
mod history;
mod model;
mod recorder;

pub use checker::{Verdict, Violation, check};
pub use history::{Call, Condition, Key, Operation, Outcome};
pub use recorder::{Disturbance, Plan, Recording, record};

#[cfg(test)]
mod tests;
