"""What `isolate.py` measured, as tables, pictures and the measured part of docs/isolation.md.
"""

import sys
from pathlib import Path

from chart import Bar, Group, draw
from pages import PICTURES, rewrite, save_pictures, table
from pages import significant as ms

BEGIN = "<!-- measured: written by scripts/isolate.py -->"
END = "<!-- end of what was measured -->"
PICTURE_BEGIN = "<!-- picture: written by scripts/isolate.py -->"
PICTURE_END = "<!-- end of the picture -->"
PAGE = Path("docs") / "isolation.md"

NAMES = {"dual": "two runtimes", "single": "one runtime", "redis": "Redis"}
PERCENTILES = (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"), ("longest", "max_us"))


def write(results: dict, output: Path, documentation: Path | None) -> None:
    """Writes the report and pictures to `output`, and into the documentation's files where one is given."""
    pictures = draw_all(results)
    text = markdown(results)
    save_pictures(output, pictures)
    (output / "results.md").write_text(text)
    if documentation is not None:
        save_pictures(documentation / PICTURES, pictures)
        page = documentation / PAGE
        rewrite(page, text, BEGIN, END)
        picture = f"[![p99 of PING while storage is in trouble]({PICTURES / 'isolation.svg'})]({PAGE})"
        rewrite(documentation / "README.md", picture, PICTURE_BEGIN, PICTURE_END)
    print(text)
    print(f"written to {output}" + ("" if documentation is None else f" and {documentation / PAGE}"), file=sys.stderr)


# --- tables ---


def markdown(results: dict) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{NAMES[name]} {version}" for name, version in results["versions"].items())
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}; the clients run on the same machine. {versions}. "
        f"The whole run took {results['seconds']} s." + (" A quick run: the numbers mean little." if results["quick"] else ""),
        "",
        *goals(results["scenarios"]),
    ]
    for name, scenario in results["scenarios"].items():
        lines += [f"### {capitalised(scenario['title'])}", "", f"![{scenario['title']}](plots/isolation-{name}.svg)", ""]
        lines += [*latency_table(scenario), "", *meanwhile(scenario), ""]
    return "\n".join(lines) + "\n"


def capitalised(title: str) -> str:
    return title[:1].upper() + title[1:]


def goals(scenarios: dict) -> list[str]:
    """The figures that were asked for by name."""
    rows = []
    for name, probe, goal_ms in GOALS:
        measured = scenarios.get(name, {}).get("contenders", {})
        if any(probe in contender["probes"] for contender in measured.values()):
            row = [f"{scenarios[name]['title']}: p99 of {probe}", f"under {goal_ms:g} ms"]
            row += [goal_cell(measured.get(contender), probe, goal_ms) for contender in NAMES]
            rows.append(row)
    hung = scenarios.get("hung", {}).get("contenders", {})
    for fact, goal in (("/readyz red after, s", "within 1 s"), ("/readyz green again after, s", "by itself")):
        if any(fact in contender["facts"] for contender in hung.values()):
            cells = [hung.get(contender, {}).get("facts", {}).get(fact) for contender in NAMES]
            rows.append([f"disk hangs: {fact.removesuffix(', s')}", goal, *(seconds_cell(cell) for cell in cells)])
    if not rows:
        return []
    return [*table(["what was asked for (in brackets: idle)", "goal", *NAMES.values()], rows), ""]


GOALS = [
    ("hung", "PING", 1),
    ("hung", "INFO", 1),
    ("hung", "CLIENT LIST", 1),
    ("hung", "/livez", 1),
    ("hung", "/metrics", 1),
    ("keys", "GET, hot", 5),
    ("keys", "GET, cold", 5),
    ("flood", "PING", 5),
]


def goal_cell(contender: dict | None, probe: str, goal_ms: float) -> str:
    if contender is None or probe not in contender["probes"]:
        return "–"
    measured = contender["probes"][probe]["p99_us"] / 1000
    text = f"{ms(measured)} ms ({ms(contender['idle'][probe]['p99_us'] / 1000)})"
    return f"**{text}**" if measured < goal_ms and answered(contender["probes"][probe]) else text


def answered(measured: dict) -> bool:
    return not measured["errors"] and not measured["unanswered"]


def seconds_cell(value) -> str:
    if value is None:
        return "–"
    return f"{value} s" if isinstance(value, (int, float)) else str(value)


def latency_table(scenario: dict) -> list[str]:
    contenders = scenario["contenders"]
    probes = list(dict.fromkeys(probe for contender in contenders.values() for probe in contender["probes"]))
    head = [" / ".join(label for label, _ in PERCENTILES) + ", ms"]
    for name in contenders:
        head += [NAMES[name], "idle"]
    rows = []
    for probe in probes:
        row = [f"{probe}, {rate(contenders, probe):g}/s"]
        for contender in contenders.values():
            for part in (contender["probes"], contender["idle"]):
                row.append(latency_cell(part[probe]) if probe in part else "–")
        rows.append(row)
    return table(head, rows)


def rate(contenders: dict, probe: str) -> float:
    return next(contender["probes"][probe]["rate"] for contender in contenders.values() if probe in contender["probes"])


def latency_cell(measured: dict) -> str:
    text = " / ".join(ms(measured[key] / 1000) for _, key in PERCENTILES)
    for count, what in ((measured["errors"], "refused"), (measured["unanswered"], "unanswered")):
        if count:
            text += f"; {count} {what}"
    return text


def meanwhile(scenario: dict) -> list[str]:
    """What the trouble did to each contender: one that was spared it is not comparable."""
    lines = []
    for name, contender in scenario["contenders"].items():
        facts = ", ".join(f"{fact} {value}" for fact, value in contender["facts"].items())
        if facts:
            lines.append(f"- {NAMES[name]}, meanwhile: {facts}")
    return lines


# --- pictures ---


def draw_all(results: dict) -> dict[str, str]:
    pictures = {f"isolation-{name}": draw_scenario(scenario) for name, scenario in results["scenarios"].items()}
    if results["scenarios"]:
        pictures["isolation"] = draw_summary(results["scenarios"])
    return pictures


def draw_scenario(scenario: dict) -> str:
    probes = list(dict.fromkeys(probe for contender in scenario["contenders"].values() for probe in contender["probes"]))
    groups = [
        Group(probe, [bar(name, contender, probe) for name, contender in scenario["contenders"].items() if probe in contender["probes"]])
        for probe in probes
    ]
    return draw(capitalised(scenario["title"]), "p99 of the time until an answer, ms, logarithmic", groups, logarithmic=True)


def draw_summary(scenarios: dict) -> str:
    groups = [
        Group(SHORT.get(name, name), [bar(contender, measured, "PING") for contender, measured in scenario["contenders"].items()])
        for name, scenario in scenarios.items()
    ]
    subtitle = "p99 of PING, 500 a second at a fixed rate, ms, logarithmic"
    return draw("Trouble in storage, seen from the network", subtitle, groups, logarithmic=True)


SHORT = {
    "keys": "KEYS *, a million",
    "mget": "MGET of 10 000",
    "getrange": "GETRANGE, 16 MiB",
    "flood": "flood of SETs",
    "del": "large DEL, FLUSHALL",
    "compaction": "compaction storm",
    "stall": "write stall",
    "hung": "hung disk",
}


def bar(name: str, contender: dict, probe: str) -> Bar:
    measured, idle = contender["probes"][probe], contender["idle"][probe]
    p99 = measured["p99_us"] / 1000
    label = f"{ms(p99)} (idle {ms(idle['p99_us'] / 1000)})"
    if measured["errors"] or measured["unanswered"]:
        label += ", refused some"
    return Bar(NAMES[name], p99, label)
