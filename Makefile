# make demo: install and run the main job on real data.   make test: all checks.
# make check: those that find most faults, in a minute or so.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One process of tests more than there are cores: some tests wait for clocks.
TESTERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo check lint style types test tests checks test-lowest benchmark notebooks clean

demo: $(VENV)/.installed
	$(BIN)/asysim run scenarios/digits.toml

# Types are checked by one process, so beside the tests.
test: style
	@$(MAKE) --no-print-directory --jobs=2 types tests

check: style
	@$(MAKE) --no-print-directory --jobs=2 types checks

lint: style types

tests: $(VENV)/.installed-for-tests
	$(BIN)/python -m pytest --numprocesses $(TESTERS)

checks: $(VENV)/.installed-for-tests
	$(BIN)/python -m pytest --numprocesses auto -m "check and not real"

style: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-for-tests
	$(BIN)/mypy

# The lowest versions of what asysim needs that pyproject.toml allows (Python 3.11 or 3.12), in an
# environment of their own: most tests that need nothing else. Old versions warn of new ones.
LOWEST := .venv-lowest
test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest -W default -p no:cacheprovider -k "not mpi and not torch" \
	  tests/test_cli.py tests/test_scenario.py tests/test_laws.py tests/test_trace_file.py \
	  tests/test_folder.py tests/test_resume.py tests/test_plots.py tests/test_problems.py

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip --quiet --disable-pip-version-check install \
	  --constraint constraints-lowest.txt --editable . hypothesis jsonschema pytest
	@touch $@

benchmark: $(VENV)/.installed
	$(BIN)/python benchmarks/spine.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/fast.py
	$(BIN)/python benchmarks/backends.py --rounds 3

# Runs the notebooks and keeps their output in them.
notebooks: $(VENV)/.installed-for-tests
	$(BIN)/python -m tests.notebooks notebooks/*.ipynb

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(LOWEST) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
