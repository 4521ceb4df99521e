#!/usr/bin/env bash
# Runs the black-box tests against a real redis-server, so that the tests themselves are known to be right.
set -euo pipefail

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
directory=$(mktemp -d)
redis-server --port "$port" --bind 127.0.0.1 --dir "$directory" --save "" --enable-debug-command yes \
  --logfile "$directory/log" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$directory"' EXIT
for _ in $(seq 100); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.1; done
CATAMARAN_TEST_SERVER="127.0.0.1:$port" cargo test --release -p server --test commands -- --test-threads=1
CATAMARAN_REFERENCE="127.0.0.1:$port" cargo test --release -p commands reference -- --test-threads=1
