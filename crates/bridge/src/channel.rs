//! The bounded, measured queue between the runtimes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::busy_poll::BusyPoll;
use crate::circuit::Circuit;
use crate::heartbeat::Heartbeats;
use crate::lanes::Lanes;
use crate::metrics::{Refusal, RuntimeMetrics, nanos};
use crate::parked::Parked;
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
    /// Requests, until they hold so many commands.
    pub commands: usize,
    /// The same for the lane of short requests.
    pub short_commands: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Workers that share what waits.
    pub workers: usize,
}

/// Requests that one worker may always take, however many workers share: below that a batch is not
/// worth splitting.
const SHARE_MIN: usize = 16;

/// What a worker learned of what it has not taken.
struct Found<Q, R> {
    /// What nobody may run any more.
    late: Vec<StorageRequest<Q, R>>,
    /// When the first of what was put off may be taken.
    next_deferred: Option<Instant>,
    /// Another worker was woken for what is left.
    passed_on: bool,
}

/// The channel was closed and is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

#[derive(Debug)]
struct Waiting<Q, R> {
    lanes: Lanes<Q, R>,
    /// Requests that were put off, by the time from which on they may be taken, which is their deadline at the latest.
    deferred: BTreeMap<(Instant, u64), StorageRequest<Q, R>>,
    deferred_bytes: usize,
    /// Tells apart what is put off until the same time.
    deferrals: u64,
    /// Of both.
    bytes: usize,
}

impl<Q, R> Waiting<Q, R> {
    fn len(&self) -> usize {
        self.lanes.len() + self.deferred.len()
    }

    /// When the request was sent that has waited longest.
    fn oldest(&self) -> Option<Instant> {
        self.lanes.fronts().map(|request| request.submitted).min()
    }

    /// Puts deferred requests whose time has come to the front. Returns the time of the next one.
    fn wake_deferred(&mut self, now: Instant) -> Option<Instant> {
        // Most often there are none.
        if self.deferred.is_empty() {
            return None;
        }
        let later = self.deferred.split_off(&(now, u64::MAX));
        // The first of them comes to the front.
        for request in std::mem::replace(&mut self.deferred, later).into_values().rev() {
            self.deferred_bytes -= request.size_bytes;
            self.lanes.push_front(request);
        }
        self.deferred.keys().next().map(|(at, _)| *at)
    }
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
    parked: Arc<Parked<Q, R>>,
    heartbeats: Heartbeats,
    circuit: Circuit,
    /// Numbers the clients, so that request ids differ.
    clients: AtomicU64,
    /// See [`BusyPoll`]; in microseconds.
    busy_poll_us: AtomicU64,
}

impl<Q, R> MessageChannel<Q, R> {
    /// An empty channel to a number of workers.
    pub fn new(limits: ChannelLimits, workers: usize, metrics: Arc<RuntimeMetrics>) -> Self {
        MessageChannel {
            waiting: Mutex::new(Waiting {
                lanes: Lanes::default(),
                deferred: BTreeMap::new(),
                deferred_bytes: 0,
                deferrals: 0,
                bytes: 0,
            }),
            limits,
            arrived: Notify::new(),
            room: Notify::new(),
            was_full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            metrics,
            parked: Arc::default(),
            heartbeats: Heartbeats::new(workers),
            circuit: Circuit::default(),
            clients: AtomicU64::new(0),
            busy_poll_us: AtomicU64::new(0),
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
                    let fits = waiting.len() == 0
                        || waiting.len() < self.limits.requests
                            && waiting.bytes + request.size_bytes <= self.limits.bytes;
                    if !fits {
                        self.was_full.store(true, Ordering::Release);
                        self.metrics.channel.full.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    waiting.bytes += request.size_bytes;
                    outbox.pop_front().into_iter().for_each(|request| waiting.lanes.push_back(request));
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
            waiting.lanes.push_front(request);
            self.publish_depth(&waiting);
        }
        self.arrived.notify_one();
    }

    /// Takes back a request that was begun in vain, or not at all: it is not applied, and is taken again from a time on. It
    /// counts as waiting meanwhile, and is refused at its deadline like any other.
    pub fn defer(&self, request: StorageRequest<Q, R>, at: Instant) {
        {
            let mut waiting = self.waiting.lock();
            waiting.bytes += request.size_bytes;
            waiting.deferred_bytes += request.size_bytes;
            waiting.deferrals += 1;
            let place = (at.min(request.deadline), waiting.deferrals);
            waiting.deferred.insert(place, request);
            self.publish_depth(&waiting);
        }
        self.metrics.channel.deferred.fetch_add(1, Ordering::Relaxed);
        // Some worker has to wait for its time.
        self.arrived.notify_one();
    }

    /// True if a request may be put off beside those that are: they may fill half of the channel, so that others still
    /// pass.
    pub fn may_defer(&self, request: &StorageRequest<Q, R>) -> bool {
        let waiting = self.waiting.lock();
        waiting.deferred.len() < self.limits.requests.div_ceil(2)
            && (waiting.deferred.is_empty() || waiting.deferred_bytes + request.size_bytes <= self.limits.bytes / 2)
    }

    /// Lets what is put off be taken now, as far as it is `meant`, the oldest first.
    pub fn hasten(&self, meant: impl Fn(&Q) -> bool) {
        {
            let mut waiting = self.waiting.lock();
            let is_meant = |_: &_, request: &mut StorageRequest<Q, R>| meant(&request.payload);
            let mut hastened: Vec<_> = waiting.deferred.extract_if(.., is_meant).map(|(_, request)| request).collect();
            if hastened.is_empty() {
                return;
            }
            waiting.deferred_bytes -= hastened.iter().map(|request| request.size_bytes).sum::<usize>();
            hastened.sort_by_key(|request| request.submitted);
            hastened.into_iter().rev().for_each(|request| waiting.lanes.push_front(request));
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

    /// For how long whoever waits at either end polls before it sleeps. Zero (as it is at first): not at all.
    pub fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll_us.load(Ordering::Relaxed))
    }

    /// Sets that, in microseconds (`busy-poll-usec`). Both ends have to have threads of their own.
    pub fn set_busy_poll(&self, time_us: u64) {
        self.busy_poll_us.store(time_us, Ordering::Relaxed);
    }

    /// Polls for requests, before the caller waits for them.
    pub fn poll_busily(&self, poll: &mut BusyPoll) {
        poll.poll(self.busy_poll(), || self.metrics.channel.depth_requests.load(Ordering::Relaxed) > 0);
    }

    /// Waits until something is there and takes it: all that waits, within the limits. Requests whose
    /// deadline has passed are refused, except those that have begun (`begun`). Of [`Lanes`] it takes one.
    /// True if something is left, for which it has woken another worker.
    ///
    /// # Errors
    /// When the channel is closed and nothing is left in it.
    pub async fn take(
        &self,
        limits: &TakeLimits,
        begun: impl Fn(&Q) -> bool,
        into: &mut Vec<StorageRequest<Q, R>>,
    ) -> Result<bool, Closed> {
        loop {
            let Found { late, next_deferred, passed_on } = self.take_waiting(limits, &begun, into);
            let now = Instant::now();
            for request in late {
                self.metrics.refusals.add(Refusal::Late, 1);
                request.refuse_late(now);
            }
            if !into.is_empty() {
                return Ok(passed_on);
            }
            if self.closed.load(Ordering::Acquire) && self.waiting.lock().len() == 0 {
                // The permit of `close` wakes one worker; each passes it on.
                self.arrived.notify_one();
                return Err(Closed);
            }
            match next_deferred {
                None => self.arrived.notified().await,
                Some(at) => tokio::select! {
                    () = self.arrived.notified() => {}
                    () = tokio::time::sleep_until(at.into()) => {}
                },
            }
        }
    }

    fn take_waiting(
        &self,
        limits: &TakeLimits,
        begun: &impl Fn(&Q) -> bool,
        into: &mut Vec<StorageRequest<Q, R>>,
    ) -> Found<Q, R> {
        let mut late = Vec::new();
        let mut guard = self.waiting.lock();
        let waiting = &mut *guard;
        if waiting.len() == 0 {
            return Found { late, next_deferred: None, passed_on: false };
        }
        let now = Instant::now();
        let next_deferred = waiting.wake_deferred(now);
        let (lane, is_long) = waiting.lanes.next_lane();
        let commands_max = if is_long { limits.commands } else { limits.short_commands };
        let share = lane.len().div_ceil(limits.workers.max(1)).max(SHARE_MIN);
        let (mut bytes, mut count) = (0, 0);
        while into.len() < share && count < commands_max && bytes < limits.bytes {
            let Some(request) = lane.pop_front() else { break };
            waiting.bytes -= request.size_bytes;
            if request.deadline < now && !begun(&request.payload) {
                late.push(request);
                continue;
            }
            bytes += request.size_bytes;
            count += request.commands;
            into.push(request);
        }
        let left = !waiting.lanes.is_empty();
        self.publish_depth(waiting);
        drop(guard);
        self.metrics.channel.taken.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.metrics.channel.last_take_ns.store(self.metrics.ns_of(now), Ordering::Relaxed);
        for request in &*into {
            self.metrics.channel.wait.record(nanos(now.saturating_duration_since(request.submitted)));
        }
        // Whoever waits next watches the time of what is deferred.
        let passed_on = left || next_deferred.is_some() && !into.is_empty();
        if passed_on {
            self.arrived.notify_one();
        }
        if self.was_full.swap(false, Ordering::AcqRel) {
            self.room.notify_waiters();
        }
        Found { late, next_deferred, passed_on }
    }

    /// Takes out what nobody has taken before its deadline, so that its senders are answered even while no worker
    /// runs.
    pub fn take_late(&self, now: Instant) -> Vec<StorageRequest<Q, R>> {
        let mut guard = self.waiting.lock();
        let waiting = &mut *guard;
        if waiting.len() == 0 {
            return Vec::new();
        }
        let is_late = |request: &StorageRequest<Q, R>| request.deadline <= now;
        let mut late = waiting.lanes.extract(is_late);
        // Nothing is put off beyond its deadline.
        for (_, request) in waiting.deferred.extract_if(..=(now, u64::MAX), |_, request| is_late(request)) {
            waiting.deferred_bytes -= request.size_bytes;
            late.push(request);
        }
        waiting.bytes -= late.iter().map(|request| request.size_bytes).sum::<usize>();
        self.publish_depth(waiting);
        if !late.is_empty() {
            if self.was_full.swap(false, Ordering::AcqRel) {
                self.room.notify_waiters();
            }
            // It may wait for the end of a closed channel.
            self.arrived.notify_one();
        }
        late
    }

    /// For how long the first in the queue has waited.
    pub fn oldest_wait(&self, now: Instant) -> Duration {
        let waiting = self.waiting.lock();
        waiting.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest))
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
        published.depth_requests.store(waiting.len() as u64, Ordering::Relaxed);
        published.depth_bytes.store(waiting.bytes as u64, Ordering::Relaxed);
        let oldest_ns = waiting.oldest().map_or(0, |oldest| self.metrics.ns_of(oldest));
        published.oldest_ns.store(oldest_ns, Ordering::Relaxed);
    }

    /// Requests that wait now, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.waiting.lock();
        (waiting.len(), waiting.bytes)
    }

    /// Requests that wait for other clients.
    pub fn parked(&self) -> &Arc<Parked<Q, R>> {
        &self.parked
    }

    /// The signs of life of the workers.
    pub fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// Whether requests are let in at all.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// A number that no other client of the channel has.
    pub(crate) fn client_number(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed)
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<RuntimeMetrics> {
        &self.metrics
    }
}

#[cfg(test)]
mod tests;
