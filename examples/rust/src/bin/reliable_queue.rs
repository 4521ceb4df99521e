//! A reliable queue: a worker that dies with a job in its hands loses no job.
//!
//! ```text
//! queue                list  producers push on the left, workers take from the right
//! processing:<worker>  list  what that worker has taken and not finished
//! alive:<worker>       key   expires unless the worker renews it
//! done                 set   jobs that were carried out
//! ```
//!
//! The workers are processes of their own: this program with `--worker NAME`.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use redis::{Commands, Connection, Direction, ExistenceCheck, RedisResult, SetExpiry, SetOptions};

const QUEUE: &str = "example:jobs:queue";
const DONE: &str = "example:jobs:done";
const WORKERS: [&str; 3] = ["ann", "bob", "eve"];
const JOBS: usize = 2_000;
const LEASE_MS: u64 = 1_500;
/// How long a worker waits for a job before it renews its lease: much shorter than that.
const WAIT_S: f64 = 0.3;
const STOP: &str = "stop";
const LIMIT: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn processing(worker: &str) -> String {
    format!("example:jobs:processing:{worker}")
}

fn alive(worker: &str) -> String {
    format!("example:jobs:alive:{worker}")
}

/// Takes one job after the other, until it is told to stop, or hangs with its first until somebody kills it.
fn work(connection: &mut Connection, name: &str, hangs: bool) -> RedisResult<()> {
    let lease = SetOptions::default().with_expiration(SetExpiry::PX(LEASE_MS));
    loop {
        connection.set_options::<_, _, ()>(alive(name), 1, lease.clone())?;
        // Out of the queue and into the list of this worker in one step: somebody has the job at any moment.
        let job: Option<String> =
            connection.blmove(QUEUE, processing(name), Direction::Right, Direction::Left, WAIT_S)?;
        let Some(job) = job else { continue };
        if hangs {
            std::thread::sleep(LIMIT);
        }
        if job != STOP {
            // A job may come twice, if its worker was only slow: a set counts it once.
            connection.sadd::<_, _, ()>(DONE, &job)?;
        }
        connection.lrem::<_, _, ()>(processing(name), 1, &job)?;
        if job == STOP {
            return connection.del(alive(name));
        }
    }
}

/// Gives back the jobs of workers whose lease has run out, to be taken next.
fn recover(connection: &mut Connection) -> RedisResult<Vec<String>> {
    let mut recovered = Vec::new();
    for worker in WORKERS {
        // Whoever holds the lease is alive, or the one who recovers.
        let mine = SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(SetExpiry::PX(LEASE_MS));
        if !connection.set_options::<_, _, bool>(alive(worker), "recovered", mine)? {
            continue;
        }
        while let Some(job) = connection.lmove(processing(worker), QUEUE, Direction::Left, Direction::Right)? {
            recovered.push(job);
        }
    }
    Ok(recovered)
}

fn wait_until(what: &str, mut condition: impl FnMut() -> RedisResult<bool>) -> RedisResult<()> {
    let begin = Instant::now();
    while !condition()? {
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn wait_for_end(child: &mut Child) -> Outcome<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        assert!(begin.elapsed() < LIMIT, "a worker does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn run(connection: &mut Connection, children: &mut Vec<Child>) -> Outcome<String> {
    let jobs: Vec<String> = (0..JOBS).map(|number| format!("job {number}")).collect();
    let launch = |name: &str| {
        let address = ["--host".to_owned(), host(), "--port".to_owned(), port()];
        Command::new(std::env::current_exe()?).args(address).args(["--worker", name]).spawn()
    };

    // It takes the only job that there is, and is killed while it works on it.
    children.push(launch("eve")?);
    connection.lpush::<_, _, ()>(QUEUE, &jobs[0])?;
    wait_until("a job taken", || Ok(connection.llen::<_, usize>(processing("eve"))? == 1))?;
    children[0].kill()?;
    children[0].wait()?;
    connection.lpush::<_, _, ()>(QUEUE, &jobs[1..])?;

    // Until the lease is over it might still be alive.
    for name in ["ann", "bob"] {
        children.push(launch(name)?);
    }
    let mut recovered = Vec::new();
    wait_until("recovery", || {
        recovered.extend(recover(connection)?);
        Ok(recovered.contains(&jobs[0]))
    })?;
    wait_until("every job done", || Ok(connection.scard::<_, usize>(DONE)? == JOBS))?;
    connection.lpush::<_, _, ()>(QUEUE, &[STOP, STOP])?;
    for child in &mut children[1..] {
        assert!(wait_for_end(child)?.success());
    }

    let mut done: Vec<String> = connection.smembers(DONE)?;
    let mut expected = jobs;
    done.sort_unstable();
    expected.sort_unstable();
    assert_eq!(done, expected);
    let lists = WORKERS.map(processing);
    assert_eq!(connection.exists::<_, usize>(&lists)? + connection.llen::<_, usize>(QUEUE)?, 0, "nothing is left over");
    Ok(format!("{JOBS} jobs by 3 worker processes, one killed at its first, which was recovered and done"))
}

fn clean(connection: &mut Connection) -> RedisResult<()> {
    let lists = WORKERS.iter().flat_map(|worker| [processing(worker), alive(worker)]);
    connection.unlink(lists.chain([QUEUE.to_owned(), DONE.to_owned()]).collect::<Vec<_>>())
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn host() -> String {
    option("--host").unwrap_or_else(|| "127.0.0.1".to_owned())
}

fn port() -> String {
    option("--port").unwrap_or_else(|| "6379".to_owned())
}

fn main() -> Outcome<()> {
    let mut connection = redis::Client::open(format!("redis://{}:{}/", host(), port()))?.get_connection()?;
    if let Some(name) = option("--worker") {
        return Ok(work(&mut connection, &name, name == "eve")?);
    }
    clean(&mut connection)?;
    let begin = Instant::now();
    let mut children = Vec::new();
    // Caught, so that a mistake leaves neither keys nor workers behind.
    let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut connection, &mut children)));
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    clean(&mut connection)?;
    match shown {
        Ok(shown) => println!("reliable queue: {} ({:.1} s)", shown?, begin.elapsed().as_secs_f64()),
        Err(mistake) => std::panic::resume_unwind(mistake),
    }
    Ok(())
}
