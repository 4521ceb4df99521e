"""What the command lines of the measuring tools have in common, and where their figures go."""

import argparse
import json
from pathlib import Path

from pages import ROOT


def command_line(text: str, name: str) -> argparse.ArgumentParser:
    """A parser with the options that every tool has. The text is the tool's own: what it is for, then calls and what they measure."""
    description, epilog = text.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", metavar="PATH", help="Catamaran's program")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works; leaves the pages alone")
    parser.add_argument("--output", type=Path, default=ROOT / "target" / name, help="for results.json, tables and pictures")
    parser.add_argument("--no-pages", dest="pages", action="store_false", help="leave README.md and docs alone")
    parser.add_argument("--report", type=Path, metavar="RESULTS", help="measure nothing, write the pages from results.json")
    return parser


def parse(parser: argparse.ArgumentParser, full: dict, quick: dict) -> argparse.Namespace:
    """The options as given; numbers that were not are those of a full or a quick run. `documentation` is where pages are written."""
    options = parser.parse_args()
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.documentation = ROOT if options.pages and not options.quick else None
    if not options.server and not options.report:
        parser.error("--server is needed")
    return options


def save(output: Path, results: dict) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
