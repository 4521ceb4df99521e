//! The clients of all network threads, as `CLIENT LIST` sees them and `CLIENT KILL` reaches them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use atomic_waker::AtomicWaker;
use commands::facts::ClientFacts;
use commands::transactions::Queue;
use commands::{Cancel, ClientFilter, Session};
use parking_lot::Mutex;
use resp::Protocol;

/// What other threads may know of a client, and do to it.
#[derive(Debug)]
pub(crate) struct ClientRecord {
    pub(crate) id: u64,
    address: String,
    local_address: String,
    fd: i32,
    unix_socket: bool,
    created: Instant,
    /// Since `created`, in ms.
    last_active_ms: AtomicU64,
    db: AtomicU16,
    resp3: AtomicBool,
    pub(crate) query_buffer_bytes: AtomicUsize,
    pub(crate) output_buffer_bytes: AtomicUsize,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) commands: AtomicU64,
    /// Index in the command table; `u32::MAX`: none yet.
    last_command: AtomicU32,
    /// Commands in its transaction; `u32::MAX`: it has begun none.
    queued: AtomicU32,
    queued_bytes: AtomicUsize,
    named: Mutex<Named>,
    killed: AtomicBool,
    /// Ends a long command of the client.
    pub(crate) cancel: Cancel,
    /// Wakes the connection's task from any thread.
    pub(crate) waker: AtomicWaker,
}

#[derive(Clone, Debug, Default)]
struct Named {
    name: String,
    user: String,
    library_name: String,
    library_version: String,
    no_evict: bool,
    no_touch: bool,
}

/// Where a client comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) address: String,
    pub(crate) local_address: String,
    pub(crate) fd: i32,
    pub(crate) unix_socket: bool,
}

impl ClientRecord {
    fn new(id: u64, origin: Origin) -> Self {
        ClientRecord {
            id,
            address: origin.address,
            local_address: origin.local_address,
            fd: origin.fd,
            unix_socket: origin.unix_socket,
            created: Instant::now(),
            last_active_ms: AtomicU64::new(0),
            db: AtomicU16::new(0),
            resp3: AtomicBool::new(false),
            query_buffer_bytes: AtomicUsize::new(0),
            output_buffer_bytes: AtomicUsize::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            last_command: AtomicU32::new(u32::MAX),
            queued: AtomicU32::new(u32::MAX),
            queued_bytes: AtomicUsize::new(0),
            named: Mutex::new(Named { user: "default".to_owned(), ..Named::default() }),
            killed: AtomicBool::new(false),
            cancel: Cancel::default(),
            waker: AtomicWaker::new(),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.cancel.cancel();
        self.waker.wake();
    }

    /// Notes that the client sent something.
    pub(crate) fn touch(&self) {
        self.last_active_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    pub(crate) fn idle_ms(&self) -> u64 {
        self.age_ms().saturating_sub(self.last_active_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn note_command(&self, index: usize, db: u16) {
        self.last_command.store(u32::try_from(index).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.db.store(db, Ordering::Relaxed);
    }

    /// Publishes what a session command may have changed.
    pub(crate) fn publish(&self, session: &Session) {
        self.db.store(session.db, Ordering::Relaxed);
        self.resp3.store(session.protocol == Protocol::Resp3, Ordering::Relaxed);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut named = self.named.lock();
        if named.name.as_bytes() != session.name {
            named.name = text(&session.name);
        }
        if named.user != session.user {
            named.user.clone_from(&session.user);
        }
        if named.library_name.as_bytes() != session.library_name {
            named.library_name = text(&session.library_name);
        }
        if named.library_version.as_bytes() != session.library_version {
            named.library_version = text(&session.library_version);
        }
        named.no_evict = session.no_evict;
        named.no_touch = session.no_touch;
        drop(named);
        self.publish_queue(session.queue.as_ref());
    }

    /// Publishes what the client has queued.
    pub(crate) fn publish_queue(&self, queue: Option<&Queue>) {
        let (count, bytes) = queue.map_or((u32::MAX, 0), |queue| (queue.commands().len() as u32, queue.size_bytes()));
        self.queued.store(count, Ordering::Relaxed);
        self.queued_bytes.store(bytes, Ordering::Relaxed);
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn facts(&self) -> ClientFacts {
        let named = self.named.lock().clone();
        let index = self.last_command.load(Ordering::Relaxed) as usize;
        ClientFacts {
            id: self.id,
            address: self.address.clone(),
            local_address: self.local_address.clone(),
            fd: self.fd,
            name: named.name,
            age_seconds: self.age_ms() / 1000,
            idle_seconds: self.idle_ms() / 1000,
            db: self.db.load(Ordering::Relaxed),
            user: named.user,
            library_name: named.library_name,
            library_version: named.library_version,
            resp: if self.resp3.load(Ordering::Relaxed) { 3 } else { 2 },
            unix_socket: self.unix_socket,
            no_evict: named.no_evict,
            no_touch: named.no_touch,
            query_buffer_bytes: self.query_buffer_bytes.load(Ordering::Relaxed),
            output_buffer_bytes: self.output_buffer_bytes.load(Ordering::Relaxed),
            last_command: commands::table::all().get(index).map_or("NULL", |command| command.name),
            network_bytes_in: self.bytes_in.load(Ordering::Relaxed),
            network_bytes_out: self.bytes_out.load(Ordering::Relaxed),
            commands: self.commands.load(Ordering::Relaxed),
            queued: usize::try_from(self.queued.load(Ordering::Relaxed))
                .ok()
                .filter(|&count| count != u32::MAX as usize),
            queued_bytes: self.queued_bytes.load(Ordering::Relaxed),
            ..ClientFacts::default()
        }
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    records: Mutex<BTreeMap<u64, Arc<ClientRecord>>>,
    last_id: AtomicU64,
    count: AtomicU64,
}

impl Clients {
    /// Takes a client in, unless there are too many.
    pub(crate) fn admit(&self, origin: Origin, maxclients: u64) -> Option<Arc<ClientRecord>> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= maxclients {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let record = Arc::new(ClientRecord::new(id, origin));
        self.records.lock().insert(id, record.clone());
        Some(record)
    }

    pub(crate) fn remove(&self, id: u64) {
        if self.records.lock().remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn matching(&self, filter: &ClientFilter) -> Vec<ClientFacts> {
        let records: Vec<_> = self.records.lock().values().cloned().collect();
        records.iter().map(|record| record.facts()).filter(|facts| filter.matches(facts)).collect()
    }

    pub(crate) fn kill(&self, filter: &ClientFilter) -> usize {
        let records: Vec<_> = self.records.lock().values().cloned().collect();
        let matching = records.iter().filter(|record| !record.is_killed() && filter.matches(&record.facts()));
        matching.map(|record| record.kill()).count()
    }
}
