# make run | make test | make check. All tools are installed in the checkout: .venv, .tools.
PYTHON ?= python3
SHELL := $(or $(shell command -v bash),/bin/bash)
.SHELLFLAGS := -euo pipefail -c
# GNU make 3.81, which macOS has, ignores .SHELLFLAGS. Recipes that must stop inside a line begin with this.
STRICT := set -euo pipefail
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# Each command runs in a clean environment, which has only the caller's PATH, with .venv/bin before it.
CLEAN := $(PYTHON) -I local/environment.py
# Commands that fetch packages also have this machine's proxy and certificates.
DOWNLOAD := $(CLEAN) --download
PYTEST := $(CLEAN) .venv/bin/pytest
# One worker for each processor; tests/conftest.py says which tests share one.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadscope
# These need no build and no emulator.
UNIT := tests/authorizer tests/keys tests/local tests/template tests/docs tests/bench tests/stacks/key_events tests/stacks/self_service
UV := $(DOWNLOAD) .venv/bin/uv
SAM := $(DOWNLOAD) .tools/sam/bin/sam

FOR ?= 60
EVENT ?= events/api_key.json
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64

.PHONY: help run env token invoke test test-long unit acceptance upgrade-check fuzz differential bench bench-smoke check docs picture format lock build archive clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1	/' | expand -t 14

run: .venv/ready .tools/ready ## run the whole system on this machine, until Ctrl-C: [RULES=mine.toml] [TEMPLATE=api.yaml] [PARAMETERS="A=b"] [KEYS=legacy.csv] [STACKS=]
	@exec $(CLEAN) .venv/bin/python -m local run $(if $(RULES),--rules "$(RULES)") $(if $(TEMPLATE),--template "$(TEMPLATE)") \
	  $(if $(PARAMETERS),--parameters="$(PARAMETERS)") $(if $(KEYS),--keys "$(KEYS)") \
	  $(if $(filter undefined,$(origin STACKS)),,--stacks "$(STACKS)")

env: .venv/ready ## print what a shell needs for aws, sam and keys: eval "$$(make -s env)"
	@$(CLEAN) .venv/bin/python -m local env

token: .venv/ready ## print a new JWT of the running system
	@$(CLEAN) .venv/bin/python -m local token

invoke: .venv/ready .tools/ready ## run a function with an event: EVENT=events/api_key.json [FUNCTION=Me] [WITH=docker|rie]
	@$(CLEAN) .venv/bin/python -m local invoke "$(EVENT)" $(if $(FUNCTION),--function "$(FUNCTION)") \
	  $(if $(WITH),--with "$(WITH)") $(if $(IMAGE),--image "$(IMAGE)")

test: .venv/ready .tools/ready ## run every test except the long ones, against a separate local system
	$(PYTEST) $(WORKERS)

test-long: .venv/ready .tools/ready ## run the long tests, such as the first run in a new clone and more generated input
	$(PYTEST) -m long
	$(PYTEST) $(UNIT) -m hypothesis --hypothesis-profile=long

unit: .venv/ready ## run the unit tests
	$(PYTEST) $(WORKERS) $(UNIT)

acceptance: .venv/ready .tools/ready ## check in an AWS account what the pages say about AWS: ACCOUNT=123456789012 [YES=1]
	@.venv/bin/python -m tests.aws "$(ACCOUNT)" $(if $(STACK_PREFIX),--prefix "$(STACK_PREFIX)") \
	  $(if $(BOUNDARY),--boundary "$(BOUNDARY)") $(if $(ONLY),--only $(ONLY)) $(if $(YES),--yes)

upgrade-check: .venv/ready ## compare a deployed stack's parameters with this template's: STACK=name [SETTINGS=../multi-auth.toml] [ENVIRONMENT=prod] [OPTIONAL=events]
	@.venv/bin/keys stack upgrade-check --stack "$(STACK)" $(if $(SETTINGS),--settings "$(SETTINGS)") \
	  $(if $(ENVIRONMENT),--environment "$(ENVIRONMENT)") $(if $(OPTIONAL),--for "$(OPTIONAL)")

fuzz: .venv/ready ## run the property tests with new input for FOR=60 seconds
	$(STRICT); end=$$((SECONDS + $(FOR))); while ((SECONDS < end)); do \
	  $(PYTEST) -q --no-header tests/authorizer/test_properties.py --hypothesis-profile=long --hypothesis-seed=$$RANDOM; \
	done

differential: .venv/ready ## compare four JWT verifiers on generated tokens; needs Node
	$(DOWNLOAD) npm ci --prefix tests/differential --silent --no-audit --no-fund
	$(CLEAN) .venv/bin/python -W ignore -m tests.differential

bench: .tools/bench ## measure cold starts, decisions and cost, compared with other libraries; five minutes
	$(CLEAN) .venv/bin/python -W ignore -m bench

bench-smoke: .tools/bench ## run a one-minute benchmark that fails on bad ratios
	$(CLEAN) .venv/bin/python -W ignore -m bench --smoke

check: .venv/ready .tools/ready .tools/templates/ready ## check code, types, templates and access rules
	$(CLEAN) .venv/bin/ruff check .
	$(CLEAN) .venv/bin/ruff format --check .
	$(CLEAN) .venv/bin/mypy
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .venv/bin/cfn-lint template.yaml stacks/*/template.yaml examples/*/template.yaml tests/aws/*.yaml
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .tools/sam/bin/sam validate --lint
	$(CLEAN) env AWS_DEFAULT_REGION=us-east-1 .venv/bin/python -m tests.template
	$(CLEAN) .venv/bin/keys check src/authorizer/auth.toml --template template.yaml

docs: .venv/ready ## generate the reference pages from the code
	$(CLEAN) .venv/bin/python -m docs

picture: ## draw docs/*.svg from docs/*.dot; needs Node
	$(DOWNLOAD) npm ci --prefix docs/drawing --silent --no-audit --no-fund
	$(CLEAN) node docs/drawing/draw.mjs

format: .venv/ready ## format the code with ruff
	$(CLEAN) .venv/bin/ruff check --fix-only .
	$(CLEAN) .venv/bin/ruff format .

build: .tools/ready ## build what `sam deploy` sends to AWS, for python3.13 and arm64
	$(SAM) build

archive: .tools/ready ## write what a release holds to dist/: an archive for RUNTIME=python3.13 ARCHITECTURE=arm64, a wheel of keys, checksums
	$(SAM) build --build-dir dist/$(RUNTIME)-$(ARCHITECTURE) --parameter-overrides PythonRuntime=$(RUNTIME) Architecture=$(ARCHITECTURE)
	$(UV) build -q --wheel --no-build-isolation --python .venv/bin/python --out-dir dist
	$(CLEAN) .venv/bin/python -m local.archive dist/$(RUNTIME)-$(ARCHITECTURE) \
	  dist/apigateway-multi-auth-$(RUNTIME)-$(ARCHITECTURE).zip --beside dist/*.whl $(if $(value TAG),--tag "$$TAG")

lock: .venv/ready ## update the locked requirements to the newest permitted versions
	$(STRICT); for f in requirements/build requirements/dev requirements/sam requirements/emulator requirements/runtime requirements/templates src/authorizer/requirements src/key_events/requirements src/usage/requirements src/self_service/requirements examples/mcp/server/requirements \
	    bench/peers/sample/requirements bench/peers/powertools/requirements; do \
	  $(UV) pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $$f.in -o $$f.txt; \
	done

clean: ## remove everything that make has created
	rm -rf .venv .tools .local .aws-sam dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/ready: requirements/build.txt requirements/dev.txt pyproject.toml
# The SAM CLI and the emulator require different versions of botocore, so each has an environment.
.tools/ready: requirements/sam.txt requirements/emulator.txt .venv/ready
.tools/bench: requirements/runtime.txt bench/peers/node/package-lock.json .tools/ready

# The template checkers, which have about a hundred requirements.
.tools/templates/ready: requirements/templates.txt .venv/ready

ifndef ALONE
# Only one make sets up this checkout at a time. After the wait, make checks again whether there is work left. With -n,
# make executes each line that contains its own variable MAKE. So this line has another one.
AGAIN := $(MAKE)
.venv/ready .tools/ready .tools/bench .tools/templates/ready:
	@$(CLEAN) --alone $(AGAIN) -s ALONE=1 PYTHON="$(PYTHON)" $@
else
.venv/ready:
	@$(PYTHON) -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is required: make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }
	@echo "Setting up .venv" >&2
	@$(CLEAN) "$$($(PYTHON) -I -c 'import sys; print(sys.executable)')" -m venv --clear .venv
	@$(DOWNLOAD) .venv/bin/python -m pip install -qq --only-binary :all: --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(UV) pip install -q --only-binary :all: --python .venv --require-hashes -r requirements/dev.txt
	@$(UV) pip install -q --python .venv --no-deps --no-build-isolation -e .
	@touch $@

.tools/ready:
	@echo "Setting up the SAM CLI and the emulator" >&2
	@for tool in sam emulator; do \
	  $(UV) venv -q --clear --python .venv/bin/python .tools/$$tool && \
	  $(UV) pip install -q --only-binary :all: --python .tools/$$tool --require-hashes -r requirements/$$tool.txt || exit 1; \
	done
	@touch $@

.tools/templates/ready:
	@echo "Setting up the template checkers" >&2
	@$(UV) venv -q --clear --python .venv/bin/python .tools/templates
	@$(UV) pip install -q --only-binary :all: --python .tools/templates --require-hashes -r requirements/templates.txt
	@touch $@

.tools/bench:
	@echo "Setting up the benchmark" >&2
	@$(UV) venv -q --clear --python .venv/bin/python .tools/runtime
	@$(UV) pip install -q --only-binary :all: --python .tools/runtime --compile-bytecode --require-hashes -r requirements/runtime.txt
	@if command -v npm >/dev/null; then $(DOWNLOAD) npm ci --prefix bench/peers/node --silent --no-audit --no-fund; \
	  else echo "Node is not on PATH. The benchmark omits its Node peers."; fi
	@touch $@
endif
