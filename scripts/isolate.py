#!/usr/bin/env python3
"""Does trouble in storage reach the network? Measures one binary with two runtimes and with one, and redis-server beside it.

    scripts/isolate.py --server target/release/catamaran          # 10 to 15 minutes; writes docs/isolation.md and docs/plots
    scripts/isolate.py --server ... --quick --scenarios keys,flood # to see that it works; writes below --output only

Each scenario makes trouble (`trouble.py`) while latency clients ask from outside, each at its own fixed rate, and charge the server
for every request from the moment at which it was due. Contenders are measured one after the other, never at the same time, and each is
measured idle, too, on the same data and options, as part of what is seen is the machine.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import isolation_report
import workload
from contenders import describe_machine, durability, testkit_tool, version, words
from processes import Server, end_group, free_port, launch, stop_children_on_signals
from trouble import Deletions, Disk, Flood, Hang, Paced, Repeat
from wire import Wire, encode

REPOSITORY = Path(__file__).resolve().parent.parent
CONTENDERS = ("dual", "single", "redis")
# Small caches, so that a GET of a random key does reach RocksDB.
SMALL_CACHES = ["--hot-tier-size", "4mb", "--block-cache-size", "16mb"]
HOT_KEYS = 100
PROBE_KEYS = 1000
# Where the servers' files lie below `dir`; the log of the server is not among them.
DATABASE_DIRECTORY = "catamaran.db"
REDIS_DIRECTORY = "appendonlydir"
RATE = 500
SLOW_RATE = 100  # of probes that ask for more than a key
READY_POLL_S = 0.02
CLIENT_LIMIT_S = 180


@dataclass(frozen=True)
class Sizes:
    keys: int
    seconds: float
    hang_s: float
    string_bytes: int


FULL = Sizes(keys=1_000_000, seconds=10, hang_s=10, string_bytes=256 << 20)
QUICK = Sizes(keys=50_000, seconds=2, hang_s=2, string_bytes=32 << 20)


@dataclass(frozen=True)
class Probe:
    """What a latency client asks, and how often."""

    name: str
    rate: int
    command: str = ""
    http: str = ""


PROBES = [
    Probe("PING", RATE, "PING"),
    Probe("GET, hot", RATE, f"GET hot:{{rand:{HOT_KEYS}:3}}"),
    Probe("GET, cold", RATE, "GET key:{rand:KEYS:12}"),
    Probe("SET", RATE, f"SET probe:{{rand:{PROBE_KEYS}:4}} {{bytes:64}}"),
]
# What an operator asks while the disk hangs.
OPERATOR_PROBES = [Probe("INFO", SLOW_RATE, "INFO"), Probe("CLIENT LIST", SLOW_RATE, "CLIENT LIST")]
HTTP_PROBES = [Probe("/livez", SLOW_RATE, http="/livez"), Probe("/metrics", SLOW_RATE, http="/metrics")]


@dataclass
class Bench:
    """A running, filled server and what trouble needs to know of it."""

    contender: str
    server: Server
    sizes: Sizes
    latency_tool: str
    admin_port: int | None = None
    disk: Disk | None = None
    measured: dict = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.server.port


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    trouble: Callable[[Bench], contextlib.AbstractContextManager]
    seconds: Callable[[Sizes], float] = lambda sizes: sizes.seconds
    is_operated: bool = False
    contenders: tuple[str, ...] = CONTENDERS


@dataclass(frozen=True)
class Setting:
    """Scenarios that share a server: its options and its keys."""

    name: str
    scenarios: list[Scenario]
    options: tuple[str, ...] = ()
    keys: Callable[[Sizes], int] = lambda sizes: sizes.keys
    has_disk: bool = False
    is_operated: bool = False


SETTINGS = [
    Setting(
        "a million keys",
        [
            Scenario("keys", "KEYS * over {keys} keys, repeated", lambda bench: Repeat(bench.port, encode("KEYS", "*"))),
            Scenario(
                "mget",
                "MGET of 10 000 keys, repeated",
                lambda bench: Repeat(bench.port, encode("MGET", *(f"key:{number:012}" for number in range(10_000)))),
            ),
            Scenario("getrange", "GETRANGE of 16 MiB, repeated", lambda bench: long_read(bench)),
            Scenario(
                "flood",
                "flood of 1 KiB SETs (50 clients, P=16, random keys)",
                lambda bench: Flood(bench.port, bench.sizes.keys),
            ),
            Scenario(
                "del",
                "DEL of long strings and of 10 000 keys, FLUSHALL",
                lambda bench: Deletions(bench.port, bench.sizes.seconds, bench.sizes.string_bytes),
            ),
        ],
    ),
    Setting(
        "small write buffers",
        [
            Scenario(
                "compaction",
                "compaction storm (1 MiB write buffers, 15 000 SETs of 1 KiB a second)",
                lambda bench: Paced(bench.port, 15_000, bench.sizes.keys, 1024),
            )
        ],
        options=("--write-buffer-size", "1mb"),
    ),
    Setting(
        "disk that hangs",
        [
            Scenario(
                "stall",
                "write stall (sorted files cannot be written, 1 MiB write buffers, flood of SETs)",
                lambda bench: stalled_flood(bench),
                seconds=lambda sizes: sizes.hang_s + 4,
                contenders=("dual", "single"),
            ),
            Scenario(
                "hung",
                "disk hangs for {hang_s} s: no read, write or sync returns",
                lambda bench: Hang(bench.disk, 1, bench.sizes.hang_s),
                seconds=lambda sizes: sizes.hang_s + 4,
                is_operated=True,
            ),
        ],
        options=("--write-buffer-size", "1mb"),
        keys=lambda sizes: sizes.keys // 10,
        has_disk=True,
        is_operated=True,
    ),
]


def long_read(bench: Bench) -> Repeat:
    with Wire(bench.port) as wire:
        wire.command("SET", "long", b"r" * (16 << 20))
    return Repeat(bench.port, encode("GETRANGE", "long", "0", "-1"))


def stalled_flood(bench: Bench) -> contextlib.AbstractContextManager:
    return Both(Hang(bench.disk, 0.5, bench.sizes.hang_s, "write .sst"), Flood(bench.port, bench.sizes.keys))


class Both(contextlib.AbstractContextManager):
    def __init__(self, *troubles):
        self.troubles = troubles
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> "Both":
        # The last begins first: a flood waits until it is under way, and has to be then.
        for trouble in reversed(self.troubles):
            self.stack.enter_context(trouble)
        return self

    def __exit__(self, *details) -> None:
        self.stack.__exit__(*details)

    def facts(self) -> dict:
        return {name: fact for trouble in self.troubles for name, fact in trouble.facts().items()}


def main() -> int:
    options = parse_options()
    stop_children_on_signals()
    workload.require_benchmark()
    results = {
        "machine": describe_machine(),
        "versions": {},
        "quick": options.quick,
        "scenarios": {},
        "seconds": 0,
    }
    begun = time.monotonic()
    for setting in SETTINGS:
        wanted = [scenario for scenario in setting.scenarios if scenario.name in options.scenarios]
        for contender in options.contenders:
            chosen = [scenario for scenario in wanted if contender in scenario.contenders]
            if chosen:
                run_setting(options, setting, chosen, contender, results)
                # Kept after each contender: a run that is cut short has something to show.
                save(options.output, results)
    results["seconds"] = round(time.monotonic() - begun)
    save(options.output, results)
    isolation_report.write(results, options.output, options.documentation)
    return 0


def save(output: Path, results: dict) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    names = [scenario.name for setting in SETTINGS for scenario in setting.scenarios]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", required=True, metavar="PATH", help="Catamaran's program")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works; leaves docs alone")
    parser.add_argument("--scenarios", type=words, default=names, metavar=",".join(names))
    parser.add_argument("--contenders", type=words, default=list(CONTENDERS), metavar=",".join(CONTENDERS))
    parser.add_argument("--latency", type=Path, metavar="PATH", help="the latency client of the testkit crate")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "target" / "isolate", help="for results.json and the rest")
    parser.add_argument(
        "--documentation", type=Path, metavar="PATH", help="the repository whose docs are written (default: this one, unless --quick)"
    )
    options = parser.parse_args()
    if options.documentation is None and not options.quick:
        options.documentation = REPOSITORY
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        parser.error(f"unknown scenarios: {', '.join(unknown)}")
    if shutil.which(options.server) is None:
        parser.error(f"no program {options.server}")
    if "redis" in options.contenders and shutil.which("redis-server") is None:
        print("isolate: redis-server is not installed and left out", file=sys.stderr)
        options.contenders.remove("redis")
    options.sizes = QUICK if options.quick else FULL
    options.latency = options.latency or testkit_tool("latency")
    return options


# --- the run ---


def run_setting(options, setting: Setting, scenarios: list[Scenario], contender: str, results: dict) -> None:
    with contextlib.ExitStack() as stack:
        bench = start(options, setting, contender, stack)
        results["versions"][contender] = version("127.0.0.1", bench.port)
        keys = setting.keys(options.sizes)
        workload.fill("127.0.0.1", bench.port, keys, 64)
        fill_probed(bench.port)
        probes = probes_for(bench, keys, setting.is_operated)
        tell(contender, "idle")
        idle = measure(bench, probes, options.sizes.seconds)
        for scenario in scenarios:
            title = scenario.title.format(keys=f"{keys:,}".replace(",", " "), hang_s=f"{options.sizes.hang_s:g}")
            tell(contender, title)
            chosen = probes if scenario.is_operated else [p for p in probes if p.name in {known.name for known in PROBES}]
            measured = run_scenario(bench, scenario, chosen)
            measured["idle"] = {probe.name: idle[probe.name] for probe in chosen}
            entry = results["scenarios"].setdefault(scenario.name, {"title": title, "contenders": {}})
            entry["contenders"][contender] = measured


def start(options, setting: Setting, contender: str, stack: contextlib.ExitStack) -> Bench:
    disk = None
    if setting.has_disk:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="catamaran-disk-")))
        disk = Disk(home, REDIS_DIRECTORY if contender == "redis" else DATABASE_DIRECTORY)
    environment = disk.environment if disk else None
    admin_port = None
    if contender == "redis":
        server = Server("redis", shutil.which("redis-server"), list(durability()), environment)
    else:
        admin_port = free_port()
        arguments = [*durability(), "--runtime-mode", contender, *SMALL_CACHES, *setting.options]
        arguments += ["--admin-port", str(admin_port)]
        binary = os.path.abspath(shutil.which(options.server))
        server = Server(f"catamaran-{contender}", binary, arguments, environment)
    stack.enter_context(server)
    if disk:
        # Left before the server is: it needs its disk to stop.
        stack.callback(disk.go_on)
    return Bench(contender, server, options.sizes, str(options.latency), admin_port and answering(admin_port), disk)


def answering(port: int) -> int | None:
    with contextlib.suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/livez")
        if connection.getresponse().status == 200:
            return port
    return None


def fill_probed(port: int) -> None:
    with Wire(port) as wire:
        for name, count, width in (("hot", HOT_KEYS, 3), ("probe", PROBE_KEYS, 4)):
            for number in range(count):
                wire.command("SET", f"{name}:{number:0{width}}", b"x" * 64)


def probes_for(bench: Bench, keys: int, is_operated: bool) -> list[Probe]:
    probes = [Probe(probe.name, probe.rate, probe.command.replace("KEYS", str(keys))) for probe in PROBES]
    if is_operated:
        probes += OPERATOR_PROBES + (HTTP_PROBES if bench.admin_port else [])
    return probes


def run_scenario(bench: Bench, scenario: Scenario, probes: list[Probe]) -> dict:
    before = storage_facts(bench)
    trouble = scenario.trouble(bench)
    readiness = Readiness(bench.admin_port) if scenario.is_operated and bench.admin_port else None
    with trouble:
        if readiness:
            readiness.thread.start()
        measured = measure(bench, probes, scenario.seconds(bench.sizes))
    if readiness:
        readiness.stop()
    facts = trouble.facts()
    if readiness and isinstance(trouble, Hang):
        facts |= readiness.facts(trouble.began, trouble.ended)
    after = storage_facts(bench)
    facts |= {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    return {"probes": measured, "facts": facts}


def storage_facts(bench: Bench) -> dict[str, int]:
    """What RocksDB did, by INFO, where the server has RocksDB."""
    names = {"rocksdb_compaction_bytes": "bytes compacted", "rocksdb_stops": "stops of writes"}
    with contextlib.suppress(OSError, RuntimeError):
        info = workload.info("127.0.0.1", bench.port, "catamaran")
        return {label: int(info[name]) for name, label in names.items() if info.get(name, "").isdigit()}
    return {}


def measure(bench: Bench, probes: list[Probe], seconds: float) -> dict[str, dict]:
    """All probes at once, each by a latency client of its own."""
    clients = {}
    try:
        for number, probe in enumerate(probes):
            command = [bench.latency_tool, "--rate", str(probe.rate), "--seconds", str(seconds), "--seed", str(number)]
            if probe.http:
                command += ["--port", str(bench.admin_port), "--http", probe.http]
            else:
                command += ["--port", str(bench.port), "--command", probe.command]
            clients[probe.name] = launch(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return {name: report(name, client) for name, client in clients.items()}
    finally:
        for client in clients.values():
            end_group(client)


def report(name: str, client: subprocess.Popen) -> dict:
    output, errors = client.communicate(timeout=CLIENT_LIMIT_S)
    if client.returncode != 0:
        raise RuntimeError(f"{name}: {errors}")
    measured = json.loads(output)
    if measured["count"] == 0:
        raise RuntimeError(f"{name}: nothing was answered: {output}")
    return measured


class Readiness:
    """Asks /readyz all the time, each time on a connection of its own, and remembers when it changed its mind."""

    def __init__(self, port: int):
        self.port = port
        self.seen: list[tuple[float, int]] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while not self.over.wait(READY_POLL_S):
            asked = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                status = connection.getresponse().status
                connection.close()
            except OSError:
                status = 0
            self.seen.append((asked, status))

    def stop(self) -> None:
        # It turns green again by itself, a little after the disk does.
        time.sleep(2)
        self.over.set()
        self.thread.join()

    def facts(self, hung_from: float, hung_to: float) -> dict:
        red = next((asked for asked, status in self.seen if asked > hung_from and status != 200), None)
        green = next((asked for asked, status in self.seen if asked > hung_to and status == 200), None)
        told = {"/readyz red after, s": "never" if red is None else round(red - hung_from, 2)}
        told["/readyz green again after, s"] = "never" if green is None else round(green - hung_to, 2)
        return told


def tell(contender: str, what: str) -> None:
    print(f"{contender}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
