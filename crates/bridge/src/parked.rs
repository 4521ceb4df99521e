//! Requests that wait for others: data in a table, never a thread.
//!
//! A request that finds nothing (`BLPOP` of an empty list) is put here by its worker, under the topics that it waits for, while
//! the worker still holds what keeps others from changing them. Whoever changes a topic takes the requests that wait for it out
//! again, the first that came first, and runs them. Timeouts, clients that leave and `CLIENT UNBLOCK` take requests out from
//! the network side, so they work while storage hangs. A request is taken out by exactly one of them, and is bounded like
//! its client: each has one request at most.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::request::StorageRequest;

/// What requests wait for: opaque here.
pub type Topic = Vec<u8>;

/// A request's place among those that wait. It keeps it when it is run in vain and waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    number: u64,
    until: Option<Instant>,
}

impl Place {
    /// The order of places: who came first has the least.
    pub fn number(&self) -> u64 {
        self.number
    }
}

#[derive(Debug)]
struct Waiter<Q, R> {
    request: StorageRequest<Q, R>,
    topics: Vec<Topic>,
}

#[derive(Debug)]
struct Table<Q, R> {
    waiters: BTreeMap<u64, Waiter<Q, R>>,
    by_topic: HashMap<Topic, BTreeSet<u64>>,
    by_client: HashMap<u64, u64>,
    by_time: BTreeSet<(Instant, u64)>,
    last_number: u64,
    closed: bool,
}

/// See the module's text. Shared by both runtimes; its lock is held for moments.
#[derive(Debug)]
pub struct Parked<Q, R> {
    table: Mutex<Table<Q, R>>,
    /// Waiters, for those who only want to know whether there are any.
    count: AtomicUsize,
    /// Wakes [`Parked::due`] when the next time has changed.
    sooner: Notify,
}

impl<Q, R> Default for Parked<Q, R> {
    fn default() -> Self {
        let table = Table {
            waiters: BTreeMap::new(),
            by_topic: HashMap::new(),
            by_client: HashMap::new(),
            by_time: BTreeSet::new(),
            last_number: 0,
            closed: false,
        };
        Parked { table: Mutex::new(table), count: AtomicUsize::new(0), sooner: Notify::new() }
    }
}

impl<Q, R> Parked<Q, R> {
    /// Lets a request wait for topics, at its place if it has one already, else behind all others until a time (None: for ever).
    /// Returns its place.
    ///
    /// # Errors
    /// Gives the request back if nobody may wait any more.
    pub fn park(
        &self,
        mut request: StorageRequest<Q, R>,
        topics: Vec<Topic>,
        until: Option<Instant>,
    ) -> Result<Place, Box<StorageRequest<Q, R>>> {
        let mut table = self.table.lock();
        if table.closed {
            return Err(Box::new(request));
        }
        let place = *request.place.get_or_insert_with(|| {
            table.last_number += 1;
            Place { number: table.last_number, until }
        });
        for topic in &topics {
            table.by_topic.entry(topic.clone()).or_default().insert(place.number);
        }
        table.by_client.insert(request.reply.token(), place.number);
        if let Some(until) = place.until {
            table.by_time.insert((until, place.number));
            if table.by_time.first() == Some(&(until, place.number)) {
                self.sooner.notify_one();
            }
        }
        table.waiters.insert(place.number, Waiter { request, topics });
        self.count.store(table.waiters.len(), Ordering::Release);
        Ok(place)
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// For how many topics they wait.
    pub fn topic_count(&self) -> usize {
        self.table.lock().by_topic.len()
    }

    /// For how many topics those wait that are `meant`.
    pub fn topic_count_of(&self, meant: impl Fn(&Q) -> bool) -> usize {
        let table = self.table.lock();
        let waiters = table.waiters.values().filter(|waiter| meant(&waiter.request.payload));
        waiters.flat_map(|waiter| &waiter.topics).collect::<HashSet<_>>().len()
    }

    /// All topics that somebody waits for.
    pub fn topics(&self) -> Vec<Topic> {
        self.table.lock().by_topic.keys().cloned().collect()
    }

    /// True if a client's request waits.
    pub fn holds(&self, client: u64) -> bool {
        self.count() > 0 && self.table.lock().by_client.contains_key(&client)
    }

    /// Takes out the first request that is `meant` and waits for a topic behind a place (0: the first of all).
    pub fn take_next(&self, topic: &[u8], behind: u64, meant: impl Fn(&Q) -> bool) -> Option<StorageRequest<Q, R>> {
        if self.count() == 0 {
            return None;
        }
        let mut table = self.table.lock();
        let is_meant = |number: &&u64| table.waiters.get(*number).is_some_and(|waiter| meant(&waiter.request.payload));
        let number = *table.by_topic.get(topic)?.range(behind + 1..).find(is_meant)?;
        self.take(&mut table, number)
    }

    /// Takes out the request at a place, if it still waits.
    pub fn take_at(&self, place: Place) -> Option<StorageRequest<Q, R>> {
        self.take(&mut self.table.lock(), place.number)
    }

    /// Takes out the request of a client, if one waits.
    pub fn take_of(&self, client: u64) -> Option<StorageRequest<Q, R>> {
        if self.count() == 0 {
            return None;
        }
        let mut table = self.table.lock();
        let number = *table.by_client.get(&client)?;
        self.take(&mut table, number)
    }

    /// Waits until the time of some requests has come, and takes them out.
    pub async fn due(&self) -> Vec<StorageRequest<Q, R>> {
        loop {
            let next = self.table.lock().by_time.first().map(|&(until, _)| until);
            match next {
                None => self.sooner.notified().await,
                Some(until) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until.into()) => {}
                        () = self.sooner.notified() => {}
                    }
                }
            }
            let due = self.take_due(Instant::now());
            if !due.is_empty() {
                return due;
            }
        }
    }

    fn take_due(&self, now: Instant) -> Vec<StorageRequest<Q, R>> {
        let mut table = self.table.lock();
        let mut due = Vec::new();
        while let Some(&(until, number)) = table.by_time.first()
            && until <= now
        {
            table.by_time.pop_first();
            due.extend(self.take(&mut table, number));
        }
        due
    }

    /// Lets nobody wait any more, and takes out all that do.
    pub fn close(&self) -> Vec<StorageRequest<Q, R>> {
        let mut table = self.table.lock();
        table.closed = true;
        let numbers: Vec<u64> = table.waiters.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.take(&mut table, number)).collect()
    }

    fn take(&self, table: &mut Table<Q, R>, number: u64) -> Option<StorageRequest<Q, R>> {
        let Waiter { request, topics } = table.waiters.remove(&number)?;
        for topic in &topics {
            if let Some(numbers) = table.by_topic.get_mut(topic) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    table.by_topic.remove(topic);
                }
            }
        }
        table.by_client.remove(&request.reply.token());
        if let Some(until) = request.place.and_then(|place| place.until) {
            table.by_time.remove(&(until, number));
        }
        self.count.store(table.waiters.len(), Ordering::Release);
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::mailbox::Mailbox;
    use crate::request::ReplySlot;

    fn request(client: u64) -> StorageRequest<u32, u32> {
        let now = Instant::now();
        StorageRequest {
            id: client,
            payload: 0,
            size_bytes: 1,
            commands: 1,
            submitted: now,
            deadline: now,
            attempts: 0,
            stalled: false,
            place: None,
            reply: ReplySlot::new(Arc::new(Mailbox::default()), client, client),
        }
    }

    fn park(parked: &Parked<u32, u32>, client: u64, topics: &[&[u8]]) -> Place {
        let topics = topics.iter().map(|topic| topic.to_vec()).collect();
        parked.park(request(client), topics, None).expect("it is open")
    }

    #[test]
    fn who_came_first_is_served_first_and_keeps_the_place_when_it_waits_again() {
        let parked = Parked::default();
        park(&parked, 1, &[b"a", b"b"]);
        park(&parked, 2, &[b"a"]);
        let first = parked.take_next(b"a", 0, |_| true).expect("somebody waits");
        assert_eq!((first.id, parked.count(), parked.holds(1)), (1, 1, false));
        assert!(parked.take_next(b"b", 0, |_| true).is_none());
        let place = first.place.expect("it has waited");
        parked.park(first, vec![b"a".to_vec()], None).expect("it is open");
        assert_eq!((parked.topic_count_of(|_| true), parked.topic_count_of(|_| false)), (1, 0));
        assert_eq!(parked.take_next(b"a", place.number(), |_| true).map(|request| request.id), Some(2));
        assert_eq!(parked.take_next(b"a", 0, |_| true).map(|request| request.id), Some(1));
        assert_eq!((parked.count(), parked.topic_count()), (0, 0));
    }

    #[test]
    fn a_request_is_taken_out_once_whoever_asks() {
        let parked = Parked::default();
        let place = park(&parked, 1, &[b"a"]);
        assert!(parked.take_of(1).is_some());
        assert!(parked.take_of(1).is_none() && parked.take_at(place).is_none());
        assert!(parked.take_next(b"a", 0, |_| true).is_none());
    }

    #[test]
    fn a_closed_table_gives_back_what_waits_and_what_would() {
        let parked = Parked::default();
        park(&parked, 1, &[b"a"]);
        assert_eq!(parked.close().len(), 1);
        assert!(parked.park(request(2), vec![b"a".to_vec()], None).is_err());
    }

    #[tokio::test]
    async fn what_is_due_comes_in_the_order_of_its_time() {
        let parked = Arc::new(Parked::default());
        let soon = Instant::now() + Duration::from_millis(30);
        parked.park(request(1), vec![b"a".to_vec()], Some(soon + Duration::from_secs(3600))).expect("it is open");
        let waiting = tokio::spawn({
            let parked = parked.clone();
            async move { parked.due().await }
        });
        tokio::task::yield_now().await;
        parked.park(request(2), vec![b"a".to_vec()], Some(soon)).expect("it is open");
        let due = waiting.await.expect("no panic");
        assert_eq!(due.iter().map(|request| request.id).collect::<Vec<_>>(), [2]);
        assert!(Instant::now() >= soon && parked.holds(1));
    }
}
