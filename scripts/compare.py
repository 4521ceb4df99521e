#!/usr/bin/env python3
"""Measures Catamaran beside its peers, in turns, on this machine, and says how they compare.

    scripts/compare.py --server target/dist/catamaran                                # everything, about an hour
    scripts/compare.py --server ... --only set,get --pipeline 1,16 --clients 50      # the figures of the README, minutes
    scripts/compare.py --server ... --only collections --rounds 3                    # every data type
    scripts/compare.py --server ... --quick                                          # to see that it works; leaves the pages alone
    scripts/compare.py --server ... --peer kvrocks=127.0.0.1:7000                    # beside one that runs already
    scripts/compare.py --report target/compare/results.json                          # writes the pages anew from an earlier run

Only ratios mean something: machines differ, and a shared one differs from minute to minute. So every server gets its turn at
a load before the next load begins, that repeats over rounds, and medians are compared (`contenders.py` has the turns).

A `--peer` is neither started, stopped nor emptied; its keys `key:*`, `counter:*` and those of the collections are overwritten.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import compare_report
import contenders
import measuring
import usage
import workload
from compare_report import Results
from contenders import Contender, Turns, numbers, words
from processes import stop_children_on_signals
from tclsuite import default_cache
from workload import Load

RUNTIME_MODES = ("dual", "single")
SIZES = {"64": 64, "1k": 1024, "4k": 4096}
DISTRIBUTIONS = ("uniform", "zipf")
# Loads whose latency is measured at half of what the slowest took: of these commands, by the usual number of clients.
HALF_LOAD_COMMANDS = ("SET", "GET")
HALF_LOAD_S = 5.0

FULL = {"keys": 1_000_000, "requests": 80_000, "rounds": 5, "ping_seconds": 3.0}
QUICK = {"keys": 20_000, "requests": 4_000, "rounds": 1, "ping_seconds": 1.0}
# Collections that are read have a tenth of the keys as elements; how their size matters is `growth.py`'s question.
ELEMENTS_SHARE = 10


def main() -> int:
    options = parse_options()
    if options.report:
        results = compare_report.load(options.report)
        compare_report.write(results, options.report.parent, options.documentation)
        return 0
    stop_children_on_signals()
    workload.require_benchmark()
    compared = assemble(options)
    contenders.warn_if_busy()
    loads = workload.loads(options.only, options.pipeline, options.clients, options.sizes, options.distribution)
    print(f"comparing {', '.join(contender.name for contender in compared)}: {len(loads)} loads", file=sys.stderr)
    results = Results(
        settings={name: getattr(options, name) for name in ("keys", "requests", "rounds", "appendfsync", "quick")},
        machine=contenders.describe_machine(),
    )
    began = time.monotonic()
    # Servers begin anew for each size, and for collections, so that none carries the leftovers of another load.
    for _, group in itertools.groupby(sorted(loads, key=server_group), key=server_group):
        run_group(options, compared, list(group), results)
        save(options.output, results, began)
    if options.ping:
        run_ping(options, compared, results)
    save(options.output, results, began)
    compare_report.write(results, options.output, options.documentation)
    return 0


def parse_options() -> argparse.Namespace:
    parser = measuring.command_line(__doc__, "compare")
    parser.add_argument("--runtime-modes", type=words, default=list(RUNTIME_MODES), metavar="dual,single")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=HOST:PORT", help="a server that runs already")
    parser.add_argument("--no-redis", action="store_true", help="leave out redis-server")
    parser.add_argument("--no-valkey", action="store_true", help="leave out valkey-server")
    parser.add_argument("--appendfsync", choices=contenders.FSYNC_MODES, default="everysec", help="for all servers (default everysec)")
    known = ",".join(workload.COMMANDS).lower()
    parser.add_argument("--only", type=words, default=list(workload.COMMANDS), metavar="SET,GET", help=f"of {known}, or strings, collections")
    parser.add_argument("--pipeline", type=numbers, default=[1, 16, 64], metavar="1,16,64")
    parser.add_argument("--clients", type=numbers, default=[50, 1, 500], metavar="50,1,500", help="for SET and GET; the others have 50")
    parser.add_argument("--sizes", type=words, default=["64", "4k"], metavar="64,4k", help=f"of values, of {', '.join(SIZES)}")
    parser.add_argument("--distribution", type=words, default=list(DISTRIBUTIONS), metavar="uniform,zipf", help="of the keys of SET and GET")
    parser.add_argument("--no-ping", dest="ping", action="store_false", help="leave out PING under a flood of SETs")
    parser.add_argument("--no-half-load", dest="half_load", action="store_false", help="leave out latencies at half of the peak load")
    parser.add_argument("--keys", type=int, metavar="N", help=f"random keys out of so many (default {FULL['keys']}, fewer if large)")
    parser.add_argument("--requests", type=int, metavar="N", help=f"of one load at P=1 (default {FULL['requests']})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {FULL['rounds']}")
    parser.add_argument("--ping-seconds", type=float, metavar="S", help=f"default {FULL['ping_seconds']}")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where valkey-server is kept")
    options = measuring.parse(parser, FULL, QUICK)
    options.only = chosen_commands(options.only, parser)
    for given, known in ((options.sizes, SIZES), (options.distribution, DISTRIBUTIONS), (options.runtime_modes, RUNTIME_MODES)):
        unknown = [word for word in given if word not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    options.sizes = [SIZES[word] for word in options.sizes]
    if min(options.keys, options.requests, options.rounds, *options.clients, *options.pipeline) < 1:
        parser.error("numbers must be positive")
    return options


def chosen_commands(given: list[str], parser: argparse.ArgumentParser) -> list[str]:
    names = []
    for word in given:
        word = word.upper()
        if word in ("STRINGS", "COLLECTIONS"):
            names += getattr(workload, word)
        elif word in workload.COMMANDS:
            names.append(word)
        else:
            parser.error(f"unknown: {word}; known are {', '.join(workload.COMMANDS)}, strings, collections")
    # In the table's order, whatever the order given: groups that share a server stay together.
    return [name for name in workload.COMMANDS if name in names]


def assemble(options: argparse.Namespace) -> list[Contender]:
    durability = contenders.durability(options.appendfsync)
    compared = [
        contenders.catamaran(options.server, f"catamaran {mode}", "--runtime-mode", mode, *durability) for mode in options.runtime_modes
    ]
    if not options.no_redis:
        compared.append(contenders.redis("redis", *durability))
    if not options.no_valkey:
        compared.append(contenders.valkey(options.cache, *durability))
    return [*filter(None, compared), *map(contenders.running, options.peer)]


def server_group(load: Load) -> tuple[bool, int]:
    """What loads that share a server have in common."""
    return load.command in workload.COLLECTIONS, load.value_bytes


# --- the run ---


def run_group(options, compared: list[Contender], loads: list[Load], results: Results) -> None:
    """All rounds of some loads, on servers that are started and filled for them."""
    elements = max(1000, options.keys // ELEMENTS_SHARE)
    load_tool = contenders.testkit_tool("load") if options.half_load or any(load.distribution == "zipf" for load in loads) else None
    size = loads[0].value_bytes
    with Turns(compared) as turns:
        for bench in turns.each():
            results.versions[bench.name] = contenders.version(bench.host, bench.port)
            if any(load.command in workload.STRINGS for load in loads):
                workload.fill(bench.host, bench.port, workload.keys_for(options.keys, size), size)
            workload.prepare(bench.host, bench.port, loads, elements)
        for number in range(1, options.rounds + 1):
            for load in loads:
                tell(f"round {number} of {options.rounds}: {load.name}")
                for bench in turns.each():
                    count, different = load.requests(options.requests), load.numbers(options.keys, elements)
                    with contenders.noted(results.failures, load.name, bench.name):
                        measured = workload.measure(load, bench.host, bench.port, different, count, bench.pid, load_tool)
                        results.add(load, bench.name, measured)
                        tell(f"  {bench.name} {measured.rate / 1000:.1f}k")
                tell("\n")
        if all(load.command in workload.STRINGS for load in loads):
            run_out(options, turns, loads, results)
        if options.half_load:
            run_half_load(options, turns, loads, load_tool, results)


def run_out(options, turns: Turns, loads: list[Load], results: Results) -> None:
    """Lets each server finish what it left to the background: only then is it known what all of it cost the disk."""
    size = loads[0].value_bytes
    brought = workload.keys_for(options.keys, size) * workload.Load("SET", size).user_bytes()
    for load in loads:
        if workload.COMMANDS[load.command].brings_data:
            brought += options.rounds * load.requests(options.requests) * load.user_bytes()
    for bench in turns.each():
        if bench.pid:
            workload.settle(bench.host, bench.port)
            written = usage.of(bench.pid).written_bytes
            results.written.setdefault(workload.size_text(size), {})[bench.name] = written / brought


def run_half_load(options, turns: Turns, loads: list[Load], load_tool: Path, results: Results) -> None:
    """The same rate for all: half of what the slowest of them took."""
    for load in loads:
        if load.command not in HALF_LOAD_COMMANDS or load.clients != workload.CLIENTS or load.distribution != "uniform":
            continue
        rates = [results.rate(load.name, name) for name in turns.benches]
        if None in rates:
            continue
        rate = min(rates) / 2
        command = " ".join(load.words(f"{{rand:{load.numbers(options.keys, 0)}:12}}"))
        seconds = options.ping_seconds if options.quick else HALF_LOAD_S
        reports = {name: [] for name in turns.benches}
        for _ in range(options.rounds):
            tell(f"half of the peak, {rate / 1000:.1f}k/s of {load.name}, p99:")
            for bench in turns.each():
                with contenders.noted(results.failures, f"{load.name} at half of the peak", bench.name):
                    report = workload.run_load(
                        load_tool, bench.host, bench.port, command, load.clients, load.pipeline, seconds=seconds, rate=rate
                    )
                    reports[bench.name].append({key: report[key] for key in ("p50_us", "p99_us", "p99_9_us", "max_us")})
                    tell(f"  {bench.name} {report['p99_us'] / 1000:.2f} ms")
            tell("\n")
        results.half_load[load.name] = {"rate": rate, "contenders": reports}


def run_ping(options, compared: list[Contender], results: Results) -> None:
    tool = contenders.testkit_tool("latency")
    keys = workload.keys_for(options.keys, workload.FLOOD_BYTES)
    with Turns(compared) as turns:
        for bench in turns.each():
            results.versions[bench.name] = contenders.version(bench.host, bench.port)
            workload.fill(bench.host, bench.port, keys, workload.FLOOD_BYTES)
        for _ in range(options.rounds):
            tell("PING under flood, p99:")
            for bench in turns.each():
                with contenders.noted(results.failures, "PING under a flood", bench.name):
                    report = workload.ping_under_flood(tool, bench.host, bench.port, keys, options.ping_seconds)
                    results.ping.setdefault(bench.name, []).append(report)
                    tell(f"  {bench.name} {report['p99_us'] / 1000:.1f} ms")
            tell("\n")


def save(output: Path, results: Results, began: float) -> None:
    # Kept after each group: a run that is cut short has something to show.
    results.settings["seconds"] = round(time.monotonic() - began)
    measuring.save(output, results.to_json())


def tell(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
