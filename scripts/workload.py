"""The loads of `compare.py`, and how one of them is put on one server and measured.

Throughput comes from `redis-benchmark`, or for skewed keys, which it does not have, from the load client of the testkit crate; the
latency of `PING` under a flood from that crate's open-loop client. What is compared with what, and in which order, is `compare.py`'s.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import usage
from processes import end_group, launch
from wire import Wire, encode, pour

CLIENTS = 50
MSET_KEYS = 10
STRINGS = ("SET", "GET", "INCR", "MSET")

PING_RATE = 500
FLOOD_BYTES = 1024
FLOOD_PIPELINE = 16

# A fill with large values stops here, as a test of the crossing needs no more and a small machine has no more.
FILL_BYTES_MAX = 1 << 30
FILL_WORDS = 100  # of one variadic command
RUN_LIMIT_S = 300
SETTLE_LIMIT_S = 180.0
SETTLE_QUIET_S = 2.0

# Where a request has a random number of twelve digits, in the words of the two load generators.
RANDOM = "{r}"
BENCHMARK_RANDOM = "__rand_int__"


@dataclass(frozen=True)
class Command:
    """A kind of request: its words, how its server is prepared once, and what has to be there anew before each measurement."""

    words: str
    cost: float = 1.0  # of one request, beside a SET's: the number of requests follows from it
    prepare: Callable[[Wire, int], None] | None = None  # by the number of elements
    refill: Callable[[Wire, int], None] | None = None  # by the number of requests
    brings_data: bool = False  # to be kept: what a pop writes is no share of what it brings


def variadic(head: str, words: Callable[[int], Iterable[str]], first: int, last: int) -> Iterable[bytes]:
    """Commands with the words of a hundred numbers each."""
    for begin in range(first, last, FILL_WORDS):
        numbers = range(begin, min(begin + FILL_WORDS, last))
        yield encode(*head.split(), *(word for number in numbers for word in words(number)))


def fields(wire: Wire, elements: int) -> None:
    pour(wire, variadic("HSET fields", lambda n: (f"field:{n:012}", "x" * 64), 0, elements))


def ranked(wire: Wire, elements: int) -> None:
    pour(wire, variadic("ZADD ranked", lambda n: (str(n), f"element:{n:012}"), 0, elements))


def read_list(wire: Wire, _elements: int) -> None:
    pour(wire, variadic("RPUSH range", lambda n: ("x" * 64,), 0, 1000))


def read_stream(wire: Wire, elements: int) -> None:
    pour(wire, (encode("XADD", "events", f"{n}-1", "field", "x" * 64) for n in range(1, elements + 1)))


def poppable_list(wire: Wire, requests: int) -> None:
    """Twice as much as is popped, as a collection that runs empty is a case of its own."""
    pour(wire, variadic("RPUSH queue", lambda n: ("x" * 64,), wire.command("LLEN", "queue"), 2 * requests))


def poppable_set(wire: Wire, requests: int) -> None:
    pour(wire, variadic("SADD bag", lambda n: (f"element:{n:012}",), 0, 2 * requests))


# `{v}` is a value of the load's size. What is read or popped is apart from what grows by being written.
COMMANDS = {
    "SET": Command("SET key:{r} {v}", brings_data=True),
    "GET": Command("GET key:{r}"),
    "INCR": Command("INCR counter:{r}", brings_data=True),
    "MSET": Command("MSET" + " key:{r} {v}" * MSET_KEYS, cost=5, brings_data=True),
    "LPUSH": Command("LPUSH list {v}", brings_data=True),
    "LPOP": Command("LPOP queue", refill=poppable_list),
    "LRANGE_100": Command("LRANGE range 0 99", cost=5, prepare=read_list),
    "SADD": Command("SADD set element:{r}", brings_data=True),
    "SPOP": Command("SPOP bag", refill=poppable_set),
    "HSET": Command("HSET hash field:{r} {v}", brings_data=True),
    "HGET": Command("HGET fields field:{r}", prepare=fields),
    "ZADD": Command("ZADD zset {r} element:{r}", brings_data=True),
    "ZRANGE": Command("ZRANGE ranked 5000 5009", cost=2, prepare=ranked),
    "ZRANK": Command("ZRANK ranked element:{r}", prepare=ranked),
    "XADD": Command("XADD stream * field {v}", brings_data=True),
    "XREAD": Command("XREAD COUNT 10 STREAMS events {r}-0", cost=3, prepare=read_stream),
}
COLLECTIONS = tuple(name for name in COMMANDS if name not in STRINGS)


@dataclass(frozen=True)
class Load:
    """A command as it is sent: by how many clients, how many at once, with which values and keys."""

    command: str
    value_bytes: int = 64
    pipeline: int = 1
    clients: int = CLIENTS
    distribution: str = "uniform"

    @property
    def name(self) -> str:
        text = self.command
        if self.command in ("SET", "GET", "MSET"):
            text += f" {size_text(self.value_bytes)}"
        text += f", P={self.pipeline}"
        if self.clients != CLIENTS:
            text += f", {self.clients} client" + ("s" if self.clients > 1 else "")
        return text + (", Zipf" if self.distribution == "zipf" else "")

    def requests(self, base: int) -> int:
        """More where a pipeline makes them cheaper and fewer where a client waits alone, so that every load takes about as long."""
        factor = 1 if self.pipeline == 1 else 5
        if self.clients == 1:
            factor /= 2
        if self.value_bytes >= 1024:
            factor /= 2
        return max(1000, int(base * factor / COMMANDS[self.command].cost))

    def numbers(self, keys: int, elements: int) -> int:
        """How many different random numbers it has: what was prepared, or any key."""
        return elements if COMMANDS[self.command].prepare else keys_for(keys, self.value_bytes)

    def words(self, number: str) -> list[str]:
        """The command's words, with this where a random number is."""
        text = COMMANDS[self.command].words.replace(RANDOM, number)
        return text.replace("{v}", "x" * self.value_bytes).split()

    def user_bytes(self) -> int:
        """What one request gives the server to keep: keys, names and values."""
        return sum(len(word) for word in self.words("0" * 12)[1:])


@dataclass(frozen=True)
class Measurement:
    rate: float  # requests a second
    p50_ms: float
    p99_ms: float
    p99_9_ms: float
    cpu_us: float | None = None  # of the server, for one request
    written_per_byte: float | None = None  # to the disk, for each byte that the requests brought


def size_text(count: int) -> str:
    return f"{count // 1024} KiB" if count >= 1024 else f"{count} B"


def loads(names: list[str], pipelines: list[int], clients: list[int], sizes: list[int], distributions: list[str]) -> list[Load]:
    """The chosen loads. Only SET and GET come in all sizes, with all numbers of clients and both distributions."""
    chosen = []
    for name in names:
        full = name in ("SET", "GET")
        for size in sizes if full else sizes[:1]:
            for distribution in distributions if full else distributions[:1]:
                for count in clients if full else [CLIENTS if CLIENTS in clients else clients[0]]:
                    # Collections at P=64 and MSET of ten at more than 16 were not asked for.
                    depths = pipelines if full else [depth for depth in pipelines if depth <= 16] or pipelines[:1]
                    chosen += [Load(name, size, depth, count, distribution) for depth in depths]
    return chosen


def keys_for(keys: int, value_bytes: int) -> int:
    return max(1, min(keys, FILL_BYTES_MAX // value_bytes))


def fill(host: str, port: int, keys: int, value_bytes: int) -> None:
    """Gives every key that `redis-benchmark -r KEYS` may ask for a value."""
    value = b"x" * value_bytes
    head, tail = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:", b"\r\n$%d\r\n%b\r\n" % (value_bytes, value)
    with Wire(port, host) as wire:
        pour(wire, (b"%b%012d%b" % (head, number, tail) for number in range(keys)))


def settle(host: str, port: int, limit_s: float = SETTLE_LIMIT_S) -> bool:
    """Waits until a server has done what a fill left to the background; whether it came to an end in time."""
    deadline = time.monotonic() + limit_s
    seen, since = None, time.monotonic()
    while time.monotonic() < deadline:
        facts = info(host, port, "everything")
        busy = [facts.get(name, "0") for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")]
        done = [facts.get(name) for name in ("rocksdb_flush_bytes", "rocksdb_compaction_bytes")]
        if "1" in busy or done != seen:
            seen, since = done, time.monotonic()
        elif time.monotonic() - since >= SETTLE_QUIET_S:
            return True
        time.sleep(0.2)
    return False


def prepare(host: str, port: int, chosen: list[Load], elements: int) -> None:
    """The collections that the loads read."""
    steps = dict.fromkeys(COMMANDS[load.command].prepare for load in chosen)
    with Wire(port, host) as wire:
        for step in filter(None, steps):
            step(wire, elements)


def measure(load: Load, host: str, port: int, numbers: int, requests: int, pid: int | None = None, load_tool: Path | None = None) -> Measurement:
    refill = COMMANDS[load.command].refill
    if refill:
        with Wire(port, host) as wire:
            refill(wire, requests)
    before = usage.of(pid) if pid else None
    if load.distribution == "zipf":
        measured = skewed(load, host, port, numbers, requests, load_tool)
    else:
        measured = benchmark(load, host, port, numbers, requests)
    if before is None:
        return measured
    used = usage.of(pid) - before
    written = used.written_bytes / (requests * load.user_bytes()) if COMMANDS[load.command].brings_data else None
    return Measurement(
        measured.rate, measured.p50_ms, measured.p99_ms, measured.p99_9_ms, 1e6 * used.cpu_s / requests, written
    )


def benchmark(load: Load, host: str, port: int, numbers: int, requests: int) -> Measurement:
    """Runs `redis-benchmark` and reads its report, which unlike its CSV has the tail of the latencies."""
    options = ["-h", host, "-p", str(port), "-c", str(load.clients), "-P", str(load.pipeline), "-n", str(requests)]
    options += ["-r", str(numbers), "--precision", "3", *load.words(BENCHMARK_RANDOM)]
    process = launch(["redis-benchmark", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=RUN_LIMIT_S)
    finally:
        end_group(process)
    return read_report(output)


def read_report(output: str) -> Measurement:
    refusal = re.search(r"Error.*", output)
    if refusal:
        raise RuntimeError(f"redis-benchmark: {refusal.group(0)}")
    throughput = re.search(r"throughput summary: ([\d.]+) requests per second", output)
    summary = re.search(r"latency summary \(msec\):\s+avg[^\n]*\n\s*([\d. ]+)", output)
    percentiles, _, _ = output.partition("Cumulative distribution")
    points = re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds", percentiles, re.MULTILINE)
    if not (throughput and summary and points):
        raise RuntimeError(f"redis-benchmark: unreadable report:\n{output[-1000:]}")
    _, _, p50, _, p99, _ = (float(number) for number in summary.group(1).split())
    p99_9 = next(float(latency) for share, latency in points if float(share) >= 99.9)
    return Measurement(float(throughput.group(1)), p50, p99, p99_9)


def skewed(load: Load, host: str, port: int, numbers: int, requests: int, load_tool: Path) -> Measurement:
    command = " ".join(load.words(f"{{zipf:{numbers}:12}}"))
    report = run_load(load_tool, host, port, command, load.clients, load.pipeline, requests=requests)
    return Measurement(report["rate"], report["p50_us"] / 1000, report["p99_us"] / 1000, report["p99_9_us"] / 1000)


def run_load(
    load_tool: Path,
    host: str,
    port: int,
    command: str,
    clients: int = 1,
    pipeline: int = 1,
    requests: int | None = None,
    seconds: float | None = None,
    rate: float | None = None,
    seed: int = 1,
) -> dict:
    """The load client's report. What was refused or left without an answer is no result."""
    arguments = [str(load_tool), "--host", host, "--port", str(port), "--command", command, "--seed", str(seed)]
    arguments += ["--clients", str(clients), "--pipeline", str(pipeline), "--seconds", str(seconds or RUN_LIMIT_S)]
    if requests is not None:
        arguments += ["--requests", str(requests)]
    if rate is not None:
        arguments += ["--rate", str(rate)]
    process = launch(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = process.communicate(timeout=(seconds or 0) + RUN_LIMIT_S + 60)
    finally:
        end_group(process)
    if process.returncode != 0:
        raise RuntimeError(f"{command}: {errors.strip()}")
    report = json.loads(output)
    if not report["count"] or report["errors"] or report["unanswered"]:
        raise RuntimeError(f"{command}: {report['errors']} errors, {report['unanswered']} unanswered: {report.get('error', '')}")
    return report


def ping_under_flood(latency_tool: Path, host: str, port: int, keys: int, seconds: float) -> dict:
    """The latency client's report on PING while SETs come as fast as they are taken, and how fast that is."""
    flood = ["redis-benchmark", "-h", host, "-p", str(port), "-c", str(CLIENTS), "-P", str(FLOOD_PIPELINE)]
    flood += ["-r", str(keys), "-d", str(FLOOD_BYTES), "-t", "set", "-n", "1000000000", "-q"]
    process = launch(flood, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_flood(host, port)
        before = commands_processed(host, port)
        command = [str(latency_tool), "--host", host, "--port", str(port), "--rate", str(PING_RATE)]
        command += ["--seconds", str(seconds), "--command", "PING"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=RUN_LIMIT_S)
        after = commands_processed(host, port)
        if process.poll() is not None:
            raise RuntimeError("the flood ended early")
    finally:
        end_group(process)
    report = json.loads(done.stdout)
    if report["count"] == 0 or report["errors"] or report["unanswered"]:
        raise RuntimeError(f"PING under flood: {done.stdout}")
    return report | {"flood_rate": (after - before) / seconds}


def wait_for_flood(host: str, port: int) -> None:
    begun = commands_processed(host, port)
    while commands_processed(host, port) < begun + 10 * CLIENTS * FLOOD_PIPELINE:
        pass


def commands_processed(host: str, port: int) -> int:
    return int(info(host, port, "stats")["total_commands_processed"])


def info(host: str, port: int, section: str) -> dict[str, str]:
    with Wire(port, host) as wire:
        reply = wire.command("INFO", section)
    if not isinstance(reply, bytes):
        raise RuntimeError(f"INFO on port {port}: {reply!r}")
    return dict(line.split(":", 1) for line in reply.decode(errors="replace").splitlines() if ":" in line)


def require_benchmark() -> None:
    if shutil.which("redis-benchmark") is None:
        raise SystemExit("redis-benchmark is missing; it is in Debian's package redis-tools")
