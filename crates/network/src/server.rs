//! The network runtime's side as a whole: listens, hands clients to its threads, stops.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bridge::MessageChannel;
use commands::{Host, HotRecords, Slice};
use fail::fail_point;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clients::Origin;
use crate::fence::{fence, keep_running};
use crate::host::{Common, Control};
use crate::parked;
use crate::settings::NetworkSettings;
use crate::shard::{Accepted, Phase, Place, Shard};
use crate::stream::Socket;
use crate::watchdog;

/// Accepted clients that wait for one thread; with more, accepting waits.
const ACCEPTED_MAX: usize = 1024;
/// Pause after an accept that failed (no file descriptors left): trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often rates for `INFO` are sampled.
const SAMPLE_PERIOD: Duration = Duration::from_millis(100);

const PROTECTED: &str = "-DENIED Catamaran is running in protected mode: protected mode is enabled and no password is \
set for the default user, so connections are only accepted from the loopback interface. To connect from elsewhere, set \
a password with 'requirepass' (recommended), or name the addresses to listen on with 'bind', or turn protected mode \
off with 'CONFIG SET protected-mode no' from this machine, followed by 'CONFIG REWRITE' to make it permanent, if the \
server is not reachable from untrusted networks.\r\n";
const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

/// A bound listener.
#[derive(Debug)]
pub enum Listener {
    /// On an address and port.
    Tcp(std::net::TcpListener),
    /// On a path.
    Unix(std::os::unix::net::UnixListener),
}

/// What is listened on. Kept, so that a thread that takes another's place can accept from it.
#[derive(Clone, Debug, Default)]
struct Listening {
    /// False until the server accepts.
    open: bool,
    clients: Vec<Arc<Listener>>,
    admin: Option<Arc<std::net::TcpListener>>,
}

/// Accepts and serves connections, on the threads that run its [`NetworkServer::run_thread`].
pub struct NetworkServer {
    common: Arc<Common>,
    channel: Arc<MessageChannel<Slice, Slice>>,
    hot: HotRecords,
    /// The way to each thread; closed while a thread is not there.
    senders: Mutex<Vec<mpsc::Sender<Accepted>>>,
    threads: usize,
    listening: watch::Sender<Listening>,
    phase: watch::Sender<Phase>,
    /// Times that all threads were asked to leave.
    leave: watch::Sender<u64>,
}

impl NetworkServer {
    /// A server for a number of threads; none is started.
    pub fn new(
        threads: usize,
        settings: Arc<NetworkSettings>,
        control: Arc<dyn Control>,
        channel: Arc<MessageChannel<Slice, Slice>>,
        hot: HotRecords,
    ) -> Self {
        let threads = threads.max(1);
        NetworkServer {
            common: Arc::new(Common::new(settings, control, &channel)),
            channel,
            hot,
            senders: Mutex::new((0..threads).map(|_| mpsc::channel(1).0).collect()),
            threads,
            listening: watch::Sender::new(Listening::default()),
            phase: watch::Sender::new(Phase::Serving),
            leave: watch::Sender::new(0),
        }
    }

    /// Begins to accept clients, and to serve health and metrics over HTTP on the admin listener. All are bound and
    /// non-blocking.
    pub fn listen(&self, clients: Vec<Listener>, admin: Option<std::net::TcpListener>) {
        let clients = clients.into_iter().map(Arc::new).collect();
        self.listening.send_replace(Listening { open: true, clients, admin: admin.map(Arc::new) });
    }

    /// Serves the clients of one thread until the server has stopped or [`NetworkServer::replace_threads`] was called.
    /// Runs on that thread's local runtime. The first thread accepts for all, and watches over storage.
    pub async fn run_thread(self: Arc<Self>, thread: usize) {
        let (sender, receiver) = mpsc::channel(ACCEPTED_MAX);
        if let Some(place) = self.senders.lock().get_mut(thread) {
            *place = sender;
        }
        let shard = Shard::new(thread, self.common.clone(), self.channel.clone(), self.hot.reads());
        let mut tasks = JoinSet::new();
        if thread == 0 {
            let (common, channel) = (self.common.clone(), self.channel.clone());
            tasks.spawn_local(async move {
                keep_running(&common.metrics, "watchdog", || watchdog::watch(common.clone(), channel.clone())).await;
            });
            let common = self.common.clone();
            tasks.spawn_local(async move {
                keep_running(&common.metrics, "timeouts", || parked::time_out(common.waiting.clone())).await;
            });
            tasks.spawn_local(self.clone().sample());
            tasks.spawn_local(self.clone().accept_all());
        }
        shard.run(receiver, self.phase.subscribe(), self.leave.subscribe()).await;
        tasks.abort_all();
    }

    /// Asks all threads to end, with their clients. The listeners stay open.
    pub fn replace_threads(&self) {
        self.leave.send_modify(|count| *count += 1);
    }

    /// Counts a thread that was started again.
    pub fn note_thread_restart(&self) {
        self.common.metrics.thread_restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Accepts from all listeners, once there are any.
    async fn accept_all(self: Arc<Self>) {
        let mut listening = self.listening.subscribe();
        let Ok(listening) = listening.wait_for(|listening| listening.open).await.map(|now| now.clone()) else {
            return;
        };
        let mut tasks = JoinSet::new();
        for listener in listening.clients {
            let server = self.clone();
            tasks.spawn_local(async move {
                keep_running(&server.common.metrics, "accept", || server.clone().accept(listener.clone())).await;
            });
        }
        if let Some(listener) = listening.admin {
            let server = self.clone();
            tasks.spawn_local(async move {
                keep_running(&server.common.metrics, "admin", || server.serve_admin(&listener)).await;
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Serves health and metrics over HTTP until the server has ended.
    async fn serve_admin(&self, listener: &std::net::TcpListener) {
        let served = match listener.try_clone() {
            Ok(listener) => crate::admin::serve(self.common.clone(), listener, self.phase.subscribe()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(%error, "the admin port could not be used");
        }
    }

    /// Accepts clients of one listener until the server stops.
    async fn accept(self: Arc<Self>, listener: Arc<Listener>) {
        let mut phase = self.phase.subscribe();
        let mut next_thread = 0;
        let listener = match Accepting::new(&listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listener could not be used");
                return;
            }
        };
        while *phase.borrow_and_update() == Phase::Serving {
            let accepted = tokio::select! {
                accepted = listener.accept(self.common.settings.tcp_keepalive_s.load(Ordering::Relaxed)) => accepted,
                _ = phase.changed() => continue,
            };
            match accepted {
                Ok((socket, origin, is_local)) => {
                    self.common.metrics.connections_received.fetch_add(1, Ordering::Relaxed);
                    let mut admitted = None;
                    fence(&self.common.metrics, "accept", 0, || {
                        fail_point!("network-accept");
                        admitted = self.admit(socket, origin, is_local);
                    });
                    if let Some(client) = admitted {
                        self.hand_over(client, &mut next_thread).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Gives a client to the next thread that is there.
    async fn hand_over(&self, client: Accepted, next_thread: &mut usize) {
        let mut client = Some(client);
        for _ in 0..self.threads {
            *next_thread = (*next_thread + 1) % self.threads;
            let sender = self.senders.lock()[*next_thread].clone();
            if let Some(given) = client.take()
                && let Err(back) = sender.send(given).await
            {
                client = Some(back.0);
            } else {
                return;
            }
        }
        tracing::warn!("a client is closed: no network thread is there");
    }

    /// Samples rates for `INFO` until the server stops.
    async fn sample(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        while *phase.borrow_and_update() == Phase::Serving {
            self.common.metrics.sample();
            tokio::select! {
                () = tokio::time::sleep(SAMPLE_PERIOD) => {}
                _ = phase.changed() => {}
            }
        }
    }

    fn admit(&self, socket: Socket, origin: Origin, is_local: bool) -> Option<Accepted> {
        let settings = &self.common.settings;
        let open = settings.requires_auth() || !settings.protected_mode.load(Ordering::Relaxed);
        let refusal = if !is_local && !open {
            Some(PROTECTED)
        } else {
            match self.common.clients.admit(origin, settings.maxclients.load(Ordering::Relaxed)) {
                Some(record) => {
                    let place = Place { common: self.common.clone(), record };
                    return Some(Accepted { socket, place });
                }
                None => Some(TOO_MANY),
            }
        };
        self.common.metrics.connections_rejected.fetch_add(1, Ordering::Relaxed);
        if let Some(text) = refusal {
            refuse(&socket, text);
        }
        None
    }

    /// Looks at the state of the server, so that changes are noticed when nobody asks.
    pub fn look_at_health(&self) {
        self.common.health(&self.common.facts());
    }

    /// Begins to stop: no new clients, no new commands.
    pub fn drain(&self) {
        self.common.stopping.store(true, Ordering::Release);
        parked::close(&self.common.waiting);
        self.phase.send_replace(Phase::Draining);
    }

    /// True once every client is at rest, after [`NetworkServer::drain`].
    pub fn is_drained(&self) -> bool {
        self.common.threads_at_rest.load(Ordering::Acquire) >= self.threads
    }

    /// Closes every client, whatever it waits for.
    pub fn end(&self) {
        self.common.stopping.store(true, Ordering::Release);
        self.phase.send_replace(Phase::Ended);
    }
}

enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener, String),
}

impl Accepting {
    fn new(listener: &Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Listener::Unix(listener) => {
                let path = listener.local_addr()?.as_pathname().map(|p| p.display().to_string()).unwrap_or_default();
                Accepting::Unix(UnixListener::from_std(listener.try_clone()?)?, path)
            }
        })
    }

    async fn accept(&self, keepalive_s: u64) -> io::Result<(Socket, Origin, bool)> {
        match self {
            Accepting::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // A reply must not wait for the acknowledgement of the one before.
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                let stream = stream.into_std()?;
                set_keepalive(&stream, keepalive_s)?;
                let origin = Origin {
                    address: text_of(peer),
                    local_address: text_of(local),
                    fd: stream.as_raw_fd(),
                    unix_socket: false,
                };
                Ok((Socket::Tcp(stream), origin, peer.ip().to_canonical().is_loopback()))
            }
            Accepting::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                let stream = stream.into_std()?;
                let origin = Origin {
                    address: format!("{path}:0"),
                    local_address: format!("{path}:0"),
                    fd: stream.as_raw_fd(),
                    unix_socket: true,
                };
                Ok((Socket::Unix(stream), origin, true))
            }
        }
    }
}

/// An address as `CLIENT LIST` writes it.
fn text_of(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        std::net::IpAddr::V6(ip) => format!("[{ip}]:{}", address.port()),
    }
}

/// Tells a client why it is closed. What the socket does not take at once is not waited for.
fn refuse(socket: &Socket, text: &str) {
    use std::io::Write;
    let outcome = match socket {
        Socket::Tcp(stream) => (&*stream).write(text.as_bytes()),
        Socket::Unix(stream) => (&*stream).write(text.as_bytes()),
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a refusal could not be sent");
    }
}

/// Sets keep-alive probes on a socket.
fn set_keepalive(socket: &std::net::TcpStream, seconds: u64) -> io::Result<()> {
    if seconds == 0 {
        return Ok(());
    }
    // As Redis: the first probe after the interval, then three a third of it apart.
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(seconds))
        .with_interval(Duration::from_secs((seconds / 3).max(1)))
        .with_retries(3);
    socket2::SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
