# Two commands for everyone: `make run` and `make test`. The rest is for those who change the code.
.POSIX:
SHELL = /bin/sh
PYTHON = $(shell for one in python3 python3.13 python3.12 python3.11; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
BIN = .venv/bin
CODE = loanfund launcher bench tests manage.py

.PHONY: run test test-fast lint types fmt bench torture lock prepare tools

run: python
	@exec $(PYTHON) -m launcher run

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and none was found."; exit 1; }

prepare: python
	@$(PYTHON) -m launcher prepare --dev

# Everything that a change must pass.
test: tools prepare static
	@$(BIN)/pytest -q -n 2 --dist loadscope --no-loadscope-reorder --durations=20 -m "not torture"

# The same without browsers and without what takes many seconds.
test-fast: prepare static
	@echo "Leaving out the browser tests and the slow ones; make test runs them."
	@$(BIN)/pytest -q -n 2 --dist loadscope --no-loadscope-reorder --durations=20 -m "not browser and not slow and not torture"

tools:
	@for one in chromium pdftoppm soffice; do command -v $$one >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then echo "make test needs Chromium, Poppler and LibreOffice Calc: install the packages" \
	"chromium, poppler-utils and libreoffice-calc-nogui, or run make test-fast, which does without them."; exit 1; fi

.PHONY: static
static: lint types

lint:
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "Some files are not formatted: make fmt"; exit 1; }
	@$(BIN)/lint-imports --no-cache >.lint-imports.log 2>&1 || { cat .lint-imports.log; rm .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive -ll -ii loanfund launcher
	@echo "lint: clean"

types:
	@$(BIN)/mypy $(CODE)

fmt: prepare
	@$(BIN)/ruff check --quiet --fix $(CODE) || true
	@$(BIN)/ruff format --quiet $(CODE)

# Speed, each figure beside its floor: var/bench.json
bench: prepare
	@$(BIN)/python -m bench

# The long runs: kills and races by the dozen.
torture: prepare
	@$(BIN)/pytest -q -s -m torture

# Pins every package anew. The files must name no index.
lock: prepare
	@for one in requirements requirements-dev; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes \
	--universal --python-version 3.11 --no-emit-index-url --no-header $$one.in -o $$one.txt; done
