# Everything runs in .venv, which `make` builds itself: Python ≥ 3.11 and make are all that a machine needs.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INPUTS := pyproject.toml constraints.txt $(wildcard connectors/*/pyproject.toml)

# the command is started often, by its tests too: what was compiled is kept
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check soak record bench check-wheels format clean

demo: .venv/ready
	@$(BIN)/python cli.py demo

test: .venv/ready
	@$(BIN)/python -m pytest -q -m "not soak" -n auto --dist worksteal

check: .venv/ready
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports

soak: .venv/ready
	@$(BIN)/python -m pytest -q -m soak

record: .venv/ready
	@$(BIN)/python -m pytest -q tests/cassettes -m vcr --vcr-record=all

bench: .venv/ready
	@$(BIN)/python benchmarks/run.py

check-wheels: .venv/ready
	@$(BIN)/python -m pytest -q tests/packaging -m "soak or not soak"

format: .venv/ready
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.venv/ready: $(INPUTS)
	@test -n "$(PYTHON)" || { echo "stagebridge needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q -c constraints.txt -e ".[sync,serve,sandbox,postgres]" $(patsubst %/pyproject.toml,-e %,$(wildcard connectors/*/pyproject.toml)) --group dev
	@touch $@

clean:
	@rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache
