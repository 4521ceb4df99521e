//! One network thread: its connections, its door to storage, its periodic work.
//!
//! A thread runs a runtime of its own. Nothing in it is shared with other network threads except what
//! [`Common`] holds, so connections need no locks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bridge::{Answer, MessageChannel, StorageClient, WATCHDOG_PERIOD};
use commands::{HotReads, Slice};
use fail::fail_point;
use hashbrown::HashMap;
use tokio::sync::{mpsc, watch};

use crate::clients::ClientRecord;
use crate::connection::Connection;
use crate::fence::{fence, fence_task, keep_running};
use crate::host::Common;
use crate::parked;
use crate::stream::Socket;

/// How often limits in time are looked at.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// How often a stopping thread looks whether its clients are at rest.
const DRAIN_PERIOD: Duration = Duration::from_millis(5);

/// A client that was accepted and waits for its thread.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) place: Place,
}

/// A client's place in the table of all clients, which it leaves whatever becomes of it.
pub(crate) struct Place {
    pub(crate) common: Arc<Common>,
    pub(crate) record: Arc<ClientRecord>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.record.cancel.cancel();
        parked::leave(&self.common.waiting, self.record.id);
        self.common.clients.remove(self.record.id);
    }
}

/// How far the server has got with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serving.
    Serving,
    /// No new commands; what is in flight is finished.
    Draining,
    /// Everything is dropped.
    Ended,
}

/// See the module's text.
pub(crate) struct Shard {
    thread: usize,
    pub(crate) common: Arc<Common>,
    pub(crate) storage: StorageClient<Slice, Slice>,
    pub(crate) hot: HotReads,
    connections: RefCell<HashMap<u64, Rc<Connection>, foldhash::fast::RandomState>>,
}

impl Shard {
    pub(crate) fn new(
        thread: usize,
        common: Arc<Common>,
        channel: Arc<MessageChannel<Slice, Slice>>,
        hot: HotReads,
    ) -> Rc<Self> {
        Rc::new(Shard { thread, common, storage: StorageClient::new(channel), hot, connections: RefCell::default() })
    }

    /// Serves until the server has stopped, or the thread is to be replaced (`leave`).
    pub(crate) async fn run(
        self: Rc<Self>,
        mut accepted: mpsc::Receiver<Accepted>,
        mut phase: watch::Receiver<Phase>,
        mut leave: watch::Receiver<u64>,
    ) {
        let tasks = [
            tokio::task::spawn_local(self.clone().kept("pump", pump)),
            tokio::task::spawn_local(self.clone().kept("completions", complete)),
            tokio::task::spawn_local(self.clone().kept("checks", check)),
            tokio::task::spawn_local(self.clone().kept("deadlines", abandon)),
            tokio::task::spawn_local(self.clone().kept("probe", probe)),
        ];
        leave.mark_unchanged();
        let mut leaves = false;
        while *phase.borrow_and_update() == Phase::Serving && !leaves {
            tokio::select! {
                Some(client) = accepted.recv() => {
                    fail_point!("network-thread");
                    let id = client.place.record.id;
                    fence(&self.common.metrics, "accept", id, || self.take_in(client));
                }
                changed = phase.changed() => leaves |= changed.is_err(),
                _ = leave.changed() => leaves = true,
            }
        }
        accepted.close();
        if !leaves {
            while *phase.borrow() == Phase::Draining && !self.is_at_rest() {
                tokio::time::sleep(DRAIN_PERIOD).await;
            }
            self.common.threads_at_rest.fetch_add(1, Ordering::AcqRel);
            // Storage may still have work on this thread's runtime; the end is told.
            while *phase.borrow_and_update() != Phase::Ended {
                if phase.changed().await.is_err() {
                    break;
                }
            }
        }
        for connection in self.connections.borrow().values() {
            connection.record.kill();
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }

    async fn kept<F: Future<Output = ()>>(self: Rc<Self>, task: &'static str, make: impl Fn(Rc<Shard>) -> F) {
        keep_running(&self.common.metrics, task, || make(self.clone())).await;
    }

    fn take_in(self: &Rc<Self>, client: Accepted) {
        let Accepted { socket, place } = client;
        let record = place.record.clone();
        let (read, write) = match socket.split() {
            Ok(halves) => halves,
            Err(error) => {
                tracing::warn!(%error, "an accepted connection could not be served");
                return;
            }
        };
        let connection = Rc::new(Connection::new(record.clone(), write, !self.common.settings.requires_auth()));
        self.connections.borrow_mut().insert(record.id, connection.clone());
        let leaving = Leaving { shard: self.clone(), place };
        tokio::task::spawn_local(async move {
            // Leaves the tables even if serving panics.
            let leaving = leaving;
            let shard = &leaving.shard;
            fence_task(&shard.common.metrics, "dispatch", record.id, connection.serve(shard.clone(), read)).await;
        });
    }

    fn find(&self, id: u64) -> Option<Rc<Connection>> {
        self.connections.borrow().get(&id).cloned()
    }

    /// Brings answers to their connections.
    fn deliver(self: &Rc<Self>, answers: &mut Vec<Answer<Slice>>) {
        for answer in answers.drain(..) {
            // A client that has left does not get its answer.
            if let Some(connection) = self.find(answer.token) {
                connection.fenced(self, "completion", || {
                    fail_point!("network-completion");
                    connection.complete(self, answer.request, answer.response);
                });
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        self.connections.borrow().values().all(|connection| connection.is_at_rest())
    }
}

struct Leaving {
    shard: Rc<Shard>,
    place: Place,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.shard.connections.borrow_mut().remove(&self.place.record.id);
    }
}

async fn pump(shard: Rc<Shard>) {
    let before_send = || fail_point!("network-pump");
    let sleep_until = async |deadline: Instant| tokio::time::sleep_until(deadline.into()).await;
    shard.storage.pump(before_send, |answers| shard.deliver(answers), sleep_until).await;
}

/// Brings answers to their connections, which write them to their sockets at once.
async fn complete(shard: Rc<Shard>) {
    let mut answers = Vec::new();
    loop {
        shard.storage.answers(&mut answers).await;
        shard.deliver(&mut answers);
        // Sockets are read from between two rounds of answers.
        tokio::task::yield_now().await;
    }
}

/// Answers clients whose requests a hung worker has: the deadline holds for them too.
async fn abandon(shard: Rc<Shard>) {
    loop {
        tokio::time::sleep(WATCHDOG_PERIOD).await;
        if !shard.storage.channel().circuit().is_hung() {
            continue;
        }
        // What was not taken by a worker is refused first, and more exactly.
        let before = Instant::now() - 2 * WATCHDOG_PERIOD;
        let connections: Vec<_> = shard.connections.borrow().values().cloned().collect();
        for connection in connections {
            connection.fenced(&shard, "deadline", || connection.abandon(&shard, before));
        }
    }
}

async fn check(shard: Rc<Shard>) {
    let mut told = Told { shard: shard.clone(), bytes: 0 };
    loop {
        tokio::time::sleep(CHECK_PERIOD).await;
        let now = Instant::now();
        let connections: Vec<_> = shard.connections.borrow().values().cloned().collect();
        let mut bytes = 0;
        for connection in connections {
            connection.fenced(&shard, "check", || bytes += connection.check(&shard, now));
        }
        told.replace(bytes);
        if shard.common.stopping.load(Ordering::Acquire) {
            return;
        }
    }
}

/// What a thread has told of the memory of its clients. It is taken back with the task that told it.
struct Told {
    shard: Rc<Shard>,
    bytes: u64,
}

impl Told {
    fn replace(&mut self, bytes: u64) {
        // Wrapping: what was told before is replaced by what is told now.
        let change = bytes.wrapping_sub(self.bytes);
        self.shard.common.metrics.clients_bytes.fetch_add(change, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.replace(0);
    }
}

/// Measures how long tasks of the thread wait for their turn.
async fn probe(shard: Rc<Shard>) {
    bridge::probe(shard.common.runtime.clone(), |metrics| &metrics.network, shard.thread).await;
}
