//! Clients that go away in the middle, stay silent, or do not read.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::harness::{Server, call, eventually, reply};
use crate::wire::{Reply, Wire, encode};

#[test]
fn a_half_closed_client_gets_every_reply_before_the_end() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    let pipeline: Vec<u8> = (0..1000).flat_map(|_| encode(&[b"INCR", b"key"])).collect();
    wire.try_send(&pipeline).expect("sent");
    wire.stream.get_ref().shutdown(Shutdown::Write).expect("half closed");
    for n in 1..=1000 {
        assert_eq!(reply(&mut wire), format!(":{n}"));
    }
    assert!(wire.try_read().is_err(), "the server closes after the last reply");
    eventually("the client is gone", || server.count("connected_clients") == 1);
}

#[test]
fn clients_that_die_in_the_middle_of_a_command_leave_nothing() {
    let server = Server::start(&[]);
    let mut other = server.wire();
    for round in 0..200 {
        let mut stream = TcpStream::connect(server.address()).expect("connected");
        stream.write_all(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1000\r\nab").expect("sent");
        if round % 2 == 0 {
            // Reset instead of closed.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
        }
        drop(stream);
        assert_eq!(call(&mut other, "INCR whole"), format!(":{}", round + 1));
    }
    // And in the middle of waiting for replies.
    for _ in 0..50 {
        let mut wire = server.wire();
        let pipeline: Vec<u8> = (0..100).flat_map(|_| encode(&[b"APPEND", b"log", b"x"])).collect();
        wire.try_send(&pipeline).expect("sent");
    }
    eventually("the dead are gone", || server.count("connected_clients") == 2);
    assert_eq!(call(&mut other, "EXISTS half"), ":0");
}

#[test]
fn a_client_that_falls_silent_is_closed_where_the_options_say_so() {
    let server = Server::start(&["timeout 1"]);
    let mut silent = server.wire();
    assert_eq!(call(&mut silent, "PING"), "+PONG");
    assert!(silent.try_read().is_err(), "the server closes it");
    assert_eq!(call(&mut server.wire(), "PING"), "+PONG");
}

#[test]
fn a_slow_reader_of_a_huge_reply_holds_nobody_up_and_misses_nothing() {
    const VALUE_BYTES: usize = 32 << 20;
    const REPLIES: usize = 4;
    let server = Server::start(&[]);
    let value: Vec<u8> = (0..VALUE_BYTES).map(|n| (n % 251) as u8).collect();
    let mut slow = server.wire();
    assert_eq!(slow.call(&[b"SET", b"huge", &value]).to_string(), "+OK");
    slow.try_send(&encode(&[b"GET", b"huge"]).repeat(REPLIES)).expect("sent");
    let mut other = server.wire();
    for n in 1..=200 {
        assert_eq!(call(&mut other, "PING"), "+PONG");
        assert_eq!(call(&mut other, "INCR key"), format!(":{n}"));
    }
    for _ in 0..REPLIES {
        let Ok(Reply::Bulk(got)) = slow.try_read() else { panic!("no value") };
        assert!(got == value, "the value was changed on its way");
    }
    assert_eq!(call(&mut slow, "PING"), "+PONG");
}

#[test]
fn a_reader_that_never_reads_is_closed_at_its_limit_and_its_memory_is_free() {
    let server = Server::start(&["client-output-buffer-limit normal 8mb 0 0"]);
    let mut other = server.wire();
    assert_eq!(other.call(&[b"SET", b"huge", &vec![b'x'; 4 << 20]]).to_string(), "+OK");
    let mut dead: Wire = server.wire();
    dead.try_send(&encode(&[b"GET", b"huge"]).repeat(32)).expect("sent");
    eventually("it is closed", || server.count("connected_clients") == 2);
    assert_eq!(call(&mut other, "PING"), "+PONG");
    assert!(server.count("client_output_buffer_limit_disconnections") >= 1);
}
