#!/usr/bin/env python3
"""What does a command cost? CPU time by thread, system calls and context switches for each command, beside Redis, into docs/performance.md.

    scripts/profile_commands.py --server target/dist/catamaran

Each load is run twice: once as it is, for times and switches, which the kernel counts for each thread; and once under `strace -c`, which
slows it down, for system calls alone. Where a thread's time goes inside, `perf record -g -p PID` shows.
"""

import argparse
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import contenders
import workload
from contenders import Turns
from pages import ROOT, markers, rewrite, significant, table
from processes import stop_children_on_signals

BEGIN, END = markers("what a command costs", "profile_commands.py")
CLIENTS = 50
KEYS = 1_000_000
VALUE_BYTES = 64
REQUESTS = {1: 400_000, 16: 3_000_000}
TRACED_SHARE = 8  # a traced run has one request for so many
COMMANDS = ("GET", "SET")
# What the kernel calls the threads, and how the table does.
GROUPS = {"network": "network", "storage": "storage", "rocksdb": "RocksDB's own"}
WAITS = ("futex", "epoll_wait", "epoll_pwait", "epoll_pwait2")


@dataclass
class Cost:
    """For each command: microseconds by group of threads, switches, and system calls by name."""

    cpu_us: dict[str, float] = field(default_factory=dict)
    switches: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)


@dataclass
class Threads:
    """What the kernel has counted so far."""

    cpu_s: dict[str, float]
    switches: int

    @staticmethod
    def of(pid: int) -> "Threads":
        cpu_s: dict[str, float] = {}
        switches = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                name, stat, status = ((task / part).read_text() for part in ("comm", "stat", "status"))
            except FileNotFoundError:
                continue  # it has ended meanwhile
            group = next((shown for begins, shown in GROUPS.items() if name.startswith(begins)), "others")
            ticks = stat.rsplit(")", 1)[1].split()
            cpu_s[group] = cpu_s.get(group, 0.0) + (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
            switches += sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status))
        return Threads(cpu_s, switches)


def run(command: str, pipeline: int, requests: int, host: str, port: int) -> None:
    words = ["redis-benchmark", "-h", host, "-p", str(port), "-c", str(CLIENTS), "-P", str(pipeline), "-n", str(requests)]
    words += ["-r", str(KEYS), "-d", str(VALUE_BYTES), "-t", command.lower(), "-q"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def traced(pid: int, action) -> dict[str, int]:
    """System calls by name while something runs."""
    with tempfile.NamedTemporaryFile("r") as report:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", report.name, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        tracer.stderr.readline()  # it has attached
        action()
        tracer.send_signal(2)
        tracer.wait()
        lines = [line.split() for line in report.read().splitlines()]
    return {words[-1]: int(words[3]) for words in lines if len(words) >= 5 and words[3].isdigit() and words[-1] != "total"}


def measure(command: str, pipeline: int, host: str, port: int, pid: int) -> Cost:
    requests = REQUESTS[pipeline]
    run(command, pipeline, requests // 10, host, port)
    before = Threads.of(pid)
    run(command, pipeline, requests, host, port)
    after = Threads.of(pid)
    few = requests // TRACED_SHARE
    calls = traced(pid, lambda: run(command, pipeline, few, host, port))
    spent = {group: (seconds - before.cpu_s.get(group, 0.0)) / requests * 1e6 for group, seconds in after.cpu_s.items()}
    return Cost(spent, (after.switches - before.switches) / requests, {name: count / few for name, count in calls.items()})


def row(name: str, cost: Cost) -> list[str]:
    def called(*names: str) -> str:
        return significant(sum(cost.calls.get(name, 0.0) for name in names))

    parts = ", ".join(f"{group} {significant(us)}" for group, us in sorted(cost.cpu_us.items(), key=lambda item: -item[1]) if us >= 0.05)
    others = sum(cost.calls.values()) - sum(cost.calls.get(name, 0.0) for name in ("recvfrom", "read", "sendto", "write", *WAITS))
    return [
        name,
        f"{significant(sum(cost.cpu_us.values()))}: {parts}",
        called("recvfrom", "read"),
        called("sendto", "write"),
        called(*WAITS),
        significant(others),
        significant(cost.switches),
    ]


def main() -> None:
    stop_children_on_signals()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=str(ROOT / "target/dist/catamaran"), metavar="PATH", help="Catamaran's program")
    parser.add_argument("--no-pages", action="store_true", help="leave docs alone")
    options = parser.parse_args()
    workload.require_benchmark()
    contenders.warn_if_busy()
    servers = [contenders.catamaran(options.server, "Catamaran", *contenders.durability())]
    reference = contenders.redis("Redis", *contenders.durability())
    rows = []
    with Turns([*servers, *([reference] if reference else [])]) as turns:
        for bench in turns.each():
            workload.fill(bench.host, bench.port, KEYS, VALUE_BYTES)
        for command in COMMANDS:
            for pipeline in REQUESTS:
                for bench in turns.each():
                    cost = measure(command, pipeline, bench.host, bench.port, bench.pid)
                    rows.append(row(f"{command}, P={pipeline}, {bench.name}", cost))
                    print("  ".join(rows[-1]), flush=True)
    text = table(["", "CPU, µs: by threads", "reads", "writes", "waits and wake-ups", "other calls", "context switches"], rows)
    print("\n".join(text))
    if not options.no_pages:
        rewrite(ROOT / "docs/performance.md", "\n".join(text), BEGIN, END)


if __name__ == "__main__":
    main()
