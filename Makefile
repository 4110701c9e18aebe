# `make demo` and `make test` need Python 3.11 or newer and make, nothing else. uv is used where it is there.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
OURS := harvester services routes scripts benchmarks .ci wsgi.py gunicorn.conf.py
READY := $(VENV)/.ready

.PHONY: help setup demo test fast slow slow-and-check chaos bench screenshots fuzz check lint types imports bandit \
	wheel sbom audit clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: $(READY) ## Make the virtual environment, with everything that demo and tests need

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; name one: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV), once"
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV) && \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev,fuzz,otel,postgres,redis]'; \
	else \
		"$(PYTHON)" -m venv $(VENV) && \
		PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check \
			-e '.[dev,fuzz,otel,postgres,redis]'; \
	fi
	@touch $(READY)

demo: setup ## A harvest on the local sandbox; DAY=1 a whole day, STORE=airtable an Airtable, SERVE=1 stays
	@$(BIN)/harvester demo $(if $(SERVE),--serve) $(if $(DAY),--day) $(if $(STORE),--store $(STORE))

test: fast slow ## All tests, the fast ones first

# Parts of the tests run side by side, each in a pytest of its own whose output comes in one piece. What is
# named here is a part; all that is not is `rest`. The longest come first.
JOBS ?= 2
FAST_PARTS := ledger web flow intake sandbox_airtable jobs money schedule ends preview
SLOW_PARTS := chaos scale browser security cli/test_processes.py crash/test_crash_sweep.py machine/test_on_sqlite.py \
	machine/test_on_postgresql.py cli/test_demo.py flow intake sandbox crash/test_kills.py \
	money ends schedule jobs
SIDE_BY_SIDE := $(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) \
	$(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# Each part keeps its temporary files to itself: one would else trip over what another tidies up.
PYTEST := files=$$(mktemp -d) && trap 'rm -rf "$$files"' EXIT && \
	PYTEST_DEBUG_TEMPROOT="$$files" $(BIN)/python -m pytest

fast: setup
	@$(SIDE_BY_SIDE) fast/rest $(FAST_PARTS:%=fast/%)

slow: setup
	@$(SIDE_BY_SIDE) slow/rest $(SLOW_PARTS:%=slow/%)

fast/rest: setup
	@$(PYTEST) -m "not slow" $(FAST_PARTS:%=--ignore=tests/%)

slow/rest: setup
	@$(PYTEST) -m slow $(SLOW_PARTS:%=--ignore=tests/%)

fast/%: setup
	@$(PYTEST) -m "not slow" tests/$*

slow/%: setup
	@$(PYTEST) -m slow tests/$*

slow-and-check: setup # what CI does after the fast tests
	@$(SIDE_BY_SIDE) slow/rest $(SLOW_PARTS:%=slow/%) wheel types lint imports bandit

# Atheris, the fuzzer, has packages for Python up to 3.13 on Linux and x86-64 alone. Elsewhere `make setup` leaves
# it out, this says that it is missing, and the tests that fuzz are skipped; CI never skips one.
fuzz: setup ## Lead a fuzzer into each parser, for MINUTES=1 each; TARGET=items one alone
	@cd tests && for target in $(or $(TARGET),$$(PYTHONPATH=.. "$(abspath $(BIN)/python)" -m fuzz --list)); do \
		echo "Fuzzing $$target" && PYTHONPATH=.. "$(abspath $(BIN)/python)" -m fuzz $$target \
			--seconds $$(($(or $(MINUTES),1) * 60)) || exit 1; \
	done

chaos: setup ## 200 harvests while processes are killed and calls fail; SEED=7 DATABASE=postgresql HARVESTS=50
	cd tests && PYTHONPATH=.. "$(abspath $(BIN)/python)" -m chaos $(if $(SEED),--seed $(SEED)) \
		$(if $(DATABASE),--database $(DATABASE)) $(if $(HARVESTS),--harvests $(HARVESTS))

bench: setup ## Measure speed and memory against floors, some 15 minutes; ONLY=webhook one alone
	$(BIN)/python benchmarks $(ONLY)

screenshots: setup ## Take the pictures in docs/screenshots anew, of the demo's day; needs Chromium
	cd tests && PYTHONPATH=.. "$(abspath $(BIN)/python)" -m browser.screenshots ../docs/screenshots

check: lint types imports bandit wheel ## Everything but the tests that CI demands

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-logo

bandit: setup
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(OURS)

wheel: setup ## Build the wheel, install it elsewhere, run the demo from there
	.ci/wheel $(BIN)/python

# What the product needs, alone; and the tools that look at it.
build/.environments: pyproject.toml constraints.txt .ci/environments .ci/installed.py
	@.ci/environments "$(PYTHON)"
	@touch $@

sbom: build/.environments ## Write build/sbom.json: each package that the product needs, its version and licence
	@build/tools/bin/python .ci/bill.py build/product build/sbom.json

audit: build/.environments ## Ask for known holes in these packages; AUDIT=required fails where no feed answers
	@AUDIT=$(AUDIT) build/tools/bin/python .ci/audit.py build/product

clean: ## Remove what was built and what the demo left
	rm -rf $(VENV) build dist var *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
