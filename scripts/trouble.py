"""What `isolate.py` does to a server while it measures: floods, long reads, large deletions, and a disk that hangs.

Each trouble is a context manager: it begins on entering, ends on leaving, and says in `facts` what it did, as a server that is
spared its trouble is no better than one that bears it. None of them measures latencies; that is the latency client's.
"""

import contextlib
import os
import random
import socket
import subprocess
import threading
import time
from pathlib import Path

import wire
import workload
from processes import end_group, launch
from wire import Refused, Wire

SHIM = Path(__file__).resolve().parent.parent / "crates" / "testkit" / "shim" / "faultdisk.c"


class Trouble(contextlib.AbstractContextManager):
    """A thread that makes trouble until it is told to end."""

    def __init__(self):
        self.over = threading.Event()
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self._guarded, daemon=True)

    def __enter__(self) -> "Trouble":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.stop()
        self.thread.join()

    def _guarded(self) -> None:
        try:
            self.run()
        except (OSError, ConnectionError, ValueError) as failure:
            # What is cut off by the end is no failure.
            if not self.over.is_set():
                self.failure = failure

    def run(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Wakes the thread where it waits for the server."""

    def facts(self) -> dict:
        return {"failure": str(self.failure)} if self.failure else {}


class Repeat(Trouble):
    """One request after the other on one connection, as soon as the reply is there. Replies are as long as the first."""

    def __init__(self, port: int, request: bytes):
        super().__init__()
        self.wire = Wire(port)
        self.request = request
        self.replies = 0
        self.refusals = 0
        self.reply_bytes = 0

    def run(self) -> None:
        while not self.over.is_set():
            self.wire.socket.sendall(self.request)
            head = self.wire.replies.readline()
            if head.startswith(b"-"):
                self.refusals += 1
                continue
            if not self.reply_bytes:
                self.reply_bytes = len(head) + skip_body(self.wire.replies, head)
            else:
                skip(self.wire.replies, self.reply_bytes - len(head))
            self.replies += 1

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.wire.socket.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *details) -> None:
        super().__exit__(*details)
        self.wire.__exit__()

    def facts(self) -> dict:
        return super().facts() | {"replies": self.replies, "refusals": self.refusals, "bytes each": self.reply_bytes}


def skip(replies, count: int) -> None:
    """Reads without taking apart, which would cost the machine more than the server's work does."""
    while count > 0:
        piece = replies.read1(min(count, 1 << 20))
        if not piece:
            raise ConnectionError("the server closed the connection")
        count -= len(piece)


def skip_body(replies, head: bytes) -> int:
    """Reads what follows the first line of an array or a text, and says how long it was."""
    if head.startswith(b"$"):
        size = int(head[1:]) + 2
        skip(replies, size)
        return size
    total = 0
    for _ in range(int(head[1:])):
        line = replies.readline()
        size = 0 if line == b"$-1\r\n" else int(line[1:]) + 2
        skip(replies, size)
        total += len(line) + size
    return total


class Paced(Trouble):
    """SETs of random keys at a fixed rate, so that every server gets the same load."""

    BURSTS_PER_SECOND = 100

    def __init__(self, port: int, rate: int, keys: int, value_bytes: int):
        super().__init__()
        self.wire = Wire(port)
        self.rate, self.keys, self.value = rate, keys, b"x" * value_bytes
        self.sent = self.taken = self.refusals = 0
        self.seconds = 0.0
        self.reader = threading.Thread(target=self._read, daemon=True)

    def run(self) -> None:
        self.reader.start()
        numbers = random.Random(1)
        burst = self.rate // self.BURSTS_PER_SECOND
        begun = due = time.monotonic()
        while not self.over.is_set():
            keys = [numbers.randrange(self.keys) for _ in range(burst)]
            size, value = len(self.value), self.value
            self.wire.socket.sendall(
                b"".join(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%b\r\n" % (key, size, value) for key in keys)
            )
            self.sent += burst
            self.seconds = time.monotonic() - begun
            due += 1 / self.BURSTS_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := self.wire.replies.readline():
                self.taken += line.startswith(b"+")
                self.refusals += line.startswith(b"-")

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.wire.socket.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *details) -> None:
        super().__exit__(*details)
        self.reader.join()
        self.wire.__exit__()

    def facts(self) -> dict:
        rate = round(self.taken / self.seconds) if self.seconds else 0
        return super().facts() | {"SETs a second": rate, "refusals": self.refusals}


class Flood(contextlib.AbstractContextManager):
    """SETs of 1 KiB as fast as they are taken, by redis-benchmark."""

    def __init__(self, port: int, keys: int):
        self.port, self.keys = port, keys
        self.rate = 0.0

    def __enter__(self) -> "Flood":
        command = ["redis-benchmark", "-p", str(self.port), "-c", str(workload.CLIENTS), "-P", str(workload.FLOOD_PIPELINE)]
        command += ["-r", str(self.keys), "-d", str(workload.FLOOD_BYTES), "-t", "set", "-n", "1000000000", "-q"]
        self.process = launch(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        workload.wait_for_flood("127.0.0.1", self.port)
        self.before = workload.commands_processed("127.0.0.1", self.port)
        self.begun = time.monotonic()
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            done = workload.commands_processed("127.0.0.1", self.port) - self.before
            self.rate = done / (time.monotonic() - self.begun)
        end_group(self.process)

    def facts(self) -> dict:
        return {"commands a second": round(self.rate)}


class Deletions(Trouble):
    """Large deletions, one after the other: long strings, many keys at once, everything."""

    STRING_BYTES = 256 << 20
    PIECE_BYTES = 8 << 20
    KEYS_AT_ONCE = 10_000

    def __init__(self, port: int, seconds: float, string_bytes: int | None = None):
        super().__init__()
        self.wire = Wire(port)
        self.took_ms: dict[str, float] = {}
        size = string_bytes or self.STRING_BYTES
        piece = b"d" * min(size, self.PIECE_BYTES)
        for name in ("long:0", "long:1"):
            for _ in range(size // len(piece)):
                self._expect(int, self.wire.command("APPEND", name, piece))
        self.many = [[f"many:{group}:{number}" for number in range(self.KEYS_AT_ONCE)] for group in range(2)]
        for names in self.many:
            pairs = [word for name in names for word in (name, "value")]
            self._expect(bytes, self.wire.command("MSET", *pairs))
        label = f"{size >> 20} MiB"
        steps = [(f"DEL of {label}", ["DEL", "long:0"]), (f"DEL of {self.KEYS_AT_ONCE} keys", ["DEL", *self.many[0]])]
        steps += [(f"DEL of {label}, again", ["DEL", "long:1"]), ("the same, again", ["DEL", *self.many[1]])]
        steps += [("FLUSHALL", ["FLUSHALL"])]
        self.steps = steps
        self.pause_s = seconds / (len(steps) + 1)

    @staticmethod
    def _expect(kind: type, reply) -> None:
        if isinstance(reply, Refused) or not isinstance(reply, kind):
            raise RuntimeError(f"preparing deletions: {reply!r}")

    def run(self) -> None:
        for name, words in self.steps:
            if self.over.wait(self.pause_s):
                return
            begun = time.monotonic()
            reply = self.wire.command(*words)
            self.took_ms[name] = round(1000 * (time.monotonic() - begun), 1)
            if isinstance(reply, Refused):
                self.took_ms[f"{name}: {reply}"] = self.took_ms.pop(name)

    def stop(self) -> None:
        self.thread.join(wire.REPLY_LIMIT_S)

    def __exit__(self, *details) -> None:
        super().__exit__(*details)
        self.wire.__exit__()

    def facts(self) -> dict:
        return super().facts() | {f"{name}, ms": took for name, took in self.took_ms.items()}


class Disk:
    """The shim that lets a server's disk hang, compiled into a directory; for files in one directory of the server's `dir`."""

    def __init__(self, directory: Path, name: str):
        self.name = name
        self.library = directory / "faultdisk.so"
        compiler = os.environ.get("CC", "cc").split()[-1]
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SHIM), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        self.control = directory / "rules"
        self.go_on()

    def environment(self, data: Path) -> dict[str, str]:
        root = data.resolve() / self.name
        return {"LD_PRELOAD": str(self.library), "FAULTDISK_ROOT": str(root), "FAULTDISK_CONTROL": str(self.control)}

    def hang(self, rule: str = "* *") -> None:
        """Operations and files as the shim names them."""
        self._write(f"{rule} hang\n")

    def go_on(self) -> None:
        self._write("")

    def _write(self, rules: str) -> None:
        new = self.control.with_suffix(".new")
        new.write_text(rules)
        new.rename(self.control)


class Hang(Trouble):
    """Lets the disk hang for a while."""

    def __init__(self, disk: Disk, after_s: float, seconds: float, rule: str = "* *"):
        super().__init__()
        self.disk, self.after_s, self.seconds, self.rule = disk, after_s, seconds, rule
        self.began = self.ended = 0.0

    def run(self) -> None:
        self.over.wait(self.after_s)
        self.began = time.monotonic()
        self.disk.hang(self.rule)
        self.over.wait(self.seconds)
        self.disk.go_on()
        self.ended = time.monotonic()

    def facts(self) -> dict:
        return super().facts() | {"hung for, s": round(self.ended - self.began, 1)}
