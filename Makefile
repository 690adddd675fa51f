# DreamVision. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.13
VENV := .venv
# Every process that starts here imports much; where bytecode is not kept, each compiles all of it again.
export PYTHONDONTWRITEBYTECODE :=
BIN := $(VENV)/bin
# pip takes these as they are: wheels only, so that no compiler is needed, and only what the lock files name. Without
# bytecode, which Python makes of what it imports: that is a tenth of it, and making it of all takes as long as the rest.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: --require-hashes

# E2E tests mostly wait for the stack, so more workers than processors pay off (tests/conftest.py).
WORKERS ?= 4

.PHONY: help demo up down reset test test-unit test-integration test-e2e check format openapi screenshots lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/pyvenv.cfg: .python-version
	@command -v $(PYTHON) >/dev/null 2>&1 && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	  echo "Python 3.13 is needed and '$(PYTHON)' is not it." >&2; \
	  echo "Install it (python.org, your package manager, or pyenv), or say where it is: make demo PYTHON=/path/to/python3.13" >&2; \
	  exit 1; }
	@echo "  Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local-installed: $(VENV)/pyvenv.cfg local/requirements.txt
	@echo "  Installing what the local stack needs (once, a minute or two) ..."
	@$(PIP_INSTALL) -r local/requirements.txt
	@touch $@

$(VENV)/.tests-installed: $(VENV)/pyvenv.cfg local/requirements.txt tests/requirements.txt
	@echo "  Installing what the local stack and the tests need (once, a minute or two) ..."
	@$(PIP_INSTALL) -r local/requirements.txt -r tests/requirements.txt
	@touch $(VENV)/.local-installed $@

demo: $(VENV)/.local-installed ## Everything in one go: start the stack, tell a dream (DREAM="..."), save dream.mp4 and dream.jpg
	@$(BIN)/python -m local demo

up: $(VENV)/.local-installed ## Start the local stack and leave it running
	@$(BIN)/python -m local up

down: $(VENV)/.local-installed ## Stop the local stack; its data is kept
	@$(BIN)/python -m local down

reset: $(VENV)/.local-installed ## Stop the local stack and forget its data
	@$(BIN)/python -m local reset

test: $(VENV)/.tests-installed ## Run every test
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-unit: $(VENV)/.tests-installed ## Only the unit tests: no sockets, seconds
	@$(BIN)/python -m pytest tests/unit $(ARGS)

test-integration: $(VENV)/.tests-installed ## Only the tests with moto and loopback servers
	@$(BIN)/python -m pytest tests/integration $(ARGS)

test-e2e: $(VENV)/.tests-installed ## Only the tests against a stack of their own
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

check: $(VENV)/.tests-installed ## ruff, mypy and the template's linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam validate --lint

format: $(VENV)/.tests-installed ## Let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(VENV)/.tests-installed ## Make docs/openapi.json and docs/API.md again after a change of the API
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/python -m local.openapi

screenshots: $(VENV)/.tests-installed ## Make the pictures in docs/images again, of the page of a running `make up`
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/python -m tests.e2e.screenshots

lock: $(VENV)/.tests-installed ## Lock the requirements again after a change of an .in file
	@$(BIN)/python -m local.lock_requirements

clean: ## Remove what was built and installed; the stack's data goes too
	@if [ -x $(BIN)/python ] && [ -e $(VENV)/.local-installed ]; then $(BIN)/python -m local reset; fi
	@rm -rf $(VENV) .local .aws-sam .pytest_cache .mypy_cache .ruff_cache
