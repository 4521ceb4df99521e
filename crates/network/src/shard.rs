//! One network thread: its connections, its door to storage, its periodic work.
//!
//! A thread runs a runtime of its own. Nothing in it is shared with other network threads except what
//! [`Common`] holds, so connections need no locks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bridge::{MessageChannel, StorageClient, WATCHDOG_PERIOD};
use commands::Slice;
use hashbrown::HashMap;
use tokio::sync::{mpsc, watch};

use crate::clients::ClientRecord;
use crate::connection::Connection;
use crate::host::Common;
use crate::stream::Socket;

/// How often limits in time are looked at.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// How often a stopping thread looks whether its clients are at rest.
const DRAIN_PERIOD: Duration = Duration::from_millis(5);

/// A client that was accepted and waits for its thread.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) record: Arc<ClientRecord>,
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
    connections: RefCell<HashMap<u64, Rc<Connection>, foldhash::fast::RandomState>>,
}

impl Shard {
    pub(crate) fn new(thread: usize, common: Arc<Common>, channel: Arc<MessageChannel<Slice, Slice>>) -> Rc<Self> {
        Rc::new(Shard { thread, common, storage: StorageClient::new(channel), connections: RefCell::default() })
    }

    /// Serves until the server has stopped.
    pub(crate) async fn run(self: Rc<Self>, mut accepted: mpsc::Receiver<Accepted>, mut phase: watch::Receiver<Phase>) {
        let pump = tokio::task::spawn_local(pump(self.clone()));
        let completions = tokio::task::spawn_local(complete(self.clone()));
        let checks = tokio::task::spawn_local(check(self.clone()));
        let runtime = self.common.runtime.clone();
        let probing = tokio::task::spawn_local(bridge::probe(runtime, |metrics| &metrics.network, self.thread));
        let deadlines = tokio::task::spawn_local(abandon(self.clone()));
        loop {
            tokio::select! {
                Some(client) = accepted.recv() => self.take_in(client),
                changed = phase.changed() => {
                    if changed.is_err() || *phase.borrow() != Phase::Serving {
                        break;
                    }
                }
            }
        }
        accepted.close();
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
        for connection in self.connections.borrow().values() {
            connection.record.kill();
        }
        pump.abort();
        completions.abort();
        checks.abort();
        probing.abort();
        deadlines.abort();
    }

    fn take_in(self: &Rc<Self>, client: Accepted) {
        let record = client.record;
        let (read, write) = match client.socket.split() {
            Ok(halves) => halves,
            Err(error) => {
                tracing::warn!(%error, "an accepted connection could not be served");
                self.common.clients.remove(record.id);
                return;
            }
        };
        let connection = Rc::new(Connection::new(record.clone(), write, !self.common.settings.requires_auth()));
        self.connections.borrow_mut().insert(record.id, connection.clone());
        let shard = self.clone();
        tokio::task::spawn_local(async move {
            // Leaves the tables even if serving panics.
            let _leaving = Leaving { shard: shard.clone(), record };
            connection.serve(shard, read).await;
        });
    }

    fn find(&self, id: u64) -> Option<Rc<Connection>> {
        self.connections.borrow().get(&id).cloned()
    }

    fn is_at_rest(&self) -> bool {
        self.connections.borrow().values().all(|connection| connection.is_at_rest())
    }
}

struct Leaving {
    shard: Rc<Shard>,
    record: Arc<ClientRecord>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.record.cancel.cancel();
        self.shard.connections.borrow_mut().remove(&self.record.id);
        self.shard.common.clients.remove(self.record.id);
    }
}

async fn pump(shard: Rc<Shard>) {
    shard.storage.pump(async |deadline: Instant| tokio::time::sleep_until(deadline.into()).await).await;
}

/// Brings answers to their connections, which write them to their sockets at once.
async fn complete(shard: Rc<Shard>) {
    let mut answers = Vec::new();
    loop {
        shard.storage.answers(&mut answers).await;
        for answer in answers.drain(..) {
            // A client that has left does not get its answer.
            if let Some(connection) = shard.find(answer.token) {
                connection.complete(&shard, answer.request, answer.response);
            }
        }
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
            connection.abandon(&shard, before);
        }
    }
}

async fn check(shard: Rc<Shard>) {
    let mut told_bytes = 0u64;
    loop {
        tokio::time::sleep(CHECK_PERIOD).await;
        let now = Instant::now();
        let connections: Vec<_> = shard.connections.borrow().values().cloned().collect();
        let mut bytes = 0;
        for connection in connections {
            bytes += connection.check(&shard, now);
        }
        // Wrapping: what this thread told before is replaced by what it tells now.
        shard.common.metrics.clients_bytes.fetch_add(bytes.wrapping_sub(told_bytes), Ordering::Relaxed);
        told_bytes = bytes;
        if shard.common.stopping.load(Ordering::Acquire) {
            return;
        }
    }
}
