//! Concurrent clients on few keys of a real server, which may be killed and restarted meanwhile.

use super::history::{Call, Condition, Key, Operation, Outcome};
use crate::{Client, Random, Refusal, ServerProcess, Value, encode_command};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Most commands that one client has under way.
const PIPELINE_MAX: u64 = 3;
/// Keys of the clients that only make noise, so that a small hot tier has something to evict.
const NOISE_KEYS: u64 = 5000;
const NOISE_VALUE_BYTES: usize = 200;
/// More than a server may keep in one record.
const LONG_VALUE_BYTES: usize = 20_000;
/// How long the reads at the end may be refused.
const LAST_READ_LIMIT: Duration = Duration::from_secs(60);
const LAST_READ_INTERVAL: Duration = Duration::from_millis(20);
/// Between two attempts to connect while the server is down.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(2);

/// What to do with a server.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its program.
    pub server: String,
    /// Its options.
    pub options: Vec<String>,
    /// Commands that are sent after each start, such as to arm fail points.
    pub preparations: Vec<Vec<String>>,
    /// Clients whose calls are recorded.
    pub clients: usize,
    /// Groups of keys; commands with several keys stay within one.
    pub groups: usize,
    /// Keys of a group.
    pub keys_per_group: usize,
    /// One value in so many is long, so that it is kept in another way than short ones.
    pub long_value_every: u64,
    /// How many times the server is killed and restarted, at even distances.
    pub kills: u32,
    /// How long the clients call.
    pub duration: Duration,
    /// How long a client rests after each pipeline, so that histories stay short enough for the check.
    pub rest: Duration,
    /// Determines what is called.
    pub seed: u64,
}

/// What happens to the server while clients call it, beside kills.
pub trait Disturbance: Sync {
    /// Called before the server's first start.
    fn prepare(&self, _server: &mut ServerProcess) -> io::Result<()> {
        Ok(())
    }

    /// Runs on a thread of its own until it is over, and leaves the server undisturbed.
    fn disturb(&self, _is_over: &AtomicBool) {}
}

/// Nothing.
impl Disturbance for () {}

/// What was recorded.
#[derive(Debug)]
pub struct Recording {
    /// Every call that may have taken effect.
    pub history: Vec<Call>,
    /// Calls that were refused unexecuted.
    pub refused: u64,
}

/// Starts the server and lets clients call it. The last calls of the history read every key.
pub fn record(plan: &Plan, disturbance: &dyn Disturbance) -> io::Result<Recording> {
    let mut server = ServerProcess::prepare(&plan.server, &plan.options)?;
    disturbance.prepare(&mut server)?;
    server.restart()?;
    prepare(&server, plan)?;
    let start = Instant::now();
    let is_over = AtomicBool::new(false);
    let address = server.port();
    let mut deaths = Vec::new();
    let (mut recordings, killed) = thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|number| {
                let mut recorder = Recorder::new(plan, number, start);
                let is_over = &is_over;
                scope.spawn(move || {
                    recorder.run(address, is_over);
                    recorder.recording
                })
            })
            .collect();
        let noise = scope.spawn(|| make_noise(address, plan.seed, &is_over));
        let disturbing = scope.spawn(|| disturbance.disturb(&is_over));
        let killed = kill_in_between(&mut server, plan, start, &mut deaths);
        is_over.store(true, Ordering::Relaxed);
        let joined: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        let others = [noise.join(), disturbing.join()].into_iter().collect::<Result<Vec<()>, _>>();
        (joined, killed.and_then(|()| others.map_err(|_| io::Error::other("the noise or the disturbance panicked"))))
    });
    killed?;
    let mut whole = Recording { history: Vec::new(), refused: 0 };
    for recording in recordings.drain(..) {
        let recording = recording.map_err(|_| io::Error::other("a client panicked"))?;
        whole.history.extend(recording.history);
        whole.refused += recording.refused;
    }
    for call in &mut whole.history {
        if let Outcome::Unknown { until } = &mut call.outcome {
            // What a connection has sent can take effect as long as the process at its other end lives.
            *until = deaths.iter().copied().find(|&death| death >= call.begun);
        }
    }
    read_all(&server, plan, start, &mut whole.history)?;
    Ok(whole)
}

fn prepare(server: &ServerProcess, plan: &Plan) -> io::Result<()> {
    let mut client = server.client()?;
    for command in &plan.preparations {
        let reply = client.command(command)?;
        if let Value::Error(text) = reply {
            return Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&text))));
        }
    }
    Ok(())
}

fn kill_in_between(
    server: &mut ServerProcess,
    plan: &Plan,
    start: Instant,
    deaths: &mut Vec<Duration>,
) -> io::Result<()> {
    let phase = plan.duration / (plan.kills + 1);
    for _ in 0..plan.kills {
        thread::sleep(phase);
        if !server.is_running() {
            return Err(io::Error::other(format!("the server died by itself; its log:\n{}", server.log())));
        }
        server.kill9()?;
        deaths.push(start.elapsed());
        server.restart()?;
        prepare(server, plan)?;
    }
    thread::sleep(phase);
    Ok(())
}

fn read_all(server: &ServerProcess, plan: &Plan, start: Instant, history: &mut Vec<Call>) -> io::Result<()> {
    let mut client = server.client()?;
    let deadline = Instant::now() + LAST_READ_LIMIT;
    for key in 0..plan.groups * plan.keys_per_group {
        let operation = Operation::Get(key);
        let (begun, reply) = loop {
            let begun = start.elapsed();
            match client.command(&operation.words())? {
                // What has disturbed it may take a moment to pass.
                Value::Error(_) if Instant::now() < deadline => thread::sleep(LAST_READ_INTERVAL),
                Value::Error(text) => {
                    return Err(io::Error::other(format!("the last read: {}", String::from_utf8_lossy(&text))));
                }
                reply => break (begun, reply),
            }
        };
        let outcome = Outcome::Replied { reply, at: start.elapsed() };
        history.push(Call { client: plan.clients, operation, begun, outcome });
    }
    Ok(())
}

fn make_noise(port: u16, seed: u64, is_over: &AtomicBool) {
    let mut random = Random::new(!seed);
    let value = "n".repeat(NOISE_VALUE_BYTES);
    while let Some(mut client) = connect(port, is_over) {
        let mut call = || {
            let key = format!("noise:{}", random.below(NOISE_KEYS));
            match random.below(4) {
                0 => client.command(&["SET", &key, &value]),
                _ => client.command(&["GET", &key]),
            }
        };
        while !is_over.load(Ordering::Relaxed) && call().is_ok() {}
    }
}

/// A connection, unless it is over before there is one.
fn connect(port: u16, is_over: &AtomicBool) -> Option<Client> {
    while !is_over.load(Ordering::Relaxed) {
        if let Ok(client) = Client::connect(("127.0.0.1", port)) {
            return Some(client);
        }
        thread::sleep(RECONNECT_INTERVAL);
    }
    None
}

/// The last of some replies.
fn last_of(client: &mut Client, count: usize) -> io::Result<Value> {
    for _ in 1..count {
        client.read_reply()?;
    }
    client.read_reply()
}

struct Recorder<'a> {
    plan: &'a Plan,
    client: usize,
    start: Instant,
    random: Random,
    /// How many values it has made; each is made once.
    values: u64,
    recording: Recording,
}

impl<'a> Recorder<'a> {
    fn new(plan: &'a Plan, client: usize, start: Instant) -> Recorder<'a> {
        let random = Random::new(plan.seed.wrapping_add(client as u64 * 7919));
        Recorder { plan, client, start, random, values: 0, recording: Recording { history: Vec::new(), refused: 0 } }
    }

    fn run(&mut self, port: u16, is_over: &AtomicBool) {
        while let Some(mut client) = connect(port, is_over) {
            while !is_over.load(Ordering::Relaxed) && self.call_some(&mut client).is_ok() {
                thread::sleep(self.plan.rest);
            }
        }
    }

    /// Sends some commands and waits for their replies. What is not answered is unknown.
    fn call_some(&mut self, client: &mut Client) -> io::Result<()> {
        let count = 1 + self.random.below(PIPELINE_MAX);
        let operations: Vec<Operation> = (0..count).map(|_| self.operation()).collect();
        let mut pipeline = Vec::new();
        for command in operations.iter().flat_map(Operation::commands) {
            encode_command(&command, &mut pipeline);
        }
        let begun = self.start.elapsed();
        let mut broken = client.send_raw(&pipeline).err();
        for mut operation in operations {
            let replies = operation.commands().len();
            let reply = if broken.is_none() { last_of(client, replies) } else { Err(io::ErrorKind::BrokenPipe.into()) };
            let at = self.start.elapsed();
            let outcome = match reply {
                Ok(Value::Error(text)) => match Refusal::of(&text) {
                    Refusal::ByItsRules => Outcome::Replied { reply: Value::Error(text), at },
                    Refusal::NotExecuted => {
                        self.recording.refused += 1;
                        continue;
                    }
                    Refusal::Applied => Outcome::Applied { at },
                    Refusal::Unknown => Outcome::Unknown { until: None },
                },
                Ok(reply) => match operation.clone().without_refused(reply) {
                    Some((left, _)) if left.keys().is_empty() => {
                        self.recording.refused += 1;
                        continue;
                    }
                    Some((left, reply)) => {
                        operation = left;
                        Outcome::Replied { reply, at }
                    }
                    None => Outcome::Unknown { until: None },
                },
                Err(error) => {
                    broken = Some(error);
                    Outcome::Unknown { until: None }
                }
            };
            self.recording.history.push(Call { client: self.client, operation, begun, outcome });
        }
        broken.map_or(Ok(()), Err)
    }

    fn operation(&mut self) -> Operation {
        let group = self.random.below(self.plan.groups as u64) as usize * self.plan.keys_per_group;
        let keys = group..group + self.plan.keys_per_group;
        let key = group + self.random.below(self.plan.keys_per_group as u64) as usize;
        let condition = [Condition::Always, Condition::Absent, Condition::Present][self.random.below(3) as usize];
        match self.random.below(20) {
            0..5 => Operation::Get(key),
            5..10 => Operation::Set { key, value: self.value(), condition, get: self.random.below(2) == 0 },
            10..12 => Operation::GetDel(key),
            12..15 => Operation::Incr(key),
            15..17 => Operation::Append(key, self.tail()),
            17 => Operation::MSet(keys.map(|key: Key| (key, self.value())).collect()),
            18 => Operation::Exchange(keys.map(|key: Key| (key, self.value())).collect()),
            _ => Operation::MGet(keys.collect()),
        }
    }

    /// A value that nobody sets a second time: a number or a text.
    fn value(&mut self) -> Vec<u8> {
        self.values += 1;
        let number = (self.client as u64 + 1) * 1_000_000_000 + self.values * 1000;
        if self.random.below(self.plan.long_value_every) == 0 {
            return format!("{number}:{}", "l".repeat(LONG_VALUE_BYTES)).into_bytes();
        }
        if self.random.below(2) == 0 { number.to_string() } else { format!("text-{number}") }.into_bytes()
    }

    /// What APPEND adds: a digit, which leaves a number a number, or a text of its own.
    fn tail(&mut self) -> Vec<u8> {
        self.values += 1;
        match self.random.below(2) {
            0 => b"7".to_vec(),
            _ => format!(",{}.{}", self.client, self.values).into_bytes(),
        }
    }
}
