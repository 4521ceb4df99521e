//! Storage that hangs: what is told of it, and that telling it waits for nobody.

use std::path::Path;

use serde_json::Value;
use testkit::{FaultDisk, ServerProcess, free_port};

use crate::exposition::Metrics;
use crate::http::{Answer, Http};
use crate::soon;
use crate::wire::Wire;

/// A server whose disk hangs on demand, and its two ports.
struct Hanging {
    server: ServerProcess,
    disk: FaultDisk,
    admin: String,
}

impl Hanging {
    fn start() -> Hanging {
        let binary = Path::new(env!("CARGO_BIN_EXE_catamaran"));
        let port = free_port().expect("loopback has a free port").to_string();
        // Long enough that what hangs is answered when it goes on.
        let mut options = vec!["--admin-port", &port, "--log-format", "json", "--storage-queue-timeout", "600000"];
        options.extend(["--storage-threads", "2"]);
        let mut server = ServerProcess::prepare(binary, options).expect("a directory");
        let disk = FaultDisk::new(&server.dir()).expect("a C compiler");
        server.set_environment(disk.environment());
        server.restart().unwrap_or_else(|e| panic!("{e}"));
        Hanging { server, disk, admin: format!("127.0.0.1:{port}") }
    }

    fn wire(&self) -> Wire {
        Wire::connect(&format!("127.0.0.1:{}", self.server.port()))
    }

    fn page(&self, path: &str) -> Answer {
        Http::connect(&self.admin).request("GET", path)
    }

    /// The lines of the log, each of which is JSON.
    fn log(&self) -> Vec<Value> {
        let log = self.server.log();
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
    }
}

#[test]
fn readiness_follows_and_whatever_needs_no_storage_goes_on() {
    let hanging = Hanging::start();
    let (mut wire, mut stuck, mut stuck_too) = (hanging.wire(), hanging.wire(), hanging.wire());
    assert_eq!(wire.call(&[b"SET", b"k", b"v"]).to_string(), "+OK");
    assert!(soon(|| hanging.page("/readyz").status == 200));

    hanging.disk.set(&["write .log hang", "sync .log hang"]).expect("a writable directory");
    let held_up = |workers: usize, longer_than: f64| {
        let metrics = Metrics::parse(&hanging.page("/metrics").body);
        let held_up = metrics.0["catamaran_worker_held_up_seconds"].samples.iter();
        held_up.filter(|(.., seconds)| *seconds > longer_than).count() >= workers
    };
    // One for each worker, the second once the first is not free to take both. While one could still work, storage has not failed.
    stuck.try_send(b"SET k w\r\n").expect("the server reads");
    assert!(soon(|| held_up(1, 0.0)), "the disk does not hang");
    stuck_too.try_send(b"SET other w\r\n").expect("the server reads");
    assert!(soon(|| hanging.page("/readyz").status == 503), "it stays ready");
    assert!(hanging.page("/readyz").body.contains("storage_runtime failed: "));
    for _ in 0..20 {
        assert_eq!(wire.call(&[b"PING"]).to_string(), "+PONG");
        assert!(wire.call(&[b"CLIENT", b"LIST"]).to_string().contains("cmd=set"));
        assert!(wire.call(&[b"INFO"]).to_string().contains("db0:keys=1,"));
        assert_eq!(wire.call(&[b"CONFIG", b"GET", b"port"]).to_string().matches('$').count(), 2);
        assert_eq!(hanging.page("/livez").status, 200);
    }
    let metrics = Metrics::parse(&hanging.page("/metrics").body);
    assert_eq!((metrics.value("catamaran_live", ""), metrics.value("catamaran_ready", "")), (1.0, 0.0));
    assert_eq!(metrics.value("catamaran_condition", "storage_runtime"), 2.0);
    assert!(soon(|| held_up(2, 0.5)), "the workers are not held up");
    let page = hanging.page("/healthz");
    let health: Value = serde_json::from_str(&page.body).expect("it is JSON");
    assert_eq!((page.status, &health["status"], &health["live"]), (503, &"failed".into(), &true.into()));
    let workers = health["storage_runtime"]["workers"].as_array().expect("a list").clone();
    let busy = workers.iter().find(|worker| worker["state"] == "busy").unwrap_or_else(|| panic!("{health}"));
    let (request, since) = (&busy["request"], &health["storage_runtime"]["since_unix_ms"]);
    assert!(health["storage_runtime"]["reason"].is_string() && since.as_u64() > Some(1_700_000_000_000));

    // The fault is told in the log, with the request, while it lasts.
    let told = |message: &str, field: &str, value: &Value| {
        soon(|| {
            let log = hanging.log();
            let mut fields = log.iter().map(|line| &line["fields"]);
            fields.any(|fields| fields["message"] == message && fields[field] == *value)
        })
    };
    assert!(told("a storage worker is late", "request", request), "{:?}", hanging.log());

    hanging.disk.heal().expect("a writable directory");
    assert_eq!(stuck.try_read().expect("a reply").to_string(), "+OK");
    assert_eq!(stuck_too.try_read().expect("a reply").to_string(), "+OK");
    assert!(soon(|| hanging.page("/readyz").status == 200), "it does not become ready again");
    assert_eq!(wire.call(&[b"GET", b"k"]).to_string(), "$w");
    assert!(told("health has changed", "part", &"storage_runtime".into()));
    assert!(told("health has changed", "condition", &"failed".into()));
}
