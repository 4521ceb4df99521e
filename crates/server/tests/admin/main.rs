//! Black-box tests of the admin port: health and metrics over HTTP, and what they say about the server's state.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/wire.rs"]
mod wire;

mod exposition;
mod http;
mod hung_storage;
mod stuck_files;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use exposition::Metrics;
use http::Http;
use process::{NotStarted, Process};
use serde_json::Value;
use tempfile::TempDir;

/// How long something that happens "soon" may take before a test gives up on it.
const SOON: Duration = Duration::from_secs(30);

const DOCUMENTED: &str = include_str!("../../../../docs/operations.md");
const ALERTS: &str = include_str!("../../../../docs/alerts.yml");

/// A server with an admin port.
struct Server {
    process: Process,
    admin: String,
    /// The server's files, as long as it runs.
    _dir: TempDir,
}

impl Server {
    fn start(options: &[&str]) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Self::start_in(dir, options)
    }

    fn start_in(dir: TempDir, options: &[&str]) -> Server {
        let mut attempts = 5;
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            let port = listener.local_addr().expect("a bound socket has an address").port();
            drop(listener);
            let option = format!("admin-port {port}");
            let all: Vec<&str> = options.iter().copied().chain([option.as_str()]).collect();
            match start(dir.path(), &all) {
                Ok(process) => return Server { process, admin: format!("127.0.0.1:{port}"), _dir: dir },
                // Somebody else took the port in between.
                Err(error) if attempts > 0 && error.output.contains("ddress already in use") => attempts -= 1,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn http(&self) -> Http {
        Http::connect(&self.admin)
    }

    fn wire(&self) -> wire::Wire {
        wire::Wire::connect(self.process.address())
    }

    fn metrics(&self) -> Metrics {
        Metrics::parse(&self.http().request("GET", "/metrics").body)
    }
}

fn start(dir: &Path, options: &[&str]) -> Result<Process, NotStarted> {
    Process::start(Path::new(env!("CARGO_BIN_EXE_catamaran")), dir, options)
}

/// True if a condition holds at last.
fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn every_page_is_served() {
    let server = Server::start(&[]);
    // One connection for all of them.
    let mut http = server.http();
    for path in ["/livez", "/readyz"] {
        let page = http.request("GET", path);
        assert_eq!((page.status, page.body.as_str()), (200, "ok\n"), "{path}");
        assert_eq!(page.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let page = http.request("GET", "/metrics");
    assert_eq!((page.status, page.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let page = http.request("GET", "/healthz?whatever=1");
    assert_eq!((page.status, page.header("content-type")), (200, "application/json"));
    let health: Value = serde_json::from_str(&page.body).expect("it is JSON");
    assert_eq!((&health["status"], &health["live"], &health["ready"]), (&"ok".into(), &true.into(), &true.into()));
    for part in ["network_runtime", "storage_runtime", "channel", "rocksdb"] {
        assert_eq!(health[part]["status"], "ok", "{part} in {health}");
        assert!(health[part]["since_unix_ms"].as_u64() > Some(1_700_000_000_000), "{part} in {health}");
    }
    assert!(health["storage_runtime"]["silent_ms"].is_u64() && health["channel"]["oldest_wait_ms"].is_u64());
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = Server::start(&[]);
    let mut http = server.http();
    for path in ["/", "/metrics/", "/Livez", "/etc/passwd", "/%6civez"] {
        assert_eq!(http.request("GET", path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let page = http.request(method, "/metrics");
        assert_eq!((page.status, page.header("allow")), (405, "GET, HEAD"), "{method}");
        assert_eq!(http.request(method, "/nosuch").status, 404, "{method}");
    }
    let head = http.request("HEAD", "/livez");
    assert_eq!((head.status, head.header("content-length")), (200, "3"));
    assert_eq!(http.request("GET", "/livez").status, 200);
}

#[test]
fn what_is_no_http_is_refused_and_harms_nobody() {
    let server = Server::start(&[]);
    let long = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for (bytes, status) in [("\0\r\n\r\n", 400), ("*1\r\n$4\r\nPING\r\n", 400), (&long, 431), (&many, 431)] {
        let mut http = server.http();
        // It may close before it has read everything.
        let _ = http.send(bytes.as_bytes());
        if let Ok(answer) = http.read(false) {
            assert_eq!(answer.status, status, "{}", &bytes[..bytes.len().min(40)]);
        }
        assert!(http.is_closed());
    }
    assert_eq!(server.http().request("GET", "/livez").status, 200);
    assert_eq!(server.wire().call(&[b"PING"]).to_string(), "+PONG");
}

#[test]
fn silent_connections_do_not_keep_others_out() {
    let server = Server::start(&[]);
    let mut silent: Vec<Http> = (0..300).map(|_| server.http()).collect();
    assert_eq!(server.http().request("GET", "/livez").status, 200);
    // The oldest made room.
    assert!(silent[0].is_closed());
    // Of those that are left any is still served.
    assert_eq!(silent[299].request("GET", "/readyz").status, 200);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let admin = server.admin.clone();
            thread::spawn(move || (0..50).all(|_| Http::connect(&admin).request("GET", "/metrics").status == 200))
        })
        .collect();
    assert!(asked.into_iter().all(|thread| thread.join().expect("no page fails")));
}

#[test]
fn metrics_follow_what_happens() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    let before = server.metrics();
    for n in 0..10 {
        assert_eq!(wire.call(&[b"SET", format!("k{n}").as_bytes(), b"v"]).to_string(), "+OK");
    }
    assert_eq!(wire.call(&[b"GET", b"k1"]).to_string(), "$v");
    assert_eq!(wire.call(&[b"GET", b"absent"]).to_string(), "nil");
    assert!(wire.call(&[b"INCR", b"k1"]).to_string().starts_with("-ERR"));
    let after = server.metrics();
    let grown = |name: &str, label: &str| after.value(name, label) - before.value(name, label);
    assert_eq!(grown("catamaran_commands_total", ""), 13.0);
    assert_eq!(after.value("catamaran_command_calls_total", "set"), 10.0);
    assert_eq!(after.value("catamaran_command_failures_total", "incr"), 1.0);
    assert!(after.value("catamaran_command_seconds_total", "set") > 0.0);
    assert_eq!((grown("catamaran_error_replies_total", ""), grown("catamaran_commits_total", "")), (1.0, 10.0));
    assert_eq!(grown("catamaran_rocksdb_writes_total", ""), 10.0);
    // All but the GET of a key in memory, which needs no crossing.
    assert_eq!(grown("catamaran_channel_taken_total", ""), 12.0);
    assert_eq!((grown("catamaran_keyspace_hits_total", ""), grown("catamaran_keyspace_misses_total", "")), (1.0, 1.0));
    assert_eq!((after.value("catamaran_keys", "0"), after.value("catamaran_clients", "")), (10.0, 1.0));
    let count = |metrics: &Metrics, family: &str| {
        let samples = &metrics.0[family].samples;
        samples.iter().find(|(name, ..)| name.ends_with("_count")).map_or(0.0, |(.., value)| *value)
    };
    for family in ["catamaran_channel_wait_seconds", "catamaran_batch_commands"] {
        assert_eq!(count(&after, family) - count(&before, family), 12.0, "{family}");
    }
    assert_eq!(count(&after, "catamaran_commit_seconds") - count(&before, "catamaran_commit_seconds"), 10.0);
    assert_eq!((after.value("catamaran_ready", ""), after.value("catamaran_condition", "rocksdb")), (1.0, 0.0));
    assert!(soon(|| server.metrics().value("process_cpu_seconds_total", "") > 0.0));
    assert!(soon(|| server.metrics().value("catamaran_runtime_busy_seconds_total", "network") > 0.0));
    assert!(soon(|| server.metrics().value("catamaran_clients_bytes", "") > 0.0));
}

#[test]
fn every_metric_is_explained_and_alerts_name_metrics_that_exist() {
    let server = Server::start(&["appendfsync always"]);
    let mut wire = server.wire();
    assert_eq!(wire.call(&[b"SET", b"k", b"v"]).to_string(), "+OK");
    let metrics = server.metrics();
    let served: BTreeSet<&str> = metrics.0.keys().map(String::as_str).collect();
    let explained: BTreeSet<&str> =
        DOCUMENTED.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let explained: BTreeSet<&str> =
        explained.into_iter().filter(|name| name.starts_with("catamaran_") || name.starts_with("process_")).collect();
    assert_eq!(served, explained, "what is served and what docs/operations.md explains");
    let words = ALERTS.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut alarmed = 0;
    for word in words.filter(|word| word.starts_with("catamaran_")) {
        let family = word.trim_end_matches("_bucket");
        assert!(served.contains(family), "an alert names {word}, which does not exist");
        alarmed += 1;
    }
    assert!(alarmed > 10, "only {alarmed} metrics in alerts");
}

#[test]
fn a_port_that_is_taken_is_an_error_of_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = taken.local_addr().expect("a bound socket has an address").port();
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let Err(error) = start(dir.path(), &[&format!("admin-port {port}")]) else { panic!("it started") };
    assert!(error.status.is_some_and(|status| !status.success()), "{error}");
    let expected = format!("could not listen on the admin port 127.0.0.1:{port}: Address already in use");
    assert!(error.output.contains(&expected), "{error}");
    let Err(error) = start(dir.path(), &["admin-port 1", "admin-bind nonsense..address"]) else { panic!("it started") };
    assert!(error.output.contains("could not resolve admin-bind 'nonsense..address'"), "{error}");
}

#[test]
fn there_is_no_admin_port_unless_one_is_chosen_and_then_on_loopback() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let process = start(dir.path(), &[]).unwrap_or_else(|e| panic!("{e}"));
    let mut wire = wire::Wire::connect(process.address());
    assert_eq!(wire.call(&[b"CONFIG", b"GET", b"admin-port"]).to_string(), "[$admin-port $0]");
    assert_eq!(wire.call(&[b"CONFIG", b"GET", b"admin-bind"]).to_string(), "[$admin-bind $127.0.0.1]");
    assert!(wire.call(&[b"CONFIG", b"SET", b"admin-port", b"1"]).to_string().contains("can't set immutable config"));
}
