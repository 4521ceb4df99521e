//! Many clients at once: idle ones by the thousands, and floods of them.

use std::net::TcpStream;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Server, call, counting, eventually};
use crate::wire::Wire;

/// Idle connections that are asked for.
const IDLE: usize = 10_000;
/// Descriptors that either process needs besides.
const RESERVE: usize = 500;

/// Raises the limit of descriptors, for this process and the servers that it starts. Returns how many connections it has
/// room for.
fn room_for_connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = (wanted + RESERVE) as u64;
    let hard = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit { current: Some(needed.min(hard)), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised up to the hard one");
    }
    let room = usize::try_from(hard).unwrap_or(usize::MAX).saturating_sub(RESERVE).min(wanted);
    if room < wanted {
        eprintln!("only {room} instead of {wanted} connections: the hard limit of open files is {hard}");
    }
    room
}

#[test]
fn ten_thousand_idle_connections_cost_nobody_an_answer() {
    let count = room_for_connections(IDLE);
    let server = Server::start(&[&format!("maxclients {}", count + 100)]);
    let (sockets, _) = server.descriptors();
    let mut wires: Vec<Wire> = Vec::with_capacity(count);
    for _ in 0..count {
        wires.push(server.wire());
    }
    eventually("all are there", || server.count("connected_clients") == count as u64 + 1);
    for wire in wires.iter_mut().step_by(97) {
        assert_eq!(call(wire, "PING"), "+PONG");
        assert_eq!(call(wire, "SET key value"), "+OK");
    }
    assert_eq!(call(&mut wires[count - 1], "GET key"), "$value");
    drop(wires);
    eventually("all are gone", || server.count("connected_clients") == 1);
    eventually("their sockets are closed", || server.descriptors().0 <= sockets);
}

#[test]
fn a_flood_of_connections_is_refused_beyond_the_limit_and_harms_nobody() {
    const THREADS: usize = 8;
    const PER_THREAD: usize = 250;
    let server = Server::start(&["maxclients 64"]);
    let counters = counting(&server, 4, || {
        thread::scope(|scope| {
            for n in 0..THREADS {
                let address = server.address();
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for round in 0..PER_THREAD {
                        // Some say something, some nothing; some stay for a while.
                        let Ok(stream) = TcpStream::connect(address) else { continue };
                        if round % 3 == 0
                            && let Ok(mut wire) = Wire::try_connect(address)
                        {
                            // One that is refused may be closed before it has asked.
                            if let Ok(told) = wire.try_call(&[b"PING"]).map(|reply| reply.to_string()) {
                                assert!(told == "+PONG" || told == "-ERR max number of clients reached", "{told}");
                            }
                        }
                        held.push(stream);
                        if held.len() > 10 + n {
                            held.clear();
                        }
                    }
                });
            }
        });
    });
    for counter in &counters {
        assert_eq!(counter.errors, Vec::<String>::new());
    }
    assert!(counters.iter().map(|counter| counter.applied).sum::<u64>() > 0);
    eventually("the flood is gone", || server.count("connected_clients") == 1);
    assert!(server.count("rejected_connections") > 0);
    let mut wire = server.wire();
    counters.iter().for_each(|counter| counter.check(&mut wire));
}
