//! Traffic counters of the network runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use commands::facts::NetworkFacts;
use parking_lot::Mutex;

/// Samples of the rates that `INFO` shows; at ten a second that is Redis's window.
const RATE_SAMPLES: usize = 16;

/// Counted since the start or `CONFIG RESETSTAT`. Shared by all network threads.
#[derive(Debug, Default)]
pub(crate) struct NetworkMetrics {
    pub(crate) connections_received: AtomicU64,
    pub(crate) connections_rejected: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) output_bytes: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) query_buffer_disconnections: AtomicU64,
    pub(crate) output_buffer_disconnections: AtomicU64,
    pub(crate) input_buffer_peak: AtomicU64,
    pub(crate) output_buffer_peak: AtomicU64,
    pub(crate) auth_failures: AtomicU64,
    /// What connections occupy, as each thread last added up for its own.
    pub(crate) clients_bytes: AtomicU64,
    /// Panics that closed one client, or made a task begin anew.
    pub(crate) panics: AtomicU64,
    /// Threads that were started again.
    pub(crate) thread_restarts: AtomicU64,
    rates: Mutex<Rates>,
}

#[derive(Debug, Default)]
struct Rates {
    last: Option<(Instant, [u64; 3])>,
    samples: [[f64; 3]; RATE_SAMPLES],
    next: usize,
}

impl NetworkMetrics {
    /// Takes a sample of the rates; called about ten times a second.
    pub(crate) fn sample(&self) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let totals = [load(&self.commands), load(&self.input_bytes), load(&self.output_bytes)];
        let now = Instant::now();
        let mut rates = self.rates.lock();
        if let Some((then, before)) = rates.last {
            let seconds = (now - then).as_secs_f64().max(1e-6);
            let next = rates.next;
            for (n, total) in totals.iter().enumerate() {
                rates.samples[next][n] = total.saturating_sub(before[n]) as f64 / seconds;
            }
            rates.next = (next + 1) % RATE_SAMPLES;
        }
        rates.last = Some((now, totals));
    }

    pub(crate) fn reset(&self) {
        for counter in [
            &self.connections_received,
            &self.connections_rejected,
            &self.commands,
            &self.input_bytes,
            &self.output_bytes,
            &self.reads,
            &self.writes,
            &self.query_buffer_disconnections,
            &self.output_buffer_disconnections,
            &self.input_buffer_peak,
            &self.output_buffer_peak,
            &self.auth_failures,
            &self.panics,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        *self.rates.lock() = Rates::default();
    }

    pub(crate) fn facts(&self, connected_clients: u64, maxclients: u64) -> NetworkFacts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mean = |n: usize| {
            let rates = self.rates.lock();
            rates.samples.iter().map(|sample| sample[n]).sum::<f64>() / RATE_SAMPLES as f64
        };
        NetworkFacts {
            connected_clients,
            maxclients,
            client_recent_max_input_buffer: load(&self.input_buffer_peak),
            client_recent_max_output_buffer: load(&self.output_buffer_peak),
            total_connections_received: load(&self.connections_received),
            rejected_connections: load(&self.connections_rejected),
            total_commands_processed: load(&self.commands),
            ops_per_second: mean(0) as u64,
            input_bytes: load(&self.input_bytes),
            output_bytes: load(&self.output_bytes),
            input_kbps: mean(1) / 1024.0,
            output_kbps: mean(2) / 1024.0,
            total_error_replies: commands::stats::error_count(),
            reads_processed: load(&self.reads),
            writes_processed: load(&self.writes),
            query_buffer_limit_disconnections: load(&self.query_buffer_disconnections),
            output_buffer_limit_disconnections: load(&self.output_buffer_disconnections),
            clients_bytes: load(&self.clients_bytes),
            auth_failures: load(&self.auth_failures),
            panics_fenced: load(&self.panics),
            thread_restarts: load(&self.thread_restarts),
            ..NetworkFacts::default()
        }
    }
}
