//! Prometheus's text format, version 0.0.4.
//!
//! Written from a snapshot of our own counters. The crates `metrics` and `metrics-exporter-prometheus` would have every
//! value counted a second time in a registry of theirs, keep each value of a histogram until it is drained, and hold locks
//! that the hot path takes; the format itself is three kinds of lines.

use std::fmt::{Display, Write};
use std::ops::RangeInclusive;

use bridge::HistogramSnapshot;

/// What a value means to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until it begins again at zero.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    /// Adds a family: one value for each set of labels.
    pub(super) fn family<V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'static str, String)>, V)>,
    ) {
        self.head(name, if kind == Kind::Counter { "counter" } else { "gauge" }, help);
        for (labels, value) in samples {
            self.sample(name, &labels, value);
        }
    }

    /// Adds a counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Kind::Counter, help, [(Vec::new(), value)]);
    }

    /// Adds a gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Kind::Gauge, help, [(Vec::new(), value)]);
    }

    /// Adds histograms, one for each label; their values are divided by `unit`. Buckets end at two to each of the
    /// `powers`, undivided.
    pub(super) fn histograms(
        &mut self,
        name: &str,
        help: &str,
        unit: f64,
        powers: RangeInclusive<u32>,
        samples: &[(Option<(&'static str, &str)>, HistogramSnapshot)],
    ) {
        self.head(name, "histogram", help);
        let (bucket, sum, count) = (format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count"));
        for (label, snapshot) in samples {
            let labels: Vec<_> = label.iter().map(|&(label, value)| (label, value.to_owned())).collect();
            let with = |end: String| labels.iter().cloned().chain([("le", end)]).collect::<Vec<_>>();
            for power in powers.clone() {
                let end = (1u64 << power) as f64 / unit;
                self.sample(&bucket, &with(end.to_string()), snapshot.count_up_to_power(power));
            }
            self.sample(&bucket, &with("+Inf".to_owned()), snapshot.count);
            self.sample(&sum, &labels, snapshot.sum as f64 / unit);
            self.sample(&count, &labels, snapshot.count);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string does not fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&'static str, String)], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use bridge::Histogram;

    use super::*;

    #[test]
    fn counters_gauges_and_labels() {
        let mut page = Page::default();
        page.counter("a_total", "One\nline.", 7);
        page.family("b", Kind::Gauge, "Two.", [(vec![("x", "\"\\\n".to_owned()), ("y", "z".to_owned())], 0.5)]);
        assert_eq!(
            page.text,
            "# HELP a_total One\\nline.\n# TYPE a_total counter\na_total 7\n\
             # HELP b Two.\n# TYPE b gauge\nb{x=\"\\\"\\\\\\n\",y=\"z\"} 0.5\n"
        );
    }

    #[test]
    fn histograms_are_cumulative_and_end_with_everything() {
        let histogram = Histogram::default();
        [1, 2, 3, 1000].into_iter().for_each(|value| histogram.record(value));
        let mut page = Page::default();
        page.histograms("h", "Help.", 1.0, 0..=2, &[(Some(("side", "left")), histogram.snapshot())]);
        assert_eq!(
            page.text,
            "# HELP h Help.\n# TYPE h histogram\n\
             h_bucket{side=\"left\",le=\"1\"} 1\nh_bucket{side=\"left\",le=\"2\"} 2\nh_bucket{side=\"left\",le=\"4\"} 3\n\
             h_bucket{side=\"left\",le=\"+Inf\"} 4\nh_sum{side=\"left\"} 1006\nh_count{side=\"left\"} 4\n"
        );
    }
}
