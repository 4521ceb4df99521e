//! Files that do not go on (pipes without a reader or a writer stand for a hung disk) hold up nobody but who asked.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::{Server, soon};

fn make_pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().expect("there is a mkfifo program");
    assert!(status.success());
}

#[test]
fn config_rewrite_waits_for_its_file_and_other_clients_do_not() {
    let server = Server::start(&["network-threads 1"]);
    let mut asking = server.wire();
    let info = asking.call(&[b"INFO", b"server"]).to_string();
    let (_, path) = info.split_once("config_file:").expect("it has a file");
    let path = Path::new(path.split("\\r").next().expect("the line ends")).to_owned();
    let content = fs::read(&path).expect("the file can be read");
    fs::remove_file(&path).expect("the file can be removed");
    make_pipe(&path);

    // What it is asked after the rewrite comes after it.
    asking.try_send(b"CONFIG REWRITE\r\nCONFIG SET timeout 7\r\nPING\r\n").expect("the server reads");
    let mut other = server.wire();
    for _ in 0..20 {
        assert_eq!(other.call(&[b"PING"]).to_string(), "+PONG");
        assert_eq!(other.call(&[b"SET", b"k", b"v"]).to_string(), "+OK");
        assert_eq!(other.call(&[b"CONFIG", b"GET", b"timeout"]).to_string(), "[$timeout $0]");
        assert!(other.call(&[b"INFO", b"server"]).to_string().contains("config_file:"));
        assert_eq!(server.http().request("GET", "/readyz").status, 200);
    }
    fs::write(&path, &content).expect("the server reads the pipe");
    assert_eq!(asking.try_read().expect("a reply").to_string(), "+OK");
    assert_eq!(asking.try_read().expect("a reply").to_string(), "+OK");
    assert_eq!(asking.try_read().expect("a reply").to_string(), "+PONG");
    assert_eq!(other.call(&[b"CONFIG", b"GET", b"timeout"]).to_string(), "[$timeout $7]");
    let rewritten = fs::read_to_string(&path).expect("it is a file again");
    assert!(rewritten.contains("network-threads 1") && !rewritten.contains("timeout 7"), "{rewritten}");

    // An error comes back too.
    fs::remove_file(&path).expect("the file can be removed");
    fs::create_dir(&path).expect("a directory can be made");
    let refused = asking.call(&[b"CONFIG", b"REWRITE"]).to_string();
    assert!(refused.starts_with("-ERR Rewriting config file: "), "{refused}");
    assert_eq!(asking.call(&[b"PING"]).to_string(), "+PONG");
}

#[test]
fn a_log_that_nobody_takes_holds_up_nobody_and_lines_are_counted_as_lost() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = dir.path().join("log");
    make_pipe(&path);
    // Both ends, so that opening waits for nobody; nothing is read for now.
    let mut pipe: File = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe can be opened");
    let server = Server::start_in(dir, &["logfile log", "log-format json", "loglevel debug"]);
    let mut wire = server.wire();
    let dropped = |wire: &mut crate::wire::Wire| {
        for _ in 0..2000 {
            let logged = wire.call(&[b"DEBUG", b"LOG", [b'x'; 500].as_slice()]).to_string();
            assert_eq!(logged, "+OK");
        }
        server.metrics().value("catamaran_log_lines_dropped_total", "")
    };
    assert!(soon(|| dropped(&mut wire) > 0.0), "no line was dropped");
    // Once it is read, new lines arrive, each a JSON object.
    let reading = thread::spawn(move || {
        let mut text = Vec::new();
        let mut buffer = [0; 1 << 16];
        while !String::from_utf8_lossy(&text).contains("the last of them") {
            let len = pipe.read(&mut buffer).expect("a pipe can be read");
            text.extend_from_slice(&buffer[..len]);
        }
        String::from_utf8(text).expect("the log is UTF-8")
    });
    assert!(soon(|| {
        assert_eq!(wire.call(&[b"DEBUG", b"LOG", b"the last of them"]).to_string(), "+OK");
        reading.is_finished()
    }));
    let text = reading.join().expect("the log is read");
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[..lines.len() - 1] {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["fields"]["message"].is_string());
    }
}
