//! How long requests took, and what is told about it. Times are kept in nanoseconds and told in microseconds.

use hdrhistogram::Histogram;
use std::io;
use std::time::Duration;

const SIGNIFICANT_DIGITS: u8 = 3;
const QUANTILES: [(&str, f64); 4] = [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p99_9_us", 0.999)];

/// A histogram of durations.
#[derive(Clone, Debug)]
pub struct Latencies {
    nanoseconds: Histogram<u64>,
}

impl Latencies {
    /// Longest duration that is told apart from longer ones.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// None yet.
    pub fn new() -> io::Result<Latencies> {
        let nanoseconds = Histogram::new_with_bounds(1, Self::LIMIT.as_nanos() as u64, SIGNIFICANT_DIGITS);
        Ok(Latencies { nanoseconds: nanoseconds.map_err(io::Error::other)? })
    }

    /// Counts one.
    pub fn record(&mut self, duration: Duration) {
        self.nanoseconds.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts what the other counted.
    pub fn add(&mut self, other: &Latencies) -> io::Result<()> {
        self.nanoseconds.add(&other.nanoseconds).map_err(io::Error::other)
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.nanoseconds.len()
    }

    /// The duration that this part of all does not exceed.
    pub fn quantile_us(&self, part: f64) -> f64 {
        micros(self.nanoseconds.value_at_quantile(part))
    }

    /// The longest.
    pub fn max_us(&self) -> f64 {
        micros(self.nanoseconds.max())
    }

    /// Mean, percentiles and the longest, as the names and values of a JSON object.
    pub fn json_fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![("mean_us".to_owned(), format!("{:.1}", self.nanoseconds.mean() / 1000.0))];
        for (name, part) in QUANTILES {
            fields.push((name.to_owned(), format!("{:.1}", self.quantile_us(part))));
        }
        fields.push(("max_us".to_owned(), format!("{:.1}", self.max_us())));
        fields
    }

    /// Every bucket that holds something, as a JSON array of pairs: its upper end and its count.
    pub fn json_buckets(&self) -> String {
        let buckets = self.nanoseconds.iter_recorded().map(|bucket| {
            format!("[{:.1}, {}]", micros(bucket.value_iterated_to()), bucket.count_since_last_iteration())
        });
        format!("[{}]", buckets.collect::<Vec<_>>().join(", "))
    }
}

fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

/// A JSON object of fields whose values are JSON already.
pub fn json_object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_told_in_microseconds() {
        let mut latencies = Latencies::new().expect("bounds that a histogram takes");
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        latencies.add(&latencies.clone()).expect("the same bounds");
        assert_eq!(latencies.count(), 2000);
        assert!((latencies.quantile_us(0.5) - 500.0).abs() < 1.0);
        let object = json_object(&latencies.json_fields());
        assert!(object.contains("\"p50_us\": 500.") || object.contains("\"p50_us\": 499."), "{object}");
        assert!(latencies.json_buckets().starts_with("[[1.0, 2], "));
    }

    #[test]
    fn what_lasts_for_ever_counts_as_the_limit() {
        let mut latencies = Latencies::new().expect("bounds that a histogram takes");
        latencies.record(Duration::MAX);
        assert!(latencies.max_us() >= Latencies::LIMIT.as_micros() as f64);
    }
}
