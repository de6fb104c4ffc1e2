# `make demo` and `make test` are all you need: both first build .venv from requirements.lock
# (exact versions, checked hashes). Needs Python 3.11 to 3.13, git and make; writes .venv, .venv-*
# and .demo.
PYTHON ?= python3
WORKERS ?= auto
BIN := .venv/bin
UV := $(BIN)/uv
OTHERS := .venv-mcp1/ready .venv-frameworks-old/ready .venv-frameworks-new/ready \
  .venv-agents-old/ready .venv-agents-new/ready .venv-exporters-old/ready .venv-exporters-mid/ready
COMPILE := $(UV) pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-package tallystick --no-annotate --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock" --quiet

.PHONY: help demo screenshot test coverage compiled lint openapi bench bench-peers lock clean
help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/'

demo: .venv/ready  ## record two agents' runs, prove them, tamper with a copy, look at it
	$(BIN)/python -m examples.demo

screenshot: .venv/ready  ## take the README's picture of the demo's data; needs Chromium
	$(BIN)/python -m examples.screenshot

test: .venv/ready $(OTHERS)  ## run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

coverage: .venv/ready $(OTHERS)  ## run every test and show the lines that none of them reached
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term

compiled: .venv/ready  ## install with masking compiled, in .venv-compiled; needs a C compiler
	$(PYTHON) -m venv --without-pip .venv-compiled
	$(UV) pip sync --quiet --python .venv-compiled/bin/python --require-hashes requirements.lock
	TALLYSTICK_COMPILE=1 $(UV) pip install --quiet --python .venv-compiled/bin/python --no-deps --no-build-isolation \
	  --reinstall-package tallystick .
	.venv-compiled/bin/python -c 'from tallystick.masking.compiled import form; print("masking:", form())'

lint: .venv/ready  ## check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

openapi: .venv/ready  ## write docs/openapi.json anew
	$(BIN)/python -m tests.described

bench: .venv/ready .venv-peers/ready  ## measure what the design budgets, and the SDK beside its peers
	$(BIN)/python -m bench

bench-peers: .venv/ready .venv-phoenix/ready .venv-mlflow/ready  ## the service beside Phoenix and MLflow (1.7 GB)
	$(BIN)/python -m bench ingest --peers

$(UV): bootstrap.lock
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or \
	  sys.exit("$(PYTHON) is %d.%d; 3.11 to 3.13 is needed: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@touch $@

.venv/ready: $(UV) requirements.lock pyproject.toml
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# The SDK beside other versions of what it hooks, where a test runs them, and beside its peers.
.venv-%/ready: $(UV) requirements-%.lock pyproject.toml
	$(PYTHON) -m venv --without-pip .venv-$*
	$(UV) pip sync --quiet --python .venv-$*/bin/python --require-hashes requirements-$*.lock
	$(UV) pip install --quiet --python .venv-$*/bin/python --no-deps --no-build-isolation -e .
	@touch $@

lock: $(UV)  ## resolve every dependency anew; no lock names an index
	$(COMPILE) pyproject.toml --extra dashboard --extra grpc --extra report --extra demo --group dev -o requirements.lock
	$(COMPILE) pyproject.toml --extra dashboard --extra report -c requirements.lock -o requirements-service.lock
	$(COMPILE) pyproject.toml --group mcp1 -o requirements-mcp1.lock
	$(COMPILE) pyproject.toml --group frameworks-old -o requirements-frameworks-old.lock
	$(COMPILE) pyproject.toml --group frameworks-new -o requirements-frameworks-new.lock
	$(COMPILE) pyproject.toml --group agents-old -o requirements-agents-old.lock
	$(COMPILE) pyproject.toml --group agents-new -o requirements-agents-new.lock
	$(COMPILE) --group exporters-old -o requirements-exporters-old.lock
	$(COMPILE) pyproject.toml --group exporters-mid -o requirements-exporters-mid.lock
	$(COMPILE) pyproject.toml --group peers -o requirements-peers.lock
	$(COMPILE) pyproject.toml --group phoenix -o requirements-phoenix.lock
	$(COMPILE) pyproject.toml --group mlflow -o requirements-mlflow.lock
	$(COMPILE) pyproject.toml --extra scale -o requirements-scale.lock
	echo uv | $(COMPILE) - -o bootstrap.lock
	echo hatchling | $(COMPILE) - -c requirements.lock -o build.lock
	printf 'hatchling\nmypy[mypyc]\n' | $(COMPILE) - -c requirements.lock -o compile.lock

clean:  ## remove the environments
	rm -rf .venv .venv-*
