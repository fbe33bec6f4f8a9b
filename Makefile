# make demo    two recipes, and the page they write
# make check   lint, format, types, layers, fast tests: before every commit
# make test    check's gates, doctests and all tests, the slow ones included: before every merge
# make peers   an environment of its own for the peers that benchmarks compare with
# make clean   remove what the tools leave behind; the environment in .venv stays

PYTHON ?= python3
WORKERS ?= 2
RUNS ?= runs
RECIPES ?= first-look photo
SEED ?= 0

ENV := .venv
BIN := $(ENV)/bin
READY := $(ENV)/.ready

# One thread per worker: with more, the workers wait for each other.
export OMP_NUM_THREADS := 1
export PYTHONPATH := src

# Modules are compiled once and kept, whatever the environment says: each worker would compile them anew in every run.
unexport PYTHONDONTWRITEBYTECODE

# Recorded data that is not part of the repository; the tests that need it are skipped where it is absent.
ifneq ($(wildcard ../shared/data),)
export CONTRICA_DATA ?= $(abspath ../shared/data)
endif

PEERS := .venv-peers

.PHONY: env peers demo check test lint format-check format types layers fast-tests all-tests browser clean
.DEFAULT_GOAL := check

env: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

peers: $(PEERS)/.ready

$(PEERS)/.ready: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -r $<
	touch $@

# Each recipe starts from an empty folder of its own.
demo: $(READY)
	for recipe in $(RECIPES); do \
	    rm -rf "$(RUNS)/$$recipe" && \
	    $(BIN)/contrica run "$$recipe" --seed $(SEED) --out "$(RUNS)/$$recipe" || exit $$?; \
	done
	@echo; echo "The pages, each one file that opens in any browser:"
	@for recipe in $(RECIPES); do find "$(CURDIR)/$(RUNS)/$$recipe" -name '*.html' | sort; done

check: lint format-check types layers fast-tests

test: lint format-check types layers browser all-tests

lint: $(READY)
	$(BIN)/ruff check .

format-check: $(READY)
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

# Doctests are collected from src together with the tests.
fast-tests: $(READY)
	$(BIN)/python -m pytest -q -n $(WORKERS) -m 'not slow'

all-tests: $(READY)
	$(BIN)/python -m pytest -q -n $(WORKERS)

# One test looks at the report page in a headless browser; without one it is skipped and says so.
browser:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -qq -y chromium || echo "no browser could be installed: its test is skipped"; \
	else echo "no chromium, chromium-browser or google-chrome found: the test of the rendered page is skipped"; fi

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
