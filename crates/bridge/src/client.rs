//! The network side's only door to storage.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use crate::busy_poll::{BusyPoll, POLLED_REQUESTS_MAX};
use crate::channel::MessageChannel;
use crate::mailbox::{Answer, Mailbox};
use crate::metrics::Refusal;
use crate::request::{Refused, ReplySlot, StorageRequest};

/// Request ids of one client have its number above this bit, so that ids differ without a shared counter.
const CLIENT_SHIFT: u32 = 40;

/// What a request brings with it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Bytes.
    pub bytes: usize,
    /// Commands.
    pub commands: usize,
}

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
    next_id: Cell<u64>,
    /// Wakes [`StorageClient::pump`] at the end of the thread's turn.
    filled: Notify,
    /// Requests without an answer yet.
    unanswered: Cell<usize>,
    busy_poll: RefCell<BusyPoll>,
}

impl<Q, R> StorageClient<Q, R> {
    /// A door to a channel.
    pub fn new(channel: Arc<MessageChannel<Q, R>>) -> Self {
        let first_id = channel.client_number() << CLIENT_SHIFT | 1;
        StorageClient {
            channel,
            mailbox: Arc::new(Mailbox::default()),
            outbox: RefCell::default(),
            next_id: Cell::new(first_id),
            filled: Notify::new(),
            unanswered: Cell::new(0),
            busy_poll: RefCell::default(),
        }
    }

    /// Hands a request over. Its answer comes to [`StorageClient::answers`] under the token, and at once while
    /// storage is known to be down. Returns the request's id.
    pub fn submit(&self, token: u64, payload: Q, size: Size, deadline: Instant) -> u64 {
        let submitted = Instant::now();
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.unanswered.set(self.unanswered.get() + 1);
        let reply = ReplySlot::new(self.mailbox.clone(), token, id);
        if !self.channel.circuit().admits() {
            self.channel.metrics().refusals.add(Refusal::Open, 1);
            reply.answer(Err(Refused::Open));
            return id;
        }
        let request = StorageRequest {
            id,
            payload,
            size_bytes: size.bytes,
            commands: size.commands,
            submitted,
            deadline,
            attempts: 0,
            stalled: false,
            place: None,
            reply,
        };
        let mut outbox = self.outbox.borrow_mut();
        outbox.push_back(request);
        if outbox.len() == 1 {
            self.filled.notify_one();
        }
        id
    }

    /// Waits for answers and moves them to `into`, which is empty.
    pub async fn answers(&self, into: &mut Vec<Answer<R>>) {
        self.mailbox.collect(into).await;
        self.note_answered(into.len());
    }

    fn note_answered(&self, count: usize) {
        self.unanswered.set(self.unanswered.get().saturating_sub(count));
    }

    /// Looks for answers for a moment, and hands them to `deliver`, if that is worthwhile: see [`BusyPoll`]. Sockets are looked at in between; if
    /// there is something to send then, it ends.
    async fn poll_busily(&self, answers: &mut Vec<Answer<R>>, deliver: &impl Fn(&mut Vec<Answer<R>>)) {
        let time = self.channel.busy_poll();
        // Those that wait for other clients are answered some time.
        let expected = self.unanswered.get().saturating_sub(self.channel.parked().count());
        if time.is_zero()
            || !(1..=POLLED_REQUESTS_MAX).contains(&expected)
            || !self.busy_poll.borrow_mut().is_worthwhile()
        {
            return;
        }
        let polled = self.mailbox.polled();
        let started = Instant::now();
        while self.outbox.borrow().is_empty() {
            polled.look(answers);
            if !answers.is_empty() {
                self.busy_poll.borrow_mut().learn(true);
                self.note_answered(answers.len());
                deliver(answers);
                answers.clear();
                if !self.outbox.borrow().is_empty() {
                    // Those clients go on at once; but first it is others' turn.
                    tokio::task::yield_now().await;
                }
                return;
            }
            if started.elapsed() >= time {
                self.busy_poll.borrow_mut().learn(false);
                return;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    }

    /// Sends what was submitted, turn by turn, until it is dropped. While the channel is full, requests wait
    /// here and are refused at their deadline. `before_send` is called before each turn's requests cross. Answers that come at once are handed to
    /// `deliver`, which takes them out.
    pub async fn pump(
        &self,
        before_send: impl Fn(),
        deliver: impl Fn(&mut Vec<Answer<R>>),
        sleep_until: impl AsyncFn(Instant),
    ) {
        let mut answers = Vec::new();
        loop {
            // After a pump that was dropped in the middle of its work, or while it polled, something may lie here already.
            if self.outbox.borrow().is_empty() {
                self.filled.notified().await;
            }
            loop {
                before_send();
                let head_deadline = {
                    let mut outbox = self.outbox.borrow_mut();
                    self.channel.send(&mut outbox);
                    outbox.front().map(|request| request.deadline)
                };
                let Some(deadline) = head_deadline else {
                    self.poll_busily(&mut answers, &deliver).await;
                    break;
                };
                tokio::select! {
                    () = self.channel.room() => {}
                    () = sleep_until(deadline) => self.refuse_late(),
                }
            }
        }
    }

    /// The channel.
    pub fn channel(&self) -> &MessageChannel<Q, R> {
        &self.channel
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
