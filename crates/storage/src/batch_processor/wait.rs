//! Requests that wait for others, from the worker's side: they are put away, and run again when their keys were written.
//!
//! As in Redis, whoever waits is served right after the command that wrote, before anything that comes after it, in the order
//! in which they came. So a write to a key with waiters interrupts its request: first the waiters run, in the same batch,
//! then the request goes on. A key has a waiter only while its worker's latch has said that there is nothing for it, so
//! nobody can write in between without seeing that somebody waits.

use std::time::{Duration, Instant};

use bridge::{Refused, Topic};
use commands::{Call, Cancel, Group, Park, Slice};
use data::{Kind, Tx};

use super::run::Running;
use super::{BatchProcessor, Work};

/// A key that was written, and whose waiters are served.
pub(super) struct Ready {
    db: u16,
    key: Vec<u8>,
    /// The place of the waiter that was served last.
    behind: u64,
}

impl Ready {
    fn new(db: u16, key: Vec<u8>) -> Ready {
        Ready { db, key, behind: 0 }
    }
}

/// What a request waits for: a key of a database.
fn topic(db: u16, key: &[u8]) -> Topic {
    [&db.to_be_bytes()[..], key].concat()
}

impl BatchProcessor<'_> {
    /// Puts a request away whose call found nothing. The call's keys are latched, and stay so until the batch is
    /// committed.
    pub(super) fn park(&mut self, mut work: Work, running: Running, park: Park) {
        let request = &mut work.request;
        request.payload.nothing = Some(park.nothing);
        request.payload.memo = park.memo;
        if request.payload.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return work.request.reply.answer(Err(Refused::Down));
        }
        let args = request.payload.args(running.first, running.count);
        let mut topics = Vec::new();
        running.command.visit_keys(&args, |index| topics.extend(args.get(index).map(|key| topic(running.db, key))));
        // Beyond what a clock can tell is for ever.
        let until = park.timeout_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        match self.shared.channel.parked().park(work.request, topics, until) {
            Ok(place) => self.parked.push(place),
            Err(request) => request.reply.answer(Err(Refused::Down)),
        }
    }

    /// True if the call that has just run wrote what others may wait for.
    pub(super) fn has_ready(&mut self) -> bool {
        if self.shared.channel.parked().count() > 0 {
            let ready = self.batch.take_ready().into_iter().map(|(db, key)| Ready::new(db, key));
            self.ready.extend(ready);
        }
        !self.ready.is_empty()
    }

    /// Lets everybody look again who waits: after what concerns all keys (`SWAPDB`).
    pub(super) fn wake_all(&mut self) {
        for topic in self.shared.channel.parked().topics() {
            if let Some((db, key)) = topic.split_first_chunk::<2>() {
                self.ready.push_back(Ready::new(u16::from_be_bytes(*db), key.to_vec()));
            }
        }
    }

    /// The next request that waits for something that was written.
    pub(super) fn next_woken(&mut self) -> Option<Work> {
        while let Some(ready) = self.ready.front() {
            let (topic, behind) = (topic(ready.db, &ready.key), ready.behind);
            let kind = self.kind_of_front();
            let meant = |slice: &Slice| is_meant(slice, kind);
            let Some(mut request) = self.shared.channel.parked().take_next(&topic, behind, meant) else {
                self.ready.pop_front();
                continue;
            };
            if let Some(ready) = self.ready.front_mut() {
                ready.behind = request.place.map_or(u64::MAX - 1, |place| place.number());
            }
            request.restart_clock(Instant::now());
            // Whatever is latched for the turn, its keys need not be among them.
            self.latched_ahead = false;
            return Some(Work::new(request));
        }
        None
    }

    /// What the key that was written is now. Only a hint where its latch was given back meanwhile; but then whoever
    /// writes to it next sees to its waiters.
    fn kind_of_front(&mut self) -> Option<Kind> {
        let shared = self.shared;
        let ready = self.ready.front()?;
        let tx = Tx::new(&shared.engine, &shared.keyspace, &mut self.batch, &self.turn, ready.db);
        // What cannot be read is told to whoever asks for it next.
        tx.view().find(&ready.key).ok().flatten().map(|found| found.meta.kind)
    }

    /// After a failed batch: who came to wait because of what it had written looks again.
    pub(super) fn unpark(&mut self) {
        for place in std::mem::take(&mut self.parked) {
            if let Some(mut request) = self.shared.channel.parked().take_at(place) {
                request.restart_clock(Instant::now());
                self.shared.channel.resume(request);
            }
        }
    }
}

/// True if a key of a kind, or none, is something for a request that waits for the key. Another kind is nothing; but that a stream is gone is
/// something for those who wait for entries of its groups.
fn is_meant(slice: &Slice, kind: Option<Kind>) -> bool {
    let Some(Call::Run { command, .. }) = slice.calls.first() else { return false };
    match kind {
        Some(Kind::List) => command.group == Group::List,
        Some(Kind::Zset) => command.group == Group::SortedSet,
        Some(Kind::Stream) => command.group == Group::Stream,
        _ => slice.waits_for_absence(),
    }
}
