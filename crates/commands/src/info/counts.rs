//! The sections of `INFO` that tell one line per thing counted: commands, errors, running times, databases.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::args::parse_float;
use crate::info::Text;
use crate::stats::{self, CommandCounters};
use crate::table;

/// `latency-tracking-info-percentiles`, where the server has no such option.
const PERCENTILES_DEFAULT: [f64; 3] = [50.0, 99.0, 99.9];

#[derive(Default)]
struct Sum {
    calls: u64,
    busy_us: u64,
    rejected: u64,
    failed: u64,
}

pub(super) fn commands(text: &mut Text<'_>) {
    text.title("Commandstats");
    // Hidden subcommands are counted together, under the name that clients know.
    let mut sums: BTreeMap<usize, (&str, Sum)> = BTreeMap::new();
    for &command in table::all() {
        let (counters, shown) = (stats::of(command), table::shown(command));
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (_, sum) = sums.entry(table::index_of(shown)).or_insert((shown.name, Sum::default()));
        sum.calls += load(&counters.calls);
        sum.busy_us += load(&counters.busy_ns) / 1000;
        sum.rejected += load(&counters.rejected);
        sum.failed += load(&counters.failed);
    }
    for (name, sum) in sums.values().filter(|(_, sum)| sum.calls + sum.rejected + sum.failed > 0) {
        let per_call = if sum.calls == 0 { 0.0 } else { sum.busy_us as f64 / sum.calls as f64 };
        text.field(
            &format!("cmdstat_{name}"),
            format_args!(
                "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                sum.calls, sum.busy_us, sum.rejected, sum.failed
            ),
        );
    }
}

pub(super) fn errors(text: &mut Text<'_>) {
    text.title("Errorstats");
    for (code, count) in stats::errors() {
        // A colon would end the field's name.
        let code = code.replace(['#', ':', '\n', '\r'], "_");
        text.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(text: &mut Text<'_>) {
    text.title("Latencystats");
    let Some(percentiles) = percentiles(text) else { return };
    for &command in table::all() {
        let spans = counts(stats::of(command));
        if spans.iter().sum::<u64>() == 0 {
            continue;
        }
        let told: Vec<String> = percentiles.iter().map(|&p| format!("p{p}={:.3}", percentile_us(&spans, p))).collect();
        text.field(&format!("latency_percentiles_usec_{}", command.name), told.join(","));
    }
}

/// The percentiles that the options ask for; None if running times are not to be told.
fn percentiles(text: &Text<'_>) -> Option<Vec<f64>> {
    let options = text.host.config_get(&[b"latency-tracking", b"latency-tracking-info-percentiles"]);
    let of = |name: &[u8]| options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_slice());
    if of(b"latency-tracking") == Some(b"no") {
        return None;
    }
    let Some(list) = of(b"latency-tracking-info-percentiles") else { return Some(PERCENTILES_DEFAULT.into()) };
    Some(list.split(u8::is_ascii_whitespace).filter_map(parse_float).collect())
}

fn counts(counters: &CommandCounters) -> Vec<u64> {
    counters.spans.iter().map(|span| span.load(Ordering::Relaxed)).collect()
}

/// The running time below which so many percent of the calls lie, taken to be spread evenly within a span.
fn percentile_us(spans: &[u64], percent: f64) -> f64 {
    let total: u64 = spans.iter().sum();
    let wanted = (total as f64 * percent / 100.0).clamp(1.0, total as f64);
    let mut below = 0.0;
    for (span, &count) in spans.iter().enumerate() {
        let count = count as f64;
        if below + count >= wanted {
            let start_ns = if span == 0 { 0 } else { stats::span_end_ns(span - 1) } as f64;
            let width_ns = stats::span_end_ns(span) as f64 - start_ns;
            return (start_ns + width_ns * (wanted - below) / count) / 1000.0;
        }
        below += count;
    }
    0.0
}

pub(super) fn keyspace(text: &mut Text<'_>) {
    text.title("Keyspace");
    for (db, (keys, volatile)) in text.facts.storage.databases.iter().enumerate() {
        if *keys > 0 {
            text.field(&format!("db{db}"), format_args!("keys={keys},expires={volatile},avg_ttl=0"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_in_the_span_that_holds_it() {
        let mut spans = vec![0; stats::SPANS];
        (spans[0], spans[3]) = (90, 10);
        assert!(percentile_us(&spans, 50.0) <= 1.031);
        let p99 = percentile_us(&spans, 99.0);
        assert!((4.127..=8.255).contains(&p99), "{p99}");
        assert_eq!(percentile_us(&spans, 100.0), 8.255);
        assert!(percentile_us(&spans, 0.0) > 0.0);
    }
}
