# Everything is set up by the targets themselves: Python and make are all that is needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 2

.PHONY: bench coverage demo test test-slow lint types figures pages reference constraints clean help

help:
	@echo "make demo        the demonstration report, in build/demo/index.html"
	@echo "make test        all tests, as CI runs them"
	@echo "make figures     run scripts/*.py, which draw figures/"
	@echo "make pages       make the pages of docs/ that come from data"
	@echo "make bench       speed and memory beside R and the Python packages (25 minutes; needs R, survival, cmprsk)"
	@echo "make coverage    how often every interval and verdict is right (benchmarks/COVERAGE.md)"
	@echo "make test-slow   the long simulations"
	@echo "make reference   let R compute the reference values again (needs R: see CONTRIBUTING.md)"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $(READY)

demo: $(READY)
	@mkdir -p build
	$(BIN)/haip-outcomes demo --out build/demo --overwrite

test: lint types
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow" --doctest-modules src tests

bench: $(READY)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/registry.py

# how often intervals, limits and verdicts are right: benchmarks/COVERAGE.md, RECONSTRUCTION.md (12 minutes)
coverage: $(READY)
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/reconstruction.py

test-slow: $(READY)
	$(BIN)/python -m pytest -q -n $(JOBS) -m slow tests

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

figures: $(READY)
	for script in $$(ls scripts/*.py | grep -v tcia_study); do $(BIN)/python $$script || exit 1; done

# pages of the documentation that are made from data; tests hold them equal to what these make
pages: $(READY)
	$(BIN)/python -m haip_outcomes.tables.literature_page docs
	$(BIN)/python tests/registry/checks_page.py

reference:
	cd tests/reference && for script in *.R; do Rscript $$script || exit 1; done

# the versions this checkout was tested with; no host and no path in it
constraints: $(READY)
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt
	@touch $(READY)

clean:
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache
