# `make run` serves the local agent, `make test` runs all tests. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup models run demo test lint unit call-tests model-tests bench docs journals clean

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(VENV)/.installed  ## Make the virtual environment and install.

models: setup  ## Pull and verify the local models.
	$(BIN)/voice-agent models pull

run: models  ## Serve the local agent on 127.0.0.1:8080.
	$(BIN)/voice-agent serve

demo: models  ## Call the local agent and show the conversation.
	$(BIN)/voice-agent call \
		--say "Hi there, are you open on Sunday?" \
		--say "And how much is the lasagna?" \
		--say "Thank you very much, goodbye." \
		--out var/demo.wav

test: lint unit call-tests model-tests  ## Run everything that CI runs.

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/voice-agent models pull silero-vad
	$(BIN)/pytest -q -n 2 -m "not models and not alone"

call-tests: setup
	$(BIN)/pytest -q -n 2 -m alone

model-tests: models
	$(BIN)/pytest -q -m models

bench: models  ## Measure this machine (some minutes).
	$(BIN)/voice-agent bench micro
	$(BIN)/voice-agent bench latency --sweep

journals: models  ## Record the journals of real calls in tests/journals anew.
	$(BIN)/python -m tests.e2e.record

docs: setup  ## Write docs/configuration.md from the code.
	$(BIN)/python -m docs.generate

clean:  ## Remove what the other targets made, except the models.
	rm -rf $(VENV) var .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
