# The verbs of the project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test test-fast ui api lint bench lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Not in the lock: from PyPI, Linux gets a build with CUDA of several GB; another index may be named here.
TORCH ?= torch==2.13.0
INSTALLED := .venv/.installed
export METRO_WAREHOUSE ?= $(CURDIR)/warehouse
export DAGSTER_HOME ?= $(METRO_WAREHOUSE)/dagster
export DAGSTER_DISABLE_TELEMETRY := yes

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 20

run: $(INSTALLED) ## install, materialise a demo day through Dagster, show one customer's ten offers
	$(BIN)/metro run

test: $(INSTALLED) ## install what tests need and run them all
	$(BIN)/pytest -n 2 --dist worksteal

test-fast: $(INSTALLED) ## only the unit tests (under a minute)
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

ui: $(INSTALLED) ## Dagster's web UI and the daemon that runs the schedule, on http://127.0.0.1:3000
	$(BIN)/metro ui

api: $(INSTALLED) ## the dashboard and REST over what was published, on http://127.0.0.1:8000 (REST's documentation: /docs)
	$(BIN)/metro serve

lint: $(INSTALLED) ## formatter, linter and type checker
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(INSTALLED) ## measure speed anew into docs/benchmarks (needs ~8 GiB, 20 GB of disk, two hours on a quiet machine)
	$(BIN)/python -m benchmarks

lock: $(INSTALLED) ## resolve the dependencies anew into requirements.lock
	echo "torch ; sys_platform == 'never'" > $(BIN)/without-torch.txt
	$(BIN)/uv pip compile --python-version 3.11 --universal --generate-hashes --extra dev --extra phase2 --override $(BIN)/without-torch.txt --no-emit-package torch --no-header pyproject.toml -o requirements.lock

clean: ## remove everything that was materialised under ./warehouse (tables and Dagster's history); keep the environment
	git clean -fdxq -e .venv -e node_modules warehouse

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@
