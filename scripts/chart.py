"""Horizontal bars as SVG, by hand. Readable on light and dark pages alike; no library, no script, no fonts of its own."""

import math
from dataclasses import dataclass
from html import escape

WIDTH = 860
LABEL_WIDTH = 190
VALUE_WIDTH = 170
BAR_HEIGHT = 16
BAR_GAP = 3
GROUP_GAP = 18
HEAD_HEIGHT = 84
FOOT_HEIGHT = 30

# Ours are related in colour, peers are not; all keep their contrast on white and on black.
COLOURS = ["#0d8a8a", "#6cc5c1", "#d1495b", "#7b6fd0", "#c58b2a", "#5b8c3e", "#8a8f98"]
STYLE = """
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #59636e; font-size: 13px }
  .title { font-size: 18px; font-weight: 600; fill: #25292e }
  .group { font-weight: 600; fill: #25292e }
  .value { font-variant-numeric: tabular-nums }
  .grid { stroke: #8a8f98; stroke-opacity: .3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9aa4af } .title, .group { fill: #e6e9ec }
  }
"""


@dataclass(frozen=True)
class Bar:
    series: str
    value: float
    label: str


@dataclass(frozen=True)
class Group:
    name: str
    bars: list[Bar]


def draw(title: str, subtitle: str, groups: list[Group], logarithmic: bool = False) -> str:
    """Bars in groups. On the linear scale each group fills the width by itself, as only ratios are meant to be compared."""
    series = list(dict.fromkeys(bar.series for group in groups for bar in group.bars))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(series)}
    space = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    lines = []
    y = HEAD_HEIGHT
    top = max((bar.value for group in groups for bar in group.bars), default=1.0)
    for group in groups:
        if not logarithmic:
            top = max(bar.value for bar in group.bars)
        middle = y + (len(group.bars) * (BAR_HEIGHT + BAR_GAP) - BAR_GAP) / 2 + 4
        lines.append(text(LABEL_WIDTH - 12, middle, group.name, "group", "end"))
        for bar in group.bars:
            length = max(2.0, space * share(bar.value, top, logarithmic))
            lines.append(
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2" '
                f'fill="{colours[bar.series]}"><title>{escape(bar.series)}: {escape(bar.label)}</title></rect>'
            )
            lines.append(text(LABEL_WIDTH + length + 7, y + 12.5, bar.label, "value"))
            y += BAR_HEIGHT + BAR_GAP
        y += GROUP_GAP - BAR_GAP
    height = y + FOOT_HEIGHT - GROUP_GAP
    grid = log_grid(top, space, y - GROUP_GAP) if logarithmic else []
    body = [text(16, 28, title, "title"), text(16, 48, subtitle), *legend(series, colours), *grid, *lines]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def share(value: float, top: float, logarithmic: bool) -> float:
    """The part of the width; a logarithmic scale begins a little below 0.1."""
    if not logarithmic:
        return value / top if top else 0.0
    low, high = math.log10(0.05), math.log10(max(top, 0.1))
    return (math.log10(max(value, 0.05)) - low) / (high - low)


def log_grid(top: float, space: float, bottom: float) -> list[str]:
    lines = []
    power = -1
    while 10**power <= top:
        x = LABEL_WIDTH + space * share(10**power, top, True)
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD_HEIGHT - 8}" y2="{bottom + 4}"/>')
        lines.append(text(x, bottom + 20, f"{10**power:g}", "", "middle"))
        power += 1
    return lines


def legend(series: list[str], colours: dict[str, str]) -> list[str]:
    lines = []
    x = 16.0
    for name in series:
        lines.append(f'<rect x="{x:.0f}" y="58" width="11" height="11" rx="2" fill="{colours[name]}"/>')
        lines.append(text(x + 16, 68, name))
        x += 36 + 7.2 * len(name)
    return lines


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'
