# make demo: install and run the main job on real data.   make test: all checks.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test benchmark notebooks clean

demo: $(VENV)/.installed
	$(BIN)/asysim run scenarios/digits.toml

test: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto

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
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
