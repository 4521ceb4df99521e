//! Creates both runtimes, starts them in order, and stops them in order.
//!
//! Start: the storage runtime, then the network threads, then accepting. Stop: accepting and new commands, what is
//! in flight, the last commit and sync, the database, the connections. A second signal ends the process at once.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use commands::Shutdown;
use network::NetworkServer;
use tokio::runtime::{Builder, Handle, LocalOptions, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::control::ServerControl;
use crate::factory::{Assembled, Started};
use crate::observer::OBSERVE_PERIOD;
use crate::runtime_config::{RuntimeConfig, RuntimeMode};

/// How often the stop looks whether clients are at rest.
const DRAIN_PERIOD: Duration = Duration::from_millis(5);
/// What storage has at least for its end, however long the clients took.
const STORAGE_STOP_MIN: Duration = Duration::from_secs(2);
/// How long the process may take for its end once something has not ended in order.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Blocking tasks of the background: expiry, cleaning, sync, sizes, checkpoint, stall, resuming.
const BACKGROUND_THREADS: usize = 7;

/// Owns the runtimes. See the module's text.
pub struct RuntimeManager {
    network_threads: Vec<NetworkThread>,
    /// None in `runtime-mode single`.
    storage_runtime: Option<Runtime>,
}

struct NetworkThread {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl RuntimeManager {
    /// Starts the runtimes and serves until a signal or `SHUTDOWN`.
    ///
    /// # Errors
    /// With a sentence for the log, if a runtime or thread cannot be started.
    pub fn serve(assembled: Assembled) -> Result<(), String> {
        let told = |error: io::Error| format!("a runtime could not be started: {error}");
        let config = assembled.runtime.clone();
        let network = assembled.network.clone();
        let mut manager = RuntimeManager { network_threads: Vec::new(), storage_runtime: None };
        if config.mode == RuntimeMode::Dual {
            manager.storage_runtime = Some(storage_runtime(&config).map_err(told)?);
        }
        for number in 0..config.network_threads {
            manager.network_threads.push(NetworkThread::start(number, network.clone()).map_err(told)?);
        }
        let handles = match &manager.storage_runtime {
            Some(runtime) => vec![runtime.handle().clone()],
            None => manager.network_threads.iter().map(|thread| thread.handle.clone()).collect(),
        };
        let started = assembled.start_storage(handles);
        let network_handles = manager.network_threads.iter().map(|thread| thread.handle.clone()).collect();
        let storage_handles = manager.storage_runtime.iter().map(|runtime| runtime.handle().clone()).collect();
        started.control.observer().set_runtimes(network_handles, storage_handles);
        started.control.observer().observe();
        let main = Builder::new_current_thread().enable_all().build().map_err(told)?;
        main.block_on(manager.run(started))
    }

    async fn run(self, mut started: Started) -> Result<(), String> {
        let first = &self.network_threads[0].handle;
        for listener in std::mem::take(&mut started.bound.listeners) {
            let accepting = started.network.clone().accept(listener);
            first.spawn(async move {
                if let Err(error) = accepting.await {
                    tracing::error!(%error, "a listener could not be used");
                }
            });
        }
        if let Some(listener) = started.bound.admin.take() {
            let serving = started.network.clone().serve_admin(listener);
            first.spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the admin port could not be used");
                }
            });
        }
        first.spawn(started.network.clone().sample());
        tokio::spawn(observe(started.control.clone(), started.network.clone()));
        for (kind, address, port) in &started.bound.facts {
            tracing::info!("listening on {kind} {address}:{port}");
        }
        tracing::info!("Ready to accept connections");
        let how = wait_for_end(&mut started.shutdown_requests).await?;
        self.stop(started, how).await
    }

    async fn stop(self, started: Started, how: Shutdown) -> Result<(), String> {
        started.network.drain();
        let deadline = Instant::now() + started.runtime.shutdown_timeout;
        while !how.now && !started.network.is_drained() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_PERIOD).await;
        }
        started.channel.close();
        if how.save
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
        Ok(NetworkThread { handle, thread })
    }
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
