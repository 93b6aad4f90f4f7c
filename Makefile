# NestPy's tasks. `make help` lists them; everything but Python >= 3.11 and make is set up on the way.

PYTHON ?= python3
APP ?= $(if $(wildcard examples/api/main.py),api,app)
ARGS ?=
WORKERS ?= 3

HATCH := .hatch/bin/hatch
BIN := .venv/bin
PY := $(BIN)/python

export HATCH_DATA_DIR := $(CURDIR)/.hatch/data
export HATCH_CACHE_DIR := $(CURDIR)/.hatch/cache

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## List the targets
	@echo "Usage: make TARGET [APP=app] [ARGS='…']"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ── environment ──────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: setup
setup: .venv/.stamp ## Create or refresh the environment; runs by itself before every target that needs it

# pip brings uv, and uv brings hatch: together 7 s, where pip alone resolves hatch in 20.
.hatch/.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "NestPy needs Python >= 3.11; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .hatch
	.hatch/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	.hatch/bin/uv pip install --quiet --python .hatch/bin/python 'hatch>=1.18,<2'
	@touch $@

# `hatch run` creates or syncs the environment; the command itself re-reads the members' metadata, whose changed entry
# points hatch does not notice.
MEMBERS := $(wildcard packages/*/pyproject.toml examples/db/pyproject.toml examples/plugins/*/pyproject.toml)
.venv/.stamp: .hatch/.stamp hatch.toml $(MEMBERS)
	$(HATCH) run uv pip install --quiet $(addprefix --editable ,$(dir $(MEMBERS)))
	@touch $@

# ── applications ─────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: run
run: setup ## Serve an example: make run APP=app
	@test -f examples/$(APP)/main.py || { echo "There is no examples/$(APP)/main.py"; exit 2; }
	@cd examples/$(APP) && exec $(CURDIR)/$(PY) main.py $(ARGS)

.PHONY: db
db: setup ## Migrate or seed an example's database: make db VERB=up|down|fresh|status|seed|reset|new
	@cd examples/$(APP) && exec $(CURDIR)/$(BIN)/nestpy db $(or $(VERB),status) main.py $(ARGS)

.PHONY: dev
dev: setup ## Serve an example and restart it on every change: make dev APP=app
	@exec $(PY) tools/dev.py $(APP)

# ── tests ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Programs that tests need from outside pip, each with the Debian package that brings it; CI=true installs what is absent.
TOOLS := chromium:chromium haproxy:haproxy node:nodejs npm:npm openssl:openssl promtool:prometheus

.PHONY: tools
tools: ## Install the programs that tests need from outside pip, where apt-get may
	@absent=""; for pair in $(TOOLS); do \
		command -v "$${pair%%:*}" >/dev/null || absent="$$absent $${pair##*:}"; \
	done; \
	test -n "$$absent" || exit 0; \
	if [ "$$(id -u)" = 0 ]; then become=""; else become="sudo -n"; fi; \
	if $$become apt-get --version >/dev/null 2>&1; then \
		$$become apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$become apt-get install -y -qq --no-install-recommends $$absent >/dev/null; \
	else echo "Not installed:$$absent"; fi

# Where checks decide about a merge, a test of real servers that a busy machine upset runs again; the summary names it.
RERUNS := $(if $(filter true,$(CI)),--reruns 2 --reruns-delay 1 -r R)

.PHONY: test
test: setup $(if $(filter true,$(CI)),tools) ## Run all tests: make test ARGS='-k routing' WORKERS=0
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile $(RERUNS) $(ARGS)

.PHONY: test-unit
test-unit: setup ## Run the tests that need no sockets and no processes
	@$(PY) -m pytest -m 'not e2e' $(ARGS)

.PHONY: test-e2e
test-e2e: setup ## Run the tests over real sockets, processes and environments
	@$(PY) -m pytest -m e2e $(ARGS)

.PHONY: coverage
# Traced code runs several times as long as the tests' own timeout allows for; a failing test must not hide the report.
coverage: setup ## Run all tests and report the lines and branches they miss
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -n $(WORKERS) --dist loadfile --timeout 180 $(ARGS); status=$$?; \
		$(PY) -m coverage combine --quiet && $(PY) -m coverage report && exit $$status

.PHONY: matrix
matrix: setup ## Run all tests on every CPython >= 3.11 of this machine: make matrix ARGS='-k routing'
	@$(PY) tools/matrix.py -n $(WORKERS) --dist loadfile $(ARGS)

# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: lint
lint: setup ## Check style, generated files and the rules of the monorepo
	@$(PY) -m ruff check --output-format concise
	@$(PY) -m ruff format --check
	@$(PY) tools/lint.py

.PHONY: fmt
fmt: setup ## Format the sources and rewrite what is generated
	@$(PY) tools/lint.py --fix
	@$(PY) -m ruff check --fix-only --quiet
	@$(PY) -m ruff format

.PHONY: types
types: setup ## Check types with mypy and pyright
	@$(PY) tools/typecheck.py

.PHONY: check
check: lint types test ## Everything that .ci/run checks

# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: bench
bench: setup ## Compare NestPy with its peers: over HTTP, with rows of PostgreSQL, its queue, MCP, GraphQL; ARGS='rows' for one
	@$(PY) benchmarks/run.py $(ARGS)
	@test -n "$(ARGS)" || $(PY) benchmarks/run.py rows
	@test -n "$(ARGS)" || $(PY) benchmarks/run.py queues
	@test -n "$(ARGS)" || $(PY) benchmarks/run.py mcp
	@test -n "$(ARGS)" || $(PY) benchmarks/run.py graphql

.PHONY: bench-micro
bench-micro: setup ## Measure boot, imports, memory and single calls
	@$(PY) benchmarks/micro.py $(ARGS)

.PHONY: soak
soak: setup ## Run for long under load and watch what grows
	@$(PY) benchmarks/soak.py $(ARGS)

# ── distributions ────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: build
build: setup ## Build sdist and wheel of every distribution: packages/ into dist/, examples/ into dist/examples/
	@$(PY) tools/build_all.py dist

.PHONY: clean
clean: ## Remove environments, caches and build results
	rm -rf .venv .hatch .matrix dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find packages examples tools tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
