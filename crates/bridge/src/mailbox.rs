//! Where answers come back: one mailbox per network thread.

use std::sync::atomic::{AtomicBool, Ordering};

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
    /// There is something in it.
    is_filled: AtomicBool,
    /// Its thread polls, and need not be woken.
    is_polled: AtomicBool,
}

impl<R> Default for Mailbox<R> {
    fn default() -> Self {
        Mailbox {
            answers: Mutex::new(Vec::new()),
            arrived: Notify::new(),
            is_filled: AtomicBool::new(false),
            is_polled: AtomicBool::new(false),
        }
    }
}

impl<R> Mailbox<R> {
    pub(crate) fn post(&self, answers: impl IntoIterator<Item = Answer<R>>) {
        let is_awaited = {
            let mut waiting = self.answers.lock();
            let was_empty = waiting.is_empty();
            waiting.extend(answers);
            self.is_filled.store(!waiting.is_empty(), Ordering::Release);
            // Otherwise an earlier post has woken the thread and it has not looked yet, or it looks by itself.
            was_empty && !self.is_polled.load(Ordering::Acquire)
        };
        if is_awaited {
            self.arrived.notify_one();
        }
    }

    /// Until it is dropped, whoever posts does not wake the thread of the mailbox, which looks by itself.
    pub(crate) fn polled(&self) -> Polled<'_, R> {
        self.is_polled.store(true, Ordering::Release);
        Polled(self)
    }

    /// Moves what is there to `into`, which is empty.
    fn swap(&self, into: &mut Vec<Answer<R>>) {
        let mut waiting = self.answers.lock();
        std::mem::swap(&mut *waiting, into);
        self.is_filled.store(false, Ordering::Release);
    }

    /// Waits until there are answers and moves them to `into`, which is empty.
    pub async fn collect(&self, into: &mut Vec<Answer<R>>) {
        loop {
            self.swap(into);
            if !into.is_empty() {
                return;
            }
            self.arrived.notified().await;
        }
    }
}

/// See [`Mailbox::polled`].
pub(crate) struct Polled<'m, R>(&'m Mailbox<R>);

impl<R> Polled<'_, R> {
    /// Moves answers to `into`, which is empty, if there are any.
    pub(crate) fn look(&self, into: &mut Vec<Answer<R>>) {
        if self.0.is_filled.load(Ordering::Acquire) {
            self.0.swap(into);
        }
    }
}

impl<R> Drop for Polled<'_, R> {
    fn drop(&mut self) {
        self.0.is_polled.store(false, Ordering::Release);
        // Whoever has posted since the last look has woken nobody; whoever posts after this one does.
        if !self.0.answers.lock().is_empty() {
            self.0.arrived.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request: u64) -> Answer<u32> {
        Answer { token: 1, request, response: Ok(7) }
    }

    #[tokio::test]
    async fn what_is_posted_while_it_is_polled_is_seen_by_the_poll_or_wakes_its_thread_afterwards() {
        let mailbox = Mailbox::default();
        let mut into = Vec::new();
        let polled = mailbox.polled();
        polled.look(&mut into);
        assert!(into.is_empty());
        mailbox.post([answer(1)]);
        polled.look(&mut into);
        assert_eq!(into, [answer(1)]);
        mailbox.post([answer(2)]);
        drop(polled);
        let mut later = Vec::new();
        mailbox.collect(&mut later).await;
        assert_eq!(later, [answer(2)]);
        mailbox.post([answer(3)]);
        later.clear();
        mailbox.collect(&mut later).await;
        assert_eq!(later, [answer(3)]);
    }
}
