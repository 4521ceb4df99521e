//! THE ADMIN LISTENER: health and metrics over HTTP, on the network runtime (`admin-port`).
//!
//! ```text
//!  listener ─▶ one task per connection (hyper, limits below) ─▶ pages ─▶ health: JSON · metrics: Prometheus
//! ```
//!
//! Pages read counters and what was published. None of them waits for storage or takes a lock of it, so they answer
//! while it hangs; and as a network thread serves them, `/livez` says by answering at all that it turns.
//!
//! hyper alone serves the four fixed paths: unlike a framework's server it lets the limits of a connection be set.

mod health;
mod pages;
mod prometheus;
mod text_format;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::host::Common;
use crate::shard::Phase;

/// Connections at a time. The next one ends the oldest: those who ask now matter more than those who were silent.
const CONNECTIONS_MAX: usize = 128;
/// Bytes that a connection's requests may fill before they are answered; more is refused with 431.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Headers of a request; more are refused with 431.
const HEADERS_MAX: usize = 64;
/// Within this a request's header has to arrive, and an idle connection has to ask again.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// A connection that has lasted so long answers what it is at, if the peer takes it in time, and ends.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// Pause after an accept that failed (no file descriptors left): trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the admin pages until the server has ended; while it drains, they tell that.
pub(crate) async fn serve(
    common: Arc<Common>,
    listener: std::net::TcpListener,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow() == Phase::Ended {
                    break;
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) => {
                connections.retain(|connection| !connection.is_finished());
                while connections.len() >= CONNECTIONS_MAX {
                    if let Some(oldest) = connections.pop_front() {
                        oldest.abort();
                    }
                }
                connections.push_back(tokio::spawn(serve_connection(common.clone(), stream)).abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed on the admin port");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.iter().for_each(AbortHandle::abort);
    Ok(())
}

async fn serve_connection(common: Arc<Common>, stream: TcpStream) {
    // A page must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "an admin connection could not be set up");
    }
    let service = service_fn(move |request| {
        let page = pages::answer(&common, &request);
        async move { Ok::<_, Infallible>(page) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = sleep(CONNECTION_TIME_MAX) => {
            connection.as_mut().graceful_shutdown();
            // A peer that takes nothing is not waited for.
            timeout(REQUEST_TIME_MAX, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "an admin connection ended");
    }
}
