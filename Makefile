# `make run` serves the local agent, `make test` runs all tests. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without its bytecode kept, each process compiles all of the tests anew, for half a minute.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup models console run demo test lint unit call-tests model-tests browser-tests packages \
	bench docs journals clean

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

# The console's and the SDK's sources; what they are built to lies in the package.
PAGES := $(shell git ls-files console sdk 2>/dev/null)
CONSOLE := voice_agent/web/console

$(CONSOLE)/index.html: $(PAGES)
	cd sdk && npm ci --no-audit --no-fund --loglevel=error
	cd console && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@touch $@

console:  ## Build the console (needs Node.js 20 or newer).
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(CONSOLE)/index.html; else \
		echo "Node.js 20 or newer is missing, so the console is not built; everything else is served." >&2; fi

run: models console  ## Serve the local agent on 127.0.0.1:8080.
	$(BIN)/voice-agent serve

demo: models  ## Call the local agent and show the conversation.
	$(BIN)/voice-agent call \
		--say "Hi there, are you open on Sunday?" \
		--say "And how much is the lasagna?" \
		--say "Thank you very much, goodbye." \
		--out var/demo.wav

# What waits for networks, or is busy on one core only, goes two by two.
test:  ## Run everything that CI runs.
	@$(MAKE) --no-print-directory -j2 --output-sync setup packages
	@$(MAKE) --no-print-directory -j2 --output-sync lint models $(CONSOLE)/index.html
	@$(MAKE) --no-print-directory unit call-tests model-tests browser-tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Calls in real time wait for most of their time: three workers keep two cores busy.
unit: setup
	$(BIN)/voice-agent models pull silero-vad
	$(BIN)/pytest -q -n 3 --dist worksteal -m "not models and not alone" --ignore tests/browser

call-tests: setup
	$(BIN)/pytest -q -n 2 -m alone tests/e2e

model-tests: models
	$(BIN)/pytest -q -m models tests/e2e tests/pipelines/providers tests/voice_agent/personas

# The tests of Firefox, WebKit and coturn skip what is missing; those of Chromium are most. Debian would start
# coturn at once, for everybody.
PACKAGES := chromium fonts-dejavu-core firefox-esr webkit2gtk-driver xvfb coturn

packages:
	@missing=; for each in chromium firefox-esr WebKitWebDriver Xvfb turnserver; do \
		command -v $$each >/dev/null || missing=1; done; \
	if [ "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		policy=/usr/sbin/policy-rc.d; \
		[ -e $$policy ] || { trap "rm -f $$policy" EXIT; \
			printf '#!/bin/sh\nexit 101\n' >$$policy && chmod +x $$policy; }; \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null 2>&1 || { \
			echo "Firefox, WebKit or coturn cannot be installed; what needs them is skipped." >&2; \
			apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }; \
		rm -f /etc/systemd/system/multi-user.target.wants/coturn.service; \
	fi; \
	command -v chromium >/dev/null || { \
		echo "The browser tests need Chromium: apt-get install chromium fonts-dejavu-core" >&2; exit 1; }

browser-tests: models packages $(CONSOLE)/index.html
	$(BIN)/pytest -q -n 2 -m browser tests/browser

bench: models  ## Measure this machine (some minutes).
	$(BIN)/voice-agent bench micro
	$(BIN)/voice-agent bench latency --sweep

journals: models  ## Record the journals of real calls in tests/journals anew.
	$(BIN)/python -m tests.e2e.record

docs: setup  ## Write docs/configuration.md and console/openapi.json from the code.
	$(BIN)/python -m docs.generate

clean:  ## Remove what the other targets made, except the models.
	rm -rf $(VENV) var $(CONSOLE) console/node_modules sdk/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
