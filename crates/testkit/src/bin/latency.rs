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
//! Not a benchmark of throughput: that is `redis-benchmark`'s, and [`load`](../load/index.html)'s.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use testkit::{Blanks, Client, Latencies, Options, Template, json_object};

const USAGE: &str = "latency [--host H] [--port P] [--rate PER_SECOND] [--seconds S] [--command TEMPLATE] [--http PATH] [--clients N] \
                     [--password P] [--seed N] [--histogram]";

/// Sleeping ends late by about this much; the rest of the wait is spun.
const SLEEP_OVERSHOOT: Duration = Duration::from_micros(80);
/// Between connecting and the first request, so that all threads are there.
const LEAD: Duration = Duration::from_millis(50);

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
    fn write(&self, blanks: &mut Blanks, out: &mut Vec<u8>) {
        match self {
            Question::Command(template) => template.fill(blanks, out),
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
    latencies: Latencies,
    send_delays: Latencies,
    errors: u64,
    unanswered: u64,
    failure: Option<io::Error>,
}

impl Measured {
    fn new() -> io::Result<Measured> {
        Ok(Measured {
            latencies: Latencies::new()?,
            send_delays: Latencies::new()?,
            errors: 0,
            unanswered: 0,
            failure: None,
        })
    }
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
            total.latencies.add(&part.latencies)?;
            total.send_delays.add(&part.send_delays)?;
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
    // A request that waits for longer than can be told apart, after the last was due, is given up.
    client.set_read_limit(Some(Duration::from_secs_f64(plan.seconds) + LEAD + Latencies::LIMIT))?;
    thread::scope(|scope| -> io::Result<()> {
        let sender = scope.spawn(move || send_all(plan, number, &mut sending, start));
        for index in 0..plan.requests(number) {
            match plan.question.read(&mut client) {
                Ok(is_error) => {
                    let latency = Instant::now().saturating_duration_since(start + plan.due(number, index));
                    measured.latencies.record(latency);
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
        measured.send_delays = sender.join().map_err(|_| io::Error::other("the sender panicked"))??;
        Ok(())
    })?;
    Ok(measured)
}

fn send_all(plan: &Plan, number: u32, client: &mut Client, start: Instant) -> io::Result<Latencies> {
    let mut delays = Latencies::new()?;
    let mut blanks = Blanks::new(plan.seed ^ (u64::from(number) << 32));
    let mut request = Vec::new();
    for index in 0..plan.requests(number) {
        request.clear();
        plan.question.write(&mut blanks, &mut request);
        let due = start + plan.due(number, index);
        wait_until(due);
        if client.send_raw(&request).is_err() {
            break; // the receiver finds out why
        }
        delays.record(due.elapsed());
    }
    Ok(delays)
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

fn to_json(plan: &Plan, measured: &Measured) -> String {
    let mut fields = vec![
        ("count".to_owned(), measured.latencies.count().to_string()),
        ("errors".to_owned(), measured.errors.to_string()),
        ("unanswered".to_owned(), measured.unanswered.to_string()),
        ("rate".to_owned(), plan.rate.to_string()),
    ];
    fields.extend(measured.latencies.json_fields());
    fields.push(("send_delay_p99_us".to_owned(), format!("{:.1}", measured.send_delays.quantile_us(0.99))));
    fields.push(("send_delay_max_us".to_owned(), format!("{:.1}", measured.send_delays.max_us())));
    if let Some(error) = &measured.failure {
        fields.push(("failure".to_owned(), format!("{:?}", error.to_string())));
    }
    if plan.histogram {
        fields.push(("histogram".to_owned(), measured.latencies.json_buckets()));
    }
    json_object(&fields)
}
