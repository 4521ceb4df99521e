//! Clients that wait for others (`BLPOP`...), from the network's side: their timeouts, `CLIENT UNBLOCK`, and those who leave.
//! All of it works while storage hangs.

use std::sync::Arc;

use bridge::{Parked, Refused};
use commands::Slice;

/// The requests of all clients that wait.
pub(crate) type Waiting = Arc<Parked<Slice, Slice>>;

/// Answers those whose time has come, until it is aborted.
pub(crate) async fn time_out(waiting: Waiting) {
    loop {
        for mut request in waiting.due().await {
            request.payload.time_out();
            request.reply.answer(Ok(request.payload));
        }
    }
}

/// Ends the wait of a client, as after its timeout or with an error. False: it does not wait.
pub(crate) fn unblock(waiting: &Waiting, client: u64, with_error: bool) -> bool {
    let Some(mut request) = waiting.take_of(client) else { return false };
    if with_error {
        request.payload.unblock();
    } else {
        request.payload.time_out();
    }
    request.reply.answer(Ok(request.payload));
    true
}

/// Forgets what a client waits for that has left.
pub(crate) fn leave(waiting: &Waiting, client: u64) {
    if let Some(request) = waiting.take_of(client) {
        request.reply.answer(Err(Refused::Down));
    }
}

/// Ends the wait of everybody: the server stops.
pub(crate) fn close(waiting: &Waiting) {
    for request in waiting.close() {
        request.reply.answer(Err(Refused::Down));
    }
}
