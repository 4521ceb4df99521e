#!/usr/bin/env bash
# Installs the client libraries once, outside the clone, and prints the directory that they are in: `venv` for Python, and
# `node_modules`. The versions below decide which.
set -euo pipefail

redis_py=8.1.0
ioredis=6.0.0
node_redis=6.3.1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/catamaran/clients
mkdir -p "$cache"

wanted="redis-py $redis_py, ioredis $ioredis, node-redis $node_redis"
# Two runs may start at the same moment.
exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/installed" 2>/dev/null)" != "$wanted" ] || ! "$cache/venv/bin/python" -c 'import redis' 2>/dev/null; then
  echo "==> installing $wanted" >&2
  {
    rm -rf "$cache/venv" "$cache/node_modules" "$cache/installed"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "redis==$redis_py"
    npm install --prefix "$cache" --no-save --no-audit --no-fund --loglevel=error "ioredis@$ioredis" "redis@$node_redis"
  } >&2
  echo "$wanted" >"$cache/installed"
fi
echo "$cache"
