# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed  ## forecast the NV22 survey and write a report
	$(BIN)/forecast run nv22 --quick --out out/demo

test: $(VENV)/.installed-dev  ## lint, type-check and test
	$(BIN)/ruff check forecast mlcheck tests benchmarks
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 -q

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check forecast mlcheck tests benchmarks
	$(BIN)/mypy

bench: $(VENV)/.installed-dev  ## measured speed, as ratios within one run
	$(BIN)/python -m benchmarks.speed

clean:
	rm -rf $(VENV) out build dist
