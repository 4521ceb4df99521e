"""Servers and other child processes, started and ended by their process id.

What the outside tools share: a free port, a server on a port and directory of its own, a way to ask whether it answers,
and an end to it that takes its children along. It is not a client: it speaks just enough of the protocol to say PING.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

START_LIMIT_S = 60.0
START_POLL_S = 0.01
STOP_LIMIT_S = 10.0
PING_LIMIT_S = 1.0


_live: set[subprocess.Popen] = set()
_stopping = threading.Event()


def stop_children_on_signals() -> None:
    """Makes an interrupt or termination of this program end what it has started, before it ends itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _frame) -> None:
    _stopping.set()
    for process in list(_live):
        signal_group(process, signal.SIGKILL)
    raise SystemExit(128 + number)


def launch(command: list[str], **options) -> subprocess.Popen:
    """Starts a program in a session of its own; `end_group` is to end it."""
    if _stopping.is_set():
        raise RuntimeError("stopping")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    _live.add(process)
    return process


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers_ping(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server at this address answers at all; an error such as NOAUTH is an answer too."""
    try:
        with socket.create_connection((host, port), timeout=PING_LIMIT_S) as connection:
            connection.sendall(b"PING\r\n")
            reply = connection.recv(64)
    except OSError:
        return False
    return reply.startswith(b"+") or (reply.startswith(b"-") and not reply.startswith(b"-LOADING"))


def end_group(process: subprocess.Popen, limit_s: float = STOP_LIMIT_S) -> None:
    """Ends a process that was launched here, and everything it has started."""
    if process.poll() is None:
        signal_group(process, signal.SIGTERM)
        signal_group(process, signal.SIGCONT)  # a stopped one would never see the other
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            pass
    # Children may outlive their parent.
    signal_group(process, signal.SIGKILL)
    process.wait()
    _live.discard(process)


def signal_group(process: subprocess.Popen, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # nobody of the group is left


class Server:
    """A server process on a free loopback port, with a temporary directory as its `dir`. Use it in a `with`."""

    def __init__(self, name: str, binary: str, options: list[str], environment: Callable[[Path], dict[str, str]] | None = None):
        self.name = name
        self.binary = binary
        self.options = options
        self.environment = environment  # what its environment has besides, by its directory
        self.port = 0
        self.dir: Path | None = None
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Server":
        self.dir = Path(tempfile.mkdtemp(prefix=f"catamaran-{self.name}-"))
        self.port = free_port()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, limit_s: float = START_LIMIT_S) -> None:
        """Begins, or begins again on the same port and directory, and returns as soon as it answers."""
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.dir), *self.options]
        with open(self.log_path, "ab") as log:
            added = self.environment(self.dir) if self.environment else {}
            self.process = launch(command, cwd=self.dir, stdout=log, stderr=log, env={**os.environ, **added})
        self._wait_until_ready(limit_s)

    def stop(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Ends it as an operator would; its directory stays."""
        end_group(self.process, limit_s)

    def __exit__(self, *_) -> None:
        if self.process is not None:
            end_group(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def log_path(self) -> Path:
        return self.dir / "server.log"

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _wait_until_ready(self, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if not self.alive():
                break
            if answers_ping(self.port):
                return
            time.sleep(START_POLL_S)
        log = self.log_path.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} ({self.binary}) does not answer on port {self.port}:\n{log}")
