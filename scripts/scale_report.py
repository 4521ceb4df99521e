"""What `scale.py` measured, as tables and the measured parts of docs/performance.md."""

import sys
from pathlib import Path

import contenders
from pages import bytes_text, grouped, markers, rewrite, significant, table

PAGE = Path("docs") / "performance.md"
KEYS = markers("keys", "scale.py")
LARGER = markers("larger", "scale.py")


def write(results: dict, output: Path, documentation: Path | None) -> None:
    """Each part by itself: what was not measured is left as it is."""
    parts = {KEYS: keys(results) if results["keys"] else "", LARGER: larger(results) if results["larger"] else ""}
    report = "\n\n".join(filter(None, parts.values())) + "\n"
    (output / "results.md").write_text(report)
    if documentation is not None:
        for name, text in parts.items():
            if text:
                rewrite(documentation / PAGE, text, *name)
    print(report)
    print(f"written to {output}" + ("" if documentation is None else f" and {documentation / PAGE}"), file=sys.stderr)


def introduction(results: dict, of: list[str]) -> str:
    text = contenders.machine_line(results["machine"], {name: results["versions"][name] for name in of})
    return text + (" A quick run: the numbers mean little." if results["settings"]["quick"] else "")


# --- as keys become more ---


def keys(results: dict) -> str:
    sizes = list(results["keys"])
    names = list(results["keys"][sizes[0]])
    loads = list(dict.fromkeys(load for by_contender in results["keys"].values() for m in by_contender.values() for load in m["rates"]))
    head = ["by keys", *(f"{name}, {grouped(int(size))}" for name in names for size in sizes)]
    rows = [[f"{load}, thousands a second"] + cells(results, names, lambda m: rate_cell(m["rates"].get(load))) for load in loads]
    for label, name in (("memory, filled", "filled_memory_bytes"), ("memory, after GETs and SETs", "memory_bytes"), ("memory, at most", "peak_memory_bytes")):
        rows.append([label] + cells(results, names, lambda m: bytes_text(m[name])))
    rows.append(["memory, restarted", *cells(results, names, lambda m: bytes_text(m["restarted_memory_bytes"]))])
    rows.append(["disk", *cells(results, names, lambda m: bytes_text(m["disk_bytes"]))])
    for label, name in (("stop, s", "stop_s"), ("restart until GET answers, s", "restart_s"), ("fill, s", "fill_s")):
        rows.append([label] + cells(results, names, lambda m: f"{m[name]:.2f}"))
    lines = [introduction(results, names) + " Strings of 16 bytes, 50 clients.", "", *table(head, rows), "", *ratios(results, sizes, names, loads)]
    lines += contenders.failure_lines(results["failures"])
    return "\n".join(lines)


def rate_cell(rate: float | None) -> str:
    return "–" if rate is None else f"{rate / 1000:.1f}"


def cells(results: dict, names: list[str], text) -> list[str]:
    return [text(by_contender[name]) for name in names for by_contender in results["keys"].values()]


def ratios(results: dict, sizes: list[str], names: list[str], loads: list[str]) -> list[str]:
    """What was asked for by name: how much slower with many keys than with few, and memory beside Redis's."""
    few, many = results["keys"][sizes[0]], results["keys"][sizes[-1]]
    lines = []
    if len(sizes) > 1:
        for name in names:
            both = [load for load in loads if load in few[name]["rates"] and load in many[name]["rates"]]
            slower = ", ".join(f"{load} {few[name]['rates'][load] / many[name]['rates'][load]:.2f}" for load in both)
            lines.append(f"- {name}, rate at {grouped(int(sizes[0]))} keys / rate at {grouped(int(sizes[-1]))}: {slower}")
    for name in names[1:]:
        memory = many[names[0]]["memory_bytes"] / many[name]["memory_bytes"]
        lines.append(f"- memory of {names[0]} / {name} at {grouped(int(sizes[-1]))} keys: {memory:.2f}")
    return lines


# --- larger than memory ---


def larger(results: dict) -> str:
    settings, names = results["settings"], list(results["larger"])
    data_bytes = settings["larger_keys"] * (16 + settings["value_bytes"])
    lines = [
        introduction(results, names)
        + f" {grouped(settings['larger_keys'])} values of {settings['value_bytes']} bytes, {bytes_text(data_bytes)} in all; Catamaran's hot tier has"
        + f" {settings['hot_tier_size']}, its block cache {settings['block_cache_size']}. 50 clients, P=1; writes go on for {settings['overwrite_seconds']:g} s each time.",
        "",
    ]
    head = ["", "thousands a second", "p50 / p99 / p99.9 / longest, ms", "longest silence, ms", "CPU, µs"]
    head += ["read from disk per request", "written per byte", "writes slowed, stopped", "memory"]
    rows = []
    for name, figures in results["larger"].items():
        rows += [[f"{name}: {step}", *step_cells(measured)] for step, measured in figures.items() if isinstance(measured, dict)]
    lines += table(head, rows)
    lines.append("")
    for name, figures in results["larger"].items():
        how = f" ({figures['how']})" if figures.get("how") else ""
        lines.append(f"- {name}{how}: {bytes_text(figures['disk_bytes'])} on the disk in the end")
    lines += contenders.failure_lines(results["failures"])
    return "\n".join(lines)


def step_cells(measured: dict) -> list[str]:
    latencies = " / ".join(significant(measured[key] / 1000) for key in ("p50_us", "p99_us", "p99_9_us", "max_us"))
    written, stalls = measured["written_per_byte"], measured["stalls"]
    return [
        f"{measured['rate'] / 1000:.1f}",
        latencies,
        significant(measured["longest_silence_us"] / 1000),
        f"{measured['cpu_us']:.1f}",
        bytes_text(measured["read_bytes_per_request"]),
        "–" if written is None else f"{written:.1f}",
        f"{stalls['rocksdb_stalls']}, {stalls['rocksdb_stops']}" if {"rocksdb_stalls", "rocksdb_stops"} <= stalls.keys() else "–",
        bytes_text(measured["memory_bytes"]),
    ]
