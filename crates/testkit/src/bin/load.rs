//! Puts a server under load over many connections: as fast as answers come, or at a rate, with uniform or skewed keys.
//!
//! ```text
//!   load --clients 50 --pipeline 16 --requests 1000000 --command "GET key:{zipf:1000000:12}"
//!   load --clients 50 --seconds 60 --command "9 GET key:{rand:1000000:12} | 1 SET key:{rand:1000000:12} {bytes:64}"
//!   load --clients 50 --seconds 60 --rate 20000 --command "SET key:{rand:1000000:12} {bytes:1024}"
//! ```
//!
//! Closed loop: a connection sends a pipeline, waits for all its answers, and sends the next; a latency counts from the
//! moment of sending, as `redis-benchmark` counts. With `--rate` the load is open-loop: pipelines are due at fixed times,
//! connections take turns, and a latency counts from the moment at which the request was due, so that a server that stands
//! still is charged for everything that would have come meanwhile.
//!
//! Of several commands each has a share, and they follow each other evenly: of nine reads and a write every tenth is the write.
//! The result is one JSON object on standard output, times in microseconds, with the commands one by one under `parts`.
//! `longest_silence_us` is the longest time in which no connection got an answer. One thread and `epoll` serve all
//! connections, so that on a small machine most of it is left for the server. [`latency`](../latency/index.html) is the more
//! exact tool for few requests.

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use testkit::{Blanks, Client, Kind, Latencies, Options, Replies, Template, json_object};

const USAGE: &str = "load [--host H] [--port P] [--clients N] [--pipeline N] [--requests N] [--seconds S] [--rate PER_SECOND] \
                     [--command \"[SHARE] TEMPLATE | ...\"] [--seed N] [--histogram]";

/// How long answers are waited for once nothing more is sent; what is missing then is unanswered.
const PATIENCE: Duration = Duration::from_secs(30);
/// Shares of commands may add up to this much.
const SHARES_MAX: usize = 1000;
/// Connections whose news one wait brings.
const EVENTS_MAX: usize = 256;
const RECEIVE_BYTES: usize = 64 * 1024;

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("load: {error}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

struct Plan {
    host: String,
    port: u16,
    clients: usize,
    pipeline: usize,
    requests: u64,
    time: Duration,
    /// Between two pipelines, all connections together; zero means that answers set the pace.
    interval: Duration,
    parts: Vec<Part>,
    /// Numbers of parts in the order in which their requests follow each other, again and again.
    order: Vec<usize>,
    seed: u64,
    histogram: bool,
}

struct Part {
    text: String,
    share: usize,
    template: Template,
}

impl Plan {
    fn from_arguments() -> Result<Plan, String> {
        let names =
            ["host", "port", "clients", "pipeline", "requests", "seconds", "rate", "command", "seed", "histogram!"];
        let options = Options::parse(std::env::args().skip(1), &names)?;
        if let Some(unknown) = options.rest().first() {
            return Err(format!("unknown option {unknown}"));
        }
        let seconds = options.value("seconds", 10.0)?;
        let rate = options.value("rate", 0.0)?;
        let pipeline: usize = options.value("pipeline", 1)?;
        let clients: usize = options.value("clients", 50)?;
        if clients == 0 || pipeline == 0 || !(0.0..=1e9).contains(&rate) {
            return Err("clients and pipeline must be positive, the rate not negative".to_owned());
        }
        let parts = parse_parts(&options.value("command", "PING".to_owned())?)?;
        Ok(Plan {
            host: options.value("host", "127.0.0.1".to_owned())?,
            port: options.value("port", 6379)?,
            clients,
            pipeline,
            requests: options.value("requests", u64::MAX)?,
            time: Duration::try_from_secs_f64(seconds).map_err(|error| format!("--seconds {seconds}: {error}"))?,
            interval: if rate > 0.0 { Duration::from_secs_f64(pipeline as f64 / rate) } else { Duration::ZERO },
            order: even_order(&parts.iter().map(|part| part.share).collect::<Vec<_>>()),
            parts,
            seed: options.value("seed", 1)?,
            histogram: options.has("histogram"),
        })
    }

    fn is_paced(&self) -> bool {
        !self.interval.is_zero()
    }
}

fn parse_parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for part in text.split('|') {
        let part = part.trim();
        let first = part.split_once(' ').and_then(|(first, rest)| Some((first.parse().ok()?, rest)));
        let (share, command) = first.unwrap_or((1, part));
        parts.push(Part { text: command.to_owned(), share, template: Template::parse(command)? });
    }
    let shares = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.share));
    match shares {
        Some(1..=SHARES_MAX) => Ok(parts),
        _ => Err(format!("shares must add up to something between 1 and {SHARES_MAX}")),
    }
}

/// Each part as often as its share says, its turns as far apart as they can be.
fn even_order(shares: &[usize]) -> Vec<usize> {
    let total: usize = shares.iter().sum();
    let mut credits = vec![0_i64; shares.len()];
    let mut order = Vec::with_capacity(total);
    for _ in 0..total {
        for (credit, &share) in credits.iter_mut().zip(shares) {
            *credit += share as i64;
        }
        // Of equals the first: max_by_key would take the last.
        let next = (0..shares.len()).rev().max_by_key(|&part| credits[part]).unwrap_or_default();
        credits[next] -= total as i64;
        order.push(next);
    }
    order
}

/// What was seen of one part.
struct Measured {
    latencies: Latencies,
    /// Answers that said that there was nothing: a load of pops from an empty list measures nothing.
    nothing: u64,
    errors: u64,
}

struct Connection {
    stream: TcpStream,
    replies: Replies,
    /// The part of every request without an answer, and since when it counts.
    waiting: VecDeque<(usize, Instant)>,
    outgoing: Vec<u8>,
    /// How much of `outgoing` is sent.
    sent: usize,
    /// Whether `epoll` tells when more can be sent.
    is_blocked: bool,
    /// Where in the order of parts its next request is.
    turn: usize,
}

/// The state of a run.
struct Run<'a> {
    plan: &'a Plan,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    measured: Vec<Measured>,
    blanks: Blanks,
    requested: u64,
    outstanding: u64,
    error: Option<String>,
    start: Instant,
    last_answer: Instant,
    longest_silence: Duration,
    /// Pipelines that were due so far, of a paced run.
    due: u64,
}

fn run(plan: &Plan) -> io::Result<String> {
    let mut run = Run::new(plan)?;
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; RECEIVE_BYTES];
    if !plan.is_paced() {
        for number in 0..run.connections.len() {
            run.send(number, Instant::now())?;
        }
    }
    loop {
        let is_over = if plan.is_paced() { run.send_due()? } else { run.is_over() };
        if is_over && (run.outstanding == 0 || run.last_answer.max(run.start + plan.time).elapsed() > PATIENCE) {
            return Ok(run.to_json());
        }
        run.wait(is_over, &mut events)?;
        for event in events.drain(..) {
            run.attend(event.data.u64() as usize, event.flags, &mut buffer)?;
        }
    }
}

impl Run<'_> {
    fn new(plan: &Plan) -> io::Result<Run<'_>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(plan.clients);
        for number in 0..plan.clients {
            let stream = TcpStream::connect((plan.host.as_str(), plan.port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, &stream, data, epoll::EventFlags::IN)?;
            connections.push(Connection {
                stream,
                replies: Replies::new(),
                waiting: VecDeque::new(),
                outgoing: Vec::new(),
                sent: 0,
                is_blocked: false,
                // Connections begin at different places, so that a rare command does not come from all at once.
                turn: number * plan.order.len() / plan.clients,
            });
        }
        // A server accepts in order: once it answers one more connection, it has all of them.
        Client::connect((plan.host.as_str(), plan.port))?.command(&["PING"])?;
        let measured = plan
            .parts
            .iter()
            .map(|_| Ok(Measured { latencies: Latencies::new()?, nothing: 0, errors: 0 }))
            .collect::<io::Result<_>>()?;
        let start = Instant::now();
        Ok(Run {
            plan,
            epoll,
            connections,
            measured,
            blanks: Blanks::new(plan.seed),
            requested: 0,
            outstanding: 0,
            error: None,
            start,
            last_answer: start,
            longest_silence: Duration::ZERO,
            due: 0,
        })
    }

    /// Whether nothing more is to be sent.
    fn is_over(&self) -> bool {
        self.requested >= self.plan.requests || self.start.elapsed() >= self.plan.time
    }

    /// Sends the pipelines whose time has come. Whether none is left.
    fn send_due(&mut self) -> io::Result<bool> {
        let now = Instant::now();
        while self.requested < self.plan.requests && self.next_due() <= now {
            if self.next_due() > self.start + self.plan.time {
                return Ok(true);
            }
            let number = (self.due % self.connections.len() as u64) as usize;
            self.send(number, self.next_due())?;
            self.due += 1;
        }
        Ok(self.requested >= self.plan.requests)
    }

    fn next_due(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.plan.interval.as_secs_f64() * self.due as f64)
    }

    /// Sends one pipeline, or what is left of the number of requests; they count from `since` on.
    fn send(&mut self, number: usize, since: Instant) -> io::Result<()> {
        let count = (self.plan.pipeline as u64).min(self.plan.requests.saturating_sub(self.requested));
        let connection = &mut self.connections[number];
        for _ in 0..count {
            let part = self.plan.order[connection.turn];
            connection.turn = (connection.turn + 1) % self.plan.order.len();
            self.plan.parts[part].template.fill(&mut self.blanks, &mut connection.outgoing);
            connection.waiting.push_back((part, since));
        }
        self.requested += count;
        self.outstanding += count;
        self.flush(number)
    }

    fn flush(&mut self, number: usize) -> io::Result<()> {
        let connection = &mut self.connections[number];
        while connection.sent < connection.outgoing.len() {
            match connection.stream.write(&connection.outgoing[connection.sent..]) {
                Ok(count) => connection.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let is_blocked = connection.sent < connection.outgoing.len();
        if !is_blocked {
            connection.outgoing.clear();
            connection.sent = 0;
        }
        if is_blocked != connection.is_blocked {
            connection.is_blocked = is_blocked;
            let data = epoll::EventData::new_u64(number as u64);
            let wanted =
                if is_blocked { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
            epoll::modify(&self.epoll, &connection.stream, data, wanted)?;
        }
        Ok(())
    }

    /// Waits until a connection has news, a pipeline is due, or it is time to look whether that is all.
    fn wait(&self, is_over: bool, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        let until = if self.plan.is_paced() && !is_over {
            self.next_due().saturating_duration_since(Instant::now())
        } else {
            PATIENCE / 10
        };
        // `epoll_wait` counts milliseconds, `poll` nanoseconds.
        let timeout = Timespec { tv_sec: until.as_secs() as i64, tv_nsec: i64::from(until.subsec_nanos()) };
        if self.plan.is_paced() {
            unless_interrupted(poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&timeout)))?;
        }
        let rest = if self.plan.is_paced() { Timespec { tv_sec: 0, tv_nsec: 0 } } else { timeout };
        unless_interrupted(epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&rest)))
    }

    /// Takes what a connection received, and sends on where it got its last answer.
    fn attend(&mut self, number: usize, news: epoll::EventFlags, buffer: &mut [u8]) -> io::Result<()> {
        if news.contains(epoll::EventFlags::OUT) {
            self.flush(number)?;
        }
        if news == epoll::EventFlags::OUT {
            return Ok(());
        }
        let count = match self.connections[number].stream.read(buffer) {
            Ok(0) => return Err(io::Error::other("the server closed a connection")),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        self.take(number, &buffer[..count])?;
        if !self.plan.is_paced() && self.connections[number].waiting.is_empty() && !self.is_over() {
            self.send(number, Instant::now())?;
        }
        Ok(())
    }

    fn take(&mut self, number: usize, bytes: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        let Connection { replies, waiting, .. } = &mut self.connections[number];
        let (measured, error) = (&mut self.measured, &mut self.error);
        let (mut answers, mut unasked) = (0, 0);
        replies.read(bytes, |kind| {
            let Some((part, since)) = waiting.pop_front() else {
                unasked += 1;
                return;
            };
            answers += 1;
            measured[part].latencies.record(now.saturating_duration_since(since));
            match kind {
                Kind::Value => {}
                Kind::Nothing => measured[part].nothing += 1,
                Kind::Error(text) => {
                    measured[part].errors += 1;
                    error.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
                }
            }
        })?;
        if unasked > 0 {
            return Err(io::Error::other("the server answered more often than it was asked"));
        }
        if answers > 0 {
            self.outstanding -= answers;
            self.longest_silence = self.longest_silence.max(now - self.last_answer);
            self.last_answer = now;
        }
        Ok(())
    }

    fn to_json(&self) -> String {
        let mut fields = fields(&self.measured);
        let seconds = (self.last_answer - self.start).as_secs_f64();
        let answered: u64 = self.measured.iter().map(|part| part.latencies.count()).sum();
        let rate = if seconds > 0.0 { answered as f64 / seconds } else { 0.0 };
        fields.push(("unanswered".to_owned(), self.outstanding.to_string()));
        fields.push(("seconds".to_owned(), format!("{seconds:.3}")));
        fields.push(("rate".to_owned(), format!("{rate:.1}")));
        fields.push(("longest_silence_us".to_owned(), self.longest_silence.as_micros().to_string()));
        if let Some(error) = &self.error {
            fields.push(("error".to_owned(), format!("{error:?}")));
        }
        let parts = self.plan.parts.iter().zip(&self.measured).map(|(part, measured)| {
            let mut fields = self::fields(std::slice::from_ref(measured));
            fields.insert(0, ("command".to_owned(), format!("{:?}", part.text)));
            if self.plan.histogram {
                fields.push(("histogram".to_owned(), measured.latencies.json_buckets()));
            }
            json_object(&fields)
        });
        fields.push(("parts".to_owned(), format!("[{}]", parts.collect::<Vec<_>>().join(", "))));
        json_object(&fields)
    }
}

/// What is told of some parts together.
fn fields(parts: &[Measured]) -> Vec<(String, String)> {
    let sum = |count: fn(&Measured) -> u64| parts.iter().map(count).sum::<u64>().to_string();
    let mut fields = vec![
        ("count".to_owned(), sum(|part| part.latencies.count())),
        ("nothing".to_owned(), sum(|part| part.nothing)),
        ("errors".to_owned(), sum(|part| part.errors)),
    ];
    if let Some((first, others)) = parts.split_first() {
        let mut all = first.latencies.clone();
        // All have the same bounds, so none is refused.
        if others.iter().all(|other| all.add(&other.latencies).is_ok()) {
            fields.extend(all.json_fields());
        }
    }
    fields
}

/// A process that was stopped and goes on comes back from a wait with this error; nothing has happened, and it waits again.
fn unless_interrupted<T>(waited: rustix::io::Result<T>) -> io::Result<()> {
    match waited {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn commands_follow_each_other_evenly() {
        assert_eq!(even_order(&[1]), [0]);
        assert_eq!(even_order(&[1, 1]), [0, 1]);
        let order = even_order(&[9, 1]);
        assert_eq!(order.iter().filter(|&&part| part == 1).count(), 1);
        let order = even_order(&[2, 1, 1]);
        assert_eq!(order, [0, 1, 2, 0]);
    }

    /// A server that answers nothing but PING, on a port of its own. It ends with the test's process.
    fn server() -> u16 {
        const PING: usize = b"*1\r\n$4\r\nPING\r\n".len();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let (mut buffer, mut received) = ([0; 4096], 0);
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        received += count;
                        let answers = b"+PONG\r\n".repeat(received / PING);
                        received %= PING;
                        if stream.write_all(&answers).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        port
    }

    #[test]
    fn every_request_is_sent_once_and_answered() {
        let port = server();
        for interval in [Duration::ZERO, Duration::from_micros(50)] {
            let plan = Plan {
                host: "127.0.0.1".to_owned(),
                port,
                clients: 7,
                pipeline: 3,
                requests: 1000,
                time: Duration::from_secs(60),
                interval,
                parts: parse_parts("2 PING | 1 PING").expect("two commands"),
                order: even_order(&[2, 1]),
                seed: 1,
                histogram: false,
            };
            let report = run(&plan).expect("the server answers");
            let expected = "{\"count\": 1000, \"nothing\": 0, \"errors\": 0,";
            assert!(report.starts_with(expected), "{report}");
            assert!(report.contains("\"unanswered\": 0,"), "{report}");
        }
    }

    #[test]
    fn a_share_stands_before_its_command() {
        let parts = parse_parts("9 GET key:{rand:10} | SET a 1").expect("two commands");
        let told: Vec<_> = parts.iter().map(|part| (part.share, part.text.as_str())).collect();
        assert_eq!(told, [(9, "GET key:{rand:10}"), (1, "SET a 1")]);
        for text in ["", "GET a |", "0 GET a", "2000 GET a", "GET {x}"] {
            assert!(parse_parts(text).is_err(), "{text}");
        }
    }
}
