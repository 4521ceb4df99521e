#!/usr/bin/env python3
"""Asks a server (HOST:PORT) every command of a transcript and writes the replies into it. See testing.rs."""

import re
import socket
import sys


def words(line):
    for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line):
        parts = (quoted or plain).encode().split(b"\\x")
        yield parts[0] + b"".join(bytes([int(part[:2], 16)]) + part[2:] for part in parts[1:])


def escape(reply):
    """As Rust's escape_ascii."""
    special = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}
    return "".join(special.get(b) or (chr(b) if 32 <= b < 127 else "\\x%02x" % b) for b in reply)


class Server:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")

    def ask(self, *args):
        self.socket.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, count = line[:1], line[1:-2]
        if kind in b"$=" and count != b"-1":
            return line + self.file.read(int(count) + 2)
        if kind in b"*~>%" and count != b"-1":
            return line + b"".join(self.reply() for _ in range(int(count) * (2 if kind == b"%" else 1)))
        return line


def main(address, path):
    server = Server(address)
    server.ask(b"FLUSHALL")
    lines = []
    for line in open(path, encoding="ascii").read().splitlines():
        if line.startswith("< "):
            continue
        lines.append(line)
        if line == "! flush":
            server.ask(b"FLUSHALL")
        elif line.startswith("! list "):
            server.ask(b"DEL", line[7:].encode())
            server.ask(b"LPUSH", line[7:].encode(), b"element")
        elif line.startswith("! resp"):
            server.ask(b"HELLO", line[6:].encode())
        elif line.startswith("> "):
            lines.append("< " + escape(server.ask(*words(line[2:]))))
    open(path, "w", encoding="ascii").write("\n".join(lines) + "\n")


main(*sys.argv[1:])
