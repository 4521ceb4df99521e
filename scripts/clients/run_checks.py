"""Starts two servers, one of them with a password, runs the checks of every client against them, and counts.

Each client is a program of its own beside this file: one that hangs, or dies half way, fails alone. Where the servers
are it learns from its environment (see `environment`); what it found it prints, one line a check (see `checklist.py`
and `checklist.js`).
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from checklist import FAIL, PASS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from processes import Server, end_group, launch, signal_group, stop_children_on_signals  # noqa: E402

# A client that is not through by then hangs. Generous, for machines that do other things besides.
CLIENT_LIMIT_S = 400.0
PASSWORD = "correct horse"

CLIENTS = [
    ("redis-cli", [sys.executable, "redis_cli.py"]),
    ("redis-benchmark", [sys.executable, "redis_benchmark.py"]),
    ("redis-cli, collections", [sys.executable, "redis_cli_collections.py"]),
    ("redis-py", [sys.executable, "redis_py.py"]),
    ("redis-py, collections", [sys.executable, "redis_py_collections.py"]),
    ("redis-py, blocking commands", [sys.executable, "redis_py_blocking.py"]),
    ("redis-py, asyncio", [sys.executable, "redis_py_asyncio.py"]),
    ("ioredis", ["node", "ioredis_checks.js"]),
    ("ioredis, collections", ["node", "ioredis_collections.js"]),
    ("node-redis", ["node", "node_redis_checks.js"]),
    ("node-redis, collections", ["node", "node_redis_collections.js"]),
]


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: run_checks.py SERVER_BINARY", file=sys.stderr)
        return 2
    stop_children_on_signals()
    binary = sys.argv[1]
    passed = failed = 0
    # A path relative to the server's own directory, which is its working directory.
    open_options = ["--save", "", "--unixsocket", "server.sock"]
    locked_options = ["--save", "", "--requirepass", PASSWORD]
    with Server("open", binary, open_options) as opened, Server("locked", binary, locked_options) as locked:
        variables = environment(binary, opened, locked)
        for name, command in CLIENTS:
            print(f"==> {name}", flush=True)
            client_passed, client_failed = run_client(command, variables)
            passed += client_passed
            failed += client_failed
        for server in (opened, locked):
            if server.alive():
                continue
            failed += 1
            print(f"{FAIL}the {server.name} server is still there\n{server.log_path.read_text(errors='replace')[-2000:]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def environment(binary: str, opened: Server, locked: Server) -> dict[str, str]:
    """What a client's checks are told."""
    return {
        **os.environ,
        "SERVER_BINARY": binary,
        "SERVER_PORT": str(opened.port),
        "SERVER_SOCKET": str(opened.dir / "server.sock"),
        "LOCKED_PORT": str(locked.port),
        "LOCKED_PASSWORD": PASSWORD,
        "PYTHONUNBUFFERED": "1",
        # Old command names stay under test as long as their servers answer them.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }


def run_client(command: list[str], variables: dict[str, str]) -> tuple[int, int]:
    """Shows what a client's checks print and counts it. One that ends early, or checks nothing, is a failure too."""
    process = launch(command, cwd=HERE, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    late = threading.Event()
    # Ending the process closes the pipe, which is what ends the loop below.
    limit = threading.Timer(CLIENT_LIMIT_S, lambda: (late.set(), signal_group(process, signal.SIGKILL)))
    limit.start()
    passed = failed = 0
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            passed += line.startswith(PASS)
            failed += line.startswith(FAIL)
        process.wait()
    finally:
        limit.cancel()
        end_group(process)
    trouble = ""
    if late.is_set():
        trouble = f"did not end within {CLIENT_LIMIT_S:g} seconds"
    elif process.returncode and failed == 0:  # its own failures would explain the status
        trouble = f"ended with status {process.returncode}"
    elif passed + failed == 0:
        trouble = "checked nothing"
    if trouble:
        failed += 1
        print(f"{FAIL}{command[-1]} {trouble}")
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
