//! The bounded, measured queue between the runtimes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::metrics::{Refusal, RuntimeMetrics, nanos};
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
                self.publish_depth(&waiting);
            }
        }
        if self.closed.load(Ordering::Acquire) {
            self.metrics.refusals.add(Refusal::Down, outbox.len() as u64);
            outbox.drain(..).for_each(|request| request.reply.answer(Err(Refused::Down)));
            return;
        }
        self.arrived.notify_one();
    }

    /// Puts a request that has begun back to the front, whatever the limits: it is in flight already.
    pub fn resume(&self, mut request: StorageRequest<Q, R>) {
        // What it has run meanwhile is not waiting.
        request.submitted = Instant::now();
        {
            let mut waiting = self.waiting.lock();
            waiting.bytes += request.size_bytes;
            waiting.queue.push_front(request);
            self.publish_depth(&waiting);
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
                self.metrics.refusals.add(Refusal::Late, 1);
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
        let mut bytes = 0;
        while into.len() < count_max && bytes < limits.bytes {
            let Some(request) = waiting.queue.pop_front() else { break };
            waiting.bytes -= request.size_bytes;
            if request.deadline < now && !begun(&request.payload) {
                late.push(request);
                continue;
            }
            bytes += request.size_bytes;
            into.push(request);
        }
        let left = !waiting.queue.is_empty();
        self.publish_depth(&waiting);
        drop(waiting);
        self.metrics.channel.taken.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.metrics.channel.last_take_ns.store(self.metrics.ns_of(now), Ordering::Relaxed);
        for request in &*into {
            self.metrics.channel.wait.record(nanos(now.saturating_duration_since(request.submitted)));
        }
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

    /// Tells readers that must not wait for the lock how much waits, and since when.
    fn publish_depth(&self, waiting: &Waiting<Q, R>) {
        let published = &self.metrics.channel;
        published.depth_requests.store(waiting.queue.len() as u64, Ordering::Relaxed);
        published.depth_bytes.store(waiting.bytes as u64, Ordering::Relaxed);
        let oldest_ns = waiting.queue.front().map_or(0, |request| self.metrics.ns_of(request.submitted));
        published.oldest_ns.store(oldest_ns, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::*;
    use crate::mailbox::Mailbox;
    use crate::request::{ReplySlot, StorageResponse, answer_all};

    const ALL: TakeLimits = TakeLimits { requests: 100, bytes: 1 << 20, workers: 1 };

    fn channel(requests: usize, bytes: usize) -> MessageChannel<u32, u32> {
        MessageChannel::new(ChannelLimits { requests, bytes }, Arc::default())
    }

    fn request(
        mailbox: &Arc<Mailbox<u32>>,
        number: u32,
        size_bytes: usize,
        timeout: Duration,
    ) -> StorageRequest<u32, u32> {
        let submitted = Instant::now();
        let reply = ReplySlot::new(mailbox.clone(), u64::from(number));
        StorageRequest { payload: number, size_bytes, submitted, deadline: submitted + timeout, reply }
    }

    async fn answers(mailbox: &Mailbox<u32>) -> Vec<(u64, StorageResponse<u32>)> {
        let mut found = Vec::new();
        mailbox.collect(&mut found).await;
        found
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_does_not_fit_stays_with_its_sender_and_goes_when_there_is_room() {
        let (channel, mailbox) = (channel(2, 1000), Arc::new(Mailbox::default()));
        let mut outbox: VecDeque<_> = (0..3).map(|n| request(&mailbox, n, 10, LONG)).collect();
        channel.send(&mut outbox);
        assert_eq!((outbox.len(), channel.depth()), (1, (2, 20)));
        let published = &channel.metrics().channel;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((load(&published.depth_requests), load(&published.depth_bytes)), (2, 20));
        assert!(load(&published.oldest_ns) > 0);
        let mut taken = Vec::new();
        channel.take(&ALL, |_| false, &mut taken).await.expect("open");
        assert_eq!((load(&published.depth_requests), load(&published.oldest_ns)), (0, 0));
        assert_eq!(published.wait.snapshot().count, 2);
        channel.room().await;
        channel.send(&mut outbox);
        assert_eq!((outbox.len(), channel.depth()), (0, (1, 10)));
    }

    #[test]
    fn bytes_are_limited_too_but_nothing_is_too_large_for_an_empty_channel() {
        let (channel, mailbox) = (channel(10, 100), Arc::new(Mailbox::default()));
        let mut outbox: VecDeque<_> = [500, 10].map(|size| request(&mailbox, 1, size, LONG)).into();
        channel.send(&mut outbox);
        assert_eq!((outbox.len(), channel.depth()), (1, (1, 500)));
    }

    #[tokio::test]
    async fn a_late_request_is_refused_before_it_runs_unless_it_has_begun() {
        let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
        let mut outbox: VecDeque<_> = (0..3).map(|n| request(&mailbox, n, 1, Duration::ZERO)).collect();
        outbox.push_back(request(&mailbox, 3, 1, LONG));
        channel.send(&mut outbox);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let mut taken = Vec::new();
        channel.take(&ALL, |&number| number == 2, &mut taken).await.expect("open");
        assert_eq!(taken.iter().map(|request| request.payload).collect::<Vec<_>>(), [2, 3]);
        let refused = answers(&mailbox).await;
        assert!(refused.iter().all(|(_, response)| matches!(response, Err(Refused::Late { .. }))));
        assert_eq!(refused.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [0, 1]);
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_is_answered_as_lost() {
        let mailbox = Arc::new(Mailbox::default());
        drop(request(&mailbox, 7, 1, LONG));
        assert_eq!(answers(&mailbox).await, [(7, Err(Refused::Lost))]);
    }

    #[tokio::test]
    async fn a_closed_channel_is_emptied_and_takes_nothing_more() {
        let (channel, mailbox) = (channel(10, 1000), Arc::new(Mailbox::default()));
        channel.send(&mut VecDeque::from([request(&mailbox, 1, 1, LONG)]));
        channel.close();
        channel.send(&mut VecDeque::from([request(&mailbox, 2, 1, LONG)]));
        assert_eq!(answers(&mailbox).await, [(2, Err(Refused::Down))]);
        let mut taken = Vec::new();
        channel.take(&ALL, |_| false, &mut taken).await.expect("one was waiting");
        assert_eq!(taken.len(), 1);
        taken.clear();
        assert_eq!(channel.take(&ALL, |_| false, &mut taken).await, Err(Closed));
    }

    #[tokio::test]
    async fn each_thread_gets_its_own_answers_in_one_piece() {
        let mailboxes = [Arc::new(Mailbox::default()), Arc::new(Mailbox::default())];
        let mut ready: Vec<_> =
            (0..6).map(|n| (ReplySlot::new(mailboxes[n as usize % 2].clone(), u64::from(n)), Ok(n))).collect();
        answer_all(&mut ready);
        assert_eq!(answers(&mailboxes[0]).await, [(0, Ok(0)), (2, Ok(2)), (4, Ok(4))]);
        assert_eq!(answers(&mailboxes[1]).await, [(1, Ok(1)), (3, Ok(3)), (5, Ok(5))]);
    }

    #[tokio::test]
    async fn every_request_crosses_once_whatever_the_interleaving() {
        let (channel, mailbox) = (Arc::new(channel(8, 1000)), Arc::new(Mailbox::default()));
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let channel = channel.clone();
                tokio::spawn(async move {
                    let mut taken = Vec::new();
                    while channel.take(&TakeLimits { workers: 3, ..ALL }, |_| false, &mut taken).await.is_ok() {
                        for request in taken.drain(..) {
                            let number = request.payload;
                            request.reply.answer(Ok(number));
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let mut outbox: VecDeque<_> = (0..1000).map(|n| request(&mailbox, n, 1, LONG)).collect();
        while !outbox.is_empty() {
            channel.send(&mut outbox);
            if !outbox.is_empty() {
                channel.room().await;
            }
        }
        let mut seen = Vec::new();
        while seen.len() < 1000 {
            seen.extend(answers(&mailbox).await);
        }
        seen.sort_unstable_by_key(|(token, _)| *token);
        assert!(seen.iter().enumerate().all(|(n, answer)| *answer == (n as u64, Ok(n as u32))));
        channel.close();
        for worker in workers {
            worker.await.expect("no worker panics");
        }
    }
}
