"""The loads of `compare.py`, and how one of them is put on one server and measured.

Throughput comes from `redis-benchmark`; the latency of `PING` under a flood from the open-loop client of the testkit crate.
What is compared with what, and in which order, is `compare.py`'s.
"""

import json
import re
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from processes import end_group, launch

CLIENTS = 50
PIPELINES = (1, 16)
VALUE_BYTES = {"64 B": (64,), "1 KiB": (1024,), "mixed": (64, 1024)}
MSET_KEYS = 10  # what one MSET of redis-benchmark sets

PING_RATE = 500
FLOOD_BYTES = 1024
FLOOD_PIPELINE = 16

FILL_CHUNK = 1000
RUN_LIMIT_S = 300


@dataclass(frozen=True)
class Load:
    """One kind of request; mixed sizes are two halves that run side by side."""

    command: str
    size: str
    pipeline: int

    @property
    def name(self) -> str:
        size = "" if self.command == "INCR" else f" {self.size}"
        return f"{self.command}{size} P={self.pipeline}"

    def requests(self, base: int) -> int:
        """More where a pipeline makes them cheaper, so that every load takes about as long."""
        requests = base * (1 if self.pipeline == 1 else 5)
        return requests // 4 if self.command == "MSET" else requests


@dataclass(frozen=True)
class Measurement:
    rate: float  # requests a second
    p50_ms: float
    p99_ms: float
    p99_9_ms: float


def loads(commands: list[str], sizes: list[str]) -> dict[str, list[Load]]:
    """The chosen loads by value size. INCR has no value, so it goes with the smallest."""
    chosen = {}
    for size in sizes:
        kinds = [c for c in commands if not (c == "INCR" and size != "64 B") and not (c == "MSET" and size == "mixed")]
        chosen[size] = [Load(command, size, pipeline) for command in kinds for pipeline in PIPELINES]
    return chosen


def fill(host: str, port: int, keys: int, size: str) -> None:
    """Gives every key that `redis-benchmark -r KEYS` may ask for a value, sizes taking turns."""
    values = [b"x" * count for count in VALUE_BYTES[size]]
    with socket.create_connection((host, port)) as connection, connection.makefile("rb") as replies:
        for first in range(0, keys, FILL_CHUNK):
            chunk = bytearray()
            count = min(FILL_CHUNK, keys - first)
            for number in range(first, first + count):
                value = values[number % len(values)]
                chunk += b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%b\r\n" % (number, len(value), value)
            connection.sendall(chunk)
            answer = replies.read(5 * count)
            if answer != b"+OK\r\n" * count:
                raise RuntimeError(f"filling port {port}: {answer[:100]!r}")


def measure(load: Load, host: str, port: int, keys: int, requests: int) -> Measurement:
    sizes = VALUE_BYTES[load.size]
    share = requests // len(sizes)
    common = ["-h", host, "-p", str(port), "-c", str(CLIENTS // len(sizes)), "-P", str(load.pipeline)]
    common += ["-n", str(share), "-r", str(keys), "-t", load.command.lower(), "--precision", "3"]
    with ThreadPoolExecutor(len(sizes)) as pool:
        parts = list(pool.map(lambda size: benchmark([*common, "-d", str(size)]), sizes))
    # Halves that run side by side are done when the slower is; their latencies are those of the worse.
    return Measurement(
        rate=requests / max(share / part.rate for part in parts),
        p50_ms=max(part.p50_ms for part in parts),
        p99_ms=max(part.p99_ms for part in parts),
        p99_9_ms=max(part.p99_9_ms for part in parts),
    )


def benchmark(options: list[str]) -> Measurement:
    """Runs `redis-benchmark` and reads its report, which unlike its CSV has the tail of the latencies."""
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


def ping_under_flood(latency_tool: str, host: str, port: int, keys: int, seconds: float) -> dict:
    """The latency client's report on PING while SETs come as fast as they are taken, and how fast that is."""
    flood = ["redis-benchmark", "-h", host, "-p", str(port), "-c", str(CLIENTS), "-P", str(FLOOD_PIPELINE)]
    flood += ["-r", str(keys), "-d", str(FLOOD_BYTES), "-t", "set", "-n", "1000000000", "-q"]
    process = launch(flood, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_flood(host, port)
        before = commands_processed(host, port)
        command = [latency_tool, "--host", host, "--port", str(port), "--rate", str(PING_RATE)]
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
    with socket.create_connection((host, port), timeout=RUN_LIMIT_S) as connection:
        connection.sendall(f"INFO {section}\r\n".encode())
        with connection.makefile("rb") as replies:
            header = replies.readline()
            if not header.startswith(b"$"):
                raise RuntimeError(f"INFO on port {port}: {header!r}")
            text = replies.read(int(header[1:])).decode(errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def require_benchmark() -> None:
    if shutil.which("redis-benchmark") is None:
        raise SystemExit("compare: redis-benchmark is missing; it is in Debian's package redis-tools")
