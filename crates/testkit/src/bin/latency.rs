//! Measures how long a server takes to answer while requests come at a fixed rate, whatever it does meanwhile.
//!
//! The load is open-loop: when each request is due follows from the rate alone, one thread of a connection sends and another
//! receives, and a latency counts from the moment the request was *due*. So a server that stands still for a second delays,
//! and is charged for, every request of that second ("no coordinated omission").
//!
//! ```text
//!   latency --port 6379 --rate 500 --seconds 10 --command "GET key:{rand:1000000}"
//!   latency --port 9121 --rate 100 --http /livez
//! ```
//!
//! The result is one JSON object on standard output; times are microseconds. `send_delay_*` says how much later than due the
//! requests left, which is this program's own share (or the server's, where it no longer reads its sockets).
//! Not a benchmark of throughput: that is `redis-benchmark`'s.

use hdrhistogram::Histogram;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use testkit::{Client, Options, Random, Template};

const USAGE: &str = "latency [--host H] [--port P] [--rate PER_SECOND] [--seconds S] [--command TEMPLATE] [--http PATH] [--clients N] \
                     [--password P] [--seed N] [--histogram]";

/// Longest latency that is told apart from longer ones; a request that waits beyond it after the last was due is given up.
const LATENCY_LIMIT: Duration = Duration::from_secs(60);
/// Sleeping ends late by about this much; the rest of the wait is spun.
const SLEEP_OVERSHOOT: Duration = Duration::from_micros(80);
/// Between connecting and the first request, so that all threads are there.
const LEAD: Duration = Duration::from_millis(50);
const SIGNIFICANT_DIGITS: u8 = 3;

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("latency: {error}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("latency: {error}");
            ExitCode::from(2)
        }
    }
}

struct Plan {
    host: String,
    port: u16,
    rate: f64,
    seconds: f64,
    question: Question,
    clients: u32,
    password: String,
    seed: u64,
    histogram: bool,
}

/// What every request asks.
enum Question {
    Command(Template),
    /// A GET of this path over HTTP/1.1, all of a client's on one connection. An error is any status but 2xx.
    Http(String),
}

impl Question {
    fn write(&self, random: &mut Random, out: &mut Vec<u8>) {
        match self {
            Question::Command(template) => template.fill(random, out),
            Question::Http(path) => {
                out.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
            }
        }
    }

    /// Whether the next answer is an error.
    fn read(&self, client: &mut Client) -> io::Result<bool> {
        match self {
            Question::Command(_) => Ok(client.read_raw_reply()?.starts_with(b"-")),
            Question::Http(_) => Ok(!(200..300).contains(&client.read_http_response()?)),
        }
    }
}

impl Plan {
    fn from_arguments() -> Result<Plan, String> {
        let names = ["host", "port", "rate", "seconds", "command", "http", "clients", "password", "seed", "histogram!"];
        let options = Options::parse(std::env::args().skip(1), &names)?;
        if let Some(unknown) = options.rest().first() {
            return Err(format!("unknown option {unknown}"));
        }
        let plan = Plan {
            host: options.value("host", "127.0.0.1".to_owned())?,
            port: options.value("port", 6379)?,
            rate: options.value("rate", 500.0)?,
            seconds: options.value("seconds", 10.0)?,
            question: match options.value("http", String::new())? {
                path if options.has("http") => Question::Http(path),
                _ => Question::Command(Template::parse(&options.value("command", "PING".to_owned())?)?),
            },
            clients: options.value("clients", 1)?,
            password: options.value("password", String::new())?,
            seed: options.value("seed", 1)?,
            histogram: options.has("histogram"),
        };
        let sensible = plan.rate > 0.0 && plan.rate.is_finite() && plan.seconds > 0.0 && plan.seconds.is_finite();
        if sensible && plan.clients > 0 {
            Ok(plan)
        } else {
            Err("rate, seconds and clients must be positive".to_owned())
        }
    }

    /// How many requests the connection with this number sends.
    fn requests(&self, number: u32) -> u64 {
        let total = (self.rate * self.seconds) as u64;
        let clients = u64::from(self.clients);
        total / clients + u64::from(u64::from(number) < total % clients)
    }

    /// When a connection's `index`-th request is due, after the start: connections take turns.
    fn due(&self, number: u32, index: u64) -> Duration {
        let position = index * u64::from(self.clients) + u64::from(number);
        Duration::from_secs_f64(position as f64 / self.rate)
    }
}

/// What one connection, or all of them together, measured.
struct Measured {
    latencies_us: Histogram<u64>,
    send_delays_us: Histogram<u64>,
    errors: u64,
    unanswered: u64,
    failure: Option<io::Error>,
}

impl Measured {
    fn new() -> io::Result<Measured> {
        Ok(Measured {
            latencies_us: histogram()?,
            send_delays_us: histogram()?,
            errors: 0,
            unanswered: 0,
            failure: None,
        })
    }
}

fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LATENCY_LIMIT.as_micros() as u64, SIGNIFICANT_DIGITS).map_err(io::Error::other)
}

fn run(plan: &Plan) -> io::Result<String> {
    let mut connections = Vec::new();
    for _ in 0..plan.clients {
        let mut client = Client::connect((plan.host.as_str(), plan.port))?;
        if !plan.password.is_empty() {
            let reply = client.command(&["AUTH", &plan.password])?;
            if reply.is_error() {
                return Err(io::Error::other("the password was refused"));
            }
        }
        connections.push(client);
    }
    let start = Instant::now() + LEAD;
    let mut total = Measured::new()?;
    thread::scope(|scope| -> io::Result<()> {
        let workers: Vec<_> = (0..)
            .zip(connections)
            .map(|(number, client)| scope.spawn(move || measure(plan, number, client, start)))
            .collect();
        for worker in workers {
            let part = worker.join().map_err(|_| io::Error::other("a connection's thread panicked"))??;
            total.latencies_us.add(&part.latencies_us).map_err(io::Error::other)?;
            total.send_delays_us.add(&part.send_delays_us).map_err(io::Error::other)?;
            total.errors += part.errors;
            total.unanswered += part.unanswered;
            total.failure = total.failure.take().or(part.failure);
        }
        Ok(())
    })?;
    Ok(to_json(plan, &total))
}

/// Sends and receives on one connection until every request is answered or given up.
fn measure(plan: &Plan, number: u32, mut client: Client, start: Instant) -> io::Result<Measured> {
    let mut measured = Measured::new()?;
    let mut sending = client.try_clone()?;
    client.set_read_limit(Some(Duration::from_secs_f64(plan.seconds) + LEAD + LATENCY_LIMIT))?;
    thread::scope(|scope| -> io::Result<()> {
        let sender = scope.spawn(move || send_all(plan, number, &mut sending, start));
        for index in 0..plan.requests(number) {
            match plan.question.read(&mut client) {
                Ok(is_error) => {
                    let latency = Instant::now().saturating_duration_since(start + plan.due(number, index));
                    measured.latencies_us.saturating_record(micros(latency));
                    measured.errors += u64::from(is_error);
                }
                Err(error) => {
                    measured.unanswered = plan.requests(number) - index;
                    measured.failure = Some(error);
                    break;
                }
            }
        }
        if measured.failure.is_some() {
            // Wakes a sender that is stuck in a full socket; where the connection is gone already there is none.
            let _ = client.close();
        }
        measured.send_delays_us = sender.join().map_err(|_| io::Error::other("the sender panicked"))??;
        Ok(())
    })?;
    Ok(measured)
}

fn send_all(plan: &Plan, number: u32, client: &mut Client, start: Instant) -> io::Result<Histogram<u64>> {
    let mut delays_us = histogram()?;
    let mut random = Random::new(plan.seed ^ (u64::from(number) << 32));
    let mut request = Vec::new();
    for index in 0..plan.requests(number) {
        request.clear();
        plan.question.write(&mut random, &mut request);
        let due = start + plan.due(number, index);
        wait_until(due);
        if client.send_raw(&request).is_err() {
            break; // the receiver finds out why
        }
        delays_us.saturating_record(micros(due.elapsed()));
    }
    Ok(delays_us)
}

fn wait_until(due: Instant) {
    let wait = due.saturating_duration_since(Instant::now());
    if wait > SLEEP_OVERSHOOT {
        thread::sleep(wait - SLEEP_OVERSHOOT);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn to_json(plan: &Plan, measured: &Measured) -> String {
    let latencies = &measured.latencies_us;
    let mut fields = vec![
        ("count".to_owned(), latencies.len().to_string()),
        ("errors".to_owned(), measured.errors.to_string()),
        ("unanswered".to_owned(), measured.unanswered.to_string()),
        ("rate".to_owned(), plan.rate.to_string()),
        ("mean_us".to_owned(), format!("{:.1}", latencies.mean())),
    ];
    for (name, quantile) in [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p99_9_us", 0.999)] {
        fields.push((name.to_owned(), latencies.value_at_quantile(quantile).to_string()));
    }
    fields.push(("max_us".to_owned(), latencies.max().to_string()));
    fields.push(("send_delay_p99_us".to_owned(), measured.send_delays_us.value_at_quantile(0.99).to_string()));
    fields.push(("send_delay_max_us".to_owned(), measured.send_delays_us.max().to_string()));
    if let Some(error) = &measured.failure {
        fields.push(("failure".to_owned(), format!("{:?}", error.to_string())));
    }
    if plan.histogram {
        let buckets = latencies
            .iter_recorded()
            .map(|bucket| format!("[{}, {}]", bucket.value_iterated_to(), bucket.count_since_last_iteration()));
        fields.push(("histogram".to_owned(), format!("[{}]", buckets.collect::<Vec<_>>().join(", "))));
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}
