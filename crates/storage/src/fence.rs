//! Fences: what panics inside one takes its own request with it, and nothing else.
//!
//! Every stage of a request runs inside a fence that knows what the panic leaves behind:
//!
//! | stage      | what is left                          | what the request is told          |
//! |------------|---------------------------------------|-----------------------------------|
//! | latch      | nothing was written                   | not applied                       |
//! | read-ahead | nothing was written                   | nothing: its handler reads itself |
//! | handler    | its writes are taken back             | not applied                       |
//! | encode     | its writes are taken back             | not applied                       |
//! | commit     | what the disk shows: [`crate::commit`]| nothing, or what it shows         |
//! | completion | its writes are committed              | applied                           |
//!
//! A panic outside of all fences ends the worker; see [`crate::crew`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use bridge::RuntimeMetrics;

/// How far a request has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Latch,
    ReadAhead,
    Handler,
    Encode,
    /// Its reply is complete and its writes are accepted; what is left is bookkeeping.
    Kept,
    Commit,
    Completion,
}

impl Stage {
    /// The word for logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Latch => "latch",
            Stage::ReadAhead => "read-ahead",
            Stage::Handler => "handler",
            Stage::Encode => "encode",
            Stage::Kept => "kept",
            Stage::Commit => "commit",
            Stage::Completion => "completion",
        }
    }
}

/// A panic that a fence has kept from spreading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked {
    /// What it said.
    pub(crate) text: String,
}

/// Runs something. A panic is counted, and comes back as an error. What `work` has changed by then is the caller's
/// to put right.
pub(crate) fn fence<T>(metrics: &RuntimeMetrics, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        metrics.panics.fetch_add(1, Ordering::Relaxed);
        Panicked { text: text_of(&*payload) }
    })
}

/// What a panic said.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stays_inside_and_is_counted() {
        let metrics = RuntimeMetrics::default();
        let mut changed = 0;
        let outcome = fence(&metrics, || {
            changed = 1;
            assert_eq!(changed, 2, "told");
        });
        assert!(outcome.is_err_and(|panicked| panicked.text.contains("told")));
        assert_eq!((changed, metrics.panics.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(fence(&metrics, || 5), Ok(5));
        assert_eq!(metrics.panics.load(Ordering::Relaxed), 1);
    }
}
