# What a user and a developer of Catamaran runs. `make help` lists it.
#
# Two profiles, `dist` for running and `release` for testing and linting; ccache serves both, and every clone, so RocksDB (20 to
# 30 minutes on two cores) is compiled once.

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# Read when a recipe runs, that is after `setup` has installed ccache.
export CC = $(shell command -v ccache >/dev/null 2>&1 && echo ccache gcc || echo gcc)
export CXX = $(shell command -v ccache >/dev/null 2>&1 && echo ccache g++ || echo g++)

SERVER = $(CARGO_TARGET_DIR)/dist/catamaran
PORT ?= 6379
ARGS ?=
# Seconds that each fuzz target runs.
FUZZ_SECONDS ?= 600
# Seconds that clients call in each test of linearizability.
LINEARIZABILITY_SECONDS ?= 30

.PHONY: help setup setup-test build run test test-reference faults lint fmt compat clients examples compare profile growth scale tune crash linearizability isolate fuzz docs

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: ## install what the build needs (Debian packages; needs root)
	@scripts/setup.sh build

setup-test: setup ## install what the tests need besides
	@scripts/setup.sh test

build: setup ## build the server
	@echo "==> building (the first time compiles RocksDB: 20 to 30 minutes on two cores)"
	cargo build --profile dist -p server

run: build ## build and serve on 127.0.0.1:6379, with the data in ./data
	@mkdir -p data
	@echo "==> serving on 127.0.0.1:$(PORT), data in ./data; stop with Ctrl-C"
	@exec $(SERVER) --bind 127.0.0.1 --port $(PORT) --dir ./data $(ARGS)

test: setup-test ## run every test, the black-box ones against a real Redis too
	@echo "==> building (the first time compiles RocksDB: 20 to 30 minutes on two cores)"
	cargo build --release --workspace --all-targets
	@echo "==> unit tests, repository checks, black-box, durability and differential tests"
	cargo test --release --workspace
	@echo "==> tests of the outside tools"
	python3 -m unittest discover -q -s scripts -p 'test_*.py'
	@$(MAKE) --no-print-directory faults
	@$(MAKE) --no-print-directory test-reference

test-reference: setup-test ## run the black-box tests against a real redis-server: they must be right themselves
	@echo "==> the black-box tests against a real redis-server"
	scripts/reference.sh

faults: setup ## inject faults into a server that is built for it: hung storage, panics, dead workers, floods
	@echo "==> the tests of faults: the program's own crates are built once more, RocksDB is not"
	cargo test --release -p server --features failpoints --test faults

lint: setup ## check formatting and lints; writes nothing
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo clippy --release -p server --features failpoints --all-targets -- -D warnings

fmt: ## format the code
	cargo fmt --all

compat: build ## run Redis's own test suite (7.0) and compare with the list of known failures
	@scripts/setup.sh compat
	python3 scripts/compat.py --server $(SERVER) $(ARGS)

clients: build ## check that redis-cli, redis-benchmark, redis-py, ioredis and node-redis work unchanged
	@scripts/setup.sh test
	scripts/clients/run.sh $(SERVER)

examples: build ## run the programs of examples/ with unmodified clients, against a real redis-server too
	@scripts/setup.sh test
	cargo build --release -p examples
	scripts/examples.sh $(SERVER) $(CARGO_TARGET_DIR)/release

compare: build ## measure side by side with redis-server and valkey-server, into README.md and docs/performance.md
	@scripts/setup.sh test
	cargo build --release -p testkit
	python3 scripts/compare.py --server $(SERVER) $(ARGS)

profile: build ## what a GET and a SET cost: CPU by thread, system calls, context switches, into docs/performance.md
	@scripts/setup.sh profile
	python3 scripts/profile_commands.py --server $(SERVER) $(ARGS)

growth: build ## the same operation on small and on large collections, beside Redis, into docs/performance.md
	@scripts/setup.sh test
	cargo build --release -p testkit
	python3 scripts/growth.py --server $(SERVER) $(ARGS)

scale: build ## memory, disk, restarts and speed as keys become more, and a data set larger than memory, into docs/performance.md
	@scripts/setup.sh test
	cargo build --release -p testkit
	python3 scripts/scale.py --server $(SERVER) $(ARGS)

tune: build ## each of RocksDB's options beside its default: processor time, bytes written, latency, into docs/rocksdb.md
	cargo build --release -p testkit
	python3 scripts/tune.py --server $(SERVER) $(ARGS)

crash: build ## kill -9 under load and loss of power, 200 rounds per appendfsync mode (ARGS="--rounds 20" for less)
	cargo build --release -p testkit
	$(CARGO_TARGET_DIR)/release/crash --server $(SERVER) --rounds 200 --uptime-max-ms 1000 $(ARGS)

linearizability: setup ## concurrent clients, kills in between, and a check that what they saw has an explanation
	CATAMARAN_LINEARIZABILITY_SECONDS=$(LINEARIZABILITY_SECONDS) \
		cargo test --release -p server --features failpoints --test linearizability -- --nocapture $(ARGS)

isolate: build ## two runtimes against one while storage is in trouble: latencies from outside, into docs/isolation.md
	@scripts/setup.sh test
	cargo build --release -p testkit
	python3 scripts/isolate.py --server $(SERVER) $(ARGS)

fuzz: setup ## run each fuzz target for FUZZ_SECONDS (needs the nightly toolchain)
	@scripts/setup.sh fuzz
	cd fuzz && for target in $$(ls fuzz_targets | sed 's/\.rs$$//'); do \
		CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

docs: ## write docs/commands.md anew from the command table
	UPDATE_DOCS=1 cargo test --release -p commands docs
