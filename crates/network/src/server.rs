//! The network runtime's side as a whole: listens, hands clients to its threads, stops.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bridge::MessageChannel;
use commands::{Host, Slice};
use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};

use crate::clients::Origin;
use crate::host::{Common, Control};
use crate::settings::NetworkSettings;
use crate::shard::{Accepted, Phase, Shard};
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

/// Accepts and serves connections, on the threads that run its [`NetworkServer::run_thread`].
pub struct NetworkServer {
    common: Arc<Common>,
    channel: Arc<MessageChannel<Slice, Slice>>,
    senders: Vec<mpsc::Sender<Accepted>>,
    receivers: Mutex<Vec<Option<mpsc::Receiver<Accepted>>>>,
    phase: watch::Sender<Phase>,
}

impl NetworkServer {
    /// A server for a number of threads; none is started.
    pub fn new(
        threads: usize,
        settings: Arc<NetworkSettings>,
        control: Arc<dyn Control>,
        channel: Arc<MessageChannel<Slice, Slice>>,
    ) -> Self {
        let (senders, receivers) = (0..threads.max(1)).map(|_| mpsc::channel(ACCEPTED_MAX)).unzip();
        let receivers: Vec<_> = receivers;
        NetworkServer {
            common: Arc::new(Common::new(settings, control, channel.metrics().clone())),
            channel,
            senders,
            receivers: Mutex::new(receivers.into_iter().map(Some).collect()),
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// Serves the clients of one thread until the server has stopped. Runs on that thread's local runtime.
    pub async fn run_thread(&self, thread: usize) {
        let receiver = self.receivers.lock().get_mut(thread).and_then(Option::take);
        let Some(receiver) = receiver else { return };
        let shard = Shard::new(thread, self.common.clone(), self.channel.clone());
        let watching =
            (thread == 0).then(|| tokio::task::spawn_local(watchdog::watch(self.common.clone(), self.channel.clone())));
        shard.run(receiver, self.phase.subscribe()).await;
        if let Some(watching) = watching {
            watching.abort();
        }
    }

    /// Accepts clients of one listener until the server stops. Runs on any network thread.
    ///
    /// # Errors
    /// If the listener cannot be used on the runtime.
    pub async fn accept(self: Arc<Self>, listener: Listener) -> io::Result<()> {
        let mut phase = self.phase.subscribe();
        let mut next_thread = 0;
        let listener = Accepting::new(listener)?;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept(self.common.settings.tcp_keepalive_s.load(Ordering::Relaxed)) => accepted,
                _ = phase.changed() => return Ok(()),
            };
            match accepted {
                Ok((socket, origin, is_local)) => {
                    self.common.metrics.connections_received.fetch_add(1, Ordering::Relaxed);
                    if let Some(client) = self.admit(socket, origin, is_local) {
                        next_thread = (next_thread + 1) % self.senders.len();
                        if self.senders[next_thread].send(client).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Samples rates for `INFO` until the server stops.
    pub async fn sample(self: Arc<Self>) {
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
                Some(record) => return Some(Accepted { socket, record }),
                None => Some(TOO_MANY),
            }
        };
        self.common.metrics.connections_rejected.fetch_add(1, Ordering::Relaxed);
        if let Some(text) = refusal {
            refuse(&socket, text);
        }
        None
    }

    /// Serves health and metrics over HTTP on a bound, non-blocking listener, until the server has ended. Runs on any
    /// network thread.
    ///
    /// # Errors
    /// If the listener cannot be used on the runtime.
    pub async fn serve_admin(self: Arc<Self>, listener: std::net::TcpListener) -> io::Result<()> {
        crate::admin::serve(self.common.clone(), listener, self.phase.subscribe()).await
    }

    /// Looks at the state of the server, so that changes are noticed when nobody asks.
    pub fn look_at_health(&self) {
        self.common.health(&self.common.facts());
    }

    /// Begins to stop: no new clients, no new commands.
    pub fn drain(&self) {
        self.common.stopping.store(true, Ordering::Release);
        self.phase.send_replace(Phase::Draining);
    }

    /// True once every client is at rest, after [`NetworkServer::drain`].
    pub fn is_drained(&self) -> bool {
        self.common.threads_at_rest.load(Ordering::Acquire) >= self.senders.len()
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
    fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
            Listener::Unix(listener) => {
                let path = listener.local_addr()?.as_pathname().map(|p| p.display().to_string()).unwrap_or_default();
                Accepting::Unix(UnixListener::from_std(listener)?, path)
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
