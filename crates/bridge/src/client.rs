//! The network side's only door to storage.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::channel::MessageChannel;
use crate::mailbox::Mailbox;
use crate::metrics::Refusal;
use crate::request::{ReplySlot, StorageRequest, StorageResponse};

/// One network thread's end of the channel. Belongs to that thread.
///
/// Requests gather in the outbox while the thread goes through the sockets that are ready, and cross in one
/// piece afterwards. Each connection has at most one request here or in flight, so the outbox is bounded
/// by the connections of the thread.
#[derive(Debug)]
pub struct StorageClient<Q, R> {
    channel: Arc<MessageChannel<Q, R>>,
    mailbox: Arc<Mailbox<R>>,
    outbox: RefCell<VecDeque<StorageRequest<Q, R>>>,
    /// Wakes [`StorageClient::pump`] at the end of the thread's turn.
    filled: Notify,
}

impl<Q, R> StorageClient<Q, R> {
    /// A door to a channel.
    pub fn new(channel: Arc<MessageChannel<Q, R>>) -> Self {
        StorageClient {
            channel,
            mailbox: Arc::new(Mailbox::default()),
            outbox: RefCell::default(),
            filled: Notify::new(),
        }
    }

    /// Hands a request over. Its answer comes to [`StorageClient::answers`] under the token.
    pub fn submit(&self, token: u64, payload: Q, size_bytes: usize, timeout: Duration) {
        let submitted = Instant::now();
        let reply = ReplySlot::new(self.mailbox.clone(), token);
        let request = StorageRequest { payload, size_bytes, submitted, deadline: submitted + timeout, reply };
        let mut outbox = self.outbox.borrow_mut();
        outbox.push_back(request);
        if outbox.len() == 1 {
            self.filled.notify_one();
        }
    }

    /// Waits for answers and moves them to `into`, which is empty.
    pub async fn answers(&self, into: &mut Vec<(u64, StorageResponse<R>)>) {
        self.mailbox.collect(into).await;
    }

    /// Sends what was submitted, turn by turn, until it is dropped. While the channel is full, requests wait
    /// here and are refused at their deadline.
    pub async fn pump(&self, sleep_until: impl AsyncFn(Instant)) {
        loop {
            self.filled.notified().await;
            loop {
                let head_deadline = {
                    let mut outbox = self.outbox.borrow_mut();
                    self.channel.send(&mut outbox);
                    outbox.front().map(|request| request.deadline)
                };
                let Some(deadline) = head_deadline else { break };
                tokio::select! {
                    () = self.channel.room() => {}
                    () = sleep_until(deadline) => self.refuse_late(),
                }
            }
        }
    }

    fn refuse_late(&self) {
        let now = Instant::now();
        let mut outbox = self.outbox.borrow_mut();
        while outbox.front().is_some_and(|request| request.deadline <= now) {
            if let Some(request) = outbox.pop_front() {
                self.channel.metrics().refusals.add(Refusal::Late, 1);
                request.refuse_late(now);
            }
        }
    }
}
