#!/usr/bin/env python3
"""Runs Redis's own test suite against a server and compares the result with what a real Redis gets.

    scripts/compat.py --server target/release/catamaran                 the files enabled in compat/tcl.toml
    scripts/compat.py --server ... --only unit/type/string --verbose    one file, with the suite's own output
    scripts/compat.py --server ... --full                               with DEBUG and OBJECT ENCODING checks too
    scripts/compat.py --server $(which redis-server) --record           measures the real one anew

A test counts by its name. `compat/expected/MODE/FILE.txt` holds the names that pass on a real Redis 7.0.15, in order, one a
line, repeated when a name occurs several times; so a test that silently does not run is a failure like any other. Where a
name contains numbers that differ from run to run, `--record` stores `#` for each run of digits, and such a line matches any.
Failures that are known stand in `compat/known-failures.toml`, each with its reason. A listed test that passes fails the run
until its entry is removed: the list only gets shorter.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import tclsuite
from processes import stop_children_on_signals
from tclsuite import MODES, Outcome

REPOSITORY = Path(__file__).resolve().parent.parent
COMPAT = REPOSITORY / "compat"
FILES = COMPAT / "tcl.toml"
KNOWN = COMPAT / "known-failures.toml"
EXPECTED = COMPAT / "expected"

FILE_LIMIT_S = 900
RECORD_RUNS = 2
RETRIES_MAX = 3
MESSAGE_CHARS = 400
OUTSIDE = "(outside any test)"
DID_NOT_RUN = "did not run"

FILES_HEADER = """\
# The files of Redis's test suite: how many tests of each pass on a real redis-server 7.0.15, and whether `make compat`
# runs the file. The counts are written by `scripts/compat.py --record`; `enabled` is decided by hand.
"""


@dataclass
class Verdict:
    """One file's result against the expectation."""

    mode: str
    file: str
    passed: int = 0
    expected: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # name -> occurrences that did not pass
    messages: dict[str, str] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)  # the part of `failed` that is listed
    stale: list[str] = field(default_factory=list)  # listed, but passing or not a test at all
    note: str = ""
    seconds: float = 0.0

    def new(self) -> list[str]:
        return [name for name in self.failed if name not in self.known]

    def new_count(self) -> int:
        return sum(self.failed[name] for name in self.new())


def main() -> int:
    options = parse_options()
    stop_children_on_signals()
    server = shutil.which(options.server)
    if server is None:
        raise SystemExit(f"compat: no program {options.server}")
    server = os.path.abspath(server)
    suite = tclsuite.obtain(options.cache)
    if options.record:
        return record(options, suite, server)

    chosen = choose(options)
    if not chosen:
        raise SystemExit("compat: nothing to run; is the file recorded in compat/tcl.toml?")
    known = load_known()
    table = sys.stderr if options.list_failures else sys.stdout
    print(f"{'mode':<14}{'file':<28}{'ok':>5}{'expected':>10}{'known':>7}{'new':>5}{'seconds':>9}", file=table)

    def attempt(mode: str, file: str) -> Verdict:
        outcome = run_file(options, suite, server, mode, file)
        return judge(mode, file, load_expected(mode, file), outcome, known.get((mode, file), {}))

    def measure(job: tuple[str, str]) -> Verdict:
        mode, file = job
        verdict = attempt(mode, file)
        for _ in range(RETRIES_MAX):
            if not verdict.new_count():
                break
            # Some tests of the suite depend on how fast the machine and how large the kernel's socket buffers are. What
            # is broken fails again.
            print(f"{mode:<14}{file:<28} failed new tests, tried again: {', '.join(verdict.new())}", file=table)
            verdict = attempt(mode, file)
        print(
            f"{mode:<14}{file:<28}{verdict.passed:>5}{verdict.expected:>10}{sum(verdict.known.values()):>7}"
            f"{verdict.new_count():>5}{verdict.seconds:>9.1f}",
            file=table,
            flush=True,
        )
        return verdict

    verdicts = in_parallel(options.jobs, measure, chosen)
    return report(options, verdicts)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", required=True, metavar="PATH", help="the program to test")
    parser.add_argument("--only", action="append", metavar="FILE", help="this file, enabled or not; may be repeated")
    parser.add_argument("--mode", action="append", choices=sorted(MODES), help="default: external and spawned")
    parser.add_argument("--full", action="store_true", help="the modes that skip nothing but slow tests")
    parser.add_argument("--all", action="store_true", help="every recorded file, enabled or not")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files at the same time")
    parser.add_argument("--limit", type=float, default=FILE_LIMIT_S, metavar="SECONDS", help="for one file")
    parser.add_argument("--verbose", action="store_true", help="print the suite's own output")
    parser.add_argument("--list-failures", action="store_true", help="failures as JSON lines, the table to stderr")
    parser.add_argument("--cache", type=Path, default=tclsuite.default_cache(), help="where the suite is kept")
    parser.add_argument("--record", action="store_true", help="store what passes as the expectation")
    parser.add_argument("--runs", type=int, default=RECORD_RUNS, help="with --record: only what passes each time counts")
    options = parser.parse_args()
    if not options.mode:
        options.mode = ["external-full", "spawned-full"] if options.full else ["external", "spawned"]
    return options


def choose(options: argparse.Namespace) -> list[tuple[str, str]]:
    files = load_files()
    return [
        (mode, file)
        for mode in options.mode
        for file, facts in files.get(mode, {}).items()
        if (file in options.only if options.only else options.all or facts["enabled"])
    ]


def in_parallel(workers: int, work, items: list) -> list:
    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(cancel_futures=True)


def run_file(options: argparse.Namespace, suite: Path, server: str, mode: str, file: str) -> Outcome:
    outcome = tclsuite.run_file(suite, MODES[mode], file, server, options.limit)
    if options.verbose:
        print(outcome.output, file=sys.stderr)
    return outcome


# --- judging ---


def judge(mode: str, file: str, expected: list[str], outcome: Outcome, known: dict[str, str]) -> Verdict:
    wanted = Counter(expected)
    missing = wanted - matched(wanted, outcome.passed)
    failures = {canonical(name, wanted): message for name, message in outcome.failed.items()}
    # A name that occurs several times and fails once may still have enough passes if a flaky one ran more often.
    failed = dict(missing) | {name: max(1, missing[name]) for name in failures if name in wanted}
    verdict = Verdict(mode, file, expected=wanted.total(), failed=failed, seconds=outcome.seconds)
    verdict.passed = wanted.total() - missing.total()

    verdict.note = "\n".join([outcome.aborted, *outcome.stray]).strip()
    if verdict.note and not failed:
        failed[OUTSIDE] = 1
    hung = canonical(outcome.running, wanted) if outcome.running else next((n for n in expected if missing[n]), None)
    for name in failed:
        if name in failures:
            verdict.messages[name] = failures[name]
        elif name == OUTSIDE or (outcome.aborted and name == hung):
            verdict.messages[name] = verdict.note
        else:
            verdict.messages[name] = DID_NOT_RUN

    verdict.known = {name: count for name, count in failed.items() if name in known}
    verdict.stale = [name for name in known if name not in failed]
    return verdict


def matched(wanted: Counter, passed: Counter) -> Counter:
    """How often each wanted name passed: names as they are first, then those stored without their numbers."""
    found = wanted & passed
    for name, count in (passed - found).items():
        found[without_numbers(name)] += count
    return found & wanted


def canonical(name: str, wanted: Counter) -> str:
    return name if name in wanted else next((n for n in [without_numbers(name)] if n in wanted), name)


def without_numbers(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def report(options: argparse.Namespace, verdicts: list[Verdict]) -> int:
    passed = sum(verdict.passed for verdict in verdicts)
    failed = sum(verdict.new_count() for verdict in verdicts)
    known = sum(sum(verdict.known.values()) for verdict in verdicts)
    stale = sum(len(verdict.stale) for verdict in verdicts)
    if options.list_failures:
        for verdict in verdicts:
            for name in verdict.failed:
                entry = {"file": verdict.file, "mode": verdict.mode, "test": name, "known": name in verdict.known}
                print(json.dumps(entry | {"message": verdict.messages[name]}))
        table = sys.stderr
    else:
        table = sys.stdout
        for verdict in verdicts:
            print_failures(verdict)
    print(f"\n{passed} passed, {failed} failed", end="", file=table)
    print(f" (and {known} known failures)" if known else "", end="", file=table)
    print(f"; {stale} to be removed from {KNOWN.relative_to(REPOSITORY)}" if stale else "", file=table)
    return 1 if failed or stale else 0


def print_failures(verdict: Verdict) -> None:
    title = f"{verdict.file} ({verdict.mode})"
    new = verdict.new()
    if new and verdict.note:
        print(f"\nBROKE   {title}\n" + indented(verdict.note))
    for name in new:
        if verdict.messages[name] != DID_NOT_RUN:
            print(f"\nFAILED  {title}: {name}\n" + indented(verdict.messages[name]))
    silent = [name for name in new if verdict.messages[name] == DID_NOT_RUN]
    if silent:
        print(f"\nFAILED  {title}: {len(silent)} names did not run, the first of them\n" + indented(silent[0]))
    for name in verdict.stale:
        print(f"\nREMOVE  {title}: {name}\n" + indented("is listed as a known failure, but does not fail"))


def indented(message: str) -> str:
    return "        " + message[:MESSAGE_CHARS].strip().replace("\n", "\n        ")


# --- what is checked in ---


def load_files() -> dict[str, dict[str, dict]]:
    return tomllib.loads(FILES.read_text()) if FILES.exists() else {}


def load_known() -> dict[tuple[str, str], dict[str, str]]:
    known: dict[tuple[str, str], dict[str, str]] = {}
    for entry in tomllib.loads(KNOWN.read_text()).get("failure", []) if KNOWN.exists() else []:
        if not entry.get("reason", "").strip():
            raise SystemExit(f"compat: the known failure {entry['test']!r} of {entry['file']} has no reason")
        if entry["mode"] not in MODES:
            raise SystemExit(f"compat: the known failure {entry['test']!r} has an unknown mode {entry['mode']!r}")
        known.setdefault((entry["mode"], entry["file"]), {})[entry["test"]] = entry["reason"]
    return known


def expected_path(mode: str, file: str) -> Path:
    return EXPECTED / mode / (file.replace("/", "-") + ".txt")


def load_expected(mode: str, file: str) -> list[str]:
    return expected_path(mode, file).read_text().splitlines()


# --- recording ---


def record(options: argparse.Namespace, suite: Path, server: str) -> int:
    jobs = [(mode, file) for mode in options.mode for file in options.only or tclsuite.files_of(suite)]

    def measure(job: tuple[str, str]) -> list[str] | None:
        outcomes = [run_file(options, suite, server, *job) for _ in range(options.runs)]
        names = stable(outcomes)
        counts = "/".join(str(outcome.passed.total()) for outcome in outcomes)
        print(f"{job[0]:<14}{job[1]:<28}{len(names):>5}   of {counts}, {outcomes[0].seconds:.0f} s", flush=True)
        for outcome in outcomes:
            for trouble in [*outcome.failed, *outcome.stray, outcome.aborted]:
                if trouble:
                    print("    " + trouble.replace("\n", "\n    ")[:MESSAGE_CHARS], flush=True)
        # What a run that broke off did not reach is no fact about Redis.
        return None if any(outcome.aborted for outcome in outcomes) else names

    results = dict(zip(jobs, in_parallel(options.jobs, measure, jobs)))
    recorded = {job: names for job, names in results.items() if names is not None}
    store(recorded)
    for mode in options.mode:
        print(f"{mode}: {sum(len(names) for job, names in recorded.items() if job[0] == mode)} passed")
    broken = [f"{file} ({mode})" for (mode, file), names in results.items() if names is None]
    if broken:
        print(f"not recorded, because a run broke off: {', '.join(broken)}")
    return 1 if broken else 0


def stable(outcomes: list[Outcome]) -> list[str]:
    """The names that pass in every run, in the order of the first; numbers give way to `#` where they differ."""
    always = outcomes[0].passed
    for outcome in outcomes[1:]:
        always = always & outcome.passed
    varying = None
    for outcome in outcomes:
        rest = Counter()
        for name, count in (outcome.passed - always).items():
            rest[without_numbers(name)] += count
        varying = rest if varying is None else varying & rest

    names = []
    exact = always.copy()
    for name in outcomes[0].order:
        if exact[name] > 0:
            exact[name] -= 1
            names.append(name)
        elif varying[without_numbers(name)] > 0:
            varying[without_numbers(name)] -= 1
            names.append(without_numbers(name))
    return names


def store(recorded: dict[tuple[str, str], list[str]]) -> None:
    files = load_files()
    for (mode, file), names in recorded.items():
        path = expected_path(mode, file)
        if names:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(names) + "\n")
            facts = files.setdefault(mode, {}).setdefault(file, {"enabled": False})
            facts["ok"] = len(names)
        else:
            path.unlink(missing_ok=True)
            files.get(mode, {}).pop(file, None)
    text = FILES_HEADER
    for mode in MODES:
        if files.get(mode):
            text += f"\n[{mode}]\n"
        for file, facts in sorted(files.get(mode, {}).items()):
            text += f'"{file}" = {{ ok = {facts["ok"]}, enabled = {str(facts["enabled"]).lower()} }}\n'
    FILES.parent.mkdir(parents=True, exist_ok=True)
    FILES.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
