//! The server as a whole: what it tells about itself and its commands, saving, stopping.

use std::collections::HashSet;

use crate::harness::{Server, alone, alone_with, both, info_field, once, soon};
use crate::wire::{Reply, show};

const SYNTAX: &str = "-ERR syntax error";

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn info_has_the_fields_that_tools_read() {
    both(|db| {
        let text = db.text("INFO");
        let expected = [
            (
                "Server",
                "redis_version redis_mode os arch_bits process_id run_id tcp_port server_time_usec uptime_in_seconds uptime_in_days hz executable config_file",
            ),
            ("Clients", "connected_clients maxclients blocked_clients"),
            (
                "Memory",
                "used_memory used_memory_human used_memory_rss used_memory_peak maxmemory maxmemory_policy mem_allocator",
            ),
            ("Persistence", "loading rdb_last_save_time rdb_last_bgsave_status aof_enabled"),
            (
                "Stats",
                "total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes rejected_connections expired_keys evicted_keys keyspace_hits keyspace_misses",
            ),
            ("Replication", "role connected_slaves master_replid master_repl_offset"),
            ("CPU", "used_cpu_sys used_cpu_user"),
            ("Cluster", "cluster_enabled"),
        ];
        for (section, fields) in expected {
            assert!(text.contains(&format!("# {section}\r\n")), "no section {section} in {text}");
            for field in fields.split(' ') {
                assert!(info_field(&text, field).is_some(), "INFO lacks {field}");
                let section_text = db.text(&format!("INFO {}", section.to_lowercase()));
                assert!(info_field(&section_text, field).is_some(), "INFO {section} lacks {field}");
            }
        }
        assert!(text.contains("# Keyspace\r\n"));
        assert_eq!(info_field(&text, "role"), Some("master"));
        assert_eq!(info_field(&text, "redis_mode"), Some("standalone"));
        assert_eq!(info_field(&text, "cluster_enabled"), Some("0"));
        assert_eq!(info_field(&text, "loading"), Some("0"));
    });
}

#[test]
fn info_by_section() {
    both(|db| {
        let one = db.text("INFO clients");
        assert!(one.starts_with("# Clients\r\n") && one.matches("# ").count() == 1, "{one}");
        assert_eq!(db.text("INFO CLIENTS"), one);
        let two = db.text("INFO server clients");
        assert!(
            two.contains("# Server\r\n") && two.contains("\r\n\r\n# Clients\r\n") && two.matches("# ").count() == 2,
            "{two}"
        );
        assert_eq!(db.text("INFO clients clients").matches("# ").count(), 1);
        assert_eq!(db.text("INFO bogus"), "");
        assert!(!db.text("INFO default").contains("# Commandstats"));
        assert!(db.text("INFO all").contains("# Commandstats\r\n"));
        assert!(db.text("INFO everything").contains("# Commandstats\r\n"));
        assert!(db.text("INFO commandstats").contains("cmdstat_info:calls="));
        // RESP3 says that it is text.
        let reply = db.call("INFO server");
        assert_eq!(matches!(reply, Reply::Verbatim(_)), db.protocol == 3, "{reply}");
    });
}

#[test]
fn info_introduces_catamaran() {
    once(|db| {
        if !db.server.is_catamaran_or_skip("INFO's own fields") {
            return;
        }
        let text = db.text("INFO server");
        assert_eq!(info_field(&text, "redis_version"), Some("7.2.4"));
        assert_eq!(info_field(&text, "server_name"), Some("catamaran"));
        assert!(info_field(&text, "catamaran_version").is_some_and(|version| !version.is_empty()));
    });
}

#[test]
fn info_counts() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("CONFIG RESETSTAT", "+OK");
        db.check_all(&[
            ("SET k v", "+OK"),
            ("GET k", "$v"),
            ("GET absent", "nil"),
            ("MGET k absent k", "[$v nil $v]"),
            ("EXISTS k absent", ":1"),
            ("GET", "-ERR wrong number of arguments for 'get' command"),
        ]);
        assert_eq!(db.info_number("keyspace_hits"), 4);
        assert_eq!(db.info_number("keyspace_misses"), 3);
        let stats = db.text("INFO commandstats");
        let get = info_field(&stats, "cmdstat_get").unwrap_or_default();
        assert!(get.starts_with("calls=2,") && get.ends_with(",rejected_calls=1,failed_calls=0"), "cmdstat_get:{get}");
        let config = info_field(&stats, "cmdstat_config|resetstat").unwrap_or_default();
        assert!(config.starts_with("calls=1,"), "cmdstat_config|resetstat:{config}");
        let errors = db.text("INFO errorstats");
        assert_eq!(info_field(&errors, "errorstat_ERR"), Some("count=1"));
        let before = db.info_number("total_commands_processed");
        (0..10).for_each(|_| db.check("PING", "+PONG"));
        assert_eq!(db.info_number("total_commands_processed") - before, 11);
        let before = db.info_number("total_connections_received");
        let mut more: Vec<_> = (0..3).map(|_| server.db(2, 0)).collect();
        more.iter_mut().for_each(|other| other.check("PING", "+PONG"));
        assert_eq!(db.info_number("total_connections_received") - before, 3);
        assert!(db.info_number("connected_clients") >= 4);
    });
}

#[test]
fn info_measures_both_runtimes_and_the_channel() {
    alone(|server| {
        if !server.is_catamaran_or_skip("INFO's own fields") {
            return;
        }
        let mut db = server.db(2, 0);
        db.check("CONFIG RESETSTAT", "+OK");
        let writes = db.info_number("rocksdb_writes");
        for n in 0..20 {
            db.check(&format!("SET key:{n} v"), "+OK");
        }
        let text = db.text("INFO catamaran");
        let number = |field: &str| -> f64 {
            let value = info_field(&text, field).unwrap_or_else(|| panic!("no {field} in {text}"));
            value.parse().unwrap_or_else(|e| panic!("{field}:{value}: {e}"))
        };
        // RocksDB's count of its writes is as fresh as ours of the commits.
        assert_eq!((number("commits"), number("rocksdb_writes") - writes as f64), (20.0, 20.0));
        assert_eq!((number("channel_requests_taken"), number("batches")), (20.0, 20.0));
        assert_eq!((number("batch_size_p50"), number("batch_size_max")), (1.0, 1.0));
        for name in ["channel_wait_usec", "commit_usec", "sync_usec", "batch_size"] {
            let [p50, p99, p999, max] = ["p50", "p99", "p999", "max"].map(|which| number(&format!("{name}_{which}")));
            assert!(p50 <= p99 && p99 <= p999 && p999 <= max, "{name} in {text}");
        }
        assert!(number("commit_usec_p50") > 0.0 && number("commit_usec_mean") <= number("commit_usec_max"));
        for runtime in ["network_runtime", "storage_runtime"] {
            assert!((0.0..=1.0).contains(&number(&format!("{runtime}_busy_ratio"))), "{text}");
            assert!(number(&format!("{runtime}_tasks")) >= 1.0, "{text}");
            number(&format!("{runtime}_silent_msec"));
        }
        for reason in ["late", "down", "lost", "reader_queue"] {
            assert_eq!(number(&format!("channel_refused_{reason}")), 0.0);
        }
        assert_eq!((number("channel_requests"), number("channel_oldest_wait_msec")), (0.0, 0.0));
        number("rocksdb_snapshot_age_msec");
        // The probes run ten times a second.
        let probed = soon(|| {
            let text = db.text("INFO catamaran");
            ["network", "storage"].iter().all(|side| {
                info_field(&text, &format!("{side}_runtime_poll_delay_usec_max")).is_some_and(|max| max != "0.00")
            })
        });
        assert!(probed, "no poll delay was measured");
        // A checkpoint is compared with what was written since, not with what was counted since.
        let changes = db.info_number("rdb_changes_since_last_save");
        db.check("CONFIG RESETSTAT", "+OK");
        assert_eq!(db.info_number("rdb_changes_since_last_save"), changes);
        assert_eq!(db.info_number("commits"), 0);
    });
}

#[test]
fn info_keyspace() {
    alone(|server| {
        let mut db = server.db(2, 0);
        assert_eq!(db.text("INFO keyspace"), "# Keyspace\r\n");
        server.db(2, 7).check("MSET a 1 b 2", "+OK");
        db.check("SET k v EX 1000", "+OK");
        let text = db.text("INFO keyspace");
        let first = info_field(&text, "db0").unwrap_or_default();
        assert!(first.starts_with("keys=1,expires=1,avg_ttl="), "db0:{first}");
        let seventh = info_field(&text, "db7").unwrap_or_default();
        assert!(seventh.starts_with("keys=2,expires=0,avg_ttl=0"), "db7:{seventh}");
        db.check("DEL k", ":1");
        assert!(!db.text("INFO keyspace").contains("db0"));
    });
}

#[test]
fn config_resetstat_zeroes_the_counters() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("GET absent", "nil");
        db.check("CONFIG RESETSTAT", "+OK");
        assert_eq!(db.info_number("keyspace_misses"), 0);
        assert_eq!(db.info_number("expired_keys"), 0);
        assert!(!db.text("INFO commandstats").contains("cmdstat_get:"));
    });
}

#[test]
fn time_goes_on() {
    both(|db| {
        let mut last = (0, 0);
        for _ in 0..100 {
            let items = db.items("TIME");
            let [seconds, micros] = &items[..] else { panic!("TIME: {items:?}") };
            let now = (number(&seconds[1..]), number(&micros[1..]));
            assert!(now >= last && now.1 < 1_000_000 && now.0 > 1_700_000_000, "{last:?}, then {now:?}");
            last = now;
        }
        db.check_arity(&["TIME x"]);
    });
}

#[test]
fn save_bgsave_lastsave() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("SET k v", "+OK");
        let before = db.integer("LASTSAVE");
        db.check("SAVE", "+OK");
        assert!(db.integer("LASTSAVE") >= before);
        let reply = db.call("BGSAVE").to_string();
        assert!(reply.starts_with("+Background saving"), "BGSAVE: {reply}");
        db.wait_for("BGSAVE SCHEDULE", "+Background saving started");
        db.check("BGSAVE BOGUS", SYNTAX);
        db.check_arity(&["SAVE x", "LASTSAVE x"]);
        db.check("GET k", "$v");
    });
}

#[test]
fn command_count_list_and_info() {
    both(|db| {
        let count = db.integer("COMMAND COUNT");
        let names = db.items("COMMAND LIST");
        // The list has subcommands too, by their full names.
        assert_eq!(names.iter().filter(|name| !name.contains('|')).count() as i64, count);
        assert!(names.contains(&"$config|get".to_owned()));
        let unique: HashSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(db.items("COMMAND").len() as i64, count);
        assert_eq!(db.items("COMMAND INFO").len() as i64, count);
        for name in ["get", "set", "ping", "config", "client", "command", "scan", "bitfield", "lcs"] {
            assert!(names.contains(&format!("${name}")), "COMMAND LIST lacks {name}");
        }
        db.check("COMMAND INFO nosuch", "[nil]");
        db.check("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command");
        db.check("COMMAND BOGUS", "-ERR unknown subcommand 'BOGUS'. Try COMMAND HELP.");
        assert!(db.items("COMMAND HELP").iter().any(|line| line.starts_with("+GETKEYS")));
    });
}

#[test]
fn command_list_filtered() {
    both(|db| {
        let mut names = db.items("COMMAND LIST FILTERBY PATTERN *range");
        names.retain(|name| ["$getrange", "$setrange"].contains(&name.as_str()));
        assert_eq!(names.len(), 2);
        db.check("COMMAND LIST FILTERBY PATTERN xyz*", "[]");
        let bitmaps = db.items("COMMAND LIST FILTERBY ACLCAT bitmap");
        for name in ["setbit", "getbit", "bitcount", "bitpos", "bitop", "bitfield", "bitfield_ro"] {
            assert!(bitmaps.contains(&format!("${name}")), "@bitmap lacks {name}");
        }
        assert_eq!(bitmaps.len(), 7);
        db.check("COMMAND LIST FILTERBY MODULE none", "[]");
        db.check("COMMAND LIST FILTERBY ACLCAT bogus", "[]");
        db.check_refused(
            &[
                "COMMAND LIST FILTERBY",
                "COMMAND LIST FILTERBY BOGUS x",
                "COMMAND LIST BOGUS",
                "COMMAND LIST FILTERBY PATTERN",
            ],
            SYNTAX,
        );
    });
}

#[test]
fn command_info_of_some_commands() {
    both(|db| {
        let mut check = |name: &str, resp2: &str| {
            let Reply::Array(items) = db.call(&format!("COMMAND INFO {name}")) else {
                panic!("COMMAND INFO {name} gave no array")
            };
            let Reply::Array(fields) = &items[0] else { panic!("COMMAND INFO {name}: {}", items[0]) };
            let mut text: Vec<String> = fields[..6].iter().map(Reply::to_string).collect();
            // Flags are a set: their order says nothing.
            let mut flags: Vec<String> =
                text[2].trim_start_matches('~').trim_matches(['[', ']']).split(' ').map(str::to_owned).collect();
            flags.sort();
            text[2] = flags.join(" ");
            assert_eq!(text.join(" "), resp2, "COMMAND INFO {name}");
            assert_eq!(matches!(fields[2], Reply::Set(_)), db.protocol == 3, "flags of {name}: {}", fields[2]);
        };
        check("get", "$get :2 +fast +readonly :1 :1 :1");
        check("SET", "$set :-3 +denyoom +write :1 :1 :1");
        check("mset", "$mset :-3 +denyoom +write :1 :-1 :2");
        check("del", "$del :-2 +write :1 :-1 :1");
        check("bitop", "$bitop :-4 +denyoom +write :2 :-1 :1");
        check("ping", "$ping :-1 +fast :0 :0 :0");
        check("lcs", "$lcs :-3 +readonly :1 :2 :1");
        check("flushall", "$flushall :-1 +write :0 :0 :0");
        check("config|get", "$config|get :-3 +admin +loading +noscript +stale :0 :0 :0");
    });
}

#[test]
fn command_docs() {
    both(|db| {
        let docs = db.call("COMMAND DOCS get");
        let (Reply::Map(items) | Reply::Array(items)) = &docs else { panic!("COMMAND DOCS: {docs}") };
        assert_eq!(matches!(docs, Reply::Map(_)), db.protocol == 3);
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].to_string(), "$get");
        let (Reply::Map(fields) | Reply::Array(fields)) = &items[1] else { panic!("COMMAND DOCS: {docs}") };
        let names: Vec<String> = fields.iter().step_by(2).map(Reply::to_string).collect();
        assert_eq!(names, ["$summary", "$since", "$group", "$complexity", "$arguments"]);
        assert_eq!(
            [fields[3].to_string(), fields[5].to_string(), fields[7].to_string()],
            ["$1.0.0", "$string", "$O(1)"]
        );
        db.check_each("COMMAND DOCS nosuch", "[]", "%[]");
        let all = db.items("COMMAND DOCS");
        assert_eq!(all.len() as i64, 2 * db.integer("COMMAND COUNT"));
    });
}

#[test]
fn command_getkeys() {
    both(|db| {
        db.check_all(&[
            ("COMMAND GETKEYS GET k", "[$k]"),
            ("COMMAND GETKEYS mset a 1 b 2", "[$a $b]"),
            ("COMMAND GETKEYS DEL a b c", "[$a $b $c]"),
            ("COMMAND GETKEYS BITOP AND d a b", "[$d $a $b]"),
            ("COMMAND GETKEYS SET k v EX 10", "[$k]"),
            ("COMMAND GETKEYS OBJECT ENCODING k", "[$k]"),
            ("COMMAND GETKEYS LCS a b LEN", "[$a $b]"),
            ("COMMAND GETKEYS COPY a b DB 3", "[$a $b]"),
            ("COMMAND GETKEYS PING x", "-ERR The command has no key arguments"),
            ("COMMAND GETKEYS FLUSHALL ASYNC", "-ERR The command has no key arguments"),
            ("COMMAND GETKEYS NOSUCH k", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
            ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ]);
        // Flags are a set in RESP3; with one flag order is no question.
        db.check_each("COMMAND GETKEYSANDFLAGS DEL a", "[[$a [+RM +delete]]]", "[[$a ~[+RM +delete]]]");
        db.check_each("COMMAND GETKEYSANDFLAGS GET k", "[[$k [+RO +access]]]", "[[$k ~[+RO +access]]]");
    });
}

#[test]
fn debug_sleep_delays_only_its_own_client_here() {
    alone(|server| {
        let mut db = server.db(2, 0);
        db.check("DEBUG SLEEP 0.01", "+OK");
        if !server.is_catamaran_or_skip("a DEBUG SLEEP that stops nobody else") {
            return;
        }
        // The sleeper's reply comes last, though it asked first.
        let mut sleeper = server.db(2, 0);
        sleeper.check("SET order 0", "+OK");
        sleeper.wire.send(b"DEBUG SLEEP 1\r\nINCR order\r\n");
        db.check("SET order 10", "+OK");
        db.check("GET order", "$10");
        assert_eq!(sleeper.wire.read().to_string(), "+OK");
        assert_eq!(sleeper.wire.read().to_string(), ":11");
    });
}

#[test]
fn shutdown_ends_the_process_with_success() {
    for how in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE", "SHUTDOWN NOW", "SHUTDOWN NOSAVE NOW FORCE"] {
        alone_with(&[], |server: Server| {
            let mut wire = server.wire();
            assert_eq!(wire.call(&[b"SET", b"k", b"v"]).to_string(), "+OK");
            wire.send(format!("{how}\r\n").as_bytes());
            assert_eq!(show(&wire.read_to_close()), "", "{how}");
            let process = server.process.unwrap_or_else(|| panic!("a server that was spawned"));
            let status = process.wait();
            assert!(status.success(), "after {how}: {status}");
            drop(server.dir);
        });
    }
}

#[test]
fn shutdown_refuses_bad_options() {
    alone_with(&[], |server| {
        let mut db = server.db(2, 0);
        db.check_refused(&["SHUTDOWN BOGUS", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN NOW ABORT"], SYNTAX);
        db.check("SHUTDOWN ABORT", "-ERR No shutdown in progress.");
        db.check("PING", "+PONG");
    });
}

#[test]
fn sigterm_ends_the_process_with_success() {
    alone_with(&[], |server: Server| {
        let mut db = server.db(2, 0);
        db.check("SET k v", "+OK");
        drop(db);
        let process = server.process.unwrap_or_else(|| panic!("a server that was spawned"));
        process.signal("TERM");
        let status = process.wait();
        assert!(status.success(), "after SIGTERM: {status}");
    });
}
