# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo report test test-all lowest lint format bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed  ## forecast the NV22 survey and write a report
	$(BIN)/forecast run nv22 --quick --out out/demo

$(VENV)/.installed-ml: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[ml,scale]"
	touch $@

RUN := out/report
CASES := standard no-wl

report: $(VENV)/.installed-ml  ## suite, two networks side by side, and the report on whether they can be trusted
	$(BIN)/forecast suite nv22 --draws 24000 --seed 11 --out $(RUN)/suite
	$(MAKE) --jobs 2 $(CASES:%=$(RUN)/networks/%)
	$(BIN)/mlcheck report $(RUN)/networks --suite $(RUN)/suite --out $(RUN)/page

$(CASES:%=$(RUN)/networks/%): $(RUN)/networks/%:
	$(BIN)/mlcheck train compact --suite $(RUN)/suite --case $* --out $@

.PHONY: $(CASES:%=$(RUN)/networks/%)

SPREAD := -n 2 --dist loadfile --no-loadscope-reorder

test: lint  ## and test all but what takes minutes
	$(BIN)/python -m pytest $(SPREAD) -q -m "not slow"

test-all: $(VENV)/.installed-dev  ## the rest: trainings, reports, notebooks, long chains
	$(BIN)/python -m pytest $(SPREAD) -q -m slow

OLDEST := out/oldest

lowest: $(VENV)/.installed-dev  ## test with the oldest packages that pyproject.toml allows, in an environment of their own
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(OLDEST)
	$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct --editable ".[dev]"
	$(OLDEST)/bin/python -m pytest $(SPREAD) -q -o filterwarnings=default -m "not slow"

CODE := massanchor.py forecast mlcheck tests benchmarks docs

lint: $(VENV)/.installed-dev  ## what is wrong without running it: rules, format, types
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## put it right, where a machine can
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

bench: $(VENV)/.installed-dev  ## measured speed, as ratios within one run
	$(BIN)/python -m benchmarks.speed

clean:
	rm -rf $(VENV) out build dist
