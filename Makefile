# Every target does its own set-up; `make` alone lists them.

CROSSFADE_FUZZ_SECONDS ?= 600
# For `make bench`: --quick, --only snapshot|apply|lag|capture, --rounds N
BENCH_ARGS ?=

.PHONY: help demo test lint bench fuzz

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## watch a live shop move to PostgreSQL and back, in under a minute (after the build)
	@scripts/setup.sh demo
	cargo build --release
	target/release/crossfade demo

test: lint ## format, lints and all tests, as CI runs them
	@scripts/setup.sh test
	cargo test --features failpoints
	@scripts/test_on_18.sh
	@scripts/test_with_pgvector.sh

lint: ## formatting, and clippy with warnings denied
	@scripts/setup.sh lint
	cargo fmt --check
	cargo clippy --all-targets --features failpoints -- -D warnings

bench: ## compare with psql, pgloader and DuckDB, side by side in one run
	@scripts/setup.sh bench
	cargo bench --bench peers -- $(BENCH_ARGS)

fuzz: ## random schemas and statements for CROSSFADE_FUZZ_SECONDS (600)
	@scripts/setup.sh test
	CROSSFADE_FUZZ_SECONDS=$(CROSSFADE_FUZZ_SECONDS) cargo test --features failpoints --test it randomised -- --nocapture
