#!/usr/bin/env bash
# Runs every program of examples/ against a server, and against a real redis-server, so that the programs themselves are
# known to be right: examples.sh SERVER_BINARY RUST_PROGRAMS, a directory with the compiled Rust ones.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: $0 SERVER_BINARY RUST_PROGRAMS" >&2; exit 2; }
server=$(command -v "$1") || { echo "$0: no such program: $1" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
installed=$("$here/clients/install.sh")

NODE_PATH="$installed/node_modules" exec "$installed/venv/bin/python" "$here/examples.py" "$(realpath --no-symlinks "$server")" "$2"
