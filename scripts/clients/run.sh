#!/usr/bin/env bash
# Checks that the everyday clients work unchanged against a server: run.sh SERVER_BINARY
#
# Any program that takes redis-server's arguments will do, so the checks can be checked with `run.sh redis-server`.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 SERVER_BINARY" >&2; exit 2; }
server=$(command -v "$1") || { echo "$0: no such program: $1" >&2; exit 2; }
# Not resolved: redis-server is a link to a program that looks at its own name.
server=$(realpath --no-symlinks "$server")
here=$(cd "$(dirname "$0")" && pwd)
installed=$("$here/install.sh")

NODE_PATH="$installed/node_modules" exec "$installed/venv/bin/python" "$here/run_checks.py" "$server"
