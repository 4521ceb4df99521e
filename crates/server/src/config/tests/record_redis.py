#!/usr/bin/env python3
"""Records how a real redis-server answers CONFIG SET and CONFIG GET, for the tests beside this file.

    record_redis.py HOST:PORT > redis-7.0.15.txt

The server should be fresh, started in / with no option but its port, which is recorded as the usual one. Each
line is: the arguments of CONFIG SET, the reply, and for a single option what CONFIG GET says after an OK; the parts are
divided by tabs and quoted as in redis.conf. After each line the option is set back to what it was. Lines that begin
with `default` give an option's value before anything was set.
"""

import socket
import sys

YES_NO = ["yes", "no", "YES", "No", "1", "true", "", " yes", "yes\0x"]
INTEGERS = ["0", "1", "10", "100", "-1", "+1", "01", "-0", "", " 1", "1 ", "1.5", "x", "0x10", "65535", "65536",
            "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999"]
BYTES = ["0", "1", "1024", "1b", "1k", "1kb", "2M", "2mb", "1g", "1Gb", "1tb", "-1", "-1mb", "", "gb", "1.5mb", " 1mb",
         "1mb ", "1 mb", "mb1", "x", "1%", "50%", "100%", "101%", "-1%", "%", "1048575", "1048576", "1048577",
         "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
         "99999999999999999999999999", "17179869184gb", "9" * 127, "9" * 128]
SAVE = ["", "1 1", "60 0", "3600 1 300 100", "0 1", "-1 1", "1 -1", "1", "1 2 3", "a 1", "1 a", "60  1", "60 ", " 60 1",
        "60 1 ", "99999999999 99999999999", "60 4294967297", "\t60 1"]
LIMITS = ["", "normal 0 0 0", "slave 1mb 1k 10", "replica 1gb 512mb 60", "pubsub 1 2 3 normal 4 5 6",
          "NORMAL 1 1 1", "master 0 0 0", "none 0 0 0", "normal 0 0", "normal x 0 0", "normal 0 -1 0", "normal 0 0 -1",
          "normal 0 0 1x", "normal 0 0 99999999999", "normal 1 1 1 none 0 0 0", "normal  0 0 0", "normal 0 0 "]
EVENTS = ["", "KEA", "AKE", "g$lshzxet", "mnd", "Kx", "KEg$", "q", "K E", "An", "Km", "g$lshzxetd", "Ag"]
PERCENTILES = ["", "50", "50 99 99.9", "0", "100", "100.1", "-1", "x", "50 ", "99.12345678", "1e1", "inf", "nan", ".5",
               "5.", "+5", "-0", "50  99", "0.0000001"]
OOM = ["0 200 800", "1 2 3", "-2000 0 2000", "-2001 0 0", "0 0 2001", "1 2", "1 2 3 4", "a 1 2", "", "1  2", " 1 2 3"]
SIGNALS = ["default", "save", "nosave", "now", "force", "save now", "save nosave", "now force save", "default now", "",
           "bogus", "NOW", "now now", "now  force"]
TEXTS = ["", "a", "a b", "\"quoted\"", "b\0c", "\xff\xfe", "a/b", "a\\b", "0.0.0.0", "{title}", "x{y}", "{{"]

KINDS = {
    "yes": ["activerehashing", "slave-read-only"],
    "int": ["timeout", "hz", "maxmemory-eviction-tenacity", "slowlog-log-slower-than", "lua-time-limit",
            "list-max-listpack-size", "set-max-intset-entries", "repl-backlog-ttl"],
    "bytes": ["maxmemory", "proto-max-bulk-len", "hash-max-ziplist-value", "maxmemory-clients", "repl-backlog-size"],
    "text": ["proc-title-template", "masteruser", "masterauth", "requirepass", "cluster-announce-hostname",
             "ignore-warnings"],
}
# A few of these values for each of many more options: bounds differ from one to the other.
BOUNDS = ["-2147483649", "-1", "0", "1000000000000"]
BOUNDED = ["tcp-keepalive", "databases", "maxmemory-samples", "slowlog-max-len", "list-compress-depth",
           "hash-max-listpack-entries", "zset-max-ziplist-entries", "tracking-table-max-keys", "acllog-max-len",
           "latency-monitor-threshold", "active-expire-effort", "repl-timeout", "repl-ping-replica-period",
           "replica-priority", "active-defrag-cycle-min", "active-defrag-threshold-upper",
           "active-defrag-max-scan-fields", "cluster-node-timeout", "stream-node-max-entries", "lfu-log-factor",
           "client-query-buffer-limit", "hll-sparse-max-bytes", "stream-node-max-bytes", "auto-aof-rewrite-min-size",
           "active-defrag-ignore-bytes", "cluster-link-sendbuf-limit", "tls-session-cache-size", "shutdown-timeout",
           "cluster-announce-port", "min-slaves-to-write", "repl-diskless-sync-delay", "io-threads", "tcp-backlog"]
CHOICES = {
    "maxmemory-policy": ["allkeys-lru", "ALLKEYS-LFU", "volatile-ttl", "lru", ""],
    "appendfsync": ["always", "no", "everysec", "sometimes"],
    "loglevel": ["debug", "verbose", "notice", "warning", "nothing", "loud"],
    "oom-score-adj": ["no", "yes", "relative", "absolute", "x"],
    "acl-pubsub-default": ["allchannels", "resetchannels", "x"],
    "sanitize-dump-payload": ["no", "yes", "clients", "x"],
    "repl-diskless-load": ["disabled", "on-empty-db", "swapdb", "x"],
    "cluster-preferred-endpoint-type": ["ip", "hostname", "unknown-endpoint", "x"],
    "propagation-error-behavior": ["ignore", "panic", "panic-on-replicas", "x"],
    "enable-debug-command": ["yes"],
    "supervised": ["no"],
    "tls-auth-clients": ["no", "optional", "maybe"],
    "syslog-facility": ["local1"],
}
SEVERAL = [
    ["timeout", "1", "hz"], ["nosuch", "1"], ["NoSuch", "1"], ["timeout", "1", "nosuch", "1"],
    ["nosuch", "1", "databases", "2"], ["databases", "2", "nosuch", "1"], ["timeout", "1", "timeout", "2"],
    ["timeout", "1", "TIMEOUT", "2"], ["timeout", "x", "timeout", "2"], ["timeout", "1", "hz", "x"],
    ["maxmemory", "x", "timeout", "y"], ["TIMEOUT", "x"], ["DATABASES", "1"], ["dir", "/tmp"], ["DIR", "/tmp"],
    ["slave-priority", "1", "replica-priority", "x"], ["slave-priority", "x"], ["daemonize", "yes"],
    ["timeout", "1", "databases", "1", "timeout", "1"], ["save", "1", "timeout", "5"], ["timeout", "5", "save", "1"],
    ["", "1"], ["port", "70000"], ["include", "x"], ["user", "x"], ["replicaof", "a 1"], ["slaveof", "no one"],
]


def cases():
    for kind, values in (("yes", YES_NO), ("int", INTEGERS), ("bytes", BYTES), ("text", TEXTS)):
        for name in KINDS[kind]:
            yield from ([name, value] for value in values)
    for name in BOUNDED:
        yield from ([name, value] for value in BOUNDS)
    for name, values in CHOICES.items():
        yield from ([name, value] for value in values)
    for name, values in (("save", SAVE), ("client-output-buffer-limit", LIMITS), ("notify-keyspace-events", EVENTS),
                         ("latency-tracking-info-percentiles", PERCENTILES), ("oom-score-adj-values", OOM),
                         ("shutdown-on-sigint", SIGNALS)):
        yield from ([name, value] for value in values)
    yield from SEVERAL


class Client:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.stream = socket.create_connection((host, int(port))).makefile("rwb")

    def call(self, *args):
        self.stream.write(b"*%d\r\n" % len(args))
        for arg in args:
            raw = arg if isinstance(arg, bytes) else arg.encode("latin-1")
            self.stream.write(b"$%d\r\n%s\r\n" % (len(raw), raw))
        self.stream.flush()
        return self.reply()

    def reply(self):
        line = self.stream.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return line


def quote(raw):
    raw = raw if isinstance(raw, bytes) else raw.encode("latin-1")
    plain = lambda c: chr(c) if 32 <= c < 127 and c not in b'"\\' else "\\x%02x" % c
    return '"' + "".join(map(plain, raw)) + '"'


def main():
    client = Client(sys.argv[1])
    defaults = client.call("CONFIG", "GET", "*")
    was = dict(zip(defaults[::2], defaults[1::2]))
    for name in sorted(was):
        value = b"6379" if name == b"port" else was[name]
        print("default", quote(name), quote(value), sep="\t")
    for args in cases():
        reply = client.call("CONFIG", "SET", *args)
        after = ""
        if reply == b"+OK" and len(args) == 2:
            after = quote(client.call("CONFIG", "GET", args[0])[1])
        print(" ".join(map(quote, args)), quote(reply), after, sep="\t")
        for name in args[::2]:
            if name.lower().encode("latin-1") in was:
                client.call("CONFIG", "SET", name, was[name.lower().encode("latin-1")])


if __name__ == "__main__":
    main()
