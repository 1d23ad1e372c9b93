# make run | make test | make check. Everything is installed under the checkout: .venv, .tools.
PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# Whatever runs, runs in an environment of its own: nothing of the caller's but PATH, with .venv/bin before it.
CLEAN := $(PYTHON) -I local/environment.py
# What fetches packages has the proxy and the certificates of this machine besides.
DOWNLOAD := $(CLEAN) --download
PYTEST := $(CLEAN) .venv/bin/pytest
UV := $(DOWNLOAD) .venv/bin/uv
SAM := $(DOWNLOAD) .tools/sam/bin/sam

FOR ?= 60
EVENT ?= events/api_key.json
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64

.PHONY: help run token invoke test test-long unit fuzz differential bench bench-smoke check docs picture format lock build archive clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1	/' | expand -t 12

run: .venv/ready .tools/ready ## the whole system on this machine, until Ctrl-C
	@exec $(CLEAN) .venv/bin/python -m local run

token: .venv/ready ## a new JWT of the system that `make run` runs
	@$(CLEAN) .venv/bin/python -m local token

invoke: .venv/ready .tools/ready ## one event's answer: EVENT=events/api_key.json [FUNCTION=Me] [WITH=docker|rie]
	@$(CLEAN) .venv/bin/python -m local invoke "$(EVENT)" $(if $(FUNCTION),--function "$(FUNCTION)") \
	  $(if $(WITH),--with "$(WITH)") $(if $(IMAGE),--image "$(IMAGE)")

test: .venv/ready .tools/ready ## every test, against a local system of its own
	$(PYTEST)

test-long: .venv/ready .tools/ready ## the tests that take minutes, such as a fresh clone's first run and more generated input
	$(PYTEST) -m long
	$(PYTEST) tests/unit -m hypothesis --hypothesis-profile=long

unit: .venv/ready ## the tests that take seconds
	$(PYTEST) tests/unit

fuzz: .venv/ready ## invented input for FOR=60 seconds, other input each time
	end=$$((SECONDS + $(FOR))); while ((SECONDS < end)); do \
	  $(PYTEST) -q --no-header tests/unit/test_properties.py --hypothesis-profile=long --hypothesis-seed=$$RANDOM; \
	done

differential: .venv/ready ## generated tokens through four verifiers; needs Node
	$(DOWNLOAD) npm ci --prefix tests/differential --silent --no-audit --no-fund
	$(CLEAN) .venv/bin/python -W ignore -m tests.differential

bench: .tools/bench ## beside the peers: cold starts, decisions, counts, cost; some five minutes
	$(CLEAN) .venv/bin/python -W ignore -m bench

bench-smoke: .tools/bench ## a minute of it, which fails on bad ratios and counts
	$(CLEAN) .venv/bin/python -W ignore -m bench --smoke

check: .venv/ready .tools/ready .tools/templates/ready ## linters, types, templates, access rules
	$(CLEAN) .venv/bin/ruff check .
	$(CLEAN) .venv/bin/ruff format --check .
	$(CLEAN) .venv/bin/mypy
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .venv/bin/cfn-lint template.yaml monitoring.yaml examples/*/template.yaml
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .tools/sam/bin/sam validate --lint
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .venv/bin/python -m tests.templates
	$(CLEAN) .venv/bin/keys check src/authorizer/auth.toml --template template.yaml

docs: .venv/ready ## the pages that are made from the code
	$(CLEAN) .venv/bin/python -m docs

picture: ## docs/request.svg, drawn from docs/request.dot; needs Node
	$(DOWNLOAD) npm ci --prefix docs/drawing --silent --no-audit --no-fund
	$(CLEAN) node docs/drawing/draw.mjs

format: .venv/ready ## let ruff write the format
	$(CLEAN) .venv/bin/ruff check --fix-only .
	$(CLEAN) .venv/bin/ruff format .

build: .tools/ready ## what `sam deploy` sends to AWS: python3.13, arm64
	$(SAM) build

archive: .tools/ready ## dist/: what `sam deploy` takes, for RUNTIME=python3.13 ARCHITECTURE=arm64, and its checksum
	$(SAM) build --build-dir dist/$(RUNTIME)-$(ARCHITECTURE) --parameter-overrides PythonRuntime=$(RUNTIME) Architecture=$(ARCHITECTURE)
	$(CLEAN) .venv/bin/python -m local.archive dist/$(RUNTIME)-$(ARCHITECTURE) \
	  dist/apigateway-multi-auth-$(RUNTIME)-$(ARCHITECTURE).zip $(if $(TAG),--tag "$(TAG)")

lock: .venv/ready ## newest allowed versions into the hashed requirements files
	for f in requirements/build requirements/dev requirements/sam requirements/emulator requirements/runtime requirements/templates src/authorizer/requirements \
	    bench/peers/sample/requirements bench/peers/powertools/requirements; do \
	  $(UV) pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $$f.in -o $$f.txt; \
	done

clean: ## remove all that make has made
	rm -rf .venv .tools .local .aws-sam dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/ready: requirements/build.txt requirements/dev.txt pyproject.toml
# The SAM CLI and the emulator pin different versions of botocore: one environment each.
.tools/ready: requirements/sam.txt requirements/emulator.txt .venv/ready
.tools/bench: requirements/runtime.txt bench/peers/node/package-lock.json .tools/ready

# Checks of the templates, with some hundred requirements of their own.
.tools/templates/ready: requirements/templates.txt .venv/ready

ifndef ALONE
# One at a time, whoever else runs make here: whether there is anything to do yet, is looked at when it is one's turn.
.venv/ready .tools/ready .tools/bench .tools/templates/ready:
	@$(CLEAN) --alone $(MAKE) -s ALONE=1 PYTHON="$(PYTHON)" $@
else
.venv/ready:
	@$(PYTHON) -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or newer: make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }
	@echo "Setting up .venv"
	@$(CLEAN) "$$($(PYTHON) -I -c 'import sys; print(sys.executable)')" -m venv --clear .venv
	@$(DOWNLOAD) .venv/bin/python -m pip install --isolated -qq --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(UV) pip install -q --python .venv --require-hashes -r requirements/dev.txt
	@$(UV) pip install -q --python .venv --no-deps --no-build-isolation -e .
	@touch $@

.tools/ready:
	@echo "Setting up the SAM CLI and the emulator"
	@for tool in sam emulator; do \
	  $(UV) venv -q --clear --python .venv/bin/python .tools/$$tool && \
	  $(UV) pip install -q --python .tools/$$tool --require-hashes -r requirements/$$tool.txt || exit 1; \
	done
	@touch $@

.tools/templates/ready:
	@echo "Setting up the checks of the templates"
	@$(UV) venv -q --clear --python .venv/bin/python .tools/templates
	@$(UV) pip install -q --python .tools/templates --require-hashes -r requirements/templates.txt
	@touch $@

.tools/bench:
	@echo "Setting up the benchmark's runtime and peers"
	@$(UV) venv -q --clear --python .venv/bin/python .tools/runtime
	@$(UV) pip install -q --python .tools/runtime --compile-bytecode --require-hashes -r requirements/runtime.txt
	@if command -v npm >/dev/null; then $(DOWNLOAD) npm ci --prefix bench/peers/node --silent --no-audit --no-fund; \
	  else echo "Without Node: its peers are left out."; fi
	@touch $@
endif
