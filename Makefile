# Everything one does with this tree; `make help` prints the list. Works with GNU make 3.81 (macOS)
# and where the path has a space: every path below is relative.

VENV ?= .venv
# What follows a command: `make up ARGS='-c vedette.yaml'`, `make test T=tests/health`.
ARGS ?=
T ?=
# Tests wait for servers half of their time: one more than CI has cores.
WORKERS ?= 3

BIN := $(VENV)/bin
PY := $(BIN)/python
# A virtual environment knows its folder by its absolute path: a tree that was moved installs anew.
PLACE := $(shell pwd | cksum | cut -d' ' -f1)
RUN := $(VENV)/.run-$(PLACE)
DEV := $(VENV)/.dev-$(PLACE)
PIP := $(PY) -m pip --disable-pip-version-check --quiet --quiet
SOURCES := src tests bench tools

.DEFAULT_GOAL := help
.PHONY: help up dev install test check fmt bench soak proto schema docs pictures release lock clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

up: $(RUN) ## start Vedette: database, server and a local agent; flags in ARGS='…'
	@exec $(BIN)/vedette up $(ARGS)

dev: $(RUN) ## the same for developers: reloads on a change, shows tracebacks
	@exec $(BIN)/vedette up --debug $(ARGS)

install: $(RUN) ## prepare the environment only, and say how to activate it
	@echo "Ready. Activate it with:  . $(BIN)/activate     then:  vedette --help"

test: $(DEV) ## run the tests; T=tests/health selects
	@$(PY) -m pytest $(if $(T),$(T),-n $(WORKERS) --dist loadfile --no-loadscope-reorder)

check: $(DEV) ## everything CI holds against the tree, short of the tests
	@VENV=$(VENV) sh tools/check.sh

fmt: $(DEV) ## put the code in shape
	@$(BIN)/ruff check --quiet --fix-only $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(DEV) ## measure, each figure beside its limit or peer; ARGS=NAME selects
	@$(PY) -m bench $(ARGS)

soak: $(DEV) ## a thousand examples a property; kill agent, server and database at random, a hundred times, then all around servers; ARGS='--kills 9 --seed 7'
	@$(PY) -m pytest -m hypothesis --hypothesis-profile=thorough -n $(WORKERS)
	@VEDETTE_ACT_KILLS=100 $(PY) -m pytest tests/agent/test_act_stream.py -k killed
	@PYTHONPATH=. $(PY) tests/walks/kills.py $(ARGS)
	@PYTHONPATH=.:tests $(PY) tests/walks/kills_actions.py

proto: $(DEV) ## generate the link's Python from proto/
	@sh tools/proto.sh $(PY)

schema: $(DEV) ## generate schema.sql and the diagrams from the migrations
	@sh tools/generate.sh $(PY) schema

docs: $(DEV) ## generate docs/reference and the golden lists from the code
	@sh tools/generate.sh $(PY)

pictures: $(DEV) ## photograph the status page for the README (needs Chromium), draw the dashboards
	@$(PY) tools/screenshot.py --docs
	@$(PY) tools/draw_dashboards.py

release: $(RUN) ## build a release of the agent for `vedette agent update`; ARGS='17 --target true'
	@$(PY) tools/release.py $(ARGS)

lock: $(DEV) ## resolve the dependencies of pyproject.toml anew into the two lock files
	@sh tools/lock.sh $(PY)

clean: ## remove what was made; vedette-data (your database) stays
	rm -rf $(VENV) .tox build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock files name every wheel by its hash; the package itself is built by locked tools too.
$(RUN): requirements.lock pyproject.toml
	@PYTHON='$(PYTHON)' sh tools/venv.sh $(VENV)
	@echo "installing Vedette into $(VENV) …" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.lock
	@echo "installing the developers' tools into $(VENV) …" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
