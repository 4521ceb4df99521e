//! Reads Prometheus's text format 0.0.4 as strictly as it is written down, and fails the test where it is not kept.

use std::collections::{BTreeMap, BTreeSet};

/// Labels in order, by name and value.
type Labels = Vec<(String, String)>;

/// Name, labels, value.
pub(crate) type Sample = (String, Labels, f64);

/// A family of metrics.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, Family>);

impl Metrics {
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Metrics {
        assert!(text.ends_with('\n'), "the last line is not ended");
        let mut metrics = Metrics::default();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                check_name(name);
                let family = Family { help: help.to_owned(), ..Family::default() };
                assert!(metrics.0.insert(name.to_owned(), family).is_none(), "{name} occurs twice");
                name.clone_into(&mut current);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert_eq!(name, current, "the type does not follow its help");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let family = metrics.0.get_mut(name).unwrap_or_else(|| panic!("{line}"));
                assert!(family.kind.is_empty() && family.samples.is_empty(), "{line}");
                kind.clone_into(&mut family.kind);
            } else {
                let (name, labels, value) = sample(line);
                let family = metrics.0.get_mut(&current).unwrap_or_else(|| panic!("a sample before its help: {line}"));
                assert!(belongs(&name, &current, &family.kind), "{name} is not of {current}");
                family.samples.push((name, labels, value));
            }
        }
        metrics.0.iter().for_each(|(name, family)| check_family(name, family));
        metrics
    }

    /// The only sample, or the one with a label of this value.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, label: &str) -> f64 {
        let family = self.0.get(name).unwrap_or_else(|| panic!("no {name}"));
        let has = |labels: &[(String, String)]| label.is_empty() || labels.iter().any(|(_, value)| value == label);
        let found: Vec<_> = family.samples.iter().filter(|(_, labels, _)| has(labels)).collect();
        assert_eq!(found.len(), 1, "{name} {label}: {found:?}");
        found[0].2
    }
}

fn belongs(sample: &str, family: &str, kind: &str) -> bool {
    match sample.strip_prefix(family) {
        Some("") => kind != "histogram",
        Some("_bucket" | "_sum" | "_count") => kind == "histogram",
        _ => false,
    }
}

fn check_name(name: &str) {
    let is_fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    assert!(is_fine, "not a name: {name}");
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("not a sample: {line}"));
    let (name, mut rest) = line.split_at(end);
    check_name(name);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("not a label: {line}"));
            check_name(label);
            let (value, after) = quoted(after, line);
            labels.push((label.to_owned(), value));
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',').unwrap_or_else(|| panic!("labels: {line}"));
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank before the value: {line}"));
    let value = value.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
    (name.to_owned(), labels, value)
}

/// The text up to the closing quote, and what follows it.
fn quoted<'a>(text: &'a str, line: &str) -> (String, &'a str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                other => panic!("escape {other:?} in {line}"),
            },
            _ => value.push(c),
        }
    }
    panic!("no closing quote: {line}")
}

fn check_family(name: &str, family: &Family) {
    assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name} lacks its help or type");
    let mut seen = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        assert!(seen.insert((sample, labels)), "{sample} {labels:?} occurs twice");
        assert!(value.is_finite(), "{sample} is {value}");
        assert!(family.kind == "gauge" || *value >= 0.0, "{sample} is {value}");
    }
    match family.kind.as_str() {
        "counter" => assert!(name.ends_with("_total"), "a counter's name ends with _total: {name}"),
        "gauge" => assert!(!name.ends_with("_total"), "{name} is no counter"),
        _ => check_histograms(name, family),
    }
}

fn check_histograms(name: &str, family: &Family) {
    type Series = (Vec<(f64, f64)>, Option<f64>, Option<f64>);
    let mut series: BTreeMap<Labels, Series> = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let (ends, others): (Vec<_>, Vec<_>) = labels.iter().cloned().partition(|(label, _)| label == "le");
        let (buckets, sum, count) = series.entry(others).or_default();
        match sample.strip_prefix(name) {
            Some("_bucket") => buckets.push((ends[0].1.parse().unwrap_or_else(|e| panic!("{sample}: {e}")), *value)),
            Some("_sum") => *sum = Some(*value),
            _ => *count = Some(*value),
        }
    }
    assert!(!series.is_empty(), "{name} has no series");
    for (labels, (buckets, sum, count)) in series {
        let grows = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        assert!(grows, "{name} {labels:?} is not cumulative: {buckets:?}");
        let last = buckets.last().unwrap_or_else(|| panic!("{name} has no buckets"));
        assert!(last.0 == f64::INFINITY && Some(last.1) == count && sum.is_some(), "{name} {labels:?}");
    }
}
