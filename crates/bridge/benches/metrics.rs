//! What measuring costs: `cargo bench -p bridge --bench metrics`. Prints ns for each thing that the hot path does: the
//! best of several runs, as others may use the machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge::{Histogram, RuntimeMetrics};

const ROUNDS: u64 = 2_000_000;
const RUNS: usize = 10;

fn time(what: &str, threads: u64, work: impl Fn(u64) + Sync) {
    let run = |_| {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let work = &work;
                scope.spawn(move || (0..ROUNDS).for_each(|n| work(n ^ thread)));
            }
        });
        started.elapsed().as_nanos() as f64 / ROUNDS as f64
    };
    let best_ns = (0..RUNS).map(run).fold(f64::INFINITY, f64::min);
    println!("{what:44} {best_ns:6.1} ns, {threads} thread(s)");
}

fn main() {
    let metrics = Arc::new(RuntimeMetrics::default());
    let histogram = Histogram::default();
    for threads in [1, 2] {
        time("one value in a histogram (per request)", threads, |n| histogram.record(black_box(n * 37)));
        time("a turn of a worker (per batch)", threads, |n| metrics.count_batch(black_box(n % 1000)));
        time("a commit (per batch)", threads, |n| metrics.count_commit(n % 100, Duration::from_nanos(black_box(n))));
    }
    let started = Instant::now();
    (0..1000).for_each(|_| drop(black_box(histogram.snapshot())));
    println!("{:44} {:6.1} us", "reading a histogram", started.elapsed().as_nanos() as f64 / 1e6);
}
