#!/usr/bin/env python3
"""What does each of RocksDB's options give? Runs the server with one of them changed at a time, beside the default.

    scripts/tune.py --server target/dist/catamaran                       # everything, twelve minutes; writes docs/rocksdb.md
    scripts/tune.py --server ... --only bottommost-compression,filter    # some options
    scripts/tune.py --server ... --keys 5000000 --large-keys 500000      # more data, more time
    scripts/tune.py --server ... --quick                                 # to see that it works; leaves the page alone

Every row is a server of its own with an empty directory, the hot tier off and a block cache that holds a part of the data, so that it is
RocksDB that is measured. Small values: SETs of random keys, as many as there are keys, then three times as many (overwriting), then
GETs of few keys (block cache), of all (page cache) and of keys that are not there (filters). Large values: a fill, overwriting, GETs of all.
Told are the server's processor time for each request, the 99th percentile of writes, and what it had written to the disk for each byte of
keys and values once it came to rest. The default is measured again and again in between: what it differs by from itself is noise.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import contenders
import measuring
import tune_report
import usage
import workload
from contenders import Bench, Contender, Turns, words
from processes import stop_children_on_signals

SMALL_BYTES, LARGE_BYTES = 64, 4096
PIPELINE = 16
# Of the keys, those that the block cache is to hold.
FEW_SHARE = 50
# How often each key is written once it is there: so that what is old has to be compacted away.
OVERWRITES = 3
DEFAULT = "default"
# After how many rows the default is measured once more.
DEFAULT_EVERY = 8
FULL = {"keys": 600_000, "large_keys": 50_000, "block_cache": "16mb"}
QUICK = {"keys": 5_000, "large_keys": 500, "block_cache": "1mb"}


@dataclass(frozen=True)
class Choice:
    """An option, or several that belong together, with the values that were tried in place of the default."""

    name: str
    default: str
    others: dict[str, tuple[str, ...]]  # as it is called in the table -> options of the server
    why: str
    parts: tuple[str, ...] = ("small",)
    beside: tuple[str, ...] = ()  # what the default it is compared with has besides

    @property
    def base(self) -> str:
        """The row that the others are compared with."""
        return " ".join((DEFAULT, *self.beside)).replace("--", "")


def choice(name: str, default: str, others: str, why: str, *parts: str, beside: tuple[str, ...] = ()) -> Choice:
    """One option and its other values."""
    option = "write-buffer-size" if name == "write-buffer-size" else f"rocksdb-{name}"
    return Choice(option, default, {value: (f"--{option}", value) for value in others.split()}, why, parts or ("small",), beside)


THREADS = ("--storage-threads", "3")
EVERYTHING = ("small", "large")
CHOICES = [
    choice("write-buffer-size", "8mb", "2mb 32mb", "small enough for the processor's cache, and large enough that flushes are few"),
    choice("write-buffers-per-flush", "4", "1 8", "keys that are written again meanwhile reach the disk once; more of them hold more memory"),
    choice("write-buffers", "12", "6", "room for a burst while a flush is under way; it is memory only then"),
    choice("log-size", "256mb", "64mb 1gb", "bounds what a start after a crash reads again; a smaller one flushes memtables before four are full"),
    choice("log-compression", "none", "zstd", "a third less is written, by the thread that commits: there processor time is latency"),
    choice("pipelined-write", "no", "yes", "a worker commits a group at once, so there is no next group to overlap with; several threads may gain", beside=THREADS),
    choice("concurrent-memtable-write", "yes", "no", "one storage thread does not use it; with several, their commits need not wait for each other", beside=THREADS),
    choice("compression", "lz4", "none zstd", "what lies there is soon written again: Zstd costs time for a gain that the next compaction brings anyway", *EVERYTHING),
    choice("bottommost-compression", "lz4", "none zstd", "a read that finds its block in the page cache costs three fifths of what it does in Zstd, whose files are a little smaller", *EVERYTHING),
    choice("block-size", "4kb", "8kb 16kb", "less to decompress for a value; the index is larger, but still a fifth of the filters"),
    choice("filter", "bloom", "none ribbon", "without one a key that is absent costs six times as much, and a SET looks for its key first"),
    choice("filter-bits", "10", "6 16", "with 6 an absent key costs half as much again; 16 are no better than 10"),
    choice("partitioned-index", "no", "yes", "one more lookup for each file; pays only where filters do not fit into memory"),
    choice("blob-min-size", "0", "2kb", "fewer bytes are written, and compactions cost less; but overwritten values stay on the disk longer (see below)", "large"),
    choice("direct-reads", "no", "yes", "the page cache is where blocks lie that have no room in the block cache", *EVERYTHING),
    choice("direct-background-io", "no", "yes", "what a flush or compaction has just written is what is read next", *EVERYTHING),
    choice("compaction-readahead", "256kb", "0 2mb", "reads of clients wait behind it; RocksDB's own default, 2 MiB, is for disks that seek", "large"),
    choice("compaction-nice", "5", "0 10", "clients are served first where the processor is short, but compactions keep up", "large"),
    choice("background-rate", "0", "20mb", "what it spares the disk now it owes later; whoever shares the disk can set it", "large"),
    choice("delete-rate", "256mb", "0 1gb", "reads wait while the disk is told of the blocks of a deleted file, and compactions delete a dozen at once", "large"),
    choice("background-jobs", "2", "1 4", "one for each core, two at least: a flush need not wait for a compaction", "large"),
]


def main() -> int:
    options = parse_options()
    if options.report:
        tune_report.write(json.loads(options.report.read_text()), CHOICES, options.report.parent, options.documentation)
        return 0
    stop_children_on_signals()
    tool = contenders.testkit_tool("load")
    contenders.warn_if_busy()
    chosen = pick(options.only)
    results = {
        "machine": contenders.describe_machine(),
        "settings": {name: getattr(options, name) for name in (*FULL, "quick")} | {"load_average": os.getloadavg()[0]},
        "versions": {},
        "rows": {},  # row -> figure -> its values, one of each time that it was measured
        "failures": [],
    }
    begun = time.monotonic()
    for row, arguments, parts in plan(chosen):
        run_row(options, tool, row, arguments, parts, results)
        results["settings"]["seconds"] = round(time.monotonic() - begun)
        measuring.save(options.output, results)
    tune_report.write(results, CHOICES, options.output, options.documentation)
    return 0


def parse_options() -> argparse.Namespace:
    parser = measuring.command_line(__doc__, "tune")
    parser.add_argument("--only", type=words, metavar="NAME,NAME", help="options whose name contains one of these; leaves the page alone")
    parser.add_argument("--keys", type=int, metavar="N", help=f"with values of {SMALL_BYTES} bytes (default {FULL['keys']})")
    parser.add_argument("--large-keys", type=int, metavar="N", help=f"with values of {LARGE_BYTES} bytes (default {FULL['large_keys']})")
    parser.add_argument("--block-cache", metavar="SIZE", help=f"default {FULL['block_cache']}")
    options = measuring.parse(parser, FULL, QUICK)
    if options.only:
        options.documentation = None
    if min(options.keys, options.large_keys) < FEW_SHARE:
        parser.error(f"at least {FEW_SHARE} keys are needed")
    return options


def pick(only: list[str] | None) -> list[Choice]:
    chosen = [choice for choice in CHOICES if only is None or any(word in choice.name for word in only)]
    if not chosen:
        raise SystemExit(f"no such option; known are {', '.join(choice.name for choice in CHOICES)}")
    return chosen


def plan(chosen: list[Choice]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Rows in their order, each with its options and parts: the default first, last, and now and then in between."""
    rows, seen = [], set()
    for choice in chosen:
        if choice.beside and choice.base not in seen:
            seen.add(choice.base)
            rows.append((choice.base, choice.beside, choice.parts))
        rows += [(tune_report.row_name(choice, label), (*arguments, *choice.beside), choice.parts) for label, arguments in choice.others.items()]
    default = (DEFAULT, (), tuple(dict.fromkeys(part for choice in chosen for part in choice.parts)))
    planned = [default]
    for number, row in enumerate(rows, 1):
        planned.append(row)
        if number % DEFAULT_EVERY == 0 and number + DEFAULT_EVERY // 2 < len(rows):
            planned.append(default)
    return [*planned, default]


def run_row(options, tool: Path, row: str, arguments: tuple[str, ...], parts: tuple[str, ...], results: dict) -> None:
    base = ("--hot-tier-size", "0", "--block-cache-size", options.block_cache, *contenders.durability())
    figures = results["rows"].setdefault(row, {})
    measures = {"small": measure_small, "large": measure_large}
    for part in parts:
        print(f"{row}: {part}: ", end="", file=sys.stderr, flush=True)
        with contenders.noted(results["failures"], part, row):
            with Turns([contenders.catamaran(options.server, "tuned", *base, *arguments)]) as turns, turns.of("tuned") as bench:
                results["versions"].setdefault("catamaran", contenders.version(bench.host, bench.port))
                measured = measures[part](options, bench, tool)
            for name, value in measured.items():
                figures.setdefault(name, []).append(value)
            print(" ".join(f"{name} {value:.2f}" for name, value in measured.items()), end="", file=sys.stderr)
        print(file=sys.stderr, flush=True)


def measure_small(options, bench: Bench, tool: Path) -> dict[str, float]:
    keys, few = options.keys, options.keys // FEW_SHARE
    write = f"SET key:{{rand:{keys}:12}} {{mixed:{SMALL_BYTES}}}"
    before = usage.of(bench.pid)
    fill, overwrite = put(bench, tool, write, keys), put(bench, tool, write, OVERWRITES * keys)
    figures = {"small_fill_us": fill["cpu_us"], "small_overwrite_us": overwrite["cpu_us"], "small_p99_ms": overwrite["p99_ms"]}
    figures |= at_rest(bench, before, (1 + OVERWRITES) * keys, SMALL_BYTES + 16, "small")
    put(bench, tool, f"GET key:{{rand:{few}:12}}", keys // 5)  # into the block cache
    reads = {"cached": f"GET key:{{rand:{few}:12}}", "": f"GET key:{{rand:{keys}:12}}", "absent": f"GET no:{{rand:{keys}:12}}"}
    for name, command in reads.items():
        figures["_".join(filter(None, ("small_get", name, "us")))] = put(bench, tool, command, keys // 2)["cpu_us"]
    return figures | {"small_memory_bytes": usage.memory_bytes(bench.pid)}


def measure_large(options, bench: Bench, tool: Path) -> dict[str, float]:
    keys = options.large_keys
    write = f"SET key:{{rand:{keys}:12}} {{mixed:{LARGE_BYTES}}}"
    before = usage.of(bench.pid)
    put(bench, tool, write, keys)
    overwrite = put(bench, tool, write, OVERWRITES * keys)
    figures = {"large_overwrite_us": overwrite["cpu_us"], "large_p99_ms": overwrite["p99_ms"]}
    figures |= at_rest(bench, before, (1 + OVERWRITES) * keys, LARGE_BYTES + 16, "large")
    return figures | {"large_get_us": put(bench, tool, f"GET key:{{rand:{keys}:12}}", 2 * keys)["cpu_us"]}


def put(bench: Bench, tool: Path, command: str, requests: int) -> dict[str, float]:
    """Puts one load on the server: its processor time for a request, and the 99th percentile."""
    before = usage.of(bench.pid)
    report = workload.run_load(tool, bench.host, bench.port, command, workload.CLIENTS, PIPELINE, requests=requests)
    used = usage.of(bench.pid) - before
    return {"cpu_us": 1e6 * used.cpu_s / requests, "p99_ms": report["p99_us"] / 1000}


def at_rest(bench: Bench, before: usage.Usage, writes: int, user_bytes: int, part: str) -> dict[str, float]:
    """What all of it cost once the background is done."""
    workload.settle(bench.host, bench.port)
    used = usage.of(bench.pid) - before
    return {
        f"{part}_all_us": 1e6 * used.cpu_s / writes,
        f"{part}_written_per_byte": used.written_bytes / (writes * user_bytes),
        f"{part}_disk_bytes": usage.disk_bytes(bench.server.dir),
    }


if __name__ == "__main__":
    sys.exit(main())
