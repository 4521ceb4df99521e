//! Where answers come back: one mailbox per network thread.

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::request::StorageResponse;

/// An answer on its way back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<R> {
    /// Who asked.
    pub token: u64,
    /// The id of the request.
    pub request: u64,
    /// What was answered.
    pub response: StorageResponse<R>,
}

/// Answers that a network thread has not yet collected. Bounded by the requests in flight, of which
/// every connection has at most one.
#[derive(Debug)]
pub struct Mailbox<R> {
    answers: Mutex<Vec<Answer<R>>>,
    arrived: Notify,
}

impl<R> Default for Mailbox<R> {
    fn default() -> Self {
        Mailbox { answers: Mutex::new(Vec::new()), arrived: Notify::new() }
    }
}

impl<R> Mailbox<R> {
    pub(crate) fn post(&self, answers: impl IntoIterator<Item = Answer<R>>) {
        let was_empty = {
            let mut waiting = self.answers.lock();
            let was_empty = waiting.is_empty();
            waiting.extend(answers);
            was_empty
        };
        // Otherwise an earlier post has woken the thread and it has not looked yet.
        if was_empty {
            self.arrived.notify_one();
        }
    }

    /// Waits until there are answers and moves them to `into`, which is empty.
    pub async fn collect(&self, into: &mut Vec<Answer<R>>) {
        loop {
            std::mem::swap(&mut *self.answers.lock(), into);
            if !into.is_empty() {
                return;
            }
            self.arrived.notified().await;
        }
    }
}
