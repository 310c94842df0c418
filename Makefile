# Everything runs in a virtual environment of its own, .venv, made from locks with hashes.
# Children are started often: without compiled files each would compile every import anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo demo-cartpole demo-tetris test test-slow check bench docs lock ledger

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.run  ## the whole loop on real data, with a plot at the end; under 3 minutes
	$(BIN)/policyloop demo $(ARGS)

demo-cartpole: .venv/.rl  ## from a history to a better controller: learned offline, proven, served; under 8 minutes
	$(BIN)/policyloop demo cartpole $(ARGS)

demo-tetris: .venv/.rl  ## a line of models that learns to play by playing; under 10 minutes
	$(BIN)/policyloop demo tetris $(ARGS)

# Two workers on two cores: more threads a worker would only get in each other's way.
test test-slow: export OPENBLAS_NUM_THREADS = 1

test: check  ## everything that a commit must pass
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: .venv/.dev  ## the long tests
	$(BIN)/pytest -m slow $(ARGS)

check: .venv/.dev  ## lint, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/.bench  ## every measured number; writes benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run.py $(ARGS)

docs: .venv/.dev  ## check that the papers are true: links, names, code blocks
	$(BIN)/pytest tests/docs tests/test_house.py $(ARGS)

ledger: .venv/.dev  ## tests/LEDGER.md from the last `make test`
	$(BIN)/python tests/ledger.py

lock: .venv/.dev  ## requirements/*.lock from pyproject.toml (needs uv)
	for pair in build:run dev:dev bench:bench "build --extra rl:rl"; do \
	  uv pip compile pyproject.toml --group $${pair%%:*} --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --no-emit-index-url --quiet -o requirements/$${pair##*:}.lock; done

.venv/.run: requirements/run.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.rl: requirements/rl.lock .venv/.run
	$(BIN)/pip install --quiet --require-hashes -r requirements/rl.lock
	@touch $@

.venv/.dev: requirements/dev.lock .venv/.run
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

.venv/.bench: requirements/bench.lock .venv/.dev
	$(BIN)/pip install --quiet --require-hashes -r requirements/bench.lock
	@touch $@
