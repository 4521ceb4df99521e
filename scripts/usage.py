"""What a server process used of the machine, read from /proc: processor time, bytes to and from the disk, memory.

Children that a server forked and has waited for (Redis's rewrites of its log) are counted with it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Totals since the process began; differences are what is of interest."""

    cpu_s: float = 0.0
    written_bytes: int = 0
    read_bytes: int = 0

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(
            self.cpu_s - earlier.cpu_s, self.written_bytes - earlier.written_bytes, self.read_bytes - earlier.read_bytes
        )

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu_s + other.cpu_s, self.written_bytes + other.written_bytes, self.read_bytes + other.read_bytes)


def of(pid: int) -> Usage:
    process = Path("/proc") / str(pid)
    written, read = parse_io((process / "io").read_text())
    return Usage(parse_cpu_s((process / "stat").read_text()), written, read)


def parse_cpu_s(stat: str) -> float:
    """User and system time of the process and of the children it has waited for."""
    # The name of the program is in parentheses and may have anything in it.
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS_PER_SECOND


def parse_io(text: str) -> tuple[int, int]:
    facts = {name: int(value) for name, value in (line.split(":") for line in text.splitlines())}
    # What was truncated away before it reached the disk was not written.
    return facts["write_bytes"] - facts["cancelled_write_bytes"], facts["read_bytes"]


def memory_bytes(pid: int, what: str = "VmRSS") -> int:
    """Resident memory; with VmHWM the most that it ever was."""
    for line in (Path("/proc") / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no {what}")


def disk_bytes(directory: Path) -> int:
    """What the files of a directory take on the disk; those that go meanwhile count nothing."""
    total, seen = 0, set()
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue
            if status.st_ino not in seen:  # checkpoints share their files
                seen.add(status.st_ino)
                total += status.st_blocks * 512
    return total
