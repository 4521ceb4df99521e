"""What `tune.py` measured, as the measured part of docs/rocksdb.md: the figures of every row, and each option with its reason."""

import os
import sys
from pathlib import Path
from statistics import median

import contenders
from pages import bytes_text, grouped, markers, rewrite, significant, table

PAGE = Path("docs") / "rocksdb.md"
MARKERS = markers("options", "tune.py")
# What differs by less than this from the row it is compared with is told as no difference.
NOTABLE = 0.1

# Figure -> its column, and how it is written.
SMALL = {
    "small_fill_us": ("fill", significant),
    "small_overwrite_us": ("overwrite", significant),
    "small_all_us": ("both, with the background", significant),
    "small_p99_ms": ("p99 of overwrites, ms", significant),
    "small_written_per_byte": ("bytes written per byte", significant),
    "small_disk_bytes": ("disk", bytes_text),
    "small_get_cached_us": ("GET, block cache", significant),
    "small_get_us": ("GET, page cache", significant),
    "small_get_absent_us": ("GET, absent", significant),
    "small_memory_bytes": ("memory", bytes_text),
}
LARGE = {
    "large_overwrite_us": ("overwrite", significant),
    "large_all_us": ("with the background", significant),
    "large_p99_ms": ("p99, ms", significant),
    "large_written_per_byte": ("bytes written per byte", significant),
    "large_disk_bytes": ("disk", bytes_text),
    "large_get_us": ("GET, page cache", significant),
}
# What is told in the line of an option. Not the percentiles: they say much of the machine, and are in the tables below.
BRIEF = {
    "small_fill_us": "fill",
    "small_overwrite_us": "overwrite",
    "small_all_us": "writes in all",
    "small_written_per_byte": "written",
    "small_disk_bytes": "disk",
    "small_get_cached_us": "GET, block cache",
    "small_get_us": "GET, page cache",
    "small_get_absent_us": "GET, absent",
    "small_memory_bytes": "memory",
    "large_overwrite_us": "4 KiB: overwrite",
    "large_all_us": "4 KiB: writes in all",
    "large_written_per_byte": "4 KiB: written",
    "large_disk_bytes": "4 KiB: disk",
    "large_get_us": "4 KiB: GET",
}


def write(results: dict, choices: list, output: Path, documentation: Path | None) -> None:
    report = markdown(results, choices) + "\n"
    (output / "results.md").write_text(report)
    if documentation is not None:
        rewrite(documentation / PAGE, report, *MARKERS)
    print(report)
    print(f"written to {output}" + ("" if documentation is None else f" and {documentation / PAGE}"), file=sys.stderr)


def row_name(choice, label: str) -> str:
    """What a row is called in which one option has another value."""
    return f"{choice.name} {label}" + (f" ({' '.join(choice.beside).replace('--', '')})" if choice.beside else "")


def markdown(results: dict, choices: list) -> str:
    rows = {row: {figure: median(values) for figure, values in figures.items()} for row, figures in results["rows"].items()}
    noise = spread(results["rows"].get("default", {}))
    measured = [choice for choice in choices if any(rows.get(row_name(choice, label)) for label in choice.others)]
    lines = [introduction(results), ""]
    lines += ["| option | default | measured besides, and what it changes | reason |", "|---|---|---|---|"]
    lines += [option_line(choice, rows, noise) for choice in measured]
    for title, columns in (("Values of 64 bytes", SMALL), ("Values of 4 KiB", LARGE)):
        present = {figure: column for figure, column in columns.items() if any(figure in figures for figures in rows.values())}
        if present:
            lines += ["", f"{title}; processor time in µs a request:", "", *figures_table(rows, present, noise)]
    lines += ["", *contenders.failure_lines(results["failures"])]
    return "\n".join(lines).strip()


def introduction(results: dict) -> str:
    settings = results["settings"]
    return (
        contenders.machine_line(results["machine"], results["versions"])
        + f" {grouped(settings['keys'])} keys with values of 64 bytes, {grouped(settings['large_keys'])} with values of 4 KiB, half of each random; block cache"
        + f" {settings['block_cache']}, no hot tier; 50 clients, P=16. It took {settings.get('seconds', 0) / 60:.0f} minutes."
        + busy(settings.get("load_average", 0.0))
        + (" A quick run: the numbers mean little." if settings["quick"] else "")
    )


def busy(load_average: float) -> str:
    text = f" The machine did other work meanwhile (load average {load_average:.0f}): bytes and sizes are sound, small differences of processor time are not."
    return text if load_average > contenders.BUSY_LOAD * (os.cpu_count() or 1) else ""


def spread(figures: dict[str, list[float]]) -> dict[str, float]:
    """By how much of its median the default differed from itself."""
    return {name: (max(values) - min(values)) / median(values) if median(values) else 0.0 for name, values in figures.items()}


def is_notable(figure: str, value: float, base: float, noise: dict[str, float]) -> bool:
    return base > 0 and abs(value / base - 1) > max(NOTABLE, noise.get(figure, 0.0))


def option_line(choice, rows: dict, noise: dict[str, float]) -> str:
    others = [(label, rows[row_name(choice, label)]) for label in choice.others if rows.get(row_name(choice, label))]
    changes = "; ".join(f"**{label}**: {changed(figures, rows.get(choice.base, {}), noise)}" for label, figures in others)
    beside = f" (with `{' '.join(choice.beside)[2:]}`)" if choice.beside else ""
    return f"| `{choice.name}`{beside} | {choice.default} | {changes} | {choice.why} |"


def changed(figures: dict[str, float], base: dict[str, float], noise: dict[str, float]) -> str:
    """The figures that differ, in percent of those of the default."""
    notable = [name for name in BRIEF if name in figures and name in base and is_notable(name, figures[name], base[name], noise)]
    told = [f"{BRIEF[name]} {100 * (figures[name] / base[name] - 1):+.0f} %" for name in notable]
    return ", ".join(told).replace("-", "−") or "nothing that is more than noise"


def figures_table(rows: dict, columns: dict, noise: dict[str, float]) -> list[str]:
    head = ["", *(name for name, _ in columns.values())]
    lines = [[row, *(cell(figures.get(figure), text) for figure, (_, text) in columns.items())] for row, figures in rows.items() if columns.keys() & figures.keys()]
    if noise:
        lines.insert(1, ["differs from itself by", *(f"{100 * noise[figure]:.0f} %" if figure in noise else "–" for figure in columns)])
    return table(head, lines)


def cell(value: float | None, text) -> str:
    return "–" if value is None else text(value)
