#!/usr/bin/env bash
# Installs the Debian packages that a step needs, if they are missing. Usage: setup.sh build|test|profile|compat|fuzz
set -euo pipefail

missing=()
need_command() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
# bindgen, which reads RocksDB's headers, loads libclang and its builtin headers.
need_libclang() { ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 && ls -d /usr/lib/llvm-*/lib/clang/*/include >/dev/null 2>&1 || missing+=(libclang-dev); }

need_command g++ g++
need_command make make
need_command ccache ccache
need_libclang
case "${1:-build}" in
  build) ;;
  test) python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv); need_command redis-server redis-server; need_command redis-benchmark redis-tools ;;
  profile) need_command strace strace; need_command redis-server redis-server; need_command redis-benchmark redis-tools ;;
  compat) need_command tclsh tcl; need_command redis-benchmark redis-tools; need_command dpkg-source dpkg-dev ;;
  fuzz) command -v cargo-fuzz >/dev/null 2>&1 || { echo "==> installing cargo-fuzz"; cargo install --locked cargo-fuzz; } ;;
  *) echo "usage: $0 build|test|profile|compat|fuzz" >&2; exit 2 ;;
esac

if [ "${#missing[@]}" -gt 0 ]; then
  echo "==> installing ${missing[*]}"
  sudo=""
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  $sudo apt-get update -qq
  # Servers that a package brings are for the tests only: they must not be started as services.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
