# The two commands are `make demo` and `make test`; both install what is missing. `make` alone lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO := cargo
PATROL := target/release/patrol
# Options of the executable: make demo ARGS='--robots 4 --json'
ARGS ?=

.PHONY: help setup build demo up test bench plots check fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Options of the executable: make demo ARGS='--robots 4 --json'"

setup: ## Install what is missing: nats-server under var/tools, Postgres from the distribution
	@$(CARGO) xtask setup

build: setup
	@$(CARGO) build --release --workspace --bins

demo: build ## Train a policy through the whole pipeline and compare it with the scripted agents
	@$(PATROL) demo $(ARGS)

up: build ## Keep the whole system running in the foreground, with its dashboard
	@$(CARGO) xtask setup --dashboard
	@DASHBOARD_BIND=$${DASHBOARD_BIND:-127.0.0.1:3000} $(PATROL) up $(ARGS)

# The system tests start the executable that the workspace build makes; some tests are Python programs.
test: ## Run every test against real servers
	@$(CARGO) xtask setup --tests
	@npm --prefix services/dashboard --silent test
	@$(CARGO) build --workspace --bins
	@if [ -e var/tools/no-browser ]; then cat var/tools/no-browser; no_browser=1; fi; \
	if command -v cargo-nextest > /dev/null; then \
	  $(CARGO) nextest run --workspace $${no_browser:+-E 'not(test(/^browser::/))'} $(ARGS); \
	  $(CARGO) test --workspace --doc; \
	else \
	  $(CARGO) test --workspace $(ARGS) $${no_browser:+-- --skip browser::}; \
	fi

bench: build ## Measure; also writes target/bench/summary.json
	@mkdir -p target/bench && touch target/bench/began
	@$(CARGO) bench --workspace --bench '*' -- --warm-up-time 1 --measurement-time 2
	@$(PATROL) bench pipeline --json > target/bench/pipeline.json
	@$(CARGO) xtask bench-summary

plots: build ## Train for and draw the plots of docs/learning.md
	@$(CARGO) xtask setup --plots
	@PATROL=$(PATROL) python3 docs/plots/collect.py $(ARGS)
	@PYTHONPATH=var/tools/plots python3 docs/plots/draw.py

check: setup ## Format, lints, layers, drift of generated files
	@$(CARGO) xtask setup --dashboard
	@npm --prefix services/dashboard --silent run lint
	@npm --prefix services/dashboard --silent run typecheck
	@npm --prefix services/dashboard --silent run types && git diff --exit-code services/dashboard/app/api
	@$(CARGO) fmt --all -- --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(CARGO) xtask layers
	@$(CARGO) xtask schemas --check
	@$(CARGO) xtask metrics --check

fmt: ## Format the code
	@$(CARGO) fmt --all
