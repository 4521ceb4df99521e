"""What `compare.py` measured, as tables, pictures and the measured parts of README.md and docs/performance.md.

A run of some loads writes the parts that it has something for and leaves the others as they are.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import contenders
import workload
from chart import Bar, Group, draw
from pages import PICTURES, bytes_text, grouped, markers, rewrite, save_pictures, significant, table
from workload import Load, Measurement

TOOL = "compare.py"
PAGE = Path("docs") / "performance.md"
HEADLINE = markers("speed", TOOL)
# By `appendfsync`: each mode has a place of its own, or none.
STRINGS = {"everysec": markers("strings", TOOL), "always": markers("every write synced", TOOL)}
COLLECTIONS = markers("collections", TOOL)
# What the README shows: strings of 64 bytes and uniform keys by the usual number of clients.
HEADLINE_PIPELINES = (1, 16)
PERCENTILES = (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p99_9_ms"))


@dataclass
class Results:
    settings: dict
    machine: dict
    versions: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    measured: dict[str, dict[str, list[Measurement]]] = field(default_factory=dict)  # load -> contender -> rounds
    written: dict[str, dict[str, float]] = field(default_factory=dict)  # value size -> contender -> bytes to the disk per byte
    half_load: dict[str, dict] = field(default_factory=dict)  # load -> its rate, and reports by contender
    ping: dict[str, list[dict]] = field(default_factory=dict)  # contender -> rounds
    failures: list[str] = field(default_factory=list)

    def add(self, load: Load, contender: str, measurement: Measurement) -> None:
        self.loads[load.name] = load
        self.measured.setdefault(load.name, {}).setdefault(contender, []).append(measurement)

    @property
    def names(self) -> list[str]:
        return list(self.versions)

    def median(self, load: str, contender: str, what: str) -> float | None:
        """Over the rounds; nothing where it could not be measured."""
        values = [getattr(measurement, what) for measurement in self.measured[load].get(contender, [])]
        return None if not values or None in values else median(values)

    def rate(self, load: str, contender: str) -> float | None:
        return self.median(load, contender, "rate")

    def spread(self, load: str) -> float:
        """How far rounds differ: the widest range of one contender, as a part of its median."""
        rounds = [[measurement.rate for measurement in rates] for rates in self.measured[load].values()]
        return max((max(rates) - min(rates)) / median(rates) for rates in rounds)

    def of(self, commands: tuple[str, ...]) -> list[str]:
        return [name for name, load in self.loads.items() if load.command in commands]

    def to_json(self) -> dict:
        return asdict(self)


def load(path: Path) -> Results:
    """What an earlier run kept."""
    kept = json.loads(path.read_text())
    kept["loads"] = {name: Load(**facts) for name, facts in kept["loads"].items()}
    kept["measured"] = {
        name: {contender: [Measurement(**facts) for facts in rounds] for contender, rounds in by_contender.items()}
        for name, by_contender in kept["measured"].items()
    }
    return Results(**kept)


def write(results: Results, output: Path, documentation: Path | None) -> None:
    """Writes the report and pictures to `output`, and into the documentation's files where one is given."""
    pictures = draw_all(results)
    save_pictures(output, pictures)
    report = "\n\n".join(filter(None, [headline(results), strings(results), collections(results)])) + "\n"
    (output / "results.md").write_text(report)
    if documentation is not None:
        write_pages(results, pictures, documentation)
    print(report)
    print(f"written to {output}" + ("" if documentation is None else f" and {documentation / PAGE}"), file=sys.stderr)


def write_pages(results: Results, pictures: dict[str, str], documentation: Path) -> None:
    mode = results.settings["appendfsync"]
    parts = {STRINGS.get(mode): strings(results)}
    if mode == "everysec":
        save_pictures(documentation / PICTURES, pictures)
        parts[COLLECTIONS] = collections(results)
        if headline(results):
            rewrite(documentation / "README.md", headline(results), *HEADLINE)
    for place, text in parts.items():
        if place and text:
            rewrite(documentation / PAGE, text, *place)


# --- tables ---


def headline(results: Results) -> str:
    names = [
        name
        for name in results.of(workload.STRINGS)
        if is_headline(results.loads[name]) and results.loads[name].pipeline in HEADLINE_PIPELINES
    ]
    if not names:
        return ""
    return "\n".join([*rate_table(results, names), "", settings_line(results)])


def is_headline(load: Load) -> bool:
    return load.clients == workload.CLIENTS and load.value_bytes == 64 and load.distribution == "uniform"


def strings(results: Results) -> str:
    names = results.of(workload.STRINGS)
    lines = []
    if names:
        lines += [*rate_table(results, names), "", *latency_table(results, names), "", *cost_table(results, names), ""]
    if results.half_load:
        lines += [*half_load_table(results), ""]
    if results.ping:
        lines += [*ping_table(results), ""]
    head = [settings_line(results), "", *picture_lines(results, lambda name: name != "collections")]
    return "\n".join([*head, *lines, *contenders.failure_lines(results.failures)]) if lines else ""


def collections(results: Results) -> str:
    names = results.of(workload.COLLECTIONS)
    if not names:
        return ""
    lines = [settings_line(results), "", *picture_lines(results, lambda name: name == "collections")]
    return "\n".join([*lines, *rate_table(results, names), "", *cost_table(results, names), "", *contenders.failure_lines(results.failures)])


def picture_lines(results: Results, is_wanted: Callable[[str], bool]) -> list[str]:
    if results.settings["appendfsync"] != "everysec":
        return []  # pictures are kept of the usual mode only
    names = [name for name, loads in picture_loads(results).items() if loads and is_wanted(name)]
    return [line for name in names for line in (f"![{PICTURE_TITLES[name]}](plots/compare-{name}.svg)", "")]


def settings_line(results: Results) -> str:
    settings = results.settings
    text = contenders.machine_line(results.machine, results.versions)
    text += f" Medians of {settings['rounds']} rounds in turns, `appendfsync {settings['appendfsync']}` for all, {workload.CLIENTS} clients"
    text += f" where nothing else is said, random keys out of {grouped(settings['keys'])} (or as many as {bytes_text(workload.FILL_BYTES_MAX)}"
    text += " of values need, if that is fewer)."
    return text + (" A quick run: the numbers mean little." if settings["quick"] else "")


def rate_table(results: Results, loads: list[str]) -> list[str]:
    first, *others = results.names
    head = ["thousands a second", *results.names, *(f"{first} / {other}" for other in others), "widest spread"]
    rows = []
    for load in loads:
        rates = [results.rate(load, name) for name in results.names]
        row = [load, *(cell(rate and rate / 1000, "{:.1f}") for rate in rates)]
        row += [cell(rates[0] and rate and rates[0] / rate, "{:.2f}") for rate in rates[1:]]
        rows.append([*row, f"{results.spread(load):.0%}"])
    return table(head, rows)


def latency_table(results: Results, loads: list[str]) -> list[str]:
    rows = [
        [load]
        + [
            " / ".join(cell(results.median(load, name, percentile), "{:.2f}") for _, percentile in PERCENTILES)
            for name in results.names
        ]
        for load in loads
    ]
    return table(["p50 / p99 / p99.9, ms", *results.names], rows)


def cost_table(results: Results, loads: list[str]) -> list[str]:
    """Processor time of the server for one request, and for writes the bytes to the disk for each byte that came."""
    rows = []
    for load in loads:
        row = [load]
        for name in results.names:
            text = cell(results.median(load, name, "cpu_us"), "{:.2f}")
            written = results.median(load, name, "written_per_byte")
            row.append(text if written is None else f"{text}; {written:.1f}")
        rows.append(row)
    if loads[0] in results.of(workload.STRINGS):
        for size, by_contender in results.written.items():
            row = [f"all that was written with values of {size}, with what the background did later"]
            rows.append(row + [cell(by_contender.get(name), "{:.1f}") for name in results.names])
    return table(["server's CPU, µs a request; bytes to the disk per byte", *results.names], rows)


def half_load_table(results: Results) -> list[str]:
    rows = []
    for load, measured in results.half_load.items():
        row = [f"{load}, {measured['rate'] / 1000:.1f}k/s"]
        for name in results.names:
            reports = measured["contenders"].get(name)
            row.append(" / ".join(in_ms(reports, key) for key in ("p50_us", "p99_us", "p99_9_us")) if reports else "–")
        rows.append(row)
    return table(["at half of the slowest's peak: p50 / p99 / p99.9, ms", *results.names], rows)


def ping_table(results: Results) -> list[str]:
    names = [name for name in results.names if name in results.ping]
    rows = [
        [f"{label}, ms", *(in_ms(results.ping[name], percentile) for name in names)]
        for label, percentile in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"), ("longest", "max_us"))
    ]
    flood = [median(report["flood_rate"] for report in results.ping[name]) / 1000 for name in names]
    rows.append(["SETs taken meanwhile, thousands a second", *(f"{rate:.1f}" for rate in flood)])
    return table([f"`PING` at {workload.PING_RATE}/s under a flood of 1 KiB SETs", *names], rows)


def in_ms(reports: list[dict], key: str) -> str:
    return f"{median(report[key] for report in reports) / 1000:.2f}"


def cell(value: float | None, form: str) -> str:
    return form.format(value) if value else "–"


# --- pictures ---


def draw_all(results: Results) -> dict[str, str]:
    pictures = {}
    for name, loads in picture_loads(results).items():
        if loads:
            pictures[f"compare-{name}"] = draw_rates(PICTURE_TITLES[name], loads, results)
    if results.ping:
        pictures["compare-ping"] = draw_ping(results)
    return pictures


PICTURE_TITLES = {
    "strings": "Throughput, strings of 64 bytes",
    "strings-4k": "Throughput, strings of 4 KiB",
    "clients": "Throughput with few and many clients",
    "zipf": "Throughput with skewed keys (Zipf)",
    "collections": "Throughput of the collection types",
}


def picture_loads(results: Results) -> dict[str, list[str]]:
    def chosen(condition) -> list[str]:
        return [name for name in results.of(workload.STRINGS) if condition(results.loads[name])]

    usual, uniform = workload.CLIENTS, "uniform"
    return {
        "strings": chosen(is_headline),
        "strings-4k": chosen(lambda load: load.value_bytes == 4096 and load.clients == usual and load.distribution == uniform),
        "clients": chosen(lambda load: load.clients != usual and load.value_bytes == 64 and load.distribution == uniform),
        "zipf": chosen(lambda load: load.distribution == "zipf" and load.clients == usual and load.value_bytes == 64),
        "collections": results.of(workload.COLLECTIONS),
    }


def draw_rates(title: str, loads: list[str], results: Results) -> str:
    first = results.names[0]
    groups = []
    for load in loads:
        ours = results.rate(load, first)
        bars = []
        for name in results.names:
            rate = results.rate(load, name)
            if rate:
                ratio = f"  ({ours / rate:.2f}×)" if ours and name != first else ""
                bars.append(Bar(name, rate, in_thousands(rate) + ratio))
        if bars:
            groups.append(Group(short(load), bars))
    subtitle = f"requests a second; in brackets {first} against this one; median of {results.settings['rounds']} rounds"
    return draw(title, subtitle, groups)


def short(load: str) -> str:
    """Without what all loads of a picture have in common, which its title says."""
    for text in (" 64 B", " 4 KiB", ", Zipf"):
        load = load.replace(text, "")
    return load


def in_thousands(rate: float) -> str:
    return f"{rate / 1000:.1f}k" if rate < 20_000 else f"{rate / 1000:.0f}k"


def draw_ping(results: Results) -> str:
    groups = []
    for label, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us")):
        values = {name: median(report[key] for report in reports) / 1000 for name, reports in results.ping.items()}
        groups.append(Group(label, [Bar(name, ms, f"{significant(ms)} ms") for name, ms in values.items()]))
    subtitle = f"milliseconds, logarithmic; shorter is better; {workload.PING_RATE} PINGs a second, 1 KiB SETs at full speed"
    return draw("How long PING takes under a flood of writes", subtitle, groups, logarithmic=True)
