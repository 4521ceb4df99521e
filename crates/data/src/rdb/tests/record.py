#!/usr/bin/env python3
"""Asks a Redis (HOST:PORT) for payloads of values of every type, and writes them to `recorded` beside this file.

A line is a name, the payload in hexadecimal, and `exact` if writing the value anew has to give the same bytes. Payloads in encodings
that only older versions wrote are put together here; a line `old` has such a one and what Redis made of it."""

import pathlib
import random
import socket
import struct
import sys

VERSION = 10


class Server:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")

    def ask(self, *args):
        args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.socket.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if line[:1] == b"-":
            raise RuntimeError(line.decode())
        if line[:1] == b"$" and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line


def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def payload(body):
    body += struct.pack("<H", VERSION)
    return body + struct.pack("<Q", crc64(body))


def length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return struct.pack(">H", n | 0x4000)
    return b"\x80" + struct.pack(">I", n)


def string(data):
    return length(len(data)) + data


def ziplist(elements):
    """Integers in every width, strings in every length."""
    body, before, last = b"", 0, 10
    for element in elements:
        last = 10 + len(body)
        entry = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        if isinstance(element, int):
            for low, high, tag, size in [(-128, 127, 0xFE, 1), (-(2**15), 2**15 - 1, 0xC0, 2), (-(2**23), 2**23 - 1, 0xF0, 3), (-(2**31), 2**31 - 1, 0xD0, 4), (-(2**63), 2**63 - 1, 0xE0, 8)]:
                if low <= element <= high:
                    entry += bytes([0xF1 + element]) if 0 <= element <= 12 else bytes([tag]) + element.to_bytes(size, "little", signed=True)
                    break
        elif len(element) < 64:
            entry += bytes([len(element)]) + element
        elif len(element) < 16384:
            entry += struct.pack(">H", len(element) | 0x4000) + element
        else:
            entry += b"\x80" + struct.pack(">I", len(element)) + element
        body += entry
        before = len(entry)
    return struct.pack("<IIH", 11 + len(body), last, len(elements)) + body + b"\xff"


def zipmap(pairs):
    def size(data):
        return bytes([len(data)]) if len(data) < 254 else b"\xfe" + struct.pack("<I", len(data))

    body = b"".join(size(k) + k + size(v) + bytes([free]) + v + b"\0" * free for k, v, free in pairs)
    return bytes([len(pairs)]) + body + b"\xff"


INTEGERS = [0, 12, 13, -1, 127, -128, 128, 32767, -32768, 2**23 - 1, -(2**23), 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)]
LONG = b"abcdefgh" * 2050

OLD = {
    "list-plain": b"\x01" + length(3) + string(b"a") + b"\xc0\x05" + b"\xc1\x00\x10",
    "list-ziplist": b"\x0a" + string(ziplist(INTEGERS + [b"", b"text", b"x" * 63, b"x" * 64, b"x" * 300, LONG, b"end"])),
    "list-quicklist": b"\x0e" + length(2) + string(ziplist([b"a", 1])) + string(ziplist([b"b" * 254, 2])),
    "set-plain": b"\x02" + length(2) + string(b"a") + string(b"b"),
    "zset-ascii": b"\x03" + length(4) + b"\x01a\x031.5" + b"\x01b\xff" + b"\x01c\xfe" + b"\x01d\x0517.25",
    "zset-ziplist": b"\x0c" + string(ziplist([b"a", 1, b"b", b"2.5", 7, 1000, b"d", b"inf"])),
    "hash-plain": b"\x04" + length(1) + string(b"field") + string(b"value"),
    "hash-zipmap": b"\x09" + string(zipmap([(b"field", b"value", 0), (b"f" * 254, b"v" * 300, 3), (b"", b"", 0)])),
    "hash-ziplist": b"\x0d" + string(ziplist([b"a", 1, 5, b"five"])),
}


def values(server):
    """Makes values under the name `k`, and yields what each is called and whether its bytes are fixed."""
    rng = random.Random(5)
    strings = {
        "empty": b"", "text": b"hello", "long-text": b"x y z " * 7, "int8": b"-128", "int16": b"300", "int32": b"-2147483648",
        "int33": b"2147483648", "leading-zero": b"007", "len-20": b"a" * 20, "len-21": b"a" * 21, "len-63": bytes(range(63)), "len-64": bytes(range(64)),
        "len-16384": bytes(rng.randrange(256) for _ in range(16384)),
        "overlapping": b"ab" * 500, "compressible": LONG, "far": bytes(rng.randrange(256) for _ in range(8100)) * 2,
    }
    for n in range(40):
        alphabet = rng.randrange(2, 20)
        strings["random-%d" % n] = bytes(rng.randrange(alphabet) for _ in range(rng.randrange(21, 400)))
    for name, value in strings.items():
        server.ask("SET", "k", value)
        yield "string-" + name, True
    server.ask("RPUSH", "k", *INTEGERS, b"", b"text", b"x" * 63, b"x" * 64, b"x" * 4095, b"x" * 4096, LONG, "end")
    yield "list-kinds", True
    server.ask("RPUSH", "k", *["element %d" % n for n in range(900)])
    yield "list-long", True
    server.ask("CONFIG", "SET", "list-max-listpack-size", 7)
    server.ask("RPUSH", "k", *["element %d" % n for n in range(30)])
    yield "list-counted", False
    server.ask("CONFIG", "SET", "list-max-listpack-size", -2)
    server.ask("SADD", "k", 1, -5, 300)
    yield "set-intset-16", True
    server.ask("SADD", "k", 1, -5, 70000)
    yield "set-intset-32", True
    server.ask("SADD", "k", *range(-2**40, -2**40 + 512))
    yield "set-intset-64", True
    server.ask("SADD", "k", *range(513))
    yield "set-integers", True
    server.ask("SADD", "k", "a", "b", "c", "1", "long " * 20)
    yield "set-strings", True
    server.ask("HSET", "k", "field", "value", "n", 17, "", "", "neg", -4097, "e", "x" * 64)
    yield "hash-compact", True
    server.ask("HSET", "k", "field", "value", "long", "x" * 65)
    yield "hash-long", True
    server.ask("HSET", "k", *[w for n in range(513) for w in (n, "v%d" % n)])
    yield "hash-many", True
    server.ask("ZADD", "k", 1, "a", 1.5, "b", -2, "c", "inf", "d", "-inf", "e", 0, "f", 4e18, "g", 5e18, "h", 1, 17)
    yield "zset-compact", True
    server.ask("ZADD", "k", 0.1, "a", 1e-7, "b", 3.3, "c")
    yield "zset-fractions", False
    server.ask("ZADD", "k", *[w for n in range(129) for w in (n / 8, "m%d" % n)])
    yield "zset-many", True
    server.ask("ZADD", "k", 1, "x" * 65, "-inf", "y")
    yield "zset-long", True
    server.ask("XADD", "k", "1-1", "a", 1)
    yield "stream-one", True
    for n in range(250):
        server.ask("XADD", "k", "%d-%d" % (1000 + n // 3, 7 - n % 3 * -1), "name", n, *(["other", "x" * (n % 90)] if n % 5 else []))
    yield "stream-nodes", True
    for n in range(400):
        server.ask("XADD", "k", "%d-%d" % (2**45 + n * 1000, n), "f", "v%d" % n)
    yield "stream-long", True
    server.ask("XADD", "k", "1-1", "a", 1)
    server.ask("XDEL", "k", "1-1")
    yield "stream-empty", True
    for n in range(9):
        server.ask("XADD", "k", "5-%d" % n if n else "4-1", "a", n, "b", "value")
    server.ask("XDEL", "k", "5-3", "5-1")
    yield "stream-deleted", False
    for n in range(20):
        server.ask("XADD", "k", "5-%d" % (n + 1), "a", n)
    server.ask("XTRIM", "k", "MAXLEN", 15)
    server.ask("XGROUP", "CREATE", "k", "later", "5-9")
    server.ask("XGROUP", "CREATE", "k", "group", "0", "ENTRIESREAD", 3)
    server.ask("XREADGROUP", "GROUP", "group", "beta", "COUNT", 4, "STREAMS", "k", ">")
    server.ask("XREADGROUP", "GROUP", "group", "alpha", "COUNT", 3, "STREAMS", "k", ">")
    server.ask("XGROUP", "CREATECONSUMER", "k", "group", "idle")
    server.ask("XACK", "k", "group", "5-7")
    server.ask("XCLAIM", "k", "group", "beta", 0, "5-10")
    yield "stream-groups", False


def main(address):
    server, lines = Server(address), []
    server.ask("FLUSHALL")
    server.ask("CONFIG", "SET", "sanitize-dump-payload", "yes")
    for name, exact in values(server):
        lines.append("%s %s%s" % (name, server.ask("DUMP", "k").hex(), " exact" if exact else ""))
        server.ask("DEL", "k")
    for name, body in OLD.items():
        server.ask("RESTORE", "k", 0, payload(body))
        lines.append("old-%s %s %s" % (name, payload(body).hex(), server.ask("DUMP", "k").hex()))
        server.ask("DEL", "k")
    pathlib.Path(__file__).with_name("recorded").write_text("\n".join(lines) + "\n", encoding="ascii")


main(*sys.argv[1:])
