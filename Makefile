# DreamVision. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.13
VENV := .venv
# Keep bytecode: every process below imports many modules, and without a cache each process would compile them again.
export PYTHONDONTWRITEBYTECODE :=
BIN := $(VENV)/bin
# Wheels only, so that no compiler is needed, and only what the lock files contain. pip compiles nothing: Python compiles
# the tenth of the modules that it imports, and compiling all of them would take as long as the rest of the installation.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: --require-hashes

# Scanners have an environment of their own: their dependencies conflict with the others.
SCANNERS := $(VENV)/scanners

# E2E tests mostly wait for the stack, so more workers than processors pay off (tests/conftest.py).
WORKERS ?= 5

.PHONY: help demo up down reset reload operate invoke install smoke cost sizes measure-memory attack test test-unit test-integration test-midnight test-e2e test-packages test-lifecycle check checkov zizmor audit format openapi deploy-policy screenshots picture lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/pyvenv.cfg: .python-version
	@command -v $(PYTHON) >/dev/null 2>&1 && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	  echo "Python 3.13 is required, but '$(PYTHON)' is missing or another version." >&2; \
	  echo "Install it (python.org, your package manager, or pyenv), or set its path: make demo PYTHON=/path/to/python3.13" >&2; \
	  exit 1; }
	@echo "  Creating a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local-installed: $(VENV)/pyvenv.cfg local/requirements.txt
	@echo "  Installing the local stack's dependencies (once, takes a minute or two) ..."
	@$(BIN)/python $(PIP_INSTALL) -r local/requirements.txt
	@touch $@

$(VENV)/.tests-installed: $(VENV)/pyvenv.cfg local/requirements.txt tests/requirements.txt
	@echo "  Installing the dependencies of the local stack and the tests (once, takes a minute or two) ..."
	@$(BIN)/python $(PIP_INSTALL) -r local/requirements.txt -r tests/requirements.txt
	@touch $(VENV)/.local-installed $@

$(SCANNERS)/.installed: $(VENV)/pyvenv.cfg local/scan/requirements.txt
	@echo "  Installing checkov, zizmor and pip-audit (once, takes half a minute) ..."
	@$(BIN)/python -m venv $(SCANNERS)
	@$(SCANNERS)/bin/python $(PIP_INSTALL) -r local/scan/requirements.txt
	@touch $@

demo: $(VENV)/.local-installed ## Start the stack, turn a dream (DREAM="...") into a video, save dream.mp4 and dream.jpg
	@$(BIN)/python -m local demo

up: $(VENV)/.local-installed ## Start the local stack and leave it running
	@$(BIN)/python -m local up

down: $(VENV)/.local-installed ## Stop the local stack and keep its data
	@$(BIN)/python -m local down

reset: $(VENV)/.local-installed ## Stop the local stack and delete its data
	@$(BIN)/python -m local reset

reload: $(VENV)/.local-installed ## Serve changed sources at once, and show what fails (make up watches for them)
	@$(BIN)/python -m local reload

operate: $(VENV)/.local-installed ## Give an operator's command to the running stack: COMMAND=user.find ARGS='{"username": "Luna"}'
	@$(BIN)/python -m local operate

smoke: $(VENV)/.local-installed ## Check the running local stack as a client, as after a deploy (ARGS=--film renders a video)
	@$(BIN)/python -m local.smoke --register $(ARGS)

install: $(VENV)/.local-installed ## Install what the local stack and a deploy need, the SAM CLI among it

invoke: $(VENV)/.local-installed ## Invoke a function of the running stack: FUNCTION=PollVideo EVENT=workflows/dream_to_video/PollVideo
	@$(BIN)/python -m local invoke

sizes: $(VENV)/.local-installed ## Build for both architectures and print the sizes of functions and layers
	@$(BIN)/python -m local.sizes

measure-memory: $(VENV)/.local-installed ## Measure processor time and memory of each function on the running stack
	@$(BIN)/python -m local.measure_memory

attack: $(VENV)/.tests-installed ## Attack the running local stack (ARGS=--own-stack starts one for it, ARGS="tokens races" chooses)
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/python -m tests.attack $(ARGS)

test: $(VENV)/.tests-installed ## Run the unit, integration and end-to-end tests
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-unit: $(VENV)/.tests-installed ## Run the unit tests (no sockets, takes seconds)
	@$(BIN)/python -m pytest tests/unit $(ARGS)

test-integration: $(VENV)/.tests-installed ## Run the integration tests (moto and loopback servers)
	@$(BIN)/python -m pytest tests/integration $(ARGS)

# Nothing in local/ and media/ goes by the day.
test-midnight: $(VENV)/.tests-installed ## Run unit and integration tests through the end of a day, month and year
	@$(BIN)/python -m pytest -n $(WORKERS) tests/unit tests/integration --ignore tests/integration/local \
		--ignore tests/integration/media --clock 2026-12-31T23:59:59.9Z $(ARGS)

test-e2e: $(VENV)/.tests-installed ## Run the end-to-end tests (against a separate local stack)
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

test-packages: $(VENV)/.tests-installed ## Test what a deploy uploads: packages for both architectures, templates, the page's files
	@$(BIN)/python -m pytest -n $(WORKERS) tests/packages $(ARGS)

test-lifecycle: $(VENV)/.tests-installed ## Test that local stacks of the tests' own start, stop when interrupted, and keep their data
	@$(BIN)/python -m pytest tests/lifecycle $(ARGS)

check: $(VENV)/.tests-installed ## Run ruff, mypy, the import contracts and the template's linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/lint-imports --no-logo --no-cache
	@PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam validate --lint

checkov: $(VENV)/.local-installed $(SCANNERS)/.installed ## Hold the templates against checkov's rules
	@$(BIN)/python -m local.scan.checkov $(SCANNERS)/bin/checkov

zizmor: $(SCANNERS)/.installed ## Run the linter of the GitHub workflows
	@$(SCANNERS)/bin/zizmor --offline --no-progress --quiet .github

audit: $(VENV)/.local-installed $(SCANNERS)/.installed ## Look for known vulnerabilities of all locked packages (needs the internet)
	@$(BIN)/python -m local.scan.audit $(SCANNERS)/bin/pip-audit

format: $(VENV)/.tests-installed ## Format the code and apply ruff's fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(VENV)/.tests-installed ## Regenerate docs/openapi.json, docs/asyncapi.json and docs/API.md after a change to the API
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/python -m local.openapi

deploy-policy: $(VENV)/.local-installed ## Print the IAM policy that a deploy needs, and renew it in docs/
	@$(BIN)/python -m local.deploy_policy

cost: $(VENV)/.local-installed ## Print what the stack costs, and renew docs/COST.md
	@PYTHONPATH=layers/dreamvision/python $(BIN)/python -m local.cost

screenshots: $(VENV)/.tests-installed ## Retake the screenshots in docs/images (needs a stack started by `make up`)
	@PYTHONPATH=layers/dreamvision/python:layers/api/python $(BIN)/python -m tests.e2e.screenshots

picture: $(VENV)/.local-installed ## Render the moving picture of README.md again, after a change of the sandbox's videos
	@$(BIN)/python -m local.sandbox.film.picture docs/images/dream.webp

lock: $(VENV)/.tests-installed ## Regenerate the requirements' lock files after a change to an .in file
	@$(BIN)/python -m local.lock_requirements

clean: ## Delete the virtual environment, the build and the local stack's data
	@if [ -x $(BIN)/python ] && [ -e $(VENV)/.local-installed ]; then $(BIN)/python -m local reset; fi
	@rm -rf $(VENV) .local .aws-sam .pytest_cache .mypy_cache .ruff_cache
