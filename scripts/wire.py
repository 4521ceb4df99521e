"""A blocking connection for the outside tools: commands out, replies in. It measures nothing and retries nothing.

`pour` brings many commands in, for filling a server before something is measured on it.
"""

import socket
from collections.abc import Iterable

REPLY_LIMIT_S = 120
POUR_BYTES = 256 << 10


class Wire:
    """A blocking connection: commands out, replies in as lists, bytes, integers and `Refused`."""

    def __init__(self, port: int, host: str = "127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=REPLY_LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb", buffering=1 << 20)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.replies.close()
        self.socket.close()

    def command(self, *words: bytes | str):
        self.socket.sendall(encode(*words))
        return self.read()

    def read(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return Refused(rest.decode(errors="replace"))
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"not understood: {line[:80]!r}")


class Refused(str):
    """A server's error."""


def encode(*words: bytes | str) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word.encode() if isinstance(word, str) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


def pour(wire: Wire, commands: Iterable[bytes]) -> None:
    """Sends encoded commands in large pieces and reads every reply; an error ends it."""
    chunk, count = bytearray(), 0
    for command in commands:
        chunk += command
        count += 1
        if len(chunk) >= POUR_BYTES:
            _exchange(wire, chunk, count)
            chunk, count = bytearray(), 0
    _exchange(wire, chunk, count)


def _exchange(wire: Wire, chunk: bytes, count: int) -> None:
    wire.socket.sendall(chunk)
    for _ in range(count):
        reply = wire.read()
        if isinstance(reply, Refused):
            raise RuntimeError(f"filling: {reply}")
