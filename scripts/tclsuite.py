"""Redis's own test suite: where it comes from, how one of its files is run, and what its output says.

The suite is part of the Redis 7.0.15 source package of Debian and Ubuntu. It is fetched when needed and never becomes part
of this repository. This module knows nothing of expectations or known failures; those are `compat.py`'s.
"""

import contextlib
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from processes import Server, end_group, launch

REDIS_VERSION = "7.0.15"
SOURCES_ENTRY = Path("/etc/apt/sources.list.d/catamaran-source.sources")
TOOLS = {"tclsh": "tcl", "dpkg-source": "dpkg-dev", "redis-cli": "redis-tools", "redis-benchmark": "redis-tools"}

# The suite gives up when nothing is reported for this long, and names the test that hangs.
SILENCE_LIMIT_S = 300
# How much of a dead server's log is shown.
LOG_TAIL_CHARS = 350
# Each run has a block of ports to itself, below the usual range of ephemeral ones: its first is held as the block's lock,
# the next few are for the suite's own connections, the rest for servers which it spawns.
PORT_BLOCKS = range(11000, 20000, 500)
SPAWN_PORTS_OFFSET = 50
SPAWN_PORTS = 400

SKIP_SLOW = "-slow"
SKIP_UNSUPPORTED = "-needs:debug -needs:repl -needs:pfdebug -needs:config-maxmemory -large-memory"


@dataclass(frozen=True)
class Mode:
    """A way to run the suite: against a server that runs already, or with servers that the suite spawns."""

    name: str
    external: bool
    flags: tuple[str, ...]
    server_options: tuple[str, ...] = ()


MODES = {
    mode.name: mode
    for mode in (
        Mode(
            "external",
            external=True,
            flags=("--durable", "--ignore-encoding", "--ignore-digest", "--tags", f"{SKIP_SLOW} {SKIP_UNSUPPORTED}"),
        ),
        Mode(
            "external-full",
            external=True,
            flags=("--durable", "--tags", SKIP_SLOW),
            server_options=("--enable-debug-command", "yes"),
        ),
        Mode("spawned", external=False, flags=("--durable", "--tags", f"{SKIP_SLOW} -needs:debug -needs:repl")),
        Mode("spawned-full", external=False, flags=("--durable", "--tags", SKIP_SLOW)),
    )
}


@dataclass
class Outcome:
    """What one file of the suite reported. Names may occur several times; each occurrence counts."""

    passed: Counter = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)  # name -> message
    stray: list[str] = field(default_factory=list)  # errors outside any test
    order: list[str] = field(default_factory=list)  # of the passed ones
    ignored: int = 0
    aborted: str = ""  # why the file ended early
    running: str = ""  # the test that hung, where the suite says so
    output: str = ""
    seconds: float = 0.0


# --- getting the suite ---


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "catamaran"


def obtain(cache: Path) -> Path:
    """The unpacked source package, from the cache or else from the distribution's archive."""
    install_tools()
    home = cache / f"redis-{REDIS_VERSION}"
    if not (home / "tests" / "test_helper.tcl").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="unpack-") as work:
            unpacked = download(Path(work))
            shutil.rmtree(home, ignore_errors=True)
            unpacked.rename(home)
    return home


def install_tools() -> None:
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        require_root(f"install {' '.join(missing)}")
        run("apt-get", "update")
        run("apt-get", "install", "-y", "--no-install-recommends", *missing)


def download(work: Path) -> Path:
    version = source_version()
    if version is None:
        add_source_entry()
        run("apt-get", "update")
        version = source_version()
    if version is None:
        raise SystemExit(f"compat: the package archive has no source of Redis {REDIS_VERSION}")
    run("apt-get", "source", "--download-only", f"redis={version}", cwd=work)
    description = next(work.glob("redis_*.dsc"))
    run("dpkg-source", "-x", description.name, "redis", cwd=work)
    return work / "redis"


def source_version() -> str | None:
    """The version of the source package that carries our Redis, if apt knows one."""
    shown = subprocess.run(["apt-cache", "showsrc", "redis"], capture_output=True, text=True, check=False).stdout
    versions = re.findall(r"^Version: (\S+)$", shown, re.MULTILINE)
    return next((version for version in versions if re.search(rf"(^|:){re.escape(REDIS_VERSION)}-", version)), None)


def add_source_entry() -> None:
    """Names the archive that binary packages come from as one of source packages too."""
    require_root(f"write {SOURCES_ENTRY}")
    for name in ("debian.sources", "ubuntu.sources"):
        entry = SOURCES_ENTRY.parent / name
        if entry.exists():
            stanza = entry.read_text().strip().split("\n\n")[0]
            SOURCES_ENTRY.write_text(re.sub(r"^Types:.*$", "Types: deb-src", stanza, flags=re.MULTILINE) + "\n")
            return
    raise SystemExit(f"compat: no debian.sources or ubuntu.sources in {SOURCES_ENTRY.parent}; add a deb-src entry by hand")


def require_root(purpose: str) -> None:
    if os.geteuid() != 0:
        raise SystemExit(f"compat: needs root to {purpose}")


def run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"compat: {shlex.join(command)} failed:\n{done.stdout[-2000:]}")


# --- running one file ---


def files_of(suite: Path) -> list[str]:
    """Every file of unit tests, as the suite names them. Modules and several machines are out of scope."""
    tests = suite / "tests"
    names = [str(path.relative_to(tests).with_suffix("")) for path in (tests / "unit").rglob("*.tcl")]
    left_out = ("unit/moduleapi/", "unit/cluster", "unit/tls", "unit/type/list-common")
    return sorted(name for name in names if not name.startswith(left_out))


def run_file(suite: Path, mode: Mode, name: str, server: str, limit_s: float) -> Outcome:
    """Runs one file in a directory of its own, so that several runs never see each other's leftovers."""
    with contextlib.ExitStack() as stack:
        farm = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="catamaran-suite-")))
        plant(suite, farm, server)
        command = ["./runtest", "--clients", "1", "--timeout", str(SILENCE_LIMIT_S), *mode.flags, "--single", name]
        ports = stack.enter_context(port_block()) + SPAWN_PORTS_OFFSET
        command += ["--baseport", str(ports), "--portcount", str(SPAWN_PORTS)]
        if mode.external:
            options = ["--save", "", *mode.server_options]
            try:
                running = stack.enter_context(Server("compat", server, options))
            except RuntimeError as error:
                return Outcome(aborted=str(error))
            command += ["--host", "127.0.0.1", "--port", str(running.port)]
        outcome = watch(command, farm, limit_s)
        if mode.external and not running.alive():
            outcome.aborted = "the server died\n" + running.log_path.read_text(errors="replace")[-LOG_TAIL_CHARS:]
    return outcome


@contextlib.contextmanager
def port_block():
    """Reserves a block of ports against other runs of this program, and yields its first."""
    for block in random.sample(PORT_BLOCKS, len(PORT_BLOCKS)):
        with socket.socket() as lock:
            try:
                lock.bind(("127.0.0.1", block))
                lock.listen()
            except OSError:
                continue
            yield block
            return
    raise SystemExit("compat: every block of ports is taken")


def plant(suite: Path, farm: Path, server: str) -> None:
    """A tree of links to the suite, with its own `tests/tmp` and our program where the suite looks for Redis."""
    (farm / "tests" / "tmp").mkdir(parents=True)
    (farm / "src").mkdir()
    for entry in suite.iterdir():
        if entry.name not in ("tests", "src"):
            (farm / entry.name).symlink_to(entry)
    for entry in (suite / "tests").iterdir():
        if entry.name != "tmp":
            (farm / "tests" / entry.name).symlink_to(entry)
    wrapper = farm / "src" / "redis-server"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(server)} "$@"\n')
    wrapper.chmod(0o755)
    for tool in ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
        found = shutil.which(tool)
        if found:
            (farm / "src" / tool).symlink_to(found)


def watch(command: list[str], farm: Path, limit_s: float) -> Outcome:
    log = farm / "output.log"
    stopped = False
    began = time.monotonic()
    with open(log, "wb") as sink:
        process = launch(command, cwd=farm, stdout=sink, stderr=sink)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            end_group(process)
    outcome = parse(log.read_text(errors="replace"))
    outcome.seconds = time.monotonic() - began
    if stopped:
        outcome.aborted = f"stopped after {limit_s:.0f} s"
    elif process.returncode != 0 and not (outcome.failed or outcome.stray or outcome.aborted):
        outcome.aborted = f"runtest ended with status {process.returncode}"
    return outcome


# --- reading the output ---

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
REPORT = re.compile(r"^\[(ok|err|exception|ignore|skip|TIMEOUT|ready|testing|\d+/\d+ done)\]: ?(.*)$", re.DOTALL)
PASSED = re.compile(r"^(.*) \((\d+) ms\)$", re.DOTALL)
FAILED = re.compile(r"^(.*) in tests/\S+\.tcl$")
RUNNING = re.compile(r"=> \(IN PROGRESS\) (.*)$", re.MULTILINE)


def parse(output: str) -> Outcome:
    output = COLOUR.sub("", output)
    outcome = Outcome(output=output)
    reports, _, _ = output.partition("\n                   The End\n")
    for status, text in split_reports(reports):
        first, _, rest = text.partition("\n")
        if status == "ok":
            matched = PASSED.match(text)
            name = one_line(matched.group(1) if matched else first)
            outcome.passed[name] += 1
            outcome.order.append(name)
        elif status == "err":
            matched = FAILED.match(first)
            if matched:
                outcome.failed[one_line(matched.group(1))] = essence(rest)
            else:
                outcome.stray.append(text)
        elif status == "exception":
            outcome.aborted = text
        elif status in ("ignore", "skip"):
            outcome.ignored += 1
        elif status == "TIMEOUT":
            outcome.aborted = f"nothing reported for {SILENCE_LIMIT_S} s"
            running = RUNNING.search(text)
            outcome.running = one_line(running.group(1)) if running else ""
    return outcome


def split_reports(output: str) -> list[tuple[str, str]]:
    """The reports in order; lines that begin none belong to the one before."""
    reports: list[list[str]] = []
    for line in output.splitlines():
        begun = REPORT.match(line)
        if begun:
            reports.append([begun.group(1), begun.group(2)])
        elif reports and not PASSED.match(reports[-1][1]):
            reports[-1][1] += "\n" + line
    return [(status, text) for status, text in reports]


def essence(message: str) -> str:
    """An error's message without Tcl's backtrace, and without the first line where it is but the end of the second."""
    lines = message.partition("\n    while executing")[0].splitlines()
    if len(lines) > 1 and lines[1].endswith(lines[0].strip()):
        lines = lines[1:]
    return "\n".join(lines)


def one_line(name: str) -> str:
    return " ".join(name.split())
