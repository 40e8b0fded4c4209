# make run: set up what is missing and start Heliograph on this machine.
# make test: set up what is missing and run the tests that guard every change.
# make soak: run what takes longer, for SOAK_MINUTES=60; it goes on where it was stopped.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Of tests that start servers, and of the others, of which some wait while others compute.
LANES ?= 2
UNIT_LANES ?= $(shell expr $$(nproc) \* 3 / 2)
STAMP := $(VENV)/installed
# Builds the web client where it changed; with a name it runs a program of web/node_modules.
WEB := $(BIN)/python web/build.py

.PHONY: run test soak install lint bench lock

# Without a way to npm's registry the server starts all the same, and says at / what it lacks.
run: $(STAMP)
	@$(WEB) || true
	@exec $(BIN)/heliograph up

test: install
	timeout 600 $(WEB) vitest run --reporter=dot
	$(BIN)/pytest tests/unit -m 'not soak' -n $(UNIT_LANES) --times $(VENV)/times-unit.json
	$(BIN)/pytest tests/integration -m 'not soak' -n $(LANES) --no-loadscope-reorder \
		--times $(VENV)/times-integration.json
	$(BIN)/pytest tests/browser -m 'not soak' -n $(LANES) --dist loadfile \
		--times $(VENV)/times-browser.json
	@test -n "$$(git status --porcelain 2>&1)" || git rev-parse HEAD > $(VENV)/last-gate

soak: install
	@$(BIN)/python -m tests.soak

install: $(STAMP)
	@$(WEB)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Heliograph needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "Cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m compileall -q actors api fronts heliograph media runtime shells sim storage serve_app.py
	@touch $(STAMP)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mypy --strict web/build.py
	$(WEB) tsc --noEmit
	$(WEB) oxlint --type-aware --deny-warnings

bench: install
	$(BIN)/python -m tests.bench.bench

# Choose versions anew.
lock:
	$(BIN)/uv pip compile --quiet --no-header --no-emit-index-url --universal --group dev --extra sim \
		pyproject.toml -o requirements.lock
