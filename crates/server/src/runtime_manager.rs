//! Creates both runtimes, starts them in order, and stops them in order.
//!
//! Start: the storage runtime, then the network threads, then accepting. Stop: accepting and new commands, what is
//! in flight, the last commit and sync, the database, the connections. A second signal ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bridge::Health;
use commands::{RuntimeName, Shutdown};
use network::NetworkServer;
use tokio::runtime::{Builder, Handle, LocalOptions, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::control::ServerControl;
use crate::factory::{Assembled, Requests, Started};
use crate::observer::OBSERVE_PERIOD;
use crate::runtime_config::{RuntimeConfig, RuntimeMode};

/// How often the stop looks whether clients are at rest.
const DRAIN_PERIOD: Duration = Duration::from_millis(5);
/// What storage has at least for its end, however long the clients took.
const STORAGE_STOP_MIN: Duration = Duration::from_secs(2);
/// How long the process may take for its end once something has not ended in order.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Blocking tasks of the background: expiry, cleaning, sync, sizes, checkpoint, stall, resuming.
const BACKGROUND_THREADS: usize = 7;
/// A turn of a worker is a task's poll to the runtime, and lasts some milliseconds under load: its own interval of 61 polls would make probes and the
/// expiry of keys late.
const TURNS_PER_LOOK_AT_TIMERS: u32 = 4;

/// How often it is looked whether all threads are there.
const THREADS_PERIOD: Duration = Duration::from_millis(50);
/// How long network threads have to end when they are replaced; one that has not is left behind.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(2);
/// The first pause before a network thread that died is replaced. It doubles with each death.
const THREAD_PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest such pause.
const THREAD_PAUSE_MAX: Duration = Duration::from_secs(5);
/// A network thread that has lived for this long has not died of how it was started.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(30);

/// Owns the runtimes. See the module's text.
pub struct RuntimeManager {
    config: RuntimeConfig,
    network: Arc<NetworkServer>,
    network_threads: Vec<NetworkThread>,
    /// None in `runtime-mode single`.
    storage_runtime: Option<Runtime>,
}

struct NetworkThread {
    handle: Handle,
    thread: JoinHandle<()>,
    since: Instant,
    /// Deaths in a row, this thread's predecessors included.
    deaths: u32,
    /// When it is replaced, once it was found dead.
    replace_at: Option<Instant>,
}

impl RuntimeManager {
    /// Starts the runtimes and serves until a signal or `SHUTDOWN`.
    ///
    /// # Errors
    /// With a sentence for the log, if a runtime or thread cannot be started, or not everything came to its end.
    pub fn serve(assembled: Assembled) -> Result<(), String> {
        let config = assembled.runtime.clone();
        let network = assembled.network.clone();
        let mut manager = RuntimeManager { config, network, network_threads: Vec::new(), storage_runtime: None };
        if manager.config.mode == RuntimeMode::Dual {
            manager.storage_runtime = Some(storage_runtime(&manager.config).map_err(told)?);
        }
        for number in 0..manager.config.network_threads {
            let thread = NetworkThread::start(number, manager.network.clone()).map_err(told)?;
            manager.network_threads.push(thread);
        }
        let (started, requests) = assembled.start_storage(manager.storage_handles());
        manager.tell_observer(&started);
        started.control.observer().observe();
        let main = Builder::new_current_thread().enable_all().build().map_err(told)?;
        main.block_on(manager.run(started, requests))
    }

    /// The runtimes that storage runs on.
    fn storage_handles(&self) -> Vec<Handle> {
        match &self.storage_runtime {
            Some(runtime) => vec![runtime.handle().clone()],
            None => self.network_threads.iter().map(|thread| thread.handle.clone()).collect(),
        }
    }

    fn tell_observer(&self, started: &Started) {
        let network = self.network_threads.iter().map(|thread| thread.handle.clone()).collect();
        let storage = self.storage_runtime.iter().map(|runtime| runtime.handle().clone()).collect();
        started.control.observer().set_runtimes(network, storage);
    }

    async fn run(mut self, mut started: Started, mut requests: Requests) -> Result<(), String> {
        let listeners = std::mem::take(&mut started.bound.listeners);
        self.network.listen(listeners, started.bound.admin.take());
        tokio::spawn(observe(started.control.clone(), started.network.clone()));
        for (kind, address, port) in &started.bound.facts {
            tracing::info!("listening on {kind} {address}:{port}");
        }
        tracing::info!("Ready to accept connections");
        let mut end = std::pin::pin!(wait_for_end(&mut requests.shutdown));
        let how = loop {
            tokio::select! {
                how = &mut end => break how?,
                Some(which) = requests.restart.recv() => self.restart(which, &started).await,
                () = tokio::time::sleep(THREADS_PERIOD) => self.replace_dead_threads(&started).await,
            }
        };
        self.stop(started, how).await
    }

    /// Replaces one runtime while the other goes on.
    async fn restart(&mut self, which: RuntimeName, started: &Started) {
        tracing::warn!(runtime = ?which, "a runtime is replaced");
        let outcome = match which {
            RuntimeName::Storage => self.restart_storage(started).await,
            RuntimeName::Network => self.restart_network().await,
        };
        match outcome {
            Ok(()) => tracing::warn!(runtime = ?which, "a runtime was replaced"),
            Err(error) => tracing::error!(%error, runtime = ?which, "a runtime could not be replaced"),
        }
        self.tell_observer(started);
    }

    async fn restart_storage(&mut self, started: &Started) -> io::Result<()> {
        let fresh = storage_runtime(&self.config)?;
        started.storage.restart(&[fresh.handle().clone()]).await;
        started.channel.metrics().runtime_restarts.fetch_add(1, Ordering::Relaxed);
        if let Some(old) = self.storage_runtime.replace(fresh) {
            old.shutdown_background();
        }
        Ok(())
    }

    async fn restart_network(&mut self) -> io::Result<()> {
        self.network.replace_threads();
        let deadline = Instant::now() + REPLACE_TIMEOUT;
        let is_there = |thread: &NetworkThread| !thread.thread.is_finished();
        while self.network_threads.iter().any(is_there) && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_PERIOD).await;
        }
        for (number, place) in self.network_threads.iter_mut().enumerate() {
            if is_there(place) {
                tracing::error!(thread = number, "a network thread does not end; it is left behind");
            }
            *place = NetworkThread::start(number, self.network.clone())?;
            self.network.note_thread_restart();
        }
        Ok(())
    }

    /// Starts threads in the place of those that have died, after a pause that grows.
    async fn replace_dead_threads(&mut self, started: &Started) {
        let mut replaced = false;
        for (number, place) in self.network_threads.iter_mut().enumerate() {
            if !place.thread.is_finished() {
                continue;
            }
            let now = Instant::now();
            let Some(at) = place.replace_at else {
                let pause = place.note_death(now);
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::error!(thread = number, deaths = place.deaths, pause_ms, "a network thread died");
                continue;
            };
            if now < at {
                continue;
            }
            match NetworkThread::start(number, self.network.clone()) {
                Ok(fresh) => {
                    *place = NetworkThread { deaths: place.deaths, ..fresh };
                    self.network.note_thread_restart();
                    replaced = true;
                }
                Err(error) => {
                    tracing::error!(%error, thread = number, "a network thread could not be replaced");
                    place.note_death(now);
                }
            }
        }
        if replaced {
            if self.storage_runtime.is_none() {
                // Storage shared the threads that have died.
                started.storage.restart(&self.storage_handles()).await;
            }
            self.tell_observer(started);
        }
    }

    async fn stop(self, started: Started, how: Shutdown) -> Result<(), String> {
        started.network.drain();
        let deadline = Instant::now() + started.runtime.shutdown_timeout;
        while !how.now && !started.network.is_drained() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_PERIOD).await;
        }
        started.channel.close();
        if how.save && started.channel.circuit().health() == Health::Down {
            tracing::error!("storage does not answer: there is no checkpoint of the shutdown");
        } else if how.save
            && let Err(error) = started.storage.save()
        {
            tracing::error!(%error, "the checkpoint of the shutdown failed");
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(STORAGE_STOP_MIN);
        let end = started.storage.stop(left).await;
        started.network.end();
        if end.is_err() {
            // Whatever hangs may hold up the end of the process too.
            end_by_force_after(EXIT_TIMEOUT);
        }
        for thread in self.network_threads {
            if thread.thread.join().is_err() {
                tracing::error!("a network thread did not end in order");
            }
        }
        if let Some(path) = &started.bound.unix_socket
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(%error, "the Unix socket could not be removed");
        }
        if let Some(runtime) = self.storage_runtime {
            runtime.shutdown_background();
        }
        end.map_err(|error| format!("not stopped in order: {error}"))?;
        tracing::info!("stopped in order; bye bye");
        Ok(())
    }
}

impl NetworkThread {
    fn start(number: usize, network: Arc<NetworkServer>) -> io::Result<NetworkThread> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name(format!("network-{number}")).spawn(move || {
            let built = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(BACKGROUND_THREADS)
                .thread_name("pool")
                .build_local(LocalOptions::default());
            match built {
                Ok(runtime) => {
                    // The receiver waits for just this.
                    if sender.send(Ok(runtime.handle().clone())).is_ok() {
                        runtime.block_on(network.run_thread(number));
                        runtime.shutdown_background();
                    }
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        })?;
        let handle = receiver.recv().map_err(io::Error::other)??;
        Ok(NetworkThread { handle, thread, since: Instant::now(), deaths: 0, replace_at: None })
    }

    /// Sets when the thread is replaced. Returns the pause until then.
    fn note_death(&mut self, now: Instant) -> Duration {
        if now - self.since >= LIFE_THAT_COUNTS {
            self.deaths = 0;
        }
        let pause = THREAD_PAUSE_MIN.saturating_mul(1 << self.deaths.min(16)).min(THREAD_PAUSE_MAX);
        self.deaths += 1;
        self.replace_at = Some(now + pause);
        pause
    }
}

fn told(error: io::Error) -> String {
    format!("a runtime could not be started: {error}")
}

/// Looks at the process until it ends. Runs on the main thread.
async fn observe(control: Arc<ServerControl>, network: Arc<NetworkServer>) {
    loop {
        tokio::time::sleep(OBSERVE_PERIOD).await;
        control.observer().observe();
        network.look_at_health();
    }
}

/// Ends the process after a time, whatever it waits for.
fn end_by_force_after(time: Duration) {
    thread::spawn(move || {
        thread::sleep(time);
        tracing::error!("the process does not come to its end; it is aborted");
        std::process::abort();
    });
}

fn storage_runtime(config: &RuntimeConfig) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(config.storage_threads)
        .max_blocking_threads(BACKGROUND_THREADS)
        .thread_name("storage")
        .event_interval(TURNS_PER_LOOK_AT_TIMERS)
        // No sockets here: without the I/O driver an idle worker is woken by a futex alone.
        .enable_time()
        .build()
}

async fn wait_for_end(requests: &mut mpsc::Receiver<Shutdown>) -> Result<Shutdown, String> {
    let told = |error: io::Error| format!("signals cannot be received: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(told)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told)?;
    let how = tokio::select! {
        _ = terminate.recv() => {
            tracing::info!("Received SIGTERM, scheduling shutdown...");
            Shutdown::default()
        }
        _ = interrupt.recv() => {
            tracing::info!("Received SIGINT, scheduling shutdown...");
            Shutdown::default()
        }
        how = requests.recv() => {
            tracing::info!("User requested shutdown...");
            how.unwrap_or_default()
        }
    };
    // Whoever asks twice means at once. What is acknowledged is in the log of the database already. A thread of
    // its own watches, as this one is about to wait for others.
    thread::spawn(move || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    });
    Ok(how)
}
