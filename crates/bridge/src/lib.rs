//! THE CROSSING: the bounded channel between the two runtimes, and nothing that knows a command.
//!
//! Everything here is generic over what is asked (`Q`) and what is answered (`R`), so it can be tested, and
//! its faults simulated, with integers.
//!
//! ```text
//!  network thread                                               storage worker
//!  StorageClient ──submit──▶ outbox ──flush──▶ MessageChannel ──take──▶ StorageRequest
//!        ▲                 (this turn's)    (bounded, measured)             │ answer
//!        └──────────────── Mailbox ◀──── one wake-up per batch ─────────────┘
//! ```
//!
//! A request is answered exactly once: by its worker, or by its own [`ReplySlot`] when it is dropped, so
//! that a worker's death cannot leave a client waiting. With one request at a time, both sides poll for a moment before they sleep ([`BusyPoll`]). Requests that wait for other clients are [`Parked`]. Workers give [`Heartbeats`]; a [`Watchdog`] on the other
//! side looks at them and opens the [`Circuit`] when storage is down.

mod busy_poll;
mod channel;
mod circuit;
mod client;
mod heartbeat;
mod histogram;
mod lanes;
mod mailbox;
mod metrics;
mod parked;
mod probe;
mod request;
mod watchdog;

pub use busy_poll::{BusyPoll, POLLED_REQUESTS_MAX};
pub use channel::{ChannelLimits, Closed, MessageChannel, TakeLimits};
pub use circuit::{Circuit, CircuitState, Health};
pub use client::{Size, StorageClient};
pub use heartbeat::{Heartbeats, Sign, Vitality};
pub use histogram::{Histogram, HistogramSnapshot};
pub use mailbox::{Answer, Mailbox};
pub use metrics::{ChannelMetrics, Refusal, Refusals, RuntimeMetrics, RuntimePart};
pub use parked::{Parked, Place, Topic};
pub use probe::{PROBE_PERIOD, probe};
pub use request::{Fate, Refused, ReplySlot, StorageRequest, StorageResponse, answer_all};
pub use watchdog::{Finding, WATCHDOG_PERIOD, Watchdog};
