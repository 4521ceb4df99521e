"""Runs every program of examples/ against a server and against a real redis-server, and counts: `examples.sh` calls it.

An example has passed if it ended well, said in one line what it has shown, and left the keyspace as it was. On the real
Redis one may skip itself, for commands that are newer than the Redis that is installed here.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import redis

from processes import Server, end_group, launch, signal_group, stop_children_on_signals

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# An example that is not through by then hangs. Generous, for machines that do other things besides.
EXAMPLE_LIMIT_S = 600.0
REFERENCE = "redis-server"
SKIPPED = ": skipped, "


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: examples.py SERVER_BINARY RUST_PROGRAMS", file=sys.stderr)
        return 2
    stop_children_on_signals()
    binary, rust = sys.argv[1], Path(sys.argv[2])
    passed = failed = 0
    for server_binary in dict.fromkeys([binary, shutil.which(REFERENCE)]):
        name = Path(server_binary).name
        print(f"==> {name}", flush=True)
        with Server(name, server_binary, ["--save", ""]) as server:
            for label, command in programs(rust):
                trouble, shown = run(command, server, may_skip=name == REFERENCE)
                failed += bool(trouble)
                passed += not trouble and SKIPPED not in shown
                verdict = "FAIL" if trouble else "skip" if SKIPPED in shown else "pass"
                print(f"  {verdict}  {label}: {trouble or shown}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def programs(rust: Path) -> list[tuple[str, list[str]]]:
    """Every example there is, with the command that runs it."""
    found = [(path, [sys.executable, str(path)]) for path in EXAMPLES.glob("python/*.py")]
    found += [(path, ["node", str(path)]) for path in EXAMPLES.glob("node/*.js")]
    found += [(path, [str(rust / path.stem)]) for path in EXAMPLES.glob("rust/src/bin/*.rs")]
    return [(f"{path.relative_to(EXAMPLES).parts[0]}, {path.stem}", command) for path, command in sorted(found)]


def run(command: list[str], server: Server, may_skip: bool) -> tuple[str, str]:
    """What went wrong with an example, if anything, and the line that it printed."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        client.set("somebody else's", "key")
        status, output = run_to_end([*command, "--port", str(server.port)])
        left = {key.decode(errors="replace") for key in client.keys()} ^ {"somebody else's"}
    lines = output.splitlines()
    if status is None:
        return f"did not end within {EXAMPLE_LIMIT_S:g} seconds\n{output}", ""
    if status != 0:
        return f"ended with status {status}\n{output}", ""
    if len(lines) != 1:
        return f"said {len(lines)} lines instead of one\n{output}", ""
    if left:
        return f"did not leave the keyspace as it was: {', '.join(sorted(left))}", ""
    if SKIPPED in lines[0] and not may_skip:
        return lines[0], ""
    return "", lines[0]


def run_to_end(command: list[str]) -> tuple[int | None, str]:
    """The status, none if it had to be ended, and all that was printed."""
    try:
        process = launch(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:  # a Rust program that was not built
        return 127, str(error)
    try:
        output, _ = process.communicate(timeout=EXAMPLE_LIMIT_S)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        signal_group(process, signal.SIGKILL)
        return None, process.communicate()[0]
    finally:
        end_group(process)


if __name__ == "__main__":
    sys.exit(main())
