#!/usr/bin/env python3
"""Does an operation cost more on a large collection than on a small one? Measures each on collections of several sizes, beside Redis.

    scripts/growth.py --server target/dist/catamaran                          # 10^3, 10^5 and 10^6 elements; writes docs/performance.md
    scripts/growth.py --server ... --elements 1000,100000,10000000            # takes ten minutes and ten gigabytes of memory
    scripts/growth.py --server ... --quick                                    # to see that it works; leaves the page alone

For each size every server is started anew and filled: as many string keys, and a hash, a set, a list, a sorted set and a stream of as
many elements. Then one client calls each operation many times, one call after the other (P=1), servers taking turns; what is told is the
median in microseconds. What adds or removes is paired with its opposite, so that the size stays what it is said to be; each half is
measured by itself. Much of each figure is the way there and back, which is the same for all sizes: the ratios are what this is about.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contenders
import measuring
import workload
from contenders import Bench, Contender, Turns, numbers, words
from pages import grouped, markers, rewrite, significant, table
from processes import stop_children_on_signals
from tclsuite import default_cache
from wire import Wire, encode, pour
from workload import variadic

PAGE = Path("docs") / "performance.md"
MARKERS = markers("growth", "growth.py")
VALUE = "x" * 16
SMALL_HASH = 10
FULL = {"elements": [1_000, 100_000, 1_000_000], "calls": 2000, "rounds": 3}
QUICK = {"elements": [1_000, 10_000], "calls": 200, "rounds": 1}
# One operation takes no longer than this in one round, however slow it is at this size.
OPERATION_LIMIT_S = 10.0
# Fields of all hashes that are made to be deleted; at least two, however large.
DELETED_FIELDS = 5_000_000
DELETED_HASHES_MAX = 50


@dataclass(frozen=True)
class Operations:
    """Commands that follow each other in one measurement, each with the name under which it is told."""

    names: tuple[str, ...]
    commands: tuple[str, ...]

    def collections(self) -> set[str]:
        """Which of them they are about."""
        return {word for command in self.commands for word in command.split() if word in FILLS}

    def filled(self, elements: int, turn: int = 0) -> str:
        """As the load client takes it. What is added in one turn has names of its own: names that are there add nothing."""
        facts = {"N": elements, "TURN": turn, "MIDDLE": elements // 2, "BEHIND": elements // 2 + 9}
        facts |= {"LOW": elements // 4, "HIGH": 3 * elements // 4}
        text = " | ".join(self.commands)
        for name, fact in facts.items():
            text = text.replace(f"<{name}>", str(fact))
        return text


def one(name: str, command: str) -> Operations:
    return Operations((name,), (command,))


# Reads come before what replaces elements by others, which would be asked for in vain.
OPERATIONS = [
    one("RANDOMKEY", "RANDOMKEY"),
    one("DBSIZE", "DBSIZE"),
    one("HGET", "HGET hash field:{rand:<N>:12}"),
    one("HSET", f"HSET hash field:{{rand:<N>:12}} {VALUE}"),
    one("HLEN", "HLEN hash"),
    one("HRANDFIELD", "HRANDFIELD hash"),
    one("SISMEMBER", "SISMEMBER set member:{rand:<N>:12}"),
    one("SRANDMEMBER", "SRANDMEMBER set"),
    Operations(("SADD", "SPOP"), ("SADD set new:<TURN>:{seq:12}", "SPOP set")),
    one("LLEN", "LLEN list"),
    one("LINDEX, middle", "LINDEX list <MIDDLE>"),
    Operations(("LPUSH", "LPOP"), (f"LPUSH list {VALUE}", "LPOP list")),
    one("ZSCORE", "ZSCORE zset member:{rand:<N>:12}"),
    one("ZRANK", "ZRANK zset member:{rand:<N>:12}"),
    one("ZREVRANK", "ZREVRANK zset member:{rand:<N>:12}"),
    one("ZCOUNT, half of it", "ZCOUNT zset <LOW> <HIGH>"),
    one("ZRANGE, ten in the middle", "ZRANGE zset <MIDDLE> <BEHIND>"),
    Operations(("ZADD", "ZREMRANGEBYRANK, one"), ("ZADD zset {rand:<N>} new:<TURN>:{seq:12}", "ZREMRANGEBYRANK zset <MIDDLE> <MIDDLE>")),
    one("XRANGE COUNT 10", "XRANGE stream {rand:<N>}-0 + COUNT 10"),
    one("XADD", f"XADD stream * field {VALUE}"),
]
DEL, DEL_SMALL = "DEL of the hash", f"DEL of a hash of {SMALL_HASH}"


def main() -> int:
    options = parse_options()
    if options.report:
        write(json.loads(options.report.read_text()), options.report.parent, options.documentation)
        return 0
    stop_children_on_signals()
    tool = contenders.testkit_tool("load")
    compared = assemble(options)
    contenders.warn_if_busy()
    results = {
        "machine": contenders.describe_machine(),
        "settings": {name: getattr(options, name) for name in ("elements", "calls", "rounds", "quick")},
        "versions": {},
        "medians_us": {},  # contender -> operation -> elements -> median of the rounds' medians
        "longest_us": {},  # the same, of deletions: the longest of all
        "failures": [],
    }
    begun = time.monotonic()
    for elements in options.elements:
        run_size(options, compared, tool, elements, results)
        results["settings"]["seconds"] = round(time.monotonic() - begun)
        measuring.save(options.output, results)
    write(results, options.output, options.documentation)
    return 0


def parse_options() -> argparse.Namespace:
    parser = measuring.command_line(__doc__, "growth")
    parser.add_argument("--valkey", action="store_true", help="beside valkey-server, too")
    parser.add_argument("--elements", type=numbers, metavar="N,N", help=f"sizes of the collections (default {FULL['elements']})")
    parser.add_argument("--calls", type=int, metavar="N", help=f"of each operation in one round (default {FULL['calls']})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {FULL['rounds']}")
    parser.add_argument("--only", type=words, metavar="HGET,SPOP", help="operations whose names begin so (default all)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where valkey-server is kept")
    options = measuring.parse(parser, FULL, QUICK)
    if min(*options.elements, 10**9) < 100 or options.calls < 1 or options.rounds < 1:
        parser.error("collections have a hundred elements at least, calls and rounds are positive")
    return options


def assemble(options: argparse.Namespace) -> list[Contender]:
    durability = contenders.durability()
    compared = [contenders.catamaran(options.server, "catamaran", *durability), contenders.redis("redis", *durability)]
    if options.valkey:
        compared.append(contenders.valkey(options.cache, *durability))
    return list(filter(None, compared))


# --- the run ---


def run_size(options, compared: list[Contender], tool: Path, elements: int, results: dict) -> None:
    with Turns(compared) as turns:
        for bench in turns.each():
            results["versions"][bench.name] = contenders.version(bench.host, bench.port)
            tell(f"{grouped(elements)} elements: {bench.name} is filled")
            fill(bench.port, elements, {name for operations in chosen(options.only) for name in operations.collections()})
            tell("." if workload.settle(bench.host, bench.port) else ", and goes on in the background.", "\n")
        rounds: dict[tuple[str, str], list[float]] = {}
        # All rounds of an operation before the next, as later ones replace elements that earlier ones ask for.
        for operations in chosen(options.only):
            for number in range(1, options.rounds + 1):
                tell(f"{grouped(elements)} elements, round {number} of {options.rounds}: {', '.join(operations.names)}:")
                for bench in turns.each():
                    with contenders.noted(results["failures"], f"{', '.join(operations.names)} at {grouped(elements)}", bench.name):
                        measured = measure(bench, tool, operations.filled(elements, number), operations.names, options.calls)
                        for name, p50 in measured.items():
                            rounds.setdefault((bench.name, name), []).append(p50)
                            tell(f"  {bench.name} {p50:.1f} µs")
                tell("\n")
        for (contender, name), medians in rounds.items():
            keep(results["medians_us"], contender, name, elements, median(medians))
        if options.only is None or "DEL" in options.only:
            for bench in turns.each():
                with contenders.noted(results["failures"], f"{DEL} at {grouped(elements)}", bench.name):
                    measure_deletions(bench, tool, elements, results)


def chosen(only: list[str] | None) -> list[Operations]:
    if only is None:
        return OPERATIONS
    wanted = tuple(word.upper() for word in only)
    return [operations for operations in OPERATIONS if any(name.startswith(wanted) for name in operations.names)]


def measure(bench: Bench, tool: Path, command: str, names: tuple[str, ...], calls: int) -> dict[str, float]:
    report = workload.run_load(tool, bench.host, bench.port, command, requests=calls * len(names), seconds=OPERATION_LIMIT_S)
    if report["nothing"]:
        raise RuntimeError(f"{bench.name}: {command}: {report['nothing']} of {report['count']} calls found nothing")
    return {name: part["p50_us"] for name, part in zip(names, report["parts"])}


def measure_deletions(bench: Bench, tool: Path, elements: int, results: dict) -> None:
    many = max(2, min(DELETED_HASHES_MAX, DELETED_FIELDS // elements))
    tell(f"{grouped(elements)} elements: {bench.name} deletes {many} hashes of them, and as many small ones:")
    with Wire(bench.port) as wire:
        for number in range(many):
            pour(wire, hash_fields(f"many:{number}", elements))
            pour(wire, hash_fields(f"few:{number}", SMALL_HASH))
    workload.settle(bench.host, bench.port)
    for name, command in ((DEL_SMALL, "DEL few:{seq}"), (DEL, "DEL many:{seq}")):
        report = workload.run_load(tool, bench.host, bench.port, command, requests=many, seconds=workload.RUN_LIMIT_S)
        keep(results["medians_us"], bench.name, name, elements, report["p50_us"])
        keep(results["longest_us"], bench.name, name, elements, report["max_us"])
        tell(f"  {name} {report['p50_us']:.1f} µs")
    tell("\n")


def keep(figures: dict, contender: str, name: str, elements: int, value: float) -> None:
    figures.setdefault(contender, {}).setdefault(name, {})[str(elements)] = value


def fill(port: int, elements: int, collections: set[str]) -> None:
    with Wire(port) as wire:
        pour(wire, variadic("MSET", lambda n: (f"key:{n:012}", VALUE), 0, elements))
        for name in collections:
            pour(wire, FILLS[name](elements))


FILLS = {
    "hash": lambda elements: hash_fields("hash", elements),
    "set": lambda elements: variadic("SADD set", lambda n: (f"member:{n:012}",), 0, elements),
    "list": lambda elements: variadic("RPUSH list", lambda n: (VALUE,), 0, elements),
    "zset": lambda elements: variadic("ZADD zset", lambda n: (str(n), f"member:{n:012}"), 0, elements),
    # The entry of number n has the id n-1: a read from n-0 on begins with it.
    "stream": lambda elements: (encode("XADD", "stream", f"{n}-1", "field", VALUE) for n in range(elements)),
}


def hash_fields(name: str, fields: int) -> Iterable[bytes]:
    return variadic(f"HSET {name}", lambda n: (f"field:{n:012}", VALUE), 0, fields)


def tell(*texts: str) -> None:
    print(*texts, sep="", end="", file=sys.stderr, flush=True)


# --- the report ---


def write(results: dict, output: Path, documentation: Path | None) -> None:
    text = markdown(results)
    (output / "results.md").write_text(text)
    if documentation is not None:
        rewrite(documentation / PAGE, text, *MARKERS)
    print(text)
    print(f"written to {output}" + ("" if documentation is None else f" and {documentation / PAGE}"), file=sys.stderr)


def markdown(results: dict) -> str:
    settings, sizes = results["settings"], [str(size) for size in results["settings"]["elements"]]
    names = list(results["medians_us"])
    lines = [
        contenders.machine_line(results["machine"], results["versions"])
        + f" Medians of {settings['rounds']} rounds of {settings['calls']} calls each, one client, P=1, microseconds; × is the largest beside the smallest."
        + (" A quick run: the numbers mean little." if settings["quick"] else ""),
        "",
    ]
    head = ["µs, by elements"]
    for name in names:
        head += [f"{name}, {grouped(int(size))}" for size in sizes] + ["×"]
    operations = list(dict.fromkeys(operation for figures in results["medians_us"].values() for operation in figures))
    rows = []
    for operation in operations:
        row = [operation]
        for name in names:
            row += row_part(results["medians_us"][name].get(operation, {}), sizes)
        rows.append(row)
    lines += table(head, rows)
    for name in results["longest_us"]:
        lines += ["", deletion_line(name, results["medians_us"][name], results["longest_us"][name], sizes[-1])]
    lines += ["", *contenders.failure_lines(results["failures"])]
    return "\n".join(lines) + "\n"


def row_part(figures: dict[str, float], sizes: list[str]) -> list[str]:
    cells = [significant(figures[size]) if size in figures else "–" for size in sizes]
    known = sizes[0] in figures and sizes[-1] in figures
    return [*cells, f"{figures[sizes[-1]] / figures[sizes[0]]:.1f}" if known else "–"]


def deletion_line(name: str, medians: dict, longest: dict, size: str) -> str:
    """What was asked for by name."""

    def told(operation: str) -> str:
        return f"{significant(medians[operation][size] / 1000)} ms (at most {significant(longest[operation][size] / 1000)})"

    if size not in longest.get(DEL, {}):
        return f"{name}: no hash of {grouped(int(size))} fields was deleted."
    return f"{name}: `DEL` of a hash of {grouped(int(size))} fields took {told(DEL)}, of one of {SMALL_HASH} fields {told(DEL_SMALL)}."


if __name__ == "__main__":
    sys.exit(main())
