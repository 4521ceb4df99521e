//! The bounded, measured queue between the runtimes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::metrics::{RuntimeMetrics, nanos};
use crate::request::{Refused, StorageRequest};

/// How much may wait. A full channel makes its senders stop reading from their sockets.
#[derive(Clone, Copy, Debug)]
pub struct ChannelLimits {
    /// Requests (`storage-queue-requests`).
    pub requests: usize,
    /// Their bytes (`storage-queue-bytes`). One request beyond is admitted when the channel is empty, so that
    /// nothing is too large to ever pass.
    pub bytes: usize,
}

/// How much a worker takes at once. What is waiting is taken; nothing is waited for.
#[derive(Clone, Copy, Debug)]
pub struct TakeLimits {
    /// Requests.
    pub requests: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Workers that share what waits.
    pub workers: usize,
}

/// Requests that one worker may always take, however many workers share: below that a batch is not
/// worth splitting.
const SHARE_MIN: usize = 16;

/// The channel was closed and is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

#[derive(Debug)]
struct Waiting<Q, R> {
    queue: VecDeque<StorageRequest<Q, R>>,
    bytes: usize,
}

/// The channel. Senders are the network threads, takers the storage workers.
#[derive(Debug)]
pub struct MessageChannel<Q, R> {
    waiting: Mutex<Waiting<Q, R>>,
    limits: ChannelLimits,
    /// Wakes one worker.
    arrived: Notify,
    /// Wakes every sender that found no room.
    room: Notify,
    /// Set when a sender found no room, so that takers know that somebody waits for `room`.
    was_full: AtomicBool,
    closed: AtomicBool,
    metrics: Arc<RuntimeMetrics>,
}

impl<Q, R> MessageChannel<Q, R> {
    /// An empty channel.
    pub fn new(limits: ChannelLimits, metrics: Arc<RuntimeMetrics>) -> Self {
        MessageChannel {
            waiting: Mutex::new(Waiting { queue: VecDeque::new(), bytes: 0 }),
            limits,
            arrived: Notify::new(),
            room: Notify::new(),
            was_full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            metrics,
        }
    }

    /// Moves requests from the front of `outbox` into the channel, as many as there is room for. With the channel
    /// closed all of them are refused.
    pub fn send(&self, outbox: &mut VecDeque<StorageRequest<Q, R>>) {
        if outbox.is_empty() {
            return;
        }
        {
            let mut waiting = self.waiting.lock();
            if !self.closed.load(Ordering::Acquire) {
                while let Some(request) = outbox.front() {
                    let fits = waiting.queue.is_empty()
                        || waiting.queue.len() < self.limits.requests
                            && waiting.bytes + request.size_bytes <= self.limits.bytes;
                    if !fits {
                        self.was_full.store(true, Ordering::Release);
                        self.metrics.channel.full.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    waiting.bytes += request.size_bytes;
                    waiting.queue.extend(outbox.pop_front());
                }
            }
        }
        if self.closed.load(Ordering::Acquire) {
            self.metrics.channel.refused_down.fetch_add(outbox.len() as u64, Ordering::Relaxed);
            outbox.drain(..).for_each(|request| request.reply.answer(Err(Refused::Down)));
            return;
        }
        self.arrived.notify_one();
    }

    /// Puts a request that has begun back to the front, whatever the limits: it is in flight already.
    pub fn resume(&self, request: StorageRequest<Q, R>) {
        {
            let mut waiting = self.waiting.lock();
            waiting.bytes += request.size_bytes;
            waiting.queue.push_front(request);
        }
        self.arrived.notify_one();
    }

    /// Waits until there may be room again.
    pub async fn room(&self) {
        let room = self.room.notified();
        tokio::pin!(room);
        room.as_mut().enable();
        if self.was_full.load(Ordering::Acquire) {
            room.await;
        }
    }

    /// Waits until something is there and takes it: all that waits, within the limits. Requests whose
    /// deadline has passed are refused, except those that have begun (`begun`).
    ///
    /// # Errors
    /// When the channel is closed and nothing is left in it.
    pub async fn take(
        &self,
        limits: &TakeLimits,
        begun: impl Fn(&Q) -> bool,
        into: &mut Vec<StorageRequest<Q, R>>,
    ) -> Result<(), Closed> {
        loop {
            let late = self.take_waiting(limits, &begun, into);
            let now = Instant::now();
            for request in late {
                self.metrics.channel.refused_late.fetch_add(1, Ordering::Relaxed);
                request.refuse_late(now);
            }
            if !into.is_empty() {
                return Ok(());
            }
            if self.closed.load(Ordering::Acquire) && self.waiting.lock().queue.is_empty() {
                // The permit of `close` wakes one worker; each passes it on.
                self.arrived.notify_one();
                return Err(Closed);
            }
            self.arrived.notified().await;
        }
    }

    fn take_waiting(
        &self,
        limits: &TakeLimits,
        begun: &impl Fn(&Q) -> bool,
        into: &mut Vec<StorageRequest<Q, R>>,
    ) -> Vec<StorageRequest<Q, R>> {
        let mut late = Vec::new();
        let mut waiting = self.waiting.lock();
        if waiting.queue.is_empty() {
            return late;
        }
        let now = Instant::now();
        let share = waiting.queue.len().div_ceil(limits.workers.max(1)).max(SHARE_MIN);
        let count_max = share.min(limits.requests);
        let (mut bytes, mut waited_ns) = (0, 0);
        while into.len() < count_max && bytes < limits.bytes {
            let Some(request) = waiting.queue.pop_front() else { break };
            waiting.bytes -= request.size_bytes;
            if request.deadline < now && !begun(&request.payload) {
                late.push(request);
                continue;
            }
            bytes += request.size_bytes;
            waited_ns += nanos(now.saturating_duration_since(request.submitted));
            into.push(request);
        }
        let left = !waiting.queue.is_empty();
        drop(waiting);
        self.metrics.channel.taken.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.metrics.channel.waited_ns.fetch_add(waited_ns, Ordering::Relaxed);
        if left {
            self.arrived.notify_one();
        }
        if self.was_full.swap(false, Ordering::AcqRel) {
            self.room.notify_waiters();
        }
        late
    }

    /// Lets nothing more in. What waits is still taken.
    pub fn close(&self) {
        {
            let _waiting = self.waiting.lock();
            self.closed.store(true, Ordering::Release);
        }
        self.arrived.notify_one();
        self.was_full.store(false, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Requests that wait now, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.waiting.lock();
        (waiting.queue.len(), waiting.bytes)
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<RuntimeMetrics> {
        &self.metrics
    }
}
