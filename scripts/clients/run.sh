#!/usr/bin/env bash
# Checks that the everyday clients work unchanged against a server: run.sh SERVER_BINARY
#
# Any program that takes redis-server's arguments will do, so the checks can be checked with `run.sh redis-server`. The
# client libraries are installed once, outside the clone; the versions below decide which.
set -euo pipefail

redis_py=8.1.0
ioredis=6.0.0
node_redis=6.3.1

[ $# -eq 1 ] || { echo "usage: $0 SERVER_BINARY" >&2; exit 2; }
server=$(command -v "$1") || { echo "$0: no such program: $1" >&2; exit 2; }
# Not resolved: redis-server is a link to a program that looks at its own name.
server=$(realpath --no-symlinks "$server")
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/catamaran/clients
mkdir -p "$cache"

wanted="redis-py $redis_py, ioredis $ioredis, node-redis $node_redis"
# Two runs may start at the same moment.
exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/installed" 2>/dev/null)" != "$wanted" ] || ! "$cache/venv/bin/python" -c 'import redis' 2>/dev/null; then
  echo "==> installing $wanted"
  rm -rf "$cache/venv" "$cache/node_modules" "$cache/installed"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "redis==$redis_py"
  npm install --prefix "$cache" --no-save --no-audit --no-fund --loglevel=error "ioredis@$ioredis" "redis@$node_redis"
  echo "$wanted" >"$cache/installed"
fi
exec 9>&-

NODE_PATH="$cache/node_modules" exec "$cache/venv/bin/python" "$here/run_checks.py" "$server"
