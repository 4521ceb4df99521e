"""As if the machine had little memory: what of a data set does not fit into a server's caches then lies on the disk.

A control group holds the server and its files' pages to a limit, where one can be made (as root, of either version of control groups). Elsewhere
the operating system is told every second to forget the pages, which takes up to a tenth of a second each time, in which reads wait: latencies are then
longer than the server's.
"""

import contextlib
import os
import threading
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
FORGET_EVERY_S = 1.0


@contextlib.contextmanager
def held(pid: int, directory: Path, limit_bytes: int):
    """Little memory for a process and its directory. Yields a description of how that is done."""
    group = make_group(GROUPS, f"scarce-memory-{pid}", limit_bytes)
    if group is not None:
        try:
            (group / "cgroup.procs").write_text(str(pid))
        except OSError:
            group.rmdir()
            group = None
    if group is None:
        with Forgetting(directory):
            yield "whose files the operating system is told to forget every second"
        return
    try:
        # Pages belong to the group that reads them first.
        forget(directory)
        yield f"which a control group holds to {limit_bytes >> 20} MiB of memory, files' pages included"
    finally:
        with contextlib.suppress(OSError):
            (group.parent / "cgroup.procs").write_text(str(pid))
            group.rmdir()


def make_group(root: Path, name: str, limit_bytes: int) -> Path | None:
    """A control group with a limit. None: there can be none."""
    for parent, limit in ((root / "memory", "memory.limit_in_bytes"), (root, "memory.max")):
        if not (parent / "cgroup.procs").exists():
            continue
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            # Not created: without the controller there is no such file.
            with open(group / limit, "r+") as file:
                file.write(str(limit_bytes))
            return group
        except OSError:
            group.rmdir()
    return None


class Forgetting:
    """Tells the operating system again and again to forget the pages of a directory's files."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Forgetting":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()

    def _run(self) -> None:
        while True:
            forget(self.directory)
            if self.over.wait(FORGET_EVERY_S):
                return


def forget(directory: Path) -> None:
    """What is not written back yet stays."""
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                file = os.open(os.path.join(parent, name), os.O_RDONLY)
            except OSError:
                continue  # gone meanwhile
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)
