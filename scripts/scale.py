#!/usr/bin/env python3
"""What grows with the data? Throughput, memory, disk and restarts as keys become more, and a data set larger than memory.

    scripts/scale.py --server target/dist/catamaran                             # both parts, half an hour; writes docs/performance.md
    scripts/scale.py --server ... --parts keys --keys 100000,1000000,10000000   # ten million: needs six gigabytes of memory for Redis
    scripts/scale.py --server ... --parts larger --hot-tier-size 16mb --block-cache-size 32mb --larger-keys 4000000
    scripts/scale.py --server ... --quick                                       # to see that it works; leaves the page alone

Part `keys`: for each number of keys every server is filled with small strings, GET and SET are measured in turns, then each is asked for its
memory (resident, in its default configuration), its disk, and how long a restart takes until it answers a GET. Redis is measured twice, with its
log (AOF) and with a snapshot (RDB), which a `SAVE` writes before the restart.

Part `larger`: a Catamaran with small caches and little memory for its files' pages, and values many times as large in all, so that it is the
disk that is read. Uniform and skewed reads, nine reads to a write, then writes of random keys as fast as they
are taken, and at a fixed rate that leaves compaction room, for long enough that it has to keep up. Redis, which has all of it in memory,
is there to show what that is worth.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from statistics import median

import contenders
import measuring
import scale_report
import scarce_memory
import usage
import workload
from contenders import Bench, Contender, Turns, numbers, words
from pages import bytes_text, grouped
from processes import stop_children_on_signals
from wire import Wire
from workload import Load

PARTS = ("keys", "larger")
SMALL_BYTES = 16
PIPELINES = (1, 16)
RESTART_LIMIT_S = 600.0
# What a paced run leaves of the rate that writes had when nothing held them back but the server.
PACED_SHARE = 0.7
RATE_UNKNOWN = 5000.0
FILL_PIPELINE = 16
REDIS = "redis, all in memory"
UNPACED, PACED = "SET, uniform, unpaced", "SET, uniform, at a fixed rate"
FULL = {
    "keys": [100_000, 1_000_000],
    "requests": 100_000,
    "rounds": 5,
    "larger_keys": 2_000_000,
    "value_bytes": 1024,
    "memory_mib": 640,
    "seconds": 20.0,
    "overwrite_seconds": 120.0,
}
QUICK = {
    "keys": [5_000, 20_000],
    "requests": 4_000,
    "rounds": 1,
    "larger_keys": 30_000,
    "value_bytes": 1024,
    "memory_mib": 640,
    "seconds": 2.0,
    "overwrite_seconds": 3.0,
}


def main() -> int:
    options = parse_options()
    if options.report:
        scale_report.write(json.loads(options.report.read_text()), options.report.parent, options.documentation)
        return 0
    stop_children_on_signals()
    workload.require_benchmark()
    tool = contenders.testkit_tool("load")
    contenders.warn_if_busy()
    results = {
        "machine": contenders.describe_machine(),
        "settings": {name: getattr(options, name) for name in (*FULL, "hot_tier_size", "block_cache_size", "quick")},
        "versions": {},
        "keys": {},  # number of keys -> contender -> what was measured
        "larger": {},  # contender -> step -> what was measured
        "failures": [],
    }
    if "keys" in options.parts:
        for keys in options.keys:
            run_keys(options, keys, results)
            measuring.save(options.output, results)
    if "larger" in options.parts:
        for contender in larger_contenders(options):
            run_larger(options, contender, tool, results)
            measuring.save(options.output, results)
    scale_report.write(results, options.output, options.documentation)
    return 0


def parse_options() -> argparse.Namespace:
    parser = measuring.command_line(__doc__, "scale")
    parser.add_argument("--parts", type=words, default=list(PARTS), metavar=",".join(PARTS))
    parser.add_argument("--keys", type=numbers, metavar="N,N", help=f"small strings (default {FULL['keys']})")
    parser.add_argument("--requests", type=int, metavar="N", help=f"of one load at P=1 (default {FULL['requests']})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"of GET and SET (default {FULL['rounds']})")
    parser.add_argument("--larger-keys", type=int, metavar="N", help=f"default {FULL['larger_keys']}")
    parser.add_argument("--value-bytes", type=int, metavar="N", help=f"of these (default {FULL['value_bytes']})")
    parser.add_argument("--hot-tier-size", default="64mb", metavar="SIZE", help="for the larger data set (default 64mb)")
    parser.add_argument("--block-cache-size", default="128mb", metavar="SIZE", help="for the larger data set (default 128mb)")
    parser.add_argument("--memory-mib", type=int, metavar="N", help=f"of the server and its files' pages, for the larger data set (default {FULL['memory_mib']})")
    parser.add_argument("--seconds", type=float, metavar="S", help=f"of each load on it (default {FULL['seconds']:g})")
    parser.add_argument("--overwrite-seconds", type=float, metavar="S", help=f"default {FULL['overwrite_seconds']:g}, twice")
    parser.add_argument("--rate", type=float, metavar="N", help=f"of the paced writes (default {PACED_SHARE} of what was taken unpaced)")
    parser.add_argument("--keep-page-cache", action="store_true", help="let the operating system keep the files' pages in memory")
    parser.add_argument("--no-redis", action="store_true", help="leave out redis-server")
    options = measuring.parse(parser, FULL, QUICK)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(PARTS)}")
    if min(*options.keys, options.requests, options.rounds, options.larger_keys, options.value_bytes, options.memory_mib) < 1:
        parser.error("numbers must be positive")
    return options


def tell(*texts: str) -> None:
    print(*texts, sep="", end="", file=sys.stderr, flush=True)


# --- as keys become more ---


def keys_contenders(options) -> list[Contender]:
    compared = [contenders.catamaran(options.server, "catamaran", *contenders.durability())]
    if not options.no_redis:
        compared.append(contenders.redis("redis AOF", *contenders.durability()))
        compared.append(contenders.redis("redis RDB", "--appendonly", "no", "--save", ""))
    return list(filter(None, compared))


def run_keys(options, keys: int, results: dict) -> None:
    figures = results["keys"].setdefault(str(keys), {})
    loads = [Load(command, SMALL_BYTES, pipeline) for command in ("GET", "SET") for pipeline in PIPELINES]
    with Turns(keys_contenders(options)) as turns:
        for bench in turns.each():
            results["versions"][bench.name] = contenders.version(bench.host, bench.port)
            tell(f"{grouped(keys)} keys: {bench.name} is filled")
            begun = time.monotonic()
            workload.fill(bench.host, bench.port, keys, SMALL_BYTES)
            figures[bench.name] = {"fill_s": time.monotonic() - begun, "rates": {}}
            tell(f" in {figures[bench.name]['fill_s']:.1f} s\n")
            workload.settle(bench.host, bench.port)
            figures[bench.name]["filled_memory_bytes"] = usage.memory_bytes(bench.pid)
        rates: dict[tuple[str, str], list[float]] = {}
        for number in range(1, options.rounds + 1):
            for load in loads:
                name = f"{load.command}, P={load.pipeline}"
                tell(f"{grouped(keys)} keys, round {number} of {options.rounds}: {name}:")
                for bench in turns.each():
                    with contenders.noted(results["failures"], f"{name} at {grouped(keys)} keys", bench.name):
                        measured = workload.measure(load, bench.host, bench.port, keys, load.requests(options.requests))
                        rates.setdefault((bench.name, name), []).append(measured.rate)
                        tell(f"  {bench.name} {measured.rate / 1000:.1f}k")
                tell("\n")
        for (contender, name), measured in rates.items():
            figures[contender]["rates"][name] = median(measured)
        for bench in turns.each():
            figures[bench.name] |= weigh_and_restart(bench, keys)


def weigh_and_restart(bench: Bench, keys: int) -> dict:
    workload.settle(bench.host, bench.port)
    figures = {"memory_bytes": usage.memory_bytes(bench.pid), "peak_memory_bytes": usage.memory_bytes(bench.pid, "VmHWM")}
    if bench.name == "redis RDB":
        with Wire(bench.port) as wire:
            wire.socket.settimeout(RESTART_LIMIT_S)
            wire.command("SAVE")
    begun = time.monotonic()
    bench.server.stop(RESTART_LIMIT_S)
    figures["stop_s"] = time.monotonic() - begun
    figures["disk_bytes"] = usage.disk_bytes(bench.server.dir)
    begun = time.monotonic()
    bench.server.start(RESTART_LIMIT_S)
    with Wire(bench.port) as wire:
        for number in (0, keys // 2, keys - 1):
            value = wire.command("GET", f"key:{number:012}")
            if not isinstance(value, bytes):
                raise RuntimeError(f"{bench.name} lost key {number} by a restart: {value!r}")
    figures["restart_s"] = time.monotonic() - begun
    figures["restarted_memory_bytes"] = usage.memory_bytes(bench.pid)
    tell(
        f"{grouped(keys)} keys: {bench.name} has {bytes_text(figures['memory_bytes'])} of memory, {bytes_text(figures['disk_bytes'])} on the disk, "
        f"and was back after {figures['restart_s']:.2f} s\n"
    )
    return figures


# --- larger than memory ---


def larger_contenders(options) -> list[Contender]:
    small = ("--hot-tier-size", options.hot_tier_size, "--block-cache-size", options.block_cache_size)
    compared = [contenders.catamaran(options.server, "catamaran, small caches", *small, *contenders.durability())]
    if not options.no_redis:
        compared.append(contenders.redis(REDIS, *contenders.durability()))
    return list(filter(None, compared))


def run_larger(options, contender: Contender, tool: Path, results: dict) -> None:
    """One server after the other, as each takes much of the machine. All steps on one data set."""
    figures = results["larger"].setdefault(contender.name, {})
    # Half of each value is random: one that compresses to nothing would make the data set a small one on the disk.
    count, value = options.larger_keys, f"{{mixed:{options.value_bytes}}}"
    uniform, zipf = f"key:{{rand:{count}:12}}", f"key:{{zipf:{count}:12}}"
    with Turns([contender]) as turns, turns.of(contender.name) as bench:
        results["versions"][bench.name] = contenders.version(bench.host, bench.port)
        tell(f"{bench.name}: {grouped(count)} values of {options.value_bytes} bytes\n")
        fill = f"SET key:{{seq:12}} {value}"
        workload.run_load(tool, bench.host, bench.port, fill, clients=workload.CLIENTS, pipeline=FILL_PIPELINE, requests=count)
        workload.settle(bench.host, bench.port)
        with memory_of(options, bench) as how:
            figures["how"] = how
            steps = [
                ("GET, uniform", f"GET {uniform}", options.seconds),
                ("GET, Zipf", f"GET {zipf}", options.seconds),
                ("nine GETs to a SET, Zipf", f"9 GET {zipf} | 1 SET {zipf} {value}", options.seconds),
                (UNPACED, f"SET {uniform} {value}", options.overwrite_seconds),
                (PACED, f"SET {uniform} {value}", options.overwrite_seconds),
            ]
            for name, command, seconds in steps:
                rate = paced_rate(options, figures) if name == PACED else None
                with contenders.noted(results["failures"], name, bench.name):
                    figures[name] = measure_step(bench, tool, command, seconds, rate, 16 + options.value_bytes)
                    tell_step(bench, name, figures[name])
        workload.settle(bench.host, bench.port)
        figures["disk_bytes"] = usage.disk_bytes(bench.server.dir)
        figures["peak_memory_bytes"] = usage.memory_bytes(bench.pid, "VmHWM")


def memory_of(options, bench: Bench):
    """Redis has all of its data in memory, and is there to show what that is worth."""
    if options.keep_page_cache or bench.name == REDIS:
        return contextlib.nullcontext("")
    return scarce_memory.held(bench.pid, bench.server.dir, options.memory_mib << 20)


def paced_rate(options, figures: dict) -> float:
    """Where the unpaced writes failed nothing is known of the rate that can be held; a low one may show more."""
    return options.rate or (PACED_SHARE * figures[UNPACED]["rate"] if UNPACED in figures else RATE_UNKNOWN)


def measure_step(bench: Bench, tool: Path, command: str, seconds: float, rate: float | None, write_bytes: int) -> dict:
    before, stalled = usage.of(bench.pid), stalls(bench)
    report = workload.run_load(tool, bench.host, bench.port, command, clients=workload.CLIENTS, seconds=seconds, rate=rate)
    used, after = usage.of(bench.pid) - before, stalls(bench)
    writes = sum(part["count"] for part in report["parts"] if part["command"].startswith("SET"))
    kept = ("rate", "p50_us", "p99_us", "p99_9_us", "max_us", "longest_silence_us")
    return {
        **{name: report[name] for name in kept},
        "asked_rate": rate,
        "cpu_us": 1e6 * used.cpu_s / report["count"],
        "written_per_byte": used.written_bytes / (writes * write_bytes) if writes else None,
        "read_bytes_per_request": used.read_bytes / report["count"],
        "stalls": {name: after[name] - stalled.get(name, 0) for name in after},
        "memory_bytes": usage.memory_bytes(bench.pid),
    }


def stalls(bench: Bench) -> dict[str, int]:
    """What RocksDB says of writes that it held back, where the server has RocksDB."""
    info = workload.info(bench.host, bench.port, "everything")
    return {name: int(info[name]) for name in ("rocksdb_stalls", "rocksdb_stops", "rocksdb_stall_usec") if info.get(name, "").isdigit()}


def tell_step(bench: Bench, name: str, figures: dict) -> None:
    tell(
        f"{bench.name}: {name}: {figures['rate'] / 1000:.1f}k/s, p99.9 {figures['p99_9_us'] / 1000:.1f} ms, longest {figures['max_us'] / 1000:.0f} ms\n"
    )


if __name__ == "__main__":
    sys.exit(main())
